"""Create, list, change and delete databases."""

from __future__ import annotations

import json
from typing import Any

from appwrite_local import identifiers, row_store, schema
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.routing import Call, Param, Route
from appwrite_local.schema import Database, find_database, require_database
from appwrite_local.storage import Session
from appwrite_local.validators import QUERIES, Boolean, CustomId, Text, Uid

READ = ("databases.read",)
WRITE = ("databases.write",)
NAME = Text(128)
SEARCH = Text(256)

_LISTING = Listing("Database", {"name": "text"})


def database_json(database: Database, call: Call) -> dict[str, Any]:
    shown = {
        "$id": database.id, "name": database.name, "$createdAt": database.created, "$updatedAt": database.updated,
        "enabled": database.enabled, "type": database.type,
    }  # fmt: skip
    return {**shown, "status": "ready"} if call.server.feature_level == "2.x" else shown


def create_database(call: Call) -> Response:
    args, session = call.args, call.session
    database_id = identifiers.chosen(args["databaseId"])
    if find_database(session, database_id) is not None:
        raise ApiError("database_already_exists", id=database_id)
    now = now_text()
    family = "legacy" if call.family.names else "tablesdb"
    session.execute(
        "INSERT INTO _databases (id, name, enabled, type, created, updated) VALUES (?, ?, ?, ?, ?, "
        "?)",
        (database_id, args["name"], args["enabled"], family, now, now),
    )
    return json_response(201, database_json(require_database(session, database_id), call))


def list_databases(call: Call) -> Response:
    databases = schema.list_databases(call.session)
    search = call.args["search"].lower()
    entries = [
        database_json(database, call)
        for database in databases
        if search in database.id.lower() or search in database.name.lower()
    ]
    level = call.server.feature_level
    chosen, total = select_entries(
        _LISTING,
        entries,
        call.args["queries"],
        call.args["total"],
        level=level,
        engine=call.server.engine,
    )
    return json_response(
        200, {"total": total, "databases": [entries[position] for position in chosen]}
    )


def get_database(call: Call) -> Response:
    return json_response(
        200, database_json(require_database(call.session, call.args["databaseId"]), call)
    )


def update_database(call: Call) -> Response:
    """Rename, enable or disable a database; ``enabled`` is true if omitted."""
    database = require_database(call.session, call.args["databaseId"])
    name = call.args["name"] or database.name
    call.session.execute(
        "UPDATE _databases SET name = ?, enabled = ?, updated = ? WHERE seq = ?",
        (name, call.args["enabled"], now_text(), database.seq),
    )
    call.session.touch_schema()
    return json_response(200, database_json(require_database(call.session, database.id), call))


def delete_database(call: Call) -> Response:
    database = require_database(call.session, call.args["databaseId"])
    for (table_seq,) in call.session.all(
        "SELECT seq FROM _tables WHERE database_seq = ?", (database.seq,)
    ):
        forget_table(call.session, table_seq)
    call.session.execute("DELETE FROM _databases WHERE seq = ?", (database.seq,))
    call.session.touch_schema()
    return no_content()


def forget_table(session: Session, table_seq: int) -> None:
    """Delete a table with its rows and everything that refers to it."""
    row_store.drop_storage(session, table_seq)
    for (definition,) in session.all(
        "SELECT definition FROM _columns WHERE table_seq = ?", (table_seq,)
    ):
        options = json.loads(definition)["options"]
        if options.get("relationType") == "manyToMany":
            session.execute(f"DROP TABLE IF EXISTS pairs_{int(options['relation'])}")
    session.execute("DELETE FROM _columns WHERE table_seq = ?", (table_seq,))
    session.execute("DELETE FROM _indexes WHERE table_seq = ?", (table_seq,))
    session.execute("DELETE FROM _tables WHERE seq = ?", (table_seq,))


_ID = Param("databaseId", Uid())

ROUTES = [
    Route(
        "POST", "/tablesdb", create_database, WRITE,
        (Param("databaseId", CustomId()), Param("name", NAME), Param("enabled", Boolean(), True)),
    ),
    Route(
        "GET", "/tablesdb", list_databases, READ,
        (Param("queries", QUERIES, []), Param("search", SEARCH, ""), Param("total", Boolean(loose=True), True)),
        writes=False,
    ),
    Route("GET", "/tablesdb/{databaseId}", get_database, READ, (_ID,), writes=False),
    Route("PUT", "/tablesdb/{databaseId}", update_database, WRITE, (_ID, Param("name", NAME, None, nullable=True), Param("enabled", Boolean(), True))),
    Route("DELETE", "/tablesdb/{databaseId}", delete_database, WRITE, (_ID,)),
]  # fmt: skip
