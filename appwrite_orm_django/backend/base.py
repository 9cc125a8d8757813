"""
Implement Django's ``DatabaseWrapper`` over a pooled HTTP client.

Every process makes a connection for each alias, and many are never used. As Django does with
compilers, the properties below import the rooms that read, write, cache, evaluate locally and
change tables on first use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from appwrite_orm_django.backend.client import DatabaseClient
from appwrite_orm_django.backend.creation import DatabaseCreation
from appwrite_orm_django.backend.features import DatabaseFeatures
from appwrite_orm_django.backend.introspection import DatabaseIntrospection
from appwrite_orm_django.backend.operations import DatabaseOperations
from appwrite_orm_django.backend.transactions.ends import BlockEnd, is_opened_by_django
from appwrite_orm_django.backend.transport import RequestsMixin
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.client.errors import AppwriteError, UniqueViolation
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.engines import MARIADB, Engine

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.commands import Command, Output, Savepoint, WriteResult
    from appwrite_orm_django.backend.counted_keys import CountedKeys
    from appwrite_orm_django.backend.cursor import (
        AppwriteCursorDebugWrapper,
        AppwriteCursorWrapper,
        Cursor,
    )
    from appwrite_orm_django.backend.evaluation.database import LocalDatabase
    from appwrite_orm_django.backend.execution.parts import Parts
    from appwrite_orm_django.backend.execution.reader import Reader
    from appwrite_orm_django.backend.execution.writer import Writer
    from appwrite_orm_django.backend.planning.prepared import PreparedReads, WholeModels
    from appwrite_orm_django.backend.schema import DatabaseSchemaEditor
    from appwrite_orm_django.backend.transactions.block import Transaction
    from appwrite_orm_django.cache.service import QueryCache
    from appwrite_orm_django.client.transport import Transport
    from appwrite_orm_django.conf import CacheSettings, Options


class _NeverRaised(Exception):
    """
    Stand in for the exceptions of a database driver.

    The backend raises Django's own exceptions, which need no wrapping.
    """


Database = SimpleNamespace(
    Binary=bytes,
    **dict.fromkeys(
        (
            "DataError",
            "OperationalError",
            "IntegrityError",
            "InternalError",
            "ProgrammingError",
            "NotSupportedError",
            "DatabaseError",
            "InterfaceError",
            "Error",
        ),
        _NeverRaised,
    ),
)


# A server may keep working on a request after its client has gone: 15 s a query, and a bulk write
# takes several.
_SERVER_LIMIT_S = 60


def _server_has_refused(error: BaseException) -> bool:
    """Return whether a write that failed with this error is known not to have been applied."""
    return isinstance(error, AppwriteError) and not error.ambiguous


def _with_times_of_models(settings: CacheSettings) -> CacheSettings:
    """
    Add ``appwrite_cache_timeout`` and ``appwrite_cache_max_age`` of each model to the settings.

    What the settings say for the table takes precedence. If a table has several models, such as
    proxies, the shortest counts.
    """
    return replace(
        settings,
        timeouts=_of_models("appwrite_cache_timeout", settings.timeouts, settings.timeout),
        max_ages=_of_models("appwrite_cache_max_age", settings.max_ages, 0.0),
    )


def _of_models(
    attribute: str, in_settings: tuple[tuple[str, float], ...], default: float
) -> tuple[tuple[str, float], ...]:
    own: dict[str, list[float | None]] = {}
    for model in apps.get_models(include_auto_created=True):
        own.setdefault(table_id(model._meta.db_table), []).append(getattr(model, attribute, None))
    shortest = {
        table: min(float(default if one is None else one) for one in seconds)
        for table, seconds in own.items()
        if any(one is not None for one in seconds)
    }
    return tuple(sorted({**shortest, **dict(in_settings)}.items()))


class DatabaseWrapper(RequestsMixin):
    vendor = "appwrite"
    display_name = "Appwrite"
    Database = Database

    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations

    # Django's debugging tools show these. The schema room makes columns from the fields themselves.
    data_types = {
        "AutoField": "$id",
        "BigAutoField": "$id",
        "SmallAutoField": "$id",
        "BinaryField": "longtext",
        "BooleanField": "boolean",
        "CharField": "varchar(%(max_length)s)",
        "DateField": "datetime",
        "DateTimeField": "datetime",
        "DecimalField": "bigint",
        "DurationField": "bigint",
        "FileField": "varchar(%(max_length)s)",
        "FilePathField": "varchar(%(max_length)s)",
        "FloatField": "float",
        "GenericIPAddressField": "ip",
        "IPAddressField": "ip",
        "IntegerField": "bigint",
        "BigIntegerField": "bigint",
        "JSONField": "longtext",
        "PositiveBigIntegerField": "bigint",
        "PositiveIntegerField": "bigint",
        "PositiveSmallIntegerField": "integer",
        "SlugField": "varchar(%(max_length)s)",
        "SmallIntegerField": "integer",
        "TextField": "longtext",
        "TimeField": "varchar(32)",
        "UUIDField": "varchar(36)",
    }
    # Django checks only that a lookup's name is here; nothing is rendered with the values.
    operators = dict.fromkeys(
        [
            "exact",
            "iexact",
            "contains",
            "icontains",
            "regex",
            "iregex",
            "gt",
            "gte",
            "lt",
            "lte",
            "startswith",
            "endswith",
            "istartswith",
            "iendswith",
        ],
        "%s",
    )
    pattern_esc = "{}"
    pattern_ops = dict.fromkeys(
        ("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"), "{}"
    )

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        del settings_dict  # contains the API key, which no local variable may hold
        self.last_written_row: Any = None
        self._idle_local_databases: list[LocalDatabase] = []
        self.outputs: dict[int, tuple[Any, Output]] = {}
        # The open block; None in autocommit mode. A read-only block is kept too: it records the
        # versions of the rows that it read.
        self.transaction: Transaction | None = None
        self._committed: BlockEnd | None = None
        self._commits_in_parts = False
        self.writes_directly = False
        self.open_editors = 0
        # The parts written so far by statements that Django wraps in a block but that are sent at
        # once.
        self.parts: Parts | None = None
        self._cache: tuple[str, QueryCache] | None = None

    # Settings

    @cached_property
    def options(self) -> Options:
        from appwrite_orm_django.conf import Options, refuse_keys_from_one

        options = Options.read(self.alias, self.settings_dict["OPTIONS"])
        refuse_keys_from_one(self.alias, str(self.settings_dict["HOST"]), options)
        return options

    @cached_property
    def counted_keys(self) -> CountedKeys | None:
        """Count the keys of new rows from 1; None unless ``OPTIONS["KEYS_FROM_ONE"]`` is set."""
        if not self.options.keys_from_one:
            return None
        # Only tests count keys.
        from appwrite_orm_django.backend.counted_keys import CountedKeys

        return CountedKeys(self, str(self.settings_dict["HOST"]))

    @property
    def database_id(self) -> str:
        """
        Return the id of the Appwrite database: ``NAME``.

        During tests this is the test database.
        """
        return str(self.settings_dict["NAME"])

    @property
    def engine(self) -> Engine:
        """
        Return the rules of the engine under Appwrite.

        The first use in a process sends one or two requests, unless ``OPTIONS["ENGINE"]`` is set.

        Raises:
            ImproperlyConfigured: the engine cannot be found out, or is not the one in the settings.
        """
        transport = self.key_transport
        assert transport.watch is not None  # noqa: S101 - only an unwatched copy has none
        return transport.watch.engine(transport, self.database_id)

    @property
    def known_engine(self) -> Engine:
        """Return the engine as far as it is known without a request; MariaDB if it is not."""
        watch = self.key_transport.watch
        return (watch and watch.known(self.key_transport, self.database_id)) or MARIADB

    def table_ref(self, table_id: str) -> TableRef:
        return TableRef(self.database_id, table_id)

    # Connecting: nothing is opened before the first request.

    def get_connection_params(self) -> dict[str, Any]:
        needed = {"HOST": "the endpoint, or local:", "NAME": "the id of the Appwrite database"}
        if not str(self.settings_dict["HOST"]).startswith("local:"):
            needed |= {"USER": "the Appwrite project id", "PASSWORD": "an API key of the project"}
        for key, what in needed.items():
            if not self.settings_dict[key]:
                raise ImproperlyConfigured(
                    f'DATABASES["{self.alias}"]["{key}"] is empty; set it to {what}.'
                )
        return {}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Transport:
        return self.transport

    def init_connection_state(self) -> None:
        return

    def create_cursor(self, name: str | None = None) -> Cursor:
        from appwrite_orm_django.backend.cursor import Cursor

        return Cursor(self, prefetch=name is None)

    def make_cursor(self, cursor: Any) -> AppwriteCursorWrapper:
        from appwrite_orm_django.backend.cursor import AppwriteCursorWrapper

        return AppwriteCursorWrapper(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> AppwriteCursorDebugWrapper:
        from appwrite_orm_django.backend.cursor import AppwriteCursorDebugWrapper

        return AppwriteCursorDebugWrapper(cursor, self)

    def chunked_cursor(self) -> Any:
        return self._cursor(name=f"_django_curs_{id(self)}")

    def _close(self) -> None:
        # The transport belongs to the process, not to this connection. An open block is rolled
        # back.
        if self.transaction is not None:
            self.transaction = None
            self._end_count(committed=False)
        self._leave_interrupted_blocks()

    def is_usable(self) -> bool:
        return True

    # Transactions

    def _set_autocommit(self, autocommit: bool) -> None:
        if autocommit:
            if self.transaction is not None:
                self._commit()
                self.cache.exit_atomic(committed=False)
            self.transaction = None
            self._end_count(committed=False)
        elif self.transaction is None:
            self._leave_interrupted_blocks()
            self._commits_in_parts = is_opened_by_django()
            block = self._new_block(in_parts=self._commits_in_parts)
            # The cache enters the block first: a cache that is opened while a block is open enters
            # it by itself.
            self.cache.enter_atomic()
            self.transaction = block

    def _leave_interrupted_blocks(self) -> None:
        """
        Let the cache leave blocks that this connection is no longer in.

        An exception may come between any two steps, as from a signal's handler. A cache that
        believes itself in a block stores nothing.
        """
        cache = None if self._cache is None else self._cache[1]
        while cache is not None and cache.in_atomic:
            cache.exit_atomic(committed=False)

    def _commit(self) -> None:
        transaction = self.transaction
        if transaction is None:
            return
        # Imported at the first commit.
        from appwrite_orm_django.backend import by_value

        values = by_value.of_block(self, transaction.log.operations)
        try:
            with self.cache.committing(values.of_tables) as values.notice:
                transaction.commit(values)
        except UniqueViolation as error:
            transaction.explain(error)
            raise
        finally:
            self._begin_anew(committed=True)

    def _rollback(self) -> None:
        if self.transaction is None:
            return
        if self.transaction.parts.written:
            # Some parts are already written. The error that ends the block carries a note about
            # them.
            self.transaction.parts.note(sys.exc_info()[1])
        self._begin_anew(committed=bool(self.transaction.parts.written))

    def _begin_anew(self, *, committed: bool) -> None:
        parts = None if self.transaction is None else self.transaction.parts
        # A commit that fails may have written parts, so its keys stay counted.
        self._end_count(committed=committed)
        self.transaction = self._new_block(in_parts=self._commits_in_parts)
        self.cache.exit_atomic(committed=bool(parts and parts.written))
        self.cache.enter_atomic()

    def savepoint_command(self, command: Savepoint) -> None:
        """
        Set, release or roll back to a savepoint.

        Raises:
            OperationalError: the savepoint was never set, or has been released.
        """
        if self.transaction is None:
            return
        log = self.transaction.log
        actions = {"create": log.mark, "release": log.release, "roll back to": log.roll_back_to}
        if (counted := self.counted_keys) is not None and command.action != "release":
            (counted.mark if command.action == "create" else counted.roll_back_to)(command.name)
        try:
            actions[command.action](command.name)
        except KeyError:
            raise OperationalError(
                f"There is no savepoint {command.name!r} to {command.action}."
            ) from None

    def _end_count(self, *, committed: bool) -> None:
        if (counted := self.counted_keys) is not None:
            counted.end(committed=committed)

    @property
    def in_savepoint(self) -> bool:
        """Return whether a statement's error can be caught without losing the transaction."""
        return any(self.savepoint_ids)

    @property
    def rolls_back_in_the_end(self) -> bool:
        """Return whether the outermost block belongs to a ``TestCase``, which never commits."""
        return bool(self.atomic_blocks) and bool(
            getattr(self.atomic_blocks[0], "_from_testcase", False)
        )

    @contextmanager
    def direct_writes(self) -> Iterator[None]:
        """
        Send writes inside at once, although Django opens a block around them.

        For statements that Django wraps in ``atomic`` but that are a single request here, or
        several independent ones.
        """
        from appwrite_orm_django.backend.execution.parts import Parts

        before = self.writes_directly, self.parts
        self.writes_directly, self.parts = True, Parts("rows")
        try:
            yield
        finally:
            self.writes_directly, self.parts = before

    @contextmanager
    def noting_commits(self) -> Iterator[BlockEnd]:
        """Yield a ``BlockEnd`` that collects those of all blocks committed inside."""
        before, end = self._committed, BlockEnd()
        self._committed, end.committed = end, True
        try:
            yield end
        finally:
            self._committed = before

    def note_commit(self, end: BlockEnd) -> None:
        if self._committed is not None:
            self._committed.written.update(end.written)

    def _new_block(self, *, in_parts: bool = False) -> Transaction:
        # The first block imports the transactions room.
        from appwrite_orm_django.backend.transactions.block import Transaction

        return Transaction(self, in_parts=in_parts)

    @contextmanager
    def own_block(self) -> Iterator[Transaction]:
        """
        Read and stage inside in a separate block, without affecting the open block.

        The body decides whether to call ``commit()`` on it.
        """
        before, block = self.transaction, self._new_block()
        self.transaction = block
        try:
            yield block
        finally:
            self.transaction = before

    # Running commands

    @cached_property
    def reader(self) -> Reader:
        from appwrite_orm_django.backend.execution.reader import Reader

        return Reader(self)

    @cached_property
    def writer(self) -> Writer:
        from appwrite_orm_django.backend.execution.writer import Writer

        return Writer(self)

    @cached_property
    def whole_models(self) -> WholeModels:
        from appwrite_orm_django.backend.planning.prepared import WholeModels

        return WholeModels(self)

    @cached_property
    def prepared_reads(self) -> PreparedReads:
        from appwrite_orm_django.backend.planning.prepared import PreparedReads

        return PreparedReads(self)

    @cached_property
    def SchemaEditorClass(self) -> type[DatabaseSchemaEditor]:  # type: ignore[override]  # an attribute in Django
        from appwrite_orm_django.backend.schema import DatabaseSchemaEditor

        return DatabaseSchemaEditor

    def write(self, command: Command) -> WriteResult:
        """
        Run a write command and tell the cache.

        In autocommit mode it is sent at once, else it goes into the log of the open block.
        """
        result = self.writer.write(command)
        self.last_written_row = result.row
        return result

    def load_rows(self, command: Command) -> list[tuple[Any, ...]]:
        """Run a read command, bypassing the cache."""
        with self.cursor() as cursor:
            cursor.execute(command, ())
            return list(cursor.fetchall())

    def note_uncached(self, command: Command) -> None:
        """Count a read that bypasses the cache, and report it to observers of reads."""
        if names := [table.table for table in command.tables]:
            self.cache.read(b"", names, lambda: None, identity=self.cache_identity, timeout=0)

    # For the cache's manual control, which knows only queries and models.

    def is_cached(self, query: Query) -> bool:
        """Return whether a query's answer is cached; see ``cached_reads.is_cached``."""
        from appwrite_orm_django.backend.execution import cached_reads

        return cached_reads.is_cached(self, query)

    def dependencies(self, query: Query) -> tuple[tuple[str, ...], tuple[str, str] | None]:
        """Return what a query's cache entry depends on; see ``cached_reads.dependencies``."""
        from appwrite_orm_django.backend.execution import cached_reads

        return cached_reads.dependencies(self, query)

    def table_of(self, model: type[Model]) -> str:
        """Return the id of the table that holds a model's own rows."""
        return table_id(model._meta.db_table)

    def cached_models(self) -> list[type[Model]]:
        """Return the models with a table on this connection, including through tables."""
        from appwrite_orm_django.schema.from_models import models_of

        return models_of(self.alias)

    @property
    def cache(self) -> QueryCache:
        """Return the query cache of this connection."""
        database = self.database_id
        if self._cache is None or self._cache[0] != database:
            from appwrite_orm_django.backend.by_value import has_values
            from appwrite_orm_django.cache.service import QueryCache

            namespace = " ".join((*self.project, database))
            options = self.options
            # The longest that an attempt can be in flight: both timeouts, plus the time that the
            # server keeps working. Each attempt is announced.
            limit_s = options.connect_timeout_s + options.read_timeout_s + _SERVER_LIMIT_S
            cache = QueryCache.open(
                self.alias,
                _with_times_of_models(options.cache),
                namespace,
                write_limit_s=limit_s,
                is_definite=_server_has_refused,
                has_values=has_values,
            )
            if self.transaction is not None:
                cache.enter_atomic()
            self._cache = (database, cache)
        return self._cache[1]

    def is_dirty(self, table: TableRef) -> bool:
        """Return whether the open block has written to this table."""
        return self.transaction is not None and self.transaction.is_dirty(table)

    @property
    def local_database(self) -> LocalDatabase:
        """
        Return a private SQLite connection to compile for.

        To run a query, use ``borrowed_local_database()``.
        """
        # The engine of a database without tables may turn out to be another one.
        engine, idle = self.engine, self._idle_local_databases
        if idle and idle[-1].engine is not engine:
            idle.clear()
        if not idle:
            from appwrite_orm_django.backend.evaluation.database import LocalDatabase

            idle.append(LocalDatabase(self.alias, engine, self.settings_dict["TIME_ZONE"]))
        return idle[-1]

    @contextmanager
    def borrowed_local_database(self) -> Iterator[LocalDatabase]:
        """
        Lend a private SQLite connection exclusively.

        Evaluating a query may need another one while it runs.
        """
        database = self.local_database
        self._idle_local_databases.remove(database)
        try:
            yield database
        finally:
            self._idle_local_databases.append(database)
