"""``manage.py appwrite_import``: import rows from a file written by ``appwrite_export``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.keys import primary_key_of
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.contrib.exports import BadFile, Imported, import_rows
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.schema.from_models import models_of

from ._choice import chosen_alias
from ._progress import progress_bar
from ._tables import live_tables

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper


class Command(WithKey, BaseCommand):
    help = "Create the rows of a file written by appwrite_export. Existing rows are left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="File to import, or - for the standard input.")
        parser.add_argument(
            "labels",
            nargs="*",
            metavar="app, app.Model or table",
            help="Tables to import (default: all but the records of migrations).",
        )
        parser.add_argument(
            "--database", help="Alias of the database; needed only when several are on Appwrite."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = appwrite_connection(chosen_alias(options["database"]))
        database = live_tables(connection, options["labels"])
        tables = [table.id for table in database] if options["labels"] else None
        try:
            with progress_bar(self.stderr, None) as advance:
                how = {
                    "tables": tables,
                    "row_id": _derived(connection),
                    "announce": lambda table: connection.cache.write((table,), staged=False),
                    "progress": advance or (lambda _table, _rows: None),
                }
                done = self._import(connection, database, options["file"], how)
        except (OSError, BadFile) as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] >= 1:
            created, present = sum(done.created.values()), sum(done.present.values())
            self.stdout.write(
                f"{created:,} row{pluralize(created)} created, {present:,} already present."
            )
        if done.unfilled:
            self.stderr.write(
                f"The unique constraints of {', '.join(sorted(done.unfilled))} do not hold for the "
                "new rows yet. Run manage.py appwrite_migrate --verify-unique."
            )

    @staticmethod
    def _import(
        connection: DatabaseWrapper, database: Any, name: str, how: dict[str, Any]
    ) -> Imported:
        if name == "-":
            return import_rows(connection.transport, database, sys.stdin.buffer, **how)
        with Path(name).open("rb") as file:
            return import_rows(connection.transport, database, file, **how)


def _derived(connection: DatabaseWrapper) -> Callable[[str, Mapping[str, Any]], str | None]:
    """Return what derives the ids of rows from their keys, as the models of the database do."""
    keys = {
        table_id(model._meta.db_table): key
        for model in models_of(connection.alias)
        if (key := primary_key_of(model)).is_derived
    }

    def row_id(table: str, row: Mapping[str, Any]) -> str | None:
        return keys[table].row_id_in(row, connection.engine) if table in keys else None

    return row_id
