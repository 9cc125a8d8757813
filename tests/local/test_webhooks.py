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

from appwrite_orm_django.local.webhooks import MAX_FAILURES, encode_payload

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
            receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
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


def test_a_delivery_is_signed_over_the_decoded_url_and_the_raw_body(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver)
    api.made(api.rows, {"rowId": "r", "data": {"s": "Zoë a/b", "n": 1}})
    assert api.server.flush()
    headers, body = receiver.received[0]
    assert b"Zo\\u00eb a\\/b" in body
    assert b" " not in body.replace(b" a\\/b", b"")
    url = receiver.url.replace("%41%20b", "A b")
    expected = base64.b64encode(hmac.new(b"topsecret", url.encode() + body, hashlib.sha1).digest()).decode()
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
    assert names[0] == "databases.d.tables.t.rows.r.create"
    assert {"databases.d", "databases.*.collections.*.documents.*.create", "databases.*.tables.t.rows.*"} <= set(names)


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


def test_commits_tell_of_single_operations_and_failed_ones_of_nothing(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver, ROWS)

    def committed(*operations: dict[str, Any]) -> int:
        transaction = api.made("/tablesdb/transactions", {})["$id"]
        staged = [{"databaseId": "d", "tableId": "t", **operation} for operation in operations]
        api.made(f"/tablesdb/transactions/{transaction}/operations", {"operations": staged})
        assert receiver.received == []
        return api.patch(f"/tablesdb/transactions/{transaction}", {"commit": True})[0]

    bad = {"action": "create", "rowId": "bad", "data": {"n": "x"}}
    assert committed({"action": "create", "rowId": "ok", "data": {"n": 1}}, bad) == 400
    assert api.server.flush()
    assert receiver.received == []
    bulk = {"action": "bulkCreate", "data": [{"$id": "b0", "n": 1}]}
    increment = {"action": "increment", "rowId": "ok", "data": {"column": "n", "value": 2}}
    assert committed({"action": "create", "rowId": "ok", "data": {"n": 1}}, bulk, increment) == 200
    assert api.server.flush()
    assert [(names[0], body["n"]) for names, body in zip(receiver.events, receiver.bodies, strict=True)] == [
        ("databases.d.tables.t.rows.ok.create", 1), ("databases.d.tables.t.rows.ok.update", 3),
    ]  # fmt: skip


def test_of_a_bulk_call_at_most_100_rows_are_told_of(api: Api, receiver: Receiver) -> None:
    for start in (0, 100):
        api.made(api.rows, {"rows": [{"$id": f"r{start + number}", "n": 1} for number in range(100)]})
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


def test_ten_failures_disable_a_webhook_and_enabling_forgives_them(api: Api, receiver: Receiver) -> None:
    subscribe(api, receiver)
    receiver.status = 500
    for number in range(MAX_FAILURES + 2):
        api.made(api.rows, {"rowId": f"r{number}", "data": {"n": 1}})
        assert api.server.flush()
    webhook = api.get("/webhooks/w")[1]
    assert (webhook["attempts"], webhook["enabled"], len(receiver.received)) == (MAX_FAILURES, False, MAX_FAILURES)
    assert "Response code: 500" in webhook["logs"]
    assert webhook["secret"] == ""
    enabled = {"name": "W", "url": receiver.url, "events": [f"{ROWS}.create"], "enabled": True}
    assert api.put("/webhooks/w", enabled)[1]["attempts"] == 0
    receiver.status = 200
    api.made(api.rows, {"rowId": "again", "data": {"n": 1}})
    assert api.server.flush()
    assert len(receiver.received) == MAX_FAILURES + 1


def test_a_receiver_that_is_not_there_counts_as_a_failure_and_holds_nobody_up(api: Api, receiver: Receiver) -> None:
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
    api.made(api.rows, {"rows": [{"$id": f"r{number}", "n": 1} for number in range(100)]})
    api.server.close()
    assert threading.active_count() < 20


def test_payloads_are_ascii() -> None:
    assert encode_payload({"a": "€/é\U0001f600"}) == b'{"a":"\\u20ac\\/\\u00e9\\ud83d\\ude00"}'
