"""
Serve the database backend from the cache.

There is one ``QueryCache`` per connection (so per thread), made with ``QueryCache.open``. They
share the state of the process through a ``Core``. A backend calls::

    rows = cache.read(command, tables, load)                       # every read
    with cache.write(["product"], operation="update"): ...         # every write that is not by id
    with cache.write(rows=[("product", pk)], operation="update"): ...
    cache.enter_atomic(); ...; cache.exit_atomic(committed=True)   # ``atomic`` blocks
    with cache.committing(): ...                                   # the commit itself
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

from django.db.utils import InterfaceError, OperationalError
from django.utils.asyncio import async_unsafe

from appwrite_orm_django import signals
from appwrite_orm_django.conf import CacheSettings

from . import entries, own_writes
from .core import Core, core_for
from .driver import Look, drive, is_loading, look
from .keys import fold
from .protocol import AgeBound, Reading, ReadOptions, ReadPlan
from .statistics import LastWrite, Source, Statistics, report
from .writes import Batch, Row, RowValues, Write, is_writing

__all__ = ["QueryCache", "RowValues", "Write"]

logger = logging.getLogger("appwrite_orm_django.cache")
T = TypeVar("T")

# A write of more rows invalidates the whole table, because each row would be a key of its own.
_MOST_ROWS = 100

# A table, and the keys of tokens of its values.
Pinned: TypeAlias = tuple[str, tuple[str, ...]]


class _Found(NamedTuple):
    """The result of a first look into the cache: a value, or the reason why there is none."""

    why_not: Literal["", "missed", "ending", "unreadable"]
    value: Any = None


def _never(_: object) -> bool:
    return False


def _is_outage(error: BaseException) -> bool:
    """
    Return whether the server could not answer, as opposed to refusing.

    A refusal (401, 403) is an operational error as well, but a caller who is refused must not be
    served rows that were read before.
    """
    code = getattr(error, "code", None)
    return not isinstance(code, int) or code >= 500 or code in (408, 429)


class QueryCache:
    """
    The cache of one database, as one connection sees it.

    Do not share it between threads: it knows whether its connection is inside ``atomic`` or
    ``batch``, and which tables the connection has written there.

    Args:
        core: the state shared by the process.
        alias: the database alias, for signals and statistics.
        is_definite: returns whether the exception that ended a write proves that the server refused
            it. By default no exception does, so every failed write may still be applied.
        has_values: returns whether a table has tokens of values.
    """

    def __init__(
        self,
        core: Core,
        alias: str,
        *,
        is_definite: Callable[[BaseException], bool] = _never,
        has_values: Callable[[str], bool] = _never,
    ) -> None:
        self.core = core
        self.alias = alias
        self.settings = core.settings
        self.is_definite = is_definite
        self.has_values = has_values
        self._depth = 0
        self._dirty: dict[str, dict[str, None] | None] = {}
        self._unannounced: list[Write] = []
        self.current_batch: Batch | None = None

    @classmethod
    def open(
        cls,
        alias: str,
        settings: CacheSettings,
        namespace: str,
        *,
        write_limit_s: float = 0.0,
        is_definite: Callable[[BaseException], bool] = _never,
        has_values: Callable[[str], bool] = _never,
    ) -> "QueryCache":
        """
        Return the cache of a connection.

        Args:
            alias: the database alias.
            settings: ``CacheSettings.read(alias, OPTIONS["CACHE"])``.
            namespace: opaque text, different for each Appwrite database: endpoint, project and
                database id.
            write_limit_s: the longest that one attempt of a request can be in flight, including the
                server's own limit. ``lock_ttl`` is raised if a notice could otherwise expire before
                the attempt that it announces.
            is_definite, has_values: see the class.
        """
        core = core_for(settings, namespace, write_limit_s)
        return cls(core, alias, is_definite=is_definite, has_values=has_values)

    @property
    def statistics(self) -> Statistics:
        """The counters of this cache in this process."""
        return self.core.statistics

    # Reading

    # Django's guard around cursors refuses a miss in a coroutine. A hit is refused too: otherwise
    # code would work only as long as its rows are cached.
    @async_unsafe
    def read(
        self,
        command: bytes | str,
        tables: Sequence[str],
        load: Callable[[], T],
        *,
        row: Row | None = None,
        identity: str = "",
        timeout: float | None = None,
        max_age: float | None = None,
        pinned: Pinned | None = None,
        plan: ReadPlan | None = None,
    ) -> T:
        """
        Return the result of ``load()``, from the cache where it is fresh or ``max_age`` allows it.

        A hit is one ``get_many`` and nothing else. A miss adds one ``set_many``. It takes a further
        round trip if it asks for a lease, or if a token is missing that looking could not add. The
        result belongs to the caller: no other reader holds the same object.

        Args:
            command: the final command in canonical form. Two commands may share it only if their
                results are the same.
            tables: ids of all tables that the result depends on, at least one. The read counts in
                the statistics of the first.
            load: reads from Appwrite; called in this thread, at most once. Its exceptions
                propagate, and nothing is stored then.
            row: ``(table, row id)`` if the result depends on this one row only of that table. It
                then survives writes to other rows.
            identity: the identity that makes the request; identities never share entries.
            timeout: seconds, overriding the settings; 0 neither reads nor fills the cache.
            max_age: seconds, overriding the settings. An entry that a write has invalidated may be
                served until so long after its load began; see ``protocol.AgeBound``. Not inside
                ``atomic``, ``batch`` or a load, and not if this thread or task has written since.
            pinned: a table, and the keys of the tokens of the values that its rows must have to
                matter for the result, from ``core.keys.value``. The result then survives writes of
                other rows.
            plan: the result of ``core.keys.plan`` for these very arguments, if the caller kept it.
        """
        names = tuple(tables)
        core = self.core
        if timeout is None:
            timeout = core.timeout_for(names)
        if max_age is None:
            max_age = core.max_age_for(names)
        if max_age and self._reads_fresh:
            max_age = 0.0
        if not self._may_read(names, row, timeout):
            value = load()
            self._passed(names, identity)
            return value
        if plan is None:
            plan = core.keys.plan(command, names, row, identity, pinned)
        first = look(core, plan.keys, len(plan.tokens))
        found = self._find(names, plan, first, identity, max_age)
        if not found.why_not:
            return cast("T", found.value)
        options = self._options(timeout, max_age, found, names[0])
        try:
            reading = drive(core, core.protocol.read(plan, options), load, first)
            value = self._value(reading)
        except entries.EntryError:  # in another process's entry, after waiting for it
            value, reading = load(), Reading("bypass")
        except (OperationalError, InterfaceError) as error:
            may = self._may_be_stale and _is_outage(error)
            reading, value = self._stale(core.store.get_many((plan.entry,)) if may else None, plan)
            if reading is None:
                raise
        self._account(names, reading, options, identity, max_age)
        return value

    def _find(
        self, tables: tuple[str, ...], plan: ReadPlan, first: Look, identity: str, max_age: float
    ) -> "_Found":
        """Return the value of a hit from a first look, or the reason why it is not a hit."""
        entry = None if first.found is None else self.core.protocol.serve(plan, first.found)
        if entry is None:
            return _Found("missed")
        head = entries.header(entry)
        if not self._depth and self.core.early is not None and self.core.early(head):
            return _Found("ending")
        try:
            value = entries.decode(entry)
        except entries.EntryError as exc:
            logger.warning("%s: %s", tables[0], exc)
            return _Found("unreadable")
        counters = self.statistics.counters(tables[0])
        counters.hits += 1
        counters.bytes_served += len(entry)
        counters.seconds_saved += head.load_s
        report(self.alias, tables, "hit", "", head, identity, max_age)
        if signals.cache_hit.receivers:
            self._send(signals.cache_hit, tables=tables, reason="")
        return _Found("", value)

    def _may_read(self, tables: tuple[str, ...], row: Row | None, timeout: float) -> bool:
        if not self.settings.enabled or timeout <= 0:
            return False
        if not self._dirty and self.current_batch is None:
            return True
        touched = {fold(table) for table in tables} | ({fold(row[0])} if row else set())
        return touched.isdisjoint(self._dirty) and (
            self.current_batch is None or touched.isdisjoint(self.current_batch.tables)
        )

    def _passed(self, tables: tuple[str, ...], identity: str) -> None:
        if self.settings.enabled:
            self.statistics.counters(tables[0]).bypasses += 1
            report(self.alias, tables, "bypass", "", None, identity)
            self._send(signals.cache_missed, tables=tables, reason="")

    def _options(self, timeout: float, max_age: float, found: "_Found", table: str) -> ReadOptions:
        settings = self.settings
        counters = self.statistics.counters(table)
        loads = counters.fills
        return ReadOptions(
            timeout=self.core.life_s(timeout),
            fill=not self._depth,
            early=(lambda _: True) if found.why_not == "ending" else None,
            skip_entry=found.why_not == "unreadable",
            lease_above_s=settings.lease_above,
            lease_ttl=settings.lease_ttl,
            expected_s=counters.seconds_loading / loads if loads else None,
            max_bytes=settings.max_entry_bytes,
            grace=settings.stale_on_error,
            bound=self._bound(max_age) if max_age else None,
        )

    @property
    def _reads_fresh(self) -> bool:
        return bool(self._depth) or is_writing() or own_writes.reads_fresh()

    def _bound(self, max_age: float) -> AgeBound | None:
        # Rows that are read while loading become part of an entry, which must be as fresh as it says.
        if is_loading():
            return None
        skew_s = self.settings.clock_skew
        # The database was emptied by this process, whose clock has no skew from itself.
        since = max(own_writes.last_write(), self.core.not_before - skew_s)
        return AgeBound(max_age, since, skew_s, clock=time.time)

    def _value(self, reading: Reading) -> Any:
        if reading.entry is not None:
            return entries.decode(reading.entry)
        loaded = reading.loaded
        assert loaded is not None  # noqa: S101 - one of the two is always there
        # Decode another thread's result again, because its rows belong to that thread's caller.
        return (
            entries.decode_body(loaded.body)
            if reading.reason == "joined" and loaded.body
            else loaded.value
        )

    @property
    def _may_be_stale(self) -> bool:
        return bool(self.settings.stale_on_error) and not self._depth

    def _stale(self, found: dict[str, Any] | None, plan: ReadPlan) -> tuple[Reading | None, Any]:
        """Return a stale entry that may still be served, or (None, None) if there is none."""
        entry = (found or {}).get(plan.entry)
        if not isinstance(entry, bytes) or not entries.is_entry(entry):
            return None, None
        try:
            return Reading("stale", entry=entry), entries.decode(entry)
        except entries.EntryError:
            return None, None

    def _account(
        self,
        tables: tuple[str, ...],
        reading: Reading,
        options: ReadOptions,
        identity: str,
        max_age: float,
    ) -> None:
        counters = self.statistics.counters(tables[0])
        head: entries.Header | None = None
        if reading.entry is not None:
            head = entries.header(reading.entry)
            counters.bytes_served += len(reading.entry)
            counters.seconds_saved += head.load_s
        elif reading.loaded is not None and reading.reason != "joined":
            counters.seconds_loading += reading.loaded.seconds
        if reading.stored and reading.loaded is not None:
            counters.fills += 1
            counters.bytes_stored += reading.stored
            head = entries.Header(reading.loaded.at, options.timeout, reading.loaded.seconds)
        is_bounded = reading.reason == "max_age"
        name = {"hit": "hits", "miss": "misses", "bypass": "bypasses", "stale": "stale"}[
            reading.outcome
        ]
        name = "bounded" if is_bounded else name
        setattr(counters, name, getattr(counters, name) + 1)
        report(self.alias, tables, reading.outcome, reading.reason, head, identity, max_age)
        signal = (
            signals.cache_hit if is_bounded or reading.outcome == "hit" else signals.cache_missed
        )
        self._send(signal, tables=tables, reason=reading.reason)
        self.statistics.publish_if_due()

    def _send(self, signal: Any, **values: Any) -> None:
        if signal.has_listeners(None):
            signal.send(sender=None, alias=self.alias, **values)

    # Writing

    def write(
        self,
        tables: Iterable[str] = (),
        rows: Iterable[Row] = (),
        *,
        operation: str = "",
        sender: Any = None,
        staged: bool = True,
        source: Source = "write",
        values: Mapping[str, RowValues] | None = None,
    ) -> Write:
        """
        Return a context manager that announces a write; make the requests of the write inside it.

        Outside ``atomic`` it costs one round trip before and one after. Inside, nothing is visible
        yet: the tables are noted, and ``committing`` makes the round trips.

        Args:
            tables: ids of tables of which any row may change.
            rows: ``(table, row id)`` of rows written by id. More than 100 count as the whole table.
            operation: "create", "update" or "delete". If given, ``rows_changed`` is sent when the
                write is done (inside ``atomic``: committed).
            sender: the model class, for ``rows_changed``.
            staged: False for a write that takes effect at once even inside ``atomic``.
            source: the source of the write.
            values: the values of the rows, by folded table. In a table that has tokens of values
                and is missing here, everything read by value is invalidated.

        Raises:
            IntentNotStored: with ``STRICT_WRITES``, on entering; nothing has been sent.
            InvalidationNotStored: with ``STRICT_WRITES``, on leaving; the write has been made.
        """
        rows = tuple(rows)
        if len(rows) > _MOST_ROWS:
            tables = (*tables, *dict.fromkeys(table for table, _ in rows))
            values = None
        return Write(self, tuple(tables), rows, operation, sender, staged, source, values)

    def invalidate(
        self, tables: Iterable[str] = (), rows: Iterable[Row] = (), *, source: Source = "invalidate"
    ) -> bool:
        """
        Invalidate these tables, or single rows and all lists of their tables, in one round trip.

        Return False if the cache did not answer. The invalidation is then retried until it does,
        and this process bypasses the cache meanwhile.

        Args:
            source: the source of the change, for ``last_writes`` and the signals.
        """
        own_writes.note_write()
        write = self.write(tables, rows, source=source)
        if not write.keys or not self.settings.enabled:
            return True
        stored: bool = drive(self.core, self.core.protocol.settle(write.keys))
        if not stored:
            self.core.store.owe(write.keys)
        self.note_invalidated(write)
        return stored

    def outdate(
        self, table: str, pks: Sequence[str] | None, *, source: Source, others: bool
    ) -> bool:
        """
        Invalidate after another client's write, in one round trip; return as ``invalidate`` does.

        Args:
            pks: the rows that are known to have changed; None for any.
            others: whether unreported rows may have changed too, so that everything read by key
                must be invalidated as well.
        """
        rows = () if pks is None else tuple((table, pk) for pk in pks)
        return self.invalidate((table,) if pks is None or others else (), rows, source=source)

    def send_rows_changed(
        self, table: str, pks: Sequence[str] | None, *, operation: str, sender: Any, source: Source
    ) -> None:
        """Send ``rows_changed`` for invalidated rows; exceptions of receivers propagate."""
        pks = None if pks is None else tuple(pks)
        signals.rows_changed.send(
            sender=sender,
            alias=self.alias,
            table=table,
            pks=pks,
            operation=operation,
            source=source,
        )

    def last_writes(self) -> dict[str, list[LastWrite]]:
        """Return the last writes of each table, by source and process, the latest first."""
        return self.statistics.last_writes()

    def note_invalidated(self, write: Write) -> None:
        for table in write.all_tables:
            self.statistics.counters(table).invalidations += 1
        self._send(
            signals.cache_invalidated, tables=write.all_tables, rows=write.rows, source=write.source
        )
        self.statistics.note_write(write.all_tables, write.source)

    def forget_invalidated(self) -> None:
        """
        Serve nothing in this process that has been invalidated so far, whatever a ``max_age`` allows.

        Emptying the database calls this, so that no test sees the rows of the test before it.
        """
        self.core.not_before = time.time()

    # Transactions

    @property
    def in_atomic(self) -> bool:
        """Whether the connection is inside ``atomic``."""
        return self._depth > 0

    def enter_atomic(self) -> None:
        """
        Record that an ``atomic`` block begins.

        Until the outermost block ends, nothing is stored, and reads of tables written in it bypass
        the cache. Savepoints may be recorded too, each with an ``exit_atomic``; rolling one back
        does not make its tables clean.
        """
        self._depth += 1

    def exit_atomic(self, *, committed: bool) -> None:
        """
        Record that an ``atomic`` block has ended.

        A commit made outside ``committing`` is invalidated here, without an announcement before it.
        """
        self._depth = max(0, self._depth - 1)
        if self._depth:
            return
        try:
            if committed and self._dirty:
                self.committing().finish()
        finally:
            self._dirty = {}
            self._unannounced = []

    def committing(self, values: Mapping[str, RowValues] | None = None) -> Write:
        """
        Return a context manager that announces the commit of all writes since ``enter_atomic``.

        Make the request that commits inside it. It costs nothing if nothing was written. It raises
        what ``write`` raises.

        Args:
            values: as in ``write``. Of these tables, only the rows named there are written.
        """
        known = values or {}
        rows_of: dict[str, Iterable[str]] = {
            table: known[table].rows if rows is None else rows
            for table, rows in self._dirty.items()
            if rows is not None or table in known
        }
        tables = [table for table in self._dirty if table not in rows_of]
        rows = [(table, row) for table, of_table in rows_of.items() for row in of_table]
        write = self.write(tables, rows, staged=False, values=values)
        write.announces, self._unannounced = self._unannounced, []
        self._dirty = {}
        return write

    def note_staged(self, write: Write) -> None:
        """Note a write inside ``atomic``; called by ``Write``."""
        for table, row in write.rows:
            known = self._dirty.setdefault(fold(table), {})
            if known is not None:
                known[fold(row)] = None
        for table in write.tables:
            self._dirty[fold(table)] = None
        self._unannounced.append(write)

    def forget_staged(self, write: Write) -> None:
        """
        Forget a write that the server refused to stage, so that it is never announced.

        Its tables stay dirty. Called by ``Write``.
        """
        self._unannounced = [other for other in self._unannounced if other is not write]

    @contextmanager
    def batch(self) -> Iterator[None]:
        """
        Combine all writes in the block: invalidate each table at its first write and at the end.

        Until the end, this connection bypasses the cache for those tables. So do other processes,
        unless another write of the same table ends meanwhile. Then they may see the rows of the
        batch only after its end, as with any write that has not returned. Blocks may be nested; the
        outermost counts.

        Raises:
            IntentNotStored: as ``write``.
        """
        if self.current_batch is not None or not self.settings.enabled:
            yield
            return
        with Batch(self) as batch:
            try:
                self.current_batch = batch
                yield
            finally:
                self.current_batch = None

    # Manual control

    def is_updated(self, tables: Sequence[str]) -> bool:
        """
        Return whether something was loaded from each of these tables since its last write.

        False if the cache does not answer.
        """
        fresh = (
            drive(self.core, self.core.protocol.freshness(self._marks(tables)))
            if self.settings.enabled
            else None
        )
        return fresh is not None and all(fresh)

    def freshness(self, tables: Sequence[str]) -> dict[str, bool]:
        """Return whether each table's cache is fresh, in one call; empty if the cache fails."""
        fresh = (
            drive(self.core, self.core.protocol.freshness(self._marks(tables)))
            if self.settings.enabled
            else None
        )
        return {} if fresh is None else dict(zip(tables, fresh, strict=True))

    def set_updated(self, tables: Sequence[str], updated: bool) -> bool:
        """
        Invalidate these tables (False), or mark them fresh without loading anything (True).

        Return False if the cache does not answer.
        """
        if not updated:
            return self.invalidate(tables)
        timeout = self.core.life_s(self.settings.timeout_for(tuple(tables)))
        return bool(
            self.settings.enabled
            and drive(self.core, self.core.protocol.mark_fresh(self._marks(tables), timeout))
        )

    def is_cached(
        self,
        command: bytes | str,
        tables: Sequence[str],
        *,
        row: Row | None = None,
        identity: str = "",
        pinned: Pinned | None = None,
    ) -> bool:
        """Return whether ``read`` with the same arguments would be a hit. Count nothing."""
        if not self._may_read(tuple(tables), row, 1):
            return False
        plan = self.core.keys.plan(command, tables, row, identity, pinned)
        found = self.core.store.get_many(plan.keys)
        return found is not None and entries.is_valid(
            found.get(plan.entry), tuple(map(found.get, plan.tokens))
        )

    def tokens(self, tables: Sequence[str]) -> tuple[int, ...] | None:
        """
        Return a token for each table that changes with every write to it, for an ETag.

        Return None if no token can be relied on now. This takes one round trip, or two if a token
        has to be minted. A token may also change without a write.
        """
        if not self._may_read(tuple(tables), None, 1):
            return None
        keys = [self.core.keys.table(table) for table in tables]
        tokens: tuple[int, ...] | None = drive(self.core, self.core.protocol.tokens(keys))
        return tokens

    def _marks(self, tables: Sequence[str]) -> list[tuple[str, str]]:
        return [(self.core.keys.table(table), self.core.keys.mark(table)) for table in tables]
