"""Serve ``requests`` without a socket, with the same bytes that HTTP would carry."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from http.client import RemoteDisconnected
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from appwrite_local.messages import Request, Response
from appwrite_local.server import LocalServer


class LocalAdapter(BaseAdapter):
    """
    A transport adapter that sends all requests to a server in this process.

    Mount it on any prefix; scheme and host do not matter, and the path starts with ``/v1``. Faults
    look as on a socket: a cut connection raises ``ConnectionError``, and an answer later than the
    read timeout raises ``ReadTimeout`` after that time.
    """

    def __init__(self, server: LocalServer, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.server = server
        self._sleep = sleep

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> requests.Response:
        url = urlsplit(request.url or "")
        body = request.body or b""
        message = Request(
            request.method or "GET",
            unquote(url.path),
            url.query,
            {name.lower(): _text(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else _read(body),
        )
        answer = self.server.handle(message)
        if answer.delay_s or answer.cut:
            self._disturb(request, answer, timeout)
        return _response(request, answer)

    def _disturb(self, request: requests.PreparedRequest, answer: Response, timeout: Any) -> None:
        read_timeout_s = timeout[1] if isinstance(timeout, tuple) else timeout
        if read_timeout_s is not None and answer.delay_s >= read_timeout_s:
            self._sleep(read_timeout_s)
            raise requests.ReadTimeout(
                f"Read timed out. (read timeout={read_timeout_s})", request=request
            )
        self._sleep(answer.delay_s)
        if answer.cut:
            broken = ProtocolError(
                "Connection aborted.",
                RemoteDisconnected("Remote end closed connection without response"),
            )
            raise requests.ConnectionError(broken, request=request)

    def close(self) -> None:
        """Do nothing: the caller that made the server closes it."""


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
    response.raw = answer.part or _raw(answer)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    return response


def _raw(answer: Response) -> Any:
    if "Content-Encoding" not in answer.headers:
        return io.BytesIO(answer.body)
    return HTTPResponse(
        io.BytesIO(answer.body), answer.headers, answer.status, preload_content=False
    )


def local_session(
    server: LocalServer, headers: Mapping[str, str] | None = None
) -> requests.Session:
    """Return a session that reaches a server under any ``http://`` address."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", LocalAdapter(server))
    session.headers.update(headers or {})
    return session


def session() -> requests.Session:
    """Return a session with a new server of its own: project ``demo``, key ``secret``."""
    return local_session(LocalServer())
