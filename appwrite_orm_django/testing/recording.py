"""
Record the traffic with a real server once, and replay it afterwards.

A recording is a file of JSON Lines. Each line has a request's method, path, query and body, and the
response's status, content type and body. Request headers are never written, because they contain
keys and tokens.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.conf import appwrite_aliases

if TYPE_CHECKING:
    from appwrite_orm_django.client.transport import Transport

Line = dict[str, Any]


class UnexpectedRequest(AssertionError):
    """The recording has no unused response for a request, or a response that no request used."""


@contextmanager
def recorded_appwrite(path: str | Path, using: str | None = None) -> Iterator[None]:
    """Record requests to Appwrite and their responses within the block, replacing the file."""
    lines: list[Line] = []
    with _transport(using).through(lambda adapter: _Recorder(adapter, lines)):
        yield
    Path(path).write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )


@contextmanager
def replayed_appwrite(
    path: str | Path, using: str | None = None, *, all_used: bool = True
) -> Iterator[None]:
    """
    Answer requests to Appwrite within the block from a file, without a server.

    Each line answers one request with equal method, path, query and body, in the order of the file.
    The test must therefore set ids that would otherwise differ between runs.

    Args:
        all_used: whether every line of the recording must have been used at the end.

    Raises:
        UnexpectedRequest: a request has no response, or at the end a response has no request.
    """
    lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    with _transport(using).through(lambda _adapter: _Player(lines)):
        yield
    if all_used and lines:
        raise UnexpectedRequest(
            f"{len(lines)} recorded requests were not made; the first is {_shown(lines[0])}"
        )


def _transport(using: str | None) -> Transport:
    return appwrite_connection(using or appwrite_aliases()[0]).transport


def _question(request: requests.PreparedRequest) -> Line:
    url = urlsplit(request.url or "")
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    return {
        "method": request.method,
        "path": url.path,
        "query": url.query,
        "body": json.loads(body) if body else None,
    }


def _shown(question: Mapping[str, Any]) -> str:
    return f"{question['method']} {question['path']} {json.dumps(question['body'], ensure_ascii=False)[:100]}"


class _Recorder(BaseAdapter):
    def __init__(self, inner: BaseAdapter, lines: list[Line]) -> None:
        super().__init__()
        self._inner = inner
        self._lines = lines

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        response = self._inner.send(request, *args, **kwargs)
        answer = {
            "status": response.status_code,
            "type": response.headers.get("content-type", ""),
            "answer": response.content.decode("utf-8", "replace"),
        }
        self._lines.append({**_question(request), **answer})
        return response

    def close(self) -> None:
        """Do nothing, because the transport owns the inner adapter."""


class _Player(BaseAdapter):
    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        question = _question(request)
        for number, line in enumerate(self._lines):
            if all(line[key] == value for key, value in question.items()):
                return _response(request, self._lines.pop(number))
        raise UnexpectedRequest(f"The recording has no answer for {_shown(question)}")

    def close(self) -> None:
        """Do nothing, because nothing is open."""


def _response(request: requests.PreparedRequest, line: Line) -> requests.Response:
    response = requests.Response()
    response.status_code = line["status"]
    response.headers = CaseInsensitiveDict({"content-type": line["type"]})
    response.raw = io.BytesIO(line["answer"].encode())
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    return response
