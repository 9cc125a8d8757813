"""Emptying the tables of the local server after a test: with requests for those that have rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from appwrite_local.registry import local_server
from appwrite_orm_django.backend.operations import DatabaseOperations
from appwrite_orm_django.client.local_endpoint import is_local


def tables_without_rows(host: str, database_id: str) -> set[str]:
    """Return the ids of the tables of a local server that hold nothing, past its API."""
    with local_server(host).storage.session(writes=False) as session:
        tables = session.all(
            "SELECT t.id, t.seq FROM _tables t JOIN _databases d ON d.seq = t.database_seq "
            "WHERE d.id = ?",
            (database_id,),
        )
        return {id_ for id_, seq in tables if not session.all(f"SELECT 1 FROM rows_{seq} LIMIT 1")}


@contextmanager
def filled_tables_only() -> Iterator[None]:
    """
    Let ``flush`` pass over tables without rows; the cache is told of all of them as always.

    Most tests write to few tables, and a request for each of the others took more time than most tests.
    """
    execute = DatabaseOperations.execute_sql_flush

    def execute_sql_flush(self: DatabaseOperations, sql_list: Sequence[Any]) -> None:
        connection = self.connection
        host = connection.settings_dict["HOST"]
        if not is_local(host):
            execute(self, sql_list)
            return
        cache, tables = connection.cache, [command.table.table for command in sql_list]
        with cache.batch(), cache.write(tables, staged=False):
            empty = tables_without_rows(host, connection.database_id)
            execute(self, [one for one in sql_list if one.table.table not in empty])
        cache.forget_invalidated()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", execute_sql_flush)
        yield
