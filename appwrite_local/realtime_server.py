"""
Serve realtime over WebSocket, on a port of its own beside HTTP: ``ws://host:port/v1/realtime``.

This needs the extra ``realtime``.
"""

from __future__ import annotations

import contextlib
import json
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from appwrite_local.realtime import POLICY_VIOLATION, Connection, Hub, Refused
from appwrite_local.server import LocalServer

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

PATHS = ("/v1/realtime", "/v1/realtime/")
#: Each connection has a thread; further connections are rejected.
MAX_CONNECTIONS = 500
#: Seconds within which a client must complete the handshake.
HANDSHAKE_S = 5.0
#: The limit for messages of clients, which are short; messages to clients have no limit.
MAX_MESSAGE_BYTES = 64 * 1024


class RealtimeServer:
    """
    Serve the realtime events of a local server until it is closed.

    Args:
        port: 0 for any free port; read it from ``port``.

    Raises:
        OSError: the address cannot be bound.
    """

    def __init__(self, server: LocalServer, host: str = "127.0.0.1", port: int = 0) -> None:
        self._hub: Hub = server.realtime
        self._server = serve(
            self._talk,
            host,
            port,
            process_request=self._turn_away,
            open_timeout=HANDSHAKE_S,
            max_size=MAX_MESSAGE_BYTES,
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="local-appwrite-realtime", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Close the port. Connections end with their clients, or with the process."""
        self._server.shutdown()
        self._thread.join(5)

    def _turn_away(self, socket: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path not in PATHS:
            return socket.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        if len(self._hub) >= MAX_CONNECTIONS:
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections\n")
        return None

    def _talk(self, socket: ServerConnection) -> None:
        request = socket.request
        if request is None:
            # This applies only to the handshake, which is over.
            return
        try:
            connection = self._hub.open(
                urlsplit(request.path).query,
                {name.lower(): value for name, value in request.headers.raw_items()},
            )
        except Refused as refusal:
            _refuse(socket, refusal)
            return
        writer = threading.Thread(target=_write, args=(socket, connection), daemon=True)
        writer.start()
        try:
            for text in socket:
                self._hub.receive(connection, text)
        except Refused as refusal:
            _refuse(socket, refusal)
        except ConnectionClosed:
            pass
        finally:
            self._hub.close(connection)
            writer.join(5)


def _write(socket: ServerConnection, connection: Connection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while (text := connection.outbox.get()) is not None:
            socket.send(text)


def _refuse(socket: ServerConnection, refusal: Refused) -> None:
    error = {"type": "error", "data": {"code": POLICY_VIOLATION, "message": str(refusal)}}
    with contextlib.suppress(ConnectionClosed):
        socket.send(json.dumps(error))
        socket.close(POLICY_VIOLATION, str(refusal)[:120])
