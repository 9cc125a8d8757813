"""A server on another engine than the settings name: found out with the first answer that tells, and nothing is sent afterwards."""

import re
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections

from appwrite_local import registry
from appwrite_local.adapter import LocalAdapter
from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.client import databases, rows, tables
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines.evidence import evidence_in
from appwrite_orm_django.schema import records

pytestmark = [
    pytest.mark.django_db(databases=["appwrite"]),
    pytest.mark.local_only("a real server has one engine"),
]
DATABASE = "engines"


@pytest.fixture
def location(request):
    location = f"local:?engine={getattr(request, 'param', 'mongodb')}#{request.node.name}"
    transport = Transport(location, "demo", "secret")
    databases.create_database(transport, DATABASE, "Engines")
    tables.create_table(
        transport,
        TableRef(DATABASE, "letters"),
        "Letters",
        columns=[{"key": "text", "type": "string", "size": 10}],
    )
    rows.create_row(transport, TableRef(DATABASE, "letters"), "a", {"text": "a"})
    yield location
    registry.forget(location)


class Wire:
    """A connection to a server whose address does not tell what it is, and the requests that it has made."""

    def __init__(self, connection, location):
        self.connection = connection
        self.transport = connection.transport
        self.letters = connection.table_ref("letters")
        self.log = []
        self.transport.add_listener(self.log.append)
        self.through = self.transport.through(
            lambda _: LocalAdapter(registry.local_server(location))
        )


@pytest.fixture
def wire(connect, location, request):
    # A transport is shared by all with the same settings.
    host = re.sub("[^a-z]+", "-", request.node.name).strip("-")
    connection = connect(HOST=f"http://{host}.test/v1", NAME=DATABASE)
    wire = Wire(connection, location)
    with wire.through:
        yield wire


def read_a_row(wire):
    rows.get_row(wire.transport, wire.letters, "a")


def list_rows(wire):
    rows.list_rows(wire.transport, wire.letters)


def create_a_row(wire):
    rows.create_row(wire.transport, wire.letters, "b", {"text": "b"})


def update_rows(wire):
    rows.update_rows(wire.transport, wire.letters, {"text": "b"})


def read_a_table(wire):
    tables.get_table(wire.transport, wire.letters)


def list_tables(wire):
    list(tables.list_tables(wire.transport, DATABASE))


def list_documents(wire):
    wire.transport.call("GET", f"/databases/{DATABASE}/collections/letters/documents")


def list_collections(wire):
    wire.transport.call("GET", f"/databases/{DATABASE}/collections")


def create_a_table(wire):
    tables.create_table(wire.transport, TableRef(DATABASE, "new"), "New")


WAYS = [
    read_a_row, list_rows, create_a_row, update_rows, read_a_table, list_tables, create_a_table, list_documents, list_collections,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_mongodb_is_named_at_the_first_answer(wire, way):
    with pytest.raises(ImproperlyConfigured) as caught:
        way(wire)
    text = str(caught.value)
    assert '["OPTIONS"]["ENGINE"] is "mariadb"' in text
    assert "runs on MongoDB" in text
    assert "bytesMax 0" in text or "$sequence '01" in text
    assert "Use an Appwrite on MariaDB or PostgreSQL" in text
    sent = len(wire.log)
    with pytest.raises(ImproperlyConfigured, match="MongoDB"):
        create_a_row(wire)
    assert len(wire.log) == sent


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_an_sql_engine_is_looked_at_once(wire, way):
    way(wire)
    looked = [record.path for record in wire.log if records.ENCODINGS.id in record.path]
    assert len(looked) == 1
    for _ in range(2):
        read_a_row(wire)
        read_a_table(wire)
    assert len(wire.log) == 2 + 4


@pytest.mark.parametrize("location", ["mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("found", ["mariadb", "postgresql"])
def test_what_the_doctor_has_recorded_is_compared(wire, location, found):
    records.write_findings(Transport(location, "demo", "secret"), DATABASE, {"text": found})
    if found == "mariadb":
        list_rows(wire)
        return
    with pytest.raises(ImproperlyConfigured, match='Set it to "postgresql"'):
        list_rows(wire)
    with pytest.raises(ImproperlyConfigured, match='Set it to "postgresql"'):
        list_tables(wire)


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
def test_a_server_that_does_not_answer_is_asked_later(wire, location, monkeypatch):
    records.write_findings(Transport(location, "demo", "secret"), DATABASE, {"text": "postgresql"})
    monkeypatch.setattr("appwrite_orm_django.backend.engine_watch._ASK_AGAIN_S", 0.0)
    server = registry.local_server(location)
    with monkeypatch.context() as patch:
        patch.setattr(server, "handle", _failing(server.handle))
        list_rows(wire)
    with pytest.raises(ImproperlyConfigured, match='Set it to "postgresql"'):
        list_rows(wire)


def _failing(handle):
    from appwrite_local.messages import json_response

    def failing(request):
        if records.ENCODINGS.id in request.path:
            return json_response(
                500, {"message": "down", "code": 500, "type": "general_unknown", "version": "1.9.6"}
            )
        return handle(request)

    return failing


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
def test_no_thread_is_answered_before_it_is_known(wire, location, monkeypatch):
    """A second thread whose answer comes while the first one reads what is recorded has to look as well."""
    records.write_findings(Transport(location, "demo", "secret"), DATABASE, {"text": "postgresql"})
    server = registry.local_server(location)
    handle, refused = server.handle, []

    def in_another_thread():
        connections["appwrite"] = DatabaseWrapper(wire.connection.settings_dict, "appwrite")
        with pytest.raises(ImproperlyConfigured, match='Set it to "postgresql"') as caught:
            list_rows(wire)
        refused.append(caught.value)

    def slow(request):
        if (
            records.ENCODINGS.id in request.path
            and threading.current_thread() is threading.main_thread()
        ):
            thread = threading.Thread(target=in_another_thread)
            thread.start()
            thread.join()
        return handle(request)

    monkeypatch.setattr(server, "handle", slow)
    with pytest.raises(ImproperlyConfigured, match='Set it to "postgresql"'):
        list_rows(wire)
    assert len(refused) == 1


@pytest.mark.parametrize(("engine", "text"), [("mariadb", "postgresql"), ("postgresql", "mariadb")])
def test_the_local_server_says_what_it_imitates(connect, engine, text):
    connection = connect(
        HOST=f"local:?engine={engine}#says", NAME=DATABASE, OPTIONS={"ENGINE": text}
    )
    databases.create_database(connection.transport, DATABASE, "Engines")
    with pytest.raises(ImproperlyConfigured, match=f'Set it to "{engine}"'):
        tables.create_table(connection.transport, connection.table_ref("letters"), "Letters")
    registry.forget(f"local:?engine={engine}#says")


@pytest.mark.parametrize(
    "answer",
    [
        {"rows": [], "total": 0},
        {"rows": [{"$id": "", "$sequence": "", "n": "3"}], "total": 1},
        {"$id": "a", "$sequence": "", "bytesMax": 0},
        {"$id": "a", "rows": [{"$sequence": "x"}]},
        {"bytesMax": 0},
        {},
        [],
        "text",
    ],
)
def test_answers_that_tell_nothing(answer):
    assert evidence_in(answer) is None


def test_migrating_such_a_server_is_refused(appwrite, monkeypatch):
    monkeypatch.setattr("appwrite_local.tables.ROW_BYTES", 0)
    monkeypatch.setattr(appwrite.transport.watch, "settled", False)
    try:
        with pytest.raises(CommandError, match="runs on MongoDB"):
            call_command("appwrite_migrate", database="appwrite", plan=True, verbosity=0)
    finally:
        appwrite.transport.watch.problem = ""
