"""
Determine the rows of a database that an event of Appwrite may have changed.

An event has a list of names and a payload. The payload of a row names its table, and outside of
transactions its database. Events of a commit only carry ``$id``, ``$tableId`` and
``$collectionId``, so that only the names tell the database. Source:
``src/Appwrite/Event/Event.php`` and ``Transactions/Update.php`` of 1.9.6, and observation of 1.9.6
and the 2.x preview.

Ids may contain dots, so names are matched against known ids and not split.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

#: Appwrite's name of each action, and that of ``rows_changed``.
ACTIONS = {"create": "create", "update": "update", "delete": "delete", "upsert": "change"}

#: Prefixes of a database's events, by its kind.
_FAMILIES = ("databases", "tablesdb", "documentsdb", "vectorsdb")
_TABLES = ("tables", "collections")
_PARTS_OF_TABLES = frozenset({"rows", "documents", "columns", "attributes", "indexes", *ACTIONS})
#: Prefixes of a project's other events. An event in neither list may concern anything.
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
        tables: the affected known tables; none if the event does not apply.
        row_id: the row, if known; None for any row of these tables.
        operation: as in ``rows_changed``.
        problem: why no table is affected, or more than usual; empty for an event that is
            understood.
    """

    tables: tuple[str, ...]
    row_id: str | None
    operation: str
    problem: str = ""


def read_event(
    names: Iterable[Any], payload: Any, database: str, tables: Collection[str]
) -> Written:
    """
    Return what an event may have changed in a database.

    The payload takes precedence over the names, because a webhook only signs the payload. If
    neither is sufficient, the result covers everything that the event could mean.

    Args:
        names: the event's names, in any order.
        payload: a row, anything else that an event may carry, or None if it could not be read.
        database: id of the database.
        tables: ids of the known tables.
    """
    known = [name.strip() for name in names if isinstance(name, str) and name.strip()]
    row = payload if isinstance(payload, dict) else {}
    table = _text(row, "$tableId") or _text(row, "$collectionId")
    stated = _text(row, "$databaseId")
    if stated and stated.lower() != database.lower():
        return _nothing(f"it belongs to the database {stated}")
    if table:
        return _of_row(known, row, table, database, tables, stated=bool(stated))
    return _of_names([name.lower() for name in known], database, tables)


def _of_row(
    names: list[str],
    row: dict[str, Any],
    table: str,
    database: str,
    tables: Collection[str],
    *,
    stated: bool,
) -> Written:
    found = tuple(known for known in tables if known.lower() == table.lower())
    if not found:
        return _nothing(f"no model uses the table {table}")
    row_id = _text(row, "$id") or None
    problem = ""
    if not stated:
        named = set(_databases_of(names, table))
        if named and database.lower() not in named:
            return _nothing(f"it belongs to the database {min(named)}")
        if not named:
            problem = "it does not name its database"
    if row_id is None:
        problem = "it does not name its row"
    return Written(found, row_id, _operation(names, row_id), problem)


def _databases_of(names: list[str], table: str) -> Iterator[str]:
    """Yield the databases, in lower case, that the names give for the table."""
    for rest in _in_families(name.lower() for name in names):
        for word in _TABLES:
            before, found, _ = f"{rest}.".partition(f".{word}.{table.lower()}.")
            if found and before != "*":
                yield before


def _of_names(names: list[str], database: str, tables: Collection[str]) -> Written:
    """
    Read an event without a row.

    It concerns a table, a column, an index or a database, or its payload could not be read.
    """
    in_families = list(_in_families(names))
    if not in_families:
        if names and all(name.partition(".")[0] in _WITHOUT_ROWS for name in names):
            return _nothing(f"{names[0]} does not concern rows")
        return _everything(
            tables,
            f"the event {names[0]} is unknown" if names else "it has neither names nor a row",
        )
    concrete = [rest for rest in in_families if rest != "*" and not rest.startswith("*.")]
    inside = list(_within(database.lower(), concrete) if concrete else _within("*", in_families))
    if not inside:
        return _nothing(f"{concrete[0] if concrete else 'it'} belongs to another database")
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
        return _nothing(f"no model uses the table of {others[0]}")
    return _everything(tables, f"{names[0]} may affect every table")


def _of_tables(parts: dict[str, list[str]], names: list[str]) -> Written:
    # Creating or deleting an index changes no rows.
    concerned = tuple(table for table, places in parts.items() if not _are_all(places, "indexes."))
    if not concerned:
        return _nothing(f"{names[0]} only concerns an index")
    of_rows = all(_are_all(places, "rows.", "documents.") for places in parts.values())
    return Written(
        concerned, None, _operation(names, None) if of_rows else "change", "it contains no row"
    )


def _are_all(places: list[str], *beginnings: str) -> bool:
    # An event's names include those of the table itself.
    inside = [place for place in places if place]
    return bool(inside) and all(place.startswith(beginnings) for place in inside)


def _in_families(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        family, _, rest = name.partition(".")
        if family in _FAMILIES and rest:
            yield rest


def _within(database: str, rests: list[str]) -> Iterator[str]:
    """Yield the part after the database's id, for the names that belong to this database."""
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
    return (
        place.startswith(f"{table}.")
        and place[len(table) + 1 :].partition(".")[0] in _PARTS_OF_TABLES
    )


def _operation(names: list[str], row_id: str | None) -> str:
    """
    Return the operation that the names agree on, or else "change".

    A row's id may end like an action, so names that end in the id and an action take precedence.
    """
    endings = [name.lower().rpartition(".") for name in names]
    ours = {
        action for place, _, action in endings if row_id and place.endswith(f".{row_id.lower()}")
    } & set(ACTIONS)
    actions = ours or {action for _, _, action in endings} & set(ACTIONS)
    return ACTIONS[actions.pop()] if len(actions) == 1 else "change"


def _nothing(problem: str) -> Written:
    return Written((), None, "change", problem)


def _everything(tables: Collection[str], problem: str) -> Written:
    return Written(tuple(tables), None, "change", problem)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    # JSON can escape lone surrogates, which no id contains and no cache key can encode.
    return value if isinstance(value, str) and not _HALVES.search(value) else ""
