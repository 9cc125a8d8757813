"""Writes, as the cache sees them: announced, made, ended; alone, in a transaction or in a batch."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from appwrite_orm_django import signals
from appwrite_orm_django.conf import CacheSettings

from .core import Core
from .driver import drive
from .exceptions import IntentNotStored, InvalidationNotStored
from .keys import fold
from .statistics import Source

Row: TypeAlias = tuple[str, str]

# How long a write that has been made tries to store its end: a strict one before it gives up with an error, a lenient one
# before it returns with its tokens owed. The latter only if the cache was there when it began: else each write would wait.
_STRICT_PATIENCE_S = 3.0
_LENIENT_PATIENCE_S = 1.0


class _UnderWay(threading.local):
    """The writes and batches that this thread is making, the outermost first."""

    def __init__(self) -> None:
        self.notices: list[Write | Batch] = []


_under_way = _UnderWay()


def keep_alive() -> None:
    """
    Renew the notices of all writes that this thread is making; to be called before each request that may change rows.

    Raises:
        IntentNotStored: with ``STRICT_WRITES``, if a notice was due and could not be stored. The request must not be sent.
    """
    for notice in _under_way.notices:
        notice.keep_alive()


class WritingCache(Protocol):
    """
    The cache of one connection, as far as its writes need it; ``service.QueryCache`` is one.

    Attributes:
        is_definite: return whether an exception that ended a write proves that the server refused it.
        current_batch: the batch that the connection is in.
    """

    core: Core
    alias: str
    settings: CacheSettings
    is_definite: Callable[[BaseException], bool]
    current_batch: "Batch | None"

    @property
    def in_atomic(self) -> bool: ...

    def note_staged(self, write: "Write") -> None: ...

    def forget_staged(self, write: "Write") -> None: ...

    def note_invalidated(self, write: "Write") -> None: ...


class Write:
    """
    A write in the making: ``begin``, the request, ``finish``; or a ``with`` block, which tells from the exception how it ended.

    Attributes:
        keys: the tokens it changes.
        announces: writes of a transaction that ``rows_changed`` is sent for when this one, their commit, is done.
        source: who made it; see ``statistics.Source``.
    """

    __slots__ = (
        "_begun_at",
        "_cache",
        "_deferred",
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
        self.keys = cache.core.keys.written(tables, rows)
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
        Say that the write is about to be sent.

        Raises:
            IntentNotStored: with ``STRICT_WRITES``, if that could not be stored.
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
        self._told = drive(cache.core, cache.core.protocol.begin(self.keys))
        if self._told or not again:
            self._begun_at = now
        if not self._told and cache.settings.strict_writes:
            what = "not written any further; requests sent earlier have been" if again else "not written"
            raise IntentNotStored(
                f'{", ".join(self.all_tables)}: {what}, because the cache CACHES["{cache.settings.alias}"] cannot be told beforehand. '
                'Try again when it answers, or turn OPTIONS["CACHE"]["STRICT_WRITES"] off.'
            )

    def keep_alive(self) -> None:
        """
        Renew the notice if it is due; to be called before each request of the write. Costs a round trip every third of ``lock_ttl``.

        A renewal that fails is tried again before the next request; the end of the write is stored, or owed, in any case.

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
        Say that the write has ended.

        Args:
            ambiguous: nobody knows whether the server applied it or still will (a timeout, a cut connection, a 5xx).
            refused: the server is known not to have applied it.

        Raises:
            InvalidationNotStored: with ``STRICT_WRITES``, if that could not be stored within three seconds.
        """
        cache = self._cache
        if self in _under_way.notices:
            _under_way.notices.remove(self)
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
        end = cache.core.protocol.leave_open if ambiguous else cache.core.protocol.settle
        patience = _STRICT_PATIENCE_S if cache.settings.strict_writes else _LENIENT_PATIENCE_S if self._told else 0.0
        gives_up_at = time.monotonic() + patience
        while not drive(cache.core, end(self.keys)):
            if time.monotonic() >= gives_up_at:
                cache.core.store.owe(self.keys)
                break
            time.sleep(0.05)
        else:
            return
        if cache.settings.strict_writes:
            raise InvalidationNotStored(
                f'{", ".join(self.all_tables)}: written, but the cache CACHES["{cache.settings.alias}"] could not be told of it within '
                f"{_STRICT_PATIENCE_S:g} s. Other processes may serve older rows for up to {cache.core.protocol.lock_ttl:g} s."
            )

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
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        refused = exc is not None and self._cache.is_definite(exc)
        try:
            self.finish(ambiguous=exc is not None and not refused, refused=refused)
        except InvalidationNotStored:
            # The write's own failure says more, and its rows were invalidated before it as far as the cache knows.
            if exc is None:
                raise


class Batch:
    """The writes within ``batch()``: the tables told of so far. To be entered and left as a context manager."""

    def __init__(self, cache: WritingCache) -> None:
        self._cache = cache
        self.tables: dict[str, None] = {}
        self.ambiguous = False
        self._begun_at = 0.0

    def covers(self, write: Write) -> bool:
        new = [table for table in write.all_tables if fold(table) not in self.tables]
        if new:
            if not self.tables:
                self._begun_at = self._cache.core.clock()
            self._write(new).announce()
            self.tables.update(dict.fromkeys(map(fold, new)))
        self.keep_alive()
        return True

    def keep_alive(self) -> None:
        now = self._cache.core.clock()
        if self.tables and self._cache.core.protocol.is_due(now - self._begun_at):
            write = self._write(list(self.tables))
            write.announce(again=True)
            if write.is_told:
                self._begun_at = now

    def __enter__(self) -> "Batch":
        _under_way.notices.append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _under_way.notices.remove(self)
        if self.tables:
            write = self._write(list(self.tables))
            write.store_end(ambiguous=self.ambiguous)
            self._cache.note_invalidated(write)

    def _write(self, tables: list[str]) -> Write:
        return Write(self._cache, tuple(tables), (), "", None, staged=False)
