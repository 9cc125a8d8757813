"""
The private SQLite database in which local evaluation runs, and how it differs from Django's.

Text follows the server (columns carry a collation with the server's rule), LIKE respects case, and the ``i`` lookups
ignore what the server ignores.
"""

from __future__ import annotations

import decimal
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.sqlite3 import base, features, operations
from django.db.models import DecimalField
from django.db.models.expressions import OrderBy
from django.db.models.fields.json import ContainedBy, DataContains
from django.db.models.functions import Round
from django.db.models.sql import Query
from django.db.models.sql import compiler as django_compiler

from appwrite_orm_django import collation
from appwrite_orm_django.backend.local_evaluation import decimals, fragments
from appwrite_orm_django.backend.local_evaluation.json_documents import containment_sql, json_contains
from appwrite_orm_django.backend.values import cut_to_milliseconds

TEXT_COLLATION = "APPWRITE_TEXT"


class LocalOperations(operations.DatabaseOperations):
    compiler_module = "appwrite_orm_django.backend.local_evaluation.sqlite"

    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        if lookup_type in ("icontains", "istartswith", "iendswith"):
            return "APPWRITE_LIKE(%s)"
        if lookup_type == "iexact":
            return "APPWRITE_FOLD(%s)"
        return super().lookup_cast(lookup_type, internal_type)

    def adapt_datetimefield_value(self, value: Any) -> Any:
        return super().adapt_datetimefield_value(cut_to_milliseconds(value))

    def get_decimalfield_converter(self, expression: Any) -> Any:
        convert = super().get_decimalfield_converter(expression)

        def from_text_too(value: Any, *context: Any) -> Any:
            return decimal.Decimal(value) if isinstance(value, str) else convert(value, *context)

        return from_text_too

    def prep_for_iexact_query(self, x: Any) -> Any:
        return x


class LocalFeatures(features.DatabaseFeatures):
    supports_json_field_contains = True


class Level(NamedTuple):
    """One query, the outermost or a nested one, as it was compiled: the aliases and further tables that its FROM clause names."""

    query: Query
    aliases: tuple[str, ...]
    extra_tables: tuple[str, ...]


@dataclass
class Noted:
    """What is compiled: the queries, fragments of SQL that read tables by themselves, and how many reads there are in the SQL so far."""

    levels: list[Level] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    reads: int = 0


def _with_nulls_high(order: OrderBy) -> OrderBy:
    """Say where nulls go, unless the query does. SQLite has them first in ascending order, as MariaDB has, and PostgreSQL has not."""
    if order.nulls_first is None and order.nulls_last is None:
        order = order.copy()
        order.nulls_first, order.nulls_last = (True, None) if order.descending else (None, True)
    return order


class SQLCompiler(django_compiler.SQLCompiler):
    """
    Notes what it compiles, on the connection.

    Which tables a query needs is known only here and now: Django adds joins for ordering and related objects while it compiles, and
    forgets them afterwards; and queries may be nested in expressions of any kind.
    """

    connection: LocalDatabase

    def compile(self, node: Any) -> tuple[str, Any]:
        """Note what of the SQL reads tables, and does not come from a query that is compiled here."""
        noted = self.connection.noted
        before = noted.reads
        try:
            sql, params = self._compile(node)
        except Exception:
            noted.reads = before
            raise
        if (found := fragments.reads_in(sql)) > noted.reads - before:
            noted.fragments.append(sql)
            noted.reads = before + found
        return sql, params

    def _compile(self, node: Any) -> tuple[str, Any]:
        """Prefer what an expression has for this backend to what it has for SQLite; either way it is SQLite that runs it."""
        own = getattr(node, "as_appwrite", None)
        if own is not None:
            result: tuple[str, Any] = own(self, self.connection)
            return result
        if type(node) in (DataContains, ContainedBy):
            return containment_sql(node, self)
        if (exact := decimals.compiled(node, self)) is not None:
            return exact
        if type(node) is Round:
            # SQLite's own rounds to no more than units; django.db.models.functions.Round refuses the rest.
            sql, params = node.as_sql(self, self.connection, function="APPWRITE_ROUND")
            # As SQLiteNumericMixin does: numbers never equal the text that a decimal in a filter is.
            return (f"CAST({sql} AS NUMERIC)" if isinstance(node.output_field, DecimalField) else sql), params
        if type(node) is OrderBy and self.connection.nulls_are_high:
            node = _with_nulls_high(node)
        return super().compile(node)

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> tuple[str, tuple[Any, ...]]:
        noted = self.connection.noted
        levels, reads = len(noted.levels), noted.reads
        try:
            sql, params = super().as_sql(with_limits, with_col_aliases)
        except EmptyResultSet:
            # Not part of the statement, then.
            del noted.levels[levels:]
            noted.reads = reads
            raise
        noted.reads = reads + fragments.reads_in(sql)
        return sql, params

    def get_from_clause(self) -> tuple[list[str], list[Any]]:
        result: tuple[list[str], list[Any]] = super().get_from_clause()
        query = self.query
        aliases = tuple(alias for alias in query.alias_map if query.alias_refcount[alias])
        self.connection.noted.levels.append(Level(query, aliases, tuple(query.extra_tables)))
        return result


class SQLAggregateCompiler(django_compiler.SQLAggregateCompiler, SQLCompiler):
    """Compiles the inner query for this connection, which has no alias of its own among Django's."""

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]  # django-stubs know another signature
        parts, params = [], []
        for annotation in self.query.annotation_select.values():
            sql, annotation_params = self.compile(annotation)
            sql, annotation_params = annotation.select_format(self, sql, annotation_params)
            parts.append(sql)
            params.extend(annotation_params)
        self.col_count = len(self.query.annotation_select)
        inner = self.query.inner_query.get_compiler(connection=self.connection, elide_empty=self.elide_empty)
        inner_sql, inner_params = inner.as_sql(with_col_aliases=True)
        return f"SELECT {', '.join(parts)} FROM ({inner_sql}) subquery", (*params, *inner_params)


class LocalDatabase(base.DatabaseWrapper):
    """An in-memory SQLite connection that belongs to one connection of ours and is never shared."""

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

    def __init__(self, alias: str, text: str, time_zone: str | None) -> None:
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
        self.text = text
        # PostgreSQL takes a null for more than any value.
        self.nulls_are_high = text == "postgresql"
        self.noted = Noted()
        self.inc_thread_sharing()

    @contextmanager
    def noting(self) -> Iterator[Noted]:
        """Yield what holds, at the end of the block, what was compiled in it."""
        before, self.noted = self.noted, Noted()
        try:
            yield self.noted
        finally:
            self.noted = before

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        # It lives as long as the connection to Appwrite that lends it, which threads that end just drop; Python 3.13 warns of that.
        weakref.finalize(self, connection.close)
        connection.execute("PRAGMA case_sensitive_like = ON")
        fold, fold_like = text_folds(self.text)
        connection.create_function("APPWRITE_FOLD", 1, _on_text(fold), deterministic=True)
        connection.create_function("APPWRITE_LIKE", 1, _on_text(fold_like), deterministic=True)
        connection.create_function("APPWRITE_ROUND", 2, _rounded, deterministic=True)
        decimals.register(connection)
        connection.create_function("JSON_CONTAINS", 2, json_contains, deterministic=True)
        connection.create_collation(TEXT_COLLATION, _comparison(fold) if self.text == "mariadb" else _binary)
        return connection


def text_folds(text: str) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """Return what makes texts equal on the server: for comparisons, and for its LIKE, to which trailing blanks count."""
    if text == "mariadb":
        return collation.fold, collation.like_fold
    return str.lower, str.lower


def _on_text(fold: Callable[[str], str]) -> Callable[[Any], Any]:
    cached = lru_cache(maxsize=50_000)(fold)

    def apply(value: Any) -> Any:
        return value if value is None else cached(str(value))

    return apply


def _comparison(fold: Callable[[str], str]) -> Callable[[str, str], int]:
    cached = lru_cache(maxsize=100_000)(fold)

    def compare(one: str, two: str) -> int:
        left, right = cached(one), cached(two)
        return (left > right) - (left < right)

    return compare


def _binary(one: str, two: str) -> int:
    return (one > two) - (one < two)


def _rounded(value: Any, places: int | None) -> Any:
    """Round half away from zero, as SQLite does."""
    if value is None or places is None:
        return None
    with decimal.localcontext() as context:
        context.prec = 400
        number = decimals.read(str(value)).quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
    return int(number) if isinstance(value, int) else float(number)
