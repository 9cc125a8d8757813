"""
Create, fill, change, replace and drop columns.

A row that is older than a column gets the field's default once; a null that is written later stays
null. The column of a run that was killed while it filled the rows looks no different. So the run
creates a mark before the column and deletes it after the last row, as for unique indexes. A mark is
an empty table whose id identifies the column, and whose name is the value, so that all rows get the
same value.

On PostgreSQL, a datetime column cannot be renamed. Its values move into a new column instead, whose
mark names the old one. The old column is dropped last, so a later run can copy again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    AppwriteError,
    ColumnNotFound,
    InvalidSchema,
    TableNotFound,
)
from appwrite_orm_django.schema.comparison import same_storage
from appwrite_orm_django.schema.definitions import Column, Computed, Index, RowIds, value_of
from appwrite_orm_django.schema.encodings import as_recorded
from appwrite_orm_django.schema.errors import NotAvailable, UnconvertibleRows, missing_values
from appwrite_orm_django.schema.names import (
    fill_table,
    move_mark,
    moved_from,
    replaced_key,
    replacement_key,
)
from appwrite_orm_django.schema.records import Record, records_of
from appwrite_orm_django.schema.steps import (
    ChangeColumn,
    CreateColumn,
    CreateIndex,
    DropColumn,
    DropIndex,
    FillColumn,
    FillUnique,
    NoLongerWritten,
    ReadOtherwise,
    RenameColumn,
    ReplaceColumn,
)
from appwrite_orm_django.schema.wire import changed_options, column_options

from . import indexes
from .work import Steps, Work


def rename(work: Work, steps: Sequence[RenameColumn]) -> Steps:
    for step in steps:
        try:
            _rename(work, step.table, step.old, step.column)
        except (AlreadyExists, ColumnNotFound):
            # Another run may have renamed it meanwhile.
            new, type_ = step.column.key, step.column.type
            if not work.is_there(step.table, new, type_) or work.is_there(
                step.table, step.old, type_
            ):
                raise
    return work.done(steps)


def _rename(work: Work, table: str, old: str, column: Column) -> None:
    """
    Rename a column.

    The record is written under the new key first, so a run after a stopped one finds it and
    completes the rename.
    """
    if old.lower() == column.key.lower():
        # The server and the records compare keys without case, so a third key goes in between.
        aside = replaced_key(column.key)
        _rename(work, table, old, replace(column, key=aside))
        old = aside
    recorded = records_of(table, [column])
    work.record(recorded)
    _give_key(work, table, old, column)
    if recorded:
        work.forget([(table, old)])


def _give_key(work: Work, table: str, old: str, column: Column) -> None:
    if column.type == "datetime" and not work.engine.renames_datetimes:
        _move(work, table, old, column)
        return
    try:
        _patch(work, table, old, column, column, {**_kept(column), "newKey": column.key})
    except AlreadyExists:
        # A column that is still being deleted may have the key.
        if not work.waiter.those_gone([(table, column.key)], work.columns_of, "column"):
            raise
        _give_key(work, table, old, column)


def _move(work: Work, table: str, old: str, column: Column) -> None:
    """
    Move the values of a column into a new one, and its indexes with them.

    Raises:
        AlreadyExists: another column has the new key.
        ColumnNotFound: the old column does not exist.
    """
    _finish_move(work, table, column.type, old)  # the rest of an earlier rename
    if not work.is_there(table, old, column.type):
        raise ColumnNotFound(f"{table} has no column {old} to move to {column.key}.")
    bare, mark, begun = _bare(column), work.ref(fill_table(table, column.key)), False
    try:
        table_routes.create_table(work.transport, mark, move_mark(old))
    except AlreadyExists:
        try:
            begun = moved_from(table_routes.get_table(work.transport, mark)["name"]) == old
        except TableNotFound:  # another run has finished meanwhile
            _move(work, table, old, column)
            return
        if not begun:
            table_routes.delete_table(work.transport, mark)
            table_routes.create_table(work.transport, mark, move_mark(old))
    try:
        _create_new(work, table, bare)
    except AlreadyExists:
        if not begun:
            with contextlib.suppress(TableNotFound):  # another run has finished meanwhile
                table_routes.delete_table(work.transport, mark)
            raise
    _finish_move(work, table, column.type, column.key, old)
    if bare != column:
        _update(work, table, bare, column)


def _create_new(work: Work, table: str, column: Column) -> None:
    """
    Create a column.

    Raises:
        AlreadyExists: there is a column with its key, which is not being deleted.
    """
    pair = (table, column.key)
    if not _create_one(work, pair[0], column):
        if not work.waiter.those_gone([pair], work.columns_of, "column"):
            raise AlreadyExists(f"{table} has a column {column.key}.")
        _create_new(work, table, column)
    work.wait_for_columns([pair])


def _finish_move(work: Work, table: str, type_: str, key: str, old: str | None = None) -> bool:
    """
    Finish the move of a column to a new key; return False if none was begun.

    Args:
        old: the old key; read from the mark by default.
    """
    mark = work.ref(fill_table(table, key))
    if old is None:
        try:
            old = moved_from(table_routes.get_table(work.transport, mark)["name"])
        except TableNotFound:
            return False
        if not old:
            return False
    # Another run may be done with it, and the key taken by another column.
    if work.is_there(table, old, type_):
        _copy_moved(work, table, type_, old, key)
        over = [index for index in work.indexes_of(table) if old in index.columns]
        indexes.drop(work, [DropIndex(table, index, replaced=True) for index in over])
        _drop(work, [(table, old)])
        indexes.create(work, [CreateIndex(table, _moved(index, old, key)) for index in over])
    with contextlib.suppress(TableNotFound):
        table_routes.delete_table(work.transport, mark)
    return True


def _copy_moved(work: Work, table: str, type_: str, old: str, key: str) -> None:
    after = Column(key, type_)
    try:
        work.copy(ReplaceColumn(table, Column(old, type_), after), after)
    except AppwriteError:
        # Another run drops the old column when it has copied all values.
        if work.is_there(table, old, type_):
            raise


def _moved(index: Index, old: str, key: str) -> Index:
    return replace(index, columns=tuple(key if one == old else one for one in index.columns))


def _patch(
    work: Work, table: str, key: str, column: Column, rules: Column, options: Mapping[str, Any]
) -> None:
    """
    Change a column in place.

    Args:
        rules: a column with the values of ``required`` and ``default`` to set.

    Raises:
        NotAvailable: an index of the table prevents the change.
    """

    def patch() -> None:
        work.waiter.until_known(
            lambda: column_routes.update_column(
                work.transport,
                work.ref(table),
                column.type,
                key,
                required=rules.required,
                default=rules.default,
                **options,
            )
        )

    try:
        patch()
    except InvalidSchema as error:
        if error.type not in _INDEX_REFUSALS:
            raise
        if not indexes.renew_trimmed(work, table, str(error)):
            raise _held_by_index(work, table, key, error) from error
        patch()


def _held_by_index(work: Work, table: str, key: str, error: InvalidSchema) -> NotAvailable:
    over = [index for index in work.indexes_of(table) if key in index.columns]
    named = ", ".join(f"{index.key} {index}" for index in over) or "none over this column"
    return NotAvailable(
        f"column {table}.{key}: Appwrite rejected the change because of an index of the table: "
        f"{error}\nIndexes over it: {named}.\n"
        "Way out: drop the indexes that no model has with appwrite_migrate --prune or in the "
        "console, and run the migration again."
    )


#: Error types of a column update when any index of the table could not be created in its current
#: form.
_INDEX_REFUSALS = frozenset({"column_index_invalid", "index_invalid"})


def create(work: Work, steps: Sequence[CreateColumn]) -> Steps:
    needy = {
        step.table for step in steps if step.column.required or _given(step.column) is not None
    }
    occupied = {table for table in needy if work.has_rows(table)}
    # The columns of a new table were recorded with the table.
    new = [step for step in steps if step.table not in work.new_tables]
    work.record([record for step in new for record in records_of(step.table, [step.column])])
    marks = {step: _mark(work, step.table, step.column) for step in steps if step.table in occupied}
    made = [(step, _bare(step.column) if step.table in occupied else step.column) for step in steps]
    _make(work, [(step.table, column) for step, column in made])
    for step, column in made:
        if step.table in occupied:
            _settle(work, step.table, column, step.column, marks[step])
    return work.done(steps)


def _bare(column: Column) -> Column:
    return replace(column, required=False, default=None)


def _given(column: Column) -> Any:
    """Return the value for rows without a value, which may not be computed yet."""
    return column.fill if column.default is None else column.default


def _mark(work: Work, table: str, column: Column) -> Mark | None:
    """
    Create the mark for rows to be filled and return it, or None if the column needs none.

    A column that becomes required, or gets a default, needs no mark: it stays optional until the
    last row has a value. It needs one for a computed value, since the next run would compute
    another.
    """
    given = _given(column)
    shows = column.required or column.default is not None
    if (shows and not isinstance(given, Computed)) or value_of(given) is None:
        return None
    return Mark.leave(work, table, column)


class Mark:
    """
    An empty table that marks a column whose rows have not all been filled.

    Attributes:
        value: the value for the rows; None if it is unknown because it was too long for the mark.
    """

    def __init__(self, work: Work, table: str, key: str, value: Any) -> None:
        self.value = value
        self._work = work
        self._ref = work.ref(fill_table(table, key))

    @classmethod
    def leave(cls, work: Work, table: str, column: Column) -> Mark:
        mark = cls(work, table, column.key, value_of(column.fill))
        text = json.dumps([_encoding_of(column), mark.value])
        name = text if len(text) <= _MAX_NAME else f"Rows of {table}.{column.key} to fill"
        try:
            table_routes.create_table(work.transport, mark._ref, name)
        except AlreadyExists:
            # An earlier run was stopped, or another one is in progress.
            return cls.found(work, table, column)
        return mark

    @classmethod
    def found(cls, work: Work, table: str, column: Column) -> Mark:
        """
        Return the mark of another run.

        A constant of the field takes precedence over the value of the mark, which some rows already
        have.
        """
        mark = cls(
            work, table, column.key, None if isinstance(column.fill, Computed) else column.fill
        )
        if mark.value is None:
            mark.value = mark._kept(column)
        if mark.value is None:
            mark.value = value_of(column.fill)
        return mark

    def _kept(self, column: Column) -> Any:
        try:
            encoding, value = json.loads(
                table_routes.get_table(self._work.transport, self._ref)["name"]
            )
        except (TableNotFound, TypeError, ValueError):
            return None
        # A value for a column with other decimal places would mean a different number in this one.
        return value if encoding == _encoding_of(column) else None

    def remove(self) -> None:
        with contextlib.suppress(TableNotFound):
            table_routes.delete_table(self._work.transport, self._ref)


def _encoding_of(column: Column) -> str:
    return "" if column.encoding is None else as_recorded(column.encoding)


#: The maximum length of a table's name in characters.
_MAX_NAME = 128


def fill(work: Work, steps: Sequence[FillColumn]) -> Steps:
    for step in steps:
        if _finish_move(work, step.table, step.column.type, step.column.key):
            work.progress(step)
            continue
        mark = Mark.found(work, step.table, step.column)
        if mark.value is not None:
            work.fill(step.table, step.column.key, mark.value, only_older=True)
        mark.remove()
        work.progress(step)
    return ()


def _make(work: Work, columns: Sequence[tuple[str, Column]]) -> None:
    _request(work, columns)
    work.wait_for_columns((table, column.key) for table, column in columns)


def _request(work: Work, columns: Sequence[tuple[str, Column]]) -> None:
    """Request columns that do not exist."""
    created = work.in_parallel(lambda pair: _create_one(work, *pair), columns)
    there = [pair for pair, new in zip(columns, created, strict=True) if not new]
    # Another run has created the column, or a column with this key is still being deleted. In that
    # case it is created once the deletion is complete.
    gone = work.waiter.those_gone(
        ((table, column.key) for table, column in there), work.columns_of, "column"
    )
    if gone:
        _request(work, [(table, column) for table, column in there if (table, column.key) in gone])


def _create_one(work: Work, table: str, column: Column) -> bool:
    """Request a column; return False if there is one with its key."""
    try:
        column_routes.create_column(
            work.transport,
            work.ref(table),
            column.type,
            column.key,
            required=column.required,
            **column_options(column),
        )
    except AlreadyExists:
        return False
    return True


def change(work: Work, steps: Sequence[ChangeColumn]) -> Steps:
    for step in steps:
        before, after = step.before, replace(step.after, key=step.before.key, type=step.before.type)
        becomes_required = after.required and not before.required
        if becomes_required or (after.default is not None and before.default is None):
            bare = replace(after, required=before.required and after.required, default=None)
            if changed_options(before, bare) or (before.required, before.default) != (
                bare.required,
                None,
            ):
                _update(work, step.table, before, bare)
            _settle(work, step.table, bare, after)
        else:
            _update(work, step.table, before, after)
        if step.destructive:
            work.outcome.holds_others(step.table, after.key, work.count_outside(step.table, after))
        work.progress(step)
    return ()


def _settle(work: Work, table: str, bare: Column, wanted: Column, mark: Mark | None = None) -> None:
    """
    Fill the rows without a value, then set the column's default or make it required.

    The server does not fill rows itself. The order leaves a difference for the next plan if a run
    stops before it has filled all rows.

    Args:
        mark: the mark that was created before the column.

    Raises:
        MissingValues: there is no value to fill the rows with.
    """
    settled = bare == wanted
    missing = work.count_without_value(table, wanted) if not settled else 0
    if missing or mark is not None:
        if mark is None:
            mark = _mark(work, table, wanted)
        value = value_of(_given(wanted)) if mark is None else mark.value
        if isinstance(value, RowIds):
            work.fill_ids(table, wanted, value)
        elif value is not None:
            work.fill(table, wanted.key, value, only_older=settled)
        elif wanted.required:
            raise missing_values(table, {wanted.key: missing})
    if not settled:
        _update(work, table, bare, wanted)
    if mark is not None:
        mark.remove()


def _update(work: Work, table: str, before: Column, after: Column) -> None:
    options = {**_kept(before), **changed_options(before, after)}
    try:
        _patch(work, table, before.key, before, after, options)
    except NotAvailable:
        # The indexes may be those of another run that has finished.
        live = next((one for one in work.columns_of(table) if one.key == after.key), None)
        if live is None or live.required != after.required or changed_options(live, after):
            raise


def _kept(column: Column) -> dict[str, Any]:
    # Every update of an enum has to repeat its elements.
    return {"elements": list(column.elements)} if column.elements else {}


def replace_by_others(work: Work, steps: Sequence[ReplaceColumn]) -> Steps:
    for step in steps:
        before = step.before
        if not work.is_there(step.table, before.key, before.type):
            work.progress(step)  # another run has replaced it
            continue
        # The successor stays optional while the rows are copied.
        successor = replace(
            step.after, key=replacement_key(step.after.key), required=False, default=None
        )
        # Record the assumed encoding of the old column first, because a later run that continues
        # this one has nothing else to rely on.
        work.record_assumed(step.table, before)
        _make_successor(work, step.table, before, successor)
        if _copied(work, step, successor) and work.both_there(
            step.table, before.key, successor.key
        ):
            _switch(work, step.table, before, replace(successor, key=step.after.key))
        work.progress(step)
    # The next plan finds the remaining changes and the indexes that were dropped with the old
    # column.
    return ()


def _copied(work: Work, step: ReplaceColumn, successor: Column) -> bool:
    """
    Copy the values to the successor, and return False if another run has put it in place.

    Concurrent runs share a successor. A late run must not mistake the replacement for the old
    column, and may find the successor gone at each of its requests.
    """
    if not work.is_as_planned(step.table, step.before):
        return False
    try:
        work.copy(step, successor)
    except (AppwriteError, UnconvertibleRows):
        if work.is_as_planned(step.table, step.before):
            raise
        return False
    return True


def _switch(work: Work, table: str, before: Column, after: Column) -> None:
    """
    Replace a column by its successor and drop the old column.

    The old column is set aside first, since another run may have just made the switch and a dropped
    column cannot be restored.
    """
    aside = replace(before, key=replaced_key(after.key))
    try:
        _give_key(work, table, before.key, aside)
    except (AlreadyExists, ColumnNotFound):
        return
    except NotAvailable:
        # The indexes are those of another run that has finished.
        if work.is_as_planned(table, before):
            raise
        return
    try:
        _rename(work, table, replacement_key(after.key), after)
    except ColumnNotFound:
        # Without a successor, the old column gets its key back, unless another run has found both
        # and put the successor in place.
        with contextlib.suppress(AlreadyExists, ColumnNotFound):
            _give_key(work, table, aside.key, before)
        return
    _drop(work, [(table, aside.key)])


def _make_successor(work: Work, table: str, before: Column, successor: Column) -> None:
    """Create the column that will replace another, or reuse the successor of a stopped run."""
    pair = (table, successor.key)
    known = next((column for column in work.columns_of(table) if column.key == successor.key), None)
    if known is not None and not (
        same_storage(known, successor) and work.is_recorded(table, successor)
    ):
        _drop(work, [(table, known.key)])
    work.record(records_of(table, [successor]))
    _request(work, [(table, successor)])
    # Another run may have put it in place, and then waiting for it would be in vain.
    if work.wait_for_columns_or_gone([pair]) and work.is_as_planned(table, before):
        work.wait_for_columns([pair])


def read_otherwise(work: Work, steps: Sequence[ReadOtherwise]) -> Steps:
    work.record([Record(step.table, step.key, step.after) for step in steps])
    return work.done(steps)


def fill_unique(work: Work, steps: Sequence[FillUnique]) -> Steps:
    by_table: dict[str, list[Column]] = {}
    for step in steps:
        by_table.setdefault(step.table, []).append(step.column)
    for table, columns in by_table.items():
        if work.has_rows(table):
            work.fill_unique(table, [one.hidden for one in columns if one.hidden is not None])
        work.record(records_of(table, columns))
    return work.done(steps)


def no_longer_written(work: Work, steps: Sequence[NoLongerWritten]) -> Steps:
    work.forget((step.table, step.column.key) for step in steps)
    return work.done(steps)


def drop(work: Work, steps: Sequence[DropColumn]) -> Steps:
    _drop(work, [(step.table, step.column.key) for step in steps])
    work.forget((step.table, step.column.key) for step in steps if step.column.encoding is not None)
    return work.done(steps)


def _drop(work: Work, keys: Sequence[tuple[str, str]]) -> None:
    def drop_one(pair: tuple[str, str]) -> None:
        table, key = pair
        with contextlib.suppress(ColumnNotFound):
            column_routes.delete_column(work.transport, work.ref(table), key)

    work.in_parallel(drop_one, keys)
    work.wait_for_columns_to_go(keys)
