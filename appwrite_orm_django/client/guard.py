"""
Keep threads from waiting for a server that does not answer, and the server from being hammered.

Three things, shared by all threads of a process that use the same server:

* A *deadline* for a web request: no attempt or pause of a read lasts beyond it.
* A *gate* for 429: while the server wants to be left alone, a few reads wait for the end of it, and
  all others fail at once. Without it every thread would sleep through its own retries, and pages
  that need no request would find no thread.
* A *breaker* for reads. It opens after two reads in a row without an answer, and as soon as several
  reads have waited for a while and none has been answered meanwhile. Then reads fail at once,
  except one after each pause, which finds out whether the server is back. Any answer closes it.

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

_OPENS_AFTER = 2
#: So many reads that have waited so many seconds, and no answer meanwhile.
_MOST_WAITING = 4
_SLOW_S = 2.0
_PROBE_EVERY_S = 1.0
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
        self._unanswered = 0
        self._answered_at = self._clock()
        self._probes_at: float | None = None  # None while the breaker is closed
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
                if now < self._probes_at:
                    text = "the server did not answer the last reads, so none is sent for a moment"
                    return Failure(
                        request.error(ConnectionFailed, text), never_sent=True, hopeless=True
                    )
                self._probes_at = now + _PROBE_EVERY_S
        return None

    def _is_hanging(self, now: float) -> bool:
        if self._unanswered >= _OPENS_AFTER:
            return True
        slow = [since for since in self._waiting.values() if now - since >= _SLOW_S]
        return len(slow) >= _MOST_WAITING and now - self._answered_at >= _SLOW_S

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
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def note(self, request: Request, failure: Failure | None, *, is_retry: bool = False) -> None:
        """
        Note how an attempt has ended.

        Args:
            is_retry: whether it repeats an attempt. A query that is always too slow says nothing of
                others, so a request without an answer counts once.
        """
        error = None if failure is None else failure.error
        has_answered = error is None or error.code is not None
        with self._lock:
            if has_answered:
                self._answered_at = self._clock()
                self._unanswered = 0
                self._probes_at = None
            elif not request.writes and not is_retry and isinstance(error, RequestTimeout):
                self._unanswered += 1
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
