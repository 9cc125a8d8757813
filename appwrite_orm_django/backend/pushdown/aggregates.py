"""Aggregates over one table that every server answers: a few small requests instead of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Avg, Count, Max, Min, Sum
from django.db.models.expressions import Star

from appwrite_orm_django.backend.columns import column_key
from appwrite_orm_django.backend.commands.base import Command
from appwrite_orm_django.backend.commands.conditions import Condition, Order
from appwrite_orm_django.backend.commands.reads import CountRows, ListRows
from appwrite_orm_django.backend.pushdown import conditions, reads
from appwrite_orm_django.backend.summaries import OneRow
from appwrite_orm_django.backend.values import codec_for
from appwrite_orm_django.client import queries

if TYPE_CHECKING:
    from appwrite_orm_django.backend.pushdown.conditions import Scope
    from appwrite_orm_django.client.references import TableRef

KNOWN = (Count, Sum, Avg, Min, Max)


class Aggregate(NamedTuple):
    """An aggregate without filter and order; ``source`` is ``Star()`` or an expression."""

    function: type
    source: Any
    distinct: bool


def aggregate(expression: Any) -> Aggregate | None:
    """Describe an aggregate of Django's own, None if it is none or more than that, such as one with a template."""
    if type(expression) not in KNOWN or expression.extra:
        return None
    source, *others = expression.get_source_expressions()
    if any(other is not None for other in others):
        return None
    return Aggregate(type(expression), source, bool(expression.distinct))


def keeps_type(expression: Any, column: Any) -> bool:
    """Say whether the least or greatest value of a column is shown as the column's own values are."""
    return expression.output_field is column.output_field or type(expression.output_field) is type(column.output_field)


def one_row(select: Sequence[Any], table: TableRef, condition: Condition, scope: Scope) -> Command | None:
    """
    Return the command that answers aggregates over all rows of a condition: counts, least and greatest values.

    None if one of them needs all rows. Each is a request of its own.
    """
    parts = [_part(expression, table, condition, scope) for expression in select]
    known = [part for part in parts if part is not None]
    if not parts or len(known) != len(parts):
        return None
    return known[0] if len(known) == 1 and isinstance(known[0], CountRows) else OneRow(tuple(known))


def _part(expression: Any, table: TableRef, condition: Condition, scope: Scope) -> Command | None:
    found = aggregate(expression)
    if found is None or (found.distinct and found.function is Count):
        return None
    if found.function is Count and isinstance(found.source, Star):
        return CountRows(table, condition)
    if found.function not in (Count, Min, Max) or not conditions.in_scope(found.source, scope):
        return None
    key, codec = column_key(found.source.target), codec_for(found.source.target)
    filled = () if key.startswith("$") else (queries.is_not_null(key),)
    condition = Condition((*condition.queries, *filled), condition.memberships)
    if found.function is Count:
        return CountRows(table, condition)
    output = reads.output_for(found.source, scope.alias, scope.connection)
    if not codec.orders or output is None or output.converts_none or not keeps_type(expression, found.source):
        return None
    order = Order(key, found.function is Max, codec.is_text)
    return ListRows(table, condition, (order,), (output,), 0, 1)
