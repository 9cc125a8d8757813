"""What a call leaves in memory: Python frees it at once only if nothing refers to itself."""

import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class _Local:
    """Stands for any local variable of a caller."""


def keeps_callers(call: Callable[[], Any], *expected: type[BaseException]) -> bool:
    """
    Return whether the locals of a caller outlive a call until the next garbage collection.

    Args:
        expected: errors that the call may raise, and its caller catches.
    """

    def caller() -> weakref.ref[_Local]:
        local = _Local()
        kept = weakref.ref(local)
        with suppress(*expected):
            call()
        return kept

    caller()  # what is made once is no leftover
    gc.collect()
    gc.disable()
    try:
        return caller()() is not None
    finally:
        gc.enable()
