"""``manage.py appwrite_doctor``: try what the library relies on, on the server behind an alias."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from appwrite_orm_django.backend import capabilities
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, Server
from appwrite_orm_django.doctor.examination import Finding, examine
from appwrite_orm_django.doctor.scratch import Scratch, ScratchRefused, scratch
from appwrite_orm_django.management.commands._choice import chosen_alias
from appwrite_orm_django.management.commands._key import WithKey

#: Exit status where the experiments could not run, or not all of them.
UNANSWERED = 2
_HEADINGS = ("Assumption", "Assumed", "Found")
#: Windows has no SIGHUP.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Command(WithKey, BaseCommand):
    help = (
        "Try what the library relies on, on the server behind an alias. Experiments run in a database of their own, "
        "which is deleted at the end. Exits with 1 if an assumption does not hold, with 2 if not all could be tried."
    )
    # It is there to find out why other things fail.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", help="alias of the database; needed only when several are on Appwrite")
        parser.add_argument(
            "--scratch-database",
            metavar="ID",
            help="an existing database of the project in which to make one table, instead of a database of its own",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            default=[],
            metavar="NAME",
            help="try these assumptions, or all of these areas: text, blocks, unique.create, ...",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text", help="how to print")
        parser.add_argument("--keep", action="store_true", help="leave the scratch database as it is at the end")
        parser.add_argument("--list", action="store_true", help="print the assumptions, and ask the server nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._print_list(options["format"])
            return
        findings: list[Finding] = []
        alias, problem = options["database"], "stopped before the end"
        try:
            _check_names(options["only"])
            alias = chosen_alias(alias)
            laboratory = self._examine(alias, options, findings)
            problem = ""
        except CommandError as error:
            problem = str(error)
            error.returncode = UNANSWERED
            raise
        finally:
            # A program has to know what was found, and why no more was, however it ended.
            if options["format"] == "json":
                self._print_json(alias, findings, problem)
        if options["format"] == "text":
            self._print_summary(findings, laboratory if options["keep"] else None)
        if not all(finding.holds for finding in findings):
            sys.exit(1)

    def _examine(self, alias: str, options: dict[str, Any], findings: list[Finding]) -> Scratch:
        """
        Add to the findings as they are made, and return the scratch database.

        Raises:
            CommandError: the server, or the settings, did not let the experiments run.
        """
        connection: Any = connections[alias]
        try:
            with (
                _ended_by_signals(),
                scratch(connection.transport, options["scratch_database"], keep=options["keep"]) as laboratory,
            ):
                for finding in self._examined(alias, laboratory, options):
                    findings.append(finding)  # noqa: PERF402 - those before an error count as well
        except (Error, ImproperlyConfigured, ScratchRefused) as error:
            raise CommandError(str(error)) from error
        return laboratory

    def _examined(self, alias: str, laboratory: Scratch, options: dict[str, Any]) -> Iterator[Finding]:
        connection: Any = connections[alias]
        level = capabilities.feature_level(connection, laboratory.table)
        server = Server(connection.options.text, level)
        as_text = options["format"] == "text"
        if as_text:
            self.stdout.write(
                self.style.MIGRATE_HEADING(
                    f'"{alias}": {connection.settings_dict["HOST"]}, {server.text}, level {level}'
                )
            )
            self._print_row(_HEADINGS)
        for finding in examine(laboratory, server, options["only"]):
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
            self.stdout.write(self.style.ERROR(f"{finding.assumption.name}: {finding.assumption.question}"))
            self.stdout.write(f"  assumed {finding.assumed}, found {finding.found}")
            self.stdout.write(f"  {finding.assumption.otherwise}")
        if kept is not None:
            self.stdout.write(f"Kept: the database {kept.database} with the table {kept.table.table}.")
        if broken:
            self.stdout.write(self.style.ERROR(f"{len(broken)} of {len(findings)} assumptions do not hold."))
        else:
            self.stdout.write(self.style.SUCCESS(f"All {len(findings)} assumptions hold."))

    def _print_json(self, alias: str | None, findings: Sequence[Finding], problem: str) -> None:
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
        printed = {"alias": alias, "error": problem or None, "findings": report}
        self.stdout.write(json.dumps(printed, indent=2, ensure_ascii=False))

    def _print_list(self, form: str) -> None:
        if form == "json":
            listed = [{"name": assumption.name, "question": assumption.question} for assumption in ASSUMPTIONS]
            self.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False))
            return
        for assumption in ASSUMPTIONS:
            self.stdout.write(f"{assumption.name:<22} {assumption.question}")


def _check_names(only: Sequence[str]) -> None:
    known = {assumption.name for assumption in ASSUMPTIONS} | {assumption.area for assumption in ASSUMPTIONS}
    if unknown := sorted(set(only) - known):
        raise CommandError(f"There is no assumption or area {unknown[0]!r}. --list shows them all.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a command that is terminated, or whose terminal is closed, delete what it made, as Ctrl-C does."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before: dict[signal.Signals, Any] = {}
    # Signals can be handled in the main thread only.
    with contextlib.suppress(ValueError):
        for one in _ENDING:
            # Under nohup a closed terminal is to be ignored.
            if signal.getsignal(one) != signal.SIG_IGN:
                before[one] = signal.signal(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
