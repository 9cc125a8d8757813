"""
Keep threads from waiting for a server that does not answer, and the server from being hammered.

Three things, shared by all threads of a process that use the same server:

* A *deadline* for a web request: no attempt or pause of a read lasts beyond it.
* A *gate* for 429: while the server wants to be left alone, a few reads wait for the end of it, and
  all others fail at once. Without it every thread would sleep through its own retries, and pages
  that need no request would find no thread.
* A *breaker* for reads. It opens after two reads in a row without an answer, or five that failed
  quickly, and as soon as several hang together. Then reads fail at once, except one at a time,
  which finds out whether the server is back. Any answer closes it.

Writes are neither refused nor cut short: whether one was applied would be unknown.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .answers import Request
from .errors import ConnectionFailed, RateLimited, RequestTimeout
from .retries import Failure

#: The clock of deadlines.
monotonic = time.monotonic

_MOST_TIMEOUTS = 2
#: Refused connections, and what proxies answer without the server. A restart takes a few.
_MOST_QUICK_FAILURES = 5
#: A server hangs if so many reads wait and none has been answered for so long since the first of
#: them was sent: ten times what an answer takes, within these bounds in seconds.
_MOST_WAITING = 4
_SLOW_S = (0.5, 5.0)
_UNKNOWN_S = 0.2
_PROBE_EVERY_S = 1.0
_PROBE_LOST_S = 120.0
# So many reads at once may sleep through a pause that the server asked for, or a longer backoff.
_MOST_SLEEPING = 2
_SHORT_PAUSE_S = 0.5

_ends_at: ContextVar[float | None] = ContextVar("appwrite_deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """
    Let no read from Appwrite last longer than until so many seconds from now.

    A read that would raises ``RequestTimeout``. Writes are not cut short, but not retried after the
    deadline. Blocks may be nested; the earliest deadline counts.
    """
    ends_at = monotonic() + seconds
    outer = _ends_at.get()
    token = _ends_at.set(ends_at if outer is None else min(outer, ends_at))
    try:
        yield
    finally:
        _ends_at.reset(token)


def remaining_s() -> float | None:
    """Return the seconds until the deadline, at least 0; None if there is none."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - monotonic())


class Guard:
    """
    The gate and the breaker before one server.

    Attributes:
        enabled: whether reads may be refused.
    """

    def __init__(
        self, *, enabled: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.enabled = enabled
        self._clock = clock
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: dict[int, float] = {}
        self._next = 0
        self._timeouts = 0
        self._quick_failures = 0
        self._answered_at = self._clock()
        self._takes_s: float | None = None
        self._probes_at: float | None = None  # None while the breaker is closed
        self._probe: tuple[Request, float] | None = None
        self._closed_until = 0.0
        self._sleeping = 0

    def refusal(self, request: Request) -> Failure | None:
        """Return why a request is not to be sent now, or None; it then counts as sent."""
        if self._pid != os.getpid():  # the parent's threads wait for nothing here
            self._renew()
        left_s = remaining_s()
        if left_s == 0.0:
            text = "the deadline of this web request is over; nothing was sent"
            return Failure(request.error(RequestTimeout, text), never_sent=True, hopeless=True)
        if request.writes or not self.enabled:
            return None
        now = self._clock()
        with self._lock:
            if now < self._closed_until and self._sleeping >= _MOST_SLEEPING:
                wait_s = self._closed_until - now
                text = f"the server asked for a pause, which lasts for another {wait_s:.1f} s"
                return Failure(request.error(RateLimited, text, code=429), hopeless=True)
            if self._probes_at is None and self._is_hanging(now):
                self._probes_at = now + _PROBE_EVERY_S
            if self._probes_at is not None:
                is_probed = self._probe is not None and now < self._probe[1] + _PROBE_LOST_S
                if now < self._probes_at or is_probed:
                    text = "the server did not answer the last reads, so none is sent for a moment"
                    return Failure(
                        request.error(ConnectionFailed, text), never_sent=True, hopeless=True
                    )
                self._probe = (request, now)
        return None

    def _is_hanging(self, now: float) -> bool:
        if self._timeouts >= _MOST_TIMEOUTS or self._quick_failures >= _MOST_QUICK_FAILURES:
            return True
        least_s, most_s = _SLOW_S
        takes_s = _UNKNOWN_S if self._takes_s is None else self._takes_s
        slow_s = min(max(least_s, 10 * takes_s), most_s)
        if len(self._waiting) < _MOST_WAITING:
            return False
        return now - max(self._answered_at, min(self._waiting.values())) >= slow_s

    @contextmanager
    def waiting(self, request: Request) -> Iterator[None]:
        """Note that a request waits for its answer."""
        if request.writes:
            yield
            return
        with self._lock:
            self._next += 1
            number = self._next
            self._waiting[number] = self._clock()
        try:
            yield
        except BaseException:
            with self._lock:
                self._waiting.pop(number, None)
            raise
        with self._lock:
            took_s = self._clock() - self._waiting.pop(number)
            # Quickly down and slowly up: the first request of a process is slow for other reasons.
            known_s = took_s if self._takes_s is None else self._takes_s
            share = 0.1 if took_s > known_s else 0.5
            self._takes_s = known_s + share * (took_s - known_s)

    def note(self, request: Request, failure: Failure | None, *, is_retry: bool = False) -> None:
        """
        Note how an attempt has ended.

        Args:
            is_retry: whether it repeats an attempt. A query that is always too slow says nothing of
                others, so a request without an answer counts once.
        """
        error = None if failure is None else failure.error
        has_answered = error is None or error.code not in (None, 502, 503, 504)
        with self._lock:
            if self._probe is not None and self._probe[0] is request:
                self._probe = None
                self._probes_at = self._clock() + _PROBE_EVERY_S
            if has_answered:
                self._answered_at = self._clock()
                self._timeouts = self._quick_failures = 0
                self._probes_at = self._probe = None
            elif not request.writes and not is_retry:
                if isinstance(error, RequestTimeout) and failure is not None:
                    self._timeouts += 1
                else:
                    self._quick_failures += 1
            if isinstance(error, RateLimited) and failure is not None and failure.retry_after_s:
                self._closed_until = max(self._closed_until, self._clock() + failure.retry_after_s)

    def may_sleep(self, request: Request, pause_s: float) -> bool:
        """Return whether a request may wait so long for its next attempt; then call ``wake``."""
        left_s = remaining_s()
        if left_s is not None and pause_s >= left_s:
            return False
        if request.writes or not self.enabled or pause_s <= _SHORT_PAUSE_S:
            return True
        with self._lock:
            if self._sleeping >= _MOST_SLEEPING:
                return False
            self._sleeping += 1
        return True

    def wake(self, request: Request, pause_s: float) -> None:
        """Note that a pause that ``may_sleep`` allowed is over."""
        if not request.writes and self.enabled and pause_s > _SHORT_PAUSE_S:
            with self._lock:
                self._sleeping -= 1

    def timeouts_s(self, request: Request, timeouts_s: tuple[float, float]) -> tuple[float, float]:
        """Return the timeouts of an attempt, cut to the deadline for a read."""
        left_s = remaining_s()
        if left_s is None or request.writes:
            return timeouts_s
        left_s = max(left_s, 0.001)
        return min(timeouts_s[0], left_s), min(timeouts_s[1], left_s)
