from __future__ import annotations

import socket
import ssl
import time
from functools import partial

import pytest
import requests
import responses

from appwrite_orm_django.client import errors, rows, transactions
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport
from tests.memory import keeps_callers

from .conftest import ENDPOINT, KEY, ROWS, TABLE, LastWords, answer

ROW = {"$id": "r", "name": "Tea", "at": "2026-01-01T00:00:00.000+00:00", "price": 2, "tags": []}
RESET = requests.ConnectionError("reset")
TAKEN = {
    "message": "Row with the requested ID 'r' already exists.",
    "code": 409,
    "type": "row_already_exists",
}
GONE = {
    "message": "Row with the requested ID 'r' could not be found.",
    "code": 404,
    "type": "row_not_found",
}


def refused_endpoint() -> str:
    """An endpoint on a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "trouble",
    [
        {"body": RESET},
        {"status": 502, "body": "<html>"},
        {"status": 503},
        {"status": 504},
        {"status": 429},
        {"body": requests.exceptions.ChunkedEncodingError("short")},
    ],
)
def test_a_read_is_repeated(transport, server, pauses, trouble):
    server.get(f"{ROWS}/r", **trouble)
    server.get(f"{ROWS}/r", **trouble)
    server.get(f"{ROWS}/r", json=ROW)
    assert rows.get_row(transport, TABLE, "r") == ROW
    assert pauses == [0.1, 0.2]


def test_the_last_error_is_raised_when_retries_are_used_up(transport, server, pauses):
    for _ in range(4):
        server.get(f"{ROWS}/r", status=503)
    with pytest.raises(errors.ServerError) as caught:
        rows.get_row(transport, TABLE, "r")
    assert (caught.value.code, caught.value.ambiguous) == (503, False)
    assert pauses == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"message": "Server Error", "code": 500, "type": "general_unknown"}),
        (408, {"message": "Timed out", "code": 408, "type": "database_timeout"}),
        (400, {"message": "Invalid query", "code": 400, "type": "general_query_invalid"}),
        (404, GONE),
    ],
)
def test_a_read_is_not_repeated_where_the_answer_would_be_the_same(
    transport, server, pauses, status, body
):
    server.get(f"{ROWS}/r", status=status, json=body)
    with pytest.raises(errors.AppwriteError):
        rows.get_row(transport, TABLE, "r")
    assert pauses == []


def test_a_read_that_times_out_is_repeated_once(transport, server, pauses):
    server.get(f"{ROWS}/r", body=requests.ReadTimeout("slow"))
    with pytest.raises(
        errors.RequestTimeout,
        match=r"no answer from appwrite\.example within the read timeout[^$]*https or http",
    ):
        rows.get_row(transport, TABLE, "r")
    assert len(pauses) == 1
    assert len(server.calls) == 2


def test_no_retries_at_all_can_be_asked_for(server, backoff):
    server.get(f"{ROWS}/r", status=503)
    with pytest.raises(errors.ServerError):
        rows.get_row(Transport(ENDPOINT, "demo", retries=0, backoff=backoff), TABLE, "r")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("7", 7.0),
        ("Sun, 09 Sep 2001 01:47:10 GMT", 30.0),
        ("Sun, 09 Sep 2001 01:46:00 GMT", 0.0),
        ("soon", 0.1),
        ("0", 0.0),
    ],
)
def test_retry_after(transport, server, pauses, header, pause_s):
    """Seconds or an HTTP date; now is 01:46:40."""
    server.patch(
        f"{ROWS}/r",
        status=429,
        json={"message": "slow down", "code": 429, "type": "general_rate_limit_exceeded"},
        headers={"Retry-After": header},
    )
    server.patch(f"{ROWS}/r", json=ROW)
    rows.update_row(transport, TABLE, "r", {"name": "Tea"})
    assert pauses == [pause_s]


@pytest.mark.parametrize("header", ["31", "Sun, 09 Sep 2001 01:47:11 GMT"])
def test_a_pause_beyond_the_cap_is_not_made(transport, server, pauses, header):
    server.get(f"{ROWS}/r", status=429, headers={"Retry-After": header})
    with pytest.raises(errors.RateLimited):
        rows.get_row(transport, TABLE, "r")
    assert pauses == []


def test_jitter_is_full_and_capped():
    drawn: list[tuple[float, float]] = []
    backoff = Backoff(uniform=lambda low, high: drawn.append((low, high)) or 0.0)
    for attempt in range(1, 9):
        backoff.delay_s(attempt, None)
    assert drawn == [(0.0, high) for high in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)]


def test_a_refused_connection_is_repeated_with_any_method(backoff, pauses):
    transport = Transport(refused_endpoint(), "demo", KEY, backoff=backoff, alias="appwrite")
    with pytest.raises(
        errors.ConnectionFailed, match=r"no connection to 127\.0\.0\.1:\d+: Connection refused"
    ) as caught:
        rows.increment_column(transport, TABLE, "r", "price")
    assert len(pauses) == 3
    assert not caught.value.ambiguous
    assert 'the server in DATABASES["appwrite"]["HOST"] is running' in str(caught.value)


WRITES = [
    ("PATCH", f"{ROWS}/r", lambda transport: rows.update_row(transport, TABLE, "r", {"name": "x"})),
    ("PUT", f"{ROWS}/r", lambda transport: rows.upsert_row(transport, TABLE, "r", {"name": "x"})),
    ("PATCH", ROWS, lambda transport: rows.update_rows(transport, TABLE, {"name": "x"})),
    ("PUT", ROWS, lambda transport: rows.upsert_rows(transport, TABLE, [{"$id": "r"}])),
    ("DELETE", ROWS, lambda transport: rows.delete_rows(transport, TABLE)),
    (
        "PATCH",
        f"{ROWS}/r/price/increment",
        lambda transport: rows.increment_column(transport, TABLE, "r", "price"),
    ),
    (
        "PATCH",
        f"{ROWS}/r/price/decrement",
        lambda transport: rows.decrement_column(transport, TABLE, "r", "price"),
    ),
    (
        "POST",
        ROWS,
        lambda transport: rows.create_row(transport, TABLE, "r", {}, transaction_id="t1"),
    ),
    (
        "POST",
        ROWS,
        lambda transport: rows.create_rows(transport, TABLE, [{"$id": "r"}], transaction_id="t1"),
    ),
    (
        "DELETE",
        f"{ROWS}/r",
        lambda transport: rows.delete_row(transport, TABLE, "r", transaction_id="t1"),
    ),
    (
        "POST",
        f"{ENDPOINT}/tablesdb/transactions/t1/operations",
        lambda transport: transactions.create_operations(transport, "t1", []),
    ),
]


@pytest.mark.parametrize(
    "trouble",
    [
        {"body": RESET},
        {"body": requests.ReadTimeout("slow")},
        {"status": 503},
        {"status": 502, "body": "<html>"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "url", "write"), WRITES)
def test_a_write_whose_end_is_unknown_is_not_repeated(
    transport, server, pauses, method, url, write, trouble
):
    server.add(method, url, **trouble)
    with pytest.raises(errors.AppwriteError) as caught:
        write(transport)
    assert caught.value.ambiguous
    assert "may have been applied" in str(caught.value)
    assert pauses == []


@pytest.mark.parametrize(("method", "url", "write"), WRITES)
def test_a_write_that_was_turned_away_is_repeated(transport, server, pauses, method, url, write):
    server.add(method, url, status=429)
    server.add(
        method,
        url,
        status=400,
        json={"message": "no", "code": 400, "type": "row_invalid_structure"},
    )
    with pytest.raises(errors.InvalidStructure) as caught:
        write(transport)
    assert not caught.value.ambiguous
    assert len(pauses) == 1


def test_a_stale_connection_does_not_repeat_a_write(scripted, backoff):
    server = scripted([answer("{}"), None, answer("{}")])
    transport = Transport(server.endpoint, "demo", KEY, backoff=backoff)
    transport.call("GET", "/tablesdb")
    with pytest.raises(errors.ConnectionFailed, match=r"the connection to .* broke") as caught:
        rows.update_row(transport, TABLE, "r", {"a": 1})
    assert caught.value.ambiguous
    assert len(server.requests) == 2
    transport.close()


def test_a_stale_connection_repeats_a_read(scripted, backoff):
    server = scripted([answer("{}"), None, answer('{"total":1}')])
    transport = Transport(server.endpoint, "demo", KEY, backoff=backoff)
    transport.call("GET", "/tablesdb")
    assert transport.call("GET", "/tablesdb") == {"total": 1}
    assert server.connections == 2
    transport.close()


def test_an_answer_cut_short_is_a_broken_connection(scripted, backoff):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    server = scripted([LastWords(head + b'{"tot'), answer('{"total":1}')])
    transport = Transport(server.endpoint, "demo", KEY, backoff=backoff)
    assert transport.call("GET", "/tablesdb") == {"total": 1}
    assert server.connections == 2
    transport.close()


def test_a_server_that_hangs_is_a_timeout(scripted, backoff):
    server = scripted([b"", b""])
    transport = Transport(
        server.endpoint, "demo", KEY, backoff=backoff, read_timeout_s=0.05, alias="a"
    )
    with pytest.raises(
        errors.RequestTimeout, match=r'raise the timeouts in DATABASES\["a"\]\["OPTIONS"\]'
    ):
        transport.call("GET", "/tablesdb")
    deadline = time.monotonic() + 300
    while len(server.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # it was sent, and the server may be behind
    assert len(server.requests) == 2
    transport.close()


class TestCreate:
    def test_a_create_that_had_been_applied_succeeds(self, transport, server):
        server.post(ROWS, body=RESET)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": [ROW]})
        sent = {"name": "Tea", "at": "2026-01-01T01:00:00+01:00", "price": 2.0, "tags": None}
        assert rows.create_row(transport, TABLE, "r", sent) == ROW
        assert [call.request.method for call in server.calls] == ["POST", "POST", "GET"]

    @pytest.mark.parametrize(
        "stored",
        [
            {**ROW, "name": "Coffee"},
            {**ROW, "price": True},
            {**ROW, "at": "2026-01-01T00:00:00.001+00:00"},
        ],
    )
    def test_a_row_of_somebody_else_is_a_conflict(self, transport, server, stored):
        server.post(ROWS, body=RESET)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": [stored]})
        with pytest.raises(errors.RowAlreadyExists) as caught:
            rows.create_row(
                transport, TABLE, "r", {key: ROW[key] for key in ("name", "at")} | {"price": 1}
            )
        assert not caught.value.ambiguous

    def test_a_unique_index_is_a_conflict_although_an_attempt_was_lost(self, transport, server):
        server.post(ROWS, body=RESET)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": []})
        with pytest.raises(errors.UniqueViolation):
            rows.create_row(transport, TABLE, "r", {"name": "Tea"})

    def test_a_conflict_at_the_first_attempt_is_not_looked_into(self, transport, server):
        server.post(ROWS, status=409, json=TAKEN)
        with pytest.raises(errors.RowAlreadyExists):
            rows.create_row(transport, TABLE, "r", {"name": "Tea"})
        assert len(server.calls) == 1

    def test_a_conflict_after_a_refusal_is_not_looked_into(self, transport, server):
        """429 and 409: nothing was applied in between."""
        server.post(ROWS, status=429)
        server.post(ROWS, status=409, json=TAKEN)
        with pytest.raises(errors.RowAlreadyExists):
            rows.create_row(transport, TABLE, "r", {"name": "Tea"})
        assert len(server.calls) == 2

    def test_when_reading_back_fails_the_end_is_unknown(self, transport, server):
        server.post(ROWS, body=RESET)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(
            ROWS, status=401, json={"message": "no", "code": 401, "type": "user_unauthorized"}
        )
        with pytest.raises(errors.Unauthorized) as caught:
            rows.create_row(transport, TABLE, "r", {"name": "Tea"})
        assert caught.value.ambiguous

    def test_all_attempts_lost(self, transport, server):
        server.post(ROWS, body=RESET)
        with pytest.raises(errors.ConnectionFailed) as caught:
            rows.create_row(transport, TABLE, "r", {"name": "Tea"})
        assert caught.value.ambiguous
        assert len(server.calls) == 4

    def test_a_bulk_create_that_had_been_applied_succeeds(self, transport, server):
        sent = [{"$id": f"r{n}", "n": n} for n in range(3)]
        server.post(ROWS, status=504)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": sent[::-1]})
        assert rows.create_rows(transport, TABLE, sent) == sent

    def test_a_bulk_create_that_clashes_with_one_row_is_a_conflict(self, transport, server):
        sent = [{"$id": f"r{n}", "n": n} for n in range(3)]
        server.post(ROWS, status=504)
        server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": sent[1:]})
        with pytest.raises(errors.RowAlreadyExists):
            rows.create_rows(transport, TABLE, sent)

    @pytest.mark.parametrize(
        "create",
        [
            lambda transport: rows.create_row(transport, TABLE, "r1", {"n": 1}),
            lambda transport: rows.create_rows(transport, TABLE, [{"$id": "r1", "n": 1}]),
        ],
    )
    def test_a_conflict_keeps_nothing_in_memory(self, transport, server, create):
        for _ in range(2):
            server.post(ROWS, status=504)
            server.post(ROWS, status=409, json=TAKEN)
        server.get(ROWS, json={"total": 0, "rows": []})
        assert not keeps_callers(partial(create, transport), errors.RowAlreadyExists)


class TestDelete:
    def test_gone_after_a_lost_attempt_is_success(self, transport, server):
        server.delete(f"{ROWS}/r", body=RESET)
        server.delete(f"{ROWS}/r", status=404, json=GONE)
        rows.delete_row(transport, TABLE, "r")
        assert len(server.calls) == 2

    def test_gone_at_the_first_attempt_is_an_error(self, transport, server):
        server.delete(f"{ROWS}/r", status=404, json=GONE)
        with pytest.raises(errors.RowNotFound):
            rows.delete_row(transport, TABLE, "r")


class TestCommit:
    URL = f"{ENDPOINT}/tablesdb/transactions/t1"

    def test_a_lost_answer_is_looked_up(self, transport, server):
        server.patch(self.URL, body=RESET)
        server.get(self.URL, json={"$id": "t1", "status": "committed"})
        assert transactions.commit(transport, "t1")["status"] == "committed"

    @pytest.mark.parametrize(
        ("status", "ambiguous"), [("failed", False), ("pending", True), ("committing", True)]
    )
    def test_a_lost_answer_without_a_commit_is_an_error(self, transport, server, status, ambiguous):
        server.patch(self.URL, body=RESET)
        server.get(self.URL, json={"$id": "t1", "status": status})
        with pytest.raises(errors.ConnectionFailed) as caught:
            transactions.commit(transport, "t1")
        assert caught.value.ambiguous is ambiguous

    def test_a_lost_answer_about_a_forgotten_transaction_stays_open(self, transport, server):
        server.patch(self.URL, body=RESET)
        server.get(
            self.URL,
            status=404,
            json={"message": "no", "code": 404, "type": "transaction_not_found"},
        )
        with pytest.raises(errors.ConnectionFailed) as caught:
            transactions.commit(transport, "t1")
        assert caught.value.ambiguous

    @pytest.mark.parametrize("state", ["failed", "pending"])
    def test_a_lost_answer_keeps_nothing_in_memory(self, transport, server, state):
        server.patch(self.URL, status=504)
        server.get(self.URL, json={"$id": "t1", "status": state})
        assert not keeps_callers(partial(transactions.commit, transport, "t1"), errors.ServerError)


def test_opening_a_transaction_is_repeated(transport, server):
    url = f"{ENDPOINT}/tablesdb/transactions"
    server.post(url, body=RESET)
    server.post(url, status=201, json={"$id": "t1", "status": "pending"})
    assert transactions.create_transaction(transport, ttl_s=60)["$id"] == "t1"
    assert server.calls[1].request.body == b'{"ttl":60}'


@pytest.mark.parametrize("method", [responses.GET, responses.POST])
def test_a_certificate_that_is_refused_is_not_tried_again(server, backoff, pauses, method):
    reason = ssl.SSLCertVerificationError("self-signed certificate")
    server.add(method, f"{ENDPOINT}/tablesdb", body=requests.exceptions.SSLError(reason))
    with pytest.raises(
        errors.ConnectionFailed, match=r"certificate of appwrite\.example was rejected: .*VERIFY"
    ) as caught:
        Transport(ENDPOINT, "demo", backoff=backoff).call(method, "/tablesdb")
    assert not caught.value.ambiguous
    assert pauses == []
