"""
What has to be done to a database so that it is what the models say: a pure function from two descriptions to a list of steps.

Steps come in an order that works: renames before everything that uses the new names, indexes off before columns change, columns before
the indexes over them, and what takes something away last. Nothing that the models do not mention is touched unless ``prune`` says so, and
relationship columns are left alone either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .definitions import TEXT_TYPES, Column, Database, Index, Table
from .limits import characters_of
from .names import MIGRATIONS_TABLE, OWN_TABLES, replacement_key


@dataclass(frozen=True, slots=True)
class Step:
    """
    One thing to do.

    Attributes:
        table: id of the table it is about; "" for the database itself.
    """

    table: str

    @property
    def sign(self) -> str:
        """How the step is marked in a printed plan: ``+``, ``~`` or ``-``."""
        return "+"

    @property
    def destructive(self) -> bool:
        """Whether values that are there now may be lost, or refused later."""
        return False

    @property
    def warning(self) -> str:
        """What a person should know before agreeing."""
        return ""


@dataclass(frozen=True, slots=True)
class CreateDatabase(Step):
    database: str

    def __str__(self) -> str:
        return f"database {self.database}"


@dataclass(frozen=True, slots=True)
class CreateTable(Step):
    definition: Table

    def __str__(self) -> str:
        return f"table {self.table}"


@dataclass(frozen=True, slots=True)
class RenameColumn(Step):
    old: str
    column: Column

    @property
    def sign(self) -> str:
        return "~"

    def __str__(self) -> str:
        return f"column {self.table}.{self.old} renamed to {self.column.key}"


@dataclass(frozen=True, slots=True)
class DropIndex(Step):
    index: Index
    replaced: bool = False

    @property
    def sign(self) -> str:
        return "-"

    @property
    def destructive(self) -> bool:
        # What a unique index promised is not kept from here on; one that is replaced comes back in the same run.
        return self.index.type == "unique" and not self.replaced and self.index.status == "available"

    def __str__(self) -> str:
        return f"index {self.table}.{self.index.key} {self.index}"


@dataclass(frozen=True, slots=True)
class DropColumn(Step):
    column: Column

    @property
    def sign(self) -> str:
        return "-"

    @property
    def destructive(self) -> bool:
        return self.column.status != "failed"

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} {self.column}"


@dataclass(frozen=True, slots=True)
class CreateColumn(Step):
    """
    Add a column to a table that exists.

    A required one is made optional first, filled where the field's default allows it, and required at the end, for rows without a value
    could not be updated any more (recording ``columns-async``).
    """

    column: Column

    @property
    def warning(self) -> str:
        return _about_rows(self.column) if self.column.required else ""

    def __str__(self) -> str:
        return f"column {self.table}.{self.column.key} {self.column}"


@dataclass(frozen=True, slots=True)
class ChangeColumn(Step):
    """Change what can be changed in place: size, bounds, elements, required, default."""

    before: Column
    after: Column

    @property
    def sign(self) -> str:
        return "~"

    @property
    def destructive(self) -> bool:
        return _narrows(self.before, self.after)

    @property
    def warning(self) -> str:
        if self.destructive:
            return "rows that no longer fit cannot be updated until they are corrected"
        return _about_rows(self.after) if self.after.required and not self.before.required else ""

    def __str__(self) -> str:
        return f"column {self.table}.{self.before.key} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class ReplaceColumn(Step):
    """
    Change the type: a new column under a key of its own, the values copied, the old column dropped, the new one renamed.

    Stopped before the drop, it starts over and copies what is missing; stopped after it, only the rename is left, and the next plan says so.
    Writes of others to the old column during the copying are lost.
    """

    before: Column
    after: Column

    @property
    def sign(self) -> str:
        return "~"

    @property
    def destructive(self) -> bool:
        return True

    @property
    def warning(self) -> str:
        return "copies every row's value into a new column"

    def __str__(self) -> str:
        return f"column {self.table}.{self.before.key} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class CreateIndex(Step):
    index: Index

    def __str__(self) -> str:
        return f"index {self.table}.{self.index.key} {self.index}"


@dataclass(frozen=True, slots=True)
class ChangeTable(Step):
    """Set permissions and row security."""

    before: Table
    after: Table

    @property
    def sign(self) -> str:
        return "~"

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
class DropTable(Step):
    definition: Table

    @property
    def sign(self) -> str:
        return "-"

    @property
    def destructive(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"table {self.table}"


#: The order of application. Steps of one kind do not depend on each other.
PHASES: tuple[type[Step], ...] = (
    CreateDatabase,
    CreateTable,
    RenameColumn,
    DropIndex,
    DropColumn,
    CreateColumn,
    ChangeColumn,
    ReplaceColumn,
    CreateIndex,
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
    """

    database: str
    steps: tuple[Step, ...] = ()
    left: tuple[Step, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def destructive(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.destructive)

    def tables(self) -> set[str]:
        """Return the ids of the tables that would be changed, those that are created apart."""
        return {step.table for step in self.steps if not isinstance(step, (CreateDatabase, CreateTable))}


def _about_rows(column: Column) -> str:
    if column.fill is None:
        return "stays optional while there are rows without a value: the field has no constant default to fill in"
    return f"rows without a value get {column.fill!r}"


Renames = Mapping[tuple[str, str], str]


def make_plan(
    wanted: Database,
    live: Database | None,
    *,
    prune: bool = False,
    renames: Renames | None = None,
    all_tables: bool = True,
) -> Plan:
    """
    Compare two databases.

    Args:
        wanted: what the models say.
        live: what the server has; None when there is no such database.
        prune: drop columns and indexes that the models do not have, and tables that ``wanted`` has not.
        renames: ``(table id, new key)`` to the old key. A rename that has happened already is no step.
        all_tables: whether ``wanted`` has the tables of all models, so that other tables on the server are nobody's.
    """
    steps: list[Step] = []
    left: list[Step] = []
    if live is None:
        steps.append(CreateDatabase("", wanted.id))
        live = Database(wanted.id)
    for table in wanted:
        known = live.table(table.id)
        if known is None:
            steps.append(CreateTable(table.id, table))
            continue
        needed, extra = _compare_tables(table, known, renames or {})
        steps += needed
        (steps if prune else left).extend(extra)
    for table in live:
        ours = table.id.startswith(OWN_TABLES) or table.id == MIGRATIONS_TABLE
        if all_tables and wanted.table(table.id) is None and not ours:
            (steps if prune else left).append(DropTable(table.id, table))
    order = {kind: position for position, kind in enumerate(PHASES)}
    steps.sort(key=lambda step: order[type(step)])
    return Plan(wanted.id, tuple(steps), tuple(left), (*wanted.notes, *_renamed_tables(steps, left)))


def _renamed_tables(steps: list[Step], left: list[Step]) -> Iterator[str]:
    """Yield a warning for each new table that has the columns of one that no model has any more."""
    orphans = [step.definition for step in (*steps, *left) if isinstance(step, DropTable)]
    for step in steps:
        if not isinstance(step, CreateTable) or not step.definition.columns:
            continue
        for orphan in orphans:
            if {column.key for column in orphan.columns} == {column.key for column in step.definition.columns}:
                yield (
                    f"{step.table} will be new and empty; {orphan.id} has the same columns. Appwrite cannot rename a table: "
                    f'if the model was renamed, keep Meta.db_table = "{orphan.id}".'
                )


def _compare_tables(wanted: Table, live: Table, renames: Renames) -> tuple[list[Step], list[Step]]:
    live, steps = _renamed(wanted, live, renames)
    for column in wanted.columns:
        steps += _compare_columns(live, column)
    successors = {replacement_key(column.key) for column in wanted.columns}
    extra: list[Step] = [
        DropColumn(live.id, column)
        for column in live.columns
        if wanted.column(column.key) is None and column.type != "relationship" and column.key not in successors
    ]
    index_steps, extra_indexes = _compare_indexes(
        wanted, live, {step.column.key for step in extra if isinstance(step, DropColumn)}
    )
    steps += index_steps
    steps += _compare_options(wanted, live)
    return steps, [*extra_indexes, *extra]


def _renamed(wanted: Table, live: Table, renames: Renames) -> tuple[Table, list[Step]]:
    """Return the table as it will be once its columns have their new names."""
    steps: list[Step] = []
    for (table_id, new_key), old_key in renames.items():
        if table_id != wanted.id:
            continue
        old = live.column(old_key)
        if old is None or live.column(new_key) is not None:
            continue
        new = replace(old, key=new_key)
        steps.append(RenameColumn(live.id, old.key, new))
        live = replace(
            live,
            columns=tuple(new if column is old else column for column in live.columns),
            # The server's indexes follow (recording indexes-and-columns).
            indexes=tuple(
                replace(index, columns=tuple(new_key if key == old.key else key for key in index.columns))
                for index in live.indexes
            ),
        )
    return live, steps


def _compare_columns(live: Table, wanted: Column) -> Iterator[Step]:
    known = live.column(wanted.key)
    successor = live.column(replacement_key(wanted.key))
    if known is None and successor is not None and same_storage(successor, wanted):
        renamed = replace(successor, key=wanted.key)
        yield RenameColumn(live.id, successor.key, renamed)
        if not _same_rules(renamed, wanted):
            yield ChangeColumn(live.id, renamed, wanted)
    elif known is None:
        yield CreateColumn(live.id, wanted)
    elif known.status in {"failed", "stuck"}:
        # It never held a value, or it was to be deleted.
        yield DropColumn(live.id, known)
        yield CreateColumn(live.id, wanted)
    elif known.status in {"deleting", "processing"} and same_storage(known, wanted):
        # On its way out or in; making it again waits for it.
        yield CreateColumn(live.id, wanted)
    elif not same_storage(known, wanted):
        yield ReplaceColumn(live.id, known, wanted)
    elif not _same_rules(known, wanted):
        yield ChangeColumn(live.id, known, wanted)


def same_storage(live: Column, wanted: Column) -> bool:
    """
    Tell whether a column can become another by changes in place.

    A text column of a wider type than asked for is as good; the old ``string`` type is stored as ``varchar`` or as a text.
    """
    if live.array != wanted.array or (wanted.encrypt and not live.encrypt):
        return False
    if live.type == wanted.type:
        # An integer column is four bytes wide for good when it was made with a bound that fits (recording columns-update-narrow).
        return True
    if live.type == "string":
        return wanted.type == "varchar" or (
            wanted.type in TEXT_TYPES and (live.size or 0) >= (characters_of(wanted) or 0)
        )
    if live.type in TEXT_TYPES and wanted.type in TEXT_TYPES:
        return TEXT_TYPES.index(live.type) >= TEXT_TYPES.index(wanted.type)
    return False


def _same_rules(live: Column, wanted: Column) -> bool:
    size = live.size == wanted.size or wanted.size is None
    elements = set(live.elements) == set(wanted.elements)
    bounds = _bounds(live) == _bounds(wanted)
    return size and elements and bounds and live.required == wanted.required and live.default == wanted.default


def _bounds(column: Column) -> tuple[float, float]:
    low = column.min if column.min is not None else float("-inf")
    high = column.max if column.max is not None else float("inf")
    return low, high


def _narrows(before: Column, after: Column) -> bool:
    if after.size is not None and before.size is not None and after.size < before.size:
        return True
    if set(before.elements) - set(after.elements):
        return True
    return _bounds(before)[0] < _bounds(after)[0] or _bounds(before)[1] > _bounds(after)[1]


def _compare_indexes(wanted: Table, live: Table, dropped: set[str]) -> tuple[list[Step], list[Step]]:
    steps: list[Step] = []
    used: set[str] = set()
    for index in wanted.indexes:
        known = _by_definition(live, index) or live.index(index.key)
        if known is None:
            steps.append(CreateIndex(live.id, index))
            continue
        used.add(known.key)
        if known.status in {"failed", "stuck"} or known.definition != index.definition:
            steps += [DropIndex(live.id, known, replaced=True), CreateIndex(live.id, index)]
        elif known.status in {"deleting", "processing"}:
            steps.append(CreateIndex(live.id, index))
    over_relations = {column.key for column in live.columns if column.type == "relationship"}
    extra: list[Step] = [
        DropIndex(live.id, index)
        for index in live.indexes
        # An index over a dropped column goes with it; one-to-one relationships have one of their own.
        if index.key not in used and not set(index.columns) & (over_relations | dropped)
    ]
    return steps, extra


def _by_definition(live: Table, wanted: Index) -> Index | None:
    """Return an index that does the same, the one with the same name if there are several."""
    same = [index for index in live.indexes if index.definition == wanted.definition and index.status == "available"]
    return next((index for index in same if index.key.lower() == wanted.key.lower()), same[0] if same else None)


def _compare_options(wanted: Table, live: Table) -> Iterable[Step]:
    """Permissions and row security that the models do not mention are the console's affair and stay as they are."""
    after = replace(
        live,
        permissions=wanted.permissions or live.permissions,
        row_security=wanted.row_security or live.row_security,
    )
    if (after.permissions, after.row_security) != (live.permissions, live.row_security):
        yield ChangeTable(live.id, live, after)
