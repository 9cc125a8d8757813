"""Define the cache operations that the protocol yields."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

# The values of a lease.
HELD, GIVEN_UP = 1, 2


class GetMany(NamedTuple):
    """
    Read these keys in one round trip. The answer is a dict of those present, or None on failure.

    The first ``tokens`` of the keys are keys of tokens. A store that can do so in the same round
    trip may, before it reads, *add* a token with a life of ``token_ttl`` under each of those that
    is absent, by one atomic ``add`` each.
    """

    keys: Sequence[str]
    tokens: int = 0


class Bump(NamedTuple):
    """
    Store these tokens unconditionally. The answer is True only if they are known to be stored.

    A store that tries again stores other tokens of the same sign. Another writer may have changed
    the tokens since, and entries that carry the ones stored first would be served again.

    ``urgent``: try even if the cache failed a moment ago. ``locks``: keys with values that stay as
    they are, which no entry carries.
    """

    tokens: Mapping[str, int]
    timeout: float
    urgent: bool = False
    locks: Mapping[str, int] = MappingProxyType({})


class Mint(NamedTuple):
    """
    Store tokens where there are none.

    With ``only_if_absent`` (always a single token) the store must use one atomic ``add``. The
    answer is whether it was stored, or None to look again: another thread of this process has
    minted one since the keys were read, or looking mints it.
    """

    tokens: Mapping[str, int]
    timeout: float
    only_if_absent: bool


class Fill(NamedTuple):
    """Store an entry and the marks of its tables. The answer is whether it was stored."""

    items: Mapping[str, int | bytes]
    timeout: float


class Lease(NamedTuple):
    """
    Request the lease to load for so many seconds, by an atomic ``add`` of ``HELD``.

    False only if another process holds it.
    """

    key: str
    life_s: float


class Release(NamedTuple):
    """
    Tell the readers that wait for a lease to load by themselves: set it to ``GIVEN_UP``, briefly.

    There will be no entry, because the load failed or its result is not stored.
    """

    key: str


class Drop(NamedTuple):
    """Delete an entry that no later one will replace, or locks."""

    keys: tuple[str, ...]


class Claim(NamedTuple):
    """
    Claim locks by one atomic ``add`` of its token each.

    The answer holds the keys of those that were free and are known to be stored.
    """

    locks: Mapping[str, int]
    life_s: float


class Pause(NamedTuple):
    """
    Wait a little, longer with each attempt.

    The answer is False when ``limit_s`` have passed since the first.
    """

    attempt: int
    limit_s: float


class Join(NamedTuple):
    """
    Join a load of this entry under exactly these tokens in this process, in flight or just over.

    The answer is its ``Loaded``, after waiting for it, or None if this reader has to load.
    """

    entry: str
    tokens: tuple[int, ...]


class Load(NamedTuple):
    """Read from Appwrite. The answer is a ``Loaded``, with a body if ``sealed``."""

    sealed: bool


class LoadFailed(Exception):
    """Thrown into the program at ``Load``: the load has raised, and so will the read."""


class Loaded(NamedTuple):
    """
    The result of a load.

    Holds the value for the caller, its encoded body (None if it cannot be encoded), the seconds
    that the load took, and the Unix time.
    """

    value: Any
    body: bytes | None
    seconds: float
    at: float


Operation: TypeAlias = (
    GetMany | Bump | Mint | Fill | Lease | Release | Drop | Claim | Pause | Join | Load
)
