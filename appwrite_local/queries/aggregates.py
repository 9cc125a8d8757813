"""
Compile aggregates to SQL, and format the results as MariaDB would.

Sums of integers are exact decimals, and their averages have four more digits. Doubles stay doubles.
Text counts as the number it begins with, and a datetime as the number of its digits. Source:
recordings ``agg-*``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from appwrite_local.errors import ApiError
from appwrite_local.queries.cells import Cell
from appwrite_local.queries.fields import Field, Fields
from appwrite_local.queries.parse import Query
from appwrite_local.queries.raw import double_text

MAX_ALIAS = 256
_EXTRA_DIGITS = 4
_DATETIME_DIGITS = 3
_FUNCTIONS = {
    "count": "COUNT", "countDistinct": "COUNT", "sum": "SUM", "avg": "AVG", "min": "MIN", "max": "MAX", "stddev": "STDDEV",
    "stddevPop": "STDDEV_POP", "stddevSamp": "STDDEV_SAMP", "variance": "VARIANCE", "varPop": "VAR_POP", "varSamp": "VAR_SAMP",
    "bitAnd": "BIT_AND", "bitOr": "BIT_OR", "bitXor": "BIT_XOR",
}  # fmt: skip
_WHOLE = frozenset({"integer", "boolean", "sequence"})
_INTERNAL_NAMES = {
    "$id": "_uid",
    "$sequence": "_id",
    "$createdAt": "_createdAt",
    "$updatedAt": "_updatedAt",
}

Finish = Callable[[Sequence[Any]], Cell]


@dataclass(frozen=True, slots=True)
class Gathered:
    """
    One value of a group's answer.

    Attributes:
        name: its key in the answer.
        sql: expressions to select.
        finish: makes the cell from their values.
    """

    name: str
    sql: tuple[str, ...]
    finish: Finish


def alias_of(query: Query) -> str | None:
    """
    Return the name that a client chose for an aggregate.

    Raises:
        ApiError: 500 for a name that is invalid in the database: too long, or with a dot, which
            separates a table from its column there.
    """
    value = query.values[0] if query.values else None
    if isinstance(value, list | dict) or (
        isinstance(value, str) and (len(value) > MAX_ALIAS or "." in value)
    ):
        raise ApiError("general_unknown")
    if value is None or value == "":
        return None
    return str(int(value)) if isinstance(value, bool) else str(value)


def column_name(attribute: str) -> str:
    """
    Return the name of a column in an answer.

    Joined columns lose their prefix, and internal ones have the database's name.
    """
    name = attribute.partition(".")[2] or attribute
    return _INTERNAL_NAMES.get(name, name)


def _default_name(query: Query) -> str:
    function = _FUNCTIONS[query.method]
    attribute = query.attribute or "*"
    if attribute == "*":
        return f"{function}(*)"
    table, _, column = attribute.rpartition(".")
    quoted = f"`{_INTERNAL_NAMES.get(column, column)}`"
    distinct = "DISTINCT " if query.method == "countDistinct" else ""
    return f"{function}({distinct}{f'`{table}`.' if table else ''}{quoted})"


def aggregate(query: Query, fields: Fields) -> Gathered:
    """
    Compile an aggregate.

    Raises:
        ApiError: 500 for a column that does not exist, as on the server.
    """
    name = alias_of(query) or _default_name(query)
    if query.method == "count" and query.attribute in ("", "*"):
        return Gathered(name, ("COUNT(*)",), _whole)
    field = fields.get(query.attribute)
    if field is None:
        raise ApiError("general_unknown")
    sql, finish = _MAKERS[query.method](field)
    return Gathered(name, sql, finish)


def of_first_row(name: str, field: Field, position: str) -> Gathered:
    """
    Answer with a column's value in the first row of the group.

    Args:
        position: SQL that orders the rows.
    """
    value = f"of_least({field.value}, {position})"
    return Gathered(
        name,
        (value, f"of_least({field.compare}, {position})"),
        lambda values: Cell(field.raw_text(values[0]), values[1]),
    )


def of_group(name: str, field: Field, position: str) -> Gathered:
    """
    Answer with a grouped column: of texts that are equal to the database, the first row's.

    This uses native functions, because a million rows are too many for functions in Python.
    """
    if field.value == field.compare:
        return Gathered(
            name,
            (f"MIN({field.value})",),
            lambda values: Cell(field.raw_text(values[0]), values[0]),
        )
    first = f"SUBSTR(MIN(PRINTF('%020d', {position}) || {field.value}), 21)"
    sql = (first, f"MIN({field.compare})")
    return Gathered(name, sql, lambda values: Cell(field.raw_text(values[0]), values[1]))


def _whole(values: Sequence[Any]) -> Cell:
    return Cell(str(values[0]), values[0])


def _decimal(digits: int, scale: int) -> Cell:
    """Make a cell from the digits of a decimal number."""
    value = Decimal(digits).scaleb(-scale)
    return Cell(f"{value:.{scale}f}", value)


def _double(value: float | None, digits: int | None = None) -> Cell:
    if value is None or not math.isfinite(value):
        return Cell(None, None)
    if digits is None:
        return Cell(double_text(value), value)
    text = f"{value:.{digits}f}"
    return Cell(text, float(text))


def _count(field: Field) -> tuple[tuple[str, ...], Finish]:
    return (f"COUNT({field.value})",), _whole


def _count_distinct(field: Field) -> tuple[tuple[str, ...], Finish]:
    return (f"COUNT(DISTINCT {field.value if field.array else field.compare})",), _whole


def _scale(field: Field) -> int | None:
    """Return a column's number of decimal places, ``None`` for doubles and texts."""
    if field.array:
        return None
    if field.kind == "datetime":
        return _DATETIME_DIGITS
    return 0 if field.kind in _WHOLE else None


def _number(field: Field) -> str:
    if field.kind == "float" and not field.array:
        return field.value
    if _scale(field) is None:
        return f"number_prefix({field.value})"
    return f"datetime_number({field.value})" if field.kind == "datetime" else field.value


def _exact_parts(field: Field) -> tuple[str, ...]:
    # Two halves, because the sum of 64-bit numbers needs more than 64 bits.
    number = _number(field)
    return f"SUM({number} >> 32)", f"SUM({number} & 4294967295)", f"COUNT({number})"


def _exact_total(values: Sequence[Any]) -> tuple[int, int]:
    high, low, count = values
    return ((high or 0) << 32) + (low or 0), count


def _sum(field: Field) -> tuple[tuple[str, ...], Finish]:
    scale = _scale(field)
    if scale is None:
        return (f"running_sum({_number(field)})",), lambda values: _double(values[0])

    def finish(values: Sequence[Any]) -> Cell:
        total, count = _exact_total(values)
        return _decimal(total, scale) if count else Cell(None, None)

    return _exact_parts(field), finish


def _avg(field: Field) -> tuple[tuple[str, ...], Finish]:
    scale = _scale(field)
    if scale is None:
        number = _number(field)
        return (f"running_sum({number})", f"COUNT({number})"), lambda values: _double(
            values[0] / values[1] if values[1] else None
        )

    def finish(values: Sequence[Any]) -> Cell:
        total, count = _exact_total(values)
        return (
            _decimal(_divided(total * 10**_EXTRA_DIGITS, count), scale + _EXTRA_DIGITS)
            if count
            else Cell(None, None)
        )

    return _exact_parts(field), finish


def _divided(number: int, by: int) -> int:
    """Divide and round half away from zero."""
    quotient = (2 * abs(number) + by) // (2 * by)
    return quotient if number >= 0 else -quotient


def _extreme(function: str, keyed: str) -> Callable[[Field], tuple[tuple[str, ...], Finish]]:
    def make(field: Field) -> tuple[tuple[str, ...], Finish]:
        if field.value == field.compare:
            return (f"{function}({field.value})",), lambda values: Cell(
                field.raw_text(values[0]), values[0]
            )
        # Of texts that are equal to the database, SQLite returns the first one that it met.
        sql = (f"{keyed}({field.value}, {field.compare})", f"{function}({field.compare})")
        return sql, lambda values: Cell(field.raw_text(values[0]), values[1])

    return make


def _spread(
    *, root: bool, samples: bool = False, by_default: bool = False
) -> Callable[[Field], tuple[tuple[str, ...], Finish]]:
    def make(field: Field) -> tuple[tuple[str, ...], Finish]:
        scale = _scale(field)
        digits = None if scale is None else scale + _EXTRA_DIGITS
        number = (
            f"{_number(field)} / 1000.0"
            if field.kind == "datetime" and not field.array
            else _number(field)
        )

        def finish(values: Sequence[Any]) -> Cell:
            sample = samples or (by_default and field.engine.samples_by_default)
            # Without any row SQLite returns nothing.
            count_text, _, squares = (values[0] or "0 0").partition(" ")
            count = int(count_text) - sample
            if count <= 0:
                return Cell(None, None)
            variance = float(squares) / count
            return _double(math.sqrt(variance) if root else variance, digits)

        return (f"moments({number})",), finish

    return make


def _bits(function: str, initial: int) -> Callable[[Field], tuple[tuple[str, ...], Finish]]:
    def make(field: Field) -> tuple[tuple[str, ...], Finish]:
        number = (
            f"{_number(field)} / 1000"
            if field.kind == "datetime" and not field.array
            else _number(field)
        )
        return (f"{function}({number})",), lambda values: _whole(
            [initial if values[0] is None else int(values[0])]
        )

    return make


_MAKERS: dict[str, Callable[[Field], tuple[tuple[str, ...], Finish]]] = {
    "count": _count,
    "countDistinct": _count_distinct,
    "sum": _sum,
    "avg": _avg,
    "min": _extreme("MIN", "of_least"),
    "max": _extreme("MAX", "of_greatest"),
    "stddev": _spread(root=True, by_default=True),
    "stddevPop": _spread(root=True, samples=False),
    "stddevSamp": _spread(root=True, samples=True),
    "variance": _spread(root=False, by_default=True),
    "varPop": _spread(root=False, samples=False),
    "varSamp": _spread(root=False, samples=True),
    "bitAnd": _bits("bits_and", 2**64 - 1),
    "bitOr": _bits("bits_or", 0),
    "bitXor": _bits("bits_xor", 0),
}
