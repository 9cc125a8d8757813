"""
Columns and indexes given while a table is created: checked by rules of their own, available at once.

Source: recordings ``tables-inline-errors``, ``tables-inline-schema``, ``tables-inline-types``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import identifiers
from .column_types import MAX_STRING
from .columns import add_column
from .errors import invalid_argument
from .indexes import add_index, check_index
from .json_objects import read_objects
from .schema import Column, Index, Table, load_columns
from .storage import Session
from .validators import is_int, is_number

TYPES = ("string", "integer", "bigint", "double", "boolean", "datetime", "point", "linestring", "polygon")
FORMATS = ("email", "url", "ip", "enum")
_NUMBERS = {"integer": is_int, "bigint": is_int, "double": is_number}


def add_inline_schema(session: Session, table: Table, columns: Any, indexes: Any) -> None:
    """
    Give a new table its columns and indexes.

    Raises:
        ApiError: 400 ``general_argument_invalid``; the caller's transaction undoes the table.
    """
    for position, given in enumerate(read_objects(columns)):
        add_column(session, table, _column(position, given), ready_at=0)
        table.all_columns = load_columns(session, table.seq)
    for given in read_objects(indexes):
        index = _index(given)
        check_index(table, index)
        add_index(session, table, index, ready_at=0)


def _column(position: int, given: Mapping[str, Any]) -> Column:
    for name in ("key", "type"):
        if name not in given:
            raise invalid_argument(f"Attribute at index {position} is missing required field '{name}'")
    key, kind = given["key"], given["type"]
    if not identifiers.is_valid(key):
        raise invalid_argument(f"Invalid key for attribute at index {position}: {identifiers.KEY_RULE}")
    if kind not in TYPES:
        raise invalid_argument(f"Invalid type for attribute '{key}': {kind}")
    column = Column(0, key, kind, default=given.get("default"), low=given.get("min"), high=given.get("max"))
    column.required, column.array = given.get("required") is True, given.get("array") is True
    column.signed = given.get("signed", True) is not False
    column.bounded = column.low is not None or column.high is not None
    column.format = given.get("format") or ""
    column.elements = list(given.get("elements") or [])
    column.size = _size(key, kind, given)
    _check_default(column)
    return column


def _size(key: str, kind: str, given: Mapping[str, Any]) -> int:
    size: Any = given.get("size")
    if kind != "string":
        return int(size) if is_int(size) else 0
    if not is_int(size) or not 1 <= size <= MAX_STRING:
        raise invalid_argument(
            f"Invalid or missing size for string attribute '{key}'. Size must be between 1 and {MAX_STRING}"
        )
    return int(size)


def _check_default(column: Column) -> None:
    if column.format and column.format not in FORMATS:
        raise invalid_argument(f"Invalid format for attribute '{column.key}': {column.format}")
    if column.low is not None and column.high is not None and column.low > column.high:
        raise invalid_argument(f"Attribute '{column.key}': minimum value must be less than or equal to maximum value")
    default = column.default
    if default is None:
        return
    if column.required:
        raise invalid_argument(f"Attribute '{column.key}' cannot have a default value when required is true")
    if column.array:
        raise invalid_argument(f"Attribute '{column.key}' cannot have a default value when array is true")
    if column.type == "string" and isinstance(default, str) and len(default) > column.size:
        raise invalid_argument(
            f"Default value for attribute '{column.key}' exceeds maximum size of {column.size} characters"
        )
    if column.type in _NUMBERS:
        _check_number(column)


def _check_number(column: Column) -> None:
    if not _NUMBERS[column.type](column.default):
        kind = "a number" if column.type == "double" else "an integer"
        raise invalid_argument(f"Default value for {column.type} attribute '{column.key}' must be {kind}")
    low = float("-inf") if column.low is None else column.low
    high = float("inf") if column.high is None else column.high
    if not low <= column.default <= high:
        raise invalid_argument(
            f"Default value for {column.type} attribute '{column.key}' must be between {column.low} and {column.high}"
        )


def _index(given: Mapping[str, Any]) -> Index:
    columns = list(given.get("attributes") or [])
    lengths = [length or 0 for length in given.get("lengths") or []]
    lengths += [0] * (len(columns) - len(lengths))
    return Index(
        0, str(given.get("key", "")), str(given.get("type", "")), columns, lengths, list(given.get("orders") or [])
    )
