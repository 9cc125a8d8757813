"""
What a block has seen of a row, and whether it still holds.

A row still holds what was seen if ``$updatedAt`` is *equal*, never "not newer": servers' clocks differ, and who holds a key may write
any moment there. And two writes within a millisecond have one ``$updatedAt``, so what was read of the row has to be equal as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_orm_django.backend.commands import Command, CountRows, GetRow, ListRows, OneRow, Output, Periods
from appwrite_orm_django.backend.execution.server_queries import ServerQuery
from appwrite_orm_django.backend.values import ROW_ID, SEQUENCE, DateTimeCodec

_UPDATED_AT = "$updatedAt"
_CODEC = DateTimeCodec()
# What tells a row apart, or where it is, is no content of it.
_NO_CONTENT = frozenset({ROW_ID, SEQUENCE, "$createdAt", _UPDATED_AT, "$databaseId", "$tableId"})
_PLAIN = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Seen:
    """
    One look at a row.

    Attributes:
        updated_at: ``$updatedAt``, as on the wire.
        content: a digest of what was read.
        columns: which columns that was.
        outputs: what the digest is of, if it is of result values: those that these outputs make of the row.
    """

    updated_at: str
    content: bytes
    columns: tuple[str, ...] = ()
    outputs: Sequence[Output] = field(default=(), compare=False)

    def holds(self, row: Mapping[str, Any] | None) -> bool:
        """Return whether a row, read whole, is what was seen; None is a row that is gone."""
        if row is None or row[_UPDATED_AT] != self.updated_at:
            return False
        if self.outputs:
            return _digest(tuple(output.read(row) for output in self.outputs)) == self.content
        return _content(row, self.columns) == self.content


def seen(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Seen]]:
    """Yield the id of each row of one answer, and what was seen of it."""
    columns: tuple[str, ...] = ()
    for row in rows:
        columns = columns or tuple(key for key in row if key not in _NO_CONTENT)
        yield row[ROW_ID], Seen(row[_UPDATED_AT], _content(row, columns), columns)


def shown(
    rows: Iterable[tuple[Any, ...]], outputs: Sequence[Output], row_id: int, updated_at: int
) -> list[tuple[str, Seen]] | None:
    """
    Return the id of each result row, and what was seen of it; ``row_id`` and ``updated_at`` say where these stand.

    None if a value does not tell in its ``repr`` what it is, so that two could not be compared.
    """
    found = []
    columns = tuple(output.key for output in outputs)
    for row in rows:
        if " object at 0x" in repr(row):
            return None
        found.append((row[row_id], Seen(_CODEC.encode(row[updated_at]), _digest(row), columns, outputs)))
    return found


def _content(row: Mapping[str, Any], columns: Iterable[str]) -> bytes:
    values = [row.get(column) for column in columns]
    return _digest(tuple(value if type(value) in _PLAIN else _plain(value) for value in values))


def _plain(value: Any) -> Any:
    """Return a value that is the same for the same row, by whichever route it was read."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # A related row changes by itself; what this row holds of it is the id.
    return value.get(ROW_ID) if isinstance(value, dict) else value


def _digest(values: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(values).encode(errors="surrogatepass"), digest_size=12).digest()


# Where a result shows rows and versions


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
    if isinstance(command, ListRows) and not command.condition.columns <= set(keys):
        return None  # that the condition held is a part of what was seen
    row_id = keys.index(ROW_ID)
    # A converted id (an integer key) would have to be written again; such models have no $updatedAt to show.
    return None if command.outputs[row_id].converter is not None else (row_id, keys.index(_UPDATED_AT))
