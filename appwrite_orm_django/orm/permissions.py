"""Create the content types and permissions of models whose tables no migration made."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.db import connections, router


def alias_of_permissions() -> str | None:
    """Return the alias that holds permissions and content types; None without ``auth``."""
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    alias = router.db_for_write(Permission)
    return alias if router.db_for_write(ContentType) == alias else None


def create_permissions(app_labels: Iterable[str], *, verbosity: int = 1) -> None:
    """
    Create the missing content types and permissions of these apps, as Django does after ``migrate``.

    Nothing happens without ``django.contrib.auth``, or before its tables exist: the ``migrate`` that
    makes them calls this again.

    Raises:
        DatabaseError: the database of the permissions cannot be read or written.
    """
    labels, alias = list(app_labels), alias_of_permissions()
    if not labels or alias is None:
        return
    from django.contrib.auth import management
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    tables = {Permission._meta.db_table, ContentType._meta.db_table}
    if not tables.issubset(connections[alias].introspection.table_names()):
        return
    for label in labels:
        management.create_permissions(
            apps.get_app_config(label), verbosity=verbosity, interactive=False, using=alias
        )
