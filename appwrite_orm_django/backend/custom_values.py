"""
Convert what custom fields give to their columns.

Fields of Django's have checked and converted their values. A custom field may give text for any
column, as it can on SQLite.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import OperationalError, models
from django.utils import dateparse

from appwrite_orm_django.schema.custom_fields import stored_like
from appwrite_orm_django.schema.errors import UnsupportedModel

Parsed = TypeVar("Parsed")

#: Types other than str whose values databases take for text.
_SHOWN_AS_TEXT = (
    int, float, decimal.Decimal, uuid.UUID, datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip
_TRUE = frozenset(("1", "t", "true", "y", "yes"))
_FALSE = frozenset(("0", "f", "false", "n", "no"))


def text_of(value: Any) -> str:
    """
    Return the text for a value that is none.

    Raises:
        TypeError: no database takes such a value for text.
    """
    if isinstance(value, _SHOWN_AS_TEXT):
        return str(value)
    # For example a dictionary, by a field without get_prep_value().
    raise TypeError(f"a text column cannot hold a {type(value).__name__}")


def truth_of(text: str) -> bool:
    """
    Return what a text says in a boolean column.

    Raises:
        ValueError: it says neither.
    """
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in _TRUE


def datetime_of(text: str) -> datetime.datetime:
    return _parsed(text, dateparse.parse_datetime, "YYYY-MM-DD HH:MM:SS")


def date_of(text: str) -> datetime.date:
    return _parsed(text, dateparse.parse_date, "YYYY-MM-DD")


def time_of(text: str) -> datetime.time:
    return _parsed(text, dateparse.parse_time, "HH:MM:SS")


def _parsed(text: str, parse: Callable[[str], Parsed | None], shape: str) -> Parsed:
    parsed = parse(text)
    if parsed is None:
        raise ValueError(f"{text!r} is not in the format {shape}")
    return parsed


def typed(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """
    Return the field of Django's that is stored as a field is.

    Raises:
        OperationalError: the field has no column.
        UnsupportedModel: its type is not known.
    """
    if hasattr(field, "appwrite_column"):
        return field
    if not hasattr(field, "model"):
        return _of_an_expression(field)
    described = stored_like(field)
    if described is None:
        raise OperationalError(
            f"no such column: {field.model._meta.db_table}.{field.column}. The field {field} has "
            "none, because its db_type() is None.\n"
            "Leave the field out with defer() or only(). Or give it a method db_type() or "
            "appwrite_column(key), and a migration."
        )
    return described


def _of_an_expression(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    # Whatever is not known is text, as for Field() itself, the type of an expression without one.
    try:
        return stored_like(field) or field
    except UnsupportedModel:
        return field
