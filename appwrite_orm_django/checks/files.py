"""
System checks of the storages whose files live in a bucket.

``check_buckets`` queries the server, so it runs under ``check --database`` only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.urls import NoReverseMatch, reverse

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.checks.messages import Messages, error, warning
from appwrite_orm_django.client.errors import AppwriteError, MissingScope
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.files.buckets import buckets_of, entries, named_storages, plan_buckets

__all__ = ["check_buckets", "check_storages", "check_urls"]


def check_storages(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check the options of the storages that ``STORAGES`` and the fields of models name."""
    if app_configs is not None:
        return []
    found = [message for name in entries() for message in _entry_messages(name)]
    if found:
        return found  # what follows needs all of them
    for where, storage in named_storages():
        found += _alias_messages(where, storage.settings)
    return found or [message for alias in appwrite_aliases() for message in _conflicts(alias)]


def _entry_messages(name: str) -> Iterator[CheckMessage]:
    """Make an entry of ``STORAGES``."""
    try:
        storages[name]
    except InvalidStorageError as exc:
        yield error(
            50,
            f'STORAGES["{name}"]: {exc}',
            'The "BACKEND" for files in Appwrite is "appwrite_orm_django.storage.AppwriteStorage".',
        )
    except (ImproperlyConfigured, TypeError) as exc:
        yield error(50, f'STORAGES["{name}"]: {exc}', "Correct the option, or remove it.")


def _alias_messages(where: str, chosen: Any) -> Iterator[CheckMessage]:
    known = appwrite_aliases()
    aliases = f"On Appwrite are {', '.join(map(repr, known))}." if known else "None is on Appwrite."
    if chosen.database is None:
        if len(known) != 1:
            yield error(
                50,
                f'{where} has no "DATABASE", and {len(known)} entries of DATABASES are on Appwrite.',
                f"Name the alias whose project has the bucket. {aliases}",
            )
    elif chosen.database not in known:
        problem = (
            "is not on Appwrite" if chosen.database in settings.DATABASES else "does not exist"
        )
        yield error(
            50,
            f'{where} has "DATABASE": {chosen.database!r}, an entry of DATABASES that {problem}.',
            f"Name the alias whose project has the bucket. {aliases}",
        )


def _conflicts(alias: str) -> Iterator[CheckMessage]:
    try:
        buckets_of(alias)
    except ImproperlyConfigured as exc:
        text, _, way_out = str(exc).partition("\n")
        yield error(51, text, way_out)


def check_urls(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check that a site includes the view to which addresses of its files lead."""
    if app_configs is not None or check_storages():
        return []
    served = [where for where, storage in named_storages() if storage.urls == "django"]
    try:
        if served:
            reverse("appwrite_files:file", args=["alias", "bucket", "view", "name"])
    except NoReverseMatch:
        return [
            warning(
                50,
                f"{served[0]} has files that a view of this site serves, and ROOT_URLCONF does not "
                'include "appwrite_orm_django.files.urls": url() raises ValueError.',
                'Add path("files/", include("appwrite_orm_django.files.urls")), or set "URLS" of the storage.',
            )
        ]
    return []


def check_buckets(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **_: Any,
) -> Messages:
    """Compare the buckets of these databases with their options; without ``databases``, do nothing."""
    if app_configs is not None or not databases or check_storages():
        return []
    chosen = [alias for alias in databases if alias in appwrite_aliases()]
    return [message for alias in chosen for message in _bucket_messages(alias)]


def _bucket_messages(alias: str) -> Iterator[CheckMessage]:
    try:
        plan = plan_buckets(appwrite_connection(alias).key_transport, buckets_of(alias))
    except (AppwriteError, ImproperlyConfigured) as exc:
        yield warning(
            52,
            f'The buckets of "{alias}" could not be compared with the storages: {exc}',
            "The key needs the scope buckets.read."
            if isinstance(exc, MissingScope)
            else "Run the check again when the server answers.",
        )
        return
    for step in plan.steps:
        problem = "is missing" if step.sign == "+" else f"has other options: {step.details}"
        yield warning(
            51,
            f'The bucket {step.bucket!r} of "{alias}" {problem}.',
            f"Run manage.py appwrite_migrate --database {alias}.",
        )
