"""Handle single rows, and lists of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_local import (
    aggregate_lists,
    datetimes,
    related_reads,
    relations,
    staged_state,
    staging,
)
from appwrite_local.bodies import read_object
from appwrite_local.errors import ApiError, invalid_argument, unauthorized
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.permissions import (
    ROW_ACTIONS,
    Permissions,
    allows,
    default_permissions,
    expand,
    may,
    require_create,
    require_grantable,
    require_listable,
)
from appwrite_local.queries import check, fields, parse, sql
from appwrite_local.related_writes import RelatedWriter
from appwrite_local.routing import Call, Param, Route
from appwrite_local.row_store import Duplicate, RowStore
from appwrite_local.schema import Table, find_database
from appwrite_local.validators import (
    QUERIES,
    Boolean,
    IntegerRange,
    JsonObject,
    Nullable,
    Uid,
    truthy,
)
from appwrite_local.values import Row
from appwrite_local.writes import Writer, fresh_id

READ = ("rows.read", "documents.read")
WRITE = ("rows.write", "documents.write")


def table_of(call: Call) -> Table:
    """
    Find the table of a call, as its caller may see it.

    Raises:
        ApiError: 404, also if the table or its database is disabled and the caller has no key.
    """
    database_id, table_id = call.args["databaseId"], call.args["tableId"]
    table = call.server.schema.table(call.session, database_id, table_id)
    visible = call.identity.is_key
    if table is None:
        database = find_database(call.session, database_id)
        if database is None or not (database.enabled or visible):
            raise ApiError("database_not_found", id=database_id)
        raise ApiError("table_not_found", id=table_id)
    if not visible and not table.database.enabled:
        raise ApiError("database_not_found", id=database_id)
    if not visible and not table.enabled:
        raise ApiError("table_not_found", id=table_id)
    return table


def writer_of(call: Call, table: Table) -> RelatedWriter | Writer:
    if relations.are_in(table):
        return RelatedWriter(call, table)
    return Writer(call.session, table, call.server.engine, trusted=call.identity.is_key)


def store_of(call: Call, table: Table) -> RowStore:
    return RowStore(call.session, table, call.server.engine)


def row_json(call: Call, row: Row) -> dict[str, Any]:
    """Return a row in the words of the caller's family and response format."""
    return rows_json(call, [row])[0]


def rows_json(call: Call, rows: Sequence[Row]) -> Sequence[dict[str, Any]]:
    """Return rows in the words of the caller's family and response format."""
    if call.family.names:
        rows = [
            {
                call.family.name(key) if key.startswith("$") else key: value
                for key, value in row.items()
            }
            for row in rows
        ]
    if call.server.engine.name == "mongodb":
        return [{**row, "$sequence": _uuid(row["$sequence"])} for row in rows]
    if call.server.casts_sequences(call.request):
        rows = [{**row, "$sequence": int(row["$sequence"] or 0)} for row in rows]
    return rows


def _uuid(sequence: str) -> str:
    """
    Return the text that MongoDB's rows have instead of a sequence number, in the same order.

    Filters still take the number.
    """
    return f"01900000-0000-7000-8000-{int(sequence):012x}" if sequence else ""


def taken(call: Call, error: Duplicate, row_id: str) -> ApiError:
    """
    Return the error for a row whose id or unique value is taken.

    1.9 on MariaDB does not distinguish the two.
    """
    tells = call.server.feature_level == "2.x" or call.server.engine.name == "postgresql"
    if tells and not error.of_id:
        refusal = ApiError("row_unique_constraint_violation")
    else:
        refusal = ApiError("row_already_exists", id=row_id)
    refusal.keeps_writes = error.keeps_writes
    return refusal


def data_of(call: Call) -> dict[str, Any]:
    return read_object(call.args["data"])


def permissions_of(call: Call) -> list[str] | None:
    permissions = call.args["permissions"]
    if permissions is None:
        return None
    expanded = expand(permissions)
    require_grantable(expanded, call.identity)
    return expanded


def create_row(call: Call, data: Mapping[str, Any]) -> Response:
    """Create one row. The route belongs to ``bulk``, because it creates many rows as well."""
    args = call.args
    if args["rowId"] in ("", "0"):
        raise ApiError("row_id_missing")
    table = table_of(call)
    require_create(table, call.identity)
    permissions = permissions_of(call)
    if permissions is None:
        permissions = default_permissions(call.identity)
    row_id = fresh_id(args["rowId"])
    if staging.is_staged(call):
        return _staged(call, 201, staging.stage_create(call, table, row_id, data, permissions))
    try:
        row = writer_of(call, table).create(row_id, data, permissions)
    except Duplicate as error:
        raise taken(call, error, row_id) from error
    call.events.note(table, "create", [row], legacy=True)
    return json_response(201, row_json(call, row))


def _staged(call: Call, status: int, row: Row) -> Response:
    return json_response(status, row_json(call, row))


def get_row(call: Call) -> Response:
    table = table_of(call)
    queries = _selects(call, table)
    if parse.is_rich(queries):
        return _get_joined(call, table, queries)
    selection = related_reads.selection_of(queries, table)
    row = store_of(call, table).get(call.args["rowId"], selection.keys(table))
    if staging.is_staged(call):
        row = staged_state.merge_row(call, table, call.args["rowId"], row, queries)
    if row is None or not may(table, row.get("$permissions", ()), "read", call.identity):
        raise ApiError("row_not_found", id=call.args["rowId"])
    related_reads.load(call, table, [row], selection)
    return json_response(200, row_json(call, row))


def _get_joined(call: Call, table: Table, queries: Sequence[parse.Query]) -> Response:
    row = aggregate_lists.get_joined(call, table, call.args["rowId"], queries)
    if row is None or not may(table, row["$permissions"], "read", call.identity):
        raise ApiError("row_not_found", id=call.args["rowId"])
    return json_response(200, row_json(call, row))


def _selects(call: Call, table: Table) -> list[parse.Query]:
    queries = parse.parse_queries(call.args["queries"], call.server.feature_level)
    for query in queries:
        if query.method != "select" and query.method not in parse.JOINS:
            raise ApiError("general_query_invalid", message=f"Invalid query method: {query.method}")
    if parse.is_rich(queries):
        return queries
    known = fields.table_fields(table, call.server.engine)
    check.check_queries(queries, known, selectable=SELECTABLE)
    return queries


SELECTABLE = frozenset({"$permissions"})


def update_row(call: Call) -> Response:
    data, permissions = _payload(call)
    moment = _seen_at(call)
    table = table_of(call)
    if staging.is_staged(call):
        return _staged(call, 200, staging.stage_update(call, table, data, permissions))
    old = _row_to_write(call, table, "update")
    _refuse_stale(old, moment)
    row_id = call.args["rowId"]
    try:
        row = writer_of(call, table).update(row_id, old, data, permissions)
    except Duplicate as error:
        raise taken(call, error, row_id) from error
    call.events.note(table, "update", [row])
    return json_response(200, row_json(call, row))


def _payload(call: Call) -> tuple[dict[str, Any], list[str] | None]:
    data = data_of(call)
    if not data and call.args["permissions"] is None:
        raise ApiError("row_missing_payload")
    return data, permissions_of(call)


def _row_to_write(call: Call, table: Table, action: str) -> Row:
    row = store_of(call, table).get(call.args["rowId"])
    if row is None:
        raise ApiError("row_not_found", id=call.args["rowId"])
    if not may(table, row["$permissions"], action, call.identity):
        raise unauthorized()
    return row


def _seen_at(call: Call) -> str | None:
    """
    Parse ``X-Appwrite-Timestamp``: the caller has not seen later writes.

    Source: recording ``timestamp-conflict``.
    """
    text = call.request.headers.get("x-appwrite-timestamp")
    moment = None if text is None else datetimes.parse_datetime(text)
    if text is not None and moment is None:
        raise invalid_argument("Invalid X-Appwrite-Timestamp header value")
    return moment


def _refuse_stale(row: Row, moment: str | None) -> None:
    if moment is not None and row["$updatedAt"] > moment:
        raise ApiError("row_update_conflict")


def upsert_row(call: Call) -> Response:
    data, permissions = _payload(call)
    table = table_of(call)
    row_id = fresh_id(call.args["rowId"])
    if staging.is_staged(call):
        return _staged(call, 201, staging.stage_upsert(call, table, row_id, data, permissions))
    if not call.identity.is_key:
        old = store_of(call, table).get(row_id)
        if old is None and not allows(table.permissions, "create", call.identity):
            raise unauthorized()
        if old is not None and not may(table, old["$permissions"], "update", call.identity):
            raise unauthorized()
        if old is None and permissions is None:
            permissions = default_permissions(call.identity)
    try:
        row = writer_of(call, table).upsert(row_id, data, permissions)
    except Duplicate as error:
        raise taken(call, error, row_id) from error
    if row is not None:
        call.events.note(table, "upsert", [row])
    else:
        row = store_of(call, table).get(row_id)
    if row is None:
        # Nothing to store: 1.9 answers with an empty row, 2.x with nothing.
        place = {"$databaseId": table.database.id, "$tableId": table.id, "$sequence": ""}
        return json_response(200, {} if call.server.feature_level == "2.x" else place)
    return json_response(200, row_json(call, row))


def delete_row(call: Call) -> Response:
    moment = _seen_at(call)
    table = table_of(call)
    if staging.is_staged(call):
        staging.stage_delete(call, table)
        return no_content()
    row = _row_to_write(call, table, "delete")
    _refuse_stale(row, moment)
    writer_of(call, table).delete([row])
    call.events.note(table, "delete", [row])
    return no_content()


def list_rows(call: Call) -> Response:
    table = table_of(call)
    require_listable(table, call.identity)
    ttl_s = int(call.args["ttl"])
    if not ttl_s or staging.is_staged(call):
        return _listed(call, table)
    asked = (
        table.seq,
        call.server.schema.version,
        call.identity.roles,
        call.request.query_string,
        call.request.body,
        call.family.service,
    )
    return call.server.lists.answer(asked, ttl_s, lambda: _listed(call, table))


def _listed(call: Call, table: Table) -> Response:
    queries = parse.parse_queries(call.args["queries"], call.server.feature_level)
    with_total = truthy(call.args["total"])
    rows, total = find_rows(call, table, queries, with_total=with_total)
    if staging.is_staged(call):
        rows, counted = staged_state.merge_list(call, table, rows, total, queries)
        total = counted if with_total else 0
    return json_response(200, {"total": total, call.family.name("rows"): rows_json(call, rows)})


def find_rows(
    call: Call, table: Table, queries: Sequence[parse.Query], *, with_total: bool = True
) -> tuple[list[Row], int]:
    """
    Run a list of queries.

    Returns:
        The page of rows, and the number of matches (0 if no total is requested, at most 5,000).
    """
    known = fields.table_fields(table, call.server.engine)
    store = store_of(call, table)
    cursor = _cursor_row(queries, store, call.family.words["Row"])
    if parse.is_rich(queries):
        return aggregate_lists.find_rich(call, table, queries, cursor, with_total=with_total)
    queries, related = related_reads.split_filters(queries, table)
    check.check_queries(queries, known, fulltext_keys(table), SELECTABLE)
    selection = related_reads.selection_of(queries, table)
    plan = sql.compile_queries(queries, known)
    where = plan.where
    if related:
        where = sql.all_of([where, related_reads.related_condition(call, table, related)])
    if not allows(table.permissions, "read", call.identity):
        where = sql.all_of([where, relations.readable_rows(table, call.identity)])
    page = where if cursor is None else sql.all_of([where, _beyond(plan, store, cursor)])
    limit = sql.DEFAULT_LIMIT if plan.limit is None else plan.limit
    rows = store.find(
        page.sql,
        page.params,
        order=sql.order_by(plan),
        limit=limit,
        offset=plan.offset,
        select=selection.keys(table),
    )
    if plan.cursor is not None and plan.cursor.method == "cursorBefore":
        rows.reverse()
    related_reads.load(call, table, rows, selection)
    return rows, _count(call, store, where) if with_total else 0


def _count(call: Call, store: RowStore, where: sql.Condition) -> int:
    counted = sql.as_counted(where, call.server.engine.float_digits)
    return store.count(counted.sql, counted.params)


def _cursor_row(queries: Sequence[parse.Query], store: RowStore, noun: str) -> Row | None:
    cursor = next((query for query in queries if query.method in parse.CURSORS), None)
    if cursor is None:
        return None
    row_id = check.check_cursor(cursor)
    row = store.get(row_id)
    if row is None:
        raise ApiError("general_cursor_not_found", noun=noun, id=row_id)
    return row


def _beyond(plan: sql.Plan, store: RowStore, cursor: Row) -> sql.Condition:
    values = store.compare_values(
        int(cursor["$sequence"]),
        ["NULL" if order.by is None else order.by.compare for order in plan.orders],
    )
    for order, value in zip(plan.orders, values, strict=True):
        if order.by is not None and value is None:
            raise ApiError("database_query_order_null", key=order.by.key)
    return sql.after_cursor(plan, values)


def fulltext_keys(table: Table) -> frozenset[str]:
    return frozenset(
        index.columns[0]
        for index in table.all_indexes
        if index.type == "fulltext" and len(index.columns) == 1
    )


DATABASE_TABLE = (Param("databaseId", Uid()), Param("tableId", Uid()))
TRANSACTION = Param("transactionId", Nullable(Uid()), None, nullable=True)
DATA = Param("data", JsonObject(), {})
PERMISSIONS = Param("permissions", Nullable(Permissions(ROW_ACTIONS)), None, nullable=True)

ROWS_PATH = "/tablesdb/{databaseId}/tables/{tableId}/rows"

ROUTES = [
    Route(
        "GET", ROWS_PATH, list_rows, READ,
        (*DATABASE_TABLE, Param("queries", QUERIES, []), TRANSACTION, Param("total", Boolean(loose=True), True), Param("ttl", IntegerRange(0, 86_400), 0)),
        writes=False,
    ),
    Route(
        "POST", ROWS_PATH + "/query", list_rows, READ,
        (*DATABASE_TABLE, Param("queries", QUERIES, []), TRANSACTION, Param("total", Boolean(loose=True), True), Param("ttl", IntegerRange(0, 86_400), 0)),
        writes=False, since="2.x",
    ),
    Route("GET", ROWS_PATH + "/{rowId}", get_row, READ, (*DATABASE_TABLE, Param("rowId", Uid()), Param("queries", QUERIES, []), TRANSACTION), writes=False),
    Route("PATCH", ROWS_PATH + "/{rowId}", update_row, WRITE, (*DATABASE_TABLE, Param("rowId", Uid()), DATA, PERMISSIONS, TRANSACTION)),
    Route("PUT", ROWS_PATH + "/{rowId}", upsert_row, WRITE, (*DATABASE_TABLE, Param("rowId", Uid()), DATA, PERMISSIONS, TRANSACTION)),
    Route("DELETE", ROWS_PATH + "/{rowId}", delete_row, WRITE, (*DATABASE_TABLE, Param("rowId", Uid()), TRANSACTION)),
]  # fmt: skip
