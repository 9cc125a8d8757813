"""
Check indexes as the server does, and build them in SQLite so that filters and orders use them.

Source: recordings ``indexes-*``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from appwrite_local import bson_types, delays, identifiers
from appwrite_local.datetimes import now_text
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.queries.fields import INTERNALS
from appwrite_local.routing import Call, Param, Route
from appwrite_local.row_store import index_expression
from appwrite_local.schema import (
    SPATIAL_TYPES,
    TEXT_TYPES,
    Column,
    Database,
    Index,
    Table,
    load_columns,
    load_indexes,
    require_table,
)
from appwrite_local.storage import Session
from appwrite_local.validators import QUERIES, Boolean, Key, ListOf, OneOf, Uid, is_int
from appwrite_local.values import text_size

READ = ("tables.read", "collections.read", "indexes.read")
WRITE = ("tables.write", "collections.write", "indexes.write")

MAX_INDEXES = 58
INTERNAL_KEYS = ("$id", "$createdAt", "$updatedAt")
TYPES = ("key", "fulltext", "unique", "spatial")

_LISTING = Listing(
    "Index", {"key": "text", "type": "text", "status": "text", "attributes": "text", "error": "text"}, cursor_key="key",
    arrays=frozenset({"attributes"}),
)  # fmt: skip


class _ColumnKey:
    def problem(self, value: Any) -> str | None:
        return (
            None if value in INTERNAL_KEYS or identifiers.is_valid(value) else identifiers.KEY_RULE
        )


class _Order:
    def problem(self, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and value.lower() in ("asc", "desc")):
            return None
        return "Value must be one of (asc, desc)"


class _Length:
    def problem(self, value: Any) -> str | None:
        return None if value is None or is_int(value) else "Value must be a valid integer"


def index_json(table: Table, index: Index, columns_name: str) -> dict[str, Any]:
    return {
        "$id": f"{table.database.seq}_{table.seq}_{index.key}", "$createdAt": index.created, "$updatedAt": index.updated,
        "key": index.key, "type": index.type, "status": index.status, "error": index.error, columns_name: index.columns,
        "lengths": index.lengths, "orders": index.orders,
    }  # fmt: skip


def create_index(call: Call) -> Response:
    args = call.args
    table = table_of(call)
    if len(table.all_indexes) >= MAX_INDEXES:
        raise ApiError("column_index_limit_exceeded", id=table.id)
    lengths = [length or 0 for length in args["lengths"]]
    lengths += [0] * (len(args["columns"]) - len(lengths))
    index = Index(
        0, args["key"], args["type"], list(args["columns"]), lengths, list(args["orders"])
    )
    _refuse_unknown(table, index)
    check_index(call.server.engine, table, index, given_lengths=len(args["lengths"]))
    if table.find_index(args["key"]) is not None:
        raise ApiError("column_index_already_exists", key=args["key"])
    index = add_index(
        call.session,
        table,
        index,
        ready_at=delays.moment_after(call.server.column_delay_s + call.fate.delay_s),
    )
    if call.server.index_lag and not call.server.engine.builds_indexes_at_once:
        call.server.young_indexes[index.seq] = call.server.index_lag
    index.status = "processing"
    return json_response(202, index_json(table, index, call.family.name("columns")))


def _refuse_unknown(table: Table, index: Index) -> None:
    for key in index.columns:
        if key in INTERNALS:
            continue
        column = table.find_column(key)
        if column is None:
            raise ApiError("column_unknown", key=key)
        if column.type == "relationship":
            raise ApiError(
                "column_type_invalid",
                message=f"Cannot create an index for a relationship column: {key}",
            )
        if column.status != "available":
            raise ApiError("column_not_available", key=key)
        if column.array:
            raise ApiError(
                "index_invalid",
                message="Creating indexes on array attributes is not currently supported.",
            )


def check_index(engine: Engine, table: Table, index: Index, given_lengths: int = 0) -> None:
    """
    Reject indexes that the database cannot build.

    Raises:
        ApiError: 400 ``column_index_invalid``, in the server's order.
    """
    problem = _problem(engine, table, index, given_lengths)
    if problem is not None:
        raise ApiError("column_index_invalid", message=problem)


def _problem(engine: Engine, table: Table, index: Index, given_lengths: int) -> str | None:
    if index.key.lower() in engine.reserved_keys:
        return "Index key name is reserved"
    if not index.columns:
        return "No attributes provided for index"
    lowered = [key.lower() for key in index.columns]
    if len(set(lowered)) < len(lowered):
        return "Duplicate attributes provided"
    if index.type == "spatial" and len(index.columns) != 1:
        return "Spatial index must have exactly one attribute"
    others = [] if engine.identical_indexes else table.all_indexes
    if index.type == "fulltext" and any(
        other.type == "fulltext" and other.key != index.key for other in others
    ):
        return "There is already a fulltext index in the collection"
    columns = [(key, table.find_column(key)) for key in index.columns]
    for key, column in columns:
        problem = _type_problem(index, key, column)
        if problem is not None:
            return problem
    if index.type == "spatial" and index.orders and table.engine.nullable_spatial_indexes:
        return "Spatial indexes with explicit orders are not supported. Remove the orders to create this index."
    if given_lengths > len(index.columns):
        return "Invalid index lengths. Count of lengths must be equal or less than the number of attributes."
    if index.type in ("fulltext", "spatial"):
        return None
    problem = _lengths_problem(index, columns, engine.index_length)
    if problem is None and any(_is_like(index, other) for other in others):
        problem = _IDENTICAL
    return problem


_IDENTICAL = "There is already an index with the same attributes and orders"


def _is_like(index: Index, other: Index) -> bool:
    """Return whether two indexes have the same columns and orders, whatever their sequence."""
    return (
        other.type in ("key", "unique")
        and set(index.columns) == set(other.columns)
        and {order or "" for order in index.orders} == {order or "" for order in other.orders}
    )


def _type_problem(index: Index, key: str, column: Column | None) -> str | None:
    kind = "string" if column is None else column.type
    if index.type == "fulltext" and kind not in TEXT_TYPES:
        return f'Attribute "{key}" cannot be part of a fulltext index, must be of type string'
    if index.type == "spatial":
        if kind not in SPATIAL_TYPES:
            return f'Spatial index can only be created on spatial attributes (point, linestring, polygon). Attribute "{key}" is of type "{kind}"'
        if (
            column is not None
            and not column.required
            and not column.engine.nullable_spatial_indexes
        ):
            return f'Spatial indexes do not allow null values. Mark the attribute "{key}" as required or create the index on a column with no null values.'
    elif kind in SPATIAL_TYPES:
        return f'Cannot create {index.type} index on spatial attribute "{key}". Spatial attributes require spatial indexes.'
    return None


def _lengths_problem(
    index: Index, columns: Sequence[tuple[str, Column | None]], longest: int
) -> str | None:
    total = 0
    for (key, column), length in zip(columns, index.lengths, strict=False):
        length = length or 0
        size = (
            36
            if column is None and key == "$id"
            else 0
            if column is None or column.type not in TEXT_TYPES
            else text_size(column)
        )
        if length < 0:
            return f"Negative index length provided for {key}"
        if length and not size:
            return f'Cannot set a length on "{"datetime" if column is None else column.type}" attributes'
        if size and length > size:
            # The stray quote is the server's.
            return f'Index length {length} is larger than the size for {key}: {size}"'
        total += length or size or (2 if column is not None and column.type == "double" else 1)
        if total > longest:
            return f"Index length is longer than the maximum: {longest}"
    return None


def check_held_indexes(engine: Engine, table: Table, changed: Column) -> None:
    """
    Reject a change of a column that makes any index of its table invalid.

    Where identical indexes are refused, every index is: it is compared with itself.

    Raises:
        ApiError: 400 ``column_index_invalid``.
    """
    columns = [changed if column.seq == changed.seq else column for column in table.all_columns]
    before = next(column.key for column in table.all_columns if column.seq == changed.seq)
    after = replace(table, all_columns=columns)
    for index in table.all_indexes:
        held = index.as_held()
        if held.columns:
            held.columns = [changed.key if key == before else key for key in held.columns]
            if not engine.identical_indexes and held.type in ("key", "unique"):
                raise ApiError("column_index_invalid", message=_IDENTICAL)
            check_index(
                engine,
                after,
                held,
                given_lengths=0 if index.type == "fulltext" else len(held.lengths),
            )


def add_index(session: Session, table: Table, index: Index, *, ready_at: float) -> Index:
    for seq, gone_at in session.all(
        "SELECT seq, gone_at FROM _indexes WHERE table_seq = ? AND gone_at > 0", (table.seq,)
    ):
        if not delays.is_ahead(gone_at):
            session.execute("DELETE FROM _indexes WHERE seq = ?", (seq,))
    now = now_text()
    index.seq = session.insert(
        "INSERT INTO _indexes (table_seq, key, definition, ready_at, created, updated) VALUES (?, "
        "?, ?, ?, ?, ?)",
        (table.seq, index.key, index.definition(), ready_at, now, now),
    )
    index.created = index.updated = now
    index.built = build_index(session, table, index)
    session.execute(
        "UPDATE _indexes SET definition = ? WHERE seq = ?", (index.definition(), index.seq)
    )
    session.touch_schema()
    return index


def build_index(session: Session, table: Table, index: Index) -> bool:
    """
    Build an index in SQLite.

    Returns:
        False if SQLite has no such index, and for a unique index over duplicates: it is then listed
        and has no effect, as on the server (recording ``indexes-unique-fails``).
    """
    if index.type not in ("key", "unique"):
        return False
    parts = []
    columns = [table.find_column(key) for key in index.columns]
    covered = bson_types.covered(session.engine, index, columns)
    if covered is None:
        return False
    by_length = index.type == "unique" and session.engine.index_lengths
    for position, (key, column) in enumerate(zip(index.columns, columns, strict=True)):
        length = index.lengths[position] if by_length and position < len(index.lengths) else None
        order = index.orders[position] if position < len(index.orders) else None
        expression = INTERNALS[key].compare if column is None else index_expression(column, length)
        parts.append(expression + (" DESC" if order and order.upper() == "DESC" else ""))
    unique = "UNIQUE " if index.type == "unique" else ""
    try:
        with session.savepoint():
            session.execute(
                f"CREATE {unique}INDEX {index.sql} ON {table.sql} ({', '.join(parts)}) {covered}"
            )
    except sqlite3.IntegrityError:
        return False
    return True


def list_indexes(call: Call) -> Response:
    table = table_of(call)
    indexes = [seen(call, index) for index in table.all_indexes]
    entries, level = [_entry(index) for index in indexes], call.server.feature_level
    chosen, total = select_entries(
        _LISTING,
        entries,
        call.args["queries"],
        call.args["total"],
        level=level,
        engine=call.server.engine,
    )
    name = call.family.name("columns")
    return json_response(
        200,
        {
            "total": total,
            "indexes": [index_json(table, indexes[position], name) for position in chosen],
        },
    )


def _entry(index: Index) -> dict[str, Any]:
    return {
        "$id": index.key, "$createdAt": index.created, "$updatedAt": index.updated, "key": index.key, "type": index.type,
        "status": index.status, "attributes": json.dumps(index.columns), "error": index.error or None,
    }  # fmt: skip


def get_index(call: Call) -> Response:
    table = table_of(call)
    index = _index_of(call, table)
    if index.key != call.args["key"]:  # in capitals a key is taken, and yet not found
        raise ApiError("column_index_not_found", key=call.args["key"])
    return json_response(200, index_json(table, seen(call, index), call.family.name("columns")))


def seen(call: Call, index: Index) -> Index:
    """Return an index with its current status: a new one is not ready yet."""
    return replace(index, status="processing") if index.seq in call.server.young_indexes else index


def delete_index(call: Call) -> Response:
    table = table_of(call)
    index = _index_of(call, table)
    delay_s = call.server.column_delay_s
    if not _drop_held(call.session, index):
        pass
    elif delay_s:
        call.session.execute(
            "UPDATE _indexes SET gone_at = ? WHERE seq = ?",
            (delays.moment_after(delay_s), index.seq),
        )
    else:
        call.session.execute("DELETE FROM _indexes WHERE seq = ?", (index.seq,))
    call.session.touch_schema()
    return no_content()


def table_of(call: Call) -> Table:
    return require_table(
        call.server.schema, call.session, call.args["databaseId"], call.args["tableId"]
    )


def _index_of(call: Call, table: Table) -> Index:
    index = table.find_index(call.args["key"])
    if index is None:
        raise ApiError("column_index_not_found", key=call.args["key"])
    return index


def _drop_held(session: Session, index: Index) -> bool:
    """Drop an index; return False if the database does not have it, which leaves it stuck."""
    if not index.held_columns:
        index.stuck = "Index not found"
        session.execute(
            "UPDATE _indexes SET definition = ? WHERE seq = ?", (index.definition(), index.seq)
        )
        session.touch_schema()
        return False
    session.execute(f"DROP INDEX IF EXISTS {index.sql}")
    return True


def drop_column_from_indexes(
    session: Session, table_seq: int, column: Column, indexes: Sequence[Index]
) -> None:
    """
    Remove a column from every index.

    An index is deleted if it is then empty, or equal to another one (recording
    ``indexes-and-columns``).

    The database forgets an index with its last column. The listed state follows ``indexes``; see
    ``Deletions``. The list loses all lengths and orders that equal those of the column, and the
    database loses none.

    A unique index that lost a column stays built only if no duplicates appear; otherwise it has no
    effect.
    """
    for index in load_indexes(session, table_seq):
        if column.key in index.held_columns:
            _take_out_held(session, table_seq, index, column.key)
    for index in indexes:
        if column.key in index.columns:
            _take_out_listed(session, table_seq, index, column.key, indexes)
    session.touch_schema()


def _take_out_held(session: Session, table_seq: int, index: Index, key: str) -> None:
    held = index.as_held()
    index.held, index.held_lengths = [one for one in held.columns if one != key], held.lengths
    session.execute(f"DROP INDEX IF EXISTS {index.sql}")
    # MongoDB's own index stays on the deleted column, of which no row has a value.
    gone = not index.held or session.engine.bson_unique_indexes
    index.built = not gone and _rebuild(session, table_seq, index.as_held())
    session.execute(
        "UPDATE _indexes SET definition = ? WHERE seq = ?", (index.definition(), index.seq)
    )


def _take_out_listed(
    session: Session, table_seq: int, seen: Index, key: str, others: Sequence[Index]
) -> None:
    index = next((one for one in load_indexes(session, table_seq) if one.seq == seen.seq), None)
    if index is None:
        return
    position = seen.columns.index(key)
    seen.columns = [one for one in seen.columns if one != key]
    seen.lengths = _without(seen.lengths, position)
    seen.orders = _without(seen.orders, position)
    alike = any(
        other.seq != seen.seq and (other.columns, other.orders) == (seen.columns, seen.orders)
        for other in others
    )
    index.columns, index.lengths, index.orders = seen.columns, seen.lengths, seen.orders
    if not seen.columns or (alike and _drop_held(session, index)):
        session.execute("DELETE FROM _indexes WHERE seq = ?", (index.seq,))
    elif not alike:
        session.execute(
            "UPDATE _indexes SET definition = ? WHERE seq = ?", (index.definition(), index.seq)
        )


T = TypeVar("T")


def _without(entries: list[T], position: int) -> list[T]:
    """Return the entries that differ from the one at a position; all equal ones are dropped."""
    return [entry for entry in entries if entry not in entries[position : position + 1]]


def _rebuild(session: Session, table_seq: int, index: Index) -> bool:
    nowhere = Database(0, "", "", True, "", "", "")
    table = Table(
        table_seq,
        nowhere,
        "",
        "",
        True,
        False,
        [],
        "",
        "",
        load_columns(session, table_seq),
        [],
        session.engine,
    )
    return build_index(session, table, index)


def rename_in_indexes(session: Session, table_seq: int, old: str, new: str) -> None:
    for index in load_indexes(session, table_seq):
        if old in index.columns or old in index.held_columns:
            if not session.engine.renames_in_indexes:
                index.held = index.held_columns
            index.columns = [new if key == old else key for key in index.columns]
            if session.engine.renames_in_indexes and index.held is not None:
                index.held = [new if key == old else key for key in index.held]
            session.execute(
                "UPDATE _indexes SET definition = ? WHERE seq = ?", (index.definition(), index.seq)
            )


_TABLE = (Param("databaseId", Uid()), Param("tableId", Uid()))
_KEY = Param("key", Key())
_PATH = "/tablesdb/{databaseId}/tables/{tableId}/indexes"

ROUTES = [
    Route(
        "POST", _PATH, create_index, WRITE,
        (
            *_TABLE, _KEY, Param("type", OneOf(TYPES)), Param("columns", ListOf(_ColumnKey(), identifiers.KEY_RULE)),
            Param("orders", ListOf(_Order(), "Value must be one of (asc, desc)"), []), Param("lengths", ListOf(_Length(), "Value must be a valid integer"), []),
        ),
    ),
    Route("GET", _PATH, list_indexes, READ, (*_TABLE, Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False),
    Route("GET", _PATH + "/{key}", get_index, READ, (*_TABLE, _KEY), writes=False),
    Route("DELETE", _PATH + "/{key}", delete_index, WRITE, (*_TABLE, _KEY)),
]  # fmt: skip
