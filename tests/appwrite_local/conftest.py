"""A server per test, and a way to talk to it in few words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from appwrite_local.messages import Request
from appwrite_local.server import LocalServer

KEY_HEADERS = {"x-appwrite-project": "demo", "x-appwrite-key": "secret"}


@dataclass
class Answer:
    status: int
    body: Any

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body["type"]


@dataclass
class Api:
    """Requests to a server, below ``/v1``. ``rows`` is the path of the table that ``make_table`` makes."""

    server: LocalServer
    headers: dict[str, str] = field(default_factory=lambda: dict(KEY_HEADERS))
    rows: str = "/tablesdb/d/tables/t/rows"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: dict[str, Any] | None = None,
        **headers: str,
    ) -> Answer:
        sent = {
            **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        raw = b""
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        response = self.server.handle(
            Request(method, "/v1" + path, urlencode(params or {}), sent, raw)
        )
        return Answer(
            response.status,
            json.loads(response.body) if response.body.startswith((b"{", b"[")) else response.body,
        )

    def ok(
        self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None
    ) -> Any:
        answer = self.call(method, path, body, params)
        assert answer.status < 300, answer
        return answer.body

    def make_table(self, *columns: tuple[str, dict[str, Any]], **table: Any) -> None:
        self.call("POST", "/tablesdb", {"databaseId": "d", "name": "D"})
        self.ok("POST", "/tablesdb/d/tables", {"tableId": "t", "name": "T", **table})
        for segment, column in columns:
            self.ok(
                "POST", f"/tablesdb/d/tables/t/columns/{segment}", {"required": False, **column}
            )

    def add(self, *rows: dict[str, Any]) -> None:
        self.ok("POST", self.rows, {"rows": list(rows)})

    def find(self, *queries: dict[str, Any], **params: Any) -> list[str]:
        """Give the ids of the rows that queries find."""
        return [row["$id"] for row in self.list(*queries, **params)["rows"]]

    def list(self, *queries: dict[str, Any], **params: Any) -> Any:
        return self.ok("GET", self.rows, params={**query_params(*queries), **params})


def query(method: str, attribute: str | None = None, *values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"method": method, "values": list(values)}
    if attribute is not None:
        made["attribute"] = attribute
    return made


def query_params(*queries: dict[str, Any]) -> dict[str, str]:
    return {
        f"queries[{number}]": json.dumps(one, ensure_ascii=False)
        for number, one in enumerate(queries)
    }


@pytest.fixture
def server() -> Iterator[LocalServer]:
    server = LocalServer(index_lag=0)
    yield server
    server.close()


@pytest.fixture
def api(server: LocalServer) -> Api:
    return Api(server)
