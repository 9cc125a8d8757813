"""
Record the fields of models beside the encodings of their columns, and find them again.

The record tells a foreign key from any other text, and an ``AutoField`` from any other integer. It
is for introspection alone: rows are read and written by encodings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from .definitions import TEXT_TYPES, Column, Encoding, Index, ModelField, Table
from .keys import storage_field
from .names import KEY_INDEX, MAX_LENGTH, column_key, is_hidden, table_id, unquoted

#: The types of foreign keys to fields that generate values.
_VALUES_OF = {
    "AutoField": "IntegerField",
    "BigAutoField": "BigIntegerField",
    "SmallAutoField": "SmallIntegerField",
}

#: The types of hidden columns for the values of fields alone: nulls are distinct, or equal.
UNIQUE, UNIQUE_NULLS = "unique", "unique nulls"

#: The maximum length of a record in characters.
_MAX_RECORD = 255


def with_field(encoding: Encoding, key: str, field: ModelField) -> Encoding:
    """Return the encoding of a column with its field, unless the record would be too long."""
    fits = len(field_as_recorded(key, field)) <= _MAX_RECORD
    return replace(encoding, field=field if fits else None)


def model_field(field: Any, position: int, column: Column | None = None) -> ModelField:
    """Return what is to be recorded of a field, whose column is None for a row id."""
    element = getattr(field, "base_field", field)
    target = None if field.remote_field is None else getattr(field, "target_field", None)
    if target is not None:
        element = storage_field(field)
    kind = element.get_internal_type()
    return ModelField(
        kind if target is None else _VALUES_OF.get(kind, kind),
        _column_of(field),
        target and (table_id(target.model._meta.db_table), _column_of(target)),
        element.max_length if column is not None and column.type in TEXT_TYPES else None,
        position=position,
    )


def _column_of(field: Any) -> str:
    if getattr(field, "appwrite_row_id", False):
        return "$id"  # a text key of any other name would have a column
    return "" if field.column is None else unquoted(field.column)


def field_as_recorded(key: str, field: ModelField | None) -> str:
    """
    Return the record of the field of a column, without what has its default.

    >>> field_as_recorded("author_id", ModelField("IntegerField", "author_id", ("shop_author", "id")))
    '{"key":"author_id","type":"IntegerField","to":["shop_author","id"]}'
    """
    told: dict[str, Any] = {"key": key}
    for one in fields(ModelField) if field is not None else ():
        value = getattr(field, one.name)
        if value != (key if one.name == "column" else one.default):
            told[one.name] = value
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def field_from_record(text: str) -> tuple[str, ModelField | None]:
    """
    Return the key of a column, and its field; None if the record has none or none of a known form.

    >>> field_from_record('{"key":"id","type":"AutoField"}')
    ('id', ModelField(type='AutoField', column='id', to=None, max_length=None, table='', covers=(), position=0))
    """
    try:
        told = json.loads(text)
        key = told.pop("key")
        to = told.pop("to", None)
        found = ModelField(
            **{
                "column": key,
                **told,
                "to": None if to is None else (to[0], to[1]),
                "covers": tuple(told.get("covers", ())),
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return "", None
    return key, found


def column_name(column: Column) -> str:
    """Return the name of a column in Django: the recorded one if it has this key, or the key."""
    recorded = column.field.column if column.field else ""
    return recorded if recorded and column_key(recorded) == column.key else column.key


def db_table_of(table: Table) -> str:
    """Return the recorded ``db_table`` of a table, or its id."""
    return (table.key_field.table if table.key_field else "") or table.id


def under_name(table: Table, db_table: str) -> Table:
    """Return a table under the id for another ``db_table``."""
    id_, name = table_id(db_table), unquoted(db_table)
    encoding = table.id_encoding
    if encoding is not None and encoding.field is not None:
        field = replace(encoding.field, table="" if name == id_ else name)
        encoding = replace(encoding, field=field)
    return replace(table, id=id_, name=id_, id_encoding=encoding)


def in_order(columns: Iterable[Column]) -> list[Column]:
    """Return columns in the recorded order of the fields; others last, except for row ids."""

    def position(column: Column) -> tuple[bool, int]:
        known = column.field is not None or column.key == "$id"
        return not known, column.field.position if column.field else 0

    return sorted(columns, key=position)


def row_ids(table: Table) -> Column:
    """Return the ids of a table's rows as a column."""
    return Column("$id", "varchar", MAX_LENGTH, required=True, encoding=table.id_encoding)


def is_key(table: Table, key: str) -> bool:
    index = table.index(KEY_INDEX)
    return key == "$id" if index is None else index.columns == (key,)


def referred(table: Table, name: str) -> Column | None:
    """Return the column of a table that foreign keys to a name in Django refer to."""
    if is_key(table, "$id") and name in {"$id", table.key_field and table.key_field.column}:
        return row_ids(table)
    found = next((column for column in table.columns if column_name(column) == name), None)
    if found is None or is_key(table, found.key):
        return found
    return found if any(covered(table, index) == (found.key,) for index in table.indexes) else None


def covered(table: Table, index: Index) -> tuple[str, ...] | None:
    """
    Return the keys of the columns whose values a unique index keeps unique together.

    Returns:
        None for another index, and if it is over a hidden column for a condition or expressions.
    """
    if index.type != "unique":
        return None
    hidden = table.column(index.columns[0])
    if hidden is None or not is_hidden(hidden.key):
        return index.columns
    if hidden.field is None or hidden.field.type not in {UNIQUE, UNIQUE_NULLS}:
        return None
    keys = {column_name(column): column.key for column in table.columns}
    found = tuple(keys[name] for name in hidden.field.covers if name in keys)
    return found if len(found) == len(hidden.field.covers) else None


def holds_values_of(column: Column, other: Column) -> bool:
    """Return whether a column is like that of a foreign key to another column."""
    # Those to primary keys are never shorter than a row id.
    sizes = {other.size, other.size and max(other.size, MAX_LENGTH)}
    like = replace(other, key=column.key, size=column.size, required=column.required, default=None)
    return column.size in sizes and like == column and column.encoding == other.encoding
