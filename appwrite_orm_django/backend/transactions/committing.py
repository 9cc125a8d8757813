"""
The end of a block: one change is sent as it is; several are staged, checked and committed together.

The server notices a conflict only between staging and commit. What happened between our read of a row and its staging is found by
comparing versions after the staging; and two blocks that saw the same version of a row both try to create the same *claim*, a row
whose id is made from table, row and version, so that the server lets only one of them commit (recording ``tx-conflict-create``).
"""

from __future__ import annotations

import datetime
import hashlib
import random
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import OperationalError

from appwrite_orm_django.backend import uniqueness
from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.commands.writes import NewRow, Unique
from appwrite_orm_django.backend.transactions import staging
from appwrite_orm_django.backend.transactions.log import Key, Log, Operation, key_of
from appwrite_orm_django.client import operators, queries, rows, tables, transactions
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    AppwriteError,
    RowNotFound,
    TableNotFound,
    TransactionConflict,
    TransactionLimitExceeded,
    Unauthorized,
    UniqueViolation,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.own_tables import CLAIM_COLUMN, CLAIMS

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

CLAIMS_TABLE = CLAIMS.id
# A claim is of no use once its row has a newer version; old ones are swept now and then.
_CLAIM_LIFE = datetime.timedelta(days=1)
_SWEEP_ONE_IN = 200
_TTL_S = 60
_MAX_ATTEMPTS = 3
# ``string`` where the definition says ``varchar``, as 1.9.6 takes no ``varchar`` together with a new table (recording
# ``tables-inline-types``); appwrite_migrate takes one for the other.
_CLAIM_COLUMN = {"key": CLAIM_COLUMN, "type": "string", "size": CLAIMS.columns[0].size, "required": False}

Versions = Mapping[Key, str]


def commit(connection: DatabaseWrapper, log: Log, versions: Versions, locked: Collection[Key] = ()) -> None:
    """
    Apply a log or nothing of it; ``versions`` are those of the rows that the block has read, ``locked`` those that must not change.

    What was to be created without minding conflicts, and exists by now, is left out.
    """
    folded = staging.fold(log.operations)
    while folded:
        try:
            _apply(connection, folded, versions, locked)
        except UniqueViolation:
            still_new = _without_what_exists(connection, folded)
            if len(still_new) == len(folded):
                raise
            folded = still_new
        else:
            return


def explain(connection: DatabaseWrapper, error: UniqueViolation, folded: Collection[Operation]) -> None:
    """Let an error say which unique index has refused a block, and which row is in the way; as ``uniqueness.explain``, a table at a time."""
    for table in dict.fromkeys(operation.table for operation in folded):
        of_table = [operation for operation in folded if operation.table == table]
        created = [NewRow(one.row_id, one.data) for one in of_table if one.action == "create"]
        changed = {one.row_id: one.data for one in of_table if one.action == "update"}
        added = {one.row_id: one.data for one in of_table if one.action == "increment"}
        deleted = [one.row_id for one in of_table if one.action == "delete"]
        change = uniqueness.Change(created, changed, added, deleted)
        uniqueness.explain(connection, error, table, change, "\nNothing of the block was written.")


def _without_what_exists(connection: DatabaseWrapper, folded: list[Operation]) -> list[Operation]:
    ignoring: dict[tuple[TableRef, Unique], list[Operation]] = {}
    for operation in folded:
        if operation.ignored:
            ignoring.setdefault((operation.table, operation.ignored), []).append(operation)
    existing: set[Key] = set()
    # Committed rows are what counts, not those of the block itself.
    with connection.own_block():
        for (table, ignored), operations in ignoring.items():
            new = [
                NewRow(operation.row_id, operation.data, id_is_ours=(ROW_ID,) not in ignored)
                for operation in operations
            ]
            unique = tuple(columns for columns in ignored if columns != (ROW_ID,))
            taken = uniqueness.conflicting(connection.reader, table, unique, new)
            existing.update(key_of(table, row.row_id) for row in new if id(row) in taken)
    return [
        operation
        for operation in folded
        if not operation.ignored or key_of(operation.table, operation.row_id) not in existing
    ]


def _apply(connection: DatabaseWrapper, folded: list[Operation], versions: Versions, locked: Collection[Key]) -> None:
    locked = {key for key in locked if key in versions}
    changed = {key_of(operation.table, operation.row_id) for operation in folded}
    if len(folded) == 1 and locked <= changed and _is_one_request(folded[0]):
        _send(connection, folded[0], versions)
    else:
        _Commit(connection, folded, versions, locked).run()


def _is_one_request(operation: Operation) -> bool:
    if operation.action == "increment":
        return len(operation.data) == 1
    return operation.action != "update" or not any(map(operators.looks_like_operator, operation.data.values()))


def _send(connection: DatabaseWrapper, operation: Operation, versions: Versions) -> None:
    """Send a single change, atomic by itself; the server refuses it if the row is newer than the version we read."""
    transport, table, row_id = connection.transport, operation.table, operation.row_id
    version = versions.get(key_of(table, row_id))
    try:
        if operation.action == "create":
            connection.writer.create_row(table, row_id, operation.data)
        elif operation.action == "delete":
            rows.delete_row(transport, table, row_id, unmodified_since=version)
        elif operation.action == "update":
            connection.writer.write_row(table, row_id, operation.data, unmodified_since=version)
        else:
            ((column, amount),) = operation.data.items()
            low, high = operation.bounds
            if amount > 0:
                rows.increment_column(transport, table, row_id, column, amount, maximum=high)
            else:
                rows.decrement_column(transport, table, row_id, column, -amount, minimum=low)
    except RowNotFound as error:
        raise _conflict(f"{table.table}/{row_id} was deleted") from error


def _conflict(what: str) -> TransactionConflict:
    return TransactionConflict(
        f"{what} by somebody else while this block was using it; nothing of the block was written.\nRun the block again."
    )


class _Commit:
    """Stages, checks and commits several operations."""

    def __init__(
        self, connection: DatabaseWrapper, folded: list[Operation], versions: Versions, locked: Collection[Key]
    ) -> None:
        self.connection = connection
        self.transport = connection.transport
        self.database = connection.database_id
        self.claims = TableRef(self.database, CLAIMS_TABLE)
        self.folded = folded
        self.account = connection.account
        changed = {key_of(operation.table, operation.row_id) for operation in folded if operation.action != "create"}
        self.read = {key: version for key, version in versions.items() if key in changed}
        # Rows that are locked and not changed need no claim: whoever changes one after the check is simply later than this block.
        self.checked = {key: version for key, version in versions.items() if key in changed or key in locked}

    def run(self) -> None:
        """
        Apply everything or nothing.

        Raises:
            OperationalError, IntegrityError, DataError: nothing was applied.
        """
        for _ in range(_MAX_ATTEMPTS):
            try:
                self._attempt()
            except TransactionConflict as error:
                if self.account is not None or not self._removed_spent_claims():
                    raise self._explained(error) from error
            else:
                return
        raise _conflict("The rows were claimed")

    def _attempt(self) -> None:
        claims = self._claims()
        operations = [*claims, *self._staged(transactions.MAX_OPERATIONS - len(claims))]
        if len(operations) > transactions.MAX_OPERATIONS:
            raise TransactionLimitExceeded(
                f"This block needs {len(operations)} operations; Appwrite commits at most {transactions.MAX_OPERATIONS} together.\n"
                f"Nothing was written. Write fewer rows in one block."
            )
        transaction_id = self._stage(operations)
        try:
            self._check_versions()
            transactions.commit(self.transport, transaction_id)
        except TransactionConflict:
            raise  # the server has ended it
        except RowNotFound as error:
            self._roll_back(transaction_id)
            raise _conflict(f"{error.table or self.database}/{error.row_id or 'a row'} was deleted") from error
        except BaseException:
            self._roll_back(transaction_id)
            raise
        if claims and random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - a frequency, not a secret
            self._sweep()

    def _stage(self, operations: list[dict[str, Any]]) -> str:
        transaction_id = self._open()
        try:
            transactions.create_operations(self.transport, transaction_id, operations)
        except TableNotFound:
            # The legacy error names no table; ours is made on first use where the key may.
            self._roll_back(transaction_id)
            if self.account is not None:
                raise  # a table of the models: none of ours was asked for
            create_claims_table(self.transport, self.database)
            transaction_id = self._open()
            transactions.create_operations(self.transport, transaction_id, operations)
        except RowNotFound as error:
            self._roll_back(transaction_id)
            raise _conflict(f"{error.table or self.database}/{error.row_id or 'a row'} was deleted") from error
        return transaction_id

    def _open(self) -> str:
        return str(transactions.create_transaction(self.transport, _TTL_S)["$id"])

    def _roll_back(self, transaction_id: str) -> None:
        try:
            transactions.rollback(self.transport, transaction_id)
        except AppwriteError:
            return  # it expires by itself, and the first error is the one to tell

    # Versions and claims

    def _staged(self, limit: int) -> list[dict[str, Any]]:
        if self.account is None:
            return staging.staged_operations(self.folded, limit)
        # Users may not stage bulk operations; and what they are given of rows they make outside a block is said here in words.
        return staging.single_operations(staging.for_user(self.folded, self.account.user_id))

    def _claims(self) -> list[dict[str, Any]]:
        # A user may not write to the table of claims. The versions, compared after the staging, and the server's own check of rows
        # that were staged before another's commit remain: of two blocks that saw the same version the second to commit fails.
        if not self.read or self.account is not None:
            return []
        wanted = [
            {ROW_ID: _claim_id(key, version), CLAIM_COLUMN: f"{key[0].table}/{key[1]}"[:100]}
            for key, version in self.read.items()
        ]
        base = {"databaseId": self.database, "tableId": CLAIMS_TABLE}
        return [
            {**base, "action": "bulkCreate", "data": wanted[start : start + rows.MAX_BULK_ROWS]}
            for start in range(0, len(wanted), rows.MAX_BULK_ROWS)
        ]

    def _check_versions(self) -> None:
        for table, row_id, version in self._current_versions():
            if version != self.checked[key_of(table, row_id)]:
                raise _conflict(f"{table.table}/{row_id} was changed")

    def _current_versions(self) -> Iterator[tuple[TableRef, str, str | None]]:
        by_table: dict[TableRef, list[str]] = {}
        for table, row_id in self.checked:
            by_table.setdefault(table, []).append(row_id)
        for table, ids in by_table.items():
            found = {row[ROW_ID].lower(): row["$updatedAt"] for row in self._listed(table, ids)}
            for row_id in ids:
                yield table, row_id, found.get(row_id)

    def _listed(self, table: TableRef, ids: list[str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(ids), rows.MAX_BULK_ROWS):
            part = ids[start : start + rows.MAX_BULK_ROWS]
            wanted = [queries.equal(ROW_ID, *part), queries.select([ROW_ID]), queries.limit(len(part))]
            yield from rows.list_rows(self.transport, table, wanted)["rows"]

    def _explained(self, error: TransactionConflict) -> Exception:
        """Tell a row that somebody changed from a unique index that refused: the server gives one answer for both."""
        for table, row_id, version in self._current_versions():
            if version != self.checked[key_of(table, row_id)]:
                return _conflict(f"{table.table}/{row_id} was changed")
        names = ", ".join(sorted({operation.table.table for operation in self.folded}))
        violation = UniqueViolation(
            f"{names}: the block was refused, for a row id or a value of a unique index exists already, or a row was changed "
            f"meanwhile; nothing of it was written."
        )
        if any(operation.action == "create" for operation in self.folded) or not self.read:
            return violation
        explain(self.connection, violation, self.folded)
        return violation if violation.columns else error

    def _removed_spent_claims(self) -> bool:
        """
        Remove claims of our versions whose blocks changed nothing of the row, and say whether there were any.

        A claim is committed together with the change it announces. One that is there while the row still has the version it
        names belongs to a change that was none, and must not keep others from the row.
        """
        claimed = {row[ROW_ID] for row in self._listed(self.claims, [_claim_id(*item) for item in self.read.items()])}
        if not claimed:
            return False
        for table, row_id, version in self._current_versions():
            if version != self.checked[key_of(table, row_id)]:
                return False
        rows.delete_rows(self.transport, self.claims, [queries.equal(ROW_ID, *claimed)])
        return True

    def _sweep(self) -> None:
        before = datetime.datetime.now(datetime.timezone.utc) - _CLAIM_LIFE
        try:
            rows.delete_rows(self.transport, self.claims, [queries.less_than("$createdAt", before.isoformat())])
        except AppwriteError:
            return  # the block is committed; the next sweep will do


def create_claims_table(transport: Transport, database: str) -> None:
    """
    Create the table of claims unless it is there.

    Raises:
        OperationalError: the key may not create tables.
    """
    try:
        tables.create_table(transport, TableRef(database, CLAIMS_TABLE), CLAIMS.name, columns=[_CLAIM_COLUMN])
    except AlreadyExists:
        return
    except Unauthorized as error:
        raise OperationalError(
            f"Blocks that change rows they have read need the table {CLAIMS_TABLE}, and this key may not create it.\n"
            f"Run manage.py appwrite_migrate with a key that may."
        ) from error


def _claim_id(key: Key, version: str) -> str:
    table, row_id = key
    return hashlib.blake2b(f"{table}/{row_id}/{version}".encode(), digest_size=16).hexdigest()
