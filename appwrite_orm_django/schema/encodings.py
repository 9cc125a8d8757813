"""
Determine the encoding of a column's values, which its type alone does not.

A ``bigint`` can hold a number, a decimal times 10**places or a duration in microseconds. A
``varchar(36)`` can hold a text, a UUID or an integer as a row id. The models define the encoding,
and ``records`` keeps the one that the rows were written with. If the two differ, ``conversion``
rewrites the rows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, TypeAlias

from django.db import models

from .custom_fields import stored_like
from .definitions import TEXT_TYPES, Column, Encoding
from .keys import has_derived_ids, holds_row_ids
from .names import MAX_SCALED_DIGITS, table_id

Field: TypeAlias = "models.Field[Any, Any]"

TEXT = Encoding("text")

#: Kinds of values of which case is a part. Ids that differ by case alone exclude each other.
_CASE_MATTERS = frozenset({"binary", "json"})

#: The encoding of row ids that are derived from several columns.
COMPOSITE_KEY = Encoding("composite key")

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
#: Pairs of kinds where values of the first can be read as the second without a change.
_ALIKE = frozenset({("uuid", "text"), ("json", "text"), ("date", "datetime")})
#: The format of a record, for example ``array id decimal(2)``.
_RECORDED = re.compile(
    r"(?P<array>array )?(?P<row_id>id )?(?P<kind>[^()]+?)(?:\((?P<places>\d+)\))?"
)


def encoding_of(field: Field) -> Encoding:
    """Return the encoding of a field's values, or of the elements of an array, by its codec."""
    if isinstance(field, models.CompositePrimaryKey):
        return COMPOSITE_KEY
    stored_as, row_id, target = _storage_of(field)
    codec = getattr(stored_as, "appwrite_codec", None)
    if codec is None and not hasattr(stored_as, "appwrite_column"):
        stored_as = stored_like(stored_as) or stored_as
    kind = stored_as.get_internal_type()
    if codec is not None:
        encoding = Encoding(type(codec()).__name__)
    elif kind == "DecimalField":
        digits, places = stored_as.max_digits, stored_as.decimal_places  # type: ignore[attr-defined]  # its own
        encoding = Encoding(
            "decimal" if (digits or 60) <= MAX_SCALED_DIGITS else "long decimal", places
        )
    else:
        encoding = Encoding(_KINDS.get(kind, "text"))
    if not row_id or encoding.kind in {"text", "uuid"}:
        return replace(encoding, target=target)
    return replace(encoding, row_id=True, target=target)


def _storage_of(field: Field) -> tuple[Field, bool, str]:
    """
    Return how a field's values are stored.

    The result is the field whose values the column holds, whether they are row ids, and the id of
    the table that a foreign key points to.
    """
    row_id, target = holds_row_ids(field), ""
    while (
        field.remote_field is not None
        and (pointed_to := getattr(field, "target_field", None)) is not None
    ):
        field = pointed_to
        target = target or table_id(field.model._meta.db_table)
    return field, row_id, target


def may_be_row_ids(encoding: Encoding) -> bool:
    """Return whether some values of a key with a column are the ids of their rows."""
    return encoding.kind not in _CASE_MATTERS


def id_encoding_of(model: type[models.Model]) -> Encoding:
    """
    Return the encoding of the row ids of a model's table.

    Values of a key with a column are their own ids if they have the form of a row id. Digests of
    documents and bytes are those of no other type.
    """
    encoding = encoding_of(model._meta.pk)
    if encoding.kind in ("text", "composite key") or not has_derived_ids(model):
        return encoding
    if not may_be_row_ids(encoding):
        return Encoding(f"{encoding.kind} digest")
    return replace(encoding, row_id=True)


def plain(column: Column) -> Encoding:
    """Return the encoding that a column's type alone implies."""
    return Encoding(_PLAIN.get(column.type, column.type), array=column.array)


def of_column(column: Column) -> Encoding:
    """Return the encoding of a column's values, by default the one that its type implies."""
    return column.encoding or plain(column)


def hidden(column: Column) -> str:
    """Return the encoding of a column for display, or "" if its type implies it."""
    return "" if column.encoding in {None, plain(column)} else str(column.encoding)


def reads_alike(before: Encoding | None, after: Encoding | None) -> bool:
    """Return whether values mean the same in both encodings; True if either is unknown."""
    if before is None or after is None or before == after:
        return True
    if before.row_id or after.row_id or before.array != after.array:
        return False
    return (before.kind, after.kind) in _ALIKE


def change_in_words(before: Column, after: Column) -> str:
    """
    Return the change to the rows of a column for display, or "" if the column types show it.

    >>> before = Column("a", "bigint", encoding=Encoding("decimal", 2))
    >>> change_in_words(before, replace(before, encoding=Encoding("decimal", 4)))
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
    Return an encoding in the format of a record.

    >>> as_recorded(Encoding("decimal", 2, array=True))
    'array decimal(2)'
    """
    places = "" if encoding.places is None else f"({encoding.places})"
    return f"{'array ' if encoding.array else ''}{'id ' if encoding.row_id else ''}{encoding.kind}{places}"


def from_record(text: str) -> Encoding:
    """
    Return the encoding of a record; an unknown format becomes a kind that nothing can be read as.

    >>> from_record("array decimal(2)")
    Encoding(kind='decimal', places=2, row_id=False, array=True, target='')
    """
    found = _RECORDED.fullmatch(text)
    if found is None:
        return Encoding(text)
    places = found["places"]
    return Encoding(
        found["kind"],
        None if places is None else int(places),
        bool(found["row_id"]),
        bool(found["array"]),
    )
