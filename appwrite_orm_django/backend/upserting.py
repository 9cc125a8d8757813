"""
``bulk_create(update_conflicts=True)``: looks up which rows are there, creates the others, changes those, and all of it or nothing.

Never by the server's own upsert: that changes another row that has the same unique value, and says 200 (recording ``rows-upsert-unique``).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend import trying_again, uniqueness
from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.commands.writes import NewRow, UpsertRows
from appwrite_orm_django.backend.parts import Parts
from appwrite_orm_django.backend.results import WriteResult
from appwrite_orm_django.backend.transactions.claims import BATCH
from appwrite_orm_django.backend.uniqueness import Clash
from appwrite_orm_django.client.errors import TransactionLimitExceeded, UniqueViolation, WriteRefused

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.reading import Reader
    from appwrite_orm_django.backend.transactions.transaction import Transaction


@dataclass(slots=True)
class Plan:
    """
    What becomes of the rows of an ``UpsertRows``.

    Attributes:
        creations: what is to be created, by folded row id.
        changes: columns to write, by id of an existing row.
        existing: those rows as they were found, by id.
        ids: the row id that each row of the command ends up with, in their order.
    """

    creations: dict[str, NewRow] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    existing: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    @property
    def versions(self) -> dict[str, str]:
        return {row_id: row["$updatedAt"] for row_id, row in self.existing.items()}

    def images(self) -> dict[str, dict[str, Any]]:
        """Return each row that is written as it will be, by its id."""
        changed = {row_id: {**row, **self.changes[row_id]} for row_id, row in self.existing.items()}
        return changed | {new.row_id: {**new.data, ROW_ID: new.row_id} for new in self.creations.values()}


def plan(reader: Reader, command: UpsertRows) -> Plan:
    """
    Look the target's values up and say what is to be written, one write for each row.

    Raises:
        IntegrityError: two new rows have the same id.
    """
    text, target = reader.connection.text_semantics, command.target
    # A key that was made up a moment ago is nobody's; one request less where there is nothing else.
    asked = [_image(row) for row in command.rows if target != (ROW_ID,) or not row.id_is_ours]
    shown = [
        *(output.key for output in command.outputs if output.key),
        *(key for keys in command.unique for key in keys),
    ]
    found = {
        uniqueness.unique_value(target, row, text): row
        for row in uniqueness.rows_like(reader, command.table, target, asked, shown)
    }
    result, made = Plan(), dict[tuple[Any, ...], str]()
    for row in command.rows:
        value = uniqueness.unique_value(target, _image(row), text)
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
    return result


def _image(row: NewRow) -> dict[str, Any]:
    return {**row.data, ROW_ID: row.row_id}


def violation(reader: Reader, command: UpsertRows, planned: Plan) -> Clash | None:
    """Return how a plan violates a unique index other than the target, None if it does not; one request for each, or more of many values."""
    given = [_image(new) for new in planned.creations.values() if not new.id_is_ours]
    if command.target != (ROW_ID,):
        for row in uniqueness.rows_like(reader, command.table, (ROW_ID,), given):
            return Clash((ROW_ID,), (row[ROW_ID],), row[ROW_ID], row[ROW_ID])
    concerned = tuple(
        columns
        for columns in command.unique
        if set(columns) != set(command.target) and (planned.creations or set(columns) & set(command.changes))
    )
    return uniqueness.violation(reader, command.table, concerned, planned.images())


# Outside of a block


def run(connection: DatabaseWrapper, command: UpsertRows) -> WriteResult:
    """
    Run the command at once: each ``BATCH`` of its rows is all or nothing, and looked at again if somebody else was faster.

    Raises:
        IntegrityError: another unique index than the target refuses; of this batch nothing was written.
        WriteRefused: others changed the same rows again and again; nothing was written.
        WriteBroken: so they did, but earlier batches are written; the text says how many rows.
    """
    parts, results = Parts(f"rows of {command.table.table}"), []
    for start in range(0, len(command.rows), BATCH):
        batch = command.rows[start : start + BATCH]
        with parts.part(len(batch)):
            results.append(_batch(connection, replace(command, rows=batch)))
    return WriteResult.joined(results)


def _batch(connection: DatabaseWrapper, command: UpsertRows) -> WriteResult:
    refused: dict[str, str] | None = None
    for attempt in itertools.count(1):
        with connection.own_block() as block:
            planned = plan(connection.reader, command)
            try:
                return _write(connection, block, command, planned)
            except TransactionLimitExceeded:
                # Text that the server would run takes two operations.
                if len(command.rows) == 1:
                    raise
                break
            except WriteRefused:
                if attempt == trying_again.MAX_ATTEMPTS:
                    raise
            except UniqueViolation as error:
                # Somebody has made one of the rows meanwhile; or it is another index, and trying again is of no use.
                if clash := _violation_now(connection, command):
                    raise clash.error(command.table) from error
                if refused == planned.versions or attempt == trying_again.MAX_ATTEMPTS:
                    raise
                refused = planned.versions
        command = replace(command, rows=tuple(row.with_another_id() for row in command.rows))
        trying_again.pause(attempt)
    middle = len(command.rows) // 2
    parts, results = Parts(f"rows of {command.table.table}"), []
    for half in (command.rows[:middle], command.rows[middle:]):
        with parts.part(len(half)):
            results.append(_batch(connection, replace(command, rows=half)))
    return WriteResult.joined(results)


def _write(connection: DatabaseWrapper, block: Transaction, command: UpsertRows, planned: Plan) -> WriteResult:
    if not planned.existing and connection.identity is None:
        new = tuple(planned.creations.values())
        made = connection.writer.create_together(command.table, new)
        if made is not None:
            rows = {row[ROW_ID].lower(): row for row in made}
            return WriteResult.of(command.outputs, [rows[row_id.lower()] for row_id in planned.ids])
    if command.target == (ROW_ID,):
        # A row keeps its id, whoever changes it: one that is deleted meanwhile is all that the server has to find.
        block.versions.clear()
    result = block.take(command, planned)
    block.commit()
    return result


def _violation_now(connection: DatabaseWrapper, command: UpsertRows) -> Clash | None:
    with connection.own_block():
        return violation(connection.reader, command, plan(connection.reader, command))
