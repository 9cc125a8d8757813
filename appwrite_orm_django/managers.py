"""The manager and queryset of Appwrite models: Django's own, and what Django has no word for."""

from __future__ import annotations

from typing import Any

from django.db import models

__all__ = ["AppwriteManager", "AppwriteQuerySet"]


class AppwriteQuerySet(models.QuerySet):
    """A queryset over rows in Appwrite."""


class AppwriteManager(models.Manager.from_queryset(AppwriteQuerySet)):  # type: ignore[misc]  # made at run time by Django
    """The default manager of ``AppwriteModel``."""

    use_in_migrations = False


def is_appwrite_queryset(queryset: Any) -> bool:
    """Say whether a queryset is one of ours."""
    return isinstance(queryset, AppwriteQuerySet)
