"""Running a ``LocalQuery``: fetch, load, let SQLite answer, convert."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import NotSupportedError
from django.db.models import Model

from appwrite_orm_django.backend.commands.conditions import Condition, Membership
from appwrite_orm_django.backend.commands.local import Fetch, Link, LocalQuery
from appwrite_orm_django.backend.local_evaluation.sqlite import LocalDatabase
from appwrite_orm_django.backend.local_evaluation.tables import local_table

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.client.references import TableRef

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """
    What running a ``LocalQuery`` needs beyond its text: SQLite's compiler for converters (None: no conversion), and the tables.

    Of ``whole_tables`` all rows are needed, for fragments of SQL read them.
    """

    compiler: Any
    tables: dict[str, type[Model]]
    verifies_row_count: bool = False
    page: Page | None = None
    whole_tables: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Page:
    """Where the rows of the pushed-down slice are noted, if others of their table are fetched as well."""

    fetch: int
    pk_column: str
    table: ClassVar[str] = "appwrite page"

    def condition(self, alias: str) -> str:
        """Return SQL that holds for the rows of the slice only."""
        return f'"{alias}"."{self.pk_column}" IN (SELECT "pk" FROM "{self.table}")'


def run(command: LocalQuery, connection: DatabaseWrapper) -> list[tuple[Any, ...]]:
    """
    Return the final rows of a locally evaluated query.

    Raises:
        NotSupportedError: more rows than ``LOCAL_EVALUATION_MAX_ROWS`` would have to be fetched.
    """
    with connection.borrowed_local_database() as database:
        return Run(command, connection, database).rows()


def run_with_versions(
    command: LocalQuery, connection: DatabaseWrapper, table: TableRef
) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
    """Return the final rows, and for each row id of ``table`` that took part the ``$updatedAt`` it had."""
    with connection.borrowed_local_database() as database:
        evaluation = Run(command, connection, database)
        rows = evaluation.rows()
    return rows, evaluation.versions(table)


class Run:
    """One evaluation. ``description`` is afterwards what SQLite's cursor had as such."""

    def __init__(self, command: LocalQuery, connection: DatabaseWrapper, database: LocalDatabase) -> None:
        self.command = command
        self.connection = connection
        self.database = database
        self.program = command.program
        self.tables = {name: local_table(model, self.database) for name, model in self.program.tables.items()}
        self.fetched = 0
        self._brought: list[list[Row]] = []
        self.description: Any = None

    def versions(self, table: TableRef) -> dict[str, str]:
        return {
            row["$id"]: row["$updatedAt"]
            for fetch, rows in zip(self.command.fetches, self._brought, strict=True)
            if fetch.table == table
            for row in rows
        }

    def rows(self) -> list[tuple[Any, ...]]:
        with self._local_tables() as raw:
            keys = self._columns_read(raw)
            fetched = self._brought = self._fetch_all(keys)
            for fetch, rows in zip(self.command.fetches, fetched, strict=True):
                table = self.tables[fetch.db_table]
                raw.executemany(table.insert_sql(), table.stored_rows(rows, keys[fetch.db_table]))
            self._note_page(raw)
            result = self._select()
        if self.program.verifies_row_count and self.command.fallback is not None:
            sliced = next(number for number, fetch in enumerate(self.command.fetches) if fetch.limit or fetch.offset)
            if len(result) != len(fetched[sliced]):
                return run(self.command.fallback, self.connection)
        return result

    @contextmanager
    def _local_tables(self) -> Iterator[sqlite3.Connection]:
        self.database.ensure_connection()
        raw: sqlite3.Connection = self.database.connection
        try:
            for table in self.tables.values():
                raw.execute(table.create_sql())
            if self.program.page is not None:
                raw.execute(f'CREATE TABLE "{self.program.page.table}" ("pk")')
            yield raw
        finally:
            for name in (*self.tables, *([self.program.page.table] if self.program.page else ())):
                raw.execute(f'DROP TABLE IF EXISTS "{name}"')

    def _note_page(self, raw: sqlite3.Connection) -> None:
        page = self.program.page
        if page is None:
            return
        table = self.tables[self.command.fetches[page.fetch].db_table]
        (pk,) = (column for column in table.columns if column.name == page.pk_column)
        stored = ((pk.stored(row[pk.key]),) for row in self._brought[page.fetch])
        raw.executemany(f'INSERT INTO "{page.table}" VALUES (?)', stored)

    def _columns_read(self, raw: sqlite3.Connection) -> dict[str, frozenset[str]]:
        """Ask SQLite which columns the statement reads: only those, and the ones that link tables, are fetched."""
        read: dict[str, set[str]] = {name: set() for name in self.tables}

        def note(action: int, table: str | None, column: str | None, *_: Any) -> int:
            if action == sqlite3.SQLITE_READ and table in read and column:
                read[table].add(column)
            return sqlite3.SQLITE_OK

        raw.set_authorizer(note)
        try:
            with self.database.wrap_database_errors, closing(self.database.create_cursor()) as cursor:
                cursor.execute(f"EXPLAIN {self.command.sql}", self.command.params)
        finally:
            # None would do from Python 3.11 on.
            raw.set_authorizer(allow_everything)
        keys = {
            name: {column.key for column in table.columns if column.name in read[name]}
            for name, table in self.tables.items()
        }
        for name in keys:
            keys[name].add("$id")
        for fetch in self.command.fetches:
            for link in fetch.links:
                keys[self.command.fetches[link.source].db_table].add(link.source_column)
        return {name: frozenset(found) for name, found in keys.items()}

    def _fetch_all(self, keys: dict[str, frozenset[str]]) -> list[list[Row]]:
        fetched: list[list[Row]] = []
        for fetch in self.command.fetches:
            fetched.append(self._fetch(fetch, keys[fetch.db_table], fetched))
        return fetched

    def _fetch(self, fetch: Fetch, keys: frozenset[str], earlier: list[list[Row]]) -> list[Row]:
        memberships = list(fetch.condition.memberships)
        for link in fetch.links:
            values = {row[link.source_column]: None for row in earlier[link.source]}
            values.pop(None, None)
            memberships.append(Membership(link.column, tuple(_written_for(link, values))))
        condition = Condition(fetch.condition.queries, tuple(memberships))
        rows: list[Row] = []
        for row in self.connection.reader.rows(fetch, condition, sorted(keys)):
            rows.append(row)
            self.fetched += 1
            if self.fetched > self.connection.options.local_evaluation_max_rows:
                raise self._too_many(fetch)
        return rows

    def _too_many(self, fetch: Fetch) -> NotSupportedError:
        limit = self.connection.options.local_evaluation_max_rows
        return NotSupportedError(
            f"{fetch.table.table}: more than {limit:,} rows would have to be fetched to evaluate this query locally "
            f"({fetch.condition}).\n"
            f'Narrow the filter with a condition the server can evaluate, or raise OPTIONS["LOCAL_EVALUATION_MAX_ROWS"].'
        )

    def _select(self) -> list[tuple[Any, ...]]:
        compiler = self.program.compiler
        with self.database.wrap_database_errors, closing(self.database.create_cursor()) as cursor:
            cursor.execute(self.command.sql, self.command.params)
            rows = cursor.fetchall()
            self.description = cursor.description
        if compiler is None:
            return rows
        width = compiler.col_count
        rows = [row[:width] for row in rows]
        if _prepares_no_select(compiler):
            expressions = list(compiler.query.annotation_select.values())
        else:
            expressions = [expression for expression, _, _ in compiler.select[:width]]
        converters = compiler.get_converters(expressions)
        return list(self._converted(rows, converters)) if converters else rows

    def _converted(self, rows: list[tuple[Any, ...]], converters: Mapping[int, Any]) -> Iterator[tuple[Any, ...]]:
        # As Django's apply_converters() does, but fields are told of the connection that their rows come from.
        for row in map(list, rows):
            for position, (functions, expression) in converters.items():
                for function in functions:
                    row[position] = function(row[position], expression, self.connection)
            yield tuple(row)


def _written_for(link: Link, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        try:
            yield value if link.convert is None else link.convert(value)
        except ValueError:
            continue  # the column can not hold it, so no row has it


def allow_everything(*_: Any) -> int:
    return sqlite3.SQLITE_OK


def _prepares_no_select(compiler: Any) -> bool:
    """Say whether the compiler is that of an ``AggregateQuery``, which prepares no select list."""
    return compiler.select is None
