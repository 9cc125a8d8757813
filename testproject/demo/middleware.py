"""Count what a page asks of Appwrite, and say so in its footer and its headers."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse

from appwrite_orm_django.client.transport import RequestRecord


@dataclass
class RequestTally:
    """HTTP requests to Appwrite, repeated attempts included, and the time they took."""

    requests: int = 0
    duration_ms: float = 0.0


_tally: ContextVar[RequestTally | None] = ContextVar("appwrite_requests", default=None)


def _note(record: RequestRecord) -> None:
    tally = _tally.get()
    if tally is not None:
        tally.requests += record.attempts
        tally.duration_ms += record.duration_s * 1000


class AppwriteRequestsMiddleware:
    """Adds ``X-Appwrite-Requests`` and ``Server-Timing`` to every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        transport = connections["appwrite"].transport
        # Each handler of the process makes its own middleware; the transport is the same one.
        transport.remove_listener(_note)
        transport.add_listener(_note)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        tally = RequestTally()
        token = _tally.set(tally)
        try:
            response = self.get_response(request)
        finally:
            _tally.reset(token)
        response["X-Appwrite-Requests"] = str(tally.requests)
        response["Server-Timing"] = (
            f'appwrite;desc="{tally.requests} requests";dur={tally.duration_ms:.1f}'
        )
        return response


def appwrite_requests(_request: HttpRequest) -> dict[str, Any]:
    """Give templates the tally of the current page; it counts on while the page is rendered."""
    return {"appwrite_requests": _tally.get()}
