"""
Begin transactions, stage operations, commit and roll back.

Source: recordings ``tx-*``, ``base-transactions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appwrite_local import commits, staged_state
from appwrite_local import transaction_log as log
from appwrite_local.bodies import read_object
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError, invalid_argument, unauthorized
from appwrite_local.families import LEGACY
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.permissions import allows, may, require_grantable
from appwrite_local.queries import parse
from appwrite_local.routing import Call, Param, Route
from appwrite_local.rows import table_of
from appwrite_local.schema import Table
from appwrite_local.validators import QUERIES, Anything, Boolean, IntegerRange, Uid, is_numeric

READ = ("documents.read", "rows.read")
WRITE = ("documents.write", "rows.write")
DEFAULT_TTL_S = 300

_LISTING = Listing("Transaction", {"status": "text", "expiresAt": "datetime"})
_SINGLE = ("create", "update", "upsert", "delete", "increment", "decrement")
_BULK = ("bulkCreate", "bulkUpdate", "bulkUpsert", "bulkDelete")


def transaction_json(transaction: log.Transaction) -> dict[str, Any]:
    return {
        "$id": transaction.id, "$createdAt": transaction.created, "$updatedAt": transaction.updated, "status": transaction.status,
        "operations": transaction.operations, "expiresAt": transaction.expires,
    }  # fmt: skip


def create_transaction(call: Call) -> Response:
    transaction = log.begin(call.session, int(call.args["ttl"]), call.identity.user_id)
    return json_response(201, transaction_json(transaction))


def list_transactions(call: Call) -> Response:
    queries = call.args["queries"]
    entries = [
        transaction_json(transaction)
        for transaction in log.list_visible(call.session, call.identity)
    ]
    if any(
        query.method in parse.CURSORS for query in _readable(queries, call.server.feature_level)
    ):
        # The server looks for the cursor in the wrong place, and fails.
        raise ApiError("general_unknown")
    chosen, total = select_entries(
        _LISTING, entries, queries, call.args["total"], level=call.server.feature_level
    )
    return json_response(
        200, {"total": total, "transactions": [entries[position] for position in chosen]}
    )


def _readable(queries: Any, level: parse.Level) -> list[parse.Query]:
    try:
        return parse.parse_queries(queries, level)
    except parse.UnreadableQuery:
        return []


def get_transaction(call: Call) -> Response:
    return json_response(200, transaction_json(log.require(call, call.args["transactionId"])))


def delete_transaction(call: Call) -> Response:
    log.remove(call.session, log.require(call, call.args["transactionId"]))
    return no_content()


def end_transaction(call: Call) -> Response:
    """Commit or roll back."""
    args = call.args
    if not args["commit"] and not args["rollback"]:
        raise ApiError("general_bad_request", message="Either commit or rollback must be true")
    if args["commit"] and args["rollback"]:
        raise ApiError("general_bad_request", message="Cannot commit and rollback at the same time")
    transaction = log.require_ready(call, args["transactionId"])
    if args["rollback"]:
        return json_response(200, transaction_json(log.finish(call.session, transaction, "failed")))
    return _commit(call, transaction)


def _commit(call: Call, transaction: log.Transaction) -> Response:
    operations = log.operations(call.session, transaction)
    try:
        with call.session.savepoint():
            commits.Replay(call).run(operations)
    except ApiError as error:
        # Rejected, but not undone as a whole: the failure of the transaction must be stored.
        call.events.clear()
        status = "committing" if error.error_type == "general_unknown" else "failed"
        log.finish(call.session, transaction, status)
        return error.response(LEGACY)
    return json_response(200, transaction_json(log.finish(call.session, transaction, "committed")))


def add_operations(call: Call) -> Response:
    operations = call.args["operations"]
    if operations == []:
        raise ApiError("general_bad_request", message="Operations array cannot be empty")
    _check_operations(call, operations)
    transaction = log.require(call, call.args["transactionId"])
    if transaction.status != "pending":
        raise log.not_pending()
    transaction = log.require_ready(call, transaction.id)
    log.require_room(transaction, len(operations))
    created: set[tuple[int, str]] = set()
    for operation in operations:
        _stage(call, transaction, operation, created)
    return json_response(201, transaction_json(log.require(call, transaction.id)))


def _stage(
    call: Call,
    transaction: log.Transaction,
    operation: Mapping[str, Any],
    created: set[tuple[int, str]],
) -> None:
    action: str = operation["action"]
    row_id: str = operation.get(call.family.name("rowId"), "")
    table = _table(call, operation)
    old = None
    if action in _BULK:
        _check_bulk(call, table)
    else:
        old = _old_row(call, table, action, row_id, created)
        _check_allowed(call, table, operation, old)
    if action == "create":
        created.add((table.seq, row_id))
    written = now_text() if action in _BULK else (old or {}).get("$updatedAt")
    log.append(
        call.session,
        transaction,
        table.seq,
        action,
        row_id or None,
        _shaped(action, operation.get("data", {})),
        log.moment_after(written),
    )


def _shaped(action: str, data: Any) -> Any:
    """Convert a list to a mapping where one is expected; PHP does not distinguish them."""
    if action == "bulkUpdate":
        return {**data, "data": read_object(data["data"])}
    return data if action in _BULK else read_object(data)


def _table(call: Call, operation: Mapping[str, Any]) -> Table:
    call.args = {
        **call.args,
        "databaseId": operation["databaseId"],
        "tableId": operation[call.family.name("tableId")],
    }
    try:
        return table_of(call)
    except ApiError as error:
        if error.error_type == "table_not_found":
            # Both families report it in the older words.
            raise ApiError("legacy_table_not_found", **error.values) from error
        raise


def _old_row(
    call: Call, table: Table, action: str, row_id: str, created: set[tuple[int, str]]
) -> dict[str, Any] | None:
    if action == "create":
        return None
    old = staged_state.current_row(call, table, row_id)
    if old is None and action != "upsert" and (table.seq, row_id) not in created:
        raise ApiError("legacy_row_not_found", id=row_id)
    return old


def _check_bulk(call: Call, table: Table) -> None:
    if not call.identity.is_key:
        raise unauthorized()
    if any(column.type == "relationship" for column in table.columns.values()):
        word = call.family.name("tableId")
        raise ApiError(
            "general_bad_request",
            message=f"Bulk operations are not supported for {word} with relationship attributes",
        )


def _check_allowed(
    call: Call, table: Table, operation: Mapping[str, Any], old: dict[str, Any] | None
) -> None:
    if call.identity.is_key:
        return
    action = {"increment": "update", "decrement": "update"}.get(
        operation["action"], operation["action"]
    )
    if action == "upsert":
        action = "create" if old is None else "update"
    granted = () if old is None else old.get("$permissions", ())
    allowed = (
        allows(table.permissions, "create", call.identity)
        if action == "create"
        else may(table, granted, action, call.identity)
    )
    if not allowed:
        raise unauthorized()
    data = operation.get("data")
    if isinstance(data, dict) and data.get("$permissions"):
        require_grantable(data["$permissions"], call.identity)


def _check_operations(call: Call, operations: Any) -> None:
    """
    Check the shape of operations to be staged.

    Raises:
        ApiError: 400 ``general_argument_invalid``. A value that is not a list is rejected with the
            text of the previous rejection, which the server's validator remembers (recording
            ``tx-operations-errors``).
    """
    if isinstance(operations, list):
        problem = next(
            (problem for item in operations if (problem := _problem(call, item)) is not None), None
        )
        if problem is None:
            return
        call.server.operation_problem = problem
    raise invalid_argument(
        f"Invalid `operations` param: Value must a valid array and {call.server.operation_problem}"
    )


def _problem(call: Call, operation: Any) -> str | None:
    if not isinstance(operation, dict):
        return "Value must be an array"
    row_key = call.family.name("rowId")
    required = ("databaseId", "action", call.family.name("tableId"))
    for key in required:
        if key not in operation:
            return f"Missing required key: {key}"
    for key in required:
        if not isinstance(operation[key], str) or not operation[key].strip():
            return f"Key '{key}' must be a non\u2011empty string"
    action = operation["action"]
    if action not in _SINGLE + _BULK:
        return f"Key 'action' must be one of: {', '.join(_SINGLE + _BULK)}"
    if action in _SINGLE and row_key not in operation:
        return f"Key '{row_key}' is required for action '{action}'"
    if row_key in operation and (
        not isinstance(operation[row_key], str) or not operation[row_key].strip()
    ):
        return f"Key '{row_key}' must be a non-empty string"
    return _data_problem(call, action, operation)


def _data_problem(call: Call, action: str, operation: Mapping[str, Any]) -> str | None:
    if "data" not in operation:
        return None if action == "delete" else "Missing required key: data"
    data = operation["data"]
    if not isinstance(data, dict | list):
        return "Key 'data' must be an array"
    if action in ("bulkUpdate", "bulkDelete"):
        return _bulk_problem(action, data)
    if action in ("increment", "decrement"):
        key = call.family.name("column")
        if key not in data:
            return f"Key '{key}' is required in data for {action}"
        if isinstance(data, dict) and "value" in data and not is_numeric(data["value"]):
            return f"Key 'value' must be a numeric value for {action}"
    return None


def _bulk_problem(action: str, data: Any) -> str | None:
    if "queries" not in data:
        return f"Key 'queries' is required in data for {action}"
    if not isinstance(data["queries"], list):
        return f"Key 'queries' must be an array for {action}"
    if action == "bulkDelete":
        return None
    if "data" not in data:
        return f"Key 'data' is required in data for {action}"
    return (
        None
        if isinstance(data["data"], dict | list)
        else f"Key 'data.data' must be an array for {action}"
    )


_ID = Param("transactionId", Uid())
_PATH = "/tablesdb/transactions"

ROUTES = [
    Route("POST", _PATH, create_transaction, WRITE, (Param("ttl", IntegerRange(60, 3600), DEFAULT_TTL_S),)),
    Route(
        "GET", _PATH, list_transactions, READ, (Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False
    ),
    Route("GET", _PATH + "/{transactionId}", get_transaction, READ, (_ID,), writes=False),
    Route("PATCH", _PATH + "/{transactionId}", end_transaction, WRITE, (_ID, Param("commit", Boolean(), False), Param("rollback", Boolean(), False))),
    Route("DELETE", _PATH + "/{transactionId}", delete_transaction, WRITE, (_ID,)),
    Route("POST", _PATH + "/{transactionId}/operations", add_operations, WRITE, (_ID, Param("operations", Anything(), []))),
]  # fmt: skip
