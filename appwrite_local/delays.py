"""
Determine whether the delay after a change of a column or an index is over.

Tests that set the time must not affect this, and a frozen clock would never end a delay. So a
moment is a reading of a clock that tests leave alone, and without a delay it is always in the past.
"""

from __future__ import annotations

import time

#: The moment that never comes.
NEVER = 1e18
#: Longer delays than this, in seconds, are none: the clock has begun anew since the moment was
#: noted in a file, or it was noted by another clock.
_LONGEST_S = 86_400.0


def now() -> float:
    """Return the current moment, in seconds since the machine was started."""
    # Tools that freeze the time replace time.monotonic() as well, but not this.
    if hasattr(time, "clock_gettime"):
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def moment_after(delay_s: float) -> float:
    """Return the moment in so many seconds; without a delay, one that is always in the past."""
    return now() + delay_s if delay_s else 0.0


def is_ahead(moment: float) -> bool:
    """Return whether a moment of ``moment_after`` has not come yet."""
    return moment >= NEVER or 0 < moment - now() <= _LONGEST_S
