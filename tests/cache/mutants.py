"""Protocols with one mistake each, as small variations of the real one. The model checker must find every mistake."""

import math
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from appwrite_orm_django.cache import entries
from appwrite_orm_django.cache.operations import (
    Bump,
    Drop,
    GetMany,
    Lease,
    Load,
    Mint,
    Operation,
    Pause,
    ReadRow,
)
from appwrite_orm_django.cache.protocol import (
    AgeBound,
    Claimed,
    Protocol,
    Reading,
    ReadOptions,
    ReadPlan,
    ValueKeys,
    is_token,
)


class BumpOnlyBefore(Protocol):
    """Changes the tokens before the write and leaves it at that."""

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        return (yield from super().settle(keys))

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        yield from ()
        return True


class TokenAfterLoad(Protocol):
    """Looks up the tokens of an entry when its rows have come."""

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        found = (yield GetMany(plan.keys)) or {}
        entry = found.get(plan.entry)
        if entry is not None and entries.is_valid(entry, tuple(map(found.get, plan.tokens))):
            return Reading("hit", entry=entry)
        loaded = yield Load(sealed=True)
        found = (yield GetMany(plan.keys)) or {}
        tokens = self._known(tuple(map(found.get, plan.tokens)))
        if tokens is None:
            fresh = {key: self.new_token() for key in plan.tokens}
            yield Mint(fresh, self.lock_ttl, only_if_absent=False)
        elif min(tokens) > 0:
            yield from self._fill(plan, tokens, loaded, options)
        return Reading("miss", loaded=loaded)


class CounterTokens(Protocol):
    """Counts writes where the real one draws random numbers; what is evicted starts again."""

    def _next(self, keys: Iterable[str], sign: int) -> Generator[Operation, Any, bool]:
        keys = list(keys)
        found = (yield GetMany(keys)) or {}
        return (
            yield Bump({key: sign * (abs(found.get(key) or 0) + 1) for key in keys}, self.lock_ttl)
        )

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        self.new_token = lambda: 1  # type: ignore[method-assign]
        return (yield from self._next(keys, -1))

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        return (yield from self._next(keys, 1))


class OneSharedSlot(Protocol):
    """
    Marks writes in flight in a slot beside a long-lived token, as many designs do; whoever ends first clears it for all.

    With several slots, taken at random, the same happens whenever two writers meet in one.
    """

    slots = 1

    def _slots(self, key: str) -> list[str]:
        return [f"{key}:slot{n}" for n in range(self.slots)]

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        program = super().read(plan, options)
        answer: Any = None
        while True:
            try:
                operation = program.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(operation, GetMany):
                slots = (slot for key in plan.tokens for slot in self._slots(key))
                answer = yield GetMany((*operation.keys, *slots), operation.tokens)
                for key in plan.tokens:
                    if answer and any(is_token(answer.get(slot)) for slot in self._slots(key)):
                        answer[key] = -abs(answer.get(key) or 1)
            else:
                answer = yield operation

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        self.taken = [self._slots(key)[self.new_token() % self.slots] for key in keys]
        intents = {slot: self.new_token() for slot in self.taken}
        return (yield Bump(intents | {key: self.new_token() for key in keys}, self.lock_ttl))

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        cleared = dict.fromkeys(self.taken, 0)
        return (yield Bump({key: self.new_token() for key in keys} | cleared, self.token_ttl))

    def leave_open(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        yield from ()
        return True


class BumpOnlyAfter(Protocol):
    """Says nothing before the write: a writer that dies has said nothing at all."""

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        yield from ()
        return True


class NeverRenews(Protocol):
    """Announces a write once, however many requests it makes, and however long that takes."""

    def is_due(self, age: float) -> bool:
        return False


class RenewsTooLate(Protocol):
    """Renews a notice only when it is over: not the request that is in flight by then."""

    def is_due(self, age: float) -> bool:
        return age >= self.lock_ttl


class LongLivedAfterWrite(Protocol):
    """Lets a writer's last token live long, as if no other write could be in flight."""

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        return (yield Bump({key: self.new_token() for key in keys}, self.token_ttl))


class LongLivedUnconditionalMint(Protocol):
    """Sets tokens that were missing a moment ago for long, over whatever a writer has put there since."""

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        program = super().read(plan, options)
        answer: Any = None
        while True:
            try:
                operation = program.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(operation, Mint):
                operation = Mint(operation.tokens, self.token_ttl, only_if_absent=False)
            answer = yield operation


class AbsentIsAToken(Protocol):
    """Takes a token that is not there for one that has not changed."""

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        program = super().read(plan, options)
        answer: Any = None
        while True:
            try:
                operation = program.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = yield operation
            if isinstance(operation, GetMany) and answer is not None:
                answer = dict.fromkeys(plan.tokens, 1) | answer


class MintWithTheFill(Protocol):
    """
    Adds a token that was absent when the rows have come, together with the entry: one round trip less.

    That it is absent still does not tell that no write has ended meanwhile, if the cache may forget.
    """

    only_if_absent = True

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        found = (yield GetMany(plan.keys)) or {}
        entry = self.serve(plan, found)
        if entry is not None:
            return Reading("hit", entry=entry)
        tokens = tuple(found.get(key) or self.new_token() for key in plan.tokens)
        missing = {
            key: token for key, token in zip(plan.tokens, tokens, strict=True) if key not in found
        }
        loaded = yield Load(sealed=True)
        can_mint = min(tokens) > 0 and len(missing) <= 1
        if can_mint and (
            not missing or (yield Mint(missing, self.token_ttl, only_if_absent=self.only_if_absent))
        ):
            yield from self._fill(plan, tokens, loaded, options)
        return Reading("miss", loaded=loaded)


class SetWithTheFill(MintWithTheFill):
    """The same without asking whether a writer has put a token there: one ``set_many`` of token and entry."""

    only_if_absent = False


# Of ``AgeBound``


class AgeSinceTheFill(AgeBound):
    """Counts the age from the end of the load; what was read at its beginning is older."""

    def allows(self, header):
        return super().allows(header._replace(load_s=0.0))


class AgeWithoutOwnWrites(AgeBound):
    """Does not know when the reader has written."""

    def allows(self, header):
        return AgeBound(*self._replace(since=-math.inf)).allows(header)


class AgeByOneClock(AgeBound):
    """Takes all clocks to be equal."""

    def allows(self, header):
        return AgeBound(*self._replace(skew_s=0)).allows(header)


class AgeAtAll(AgeBound):
    """Serves an entry as long as it lives."""

    def allows(self, header):
        return AgeBound(*self._replace(max_age=math.inf)).allows(header)


class AnyEntryAfterTheLease(Protocol):
    """Waits for the process that loads, and takes the entry that is there then, whatever tokens it carries."""

    def _await_lease(
        self, plan: ReadPlan, key: str, entry: bytes | None, options: ReadOptions
    ) -> Generator[Operation, Any, tuple[Reading | None, bool]]:
        if (yield Lease(key, options.lease_ttl)):
            return None, True
        yield Pause(0, options.lease_ttl)
        found = (yield GetMany((*plan.keys, key))) or {}
        there = found.get(plan.entry)
        return None if there is None else Reading("hit", "joined", entry=there), False


# Tokens of values


class ReadsTheOldValueFirst(Protocol):
    """Reads the row before it claims and marks it."""

    def begin_row(self, at: ValueKeys, keys: Sequence[str]) -> Generator[Operation, Any, Claimed]:
        old = yield ReadRow()
        return (yield from _answering(super().begin_row(at, keys), old))


class IgnoresTheOldValue(Protocol):
    """Changes the tokens of the row's new values only: a row that moves or is deleted stays where it was."""

    def begin_row(self, at: ValueKeys, keys: Sequence[str]) -> Generator[Operation, Any, Claimed]:
        return (yield from _answering(super().begin_row(at, keys), []))


def _answering(
    program: Generator[Operation, Any, Claimed], old: Any
) -> Generator[Operation, Any, Claimed]:
    answer: Any = None
    while True:
        try:
            operation = program.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = old if isinstance(operation, ReadRow) else (yield operation)


class MarksTheOldValueAtTheEnd(Protocol):
    """Says nothing of the old values before the write: a writer that dies never does."""

    def begin_row(self, at: ValueKeys, keys: Sequence[str]) -> Generator[Operation, Any, Claimed]:
        program, answer, bumps = super().begin_row(at, keys), None, 0
        while True:
            try:
                operation = program.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(operation, Bump):
                bumps += 1
            answer = True if isinstance(operation, Bump) and bumps > 1 else (yield operation)


class NeverLooksAgain(Protocol):
    """Looks for other writers before it reads the row, and not at the end."""

    def end_row(
        self, at: ValueKeys, claimed: Claimed, *, ambiguous: bool
    ) -> Generator[Operation, Any, bool]:
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(claimed.keys))


class LooksOnlyAtTheEnd(Protocol):
    """Does not look for other writers before it reads the row."""

    def _undisturbed(
        self, at: ValueKeys, token: int
    ) -> Generator[Operation, Any, tuple[bool, object]]:
        self.looks = getattr(self, "looks", 0) + 1
        undisturbed, begun = yield from super()._undisturbed(at, token)
        return (True, begun) if self.looks % 2 else (undisturbed, begun)


class LeavesNoFlag(Protocol):
    """Finds the row claimed, and does not tell the holder of the lock that there are two."""

    def _mark(
        self, at: ValueKeys, claimed: Claimed, **others: int
    ) -> Generator[Operation, Any, bool]:
        keys = claimed._replace(token=claimed.token or 1)
        return (yield from super()._mark(at, keys, **others))


class ClearsTheFlag(Protocol):
    """Deletes the flag with the lock, though the other writer may still be at work."""

    def release(self, at: ValueKeys) -> Generator[Operation, Any, None]:
        yield Drop(at.lock)
        yield Drop(at.contended)


class ReleasesBeforeTheEnd(Protocol):
    """Lets others claim the row before the end of the write is stored."""

    def end_row(
        self, at: ValueKeys, claimed: Claimed, *, ambiguous: bool
    ) -> Generator[Operation, Any, bool]:
        yield Drop(at.lock)
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(claimed.keys))


class ReleasesAfterAll(Protocol):
    """Releases the lock of a write that may still be applied, or one that has expired."""

    def end_row(
        self, at: ValueKeys, claimed: Claimed, *, ambiguous: bool
    ) -> Generator[Operation, Any, bool]:
        stored = yield from super().end_row(at, claimed, ambiguous=ambiguous)
        yield Drop(at.lock)
        return stored


class WritesRowsUnseen(Protocol):
    """Writes any rows without telling those who write single ones."""

    def begin_rows(self, at: ValueKeys, keys: Sequence[str]) -> Generator[Operation, Any, Claimed]:
        return Claimed((yield from self.begin(keys)), tuple(keys), 0)


class WritesRowsWithoutALock(Protocol):
    """Marks the beginning of a write of any rows, and takes no lock."""

    def begin_rows(self, at: ValueKeys, keys: Sequence[str]) -> Generator[Operation, Any, Claimed]:
        marks = {key: -self.new_token() for key in keys} | {at.begun: self.new_token()}
        return Claimed((yield Bump(marks, self.lock_ttl)), tuple(keys), 0)


class WritesRowsWithoutAMark(Protocol):
    """Takes the lock of the table, and leaves no mark when it lets it go."""

    def _mark(
        self, at: ValueKeys, claimed: Claimed, **others: int
    ) -> Generator[Operation, Any, bool]:
        return (yield from super()._mark(at._replace(table_lock=""), claimed, **others))


class ForgetsUnknownValues(Protocol):
    """Does not change the token of unknown values when the values of a row are not certain."""

    def end_row(
        self, at: ValueKeys, claimed: Claimed, *, ambiguous: bool
    ) -> Generator[Operation, Any, bool]:
        keys = tuple(key for key in claimed.keys if key != at.unknown)
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(keys))
