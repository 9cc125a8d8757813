"""
Columns: created and deleted asynchronously, so ask for their ``status`` until it is ``available``.

Facts: recordings ``columns-async``, ``columns-list``, ``columns-limits`` and one per type (``column-varchar``, ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .references import TableRef
from .transport import Transport

Column = dict[str, Any]

#: The last part of the path for each type, where it is not the name the server answers with.
_ROUTES = {"double": "float", "linestring": "line"}


def list_columns(transport: Transport, table: TableRef) -> Iterator[Column]:
    """Yield the columns of a table in the order of their creation."""
    return every_item(transport, f"{table.path}/columns", "columns", cursor_key="key")


def get_column(transport: Transport, table: TableRef, key: str) -> Column:
    """
    Return one column.

    Raises:
        ColumnNotFound: there is none of this key, or no longer.
    """
    column: Column = transport.call("GET", f"{table.path}/columns/{path_segment(key)}")
    return column


def create_column(
    transport: Transport, table: TableRef, type_: str, key: str, *, required: bool, **options: Any
) -> Column:
    """
    Create a column, ``processing`` for now.

    Args:
        type_: ``varchar``, ``text``, ``mediumtext``, ``longtext``, ``integer``, ``bigint``, ``double``, ``boolean``, ``datetime``, ``email``, ``url``,
            ``ip``, ``enum``, ``point``, ``linestring``, ``polygon``, ``relationship``, or the old ``string``.
        options: what the type takes: ``size``, ``min``, ``max``, ``elements``, ``default``, ``array``, ``encrypt``. None counts as left out.

    Raises:
        AlreadyExists: there is a column of this key, compared without case; perhaps from an earlier attempt of this call that went
            unanswered (``ambiguous`` is then True).
        LimitExceeded: the table would become too wide.
        InvalidSchema: the options contradict each other.
    """
    body = {"key": key, "required": required, **{name: value for name, value in options.items() if value is not None}}
    if type_ == "relationship":  # never required, and the server does not know the word there
        del body["required"]
    column: Column = transport.call("POST", f"{table.path}/columns/{_ROUTES.get(type_, type_)}", params=body, safe=True)
    return column


def update_column(
    transport: Transport, table: TableRef, type_: str, key: str, *, required: bool, default: Any, **options: Any
) -> Column:
    """
    Change a column: ``required`` and ``default`` are set with every call; ``size``, ``min``, ``max``, ``elements``, ``newKey`` where given.

    Raises:
        ColumnNotFound: there is none of this key.
        ColumnNotAvailable: it is not ``available`` yet.
        InvalidSchema: rows hold more than the new size, or the options contradict each other.
    """
    body = {
        "required": required,
        "default": default,
        **{name: value for name, value in options.items() if value is not None},
    }
    path = f"{table.path}/columns/{_ROUTES.get(type_, type_)}/{path_segment(key)}"
    column: Column = transport.call("PATCH", path, params=body, safe="newKey" not in body)
    return column


def delete_column(transport: Transport, table: TableRef, key: str) -> None:
    """Delete a column, its values, and the indexes that are left without a column by it."""
    transport.call("DELETE", f"{table.path}/columns/{path_segment(key)}", safe=True)
