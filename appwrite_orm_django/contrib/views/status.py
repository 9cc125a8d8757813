"""Whether what a page shows came from the cache, known while the page is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.template.response import TemplateResponse

from appwrite_orm_django.cache.statistics import ReadEvent, observe_reads
from appwrite_orm_django.contrib.cache_status import status_of

__all__ = ["CacheStatus", "ObservedResponse"]

#: What the words of ``X-Cache-Status`` mean, for the tooltip of the badge.
MEANINGS = {
    "HIT": "Everything shown here came from the cache.",
    "MISS": "Everything shown here was just read from Appwrite.",
    "PARTIAL": "Part of this came from the cache, part was just read from Appwrite.",
    "BYPASS": "This was read past the cache.",
    "STALE": "Appwrite could not be reached: this may be outdated.",
}


class CacheStatus:
    """The reads of one page so far. Its text is a word of ``X-Cache-Status``, or empty if nothing was read."""

    def __init__(self) -> None:
        self._parts: list[Sequence[ReadEvent]] = []

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Take what is read within for a part of the page."""
        with observe_reads() as reads:
            self._parts.append(reads)
            yield

    @property
    def reads(self) -> list[ReadEvent]:
        return [read for part in self._parts for read in part]

    @property
    def word(self) -> str:
        reads = self.reads
        return status_of(reads) if reads else ""

    @property
    def meaning(self) -> str:
        return MEANINGS.get(self.word, "")

    def __str__(self) -> str:
        return self.word


class ObservedResponse(TemplateResponse):
    """A template response that adds what its template reads to the status of the page."""

    @property
    def rendered_content(self) -> Any:
        status = (self.context_data or {}).get("cache_status")
        if not isinstance(status, CacheStatus):
            return super().rendered_content
        with status.observing():
            return super().rendered_content
