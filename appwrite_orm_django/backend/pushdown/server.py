"""From a query to the one request that answers it, on servers that join, aggregate and group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Count
from django.db.models.expressions import OrderBy, Star
from django.db.models.sql import AggregateQuery

from appwrite_orm_django.backend import capabilities
from appwrite_orm_django.backend.columns import table_id
from appwrite_orm_django.backend.pushdown.aggregates import aggregate

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.compiler import SQLCompiler
    from appwrite_orm_django.backend.server_queries import ServerQuery


def plan(compiler: SQLCompiler) -> ServerQuery | None:
    """
    Return the command by which the server answers a query with joins, aggregates, groups or ``distinct``.

    None if it is no such query, if this server knows nothing of them, or if its answer would not be exact.

    Raises:
        EmptyResultSet: no row can match.
    """
    query = compiler.query
    if isinstance(query, AggregateQuery):
        return _count_of_distinct(compiler)
    if query.combinator or query.distinct_fields or query.extra or query.extra_tables or query.extra_order_by:
        return None
    select = [expression for expression, _, _ in compiler.select]
    ordering = compiler.resolved_ordering()
    grouped = query.distinct or query.group_by is not None or any(aggregate(expression) for expression in select)
    joined = sum(1 for count in query.alias_refcount.values() if count) > 1
    if not (grouped or joined) or not _can_group(compiler, query):
        return None
    return _command(compiler, query, select, ordering, grouped=bool(grouped))


def _count_of_distinct(compiler: SQLCompiler) -> ServerQuery | None:
    """Return the command for ``distinct().count()`` of whole rows: how many ids there are."""
    outer, inner = compiler.query, compiler.query.inner_query
    (annotation, *others) = outer.annotation_select.values()
    found = aggregate(annotation)
    if others or found is None or found.function is not Count or not isinstance(found.source, Star) or found.distinct:
        return None
    if not inner.distinct or inner.distinct_fields or inner.group_by is not None or inner.is_sliced or inner.combinator:
        return None
    if inner.extra or inner.extra_tables or inner.annotation_select or not (inner.default_cols and inner.model):
        return None
    inner = inner.clone()
    inner.clear_ordering(force=True)
    inner.distinct = False
    if not _can_group(compiler, inner):
        return None
    pk = inner.get_meta().pk.get_col(inner.get_initial_alias())
    return _command(compiler, inner, [Count(pk, distinct=True)], [], grouped=True)


def _can_group(compiler: SQLCompiler, query: Query) -> bool:
    alias = query.get_initial_alias()
    if alias is None:
        return False
    table = compiler.connection.table_ref(table_id(query.alias_map[alias].table_name))
    return capabilities.feature_level(compiler.connection, table) == "2.x"


def _command(
    compiler: SQLCompiler, query: Query, select: Sequence[Any], ordering: Sequence[OrderBy], *, grouped: bool
) -> ServerQuery | None:
    # Only queries to servers that can answer them come here.
    from appwrite_orm_django.backend.pushdown.server_planning import Planner, Unanswerable

    try:
        return Planner(compiler, query, select, ordering).command(grouped=grouped)
    except Unanswerable:
        return None
