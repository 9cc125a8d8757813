"""What tables and columns the Appwrite database has."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.introspection import BaseDatabaseIntrospection, TableInfo

from appwrite_orm_django.client import tables
from appwrite_orm_django.client.errors import DatabaseNotFound


class DatabaseIntrospection(BaseDatabaseIntrospection):
    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        try:
            found = list(tables.list_tables(self.connection.transport, self.connection.database_id))
        except DatabaseNotFound:
            return []
        return [TableInfo(table["$id"], "t") for table in found]
