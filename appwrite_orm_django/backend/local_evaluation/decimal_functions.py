"""
The functions of SQLite that compute with decimals of any length, by Python's ``decimal``.

Values are text, or numbers where a column of numbers takes part; results are text. NULL for NULL, and where there is no result: a division
by zero, the root of a negative number.
"""

from __future__ import annotations

import decimal
import operator
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import DataError

Decimal = decimal.Decimal

COLLATION = "APPWRITE_DECIMAL"
# What SQLite's numbers hold exactly.
EXACT_DIGITS = 15
# What has no end (averages, quotients, roots) has as many digits as Python gives it; of short decimals, what SQLite's numbers hold.
QUOTIENT_DIGITS = 28
# Of a float no more is meant: the rest is noise.
_FLOAT = decimal.Context(prec=EXACT_DIGITS)
# Sums, products and powers of any decimals that fit into a column, exactly.
_EXACT = decimal.Context(prec=1000)
_ENDLESS = decimal.Context(prec=QUOTIENT_DIGITS)
# Aggregates of one's own that know how to leave a window: from Python 3.11 on.
WINDOWS = hasattr(sqlite3.Connection, "create_window_function")
_NO_RESULT = (decimal.InvalidOperation, decimal.DivisionByZero)


def register(connection: sqlite3.Connection) -> None:
    """Make the functions and the collation known to a connection."""
    connection.create_collation(COLLATION, _compare)
    for name, aggregate in (("APPWRITE_SUM", _Sum), ("APPWRITE_AVG", _Average)):
        if WINDOWS:
            connection.create_window_function(name, 1, aggregate)  # type: ignore[attr-defined]  # from Python 3.11 on
        else:
            connection.create_aggregate(name, 1, aggregate)
    for name, (arguments, function) in _FUNCTIONS.items():
        connection.create_function(f"APPWRITE_{name}", arguments, _of_numbers(function), deterministic=True)


class _Sum:
    """SUM: null if there is no value."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0
        self.digits = EXACT_DIGITS

    def step(self, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, str):
            self.digits = QUOTIENT_DIGITS
        self.total = _EXACT.add(self.total, number(value))
        self.count += 1

    def inverse(self, value: Any) -> None:
        """Take a value out again, which has left the frame of a window."""
        if value is not None:
            self.total = _EXACT.subtract(self.total, number(value))
            self.count -= 1

    def value(self) -> str | None:
        return format(self.total, "f") if self.count else None

    def finalize(self) -> str | None:
        return self.value()


class _Average(_Sum):
    """AVG: the exact sum divided by the number of values."""

    def value(self) -> str | None:
        if not self.count:
            return None
        digits = max(self.digits, len(self.total.as_tuple().digits) if self.digits > EXACT_DIGITS else 0)
        return format(decimal.Context(prec=digits).divide(self.total, Decimal(self.count)), "f")


def short(text: str | None) -> str | None:
    """
    Return a sum that SQLite can hold as a number.

    Raises:
        DataError: it has more digits than that.
    """
    if (
        text is not None
        and len(text) > EXACT_DIGITS
        and len(read(text).normalize(_EXACT).as_tuple().digits) > EXACT_DIGITS
    ):
        raise DataError(
            f"{text}, the sum of a column of decimals, has more than {EXACT_DIGITS} digits.\n"
            f'Add up longer decimals: Sum(Cast("field", DecimalField(max_digits=40, decimal_places=...))).'
        )
    return text


def number(value: Any) -> Decimal:
    """Return the decimal that a value of SQLite stands for."""
    if isinstance(value, float):
        return _FLOAT.create_decimal_from_float(value)
    return Decimal(value) if isinstance(value, int) else read(value)


@lru_cache(maxsize=10_000)
def read(text: str) -> Decimal:
    """Return the decimal that a text stands for; 0, as SQLite has it, if it is none."""
    try:
        found = Decimal(text)
    except decimal.InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def rounded(value: Decimal, places: Decimal | int) -> Decimal:
    """Round half away from zero, as PostgreSQL does; to tens and hundreds where ``places`` is negative."""
    return value.quantize(Decimal(1).scaleb(-int(places)), decimal.ROUND_HALF_UP, _EXACT)


def _compare(one: str, two: str) -> int:
    left, right = read(one), read(two)
    return (left > right) - (left < right)


def _of_numbers(function: Callable[..., Decimal | None]) -> Callable[..., str | None]:
    def apply(*values: Any) -> str | None:
        if None in values:
            return None
        try:
            result = function(*map(number, values))
        except _NO_RESULT:
            return None
        return format(result, "f") if result is not None and result.is_finite() else None

    return apply


def _first(comes_before: Callable[[Any, Any], bool]) -> Callable[..., Decimal]:
    def choose(*values: Decimal) -> Decimal:
        best = values[0]
        for value in values[1:]:
            best = value if comes_before(value, best) else best
        return best

    return choose


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if not exponent:
        return Decimal(1)
    if exponent == exponent.to_integral_value() and 0 < exponent <= _MOST_FACTORS:
        return _EXACT.power(base, exponent)
    return _ENDLESS.power(base, exponent)


# The longest decimals that are exact to this power have twenty digits; beyond it, a power has as many digits as a quotient.
_MOST_FACTORS = 50


def _sign(value: Decimal) -> Decimal:
    return Decimal((value > 0) - (value < 0))


def _whole(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda value: value.to_integral_value(rounding)


def _logarithm(base: Decimal, value: Decimal) -> Decimal:
    more = decimal.Context(prec=QUOTIENT_DIGITS + 5)
    return _ENDLESS.divide(more.ln(value), more.ln(base))


# With the number of arguments, -1 for any.
_FUNCTIONS: dict[str, tuple[int, Callable[..., Decimal]]] = {
    "ADD": (2, _EXACT.add),
    "SUBTRACT": (2, _EXACT.subtract),
    "MULTIPLY": (2, _EXACT.multiply),
    "DIVIDE": (2, _ENDLESS.divide),
    "MOD": (2, _EXACT.remainder),
    "POWER": (2, _power),
    "GREATEST": (-1, _first(operator.gt)),
    "LEAST": (-1, _first(operator.lt)),
    "ABS": (1, Decimal.copy_abs),
    "SIGN": (1, _sign),
    "CEILING": (1, _whole(decimal.ROUND_CEILING)),
    "FLOOR": (1, _whole(decimal.ROUND_FLOOR)),
    "ROUND_EXACTLY": (2, rounded),
    "SQRT": (1, _ENDLESS.sqrt),
    "EXP": (1, _ENDLESS.exp),
    "LN": (1, _ENDLESS.ln),
    "LOG": (2, _logarithm),
}
