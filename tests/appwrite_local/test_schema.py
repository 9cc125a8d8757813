"""Databases, tables, columns and indexes."""

import time

import pytest

from appwrite_local import delays
from appwrite_local.server import LocalServer

from .conftest import Api, query

COLUMNS = "/tablesdb/d/tables/t/columns"
INDEXES = "/tablesdb/d/tables/t/indexes"


def test_a_column_is_processing_when_made_and_available_when_asked_for(api: Api) -> None:
    api.make_table()
    assert (
        api.ok("POST", COLUMNS + "/integer", {"key": "n", "required": False})["status"]
        == "processing"
    )
    assert api.ok("GET", COLUMNS + "/n")["status"] == "available"


def test_a_delay_keeps_columns_unusable_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    server = LocalServer(column_delay_s=10)
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    assert api.ok("GET", COLUMNS + "/n")["status"] == "processing"
    assert api.call("POST", api.rows, {"rowId": "r", "data": {"n": 1}}).error == (
        400,
        "row_invalid_structure",
    )
    assert api.call("POST", INDEXES, {"key": "i", "type": "key", "columns": ["n"]}).error == (
        400,
        "column_not_available",
    )
    now = delays.now()
    monkeypatch.setattr(delays, "now", lambda: now + 11)
    assert api.ok("GET", COLUMNS + "/n")["status"] == "available"
    api.ok("POST", api.rows, {"rowId": "r", "data": {"n": 1}})
    api.ok("DELETE", COLUMNS + "/n")
    assert api.ok("GET", COLUMNS + "/n")["status"] == "deleting"
    assert "n" not in api.ok("GET", api.rows + "/r")
    monkeypatch.setattr(delays, "now", lambda: now + 22)
    assert api.call("GET", COLUMNS + "/n").error == (404, "column_not_found")
    api.ok("POST", COLUMNS + "/boolean", {"key": "n", "required": False})
    server.close()


def set_the_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the time as tools for tests do, which replace these functions."""
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, lambda: seconds)


def wait_until_available(api: Api, path: str) -> None:
    asked = (api.ok("GET", path)["status"] == "available" for _attempt in range(5000))
    assert any(asked)


@pytest.mark.parametrize("delay_s", [0, 0.001])
def test_a_clock_that_stands_in_the_past_delays_nothing(
    monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    server = LocalServer(column_delay_s=delay_s)
    api = Api(server)
    api.make_table()
    index = {"key": "i", "type": "key", "columns": ["n"]}
    api.ok("POST", COLUMNS + "/integer", {"key": "n", "required": False})
    set_the_time(monkeypatch, 1000.0)
    wait_until_available(api, COLUMNS + "/n")
    api.ok("POST", INDEXES, index)
    set_the_time(monkeypatch, 10.0)
    wait_until_available(api, INDEXES + "/i")
    api.ok("DELETE", INDEXES + "/i")
    api.ok("DELETE", COLUMNS + "/n")
    set_the_time(monkeypatch, 1.0)
    assert any(api.call("GET", COLUMNS + "/n").status == 404 for _attempt in range(5000))
    api.ok("POST", COLUMNS + "/integer", {"key": "n", "required": False})
    wait_until_available(api, COLUMNS + "/n")
    api.ok("POST", INDEXES, index)
    server.close()


def test_a_delay_ends_with_the_machine_that_noted_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "now", lambda: 1_000_000.0)
    noted = delays.moment_after(5)
    assert delays.is_ahead(noted)
    monkeypatch.setattr(delays, "now", lambda: 20.0)
    assert not delays.is_ahead(noted)
    assert delays.is_ahead(delays.NEVER)


def test_a_new_index_reads_processing_for_a_request_where_the_server_says_so() -> None:
    server = LocalServer()
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", INDEXES, {"key": "i", "type": "key", "columns": ["n"]})
    assert [api.ok("GET", INDEXES + "/i")["status"] for _ in range(2)] == [
        "processing",
        "available",
    ]
    server.close()


def test_a_renamed_column_keeps_its_values_and_its_index(api: Api) -> None:
    api.make_table(("varchar", {"key": "a", "size": 20}))
    api.ok("POST", INDEXES, {"key": "u", "type": "unique", "columns": ["a"]})
    api.add({"$id": "r", "a": "x"})
    api.ok("PATCH", COLUMNS + "/varchar/a", {"required": False, "default": None, "newKey": "title"})
    assert api.find(query("equal", "title", "X")) == ["r"]
    assert api.ok("GET", INDEXES + "/u")["columns"] == ["title"]
    assert api.call("POST", api.rows, {"rowId": "s", "data": {"title": "X"}}).error == (
        409,
        "row_already_exists",
    )


def test_a_deleted_column_takes_its_index_along_and_its_key_can_be_used_again(api: Api) -> None:
    api.make_table(("varchar", {"key": "a", "size": 20}), ("integer", {"key": "n"}))
    api.ok("POST", INDEXES, {"key": "i", "type": "key", "columns": ["a", "n"]})
    api.add({"$id": "r", "a": "x", "n": 1})
    api.ok("DELETE", COLUMNS + "/a")
    assert api.ok("GET", INDEXES)["indexes"][0]["columns"] == ["n"]
    api.ok("POST", COLUMNS + "/boolean", {"key": "a", "required": False})
    assert api.ok("GET", api.rows + "/r")["a"] is None


def test_a_unique_index_over_duplicates_is_available_and_does_nothing(api: Api) -> None:
    api.make_table(("varchar", {"key": "a", "size": 20}))
    api.add({"$id": "r", "a": "x"}, {"$id": "s", "a": "X "})
    api.ok("POST", INDEXES, {"key": "u", "type": "unique", "columns": ["a"]})
    assert api.ok("GET", INDEXES + "/u")["status"] == "available"
    api.add({"$id": "t", "a": "x"})


def test_a_unique_index_on_a_prefix_compares_the_prefix(api: Api) -> None:
    api.make_table(("varchar", {"key": "a", "size": 20}))
    api.ok("POST", INDEXES, {"key": "u", "type": "unique", "columns": ["a"], "lengths": [3]})
    api.add({"$id": "r", "a": "abcdef"})
    assert api.call("POST", api.rows, {"rowId": "s", "data": {"a": "ABCxyz"}}).status == 409
    api.add({"$id": "s", "a": "abd"})


@pytest.mark.parametrize(("size", "status"), [(16_000, 202), (16_381, 400)])
def test_a_row_has_65535_bytes(api: Api, size: int, status: int) -> None:
    api.make_table()
    assert (
        api.call(
            "POST", COLUMNS + "/varchar", {"key": "wide", "required": False, "size": size}
        ).status
        == status
    )


def test_deleting_a_database_frees_its_id_and_leaves_no_rows_behind(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    api.add({"$id": "r", "n": 1})
    api.ok("DELETE", "/tablesdb/d")
    api.make_table(("integer", {"key": "n"}))
    assert api.find() == []


def test_keys_with_dots_and_dashes_are_columns_like_any_other(api: Api) -> None:
    api.make_table(("integer", {"key": "a-b"}), ("integer", {"key": "x.y"}))
    api.add({"$id": "r", "a-b": 1, "x.y": 2})
    assert api.find(query("equal", "a-b", 1)) == ["r"]


def test_both_families_see_the_same_rows(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    made = api.ok(
        "POST", "/databases/d/collections/t/documents", {"documentId": "x", "data": {"n": 1}}
    )
    assert made["$collectionId"] == "t"
    assert api.ok("GET", api.rows + "/x")["$tableId"] == "t"
    assert api.call("GET", "/databases/d/collections/t/documents/nope").error == (
        404,
        "document_not_found",
    )


COUNT = (
    "Invalid index lengths. Count of lengths must be equal or less than the number of attributes."
)


def indexes_of(api: Api) -> dict[str, tuple[str, str, list[str], list[int], list[str]]]:
    found = api.ok("GET", INDEXES)["indexes"]
    return {
        one["key"]: (one["status"], one["error"], one["columns"], one["lengths"], one["orders"])
        for one in found
    }


def three(api: Api, *indexes: dict[str, object]) -> None:
    api.make_table(*(("varchar", {"key": key, "size": 50}) for key in "abc"))
    for index in indexes:
        api.ok("POST", INDEXES, {"type": "key", **index})
    api.ok("GET", INDEXES)


@pytest.mark.parametrize("column", ["a", "b", "c"], ids=["first", "middle", "last"])
def test_a_deleted_column_goes_from_an_index_with_all_lengths_and_orders_like_its_own(
    api: Api, column: str
) -> None:
    lengths = {"a": 10, "b": 10, "c": 20}
    three(
        api,
        {
            "key": "i",
            "columns": ["a", "b", "c"],
            "lengths": [10, 10, 20],
            "orders": ["ASC", "DESC", "ASC"],
        },
    )
    api.ok("DELETE", f"{COLUMNS}/{column}")
    orders = {"a": ["DESC"], "b": ["ASC", "ASC"], "c": ["DESC"]}[column]
    assert indexes_of(api)["i"] == (
        "available",
        "",
        [key for key in "abc" if key != column],
        [length for length in lengths.values() if length != lengths[column]],
        orders,
    )


def test_after_a_column_of_a_composite_index_no_column_of_the_table_can_be_renamed_or_resized(
    api: Api,
) -> None:
    three(api, {"key": "i", "columns": ["a", "b"]})
    api.ok("DELETE", COLUMNS + "/a")
    api.ok("POST", COLUMNS + "/integer", {"key": "a_new", "required": False})
    for path, body in (
        ("integer/a_new", {"newKey": "a"}),
        ("varchar/c", {"size": 60}),
        ("varchar/b", {"newKey": "b"}),
    ):
        answer = api.call(
            "PATCH", f"{COLUMNS}/{path}", {"required": False, "default": None, **body}
        )
        assert (*answer.error, answer.body["message"]) == (400, "column_index_invalid", COUNT)
    api.ok("PATCH", COLUMNS + "/varchar/b", {"required": False, "default": "x"})
    api.ok("DELETE", INDEXES + "/i")
    api.ok("PATCH", COLUMNS + "/integer/a_new", {"required": False, "default": None, "newKey": "a"})


@pytest.mark.parametrize(
    ("lengths", "size", "message"),
    [
        ([0, 0], 719, "Index length is longer than the maximum: 768"),
        ([40, 0], 30, 'Index length 40 is larger than the size for a: 30"'),
    ],
)
def test_a_column_is_not_resized_beyond_its_indexes(
    api: Api, lengths: list[int], size: int, message: str
) -> None:
    three(api, {"key": "i", "columns": ["a", "b"], "lengths": lengths})
    body = {"required": False, "default": None, "size": size}
    answer = api.call("PATCH", COLUMNS + "/varchar/a", body)
    assert (*answer.error, answer.body["message"]) == (400, "column_index_invalid", message)
    api.ok("DELETE", INDEXES + "/i")
    api.ok("PATCH", COLUMNS + "/varchar/a", body)


def test_an_index_whose_columns_are_deleted_one_after_the_other_goes_with_the_last(
    api: Api,
) -> None:
    three(api, {"key": "i", "columns": ["a", "b"]})
    for key in "ab":
        api.ok("DELETE", f"{COLUMNS}/{key}")
        assert api.call("GET", f"{COLUMNS}/{key}").status == 404
    assert indexes_of(api) == {}


@pytest.mark.parametrize("delay_s", [0, 10])
def test_an_index_whose_columns_are_deleted_at_once_stays_and_is_stuck(
    monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    server = LocalServer()
    api = Api(server)
    three(api, {"key": "i", "columns": ["a", "b"]})
    server.column_delay_s = delay_s
    for key in "ab":
        api.ok("DELETE", f"{COLUMNS}/{key}")
        if delay_s:
            assert api.ok("GET", f"{COLUMNS}/{key}")["status"] == "deleting"
    assert indexes_of(api)["i"] == ("available", "", ["a"], [], [])
    now = delays.now()
    monkeypatch.setattr(delays, "now", lambda: now + 11)
    for _attempt in range(2):
        api.ok("DELETE", INDEXES + "/i")
        assert indexes_of(api)["i"][:3] == ("stuck", "Index not found", ["a"])
    api.call("POST", INDEXES, {"key": "i", "type": "key", "columns": ["c"]})
    assert indexes_of(api)["i"][:3] == ("stuck", "Index not found", ["a"])
    # The list of indexes forgets it with the last of the columns that it names.
    server.column_delay_s = 0
    api.ok("POST", COLUMNS + "/boolean", {"key": "a", "required": False})
    api.ok("DELETE", COLUMNS + "/a")
    assert indexes_of(api) == {}
    server.close()


def test_an_index_that_becomes_like_another_one_when_columns_go_at_once_is_stuck(api: Api) -> None:
    three(
        api, {"key": "i", "columns": ["a", "b"]}, {"key": "single", "columns": ["a"], "orders": []}
    )
    for key in "ab":
        api.ok("DELETE", f"{COLUMNS}/{key}")
    assert {key: found[:3] for key, found in indexes_of(api).items()} == {
        "i": ("stuck", "Index not found", ["a"])
    }


def test_an_index_is_not_found_by_its_key_in_capitals(api: Api) -> None:
    three(api, {"key": "name_i", "columns": ["a"]})
    assert api.call("GET", INDEXES + "/NAME_I").error == (404, "column_index_not_found")
    taken = api.call("POST", INDEXES, {"key": "NAME_I", "type": "key", "columns": ["b"]})
    assert taken.error == (409, "column_index_already_exists")
