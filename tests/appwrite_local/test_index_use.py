"""Indexes are there to be used: what SQLite says it would do with the statements that requests become."""

from __future__ import annotations

import pytest

from tests.appwrite_local.api import Api, query


@pytest.fixture(scope="module")
def api() -> Api:
    api = Api(feature_level="2.x")
    rows = api.rows = api.make_table(columns={"s": "varchar", "n": "integer", "plain": "integer"})
    for key, columns in (("by_s", ["s"]), ("by_n", ["n"]), ("by_both", ["n", "s"])):
        api.made("/tablesdb/d/tables/t/indexes", {"key": key, "type": "key", "columns": columns})
    for chunk in range(3):
        items = [{"$id": f"r{chunk}-{n}", "s": f"word {n}", "n": n, "plain": n} for n in range(100)]
        api.made(rows, {"rows": items})
    return api


def plans(api: Api, path: str, *queries: str) -> list[str]:
    """Send a GET, and explain every statement on the table's rows that it led to."""
    statements: list[str] = []
    with api.server.storage.session(writes=False) as session:
        connection = session._connection
    connection.set_trace_callback(statements.append)
    try:
        assert api.get(path, queries=queries)[0] == 200
    finally:
        connection.set_trace_callback(None)
    asked = [statement for statement in statements if " FROM rows_" in statement]
    return [
        line[3]
        for statement in asked
        for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def scans(steps: list[str]) -> list[str]:
    """Give the steps that go through the whole table."""
    return [step for step in steps if step.startswith("SCAN rows_") and "INDEX" not in step]


@pytest.mark.parametrize(
    "queries",
    [
        (query("equal", "n", 5),),
        (query("equal", "n", 5, 6, 7),),
        (query("equal", "n", *range(400)),),
        (query("equal", "s", "WORD 5"),),
        (query("startsWith", "s", "word 5"),),
        (query("between", "n", 5, 9),),
        (query("greaterThan", "s", "word 98"), query("orderAsc", "s")),
        (query("equal", "n", 5), query("startsWith", "s", "wor")),
        (query("equal", "$id", "R1-5"),),
        (query("between", "$createdAt", "2999-01-01", "2999-02-01"),),
        (query("isNull", "n"),),
    ],
)
def test_filters_on_indexed_columns_search(api: Api, queries: tuple[str, ...]) -> None:
    steps = plans(api, api.rows, *queries)
    assert any("USING INDEX" in step or "USING COVERING INDEX" in step for step in steps)
    assert not scans(steps)


@pytest.mark.parametrize("column", ["n", "s", "$createdAt", "$updatedAt", "$id"])
@pytest.mark.parametrize("order", ["orderAsc", "orderDesc"])
def test_orders_on_indexed_columns_do_not_sort(api: Api, order: str, column: str) -> None:
    steps = plans(api, api.rows, query(order, column), query("limit", "", 10))
    assert not [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"]


def test_the_default_order_is_that_of_the_table(api: Api) -> None:
    assert not [
        step for step in plans(api, api.rows, query("limit", "", 10)) if "TEMP B-TREE" in step
    ]


@pytest.mark.parametrize("cursor", ["cursorAfter", "cursorBefore"])
@pytest.mark.parametrize(
    "orders",
    [
        (),
        (query("orderAsc", "n"),),
        (query("orderDesc", "s"),),
        (query("orderDesc", "$createdAt"),),
    ],
)
def test_cursor_pages_start_at_the_cursor(api: Api, cursor: str, orders: tuple[str, ...]) -> None:
    steps = plans(api, api.rows, *orders, query(cursor, "", "r1-50"), query("limit", "", 10))
    assert [
        step
        for step in steps
        if step.startswith("SEARCH rows_1 USING")
        and ("(rowid" in step or "(_created" in step or "(f" in step or "(c" in step)
    ]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps
    assert not [step for step in steps if "MULTI-INDEX OR" in step]


def test_a_row_is_found_by_its_id(api: Api) -> None:
    assert plans(api, f"{api.rows}/r1-50") == [
        "SEARCH rows_1 USING INDEX sqlite_autoindex_rows_1_1 (_uid_fold=?)"
    ]


def test_joins_search_the_joined_table(api: Api) -> None:
    other = api.make_table("other", columns={"ref": "varchar"})
    api.made(other, {"rows": [{"$id": "a", "ref": "r1-5"}, {"$id": "b", "ref": "R2-7"}]})
    steps = plans(
        api, other, query("join", "t", "ref", "=", "$id", "x"), query("select", "", "x.n")
    )
    assert any(step.startswith("SEARCH j1 USING INDEX") for step in steps)


def test_a_column_without_an_index_is_scanned(api: Api) -> None:
    """The test of the tests: a plan that does not use an index is seen."""
    assert scans(plans(api, api.rows, query("equal", "plain", 5)))
