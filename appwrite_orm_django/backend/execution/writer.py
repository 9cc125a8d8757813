"""Run write commands outside a transaction, and hand those inside one to its log."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, NotSupportedError, OperationalError

from appwrite_orm_django.backend import by_value
from appwrite_orm_django.backend.client_calls import own_write
from appwrite_orm_django.backend.commands import (
    Changes,
    Command,
    Condition,
    CountRows,
    CreateRows,
    DeleteRows,
    IncrementColumn,
    Membership,
    NewRow,
    UpdateFromQuery,
    UpdateRow,
    UpdateRows,
    UpsertRows,
    WriteResult,
    users_data,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch
from appwrite_orm_django.backend.execution import (
    hidden_columns,
    increments,
    races,
    retries,
    upserts,
    violations,
)
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.execution.violations import Change
from appwrite_orm_django.backend.transactions import order
from appwrite_orm_django.backend.transactions.log import Log, Operation
from appwrite_orm_django.backend.transactions.staging import BATCH
from appwrite_orm_django.backend.values import MOMENTS, PERMISSIONS, ROW_ID
from appwrite_orm_django.client import operators, queries, rows
from appwrite_orm_django.client.errors import (
    AppwriteError,
    ColumnNotFound,
    InvalidRequest,
    RowNotFound,
    ServerError,
    TransactionLimitExceeded,
    UniqueViolation,
    WriteBroken,
    WriteRefused,
    WriteUnknown,
)

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Block, Connection
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef


Row = Mapping[str, Any]


_MAX_ATTEMPTS = 10


class Writer:
    """Runs write commands for one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def transport(self) -> Any:
        return self.connection.transport

    def write(self, command: Command) -> WriteResult:
        """Run a command at once in autocommit mode, or append it to the log of the open block."""
        connection = self.connection
        # Rejected before the cache announces the write.
        if connection.account is not None:
            refuse_moments(command.tables[0], _data_of(command))
        staging = None if connection.writes_directly else connection.transaction
        table = command.tables[0].table
        row_ids = command.row_ids
        values = None if staging else by_value.of_command(connection, command)
        notice = connection.cache.write(
            () if row_ids is not None else (table,),
            () if row_ids is None else [(table, row_id) for row_id in row_ids],
            operation=command.operation,
            sender=command.model,
            staged=staging is not None,
            values=None if values is None else values.of_tables,
        )
        with notice, own_write():
            command = hidden_columns.completed(connection, command)
            if staging is not None:
                return staging.stage(command)
            if values is None:
                return self._run_directly(command)
            values.notice = notice
            return self._run_knowing(command, values)

    def _run_knowing(self, command: Command, values: by_value.Values) -> WriteResult:
        """Write new rows or one row, and tell the cache which values they have before and after."""
        if isinstance(command, CreateRows):
            result = self._run_directly(command)
            values.note_created(result.created)
            return result
        if not isinstance(command, (UpdateRow, IncrementColumn, DeleteRows)):
            # Its hidden columns take several requests.
            values.notice.doubt()
            return self._run_directly(command)

        def send(since: str | None) -> WriteResult:
            if since is None or isinstance(command, IncrementColumn):
                return self._run_directly(command)
            return self._run_directly(replace(command, unmodified_since=since))

        result = values.write_one(send, adds=isinstance(command, IncrementColumn))
        values.note_answer(result.row)
        return result

    def _run_directly(self, command: Command) -> WriteResult:
        parts = self.connection.parts
        if parts is None:
            return self.run(command)
        with parts.part(0):
            result = self.run(command)
        parts.written += result.count
        return result

    def run(self, command: Command) -> WriteResult:
        """
        Run a command at once. The caller invalidates the cache.

        Raises:
            WriteUnknown: the connection was lost before the answer, and the rows do not show
                whether the write was applied.
            WriteBroken: the write takes several requests, and one failed after others succeeded.
        """
        try:
            return self._run(command)
        except OperationalError as error:
            if (
                isinstance(error, AppwriteError)
                and error.ambiguous
                and not isinstance(error, (WriteUnknown, WriteBroken))
            ):
                raise self.unknown(error) from error
            raise

    def unknown(self, error: AppwriteError) -> WriteUnknown:
        """Return the error for a write that may have been applied."""
        return WriteUnknown.caused_by(error, str(error), ambiguous=True)

    def _run(self, command: Command) -> WriteResult:
        handlers: dict[type[Command], Callable[[Any], WriteResult]] = {
            CreateRows: self.create,
            UpsertRows: partial(upserts.run, self.connection),
            UpdateRow: self.update_row,
            UpdateRows: self.update_rows,
            IncrementColumn: self.increment,
            UpdateFromQuery: self.update_from_query,
            DeleteRows: self.delete,
        }
        return handlers[type(command)](command)

    @property
    def _is_user(self) -> bool:
        return self.connection.identity is not None

    # Create

    def create(self, command: CreateRows) -> WriteResult:
        batches = [
            replace(command, rows=command.rows[start : start + rows.MAX_BULK_ROWS])
            for start in range(0, len(command.rows), rows.MAX_BULK_ROWS)
        ]
        parts, created = self._parts(command.table), list[Mapping[str, Any]]()
        for batch in batches:
            with parts.part(len(batch.rows)):
                if command.ignore_conflicts:
                    created += self._create_what_is_new(batch)
                else:
                    created += self._create_explaining(batch.table, batch.rows)
        return WriteResult.of(() if command.ignore_conflicts else command.outputs, created)

    def _parts(self, table: TableRef) -> Parts:
        return Parts(f"rows of {table.table}")

    def _create_explaining(
        self, table: TableRef, new: tuple[NewRow, ...]
    ) -> list[Mapping[str, Any]]:
        """Create rows, in bulk where possible; errors name the violated index and the other row."""
        # Users cannot make bulk calls (recording ``auth-errors``).
        if not self._is_user or len(new) == 1:
            try:
                made = self._create_retrying_ids(table, new)
            except UniqueViolation as error:
                violations.explain(self.connection, error, table, Change(created=new))
                raise
            if made is not None:
                return made
        parts, created = self._parts(table), list[Mapping[str, Any]]()
        for row in new:
            with parts.part(1):
                created += self._create_explaining(table, (row,))
        return created

    def _create_retrying_ids(
        self, table: TableRef, new: tuple[NewRow, ...]
    ) -> list[Mapping[str, Any]] | None:
        """Do the same as ``create_together``, with new ids if a generated integer id is taken."""
        for _ in range(_MAX_ATTEMPTS):
            try:
                return self.create_together(table, new)
            except UniqueViolation:
                ours = [row for row in new if row.id_is_ours]
                if not ours or not self._existing(table, ours):
                    raise
                new = tuple(row.with_another_id() for row in new)
        raise OperationalError(f"{table.table}: found no free row id in {_MAX_ATTEMPTS} attempts.")

    def create_together(
        self, table: TableRef, new: Sequence[NewRow]
    ) -> list[Mapping[str, Any]] | None:
        """
        Create up to 100 rows in one request, all or nothing.

        Returns:
            The rows, or None if the table supports no bulk calls. Nothing is created then.
        """
        if len(new) == 1:
            return [self.create_row(table, new[0].row_id, new[0].data)]
        payload = [{**_without_null_permissions(row.data), ROW_ID: row.row_id} for row in new]
        try:
            return list(rows.create_rows(self.transport, table, payload))
        except InvalidRequest as error:
            if not _refuses_bulk(error):
                raise
        return None

    def create_row(
        self, table: TableRef, row_id: str, data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """
        Create one row.

        A row without data is created by the bulk route, which accepts one (recording
        ``rows-missing-data``).
        """
        columns = users_data(data) if self._is_user else dict(data)
        permissions = columns.pop(PERMISSIONS, None)
        if columns:
            return rows.create_row(self.transport, table, row_id, columns, permissions=permissions)
        if self._is_user:
            raise NotSupportedError(
                f"{table.table}: Appwrite does not let a user create a row without values.\nSet at "
                "least one field."
            )
        (row,) = rows.create_rows(
            self.transport, table, [{**_without_null_permissions(data), ROW_ID: row_id}]
        )
        return row

    def _existing(self, table: TableRef, new: Sequence[NewRow]) -> list[str]:
        """Return the ids that are taken."""
        wanted = [
            queries.equal(ROW_ID, *(row.row_id for row in new)),
            queries.select([ROW_ID]),
            queries.limit(len(new)),
        ]
        return [row[ROW_ID] for row in rows.list_rows(self.transport, table, wanted)["rows"]]

    def _create_what_is_new(self, command: CreateRows) -> list[Mapping[str, Any]]:
        table, new = command.table, command.rows
        for _ in range(_MAX_ATTEMPTS):
            try:
                made = self.create_together(table, new) if new else []
            except UniqueViolation:
                taken = violations.conflicting(self.connection.reader, table, command.unique, new)
                if not taken and not any(row.id_is_ours for row in new):
                    break  # another spelling of an id, which cannot be looked up everywhere
                new = tuple(row.with_another_id() for row in new if id(row) not in taken)
            else:
                return self._create_one_by_one(table, new) if made is None else made
        return self._create_one_by_one(table, new)

    def _create_one_by_one(self, table: TableRef, new: Sequence[NewRow]) -> list[Mapping[str, Any]]:
        parts, created = self._parts(table), list[Mapping[str, Any]]()
        for row in new:
            with parts.part(1), suppress(UniqueViolation):
                created += self._create_retrying_ids(table, (row,)) or ()
        return created

    # Update

    def update_row(self, command: UpdateRow) -> WriteResult:
        try:
            row = self.write_row(
                command.table, command.row_id, command.data, since=command.unmodified_since
            )
        except RowNotFound:
            return WriteResult(0)
        return WriteResult(1, row=row)

    def _row_ids(self, table: TableRef, condition: Condition) -> list[str]:
        return [
            row[ROW_ID]
            for row in self.connection.reader.rows(Fetch(table, "", condition), condition, [ROW_ID])
        ]

    def write_row(
        self, table: TableRef, row_id: str, data: Mapping[str, Any], *, since: str | None = None
    ) -> Mapping[str, Any]:
        """
        Update one row; text that the server would run as an operator takes a second request.

        Raises:
            RowConflict: the row was changed after ``since``, an ``$updatedAt``.
        """
        columns = dict(data)
        permissions = columns.pop(PERMISSIONS, None)
        if not columns and permissions is None:
            return rows.get_row(self.transport, table, row_id)
        first, second = operators.in_two_writes(self.connection.engine, table, row_id, columns)
        parts = Parts(f"columns of {table.table}/{row_id}")
        try:
            with parts.part(len(first)):
                row = self._patched(table, row_id, first, permissions, since)
            if second:
                with parts.part(len(second)):
                    row = self._patched(table, row_id, second, None, None)
        except UniqueViolation as error:
            violations.explain(self.connection, error, table, Change(changed={row_id: columns}))
            raise
        return row

    def _patched(
        self,
        table: TableRef,
        row_id: str,
        columns: Mapping[str, Any],
        permissions: Sequence[str] | None,
        since: str | None,
    ) -> Mapping[str, Any]:
        try:
            return rows.update_row(
                self.transport,
                table,
                row_id,
                columns or None,
                permissions=permissions,
                unmodified_since=since,
            )
        except AppwriteError as error:
            if not error.ambiguous:
                raise
            row = self._read_back(table, row_id)
            # Repeating the request could overwrite another client's change. If the row holds the
            # values, the write is done.
            if row is None or not rows.holds(row, columns, permissions):
                raise
            return row

    def _read_back(self, table: TableRef, row_id: str) -> Mapping[str, Any] | None:
        try:
            return rows.get_row(self.transport, table, row_id)
        except AppwriteError:
            return None

    def update_rows(self, command: UpdateRows) -> WriteResult:
        changed, parts = 0, self._parts(command.table)
        if self._is_user:
            for row_id in self._row_ids(command.table, command.condition):
                with parts.part(1):
                    changed += self.update_row(UpdateRow(command.table, row_id, command.data)).count
            return WriteResult(changed)
        first, second = operators.in_two_writes(
            self.connection.engine, command.table, None, command.data
        )
        for split in self.connection.reader.splits(command.condition):
            if not first:
                changed += self.connection.reader.count(CountRows(command.table, command.condition))
                continue
            if second:
                self._refuse_if_it_moves(command, second)
            with parts.part(0):
                updated = self._update_alike(command, first, split)
            changed += updated
            parts.written += updated
            if second:
                with parts.part(0):
                    rows.update_rows(self.transport, command.table, second, split)
        return WriteResult(changed)

    def _update_alike(
        self, command: UpdateRows, data: Mapping[str, Any], split: list[Query]
    ) -> int:
        table = command.table

        def refused(error: ServerError) -> None:
            self._raise_violation(error, table, lambda: self._changes_of(table, split, data))

        try:
            return races.update_rows(self.connection, table, data, split, refused)
        except InvalidRequest as error:
            if not _refuses_bulk(error):
                raise
            return self._one_at_a_time(
                table, split, lambda row_id: self.write_row(table, row_id, data)
            )

    def _changes_of(self, table: TableRef, split: list[Query], data: Mapping[str, Any]) -> Change:
        return Change(changed=dict.fromkeys(self.connection.reader.ids(table, split), data))

    def _raise_violation(
        self, error: ServerError, table: TableRef, change: Callable[[], Change]
    ) -> None:
        """
        Raise ``UniqueViolation`` if a 500 means a violated unique index.

        Bulk updates answer one with a 500 (recording ``bulk-update``).
        """
        violation = UniqueViolation(
            type=error.type, code=error.code, message=error.message, request=error.request
        )
        with suppress(DatabaseError):
            violations.explain(self.connection, violation, table, change())
        if violation.columns:
            raise violation from error

    def _refuse_if_it_moves(self, command: UpdateRows, second: Mapping[str, Any]) -> None:
        """Reject two bulk writes if the first changes which rows the second one would match."""
        filtered = {query.column for query in command.condition.queries} | {
            membership.column for membership in command.condition.memberships
        }
        if filtered & (set(command.data) | {"$updatedAt", None}):
            raise NotSupportedError(
                f"{command.table.table}: {', '.join(second)} would be set to text that Appwrite "
                "runs as an operator, in rows that are filtered by a column that this update "
                "changes.\n"
                "Update the rows by primary key instead."
            )

    def increment(self, command: IncrementColumn) -> WriteResult:
        if self.connection.engine.race_is_server_error:
            return races.increment(self.connection, command)
        for attempt in itertools.count(1):
            try:
                row = increments.run(self.connection, command)
            except RowNotFound:
                return WriteResult(0)
            except (UniqueViolation, ServerError) as error:
                self.explain_increment(
                    error, command.table, command.row_id, {command.column: command.amount}
                )
                raise
            except ColumnNotFound:
                # The row exists now, but may have been created since.
                if attempt == _MAX_ATTEMPTS:
                    raise
            else:
                return WriteResult(1, row=row)
        raise AssertionError  # unreachable: the last attempt raises

    def explain_increment(
        self,
        error: UniqueViolation | ServerError,
        table: TableRef,
        row_id: str,
        amounts: Mapping[str, Any],
    ) -> None:
        """
        Add the violated unique index to the error of an increment.

        Raises:
            UniqueViolation: the error is a 500 that means one (recording ``increment``).
        """
        change = Change(added={row_id: amounts})
        if isinstance(error, UniqueViolation):
            violations.explain(self.connection, error, table, change)
        elif error.code == 500:
            self._raise_violation(error, table, lambda: change)

    def update_from_query(self, command: UpdateFromQuery) -> WriteResult:
        """
        Write values that are computed from rows.

        If they depend on the row's own values, up to ``BATCH`` rows are written in a separate
        transaction. If another client has changed a row since it was read, its values are computed
        again, so that no update is lost. Otherwise, rows that get the same values share a bulk
        request.
        """
        parts, changed = self._parts(command.table), 0
        if command.row_id is not None:
            return self._update_one(command, command.row_id)
        if not command.depends_on_row:
            for ids, data in _grouped(self._in_order(command, self._computed(command))):
                with parts.part(len(ids)):
                    changed += self._write_alike(command.table, ids, data)
            return WriteResult(changed)
        with self.connection.own_block() as block:
            computed = self._computed(command)
            if len(computed) > BATCH:
                computed = self._in_order(command, computed)
            items = list(computed.items())
            for start in range(0, len(items), BATCH):
                batch = dict(items[start : start + BATCH])
                with parts.part(len(batch)):
                    changed += self._write_current(command, block, batch)
        return WriteResult(changed)

    def _update_one(self, command: UpdateFromQuery, row_id: str) -> WriteResult:
        result = self.update_from_query(replace(command, row_id=None))
        if result.count:
            # The write is done: an error here would say something else.
            with suppress(AppwriteError):
                result.row = rows.get_row(self.transport, command.table, row_id)
        return result

    def _computed(self, command: UpdateFromQuery) -> Changes:
        """Return the columns to write, by row id."""
        changes: Changes = {
            command.encode_id(row_id): command.write(tuple(values))
            for row_id, *values in self.connection.reader.run(command.source)
        }
        return changes if command.completed is None else command.completed(changes)

    def _in_order(self, command: UpdateFromQuery, changes: Changes) -> Changes:
        """Order writes that are made one after the other, so that unique values become free."""
        written = {key for data in changes.values() for key in data}
        unique = tuple(columns for columns in command.unique if written & set(columns))
        if not unique or len(changes) == 1:
            return changes
        condition = Condition((), (Membership(ROW_ID, tuple(changes)),))
        wanted = [ROW_ID, *dict.fromkeys(column for columns in unique for column in columns)]
        rows = self.connection.reader.rows(Fetch(command.table, "", condition), condition, wanted)
        before = {row[ROW_ID].lower(): row for row in rows}
        data = {row_id.lower(): data for row_id, data in changes.items()}
        after = {row_id: {**row, **data[row_id]} for row_id, row in before.items()}
        ids = order.in_order(list(changes), unique, before, after, self.connection.engine)
        return {row_id: changes[row_id] for row_id in ids}

    def _write_alike(self, table: TableRef, ids: tuple[str, ...], data: Mapping[str, Any]) -> int:
        if len(ids) > 1:
            condition = Condition((), (Membership(ROW_ID, ids),))
            return self.update_rows(UpdateRows(table, condition, data)).count
        try:
            self.write_row(table, ids[0], data)
        except RowNotFound:
            return 0
        return 1

    def _write_current(
        self, command: UpdateFromQuery, block: Block, batch: dict[str, Mapping[str, Any]]
    ) -> int:
        """Write a batch computed from rows read in ``block``; recompute it after a conflict."""
        for attempt in itertools.count(1):
            block.log = Log()
            for row_id, data in batch.items():
                block.log.append(Operation("update", command.table, row_id, data))
            try:
                block.commit()
            except TransactionLimitExceeded:
                # Text that the server would run as an operator takes two operations.
                if len(batch) == 1:
                    raise
                return self._in_halves(command, block, batch)
            except WriteRefused:
                if attempt == retries.MAX_ATTEMPTS:
                    raise
            else:
                return len(batch)
            retries.pause(attempt)
            block.forget()
            again = self._computed(command)
            batch = {row_id: again[row_id] for row_id in batch if row_id in again}
        raise AssertionError  # unreachable: the last attempt raises

    def _in_halves(
        self, command: UpdateFromQuery, block: Block, batch: dict[str, Mapping[str, Any]]
    ) -> int:
        items, parts, changed = list(batch.items()), self._parts(command.table), 0
        for half in (items[: len(items) // 2], items[len(items) // 2 :]):
            with parts.part(len(half)):
                changed += self._write_current(command, block, dict(half))
        return changed

    # Delete

    def delete(self, command: DeleteRows) -> WriteResult:
        if command.row_id is not None:
            try:
                rows.delete_row(
                    self.transport,
                    command.table,
                    command.row_id,
                    unmodified_since=command.unmodified_since,
                )
            except RowNotFound:
                return WriteResult(0)
            return WriteResult(1)
        deleted, parts = 0, self._parts(command.table)
        if self._is_user:
            for row_id in self._row_ids(command.table, command.condition):
                with parts.part(1):
                    deleted += self.delete(
                        DeleteRows(command.table, command.condition, row_id=row_id)
                    ).count
            return WriteResult(deleted)
        for split in self.connection.reader.splits(command.condition):
            with parts.part(0):
                deleted += self._delete_alike(command.table, split)
            parts.written = deleted
        return WriteResult(deleted)

    def _delete_alike(self, table: TableRef, split: list[Query]) -> int:
        try:
            return races.delete_rows(self.connection, table, split)
        except InvalidRequest as error:
            if not _refuses_bulk(error):
                raise
        return self._one_at_a_time(
            table, split, lambda row_id: rows.delete_row(self.transport, table, row_id)
        )

    def _one_at_a_time(
        self, table: TableRef, split: list[Query], write: Callable[[str], object]
    ) -> int:
        """
        Write every matching row in a request of its own.

        Tables with relationship columns support no bulk calls (recording ``rel-manyToOne``).
        """
        parts = self._parts(table)
        for row_id in self.connection.reader.ids(table, split):
            with suppress(RowNotFound), parts.part(1):
                write(row_id)
        return parts.written


def _refuses_bulk(error: InvalidRequest) -> bool:
    # The type stands for other errors of bulk calls as well. A single call meets those again.
    return error.type == "general_bad_request"


def _grouped(
    changes: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the ids of rows that get the same values, and these values."""
    groups: dict[str, list[str]] = {}
    for row_id, data in changes.items():
        groups.setdefault(json.dumps(data, sort_keys=True), []).append(row_id)
    for ids in groups.values():
        yield tuple(ids), changes[ids[0]]


def _data_of(command: Command) -> list[Mapping[str, Any]]:
    if isinstance(command, (CreateRows, UpsertRows)):
        return [row.data for row in command.rows]
    return [command.data] if isinstance(command, (UpdateRow, UpdateRows)) else []


def refuse_moments(table: TableRef, written: Iterable[Mapping[str, Any]]) -> None:
    """
    Reject values that a user cannot write, and which the server would ignore silently.

    Raises:
        NotSupportedError: a value is given for the moment of a row's creation or change.
    """
    for key in (key for data in written for key in MOMENTS if data.get(key) is not None):
        raise NotSupportedError(
            f"{table.table}: Appwrite lets only API keys set {key}; nothing was written.\n"
            f"Leave it to the server (None in a new object), or write within appwrite_key()."
        )


def _without_null_permissions(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != PERMISSIONS or value is not None}
