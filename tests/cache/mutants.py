"""Protocols with one mistake each, as small variations of the real one. The model checker must find every mistake."""

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
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

from .model import LOCK_TTL
from .values_model import SPACE, ValuesWorld, value_key


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


class IgnoresTheOldValue(Protocol):
    """Changes the tokens of the row's new values only: a row that moves or is deleted stays where it was."""

    def know(
        self, claimed: Claimed, old: Mapping[str, Sequence[str] | None]
    ) -> Generator[Operation, Any, Claimed]:
        return (yield from super().know(claimed, dict.fromkeys(old, ())))


def _with_bumps(
    program: Generator[Operation, Any, Claimed], most: int
) -> Generator[Operation, Any, Claimed]:
    """Store only the first tokens."""
    answer: Any = None
    while True:
        try:
            operation = program.send(answer)
        except StopIteration as stop:
            return stop.value
        most -= isinstance(operation, Bump)
        answer = True if isinstance(operation, Bump) and most < 0 else (yield operation)


class MarksTheOldValueAtTheEnd(Protocol):
    """Says nothing of the old values before the write: a writer that dies never does."""

    def claim(
        self, locks: Sequence[ValueKeys], keys: Sequence[str]
    ) -> Generator[Operation, Any, Claimed]:
        return (yield from _with_bumps(super().claim(locks, keys), 1))

    def know(
        self, claimed: Claimed, old: Mapping[str, Sequence[str] | None]
    ) -> Generator[Operation, Any, Claimed]:
        return (yield from _with_bumps(super().know(claimed, old), 0))


class NeverLooksAgain(Protocol):
    """Looks for other writers before it reads the row, and not at the end."""

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(claimed.keys))


class LooksOnlyAtTheEnd(Protocol):
    """Does not look for other writers before it reads the row."""

    def _undisturbed(self, claimed: Claimed) -> Generator[Operation, Any, dict[ValueKeys, object]]:
        if claimed.undisturbed:
            return (yield from super()._undisturbed(claimed))
        rows = [one for one, token in claimed.locks.items() if token and one.is_of_row]
        if not rows:
            return {}
        found = (yield GetMany(tuple(key for one in rows for key in one))) or {}
        return {one: found.get(one.begun) for one in rows}


class LeavesNoFlag(Protocol):
    """Finds the row claimed, and does not tell the holder of the lock that there are two."""

    def _mark(self, claimed: Claimed, **others: int) -> Generator[Operation, Any, bool]:
        locks = {at: token or 1 for at, token in claimed.locks.items()}
        return (yield from super()._mark(claimed._replace(locks=locks), **others))


class ClearsTheFlag(Protocol):
    """Deletes the flag with the lock, though the other writer may still be at work."""

    def release(self, claimed: Claimed) -> Generator[Operation, Any, None]:
        yield from super().release(claimed)
        flags = tuple(at.contended for at, token in claimed.locks.items() if token)
        if flags:
            yield Drop(flags)


class ReleasesBeforeTheEnd(Protocol):
    """Lets others claim the row before the end of the write is stored."""

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        if any(at.is_of_row for at in claimed.locks):
            yield Drop(tuple(at.lock for at in claimed.locks))
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(claimed.keys))


class ReleasesAfterAll(Protocol):
    """Releases the lock of a write that may still be applied, or one that has expired."""

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        stored = yield from super().end(claimed, ambiguous=ambiguous)
        yield from self.release(claimed)
        return stored


class _OfRows(Protocol):
    """Announces writes of any rows in another way."""

    def claim(
        self, locks: Sequence[ValueKeys], keys: Sequence[str]
    ) -> Generator[Operation, Any, Claimed]:
        if any(one.is_of_row for one in locks):
            return (yield from super().claim(locks, keys))
        marks = {key: -self.new_token() for key in keys} | self.marks(locks)
        return Claimed((yield Bump(marks, self.lock_ttl)), tuple(keys), {})

    def marks(self, locks: Sequence[ValueKeys]) -> dict[str, int]:
        return {}


class WritesRowsUnseen(_OfRows):
    """Writes any rows without telling those who write single ones."""


class WritesRowsWithoutALock(_OfRows):
    """Marks the beginning of a write of any rows, and takes no lock."""

    def marks(self, locks: Sequence[ValueKeys]) -> dict[str, int]:
        return {one.begun: self.new_token() for one in locks}


class WritesRowsWithoutAMark(Protocol):
    """Takes the lock of the table, and leaves no mark when it lets it go."""

    def _mark(self, claimed: Claimed, **others: int) -> Generator[Operation, Any, bool]:
        locks = {at._replace(table_lock=""): token for at, token in claimed.locks.items()}
        return (yield from super()._mark(claimed._replace(locks=locks), **others))


class ForgetsUnknownValues(Protocol):
    """Does not change the token of unknown values when the values of a row are not certain."""

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        settle = self.leave_open if ambiguous else self.settle
        return (yield from settle(_without_unknown(claimed)))


# Tokens of values, of several rows


class ClaimsOneRowOnly(Protocol):
    """Claims the first row of a block, and takes the values of all for certain."""

    def claim(
        self, locks: Sequence[ValueKeys], keys: Sequence[str]
    ) -> Generator[Operation, Any, Claimed]:
        return (yield from super().claim(locks[:1], keys))


class OneUndisturbedRowWillDo(Protocol):
    """Takes the values of all rows for certain if nobody else writes one of them."""

    def claim(
        self, locks: Sequence[ValueKeys], keys: Sequence[str]
    ) -> Generator[Operation, Any, Claimed]:
        claimed = yield from super().claim(locks, keys)
        if not claimed.undisturbed:
            return claimed
        sure = {one: token for one, token in claimed.locks.items() if one in claimed.undisturbed}
        return claimed._replace(locks=sure, keys=_without_unknown(claimed))

    def _mark(self, claimed: Claimed, **others: int) -> Generator[Operation, Any, bool]:
        is_sure = any(one.is_of_row and token for one, token in claimed.locks.items())
        keys = _without_unknown(claimed) if is_sure else claimed.keys
        return (yield from super()._mark(claimed._replace(keys=keys), **others))

    def _undisturbed(self, claimed: Claimed) -> Generator[Operation, Any, dict[ValueKeys, object]]:
        claimed = claimed._replace(keys=_without_unknown(claimed))
        return (yield from super()._undisturbed(claimed))


def _without_unknown(claimed: Claimed) -> tuple[str, ...]:
    unknown = {one.unknown for one in claimed.locks}
    return tuple(key for key in claimed.keys if key not in unknown)


class SaysNothingBeforeTheCommit(Protocol):
    """Claims the rows, and changes tokens only after the commit."""

    def _mark(self, claimed: Claimed, **others: int) -> Generator[Operation, Any, bool]:
        return (yield from super()._mark(claimed._replace(keys=()), **others))

    def know(
        self, claimed: Claimed, old: Mapping[str, Sequence[str] | None]
    ) -> Generator[Operation, Any, Claimed]:
        return (yield from _with_bumps(super().know(claimed, old), 0))


class SaysNothingAfterTheCommit(Protocol):
    """Changes tokens before the commit only."""

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        yield from ()
        return True


# Writers with one mistake each


class ReadsTheRowFirst(ValuesWorld):
    """Reads the row before it claims and marks it."""

    def _claimed_and_known(self, protocol, name, write, at, keys):
        old, write.since = yield from self._read_row(name, write)
        claimed = yield from self.run(protocol.claim([at], keys), None, -1)
        return (yield from self.run(protocol.know(claimed, {at.unknown: old}), None, -1))


class IgnoresTheAnswer(ValuesWorld):
    """Increments a row, and does not look which values the row had by then."""

    def _keys_of_answer(self, at, write, end):
        return []


class TrustsTheReadOfTheBlock(ValuesWorld):
    """Takes the values that a block has read for the old ones, and does not compare them after the staging."""

    def _read_in_block(self, write):
        yield from super()._read_in_block(write)
        for _ in range(150):
            yield

    def _checked(self, name, write):
        yield
        return list(write.read.values())


class ComparesBeforeItClaims(ValuesWorld):
    """Compares the rows of a block before it claims them."""

    def _read_in_block(self, write):
        yield from super()._read_in_block(write)
        write.old = yield from super()._checked("", write)
        for _ in range(150):
            yield

    def _checked(self, name, write):
        yield
        return write.old


class UsesRolledBackValues(ValuesWorld):
    """Changes the tokens of the values that a row has got last, although they were rolled back."""

    def _new_values_of_block(self, write):
        return [value for value in {**write.to, **write.dropped}.values() if value]


class ForgetsWithTheSavepoint(ValuesWorld):
    """Forgets the values of the rows that a savepoint has written as well, when that is rolled back."""

    def _new_values_of_block(self, write):
        return [value for row, value in write.to.items() if value and row not in write.dropped]


class PutsTokensBack(ValuesWorld):
    """Restores the tokens from before a commit that was refused: nothing was written, after all."""

    def _read_in_block(self, write):
        yield from super()._read_in_block(write)
        rows = dict.fromkeys((*write.to, *write.dropped))
        values = map(value_key, filter(None, write.to.values()))
        keys = (*SPACE.written([], [("c", row) for row in rows]), *values)
        write.before = {key: self.peek(key) for key in keys}

    def _end(self, protocol, name, write, claimed, begun_at, end):
        if write.kind == "block" and end in ("refused", "conflict"):
            before = {key: one for key, one in write.before.items() if is_token(one) and one > 0}
            yield from self.perform(Bump(before, LOCK_TTL))
            yield from self.run(protocol.release(claimed), None, -1)
        else:
            yield from super()._end(protocol, name, write, claimed, begun_at, end)
