"""Run raw SQL from ``raw()`` and ``cursor.execute()`` with SQLite, over whole tables."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from django.apps import apps
from django.db import ProgrammingError
from django.db.models import Model

from appwrite_orm_django.backend.commands import Condition
from appwrite_orm_django.backend.evaluation.commands import Fetch, LocalQuery
from appwrite_orm_django.backend.evaluation.names import as_written, with_row_ids
from appwrite_orm_django.backend.evaluation.plan import checked_param
from appwrite_orm_django.backend.evaluation.recorded_models import (
    models_within_migration,
    recorded_models,
)
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
        DatabaseError: SQLite rejects the statement, or it names a table that does not exist.
    """
    if not _READS.match(sql):
        return None
    params = adapted(sql, params, connection)
    named = named_in(sql)
    if connection.open_editors:
        named = models_within_migration(named, connection)
    try:
        uses = uses_of(sql, params, named, connection)
    except ProgrammingError as error:
        # It names what no model has. On other databases, it only has to be in the database.
        recorded = recorded_models(sql, connection)
        try:
            uses = uses_of(sql, params, {**named, **recorded}, connection)
        except ProgrammingError:
            if recorded.keys() <= named.keys():
                raise error from None  # with the columns in the models' order
            raise
        named = {**named, **recorded}
    if uses.others or uses.written:
        return None
    fetches = tuple(
        Fetch(connection.table_ref(table_id(name)), name, Condition()) for name in sorted(uses.read)
    )
    models = {name: named[name] for name in uses.read}
    program = Program(None, models, is_collated=True, is_nested=True)
    return LocalQuery(sql, params, fetches, program)  # type: ignore[arg-type]  # names, too


def run_sql(command: LocalQuery, connection: Connection) -> tuple[Any, list[tuple[Any, ...]]]:
    """Run a command of ``plan_sql``; return the cursor's ``description`` and the rows of SQLite."""
    with connection.borrowed_local_database() as database:
        run = Run(command, connection, database)
        rows = run.rows()
    return tuple(
        (as_written(label, command.sql), *others) for label, *others in run.description
    ), rows


def adapted(sql: str, params: Any, connection: Connection) -> Params:
    """
    Return the parameters of a statement as SQLite accepts them.

    Raises:
        InvalidText: the statement or a parameter has a lone surrogate.
    """
    check_text(sql)
    unknown = connection.local_database.ops.adapt_unknown_value

    def adapt(value: Any) -> Any:
        return checked_param(unknown(value))

    if params is None:
        return None
    if isinstance(params, Mapping):
        return {key: adapt(value) for key, value in params.items()}
    return tuple(adapt(value) for value in params)


def named_in(sql: str) -> dict[str, type[Model]]:
    """Return the models whose table's name occurs anywhere in the statement."""
    text = sql.replace('""', '"').lower()
    return {
        model._meta.db_table: model._meta.concrete_model or model
        for model in apps.get_models(include_auto_created=True)
        if unquoted(model._meta.db_table).lower() in text
    }


@dataclass
class Uses:
    """
    What a statement does, as SQLite sees it.

    Attributes:
        read: the tables that it reads.
        written: the tables that it writes, and how.
        columns: the columns that it updates.
        others: whether it does anything else.
    """

    read: set[str] = field(default_factory=set)
    written: set[tuple[str, Literal["insert", "update", "delete"]]] = field(default_factory=set)
    columns: frozenset[str] = frozenset()
    others: bool = False


_WRITING: Mapping[int, Literal["insert", "update", "delete"]] = {
    sqlite3.SQLITE_INSERT: "insert",
    sqlite3.SQLITE_UPDATE: "update",
    sqlite3.SQLITE_DELETE: "delete",
}


def uses_of(
    sql: str, params: Params, named: Mapping[str, type[Model]], connection: Connection
) -> Uses:
    """Return what a statement does with tables of these models; nothing is read or written."""
    uses = Uses()
    by_local_name = {unquoted(name): name for name in named}

    def note(action: int, table: str | None, column: str | None, *_: Any) -> int:
        name = by_local_name.get(table or "")
        if action == sqlite3.SQLITE_READ and name is not None:
            uses.read.add(name)
        elif action in _WRITING and name is not None:
            uses.written.add((name, _WRITING[action]))
            if action == sqlite3.SQLITE_UPDATE and column:
                uses.columns |= {column}
        elif action not in _READING:
            uses.others = True
        return sqlite3.SQLITE_OK

    with connection.borrowed_local_database() as database:
        sql, tables = with_row_ids(
            sql, {name: database.table_of(model) for name, model in named.items()}
        )
        with database.with_tables(tables.values(), alone=True) as raw:
            raw.set_authorizer(note)
            try:
                with database.cursor_over(tables.values()) as cursor:
                    cursor.execute(f"EXPLAIN {sql}", params)
            finally:
                raw.set_authorizer(allow_everything)
    return uses
