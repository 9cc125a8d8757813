"""What a forked child begins anew: locks that a thread of its parent may have held, and what only that thread would have ended."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_each_child(renew: Callable[[], object]) -> None:
    """Have a function called in every forked child, before anything else runs there; nothing happens where nobody forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
