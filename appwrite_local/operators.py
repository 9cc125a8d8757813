"""
Run row operators: texts in updates that are evaluated instead of stored.

A value is an operator if it is the JSON text of an object whose ``method`` is known (recordings
``operators-*``); on create it is plain text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from appwrite_local import datetimes, json_values
from appwrite_local.errors import ApiError, invalid_structure
from appwrite_local.schema import TEXT_TYPES, Column, Table
from appwrite_local.validators import is_int, is_numeric
from appwrite_local.values import INT32_MAX, Row, text_size
from appwrite_local.wire import MalformedJson, decode_json, php_type

NUMERIC = ("increment", "decrement", "multiply", "divide", "modulo", "power")
STRING = ("stringConcat", "stringReplace")
DATE = ("dateAddDays", "dateSubDays", "dateSetNow")
ARRAY = (
    "arrayAppend",
    "arrayPrepend",
    "arrayInsert",
    "arrayRemove",
    "arrayUnique",
    "arrayIntersect",
    "arrayDiff",
    "arrayFilter",
)
METHODS = frozenset((*NUMERIC, *STRING, *DATE, *ARRAY, "toggle"))
_INT32_MIN = -(2**31)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": lambda item, value: bool(item == value),
    "notEqual": lambda item, value: bool(item != value),
    "greaterThan": lambda item, value: bool(item > value),
    "greaterThanEqual": lambda item, value: bool(item >= value),
    "lessThan": lambda item, value: bool(item < value),
    "lessThanEqual": lambda item, value: bool(item <= value),
}
_CONDITIONS = (*_COMPARISONS, "isNull", "isNotNull")


@dataclass(frozen=True, slots=True)
class Operator:
    method: str
    values: list[Any]

    def value(self, position: int = 0) -> Any:
        return self.values[position] if position < len(self.values) else None


def split(values: Mapping[str, Any]) -> tuple[Row, dict[str, Operator]]:
    """
    Split values into those to store and operators to run.

    Raises:
        ApiError: 400 ``general_bad_request`` for an operator whose values are not a list.
    """
    given: Row = {}
    found: dict[str, Operator] = {}
    for key, value in values.items():
        operator = _read(key, value)
        if operator is None:
            given[key] = value
        else:
            found[key] = operator
    return given, found


def _read(key: str, value: Any) -> Operator | None:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return None
    try:
        fields = decode_json(value)
    except MalformedJson:
        return None
    if not isinstance(fields, dict) or fields.get("method") not in METHODS:
        return None
    values = fields.get("values", [])
    if not isinstance(values, dict | list):
        message = f'Invalid operator for attribute "{key}": Invalid operator values. Must be an array, got {php_type(values)}'
        raise ApiError("general_bad_request", message=message)
    return Operator(fields["method"], list(values.values()) if isinstance(values, dict) else values)


def apply(
    table: Table, applied: Mapping[str, Operator], row: Mapping[str, Any], *, known_row: bool = True
) -> Row:
    """
    Run operators on a row and return the new values.

    Args:
        known_row: whether the server has loaded the row when it checks; otherwise it does not
            detect an overflow.

    Raises:
        ApiError: 400 ``row_invalid_structure``.
    """
    result: Row = {}
    for key, operator in applied.items():
        column = table.columns[key]
        check(column, operator, row.get(key) if known_row else None)
        result[key] = _run(column, operator, row.get(key))
    return result


def check(column: Column, operator: Operator, current: Any) -> None:
    """
    Reject an operator that cannot run on a column, or not on its current value.

    Raises:
        ApiError: 400 ``row_invalid_structure``.
    """
    problem = _problem(column, operator, current)
    if problem is not None:
        raise invalid_structure(problem)


def apply_to_nothing(table: Table, applied: Mapping[str, Operator]) -> Row:
    """Run operators on a row that does not exist yet: from zero, nothing or an empty list."""
    return apply(table, applied, {})


def _problem(column: Column, operator: Operator, current: Any) -> str | None:
    method = operator.method
    what = f"Cannot apply {method} operator"
    if method in NUMERIC:
        if column.type not in ("integer", "double") or column.array:
            return f"{what} to non-numeric field '{column.key}'"
        return _numeric_problem(column, operator, current, what)
    if method in ARRAY:
        return (
            f"{what} to non-array field '{column.key}'"
            if not column.array
            else _array_problem(operator, current, what)
        )
    if method in STRING:
        if column.type not in TEXT_TYPES or column.array:
            return f"{what} to non-string field '{column.key}'"
        return _string_problem(column, operator, current, what)
    if method == "toggle":
        return (
            None
            if column.type == "boolean" and not column.array
            else f"{what} to non-boolean field '{column.key}'"
        )
    if column.type != "datetime" or column.array:
        return f"{what} to non-datetime field '{column.key}'"
    return (
        f"{what}: requires an integer number of days"
        if method != "dateSetNow" and not is_int(operator.value())
        else None
    )


def _numeric_problem(column: Column, operator: Operator, current: Any, what: str) -> str | None:
    value, limit = operator.value(), operator.value(1)
    if not is_numeric(value):
        return f"{what}: value must be numeric, got {php_type(value)}"
    if operator.method in ("divide", "modulo") and not float(value):
        return f"{what}: {'division' if operator.method == 'divide' else 'modulo'} by zero"
    if limit is not None and not is_numeric(limit):
        return f"{what}: max/min limit must be numeric, got {php_type(limit)}"
    if column.type == "integer" and limit is None:
        try:
            expected = _compute(operator.method, current or 0, _number(value))
        except ApiError:
            expected = math.inf
        if expected > INT32_MAX:
            return f"{what}: would overflow maximum value of {INT32_MAX}"
        if expected < _INT32_MIN:
            return f"{what}: would underflow minimum value of {_INT32_MIN}"
    return None


def _array_problem(operator: Operator, current: Any, what: str) -> str | None:
    method = operator.method
    if method == "arrayInsert":
        if len(operator.values) != 2:
            return f"{what}: requires exactly 2 values (index and value)"
        index = operator.value()
        if not is_int(index) or index < 0:
            return f"{what}: index must be a non-negative integer"
        length = len(current or [])
        return (
            f"{what}: index {index} is out of bounds for array of length {length}"
            if index > length
            else None
        )
    if method == "arrayRemove" and not operator.values:
        return f"{what}: requires a value to remove"
    if method == "arrayIntersect" and not operator.values:
        return "arrayIntersect operator requires a non-empty array value"
    if method == "arrayFilter" and operator.value() not in _CONDITIONS:
        return f"Invalid array filter condition '{operator.value()}'. Must be one of: {', '.join(_CONDITIONS)}"
    return None


def _string_problem(column: Column, operator: Operator, current: Any, what: str) -> str | None:
    if operator.method == "stringReplace":
        good = len(operator.values) == 2 and all(
            isinstance(value, str) for value in operator.values
        )
        return None if good else f"{what}: requires exactly 2 string values (search and replace)"
    if not operator.values or not isinstance(operator.value(), str):
        return f"{what}: requires a string value"
    if len(current or "") + len(operator.value()) > text_size(column):
        return f"{what}: result would exceed maximum length of {text_size(column)} characters"
    return None


def _run(column: Column, operator: Operator, current: Any) -> Any:
    if operator.method in NUMERIC:
        return _run_numeric(column, operator, current or 0)
    if operator.method in ARRAY:
        return _run_array(column, operator, list(current or []))
    if operator.method == "toggle":
        return not current
    if operator.method == "stringConcat":
        return (current or "") + operator.value()
    if operator.method == "stringReplace":
        return None if current is None else current.replace(operator.value(), operator.value(1))
    if operator.method == "dateSetNow":
        return datetimes.now_text()
    return _run_date(operator, current)


def _number(value: Any) -> float:
    if isinstance(value, str):
        return float(value) if any(letter in value for letter in ".eE") else int(value)
    return float(value) if isinstance(value, float) else int(value)


def _compute(method: str, current: float, value: float) -> float:
    try:
        if method == "increment":
            return current + value
        if method == "decrement":
            return current - value
        if method == "multiply":
            return current * value
        if method == "divide":
            return current / value
        return math.fmod(current, value) if method == "modulo" else float(current) ** value
    except (OverflowError, ZeroDivisionError) as error:
        raise ApiError("general_unknown") from error


def _run_numeric(column: Column, operator: Operator, current: float) -> float:
    if column.type == "integer" and column.engine.adds_integers:
        return _run_on_integer(column, operator, int(current))
    result = _limited(operator, _compute(operator.method, current, _number(operator.value())))
    return round_half_up(result) if column.type == "integer" else float(result)


def integer(value: float) -> int:
    """
    Return a number that PostgreSQL reads as an integer.

    Raises:
        ApiError: 500 for a fraction.
    """
    if not float(value).is_integer():
        raise ApiError("general_unknown")
    return int(value)


def added(column: Column, current: int, change: float) -> int:
    """
    Add to an integer, exactly.

    Raises:
        ApiError: 500 for a fraction, and beyond the column's 4 or 8 bytes.
    """
    return _fitting(column, current + integer(change))


def _fitting(column: Column, value: int) -> int:
    bits = 31 if column.type == "integer" and column.size != 8 else 63
    if not -(1 << bits) <= value < 1 << bits:
        raise ApiError("general_unknown")
    return value


def _run_on_integer(column: Column, operator: Operator, current: int) -> int:
    """Compute as PostgreSQL does, where only powers are floats."""
    value = _number(operator.value())
    if operator.method == "power":
        result = round(_compute("power", current, value))
    else:
        operand = integer(value)
        if operator.method == "divide":
            result = abs(current) // abs(operand) * (1 if (current < 0) == (operand < 0) else -1)
        elif operator.method == "modulo":
            result = abs(current) % abs(operand) * (-1 if current < 0 else 1)
        else:
            result = int(_compute(operator.method, current, operand))
    return _fitting(column, integer(_limited(operator, result)))


def _limited(operator: Operator, result: float) -> float:
    if operator.value(1) is None or operator.method == "modulo":
        return result
    limit = _number(operator.value(1))
    falls = operator.method in ("decrement", "divide")
    return max(result, limit) if falls else min(result, limit)


def round_half_up(value: float) -> int:
    """Round as the database does to store a fraction in an integer column: half away from zero."""
    if isinstance(value, int):
        return value
    if value.is_integer():
        return int(value)  # near 2**53, adding a half would already change the integer
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def _run_array(column: Column, operator: Operator, items: list[Any]) -> list[Any]:
    method, values = operator.method, operator.values
    if method == "arrayAppend":
        return items + values
    if method == "arrayPrepend":
        return values + items
    if method == "arrayInsert":
        return [*items[: values[0]], values[1], *items[values[0] :]]
    if column.engine.json_arrays:
        return _run_json_array(operator, items)
    # The database processes all other arrays as text, so numbers in arrays of text become text.
    items = [_as_text(item) if column.type in TEXT_TYPES else item for item in items]
    if method == "arrayRemove":
        return [item for item in items if item != values[0]]
    if method == "arrayUnique":
        return sorted(
            {json.dumps(item): item for item in items}.values(),
            key=lambda item: (item is not None, str(item)),
        )
    if method == "arrayIntersect":
        return [item for item in items if item in values]
    if method == "arrayDiff":
        return [item for item in items if item not in values]
    return _filtered(items, values)


def _run_json_array(operator: Operator, items: list[Any]) -> list[Any]:
    method, values = operator.method, operator.values
    if method == "arrayUnique":
        return json_values.unique(items)
    if method == "arrayRemove":
        return [item for item in items if not json_values.same(item, values[0])]
    if method in ("arrayIntersect", "arrayDiff"):
        wanted = method == "arrayIntersect"
        return [item for item in items if _is_among(item, values) is wanted]
    if values[0] in ("equal", "notEqual") and len(values) > 1:
        wanted = values[0] == "equal"
        return [
            item
            for item in items
            if item is not None and json_values.same(item, values[1]) is wanted
        ]
    if values[0] in _COMPARISONS and values[0] not in ("equal", "notEqual") and items:
        # The database casts everything to numbers.
        if not all(
            is_numeric(item)
            for item in (*(item for item in items if item is not None), *values[1:])
        ):
            raise ApiError("general_unknown")
        compare = _COMPARISONS[values[0]]
        return [
            item
            for item in items
            if item is not None and len(values) > 1 and compare(float(item), float(values[1]))
        ]
    return _filtered(items, values)


def _is_among(item: Any, values: Sequence[Any]) -> bool:
    return any(json_values.same(item, value) for value in values)


def _as_text(item: Any) -> Any:
    return item if item is None or isinstance(item, str) else json.dumps(item)


def _filtered(items: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    condition = values[0]
    if condition == "isNull":
        return [item for item in items if item is None]
    if condition == "isNotNull":
        return [item for item in items if item is not None]
    wanted = values[1] if len(values) > 1 else None
    if wanted is None:
        return []
    return [
        item
        for item in items
        if item is not None
        and isinstance(item, str) == isinstance(wanted, str)
        and _COMPARISONS[condition](item, wanted)
    ]


def _run_date(operator: Operator, current: Any) -> Any:
    if current is None:
        return None
    days = operator.value() * (1 if operator.method == "dateAddDays" else -1)
    try:
        return datetimes.format_datetime(datetime.fromisoformat(current) + timedelta(days=days))
    except OverflowError as error:
        raise ApiError("general_unknown") from error
