"""Plan the single request that answers a query with joins, aggregates or groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Count
from django.db.models.expressions import Col, OrderBy, Star, Value
from django.db.models.sql import AggregateQuery

from appwrite_orm_django.backend import capabilities, evaluation
from appwrite_orm_django.backend.commands import Condition, Order, Output
from appwrite_orm_django.backend.execution import server_queries
from appwrite_orm_django.backend.execution.server_queries import Read, ServerQuery
from appwrite_orm_django.backend.planning import reads, trees, where
from appwrite_orm_django.backend.planning.groups import Groups, GroupScope, columns_in, unwrapped
from appwrite_orm_django.backend.planning.joins import (
    JoinedScope,
    NeedsQualifying,
    Sources,
    Unanswerable,
    reader_for,
)
from appwrite_orm_django.backend.planning.reads import aggregate
from appwrite_orm_django.backend.values import ROW_ID, codec_for, column_key, table_id
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query as Filter

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.connection import Compiler
    from appwrite_orm_django.backend.execution.server_queries import ServerQuery


def plan(compiler: Compiler) -> ServerQuery | None:
    """
    Return the command for a query with joins, aggregates, groups or ``distinct``.

    None for any other query, if the server lacks these features, or if its answer would not be
    exact.

    Raises:
        EmptyResultSet: no row can match.
    """
    query = compiler.query
    if isinstance(query, AggregateQuery):
        return _count_of_distinct(compiler)
    if (
        query.combinator
        or query.distinct_fields
        or query.extra
        or query.extra_tables
        or query.extra_order_by
    ):
        return None
    select = [expression for expression, _, _ in compiler.select]
    ordering = compiler.resolved_ordering()
    grouped = (
        query.distinct
        or query.group_by is not None
        or any(aggregate(expression) for expression in select)
    )
    joined = sum(1 for count in query.alias_refcount.values() if count) > 1
    if not (grouped or joined) or not _can_group(compiler, query):
        return None
    return _command(compiler, query, select, ordering, grouped=bool(grouped))


def _count_of_distinct(compiler: Compiler) -> ServerQuery | None:
    """
    Return the command for ``distinct().count()`` of whole rows.

    It counts the distinct ids.
    """
    outer, inner = compiler.query, compiler.query.inner_query
    (annotation, *others) = outer.annotation_select.values()
    found = aggregate(annotation)
    if (
        others
        or found is None
        or found.function is not Count
        or not isinstance(found.source, Star)
        or found.distinct
    ):
        return None
    if (
        not inner.distinct
        or inner.distinct_fields
        or inner.group_by is not None
        or inner.is_sliced
        or inner.combinator
    ):
        return None
    if (
        inner.extra
        or inner.extra_tables
        or inner.annotation_select
        or not (inner.default_cols and inner.model)
    ):
        return None
    inner = inner.clone()
    inner.clear_ordering(force=True)
    inner.distinct = False
    if not _can_group(compiler, inner):
        return None
    row_id = reads.row_id_of(inner)
    return _command(compiler, inner, [Count(row_id, distinct=True)], [], grouped=True)


def _can_group(compiler: Compiler, query: Query) -> bool:
    alias = query.get_initial_alias()
    if alias is None:
        return False
    table = compiler.connection.table_ref(table_id(query.alias_map[alias].table_name))
    return capabilities.feature_level(compiler.connection, table) == "2.x"


def _command(
    compiler: Compiler,
    query: Query,
    select: Sequence[Any],
    ordering: Sequence[OrderBy],
    *,
    grouped: bool,
) -> ServerQuery | None:
    # Reached only by queries to servers that support them.

    try:
        return Planner(compiler, query, select, ordering).command(grouped=grouped)
    except Unanswerable:
        return None


# The share of filters among the 100 queries of a request.
_MAX_QUERIES = 97


class Planner:
    """Plan the request for one query over joined tables, or over groups of their rows."""

    def __init__(
        self, compiler: Compiler, query: Query, select: Sequence[Any], ordering: Sequence[OrderBy]
    ) -> None:
        self.compiler = compiler
        self.connection = compiler.connection
        self.query = query
        self.select = select
        self.ordering = ordering
        self.sources = Sources(query, self.connection)
        self.limit = None if query.high_mark is None else query.high_mark - query.low_mark

    def command(self, *, grouped: bool) -> ServerQuery | None:
        conditions, having, qualify = self.query.where.split_having_qualify(
            must_group_by=self.query.group_by is not None
        )
        if qualify is not None:
            return None
        condition = self._condition(conditions)
        command = self._grouped(condition, having) if grouped else self._rows(condition)
        if (
            len(command.queries()) + len(condition.queries) + len(condition.memberships)
            > _MAX_QUERIES
        ):
            return None
        return None if server_queries.is_refused(command, self.connection.reader) else command

    def _condition(self, conditions: Any) -> Condition:
        scope = JoinedScope(self.sources.base, self.connection, self.sources)
        narrowing = trees.ALWAYS if conditions is None else where.narrow(conditions, scope)
        condition, exact = trees.to_condition(narrowing)
        if condition is None:
            if self.compiler.elide_empty:
                raise EmptyResultSet
            raise Unanswerable("no row can match")
        if not exact:
            raise Unanswerable("a filter")
        return condition

    def _command(self, condition: Condition, outputs: Sequence[Read], **what: Any) -> ServerQuery:
        return ServerQuery(
            self.sources.table,
            self.sources.joins,
            condition,
            tuple(outputs),
            offset=self.query.low_mark,
            limit=self.limit,
            fallback=partial(evaluation.plan_query, self.compiler),
            **what,
        )

    # Rows

    def _rows(self, condition: Condition) -> ServerQuery:
        outputs = [self._row_output(expression) for expression in self.select]
        # The server always returns the columns that begin with "$", but it requires at least one
        # name.
        names = dict.fromkeys(
            output.key for output in outputs if output.key and not output.key.startswith("$")
        )
        if self.connection.transaction is not None and any("." in name for name in names):
            raise Unanswerable("a block needs the version of each row that it reads")
        if self.connection.transaction is not None:
            names.update(
                dict.fromkeys(name for name in sorted(condition.columns) if "." not in name)
            )
        return self._command(
            condition, outputs, columns=tuple(names) or (ROW_ID,), order=self._row_order()
        )

    def _row_output(self, expression: Any) -> Output:
        if type(expression) is Value or (
            type(expression) is Col and self.sources.is_base(expression)
        ):
            output = reads.output_for(expression, self.sources.base, self.connection)
            if output is not None:
                return output
        if type(expression) is not Col:
            raise Unanswerable("an expression")
        read = reader_for(self.sources.codec(expression))
        convert = reads.converter_for(expression, self.connection)

        def converter(raw: Any) -> Any:
            wire = None if raw is None or read is None else read(raw)
            return wire if convert is None else convert(wire)

        converts_none = bool(expression.get_db_converters(self.connection))
        definition = reads.column_definition(expression)
        return Output(
            self.sources.key(expression),
            converter=converter,
            converts_none=converts_none,
            definition=definition,
        )

    def _row_order(self) -> tuple[Order, ...]:
        orders: dict[str, Order] = {}
        for order_by in self.ordering:
            expression = unwrapped(order_by.expression)
            if type(expression) is Value:
                continue
            if (
                type(expression) is not Col
                or type(order_by) is not OrderBy
                or not codec_for(expression.target).orders
            ):
                raise Unanswerable("an order")
            key = self.sources.key(expression)
            self._check_nulls(order_by, may_be_null=not key.startswith("$"))
            orders.setdefault(key, Order(key, bool(order_by.descending)))
        if self.limit is None or self.limit > self.connection.options.page_size:
            # Pages are read by offset, so rows with equal order values need the same order on each
            # page.
            for key in (
                "$sequence",
                *(f"{join.alias}.{ROW_ID}" for join in self.sources.joins if join.multiplies),
            ):
                orders.setdefault(key, Order(key))
        return tuple(orders.values())

    def _check_nulls(self, order_by: OrderBy, *, may_be_null: bool) -> None:
        nulls_are_low = self.connection.engine.nulls_are_low
        unlike = (
            order_by.nulls_last
            if order_by.descending is not nulls_are_low
            else order_by.nulls_first
        )
        if unlike and may_be_null:
            raise Unanswerable("nulls placed differently than on the server")

    # Groups

    def _grouped(self, condition: Condition, having: Any) -> ServerQuery:
        try:
            return self._groups(condition, having)
        except NeedsQualifying:
            self.sources.qualify()
            return self._groups(condition, having)

    def _groups(self, condition: Condition, having: Any) -> ServerQuery:
        groups = Groups(self.sources, self.connection)
        columns = self._group_columns(having)
        if columns is None:
            keys: tuple[str, ...] = ()
        else:
            keys = groups.keys(columns)
            for column in columns:
                if column_key(column.target) == ROW_ID:
                    groups.column_alias(column)
        outputs = [groups.output(expression) for expression in self.select]
        order = self._group_order(groups, columns)
        wanted = self._having(having, groups)
        if keys and (self.limit is None or self.limit > self.connection.options.page_size):
            known = {one.column for one in order}
            ends = (groups.ask("min", key) for key in keys)
            order += tuple(Order(alias) for alias in ends if alias not in known)
        return self._command(
            condition,
            outputs,
            aggregates=groups.aggregates,
            group_by=keys,
            having=wanted,
            order=order,
        )

    def _group_columns(self, having: Any) -> list[Col] | None:
        """Return the columns that define the groups, or None for one group of all rows."""
        query = self.query
        if query.distinct:
            if query.group_by is not None or any(
                aggregate(expression) for expression in self.select
            ):
                raise Unanswerable("distinct groups")
            selected = columns_in(self.select)
            if any(
                column not in selected
                for column in columns_in(one.expression for one in self.ordering)
            ):
                raise Unanswerable("distinct rows ordered by other columns")
            return selected
        if query.group_by is None:
            return None
        explicit = [] if query.group_by is True else list(query.group_by)
        if any(type(unwrapped(expression)) is not Col for expression in explicit):
            raise Unanswerable("groups of expressions")
        mentioned = [
            *explicit,
            *self.select,
            *(one.expression for one in self.ordering),
            *([having] if having else []),
        ]
        return columns_in(mentioned)

    def _group_order(self, groups: Groups, columns: Sequence[Col] | None) -> tuple[Order, ...]:
        orders: dict[str, Order] = {}
        for order_by in self.ordering:
            expression = unwrapped(order_by.expression)
            if type(expression) is Value:
                continue
            if type(order_by) is not OrderBy:
                raise Unanswerable("an order")
            found = aggregate(expression)
            if found is not None:
                alias, may_be_null = groups.aggregate_alias(found), found.function is not Count
            elif type(expression) is Col and columns and codec_for(expression.target).orders:
                alias, may_be_null = groups.column_alias(expression), True
            else:
                raise Unanswerable("an order")
            self._check_nulls(order_by, may_be_null=may_be_null)
            orders.setdefault(alias, Order(alias, bool(order_by.descending)))
        return tuple(orders.values())

    def _having(self, having: Any, groups: Groups) -> tuple[Filter, ...]:
        if having is None:
            return ()
        scope = GroupScope(self.sources.base, self.connection, groups)
        condition, exact = trees.to_condition(where.narrow(having, scope))
        if condition is None or not exact:
            raise Unanswerable("a condition on groups")
        wanted = list(condition.queries)
        for membership in condition.memberships:
            if (
                not isinstance(membership.values, tuple)
                or len(membership.values) > queries.MAX_VALUES
            ):
                raise Unanswerable("a condition on groups")
            wanted.append(queries.equal(membership.column, *membership.values))
        return tuple(wanted)
