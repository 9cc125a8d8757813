"""
Export a schema as Firestore security rules.

The rules have the same permissions, types, bounds and required fields. Firebase has no teams and
labels, so the rules use the custom claims ``teams`` (``["staff", "staff/owner"]``) and ``labels``.
"""

from __future__ import annotations

import json
import re

from appwrite_orm_django.schema.definitions import Column, Database, Table
from appwrite_orm_django.schema.limits import characters_of

_TYPES = {
    "bigint": "int",
    "boolean": "bool",
    "datetime": "timestamp",
    "double": "number",
    "integer": "int",
    "linestring": "list",
    "point": "latlng",
    "polygon": "list",
}


def firestore_rules(database: Database) -> str:
    """Return a ``firestore.rules`` file with a collection for each table."""
    lines = [
        'rules_version = "2";',
        "",
        "service cloud.firestore {",
        "  match /databases/{database}/documents {",
    ]
    for table in database:
        lines += [f"    {line}" for line in _table(table)]
    lines += ["  }", "}"]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    function = re.sub(r"\W", "_", f"is_{table.id}")
    columns = [column for column in table.columns if column.type != "relationship"]
    lines = [f"function {function}(data) {{"]
    lines += ["  return " + (" &&\n        ".join(map(_rule, columns)) or "true") + ";", "}", ""]
    lines += [f"match /{table.id}/{{id}} {{"]
    for action in ("read", "create", "update", "delete"):
        condition = _allowed(table, action)
        if action in {"create", "update"} and condition != "false":
            condition = f"({condition}) && {function}(request.resource.data)"
        lines.append(f"  allow {action}: if {condition};")
    return [*lines, "}", ""]


def _allowed(table: Table, action: str) -> str:
    roles = [
        match[1]
        for permission in sorted(table.permissions)
        if (match := re.fullmatch(rf'(?:{action})\("(.*)"\)', permission))
    ]
    conditions = [_role(role) for role in roles]
    if table.row_security and action != "create":
        conditions += _of_the_row(action)
    return " || ".join(dict.fromkeys(conditions)) or "false"


def _of_the_row(action: str) -> list[str]:
    """Return the conditions for a row's own permissions, stored in a field in Appwrite's format."""
    own = 'resource.data["$permissions"]'
    anybody, users = (_quoted(f'{action}("{role}")') for role in ("any", "users"))
    start, end = _quoted(f'{action}("user:'), _quoted('")')
    return [
        f"{anybody} in {own}",
        f"(request.auth != null && ({users} in {own} || ({start} + request.auth.uid + {end}) in "
        f"{own}))",
    ]


def _role(role: str) -> str:
    kind, _, name = role.partition(":")
    if role in {"any", "guests", "users"}:
        return {"any": "true", "guests": "request.auth == null", "users": "request.auth != null"}[
            role
        ]
    if kind.startswith("users/"):
        negation = "" if kind == "users/verified" else "!"
        return f"(request.auth != null && {negation}request.auth.token.email_verified)"
    if kind == "user":
        return f"(request.auth != null && request.auth.uid == {_quoted(name.partition('/')[0])})"
    claim = "labels" if kind == "label" else "teams"
    return f"(request.auth != null && {_quoted(name)} in request.auth.token.{claim})"


def _rule(column: Column) -> str:
    value = f"data[{_quoted(column.key)}]"
    rule = f"{value} is list" if column.array else _value_rule(column, value)
    if column.required:
        return f"({rule})"
    return f"(!({_quoted(column.key)} in data) || {value} == null || ({rule}))"


def _value_rule(column: Column, value: str) -> str:
    if column.elements:
        return f"{value} in [{', '.join(map(_quoted, column.elements))}]"
    rules = [f"{value} is {_TYPES.get(column.type, 'string')}"]
    if (size := characters_of(column)) is not None:
        rules.append(f"{value}.size() <= {size}")
    rules += [f"{value} >= {column.min}"] if column.min is not None else []
    rules += [f"{value} <= {column.max}"] if column.max is not None else []
    return " && ".join(rules)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
