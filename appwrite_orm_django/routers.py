"""Route each model to the database that holds its rows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.apps import apps
from django.db import models, router

from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.fields import CreatedAtField, RowIdField
from appwrite_orm_django.models import AppwriteModel

__all__ = ["AppwriteRouter"]


class AppwriteRouter:
    """
    Route models derived from ``AppwriteModel``, and the through tables between them, to Appwrite.

    All other models are left alone. The alias is the model's ``appwrite_database``, or else the
    first alias that uses this engine.
    """

    def alias_of(self, model: type[models.Model]) -> str | None:
        """Return the alias for an Appwrite model, None for any other."""
        owner: type[models.Model] | str = getattr(model._meta, "auto_created", None) or model
        if not isinstance(owner, type):
            return None
        if not issubclass(owner, AppwriteModel):
            if owner.__module__ != "__fake__":
                return None
            return self._alias_in_migration(owner)
        if owner.appwrite_database:
            return owner.appwrite_database
        return self._first_alias()

    def _alias_in_migration(self, model: type[models.Model]) -> str | None:
        """
        Return the alias for a model of a migration's state.

        Such a model lacks its base class and attributes, so the current model decides. A model that
        no longer exists is recognized by the fields that every ``AppwriteModel`` has.
        """
        today = self._model_named(model._meta.app_label, model._meta.object_name)
        if today is not None:
            return self.alias_of(today)
        ours = any(
            isinstance(field, (CreatedAtField, RowIdField)) for field in model._meta.concrete_fields
        )
        return self._first_alias() if ours else None

    def _first_alias(self) -> str | None:
        aliases = appwrite_aliases()
        return aliases[0] if aliases else None

    def _model_named(self, app_label: str, model_name: str | None) -> type[models.Model] | None:
        try:
            return apps.get_model(app_label, model_name) if model_name else None
        except LookupError:
            return None

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return self._own(model, hints) or self._elsewhere(model, hints, router.db_for_read)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return self._own(model, hints) or self._elsewhere(model, hints, router.db_for_write)

    def _own(self, model: type[models.Model], hints: dict[str, Any]) -> str | None:
        """
        Return the alias of an Appwrite model.

        An object read with ``using()`` from another Appwrite alias than its model's stays there,
        and so do the objects reached from it.
        """
        alias, instance = self.alias_of(model), hints.get("instance")
        if alias is None or instance is None or instance._state.db in (None, alias):
            return alias
        if instance._state.db in self.aliases_beside() and self.alias_of(type(instance)) == alias:
            return str(instance._state.db)
        return alias

    def aliases_beside(self) -> Collection[str]:
        """Return the other aliases that Appwrite models may be read from."""
        return appwrite_aliases()

    def _elsewhere(
        self,
        model: type[models.Model],
        hints: dict[str, Any],
        decide: Callable[[type[models.Model]], str],
    ) -> str | None:
        """
        Return the alias of a model outside Appwrite that is reached from an Appwrite object.

        Without this answer Django would look for it in the database of that object.
        """
        instance = hints.get("instance")
        home = None if instance is None else self.alias_of(type(instance))
        if (
            home is None
            or instance is None
            or instance._state.db not in (home, *self.aliases_beside())
        ):
            return None
        return decide(model)

    def allow_relation(self, obj1: models.Model, obj2: models.Model, **hints: Any) -> bool | None:
        # A relation to a row elsewhere is a plain key; Django follows it with a separate query.
        if self.alias_of(type(obj1)) or self.alias_of(type(obj2)):
            return True
        return None

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        if app_label == "appwrite_orm_django" and model_name is not None:
            # The model behind the admin's cache panel has no table, but dumpdata would look for
            # one.
            return False
        model = hints.get("model") or self._model_named(app_label, model_name)
        if model is None:
            return self._allow_step(db, app_label)
        alias = self.alias_of(model)
        if alias is not None:
            return db == alias
        return False if db in appwrite_aliases() and db != "default" else None

    def _allow_step(self, db: str, app_label: str) -> bool | None:
        """
        Decide on ``RunPython`` and similar operations by where the app's tables are.

        An app whose tables are all on Appwrite runs them only there.
        """
        try:
            found = list(apps.get_app_config(app_label).get_models(include_auto_created=True))
        except LookupError:
            found = []
        aliases = {self.alias_of(model) for model in found if not model._meta.proxy}
        if db in appwrite_aliases() and db != "default":
            return None if db in aliases else False
        return False if aliases and db not in aliases and None not in aliases else None
