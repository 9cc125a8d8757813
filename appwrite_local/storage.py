"""
Store everything that a server holds in SQLite, in one file or in memory.

Each thread opens a file on its own connection, in WAL mode. Writes begin immediately, so that
several threads and processes wait for each other instead of failing. A server in memory has one
connection, and handles one request at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from appwrite_local import sql_functions
from appwrite_local.engines import MARIADB, Engine

BUSY_TIMEOUT_S = 60.0
# The key of the pool of a server in memory; pools of files are kept by process.
_MEMORY = 0

_METADATA = """
CREATE TABLE IF NOT EXISTS _meta (schema_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS _engine (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _databases (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL COLLATE NOCASE UNIQUE, name TEXT NOT NULL, enabled INTEGER NOT NULL,
    type TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _tables (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, database_seq INTEGER NOT NULL REFERENCES _databases (seq), id TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL, enabled INTEGER NOT NULL, row_security INTEGER NOT NULL, permissions TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL, UNIQUE (database_seq, id));
CREATE TABLE IF NOT EXISTS _columns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, table_seq INTEGER NOT NULL REFERENCES _tables (seq), key TEXT NOT NULL COLLATE NOCASE,
    definition TEXT NOT NULL, ready_at REAL NOT NULL, gone_at REAL, created TEXT NOT NULL, updated TEXT NOT NULL, UNIQUE (table_seq, key));
CREATE TABLE IF NOT EXISTS _indexes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, table_seq INTEGER NOT NULL REFERENCES _tables (seq), key TEXT NOT NULL COLLATE NOCASE,
    definition TEXT NOT NULL, ready_at REAL NOT NULL, gone_at REAL, created TEXT NOT NULL, updated TEXT NOT NULL, UNIQUE (table_seq, key));
CREATE TABLE IF NOT EXISTS _keys (
    id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL, scopes TEXT NOT NULL, secret TEXT NOT NULL UNIQUE, expire TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, transaction_seq INTEGER NOT NULL, table_seq INTEGER NOT NULL, row_id TEXT, action TEXT NOT NULL,
    data TEXT NOT NULL, staged_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS _operations_by_transaction ON _operations (transaction_seq);
CREATE TABLE IF NOT EXISTS _webhooks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL COLLATE NOCASE UNIQUE, name TEXT NOT NULL, url TEXT NOT NULL,
    events TEXT NOT NULL, tls INTEGER NOT NULL, username TEXT NOT NULL, password TEXT NOT NULL, secret TEXT NOT NULL,
    enabled INTEGER NOT NULL, logs TEXT NOT NULL, attempts INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _users (
    id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL, email TEXT NOT NULL, verified INTEGER NOT NULL, labels TEXT NOT NULL,
    teams TEXT NOT NULL, session TEXT NOT NULL UNIQUE, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _transactions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL COLLATE NOCASE UNIQUE, status TEXT NOT NULL, operations INTEGER NOT NULL,
    expires TEXT NOT NULL, owner TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _buckets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL COLLATE NOCASE UNIQUE, definition TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket_seq INTEGER NOT NULL REFERENCES _buckets (seq), id TEXT NOT NULL COLLATE NOCASE,
    definition TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, UNIQUE (bucket_seq, id));
CREATE TABLE IF NOT EXISTS _previews (file_seq INTEGER NOT NULL, params TEXT NOT NULL, PRIMARY KEY (file_seq, params));
CREATE TABLE IF NOT EXISTS _file_tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, file_seq INTEGER NOT NULL, resource TEXT NOT NULL,
    expire TEXT NOT NULL, secret TEXT NOT NULL, created TEXT NOT NULL, accessed TEXT NOT NULL);
"""


#: Written into each file (``PRAGMA user_version``). Increment it with every change that older
#: versions of this package cannot read.
FORMAT = 2
# Distinguishes this program's SQLite files (``PRAGMA application_id``): "Appw".
_APPLICATION_ID = 0x41707077


_MAX_READ_ROWS = 10_000


class WrongFormat(Exception):
    """The file belongs to a newer version of this package, another program or another engine."""


class ReadRows:
    """The rows that the server's cache has: read alone and not written since, by this process."""

    def __init__(self) -> None:
        self._known: set[tuple[int, str]] = set()

    def note(self, table_seq: int, sequence: str) -> None:
        if len(self._known) > _MAX_READ_ROWS:
            self._known = set()
        self._known.add((table_seq, sequence))

    def forget(self, table_seq: int, sequence: str) -> None:
        self._known.discard((table_seq, sequence))

    def __contains__(self, row: tuple[int, str]) -> bool:
        return row in self._known


class Session:
    """
    One request's access to the storage.

    Row values are plain tuples. Names of tables and columns in SQL consist of numbers only, never
    of text from a client.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        engine: Engine,
        read_rows: ReadRows,
        *,
        writes: bool,
    ) -> None:
        self._connection = connection
        self.engine = engine
        self.read_rows = read_rows
        self.writes = writes
        self.schema_touched = False
        #: Called once the writes are stored.
        self.after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, params)

    def execute_many(self, sql: str, records: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, records)

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(sql, params).fetchone()
        return row

    def scalar(self, sql: str, params: Sequence[Any] = ()) -> Any:
        row = self.one(sql, params)
        return None if row is None else row[0]

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        sequence = self._connection.execute(sql, params).lastrowid
        return sequence or 0

    def touch_schema(self) -> None:
        """Invalidate the cached definitions of tables in every process."""
        self._connection.execute("UPDATE _meta SET schema_version = schema_version + 1")
        self.schema_touched = True

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block if it raises, and keep everything done before it."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            raise
        finally:
            self._connection.execute("RELEASE part")


class Storage:
    """
    The data of a server.

    Args:
        location: the path of a file, created if absent, or ``:memory:``. Memory is private to this
            object, whatever the number of threads.
        engine: the database below the server. A file keeps the engine that made it.

    Raises:
        WrongFormat: the file was written by a newer version of this package, by one whose rules for
            the engine were others, with another engine, or by another program; it is unchanged.
        sqlite3.DatabaseError: the file cannot be opened, or is not an SQLite file.
    """

    def __init__(self, location: str = ":memory:", engine: Engine = MARIADB) -> None:
        self.location = location
        self.engine = engine
        self.read_rows = ReadRows()
        self._pools: dict[int, list[sqlite3.Connection]] = {}
        self._lock = threading.RLock()
        self._pid = os.getpid()
        if not self.in_memory:
            # Check this first: even the switch to WAL is written into the file.
            with contextlib.closing(
                sqlite3.connect(location, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as found:
                _check_format(found, location, engine)
                _check_engine(found, location, engine)
        connection = self._connect()
        self._create_metadata(connection)
        self._give_back(connection)
        # A caller that forgets to close gets no warnings about it, also at the end of the process.
        weakref.finalize(self, _close_idle, self._pools)

    @property
    def in_memory(self) -> bool:
        return self.location == ":memory:"

    @contextlib.contextmanager
    def session(self, *, writes: bool) -> Iterator[Session]:
        """
        Run the block in one transaction: immediate if it writes, else one consistent view.

        The writes of the block are kept only if it does not raise.
        """
        with self._exclusive(), self._connection() as connection:
            with _transaction(connection, "BEGIN IMMEDIATE" if writes else "BEGIN"):
                session = Session(connection, self.engine, self.read_rows, writes=writes)
                yield session
            for call in session.after_commit:
                call()

    def close(self) -> None:
        """Close idle connections. Data in memory is lost then."""
        with self._lock:
            _close_idle(self._pools)

    def _exclusive(self) -> contextlib.AbstractContextManager[object]:
        if self._pid != os.getpid():
            # A fork while another thread holds the lock would leave it held forever.
            self._pid = os.getpid()
            self._lock = threading.RLock()
        return self._lock if self.in_memory else contextlib.nullcontext()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # Connections are kept per process, because SQLite forbids carrying one over a fork. Memory
        # has no second copy to open; a child that uses the inherited connection works on its own
        # copy of the pages.
        pool = self._pools.setdefault(_MEMORY if self.in_memory else os.getpid(), [])
        try:
            connection = pool.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._pools.setdefault(_MEMORY if self.in_memory else os.getpid(), []).append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.location,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            sql_functions.register(connection, self.engine)
            if not self.in_memory:
                _enter_wal(connection)
                connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -65536")
        except sqlite3.Error:  # not an SQLite file
            connection.close()
            raise
        return connection

    def _create_metadata(self, connection: sqlite3.Connection) -> None:
        if _check_format(connection, self.location, self.engine) == FORMAT:
            return
        with _transaction(connection, "BEGIN IMMEDIATE"):
            # Another process, with another version, may have been first.
            _check_format(connection, self.location, self.engine)
            for statement in _METADATA.split(";"):
                connection.execute(statement)
            if connection.execute("SELECT 1 FROM _meta").fetchone() is None:
                connection.execute("INSERT INTO _meta VALUES (1)")
            if connection.execute("SELECT 1 FROM _engine").fetchone() is None:
                connection.execute("INSERT INTO _engine VALUES (?)", (self.engine.name,))
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """
    Run the block in a transaction.

    An exception may come between any two steps, as from a signal's handler, and a failed commit
    leaves the transaction open; the next user of the connection could then begin none.
    """
    try:
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_format(connection: sqlite3.Connection, location: str, engine: Engine) -> int:
    """
    Return the format of a file.

    0 means none: the file is empty or was written before formats existed, which equals 1.

    Raises:
        WrongFormat: the format is newer than this version, too old for the engine, or another
            program's.
    """
    (version,), (application,) = (
        connection.execute(f"PRAGMA {name}").fetchone()
        for name in ("user_version", "application_id")
    )
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    is_ours = application == _APPLICATION_ID or (
        not application and not version and {"_meta", "_tables"} <= tables
    )
    if not is_ours and (application or version or tables):
        raise WrongFormat(
            f"{location} is a database of another program, and is left as it is: name another "
            "file, which need not exist."
        )
    if version > FORMAT:
        raise WrongFormat(
            f"{location} has format {version}, and this version of appwrite-orm-django reads up to "
            f"{FORMAT}: upgrade it to the version that wrote the file, or name another file."
        )
    if tables and max(version, 1) < engine.oldest_format:
        raise WrongFormat(
            f"{location} was written by an older version of appwrite-orm-django, which compared the "
            f"text of engine {engine.name} by other rules: name another file, and fill it again."
        )
    return int(version)


def _check_engine(connection: sqlite3.Connection, location: str, engine: Engine) -> None:
    """
    Check that a file was made with an engine; the first format did not note it.

    Raises:
        WrongFormat: it was made with another one.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_engine'").fetchone():
        return
    (made_with,) = connection.execute("SELECT name FROM _engine").fetchone()
    if made_with != engine.name:
        raise WrongFormat(
            f"{location} holds the rows of engine {made_with}, and is left as it is: open it with "
            f"that engine, or name another file for {engine.name}."
        )


def _close_idle(pools: dict[int, list[sqlite3.Connection]]) -> None:
    """Close this process's connections, but not those of a parent under the same object."""
    for pid in (_MEMORY, os.getpid()):
        for connection in pools.pop(pid, []):
            connection.close()


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite fails at once if another process is doing the same."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
