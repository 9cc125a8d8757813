"""Run raw SQL from ``raw()`` and ``cursor.execute()`` with SQLite, over whole tables."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model

from appwrite_orm_django.backend.commands import Condition
from appwrite_orm_django.backend.evaluation.commands import Fetch, LocalQuery
from appwrite_orm_django.backend.evaluation.names import as_written, with_row_ids
from appwrite_orm_django.backend.evaluation.plan import checked_param
from appwrite_orm_django.backend.evaluation.run import Program, Run, allow_everything
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.client.queries import check_text
from appwrite_orm_django.schema.names import unquoted

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

_READS = re.compile(r"\s*(SELECT|WITH|VALUES)\b", re.IGNORECASE)
_READING = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)

Params = tuple[Any, ...] | Mapping[str, Any] | None


def plan_sql(sql: str, params: Params, connection: Connection) -> LocalQuery | None:
    """
    Return the command that runs a statement over its tables, None unless it only reads.

    Raises:
        InvalidText: the statement or a parameter has a lone surrogate.
        DatabaseError: SQLite rejects the statement, or it names a table without a model.
    """
    if not _READS.match(sql):
        return None
    check_text(sql)
    params = _adapted(params, connection)
    named = _named_in(sql)
    read = _tables_read(sql, params, named, connection)
    if read is None:
        return None
    fetches = tuple(
        Fetch(connection.table_ref(table_id(name)), name, Condition()) for name in sorted(read)
    )
    program = Program(None, {name: named[name] for name in read}, is_collated=True, is_nested=True)
    return LocalQuery(sql, params, fetches, program)  # type: ignore[arg-type]  # names, too


def run_sql(command: LocalQuery, connection: Connection) -> tuple[Any, list[tuple[Any, ...]]]:
    """Run a command of ``plan_sql``; return the cursor's ``description`` and the rows of SQLite."""
    with connection.borrowed_local_database() as database:
        run = Run(command, connection, database)
        rows = run.rows()
    return tuple(
        (as_written(label, command.sql), *others) for label, *others in run.description
    ), rows


def _adapted(params: Any, connection: Connection) -> Params:
    unknown = connection.local_database.ops.adapt_unknown_value

    def adapt(value: Any) -> Any:
        return checked_param(unknown(value))

    if params is None:
        return None
    if isinstance(params, Mapping):
        return {key: adapt(value) for key, value in params.items()}
    return tuple(adapt(value) for value in params)


def _named_in(sql: str) -> dict[str, type[Model]]:
    """Return the models whose table's name occurs anywhere in the statement."""
    text = sql.replace('""', '"').lower()
    return {
        model._meta.db_table: model._meta.concrete_model or model
        for model in apps.get_models(include_auto_created=True)
        if unquoted(model._meta.db_table).lower() in text
    }


def _tables_read(
    sql: str, params: Params, named: Mapping[str, type[Model]], connection: Connection
) -> set[str] | None:
    """Return which of these tables SQLite says that the statement reads; None if it writes."""
    read: set[str] = set()
    others: set[int] = set()
    by_local_name = {unquoted(name): name for name in named}

    def note(action: int, table: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ and table in by_local_name:
            read.add(by_local_name[table])
        elif action not in _READING:
            others.add(action)
        return sqlite3.SQLITE_OK

    with connection.borrowed_local_database() as database:
        sql, tables = with_row_ids(
            sql, {name: database.table_of(model) for name, model in named.items()}
        )
        with database.with_tables(tables.values()) as raw:
            raw.set_authorizer(note)
            try:
                with database.cursor_over(tables.values()) as cursor:
                    cursor.execute(f"EXPLAIN {sql}", params)
            finally:
                raw.set_authorizer(allow_everything)
    return None if others else read
