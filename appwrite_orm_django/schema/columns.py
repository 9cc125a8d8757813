"""
Choose the column for a model field.

A field can choose its own column with a method ``appwrite_column(key) -> Column | None``. For any
other field the choice depends on ``get_internal_type()``, so a subclass of one of Django's fields
gets the column of its parent.

Visible decisions:

- A field without ``null=True`` is ``required``. Django always writes it, and other clients of the
  table then have to write it as well.
- A column gets a default only for a ``db_default`` that the server can hold (``defaults``). The
  server has no default for required columns, so a column with a default is optional there.
- Appwrite's ``email`` and ``url`` columns reject "" (recordings ``row-email``, ``row-url``). Django
  stores "" for any omitted text field, because only validation uses ``blank``. So only nullable
  fields get these types, and others get a ``varchar``.
- ``IntegerField`` and ``PositiveIntegerField`` get 64-bit columns, as on SQLite. They can hold row
  ids (the ``object_id`` of a generic relation), and the ids of ``AutoField`` have 53 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from django.db import models

from .custom_fields import has_column, stored_like
from .defaults import with_defaults
from .definitions import INT64, Column
from .errors import UnsupportedModel
from .keys import holds_row_ids, is_row_id, storage_field
from .names import MAX_LENGTH, MAX_SCALED_DIGITS, SYSTEM_COLUMNS, column_key

__all__ = ["MAX_SCALED_DIGITS", "Column", "column_for", "key_for"]

MAX_VARCHAR = 16_381  # recording column-varchar
MAX_EMAIL = 254  # recording row-email
MAX_URL = 2000  # recording row-url

#: Capacity of the text types in bytes; a character takes up to four (recordings row-text,
#: row-mediumtext).
_TEXT_BYTES = (("text", 65_535), ("mediumtext", 16_777_215), ("longtext", 2_147_483_647))

Field: TypeAlias = "models.Field[Any, Any]"


def key_for(field: Field) -> str | None:
    """
    Return the key of a field's column, or None without a column.

    It is ``$id`` for a primary key that is the row's id alone.
    """
    if is_row_id(field):
        return "$id"
    return None if field.column is None or field.many_to_many else column_key(field.column)


def column_for(field: Field) -> Column | None:
    """
    Return the column that a field needs, or None if it needs no column of its own.

    The primary key is the row's ``$id``, system columns belong to the server, a many-to-many field
    uses its through table, and a custom field may have no type.

    Raises:
        UnsupportedModel: Appwrite has no column for the field.
    """
    key = key_for(field)
    if key is None or key in SYSTEM_COLUMNS:
        return None
    if field.generated:
        raise _unsupported(field, "Appwrite cannot compute a column", "compute the value in save()")
    hook: Callable[[str], Column | None] | None = getattr(field, "appwrite_column", None)
    if hook is None and not has_column(field):
        return None
    column = described_column(field, key) if hook is None else hook(key)
    if column is None or column.related is not None or column.encoding is not None:
        return column
    # Imported late: the first read needs the columns of fields, but not their encodings.
    from .encodings import encoding_of

    return replace(column, encoding=encoding_of(field))


def described_column(field: Field, key: str) -> Column:
    """
    Return the column for a field's type and options, ignoring its ``appwrite_column`` method.

    Raises:
        UnsupportedModel: Appwrite has no column for the field.
    """
    stored_as = storage_field(field)
    column = (
        Column(key, "varchar", MAX_LENGTH)
        if holds_row_ids(field)
        else _by_type(field, stored_as, key)
    )
    if stored_as.primary_key and stored_as is not field and column.type == "varchar":
        # Foreign keys have had this size since before text keys had columns of their own.
        column = replace(column, size=max(column.size or 0, MAX_LENGTH))
    return with_defaults(field, column if field.null else replace(column, required=True))


def _by_type(field: Field, stored_as: Field, key: str) -> Column:
    # A foreign key to a field with a hook has the type of that field.
    hook: Callable[[str], Column | None] | None = getattr(stored_as, "appwrite_column", None)
    if stored_as is not field and hook is not None and (column := hook(key)) is not None:
        return column
    described = stored_like(stored_as)
    if described is None:
        raise _unsupported(
            field, f"{stored_as} has no column that could be the target", "point to another field"
        )
    stored_as = described
    # The internal type of these two fields is CharField.
    formats = {models.EmailField: _email, models.URLField: _url}
    make = (
        next((make for cls, make in formats.items() if isinstance(stored_as, cls)), None)
        or _TYPES[stored_as.get_internal_type()]
    )
    return make(stored_as, key)


def _char(field: Field, key: str) -> Column:
    length = field.max_length
    if length is None:
        return Column(key, "longtext")
    if length <= MAX_VARCHAR:
        return Column(key, "varchar", length)
    return Column(
        key, next((name for name, bytes_ in _TEXT_BYTES if length * 4 <= bytes_), "longtext")
    )


def _email(field: Field, key: str) -> Column:
    return Column(key, "email") if _may_have_format(field, MAX_EMAIL) else _char(field, key)


def _url(field: Field, key: str) -> Column:
    return Column(key, "url") if _may_have_format(field, MAX_URL) else _char(field, key)


def _may_have_format(field: Field, longest: int) -> bool:
    return field.max_length is not None and field.max_length <= longest and field.null


def _decimal(field: Field, key: str) -> Column:
    digits: int | None = getattr(field, "max_digits", None)
    if digits is None or getattr(field, "decimal_places", None) is None:
        raise _unsupported(
            field,
            "Appwrite needs a maximum length for decimals",
            "set max_digits and decimal_places",
        )
    if digits > MAX_SCALED_DIGITS:
        return Column(key, "varchar", digits + 3)  # a sign, a point, and a zero before it
    largest = 10**digits - 1
    return Column(key, "bigint", min=-largest, max=largest)


def _simple(type_: str, size: int | None = None) -> Callable[[Field, str], Column]:
    return lambda _field, key: Column(key, type_, size)


def _integer(low: int, high: int) -> Callable[[Field, str], Column]:
    type_ = "integer" if high < 2**31 else "bigint"
    bounds = {"min": None if low == INT64[0] else low, "max": None if high == INT64[1] else high}
    return lambda _field, key: Column(key, type_, **bounds)  # type: ignore[arg-type]  # int | None


_TYPES: dict[str, Callable[[Field, str], Column]] = {
    "BigIntegerField": _integer(*INT64),
    "BinaryField": _simple("longtext"),
    "BooleanField": _simple("boolean"),
    "CharField": _char,
    "DateField": _simple("datetime"),
    "DateTimeField": _simple("datetime"),
    "DecimalField": _decimal,
    "DurationField": _integer(*INT64),
    "FileField": _char,
    "FilePathField": _char,
    "FloatField": _simple("double"),
    "GenericIPAddressField": _simple("ip"),
    "IPAddressField": _simple("ip"),
    "IntegerField": _integer(*INT64),
    "JSONField": _simple("longtext"),
    "PositiveBigIntegerField": _integer(0, INT64[1]),
    "PositiveIntegerField": _integer(0, INT64[1]),
    "PositiveSmallIntegerField": _integer(0, 2**15 - 1),
    "SlugField": _char,
    "SmallIntegerField": _integer(-(2**15), 2**15 - 1),
    "TextField": _simple("longtext"),
    "TimeField": _simple("varchar", 32),
    "UUIDField": _simple("varchar", 36),
}


def _unsupported(field: Field, reason: str, way_out: str) -> UnsupportedModel:
    return UnsupportedModel(f"{field}: {reason}.\nWay out: {way_out}.")
