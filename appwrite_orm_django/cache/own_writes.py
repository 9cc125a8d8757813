"""
Remember when a thread or task has last written, so that it is never served rows from before.

Only reads with a ``max_age`` ask: all others see every write that has returned. The memory is a
context variable. The tasks and threads that a web request starts with its context get copies of
it, so their writes are also noted in an object that they share with the request.
``contrib.own_writes.AppwriteOwnWritesMiddleware`` hands the time on to the visitor's next requests.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["fresh_reads", "last_write", "note_write", "reads_fresh", "share", "start_request"]


class _Request:
    """The last write of a web request, whichever of its tasks and threads has made it."""

    __slots__ = ("wrote_at",)

    def __init__(self) -> None:
        self.wrote_at = -math.inf


_last_write: ContextVar[float] = ContextVar("appwrite_last_write", default=-math.inf)
_request: ContextVar[_Request | None] = ContextVar("appwrite_request", default=None)
_reads_fresh: ContextVar[bool] = ContextVar("appwrite_reads_fresh", default=False)

reads_fresh = _reads_fresh.get


def note_write(at: float | None = None) -> None:
    """
    Note that this thread, task or request has written or invalidated.

    Args:
        at: Unix time of a write in an earlier request; now by default.
    """
    at = time.time() if at is None else at
    _last_write.set(max(at, _last_write.get()))
    request = _request.get()
    if request is not None:
        request.wrote_at = max(at, request.wrote_at)


def last_write() -> float:
    """Return the Unix time of the last write of this thread, task or request, or minus infinity."""
    request = _request.get()
    return max(_last_write.get(), -math.inf if request is None else request.wrote_at)


def share() -> None:
    """Let this request know from now on what the tasks and threads that it starts have written."""
    _request.set(_Request())


def start_request(**_: object) -> None:
    """Forget the writes of the thread's last request. Receives Django's ``request_started``."""
    # Under ASGI, Django sends the signal in a task of its own, where this changes nothing. Each
    # request is a new task there.
    _last_write.set(-math.inf)
    share()


@contextmanager
def fresh_reads() -> Iterator[None]:
    """
    Let no read in the block be served what a write has invalidated, whatever its ``max_age``.

    Use it for code that changes what it reads, and for readers who have written but send no cookie.
    """
    token = _reads_fresh.set(True)
    try:
        yield
    finally:
        _reads_fresh.reset(token)
