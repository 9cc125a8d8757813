"""Writing rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.commands.base import Command
from appwrite_orm_django.backend.commands.texts import shown, where

if TYPE_CHECKING:
    from django.db.models import Model

    from appwrite_orm_django.backend.commands.conditions import Condition
    from appwrite_orm_django.backend.commands.outputs import Converter, Output
    from appwrite_orm_django.client.references import TableRef

# The columns of each unique index of a table: what a transaction checks before the server can.
Unique = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class NewRow:
    """
    A row to create: its id, its columns, and whether we made that id up ourselves and may make another.

    ``$permissions`` may be among the columns.
    """

    row_id: str
    data: Mapping[str, Any]
    id_is_ours: bool = False

    def with_another_id(self) -> NewRow:
        """Return the same row under a new id, if the id is of our making, which another process may have made as well."""
        if not self.id_is_ours:
            return self
        return replace(self, row_id=row_ids.encode_integer(row_ids.new_integer_id()))


@dataclass(frozen=True, slots=True)
class CreateRows(Command):
    """Create rows, at most a batch of the server; ``outputs`` are read from the answer, a result row per new row."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "create"

    table: TableRef
    rows: tuple[NewRow, ...]
    outputs: tuple[Output, ...] = ()
    ignore_conflicts: bool = False
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return tuple(row.row_id for row in self.rows)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        count = f"{len(self.rows)} rows" if len(self.rows) != 1 else self.rows[0].row_id
        return f"CREATE {self.table.table}/{count} {keys}"


@dataclass(frozen=True, slots=True)
class UpsertRows(Command):
    """
    Create rows, and change those that exist: that have what one of ``rows`` has in the columns of ``target``, a unique index or the row id.

    Of an existing row the columns of ``changes`` are written, and no others. What ``rows`` has twice is created once and then changed, in
    their order; a null in the target conflicts with nothing. A result row for each of ``rows``.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "change"

    table: TableRef
    rows: tuple[NewRow, ...]
    target: tuple[str, ...]
    changes: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        return (
            f"CREATE {self.table.table}/{len(self.rows)} rows {keys} "
            f"OR, WHERE {shown(self.target)} EXISTS, UPDATE {shown(self.changes)}"
        )


@dataclass(frozen=True, slots=True)
class UpdateRow(Command):
    """Change columns of the row with this id; a missing row counts as none updated."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} {shown(self.data)}"


@dataclass(frozen=True, slots=True)
class UpdateRows(Command):
    """Change the same columns of every row that fulfils the condition."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    condition: Condition
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} {shown(self.data)}{where(self.condition)}"


@dataclass(frozen=True, slots=True)
class IncrementColumn(Command):
    """
    Add to (or, with a negative amount, subtract from) one column of one row, atomically on the server.

    ``bounds`` are the column's own, which the server does not look at here (recording ``increment``). Columns of floats are never
    incremented: the sum would have digits by which no filter finds it.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    column: str
    amount: int
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    bounds: tuple[int | float | None, int | float | None] = (None, None)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} increment {self.column} by {self.amount}"


@dataclass(frozen=True, slots=True)
class UpdateFromQuery(Command):
    """
    Compute new values for each row by local evaluation, then write them row by row.

    ``source`` brings rows of (primary key, value, ...); ``write`` turns the values into columns. Where they depend on what the
    row holds (``depends_on_row``), a row that another client changed in between is computed again before it is written. ``is_blind``
    says that neither they nor the choice of the rows depends on what these hold.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    source: Command
    encode_id: Converter = field(compare=False)
    write: Callable[[tuple[Any, ...]], Mapping[str, Any]] = field(compare=False)
    depends_on_row: bool = True
    is_blind: bool = False
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} row by row from ({self.source})"


@dataclass(frozen=True, slots=True)
class DeleteRows(Command):
    """Delete every row that fulfils the condition, or, where ``row_id`` is given, that one row."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "delete"

    table: TableRef
    condition: Condition
    row_id: str | None = None
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return None if self.row_id is None else (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"DELETE {self.table.table}{'/' + self.row_id if self.row_id else where(self.condition)}"
