"""Increment columns: exactly, and within the bounds of the column."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import DataError

from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.transactions.log import Operation
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import (
    ColumnNotFound,
    LimitExceeded,
    ServerError,
    WriteRefused,
)

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import IncrementColumn
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.client.transport import Transport
    from appwrite_orm_django.engines import Engine


# The largest float below 2**63.
_LARGEST_FLOAT = 2**63 - 1024
Row = Mapping[str, Any]
Bounds = tuple[float | None, float | None]


def is_exact(engine: Engine, value: int | None, amount: int) -> bool:
    """Return whether the server adds these integers exactly."""
    most = engine.max_exact_sum
    return value is None or max(abs(value), abs(amount), abs(value + amount)) <= most


def check_bounds(command: IncrementColumn, value: int | None) -> None:
    """
    Check the result of an increment against the bounds of its column, which the server ignores.

    Raises:
        DataError: the result exceeds the maximum, or is below the minimum.
    """
    amount, limit = command.amount, command.bounds[command.amount > 0]
    if value is None or limit is None:
        return
    if (value + amount - limit) * (1 if amount > 0 else -1) > 0:
        raise DataError(
            f"{value} {'+' if amount > 0 else '-'} {abs(amount)} = {value + amount} "
            f"{'exceeds the maximum' if amount > 0 else 'is below the minimum'} {limit} of "
            f"{command.table.table}.{command.column}."
        )


def run(connection: Connection, command: IncrementColumn) -> Mapping[str, Any]:
    """
    Increment the column and return the row.

    Raises:
        LimitExceeded, DataError: the result would exceed a bound of the column.
        ColumnNotFound, RowNotFound: there is no such column or row.
    """
    amount, transport, engine = command.amount, connection.transport, connection.engine
    if abs(amount) > engine.max_exact_sum:
        return _add_here(connection, command)
    within = engine.limits(command.bounds)
    try:
        row = add(transport, command.table, command.row_id, command.column, amount, within)
    except LimitExceeded:
        if within[amount > 0] == command.bounds[amount > 0]:
            raise
        return _add_here(connection, command)
    except ServerError as error:
        if error.code != 500 or engine.adds_integers or not _is_beyond_floats(connection, command):
            raise
        return _add_here(connection, command)
    # A value beyond the opposite limit exceeds no bound here, but loses precision: the difference
    # is added afterwards.
    right = row[command.column]
    if engine.adds_integers or is_exact(engine, right - amount, amount):
        return row
    lost = right - int(float(right - amount) + float(amount))
    if not lost:
        return row
    parts = Parts("increments")
    parts.written = 1
    with parts.part(1):
        return _add_here(connection, replace(command, amount=lost, bounds=(None, None)))


def _is_beyond_floats(connection: Connection, command: IncrementColumn) -> bool:
    """
    Return whether the column holds a value that no sum of floats is.

    The increment was not applied then: the database has rounded the value up, out of 64 bits.
    """
    row = rows.get_row(connection.transport, command.table, command.row_id)
    value = row[command.column]
    return value is not None and value > _LARGEST_FLOAT


def add(
    transport: Transport, table: TableRef, row_id: str, column: str, amount: float, bounds: Bounds
) -> Row:
    """
    Increment a column in one request and return the row, with the old ``$updatedAt``.

    Raises:
        LimitExceeded: the result would exceed a bound.
        ColumnNotFound, RowNotFound: there is no such column or row.
    """
    place = (transport, table, row_id)
    low, high = bounds
    try:
        if amount > 0:
            return rows.increment_column(*place, column, amount, maximum=high)
        return rows.decrement_column(*place, column, -amount, minimum=low)
    except ColumnNotFound:
        # The server answers the same for a missing row (recording ``increment``).
        rows.get_row(*place)
        raise


def _add_here(connection: Connection, command: IncrementColumn) -> Mapping[str, Any]:
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
                if attempt == retries.MAX_ATTEMPTS:
                    raise
            else:
                return rows.get_row(*place)
        retries.pause(attempt)
    raise AssertionError  # unreachable: the last attempt raises
