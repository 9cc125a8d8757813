"""The manager and queryset of Appwrite models: Django's own, and what Django has no word for."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.db import connections, models
from django.db.models.deletion import Collector

__all__ = ["AppwriteManager", "AppwriteQuerySet"]


class AppwriteQuerySet(models.QuerySet):
    """A queryset over rows in Appwrite."""

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        # Outside a block each batch of 100 rows is one request, atomic by itself. Inside one all are committed together.
        with self._direct_outside_a_block():
            return super().bulk_create(objs, *args, **kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        # Without cascades this is one request; Django would put a block around it all the same.
        if self._result_cache is None and not self.query.is_sliced and Collector(self.db, self).can_fast_delete(self):
            with self._direct_outside_a_block():
                return super().delete()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _direct_outside_a_block(self) -> Any:
        self._for_write = True
        connection = connections[self.db]
        if connection.vendor != "appwrite" or connection.in_atomic_block:
            return nullcontext()
        return connection.direct_writes()


class AppwriteManager(models.Manager.from_queryset(AppwriteQuerySet)):  # type: ignore[misc]  # made at run time by Django
    """The default manager of ``AppwriteModel``."""

    use_in_migrations = False


def is_appwrite_queryset(queryset: Any) -> bool:
    """Say whether a queryset is one of ours."""
    return isinstance(queryset, AppwriteQuerySet)
