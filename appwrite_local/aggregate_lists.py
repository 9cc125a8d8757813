"""
List more than the rows of one table: aggregates, groups, distinct rows and joins.

A list request is parsed and checked once (``RichList``), then run as groups or as rows. Only
feature level 2.x has these lists. Source: recordings ``agg-*``, ``group-by``, ``having``,
``distinct``, ``join-*`` of the preview.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from appwrite_local import related_reads
from appwrite_local.collation import fold
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.permissions import allows
from appwrite_local.queries import check, fields, sql
from appwrite_local.queries.aggregates import (
    Gathered,
    aggregate,
    alias_of,
    column_name,
    of_first_row,
    of_group,
)
from appwrite_local.queries.cells import Cells, satisfies, sorted_groups
from appwrite_local.queries.fields import Field
from appwrite_local.queries.joins import (
    MAIN,
    Joined,
    Scope,
    Source,
    loosened,
    names_in,
    read_joins,
    sources,
)
from appwrite_local.queries.parse import AGGREGATES, CURSORS, JOINS, ORDERS, Query
from appwrite_local.routing import Call
from appwrite_local.row_store import TOTAL_CAP
from appwrite_local.schema import Column, Table, require_table
from appwrite_local.values import Row, decoder

SELECTABLE = frozenset({"$permissions"})
_NO_LIMIT = 2**62
_BLANKS = {"$sequence": "", "$createdAt": "", "$updatedAt": ""}
_INTERNALS = ("$id", "$sequence", "$createdAt", "$updatedAt", "$permissions")

Decode = Callable[[Any], Any]


@dataclass(slots=True)
class RichList:
    """A checked list request: the tables and rows that it reads, and what it selects of them."""

    table: Table
    engine: Engine
    queries: Sequence[Query]
    joined: Sequence[Joined]
    scope: Scope
    where: sql.Condition
    default_limit: int = sql.DEFAULT_LIMIT

    @property
    def gives_rows(self) -> bool:
        """Return whether the answer consists of whole rows, with their ids."""
        return not self.is_grouped and not (self.is_distinct and self.selected is not None)

    @property
    def is_grouped(self) -> bool:
        return any(
            query.method in AGGREGATES or query.method == "groupBy" for query in self.queries
        )

    @property
    def is_distinct(self) -> bool:
        return any(query.method == "distinct" for query in self.queries)

    @property
    def selected(self) -> list[str] | None:
        names = [
            value for query in self.queries if query.method == "select" for value in query.values
        ]
        return None if not names or "*" in names else names

    def of(self, *methods: str) -> list[Query]:
        return [query for query in self.queries if query.method in methods]

    def sources(self) -> list[Source]:
        return sources(self.table, self.joined, self.engine)


def find_rich(
    call: Call, table: Table, queries: Sequence[Query], cursor: Row | None, *, with_total: bool
) -> tuple[list[Row], int]:
    """
    Run a list that is more than rows of one table.

    Returns:
        The page of rows or groups, and the number of matches: ungrouped, not distinct, at most
        5,000; 0 if no total is requested.

    Raises:
        ApiError: an error of the server, and 500 where its database fails.
    """
    wanted = _read(call, table, queries)
    if cursor is not None and wanted.is_grouped:
        raise ApiError(
            "general_query_invalid",
            message="Cursor pagination is not supported with aggregation queries",
        )
    rows = find_groups(call, wanted) if wanted.is_grouped else _find_rows(call, wanted, cursor)
    return rows, _count(call, wanted) if with_total else 0


def get_joined(call: Call, table: Table, row_id: str, queries: Sequence[Query]) -> Row | None:
    """Return one row with its joined columns; the first match if there are several."""
    wanted = _read(call, table, queries)
    by_id = sql.Condition(f"{MAIN}._uid_fold = ?", [fold(row_id)])
    wanted.where = sql.all_of([wanted.where, by_id])
    rows = _find_rows(call, wanted, None, single=True)
    return rows[0] if rows else None


def read_for_bulk(call: Call, table: Table, queries: Sequence[Query]) -> RichList:
    """
    Parse the queries of a bulk call.

    Raises:
        ApiError: 400 for a join, because such a call never translates the table's id.
    """
    wanted = _read(call, table, queries, bulk=True)
    if wanted.of(*CURSORS):
        raise ApiError("general_unknown")
    wanted.default_limit = _NO_LIMIT
    return wanted


def find_bulk(call: Call, wanted: RichList) -> list[Row]:
    """Find what a bulk call selects: rows, or results that are not rows and cannot be written."""
    return find_groups(call, wanted) if wanted.is_grouped else _find_rows(call, wanted, None)


def _read(call: Call, table: Table, queries: Sequence[Query], *, bulk: bool = False) -> RichList:
    engine = call.server.engine
    main = fields.table_fields(table, engine)
    joined = (
        []
        if bulk
        else read_joins(queries, lambda table_id: _joined_table(call, table, table_id), table)
    )
    scope = Scope(main, joined, engine)
    scope.admit(
        [name for name in names_in(queries) if "." in name],
        frozenset(join.alias for join in joined if join.alias),
    )
    _check(queries, scope, table)
    if bulk and any(query.method in JOINS for query in queries):
        first = next(query for query in queries if query.method in JOINS)
        raise ApiError(
            "general_query_invalid", message=f"Joined collection '{first.attribute}' not found"
        )
    _require_readable(call, joined)
    related_reads.selection_of(queries, table)
    selected = [name for query in queries if query.method == "select" for name in query.values]
    # Related rows are not loaded here: the database has no column for a path along a relationship.
    if (
        scope.unknown
        or any("." in name and name not in scope for name in selected)
        or _names_nothing(queries, scope)
    ):
        raise ApiError("general_unknown")
    where = [
        sql.compile_filter(loosened(query, scope), scope) for query in queries if query.is_filter
    ]
    if not allows(table.permissions, "read", call.identity):
        where.append(_readable(call.identity.roles))
    return RichList(table, engine, queries, joined, scope, sql.all_of(where))


def _names_nothing(queries: Sequence[Query], scope: Scope) -> bool:
    """Return whether a query names the side of a relationship that stores nothing."""
    names = [
        *names_in(queries),
        *(query.attribute for query in queries if query.method in AGGREGATES),
    ]
    columns = [scope[name].column for name in names if name in scope]
    return any(column is not None and column.is_virtual for column in columns)


def _joined_table(call: Call, main: Table, table_id: str) -> Table:
    table = require_table(call.server.schema, call.session, main.database.id, table_id)
    if not (table.enabled or call.identity.is_key):
        raise ApiError("table_not_found", id=table_id)
    return table


def _check(queries: Sequence[Query], scope: Scope, table: Table) -> None:
    names = {alias_of(query) for query in queries if query.method in AGGREGATES}
    checked = [
        query for query in queries if not (query.method in ORDERS and query.attribute in names)
    ]
    fulltext = frozenset(
        index.columns[0]
        for index in table.all_indexes
        if index.type == "fulltext" and len(index.columns) == 1
    )
    check.check_queries(checked, scope, fulltext, SELECTABLE)
    nested = [
        part
        for query in queries
        if query.method in JOINS
        for part in query.values
        if isinstance(part, Query) and part.method != "on"
    ]
    check.check_queries(nested, scope, fulltext, SELECTABLE)


def _require_readable(call: Call, joined: Sequence[Joined]) -> None:
    """
    Reject tables that the caller may not read as a whole.

    Permissions of single rows do not help here.
    """
    for join in joined:
        if not allows(join.table.permissions, "read", call.identity):
            raise unauthorized()


def _readable(roles: Sequence[str]) -> sql.Condition:
    marks = ", ".join("?" * len(roles))
    return sql.Condition(
        f"EXISTS (SELECT 1 FROM json_each({MAIN}._permissions) WHERE value IN ({marks}))",
        [f'read("{role}")' for role in roles],
    )


def _count(call: Call, wanted: RichList) -> int:
    total = 0
    for source in wanted.sources():
        where = source.where(wanted.where)
        statement = f"SELECT COUNT(*) FROM (SELECT 1 FROM {source.sql.sql} WHERE {where.sql} LIMIT {TOTAL_CAP})"
        total += call.session.scalar(statement, [*source.sql.params, *where.params])
    return min(total, TOTAL_CAP)


def find_groups(call: Call, wanted: RichList) -> list[Row]:
    """
    Compute the groups, or the one group of all rows.

    Without an explicit order they are ordered by the grouped columns.
    """
    grouped_by = _group_columns(wanted)
    gathered = [
        aggregate(query, wanted.scope) for query in wanted.of(*AGGREGATES)
    ] + _shown_columns(wanted, grouped_by)
    orders = _group_orders(wanted, gathered)
    groups: list[Cells] = []
    for source in wanted.sources():
        groups += _groups_of(
            call,
            wanted,
            source,
            [*gathered, *(extra for _, extra, _ in orders if extra is not None)],
            grouped_by,
        )
    named = (
        {name for query in wanted.of("groupBy") for name in query.values} if grouped_by else set()
    )
    for query in wanted.of("having"):
        groups = [
            group
            for group in groups
            if all(
                satisfies(_nameable(group, named), condition, wanted.engine)
                for condition in query.values
            )
        ]
    groups = sorted_groups(
        groups, [(name, descending) for name, _, descending in orders], wanted.engine
    )
    shown = [{item.name: group[item.name].text for item in gathered} for group in groups]
    if wanted.is_distinct:
        shown = [row for position, row in enumerate(shown) if row not in shown[:position]]
    limit, offset = _limits(wanted)
    return [{**_BLANKS, **row} for row in shown[offset : offset + limit]]


def _nameable(group: Cells, named: set[str]) -> Cells:
    """Translate ``$id`` in a condition, because the answer shows it under another name."""
    return {**{name: group[column_name(name)] for name in named}, **group}


def _group_columns(wanted: RichList) -> list[tuple[str, Field]]:
    columns: dict[str, Field] = {}
    for name in (value for query in wanted.of("groupBy") for value in query.values):
        field = wanted.scope.get(name) if isinstance(name, str) else None
        # An internal column of a joined table is a 500, although aggregates of it are answered.
        if field is None or ".$" in name:
            raise ApiError("general_unknown")
        if name in _INTERNALS and wanted.joined:
            # Beside a join, a bare internal name is the joined table's (recording ``join-left``).
            field = replace(
                field, value=_moved(field.value, wanted), compare=_moved(field.compare, wanted)
            )
        columns.setdefault(column_name(name), field)
    return list(columns.items())


def _moved(expression: str, wanted: RichList) -> str:
    return f"{wanted.joined[-1].sql}.{expression.removeprefix(f'{MAIN}.')}"


def _shown_columns(wanted: RichList, grouped_by: Sequence[tuple[str, Field]]) -> list[Gathered]:
    """Return the plain columns of an answer: grouped, or selected beside aggregates of all rows."""
    if grouped_by:
        return [of_group(name, field, _position(wanted)) for name, field in grouped_by]
    selected = wanted.selected or []
    return [
        of_first_row(column_name(name), wanted.scope[name], _position(wanted))
        for name in selected
        if name in wanted.scope
    ]


def _position(wanted: RichList) -> str:
    """
    Return SQL that identifies a row by its position.

    That is the queried table's row, or the joined table's where there is none.
    """
    places = [f"{MAIN}._id", *(f"{join.sql}._id" for join in wanted.joined)]
    return places[0] if len(places) == 1 else f"COALESCE({', '.join(places)})"


def _group_orders(
    wanted: RichList, gathered: Sequence[Gathered]
) -> list[tuple[str, Gathered | None, bool]]:
    """Return what groups are ordered by: one of their names, or a column of their first row."""
    names = {item.name for item in gathered}
    orders: list[tuple[str, Gathered | None, bool]] = []
    for query in wanted.of(*ORDERS):
        if query.method == "orderRandom":
            continue
        name = (
            query.attribute
            if query.attribute in names
            else column_name(query.attribute or "$sequence")
        )
        extra = None
        if name not in names:
            name = f"\0{query.attribute}"
            extra = of_first_row(
                name, wanted.scope[query.attribute or "$sequence"], _position(wanted)
            )
        orders.append((name, extra, query.method == "orderDesc"))
    return orders


def _groups_of(
    call: Call,
    wanted: RichList,
    source: Source,
    gathered: Sequence[Gathered],
    grouped_by: Sequence[tuple[str, Field]],
) -> list[Cells]:
    where = source.where(wanted.where)
    statement = f"SELECT {', '.join(part for item in gathered for part in item.sql)} FROM {source.sql.sql} WHERE {where.sql}"
    if grouped_by:
        # The plus keeps SQLite from walking an index, which would look up every row separately and
        # take ten times as long.
        keys = [f"+{field.compare}" for _, field in grouped_by]
        nulls = " NULLS LAST" if wanted.engine.nulls_last else ""
        statement += (
            f" GROUP BY {', '.join(keys)} ORDER BY {', '.join(key + nulls for key in keys)}"
        )
    records = call.session.all(statement, [*source.sql.params, *where.params])
    return [_cells(gathered, record) for record in records]


def _cells(gathered: Sequence[Gathered], record: Sequence[Any]) -> Cells:
    cells, position = {}, 0
    for item in gathered:
        cells[item.name] = item.finish(record[position : position + len(item.sql)])
        position += len(item.sql)
    return cells


def _limits(wanted: RichList) -> tuple[int, int]:
    limits, offsets = wanted.of("limit"), wanted.of("offset")
    limit = check.read_integer(limits[0].values[0]) if limits else wanted.default_limit
    offset = check.read_integer(offsets[0].values[0]) if offsets else 0
    return limit or 0, offset or 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column of an answer: its keys there, its SQL, and how it is read."""

    keys: tuple[str, ...]
    sql: str
    decode: Decode | None = None


def _find_rows(
    call: Call, wanted: RichList, cursor: Row | None, *, single: bool = False
) -> list[Row]:
    wanted.where = (
        sql.all_of([wanted.where, *_having(wanted)]) if wanted.of("having") else wanted.where
    )
    plan = sql.compile_queries(
        [query for query in wanted.queries if query.method in ORDERS or query.method in CURSORS],
        wanted.scope,
    )
    where = (
        wanted.where
        if cursor is None
        else sql.all_of([wanted.where, _beyond(call, wanted, plan, cursor)])
    )
    collapses = wanted.is_distinct and wanted.selected is not None
    shown = _shown(wanted)
    internals = [
        f"{MAIN}.{name}" for name in ("_uid", "_id", "_created", "_updated", "_permissions")
    ]
    backwards = plan.cursor is not None and plan.cursor.method == "cursorBefore"
    orders = [order.sql(reverse=backwards) for order in plan.orders] + (
        [] if single else _ties(wanted, backwards=backwards)
    )
    statement, params = _statement(
        wanted, where, [item.sql for item in shown] + internals, orders, collapses=collapses
    )
    limit, offset = (1, 0) if single else _limits(wanted)
    records = call.session.all(f"{statement} LIMIT ? OFFSET ?", [*params, limit, offset])
    if backwards:
        records.reverse()
    make = _distinct_row if collapses else _row
    return [_filled(make(wanted, shown, record), wanted) for record in records]


def _ties(wanted: RichList, *, backwards: bool) -> list[str]:
    """Order repeated rows of the queried table by the joined rows."""
    return [f"{join.sql}._id{' DESC' if backwards else ''}" for join in wanted.joined]


def _statement(
    wanted: RichList,
    where: sql.Condition,
    columns: Sequence[str],
    orders: Sequence[str],
    *,
    collapses: bool,
) -> tuple[str, list[Any]]:
    """Build the SELECT; the two halves of a full join are sorted together."""
    keys = [
        order.removesuffix(" DESC")
        .removesuffix(" NULLS LAST")
        .removesuffix(" NULLS FIRST")
        .removesuffix(" DESC")
        for order in orders
    ]
    halves, params = [], []
    for source in wanted.sources():
        condition = source.where(where)
        listed = ", ".join(
            f"{expression} AS x{position}" for position, expression in enumerate([*columns, *keys])
        )
        # With one MIN, SQLite takes the other columns from the row with the minimum, and from the
        # first of equal rows.
        first, group = (
            (f", MIN({_position(wanted)})", f" GROUP BY {', '.join(_distinct_keys(wanted))}")
            if collapses
            else ("", "")
        )
        halves.append(f"SELECT {listed}{first} FROM {source.sql.sql} WHERE {condition.sql}{group}")
        params += [*source.sql.params, *condition.params]
    named = [
        f"x{len(columns) + position}{order[len(keys[position]) :]}"
        for position, order in enumerate(orders)
    ]
    return f"SELECT * FROM ({' UNION ALL '.join(halves)}) ORDER BY {', '.join(named)}", params


def _distinct_keys(wanted: RichList) -> list[str]:
    names = dict.fromkeys(wanted.selected or [])
    return [
        f"{MAIN}._permissions" if name == "$permissions" else wanted.scope[name].compare
        for name in names
    ]


def _having(wanted: RichList) -> list[sql.Condition]:
    """Compile conditions on ungrouped rows, which can only name columns of the answer."""
    selected = wanted.selected
    known = {
        key: field for key, field in wanted.scope.items() if selected is None or key in selected
    }
    conditions = [condition for query in wanted.of("having") for condition in query.values]
    if not all(name in known for name in names_in(conditions)) or not all(
        condition.is_filter for condition in conditions
    ):
        raise ApiError("general_unknown")
    conditions = [loosened(condition, known, everywhere=True) for condition in conditions]
    try:
        check.check_queries(conditions, known)
    except ApiError as error:
        # Nothing has checked them, and the database does not understand them.
        raise ApiError("general_unknown") from error
    return [sql.compile_filter(condition, known) for condition in conditions]


def _beyond(call: Call, wanted: RichList, plan: sql.Plan, cursor: Row) -> sql.Condition:
    own = f"{MAIN}."
    expressions = [
        order.by.compare if order.by is not None and order.by.compare.startswith(own) else "NULL"
        for order in plan.orders
    ]
    statement = (
        f"SELECT {', '.join(expressions)} FROM {wanted.table.sql} AS {MAIN} WHERE {MAIN}._id = ?"
    )
    values = call.session.one(statement, (int(cursor["$sequence"]),)) or ()
    for order, query, value in zip(plan.orders, [*wanted.of(*ORDERS), None], values, strict=False):
        if order.by is not None and value is None:
            raise ApiError(
                "database_query_order_null",
                key=order.by.key if query is None else query.attribute or order.by.key,
            )
    return sql.after_cursor(plan, values)


def _shown(wanted: RichList) -> list[_Shown]:
    selected = wanted.selected
    if selected is None:
        joined = {
            key: item
            for join in wanted.joined
            for key, item in _whole_table(join, wanted.engine).items()
        }
        own = {column.key: _own_column(column) for column in wanted.table.stored.values()}
        return list({**joined, **own}.values())
    stored = [
        _own_column(wanted.table.stored[name]) for name in selected if name in wanted.table.stored
    ]
    return stored + _joined_columns(wanted, selected)


def _own_column(column: Column) -> _Shown:
    return _Shown((column.key,), f"{MAIN}.{column.sql}", decoder(column))


def _whole_table(join: Joined, engine: Engine) -> dict[str, _Shown]:
    known = fields.table_fields(join.table, engine)
    return {
        key: _Shown((key,), f"{join.sql}.{known[key].value}", known[key].raw_text)
        for key in join.table.stored
    }


def _joined_columns(wanted: RichList, selected: Sequence[str]) -> list[_Shown]:
    """
    Return the selected columns of joined tables.

    Each has the name under which it was selected, and its own name unless that is taken.
    """
    shown: list[_Shown] = []
    taken = set(selected)
    for name in selected:
        if "." not in name:
            continue
        own = name.partition(".")[2]
        keys = (name,) if own.startswith("$") or own in taken else (name, own)
        taken.add(own)
        shown.append(_Shown(keys, wanted.scope[name].value, wanted.scope[name].raw_text))
    return shown


def _values(shown: Sequence[_Shown], record: Sequence[Any]) -> Row:
    row: Row = {}
    for item, value in zip(shown, record, strict=False):
        for key in item.keys:
            row[key] = value if item.decode is None else item.decode(value)
    return row


def _row(wanted: RichList, shown: Sequence[_Shown], record: Sequence[Any]) -> Row:
    row_id, sequence, created, updated, permissions = record[len(shown) : len(shown) + 5]
    row = _values(shown, record)
    row["$id"], row["$sequence"] = row_id or "", "" if sequence is None else str(sequence)
    row["$createdAt"], row["$updatedAt"] = created or "", updated or ""
    row["$permissions"] = json.loads(permissions or "[]")
    return row


def _distinct_row(wanted: RichList, shown: Sequence[_Shown], record: Sequence[Any]) -> Row:
    """Build a row of the selected columns only: no id or other internal key unless selected."""
    whole, selected = _row(wanted, shown, record), wanted.selected or []
    row = {**_values(shown, record), "$id": None, **_BLANKS}
    row.update({key: whole[key] for key in _INTERNALS if key in selected})
    return row


def _filled(row: Row, wanted: RichList) -> Row:
    if any("." in name for name in wanted.selected or ()):
        # Selecting from a joined table makes the server process all columns of the queried table;
        # arrays without a value are then empty.
        row.update(
            {
                column.key: []
                for column in wanted.table.columns.values()
                if column.array and column.key not in row
            }
        )
    row["$databaseId"], row["$tableId"] = wanted.table.database.id, wanted.table.id
    return row
