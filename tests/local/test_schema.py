"""Databases, tables, columns and indexes."""

import time

import pytest

from appwrite_orm_django.local.server import LocalServer

from .conftest import Api, query

COLUMNS = "/tablesdb/d/tables/t/columns"
INDEXES = "/tablesdb/d/tables/t/indexes"


def test_a_column_is_processing_when_made_and_available_when_asked_for(api: Api) -> None:
    api.make_table()
    assert api.ok("POST", COLUMNS + "/integer", {"key": "n", "required": False})["status"] == "processing"
    assert api.ok("GET", COLUMNS + "/n")["status"] == "available"


def test_a_delay_keeps_columns_unusable_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    server = LocalServer(column_delay_s=10)
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    assert api.ok("GET", COLUMNS + "/n")["status"] == "processing"
    assert api.call("POST", api.rows, {"rowId": "r", "data": {"n": 1}}).error == (400, "row_invalid_structure")
    assert api.call("POST", INDEXES, {"key": "i", "type": "key", "columns": ["n"]}).error == (
        400,
        "column_not_available",
    )
    now = time.time()
    monkeypatch.setattr("appwrite_orm_django.local.schema.time.time", lambda: now + 11)
    assert api.ok("GET", COLUMNS + "/n")["status"] == "available"
    api.ok("POST", api.rows, {"rowId": "r", "data": {"n": 1}})
    api.ok("DELETE", COLUMNS + "/n")
    assert api.ok("GET", COLUMNS + "/n")["status"] == "deleting"
    assert "n" not in api.ok("GET", api.rows + "/r")
    monkeypatch.setattr("appwrite_orm_django.local.schema.time.time", lambda: now + 22)
    assert api.call("GET", COLUMNS + "/n").error == (404, "column_not_found")
    api.ok("POST", COLUMNS + "/boolean", {"key": "n", "required": False})
    server.close()


def test_a_new_index_reads_processing_for_a_request_where_the_server_says_so() -> None:
    server = LocalServer()
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", INDEXES, {"key": "i", "type": "key", "columns": ["n"]})
    assert [api.ok("GET", INDEXES + "/i")["status"] for _ in range(2)] == ["processing", "available"]
    server.close()


def test_a_renamed_column_keeps_its_values_and_its_index(api: Api) -> None:
    api.make_table(("varchar", {"key": "a", "size": 20}))
    api.ok("POST", INDEXES, {"key": "u", "type": "unique", "columns": ["a"]})
    api.add({"$id": "r", "a": "x"})
    api.ok("PATCH", COLUMNS + "/varchar/a", {"required": False, "default": None, "newKey": "title"})
    assert api.find(query("equal", "title", "X")) == ["r"]
    assert api.ok("GET", INDEXES + "/u")["columns"] == ["title"]
    assert api.call("POST", api.rows, {"rowId": "s", "data": {"title": "X"}}).error == (409, "row_already_exists")


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
    assert api.call("POST", COLUMNS + "/varchar", {"key": "wide", "required": False, "size": size}).status == status


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
    made = api.ok("POST", "/databases/d/collections/t/documents", {"documentId": "x", "data": {"n": 1}})
    assert made["$collectionId"] == "t"
    assert api.ok("GET", api.rows + "/x")["$tableId"] == "t"
    assert api.call("GET", "/databases/d/collections/t/documents/nope").error == (404, "document_not_found")
