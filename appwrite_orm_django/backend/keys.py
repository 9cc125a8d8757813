"""
Derive row ids from primary keys, of one field or of several.

``schema.keys`` determines which keys are row ids themselves. The id of any other row is derived from
its key's values: two rows have the same id exactly if their keys are equal. A text that has the form
of a row id is its own id, so it is compared as the server compares ids; all other texts are compared
in the same way:

- On an engine that folds texts, keys are equal if the engine takes them as equal.
- On other engines a key is found by its exact spelling only, but keys that differ by case alone
  exclude each other. So the id does not identify the row there: ``PrimaryKey.identifies``.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.models import Field, Model

from appwrite_orm_django.backend.values import (
    Codec,
    FloatCodec,
    IntegerCodec,
    RowIdCodec,
    ScaledDecimalCodec,
    codec_for,
    column_key,
)
from appwrite_orm_django.schema.keys import has_derived_ids, key_fields
from appwrite_orm_django.schema.names import derived_id, is_its_own_id

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.engines import Engine


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """
    The primary key of a model's table.

    Attributes:
        fields: its fields.
        columns: the keys of their columns; ``$id`` if the key is the row's id.
        is_derived: whether the row id is derived from the columns.
    """

    fields: tuple[Field[Any, Any], ...]
    columns: tuple[str, ...]
    codecs: tuple[Codec, ...]
    is_derived: bool

    def row_id(self, value: Any, engine: Engine) -> str:
        """
        Return the row id for a prepared value of the key, a tuple for several fields.

        Raises:
            OutOfRange: no row can have the value.
        """
        values = value if len(self.fields) > 1 else (value,)
        return self.row_id_of(
            [codec.encode(one) for codec, one in zip(self.codecs, values, strict=True)], engine
        )

    def row_id_of(self, wires: Sequence[Any], engine: Engine) -> str:
        """Return the row id for the values of the key's columns on the wire."""
        if not self.is_derived:
            return str(wires[0])
        # The server returns whole floats as integers.
        wires = [
            float(wire) if isinstance(codec, FloatCodec) else wire
            for codec, wire in zip(self.codecs, wires, strict=True)
        ]
        if len(wires) == 1:
            codec, text = self.codecs[0], str(wires[0])
            if _is_text(codec):
                return _id_of_text(text, engine)
            # The server ignores the case of ids, which distinguishes the values of some types.
            if not codec.folds and is_its_own_id(text):
                return text
        return derived_id(
            [
                _canonical(codec, wire, engine)
                for codec, wire in zip(self.codecs, wires, strict=True)
            ]
        )

    def row_id_in(self, data: Mapping[str, Any], engine: Engine) -> str | None:
        """Return the row id for the columns of a new row; None if the key has no value."""
        wires = [data.get(column) for column in self.columns]
        return None if None in wires else self.row_id_of(wires, engine)

    def identifies(self, row_id: str, wires: Sequence[Any], engine: Engine) -> bool:
        """Return whether a row with this id certainly has these values, as the engine compares."""
        return (
            engine.folds_text
            or not self.is_derived
            or len(self.fields) > 1
            or not _is_text(self.codecs[0])
            or row_id == wires[0]
        )


@lru_cache(maxsize=1000)
def primary_key_of(model: type[Model]) -> PrimaryKey:
    """Return the primary key of the model's own table."""
    fields = key_fields(model)
    return PrimaryKey(
        fields,
        tuple(map(column_key, fields)),
        tuple(map(codec_for, fields)),
        has_derived_ids(model),
    )


def is_negative_key(codec: Codec, value: Any) -> bool:
    """Return whether a prepared value is a negative integer key (``Engine.orders_negative_keys``)."""
    return (
        isinstance(value, int)
        and value < 0
        and isinstance(codec, RowIdCodec)
        and isinstance(codec.inner, IntegerCodec)
    )


def refuse_negative_key(field: Field[Any, Any], value: Any, connection: Connection) -> None:
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


def _is_text(codec: Codec) -> bool:
    return codec.is_text and not isinstance(codec, (RowIdCodec, ScaledDecimalCodec))


def _id_of_text(text: str, engine: Engine) -> str:
    if is_its_own_id(text):
        return text
    if not engine.folds_text:
        return derived_id([["text", text.lower()]])
    key = engine.equality_key(text)
    # "café" is equal to "cafe", which is its own id.
    plain = key.rstrip("\x01\x02 ").lower()
    if is_its_own_id(plain) and engine.equality_key(plain) == key:
        return plain
    return derived_id([["text", key]])


def _canonical(codec: Codec, wire: Any, engine: Engine) -> list[str]:
    """Return the kind of a value and a text; both are the same for equal values."""
    if _is_text(codec):
        return ["text", engine.equality_key(wire)]
    if isinstance(codec, RowIdCodec):
        return ["id", str(wire).lower()]
    if isinstance(codec, ScaledDecimalCodec):
        number: decimal.Decimal = codec.decode(wire)
        return ["number", f"{number.normalize() + 0:f}"]
    if isinstance(wire, float):
        return ["number", repr(wire)]
    return ["value", str(wire)]
