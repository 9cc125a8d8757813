"""
Compute what reads inside a transaction see: committed rows, patched by staged operations.

The server's merge is approximate, and so is this one. A staged row is listed whatever the filters,
order and page are, and staged increments of the TablesDB routes are invisible (recordings
``tx-reads``, ``legacy-bulk``, ``base-transactions``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appwrite_local import php_comparison
from appwrite_local import transaction_log as log
from appwrite_local.queries.parse import CURSORS, ORDERS, Query, parse_queries
from appwrite_local.routing import Call
from appwrite_local.row_store import RowStore
from appwrite_local.schema import Table
from appwrite_local.values import Row

_NO_FILTERS = CURSORS | ORDERS | {"limit", "offset", "select"}


@dataclass(slots=True)
class Entry:
    """
    A transaction's change of one row.

    Attributes:
        action: create, update, upsert or delete.
        row: the staged row; for an update only the changes.
    """

    action: str
    row: Row

    @property
    def exists(self) -> bool:
        return self.action != "delete"

    def merge(self, changes: Mapping[str, Any]) -> None:
        self.row.update({key: value for key, value in changes.items() if key != "$id"})


State = dict[str, Entry]
Holds = Callable[[Any, Sequence[Any]], bool]


def state_of(call: Call, table: Table) -> State:
    """Replay a transaction's log for one table; an unknown or ended transaction shows nothing."""
    transaction = log.find_visible(call.session, call.args["transactionId"], call.identity)
    state: State = {}
    if transaction is None or transaction.status != "pending":
        return state
    for operation in log.operations(call.session, transaction):
        if operation.table_seq == table.seq:
            _REPLAY[operation.action](state, operation)
    return state


def _create(state: State, operation: log.Operation) -> None:
    row_id = operation.row_id or operation.data["$id"]
    state[row_id] = Entry("create", {"$id": row_id, **operation.data})


def _update(state: State, operation: log.Operation) -> None:
    row_id = operation.row_id or ""
    if row_id in state and state[row_id].exists:
        state[row_id].merge(operation.data)
    else:
        state[row_id] = Entry("update", dict(operation.data))


def _upsert(state: State, operation: log.Operation) -> None:
    state[operation.row_id or ""] = Entry("upsert", dict(operation.data))


def _delete(state: State, operation: log.Operation) -> None:
    state[operation.row_id or ""] = Entry("delete", {})


def _step(sign: int, state: State, operation: log.Operation) -> None:
    # The state uses the legacy family's word for a column, and TablesDB's word is never found.
    key = operation.data.get("attribute")
    row_id = operation.row_id or ""
    if key is None or (row_id in state and not state[row_id].exists):
        return
    change = sign * php_comparison.number(operation.data.get("value", 1))
    entry = state.setdefault(row_id, Entry("update", {}))
    entry.row[key] = php_comparison.number(entry.row.get(key)) + change


def _increment(state: State, operation: log.Operation) -> None:
    _step(1, state, operation)


def _decrement(state: State, operation: log.Operation) -> None:
    _step(-1, state, operation)


def _bulk_create(state: State, operation: log.Operation) -> None:
    for row in _rows(operation.data):
        state[row["$id"]] = Entry("create", row)


def _bulk_upsert(state: State, operation: log.Operation) -> None:
    for row in _rows(operation.data):
        if row["$id"] in state:
            state[row["$id"]].merge(row)
        else:
            state[row["$id"]] = Entry("upsert", row)


def _rows(data: Any) -> list[Row]:
    items = data if isinstance(data, list) else []
    return [dict(item) for item in items if isinstance(item, dict) and item.get("$id")]


def _bulk_update(state: State, operation: log.Operation) -> None:
    for entry in _matching(state, operation).values():
        entry.merge(operation.data["data"])


def _bulk_delete(state: State, operation: log.Operation) -> None:
    for row_id in _matching(state, operation):
        state[row_id] = Entry("delete", {})


def _matching(state: State, operation: log.Operation) -> State:
    filters = _filters(parse_queries(operation.data["queries"], "2.x"))
    return {
        row_id: entry
        for row_id, entry in state.items()
        if entry.exists and matches(entry.row, filters)
    }


_REPLAY = {
    "create": _create, "update": _update, "upsert": _upsert, "delete": _delete, "increment": _increment, "decrement": _decrement,
    "bulkCreate": _bulk_create, "bulkUpdate": _bulk_update, "bulkUpsert": _bulk_upsert, "bulkDelete": _bulk_delete,
}  # fmt: skip


def current_row(call: Call, table: Table, row_id: str) -> Row | None:
    """Return a row as the transaction sees it; a row that it created has no dates and sequence."""
    entry = state_of(call, table).get(row_id)
    committed = RowStore(call.session, table, call.server.engine).get(row_id)
    if entry is None:
        return committed
    return _seen(entry, committed)


def _seen(entry: Entry, committed: Row | None) -> Row | None:
    if not entry.exists:
        return None
    if entry.action == "create":
        return dict(entry.row)
    if committed is not None:
        return {**committed, **entry.row, "$id": committed["$id"]}
    return dict(entry.row) if entry.action == "upsert" else None


def merge_row(
    call: Call, table: Table, row_id: str, committed: Row | None, queries: Sequence[Query]
) -> Row | None:
    """
    Return the answer to a get inside a transaction.

    Args:
        committed: the row as a get outside would find it.
    """
    entry = state_of(call, table).get(row_id)
    if entry is None:
        return committed
    row = _seen(entry, committed)
    return None if row is None else _shown(call, table, row, queries)


def merge_list(
    call: Call, table: Table, page: Sequence[Row], count: int, queries: Sequence[Query]
) -> tuple[list[Row], int]:
    """
    Return the answer to a list inside a transaction.

    Args:
        page: the rows that a list outside would find.
        count: the number of all matches outside.

    Returns:
        The rows, and the total as the server computes it: never below 0, and right only by chance.
    """
    state = state_of(call, table)
    # Groups and distinct rows have no id; of several rows without one only the last is kept
    # (recording ``agg-transactions``).
    rows = {row.get("$id"): row for row in page}
    found = set(rows)
    filters = _filters(queries)
    for row_id, entry in state.items():
        count += _difference(entry, filters, was_found=row_id in found)
        seen = _seen(entry, rows.get(row_id))
        if seen is not None:
            rows[row_id] = _shown(call, table, seen, queries)
        elif not entry.exists:
            rows.pop(row_id, None)
    return list(rows.values()), max(0, count)


def _difference(entry: Entry, filters: Sequence[Query], *, was_found: bool) -> int:
    if not entry.exists:
        return -1 if was_found else 0
    now_found = matches(entry.row, filters)
    if entry.action == "create":
        return 1 if now_found else 0
    if was_found:
        return 0 if now_found else -1
    return 1 if now_found and entry.action == "upsert" else 0


def _shown(call: Call, table: Table, row: Row, queries: Sequence[Query]) -> Row:
    """
    Complete a merged row.

    A row that a select has reduced has lost its sequence, and on 2.x also its database and table.
    """
    newer = call.server.feature_level == "2.x"
    place = {"$databaseId": table.database.id, "$tableId": table.id}
    selected = [
        value
        for query in queries
        if query.method == "select"
        for value in query.values
        if "." not in str(value)
    ]
    if not selected or "*" in selected:
        missing: Row = (
            {"$sequence": ""}
            if "$sequence" in row
            else {"$sequence": "", **(_NO_DATES if newer else {})}
        )
        return {**missing, **({} if newer and "$sequence" not in row else place), **row}
    shown: Row = {key: row[key] for key in ("$id", "$permissions", *selected) if key in row}
    for key in ("$createdAt", "$updatedAt"):
        shown[key] = row.get(key, "" if newer else None)
    return {**shown, "$sequence": "", **({} if newer else place)}


_NO_DATES = {"$createdAt": "", "$updatedAt": ""}


def _filters(queries: Sequence[Query]) -> list[Query]:
    return [query for query in queries if query.method not in _NO_FILTERS]


def matches(row: Mapping[str, Any], filters: Sequence[Query]) -> bool:
    """Match a staged row against filters as PHP compares; unsupported filters match every row."""
    return all(
        _HOLDS[query.method](row.get(query.attribute), query.values)
        for query in filters
        if query.method in _HOLDS
    )


def _is_one_of(value: Any, values: Sequence[Any]) -> bool:
    return any(php_comparison.equal(value, other) for other in values)


def _is_null(value: Any, _: Sequence[Any]) -> bool:
    return value is None


def _order_is(accepts: Callable[[int], bool]) -> Holds:
    return lambda value, values: accepts(php_comparison.compare(value, values[0]))


_HOLDS: dict[str, Holds] = {
    "equal": _is_one_of,
    "notEqual": lambda value, values: not _is_one_of(value, values),
    "contains": lambda value, values: (
        isinstance(value, list) and any(_is_one_of(item, value) for item in values)
    ),
    "startsWith": lambda value, values: (
        isinstance(value, str) and any(value.startswith(str(part)) for part in values)
    ),
    "endsWith": lambda value, values: (
        isinstance(value, str) and any(value.endswith(str(part)) for part in values)
    ),
    "greaterThan": _order_is(lambda order: order > 0),
    "greaterThanEqual": _order_is(lambda order: order >= 0),
    "lessThan": _order_is(lambda order: order < 0),
    "lessThanEqual": _order_is(lambda order: order <= 0),
    "isNull": _is_null,
    "isNotNull": lambda value, values: not _is_null(value, values),
    "between": lambda value, values: (
        php_comparison.compare(value, values[0]) >= 0
        and php_comparison.compare(value, values[1]) <= 0
    ),
}
