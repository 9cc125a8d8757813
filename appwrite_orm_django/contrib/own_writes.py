"""Middleware that keeps a visitor who has written from being served older rows by ``max_age``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.own_writes import fresh_reads, last_write, note_write, share
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.contrib.middleware import AroundRequest

__all__ = ["AppwriteOwnWritesMiddleware"]

COOKIE = "appwrite_wrote"
_SALT = "appwrite_orm_django.own_writes"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class AppwriteOwnWritesMiddleware(AroundRequest):
    """
    Let reads with a ``max_age`` show visitors what they have written themselves.

    A request that writes to Appwrite gets a signed cookie with the time. In later requests of the
    same browser, entries that were loaded before that time are not served once they are invalidated.
    Requests with other methods than GET, HEAD, OPTIONS and TRACE are served no such entries at all,
    because they usually change what they have read.

    The cookie has the path, the domain and the flags of Django's session cookie, and lasts as long
    as an entry can. A response that sets it is not ``public``. The middleware works under WSGI and
    ASGI. Put it above all that writes to Appwrite or reads from it.
    """

    @contextmanager
    def around(
        self, request: HttpRequest
    ) -> Iterator[Callable[[HttpResponseBase], HttpResponseBase]]:
        before = _remember(request)
        with nullcontext() if request.method in _SAFE else fresh_reads():
            yield partial(_set_cookie, before)


def _remember(request: HttpRequest) -> float:
    """Note the visitor's last write; return the time of the last write before this request."""
    share()
    try:
        note_write(float(request.get_signed_cookie(COOKIE, default=None, salt=_SALT) or "-inf"))
    except ValueError:  # signed by another version
        note_write()
    return last_write()


def _set_cookie(before: float, response: HttpResponseBase) -> HttpResponseBase:
    at = last_write()
    if at <= before:
        return response
    response.set_signed_cookie(
        COOKIE,
        f"{at:.3f}",
        salt=_SALT,
        max_age=_longest_life_s(),
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    if "public" in response.get("Cache-Control", ""):
        patch_cache_control(response, private=True)
    return response


def _longest_life_s() -> int:
    """Return the seconds after which no entry is left from before a write."""
    lives = [appwrite_connection(alias).cache.core.token_ttl for alias in appwrite_aliases()]
    return math.ceil(max(lives, default=0.0))
