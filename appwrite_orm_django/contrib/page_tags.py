"""Describe the data of a page, for its ETag and for the record behind its date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Tag(NamedTuple):
    """
    The contents of a page's ETag, so that a 304 needs no look-up.

    Attributes:
        state: digest of the request and of the tokens of all tables; empty if the page was rendered
            from invalidated rows.
        until: when its data expires, in whole seconds of Unix time.
        max_age_ms: the shortest ``max_age`` of its reads; None if none of them has one.
        as_of_ms: Unix time. Every write that had returned by then is included.
        page: digest of the request; empty if one of its reads has no ``max_age``.
    """

    state: str
    until: int
    max_age_ms: int | None = None
    as_of_ms: int = 0
    page: str = ""

    @classmethod
    def read(cls, etag: str) -> Tag | None:
        state, *parts = etag.removeprefix("W/").strip('"').split("-")
        if len(parts) not in (1, 4) or not all(part.isdecimal() for part in parts[:3]):
            return None
        if len(parts) == 1:
            return cls(state, int(parts[0]))
        return cls(state, int(parts[0]), int(parts[1]), int(parts[2]), parts[3])

    def __str__(self) -> str:
        # The ETag is weak, because compression does not change the page.
        ages = "" if self.max_age_ms is None else f"-{self.max_age_ms}-{self.as_of_ms}-{self.page}"
        return f'W/"{self.state}-{self.until}{ages}"'

    @property
    def ends_at(self) -> float:
        """Unix time until which a browser may show the page without asking."""
        if self.max_age_ms is None:
            return self.until
        return min(self.until, (self.as_of_ms + self.max_age_ms) / 1000)


@dataclass(frozen=True, slots=True)
class Seen:
    """The time since which a page is unchanged, and its expiry, in whole seconds of Unix time."""

    since: int
    until: int

    @classmethod
    def read(cls, value: object) -> Seen | None:
        parts = value.decode().split() if isinstance(value, bytes) else ()
        return cls(*map(int, parts)) if len(parts) == 2 else None

    def __str__(self) -> str:
        return f"{self.since} {self.until}"
