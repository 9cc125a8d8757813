"""Stage a log on the server, together with the claims by which blocks detect each other."""

from __future__ import annotations

import datetime
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import OperationalError

from appwrite_orm_django.backend.commands import users_data
from appwrite_orm_django.backend.transactions.log import Key, Operation, add, key_of
from appwrite_orm_django.backend.values import MOMENTS, PERMISSIONS, ROW_ID
from appwrite_orm_django.client import operators, queries, rows, tables
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    AppwriteError,
    TableNotFound,
    Unauthorized,
    UniqueViolation,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.rows import MAX_BULK_ROWS
from appwrite_orm_django.client.transactions import MAX_OPERATIONS
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.own_tables import CLAIM_COLUMN, CLAIMS

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


#: The number of rows that an internal block changes: one operation for each, and one for all claims
#: and the mark of the block.
BATCH = MAX_OPERATIONS - 1
# A claim is obsolete once its row has a newer version, and a lock row once no open block has read
# it.
_LIFE = datetime.timedelta(days=1)
# ``string`` where the definition says ``varchar``, as 1.9.6 rejects ``varchar`` in the request that
# creates a table (recording ``tables-inline-types``). appwrite_migrate treats them as the same.
_COLUMN = {"key": CLAIM_COLUMN, "type": "string", "size": CLAIMS.columns[0].size, "required": False}
_COMMITTED, _REFUSED = "committed", "refused"


def table_in(database: str) -> TableRef:
    """Return the table of claims of a database."""
    return TableRef(database, CLAIMS.id)


def claim(key: Key, version: str, generation: int = 0) -> dict[str, Any]:
    """
    Return the claim of a version of a row.

    Args:
        generation: the number of blocks that have claimed the version without changing the row.
    """
    table, row_id = key
    return {
        ROW_ID: _id(table.table, row_id, version, generation),
        CLAIM_COLUMN: f"{table.table}/{row_id}"[:100],
    }


def lock_id(key: Key) -> str:
    """Return the id of the lock row of a row."""
    table, row_id = key
    return _id("lock", table.table, row_id)


def _id(*parts: object) -> str:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def mark(block_id: str) -> dict[str, Any]:
    """Return the mark of a block that is being committed."""
    return {ROW_ID: block_id, CLAIM_COLUMN: _COMMITTED}


def was_committed(transport: Transport, table: TableRef, block_id: str) -> bool:
    """
    Return whether a block was applied, and ensure that it never will be if it was not.

    This creates the mark of the block. If that succeeds, a commit that is still in flight cannot
    create it and fails as a whole. The state of the transaction is not used, as the server may
    report it while it is about to change.

    Raises:
        AppwriteError: the server cannot be asked.
    """
    try:
        rows.create_row(transport, table, block_id, {CLAIM_COLUMN: _REFUSED})
    except UniqueViolation:
        return bool(rows.get_row(transport, table, block_id)[CLAIM_COLUMN] == _COMMITTED)
    return False


def read_lock_rows(connection: Connection, keys: Sequence[Key]) -> dict[Key, rows.Row | None]:
    """Return the lock row of each row, None if it was never locked; one request per 100 rows."""
    by_id = {lock_id(key): key for key in keys}
    found: dict[Key, rows.Row | None] = dict.fromkeys(keys)
    try:
        for row in by_ids(connection.transport, table_in(connection.database_id), by_id):
            found[by_id[row[ROW_ID]]] = row
    except TableNotFound:
        pass  # the first commit that needs the table creates it
    return found


def by_ids(transport: Transport, table: TableRef, row_ids: Iterable[str]) -> Iterator[rows.Row]:
    """Yield the whole rows with these ids; one request per 100 rows."""
    ids = list(row_ids)
    for start in range(0, len(ids), rows.MAX_BULK_ROWS):
        part = ids[start : start + rows.MAX_BULK_ROWS]
        yield from rows.list_rows(
            transport, table, [queries.equal(ROW_ID, *part), queries.limit(len(part))]
        )["rows"]


def sweep(transport: Transport, table: TableRef) -> None:
    """Delete rows that no open block can need. If this fails, the next sweep deletes them."""
    before = datetime.datetime.now(datetime.timezone.utc) - _LIFE
    try:
        rows.delete_rows(transport, table, [queries.less_than("$updatedAt", before.isoformat())])
    except AppwriteError:
        return


def create_table(transport: Transport, table: TableRef) -> None:
    """
    Create the table of claims if it does not exist.

    Raises:
        OperationalError: the key cannot create tables.
    """
    try:
        tables.create_table(transport, table, CLAIMS.name, columns=[_COLUMN])
    except AlreadyExists:
        return
    except Unauthorized as error:
        raise OperationalError(
            f"Blocks need the table {table.table}, and this key cannot create it.\n"
            f"Run manage.py migrate with a key that can."
        ) from error


Staged = dict[str, Any]


def staged_operations(log: Iterable[Operation], limit: int = MAX_OPERATIONS) -> list[Staged]:
    """
    Return the operations to stage.

    There is one operation for each change of a row if that fits the limit, as the server then
    notifies other clients of each change. Otherwise there are bulk operations, which count once for
    many rows but cause no notifications (recording ``tx-commit-bulk``).
    """
    folded = without_moments(fold(log))
    single = single_operations(folded)
    return single if len(single) <= limit else list(_bulk(_gathered(folded)))


def staged_in_order(folded: Iterable[Operation], limit: int) -> list[Staged]:
    """Return the operations to stage, in this order."""
    operations = without_moments(folded)
    single = single_operations(operations)
    return single if len(single) <= limit else list(_bulk(operations))


def order_of(folded: Iterable[Operation], limit: int) -> list[Operation]:
    """Return the operations in the order in which ``staged_operations`` stages them."""
    operations = without_moments(folded)
    is_short = len(single_operations(operations)) <= limit
    return operations if is_short else list(_gathered(operations))


def single_operations(folded: Iterable[Operation]) -> list[Staged]:
    """Return one operation for each change of a row, without a limit."""
    return [staged for operation in without_moments(folded) for staged in _single(operation)]


def without_moments(folded: Iterable[Operation]) -> list[Operation]:
    """Drop the moments of rows, which a commit does not keep, and updates of nothing else."""
    return [
        replace(
            operation,
            data={key: value for key, value in operation.data.items() if key not in MOMENTS},
        )
        for operation in folded
        if operation.action != "update" or not operation.data or set(operation.data) - set(MOMENTS)
    ]


def moments(folded: Iterable[Operation]) -> list[tuple[TableRef, str, dict[str, Any]]]:
    """Return the moments given to rows by id, as they are after all operations."""
    given: dict[Key, tuple[TableRef, str, dict[str, Any]]] = {}
    for operation in folded:
        key = key_of(operation.table, operation.row_id)
        if operation.action in ("create", "delete"):
            given.pop(key, None)
        if operation.action in ("create", "update"):
            # The server treats null as not given.
            own = {
                name: operation.data[name]
                for name in MOMENTS
                if operation.data.get(name) is not None
            }
            if own:
                given.setdefault(key, (operation.table, operation.row_id, {}))[2].update(own)
    return list(given.values())


def for_user(folded: Iterable[Operation], user_id: str) -> Iterator[Operation]:
    """
    Yield the changes as a user can make them (see ``commands.users_data``).

    New rows without permissions become the user's own.
    """
    own = [f'{action}("user:{user_id}")' for action in ("read", "update", "delete")]
    for operation in folded:
        if operation.action == "create":
            yield replace(operation, data={PERMISSIONS: own, **users_data(operation.data)})
        else:
            yield operation


def fold(log: Iterable[Operation]) -> list[Operation]:
    """
    Merge changes of a row that the log creates into its creation.

    The server cannot change or delete a row that was staged by a bulk create (recording
    ``tx-stage-rows``). A row that is created and deleted is dropped.
    """
    folded: list[Operation | None] = []
    created_at: dict[Key, int] = {}
    for operation in log:
        key = key_of(operation.table, operation.row_id)
        position = created_at.get(key)
        creation = None if position is None else folded[position]
        if position is None or creation is None:
            if operation.action == "create":
                created_at[key] = len(folded)
            folded.append(operation)
        elif operation.action == "delete":
            folded[position] = None
            del created_at[key]
        else:
            folded[position] = Operation(
                "create", creation.table, creation.row_id, _changed(creation.data, operation)
            )
    return [operation for operation in folded if operation is not None]


def _changed(data: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    if operation.action == "update":
        return {**data, **operation.data}
    changed = dict(data)
    add(changed, operation.data)
    return changed


def _single(operation: Operation) -> Iterator[Staged]:
    base = _base(operation.table)
    if operation.action == "delete":
        yield {**base, "action": "delete", "rowId": operation.row_id}
    elif operation.action == "increment":
        for column, amount in operation.data.items():
            action = "increment" if amount > 0 else "decrement"
            data = {"column": column, "value": abs(amount)}
            limit = operation.bounds[amount > 0]
            if limit is not None:
                data["max" if amount > 0 else "min"] = limit
            yield {**base, "action": action, "rowId": operation.row_id, "data": data}
    else:
        # At the commit the server runs text that looks like an operator, also in creations
        # (recording ``tx-operators``).
        first, second = operators.text_in_two_writes(operation.data)
        yield {**base, "action": operation.action, "rowId": operation.row_id, "data": first}
        if second:
            yield {**base, "action": "update", "rowId": operation.row_id, "data": second}


def _bulk(operations: Iterable[Operation]) -> Iterator[Staged]:
    run: list[Operation] = []
    for operation in operations:
        if run and not _alike(run[-1], operation, len(run)):
            yield from _flush(run)
            run = []
        run.append(operation)
    if run:
        yield from _flush(run)


def _gathered(folded: Iterable[Operation]) -> Iterator[Operation]:
    """Yield the operations, with adjacent updates reordered so that equal values are adjacent."""
    for table, operations in itertools.groupby(
        folded, lambda one: one.table if one.action == "update" else None
    ):
        group: dict[str, list[Operation]] = {}
        seen: set[Key] = set()
        for operation in operations:
            key = key_of(operation.table, operation.row_id)
            if table is None or key in seen:
                # A second update of a row must follow the first.
                yield from itertools.chain.from_iterable(group.values())
                group, seen = {}, set()
            seen.add(key)
            group.setdefault(repr(sorted(operation.data.items())), []).append(operation)
        yield from itertools.chain.from_iterable(group.values())


def _alike(one: Operation, two: Operation, length: int) -> bool:
    """Return whether two adjacent operations can share one bulk operation."""
    if (
        one.action != two.action
        or one.table != two.table
        or length >= MAX_BULK_ROWS
        or one.action == "increment"
    ):
        return False
    if any(
        operators.looks_like_operator(value) for value in (*one.data.values(), *two.data.values())
    ):
        return False
    return one.action != "update" or one.data == two.data


def _flush(run: list[Operation]) -> Iterator[Staged]:
    if len(run) == 1:
        yield from _single(run[0])
        return
    base, action = _base(run[0].table), run[0].action
    if action == "create":
        rows = [{**operation.data, "$id": operation.row_id} for operation in run]
        yield {**base, "action": "bulkCreate", "data": rows}
        return
    condition = [queries.equal("$id", *(operation.row_id for operation in run)).to_json()]
    if action == "delete":
        yield {**base, "action": "bulkDelete", "data": {"queries": condition}}
    else:
        yield {
            **base,
            "action": "bulkUpdate",
            "data": {"queries": condition, "data": dict(run[0].data)},
        }


def _base(table: TableRef) -> Staged:
    return {"databaseId": table.database, "tableId": table.table}
