"""
Count the integer keys of new rows from 1, per table, as SQLite does.

Only for tests, on the local server (``OPTIONS["KEYS_FROM_ONE"]``): suites of other people's apps
name the first row ``pk=1``. The counts of a database are shared by its connections in a process, so
that threads get different keys. A block that is rolled back gives its keys back, unless another
connection has counted on in the meantime.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db import OperationalError

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client import queries, rows
from appwrite_orm_django.client.errors import TableNotFound
from appwrite_orm_django.client.fork_safety import in_each_child

if TYPE_CHECKING:
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.client.transport import Transport


class _Connection(Protocol):
    """The parts of a connection that counting uses."""

    @property
    def transport(self) -> Transport: ...

    @property
    def transaction(self) -> Any: ...


@dataclass(slots=True)
class _Count:
    """The last key of a table, and the connection whose open block has counted up to it."""

    last: int
    counted_by: CountedKeys | None = None


# By HOST and table.
_counts: dict[tuple[str, TableRef], _Count] = {}
_lock = threading.RLock()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


in_each_child(_after_fork)


class CountedKeys:
    """
    Count keys on one connection.

    Args:
        connection: the connection.
        host: its ``HOST``.
    """

    def __init__(self, connection: _Connection, host: str) -> None:
        self._connection = connection
        self._host = host
        # For each table that the open block counts: the last key before the block, and the last key
        # at each savepoint.
        self._before: dict[TableRef, int] = {}
        self._marks: dict[str, Mapping[TableRef, int]] = {}

    def new(self, table: TableRef) -> int:
        """
        Return the next key of a table; the first use of a table sends a request.

        Raises:
            OperationalError: the table has rows that have no integer keys, or the largest key is
                taken.
        """
        with _lock:
            count = self._count_in_block(table)
            if count.last >= row_ids.MAX_INTEGER:
                raise OperationalError(
                    f"{table.table}: no key is left for a new row, because keys are counted "
                    f"(KEYS_FROM_ONE) and a row had the largest, {row_ids.MAX_INTEGER}."
                )
            count.last += 1
            return count.last

    def another(self, table: TableRef) -> int:
        """Return the next key of a table in which another process has taken the last one."""
        committed = self._largest(table)
        with _lock:
            count = self._count_in_block(table)
            count.last = max(count.last, committed)
        return self.new(table)

    def note(self, table: TableRef, key: int) -> None:
        """Continue after the key that a new row was given."""
        with _lock:
            count = self._count_in_block(table)
            count.last = max(count.last, key)

    def forget(self, database: str, table: str | None = None) -> None:
        """Begin anew after the largest key, in a table or in all tables of a database."""
        with _lock:
            for host, ref in list(_counts):
                if host == self._host and ref.database == database and table in (None, ref.table):
                    del _counts[host, ref]

    def _count_in_block(self, table: TableRef) -> _Count:
        count = _counts.get((self._host, table))
        if count is None:
            count = _counts[self._host, table] = _Count(self._largest(table))
        if self._connection.transaction is None:
            count.counted_by = None
        elif count.counted_by is not self:
            # What others have counted stays counted, whatever becomes of this block.
            count.counted_by = self
            self._before[table] = count.last
            self._marks = {
                name: {**marked, table: count.last} for name, marked in self._marks.items()
            }
        return count

    def _largest(self, table: TableRef) -> int:
        wanted = [queries.order_desc(ROW_ID), queries.select([ROW_ID]), queries.limit(1)]
        try:
            found = rows.list_rows(self._connection.transport, table, wanted)["rows"]
        except TableNotFound:
            return 0
        try:
            return max(0, row_ids.decode_integer(found[0][ROW_ID])) if found else 0
        except row_ids.InvalidRowId as error:
            raise OperationalError(
                f"{table.table}: cannot count keys from 1 (KEYS_FROM_ONE), because {error}."
            ) from error

    def mark(self, name: str) -> None:
        """Note the counts at a savepoint."""
        with _lock:
            self._marks[name] = {table: count.last for table, count in self._own()}

    def roll_back_to(self, name: str) -> None:
        """Give the keys since a savepoint back."""
        marked = self._marks.get(name, {})
        with _lock:
            for table, count in self._own():
                count.last = marked.get(table, self._before[table])

    def end(self, *, committed: bool) -> None:
        """End a block, and give its keys back if it was rolled back."""
        with _lock:
            for table, count in self._own():
                count.counted_by = None
                if not committed:
                    count.last = self._before[table]
            self._before, self._marks = {}, {}

    def _own(self) -> list[tuple[TableRef, _Count]]:
        return [
            (table, count)
            for table in self._before
            if (count := _counts.get((self._host, table))) is not None and count.counted_by is self
        ]
