"""
Debug pages and error mails without the visitors' tokens.

Django hides settings, headers and cookies by their names, and those of Appwrite's tokens are not among them. ``AppwriteUserMiddleware``
adds this to the filter of each request; sites that take tokens in another way name ``ExceptionReporterFilter`` in
``DEFAULT_EXCEPTION_REPORTER_FILTER``.
"""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter

from appwrite_orm_django.conf import appwrite_aliases

__all__ = ["ExceptionReporterFilter"]

# Headers of Appwrite's as WSGI and ASGI name them, and the cookies that its own servers set.
_APPWRITES = re.compile(r"HTTP_X_APPWRITE_|a_session_")


class HidesTokens:
    """For a filter, before ``SafeExceptionReporterFilter``: hides headers and cookies that ``OPTIONS["USERS"]`` takes tokens from."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        if isinstance(key, str) and (_APPWRITES.match(key) or key in _names()):
            return SafeExceptionReporterFilter.cleansed_substitute
        return super().cleanse_setting(key, value)  # type: ignore[misc]  # the filter's, which stands behind this class


class ExceptionReporterFilter(HidesTokens, SafeExceptionReporterFilter):
    """Django's filter, which also hides Appwrite's tokens."""


def reporter_filter() -> SafeExceptionReporterFilter:
    """Return the filter that the settings name, hiding Appwrite's tokens as well."""
    default = get_default_exception_reporter_filter()
    if isinstance(default, HidesTokens):
        return default
    made: SafeExceptionReporterFilter = type("ExceptionReporterFilter", (HidesTokens, type(default)), {})()
    return made


def _names() -> set[str]:
    found = set()
    for alias in appwrite_aliases():
        users = (settings.DATABASES[alias].get("OPTIONS") or {}).get("USERS") or {}
        if header := users.get("HEADER"):
            found.add(f"HTTP_{str(header).upper().replace('-', '_')}")
        found |= {str(users[name]) for name in ("COOKIE", "SESSION_COOKIE") if users.get(name)}
    return found
