from __future__ import annotations

import json
from typing import Any

import pytest

from tests.appwrite_local.api import GUEST, Api, query
from tests.appwrite_local.shop import CUSTOMER_ROWS, ORDER_ROWS, listed, open_shop

JOIN = query("join", "customers", "customer", "=", "$id", "x")
LEFT = query("leftJoin", "customers", "customer", "=", "$id", "x")
RIGHT = query("rightJoin", "customers", "customer", "=", "$id", "x")
FULL = query("fullOuterJoin", "customers", "customer", "=", "$id", "x")
NAMES = query("select", "", "pieces", "x.name")


@pytest.fixture(scope="module")
def shop() -> Api:
    return open_shop()


def pairs(shop: Api, *queries: str) -> list[tuple[Any, Any]]:
    return [(row["pieces"], row["x.name"]) for row in listed(shop, *queries, NAMES)]


def test_inner_join_leaves_out_rows_without_a_match(shop: Api) -> None:
    assert pairs(shop, JOIN) == [(1, "Ann"), (2, "Ann"), (4, "Bob")]


def test_left_join_keeps_every_row_of_the_asked_table(shop: Api) -> None:
    assert pairs(shop, LEFT) == [(1, "Ann"), (2, "Ann"), (4, "Bob"), (None, None)]


def test_right_join_keeps_every_row_of_the_joined_table(shop: Api) -> None:
    assert pairs(shop, RIGHT, query("orderDesc", "pieces")) == [
        (4, "Bob"),
        (2, "Ann"),
        (1, "Ann"),
        (None, "ann"),
    ]


def test_full_join_keeps_every_row(shop: Api) -> None:
    assert sorted(map(str, pairs(shop, FULL))) == [
        "(1, 'Ann')",
        "(2, 'Ann')",
        "(4, 'Bob')",
        "(None, 'ann')",
        "(None, None)",
    ]


def test_full_joins_are_ordered_and_paged_as_one(shop: Api) -> None:
    ordered = [FULL, query("orderAsc", "x.name"), query("orderAsc", "pieces")]
    assert pairs(shop, *ordered) == [
        (None, None),
        (None, "ann"),
        (1, "Ann"),
        (2, "Ann"),
        (4, "Bob"),
    ]
    assert pairs(shop, *ordered, query("offset", "", 1), query("limit", "", 2)) == [
        (None, "ann"),
        (1, "Ann"),
    ]


def test_cross_join_pairs_all(shop: Api) -> None:
    assert listed(shop, query("crossJoin", "customers", "x"), query("count", "*", "n")) == [
        {"n": "12"}
    ]


def test_total_counts_pairs(shop: Api) -> None:
    for join, total in ((JOIN, 3), (LEFT, 4), (RIGHT, 4), (FULL, 5)):
        assert shop.get(ORDER_ROWS, queries=[join, query("limit", "", 1)])[1]["total"] == total


def test_rows_without_one_of_the_asked_table_have_blanks(shop: Api) -> None:
    row = shop.get(ORDER_ROWS, queries=[RIGHT, NAMES, query("isNull", "$id")])[1]["rows"][0]
    assert row == {
        "pieces": None, "x.name": "ann", "name": "ann", "tags": [], "$id": "", "$sequence": "", "$createdAt": "", "$updatedAt": "",
        "$permissions": [], "$databaseId": "d", "$tableId": "orders",
    }  # fmt: skip


def test_joined_values_are_texts_and_own_ones_are_not(shop: Api) -> None:
    join = query("join", "orders", "$id", "=", "customer", "o")
    row = listed(
        shop,
        join,
        query("select", "", "name", "age", "o.pieces", "o.price", "o.paid", "o.at", "o.tags"),
        path=CUSTOMER_ROWS,
    )[0]
    assert row["age"] == 30
    assert {key: value for key, value in row.items() if key.startswith("o.")} == {
        "o.pieces": "1", "o.price": "0.1", "o.paid": "1", "o.at": "2026-01-01 00:00:00.000", "o.tags": '["x","y\\/\\u00e9"]',
    }  # fmt: skip
    assert row["pieces"] == "1"


def test_without_select_joined_columns_stand_beside_own_ones(shop: Api) -> None:
    row = listed(shop, JOIN, query("limit", "", 1))[0]
    assert row == {
        "customer": "c0", "pieces": 1, "price": 0.1, "paid": True, "at": "2026-01-01T00:00:00.000+00:00", "tags": ["x", "y/é"],
        "name": "Ann", "city": "Rome", "age": "30",
    }  # fmt: skip


def test_joined_columns_can_be_filtered_and_ordered(shop: Api) -> None:
    assert pairs(
        shop, JOIN, query("equal", "x.name", "ANN"), query("greaterThan", "pieces", 1)
    ) == [(2, "Ann")]
    assert pairs(shop, LEFT, query("isNull", "x.$id")) == [(None, None)]
    assert pairs(shop, JOIN, query("orderDesc", "x.age"), query("orderDesc", "pieces")) == [
        (4, "Bob"),
        (2, "Ann"),
        (1, "Ann"),
    ]
    either = json.dumps(
        {
            "method": "or",
            "values": [
                json.loads(query("equal", "x.name", "Bob")),
                json.loads(query("equal", "pieces", 1)),
            ],
        }
    )
    assert pairs(shop, JOIN, either) == [(1, "Ann"), (4, "Bob")]


def test_values_for_joined_columns_are_converted_as_the_database_does(shop: Api) -> None:
    assert pairs(shop, JOIN, query("equal", "x.age", "40")) == [(4, "Bob")]
    assert pairs(shop, JOIN, query("greaterThan", "x.age", "35 years")) == [(4, "Bob")]
    assert pairs(shop, JOIN, query("equal", "x.name", 5)) == []


def test_cursor_pages_over_a_join(shop: Api) -> None:
    assert pairs(shop, JOIN, query("cursorAfter", "", "o0")) == [(2, "Ann"), (4, "Bob")]
    assert pairs(shop, JOIN, query("cursorBefore", "", "o2"), query("limit", "", 1)) == [(2, "Ann")]


def test_cursor_with_an_order_by_a_joined_column_is_refused(shop: Api) -> None:
    status, answer = shop.get(
        ORDER_ROWS, queries=[JOIN, query("orderAsc", "x.name"), query("cursorAfter", "", "o0")]
    )
    assert (status, answer["type"]) == (400, "database_query_order_null")


def test_joins_are_aggregated_and_grouped(shop: Api) -> None:
    wanted = [
        query("groupBy", "", "x.city"),
        query("sum", "pieces", "s"),
        query("count", "x.$id", "n"),
    ]
    assert listed(shop, LEFT, *wanted) == [
        {"city": None, "s": None, "n": "0"},
        {"city": "Oslo", "s": "4", "n": "1"},
        {"city": "Rome", "s": "3", "n": "2"},
    ]


def test_a_full_join_is_aggregated_half_by_half(shop: Api) -> None:
    assert listed(shop, FULL, query("count", "*", "n")) == [{"n": "4"}, {"n": "1"}]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("=", "0"), ("!=", "6"), ("<>", "6"), ("<", "6"), ("<=", "6"), (">", "0"), (">=", "0")],
)
def test_operators(shop: Api, operator: str, expected: str) -> None:
    assert listed(
        shop, query("join", "customers", "pieces", operator, "age", "x"), query("count", "*", "n")
    ) == [{"n": expected}]


def on(*values: Any) -> dict[str, Any]:
    return {"method": "on", "values": list(values)}


def test_several_conditions_and_filters_of_a_join(shop: Api) -> None:
    conditions = [
        "x",
        on("customer", "=", "$id"),
        {"method": "equal", "attribute": "x.city", "values": ["Rome"]},
    ]
    assert pairs(shop, query("leftJoin", "customers", *conditions)) == [
        (1, "Ann"),
        (2, "Ann"),
        (4, None),
        (None, None),
    ]
    both = query("join", "customers", on("customer", "=", "$id"), on("pieces", "<", "age"))
    assert listed(shop, both, query("count", "*", "n")) == [{"n": "3"}]


def test_chained_joins_name_earlier_ones(shop: Api) -> None:
    chained = query("join", "orders", "x.$id", "=", "customer", "again")
    wanted = [
        JOIN,
        chained,
        query("select", "", "pieces", "again.pieces"),
        query("equal", "pieces", 1),
    ]
    assert [row["again.pieces"] for row in listed(shop, *wanted)] == ["1", "2"]
    assert shop.get(ORDER_ROWS, queries=[chained, JOIN])[0] == 500


def test_right_join_of_a_join(shop: Api) -> None:
    chained = query("rightJoin", "customers", "customer", "=", "$id", "all")
    rows = listed(shop, JOIN, chained, query("select", "", "pieces", "all.name"))
    assert sorted((str(row["pieces"]), row["all.name"]) for row in rows) == [
        ("1", "Ann"),
        ("2", "Ann"),
        ("4", "Bob"),
        ("None", "ann"),
    ]


def test_a_table_joined_with_itself(shop: Api) -> None:
    twin = query("join", "orders", "customer", "=", "customer", "o")
    assert listed(shop, twin, query("count", "*", "n")) == [{"n": "6"}]
    assert listed(shop, twin, query("limit", "", 1))[0]["pieces"] == 1


def test_text_is_joined_with_numbers_as_a_number(shop: Api) -> None:
    api = Api(feature_level="2.x")
    texts, numbers = (
        api.make_table("a", columns={"s": "varchar"}),
        api.make_table("b", columns={"n": "integer"}),
    )
    api.made(texts, {"rows": [{"$id": "x", "s": "7 dwarfs"}, {"$id": "y", "s": "none"}]})
    api.made(numbers, {"rows": [{"$id": "seven", "n": 7}]})
    assert listed(
        api, query("join", "b", "s", "=", "n", "j"), query("select", "", "s"), path=texts
    ) == [{"s": "7 dwarfs"}]


def test_distinct_over_a_join(shop: Api) -> None:
    assert [
        row["x.city"]
        for row in listed(shop, query("distinct"), LEFT, query("select", "", "x.city"))
    ] == [
        "Rome",
        "Oslo",
        None,
    ]


def test_one_row_with_what_is_joined(shop: Api) -> None:
    assert shop.get(f"{ORDER_ROWS}/o2", queries=[JOIN, NAMES])[1]["x.name"] == "Bob"
    assert shop.get(f"{ORDER_ROWS}/o3", queries=[JOIN, NAMES])[0] == 404
    assert shop.get(f"{ORDER_ROWS}/o3", queries=[LEFT, NAMES])[1]["x.name"] is None
    status, answer = shop.get(f"{ORDER_ROWS}/o2", queries=[query("count", "*", "n")])
    assert (status, answer["message"]) == (400, "Invalid query method: count")


@pytest.mark.parametrize(
    ("join", "status", "message"),
    [
        (query("join", "customers", "customer", "like", "$id"), 400, "Invalid join operator: like"),
        (query("join", "customers", "customer"), 400, "Invalid join operator: "),
        (query("join", "customers", 5, "=", "$id"), 400, "Join columns must be strings"),
        (query("join", "customers", "customer", ["="], "$id"), 400, "Invalid join operator: ['=']"),
        (query("join", "", "customer", "=", "$id"), 400, "Invalid query: Join requires a table name"),
        (query("naturalJoin", "customers"), 400, "Invalid query: Natural joins are not supported"),
        (query("join", "nope", "customer", "=", "$id"), 404, "Table with the requested ID 'nope' could not be found."),
        (query("join", "customers"), 404, "Table with the requested ID 'orders' could not be found."),
        (query("join", "customers", "nope", "=", "$id"), 500, "Server Error"),
        (query("join", "customers", "customer", "=", "nope"), 500, "Server Error"),
        (query("join", "customers", "customer", "="), 500, "Server Error"),
    ],
)  # fmt: skip
def test_refusals(shop: Api, join: str, status: int, message: str) -> None:
    answered, answer = shop.get(ORDER_ROWS, queries=[join])
    assert (answered, answer["message"]) == (status, message)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (query("select", "", "name"), 400), (query("select", "", "x.*"), 400), (query("equal", "name", "Bob"), 400),
        (query("equal", "z.name", "Bob"), 400), (query("select", "", "x.nope"), 500), (query("equal", "x.nope", 1), 500),
        (query("orderAsc", "x.nope"), 500), (JOIN, 500),
    ],
)  # fmt: skip
def test_names_that_do_not_exist(shop: Api, other: str, status: int) -> None:
    assert shop.get(ORDER_ROWS, queries=[JOIN, other])[0] == status


@pytest.mark.parametrize(
    "alias", ["main", "m", "j1", "bad alias", "x'; DROP TABLE rows_1; --", 'x" --', "`x`"]
)
def test_aliases_never_reach_the_database(shop: Api, alias: str) -> None:
    join = query("join", "customers", "customer", "=", "$id", alias)
    wanted = query("select", "", f"{alias}.name")
    assert [row[f"{alias}.name"] for row in listed(shop, join, wanted)] == ["Ann", "Ann", "Bob"]


def test_bulk_calls_do_not_know_joined_tables() -> None:
    api = open_shop()
    status, answer = api.patch(ORDER_ROWS, {"data": {"pieces": 9}, "queries": [JOIN]})
    assert (status, answer["message"]) == (400, "Joined collection 'customers' not found")
    assert api.delete(ORDER_ROWS, {"queries": [JOIN]})[0] == 400


def test_a_guest_must_be_able_to_read_the_whole_joined_table() -> None:
    api = open_shop()
    guest = api.acting_as(GUEST)
    orders, customers = "/tablesdb/d/tables/orders", "/tablesdb/d/tables/customers"
    api.put(orders, {"permissions": ['read("any")']})
    assert guest.get(ORDER_ROWS, queries=[JOIN])[0] == 401
    api.put(customers, {"rowSecurity": True, "permissions": []})
    api.patch(f"{CUSTOMER_ROWS}/c0", {"permissions": ['read("any")']})
    assert guest.get(ORDER_ROWS, queries=[JOIN])[0] == 401
    api.put(customers, {"permissions": ['read("any")']})
    assert guest.get(ORDER_ROWS, queries=[JOIN])[1]["total"] == 3


def test_a_guest_counts_only_rows_that_are_readable() -> None:
    api = open_shop()
    api.put("/tablesdb/d/tables/orders", {"rowSecurity": True})
    api.patch(f"{ORDER_ROWS}/o1", {"permissions": ['read("any")']})
    guest = api.acting_as(GUEST)
    assert listed(guest, query("count", "*", "n"), query("sum", "pieces", "s")) == [
        {"n": "1", "s": "2"}
    ]
    assert listed(guest, query("distinct"), query("select", "", "customer")) == [{"customer": "c0"}]


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_ids_join_text_as_the_engine_compares_ids(engine: str) -> None:
    api = open_shop(engine=engine)
    api.made(ORDER_ROWS, {"rowId": "o4", "data": {"customer": "C1", "pieces": 9}})
    in_other_case = [9] if engine == "mariadb" else []
    joined = query("join", "customers", "customer", "=", "$id", "c")
    found = listed(api, joined, query("select", "", "pieces", "c.name"))
    assert [row["pieces"] for row in found] == [1, 2, 4, *in_other_case]
    back = query("join", "orders", "$id", "=", "customer", "o")
    found = listed(api, back, query("select", "", "name"), path=CUSTOMER_ROWS)
    assert len(found) == 3 + len(in_other_case)
