"""
The consistency protocol, without I/O: generators that yield cache operations and are sent their results.

The driver and the model checker (``tests/cache/model.py``) run this one text. The argument for it is in
``docs/explanation/cache-protocol.md``; in short:

* Each table (and, for ``get(pk)``, each row) has one *token*: a random number that never comes back. An entry carries the tokens seen
  **before** its load and is served only while they are the current ones.
* A write puts a new token before it is sent and another after its end. The second is why a read that starts after the write returned
  cannot be served anything older. The first is for a writer that dies in between, or does not learn what became of its request.
* A write of many requests puts a new first token before each of them that comes more than a third of ``lock_ttl`` after the last one:
  whatever it sends, the token outlives it by two thirds, and nothing is cached in between.
* A token put by a writer lives ``lock_ttl`` seconds and no longer. So whatever was loaded while another write was in flight dies
  with its token, even if that other writer was killed, and even if a third writer has overwritten all its traces. This replaces
  write-intent slots, which two writers can share and the first to finish then clears for both.
* Only a token made because there was *none* lives long: absence proves that no write began within the last ``lock_ttl`` seconds.

Tokens are integers because django-redis stores those raw. Negative: a write is in flight, or its end is unknown.
"""

import secrets
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import reduce
from operator import xor
from typing import Any, Literal, NamedTuple, TypeAlias

from . import entries

#: Part of every key. A release in which tokens mean anything else needs another, and then no write of either release is seen by the other.
VERSION = 1

# -- operations ------------------------------------------------------------------------------------------------------------------


class GetMany(NamedTuple):
    """
    Ask for these keys in one round trip. Sent back: a dict of those present, or None if the cache did not answer.

    The first ``tokens`` of them are keys of tokens. A store that can do so in the same round trip may, before it reads, *add* a token
    to live ``token_ttl`` under each of those that is absent, by one atomic ``add`` each.
    """

    keys: Sequence[str]
    tokens: int = 0


class Bump(NamedTuple):
    """
    Store these tokens, whatever is there. Sent back: True only if they are known to be stored.

    ``urgent``: worth an attempt even if the cache did not answer a moment ago.
    """

    tokens: Mapping[str, int]
    timeout: float
    urgent: bool = False


class Mint(NamedTuple):
    """
    Store tokens where there are none.

    With ``only_if_absent`` (always a single token then) the store must be one atomic ``add``. Sent back: True if stored; False if
    not; None if it is worth looking again: another thread of this process minted one since the keys were read, or looking does it.
    """

    tokens: Mapping[str, int]
    timeout: float
    only_if_absent: bool


class Fill(NamedTuple):
    """Store an entry (and the marks of its tables). Sent back: whether it was stored, as far as one knows."""

    items: Mapping[str, int | bytes]
    timeout: float


class Lease(NamedTuple):
    """Ask to be the process that loads: an atomic ``add``. Sent back: False only if another process holds the lease."""

    key: str


class Pause(NamedTuple):
    """Wait a little, longer with each attempt. Sent back: False when there is no patience left."""

    attempt: int


class Join(NamedTuple):
    """
    Ask whether a load of this entry under these very tokens is under way, or just over, in this process.

    Sent back: its ``Loaded``, after waiting for it, or None: this reader is the one who loads.
    """

    entry: str
    tokens: tuple[int, ...]


class Load(NamedTuple):
    """Read from Appwrite. Sent back: a ``Loaded``; with ``sealed``, its body is wanted too."""

    sealed: bool


class Loaded(NamedTuple):
    """What a load brought: the value for the caller, its encoded body (None if it cannot be encoded), how long it took and when."""

    value: Any
    body: bytes | None
    seconds: float
    at: float


Operation: TypeAlias = GetMany | Bump | Mint | Fill | Lease | Pause | Join | Load
Outcome = Literal["hit", "miss", "bypass", "stale"]
Reason = Literal["", "down", "writing", "raced", "joined", "early"]


class Reading(NamedTuple):
    """
    How a read ended.

    ``entry`` is the sealed entry a hit is to be decoded from; ``loaded`` is what was loaded otherwise. ``stored`` is the size in
    bytes of what was put into the cache, 0 if nothing was.
    """

    outcome: Outcome
    reason: Reason = ""
    entry: bytes | None = None
    loaded: Loaded | None = None
    stored: int = 0


class ReadPlan(NamedTuple):
    """
    The keys of one read.

    ``tokens`` are the keys of what it depends on, ``marks`` pairs the mark of each table with the index of its token, ``lease`` is the
    prefix of the lease's key. ``keys`` is ``(*tokens, entry)``, kept because every read needs it.
    """

    entry: str
    tokens: tuple[str, ...]
    marks: tuple[tuple[str, int], ...]
    lease: str
    keys: tuple[str, ...]


class ReadOptions(NamedTuple):
    """
    What a reader wants.

    ``timeout``: seconds an entry lives, jitter included. ``fill``: whether it may be stored. ``early``: decides from a valid entry's
    header whether to load it again before its time. ``max_bytes``: a larger body is not stored. ``grace``: seconds to
    keep an entry beyond its timeout. ``lease_above_s``: ask for a cross-process lease when the last load took longer;
    None never asks. ``skip_entry``: do not serve what is there (it could not be decoded).
    """

    timeout: float
    fill: bool = True
    early: Callable[[entries.Header], bool] | None = None
    lease_above_s: float | None = None
    skip_entry: bool = False
    max_bytes: int = 1 << 30
    grace: float = 0.0


def random_token() -> int:
    """Make a token: positive, 62 random bits. One that met an entry by chance would need some 2**61 tries."""
    return secrets.randbits(62) + 1


def is_token(value: object) -> bool:
    """Tell whether what the cache holds can be a token; anything else (another program's data) counts as absent."""
    return type(value) is int and value != 0 and -(1 << 63) < value < 1 << 63


# A write renews its notice after this share of ``lock_ttl``; what is left of it must outlast any single request.
_RENEWED_AFTER = 1 / 3


def lock_ttl_for(request_s: float) -> float:
    """Return the least ``lock_ttl``, in seconds, under which a request that may be in flight this long is always announced."""
    return request_s / (1 - _RENEWED_AFTER)


# -- the protocol ----------------------------------------------------------------------------------------------------------------


class Protocol:
    """
    The rules for tokens and entries; holds no state.

    Args:
        lock_ttl: seconds that a writer's token lives, at least ``lock_ttl_for`` the longest time between sending a request and the
            moment the server can no longer apply it: the HTTP timeouts plus the server's own limit (15 s on 1.9).
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
        Serve an entry or load one: one ``GetMany`` for a hit, at most two more round trips for a miss.

        They are ``Fill`` and, before it, at most one of ``Mint`` and ``Lease``, so that the bound holds in every case.
        """
        found = yield GetMany(plan.keys, len(plan.tokens))
        if found is None:
            return Reading("bypass", "down", loaded=(yield Load(sealed=False)))
        entry = None if options.skip_entry else self.serve(plan, found)
        early = entry is not None and options.early is not None and options.early(entries.header(entry))
        if entry is not None and not early:
            return Reading("hit", entry=entry)
        entry = found.get(plan.entry)
        values = tuple(map(found.get, plan.tokens))

        minted = False
        tokens = self._known(values)
        if tokens is None and not options.fill:
            return Reading("bypass", loaded=(yield Load(sealed=False)))
        if tokens is None:
            minted = True
            tokens, reason = yield from self._mint(plan, values)
            if tokens is None:
                return Reading("bypass", reason, loaded=(yield Load(sealed=False)))
        joined = yield Join(plan.entry, tokens)
        if joined is not None:
            return Reading("miss", "joined", loaded=joined)
        if min(tokens) < 0:
            return Reading("bypass", "writing", loaded=(yield Load(sealed=True)))

        if self._wants_lease(entry, options) and not minted and not early:
            served = yield from self._await_lease(plan, tokens)
            if served is not None:
                return Reading("hit", "joined", entry=served)
        loaded = yield Load(sealed=True)
        stored = yield from self._fill(plan, tokens, loaded, options)
        return Reading("miss", "early" if early else "", loaded=loaded, stored=stored)

    def serve(self, plan: ReadPlan, found: Mapping[str, Any]) -> bytes | None:
        """Return the entry if it carries exactly the tokens that were found with it: the whole rule of a hit."""
        entry = found.get(plan.entry)
        if entry is not None and entries.is_valid(entry, tuple(map(found.get, plan.tokens))):
            return entry  # type: ignore[no-any-return]
        return None

    def _known(self, values: tuple[object, ...]) -> tuple[int, ...] | None:
        return values if all(map(is_token, values)) else None  # type: ignore[return-value]

    def _mint(
        self, plan: ReadPlan, values: tuple[object, ...]
    ) -> Generator[Operation, Any, tuple[tuple[int, ...] | None, Reason]]:
        """
        Make the tokens that are missing, before the load.

        One that is missing is *added*: success proves that no write is in flight, so it may live long. Several would need several
        round trips; they are set instead, which is an invalidation and always safe, but as such proves nothing and lives ``lock_ttl``.
        """
        for _ in range(2):
            if any(is_token(value) and value < 0 for value in values):  # type: ignore[operator]
                return None, "writing"
            missing = [key for key, value in zip(plan.tokens, values, strict=True) if not is_token(value)]
            if not missing:
                return self._known(values), ""
            fresh = {key: self.new_token() for key in missing}
            alone = len(fresh) == 1
            done = yield Mint(fresh, self.token_ttl if alone else self.lock_ttl, only_if_absent=alone)
            if done:
                return tuple(
                    fresh.get(key, value)  # type: ignore[arg-type]
                    for key, value in zip(plan.tokens, values, strict=True)
                ), ""
            if done is not None:
                return None, "raced"
            found = yield GetMany(plan.keys, len(plan.tokens))
            if found is None:
                return None, "down"
            values = tuple(map(found.get, plan.tokens))
        return self._known(values), "raced"

    def _wants_lease(self, entry: bytes | None, options: ReadOptions) -> bool:
        # How long the last load took is known from the entry it left. Quick loads are not worth a round trip.
        if entry is None or options.lease_above_s is None or not options.fill or not entries.is_entry(entry):
            return False
        return entries.header(entry).load_s >= options.lease_above_s

    def _await_lease(self, plan: ReadPlan, tokens: tuple[int, ...]) -> Generator[Operation, Any, bytes | None]:
        # The key names the tokens, so nobody has to release it: the next invalidation makes another.
        if (yield Lease(f"{plan.lease}{reduce(xor, tokens):x}")):
            return None
        attempt = 0
        while (yield Pause(attempt)):
            attempt += 1
            found = yield GetMany(plan.keys)
            entry = None if found is None else self.serve(plan, found)
            if entry is not None:
                return entry
        return None

    def _fill(
        self, plan: ReadPlan, tokens: tuple[int, ...], loaded: Loaded, options: ReadOptions
    ) -> Generator[Operation, Any, int]:
        if loaded.body is None or not options.fill or len(loaded.body) > options.max_bytes:
            return 0
        if len(tokens) > entries.MAX_TOKENS:
            return 0
        entry = entries.seal(tokens, loaded.body, load_s=loaded.seconds, filled_at=loaded.at, timeout=options.timeout)
        items: dict[str, int | bytes] = {plan.entry: entry}
        items.update((mark, tokens[index]) for mark, index in plan.marks)
        stored = yield Fill(items, options.timeout + options.grace)
        return len(entry) if stored else 0

    # Writing

    def begin(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """
        Say that a write of these tables and rows is about to be sent, or goes on. Returns False if that could not be stored.

        The token need not be the one that was put before: to readers any negative one says the same.
        """
        stored: bool = yield Bump({key: -self.new_token() for key in keys}, self.lock_ttl)
        return stored

    def is_due(self, age: float) -> bool:
        """Return whether a write whose last notice is this many seconds old has to ``begin`` anew before its next request."""
        return age > self.lock_ttl * _RENEWED_AFTER

    def settle(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """
        Say that a write has come to a definite end, applied or refused; also the whole of a manual invalidation.

        The token lives ``lock_ttl`` and no longer: another write of the same table may still be in flight, and if its writer dies,
        what is loaded from now on may lack it.
        """
        stored: bool = yield Bump({key: self.new_token() for key in keys}, self.lock_ttl, urgent=True)
        return stored

    def leave_open(self, keys: Iterable[str]) -> Generator[Operation, Any, bool]:
        """Say that nobody knows how a write ended: the server may still apply it, so reads pass the cache for ``lock_ttl``."""
        stored: bool = yield Bump({key: -self.new_token() for key in keys}, self.lock_ttl, urgent=True)
        return stored

    # By hand

    def freshness(self, tables: Sequence[tuple[str, str]]) -> Generator[Operation, Any, tuple[bool, ...] | None]:
        """
        Tell for each (token key, mark key) whether an entry could be served: something was loaded under the current token.

        Returns None if the cache did not answer. ``Fill`` sets the mark together with the entry, so asking costs readers nothing.
        """
        found = yield GetMany([key for pair in tables for key in pair])
        if found is None:
            return None
        return tuple(
            is_token(token := found.get(key)) and token > 0 and found.get(mark) == token for key, mark in tables
        )

    def mark_fresh(self, tables: Sequence[tuple[str, str]], timeout: float) -> Generator[Operation, Any, bool]:
        """
        Make ``freshness`` true without loading anything. Cannot bring back an entry that a write has invalidated: tokens never return.

        A token that says "a write is in flight" is replaced, which takes back the caution after a write whose end was unknown.
        """
        found = yield GetMany([key for key, _ in tables])
        if found is None:
            return False
        replaced = {key: self.new_token() for key, _ in tables if not is_token(found.get(key)) or found[key] < 0}
        if replaced and not (yield Bump(replaced, self.lock_ttl)):
            return False
        marks: dict[str, int | bytes] = {mark: replaced.get(key) or found[key] for key, mark in tables}
        stored: bool = yield Fill(marks, timeout)
        return stored

    def tokens(self, keys: Sequence[str]) -> Generator[Operation, Any, tuple[int, ...] | None]:
        """
        Return the current tokens, made where missing, or None if there are none to rely on (a write in flight, the cache is down).

        They change with every write, so they serve as an ETag that costs one round trip.
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
