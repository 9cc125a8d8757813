"""Which table and which column of Appwrite a model and its field stand for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db import models

from appwrite_orm_django.schema import names

ROW_ID = "$id"
SEQUENCE = "$sequence"
PERMISSIONS = "$permissions"
#: The moments of a row that the server keeps. A key may set them, but not by a transaction.
MOMENTS = ("$createdAt", "$updatedAt")
# Kept by the server itself; a field maps one of them by naming it as its ``db_column``.
SYSTEM_COLUMNS = frozenset({ROW_ID, SEQUENCE, "$createdAt", "$updatedAt", PERMISSIONS})


class RelationshipKey(str):
    """The key of a relationship column, which no ``select`` may name (recording ``rel-manyToOne``)."""

    __slots__ = ()


@lru_cache(maxsize=10_000)
def column_key(field: models.Field[Any, Any]) -> str:
    """Return the key of the column that holds ``field``: the primary key is always the row's ``$id``."""
    if field.primary_key:
        return ROW_ID
    if field.column in SYSTEM_COLUMNS:
        return field.column
    key = names.column_key(field.column)
    return RelationshipKey(key) if getattr(field, "appwrite_relationship", False) else key


def table_id(db_table: str) -> str:
    """Return the id of the table that stands for ``db_table``."""
    return names.table_id(db_table)
