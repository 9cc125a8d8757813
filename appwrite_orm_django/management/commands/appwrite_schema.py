"""``manage.py appwrite_schema``: print the schema in another notation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.schema.errors import SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.exports import DIALECTS, FORMATS, export, relations_of
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.records import read_recorded

from ._choice import chosen_alias, chosen_models


class Command(WithKey, BaseCommand):
    help = "Print the schema of the models or of the server in another notation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app_label", nargs="?", help="Only the models of this app.")
        parser.add_argument("model", nargs="?", help="Only this model of the app.")
        parser.add_argument(
            "--database", help="Alias of the database; needed only when several are on Appwrite."
        )
        parser.add_argument(
            "--format", choices=FORMATS, default="text", help="The notation (default: %(default)s)."
        )
        parser.add_argument(
            "--dialect",
            choices=DIALECTS,
            default="postgresql",
            help="Dialect of --format sql (default: %(default)s).",
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="Print the schema of the server instead of the models.",
        )

    def handle(self, *args: Any, **options: Any) -> str:
        alias = chosen_alias(options["database"])
        connection = appwrite_connection(alias)
        models = chosen_models(alias, options["app_label"], options["model"])
        host, project = connection.project
        if options["live"]:
            if options["app_label"]:
                raise CommandError("--live prints all tables. Remove the app label.")
            database = read_database(connection.transport, connection.database_id)
            if database is None:
                raise CommandError(f"There is no database {connection.database_id} at {host}.")
            database = read_recorded(connection.transport, database)
        else:
            try:
                database = read_models(
                    connection.database_id, models, engine=connection.known_engine
                )
            except (UnsupportedModel, SchemaTooLarge) as error:
                raise CommandError(str(error)) from error
        return export(
            database,
            options["format"],
            relations=relations_of(models),
            dialect=options["dialect"],
            endpoint=host,
            project=project,
        ).removesuffix("\n")
