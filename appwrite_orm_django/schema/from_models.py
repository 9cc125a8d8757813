"""What the models of a database alias ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import models, router

from .columns import column_for
from .definitions import Column, Database, Fill, Table
from .encodings import encoding_of
from .errors import UnsupportedModel
from .indexes import indexes_for
from .limits import check_table
from .names import table_id, unquoted

Model = type[models.Model]
#: What rows get that are there when a field's column is added; as ``backend.defaults.fill_of`` with a connection.
FillOf = Callable[["models.Field[Any, Any]"], Fill]


def models_of(alias: str) -> list[Model]:
    """
    Return the models whose tables belong on an alias, by its routers, in the order of the apps.

    Through tables made by Django are among them; proxies, unmanaged and swapped models are not.
    """
    return [
        model
        for config in apps.get_app_configs()
        for model in router.get_migratable_models(config, alias, include_auto_created=True)
        if _has_table(model)
    ]


def read_models(database_id: str, models_: Iterable[Model], fill_of: FillOf | None = None) -> Database:
    """
    Return the database that these models need.

    Args:
        fill_of: of a plan that is to be carried out over rows.

    Raises:
        UnsupportedModel: a field, an index or a constraint that Appwrite cannot have; or two names that it would take for one.
        SchemaTooLarge: a row or an index is too long.
    """
    tables: dict[str, tuple[Table, Model]] = {}
    notes: list[str] = []
    for model in models_:
        table, table_notes = table_for(model, fill_of)
        if (other := tables.get(table.id.lower())) is not None:
            raise UnsupportedModel(
                f"{model._meta.label} and {other[1]._meta.label} both need the table {table.id}; Appwrite compares ids without case.\n"
                "Way out: set Meta.db_table on one of them."
            )
        tables[table.id.lower()] = (table, model)
        notes += table_notes
    return Database(database_id, tuple(table for table, _model in tables.values()), tuple(notes))


def table_for(model: Model, fill_of: FillOf | None = None, **other: Any) -> tuple[Table, tuple[str, ...]]:
    """
    Return the table of one model, and notes about what Appwrite leaves out.

    Args:
        fill_of: as in ``read_models``.
        other: ``indexes``, ``constraints`` and ``unique_together`` in the place of those of ``Meta``.
    """
    columns = columns_of(model, fill_of)
    id_ = table_id(model._meta.db_table)
    indexes, notes = indexes_for(model, id_, columns, **other)
    with_permissions = _of_today(model)
    table = Table(
        id_,
        model._meta.label,
        columns,
        indexes,
        frozenset(spelled_out(getattr(with_permissions, "appwrite_permissions", ()))),
        bool(getattr(with_permissions, "appwrite_row_security", False)),
        id_encoding=encoding_of(model._meta.pk),
    )
    check_table(table)
    return table, notes


def _of_today(model: Model) -> Model:
    """Return the model that has the attributes which a migration does not keep; the model itself where there is no such."""
    if model.__module__ != "__fake__":
        return model
    try:
        today = apps.get_model(model._meta.label)
    except LookupError:
        return model
    return today if today._meta.db_table == model._meta.db_table else model


def spelled_out(permissions: Iterable[str]) -> Iterable[str]:
    """
    Yield permissions as the server stores those of a table: ``write`` becomes create, update and delete.

    >>> sorted(spelled_out(['read("any")', 'write("users")']))
    ['create("users")', 'delete("users")', 'read("any")', 'update("users")']
    """
    for permission in permissions:
        if write := re.fullmatch(r"write\((.*)\)", permission):
            yield from (f"{action}({write[1]})" for action in ("create", "update", "delete"))
        else:
            yield permission


def _has_table(model: Model) -> bool:
    options = model._meta
    return options.managed and not options.proxy and not options.swapped and not options.abstract


def columns_of(model: Model, fill_of: FillOf | None = None) -> tuple[Column, ...]:
    """
    Return the columns that a model's table needs beside the server's own.

    Args:
        fill_of: as in ``read_models``.

    Raises:
        UnsupportedModel: a field that Appwrite has no column for, or two fields whose names it would take for one.
    """
    columns: dict[str, Column] = {}
    local_names: dict[str, Any] = {}
    for field in model._meta.local_concrete_fields:
        other = local_names.setdefault(unquoted(str(field.column)).lower(), field)
        column = column_for(field)
        if column is not None and column.key.lower() in columns:
            raise UnsupportedModel(
                f"{field}: the table has a column {columns[column.key.lower()].key} already; Appwrite compares keys without case.\n"
                "Way out: set db_column on one of the two fields."
            )
        if other is not field:
            raise UnsupportedModel(
                f"{field}: its column {field.column} and {other.column}, that of {other.name}, differ by case alone; SQLite, in which queries "
                f"are evaluated locally, compares names without case.\n"
                "Way out: set db_column on one of the two fields; that of a primary key is free, for it is $id on the server."
            )
        if column is not None:
            columns[column.key.lower()] = column if fill_of is None else replace(column, fill=fill_of(field))
    return tuple(columns.values())
