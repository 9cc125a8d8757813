"""
Make models of the server's tables for SQL that reads what no model has.

The SQL of a migration names the tables and columns of its time, and the code has the models of
today. What the columns hold is known from their records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from django.apps.registry import Apps
from django.db import models

from appwrite_orm_django.schema.definitions import Encoding, Table
from appwrite_orm_django.schema.encodings import plain
from appwrite_orm_django.schema.from_server import read_table
from appwrite_orm_django.schema.names import KEY_INDEX, is_hidden, table_id, unquoted
from appwrite_orm_django.schema.records import read_records_of, with_encodings

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

Field: TypeAlias = "models.Field[Any, Any]"

_FIELDS: dict[str, Callable[[Encoding], Field]] = {
    "binary": lambda _: models.BinaryField(),
    "boolean": lambda _: models.BooleanField(),
    "date": lambda _: models.DateField(),
    "datetime": lambda _: models.DateTimeField(),
    "decimal": lambda one: models.DecimalField(max_digits=18, decimal_places=one.places or 0),
    "duration": lambda _: models.DurationField(),
    "float": lambda _: models.FloatField(),
    "integer": lambda _: models.BigIntegerField(),
    "json": lambda _: models.JSONField(),
    "long decimal": lambda one: models.DecimalField(max_digits=60, decimal_places=one.places or 0),
    "text": lambda _: models.TextField(),
    "time": lambda _: models.TimeField(),
    "uuid": lambda _: models.UUIDField(),
}


def recorded_models(sql: str, connection: Connection) -> dict[str, type[models.Model]]:
    """
    Return a model for each table of the server whose name occurs anywhere in a statement.

    A table is left out if one of its columns is an array or has an unknown encoding. A user may not ask for
    definitions, so there is none while one is in force.
    """
    if connection.identity is not None:
        return {}
    text = sql.replace('""', '"').lower()
    found = {}
    for name in connection.introspection.table_names():
        if unquoted(name).lower() in text:
            transport, database = connection.transport, connection.database_id
            table = read_table(transport, database, Table(table_id(name)))
            table = with_encodings(table, read_records_of(transport, database, table.id))
            if (model := _model(table, name)) is not None:
                found[name] = model
    return found


def _model(table: Table, name: str) -> type[models.Model] | None:
    columns = [
        one for one in table.columns if not is_hidden(one.key) and one.type != "relationship"
    ]
    attributes: dict[str, Any] = {}
    for column in columns:
        field = _field(column.encoding or plain(column))
        if field is None:
            return None
        field.db_column, field.null = _name(column.encoding, column.key), True
        attributes[_attribute(column.key)] = field
    index = table.index(KEY_INDEX)
    keys = ["row_id"] if index is None else [_attribute(key) for key in index.columns]
    if index is None:
        ids = _field(replace(table.id_encoding or Encoding("text"), row_id=False))
        if ids is None:
            return None
        ids.db_column = _name(table.id_encoding, "id")
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


def _field(encoding: Encoding) -> Field | None:
    make = None if encoding.array else _FIELDS.get(encoding.kind)
    if make is None:
        return None
    field = make(encoding)
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
