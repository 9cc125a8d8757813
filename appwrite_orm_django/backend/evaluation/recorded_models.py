"""
Make models of the server's tables for SQL that reads what no model has.

The SQL of a migration names the tables and columns of its time, and the code has the models of
today. What the columns hold is known from their records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from django.apps.registry import Apps
from django.db import NotSupportedError, models

from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.schema.definitions import Column, Encoding, Table
from appwrite_orm_django.schema.encodings import id_encoding_of, plain, reads_alike
from appwrite_orm_django.schema.from_models import columns_of
from appwrite_orm_django.schema.from_server import read_table
from appwrite_orm_django.schema.names import KEY_INDEX, MAX_LENGTH, is_hidden, table_id, unquoted
from appwrite_orm_django.schema.recorded_fields import row_ids
from appwrite_orm_django.schema.records import read_records_of, with_encodings

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

Field: TypeAlias = "models.Field[Any, Any]"

_FIELDS: dict[str, Callable[[], Field]] = {
    "binary": models.BinaryField,
    "boolean": models.BooleanField,
    "date": models.DateField,
    "datetime": models.DateTimeField,
    "duration": models.DurationField,
    "float": models.FloatField,
    "integer": models.BigIntegerField,
    "json": models.JSONField,
    "text": models.TextField,
    "time": models.TimeField,
    "uuid": models.UUIDField,
}


def recorded_models(sql: str, connection: Connection) -> dict[str, type[models.Model]]:
    """
    Return a model for each table of the server whose name occurs anywhere in a statement.

    A table is left out if one of its columns is an array or has an unknown encoding. There is none
    while a user is in force, who may not ask for definitions.
    """
    if connection.identity is not None:
        return {}
    text = sql.replace('""', '"').lower()
    found = {}
    for name in connection.introspection.table_names():
        table = _live(name, connection) if unquoted(name).lower() in text else None
        model = None if table is None else _model(table, name)
        if model is not None:
            found[name] = model
    return found


def models_within_migration(
    named: Mapping[str, type[models.Model]], connection: Connection
) -> dict[str, type[models.Model]]:
    """
    Return the models for SQL that reads within a migration.

    Where a table has other columns, or other encodings of them, than the model of today, they are
    the recorded ones.

    Raises:
        NotSupportedError: the values are recorded in another way, and no model can be made of the
            records.
    """
    found = dict(named)
    for name, model in named.items():
        table = _live(name, connection)
        if table is None or not _differs(table, model):
            continue
        recorded = _model(table, name)
        if recorded is not None:
            found[name] = recorded
        else:
            _refuse_other_encodings(table, model)
    return found


def refuse_other_models(named: Mapping[str, type[models.Model]], connection: Connection) -> None:
    """
    Check that SQL that writes within a migration writes values as the database has them.

    Raises:
        NotSupportedError: a model of today encodes a column in another way.
    """
    for name, model in named.items():
        if (table := _live(name, connection)) is not None:
            _refuse_other_encodings(table, model)


def _live(name: str, connection: Connection) -> Table | None:
    """Return a table of the server with its recorded encodings, or None if there is none."""
    transport, database = connection.transport, connection.database_id
    try:
        table = read_table(transport, database, Table(table_id(name)))
    except (TableNotFound, DatabaseNotFound):
        return None
    return with_encodings(table, read_records_of(transport, database, table.id))


def _differs(table: Table, model: type[models.Model]) -> bool:
    of_model = {column.key for column in columns_of(model) if column.type != "relationship"}
    return of_model != {column.key for column in _readable(table)} or bool(_other(table, model))


def _other(table: Table, model: type[models.Model]) -> list[str]:
    """Return the columns whose encodings differ from those of a model, with both in words."""
    described = {column.key: column.encoding for column in columns_of(model)}
    described["$id"] = id_encoding_of(model)
    return [
        f"{table.id}.{column.key} ({column.encoding} in the database, {encoding} in the code)"
        for column in (row_ids(table), *table.columns)
        for encoding in (described.get(column.key),)
        if not reads_alike(column.encoding, encoding)
    ]


def _refuse_other_encodings(table: Table, model: type[models.Model]) -> None:
    if other := _other(table, model):
        raise NotSupportedError(
            f"SQL within this migration would misinterpret {', '.join(other)}: it uses the models "
            "of today's code.\n"
            "Use migrations.RunPython with the model from apps.get_model()."
        )


def _readable(table: Table) -> list[Column]:
    return [one for one in table.columns if not is_hidden(one.key) and one.type != "relationship"]


def _model(table: Table, name: str) -> type[models.Model] | None:
    columns = _readable(table)
    attributes: dict[str, Any] = {}
    for column in columns:
        field = _field(column, column.encoding or plain(column))
        if field is None:
            return None
        field.db_column, field.null = _name(column.encoding, column.key), True
        attributes[_attribute(column.key)] = field
    index = table.index(KEY_INDEX)
    keys = ["row_id"] if index is None else [_attribute(key) for key in index.columns]
    if index is None:
        ids = _field(row_ids(table), replace(table.id_encoding or Encoding("text"), row_id=False))
        if ids is None:
            return None
        name_of_ids = _name(table.id_encoding, "id")
        # The name of a text key is not recorded; "$id" names the row's id in any table.
        free = all(one.db_column.lower() != "id" for one in attributes.values())
        ids.db_column = "id" if name_of_ids == "$id" and free else name_of_ids
        ids.appwrite_row_id = True  # type: ignore[attr-defined]  # as of a RowIdField
        attributes["row_id"] = ids
    for key in keys:
        attributes[key].null = False
        attributes[key].primary_key = len(keys) == 1
    if len(keys) > 1:
        attributes["pk"] = models.CompositePrimaryKey(*keys)
    return _class(name, attributes)


def _attribute(key: str) -> str:
    # Keys have characters that names of fields have not.
    return f"column_{key.encode().hex()}"


def _field(column: Column, encoding: Encoding) -> Field | None:
    make = _FIELDS.get(encoding.kind)
    if encoding.kind in {"decimal", "long decimal"}:
        # SQLite computes with these digits, as it does for the field of a model.
        bounds = [len(str(abs(int(one)))) for one in (column.min, column.max) if one is not None]
        digits = max(bounds) if encoding.kind == "decimal" and len(bounds) == 2 else MAX_LENGTH
        make = partial(models.DecimalField, max_digits=digits, decimal_places=encoding.places)
    if make is None or encoding.array:
        return None
    field = make()
    if encoding.row_id:
        # The format of ids is that of foreign keys.
        field.primary_key = True
        target = _class("", {"row_id": field})
        field = models.ForeignKey(target, models.DO_NOTHING, related_name="+")
    return field


def _class(name: str, attributes: dict[str, Any]) -> type[models.Model]:
    options = {"apps": Apps(), "app_label": "recorded", "db_table": name, "managed": False}
    made: type[models.Model] = type(
        "Recorded",
        (models.Model,),
        {**attributes, "Meta": type("Meta", (), options), "__module__": __name__},
    )
    return made


def _name(encoding: Encoding | None, key: str) -> str:
    return (encoding and encoding.field and encoding.field.column) or key
