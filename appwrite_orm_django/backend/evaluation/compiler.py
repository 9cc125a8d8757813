"""Adapt Django's SQLite compiler for local evaluation."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import DecimalField
from django.db.models.expressions import OrderBy
from django.db.models.fields.json import ContainedBy, DataContains
from django.db.models.functions import Round
from django.db.models.sql import compiler as django_compiler

from appwrite_orm_django.backend.evaluation import decimals, numbers, texts
from appwrite_orm_django.backend.evaluation.database import LocalDatabase
from appwrite_orm_django.backend.evaluation.statements import Level, reads_in
from appwrite_orm_django.backend.evaluation.texts import containment_sql, refuse_lone_surrogates


def _with_nulls_high(order: OrderBy) -> OrderBy:
    """
    Set the position of nulls as PostgreSQL does, unless the query sets it.

    SQLite and MariaDB put nulls first in ascending order, PostgreSQL puts them last.
    """
    if order.nulls_first is None and order.nulls_last is None:
        order = order.copy()
        order.nulls_first, order.nulls_last = (True, None) if order.descending else (None, True)
    return order


class SQLCompiler(django_compiler.SQLCompiler):
    """
    Record the compiled parts of a query on the connection.

    The tables of a query are known only during compilation: Django adds joins for ordering and
    related objects, and drops them afterwards. Queries may also be nested in expressions of any
    kind.
    """

    connection: LocalDatabase
    # Whether the next expression, but not its parts, is one that rows are grouped by.
    _groups = False
    # Whether the compiled part is outside the query that has the tables.
    _is_outside = False

    def compile(self, node: Any) -> tuple[str, Any]:
        """Compile a node, and record SQL that reads tables outside a compiled query."""
        groups, self._groups = self._groups, False
        noted = self.connection.noted
        noted.unknown = noted.unknown or texts.is_unknown(node)
        before = noted.reads
        try:
            sql, params = self._compile(self._key_of(node) if groups else node)
        except Exception:
            noted.reads = before
            raise
        finally:
            self._groups = groups
        if (found := reads_in(sql)) > noted.reads - before:
            noted.fragments.append(sql)
            noted.reads = before + found
        return sql, params

    def _compile(self, node: Any) -> tuple[str, Any]:
        """Compile a node for SQLite, by its ``as_appwrite()`` method if it has one."""
        own = getattr(node, "as_appwrite", None)
        if own is not None:
            result: tuple[str, Any] = own(self, self.connection)
            return result
        node = numbers.with_constants_of_64_bits(numbers.with_held_constants(node))
        refuse_lone_surrogates(node)
        if (whole := numbers.compiled(node, self)) is not None:
            return whole
        if type(node) in (DataContains, ContainedBy):
            return containment_sql(node, self)
        if (exact := decimals.compiled(node, self)) is not None:
            return exact
        if type(node) is Round:
            # SQLite's own function does not round to tens or hundreds, so
            # django.db.models.functions.Round rejects these.
            sql, params = node.as_sql(self, self.connection, function="APPWRITE_ROUND")
            # As in SQLiteNumericMixin: a number never equals the text of a decimal in a filter.
            return (
                f"CAST({sql} AS NUMERIC)" if isinstance(node.output_field, DecimalField) else sql
            ), params
        engine = self.connection.engine
        if not engine.knows_order:
            texts.refuse_unknown_order(node)
        if type(node) is OrderBy:
            if not engine.nulls_are_low:
                node = _with_nulls_high(node)
            if engine.has_collation:
                node = texts.ordered_by_key(
                    node, self.query, folds=engine.folds_text, outside=self._is_outside
                )
        elif engine.has_collation:
            node = texts.with_collation(node)
        return super().compile(node)

    def get_group_by(self, select: list[Any], order_by: list[Any]) -> list[tuple[str, Any]]:
        self._groups = True
        try:
            found = super().get_group_by(select, order_by)
            # Django writes only the position of expressions that are also selected.
            return [
                self.compile(select[int(sql) - 1][0]) if sql.isdigit() else (sql, params)
                for sql, params in found
            ]
        finally:
            self._groups = False

    def get_qualify_sql(self) -> tuple[list[str], list[Any]]:
        self._is_outside = True
        result: tuple[list[str], list[Any]] = super().get_qualify_sql()
        return result

    def _key_of(self, node: Any) -> Any:
        engine = self.connection.engine
        if not engine.has_collation or not texts.is_text(node):
            return node
        return texts.key_of(node, folds=engine.folds_text)

    def as_sql(
        self, with_limits: bool = True, with_col_aliases: bool = False
    ) -> tuple[str, tuple[Any, ...]]:
        noted = self.connection.noted
        # The columns of the first query decide how values compare in all of them.
        noted.unknown = noted.unknown or bool(self.query.combinator)
        levels, reads = len(noted.levels), noted.reads
        try:
            sql, params = super().as_sql(with_limits, with_col_aliases)
        except EmptyResultSet:
            # It is not part of the statement.
            del noted.levels[levels:]
            noted.reads = reads
            raise
        noted.reads = reads + reads_in(sql)
        return sql, params

    def get_from_clause(self) -> tuple[list[str], list[Any]]:
        result: tuple[list[str], list[Any]] = super().get_from_clause()
        query = self.query
        aliases = tuple(alias for alias in query.alias_map if query.alias_refcount[alias])
        self.connection.noted.levels.append(Level(query, aliases, tuple(query.extra_tables)))
        return result


class SQLAggregateCompiler(django_compiler.SQLAggregateCompiler, SQLCompiler):
    """Compile the inner query for this connection, which has no alias in ``connections``."""

    def as_sql(
        self, with_limits: bool = True, with_col_aliases: bool = False
    ) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]  # django-stubs know another signature
        parts, params = [], []
        for annotation in self.query.annotation_select.values():
            sql, annotation_params = self.compile(annotation)
            sql, annotation_params = annotation.select_format(self, sql, annotation_params)
            parts.append(sql)
            params.extend(annotation_params)
        self.col_count = len(self.query.annotation_select)
        inner = self.query.inner_query.get_compiler(
            connection=self.connection, elide_empty=self.elide_empty
        )
        inner_sql, inner_params = inner.as_sql(with_col_aliases=True)
        return f"SELECT {', '.join(parts)} FROM ({inner_sql}) subquery", (*params, *inner_params)
