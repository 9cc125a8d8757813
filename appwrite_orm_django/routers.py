"""Which database a model's rows live in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import models, router

from appwrite_orm_django.aliases import appwrite_aliases
from appwrite_orm_django.models import AppwriteModel

__all__ = ["AppwriteRouter"]


class AppwriteRouter:
    """
    Sends models derived from ``AppwriteModel``, and the through tables between them, to Appwrite; leaves all others alone.

    The alias is the model's ``appwrite_database``, else the first one with our engine.
    """

    def alias_of(self, model: type[models.Model]) -> str | None:
        """Return the alias for an Appwrite model, None for any other."""
        owner: Any = getattr(model._meta, "auto_created", None) or model
        if not (isinstance(owner, type) and issubclass(owner, AppwriteModel)):
            return None
        if owner.appwrite_database:
            return owner.appwrite_database
        aliases = appwrite_aliases()
        return aliases[0] if aliases else None

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return self.alias_of(model) or self._elsewhere(model, hints, router.db_for_read)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return self.alias_of(model) or self._elsewhere(model, hints, router.db_for_write)

    def _elsewhere(
        self, model: type[models.Model], hints: dict[str, Any], decide: Callable[[type[models.Model]], str]
    ) -> str | None:
        """
        Return the alias of a model that is not ours, reached from an object that is.

        Without an opinion of ours Django would look for it where that object came from.
        """
        instance = hints.get("instance")
        if instance is None or instance._state.db is None or instance._state.db != self.alias_of(type(instance)):
            return None
        return decide(model)

    def allow_relation(self, obj1: models.Model, obj2: models.Model, **hints: Any) -> bool | None:
        # A relation to a row elsewhere is a plain key; Django follows it with a query of its own.
        if self.alias_of(type(obj1)) or self.alias_of(type(obj2)):
            return True
        return None

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        elsewhere = db in appwrite_aliases() and db != "default"
        model = hints.get("model")
        if model is None:
            # RunPython and the like: on our alias only for apps that have a table there.
            return False if elsewhere and not self._has_models(app_label) else None
        alias = self.alias_of(model)
        if alias is not None:
            return db == alias
        return False if elsewhere else None

    def _has_models(self, app_label: str) -> bool:
        try:
            config = apps.get_app_config(app_label)
        except LookupError:
            return False
        return any(self.alias_of(model) for model in config.get_models(include_auto_created=True))
