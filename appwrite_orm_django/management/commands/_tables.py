"""Choose the tables of a live database that a command works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.management.base import CommandError

from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.from_models import models_of
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.names import MIGRATIONS_TABLE, OWN_TABLES, table_id
from appwrite_orm_django.schema.records import read_recorded

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper


def live_tables(connection: DatabaseWrapper, labels: Sequence[str]) -> Database:
    """
    Return the live database with the chosen tables and the recorded encodings of their columns.

    Without labels, these are all tables except the library's own and the records of migrations,
    which describe the tables of this database and of no other.

    Args:
        labels: app labels, ``app.Model``, or table ids.

    Raises:
        CommandError: the database, or an app, model or table, does not exist.
    """
    database = read_database(connection.transport, connection.database_id)
    if database is None:
        raise CommandError(
            f"There is no database {connection.database_id} at {connection.settings_dict['HOST']}."
        )
    database = read_recorded(connection.transport, database)
    if not labels:
        return replace(
            database,
            tables=tuple(
                table
                for table in database
                if not table.id.startswith(OWN_TABLES) and table.id != MIGRATIONS_TABLE
            ),
        )
    wanted = {id_.lower() for label in labels for id_ in _ids(connection.alias, label, database)}
    return replace(
        database, tables=tuple(table for table in database if table.id.lower() in wanted)
    )


def _ids(alias: str, label: str, database: Database) -> list[str]:
    if database.table(label) is not None:
        return [label]
    app_label, _, model_name = label.partition(".")
    models = [
        model
        for model in models_of(alias)
        if model._meta.app_label == app_label and model_name.lower() in {"", model._meta.model_name}
    ]
    if not models:
        known = "app" if app_label not in apps.app_configs else "model or table"
        raise CommandError(f'There is no {known} "{label}" with a table on "{alias}".')
    missing = [
        model._meta.label
        for model in models
        if database.table(table_id(model._meta.db_table)) is None
    ]
    if missing:
        raise CommandError(f"{missing[0]} has no table on the server. Run manage.py migrate first.")
    return [table_id(model._meta.db_table) for model in models]
