"""Create the database and table for the experiments, and delete them again."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from django.db import OperationalError

from appwrite_orm_django.client import columns, databases, indexes, rows, tables, transactions
from appwrite_orm_django.client.errors import (
    AppwriteError,
    DatabaseNotFound,
    MissingScope,
    TableNotFound,
    TransactionClosed,
)
from appwrite_orm_django.client.queries import Query, equal, limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.from_server import read_column, read_index
from appwrite_orm_django.schema.migrate import migrate
from appwrite_orm_django.schema.names import OWN_TABLES
from appwrite_orm_django.schema.waiting import Waiter

#: Prefix of the ids of scratch databases. An interrupted run may leave one behind; the next run
#: deletes it.
DATABASE_PREFIX = "appwrite-orm-doctor-"
TABLE = f"{OWN_TABLES}doctor"
#: Another run may still be using a database younger than this.
LEFTOVER_AGE = timedelta(hours=1)

#: A column for each way in which models store values.
COLUMNS = (
    Column("text", "varchar", 4000),
    Column("code", "varchar", 50),
    Column("number", "bigint"),
    Column("real", "double"),
    Column("moment", "datetime"),
    Column("words", "varchar", 50, array=True),
    Column("reals", "double", array=True),
)
UNIQUE = Index("code_unique", "unique", ("code",))

Row = dict[str, Any]
Event = Mapping[str, Any]


class ScratchRefused(Exception):
    """The key may not create a database, or the given database does not exist."""


class NotHeard(OperationalError):
    """The connection to realtime failed; the text says why."""


@dataclass(frozen=True, slots=True)
class WebhookSetUp:
    """
    The webhook described by the settings of an alias.

    Attributes:
        deliver: creates a row and waits for its delivery; returns the problem, or an empty string
            if it arrived.
    """

    id: str
    url: str
    events: Sequence[str]
    deliver: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Heard:
    """
    The events that realtime sent for two created rows.

    Attributes:
        outside, committed: the id of the row, and its event or None; the row was created outside a
            transaction, and inside one.
    """

    connected: bool = False
    outside: tuple[str, Event | None] = ("", None)
    committed: tuple[str, Event | None] = ("", None)


@dataclass(slots=True)
class Ears:
    """
    A connection to realtime.

    Attributes:
        listen: connects to channels and yields a function that waits a number of seconds for the
            next event. It raises ``NotHeard``.
        wait_s: how long to wait for an event, in seconds.
        heard: the events received, once the experiments have listened.
    """

    listen: Callable[[Sequence[str]], AbstractContextManager[Callable[[float], Event | None]]]
    wait_s: float
    heard: Heard | None = None


class Scratch:
    """
    A table for experiments, emptied before each.

    Args:
        deadline_s: seconds to wait for a column or an index.

    Attributes:
        webhook, ears: used by the experiments on request.
    """

    webhook: WebhookSetUp | None = None
    ears: Ears | None = None

    def __init__(self, transport: Transport, database: str, deadline_s: float = 60.0) -> None:
        self.transport = transport
        self.database = database
        self.table = TableRef(database, TABLE)
        self.waiter = Waiter(deadline_s)

    def empty(self) -> None:
        """Delete all rows."""
        rows.delete_rows(self.transport, self.table)

    def create(self, row_id: str | None = None, **data: Any) -> Row:
        """
        Create a row, then read and return it.

        The response to the write may differ from what is stored.
        """
        made = rows.create_row(self.transport, self.table, row_id or new_id(), _explicit(data))
        return self.get(made["$id"])

    def create_many(self, count: int, **data: Any) -> list[str]:
        """Create up to 100 rows with the same values in one request, and return their ids."""
        ids = [new_id() for _ in range(count)]
        rows.create_rows(
            self.transport, self.table, [{"$id": row_id, **_explicit(data)} for row_id in ids]
        )
        return ids

    def get(self, row_id: str) -> Row:
        return rows.get_row(self.transport, self.table, row_id)

    def update(self, row_id: str, **data: Any) -> Row:
        return rows.update_row(self.transport, self.table, row_id, data)

    def find(self, *queries: Query) -> list[Row]:
        """Return at most 500 rows that match."""
        found: list[Row] = rows.list_rows(self.transport, self.table, [*queries, limit(500)])[
            "rows"
        ]
        return found

    def exists(self, row_id: str) -> bool:
        return bool(self.find(equal("$id", row_id)))

    def add_column(self, column: Column) -> None:
        """Create a column and wait until it can be used."""
        options = {"size": column.size, "default": column.default}
        columns.create_column(
            self.transport, self.table, column.type, column.key, required=column.required, **options
        )
        self._wait("until_available", column.key, columns.list_columns, "columns")

    def drop_column(self, key: str) -> None:
        columns.delete_column(self.transport, self.table, key)
        self._wait("until_gone", key, columns.list_columns, "columns")

    def column_keys(self) -> set[str]:
        return {column["key"] for column in columns.list_columns(self.transport, self.table)}

    def add_index(self, index: Index) -> None:
        """
        Create an index and wait until it can be used.

        Raises:
            NotAvailable: the server reports that the index failed.
        """
        indexes.create_index(self.transport, self.table, index.key, index.type, index.columns)
        self._wait("until_available", index.key, indexes.list_indexes, "indexes")

    def drop_index(self, key: str) -> None:
        indexes.delete_index(self.transport, self.table, key)
        self._wait("until_gone", key, indexes.list_indexes, "indexes")

    def _wait(
        self, until: str, key: str, listed: Callable[..., Iterator[dict[str, Any]]], noun: str
    ) -> None:
        read: Callable[[dict[str, Any]], Any] = read_column if noun == "columns" else read_index
        getattr(self.waiter, until)(
            [(TABLE, key)],
            lambda _table: [read(body) for body in listed(self.transport, self.table)],
            noun,
        )

    @contextmanager
    def transaction(self) -> Iterator[str]:
        """Open a transaction and yield its id; roll it back at the end if it is still open."""
        transaction_id = str(
            transactions.create_transaction(self.transport, transactions.MIN_TTL_S)["$id"]
        )
        try:
            yield transaction_id
        finally:
            with contextlib.suppress(AppwriteError, TransactionClosed):
                transactions.rollback(self.transport, transaction_id)

    def operation(self, action: str, row_id: str | None = None, data: Any = None) -> dict[str, Any]:
        """Return an operation on the table, in the form that a transaction stages."""
        operation: dict[str, Any] = {
            "databaseId": self.database,
            "tableId": TABLE,
            "action": action,
        }
        if row_id is not None:
            operation["rowId"] = row_id
        if data is not None:
            operation["data"] = data
        return operation

    def stage(self, transaction_id: str, *operations: Mapping[str, Any]) -> dict[str, Any]:
        return transactions.create_operations(self.transport, transaction_id, operations)

    def commit(self, transaction_id: str) -> None:
        transactions.commit(self.transport, transaction_id)


def new_id() -> str:
    """Return a unique row id."""
    return f"x{secrets.token_hex(12)}"


def _explicit(data: Mapping[str, Any]) -> dict[str, Any]:
    # The server rejects a row without any data (recording rows-create).
    return dict(data) or {"text": None}


@contextmanager
def scratch(
    transport: Transport, database: str | None = None, *, keep: bool = False
) -> Iterator[Scratch]:
    """
    Create the table for experiments and delete it at the end, also after an exception or Ctrl-C.

    Args:
        database: an existing database in which only the table is created and deleted; by default, a
            database is created and deleted.
        keep: whether to delete nothing at the end.

    Raises:
        ScratchRefused: the database does not exist, or the key may not create one.
    """
    made = database is None
    name = database or f"{DATABASE_PREFIX}{secrets.token_hex(6)}"
    delete = (
        partial(_delete_database, transport, name)
        if made
        else partial(_delete_table, transport, name)
    )
    try:
        if made:
            _delete_leftovers(transport)
        elif database is not None:
            databases.get_database(transport, database)
            _delete_table(transport, database)
        try:
            migrate(
                transport,
                Database(
                    name, (Table(TABLE, "Experiments", COLUMNS, (UNIQUE,), row_security=True),)
                ),
            )
            yield Scratch(transport, name)
        finally:
            if not keep:
                delete()
    except DatabaseNotFound as error:
        raise ScratchRefused(
            f'The database "{name}" does not exist. Name an existing database, or leave it out.'
        ) from error
    except MissingScope as error:
        raise ScratchRefused(
            f"{error}\nThe key needs databases.write and the scopes of tables, columns, indexes "
            "and rows. Or name an existing database, in which only a table is created and deleted."
        ) from error


def _delete_leftovers(transport: Transport) -> None:
    now = datetime.fromtimestamp(time.time(), timezone.utc)
    for found in list(databases.list_databases(transport)):
        if found["$id"].startswith(DATABASE_PREFIX):
            age = now - datetime.fromisoformat(found["$createdAt"].replace("Z", "+00:00"))
            if age > LEFTOVER_AGE:
                _delete_database(transport, found["$id"])


def _delete_database(transport: Transport, name: str) -> None:
    with contextlib.suppress(DatabaseNotFound):
        databases.delete_database(transport, name)


def _delete_table(transport: Transport, name: str) -> None:
    with contextlib.suppress(TableNotFound):
        tables.delete_table(transport, TableRef(name, TABLE))
