"""
The steps that a plan is made of, in words: what each is about, whether it may lose something, and what a person should know first.

``apply`` carries them out, ``plan`` finds them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .comparison import narrows
from .definitions import Column, Encoding, Index, Table
from .encodings import change_in_words, hidden
from .names import OWN_TABLES
from .records import ROW_ID, Record


@dataclass(frozen=True, slots=True)
class Step:
    """
    One thing to do.

    Attributes:
        sign: how the step is marked in a printed plan: ``+``, ``~`` or ``-``.
        table: id of the table it is about; "" for the database itself.
    """

    sign: ClassVar[str] = "+"

    table: str

    @property
    def destructive(self) -> bool:
        """Whether values that are there now may be lost, or refused later."""
        return False

    @property
    def warning(self) -> str:
        """What a person should know before agreeing."""
        return ""


@dataclass(frozen=True, slots=True)
class _TableStep(Step):
    definition: Table

    def __str__(self) -> str:
        return f"table {self.table}"


@dataclass(frozen=True, slots=True)
class _ColumnStep(Step):
    column: Column

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} {self.column}"


@dataclass(frozen=True, slots=True)
class _IndexStep(Step):
    index: Index

    def __str__(self) -> str:
        return f"index {self.table}.{self.index.key} {self.index}"


@dataclass(frozen=True, slots=True)
class CreateDatabase(Step):
    database: str

    def __str__(self) -> str:
        return f"database {self.database}"


@dataclass(frozen=True, slots=True)
class CreateTable(_TableStep):
    pass


@dataclass(frozen=True, slots=True)
class RenameColumn(Step):
    sign: ClassVar[str] = "~"

    old: str
    column: Column

    def __str__(self) -> str:
        return f"column {self.table}.{self.old} renamed to {self.column.key}"


@dataclass(frozen=True, slots=True)
class DropIndex(_IndexStep):
    """
    Drop an index.

    Attributes:
        replaced: whether it is made anew in the same run.
        broken: whether the server lists it over columns that are gone, or no longer has it.
    """

    sign: ClassVar[str] = "-"

    replaced: bool = False
    broken: bool = False

    @property
    def destructive(self) -> bool:
        # What a unique index promised is not kept from here on; one that is replaced comes back in the same run.
        return self._promises and not self.replaced

    @property
    def warning(self) -> str:
        if self.broken:
            return "the columns that it is listed over, or the index itself, are gone"
        if self._promises and self.replaced:
            return "until it is made anew, other clients can write duplicates: this run then ends with their list"
        return ""

    @property
    def _promises(self) -> bool:
        return self.index.type == "unique" and self.index.status == "available" and not self.broken


@dataclass(frozen=True, slots=True)
class DropColumn(_ColumnStep):
    """
    Drop a column.

    Attributes:
        replaced_by: the key of the column that has taken its place, where the run that put it there was stopped before the drop.
    """

    sign: ClassVar[str] = "-"

    replaced_by: str = ""

    @property
    def destructive(self) -> bool:
        return self.column.status != "failed" and not self.replaced_by

    @property
    def warning(self) -> str:
        return f"its values are in {self.replaced_by}" if self.replaced_by else ""


@dataclass(frozen=True, slots=True)
class CreateColumn(_ColumnStep):
    """
    Add a column to a table that exists.

    Rows that are there get the field's default. A required column is made optional first and required at the end, for rows without a value
    could not be updated any more (recording ``columns-async``).
    """

    @property
    def warning(self) -> str:
        return _about_rows(self.column)


@dataclass(frozen=True, slots=True)
class FillColumn(_ColumnStep):
    """Give the rows that were there before a column their values, where the run that added it was stopped."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "the run that added it was stopped before all rows had their value"

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} filled"


@dataclass(frozen=True, slots=True)
class ChangeColumn(Step):
    """Change what can be changed in place: size, bounds, elements, required, default."""

    sign: ClassVar[str] = "~"

    before: Column
    after: Column

    @property
    def destructive(self) -> bool:
        return narrows(self.before, self.after)

    @property
    def warning(self) -> str:
        if self.destructive:
            return "rows that no longer fit cannot be updated until they are corrected"
        becomes_required = self.after.required and not self.before.required
        gets_default = self.after.default is not None and self.before.default is None
        return _about_rows(self.after) if becomes_required or gets_default else ""

    def __str__(self) -> str:
        return f"column {self.table}.{self.before.key} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class ReplaceColumn(Step):
    """
    Change the type, or the encoding: a new column under a key of its own, the values copied, the old column dropped, the new one renamed.

    Stopped before the drop, it starts over and copies what is missing; stopped after it, only the rename is left, and the next plan says so.
    Writes of others to the old column during the copying are lost.
    """

    sign: ClassVar[str] = "~"
    destructive: ClassVar[bool] = True

    before: Column
    after: Column

    @property
    def warning(self) -> str:
        warning = "copies every row's value into a new column"
        if self.before.encoding is None and hidden(self.after):
            warning += f"; nothing is recorded of the old one, which is taken for plain {self.before.type}"
        return warning

    def __str__(self) -> str:
        rewritten = change_in_words(self.before, self.after)
        text = f"column {self.table}.{self.before.key} {self.before} -> {self.after}"
        return f"{text}, {rewritten}" if rewritten else text


@dataclass(frozen=True, slots=True)
class ReadOtherwise(Step):
    """Record that values mean the same with another encoding, and stay as they are."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "rows stay as they are"

    key: str
    before: Encoding
    after: Encoding

    def __str__(self) -> str:
        subject = f"row ids of {self.table}" if self.key == ROW_ID else f"column {self.table}.{self.key}"
        return f"{subject} read as {self.after} instead of {self.before}"


@dataclass(frozen=True, slots=True)
class CreateIndex(_IndexStep):
    pass


@dataclass(frozen=True, slots=True)
class TryIndex(_IndexStep):
    """Find out whether a unique index that an earlier run has made is really there."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "the run that made it was stopped before it could"

    def __str__(self) -> str:
        return f"index {self.table}.{self.index.key} {self.index} tried out"


@dataclass(frozen=True, slots=True)
class ChangeTable(Step):
    """Set permissions and row security."""

    sign: ClassVar[str] = "~"

    before: Table
    after: Table

    @property
    def destructive(self) -> bool:
        return bool(self.before.permissions - self.after.permissions)

    @property
    def warning(self) -> str:
        gone = ", ".join(sorted(self.before.permissions - self.after.permissions))
        return f"takes away {gone}" if gone else ""

    def __str__(self) -> str:
        changes = []
        if self.before.permissions != self.after.permissions:
            changes.append(f"permissions {', '.join(sorted(self.after.permissions)) or 'none'}")
        if self.before.row_security != self.after.row_security:
            changes.append(f"row security {'on' if self.after.row_security else 'off'}")
        return f"table {self.table} {', '.join(changes)}"


@dataclass(frozen=True, slots=True)
class DropTable(_TableStep):
    sign: ClassVar[str] = "-"

    @property
    def destructive(self) -> bool:
        return not self.table.startswith(OWN_TABLES)


#: The order of application. Steps of one kind do not depend on each other.
PHASES: tuple[type[Step], ...] = (
    CreateDatabase,
    CreateTable,
    # First of what changes a table: while an index is left over a part of its columns, the server renames none.
    DropIndex,
    RenameColumn,
    DropColumn,
    CreateColumn,
    FillColumn,
    ChangeColumn,
    ReplaceColumn,
    ReadOtherwise,
    CreateIndex,
    TryIndex,
    ChangeTable,
    DropTable,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The way from what there is to what is wanted.

    Attributes:
        steps: in the order of application.
        left: what the server has beyond the models, and what only ``prune`` would take away.
        notes: what the models ask for and Appwrite leaves out.
        unrecorded: how columns that are right are encoded, of which nothing is recorded as yet.
    """

    database: str
    steps: tuple[Step, ...] = ()
    left: tuple[Step, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    unrecorded: tuple[Record, ...] = field(default=(), compare=False)

    @property
    def destructive(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.destructive)

    def tables(self) -> set[str]:
        """Return the ids of the tables that would be changed, those that are created apart."""
        return {step.table for step in self.steps if not isinstance(step, (CreateDatabase, CreateTable))}


def _about_rows(column: Column) -> str:
    given = column.fill if column.default is None else column.default
    if given is not None:
        return f"rows without a value get {given!r}"
    return (
        "refused while there are rows without a value: the field has no default to give them" if column.required else ""
    )
