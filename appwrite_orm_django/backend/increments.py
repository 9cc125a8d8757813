"""
Counting a column of one row up or down.

The server does it atomically, but its database adds floats: from 2**53 on units are lost, although the answer counts them (recording
``increment``). Whole numbers that large are read, added up here, and written in a block that is refused if the row was changed meanwhile.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import DataError

from appwrite_orm_django.backend import trying_again
from appwrite_orm_django.backend.parts import Parts
from appwrite_orm_django.backend.transactions.log import Operation
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import LimitExceeded, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.commands import IncrementColumn
    from appwrite_orm_django.client.transport import Transport

#: Whole numbers up to this are exact as floats.
EXACT = 2**53


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


def run(connection: DatabaseWrapper, command: IncrementColumn) -> Mapping[str, Any]:
    """
    Add to the column and return the row.

    Raises:
        LimitExceeded, DataError: the result would pass a bound of the column.
        ColumnNotFound, RowNotFound: no such column, or no such row.
    """
    amount, transport = command.amount, connection.transport
    if abs(amount) > EXACT:
        return _add_here(connection, command)
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
        return _add_here(connection, command)
    # A number that comes from beyond the other side passes no bound; what it lost on the way is added.
    right = row[command.column]
    if is_exact(right - amount, amount):
        return row
    lost = right - int(float(right - amount) + float(amount))
    if not lost:
        return row
    parts = Parts("increments")
    parts.written = 1
    with parts.part(1):
        return _add_here(connection, replace(command, amount=lost, bounds=(None, None)))


def _ask(transport: Transport, command: IncrementColumn) -> Mapping[str, Any]:
    place = (transport, command.table, command.row_id, command.column, abs(command.amount))
    low, high = command.bounds
    if command.amount > 0:
        return rows.increment_column(*place, maximum=high)
    return rows.decrement_column(*place, minimum=low)


def _add_here(connection: DatabaseWrapper, command: IncrementColumn) -> Mapping[str, Any]:
    place = (connection.transport, command.table, command.row_id)
    for attempt in itertools.count(1):
        row = rows.get_row(*place)
        value = row[command.column]
        if value is None:
            return row
        check_bounds(command, value)
        with connection.own_block() as block:
            block.note_versions(command.table, [row])
            data = {command.column: value + command.amount}
            block.log.append(Operation("update", command.table, command.row_id, data))
            try:
                block.commit()
            except WriteRefused:
                if attempt == trying_again.MAX_ATTEMPTS:
                    raise
            else:
                return rows.get_row(*place)
        trying_again.pause(attempt)
    raise AssertionError  # never reached: the last attempt raises
