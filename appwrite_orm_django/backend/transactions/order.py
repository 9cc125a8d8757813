"""
Order changes of rows so that each unique value is free before another row takes it.

The server compares unique values after each operation of a commit, not at its end. Changes that
are fine in the end may be rejected in one order and accepted in another.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import DatabaseError

from appwrite_orm_django.backend.execution import violations
from appwrite_orm_django.backend.execution.violations import Clash, unique_value
from appwrite_orm_django.backend.transactions.log import Operation, RowState, add, key_of
from appwrite_orm_django.backend.values import ROW_ID

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Unique
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Key
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.engines import Engine

#: Further text of the error about a value that no order of the writes keeps free.
NO_ORDER = (
    "\nAppwrite compares unique values after every write, and no order of these writes avoids a "
    "clash. Give one of the rows another value in between, as where two rows exchange theirs."
)
_Name = TypeVar("_Name", bound=Hashable)
Row = Mapping[str, Any]
#: Rows by id in lower case; None for a row that does not exist.
Rows = Mapping[str, Row | None]


def merged(folded: Iterable[Operation]) -> dict[Key, list[Operation]]:
    """
    Return the operations of each row, with all changes of a committed row merged.

    Columns that are incremented and not set stay an operation each, as their values are not known.

    Args:
        folded: as ``staging.fold`` returns them.
    """
    states: dict[Key, RowState] = {}
    others: dict[Key, list[Operation]] = {}
    last: dict[tuple[Key, str], Operation] = {}
    for operation in folded:
        key = key_of(operation.table, operation.row_id)
        state = states.setdefault(key, RowState(operation.row_id, len(states)))
        state.apply(operation)
        of_row = others.setdefault(key, [])
        if operation.action in ("create", "delete"):
            of_row.append(operation)
        else:
            last.update(((key, column), operation) for column in operation.data)
    for (table, row_id), state in states.items():
        if state.created:
            continue
        of_row = others[table, row_id]
        if state.data:
            of_row.append(Operation("update", table, state.row_id, dict(state.data)))
        for column, amount in state.increments.items():
            if amount:
                of_row.append(replace(last[(table, row_id), column], data={column: amount}))
    return others


class Midway(NamedTuple):
    """
    A unique value that a row takes while another still has it.

    Attributes:
        operations: the operations, merged and in an order in which this does not happen. None if
            there is none, because rows exchange their values.
    """

    table: TableRef
    clash: Clash
    operations: list[Operation] | None


def midway(connection: Connection, operations: Sequence[Operation]) -> Midway | None:
    """
    Return how operations violate a unique index before the last of them is applied.

    Takes two requests for each table, and one for each unique index of which a value was taken and
    given back. Returns None if they do not, or if a request fails.

    Args:
        operations: in the order in which the server applies them. Applied together, they violate
            nothing.
    """
    by_row = merged(operations)
    found: tuple[TableRef, Clash] | None = None
    first: dict[Key, set[Key]] = {}
    try:
        with connection.own_block():  # only committed rows count
            for table in dict.fromkeys(operation.table for operation in operations):
                of_table = [operation for operation in operations if operation.table == table]
                changes = _Changes(connection, table, of_table)
                clash = changes.clash()
                if clash is not None and found is None:
                    found = table, clash
                for taker, holders in changes.first().items():
                    first[table, taker] = {(table, holder) for holder in holders}
    except (DatabaseError, ValueError):  # ValueError: a query is too long
        return None
    if found is None:
        return None
    keys = _sorted(list(by_row), first)
    in_order = None if keys is None else [one for key in keys for one in by_row[key]]
    return Midway(*found, in_order)


class _Changes:
    """The changes of one table, applied one after the other."""

    def __init__(
        self, connection: Connection, table: TableRef, operations: Sequence[Operation]
    ) -> None:
        self._reader, self._engine = connection.reader, connection.engine
        self._table, self._operations = table, operations
        written = {column for operation in operations for column in operation.data}
        self._unique = violations.all_unique(connection, table, written)
        committed = {one.row_id for one in operations if one.action != "create"}
        self._before: dict[str, Row | None] = {
            row[ROW_ID].lower(): row for row in self._reader.rows_by_id(table, sorted(committed))
        }

    def _steps(self) -> Iterator[tuple[str, Row | None]]:
        """Yield the changed row after each operation."""
        rows = dict(self._before)
        for operation in self._operations:
            row_id = operation.row_id.lower()
            rows[row_id] = _applied(rows.get(row_id), operation)
            yield row_id, rows[row_id]

    def clash(self) -> Clash | None:
        """Return the first unique value that is taken while another row has it."""
        held: dict[tuple[tuple[str, ...], str], Any] = {}
        holders: dict[tuple[tuple[str, ...], Any], str] = {}
        for row_id, row in (*self._before.items(), *self._steps()):
            for columns in self._unique:
                if (columns, row_id) in held:
                    del holders[columns, held.pop((columns, row_id))]
                value = None if row is None else unique_value(columns, row, self._engine)
                if row is None or value is None:
                    continue
                if (holder := holders.get((columns, value))) is not None:
                    return violations.clash_of(columns, row, row[ROW_ID], holder)
                held[columns, row_id], holders[columns, value] = value, row_id
        return self._clash_with_others()

    def _clash_with_others(self) -> Clash | None:
        """Return a value that was taken and given back, but that an unchanged row has."""
        steps = list(self._steps())
        last = dict(steps)
        passing = [row for row_id, row in steps if row is not None and row is not last[row_id]]
        changed = {*last, *self._before}
        for columns in self._unique:
            images = {
                value: row
                for row in passing
                if (value := unique_value(columns, row, self._engine)) is not None
            }
            for other in violations.rows_like(self._reader, self._table, columns, images.values()):
                value = unique_value(columns, other, self._engine)
                row = None if value is None else images.get(value)
                if row is not None and other[ROW_ID].lower() not in changed:
                    return violations.clash_of(columns, row, row[ROW_ID], other[ROW_ID])
        return None

    def first(self) -> dict[str, set[str]]:
        return _holders(self._unique, self._before, dict(self._steps()), self._engine)


def _applied(row: Row | None, operation: Operation) -> Row | None:
    if operation.action == "create":
        return {**operation.data, ROW_ID: operation.row_id}
    if operation.action == "delete" or row is None:
        return None
    if operation.action == "update":
        return {**row, **operation.data}
    changed = dict(row)
    add(changed, operation.data)
    return changed


def _holders(unique: Unique, before: Rows, after: Rows, engine: Engine) -> dict[str, set[str]]:
    """Return, for each row that takes a unique value of another, the rows that have it before."""
    first: dict[str, set[str]] = {}
    for columns in unique:
        held = {
            value: row_id
            for row_id, row in before.items()
            if row is not None and (value := unique_value(columns, row, engine)) is not None
        }
        for row_id, row in after.items():
            value = None if row is None else unique_value(columns, row, engine)
            if value is not None and (holder := held.get(value, row_id)) != row_id:
                first.setdefault(row_id, set()).add(holder)
    return first


def exchange(unique: Unique, before: Rows, after: Rows, engine: Engine) -> Clash | None:
    """
    Return how rows exchange their unique values, which they cannot one after the other.

    Args:
        before, after: the changed rows, by id in lower case.
    """
    if _sorted(list(after), _holders(unique, before, after, engine)) is not None:
        return None
    for columns in unique:
        first = _holders((columns,), before, after, engine)
        for row_id, holders in first.items():
            row = after[row_id]
            if row is not None:
                return violations.clash_of(columns, row, row[ROW_ID], min(holders))
    return None


def in_order(
    names: Sequence[str], unique: Unique, before: Rows, after: Rows, engine: Engine
) -> Sequence[str]:
    """
    Return row ids in an order in which no row takes a value that another still has.

    Returns ``names`` as they are if there is no such order.
    """
    by_id = {name.lower(): name for name in names}
    found = _sorted(list(by_id), _holders(unique, before, after, engine))
    return names if found is None else [by_id[row_id] for row_id in found]


def _sorted(names: Sequence[_Name], first: Mapping[_Name, Collection[_Name]]) -> list[_Name] | None:
    """
    Sort names so that each comes after those of ``first``, and otherwise as they are.

    Returns None if that is impossible.
    """
    position = {name: number for number, name in enumerate(names)}
    waiting = {name: set(first.get(name, ())) & position.keys() for name in names}
    followers: dict[_Name, list[_Name]] = {}
    for name, earlier in waiting.items():
        for one in earlier:
            followers.setdefault(one, []).append(name)
    ready = [position[name] for name, earlier in waiting.items() if not earlier]
    heapq.heapify(ready)
    result: list[_Name] = []
    while ready:
        name = names[heapq.heappop(ready)]
        result.append(name)
        for follower in followers.get(name, ()):
            waiting[follower].discard(name)
            if not waiting[follower]:
                heapq.heappush(ready, position[follower])
    return result if len(result) == len(names) else None
