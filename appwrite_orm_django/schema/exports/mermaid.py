"""Export a schema as an entity-relationship diagram in Mermaid's notation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appwrite_orm_django.schema.definitions import Column, Database, Table

from .relations import Relation


def diagram(database: Database, relations: Sequence[Relation] = ()) -> str:
    """Return an ``erDiagram`` with a box for each table and a line for each foreign key."""
    keys = {(one.table, one.column) for one in relations}
    lines = ["erDiagram"]
    for table in database:
        lines.append(f"    {_entity(table.id)} {{")
        lines.append("        varchar(36) id PK")
        unique = {
            index.columns[0]
            for index in table.indexes
            if index.type == "unique" and len(index.columns) == 1
        }
        for column in table.columns:
            marks = ["FK"] if (table.id, column.key) in keys else []
            marks += ["UK"] if column.key in unique else []
            lines.append(
                " ".join(
                    filter(None, [f"        {_type(column)} {_word(column.key)}", ", ".join(marks)])
                )
            )
        lines.append("    }")
    for one in relations:
        many = "o|" if one.single else "o{"
        needed = "||" if _required(database.table(one.table), one.column) else "|o"
        lines.append(
            f"    {_entity(one.target)} {needed}--{many} {_entity(one.table)} : {_word(one.column)}"
        )
    return "\n".join(lines) + "\n"


def _required(table: Table | None, key: str) -> bool:
    column = table.column(key) if table else None
    # Every row has an id.
    return column is None or column.required


def _type(column: Column) -> str:
    size = f"({column.size})" if column.size else ""
    return f"{column.type}{size}{'[]' if column.array else ''}"


def _entity(table_id: str) -> str:
    return table_id if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", table_id) else f'"{table_id}"'


def _word(key: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]", "_", key.lstrip("$"))
    return word if word[:1].isalpha() else f"c{word}"
