"""For tools that show what a page asks: who wants to see the commands that run. Costs a look at one variable while nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command

__all__ = ["Watcher", "current", "watch"]


class Watcher(Protocol):
    """Sees commands; each method gives a context manager for as long as one takes."""

    def reading(self, alias: str, command: Command) -> AbstractContextManager[None]:
        """A read through the cache; ``executing`` follows within if it has to be loaded."""

    def executing(self, alias: str, command: Command) -> AbstractContextManager[None]:
        """A command that is sent to Appwrite."""


_watcher: ContextVar[Watcher | None] = ContextVar("appwrite_watcher", default=None)

current = _watcher.get


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """Show commands to a watcher, those of this thread or task and of what it starts."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
