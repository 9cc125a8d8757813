"""Reject joins and subqueries across databases."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import NotSupportedError, router
from django.db.models import Model


def refuse_other_databases(
    model: type[Model] | None, joined: Iterable[type[Model]], alias: str
) -> None:
    """
    Reject a query over ``model`` on ``alias`` that joins a model without a table there.

    An alias on which nothing is migrated, such as a second alias for reading, does not tell where
    tables are.

    Raises:
        NotSupportedError: names the model, its database, and the way out.
    """
    if model is None:
        return
    for other in joined:
        if (
            other is model
            or router.allow_migrate_model(alias, other)
            or not router.allow_migrate_model(alias, model)
        ):
            continue
        raise NotSupportedError(
            f'{other._meta.label} is on the database "{router.db_for_read(other)}" and '
            f'{model._meta.label} on "{alias}"; '
            "no query can join the two.\n"
            "Query one of them first and filter the other by the list of its keys, as "
            "prefetch_related() does."
        )
