"""Retry with random backoff after losing an optimistic-concurrency race."""

import random
import time

# When sixteen threads change one row, at least one of them succeeds in each round.
MAX_ATTEMPTS = 40
_LONGEST_PAUSE_S = 0.25


def pause_s(attempt: int) -> float:
    """
    Return how many seconds to wait before the next attempt; ``attempt`` counts from 1.

    The pause is random, so that clients that have collided do not collide again.
    """
    return random.uniform(0, min(_LONGEST_PAUSE_S, 0.005 * 2 ** min(attempt, 10)))  # noqa: S311 - a pause, not a secret


def pause(attempt: int) -> None:
    """Wait before the next attempt."""
    time.sleep(pause_s(attempt))
