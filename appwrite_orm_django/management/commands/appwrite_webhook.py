"""``manage.py appwrite_webhook``: manage the webhook that reports other clients' writes."""

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
    "create": "create the webhook of the database, or update its URL, events and secret, and turn it on",
    "list": "show the webhooks of the project, and which of them belongs to the database",
    "check": "create a row in a table of the library, and wait until its delivery reaches the endpoint",
    "delete": "delete the webhook of the database",
}


class Command(WithKey, BaseCommand):
    help = (
        "Manage the webhook that reports other clients' writes to this site. Actions: "
        + "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=list(ACTIONS))
        parser.add_argument(
            "--database", help="alias of the database; needed only when several are on Appwrite"
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="list: format of the output"
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=15.0,
            metavar="SECONDS",
            help="check: how long to wait (default: %(default)g)",
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
                "The webhook reports every table. If some have no model, set "
                'OPTIONS["WEBHOOK"]["IGNORE_UNKNOWN"]; '
                "otherwise each of their deliveries is logged."
            )
        self.stdout.write("Check that a delivery arrives: manage.py appwrite_webhook check")

    def do_list(self, options: dict[str, Any]) -> None:
        found = list(webhook_setup.listed(self.alias))
        if options["format"] == "json":
            # The list contains no secrets: the server shows those only once.
            shown = ("$id", "name", "url", "enabled", "attempts", "events")
            self.stdout.write(
                json.dumps(
                    [
                        {"ours": ours} | {name: webhook[name] for name in shown}
                        for ours, webhook in found
                    ],
                    indent=2,
                )
            )
            return
        for ours, webhook in found:
            state = "on" if webhook["enabled"] else "off"
            failed = f", {webhook['attempts']} failures in a row" if webhook["attempts"] else ""
            self.stdout.write(
                f"{'*' if ours else ' '} {webhook['$id']}  {state}{failed}  {webhook['url']}  "
                f"{len(webhook['events'])} events  {webhook['name']}"
            )
        if not any(ours for ours, _ in found):
            self.stdout.write(
                f'None of them belongs to "{self.alias}". Run manage.py appwrite_webhook create.'
            )

    def do_check(self, options: dict[str, Any]) -> None:
        found = webhook_setup.check(self.alias, wait_s=options["wait"])
        if not found.arrived:
            self.stderr.write(self.style.ERROR(found.problem))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"A delivery arrived after {found.after_s:.2f} s."))

    def do_delete(self, options: dict[str, Any]) -> None:
        self.stdout.write(
            "Deleted." if webhook_setup.delete(self.alias) else "There was no webhook."
        )
