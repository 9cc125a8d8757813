"""
Create the columns and indexes that are sent with a new table.

They have checks of their own and are available at once. Source: recordings
``tables-inline-errors``, ``tables-inline-schema``, ``tables-inline-types``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from appwrite_local import datetimes, identifiers, row_store
from appwrite_local.bodies import read_objects
from appwrite_local.column_types import MAX_DOUBLE, MAX_STRING
from appwrite_local.columns import record_column, refuse_spatial
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError, invalid_argument
from appwrite_local.indexes import INTERNAL_KEYS, add_index, check_index
from appwrite_local.indexes import TYPES as INDEX_KINDS
from appwrite_local.schema import Column, Index, Table, load_columns
from appwrite_local.state import FeatureLevel
from appwrite_local.storage import Session
from appwrite_local.validators import INT64_MAX, INT64_MIN, is_int, is_number
from appwrite_local.values import FORMAT_SIZES, FORMATS

_FORMAT_NAMES = ("email", "url", "ip", "enum")
_MAX_ELEMENT_BYTES = 255
_MAX_INDEX_COLUMNS = 100
_SIZED = ("string", "varchar")
_TEXTS = (*_SIZED, "text", "mediumtext", "longtext")
_NUMBERS = ("integer", "bigint", "double")
_TYPES_1_9 = (
    "string",
    "integer",
    "bigint",
    "double",
    "boolean",
    "datetime",
    "point",
    "linestring",
    "polygon",
)
_TYPES_2X = (*_TYPES_1_9, "varchar", "text", "mediumtext", "longtext", *_FORMAT_NAMES)
_TYPES = {"1.9": _TYPES_1_9, "2.x": _TYPES_2X}

_Given = Mapping[str, Any]


def add_inline_schema(
    session: Session, table: Table, columns: Any, indexes: Any, level: FeatureLevel = "1.9"
) -> None:
    """
    Add columns and indexes to a new table.

    Raises:
        ApiError: 400 ``general_argument_invalid``; the caller's transaction undoes the table.
    """
    for column in _read_columns(columns, level, session.engine):
        refuse_spatial(session, column.type)
        record_column(session, table, column, ready_at=0)
        table.all_columns.append(column)
    row_store.add_columns(session, table.seq, table.all_columns)
    table.all_columns = load_columns(session, table.seq)
    for index in _read_indexes(indexes, table):
        check_index(session.engine, table, index)
        table.all_indexes.append(add_index(session, table, index, ready_at=0))


def _read_columns(given: Any, level: FeatureLevel, engine: Engine) -> list[Column]:
    columns: list[Column] = []
    for position, item in enumerate(read_objects(given)):
        _check_inline(position, item, _TYPES[level])
        if any(column.key == item["key"] for column in columns):
            raise invalid_argument(f"Duplicate attribute key: {item['key']}")
        resolved = _resolved(item)
        _check_resolved(resolved, level)
        columns.append(_column(resolved, level, engine))
    return columns


def _resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Expand a short type: ``email`` is a string with a format and a size."""
    kind = given["type"]
    if kind not in _FORMAT_NAMES:
        return dict(given)
    return {**given, "type": "string", "format": kind, "size": FORMAT_SIZES[kind]}


def _column(given: Mapping[str, Any], level: FeatureLevel, engine: Engine) -> Column:
    kind = given["type"]
    column = Column(
        0,
        given["key"],
        kind,
        default=given.get("default"),
        low=given.get("min"),
        high=given.get("max"),
        engine=engine,
    )
    column.required, column.array = given.get("required") is True, given.get("array") is True
    column.signed = given.get("signed") is not False
    column.bounded = column.low is not None or column.high is not None
    column.format = given.get("format") or ""
    column.elements = list(given.get("elements") or []) if column.format == "enum" else []
    column.size = 0 if kind in ("text", "mediumtext", "longtext") else given.get("size") or 0
    if level == "2.x" and kind == "datetime":
        # Such a column lacks the filter of the column route: values reach the database unchanged.
        column.options = {"unfiltered": True}
    return column


def _read_indexes(given: Any, table: Table) -> list[Index]:
    indexes: list[Index] = []
    for position, item in enumerate(read_objects(given)):
        _check_inline_index(position, item, {index.key for index in indexes})
        indexes.append(_index(item, table))
    return indexes


def _index(given: Mapping[str, Any], table: Table) -> Index:
    columns = given["attributes"]
    for key in columns:
        column = table.find_column(key)
        if column is not None and column.array:
            raise ApiError(
                "index_invalid",
                message="Creating indexes on array attributes is not currently supported.",
            )
        if column is None and key not in INTERNAL_KEYS:
            raise ApiError(
                "column_index_invalid", message=f'Invalid index attribute "{key}" not found'
            )
    lengths = [length or 0 for length in given.get("lengths") or [0] * len(columns)]
    return Index(
        0,
        given["key"],
        given["type"],
        list(columns),
        lengths,
        [order or None for order in given.get("orders") or []],
        inline=True,
    )


# The allowed values, in the server's order and with its words (recording ``base-inline``, and the
# server's validator).


def _check_inline(position: int, given: _Given, types: tuple[str, ...]) -> None:
    """
    Check a column as it was sent, its identity first.

    Raises:
        ApiError: 400 ``general_argument_invalid``.
    """
    for name in ("key", "type"):
        if given.get(name) is None:
            raise invalid_argument(
                f"Attribute at index {position} is missing required field '{name}'"
            )
    if not identifiers.is_valid(given["key"]):
        raise invalid_argument(
            f"Invalid key for attribute at index {position}: {identifiers.KEY_RULE}"
        )
    if given["type"] not in types:
        raise invalid_argument(f"Invalid type for attribute '{given['key']}': {given['type']}")


def _check_resolved(given: _Given, level: FeatureLevel) -> None:
    """
    Check the rest of a column after its short type (``email``) was expanded.

    Raises:
        ApiError: 400 ``general_argument_invalid``.
    """
    size = given.get("size")
    if level == "2.x" and size is not None and not is_int(size):
        raise invalid_argument(f"Invalid size for attribute '{given['key']}': must be an integer")
    for check in (
        _check_size,
        _check_format,
        _check_flags,
        _check_bounds,
        _check_default,
        _check_elements,
    ):
        problem = check(given)
        if problem is not None:
            raise invalid_argument(problem)


def _check_size(given: _Given) -> str | None:
    size: Any = given.get("size")
    if given["type"] in _SIZED and not (is_int(size) and 1 <= size <= MAX_STRING):
        return f"Invalid or missing size for string attribute '{given['key']}'. Size must be between 1 and {MAX_STRING}"
    return None


def _check_format(given: _Given) -> str | None:
    name = given.get("format") or ""
    if name and given["type"] not in _SIZED:
        return f"Format is only allowed for string type for attribute '{given['key']}'"
    return (
        f"Invalid format for attribute '{given['key']}': {name}"
        if name and name not in _FORMAT_NAMES
        else None
    )


def _check_flags(given: _Given) -> str | None:
    key = given["key"]
    for name in ("required", "array", "signed"):
        if given.get(name) is not None and not isinstance(given[name], bool):
            return f"Invalid '{name}' value for attribute '{key}': must be a boolean"
    if given.get("signed") is not None and given["type"] not in _NUMBERS:
        return f"Attribute '{key}': 'signed' can only be used with integer, bigint or float types"
    for name, reason in (("required", "required is true"), ("array", "array is true")):
        if given.get(name) and given.get("default") is not None:
            return f"Attribute '{key}' cannot have a default value when {reason}"
    return None


def _check_bounds(given: _Given) -> str | None:
    low, high = given.get("min"), given.get("max")
    if low is None and high is None:
        return None
    if given["type"] not in _NUMBERS:
        return f"Attribute '{given['key']}': min/max can only be used with integer, bigint or float types"
    for name, bound in (("min", low), ("max", high)):
        if bound is not None and not is_number(bound):
            return f"Attribute '{given['key']}': {name} is invalid. Value must be a valid {'float' if given['type'] == 'double' else 'integer'}"
    if low is not None and high is not None and low > high:
        return (
            f"Attribute '{given['key']}': minimum value must be less than or equal to maximum value"
        )
    return None


def _check_default(given: _Given) -> str | None:
    if given.get("default") is None:
        return None
    if given["type"] in _TEXTS:
        return _check_text_default(given)
    if given["type"] in _NUMBERS:
        return _check_number_default(given)
    check = {"boolean": _check_boolean_default, "datetime": _check_datetime_default}.get(
        given["type"]
    )
    return None if check is None else check(given)


def _check_text_default(given: _Given) -> str | None:
    key, default, size = given["key"], given["default"], given.get("size") or 0
    if not isinstance(default, str):
        return f"Default value for string attribute '{key}' must be a string"
    if 0 < size < len(default):
        return f"Default value for attribute '{key}' exceeds maximum size of {size} characters"
    name = given.get("format") or ""
    if name in FORMATS:
        accepts: Callable[[str], bool] = FORMATS[name][0]
        words = {
            "email": ("email", "a valid email address"),
            "ip": ("IP", "a valid IP address"),
            "url": ("URL", "a valid URL"),
        }[name]
        return (
            None
            if accepts(default)
            else f"Default value for {words[0]} attribute '{key}' must be {words[1]}"
        )
    return None


def _check_number_default(given: _Given) -> str | None:
    key, default, is_double = given["key"], given["default"], given["type"] == "double"
    kind = "float" if is_double else given["type"]
    if not (is_number(default) if is_double else is_int(default)):
        return f"Default value for {kind} attribute '{key}' must be {'a number' if is_double else 'an integer'}"
    low, high = (-MAX_DOUBLE, MAX_DOUBLE) if is_double else (INT64_MIN, INT64_MAX)
    low = low if given.get("min") is None else given["min"]
    high = high if given.get("max") is None else given["max"]
    return (
        None
        if low <= default <= high
        else f"Default value for {kind} attribute '{key}' must be between {low} and {high}"
    )


def _check_boolean_default(given: _Given) -> str | None:
    return (
        None
        if isinstance(given["default"], bool)
        else f"Default value for boolean attribute '{given['key']}' must be a boolean"
    )


def _check_datetime_default(given: _Given) -> str | None:
    key, default = given["key"], given["default"]
    if not isinstance(default, str):
        return f"Default value for datetime attribute '{key}' must be a string in ISO 8601 format"
    return (
        None
        if datetimes.parse_datetime(default)
        else f"Default value for datetime attribute '{key}' must be in valid ISO 8601 format"
    )


def _check_elements(given: _Given) -> str | None:
    if given.get("format") != "enum":
        return None
    key, elements = given["key"], given.get("elements")
    if not isinstance(elements, list) or not elements:
        return f"Attribute '{key}' with enum format must have 'elements' array"
    for position, element in enumerate(elements):
        if not isinstance(element, str) or element in ("", "0"):
            return (
                f"Enum element at index {position} for attribute '{key}' must be a non-empty string"
            )
        if len(element.encode()) > _MAX_ELEMENT_BYTES:
            return f"Enum element at index {position} for attribute '{key}' exceeds maximum length of {_MAX_ELEMENT_BYTES} characters"
    default = given.get("default")
    if default is not None and default not in elements:
        return f"Default value for enum attribute '{key}' must be one of the provided elements"
    return None


def _check_inline_index(position: int, given: _Given, taken: set[str]) -> None:
    """
    Check an index as it was sent.

    Args:
        taken: keys of the indexes before it.

    Raises:
        ApiError: 400 ``general_argument_invalid``.
    """
    for check in (
        _check_index_shape,
        _check_index_columns,
        _check_index_orders,
        _check_index_lengths,
    ):
        problem = check(position, given)
        if problem is not None:
            raise invalid_argument(problem)
    if given["key"] in taken:
        raise invalid_argument(f"Duplicate index key: {given['key']}")


def _check_index_shape(position: int, given: _Given) -> str | None:
    for name in ("key", "type"):
        if not isinstance(given.get(name), str):
            return f"Index at position {position} is missing required field '{name}'"
    if not isinstance(given.get("attributes"), list):
        return f"Index at position {position} is missing required field 'attributes' (must be an array)"
    if not identifiers.is_valid(given["key"]):
        return f"Invalid key for index at position {position}: {identifiers.KEY_RULE}"
    return (
        None
        if given["type"] in INDEX_KINDS
        else f"Invalid type for index '{given['key']}': {given['type']}"
    )


def _check_index_columns(_: int, given: _Given) -> str | None:
    key, columns = given["key"], given["attributes"]
    if not columns:
        return f"Index '{key}' must have at least one attribute"
    if len(columns) > _MAX_INDEX_COLUMNS:
        return f"Index '{key}' cannot have more than {_MAX_INDEX_COLUMNS} attributes"
    for place, column in enumerate(columns):
        if not isinstance(column, str):
            return f"Invalid attribute at position {place} in index '{key}': must be a string"
        if not identifiers.is_valid(column) and column not in INTERNAL_KEYS:
            return f"Invalid attribute name '{column}' in index '{key}'"
    return None


def _check_index_orders(_: int, given: _Given) -> str | None:
    key, orders = given["key"], given.get("orders")
    problem = _list_problem(given, "orders")
    if problem is not None or orders is None:
        return problem
    wrong = next((order for order in orders if order not in (None, "", "ASC", "DESC")), None)
    return (
        None
        if wrong is None
        else f"Invalid order '{wrong}' in index '{key}'. Must be 'ASC' or 'DESC'"
    )


def _check_index_lengths(_: int, given: _Given) -> str | None:
    problem = _list_problem(given, "lengths")
    if problem is not None:
        return problem
    if all(
        length is None or (is_int(length) and length >= 0) for length in given.get("lengths") or ()
    ):
        return None
    return f"Invalid length in index '{given['key']}': must be a non-negative integer or null"


def _list_problem(given: _Given, name: str) -> str | None:
    listed, columns = given.get(name), len(given["attributes"])
    if listed is None:
        return None
    if not isinstance(listed, list):
        return f"Index '{given['key']}' {name} must be an array"
    if len(listed) == columns:
        return None
    return f"Index '{given['key']}': {name} array length ({len(listed)}) must match attributes array length ({columns})"
