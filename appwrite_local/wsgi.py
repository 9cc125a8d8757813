"""Serve over HTTP: a WSGI application, and waitress to run it."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waitress.adjustments import Adjustments
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer

from appwrite_local.messages import Request
from appwrite_local.server import MAX_BODY_BYTES, LocalServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# A request line of 64,000 characters is answered. Slightly longer ones are not, as on the server.
MAX_HEADER_BYTES = 66_000
THREADS = 8
#: The number of connections kept open. Beyond it, connections that have not sent their request are
#: closed first, then those that wait for the next one.
MAX_CONNECTIONS = 500
#: Seconds, from its first byte, within which a request must arrive completely.
REQUEST_S = 30.0
#: Seconds after which an idle connection is closed.
IDLE_S = 120

_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content"}


def make_application(
    server: LocalServer,
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """Make a WSGI application of a server."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = server.handle(_request(environ))
        if response.delay_s:
            time.sleep(response.delay_s)
        if response.cut:
            # What waitress itself raises if the client hangs up: it closes the socket and writes
            # nothing.
            raise ClientDisconnected
        headers = [*_header_texts(response.headers), ("Server", "Appwrite")]
        if response.status != 204:
            sized = "Content-Length" in response.headers or response.part is not None
            if not sized and environ["REQUEST_METHOD"] != "HEAD":
                headers.append(("Content-Length", str(len(response.body))))
        elif "Content-Type" not in response.headers:
            # The server's HTTP library adds it. The SDK for Python reads it from every answer, and
            # fails without it.
            headers.append(("Content-Type", "text/html"))
        start_response(f"{response.status} {_REASONS.get(response.status, 'Error')}", headers)
        if response.part is not None:
            return response.part
        return [response.body] if response.body else []

    return application


def _header_texts(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield headers as WSGI carries them: bytes of UTF-8 as latin-1, and no line ends."""
    for name, value in headers.items():
        yield name, value.replace("\r", "").replace("\n", "").encode().decode("latin-1")


def _request(environ: WSGIEnvironment) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    # WSGI carries the bytes of a path as latin-1.
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    return Request(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)


class OpenToOthers(ValueError):
    """Other machines can reach the server, and its key is public."""


def check_reach(server: LocalServer, host: str) -> None:
    """
    Check that a server which other machines can reach has a secret key.

    Raises:
        OpenToOthers: its key is public.
        OSError: the host has no address.
    """
    if server.key_is_known and not _is_loopback(host):
        raise OpenToOthers(
            f"{host or 'every address'} can be reached from other machines, and the server's key "
            "is public: set another key, or listen on 127.0.0.1."
        )


def _is_loopback(host: str) -> bool:
    if not host:
        return False
    found = {
        str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    }
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    return all(
        (getattr(address, "ipv4_mapped", None) or address).is_loopback for address in addresses
    )


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """
    A connection that records since when it has been waiting for the rest of a request.

    Attributes:
        waits_since: Unix time; None while a request is served, and between two requests.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waits_since: float | None = self.creation_time

    def received(self, data: bytes) -> Any:
        taken = super().received(data)
        if self.request is None:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = time.time()
        return taken


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """
    A waitress server that closes the oldest waiting connection when there are too many.

    Plain waitress stops accepting connections then, even if the others never send a request.
    """

    channel_class = _Channel

    def handle_accept(self) -> None:
        super().handle_accept()
        if len(self.active_channels) > MAX_CONNECTIONS:
            idle = [channel for channel in self.active_channels.values() if not channel.requests]
            # Not one whose answer is under way; of the others, the one that has waited longest.
            idle = [channel for channel in idle if not channel.total_outbufs_len]
            if idle:
                min(
                    idle,
                    key=lambda one: (one.waits_since is None, one.waits_since or one.last_activity),
                ).handle_close()

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in self.active_channels.values():
            if (
                not channel.requests
                and channel.waits_since is not None
                and now - channel.waits_since > REQUEST_S
            ):
                channel.will_close = True


def make_http_server(server: LocalServer, host: str, port: int, threads: int = THREADS) -> Any:
    """
    Make an HTTP/1.1 server that is bound and not yet running.

    Args:
        port: 0 for any free port; read it from ``effective_port``.

    Returns:
        A waitress server: ``run()`` serves until a signal ends the process. Another thread ends it
        with ``stop_http_server``.

    Raises:
        OpenToOthers: as ``check_reach``.
        OSError: the address cannot be bound.
    """
    check_reach(server, host)
    # waitress logs each request that has to wait for a thread.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    adjustments = Adjustments(
        sockets=[listener], threads=threads, max_request_header_size=MAX_HEADER_BYTES, max_request_body_size=MAX_BODY_BYTES,
        clear_untrusted_proxy_headers=True, ident="Appwrite", channel_timeout=IDLE_S, cleanup_interval=1,
        # On top of the kept connections: those that are being answered are never closed.
        connection_limit=MAX_CONNECTIONS + 100, asyncore_use_poll=True,
    )  # fmt: skip
    http: Any = _Server(
        make_application(server),
        _sock=listener,
        adj=adjustments,
        bind_socket=False,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
    )
    # waitress keeps the port of a given socket as text.
    http.effective_port = int(http.effective_port)
    return http


def stop_http_server(http: Any) -> None:
    """
    Stop a server that runs in another thread; requests that are being answered have 5 s to end.

    Its own loop closes the sockets. Closed from here, they would be gone while it waits for them,
    which it treats as an error. The threads that answer end before that: they wake the loop through
    a descriptor that is closed with the sockets, and whose number may then be that of another file.
    """
    written = threading.Event()

    def close() -> None:
        # A worker may have woken the loop before the trigger, which is closed here, was pulled.
        written.wait()
        http.task_dispatcher.shutdown()
        http.asyncore.close_all(http._map)

    http.trigger.pull_trigger(close)
    written.set()


@contextmanager
def running_http_server(
    server: LocalServer, host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """
    Serve over HTTP in a thread of this process during the block.

    Yields:
        The endpoint, for example ``http://127.0.0.1:49152/v1``.

    Raises:
        OSError: the address cannot be bound.
    """
    http = make_http_server(server, host, port)
    thread = threading.Thread(target=http.run, name="local-appwrite", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{http.effective_port}/v1"
    finally:
        stop_http_server(http)
        thread.join()
