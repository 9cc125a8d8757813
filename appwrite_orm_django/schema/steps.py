"""
Define the steps of a plan, each with its text, its warning, and whether it can lose data.

``plan`` finds the steps and ``apply`` carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .comparison import narrows
from .definitions import Column, Encoding, Index, Table
from .encodings import change_in_words, hidden
from .names import OWN_TABLES, is_hidden
from .records import ROW_ID, Record


@dataclass(frozen=True, slots=True)
class Step:
    """
    A single change to the schema.

    Attributes:
        sign: the mark of the step in a printed plan: ``+``, ``~`` or ``-``.
        table: the id of the table to change; "" for the database itself.
    """

    sign: ClassVar[str] = "+"

    table: str

    @property
    def statement(self) -> str:
        """The step in the words of SQL, for logs and ``sqlmigrate``."""
        return f'ALTER TABLE "{self.table}" /* {self} */'

    @property
    def destructive(self) -> bool:
        """Whether existing values can be lost, or rejected by a later write."""
        return False

    @property
    def warning(self) -> str:
        """The text to show to the user before the step is confirmed; "" for none."""
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
    @property
    def statement(self) -> str:
        parts = [f'"{column.key}" {column}' for column in self.definition.columns]
        parts += [f'index "{index.key}" {index}' for index in self.definition.indexes]
        return f'CREATE TABLE "{self.table}" ({", ".join(parts)})'


@dataclass(frozen=True, slots=True)
class RenameColumn(Step):
    sign: ClassVar[str] = "~"

    old: str
    column: Column

    @property
    def statement(self) -> str:
        return f'ALTER TABLE "{self.table}" RENAME COLUMN "{self.old}" TO "{self.column.key}"'

    def __str__(self) -> str:
        return f"column {self.table}.{self.old} renamed to {self.column.key}"


@dataclass(frozen=True, slots=True)
class DropIndex(_IndexStep):
    """
    Drop an index.

    Attributes:
        replaced: whether the same run creates it again.
        broken: whether the server lists it over columns that no longer exist, or no longer has it.
    """

    sign: ClassVar[str] = "-"

    replaced: bool = False
    broken: bool = False

    @property
    def statement(self) -> str:
        return f'DROP INDEX "{self.index.key}" ON "{self.table}"'

    @property
    def destructive(self) -> bool:
        # Dropping a unique index ends its guarantee, unless the same run creates it again.
        return self._promises and not self.replaced

    @property
    def warning(self) -> str:
        if self.broken:
            return "the index, or a column that it covers, no longer exists"
        if self._promises and self.replaced:
            return "other clients can write duplicates until it is created again; this run then fails and lists them"
        return ""

    @property
    def _promises(self) -> bool:
        return self.index.type == "unique" and self.index.status == "available" and not self.broken


@dataclass(frozen=True, slots=True)
class DropColumn(_ColumnStep):
    """
    Drop a column.

    Attributes:
        replaced_by: the key of the column that has replaced it, if the run that did so was stopped
            before the drop; ``$id`` for a primary key that is now the row's id.
    """

    sign: ClassVar[str] = "-"

    replaced_by: str = ""

    @property
    def statement(self) -> str:
        return f'ALTER TABLE "{self.table}" DROP COLUMN "{self.column.key}"'

    @property
    def destructive(self) -> bool:
        if is_hidden(self.column.key):
            return False  # its values are computed from the row's others
        return self.column.status != "failed" and not self.replaced_by

    @property
    def warning(self) -> str:
        return f"its values are in {self.replaced_by}" if self.replaced_by else ""


@dataclass(frozen=True, slots=True)
class CreateColumn(_ColumnStep):
    """
    Add a column to an existing table.

    Existing rows get the field's default. A required column is created as optional and becomes
    required at the end, because rows without a value for a required column cannot be updated
    (recording ``columns-async``).
    """

    @property
    def statement(self) -> str:
        return f'ALTER TABLE "{self.table}" ADD COLUMN "{self.column.key}" {self.column}'

    @property
    def warning(self) -> str:
        return _about_rows(self.column)


@dataclass(frozen=True, slots=True)
class FillColumn(_ColumnStep):
    """Fill the rows older than a column whose run was stopped before it had filled them."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "the run that added it was stopped before all rows had their value"

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} filled"


@dataclass(frozen=True, slots=True)
class FillUnique(_ColumnStep):
    """Write the values of a hidden column to the rows that do not have them (see ``unique``)."""

    sign: ClassVar[str] = "~"

    @property
    def warning(self) -> str:
        return f"every row gets {self.column.hidden!r}"

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} checked and filled"


@dataclass(frozen=True, slots=True)
class NoLongerWritten(_ColumnStep):
    """Record that no model has the constraint of a hidden column, which stays in the table."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "no model has its constraint"

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} no longer written"


@dataclass(frozen=True, slots=True)
class ChangeColumn(Step):
    """Change the properties that can change in place: size, bounds, elements, required, default."""

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
    Change the type or the encoding of a column.

    This creates a column under a temporary key, copies the values, drops the old column and renames
    the new one. A run that is stopped before the drop starts again and copies the missing values.
    After the drop only the rename is left, and the next plan contains it. Other clients' writes to
    the old column during the copy are lost.
    """

    sign: ClassVar[str] = "~"
    destructive: ClassVar[bool] = True

    before: Column
    after: Column

    @property
    def warning(self) -> str:
        warning = "copies every row's value into a new column"
        if self.before.encoding is None and hidden(self.after):
            warning += (
                f"; the old column has no recorded encoding and is read as plain {self.before.type}"
            )
        return warning

    def __str__(self) -> str:
        rewritten = change_in_words(self.before, self.after)
        text = f"column {self.table}.{self.before.key} {self.before} -> {self.after}"
        return f"{text}, {rewritten}" if rewritten else text


@dataclass(frozen=True, slots=True)
class ReadOtherwise(Step):
    """Record another encoding in which the stored values mean the same; rows stay unchanged."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "rows stay as they are"

    key: str
    before: Encoding
    after: Encoding

    def __str__(self) -> str:
        subject = (
            f"row ids of {self.table}" if self.key == ROW_ID else f"column {self.table}.{self.key}"
        )
        return f"{subject} read as {self.after} instead of {self.before}"


@dataclass(frozen=True, slots=True)
class MoveKey(Step):
    """
    Read the primary key from other columns, or from columns of another type.

    Nothing is changed, because a row's id stays as it is. So the step is refused if the new key
    would not find all rows by their ids.

    Attributes:
        before: the columns of the old key; that of the ``$id`` if the key is the row's id.
        after: the columns of the new key, as far as the table has them.
        ids: the ``$id`` as the new key reads it.
    """

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "refused if the id of a row does not match its new key"

    before: tuple[Column, ...]
    after: tuple[Column, ...]
    ids: Column

    def __str__(self) -> str:
        before, after = (
            ", ".join(column.key for column in columns) or "a new column"
            for columns in (self.before, self.after)
        )
        if before == after:
            return f"primary key of {self.table} ({before}) read as another type"
        return f"primary key of {self.table} is {after} instead of {before}"


@dataclass(frozen=True, slots=True)
class CreateIndex(_IndexStep):
    @property
    def statement(self) -> str:
        return f'CREATE INDEX "{self.index.key}" ON "{self.table}" /* {self.index} */'


@dataclass(frozen=True, slots=True)
class TryIndex(_IndexStep):
    """Test whether a unique index that an earlier run created is enforced."""

    sign: ClassVar[str] = "~"
    warning: ClassVar[str] = "the run that created it was stopped before it could"

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
    def statement(self) -> str:
        return f'DROP TABLE "{self.table}"'

    @property
    def destructive(self) -> bool:
        return not self.table.startswith(OWN_TABLES)


#: The order of application. Steps of the same kind do not depend on each other.
PHASES: tuple[type[Step], ...] = (
    CreateDatabase,
    CreateTable,
    # First of the changes to a table: the server renames no column while an index has lost one of
    # its columns.
    DropIndex,
    RenameColumn,
    DropColumn,
    CreateColumn,
    FillColumn,
    ChangeColumn,
    ReplaceColumn,
    ReadOtherwise,
    MoveKey,
    FillUnique,
    NoLongerWritten,
    CreateIndex,
    TryIndex,
    ChangeTable,
    DropTable,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The steps that turn the existing database into the wanted one.

    Attributes:
        steps: the steps in the order of application.
        left: the steps that only ``prune`` would take, for objects that no model describes.
        notes: a sentence for each request of the models that Appwrite cannot meet.
        unrecorded: the encodings of columns that match their fields but have no record yet.
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
        """Return the ids of the tables that the plan changes, without those that it creates."""
        return {
            step.table for step in self.steps if not isinstance(step, (CreateDatabase, CreateTable))
        }


def _about_rows(column: Column) -> str:
    given = column.fill if column.default is None else column.default
    if given is not None:
        return f"rows without a value get {given!r}"
    return (
        "rejected while rows have no value: the field has no default to give them"
        if column.required
        else ""
    )
