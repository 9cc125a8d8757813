"""``manage.py appwrite_doctor``: try what the library relies on, on the server behind an alias."""

from __future__ import annotations

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from appwrite_orm_django.backend import capabilities
from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, Server
from appwrite_orm_django.doctor.examination import Finding, examine
from appwrite_orm_django.doctor.scratch import Scratch, ScratchRefused, scratch
from appwrite_orm_django.management.commands._choice import chosen_alias
from appwrite_orm_django.management.commands._key import WithKey

_HEADINGS = ("Assumption", "Assumed", "Found")


class Command(WithKey, BaseCommand):
    help = (
        "Try what the library relies on, on the server behind an alias. Experiments run in a database of their own, "
        "which is deleted at the end. Exits with 1 if an assumption does not hold."
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
        known = {assumption.name for assumption in ASSUMPTIONS} | {assumption.area for assumption in ASSUMPTIONS}
        if unknown := sorted(set(options["only"]) - known):
            raise CommandError(f"There is no assumption or area {unknown[0]!r}. --list shows them all.")
        if options["list"]:
            self._print_list()
            return
        alias = chosen_alias(options["database"])
        connection = appwrite_connection(alias)
        try:
            with (
                _ended_by_sigterm(),
                scratch(connection.transport, options["scratch_database"], keep=options["keep"]) as laboratory,
            ):
                findings = list(self._examined(alias, laboratory, options))
        except (Error, ImproperlyConfigured, ScratchRefused) as error:
            raise CommandError(str(error)) from error
        if options["format"] == "json":
            self._print_json(alias, findings)
        else:
            self._print_summary(findings, laboratory if options["keep"] else None)
        if not all(finding.holds for finding in findings):
            sys.exit(1)

    def _examined(self, alias: str, laboratory: Scratch, options: dict[str, Any]) -> Iterator[Finding]:
        connection = appwrite_connection(alias)
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

    def _print_json(self, alias: str, findings: Sequence[Finding]) -> None:
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
        self.stdout.write(json.dumps({"alias": alias, "findings": report}, indent=2, ensure_ascii=False))

    def _print_list(self) -> None:
        for assumption in ASSUMPTIONS:
            self.stdout.write(f"{assumption.name:<22} {assumption.question}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let a terminated command delete what it made, as Ctrl-C does. Signals can be handled in the main thread only."""

    def stop(*_: object) -> None:
        raise SystemExit(143)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
