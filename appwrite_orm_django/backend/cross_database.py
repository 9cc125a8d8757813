"""Joins and subqueries end where the database ends: models of another one are refused before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import NotSupportedError, router
from django.db.models import Model


def refuse_other_databases(model: type[Model] | None, joined: Iterable[type[Model]], alias: str) -> None:
    """
    Refuse a query over ``model`` on ``alias`` that joins a model which has no table there.

    An alias on which nothing is migrated, such as a second one for reading, says nothing about where tables are.

    Raises:
        NotSupportedError: names the model, its database, and what to do.
    """
    if model is None:
        return
    for other in joined:
        if other is model or router.allow_migrate_model(alias, other) or not router.allow_migrate_model(alias, model):
            continue
        raise NotSupportedError(
            f'{other._meta.label} lives on another database ("{router.db_for_read(other)}") than {model._meta.label} '
            f'("{alias}"), and no query can join the two.\n'
            f"Ask one first and filter the other by the list of keys; prefetch_related() does so by itself."
        )
