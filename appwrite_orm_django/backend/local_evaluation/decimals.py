"""
Decimals of more digits than SQLite's numbers hold: kept as text, and computed with Python's ``decimal``.

Shorter ones are numbers in SQLite, as on Django's SQLite backend; only their sums and averages are made here, because what adds up in
floats loses a digit now and then.
"""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models import Avg, Case, DecimalField, Max, Min, Sum
from django.db.models.expressions import Col, Combinable, CombinedExpression, ExpressionWrapper
from django.db.models.functions import Coalesce, Greatest, Least

if TYPE_CHECKING:
    import sqlite3

COLLATION = "APPWRITE_DECIMAL"
# What SQLite's numbers hold exactly.
EXACT_DIGITS = 15
# An average or a quotient of long decimals has as many digits as Python gives it; others have what SQLite's numbers hold.
QUOTIENT_DIGITS = 28
# Of a float no more is meant: the rest is noise.
_FLOAT = decimal.Context(prec=EXACT_DIGITS)
# Sums and products of any decimals that fit into a column, exactly.
_EXACT = decimal.Context(prec=1000)

_FUNCTIONS: dict[type, str] = {
    Sum: "APPWRITE_SUM",
    Avg: "APPWRITE_AVG",
    Greatest: "APPWRITE_GREATEST",
    Least: "APPWRITE_LEAST",
}
_AS_THEY_ARE = (Max, Min, Coalesce, Case)
_CONNECTORS = {
    Combinable.ADD: "APPWRITE_ADD",
    Combinable.SUB: "APPWRITE_SUBTRACT",
    Combinable.MUL: "APPWRITE_MULTIPLY",
    Combinable.DIV: "APPWRITE_DIVIDE",
}


def is_long(node: Any) -> bool:
    """Say whether an expression's values are decimals that are kept as text, or are made of such."""
    try:
        field = node.output_field
    except (AttributeError, FieldError):
        return False
    if not isinstance(field, DecimalField):
        return False
    digits: int | None = field.max_digits
    if digits is not None:
        return digits > EXACT_DIGITS
    return any(source is not None and is_long(source) for source in node.get_source_expressions())


def compiled(node: Any, compiler: Any) -> tuple[str, Any] | None:
    """Return the SQL of an expression that has to be computed exactly; None for all others."""
    kind = type(node)
    if kind in (Sum, Avg) and not is_long(node):
        source = node.get_source_expressions()[0]
        # Not what a window function is: Django has it compute floats.
        if type(source) is not Col or not all(isinstance(one.output_field, DecimalField) for one in (node, source)):
            return None
        # A number, as all that it is compared with.
        sql, params = node.as_sql(compiler, compiler.connection, function=_FUNCTIONS[kind])
        return f"(CAST({sql} AS NUMERIC))", params
    if kind is CombinedExpression:
        return _combined(node, compiler) if node.connector in _CONNECTORS and is_long(node) else None
    known = kind in _FUNCTIONS or kind in _AS_THEY_ARE or isinstance(node, ExpressionWrapper)
    if not known or not is_long(node):
        return None
    context = {"function": _FUNCTIONS[kind]} if kind in _FUNCTIONS else {}
    sql, params = node.as_sql(compiler, compiler.connection, **context)
    return _as_text(sql), params


def _combined(node: Any, compiler: Any) -> tuple[str, Any]:
    left, left_params = compiler.compile(node.lhs)
    right, right_params = compiler.compile(node.rhs)
    return _as_text(f"{_CONNECTORS[node.connector]}({left}, {right})"), (*left_params, *right_params)


def _as_text(sql: str) -> str:
    # An expression has neither the type nor the collation of its column, and a number without a type is less than any text.
    return f"(CAST({sql} AS TEXT) COLLATE {COLLATION})"


def register(connection: sqlite3.Connection) -> None:
    """Make the functions and the collation known to a connection."""
    connection.create_collation(COLLATION, _compare)
    connection.create_aggregate("APPWRITE_SUM", 1, _Sum)
    connection.create_aggregate("APPWRITE_AVG", 1, _Average)
    for name, function in (("ADD", _EXACT.add), ("SUBTRACT", _EXACT.subtract), ("MULTIPLY", _EXACT.multiply)):
        connection.create_function(f"APPWRITE_{name}", 2, _of_numbers(function), deterministic=True)
    connection.create_function("APPWRITE_DIVIDE", 2, _of_numbers(_divided), deterministic=True)
    connection.create_function("APPWRITE_GREATEST", -1, _of_numbers(_first(operator.gt)), deterministic=True)
    connection.create_function("APPWRITE_LEAST", -1, _of_numbers(_first(operator.lt)), deterministic=True)


class _Sum:
    """SUM: null if there is no value."""

    def __init__(self) -> None:
        self.total = decimal.Decimal(0)
        self.count = 0
        self.digits = EXACT_DIGITS

    def step(self, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, str):
            self.digits = QUOTIENT_DIGITS
        self.total = _EXACT.add(self.total, number(value))
        self.count += 1

    def finalize(self) -> str | None:
        return format(self.total, "f") if self.count else None


class _Average(_Sum):
    """AVG: the exact sum divided by the number of values."""

    def finalize(self) -> str | None:
        if not self.count:
            return None
        digits = max(self.digits, len(self.total.as_tuple().digits) if self.digits > EXACT_DIGITS else 0)
        return format(decimal.Context(prec=digits).divide(self.total, decimal.Decimal(self.count)), "f")


def number(value: Any) -> decimal.Decimal:
    """Return the decimal that a value of SQLite stands for."""
    if isinstance(value, float):
        return _FLOAT.create_decimal_from_float(value)
    return decimal.Decimal(value) if isinstance(value, int) else read(value)


@lru_cache(maxsize=10_000)
def read(text: str) -> decimal.Decimal:
    """Return the decimal that a text stands for; 0, as SQLite has it, if it is none."""
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return decimal.Decimal(0)


def _compare(one: str, two: str) -> int:
    left, right = read(one), read(two)
    return (left > right) - (left < right)


def _of_numbers(function: Callable[..., decimal.Decimal | None]) -> Callable[..., str | None]:
    def apply(*values: Any) -> str | None:
        if None in values:
            return None
        result = function(*map(number, values))
        return None if result is None else format(result, "f")

    return apply


def _divided(one: decimal.Decimal, two: decimal.Decimal) -> decimal.Decimal | None:
    # NULL for a division by zero, as SQLite has it.
    return decimal.Context(prec=QUOTIENT_DIGITS).divide(one, two) if two else None


def _first(comes_before: Callable[[Any, Any], bool]) -> Callable[..., decimal.Decimal]:
    def choose(*values: decimal.Decimal) -> decimal.Decimal:
        best = values[0]
        for value in values[1:]:
            best = value if comes_before(value, best) else best
        return best

    return choose
