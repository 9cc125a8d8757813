"""The site behind a real HTTP server, static files included."""

from __future__ import annotations

import threading
from typing import Any

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from waitress import create_server
from waitress.server import BaseWSGIServer

#: Pages wait for Appwrite most of their time.
THREADS = 8


def parse_addrport(text: str) -> tuple[str, int]:
    """
    Return host and port of ``8000``, ``127.0.0.1:8000``, ``localhost:8000`` or ``[::1]:8000``.

    Raises:
        ValueError: there is no port in it.
    """
    host, separator, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(
            f"{text!r} is no address and port; write 127.0.0.1:8000, or the port alone."
        )
    return (host if separator else "127.0.0.1"), int(port)


def make_server(host: str, port: int) -> BaseWSGIServer:
    """
    Bind the site to an address; ``run()`` then serves it until Ctrl-C.

    Args:
        port: 0 for a free one, which ``effective_port`` tells.

    Raises:
        OSError: the address can not be bound.
    """
    application: Any = StaticFilesHandler(get_wsgi_application())
    server: BaseWSGIServer = create_server(
        application, host=host.strip("[]"), port=port, threads=THREADS, ident=None
    )
    return server


def serve_in_background(server: BaseWSGIServer) -> None:
    """Serve in a thread that ends with the process."""
    threading.Thread(target=server.run, name="demo-server", daemon=True).start()
