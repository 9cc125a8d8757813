"""
Remember the versions of rows that a block has seen, and check whether they are current.

A version is current if ``$updatedAt`` is *equal*, not if it is "not newer": servers' clocks differ,
and a client with a key may write any time there. Two writes within a millisecond have the same
``$updatedAt``, so the values that were read must be equal as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_orm_django.backend.commands import (
    Command,
    CountRows,
    GetRow,
    ListRows,
    OneRow,
    Output,
    Periods,
)
from appwrite_orm_django.backend.execution.server_queries import ServerQuery
from appwrite_orm_django.backend.values import ROW_ID, SEQUENCE, DateTimeCodec

_UPDATED_AT = "$updatedAt"
_CODEC = DateTimeCodec()
# What identifies or locates a row is not part of its content.
_NO_CONTENT = frozenset({ROW_ID, SEQUENCE, "$createdAt", _UPDATED_AT, "$databaseId", "$tableId"})
_PLAIN = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A version of a row that was read.

    Attributes:
        row_id: the id as stored, by which the row is found.
        updated_at: ``$updatedAt``, as on the wire.
        content: a digest of the values that were read.
        columns: the columns that were read.
        outputs: the outputs whose result values the digest covers; empty if it covers wire values.
    """

    row_id: str
    updated_at: str
    content: bytes
    columns: tuple[str, ...] = ()
    outputs: Sequence[Output] = field(default=(), compare=False)

    def holds(self, row: Mapping[str, Any] | None) -> bool:
        """Return whether a whole row is still this version; None stands for a deleted row."""
        if row is None or row[_UPDATED_AT] != self.updated_at:
            return False
        if self.outputs:
            return _digest(tuple(output.read(row) for output in self.outputs)) == self.content
        return _content(row, self.columns) == self.content


def seen(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Seen]]:
    """Yield the id and the version of each row of one answer."""
    columns: tuple[str, ...] = ()
    for row in rows:
        columns = columns or tuple(key for key in row if key not in _NO_CONTENT)
        yield row[ROW_ID], Seen(row[ROW_ID], row[_UPDATED_AT], _content(row, columns), columns)


def shown(
    rows: Iterable[tuple[Any, ...]], outputs: Sequence[Output], row_id: int, updated_at: int
) -> list[tuple[str, Seen]] | None:
    """
    Return the id and the version of each result row.

    ``row_id`` and ``updated_at`` are the positions of these values. None if the ``repr`` of a value
    does not identify it, so that versions cannot be compared.
    """
    found = []
    columns = tuple(output.key for output in outputs)
    for row in rows:
        if " object at 0x" in repr(row):
            return None
        found.append(
            (
                row[row_id],
                Seen(row[row_id], _CODEC.encode(row[updated_at]), _digest(row), columns, outputs),
            )
        )
    return found


def _content(row: Mapping[str, Any], columns: Iterable[str]) -> bytes:
    values = [row.get(column) for column in columns]
    return _digest(tuple(value if type(value) in _PLAIN else _plain(value) for value in values))


def _plain(value: Any) -> Any:
    """Return a value that is the same for the same row, whichever route it was read by."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # A related row changes independently. This row holds only its id.
    return value.get(ROW_ID) if isinstance(value, dict) else value


def _digest(values: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(values).encode(errors="surrogatepass"), digest_size=12).digest()


# Positions in result rows


def positions(command: Command) -> tuple[int, int] | tuple[()] | None:
    """
    Return the positions of the id and of ``$updatedAt`` in each result row.

    Empty if the result shows no rows (a count, ``exists()``), None if it does not show their
    versions.
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
        return None  # the version must show that the condition held
    row_id = keys.index(ROW_ID)
    # A converted id (an integer key) would have to be encoded again; such models have no
    # $updatedAt.
    return (
        None if command.outputs[row_id].converter is not None else (row_id, keys.index(_UPDATED_AT))
    )
