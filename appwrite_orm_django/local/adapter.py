"""A server without a socket: ``requests`` hands over the request, and gets back the bytes that HTTP would have carried."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from .messages import Request, Response
from .server import LocalServer


class LocalAdapter(BaseAdapter):
    """
    A transport adapter that serves whatever is sent to it from a server in this process.

    Mount it on any prefix; scheme and host do not matter, the path starts with ``/v1``.
    """

    def __init__(self, server: LocalServer) -> None:
        super().__init__()
        self.server = server

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = urlsplit(request.url or "")
        body = request.body or b""
        message = Request(
            request.method or "GET",
            unquote(url.path),
            url.query,
            {name.lower(): _text(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else _read(body),
        )
        return _response(request, self.server.handle(message))

    def close(self) -> None:
        """Do nothing: the server belongs to whoever made it."""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _read(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return bytes(body.read()) if hasattr(body, "read") else b"".join(body)


def _response(request: requests.PreparedRequest, answer: Response) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.raw = io.BytesIO(answer.body)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    return response


def local_session(server: LocalServer, headers: Mapping[str, str] | None = None) -> requests.Session:
    """Make a session that reaches a server under any ``http://`` address."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", LocalAdapter(server))
    session.headers.update(headers or {})
    return session


def session() -> requests.Session:
    """Make a session with a new server of its own: project ``demo``, key ``secret``."""
    return local_session(LocalServer())
