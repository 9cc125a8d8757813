"""Reading the rows of one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appwrite_orm_django.backend.commands.base import Command
from appwrite_orm_django.backend.commands.texts import shown, where, within

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands.conditions import Condition, Order
    from appwrite_orm_django.backend.commands.outputs import Output
    from appwrite_orm_django.client.references import TableRef


@dataclass(frozen=True, slots=True)
class ListRows(Command):
    """Rows of one table, in the server's order, all of them: pages are the cursor's business."""

    table: TableRef
    condition: Condition
    order: tuple[Order, ...]
    outputs: tuple[Output, ...]
    offset: int = 0
    limit: int | None = None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the columns to ask for, each once."""
        return tuple(dict.fromkeys(output.key for output in self.outputs if output.key))

    def __str__(self) -> str:
        # What a list of no columns asks for is the id: a request names one at least.
        parts = [f"LIST {self.table.table} {shown(self.columns or ('$id',))}"]
        if self.condition:
            parts.append(f"WHERE {self.condition}")
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class GetRow(Command):
    """One row by its id; ``condition`` holds whatever else the row has to fulfil. No row is an empty result."""

    table: TableRef
    row_id: str
    outputs: tuple[Output, ...]

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"GET {self.table.table}/{self.row_id} {shown(output.key for output in self.outputs if output.key)}"


@dataclass(frozen=True, slots=True)
class CountRows(Command):
    """The exact number of rows; of those within a slice, if there is one."""

    table: TableRef
    condition: Condition
    offset: int = 0
    limit: int | None = None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    def __str__(self) -> str:
        return " ".join((f"COUNT {self.table.table}{where(self.condition)}", *within(self)))


@dataclass(frozen=True, slots=True)
class Explain(Command):
    """Describe another command instead of running it."""

    command: Command

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return self.command.tables

    def __str__(self) -> str:
        return f"EXPLAIN {self.command}"
