"""Which databases of the settings are on Appwrite. Imports no model, so that settings may use it."""

from __future__ import annotations

from django.conf import settings

ENGINE = "appwrite_orm_django.backend"


def appwrite_aliases() -> list[str]:
    """Return the aliases in ``DATABASES`` that use our engine."""
    return [alias for alias, database in settings.DATABASES.items() if database.get("ENGINE") == ENGINE]
