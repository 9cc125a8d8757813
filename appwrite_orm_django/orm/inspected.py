"""
Django's fields with an argument for the column's own properties.

``inspectdb`` writes these fields for tables that other clients created, if Django's field alone
does not describe the column: an integer from 1 to 5, say, or text in a ``mediumtext``. The argument
``stored`` overrides the properties that the field asks for. Its keys are ``type``, ``size``,
``required``, ``default``, ``min``, ``max``, ``encrypt`` and ``encoding`` (the format of the values,
for a field that reads them unchanged).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from appwrite_orm_django import fields
from appwrite_orm_django.schema.columns import Column, described_column
from appwrite_orm_django.schema.encodings import from_record

__all__ = [
    "ArrayField",
    "BigIntegerField",
    "BooleanField",
    "CharField",
    "DateTimeField",
    "EmailField",
    "EnumField",
    "FloatField",
    "GenericIPAddressField",
    "IntegerField",
    "TextField",
    "URLField",
]

_KEYS = frozenset({"type", "size", "required", "default", "min", "max", "encrypt", "encoding"})


class _Stored(models.Field):
    def __init__(self, *args: Any, stored: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.stored = dict(stored or {})
        if unknown := sorted(set(self.stored) - _KEYS):
            raise TypeError(
                f"stored has no key {unknown[0]!r}. Valid keys are {', '.join(sorted(_KEYS))}."
            )
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.stored:
            kwargs["stored"] = self.stored
        return name, path, args, kwargs

    def appwrite_column(self, key: str) -> Column:
        described: Callable[[str], Column] | None = getattr(super(), "appwrite_column", None)
        column = described_column(self, key) if described is None else described(key)
        stored = dict(self.stored)
        if "encoding" in stored:
            stored["encoding"] = from_record(stored["encoding"])
        return replace(column, **stored)

    @cached_property
    def validators(self) -> list[Any]:
        bounds = [("min", MinValueValidator), ("max", MaxValueValidator)]
        return [
            *super().validators,
            *(cls(self.stored[key]) for key, cls in bounds if self.stored.get(key) is not None),
        ]


class ArrayField(_Stored, fields.ArrayField):
    """An ``ArrayField``; bounds and sizes apply to its elements."""


class BigIntegerField(_Stored, models.BigIntegerField):
    """A ``BigIntegerField``."""


class BooleanField(_Stored, models.BooleanField):
    """A ``BooleanField``."""


class CharField(_Stored, models.CharField):
    """A ``CharField``."""


class DateTimeField(_Stored, models.DateTimeField):
    """A ``DateTimeField``."""


class EmailField(_Stored, models.EmailField):
    """An ``EmailField``."""


class EnumField(_Stored, fields.EnumField):
    """An ``EnumField``."""


class FloatField(_Stored, models.FloatField):
    """A ``FloatField``."""


class GenericIPAddressField(_Stored, models.GenericIPAddressField):
    """A ``GenericIPAddressField``."""


class IntegerField(_Stored, models.IntegerField):
    """An ``IntegerField``."""


class TextField(_Stored, models.TextField):
    """A ``TextField``."""


class URLField(_Stored, models.URLField):
    """A ``URLField``."""
