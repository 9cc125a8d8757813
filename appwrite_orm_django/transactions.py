"""
Retry ``atomic`` blocks that were refused.

Also exports the three ways in which a write can fail: ``WriteRefused``, ``WriteUnknown`` and
``WriteBroken``.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, TypeVar, overload

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend.execution.retries import pause_s
from appwrite_orm_django.client.errors import WriteBroken, WriteRefused, WriteUnknown
from appwrite_orm_django.conf import appwrite_aliases

__all__ = ["WriteBroken", "WriteRefused", "WriteUnknown", "retry_on_conflict"]

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def retry_on_conflict(function: Function, /) -> Function: ...
@overload
def retry_on_conflict(*, attempts: int = ...) -> Callable[[Function], Function]: ...
def retry_on_conflict(function: Callable[..., Any] | None = None, /, *, attempts: int = 10) -> Any:
    """
    Decorate a function to retry it if an ``atomic`` block that it opens is refused.

    Only ``WriteRefused`` is retried, because nothing was written then. ``WriteUnknown``,
    ``WriteBroken`` and all other exceptions propagate. Before each retry it waits a random time of
    up to 10 ms at first, doubling up to a quarter of a second.

    Everything that the function reads and decides must be inside it. Side effects other than writes
    to Appwrite happen with each call. Coroutine functions are supported.

    Use it above ``atomic``, or as ``retry_on_conflict(function)(argument)``::

        @retry_on_conflict
        @transaction.atomic(using="appwrite")
        def sell(pk, number): ...

    Args:
        attempts: maximum number of calls.

    Raises:
        TransactionManagementError: called inside an open ``atomic`` block on Appwrite, all of which
            would have to run again.
        WriteRefused: the last attempt was refused as well.
        TypeError: the function is a generator function, or ``attempts`` is not an integer of at
            least 1.
    """
    if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
        raise TypeError(
            f"retry_on_conflict(attempts=...) must be an integer of at least 1, got {attempts!r}."
        )
    if function is None:
        return functools.partial(_decorated, attempts=attempts)
    return _decorated(function, attempts=attempts)


def _decorated(function: Callable[..., Any], *, attempts: int) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"retry_on_conflict does not support generators, and {function.__qualname__} is one."
        )
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            await sync_to_async(_refuse_open_blocks)()
            for attempt in range(1, attempts):
                try:
                    return await function(*args, **kwargs)
                except WriteRefused:
                    await asyncio.sleep(pause_s(attempt))
            return await function(*args, **kwargs)

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        _refuse_open_blocks()
        for attempt in range(1, attempts):
            try:
                return function(*args, **kwargs)
            except WriteRefused:
                time.sleep(pause_s(attempt))
        return function(*args, **kwargs)

    return run


def _refuse_open_blocks() -> None:
    for alias in appwrite_aliases():
        connection = connections[alias]
        # As with atomic(durable=True), the block that a TestCase opens around each test does not
        # count.
        blocks = [
            block
            for block in connection.atomic_blocks
            if not block._from_testcase  # type: ignore[attr-defined]  # a private name
        ]
        if blocks or (connection.in_atomic_block and not connection.atomic_blocks):
            raise TransactionManagementError(
                f"retry_on_conflict was called inside an atomic block on {alias!r}: the block's "
                f"earlier reads and writes would not run again.\nPut it around the outermost block."
            )
