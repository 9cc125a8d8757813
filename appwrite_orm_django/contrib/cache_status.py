"""Middleware that reports in each response whether its data came from the cache."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from appwrite_orm_django.cache.statistics import ReadEvent, Reads, observe_reads
from appwrite_orm_django.contrib.middleware import AroundRequest

__all__ = ["AppwriteCacheMiddleware"]

STATUS, TABLE = "X-Cache-Status", "X-Cache-Table"


class AppwriteCacheMiddleware(AroundRequest):
    """
    Set ``X-Cache-Status`` and ``X-Cache-Table`` on responses to requests that read from Appwrite.

    The status is one of:

    - ``HIT``: every read came from the cache.
    - ``MISS``: every read was loaded from Appwrite.
    - ``PARTIAL``: some reads came from the cache.
    - ``BYPASS``: every read bypassed the cache, because of ``nocache()``, a table written in the
      same transaction, or a cache that is down.
    - ``STALE; age=4``: at least one stale entry was served, either because Appwrite could not be
      reached (see ``STALE_ON_ERROR``) or because its ``max_age`` allows that. The oldest was loaded
      so many seconds ago, rounded up.

    ``X-Cache-Table`` names the tables in alphabetical order. A response without any such read gets
    neither header. Reads of a streaming response while it is being sent are not counted.

    The middleware works under WSGI and ASGI. Put it first, because it counts only the reads of
    middleware below it.
    """

    @contextmanager
    def around(
        self, request: HttpRequest
    ) -> Iterator[Callable[[HttpResponseBase], HttpResponseBase]]:
        with observe_reads() as reads:
            request._appwrite_reads = reads  # type: ignore[attr-defined]  # for ``cache_headers``, see ``reads_so_far``
            yield lambda response: describe(response, reads)


def reads_so_far(request: HttpRequest) -> Reads | None:
    """Return the request's reads since it entered the middleware; None without the middleware."""
    reads: Reads | None = getattr(request, "_appwrite_reads", None)
    return reads


def describe(response: HttpResponseBase, reads: Sequence[ReadEvent]) -> HttpResponseBase:
    """Set the cache headers of a response, unless they are already set."""
    if reads:
        response.headers.setdefault(STATUS, status_header(reads))
        response.headers.setdefault(
            TABLE, ", ".join(sorted({table for read in reads for table in read.tables}))
        )
    return response


def status_header(reads: Sequence[ReadEvent]) -> str:
    """Return the value of ``X-Cache-Status`` for one or more reads."""
    begun = [read.begun_at for read in reads if read.outcome == "stale" and read.begun_at]
    return stale_since(min(begun)) if begun else status_of(reads)


def stale_since(begun_at: float) -> str:
    """Return the value of ``X-Cache-Status`` for a stale page that was loaded at this Unix time."""
    return f"STALE; age={max(0, math.ceil(time.time() - begun_at))}"


def status_of(reads: Sequence[ReadEvent]) -> str:
    """Return the status of one or more reads, the first word of ``X-Cache-Status``."""
    outcomes = {read.outcome for read in reads}
    if "stale" in outcomes:
        return "STALE"
    return outcomes.pop().upper() if len(outcomes) == 1 else "PARTIAL"
