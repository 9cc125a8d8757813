"""
Rows of a table of ours by which blocks see each other; a row id can be created once, and so one block of several commits.

A *claim* stands for one version of a row: each block that changes the row, as it has seen it, creates the claim with its commit.
A *lock row* stands for a row that ``select_for_update()`` has read: a block reads it when it locks, and changes it with its commit.
A *mark* stands for one block: whether it is there says, when the answer to a commit was lost, whether the block was applied.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import OperationalError

from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.transactions.log import Key
from appwrite_orm_django.client import queries, rows, tables
from appwrite_orm_django.client.errors import AlreadyExists, AppwriteError, TableNotFound, Unauthorized, UniqueViolation
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transactions import MAX_OPERATIONS
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.own_tables import CLAIM_COLUMN, CLAIMS

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

#: Rows that a block of the library's own changes: an operation for each, and one for the claims of all of them and for the block's mark.
BATCH = MAX_OPERATIONS - 1
# A claim is of no use once its row has a newer version, nor a lock row once no block that has read it is open.
_LIFE = datetime.timedelta(days=1)
# ``string`` where the definition says ``varchar``, as 1.9.6 takes no ``varchar`` together with a new table (recording
# ``tables-inline-types``); appwrite_migrate takes one for the other.
_COLUMN = {"key": CLAIM_COLUMN, "type": "string", "size": CLAIMS.columns[0].size, "required": False}
_COMMITTED, _REFUSED = "committed", "refused"


def table_in(database: str) -> TableRef:
    """Return the table of claims of a database."""
    return TableRef(database, CLAIMS.id)


def claim(key: Key, version: str, generation: int = 0) -> dict[str, Any]:
    """
    Return the claim of a version of a row.

    Args:
        generation: how many blocks have claimed it before and left the row as it was.
    """
    table, row_id = key
    return {ROW_ID: _id(table.table, row_id, version, generation), CLAIM_COLUMN: f"{table.table}/{row_id}"[:100]}


def lock_id(key: Key) -> str:
    """Return the id of the lock row of a row."""
    table, row_id = key
    return _id("lock", table.table, row_id)


def _id(*parts: object) -> str:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def mark(block_id: str) -> dict[str, Any]:
    """Return the mark of a block that is about to be committed."""
    return {ROW_ID: block_id, CLAIM_COLUMN: _COMMITTED}


def was_committed(transport: Transport, table: TableRef, block_id: str) -> bool:
    """
    Settle whether a block was applied, and see to it that it never will be if it was not.

    Its mark is created here: if that can be done, the commit, should it still be on its way, cannot create it any more and fails as a
    whole. This does not ask for the state of the transaction, which the server may tell while it is about to change.

    Raises:
        AppwriteError: the server cannot be asked.
    """
    try:
        rows.create_row(transport, table, block_id, {CLAIM_COLUMN: _REFUSED})
    except UniqueViolation:
        return bool(rows.get_row(transport, table, block_id)[CLAIM_COLUMN] == _COMMITTED)
    return False


def read_lock_rows(connection: DatabaseWrapper, keys: Sequence[Key]) -> dict[Key, rows.Row | None]:
    """Return the lock row of each of these rows, None where nobody has locked the row yet; one request for each 100."""
    by_id = {lock_id(key): key for key in keys}
    found: dict[Key, rows.Row | None] = dict.fromkeys(keys)
    try:
        for row in by_ids(connection.transport, table_in(connection.database_id), by_id):
            found[by_id[row[ROW_ID]]] = row
    except TableNotFound:
        pass  # it is made by the first commit that needs it
    return found


def by_ids(transport: Transport, table: TableRef, row_ids: Iterable[str]) -> Iterator[rows.Row]:
    """Yield the rows with these ids, whole; one request for each 100 of them."""
    ids = list(row_ids)
    for start in range(0, len(ids), rows.MAX_BULK_ROWS):
        part = ids[start : start + rows.MAX_BULK_ROWS]
        yield from rows.list_rows(transport, table, [queries.equal(ROW_ID, *part), queries.limit(len(part))])["rows"]


def sweep(transport: Transport, table: TableRef) -> None:
    """Delete what no open block can need; the next sweep will do if this one fails."""
    before = datetime.datetime.now(datetime.timezone.utc) - _LIFE
    try:
        rows.delete_rows(transport, table, [queries.less_than("$updatedAt", before.isoformat())])
    except AppwriteError:
        return


def create_table(transport: Transport, table: TableRef) -> None:
    """
    Create the table of claims unless it is there.

    Raises:
        OperationalError: the key may not create tables.
    """
    try:
        tables.create_table(transport, table, CLAIMS.name, columns=[_COLUMN])
    except AlreadyExists:
        return
    except Unauthorized as error:
        raise OperationalError(
            f"Blocks need the table {table.table}, and this key may not create it.\n"
            f"Run manage.py appwrite_migrate with a key that may."
        ) from error
