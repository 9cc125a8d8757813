"""
The truth of the ``driver`` store: a server that holds versions of rows, slow at random like a real
one. Its socket is a file, which is there in every network namespace.

A request is a line of JSON, ``["read", [row, ...]]`` or ``["write", row]``; the answer is the list
of versions, or the new version. A write whose client is gone is applied all the same, up to
``SLOWEST_S`` later.
"""

import json
import random
import shutil
import socket
import socketserver
import tempfile
import threading
import time

SLOWEST_S = 0.3


class TruthServer(socketserver.ThreadingUnixStreamServer):
    """Versions by row, all zero at first."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="appwrite-truth-")
        self.path = f"{self.directory}/socket"
        super().__init__(self.path, _Handler)
        self.versions: dict[str, int] = {}
        self.order = threading.Lock()

    def server_close(self) -> None:
        super().server_close()
        shutil.rmtree(self.directory, ignore_errors=True)


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

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rwb")

    def ask(self, action: str, argument: object) -> object:
        self._stream.write(json.dumps([action, argument]).encode() + b"\n")
        self._stream.flush()
        return json.loads(self._stream.readline())

    def close(self) -> None:
        self._stream.close()
        self._socket.close()
