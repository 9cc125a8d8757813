"""
System checks of the entries in ``DATABASES`` and of the servers behind them.

``check_drift`` queries the server, so it runs under ``check --database`` only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.checks.messages import Messages, error, warning
from appwrite_orm_django.client import local_endpoint
from appwrite_orm_django.client.errors import (
    AppwriteError,
    MissingScope,
    NotAppwrite,
    ProjectNotFound,
    Unauthorized,
)
from appwrite_orm_django.client.references import ID
from appwrite_orm_django.client.secret import hidden
from appwrite_orm_django.conf import (
    Options,
    appwrite_aliases,
    refuse_keys_from_one,
    without_secrets_in_clear,
)
from appwrite_orm_django.schema.errors import SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.own_tables import with_own_tables

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

__all__ = ["check_drift", "check_settings"]


_MAX_STEPS_SHOWN = 5

# To run the check again would not help.
_SETTINGS_ERRORS = (ImproperlyConfigured, NotAppwrite, ProjectNotFound, Unauthorized)


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Check the entries of ``DATABASES`` that are on Appwrite."""
    if app_configs is not None:
        return []
    return [
        message
        for alias in appwrite_aliases()
        for message in _check_entry(alias, settings.DATABASES[alias])
    ]


def _check_entry(alias: str, entry: dict[str, Any]) -> Iterator[checks.CheckMessage]:
    entry = {
        **hidden(entry, ("PASSWORD",)),
        "OPTIONS": without_secrets_in_clear(entry.get("OPTIONS") or {}),
    }
    where = f'DATABASES["{alias}"]'
    host, name = str(entry.get("HOST") or ""), str(entry.get("NAME") or "")
    local = host.startswith("local:")
    needed = {
        "HOST": "the endpoint, such as https://fra.cloud.appwrite.io/v1, or local:",
        "NAME": "the id of the Appwrite database",
    }
    if not local:
        needed |= {"USER": "the project id", "PASSWORD": "an API key of the project"}
    for key, what in needed.items():
        if not entry.get(key):
            yield error(1, f'{where}["{key}"] is empty.', f"Set it to {what}.")
    if name and not ID.fullmatch(name):
        yield error(
            1,
            f'{where}["NAME"] is {name!r}, which cannot be the id of a database.',
            "An id has at most 36 letters, digits, dots, hyphens and underscores, and starts with "
            "a letter or digit.",
        )
    if host:
        yield from _check_host(f'{where}["HOST"]', host)
    # ``checks.cache`` checks the cache's settings.
    try:
        options = Options.read(
            alias, {key: value for key, value in entry["OPTIONS"].items() if key != "CACHE"}
        )
        refuse_keys_from_one(alias, host, options)
    except (ImproperlyConfigured, TypeError, ValueError) as exc:
        yield error(2, str(exc), "Correct the option, or remove it.")


def _check_host(where: str, host: str) -> Iterator[checks.CheckMessage]:
    if local_endpoint.is_local(host):
        try:
            local_endpoint.check(host)
        except ValueError as exc:
            yield error(
                1,
                f"{where}: {exc}",
                "Write local: for a server in memory, or local:/path/to/a.sqlite3 for a server in "
                "a file.",
            )
    elif not re.match(r"https?://[^/]", host):
        yield error(1, f"{where} is {host!r}, which is not a URL.", "Write https://<host>/v1.")
    elif not host.rstrip("/").endswith("/v1"):
        yield warning(
            2, f"{where} is {host!r}; Appwrite's endpoints end in /v1.", "Write https://<host>/v1."
        )


def check_drift(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> Messages:
    """Compare the models with the servers of these databases; without ``databases``, do nothing."""
    return [
        message
        for alias in databases or ()
        if alias in appwrite_aliases()
        for message in _check_live(alias, app_configs)
    ]


def _check_live(
    alias: str, app_configs: Sequence[AppConfig] | None
) -> Iterator[checks.CheckMessage]:
    connection = appwrite_connection(alias)
    # Imported here because they import the SDK, which takes longer to import than all of Django,
    # and start-up contacts no server.
    from appwrite_orm_django.schema.migrate import Options as MigrateOptions
    from appwrite_orm_django.schema.migrate import plan_for

    wanted_models = [
        m for m in models_of(alias) if app_configs is None or m._meta.app_config in app_configs
    ]
    try:
        wanted = read_models(connection.database_id, wanted_models, engine=connection.engine)
        if app_configs is None:
            wanted = with_own_tables(wanted)
    except (UnsupportedModel, SchemaTooLarge):
        return  # check_models reports this
    except (AppwriteError, ImproperlyConfigured) as exc:
        yield _not_compared(alias, exc)
        return
    try:
        plan = plan_for(
            connection.transport,
            wanted,
            MigrateOptions(all_tables=app_configs is None, engine=connection.engine),
        )
    except UnsupportedModel as exc:
        yield warning(10, f'"{alias}" does not match the models: {exc}', "See the message.")
        return
    except (AppwriteError, ImproperlyConfigured) as exc:
        yield _not_compared(alias, exc)
        return
    if plan.steps:
        shown = "; ".join(f"{step.sign} {step}" for step in plan.steps[:_MAX_STEPS_SHOWN])
        more = len(plan.steps) - _MAX_STEPS_SHOWN
        yield warning(
            10,
            f'"{alias}" does not match the models: '
            f"{shown}{f'; and {more} more' if more > 0 else ''}.",
            "Run manage.py makemigrations and manage.py migrate. If they find nothing to do, manage.py "
            f"appwrite_migrate --database {alias} --plan shows the changes, and without --plan it "
            "applies them.",
        )
    if plan.left:
        shown = ", ".join(map(str, plan.left[:_MAX_STEPS_SHOWN]))
        more = len(plan.left) - _MAX_STEPS_SHOWN
        yield warning(
            12,
            f'"{alias}" has tables, columns or indexes without a model: '
            f"{shown}{f' and {more} more' if more > 0 else ''}.",
            "appwrite_migrate --prune drops them. Silence this check if other applications use "
            "them.",
        )
    yield from _check_feature_level(alias, connection, wanted_models)


def _not_compared(alias: str, exc: Exception) -> checks.CheckMessage:
    if isinstance(exc, MissingScope):
        way_out = "The key needs the scopes databases.read, tables.read, columns.read, indexes.read and rows.read."
    elif isinstance(exc, _SETTINGS_ERRORS):
        way_out = "Correct the settings, and run the check again."
    else:
        way_out = "Run the check again when the server answers."
    return warning(
        11, f'The schema of "{alias}" could not be compared with the models: {exc}', way_out
    )


def _check_feature_level(
    alias: str, connection: DatabaseWrapper, models_: Sequence[type[models.Model]]
) -> Iterator[checks.CheckMessage]:
    from appwrite_orm_django.backend import capabilities

    pinned = connection.options.feature_level
    if pinned is None or not models_:
        return
    level = capabilities.probe(
        connection.transport, connection.table_ref(connection.table_of(models_[0]))
    )
    if level is not None and level != pinned:
        can = (
            "supports aggregates and joins"
            if level == "2.x"
            else "supports neither aggregates nor joins"
        )
        yield warning(
            13,
            f'DATABASES["{alias}"]["OPTIONS"]["FEATURE_LEVEL"] is "{pinned}", but the server '
            f"{can}.",
            f'Set it to "{level}", or remove it.',
        )
