"""Reset locks and threads after ``fork()``."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_each_child(renew: Callable[[], object]) -> None:
    """
    Call a function in every forked child, before any other code runs there.

    A thread of the parent may have held a lock, or begun work, that no thread of the child will
    end. This does nothing on systems without ``fork()``.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
