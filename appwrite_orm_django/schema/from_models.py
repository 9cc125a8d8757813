"""Describe the tables that the models of a database alias need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import models, router

from appwrite_orm_django.engines import MARIADB, Engine

from .columns import column_for, key_for
from .definitions import Column, Database, Encoding, Fill, ModelField, RowIds, Table
from .encodings import encoding_of, id_encoding_of, may_be_row_ids
from .errors import UnsupportedModel
from .indexes import indexes_for
from .keys import holds_row_ids, storage_field
from .limits import check_table
from .names import KEY_INDEX, table_id, unquoted
from .recorded_fields import UNIQUE, UNIQUE_NULLS, model_field, with_field
from .unique import HiddenColumn, hidden_columns

Model = type[models.Model]
#: Returns the value for rows that exist when a field's column is added, as
#: ``backend.defaults.fill_of`` does with a connection.
FillOf = Callable[["models.Field[Any, Any]"], Fill]


def models_of(alias: str) -> list[Model]:
    """
    Return the models whose tables the routers allow on an alias, in the order of the apps.

    This includes the through models that Django creates, but no proxies and no unmanaged or swapped
    models.
    """
    return [
        model
        for config in apps.get_app_configs()
        for model in router.get_migratable_models(config, alias, include_auto_created=True)
        if _has_table(model)
    ]


def read_models(
    database_id: str,
    models_: Iterable[Model],
    fill_of: FillOf | None = None,
    engine: Engine = MARIADB,
) -> Database:
    """
    Return the database that these models need.

    Args:
        fill_of: returns the value for existing rows; needed for a plan that will be carried out.
        engine: the rules of the engine under the server.

    Raises:
        UnsupportedModel: Appwrite does not support a field, an index or a constraint, or considers
            two names equal.
        SchemaTooLarge: a row or an index is too long.
    """
    tables: dict[str, tuple[Table, Model]] = {}
    notes: list[str] = []
    for model in models_:
        table, table_notes = table_for(model, fill_of, engine)
        if (other := tables.get(table.id.lower())) is not None:
            raise UnsupportedModel(
                f"{model._meta.label} and {other[1]._meta.label} both need the table {table.id}; "
                "Appwrite compares ids without case.\n"
                "Way out: set Meta.db_table on one of them."
            )
        tables[table.id.lower()] = (table, model)
        notes += table_notes
    return Database(database_id, tuple(table for table, _model in tables.values()), tuple(notes))


def table_for(
    model: Model, fill_of: FillOf | None = None, engine: Engine = MARIADB, **other: Any
) -> tuple[Table, tuple[str, ...]]:
    """
    Return the table of a model, and notes about everything that Appwrite leaves out.

    Args:
        model: the model to describe.
        fill_of: as in ``read_models``.
        engine: the rules of the engine under the server.
        other: ``indexes``, ``constraints`` and ``unique_together`` to use instead of those of
            ``Meta``.
    """
    declared = {name: other[name] for name in ("constraints", "unique_together") if name in other}
    hidden = hidden_columns(model, engine, **declared)
    columns = (*columns_of(model, fill_of), *map(_hidden_column, hidden))
    id_ = table_id(model._meta.db_table)
    indexes, notes = indexes_for(model, id_, columns, engine, **other)
    with_permissions = _of_today(model)
    table = Table(
        id_,
        model._meta.label,
        columns,
        indexes,
        frozenset(spelled_out(getattr(with_permissions, "appwrite_permissions", ()))),
        bool(getattr(with_permissions, "appwrite_row_security", False)),
        id_encoding=_key_encoding(model, id_),
    )
    check_table(table, engine)
    return table, notes


def _of_today(model: Model) -> Model:
    """Return the current model for a migration's model, which has no permissions, or the model."""
    if model.__module__ != "__fake__":
        return model
    try:
        today = apps.get_model(model._meta.label)
    except LookupError:
        return model
    return today if today._meta.db_table == model._meta.db_table else model


def spelled_out(permissions: Iterable[str]) -> Iterable[str]:
    """
    Yield permissions as the server stores them: ``write`` becomes create, update and delete.

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


def _fill(field: models.Field[Any, Any], fill_of: FillOf | None) -> Fill:
    if not field.primary_key:
        return None if fill_of is None else fill_of(field)
    # Rows that are older than the column of the key have ids that are keys.
    return RowIds(id_encoding_of(field.model)) if may_be_row_ids(encoding_of(field)) else None


def _key_encoding(model: Model, table: str) -> Encoding:
    """Return the encoding of the ids of a model's rows, with its primary key and table."""
    key, db_table = model._meta.pk, unquoted(model._meta.db_table)
    position = next((n for n, one in enumerate(model._meta.local_fields) if one is key), 0)
    field = replace(model_field(key, position), table="" if db_table == table else db_table)
    return with_field(id_encoding_of(model), "$id", field)


def _hidden_column(hidden: HiddenColumn) -> Column:
    """Return a hidden column, with the columns that it makes unique."""
    options: Any = hidden.model._meta
    fields = [
        *hidden.fields,
        # A field may also be given as an expression.
        *(
            options.get_field(one.name) if type(one) is models.F and "__" not in one.name else None  # type: ignore[attr-defined]  # missing in django-stubs
            for one in hidden.expressions
        ),
    ]
    covers = tuple("" if field is None else unquoted(str(field.column)) for field in fields)
    column = hidden.column
    kind = "" if not hidden.is_plain else UNIQUE if hidden.nulls_distinct else UNIQUE_NULLS
    field = ModelField(kind, hidden.name, covers=covers)
    encoding = with_field(column.encoding, column.key, field) if column.encoding else None
    return replace(column, encoding=encoding)


def keys_with_columns(model: Model) -> list[models.Field[Any, Any]]:
    """Return the primary key of a model, and its foreign keys, as far as they are no row ids."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if storage_field(field).primary_key and not holds_row_ids(field)
    ]


def missing_keys(model: Model, live: Table, wanted: Table) -> dict[str, Column | None]:
    """
    Return how a table has the columns of keys that older versions kept as the row ids alone.

    Args:
        live: the table on the server.
        wanted: the table of the model.

    Returns:
        By key, the columns that differ: None for a primary key without a column, and the column of
        the server for a foreign key to one, which is too short.
    """
    found: dict[str, Column | None] = {}
    for field in keys_with_columns(model):
        key = str(key_for(field))
        column, known = wanted.column(key), live.column(key)
        if column is None:
            continue
        if known is None:
            if field.primary_key and live.index(KEY_INDEX) is None:
                found[key] = None
        elif (known.size or 0) < (column.size or 0):
            found[key] = known
    return found


def without_keys(table: Table, missing: Mapping[str, Column | None]) -> Table:
    """Return a table of a model as it is while the columns of ``missing_keys`` are missing."""
    return replace(
        table,
        columns=tuple(
            missing.get(column.key) or column
            for column in table.columns
            if missing.get(column.key, column) is not None
        ),
        indexes=tuple(index for index in table.indexes if index.key != KEY_INDEX),
    )


def columns_of(model: Model, fill_of: FillOf | None = None) -> tuple[Column, ...]:
    """
    Return the columns that a model's table needs besides the server's own.

    Args:
        model: the model to describe.
        fill_of: as in ``read_models``.

    Raises:
        UnsupportedModel: Appwrite has no column for a field, or considers the names of two fields
            equal.
    """
    columns: dict[str, Column] = {}
    local_names: dict[str, Any] = {}
    for position, field in enumerate(model._meta.local_concrete_fields):
        other = local_names.setdefault(unquoted(str(field.column)).lower(), field)
        column = column_for(field)
        if column is not None and column.key.lower() in columns:
            raise UnsupportedModel(
                f"{field}: the table already has a column {columns[column.key.lower()].key}; "
                "Appwrite compares keys without case.\n"
                "Way out: set db_column on one of the two fields."
            )
        if other is not field:
            raise UnsupportedModel(
                f"{field}: its column {field.column} and {other.column}, that of {other.name}, "
                "differ by case alone; SQLite, in which queries are evaluated locally, compares "
                "names without case.\n"
                "Way out: set db_column on one of the two fields; a primary key can have any, "
                "because its column is $id on the server."
            )
        if column is not None:
            if column.encoding is not None:
                told = model_field(field, position, column)
                encoding = with_field(column.encoding, column.key, told)
                column = replace(column, encoding=encoding)
            columns[column.key.lower()] = replace(column, fill=_fill(field, fill_of))
    return tuple(columns.values())
