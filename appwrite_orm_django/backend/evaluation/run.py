"""Run a ``LocalQuery``: fetch the rows, load them into SQLite, query it, convert the result."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import NotSupportedError
from django.db.models import Model
from django.db.models.expressions import ColPairs

from appwrite_orm_django.backend.commands import Condition, Membership
from appwrite_orm_django.backend.evaluation.commands import Fetch, Link, LocalQuery
from appwrite_orm_django.backend.evaluation.database import LocalDatabase
from appwrite_orm_django.backend.evaluation.names import with_row_ids
from appwrite_orm_django.backend.evaluation.tables import LocalTable, quoted
from appwrite_orm_django.backend.evaluation.texts import have_one_spelling
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.schema.names import unquoted

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


Row = Mapping[str, Any]

# Inserting many rows in one statement takes a quarter of the time of one statement per row. SQLite
# before 3.32 takes at most 999 values.
_ROWS = 50
_VALUES = 999


class Loader:
    """
    Insert rows into one table, each of them once, even if it is fetched several times.

    Args:
        names: the columns that are read.
    """

    def __init__(self, raw: sqlite3.Connection, table: LocalTable, names: Iterable[str]) -> None:
        self._raw = raw
        self._table = table
        wanted = set(names)
        # At least one, as a query may only count rows.
        self.columns = [column for column in table.columns if column.name in wanted] or list(
            table.columns[:1]
        )
        self._together = max(1, min(_ROWS, _VALUES // len(self.columns)))
        self._many = table.insert_sql(self.columns, self._together)
        self._one = table.insert_sql(self.columns, 1)
        self._seen: dict[str, None] = {}
        self.row_ids: set[str | None] = set()

    @property
    def loaded_ids(self) -> Sequence[str]:
        """The ids of the rows, in the order in which SQLite numbers them from 1."""
        return tuple(self._seen)

    def add(self, rows: Sequence[Row]) -> None:
        rows = self._new(rows)
        columns = [column.values(rows) for column in self.columns]
        for column, values in zip(self.columns, columns, strict=True):
            if column.is_row_id:
                self.row_ids.update(values)
        flat = chain.from_iterable(zip(*columns, strict=True))
        width, full = len(columns) * self._together, len(rows) // self._together
        self._raw.executemany(self._many, (tuple(islice(flat, width)) for _ in range(full)))
        self._raw.executemany(self._one, zip(*[flat] * len(columns), strict=True))

    def _new(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out known rows: those of another step, and those that moved between pages."""
        ids = dict.fromkeys(map(itemgetter(ROW_ID), rows))
        if len(ids) == len(rows) and self._seen.keys().isdisjoint(ids):
            self._seen |= ids
            return rows
        new = []
        for row in rows:
            if row[ROW_ID] not in self._seen:
                self._seen[row[ROW_ID]] = None
                new.append(row)
        return new

    def index(self) -> None:
        """
        Create an index for each column by which tables are joined.

        SQLite creates one itself, except for a nested query that refers to an outer one.
        """
        for column in self.columns:
            if column.is_key and not column.is_rowid:
                self._raw.execute(self._table.index_sql(column))

    def collate(self) -> None:
        """Give row ids the server's collation."""
        for statement in self._table.collate_sql():
            self._raw.execute(statement)


@dataclass(frozen=True)
class Program:
    """
    The parts of a ``LocalQuery`` that are needed to run it, beyond its text.

    Attributes:
        compiler: the SQLite compiler, for its converters; None for no conversion.
        tables: the models of the tables.
        verifies_row_count: whether to fall back if a joined row of the slice is missing.
        page: set if other rows of the sliced table are fetched as well.
        whole_tables: the tables whose rows are all needed, as fragments of SQL read them.
        is_collated: whether the query may compare row ids with any values.
        is_nested: whether the query contains other queries.
    """

    compiler: Any
    tables: dict[str, type[Model]]
    verifies_row_count: bool = False
    page: Page | None = None
    whole_tables: frozenset[str] = frozenset()
    is_collated: bool = False
    is_nested: bool = False


@dataclass(frozen=True)
class Page:
    """The rows of the pushed-down slice, if other rows of the same table are fetched as well."""

    fetch: int
    pk_column: str
    pk_key: str
    table: ClassVar[str] = "appwrite page"

    def condition(self, alias: str) -> str:
        """Return a SQL condition that only the rows of the slice satisfy."""
        column = f"{quoted(alias)}.{quoted(self.pk_column)}".replace("%", "%%")
        return f'{column} IN (SELECT "pk" FROM "{self.table}")'


def run(command: LocalQuery, connection: Connection) -> list[tuple[Any, ...]]:
    """
    Return the final rows of a locally evaluated query.

    Raises:
        NotSupportedError: the query needs more rows than ``LOCAL_EVALUATION_MAX_ROWS``.
    """
    with connection.borrowed_local_database() as database:
        return Run(command, connection, database).rows()


@dataclass
class Brought:
    """The number of rows that a step fetched, and the values that later steps or the slice need."""

    count: int = 0
    # The distinct values by column, in the order of the rows.
    values: dict[str, dict[Any, None]] = field(default_factory=dict)

    def note(self, rows: Sequence[Row]) -> None:
        self.count += len(rows)
        for key, values in self.values.items():
            values.update(dict.fromkeys(row[key] for row in rows))


class Run:
    """One evaluation. Afterwards, ``description`` is that of SQLite's cursor."""

    def __init__(
        self, command: LocalQuery, connection: Connection, database: LocalDatabase
    ) -> None:
        self.command = command
        self.connection = connection
        self.database = database
        self.program: Program = command.program
        tables = {
            name: self.database.table_of(model) for name, model in self.program.tables.items()
        }
        self.sql, self.tables = with_row_ids(command.sql, tables)
        self.fetched = 0
        self.description: Any = None
        self._brought: list[Brought] = []
        self._loaders: Mapping[str, Loader] = {}

    def rows(self) -> list[tuple[Any, ...]]:
        with self.database.with_tables(self.tables.values()) as raw:
            read = self._columns_read(raw)
            loaders = self._loaders = {
                name: Loader(raw, table, read[name]) for name, table in self.tables.items()
            }
            keys = self._keys(loaders)
            self._brought = [self._noting(number) for number in range(len(self.command.fetches))]
            for fetch, brought in zip(self.command.fetches, self._brought, strict=True):
                self._fetch(fetch, keys[fetch.db_table], brought, loaders[fetch.db_table])
            self._finish(loaders.values())
            self._note_page(raw)
            result = self._select()
        if self.program.verifies_row_count and self.command.fallback is not None:
            sliced = next(
                number
                for number, fetch in enumerate(self.command.fetches)
                if fetch.limit or fetch.offset
            )
            if len(result) != self._brought[sliced].count:
                return run(self.command.fallback, self.connection)
        return result

    def _finish(self, loaders: Iterable[Loader]) -> None:
        loaders = list(loaders)
        engine = self.database.engine
        if engine.has_collation:
            row_ids = {
                row_id for loader in loaders for row_id in loader.row_ids if row_id is not None
            }
            if self.program.is_collated or (engine.folds_text and not have_one_spelling(row_ids)):
                for loader in loaders:
                    loader.collate()
        if self.program.is_nested:
            for loader in loaders:
                loader.index()

    def _note_page(self, raw: sqlite3.Connection) -> None:
        page = self.program.page
        if page is None:
            return
        table = self.tables[self.command.fetches[page.fetch].db_table]
        (pk,) = (column for column in table.columns if column.name == unquoted(page.pk_column))
        raw.execute(f'CREATE TABLE "{page.table}" ("pk")')
        values = [{pk.key: value} for value in self._brought[page.fetch].values[pk.key]]
        raw.executemany(
            f'INSERT INTO "{page.table}" VALUES (?)', zip(pk.values(values), strict=True)
        )

    def _columns_read(self, raw: sqlite3.Connection) -> Mapping[str, Iterable[str]]:
        """Return the columns that the statement reads according to SQLite, by table."""
        key = (self.sql, *self.tables.values())
        known = self.database.columns_read.get(key)
        if known is not None:
            return known
        read: dict[str, set[str]] = {name: set() for name in self.tables}
        by_local_name = {table.name: name for name, table in self.tables.items()}

        def note(action: int, table: str | None, column: str | None, *_: Any) -> int:
            if action == sqlite3.SQLITE_READ and table in by_local_name and column:
                read[by_local_name[table]].add(column)
            return sqlite3.SQLITE_OK

        if self.program.page is not None:
            raw.execute(f'CREATE TABLE "{self.program.page.table}" ("pk")')
        raw.set_authorizer(note)
        try:
            with self.database.cursor_over(self.tables.values()) as cursor:
                cursor.execute(f"EXPLAIN {self.sql}", self.command.params)
        finally:
            # From Python 3.11 on, None would be enough.
            raw.set_authorizer(allow_everything)
        if self.program.page is not None:
            raw.execute(f'DROP TABLE "{self.program.page.table}"')
        self.database.note_columns_read(key, read)
        return read

    def _keys(self, loaders: Mapping[str, Loader]) -> dict[str, set[str]]:
        """Return the keys of the columns to fetch by table, including those that link tables."""
        keys = {name: {column.key for column in loader.columns} for name, loader in loaders.items()}
        for fetch in self.command.fetches:
            for link in fetch.links:
                keys[self.command.fetches[link.source].db_table].add(link.source_column)
        return keys

    def _noting(self, number: int) -> Brought:
        kept = {
            link.source_column
            for fetch in self.command.fetches
            for link in fetch.links
            if link.source == number
        }
        if self.program.page is not None and self.program.page.fetch == number:
            kept.add(self.program.page.pk_key)
        return Brought(values={key: {} for key in kept})

    def _fetch(self, fetch: Fetch, keys: Iterable[str], brought: Brought, loader: Loader) -> None:
        memberships = list(fetch.condition.memberships)
        for link in fetch.links:
            values = self._brought[link.source].values[link.source_column]
            written = _written_for(link, (value for value in values if value is not None))
            memberships.append(Membership(link.column, tuple(written)))
        condition = Condition(fetch.condition.queries, tuple(memberships))
        most = self.connection.options.local_evaluation_max_rows
        for rows in self.connection.reader.pages(
            fetch, condition, sorted(keys), most=most + 1 - self.fetched
        ):
            self.fetched += len(rows)
            if self.fetched > most:
                raise self._too_many(fetch)
            brought.note(rows)
            loader.add(rows)

    def _too_many(self, fetch: Fetch) -> NotSupportedError:
        limit = self.connection.options.local_evaluation_max_rows
        return NotSupportedError(
            f"{fetch.table.table}: more than {limit:,} rows are needed to evaluate this query "
            f"locally ({fetch.condition}).\n"
            "Narrow the filter with a condition that the server can evaluate, or raise "
            f'OPTIONS["LOCAL_EVALUATION_MAX_ROWS"].'
        )

    def _select(self) -> list[tuple[Any, ...]]:
        compiler = self.program.compiler
        place = ", ".join(self.tables)
        with (
            self.database.saying_what_is_refused(place),
            self.database.cursor_over(self.tables.values()) as cursor,
        ):
            cursor.execute(self.sql, self.command.params)
            rows = cursor.fetchall()
            self.description = cursor.description
        if compiler is None:
            return rows
        if _prepares_no_select(compiler):
            expressions = list(compiler.query.annotation_select.values())
        else:
            selected = compiler.select[: compiler.col_count]
            expressions = [expression for expression, _, _ in selected]
        # The columns of a composite key are one expression.
        width = sum(len(one) if type(one) is ColPairs else 1 for one in expressions)
        if len(self.description) > width:
            rows = [row[:width] for row in rows]
        converters = compiler.get_converters(expressions)
        return self._converted(rows, converters) if converters else rows

    def _converted(
        self, rows: list[tuple[Any, ...]], converters: Mapping[int, Any]
    ) -> list[tuple[Any, ...]]:
        # As Django's apply_converters(), but column by column, and with the connection from which
        # the rows come.
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for position, (functions, expression) in converters.items() if rows else ():
            for function in functions:
                columns[position] = [
                    function(value, expression, self.connection) for value in columns[position]
                ]
        return list(zip(*columns, strict=True))


def _written_for(link: Link, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        try:
            yield value if link.convert is None else link.convert(value)
        except ValueError:
            continue  # the column cannot hold it, so no row has it


def allow_everything(*_: Any) -> int:
    return sqlite3.SQLITE_OK


def _prepares_no_select(compiler: Any) -> bool:
    """Return whether this compiler is for an ``AggregateQuery``, which has no select list."""
    return compiler.select is None
