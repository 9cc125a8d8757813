"""
``manage.py migrate``: extend Django's command for databases on Appwrite, in two ways.

It prints nothing about apps without tables there, whose migrations are only recorded. An error of
Appwrite becomes a message without a traceback (``--traceback`` shows it), unless it comes from a
``RunPython`` operation.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection
from typing import Any

from django.apps import apps
from django.core.management.base import OutputWrapper
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections, router
from django.db.migrations import RunPython

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.client.errors import AppwriteError

_ALL = re.compile(r"(?P<head>.*Apply all migrations: (?:\x1b\[[\d;]*m)?)(?P<labels>.*)", re.DOTALL)
_MIGRATION = re.compile(r"(?P<label>\w+)\.\w+")
_STEPS = frozenset({RunPython.database_forwards.__code__, RunPython.database_backwards.__code__})


class Command(MigrateCommand):
    _elsewhere: Collection[str] = ()

    def handle(self, *args: Any, **options: Any) -> Any:
        alias = options["database"]
        if not is_appwrite(connections[alias]):
            return super().handle(*args, **options)
        if options["app_label"] is None:
            self._elsewhere = _apps_elsewhere(alias)
        output = self.stdout = _Output(self.stdout, self._elsewhere)
        self.autodetector = _without(self.autodetector, self._elsewhere)  # type: ignore[misc]  # for this run only
        try:
            super().handle(*args, **options)
        except AppwriteError as error:
            if _comes_from_a_step(error):
                raise
            # Keep the exception's own class for programs that call the command.
            from appwrite_orm_django.backend.schema import as_message

            raise as_message(error) from error.__cause__
        finally:
            output.end()

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        if migration is None or migration.app_label not in self._elsewhere:
            super().migration_progress_callback(action, migration, fake)


def _apps_elsewhere(alias: str) -> set[str]:
    """Return the labels of the apps that the routers keep off an alias."""
    return {
        config.label
        for config in apps.get_app_configs()
        if not router.allow_migrate(alias, config.label)
        and not any(router.get_migratable_models(config, alias, include_auto_created=True))
    }


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
