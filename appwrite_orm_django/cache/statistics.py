"""
Count reads and writes per table; always on, because counting takes no lock and no round trip.

Each thread counts in a shard of its own, and the shards are added up on demand. A process publishes
its totals in the cache every ``statistics_interval`` seconds and soon after a write, so that they
can be added up over processes. It publishes totals, not differences, so repeating or losing a
publication does no harm.
"""

import json
import math
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from typing import Literal, NamedTuple, get_args

from .entries import Header
from .history import History, Minute, from_json, last_hour
from .protocol import Outcome, Reason

__all__ = [
    "Counters",
    "LastWrite",
    "Overview",
    "ReadEvent",
    "Reads",
    "Source",
    "Statistics",
    "note_address",
    "observe_reads",
]

#: The source of a change: a write through this library, ``invalidate()`` and other manual control,
#: or another client's write, reported by a webhook or by realtime.
Source = Literal["write", "invalidate", "webhook", "realtime"]
_SOURCES = frozenset(get_args(Source))


@dataclass(slots=True)
class Counters:
    """
    Counts of the reads and writes of one table.

    A ``miss`` was loaded, and a ``fill`` was stored. A ``bypass`` was loaded because the cache
    could not be used: a write was in flight, the table dirty in a transaction, or the cache down. A
    ``stale`` read was served a stale entry because Appwrite could not be reached. A ``bounded`` read
    was served one within its ``max_age``. No other counter includes these two. Bytes are of packed entries. ``seconds_saved`` adds up the load times of all
    entries served.
    """

    hits: int = 0
    misses: int = 0
    fills: int = 0
    bypasses: int = 0
    stale: int = 0
    bounded: int = 0
    invalidations: int = 0
    bytes_served: int = 0
    bytes_stored: int = 0
    seconds_loading: float = 0.0
    seconds_saved: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """
        The share of reads answered by the cache, 0.0 to 1.0; None before the first.

        It is that of ``hits`` and ``bounded`` in these and ``misses``.
        """
        answered = self.hits + self.bounded
        asked = answered + self.misses
        return answered / asked if asked else None

    def add(self, other: "Counters", sign: int = 1) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + sign * getattr(other, field.name))


Table = dict[str, Counters]

# A process publishes sooner after a write, so that other processes show the last write in time.
_WRITES_INTERVAL_S = 1.0


class ReadEvent(NamedTuple):
    """
    One read, as reported by ``observe_reads``.

    Attributes:
        expires_at: Unix time; None if nothing was or could be stored.
        identity: the identity that made the read; empty for the API key.
        begun_at: Unix time at which the load of the entry began; None if there is no entry.
        max_age: the ``max_age`` of the read, in seconds; 0 without one, and where reads are fresh in
            any case.
    """

    alias: str
    tables: tuple[str, ...]
    outcome: Outcome
    reason: Reason
    expires_at: float | None
    identity: str = ""
    begun_at: float | None = None
    max_age: float = 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether an invalidated entry was served, because the read has a ``max_age``."""
        return self.reason == "max_age"


class Reads(list[ReadEvent]):
    """
    Reads in the order in which they were made.

    Attributes:
        for_users: whether anything was requested as a user or guest, even past the cache and the
            ORM.
        started_at: Unix time before the first of them.
        usable_until: Unix time until which the addresses made from them can be shown.
    """

    for_users = False
    usable_until = math.inf

    def __init__(self) -> None:
        super().__init__()
        self.started_at = time.time()


class LastWrite(NamedTuple):
    """
    The time of the last known change to rows of a table.

    Attributes:
        at: Unix time.
        source: the source of the change.
        here: whether this process made the write or was notified of it; False for another process.
    """

    at: float
    source: Source
    here: bool


class Overview(NamedTuple):
    """
    The counts of all processes that share a cache.

    Holds totals and last writes by table, and the reads of the last sixty minutes.
    """

    totals: dict[str, Counters]
    writes: dict[str, list[LastWrite]]
    minutes: list[Minute]


_observers: ContextVar[tuple[Reads, ...]] = ContextVar("appwrite_cache_observers", default=())


@contextmanager
def observe_reads() -> Iterator[Reads]:
    """Collect the reads made in the block by this thread or task, and threads with its context."""
    events = Reads()
    token = _observers.set((*_observers.get(), events))
    try:
        yield events
    finally:
        _observers.reset(token)


def report(
    alias: str,
    tables: tuple[str, ...],
    outcome: Outcome,
    reason: Reason,
    header: Header | None,
    identity: str,
    max_age: float = 0.0,
) -> None:
    """Report a read to the active ``observe_reads`` blocks."""
    for events in _observers.get():
        expires_at = None if header is None else header.filled_at + header.timeout_s
        begun_at = None if header is None else header.begun_at
        events.append(
            ReadEvent(alias, tables, outcome, reason, expires_at, identity, begun_at, max_age)
        )


def note_user() -> None:
    """Note in the active ``observe_reads`` blocks that a request is made as a user or guest."""
    for events in _observers.get():
        events.for_users = True


def note_address(expires_at: float) -> None:
    """
    Note in the active ``observe_reads`` blocks that an address was made, which expires.

    A page may be kept for half of the time that is left: its reader needs the address as well.

    Args:
        expires_at: Unix time.
    """
    now = time.time()
    usable_until = now + (expires_at - now) / 2
    for events in _observers.get():
        events.usable_until = min(events.usable_until, usable_until)


class _Owner:
    """An object in a thread's local storage; its finalizer marks the end of the thread."""

    __slots__ = ("__weakref__", "table")

    def __init__(self) -> None:
        self.table: Table = {}


class Statistics:
    """
    Counters of one cache in this process, and access to those of other processes.

    Args:
        key: returns the cache key of a process or, for "", of the list of processes.
        get_many: reads keys from the cache; returns None if it does not answer.
        put: stores text under a key for some seconds.
        interval_s: seconds between publications; 0 never publishes.
        run: runs the publication, so that no reader waits for it.
    """

    _LIFE_S = 24 * 3600.0

    def __init__(
        self,
        *,
        key: Callable[[str], str],
        get_many: Callable[[Sequence[str]], Mapping[str, object] | None],
        put: Callable[[str, str, float], None],
        interval_s: float,
        run: Callable[[Callable[[], None]], object] = lambda task: task(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key
        self._get_many = get_many
        self._put = put
        self._interval_s = interval_s
        self._run = run
        self._clock = clock
        self.after_fork()

    def after_fork(self) -> None:
        """Start from zero in a new process; the earlier counts belong to the parent."""
        self.process = f"{os.getpid():x}-{secrets.token_hex(4)}"
        self._lock = threading.RLock()  # a finalizer may run in a thread that holds it
        self._local = threading.local()
        self._shards: list[Table] = []
        self._retired: Table = {}
        self._baseline: Table = {}
        self._writes: dict[str, dict[Source, float]] = {}
        self._history = History()
        self._reset_seen = ""
        self._published_at = self._clock()
        self._due_at = self._published_at + self._interval_s
        self._publishing = threading.Lock()

    # Counting

    def counters(self, table: str) -> Counters:
        """Return this thread's counters of a table; only this thread may add to them."""
        try:
            shard: Table = self._local.owner.table
        except AttributeError:
            shard = self._new_shard()
        found = shard.get(table)
        if found is None:
            found = shard[table] = Counters()
        return found

    def _new_shard(self) -> Table:
        owner = self._local.owner = _Owner()
        with self._lock:
            self._shards.append(owner.table)
        weakref.finalize(owner, self._retire, owner.table).atexit = False
        return owner.table

    def _retire(self, shard: Table) -> None:
        with self._lock:
            for index, candidate in enumerate(self._shards):
                if candidate is shard:
                    del self._shards[index]
                    _add(self._retired, shard)
                    return

    def snapshot(self) -> dict[str, Counters]:
        """Add up what this process counted since the last reset, per table."""
        total: Table = {}
        with self._lock:
            _add(total, self._retired)
            for shard in self._shards:
                _add(total, shard)
            _add(total, self._baseline, sign=-1)
        return total

    def reset(self) -> None:
        """Restart from zero in this process, and in the others at their next publication."""
        with self._lock:
            self._reset_here()
        self._reset_seen = secrets.token_hex(4)
        self._put(self._key("reset"), self._reset_seen, self._LIFE_S)
        self.publish()

    def _reset_here(self) -> None:
        # Other threads keep adding to their shards, which therefore cannot be emptied. Subtract
        # their current sum instead.
        _add(self._baseline, self.snapshot())
        self._history.clear()

    def note_write(self, tables: Iterable[str], source: Source) -> None:
        """Note that rows of these tables have just changed; published within about a second."""
        now = time.time()
        with self._lock:
            for table in tables:
                self._writes.setdefault(table, {})[source] = now
        self._due_at = min(self._due_at, self._published_at + _WRITES_INTERVAL_S)
        self.publish_if_due()

    # Over processes

    def is_due(self) -> bool:
        return bool(self._interval_s) and self._clock() >= self._due_at

    def publish_if_due(self) -> None:
        """Publish the totals if that is due. Not called on a hit, which is a single round trip."""
        if self.is_due() and self._publishing.acquire(blocking=False):
            try:
                due = self.is_due()
                self._published_at = self._clock()
                self._due_at = self._published_at + self._interval_s
            finally:
                self._publishing.release()
            if due:
                self._run(self.publish)

    def publish(self) -> None:
        """Publish the totals of this process, and add it to the list of processes. Never raise."""
        found = self._get_many((self._key(""), self._key("reset")))
        if found is None:
            return
        reset = _text(found.get(self._key("reset")))
        if reset and reset != self._reset_seen:
            self._reset_seen = reset
            with self._lock:
                self._reset_here()
        processes = _names(found.get(self._key("")))
        if self.process not in processes:
            # Two processes in a race lose one name; its owner adds it again when it next publishes.
            self._put(self._key(""), json.dumps([*processes, self.process][-256:]), self._LIFE_S)
        counted = self.snapshot()
        self._put(self._key(self.process), json.dumps(_plain(counted)), self._LIFE_S)
        with self._lock:
            self._note_minute(counted)
            writes, minutes = (
                json.dumps(self._writes) if self._writes else "",
                self._history.to_json(),
            )
        if writes:
            self._put(self._writes_key(self.process), writes, self._LIFE_S)
        self._put(self._minutes_key(self.process), minutes, self._LIFE_S)

    def _note_minute(self, counted: Table) -> None:
        tables = counted.values()
        self._history.note(
            sum(one.hits + one.bounded for one in tables),
            sum(one.misses for one in tables),
            sum(one.bypasses + one.stale for one in tables),
            time.time(),
        )

    def overview(self) -> Overview:
        """
        Return the counts of all processes, as last published; this process's are current.

        The number of calls to the cache does not depend on the number of processes and tables. If
        the cache does not answer, only this process is counted.
        """
        self.publish()
        listed = self._get_many((self._key(""),)) or {}
        others = [name for name in _names(listed.get(self._key(""))) if name != self.process]
        keys = [
            key(name) for name in others for key in (self._key, self._writes_key, self._minutes_key)
        ]
        found = (self._get_many(keys) if keys else None) or {}
        with self._lock:
            told = [(True, {table: dict(sources) for table, sources in self._writes.items()})]
            minutes = self._history.minutes()
        told += [(False, _writes(found.get(self._writes_key(name)))) for name in others]
        for name in others:
            minutes += from_json(_text(found.get(self._minutes_key(name))))
        total: Table = self.snapshot()
        for name in others:
            _add(total, _counted(found.get(self._key(name))))
        return Overview(total, _latest(told), last_hour(minutes, time.time()))

    def total(self) -> dict[str, Counters]:
        """
        Add up the counters of all processes, per table.

        Those of other processes are as last published. If the cache does not answer, only this
        process is counted.
        """
        return self.overview().totals

    def _writes_key(self, process: str) -> str:
        return self._key(f"{process}:w")

    def _minutes_key(self, process: str) -> str:
        return self._key(f"{process}:m")

    def last_writes(self) -> dict[str, list[LastWrite]]:
        """
        Return the last writes of each table, by source, here and in other processes; latest first.

        A write of this process that a webhook or realtime reports as well (its echo) appears twice,
        once for each source. Writes before the last restart of a process are forgotten after a day.
        """
        return self.overview().writes


def _counted(text: object) -> Table:
    try:
        return {
            table: Counters(**counts) for table, counts in json.loads(_text(text) or "{}").items()
        }
    except (AttributeError, TypeError, ValueError):  # left by another version of this library
        return {}


def _latest(
    told: Iterable[tuple[bool, dict[str, dict[Source, float]]]],
) -> dict[str, list[LastWrite]]:
    """Merge the last writes of this process (True) and of others."""
    found: dict[str, dict[tuple[Source, bool], float]] = {}
    for here, writes in told:
        for table, sources in writes.items():
            latest = found.setdefault(table, {})
            for source, at in sources.items():
                latest[source, here] = max(at, latest.get((source, here), 0.0))
    return {
        table: sorted((LastWrite(at, *who) for who, at in latest.items()), reverse=True)
        for table, latest in found.items()
    }


def _writes(text: object) -> dict[str, dict[Source, float]]:
    try:
        found = json.loads(_text(text) or "{}")
        return {
            str(table): {source: float(at) for source, at in sources.items() if source in _SOURCES}
            for table, sources in found.items()
        }
    except (AttributeError, TypeError, ValueError):  # left by another version of this library
        return {}


def _add(total: Table, more: Mapping[str, Counters], sign: int = 1) -> None:
    for table, counters in list(more.items()):
        total.setdefault(table, Counters()).add(counters, sign)


def _plain(table: Table) -> dict[str, dict[str, float]]:
    return {name: asdict(counters) for name, counters in table.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else ""


def _names(value: object) -> list[str]:
    try:
        names = json.loads(_text(value) or "[]")
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
