"""Create, change and delete columns, including relationships, asynchronously as on the server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NoReturn

from appwrite_local import delays, faults, relations, row_store
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
from appwrite_local.indexes import (
    check_held_indexes,
    drop_column_from_indexes,
    rename_in_indexes,
    table_of,
)
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.routing import Call, Handler, Param, Route
from appwrite_local.schema import SPATIAL_TYPES, TEXT_TYPES, Column, Table, load_columns
from appwrite_local.storage import Session
from appwrite_local.validators import QUERIES, Boolean, Key, Nullable, OneOf, Uid

READ = ("tables.read", "collections.read", "columns.read", "attributes.read")
WRITE = ("tables.write", "collections.write", "columns.write", "attributes.write")

_RELATION_TYPES = ("oneToOne", "manyToOne", "manyToMany", "oneToMany")
_ON_DELETE = ("cascade", "restrict", "setNull")

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


def reloaded(session: Session, table: Table, key: str) -> Column:
    """Read a column back after a write."""
    return next(column for column in load_columns(session, table.seq) if column.key == key)


def column_of(call: Call, table: Table) -> Column:
    column = table.named_column(call.args["key"])
    if column is None:
        raise ApiError("column_not_found", key=call.args["key"])
    return column


def add_column(session: Session, table: Table, column: Column, *, ready_at: float) -> Column:
    """
    Add a column to a table, and allocate its storage.

    Raises:
        ApiError: 409 ``column_already_exists``; 400 ``column_limit_exceeded``.
    """
    record_column(session, table, column, ready_at=ready_at)
    row_store.add_columns(session, table.seq, [column])
    return column


def record_column(session: Session, table: Table, column: Column, *, ready_at: float) -> None:
    """
    Add a column to a table's description only; its storage is up to the caller.

    Raises:
        ApiError: as ``add_column``.
    """
    if table.find_column(column.key) is not None:
        raise ApiError("column_already_exists", key=column.key)
    refuse_too_wide(session, table, [*table.all_columns, column])
    # A deleted column of the same key may still be waiting for the sweep.
    sweep_columns(session, table.seq)
    now = now_text()
    column.default = normalized_default(column)
    column.seq = session.insert(
        "INSERT INTO _columns (table_seq, key, definition, ready_at, created, updated) VALUES (?, "
        "?, ?, ?, ?, ?)",
        (table.seq, column.key, column.definition(), ready_at, now, now),
    )
    column.created = column.updated = now
    session.touch_schema()


def refuse_spatial(session: Session, kind: str) -> None:
    if kind in SPATIAL_TYPES and not session.engine.has_spatial:
        message = "Spatial columns are not supported by this database."
        raise ApiError("general_feature_unsupported", message=message)


def refuse_too_wide(session: Session, table: Table, columns: list[Column]) -> None:
    if not session.engine.limits_rows:
        return
    if bytes_used(columns) >= ROW_BYTES or len(columns) > MAX_COLUMNS:
        raise ApiError("column_limit_reached", id=table.id)


def sweep_columns(session: Session, table_seq: int) -> None:
    """Remove columns whose deletion has finished."""
    for seq, key, definition, gone_at in session.all(
        "SELECT seq, key, definition, gone_at FROM _columns WHERE table_seq = ? AND gone_at > 0",
        (table_seq,),
    ):
        if not delays.is_ahead(gone_at):
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
        refuse_spatial(call.session, kind.stored)
        table = table_of(call)
        column = make_column(kind, call.args, call.server.engine)
        refuse_default(column)
        faults.apply_to_column(column, call.fate)
        ready_at = delays.moment_after(call.server.column_delay_s + call.fate.delay_s)
        column = add_column(call.session, table, column, ready_at=ready_at)
        column.status = "processing"
        return json_response(202, column_json(column, call.family, encrypt=column.encrypt))

    return create_column


def list_columns(call: Call) -> Response:
    table = table_of(call)
    columns = table.all_columns
    entries = [_entry(column) for column in columns]
    chosen, total = select_entries(
        _LISTING,
        entries,
        call.args["queries"],
        call.args["total"],
        level=call.server.feature_level,
        engine=call.server.engine,
    )
    # The list shows encryption only for the oldest type.
    shown = [
        column_json(
            columns[n],
            call.family,
            encrypt=columns[n].encrypt if columns[n].type == "string" else None,
        )
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
    table = table_of(call)
    column = column_of(call, table)
    if column.type == "relationship":
        delete_relationship(call, table, column)
        return no_content()
    delay_s = call.server.column_delay_s
    indexes = call.server.deletions.indexes(call.session, table.seq, delay_s)
    drop_column_from_indexes(call.session, table.seq, column, indexes)
    if delay_s:
        call.session.execute(
            "UPDATE _columns SET gone_at = ? WHERE seq = ?",
            (delays.moment_after(delay_s), column.seq),
        )
        call.session.touch_schema()
    else:
        remove_column(call.session, table.seq, column)
    return no_content()


def _updater(kind: ColumnType) -> Handler:
    def update_column(call: Call) -> Response:
        refuse_spatial(call.session, kind.stored)
        table = table_of(call)
        column = column_of(call, table)
        if column.status != "available":
            raise ApiError("column_not_available", key=column.key)
        changed = _changed(column, kind, call.args)
        if call.server.engine.limits_rows:
            _refuse_short_size(call.session, table, column, changed)
        new_key = call.args["newKey"]
        if (
            new_key
            and new_key.lower() != column.key.lower()
            and table.find_column(new_key) is not None
        ):
            # The error names the old key.
            raise ApiError(call.server.engine.rename_clash, key=column.key)
        if new_key and new_key != column.key and _breaks(column):
            _break_column(call, column)
        changed.key = new_key or column.key
        if new_key or call.args.get("size"):
            check_held_indexes(call.server.engine, table, changed)
        sweep_columns(call.session, table.seq)  # of a column that had the new key
        call.session.execute(
            "UPDATE _columns SET key = ?, definition = ?, updated = ? WHERE seq = ?",
            (changed.key, changed.definition(), now_text(), column.seq),
        )
        if changed.key != column.key:
            rename_in_indexes(call.session, table.seq, column.key, changed.key)
        call.session.touch_schema()
        return json_response(
            200, column_json(reloaded(call.session, table, changed.key), call.family, kind.segment)
        )

    return update_column


def _breaks(column: Column) -> bool:
    return column.type == "datetime" and column.engine.rename_breaks_dates


def _break_column(call: Call, column: Column) -> NoReturn:
    """
    Rename the database's column alone, as the server does before it fails.

    Raises:
        ApiError: 500 ``general_unknown``, which keeps what was written.
    """
    column.options["lost"] = True
    call.session.execute(
        "UPDATE _columns SET definition = ? WHERE seq = ?", (column.definition(), column.seq)
    )
    call.session.touch_schema()
    error = ApiError("general_unknown")
    error.keeps_writes = True
    raise error


def _changed(column: Column, kind: ColumnType, args: dict[str, Any]) -> Column:
    changed = replace(column, **_definition(column.definition()))
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


# A relationship is two columns at once, one in each table; the far column of a one-way relationship
# is hidden (recording ``rel-columns``).


def create_relationship(call: Call) -> Response:
    """
    Create a relationship.

    The server notices too late that the related table already has the key: the column stays, and
    never becomes available.
    """
    args = call.args
    table = table_of(call)
    related = call.server.schema.table(call.session, table.database.id, args["relatedTableId"])
    if related is None:
        raise ApiError("table_not_found", id=args["relatedTableId"])
    key, back = args["key"] or related.id, args["twoWayKey"] or table.id
    _refuse_existing(table, related, key, back)
    refuse_too_wide(
        call.session,
        table,
        [*table.all_columns, _relation_side(call, table, related, key, back, "parent")],
    )
    ready_at = delays.moment_after(call.server.column_delay_s + call.fate.delay_s)
    parent = _relation_side(call, table, related, key, back, "parent")
    if related.seq == table.seq:
        parent.options["failed"] = (
            "Failed to create relationship indexes: Invalid index attribute "
            f'"{_relation_index_key(parent)}" not found'
        )
        return _created_relationship(
            call, _insert_relationship(call.session, table, parent, delays.NEVER)
        )
    if args["twoWay"] and related.find_column(back) is not None:
        _insert_relationship(call.session, table, parent, delays.NEVER)
        refusal = ApiError("column_already_exists", key=back)
        refusal.keeps_writes = True
        raise refusal
    faults.apply_to_column(parent, call.fate)
    _insert_relationship(call.session, table, parent, ready_at)
    child = _relation_side(call, related, table, back, key, "child")
    child.options["hidden"] = not args["twoWay"]
    child.options["relation"] = parent.options["relation"]
    faults.apply_to_column(child, call.fate)
    _insert_relationship(call.session, related, child, ready_at)
    for owner, column in ((table, parent), (related, child)):
        _make_relation_room(call.session, owner, column)
    if args["type"] == "manyToMany":
        relations.create_pairs(call.session, relations.link_of(parent))
    return _created_relationship(call, parent)


def _refuse_existing(table: Table, related: Table, key: str, back: str) -> None:
    if table.find_column(key) is not None:
        raise ApiError("column_already_exists", key=key)
    for column in table.all_columns:
        options = column.options
        if column.type != "relationship" or options["relatedTable"] != related.id:
            continue
        if options["twoWayKey"].lower() == back.lower():
            raise ApiError("column_already_exists", key=back)


def _relation_side(
    call: Call, table: Table, related: Table, key: str, back: str, side: str
) -> Column:
    args = call.args
    column = Column(0, key, "relationship", engine=table.engine)
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


def _relation_index_key(column: Column) -> str:
    return str(
        column.options["twoWayKey"] if column.options["relationType"] == "oneToMany" else column.key
    )


def _insert_relationship(session: Session, table: Table, column: Column, ready_at: float) -> Column:
    sweep_columns(session, table.seq)
    now = now_text()
    column.seq = session.insert(
        "INSERT INTO _columns (table_seq, key, definition, ready_at, created, updated) VALUES (?, "
        "?, ?, ?, ?, ?)",
        (table.seq, column.key, column.definition(), ready_at, now, now),
    )
    column.options.setdefault("relation", column.seq)
    session.execute(
        "UPDATE _columns SET definition = ? WHERE seq = ?", (column.definition(), column.seq)
    )
    column.created = column.updated = now
    session.touch_schema()
    return column


def _make_relation_room(session: Session, table: Table, column: Column) -> None:
    if column.is_virtual:
        return
    row_store.add_columns(session, table.seq, [column])
    unique = "UNIQUE " if column.options["relationType"] == "oneToOne" else ""
    session.execute(f"CREATE {unique}INDEX {_relation_index(column)} ON {table.sql} ({column.sql})")


def _relation_index(column: Column) -> str:
    return f"relation_{int(column.seq)}"


def _created_relationship(call: Call, column: Column) -> Response:
    column.status = "processing"
    return json_response(202, column_json(column, call.family))


def update_relationship(call: Call) -> Response:
    """Rename a relationship or change ``onDelete``, which is reset to ``restrict`` if omitted."""
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
            if other.type == "relationship"
            and other.options["relation"] == column.options["relation"]
        ]
    return found


def delete_relationship(call: Call, table: Table, column: Column) -> None:
    """
    Delete both sides of a relationship.

    With a delay both show ``deleting`` for that long; their values are gone at once.
    """
    if column.options["relationType"] == "manyToMany":
        relations.drop_pairs(call.session, relations.link_of(column))
    delay_s = call.server.column_delay_s
    for other in _both_sides(call.session, column):
        table_seq = call.session.scalar(
            "SELECT table_seq FROM _columns WHERE seq = ?", (other.seq,)
        )
        call.session.execute(f"DROP INDEX IF EXISTS {_relation_index(other)}")
        if delay_s and not other.is_hidden:
            call.session.execute(
                "UPDATE _columns SET gone_at = ? WHERE seq = ?",
                (delays.moment_after(delay_s), other.seq),
            )
            call.session.touch_schema()
        else:
            remove_column(call.session, table_seq, other)


def forget_relationships(call: Call, table: Table) -> None:
    """Delete all relationships of a table that is about to be deleted, in the other tables too."""
    for column in [*table.all_columns, *table.hidden.values()]:
        if column.type == "relationship":
            delete_relationship(call, table, column)


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
    # Only spatial columns may omit the default.
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


def _optional_key(name: str) -> Param:
    return Param(name, Nullable(Key()), None, nullable=True)


def _on_delete(default: Any) -> Param:
    choice = OneOf(_ON_DELETE)
    return (
        Param("onDelete", choice, "restrict")
        if default
        else Param("onDelete", Nullable(choice), None, nullable=True)
    )


ROUTES = [
    Route(
        "GET", _PATH, list_columns, READ, (*_TABLE, Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False
    ),
    Route("GET", _PATH + "/{key}", get_column, READ, (*_TABLE, _KEY), writes=False),
    Route("DELETE", _PATH + "/{key}", delete_column, WRITE, (*_TABLE, _KEY)),
    *(Route("POST", f"{_PATH}/{kind.segment}", _creator(kind), WRITE, _create_params(kind)) for kind in TYPES),
    *(Route("PATCH", f"{_PATH}/{kind.segment}/{{key}}", _updater(kind), WRITE, _update_params(kind)) for kind in TYPES),
    Route(
        "POST", _PATH + "/relationship", create_relationship, WRITE,
        (
            *_TABLE, Param("relatedTableId", Uid()), Param("type", OneOf(_RELATION_TYPES)), Param("twoWay", Boolean(), False), _optional_key("key"),
            _optional_key("twoWayKey"), _on_delete(default=True),
        ),
    ),
    Route("PATCH", _PATH + "/{key}/relationship", update_relationship, WRITE, (*_TABLE, _KEY, _on_delete(default=False), _optional_key("newKey"))),
]  # fmt: skip
