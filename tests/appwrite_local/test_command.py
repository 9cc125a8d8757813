"""``manage.py appwrite_server``: over HTTP, from its start to its end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from appwrite_local import realtime_server, wsgi
from appwrite_local.server import LocalServer
from appwrite_local.wsgi import OpenToOthers, check_reach, make_http_server, stop_http_server

HEADERS = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}


class Running:
    """The command in a process of its own, with the settings it needs: none."""

    def __init__(self, tmp_path: Path, *arguments: str) -> None:
        (tmp_path / "bare_settings.py").write_text(
            "SECRET_KEY = 'x'\nINSTALLED_APPS = ['appwrite_orm_django']\n"
        )
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "bare_settings",
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "django", "appwrite_server", *arguments]
        if "--addrport" not in arguments:
            command += ["--addrport", "127.0.0.1:0"]
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
    assert requests.get(running.endpoint + "/health/version", timeout=60).json() == {
        "version": "1.9.6"
    }


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
            running.endpoint + "/tablesdb?x=" + "y" * (64_000 - len("/v1/tablesdb?x=")),
            headers=HEADERS,
            timeout=60,
        )
        assert response.status_code == 200
        assert (
            client.get(
                running.endpoint + "/tablesdb?x=" + "y" * 70_000, headers=HEADERS, timeout=60
            ).status_code
            == 431
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
    requests.post(
        first.endpoint + "/tablesdb",
        json={"databaseId": "d", "name": "D"},
        headers=HEADERS,
        timeout=60,
    )
    assert first.stop(with_signal) == 0
    second = Running(tmp_path, "--storage", storage, "--feature-level", "2.x")
    assert (
        requests.get(second.endpoint + "/tablesdb/d", headers=HEADERS, timeout=60).status_code
        == 200
    )
    second.stop()


@pytest.mark.parametrize("addrport", ["nowhere", "127.0.0.1:99999"])
def test_a_wrong_address_is_explained(addrport: str) -> None:
    with pytest.raises(CommandError, match=r"not an address and port"):
        call_command("appwrite_server", addrport=addrport)


def test_a_taken_port_is_explained(running: Running) -> None:
    with pytest.raises(CommandError, match=r"Choose another --addrport"):
        call_command("appwrite_server", addrport=f"127.0.0.1:{running.port}")


def test_faults_are_given_on_the_command_line(tmp_path: Path) -> None:
    server = Running(
        tmp_path, "--fault", "cut,path=/tablesdb,times=1", "--fault", "rate-limit,method=PUT"
    )
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(server.endpoint + "/tablesdb", headers=HEADERS, timeout=60)
        assert (
            requests.get(server.endpoint + "/tablesdb", headers=HEADERS, timeout=60).status_code
            == 200
        )
        assert (
            requests.put(server.endpoint + "/tablesdb/x", headers=HEADERS, timeout=60).status_code
            == 429
        )
    finally:
        server.stop()


def test_a_fault_that_is_none_is_said_at_once() -> None:
    with pytest.raises(CommandError, match="unknown fault 'flood'"):
        call_command("appwrite_server", "--fault", "flood")


def two_free_ports() -> int:
    """Return a port that is free, as the next one is."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port: int = one.getsockname()[1]
            with suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
                return port


def test_realtime_is_served_beside_http(tmp_path: Path) -> None:
    running = Running(tmp_path, "--addrport", f"127.0.0.1:{two_free_ports()}")
    assert running.process.stdout is not None
    address = running.process.stdout.readline().split()[-1]
    with connect(f"{address}?project=demo&channels[]=rows", proxy=None) as listening:
        assert '"connected"' in str(listening.recv(timeout=60))
    running.stop()


def test_a_storage_that_cannot_be(tmp_path):
    with pytest.raises(
        CommandError, match=r"--storage /no/such/dev\.sqlite3 is not a usable SQLite file"
    ):
        call_command("appwrite_server", storage="/no/such/dev.sqlite3")


@pytest.mark.parametrize(
    "addrport", ["0.0.0.0:0", "[::]:0", ":::0", "devbox:0", "[::ffff:192.0.2.1]:0", "192.0.2.1:0"]
)
@pytest.mark.parametrize("key", [{}, {"key": "secret"}, {"key": ""}])
def test_a_server_that_others_can_reach_needs_a_key_of_its_own(monkeypatch, addrport, key):
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: real("192.0.2.1" if host == "devbox" else host, *a, **k),
    )
    with pytest.raises(CommandError, match=r"can be reached from other machines.*--key"):
        call_command("appwrite_server", addrport=addrport, **key)


def test_with_a_key_of_its_own_it_serves_others(tmp_path):
    server = Running(
        tmp_path, "--addrport", "0.0.0.0:0", "--key", "a key of its own", "--realtime-port", "0"
    )
    endpoint = server.endpoint.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    try:
        for key, status in (("secret", 401), ("a key of its own", 200)):
            headers = {**HEADERS, "X-Appwrite-Key": key}
            assert (
                requests.get(endpoint + "/tablesdb", headers=headers, timeout=60).status_code
                == status
            )
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_no_other(host):
    check_reach(LocalServer(), host)


def test_any_key_is_no_key():
    with pytest.raises(OpenToOthers):
        check_reach(LocalServer(key=None), "0.0.0.0")  # noqa: S104
    with pytest.raises(OpenToOthers, match="every address"):
        check_reach(LocalServer(), "")
    check_reach(LocalServer(key="a key of its own"), "")


# Connections that do not send what they have begun


@pytest.fixture
def serving():
    """A server in a thread of this process, and its endpoint's port."""
    server = LocalServer()
    http_server = make_http_server(server, "127.0.0.1", 0)
    thread = threading.Thread(target=http_server.run, daemon=True)
    thread.start()
    yield http_server
    if not http_server.trigger._closed:  # a test has stopped it
        stop_http_server(http_server)
    thread.join()
    server.close()


def connected(http_server, sent=b""):
    client = socket.create_connection(("127.0.0.1", http_server.effective_port), timeout=60)
    client.sendall(sent)
    return client


def is_answered(http_server):
    url = f"http://127.0.0.1:{http_server.effective_port}/v1/health/version"
    return requests.get(url, timeout=60).status_code == 200


PARTS = {
    "nothing": b"",
    "half of the headers": b"GET /v1/health/version HTTP/1.1\r\nHost: x\r\nX-",
    "half of the body": b"POST /v1/tablesdb HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    "half of a chunk": b"POST /v1/tablesdb HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_200_requests_that_never_end_keep_nobody_waiting(serving, part):
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(serving, part)) for _ in range(200)]
        assert is_answered(serving)
        assert len(clients) == 200


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_beyond_the_limit_those_that_send_nothing_go_first(serving, part, monkeypatch):
    monkeypatch.setattr(wsgi, "MAX_CONNECTIONS", 20)
    kept = http.client.HTTPConnection("127.0.0.1", serving.effective_port, timeout=60)
    kept.request("GET", "/v1/health/version")
    assert kept.getresponse().read()
    own = kept.sock
    with ExitStack() as stack:
        stack.callback(kept.close)
        clients = [stack.enter_context(connected(serving, part)) for _ in range(60)]
        assert is_answered(serving)
        # The oldest of them are closed; what was answered before, and waits for its next request, is not.
        assert all(client.recv(1) == b"" for client in clients[:30])
        kept.request("GET", "/v1/health/version")
        assert kept.getresponse().read()
        assert kept.sock is own


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_request_that_does_not_arrive_is_given_up(serving, part, monkeypatch):
    monkeypatch.setattr(wsgi, "REQUEST_S", 0.0)
    with connected(serving, part) as client:
        assert client.recv(1) == b""


def test_a_connection_between_two_requests_is_kept(serving, monkeypatch):
    monkeypatch.setattr(wsgi, "REQUEST_S", 0.0)
    connection = http.client.HTTPConnection("127.0.0.1", serving.effective_port, timeout=60)
    for _ in range(2):
        connection.request("GET", "/v1/health/version")
        assert connection.getresponse().read()
        first = connection.sock
        serving.maintenance(time.time() + wsgi.IDLE_S / 2)
        assert connection.sock is first
    connection.close()


def test_handshakes_that_never_end_are_given_up(monkeypatch):
    monkeypatch.setattr(realtime_server, "HANDSHAKE_S", 0.2)
    server = LocalServer()
    realtime = realtime_server.RealtimeServer(server)
    with socket.create_connection(("127.0.0.1", realtime.port), timeout=60) as client:
        client.sendall(b"GET /v1/realtime HTTP/1.1\r\nHost")
        while client.recv(4096):
            pass
    realtime.close()
    server.close()


def test_more_listeners_than_there_is_room_for_are_turned_away(monkeypatch):
    monkeypatch.setattr(realtime_server, "MAX_CONNECTIONS", 2)
    server = LocalServer()
    realtime = realtime_server.RealtimeServer(server)
    url = f"ws://127.0.0.1:{realtime.port}/v1/realtime?project=demo&channels[]=rows"
    with connect(url, proxy=None) as one, connect(url, proxy=None) as two:
        assert one.recv(timeout=60)
        assert two.recv(timeout=60)
        with pytest.raises(InvalidStatus, match="503"), connect(url, proxy=None):
            pass
    realtime.close()
    server.close()


# Stopping


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def pulls(serving, monkeypatch):
    """For each time that somebody wakes the loop: whether its descriptor was open."""
    pulled, pull = [], serving.trigger._physical_pull

    def recorded():
        pulled.append(not serving.trigger._closed)
        pull()

    monkeypatch.setattr(serving.trigger, "_physical_pull", recorded)
    return pulled


def test_the_loop_that_was_woken_by_another_does_not_close_before_it_is_told(
    serving, pulls, monkeypatch
):
    pull = serving.trigger._physical_pull

    def after_another():
        pull()
        # Until the loop runs what it was woken for.
        wait_for(lambda: serving.trigger.lock.locked() or serving.trigger._closed)
        pull()

    monkeypatch.setattr(serving.trigger, "_physical_pull", after_another)
    stop_http_server(serving)
    wait_for(lambda: serving.trigger._closed)
    assert pulls == [True, True]


def test_a_request_that_is_being_answered_ends_before_the_server(serving, pulls):
    begun, end = threading.Event(), threading.Event()

    def application(environ, start_response):
        begun.set()
        end.wait(60)
        start_response("204 No Content", [])
        return []

    serving.application = application
    with socket.create_connection(("127.0.0.1", serving.effective_port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(60)
        stop_http_server(serving)
        wait_for(lambda: serving.task_dispatcher.stop_count or serving.trigger._closed)
        end.set()
        wait_for(lambda: serving.trigger._closed and not serving.task_dispatcher.threads)
    assert len(pulls) > 1
    assert all(pulls)
