"""Compare the items of arrays as PostgreSQL's JSONB does (recording ``operators-arrays``)."""

from __future__ import annotations

from typing import Any

from appwrite_local import locale_order


def json_rank(item: Any) -> tuple[int, Any]:
    """Return what items are ordered by: null, texts by the locale, numbers, truth values."""
    if item is None:
        return (0, 0)
    if isinstance(item, str):
        return (1, locale_order.key(item))
    return (3, int(item)) if isinstance(item, bool) else (2, item)


def same(item: Any, other: Any) -> bool:
    """Return whether two items are one JSON value: 1 is 1.0, and is not true."""
    return bool(item == other) and isinstance(item, bool) == isinstance(other, bool)


def unique(items: list[Any]) -> list[Any]:
    """Return every value once, in order."""
    kept: list[Any] = []
    for item in sorted(items, key=json_rank):
        if not kept or not same(kept[-1], item):
            kept.append(item)
    return kept
