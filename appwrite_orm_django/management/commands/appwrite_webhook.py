"""``manage.py appwrite_webhook``: have Appwrite tell this site of other clients' writes."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from appwrite_orm_django.changes import webhook_setup
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.management.commands._choice import chosen_alias
from appwrite_orm_django.management.commands._key import WithKey

ACTIONS = {
    "create": "make the webhook of a database, or bring it up to date: address, events, secret; turned on again if it was off",
    "list": "show the webhooks of the project, and which of them is this database's",
    "check": "prove that a delivery arrives: make a row in a table of our own, wait for the endpoint to be told of it",
    "delete": "delete the webhook of the database",
}


class Command(WithKey, BaseCommand):
    help = "The webhook by which Appwrite tells of other clients' writes. Actions: " + "; ".join(
        f"{name}: {text}" for name, text in ACTIONS.items()
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=list(ACTIONS))
        parser.add_argument("--database", help="alias of the database; needed only when several are on Appwrite")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="list: how to print")
        parser.add_argument(
            "--wait", type=float, default=15.0, metavar="SECONDS", help="check: how long to wait (default: %(default)g)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.alias = chosen_alias(options["database"])
        try:
            getattr(self, f"do_{options['action']}")(options)
        except (AppwriteError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error

    def do_create(self, options: dict[str, Any]) -> None:
        outcome, webhook = webhook_setup.create(self.alias)
        self.stdout.write(f"{outcome.capitalize()}: {webhook['$id']}, {webhook['url']}")
        for event in webhook["events"]:
            self.stdout.write(f"  {event}")
        if webhook["events"][0].endswith(".tables.*.rows.*"):
            self.stdout.write(
                'Every table is told of: set OPTIONS["WEBHOOK"]["IGNORE_UNKNOWN"] if not all have a model, or each is logged.'
            )
        self.stdout.write("Now see whether a delivery arrives: manage.py appwrite_webhook check")

    def do_list(self, options: dict[str, Any]) -> None:
        found = list(webhook_setup.listed(self.alias))
        if options["format"] == "json":
            # No secrets are among them: the server shows those only once.
            shown = ("$id", "name", "url", "enabled", "attempts", "events")
            self.stdout.write(
                json.dumps([{"ours": ours} | {name: one[name] for name in shown} for ours, one in found], indent=2)
            )
            return
        for ours, one in found:
            state = "on" if one["enabled"] else "off"
            failed = f", {one['attempts']} failures in a row" if one["attempts"] else ""
            self.stdout.write(
                f"{'*' if ours else ' '} {one['$id']}  {state}{failed}  {one['url']}  {len(one['events'])} events  {one['name']}"
            )
        if not any(ours for ours, _ in found):
            self.stdout.write(f'None of them is made for "{self.alias}": manage.py appwrite_webhook create')

    def do_check(self, options: dict[str, Any]) -> None:
        found = webhook_setup.check(self.alias, wait_s=options["wait"])
        if not found.arrived:
            self.stderr.write(self.style.ERROR(found.problem))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"A delivery arrived after {found.after_s:.2f} s."))

    def do_delete(self, options: dict[str, Any]) -> None:
        self.stdout.write("Deleted." if webhook_setup.delete(self.alias) else "There was none.")
