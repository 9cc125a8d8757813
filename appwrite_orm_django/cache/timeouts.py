"""
Override how a single queryset is cached: ``QuerySet.cache(timeout, max_age=...)``, ``nocache()``.

The override is an attribute of the query. ``prefetch_related`` makes further querysets, level by
level, that user code never sees. They inherit the override of the queryset that they are read for,
unless they have their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

_ATTRIBUTE = "appwrite_cache_choice"


class Choice(NamedTuple):
    """
    How to cache the rows of a query, in seconds; None leaves it to the model and the settings.

    ``timeout``: how long; 0 not at all. ``max_age``: the age up to which they may be served after a
    write has invalidated them; 0 never serves such rows.
    """

    timeout: float | None = None
    max_age: float | None = None


_NONE = Choice()
_inherited: ContextVar[Choice] = ContextVar("appwrite_cache_choice", default=_NONE)


def choose(query: Any, choice: Choice) -> None:
    """Override how the rows of this query are cached."""
    setattr(query, _ATTRIBUTE, choice)


def chosen(query: Any) -> Choice:
    """Return the override of a query, its own or an inherited one."""
    try:
        choice: Choice = query.__dict__[_ATTRIBUTE]
    except KeyError:
        return _inherited.get()
    return choice


@contextmanager
def inherited(choice: Choice) -> Iterator[None]:
    """Let queries in the block that have no override of their own inherit this one."""
    token = _inherited.set(choice)
    try:
        yield
    finally:
        _inherited.reset(token)
