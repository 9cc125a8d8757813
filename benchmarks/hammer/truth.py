"""
The truth of the ``driver`` store: a server that holds versions of rows, over a socket, slow at
random like a real one.

A request is a line of JSON, ``["read", [row, ...]]`` or ``["write", row]``; the answer is the list
of versions, or the new version. A write whose client is gone is applied all the same, up to
``SLOWEST_S`` later.
"""

import json
import random
import socket
import socketserver
import threading
import time

SLOWEST_S = 0.3


class TruthServer(socketserver.ThreadingTCPServer):
    """Versions by row, all zero at first."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.versions: dict[str, int] = {}
        self.order = threading.Lock()
        self.port: int = self.server_address[1]


class _Handler(socketserver.StreamRequestHandler):
    server: TruthServer

    def handle(self) -> None:
        try:
            for line in self.rfile:
                action, argument = json.loads(line)
                answer = self.read(argument) if action == "read" else self.write(argument)
                self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # the client was killed

    def read(self, rows: list[str]) -> list[int]:
        _dawdle()
        with self.server.order:
            seen = [self.server.versions.get(row, 0) for row in rows]
        _dawdle()  # an answer may be old when it arrives
        return seen

    def write(self, row: str) -> int:
        _dawdle()
        with self.server.order:
            version = self.server.versions[row] = self.server.versions.get(row, 0) + 1
        _dawdle()
        return version


def _dawdle() -> None:
    throw = random.random()
    time.sleep(random.uniform(0, SLOWEST_S / 3) if throw < 0.02 else random.uniform(0, 0.003))


class TruthClient:
    """A connection to the truth; one per process."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._stream = self._socket.makefile("rwb")

    def ask(self, action: str, argument: object) -> object:
        self._stream.write(json.dumps([action, argument]).encode() + b"\n")
        self._stream.flush()
        return json.loads(self._stream.readline())

    def close(self) -> None:
        self._stream.close()
        self._socket.close()
