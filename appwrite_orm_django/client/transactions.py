"""
Run transactions: logs of staged operations that the server replays at the commit.

Nothing is locked, and before the commit only existence is checked. Facts: recordings
``tx-lifecycle``, ``tx-limits``, ``tx-errors``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .errors import AppwriteError
from .transport import Transport

Transaction = dict[str, Any]

#: Maximum operations in one transaction of a self-hosted server; a bulk call counts as one.
MAX_OPERATIONS = 100
MIN_TTL_S, MAX_TTL_S = 60, 3600

_PATH = "/tablesdb/transactions"


def create_transaction(transport: Transport, ttl_s: int = 300) -> Transaction:
    """
    Open a transaction and return it.

    It has ``$id``, ``status`` ("pending"), ``operations`` (0) and ``expiresAt``.

    Args:
        ttl_s: seconds until it expires, 60 to 3,600.
    """
    # Safe to repeat: a transaction whose id no client knows expires.
    opened: Transaction = transport.call("POST", _PATH, params={"ttl": ttl_s}, safe=True)
    return opened


def get_transaction(transport: Transport, transaction_id: str) -> Transaction:
    """
    Return a transaction's state. An expired one still reads ``pending``.

    Raises:
        TransactionClosed: the server has deleted it, which it does soon after the end.
    """
    state: Transaction = transport.call("GET", f"{_PATH}/{path_segment(transaction_id)}")
    return state


def create_operations(
    transport: Transport, transaction_id: str, operations: Iterable[Mapping[str, Any]]
) -> Transaction:
    """
    Stage operations in order, and return the transaction.

    Args:
        operations: each ``{"databaseId", "tableId", "action", "rowId"?, "data"?}`` with an action
            of ``create``, ``update``, ``upsert``, ``delete``, ``increment``, ``decrement``,
            ``bulkCreate``, ``bulkUpdate``, ``bulkUpsert``, ``bulkDelete`` (recording
            ``tx-operations``).

    Raises:
        TransactionLimitExceeded: there are more than the server accepts; none of these was staged.
        RowNotFound: a row to update, increment or delete does not exist.
    """
    body = {"operations": [dict(operation) for operation in operations]}
    state: Transaction = transport.call(
        "POST", f"{_PATH}/{path_segment(transaction_id)}/operations", params=body
    )
    return state


def commit(transport: Transport, transaction_id: str) -> Transaction:
    """
    Apply all staged operations, or none.

    An attempt without an answer is not repeated; instead the transaction's state is read. If it is
    ``committed``, nothing is raised. If it shows that nothing was applied, the error is raised as
    unambiguous.

    Raises:
        TransactionConflict: another client changed or created a row after it was staged.
        TransactionClosed: it expired, or ended before.
        InvalidStructure, RowNotFound: an operation fails; nothing was applied.
    """
    path = f"{_PATH}/{path_segment(transaction_id)}"
    try:
        state: Transaction = transport.call("PATCH", path, params={"commit": True})
    except AppwriteError as error:
        known = _known_end(transport, transaction_id, error) if error.ambiguous else None
        if known is None:
            raise
        return known
    return state


def rollback(transport: Transport, transaction_id: str) -> None:
    """
    Drop all staged operations.

    Raises:
        TransactionClosed: it ended before.
    """
    transport.call("PATCH", f"{_PATH}/{path_segment(transaction_id)}", params={"rollback": True})


def _known_end(
    transport: Transport, transaction_id: str, error: AppwriteError
) -> Transaction | None:
    """Return the transaction if it was committed after all; correct the error if it failed."""
    try:
        state = get_transaction(transport, transaction_id)
    except AppwriteError:
        return None
    if state["status"] == "committed":
        return state
    # "pending" and "committing" are not final: the commit can be in flight.
    if state["status"] == "failed":
        error.ambiguous = False
    return None
