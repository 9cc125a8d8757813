"""Whom a transport acts for, where that is not the holder of an API key."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A user of the Appwrite project, by a token of theirs.

    Requests are then made with the user's permissions, and without the API key. The token is left out of ``repr``.
    """

    kind: Literal["jwt", "session"]
    token: str = field(repr=False)

    def apply(self, headers: MutableMapping[str, str]) -> None:
        """Put the token where the server looks for it (recording auth-errors)."""
        headers[f"x-appwrite-{self.kind}"] = self.token
