"""Rows of Appwrite become rows of the private SQLite database, a page at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.local_evaluation.tables import LocalTable

Row = Mapping[str, Any]

# A statement that puts in many rows takes a quarter of the time of one for each; SQLite before 3.32 takes 999 values at most.
_ROWS = 50
_VALUES = 999


class Loader:
    """
    Puts rows into one table, each of them once, however often it is fetched.

    Args:
        names: the columns that anybody looks at.
    """

    def __init__(self, raw: sqlite3.Connection, table: LocalTable, names: Iterable[str]) -> None:
        self._raw = raw
        self._table = table
        wanted = set(names)
        # One at least: somebody may count rows.
        self.columns = [column for column in table.columns if column.name in wanted] or list(table.columns[:1])
        self._together = max(1, min(_ROWS, _VALUES // len(self.columns)))
        self._many = table.insert_sql(self.columns, self._together)
        self._one = table.insert_sql(self.columns, 1)
        self._seen: set[str] = set()
        self.row_ids: set[str | None] = set()

    def add(self, rows: Sequence[Row]) -> None:
        rows = self._new(rows)
        columns = [column.values(rows) for column in self.columns]
        for column, values in zip(self.columns, columns, strict=True):
            if column.is_row_id:
                self.row_ids.update(values)
        values = chain.from_iterable(zip(*columns, strict=True))
        width, full = len(columns) * self._together, len(rows) // self._together
        self._raw.executemany(self._many, (tuple(islice(values, width)) for _ in range(full)))
        self._raw.executemany(self._one, zip(*[values] * len(columns), strict=True))

    def _new(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out what was there before: rows that moved from page to page while they were read, and those of another step."""
        ids = set(map(itemgetter(ROW_ID), rows))
        if len(ids) == len(rows) and self._seen.isdisjoint(ids):
            self._seen |= ids
            return rows
        new = []
        for row in rows:
            if row[ROW_ID] not in self._seen:
                self._seen.add(row[ROW_ID])
                new.append(row)
        return new

    def index(self) -> None:
        """Make an index of each column that tables are joined by: SQLite makes one by itself, but not where a nested query looks at an outer one."""
        for column in self.columns:
            if column.is_key and not column.is_rowid:
                self._raw.execute(self._table.index_sql(column))

    def collate(self) -> None:
        """Give row ids the server's collation after all."""
        for statement in self._table.collate_sql():
            self._raw.execute(statement)
