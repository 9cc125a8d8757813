from __future__ import annotations

import json
from typing import Any

import pytest

from tests.appwrite_local.api import ENDPOINT, Api, query
from tests.appwrite_local.shop import BLANKS, ORDER_ROWS, listed, open_shop


@pytest.fixture(scope="module")
def shop() -> Api:
    return open_shop()


def one(shop: Api, method: str, attribute: str, *filters: str) -> Any:
    return listed(shop, query(method, attribute, "x"), *filters)[0]["x"]


@pytest.mark.parametrize(
    ("method", "attribute", "expected"),
    [
        ("count", "*", "4"), ("count", "pieces", "3"), ("count", "$id", "4"), ("count", "tags", "4"),
        ("countDistinct", "customer", "3"), ("countDistinct", "tags", "3"), ("countDistinct", "paid", "2"),
        ("sum", "pieces", "7"), ("sum", "price", "0.6000000000000001"), ("sum", "paid", "1"), ("sum", "customer", "0"),
        ("sum", "at", "60780306000000.000"), ("sum", "$sequence", "10"),
        ("avg", "pieces", "2.3333"), ("avg", "price", "0.20000000000000004"), ("avg", "paid", "0.3333"),
        ("avg", "at", "20260102000000.0000000"), ("avg", "customer", "0"),
        ("min", "pieces", "1"), ("max", "price", "0.3"), ("min", "at", "2026-01-01 00:00:00.000"), ("max", "paid", "1"),
        ("min", "customer", "c0"), ("max", "customer", "gone"), ("max", "tags", "[]"), ("max", "$id", "o3"),
        ("stddev", "pieces", "1.2472"), ("stddevPop", "pieces", "1.2472"), ("stddevSamp", "pieces", "1.5275"),
        ("variance", "pieces", "1.5556"), ("varPop", "pieces", "1.5556"), ("varSamp", "pieces", "2.3333"),
        ("varSamp", "price", "0.009999999999999995"), ("stddev", "customer", "0"),
        ("bitAnd", "pieces", "0"), ("bitOr", "pieces", "7"), ("bitXor", "pieces", "7"),
    ],
)  # fmt: skip
def test_results_are_texts_as_mariadb_writes_them(
    shop: Api, method: str, attribute: str, expected: str
) -> None:
    assert one(shop, method, attribute) == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("count", "0"), ("countDistinct", "0"), ("sum", None), ("avg", None), ("min", None), ("max", None), ("stddev", None),
        ("varSamp", None), ("bitAnd", "18446744073709551615"), ("bitOr", "0"), ("bitXor", "0"),
    ],
)  # fmt: skip
def test_nothing_aggregates_to_null_but_for_counts_and_bits(
    shop: Api, method: str, expected: str | None
) -> None:
    assert one(shop, method, "pieces", query("equal", "pieces", 99)) == expected


def test_a_sample_of_one_has_no_deviation(shop: Api) -> None:
    assert one(shop, "stddevSamp", "pieces", query("equal", "pieces", 1)) is None
    assert one(shop, "stddevPop", "pieces", query("equal", "pieces", 1)) == "0.0000"


def test_bits_of_doubles_are_rounded_half_to_even() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"f": "float"})
    api.made(rows, {"rows": [{"$id": "a", "f": 2.5}, {"$id": "b", "f": 3.5}]})
    assert listed(api, query("bitXor", "f", "x"), path=rows) == [{"x": str(2 ^ 4)}]


def test_sums_of_big_integers_are_exact() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"n": "bigint"})
    values = [2**63 - 1, 2**63 - 1, -5]
    api.made(
        rows, {"rows": [{"$id": f"r{place}", "n": value} for place, value in enumerate(values)]}
    )
    assert listed(api, query("sum", "n", "s"), query("avg", "n", "a"), path=rows) == [
        {"s": "18446744073709551609", "a": "6148914691236517203.0000"}
    ]


def test_text_counts_as_the_number_it_begins_with() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    texts = ["12abc", "x", " 3.5e1", "-2"]
    api.made(rows, {"rows": [{"$id": f"r{place}", "s": text} for place, text in enumerate(texts)]})
    assert listed(api, query("sum", "s", "x"), path=rows) == [{"x": "45"}]


def test_of_texts_that_are_equal_the_first_is_given() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(
        rows,
        {"rows": [{"$id": "a", "s": "ann"}, {"$id": "b", "s": "Ann"}, {"$id": "c", "s": "Änn"}]},
    )
    wanted = [query("min", "s", "low"), query("max", "s", "high"), query("countDistinct", "s", "n")]
    assert listed(api, *wanted, path=rows) == [{"low": "ann", "high": "ann", "n": "1"}]


def test_an_answer_has_no_id_and_blank_dates(shop: Api) -> None:
    _, answer = shop.get(ORDER_ROWS, queries=[query("count", "*", "n")])
    assert answer == {"total": 4, "rows": [{"n": "4", **BLANKS}]}


def test_total_counts_rows_that_match_and_can_be_left_out(shop: Api) -> None:
    wanted = [query("count", "*", "n"), query("isNotNull", "pieces")]
    assert shop.get(ORDER_ROWS, queries=wanted)[1]["total"] == 3
    assert shop.get(ORDER_ROWS, queries=wanted, total="0")[1]["total"] == 0


@pytest.mark.parametrize(
    ("method", "attribute", "name"),
    [
        ("count", "*", "COUNT(*)"), ("count", "pieces", "COUNT(`pieces`)"), ("countDistinct", "customer", "COUNT(DISTINCT `customer`)"),
        ("stddevPop", "pieces", "STDDEV_POP(`pieces`)"), ("bitOr", "pieces", "BIT_OR(`pieces`)"), ("min", "$id", "MIN(`_uid`)"),
    ],
)  # fmt: skip
def test_without_an_alias_the_key_is_the_expression(
    shop: Api, method: str, attribute: str, name: str
) -> None:
    plain = json.dumps({"method": method, "attribute": attribute})
    assert list(listed(shop, plain)[0]) == [name]


def test_aliases_are_taken_as_they_are(shop: Api) -> None:
    hostile = "n'; DROP TABLE rows_1; --"
    assert listed(shop, query("count", "*", hostile)) == [{hostile: "4"}]
    assert listed(shop, query("count", "*", 5)) == [{"5": "4"}]
    assert shop.get(ORDER_ROWS, queries=[query("count", "*", "x" * 256)])[0] == 200
    assert shop.get(ORDER_ROWS, queries=[query("count", "*", "x" * 257)])[0] == 500
    assert shop.get(ORDER_ROWS, queries=[query("count", "*", ["x"])])[0] == 500


@pytest.mark.parametrize(
    ("method", "attribute"),
    [("sum", "nope"), ("sum", "*"), ("sum", ""), ("countDistinct", "*"), ("min", "a.b")],
)
def test_what_cannot_be_aggregated_is_a_server_error(
    shop: Api, method: str, attribute: str
) -> None:
    assert shop.get(ORDER_ROWS, queries=[query(method, attribute, "x")])[0] == 500


def test_beside_aggregates_a_selected_column_is_the_first_rows(shop: Api) -> None:
    assert listed(shop, query("sum", "pieces", "s"), query("select", "", "$id", "customer")) == [
        {"s": "7", "_uid": "o0", "customer": "c0"}
    ]


def test_groups_come_in_the_order_of_what_they_are_grouped_by(shop: Api) -> None:
    assert listed(shop, query("groupBy", "", "paid"), query("count", "*", "n")) == [
        {"paid": None, "n": "1"}, {"paid": "0", "n": "2"}, {"paid": "1", "n": "1"},
    ]  # fmt: skip


def test_groups_are_ordered_by_number_not_by_text() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"g": "varchar", "n": "integer"})
    api.made(rows, {"rows": [{"$id": f"r{n}", "g": f"g{n}", "n": n} for n in (9, 10, 100)]})
    wanted = [query("groupBy", "", "g"), query("sum", "n", "s")]
    assert [row["s"] for row in listed(api, *wanted, query("orderDesc", "s"), path=rows)] == [
        "100",
        "10",
        "9",
    ]
    assert [row["s"] for row in listed(api, *wanted, query("orderAsc", "n"), path=rows)] == [
        "9",
        "10",
        "100",
    ]


def test_groups_are_paged(shop: Api) -> None:
    wanted = [query("groupBy", "", "customer"), query("count", "*", "n"), query("orderDesc", "n")]
    assert listed(shop, *wanted, query("limit", "", 1)) == [{"customer": "c0", "n": "2"}]
    assert listed(shop, *wanted, query("offset", "", 2)) == [{"customer": "gone", "n": "1"}]
    status, answer = shop.get(ORDER_ROWS, queries=[*wanted, query("cursorAfter", "", "o1")])
    assert (status, answer["message"]) == (
        400,
        "Cursor pagination is not supported with aggregation queries",
    )


def test_groups_have_25_to_a_page_like_rows() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"n": "integer"})
    api.made(rows, {"rows": [{"$id": f"r{n}", "n": n} for n in range(30)]})
    assert len(listed(api, query("groupBy", "", "n"), path=rows)) == 25


def having(*conditions: dict[str, Any]) -> str:
    return json.dumps({"method": "having", "values": list(conditions)})


def condition(method: str, attribute: str, *values: Any) -> dict[str, Any]:
    return {"method": method, "attribute": attribute, "values": list(values)}


def groups_with(shop: Api, *conditions: dict[str, Any]) -> list[str]:
    wanted = [
        query("groupBy", "", "customer"),
        query("count", "*", "n"),
        query("sum", "pieces", "s"),
    ]
    return [row["customer"] for row in listed(shop, *wanted, having(*conditions))]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([condition("greaterThan", "n", 1)], ["c0"]),
        ([condition("lessThanEqual", "n", 1), condition("isNotNull", "s")], ["c1"]),
        ([condition("between", "s", 3, 4)], ["c0", "c1"]),
        ([condition("notBetween", "s", 4, 9)], ["c0"]),
        ([condition("notEqual", "s", 3)], ["c1"]),
        ([condition("isNull", "s")], ["gone"]),
        ([condition("equal", "customer", "C1", "Gone")], ["c1", "gone"]),
        ([condition("startsWith", "customer", "G")], ["gone"]),
        ([condition("notContains", "customer", "o")], ["c0", "c1"]),
        ([condition("regex", "customer", "^c\\d$")], ["c0", "c1"]),
        ([{"method": "or", "values": [condition("equal", "n", 2), condition("isNull", "s")]}], ["c0", "gone"]),
        ([{"method": "and", "values": [condition("equal", "n", 1), condition("equal", "s", 4)]}], ["c1"]),
        ([condition("greaterThan", "n", "0.5x")], ["c0", "c1", "gone"]),
    ],
)  # fmt: skip
def test_having_filters_groups(
    shop: Api, conditions: list[dict[str, Any]], expected: list[str]
) -> None:
    assert groups_with(shop, *conditions) == expected


def test_having_sees_only_what_is_answered(shop: Api) -> None:
    grouped = [query("groupBy", "", "customer"), query("count", "*", "n")]
    assert (
        shop.get(ORDER_ROWS, queries=[*grouped, having(condition("equal", "pieces", 1))])[0] == 500
    )
    assert shop.get(ORDER_ROWS, queries=[having(condition("equal", "n", 1))])[0] == 500
    assert [
        row["pieces"] for row in listed(shop, having(condition("greaterThan", "pieces", 1)))
    ] == [2, 4]


def test_groups_of_equal_text_show_the_first_spelling() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(
        rows,
        {"rows": [{"$id": "a", "s": "Ann"}, {"$id": "b", "s": "ANN "}, {"$id": "c", "s": "bob"}]},
    )
    assert listed(api, query("groupBy", "", "s"), query("count", "*", "n"), path=rows) == [
        {"s": "Ann", "n": "2"}, {"s": "bob", "n": "1"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"method":"groupBy","values":[]}', "Invalid query: GroupBy requires at least one attribute"),
        ('{"method":"having","values":[]}', "Invalid query: Having requires at least one condition"),
        ('{"method":"median","attribute":"pieces"}', "Invalid query method: median"),
        ('{"method":"union","values":[]}', "Invalid query method: union"),
        ('{"method":"raw","values":["1=1"]}', "Raw queries cannot be parsed from untrusted input; construct via Query::raw() in code"),
    ],
)  # fmt: skip
def test_refusals(shop: Api, text: str, message: str) -> None:
    status, answer = shop.get(ORDER_ROWS, queries=[text])
    assert (status, answer["type"], answer["message"]) == (400, "general_query_invalid", message)


def test_bulk_calls_with_aggregates_change_nothing() -> None:
    api = open_shop()
    wanted = [query("count", "*", "n")]
    status, answer = api.patch(ORDER_ROWS, {"data": {"pieces": 99}, "queries": wanted})
    assert (status, answer["total"], answer["rows"][0]["n"], answer["rows"][0]["$id"]) == (
        200,
        1,
        "4",
        None,
    )
    assert api.delete(ORDER_ROWS, {"queries": [query("groupBy", "", "paid")]})[1]["total"] == 3
    assert listed(api, query("max", "pieces", "m"), query("count", "*", "n")) == [
        {"m": "4", "n": "4"}
    ]


def test_bulk_calls_with_distinct_rows_are_like_others() -> None:
    api = open_shop()
    status, answer = api.patch(
        ORDER_ROWS,
        {"data": {"pieces": 7}, "queries": [query("distinct"), query("equal", "customer", "c0")]},
    )
    assert (status, answer["total"]) == (200, 2)
    assert (
        api.delete(ORDER_ROWS, {"queries": [query("distinct"), query("equal", "pieces", 7)]})[1][
            "total"
        ]
        == 2
    )
    assert listed(api, query("count", "*", "n")) == [{"n": "2"}]


def test_the_stable_server_knows_none_of_this() -> None:
    api = Api(feature_level="1.9")
    rows = api.make_table(columns={"n": "integer"})
    for method in ("count", "groupBy", "having", "distinct", "join", "regex"):
        status, answer = api.get(rows, queries=[query(method, "n", "x")])
        assert (status, answer["message"]) == (400, f"Invalid query method: {method}")
    assert api.session.post(f"{ENDPOINT}{rows}/query", json={}).status_code == 404


def test_bulk_calls_with_distinct_values_change_nothing_even_with_ids() -> None:
    api = open_shop()
    chosen = [query("distinct"), query("select", "", "$id", "customer")]
    assert api.patch(ORDER_ROWS, {"data": {"pieces": 7}, "queries": chosen})[1]["total"] == 4
    assert api.delete(ORDER_ROWS, {"queries": chosen})[1]["total"] == 4
    assert listed(api, query("count", "*", "n"), query("sum", "pieces", "s")) == [
        {"n": "4", "s": "7"}
    ]


def test_numbers_without_measure_are_the_largest_or_null() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(rows, {"rows": [{"$id": "a", "s": "1e999"}, {"$id": "b", "s": "9e308"}]})
    wanted = [
        query("sum", "s", "sum"),
        query("avg", "s", "avg"),
        query("variance", "s", "var"),
        query("bitOr", "s", "bits"),
    ]
    assert listed(api, *wanted, path=rows) == [
        {"sum": None, "avg": None, "var": "0", "bits": str(2**63 - 1)}
    ]
    assert listed(api, query("sum", "s", "x"), query("equal", "$id", "a"), path=rows) == [
        {"x": "1.7976931348623157e308"}
    ]


@pytest.mark.parametrize("method", ["sum", "count", "avg", "min", "countDistinct"])
def test_a_name_with_a_dot_is_none_to_the_database(shop: Api, method: str) -> None:
    status, body = shop.get(ORDER_ROWS, queries=[query(method, "pieces", "a.b")])
    assert (status, body["type"]) == (500, "general_unknown")
