"""
Keep the records of databases, tables, columns and indexes.

Each process caches the definitions of tables, and drops them when any process has changed the
storage's schema version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from appwrite_local import delays
from appwrite_local.engines import MARIADB, Engine
from appwrite_local.errors import ApiError
from appwrite_local.storage import Session


@dataclass(slots=True)
class Database:
    seq: int
    id: str
    name: str
    enabled: bool
    type: str
    created: str
    updated: str


@dataclass(slots=True)
class Column:
    """
    A column's definition.

    Attributes:
        type: as in answers: string, varchar, text, mediumtext, longtext, integer, bigint, double,
            boolean, datetime, point, linestring, polygon, relationship.
        format: of strings: email, url, ip, enum or empty.
        low, high: bounds as given; ``None`` if inline columns omit them.
        bounded: whether values are checked against bounds as a format (column routes) or only by
            type (inline columns).
        options: options of a single type (relationships).
        engine: of the database that has the column.
    """

    seq: int
    key: str
    type: str
    size: int = 0
    required: bool = False
    default: Any = None
    array: bool = False
    format: str = ""
    encrypt: bool = False
    low: Any = None
    high: Any = None
    bounded: bool = True
    signed: bool = True
    elements: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    status: str = "available"
    error: str = ""
    created: str = ""
    updated: str = ""
    engine: Engine = MARIADB

    @property
    def sql(self) -> str:
        return f"c{self.seq}"

    @property
    def folded_sql(self) -> str:
        """The shadow column with the collation's key; see ``has_fold``."""
        return f"f{self.seq}"

    @property
    def null_sql(self) -> str:
        """The shadow column that marks a stored null; see ``values.has_null_mark``."""
        return f"n{self.seq}"

    @property
    def is_hidden(self) -> bool:
        """Whether this is the far side of a one-way relationship, which no list shows."""
        return bool(self.options.get("hidden"))

    @property
    def is_lost(self) -> bool:
        """Whether the database's column has another name, so that no SQL can name it."""
        return bool(self.options.get("lost"))

    @property
    def is_virtual(self) -> bool:
        """
        Whether this is the side of a relationship that stores nothing.

        The ids are in the other table, or in a table of their own.
        """
        return self.type == "relationship" and not self.options["holdsKey"]

    @property
    def has_fold(self) -> bool:
        return self.type in TEXT_TYPES and not self.array and not self.encrypt

    def definition(self) -> str:
        names = (
            "type",
            "size",
            "required",
            "default",
            "array",
            "format",
            "encrypt",
            "low",
            "high",
            "bounded",
            "signed",
            "elements",
            "options",
        )
        return json.dumps({name: getattr(self, name) for name in names})


TEXT_TYPES = frozenset({"string", "varchar", "text", "mediumtext", "longtext"})
NUMBERS = frozenset({"integer", "bigint", "double"})
SPATIAL_TYPES = frozenset({"point", "linestring", "polygon"})


@dataclass(slots=True)
class Index:
    """
    An index's definition.

    The server keeps two descriptions of an index. The API lists one. The other is the database's
    own, which is checked when columns change. They diverge when a column of the index is deleted.

    Attributes:
        built: whether SQLite holds it. A unique index over duplicates is never built and yet
            available, as on the server.
        held: the columns of the database's own description, if they differ from ``columns``; empty
            if the database has no such index.
        held_lengths: their lengths. A deleted column leaves its length behind.
        inline: whether it was made together with its table.
        stuck: why the index could not be deleted; empty if no deletion has failed.
    """

    seq: int
    key: str
    type: str
    columns: list[str]
    lengths: list[int | None]
    orders: list[str | None]
    built: bool = True
    held: list[str] | None = None
    held_lengths: list[int | None] | None = None
    inline: bool = False
    stuck: str = ""
    status: str = "available"
    error: str = ""
    created: str = ""
    updated: str = ""

    @property
    def sql(self) -> str:
        return f"i{self.seq}"

    @property
    def held_columns(self) -> list[str]:
        return self.columns if self.held is None else self.held

    def as_held(self) -> Index:
        """Return the index as the database itself knows it."""
        lengths = self.lengths if self.held_lengths is None else self.held_lengths
        return replace(self, columns=self.held_columns, lengths=lengths)

    def definition(self) -> str:
        names = ["type", "columns", "lengths", "orders", "built", "held", "held_lengths", "stuck"]
        if self.inline:  # earlier versions do not know it
            names.append("inline")
        return json.dumps({name: getattr(self, name) for name in names})


@dataclass(slots=True)
class Table:
    """
    A table's definition.

    Attributes:
        all_columns: columns of any status.
        columns: the available columns, by key.
        hidden: the far sides of one-way relationships.
        stored: the columns that rows store: ``columns`` and ``hidden`` without the sides of
            relationships that store nothing.
    """

    seq: int
    database: Database
    id: str
    name: str
    enabled: bool
    row_security: bool
    permissions: list[str]
    created: str
    updated: str
    all_columns: list[Column]
    all_indexes: list[Index]
    engine: Engine = MARIADB
    columns: dict[str, Column] = field(init=False)
    hidden: dict[str, Column] = field(init=False)
    stored: dict[str, Column] = field(init=False)
    plans: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        available = [column for column in self.all_columns if column.status == "available"]
        self.all_columns = [column for column in self.all_columns if not column.is_hidden]
        self.columns = {column.key: column for column in available if not column.is_hidden}
        self.hidden = {column.key: column for column in available if column.is_hidden}
        self.stored = {column.key: column for column in available if not column.is_virtual}

    @property
    def sql(self) -> str:
        return f"rows_{self.seq}"

    def find_column(self, key: str) -> Column | None:
        """Find a column by key in any case, available or not."""
        return next(
            (column for column in self.all_columns if column.key.lower() == key.lower()), None
        )

    def named_column(self, key: str) -> Column | None:
        """Find the column that a route names: in any case if the database compares text so."""
        column = self.find_column(key)
        exact = not self.engine.names_are_text and column is not None and column.key != key
        return None if exact else column

    def find_index(self, key: str) -> Index | None:
        return next((index for index in self.all_indexes if index.key.lower() == key.lower()), None)


def _load(session: Session, database_id: str, table_id: str) -> Table | None:
    database = find_database(session, database_id)
    return None if database is None else load_table(session, database, table_id)


class SchemaCache:
    """The tables that a process has read, valid for one schema version."""

    def __init__(self) -> None:
        self.version = -1
        self._tables: dict[tuple[str, str], Table] = {}

    def table(self, session: Session, database_id: str, table_id: str) -> Table | None:
        if session.schema_touched:
            # After a rollback the next change reuses this version number, and definitions read
            # meanwhile would seem to belong to it.
            return _load(session, database_id, table_id)
        version = session.scalar("SELECT schema_version FROM _meta")
        if version != self.version:
            self.version, self._tables = version, {}
        tables, key = self._tables, (database_id, table_id)
        table = tables.get(key)
        if table is None:
            table = _load(session, database_id, table_id)
            if table is not None and not _unsettled(table):
                tables[key] = table
        return table


def table_by_seq(cache: SchemaCache, session: Session, seq: int) -> Table | None:
    """Find a table by number, which, unlike its id, is never reused."""
    row = session.one(
        "SELECT d.id, t.id FROM _tables t JOIN _databases d ON d.seq = t.database_seq WHERE t.seq "
        "= ?",
        (seq,),
    )
    return None if row is None else cache.table(session, row[0], row[1])


def _unsettled(table: Table) -> bool:
    entries: list[Column | Index] = [*table.all_columns, *table.all_indexes]
    return any(entry.status != "available" for entry in entries)


_DATABASE = "SELECT seq, id, name, enabled, type, created, updated FROM _databases"


def find_database(session: Session, database_id: str) -> Database | None:
    row = session.one(f"{_DATABASE} WHERE id = ?", (database_id,))
    return None if row is None else database_of(row)


def database_of(row: tuple[Any, ...]) -> Database:
    """Build a record from a row of ``seq, id, name, enabled, type, created, updated``."""
    seq, stored_id, name, enabled, kind, created, updated = row
    return Database(seq, stored_id, name, bool(enabled), kind, created, updated)


def list_databases(session: Session) -> list[Database]:
    return [database_of(row) for row in session.all(f"{_DATABASE} ORDER BY seq")]


_TABLE = "SELECT seq, id, name, enabled, row_security, permissions, created, updated FROM _tables"


def load_table(session: Session, database: Database, table_id: str) -> Table | None:
    row = session.one(f"{_TABLE} WHERE database_seq = ? AND id = ?", (database.seq, table_id))
    if row is None:
        return None
    seq, stored_id, name, enabled, row_security, permissions, created, updated = row
    return Table(
        seq, database, stored_id, name, bool(enabled), bool(row_security), json.loads(permissions), created, updated,
        load_columns(session, seq), load_indexes(session, seq), session.engine,
    )  # fmt: skip


def load_columns(session: Session, table_seq: int) -> list[Column]:
    rows = session.all(
        "SELECT seq, key, definition, ready_at, gone_at, created, updated FROM _columns WHERE "
        "table_seq = ? ORDER BY seq",
        (table_seq,),
    )
    columns = []
    for seq, key, definition, ready_at, gone_at, created, updated in rows:
        status = _status(ready_at, gone_at)
        if status is not None:
            column = Column(
                seq, key, **json.loads(definition), status=status, created=created, updated=updated,
                engine=session.engine,
            )  # fmt: skip
            if "failed" in column.options:
                column.status, column.error = "failed", column.options["failed"]
            columns.append(column)
    return columns


def load_indexes(session: Session, table_seq: int) -> list[Index]:
    rows = session.all(
        "SELECT seq, key, definition, ready_at, gone_at, created, updated FROM _indexes WHERE "
        "table_seq = ? ORDER BY seq",
        (table_seq,),
    )
    indexes = []
    for seq, key, definition, ready_at, gone_at, created, updated in rows:
        status = _status(ready_at, gone_at)
        if status is not None:
            index = Index(
                seq, key, **json.loads(definition), status=status, created=created, updated=updated
            )
            if index.stuck:
                index.status, index.error = "stuck", index.stuck
            indexes.append(index)
    return indexes


def _status(ready_at: float, gone_at: float | None) -> str | None:
    """Return the current status of an asynchronous entry; ``None`` if it is gone."""
    if gone_at is not None:
        return "deleting" if delays.is_ahead(gone_at) else None
    return "processing" if delays.is_ahead(ready_at) else "available"


class Deletions:
    """
    The indexes of tables as the server's worker sees them while columns are being deleted.

    The worker receives the indexes with each request, as they were then. Columns that are deleted
    at the same time are all still there, so the second deletion overwrites the indexes that the
    first has changed. Deletions are at the same time if one directly follows the other, or begins
    within the server's delay.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, list[Index]]] = {}

    def indexes(self, session: Session, table_seq: int, delay_s: float) -> list[Index]:
        """Return the indexes that the deletion of a column of a table starts from."""
        _until, indexes = self._seen.get(table_seq, (0.0, []))
        known = {index.seq for index in indexes}
        indexes = indexes + [
            index for index in load_indexes(session, table_seq) if index.seq not in known
        ]
        self._seen[table_seq] = (delays.moment_after(delay_s), indexes)
        return [replace(index, columns=[*index.columns]) for index in indexes]

    def settle(self) -> None:
        """Drop deletions whose time is over."""
        self._seen = {seq: seen for seq, seen in self._seen.items() if delays.is_ahead(seen[0])}


def require_database(session: Session, database_id: str) -> Database:
    database = find_database(session, database_id)
    if database is None:
        raise ApiError("database_not_found", id=database_id)
    return database


def require_table(cache: SchemaCache, session: Session, database_id: str, table_id: str) -> Table:
    """
    Find a table for a caller who may see disabled tables.

    Raises:
        ApiError: 404 ``database_not_found`` or ``table_not_found``.
    """
    table = cache.table(session, database_id, table_id)
    if table is None:
        require_database(session, database_id)
        raise ApiError("table_not_found", id=table_id)
    return table
