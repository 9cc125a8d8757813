"""
List databases, tables, columns and indexes with filters, orders, cursors and totals.

The few entries are put into a temporary table for one request, so that the same SQL as for rows
queries them. Source: recordings ``databases-list``, ``tables-list``, ``columns-list``,
``indexes-key``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appwrite_local import sql_functions
from appwrite_local.engines import MARIADB, Engine
from appwrite_local.errors import ApiError, invalid_argument, invalid_query
from appwrite_local.queries import check, parse, sql
from appwrite_local.queries.fields import INTERNALS, Fields, Kind, internal_field, make_field
from appwrite_local.row_store import TOTAL_CAP
from appwrite_local.validators import truthy


@dataclass(frozen=True, slots=True)
class Listing:
    """
    A kind of list.

    Attributes:
        noun: the noun in the error about a cursor.
        kinds: the keys that may be queried besides the internal keys.
        cursor_key: the key that a cursor names.
    """

    noun: str
    kinds: Mapping[str, Kind]
    cursor_key: str = "$id"
    arrays: frozenset[str] = frozenset()

    def fields(self, engine: Engine) -> Fields:
        fields = {key: internal_field(field, engine) for key, field in INTERNALS.items()}
        for position, (key, kind) in enumerate(self.kinds.items()):
            value = f"c{position}"
            fields[key] = make_field(
                key,
                kind,
                value,
                f"f{position}" if kind == "text" else value,
                array=key in self.arrays,
                engine=engine,
            )
        return fields


def select_entries(
    listing: Listing,
    entries: Sequence[Mapping[str, Any]],
    queries: Sequence[str],
    total: Any,
    *,
    level: parse.Level = "1.9",
    engine: Engine = MARIADB,
) -> tuple[list[int], int]:
    """
    Select entries.

    Args:
        entries: in order of creation; each with the keys of the list and the internal ones.
        queries: as sent.
        total: as sent; a false value skips counting.
        level: the feature level, which decides the known query methods.
        engine: the server's.

    Returns:
        Positions of the selected entries, in order, and the number of all matches.

    Raises:
        ApiError: 400 ``general_argument_invalid``, wrapping the error of the queries; 400
            ``general_cursor_not_found``.
    """
    engine = MARIADB if engine.names_are_text else engine
    parsed = _parsed(queries, level)
    if all(query.method in ("limit", "offset") for query in parsed):
        # Most lists are read from the start to the end, and need no database for that.
        _check(parsed, {})
        limit, offset = sql.window(parsed)
        end = offset + (sql.DEFAULT_LIMIT if limit is None else limit)
        chosen = [*range(len(entries))[offset:end]]
        return chosen, min(len(entries), TOTAL_CAP) if truthy(total) else 0
    fields = listing.fields(engine)
    _check(parsed, fields)
    plan = sql.compile_queries(parsed, fields)
    connection = _table(listing, entries, engine)
    try:
        page = plan.where
        if plan.cursor is not None:
            page = sql.all_of([page, _beyond(connection, listing, plan, entries)])
        limit = sql.DEFAULT_LIMIT if plan.limit is None else plan.limit
        statement = f"SELECT _id FROM entries WHERE {page.sql} ORDER BY {sql.order_by(plan)} LIMIT ? OFFSET ?"
        chosen = [
            row[0] - 1 for row in connection.execute(statement, [*page.params, limit, plan.offset])
        ]
        if plan.cursor is not None and plan.cursor.method == "cursorBefore":
            chosen.reverse()
        count = (
            connection.execute(
                f"SELECT COUNT(*) FROM entries WHERE {plan.where.sql}", plan.where.params
            ).fetchone()[0]
            if truthy(total)
            else 0
        )
    finally:
        connection.close()
    return chosen, min(count, TOTAL_CAP)


def _parsed(queries: Sequence[str], level: parse.Level) -> list[parse.Query]:
    try:
        parsed = parse.parse_queries(queries, level)
    except parse.UnreadableQuery as error:
        raise invalid_argument(
            f"Invalid `queries` param: Invalid query: {error.message}"
        ) from error
    for query in parsed:
        if query.method == "select" or query.method in parse.RICH:
            raise invalid_argument(f"Invalid `queries` param: Invalid query method: {query.method}")
    return parsed


def _check(parsed: Sequence[parse.Query], fields: Fields) -> None:
    try:
        check.check_queries(parsed, fields)
        for query in parsed:
            if query.method in parse.CURSORS:
                _check_cursor(query)
    except ApiError as error:
        if error.error_type != "general_query_invalid":
            raise
        if error.values["message"].startswith("Searching by attribute"):
            raise  # found by the database, not by the check of the parameter
        raise invalid_argument(f"Invalid `queries` param: {error.values['message']}") from error


def _check_cursor(query: parse.Query) -> None:
    try:
        check.check_cursor(query)
    except ApiError as error:
        raise invalid_query(error.values["message"]) from error


def _table(
    listing: Listing, entries: Iterable[Mapping[str, Any]], engine: Engine
) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    sql_functions.register(connection, engine)
    names = ["_uid", "_uid_fold", "_created", "_updated"]
    for position, kind in enumerate(listing.kinds.values()):
        names += [f"c{position}", f"f{position}"] if kind == "text" else [f"c{position}"]
    connection.execute(f"CREATE TABLE entries (_id INTEGER PRIMARY KEY, {', '.join(names)})")
    statement = f"INSERT INTO entries ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.executemany(statement, [_values(listing, entry, engine) for entry in entries])
    return connection


def _values(listing: Listing, entry: Mapping[str, Any], engine: Engine) -> list[Any]:
    values = [entry["$id"], engine.fold_id(entry["$id"]), entry["$createdAt"], entry["$updatedAt"]]
    for key, kind in listing.kinds.items():
        value = entry[key]
        values.append(value)
        if kind == "text":
            values.append(None if value is None or key in listing.arrays else engine.fold(value))
    return values


def _beyond(
    connection: sqlite3.Connection,
    listing: Listing,
    plan: sql.Plan,
    entries: Sequence[Mapping[str, Any]],
) -> sql.Condition:
    cursor_id = check.check_cursor(plan.cursor) if plan.cursor is not None else ""
    position = next(
        (
            number
            for number, entry in enumerate(entries)
            if entry[listing.cursor_key].lower() == cursor_id.lower()
        ),
        None,
    )
    if position is None:
        raise ApiError("general_cursor_not_found", noun=listing.noun, id=cursor_id)
    expressions = ", ".join("NULL" if order.by is None else order.by.order for order in plan.orders)
    values = connection.execute(
        f"SELECT {expressions} FROM entries WHERE _id = ?", [position + 1]
    ).fetchone()
    return sql.after_cursor(plan, values)
