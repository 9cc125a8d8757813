"""
Declare the parts of the connection, and of the objects on it, that the backend's modules use.

``DatabaseWrapper`` imports most of the backend. The modules that it imports take a ``Connection``
instead, which avoids circular imports.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from appwrite_orm_django.cache.connections import CachedConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models.expressions import OrderBy

    from appwrite_orm_django.backend.commands import (
        Command,
        Condition,
        CountRows,
        NewRow,
        Output,
        Savepoint,
        UpdateRows,
        ValuesOf,
        WriteResult,
    )
    from appwrite_orm_django.backend.evaluation.commands import Fetch
    from appwrite_orm_django.backend.evaluation.database import LocalDatabase
    from appwrite_orm_django.backend.execution.parts import Parts
    from appwrite_orm_django.backend.transactions.ends import BlockEnd
    from appwrite_orm_django.backend.transactions.log import Key, Log, RowState
    from appwrite_orm_django.backend.users import Account
    from appwrite_orm_django.cache.timeouts import Choice
    from appwrite_orm_django.client.errors import AppwriteError
    from appwrite_orm_django.client.identity import Identity
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.client.transport import Transport
    from appwrite_orm_django.conf import Options
    from appwrite_orm_django.engines import Engine

    Row = Mapping[str, Any]


class KeyCounter(Protocol):
    """Declare what counts the keys of new rows; ``counted_keys.CountedKeys`` does."""

    def new(self, table: TableRef) -> int: ...

    def another(self, table: TableRef) -> int: ...

    def note(self, table: TableRef, key: int) -> None: ...

    def forget(self, database: str, table: str | None = None) -> None: ...


class Connection(CachedConnection):
    """Declare a connection to Appwrite. ``DatabaseWrapper`` is the only implementation."""

    # Set by the code that writes or opens a block.
    transaction: Block | None
    writes_directly: bool
    #: How many schema editors are open, as one is while a migration runs.
    open_editors: int
    parts: Parts | None
    outputs: dict[int, tuple[Any, Output]]

    @property
    @abstractmethod
    def options(self) -> Options: ...

    @property
    @abstractmethod
    def counted_keys(self) -> KeyCounter | None: ...

    @property
    @abstractmethod
    def project(self) -> tuple[str, str]: ...

    @property
    @abstractmethod
    def database_id(self) -> str: ...

    @property
    @abstractmethod
    def engine(self) -> Engine: ...

    @property
    @abstractmethod
    def known_engine(self) -> Engine: ...

    @abstractmethod
    def table_ref(self, table_id: str) -> TableRef: ...

    # Requests and their user

    @property
    @abstractmethod
    def transport(self) -> Transport: ...

    @property
    @abstractmethod
    def key_transport(self) -> Transport: ...

    @property
    @abstractmethod
    def identity(self) -> Identity | None: ...

    @property
    @abstractmethod
    def account(self) -> Account | None: ...

    @property
    @abstractmethod
    def cache_identity(self) -> str: ...

    # Running commands

    @property
    @abstractmethod
    def reader(self) -> Reader: ...

    @property
    @abstractmethod
    def writer(self) -> Writer: ...

    @abstractmethod
    def write(self, command: Command) -> WriteResult: ...

    @abstractmethod
    def load_rows(self, command: Command) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def note_uncached(self, command: Command) -> None: ...

    # Transactions

    @property
    @abstractmethod
    def in_savepoint(self) -> bool: ...

    @property
    @abstractmethod
    def rolls_back_in_the_end(self) -> bool: ...

    @abstractmethod
    def is_dirty(self, table: TableRef) -> bool: ...

    @abstractmethod
    def own_block(self) -> AbstractContextManager[Block]: ...

    @abstractmethod
    def note_commit(self, end: BlockEnd) -> None: ...

    @abstractmethod
    def savepoint_command(self, command: Savepoint) -> None: ...

    # Local evaluation

    @property
    @abstractmethod
    def local_database(self) -> LocalDatabase: ...

    @abstractmethod
    def borrowed_local_database(self) -> AbstractContextManager[LocalDatabase]: ...


class Reader(Protocol):
    """Run read commands."""

    @property
    def connection(self) -> Connection: ...

    def run(self, command: Command) -> Iterable[tuple[Any, ...]]: ...

    def rows(self, fetch: Fetch, condition: Condition, columns: Sequence[str]) -> Iterator[Row]: ...

    def pages(
        self, fetch: Fetch, condition: Condition, columns: Sequence[str], *, most: int | None = None
    ) -> Iterator[Sequence[Row]]: ...

    def rows_by_id(self, table: TableRef, row_ids: Sequence[str]) -> Iterator[Row]: ...

    def page(self, table: TableRef, page: Sequence[Query]) -> list[Row]: ...

    def answer(self, table: TableRef, page: Sequence[Query]) -> list[Row]: ...

    def ids(self, table: TableRef, filters: list[Query]) -> list[str]: ...

    def count(self, command: CountRows) -> int: ...

    def splits(self, condition: Condition) -> list[list[Query]]: ...

    def values(self, values: tuple[Any, ...] | ValuesOf) -> tuple[Any, ...]: ...


class Writer(Protocol):
    """Send single writes at once."""

    def create_row(self, table: TableRef, row_id: str, data: Row) -> Row: ...

    def create_together(self, table: TableRef, new: Sequence[NewRow]) -> list[Row] | None: ...

    def write_row(
        self, table: TableRef, row_id: str, data: Row, *, since: str | None = None
    ) -> Row: ...

    def update_rows(self, command: UpdateRows) -> WriteResult: ...

    def unknown(self, error: AppwriteError) -> Exception: ...


class Block(Protocol):
    """Record the reads and stage the writes of an open block."""

    log: Log

    def bind(self, identity: Identity | None) -> None: ...

    def is_dirty(self, table: TableRef) -> bool: ...

    def before_read(self) -> None: ...

    def over(
        self, fetch: Fetch, condition: Condition, committed: Iterable[Row]
    ) -> Iterator[Row]: ...

    def as_left(self, table: TableRef, states: Sequence[RowState]) -> Iterator[Row]: ...

    def current(self, table: TableRef, condition: Condition) -> Iterable[Row]: ...

    def note_versions(self, table: TableRef, rows: Iterable[Row]) -> None: ...

    def shown_versions(self, command: Command) -> tuple[int, int] | tuple[()] | None: ...

    def note_shown(
        self,
        table: TableRef,
        rows: list[tuple[Any, ...]],
        outputs: Sequence[Output],
        row_id: int,
        updated_at: int,
    ) -> bool: ...

    def locking(self) -> AbstractContextManager[set[Key]]: ...

    def lock(self, keys: Iterable[Key]) -> None: ...

    def stage(self, command: Command) -> WriteResult: ...

    def forget(self) -> None: ...

    def forget_versions(self) -> None: ...

    def commit(self) -> None: ...


class Compiler(Protocol):
    """Make the command of one query."""

    @property
    def connection(self) -> Connection: ...

    @property
    def query(self) -> Any: ...

    @property
    def select(self) -> Any: ...

    @property
    def elide_empty(self) -> bool: ...

    @property
    def cache_choice(self) -> Choice: ...

    def setup_query(self) -> None: ...

    def resolved_ordering(self) -> list[OrderBy]: ...

    def read_command(self) -> Command: ...
