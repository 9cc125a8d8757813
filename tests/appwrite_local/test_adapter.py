"""Servers without a socket, and which one a location stands for."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import requests

from appwrite_local.adapter import LocalAdapter, session
from appwrite_local.registry import check_location, forget, is_local, local_server
from appwrite_local.server import LocalServer

HEADERS = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}


def test_requests_reach_the_server_on_any_prefix(server: LocalServer) -> None:
    with requests.Session() as client:
        client.mount("local://", LocalAdapter(server))
        made = client.post(
            "local://anything/v1/tablesdb",
            json={"databaseId": "d", "name": "Däta 😀"},
            headers=HEADERS,
        )
        assert (made.status_code, made.headers["content-type"]) == (
            201,
            "application/json; charset=UTF-8",
        )
        listed = client.get(
            "local://anything/v1/tablesdb",
            params={"queries[0]": '{"method":"equal","attribute":"name","values":["dätä 😀"]}'},
            headers=HEADERS,
        )
        assert listed.json()["databases"][0]["name"] == "Däta 😀"
        assert client.delete("local://anything/v1/tablesdb/d", headers=HEADERS).content == b""


def test_a_session_for_the_runner_has_a_server_of_its_own() -> None:
    with session() as one, session() as other:
        one.post(
            "http://testserver/v1/tablesdb", json={"databaseId": "d", "name": "D"}, headers=HEADERS
        )
        assert other.get("http://testserver/v1/tablesdb", headers=HEADERS).json()["total"] == 0


def test_one_location_is_one_server() -> None:
    assert local_server("local:#registry-a") is local_server("local:#registry-a")
    assert local_server("local:#registry-a") is not local_server("local:#registry-b")
    for name in "ab":
        forget(f"local:#registry-{name}")


def test_local_servers_take_any_project_and_any_key_but_none() -> None:
    server = local_server("local:#registry-c")
    with requests.Session() as client:
        client.mount("http://", LocalAdapter(server))
        assert (
            client.get(
                "http://x/v1/tablesdb",
                headers={"X-Appwrite-Project": "any", "X-Appwrite-Key": "thing"},
            ).status_code
            == 200
        )
        assert (
            client.get(
                "http://x/v1/tablesdb", headers={"X-Appwrite-Project": "any", "X-Appwrite-Key": ""}
            ).status_code
            == 401
        )
        assert (
            client.get("http://x/v1/tablesdb", headers={"X-Appwrite-Project": "any"}).status_code
            == 401
        )
    forget("local:#registry-c")


def test_options_are_read(tmp_path: Path) -> None:
    location = f"local:{tmp_path}/dev.sqlite3?feature-level=2.x&column-delay=0.5&engine=postgresql&project=p&key=k"
    server = local_server(location)
    assert (server.feature_level, server.engine.name, server.column_delay_s) == (
        "2.x",
        "postgresql",
        0.5,
    )
    assert (server.project, server.accepts_key("k"), server.accepts_key("other")) == (
        "p",
        True,
        False,
    )
    assert (tmp_path / "dev.sqlite3").exists()
    forget(location)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://x/v1", "is not a local server"),
        ("local:?frob=1", "unknown option 'frob'; the options are feature-level"),
        ("local:?frob", "options are written"),
        ("local:#name?engine=mongodb", "options come before the name"),
        ("local:?feature-level=3", "feature-level must be one of 1.9, 2.x, got '3'"),
        ("local:?engine=oracle", "engine must be one of"),
        ("local:?column-delay=soon", "column-delay must be a number of seconds, got 'soon'"),
        ("local:/no/such/dev.sqlite3", "there is no directory /no/such"),
        ("local:/tmp", "/tmp is a directory"),
    ],
)
def test_wrong_locations_say_what_is_wrong(location: str, words: str) -> None:
    for look in (check_location, local_server):
        with pytest.raises(ValueError, match=f"{re.escape(repr(location))}.*{re.escape(words)}"):
            look(location)
    assert is_local("local:")


def test_a_file_of_something_else_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database, but longer than the header of one" * 10)
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} is no file that SQLite can use"):
        local_server(f"local:{file}")
    assert file.read_text().startswith("no database")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_file_survives_a_fork(tmp_path: Path) -> None:
    location = f"local:{tmp_path}/fork.sqlite3"
    server = local_server(location)
    with requests.Session() as client:
        client.mount("http://", LocalAdapter(server))
        client.headers.update(HEADERS)
        client.post("http://x/v1/tablesdb", json={"databaseId": "before", "name": "D"})
        child = os.fork()
        if not child:
            made = client.post("http://x/v1/tablesdb", json={"databaseId": "child", "name": "D"})
            os._exit(0 if made.status_code == 201 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert [one["$id"] for one in client.get("http://x/v1/tablesdb").json()["databases"]] == [
            "before",
            "child",
        ]
    forget(location)
