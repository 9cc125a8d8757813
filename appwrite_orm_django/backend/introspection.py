"""
Implement Django's introspection of tables and columns.

The answers come from the columns on the server and from the records of the fields that made them
(``schema.records``). Names are those of Django: ``db_table`` and ``column``, of which the server may
hold a digest. Our ``inspectdb`` uses the same sources and finds out more.

Every connection has an instance, and few are used. So the code that reads tables is imported on
use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.backends.base.introspection import BaseDatabaseIntrospection, TableInfo
from django.db.models import AutoField
from django.db.models import Index as ModelIndex

from appwrite_orm_django.backend.values import ROW_ID, table_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appwrite_orm_django.schema.definitions import Column, Index, Table

#: An id that may end with a digest (see ``schema.names``).
_SHORTENED = re.compile(r"[0-9a-f]{8}")

#: The types of primary keys whose integers new rows are given.
_DRAWN = frozenset({"AutoField", "BigAutoField", "SmallAutoField"})


class FieldInfo(NamedTuple):
    """
    The description of a column, as ``cursor.description`` would have it.

    Attributes:
        field_type: the class of the model field; None if no field of Django maps the column.
    """

    name: str
    type_code: str
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool
    default: Any
    collation: None
    field_type: str | None


class DatabaseIntrospection(BaseDatabaseIntrospection):
    data_types_reverse = {
        "bigint": "BigIntegerField",
        "boolean": "BooleanField",
        "datetime": "DateTimeField",
        "double": "FloatField",
        "email": "EmailField",
        "enum": "CharField",
        "integer": "IntegerField",
        "ip": "GenericIPAddressField",
        "longtext": "TextField",
        "mediumtext": "TextField",
        "string": "TextField",
        "text": "TextField",
        "url": "URLField",
        "varchar": "CharField",
    }

    def get_field_type(self, data_type: str, description: Any) -> str:
        """
        Return the class of the field for a column.

        Raises:
            KeyError: no field of Django maps the column.
        """
        known = getattr(description, "field_type", self.data_types_reverse.get(data_type))
        if known is None:
            raise KeyError(data_type)
        return str(known)

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        from appwrite_orm_django.client import tables
        from appwrite_orm_django.client.errors import DatabaseNotFound

        try:
            found = list(tables.list_tables(self.connection.transport, self.connection.database_id))
        except DatabaseNotFound:
            return []
        return [TableInfo(name, "t") for name in self._names([table["$id"] for table in found])]

    def _names(self, ids: Sequence[str]) -> list[str]:
        """
        Return the ``db_table`` of tables: that of a model, or else the recorded one.

        The records are only read if an id may hold a digest and belongs to no model.
        """
        doubtful = {id_ for id_ in ids if _SHORTENED.fullmatch(id_[-8:])}
        if not doubtful:
            return list(ids)
        from django.apps import apps

        models = apps.get_models(include_auto_created=True, include_swapped=True)
        names = {table_id(name): name for name in (model._meta.db_table for model in models)}
        if not doubtful.issubset(names):
            from appwrite_orm_django.schema.records import read_table_names

            transport, database = self.connection.transport, self.connection.database_id
            names = {**read_table_names(transport, database), **names}
        return [names[id_] if id_ in doubtful and id_ in names else id_ for id_ in ids]

    def get_table_description(self, cursor: Any, table_name: str) -> list[FieldInfo]:
        """
        Describe the columns of fields, without those that every row has.

        ``type_code`` is Appwrite's name of the type.
        """
        from appwrite_orm_django.schema.recorded_fields import in_order, is_key, row_ids

        table = self._table(table_name)
        ids = [row_ids(table)] if is_key(table, ROW_ID) else []
        columns = [column for column in table.columns if not _is_hidden(column)]
        relations = self._relations(cursor, table)
        return [
            _described(column, name, is_relation=name in relations)
            for column in in_order([*ids, *columns])
            for name in [_name(table, column.key)]
        ]

    def get_primary_key_columns(self, cursor: Any, table_name: str) -> list[str]:
        return _key_columns(self._table(table_name))

    def get_relations(self, cursor: Any, table_name: str) -> dict[str, tuple[str, str]]:
        """
        Return the foreign keys that models have recorded, to tables that exist.

        A relationship column is none: it does not hold the values of another column.
        """
        return self._relations(cursor, self._table(table_name))

    def _relations(self, cursor: Any, table: Table) -> dict[str, tuple[str, str]]:
        from appwrite_orm_django.schema.recorded_fields import is_key, row_ids

        columns = [*table.columns, *([row_ids(table)] if is_key(table, ROW_ID) else [])]
        found = {
            _name(table, column.key): column.field.to
            for column in columns
            if column.field is not None and column.field.to is not None
        }
        if not found:
            return {}
        names = {table_id(name).lower(): name for name in self.table_names(cursor)}
        return {
            key: (column, names[other.lower()])
            for key, (other, column) in found.items()
            if other.lower() in names
        }

    def get_sequences(
        self, cursor: Any, table_name: str, table_fields: Any = ()
    ) -> list[dict[str, Any]]:
        """
        Return the primary key whose integers new rows are given, if the table has such a key.

        The library draws or counts them (``backend.row_ids``). Nothing on the server does.

        Args:
            table_fields: the fields of the table's model; the records are read if left out.
        """
        if table_fields:
            drawn = [one.column for one in table_fields if isinstance(one, AutoField)]
        else:
            table = self._table(table_name)
            key = table.key_field
            drawn = _key_columns(table) if key is not None and key.type in _DRAWN else []
        return [{"table": table_name, "column": column} for column in drawn]

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, dict[str, Any]]:
        """
        Return the primary key and the indexes.

        A constraint that a hidden column enforces is over the columns that it makes unique, with
        None for an expression. Foreign keys are relations alone: nothing on the server checks them.
        """
        from appwrite_orm_django.schema.names import KEY_INDEX

        table = self._table(table_name)
        constraints = {"primary": _constraint(_key_columns(table), unique=True, primary_key=True)}
        for index in table.indexes:
            columns = _columns_of(table, index)
            if index.key != KEY_INDEX and columns:
                constraints[_constraint_name(table, index)] = _constraint(
                    columns,
                    unique=index.type == "unique",
                    kind=ModelIndex.suffix if index.type in {"key", "unique"} else index.type,
                    orders=index.orders,
                )
        return constraints

    def _table(self, table_name: str) -> Table:
        from appwrite_orm_django.schema.definitions import Table
        from appwrite_orm_django.schema.from_server import read_table
        from appwrite_orm_django.schema.records import read_records_of, with_encodings

        transport, database = self.connection.transport, self.connection.database_id
        table = read_table(transport, database, Table(table_id(table_name)))
        return with_encodings(table, read_records_of(transport, database, table.id))


def _is_hidden(column: Column) -> bool:
    from appwrite_orm_django.schema.names import is_hidden

    return is_hidden(column.key)


def _described(column: Column, name: str, *, is_relation: bool) -> FieldInfo:
    from appwrite_orm_django.backend.commands import literal
    from appwrite_orm_django.schema.definitions import Encoding
    from appwrite_orm_django.schema.model_source import introspected

    field = column.field
    kind, options = introspected(column)
    if is_relation and field is not None and column.encoding == Encoding("integer", row_id=True):
        kind = field.type  # of the values; without the other table, they are read as text
    size = options.get("max_length", column.size)
    default = options.get("db_default", column.default)
    if isinstance(default, (dict, list)):
        default = column.default  # as JSON
    return FieldInfo(
        name,
        column.type,
        size,
        size,
        options.get("max_digits"),
        options.get("decimal_places"),
        not column.required and column.default is None,  # which replaces every null
        None if default is None else literal(default),
        None,
        kind,
    )


def _name(table: Table, key: str) -> str:
    """Return the name in Django of a column, or of the row ids."""
    from appwrite_orm_django.schema.recorded_fields import column_name

    if key == ROW_ID:
        return (table.key_field.column if table.key_field else "") or ROW_ID
    column = table.column(key)
    return key if column is None else column_name(column)


def _key_columns(table: Table) -> list[str]:
    """Return the columns of a table's primary key: those of its own index, or the row's id."""
    from appwrite_orm_django.schema.names import KEY_INDEX

    index = table.index(KEY_INDEX)
    return [_name(table, key) for key in (index.columns if index else (ROW_ID,))]


def _columns_of(table: Table, index: Index) -> list[str | None]:
    """Return the columns of an index; none if it enforces a constraint that no model has."""
    columns: list[str | None] = []
    for key in index.columns:
        column = table.column(key)
        if column is None or not _is_hidden(column):
            columns.append(_name(table, key))
        elif column.field is not None:
            columns += [name or None for name in column.field.covers]
        else:
            columns += [None] if column.encoding is not None else []
    return columns


def _constraint_name(table: Table, index: Index) -> str:
    column = table.column(index.columns[0])
    hidden = column is not None and _is_hidden(column) and column.field is not None
    return column.field.column if hidden else index.key  # type: ignore[union-attr]  # not None


def _constraint(
    columns: Sequence[str | None],
    *,
    unique: bool,
    primary_key: bool = False,
    kind: str = ModelIndex.suffix,
    orders: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "columns": list(columns),
        "primary_key": primary_key,
        "unique": unique,
        "foreign_key": None,
        "check": False,
        "index": True,
        "type": kind,
        "orders": list(orders) or ["ASC"] * len(columns),
    }
