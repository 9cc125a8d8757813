"""
Override the timeout of a single queryset: ``QuerySet.cache(timeout)`` and ``nocache()``.

The override is an attribute of the query. ``prefetch_related`` makes further querysets, level by
level, that user code never sees. They inherit the override of the queryset that they are read for,
unless they have their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ATTRIBUTE = "appwrite_cache_timeout"
_inherited: ContextVar[float | None] = ContextVar("appwrite_cache_choice", default=None)


def choose(query: Any, timeout: float | None) -> None:
    """Cache the rows of this query for so many seconds; 0 not at all, None as in the settings."""
    setattr(query, _ATTRIBUTE, timeout)


def chosen(query: Any) -> float | None:
    """Return the override of a query's timeout in seconds, or None to use the settings."""
    try:
        timeout: float | None = query.__dict__[_ATTRIBUTE]
    except KeyError:
        return _inherited.get()
    return timeout


@contextmanager
def inherited(timeout: float | None) -> Iterator[None]:
    """Let queries in the block that have no override of their own inherit this one."""
    token = _inherited.set(timeout)
    try:
        yield
    finally:
        _inherited.reset(token)
