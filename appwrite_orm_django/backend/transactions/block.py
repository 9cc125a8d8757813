"""One open block: its log, reads through it, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend.client_calls import own_write
from appwrite_orm_django.backend.commands import (
    Command,
    Condition,
    CreateRows,
    DeleteRows,
    IncrementColumn,
    Output,
    UpdateFromQuery,
    UpdateRow,
    UpdateRows,
    UpsertRows,
    ValuesOf,
    WriteResult,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch
from appwrite_orm_django.backend.execution import upserts, writer
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.transactions import commit, staging, versions
from appwrite_orm_django.backend.transactions.log import CreatedRow, Log, Operation, RowState, key_of, touched_ids
from appwrite_orm_django.backend.values import MOMENTS, ROW_ID
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.transactions import MAX_OPERATIONS

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Key
    from appwrite_orm_django.backend.transactions.versions import Seen
    from appwrite_orm_django.client.identity import Identity
    from appwrite_orm_django.client.references import TableRef


Row = Mapping[str, Any]


# Each operation takes two places at most: text that the server would run is written in two.
_SHORT = MAX_OPERATIONS // 2


class _Unbound(Enum):
    UNBOUND = "unbound"


_UNBOUND = _Unbound.UNBOUND


class Transaction:
    """
    The state of one ``atomic`` block (with all blocks inside it) on one connection.

    Args:
        in_parts: whether more than the server commits together is committed in several parts, and not refused.
    """

    def __init__(self, connection: Connection, *, in_parts: bool = False) -> None:
        self.connection = connection
        self.in_parts = in_parts
        self.log = Log()
        # What this block has seen of rows, by look, and the rows themselves where the log changes them.
        self.versions: dict[Key, tuple[Seen, ...]] = {}
        self._bases: dict[Key, Row | None] = {}
        # What select_for_update() has read, and the lock rows of these, which are read before anything else is.
        self.locked: set[Key] = set()
        self.lock_rows: dict[Key, Row | None] = {}
        # What has been committed of a block that is committed in parts.
        self.parts = Parts("changes of this block")
        self._next_count = _SHORT
        # Rows that the lock under way has looked at.
        self._looked_at: set[Key] | None = None
        self._is_blind = False
        # Whom the block reads and writes for; unknown before its first use.
        self._identity: Identity | _Unbound | None = _UNBOUND

    def bind(self, identity: Identity | None) -> None:
        """
        Say whom the block is used for.

        Raises:
            TransactionManagementError: it has been used for somebody else. What one user has read or staged is not to be committed
                with another one's permissions, nor seen by them.
        """
        if self._identity is _UNBOUND:
            self._identity = identity
        elif self._identity != identity:
            raise TransactionManagementError(
                "This atomic block on Appwrite has been used for another identity (a user, or the API key); one block belongs to one.\n"
                "Open atomic() inside appwrite_user(), and in tests use TransactionTestCase: a TestCase is one block."
            )

    # Reading

    def is_dirty(self, table: TableRef) -> bool:
        return table in self.log.tables()

    def note_versions(self, table: TableRef, rows: Iterable[Row]) -> None:
        """Remember what the block has seen of each row, for the check at its end."""
        if not self._is_blind:
            self._note(table, versions.seen(rows))

    def shown_versions(self, command: Command) -> tuple[int, int] | tuple[()] | None:
        """
        As ``versions.positions``.

        None, too, once the block has locked a row: what it reads then has to be from after that. And where the log has changes of the
        table: what is read there is no version of the server's.
        """
        found = None if self.locked or any(map(self.is_dirty, command.tables)) else versions.positions(command)
        # Of a lock every row has to be known.
        return None if self._looked_at is not None and not found else found

    def note_shown(
        self, table: TableRef, rows: list[tuple[Any, ...]], outputs: Sequence[Output], row_id: int, updated_at: int
    ) -> bool:
        """As ``note_versions``, of result rows; return False, and note nothing, if they do not tell all that they show."""
        found = versions.shown(rows, outputs, row_id, updated_at)
        if found is None:
            return False
        self._note(table, found)
        return True

    def _note(self, table: TableRef, found: Iterable[tuple[str, Seen]]) -> None:
        for row_id, look in found:
            key = key_of(table, row_id)
            if self._looked_at is not None:
                self._looked_at.add(key)
            looks = self.versions.get(key, ())
            if look not in looks:
                self.versions[key] = (*looks, look)

    @contextmanager
    def blindly(self) -> Iterator[None]:
        """
        Let what is read inside count as not seen.

        For reads of the library's own whose outcome the commit finds by itself if it has changed: whether a row is there, whether a value
        is taken.
        """
        before, self._is_blind = self._is_blind, True
        try:
            yield
        finally:
            self._is_blind = before

    # Locking

    @contextmanager
    def locking(self) -> Iterator[set[Key]]:
        """Lock rows that are read inside; yields the keys of all that are looked at."""
        self.before_read()
        self._looked_at = set()
        try:
            yield self._looked_at
        finally:
            self._looked_at = None

    def lock(self, keys: Iterable[Key]) -> None:
        """Let the block fail at its end if one of these rows, which it has read, was changed or locked by another block."""
        self.locked.update(keys)

    def before_read(self) -> None:
        """Read the lock rows of what is locked already: what is read from now on is not older than the locks."""
        if self.locked and self._looked_at is None and not self._is_blind:
            self.read_lock_rows()

    def read_lock_rows(self) -> None:
        """Read the lock rows that have not been read yet: of locked rows that are there, and not only in this block's log."""
        missing = [key for key in self.locked if key not in self.lock_rows and key in self.versions]
        if missing and self.connection.account is None:
            self.lock_rows.update(staging.read_lock_rows(self.connection, missing))

    def over(self, fetch: Fetch, condition: Condition, committed: Iterable[Row]) -> Iterator[Row]:
        """
        Yield the rows that local evaluation has to look at: committed ones, and every row that the log touches as it is now.

        Touched rows come whether the condition holds for them or not, for the log may have changed that; SQLite checks it anyway.
        """
        states = list(self.log.states(fetch.table))
        touched = touched_ids(states)
        for row in committed:
            if row[ROW_ID].lower() not in touched:
                yield row
        wanted = _ids_asked_for(condition)
        yield from self.as_left(
            fetch.table, [state for state in states if wanted is None or state.row_id.lower() in wanted]
        )

    def as_left(self, table: TableRef, states: Sequence[RowState]) -> Iterator[Row]:
        """Yield the rows of these states as the log leaves them, without those that are gone."""
        bases = self._bases_of(table, states)
        for state in states:
            if state.deleted:
                continue
            base = bases.get(state.row_id.lower())
            if state.created:
                yield CreatedRow(state.over(None))
            elif base is not None:
                yield state.over(base)

    def _bases_of(self, table: TableRef, states: Iterable[RowState]) -> dict[str, Row | None]:
        """Return the committed rows under the log's changes, whole, by folded id; they are read once a block."""
        changed = [state.row_id for state in states if not state.created and not state.deleted]
        missing = [row_id for row_id in changed if key_of(table, row_id) not in self._bases]
        if missing:
            found = {row[ROW_ID].lower(): row for row in self.connection.reader.rows_by_id(table, missing)}
            for row_id in missing:
                self._bases[key_of(table, row_id)] = found.get(row_id.lower())
        bases = {row_id.lower(): self._bases[key_of(table, row_id)] for row_id in changed}
        # Read blindly at first, perhaps, and now for somebody who sees them.
        self.note_versions(table, filter(None, bases.values()))
        return bases

    # Writing

    def stage(self, command: Command) -> WriteResult:
        """Take a write command into the log; answers what the server would, as far as that can be known before the commit."""
        handlers: dict[type[Command], Callable[[Any], WriteResult]] = {
            CreateRows: self._create,
            UpsertRows: self._upsert,
            UpdateRow: self._update_row,
            UpdateRows: self._update_rows,
            IncrementColumn: self._increment,
            UpdateFromQuery: self._update_from_query,
            DeleteRows: self._delete,
        }
        result = handlers[type(command)](command)
        self._make_room()
        return result

    def _make_room(self) -> None:
        """
        See to it that the log can be committed.

        Raises:
            TransactionLimitExceeded: it is too long, and the block is one that has to be committed as a whole.
        """
        # Cheap for ordinary blocks: only long logs are written out to be counted, and those of which many share a place not each time.
        length = len(self.log.operations)
        if length >= self._next_count and not self.connection.rolls_back_in_the_end:
            places = commit.make_room(self)
            length = len(self.log.operations)
            self._next_count = length + max(1, (length - places) // 4)

    def _create(self, command: CreateRows) -> WriteResult:
        new, reader = command.rows, self.connection.reader
        if command.ignore_conflicts:
            with self.blindly():
                taken = upserts.conflicting(reader, command.table, command.unique, new)
            for row in new:
                if id(row) not in taken:
                    ignored = command.unique if row.id_is_ours else ((ROW_ID,), *command.unique)
                    upserts.create(self.log, command.table, row, ignored)
            return WriteResult(len(new) - len(taken))
        if self.connection.in_savepoint:
            with self.blindly():
                taken = upserts.conflicting(reader, command.table, command.unique, new)
            if taken:
                raise next(iter(taken.values())).error(command.table)
        return WriteResult.of(command.outputs, [upserts.create(self.log, command.table, row) for row in new])

    def _upsert(self, command: UpsertRows) -> WriteResult:
        planned = upserts.plan(self.connection.reader, command)
        if self.connection.in_savepoint:
            with self.blindly():
                clash = upserts.upsert_violation(self.connection.reader, command, planned)
            if clash:
                raise clash.error(command.table)
        return upserts.take(self.log, command, planned)

    def _update_row(self, command: UpdateRow) -> WriteResult:
        if not self._exists(command.table, command.row_id):
            return WriteResult(0)
        self._check_unique(command.table, [command.row_id], command.data, command.unique)
        self.log.append(Operation("update", command.table, command.row_id, command.data))
        return WriteResult(1)

    def _update_rows(self, command: UpdateRows) -> WriteResult:
        ids = self._ids(command.table, command.condition)
        self._check_unique(command.table, ids, command.data, command.unique)
        for row_id in ids:
            self.log.append(Operation("update", command.table, row_id, command.data))
        return WriteResult(len(ids))

    def _check_unique(
        self, table: TableRef, ids: Sequence[str], data: Mapping[str, Any], unique: Sequence[tuple[str, ...]]
    ) -> None:
        """Inside a savepoint, where somebody is ready to catch it, find a violated unique index before the commit does."""
        if not self.connection.in_savepoint or not ids:
            return
        concerned = tuple(columns for columns in unique if set(columns) & set(data))
        with self.blindly():
            images = {row[ROW_ID]: {**row, **data} for row in self._current(table, ids)} if concerned else {}
            clash = upserts.violation(self.connection.reader, table, concerned, images)
        if clash:
            raise clash.error(table)

    def _current(self, table: TableRef, ids: Sequence[str]) -> list[dict[str, Any]]:
        states = [state for row_id in ids if (state := self.log.state(table, row_id)) is not None]
        touched = touched_ids(states)
        others = [row_id for row_id in ids if row_id.lower() not in touched]
        committed = self.connection.reader.rows_by_id(table, others) if others else ()
        return [dict(row) for row in (*committed, *self.as_left(table, states))]

    def _increment(self, command: IncrementColumn) -> WriteResult:
        # The row is looked at: the bounds would else be found passed at the commit only, or, where the log has the value already, not at all.
        with self.blindly():
            current = self._current(command.table, [command.row_id])
        if not all(writer.is_exact(row.get(command.column), command.amount) for row in current):
            # The sum is made here, and holds only as long as what it was made of.
            current = self._current(command.table, [command.row_id])
        for row in current:
            value = row.get(command.column)
            writer.check_bounds(command, value)
            if value is None or writer.is_exact(value, command.amount):
                amount = {command.column: command.amount}
                operation = Operation("increment", command.table, command.row_id, amount, bounds=command.bounds)
            else:
                operation = Operation("update", command.table, command.row_id, {command.column: value + command.amount})
            self.log.append(operation)
        return WriteResult(len(current))

    def _update_from_query(self, command: UpdateFromQuery) -> WriteResult:
        with self.blindly() if command.is_blind else nullcontext():
            computed = self.connection.reader.run(command.source)
            # A row that is joined with several others comes as often.
            changes = {command.encode_id(key): command.write(tuple(values)) for key, *values in computed}
        for row_id, data in changes.items():
            self._check_unique(command.table, [row_id], data, command.unique)
            self.log.append(Operation("update", command.table, row_id, data))
        return WriteResult(len(changes))

    def _delete(self, command: DeleteRows) -> WriteResult:
        if command.row_id is not None:
            ids = [command.row_id] if self._exists(command.table, command.row_id) else []
        else:
            ids = self._ids(command.table, command.condition)
        for row_id in ids:
            self.log.append(Operation("delete", command.table, row_id))
        return WriteResult(len(ids))

    def _exists(self, table: TableRef, row_id: str) -> bool:
        state = self.log.state(table, row_id)
        if state is not None:
            return not state.deleted
        if key_of(table, row_id) in self.versions:
            return True
        with self.blindly():
            return bool(list(self.connection.reader.rows_by_id(table, [row_id])))

    def _ids(self, table: TableRef, condition: Condition) -> list[str]:
        """
        Return the ids of the rows that a bulk write concerns.

        For a table that the log has touched the compiler has already turned the condition into ids that were read through the log, unless
        it names ids itself.
        """
        if len(condition.memberships) == 1 and not condition.queries:
            membership = condition.memberships[0]
            if membership.column == ROW_ID and isinstance(membership.values, ValuesOf):
                return list(self.connection.reader.values(membership.values))
        fetch = Fetch(table, "", condition)
        with self.blindly() if condition.names_ids_only else nullcontext():
            return [row[ROW_ID] for row in self.connection.reader.rows(fetch, condition, [ROW_ID])]

    # The end

    def forget_versions(self) -> None:
        """Let the commit check nothing of what has been read until now."""
        self.versions.clear()

    def forget(self) -> None:
        """Begin anew with what has been read and staged."""
        self.log = Log()
        self.versions, self._bases = {}, {}

    def applied(self, operations: Iterable[Operation], row: Row | None, *, whole: bool) -> None:
        """
        Note that operations were committed, so that objects know that their moments are the server's.

        Args:
            row: the row as the server has answered it, where it is a single one.
            whole: whether that was all of the block.
        """
        for operation in operations:
            self.log.end.written[key_of(operation.table, operation.row_id)] = _moments(row)
        if whole:
            self.log.end.committed = True
            self.connection.note_commit(self.log.end)

    def dated(self, table: TableRef, row: Row) -> None:
        """Note the moments of a row that were written after the commit."""
        self.log.end.written[key_of(table, row[ROW_ID])] = _moments(row)

    def commit_part(self, length: int) -> None:
        """Apply the first operations of the log at once; raises as ``commit``."""
        part = self.log.operations[:length]
        written = [(operation.table.table, operation.row_id) for operation in part]
        notice = self.connection.cache.write((), written, staged=False)
        with self.parts.part(length), notice, own_write(), self.blindly():
            commit.commit(self, part)
        self.log.drop(length)
        # What was seen of these rows is no more: they are as this block has made them. Locks end with what was committed.
        for operation in part:
            key = key_of(operation.table, operation.row_id)
            self.versions.pop(key, None)
            self._bases.pop(key, None)
        self.locked.clear()
        self.lock_rows.clear()

    def commit(self) -> None:
        """
        Apply the log.

        Raises:
            WriteRefused: another client changed a row that this block read and changed, or locked (serialization failure), or the
                connection failed before the commit; nothing was applied.
            WriteUnknown: the connection ended before the answer, and the server cannot be asked.
            WriteBroken: one part or more of a block that is committed in parts was applied, this one not; or all of it was but for moments
                that were given, which are written after the commit.
            IntegrityError: a unique index, or an id that exists; nothing was applied.
            DataError: a value does not fit; nothing was applied.
        """
        if self.log:
            self._next_count = min(self._next_count, _SHORT)
            self._make_room()
        if self.log:
            with self.parts.part(len(self.log.operations)), own_write(), self.blindly():
                commit.commit(self)

    def explain(self, error: UniqueViolation) -> None:
        """Let the error that ended the commit say which unique index has refused, if that can be found out."""
        commit.explain(self.connection, error, staging.fold(self.log.operations))


def _moments(row: Row | None) -> Row | None:
    return None if row is None or not set(MOMENTS) <= row.keys() else {key: row[key] for key in MOMENTS}


def _ids_asked_for(condition: Condition) -> set[str] | None:
    """Return the ids if the condition names ids, None if any row may match."""
    for query in condition.queries:
        if query.method == "equal" and query.column == ROW_ID:
            return {str(value).lower() for value in query.values}
    for membership in condition.memberships:
        if membership.column == ROW_ID and not isinstance(membership.values, ValuesOf):
            return {str(value).lower() for value in membership.values}
    return None
