"""Pauses before a write that lost a race is made again."""

import random
import time

# Of sixteen threads that change one row, each round one at least gets through.
MAX_ATTEMPTS = 40
_LONGEST_PAUSE_S = 0.25


def pause_s(attempt: int) -> float:
    """Return how many seconds to wait before the next attempt, at random, so that those who met do not meet again; ``attempt`` counts from 1."""
    return random.uniform(0, min(_LONGEST_PAUSE_S, 0.005 * 2 ** min(attempt, 10)))  # noqa: S311 - a pause, not a secret


def pause(attempt: int) -> None:
    """Wait before the next attempt."""
    time.sleep(pause_s(attempt))
