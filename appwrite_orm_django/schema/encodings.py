"""
How the values of a column are written in it, which its type does not tell.

A ``bigint`` may be a number, a decimal times 10**places or a duration in microseconds; a ``varchar(36)`` a text, a UUID or an integer as a
row id. The models say which, and ``records`` keeps what the rows were written with: where the two differ, ``conversion`` rewrites the rows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, TypeAlias

from django.db import models

from .defaults import MAX_SCALED_DIGITS
from .definitions import TEXT_TYPES, Column, Encoding
from .names import table_id

Field: TypeAlias = "models.Field[Any, Any]"

TEXT = Encoding("text")

_KINDS = {
    **dict.fromkeys(
        (
            "AutoField",
            "BigAutoField",
            "BigIntegerField",
            "IntegerField",
            "PositiveBigIntegerField",
            "PositiveIntegerField",
            "PositiveSmallIntegerField",
            "SmallAutoField",
            "SmallIntegerField",
        ),
        "integer",
    ),
    "BinaryField": "binary",
    "BooleanField": "boolean",
    "DateField": "date",
    "DateTimeField": "datetime",
    "DurationField": "duration",
    "FloatField": "float",
    "JSONField": "json",
    "TimeField": "time",
    "UUIDField": "uuid",
}
_PLAIN = {
    **dict.fromkeys(("varchar", "string", "email", "url", "ip", "enum", *TEXT_TYPES), "text"),
    "bigint": "integer",
    "double": "float",
    "integer": "integer",
}
#: What may be read as the second without a change of what is there.
_ALIKE = frozenset({("uuid", "text"), ("json", "text"), ("date", "datetime")})
#: ``array id decimal(2)``: as it is recorded.
_RECORDED = re.compile(r"(?P<array>array )?(?P<row_id>id )?(?P<kind>[^()]+?)(?:\((?P<places>\d+)\))?")


def encoding_of(field: Field) -> Encoding:
    """Return how a field's values are written, as the backend's codecs do it; those of its elements, for an array."""
    stored_as, row_id, target = _storage_of(field)
    codec = getattr(stored_as, "appwrite_codec", None)
    kind = stored_as.get_internal_type()
    if codec is not None:
        encoding = Encoding(type(codec()).__name__)
    elif kind == "DecimalField":
        digits, places = stored_as.max_digits, stored_as.decimal_places  # type: ignore[attr-defined]  # its own
        encoding = Encoding("decimal" if (digits or 60) <= MAX_SCALED_DIGITS else "long decimal", places)
    else:
        encoding = Encoding(_KINDS.get(kind, "text"))
    if not row_id or encoding.kind in {"text", "uuid"}:
        return replace(encoding, target=target)
    return replace(encoding, row_id=True, target=target)


def _storage_of(field: Field) -> tuple[Field, bool, str]:
    """Return the field whose values a field's column holds, whether they are row ids, and the table that a foreign key points to."""
    row_id, target = field.primary_key, ""
    while field.remote_field is not None and (pointed_to := getattr(field, "target_field", None)) is not None:
        field = pointed_to
        row_id = row_id or field.primary_key
        target = target or (table_id(field.model._meta.db_table) if field.primary_key else "")
    return field, row_id, target


def plain(column: Column) -> Encoding:
    """Return how the values of a column are written if there is nothing behind its type."""
    return Encoding(_PLAIN.get(column.type, column.type), array=column.array)


def of_column(column: Column) -> Encoding:
    """Return how a column's values are written; where nothing says so, as its type does."""
    return column.encoding or plain(column)


def hidden(column: Column) -> str:
    """Return in words how a column is encoded, "" where its type says so."""
    return "" if column.encoding in {None, plain(column)} else str(column.encoding)


def reads_alike(before: Encoding | None, after: Encoding | None) -> bool:
    """Tell whether what was written with one encoding means the same with the other; True where nothing is known of either."""
    if before is None or after is None or before == after:
        return True
    if before.row_id or after.row_id or before.array != after.array:
        return False
    return (before.kind, after.kind) in _ALIKE


def change_in_words(before: Column, after: Column) -> str:
    """
    Return what becomes of the rows of a column, "" where its types say so.

    >>> change_in_words(Column("a", "bigint", encoding=Encoding("decimal", 2)), Column("a", "bigint", encoding=Encoding("decimal", 4)))
    'rewrite rows: 2 to 4 decimal places'
    """
    if not hidden(before) and not hidden(after):
        return ""
    first, second = str(of_column(before)), str(of_column(after))
    if first == second:
        return ""
    places = " decimal places"
    if first.endswith(places) and second.endswith(places):
        first = first.removesuffix(places)
    return f"rewrite rows: {first} to {second}"


def as_recorded(encoding: Encoding) -> str:
    """
    Return an encoding as its record has it.

    >>> as_recorded(Encoding("decimal", 2, array=True))
    'array decimal(2)'
    """
    places = "" if encoding.places is None else f"({encoding.places})"
    return f"{'array ' if encoding.array else ''}{'id ' if encoding.row_id else ''}{encoding.kind}{places}"


def from_record(text: str) -> Encoding:
    """
    Return the encoding of a record; what no version up to this one writes is a kind of its own, which nothing can be read as.

    >>> from_record("array decimal(2)")
    Encoding(kind='decimal', places=2, row_id=False, array=True, target='')
    """
    found = _RECORDED.fullmatch(text)
    if found is None:
        return Encoding(text)
    places = found["places"]
    return Encoding(found["kind"], None if places is None else int(places), bool(found["row_id"]), bool(found["array"]))
