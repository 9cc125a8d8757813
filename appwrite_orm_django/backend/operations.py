"""
Implement the operations in which Appwrite differs from the databases that Django knows.

Values remain Python objects here; ``values`` encodes them.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.db.backends.base.operations import BaseDatabaseOperations
from django.utils import timezone

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.values import INTEGER_RANGES, cut_to_milliseconds

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command

# Rows of one ``bulk_update()`` statement. Its values come from one CASE over all of its rows.
BULK_UPDATE_ROWS = 100


def _savepoint(action: Literal["create", "release", "roll back to"], name: str) -> Command:
    # Most processes set no savepoint, and commands take some time to define.
    from appwrite_orm_django.backend.commands import Savepoint

    return Savepoint(action, name)


class DatabaseOperations(BaseDatabaseOperations):
    compiler_module = "appwrite_orm_django.backend.compiler"
    explain_prefix = "EXPLAIN"

    # Keys are integers of 53 bits, written as text (``row_ids``).
    integer_field_ranges = {
        **INTEGER_RANGES,
        "SmallAutoField": (-row_ids.MAX_INTEGER, row_ids.MAX_INTEGER),
        "AutoField": (-row_ids.MAX_INTEGER, row_ids.MAX_INTEGER),
        "BigAutoField": (-row_ids.MAX_INTEGER, row_ids.MAX_INTEGER),
    }

    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        # The writer and the reader split requests. Only bulk_update() passes the key twice.
        return BULK_UPDATE_ROWS if list(fields[:2]) == ["pk", "pk"] else len(objs)

    def max_name_length(self) -> int:
        return 36

    def quote_name(self, name: str) -> str:
        # Fragments of SQL (``extra()``, ``RawSQL``) run in SQLite.
        return name if name.startswith('"') and name.endswith('"') else f'"{name}"'

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        # A command has no parameters, and is no text.
        return str(sql % params if params and isinstance(sql, str) else sql)

    def no_limit_value(self) -> None:
        return None

    def pk_default_value(self) -> None:  # type: ignore[override]  # None as on other databases that number by themselves
        return None

    def savepoint_create_sql(self, sid: str) -> Command:  # type: ignore[override]  # commands take the place of SQL
        return _savepoint("create", sid)

    def savepoint_commit_sql(self, sid: str) -> Command:  # type: ignore[override]
        return _savepoint("release", sid)

    def savepoint_rollback_sql(self, sid: str) -> Command:  # type: ignore[override]
        return _savepoint("roll back to", sid)

    # Prepared values are Python objects; the codecs encode them.

    def adapt_datefield_value(self, value: Any) -> Any:
        return value

    def adapt_datetimefield_value(self, value: Any) -> Any:
        if value is None or not isinstance(value, datetime.datetime):
            return value
        # Constants in filters are cut as well: a row is found by the value that was saved.
        value = cut_to_milliseconds(value)
        if settings.USE_TZ and timezone.is_naive(value):
            return timezone.make_aware(value, self.connection.timezone)
        if not settings.USE_TZ and timezone.is_aware(value):
            # As on PostgreSQL: without USE_TZ, all datetimes are in TIME_ZONE.
            return timezone.make_naive(value, timezone.get_default_timezone())
        return value

    def adapt_timefield_value(self, value: Any) -> Any:
        if isinstance(value, datetime.time) and timezone.is_aware(value):
            raise ValueError("Appwrite backend does not support timezone-aware times.")
        return value

    def convert_durationfield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # The codec has already made it a timedelta; other backends get microseconds here.
        return value

    def adapt_decimalfield_value(
        self, value: Any, max_digits: Any = None, decimal_places: Any = None
    ) -> Any:
        return value

    def adapt_ipaddressfield_value(self, value: Any) -> Any:
        return value or None

    def fetch_returned_insert_columns(self, cursor: Any, returning_params: Any) -> Any:
        return cursor.fetchone()

    def fetch_returned_insert_rows(self, cursor: Any) -> Any:
        return cursor.fetchall()

    def return_insert_columns(self, fields: Any) -> tuple[str, tuple[()]]:
        return "", ()

    def sql_flush(
        self, style: Any, tables: Any, *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> Any:
        from appwrite_orm_django.backend.commands import Condition, DeleteRows
        from appwrite_orm_django.backend.values import table_id

        refs = [self.connection.table_ref(table_id(table)) for table in tables]
        counted = self.connection.counted_keys
        if reset_sequences and counted is not None:
            for ref in refs:
                counted.forget(*ref)
        return [DeleteRows(ref, Condition()) for ref in refs]

    def execute_sql_flush(self, sql_list: Any) -> None:
        cache, tables = self.connection.cache, [command.table.table for command in sql_list]
        # The batch announces all of them at once, and tells the cache of their end at once.
        with cache.batch(), cache.write(tables, staged=False), self.connection.cursor() as cursor:
            for command in sql_list:
                cursor.execute(command)
        self.connection.cache.forget_invalidated()

    def sequence_reset_sql(self, style: Any, model_list: Any) -> list[str]:
        return []

    def sequence_reset_by_name_sql(self, style: Any, sequences: Any) -> list[str]:
        # Of all tables; those with rows go on after their largest key.
        if (counted := self.connection.counted_keys) is not None:
            counted.forget(self.connection.database_id)
        return []
