"""
Counting a column of one row up or down.

The server does it atomically, but its database adds floats: from 2**53 on units are lost, although the answer counts them (recording
``increment``). Whole numbers that large are read, added up here, and written on condition that nobody has changed the row meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import DataError, OperationalError

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import LimitExceeded, RowConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appwrite_orm_django.backend.commands import IncrementColumn
    from appwrite_orm_django.client.transport import Transport

#: Whole numbers up to this are exact as floats.
EXACT = 2**53
_MAX_ATTEMPTS = 10


def is_exact(value: int | None, amount: int) -> bool:
    """Say whether a database that adds floats adds these integers exactly."""
    return value is None or max(abs(value), abs(amount), abs(value + amount)) <= EXACT


def check_bounds(command: IncrementColumn, value: int | None) -> None:
    """
    Refuse what passes the bounds of the column, which the server does not look at.

    Raises:
        DataError: so it does.
    """
    limit = command.bounds[command.amount > 0]
    if value is None or limit is None:
        return
    if (value + command.amount - limit) * (1 if command.amount > 0 else -1) > 0:
        raise DataError(
            f"{command.table.table}.{command.column}: {value} {command.amount:+} passes {limit}, the bound of the column."
        )


def run(transport: Transport, command: IncrementColumn) -> Mapping[str, Any]:
    """
    Add to the column and return the row.

    Raises:
        LimitExceeded, DataError: the result would pass a bound of the column.
        ColumnNotFound, RowNotFound: no such column, or no such row.
    """
    amount = command.amount
    if abs(amount) > EXACT:
        return _add_here(transport, command)
    low, high = command.bounds
    within = replace(
        command,
        bounds=(-EXACT if low is None else max(low, -EXACT), EXACT if high is None else min(high, EXACT)),
    )
    try:
        row = _ask(transport, within)
    except LimitExceeded:
        if within.bounds[amount > 0] == command.bounds[amount > 0]:
            raise
        return _add_here(transport, command)
    # A number that comes from beyond the other side passes no bound; what it lost on the way is added.
    right = row[command.column]
    if is_exact(right - amount, amount):
        return row
    lost = right - int(float(right - amount) + float(amount))
    return _add_here(transport, replace(command, amount=lost, bounds=(None, None))) if lost else row


def _ask(transport: Transport, command: IncrementColumn) -> Mapping[str, Any]:
    place = (transport, command.table, command.row_id, command.column, abs(command.amount))
    low, high = command.bounds
    if command.amount > 0:
        return rows.increment_column(*place, maximum=high)
    return rows.decrement_column(*place, minimum=low)


def _add_here(transport: Transport, command: IncrementColumn) -> Mapping[str, Any]:
    for _ in range(_MAX_ATTEMPTS):
        row = rows.get_row(transport, command.table, command.row_id)
        value = row[command.column]
        if value is None:
            return row
        check_bounds(command, value)
        data = {command.column: value + command.amount}
        try:
            return rows.update_row(transport, command.table, command.row_id, data, unmodified_since=row["$updatedAt"])
        except RowConflict:
            continue
    raise OperationalError(
        f"{command.table.table}/{command.row_id}: changed by others {_MAX_ATTEMPTS} times while {command.column} was being counted."
    )
