"""``manage.py appwrite_cache``: inspect, invalidate, warm and verify the query cache."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from django.apps import apps
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, models
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache import clear, control, invalidate, maintenance
from appwrite_orm_django.management.commands._key import WithKey

T = TypeVar("T")
Model = type[models.Model]
Rows = list[dict[str, Any]]

ACTIONS = {
    "status": "show which tables have cached results, and how many querysets of appwrite_warm are cached",
    "stats": "show reads, hits and bytes per table, over all processes",
    "clear": "invalidate every table of the database",
    "invalidate": "invalidate the tables of the models named",
    "refresh": "invalidate, and load the querysets of appwrite_warm",
    "warm": "load the querysets of appwrite_warm that are not cached",
    "verify": "compare cached results with Appwrite; exit with 1 if any differs",
    "reset-stats": "reset all counters to zero, in every process",
}


class Command(WithKey, BaseCommand):
    help = "Inspect, invalidate, warm and verify the query cache. Actions: " + "; ".join(
        f"{name}: {text}" for name, text in ACTIONS.items()
    )
    requires_system_checks = []
    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=list(ACTIONS))
        parser.add_argument(
            "models",
            nargs="*",
            metavar="app_label[.Model]",
            help="Models to work on (default: all of the database).",
        )
        parser.add_argument(
            "--database", help="Alias of the database; needed only when several are on Appwrite."
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="Format of the results."
        )
        parser.add_argument(
            "--every",
            type=float,
            metavar="SECONDS",
            help="refresh, warm, verify: repeat the action at this interval until stopped.",
        )
        parser.add_argument(
            "--sample",
            type=int,
            default=20,
            metavar="ROWS",
            help="verify: number of rows per table to look up by key.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.alias = _alias(options["database"])
        self.chosen = _chosen(self.alias, options["models"])
        self.named = bool(options["models"])
        self.sample = options["sample"]
        self.as_json = options["format"] == "json"
        self.quiet = options["verbosity"] < 1
        self._warn_of_private_cache()
        run = getattr(self, "do_" + options["action"].replace("-", "_"))
        if options["every"] is None:
            if not run():
                sys.exit(1)
            return
        if options["action"] not in ("refresh", "warm", "verify"):
            raise CommandError(
                f"--every works with refresh, warm and verify, not with {options['action']}."
            )
        if options["every"] <= 0:
            raise CommandError(
                f"--every must be a number of seconds above 0, got {options['every']:g}."
            )
        self._repeat(run, options["every"])

    def _repeat(self, run: Callable[[], bool], seconds: float) -> None:
        try:
            while True:
                try:
                    run()
                except DatabaseError as error:
                    # A long-running job must survive an outage.
                    self.stderr.write(self.style.ERROR(f"{error}\nRetrying in {seconds:g} s."))
                self.sleep(seconds)
        except KeyboardInterrupt:
            return

    # There is a method for each action. It returns whether the action succeeded.

    def do_status(self) -> bool:
        lock_s = appwrite_connection(self.alias).cache.core.lock_s
        self._print(
            [
                {
                    "model": state.model,
                    "table": state.table,
                    "updated": state.updated,
                    "timeout_s": state.timeout_s,
                    "lock_s": lock_s,
                    "warm": f"{state.warm[0]} of {state.warm[1]}" if state.warm[1] else "",
                }
                for state in maintenance.states(self.alias, self.chosen)
            ]
        )
        return True

    def do_stats(self) -> bool:
        self._print(
            [
                {"model": model, "hit_rate": counters.hit_rate, **asdict(counters)}
                for model, counters in maintenance.totals(self.alias, self.chosen).items()
            ]
        )
        return True

    def do_clear(self) -> bool:
        if self.named:
            raise CommandError(
                "clear invalidates the whole database. Use invalidate for single models."
            )
        return self._told(clear(using=self.alias))

    def do_invalidate(self) -> bool:
        if not self.named:
            raise CommandError(
                "Name the models to invalidate, or use clear to invalidate all of them."
            )
        return self._told(invalidate(*self.chosen, using=self.alias))

    def do_refresh(self) -> bool:
        return self._load(maintenance.refreshed(self.alias, self._warmed()))

    def do_warm(self) -> bool:
        return self._load(maintenance.warmed(self._warmed()))

    def do_verify(self) -> bool:
        found = list(
            self._watched(
                maintenance.verified(self.alias, self.chosen, sample=self.sample), len(self.chosen)
            )
        )
        self._print(
            [
                {
                    "model": result.model,
                    "checked": result.checked,
                    "not_cached": result.absent,
                    "unknown": result.unknown,
                    "differences": [asdict(difference) for difference in result.differences]
                    if self.as_json
                    else len(result.differences),
                }
                for result in found
            ]
        )
        differences = [difference for result in found for difference in result.differences]
        if not self.as_json:
            for difference in differences:
                self.stderr.write(
                    self.style.ERROR(
                        f"{difference.model}: {difference.query}\n"
                        f"  cached:   {difference.cached}\n"
                        f"  Appwrite: {difference.fresh}"
                    )
                )
        return not differences

    def do_reset_stats(self) -> bool:
        connection = appwrite_connection(self.alias)
        connection.cache.statistics.reset()
        return True

    # Helpers

    def _warmed(self) -> list[Model]:
        listing = control.warmed_models(self.chosen)
        if not listing and not self.quiet:
            self.stderr.write("None of these models has appwrite_warm.")
        return listing if not self.named else self.chosen

    def _load(self, loading: Iterator[tuple[Model, int]]) -> bool:
        rows: dict[str, dict[str, Any]] = {}
        total = sum(len(control.loaders_of(model)) for model in self.chosen)
        for model, count in self._watched(loading, total):
            row = rows.setdefault(
                model._meta.label, {"model": model._meta.label, "queries": 0, "rows": 0}
            )
            row["queries"] += 1
            row["rows"] += count
        self._print(list(rows.values()))
        return True

    def _told(self, told: bool) -> bool:
        if not told:
            self.stderr.write(
                self.style.ERROR("The cache does not answer: nothing was invalidated.")
            )
        return told

    def _watched(self, work: Iterable[T], total: int) -> Iterator[T]:
        """Show a progress bar on a terminal while yielding the items of ``work``."""
        if self.as_json or self.quiet or not self._is_terminal():
            yield from work
            return
        with Progress(console=Console(file=sys.stderr), transient=True) as progress:
            task = progress.add_task("", total=total)
            for item in work:
                progress.advance(task)
                yield item

    def _print(self, rows: Rows) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(rows, indent=2))
        elif not rows or self.quiet:
            return
        elif self._is_terminal():
            table = Table(*(_title(name) for name in rows[0]))
            for row in rows:
                table.add_row(*map(_shown, row.values()))
            Console(file=sys.stdout).print(table)
        else:
            lines = [
                [_title(name) for name in rows[0]],
                *([_shown(value) for value in row.values()] for row in rows),
            ]
            widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
            for line in lines:
                self.stdout.write(
                    "  ".join(
                        cell.ljust(width) for cell, width in zip(line, widths, strict=True)
                    ).rstrip()
                )

    def _is_terminal(self) -> bool:
        # Ask Django's wrapper, which knows the stream; a test's buffer is not a terminal.
        return bool(self.stdout.isatty())

    def _warn_of_private_cache(self) -> None:
        connection = appwrite_connection(self.alias)
        name = connection.cache.settings.alias
        if isinstance(caches[name], LocMemCache) and not self.quiet:
            self.stderr.write(
                self.style.WARNING(
                    f'CACHES["{name}"] is local to each process, so this command affects no other '
                    "process. "
                    "Use a shared cache such as Redis."
                )
            )


def _title(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return (
        f"{value:,.3f}".rstrip("0").rstrip(".")
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _alias(wanted: str | None) -> str:
    aliases = control.appwrite_aliases()
    if wanted is not None:
        if wanted not in aliases:
            raise CommandError(
                f'"{wanted}" is not on Appwrite. Aliases on Appwrite: '
                f"{', '.join(aliases) or 'none'}."
            )
        return wanted
    if len(aliases) == 1:
        return aliases[0]
    if DEFAULT_DB_ALIAS in aliases:
        return DEFAULT_DB_ALIAS
    if not aliases:
        raise CommandError("No database in DATABASES is on Appwrite.")
    raise CommandError(
        f"Several databases are on Appwrite ({', '.join(aliases)}); choose one with --database."
    )


def _chosen(alias: str, labels: Sequence[str]) -> list[Model]:
    connection = appwrite_connection(alias)
    known: list[Model] = connection.cached_models()
    if not labels:
        return known
    chosen: dict[Model, None] = {}
    for label in labels:
        try:
            wanted = (
                [apps.get_model(label)]
                if "." in label
                else list(apps.get_app_config(label).get_models(True))
            )
        except (LookupError, ValueError) as error:
            raise CommandError(str(error)) from error
        # A proxy uses the table of its concrete model.
        found = [
            model
            for model in (model._meta.concrete_model or model for model in wanted)
            if model in known
        ]
        if not found:
            raise CommandError(f'{label} has no table on "{alias}".')
        chosen.update(dict.fromkeys(found))
    return list(chosen)
