"""Define the fields of queries: columns of tables, internal columns, and columns of metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from appwrite_local.datetimes import parse_datetime
from appwrite_local.engines import MARIADB, Engine
from appwrite_local.queries import raw
from appwrite_local.schema import SPATIAL_TYPES, TEXT_TYPES, Column, Table
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
        compare: SQL that comparisons and orders use: for text the collation's key.
        accepts: returns whether a query's value has the right type.
        reads: converts a query's value for the comparison with ``compare``.
    """

    key: str
    kind: Kind
    value: str
    compare: str
    accepts: Callable[[Any], bool]
    array: bool = False
    encrypted: bool = False
    column: Column | None = field(default=None, compare=False)
    engine: Engine = MARIADB

    @property
    def is_text(self) -> bool:
        return self.kind in ("text", "id")

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


def _is_datetime(value: Any) -> bool:
    # "" would be read as the current time; rows accept it, queries do not.
    return isinstance(value, str) and value != "" and parse_datetime(value) is not None


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
        fields = {key: replace(field, engine=engine) for key, field in INTERNALS.items()}
        for column in table.columns.values():
            fields[column.key] = column_field(column, engine)
        table.plans["fields"] = fields
    return fields


def column_field(column: Column, engine: Engine) -> Field:
    compare = column.folded_sql if column.has_fold else column.sql
    accepts = _ACCEPTS[_KINDS[column.type]]
    if column.type == "integer" and is_narrow(column):
        accepts = _is_int32
    elif column.type == "bigint":
        accepts = _is_bigint
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
