"""
Stage the operations of row routes with a ``transactionId``, and answer with mock rows.

Source: recordings ``tx-stage-rows``, ``tx-commit-singles``, ``tx-commit-bulk``,
``base-transactions``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_local import datetimes, staged_state
from appwrite_local import transaction_log as log
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.permissions import allows, default_permissions, may
from appwrite_local.routing import Call
from appwrite_local.schema import Table
from appwrite_local.values import Row


def is_staged(call: Call) -> bool:
    return call.args.get("transactionId") is not None


def stage_create(
    call: Call, table: Table, row_id: str, data: Mapping[str, Any], permissions: Sequence[str]
) -> Row:
    row = {**data, "$id": row_id, "$permissions": list(permissions)}
    _add(call, table, "create", row_id, row, None)
    return mock_row(call, table, row)


def stage_update(
    call: Call, table: Table, data: Mapping[str, Any], permissions: Sequence[str] | None
) -> Row:
    row_id = call.args["rowId"]
    old = _current(call, table, row_id, "update")
    changes = {key: value for key, value in data.items() if key != "$permissions"}
    if permissions is not None:
        changes["$permissions"] = list(permissions)
    _add(call, table, "update", row_id, changes, old.get("$updatedAt"))
    return mock_row(call, table, {**old, **changes, "$id": row_id})


def stage_upsert(
    call: Call,
    table: Table,
    row_id: str,
    data: Mapping[str, Any],
    permissions: Sequence[str] | None,
) -> Row:
    old = staged_state.current_row(call, table, row_id)
    if old is None and not allows(table.permissions, "create", call.identity):
        raise unauthorized()
    if old is not None and not may(table, old.get("$permissions", ()), "update", call.identity):
        raise unauthorized()
    if permissions is None:
        permissions = (
            default_permissions(call.identity) if old is None else old.get("$permissions", [])
        )
    row = {**data, "$id": row_id, "$permissions": list(permissions)}
    _add(call, table, "upsert", row_id, row, None if old is None else old.get("$updatedAt"))
    return mock_row(call, table, row)


def stage_delete(call: Call, table: Table) -> None:
    row_id = call.args["rowId"]
    old = _current(call, table, row_id, "delete")
    _add(call, table, "delete", row_id, {}, old.get("$updatedAt"))


def stage_step(call: Call, table: Table, action: str, bound: str) -> Row:
    """
    Stage an increment or decrement.

    The commit checks whether the row and the column exist and the column is a number.

    Args:
        bound: the parameter that limits the result, ``max`` or ``min``.
    """
    args = call.args
    transaction = log.require_pending(call, args["transactionId"])
    log.require_room(transaction, 1)
    data = {call.family.name("column"): args["column"], "value": args["value"], bound: args[bound]}
    log.append(
        call.session, transaction, table.seq, action, args["rowId"], data, datetimes.now_text()
    )
    return mock_row(call, table, {"$id": args["rowId"], args["column"]: args["value"]})


def stage_bulk_create(call: Call, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """
    Stage rows that carry their ``$id`` and ``$permissions``.

    Like all bulk functions, return the total of the answer.
    """
    transaction = log.require_ready(call, call.args["transactionId"])
    _add_bulk(call, transaction, table, "bulkCreate", [dict(row) for row in rows])
    return len(rows)


def stage_bulk_upsert(call: Call, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    transaction = log.require_pending(call, call.args["transactionId"])
    _add_bulk(call, transaction, table, "bulkUpsert", [dict(row) for row in rows])
    return len(rows)


def stage_bulk_update(call: Call, table: Table, data: Mapping[str, Any]) -> int:
    """Stage an update of the rows that the queries will find at the commit."""
    transaction = log.require_pending(call, call.args["transactionId"])
    _add_bulk(
        call,
        transaction,
        table,
        "bulkUpdate",
        {"queries": list(call.args["queries"]), "data": dict(data)},
    )
    return 0


def stage_bulk_delete(call: Call, table: Table) -> int:
    transaction = log.require_pending(call, call.args["transactionId"])
    _add_bulk(call, transaction, table, "bulkDelete", {"queries": list(call.args["queries"])})
    return 0


def _add(
    call: Call, table: Table, action: str, row_id: str, data: Mapping[str, Any], written: str | None
) -> None:
    transaction = log.require_ready(call, call.args["transactionId"])
    log.require_room(transaction, 1)
    log.append(
        call.session, transaction, table.seq, action, row_id, data, log.moment_after(written)
    )


def _add_bulk(
    call: Call, transaction: log.Transaction, table: Table, action: str, data: Any
) -> None:
    log.require_room(transaction, 1)
    # The commit may find any row.
    log.append(
        call.session,
        transaction,
        table.seq,
        action,
        None,
        data,
        log.moment_after(datetimes.now_text()),
    )


def _current(call: Call, table: Table, row_id: str, action: str) -> Row:
    """
    Find a row as the transaction sees it.

    Raises:
        ApiError: 404 ``row_not_found``; 401 if the caller lacks the permission.
    """
    row = staged_state.current_row(call, table, row_id)
    if row is None:
        raise ApiError("row_not_found", id=row_id)
    if not may(table, row.get("$permissions", ()), action, call.identity):
        raise unauthorized()
    return row


def mock_row(call: Call, table: Table, row: Mapping[str, Any]) -> Row:
    """Complete a staged row for the answer: it has no sequence yet, and no dates."""
    known: Row = {"$tableId": table.id, "$databaseId": table.database.id, "$sequence": ""}
    if call.server.feature_level == "2.x":
        known |= {"$createdAt": "", "$updatedAt": ""}
    return {**known, **row}
