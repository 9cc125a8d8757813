"""
Relationship columns: two of them at once, one in each table, the far one hidden when the relationship is one-way.

Source: recording ``rel-columns``.
"""

from __future__ import annotations

import time
from typing import Any

from appwrite_local import faults, relations, row_store
from appwrite_local.column_types import column_json
from appwrite_local.columns import WRITE, column_of, refuse_too_wide, reloaded, remove_column, sweep_columns, table_of
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.messages import Response, json_response
from appwrite_local.routing import Call, Param, Route
from appwrite_local.schema import Column, Table, load_columns
from appwrite_local.storage import Session
from appwrite_local.validators import Boolean, Key, Nullable, OneOf, Uid

_TYPES = ("oneToOne", "manyToOne", "manyToMany", "oneToMany")
_ON_DELETE = ("cascade", "restrict", "setNull")


def create_relationship(call: Call) -> Response:
    """
    Create a relationship.

    A key that the related table has already is found out too late: the column stays, and is never available.
    """
    args = call.args
    table = table_of(call)
    related = call.server.schema.table(call.session, table.database.id, args["relatedTableId"])
    if related is None:
        raise ApiError("table_not_found", id=args["relatedTableId"])
    key, back = args["key"] or related.id, args["twoWayKey"] or table.id
    _refuse_existing(table, related, key, back)
    refuse_too_wide(table, [*table.all_columns, _side(call, table, related, key, back, "parent")])
    ready_at = time.time() + call.server.column_delay_s + call.fate.delay_s
    parent = _side(call, table, related, key, back, "parent")
    if related.seq == table.seq:
        parent.options["failed"] = (
            f'Failed to create relationship indexes: Invalid index attribute "{_index_key(parent)}" not found'
        )
        return _created(call, _insert(call.session, table, parent, faults.NEVER))
    if args["twoWay"] and related.find_column(back) is not None:
        _insert(call.session, table, parent, faults.NEVER)
        refusal = ApiError("column_already_exists", key=back)
        refusal.keeps_writes = True
        raise refusal
    faults.apply_to_column(parent, call.fate)
    _insert(call.session, table, parent, ready_at)
    child = _side(call, related, table, back, key, "child")
    child.options["hidden"] = not args["twoWay"]
    child.options["relation"] = parent.options["relation"]
    faults.apply_to_column(child, call.fate)
    _insert(call.session, related, child, ready_at)
    for owner, column in ((table, parent), (related, child)):
        _make_room(call.session, owner, column)
    if args["type"] == "manyToMany":
        relations.create_pairs(call.session, relations.link_of(parent))
    return _created(call, parent)


def _refuse_existing(table: Table, related: Table, key: str, back: str) -> None:
    if table.find_column(key) is not None:
        raise ApiError("column_already_exists", key=key)
    for column in table.all_columns:
        options = column.options
        if column.type != "relationship" or options["relatedTable"] != related.id:
            continue
        if options["twoWayKey"].lower() == back.lower():
            raise ApiError("column_already_exists", key=back)


def _side(call: Call, table: Table, related: Table, key: str, back: str, side: str) -> Column:
    args = call.args
    column = Column(0, key, "relationship")
    column.options = {
        "relatedTable": related.id, "relationType": args["type"], "twoWay": args["twoWay"], "twoWayKey": back,
        "onDelete": args["onDelete"], "side": side, "holdsKey": relations.holds_key(args["type"], side, two_way=args["twoWay"]),
    }  # fmt: skip
    if args["type"] == "manyToMany" and side == "parent":
        for other in table.all_columns:
            if (
                other.type == "relationship"
                and other.options["relationType"] == "manyToMany"
                and other.options["relatedTable"] == related.id
            ):
                raise ApiError("relationship_exists")
    return column


def _index_key(column: Column) -> str:
    return str(column.options["twoWayKey"] if column.options["relationType"] == "oneToMany" else column.key)


def _insert(session: Session, table: Table, column: Column, ready_at: float) -> Column:
    sweep_columns(session, table.seq)
    now = now_text()
    column.seq = session.insert(
        "INSERT INTO _columns (table_seq, key, definition, ready_at, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (table.seq, column.key, column.definition(), ready_at, now, now),
    )
    column.options.setdefault("relation", column.seq)
    session.execute("UPDATE _columns SET definition = ? WHERE seq = ?", (column.definition(), column.seq))
    column.created = column.updated = now
    session.touch_schema()
    return column


def _make_room(session: Session, table: Table, column: Column) -> None:
    if column.is_virtual:
        return
    row_store.add_column(session, table.seq, column)
    unique = "UNIQUE " if column.options["relationType"] == "oneToOne" else ""
    session.execute(f"CREATE {unique}INDEX {_index(column)} ON {table.sql} ({column.sql})")


def _index(column: Column) -> str:
    return f"relation_{int(column.seq)}"


def _created(call: Call, column: Column) -> Response:
    column.status = "processing"
    return json_response(202, column_json(column, call.family))


def update_relationship(call: Call) -> Response:
    """Rename a relationship or change what deletions do; what is left out is reset to ``restrict``."""
    table = table_of(call)
    column = column_of(call, table)
    if column.type != "relationship":
        raise ApiError("general_unknown")
    if column.status != "available":
        raise ApiError("column_not_available", key=column.key)
    new_key = call.args["newKey"] or column.key
    if new_key.lower() != column.key.lower() and table.find_column(new_key) is not None:
        raise ApiError("column_already_exists", key=new_key)
    on_delete = call.args["onDelete"] or "restrict"
    for other in _both_sides(call.session, column):
        is_this = other.seq == column.seq
        other.key = new_key if is_this else other.key
        other.options["onDelete"] = on_delete
        if not is_this:
            other.options["twoWayKey"] = new_key
        call.session.execute(
            "UPDATE _columns SET key = ?, definition = ?, updated = ? WHERE seq = ?",
            (other.key, other.definition(), now_text(), other.seq),
        )
    call.session.touch_schema()
    return json_response(200, column_json(reloaded(call.session, table, new_key), call.family))


def _both_sides(session: Session, column: Column) -> list[Column]:
    """Find both columns of a relationship, whichever tables they are in."""
    found: list[Column] = []
    for (table_seq,) in session.all("SELECT DISTINCT table_seq FROM _columns"):
        found += [
            other
            for other in load_columns(session, table_seq)
            if other.type == "relationship" and other.options["relation"] == column.options["relation"]
        ]
    return found


def delete_relationship(call: Call, table: Table, column: Column) -> None:
    """Delete both sides of a relationship. With a delay both read ``deleting`` for so long; their values are gone at once."""
    if column.options["relationType"] == "manyToMany":
        relations.drop_pairs(call.session, relations.link_of(column))
    delay_s = call.server.column_delay_s
    for other in _both_sides(call.session, column):
        table_seq = call.session.scalar("SELECT table_seq FROM _columns WHERE seq = ?", (other.seq,))
        call.session.execute(f"DROP INDEX IF EXISTS {_index(other)}")
        if delay_s and not other.is_hidden:
            call.session.execute("UPDATE _columns SET gone_at = ? WHERE seq = ?", (time.time() + delay_s, other.seq))
            call.session.touch_schema()
        else:
            remove_column(call.session, table_seq, other)


def forget_relationships(call: Call, table: Table) -> None:
    """Delete all relationships of a table that is about to go, from the other tables too."""
    for column in [*table.all_columns, *table.hidden.values()]:
        if column.type == "relationship":
            delete_relationship(call, table, column)


_TABLE = (Param("databaseId", Uid()), Param("tableId", Uid()))
_PATH = "/tablesdb/{databaseId}/tables/{tableId}/columns"


def _key(name: str) -> Param:
    return Param(name, Nullable(Key()), None, nullable=True)


def _on_delete(default: Any) -> Param:
    choice = OneOf(_ON_DELETE)
    return (
        Param("onDelete", choice, "restrict") if default else Param("onDelete", Nullable(choice), None, nullable=True)
    )


ROUTES = [
    Route(
        "POST", _PATH + "/relationship", create_relationship, WRITE,
        (
            *_TABLE, Param("relatedTableId", Uid()), Param("type", OneOf(_TYPES)), Param("twoWay", Boolean(), False), _key("key"),
            _key("twoWayKey"), _on_delete(default=True),
        ),
    ),
    Route("PATCH", _PATH + "/{key}/relationship", update_relationship, WRITE, (*_TABLE, Param("key", Key()), _on_delete(default=False), _key("newKey"))),
]  # fmt: skip
