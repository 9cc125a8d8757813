"""Messages of the system checks: each has an id that stays, and a hint that ends in its place in the documentation."""

from __future__ import annotations

from typing import Any

from django.core import checks

Messages = list[checks.CheckMessage]

_DOCS = "docs/reference/checks.md"
# Checks of the cache are explained where the cache is.
_CACHE_DOCS, _CACHE_NUMBERS = "docs/howto/caching.md", range(30, 40)


def error(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    """Return the error ``appwrite.E<number>``."""
    return _message(checks.Error, "E", number, text, hint, obj)


def warning(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    """Return the warning ``appwrite.W<number>``."""
    return _message(checks.Warning, "W", number, text, hint, obj)


def from_error(number: int, refused: Exception, obj: Any) -> checks.CheckMessage:
    """Return an error for what the schema room refused: its first line is the message, its second the way out."""
    text, _, way_out = str(refused).partition("\n")
    return error(number, text, way_out.removeprefix("Way out: "), obj)


def _message(
    kind: type[checks.Error | checks.Warning], letter: str, number: int, text: str, hint: str, obj: Any
) -> checks.CheckMessage:
    id_ = f"{letter}{number:03}"
    docs = _CACHE_DOCS if number in _CACHE_NUMBERS else _DOCS
    return kind(text, hint=f"{hint} See {docs}#appwrite-{id_.lower()}", obj=obj, id=f"appwrite.{id_}")
