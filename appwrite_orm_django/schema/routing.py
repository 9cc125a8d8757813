"""Find out from the routers which databases on Appwrite hold models, and which apps a database lacks."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.db import router

from appwrite_orm_django.conf import appwrite_aliases

from .from_models import models_of


def aliases_with_models() -> list[str]:
    """Return the aliases on Appwrite that the routers write models to, in the order of settings."""
    return [
        alias
        for alias in appwrite_aliases()
        if any(router.db_for_write(model) == alias for model in models_of(alias))
    ]


def apps_elsewhere(alias: str) -> set[str]:
    """
    Return the labels of the apps that the routers keep off an alias.

    For an alias on another database, these are only the apps that live on Appwrite.
    """
    labels = {config.label for config in apps.get_app_configs() if _is_kept_off(alias, config)}
    if alias in appwrite_aliases():
        return labels
    return {
        label
        for label in labels
        if any(not _is_kept_off(other, apps.get_app_config(label)) for other in appwrite_aliases())
    }


def _is_kept_off(alias: str, config: AppConfig) -> bool:
    return not router.allow_migrate(alias, config.label) and not any(
        router.get_migratable_models(config, alias, include_auto_created=True)
    )
