"""
Write on engines without row locks, where writes of one row at the same moment abort each other.

MongoDB's server tries three times, then answers 500 ``general_unknown``; nothing is written. Other
failures have the same answer, perhaps after the write. A write is repeated only if it cannot be
done twice. ``Transport`` repeats those whose delivery is safe in any case, such as creations by
id. A commit that lost has an answer of its own, 400 ``transaction_failed``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client import queries, rows
from appwrite_orm_django.client.errors import ServerError, WriteRefused

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import IncrementColumn, WriteResult
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef

# The server writes so many rows in one transaction.
_TOGETHER = 1000
_MAX_ATTEMPTS = 5


def increment(connection: Connection, command: IncrementColumn) -> WriteResult:
    """
    Increment a column in a transaction of its own, whose answer tells whether it was applied.

    Takes four requests.

    Raises:
        DataError: the result would exceed a bound of the column.
        WriteRefused: other clients changed the row on every attempt. Nothing was written.
    """
    for attempt in itertools.count(1):
        with connection.own_block() as block:
            try:
                result = block.stage(command)
                if result.count:
                    block.commit()
            except WriteRefused:
                if attempt == retries.MAX_ATTEMPTS:
                    raise
            else:
                return result
        retries.pause(attempt)
    raise AssertionError  # unreachable: the last attempt raises


def update_rows(
    connection: Connection,
    table: TableRef,
    data: Mapping[str, Any],
    filters: list[Query],
    refused: Callable[[ServerError], None],
) -> int:
    """
    Do the same as ``rows.update_rows``, and repeat it after a lost race if that is exact.

    Args:
        refused: called with the first 500; raises an error if something else explains it.
    """

    def write() -> int:
        return rows.update_rows(connection.transport, table, data, filters)

    written = {*data, "$updatedAt", None}
    return _repeated(
        connection,
        write,
        # A repeated write finds the same rows if it does not change what they are filtered by.
        lambda: (
            _names_few(filters)
            or written.isdisjoint(_columns(filters))
            or _is_small(connection, table)
        ),
        refused,
    )


def delete_rows(connection: Connection, table: TableRef, filters: list[Query]) -> int:
    """
    Do the same as ``rows.delete_rows``, and repeat it after a lost race if that is exact.

    It is if the server deletes all rows in one transaction.
    """

    def write() -> int:
        return rows.delete_rows(connection.transport, table, filters)

    return _repeated(connection, write, lambda: _names_few(filters))


def _repeated(
    connection: Connection,
    write: Callable[[], int],
    may_repeat: Callable[[], bool],
    refused: Callable[[ServerError], None] = lambda _: None,
) -> int:
    for attempt in itertools.count(1):
        try:
            return write()
        except ServerError as error:
            if attempt == 1 and error.code == 500:
                refused(error)
            if attempt == _MAX_ATTEMPTS or not (is_race(connection, error) and may_repeat()):
                raise
        retries.pause(attempt)
    raise AssertionError  # unreachable: the last attempt raises


def is_race(connection: Connection, error: ServerError) -> bool:
    """Return whether an error may mean that the write lost a race."""
    return (
        connection.engine.race_is_server_error
        and error.code == 500
        and error.type == "general_unknown"
    )


def _names_few(filters: Sequence[Query]) -> bool:
    """Return whether the filters name the ids of all rows, of which a filter takes 500."""
    return any(query.method == "equal" and query.column == ROW_ID for query in filters)


def _columns(filters: Sequence[Query]) -> set[str | None]:
    return {query.column for query in filters}


def _is_small(connection: Connection, table: TableRef) -> bool:
    """Return whether the whole table fits into one transaction."""
    wanted = [queries.select([ROW_ID]), queries.offset(_TOGETHER), queries.limit(1)]
    return not rows.list_rows(connection.transport, table, wanted)["rows"]
