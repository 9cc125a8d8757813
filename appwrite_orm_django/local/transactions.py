"""
Transactions: made, looked at and thrown away here. What is staged in them, and commits, belong here too.

Source: recordings ``tx-lifecycle``, ``tx-list``, ``limited-key``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from . import identifiers
from .datetimes import format_datetime
from .errors import ApiError
from .messages import Response, json_response, no_content
from .routing import Call, Param, Route
from .validators import IntegerRange, Uid

READ = ("documents.read", "rows.read")
WRITE = ("documents.write", "rows.write")
DEFAULT_TTL_S = 300


def transaction_json(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("$id", "$createdAt", "$updatedAt", "status", "operations", "expiresAt")
    return dict(zip(names, row, strict=True))


_SELECT = "SELECT id, created, updated, status, operations, expires FROM _transactions"


def create_transaction(call: Call) -> Response:
    now = datetime.now(timezone.utc)
    created, expires = format_datetime(now), format_datetime(now + timedelta(seconds=int(call.args["ttl"])))
    row = (identifiers.new_id(), created, created, "pending", 0, expires)
    call.session.execute(
        "INSERT INTO _transactions (id, created, updated, status, operations, expires) VALUES (?, ?, ?, ?, ?, ?)", row
    )
    return json_response(201, transaction_json(row))


def get_transaction(call: Call) -> Response:
    return json_response(200, transaction_json(find_transaction(call)))


def find_transaction(call: Call) -> tuple[Any, ...]:
    """
    Find the transaction that a call names.

    Raises:
        ApiError: 404 ``transaction_not_found``.
    """
    transaction_id = call.args["transactionId"]
    row = call.session.one(f"{_SELECT} WHERE id = ?", (transaction_id,))
    if row is None:
        raise ApiError("transaction_not_found", id=transaction_id)
    return row


def delete_transaction(call: Call) -> Response:
    transaction_id = find_transaction(call)[0]
    call.session.execute("DELETE FROM _transactions WHERE id = ?", (transaction_id,))
    return no_content()


def refuse_staging(call: Call) -> None:
    """
    Refuse a write that is to be staged, rather than write it at once.

    Raises:
        ApiError: 404 for an unknown transaction; 500 for a known one.
    """
    if call.args["transactionId"] is not None:
        find_transaction(call)
        raise ApiError("general_unknown")


_ID = Param("transactionId", Uid())

ROUTES = [
    Route(
        "POST",
        "/tablesdb/transactions",
        create_transaction,
        WRITE,
        (Param("ttl", IntegerRange(60, 3_600), DEFAULT_TTL_S),),
    ),
    Route("GET", "/tablesdb/transactions/{transactionId}", get_transaction, READ, (_ID,), writes=False),
    Route("DELETE", "/tablesdb/transactions/{transactionId}", delete_transaction, WRITE, (_ID,)),
]
