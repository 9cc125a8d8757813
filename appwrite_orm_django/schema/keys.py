"""
Determine how the primary key of a model is kept: as the row's ``$id``, or in columns of its own.

A key whose values all have the form of a row id *is* the ``$id`` and has no column. Any other key
has columns, as other fields have, and the ``$id`` is derived from their values
(``backend.keys``). This module knows models alone, no engine and no server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from django.db import models

from .custom_fields import internal_type

Field: TypeAlias = "models.Field[Any, Any]"
Model: TypeAlias = "type[models.Model]"

#: Types of fields whose values all have the form of a row id, or are refused.
_IDS = frozenset(
    {
        "AutoField",
        "BigAutoField",
        "BigIntegerField",
        "DateField",
        "DateTimeField",
        "DurationField",
        "IntegerField",
        "PositiveBigIntegerField",
        "PositiveIntegerField",
        "PositiveSmallIntegerField",
        "SmallAutoField",
        "SmallIntegerField",
        "UUIDField",
    }
)


def storage_field(field: Field) -> Field:
    """Follow foreign keys to the field whose values this field's column holds."""
    while (target := _target(field)) is not None:
        field = target
    return field


def _target(field: Field) -> Field | None:
    return None if field.remote_field is None else getattr(field, "target_field", None)


def is_row_id(field: Field) -> bool:
    """
    Return whether a field is a primary key that has no column, because it is the ``$id`` alone.

    A text key is one if its field is a ``RowIdField`` or has ``db_column="$id"``.
    """
    if not field.primary_key:
        return False
    stored_as = storage_field(field)
    return (
        stored_as.column == "$id"
        or getattr(stored_as, "appwrite_row_id", False)
        or (
            stored_as.get_internal_type() in _IDS
            and getattr(stored_as, "appwrite_codec", None) is None
            # A subclass may keep numbers as texts of any form.
            and (isinstance(stored_as, models.AutoField) or internal_type(stored_as) in _IDS)
        )
    )


def holds_row_ids(field: Field) -> bool:
    """Return whether the values of a field, or of the key that it refers to, are row ids."""
    while True:
        if field.primary_key:
            return is_row_id(field)
        target = _target(field)
        if target is None:
            return False
        field = target


def key_fields(model: Model) -> tuple[Field, ...]:
    """Return the fields of a model's primary key: several for a ``CompositePrimaryKey``."""
    return tuple(model._meta.pk_fields)


def has_derived_ids(model: Model) -> bool:
    """Return whether the row ids of a model's table are derived from columns."""
    return not is_row_id(key_fields(model)[0])


def keys_to(field: Field) -> Iterator[Field]:
    """
    Yield the foreign keys that hold values of a field.

    They include those of many-to-many tables.
    """
    for relation in field.model._meta.get_fields(include_hidden=True):
        key: Any = relation.field if relation.auto_created and not relation.concrete else None  # type: ignore[union-attr]  # relations have one
        if (
            key is not None
            and key.concrete
            and not key.many_to_many
            and field in key.foreign_related_fields
        ):
            yield key
