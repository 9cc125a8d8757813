"""
Read along relationships: load the rows of a ``select``, and filter by related columns.

Source: recordings ``rel-*``, ``base-relationships``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from appwrite_local import relations
from appwrite_local.errors import ApiError, invalid_query
from appwrite_local.queries import check, fields, parse, sql
from appwrite_local.relations import MAX_DEPTH, Link, Relations
from appwrite_local.routing import Call
from appwrite_local.schema import Table
from appwrite_local.values import Row


@dataclass(slots=True)
class Selection:
    """
    The part of a table's rows to show.

    Attributes:
        everything: whether ``*`` was selected.
        own: keys selected by name.
        nested: the part of related rows to show, by the key of the relationship.
    """

    everything: bool = False
    own: list[str] = field(default_factory=list)
    nested: dict[str, Selection] = field(default_factory=dict)

    def add(self, path: str) -> None:
        key, dot, rest = path.partition(".")
        if dot:
            self.nested.setdefault(key, Selection()).add(rest)
        elif key == "*":
            self.everything = True
        else:
            self.own.append(key)

    def keys(self, table: Table) -> list[str] | None:
        """
        Return the stored keys to read, ``None`` for all.

        If only related rows are selected, the row's own columns are shown as well, unless it holds
        one of their ids: the server then takes that one for a selection.
        """
        held = [
            key for key in self.nested if key in table.columns and not table.columns[key].is_virtual
        ]
        if self.everything or not (self.own or held):
            return None
        return [*self.own, *held]


def selection_of(queries: Sequence[parse.Query], table: Table) -> Selection:
    """
    Collect the selects of a list of queries.

    Raises:
        ApiError: 400 ``general_query_invalid`` for a relationship that is selected like a value.
    """
    selection = Selection()
    for query in queries:
        if query.method == "select":
            for value in query.values:
                selection.add(str(value))
    wrong = [
        key
        for key in selection.own
        if key in table.columns and table.columns[key].type == "relationship"
    ]
    if wrong and not selection.everything:
        raise ApiError(
            "general_query_invalid", message=f"Cannot select attributes: {', '.join(wrong)}"
        )
    return selection


def split_filters(
    queries: Sequence[parse.Query], table: Table
) -> tuple[list[parse.Query], list[parse.Query]]:
    """
    Split queries into those on the table itself and filters on related columns.

    Raises:
        ApiError: 400 or 500 for a query on a relationship that stores nothing in this table.
    """
    own: list[parse.Query] = []
    related: list[parse.Query] = []
    for query in queries:
        key, dot, _ = query.attribute.partition(".")
        column = table.columns.get(key)
        is_link = column is not None and column.type == "relationship"
        if is_link and dot and query.is_filter:
            related.append(query)
        else:
            _refuse_virtual(query, table)
            own.append(query)
    return own, related


def _refuse_virtual(query: parse.Query, table: Table) -> None:
    if query.method in parse.LOGICAL:
        for nested in query.values:
            _refuse_virtual(nested, table)
    column = table.columns.get(query.attribute)
    if column is None or not column.is_virtual:
        return
    if query.is_filter:
        raise invalid_query("Cannot query on virtual relationship attribute")
    if query.method in parse.ORDERS:
        raise ApiError("general_unknown")


def related_condition(call: Call, table: Table, filters: Sequence[parse.Query]) -> sql.Condition:
    """
    Compile filters on related columns.

    All filters that begin with the same key must match the same related row, except
    ``containsAll``, whose values may each match another row.

    Raises:
        ApiError: as for filters on the related table itself; 400 for one column that would have to
            equal two values.
    """
    by_link: dict[str, list[parse.Query]] = {}
    known = relations.links(table)
    conditions: list[sql.Condition] = []
    for query in filters:
        key, _, rest = query.attribute.partition(".")
        if query.method == "containsAll":
            equals = [parse.Query("equal", rest, [value]) for value in query.values]
            conditions += [_link_condition(call, table, known[key], [equal]) for equal in equals]
        else:
            by_link.setdefault(key, []).append(parse.Query(query.method, rest, query.values))
    for key, queries in by_link.items():
        _refuse_two_values(key, queries)
        conditions.append(_link_condition(call, table, known[key], queries))
    return sql.all_of(conditions)


def _refuse_two_values(key: str, queries: Sequence[parse.Query]) -> None:
    compared = [query.attribute for query in queries if query.method == "equal"]
    for attribute in compared:
        if compared.count(attribute) > 1:
            raise ApiError(
                "general_query_invalid",
                message=f"Multiple equal queries on '{key}.{attribute}' will never match a single document."
                " Use Query::containsAll() to match across different related documents.",
            )


def _link_condition(
    call: Call, table: Table, link: Link, queries: Sequence[parse.Query]
) -> sql.Condition:
    other = Relations(call).related_table(table, link)
    if other is None:
        return sql.Condition("0")
    own, deeper = split_filters(queries, other)
    known = fields.table_fields(other, call.server.engine)
    check.check_queries(own, known)
    inner = sql.all_of(
        [
            sql.compile_queries(own, known).where,
            related_condition(call, other, deeper),
            relations.readable_rows(other, call.identity),
        ]
    )
    matching = f"FROM {other.sql} WHERE {inner.sql}"
    if link.holds_key:
        return sql.Condition(f"{link.column.sql} IN (SELECT _uid {matching})", inner.params)
    if link.kind == "manyToMany":
        own_end, far_end = link.ends
        pairs = f"SELECT {own_end} FROM {link.pairs} WHERE {far_end} IN (SELECT _uid {matching})"
        return sql.Condition(f"_uid IN ({pairs})", inner.params)
    back = other.columns.get(link.back)
    if back is None:
        # The server does not follow a key that only the hidden side holds.
        return sql.Condition("0")
    return sql.Condition(f"_uid IN (SELECT {back.sql} {matching})", inner.params)


def load(
    call: Call, table: Table, rows: Sequence[Row], selection: Selection, depth: int = 1
) -> None:
    """Add the selected related rows to rows, down to the server's maximum depth."""
    known = relations.links(table)
    for key, nested in selection.nested.items():
        if key not in known:
            continue
        if depth >= MAX_DEPTH:
            for row in rows:
                row.pop(key, None)
        else:
            _load_link(call, table, rows, known[key], nested, depth)


def _load_link(
    call: Call, table: Table, rows: Sequence[Row], link: Link, nested: Selection, depth: int
) -> None:
    following = Relations(call)
    other = following.related_table(table, link)
    if other is None:
        return
    keys = nested.keys(other)
    found = following.related(table, link, rows, keys)
    if found and not (link.is_list and link.kind != "manyToMany"):
        _refuse_unknown(nested, other)
    related = list({row["$id"]: row for group in found.values() for row in group}.values())
    for row in related:
        _hide_way_back(row, other, link, keys)
    load(call, other, related, nested, depth + 1)
    for row in rows:
        _attach(call, table, other, row, link, found.get(row["$id"], []))


def _refuse_unknown(nested: Selection, table: Table) -> None:
    for key in nested.own:
        if key not in table.columns and not key.startswith("$"):
            raise invalid_query(f"Attribute not found in schema: {key}")


def _hide_way_back(row: Row, other: Table, link: Link, keys: Sequence[str] | None) -> None:
    if link.back in other.columns or (keys is not None and link.back not in keys):
        row.pop(link.back, None)


def _attach(call: Call, table: Table, other: Table, row: Row, link: Link, found: list[Row]) -> None:
    if link.is_list:
        row[link.key] = found
    elif found:
        row[link.key] = found[0]
    elif row.get(link.key) is not None:
        row[link.key] = dangling(call, table) if call.server.feature_level == "2.x" else []


def dangling(call: Call, table: Table) -> Row:
    """Return the placeholder of a row that does not exist: only its place."""
    place: Row = {"$databaseId": table.database.id, "$tableId": table.id, "$sequence": ""}
    return (
        {**place, "$createdAt": "", "$updatedAt": ""}
        if call.server.feature_level == "2.x"
        else place
    )


def populate(call: Call, table: Table, row: Row, depth: int = 1) -> None:
    """Add all related rows to a written row, as answers to writes show them."""
    following = Relations(call)
    for key, link in relations.links(table).items():
        if depth >= MAX_DEPTH:
            row.pop(key, None)
            continue
        other = following.related_table(table, link)
        if other is None or (link.holds_key and key not in row):
            continue
        found = [dict(one) for one in following.related(table, link, [row]).get(row["$id"], [])]
        for one in found:
            one.pop(link.back, None)
            for hidden in other.hidden:
                one.pop(hidden, None)
            populate(call, other, one, depth + 1)
            one.pop(link.back, None)
        if link.is_list:
            row[key] = found
        elif found:
            row[key] = found[0]
        elif row[key] is not None:
            row[key] = dangling(call, table if call.server.feature_level == "2.x" else other)
