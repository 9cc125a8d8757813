"""Keep the log of a block: its operations, its savepoints, and the state of each touched row."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from appwrite_orm_django.backend.transactions.ends import BlockEnd
from appwrite_orm_django.backend.transactions.index import Index
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
    operations: list[Operation] = field(default_factory=list)
    # A created row as the block sees it, made once for all reads.
    _row: CreatedRow | None = None

    @classmethod
    def after(cls, operations: list[Operation], number: int) -> RowState:
        """Return the state of a row after all these operations."""
        state = cls(operations[0].row_id, number, operations=operations)
        for operation in operations:
            state.apply(operation)
        return state

    def apply(self, operation: Operation) -> None:
        self.changed_at, self._row = operation.at, None
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

    def over(self, base: Mapping[str, Any] | None, engine: Engine) -> Mapping[str, Any]:
        """Return the row as the block sees it. ``base`` is the committed row, if there is one."""
        if self.created:
            if self._row is None:
                self._row = self._created(engine)
            return self._row
        row = {**(base or {}), "$updatedAt": self.changed_at}
        add(row, self.increments)
        return {**row, **self.data, "$id": self.row_id}

    def _created(self, engine: Engine) -> CreatedRow:
        return CreatedRow(
            {
                "$createdAt": self.created_at,
                "$permissions": [],
                # It sorts the row after every committed one, in order of creation.
                "$sequence": engine.later_sequence(self.number),
                "$updatedAt": self.changed_at,
                **self.data,
                "$id": self.row_id,
            }
        )


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


class Touched:
    """
    The rows of one table that the log has touched.

    Attributes:
        states: the states by folded row id, in order of their numbers.
        index: the same rows by the values of columns.
    """

    def __init__(self) -> None:
        self.states: dict[str, RowState] = {}
        self.index = Index()


class Log:
    """The operations of one block, in order. Makes no requests."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._marks: dict[str, int] = {}
        self._tables: dict[TableRef, Touched] = {}
        self._rows = 0
        self.end = BlockEnd()

    def __bool__(self) -> bool:
        return bool(self.operations)

    def append(self, operation: Operation) -> None:
        self.operations.append(operation)
        self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        touched = self._tables.get(operation.table)
        if touched is None:
            touched = self._tables[operation.table] = Touched()
        row_id = operation.row_id.lower()
        state = touched.states.get(row_id)
        if state is None:
            self._rows += 1
            state = touched.states[row_id] = RowState(operation.row_id, self._rows)
        state.operations.append(operation)
        state.apply(operation)
        touched.index.changed.append(row_id)

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
        discarded = self.operations[length:]
        del self.operations[length:]
        self.end = BlockEnd(self.end.written)
        self._marks = {mark: at for mark, at in self._marks.items() if at <= length}
        self._undo(discarded)

    def _undo(self, discarded: Sequence[Operation]) -> None:
        """Restore the rows of the last operations; all other rows are left alone."""
        rows = {}
        for operation in reversed(discarded):
            row_id = operation.row_id.lower()
            touched = self._tables[operation.table]
            touched.states[row_id].operations.pop()
            rows[operation.table, row_id] = touched
        for (table, row_id), touched in rows.items():
            operations = touched.states[row_id].operations
            if operations:
                touched.states[row_id] = RowState.after(operations, touched.states[row_id].number)
            else:
                del touched.states[row_id]
                # The rows touched last are the ones with the highest numbers.
                self._rows -= 1
            touched.index.changed.append(row_id)
            if not touched.states:
                del self._tables[table]

    def release(self, name: str) -> None:
        del self._marks[name]

    def first_mark(self) -> int:
        """Return the number of operations before the first mark."""
        return min((*self._marks.values(), len(self.operations)))

    def drop(self, length: int) -> None:
        """Discard the first operations, which have been committed."""
        del self.operations[:length]
        self._marks = {mark: at - length for mark, at in self._marks.items()}
        self._tables, self._rows = {}, 0
        for operation in self.operations:
            self._apply(operation)

    def touches(self, table: TableRef) -> bool:
        return table in self._tables

    def state(self, table: TableRef, row_id: str) -> RowState | None:
        touched = self._tables.get(table)
        return None if touched is None else touched.states.get(row_id.lower())

    def created(self, table: TableRef, row_id: str, engine: Engine) -> Mapping[str, Any]:
        """Return a row that the last operation has created."""
        return self._tables[table].states[row_id.lower()].over(None, engine)

    def touched(self, table: TableRef) -> Touched:
        """Return the rows of a table that the log has touched."""
        return self._tables.get(table) or Touched()

    def note_base(self, table: TableRef, row_id: str) -> None:
        """Index a row again, as its committed row has become known."""
        if table in self._tables:
            self._tables[table].index.changed.append(row_id.lower())
