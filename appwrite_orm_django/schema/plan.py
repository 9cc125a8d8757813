"""
Compare two descriptions of a database and return the steps that turn one into the other.

``make_plan`` is a pure function. It drops indexes before columns change, renames before it uses the
new names, creates columns before the indexes over them, and drops tables last. Objects that the
models do not mention are left alone without ``prune``. Relationship columns are always left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeGuard

from appwrite_orm_django.engines import MARIADB, Engine

from .comparison import same_rules, same_storage
from .definitions import COMPARED, Column, Database, Encoding, Index, RowIds, Table
from .encodings import plain, reads_alike
from .errors import UnsupportedModel
from .limits import characters_of
from .moved_keys import moved_key, without_key_index
from .names import (
    FILL_TABLES,
    KEY_INDEX,
    MIGRATIONS_TABLE,
    OWN_TABLES,
    SYSTEM_COLUMNS,
    TRIAL_TABLES,
    fill_table,
    is_hidden,
    moved_from,
    replaced_key,
    replacement_key,
    trial_table,
)
from .records import ROW_ID, Record
from .steps import (
    PHASES,
    ChangeColumn,
    ChangeTable,
    CreateColumn,
    CreateDatabase,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    FillColumn,
    FillUnique,
    NoLongerWritten,
    Plan,
    ReadOtherwise,
    RenameColumn,
    ReplaceColumn,
    Step,
    TryIndex,
)

Renames = Mapping[tuple[str, str], str]
#: The names of the marks, by id.
Marks = Mapping[str, str]

_SYSTEM_KEYS = {key.lower() for key in SYSTEM_COLUMNS}
_AUTOMATIC = {"AutoField", "BigAutoField", "SmallAutoField"}


def make_plan(
    wanted: Database,
    live: Database | None,
    *,
    prune: bool = False,
    renames: Renames | None = None,
    all_tables: bool = True,
    verify_unique: bool = False,
    engine: Engine = MARIADB,
) -> Plan:
    """
    Return the steps that turn ``live`` into ``wanted``.

    Args:
        wanted: the database that the models describe.
        live: the database on the server; None if it does not exist.
        prune: whether to drop the columns, indexes and tables that ``wanted`` does not have.
        renames: maps ``(table id, new key)`` to the old key. A rename that has already happened
            adds no step.
        all_tables: whether ``wanted`` has the tables of all models, so that any other table on the
            server belongs to no model.
        verify_unique: whether to check the values of all hidden columns.
        engine: the rules of the engine under the server.

    Raises:
        UnsupportedModel: a relationship column does not match its field in a model, or an index
            that no model has prevents a change of its table.
    """
    steps: list[Step] = []
    left: list[Step] = []
    unrecorded: list[Record] = []
    if live is None:
        steps.append(CreateDatabase("", wanted.id))
        live = Database(wanted.id)
    marks = {
        table.id: table.name for table in live if table.id.startswith((TRIAL_TABLES, FILL_TABLES))
    }
    there = {table.id.lower(): table for table in live}
    for table in wanted:
        known = there.get(table.id.lower())
        if known is None:
            steps.append(CreateTable(table.id, table))
            continue
        needed, extra = _compare_tables(table, known, renames or {}, marks, engine)
        if not prune:
            if not engine.takes_identical_indexes:
                # A unique index serves the queries of a plain one over its columns.
                unique = [step.index for step in extra if _drops_unique(step)]
                needed = [step for step in needed if not _is_served(step, unique)]
            _refuse_unknown_indexes(table.id, needed, extra, engine)
        extra = list(_without_indexes_of_columns(extra, needed, engine))
        steps += needed
        steps += _to_fill(table, known, needed, everything=verify_unique)
        (steps if prune else left).extend(extra)
        if not prune:
            steps += _no_longer_written(extra)
        unrecorded += _unrecorded(table, known, needed)
    ids = {table.id.lower() for table in wanted}
    idle = marks.keys() - _marks(wanted, live) if marks else set()
    for table in live:
        ours = (
            table.id.startswith(OWN_TABLES) and table.id not in idle
        ) or table.id == MIGRATIONS_TABLE
        if all_tables and not ours and table.id.lower() not in ids:
            (steps if prune else left).append(DropTable(table.id, table))
    order = {kind: position for position, kind in enumerate(PHASES)}
    steps.sort(key=lambda step: order[type(step)])
    notes = (
        *wanted.notes,
        *_idle_renames(live, wanted, renames or {}),
        *_renamed_tables(steps, left),
    )
    notes += tuple(_beyond_repair(wanted, live))
    if new := sum(not _has_encoding(there[record.table.lower()], record) for record in unrecorded):
        notes += (
            f"{new:,} columns have no recorded encoding. This run records the encodings that the "
            "models describe.",
        )
    if others := len(unrecorded) - new:
        notes += (
            f"{others:,} columns have no record of their present fields. This run writes it, for "
            "inspectdb.",
        )
    return Plan(wanted.id, tuple(steps), tuple(left), notes, tuple(unrecorded))


def _marks(*databases: Database) -> set[str]:
    """Return the ids of the marks that the indexes and columns of these databases can have."""
    tables = [table for database in databases for table in database]
    indexes = {trial_table(table.id, index.key) for table in tables for index in table.indexes}
    return indexes | {
        fill_table(table.id, column.key) for table in tables for column in table.columns
    }


def _idle_renames(live: Database, wanted: Database, renames: Renames) -> Iterator[str]:
    """Yield a warning for each rename whose old and new column are both missing."""
    for (table_id, new_key), old_key in renames.items():
        table = live.table(table_id)
        if (
            table is None
            or wanted.table(table_id) is None
            or table.column(new_key)
            or table.column(old_key)
        ):
            continue
        yield f"{table.id} has no column {old_key} to rename to {new_key}."


def _renamed_tables(steps: list[Step], left: list[Step]) -> Iterator[str]:
    """Yield a warning for each new table with the same columns as a table that no model has."""
    orphans = [step.definition for step in (*steps, *left) if isinstance(step, DropTable)]
    for step in steps:
        if not isinstance(step, CreateTable) or not step.definition.columns:
            continue
        for orphan in orphans:
            if {column.key for column in orphan.columns} == {
                column.key for column in step.definition.columns
            }:
                yield (
                    f"{step.table} will be created empty; {orphan.id} has the same columns. "
                    "Appwrite cannot rename a table: "
                    f'if the model was renamed, keep Meta.db_table = "{orphan.id}".'
                )


def _to_fill(
    wanted: Table, live: Table, steps: Iterable[Step], *, everything: bool
) -> Iterator[FillUnique]:
    """
    Yield a step for each hidden column whose values may be wrong.

    They are right if the column has its index, which is created after its values were written, and
    its record, which is deleted when no model has the constraint any more.
    """
    indexed = {step.index.columns for step in steps if isinstance(step, CreateIndex)}
    for column in wanted.columns:
        if column.hidden is None:
            continue
        known = live.column(column.key)
        if everything or known is None or known.encoding is None or (column.key,) in indexed:
            yield FillUnique(live.id, column)


def _no_longer_written(extra: Iterable[Step]) -> Iterator[NoLongerWritten]:
    for step in extra:
        if (
            isinstance(step, DropColumn)
            and is_hidden(step.column.key)
            and step.column.encoding is not None
        ):
            yield NoLongerWritten(step.table, step.column)


def _beyond_repair(wanted: Database, live: Database) -> Iterator[str]:
    """Yield a note for each index without a model that the server can neither use nor delete."""
    for table in live:
        asked_for = wanted.table(table.id)
        there = {column.key.lower() for column in table.columns} | _SYSTEM_KEYS
        for index in table.indexes:
            if asked_for and asked_for.index(index.key) is None and _is_beyond_repair(index, there):
                yield (
                    f"{table.id}: Appwrite lists the index {index.key} "
                    f"({', '.join(index.columns)}) but does not have it and cannot delete it. It "
                    "does no harm and leaves the list with its columns."
                )


def _alters(step: Step) -> bool:
    """Return whether a step renames or resizes a column."""
    if isinstance(step, ChangeColumn):
        return step.before.size != step.after.size
    return isinstance(step, (RenameColumn, ReplaceColumn))


def _drops_unique(step: Step) -> TypeGuard[DropIndex]:
    return isinstance(step, DropIndex) and step.index.type == "unique"


def _is_served(step: Step, unique: Iterable[Index]) -> bool:
    return (
        isinstance(step, CreateIndex)
        and step.index.type == "key"
        and any(map(step.index.excludes, unique))
    )


def _without_indexes_of_columns(
    extra: Iterable[Step], needed: Iterable[Step], engine: Engine
) -> Iterator[Step]:
    """
    Leave out the indexes that the server drops together with the column that ``prune`` drops.

    These are over a single column. From an index over several, the server only removes the dropped
    column. The rest may then be unique where rows are not, and the index cannot be dropped if
    several columns go at once.
    """
    steps = list(extra)
    dropped = {step.column.key.lower() for step in steps if isinstance(step, DropColumn)}
    anew = not engine.alters_indexed_tables and any(map(_alters, needed))
    for step in steps:
        if (
            anew
            or not isinstance(step, DropIndex)
            or len(step.index.columns) > 1
            or not dropped.issuperset(_keys(step.index))
        ):
            yield step


def _refuse_unknown_indexes(
    table: str, needed: Iterable[Step], extra: Iterable[Step], engine: Engine
) -> None:
    """
    Check that no index without a model prevents a step.

    It is neither dropped, nor dropped and created again: a run that was stopped in between would
    leave no trace of it.
    """
    unknown = [step.index for step in extra if isinstance(step, DropIndex)]
    if not unknown or (engine.alters_indexed_tables and engine.takes_identical_indexes):
        return
    for step in needed:
        if _alters(step) and not engine.alters_indexed_tables:
            prevented = "no column can be renamed or resized"
            others = (index for index in unknown if index.type in COMPARED)
        elif isinstance(step, CreateIndex) and not engine.takes_identical_indexes:
            prevented = f"the index {step.index.key} {step.index} cannot be created"
            others = (index for index in unknown if index.excludes(step.index))
        else:
            continue
        if (other := next(others, None)) is not None:
            raise UnsupportedModel(
                f"{table}: on {engine.label}, {prevented} while the table has the index "
                f"{other.key} {other}, which no model has.\n"
                "Way out: drop it, in the console or with appwrite_migrate --prune, or add it to "
                "the model."
            )


def _compare_tables(
    wanted: Table, live: Table, renames: Renames, marks: Marks, engine: Engine
) -> tuple[list[Step], list[Step]]:
    live, steps = _renamed(wanted, live, renames)
    there = {column.key.lower(): column for column in live.columns}
    has_key_columns = live.index(KEY_INDEX) is not None
    for column in wanted.columns:
        if has_key_columns and isinstance(column.fill, RowIds):
            # The keys are in another column, and the ids of rows need not be keys.
            column = replace(column, fill=None)
        steps += _compare_columns(live.id, there, column, marks)
    freeing = {step.before.key: step for step in _freeing(wanted, live, steps)}
    # The next plan finds the other changes to a replaced column.
    steps = [
        step
        for step in steps
        if not (isinstance(step, ChangeColumn) and step.before.key in freeing)
    ]
    steps += freeing.values()
    if live.id_encoding and wanted.id_encoding and live.id_encoding != wanted.id_encoding:
        steps.append(ReadOtherwise(live.id, ROW_ID, live.id_encoding, wanted.id_encoding))
    steps += (moved := list(moved_key(wanted, live)))
    keys = {column.key.lower() for column in wanted.columns}
    keys |= {step.column.key.lower() for step in moved if isinstance(step, DropColumn)}
    keys |= {_moving_to(live.id, column.key, marks) for column in live.columns}
    unknown = [
        column
        for column in live.columns
        if column.key.lower() not in keys and column.type != "relationship"
    ]
    # A successor of a column that matches its field is left over from a change that was reverted.
    pending = {step.after.key for step in steps if isinstance(step, ReplaceColumn)}
    pending |= {column.key for column in wanted.columns if column.key.lower() not in there}
    successors = {replacement_key(key) for key in pending} if unknown else set()
    aside = (
        {replaced_key(column.key).lower(): column.key for column in wanted.columns}
        if unknown
        else {}
    )
    extra: list[Step] = []
    for column in unknown:
        if (original := aside.get(column.key.lower())) is None:
            extra += [DropColumn(live.id, column)] if column.key not in successors else []
        elif not any(isinstance(step, RenameColumn) and step.old == column.key for step in steps):
            steps.append(DropColumn(live.id, column, replaced_by=original))
    changed = {column.key.lower() for column in _changed_with_indexes(steps)}
    anew = not engine.alters_indexed_tables and any(map(_alters, steps))
    index_steps, extra_indexes = _compare_indexes(wanted, live, changed, marks, anew=anew)
    if moved and wanted.index(KEY_INDEX) is None:
        index_steps, extra_indexes = without_key_index(moved, index_steps, extra_indexes, anew=anew)
    steps += index_steps
    if not engine.takes_identical_indexes:
        created = [step.index for step in index_steps if isinstance(step, CreateIndex)]
        # No loss: another index over the same columns serves the same queries, and the values of a
        # hidden column of ours are written and checked anew if its constraint comes back.
        idle = [
            step
            for step in extra_indexes
            if isinstance(step, DropIndex)
            and (
                (anew and any(map(is_hidden, step.index.columns)))
                or (step.index.type == "key" and any(map(step.index.excludes, created)))
            )
        ]
        steps += idle
        extra_indexes = [step for step in extra_indexes if step not in idle]
    steps += _compare_options(wanted, live)
    return steps, [*extra_indexes, *extra]


def _renamed(wanted: Table, live: Table, renames: Renames) -> tuple[Table, list[Step]]:
    """Return the table with its columns renamed, and the steps that rename them."""
    steps: list[Step] = []
    pending = {new: old for (table_id, new), old in renames.items() if table_id == wanted.id}
    # Of the renames a to b and b to c, the second comes first, in whatever order they are given.
    while (
        ready := next((pair for pair in pending.items() if _may_rename(live, *pair)), None)
    ) is not None:
        new_key, old_key = ready
        del pending[new_key]
        old = live.column(old_key)
        assert old is not None  # noqa: S101 - by _may_rename
        step, live = _rename(live, old, replace(_taken(old, wanted.column(new_key)), key=new_key))
        steps.append(step)
    for column in wanted.columns:
        known = live.column(column.key)
        if (
            known is None
            or known.key == column.key
            or known.status != "available"
            or known.type == "relationship"
        ):
            continue
        # The server compares keys without case, but queries and rows use the exact key.
        step, live = _rename(live, known, replace(_taken(known, column), key=column.key))
        steps.append(step)
    return live, steps


def _rename(live: Table, old: Column, new: Column) -> tuple[RenameColumn, Table]:
    """Return the step that renames a column, and the table after that step."""
    columns = tuple(new if column.key == old.key else column for column in live.columns)
    # The server renames the column in its indexes as well (recording indexes-and-columns).
    indexes = tuple(
        replace(index, columns=tuple(new.key if key == old.key else key for key in index.columns))
        for index in live.indexes
    )
    return RenameColumn(live.id, old.key, new), replace(live, columns=columns, indexes=indexes)


def _may_rename(live: Table, new_key: str, old_key: str) -> bool:
    # A replacement that was stopped just after the drop has left a column that takes the new key.
    taken = any(
        live.column(key) for key in (new_key, replacement_key(new_key), replaced_key(new_key))
    )
    return not taken and live.column(old_key) is not None


def _compare_columns(
    table: str, there: Mapping[str, Column], wanted: Column, marks: Marks
) -> Iterator[Step]:
    known = there.get(wanted.key.lower())
    if known is None:
        yield from _missing_column(table, there, wanted, marks)
    elif known.status in {"failed", "stuck"}:
        # The column never held a value, or its deletion has failed.
        yield DropColumn(table, known)
        yield CreateColumn(table, wanted)
    elif known.status == "deleting":
        # Creating or renaming a column waits until this key is free. The values are gone already.
        yield from _missing_column(table, there, wanted, marks)
    elif known.status == "processing" and same_storage(known, wanted):
        # Creating a column that already exists waits until it is available.
        yield CreateColumn(table, wanted)
    elif _moving_to(table, known.key, marks):
        # The next plan finds the other changes.
        yield FillColumn(table, known)
    elif not same_storage(known, wanted) or not reads_alike(known.encoding, wanted.encoding):
        if "relationship" in {known.type, wanted.type}:
            raise UnsupportedModel(
                f"{table}.{wanted.key}: the server has {known}, the model asks for {wanted}; one "
                "cannot become the other.\n"
                "Way out: map it with the field that inspectdb writes, or use another db_column."
            )
        yield ReplaceColumn(table, known, wanted)
    else:
        if marks and fill_table(table, known.key) in marks:
            yield FillColumn(table, replace(known, fill=wanted.fill))
        if not same_rules(known, wanted):
            yield ChangeColumn(table, known, wanted)
        if (
            known.encoding is not None
            and wanted.encoding is not None
            and known.encoding != wanted.encoding
        ):
            yield ReadOtherwise(table, wanted.key, known.encoding, wanted.encoding)


def _moving_to(table: str, key: str, marks: Marks) -> str:
    """Return the key, in lower case, of the column whose values move into this one, or ""."""
    return moved_from(marks.get(fill_table(table, key), "")).lower() if marks else ""


def _missing_column(
    table: str, there: Mapping[str, Column], wanted: Column, marks: Marks
) -> Iterator[Step]:
    # A column that was set aside and has no successor is the result of two concurrent runs.
    aside = there.get(replaced_key(wanted.key).lower())
    successor = there.get(replacement_key(wanted.key).lower()) or aside
    if successor is None:
        yield CreateColumn(table, wanted)
        return
    # The successor holds the values of the dropped column. Its type differs from the wanted one if
    # the models have changed again since.
    renamed = replace(_taken(successor, wanted), key=wanted.key)
    yield RenameColumn(table, successor.key, renamed)
    yield from _compare_columns(table, {wanted.key.lower(): renamed}, wanted, marks)


def _taken(live: Column, wanted: Column | None) -> Column:
    """
    Return a column with its encoding.

    This is the recorded encoding, or that of the wanted column if the storage is the same, or else
    the plain encoding of the column's type.
    """
    if wanted is None or wanted.encoding is None:
        return live
    if live.encoding is not None:
        same = live.encoding == wanted.encoding
        field = wanted.encoding.field if same else live.encoding.field
        return replace(live, encoding=replace(live.encoding, field=field))
    return replace(live, encoding=wanted.encoding if same_storage(live, wanted) else plain(live))


def _unrecorded(wanted: Table, live: Table, steps: Iterable[Step]) -> Iterator[Record]:
    """Yield a record for each column that has none, or that of another field, and no step."""
    recording = {key for step in steps for key in _recorded_by(step)}
    found = [(live.column(column.key), column.encoding, column.hidden) for column in wanted.columns]
    # A hidden column is recorded once its values are right.
    known = [
        (column.key, column.encoding, encoding)
        for column, encoding, hidden in found
        if column is not None and (hidden is None or column.encoding is not None)
    ]
    for key, there, encoding in [(ROW_ID, live.id_encoding, wanted.id_encoding), *known]:
        if encoding is None or key.lower() in recording:
            continue
        if there is None or (there == encoding and not _is_same_field(there, encoding)):
            yield Record(live.id, key, encoding)


def _is_same_field(recorded: Encoding, wanted: Encoding) -> bool:
    was, field = recorded.field, wanted.field
    if was is not None and field is not None and {was.type, field.type} <= _AUTOMATIC:
        # In migrations, the keys of tables between many-to-many related ones are those of the
        # project's DEFAULT_AUTO_FIELD, in models those of the app's.
        return replace(was, type=field.type) == field
    return was == field


def _has_encoding(live: Table, record: Record) -> bool:
    column = live.column(record.key)
    return live.id_encoding is not None if column is None else column.encoding is not None


def _recorded_by(step: Step) -> Iterator[str]:
    """Yield the keys, in lower case, that a step records by itself."""
    if isinstance(step, (CreateColumn, RenameColumn)):
        yield step.column.key.lower()
    elif isinstance(step, ReplaceColumn):
        yield step.before.key.lower()
    elif isinstance(step, ReadOtherwise):
        yield step.key.lower()


def _compare_indexes(
    wanted: Table, live: Table, changed: set[str], marks: Marks, *, anew: bool
) -> tuple[list[Step], list[Step]]:
    """
    Compare the indexes of a table.

    Args:
        changed: the keys, in lower case, of the columns that are dropped or replaced in any case.
        anew: whether every index over any columns is in the way of a change.
    """
    steps: list[Step] = []
    there = {column.key.lower() for column in live.columns} | _SYSTEM_KEYS
    broken = {
        index.key for index in live.indexes if index.is_lost or not there.issuperset(_keys(index))
    }
    whole = replace(live, indexes=tuple(index for index in live.indexes if index.key not in broken))
    # These have a wanted key but another definition. They have to be dropped even if their
    # definition is that of another wanted index.
    in_the_way = {
        known.key
        for index in wanted.indexes
        if _by_definition(whole, index, wanted) is None
        and (known := live.index(index.key)) is not None
    }
    used: set[str] = set()
    for index in wanted.indexes:
        known = _by_definition(whole, index, wanted) or live.index(index.key)
        if known is None or (known.key in in_the_way and known.key.lower() != index.key.lower()):
            steps.append(CreateIndex(live.id, index))
            continue
        used.add(known.key)
        if (
            known.status in {"failed", "stuck"}
            or known.key in broken
            or _definition(known, wanted) != _definition(index, wanted)
            or changed & _keys(known)
            or (anew and known.type in COMPARED)
        ):
            steps += [
                DropIndex(live.id, known, replaced=True, broken=known.key in broken),
                CreateIndex(live.id, index),
            ]
        elif known.status in {"deleting", "processing"}:
            steps.append(CreateIndex(live.id, index))
        elif marks and trial_table(live.id, known.key) in marks:
            steps.append(TryIndex(live.id, known))
    over_relations = {column.key for column in live.columns if column.type == "relationship"}
    extra: list[Step] = []
    for index in live.indexes:
        # The server creates an index for each one-to-one relationship.
        if index.key in used or over_relations & set(index.columns):
            continue
        if index.key in broken:
            if not _is_beyond_repair(index, there):
                steps.append(DropIndex(live.id, index, broken=True))
        elif changed & _keys(index):
            # No model has the index, and it cannot outlive the old column.
            steps.append(DropIndex(live.id, index))
        else:
            extra.append(DropIndex(live.id, index))
    return steps, extra


def _changed_with_indexes(steps: Iterable[Step]) -> Iterator[Column]:
    """Yield the columns that the steps of a table drop or replace, and their indexes with them."""
    for step in steps:
        if isinstance(step, ReplaceColumn):
            yield step.before
        elif isinstance(step, DropColumn):
            yield step.column


def _keys(index: Index) -> set[str]:
    return {key.lower() for key in index.columns}


def _is_beyond_repair(index: Index, there: set[str]) -> bool:
    """Return whether the server can only remove an index from its list by dropping a column."""
    return index.is_lost and there.issuperset(_keys(index))


def _freeing(wanted: Table, live: Table, steps: Iterable[Step]) -> Iterator[ReplaceColumn]:
    """
    Yield a replacement for each column of an index that the server lists but does not have.

    The server cannot delete such an index. It leaves the list with the last of its columns, and its
    key can then be used again.
    """
    changed = {column.key for column in _changed_with_indexes(steps)}
    for index in live.indexes:
        if not index.is_lost or wanted.index(index.key) is None:
            continue
        for key in index.columns:
            before, after = live.column(key), wanted.column(key)
            if before is not None and after is not None and before.key not in changed:
                changed.add(before.key)
                yield ReplaceColumn(live.id, before, after)


def _definition(index: Index, table: Table) -> tuple[object, ...]:
    """Return everything but the name, with 0 for each length that covers its whole column."""
    sizes = [
        characters_of(column) if (column := table.column(key)) else None for key in index.columns
    ]
    lengths = [
        0 if size is not None and length >= size else length
        for size, length in zip(sizes, index.lengths, strict=False)
    ]
    return replace(index, lengths=tuple(lengths) if any(lengths) else ()).definition


def _by_definition(live: Table, wanted: Index, table: Table) -> Index | None:
    """Return an index with the same definition, preferably with the same key."""
    definition = _definition(wanted, table)
    same = [
        index
        for index in live.indexes
        if _definition(index, table) == definition and index.status == "available"
    ]
    return next(
        (index for index in same if index.key.lower() == wanted.key.lower()),
        same[0] if same else None,
    )


def _compare_options(wanted: Table, live: Table) -> Iterable[Step]:
    """Yield a step if permissions or row security differ; settings that no model mentions stay."""
    after = replace(
        live,
        permissions=wanted.permissions or live.permissions,
        row_security=wanted.row_security or live.row_security,
    )
    if (after.permissions, after.row_security) != (live.permissions, live.row_security):
        yield ChangeTable(live.id, live, after)
