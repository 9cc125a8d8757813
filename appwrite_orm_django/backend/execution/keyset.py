"""Filter for the rows after a row in an order, so that pages begin there instead of at an offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_orm_django.backend.commands import Order
from appwrite_orm_django.backend.values import ROW_ID, SEQUENCE, held_float, is_found
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query
from appwrite_orm_django.engines import Engine

# Databases order long texts by their first characters, but compare them as a whole.
_LONGEST_TEXT = 250
_TIES_TURN_ROUND = ("$createdAt", "$updatedAt")


def after(row: Mapping[str, Any], order: Sequence[Order], engine: Engine) -> Query | None:
    """
    Return the filter for the rows after this one in the server's order.

    Ties are broken by ``$sequence``.

    Args:
        row: a wire row with the columns of the order.
        order: the order, without random parts.

    Returns:
        None if the server might not find the row's own values, or the filter would be too long for
        it.
    """
    deciding = _that_counts(order)
    if deciding is None or not all(_is_found(row[one.column]) for one in deciding):
        return None
    same: list[Query] = []
    alternatives: list[Query] = []
    for one in deciding:
        value = engine.sequence(row[SEQUENCE]) if one.column == SEQUENCE else row[one.column]
        beyond = _beyond(
            one, value, nulls_last=puts_nulls_last(one, nulls_are_low=engine.nulls_are_low)
        )
        alternatives += [_all([*same, found]) for found in beyond]
        same.append(
            queries.is_null(one.column) if value is None else queries.equal(one.column, value)
        )
    found = alternatives[0] if len(alternatives) == 1 else queries.or_(*alternatives)
    return found if len(found.to_json()) <= queries.MAX_QUERY_LENGTH else None


def puts_nulls_last(order: Order, *, nulls_are_low: bool) -> bool:
    """Return whether nulls come last in this order."""
    # Any column but a system column may have nulls, even a required one, in older rows.
    return order.descending is nulls_are_low and not order.column.startswith("$")


def _that_counts(order: Sequence[Order]) -> list[Order] | None:
    """Return the order up to a unique column; None if the server's order of ties is unknown."""
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
    """Return whether a filter with this value matches the row from which it was read."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    if isinstance(value, float):
        return held_float(value) == value and is_found(value)
    return value is None or isinstance(value, int)
