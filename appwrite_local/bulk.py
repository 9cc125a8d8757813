"""
Write many rows in one call.

Only API keys may do so. Create and upsert take at most 100 rows; update and delete write all rows
that their queries find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_local import aggregate_lists, identifiers, staging
from appwrite_local.bodies import read_objects
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.messages import Response, json_response
from appwrite_local.permissions import TABLE_ACTIONS, Permissions, bad_permission, expand
from appwrite_local.queries import check, fields, parse, sql
from appwrite_local.routing import Call, Param, Route
from appwrite_local.row_store import Duplicate
from appwrite_local.rows import (
    DATA,
    DATABASE_TABLE,
    PERMISSIONS,
    ROWS_PATH,
    SELECTABLE,
    TRANSACTION,
    WRITE,
    create_row,
    data_of,
    fulltext_keys,
    rows_json,
    store_of,
    table_of,
    taken,
    writer_of,
)
from appwrite_local.schema import Table
from appwrite_local.validators import QUERIES, CustomId, JsonObject, list_of
from appwrite_local.values import Row, normalize, shown
from appwrite_local.writes import fresh_id

MAX_ECHOED = 100


def create(call: Call) -> Response:
    """Create one row or many; both use the same route."""
    data, rows = data_of(call), call.args["rows"]
    if not data and not rows:
        raise ApiError("row_missing_data")
    if data and rows:
        raise ApiError(
            "general_bad_request",
            message=f"You can only send one of the following parameters: data, {call.family.name('rows')}",
        )
    return create_rows(call) if rows else create_row(call, data)


def create_rows(call: Call) -> Response:
    """Create rows; either all succeed or none."""
    args = call.args
    if not call.identity.is_key:
        message = "The current user or API key does not have the required scopes to access the requested resource."
        raise ApiError("general_unauthorized_scope", message=message)
    if args["rowId"]:
        name = call.family.name("rowId")
        raise ApiError(
            "general_bad_request",
            message=f'Param "{name}" is not allowed when creating multiple {call.family.name("rows")}, set "$id" on each instead.',
        )
    if args["permissions"] is not None:
        raise ApiError(
            "general_bad_request",
            message=f'Param "permissions" is disallowed when creating multiple {call.family.name("rows")}, set "$permissions" on each instead',
        )
    table = table_of(call)
    refuse_relationships(call, table, "create")
    writer = writer_of(call, table)
    items = read_objects(args["rows"])
    ids = [_checked_id(item) for item in items]
    permissions = [_checked_permissions(item) for item in items]
    if staging.is_staged(call):
        staged = [
            {**item, "$id": row_id, "$permissions": granted}
            for row_id, item, granted in zip(ids, items, permissions, strict=True)
        ]
        return _staged(call, staging.stage_bulk_create(call, table, staged))
    try:
        rows = [
            writer.create(row_id, item, granted)
            for row_id, item, granted in zip(ids, items, permissions, strict=True)
        ]
    except Duplicate as error:
        raise taken(call, error, "") from error
    call.events.note(table, "create", rows, legacy=True)
    return _echo(call, 201, rows)


def _checked_id(item: Mapping[str, Any]) -> str:
    row_id = item.get("$id", "unique()")
    if row_id != "unique()" and not identifiers.is_valid(row_id):
        raise ApiError("general_bad_request", message=identifiers.KEY_RULE)
    return fresh_id(row_id)


def _checked_permissions(item: Mapping[str, Any]) -> list[str]:
    permissions = item.get("$permissions")
    if permissions is None:
        return []
    problem = Permissions(TABLE_ACTIONS).problem(permissions)
    if problem is not None:
        raise bad_permission(problem)
    return expand(permissions)


def _given_permissions(item: Mapping[str, Any]) -> list[str] | None:
    return None if item.get("$permissions") is None else _checked_permissions(item)


def _unchecked_permissions(item: Mapping[str, Any]) -> list[str] | None:
    """Return an upsert's permissions, which are not checked (recording ``bulk-upsert``)."""
    permissions = item.get("$permissions")
    if permissions is None or (
        isinstance(permissions, list) and all(isinstance(one, str) for one in permissions)
    ):
        return permissions
    raise ApiError("general_unknown")


def upsert_rows(call: Call) -> Response:
    table = _table_for_keys(call)
    refuse_relationships(call, table, "upsert")
    writer = writer_of(call, table)
    items = read_objects(call.args["rows"])
    ids = [fresh_id(item.get("$id")) for item in items]
    if len(set(ids)) < len(ids):
        raise ApiError("row_already_exists", id="multiple")
    if staging.is_staged(call):
        staged = [{**item, "$id": row_id} for row_id, item in zip(ids, items, strict=True)]
        return _staged(call, staging.stage_bulk_upsert(call, table, staged))
    rows: list[Row] = []
    for row_id, item in zip(ids, items, strict=True):
        try:
            row = writer.upsert(row_id, item, _unchecked_permissions(item))
        except Duplicate as error:
            raise taken(call, error, row_id) from error
        if row is not None:
            rows.append(row)
    call.events.note(table, "upsert", rows, legacy=True)
    return _echo(call, 200, rows)


def update_rows(call: Call) -> Response:
    data = data_of(call)
    if not data:
        raise ApiError("row_missing_payload")
    table = _table_for_keys(call)
    refuse_relationships(call, table, "update")
    queries = parse.parse_queries(call.args["queries"], call.server.feature_level)
    if staging.is_staged(call):
        return _staged(call, staging.stage_bulk_update(call, table, data))
    if parse.is_rich(queries):
        return _update_found(call, table, queries, data, _given_permissions(data))
    rows, select = _matching(call, table, queries)
    permissions = _given_permissions(data)
    changed = writer_of(call, table).update_many(rows, data, permissions)
    call.events.note(table, "update", changed, legacy=True)
    return _echo(call, 200, [_masked(table, row, select) for row in changed])


def delete_rows(call: Call) -> Response:
    table = _table_for_keys(call)
    refuse_relationships(call, table, "delete")
    queries = parse.parse_queries(call.args["queries"], call.server.feature_level)
    if staging.is_staged(call):
        return _staged(call, staging.stage_bulk_delete(call, table))
    if parse.is_rich(queries):
        return _delete_found(call, table, queries)
    rows, select = _matching(call, table, queries)
    writer_of(call, table).delete(rows)
    call.events.note(table, "delete", rows, legacy=True)
    hidden = () if select is None else [key for key in table.columns if key not in select]
    return _echo(
        call, 200, [{key: value for key, value in row.items() if key not in hidden} for row in rows]
    )


def _update_found(
    call: Call,
    table: Table,
    queries: Sequence[parse.Query],
    data: Mapping[str, Any],
    permissions: Sequence[str] | None,
) -> Response:
    """
    Update the results of queries that may return no rows, and answer with those results.

    An aggregate has no id, so the server's UPDATE matches no row, and its answer shows the
    aggregate as if it were a row (recording ``agg-in-writes``).
    """
    wanted = aggregate_lists.read_for_bulk(call, table, queries)
    found = aggregate_lists.find_bulk(call, wanted)
    writer = writer_of(call, table)
    changed = writer.update_many(found if wanted.gives_rows else [], data, permissions)
    if wanted.gives_rows:
        call.events.note(table, "update", changed, legacy=True)
        return _echo(call, 200, changed)
        # Checks the values like any other update, though no row receives them.
    columns: Row = {
        key: shown(column, normalize(column, data.get(key)))
        for key, column in table.columns.items()
    }
    rest = {
        "$id": None,
        "$sequence": "",
        "$createdAt": "",
        "$updatedAt": now_text(),
        **_place(table),
    }
    return _echo(
        call,
        200,
        [
            {
                **columns,
                **_own_cells(row),
                **{key: columns[key] for key in data if key in columns},
                **rest,
            }
            for row in found
        ],
    )


def _delete_found(call: Call, table: Table, queries: Sequence[parse.Query]) -> Response:
    wanted = aggregate_lists.read_for_bulk(call, table, queries)
    found = aggregate_lists.find_bulk(call, wanted)
    if wanted.gives_rows:
        writer_of(call, table).delete(found)
        call.events.note(table, "delete", found, legacy=True)
    return _echo(call, 200, [{**row, **_place(table)} for row in found])


def _own_cells(row: Row) -> Row:
    return {key: value for key, value in row.items() if not key.startswith("$")}


def _place(table: Table) -> Row:
    return {"$databaseId": table.database.id, "$tableId": table.id}


def _table_for_keys(call: Call) -> Table:
    if not call.identity.is_key:
        # For any other caller the server looks up the database without the right to see it.
        raise ApiError("database_not_found", id=call.args["databaseId"])
    return table_of(call)


def refuse_relationships(call: Call, table: Table, action: str) -> None:
    """
    Reject a bulk call on a table with relationships.

    Raises:
        ApiError: 400 ``general_bad_request``.
    """
    if any(column.type == "relationship" for column in table.columns.values()):
        raise ApiError(
            "general_bad_request",
            message=f"Bulk {action} is not supported for {call.family.service} with relationship {'columns' if action == 'create' and not call.family.names else 'attributes'}",
        )


def _matching(
    call: Call, table: Table, queries: list[parse.Query]
) -> tuple[list[Row], list[str] | None]:
    known = fields.table_fields(table, call.server.engine)
    check.check_queries(queries, known, fulltext_keys(table), SELECTABLE)
    plan = sql.compile_queries(queries, known)
    if plan.cursor is not None:
        # The server takes the id of the cursor for a row and fails.
        raise ApiError("general_unknown")
    rows = store_of(call, table).find(
        plan.where.sql,
        plan.where.params,
        order=sql.order_by(plan),
        limit=plan.limit,
        offset=plan.offset,
    )
    return rows, plan.select


def _masked(table: Table, row: Row, select: list[str] | None) -> Row:
    """Set columns that a select omitted to null, as the server does after an update."""
    if select is None and not table.hidden:
        return row
    return {
        key: value
        if select is None or key not in table.columns or key in select
        else shown(table.columns[key], None)
        for key, value in row.items()
        if key not in table.hidden
    }


def _staged(call: Call, total: int) -> Response:
    return json_response(200, {"total": total, call.family.name("rows"): []})


def _echo(call: Call, status: int, rows: list[Row]) -> Response:
    return json_response(
        status,
        {"total": len(rows), call.family.name("rows"): rows_json(call, rows[:MAX_ECHOED])},
    )


_ROWS = list_of(JsonObject(), None)

ROUTES = [
    Route(
        "POST",
        ROWS_PATH,
        create,
        WRITE,
        (
            *DATABASE_TABLE,
            Param("rowId", CustomId(), ""),
            DATA,
            PERMISSIONS,
            Param("rows", _ROWS, []),
            TRANSACTION,
        ),
    ),
    Route(
        "PUT", ROWS_PATH, upsert_rows, WRITE, (*DATABASE_TABLE, Param("rows", _ROWS), TRANSACTION)
    ),
    Route(
        "PATCH",
        ROWS_PATH,
        update_rows,
        WRITE,
        (*DATABASE_TABLE, DATA, Param("queries", QUERIES, []), TRANSACTION),
    ),
    Route(
        "DELETE",
        ROWS_PATH,
        delete_rows,
        WRITE,
        (*DATABASE_TABLE, Param("queries", QUERIES, []), TRANSACTION),
    ),
]
