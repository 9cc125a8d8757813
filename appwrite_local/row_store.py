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

# The index that keeps ids unique without case where their folds are those of texts.
_CASELESS_IDS = "_uid_caseless"

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
        return cls(of_id="._uid_fold" in str(error) or _CASELESS_IDS in str(error))


@dataclass(frozen=True, slots=True)
class _Reader:
    """How to read a selection of columns: the SQL, the keys, and the values to decode."""

    sql: str
    keys: tuple[str, ...]
    decoders: tuple[tuple[str, Callable[[Any], Any]], ...]


def create_storage(session: Session, table_seq: int) -> None:
    table = f"rows_{table_seq}"
    numbered = "INTEGER PRIMARY KEY AUTOINCREMENT"
    sequence = numbered if session.engine.new_sequence is None else "TEXT PRIMARY KEY NOT NULL"
    session.execute(
        f"CREATE TABLE {table} (_id {sequence}, _uid TEXT NOT NULL, "
        "_uid_fold TEXT NOT NULL UNIQUE, _created TEXT NOT NULL, _updated TEXT NOT NULL, "
        "_permissions TEXT NOT NULL)"
    )
    if session.engine.orders_ids_as_text:
        session.execute(f"CREATE UNIQUE INDEX {table}{_CASELESS_IDS} ON {table} (lower(_uid))")
    if not session.engine.ids_fold_on_lookup:
        session.execute(f"CREATE INDEX {table}_uid ON {table} (_uid)")
    # Every table of the server has these two.
    session.execute(f"CREATE INDEX {table}_created ON {table} (_created)")
    session.execute(f"CREATE INDEX {table}_updated ON {table} (_updated)")


def drop_storage(session: Session, table_seq: int) -> None:
    session.execute(f"DROP TABLE IF EXISTS rows_{table_seq}")


def add_columns(session: Session, table_seq: int, columns: Sequence[Column]) -> None:
    declared = []
    for column in columns:
        kinds = {column.sql: storage_type(column, session.engine), column.null_sql: "INTEGER"}
        declared += [
            f"{name} {kinds.get(name, 'TEXT')}" for name in storage_columns(column, session.engine)
        ]
    if declared and _was_never_filled(session, table_seq):
        _create_again(session, table_seq, declared)
        return
    for declaration in declared:
        session.execute(f"ALTER TABLE rows_{table_seq} ADD COLUMN {declaration}")


def _was_never_filled(session: Session, table_seq: int) -> bool:
    if session.one(f"SELECT 1 FROM rows_{table_seq} LIMIT 1"):
        return False
    # A table made anew would number its rows from 1.
    return session.engine.new_sequence is not None or not session.one(
        "SELECT 1 FROM sqlite_sequence WHERE name = ?", (f"rows_{table_seq}",)
    )


def _create_again(session: Session, table_seq: int, declared: Sequence[str]) -> None:
    """
    Replace an empty table by one with further columns.

    ``ALTER TABLE`` reads the whole schema again: the time for each column of a new table would grow
    with the number of all tables.
    """
    table = f"rows_{table_seq}"
    create, *indexes = (
        sql
        for (sql,) in session.all(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type = "
            "'table' DESC, rowid",
            (table,),
        )
    )
    session.execute(f"DROP TABLE {table}")
    session.execute(f"{create.removesuffix(')')}, {', '.join(declared)})")
    for index in indexes:
        session.execute(index)


def drop_column(session: Session, table_seq: int, column: Column) -> None:
    for name in storage_columns(column, session.engine):
        session.execute(f"ALTER TABLE rows_{table_seq} DROP COLUMN {name}")


class RowStore:
    """The rows of one table, inside one session."""

    def __init__(self, session: Session, table: Table, engine: Engine) -> None:
        self._session = session
        self.table = table
        self.engine = engine

    def get(self, row_id: str, select: Sequence[str] | None = None) -> Row | None:
        """Find a row by id, in another case as well if the engine does."""
        if self.engine.ids_fold_on_lookup:
            return self._by_folded_id(row_id, select)
        rows = self.find("_uid = ?", (row_id,), select=select)
        return rows[0] if rows else None

    def get_cached(self, row_id: str, select: Sequence[str] | None = None) -> Row | None:
        """Find a row as ``get`` does, and in another case if the server's cache has it."""
        read_rows = self._session.read_rows
        row = self.get(row_id, select)
        if row is None and self.engine.finds_read_rows:
            row = self._by_folded_id(row_id, select)
            if row is not None and (self.table.seq, row["$sequence"]) not in read_rows:
                return None
        elif row is not None and select is None:
            read_rows.note(self.table.seq, row["$sequence"])
        return row

    def _by_folded_id(self, row_id: str, select: Sequence[str] | None = None) -> Row | None:
        same = "lower(_uid) = lower(?)" if self.engine.orders_ids_as_text else "_uid_fold = ?"
        sought = row_id if self.engine.orders_ids_as_text else fold(row_id)
        rows = self.find(same, (sought,), select=select)
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
            if select is not None:
                self._refuse_lost(columns)
            reader = _Reader(
                ", ".join(
                    [
                        *("NULL" if column.is_lost else column.sql for column in columns),
                        _INTERNAL_SQL,
                    ]
                ),
                (*(column.key for column in columns), *_INTERNAL_KEYS),
                tuple(
                    (column.key, decode)
                    for column in columns
                    if (decode := decoder(column, self.engine)) is not None
                ),
            )
            if len(self.table.plans) < 200:
                self.table.plans[cache_key] = reader
        return reader

    def _refuse_lost(self, columns: Iterable[Column]) -> None:
        if any(column.is_lost for column in columns):
            raise ApiError(self.engine.missing_column, id=self.table.id)

    def count(self, where: str, params: Iterable[Any]) -> int:
        """Count rows, up to the server's maximum."""
        count = self._session.scalar(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self.table.sql} WHERE {where} LIMIT "
            f"{TOTAL_CAP})",
            list(params),
        )
        return int(count)

    def compare_values(self, sequence: str, expressions: Sequence[str]) -> tuple[Any, ...]:
        """Return the values that a row is ordered by, for a cursor at this row."""
        row = self._session.one(
            f"SELECT {', '.join(expressions)} FROM {self.table.sql} WHERE _id = ?", (sequence,)
        )
        return row or ()

    def held_number(self, sequence: str, column: Column) -> tuple[Any, bool]:
        """Return what a row holds in a column with a null mark, and whether it is a stored null."""
        names = ", ".join(storage_columns(column, self.engine))
        held, is_null = self._session.one(
            f"SELECT {names} FROM {self.table.sql} WHERE _id = ?", (sequence,)
        ) or (None, None)
        return held, bool(is_null)

    def is_empty(self) -> bool:
        return self._session.one(f"SELECT 1 FROM {self.table.sql}") is None

    def insert(self, row: Row) -> str:
        """
        Add a row and return its sequence.

        Raises:
            Duplicate: the id or a unique index is taken.
        """
        names, values = self._stored(row)
        made = None if self.engine.new_sequence is None else self.engine.new_sequence()
        if made is not None:
            names, values = [*names, "_id"], [*values, made]
        sql = f"INSERT INTO {self.table.sql} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        try:
            number = self._session.insert(sql, values)
        except sqlite3.IntegrityError as error:
            raise Duplicate.of(error) from error
        return made or str(number)

    def update(self, sequence: str, changes: Row) -> None:
        """
        Change a row's values, including ``$``-keys.

        Raises:
            Duplicate: the new id or a unique index is taken.
        """
        names, values = self._stored(changes)
        self._session.read_rows.forget(self.table.seq, sequence)
        sql = f"UPDATE {self.table.sql} SET {', '.join(f'{name} = ?' for name in names)} WHERE _id = ?"
        try:
            self._session.execute(sql, [*values, sequence])
        except sqlite3.IntegrityError as error:
            raise Duplicate.of(error) from error
        except OverflowError as error:
            raise ApiError("general_unknown") from error

    def delete(self, sequences: Sequence[str]) -> None:
        for sequence in sequences:
            self._session.read_rows.forget(self.table.seq, sequence)
            self._session.execute(f"DELETE FROM {self.table.sql} WHERE _id = ?", (sequence,))

    def find_clash(self, row: Row) -> Row | None:
        """
        Find the row that an insert would clash with.

        The id counts first, then each unique index in order of creation. Where no unique index can
        change which row is written, the insert itself reports those clashes.
        """
        found = self._by_folded_id(row["$id"])
        if found is not None or not self.engine.upsert_overwrites:
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
            params.append(to_storage(column, value, self.engine)[-1])
        found = self.find(" AND ".join(parts), params, limit=1)
        return found[0] if found else None

    def _stored(self, row: Row) -> tuple[list[str], list[Any]]:
        names: list[str] = []
        values: list[Any] = []
        for key, value in row.items():
            column = self.table.stored.get(key)
            if column is not None:
                self._refuse_lost([column])
                names += storage_columns(column, self.engine)
                values += to_storage(column, value, self.engine)
            elif key == "$id":
                names += ("_uid", "_uid_fold")
                as_text = self.engine.orders_ids_as_text
                values += (value, self.engine.fold(value) if as_text else fold(value))
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
