"""Trying again where somebody else was faster, until one of those who want the same row at the same moment is through."""

import random
import time

from appwrite_orm_django.client.errors import RowConflict, TransactionConflict

# Of sixteen threads that change one row, each round one at least gets through.
MAX_ATTEMPTS = 40
_LONGEST_PAUSE_S = 0.25

#: The server's refusals that say: read again. Nothing was written.
OVERTAKEN = (RowConflict, TransactionConflict)


def pause(attempt: int) -> None:
    """Wait before the next attempt, at random, so that those who met do not meet again; ``attempt`` counts from 1."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.005 * 2**attempt)))  # noqa: S311 - a pause, not a secret
