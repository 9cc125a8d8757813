"""Faults of the local server: in the process, over a socket, and through its own endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from appwrite_local.adapter import LocalAdapter
from appwrite_local.faults import Fault, parse_fault
from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server

from .api import KEY, Api


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    api.rows = api.make_table(columns={"n": "integer"})
    yield api
    api.close()


def test_a_fault_ends_after_its_times_and_keeps_to_its_pattern(api: Api) -> None:
    with api.server.faults.active("error,status=503,method=POST,path=*/rows,times=2"):
        assert api.get(api.rows)[0] == 200
        statuses = [
            api.post(api.rows, {"rowId": f"r{number}", "data": {"n": 1}})[0] for number in range(3)
        ]
    assert statuses == [503, 503, 201]


def test_a_block_that_fails_leaves_no_fault_behind(api: Api) -> None:
    with pytest.raises(RuntimeError), api.server.faults.active("rate-limit"):
        raise RuntimeError
    assert api.get(api.rows)[0] == 200


def test_rate_limits_say_when_to_come_again(api: Api) -> None:
    with api.server.faults.active("rate-limit,seconds=7"):
        response = api.session.get("http://testserver/v1" + api.rows)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert response.json()["type"] == "general_rate_limit_exceeded"


@pytest.mark.parametrize(
    ("status", "is_json"), [(500, True), (502, False), (503, True), (504, False)]
)
def test_proxies_answer_in_their_own_words(api: Api, status: int, is_json: bool) -> None:
    with api.server.faults.active(Fault("error", status=status)):
        response = api.session.get("http://testserver/v1" + api.rows)
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith(
        "application/json" if is_json else "text/html"
    )


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", ["cut", "error"])
def test_whether_a_disturbed_write_takes_effect_is_said_by_the_fault(
    api: Api, kind: str, applied: bool
) -> None:
    with api.server.faults.active(Fault(kind, applied=applied)):
        try:
            status, _ = api.post(api.rows, {"rowId": "x", "data": {"n": 1}})
        except requests.ConnectionError:
            status = 0
    assert status == {"cut": 0, "error": 503}[kind]
    assert api.get(f"{api.rows}/x")[0] == (200 if applied else 404)


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(0.9, "late"), (1.0, "timeout"), (5.0, "timeout")]
)
def test_an_answer_later_than_the_read_timeout_is_a_read_timeout(
    seconds: float, outcome: str
) -> None:
    slept: list[float] = []
    session, server = requests.Session(), LocalServer(faults=[Fault("latency", seconds=seconds)])
    session.mount("http://", LocalAdapter(server, sleep=slept.append))
    try:
        session.get("http://testserver/v1/health/version", timeout=(3, 1.0))
    except requests.ReadTimeout:
        assert outcome == "timeout"
        assert slept == [1.0]
    else:
        assert outcome == "late"
        assert slept == [seconds]
    finally:
        server.close()


def test_slow_stuck_and_failed_columns(api: Api) -> None:
    path = "/tablesdb/d/tables/t/columns"
    for key, fault in (
        ("slow", "slow-columns,seconds=60"),
        ("stuck", "stuck-columns"),
        ("failed", "failed-columns"),
    ):
        with api.server.faults.active(fault):
            api.made(f"{path}/boolean", {"key": key, "required": False})
    statuses = {column["key"]: column["status"] for column in api.get(path)[1]["columns"]}
    assert statuses == {
        "n": "available",
        "slow": "processing",
        "stuck": "processing",
        "failed": "failed",
    }
    assert api.post(f"{path}/boolean", {"key": "failed", "required": False})[0] == 409
    assert api.delete(f"{path}/failed")[0] == 204
    api.made(f"{path}/boolean", {"key": "failed", "required": False})


def test_an_expired_key_is_nobody(api: Api) -> None:
    with api.server.faults.active("expired-key"):
        status, body = api.get(api.rows)
        assert (status, body["type"]) == (401, "project_key_expired")
        assert api.acting_as({}).post("/tablesdb/transactions")[0] == 201


def test_faults_are_set_and_seen_through_the_endpoint_by_the_full_key_alone(api: Api) -> None:
    fault = api.made("/local/faults", {"kind": "cut", "path": "*/rows", "times": 1})
    assert fault["times"] == 1
    with pytest.raises(requests.ConnectionError):
        api.get(api.rows)
    assert api.get("/local/faults")[1] == {"total": 0, "faults": []}
    assert api.post("/local/faults", {"kind": "flood"})[0] == 400
    assert api.delete("/local/faults/nope")[0] == 404
    limited = api.made(
        "/project/keys", {"keyId": "unique()", "name": "k", "scopes": ["rows.read"]}
    )["secret"]
    for headers in ({}, {"X-Appwrite-Key": limited}):
        assert api.acting_as(headers).post("/local/faults", {"kind": "cut"})[0] == 401
    api.made("/local/faults", {"kind": "cut"})
    assert api.delete("/local/faults")[0] == 204
    assert api.get(api.rows)[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        "flood",
        "cut,colour=red",
        "cut,times=0",
        "cut,times=x",
        "error,status=404",
        "cut,applied=perhaps",
        "cut,times",
    ],
)
def test_texts_that_are_no_fault(text: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"unknown fault|unknown option|true or false|at least|one of|invalid literal",
    ):
        parse_fault(text)


@pytest.fixture
def over_http() -> Iterator[tuple[LocalServer, str]]:
    server = LocalServer()
    with running_http_server(server) as endpoint:
        yield server, endpoint
    server.close()


def test_over_http_a_cut_closes_the_socket_and_the_next_request_is_served(
    over_http: tuple[LocalServer, str],
) -> None:
    server, endpoint = over_http
    for applied in (False, True):
        database = {"databaseId": f"d{applied}", "name": "D"}
        with (
            requests.Session() as session,
            server.faults.active(Fault("cut", applied=applied, times=1)),
        ):
            session.trust_env = False
            with pytest.raises(requests.ConnectionError, match=r"aborted|closed"):
                session.post(f"{endpoint}/tablesdb", json=database, headers=KEY)
            found = session.get(f"{endpoint}/tablesdb/d{applied}", headers=KEY)
        assert found.status_code == (200 if applied else 404)
