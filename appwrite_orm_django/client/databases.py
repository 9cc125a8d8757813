"""
Create, read, change and delete databases.

Facts: recordings ``databases-crud``, ``databases-errors``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .queries import Query
from .transport import Transport

Database = dict[str, Any]


def list_databases(transport: Transport, queries: tuple[Query, ...] = ()) -> Iterator[Database]:
    """Yield every database of the project, a page at a time."""
    return every_item(transport, "/tablesdb", "databases", queries)


def get_database(transport: Transport, database_id: str) -> Database:
    """
    Return a database: ``$id``, ``name``, ``enabled``, ``type``.

    Raises:
        DatabaseNotFound: there is no database of this id.
    """
    database: Database = transport.call("GET", f"/tablesdb/{path_segment(database_id)}")
    return database


def create_database(
    transport: Transport, database_id: str, name: str, *, enabled: bool = True
) -> Database:
    """
    Create a database.

    Raises:
        AlreadyExists: the id is taken, perhaps by an unanswered attempt of this call (``ambiguous``
            is then True).
    """
    body = {"databaseId": database_id, "name": name, "enabled": enabled}
    database: Database = transport.call("POST", "/tablesdb", params=body, safe=True)
    return database


def update_database(
    transport: Transport, database_id: str, *, name: str, enabled: bool
) -> Database:
    """
    Set ``name`` and ``enabled``.

    Both must be given: the server resets those left out (recording ``tables-put-resets``).
    """
    body = {"name": name, "enabled": enabled}
    database: Database = transport.call(
        "PUT", f"/tablesdb/{path_segment(database_id)}", params=body, safe=True
    )
    return database


def delete_database(transport: Transport, database_id: str) -> None:
    """Delete a database and everything in it."""
    transport.call("DELETE", f"/tablesdb/{path_segment(database_id)}", safe=True)
