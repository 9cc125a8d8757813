"""Find the foreign keys between models, which Appwrite does not store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from appwrite_orm_django.schema.columns import key_for
from appwrite_orm_django.schema.names import SYSTEM_COLUMNS, table_id


@dataclass(frozen=True, slots=True)
class Relation:
    """
    A foreign key.

    Attributes:
        table: the id of the table with the foreign key.
        column: the key of the column with the foreign key.
        target: the id of the table that it points to.
        target_column: the key of the column that it points to; ``$id`` without a ``to_field``.
        single: whether at most one row points to each target row.
    """

    table: str
    column: str
    target: str
    target_column: str = "$id"
    single: bool = False


def relations_of(models_: Iterable[type[models.Model]]) -> tuple[Relation, ...]:
    """Return the foreign keys between these models."""
    known = list(models_)
    found = []
    for model in known:
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, models.ForeignKey):
                continue
            key, target_key = key_for(field), key_for(field.target_field)
            target = field.related_model._meta.concrete_model
            if (
                target not in known
                or key is None
                or target_key is None
                or key in SYSTEM_COLUMNS - {"$id"}
            ):
                continue
            tables = table_id(model._meta.db_table), table_id(target._meta.db_table)
            found.append(Relation(tables[0], key, tables[1], target_key, field.unique))
    return tuple(found)
