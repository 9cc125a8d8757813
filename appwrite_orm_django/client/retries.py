"""Decide whether a request may be retried, and after which pause."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from .errors import AppwriteError, ConnectionFailed, RateLimited, RequestTimeout, ServerError

#: Proxies answer these while Appwrite is restarting or overloaded. Not 500: Appwrite answers many
#: invalid requests with it (recordings query-errors, rows-ids), and repeating those would only add
#: load.
_PASSING_STATUS = frozenset({502, 503, 504})


class Failure(NamedTuple):
    """
    A failed attempt.

    Attributes:
        never_sent: no byte of the request left this machine, so the server cannot have acted on it.
        hopeless: the next attempt would end the same way.
        retry_after_s: the pause that the server asked for, in seconds.
    """

    error: AppwriteError
    never_sent: bool = False
    hopeless: bool = False
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Exponential backoff with full jitter.

    Before attempt n+1, wait between 0 and ``base_s * 2**(n-1)`` seconds, at most ``cap_s``.

    Attributes:
        max_retry_after_s: if a server asks for a longer pause, the error is raised at once.
        now: seconds since the epoch, for Retry-After dates.
    """

    base_s: float = 0.1
    cap_s: float = 5.0
    max_retry_after_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    now: Callable[[], float] = time.time

    def delay_s(self, attempt: int, retry_after_s: float | None) -> float | None:
        """
        Return the pause after this attempt (counted from 1).

        None if the server asks for too long a pause.
        """
        if retry_after_s is not None:
            return retry_after_s if retry_after_s <= self.max_retry_after_s else None
        return self.uniform(0.0, min(self.cap_s, self.base_s * 2 ** (attempt - 1)))

    def retry_after_s(self, header: str | None) -> float | None:
        """
        Return the seconds of a Retry-After header, which may be an HTTP date.

        None if it is missing or malformed.
        """
        if not header:
            return None
        if header.strip().isdecimal():
            return float(header)
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return max(0.0, (at - datetime.fromtimestamp(self.now(), timezone.utc)).total_seconds())


def may_repeat(failure: Failure, *, safe: bool, timeouts: int, races: bool = False) -> bool:
    """
    Return whether to send the request again.

    A request that never left this machine, or that the server turned away (429), may be repeated
    with any method. Others only if repeating is ``safe``: a connection that broke, even one idle
    for too long, may have delivered a write.

    Args:
        safe: the caller knows that a second delivery does no harm.
        timeouts: read timeouts so far, including this one. A single timeout may be bad luck; after
            two, a third attempt would only keep the caller waiting.
        races: whether 500 ``general_unknown`` may mean that a write lost a race.
    """
    error = failure.error
    if failure.hopeless:
        return False
    if failure.never_sent or isinstance(error, RateLimited):
        return True
    if not safe:
        return False
    if isinstance(error, RequestTimeout):
        # 408 is the server's own limit for a query, which it would reach again.
        return error.code is None and timeouts < 2
    if isinstance(error, ServerError) and error.code == 500:
        return races and error.type == "general_unknown"
    return isinstance(error, ConnectionFailed) or (
        isinstance(error, ServerError) and error.code in _PASSING_STATUS
    )
