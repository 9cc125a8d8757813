"""Define the fields of queries: columns of tables, internal columns, and columns of metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from appwrite_local.datetimes import parse_datetime
from appwrite_local.engines import MARIADB, Engine
from appwrite_local.queries import raw
from appwrite_local.schema import SPATIAL_TYPES, TEXT_TYPES, Column, Table
from appwrite_local.uuids import is_uuid7
from appwrite_local.validators import is_int, is_number

Kind = Literal[
    "text", "id", "sequence", "integer", "float", "boolean", "datetime", "spatial", "relationship"
]


@dataclass(frozen=True, slots=True)
class Field:
    """
    A field to filter or order by.

    Attributes:
        value: SQL of the stored value.
        table_id: the table, for errors.
        compare: SQL that comparisons use: for text the collation's key.
        accepts: returns whether a query's value has the right type.
        reads: converts a query's value for the comparison with ``compare``.
        searchable: whether the fulltext index of the column, if it has one, is on its values.
    """

    key: str
    kind: Kind
    value: str
    compare: str
    accepts: Callable[[Any], bool]
    array: bool = False
    encrypted: bool = False
    searchable: bool = True
    column: Column | None = field(default=None, compare=False)
    engine: Engine = MARIADB
    table_id: str = ""

    @property
    def is_text(self) -> bool:
        return self.kind in ("text", "id")

    @property
    def order(self) -> str:
        """SQL that orders use: for arrays of JSON that the database can compare, a key."""
        return f"json_key({self.value})" if self.array and self.engine.json_arrays else self.compare

    def raw_text(self, value: Any) -> str | None:
        """Return the text of a stored value, as MariaDB writes it."""
        if value is None:
            return None
        if self.array:
            return raw.array_text(value)
        if self.kind == "datetime":
            return raw.datetime_text(value)
        if isinstance(value, float):
            return raw.double_text(value)
        return str(value)


Fields = dict[str, Field]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and value.isascii() and 1 <= int(value) < 2**63
    return is_int(value) and value >= 1


def _is_datetime(value: Any, first_year: int = 1000) -> bool:
    # "" and "now" are the current time; rows accept them, queries do not (``dates-engine``).
    dated = isinstance(value, str) and any(map(str.isdecimal, value))
    return dated and parse_datetime(value, first_year) is not None


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 255


def _is_geometry(value: Any) -> bool:
    return isinstance(value, list)


_ACCEPTS: dict[Kind, Callable[[Any], bool]] = {
    "text": _is_text, "id": _is_text, "sequence": _is_sequence, "integer": is_int, "float": is_number, "boolean": _is_boolean,
    "datetime": _is_datetime, "spatial": _is_geometry, "relationship": _is_short_text,
}  # fmt: skip

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(TEXT_TYPES, "text"), **dict.fromkeys(SPATIAL_TYPES, "spatial"), "integer": "integer", "bigint": "integer",
    "double": "float", "boolean": "boolean", "datetime": "datetime", "relationship": "relationship",
}  # fmt: skip


def make_field(key: str, kind: Kind, value: str, compare: str = "", **options: Any) -> Field:
    return Field(
        key, kind, value, compare or value, options.pop("accepts", _ACCEPTS[kind]), **options
    )


INTERNALS: Fields = {
    "$id": make_field("$id", "id", "_uid", "_uid_fold"),
    "$sequence": make_field("$sequence", "sequence", "_id"),
    "$createdAt": make_field("$createdAt", "datetime", "_created"),
    "$updatedAt": make_field("$updatedAt", "datetime", "_updated"),
}


def table_fields(table: Table, engine: Engine) -> Fields:
    """Return the fields of a table's rows; kept with the table's definition."""
    fields: Fields | None = table.plans.get("fields")
    if fields is None:
        fields = {
            key: replace(internal_field(field, engine), table_id=table.id)
            for key, field in INTERNALS.items()
        }
        for column in table.columns.values():
            fields[column.key] = column_field(column, engine)
        for index in table.all_indexes:
            if index.type == "fulltext":
                for key in set(index.columns) & set(fields) - set(index.held_columns):
                    fields[key] = replace(fields[key], searchable=False)
        table.plans["fields"] = fields
    return fields


def internal_field(field: Field, engine: Engine) -> Field:
    if field.kind == "id" and not (engine.ids_fold_on_lookup or engine.orders_ids_as_text):
        return replace(field, compare=field.value, engine=engine)
    if field.kind == "sequence" and engine.new_sequence is not None:
        return replace(field, accepts=is_uuid7, engine=engine)
    if field.kind == "datetime":
        accepts = partial(_is_datetime, first_year=engine.first_year)
        return replace(field, accepts=accepts, engine=engine)
    return replace(field, engine=engine)


def column_field(column: Column, engine: Engine) -> Field:
    compare = column.folded_sql if column.has_fold else column.sql
    accepts = _ACCEPTS[_KINDS[column.type]]
    if column.type == "integer" and is_narrow(column):
        accepts = _is_int32
    elif column.type == "bigint":
        accepts = _is_bigint
    elif column.type == "datetime":
        accepts = partial(_is_datetime, first_year=engine.first_year)
    return make_field(
        column.key, _KINDS[column.type], column.sql, compare, array=column.array, encrypted=column.encrypt, column=column,
        accepts=accepts, engine=engine,
    )  # fmt: skip


def is_narrow(column: Column) -> bool:
    """Return whether an integer column has 4 bytes, by its upper bound (``query-numbers``)."""
    return column.size != 8


def _is_bigint(value: Any) -> bool:
    if isinstance(value, str):
        return value.removeprefix("-").isdecimal() and value.isascii() and is_int(int(value[:25]))
    return is_int(value)


def _is_int32(value: Any) -> bool:
    return is_int(value) and -(2**31) <= value < 2**31
