"""Track the user that requests are made for, if not the holder of the API key."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from .secret import NO_SECRET, Secret, without_frames


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A user of the Appwrite project, identified by a token; or a guest, who has none.

    Requests then have the user's permissions, and no API key. The token is always stored as a
    ``Secret``.
    """

    kind: Literal["jwt", "session", "guest"]
    token: Secret = NO_SECRET

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))

    def apply(self, headers: MutableMapping[str, str | Secret]) -> None:
        """Add the token to the headers where the server expects it (recording auth-errors)."""
        if self.kind != "guest":
            headers[f"x-appwrite-{self.kind}"] = self.token

    @property
    def expires_at(self) -> float | None:
        """
        The expiry that a JWT claims, in Unix time; None if it claims none.

        Its signature is not verified, so only use it to reject a token.
        """
        return without_frames(_end_of, self.token) if self.kind == "jwt" else None

    @property
    def is_over(self) -> bool:
        """Whether a JWT claims to have expired."""
        return (ends := self.expires_at) is not None and ends <= time.time()


def _end_of(jwt: Secret) -> float | None:
    parts = jwt.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        return None


# The blocks in force, the innermost last. Each has an alias, or None for all; and an identity, or
# None for the API key.
_Frames = tuple[tuple[str | None, Identity | None], ...]
_frames: ContextVar[_Frames] = ContextVar("appwrite_identity", default=())


@contextmanager
def acting_as(identity: Identity | None, using: str | None = None) -> Iterator[None]:
    """
    Make the requests of this thread or task as ``identity``, or explicitly with the API key (None).

    Args:
        using: only those of this database alias; by default of every one.
    """
    token = _frames.set((*_frames.get(), (using, identity)))
    try:
        yield
    finally:
        _frames.reset(token)


def current_identity(alias: str) -> Identity | None:
    """Return the identity that requests of an alias are made for; None for the API key."""
    frames = _frames.get()
    if not frames:  # nearly always
        return None
    return next((identity for using, identity in reversed(frames) if using in (None, alias)), None)


def is_stated(alias: str) -> bool:
    """Return whether a block in force sets the identity for an alias, even to the API key."""
    return any(using in (None, alias) for using, _ in _frames.get())
