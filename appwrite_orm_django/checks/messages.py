"""Make messages of system checks with a stable id and a hint that links to the documentation."""

from __future__ import annotations

from typing import Any

from django.core import checks

from appwrite_orm_django.documentation import address

Messages = list[checks.CheckMessage]

_DOCS = "reference/checks"
# The page about the cache documents its checks.
_CACHE_DOCS, _CACHE_NUMBERS = "howto/caching", range(30, 40)


def error(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    """Return the error ``appwrite.E<number>``."""
    return _message(checks.Error, "E", number, text, hint, obj)


def warning(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    """Return the warning ``appwrite.W<number>``."""
    return _message(checks.Warning, "W", number, text, hint, obj)


def from_error(number: int, refused: Exception, obj: Any) -> checks.CheckMessage:
    """Return an error for an exception of ``schema``, with its second line as the hint."""
    text, _, way_out = str(refused).partition("\n")
    return error(number, text, way_out.removeprefix("Way out: "), obj)


def _message(
    kind: type[checks.Error | checks.Warning],
    letter: str,
    number: int,
    text: str,
    hint: str,
    obj: Any,
) -> checks.CheckMessage:
    id_ = f"{letter}{number:03}"
    page = _CACHE_DOCS if number in _CACHE_NUMBERS else _DOCS
    see = address(page, f"appwrite-{id_.lower()}")
    return kind(text, hint=f"{hint} See {see}", obj=obj, id=f"appwrite.{id_}")
