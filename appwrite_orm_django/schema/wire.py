"""Convert columns and indexes to the parameters of the server's create and update calls."""

from __future__ import annotations

from typing import Any

from .definitions import INT32, INT64, Column, Index

#: The types that 1.9.6 accepts inline (recording tables-inline-types). It also accepts a datetime,
#: but a datetime that 2.x creates inline rejects values with a time zone (recording base-inline).
#: So datetimes always use their own route.
INLINE_OLD = frozenset({"integer", "bigint", "double", "boolean", "string"})
#: The types that 2.x accepts inline (recording base-inline).
INLINE_NEW = INLINE_OLD | {
    "varchar",
    "text",
    "mediumtext",
    "longtext",
    "email",
    "url",
    "ip",
    "enum",
}
MAX_INLINE = 100

_LARGEST_DOUBLE = 1.7976931348623157e308


def column_options(column: Column) -> dict[str, Any]:
    """Return the parameters of the create route for a column's type."""
    if column.related is not None:
        relation = column.related
        return {
            "relatedTableId": relation.table,
            "type": relation.kind,
            "twoWay": relation.two_way,
            "twoWayKey": relation.two_way_key,
            "onDelete": relation.on_delete,
        }
    options: dict[str, Any] = {
        "size": column.size,
        "min": column.min,
        "max": column.max,
        "elements": list(column.elements) or None,
        "default": column.default,
        "array": column.array or None,
        "encrypt": column.encrypt or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def changed_options(before: Column, after: Column) -> dict[str, Any]:
    """Return the parameters of an update besides ``required`` and ``default``."""
    options: dict[str, Any] = {}
    if after.size is not None and after.size != before.size:
        options["size"] = after.size
    if after.elements and set(after.elements) != set(before.elements):
        options["elements"] = list(after.elements)
    low, high = _type_bounds(before.type)
    # The server keeps a bound that is left out, so removing one means sending the bound of the
    # type.
    if after.min != before.min:
        options["min"] = low if after.min is None else after.min
    if after.max != before.max:
        options["max"] = high if after.max is None else after.max
    return options


def inline_column(column: Column) -> dict[str, Any]:
    """Return a column in the format of a create-table call."""
    return {
        "key": column.key,
        "type": column.type,
        "required": column.required,
        **column_options(column),
    }


def inline_index(index: Index) -> dict[str, Any]:
    """
    Return an index in the format of a create-table call.

    There, columns are still called ``attributes`` (recording ``tables-inline-schema``).
    """
    body: dict[str, Any] = {"key": index.key, "type": index.type, "attributes": list(index.columns)}
    if index.orders:
        body["orders"] = list(index.orders)
    if index.lengths:
        body["lengths"] = list(index.lengths)
    return body


def _type_bounds(type_: str) -> tuple[int | float, int | float]:
    if type_ == "double":
        return -_LARGEST_DOUBLE, _LARGEST_DOUBLE
    return INT32 if type_ == "integer" else INT64
