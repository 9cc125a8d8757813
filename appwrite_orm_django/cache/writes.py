"""Announce writes and invalidate after them: single, in a transaction or in a batch."""

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeAlias
from weakref import WeakValueDictionary

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
    The values of the rows of a write to one table, as keys of tokens (``KeySpace.value``).

    ``new``: those that the rows may have afterwards. ``rows``: the ids of the rows, except those that
    nobody else can know. ``are_new``: whether the write succeeds only if there are no such rows, so
    that they have no values before. If not, ``Write.know`` must be called before the request that
    writes.
    """

    new: tuple[str, ...]
    rows: tuple[str, ...] = ()
    are_new: bool = False


# How long a finished write tries to store its end. Then a strict write raises, and a lenient one
# returns with its tokens owed. A lenient write tries only if the cache answered when it began;
# otherwise each write would wait.
_STRICT_PATIENCE_S = 3.0
_LENIENT_PATIENCE_S = 1.0


class _UnderWay(threading.local):
    """
    The writes and batches in progress in this thread, the outermost first.

    They are held by their ``with`` blocks, and only weakly here. An exception that interrupts a
    block while it ends, as from a signal's handler, would otherwise leave a notice that the thread
    renews for ever.
    """

    def __init__(self) -> None:
        self._notices: WeakValueDictionary[int, Write | Batch] = WeakValueDictionary()

    @property
    def notices(self) -> list["Write | Batch"]:
        return list(self._notices.values())

    def add(self, notice: "Write | Batch") -> None:
        self._notices[id(notice)] = notice

    def remove(self, notice: "Write | Batch") -> None:
        self._notices.pop(id(notice), None)


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
        "__weakref__",
        "_begun_at",
        "_cache",
        "_claimed",
        "_deferred",
        "_locks",
        "_new",
        "_operation",
        "_sender",
        "_staged",
        "_told",
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
        values: Mapping[str, RowValues] | None = None,
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
        self._locks: list[ValueKeys] = []
        self._claimed: Claimed | None = None
        # The tables of which only new rows are written, as ``Protocol.know`` takes them.
        self._new: dict[str, Sequence[str]] = {}
        for table in filter(cache.has_values, self.all_tables):
            known = (values or {}).get(fold(table))
            at = keys.values(table)
            if known is not None:
                self.keys = (*self.keys, *known.new)
                self._locks += [keys.values(table, row) for row in known.rows]
                if known.are_new:
                    self._new[at.unknown] = ()
            else:
                self._locks.append(at)
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
        _under_way.add(self)

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
        core, protocol = self._cache.core, self._cache.core.protocol
        if not self._locks:
            return bool(drive(core, protocol.begin(self.keys)))
        if again and self._claimed is not None:
            return bool(drive(core, protocol.hold(self._claimed.with_keys(self.keys))))
        self._take(drive(core, protocol.claim(self._locks, self.keys)))
        if self._new:
            self._take(drive(core, protocol.know(self.claimed, self._new)))
        return self.claimed.stored

    def _take(self, claimed: Claimed) -> None:
        self._claimed, self.keys = claimed, claimed.keys

    @property
    def claimed(self) -> Claimed:
        """The locks of tables with tokens of values, as far as they have been asked for."""
        return self._claimed or Claimed(False, self.keys, {})

    def continues(self, claimed: Claimed | None, begun_at: float) -> None:
        """Take over the locks that another write has asked for."""
        self._claimed, self._begun_at = claimed, begun_at

    def wants(self, table: str) -> bool:
        """Return whether the values that the rows of a table have are to be told to ``know``."""
        unknown = self._cache.core.keys.unknown(table)
        return unknown not in self.keys and any(
            at.is_of_row and at.unknown == unknown for at in self.claimed.undisturbed
        )

    def knows(self, table: str) -> bool:
        """Return whether the values of the rows are known, as long as no other client writes them."""
        return self._cache.core.keys.unknown(table) in self.claimed.known

    def know(self, old: Mapping[str, Sequence[str] | None]) -> None:
        """
        Announce the values that rows have; call it after they were read, before the request.

        Args:
            old: the keys of the tokens of the values of all rows of a table, by table; None if they
                cannot be known.

        Raises:
            IntentNotStored: as ``begin``.
        """
        core = self._cache.core
        by_key = {core.keys.unknown(table): keys for table, keys in old.items()}
        self._take(drive(core, core.protocol.know(self.claimed.with_keys(self.keys), by_key)))
        self._told = self.claimed.stored
        self._refuse_untold("not written")

    def doubt(self) -> None:
        """
        Announce that rows are not as they were read; call it before another request.

        Raises:
            IntentNotStored: as ``begin``.
        """
        if self._claimed is not None:
            core = self._cache.core
            self._take(drive(core, core.protocol.doubt(self._claimed.with_keys(self.keys))))
            self._told = self.claimed.stored
            self._refuse_untold("not written")

    def note_values(self, keys: Sequence[str]) -> None:
        """Add tokens of values that a row turns out to have; call it before the end."""
        self.keys = tuple(dict.fromkeys((*self.keys, *keys)))

    def note_unknown(self, table: str) -> None:
        """Record that a row of the table may have had any value."""
        self.note_values((self._cache.core.keys.unknown(table),))

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
        _under_way.remove(self)
        own_writes.note_write()
        if not self._deferred:
            self.store_end(ambiguous=ambiguous, refused=refused)
            cache.note_invalidated(self)
        elif cache.current_batch is not None and ambiguous:
            cache.current_batch.ambiguous = True
        if cache.in_atomic and self._staged:
            if refused:
                cache.forget_staged(self)
        elif not ambiguous and not refused:
            for write in (self, *self.announces):
                write._send_rows_changed()

    def store_end(self, *, ambiguous: bool, refused: bool = False) -> None:
        cache = self._cache
        patience = (
            _STRICT_PATIENCE_S
            if cache.settings.strict_writes
            else _LENIENT_PATIENCE_S
            if self._told
            else 0.0
        )
        gives_up_at = time.monotonic() + patience
        while not drive(cache.core, self._end(ambiguous=ambiguous, refused=refused)):
            if time.monotonic() >= gives_up_at:
                # Another client may have written the row by now.
                cache.core.store.owe((*self.keys, *(at.unknown for at in self._locks)))
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

    def _end(self, *, ambiguous: bool, refused: bool) -> Generator[Operation, Any, bool]:
        protocol, claimed = self._cache.core.protocol, self.claimed.with_keys(self.keys)
        if refused and not claimed.known:
            # It ended before its old values were looked for.
            return protocol.settle(claimed.keys)
        return protocol.end(claimed, ambiguous=ambiguous)

    def _release(self) -> None:
        core = self._cache.core
        if not core.protocol.is_due(core.clock() - self._begun_at):
            drive(core, core.protocol.release(self.claimed))

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
        self._claimed: Claimed | None = None

    def covers(self, write: Write) -> bool:
        new = [table for table in write.all_tables if fold(table) not in self.tables]
        if new:
            if not self.tables:
                self._begun_at = self._cache.core.clock()
            self._announce(Write(self._cache, tuple(new), (), "", None, staged=False))
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
        _under_way.add(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _under_way.remove(self)
        own_writes.note_write()
        if self.tables:
            write = self._write(list(self.tables))
            write.store_end(ambiguous=self.ambiguous)
            self._cache.note_invalidated(write)

    def _announce(self, write: Write, *, again: bool = False) -> None:
        try:
            write.announce(again=again)
        finally:
            self._claimed = (
                write.claimed if self._claimed is None else self._claimed | write.claimed
            )

    def _write(self, tables: list[str]) -> Write:
        write = Write(self._cache, tuple(tables), (), "", None, staged=False)
        write.continues(self._claimed, self._begun_at)
        return write
