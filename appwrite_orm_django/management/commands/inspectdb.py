"""
``manage.py inspectdb``: extend Django's command to databases on Appwrite.

Their columns hold more information than Django's introspection asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.inspectdb import Command as InspectDBCommand
from django.db import connections

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.model_source import model_source
from appwrite_orm_django.schema.names import table_id
from appwrite_orm_django.schema.recorded_fields import db_table_of
from appwrite_orm_django.schema.records import read_recorded


class Command(WithKey, InspectDBCommand):
    def handle_inspection(self, options: dict[str, Any]) -> Iterator[str]:
        connection = connections[options["database"]]
        if not is_appwrite(connection):
            yield from super().handle_inspection(options)
            return
        database = read_database(connection.transport, connection.database_id)
        if database is None:
            raise CommandError(
                f"There is no database {connection.database_id} at "
                f"{connection.settings_dict['HOST']}."
            )
        database = read_recorded(connection.transport, database)
        if chosen := options["table"]:
            unknown = [table for table in chosen if database.table(table_id(table)) is None]
            if unknown:
                raise CommandError(f"The database {database.id} has no table {unknown[0]}.")
            ids = {table_id(table).lower() for table in chosen}
            database = replace(
                database, tables=tuple(table for table in database if table.id.lower() in ids)
            )
        if (admits := options.get("table_name_filter")) is not None:
            database = replace(
                database,
                tables=tuple(table for table in database if admits(db_table_of(table))),
            )
        yield from model_source(database)
