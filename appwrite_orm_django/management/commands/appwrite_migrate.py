"""``manage.py appwrite_migrate``: synchronize an Appwrite database with the models."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, DataError, IntegrityError

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.changing import announced
from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.files.buckets import BucketPlan, BucketStep, buckets_of, plan_buckets
from appwrite_orm_django.management.commands._key import WithKey
from appwrite_orm_django.orm.permissions import create_permissions
from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.dry_run import Write, requests_of
from appwrite_orm_django.schema.errors import NotAvailable, SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.migrate import Options, migrate, plan_for
from appwrite_orm_django.schema.own_tables import with_own_tables
from appwrite_orm_django.schema.renames import read_renames
from appwrite_orm_django.schema.steps import Plan, Step

from ._choice import chosen_alias, chosen_models
from ._progress import progress_bar

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

#: Errors that the user can correct; a traceback would only hide them.
_REFUSALS = (AppwriteError, DataError, ImproperlyConfigured, IntegrityError, NotAvailable)


class Command(WithKey, BaseCommand):
    help = (
        "Create and change tables, columns and indexes in Appwrite to match the models, and the "
        "buckets that storages name."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app_label", nargs="?", help="Only the models of this app.")
        parser.add_argument("model", nargs="?", help="Only this model of the app.")
        parser.add_argument(
            "--database", help="Alias of the database; needed only when several are on Appwrite."
        )
        parser.add_argument(
            "--plan", action="store_true", help="Print the plan without carrying it out."
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Print the plan without carrying it out, and exit with 1 if it has any steps.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print the plan and its requests without carrying it out.",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="Format of the plan."
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Drop columns, indexes and tables that no model has.",
        )
        parser.add_argument(
            "--allow-destructive",
            action="store_true",
            help="Carry out steps that narrow or replace a column, or remove permissions; --prune allows its own drops.",
        )
        parser.add_argument(
            "--rename",
            action="append",
            default=[],
            metavar="Model.old=new",
            help="Rename the column of the field old to that of the field new, instead of adding a column. May be repeated.",
        )
        parser.add_argument(
            "--verify-unique",
            action="store_true",
            help="Read all rows of tables with hidden columns of unique constraints, and correct the values that other clients have left wrong or missing.",
        )
        parser.add_argument(
            "--timeout",
            type=float,
            default=300.0,
            metavar="SECONDS",
            help="How long to wait for columns and indexes.",
        )
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Never ask for confirmation.",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line, where Ctrl-C ends with a message; ``call_command`` lets its caller hear of it."""
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            sys.exit(130)

    def handle(self, *args: Any, **options: Any) -> None:
        alias = chosen_alias(options["database"])
        connection = appwrite_connection(alias)
        models = chosen_models(alias, options["app_label"], options["model"])
        try:
            wanted = read_models(
                connection.database_id,
                models,
                partial(fill_of, connection=connection),
                connection.engine,
            )
            if options["app_label"] is None:
                wanted = with_own_tables(wanted)
            if not options.get("skip_checks", True) and options["format"] == "text":
                # The system checks have just printed these notes.
                wanted = replace(wanted, notes=())
            settings = Options(
                options["prune"],
                read_renames(options["rename"], models),
                options["app_label"] is None,
                options["verify_unique"],
                connection.engine,
            )
            plan = plan_for(connection.transport, wanted, settings)
            requests = (
                requests_of(
                    connection.transport, plan, HiddenValues(connection), engine=connection.engine
                )
                if options["dry_run"]
                else None
            )
            # Buckets are those of the project, and of no app.
            named = buckets_of(alias) if options["app_label"] is None else []
            buckets = plan_buckets(connection.transport, named, prune=options["prune"])
            if requests is not None:
                requests += buckets.requests
        except (UnsupportedModel, SchemaTooLarge, ValueError, *_REFUSALS) as error:
            raise CommandError(str(error)) from error
        self._print_plan(alias, plan, buckets, options, requests)
        if options["check"] and (plan.steps or buckets.steps):
            sys.exit(1)
        if options["plan"] or options["check"] or options["dry_run"]:
            return
        if plan.steps or plan.unrecorded or buckets.steps:
            self._carry_out(connection, wanted, settings, (plan, buckets), options)
        try:
            create_permissions(sorted({model._meta.app_label for model in models}), verbosity=0)
        except DatabaseError as error:
            self.stderr.write(
                self.style.WARNING(
                    f"Content types and permissions were not created: {error}\n"
                    "The tables are complete. Run manage.py migrate when that database answers."
                )
            )

    def _carry_out(
        self,
        connection: DatabaseWrapper,
        wanted: Database,
        settings: Options,
        plans: tuple[Plan, BucketPlan],
        options: dict[str, Any],
    ) -> None:
        plan, buckets = plans
        self._refuse_or_ask([*plan.destructive, *buckets.destructive], options)
        try:
            notes: list[str] = []
            if plan.steps or plan.unrecorded:
                with announced(connection, plan.steps):
                    notes = self._apply(connection, wanted, settings, plan, options)
            for step in buckets.steps:
                step.run(connection.transport)
                if options["verbosity"] >= 1 and options["format"] == "text":
                    self._print_done(step)
        except _REFUSALS as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("Interrupted. Run appwrite_migrate again to continue.")
            raise
        for note in notes:
            self.stderr.write(self.style.WARNING(note))

    def _apply(
        self,
        connection: DatabaseWrapper,
        wanted: Database,
        settings: Options,
        plan: Plan,
        options: dict[str, Any],
    ) -> list[str]:
        verbose = options["verbosity"] >= 1 and options["format"] == "text" and bool(plan.steps)
        if verbose:
            self.stdout.write(self.style.MIGRATE_HEADING("Applying:"))
        agreed = set(plan.destructive)
        done: list[Step] = []
        with progress_bar(self.stdout if verbose else None, len(plan.steps)) as advance:

            def progress(step: Step) -> None:
                done.append(step)
                if advance is not None:
                    advance(f"{step.sign} {step}", 1)
                elif verbose:
                    self._print_done(step)

            notes = migrate(
                connection.transport,
                wanted,
                settings,
                plan=plan,
                progress=progress,
                # The plan is made again before it is applied; refuse destructive steps that the
                # user did not see.
                agree=lambda current: agreed.issuperset(current.destructive),
                deadline_s=options["timeout"],
                hidden=HiddenValues(connection),
            )
        if advance is not None:
            self.stdout.write(f"  {len(done)} steps... {self.style.SUCCESS('OK')}")
        return notes

    def _print_plan(
        self,
        alias: str,
        plan: Plan,
        buckets: BucketPlan,
        options: dict[str, Any],
        requests: list[Write] | None,
    ) -> None:
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_json(plan, buckets, requests), indent=2))
            return
        if options["verbosity"] < 1:
            return
        self.stdout.write(self.style.MIGRATE_HEADING(f"{alias} ({plan.database}):"))
        steps: list[Step | BucketStep] = [*plan.steps, *buckets.steps]
        for step in steps:
            self.stdout.write(f"  {self._line(step)}")
        if not plan.steps and not buckets.steps:
            self.stdout.write("  No changes.")
        for left in plan.left:
            self.stdout.write(f"  = {left}, which no model has (--prune drops it)")
        for bucket in buckets.left:
            self.stdout.write(
                f"  = bucket {bucket}, which no storage names (--prune deletes it if it is empty)"
            )
        for note in plan.notes:
            self.stdout.write(self.style.WARNING(f"  ! {note}"))
        if requests:
            self.stdout.write(self.style.MIGRATE_HEADING("Requests:"))
        for method, path, body in requests or ():
            self.stdout.write(f"  {method} {path} {json.dumps(body, ensure_ascii=False)}")

    def _line(self, step: Step | BucketStep) -> str:
        line = f"{step.sign} {step}"
        if step.destructive:
            line = self.style.ERROR(f"{line}  [destructive]")
        return f"{line}  ({step.warning})" if step.warning else line

    def _print_done(self, step: Step | BucketStep) -> None:
        self.stdout.write(f"  {step.sign} {step}... {self.style.SUCCESS('OK')}")

    def _refuse_or_ask(
        self, destructive: Sequence[Step | BucketStep], options: dict[str, Any]
    ) -> None:
        if not destructive:
            return
        refused = [
            step for step in destructive if step.sign != "-" and not options["allow_destructive"]
        ]
        if refused:
            lines = "\n".join(f"  {step.sign} {step}" for step in refused)
            raise CommandError(
                "Nothing was done: these steps may lose data and need "
                f"--allow-destructive:\n{lines}"
            )
        if options["interactive"] and input(
            "Some steps lose data. Carry them out? [y/N] "
        ).strip().lower() not in {
            "y",
            "yes",
        }:
            raise CommandError("Nothing was done.")


def _as_json(plan: Plan, buckets: BucketPlan, requests: list[Write] | None) -> dict[str, Any]:
    steps: list[Step | BucketStep] = [*plan.steps, *buckets.steps]
    rehearsed = {} if requests is None else {"requests": [list(request) for request in requests]}
    return {
        "database": plan.database,
        "steps": [
            {
                "kind": type(step).__name__,
                "table": None if isinstance(step, BucketStep) else step.table,
                "text": f"{step.sign} {step}",
                "destructive": step.destructive,
                "warning": step.warning,
            }
            for step in steps
        ],
        "left": [*map(str, plan.left), *(f"bucket {bucket}" for bucket in buckets.left)],
        "notes": list(plan.notes),
        **rehearsed,
    }
