"""The connection: Django's ``DatabaseWrapper`` over a pooled HTTP client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Literal, cast

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

from appwrite_orm_django.backend.client import DatabaseClient
from appwrite_orm_django.backend.commands import Command, Savepoint
from appwrite_orm_django.backend.creation import DatabaseCreation
from appwrite_orm_django.backend.cursor import Cursor
from appwrite_orm_django.backend.features import DatabaseFeatures
from appwrite_orm_django.backend.introspection import DatabaseIntrospection
from appwrite_orm_django.backend.local_evaluation.sqlite import LocalDatabase
from appwrite_orm_django.backend.operations import DatabaseOperations
from appwrite_orm_django.backend.options import Options
from appwrite_orm_django.backend.reading import Reader
from appwrite_orm_django.backend.schema import DatabaseSchemaEditor
from appwrite_orm_django.backend.writing import Writer, WriteResult
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport


class _NeverRaised(Exception):
    """Stands where Django expects a driver's exceptions; ours are Django's own and need no wrapping."""


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

# One transport, and with it one pool of connections, for all threads of the process that share an alias's settings.
_transports: dict[tuple[Any, ...], Transport] = {}
_transports_lock = threading.Lock()


class DatabaseWrapper(BaseDatabaseWrapper):
    vendor = "appwrite"
    display_name = "Appwrite"
    Database = Database

    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    # What Django's debugging tools show for a field; columns are made by the schema room, from the field itself.
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
        "IntegerField": "integer",
        "BigIntegerField": "bigint",
        "JSONField": "longtext",
        "PositiveBigIntegerField": "bigint",
        "PositiveIntegerField": "integer",
        "PositiveSmallIntegerField": "integer",
        "SlugField": "varchar(%(max_length)s)",
        "SmallIntegerField": "integer",
        "TextField": "longtext",
        "TimeField": "varchar(32)",
        "UUIDField": "varchar(36)",
    }
    # Lookups are compared with these by name only; nothing is rendered with them.
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
    pattern_ops = dict.fromkeys(("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"), "{}")

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.last_written_row: Any = None
        self._idle_local_databases: list[LocalDatabase] = []

    # Settings

    @cached_property
    def options(self) -> Options:
        return Options.read(self.alias, self.settings_dict["OPTIONS"])

    @property
    def database_id(self) -> str:
        """The id of the Appwrite database: ``NAME`` (during tests that of the test database)."""
        return str(self.settings_dict["NAME"])

    @property
    def text_semantics(self) -> Literal["mariadb", "postgresql"]:
        return cast(Literal["mariadb", "postgresql"], self.options.text)

    def table_ref(self, table_id: str) -> TableRef:
        return TableRef(self.database_id, table_id)

    @property
    def transport(self) -> Transport:
        """The HTTP client, shared by all connections of this process with the same settings."""
        settings, options = self.settings_dict, self.options
        identity = (
            settings["HOST"],
            settings["USER"],
            settings["PASSWORD"],
            options,
            self.alias,
        )
        with _transports_lock:
            if identity not in _transports:
                _transports[identity] = Transport(
                    settings["HOST"],
                    settings["USER"],
                    settings["PASSWORD"],
                    connect_timeout_s=options.connect_timeout_s,
                    read_timeout_s=options.read_timeout_s,
                    retries=options.retries,
                    pool_size=options.pool_size,
                    verify=options.verify,
                    alias=self.alias,
                )
            return _transports[identity]

    # Connecting: there is nothing to open before the first request.

    def get_connection_params(self) -> dict[str, Any]:
        settings = self.settings_dict
        for key, what in (("HOST", "the endpoint, or local:"), ("NAME", "the id of the Appwrite database")):
            if not settings[key]:
                raise ImproperlyConfigured(f'DATABASES["{self.alias}"]["{key}"] is empty; it is {what}.')
        if not settings["HOST"].startswith("local:"):
            for key, what in (("USER", "the Appwrite project id"), ("PASSWORD", "an API key of the project")):
                if not settings[key]:
                    raise ImproperlyConfigured(f'DATABASES["{self.alias}"]["{key}"] is empty; it is {what}.')
        return {}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Transport:
        return self.transport

    def init_connection_state(self) -> None:
        return

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self, prefetch=name is None)

    def chunked_cursor(self) -> Any:
        return self._cursor(name=f"_django_curs_{id(self)}")

    def _close(self) -> None:
        # The transport belongs to the process, not to this connection.
        return

    def is_usable(self) -> bool:
        return True

    def _set_autocommit(self, autocommit: bool) -> None:
        return

    def _commit(self) -> None:
        return

    def _rollback(self) -> None:
        return

    # Running commands

    @cached_property
    def reader(self) -> Reader:
        return Reader(self)

    @cached_property
    def writer(self) -> Writer:
        return Writer(self)

    def write(self, command: Command) -> WriteResult:
        """Run a write command."""
        return self.writer.run(command)

    def is_dirty(self, table: TableRef) -> bool:
        """Say whether the open transaction has written to this table."""
        return False

    def savepoint_command(self, command: Savepoint) -> None:
        """Set, release or roll back to a savepoint."""

    @property
    def local_database(self) -> LocalDatabase:
        """A private SQLite connection to compile for; to run on one, borrow it."""
        if not self._idle_local_databases:
            self._idle_local_databases.append(
                LocalDatabase(self.alias, self.text_semantics, self.settings_dict["TIME_ZONE"])
            )
        return self._idle_local_databases[-1]

    @contextmanager
    def borrowed_local_database(self) -> Iterator[LocalDatabase]:
        """Lend a private SQLite connection that nobody else uses meanwhile: evaluating one query may need another."""
        database = self.local_database
        self._idle_local_databases.remove(database)
        try:
            yield database
        finally:
            self._idle_local_databases.append(database)
