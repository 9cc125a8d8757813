"""Keep the state of an open block: its log, the rows it has seen, and its commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend.client_calls import own_write
from appwrite_orm_django.backend.commands import (
    Changes,
    Command,
    Condition,
    CreateRows,
    DeleteRows,
    IncrementColumn,
    Membership,
    Output,
    UpdateFromQuery,
    UpdateRow,
    UpdateRows,
    UpsertRows,
    ValuesOf,
    WriteResult,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch
from appwrite_orm_django.backend.execution import increments, upserts, violations
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.transactions import commit, order, staging, versions
from appwrite_orm_django.backend.transactions.index import Held
from appwrite_orm_django.backend.transactions.log import (
    Log,
    Operation,
    RowState,
    key_of,
)
from appwrite_orm_django.backend.values import MOMENTS, ROW_ID
from appwrite_orm_django.client import operators
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.transactions import MAX_OPERATIONS

if TYPE_CHECKING:
    from appwrite_orm_django.backend.by_value import Values
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Key
    from appwrite_orm_django.backend.transactions.versions import Seen
    from appwrite_orm_django.client.identity import Identity
    from appwrite_orm_django.client.references import TableRef


Row = Mapping[str, Any]


# Each operation takes at most two places: text that the server would run as an operator is written
# in two steps.
_SHORT = MAX_OPERATIONS // 2


class _Unbound(Enum):
    UNBOUND = "unbound"


_UNBOUND = _Unbound.UNBOUND


class Transaction:
    """
    The state of one outermost ``atomic`` block on one connection.

    Args:
        in_parts: whether a log that exceeds the limit of one commit is committed in several parts.
            If not, it is rejected.
    """

    def __init__(self, connection: Connection, *, in_parts: bool = False) -> None:
        self.connection = connection
        self.in_parts = in_parts
        self.log = Log()
        self.values: Values | None = None
        # The versions of rows that the block has seen, and the committed rows that the log changes.
        self.versions: dict[Key, tuple[Seen, ...]] = {}
        self._bases: dict[Key, Row | None] = {}
        # The rows that select_for_update() has locked, and their lock rows, which are read before
        # anything else.
        self.locked: set[Key] = set()
        self.lock_rows: dict[Key, Row | None] = {}
        # The parts that have been committed.
        self.parts = Parts("changes of this block")
        self._next_count = _SHORT
        # The rows that the current locking read has seen.
        self._looked_at: set[Key] | None = None
        self._is_blind = False
        # The identity for which the block reads and writes; unknown before its first use.
        self._identity: Identity | _Unbound | None = _UNBOUND

    def bind(self, identity: Identity | None) -> None:
        """
        Bind the block to an identity.

        Raises:
            TransactionManagementError: the block has been used for another identity. Rows that one
                user has read or staged must not be seen by another user, nor committed with their
                permissions.
        """
        if self._identity is _UNBOUND:
            self._identity = identity
        elif self._identity != identity:
            raise TransactionManagementError(
                "This atomic block on Appwrite has been used for another identity (a user, or the "
                "API key); a block belongs to one identity.\n"
                "Open atomic() inside appwrite_user(). In tests use TransactionTestCase, as a "
                "TestCase is one block."
            )

    # Reading

    def is_dirty(self, table: TableRef) -> bool:
        return self.log.touches(table)

    def note_versions(self, table: TableRef, rows: Iterable[Row]) -> None:
        """Remember the version of each row that the block has seen, for the check at the commit."""
        if not self._is_blind:
            self._note(table, versions.seen(rows))

    def shown_versions(self, command: Command) -> tuple[int, int] | tuple[()] | None:
        """
        Do the same as ``versions.positions``, but return None if cached rows cannot be used.

        Once the block has locked a row, reads must be newer than the lock. If the log changes the
        table, the rows read are not versions of the server.
        """
        found = (
            None
            if self.locked or any(map(self.is_dirty, command.tables))
            else versions.positions(command)
        )
        # A locking read must know every row.
        return None if self._looked_at is not None and not found else found

    def note_shown(
        self,
        table: TableRef,
        rows: list[tuple[Any, ...]],
        outputs: Sequence[Output],
        row_id: int,
        updated_at: int,
    ) -> bool:
        """Note the versions of result rows; return False if they cannot be compared."""
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
        Do not remember the versions of rows that are read inside.

        This is for internal reads whose result the commit checks anyway: whether a row exists, or
        whether a value is taken.
        """
        before, self._is_blind = self._is_blind, True
        try:
            yield
        finally:
            self._is_blind = before

    # Locking

    @contextmanager
    def locking(self) -> Iterator[set[Key]]:
        """Yield the keys of all rows that are read inside, for locking them."""
        self.before_read()
        self._looked_at = set()
        try:
            yield self._looked_at
        finally:
            self._looked_at = None

    def lock(self, keys: Iterable[Key]) -> None:
        """Reject the commit if another block has changed or locked one of these rows."""
        self.locked.update(keys)

    def before_read(self) -> None:
        """Read the lock rows of locked rows, so that later reads are not older than the locks."""
        if self.locked and self._looked_at is None and not self._is_blind:
            self.read_lock_rows()

    def read_lock_rows(self) -> None:
        """Read missing lock rows, except those of rows that exist only in this block's log."""
        missing = [key for key in self.locked if key not in self.lock_rows and key in self.versions]
        if missing and self.connection.account is None:
            self.lock_rows.update(staging.read_lock_rows(self.connection, missing))

    def unmade(self, table: TableRef, condition: Condition) -> Condition:
        """
        Return the condition without the ids of rows that this block has made.

        Whatever the server has under such an id, the block sees its own row.
        """
        listed = [one for one in condition.memberships if _lists_ids(one)]
        equal = [one for one in condition.queries if one.method == "equal" and one.column == ROW_ID]
        if not listed and not equal:
            return condition
        unmade = [
            Membership(ROW_ID, tuple(id_ for id_ in ids if not self._has_made(table, str(id_))))
            for ids in (one.values for one in (*listed, *equal))
        ]
        return Condition(
            tuple(one for one in condition.queries if one not in equal),
            (*(one for one in condition.memberships if one not in listed), *unmade),
        )

    def _has_made(self, table: TableRef, row_id: str) -> bool:
        state = self.log.state(table, row_id)
        return state is not None and state.created and self._finds(row_id, state.row_id)

    def over(self, fetch: Fetch, condition: Condition, committed: Iterable[Row]) -> Iterator[Row]:
        """
        Yield the rows for local evaluation: committed rows, and those that the log changes.

        Rows of the log are included if they may satisfy the condition as the log leaves them.
        SQLite checks the condition anyway.
        """
        states = self.log.touched(fetch.table).states
        met: dict[str, None] = {}
        for row in committed:
            row_id = row[ROW_ID].lower()
            if row_id in states:
                met[row_id] = None
            else:
                yield row
        yield from self.as_left(fetch.table, self._matching(fetch.table, condition, met))

    def _matching(
        self, table: TableRef, condition: Condition, met: Iterable[str]
    ) -> list[RowState]:
        """
        Return the states of the rows that may satisfy a condition, in order of their numbers.

        Args:
            met: the folded ids of committed rows that satisfy it. What the block sees of them has
                to be of the same version, which the commit checks.
        """
        touched = self.log.touched(table)
        states = touched.states

        def value(row_id: str, column: str) -> Any:
            state = states.get(row_id)
            if state is None or state.deleted:
                return Held.NO_ROW
            if column in state.data or state.created:
                return state.data.get(column)
            base = self._bases.get((table, row_id), Held.UNKNOWN)
            if base is None:
                return Held.NO_ROW
            if isinstance(base, Held) or column not in base or column in state.increments:
                return Held.UNKNOWN
            return base[column]

        found = touched.index.matching(condition, value, self.connection.engine)
        if found is None:
            return list(states.values())
        matching = {row_id: states[row_id] for row_id in (*found, *met) if row_id in states}
        return sorted(matching.values(), key=attrgetter("number"))

    def state(self, table: TableRef, row_id: str) -> RowState | None:
        """
        Return what the log has made of the row with this id, or None if it did not touch it.

        If the row has the id in another spelling that does not find it, it is as good as deleted.
        """
        state = self.log.state(table, row_id)
        if state is not None and not self._finds(row_id, state.row_id):
            return RowState(row_id, state.number, deleted=True)
        return state

    def _finds(self, row_id: str, stored: str) -> bool:
        return row_id == stored or self.connection.engine.finds_ids_without_case

    def as_left(self, table: TableRef, states: Sequence[RowState]) -> Iterator[Row]:
        """Yield the rows of these states as the log leaves them, without deleted ones."""
        bases, engine = self._bases_of(table, states), self.connection.engine
        for state in states:
            if state.deleted:
                continue
            base = bases.get(state.row_id.lower())
            if state.created:
                yield state.over(None, engine)
            elif base is not None:
                yield state.over(base, engine)

    def _bases_of(self, table: TableRef, states: Iterable[RowState]) -> dict[str, Row | None]:
        """Return the committed rows that the log changes, by folded id; read once per block."""
        changed = [state.row_id for state in states if not state.created and not state.deleted]
        missing = [row_id for row_id in changed if key_of(table, row_id) not in self._bases]
        if missing:
            found = {
                row[ROW_ID].lower(): row
                for row in self.connection.reader.rows_by_id(table, missing)
            }
            for row_id in missing:
                self._bases[key_of(table, row_id)] = found.get(row_id.lower())
                self.log.note_base(table, row_id)
        bases = {row_id.lower(): self._bases[key_of(table, row_id)] for row_id in changed}
        # They may have been read blindly before, and are seen now.
        self.note_versions(table, filter(None, bases.values()))
        return bases

    # Writing

    def stage(self, command: Command) -> WriteResult:
        """Append a write command to the log, and return its result as far as it is known."""
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
        Ensure that the log fits into a commit.

        Raises:
            TransactionLimitExceeded: the log is too long, and the block must be committed as a
                whole.
        """
        # Cheap for ordinary blocks: only long logs are counted, and less often if many operations
        # share a place.
        length = len(self.log.operations)
        if length >= self._next_count and not self.connection.rolls_back_in_the_end:
            places = commit.make_room(self)
            length = len(self.log.operations)
            self._next_count = length + max(1, (length - places) // 4)

    def _create(self, command: CreateRows) -> WriteResult:
        new, reader = command.rows, self.connection.reader
        if command.ignore_conflicts:
            with self.blindly():
                taken = violations.conflicting(reader, command.table, command.unique, new)
            for row in new:
                if id(row) not in taken:
                    ignored = command.unique if row.id_is_ours else ((ROW_ID,), *command.unique)
                    upserts.create(self.log, reader.connection.engine, command.table, row, ignored)
            return WriteResult(len(new) - len(taken))
        if self.connection.in_savepoint:
            with self.blindly():
                taken = violations.conflicting(reader, command.table, command.unique, new)
            if taken:
                raise next(iter(taken.values())).error(command.table)
        return WriteResult.of(
            command.outputs,
            [upserts.create(self.log, self.connection.engine, command.table, row) for row in new],
        )

    def _upsert(self, command: UpsertRows) -> WriteResult:
        planned = upserts.plan(self.connection.reader, command)
        if self.connection.in_savepoint:
            with self.blindly():
                clash = upserts.upsert_violation(self.connection.reader, command, planned)
            if clash:
                raise clash.error(command.table)
            before = {row_id.lower(): row for row_id, row in planned.existing.items()}
            after = {row_id.lower(): row for row_id, row in planned.images().items()}
            self._refuse_exchange(command.table, command.unique, before, after)
        return upserts.take(self.log, self.connection.engine, command, planned)

    def _update_row(self, command: UpdateRow) -> WriteResult:
        if not self._exists(command.table, command.row_id):
            return WriteResult(0)
        self._check_unique(command.table, {command.row_id: command.data}, command.unique)
        self._change(command.table, command.row_id, command.data)
        return WriteResult(1)

    def _update_rows(self, command: UpdateRows) -> WriteResult:
        ids = self._ids(command.table, command.condition)
        self._check_unique(command.table, dict.fromkeys(ids, command.data), command.unique)
        for row_id in ids:
            self._change(command.table, row_id, command.data)
        return WriteResult(len(ids))

    def _check_unique(
        self, table: TableRef, changes: Changes, unique: Sequence[tuple[str, ...]]
    ) -> None:
        """Inside a savepoint, where the error can be caught, find a violated unique index early."""
        if not self.connection.in_savepoint or not changes:
            return
        written = {key for data in changes.values() for key in data}
        concerned = tuple(columns for columns in unique if written & set(columns))
        if not concerned:
            return
        by_id = {row_id.lower(): data for row_id, data in changes.items()}
        with self.blindly():
            before = {row[ROW_ID].lower(): row for row in self._current(table, list(changes))}
            after = {row_id: {**row, **by_id[row_id]} for row_id, row in before.items()}
            clash = violations.violation(
                self.connection.reader,
                table,
                concerned,
                {row[ROW_ID]: row for row in after.values()},
            )
        if clash:
            raise clash.error(table)
        self._refuse_exchange(table, concerned, before, after)

    def _refuse_exchange(
        self,
        table: TableRef,
        unique: Sequence[tuple[str, ...]],
        before: order.Rows,
        after: order.Rows,
    ) -> None:
        clash = order.exchange(tuple(unique), before, after, self.connection.engine)
        if clash:
            raise clash.error(table, order.NO_ORDER)

    def current(self, table: TableRef, condition: Condition) -> list[dict[str, Any]]:
        """
        Return the rows that a bulk write affects, as the log leaves them.

        The commit checks that the committed ones are unchanged.
        """
        return self._current(table, self._ids(table, condition))

    def _current(self, table: TableRef, ids: Sequence[str]) -> list[dict[str, Any]]:
        states = [state for row_id in ids if (state := self.state(table, row_id)) is not None]
        touched = {state.row_id.lower() for state in states}
        others = [row_id for row_id in ids if row_id.lower() not in touched]
        committed = self.connection.reader.rows_by_id(table, others) if others else ()
        return [dict(row) for row in (*committed, *self.as_left(table, states))]

    def _increment(self, command: IncrementColumn) -> WriteResult:
        # The row is read for its bounds. Otherwise a violation would show only at the commit, or
        # never if the log has set the value.
        with self.blindly():
            current = self._current(command.table, [command.row_id])
        engine, amount = self.connection.engine, command.amount
        if not all(increments.is_exact(engine, row.get(command.column), amount) for row in current):
            # The sum is computed here, and is valid only for the version of the row that was read.
            current = self._current(command.table, [command.row_id])
        for row in current:
            value = row.get(command.column)
            increments.check_bounds(command, value)
            if value is not None:
                changed = {command.row_id: {command.column: value + amount}}
                self._check_unique(command.table, changed, command.unique)
            if value is None or increments.is_exact(engine, value, amount):
                # Null plus anything is null, and exceeds no bound.
                is_idle = value is None and not engine.increments_nulls
                operation = Operation(
                    "increment",
                    command.table,
                    command.row_id,
                    {command.column: amount},
                    bounds=command.bounds if is_idle else engine.limits(command.bounds),
                )
            else:
                operation = Operation(
                    "update", command.table, command.row_id, {command.column: value + amount}
                )
            self.log.append(operation)
        return WriteResult(len(current))

    def _update_from_query(self, command: UpdateFromQuery) -> WriteResult:
        with self.blindly() if command.is_blind else nullcontext():
            computed = self.connection.reader.run(command.source)
            # A join may return a row several times.
            changes: Changes = {
                command.encode_id(key): command.write(tuple(values)) for key, *values in computed
            }
        if command.completed is not None:
            changes = command.completed(changes)
        self._check_unique(command.table, changes, command.unique)
        for row_id, data in changes.items():
            self._change(command.table, row_id, data)
        return WriteResult(len(changes))

    def _change(self, table: TableRef, row_id: str, data: Mapping[str, Any]) -> None:
        state = self.log.state(table, row_id)
        if not self.connection.engine.keeps_operator_text and (state is None or not state.created):
            operators.refuse_operator_text(table, row_id, data)
        self.log.append(Operation("update", table, row_id, data))

    def _delete(self, command: DeleteRows) -> WriteResult:
        if command.row_id is not None:
            ids = [command.row_id] if self._exists(command.table, command.row_id) else []
        else:
            ids = self._ids(command.table, command.condition)
        for row_id in ids:
            self.log.append(Operation("delete", command.table, row_id))
        return WriteResult(len(ids))

    def _exists(self, table: TableRef, row_id: str) -> bool:
        state = self.state(table, row_id)
        if state is not None:
            return not state.deleted
        if looks := self.versions.get(key_of(table, row_id)):
            return self._finds(row_id, looks[0].row_id)
        with self.blindly():
            return bool(list(self.connection.reader.rows_by_id(table, [row_id])))

    def _ids(self, table: TableRef, condition: Condition) -> list[str]:
        """
        Return the ids of the rows that a bulk write affects.

        If the log has touched the table, the compiler has already replaced the condition by ids
        read through the log, unless it names ids itself.
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
        """Exclude everything read until now from the check at the commit."""
        self.versions.clear()

    def forget(self) -> None:
        """Discard everything that has been read and staged."""
        self.log = Log()
        self.versions, self._bases = {}, {}

    def applied(self, operations: Iterable[Operation], row: Row | None, *, whole: bool) -> None:
        """
        Record that operations were committed: the server has set the moments of these rows.

        Args:
            row: the server's answer, if a single row was written.
            whole: whether this completes the block.
        """
        for operation in operations:
            self.log.end.written[key_of(operation.table, operation.row_id)] = _moments(row)
        if whole:
            self.log.end.committed = True
            self.connection.note_commit(self.log.end)

    def dated(self, table: TableRef, row: Row) -> None:
        """Record the moments of a row that were written after the commit."""
        self.log.end.written[key_of(table, row[ROW_ID])] = _moments(row)

    def commit_part(self, length: int) -> None:
        """Commit the first operations of the log at once. Raises the same errors as ``commit``."""
        part = self.log.operations[:length]
        written = [(operation.table.table, operation.row_id) for operation in part]
        notice = self.connection.cache.write((), written, staged=False)
        with self.parts.part(length), notice, own_write(), self.blindly():
            commit.commit(self, part)
        self.log.drop(length)
        # The versions seen of these rows are stale, as this block has changed them. Locks end with
        # the commit.
        for operation in part:
            key = key_of(operation.table, operation.row_id)
            self.versions.pop(key, None)
            self._bases.pop(key, None)
        self.locked.clear()
        self.lock_rows.clear()

    def commit(self, values: Values | None = None) -> None:
        """
        Commit the log.

        Args:
            values: the values of the changed rows, which are told to the cache.

        Raises:
            WriteRefused: another client changed a row that this block read and changed, or locked
                (a serialization failure), or the connection failed before the commit. Nothing was
                applied.
            WriteUnknown: the connection was lost before the answer, and the server cannot be asked.
            WriteBroken: earlier parts of a block that is committed in parts were applied, but not
                this one; or the block was committed, but not the moments that are written after the
                commit.
            IntegrityError: a unique index is violated, or an id exists. Nothing was applied.
            DataError: a value does not fit. Nothing was applied.
        """
        if self.log:
            self._next_count = min(self._next_count, _SHORT)
            self._make_room()
        if self.log:
            self.values = values
            with self.parts.part(len(self.log.operations)), own_write(), self.blindly():
                commit.commit(self)

    def explain(self, error: UniqueViolation) -> None:
        """Add the violated unique index to the error that ended the commit, if it can be found."""
        commit.explain(self.connection, error, staging.fold(self.log.operations))


def _moments(row: Row | None) -> Row | None:
    return (
        None
        if row is None or not set(MOMENTS) <= row.keys()
        else {key: row[key] for key in MOMENTS}
    )


def _lists_ids(membership: Membership) -> bool:
    return membership.column == ROW_ID and not isinstance(membership.values, ValuesOf)
