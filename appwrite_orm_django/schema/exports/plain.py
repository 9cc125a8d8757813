"""Export a schema as plain text or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.encodings import as_recorded, hidden

from .relations import Relation


def as_text(database: Database, relations: Sequence[Relation] = ()) -> str:
    """Return a paragraph for each table, with a line for each column and index."""
    targets = {(relation.table, relation.column): relation for relation in relations}
    lines = [f"database {database.id}"]
    for table in database:
        lines += ["", f"table {table.id}"]
        lines += (
            [f"  permissions {', '.join(sorted(table.permissions))}"] if table.permissions else []
        )
        lines += ["  row security"] if table.row_security else []
        width = max((len(column.key) for column in table.columns), default=0)
        for column in table.columns:
            target = targets.get((table.id, column.key))
            arrow = f"  -> {target.target}.{target.target_column}" if target else ""
            encoded = hidden(column)
            lines.append(
                f"  {column.key:<{width}}  {column}{f' ({encoded})' if encoded else ''}{arrow}"
            )
        lines += [f"  index {index.key}: {index}" for index in table.indexes]
    return "\n".join(lines) + "\n"


def as_json(database: Database, relations: Sequence[Relation] = ()) -> str:
    """Return the complete schema as JSON, without the properties that an object does not have."""
    document = {
        "database": database.id,
        "tables": [_table(table) for table in database],
        "relations": [
            {
                "table": relation.table,
                "column": relation.column,
                "target": relation.target,
                "targetColumn": relation.target_column,
            }
            for relation in relations
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    return {
        "id": table.id,
        "name": table.name or table.id,
        "permissions": sorted(table.permissions),
        "rowSecurity": table.row_security,
        "columns": [_column(column) for column in table.columns],
        "indexes": [_index(index) for index in table.indexes],
    }


def _column(column: Column) -> dict[str, Any]:
    options = {
        "size": column.size,
        "min": column.min,
        "max": column.max,
        "elements": list(column.elements) or None,
        "default": column.default,
        "encrypt": column.encrypt or None,
        "encoding": as_recorded(column.encoding) if column.encoding and hidden(column) else None,
    }
    fixed = {
        "key": column.key,
        "type": column.type,
        "required": column.required,
        "array": column.array,
    }
    return fixed | {name: value for name, value in options.items() if value is not None}


def _index(index: Index) -> dict[str, Any]:
    options = {"orders": list(index.orders), "lengths": list(index.lengths)}
    fixed = {"key": index.key, "type": index.type, "columns": list(index.columns)}
    return fixed | {name: value for name, value in options.items() if value}
