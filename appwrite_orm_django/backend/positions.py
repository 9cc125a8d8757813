"""
Where the next page of a list begins, said by a filter: after a row, in an order of several columns that may have nulls.

The server's own cursor compares, and a null is neither more nor less than anything: rows without a value would be on no page, and a row
without one is no cursor (recording ``cursors``). A filter can say what comes after it all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_orm_django.backend.columns import ROW_ID, SEQUENCE
from appwrite_orm_django.backend.commands.conditions import Order
from appwrite_orm_django.backend.values import held_float, is_found
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query

# Databases order long texts by their beginning, and compare them as a whole.
_LONGEST_TEXT = 250
_TIES_TURN_ROUND = ("$createdAt", "$updatedAt")


def after(row: Mapping[str, Any], order: Sequence[Order], *, nulls_are_low: bool) -> Query | None:
    """
    Return the filter for the rows that come after this one, by the server's order and, among equal rows, by their ``$sequence``.

    Args:
        row: a wire row with the columns of the order.
        order: none of it random; a null comes before all values where ``nulls_are_low``, and after them in the other direction.

    Returns:
        None where the server might not find the row's own values, or the filter would be longer than it takes.
    """
    order = _that_counts(order)
    if order is None or not all(_is_found(row[one.column]) for one in order):
        return None
    same: list[Query] = []
    alternatives: list[Query] = []
    for one in order:
        value = int(row[SEQUENCE]) if one.column == SEQUENCE else row[one.column]
        beyond = _beyond(one, value, nulls_last=puts_nulls_last(one, nulls_are_low=nulls_are_low))
        alternatives += [_all([*same, found]) for found in beyond]
        same.append(queries.is_null(one.column) if value is None else queries.equal(one.column, value))
    found = alternatives[0] if len(alternatives) == 1 else queries.or_(*alternatives)
    return found if len(found.to_json()) <= queries.MAX_QUERY_LENGTH else None


def puts_nulls_last(order: Order, *, nulls_are_low: bool) -> bool:
    """Say whether rows without a value in this column come after the others; any column of the user's may have them."""
    # One that became required has them in the rows from before.
    return order.descending is nulls_are_low and not order.column.startswith("$")


def _that_counts(order: Sequence[Order]) -> list[Order] | None:
    """Return the order up to what no two rows share; None where it is not known what the server does with equal rows."""
    found = []
    for one in order:
        found.append(one)
        if one.column in (ROW_ID, SEQUENCE):
            return found
    if order and order[0].descending and order[0].column in _TIES_TURN_ROUND:
        return None
    return [*found, Order(SEQUENCE)]


def _beyond(order: Order, value: Any, *, nulls_last: bool) -> list[Query]:
    if value is None:
        return [] if nulls_last else [queries.is_not_null(order.column)]
    compare = queries.less_than if order.descending else queries.greater_than
    found = [compare(order.column, value)]
    return [*found, queries.is_null(order.column)] if nulls_last else found


def _all(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else queries.and_(*parts)


def _is_found(value: Any) -> bool:
    """Say whether a filter with this value matches the row that it was read from."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    if isinstance(value, float):
        return held_float(value) == value and is_found(value)
    return value is None or isinstance(value, int)
