"""
Add the hidden columns of unique constraints to every write that can change them.

A write that has all columns of a constraint, as that of a new row, needs no more requests. A write
of some of them reads the rest of the row, and is only applied to the version that was read: two
writes of different columns at the same time cannot leave a value of neither.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from appwrite_orm_django.backend.commands import (
    Changes,
    Command,
    Condition,
    CreateRows,
    DeleteRows,
    Images,
    IncrementColumn,
    Membership,
    Unique,
    UpdateFromQuery,
    UpdateRow,
    UpdateRows,
    UpsertRows,
)
from appwrite_orm_django.backend.evaluation.commands import CurrentRows, Fetch
from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.execution.increments import check_bounds
from appwrite_orm_django.backend.transactions.log import Operation
from appwrite_orm_django.backend.transactions.staging import BATCH
from appwrite_orm_django.backend.uniqueness import (
    Uniqueness,
    computed,
    uniqueness_of,
    values_of,
)
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.errors import UniqueViolation, WriteRefused
from appwrite_orm_django.schema.errors import DuplicateRows
from appwrite_orm_django.schema.rows import MAX_SHOWN
from appwrite_orm_django.schema.unique import HiddenColumn, equal_rows

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.schema.definitions import Hidden

Row = Mapping[str, Any]

#: How often to write rows in one transaction before they are written one by one.
_ATTEMPTS_TOGETHER = 2


def completed(connection: Connection, command: Command) -> Command:
    """Return a write command that also writes the hidden columns of its table."""
    if isinstance(command, DeleteRows):
        return command
    uniqueness = uniqueness_of(command.model, connection.engine)
    if not uniqueness:
        return command
    complete: Mapping[type[Command], Callable[..., Command]] = {
        CreateRows: _create,
        UpsertRows: _upsert,
        UpdateRow: _update,
        UpdateRows: _update,
        IncrementColumn: _increment,
        UpdateFromQuery: _update_from_query,
    }
    return complete[type(command)](connection, uniqueness, command)


def _create(connection: Connection, uniqueness: Uniqueness, command: CreateRows) -> Command:
    hidden = uniqueness.of_new_rows(connection, [row.data for row in command.rows])
    new = tuple(
        replace(row, data={**row.data, **values})
        for row, values in zip(command.rows, hidden, strict=True)
    )
    return replace(command, rows=new, unique=uniqueness.indexes(command.unique))


def _upsert(connection: Connection, uniqueness: Uniqueness, command: UpsertRows) -> Command:
    hidden = uniqueness.of_new_rows(connection, [row.data for row in command.rows])
    new = tuple(
        replace(row, data={**row.data, **values})
        for row, values in zip(command.rows, hidden, strict=True)
    )
    # A row is found by what the index compares, nulls included.
    target = next(
        (
            (one.key,)
            for one in uniqueness.columns
            if one.is_plain and set(one.columns) == set(command.target)
        ),
        command.target,
    )
    command = replace(command, rows=new, target=target, unique=uniqueness.indexes(command.unique))
    touched = [one for one in uniqueness.columns if not one.reads.isdisjoint(command.changes)]
    if not touched:
        return command
    reads = tuple(sorted({key for one in touched for key in one.reads}))

    def of(images: Images) -> Changes:
        values = computed(connection, touched, list(images.values()))
        return dict(zip(images, values, strict=True))

    return replace(command, reads=reads, completed=of)


def _update(
    connection: Connection, uniqueness: Uniqueness, command: UpdateRow | UpdateRows
) -> Command:
    known, unknown = uniqueness.changed(connection, command.data)
    unique = uniqueness.indexes(command.unique)
    data = {**command.data, **known}
    if not unknown:
        return replace(command, data=data, unique=unique)
    if isinstance(command, UpdateRow):
        condition = Condition((queries.equal(ROW_ID, command.row_id),))
    else:
        condition = command.condition
    source = CurrentRows(command.table, condition, _reads(unknown))
    return _row_by_row(connection, command, source, unknown, lambda _row: data, unique)


def _increment(connection: Connection, uniqueness: Uniqueness, command: IncrementColumn) -> Command:
    touched = [one for one in uniqueness.columns if command.column in one.reads]
    unique = uniqueness.indexes(command.unique)
    if not touched:
        return replace(command, unique=unique)

    def added(row: Row) -> dict[str, Any]:
        value = row[command.column]
        check_bounds(command, value)
        return {command.column: None if value is None else value + command.amount}

    condition = Condition((queries.equal(ROW_ID, command.row_id),))
    source = CurrentRows(command.table, condition, _reads(touched))
    return _row_by_row(connection, command, source, touched, added, unique)


def _reads(hidden: Sequence[HiddenColumn]) -> tuple[str, ...]:
    return tuple(sorted({key for one in hidden for key in one.reads}))


def _row_by_row(
    connection: Connection,
    command: UpdateRow | UpdateRows | IncrementColumn,
    source: CurrentRows,
    hidden: Sequence[HiddenColumn],
    change: Callable[[Row], Mapping[str, Any]],
    unique: Unique,
) -> UpdateFromQuery:
    """
    Return the command that computes hidden columns from the rows that it changes.

    Args:
        change: returns the other columns to write, from the row as it is.
    """

    def write(values: tuple[Any, ...]) -> Mapping[str, Any]:
        (row,) = values
        data = change(row)
        (further,) = computed(connection, hidden, [{**row, **data}])
        return {**data, **further}

    row_id = None if isinstance(command, UpdateRows) else command.row_id
    return UpdateFromQuery(
        command.table, source, str, write, unique=unique, model=command.model, row_id=row_id
    )


def _update_from_query(
    connection: Connection, uniqueness: Uniqueness, command: UpdateFromQuery
) -> Command:
    written = set(command.columns)
    touched = [one for one in uniqueness.columns if not one.reads.isdisjoint(written)]
    command = replace(command, unique=uniqueness.indexes(command.unique))
    if not touched:
        return command
    missing = tuple(sorted({key for one in touched for key in one.reads} - written))

    def of(changes: Changes) -> Changes:
        current: dict[str, Row] = {}
        if missing and changes:
            condition = Condition((), (Membership(ROW_ID, tuple(changes)),))
            found = connection.reader.run(CurrentRows(command.table, condition, missing))
            current = {row_id.lower(): row for row_id, row in found}
            # Rows that were deleted meanwhile are not changed.
            changes = {key: data for key, data in changes.items() if key.lower() in current}
        images = [{**current.get(key.lower(), {}), **data} for key, data in changes.items()]
        further = computed(connection, touched, images)
        return {
            key: {**data, **values}
            for (key, data), values in zip(changes.items(), further, strict=True)
        }

    if not missing:
        return replace(command, completed=of)
    return replace(command, completed=of, depends_on_row=True, is_blind=False)


# Filling


class HiddenValues:
    """
    Compute the values of hidden columns, and write those that are missing or wrong.

    Implements ``schema.unique.HiddenValues``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, hidden: Hidden, rows: Sequence[Row]) -> list[str | None]:
        return values_of(self._connection, cast(HiddenColumn, hidden), rows)

    def fill(self, table: str, hidden: Sequence[Hidden]) -> None:
        _Filling(self._connection, table, cast("Sequence[HiddenColumn]", hidden)).run()


class _Filling:
    """
    Write the hidden columns of all rows of a table that hold something else.

    A run that was stopped can be repeated: rows with the right values are only read.
    """

    def __init__(self, connection: Connection, table: str, hidden: Sequence[HiddenColumn]) -> None:
        self._connection = connection
        self._table = connection.table_ref(table)
        self._hidden = hidden
        self._columns = (*_reads(hidden), *(one.key for one in hidden))
        # Rows whose values other rows have, with the error that said so.
        self._refused: dict[str, UniqueViolation] = {}

    def run(self) -> None:
        """
        Write the values.

        Raises:
            DuplicateRows: rows would have the same values as others. All other rows are right.
        """
        for ids in self._wrong():
            self._write(ids, self._right)
        if not self._refused:
            return
        # Another row may hold the value wrongly, and be refused for the same reason.
        ids, self._refused = list(self._refused), {}
        self._write(ids, self._empty)
        for row_id in ids:
            self._write([row_id], self._right)
        if self._refused:
            raise self._duplicates()

    def _wrong(self) -> Iterator[list[str]]:
        condition, fetch = Condition(), Fetch(self._table, "", Condition())
        with self._connection.own_block() as block, block.blindly():
            pages = self._connection.reader.pages(fetch, condition, (ROW_ID, *self._columns))
            for page in pages:
                ids = list(self._changes(page, self._right))
                yield from (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))

    def _changes(
        self, rows: Sequence[Row], wanted: Callable[[Sequence[Row]], list[dict[str, Any]]]
    ) -> dict[str, dict[str, Any]]:
        changes = {
            row[ROW_ID]: {key: value for key, value in values.items() if row[key] != value}
            for row, values in zip(rows, wanted(rows), strict=True)
        }
        return {row_id: data for row_id, data in changes.items() if data}

    def _right(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        return computed(self._connection, self._hidden, rows)

    def _empty(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [dict.fromkeys(one.key for one in self._hidden) for _ in rows]

    def _write(
        self, ids: Sequence[str], wanted: Callable[[Sequence[Row]], list[dict[str, Any]]]
    ) -> None:
        condition = Condition((), (Membership(ROW_ID, tuple(ids)),))
        source = CurrentRows(self._table, condition, self._columns)
        for attempt in itertools.count(1):
            with self._connection.own_block() as block:
                rows = [row for _row_id, row in self._connection.reader.run(source)]
                for row_id, data in self._changes(rows, wanted).items():
                    block.log.append(Operation("update", self._table, row_id, data))
                try:
                    block.commit()
                except UniqueViolation as error:
                    if len(ids) == 1:
                        self._refused[ids[0]] = error
                        return
                    break
                except WriteRefused:
                    # Rows that exchange their values are refused together, without a reason.
                    if len(ids) > 1 and attempt == _ATTEMPTS_TOGETHER:
                        break
                    if attempt == retries.MAX_ATTEMPTS:
                        raise
                else:
                    return
            retries.pause(attempt)
        for row_id in ids:
            self._write([row_id], wanted)

    def _duplicates(self) -> DuplicateRows:
        pairs: dict[HiddenColumn, list[tuple[str, str, Row]]] = {}
        condition = Condition((), (Membership(ROW_ID, tuple(self._refused)),))
        with self._connection.own_block():
            source = CurrentRows(self._table, condition, self._columns)
            rows = dict(self._connection.reader.run(source))
        for row_id, error in list(self._refused.items())[:MAX_SHOWN]:
            pair = (error.existing_id or "another row", row_id, rows.get(row_id, {}))
            pairs.setdefault(self._violated(error), []).append(pair)
        errors = [equal_rows(self._table.table, one, found) for one, found in pairs.items()]
        return errors[0] if len(errors) == 1 else DuplicateRows("\n".join(map(str, errors)))

    def _violated(self, error: UniqueViolation) -> HiddenColumn:
        of_columns = [one for one in self._hidden if one.named_columns == error.columns]
        named = [one for one in of_columns if one.name == error.constraint]
        return (named or of_columns or list(self._hidden))[0]
