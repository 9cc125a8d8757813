"""The processes of the farm, and the relay that stands between Appwrite and the site."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.e2e.processes import ROOT

PROJECT, KEY, SECRET = "atlas", "atlas-key", "a secret of the tests"


@dataclass
class Relay:
    """
    Takes Appwrite's deliveries, hands them on to the site and notes when they were answered.

    Attributes:
        target: address of the site, without a path.
        answered: called with the body and the status as soon as the site has answered.
    """

    target: str = ""
    answered: Callable[[dict[str, Any], int], object] = lambda body, status: None
    statuses: list[int] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, name: str) -> None:
        """Wait until a delivery about a row of this name has been answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._names, 60), (
                f"nobody was told of {name}"
            )

    def hand_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
        try:
            status = requests.post(
                self.target + handler.path, body, headers=headers, timeout=300
            ).status_code
        except requests.ConnectionError:
            status = 204  # nobody is there just now; ten failures would turn the webhook off
        else:
            row = json.loads(body)
            self.answered(row, status)
            with self._changed:
                self.statuses.append(status)
                self._names.add(row["name"])
                self._changed.notify_all()
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def relaying() -> Iterator[tuple[Relay, str]]:
    """Run a relay, and give it and its address."""
    relay = Relay()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            relay.hand_on(self)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield relay, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Gunicorn:
    url: str
    pid: int

    def get(self, path: str) -> dict[str, Any]:
        """Ask over a connection of its own, so that every worker has its turn."""
        answer = requests.get(f"{self.url}/{path}", headers={"Connection": "close"}, timeout=300)
        assert answer.status_code == 200, answer.text[:2000]
        return answer.json()

    def stop(self) -> None:
        """Ask it to end when it has answered everybody."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)


@contextmanager
def gunicorn(
    env: dict[str, str], *options: str, application: str = "testproject.wsgi"
) -> Iterator[Gunicorn]:
    """Serve the farm's pages with two workers of two threads."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--workers",
        "2",
        "--threads",
        "2",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    process = subprocess.Popen(
        [*command, "--log-level", "warning", *options, application],
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )
    try:
        site = Gunicorn(f"http://127.0.0.1:{port}", process.pid)
        deadline = time.monotonic() + 300
        while True:
            try:
                requests.get(f"{site.url}/favicon.ico", allow_redirects=False, timeout=300)
                break
            except requests.ConnectionError:
                assert process.poll() is None, "gunicorn has ended"
                assert time.monotonic() < deadline, "gunicorn does not answer"
                time.sleep(0.05)
        yield site
    finally:
        process.terminate()
        process.wait(300)


class Worker:
    """A process that is asked by lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def ask(self, name: str, *arguments: str | int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@contextmanager
def worker(env: dict[str, str]) -> Iterator[Worker]:
    command = [sys.executable, "-m", "tests.e2e.farm.worker"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Worker(process)
    finally:
        process.communicate(timeout=300)
