"""Row ids: how primary keys of every Django type are written as an Appwrite ``$id``, and how new ones are made."""

from __future__ import annotations

import re
import secrets
import threading
import time

from appwrite_orm_django.forking import in_each_child

# Appwrite's rule for ids (recording ``rows-ids``): 36 characters, the first one a letter or a digit.
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}\Z")

# 53 bits: the largest integer that JavaScript clients of the same table can hold.
MAX_INTEGER = 2**53 - 1
_WIDTH = 16
_EPOCH_MS = 1_735_689_600_000  # 2025-01-01; 41 bits of milliseconds last until 2094
_SEQUENCE_BITS = 12


class InvalidRowId(ValueError):
    """The value can not be an Appwrite row id; the text says why."""


def check_text(value: str) -> str:
    """Return ``value`` if Appwrite takes it as a row id, else raise ``InvalidRowId`` with the reason."""
    if _VALID.match(value):
        return value
    if not value:
        raise InvalidRowId("an Appwrite row id is not empty")
    if len(value) > 36:
        raise InvalidRowId(f"an Appwrite row id has at most 36 characters, not {len(value)}")
    raise InvalidRowId(
        f"an Appwrite row id consists of A-Z, a-z, 0-9, '.', '-' and '_' and starts with a letter or a digit, "
        f"unlike {value[:100]!r}"
    )


def encode_integer(value: int) -> str:
    """
    Write an integer key as text that sorts as the integer does.

    Non-negative keys are padded to 16 digits. Negative ones, rare but legal in Django, start with ``0-``, which sorts
    before every digit, and count up from -2**53.
    """
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise InvalidRowId(f"an integer key lies between -(2**53-1) and 2**53-1, unlike {value}")
    if value >= 0:
        return f"{value:0{_WIDTH}d}"
    return f"0-{value + MAX_INTEGER + 1:0{_WIDTH}d}"


def decode_integer(text: str) -> int:
    """Read what ``encode_integer`` wrote; plain digits of any width are read as well."""
    if text[1:2] == "-":
        return int(text[2:]) - MAX_INTEGER - 1
    return int(text)


class _RowIds:
    """Pairs of milliseconds and 52 random bits; within a millisecond the bits grow by random steps, so that order is kept."""

    def __init__(self) -> None:
        self._moment = self._bits = 0
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def new(self) -> tuple[int, int]:
        now = time.time_ns() // 1_000_000
        with self._lock:
            # Random steps, not 1: a fork inherits the last pair, and would count on from it as we do.
            bits = self._bits + 1 + secrets.randbits(36) if now <= self._moment else secrets.randbits(51)
            if bits >= 1 << 52:
                self._moment, bits = self._moment + 1, secrets.randbits(51)
            self._moment, self._bits = max(now, self._moment), bits
            return self._moment, self._bits


_row_ids = _RowIds()
in_each_child(_row_ids.after_fork)


def new_row_id() -> str:
    """
    Make a row id: 24 lower-case hexadecimal characters, the first 11 of them the time in milliseconds.

    Lower case, because Appwrite compares ids without case; time first, so that new rows are neighbours in the index. Each is larger
    than every earlier one of this process, so rows sort by their making.
    """
    moment, bits = _row_ids.new()
    return f"{moment:011x}{bits:013x}"


class _IntegerIds:
    """Time-ordered 53-bit integers: 41 bits of milliseconds, 12 bits of sequence that start at random each time."""

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
    Make a key for an ``AutoField``: positive, below 2**53, larger than every earlier one of this process.

    Two processes can make the same one within a millisecond (once in about 2,000 such pairs); the create that comes
    second is refused by the server and repeated with a new key.
    """
    return _integer_ids.new()
