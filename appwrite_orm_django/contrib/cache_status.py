"""Middleware that says in each response whether the page came from the cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from appwrite_orm_django.cache.statistics import ReadEvent, Reads, observe_reads

__all__ = ["AppwriteCacheMiddleware"]

STATUS, TABLE = "X-Cache-Status", "X-Cache-Table"


class AppwriteCacheMiddleware:
    """
    Sets ``X-Cache-Status`` and ``X-Cache-Table`` on responses to requests that read from Appwrite.

    The status is ``HIT`` (every read came from the cache), ``MISS`` (none did, all were loaded), ``PARTIAL``, ``BYPASS`` (every read
    went past the cache: ``nocache()``, a table written in the same transaction, the cache down) or ``STALE`` (at least one outdated
    entry was served because Appwrite could not be reached; see ``STALE_ON_ERROR``). The table header names the tables, in
    alphabetical order. Responses made without any such read get neither. What a streaming response reads while it is being sent is
    not known yet and not counted.

    Works under WSGI and ASGI. Put it first: it counts what the middleware below it reads.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        with observe_reads() as reads:
            request._appwrite_reads = reads  # type: ignore[attr-defined]  # for ``cache_headers``, see ``reads_so_far``
            response: HttpResponseBase = self.get_response(request)
        return describe(response, reads)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with observe_reads() as reads:
            request._appwrite_reads = reads  # type: ignore[attr-defined]
            response: HttpResponseBase = await self.get_response(request)
        return describe(response, reads)


def reads_so_far(request: HttpRequest) -> Reads | None:
    """Return what this request has read since it came to the middleware; None where the middleware is not installed."""
    reads: Reads | None = getattr(request, "_appwrite_reads", None)
    return reads


def describe(response: HttpResponseBase, reads: Sequence[ReadEvent]) -> HttpResponseBase:
    """Set the headers that say where the data of a response came from, unless they are set already."""
    if reads:
        response.headers.setdefault(STATUS, status_of(reads))
        response.headers.setdefault(TABLE, ", ".join(sorted({table for read in reads for table in read.tables})))
    return response


def status_of(reads: Sequence[ReadEvent]) -> str:
    """Sum up at least one read as ``HIT``, ``MISS``, ``PARTIAL``, ``BYPASS`` or ``STALE``."""
    outcomes = {read.outcome for read in reads}
    if "stale" in outcomes:
        return "STALE"
    return outcomes.pop().upper() if len(outcomes) == 1 else "PARTIAL"
