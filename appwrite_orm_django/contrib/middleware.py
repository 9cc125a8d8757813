"""The base of middleware that does something around each request, under WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class AroundRequest:
    """
    Middleware whose ``around`` is entered for each request.

    Django's own ``MiddlewareMixin`` runs its hooks in another thread under ASGI, where the context
    variables that they set are lost.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def around(
        self, request: HttpRequest
    ) -> AbstractContextManager[Callable[[HttpResponseBase], HttpResponseBase]]:
        """Return a context for the request; it gives a function that finishes the response."""
        raise NotImplementedError

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        with self.around(request) as finish:
            return finish(self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with self.around(request) as finish:
            return finish(await self.get_response(request))
