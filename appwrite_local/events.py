"""
What happened to rows, tables and databases, for whoever listens: webhooks and realtime connections.

Events are collected while a request is served and published when what it wrote is stored. Their names are the server's: each row has 42
for webhooks. Source: Appwrite's event generator (``src/Appwrite/Event/Event.php``), the labels of its routes, its ``Transactions/Update.php``
and observation of a 1.9.6 server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from appwrite_local.families import LEGACY, Family

if TYPE_CHECKING:
    from appwrite_local.messages import Response
    from appwrite_local.routing import Call, Route
    from appwrite_local.schema import Table

Action = Literal["create", "update", "upsert", "delete"]
MAX_PER_CALL = 100
"""Of a bulk call only the rows that it echoes are told of."""

_TO_TABLES = {"documents": "rows", "collections": "tables", "attributes": "columns"}
_TO_COLLECTIONS = {"rows": "documents", "tables": "collections", "columns": "attributes"}
_TO_LEGACY = {"tablesdb": "databases", **_TO_COLLECTIONS}
_TO_TABLESDB = {"databases": "tablesdb", **_TO_TABLES}


@dataclass(frozen=True, slots=True)
class Event:
    """
    One thing that was written: a row, a column, an index, a table or a database.

    Attributes:
        place: words and ids, from the database inwards: ``("databases", "d", "tables", "t", "rows", "r")``.
        payload: of a row as its caller's family spells it; of what was deleted the last state.
        database_type: as the database's own ``type``; realtime names rows' events by it.
        readers: the roles that realtime connections need one of. Of what is no row nobody is told but Appwrite's console.
    """

    project: str
    user_id: str
    place: tuple[str, ...]
    action: Action
    payload: Mapping[str, Any]
    database_type: str = "legacy"
    readers: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """All names by which webhooks choose, as a delivery lists them."""
        return _names(self.place, self.action)

    @property
    def realtime_names(self) -> list[str]:
        """All names by which realtime tells of it: those of its database's own kind come first."""
        if self.database_type == "legacy":
            return self.names
        return _names(tuple(_replaced(self.place, _TO_TABLESDB)), self.action)

    @property
    def channels(self) -> list[str]:
        """The realtime channels that carry the event; none for what is no row."""
        if len(self.place) < 6 or self.place[4] not in ("rows", "documents"):
            return []
        _, database, _, table, _, row = self.place
        found = ["documents", "rows"]
        for prefix, tables, rows in (
            ("databases", "collections", "documents"), ("databases", "tables", "rows"), ("tablesdb", "tables", "rows"),
        ):  # fmt: skip
            found.append(f"{prefix}.{database}.{tables}.{table}.{rows}")
            found.append(f"{found[-1]}.{row}")
        return [*found, *(f"{channel}.{self.action}" for channel in found)]


def _names(place: tuple[str, ...], action: str) -> list[str]:
    words, ids = place[::2], place[1::2]
    names = [
        ".".join(part for word, id_, is_wild in zip(words, ids, wild, strict=False) for part in (word, "*" if is_wild else id_))
        + (f".{action}" if with_action else "")
        for wild, with_action in _patterns(len(words))
    ]  # fmt: skip
    return list(dict.fromkeys(_mirrored(names)))


@lru_cache
def _patterns(depth: int) -> list[tuple[tuple[bool, ...], bool]]:
    """Return which ids are wildcards, and whether the action follows, in each name of something so deep, in the server's order."""
    shapes = [(depth, True), *((levels, False) for levels in range(depth, 0, -1))]
    found = [
        (tuple(level in wild for level in range(levels)), with_action)
        for levels, with_action in shapes
        for wild in _wildcards(depth)
    ]
    return list(dict.fromkeys(found))


def _wildcards(depth: int) -> Iterator[frozenset[int]]:
    keys = range(depth)
    yield frozenset()
    yield frozenset(keys)
    for key in keys:
        for current in keys:
            if depth < 3:
                if current != key:
                    yield frozenset({current})
                continue
            for inner in keys:
                if inner not in (current, key):
                    yield from (frozenset({inner}), frozenset({inner, current}), frozenset({current}))


def _mirrored(names: Sequence[str]) -> Iterator[str]:
    """Yield each name, and behind it the same in the other family's words."""
    first = names[0]
    is_mirrored = "tablesdb." in first or "collections" in first or "tables" in first
    for name in names:
        yield name
        if not is_mirrored:
            continue
        # Whole segments are replaced, so that an id that is such a word is replaced as well.
        if "tablesdb" in name:
            legacy = ".".join(_replaced(name.split("."), _TO_LEGACY))
            yield legacy
            yield ".".join(_replaced(legacy.split("."), _TO_TABLES))
        elif "collections" in name:
            yield ".".join(_replaced(name.split("."), _TO_TABLES))
        elif "tables" in name:
            yield ".".join(_replaced(name.split("."), _TO_COLLECTIONS))


def _replaced(parts: Sequence[str], words: Mapping[str, str]) -> list[str]:
    return [words.get(part, part) for part in parts]


def note(call: Call, table: Table, action: Action, rows: Iterable[Mapping[str, Any]], *, legacy: bool = False) -> None:
    """
    Note rows that a call has written; they are told of once the call has succeeded.

    Args:
        legacy: the first name is in the legacy family's words, whichever the call's is: so for what is created, and for bulk calls.
    """
    for number, row in enumerate(rows):
        if number >= MAX_PER_CALL:
            return
        if "$id" not in row:
            # An upsert that created nothing.
            continue
        payload = _visible(table, row)
        if call.family.names:
            payload = {call.family.name(key) if key.startswith("$") else key: value for key, value in payload.items()}
        _note_row(call, table, action, row, payload, LEGACY if legacy else call.family)


def note_committed(call: Call, table: Table, action: Action, row: Mapping[str, Any]) -> None:
    """Note a row that a commit has written. Its payload names the table in both families' words, and no database."""
    payload = {key: value for key, value in _visible(table, row).items() if key != "$databaseId"}
    _note_row(call, table, action, row, {**payload, "$tableId": table.id, "$collectionId": table.id}, call.family)


def _visible(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {column.key for column in table.columns.values() if column.type == "relationship"} | set(table.hidden)
    return {key: value for key, value in row.items() if key not in hidden}


def _note_row(
    call: Call, table: Table, action: Action, row: Mapping[str, Any], payload: Mapping[str, Any], family: Family
) -> None:
    tables, rows = (family.segments.get(word, word) for word in ("tables", "rows"))
    readers = {*table.permissions, *(row.get("$permissions", ()) if table.row_security else ())}
    call.events.append(
        Event(
            call.identity.project, call.identity.user_id, ("databases", table.database.id, tables, table.id, rows, str(row["$id"])),
            action, payload, table.database.type,
            frozenset(permission[6:-2] for permission in readers if permission.startswith('read("')),
        )
    )  # fmt: skip


# Databases, tables, columns and indexes


_ACTIONS: dict[str, Action] = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


def is_of_schema(route: Route) -> bool:
    """Tell whether a route writes a database, a table, a column or an index."""
    words = [segment for segment in route.segments[1:] if not segment.startswith("{")]
    service = route.segments[0] in ("tablesdb", "databases")
    return route.writes and service and not {"transactions", "rows", "documents"}.intersection(words)


def note_schema(call: Call, route: Route, table: Table | None, answer: Response, before: Response | None) -> None:
    """
    Note what a route has done to a database or to what is in it.

    Args:
        table: that of the column or index.
        before: what there was to be read before it was deleted.
    """
    shown = json.loads((before or answer).body)
    tables = call.family.segments.get("tables", "tables")
    words = [
        segment
        for segment in route.segments[1:]
        if segment in ("tables", "collections", "columns", "attributes", "indexes")
    ]
    action = _ACTIONS[route.method]
    if not words:
        place: tuple[str, ...] = ("databases", shown["$id"])
    elif table is None:
        place = ("databases", call.args["databaseId"], tables, shown["$id"])
    else:
        key = f"{table.database.seq}_{table.seq}_{shown['key']}"
        place = ("databases", call.args["databaseId"], tables, table.id, words[-1], key)
        # By the label of the route, deleting one is an update.
        action = "update" if action == "delete" else action
    call.events.append(Event(call.identity.project, call.identity.user_id, place, action, shown))
