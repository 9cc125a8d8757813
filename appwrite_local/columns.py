"""Columns: created and deleted asynchronously, as on the server."""

from __future__ import annotations

import json
import time
from typing import Any

from appwrite_local import faults, row_store
from appwrite_local.column_types import (
    BOUNDS,
    ELEMENTS,
    MAX_COLUMNS,
    ROW_BYTES,
    SIZES,
    TYPES,
    ColumnType,
    bytes_used,
    check_default,
    column_json,
    make_column,
    normalized_default,
    refuse_default,
)
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.indexes import check_held_indexes, drop_column_from_indexes, rename_in_indexes
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.routing import Call, Handler, Param, Route
from appwrite_local.schema import TEXT_TYPES, Column, Table, load_columns, require_table
from appwrite_local.storage import Session
from appwrite_local.validators import QUERIES, Boolean, Key, Nullable, Uid

READ = ("tables.read", "collections.read", "columns.read", "attributes.read")
WRITE = ("tables.write", "collections.write", "columns.write", "attributes.write")

_LISTING = Listing(
    "Column",
    {
        "key": "text",
        "type": "text",
        "size": "integer",
        "required": "boolean",
        "array": "boolean",
        "status": "text",
        "error": "text",
    },
    cursor_key="key",
)


def table_of(call: Call) -> Table:
    return require_table(call.server.schema, call.session, call.args["databaseId"], call.args["tableId"])


def reloaded(session: Session, table: Table, key: str) -> Column:
    """Read a column back after it was written."""
    return next(column for column in load_columns(session, table.seq) if column.key == key)


def column_of(call: Call, table: Table) -> Column:
    column = table.find_column(call.args["key"])
    if column is None:
        raise ApiError("column_not_found", key=call.args["key"])
    return column


def add_column(session: Session, table: Table, column: Column, *, ready_at: float) -> Column:
    """
    Add a column to a table, and make room for it in storage.

    Raises:
        ApiError: 409 ``column_already_exists``; 400 ``column_limit_exceeded``.
    """
    if table.find_column(column.key) is not None:
        raise ApiError("column_already_exists", key=column.key)
    refuse_too_wide(table, [*table.all_columns, column])
    # One of the same key may still be waiting to be swept away.
    sweep_columns(session, table.seq)
    now = now_text()
    column.default = normalized_default(column)
    column.seq = session.insert(
        "INSERT INTO _columns (table_seq, key, definition, ready_at, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (table.seq, column.key, column.definition(), ready_at, now, now),
    )
    column.created = column.updated = now
    row_store.add_column(session, table.seq, column)
    session.touch_schema()
    return column


def refuse_too_wide(table: Table, columns: list[Column]) -> None:
    if bytes_used(columns) >= ROW_BYTES or len(columns) > MAX_COLUMNS:
        raise ApiError("column_limit_reached", id=table.id)


def sweep_columns(session: Session, table_seq: int) -> None:
    """Remove columns whose deletion is over."""
    for seq, key, definition in session.all(
        "SELECT seq, key, definition FROM _columns WHERE table_seq = ? AND gone_at <= ?", (table_seq, time.time())
    ):
        remove_column(session, table_seq, Column(seq, key, **_definition(definition)))


def _definition(text: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(text)
    return definition


def remove_column(session: Session, table_seq: int, column: Column) -> None:
    row_store.drop_column(session, table_seq, column)
    session.execute("DELETE FROM _columns WHERE seq = ?", (column.seq,))
    session.touch_schema()


def _creator(kind: ColumnType) -> Handler:
    def create_column(call: Call) -> Response:
        table = table_of(call)
        column = make_column(kind, call.args)
        refuse_default(column)
        faults.apply_to_column(column, call.fate)
        ready_at = time.time() + call.server.column_delay_s + call.fate.delay_s
        column = add_column(call.session, table, column, ready_at=ready_at)
        column.status = "processing"
        return json_response(202, column_json(column, call.family, encrypt=column.encrypt))

    return create_column


def list_columns(call: Call) -> Response:
    table = table_of(call)
    columns = table.all_columns
    entries = [_entry(column) for column in columns]
    chosen, total = select_entries(
        _LISTING, entries, call.args["queries"], call.args["total"], level=call.server.feature_level
    )
    # Of encryption the list knows nothing, but for the oldest type.
    shown = [
        column_json(columns[n], call.family, encrypt=columns[n].encrypt if columns[n].type == "string" else None)
        for n in chosen
    ]
    return json_response(200, {"total": total, call.family.name("columns"): shown})


def _entry(column: Column) -> dict[str, Any]:
    return {
        "$id": column.key, "$createdAt": column.created, "$updatedAt": column.updated, "key": column.key, "type": column.type,
        "size": column.size, "required": column.required, "array": column.array, "status": column.status, "error": column.error or None,
    }  # fmt: skip


def get_column(call: Call) -> Response:
    column = column_of(call, table_of(call))
    return json_response(200, column_json(column, call.family, encrypt=column.encrypt))


def delete_column(call: Call) -> Response:
    from appwrite_local import relation_columns

    table = table_of(call)
    column = column_of(call, table)
    if column.type == "relationship":
        relation_columns.delete_relationship(call, table, column)
        return no_content()
    delay_s = call.server.column_delay_s
    indexes = call.server.deletions.indexes(call.session, table.seq, delay_s)
    drop_column_from_indexes(call.session, table.seq, column, indexes)
    if delay_s:
        call.session.execute("UPDATE _columns SET gone_at = ? WHERE seq = ?", (time.time() + delay_s, column.seq))
        call.session.touch_schema()
    else:
        remove_column(call.session, table.seq, column)
    return no_content()


def _updater(kind: ColumnType) -> Handler:
    def update_column(call: Call) -> Response:
        table = table_of(call)
        column = column_of(call, table)
        if column.status != "available":
            raise ApiError("column_not_available", key=column.key)
        changed = _changed(column, kind, call.args)
        _refuse_short_size(call.session, table, column, changed)
        new_key = call.args["newKey"]
        if new_key and new_key.lower() != column.key.lower() and table.find_column(new_key) is not None:
            # The text names the old key.
            raise ApiError("column_already_exists", key=column.key)
        changed.key = new_key or column.key
        if new_key or call.args.get("size"):
            check_held_indexes(table, changed)
        sweep_columns(call.session, table.seq)  # of a column that had the new key
        call.session.execute(
            "UPDATE _columns SET key = ?, definition = ?, updated = ? WHERE seq = ?",
            (changed.key, changed.definition(), now_text(), column.seq),
        )
        if changed.key != column.key:
            rename_in_indexes(call.session, table.seq, column.key, changed.key)
        call.session.touch_schema()
        return json_response(200, column_json(reloaded(call.session, table, changed.key), call.family, kind.segment))

    return update_column


def _changed(column: Column, kind: ColumnType, args: dict[str, Any]) -> Column:
    changed = Column(column.seq, column.key, **_definition(column.definition()))
    changed.required, changed.default = args["required"], args["default"]
    refuse_default(changed)
    if args.get("size") and column.type in SIZES:
        changed.size = args["size"]
    if "min" in kind.extra and column.type in ("integer", "bigint", "double"):
        changed.low = column.low if args["min"] is None else args["min"]
        changed.high = column.high if args["max"] is None else args["max"]
    if kind.format == "enum":
        changed.elements = list(args["elements"])
    if column.format == "enum" and (not changed.elements or kind.format != "enum"):
        raise ApiError("column_value_invalid", message="Enum elements must not be empty")
    check_default(changed, lengths=False)
    changed.default = normalized_default(changed)
    return changed


def _refuse_short_size(session: Session, table: Table, column: Column, changed: Column) -> None:
    if changed.size >= column.size or column.type not in TEXT_TYPES or column.array:
        return
    longest = session.scalar(f"SELECT MAX(LENGTH({column.sql})) FROM {table.sql}")
    if longest is not None and longest > changed.size:
        raise ApiError("column_invalid_resize")


_TABLE = (Param("databaseId", Uid()), Param("tableId", Uid()))
_KEY = Param("key", Key())
_PATH = "/tablesdb/{databaseId}/tables/{tableId}/columns"


def _extra_params(kind: ColumnType, *, creating: bool) -> list[Param]:
    params = []
    if "size" in kind.extra:
        params.append(
            Param("size", SIZES[kind.segment])
            if creating
            else Param("size", Nullable(SIZES[kind.segment]), None, nullable=True)
        )
    if "elements" in kind.extra:
        params.append(Param("elements", ELEMENTS))
    return params


def _bound_params(kind: ColumnType) -> list[Param]:
    if "min" not in kind.extra:
        return []
    return [Param(name, BOUNDS[kind.segment], None, nullable=True) for name in ("min", "max")]


def _create_params(kind: ColumnType) -> tuple[Param, ...]:
    default = Param("default", Nullable(kind.default), None, nullable=True)
    array = [Param("array", Boolean(), False)] if kind.arrays else []
    encrypt = [Param("encrypt", Boolean(), False)] if "encrypt" in kind.extra else []
    return (
        *_TABLE,
        _KEY,
        *_extra_params(kind, creating=True),
        Param("required", Boolean()),
        *_bound_params(kind),
        default,
        *array,
        *encrypt,
    )


def _update_params(kind: ColumnType) -> tuple[Param, ...]:
    # Only spatial columns may leave the default out.
    default = (
        Param("default", Nullable(kind.default))
        if kind.arrays
        else Param("default", Nullable(kind.default), None, nullable=True)
    )
    new_key = Param("newKey", Nullable(Key()), None, nullable=True)
    return (
        *_TABLE,
        _KEY,
        *_extra_params(kind, creating=False),
        Param("required", Boolean()),
        *_bound_params(kind),
        default,
        new_key,
    )


ROUTES = [
    Route(
        "GET", _PATH, list_columns, READ, (*_TABLE, Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False
    ),
    Route("GET", _PATH + "/{key}", get_column, READ, (*_TABLE, _KEY), writes=False),
    Route("DELETE", _PATH + "/{key}", delete_column, WRITE, (*_TABLE, _KEY)),
    *(Route("POST", f"{_PATH}/{kind.segment}", _creator(kind), WRITE, _create_params(kind)) for kind in TYPES),
    *(Route("PATCH", f"{_PATH}/{kind.segment}/{{key}}", _updater(kind), WRITE, _update_params(kind)) for kind in TYPES),
]  # fmt: skip
