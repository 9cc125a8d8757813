"""
Create, list, change and delete columns.

The server creates and deletes them asynchronously, so poll ``status`` until it is ``available``.
Facts: recordings ``columns-async``, ``columns-list``, ``columns-limits`` and one per type
(``column-varchar``, ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .references import TableRef
from .transport import Transport

Column = dict[str, Any]

#: The last part of the path for types where it differs from the name in answers.
_ROUTES = {"double": "float", "linestring": "line"}


def list_columns(transport: Transport, table: TableRef) -> Iterator[Column]:
    """Yield the columns of a table in order of creation."""
    return every_item(transport, f"{table.path}/columns", "columns", cursor_key="key")


def get_column(transport: Transport, table: TableRef, key: str) -> Column:
    """
    Return one column.

    Raises:
        ColumnNotFound: there is no column of this key.
    """
    column: Column = transport.call("GET", f"{table.path}/columns/{path_segment(key)}")
    return column


def create_column(
    transport: Transport, table: TableRef, type_: str, key: str, *, required: bool, **options: Any
) -> Column:
    """
    Create a column, which is ``processing`` at first.

    Args:
        type_: ``varchar``, ``text``, ``mediumtext``, ``longtext``, ``integer``, ``bigint``,
            ``double``, ``boolean``, ``datetime``, ``email``, ``url``, ``ip``, ``enum``, ``point``,
            ``linestring``, ``polygon``, ``relationship``, or the old ``string``.
        options: those of the type: ``size``, ``min``, ``max``, ``elements``, ``default``,
            ``array``, ``encrypt``. None counts as left out.

    Raises:
        AlreadyExists: a column of this key exists, compared without case, perhaps from an
            unanswered attempt of this call (``ambiguous`` is then True).
        LimitExceeded: the table would become too wide.
        InvalidSchema: the options contradict each other.
    """
    body = {
        "key": key,
        "required": required,
        **{name: value for name, value in options.items() if value is not None},
    }
    if type_ == "relationship":  # never required, and the key is unknown there
        del body["required"]
    column: Column = transport.call(
        "POST", f"{table.path}/columns/{_ROUTES.get(type_, type_)}", params=body, safe=True
    )
    return column


def update_column(
    transport: Transport,
    table: TableRef,
    type_: str,
    key: str,
    *,
    required: bool,
    default: Any,
    **options: Any,
) -> Column:
    """
    Change a column.

    Every call sets ``required`` and ``default``; ``size``, ``min``, ``max``, ``elements`` and
    ``newKey`` only change if given.

    Raises:
        ColumnNotFound: there is no column of this key.
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
    """Delete a column, its values, and the indexes left without a column."""
    transport.call("DELETE", f"{table.path}/columns/{path_segment(key)}", safe=True)
