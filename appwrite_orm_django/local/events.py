"""
What happened to rows, for whoever listens: webhooks and realtime connections.

Events are collected while a request is served and published when what it wrote is stored. Their names are the server's: each row has 42.
Source: Appwrite's event generator (``src/Appwrite/Event/Event.php``) and observation of a 1.9.6 server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .families import LEGACY, TABLES_DB, Family

if TYPE_CHECKING:
    from .routing import Call
    from .schema import Table

Action = Literal["create", "update", "upsert", "delete"]
MAX_PER_CALL = 100
"""Of a bulk call only the rows that it echoes are told of."""

_WORDS = {TABLES_DB.service: ("tables", "rows"), LEGACY.service: ("collections", "documents")}


@dataclass(frozen=True, slots=True)
class RowEvent:
    """
    One row that was written.

    Attributes:
        payload: the row as its caller's family spells it; of a deleted row the last state.
        readers: the permissions by which realtime connections may be told: the table's, and under row security the row's.
    """

    project: str
    user_id: str
    database_id: str
    table_id: str
    row_id: str
    action: Action
    family: Family
    payload: Mapping[str, Any]
    readers: frozenset[str]

    @property
    def names(self) -> list[str]:
        """All 42 names, the most telling one first."""
        first, second = (LEGACY, TABLES_DB) if self.family.names else (TABLES_DB, LEGACY)
        names = [name for family in (first, second) for name in self._row_names(family)]
        names += [name for family in (first, second) for name in self._table_names(family)]
        return [*names, f"databases.{self.database_id}", "databases.*"]

    def _row_names(self, family: Family) -> Iterator[str]:
        _, rows = _WORDS[family.service]
        for table in self._table_names(family):
            for row in (self.row_id, "*"):
                yield f"{table}.{rows}.{row}.{self.action}"
                yield f"{table}.{rows}.{row}"

    def _table_names(self, family: Family) -> Iterator[str]:
        tables, _ = _WORDS[family.service]
        for database in (self.database_id, "*"):
            for table in (self.table_id, "*"):
                yield f"databases.{database}.{tables}.{table}"

    @property
    def channels(self) -> list[str]:
        """The realtime channels that carry the event."""
        found = ["rows", "documents"]
        for prefix, family in (("databases", TABLES_DB), ("tablesdb", TABLES_DB), ("databases", LEGACY)):
            tables, rows = _WORDS[family.service]
            found.append(f"{prefix}.{self.database_id}.{tables}.{self.table_id}.{rows}")
            found.append(f"{found[-1]}.{self.row_id}")
        return [*found, *(f"{channel}.{self.action}" for channel in found)]


def note(call: Call, table: Table, action: Action, rows: Iterable[Mapping[str, Any]]) -> None:
    """Note rows that a call has written; they are told of once the call has succeeded."""
    hidden = {column.key for column in table.columns.values() if column.type == "relationship"} | set(table.hidden)
    for number, row in enumerate(rows):
        if number >= MAX_PER_CALL:
            return
        if "$id" not in row:
            # An upsert that created nothing.
            continue
        payload = {key: value for key, value in row.items() if key not in hidden}
        if call.family.names:
            payload = {call.family.name(key) if key.startswith("$") else key: value for key, value in payload.items()}
        readers = {*table.permissions, *(row.get("$permissions", ()) if table.row_security else ())}
        call.events.append(
            RowEvent(
                call.identity.project, call.identity.user_id, table.database.id, table.id, str(row["$id"]), action, call.family, payload,
                frozenset(permission[6:-2] for permission in readers if permission.startswith('read("')),
            )
        )  # fmt: skip
