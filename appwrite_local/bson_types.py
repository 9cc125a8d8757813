"""
Decide which rows a unique index on MongoDB covers.

The index is partial: it covers the rows in which every column holds a value of the BSON type that
the server named when it made the index. A number has the smallest type that holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appwrite_local.engines import Engine
from appwrite_local.schema import TEXT_TYPES, Column, Index

_IN_INT32 = "BETWEEN -2147483648 AND 2147483647"


def _int(sql: str) -> str:
    return f"typeof({sql}) = 'integer' AND {sql} {_IN_INT32}"


def _long(sql: str) -> str:
    return f"typeof({sql}) = 'integer' AND {sql} NOT {_IN_INT32}"


def _double(sql: str) -> str:
    return f"typeof({sql}) = 'real'"


def _any_of_its_type(sql: str) -> str:
    return f"typeof({sql}) IN ('integer', 'text')"


_TYPED: dict[str, Callable[[str], str]] = {
    "integer": _int, "bigint": _long, "double": _double, "boolean": _any_of_its_type, "datetime": _any_of_its_type,
}  # fmt: skip


def covered(engine: Engine, index: Index, columns: Sequence[Column | None]) -> str | None:
    """
    Return the ``WHERE`` of an index: empty if it covers all rows, ``None`` if it covers none.

    Args:
        columns: the index's columns; ``None`` stands for an internal one.
    """
    if index.type != "unique" or not engine.bson_unique_indexes:
        return ""
    typed = index.inline or engine.types_later_indexes
    conditions = []
    for key, column in zip(index.columns, columns, strict=True):
        is_text = key == "$id" if column is None else column.type in TEXT_TYPES
        if not is_text and not typed:
            return None
        if column is None:
            continue  # never null, and of its type
        sql = column.sql
        conditions.append(_any_of_its_type(sql) if is_text else _TYPED[column.type](sql))
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
