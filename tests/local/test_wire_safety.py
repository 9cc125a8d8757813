"""Whatever is sent, the answer is the server's envelope: never a traceback, never an exception, never SQL."""

from __future__ import annotations

import json
import logging
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appwrite_orm_django.local import routes
from appwrite_orm_django.local.messages import Request
from appwrite_orm_django.local.server import LocalServer

from .conftest import KEY_HEADERS, Api

HOSTILE = [
    "'; DROP TABLE _tables; --", '" OR 1=1 --', "..%2f..", "%00", "a" * 37, "$id", "_x", "\ud800", "😀", "unique()", "0", "", " ", "c1", "rows_1", "\x00",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
METHODS = st.sampled_from(sorted({route.method for route in routes.all_routes()}))
PARAMS = sorted({param.name for route in routes.all_routes() for param in route.params})
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def fuzzed() -> Any:
    server = LocalServer(index_lag=0)
    api = Api(server)
    api.make_table(
        ("varchar", {"key": "s", "size": 20}), ("integer", {"key": "n"}), ("float", {"key": "f"}), ("boolean", {"key": "b"}), ("datetime", {"key": "d"}),
        ("enum", {"key": "e", "elements": ["x"]}), ("point", {"key": "p"}), ("polygon", {"key": "g"}), ("varchar", {"key": "arr", "size": 9, "array": True}),
        ("bigint", {"key": "big"}), ("ip", {"key": "ip"}), ("url", {"key": "url"}), ("email", {"key": "mail"}),
    )  # fmt: skip
    api.add({"$id": "r", "s": "x", "n": 1, "p": [1, 2]})
    yield server
    server.close()


def check(server: LocalServer, request: Request, caplog: pytest.LogCaptureFixture) -> None:
    """Send a request, and hold the answer against the promise. Nothing may be logged as unforeseen."""
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="appwrite_orm_django.local"):
        response = server.handle(request)
    assert not caplog.records, caplog.records[0].exc_info
    if response.status == 204 or response.headers["Content-Type"].startswith("text/html"):
        return
    body = json.loads(response.body)
    if response.status >= 400:
        assert set(body) == {"message", "code", "type", "version"}
        assert body["code"] == response.status
        assert "Traceback" not in body["message"]
        assert "sqlite" not in body["message"].lower()


def send(
    method: str, path: str, body: bytes, query_string: str = "", content_type: str = "application/json"
) -> Request:
    return Request(method, "/v1" + path, query_string, {**KEY_HEADERS, "content-type": content_type}, body)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@QUICK
@given(
    method=METHODS,
    path=st.sampled_from(sorted({route.path for route in routes.all_routes()})),
    values=st.lists(TEXTS, min_size=6, max_size=6),
    body=st.dictionaries(st.sampled_from(PARAMS), JSON, max_size=6),
)
def test_any_route_with_any_parameters(
    fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, method: str, path: str, values: list[str], body: Any
) -> None:
    fixed = {"databaseId": "d", "tableId": "t", "collectionId": "t"}
    taken = iter(values)
    segments = [
        fixed.get(part.strip("{}")) or next(taken) if part.startswith("{") else part for part in path.split("/")
    ]
    if method in ("DELETE", "PUT", "PATCH") and len(segments) <= 5:
        # The database and the table have to outlive the test.
        segments[2:3] = ["other"]
    check(fuzzed, send(method, "/".join(segments), as_json(body)), caplog)


@QUICK
@given(data=JSON, row_id=TEXTS)
def test_any_row(fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, data: Any, row_id: str) -> None:
    for method, path in (
        ("POST", "/tablesdb/d/tables/t/rows"),
        ("PATCH", "/tablesdb/d/tables/t/rows/r"),
        ("PUT", "/tablesdb/d/tables/t/rows"),
    ):
        check(fuzzed, send(method, path, as_json({"rowId": row_id, "data": data, "rows": data})), caplog)


COLUMN_VALUES = st.one_of(
    JSON,
    st.dictionaries(
        st.sampled_from(
            [
                "s",
                "n",
                "f",
                "b",
                "d",
                "e",
                "p",
                "g",
                "arr",
                "big",
                "ip",
                "url",
                "mail",
                "$createdAt",
                "$permissions",
                "$id",
            ]
        ),
        JSON,
        max_size=5,
    ),
)


@QUICK
@given(data=COLUMN_VALUES)
def test_any_value_in_any_column(fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, data: Any) -> None:
    check(fuzzed, send("POST", "/tablesdb/d/tables/t/rows", as_json({"rowId": "unique()", "data": data})), caplog)
    check(
        fuzzed,
        send(
            "PATCH",
            "/tablesdb/d/tables/t/rows",
            as_json({"data": data, "queries": ['{"method":"limit","values":[1]}']}),
        ),
        caplog,
    )


OPERATORS = [
    "increment",
    "divide",
    "power",
    "modulo",
    "arrayInsert",
    "arrayFilter",
    "arrayUnique",
    "stringReplace",
    "dateAddDays",
    "toggle",
]


@QUICK
@given(
    method=st.sampled_from(OPERATORS),
    key=st.sampled_from(["n", "f", "s", "arr", "d", "b"]),
    values=st.lists(JSON, max_size=3),
)
def test_any_operator(
    fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, method: str, key: str, values: Any
) -> None:
    text = as_json({"method": method, "values": values}).decode("utf-8", "surrogatepass")
    check(fuzzed, send("PATCH", "/tablesdb/d/tables/t/rows/r", as_json({"data": {key: text}})), caplog)


QUERY_METHODS = [
    "equal", "notEqual", "lessThan", "between", "isNull", "startsWith", "endsWith", "contains", "containsAll", "search", "and", "or", "select", "orderAsc",
    "limit", "offset", "cursorAfter", "intersects", "touches", "distanceLessThan", "exists",
]  # fmt: skip


@QUICK
@given(
    method=st.sampled_from(QUERY_METHODS),
    attribute=st.one_of(
        st.sampled_from(["s", "n", "f", "b", "d", "p", "g", "arr", "big", "$id", "$sequence", "$createdAt"]), TEXTS
    ),
    values=JSON,
)
def test_any_query(
    fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, method: str, attribute: str, values: Any
) -> None:
    text = as_json({"method": method, "attribute": attribute, "values": values}).decode("utf-8", "surrogatepass")
    for call, path in (("PATCH", "/tablesdb/d/tables/t/rows"), ("DELETE", "/tablesdb/d/tables/none/rows")):
        check(fuzzed, send(call, path, as_json({"data": {"n": 1}, "queries": [text]})), caplog)
    for path in ("/tablesdb/d/tables/t/rows", "/tablesdb", "/tablesdb/d/tables/t/columns"):
        query_string = "queries[0]=" + "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
        check(fuzzed, send("GET", path, b"", query_string), caplog)


@QUICK
@given(
    body=st.binary(max_size=60),
    content_type=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "multipart/form-data"]
    ),
)
def test_any_bytes_as_a_body(
    fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, body: bytes, content_type: str
) -> None:
    check(fuzzed, send("POST", "/tablesdb/d/tables/t/rows", body, content_type=content_type), caplog)


@QUICK
@given(query_string=st.text(string.ascii_letters + '[]=&%{}":,0123456789', max_size=60))
def test_any_query_string(fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, query_string: str) -> None:
    check(fuzzed, send("GET", "/tablesdb/d/tables/t/rows", b"", query_string), caplog)


@pytest.mark.parametrize("depth", [100, 600, 100_000])
def test_deep_nesting(fuzzed: LocalServer, caplog: pytest.LogCaptureFixture, depth: int) -> None:
    deep = b'{"rowId":"deep","data":{"s":' + b"[" * depth + b"]" * depth + b"}}"
    check(fuzzed, send("POST", "/tablesdb/d/tables/t/rows", deep), caplog)
    nested = '{"method":"or","values":[' * depth + "]}" * depth
    check(fuzzed, send("DELETE", "/tablesdb/d/tables/t/rows", as_json({"queries": [nested[:4000]]})), caplog)


def test_the_tables_are_still_there(fuzzed: LocalServer) -> None:
    assert Api(fuzzed).ok("GET", "/tablesdb/d/tables/t")["$id"] == "t"
    with fuzzed.storage.session(writes=False) as session:
        assert session.scalar("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v2/tablesdb", "/", "/v1/nope", "/v1/tablesdb/d/tables/t/rows/r/n/explode", "/v1//", "/V1/tablesdb"],
)
def test_unknown_paths_are_a_404_page(fuzzed: LocalServer, path: str) -> None:
    response = fuzzed.handle(Request("GET", path, "", KEY_HEADERS))
    assert (response.status, response.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")
