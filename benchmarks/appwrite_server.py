"""A local Appwrite over HTTP in a process of its own, filled with ``Item`` rows; and TLS in front of it."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PROJECT = KEY = "bench"


@contextmanager
def appwrite_server(
    rows: int = 0, feature_level: str = "1.9", script: str = "benchmarks.filling"
) -> Iterator[str]:
    """Fill a file with so many items, serve it, and give the endpoint."""
    with tempfile.TemporaryDirectory(
        prefix="appwrite-bench-", ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder) / "rows.sqlite3"
        subprocess.run([sys.executable, "-m", script, f"local:{path}", str(rows)], check=True)
        port = free_port()
        command = [
            sys.executable,
            "manage.py",
            "appwrite_server",
            "--addrport",
            f"127.0.0.1:{port}",
        ]
        command += [
            "--project",
            PROJECT,
            "--key",
            KEY,
            "--storage",
            str(path),
            "--feature-level",
            feature_level,
        ]
        with running([*command, "--realtime-port", "0"], port):
            yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a program that listens on a port; from when it does to the end of the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} does not answer") from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tls_terminator(endpoint: str) -> Iterator[tuple[str, str]]:
    """Serve an endpoint over TLS as well, in a process of its own; give the new endpoint and the path of its certificate."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="appwrite-bench-") as folder:
        certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(
            [*command, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        target = endpoint.split("/")[2].rpartition(":")[2]
        program = [
            sys.executable,
            "-m",
            "benchmarks.appwrite_server",
            str(port),
            target,
            str(certificate),
            str(key),
        ]
        with running(program, port):
            yield f"https://localhost:{port}/v1", str(certificate)


def terminate_tls(port: int, target: int, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_terminate_one, args=(client, context, target), daemon=True).start()


def _terminate_one(client: socket.socket, context: ssl.SSLContext, target: int) -> None:
    try:
        secure = context.wrap_socket(client, server_side=True)
        with secure, socket.create_connection(("127.0.0.1", target)) as upstream:
            for one in (secure, upstream):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # One request at a time and never both directions at once: HTTP/1.1 without pipelining.
            threading.Thread(target=_forward, args=(upstream, secure), daemon=True).start()
            _forward(secure, upstream)
    except OSError:
        return


def _forward(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


if __name__ == "__main__":
    terminate_tls(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
