"""``manage.py appwrite_doctor``: test the library's assumptions on the server of an alias."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from appwrite_orm_django.backend import capabilities
from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.changes import realtime, webhook_setup
from appwrite_orm_django.client.errors import DatabaseNotFound, Unauthorized
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, Server
from appwrite_orm_django.doctor.examination import Finding, engine_found, examine, order_found
from appwrite_orm_django.doctor.scratch import (
    Ears,
    NotHeard,
    Scratch,
    ScratchRefused,
    WebhookSetUp,
    scratch,
)
from appwrite_orm_django.engines import ENGINES
from appwrite_orm_django.management.commands._choice import chosen_alias
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.schema import records

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

#: Areas of experiments on request, and names of the options that request them.
ON_REQUEST = ("webhook", "realtime")
#: Exit status if some or all experiments could not run.
UNANSWERED = 2
_HEADINGS = ("Assumption", "Assumed", "Found")
#: Windows has no SIGHUP.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Command(WithKey, BaseCommand):
    help = (
        "Test the library's assumptions on the server of an alias. Experiments run in a scratch "
        "database, which is deleted at the end. Exit with 1 if an assumption does not hold, and "
        "with 2 if not all could be tested."
    )
    # The command helps to find out why other commands fail, so it runs without checks.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--database", help="alias of the database; needed only when several are on Appwrite"
        )
        parser.add_argument(
            "--scratch-database",
            metavar="ID",
            help="an existing database of the project in which to create one table, instead of a scratch database",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            default=[],
            metavar="NAME",
            help="test only these assumptions or areas, such as text, blocks or unique.create",
        )
        parser.add_argument(
            "--webhook",
            action="store_true",
            help="also test the webhook of the database, and wait for a delivery",
        )
        parser.add_argument(
            "--realtime",
            action="store_true",
            help="also listen to realtime, with the settings' session or as a guest",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=15.0,
            metavar="SECONDS",
            help="how long to wait for a delivery or an event of realtime (default: %(default)s)",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="format of the report"
        )
        parser.add_argument(
            "--keep", action="store_true", help="do not delete the scratch database at the end"
        )
        parser.add_argument(
            "--list", action="store_true", help="list the assumptions without contacting the server"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._print_list(options["format"])
            return
        findings: list[Finding] = []
        recorded: Mapping[str, str] = {}
        alias, problem = options["database"], "stopped before the end"
        try:
            _check_names(options["only"])
            alias = chosen_alias(alias)
            laboratory, recorded = self._examine(alias, options, findings)
            problem = ""
        except CommandError as error:
            problem = str(error)
            error.returncode = UNANSWERED
            raise
        finally:
            # Programs need the findings, and the reason for missing ones, however the run ended.
            if options["format"] == "json":
                self._print_json(alias, findings, problem, recorded)
        if options["format"] == "text":
            self._print_summary(findings, laboratory if options["keep"] else None)
            if recorded:
                self.stdout.write(
                    f"Recorded in the database {_database_of(alias)}: the engine is "
                    f"{recorded['engine']}"
                    + (f", in the order {order}." if (order := recorded.get("order")) else ".")
                )
        if not all(finding.holds for finding in findings):
            sys.exit(1)

    def _examine(
        self, alias: str, options: dict[str, Any], findings: list[Finding]
    ) -> tuple[Scratch, dict[str, str]]:
        """
        Add each finding to ``findings``, and return the scratch database and what was recorded.

        Raises:
            CommandError: the server or the settings kept the experiments from running.
        """
        connection = appwrite_connection(alias)
        try:
            with (
                _ended_by_signals(),
                scratch(
                    connection.transport.unwatched(),
                    options["scratch_database"],
                    keep=options["keep"],
                ) as laboratory,
            ):
                laboratory.webhook = _webhook_of(alias, options["wait"])
                laboratory.ears = Ears(partial(_listen, alias), options["wait"])
                level = _level(connection, laboratory)
                for finding in self._examined(alias, level, laboratory, options):
                    findings.append(finding)  # noqa: PERF402 - keep the findings before an error
            return laboratory, _record(connection, options["scratch_database"], findings, level)
        except (Error, ImproperlyConfigured, ScratchRefused) as error:
            raise CommandError(str(error)) from error

    def _examined(
        self, alias: str, level: str, laboratory: Scratch, options: dict[str, Any]
    ) -> Iterator[Finding]:
        connection = appwrite_connection(alias)
        server = Server(connection.engine.name, level)
        as_text = options["format"] == "text"
        if as_text:
            self.stdout.write(
                self.style.MIGRATE_HEADING(
                    f'"{alias}": {connection.settings_dict["HOST"]}, {server.engine}, level {level}'
                )
            )
            self._print_row(_HEADINGS)
        asked = {
            area
            for area in ON_REQUEST
            if options[area] or any(each.partition(".")[0] == area for each in options["only"])
        }
        for finding in examine(laboratory, server, options["only"], asked):
            if as_text:
                self._print_finding(finding)
            yield finding

    def _print_row(self, cells: Sequence[str], sign: str = " ") -> None:
        first, second, third = cells
        self.stdout.write(f"{sign} {first:<46} {second:<24} {third}")

    def _print_finding(self, finding: Finding) -> None:
        sign = self.style.SUCCESS("✓") if finding.holds else self.style.ERROR("✗")
        self._print_row((finding.assumption.question, finding.assumed, finding.found), sign)

    def _print_summary(self, findings: Sequence[Finding], kept: Scratch | None) -> None:
        broken = [finding for finding in findings if not finding.holds]
        self.stdout.write("")
        for finding in broken:
            self.stdout.write(
                self.style.ERROR(f"{finding.assumption.name}: {finding.assumption.question}")
            )
            self.stdout.write(f"  assumed {finding.assumed}, found {finding.found}")
            self.stdout.write(f"  {finding.assumption.otherwise}")
        if kept is not None:
            self.stdout.write(
                f"Kept: the database {kept.database} with the table {kept.table.table}."
            )
        if broken:
            self.stdout.write(
                self.style.ERROR(f"{len(broken)} of {len(findings)} assumptions do not hold.")
            )
        else:
            self.stdout.write(self.style.SUCCESS(f"All {len(findings)} assumptions hold."))

    def _print_json(
        self,
        alias: str | None,
        findings: Sequence[Finding],
        problem: str,
        recorded: Mapping[str, str],
    ) -> None:
        report = [
            {
                "name": finding.assumption.name,
                "question": finding.assumption.question,
                "assumed": finding.assumed,
                "found": finding.found,
                "holds": finding.holds,
                "otherwise": "" if finding.holds else finding.assumption.otherwise,
            }
            for finding in findings
        ]
        printed = {
            "alias": alias,
            "error": problem or None,
            "findings": report,
            "recorded": dict(recorded),
        }
        self.stdout.write(json.dumps(printed, indent=2, ensure_ascii=False))

    def _print_list(self, form: str) -> None:
        if form == "json":
            listed = [
                {"name": assumption.name, "question": assumption.question}
                for assumption in ASSUMPTIONS
            ]
            self.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False))
            return
        for assumption in ASSUMPTIONS:
            self.stdout.write(f"{assumption.name:<22} {assumption.question}")


def _database_of(alias: str) -> str:
    connection = appwrite_connection(alias)
    return connection.database_id


def _level(connection: DatabaseWrapper, laboratory: Scratch) -> str:
    pinned: str | None = connection.options.feature_level
    return pinned or capabilities.probe(laboratory.transport, laboratory.table) or "1.9"


def _record(
    connection: DatabaseWrapper, given: str | None, findings: list[Finding], level: str
) -> dict[str, str]:
    """Record and return the engine found, if it is that of the alias's database."""
    engine = engine_found(findings, level)
    if not engine or given not in (None, connection.database_id):
        return {}
    found = {"engine": engine}
    if ENGINES[engine].orders_by_locale and (order := order_found(findings)):
        found["order"] = order
    try:
        records.write_findings(connection.transport.unwatched(), connection.database_id, found)
    except (DatabaseNotFound, Unauthorized):
        return {}  # the database does not exist yet, or the key may not write to it
    return found


def _webhook_of(alias: str, wait_s: float) -> WebhookSetUp:
    connection = appwrite_connection(alias)

    def deliver() -> str:
        return webhook_setup.check(alias, wait_s=wait_s).problem

    url, events = connection.options.webhook.url, webhook_setup.events_for(alias)
    return WebhookSetUp(webhook_setup.webhook_id_for(alias), url, events, deliver)


@contextmanager
def _listen(
    alias: str, channels: Sequence[str]
) -> Iterator[Callable[[float], Mapping[str, Any] | None]]:
    try:
        with realtime.hearing(alias, channels) as hear:
            yield hear
    except realtime.Refused as error:
        raise NotHeard(str(error)) from error


def _check_names(only: Sequence[str]) -> None:
    known = {assumption.name for assumption in ASSUMPTIONS} | {
        assumption.area for assumption in ASSUMPTIONS
    }
    if unknown := sorted(set(only) - known):
        raise CommandError(f"No such assumption or area: {unknown[0]!r}. --list shows all of them.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Exit on SIGTERM and SIGHUP as on Ctrl-C, so that the scratch database is deleted."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before: dict[signal.Signals, Any] = {}
    # Only the main thread may handle signals.
    with contextlib.suppress(ValueError):
        for number in _ENDING:
            # Respect nohup, which ignores SIGHUP.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
