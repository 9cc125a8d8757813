"""
Create, read, change and delete tables, with their columns and indexes inside.

Facts: recordings ``tables-crud``, ``tables-inline-schema``, ``tables-put-resets``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .queries import Query
from .references import TableRef
from .transport import Transport

Table = dict[str, Any]


def list_tables(
    transport: Transport, database_id: str, queries: Sequence[Query] = ()
) -> Iterator[Table]:
    """
    Yield every table of a database, with its columns and indexes inside.

    In about 1 % of cases, for half a minute after a column was created or deleted, these are still
    in their previous state. The lists of ``columns`` and ``indexes`` are always right.

    Raises:
        DatabaseNotFound: there is no database of this id.
    """
    return every_item(transport, f"/tablesdb/{path_segment(database_id)}/tables", "tables", queries)


def get_table(transport: Transport, table: TableRef) -> Table:
    """
    Return a table with its columns and indexes.

    Raises:
        TableNotFound: there is no table of this id.
    """
    found: Table = transport.call("GET", table.path)
    return found


def create_table(
    transport: Transport,
    table: TableRef,
    name: str,
    *,
    permissions: Sequence[str] = (),
    row_security: bool = False,
    enabled: bool = True,
    columns: Sequence[Mapping[str, Any]] = (),
    indexes: Sequence[Mapping[str, Any]] = (),
) -> Table:
    """
    Create a table with columns and indexes that are available at once.

    Args:
        name: at most 128 characters.
        columns: at most 100, each ``{"key", "type", "size"?, "required"?, ...}``. 1.9.6 only
            accepts ``string``, ``integer``, ``bigint``, ``double``, ``boolean``, ``datetime`` and
            the spatial types; 2.x accepts all but relationships (recordings
            ``tables-inline-types``, ``base-inline``).
        indexes: at most 100, each ``{"key", "type", "attributes", "orders"?, "lengths"?}``.

    Raises:
        AlreadyExists: the id is taken, perhaps by an unanswered attempt of this call (``ambiguous``
            is then True).
        InvalidRequest: the server rejects a column or an index; nothing was created.
        LimitExceeded: the columns are too wide together; nothing was created.
    """
    body: dict[str, Any] = {
        "tableId": table.table,
        "name": name,
        "permissions": list(permissions),
        "rowSecurity": row_security,
        "enabled": enabled,
    }
    if columns:
        body["columns"] = [dict(column) for column in columns]
    if indexes:
        body["indexes"] = [dict(index) for index in indexes]
    created: Table = transport.call(
        "POST", f"/tablesdb/{path_segment(table.database)}/tables", params=body, safe=True
    )
    return created


def update_table(
    transport: Transport,
    table: TableRef,
    *,
    name: str,
    permissions: Sequence[str],
    row_security: bool,
    enabled: bool,
) -> Table:
    """
    Set all options of a table.

    All must be given: the server resets those left out (recording ``tables-put-resets``).
    """
    body = {
        "name": name,
        "permissions": list(permissions),
        "rowSecurity": row_security,
        "enabled": enabled,
    }
    updated: Table = transport.call("PUT", table.path, params=body, safe=True)
    return updated


def delete_table(transport: Transport, table: TableRef) -> None:
    """Delete a table and its rows; the id may be reused at once."""
    transport.call("DELETE", table.path, safe=True)
