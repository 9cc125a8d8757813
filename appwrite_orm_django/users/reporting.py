"""
Hide the visitors' tokens in debug pages and error emails.

Django hides settings, headers and cookies by name, but not those with Appwrite's tokens.
``AppwriteUserMiddleware`` adds this to the filter of each request. Sites that receive tokens in
another way set ``DEFAULT_EXCEPTION_REPORTER_FILTER`` to ``ExceptionReporterFilter``.
"""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter

from appwrite_orm_django.conf import appwrite_aliases

__all__ = ["ExceptionReporterFilter"]

# Appwrite's headers as WSGI and ASGI name them, and the cookies that its own servers set.
_APPWRITES = re.compile(r"HTTP_X_APPWRITE_|a_session_")


class HidesTokens:
    """
    Hide the headers and cookies that ``OPTIONS["USERS"]`` takes tokens from.

    A mixin, to be placed before ``SafeExceptionReporterFilter``.
    """

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        if isinstance(key, str) and (_APPWRITES.match(key) or key in _names()):
            return SafeExceptionReporterFilter.cleansed_substitute
        return super().cleanse_setting(key, value)  # type: ignore[misc]  # the next class is a filter


class ExceptionReporterFilter(HidesTokens, SafeExceptionReporterFilter):
    """Django's filter, extended to hide Appwrite's tokens."""


def reporter_filter() -> SafeExceptionReporterFilter:
    """Return the filter that the settings name, extended to hide Appwrite's tokens."""
    default = get_default_exception_reporter_filter()
    if isinstance(default, HidesTokens):
        return default
    made: SafeExceptionReporterFilter = type(
        "ExceptionReporterFilter", (HidesTokens, type(default)), {}
    )()
    return made


def _names() -> set[str]:
    found = set()
    for alias in appwrite_aliases():
        users = (settings.DATABASES[alias].get("OPTIONS") or {}).get("USERS") or {}
        if header := users.get("HEADER"):
            found.add(f"HTTP_{str(header).upper().replace('-', '_')}")
        found |= {str(users[name]) for name in ("COOKIE", "SESSION_COOKIE") if users.get(name)}
    return found
