"""
Tell which rows of one database an event of Appwrite may have changed.

An event has a list of names and a payload. The payload of a row names its table, and outside of transactions its database; events of a
commit carry ``$id``, ``$tableId`` and ``$collectionId`` alone, so that the database is known from the names only. Source:
``src/Appwrite/Event/Event.php`` and ``Transactions/Update.php`` of 1.9.6, and observation of 1.9.6 and the 2.x preview.

Ids may contain dots, so names are matched against known ids and not split.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

#: As Appwrite's events name them, and as ``rows_changed`` does.
ACTIONS = {"create": "create", "update": "update", "delete": "delete", "upsert": "change"}

#: With what the names of a database's events begin, by its kind.
_FAMILIES = ("databases", "tablesdb", "documentsdb", "vectorsdb")
_TABLES = ("tables", "collections")
_PARTS_OF_TABLES = frozenset({"rows", "documents", "columns", "attributes", "indexes", *ACTIONS})
#: With what the names of a project's other events begin. An event that is in neither list may be about anything.
_WITHOUT_ROWS = frozenset(
    {
        "buckets", "executions", "functions", "keys", "messages", "migrations", "platforms", "presences", "projects", "providers",
        "proxy", "reports", "rules", "sites", "subscribers", "teams", "tokens", "topics", "users", "vcs", "webhooks",
    }
)  # fmt: skip


_HALVES = re.compile("[\ud800-\udfff]")


class Written(NamedTuple):
    """
    The rows that an event may have changed.

    Attributes:
        tables: those of the known tables that are concerned; none if the event is of no use.
        row_id: the row, if it is known; None for any row of these tables.
        operation: as in ``rows_changed``.
        problem: why nothing is concerned, or why more is than usual; empty for an event that is understood.
    """

    tables: tuple[str, ...]
    row_id: str | None
    operation: str
    problem: str = ""


def read_event(names: Iterable[Any], payload: Any, database: str, tables: Collection[str]) -> Written:
    """
    Return what an event may have changed in a database.

    What the payload says counts more than the names, of which only the payload is signed in a webhook's delivery. Where neither is
    enough, everything is returned that could be meant.

    Args:
        names: of the event, in any order.
        payload: a row, anything else that an event may carry, or None if it could not be read.
        database: id of the database.
        tables: ids of the tables that are known there.
    """
    known = [name.strip() for name in names if isinstance(name, str) and name.strip()]
    row = payload if isinstance(payload, dict) else {}
    table = _text(row, "$tableId") or _text(row, "$collectionId")
    stated = _text(row, "$databaseId")
    if stated and stated.lower() != database.lower():
        return _nothing(f"it is of the database {stated}")
    if table:
        return _of_row(known, row, table, database, tables, stated=bool(stated))
    return _of_names([name.lower() for name in known], database, tables)


def _of_row(
    names: list[str], row: dict[str, Any], table: str, database: str, tables: Collection[str], *, stated: bool
) -> Written:
    found = tuple(known for known in tables if known.lower() == table.lower())
    if not found:
        return _nothing(f"no model has its rows in the table {table}")
    row_id = _text(row, "$id") or None
    problem = ""
    if not stated:
        named = set(_databases_of(names, table))
        if named and database.lower() not in named:
            return _nothing(f"it is of the database {min(named)}")
        if not named:
            problem = "it does not say of which database it is"
    if row_id is None:
        problem = "it does not say of which row it is"
    return Written(found, row_id, _operation(names, row_id), problem)


def _databases_of(names: list[str], table: str) -> Iterator[str]:
    """Yield the databases, in lower case, whose table the names say it is."""
    for rest in _in_families(name.lower() for name in names):
        for word in _TABLES:
            before, found, _ = f"{rest}.".partition(f".{word}.{table.lower()}.")
            if found and before != "*":
                yield before


def _of_names(names: list[str], database: str, tables: Collection[str]) -> Written:
    """Read an event without a row in it: of a table, a column, an index, a database, or one that could not be read."""
    in_families = list(_in_families(names))
    if not in_families:
        if names and all(name.partition(".")[0] in _WITHOUT_ROWS for name in names):
            return _nothing(f"{names[0]} is about no rows")
        return _everything(
            tables, f"it cannot be told what {names[0]} is about" if names else "it has no names and no row"
        )
    concrete = [rest for rest in in_families if rest != "*" and not rest.startswith("*.")]
    inside = list(_within(database.lower(), concrete) if concrete else _within("*", in_families))
    if not inside:
        return _nothing(f"{concrete[0]} is another database" if concrete else "it is of another database")
    parts: dict[str, list[str]] = {}
    others = []
    for rest in inside:
        word, _, place = rest.partition(".")
        if word not in _TABLES or place == "*" or place.startswith("*."):
            continue
        matching = [known for known in tables if _is_in(known.lower(), place)]
        for known in matching:
            parts.setdefault(known, []).append(place[len(known) + 1 :])
        if not matching:
            others.append(place)
    if parts:
        return _of_tables(parts, names)
    if others:
        return _nothing(f"no model has its rows in the table of {others[0]}")
    return _everything(tables, f"{names[0]} may concern every table")


def _of_tables(parts: dict[str, list[str]], names: list[str]) -> Written:
    # Making or dropping an index changes no rows.
    concerned = tuple(table for table, places in parts.items() if not _are_all(places, "indexes."))
    if not concerned:
        return _nothing(f"{names[0]} is about an index")
    of_rows = all(_are_all(places, "rows.", "documents.") for places in parts.values())
    return Written(concerned, None, _operation(names, None) if of_rows else "change", "no row came with it")


def _are_all(places: list[str], *beginnings: str) -> bool:
    # An event's names contain those of the table itself as well.
    inside = [place for place in places if place]
    return bool(inside) and all(place.startswith(beginnings) for place in inside)


def _in_families(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        family, _, rest = name.partition(".")
        if family in _FAMILIES and rest:
            yield rest


def _within(database: str, rests: list[str]) -> Iterator[str]:
    """Yield what stands behind the database's id, for the names that are of this database."""
    for rest in rests:
        if rest == database:
            yield ""
        elif rest.startswith(f"{database}."):
            inside = rest[len(database) + 1 :]
            if inside.partition(".")[0] in (*_TABLES, *ACTIONS):
                yield inside


def _is_in(table: str, place: str) -> bool:
    if place == table:
        return True
    return place.startswith(f"{table}.") and place[len(table) + 1 :].partition(".")[0] in _PARTS_OF_TABLES


def _operation(names: list[str], row_id: str | None) -> str:
    """Return what happened, if the names agree on it. The id of a row may end like an action, so names that end in both go first."""
    endings = [name.lower().rpartition(".") for name in names]
    ours = {action for place, _, action in endings if row_id and place.endswith(f".{row_id.lower()}")} & set(ACTIONS)
    actions = ours or {action for _, _, action in endings} & set(ACTIONS)
    return ACTIONS[actions.pop()] if len(actions) == 1 else "change"


def _nothing(problem: str) -> Written:
    return Written((), None, "change", problem)


def _everything(tables: Collection[str], problem: str) -> Written:
    return Written(tuple(tables), None, "change", problem)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    # JSON can escape halves of a character, which no id has and no key of the cache can be made of.
    return value if isinstance(value, str) and not _HALVES.search(value) else ""
