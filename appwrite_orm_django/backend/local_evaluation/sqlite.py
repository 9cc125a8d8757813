"""
The private SQLite database in which local evaluation runs, and how it differs from Django's.

Text follows the server (columns carry a collation with the server's rule), LIKE respects case, and the ``i`` lookups
ignore what the server ignores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base, operations
from django.db.models.expressions import OrderBy
from django.db.models.sql import compiler as django_compiler

from appwrite_orm_django import collation
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

    def prep_for_iexact_query(self, x: Any) -> Any:
        return x


class NullsAsOnServer(django_compiler.SQLCompiler):
    """Orders nulls as the server does, where the query does not say how. SQLite has them first in ascending order, as MariaDB has."""

    def compile(self, node: Any) -> Any:
        if type(node) is OrderBy and node.nulls_first is node.nulls_last is None and self.connection.nulls_are_high:
            node = node.copy()
            node.nulls_first, node.nulls_last = (True, None) if node.descending else (None, True)
        return super().compile(node)


class SQLCompiler(NullsAsOnServer):
    pass


class SQLAggregateCompiler(NullsAsOnServer, django_compiler.SQLAggregateCompiler):
    """Compiles the inner query for this connection, which has no alias of its own among Django's."""

    def as_sql(self) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]  # django-stubs know another signature
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
        self.inc_thread_sharing()

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA case_sensitive_like = ON")
        fold, fold_like = text_folds(self.text)
        connection.create_function("APPWRITE_FOLD", 1, _on_text(fold), deterministic=True)
        connection.create_function("APPWRITE_LIKE", 1, _on_text(fold_like), deterministic=True)
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
