"""The check of ``runserver`` for unapplied migrations; Django's own looks at ``default`` only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.executor import MigrationExecutor

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.creation import models_without_table
from appwrite_orm_django.checks.messages import Messages, warning
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.schema.routing import aliases_with_models, apps_elsewhere


def check_unapplied(app_configs: Any = None, **_: Any) -> Messages:
    """
    Report unapplied migrations and missing tables when a development server starts.

    Other commands run the checks too, and get nothing from this one: checks contact no server
    unless they are asked to. A command cannot take the place of ``runserver`` instead, because
    ``staticfiles`` has one of its own.
    """
    if app_configs is not None or not _starts_development_server():
        return []
    return [message for alias in aliases_with_models() for message in _check(alias)]


def _starts_development_server() -> bool:
    return len(sys.argv) > 1 and sys.argv[1].startswith("runserver")


def _check(alias: str) -> Iterator[checks.CheckMessage]:
    connection = appwrite_connection(alias)
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        missing = models_without_table(connection)
    except (AppwriteError, ImproperlyConfigured) as error:
        yield warning(
            11,
            f'"{alias}" could not be asked which migrations are applied: {error}',
            "The pages that read from it will fail until it answers.",
        )
        return
    elsewhere = apps_elsewhere(alias)
    unapplied = [str(migration) for migration, _ in plan if migration.app_label not in elsewhere]
    # Django itself says so of "default".
    if unapplied and alias != DEFAULT_DB_ALIAS:
        yield warning(
            14,
            f'You have {len(unapplied)} unapplied migration(s) on "{alias}": '
            f"{', '.join(unapplied)}.",
            "Run manage.py migrate.",
        )
    if missing:
        names = ", ".join(model._meta.label for model in missing)
        labels = " ".join(sorted({model._meta.app_label for model in missing}))
        yield warning(
            14,
            f'These models have no table on "{alias}", and no migration creates one: {names}.',
            f"Run manage.py makemigrations {labels}, and then manage.py migrate.",
        )
