"""Compute in Python with decimals of more digits than SQLite supports, stored as text."""

from __future__ import annotations

import copy
import decimal
import operator
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.exceptions import FieldError
from django.db import DataError, NotSupportedError
from django.db.models import (
    Avg,
    Case,
    DecimalField,
    Func,
    JSONField,
    Lookup,
    Max,
    Min,
    Subquery,
    Sum,
    Value,
    Window,
)
from django.db.models.expressions import (
    BaseExpression,
    Col,
    Combinable,
    CombinedExpression,
    Expression,
    ExpressionWrapper,
)
from django.db.models.functions import (
    Abs,
    Cast,
    Ceil,
    Coalesce,
    Exp,
    FirstValue,
    Floor,
    Greatest,
    JSONArray,
    JSONObject,
    Lag,
    LastValue,
    Lead,
    Least,
    Ln,
    Log,
    Mod,
    NthValue,
    NullIf,
    Power,
    Round,
    Sign,
    Sqrt,
)
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
)
from django.db.models.sql import Query

Decimal = decimal.Decimal

COLLATION = "APPWRITE_DECIMAL"
# The number of digits that SQLite's numbers hold exactly.
EXACT_DIGITS = 15
# Non-terminating results (averages, quotients, roots) have as many digits as Python's default;
# those of short decimals as many as SQLite's numbers.
QUOTIENT_DIGITS = 28
# Further digits of a float are noise.
_FLOAT = decimal.Context(prec=EXACT_DIGITS)
# Exact for sums, products and powers of any decimals that fit into a column.
_EXACT = decimal.Context(prec=1000)
_ENDLESS = decimal.Context(prec=QUOTIENT_DIGITS)
# Custom aggregates for windows need Python 3.11.
WINDOWS = hasattr(sqlite3.Connection, "create_window_function")
_NO_RESULT = (decimal.InvalidOperation, decimal.DivisionByZero)


def register(connection: sqlite3.Connection) -> None:
    """Register the functions and the collation on a connection."""
    connection.create_collation(COLLATION, _compare)
    for name, aggregate in (("APPWRITE_SUM", _Sum), ("APPWRITE_AVG", _Average)):
        if WINDOWS:
            connection.create_window_function(name, 1, aggregate)  # type: ignore[attr-defined]  # from Python 3.11 on
        else:
            connection.create_aggregate(name, 1, aggregate)  # type: ignore[arg-type]  # its class is called for a new one
    for name, (arguments, function) in _SQLITE_FUNCTIONS.items():
        connection.create_function(
            f"APPWRITE_{name}", arguments, _of_numbers(function), deterministic=True
        )


class _Sum:
    """SUM, which is null if there are no values."""

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
        """Remove a value that has left the frame of a window."""
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
        digits = max(
            self.digits, len(self.total.as_tuple().digits) if self.digits > EXACT_DIGITS else 0
        )
        return format(decimal.Context(prec=digits).divide(self.total, Decimal(self.count)), "f")


def short(text: str | None) -> str | None:
    """
    Return a sum if SQLite can hold it as a number.

    Raises:
        DataError: the sum has more digits.
    """
    if (
        text is not None
        and len(text) > EXACT_DIGITS
        and len(read(text).normalize(_EXACT).as_tuple().digits) > EXACT_DIGITS
    ):
        raise DataError(
            f"{text}, the sum of a column of decimals, has more than {EXACT_DIGITS} digits.\n"
            'Add up longer decimals: Sum(Cast("field", DecimalField(max_digits=40, '
            "decimal_places=...)))."
        )
    return text


def number(value: Any) -> Decimal:
    """Return a value of SQLite as a decimal."""
    if isinstance(value, float):
        return _FLOAT.create_decimal_from_float(value)
    return Decimal(value) if isinstance(value, int) else read(value)


@lru_cache(maxsize=10_000)
def read(text: str) -> Decimal:
    """Return a text as a decimal; 0 if it is not a number, as in SQLite."""
    try:
        found = Decimal(text)
    except decimal.InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def rounded(value: Decimal, places: Decimal | int) -> Decimal:
    """Round half away from zero, as PostgreSQL does; negative ``places`` round to tens and up."""
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


# Decimals of up to twenty digits are exact to this power. Beyond it, a power has as many digits as
# a quotient.
_MOST_FACTORS = 50


def _sign(value: Decimal) -> Decimal:
    return Decimal((value > 0) - (value < 0))


def _whole(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda value: value.to_integral_value(rounding)


def _logarithm(base: Decimal, value: Decimal) -> Decimal:
    more = decimal.Context(prec=QUOTIENT_DIGITS + 5)
    return _ENDLESS.divide(more.ln(value), more.ln(base))


# Functions with their number of arguments, -1 for any number.
_SQLITE_FUNCTIONS: dict[str, tuple[int, Callable[..., Decimal]]] = {
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


_FUNCTIONS: dict[type, str] = {
    Sum: "APPWRITE_SUM",
    Avg: "APPWRITE_AVG",
    Greatest: "APPWRITE_GREATEST",
    Least: "APPWRITE_LEAST",
    Abs: "APPWRITE_ABS",
    Ceil: "APPWRITE_CEILING",
    Exp: "APPWRITE_EXP",
    Floor: "APPWRITE_FLOOR",
    Ln: "APPWRITE_LN",
    Log: "APPWRITE_LOG",
    Mod: "APPWRITE_MOD",
    Power: "APPWRITE_POWER",
    Round: "APPWRITE_ROUND_EXACTLY",
    Sign: "APPWRITE_SIGN",
    Sqrt: "APPWRITE_SQRT",
}
_AS_THEY_ARE = (Max, Min, Coalesce, Case, Subquery)
_CONNECTORS = {
    Combinable.ADD: "APPWRITE_ADD",
    Combinable.SUB: "APPWRITE_SUBTRACT",
    Combinable.MUL: "APPWRITE_MULTIPLY",
    Combinable.DIV: "APPWRITE_DIVIDE",
    Combinable.MOD: "APPWRITE_MOD",
    Combinable.POW: "APPWRITE_POWER",
}
_COMPARISONS = (Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual)
# Functions that return one of the existing values.
_PICKED = (FirstValue, Lag, LastValue, Lead, Max, Min, NthValue)


class _JsonNumber(Func):
    """The text of a decimal as a JSON number with all its digits."""

    function = "JSON"
    # The subquery stops SQLite from applying the collation of decimals, which passes through
    # function calls, to the document.
    template = "%(function)s((SELECT %(expressions)s))"
    arity = 1
    output_field = JSONField()


def is_long(node: Any) -> bool:
    """Return whether an expression's values are decimals stored as text, or computed from them."""
    if type(node) is Value:
        # A value that is compared with a column is always text and is not handled here.
        return (
            isinstance(node.value, decimal.Decimal)
            and len(node.value.as_tuple().digits) > EXACT_DIGITS
        )
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
    """
    Return the SQL of an expression that must be computed exactly, None for any other.

    Raises:
        NotSupportedError: this version of Python cannot compute it.
    """
    kind = type(node)
    if isinstance(node, _COMPARISONS):
        return _comparison(node, compiler)
    if kind is Value:
        # Django would cast it to a number in SQLite.
        return (_as_text("%s"), [format(node.value, "f")]) if is_long(node) else None
    if kind in (Sum, Avg) and not is_long(node):
        return _number(node, compiler) if _adds_up(node) else None
    if kind in (JSONArray, JSONObject):
        return _document(node, compiler)
    if kind is Window:
        return _window(node, compiler)
    if kind is Cast:
        return _cast(node, compiler)
    if kind is NullIf and is_long(node):
        return _null_if(node, compiler)
    if kind is CombinedExpression:
        return (
            _combined(node, compiler) if node.connector in _CONNECTORS and is_long(node) else None
        )
    known = (
        kind in _FUNCTIONS
        or kind in _AS_THEY_ARE
        or isinstance(node, ExpressionWrapper)
        or _is_shown(node, compiler)
    )
    if not known or not is_long(node):
        return None
    sql, params = _bare(node, compiler)
    return _as_text(sql), params


def _is_shown(node: Any, compiler: Any) -> bool:
    """Return whether a query is a value, as in Django 6.1, and not the right side of an ``IN``."""
    return isinstance(node, Query) and any(
        node is shown for shown in compiler.query.annotations.values()
    )


def _adds_up(node: Any) -> bool:
    """Return whether a sum or an average is that of a column of decimals."""
    source = node.get_source_expressions()[0]
    return type(source) is Col and all(
        isinstance(one.output_field, DecimalField) for one in (node, source)
    )


def _bare(node: Any, compiler: Any) -> tuple[str, Any]:
    """Compile an expression to SQL that returns text, without a type and a collation."""
    context = {"function": _FUNCTIONS[type(node)]} if type(node) in _FUNCTIONS else {}
    sql, params = node.as_sql(compiler, compiler.connection, **context)
    return sql, params


def _number(node: Any, compiler: Any) -> tuple[str, Any]:
    # It is a number, like the values it is compared with.
    sql, params = _bare(node, compiler)
    return f"(CAST(APPWRITE_SHORT({sql}) AS NUMERIC))", params


class _Bare(Expression):
    """The bare function of a window, whose SQL follows it."""

    def __init__(self, function: Any) -> None:
        super().__init__(output_field=function.output_field)
        self.function = function

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return _bare(self.function, compiler)


def _window(node: Window, compiler: Any) -> tuple[str, Any] | None:
    function = node.source_expression
    sums = type(function) in (Sum, Avg)
    long = is_long(node)
    if not (long or (sums and WINDOWS and _adds_up(function))):
        return None
    if sums and not WINDOWS:
        raise NotSupportedError(
            f"{function!r} over a window: exact sums of decimals with more than {EXACT_DIGITS} "
            "digits need Python 3.11.\nUpgrade Python, or aggregate without a window."
        )
    if not sums and type(function) not in _PICKED:
        return None
    bare = node.copy()
    bare.source_expression = _Bare(function)
    sql, params = bare.as_sql(compiler, compiler.connection)
    return (_as_text(sql) if long else f"(CAST(APPWRITE_SHORT({sql}) AS NUMERIC))"), params


def _cast(node: Cast, compiler: Any) -> tuple[str, Any] | None:
    """Compile a cast to decimals, which rounds half away from zero to their number of places."""
    (source,) = node.get_source_expressions()
    target = node.output_field
    if (
        not isinstance(target, DecimalField)
        or target.decimal_places is None
        or not (is_long(node) or is_long(source))
    ):
        return None
    sql, params = compiler.compile(source)
    sql = f"APPWRITE_ROUND_EXACTLY({sql}, {target.decimal_places})"
    return (_as_text(sql) if is_long(node) else f"(CAST({sql} AS NUMERIC))"), params


def _comparison(node: Lookup[Any], compiler: Any) -> tuple[str, Any] | None:
    """Compile a comparison of a number with a long decimal, so that it is exact."""
    sides = [node.lhs, node.rhs]
    if isinstance(node.lhs, Query) and is_long(node.lhs):
        # Django 6.1 uses this instead of a ``Subquery``.
        exact = copy.copy(node)
        exact.lhs = _Text(node.lhs)
        sql, params = exact.as_sql(compiler, compiler.connection)
        return sql, params
    if not all(isinstance(side, BaseExpression) for side in sides) or is_long(node.lhs) is is_long(
        node.rhs
    ):
        return None
    exact = copy.copy(node)
    exact.lhs, exact.rhs = (side if is_long(side) else _Text(side) for side in sides)
    sql, params = exact.as_sql(compiler, compiler.connection)
    return sql, params


def _null_if(node: NullIf, compiler: Any) -> tuple[str, Any]:
    (one, one_params), (two, two_params) = (
        compiler.compile(source) for source in node.get_source_expressions()
    )
    return _as_text(f"NULLIF({_as_text(one)}, {_as_text(two)})"), (*one_params, *two_params)


class _Text(Expression):
    """A number as the text of a decimal."""

    def __init__(self, source: Any) -> None:
        super().__init__(output_field=source.output_field)
        self.source = source

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.source)
        return _as_text(sql), params


def _combined(node: Any, compiler: Any) -> tuple[str, Any]:
    left, left_params = compiler.compile(node.lhs)
    right, right_params = compiler.compile(node.rhs)
    return _as_text(f"{_CONNECTORS[node.connector]}({left}, {right})"), (
        *left_params,
        *right_params,
    )


def _as_text(sql: str) -> str:
    # An expression has neither the type nor the collation of its column, and a number without a
    # type sorts before all text.
    return f"(CAST({sql} AS TEXT) COLLATE {COLLATION})"


def _document(node: Any, compiler: Any) -> tuple[str, Any] | None:
    sources = node.get_source_expressions()
    if not any(map(is_long, sources)):
        return None
    numbers = node.copy()
    numbers.set_source_expressions(
        [_JsonNumber(source) if is_long(source) else source for source in sources]
    )
    sql, params = compiler.compile(numbers)
    return sql, params
