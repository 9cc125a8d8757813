"""
Run SQL that writes: SQLite runs it over copies of the rows, and what has changed is written.

The changes become the commands that the queryset API makes, so that blocks, conflicts, unique
indexes and the cache are the same.
"""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from django.db import DataError, NotSupportedError
from django.db.models import Field, Model, Value
from django.db.models.expressions import Col, DatabaseDefault
from django.db.models.sql import InsertQuery

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.commands import (
    Condition,
    DeleteRows,
    Membership,
    UpdateFromQuery,
    ValuesOf,
)
from appwrite_orm_django.backend.evaluation import raw
from appwrite_orm_django.backend.evaluation.commands import Computed, Fetch, LocalQuery
from appwrite_orm_django.backend.evaluation.database import LocalDatabase
from appwrite_orm_django.backend.evaluation.names import as_written, words_of
from appwrite_orm_django.backend.evaluation.recorded_models import refuse_other_models
from appwrite_orm_django.backend.evaluation.run import Program, Run
from appwrite_orm_django.backend.evaluation.tables import LEFT_OUT, quoted
from appwrite_orm_django.backend.planning.writes import (
    PreparedValue,
    is_prepared,
    unique_columns,
    wire_value,
)
from appwrite_orm_django.backend.values import (
    ROW_ID,
    codec_for,
    column_key,
    storage_field,
    table_id,
)
from appwrite_orm_django.schema.keys import has_derived_ids, key_fields
from appwrite_orm_django.schema.names import unquoted

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

Action = Literal["insert", "update", "delete"]

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)
_WRITTEN = "appwrite written"
_TRIGGER = "appwrite trigger"
_RESOLUTIONS = ("ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK")
_IS_SET_BY_THE_SERVER = (
    "Appwrite cannot change the id of a row.\nInsert a new row, and delete the old one."
)


@dataclass
class Outcome:
    """
    The outcome of a statement, as a cursor shows it.

    Attributes:
        count: the number of rows that the statement inserted, matched for an update, or deleted.
        description, rows: what ``RETURNING`` returned, unconverted.
        lastrowid: the key of the last new row, if it is an integer.
    """

    count: int = 0
    description: Any = None
    rows: Sequence[tuple[Any, ...]] = ()
    lastrowid: int | None = None


def run_write(sql: str, params: Any, connection: Connection) -> Outcome | None:
    """
    Run a statement that inserts, updates or deletes rows of one table; None if it does not.

    In an open block, it reads what the block sees and becomes part of it. Outside of one, the rows
    are written as those of ``QuerySet.update()`` and the like.

    Raises:
        ProgrammingError: the statement names an unknown table or column.
        IntegrityError: a unique index is violated, or a value is missing.
        DataError: a column cannot hold a value.
        NotSupportedError: the statement changes ids, resolves conflicts (``OR REPLACE``, ``ON
            CONFLICT``), or needs more rows than ``LOCAL_EVALUATION_MAX_ROWS``.
    """
    if not _WRITES.match(sql):
        return None
    statement = _Statement.of(sql, params, connection)
    return None if statement is None else statement.run()


class _Statement:
    """A statement that writes to one table."""

    def __init__(
        self,
        connection: Connection,
        query: LocalQuery,
        db_table: str,
        action: Action,
        columns: frozenset[str],
    ) -> None:
        self.connection = connection
        self.query = query
        self.db_table = db_table
        self.action = action
        self.model: type[Model] = query.program.tables[db_table]
        self.table = connection.table_ref(table_id(db_table))
        self.fields = [
            one
            for one in self.model._meta.local_concrete_fields
            if action != "update" or unquoted(one.column) in columns  # type: ignore[arg-type]  # concrete fields have a column
        ]
        self.has_derived_ids = has_derived_ids(self.model)
        self.outcome = Outcome()
        self._has_run = False

    @classmethod
    def of(cls, sql: str, params: Any, connection: Connection) -> _Statement | None:
        params = raw.adapted(sql, params, connection)
        named = raw.named_in(sql)
        uses = raw.uses_of(sql, params, named, connection)
        if uses.others or len(uses.written) != 1:
            return None
        ((db_table, action),) = uses.written
        _refuse_conflict_clauses(sql)
        if connection.open_editors:
            refuse_other_models({name: named[name] for name in {*uses.read, db_table}}, connection)
        read = uses.read | ({db_table} if action != "insert" else set())
        fetches = tuple(
            Fetch(connection.table_ref(table_id(name)), name, Condition()) for name in sorted(read)
        )
        models = {name: named[name] for name in sorted({*read, db_table})}
        program = Program(None, models, is_collated=True, is_nested=True)
        query = LocalQuery(sql, params, fetches, program)  # type: ignore[arg-type]  # names, too
        return cls(connection, query, db_table, action, uses.columns)

    def run(self) -> Outcome:
        {"insert": self._insert, "update": self._update, "delete": self._delete}[self.action]()
        return self.outcome

    def _changes(self) -> list[tuple[Any, ...]]:
        """Run the statement over the current rows, and return what it has changed."""
        with self.connection.borrowed_local_database() as database:
            run = _WritingRun(self, database)
            changes = run.rows()
            if not self._has_run:
                # Another run is for the rows that another client has changed meanwhile.
                self.outcome.count, self._has_run = run.matched, True
            if run.description is not None:
                self.outcome.description = tuple(
                    (as_written(label, self.query.sql), *others)
                    for label, *others in run.description
                )
                self.outcome.rows = run.returned
            new = self.action == "insert"
            readers: list[Callable[[Any], Any]] = []
            if not new:
                pk = self.model._meta.pk
                readers.append(
                    str if self.has_derived_ids else _Reader(pk, database, self, as_python=True)
                )
            readers += [_Reader(one, database, self, as_python=new) for one in self.fields]
            return [
                tuple(reader(value) for reader, value in zip(readers, row, strict=False))
                for row in changes
            ]

    def _computed(self) -> Computed:
        return Computed(self.query, self._changes)

    def _encode_id(self) -> Callable[[Any], Any]:
        return str if self.has_derived_ids else codec_for(self.model._meta.pk).encode

    # Update

    def _update(self) -> None:
        if not {one.name for one in key_fields(self.model)}.isdisjoint(
            one.name for one in self.fields
        ):
            raise NotSupportedError(f"{self.table.table}: {_IS_SET_BY_THE_SERVER}")
        command = UpdateFromQuery(
            self.table,
            self._computed(),
            self._encode_id(),
            self._wires,
            unique=unique_columns(self.model),
            model=self.model,
            columns=tuple(map(column_key, self.fields)),
        )
        self.connection.write(command)

    def _wires(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            column_key(one): wire_value(
                one,
                value
                if is_prepared(one)
                else one.get_db_prep_save(value, connection=self.connection),
                self.table.table,
                self.connection,
            )
            for one, value in zip(self.fields, values, strict=True)
        }

    # Delete

    def _delete(self) -> None:
        keys = ValuesOf(self._computed(), self._encode_id())
        condition = Condition((), (Membership(ROW_ID, keys),))
        result = self.connection.write(DeleteRows(self.table, condition, model=self.model))
        self.outcome.count = result.count

    # Insert

    def _insert(self) -> None:
        query: Any = InsertQuery(self.model)
        objects = [self._object(values) for values in self._changes()]
        if self.outcome.description is not None:
            raise NotSupportedError(
                f"{self.table.table}: RETURNING of an INSERT cannot know the ids and defaults of the "
                "new rows.\nUse create() or bulk_create(), or cursor.lastrowid."
            )
        if not objects:
            return
        query.insert_values(self.fields, objects, raw=True)
        compiler = query.get_compiler(using=self.connection.alias)
        key = None
        if len(key_fields(self.model)) == 1:
            rows = compiler.execute_sql([self.model._meta.pk])
            key = rows[-1][0] if rows else None
        else:
            compiler.execute_sql()
        self.outcome.lastrowid = key if isinstance(key, int) else None

    def _object(self, values: Sequence[Any]) -> SimpleNamespace:
        given = {}
        for one, value in zip(self.fields, values, strict=True):
            given[one.attname] = self._left_out(one) if value == LEFT_OUT else value
        return SimpleNamespace(**given)

    def _left_out(self, one: Field[Any, Any]) -> Any:
        if one.has_db_default():
            default: Any = one.db_default
            is_expression = hasattr(default, "resolve_expression")
            return DatabaseDefault(default if is_expression else Value(default, one), one)
        if one.primary_key and one.default is row_ids.new_row_id:
            return row_ids.new_row_id()
        return None


class _Reader:
    """
    Convert a field's values in SQLite to those that the statement writes.

    Args:
        as_python: whether to convert them to those of a model's attribute, else to prepared ones.
    """

    def __init__(
        self,
        one: Field[Any, Any],
        database: LocalDatabase,
        statement: _Statement,
        *,
        as_python: bool,
    ) -> None:
        self._field = one
        self._place = f"{statement.table.table}.{one.column}"
        self._connection = statement.connection
        self._kind = storage_field(one).get_internal_type()
        column: Any = Col(statement.db_table, one)
        prepared: Any = PreparedValue(column, one) if is_prepared(one) else column
        self._final = self._converters(column if as_python else prepared, database)
        # What such a field reads need not be what it writes.
        self._checks = as_python and is_prepared(one) and hasattr(one, "from_db_value")
        self._prepared = self._converters(prepared, database)

    def __call__(self, value: Any) -> Any:
        if value is None or value == LEFT_OUT:
            return value
        try:
            self._check(value)
            final = self._converted(value, self._final)
            if self._checks and self._kind != "JSONField":
                self._check_round_trip(value, final)
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            raise DataError(f"{self._place}: {value!r}: {error}.") from error
        if final is None:
            raise DataError(f"{self._place}: {value!r} is no value of this field.")
        return final

    @staticmethod
    def _converters(expression: Any, database: LocalDatabase) -> list[tuple[Any, Any]]:
        of_backend = database.ops.get_db_converters(expression)
        return [
            (convert, expression)
            for convert in (*of_backend, *expression.get_db_converters(database))
        ]

    def _converted(self, value: Any, converters: Sequence[tuple[Any, Any]]) -> Any:
        for convert, expression in converters:
            value = convert(value, expression, self._connection)
        return value

    def _check(self, value: Any) -> None:
        """Reject what a column of SQLite holds nevertheless, and Python would take as another value."""
        if self._kind == "BooleanField" and value not in (0, 1):
            raise ValueError("neither true nor false")
        if "Integer" in self._kind and isinstance(value, float) and not value.is_integer():
            raise ValueError("not a whole number; use ROUND()")
        if self._kind == "JSONField":
            json.loads(value)
        if isinstance(value, bytes) and self._kind != "BinaryField":
            raise ValueError("bytes in a column of another type")

    def _check_round_trip(self, value: Any, final: Any) -> None:
        written = self._field.get_db_prep_save(final, connection=self._connection)
        if written != self._converted(value, self._prepared):
            raise NotSupportedError(
                f"{self._place}: {type(self._field).__name__} does not write the values that it "
                "reads, so SQL cannot insert them.\nUse create() or bulk_create()."
            )


class _WritingRun(Run):
    """
    The evaluation of a statement that writes.

    Its rows are those that the statement has changed: the key, or the row id if that is derived
    from columns, and for an update the new values.

    Attributes:
        matched: the number of rows that it inserted, matched or deleted.
        returned: the rows of its ``RETURNING``.
    """

    def __init__(self, statement: _Statement, database: LocalDatabase) -> None:
        super().__init__(statement.query, statement.connection, database)
        self._statement = statement
        self._target = statement.db_table
        if statement.action == "insert":
            self.tables = {
                **self.tables,
                self._target: self.tables[self._target].noting_what_is_left_out,
            }
        self.matched = 0
        self.returned: list[tuple[Any, ...]] = []

    def _columns_read(self, raw: sqlite3.Connection) -> Mapping[str, Iterable[str]]:
        read = super()._columns_read(raw)
        if self._statement.action == "insert" and not read[self._target]:
            return read
        every = [column.name for column in self.tables[self._target].columns]
        return {**read, self._target: every}

    def _select(self) -> list[tuple[Any, ...]]:
        raw, rowid = self.database.connection, self._rowid()
        table, written = quoted(self.tables[self._target].name), quoted(_WRITTEN)
        action = self._statement.action
        columns = [quoted(unquoted(one.column)) for one in self._statement.fields]  # type: ignore[arg-type]  # concrete fields have a column
        derived = self._statement.has_derived_ids
        pk = "" if derived else quoted(unquoted(self._statement.model._meta.pk.column))
        noted = columns if action == "update" else [pk] if action == "delete" and pk else []
        names = ["number", *(f"c{position}" for position in range(len(noted)))]
        side = "NEW" if action == "insert" else "OLD"
        values = [f"{side}.{name}" for name in (rowid, *noted)]
        raw.execute(f"CREATE TABLE {written} ({', '.join(names)})")
        raw.execute(
            f"CREATE TRIGGER {quoted(_TRIGGER)} AFTER {action} ON {table} BEGIN "
            f"INSERT INTO {written} VALUES ({', '.join(values)}); END"
        )
        self.returned = super()._select()
        if action == "delete":
            key = "c0" if pk else "number"
            found: list[Any] = raw.execute(f"SELECT {key} FROM {written} ORDER BY rowid").fetchall()
        else:
            key = f"t.{pk}" if pk else "w.number"
            new = [*([] if action == "insert" else [key]), *(f"t.{name}" for name in columns)]
            old = [f"w.{name}" for name in names[1:]]
            # Python's sqlite3 would convert columns by their type, and take any text for a boolean.
            shown = ", ".join(f"IFNULL({name}, NULL)" for name in (*new, *old))
            found = raw.execute(
                f"SELECT {shown} FROM {written} w JOIN {table} t ON t.{rowid} = w.number ORDER BY w.rowid"
            ).fetchall()
        if derived and action != "insert":
            ids = self._loaders[self._target].loaded_ids
            found = [(ids[number - 1], *others) for number, *others in found]
        self.matched = len(found)
        if action != "update":
            return found
        width = len(columns)
        return [row[: width + 1] for row in found if _differ(row[1 : width + 1], row[width + 1 :])]

    def _rowid(self) -> str:
        """Return a name of SQLite's number of a row that is not the name of a column."""
        columns = {column.name.lower() for column in self.tables[self._target].columns}
        return next(name for name in ("rowid", "oid", "_rowid_") if name not in columns)


def _differ(one: Sequence[Any], two: Sequence[Any]) -> bool:
    return any(
        type(left) is not type(right) or left != right for left, right in zip(one, two, strict=True)
    )


def _refuse_conflict_clauses(sql: str) -> None:
    words = words_of(sql)
    if words[0] == "REPLACE":
        words = ["OR", *words]
    pairs = set(itertools.pairwise(words))
    for pair in [("ON", "CONFLICT"), *(("OR", word) for word in _RESOLUTIONS)]:
        if pair in pairs:
            raise NotSupportedError(
                f"{' '.join(pair)}: the rows with which a new row would conflict are not known "
                "where SQL is evaluated.\n"
                "Use bulk_create() with update_conflicts or ignore_conflicts."
            )
