"""PostgreSQL: what compares by case, where nulls stand, what is unique, what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.appwrite_local.api import Api, query

WORDS = {"a": "alpha", "b": "ALPHA", "c": "álpha", "d": "alpha ", "e": "beta", "f": None}


@pytest.fixture(params=["1.9", "2.x"])
def api(request: pytest.FixtureRequest) -> Api:
    api = Api(engine="postgresql", feature_level=request.param)
    api.feature_level = request.param
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
        ("lessThan", "alpha", ""), ("lessThan", "ALPHA", "ad"), ("greaterThanEqual", "beta", "e"),
        ("contains", "LPH", "abcd"), ("notContains", "lph", "e"), ("startsWith", "AL", "abd"), ("notStartsWith", "al", "ce"),
        ("endsWith", "PHA", "abc"), ("notEndsWith", "pha", "de"), ("startsWith", "%", ""), ("contains", "_", ""),
    ],
)  # fmt: skip
def test_equality_has_case_and_patterns_have_not(
    api: Api, method: str, value: str, expected: str
) -> None:
    assert found(api, query(method, "s", value)) == expected


def test_order_is_the_locales_and_nulls_come_last(api: Api) -> None:
    assert found(api, query("orderAsc", "s")) == "adbcef"
    assert found(api, query("orderDesc", "s")) == "fecbda"


def test_pages_follow_that_order(api: Api) -> None:
    assert found(api, query("orderAsc", "s"), query("cursorAfter", "", "c")) == "e"
    assert (
        found(api, query("orderAsc", "s"), query("cursorBefore", "", "e"), query("limit", "", 2))
        == "bc"
    )


def test_ids_are_found_with_case_and_taken_without(api: Api) -> None:
    assert found(api, query("equal", "$id", "A")) == ""
    assert found(api, query("startsWith", "$id", "A")) == "a"
    assert api.get(f"{api.rows}/A")[0] == 404
    assert api.patch(f"{api.rows}/A", {"data": {"n": 2}})[0] == 404
    assert api.post(api.rows, {"rowId": "A", "data": {"n": 1}})[1]["type"] == "row_already_exists"


@pytest.fixture
def unique(api: Api) -> Api:
    api.made("/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]})
    is_old = api.feature_level == "1.9"
    api.clash = "row_already_exists" if is_old else "row_unique_constraint_violation"
    return api


def test_unique_indexes_tell_case_apart(unique: Api) -> None:
    assert unique.post(unique.rows, {"rowId": "x", "data": {"s": "Alpha"}})[0] == 201
    status, answer = unique.post(unique.rows, {"rowId": "y", "data": {"s": "alpha"}})
    assert (status, answer["type"]) == (409, unique.clash)


def test_unique_indexes_allow_many_nulls(unique: Api) -> None:
    assert unique.post(unique.rows, {"rowId": "x", "data": {"s": None}})[0] == 201


def test_an_upsert_into_a_unique_clash_is_refused_and_changes_nothing(unique: Api) -> None:
    status, answer = unique.put(f"{unique.rows}/new", {"data": {"s": "alpha", "n": 2}})
    assert (status, answer["type"]) == (409, unique.clash)
    assert unique.get(f"{unique.rows}/a")[1]["n"] == 1
    assert unique.get(f"{unique.rows}/new")[0] == 404
    status, answer = unique.put(unique.rows, {"rows": [{"$id": "new", "s": "beta"}]})
    assert (status, answer["type"]) == (409, unique.clash)


def test_an_upsert_into_ones_own_row_is_none(unique: Api) -> None:
    assert unique.put(f"{unique.rows}/a", {"data": {"s": "alpha", "n": 2}})[0] == 200
    assert unique.get(f"{unique.rows}/a")[1]["n"] == 2


def test_a_unique_index_takes_no_notice_of_lengths(api: Api) -> None:
    api.made("/tablesdb/d/tables/t/columns/text", {"key": "t", "required": False})
    api.made(
        "/tablesdb/d/tables/t/indexes",
        {"key": "p", "type": "unique", "columns": ["t"], "lengths": [3]},
    )
    assert api.post(api.rows, {"rowId": "x", "data": {"t": "abcd"}})[0] == 201
    assert api.post(api.rows, {"rowId": "y", "data": {"t": "ABCe"}})[0] == 201
    assert api.post(api.rows, {"rowId": "z", "data": {"t": "abcz"}})[0] == 201
    assert api.post(api.rows, {"rowId": "w", "data": {"t": "abcz"}})[0] == 409


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
    assert [(row["s"], row["n"]) for row in grouped] == [("a", "2"), ("A", "1"), (None, "1")]
    distinct = api.get(
        rows, queries=[query("distinct"), query("select", "", "s"), query("orderAsc", "s")]
    )[1]["rows"]
    assert [row["s"] for row in distinct] == ["a", "A", None]
    assert api.get(rows, queries=[query("regex", "s", "^a$")])[1]["total"] == 2


def test_deviations_are_of_a_sample() -> None:
    api = Api(engine="postgresql", feature_level="2.x")
    rows = api.make_table(columns={"n": "integer"})
    api.made(rows, {"rows": [{"$id": "a", "n": 1}, {"$id": "b", "n": 3}]})
    wanted = [query("stddev", "n", "s"), query("variance", "n", "v"), query("varPop", "n", "p")]
    row = api.get(rows, queries=wanted)[1]["rows"][0]
    assert (row["s"], row["v"], row["p"]) == ("1.4142", "2.0000", "1.0000")


@pytest.mark.parametrize(
    ("text", "pattern", "status"),
    [
        ("a", "x\\", 200), ("x", "x\\", 200), ("xy", "x\\", 500), ("xyx", "x\\", 500), ("yx", "x\\", 200), ("", "\\", 200), ("a", "\\", 500),
        ("a", "x\\\\", 200),
    ],
)  # fmt: skip
def test_a_backslash_at_the_end_fails_for_texts_that_get_there(
    text: str, pattern: str, status: int
) -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(rows, {"rowId": "a", "data": {"s": text}})
    assert api.get(rows, queries=[query("endsWith", "s", pattern)])[0] == status


def test_a_row_that_was_read_is_found_in_another_case_until_it_is_written() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"n": "integer"})
    api.made(rows, {"rowId": "ab", "data": {"n": 1}})
    assert api.get(f"{rows}/AB")[0] == 404
    assert api.get(f"{rows}/ab")[0] == 200
    assert api.get(f"{rows}/AB")[1]["$id"] == "ab"
    assert api.get(rows, queries=[query("cursorAfter", "", "aB")])[0] == 200
    assert api.patch(f"{rows}/AB", {"data": {"n": 2}})[0] == 404
    assert api.patch(f"{rows}/ab", {"data": {"n": 2}})[0] == 200
    assert api.get(f"{rows}/AB")[0] == 404


def test_the_rename_of_a_column_of_datetimes_breaks_its_table() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"n": "integer", "d": "datetime"})
    api.made(rows, {"rowId": "a", "data": {"n": 1, "d": "2020-01-01"}})
    renaming = {"required": False, "default": None, "newKey": "e"}
    column = "/tablesdb/d/tables/t/columns/datetime/d"
    assert api.patch(column, renaming)[0] == 500
    assert api.get("/tablesdb/d/tables/t/columns/e")[0] == 404
    assert api.get(f"{rows}/a")[1]["d"] is None
    status, answer = api.post(rows, {"rowId": "b", "data": {"n": 1}})
    assert (status, answer["type"]) == (404, "table_not_found")
    assert api.get(rows, queries=[query("isNull", "d")])[0] == 404
    assert api.get(rows, queries=[query("orderAsc", "d")])[0] == 404
    assert api.get(rows, queries=[query("select", "", "d")])[0] == 404
    assert api.patch(f"{rows}/a", {"data": {"n": 2}})[0] == 200


def test_texts_end_at_a_nul() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"s": "varchar"})
    assert api.made(rows, {"rowId": "a", "data": {"s": "ab\0c"}})["s"] == "ab\0c"
    assert api.get(f"{rows}/a")[1]["s"] == "ab"
    for method in ("equal", "endsWith", "contains"):
        assert api.get(rows, queries=[query(method, "s", "ab\0x")])[1]["total"] == 1


def test_numbers_of_integers_are_exact_and_never_fractions() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"n": "integer"})
    api.made(rows, {"rowId": "a", "data": {"n": 2**62}})
    assert api.patch(f"{rows}/a/n/decrement", {"value": 1})[1]["n"] == 2**62 - 1
    assert api.get(f"{rows}/a")[1]["n"] == 2**62 - 1
    assert api.patch(f"{rows}/a/n/decrement", {"value": 0.5})[0] == 500
    assert api.patch(f"{rows}/a/n/increment", {"value": 2**62})[1]["n"] == 2**63 - 1
    assert api.patch(f"{rows}/a/n/increment", {"value": 1})[0] == 500
    for start, by, expected in ((7, 2, 3), (-7, 2, -3), (7, -2, -3)):
        api.patch(f"{rows}/a", {"data": {"n": start}})
        divide = json.dumps({"method": "divide", "values": [by]})
        assert api.patch(f"{rows}/a", {"data": {"n": divide}})[1]["n"] == expected


def test_arrays_are_ordered_as_json() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"n": "integer"})
    api.made("/tablesdb/d/tables/t/columns/integer", {"key": "a", "required": False, "array": True})
    values = [[], [-5], [2], [10], [1, 1], [1, 3], None]
    ids = "abcdefg"
    api.made(
        rows, {"rows": [{"$id": one, "a": value} for one, value in zip(ids, values, strict=True)]}
    )
    ordered = api.get(rows, queries=[query("orderAsc", "a")])[1]["rows"]
    assert "".join(row["$id"] for row in ordered) == ids
    after = api.get(rows, queries=[query("orderAsc", "a"), query("cursorAfter", "", "d")])
    assert "".join(row["$id"] for row in after[1]["rows"]) == "ef"


@pytest.mark.parametrize("day", ["0000-00-00", "-0044-03-15", "0000-05-01"])
def test_years_before_1_are_accepted_and_the_database_fails(day: str) -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"d": "datetime"})
    assert api.post(rows, {"rowId": "a", "data": {"d": day}})[0] == 500
    assert api.get(rows, queries=[query("equal", "d", day)])[0] == 500
    assert api.post(rows, {"rowId": "b", "data": {"d": "-4714-01-01"}})[0] == 400
    assert api.post(rows, {"rowId": "c", "data": {"d": "0044-03-15"}})[0] == 201


def test_an_array_holds_no_nul() -> None:
    api = Api(engine="postgresql")
    rows = api.make_table(columns={"n": "integer"})
    column = {"key": "a", "size": 9, "required": False, "array": True}
    api.made("/tablesdb/d/tables/t/columns/varchar", column)
    assert api.post(rows, {"rowId": "a", "data": {"a": ["x\0"]}})[0] == 500
    assert api.get(rows, queries=[query("contains", "a", "x\0")])[0] == 500
