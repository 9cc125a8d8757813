"""
Find the field of Django's that is stored as a custom field is.

Django's schema editors only ask a field for ``db_type()``, so custom fields answer with the name of
a type that SQL databases know: ``varchar(25)``, ``double precision``. A field without a type
(``db_type() -> None``) has no column on any database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from django.db import DatabaseError, connections, models

from .errors import UnsupportedModel

Field: TypeAlias = "models.Field[Any, Any]"

_NUMBERS = frozenset(
    (
        "AutoField",
        "BigAutoField",
        "BigIntegerField",
        "BooleanField",
        "DecimalField",
        "DurationField",
        "FloatField",
        "IntegerField",
        "PositiveBigIntegerField",
        "PositiveIntegerField",
        "PositiveSmallIntegerField",
        "SmallAutoField",
        "SmallIntegerField",
    )
)
_TEXTS = frozenset(
    (
        "CharField",
        "FileField",
        "FilePathField",
        "GenericIPAddressField",
        "IPAddressField",
        "JSONField",
        "SlugField",
        "TextField",
        "TimeField",
        "UUIDField",
    )
)
#: Internal types, by how databases store their values. Within a set, a field's own internal type
#: says more than ``db_type()``.
_FAMILIES = (
    _NUMBERS,
    _TEXTS,
    frozenset(("DateField", "DateTimeField")),
    frozenset(("BinaryField",)),
)
_KNOWN = frozenset().union(*_FAMILIES)

_TYPE = re.compile(
    r"(?P<name>[a-z][a-z0-9 ]*?)\s*(?:\(\s*(?P<first>\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\))?"
    r"(?P<rest>\s+(?:unsigned|with time zone|without time zone))?(?:\s+collate\s.*)?"
)


def _char(length: int | None, _places: int | None) -> Field:
    return models.CharField(max_length=length)


def _decimal(digits: int | None, places: int | None) -> Field | None:
    # Without digits, nobody can know how to scale the numbers.
    return models.DecimalField(max_digits=digits, decimal_places=places or 0) if digits else None


def _plain(cls: type[Field], **options: Any) -> Callable[[int | None, int | None], Field]:
    return lambda _first, _second: cls(**options)


_TYPES: dict[str, Callable[[int | None, int | None], Field | None]] = {
    **dict.fromkeys(
        (
            "bpchar",
            "char",
            "character",
            "character varying",
            "nchar",
            "nvarchar",
            "nvarchar2",
            "string",
            "varchar",
            "varchar2",
        ),
        _char,
    ),
    **dict.fromkeys(
        ("citext", "clob", "longtext", "mediumtext", "nclob", "text", "tinytext", "xml"),
        _plain(models.TextField),
    ),
    **dict.fromkeys(
        ("cidr", "inet", "macaddr", "macaddr8"), _plain(models.CharField, max_length=43)
    ),
    **dict.fromkeys(("json", "jsonb"), _plain(models.JSONField)),
    **dict.fromkeys(("uniqueidentifier", "uuid"), _plain(models.UUIDField)),
    **dict.fromkeys(("int", "int4", "integer", "mediumint", "serial"), _plain(models.IntegerField)),
    **dict.fromkeys(("bigint", "bigserial", "int8"), _plain(models.BigIntegerField)),
    **dict.fromkeys(
        ("int2", "smallint", "smallserial", "tinyint"), _plain(models.SmallIntegerField)
    ),
    **dict.fromkeys(
        ("int unsigned", "integer unsigned", "mediumint unsigned"),
        _plain(models.PositiveIntegerField),
    ),
    "bigint unsigned": _plain(models.PositiveBigIntegerField),
    **dict.fromkeys(
        ("smallint unsigned", "tinyint unsigned"), _plain(models.PositiveSmallIntegerField)
    ),
    **dict.fromkeys(("bool", "boolean"), _plain(models.BooleanField)),
    **dict.fromkeys(
        ("double", "double precision", "float", "float4", "float8", "real"),
        _plain(models.FloatField),
    ),
    **dict.fromkeys(("dec", "decimal", "number", "numeric"), _decimal),
    "date": _plain(models.DateField),
    **dict.fromkeys(
        ("datetime", "datetime2", "timestamp", "timestamptz"), _plain(models.DateTimeField)
    ),
    **dict.fromkeys(("time", "timetz"), _plain(models.TimeField)),
    "interval": _plain(models.DurationField),
    **dict.fromkeys(
        ("binary", "blob", "bytea", "longblob", "mediumblob", "tinyblob", "varbinary"),
        _plain(models.BinaryField),
    ),
}


@lru_cache(maxsize=10_000)
def stored_like(field: Field) -> Field | None:
    """
    Return the field of Django's that is stored as a field is: mostly the field itself.

    None if the field has no column.

    Raises:
        UnsupportedModel: no such field is known.
    """
    internal = field.get_internal_type()
    if internal in _KNOWN and type(field).db_type.__module__.startswith("django."):
        return field
    try:
        declared = field.db_parameters(connection=_connection())["type"]
    except (AttributeError, DatabaseError, NotImplementedError):
        # Its db_type() needs a method of one database, as those of GeoDjango do.
        declared = internal
    if declared is None:
        return None
    described = _described(str(declared))
    family = next((each for each in _FAMILIES if internal in each), frozenset())
    if internal in family and (described is None or described.get_internal_type() in family):
        return field
    if described is None:
        raise UnsupportedModel(
            f"{field}: Appwrite has no column for {type(field).__name__}, whose db_type() is "
            f"{declared!r}.\n"
            "Way out: give the field a method appwrite_column(key) that returns a "
            "schema.columns.Column."
        )
    return described


@lru_cache(maxsize=10_000)
def has_column(field: Field) -> bool:
    """Return whether a concrete field has a column; one that describes its own always has."""
    if hasattr(field, "appwrite_column") or field.is_relation:
        return True
    try:
        return stored_like(field) is not None
    except UnsupportedModel:
        return True


def internal_type(field: Field) -> str:
    """Return the internal type of the field of Django's that is stored as a field is."""
    if hasattr(field, "appwrite_column") or field.is_relation:
        return field.get_internal_type()
    return (stored_like(field) or field).get_internal_type()


def _described(declared: str) -> Field | None:
    """
    Return the field of Django's for a type of SQL databases, or None.

    >>> _described("character varying(25)").max_length
    25
    >>> _described("numeric(10, 2)").decimal_places
    2
    >>> _described("geometry(Point, 4326)")
    """
    found = _TYPE.fullmatch(declared.strip().lower())
    if found is None:
        return None
    first, second = (None if text is None else int(text) for text in found.group("first", "second"))
    name = found["name"]
    if (name, first) in {("tinyint", 1), ("bit", 1), ("bit", None)}:
        return models.BooleanField()
    if found["rest"] and found["rest"].strip() == "unsigned":
        name += " unsigned"
    make = _TYPES.get(name)
    return None if make is None else make(first, second)


def _connection() -> Any:
    """Return a connection to Appwrite, which the fields of all of them are asked with."""
    return next(each for each in connections.all() if each.vendor == "appwrite")
