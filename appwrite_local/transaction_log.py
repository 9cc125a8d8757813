"""
Store transactions and their staged operations.

A transaction is a log: before the commit, nothing is checked against the rows and nothing is
locked.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from appwrite_local import datetimes, identifiers
from appwrite_local.errors import ApiError
from appwrite_local.permissions import Identity
from appwrite_local.routing import Call
from appwrite_local.storage import Session

MAX_OPERATIONS = 100
KEPT_FOR = timedelta(days=1)
_TICK_S = 0.0002


@dataclass(frozen=True, slots=True)
class Transaction:
    """
    A transaction.

    Attributes:
        status: pending, committing, committed or failed; an expired one stays pending.
        operations: the number of staged operations.
        owner: the id of the user who began it; empty for keys and guests.
    """

    seq: int
    id: str
    status: str
    operations: int
    expires: str
    owner: str
    created: str
    updated: str

    @property
    def is_expired(self) -> bool:
        return datetimes.now_text() > self.expires


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One staged operation.

    Attributes:
        table_seq: the table, which may no longer exist at the commit.
        row_id: ``None`` for bulk actions.
        data: as it was sent; its shape depends on the action.
        staged_at: rows that other clients change from this time on conflict.
    """

    table_seq: int
    row_id: str | None
    action: str
    data: Any
    staged_at: str


_COLUMNS = "seq, id, status, operations, expires, owner, created, updated"


def begin(session: Session, ttl_s: int, owner: str) -> Transaction:
    """Open a transaction, and delete those that ended long ago."""
    now = datetimes.now()
    _sweep(session, datetimes.format_datetime(now - KEPT_FOR))
    transaction_id = identifiers.new_id()
    started, expires = (
        datetimes.format_datetime(now),
        datetimes.format_datetime(now + timedelta(seconds=ttl_s)),
    )
    session.execute(
        "INSERT INTO _transactions (id, status, operations, expires, owner, created, updated) "
        "VALUES (?, 'pending', 0, ?, ?, ?, ?)",
        (transaction_id, expires, owner, started, started),
    )
    return _find(session, transaction_id) or _lost(transaction_id)


def _lost(transaction_id: str) -> Transaction:
    raise ApiError("transaction_not_found", id=transaction_id)


def _sweep(session: Session, before: str) -> None:
    session.execute(
        "DELETE FROM _operations WHERE transaction_seq IN (SELECT seq FROM _transactions WHERE "
        "expires < ?)",
        (before,),
    )
    session.execute("DELETE FROM _transactions WHERE expires < ?", (before,))


def _find(session: Session, transaction_id: str) -> Transaction | None:
    row = session.one(f"SELECT {_COLUMNS} FROM _transactions WHERE id = ?", (transaction_id,))
    return None if row is None else Transaction(*row)


def find_visible(session: Session, transaction_id: str, identity: Identity) -> Transaction | None:
    """Find a transaction that a caller may see: keys see all, users their own, guests none."""
    found = _find(session, transaction_id)
    return found if found is not None and _is_visible(found, identity) else None


def _is_visible(transaction: Transaction, identity: Identity) -> bool:
    return identity.is_key or (bool(transaction.owner) and transaction.owner == identity.user_id)


def list_visible(session: Session, identity: Identity) -> list[Transaction]:
    rows = session.all(f"SELECT {_COLUMNS} FROM _transactions ORDER BY seq")
    return [transaction for row in rows if _is_visible(transaction := Transaction(*row), identity)]


def require(call: Call, transaction_id: str) -> Transaction:
    """
    Find a transaction.

    Raises:
        ApiError: 404 ``transaction_not_found``.
    """
    return find_visible(call.session, transaction_id, call.identity) or _lost(transaction_id)


def require_ready(call: Call, transaction_id: str) -> Transaction:
    """
    Find a transaction that accepts operations or can be ended.

    Raises:
        ApiError: 404 ``transaction_not_found``, 400 ``transaction_not_ready``,
            ``transaction_expired``.
    """
    transaction = require(call, transaction_id)
    if transaction.status != "pending":
        raise ApiError("transaction_not_ready")
    return _unexpired(call, transaction)


def require_pending(call: Call, transaction_id: str) -> Transaction:
    """
    Find a transaction for increments and bulk changes.

    They answer with the same error for all problems (recording ``tx-errors``).

    Raises:
        ApiError: 400 ``general_bad_request``, ``transaction_expired``.
    """
    transaction = find_visible(call.session, transaction_id, call.identity)
    if transaction is None or transaction.status != "pending":
        raise not_pending()
    return _unexpired(call, transaction)


def not_pending() -> ApiError:
    # The server's hyphen is the non-breaking one.
    return ApiError("general_bad_request", message="Invalid or non\u2011pending transaction")


def _unexpired(call: Call, transaction: Transaction) -> Transaction:
    if transaction.is_expired:
        # 1.9.6 does not pass on the status 410 and answers 500.
        raise ApiError(
            "transaction_expired"
            if call.server.feature_level == "2.x"
            else "transaction_expired_unmapped"
        )
    return transaction


def require_room(transaction: Transaction, adding: int) -> None:
    """
    Reject more operations than a transaction may hold.

    Raises:
        ApiError: 400 ``transaction_limit_exceeded``.
    """
    if transaction.operations + adding > MAX_OPERATIONS:
        raise ApiError(
            "transaction_limit_exceeded",
            existing=transaction.operations,
            adding=adding,
            maximum=MAX_OPERATIONS,
        )


def append(
    session: Session,
    transaction: Transaction,
    table_seq: int,
    action: str,
    row_id: str | None,
    data: Any,
    staged_at: str,
) -> None:
    session.execute(
        "INSERT INTO _operations (transaction_seq, table_seq, row_id, action, data, staged_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (transaction.seq, table_seq, row_id, action, json.dumps(data), staged_at),
    )
    session.execute(
        "UPDATE _transactions SET operations = operations + 1, updated = ? WHERE seq = ?",
        (datetimes.now_text(), transaction.seq),
    )


def operations(session: Session, transaction: Transaction) -> list[Operation]:
    rows = session.all(
        "SELECT table_seq, row_id, action, data, staged_at FROM _operations WHERE transaction_seq "
        "= ? ORDER BY seq",
        (transaction.seq,),
    )
    return [
        Operation(table_seq, row_id, action, json.loads(data), staged_at)
        for table_seq, row_id, action, data, staged_at in rows
    ]


def finish(session: Session, transaction: Transaction, status: str) -> Transaction:
    """
    Set a transaction's final status and delete its log.

    The record stays for a while, because a second commit must be rejected.
    """
    session.execute(
        "UPDATE _transactions SET status = ?, updated = ? WHERE seq = ?",
        (status, datetimes.now_text(), transaction.seq),
    )
    session.execute("DELETE FROM _operations WHERE transaction_seq = ?", (transaction.seq,))
    return _find(session, transaction.id) or _lost(transaction.id)


def remove(session: Session, transaction: Transaction) -> None:
    session.execute("DELETE FROM _operations WHERE transaction_seq = ?", (transaction.seq,))
    session.execute("DELETE FROM _transactions WHERE seq = ?", (transaction.seq,))


def moment_after(written: str | None) -> str:
    """
    Return the time of a staging, later than a preceding write.

    Times have milliseconds, and this server answers several requests in one. Without waiting for
    the next, a row written just before the staging would look like one written just after it.

    Args:
        written: when the row was last written, if it exists.
    """
    now = datetimes.now_text()
    while now == written:
        time.sleep(_TICK_S)
        now = datetimes.now_text()
    return now
