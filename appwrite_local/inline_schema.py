"""
Columns and indexes given while a table is created: checked by rules of their own, available at once.

Source: recordings ``tables-inline-errors``, ``tables-inline-schema``, ``tables-inline-types``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appwrite_local.columns import add_column
from appwrite_local.errors import ApiError, invalid_argument
from appwrite_local.indexes import add_index, check_index
from appwrite_local.inline_rules import (
    FORMAT_NAMES,
    INTERNAL_KEYS,
    TYPES,
    check_inline,
    check_inline_index,
    check_resolved,
)
from appwrite_local.json_objects import read_objects
from appwrite_local.routing import FeatureLevel
from appwrite_local.schema import Column, Index, Table, load_columns
from appwrite_local.storage import Session
from appwrite_local.values import FORMAT_SIZES


def add_inline_schema(session: Session, table: Table, columns: Any, indexes: Any, level: FeatureLevel = "1.9") -> None:
    """
    Give a new table its columns and indexes.

    Raises:
        ApiError: 400 ``general_argument_invalid``; the caller's transaction undoes the table.
    """
    for column in _read_columns(columns, level):
        add_column(session, table, column, ready_at=0)
        table.all_columns = load_columns(session, table.seq)
    for index in _read_indexes(indexes, table):
        check_index(table, index)
        add_index(session, table, index, ready_at=0)


def _read_columns(given: Any, level: FeatureLevel) -> list[Column]:
    columns: list[Column] = []
    for position, item in enumerate(read_objects(given)):
        check_inline(position, item, TYPES[level])
        if any(column.key == item["key"] for column in columns):
            raise invalid_argument(f"Duplicate attribute key: {item['key']}")
        resolved = _resolved(item)
        check_resolved(resolved, level)
        columns.append(_column(resolved, level))
    return columns


def _resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Write out a short type: ``email`` is a string with a format and a size."""
    kind = given["type"]
    if kind not in FORMAT_NAMES:
        return dict(given)
    return {**given, "type": "string", "format": kind, "size": FORMAT_SIZES[kind]}


def _column(given: Mapping[str, Any], level: FeatureLevel) -> Column:
    kind = given["type"]
    column = Column(0, given["key"], kind, default=given.get("default"), low=given.get("min"), high=given.get("max"))
    column.required, column.array = given.get("required") is True, given.get("array") is True
    column.signed = given.get("signed") is not False
    column.bounded = column.low is not None or column.high is not None
    column.format = given.get("format") or ""
    column.elements = list(given.get("elements") or []) if column.format == "enum" else []
    column.size = 0 if kind in ("text", "mediumtext", "longtext") else given.get("size") or 0
    if level == "2.x" and kind == "datetime":
        # Such a column lacks the filter that the column route gives it: values go to the database as they come.
        column.options = {"unfiltered": True}
    return column


def _read_indexes(given: Any, table: Table) -> list[Index]:
    indexes: list[Index] = []
    for position, item in enumerate(read_objects(given)):
        check_inline_index(position, item, {index.key for index in indexes})
        indexes.append(_index(item, table))
    return indexes


def _index(given: Mapping[str, Any], table: Table) -> Index:
    columns = given["attributes"]
    for key in columns:
        column = table.find_column(key)
        if column is not None and column.array:
            raise ApiError("index_invalid", message="Creating indexes on array attributes is not currently supported.")
        if column is None and key not in INTERNAL_KEYS:
            raise ApiError("column_index_invalid", message=f'Invalid index attribute "{key}" not found')
    lengths = [length or 0 for length in given.get("lengths") or [0] * len(columns)]
    return Index(
        0, given["key"], given["type"], list(columns), lengths, [order or None for order in given.get("orders") or []]
    )
