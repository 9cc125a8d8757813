"""Make UUIDs of version 7, which MongoDB's rows have for ``$sequence``."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

_TAIL_BITS = 74
_LOW_BITS = 62
_STEP_BITS = 32
_VALID = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-7[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")


def is_uuid7(value: object) -> bool:
    """Return whether a value is the text of a UUID 7, in either case."""
    return isinstance(value, str) and _VALID.fullmatch(value.lower()) is not None


class Uuids:
    """
    A source of UUIDs whose texts strictly increase, also within a millisecond.

    The UUIDs of several processes mix by their clocks, as those of several servers do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._moment_ms = 0
        self._tail = 0

    def make(self) -> str:
        if self._pid != os.getpid():
            # Another thread of the parent may have held the lock during the fork.
            self._pid, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            now_ms = time.time_ns() // 1_000_000
            if now_ms > self._moment_ms:
                self._moment_ms, self._tail = now_ms, secrets.randbits(_TAIL_BITS)
            else:
                self._tail += 1 + secrets.randbits(_STEP_BITS)
            if self._tail >= 1 << _TAIL_BITS:
                self._moment_ms, self._tail = self._moment_ms + 1, secrets.randbits(_STEP_BITS)
            return _text(self._moment_ms, self._tail)


def _text(moment_ms: int, tail: int) -> str:
    high, low = tail >> _LOW_BITS, tail & ((1 << _LOW_BITS) - 1)
    number = moment_ms << 80 | 7 << 76 | high << 64 | 2 << _LOW_BITS | low
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
