"""Announce writes and invalidate after them: single, in a transaction or in a batch."""

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeAlias

from appwrite_orm_django import signals
from appwrite_orm_django.conf import CacheSettings

from . import own_writes
from .core import Core
from .driver import drive
from .exceptions import IntentNotStored, InvalidationNotStored
from .keys import fold
from .operations import Operation
from .protocol import Claimed, ValueKeys
from .statistics import Source

Row: TypeAlias = tuple[str, str]


class RowValues(NamedTuple):
    """
    The values of the rows of a write, as keys of tokens (``KeySpace.value``).

    ``new``: those that the rows may have afterwards. ``read``: reads the row, and returns those
    that it has before the write, or None if they cannot be known; it must not raise. There must be
    one row then. None if there are no such rows yet, nor can be.
    """

    new: tuple[str, ...]
    read: Callable[[], Sequence[str] | None] | None


# How long a finished write tries to store its end. Then a strict write raises, and a lenient one
# returns with its tokens owed. A lenient write tries only if the cache answered when it began;
# otherwise each write would wait.
_STRICT_PATIENCE_S = 3.0
_LENIENT_PATIENCE_S = 1.0


class _UnderWay(threading.local):
    """The writes and batches in progress in this thread, the outermost first."""

    def __init__(self) -> None:
        self.notices: list[Write | Batch] = []


_under_way = _UnderWay()


def is_writing() -> bool:
    """Return whether a write or batch is in progress in this thread."""
    return bool(_under_way.notices)


def keep_alive() -> None:
    """
    Renew the notices of all writes in progress in this thread.

    Call it before each request that may change rows.

    Raises:
        IntentNotStored: with ``STRICT_WRITES``, if a notice was due and could not be stored. The
            request must not be sent.
    """
    for notice in _under_way.notices:
        notice.keep_alive()


class WritingCache(Protocol):
    """
    The part of a connection's cache that its writes use; ``service.QueryCache`` implements it.

    Attributes:
        is_definite: returns whether the exception that ended a write proves that the server refused
            it.
        has_values: returns whether a table has tokens of values.
        current_batch: the batch that the connection is in.
    """

    core: Core
    alias: str
    settings: CacheSettings
    is_definite: Callable[[BaseException], bool]
    has_values: Callable[[str], bool]
    current_batch: "Batch | None"

    @property
    def in_atomic(self) -> bool: ...

    def note_staged(self, write: "Write") -> None: ...

    def forget_staged(self, write: "Write") -> None: ...

    def note_invalidated(self, write: "Write") -> None: ...


class Write:
    """
    A write in progress: call ``begin``, make the request, call ``finish``.

    As a context manager it does both, and tells from the exception how the write ended.

    Attributes:
        keys: the keys of the tokens that it changes.
        announces: the writes of a transaction whose ``rows_changed`` is sent when this one, their
            commit, is done.
        source: the source of the write; see ``statistics.Source``.
    """

    __slots__ = (
        "_begun_at",
        "_cache",
        "_claims",
        "_deferred",
        "_operation",
        "_sender",
        "_staged",
        "_told",
        "_values",
        "announces",
        "keys",
        "rows",
        "source",
        "tables",
    )

    def __init__(
        self,
        cache: WritingCache,
        tables: tuple[str, ...],
        rows: tuple[Row, ...],
        operation: str,
        sender: Any,
        staged: bool,
        source: Source = "write",
        values: RowValues | None = None,
    ) -> None:
        self._cache = cache
        self._operation = operation
        self._sender = sender
        self._staged = staged
        self._deferred = False
        self._told = False
        self._begun_at = 0.0
        self.source: Source = source
        self.tables = tables
        self.rows = rows
        keys = cache.core.keys
        self.keys = keys.written(tables, rows)
        self._values = values
        self._claims: dict[ValueKeys, Claimed | None] = {}
        if values is not None:
            self.keys = (*self.keys, *values.new)
            if values.read is not None:
                self._claims[keys.values(*rows[0])] = None
        else:
            for table in self.all_tables:
                if cache.has_values(table):
                    at = keys.values(table)
                    self._claims[at] = None
                    if keys.rows(table) not in self.keys:
                        self.keys = (*self.keys, at.unknown)
        self.announces: list[Write] = []

    @property
    def all_tables(self) -> tuple[str, ...]:
        """The ids of all tables involved."""
        return tuple(dict.fromkeys((*self.tables, *(table for table, _ in self.rows))))

    @property
    def is_told(self) -> bool:
        """Whether the last notice was stored."""
        return self._told

    def begin(self) -> None:
        """
        Announce that the write is about to be sent.

        Raises:
            IntentNotStored: with ``STRICT_WRITES``, if the notice could not be stored.
        """
        cache = self._cache
        if cache.in_atomic and self._staged:
            cache.note_staged(self)
        self._deferred = (
            not self.keys
            or not cache.settings.enabled
            or (cache.in_atomic and self._staged)
            or (cache.current_batch is not None and cache.current_batch.covers(self))
        )
        if not self._deferred:
            self.announce()
        _under_way.notices.append(self)

    def announce(self, *, again: bool = False) -> None:
        cache = self._cache
        now = cache.core.clock()
        self._told = self._announced(again=again)
        if self._told or not again:
            self._begun_at = now
        self._refuse_untold(
            "not written any further (earlier requests have been)" if again else "not written"
        )

    def _refuse_untold(self, what: str) -> None:
        cache = self._cache
        if not self._told and cache.settings.strict_writes:
            raise IntentNotStored(
                f"{', '.join(self.all_tables)}: {what}, because the cache "
                f'CACHES["{cache.settings.alias}"] did not store the notice of it. Try again when '
                'the cache answers, or turn OPTIONS["CACHE"]["STRICT_WRITES"] off.'
            )

    def _announced(self, *, again: bool) -> bool:
        """Announce the write, with its locks where tables have tokens of values."""
        core, values = self._cache.core, self._values
        if not self._claims:
            return bool(drive(core, core.protocol.begin(self.keys)))
        told = True
        for at, known in self._claims.items():
            if again and known is not None:
                told &= drive(core, core.protocol.hold(at, known))
                continue
            if values is not None:
                claimed = drive(core, core.protocol.begin_row(at, self.keys), values.read)
                self.keys = claimed.keys
            else:
                claimed = drive(core, core.protocol.begin_rows(at, self.keys))
            self._claims[at] = claimed
            told &= claimed.stored
        return told

    @property
    def claims(self) -> Mapping[ValueKeys, Claimed | None]:
        """The locks of tables with tokens of values, as far as they have been asked for."""
        return self._claims

    def continues(self, claims: Mapping[ValueKeys, Claimed | None], begun_at: float) -> None:
        """Take over the locks that another write has asked for."""
        self._claims.update((at, claims.get(at)) for at in self._claims)
        self._begun_at = begun_at

    @property
    def is_certain(self) -> bool:
        """Whether the values of the row are known, as long as no other client writes it."""
        return any(claimed is not None and claimed.is_certain for claimed in self._claims.values())

    def doubt(self) -> None:
        """
        Announce that the row is not as it was read; call it before another request.

        Raises:
            IntentNotStored: as ``begin``.
        """
        core = self._cache.core
        for at, claimed in self._claims.items():
            if claimed is not None:
                self._claims[at] = claimed = drive(core, core.protocol.doubt(at, claimed))
                self.keys = claimed.keys
                self._told = claimed.stored
        self._refuse_untold("not written")

    def note_values(self, keys: Sequence[str]) -> None:
        """Add tokens of values that the row turns out to have; call it before the end."""
        self.keys = tuple(dict.fromkeys((*self.keys, *keys)))

    def keep_alive(self) -> None:
        """
        Renew the notice if it is due; call this before each request of the write.

        It costs a round trip every third of ``lock_ttl``. A failed renewal is retried before the
        next request. The end of the write is stored, or owed, in any case.

        Raises:
            IntentNotStored: as ``begin``.
        """
        if self._deferred:
            if self._cache.current_batch is not None:
                self._cache.current_batch.keep_alive()
        elif self._cache.core.protocol.is_due(self._cache.core.clock() - self._begun_at):
            self.announce(again=True)

    def finish(self, *, ambiguous: bool = False, refused: bool = False) -> None:
        """
        Record that the write has ended.

        Args:
            ambiguous: the server may have applied it, or still may (a timeout, a cut connection, a
                5xx).
            refused: the server is known not to have applied it.

        Raises:
            InvalidationNotStored: with ``STRICT_WRITES``, if the end could not be stored within
                three seconds.
        """
        cache = self._cache
        if self in _under_way.notices:
            _under_way.notices.remove(self)
        own_writes.note_write()
        if not self._deferred:
            self.store_end(ambiguous=ambiguous)
            cache.note_invalidated(self)
        elif cache.current_batch is not None and ambiguous:
            cache.current_batch.ambiguous = True
        if cache.in_atomic and self._staged:
            if refused:
                cache.forget_staged(self)
        elif not ambiguous and not refused:
            for write in (self, *self.announces):
                write._send_rows_changed()

    def store_end(self, *, ambiguous: bool) -> None:
        cache = self._cache
        patience = (
            _STRICT_PATIENCE_S
            if cache.settings.strict_writes
            else _LENIENT_PATIENCE_S
            if self._told
            else 0.0
        )
        gives_up_at = time.monotonic() + patience
        while not drive(cache.core, self._end(ambiguous=ambiguous)):
            if time.monotonic() >= gives_up_at:
                # Another client may have written the row by now.
                cache.core.store.owe((*self.keys, *(at.unknown for at in self._claims)))
                break
            time.sleep(0.05)
        else:
            if not ambiguous:
                self._release()
            return
        if cache.settings.strict_writes:
            raise InvalidationNotStored(
                f"{', '.join(self.all_tables)}: written, but the cache "
                f'CACHES["{cache.settings.alias}"] did not store the invalidation within '
                f"{_STRICT_PATIENCE_S:g} s. Other processes may serve stale rows for up to "
                f"{cache.core.protocol.lock_ttl:g} s."
            )

    def _end(self, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        protocol = self._cache.core.protocol
        for at, claimed in self._claims.items():
            if claimed is not None and claimed.is_certain:
                known = claimed._replace(keys=self.keys)
                return protocol.end_row(at, known, ambiguous=ambiguous)
        return (protocol.leave_open if ambiguous else protocol.settle)(self.keys)

    def _release(self) -> None:
        core = self._cache.core
        for at, claimed in self._claims.items():
            is_held = claimed is not None and claimed.token
            if is_held and not core.protocol.is_due(core.clock() - self._begun_at):
                drive(core, core.protocol.release(at))

    def _send_rows_changed(self) -> None:
        if not self._operation or not signals.rows_changed.has_listeners(self._sender):
            return
        known = dict.fromkeys(self.tables)
        by_table: dict[str, tuple[str, ...] | None] = dict(known)
        for table, row in self.rows:
            pks = by_table.setdefault(table, ())
            if pks is not None:
                by_table[table] = (*pks, row)
        for table, pks in by_table.items():
            signals.rows_changed.send(
                sender=self._sender,
                alias=self._cache.alias,
                table=table,
                pks=pks,
                operation=self._operation,
                source=self.source,
            )

    def __enter__(self) -> "Write":
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refused = exc is not None and self._cache.is_definite(exc)
        try:
            self.finish(ambiguous=exc is not None and not refused, refused=refused)
        except InvalidationNotStored:
            # The error of the write itself says more. Its rows were invalidated before it, as far
            # as the cache knows.
            if exc is None:
                raise


class Batch:
    """The writes inside ``batch()``, and the tables announced so far; a context manager."""

    def __init__(self, cache: WritingCache) -> None:
        self._cache = cache
        self.tables: dict[str, None] = {}
        self.ambiguous = False
        self._begun_at = 0.0
        self._claims: dict[ValueKeys, Claimed | None] = {}

    def covers(self, write: Write) -> bool:
        new = [table for table in write.all_tables if fold(table) not in self.tables]
        if new:
            if not self.tables:
                self._begun_at = self._cache.core.clock()
            self._announce(self._write(new))
            self.tables.update(dict.fromkeys(map(fold, new)))
        self.keep_alive()
        return True

    def keep_alive(self) -> None:
        now = self._cache.core.clock()
        if self.tables and self._cache.core.protocol.is_due(now - self._begun_at):
            write = self._write(list(self.tables))
            self._announce(write, again=True)
            if write.is_told:
                self._begun_at = now

    def __enter__(self) -> "Batch":
        _under_way.notices.append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _under_way.notices.remove(self)
        own_writes.note_write()
        if self.tables:
            write = self._write(list(self.tables))
            write.store_end(ambiguous=self.ambiguous)
            self._cache.note_invalidated(write)

    def _announce(self, write: Write, *, again: bool = False) -> None:
        try:
            write.announce(again=again)
        finally:
            self._claims.update(write.claims)

    def _write(self, tables: list[str]) -> Write:
        write = Write(self._cache, tuple(tables), (), "", None, staged=False)
        write.continues(self._claims, self._begun_at)
        return write
