"""Parts of the text that commands have for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands.conditions import Condition


def shown(columns: Iterable[str]) -> str:
    """Return the names of columns as a command's text has them."""
    quoted = (f'"{column}"' for column in dict.fromkeys(columns))
    return f"({', '.join(quoted)})"


def where(condition: Condition) -> str:
    return f" WHERE {condition}" if condition else ""


def within(command: Any) -> list[str]:
    """Return what a command's text says of its slice: nothing of one that has neither a limit nor an offset."""
    parts = [] if command.limit is None else [f"LIMIT {command.limit}"]
    return [*parts, f"OFFSET {command.offset}"] if command.offset else parts


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
