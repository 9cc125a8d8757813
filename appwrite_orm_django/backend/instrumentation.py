"""
Let debugging tools watch the commands that run.

Without a watcher this costs one lookup of a context variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command

__all__ = ["Watcher", "current", "watch"]


class Watcher(Protocol):
    """
    Watch commands.

    Each method returns a context manager that is active while the command runs.
    """

    def reading(self, alias: str, command: Command) -> AbstractContextManager[None]:
        """
        Watch a read through the cache.

        ``executing`` follows inside if the read has to be loaded.
        """

    def executing(self, alias: str, command: Command) -> AbstractContextManager[None]:
        """Watch a command that is sent to Appwrite."""


_watcher: ContextVar[Watcher | None] = ContextVar("appwrite_watcher", default=None)

current = _watcher.get


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """
    Show commands to a watcher.

    It sees those of this thread or task, and of tasks that start inside.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
