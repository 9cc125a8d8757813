"""``manage.py appwrite_export``: export rows to a file of JSON Lines."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.client.errors import InvalidQuery, NotFound
from appwrite_orm_django.contrib.exports import BadFile, ResumePoint, export_rows, resume_point
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.schema.definitions import Database

from ._choice import chosen_alias
from ._progress import progress_bar
from ._tables import live_tables

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper


class Command(WithKey, BaseCommand):
    help = (
        "Export the rows of all or some tables to a file of JSON Lines, or to the standard output."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "labels",
            nargs="*",
            metavar="app, app.Model or table",
            help="Tables to export (default: all but the records of migrations).",
        )
        parser.add_argument(
            "--database", help="Alias of the database; needed only when several are on Appwrite."
        )
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write; it must not exist, except with --resume.",
        )
        parser.add_argument(
            "--resume", action="store_true", help="Resume a file whose export was interrupted."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = appwrite_connection(chosen_alias(options["database"]))
        database = live_tables(connection, options["labels"])
        for table in database:
            for column in table.columns:
                if column.type == "relationship":
                    self.stderr.write(
                        f"{table.id}.{column.key} is a relationship, which is not exported."
                    )
        if options["output"] is None:
            if options["resume"]:
                raise CommandError("--resume needs --output.")
            self._to_stdout(connection, database)
            return
        mode = "r+b" if options["resume"] and Path(options["output"]).exists() else "xb"
        try:
            with Path(options["output"]).open(mode) as file:
                total = self._to_file(connection, database, file, resume=mode == "r+b")
        except FileExistsError as error:
            raise CommandError(
                f"{options['output']} already exists. Resume it with --resume, or name another "
                "file."
            ) from error
        if options["verbosity"] >= 1:
            tables = len(database.tables)
            self.stdout.write(
                f"{total:,} row{pluralize(total)} of {tables:,} table{pluralize(tables)} in "
                f"{options['output']}."
            )

    def _to_stdout(self, connection: DatabaseWrapper, database: Database) -> None:
        for line in export_rows(connection.transport, database):
            self.stdout.write(line.decode(), ending="")

    def _to_file(
        self, connection: DatabaseWrapper, database: Database, file: IO[bytes], *, resume: bool
    ) -> int:
        point, counts = ResumePoint(), Counter[str]()
        if resume:
            try:
                point = resume_point(file)
            except BadFile as error:
                raise CommandError(str(error)) from error
            counts = _rows_before(file, point.offset)
            if point.finished:
                return sum(counts.values())
            file.seek(point.offset)
            file.truncate()
        with progress_bar(self.stderr, None) as advance:
            written = Counter(counts)

            def progress(table: str, rows: int) -> None:
                written[table] += rows
                if advance is not None:
                    advance(table, rows)

            try:
                lines = export_rows(
                    connection.transport, database, after=point, counts=counts, progress=progress
                )
                file.writelines(lines)
            except (InvalidQuery, NotFound) as error:
                if point.row_id is None:
                    raise
                raise CommandError(
                    f"Cannot resume after the row {point.row_id} of {point.table}, which may have "
                    f"been deleted: {error}\n"
                    "Export again without --resume."
                ) from error
        return sum(written.values())


def _rows_before(file: IO[bytes], offset: int) -> Counter[str]:
    """Return the number of rows of each table in the first ``offset`` bytes of a file."""
    counts: Counter[str] = Counter()
    file.seek(0)
    while file.tell() < offset:
        content = json.loads(file.readline())
        if content[0] == "row":
            counts[content[1]] += 1
    return counts
