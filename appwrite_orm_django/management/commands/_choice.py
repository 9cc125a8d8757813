"""Choose the database and the models that a command works on."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from appwrite_orm_django.conf import ENGINE, appwrite_aliases
from appwrite_orm_django.schema.from_models import models_of


def chosen_alias(alias: str | None) -> str:
    """
    Return the alias that a command works on.

    Raises:
        CommandError: the alias does not exist or is not on Appwrite, or none was given and the
            choice is ambiguous.
    """
    if alias is None:
        return _only_alias()
    if alias not in connections.settings:
        raise CommandError(
            f'DATABASES has no "{alias}". Aliases on Appwrite: '
            f"{', '.join(appwrite_aliases()) or 'none'}."
        )
    engine = connections[alias].settings_dict["ENGINE"]
    if engine != ENGINE:
        raise CommandError(f'DATABASES["{alias}"] is not on Appwrite: its ENGINE is {engine}.')
    return alias


def _only_alias() -> str:
    aliases = appwrite_aliases()
    if len(aliases) == 1:
        return aliases[0]
    if DEFAULT_DB_ALIAS in aliases:
        return DEFAULT_DB_ALIAS
    if not aliases:
        raise CommandError(f'No database in DATABASES has the ENGINE "{ENGINE}".')
    raise CommandError(
        f"Several databases are on Appwrite ({', '.join(aliases)}); choose one with --database."
    )


def chosen_models(alias: str, app_label: str | None, model_name: str | None) -> list[Any]:
    """
    Return the models of an alias, those of an app, or one model with its through tables.

    Raises:
        CommandError: there is no such model.
    """
    models = models_of(alias)
    if app_label is None:
        return models
    try:
        apps.get_app_config(app_label)
    except LookupError as error:
        raise CommandError(str(error)) from error
    chosen = [model for model in models if model._meta.app_label == app_label]
    if model_name is not None:
        name = model_name.lower()
        chosen = [model for model in chosen if name in {model._meta.model_name, _owner_name(model)}]
    if not chosen:
        what = f"{app_label}.{model_name}" if model_name else f"The app {app_label}"
        raise CommandError(
            f'{what} has no table on "{alias}": the routers send it to another database.'
        )
    return chosen


def _owner_name(model: Any) -> str | None:
    """Return the name of the model whose many-to-many field made this through table."""
    owner = model._meta.auto_created
    return owner._meta.model_name if owner else None
