"""
``manage.py migrate``: extend Django's command for databases on Appwrite, in three ways.

Without ``--database`` it migrates the default database and then every Appwrite database that holds
the rows of models. With ``--database`` it migrates that one, as Django does.

It prints nothing about apps without tables in a database, whose migrations are only recorded there.

An error of Appwrite becomes a message without a traceback (``--traceback`` shows it), unless it
comes from a ``RunPython`` operation.
"""

from __future__ import annotations

import io
import re
import traceback
from collections.abc import Callable, Collection
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations import RunPython

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.backend.creation import models_without_migration, models_without_table
from appwrite_orm_django.cache import fresh_reads
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.orm.permissions import alias_of_permissions, create_permissions
from appwrite_orm_django.schema.from_models import models_of
from appwrite_orm_django.schema.routing import aliases_with_models, apps_elsewhere

_ALL = re.compile(r"(?P<head>.*Apply all migrations: (?:\x1b\[[\d;]*m)?)(?P<labels>.*)", re.DOTALL)
_MIGRATION = re.compile(r"(?P<label>\w+)\.\w+")
_STEPS = frozenset({RunPython.database_forwards.__code__, RunPython.database_backwards.__code__})


class Command(MigrateCommand):
    #: Labels of the apps that the current run prints nothing about.
    _elsewhere: Collection[str] = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        # For our --database in place of Django's, which has another default.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="Migrate only this database. Defaults to the default database and the Appwrite "
            "databases that hold the rows of models.",
        )

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        # The checks of an Appwrite database compare it with the models: before a migration they
        # would only announce what it is about to do.
        alias = options["database"] or DEFAULT_DB_ALIAS
        databases = [] if is_appwrite(connections[alias]) else [alias]
        return {**super().get_check_kwargs(options), "databases": databases}

    @fresh_reads()  # data steps change what they read
    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if alias is None:
            self._migrate_all(*args, **options)
        elif is_appwrite(connections[alias]):
            everything = options["app_label"] is None
            self._migrate(apps_elsewhere(alias) if everything else (), *args, **options)
        else:
            super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            self._create_permissions(alias, options["verbosity"])

    def _migrate_all(self, *args: Any, **options: Any) -> None:
        """Migrate the default database, then the Appwrite databases; end with the last status."""
        label = options["app_label"]
        ended: SystemExit | None = None
        for alias in dict.fromkeys((DEFAULT_DB_ALIAS, *aliases_with_models())):
            elsewhere = apps_elsewhere(alias)
            if alias != DEFAULT_DB_ALIAS and label in elsewhere:
                continue
            run = {**options, "database": alias}
            try:
                if label in elsewhere:
                    # The default database keeps the record that Django's own commands read.
                    self._record(*args, **run)
                else:
                    self._say_which(alias, options)
                    self._migrate(elsewhere, *args, **run)
            except SystemExit as exit_:  # --check found something; look at the others as well
                ended = exit_
            if alias != DEFAULT_DB_ALIAS and label is None:
                self._say_without_migration(alias, options)
        if ended is not None:
            raise ended

    def _say_which(self, alias: str, options: dict[str, Any]) -> None:
        checks_only = options["check_unapplied"] and not options["plan"]
        if (
            checks_only
            or options["verbosity"] < 1
            or aliases_with_models() in ([], [DEFAULT_DB_ALIAS])
        ):
            return
        settings = connections[alias].settings_dict
        where = (
            f"Appwrite database {settings['NAME']} at {settings['HOST']}"
            if is_appwrite(connections[alias])
            else connections[alias].display_name
        )
        self.stdout.write(self.style.SUCCESS(f"{alias} ({where})"))

    def _say_without_migration(self, alias: str, options: dict[str, Any]) -> None:
        """Name the models that no migration creates: after this run they have no table."""
        if options["verbosity"] < 1 or options["check_unapplied"]:
            return
        missing = models_without_table(connections[alias])
        if missing:
            names = ", ".join(model._meta.label for model in missing)
            labels = " ".join(sorted({model._meta.app_label for model in missing}))
            self.stdout.write(
                self.style.NOTICE(
                    f"  No migration creates these models, so they have no tables: {names}\n"
                    f"  Run 'manage.py makemigrations {labels}', and then 'manage.py migrate'."
                )
            )

    def _create_permissions(self, alias: str | None, verbosity: int) -> None:
        """
        Create the content types and permissions of the models that no migration creates.

        Django does so for models that migrations know, and for apps without a migrations package.
        """
        if alias not in (None, alias_of_permissions()):
            return
        missing = [
            model
            for appwrite_alias in aliases_with_models()
            for model in models_without_migration(appwrite_alias)
        ]
        create_permissions(
            sorted({model._meta.app_label for model in missing}), verbosity=verbosity
        )

    def _record(self, *args: Any, **options: Any) -> None:
        """Migrate an app in a database where it has no tables, without any output."""
        before = self.stdout
        self.stdout = OutputWrapper(io.StringIO())
        try:
            super().handle(*args, **{**options, "verbosity": 0})
        finally:
            self.stdout = before

    def _migrate(self, elsewhere: Collection[str], *args: Any, **options: Any) -> None:
        """Migrate one database, and print nothing about the apps that live elsewhere."""
        before = self.stdout, self.autodetector
        self._elsewhere = elsewhere
        output = self.stdout = _Output(self.stdout, elsewhere)
        self.autodetector = _without(self.autodetector, elsewhere)  # type: ignore[misc]  # for this run only
        try:
            checks_only = options["plan"] or options["check_unapplied"]
            if not checks_only and is_appwrite(connections[options["database"]]):
                self._add_key_columns(options["database"], options["verbosity"])
            super().handle(*args, **options)
        except AppwriteError as error:
            if _comes_from_a_step(error):
                raise
            # Keep the exception's own class for programs that call the command.
            from appwrite_orm_django.backend.messages import as_message

            raise as_message(error) from error.__cause__
        finally:
            output.end()
            self.stdout, self.autodetector = before  # type: ignore[misc]
            self._elsewhere = ()

    def _add_key_columns(self, alias: str, verbosity: int) -> None:
        """Add the columns of keys to tables that were created before such keys had columns."""
        with connections[alias].schema_editor() as editor:
            for model in models_of(alias):
                changed = editor.add_key_columns(model)
                if changed and verbosity >= 1:
                    self.stdout.write(
                        f"  {model._meta.label}: added or widened {', '.join(changed)}, for keys "
                        "that are not row ids"
                    )

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        if migration is None or migration.app_label not in self._elsewhere:
            super().migration_progress_callback(action, migration, fake)


def _without(detector: Any, labels: Collection[str]) -> Any:
    """Return an autodetector class that ignores these apps."""

    class Detector(detector):  # type: ignore[misc]  # the project may use its own class
        def changes(self, *args: Any, **kwargs: Any) -> Any:
            found = super().changes(*args, **kwargs)
            return {label: migrations for label, migrations in found.items() if label not in labels}

    return Detector


def _comes_from_a_step(error: BaseException) -> bool:
    return any(frame.f_code in _STEPS for frame, _line in traceback.walk_tb(error.__traceback__))


class _Output(OutputWrapper):
    """Django's output without some apps. ``end`` ends the last line, even after an error."""

    def __init__(self, output: Any, labels: Collection[str]) -> None:
        super().__init__(output._out, output.ending)
        self.style_func = output.style_func
        self._labels = labels
        self._hides = False
        # The text to print if nothing follows the last heading; None without an open heading.
        self._begun: str | None = None
        self._line_is_open = False

    def write(  # type: ignore[override]  # has the signature of OutputWrapper.write
        self,
        msg: str = "",
        style_func: Callable[[str], str] | None = None,
        ending: str | None = None,
    ) -> None:
        planned = _MIGRATION.fullmatch(msg)
        if planned is not None:
            self._hides = planned["label"] in self._labels
        elif not msg.startswith("    "):
            self._hides = False
        if self._hides:
            return
        if (all_ := _ALL.fullmatch(msg)) is not None:
            labels = [label for label in all_["labels"].split(", ") if label not in self._labels]
            msg = all_["head"] + (", ".join(labels) or "(none)")
        self._begun = next((end for begin, end in _NOTHING.items() if begin in msg), None)
        self._line_is_open = ending == ""
        super().write(msg, style_func, ending)

    def end(self) -> None:
        if self._line_is_open:
            self.write()
        elif self._begun is not None:
            self.write(self._begun)


#: Maps a heading to the line printed if nothing follows it.
_NOTHING = {
    "Planned operations:": "  No planned migration operations.",
    "Running migrations:": "  No migrations to apply.",
}
