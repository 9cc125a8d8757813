"""Transactions of the local server: staging, conflicts, what is seen inside them, how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .api import Api, query

CONFLICT = (409, "transaction_conflict")


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    api.rows = api.make_table(columns={"n": "integer", "s": "varchar"})
    api.made(
        api.rows, {"rows": [{"$id": f"r{number}", "n": number, "s": "a"} for number in range(4)]}
    )
    yield api
    api.close()


def begin(api: Api, **body: Any) -> str:
    return api.made("/tablesdb/transactions", body)["$id"]


def commit(api: Api, transaction: str) -> tuple[int, str]:
    status, body = api.patch(f"/tablesdb/transactions/{transaction}", {"commit": True})
    return status, body.get("type", body.get("status"))


def values(api: Api, key: str = "n", **params: Any) -> dict[str, Any]:
    return {row["$id"]: row.get(key) for row in api.get(api.rows, **params)[1]["rows"]}


def expire(api: Api, transaction: str) -> None:
    with api.server.storage.session(writes=True) as session:
        session.execute(
            "UPDATE _transactions SET expires = '2020-01-01T00:00:00.000+00:00' WHERE id = ?",
            (transaction,),
        )


def test_nothing_is_written_before_the_commit_and_all_of_it_by_the_commit(api: Api) -> None:
    transaction = begin(api)
    api.post(api.rows, {"rowId": "new", "data": {"n": 10}, "transactionId": transaction})
    api.patch(f"{api.rows}/r0", {"data": {"n": 100}, "transactionId": transaction})
    api.delete(f"{api.rows}/r1", {"transactionId": transaction})
    api.patch(f"{api.rows}/r2/n/increment", {"value": 5, "transactionId": transaction})
    assert values(api) == {"r0": 0, "r1": 1, "r2": 2, "r3": 3}
    assert commit(api, transaction) == (200, "committed")
    assert values(api) == {"r0": 100, "r2": 7, "r3": 3, "new": 10}


def test_reads_inside_see_staged_rows_whatever_the_filter(api: Api) -> None:
    transaction = begin(api)
    api.post(api.rows, {"rowId": "new", "data": {"n": 10}, "transactionId": transaction})
    api.patch(f"{api.rows}/r0", {"data": {"n": 100}, "transactionId": transaction})
    seen = values(api, transactionId=transaction, queries=[query("equal", "n", 3)])
    assert seen == {"r3": 3, "new": 10}
    assert api.get(f"{api.rows}/r0", transactionId=transaction)[1]["n"] == 100
    assert values(api, transactionId="unknown") == {"r0": 0, "r1": 1, "r2": 2, "r3": 3}


@pytest.mark.parametrize("attempt", range(20))
def test_a_write_between_staging_and_commit_conflicts_however_fast_it_was(
    api: Api, attempt: int
) -> None:
    api.patch(f"{api.rows}/r0", {"data": {"n": 40}})
    transaction = begin(api)
    api.patch(f"{api.rows}/r0", {"data": {"n": 50}, "transactionId": transaction})
    api.patch(f"{api.rows}/r0", {"data": {"s": "outside"}})
    assert commit(api, transaction) == CONFLICT
    assert values(api)["r0"] == 40
    assert api.get(f"/tablesdb/transactions/{transaction}")[1]["status"] == "failed"


@pytest.mark.parametrize("attempt", range(20))
def test_a_write_before_the_staging_does_not_conflict_however_late_it_was(
    api: Api, attempt: int
) -> None:
    transaction = begin(api)
    api.patch(f"{api.rows}/r0", {"data": {"n": 40}})
    api.patch(f"{api.rows}/r0", {"data": {"n": 50}, "transactionId": transaction})
    api.patch(api.rows, {"data": {"s": "b"}, "queries": [], "transactionId": transaction})
    assert commit(api, transaction) == (200, "committed")


def test_of_two_transactions_on_one_row_the_second_to_commit_loses(api: Api) -> None:
    first, second = begin(api), begin(api)
    for number, transaction in enumerate((first, second)):
        api.patch(f"{api.rows}/r0", {"data": {"n": 50 + number}, "transactionId": transaction})
    assert commit(api, second) == (200, "committed")
    assert commit(api, first) == CONFLICT
    assert values(api)["r0"] == 51


def test_rows_the_transaction_itself_has_written_do_not_conflict(api: Api) -> None:
    transaction = begin(api)
    for number in range(3):
        api.patch(f"{api.rows}/r0", {"data": {"n": 60 + number}, "transactionId": transaction})
    api.patch(api.rows, {"data": {"s": "z"}, "queries": [], "transactionId": transaction})
    api.delete(f"{api.rows}/r0", {"transactionId": transaction})
    assert commit(api, transaction) == (200, "committed")
    assert values(api, "s") == {"r1": "z", "r2": "z", "r3": "z"}


@pytest.mark.parametrize(
    ("action", "data"),
    [("bulkUpdate", {"queries": [], "data": {"s": "x"}}), ("bulkDelete", {"queries": []})],
)
def test_bulk_operations_conflict_by_the_rows_they_find(
    api: Api, action: str, data: dict[str, Any]
) -> None:
    transaction = begin(api)
    operation = {"databaseId": "d", "tableId": "t", "action": action, "data": data}
    api.made(f"/tablesdb/transactions/{transaction}/operations", {"operations": [operation]})
    api.patch(f"{api.rows}/r3", {"data": {"n": 33}})
    assert commit(api, transaction) == CONFLICT
    assert len(values(api)) == 4


def test_of_claims_of_one_id_in_parallel_exactly_one_commits(api: Api) -> None:
    transactions = [begin(api) for _ in range(8)]
    for transaction in transactions:
        api.post(api.rows, {"rowId": "claim", "data": {"n": 1}, "transactionId": transaction})
    outcomes: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=lambda t=transaction: outcomes.append(commit(Api(api.server), t)))
        for transaction in transactions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [(200, "committed"), *[CONFLICT] * 7]


def test_what_fails_late_undoes_what_came_before(api: Api) -> None:
    transaction = begin(api)
    api.post(api.rows, {"rowId": "good", "data": {"n": 1}, "transactionId": transaction})
    api.post(api.rows, {"rowId": "bad", "data": {"n": "x"}, "transactionId": transaction})
    assert commit(api, transaction) == (400, "document_invalid_structure")
    assert "good" not in values(api)


@pytest.mark.parametrize(("level", "answer"), [("1.9", 500), ("2.x", 410)])
def test_an_expired_transaction_takes_nothing_more_and_stays_pending(
    level: str, answer: int
) -> None:
    api = Api(feature_level=level)
    rows = api.make_table(columns={"n": "integer"})
    transaction = begin(api, ttl=60)
    expire(api, transaction)
    for status, body in (
        api.post(rows, {"rowId": "x", "data": {"n": 1}, "transactionId": transaction}),
        api.patch(f"/tablesdb/transactions/{transaction}", {"commit": True}),
    ):
        assert (status, body["type"]) == (answer, "transaction_expired")
    assert api.get(f"/tablesdb/transactions/{transaction}")[1]["status"] == "pending"
    api.close()


def test_a_finished_transaction_is_not_ready(api: Api) -> None:
    transaction = begin(api)
    assert commit(api, transaction) == (200, "committed")
    assert commit(api, transaction) == (400, "transaction_not_ready")
    status, body = api.post(
        api.rows, {"rowId": "x", "data": {"n": 1}, "transactionId": transaction}
    )
    assert (status, body["type"]) == (400, "transaction_not_ready")


@pytest.mark.parametrize(("staged", "fits"), [(99, True), (100, True), (101, False)])
def test_a_transaction_holds_a_hundred_operations(api: Api, staged: int, fits: bool) -> None:
    operations = [
        {
            "databaseId": "d",
            "tableId": "t",
            "action": "create",
            "rowId": f"o{number}",
            "data": {"n": number},
        }
        for number in range(staged)
    ]
    status, body = api.post(
        f"/tablesdb/transactions/{begin(api)}/operations", {"operations": operations}
    )
    assert status == (201 if fits else 400)
    if not fits:
        assert (
            body["message"]
            == "Transaction already has 0 operations, adding 101 would exceed the maximum of 100"
        )


def test_a_table_deleted_before_the_commit_is_not_found(api: Api) -> None:
    transaction = begin(api)
    api.patch(f"{api.rows}/r0", {"data": {"n": 1}, "transactionId": transaction})
    api.delete("/tablesdb/d/tables/t")
    api.make_table(columns={"n": "integer"})
    assert commit(api, transaction) == (404, "document_not_found")


def test_guests_see_no_transaction_not_even_their_own(api: Api) -> None:
    guest = api.acting_as({})
    transaction = begin(guest)
    assert guest.get(f"/tablesdb/transactions/{transaction}")[0] == 404
    assert guest.get("/tablesdb/transactions")[1] == {"total": 0, "transactions": []}
    assert api.get(f"/tablesdb/transactions/{transaction}")[0] == 200


def test_php_compares_staged_values_loosely(api: Api) -> None:
    transaction = begin(api)
    api.post(api.rows, {"rowId": "x", "data": {"n": 0, "s": "1e1"}, "transactionId": transaction})
    found = [
        api.get(api.rows, transactionId=transaction, queries=[query(method, *rest)])[1]["total"]
        for method, *rest in (("equal", "s", "10"), ("greaterThan", "n", 5), ("isNull", "s"))
    ]
    assert found == [1, 0, 0]


def test_operations_of_odd_shapes_end_their_transaction(api: Api) -> None:
    transaction = begin(api)
    operation = {
        "databaseId": "d",
        "tableId": "t",
        "action": "bulkUpdate",
        "data": {"queries": [5], "data": {"n": 1}},
    }
    api.made(f"/tablesdb/transactions/{transaction}/operations", {"operations": [operation]})
    assert commit(api, transaction) == (500, "general_unknown")
    assert commit(api, transaction) == (400, "transaction_not_ready")
    assert values(api)["r0"] == 0


WHEN = "2001-02-03T04:05:06.789+00:00"
DATED = {"$createdAt": WHEN, "$updatedAt": WHEN}


@pytest.mark.parametrize(
    "operation",
    [
        {"action": "create", "rowId": "new", "data": {"n": 1, **DATED}},
        {"action": "update", "rowId": "r0", "data": {"n": 10, **DATED}},
        {"action": "update", "rowId": "r0", "data": DATED},
        {"action": "upsert", "rowId": "new", "data": {"$id": "new", "n": 1, **DATED}},
        {"action": "bulkCreate", "data": [{"$id": "new", "n": 1, **DATED}]},
        {"action": "bulkUpdate", "data": {"queries": [], "data": {"n": 5, **DATED}}},
        {"action": "bulkUpdate", "data": {"queries": [], "data": DATED}},
        {"action": "bulkUpsert", "data": [{"$id": "r0", "n": 5, **DATED}]},
    ],
    ids=lambda operation: operation["action"],
)
def test_moments_that_are_staged_are_passed_over_by_the_commit(
    api: Api, operation: dict[str, Any]
) -> None:
    transaction = begin(api)
    _, database, _, table = api.rows.strip("/").split("/")[:4]
    api.made(
        f"/tablesdb/transactions/{transaction}/operations",
        {"operations": [{"databaseId": database, "tableId": table, **operation}]},
    )
    assert commit(api, transaction) == (200, "committed")
    assert WHEN not in {*values(api, "$createdAt").values(), *values(api, "$updatedAt").values()}


@pytest.mark.parametrize(
    ("action", "data", "text"),
    [
        (
            "increment",
            {"column": "n", "value": 5, "max": 4},
            "Attribute value exceeds maximum limit: 4",
        ),
        (
            "decrement",
            {"column": "n", "value": 5, "min": -4},
            "Attribute value exceeds minimum limit: -4",
        ),
    ],
)
def test_a_commit_that_passes_a_limit_says_so_in_the_words_of_the_database(
    api: Api, action: str, data: dict[str, Any], text: str
) -> None:
    transaction = begin(api)
    _, database, _, table = api.rows.strip("/").split("/")[:4]
    operation = {
        "databaseId": database,
        "tableId": table,
        "rowId": "r0",
        "action": action,
        "data": data,
    }
    api.made(f"/tablesdb/transactions/{transaction}/operations", {"operations": [operation]})
    status, body = api.patch(f"/tablesdb/transactions/{transaction}", {"commit": True})
    assert (status, body["type"], body["message"]) == (400, "attribute_limit_exceeded", text)
    assert values(api)["r0"] == 0
