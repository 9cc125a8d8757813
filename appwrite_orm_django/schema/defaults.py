"""
Convert ``db_default`` to a column's default where Appwrite can hold it.

The server replaces every null by the column's default, on creation and on each later update
(recording ``rows-defaults``), and allows no default for a required column (recording
``column-varchar``). So a column gets its ``db_default`` if the field is not nullable and the
default is a constant.

Django writes any other default itself when it creates a row (``backend.defaults``). The column is
then required unless the field is nullable, so that other clients cannot omit it silently. Rows that
are older than a column also get the value of ``backend.defaults``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError
from django.db import models

from .custom_fields import stored_like
from .definitions import Column, Value
from .errors import UnsupportedModel
from .keys import holds_row_ids, storage_field
from .limits import characters_of
from .names import MAX_SCALED_DIGITS

Field: TypeAlias = "models.Field[Any, Any]"


#: The Python type of the default by column type.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("bigint", "integer"), int),
    "boolean": bool,
    "double": float,
    **dict.fromkeys(
        (
            "datetime",
            "email",
            "enum",
            "ip",
            "longtext",
            "mediumtext",
            "string",
            "text",
            "url",
            "varchar",
        ),
        str,
    ),
}


def with_defaults(field: Field, column: Column) -> Column:
    """
    Return the column with the default that the server fills in.

    Raises:
        UnsupportedModel: a ``db_default`` is not a valid value of the field, is too long, or reads
            columns.
    """
    if not field.has_db_default():
        return column
    default = _server_default(field, column)
    return column if default is None else replace(column, required=False, default=default)


def only_django_writes(field: Field, column: Column) -> str:
    """Return the reason why only Django can write a ``db_default``; "" if it has none."""
    if not field.has_db_default() or column.default is not None:
        return ""
    if _is_expression(field.db_default):
        return "Appwrite evaluates no expressions"
    if field.null:
        return "Appwrite would put it in the place of every null"
    return f"Appwrite has no such default for the column {column}"


def _server_default(field: Field, column: Column) -> Value:
    if _is_expression(field.db_default):
        if not getattr(field.db_default, "allowed_default", False):
            raise _unsupported(field, "a db_default cannot read columns or tables", "use default=")
        return None
    literal = (
        field.db_default.value if isinstance(field.db_default, models.Value) else field.db_default
    )
    try:
        default = _written(field, literal)
    except (ValidationError, ArithmeticError, TypeError, ValueError) as error:
        raise _unsupported(
            field, f"db_default={literal!r} is not a valid value", "correct it"
        ) from error
    longest = characters_of(column)
    if isinstance(default, str) and longest is not None and len(default) > longest:
        # The server accepts a default that is too long in a later change of the column (recording
        # column-varchar), and then rejects new rows.
        raise _unsupported(
            field,
            f"db_default has {len(default)} characters, the column holds {longest}",
            "use a shorter one",
        )
    return (
        default
        if not field.null and not column.array and type(default) is _KINDS.get(column.type)
        else None
    )


def _is_expression(default: Any) -> bool:
    return hasattr(default, "resolve_expression") and not isinstance(default, models.Value)


def _written(field: Field, value: Any) -> Value:
    """Return a value in the format of the backend's codecs, or None if it cannot be a default."""
    stored_as = storage_field(field)
    kind = stored_as.get_internal_type()
    # Only Django knows how a custom field writes its values.
    write = _WRITTEN.get(kind) if stored_like(stored_as) is stored_as else None
    if value is None or write is None or (holds_row_ids(field) and kind not in _IDS):
        return None
    # Imported late: the first read needs the columns of fields, most of which have no default.
    from appwrite_orm_django.client.operators import looks_like_operator

    written = write(stored_as, stored_as.to_python(value))
    # The server would interpret such a text as an operator in an update.
    return None if looks_like_operator(written) else written


def _same(_field: Field, value: Any) -> Value:
    return value if isinstance(value, (str, int, float, bool)) else None


def _decimal(field: Field, value: Decimal) -> Value:
    digits, places = getattr(field, "max_digits", None), getattr(field, "decimal_places", None)
    if digits is None or places is None or digits > MAX_SCALED_DIGITS:
        return None
    scaled = value.scaleb(places)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def _moment(field: Field, value: datetime) -> Value:
    moment: datetime = field.get_prep_value(value)
    moment = (
        moment.replace(tzinfo=timezone.utc)
        if moment.tzinfo is None
        else moment.astimezone(timezone.utc)
    )
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+00:00"


def _json(field: Field, value: Any) -> Value:
    return json.dumps(value, cls=getattr(field, "encoder", None))


#: Types of primary keys whose values are row ids without conversion.
_IDS = frozenset({"CharField", "SlugField", "UUIDField"})
_WRITTEN: dict[str, Callable[[Field, Any], Value]] = {
    **dict.fromkeys(
        (
            "BigIntegerField",
            "BooleanField",
            "CharField",
            "FileField",
            "FilePathField",
            "FloatField",
            "GenericIPAddressField",
            "IntegerField",
            "PositiveBigIntegerField",
            "PositiveIntegerField",
            "PositiveSmallIntegerField",
            "SlugField",
            "SmallIntegerField",
            "TextField",
        ),
        _same,
    ),
    "DateField": lambda _field, value: f"{value:%Y-%m-%d}T00:00:00.000+00:00",
    "DateTimeField": _moment,
    "DecimalField": _decimal,
    "DurationField": lambda _field, value: int(value // timedelta(microseconds=1)),
    "JSONField": _json,
    "TimeField": lambda _field, value: f"{value:%H:%M:%S.%f}",
    "UUIDField": lambda _field, value: str(value),
}


def _unsupported(field: Field, reason: str, way_out: str) -> UnsupportedModel:
    return UnsupportedModel(f"{field}: {reason}.\nWay out: {way_out}.")
