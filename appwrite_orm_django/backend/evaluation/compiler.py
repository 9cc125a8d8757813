"""Django's SQLite compiler for local evaluation."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import DecimalField
from django.db.models.expressions import OrderBy
from django.db.models.fields.json import ContainedBy, DataContains
from django.db.models.functions import Round
from django.db.models.sql import Query
from django.db.models.sql import compiler as django_compiler

from appwrite_orm_django.backend.evaluation import decimals, numbers, texts
from appwrite_orm_django.backend.evaluation.texts import containment_sql, refuse_lone_surrogates
from appwrite_orm_django.schema.names import unquoted

if TYPE_CHECKING:
    from appwrite_orm_django.backend.evaluation.database import LocalDatabase


# SQLite's, and those that Django's backend gives it (RAND is ``Random()`` and ``order_by("?")``).
_CHANCE = re.compile(r"\b(rand|random|randomblob|uuidv4|uuidv7)\s*\(", re.IGNORECASE)
_CLOCK = re.compile(r"\bcurrent_(time|date|timestamp)\b", re.IGNORECASE)
# These take the present moment where they are told "now", and where they are told nothing.
_CALENDAR = re.compile(r"\b(date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\(\s*(\))?", re.IGNORECASE)
_NOW = re.compile(r"'now'", re.IGNORECASE)
_PLAIN = (
    str,
    int,
    float,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type(None),
)


def is_volatile(sql: str, params: Iterable[Any]) -> bool:
    """Say whether the answer may change by itself, or depends on a value whose ``repr`` need not tell it from others."""
    values = tuple(params)
    if _CHANCE.search(sql) or _CLOCK.search(sql):
        return True
    calendar = list(_CALENDAR.finditer(sql))
    if calendar and (
        any(found[2] for found in calendar)
        or _NOW.search(sql)
        or any(isinstance(value, str) and value.lower() == "now" for value in values)
    ):
        return True
    return not all(isinstance(value, _PLAIN) for value in values)


# The quote before a column that is called "select". SQLite also knows "x IN table", without parentheses.
_READS = re.compile(r"(?<!\")\b(?:SELECT\b|IN(?:\s+[^\s(]|[\"\[`]))", re.IGNORECASE)


def reads_in(sql: str) -> int:
    """Return how often SQL text reads a table, at most: once for each SELECT."""
    return sum(1 for _ in _READS.finditer(sql))


def names_as_source(sql: str, db_table: str) -> bool:
    """Say whether a table may be one that SQL text reads; the name before a column's does not count."""
    name = re.escape(unquoted(db_table))
    return re.search(rf"(?<!\w){name}(?!\w)(?![\"\]`]?\s*\.)", sql.replace('""', '"'), re.IGNORECASE) is not None


def sources(fragments: Iterable[str], db_tables: Iterable[str]) -> set[str]:
    """Return those of the tables that one of the fragments may read."""
    known = list(db_tables)
    return {table for sql in fragments for table in known if names_as_source(sql, table)}


class Level(NamedTuple):
    """One query, the outermost or a nested one, as it was compiled: the aliases and further tables that its FROM clause names."""

    query: Query
    aliases: tuple[str, ...]
    extra_tables: tuple[str, ...]


@dataclass
class Noted:
    """
    What is compiled.

    Attributes:
        levels: the queries.
        fragments: SQL of others that reads tables by itself.
        reads: how many reads there are in the SQL so far.
        unknown: whether there is anything that may compare columns in ways of its own.
    """

    levels: list[Level] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    reads: int = 0
    unknown: bool = False


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
    # Whether the next expression is one that rows are grouped by; not what it is made of.
    _groups = False
    # Whether what is compiled stands around the query that has the tables.
    _is_outside = False

    def compile(self, node: Any) -> tuple[str, Any]:
        """Note what of the SQL reads tables, and does not come from a query that is compiled here."""
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
        """Prefer what an expression has for this backend to what it has for SQLite; either way it is SQLite that runs it."""
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
            # SQLite's own rounds to no more than units; django.db.models.functions.Round refuses the rest.
            sql, params = node.as_sql(self, self.connection, function="APPWRITE_ROUND")
            # As SQLiteNumericMixin does: numbers never equal the text that a decimal in a filter is.
            return (f"CAST({sql} AS NUMERIC)" if isinstance(node.output_field, DecimalField) else sql), params
        if type(node) is OrderBy:
            if self.connection.nulls_are_high:
                node = _with_nulls_high(node)
            if self.connection.folds:
                node = texts.ordered_by_key(node, self.query, outside=self._is_outside)
        elif self.connection.folds:
            node = texts.with_collation(node)
        return super().compile(node)

    def get_group_by(self, select: list[Any], order_by: list[Any]) -> list[tuple[str, Any]]:
        self._groups = True
        try:
            found = super().get_group_by(select, order_by)
            # Of what is shown as well, Django writes the position only.
            return [self.compile(select[int(sql) - 1][0]) if sql.isdigit() else (sql, params) for sql, params in found]
        finally:
            self._groups = False

    def get_qualify_sql(self) -> tuple[list[str], list[Any]]:
        self._is_outside = True
        result: tuple[list[str], list[Any]] = super().get_qualify_sql()
        return result

    def _key_of(self, node: Any) -> Any:
        return texts.key_of(node) if self.connection.folds and texts.is_text(node) else node

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> tuple[str, tuple[Any, ...]]:
        noted = self.connection.noted
        # The columns of the first query decide what is the same in all of them.
        noted.unknown = noted.unknown or bool(self.query.combinator)
        levels, reads = len(noted.levels), noted.reads
        try:
            sql, params = super().as_sql(with_limits, with_col_aliases)
        except EmptyResultSet:
            # Not part of the statement, then.
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
