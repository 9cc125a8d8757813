"""Refuse negative integer keys where the engine does not order them before the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError, models

from appwrite_orm_django.backend.values import Codec, IntegerCodec, RowIdCodec, codec_for

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


def is_negative_key(codec: Codec, value: Any) -> bool:
    """Return whether a prepared value is a negative integer key (``Engine.orders_negative_keys``)."""
    return (
        isinstance(value, int)
        and value < 0
        and isinstance(codec, RowIdCodec)
        and isinstance(codec.inner, IntegerCodec)
    )


def refuse_negative_key(field: models.Field[Any, Any], value: Any, connection: Connection) -> None:
    """
    Reject a negative integer key where the engine does not order it before the others.

    Raises:
        NotSupportedError: names the column, the value and the reason.
    """
    if is_negative_key(codec_for(field), value) and not connection.engine.orders_negative_keys:
        raise NotSupportedError(
            f"{field.model._meta.db_table}.{field.column}: the negative key {value} cannot be "
            f"stored on {connection.engine.label}, which orders row ids as words and ignores their "
            "sign: queries that compare or order by the key would be wrong.\n"
            "Use keys from 0 on."
        )
