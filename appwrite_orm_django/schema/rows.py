"""What a change of the schema has to know of the rows, or to do to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.queries import Query, cursor_after, equal, is_null, limit, select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.collation import fold

from .definitions import Value

PAGE_SIZE = 500
_MAX_SHOWN = 5


def has_rows(transport: Transport, table: TableRef, *queries: Query) -> bool:
    """Tell whether there is any row, or any that matches."""
    return bool(rows.list_rows(transport, table, [*queries, limit(1), select(["$id"])])["rows"])


def count_without_value(transport: Transport, table: TableRef, column: str) -> int:
    """Count rows that have null in a column; beyond 5,000 the server stops counting and this says 5,000."""
    page = rows.list_rows(transport, table, [is_null(column), limit(1), select(["$id"])], total=True)
    return int(page["total"])


def fill(transport: Transport, table: TableRef, column: str, value: Value) -> None:
    """Give a value to all rows that have none; repeating it after an interruption goes on where it stopped."""
    rows.update_rows(transport, table, {column: value}, [is_null(column)])


def every_row(transport: Transport, table: TableRef, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield all rows in the order of their creation, with these columns."""
    after: list[Query] = []
    while True:
        page = rows.list_rows(transport, table, [select(columns), limit(PAGE_SIZE), *after])["rows"]
        yield from page
        if len(page) < PAGE_SIZE:
            return
        after = [cursor_after(page[-1]["$id"])]


def duplicates(transport: Transport, table: TableRef, columns: list[str]) -> list[str]:
    """
    Return descriptions of values that occur in several rows, at most five, by the server's collation.

    Rows with a null in one of the columns are no duplicates of anything. All rows are read, 500 at a time, and one folded key per row is kept.
    """
    seen: dict[tuple[Any, ...], str] = {}
    found: list[str] = []
    for row in every_row(transport, table, columns):
        values = [row[column] for column in columns]
        if None in values:
            continue
        key = tuple(fold(value) if isinstance(value, str) else value for value in values)
        if (other := seen.setdefault(key, row["$id"])) != row["$id"]:
            found.append(f"{', '.join(map(str, values))} ({other} and {row['$id']})")
            if len(found) == _MAX_SHOWN:
                break
    return found


def row_by_id(transport: Transport, table: TableRef, row_id: str) -> dict[str, Any] | None:
    """Return a row, or None."""
    found: list[dict[str, Any]] = rows.list_rows(transport, table, [equal("$id", row_id), limit(1)])["rows"]
    return found[0] if found else None
