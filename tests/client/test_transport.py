from __future__ import annotations

import copy
import json
import logging
import multiprocessing
import os
import pickle
import threading
from functools import partial

import pytest
import requests
import responses
from appwrite.services.users import Users
from django.core.exceptions import ImproperlyConfigured
from django.db import utils

from appwrite_orm_django.client import errors, rows
from appwrite_orm_django.client.identity import Identity
from appwrite_orm_django.client.queries import QueryLimitExceeded, equal, limit
from appwrite_orm_django.client.transport import RequestRecord, Transport
from tests.memory import keeps_callers

from .conftest import ENDPOINT, KEY, ROWS, TABLE, answer


def test_get_flattens_lists_and_sends_booleans_as_digits(transport, server):
    server.get(ROWS, json={"total": 0, "rows": []})
    rows.list_rows(transport, TABLE, [equal("name", "Tée"), limit(5)])
    sent = server.calls[0].request
    assert sent.url == (
        ROWS
        + "?queries%5B0%5D=%7B%22method%22%3A%22equal%22%2C%22attribute%22%3A%22name%22%2C%22values%22%3A%5B%22T%C3%A9e%22%5D%7D"
        "&queries%5B1%5D=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B5%5D%7D&total=0"
    )
    assert sent.body is None


def test_headers(transport, server):
    server.get(ROWS, json={"total": 0, "rows": []})
    rows.list_rows(transport, TABLE)
    headers = server.calls[0].request.headers
    assert headers["X-Appwrite-Project"] == "demo"
    assert headers["X-Appwrite-Key"] == KEY
    assert headers["User-Agent"].startswith("appwrite-orm-django/")
    assert "X-Appwrite-Response-Format" not in headers
    assert "Connection" not in headers  # HTTP/1.1 keeps alive unless told otherwise
    assert "Content-Type" not in headers


def test_bodies_are_utf8_json(transport, server):
    server.post(ROWS, json={"$id": "r"}, status=201)
    rows.create_row(transport, TABLE, "r", {"name": "Grün"})
    sent = server.calls[0].request
    assert sent.body == '{"rowId":"r","data":{"name":"Grün"}}'.encode()
    assert sent.headers["Content-Type"] == "application/json"


def test_a_delete_without_parameters_has_no_body(transport, server):
    server.delete(f"{ROWS}/r", status=204)
    rows.delete_row(transport, TABLE, "r")
    assert server.calls[0].request.body is None


def test_an_identity_replaces_the_key(server, backoff):
    server.get(ROWS, json={"total": 0, "rows": []})
    identity = Identity("jwt", "eyJhbGciOi")
    rows.list_rows(Transport(ENDPOINT, "demo", KEY, identity=identity, backoff=backoff), TABLE)
    headers = server.calls[0].request.headers
    assert headers["X-Appwrite-JWT"] == "eyJhbGciOi"
    assert "X-Appwrite-Key" not in headers
    assert "eyJ" not in repr(identity)


def test_services_of_the_sdk_run_on_it(transport, server):
    server.delete(f"{ENDPOINT}/users/u1", status=204)
    Users(transport).delete("u1")
    headers = server.calls[0].request.headers
    assert headers["X-Appwrite-Project"] == "demo"
    assert headers["X-Appwrite-Key"] == KEY


def test_every_request_has_both_timeouts(server):
    seen = []

    def reply(request):
        seen.append(request.req_kwargs["timeout"])
        return 200, {"Content-Type": "application/json"}, "{}"

    server.add_callback(responses.GET, f"{ENDPOINT}/tablesdb", callback=reply)
    Transport(ENDPOINT, "demo", connect_timeout_s=2.0, read_timeout_s=7.0).call("get", "/tablesdb")
    assert seen == [(2.0, 7.0)]


def test_connections_are_kept_alive(scripted):
    server = scripted([answer("{}")] * 3)
    transport = Transport(server.endpoint, "demo", KEY)
    for _ in range(3):
        transport.call("GET", "/tablesdb")
    assert (server.connections, len(server.requests)) == (1, 3)
    transport.close()


def test_threads_share_the_pool(scripted):
    server = scripted([answer(json.dumps({"n": n})) for n in range(40)])
    transport = Transport(server.endpoint, "demo", KEY, pool_size=4)
    seen = []

    def work():
        seen.extend(transport.call("GET", "/tablesdb")["n"] for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(40))
    assert server.connections <= 4
    transport.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(scripted):
    server = scripted([answer('{"n":1}'), answer('{"n":2}'), answer('{"n":3}')])
    transport = Transport(server.endpoint, "demo", KEY)
    assert transport.call("GET", "/tablesdb") == {"n": 1}
    parent_session = transport._pool.session
    receiving, sending = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        sending.send(
            (transport.call("GET", "/tablesdb"), transport._pool.session is parent_session)
        )
        os._exit(0)
    os.waitpid(child, 0)
    assert receiving.recv() == ({"n": 2}, False)
    assert transport.call("GET", "/tablesdb") == {"n": 3}
    assert server.connections == 2
    receiving.close()
    sending.close()
    transport.close()


def test_proxies_and_certificates_of_the_environment_are_used(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "direct.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/ours.pem")
    session = Transport(ENDPOINT, "demo")._pool.session
    assert session.proxies["https"] == "http://proxy.example:3128"
    assert session.verify == "/etc/ssl/ours.pem"
    assert "https" not in Transport("https://direct.example/v1", "demo")._pool.session.proxies
    assert Transport(ENDPOINT, "demo", verify=False)._pool.session.verify is False
    assert Transport(ENDPOINT, "demo", verify="/my.pem")._pool.session.verify == "/my.pem"


def test_an_international_endpoint(server):
    server.get("https://xn--mnchen-3ya.example/v1/tablesdb", json={"total": 0})
    assert Transport("https://münchen.example/v1/", "demo").call("GET", "/tablesdb") == {"total": 0}


def test_cookies_are_refused(scripted):
    with_cookie = answer("{}").replace(
        b"\r\n\r\n", b"\r\nSet-Cookie: a_session_demo=x; Path=/\r\n\r\n"
    )
    server = scripted([with_cookie, answer("{}")])
    transport = Transport(server.endpoint, "demo")
    transport.call("GET", "/tablesdb")
    transport.call("GET", "/tablesdb")
    assert b"cookie" not in server.requests[1].lower()
    transport.close()


def test_redirects_are_not_followed(transport, server):
    server.post(ROWS, status=301, headers={"Location": "https://elsewhere.example/v1"})
    with pytest.raises(
        errors.NotAppwrite, match=r"redirected to https://elsewhere\.example/v1 \(301\)"
    ) as caught:
        rows.create_row(transport, TABLE, "r", {"a": 1})
    assert not caught.value.ambiguous
    assert len(server.calls) == 1


def test_warnings_of_the_server_go_to_the_log(transport, server, caplog, capsys):
    server.get(f"{ENDPOINT}/tablesdb", json={}, headers={"X-Appwrite-Warning": "too new; too old"})
    transport.call("GET", "/tablesdb")
    assert [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ] == [
        "GET /tablesdb: the server warns: too new",
        "GET /tablesdb: the server warns: too old",
    ]
    assert capsys.readouterr() == ("", "")


def test_listeners_hear_of_every_call(server, backoff):
    ticks = iter([10.0, 10.5, 20.0, 20.25])
    transport = Transport(ENDPOINT, "demo", KEY, backoff=backoff, clock=lambda: next(ticks))
    heard: list[RequestRecord] = []
    transport.add_listener(heard.append)
    server.get(f"{ENDPOINT}/tablesdb", status=503)
    server.get(f"{ENDPOINT}/tablesdb", json={"total": 0})
    transport.call("get", "/tablesdb", params={"search": "x"})
    assert heard == [RequestRecord("GET", "/tablesdb", {"search": "x"}, 0.5, 200, 2)]
    server.get(
        f"{ENDPOINT}/tablesdb",
        status=404,
        json={"message": "no", "type": "database_not_found", "code": 404},
    )
    server.remove(responses.GET, f"{ENDPOINT}/tablesdb")
    server.get(
        f"{ENDPOINT}/tablesdb",
        status=404,
        json={"message": "no", "type": "database_not_found", "code": 404},
    )
    with pytest.raises(errors.DatabaseNotFound):
        transport.call("GET", "/tablesdb")
    assert heard[1] == RequestRecord("GET", "/tablesdb", {}, 0.25, 404, 1)
    transport.remove_listener(heard.append)
    assert transport._listeners == ()


def test_a_failing_listener_does_not_fail_the_call(transport, server, caplog):
    def broken(_record):
        raise RuntimeError("boom")

    transport.add_listener(broken)
    server.get(f"{ENDPOINT}/tablesdb", json={"total": 3})
    assert transport.call("GET", "/tablesdb") == {"total": 3}
    assert "A listener failed for GET /tablesdb" in caplog.text


@pytest.mark.parametrize(
    "endpoint",
    [
        "appwrite.example/v1",
        "ftp://appwrite.example/v1",
        "https://",
        "https://a:b@c/v1",
        "https://c/v1?x=1",
    ],
)
def test_an_impossible_endpoint_is_refused(endpoint):
    with pytest.raises(ImproperlyConfigured, match=r'DATABASES\["appwrite"\]\["HOST"\] must be'):
        Transport(endpoint, "demo", alias="appwrite")


@pytest.mark.parametrize("key", ["secret\n", " secret", "sécret", "sec\0ret"])
def test_an_impossible_key_is_refused_without_showing_it(key):
    with pytest.raises(ImproperlyConfigured, match=r'\["PASSWORD"\] contains characters') as caught:
        Transport(ENDPOINT, "demo", key)
    assert "cret" not in str(caught.value)


def test_an_url_beyond_the_servers_limit_is_not_sent(transport, server):
    queries = [equal("name", "x" * 3900)] * 17
    with pytest.raises(
        QueryLimitExceeded,
        match=r"the URL would be 6[0-9],[0-9]{3} characters long; servers accept 64,000\. Split",
    ):
        rows.list_rows(transport, TABLE, queries)
    assert len(server.calls) == 0
    server.get(ROWS, json={"total": 0, "rows": []})
    rows.list_rows(transport, TABLE, queries[:15])


def test_multipart_is_refused(transport):
    with pytest.raises(TypeError, match="only sends JSON"):
        transport.call("POST", "/storage", {"content-type": "multipart/form-data"}, {"file": "x"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_values_that_json_cannot_hold_are_data_errors(transport, value):
    with pytest.raises(utils.DataError, match=r"product\.?.*: a value cannot be sent"):
        rows.update_row(transport, TABLE, "r", {"a": value})


def everything_about(error: BaseException) -> str:
    texts = [str(error), repr(error), repr(vars(error)), pickle.dumps(error).decode("latin-1")]
    link: BaseException | None = error
    while link is not None:
        texts.append(repr(link) + repr(vars(link)))
        frame = link.__traceback__
        while frame is not None:
            if "tests" not in frame.tb_frame.f_code.co_filename:
                texts.append(repr(frame.tb_frame.f_locals))
            frame = frame.tb_next
        link = link.__cause__ or link.__context__
    return "\n".join(texts)


@pytest.mark.parametrize(
    "reply",
    [
        {"body": requests.ConnectionError(f"reset {KEY}")},
        {"body": requests.exceptions.InvalidHeader(f"bad header {KEY}")},
        {"body": f"<html>you sent {KEY}</html>", "status": 502},
        {"body": f"<html>you sent {KEY}</html>", "status": 404},
        {
            "json": {"message": f"bad key {KEY}", "type": "user_unauthorized", "code": 401},
            "status": 401,
        },
        {"status": 302, "headers": {"Location": f"https://x.example/?k={KEY}"}},
    ],
)
def test_the_key_is_nowhere_to_be_seen(backoff, server, caplog, reply):
    caplog.set_level(logging.DEBUG)
    transport = Transport(ENDPOINT, "demo", KEY, backoff=backoff, retries=1)
    server.get(f"{ENDPOINT}/tablesdb", **reply)
    with pytest.raises(errors.AppwriteError) as caught:
        transport.call("GET", "/tablesdb")
    assert KEY not in everything_about(caught.value)
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("appwrite_orm_django")
    ]
    assert ours
    assert KEY not in "\n".join(ours)
    assert KEY not in repr(transport)


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_transport_does_not_travel(transport, copying):
    with pytest.raises(TypeError, match="holds an API key"):
        copying(transport)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "general_argument_invalid"),
        (404, "row_not_found"),
        (409, "row_already_exists"),
        (503, "general_unknown"),
    ],
)
def test_an_error_keeps_nothing_in_memory(transport, server, status, kind):
    """Else each get() that finds no row would keep the locals of its callers for a while."""
    server.get(f"{ROWS}/r", json={"message": "no", "type": kind}, status=status)
    server.post(ROWS, json={"message": "no", "type": kind}, status=status)
    read = partial(rows.get_row, transport, TABLE, "r")
    assert not keeps_callers(read, errors.AppwriteError)
    assert not keeps_callers(
        partial(rows.create_row, transport, TABLE, "r", {}), errors.AppwriteError
    )
    assert not keeps_callers(
        partial(rows.create_rows, transport, TABLE, [{"$id": "r"}]), errors.AppwriteError
    )
