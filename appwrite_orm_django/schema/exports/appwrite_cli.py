"""Export a schema as ``appwrite.config.json`` for the command ``appwrite push tables``."""

from __future__ import annotations

import json
from typing import Any

from appwrite_orm_django.schema.definitions import Column, Database, Index, Table

#: Types that are strings with a format in this file, as in the server's answers.
_FORMATS = frozenset({"email", "enum", "ip", "url"})


def project_file(database: Database, *, endpoint: str = "", project: str = "") -> str:
    """
    Return the project file with a database and its tables.

    Source of the format: https://appwrite.io/docs/tooling/command-line/tables.
    """
    document = {
        "projectId": project,
        "endpoint": endpoint,
        "tablesDB": [{"$id": database.id, "name": database.id, "enabled": True}],
        "tables": [_table(database.id, table) for table in database],
    }
    return json.dumps(document, indent=4, ensure_ascii=False) + "\n"


def _table(database_id: str, table: Table) -> dict[str, Any]:
    return {
        "$id": table.id,
        "$permissions": sorted(table.permissions),
        "databaseId": database_id,
        "name": table.name or table.id,
        "enabled": table.enabled,
        "rowSecurity": table.row_security,
        "columns": [_column(column) for column in table.columns if column.type != "relationship"],
        "indexes": [_index(index) for index in table.indexes],
    }


def _column(column: Column) -> dict[str, Any]:
    body: dict[str, Any] = {
        "key": column.key,
        "type": "string" if column.type in _FORMATS else column.type,
        "required": column.required,
        "array": column.array,
        "default": column.default,
    }
    if column.type in _FORMATS:
        body["format"] = column.type
    if column.elements:
        body["elements"] = list(column.elements)
    if column.type in {"string", "varchar"}:
        body["size"] = column.size
    if column.type in {"string", "varchar", "text", "mediumtext", "longtext"}:
        body["encrypt"] = column.encrypt
    bounds = {"min": column.min, "max": column.max}
    return body | {name: bound for name, bound in bounds.items() if bound is not None}


def _index(index: Index) -> dict[str, Any]:
    return {
        "key": index.key,
        "type": index.type,
        "status": "available",
        "columns": list(index.columns),
        "orders": list(index.orders) or ["ASC"] * len(index.columns),
        **({"lengths": list(index.lengths)} if index.lengths else {}),
    }
