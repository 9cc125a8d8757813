"""
How long a queryset's rows are to be cached, where it says so itself: ``QuerySet.cache(timeout)`` and ``nocache()``.

The choice is an attribute of the query. What ``prefetch_related`` reads are querysets that nobody sees, made by managers one level after the other;
they take the choice of the queryset that they are read for, unless they have one of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ATTRIBUTE = "appwrite_cache_timeout"
_inherited: ContextVar[float | None] = ContextVar("appwrite_cache_choice", default=None)


def choose(query: Any, timeout: float | None) -> None:
    """Have the rows of this query cached for so many seconds; 0 not at all, None as the settings say."""
    setattr(query, _ATTRIBUTE, timeout)


def chosen(query: Any) -> float | None:
    """Return for how many seconds the rows of a query are to be cached, None for as long as the settings say."""
    try:
        timeout: float | None = query.__dict__[_ATTRIBUTE]
    except KeyError:
        return _inherited.get()
    return timeout


@contextmanager
def inherited(timeout: float | None) -> Iterator[None]:
    """Let queries within that have no choice of their own take this one; None for none."""
    token = _inherited.set(timeout)
    try:
        yield
    finally:
        _inherited.reset(token)
