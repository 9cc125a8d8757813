"""
Remember when a thread or task has last written, so that it is never served rows from before.

Only reads with a ``max_age`` ask: all others see every write that has returned. The memory is a
context variable, so it is that of one web request. ``contrib.own_writes.AppwriteOwnWritesMiddleware``
hands it on to the visitor's next requests.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["fresh_reads", "last_write", "note_write", "reads_fresh", "start_request"]

_last_write: ContextVar[float] = ContextVar("appwrite_last_write", default=-math.inf)
_reads_fresh: ContextVar[bool] = ContextVar("appwrite_reads_fresh", default=False)

reads_fresh = _reads_fresh.get


def note_write(at: float | None = None) -> None:
    """
    Note that this thread or task has written or invalidated.

    Args:
        at: Unix time of a write in an earlier request; now by default.
    """
    _last_write.set(max(time.time() if at is None else at, _last_write.get()))


def last_write() -> float:
    """Return the Unix time of the last write of this thread or task; minus infinity if none."""
    return _last_write.get()


def start_request(**_: object) -> None:
    """Forget the writes of the thread's last request. Receives Django's ``request_started``."""
    _last_write.set(-math.inf)


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
