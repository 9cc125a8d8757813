"""
Create, list and delete indexes. As with columns, the server does this asynchronously.

A unique index over existing duplicates becomes ``available`` but does not exist (recording
``indexes-unique-fails``): look for duplicates first. Facts: recordings ``indexes-key``,
``indexes-unique``, ``indexes-errors``, ``indexes-fulltext``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .references import TableRef
from .transport import Transport

Index = dict[str, Any]


def list_indexes(transport: Transport, table: TableRef) -> Iterator[Index]:
    """Yield the indexes of a table."""
    return every_item(transport, f"{table.path}/indexes", "indexes", cursor_key="key")


def get_index(transport: Transport, table: TableRef, key: str) -> Index:
    """
    Return an index: ``key``, ``type``, ``status``, ``error``, ``columns``, ``lengths``, ``orders``.

    Raises:
        IndexNotFound: there is no index of this key.
    """
    index: Index = transport.call("GET", f"{table.path}/indexes/{path_segment(key)}")
    return index


def create_index(
    transport: Transport,
    table: TableRef,
    key: str,
    type_: Literal["key", "unique", "fulltext", "spatial"],
    columns: Sequence[str],
    *,
    orders: Sequence[Literal["ASC", "DESC"]] = (),
    lengths: Sequence[int | None] = (),
) -> Index:
    """
    Create an index, which is ``processing`` at first.

    Args:
        columns: keys, including ``$id``, ``$createdAt``, ``$updatedAt``.
        orders: one per column, or none.
        lengths: indexed characters of each column, or none; 768 in all.

    Raises:
        AlreadyExists: an index of this key exists, perhaps from an unanswered attempt of this call
            (``ambiguous`` is then True).
        ColumnNotAvailable: a column is not ``available`` yet.
        ColumnNotFound: a column does not exist.
        InvalidSchema: the index is too long, on an array, or on a text column without a length.
    """
    body: dict[str, Any] = {"key": key, "type": type_, "columns": list(columns)}
    if orders:
        body["orders"] = list(orders)
    if lengths:
        body["lengths"] = list(lengths)
    index: Index = transport.call("POST", f"{table.path}/indexes", params=body, safe=True)
    return index


def delete_index(transport: Transport, table: TableRef, key: str) -> None:
    """Delete an index."""
    transport.call("DELETE", f"{table.path}/indexes/{path_segment(key)}", safe=True)
