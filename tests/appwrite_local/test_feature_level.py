"""What differs between the feature levels beside aggregates and joins."""

from __future__ import annotations

from typing import Any

import pytest

from tests.appwrite_local.api import Api, query
from tests.appwrite_local.shop import ORDER_ROWS, open_shop


def test_databases_have_a_status() -> None:
    assert (
        Api(feature_level="2.x").made("/tablesdb", {"databaseId": "d", "name": "D"})["status"]
        == "ready"
    )
    assert "status" not in Api(feature_level="1.9").made(
        "/tablesdb", {"databaseId": "d", "name": "D"}
    )


def test_rows_can_be_asked_by_post() -> None:
    shop = open_shop()
    for queries in ([], [query("greaterThan", "pieces", 1)], [query("count", "*", "n")]):
        assert shop.post(f"{ORDER_ROWS}/query", {"queries": queries}) == shop.get(
            ORDER_ROWS, queries=queries
        )


def test_post_honours_false() -> None:
    shop = open_shop()
    assert shop.post(f"{ORDER_ROWS}/query", {"total": False})[1]["total"] == 0
    assert shop.post(f"{ORDER_ROWS}/query", {"total": "false"})[1]["total"] == 4


def test_kept_lists_tell_posts_apart_by_their_bodies() -> None:
    shop = open_shop()
    bodies = [{"ttl": 60, "queries": [query("equal", "$id", row_id)]} for row_id in ("o0", "o1")]
    found = [shop.post(f"{ORDER_ROWS}/query", body)[1]["rows"][0]["$id"] for body in bodies]
    assert found == ["o0", "o1"]


@pytest.mark.parametrize(
    ("given", "type_", "format_", "bytes_"),
    [
        ({"type": "varchar", "size": 20}, "varchar", None, 81), ({"type": "text"}, "text", None, 20),
        ({"type": "mediumtext"}, "mediumtext", None, 20), ({"type": "longtext"}, "longtext", None, 20),
        ({"type": "email"}, "string", "email", 1017), ({"type": "url"}, "string", "url", 8002),
        ({"type": "ip"}, "string", "ip", 157), ({"type": "enum", "elements": ["a"]}, "string", "enum", 1021),
        ({"type": "integer"}, "integer", None, 4), ({"type": "bigint"}, "bigint", None, 8), ({"type": "point"}, "point", None, 25),
    ],
)  # fmt: skip
def test_every_type_of_column_can_be_made_with_its_table(
    given: dict[str, Any], type_: str, format_: str | None, bytes_: int
) -> None:
    api = Api(feature_level="2.x")
    api.made("/tablesdb", {"databaseId": "d", "name": "D"})
    table = api.made(
        "/tablesdb/d/tables", {"tableId": "t", "name": "T", "columns": [{"key": "a", **given}]}
    )
    column = table["columns"][0]
    assert (column["type"], column.get("format") or None, column["status"]) == (
        type_,
        format_,
        "available",
    )
    assert table["bytesUsed"] == 1067 + bytes_
    assert api.get("/tablesdb/d/tables/t")[1] == table


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"type": "float"}, "Invalid type for attribute 'a': float"),
        ({"type": "relationship"}, "Invalid type for attribute 'a': relationship"),
        ({"type": "varchar"}, "Invalid or missing size for string attribute 'a'. Size must be between 1 and 1073741824"),
        ({"type": "text", "format": "email"}, "Format is only allowed for string type for attribute 'a'"),
        ({"type": "enum"}, "Attribute 'a' with enum format must have 'elements' array"),
        ({"type": "enum", "elements": ["x"], "default": "y"}, "Default value for enum attribute 'a' must be one of the provided elements"),
        ({"type": "email", "default": "nobody"}, "Default value for email attribute 'a' must be a valid email address"),
        ({"type": "boolean", "default": 1}, "Default value for boolean attribute 'a' must be a boolean"),
        ({"type": "boolean", "required": "yes"}, "Invalid 'required' value for attribute 'a': must be a boolean"),
        ({"type": "text", "min": 1}, "Attribute 'a': min/max can only be used with integer, bigint or float types"),
        ({"type": "integer", "min": 2, "max": 1}, "Attribute 'a': minimum value must be less than or equal to maximum value"),
        ({"type": "integer", "max": 1, "default": 2}, "Default value for integer attribute 'a' must be between -9223372036854775808 and 1"),
        ({"type": "string", "size": 3, "default": "long"}, "Default value for attribute 'a' exceeds maximum size of 3 characters"),
        ({"type": "string", "size": "3"}, "Invalid size for attribute 'a': must be an integer"),
    ],
)  # fmt: skip
def test_refusals_of_inline_columns(given: dict[str, Any], message: str) -> None:
    api = Api(feature_level="2.x")
    api.made("/tablesdb", {"databaseId": "d", "name": "D"})
    status, answer = api.post(
        "/tablesdb/d/tables", {"tableId": "t", "name": "T", "columns": [{"key": "a", **given}]}
    )
    assert (status, answer["type"], answer["message"]) == (400, "general_argument_invalid", message)
    assert api.get("/tablesdb/d/tables/t")[0] == 404


def test_inline_keys_are_unique() -> None:
    api = Api(feature_level="2.x")
    api.made("/tablesdb", {"databaseId": "d", "name": "D"})
    columns = [{"key": "a", "type": "text"}, {"key": "a", "type": "text"}]
    assert (
        api.post("/tablesdb/d/tables", {"tableId": "t", "name": "T", "columns": columns})[1][
            "message"
        ]
        == "Duplicate attribute key: a"
    )


def test_inline_datetimes_go_to_the_database_as_they_come() -> None:
    api = Api(feature_level="2.x")
    api.made("/tablesdb", {"databaseId": "d", "name": "D"})
    api.made(
        "/tablesdb/d/tables",
        {"tableId": "t", "name": "T", "columns": [{"key": "a", "type": "datetime"}]},
    )
    rows = "/tablesdb/d/tables/t/rows"
    assert api.post(rows, {"rowId": "z", "data": {"a": "2020-01-01T00:00:00Z"}})[0] == 500
    assert api.made(rows, {"rowId": "r", "data": {"a": "2020-01-01"}})["a"] == "2020-01-01"
    assert api.get(f"{rows}/r")[1]["a"] == "2020-01-01 00:00:00.000"
    assert api.get(rows, queries=[query("equal", "a", "2020-01-01T00:00:00Z")])[1]["total"] == 1


def test_unique_violations_have_a_type_of_their_own() -> None:
    for level, error in (("1.9", "row_already_exists"), ("2.x", "row_unique_constraint_violation")):
        api = Api(feature_level=level)
        rows = api.make_table(columns={"s": "varchar"})
        api.made("/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]})
        api.made(rows, {"rowId": "a", "data": {"s": "x"}})
        api.made(rows, {"rowId": "b", "data": {"s": "y"}})
        assert api.post(rows, {"rowId": "c", "data": {"s": "X"}})[1]["type"] == error
        assert api.patch(f"{rows}/b", {"data": {"s": "x"}})[1]["type"] == error
        assert api.post(rows, {"rows": [{"$id": "d", "s": "x"}]})[1]["type"] == error
        assert (
            api.post(rows, {"rowId": "A", "data": {"s": "new"}})[1]["type"] == "row_already_exists"
        )


def test_an_upsert_of_nothing_answers_nothing() -> None:
    for level, expected in (("1.9", {"$sequence", "$databaseId", "$tableId"}), ("2.x", set())):
        api = Api(feature_level=level)
        rows = api.make_table(columns={"n": "integer"})
        assert set(api.put(f"{rows}/r", {"data": {"n": 0}})[1]) == expected


def test_regex_ignores_case_like_other_filters_of_text() -> None:
    shop = open_shop()
    found = shop.get(
        "/tablesdb/d/tables/customers/rows", queries=[query("regex", "name", "^AN+$")]
    )[1]
    assert [row["$id"] for row in found["rows"]] == ["c0", "c2"]
    assert (
        shop.get("/tablesdb/d/tables/customers/rows", queries=[query("regex", "name", "(")])[0]
        == 500
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (query("exists", "pieces"), "Invalid query: Exists queries require at least one value."),
        (query("elemMatch", "tags", {"method": "equal", "attribute": "x", "values": [1]}), "Invalid query: elemMatch is not supported by the database"),
        (query("covers", "pieces", 1), 'Invalid query: Spatial query "covers" cannot be applied on non-spatial attribute: pieces'),
        (query("not", "", {"method": "equal"}), "Invalid query method: not"),
    ],
)  # fmt: skip
def test_refusals_of_filters(text: str, message: str) -> None:
    status, answer = open_shop().get(ORDER_ROWS, queries=[text])
    assert (status, answer["message"]) == (400, message)


def test_lists_of_metadata_know_the_words_but_not_the_deeds() -> None:
    shop = open_shop()
    for path in (
        "/tablesdb",
        "/tablesdb/d/tables",
        "/tablesdb/d/tables/orders/columns",
        "/tablesdb/d/tables/orders/indexes",
    ):
        status, answer = shop.get(path, queries=[query("count", "*", "n")])
        assert (status, answer["message"]) == (
            400,
            "Invalid `queries` param: Invalid query method: count",
        )


def test_geometries_can_be_compared_by_name() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"p": "point"})
    api.made(rows, {"rows": [{"$id": "a", "p": [1, 2]}, {"$id": "b", "p": [3, 4]}]})
    for method, expected in (("spatialEquals", "a"), ("notSpatialEquals", "b")):
        found = api.get(rows, queries=[query(method, "p", [1, 2])])[1]["rows"]
        assert [row["$id"] for row in found] == [expected]


@pytest.mark.parametrize(("level", "digits"), [("1.9", 14), ("2.x", 17)])
@pytest.mark.parametrize("value", [0.1 + 0.2, 1 / 3, -2.718281828459045e-5, 1.2345678901234567e19])
def test_how_many_digits_of_a_float_are_kept(level: str, digits: int, value: float) -> None:
    api = Api(feature_level=level)
    rows = api.make_table(columns={"f": "float"})
    held = float(f"{value:.{digits}g}")
    api.made(rows, {"rowId": "one", "data": {"f": value}})
    api.made(rows, {"rows": [{"$id": "bulk", "f": value}]})
    api.made(rows, {"rowId": "changed", "data": {"f": None}})
    assert api.patch(f"{rows}/changed", {"data": {"f": value}})[0] == 200
    assert {row["f"] for row in api.get(rows)[1]["rows"]} == {held}
    api.close()
