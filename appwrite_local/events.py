"""
Publish changes of rows, tables and databases to webhooks and realtime connections.

Events are collected while a request is served, and published once its writes are stored. Their
names are the server's: each row has 42 for webhooks. Source: Appwrite's event generator
(``src/Appwrite/Event/Event.php``), the labels of its routes, its ``Transactions/Update.php`` and
observation of a 1.9.6 server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from appwrite_local.families import LEGACY, Family
from appwrite_local.permissions import Identity
from appwrite_local.schema import Table

Action = Literal["create", "update", "upsert", "delete"]
MAX_PER_CALL = 100
"""A bulk call publishes events only for the rows that it echoes."""

_ACTIONS: dict[str, Action] = {
    "POST": "create",
    "PUT": "update",
    "PATCH": "update",
    "DELETE": "delete",
}
_TO_TABLES = {"documents": "rows", "collections": "tables", "attributes": "columns"}
_TO_COLLECTIONS = {"rows": "documents", "tables": "collections", "columns": "attributes"}
_TO_LEGACY = {"tablesdb": "databases", **_TO_COLLECTIONS}
_TO_TABLESDB = {"databases": "tablesdb", **_TO_TABLES}


@dataclass(frozen=True, slots=True)
class Event:
    """
    One change: of a row, a column, an index, a table or a database.

    Attributes:
        place: words and ids, from the database inwards: ``("databases", "d", "tables", "t", "rows",
            "r")``.
        payload: a row in the words of its caller's family; after a deletion the last state.
        database_type: the database's own ``type``; realtime names rows' events by it.
        readers: the roles of which a realtime connection needs one. Changes of anything but rows
            reach only Appwrite's console.
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
        """All names that webhooks can select, in the order of a delivery."""
        return _names(self.place, self.action)

    @property
    def realtime_names(self) -> list[str]:
        """All names that realtime sends; those of the database's own kind come first."""
        if self.database_type == "legacy":
            return self.names
        return _names(tuple(_replaced(self.place, _TO_TABLESDB)), self.action)

    @property
    def channels(self) -> list[str]:
        """The realtime channels that carry the event; none for anything but rows."""
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
    """
    Return which ids are wildcards, and whether the action follows, for each name.

    The names are those of an object at this depth, in the server's order.
    """
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
                    yield from (
                        frozenset({inner}),
                        frozenset({inner, current}),
                        frozenset({current}),
                    )


def _mirrored(names: Sequence[str]) -> Iterator[str]:
    """Yield each name, followed by the same name in the other family's words."""
    first = names[0]
    is_mirrored = "tablesdb." in first or "collections" in first or "tables" in first
    for name in names:
        yield name
        if not is_mirrored:
            continue
        # Whole segments are replaced, so an id that equals such a word is replaced as well.
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


@dataclass(slots=True)
class EventLog:
    """The events of one request, published once its writes are stored."""

    identity: Identity
    family: Family
    written: list[Event] = field(default_factory=list)

    def clear(self) -> None:
        self.written.clear()

    def note(
        self,
        table: Table,
        action: Action,
        rows: Iterable[Mapping[str, Any]],
        *,
        legacy: bool = False,
    ) -> None:
        """
        Record rows that a call has written; their events are published if the call succeeds.

        Args:
            legacy: whether the first name uses the legacy family's words, whichever family the call
                is in. This is so for created rows and for bulk calls.
        """
        for number, row in enumerate(rows):
            if number >= MAX_PER_CALL:
                return
            if "$id" not in row:
                # An upsert that created nothing.
                continue
            payload = _visible(table, row)
            if self.family.names:
                payload = {
                    self.family.name(key) if key.startswith("$") else key: value
                    for key, value in payload.items()
                }
            self._note_row(table, action, row, payload, LEGACY if legacy else self.family)

    def note_committed(self, table: Table, action: Action, row: Mapping[str, Any]) -> None:
        """
        Record a row that a commit has written.

        Its payload names the table in both families' words, and no database.
        """
        payload = {
            key: value for key, value in _visible(table, row).items() if key != "$databaseId"
        }
        self._note_row(
            table,
            action,
            row,
            {**payload, "$tableId": table.id, "$collectionId": table.id},
            self.family,
        )

    def _note_row(
        self,
        table: Table,
        action: Action,
        row: Mapping[str, Any],
        payload: Mapping[str, Any],
        family: Family,
    ) -> None:
        tables, rows = (family.segments.get(word, word) for word in ("tables", "rows"))
        readers = {*table.permissions, *(row.get("$permissions", ()) if table.row_security else ())}
        self._add(
            ("databases", table.database.id, tables, table.id, rows, str(row["$id"])), action, payload, table.database.type,
            frozenset(permission[6:-2] for permission in readers if permission.startswith('read("')),
        )  # fmt: skip

    def note_schema(
        self,
        method: str,
        segments: Sequence[str],
        database_id: str,
        table: Table | None,
        shown: Mapping[str, Any],
    ) -> None:
        """
        Record a route's change of a database or of its schema.

        Args:
            segments: the segments of the route's path.
            table: the table of the column or index.
            shown: the response; after a deletion, the state before it.
        """
        tables = self.family.segments.get("tables", "tables")
        words = [
            segment
            for segment in segments[1:]
            if segment in ("tables", "collections", "columns", "attributes", "indexes")
        ]
        action = _ACTIONS[method]
        if not words:
            place: tuple[str, ...] = ("databases", shown["$id"])
        elif table is None:
            place = ("databases", database_id, tables, shown["$id"])
        else:
            key = f"{table.database.seq}_{table.seq}_{shown['key']}"
            place = ("databases", database_id, tables, table.id, words[-1], key)
            # The label of the route calls a deletion an update.
            action = "update" if action == "delete" else action
        self._add(place, action, shown)

    def _add(
        self,
        place: tuple[str, ...],
        action: Action,
        payload: Mapping[str, Any],
        database_type: str = "legacy",
        readers: frozenset[str] = frozenset(),
    ) -> None:
        caller = self.identity
        self.written.append(
            Event(caller.project, caller.user_id, place, action, payload, database_type, readers)
        )


def _visible(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {
        column.key for column in table.columns.values() if column.type == "relationship"
    } | set(table.hidden)
    return {key: value for key, value in row.items() if key not in hidden}
