"""A deadline for the reads of each web request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from appwrite_orm_django.client.guard import deadline
from appwrite_orm_django.contrib.middleware import AroundRequest

__all__ = ["AppwriteDeadlineMiddleware", "deadline"]

DEFAULT_S = 10.0


class AppwriteDeadlineMiddleware(AroundRequest):
    """
    Let no read from Appwrite last beyond a deadline, ``APPWRITE_DEADLINE_S`` after the request came.

    The setting is a number of seconds, 10 by default; None turns the middleware off. A read that
    would last longer raises Django's ``OperationalError``. Writes are not cut short.

    Raises:
        ImproperlyConfigured: the setting is no positive number.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        seconds = getattr(settings, "APPWRITE_DEADLINE_S", DEFAULT_S)
        if seconds is None:
            raise MiddlewareNotUsed
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise ImproperlyConfigured(
                f"APPWRITE_DEADLINE_S is {seconds!r}; it must be a number of seconds above 0, or None."
            )
        self.seconds = float(seconds)

    @contextmanager
    def around(
        self, request: HttpRequest
    ) -> Iterator[Callable[[HttpResponseBase], HttpResponseBase]]:
        with deadline(self.seconds):
            yield lambda response: response
