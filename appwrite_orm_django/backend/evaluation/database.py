"""
Provide the private SQLite database for local evaluation.

It differs from Django's SQLite backend: text columns have a collation with the server's rules, LIKE
is case-sensitive, and the ``i`` lookups ignore the same differences as the server.
"""

from __future__ import annotations

import datetime
import decimal
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import DataError, OperationalError
from django.db.backends.sqlite3 import base, features, operations
from django.db.models import Field, Model
from django.db.models.expressions import Col
from django.utils import timezone

from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.evaluation import decimals, names, numbers, texts
from appwrite_orm_django.backend.evaluation.statements import Noted
from appwrite_orm_django.backend.evaluation.tables import (
    NUMBERED,
    LocalColumn,
    LocalTable,
    quoted,
    refuse_names_that_sqlite_confuses,
)
from appwrite_orm_django.backend.evaluation.texts import json_contains
from appwrite_orm_django.backend.values import (
    ScaledDecimalCodec,
    codec_for,
    column_key,
    cut_to_milliseconds,
    page_storer,
)
from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.engines import Engine
from appwrite_orm_django.schema.custom_fields import has_column
from appwrite_orm_django.schema.names import unquoted

_MOST_STATEMENTS = 500


class _JoinedCol(Col):
    """A column in the condition of a join, which Django formats with "%" once more than others."""

    def as_sql(self, *context: Any) -> tuple[str, Any]:
        sql, params = super().as_sql(*context)
        return sql.replace("%", "%%"), params


class LocalOperations(operations.DatabaseOperations):
    compiler_module = "appwrite_orm_django.backend.evaluation.compiler"

    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        if lookup_type in ("icontains", "istartswith", "iendswith"):
            return "APPWRITE_LIKE(%s)"
        if lookup_type == "iexact":
            return "APPWRITE_FOLD(%s)"
        return super().lookup_cast(lookup_type, internal_type)

    def quote_name(self, name: str) -> str:
        # Parameters are inserted into the statement with "%".
        return quoted(name).replace("%", "%%")

    def prepare_join_on_clause(self, *sides: Any) -> tuple[Col, Col]:
        left, right = super().prepare_join_on_clause(*sides)
        return _JoinedCol(left.alias, left.target), _JoinedCol(right.alias, right.target)

    def adapt_datetimefield_value(self, value: Any) -> Any:
        try:
            return super().adapt_datetimefield_value(cut_to_milliseconds(value))
        except OverflowError:
            # The first or last hours of a zone's years cannot be expressed in UTC. No row holds
            # them, either.
            end = datetime.datetime.max if value.year > 5000 else datetime.datetime.min
            return super().adapt_datetimefield_value(end)

    def convert_datetimefield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # Most are UTC, where no time is missing or ambiguous.
        if isinstance(value, datetime.datetime) and value.tzinfo is None and settings.USE_TZ:
            zone = self.connection.timezone
            return (
                value.replace(tzinfo=zone)
                if zone is datetime.timezone.utc
                else timezone.make_aware(value, zone)
            )
        return super().convert_datetimefield_value(value, expression, connection)

    def get_decimalfield_converter(self, expression: Any) -> Any:
        convert = super().get_decimalfield_converter(expression)

        def from_text_too(value: Any, *context: Any) -> Any:
            return decimal.Decimal(value) if isinstance(value, str) else convert(value, *context)

        return from_text_too

    def prep_for_iexact_query(self, x: Any) -> Any:
        return x

    def prep_for_like_query(self, x: Any) -> str:
        if "\0" in str(x):
            # For SQLite, the pattern would end there. No row of ours has the character.
            raise EmptyResultSet
        return super().prep_for_like_query(x)


class LocalFeatures(features.DatabaseFeatures):
    supports_json_field_contains = True


class LocalCursor(base.SQLiteCursorWrapper):
    """A cursor that never treats names in quotes as text."""

    def execute(self, query: str, params: Any = None) -> Any:
        return super().execute(names.strict(query), params)


class LocalDatabase(base.DatabaseWrapper):
    """An in-memory SQLite connection that belongs to a single Appwrite connection."""

    ops_class = LocalOperations
    features_class = LocalFeatures
    operators = {
        **base.DatabaseWrapper.operators,
        "iexact": "= APPWRITE_FOLD(%s)",
        "icontains": r"LIKE APPWRITE_LIKE(%s) ESCAPE '\'",
        "istartswith": r"LIKE APPWRITE_LIKE(%s) ESCAPE '\'",
        "iendswith": r"LIKE APPWRITE_LIKE(%s) ESCAPE '\'",
    }
    pattern_ops = {
        "contains": r"LIKE '%%' || {} || '%%' ESCAPE '\'",
        "icontains": r"LIKE '%%' || APPWRITE_LIKE({}) || '%%' ESCAPE '\'",
        "startswith": r"LIKE {} || '%%' ESCAPE '\'",
        "istartswith": r"LIKE APPWRITE_LIKE({}) || '%%' ESCAPE '\'",
        "endswith": r"LIKE '%%' || {} ESCAPE '\'",
        "iendswith": r"LIKE '%%' || APPWRITE_LIKE({}) ESCAPE '\'",
    }

    # Django keeps these two, and resets them for the connections of ``DATABASES`` only when a test
    # changes ``USE_TZ`` or ``TIME_ZONE``.
    timezone = property(base.DatabaseWrapper.timezone.real_func)  # type: ignore[assignment]  # Django's, uncached
    timezone_name = property(base.DatabaseWrapper.timezone_name.real_func)  # type: ignore[assignment]

    def __init__(self, alias: str, engine: Engine, time_zone: str | None) -> None:
        settings: dict[str, Any] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {},
            "TIME_ZONE": time_zone,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": False,
            "ATOMIC_REQUESTS": False,
            "AUTOCOMMIT": True,
            "USER": "",
            "PASSWORD": "",
            "HOST": "",
            "PORT": "",
            "TEST": {},
        }
        super().__init__(settings, alias)
        self.engine = engine
        self.noted = Noted()
        self._refused: str | None = None
        self.described: weakref.WeakKeyDictionary[
            type[Model], tuple[tuple[Field[Any, Any], ...], LocalTable]
        ] = weakref.WeakKeyDictionary()
        # By lower-case name, as SQLite compares names without case.
        self._tables: dict[str, LocalTable] = {}
        # Keyed by statement and tables.
        self.columns_read: dict[tuple[Any, ...], dict[str, set[str]]] = {}
        # The texts of one evaluation, which may take megabytes.
        self._caches: list[Any] = []
        self.inc_thread_sharing()

    @contextmanager
    def noting(self) -> Iterator[Noted]:
        """Yield a record of everything that is compiled inside."""
        before, self.noted = self.noted, Noted()
        try:
            yield self.noted
        finally:
            self.noted = before

    @contextmanager
    def with_tables(
        self, tables: Iterable[LocalTable], *, alone: bool = False
    ) -> Iterator[sqlite3.Connection]:
        """
        Lend the raw connection with these tables. All changes made inside are rolled back.

        The empty tables remain for the next query that needs them.

        Args:
            tables: the tables.
            alone: whether to drop what remains of other queries. A statement whose tables are not
                known yet would read it as empty tables.
        """
        self.ensure_connection()
        raw: sqlite3.Connection = self.connection
        tables = list(tables)
        if alone:
            self._drop_others(raw, tables)
        self._make(raw, tables)
        raw.execute("BEGIN")
        try:
            yield raw
        finally:
            raw.execute("ROLLBACK")
            for cache in self._caches:
                cache.cache_clear()

    def _noting_refusals(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Keep what a function says when it fails, as SQLite only reports that it failed."""
        weak = weakref.ref(self)

        def call(*values: Any) -> Any:
            try:
                return function(*values)
            except DataError as error:
                if (database := weak()) is not None:
                    # The error itself would hold the locals of all callers, with its traceback.
                    database._refused = str(error)
                raise

        return call

    @contextmanager
    def saying_what_is_refused(self, place: str) -> Iterator[None]:
        """
        Add the place and the reason to errors of computation.

        Raises:
            DataError: a number has more digits than SQLite supports.
        """
        self._refused = None
        try:
            with self.wrap_database_errors:
                yield
        except OperationalError as error:
            reason = numbers.OVERFLOW if str(error) == "integer overflow" else self._refused
            if reason is None:
                raise
            raise DataError(f"{place}: {reason}") from error

    def create_cursor(self, name: str | None = None) -> LocalCursor:
        cursor: LocalCursor = self.connection.cursor(factory=LocalCursor)
        return cursor

    @contextmanager
    def cursor_over(self, tables: Iterable[LocalTable]) -> Iterator[LocalCursor]:
        """Lend a cursor for a statement over these existing tables, with Django's errors."""
        with (
            names.unknown_names_told(tables),
            self.wrap_database_errors,
            closing(self.create_cursor()) as cursor,
        ):
            yield cursor

    def note_columns_read(self, key: tuple[Any, ...], columns: dict[str, set[str]]) -> None:
        """Remember the columns that a statement reads; finding them costs as much as a query."""
        if len(self.columns_read) >= _MOST_STATEMENTS:
            self.columns_read.clear()
        self.columns_read[key] = columns

    def table_of(self, model: type[Model]) -> LocalTable:
        """
        Return the table of a model, without its parents' fields.

        The object is the same as long as the fields are.

        Raises:
            NotSupportedError: SQLite cannot distinguish the names of two columns. The check
                ``appwrite.E006`` reports this as well.
        """
        fields = tuple(
            field
            for field in model._meta.local_concrete_fields
            if field.column and has_column(field)
        )
        known = self.described.get(model)
        if known is None or known[0] != fields:
            refuse_names_that_sqlite_confuses(model, fields)
            columns = tuple(self._column(field) for field in fields)
            described = (
                f"{column.name} {column.key} {column.declaration} {definition_of(field)}"
                for field, column in zip(fields, columns, strict=True)
            )
            table = LocalTable(unquoted(model._meta.db_table), columns, digest(*described))
            known = self.described[model] = (fields, table)
        return known[1]

    def _column(self, field: Field[Any, Any]) -> LocalColumn:
        codec = codec_for(field)
        declaration = str(field.db_type(self) or "")
        if field.primary_key:
            declaration = str(field.rel_db_type(self) or declaration)
        is_rowid = field.primary_key and declaration == "integer"
        if is_rowid:
            declaration += NUMBERED
        collation = texts.COLLATION if codec.is_text and self.engine.has_collation else None
        if isinstance(codec, ScaledDecimalCodec):
            collation = None
            if codec.max_digits > decimals.EXACT_DIGITS:
                # Stored as text: SQLite would round the number.
                declaration, collation = "text", decimals.COLLATION
        return LocalColumn(
            unquoted(field.column),  # type: ignore[arg-type]  # the stubs allow None, which no concrete field has
            column_key(field),
            declaration,
            collation,
            page_storer(codec),
            is_key=field.primary_key or field.is_relation,
            is_rowid=is_rowid,
            is_row_id=texts.holds_row_ids(field),
        )

    def _drop_others(self, raw: sqlite3.Connection, tables: list[LocalTable]) -> None:
        kept = {table.name.lower() for table in tables}
        for name in [name for name in self._tables if name not in kept]:
            raw.execute(self._tables.pop(name).drop_sql())

    def _make(self, raw: sqlite3.Connection, tables: list[LocalTable]) -> None:
        missing = [table for table in tables if self._tables.get(table.name.lower()) is not table]
        for table in missing:
            if (other := self._tables.pop(table.name.lower(), None)) is not None:
                raw.execute(other.drop_sql())
        for table in missing:
            raw.execute(table.create_sql())
            self._tables[table.name.lower()] = table

    def get_new_connection(self, conn_params: Any) -> Any:
        self._tables.clear()
        connection = super().get_new_connection(conn_params)
        # It lives as long as the Appwrite connection, which ending threads drop without closing it.
        # Python 3.13 would warn.
        weakref.finalize(self, connection.close)
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        engine = self.engine
        order = _cached(engine.order_key)
        self._caches = [order]
        for name, key in (
            ("APPWRITE_KEY", engine.order_key),
            ("APPWRITE_FOLD", engine.iexact_key),
            ("APPWRITE_LIKE", engine.pattern_key),
        ):
            function = order if key is engine.order_key else _cached(key)
            self._caches.append(function)
            connection.create_function(name, 1, function, deterministic=True)
        connection.create_function("APPWRITE_ROUND", 2, _rounded, deterministic=True)
        connection.create_function(
            "APPWRITE_INTEGER", 2, self._noting_refusals(numbers.checked), deterministic=True
        )
        connection.create_function(
            "APPWRITE_SHORT", 1, self._noting_refusals(decimals.short), deterministic=True
        )
        decimals.register(connection)
        connection.create_function("JSON_CONTAINS", 2, json_contains, deterministic=True)
        if engine.has_collation:
            connection.create_collation(texts.COLLATION, _comparison(order))
        return connection


def _cached(key: Callable[[str], str | bytes]) -> Any:
    # SQLite calls the C code of the cache, not Python: most columns have few different texts.
    @lru_cache(maxsize=100_000, typed=True)
    def apply(value: Any) -> str | bytes | None:
        return None if value is None else key(str(value))

    return apply


def _comparison(key: Callable[[str], Any]) -> Callable[[str, str], int]:
    def compare(one: str, two: str) -> int:
        left, right = key(one), key(two)
        return int(left > right) - int(left < right)

    return compare


def _rounded(value: Any, places: int | None) -> Any:
    """Round half away from zero, as SQLite does."""
    if value is None or places is None:
        return None
    number = decimals.rounded(decimals.read(str(value)), places)
    return int(number) if isinstance(value, int) else float(number)
