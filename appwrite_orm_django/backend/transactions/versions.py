"""Which version of each row a result shows, told from the result itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.commands.base import Command
from appwrite_orm_django.backend.commands.reads import CountRows, GetRow, ListRows
from appwrite_orm_django.backend.server_queries import ServerQuery
from appwrite_orm_django.backend.summaries import OneRow, Periods
from appwrite_orm_django.backend.values import DateTimeCodec

_UPDATED_AT = "$updatedAt"
_CODEC = DateTimeCodec()


def positions(command: Command) -> tuple[int, int] | tuple[()] | None:
    """
    Return where in each result row the id and ``$updatedAt`` stand.

    Empty if the result shows no row (a count, ``exists()``), None if it does but not which version.
    """
    if isinstance(command, (CountRows, OneRow, Periods)):
        return ()
    if isinstance(command, ServerQuery) and command.is_grouped:
        return ()
    if not isinstance(command, (GetRow, ListRows)):
        return None
    keys = [output.key for output in command.outputs]
    if not any(keys):
        return ()
    if ROW_ID not in keys or _UPDATED_AT not in keys:
        return None
    row_id = keys.index(ROW_ID)
    # A converted id (an integer key) would have to be written again; such models have no $updatedAt to show.
    return None if command.outputs[row_id].converter is not None else (row_id, keys.index(_UPDATED_AT))


def read(rows: Iterable[tuple[Any, ...]], row_id: int, updated_at: int) -> Iterator[dict[str, Any]]:
    """Yield id and version of each result row, under the names they have on the wire."""
    for row in rows:
        yield {ROW_ID: row[row_id], _UPDATED_AT: _CODEC.encode(row[updated_at])}
