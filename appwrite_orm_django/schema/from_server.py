"""Read tables from the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables
from appwrite_orm_django.client.errors import DatabaseNotFound
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

from .definitions import INT64, Column, Database, Index, Relation, Table

_LARGEST_DOUBLE = 1.7976931348623157e308


def read_database(transport: Transport, database_id: str) -> Database | None:
    """
    Return the database with all its tables, or None if it does not exist.

    This makes one request for every 500 tables. In about 1 % of cases the columns and indexes are
    stale for half a minute after a change; ``read_table`` never returns stale ones.
    """
    try:
        found = list(tables.list_tables(transport, database_id))
    except DatabaseNotFound:
        return None
    return Database(database_id, tuple(map(read_table_json, found)))


def read_table(transport: Transport, database_id: str, table: Table) -> Table:
    """Return a table with its current columns and indexes; two requests."""
    ref = TableRef(database_id, table.id)
    return replace(
        table,
        columns=tuple(map(read_column, column_routes.list_columns(transport, ref))),
        indexes=tuple(map(read_index, index_routes.list_indexes(transport, ref))),
    )


def read_table_json(body: dict[str, Any]) -> Table:
    """Return the table in an answer of the server."""
    return Table(
        body["$id"],
        body["name"],
        tuple(map(read_column, body["columns"])),
        tuple(map(read_index, body["indexes"])),
        frozenset(body["$permissions"]),
        body["rowSecurity"],
        body["enabled"],
    )


def read_column(body: dict[str, Any]) -> Column:
    """Return the column in an answer of the server (recordings ``column-email`` and others)."""
    type_ = body["type"]
    if type_ == "string" and body.get("format"):
        type_ = body["format"]
    related = None
    if type_ == "relationship":
        related = Relation(
            body["relatedTable"],
            body["relationType"],
            body["side"],
            body["twoWay"],
            body.get("twoWayKey") or "",
            body["onDelete"],
        )
    return Column(
        body["key"],
        type_,
        body.get("size") if type_ in {"varchar", "string"} else None,
        bool(body["required"]),
        body.get("default"),
        bool(body["array"]),
        _bound(body.get("min")),
        _bound(body.get("max")),
        tuple(body.get("elements") or ()),
        bool(body.get("encrypt")),
        related,
        status=body["status"],
        error=body.get("error") or "",
    )


def read_index(body: dict[str, Any]) -> Index:
    """Return the index in an answer of the server (recording ``indexes-key``)."""
    orders = tuple(
        cast(Literal["ASC", "DESC"], (order or "ASC").upper()) for order in body.get("orders") or ()
    )
    lengths = tuple(length or 0 for length in body.get("lengths") or ())
    return Index(
        body["key"],
        body["type"],
        tuple(body["columns"]),
        orders if "DESC" in orders else (),
        lengths if any(lengths) else (),
        status=body["status"],
        error=body.get("error") or "",
        created=body.get("$createdAt") or "",
    )


def _bound(value: int | float | None) -> int | float | None:
    """
    Return a bound, or None if it is the bound of the type.

    The server returns the bound of the type, or null for a column that was created inline.
    """
    return None if value is None or value in INT64 or abs(value) == _LARGEST_DOUBLE else value
