"""
Write primary keys of every Django type as an Appwrite ``$id``, and generate new ones.

``schema.names`` holds the encodings.
"""

from __future__ import annotations

import secrets
import threading
import time

from appwrite_orm_django.client.fork_safety import in_each_child
from appwrite_orm_django.schema.names import (
    MAX_INTEGER,
    InvalidRowId,
    check_text,
    decode_integer,
    encode_integer,
)

__all__ = [
    "MAX_INTEGER",
    "InvalidRowId",
    "check_text",
    "decode_integer",
    "encode_integer",
    "new_integer_id",
    "new_row_id",
]

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01; 41 bits of milliseconds last until 2094
_SEQUENCE_BITS = 12


class _RowIds:
    """
    Generate pairs of milliseconds and 52 random bits.

    Within a millisecond the bits grow by random steps, so that order is kept.
    """

    def __init__(self) -> None:
        self._moment = self._bits = 0
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def new(self) -> tuple[int, int]:
        now = time.time_ns() // 1_000_000
        with self._lock:
            # Random steps, not 1: a forked child inherits the last pair, and would count on from it
            # like its parent.
            bits = (
                self._bits + 1 + secrets.randbits(36)
                if now <= self._moment
                else secrets.randbits(51)
            )
            if bits >= 1 << 52:
                self._moment, bits = self._moment + 1, secrets.randbits(51)
            self._moment, self._bits = max(now, self._moment), bits
            return self._moment, self._bits


_row_ids = _RowIds()
in_each_child(_row_ids.after_fork)


def new_row_id() -> str:
    """
    Generate a row id: 24 lower-case hexadecimal characters.

    The first 11 are the time in milliseconds, so that new rows are neighbours in the index. Lower
    case, because Appwrite compares ids case-insensitively. Each id is larger than all earlier ones
    of this process, so rows sort by creation.
    """
    moment, bits = _row_ids.new()
    return f"{moment:011x}{bits:013x}"


class _IntegerIds:
    """
    Generate time-ordered integers of 53 bits.

    They have 41 bits of milliseconds, and 12 bits of sequence that start at random each time.
    """

    def __init__(self) -> None:
        self._last = 0
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def new(self) -> int:
        now = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _SEQUENCE_BITS
        candidate = now | secrets.randbelow(1 << (_SEQUENCE_BITS - 1))
        with self._lock:
            self._last = max(candidate, self._last + 1)
            return self._last


_integer_ids = _IntegerIds()
in_each_child(_integer_ids.after_fork)


def new_integer_id() -> int:
    """
    Generate a key for an ``AutoField``.

    It is positive, below 2**53 and larger than all earlier ones of this process. Two processes can
    generate the same key within a millisecond (once in about 2,000 such pairs). The server then
    rejects the second create, which is retried with a new key.
    """
    return _integer_ids.new()
