"""Read and write a table's rows in SQLite, as dictionaries of the values that the API sends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from appwrite_local.collation import fold
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError
from appwrite_local.schema import Column, Table
from appwrite_local.storage import Session
from appwrite_local.values import Row, decoder, storage_columns, storage_type, to_storage

TOTAL_CAP = 5000

_INTERNAL_SQL = "_uid, _id, _created, _updated, _permissions"
_INTERNAL_KEYS = ("$id", "$sequence", "$createdAt", "$updatedAt", "$permissions")


class Duplicate(Exception):
    """
    An id or a unique index is taken.

    Attributes:
        of_id: whether it is the id.
        keeps_writes: whether earlier writes stay, as on the server where rows are related before
            they are created.
    """

    keeps_writes = False

    def __init__(self, *, of_id: bool) -> None:
        super().__init__(of_id)
        self.of_id = of_id

    @classmethod
    def of(cls, error: sqlite3.IntegrityError) -> Duplicate:
        """Return what was taken, from SQLite's error, which names the id's column or the index."""
        return cls(of_id="._uid_fold" in str(error))


@dataclass(frozen=True, slots=True)
class _Reader:
    """How to read a selection of columns: the SQL, the keys, and the values to decode."""

    sql: str
    keys: tuple[str, ...]
    decoders: tuple[tuple[str, Callable[[Any], Any]], ...]


def create_storage(session: Session, table_seq: int) -> None:
    table = f"rows_{table_seq}"
    session.execute(
        f"CREATE TABLE {table} (_id INTEGER PRIMARY KEY AUTOINCREMENT, _uid TEXT NOT NULL, "
        "_uid_fold TEXT NOT NULL UNIQUE, _created TEXT NOT NULL, _updated TEXT NOT NULL, "
        "_permissions TEXT NOT NULL)"
    )
    # Every table of the server has these two.
    session.execute(f"CREATE INDEX {table}_created ON {table} (_created)")
    session.execute(f"CREATE INDEX {table}_updated ON {table} (_updated)")


def drop_storage(session: Session, table_seq: int) -> None:
    session.execute(f"DROP TABLE IF EXISTS rows_{table_seq}")


def add_column(session: Session, table_seq: int, column: Column) -> None:
    session.execute(f"ALTER TABLE rows_{table_seq} ADD COLUMN {column.sql} {storage_type(column)}")
    if column.has_fold:
        session.execute(f"ALTER TABLE rows_{table_seq} ADD COLUMN {column.folded_sql} TEXT")


def drop_column(session: Session, table_seq: int, column: Column) -> None:
    for name in storage_columns(column):
        session.execute(f"ALTER TABLE rows_{table_seq} DROP COLUMN {name}")


class RowStore:
    """The rows of one table, inside one session."""

    def __init__(self, session: Session, table: Table, engine: Engine) -> None:
        self._session = session
        self.table = table
        self._engine = engine

    def get(self, row_id: str, select: Sequence[str] | None = None) -> Row | None:
        """Find a row by id; ids are compared without case, as on the server."""
        rows = self.find("_uid_fold = ?", (fold(row_id),), select=select)
        return rows[0] if rows else None

    def find(
        self, where: str, params: Iterable[Any], *, order: str = "_id", limit: int | None = None, offset: int = 0, select: Sequence[str] | None = None,
    ) -> list[Row]:  # fmt: skip
        """Read rows. ``select`` names columns; the internal keys are always included."""
        reader = self._reader(select)
        sql = f"SELECT {reader.sql} FROM {self.table.sql} WHERE {where} ORDER BY {order}"
        values = list(params)
        if limit is not None or offset:
            sql += " LIMIT ? OFFSET ?"
            values += [-1 if limit is None else limit, offset]
        return self._rows(reader, self._session.execute(sql, values))

    def _rows(self, reader: _Reader, records: Iterable[Sequence[Any]]) -> list[Row]:
        rows = []
        constant = {"$databaseId": self.table.database.id, "$tableId": self.table.id}
        for record in records:
            row: Row = dict(zip(reader.keys, record, strict=False))
            for key, decode in reader.decoders:
                row[key] = decode(row[key])
            permissions = row["$permissions"]
            row["$permissions"] = json.loads(permissions) if permissions != "[]" else []
            row["$sequence"] = str(row["$sequence"])
            row.update(constant)
            rows.append(row)
        return rows

    def _reader(self, select: Sequence[str] | None) -> _Reader:
        cache_key = ("reader", None if select is None else tuple(select))
        reader: _Reader | None = self.table.plans.get(cache_key)
        if reader is None:
            columns = [
                column
                for column in self.table.stored.values()
                if select is None or column.key in select
            ]
            reader = _Reader(
                ", ".join([*(column.sql for column in columns), _INTERNAL_SQL]),
                (*(column.key for column in columns), *_INTERNAL_KEYS),
                tuple(
                    (column.key, decode)
                    for column in columns
                    if (decode := decoder(column)) is not None
                ),
            )
            if len(self.table.plans) < 200:
                self.table.plans[cache_key] = reader
        return reader

    def count(self, where: str, params: Iterable[Any]) -> int:
        """Count rows, up to the server's maximum."""
        count = self._session.scalar(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self.table.sql} WHERE {where} LIMIT "
            f"{TOTAL_CAP})",
            list(params),
        )
        return int(count)

    def compare_values(self, sequence: int, expressions: Sequence[str]) -> tuple[Any, ...]:
        """Return the values that a row is ordered by, for a cursor at this row."""
        row = self._session.one(
            f"SELECT {', '.join(expressions)} FROM {self.table.sql} WHERE _id = ?", (sequence,)
        )
        return row or ()

    def is_empty(self) -> bool:
        return self._session.one(f"SELECT 1 FROM {self.table.sql}") is None

    def insert(self, row: Row) -> str:
        """
        Add a row and return its sequence.

        Raises:
            Duplicate: the id or a unique index is taken.
        """
        names, values = self._stored(row)
        sql = f"INSERT INTO {self.table.sql} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        try:
            return str(self._session.insert(sql, values))
        except sqlite3.IntegrityError as error:
            raise Duplicate.of(error) from error

    def update(self, sequence: str, changes: Row) -> None:
        """
        Change a row's values, including ``$``-keys.

        Raises:
            Duplicate: the new id or a unique index is taken.
        """
        names, values = self._stored(changes)
        sql = f"UPDATE {self.table.sql} SET {', '.join(f'{name} = ?' for name in names)} WHERE _id = ?"
        try:
            self._session.execute(sql, [*values, int(sequence)])
        except sqlite3.IntegrityError as error:
            raise Duplicate.of(error) from error
        except OverflowError as error:
            raise ApiError("general_unknown") from error

    def delete(self, sequences: Sequence[str]) -> None:
        for sequence in sequences:
            self._session.execute(f"DELETE FROM {self.table.sql} WHERE _id = ?", (int(sequence),))

    def find_clash(self, row: Row) -> Row | None:
        """
        Find the row that an insert would clash with.

        The id counts first, then each unique index in order of creation.
        """
        found = self.get(row["$id"])
        if found is not None:
            return found
        for index in self.table.all_indexes:
            if index.type == "unique" and index.built:
                found = self._find_by_index(index.columns, index.lengths, row)
                if found is not None:
                    return found
        return None

    def _find_by_index(
        self, keys: Sequence[str], lengths: Sequence[int | None], row: Row
    ) -> Row | None:
        parts, params = [], []
        for position, key in enumerate(keys):
            column = self.table.columns.get(key)
            if column is None or row.get(key) is None:
                return None
            length = lengths[position] if position < len(lengths) else None
            parts.append(f"{index_expression(column, length)} = ?")
            value = row[key][:length] if length and isinstance(row[key], str) else row[key]
            params.append(to_storage(column, value, self._engine)[-1])
        found = self.find(" AND ".join(parts), params, limit=1)
        return found[0] if found else None

    def _stored(self, row: Row) -> tuple[list[str], list[Any]]:
        names: list[str] = []
        values: list[Any] = []
        for key, value in row.items():
            column = self.table.stored.get(key)
            if column is not None:
                names += storage_columns(column)
                values += to_storage(column, value, self._engine)
            elif key == "$id":
                names += ("_uid", "_uid_fold")
                values += (value, fold(value))
            elif key == "$permissions":
                names.append("_permissions")
                values.append(json.dumps(value))
            elif key in ("$createdAt", "$updatedAt"):
                names.append("_created" if key == "$createdAt" else "_updated")
                values.append(value)
        return names, values


def index_expression(column: Column, length: int | None) -> str:
    """Return the SQL of an index: the collation's key of the text, or of its first characters."""
    if length and column.has_fold:
        return f"ci_fold(substr({column.sql}, 1, {int(length)}))"
    return column.folded_sql if column.has_fold else column.sql
