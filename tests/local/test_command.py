"""``manage.py appwrite_server``: over HTTP, from its start to its end."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from websockets.sync.client import connect

HEADERS = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}


class Running:
    """The command in a process of its own, with the settings it needs: none."""

    def __init__(self, tmp_path: Path, *arguments: str) -> None:
        (tmp_path / "bare_settings.py").write_text("SECRET_KEY = 'x'\nINSTALLED_APPS = ['appwrite_orm_django']\n")
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "bare_settings",
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "django", "appwrite_server", "--addrport", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            # A test run in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert self.process.stdout is not None
        self.lines = [self.process.stdout.readline() for _ in range(2)]
        self.endpoint = self.lines[1].split()[1].rstrip(",")
        self.port = int(self.endpoint.rpartition(":")[2].partition("/")[0])

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        status = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path)
    yield server
    if server.process.poll() is None:
        server.stop()


def test_it_says_what_it_is_and_where(running: Running) -> None:
    assert "development and tests only" in running.lines[0]
    assert requests.get(running.endpoint + "/health/version", timeout=60).json() == {"version": "1.9.6"}


def test_connections_are_kept_alive(running: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/v1/tablesdb", headers=HEADERS)
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_urls_of_64000_characters_are_answered(running: Running) -> None:
    with requests.Session() as client:
        response = client.get(
            running.endpoint + "/tablesdb?x=" + "y" * (64_000 - len("/v1/tablesdb?x=")), headers=HEADERS, timeout=60
        )
        assert response.status_code == 200
        assert (
            client.get(running.endpoint + "/tablesdb?x=" + "y" * 70_000, headers=HEADERS, timeout=60).status_code == 431
        )


def test_bodies_of_13_megabytes_are_too_large(running: Running) -> None:
    with requests.Session() as client:
        answer = client.post(
            running.endpoint + "/tablesdb",
            data=b"x" * 13_000_000,
            headers={**HEADERS, "Content-Type": "application/json"},
            timeout=60,
        )
        assert answer.status_code == 413


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to_and_keeps_its_file(tmp_path: Path, with_signal: int) -> None:
    storage = str(tmp_path / "kept.sqlite3")
    first = Running(tmp_path, "--storage", storage)
    requests.post(first.endpoint + "/tablesdb", json={"databaseId": "d", "name": "D"}, headers=HEADERS, timeout=60)
    assert first.stop(with_signal) == 0
    second = Running(tmp_path, "--storage", storage, "--feature-level", "2.x")
    assert requests.get(second.endpoint + "/tablesdb/d", headers=HEADERS, timeout=60).status_code == 200
    second.stop()


@pytest.mark.parametrize("addrport", ["nowhere", "127.0.0.1:99999"])
def test_a_wrong_address_is_explained(addrport: str) -> None:
    with pytest.raises(CommandError, match=r"not an address and port"):
        call_command("appwrite_server", addrport=addrport)


def test_a_taken_port_is_explained(running: Running) -> None:
    with pytest.raises(CommandError, match=r"Choose another --addrport"):
        call_command("appwrite_server", addrport=f"127.0.0.1:{running.port}")


def test_faults_are_given_on_the_command_line(tmp_path: Path) -> None:
    server = Running(tmp_path, "--fault", "cut,path=/tablesdb,times=1", "--fault", "rate-limit,method=PUT")
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(server.endpoint + "/tablesdb", headers=HEADERS, timeout=60)
        assert requests.get(server.endpoint + "/tablesdb", headers=HEADERS, timeout=60).status_code == 200
        assert requests.put(server.endpoint + "/tablesdb/x", headers=HEADERS, timeout=60).status_code == 429
    finally:
        server.stop()


def test_a_fault_that_is_none_is_said_at_once() -> None:
    with pytest.raises(CommandError, match="no fault 'flood'"):
        call_command("appwrite_server", "--fault", "flood")


def test_realtime_is_served_beside_http(running: Running) -> None:
    assert running.process.stdout is not None
    address = running.process.stdout.readline().split()[-1]
    with connect(f"{address}?project=demo&channels[]=rows", proxy=None) as socket:
        assert '"connected"' in str(socket.recv(timeout=60))


def test_a_storage_that_cannot_be(tmp_path):
    with pytest.raises(CommandError, match=r"--storage /no/such/dev\.sqlite3 is no file that SQLite can use"):
        call_command("appwrite_server", storage="/no/such/dev.sqlite3")
