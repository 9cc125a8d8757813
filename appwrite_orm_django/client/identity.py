"""Whom requests are made for, where that is not the holder of the API key."""

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
    A user of the Appwrite project, by a token of theirs; or a guest, who has none.

    Requests are then made with the user's permissions, and without the API key. The token is a ``Secret``, whatever is given.
    """

    kind: Literal["jwt", "session", "guest"]
    token: Secret = NO_SECRET

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))

    def apply(self, headers: MutableMapping[str, str | Secret]) -> None:
        """Put the token where the server looks for it (recording auth-errors)."""
        if self.kind != "guest":
            headers[f"x-appwrite-{self.kind}"] = self.token

    @property
    def expires_at(self) -> float | None:
        """
        When a JWT says that it ends, in Unix time; None if it does not say.

        Nobody has checked its signature: good for turning a token down, and for nothing else.
        """
        return without_frames(_end_of, self.token) if self.kind == "jwt" else None

    @property
    def is_over(self) -> bool:
        """Whether a JWT says of itself that it has ended."""
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


# What is in force, the innermost block last: for one alias or (None) for all; an identity, or None for the API key.
_Frames = tuple[tuple[str | None, Identity | None], ...]
_frames: ContextVar[_Frames] = ContextVar("appwrite_identity", default=())


@contextmanager
def acting_as(identity: Identity | None, using: str | None = None) -> Iterator[None]:
    """
    Make the requests of this thread or task for somebody, or (None) say in so many words that they are the key's.

    Args:
        using: only those of this database alias; left out, of every one.
    """
    token = _frames.set((*_frames.get(), (using, identity)))
    try:
        yield
    finally:
        _frames.reset(token)


def current_identity(alias: str) -> Identity | None:
    """Return whom requests of an alias are made for; None for the API key."""
    frames = _frames.get()
    if not frames:  # nearly always
        return None
    return next((identity for using, identity in reversed(frames) if using in (None, alias)), None)


def is_stated(alias: str) -> bool:
    """Say whether a block in force says whom requests of an alias are made for, be it the key."""
    return any(using in (None, alias) for using, _ in _frames.get())
