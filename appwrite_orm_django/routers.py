"""Which database a model's rows live in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from appwrite_orm_django.models import AppwriteModel

__all__ = ["AppwriteRouter"]

ENGINE = "appwrite_orm_django.backend"


def appwrite_aliases() -> list[str]:
    """Return the aliases in ``DATABASES`` that use our engine."""
    return [alias for alias, database in settings.DATABASES.items() if database.get("ENGINE") == ENGINE]


class AppwriteRouter:
    """
    Sends models derived from ``AppwriteModel``, and the through tables between them, to Appwrite; leaves all others alone.

    The alias is the model's ``appwrite_database``, else the first one with our engine.
    """

    def alias_of(self, model: type[models.Model]) -> str | None:
        """Return the alias for an Appwrite model, None for any other."""
        owner: Any = model._meta.auto_created or model
        if not (isinstance(owner, type) and issubclass(owner, AppwriteModel)):
            return None
        if owner.appwrite_database:
            return owner.appwrite_database
        aliases = appwrite_aliases()
        return aliases[0] if aliases else None

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return self.alias_of(model)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return self.alias_of(model)

    def allow_relation(self, obj1: models.Model, obj2: models.Model, **hints: Any) -> bool | None:
        # A relation to a row elsewhere is a plain key; Django follows it with a query of its own.
        if self.alias_of(type(obj1)) or self.alias_of(type(obj2)):
            return True
        return None

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        model = hints.get("model")
        if model is None:
            return None
        alias = self.alias_of(model)
        if alias is not None:
            return db == alias
        return False if db in appwrite_aliases() and db != "default" else None
