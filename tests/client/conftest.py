"""A transport that never sleeps, and a scripted server on a real socket for what only sockets can show."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import responses

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport

ENDPOINT = "https://appwrite.example/v1"
KEY = "standard_0123456789abcdef"
TABLE = TableRef("shop", "product")
ROWS = f"{ENDPOINT}/tablesdb/shop/tables/product/rows"


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that a transport made, in seconds; full jitter always draws the longest."""
    return []


@pytest.fixture
def backoff(pauses: list[float]) -> Backoff:
    return Backoff(
        sleep=pauses.append, uniform=lambda _low, high: high, now=lambda: 1_000_000_000.0
    )


@pytest.fixture
def transport(backoff: Backoff) -> Transport:
    return Transport(ENDPOINT, "demo", KEY, alias="appwrite", backoff=backoff)


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def answer(body: str, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


class LastWords(bytes):
    """A step after which the connection is cut."""


@dataclass
class ScriptedServer:
    """Answers each request by the next step of a script: bytes to send, or None to cut the connection."""

    script: list[bytes | None]
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := _read_request(connection):
                with self.lock:
                    self.requests.append(request)
                    step = self.script.pop(0)
                if step is None:
                    return
                connection.sendall(step)
                if isinstance(step, LastWords):
                    return


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            chunk = connection.recv(65536)
        except OSError:
            return b""
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def scripted() -> Iterator[Callable[[list[bytes | None]], ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(script: list[bytes | None]) -> ScriptedServer:
        server = ScriptedServer(script)
        servers.append(server)
        threading.Thread(target=server.run, daemon=True).start()
        return server

    yield start
    for server in servers:
        # close() alone would leave the thread in accept() on Linux.
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
