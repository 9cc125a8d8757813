"""Plan the command that reads one table: columns, order, slice, aggregates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import Avg, CharField, Count, Max, Min, Sum, TextField
from django.db.models.expressions import Col, ColPairs, OrderBy, Ref, Star, Value

from appwrite_orm_django.backend.commands import (
    Command,
    Condition,
    CountRows,
    GetRow,
    ListRows,
    OneRow,
    Order,
    Output,
    Outputs,
)
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.keys import primary_key_of
from appwrite_orm_django.backend.planning import periods, trees, where
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import (
    ROW_ID,
    Codec,
    RowIdCodec,
    codec_for,
    column_key,
    cut_to_milliseconds,
    page_decoder,
)
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import check_text

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef


def output_for(expression: Any, alias: str, connection: Connection) -> Output | None:
    """
    Describe how a selected expression is read: a column of ``alias``'s rows, or a constant.

    None for anything else.
    """
    if type(expression) is Value:
        return constant_output(expression)
    if type(expression) is not Col or expression.alias != alias:
        return None
    field = expression.target
    if expression.output_field is not field:
        return _column_output(expression, connection)
    # Most reads select whole models, so each connection makes a field's output once. Keeping the
    # field with it prevents the reuse of its id.
    known = connection.outputs.get(id(field))
    if known is None:
        known = connection.outputs[id(field)] = (field, _column_output(expression, connection))
    return known[1]


def constant_output(expression: Value) -> Output | None:
    """
    Describe a selected constant.

    None for a constant that its output field converts; SQLite can evaluate it.
    """
    value, field = expression.value, expression._output_field_or_none
    natural = Value(value)._output_field_or_none
    if value is not None and field is not None and type(field) is not type(natural):
        is_text = type(value) is str and type(field) in (CharField, TextField)
        if not is_text:
            return None
    return Output(
        constant=check_text(value) if isinstance(value, str) else cut_to_milliseconds(value)
    )


def _column_output(expression: Col, connection: Connection) -> Output:
    has_own = bool(expression.get_db_converters(connection))
    return Output(
        key=column_key(expression.target),
        converter=converter_for(expression, connection),
        converts_none=has_own,
        page_converter=None if has_own else partial(page_decoder, codec_for(expression.target)),
        definition=column_definition(expression),
    )


def column_definition(expression: Col) -> str:
    """Return a text that identifies how a column's values are decoded."""
    field, shown = expression.target, expression.output_field
    return definition_of(field) if shown is field else definition_of(field, shown)


def converter_for(expression: Any, connection: Connection) -> Callable[[Any], Any] | None:
    """
    Return the function that converts a wire value into the final value.

    It combines the codec with the field's own ``from_db_value``.
    """
    codec = codec_for(expression.target)
    is_plain_text = type(codec) is Codec or (
        type(codec) is RowIdCodec and type(codec.inner) is Codec
    )
    decode = None if is_plain_text else codec.decode
    own = expression.get_db_converters(connection)
    if not own:
        return decode

    def convert(value: Any) -> Any:
        if value is not None and decode is not None:
            value = decode(value)
        for converter in own:
            value = converter(value, expression, connection)
        return value

    return convert


def orders_for(ordering: Iterable[OrderBy], alias: str, scope: Scope) -> tuple[Order, ...] | None:
    """
    Describe an ordering by columns of ``alias``'s rows as the server applies it.

    None if the server cannot apply it.
    """
    orders: dict[str, Order] = {}
    for order_by in ordering:
        expression = order_by.expression
        while isinstance(expression, Ref):
            expression = expression.source
        if type(expression) is Value:
            continue
        if (
            type(order_by) is not OrderBy
            or type(expression) is not Col
            or expression.alias != alias
        ):
            return None
        codec = codec_for(expression.target)
        key = column_key(expression.target)
        nulls_are_low = scope.engine.nulls_are_low
        unlike_server = (
            order_by.nulls_last
            if order_by.descending is not nulls_are_low
            else order_by.nulls_first
        )
        if not codec.orders or (unlike_server and not key.startswith("$")):
            return None
        orders.setdefault(key, Order(key, bool(order_by.descending), codec.is_text))
        if expression.target.primary_key:
            break  # unique, so further columns do not matter
    return tuple(orders.values())


#: The row's ``$id`` as a column, for tables whose primary key is another one.
_ROW_ID: CharField[Any, Any] = CharField(max_length=36, db_column=ROW_ID)
_ROW_ID.set_attributes_from_name("row_id")


def row_id_of(query: Query) -> Col:
    """Return the column with the row ids of a query's base table."""
    alias, model = query.get_initial_alias(), query.get_meta().model
    if primary_key_of(model).is_derived:
        return Col(alias, _ROW_ID)
    column: Col = model._meta.pk.get_col(alias)
    return column


def single_table_read(
    query: Query,
    select: Sequence[Any],
    ordering: Sequence[OrderBy],
    table: TableRef,
    scope: Scope,
    outputs: Outputs | None = None,
) -> Command | None:
    """
    Return the command that answers a query over the one table ``scope.alias``.

    None if the server cannot answer it exactly.

    Args:
        outputs: the outputs of ``select``, if they are already known.

    Raises:
        EmptyResultSet: no row can match.
    """
    condition, exact = trees.to_condition(where.narrow(query.where, scope))
    if condition is None:
        raise EmptyResultSet
    if not exact:
        return None
    is_whole = outputs is not None
    if outputs is None:
        summary = _summary(query, select, ordering, table, condition, scope)
        if summary is not None:
            return summary
        outputs = _outputs(select, scope)
    orders = orders_for(ordering, scope.alias, scope)
    if orders is None or outputs is None:
        return None
    if query.distinct and not (is_whole or _has_key(select, outputs)):
        return None
    limit = None if query.high_mark is None else query.high_mark - query.low_mark
    row_id = only_row_id(condition)
    if row_id is not None and query.low_mark == 0 and limit != 0:
        return GetRow(table, row_id, outputs)
    return ListRows(table, condition, orders, outputs, query.low_mark, limit)


def _has_key(select: Sequence[Any], outputs: Sequence[Output]) -> bool:
    """Return whether a selection differs from row to row, because it has the primary key."""
    return any(output.key == ROW_ID for output in outputs) or any(
        type(expression) is Col and expression.target.primary_key for expression in select
    )


def _outputs(select: Sequence[Any], scope: Scope) -> Outputs | None:
    outputs = [
        output_for(column, scope.alias, scope.connection)
        for expression in select
        for column in (expression if type(expression) is ColPairs else (expression,))
    ]
    return None if None in outputs else Outputs(output for output in outputs if output is not None)


def only_row_id(condition: Condition) -> str | None:
    """Return the id if the condition is ``$id = <id>`` and nothing else."""
    if condition.memberships or len(condition.queries) != 1:
        return None
    query = condition.queries[0]
    if query.method == "equal" and query.column == ROW_ID and len(query.values) == 1:
        return str(query.values[0])
    return None


def _summary(
    query: Query,
    select: Sequence[Any],
    ordering: Sequence[OrderBy],
    table: TableRef,
    condition: Condition,
    scope: Scope,
) -> Command | None:
    """
    Return the command for a query for a few values about many rows.

    None for any other query.
    """
    if query.distinct:
        return periods.periods(query, select, ordering, table, condition, scope)
    return None if query.is_sliced else one_row(select, table, condition, scope)


KNOWN = (Count, Sum, Avg, Min, Max)


class Aggregate(NamedTuple):
    """
    An aggregate without filter and order.

    ``source`` is ``Star()`` or an expression.
    """

    function: type
    source: Any
    distinct: bool


def aggregate(expression: Any) -> Aggregate | None:
    """
    Describe one of Django's own aggregates.

    None for any other expression, and for an aggregate with a filter, an order or SQL of its own
    (``template``, ``function``).
    """
    if type(expression) not in KNOWN or expression.extra:
        return None
    source, *others = expression.get_source_expressions()
    if any(other is not None for other in others):
        return None
    return Aggregate(type(expression), source, bool(expression.distinct))


def keeps_type(expression: Any, column: Any) -> bool:
    """Return whether the minimum or maximum of a column has the type of the column's own values."""
    return expression.output_field is column.output_field or type(expression.output_field) is type(
        column.output_field
    )


def one_row(
    select: Sequence[Any], table: TableRef, condition: Condition, scope: Scope
) -> Command | None:
    """
    Return the command for aggregates over all rows of a condition: counts, minima and maxima.

    None if one of them needs all rows. Each aggregate is a separate request.
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
    if found.function not in (Count, Min, Max) or not where.in_scope(found.source, scope):
        return None
    key, codec = column_key(found.source.target), codec_for(found.source.target)
    filled = () if key.startswith("$") else (queries.is_not_null(key),)
    condition = Condition((*condition.queries, *filled), condition.memberships)
    if found.function is Count:
        return CountRows(table, condition)
    output = output_for(found.source, scope.alias, scope.connection)
    if (
        not codec.orders
        or output is None
        or output.converts_none
        or not keeps_type(expression, found.source)
    ):
        return None
    order = Order(key, found.function is Max, codec.is_text)
    return ListRows(table, condition, (order,), (output,), 0, 1)
