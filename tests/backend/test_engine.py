"""The engine of a server is found out if the settings do not state it, and compared with the first answer that tells if they do."""

import re
import socket
import threading
from contextlib import ExitStack

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections

from appwrite_local import registry
from appwrite_local.adapter import LocalAdapter
from appwrite_local.messages import json_response
from appwrite_local.server import LocalServer
from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.checks.databases import check_drift
from appwrite_orm_django.client import databases, rows, tables
from appwrite_orm_django.client.errors import Unauthorized
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines.evidence import evidence_in
from appwrite_orm_django.schema import records
from appwrite_orm_django.schema.definitions import Encoding

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


def imitated(location):
    return re.search("engine=([a-z]+)", location)[1]


class Wire:
    """A connection to a server whose address does not tell what it is, and the requests that it has made."""

    def __init__(self, connect, host, location):
        self._connect, self._host, self.location = connect, host, location
        self._stack = ExitStack()
        self._refused = ()
        self.log = []

    def state(self, engine):
        """Connect, with this ``ENGINE`` in the settings."""
        options = {} if engine is None else {"ENGINE": engine}
        self.connection = self._connect(HOST=self._host, NAME=DATABASE, OPTIONS=options)
        self.transport = self.connection.transport
        self.letters = self.connection.table_ref("letters")
        self.transport.add_listener(self.log.append)
        self._stack.enter_context(self.transport.through(lambda _: _Adapter(self)))

    def without_scope(self, *scopes):
        self._refused = scopes

    def refuses(self, path):
        scope = "rows.read" if path.endswith("/rows") else "tables.read"
        return scope in self._refused

    def asked(self):
        return sum(records.ENCODINGS.id in record.path for record in self.log)

    def close(self):
        self._stack.close()


class _Adapter(LocalAdapter):
    """The server of a wire, for a key that may lack scopes."""

    def __init__(self, wire):
        super().__init__(registry.local_server(wire.location))
        self._wire = wire

    def send(self, request, *args, **kwargs):
        if self._wire.refuses(request.path_url.partition("?")[0]):
            del request.headers["X-Appwrite-Key"]
        return super().send(request, *args, **kwargs)


@pytest.fixture
def wire(connect, location, request):
    # A transport is shared by all with the same settings.
    host = re.sub("[^a-z]+", "-", request.node.name).strip("-")
    wire = Wire(connect, f"http://{host}.test/v1", location)
    wire.state(None)
    yield wire
    wire.close()


def with_record(wire):
    """Let a migration have been here."""
    records.write_records(
        Transport(wire.location, "demo", "secret"),
        DATABASE,
        [records.Record("letters", "text", Encoding("text"))],
    )


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
@pytest.mark.parametrize("stated", ["mariadb", "postgresql"])
def test_mongodb_is_named_at_the_first_answer(wire, way, stated):
    wire.state(stated)
    with pytest.raises(ImproperlyConfigured) as caught:
        way(wire)
    text = str(caught.value)
    assert f'["OPTIONS"]["ENGINE"] is "{stated}"' in text
    assert "runs on MongoDB" in text
    assert "bytesMax 0" in text or re.search(r"\$sequence '[0-9a-f]{8}-", text)
    assert 'Set it to "mongodb"' in text
    sent = len(wire.log)
    with pytest.raises(ImproperlyConfigured, match="MongoDB"):
        create_a_row(wire)
    assert len(wire.log) == sent


@pytest.mark.parametrize("location", ["mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_an_sql_server_is_no_mongodb(wire, way):
    wire.state("mongodb")
    with pytest.raises(ImproperlyConfigured, match='Set it to "mariadb" or "postgresql"'):
        way(wire)


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_a_stated_engine_is_compared_once(wire, way):
    wire.state("mariadb")
    with_record(wire)
    way(wire)
    assert wire.asked() == 1
    for _ in range(2):
        read_a_row(wire)
        read_a_table(wire)
    assert len(wire.log) == 2 + 4


@pytest.mark.parametrize("location", ["mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("stated", ["mariadb", "postgresql"])
@pytest.mark.parametrize("recorded", [False, True])
def test_sql_engines_are_told_apart(wire, location, stated, recorded):
    wire.state(stated)
    if recorded:
        with_record(wire)
    right = imitated(location)
    if stated == right:
        list_rows(wire)
        return
    for way in (list_rows, list_tables):
        with pytest.raises(ImproperlyConfigured, match=f'Set it to "{right}"'):
            way(wire)


@pytest.mark.parametrize("location", ["mariadb", "postgresql", "mongodb"], indirect=True)
@pytest.mark.parametrize("recorded", [False, True])
def test_an_engine_that_is_not_stated_is_found_out(wire, location, recorded):
    if recorded:
        with_record(wire)
    requests = {
        ("mariadb", True): 1, ("postgresql", True): 2, ("mongodb", True): 2,
        ("mariadb", False): 3, ("postgresql", False): 3, ("mongodb", False): 2,
    }  # fmt: skip
    engine = imitated(location)
    assert wire.connection.engine.name == engine
    assert len(wire.log) == requests[engine, recorded]
    assert wire.connection.engine.name == engine
    list_rows(wire)
    assert len(wire.log) == requests[engine, recorded] + 1


@pytest.mark.parametrize("location", ["mariadb", "postgresql", "mongodb"], indirect=True)
def test_migrations_write_the_row_that_tells(wire, location):
    """With it, a key that may only read rows is enough."""
    with_record(wire)
    wire.without_scope("tables.read")
    assert wire.connection.engine.name == imitated(location)


@pytest.mark.parametrize("location", ["postgresql"], indirect=True)
def test_a_key_that_may_see_nothing_must_be_told(wire):
    wire.without_scope("tables.read", "rows.read")
    with pytest.raises(ImproperlyConfigured, match=r'"ENGINE"\] is not set.*\n.*tables\.read'):
        wire.connection.engine  # noqa: B018 - asks the server


def test_an_unknown_key_is_told_apart_from_one_without_scopes(connect):
    """To state the engine would not help."""
    connection = connect(
        HOST="http://unknown-key.test/v1", USER="demo", PASSWORD="wrong", NAME=DATABASE
    )
    with connection.transport.through(lambda _: LocalAdapter(LocalServer())):
        with pytest.raises(Unauthorized, match=r'Check the API key in DATABASES\["appwrite"\]'):
            connection.engine  # noqa: B018 - asks the server
        (message,) = check_drift(None, databases=["appwrite"])
    assert message.id == "appwrite.W011"
    assert 'Check the API key in DATABASES["appwrite"]["PASSWORD"]' in message.msg
    assert message.hint.startswith("Correct the settings")


def test_the_check_of_a_server_that_is_not_there(connect):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        connect(HOST=f"http://127.0.0.1:{unused.getsockname()[1]}/v1", NAME=DATABASE)
        (message,) = check_drift(None, databases=["appwrite"])
    assert message.id == "appwrite.W011"
    assert "Connection refused" in message.msg
    assert message.hint.startswith("Run the check again when the server answers.")


def test_without_tables_nothing_is_decided(connect, monkeypatch):
    location = "local:?engine=postgresql#nothing-decided"
    connection = connect(HOST="http://nothing-decided.test/v1", NAME=DATABASE)
    transport = connection.transport
    with transport.through(lambda _: LocalAdapter(registry.local_server(location))):
        assert connection.engine.name == "mariadb"
        databases.create_database(transport, DATABASE, "Engines")
        assert connection.engine.name == "mariadb"
        tables.create_table(transport, TableRef(DATABASE, "letters"), "Letters")
        assert connection.engine.name == "postgresql"
    registry.forget(location)


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
def test_a_server_that_does_not_answer_is_asked_later(wire, location, monkeypatch):
    wire.state("postgresql")
    with_record(wire)
    monkeypatch.setattr("appwrite_orm_django.backend.engine_watch._ASK_AGAIN_S", 0.0)
    server = registry.local_server(location)
    with monkeypatch.context() as patch:
        patch.setattr(server, "handle", _failing(server.handle))
        list_rows(wire)
    with pytest.raises(ImproperlyConfigured, match='Set it to "mariadb"'):
        list_rows(wire)


def _failing(handle):
    def failing(request):
        if records.ENCODINGS.id in request.path:
            return json_response(
                500, {"message": "down", "code": 500, "type": "general_unknown", "version": "1.9.6"}
            )
        return handle(request)

    return failing


@pytest.mark.parametrize("location", ["mariadb"], indirect=True)
def test_no_thread_is_answered_before_it_is_known(wire, location, monkeypatch):
    """A second thread whose answer comes while the first one finds out has to look as well."""
    wire.state("postgresql")
    with_record(wire)
    server = registry.local_server(location)
    handle, refused = server.handle, []

    def in_another_thread():
        connections["appwrite"] = DatabaseWrapper(wire.connection.settings_dict, "appwrite")
        with pytest.raises(ImproperlyConfigured, match='Set it to "mariadb"') as caught:
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
    with pytest.raises(ImproperlyConfigured, match='Set it to "mariadb"'):
        list_rows(wire)
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("engine", "stated"), [("mariadb", "postgresql"), ("postgresql", "mariadb")]
)
def test_the_local_server_says_what_it_imitates(connect, engine, stated):
    connection = connect(
        HOST=f"local:?engine={engine}#says", NAME=DATABASE, OPTIONS={"ENGINE": stated}
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


def test_migrating_another_server_is_refused(wire):
    wire.state("mariadb")
    with pytest.raises(CommandError, match="runs on MongoDB"):
        call_command("appwrite_migrate", database="appwrite", plan=True, verbosity=0)
