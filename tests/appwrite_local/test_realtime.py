"""Realtime events of the local server, over real WebSocket connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from appwrite_local.realtime_server import RealtimeServer

from .api import Api, query


class Client:
    """A realtime client: connects, and reads what comes as plain objects."""

    def __init__(
        self, port: int, channels: list[str], headers: dict[str, str] | None = None, **params: str
    ) -> None:
        pairs = [
            ("project", "demo"),
            *(("channels[]", channel) for channel in channels),
            *params.items(),
        ]
        address = f"ws://127.0.0.1:{port}/v1/realtime?" + "&".join(
            f"{name}={value}" for name, value in pairs
        )
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(address, additional_headers=headers, proxy=None)
        )
        self.close = self._open.close
        self.hello = self.read()

    def read(self) -> Any:
        return json.loads(self.socket.recv(timeout=60))

    def send(self, kind: str, data: Any = None) -> Any:
        self.socket.send(json.dumps({"type": kind, "data": data}))
        return self.read()

    def heard(self) -> list[str]:
        """The names of the events so far, each by its most telling one."""
        self.socket.send('{"type":"ping"}')
        names = []
        while (message := self.read())["type"] != "pong":
            names.append(message["data"]["events"][0].partition("rows.")[2])
        return names


class World:
    def __init__(self) -> None:
        self.api = Api()
        self.realtime = RealtimeServer(self.api.server)
        self.clients: list[Client] = []

    def client(self, *channels: str, **options: Any) -> Client:
        client = Client(self.realtime.port, list(channels), **options)
        self.clients.append(client)
        return client

    def user(self, user_id: str) -> Any:
        return self.api.made("/local/users", {"userId": user_id})


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    for client in world.clients:
        client.close()
    world.realtime.close()
    world.api.close()


def test_guests_hear_of_rows_that_anybody_may_read(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    guest = world.client("rows")
    assert guest.hello["type"] == "connected"
    assert (guest.hello["data"]["channels"], guest.hello["data"]["user"]) == (["rows"], None)
    world.api.made(rows, {"rowId": "r", "data": {"n": 1}})
    event = guest.read()["data"]
    assert event["payload"]["n"] == 1
    assert len(event["events"]) == 64, (
        "those of its own kind of database, and those of the older ones"
    )
    assert event["events"][:2] == [
        "tablesdb.d.tables.t.rows.r.create",
        "databases.d.collections.t.documents.r.create",
    ]
    assert "databases.d.tables.t.rows.r" in event["channels"]
    assert event["subscriptions"] == [guest.hello["data"]["subscriptions"]["0"]]


def test_every_write_is_heard_in_order(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    guest = world.client("tablesdb.d.tables.t.rows")
    world.api.made(rows, {"rowId": "r", "data": {"n": 1}})
    world.api.patch(f"{rows}/r", {"data": {"n": 2}})
    world.api.put(f"{rows}/r", {"data": {"n": 3}})
    world.api.delete(rows, {"queries": []})
    assert guest.heard() == ["r.create", "r.update", "r.upsert", "r.delete"]


@pytest.mark.parametrize(
    ("channel", "heard"),
    [
        ("databases.d.tables.t.rows.r", ["r.create", "r.delete"]),
        ("databases.d.tables.t.rows.create", ["r.create", "s.create"]),
        ("rows.delete", ["r.delete"]),
        ("documents", ["r.create", "s.create", "r.delete"]),
        ("databases.d.collections.t.documents.s", ["s.create"]),
        ("databases.d.tables.other.rows", []),
        ("account", []),
    ],
)
def test_channels(world: World, channel: str, heard: list[str]) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    guest = world.client(channel)
    for row_id in "rs":
        world.api.made(rows, {"rowId": row_id, "data": {"n": 1}})
    world.api.delete(f"{rows}/r")
    assert guest.heard() == heard


def test_users_hear_of_their_rows_and_guests_do_not(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, rowSecurity=True)
    ann, bob = world.user("ann"), world.user("bob")
    by_session = world.client("rows", headers={"X-Appwrite-Session": ann["session"]})
    by_token = world.client("rows", jwt=ann["jwt"])
    others = [
        world.client("rows"),
        world.client("rows", headers={"X-Appwrite-Session": bob["session"]}),
    ]
    with_key = world.client("rows", headers={"X-Appwrite-Key": "secret"})
    world.api.made(rows, {"rowId": "r", "data": {"n": 1}, "permissions": ['read("user:ann")']})
    assert [client.heard() for client in (by_session, by_token)] == [["r.create"]] * 2
    assert [client.heard() for client in (*others, with_key)] == [[]] * 3
    assert by_session.hello["data"]["user"] == {"$id": "ann"}


def test_a_guest_becomes_a_user_by_authentication(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("users")'])
    client = world.client("rows")
    answer = client.send("authentication", {"session": world.user("ann")["session"]})
    assert answer["data"] == {"to": "authentication", "success": True, "user": {"$id": "ann"}}
    world.api.made(rows, {"rowId": "r", "data": {"n": 1}})
    assert client.heard() == ["r.create"]


def test_subscriptions_come_and_go_and_have_conditions(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    client = world.client("account")
    conditions = [
        json.dumps(
            {
                "method": "or",
                "values": [
                    json.loads(query("equal", "n", 1)),
                    json.loads(query("greaterThan", "n", 8)),
                ],
            }
        )
    ]
    made = client.send(
        "subscribe", [{"subscriptionId": "mine", "channels": ["rows"], "queries": conditions}]
    )["data"]
    assert made["subscriptions"][0]["subscriptionId"] == "mine"
    for number in (1, 5, 9):
        world.api.made(rows, {"rowId": f"r{number}", "data": {"n": number}})
    assert client.heard() == ["r1.create", "r9.create"]
    client.send("unsubscribe", [{"subscriptionId": "mine"}])
    world.api.delete(f"{rows}/r1")
    assert client.heard() == []


def test_commits_are_heard_without_their_database_in_the_payload(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    guest = world.client("databases.d.tables.t.rows")
    transaction = world.api.made("/tablesdb/transactions", {})["$id"]
    world.api.made(rows, {"rowId": "r", "data": {"n": 1}, "transactionId": transaction})
    world.api.patch(f"/tablesdb/transactions/{transaction}", {"commit": True})
    event = guest.read()["data"]
    assert "databases.d.tables.t.rows.r.create" in event["events"]
    assert {name: event["payload"].get(name) for name in PLACE} == {
        "$id": "r", "$tableId": "t", "$collectionId": "t", "$databaseId": None,
    }  # fmt: skip


PLACE = ("$id", "$tableId", "$collectionId", "$databaseId")


def test_changes_to_tables_are_not_heard(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    client = world.client("rows", "databases.d.tables.t", "console")
    world.api.delete("/tablesdb/d/tables/t/columns/n")
    world.api.delete("/tablesdb/d")
    assert client.heard() == []
    assert rows


def test_a_database_of_the_legacy_family_keeps_its_names(world: World) -> None:
    world.api.made("/databases", {"databaseId": "old", "name": "Old"})
    world.api.made(
        "/databases/old/collections",
        {"collectionId": "c", "name": "C", "permissions": ['read("any")']},
    )
    client = world.client("documents")
    world.api.made(
        "/databases/old/collections/c/attributes/integer", {"key": "n", "required": False}
    )
    world.api.made("/databases/old/collections/c/documents", {"documentId": "r", "data": {"n": 1}})
    names = client.read()["data"]["events"]
    assert (len(names), names[0]) == (42, "databases.old.collections.c.documents.r.create")


def test_rolled_back_writes_are_not_heard(world: World) -> None:
    rows = world.api.make_table(columns={"n": "integer"}, permissions=['read("any")'])
    client = world.client("rows")
    world.api.post(rows, {"rows": [{"$id": "a", "n": 1}, {"$id": "a", "n": 2}]})
    assert client.heard() == []


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[]",
        '{"type":"shout"}',
        '{"type":"subscribe","data":[{"channels":[]}]}',
        '{"type":"authentication","data":{"session":"x"}}',
    ],
)
def test_what_is_not_understood_ends_the_connection(world: World, message: str) -> None:
    client = world.client("rows")
    client.socket.send(message)
    answer = client.read()
    assert (answer["type"], answer["data"]["code"]) == ("error", 1008)
    with pytest.raises(ConnectionClosedError):
        client.read()


@pytest.mark.parametrize(
    ("channels", "headers", "params"),
    [([], None, {}), (["rows"], {"X-Appwrite-JWT": "x"}, {}), (["rows"], None, {"queries[]": "x"})],
)
def test_connections_that_are_refused(
    world: World, channels: list[str], headers: Any, params: dict[str, str]
) -> None:
    client = world.client(*channels, headers=headers, **params)
    assert client.hello["type"] == "error"


def test_other_paths_are_not_found(world: World) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        connect(f"ws://127.0.0.1:{world.realtime.port}/v1/other", proxy=None).__enter__()
