"""Webhooks of the local server: their routes, and what arrives where they point."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from appwrite_local.webhooks import MAX_FAILURES, encode_payload

from .api import Api

ROWS = "databases.*.tables.*.rows.*"


@dataclass
class Receiver:
    """Takes deliveries on a port of its own, and answers them with ``status``."""

    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.received]

    @property
    def events(self) -> list[list[str]]:
        return [headers["x-appwrite-webhook-events"].split(",") for headers, _ in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(
                ({name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(
        target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    receiver.url = f"http://127.0.0.1:{http.server_address[1]}/hook/%41%20b?x=1"
    yield receiver
    http.shutdown()
    http.server_close()
    thread.join(60)


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    api.rows = api.make_table(columns={"n": "integer", "s": "varchar"})
    yield api
    api.close()


def subscribe(api: Api, receiver: Receiver, *events: str, **options: Any) -> Any:
    body = {
        "webhookId": "w",
        "name": "W",
        "url": receiver.url,
        "events": list(events or [f"{ROWS}.create"]),
        "secret": "topsecret",
    }
    return api.made("/webhooks", {**body, **options})


def test_a_delivery_is_signed_over_the_decoded_url_and_the_raw_body(
    api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver)
    api.made(api.rows, {"rowId": "r", "data": {"s": "Zoë a/b", "n": 1}})
    assert api.server.flush()
    headers, body = receiver.received[0]
    assert b"Zo\\u00eb a\\/b" in body
    assert b" " not in body.replace(b" a\\/b", b"")
    url = receiver.url.replace("%41%20b", "A b")
    expected = base64.b64encode(
        hmac.new(b"topsecret", url.encode() + body, hashlib.sha1).digest()
    ).decode()
    assert headers["x-appwrite-webhook-signature"] == expected
    assert headers["x-appwrite-webhook-id"] == "w"
    assert headers["x-appwrite-webhook-name"] == "W"
    assert headers["x-appwrite-webhook-project-id"] == "demo"
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["$tableId"] == "t"


def test_a_row_has_42_event_names(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver, "databases.*")
    api.made(api.rows, {"rowId": "r", "data": {"n": 1}})
    assert api.server.flush()
    names = receiver.events[0]
    assert len(names) == len(set(names)) == 42
    assert names[0] == "databases.d.collections.t.documents.r.create", (
        "what is created is named in the older words"
    )
    assert {
        "databases.d",
        "databases.*.collections.*.documents.*.create",
        "databases.*.tables.t.rows.*",
    } <= set(names)


def test_every_way_to_write_a_row_is_told_of(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver, ROWS)
    api.post(api.rows, {"rowId": "r", "data": {"n": 1}})
    api.patch(f"{api.rows}/r", {"data": {"n": 2}})
    api.put(f"{api.rows}/r", {"data": {"n": 3}})
    api.patch(f"{api.rows}/r/n/increment", {"value": 4})
    api.delete(f"{api.rows}/r")
    api.post(api.rows, {"rows": [{"$id": "a", "n": 1}, {"$id": "b", "n": 2}]})
    api.patch(api.rows, {"data": {"s": "x"}, "queries": []})
    api.put(api.rows, {"rows": [{"$id": "c", "n": 5}]})
    api.delete(api.rows, {"queries": []})
    assert api.server.flush()
    told = [
        (names[0].rpartition(".")[2], body["$id"], body["n"])
        for names, body in zip(receiver.events, receiver.bodies, strict=True)
    ]
    assert told == [
        ("create", "r", 1), ("update", "r", 2), ("upsert", "r", 3), ("update", "r", 7), ("delete", "r", 7), ("create", "a", 1),
        ("create", "b", 2), ("update", "a", 1), ("update", "b", 2), ("upsert", "c", 5), ("delete", "a", 1), ("delete", "b", 2),
        ("delete", "c", 5),
    ]  # fmt: skip


def committed(api: Api, *operations: dict[str, Any], base: str = "/tablesdb") -> int:
    transaction = api.made(f"{base}/transactions", {})["$id"]
    place = (
        {"databaseId": "d", "tableId": "t"}
        if base == "/tablesdb"
        else {"databaseId": "d", "collectionId": "t"}
    )
    api.made(
        f"{base}/transactions/{transaction}/operations",
        {"operations": [{**place, **one} for one in operations]},
    )
    return api.patch(f"{base}/transactions/{transaction}", {"commit": True})[0]


def test_commits_tell_of_single_operations_and_failed_ones_of_nothing(
    api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver, ROWS)
    bad = {"action": "create", "rowId": "bad", "data": {"n": "x"}}
    assert committed(api, {"action": "create", "rowId": "ok", "data": {"n": 1}}, bad) == 400
    assert api.server.flush()
    assert receiver.received == []
    bulk = {"action": "bulkCreate", "data": [{"$id": "b0", "n": 1}]}
    increment = {"action": "increment", "rowId": "ok", "data": {"column": "n", "value": 2}}
    assert (
        committed(api, {"action": "create", "rowId": "ok", "data": {"n": 1}}, bulk, increment)
        == 200
    )
    assert api.server.flush()
    assert [(names[0], body["n"]) for names, body in zip(receiver.events, receiver.bodies, strict=True)] == [
        ("databases.d.tables.t.rows.ok.create", 3), ("databases.d.tables.t.rows.ok.update", 3),
    ], "each with the row as it is after the commit"  # fmt: skip


@pytest.mark.parametrize("level", ["1.9", "2.x"])
@pytest.mark.parametrize(
    ("base", "words"),
    [("/tablesdb", ("tables", "rows")), ("/databases", ("collections", "documents"))],
)
def test_what_a_commit_tells(
    receiver: Receiver, level: Any, base: str, words: tuple[str, str]
) -> None:
    api = Api(feature_level=level)
    rows = api.make_table(columns={"n": "integer"})
    for row_id in ("updated", "counted", "upserted", "deleted"):
        api.made(rows, {"rowId": row_id, "data": {"n": 1}})
    subscribe(api, receiver, ROWS)
    id_ = "rowId" if base == "/tablesdb" else "documentId"
    key = "column" if base == "/tablesdb" else "attribute"
    done = [
        ("create", "created", {"n": 2}), ("update", "updated", {"n": 2}), ("increment", "counted", {key: "n", "value": 1}),
        ("decrement", "counted", {key: "n", "value": 3}), ("delete", "deleted", {}), ("create", "passing", {"n": 2}),
        ("delete", "passing", {}),
    ]  # fmt: skip
    assert (
        committed(
            api,
            *({"action": action, id_: row_id, "data": data} for action, row_id, data in done),
            base=base,
        )
        == 200
    )
    assert api.server.flush()
    told = [
        (names[0], body["n"]) for names, body in zip(receiver.events, receiver.bodies, strict=True)
    ]
    place = f"databases.d.{words[0]}.t.{words[1]}."
    assert told == [
        (f"{place}created.create", 2), (f"{place}updated.update", 2), (f"{place}counted.update", -1),
        (f"{place}counted.update", -1), (f"{place}deleted.delete", 1), (f"{place}passing.delete", 2),
    ]  # fmt: skip
    for body in receiver.bodies:
        assert (body["$tableId"], body["$collectionId"], "$databaseId" in body) == ("t", "t", False)
    for names in receiver.events:
        assert len(names) == 42
    api.close()


def test_changes_to_databases_tables_columns_and_indexes_are_told_of(
    api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver, "databases.*")
    api.made("/tablesdb", {"databaseId": "e", "name": "E"})
    api.put("/tablesdb/e", {"name": "F"})
    api.made("/tablesdb/e/tables", {"tableId": "u", "name": "U"})
    api.put("/tablesdb/e/tables/u", {"name": "V"})
    api.made("/tablesdb/e/tables/u/columns/integer", {"key": "n", "required": False})
    api.patch("/tablesdb/e/tables/u/columns/integer/n", {"required": False, "default": 1})
    api.made("/tablesdb/e/tables/u/indexes", {"key": "i", "type": "key", "columns": ["n"]})
    api.delete("/tablesdb/e/tables/u/indexes/i")
    api.delete("/tablesdb/e/tables/u/columns/n")
    api.delete("/tablesdb/e/tables/u")
    assert api.delete("/tablesdb/e/tables/u")[0] == 404
    api.delete("/tablesdb/e")
    assert api.server.flush()
    first = [names[0] for names in receiver.events]
    column, index = receiver.events[4][0].split(".")[5], receiver.bodies[6]["$id"]
    table = "databases.e.tables.u"
    assert column.endswith("_n")
    assert first == [
        "databases.e.create", "databases.e.update", f"{table}.create", f"{table}.update", f"{table}.columns.{column}.create",
        f"{table}.columns.{column}.update", f"{table}.indexes.{index}.create", f"{table}.indexes.{index}.update",
        f"{table}.columns.{column}.update", f"{table}.delete", "databases.e.delete",
    ]  # fmt: skip
    assert receiver.bodies[-1]["name"] == "F", "what was deleted is shown as it was"
    assert all("$tableId" not in body for body in receiver.bodies)


def test_a_database_may_be_called_like_another_route(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver, "databases.*")
    api.made("/tablesdb", {"databaseId": "transactions", "name": "T"})
    assert api.delete("/tablesdb/transactions")[0] == 204
    assert api.server.flush()
    assert [body["name"] for body in receiver.bodies] == ["T", "T"]


def test_an_id_that_is_a_word_of_the_names_is_mirrored_like_one(
    api: Api, receiver: Receiver
) -> None:
    """Observed in the source: whole segments are replaced, whatever they stand for."""
    rows = api.make_table("tables", columns={"n": "integer"})
    subscribe(api, receiver, "databases.d.tables.tables.rows.*.update")
    api.made(rows, {"rowId": "r", "data": {"n": 1}})
    api.patch(f"{rows}/r", {"data": {"n": 2}})
    assert api.server.flush()
    assert receiver.events[0][:2] == [
        "databases.d.tables.tables.rows.r.update", "databases.d.collections.collections.documents.r.update",
    ]  # fmt: skip


def test_of_a_bulk_call_at_most_100_rows_are_told_of(api: Api, receiver: Receiver) -> None:
    for start in (0, 100):
        api.made(
            api.rows, {"rows": [{"$id": f"r{start + number}", "n": 1} for number in range(100)]}
        )
    subscribe(api, receiver, f"{ROWS}.update")
    api.patch(api.rows, {"data": {"n": 2}, "queries": []})
    assert api.server.flush()
    assert len(receiver.received) == 100


def test_what_was_refused_or_not_asked_for_is_not_told(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver, "databases.other.tables.*.rows.*.create", f"{ROWS}.delete")
    api.post(api.rows, {"rowId": "r", "data": {"n": 1}})
    api.post(api.rows, {"rowId": "r", "data": {"n": 1}})
    api.delete(f"{api.rows}/nope")
    assert api.server.flush()
    assert receiver.received == []


def test_ten_failures_disable_a_webhook_and_enabling_forgives_them(
    api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver)
    receiver.status = 500
    for number in range(MAX_FAILURES + 2):
        api.made(api.rows, {"rowId": f"r{number}", "data": {"n": 1}})
        assert api.server.flush()
    webhook = api.get("/webhooks/w")[1]
    assert (webhook["attempts"], webhook["enabled"], len(receiver.received)) == (
        MAX_FAILURES,
        False,
        MAX_FAILURES,
    )
    assert "Response code: 500" in webhook["logs"]
    assert webhook["secret"] == ""
    enabled = {"name": "W", "url": receiver.url, "events": [f"{ROWS}.create"], "enabled": True}
    assert api.put("/webhooks/w", enabled)[1]["attempts"] == 0
    receiver.status = 200
    api.made(api.rows, {"rowId": "again", "data": {"n": 1}})
    assert api.server.flush()
    assert len(receiver.received) == MAX_FAILURES + 1


def test_a_receiver_that_is_not_there_counts_as_a_failure_and_holds_nobody_up(
    api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver, url="http://127.0.0.1:1/")
    api.made(api.rows, {"rowId": "r", "data": {"n": 1}})
    assert api.server.flush()
    assert api.get("/webhooks/w")[1]["attempts"] == 1


def test_the_routes(api: Api, receiver: Receiver) -> None:
    assert subscribe(api, receiver)["secret"] == "topsecret"
    body = {"webhookId": "w", "name": "W", "url": receiver.url, "events": ["databases.*"]}
    assert api.post("/webhooks", body)[0] == 409
    for change in (
        {"url": "ftp://x"},
        {"url": "nonsense"},
        {"events": ["not an event"]},
        {"secret": "short"},
        {"name": ""},
    ):
        status, answer = api.post("/webhooks", {**body, "webhookId": "v", **change})
        assert (status, answer["type"]) == (400, "general_argument_invalid"), change
    assert api.get("/webhooks")[1]["total"] == 1
    renewed = api.patch("/webhooks/w/secret", {})[1]["secret"]
    assert len(renewed) == 128
    assert api.delete("/webhooks/w")[0] == 204
    assert api.get("/webhooks/w")[1]["type"] == "webhook_not_found"


def test_closing_the_server_does_not_wait_for_the_queue(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver)
    before = set(threading.enumerate())
    api.made(api.rows, {"rows": [{"$id": f"r{number}", "n": 1} for number in range(100)]})
    deliverers = [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.name == "local-appwrite-webhooks"
    ]
    api.server.close()
    assert [thread.is_alive() for thread in deliverers] == [False]


def test_payloads_are_ascii() -> None:
    assert encode_payload({"a": "€/é\U0001f600"}) == b'{"a":"\\u20ac\\/\\u00e9\\ud83d\\ude00"}'
