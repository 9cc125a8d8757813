"""
A model checker for the cache protocol: random schedules of writers, readers, a cache that forgets and a clock, in no real time.

It runs the generators of ``cache.protocol`` themselves. Every step of an actor (a single key read or written, a request sent, a row
applied) is a point where any other may go on, a key may be evicted, everything flushed, the clock tick, a writer be killed, or a
request whose writer is gone be applied after all. A schedule is a seed; a violation prints it and can be replayed.

What is checked, when a read ends: it saw at least

* every write that had *returned* before the read began (invariants 1 and 4: whatever was evicted, flushed or expired meanwhile);
* every write that took effect, though its writer was killed or never learnt of it, ``LOCK_TTL`` before the read began
  (invariant 2), one of many requests included that last longer than a notice lives; if a token was evicted in the middle of such
  a write, once the entries of that time are over;
* with a ``max_age``, if it was served what a write had invalidated: everything that had taken effect so many ticks before the read
  began, and before the reader's own last write.
"""

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_orm_django.cache.keys import KeySpace
from appwrite_orm_django.cache.operations import (
    GIVEN_UP,
    HELD,
    Bump,
    Claim,
    Drop,
    Fill,
    GetMany,
    Join,
    Lease,
    Load,
    Loaded,
    LoadFailed,
    Mint,
    Operation,
    Pause,
    Release,
)
from appwrite_orm_django.cache.protocol import AgeBound, Protocol, ReadOptions, ReadPlan
from appwrite_orm_django.cache.redis_commands import translated

LOCK_TTL = 4
TOKEN_TTL = 30
ENTRY_TTL = 12
# How long one of many requests may be in flight: what is left of a notice when the next one is not due yet.
REQUEST_TTL = 3
CLOCK_SKEW = 1

TABLES = {"a": ("a1", "a2"), "b": ("b1",)}
SPACE = KeySpace("t", "model")
Step = Generator[None, None, Any]


class Violation(AssertionError):
    """A read returned something older than it had to see."""


@dataclass
class Write:
    """One write request: which rows, which tokens, and what became of it."""

    rows: tuple[str, ...]
    deadline: int
    sent: bool = False
    closed: bool = False
    applied_at: int | None = None
    versions: dict[str, int] = field(default_factory=dict)
    unprotected: bool = False
    known: bool = False


@dataclass(eq=False)
class Notice:
    """What the cache was last told of a write that goes on: when, and whether it may have forgotten it since."""

    at: int
    lost: bool = False


@dataclass
class Flight:
    loaded: Loaded | None = None
    over: bool = False


@dataclass(frozen=True)
class Chaos:
    """How likely each kind of trouble is, per thousand steps, and how the cache behaves."""

    tick: int
    evict: int
    flush: int
    crash: int
    late: int
    fault: int
    scattered: bool  # get_many and set_many go key by key, as on LocMem, file and database
    adds: bool  # looking adds tokens that are absent, as it does through django-redis when they are not expected to be there
    refused: int = 100
    ambiguous: int = 200
    grouped: bool = False  # a cluster: each table is on a node of its own, and is asked on its own
    older: int = 0  # how likely a node comes back as it was some time ago, with another identity
    failing: int = 0  # loads that the server does not answer
    requests: int = 1  # how many of them a write makes, at most


def _plans() -> list[tuple[ReadPlan, tuple[tuple[str, ...], ...]]]:
    return [
        (SPACE.plan("list a", ["a"]), (TABLES["a"],)),
        (SPACE.plan("list b", ["b"]), (TABLES["b"],)),
        (SPACE.plan("join", ["a", "b"]), (TABLES["a"], TABLES["b"])),
        (SPACE.plan("get a1", ["a"], ("a", "a1")), (("a1",),)),
        (SPACE.plan("get a1 join b", ["a", "b"], ("a", "A1")), (("a1",), TABLES["b"])),
    ]


PLANS = _plans()
WRITES = [
    (("a1",), SPACE.written([], [("a", "a1")])),
    (("a1",), SPACE.written([], [("a", "A1")])),
    (("a2",), SPACE.written([], [("a", "a2")])),
    (("b1",), SPACE.written([], [("b", "b1")])),
    (("a1", "a2"), SPACE.written(["a"])),
    (("a1", "a2", "b1"), SPACE.written(["a", "b"])),
]


class World:
    """Cache, server, clock and actors of one schedule."""

    def __init__(
        self,
        protocol: type[Protocol],
        seed: int,
        chaos: Chaos,
        *,
        join_any_tokens: bool = False,
        identified: bool = True,
        bound: type[AgeBound] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.bound = bound
        self.bounds = random.Random(f"bounds {seed}")
        self.ends: dict[int, dict[str, int]] = {}
        self.seed = seed
        self.chaos = chaos
        self.make_protocol = protocol
        # Few kinds of reads and writes in one schedule, so that they meet.
        self.plans = self.random.sample(PLANS, self.random.randint(1, 2))
        self.kinds = self.random.sample(WRITES, self.random.randint(1, 3))
        self.join_any_tokens = join_any_tokens
        self.now = 0
        self.store: dict[str, tuple[Any, int]] = {}
        self.server = {row: 0 for rows in TABLES.values() for row in rows}
        self.returned = dict(self.server)
        self.writes: list[Write] = []
        self.notices: list[Notice] = []
        self.history: list[str] = []
        self.flights: dict[tuple[int, str, object], Flight] = {}
        self.outcomes: dict[str, int] = {}
        self.identified = identified
        self.identities: dict[str, int] = {}
        self.dumps: dict[str, dict[str, tuple[Any, int]]] = {}

    # The cache

    def peek(self, key: str) -> Any:
        found = self.store.get(key)
        if found is None or found[1] <= self.now:
            return None
        return self._translated(key, found[0])

    def put(self, key: str, value: Any, timeout: float) -> None:
        self.store[key] = (self._translated(key, value), self.now + int(timeout))

    def _translated(self, key: str, value: Any) -> Any:
        """Numbers are stored in terms of the node's identity, as ``redis_commands`` does."""
        if type(value) is not int or not self.identified:
            return value
        return translated(value, self.identities.get(self._node(key), 0))

    def _node(self, key: str) -> str:
        return key[key.index("{") : key.index("}")] if self.chaos.grouped else ""

    def come_back_older(self) -> None:
        """A node dumps what it has, or is restarted from its last dump, or replaced by a replica that is behind."""
        nodes = sorted({self._node(key) for key in self.store})
        if not nodes:
            return
        node = self.random.choice(nodes)
        mine = {key: value for key, value in self.store.items() if self._node(key) == node}
        if node not in self.dumps or self.random.random() < 0.5:
            self.dumps[node] = mine
            return
        self.history.append(f"@{self.now} {node} comes back older")
        self.lose(list(mine))
        self.store.update(self.dumps[node])
        self.identities[node] = self.random.getrandbits(40)

    def lose(self, keys: list[str]) -> None:
        for key in keys:
            del self.store[key]
        # Whatever was in flight may have lost the only trace of itself: no protocol on a cache alone can tell.
        for write in self.writes:
            if not write.closed and write.applied_at is None:
                write.unprotected = True
        for notice in self.notices:
            notice.lost = True

    def perform(self, operation: Operation) -> Step:
        """Run a cache operation, in as many steps as it has; return what the protocol is to be sent."""
        if self.chaos.fault and self.random.randrange(1000) < self.chaos.fault:
            return (yield from self._fail(operation))
        if isinstance(operation, GetMany) and self.chaos.grouped:
            return (yield from self._look_around(operation))
        if isinstance(operation, GetMany):
            if self.chaos.adds and self.random.random() < 0.7:
                yield from self._add_absent(operation.keys[: operation.tokens])
            found = {}
            for key in self._in_any_order(operation.keys):
                if self.chaos.scattered:
                    yield
                if (value := self.peek(key)) is not None:
                    found[key] = value
            yield
            return found
        if isinstance(operation, Mint) and operation.only_if_absent:
            ((key, token),) = operation.tokens.items()
            absent = self.peek(key) is None
            if absent:
                self.put(key, token, operation.timeout)
            yield
            return absent
        if isinstance(operation, Claim):
            got = set()
            for key in self._in_any_order(operation.locks):
                if self.chaos.scattered and len(operation.locks) > 1:
                    yield
                if self.peek(key) is None:
                    self.put(key, operation.locks[key], operation.life_s)
                    got.add(key)
            yield
            return got
        if isinstance(operation, Lease):
            absent = self.peek(operation.key) is None
            if absent:
                self.put(operation.key, HELD, max(1, operation.life_s))
            yield
            return absent
        if isinstance(operation, Release):
            self.put(operation.key, GIVEN_UP, 1)
            yield
            return True
        if isinstance(operation, Drop):
            for key in operation.keys:
                self.store.pop(key, None)
            yield
            return True
        yield from self._set_many(operation)
        return True

    def _look_around(self, operation: GetMany) -> Step:
        """Ask one node after the other, each in one piece; anything may happen in between."""
        found = {}
        adds = self.chaos.adds and self.random.random() < 0.7
        nodes = list(dict.fromkeys(map(self._node, operation.keys)))
        self.random.shuffle(nodes)
        for node in nodes:
            yield
            keys = [key for key in operation.keys if self._node(key) == node]
            for key in keys:
                if adds and key in operation.keys[: operation.tokens] and self.peek(key) is None:
                    self.put(key, self.random.getrandbits(40) + 1, TOKEN_TTL)
            found.update((key, value) for key in keys if (value := self.peek(key)) is not None)
        yield
        return found

    def _add_absent(self, keys: Sequence[str]) -> Step:
        for key in keys:
            if self.peek(key) is None:
                self.put(key, self.random.getrandbits(40) + 1, TOKEN_TTL)
            yield

    def _set_many(self, operation: Operation) -> Step:
        assert isinstance(operation, Bump | Mint | Fill)
        items = operation.items if isinstance(operation, Fill) else operation.tokens
        if isinstance(operation, Bump):
            items = {**items, **operation.locks}
        for key in self._in_any_order(items):
            if self.chaos.scattered:
                yield
            self.put(key, items[key], operation.timeout)
        yield

    def _in_any_order(self, keys: Any) -> list[str]:
        ordered = list(keys)
        if self.chaos.scattered:
            self.random.shuffle(ordered)
        return ordered

    def _fail(self, operation: Operation) -> Step:
        # The operation may have had its effect all the same: only the answer was lost.
        if isinstance(operation, Bump | Mint | Fill) and self.random.random() < 0.5:
            yield from self._set_many(operation)
        yield
        if isinstance(operation, Claim):
            return set()
        return None if isinstance(operation, GetMany) else False

    # The server

    def apply(self, write: Write) -> None:
        for row in write.rows:
            self.server[row] += 1
            write.versions[row] = self.server[row]
        write.applied_at = self.now
        self.history.append(f"@{self.now} applied {write.versions}")

    def floor(self) -> dict[str, int]:
        """Per row, the version that a read beginning now must at least see."""
        least = dict(self.returned)
        for write in self.writes:
            if write.applied_at is not None:
                grace = TOKEN_TTL + ENTRY_TTL if write.unprotected else LOCK_TTL
                if write.applied_at + grace <= self.now:
                    for row, version in write.versions.items():
                        least[row] = max(least[row], version)
        return least

    # Actors

    def protocol(self) -> Protocol:
        protocol = self.make_protocol(lock_ttl=LOCK_TTL, token_ttl=TOKEN_TTL)
        protocol.new_token = lambda: self.random.getrandbits(40) + 1  # type: ignore[method-assign]
        return protocol

    def run(
        self, program: Generator[Operation, Any, Any], load: Callable[[], Step] | None, process: int
    ) -> Step:
        flight: Flight | None = None
        answer: Any = None
        try:
            while True:
                try:
                    if isinstance(answer, LoadFailed):
                        operation = program.throw(answer)
                    else:
                        operation = program.send(answer)
                except StopIteration as stop:
                    return stop.value
                if isinstance(operation, Load):
                    assert load is not None
                    answer = yield from load()
                    if flight is not None:
                        flight.loaded = None if isinstance(answer, LoadFailed) else answer
                        flight.over = True
                elif isinstance(operation, Pause):
                    yield
                    answer = operation.attempt < 2
                elif isinstance(operation, Join):
                    key = (
                        process,
                        operation.entry,
                        None if self.join_any_tokens else operation.tokens,
                    )
                    other = self.flights.get(key)
                    answer = None
                    if other is not None:
                        while not other.over:
                            yield
                        answer = other.loaded
                    if answer is None:
                        flight = self.flights[key] = Flight()
                else:
                    answer = yield from self.perform(operation)
        finally:
            if flight is not None:
                flight.over = True

    def reader(self, process: int, reads: int) -> Step:
        protocol = self.protocol()
        for _ in range(reads):
            plan, parts = self.random.choice(self.plans)
            least = self.floor()
            bound, least_if_stale = self.draw_bound(process)

            def load(parts: tuple[tuple[str, ...], ...] = parts) -> Step:
                seen: list[int] = []
                begun_at = self.now
                for part in parts:
                    yield
                    seen += [self.server[row] for row in part]
                yield
                if self.random.randrange(1000) < self.chaos.failing:
                    return LoadFailed()
                seconds = 1.0 if self.bound is None else float(self.now - begun_at)
                return Loaded(tuple(seen), bytes(seen), seconds, self.clock(process))

            options = ReadOptions(
                ENTRY_TTL,
                fill=self.random.random() < 0.9,
                early=(lambda _: self.random.random() < 0.2),
                lease_above_s=0.5 if self.random.random() < 0.5 else None,
                lease_ttl=3,
                max_bytes=0 if self.random.random() < 0.05 else 1 << 20,
                bound=bound,
            )
            try:
                reading = yield from self.run(protocol.read(plan, options), load, process)
            except LoadFailed:
                self.history.append(f"@{self.now} {plan.entry[-4:]} failed")
                yield
                continue
            self.outcomes[reading.outcome] = self.outcomes.get(reading.outcome, 0) + 1
            seen = (
                tuple(reading.entry[-sum(map(len, parts)) :])
                if reading.entry
                else reading.loaded.value
            )
            self.history.append(
                f"@{self.now} {plan.entry[-4:]} {reading.outcome} {reading.reason} saw {seen}"
            )
            if reading.outcome == "stale":
                least = least_if_stale
            for row, version in zip((row for part in parts for row in part), seen, strict=True):
                if version < least[row]:
                    raise Violation(
                        f"seed {self.seed}: read {row} version {version}, had to see {least[row]}\n"
                        + "\n".join(self.history[-30:])
                    )
            yield

    def clock(self, process: int) -> int:
        """The time on the machine of a process; they differ by ``CLOCK_SKEW`` at most."""
        return self.now + process % 2 * CLOCK_SKEW

    def draw_bound(self, process: int) -> tuple[AgeBound | None, dict[str, int]]:
        """A read's bound, and per row the version that it must see if it is served an invalidated entry."""
        if self.bound is None or self.bounds.random() < 0.3:
            return None, dict.fromkeys(self.server, 1 << 30)
        max_age, ago = self.bounds.randint(2, 7), self.bounds.choice((1, 3, 100))
        bound = self.bound(
            max_age, self.clock(process) - ago, CLOCK_SKEW, clock=lambda: self.clock(process)
        )
        begun_at = self.now - min(max_age, ago - 1)
        return bound, self.ends.get(begun_at - 1, dict.fromkeys(self.server, 0))

    def writer(self, name: str) -> Step:
        """Write a few times, as a process with STRICT_WRITES: no request without a stored intent, no return without an end."""
        protocol = self.protocol()
        for _ in range(self.random.randint(1, 3)):
            rows, keys = self.random.choice(self.kinds)
            write = Write(rows, deadline=self.now + LOCK_TTL)
            self.writes.append(write)
            self.history.append(f"@{self.now} {name} begins {rows}")
            notice = Notice(self.now)
            self.notices.append(notice)
            if not (yield from self.run(protocol.begin(keys), None, -1)):
                write.closed = True
                continue
            end = yield from self._send(write)
            made = [write]
            if end == "applied" and self.chaos.requests > 1:
                end = yield from self._go_on(protocol, keys, notice, made)
            self.history.append(f"@{self.now} {name} {end}")
            settle = protocol.leave_open if end == "ambiguous" else protocol.settle
            while not (yield from self.run(settle(keys), None, -1)):
                yield
            for write in made:
                for row, version in write.versions.items() if write.known else ():
                    self.returned[row] = max(self.returned[row], version)
            self.history.append(f"@{self.now} {name} returned")

    def _go_on(
        self, protocol: Protocol, keys: tuple[str, ...], notice: Notice, made: list[Write]
    ) -> Step:
        """Make the other requests of a write, until one fails; together they may well last longer than a notice."""
        for _ in range(self.random.randint(0, self.chaos.requests - 1)):
            for _ in range(self.random.randrange(20)):
                yield
            now = self.now
            if protocol.is_due(now - notice.at):
                notice.lost = False
                if not (yield from self.run(protocol.begin(keys), None, -1)):
                    return "ambiguous"
                notice.at = now
            write = Write(made[0].rows, deadline=now + REQUEST_TTL, unprotected=notice.lost)
            self.writes.append(write)
            made.append(write)
            end = yield from self._send(write)
            if end != "applied":
                return end
        return "applied"

    def _send(self, write: Write) -> Step:
        yield
        if self.now >= write.deadline:
            write.closed = True
            return "refused"
        write.sent = True
        yield
        throw = self.random.randrange(1000)
        if throw < self.chaos.ambiguous:
            return "ambiguous"
        if write.applied_at is None and not write.closed:
            write.closed = True
            if throw < self.chaos.ambiguous + self.chaos.refused:
                return "refused"
            self.apply(write)
        yield
        write.known = write.applied_at is not None
        return "applied" if write.known else "refused"

    # The schedule

    def play(self, *, writers: int = 3, readers: int = 3, steps: int = 600) -> None:
        actors: dict[str, Step] = {f"w{n}": self.writer(f"w{n}") for n in range(writers)}
        # Two readers share a process and join each other's loads; the third is alone.
        actors |= {
            f"r{n}": self.reader(max(0, n - 1), self.random.randint(4, 12)) for n in range(readers)
        }
        self._interleave(actors, steps)
        # What was left behind must not surface later either.
        for _ in range(LOCK_TTL + 1):
            self._tick()
            for _ in self.reader(7, 3):
                pass

    def _interleave(self, actors: dict[str, Step], steps: int) -> None:
        turns = self._turns(actors)
        for _ in range(steps):
            if not actors:
                return
            self._trouble(actors)
            if not actors:
                return
            name = next(turns)
            if name in actors:
                try:
                    next(actors[name])
                except StopIteration:
                    del actors[name]

    def _turns(self, actors: dict[str, Step]) -> Iterator[str]:
        # Uneven paces, redrawn now and then: a fair dice hardly ever lets one actor sleep through the whole life of another.
        while True:
            names = list(actors)
            yield from self.random.choices(
                names, [self.random.choice((1, 1, 4, 16)) for _ in names], k=24
            )

    def _trouble(self, actors: dict[str, Step]) -> None:
        chaos = self.chaos
        throw = self.random.randrange(1000)
        if throw < chaos.tick:
            self._tick()
            return
        throw -= chaos.tick
        if throw < chaos.evict:
            if self.store:
                self.lose([self.random.choice(list(self.store))])
            return
        throw -= chaos.evict
        if throw < chaos.flush:
            self.history.append(f"@{self.now} flush")
            self.lose(list(self.store))
            return
        throw -= chaos.flush
        if throw < chaos.crash:
            name = self.random.choice(list(actors))
            self.history.append(f"@{self.now} {name} killed")
            actors.pop(name).close()
            return
        throw -= chaos.crash
        if throw < chaos.older:
            self.come_back_older()
            return
        throw -= chaos.older
        if throw < chaos.late:
            for write in self.writes:
                if write.sent and not write.closed and write.applied_at is None:
                    write.closed = True
                    self.apply(write)
                    return

    def _tick(self) -> None:
        for write in self.writes:
            if not write.closed and write.deadline <= self.now + 1:
                write.closed = True
                if write.sent and write.applied_at is None and self.random.random() < 0.7:
                    self.apply(write)
        self.ends[self.now] = dict(self.server)
        self.now += 1


def draw_chaos(seed: int, *, faults: bool = True) -> Chaos:
    """Draw the troubles of a schedule: calm ones and wild ones, so that rare combinations are not drowned by common ones."""
    throw = random.Random(-seed - 1)
    return Chaos(
        tick=throw.choice((10, 30, 100)),
        evict=throw.choice((0, 0, 5, 30)),
        flush=throw.choice((0, 0, 5)),
        crash=throw.choice((0, 3, 10)),
        late=throw.choice((5, 30)),
        fault=throw.choice((0, 0, 0, 60)) if faults else 0,
        scattered=throw.random() < 0.5,
        adds=throw.random() < 0.5,
        requests=throw.choice((1, 1, 8)),
        failing=throw.choice((0, 0, 100)),
        grouped=throw.random() < 0.3,
        older=throw.choice((0, 0, 20)),
    )


def check(
    protocol: type[Protocol],
    seeds: range,
    *,
    join_any_tokens: bool = False,
    identified: bool = True,
    bound: type[AgeBound] | None = None,
) -> dict[str, int]:
    """Play one schedule per seed; return how often each outcome was seen. Raises Violation."""
    outcomes: dict[str, int] = {}
    for seed in seeds:
        world = World(
            protocol,
            seed,
            draw_chaos(seed),
            join_any_tokens=join_any_tokens,
            identified=identified,
            bound=bound,
        )
        world.play()
        for outcome, count in world.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    return outcomes
