"""Rows: their values, defaults, ids, bulk calls, upserts and permissions."""

import pytest

from appwrite_local.server import LocalServer

from .conftest import Api, query

INT64 = 2**63 - 1


@pytest.fixture
def table(api: Api) -> Api:
    api.make_table(
        ("varchar", {"key": "s", "size": 10}), ("integer", {"key": "n"}), ("float", {"key": "f"}), ("datetime", {"key": "d"}),
        ("varchar", {"key": "def", "size": 10, "default": "dd"}), ("integer", {"key": "arr", "array": True}), ("text", {"key": "long"}),
    )  # fmt: skip
    return api


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"n": INT64}, {"n": INT64}),
        ({"f": 2.0}, {"f": 2}),
        ({"f": 0.30000000000000004}, {"f": 0.30000000000000004}),
        ({"d": "2020-01-02"}, {"d": "2020-01-02T00:00:00.000+00:00"}),
        ({"d": "2020-01-02T03:04:05+05:30"}, {"d": "2020-01-01T21:34:05.000+00:00"}),
        ({"s": "😀" * 10}, {"s": "😀" * 10}),
        ({"arr": None}, {"arr": []}),
        ({"arr": [1, None]}, {"arr": [1, 0]}),
        ({"def": None}, {"def": "dd"}),
        ({"s": "nul\x00 'quoted\" \\ \n"[:10]}, {"s": "nul\x00 'quoted\" \\ \n"[:10]}),
    ],
)
def test_values_come_back(table: Api, data: dict[str, object], shown: dict[str, object]) -> None:
    made = table.ok("POST", table.rows, {"rowId": "r", "data": {"n": 1, **data}})
    assert {key: made[key] for key in shown} == shown


@pytest.mark.parametrize(
    "data",
    [
        {"s": "x" * 11},
        {"s": 5},
        {"n": "5"},
        {"n": 5.0},
        {"n": True},
        {"n": 2**63},
        {"f": "1"},
        {"d": "nonsense"},
        {"arr": 5},
        {"nope": 1},
    ],
)
def test_values_that_do_not_fit_are_refused(table: Api, data: dict[str, object]) -> None:
    assert table.call("POST", table.rows, {"rowId": "r", "data": data}).error == (
        400,
        "row_invalid_structure",
    )
    assert table.find() == []


def test_floats_are_stored_with_14_digits(table: Api) -> None:
    table.add({"$id": "r", "f": 0.30000000000000004})
    assert table.ok("GET", table.rows + "/r")["f"] == 0.3


def test_ids_are_compared_without_case(table: Api) -> None:
    table.add({"$id": "abc", "n": 1})
    assert table.call("POST", table.rows, {"rowId": "ABC", "data": {"n": 1}}).error == (
        409,
        "row_already_exists",
    )
    assert table.ok("GET", table.rows + "/AbC")["$id"] == "abc"


def test_a_bulk_create_stands_or_falls_together(table: Api) -> None:
    assert (
        table.call(
            "POST", table.rows, {"rows": [{"$id": "a", "n": 1}, {"$id": "b", "n": "x"}]}
        ).status
        == 400
    )
    assert table.find() == []
    assert table.call("POST", table.rows, {"rows": [{"n": 1}] * 101}).error == (
        400,
        "general_argument_invalid",
    )


def test_sequences_are_never_used_again(table: Api) -> None:
    table.add({"$id": "a", "n": 1})
    first = int(table.ok("GET", table.rows + "/a")["$sequence"])
    table.ok("DELETE", table.rows + "/a")
    table.add({"$id": "a", "n": 1})
    assert int(table.ok("GET", table.rows + "/a")["$sequence"]) > first


def test_an_update_without_a_change_keeps_its_date(table: Api) -> None:
    table.add({"$id": "a", "n": 1, "$updatedAt": "2010-01-01T00:00:00.000+00:00"})
    assert table.ok("PATCH", table.rows + "/a", {"data": {"n": 1}})["$updatedAt"].startswith("2010")
    assert not table.ok("PATCH", table.rows + "/a", {"data": {"n": 2}})["$updatedAt"].startswith(
        "2010"
    )


def test_an_upsert_of_falsy_values_creates_nothing(table: Api) -> None:
    assert table.ok("PUT", table.rows + "/z", {"data": {"n": 0, "s": ""}})["$sequence"] == ""
    assert table.call("GET", table.rows + "/z").status == 404


def test_an_upsert_into_a_unique_index_changes_the_other_row(table: Api) -> None:
    table.ok(
        "POST", "/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]}
    )
    table.add({"$id": "a", "s": "one", "n": 1})
    assert table.ok("PUT", table.rows + "/b", {"data": {"s": "ONE", "n": 5}})["$id"] == "b"
    assert table.find() == ["a"]
    assert table.ok("GET", table.rows + "/a")["n"] == 5


def test_a_violated_index_in_a_bulk_update_is_a_500_and_changes_nothing(table: Api) -> None:
    table.ok(
        "POST", "/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]}
    )
    table.add({"$id": "a", "s": "one"}, {"$id": "b", "s": "two"})
    assert table.call("PATCH", table.rows, {"data": {"s": "same"}}).error == (
        500,
        "general_unknown",
    )
    assert table.find(query("equal", "s", "one", "two")) == ["a", "b"]


def test_nulls_do_not_clash_in_a_unique_index(table: Api) -> None:
    table.ok(
        "POST",
        "/tablesdb/d/tables/t/indexes",
        {"key": "u", "type": "unique", "columns": ["s", "n"]},
    )
    table.add({"$id": "a", "s": "x"}, {"$id": "b", "s": "x"})
    assert table.find() == ["a", "b"]


def test_operators_run_on_update_and_are_text_on_create(table: Api) -> None:
    operator = '{"method":"increment","values":[5]}'
    table.add({"$id": "a", "n": 1, "long": operator})
    assert table.ok("GET", table.rows + "/a")["long"] == operator
    assert table.ok("PATCH", table.rows + "/a", {"data": {"n": operator}})["n"] == 6


def test_a_write_that_asks_to_be_staged_is_never_done_at_once(table: Api) -> None:
    transaction = table.ok("POST", "/tablesdb/transactions", {})["$id"]
    staged = {"rowId": "r", "data": {"n": 1}}
    assert table.call("POST", table.rows, {**staged, "transactionId": "nope"}).error == (
        404,
        "transaction_not_found",
    )
    table.ok("POST", table.rows, {**staged, "transactionId": transaction})
    assert table.find() == []


def test_guests_see_what_permissions_show_them(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}), rowSecurity=True)
    api.add({"$id": "open", "n": 1, "$permissions": ['read("any")']}, {"$id": "shut", "n": 2})
    guest = Api(api.server, {"x-appwrite-project": "demo"})
    assert guest.find() == ["open"]
    assert guest.call("GET", guest.rows + "/shut").error == (404, "row_not_found")
    assert guest.call("DELETE", guest.rows + "/open").error == (401, "user_unauthorized")
    assert guest.call("POST", "/tablesdb", {"databaseId": "x", "name": "X"}).error == (
        401,
        "general_unauthorized_scope",
    )


def test_a_key_with_few_scopes_may_do_little(table: Api) -> None:
    key = table.ok(
        "POST", "/project/keys", {"keyId": "unique()", "name": "reader", "scopes": ["rows.read"]}
    )
    reader = Api(table.server, {"x-appwrite-project": "demo", "x-appwrite-key": key["secret"]})
    assert reader.find() == []
    assert reader.call("POST", reader.rows, {"rowId": "r", "data": {"n": 1}}).error == (
        401,
        "general_unauthorized_scope",
    )
    table.ok("DELETE", f"/project/keys/{key['$id']}")
    assert reader.call("GET", reader.rows).error == (401, "user_unauthorized")


def test_postgresql_text_respects_case_and_puts_nulls_last() -> None:
    server = LocalServer(engine="postgresql", index_lag=0)
    api = Api(server)
    api.make_table(("varchar", {"key": "s", "size": 10}))
    api.ok("POST", "/tablesdb/d/tables/t/indexes", {"key": "u", "type": "unique", "columns": ["s"]})
    api.add({"$id": "a", "s": "a"}, {"$id": "b", "s": "A"}, {"$id": "c", "s": None})
    assert api.find(query("equal", "s", "a")) == ["a"]
    assert api.find(query("contains", "s", "A")) == ["a", "b"]
    assert api.find(query("orderAsc", "s")) == ["a", "b", "c"]
    answer = api.call("PUT", api.rows + "/d", {"data": {"s": "A"}})
    assert answer.error == (409, "row_already_exists")
    assert api.call("POST", api.rows, {"rowId": "A", "data": {"s": "z"}}).status == 409
    server.close()
