"""A project on a server in this process, spoken to in one line a request."""

from __future__ import annotations

import json
from typing import Any

import requests

from appwrite_local.adapter import local_session
from appwrite_local.server import LocalServer

ENDPOINT = "http://testserver/v1"
KEY = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}
GUEST = {"X-Appwrite-Project": "demo"}


def query(method: str, attribute: str = "", *values: Any) -> str:
    return json.dumps({"method": method, "attribute": attribute, "values": list(values)})


class Api:
    """Sends requests to a server and gives back what came: ``(status, decoded body)``."""

    def __init__(
        self, server: LocalServer | None = None, headers: dict[str, str] = KEY, **options: Any
    ) -> None:
        self.server = server or LocalServer(**options)
        self.rows = ""
        self.session: requests.Session = local_session(self.server, headers)

    def close(self) -> None:
        self.session.close()
        self.server.close()

    def acting_as(self, headers: dict[str, str]) -> Api:
        return Api(self.server, {**GUEST, **headers})

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        pairs = [(name, value) for name, value in params.items() if name != "queries"]
        pairs += [
            (f"queries[{number}]", text) for number, text in enumerate(params.get("queries", ()))
        ]
        response = self.session.request(method, ENDPOINT + path, params=pairs, json=body)
        return response.status_code, response.json() if response.content else None

    def get(self, path: str, **params: Any) -> tuple[int, Any]:
        return self.send("GET", path, **params)

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self.send("POST", path, {} if body is None else body)

    def patch(self, path: str, body: Any) -> tuple[int, Any]:
        return self.send("PATCH", path, body)

    def put(self, path: str, body: Any) -> tuple[int, Any]:
        return self.send("PUT", path, body)

    def delete(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self.send("DELETE", path, body)

    def made(self, path: str, body: Any) -> Any:
        """POST what must succeed, and give the answer's body."""
        status, answer = self.post(path, body)
        assert 200 <= status < 300, answer
        return answer

    def make_table(
        self, table_id: str = "t", *, columns: dict[str, str] | None = None, **settings: Any
    ) -> str:
        """Make a table in database ``d``, with a column of each given kind, and give the path of its rows."""
        if self.get("/tablesdb/d")[0] == 404:
            self.made("/tablesdb", {"databaseId": "d", "name": "D"})
        self.made("/tablesdb/d/tables", {"tableId": table_id, "name": table_id, **settings})
        for key, kind in (columns or {}).items():
            size = {"size": 40} if kind == "varchar" else {}
            self.made(
                f"/tablesdb/d/tables/{table_id}/columns/{kind}",
                {"key": key, "required": False, **size},
            )
        return f"/tablesdb/d/tables/{table_id}/rows"
