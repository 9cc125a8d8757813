"""
Define the consistency protocol, without I/O.

The protocol consists of generators that yield cache operations and are sent the answers. The driver
and the model checker (``tests/cache/model.py``) run this same code. The full argument is in
``docs/explanation/cache-protocol.md``; in short:

* Each table (and, for ``get(pk)``, each row) has one *token*: a random number that never repeats.
  An entry carries the tokens read **before** its load and is served only while they are current.
* A write stores a new token before it is sent and another after its end. Because of the second, a
  read that starts after the write returned cannot be served anything older. The first covers a
  writer that dies in between, or never learns the outcome of its request.
* A write of many requests stores a new first token before each request that comes more than a third
  of ``lock_ttl`` after the last one. So the token outlives every request by two thirds, and nothing
  is cached in between.
* A writer's token lives ``lock_ttl`` seconds and no longer. So anything loaded while another write
  was in flight expires with its token, even if that writer was killed and a third writer has
  overwritten all its traces. This replaces write-intent slots: two writers can share a slot, and
  the first to finish clears it for both.
* Only a token made because there was *none* lives long: absence proves that no write began within
  the last ``lock_ttl`` seconds.

Tokens are integers because django-redis stores those raw. A negative token means that a write is in
flight, or that its outcome is unknown.
"""

import secrets
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import reduce
from operator import xor
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from . import entries
from .operations import (
    GIVEN_UP,
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

#: Part of every key. A release that changes the meaning of tokens must change it; then writes of
#: one release are not seen by the other.
VERSION = 2

Outcome = Literal["hit", "miss", "bypass", "stale"]
Reason = Literal["", "down", "writing", "raced", "joined", "early", "max_age"]


class Reading(NamedTuple):
    """
    The outcome of a read.

    ``entry`` is the sealed entry to decode on a hit; otherwise ``loaded`` is the result of the
    load. ``stored`` is the size in bytes of what was put into the cache, 0 if nothing was.
    """

    outcome: Outcome
    reason: Reason = ""
    entry: bytes | None = None
    loaded: Loaded | None = None
    stored: int = 0


class ReadPlan(NamedTuple):
    """
    The keys of one read.

    ``tokens`` are the keys of the tokens that it depends on. ``marks`` pairs the mark of each table
    with the index of its token. ``lease`` is the prefix of the lease's key. ``keys`` is ``(*tokens,
    entry)``, kept because every read needs it.
    """

    entry: str
    tokens: tuple[str, ...]
    marks: tuple[tuple[str, int], ...]
    lease: str
    keys: tuple[str, ...]


# A reader replaces an entry that may still be served in the last part of its ``max_age``: the last
# quarter, or earlier if a load takes long.
_REPLACED_BEFORE = 1 / 4
_LOADS_AHEAD = 2


class AgeBound(NamedTuple):
    """
    The bound within which a read may be served an entry that a write has invalidated.

    ``max_age``: seconds since the entry's load began. ``since``: Unix time at which the reader itself
    has last written; its load must have begun later. ``skew_s``: seconds by which the clock of the
    machine that loaded may be ahead of this one. ``clock``: Unix time on this machine.
    """

    max_age: float
    since: float
    skew_s: float
    clock: Callable[[], float]

    def allows(self, header: entries.Header) -> bool:
        """
        Return whether an entry may be served.

        An entry from the future is not: a clock has been set back, so its age is unknown.
        """
        now = self.clock()
        begun_at = header.begun_at - self.skew_s
        return (
            self.since < begun_at
            and header.filled_at <= now <= begun_at + self.max_age
            and now < header.filled_at + header.timeout_s
        )

    def is_due(self, header: entries.Header) -> bool:
        """Return whether it is time to replace an entry that may still be served."""
        left_s = header.begun_at - self.skew_s + self.max_age - self.clock()
        return left_s <= max(self.max_age * _REPLACED_BEFORE, header.load_s * _LOADS_AHEAD)


class ReadOptions(NamedTuple):
    """
    The options of one read.

    ``timeout``: seconds that an entry lives, jitter included. ``fill``: whether it may be stored.
    ``early``: decides from a valid entry's header whether to reload it before it expires.
    ``lease_above_s``: ask for a cross-process lease if the last load took longer, or it is unknown
    how long it took; None never asks. ``lease_ttl``: the longest life of a lease, in seconds.
    ``expected_s``: how long a load takes, where no older entry tells; None if unknown.
    ``skip_entry``: ignore the entry found, because it could not be decoded. ``max_bytes``: do not
    store a larger body. ``grace``: seconds to keep an entry beyond its timeout. ``bound``: the age at
    which an entry may be served that a write has invalidated; None never serves one.
    """

    timeout: float
    fill: bool = True
    early: Callable[[entries.Header], bool] | None = None
    lease_above_s: float | None = None
    lease_ttl: float = 10.0
    expected_s: float | None = None
    skip_entry: bool = False
    max_bytes: int = 1 << 30
    grace: float = 0.0
    bound: AgeBound | None = None


class ValueKeys(NamedTuple):
    """
    The keys by which a write of a table with tokens of values finds out who else writes.

    ``lock`` is that of a row, or of the whole table for a write of any rows; ``contended`` is its
    flag. The others are those of the table: its lock and flag, and the mark that changes when a
    write of any rows begins. ``unknown`` is the key of the token of unknown values.
    """

    lock: str
    contended: str
    table_lock: str
    table_contended: str
    begun: str
    unknown: str

    @property
    def is_of_row(self) -> bool:
        return self.lock != self.table_lock


class Claimed(NamedTuple):
    """
    A write that was announced with ``claim``.

    ``stored``: whether the announcement is known to be stored. ``keys``: the tokens to change at
    the end. ``locks``: the token of each lock, 0 if another writer holds it. ``undisturbed``: the
    locks of rows that nobody else was writing, with the mark of their table as it was then.
    ``known``: the tables whose rows have no other old values than those in ``keys``, as long as
    nobody else turns out to have written them; each as the key of its token of unknown values.
    """

    stored: bool
    keys: tuple[str, ...]
    locks: Mapping[ValueKeys, int]
    undisturbed: Mapping[ValueKeys, object] = {}
    known: frozenset[str] = frozenset()

    def with_keys(self, keys: Iterable[str]) -> "Claimed":
        return self._replace(keys=tuple(dict.fromkeys((*self.keys, *keys))))

    def __or__(self, other: "Claimed") -> "Claimed":
        return self.with_keys(other.keys)._replace(locks={**self.locks, **other.locks})


def random_token() -> int:
    """Return a new token: positive, 62 random bits. A chance match would take some 2**61 tries."""
    return secrets.randbits(62) + 1


def renewed(token: int) -> int:
    """Return another token of the same sign, to be stored instead of one that may be stored."""
    return random_token() if token > 0 else -random_token()


def is_token(value: object) -> bool:
    """Return whether a cached value can be a token; any other program's data counts as absent."""
    return type(value) is int and value != 0 and -(1 << 63) < value < 1 << 63


# A write renews its notice after this share of ``lock_ttl``. The rest of ``lock_ttl`` must outlast
# any single request.
_RENEWED_AFTER = 1 / 3

# A lease outlives the load that it is for by a good measure, but a holder that was killed should
# not keep others waiting for long.
_SHORTEST_LEASE_S = 1.0


def lock_ttl_for(request_s: float) -> float:
    """
    Return the least ``lock_ttl`` under which a request is announced for as long as it is in flight.

    Args:
        request_s: the longest that a request may be in flight. Both are seconds.
    """
    return request_s / (1 - _RENEWED_AFTER)


# The protocol


class Protocol:
    """
    The rules for tokens and entries; holds no state.

    Args:
        lock_ttl: seconds that a writer's token lives. It must be at least ``lock_ttl_for`` the
            longest time from sending a request until the server can no longer apply it: the HTTP
            timeouts plus the server's own limit (15 s on 1.9).
        token_ttl: seconds that a token made from absence lives, at least as long as entries do.
    """

    def __init__(self, *, lock_ttl: float, token_ttl: float) -> None:
        self.lock_ttl = lock_ttl
        self.token_ttl = token_ttl

    def new_token(self) -> int:
        return random_token()

    # Reading

    def read(self, plan: ReadPlan, options: ReadOptions) -> Generator[Operation, Any, Reading]:
        """
        Serve an entry or load one.

        A hit is one ``GetMany``. A miss takes one more round trip for ``Fill``, and before it one
        each for ``Mint`` and ``Lease`` where they are needed.

        An entry within ``options.bound`` is served without a load, until it is due. Then the reader
        that gets a lease loads, and all others are still served. The lease is named after the tokens
        of the entry to be replaced, because the current ones may change with every write.
        """
        found = yield GetMany(plan.keys, len(plan.tokens))
        if found is None:
            return Reading("bypass", "down", loaded=(yield Load(sealed=False)))
        entry = None if options.skip_entry else self.serve(plan, found)
        early = (
            entry is not None and options.early is not None and options.early(entries.header(entry))
        )
        if entry is not None and not early:
            return Reading("hit", entry=entry)
        entry = found.get(plan.entry)
        values = tuple(map(found.get, plan.tokens))
        recent = None if early else self._recent(entry, options)
        if recent is not None and not self._may_replace(recent, values, options):
            return Reading("stale", "max_age", entry=recent)

        tokens = self._known(values)
        if tokens is None and not options.fill:
            return Reading("bypass", loaded=(yield Load(sealed=False)))
        if tokens is None:
            tokens, reason = yield from self._mint(plan, values)
            if tokens is None and recent is not None:
                return Reading("stale", "max_age", entry=recent)
            if tokens is None:
                return Reading("bypass", reason, loaded=(yield Load(sealed=False)))
        lease = ""
        if recent is not None:
            lease = f"{plan.lease}{reduce(xor, entries.tokens(recent)):x}a"
            if min(tokens) < 0 or not (yield Lease(lease, self._lease_life_s(recent, options))):
                return Reading("stale", "max_age", entry=recent)
        joined = yield Join(plan.entry, tokens)
        if joined is not None:
            return Reading("miss", "joined", loaded=joined)
        if min(tokens) < 0:
            return Reading("bypass", "writing", loaded=(yield Load(sealed=True)))

        if recent is None and not early and self._wants_lease(entry, options):
            lease = f"{plan.lease}{reduce(xor, tokens):x}"
            served, is_holder = yield from self._await_lease(plan, lease, entry, options)
            if served is not None:
                return served
            lease = lease if is_holder else ""
        try:
            loaded = yield Load(sealed=True)
        except LoadFailed:
            if lease:
                yield Release(lease)
            raise
        stored = yield from self._fill(plan, tokens, loaded, options)
        if not stored and lease:
            yield Release(lease)
        if not stored and entry is not None and options.fill:
            yield Drop((plan.entry,))
        return Reading("miss", "early" if early else "", loaded=loaded, stored=stored)

    def serve(self, plan: ReadPlan, found: Mapping[str, Any]) -> bytes | None:
        """Return the entry if it carries exactly the tokens found with it; only this is a hit."""
        entry = found.get(plan.entry)
        if entry is not None and entries.is_valid(entry, tuple(map(found.get, plan.tokens))):
            return entry  # type: ignore[no-any-return]
        return None

    def _recent(self, entry: object, options: ReadOptions) -> bytes | None:
        """Return an entry that may be served whatever its tokens, because of its age."""
        if options.bound is None or options.skip_entry or not entries.is_entry(entry):
            return None
        return entry if options.bound.allows(entries.header(entry)) else None  # type: ignore[return-value,arg-type]

    def _may_replace(self, recent: bytes, values: tuple[object, ...], options: ReadOptions) -> bool:
        """Return whether an entry that may be served is due, and what replaces it can be stored."""
        assert options.bound is not None  # noqa: S101 - else there is no such entry
        is_writing = any(is_token(value) and value < 0 for value in values)  # type: ignore[operator]
        return options.fill and not is_writing and options.bound.is_due(entries.header(recent))

    def _known(self, values: tuple[object, ...]) -> tuple[int, ...] | None:
        return values if all(map(is_token, values)) else None  # type: ignore[return-value]

    def _mint(
        self, plan: ReadPlan, values: tuple[object, ...]
    ) -> Generator[Operation, Any, tuple[tuple[int, ...] | None, Reason]]:
        """
        Make the missing tokens before the load.

        A single missing token is *added*. Success proves that no write is in flight, so the token
        may live long. Several would need several round trips, so they are set instead. That is an
        invalidation and always safe, but proves nothing; these tokens live ``lock_ttl``.
        """
        for _ in range(2):
            if any(is_token(value) and value < 0 for value in values):  # type: ignore[operator]
                return None, "writing"
            missing = [
                key for key, value in zip(plan.tokens, values, strict=True) if not is_token(value)
            ]
            if not missing:
                return self._known(values), ""
            fresh = {key: self.new_token() for key in missing}
            alone = len(fresh) == 1
            done = yield Mint(
                fresh, self.token_ttl if alone else self.lock_ttl, only_if_absent=alone
            )
            if done:
                return tuple(
                    fresh.get(key, value)  # type: ignore[arg-type]
                    for key, value in zip(plan.tokens, values, strict=True)
                ), ""
            # Another process has added one since, which serves as well.
            found = yield GetMany(plan.keys, len(plan.tokens))
            if found is None:
                return None, "down"
            values = tuple(map(found.get, plan.tokens))
        return self._known(values), "raced"

    def _wants_lease(self, entry: bytes | None, options: ReadOptions) -> bool:
        # A fast load is not worth a round trip.
        if options.lease_above_s is None or not options.fill:
            return False
        takes_s = self._expected_s(entry, options)
        return takes_s is None or takes_s >= options.lease_above_s

    def _expected_s(self, entry: bytes | None, options: ReadOptions) -> float | None:
        """Return how long the load will take: as long as that of the stale entry, if there is one."""
        if entry is not None and entries.is_entry(entry):
            return entries.header(entry).load_s
        return options.expected_s

    def _lease_life_s(self, entry: bytes | None, options: ReadOptions) -> float:
        takes_s = self._expected_s(entry, options)
        life_s = options.lease_ttl if takes_s is None else max(_SHORTEST_LEASE_S, 4 * takes_s)
        return min(life_s, options.lease_ttl, options.timeout)

    def _await_lease(
        self, plan: ReadPlan, key: str, entry: bytes | None, options: ReadOptions
    ) -> Generator[Operation, Any, tuple[Reading | None, bool]]:
        """
        Serve an entry that another process has stored; else return whether this one may load.

        The key contains the tokens, so a lease needs no release after a load that was stored: the
        entry is served, and the next invalidation changes the key. No lease outlives the entry.
        """
        life_s = self._lease_life_s(entry, options)
        if (yield Lease(key, life_s)):
            return None, True
        attempt = 0
        while (yield Pause(attempt, life_s)):
            attempt += 1
            found = yield GetMany((*plan.keys, key))
            if found is None:
                return None, False
            served = self.serve(plan, found)
            if served is not None:
                return Reading("hit", "joined", entry=served), False
            served = self._recent(found.get(plan.entry), options)
            if served is not None:
                return Reading("stale", "max_age", entry=served), False
            held = found.get(key)
            if held == GIVEN_UP:
                return None, False
            if held is None and (yield Lease(key, life_s)):
                return None, True
        return None, False

    def _fill(
        self, plan: ReadPlan, tokens: tuple[int, ...], loaded: Loaded, options: ReadOptions
    ) -> Generator[Operation, Any, int]:
        if loaded.body is None or not options.fill or len(loaded.body) > options.max_bytes:
            return 0
        if len(tokens) > entries.MAX_TOKENS:
            return 0
        entry = entries.seal(
            tokens, loaded.body, load_s=loaded.seconds, filled_at=loaded.at, timeout=options.timeout
        )
        items: dict[str, int | bytes] = {plan.entry: entry}
        items.update((mark, tokens[index]) for mark, index in plan.marks)
        stored = yield Fill(items, options.timeout + options.grace)
        return len(entry) if stored else 0

    # Writing

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """
        Announce that a write of these tables and rows is about to be sent, or continues.

        Return False if that could not be stored. The token may differ from the previous one,
        because any negative token means the same to readers.
        """
        stored: bool = yield Bump({key: -self.new_token() for key in keys}, self.lock_ttl)
        return stored

    def is_due(self, age: float) -> bool:
        """Return whether a notice of this age (seconds) must be renewed before a request."""
        return age > self.lock_ttl * _RENEWED_AFTER

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """
        Record the definite end of a write, applied or refused; also invalidate by hand.

        The token lives ``lock_ttl`` and no longer. Another write of the same table may still be in
        flight, and if its writer dies, rows loaded from now on may lack it.
        """
        stored: bool = yield Bump(
            {key: self.new_token() for key in keys}, self.lock_ttl, urgent=True
        )
        return stored

    def leave_open(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """
        Record that the outcome of a write is unknown.

        The server may still apply it, so reads bypass the cache for ``lock_ttl``.
        """
        stored: bool = yield Bump(
            {key: -self.new_token() for key in keys}, self.lock_ttl, urgent=True
        )
        return stored

    # Writing rows of tables with tokens of values

    def claim(
        self, locks: Sequence[ValueKeys], keys: Sequence[str]
    ) -> Generator[Operation, Any, Claimed]:
        """
        Announce a write of rows, or of any rows of a table, and claim their locks.

        The values that rows have are certain if nobody else can have written them between the
        moment at which they are read and the write. So a writer claims each row before it reads it,
        and looks for other writers then and at the end (``end``). Otherwise it changes the token of
        unknown values as well. After this call, the values of the rows are read and told to
        ``know``, before the request that writes.

        Several writes of any rows at a time could hide each other from the writers of single rows,
        so these take no values for certain for ``lock_ttl`` then.

        Args:
            locks: of each row, or of each table of which any row may change.
            keys: the keys of the tokens that change in any case: table, rows, new values. For a
                table of which any row may change, one that all entries by value carry.
        """
        token = self.new_token()
        got = yield Claim({one.lock: token for one in locks}, self.lock_ttl)
        held = {one: token if one.lock in got else 0 for one in locks}
        taken = [one.unknown for one in locks if one.is_of_row and not held[one]]
        claimed = Claimed(False, (), held).with_keys((*keys, *taken))
        stored = yield from self._mark(claimed)
        undisturbed = yield from self._undisturbed(claimed)
        disturbed = [
            one.unknown
            for one in locks
            if one.is_of_row and one not in undisturbed and one.unknown not in claimed.keys
        ]
        if disturbed:
            claimed = claimed.with_keys(disturbed)
            stored &= yield from self.begin(disturbed)
        return claimed._replace(stored=stored, undisturbed=undisturbed)

    def know(
        self, claimed: Claimed, old: Mapping[str, Sequence[str] | None]
    ) -> Generator[Operation, Any, Claimed]:
        """
        Announce the values that the rows have; call it after they were read.

        Args:
            old: the keys of the tokens of the old values, by the key of the token of unknown values
                of their table. None if they cannot be known.
        """
        sure = {table: keys for table, keys in old.items() if table not in claimed.keys}
        more = claimed.with_keys(
            key for table, keys in sure.items() for key in ((table,) if keys is None else keys)
        )
        new = more.keys[len(claimed.keys) :]
        stored = not new or (yield from self.begin(new))
        known = [table for table, keys in sure.items() if keys is not None]
        return more._replace(stored=claimed.stored and stored, known=claimed.known.union(known))

    def _undisturbed(self, claimed: Claimed) -> Generator[Operation, Any, dict[ValueKeys, object]]:
        """
        Return the locks of rows that no other writer may be writing, with the marks of their tables.

        Tables whose token of unknown values changes anyway are left out.
        """
        asked = [
            one
            for one, token in claimed.locks.items()
            if token and one.is_of_row and one.unknown not in claimed.keys
        ]
        if not asked:
            return {}
        found = (yield GetMany(tuple(dict.fromkeys(key for one in asked for key in one)))) or {}
        return {
            one: found.get(one.begun)
            for one in asked
            if found.get(one.lock) == claimed.locks[one]
            and not any(map(found.get, (one.contended, one.table_lock, one.table_contended)))
        }

    def end(self, claimed: Claimed, *, ambiguous: bool) -> Generator[Operation, Any, bool]:
        """
        Record the end of a write begun with ``claim``, as ``settle`` or ``leave_open`` does.

        If another writer may have written a row as well, or the values of a row were never known,
        the token of unknown values of its table changes, too. A write that was refused before its
        old values were looked for needs only ``settle``.
        """
        now = yield from self._undisturbed(claimed)
        claimed = claimed.with_keys(
            one.unknown
            for one in claimed.locks
            if one.is_of_row
            and not (
                one.unknown in claimed.known
                and one in claimed.undisturbed
                and (one, claimed.undisturbed[one]) in now.items()
            )
        )
        return (yield from (self.leave_open if ambiguous else self.settle)(claimed.keys))

    def _mark(
        self, claimed: Claimed, locks: Mapping[str, int] = MappingProxyType({})
    ) -> Generator[Operation, Any, bool]:
        marks = {key: -self.new_token() for key in claimed.keys}
        for at, token in claimed.locks.items():
            if not token:
                # The holder of the lock must see this before the request is sent, and so must any
                # later one as long as the request may be in flight.
                marks[at.contended] = self.new_token()
            if not at.is_of_row:
                marks[at.begun] = self.new_token()
        stored: bool = yield Bump(marks, self.lock_ttl, locks=locks)
        return stored

    def hold(self, claimed: Claimed) -> Generator[Operation, Any, bool]:
        """Announce that a write continues, as ``begin`` does, and keep its locks."""
        locks = {at.lock: token for at, token in claimed.locks.items() if token}
        return (yield from self._mark(claimed, locks))

    def doubt(self, claimed: Claimed) -> Generator[Operation, Any, Claimed]:
        """Announce that the values of the rows are not certain after all; nothing was written."""
        unknown = dict.fromkeys(at.unknown for at in claimed.locks)
        stored = yield from self.begin(unknown)
        return claimed.with_keys(unknown)._replace(stored=stored, known=frozenset())

    def release(self, claimed: Claimed) -> Generator[Operation, Any, None]:
        """
        Release the locks that are held; call it only while ``is_due`` is False for their age.

        Later they may have expired, and be another writer's.
        """
        held = tuple(at.lock for at, token in claimed.locks.items() if token)
        if held:
            yield Drop(held)

    # By hand

    def freshness(
        self, tables: Sequence[tuple[str, str]]
    ) -> Generator[Operation, Any, tuple[bool, ...] | None]:
        """
        Return for each (token key, mark key) whether something was loaded under the current token.

        Return None if the cache did not answer. ``Fill`` sets the mark together with the entry, so
        this costs readers nothing.
        """
        found = yield GetMany([key for pair in tables for key in pair])
        if found is None:
            return None
        return tuple(
            is_token(token := found.get(key)) and token > 0 and found.get(mark) == token
            for key, mark in tables
        )

    def mark_fresh(
        self, tables: Sequence[tuple[str, str]], timeout: float
    ) -> Generator[Operation, Any, bool]:
        """
        Make ``freshness`` true without loading anything.

        This cannot revive an entry that a write has invalidated, because tokens never repeat. A
        token of a write in flight is replaced, which also ends the bypass after a write whose
        outcome was unknown.
        """
        found = yield GetMany([key for key, _ in tables])
        if found is None:
            return False
        replaced = {
            key: self.new_token()
            for key, _ in tables
            if not is_token(found.get(key)) or found[key] < 0
        }
        if replaced and not (yield Bump(replaced, self.lock_ttl)):
            return False
        marks: dict[str, int | bytes] = {
            mark: replaced.get(key) or found[key] for key, mark in tables
        }
        stored: bool = yield Fill(marks, timeout)
        return stored

    def tokens(self, keys: Sequence[str]) -> Generator[Operation, Any, tuple[int, ...] | None]:
        """
        Return the current tokens, minting those that are missing.

        Return None if none can be relied on: a write is in flight, or the cache is down. Tokens
        change with every write, so they serve as an ETag that costs one round trip.
        """
        found = yield GetMany(keys, len(keys))
        if found is None:
            return None
        values = tuple(map(found.get, keys))
        known = self._known(values)
        if known is None:
            plan = ReadPlan("", tuple(keys), (), "", tuple(keys))
            known, _ = yield from self._mint(plan, values)
        return None if known is None or min(known) < 0 else known
