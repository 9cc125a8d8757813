"""
The model checker for tokens of values: rows move between values, and lists of some values are read.

It plays the schedules of ``model`` over one table. A list must show each row as it was at, or after, the version that the reader has to
see. So the checker looks for any choice of such versions that explains the whole answer: pages and counts are answers, too.

The server stamps a write when it arrives, and may apply it later than one that arrived after it (``inverted``). It refuses a
conditional write if the row has a later stamp than the one that was read. Other clients write without telling the cache. Without the
condition, or against inverted stamps, a cache that has lost keys while a row was being written cannot know of its writer: the
schedule then ends.

A block reads some of its rows, changes them, some of it in a savepoint that is rolled back, and stages what is left. It compares the
rows with what it has read, and commits. The server refuses the commit if a row has a later stamp than the staging, or if another block
that has read the same version of a row was committed.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from appwrite_orm_django.cache.operations import Loaded, LoadFailed
from appwrite_orm_django.cache.protocol import Claimed, Protocol, ReadOptions, ReadPlan, ValueKeys

from .model import (
    ENTRY_TTL,
    LOCK_TTL,
    SPACE,
    Chaos,
    Step,
    Violation,
    World,
    Write,
    draw_chaos,
)

ROWS = ("c1", "c2", "c3")
Value = str | None  # None: there is no such row
State = dict[str, tuple[int, Value]]
View = Callable[[State], bytes]


def value_key(value: str) -> str:
    return SPACE.value("c", "category", value)


def _list(values: str, offset: int = 0, limit: int = 3) -> View:
    def view(state: State) -> bytes:
        rows = [n for n, row in enumerate(ROWS) if state[row][1] and state[row][1] in values]
        return bytes(
            byte for n in rows[offset : offset + limit] for byte in (n, state[ROWS[n]][0] % 256)
        )

    return view


def _count(values: str) -> View:
    return lambda state: bytes([len(_list(values)(state)) // 2])


def _get(row: str) -> View:
    return lambda state: bytes([state[row][0] % 256]) if state[row][1] else b""


def _by_value(name: str, values: str, view: View) -> tuple[ReadPlan, View, str]:
    return SPACE.plan(name, ["c"], pinned=("c", [value_key(one) for one in values])), view, values


# Each read with what it shows, and the values on whose tokens it depends, if on any.
PLANS: list[tuple[ReadPlan, View, str]] = [
    _by_value("x", "x", _list("x")),
    _by_value("y", "y", _list("y")),
    _by_value("z", "z", _list("z")),
    _by_value("x page 1", "x", _list("x", 0, 1)),
    _by_value("x page 2", "x", _list("x", 1, 1)),
    _by_value("xy", "xy", _list("xy")),
    _by_value("count y", "y", _count("y")),
    (SPACE.plan("all", ["c"]), _list("xyz"), ""),
    (SPACE.plan("get", ["c"], ("c", "c1")), _get("c1"), ""),
]


@dataclass(eq=False)
class Change(Write):
    """A request: what it makes of each row. "" keeps the value, None deletes the row."""

    to: dict[str, Value] = field(default_factory=dict)
    kind: str = "update"
    since: int | None = None
    stamp: int = 0
    # Of a block: the rows that it creates, what it has read of which versions, when it was staged, and what it rolls back.
    creates: frozenset[str] = frozenset()
    read: dict[str, Value] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    staged_at: int | None = None
    dropped: dict[str, Value] = field(default_factory=dict)
    # Of an increment: the value of the row, as the answer shows it.
    answer: Value = None
    marked: tuple[str, ...] = ()


class ValuesWorld(World):
    """The world of one schedule."""

    KINDS: ClassVar = {"update": 8, "delete": 2, "create": 2, "all": 2, "commit": 2}

    def __init__(self, protocol: type[Protocol], seed: int, chaos: Chaos) -> None:
        super().__init__(protocol, seed, chaos)
        self.is_conditional = self.random.random() < 0.5
        self.is_inverted = not self.is_conditional or self.random.random() < 0.3
        self.has_others = (
            self.is_conditional and not self.is_inverted and self.random.random() < 0.5
        )
        # Few kinds of reads and writes in one schedule, so that they meet: most on one row.
        self.by_value = self.random.sample(PLANS, self.random.randint(1, 2))
        self.changes = self.random.choices(tuple(self.KINDS), tuple(self.KINDS.values()), k=3)
        self.values = self.random.choice(("xyz", "xyz", "xy"))
        self.is_crowded = self.random.random() < 0.5
        self.states: dict[str, list[Value]] = {
            row: [self.random.choice(self.values)] for row in ROWS
        }
        self.server = dict.fromkeys(ROWS, 0)
        self.returned = dict(self.server)
        self.stamps = dict.fromkeys(ROWS, 0)
        self.committed: set[tuple[str, int]] = set()
        # By row: of each write of another client of which the cache has not heard, the version that had returned before, and its own.
        self.unheard: dict[str, list[tuple[int, int]]] = {row: [] for row in ROWS}
        self.clock = 0
        self.in_flight = 0
        self.is_over = False
        self.ways: dict[str, int] = {}

    def count(self, way: str) -> None:
        self.ways[way] = self.ways.get(way, 0) + 1

    def lose(self, keys: list[str]) -> None:
        super().lose(keys)
        if self.in_flight and (self.is_inverted or not self.is_conditional):
            self.is_over = True

    # The server

    def _next_stamp(self) -> int:
        self.clock += 1
        return self.clock

    def apply(self, write: Write) -> None:
        assert isinstance(write, Change)
        if self._refusal(write):  # it comes late
            return
        stamp = write.stamp if self.is_inverted else self._next_stamp()
        self.committed.update(write.seen.items())
        for row, value in write.to.items():
            old = self.states[row][-1]
            if old is None and row not in write.creates:
                continue
            if write.kind == "increment":
                write.answer = old
                # Other clients have moved it since it was read; its answer shows that, if it comes.
                write.unprotected |= old is not None and value_key(old) not in write.marked
            self.states[row].append(old if value == "" else value)
            self.server[row] = len(self.states[row]) - 1
            self.stamps[row] = stamp
            write.versions[row] = self.server[row]
        write.applied_at = self.now
        self.history.append(
            f"@{self.now} applied {write.kind} "
            + str({row: (n, self.states[row][n]) for row, n in write.versions.items()})
        )

    def _refusal(self, write: Change) -> str:
        if write.kind in ("all", "commit", "other"):
            return "" if write.kind != "other" or self._exists(write.rows[0]) else "refused"
        if any(self._exists(row) is (row in write.creates) for row in write.to):
            return "refused"
        if not write.seen.items().isdisjoint(self.committed):
            return "conflict"
        since = write.since if write.staged_at is None else write.staged_at
        late = since is not None and any(self.stamps[row] > since for row in write.to)
        return "conflict" if late else ""

    def _exists(self, row: str) -> bool:
        return self.states[row][-1] is not None

    # Actors

    def reader(self, process: int, reads: int) -> Step:
        protocol = self.protocol()
        for _ in range(reads):
            if self.is_over:
                return
            plan, view, values = self.random.choice(self.by_value)
            allowed = self._allowed(self.floor(), values)

            def load(view: View = view) -> Step:
                yield
                body = view({row: (self.server[row], self.states[row][-1]) for row in ROWS})
                yield
                if self.random.randrange(1000) < self.chaos.failing:
                    return LoadFailed()
                return Loaded(body, body, 1.0, 0.0)

            options = ReadOptions(
                ENTRY_TTL,
                fill=self.random.random() < 0.9,
                early=(lambda _: self.random.random() < 0.2),
                lease_above_s=0.5 if self.random.random() < 0.5 else None,
                lease_ttl=3,
                max_bytes=0 if self.random.random() < 0.05 else 1 << 20,
            )
            try:
                reading = yield from self.run(protocol.read(plan, options), load, process)
            except LoadFailed:
                yield
                continue
            if self.is_over:
                return
            self.outcomes[reading.outcome] = self.outcomes.get(reading.outcome, 0) + 1
            seen = (
                bytes(reading.entry[18 + 8 * len(plan.tokens) :])
                if reading.entry
                else reading.loaded.value
            )
            self.history.append(
                f"@{self.now} {process} {plan.entry[-4:]} {reading.outcome} {reading.reason} saw {list(seen)}"
            )
            if not self._explains(view, seen, allowed):
                raise Violation(
                    f"seed {self.seed} ({self.is_conditional=} {self.is_inverted=} {self.chaos}): "
                    f"nothing of {allowed} and later, to {self.server}, explains {list(seen)}\n"
                    + "\n".join(self.history[-40:])
                )
            yield

    def _allowed(self, least: dict[str, int], values: str) -> dict[str, list[int]]:
        """
        Return the versions of each row that a read may show: those that had returned, and what became of them in the meantime.

        A list that the row was in before another client moved it, unheard, may still show it there, even if it was written since.
        """
        return {
            row: [
                *(
                    n
                    for returned, version in self.unheard[row]
                    for n in range(returned, min(version, least[row]))
                    if (self.states[row][n] or "-") in values
                ),
                least[row],
            ]
            for row in ROWS
        }

    def _explains(self, view: View, seen: bytes, allowed: dict[str, list[int]]) -> bool:
        choices = (
            [
                (n, self.states[row][n])
                for n in (*range(self.server[row], allowed[row][-1], -1), *allowed[row])
            ]
            for row in ROWS
        )
        return any(
            view(dict(zip(ROWS, chosen, strict=True))) == seen
            for chosen in itertools.product(*choices)
        )

    def writer(self, name: str) -> Step:
        protocol = self.protocol()
        for _ in range(self.random.randint(1, 4)):
            write = self._drawn()
            self.writes.append(write)
            self.history.append(f"@{self.now} {name} begins {write.kind} {write.to}")
            self.in_flight += 1
            try:
                if write.kind == "block":
                    yield from self._write_block(protocol, name, write)
                elif len(write.rows) == 1:
                    yield from self._write_row(protocol, name, write)
                else:
                    yield from self._write_rows(protocol, name, write)
            finally:
                # A killed writer's request may still come.
                self.in_flight -= write.closed

    def _drawn(self) -> Change:
        kind = self.random.choice(self.changes)
        value = "" if self.random.random() < 0.15 else self.random.choice(self.values)
        rows = self.random.choices(ROWS, (4, 1, 1) if self.is_crowded else None)
        if kind == "block":
            return self._drawn_block(rows)
        if kind == "commit":
            rows = self.random.sample(ROWS, 2)
        if kind == "create":
            value = value or "x"
        if kind == "increment":
            value = ""
        to: dict[str, Value] = dict.fromkeys(
            ROWS if kind == "all" else rows, None if kind == "delete" else value
        )
        return Change(
            tuple(to),
            deadline=self.now + LOCK_TTL,
            to=to,
            kind=kind,
            creates=frozenset(rows if kind == "create" else ()),
        )

    def _drawn_block(self, rows: list[str]) -> Change:
        if self.random.random() < 0.4:
            rows = [*rows, *(row for row in self.random.sample(ROWS, 1) if row not in rows)]
        dropped = {
            row: self.random.choice(self.values) for row in ROWS if self.random.random() < 0.2
        }
        to: dict[str, Value] = {
            row: self.random.choice((None, "", *self.values, *self.values)) for row in rows
        }
        return Change(tuple(to), deadline=self.now + LOCK_TTL, to=to, kind="block", dropped=dropped)

    def _write_row(self, protocol: Protocol, name: str, write: Change) -> Step:
        (row,) = write.rows
        value = write.to[row]
        at = SPACE.values("c", row)
        keys = (*SPACE.written([], [("c", row)]), *([value_key(value)] if value else []))
        begun_at = self.now
        claimed = yield from self._claimed_and_known(protocol, name, write, at, keys)
        if not claimed.stored:
            write.closed = True
            return
        write.marked = claimed.keys
        end = yield from self._send(write)
        if end == "conflict":
            self.count("conflict")
            claimed = yield from self.run(protocol.doubt(claimed), None, -1)
            if claimed.stored:
                again = Change(
                    write.rows,
                    deadline=write.deadline,
                    to=write.to,
                    kind=write.kind,
                    unprotected=write.unprotected,
                )
                self.writes.append(again)
                end, write = (yield from self._send(again)), again
        self.count("certain" if claimed.known else "unknown")
        if write.kind == "increment":
            claimed = claimed.with_keys(self._keys_of_answer(at, write, end))
        yield from self._end(protocol, name, write, claimed, begun_at, end)

    def _claimed_and_known(
        self, protocol: Protocol, name: str, write: Change, at: ValueKeys, keys: tuple[str, ...]
    ) -> Step:
        claimed = yield from self.run(protocol.claim([at], keys), None, -1)
        if not claimed.undisturbed:
            return claimed
        old, write.since = yield from self._read_row(name, write)
        return (yield from self.run(protocol.know(claimed, {at.unknown: old}), None, -1))

    def _read_row(self, name: str, write: Change) -> Step:
        """Read the row that is to be written; return the keys of its values, and the condition of the write."""
        if write.kind == "create":  # it succeeds only if there was no row
            return [], None
        yield
        if self.random.randrange(1000) < self.chaos.failing:
            return None, None
        (row,) = write.rows
        old, stamp = self.states[row][-1], self.stamps[row]
        self.history.append(f"@{self.now} {name} read {row} {old}")
        yield
        is_conditional = self.is_conditional and write.kind != "increment"
        return [value_key(old)] if old else [], stamp if is_conditional else None

    def _keys_of_answer(self, at: ValueKeys, write: Change, end: str) -> list[str]:
        if end == "ambiguous":
            return [at.unknown]
        return [value_key(write.answer)] if write.answer else []

    def _end(
        self,
        protocol: Protocol,
        name: str,
        write: Change,
        claimed: Claimed,
        begun_at: int,
        end: str,
    ) -> Step:
        is_refused = end in ("refused", "conflict") and not claimed.known
        while not (
            yield from self.run(
                protocol.settle(claimed.keys)
                if is_refused
                else protocol.end(claimed, ambiguous=end == "ambiguous"),
                None,
                -1,
            )
        ):
            yield
        self._note_returned(name, write, end)
        if end != "ambiguous" and not protocol.is_due(self.now - begun_at):
            yield from self.run(protocol.release(claimed), None, -1)

    def _write_rows(self, protocol: Protocol, name: str, write: Change) -> Step:
        begun_at = self.now
        at = SPACE.values("c")
        keys = (
            SPACE.written(["c"])
            if write.kind == "all"
            else (*SPACE.written([], [("c", row) for row in write.rows]), at.unknown)
        )
        claimed = yield from self.run(protocol.claim([at], keys), None, -1)
        if not claimed.stored:
            write.closed = True
            return
        end = yield from self._send(write)
        yield from self._end(protocol, name, write, claimed, begun_at, end)

    # A block

    def _write_block(self, protocol: Protocol, name: str, write: Change) -> Step:
        yield from self._read_in_block(write)
        begun_at = self.now
        rows = dict.fromkeys((*write.to, *write.dropped))
        keys = (
            *SPACE.written([], [("c", row) for row in rows]),
            *map(value_key, self._new_values_of_block(write)),
        )
        locks = [SPACE.values("c", row) for row in write.to]
        claimed = yield from self.run(protocol.claim(locks, keys), None, -1)
        if not claimed.stored:
            write.closed = True
            return
        write.staged_at = self._next_stamp() if self.is_conditional else None
        yield
        old = yield from self._checked(name, write)
        if old is None:
            write.closed = True
            yield from self._end(protocol, name, write, claimed, begun_at, "refused")
            return
        unknown = SPACE.unknown("c")
        keys_of_old = [value_key(one) for one in old if one]
        claimed = yield from self.run(protocol.know(claimed, {unknown: keys_of_old}), None, -1)
        if not claimed.stored:
            write.closed = True
            return
        yield from self._dawdle()
        end = yield from self._send(write)
        if end == "ambiguous" and self.random.random() < 0.7:
            end = yield from self._settled_by_mark(write)
        if end == "applied":
            self.count("block, certain" if claimed.known else "block, unknown")
        yield from self._end(protocol, name, write, claimed, begun_at, end)

    def _read_in_block(self, write: Change) -> Step:
        seen = {}
        for row in write.to:
            yield
            if self.random.random() < 0.7:
                write.seen[row] = self.server[row]
            seen[row] = self.states[row][-1]
        write.creates = frozenset(row for row, old in seen.items() if old is None)
        for row in write.creates:
            write.seen.pop(row, None)
            write.to[row] = write.to[row] or "x"
        write.read = seen
        yield from self._dawdle()

    def _dawdle(self) -> Step:
        for _ in range(self.random.choice((1, 1, 60))):
            yield

    def _new_values_of_block(self, write: Change) -> list[str]:
        return [value for value in write.to.values() if value]

    def _checked(self, name: str, write: Change) -> Step:
        """Read the rows after the staging; return their values, None if they are not as the block has seen them."""
        yield
        if self.random.randrange(1000) < self.chaos.failing:
            return None
        old = {row: self.states[row][-1] for row in write.to}
        is_as_seen = all(self.server[row] == seen for row, seen in write.seen.items())
        self.history.append(f"@{self.now} {name} checked {old} {is_as_seen=}")
        yield
        return list(old.values()) if is_as_seen else None

    def _settled_by_mark(self, write: Change) -> Step:
        """Ask whether a commit was applied, so that it never will be if it was not."""
        yield
        write.closed = True
        yield
        write.known = write.applied_at is not None
        return "applied" if write.known else "refused"

    def _note_returned(self, name: str, write: Change, end: str) -> None:
        for row, version in write.versions.items() if write.known else ():
            self.returned[row] = max(self.returned[row], version)
        self.history.append(f"@{self.now} {name} returned {end}")

    def _send(self, write: Write) -> Step:
        assert isinstance(write, Change)
        yield
        if self.now >= write.deadline:
            write.closed = True
            return "refused"
        write.sent = True
        write.stamp = self._next_stamp()
        yield
        throw = self.random.randrange(1000)
        if throw < self.chaos.ambiguous:
            return "ambiguous"
        if write.applied_at is None and not write.closed:
            write.closed = True
            if refusal := self._refusal(write):
                return refusal
            if throw < self.chaos.ambiguous + self.chaos.refused:
                return "refused"
            self.apply(write)
        yield
        write.known = write.applied_at is not None
        return "applied" if write.known else "refused"

    def other_client(self) -> Step:
        """Write without telling the cache, which hears of it afterwards, by a webhook."""
        protocol = self.protocol()
        for _ in range(self.random.randint(1, 3)):
            for _ in range(self.random.randrange(10)):
                yield
            row = self.random.choice(ROWS)
            write = Change(
                (row,), deadline=self.now, to={row: self.random.choice("xyz")}, kind="other"
            )
            before = self.returned[row]
            if not self._refusal(write):
                self.apply(write)
            unheard = [(before, version) for version in write.versions.values()]
            self.unheard[row] += unheard
            yield
            while not (yield from self.run(protocol.settle(SPACE.written(["c"])), None, -1)):
                yield
            for one in unheard:
                self.unheard[row].remove(one)
            for row, version in write.versions.items():
                self.returned[row] = max(self.returned[row], version)

    # The schedule

    def play(self, *, writers: int = 4, readers: int = 3, steps: int = 1000) -> None:
        actors: dict[str, Step] = {f"w{n}": self.writer(f"w{n}") for n in range(writers)}
        if self.has_others:
            actors["other"] = self.other_client()
        actors |= {
            f"r{n}": self.reader(max(0, n - 1), self.random.randint(8, 25)) for n in range(readers)
        }
        self._interleave(actors, steps)
        for _ in range(LOCK_TTL + 1):
            self._tick()
            for _ in self.reader(7, 3):
                pass

    def _tick(self) -> None:
        for write in self.writes:
            if not write.closed and write.deadline <= self.now + 1:
                write.closed = True
                may = write.sent and write.applied_at is None and not self._refusal(write)
                if may and self.random.random() < 0.7:
                    self.apply(write)
        self.now += 1


class BlocksWorld(ValuesWorld):
    """A world in which most writes are blocks or increments."""

    KINDS: ClassVar = {**ValuesWorld.KINDS, "increment": 2, "block": 8}


class PairWorld(ValuesWorld):
    """A world of two writers that want the same two rows: blocks both, others one of them."""

    def __init__(self, protocol: type[Protocol], seed: int, chaos: Chaos) -> None:
        super().__init__(protocol, seed, chaos)
        self.changes = ["update", "block"]
        self.by_value = self.random.sample(PLANS[:3], 2)

    def play(self, *, writers: int = 2, readers: int = 3, steps: int = 1000) -> None:
        super().play(writers=writers, readers=readers, steps=steps)

    def _drawn(self) -> Change:
        write = super()._drawn()
        if write.kind != "block":
            row = self.random.choice(ROWS[:2])
            return replace(write, rows=(row,), to={row: next(iter(write.to.values()))})
        return self._drawn_block(self.random.sample(ROWS[:2], 2))


class CountingWorld(ValuesWorld):
    """A world of two writers that increment rows, which another client moves."""

    def __init__(self, protocol: type[Protocol], seed: int, chaos: Chaos) -> None:
        super().__init__(protocol, seed, chaos)
        self.is_conditional, self.is_inverted, self.has_others = True, False, True
        self.changes, self.is_crowded = ["increment"], True

    def play(self, *, writers: int = 2, readers: int = 3, steps: int = 1000) -> None:
        super().play(writers=writers, readers=readers, steps=steps)


def draw(seed: int) -> Chaos:
    """Draw the troubles of a schedule: fewer than in ``model``, since more has to meet."""
    throw = random.Random(-seed - 7)
    chaos = draw_chaos(seed)
    if throw.random() < 0.6:
        chaos = replace(
            chaos,
            tick=throw.choice((5, 30)),
            evict=0,
            flush=0,
            crash=0,
            fault=0,
            failing=0,
            older=0,
        )
        chaos = replace(chaos, refused=0, ambiguous=0)
    return chaos


def draw_unanswered(seed: int) -> Chaos:
    """Draw schedules in which many requests are not answered, and come late."""
    return replace(draw(-seed), ambiguous=300, late=30, tick=30, evict=0, flush=0, older=0, fault=0)


def check(
    protocol: type[Protocol],
    seeds: range,
    draw: Callable[[int], Chaos] = draw,
    world: type[ValuesWorld] = ValuesWorld,
) -> tuple[dict[str, int], dict[str, int]]:
    """Play one schedule per seed; return how often each outcome and each way to write was seen. Raises Violation."""
    outcomes: dict[str, int] = {}
    ways: dict[str, int] = {}
    for seed in seeds:
        played = world(protocol, seed, draw(seed))
        played.play()
        for total, part in ((outcomes, played.outcomes), (ways, played.ways)):
            for name, count in part.items():
                total[name] = total.get(name, 0) + count
    return outcomes, ways
