"""Track whether a page's data came from the cache while the page is rendered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.template.response import TemplateResponse

from appwrite_orm_django.cache.statistics import ReadEvent, observe_reads
from appwrite_orm_django.contrib.cache_status import status_of

__all__ = ["CacheStatus", "ObservedResponse"]

#: Explanations of the values of ``X-Cache-Status``, for the tooltip of the badge.
MEANINGS = {
    "HIT": "All data on this page came from the cache.",
    "MISS": "All data on this page was just read from Appwrite.",
    "PARTIAL": "Some data came from the cache, and some was just read from Appwrite.",
    "BYPASS": "The data on this page bypassed the cache.",
    "STALE": "Some data is a few seconds old, or older because Appwrite could not be reached.",
}


class CacheStatus:
    """The reads of a page so far. Its text is that of ``X-Cache-Status``, without an age."""

    def __init__(self) -> None:
        self._parts: list[Sequence[ReadEvent]] = []

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Count the reads within the block as part of the page."""
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

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Every value and its explanation, for the legend that the badge opens."""
        return list(MEANINGS.items())

    def __str__(self) -> str:
        return self.word


class ObservedResponse(TemplateResponse):
    """A template response that adds the reads of its template to the page's status."""

    @property
    def rendered_content(self) -> Any:
        status = (self.context_data or {}).get("cache_status")
        if not isinstance(status, CacheStatus):
            return super().rendered_content
        with status.observing():
            return super().rendered_content
