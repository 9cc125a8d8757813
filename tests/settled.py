"""
Schema calls that are over when they return.

A real server makes and deletes columns and indexes in its own time. Tests whose subject is something else use ``columns`` and ``indexes`` of
this module in place of the client's, and read a database after a run has been refused by ``settled_database``.
"""

from __future__ import annotations

import time
from functools import partial
from types import ModuleType
from typing import Any

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.from_server import read_database
from tests import real

_DEADLINE_S = 60.0
_UNDER_WAY = {"processing", "deleting"}


def settle(transport: Transport, table: TableRef) -> None:
    """Wait until no column and no index of a table is being made or deleted. On the local server none is, unless a test says so."""
    deadline = time.monotonic() + _DEADLINE_S
    while real.server():
        items = [
            *column_routes.list_columns(transport, table),
            *index_routes.list_indexes(transport, table),
        ]
        under_way = [item["key"] for item in items if item["status"] in _UNDER_WAY]
        if not under_way:
            return
        assert time.monotonic() < deadline, (
            f"{table.table}: {under_way} are still under way after {_DEADLINE_S:g} s"
        )
        time.sleep(0.05)


def settled_database(transport: Transport, database_id: str) -> Database | None:
    """Read a database when no column and no index of it is being made or deleted."""
    for table in read_database(transport, database_id) or ():
        settle(transport, TableRef(database_id, table.id))
    return read_database(transport, database_id)


class _Settled:
    def __init__(self, routes: ModuleType) -> None:
        self._routes = routes

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._routes, name)
        return function if name.startswith("list_") else partial(_call, function)


def _call(function: Any, transport: Transport, table: TableRef, *args: Any, **kwargs: Any) -> Any:
    answer = function(transport, table, *args, **kwargs)
    settle(transport, table)
    return answer


columns, indexes = _Settled(column_routes), _Settled(index_routes)
