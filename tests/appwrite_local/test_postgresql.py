"""The text semantics of PostgreSQL: what compares by case, where nulls stand, what is unique."""

from __future__ import annotations

import pytest

from tests.appwrite_local.api import Api, query

WORDS = {"a": "alpha", "b": "ALPHA", "c": "álpha", "d": "alpha ", "e": "beta", "f": None}


@pytest.fixture(params=["1.9", "2.x"])
def api(request: pytest.FixtureRequest) -> Api:
    api = Api(engine="postgresql", feature_level=request.param)
    rows = api.rows = api.make_table(columns={"s": "varchar", "n": "integer"})
    api.made(rows, {"rows": [{"$id": row_id, "s": text, "n": 1} for row_id, text in WORDS.items()]})
    return api


def found(api: Api, *queries: str) -> str:
    status, answer = api.get(api.rows, queries=queries)
    assert status == 200, answer
    return "".join(row["$id"] for row in answer["rows"])


@pytest.mark.parametrize(
    ("method", "value", "expected"),
    [
        ("equal", "alpha", "a"), ("equal", "ALPHA", "b"), ("equal", "alpha ", "d"), ("notEqual", "alpha", "bcde"),
        ("lessThan", "alpha", "b"), ("greaterThanEqual", "beta", "ce"),
        ("contains", "LPH", "abcd"), ("notContains", "lph", "e"), ("startsWith", "AL", "abd"), ("notStartsWith", "al", "ce"),
        ("endsWith", "PHA", "abc"), ("notEndsWith", "pha", "de"), ("startsWith", "%", ""), ("contains", "_", ""),
    ],
)  # fmt: skip
def test_equality_has_case_and_patterns_have_not(
    api: Api, method: str, value: str, expected: str
) -> None:
    assert found(api, query(method, "s", value)) == expected


def test_order_is_by_code_point_and_nulls_come_last(api: Api) -> None:
    assert found(api, query("orderAsc", "s")) == "badecf"
    assert found(api, query("orderDesc", "s")) == "fcedab"


def test_pages_follow_that_order(api: Api) -> None:
    assert found(api, query("orderAsc", "s"), query("cursorAfter", "", "d")) == "ec"
    assert (
        found(api, query("orderAsc", "s"), query("cursorBefore", "", "e"), query("limit", "", 2))
        == "ad"
    )


def test_ids_are_found_and_taken_without_case(api: Api) -> None:
    assert found(api, query("equal", "$id", "A")) == "a"
    assert found(api, query("startsWith", "$id", "A")) == "a"
    assert api.get(f"{api.rows}/A")[1]["$id"] == "a"
    assert api.post(api.rows, {"rowId": "A", "data": {"n": 1}})[1]["type"] == "row_already_exists"


@pytest.fixture
def unique(api: Api) -> Api:
    api.made("/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]})
    return api


def test_unique_indexes_tell_case_apart(unique: Api) -> None:
    assert unique.post(unique.rows, {"rowId": "x", "data": {"s": "Alpha"}})[0] == 201
    status, answer = unique.post(unique.rows, {"rowId": "y", "data": {"s": "alpha"}})
    assert (status, answer["type"]) == (409, "row_unique_constraint_violation")


def test_unique_indexes_allow_many_nulls(unique: Api) -> None:
    assert unique.post(unique.rows, {"rowId": "x", "data": {"s": None}})[0] == 201


def test_an_upsert_into_a_unique_clash_is_refused_and_changes_nothing(unique: Api) -> None:
    status, answer = unique.put(f"{unique.rows}/new", {"data": {"s": "alpha", "n": 2}})
    assert (status, answer["type"]) == (409, "row_unique_constraint_violation")
    assert unique.get(f"{unique.rows}/a")[1]["n"] == 1
    assert unique.get(f"{unique.rows}/new")[0] == 404
    status, answer = unique.put(unique.rows, {"rows": [{"$id": "new", "s": "beta"}]})
    assert (status, answer["type"]) == (409, "row_unique_constraint_violation")


def test_an_upsert_into_ones_own_row_is_none(unique: Api) -> None:
    assert unique.put(f"{unique.rows}/a", {"data": {"s": "alpha", "n": 2}})[0] == 200
    assert unique.get(f"{unique.rows}/a")[1]["n"] == 2


def test_an_index_by_prefix_tells_case_apart(api: Api) -> None:
    api.made("/tablesdb/d/tables/t/columns/text", {"key": "t", "required": False})
    api.made(
        "/tablesdb/d/tables/t/indexes",
        {"key": "p", "type": "unique", "columns": ["t"], "lengths": [3]},
    )
    assert api.post(api.rows, {"rowId": "x", "data": {"t": "abcd"}})[0] == 201
    assert api.post(api.rows, {"rowId": "y", "data": {"t": "ABCe"}})[0] == 201
    assert api.post(api.rows, {"rowId": "z", "data": {"t": "abcz"}})[0] == 409


def test_groups_and_distinct_rows_tell_case_apart() -> None:
    api = Api(engine="postgresql", feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(
        rows,
        {
            "rows": [
                {"$id": f"r{place}", "s": text} for place, text in enumerate(["a", "A", None, "a"])
            ]
        },
    )
    grouped = api.get(rows, queries=[query("groupBy", "", "s"), query("count", "*", "n")])[1][
        "rows"
    ]
    assert [(row["s"], row["n"]) for row in grouped] == [("A", "1"), ("a", "2"), (None, "1")]
    distinct = api.get(
        rows, queries=[query("distinct"), query("select", "", "s"), query("orderAsc", "s")]
    )[1]["rows"]
    assert [row["s"] for row in distinct] == ["A", "a", None]
    assert api.get(rows, queries=[query("regex", "s", "^a$")])[1]["total"] == 2


def test_deviations_are_of_a_sample() -> None:
    api = Api(engine="postgresql", feature_level="2.x")
    rows = api.make_table(columns={"n": "integer"})
    api.made(rows, {"rows": [{"$id": "a", "n": 1}, {"$id": "b", "n": 3}]})
    wanted = [query("stddev", "n", "s"), query("variance", "n", "v"), query("varPop", "n", "p")]
    row = api.get(rows, queries=wanted)[1]["rows"][0]
    assert (row["s"], row["v"], row["p"]) == ("1.4142", "2.0000", "1.0000")
