"""
Implement Django's introspection of tables and columns; ``inspectdb`` finds out more.

Every connection has an instance, and few are used. So the code that reads tables is imported on
use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.introspection import BaseDatabaseIntrospection, FieldInfo, TableInfo

from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.schema.names import KEY_INDEX

if TYPE_CHECKING:
    from appwrite_orm_django.schema.definitions import Table


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

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        from appwrite_orm_django.client import tables
        from appwrite_orm_django.client.errors import DatabaseNotFound

        try:
            found = list(tables.list_tables(self.connection.transport, self.connection.database_id))
        except DatabaseNotFound:
            return []
        return [TableInfo(table["$id"], "t") for table in found]

    def get_table_description(self, cursor: Any, table_name: str) -> list[FieldInfo]:
        """
        Describe the row's id and the table's own columns.

        ``type_code`` is Appwrite's name of the type.
        """
        row_id = FieldInfo(ROW_ID, "varchar", 36, 36, None, None, False, None, None)
        return [
            row_id,
            *(
                FieldInfo(
                    column.key, column.type, column.size, column.size, None, None, not column.required, column.default, None
                )
                for column in self._table(table_name).columns
            ),
        ]  # fmt: skip

    def get_primary_key_columns(self, cursor: Any, table_name: str) -> list[str]:
        return list(_key_columns(self._table(table_name)))

    def get_relations(self, cursor: Any, table_name: str) -> dict[str, tuple[str, str]]:
        # A foreign key is a plain column here, and a relationship column is not a foreign key.
        return {}

    def get_sequences(
        self, cursor: Any, table_name: str, table_fields: Any = ()
    ) -> list[dict[str, Any]]:
        return []

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, dict[str, Any]]:
        table = self._table(table_name)
        primary = _constraint(_key_columns(table), unique=True, primary_key=True)
        return {
            "primary": primary,
            **{
                index.key: _constraint(
                    index.columns,
                    unique=index.type == "unique",
                    kind=index.type,
                    orders=index.orders,
                )
                for index in table.indexes
                if index.key != KEY_INDEX
            },
        }

    def _table(self, table_id: str) -> Table:
        from appwrite_orm_django.schema.definitions import Table
        from appwrite_orm_django.schema.from_server import read_table

        return read_table(self.connection.transport, self.connection.database_id, Table(table_id))


def _key_columns(table: Table) -> tuple[str, ...]:
    """Return the columns of a table's primary key: those of its own index, or the row's id."""
    index = table.index(KEY_INDEX)
    return (ROW_ID,) if index is None else index.columns


def _constraint(
    columns: tuple[str, ...],
    *,
    unique: bool,
    primary_key: bool = False,
    kind: str = "key",
    orders: tuple[str, ...] = (),
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
