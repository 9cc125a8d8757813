"""Run ``bulk_create(update_conflicts=True)``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.commands import (
    Changes,
    Images,
    NewRow,
    Unique,
    UpsertRows,
    WriteResult,
)
from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.execution.violations import (
    Change,
    Clash,
    explain,
    rows_like,
    spelled,
    unique_value,
    violation,
)
from appwrite_orm_django.backend.transactions.log import Operation, wire_time
from appwrite_orm_django.backend.transactions.staging import BATCH
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client.errors import (
    TransactionLimitExceeded,
    UniqueViolation,
    WriteRefused,
)

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Block, Connection, Reader
    from appwrite_orm_django.backend.transactions.log import Log
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.engines import Engine


Row = Mapping[str, Any]


@dataclass(slots=True)
class Plan:
    """
    The writes that an ``UpsertRows`` command requires.

    Attributes:
        creations: the rows to create, by folded row id.
        changes: the columns to write, by the id of an existing row.
        existing: these rows as they were found, by id.
        ids: the final row id of each row of the command, in order.
    """

    creations: dict[str, NewRow] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    existing: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    @property
    def versions(self) -> dict[str, str]:
        return {row_id: row["$updatedAt"] for row_id, row in self.existing.items()}

    def complete(self, completed: Callable[[Images], Changes]) -> None:
        """Compute the hidden columns of all rows from what the rows will be."""
        for row_id, data in completed(self.images()).items():
            if row_id in self.changes:
                self.changes[row_id].update(data)
            else:
                new = self.creations[row_id.lower()]
                self.creations[row_id.lower()] = replace(new, data={**new.data, **data})

    def images(self) -> dict[str, dict[str, Any]]:
        """Return the rows as they will be after the write, by id."""
        changed = {row_id: {**row, **self.changes[row_id]} for row_id, row in self.existing.items()}
        return changed | {
            new.row_id: {**new.data, ROW_ID: new.row_id} for new in self.creations.values()
        }


def plan(reader: Reader, command: UpsertRows) -> Plan:
    """
    Look up the target's values and plan one write for each row.

    Raises:
        IntegrityError: two new rows have the same id.
    """
    engine, target = reader.connection.engine, command.target
    # A generated key cannot be taken; skipping these saves a request if there are no others.
    asked: list[Row] = [
        _image(row) for row in command.rows if target != (ROW_ID,) or not row.id_is_ours
    ]
    if target == (ROW_ID,):
        asked = spelled(engine, asked)
    shown = [
        *(output.key for output in command.outputs if output.key),
        *(key for keys in command.unique for key in keys),
        *command.reads,
    ]
    found = {
        unique_value(target, row, engine): row
        for row in rows_like(reader, command.table, target, asked, shown)
    }
    result, made = Plan(), dict[tuple[Any, ...], str]()
    for row in command.rows:
        value = unique_value(target, _image(row), engine)
        changes = {key: row.data[key] for key in command.changes if key in row.data}
        if value is not None and value in found:
            row_id = found[value][ROW_ID]
            result.existing[row_id] = found[value]
            result.changes.setdefault(row_id, {}).update(changes)
        elif value is not None and value in made:
            row_id = made[value]
            new = result.creations[row_id.lower()]
            result.creations[row_id.lower()] = replace(new, data={**new.data, **changes})
        else:
            row_id = row.row_id
            if value is not None:
                made[value] = row_id
            if row_id.lower() in result.creations:
                raise Clash((ROW_ID,), (row_id,), row_id, row_id, exists=False).error(command.table)
            result.creations[row_id.lower()] = row
        result.ids.append(row_id)
    if command.completed is not None:
        result.complete(command.completed)
    return result


def _image(row: NewRow) -> dict[str, Any]:
    return {**row.data, ROW_ID: row.row_id}


def upsert_violation(reader: Reader, command: UpsertRows, planned: Plan) -> Clash | None:
    """
    Return how a plan would violate a unique index other than the target, None if it would not.

    Takes one request for each index, or more if there are many values.
    """
    given = [_image(new) for new in planned.creations.values() if not new.id_is_ours]
    if command.target != (ROW_ID,):
        for row in rows_like(reader, command.table, (ROW_ID,), given):
            return Clash((ROW_ID,), (row[ROW_ID],), row[ROW_ID], row[ROW_ID])
    written = {key for data in planned.changes.values() for key in data}
    concerned = tuple(
        columns
        for columns in command.unique
        if set(columns) != set(command.target) and (planned.creations or set(columns) & written)
    )
    return violation(reader, command.table, concerned, planned.images())


def take(log: Log, engine: Engine, command: UpsertRows, planned: Plan) -> WriteResult:
    """Append a plan to a log, changes first: they may free a value that a new row needs."""
    images: dict[str, Row] = {}
    for row_id, data in planned.changes.items():
        if data:
            log.append(Operation("update", command.table, row_id, data))
        images[row_id] = {**planned.existing[row_id], "$updatedAt": wire_time(), **data}
    for new in planned.creations.values():
        images[new.row_id] = create(log, engine, command.table, new)
    return WriteResult.of(command.outputs, [images[row_id] for row_id in planned.ids])


def create(log: Log, engine: Engine, table: TableRef, new: NewRow, ignored: Unique = ()) -> Row:
    """Append a creation to a log, and return the row as the block sees it."""
    if (state := log.state(table, new.row_id)) is not None and not state.deleted:
        raise Clash((ROW_ID,), (new.row_id,), new.row_id, new.row_id).error(table)
    log.append(Operation("create", table, new.row_id, new.data, ignored=ignored))
    return log.created(table, new.row_id, engine)


# Outside a block


def run(connection: Connection, command: UpsertRows) -> WriteResult:
    """
    Run the command at once.

    Each batch of ``BATCH`` rows is all or nothing, and is retried after a conflict.

    Raises:
        IntegrityError: a unique index other than the target is violated. Nothing of this batch was
            written.
        WriteRefused: other clients changed the same rows on every attempt. Nothing was written.
        WriteBroken: a batch failed after earlier ones were written. The message has the number of
            rows.
    """
    parts, results = Parts(f"rows of {command.table.table}"), []
    for start in range(0, len(command.rows), BATCH):
        batch = command.rows[start : start + BATCH]
        with parts.part(len(batch)):
            results.append(_batch(connection, replace(command, rows=batch)))
    return WriteResult.joined(results)


def _batch(connection: Connection, command: UpsertRows) -> WriteResult:
    refused: dict[str, str] | None = None
    for attempt in itertools.count(1):
        with connection.own_block() as block:
            planned = plan(connection.reader, command)
            try:
                return _write(connection, block, command, planned)
            except TransactionLimitExceeded:
                # Text that the server would run as an operator takes two operations.
                if len(command.rows) == 1:
                    raise
                break
            except WriteRefused:
                if attempt == retries.MAX_ATTEMPTS:
                    raise
            except UniqueViolation as error:
                # Another client has created one of the rows, or another index is violated and a
                # retry would fail again.
                if clash := _violation_now(connection, command):
                    raise clash.error(command.table) from error
                if refused == planned.versions or attempt == retries.MAX_ATTEMPTS:
                    change = Change(tuple(planned.creations.values()), planned.changes)
                    explain(connection, error, command.table, change)
                    raise
                refused = planned.versions
        command = replace(command, rows=tuple(row.with_another_id() for row in command.rows))
        retries.pause(attempt)
    middle = len(command.rows) // 2
    parts, results = Parts(f"rows of {command.table.table}"), []
    for half in (command.rows[:middle], command.rows[middle:]):
        with parts.part(len(half)):
            results.append(_batch(connection, replace(command, rows=half)))
    return WriteResult.joined(results)


def _write(connection: Connection, block: Block, command: UpsertRows, planned: Plan) -> WriteResult:
    if not planned.existing and connection.identity is None:
        new = tuple(planned.creations.values())
        made = connection.writer.create_together(command.table, new)
        if made is not None:
            rows = {row[ROW_ID].lower(): row for row in made}
            return WriteResult.of(command.outputs, [rows[row_id.lower()] for row_id in planned.ids])
    if command.target == (ROW_ID,) and command.completed is None:
        # A row keeps its id when it is changed. The server only has to detect a concurrent
        # deletion.
        block.forget_versions()
    result = take(block.log, connection.engine, command, planned)
    block.commit()
    return result


def _violation_now(connection: Connection, command: UpsertRows) -> Clash | None:
    with connection.own_block():
        return upsert_violation(connection.reader, command, plan(connection.reader, command))
