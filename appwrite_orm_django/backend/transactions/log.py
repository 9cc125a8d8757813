"""Keep the log of a block: its operations, its savepoints, and the state of each touched row."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from appwrite_orm_django.backend.transactions.ends import BlockEnd
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.engines import Engine

Action = Literal["create", "update", "delete", "increment"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of one row. ``data`` has the columns to set, or ``{column: amount}`` to add."""

    action: Action
    table: TableRef
    row_id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    at: str = field(default_factory=lambda: wire_time(), compare=False)
    # For an increment: the bounds of the column, which the server ignores (recording
    # ``increment``).
    bounds: tuple[float | None, float | None] = (None, None)
    # For a creation: the columns of each unique index, row ids included, on whose conflicts the row
    # is not created.
    ignored: tuple[tuple[str, ...], ...] = ()


def wire_time() -> str:
    """Return the current time in the server's format."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+00:00"


@dataclass(slots=True)
class RowState:
    """
    The state of one row after the operations of the log.

    A ``created`` row is fully described by ``data``. Any other is a committed row with
    ``increments`` and ``data`` applied.
    """

    row_id: str
    number: int
    created: bool = False
    deleted: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    increments: dict[str, float] = field(default_factory=dict)
    # Placeholders for $createdAt and $updatedAt until the server sets them.
    created_at: str = ""
    changed_at: str = ""

    def apply(self, operation: Operation) -> None:
        self.changed_at = operation.at
        if operation.action == "create":
            self.created, self.deleted = True, False
            self.row_id, self.created_at = operation.row_id, operation.at
            self.data, self.increments = dict(operation.data), {}
        elif operation.action == "delete":
            self.deleted = True
            self.data, self.increments = {}, {}
        elif operation.action == "update":
            self.data.update(operation.data)
            for column in operation.data:
                self.increments.pop(column, None)
        else:
            self._increment(operation.data)

    def _increment(self, amounts: Mapping[str, Any]) -> None:
        for column, amount in amounts.items():
            if column in self.data or self.created:
                add(self.data, {column: amount})
            else:
                self.increments[column] = self.increments.get(column, 0) + amount

    def over(self, base: Mapping[str, Any] | None, engine: Engine) -> dict[str, Any]:
        """Return the row as the block sees it. ``base`` is the committed row, if there is one."""
        row = dict(base or {})
        if self.created:
            # The sequence sorts it after every committed row, in order of creation.
            row = {
                "$createdAt": self.created_at,
                "$permissions": [],
                "$sequence": engine.later_sequence(self.number),
            }
        row["$updatedAt"] = self.changed_at
        add(row, self.increments)
        row.update(self.data)
        row["$id"] = self.row_id
        return row


def add(row: dict[str, Any], amounts: Mapping[str, Any]) -> None:
    """Add amounts to columns of a row; a null stays null."""
    for column, amount in amounts.items():
        if row.get(column) is not None:
            row[column] += amount


class CreatedRow(dict[str, Any]):
    """A created row. Missing columns are null on the server."""

    def __missing__(self, key: str) -> None:
        return None


Key = tuple[TableRef, str]


def key_of(table: TableRef, row_id: str) -> Key:
    """
    Return the key of a row: no two ids of a table differ in case only.

    It identifies the row, but is not its address: most engines find a row only by the id as stored.
    """
    return table, row_id.lower()


class Log:
    """The operations of one block, in order. Makes no requests."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._marks: dict[str, int] = {}
        self._states: dict[Key, RowState] = {}
        self.end = BlockEnd()

    def __bool__(self) -> bool:
        return bool(self.operations)

    def append(self, operation: Operation) -> None:
        self.operations.append(operation)
        self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        key = key_of(operation.table, operation.row_id)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = RowState(operation.row_id, len(self._states) + 1)
        state.apply(operation)

    def mark(self, name: str) -> None:
        self._marks[name] = len(self.operations)

    def roll_back_to(self, name: str) -> None:
        """
        Discard all operations and marks after this mark.

        Raises:
            KeyError: the mark does not exist, or no longer. ``release`` raises the same.
        """
        length = self._marks[name]
        if length == len(self.operations):
            return
        del self.operations[length:]
        self.end = BlockEnd(self.end.written)
        self._marks = {mark: at for mark, at in self._marks.items() if at <= length}
        self._apply_all()

    def _apply_all(self) -> None:
        self._states = {}
        for operation in self.operations:
            self._apply(operation)

    def release(self, name: str) -> None:
        del self._marks[name]

    def first_mark(self) -> int:
        """Return the number of operations before the first mark."""
        return min((*self._marks.values(), len(self.operations)))

    def drop(self, length: int) -> None:
        """Discard the first operations, which have been committed."""
        del self.operations[:length]
        self._marks = {mark: at - length for mark, at in self._marks.items()}
        self._apply_all()

    def tables(self) -> set[TableRef]:
        return {table for table, _ in self._states}

    def state(self, table: TableRef, row_id: str) -> RowState | None:
        return self._states.get(key_of(table, row_id))

    def states(self, table: TableRef) -> Iterator[RowState]:
        for (other, _), state in self._states.items():
            if other == table:
                yield state


def touched_ids(states: Iterable[RowState]) -> set[str]:
    """Return the ids in lower case."""
    return {state.row_id.lower() for state in states}
