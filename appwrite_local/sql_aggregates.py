"""
The aggregate functions that SQLite lacks, or computes otherwise than MariaDB.

Sums of doubles are added in the order of the rows, where SQLite corrects rounding errors; variances use the recurrence that MariaDB uses, so
that the last digit is the same (recordings ``agg-sum-avg``, ``agg-statistics``).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from appwrite_local.collation import fold
from appwrite_local.queries.raw import number_prefix

_ALL_ONES = 2**64 - 1


def register(connection: sqlite3.Connection) -> None:
    """Add the functions to a connection."""
    connection.create_function("number_prefix", 1, _number_prefix, deterministic=True)
    connection.create_function("id_fold", 1, _id_fold, deterministic=True)
    connection.create_function("datetime_number", 1, _datetime_number, deterministic=True)
    for name, arguments, aggregate in _AGGREGATES:
        connection.create_aggregate(name, arguments, aggregate)


def _number_prefix(value: Any) -> float | None:
    return None if value is None else number_prefix(str(value))


def _id_fold(value: Any) -> str | None:
    return None if value is None else fold(str(value))


def _datetime_number(value: str | None) -> int | None:
    """Read a stored datetime as the digits from year to millisecond, which is the number it is to MariaDB, times 1,000."""
    return None if value is None else int("".join(digit for digit in value[:23] if digit.isdecimal()))


class _RunningSum:
    def __init__(self) -> None:
        self.total: float | None = None

    def step(self, value: float | None) -> None:
        if value is not None:
            self.total = value if self.total is None else self.total + value

    def finalize(self) -> float | None:
        return self.total


class _Moments:
    """Count, and sum of squared distances from the mean, as text."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = 0.0

    def step(self, value: float | None) -> None:
        if value is None:
            return
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self.squares += distance * (value - self.mean)

    def finalize(self) -> str:
        return f"{self.count} {self.squares!r}"


class _Bits:
    """A 64-bit aggregate; the result is text, for it may exceed what SQLite holds."""

    initial = 0

    def __init__(self) -> None:
        self.bits = self.initial

    def step(self, value: float | None) -> None:
        if value is not None:
            # Doubles are rounded half to even; what is wider than 64 bits counts as the widest number.
            self.take(min(max(round(value), -(2**63)), 2**63 - 1) & _ALL_ONES)

    def take(self, bits: int) -> None:
        raise NotImplementedError

    def finalize(self) -> str:
        return str(self.bits)


class _BitsAnd(_Bits):
    initial = _ALL_ONES

    def take(self, bits: int) -> None:
        self.bits &= bits


class _BitsOr(_Bits):
    def take(self, bits: int) -> None:
        self.bits |= bits


class _BitsXor(_Bits):
    def take(self, bits: int) -> None:
        self.bits ^= bits


class _OfLeast:
    """The first value whose key is the least; rows without a key do not count."""

    def __init__(self) -> None:
        self.value: Any = None
        self.key: Any = None

    def step(self, value: Any, key: Any) -> None:
        if key is not None and (self.key is None or self.is_better(key)):
            self.value, self.key = value, key

    def is_better(self, key: Any) -> bool:
        return bool(key < self.key)

    def finalize(self) -> Any:
        return self.value


class _OfGreatest(_OfLeast):
    def is_better(self, key: Any) -> bool:
        return bool(key > self.key)


_AGGREGATES: tuple[tuple[str, int, Any], ...] = (
    ("running_sum", 1, _RunningSum),
    ("moments", 1, _Moments),
    ("bits_and", 1, _BitsAnd),
    ("bits_or", 1, _BitsOr),
    ("bits_xor", 1, _BitsXor),
    ("of_least", 2, _OfLeast),
    ("of_greatest", 2, _OfGreatest),
)
