"""
Commit a block.

A single change of a row that the block has not read is sent as one request. All other changes are
staged, checked and committed together.

The server detects a conflict only between staging and commit, and only if the other change has the
later time. The versions that the block has seen are therefore compared after staging
(``versions``). Of two blocks that saw the same version, or locked the same row, only one can
commit, as both create the same row in the table of claims (recording ``tx-conflict-create``).
"""

from __future__ import annotations

import bisect
import random
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django.db import DatabaseError, NotSupportedError, OperationalError

from appwrite_orm_django.backend.commands import Condition, Membership, NewRow, Unique, UpdateRows
from appwrite_orm_django.backend.execution import retries, violations
from appwrite_orm_django.backend.execution.increments import add
from appwrite_orm_django.backend.execution.parts import NOTHING_WRITTEN
from appwrite_orm_django.backend.execution.writer import refuse_moments
from appwrite_orm_django.backend.transactions import order, staging, versions
from appwrite_orm_django.backend.transactions.log import Key, Operation, key_of
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client import operators, rows, transactions
from appwrite_orm_django.client.answers import IN_DOUBT
from appwrite_orm_django.client.errors import (
    AppwriteError,
    ConnectionFailed,
    NotAppwrite,
    RateLimited,
    RequestTimeout,
    RowNotFound,
    ServerError,
    TableNotFound,
    TransactionClosed,
    TransactionConflict,
    TransactionLimitExceeded,
    UniqueViolation,
    WriteBroken,
    WriteRefused,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transactions import MAX_OPERATIONS
from appwrite_orm_django.schema.own_tables import CLAIM_COLUMN

if TYPE_CHECKING:
    from appwrite_orm_django.backend.by_value import Values
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Log
    from appwrite_orm_django.backend.transactions.versions import Seen
    from appwrite_orm_django.engines import Engine

_SWEEP_ONE_IN = 200
_TTL_S = 60
_MAX_ATTEMPTS = 5
# Errors that say nothing about the block: the server was not reached, or could not answer.
_NO_ANSWER = (ConnectionFailed, RequestTimeout, NotAppwrite, ServerError, RateLimited)


class Block(Protocol):
    """
    A block to commit: its log, and the rows that it has seen and locked.

    ``values`` are the values of the rows for the cache, or None if it does not ask for them.
    """

    in_parts: bool
    values: Values | None
    log: Log
    versions: dict[Key, tuple[Seen, ...]]
    locked: set[Key]
    lock_rows: dict[Key, Mapping[str, Any] | None]

    @property
    def connection(self) -> Connection: ...

    def read_lock_rows(self) -> None: ...

    def applied(
        self, operations: Iterable[Operation], row: Mapping[str, Any] | None, *, whole: bool
    ) -> None: ...

    def dated(self, table: TableRef, row: Mapping[str, Any]) -> None: ...

    def commit_part(self, length: int) -> None: ...


def commit(block: Block, operations: Sequence[Operation] | None = None) -> None:
    """
    Apply operations of a block, by default its whole log. All of them are applied, or none.

    Rows created with ``ignore_conflicts`` that exist by now are left out. Raises the same errors as
    ``Transaction.commit``.
    """
    all_of_it = operations is None
    folded = staging.fold(block.log.operations if operations is None else operations)
    if not folded:
        block.applied((), None, whole=all_of_it)
    while folded:
        try:
            row = _Commit(block, folded).run()
        except UniqueViolation:
            still_new = _without_what_exists(block, folded)
            if len(still_new) == len(folded):
                raise
            folded = still_new
        else:
            block.applied(folded, row, whole=all_of_it)
            if row is None:
                _write_moments(block, folded)
            return


def _write_moments(block: Block, folded: list[Operation]) -> None:
    """
    Write the moments that were given to rows, which a commit does not keep.

    Takes one request for up to 100 rows of a table with equal moments.

    Raises:
        WriteBroken: a request failed. The block is committed nevertheless.
    """
    groups: dict[tuple[TableRef, tuple[tuple[str, Any], ...]], list[str]] = {}
    for table, row_id, given in staging.moments(folded):
        groups.setdefault((table, tuple(given.items())), []).append(row_id)
    waiting = [
        (table, dict(given), row_ids[start : start + rows.MAX_BULK_ROWS])
        for (table, given), row_ids in groups.items()
        for start in range(0, len(row_ids), rows.MAX_BULK_ROWS)
    ]
    writer = block.connection.writer
    for done, (table, given, row_ids) in enumerate(waiting):
        try:
            if len(row_ids) > 1:
                writer.update_rows(
                    UpdateRows(table, Condition((), (Membership(ROW_ID, tuple(row_ids)),)), given)
                )
            else:
                block.dated(table, writer.write_row(table, row_ids[0], given))
        except RowNotFound:
            continue  # the row was deleted since the commit
        except DatabaseError as error:
            raise _undated(error, len(folded), waiting[done:]) from error


def _undated(
    error: DatabaseError,
    written: int,
    missing: Sequence[tuple[TableRef, dict[str, Any], list[str]]],
) -> WriteBroken:
    lines = [
        f"{table.table}: {', '.join(f'{name} = {value}' for name, value in given.items())} of "
        f"{', '.join(row_ids)}"
        for table, given, row_ids in missing
    ]
    reason = str(error).partition("\n")[0]
    return WriteBroken.caused_by(
        error,
        "The block was committed, but writing the moments of its rows after the commit failed: "
        f"{reason}\n"
        f"Not written (except perhaps the first line):\n" + "\n".join(lines),
        ambiguous=True,
        written=written,
    )


def make_room(block: Block) -> int:
    """
    Ensure that the log of a block fits into a transaction, or commit a first part of it.

    Returns:
        The number of operations of the transaction that the log takes.

    Raises:
        TransactionLimitExceeded: the log does not fit, and the block must be committed as a whole.
            Nothing was written.
        WriteRefused, WriteUnknown, WriteBroken, IntegrityError, DataError: a part could not be
            committed.
    """
    while (places := sum(_places(block, block.log.operations))) > MAX_OPERATIONS:
        # Operations after a savepoint may still be rolled back.
        operations, most = block.log.operations, block.log.first_mark()
        if not block.in_parts or not most:
            raise _too_many(*_places(block, operations))
        # The number of prefixes, each one operation longer than the last, that fit.
        longest = bisect.bisect_left(
            range(most), True, key=lambda n: not _fits(block, operations[: n + 1])
        )
        block.commit_part(max(1, longest))
    return places


def _fits(block: Block, operations: Sequence[Operation]) -> bool:
    return sum(_places(block, operations)) <= MAX_OPERATIONS


def _places(block: Block, operations: Sequence[Operation]) -> tuple[int, int]:
    """Return how many operations of the transaction are needed for changes, and for claims."""
    folded = staging.fold(operations)
    changed = {
        key_of(operation.table, operation.row_id)
        for operation in folded
        if operation.action != "create"
    }
    claimed = _bulks(len(changed & block.versions.keys()))
    return len(staging.staged_operations(folded, MAX_OPERATIONS - claimed)), claimed


def _bulks(count: int) -> int:
    return -(-count // rows.MAX_BULK_ROWS)


def _too_many(changes: int, claimed: int) -> TransactionLimitExceeded:
    return TransactionLimitExceeded(
        f"This block needs {changes + claimed} operations: {changes} for its changes and {claimed} "
        f"for claims of rows that it has read or locked; Appwrite commits at most {MAX_OPERATIONS} "
        "together. None of them was written.\n"
        "Write fewer rows in one block, or write the same values to many rows with one update()."
    )


def explain(connection: Connection, error: UniqueViolation, folded: Collection[Operation]) -> None:
    """Add the violated unique index and the conflicting row to an error, table by table."""
    merged = [one for of_row in order.merged(folded).values() for one in of_row]
    for table in dict.fromkeys(operation.table for operation in merged):
        of_table = [operation for operation in merged if operation.table == table]
        created = [NewRow(one.row_id, one.data) for one in of_table if one.action == "create"]
        changed = {one.row_id: one.data for one in of_table if one.action == "update"}
        added: dict[str, dict[str, Any]] = {}
        for one in of_table:
            if one.action == "increment":
                added.setdefault(one.row_id, {}).update(one.data)
        deleted = [one.row_id for one in of_table if one.action == "delete"]
        change = violations.Change(created, changed, added, deleted)
        violations.explain(connection, error, table, change, NOTHING_WRITTEN)


def _without_what_exists(block: Block, folded: list[Operation]) -> list[Operation]:
    ignoring: dict[tuple[TableRef, Unique], list[Operation]] = {}
    for operation in folded:
        if operation.ignored:
            ignoring.setdefault((operation.table, operation.ignored), []).append(operation)
    existing: set[Key] = set()
    # Only committed rows count, not those of the block.
    with block.connection.own_block():
        for (table, ignored), operations in ignoring.items():
            new = [
                NewRow(operation.row_id, operation.data, id_is_ours=(ROW_ID,) not in ignored)
                for operation in operations
            ]
            unique = tuple(columns for columns in ignored if columns != (ROW_ID,))
            taken = violations.conflicting(block.connection.reader, table, unique, new)
            existing.update(key_of(table, row.row_id) for row in new if id(row) in taken)
    return [
        operation
        for operation in folded
        if not operation.ignored or key_of(operation.table, operation.row_id) not in existing
    ]


def _is_one_request(operation: Operation, engine: Engine) -> bool:
    if operation.action == "increment":
        # An increment that may have been applied cannot be repeated.
        return len(operation.data) == 1 and not engine.race_is_server_error
    if not engine.keeps_operator_text:
        return True
    return operation.action != "update" or not any(
        map(operators.looks_like_operator, operation.data.values())
    )


def _conflict(what: str) -> TransactionConflict:
    return TransactionConflict(
        f"{what} by another client while this block was using it; nothing of the block was "
        "written.\n"
        "Run the block again."
    )


def _refused(error: AppwriteError) -> WriteRefused:
    """Return the error for a block that was not committed because the server did not answer."""
    reason = str(error).replace(f"{IN_DOUBT} ", "")
    return WriteRefused.caused_by(
        error, f"The block was not committed, and nothing of it was written: {reason}"
    )


class _Commit:
    """Apply the folded operations of a block."""

    def __init__(self, block: Block, folded: list[Operation]) -> None:
        self.connection = connection = block.connection
        self.transport = connection.transport
        self.account = connection.account
        if self.account is not None:
            for operation in folded:
                refuse_moments(operation.table, [operation.data])
        self.claims = staging.table_in(connection.database_id)
        self.folded = folded
        self.values = block.values
        # Whether the operations are merged, and in an order that must be kept.
        self.is_ordered = False
        changed = {
            key_of(operation.table, operation.row_id)
            for operation in folded
            if operation.action != "create"
        }
        # The rows that were read and are changed, and all rows whose versions are compared after
        # staging.
        self.read = {key: looks for key, looks in block.versions.items() if key in changed}
        self.checked: dict[Key, tuple[Seen, ...]] = dict(self.read)
        self.new_locks: list[str] = []
        self.is_in_bulk = False
        self.nonce = uuid.uuid4().hex
        self.generations: dict[Key, int] = {}
        self._lock(block, changed)

    def _lock(self, block: Block, changed: set[Key]) -> None:
        locked = {key for key in block.locked if key in block.versions}
        self.checked.update((key, block.versions[key]) for key in locked)
        if locked <= changed and not block.lock_rows:
            # No lock row is needed: each locked row is changed, and so claimed, and nothing was
            # read after it was locked.
            return
        if self.account is not None:
            if locked <= changed:
                return
            table, row_id = min(locked - changed, key=str)
            raise NotSupportedError(
                f"{table.table}/{row_id} was locked with select_for_update() but not changed. Only "
                "blocks of the API key can lock a row without changing it; nothing was written.\n"
                "Change the row as well, or write within appwrite_key()."
            )
        block.read_lock_rows()
        for key in sorted(locked, key=str):
            lock_row, lock = block.lock_rows[key], staging.lock_id(key)
            if lock_row is None:
                self.new_locks.append(lock)
            else:
                self.folded = [
                    *self.folded,
                    Operation("update", self.claims, lock, {CLAIM_COLUMN: self.nonce}),
                ]
                looks = tuple(look for _, look in versions.seen([lock_row]))
                self.read[(self.claims, lock)] = self.checked[(self.claims, lock)] = looks

    def run(self) -> Mapping[str, Any] | None:
        """
        Apply everything or nothing. Raises the same errors as ``Transaction.commit``.

        Returns:
            The row with its moments if a single row was written without a transaction, else None.
        """
        engine = self.connection.engine
        if not (self.checked or self.new_locks):
            if len(self.folded) == 1 and _is_one_request(self.folded[0], engine):
                return self._send_knowing(self.folded[0])
            if not staging.without_moments(self.folded):
                return None
        if not engine.keeps_operator_text:
            for operation in self.folded:
                operators.refuse_operator_text(operation.table, operation.row_id, operation.data)
        self._transaction()
        return None

    def _transaction(self) -> None:
        attempts = races = 0
        while attempts < _MAX_ATTEMPTS:
            try:
                transaction_id, mark = self._stage()
                self._check()
            except _NO_ANSWER as error:
                # Even if the request succeeded, staged operations are not applied.
                raise _refused(error) from error
            try:
                self._commit(transaction_id, mark)
            except TransactionConflict as error:
                if error.type == "transaction_failed" and races < retries.MAX_ATTEMPTS:
                    # Nothing was written: on an engine without row locks, another write of a row
                    # was under way.
                    races += 1
                    retries.pause(races)
                    continue
                attempts += 1
                if self.account is None and self._passes_spent_claims():
                    continue
                if (explained := self._explained(error)) is not None:
                    raise explained from error
            else:
                if mark is not None and random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - a frequency, not a secret
                    staging.sweep(self.transport, self.claims)
                return
        (table, row_id), *more = self.read
        claimed = f"and {len(more)} more rows were claimed" if more else "was claimed"
        raise _conflict(f"{table.table}/{row_id} {claimed}")

    def _send_knowing(self, operation: Operation) -> Mapping[str, Any]:
        """Send a single change; tell the cache which values the row has before and after it."""
        values = self.values
        if values is None:
            return self._send(operation)
        row = values.write_one(
            lambda since: self._send(operation, since=since), adds=operation.action == "increment"
        )
        values.note_answer(row or None)
        return row

    def _send(self, operation: Operation, *, since: str | None = None) -> Mapping[str, Any]:
        """
        Send a single change, which is atomic; return the row as far as the answer has it.

        Raises:
            RowConflict: the row was changed after ``since``, an ``$updatedAt``.
        """
        writer, table, row_id = self.connection.writer, operation.table, operation.row_id
        try:
            if operation.action == "create":
                return writer.create_row(table, row_id, operation.data)
            if operation.action == "update":
                return writer.write_row(table, row_id, operation.data, since=since)
            if operation.action == "delete":
                rows.delete_row(self.transport, table, row_id, unmodified_since=since)
            else:
                ((column, amount),) = operation.data.items()
                try:
                    row = add(self.transport, table, row_id, column, amount, operation.bounds)
                except (UniqueViolation, ServerError) as error:
                    writer.explain_increment(error, table, row_id, operation.data)
                    raise
                if self.values is not None:
                    self.values.note_answer(row)
        except RowNotFound as error:
            raise _conflict(f"{table.table}/{row_id} was deleted") from error
        except _NO_ANSWER as error:
            if error.ambiguous:
                raise writer.unknown(error) from error
            raise _refused(error) from error
        return {}  # the answer to an increment has the moments from before it

    # Staging

    def _stage(self) -> tuple[str, str | None]:
        """Stage everything in a new transaction; return its id and that of the block's mark."""
        mark = self._mark()
        operations, claimed = self._staged(mark), self._claimed(mark)
        if len(operations) > MAX_OPERATIONS:
            raise _too_many(len(operations) - _bulks(len(claimed)), _bulks(len(claimed)))
        try:
            return self._stage_operations(operations), mark
        except TableNotFound:
            # The legacy error names no table. The table of claims is created on first use, if the
            # key may.
            if not claimed:
                raise  # the table of a model: the table of claims was not used
            try:
                staging.create_table(self.transport, self.claims)
            except OperationalError:
                if self.read or self.new_locks:
                    raise
                # Only the mark is missing, which serves to recover from a lost answer.
                mark = None
            return self._stage_operations(self._staged(mark)), mark

    def _mark(self) -> str | None:
        """Return the id of a mark for the block; None if it does not fit, or forces bulk calls."""
        if self.account is not None:
            return None
        mark = uuid.uuid4().hex
        marked, plain = self._staged(mark), self._staged(None)
        changes = len(marked) - _bulks(len(self._claimed(mark)))
        keeps_changes = changes == len(plain) - _bulks(len(self._claimed(None)))
        return mark if keeps_changes and len(marked) <= MAX_OPERATIONS else None

    def _stage_operations(self, operations: list[dict[str, Any]]) -> str:
        self.is_in_bulk = any(one["action"] in ("bulkUpdate", "bulkDelete") for one in operations)
        transaction_id = str(transactions.create_transaction(self.transport, _TTL_S)["$id"])
        try:
            transactions.create_operations(self.transport, transaction_id, operations)
        except BaseException as error:
            self._roll_back(transaction_id)
            if isinstance(error, RowNotFound):
                raise self._deleted(error) from error
            raise
        return transaction_id

    def _roll_back(self, transaction_id: str) -> None:
        try:
            transactions.rollback(self.transport, transaction_id)
        except AppwriteError:
            return  # the transaction expires, and the first error is the one to raise

    def _deleted(self, error: RowNotFound) -> TransactionConflict:
        return _conflict(
            f"{error.table or self.claims.database}/{error.row_id or 'a row'} was deleted"
        )

    def _staged(self, mark: str | None) -> list[dict[str, Any]]:
        if self.account is not None:
            # Users cannot stage bulk operations. The permissions that the server grants outside a
            # block are set explicitly.
            return staging.single_operations(staging.for_user(self.folded, self.account.user_id))
        claimed = self._claimed(mark)
        base = {
            "databaseId": self.claims.database,
            "tableId": self.claims.table,
            "action": "bulkCreate",
        }
        bulks = [
            {**base, "data": claimed[start : start + rows.MAX_BULK_ROWS]}
            for start in range(0, len(claimed), rows.MAX_BULK_ROWS)
        ]
        stage = staging.staged_in_order if self.is_ordered else staging.staged_operations
        return [*bulks, *stage(self.folded, MAX_OPERATIONS - len(bulks))]

    def _claimed(self, mark: str | None) -> list[dict[str, Any]]:
        # A user cannot write to the table of claims. What remains is the comparison after staging,
        # and the server's own check of rows that were staged before another commit.
        if self.account is not None:
            return []
        return [
            *([] if mark is None else [staging.mark(mark)]),
            *({ROW_ID: lock, CLAIM_COLUMN: self.nonce} for lock in self.new_locks),
            *self._row_claims(self.read).values(),
        ]

    def _row_claims(self, keys: Mapping[Key, object], later: int = 0) -> dict[Key, dict[str, Any]]:
        return {
            key: staging.claim(
                key, self.checked[key][0].updated_at, self.generations.get(key, 0) + later
            )
            for key in keys
        }

    def _check(self) -> None:
        """
        Compare the versions that the block has seen; the server detects later changes.

        It is not known to do so in operations for several rows, and does not where it increments.
        """
        changed, found = self._compared({} if self.values is None else self.values.wanted())
        if self.values is not None and changed is None:
            self.values.know({} if self.is_in_bulk else found, may_be_late=True)
        if changed is not None:
            self._forget_cached(changed)
            raise _conflict(f"{changed[0].table}/{changed[1]} was changed")

    def _changed(self) -> Key | None:
        return self._compared({})[0]

    def _compared(
        self, wanted: Mapping[TableRef, Sequence[str]]
    ) -> tuple[Key | None, dict[Key, Mapping[str, Any]]]:
        """
        Return a row that is not as the block has seen it, and the rows that were read.

        Args:
            wanted: the ids of more rows to read, by table.
        """
        by_table: dict[TableRef, dict[str, str]] = {}
        for (table, row_id), looks in self.checked.items():
            by_table.setdefault(table, {})[row_id] = looks[0].row_id
        for table, ids in wanted.items():
            others = {row_id.lower(): row_id for row_id in ids}
            by_table[table] = others | by_table.get(table, {})
        found: dict[Key, Mapping[str, Any]] = {}
        for table, of_table in by_table.items():
            for row in staging.by_ids(self.transport, table, of_table.values()):
                found[key_of(table, row[ROW_ID])] = row
            for folded, row_id in of_table.items():
                key = table, folded
                if not all(look.holds(found.get(key)) for look in self.checked.get(key, ())):
                    return (table, row_id), found
        return None, found

    def _forget_cached(self, key: Key) -> None:
        # The version may have come from the cache, if the change was not announced. A retry of the
        # block must not see it again. Tables that the block writes to are invalidated by its
        # commit, even a rejected one.
        if all(operation.table != key[0] for operation in self.folded):
            self.connection.cache.invalidate([key[0].table])

    # The commit

    def _commit(self, transaction_id: str, mark: str | None) -> None:
        try:
            transactions.commit(self.transport, transaction_id)
        except TransactionConflict:
            raise
        except RowNotFound as error:
            raise self._deleted(error) from error
        except (*_NO_ANSWER, TransactionClosed) as error:
            applied = False
            if error.ambiguous or isinstance(error, TransactionClosed):
                applied = self._was_applied(transaction_id, mark, error)
            if not applied:
                raise _refused(error) from error

    def _was_applied(self, transaction_id: str, mark: str | None, error: AppwriteError) -> bool:
        """
        Ask the server whether a commit was applied after its answer was lost.

        Raises:
            WriteUnknown: the server cannot tell.
        """
        try:
            if mark is not None:
                return staging.was_committed(self.transport, self.claims, mark)
            if error.type == "transaction_expired":
                return False
            state = transactions.get_transaction(self.transport, transaction_id)["status"]
            if state in ("committed", "failed"):
                return bool(state == "committed")
        except AppwriteError:
            pass
        raise self.connection.writer.unknown(error) from error

    def _passes_spent_claims(self) -> bool:
        """
        Move on to the next free claim of rows that are claimed but unchanged.

        Returns:
            Whether there are any such rows.

        A claim is committed together with the change that it announces. If it exists while the row
        is unchanged, that change changed nothing, and must not block the row forever. The claim
        stays in place: it still rejects blocks that read the row before it.
        """
        spent = self._existing(self._row_claims(self.read))
        if not spent or self._changed() is not None:
            return False
        while spent:
            self.generations.update((key, self.generations.get(key, 0) + 1) for key in spent)
            spent = self._existing(self._row_claims(dict.fromkeys(spent)))
        return True

    def _existing(self, wanted: Mapping[Key, dict[str, Any]]) -> set[Key]:
        by_id = {row[ROW_ID]: key for key, row in wanted.items()}
        return {by_id[row[ROW_ID]] for row in staging.by_ids(self.transport, self.claims, by_id)}

    # The server gives the same answer for a changed row and for a violated unique index.

    def _explained(self, error: TransactionConflict) -> Exception | None:
        """Return the error for a rejected commit, or None if it is to be tried in a new order."""
        if (changed := self._changed()) is not None:
            self._forget_cached(changed)
            return _conflict(f"{changed[0].table}/{changed[1]} was changed")
        if self.new_locks and any(staging.by_ids(self.transport, self.claims, self.new_locks)):
            return _conflict("A row was locked")
        names = ", ".join(sorted({operation.table.table for operation in self.folded}))
        violation = UniqueViolation(
            f"{names}: the block was rejected because a row id or a value of a unique index "
            "already exists, or a row was changed by another client; nothing of the block was "
            "written."
        )
        own = [one for one in self.folded if one.table != self.claims]
        explain(self.connection, violation, own)
        if not violation.columns and not self.is_ordered and self._has_order(own, violation):
            return None
        # A user may conflict with a row that they cannot see.
        hidden = self.account is not None and any(
            operation.action == "create" for operation in self.folded
        )
        return violation if violation.columns or hidden else error

    def _has_order(self, own: list[Operation], violation: UniqueViolation) -> bool:
        """
        Find an order in which no unique value is taken before it is free.

        Returns:
            Whether there is one and it must be tried. If unique values clash in every order, the
            violation is described.
        """
        room = MAX_OPERATIONS - _bulks(len(self._claimed(None)))
        found = order.midway(self.connection, staging.order_of(own, room))
        if found is None:
            return False
        if found.operations is not None:
            locks = [one for one in self.folded if one.table == self.claims]
            before, self.folded = self.folded, [*found.operations, *locks]
            self.is_ordered = True
            if len(self._staged(None)) <= MAX_OPERATIONS:
                return True
            self.folded, self.is_ordered = before, False
        found.clash.tell(violation, found.table, order.NO_ORDER + NOTHING_WRITTEN)
        return False
