"""Create, list, change and delete tables, with or without columns and indexes inline."""

from __future__ import annotations

import json
from typing import Any

from appwrite_local import columns, databases, identifiers, row_store
from appwrite_local.column_types import ROW_BYTES, bytes_used, column_json
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.indexes import index_json
from appwrite_local.inline_schema import add_inline_schema
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.permissions import TABLE_ACTIONS, Permissions, expand
from appwrite_local.queries.fields import Kind
from appwrite_local.routing import Call, Param, Route
from appwrite_local.schema import Table, load_table, require_database, require_table
from appwrite_local.validators import (
    QUERIES,
    Boolean,
    CustomId,
    JsonObject,
    Nullable,
    Uid,
    list_of,
    truthy,
)

READ = ("tables.read", "collections.read")
WRITE = ("tables.write", "collections.write")


def table_json(table: Table, call: Call) -> dict[str, Any]:
    family = call.family
    columns = family.name("columns")
    return {
        "$id": table.id, "$createdAt": table.created, "$updatedAt": table.updated, "$permissions": table.permissions,
        "databaseId": table.database.id, "name": table.name, "enabled": table.enabled, family.name("rowSecurity"): table.row_security,
        columns: [column_json(column, family, encrypt=column.encrypt) for column in table.all_columns],
        "indexes": [index_json(table, index, columns) for index in table.all_indexes],
        "bytesMax": 0 if call.server.engine.name == "mongodb" else ROW_BYTES, "bytesUsed": bytes_used(table.all_columns),
    }  # fmt: skip


def create_table(call: Call) -> Response:
    """
    Create a table.

    On 1.9 the answer shows it without the columns that were sent; the next read has them
    (recordings ``tables-inline-schema``, ``base-inline``).
    """
    args, session = call.args, call.session
    database = require_database(session, args["databaseId"])
    table_id = identifiers.chosen(args["tableId"])
    if load_table(session, database, table_id) is not None:
        raise ApiError("table_already_exists", id=table_id)
    now = now_text()
    permissions = expand(args["permissions"] or [], TABLE_ACTIONS)
    table_seq = session.insert(
        "INSERT INTO _tables (database_seq, id, name, enabled, row_security, permissions, created, "
        "updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            database.seq,
            table_id,
            args["name"],
            args["enabled"],
            truthy(args["rowSecurity"]),
            json.dumps(permissions),
            now,
            now,
        ),
    )
    row_store.create_storage(session, table_seq)
    session.touch_schema()
    table = require_table(call.server.schema, session, database.id, table_id)
    shown = table_json(table, call)
    add_inline_schema(session, table, args["columns"], args["indexes"], call.server.feature_level)
    if call.server.feature_level == "2.x":
        shown = table_json(_table_of(call, table_id), call)
    return json_response(201, shown)


def list_tables(call: Call) -> Response:
    database = require_database(call.session, call.args["databaseId"])
    tables = []
    for (table_id,) in call.session.all(
        "SELECT id FROM _tables WHERE database_seq = ? ORDER BY seq", (database.seq,)
    ):
        table = call.server.schema.table(call.session, database.id, table_id)
        if table is not None:
            tables.append(table)
    search = call.args["search"].lower()
    tables = [
        table for table in tables if search in table.id.lower() or search in table.name.lower()
    ]
    # TablesDB looks for the column under the other family's name and never finds it.
    kinds: dict[str, Kind] = {"name": "text", "enabled": "boolean"}
    if call.family.names:
        kinds["documentSecurity"] = "boolean"
    listing = Listing(call.family.words["Table"], kinds)
    entries = [
        {
            "$id": table.id, "$createdAt": table.created, "$updatedAt": table.updated, "name": table.name, "enabled": table.enabled,
            "documentSecurity": table.row_security,
        }
        for table in tables
    ]  # fmt: skip
    level = call.server.feature_level
    chosen, total = select_entries(
        listing, entries, call.args["queries"], call.args["total"], level=level
    )
    shown = [table_json(tables[position], call) for position in chosen]
    return json_response(200, {"total": total, call.family.name("tables"): shown})


def get_table(call: Call) -> Response:
    return json_response(200, table_json(_table_of(call), call))


def _table_of(call: Call, table_id: str | None = None) -> Table:
    return require_table(
        call.server.schema, call.session, call.args["databaseId"], table_id or call.args["tableId"]
    )


def update_table(call: Call) -> Response:
    """
    Change a table.

    Omitted parameters are reset, except the name and the permissions (recording
    ``tables-put-resets``).
    """
    args = call.args
    table = _table_of(call)
    permissions = (
        table.permissions
        if args["permissions"] is None
        else expand(args["permissions"], TABLE_ACTIONS)
    )
    call.session.execute(
        "UPDATE _tables SET name = ?, enabled = ?, row_security = ?, permissions = ?, updated = ? "
        "WHERE seq = ?",
        (
            args["name"] or table.name,
            args["enabled"],
            truthy(args["rowSecurity"]),
            json.dumps(permissions),
            now_text(),
            table.seq,
        ),
    )
    call.session.touch_schema()
    if truthy(args["purge"]):
        call.server.lists.purge(table.seq)
    return json_response(200, table_json(_table_of(call), call))


def delete_table(call: Call) -> Response:
    table = _table_of(call)
    columns.forget_relationships(call, table)
    databases.forget_table(call.session, table.seq)
    call.session.touch_schema()
    return no_content()


_DATABASE = Param("databaseId", Uid())
_TABLE = Param("tableId", Uid())
_PERMISSIONS = Param("permissions", Nullable(Permissions(TABLE_ACTIONS)), None, nullable=True)
_OBJECTS = list_of(JsonObject(), None)
_PATH = "/tablesdb/{databaseId}/tables"

ROUTES = [
    Route(
        "POST", _PATH, create_table, WRITE,
        (
            _DATABASE, Param("tableId", CustomId()), Param("name", databases.NAME), _PERMISSIONS, Param("rowSecurity", Boolean(loose=True), False),
            Param("enabled", Boolean(), True), Param("columns", _OBJECTS, []), Param("indexes", _OBJECTS, []),
        ),
    ),
    Route(
        "GET", _PATH, list_tables, READ,
        (_DATABASE, Param("queries", QUERIES, []), Param("search", databases.SEARCH, ""), Param("total", Boolean(loose=True), True)),
        writes=False,
    ),
    Route("GET", _PATH + "/{tableId}", get_table, READ, (_DATABASE, _TABLE), writes=False),
    Route(
        "PUT", _PATH + "/{tableId}", update_table, WRITE,
        (
            _DATABASE, _TABLE, Param("name", databases.NAME, None, nullable=True), _PERMISSIONS, Param("rowSecurity", Boolean(loose=True), False),
            Param("enabled", Boolean(), True), Param("purge", Boolean(loose=True), False),
        ),
    ),
    Route("DELETE", _PATH + "/{tableId}", delete_table, WRITE, (_DATABASE, _TABLE)),
]  # fmt: skip
