"""Databases under names that tests choose, on a server that others use as well."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from typing import Any, ClassVar

import pytest
import requests
from requests.adapters import BaseAdapter

from appwrite_orm_django.client import databases
from appwrite_orm_django.client.errors import DatabaseNotFound
from appwrite_orm_django.client.transport import Transport
from tests import real


class Killed(BaseException):
    """What SIGKILL looks like from inside: nothing of the process acts any more."""


_PATH = re.compile(r"(/(?:tablesdb|databases)/)(?!transactions\b)([^/?]+)")
_numbers = itertools.count(1)


class RealServer:
    """
    The real server as a test sees it that has a server of its own: it begins empty, and its databases are called as the test calls them.

    Ids of databases are replaced in requests and answers; all else goes over the wire as the library sends it.

    Attributes:
        served: how many writes came.
        dies_at: the number of the write in place of which ``Killed`` is raised; None for none.
        after: whether that request is carried out, and only its answer is lost.
    """

    _made: ClassVar[list[RealServer]] = []
    served = 0
    dies_at: int | None = None
    after = False

    def __init__(self) -> None:
        self._prefix = f"{next(_numbers)}"
        self._ids: dict[str, str] = {}
        self._made.append(self)

    @property
    def feature_level(self) -> str:
        return real.level()

    @classmethod
    def delete_all(cls) -> None:
        """Delete the databases of all that were made so far."""
        while cls._made:
            cls._made.pop()._delete()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        pytest.skip(f"looks into the local server ({name})")

    def connect(self) -> Transport:
        """Return a transport to it."""
        server = real.server()
        assert server is not None
        transport = Transport(server.endpoint, server.project, server.key)
        session = transport._pool.session
        session.mount(server.endpoint, _Adapter(self, session.get_adapter(server.endpoint)))
        return transport

    def _delete(self) -> None:
        self.dies_at = None
        transport = self.connect()
        for name in list(self._ids):
            with contextlib.suppress(DatabaseNotFound):
                databases.delete_database(transport, name)
        transport.close()

    def real_id(self, name: str) -> str:
        if name not in self._ids:
            self._ids[name] = real.database_id(f"{self._prefix}{name}")
        return self._ids[name]

    def test_text(self, text: bytes) -> bytes:
        """Return what the server says with the names that the test uses."""
        for name, real_id in self._ids.items():
            text = text.replace(real_id.encode(), name.encode())
        return text


class _Adapter(BaseAdapter):
    def __init__(self, server: RealServer, inner: BaseAdapter) -> None:
        super().__init__()
        self._server = server
        self._inner = inner

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        server = self._server
        writes = request.method != "GET"
        server.served += writes
        dies = server.dies_at is not None and server.served >= server.dies_at
        if dies and not (writes and server.after and server.served == server.dies_at):
            raise Killed
        self._rename(request)
        response = self._inner.send(request, *args, **kwargs)
        response._content = server.test_text(response.content)
        if dies:
            raise Killed
        return response

    def _rename(self, request: requests.PreparedRequest) -> None:
        request.url = _PATH.sub(
            lambda found: found[1] + self._server.real_id(found[2]), request.url or "", count=1
        )
        if isinstance(request.body, bytes) and b'"databaseId"' in request.body:
            body = json.loads(request.body, object_hook=self._renamed)
            request.body = json.dumps(body, ensure_ascii=False).encode()
            request.headers["content-length"] = str(len(request.body))

    def _renamed(self, found: dict[str, Any]) -> dict[str, Any]:
        if isinstance(name := found.get("databaseId"), str):
            found["databaseId"] = self._server.real_id(name)
        return found

    def close(self) -> None:
        self._inner.close()
