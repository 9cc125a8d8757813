"""
Add SQL functions that SQLite lacks, or computes differently from the server's database.

Text is compared as in MariaDB or PostgreSQL. Sums of doubles are added in the order of the rows,
where SQLite corrects rounding errors. Variances use MariaDB's recurrence, so that the last digit is
the same (recordings ``agg-sum-avg``, ``agg-statistics``).
"""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache
from typing import Any

from appwrite_local.collation import fold as mariadb_fold
from appwrite_local.engines import Engine
from appwrite_local.fulltext import matches as ft_match
from appwrite_local.geometry import is_distant, relates
from appwrite_local.queries.raw import number_prefix

_ALL_ONES = 2**64 - 1


def register(connection: sqlite3.Connection, engine: Engine) -> None:
    """Add the functions to a connection. They are deterministic, as indexes require."""
    fold, like_fold = engine.fold, engine.like_fold

    def ci_fold(text: Any) -> str | None:
        return None if text is None else fold(text)

    def ci_starts(text: Any, folded_part: str) -> bool | None:
        return None if text is None else like_fold(text).startswith(folded_part)

    def ci_ends(text: Any, folded_part: str) -> bool | None:
        return None if text is None else like_fold(text).endswith(folded_part)

    def ci_contains(text: Any, folded_part: str) -> bool | None:
        return None if text is None else folded_part in like_fold(text)

    @lru_cache(maxsize=256)
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(_like_to_regex(like_fold(pattern)), re.DOTALL)

    def ci_like(text: Any, pattern: str) -> bool | None:
        return None if text is None else compiled(pattern).fullmatch(like_fold(text)) is not None

    def regex_match(value: Any, pattern: str) -> bool | None:
        if value is None:
            return None
        return _pattern(pattern, engine.regex_flags).search(number_text(value) or "") is not None

    for name, arguments, function in (
        ("ci_fold", 1, ci_fold), ("ci_starts", 2, ci_starts), ("ci_ends", 2, ci_ends), ("ci_contains", 2, ci_contains),
        ("ci_like", 2, ci_like), ("ft_match", 2, ft_match), ("number_text", 1, number_text), ("array_any", 2, array_any),
        ("array_all", 2, array_all), ("geo_relates", 3, relates), ("geo_distant", 3, is_distant), ("regex_match", 2, regex_match),
        ("number_prefix", 1, _number_prefix), ("id_fold", 1, _id_fold), ("datetime_number", 1, _datetime_number),
    ):  # fmt: skip
        connection.create_function(name, arguments, function, deterministic=True)
    for name, arguments, aggregate in _AGGREGATES:
        connection.create_aggregate(name, arguments, aggregate)


def _like_to_regex(pattern: str) -> str:
    parts = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return "".join(parts)


@lru_cache(maxsize=256)
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)


def is_pattern(text: Any) -> bool:
    """Return whether a text is a valid regular expression."""
    try:
        re.compile(str(text))
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def number_text(value: Any) -> str | None:
    """Return a number as the database casts it to text: whole floats without a fraction."""
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def array_any(array: Any, wanted: str) -> bool | None:
    """Return whether a JSON array holds a wanted value exactly (``query-array-string``)."""
    if array is None:
        return None
    held = json.loads(array)
    return any(_holds(held, value) for value in json.loads(wanted))


def array_all(array: Any, wanted: str) -> bool | None:
    if array is None:
        return None
    held = json.loads(array)
    return all(_holds(held, value) for value in json.loads(wanted))


def _holds(held: list[Any], value: Any) -> bool:
    # In Python True equals 1; in JSON it does not.
    return any(item == value and isinstance(item, bool) == isinstance(value, bool) for item in held)


def _number_prefix(value: Any) -> float | None:
    return None if value is None else number_prefix(str(value))


def _id_fold(value: Any) -> str | None:
    return None if value is None else mariadb_fold(str(value))


def _datetime_number(value: str | None) -> int | None:
    """
    Return a stored datetime as the digits from year to millisecond.

    That is its numeric value in MariaDB, times 1,000.
    """
    return (
        None if value is None else int("".join(digit for digit in value[:23] if digit.isdecimal()))
    )


class _RunningSum:
    def __init__(self) -> None:
        self.total: float | None = None

    def step(self, value: float | None) -> None:
        if value is not None:
            self.total = value if self.total is None else self.total + value

    def finalize(self) -> float | None:
        return self.total


class _Moments:
    """The count, and the sum of squared distances from the mean, as text."""

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
    """A 64-bit aggregate; the result is text, because it may exceed SQLite's integers."""

    initial = 0

    def __init__(self) -> None:
        self.bits = self.initial

    def step(self, value: float | None) -> None:
        if value is not None:
            # Doubles are rounded half to even; a number wider than 64 bits counts as the widest
            # integer.
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
    """The first value with the least key; rows without a key do not count."""

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
