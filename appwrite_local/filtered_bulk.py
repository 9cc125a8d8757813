"""
Bulk updates and deletes with queries that give no rows: they change nothing, and answer with what they found.

An aggregate has no id, so the server's UPDATE meets no row; its answer shows the aggregate as if it were one (recording ``agg-in-writes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appwrite_local import events
from appwrite_local.aggregate_lists import find_bulk, read_for_bulk
from appwrite_local.datetimes import now_text
from appwrite_local.messages import Response, json_response
from appwrite_local.queries.parse import Query
from appwrite_local.routing import Call
from appwrite_local.rows import row_json, writer_of
from appwrite_local.schema import Table
from appwrite_local.values import Row, normalize, shown

MAX_ECHOED = 100


def update_rich(
    call: Call, table: Table, queries: Sequence[Query], data: Mapping[str, Any], permissions: Sequence[str] | None
) -> Response:
    wanted = read_for_bulk(call, table, queries)
    found = find_bulk(call, wanted)
    writer = writer_of(call, table)
    changed = writer.update_many(found if wanted.gives_rows else [], data, permissions)
    if wanted.gives_rows:
        events.note(call, table, "update", changed, legacy=True)
        return _echo(call, changed)
    # Checks the values like any other update, though there is no row to give them to.
    columns: Row = {key: shown(column, normalize(column, data.get(key))) for key, column in table.columns.items()}
    rest = {"$id": None, "$sequence": "", "$createdAt": "", "$updatedAt": now_text(), **_place(table)}
    return _echo(
        call,
        [
            {**columns, **_own_cells(row), **{key: columns[key] for key in data if key in columns}, **rest}
            for row in found
        ],
    )


def delete_rich(call: Call, table: Table, queries: Sequence[Query]) -> Response:
    wanted = read_for_bulk(call, table, queries)
    found = find_bulk(call, wanted)
    if wanted.gives_rows:
        writer_of(call, table).delete(found)
        events.note(call, table, "delete", found, legacy=True)
    return _echo(call, [{**row, **_place(table)} for row in found])


def _own_cells(row: Row) -> Row:
    return {key: value for key, value in row.items() if not key.startswith("$")}


def _place(table: Table) -> Row:
    return {"$databaseId": table.database.id, "$tableId": table.id}


def _echo(call: Call, rows: Sequence[Row]) -> Response:
    return json_response(
        200, {"total": len(rows), call.family.name("rows"): [row_json(call, row) for row in rows[:MAX_ECHOED]]}
    )
