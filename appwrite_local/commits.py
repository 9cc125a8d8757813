"""
Commit transactions: replay the log, in order, inside one transaction of the storage.

An operation on a row that the replay has not touched yet conflicts if the row was written after the
operation was staged. Errors use the legacy family's words, whichever family staged the operation
(recordings ``tx-conflict-*``, ``tx-invalid-commit``). Staged creation and update times are ignored,
even those staged with a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_local import aggregate_lists, identifiers, increments
from appwrite_local import transaction_log as log
from appwrite_local.errors import ApiError
from appwrite_local.events import Action
from appwrite_local.permissions import read_permissions
from appwrite_local.queries import check, fields, parse, sql
from appwrite_local.related_writes import RelatedWriter
from appwrite_local.routing import Call
from appwrite_local.row_store import Duplicate, RowStore
from appwrite_local.rows import SELECTABLE, fulltext_keys, writer_of
from appwrite_local.schema import Table, table_by_seq
from appwrite_local.values import Row
from appwrite_local.writes import DATES, Writer


class Conflict(Exception):
    """Another client wrote a row after the operation on it was staged."""


@dataclass(slots=True)
class Replay:
    """
    One commit in progress.

    Attributes:
        touched: rows that the replay itself has written; they cannot conflict any more.
        deleted: the former rows, by the operation that deleted them.
    """

    call: Call
    touched: set[tuple[int, str]] = field(default_factory=set)
    deleted: list[tuple[log.Operation, Row]] = field(default_factory=list)
    tables: dict[int, Table | None] = field(default_factory=dict)

    def run(self, operations: Sequence[log.Operation]) -> None:
        """
        Apply all operations.

        Raises:
            ApiError: the error for the caller, in TablesDB's types.
        """
        for operation in operations:
            try:
                self._apply(operation)
            except (Conflict, Duplicate) as error:
                raise ApiError("transaction_conflict") from error
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                # It was staged without a check of its shape.
                raise ApiError("general_unknown") from error
        for operation in operations:
            self._note(operation)

    def _note(self, operation: log.Operation) -> None:
        """
        Record the event of an operation on one row, with the row's state after the whole commit.

        A row that no longer exists then has only the event of its deletion.
        """
        action, table = _EVENT_ACTIONS.get(operation.action), self._table(operation.table_seq)
        if action is None or table is None:
            return
        if action == "delete":
            row = next((row for deleting, row in self.deleted if deleting is operation), None)
        else:
            row = self.store(table).get(operation.row_id or operation.data.get("$id") or "")
        if row is not None:
            self.call.events.note_committed(table, action, row)

    def _apply(self, operation: log.Operation) -> None:
        table = self._table(operation.table_seq)
        if table is None:
            raise ApiError("row_not_found", id=operation.row_id or "unknown")
        _APPLY[operation.action](self, table, operation)

    def _table(self, seq: int) -> Table | None:
        if seq not in self.tables:
            self.tables[seq] = table_by_seq(self.call.server.schema, self.call.session, seq)
        return self.tables[seq]

    def writer(self, table: Table) -> RelatedWriter | Writer:
        return writer_of(self.call, table)

    def store(self, table: Table) -> RowStore:
        return RowStore(self.call.session, table, self.call.server.engine)

    def claim(self, table: Table, row: Row, operation: log.Operation) -> bool:
        """
        Record that the replay writes a row; return whether it has written the row before.

        Raises:
            Conflict: another client has written the row since the staging.
        """
        key = (table.seq, row["$sequence"])
        if key in self.touched:
            return True
        if row["$updatedAt"] >= operation.staged_at:
            raise Conflict
        self.touched.add(key)
        return False


def _without_moments(data: Any) -> Any:
    """Drop staged times, also of related rows: every row gets the time of the commit."""
    if isinstance(data, dict):
        return {key: _without_moments(value) for key, value in data.items() if key not in DATES}
    return [_without_moments(item) for item in data] if isinstance(data, list) else data


def _permissions(data: Mapping[str, Any]) -> list[str] | None:
    return read_permissions(data.get("$permissions"))


def _create(replay: Replay, table: Table, operation: log.Operation) -> None:
    _create_row(replay, table, {"$id": operation.row_id, **operation.data})


def _create_row(replay: Replay, table: Table, data: Mapping[str, Any]) -> Row:
    row_id = data.get("$id") or identifiers.new_id()
    row = replay.writer(table).create(str(row_id), _without_moments(data), _permissions(data) or [])
    replay.touched.add((table.seq, row["$sequence"]))
    return row


def _required(replay: Replay, table: Table, operation: log.Operation) -> Row:
    row = replay.store(table).get(operation.row_id or "")
    if row is None:
        raise ApiError("row_not_found", id=operation.row_id)
    return row


def _update(replay: Replay, table: Table, operation: log.Operation) -> None:
    row = _required(replay, table, operation)
    replay.claim(table, row, operation)
    data = _without_moments(operation.data)
    replay.writer(table).update(operation.row_id or row["$id"], row, data, _permissions(data))


def _upsert(replay: Replay, table: Table, operation: log.Operation) -> None:
    # An upsert staged through the operations route lacks its id, and the server makes one
    # (recording ``tx-operations``).
    _upsert_row(replay, table, operation.data, operation)


def _upsert_row(
    replay: Replay, table: Table, data: Mapping[str, Any], operation: log.Operation
) -> None:
    row_id = str(data.get("$id") or identifiers.new_id())
    old = replay.store(table).get(row_id)
    if old is not None and replay.claim(table, old, operation):
        # The server completes it with the rows written by the transaction, so that no required
        # value is missing.
        data = {**{key: old[key] for key in table.columns if key in old}, **data}
    row = replay.writer(table).upsert(row_id, _without_moments(data), _permissions(data))
    if row is not None:
        replay.touched.add((table.seq, row["$sequence"]))


def _delete(replay: Replay, table: Table, operation: log.Operation) -> None:
    row = _required(replay, table, operation)
    replay.claim(table, row, operation)
    replay.writer(table).delete([row])
    replay.deleted.append((operation, row))


def _bulk_create(replay: Replay, table: Table, operation: log.Operation) -> None:
    for item in _items(operation.data):
        _create_row(replay, table, item)


def _bulk_upsert(replay: Replay, table: Table, operation: log.Operation) -> None:
    for item in _items(operation.data):
        if item.get("$id"):
            _upsert_row(replay, table, item, operation)


def _items(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise ApiError("general_unknown")
    return data


def _bulk_update(replay: Replay, table: Table, operation: log.Operation) -> None:
    data = _without_moments(operation.data["data"])
    rows = _matching(replay, table, operation.data["queries"])
    if not data:
        return
    _replayed_update(replay, table, rows, data)
    for row in rows:
        replay.claim(table, row, operation)


def _replayed_update(
    replay: Replay, table: Table, rows: Sequence[Row], data: Mapping[str, Any]
) -> None:
    try:
        replay.writer(table).update_many(rows, data, _permissions(data))
    except ApiError as error:
        # Outside a transaction the server does not handle a unique violation here: a 500.
        if isinstance(error.__cause__, Duplicate):
            raise error.__cause__ from error
        raise


def _bulk_delete(replay: Replay, table: Table, operation: log.Operation) -> None:
    rows = _matching(replay, table, operation.data["queries"])
    for row in rows:
        replay.claim(table, row, operation)
    replay.writer(table).delete(rows)


def _matching(replay: Replay, table: Table, texts: Sequence[str]) -> list[Row]:
    queries = parse.parse_queries(texts, replay.call.server.feature_level)
    if parse.is_rich(queries):
        wanted = aggregate_lists.read_for_bulk(replay.call, table, queries)
        found = aggregate_lists.find_bulk(replay.call, wanted)
        # Results that are not rows (aggregates, distinct values) are ignored.
        return found if wanted.gives_rows else []
    known = fields.table_fields(table, replay.call.server.engine)
    check.check_queries(queries, known, fulltext_keys(table), SELECTABLE)
    plan = sql.compile_queries(queries, known)
    if plan.cursor is not None:
        raise ApiError("general_unknown")
    where = plan.where
    return replay.store(table).find(
        where.sql, where.params, order=sql.order_by(plan), limit=plan.limit, offset=plan.offset
    )


def _step(
    sign: int, limit_name: str, replay: Replay, table: Table, operation: log.Operation
) -> None:
    # Increments never conflict, because they add to the current value.
    row = _required(replay, table, operation)
    data = operation.data
    column = table.columns.get(data.get("column") or data.get("attribute") or "")
    if column is None:
        raise ApiError("row_not_found", id=operation.row_id)
    limit = data.get(limit_name)
    change = sign * increments.number(data.get("value", 1))
    try:
        increments.step(
            replay.store(table),
            row,
            column,
            change,
            None if limit is None else increments.number(limit),
        )
    except ApiError as error:
        if error.error_type == "column_value_limit":
            # The error does not use the route's words.
            word, reached = error.values["word"], error.values["limit"]
            text = f"Attribute value exceeds {word} limit: {reached}"
            raise ApiError("column_limit_exceeded", message=text) from error
        if error.error_type != "attribute_type_invalid":
            raise
        # The server does not handle the errors here that the increment route reports by name.
        raise ApiError("general_unknown") from error
    replay.touched.add((table.seq, row["$sequence"]))


def _increment(replay: Replay, table: Table, operation: log.Operation) -> None:
    _step(1, "max", replay, table, operation)


def _decrement(replay: Replay, table: Table, operation: log.Operation) -> None:
    _step(-1, "min", replay, table, operation)


_APPLY: dict[str, Callable[[Replay, Table, log.Operation], None]] = {
    "create": _create, "update": _update, "upsert": _upsert, "delete": _delete, "increment": _increment, "decrement": _decrement,
    "bulkCreate": _bulk_create, "bulkUpdate": _bulk_update, "bulkUpsert": _bulk_upsert, "bulkDelete": _bulk_delete,
}  # fmt: skip

# Bulk operations have no events.
_EVENT_ACTIONS: dict[str, Action] = {
    "create": "create", "update": "update", "upsert": "update", "increment": "update", "decrement": "update", "delete": "delete",
}  # fmt: skip
