"""Listening to the local server's realtime, over a line that the tests can cut."""

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from appwrite_local.events import Event
from appwrite_local.realtime import Connection
from appwrite_local.realtime_server import RealtimeServer
from appwrite_local.registry import local_server
from appwrite_orm_django.changes import realtime
from appwrite_orm_django.changes.dispatch import incoming
from appwrite_orm_django.changes.realtime import Listener
from appwrite_orm_django.signals import rows_changed
from tests import real
from tests.library.models import Diary, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class Line:
    """A TCP connection's way through here: it can be cut, and made to say nothing."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.silent = False
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.silent:
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self):
        self._listener.close()
        self.cut()


@pytest.fixture
def line():
    if real.server():
        pytest.skip("listens to the realtime of the local server")
    server = RealtimeServer(local_server(connections["appwrite"].settings_dict["HOST"]))
    line = Line(server.port)
    yield line
    line.close()
    server.close()


@pytest.fixture
def configure(monkeypatch, appwrite, line):
    caches["default"].clear()

    def change(**options):
        given = {
            "URL": f"ws://127.0.0.1:{line.port}/v1/realtime",
            "COALESCE_S": 0,
            "LONGEST_PAUSE_S": 0.05,
            **options,
        }
        monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", {"REALTIME": given})
        appwrite.__dict__.pop("options", None)

    change()
    yield change
    incoming.flush()
    monkeypatch.undo()
    appwrite.__dict__.pop("options", None)


@pytest.fixture
def user(local_user):
    return local_user


@pytest.fixture
def listen():
    """Run listeners in threads of their own until the test is over."""
    running = []

    def start(alias="appwrite"):
        listener = Listener(alias)
        thread = threading.Thread(target=listener.run, daemon=True)
        thread.start()
        running.append((listener, thread))
        return listener

    yield start
    for listener, _ in running:
        listener.stop()
    for _, thread in running:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def told():
    told = []

    def note(table, pks, operation, source, **_):
        if source == "realtime":
            told.append((table, pks, operation))

    rows_changed.connect(note)
    yield told
    rows_changed.disconnect(note)


def eventually(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def from_outside(method, path, params=None):
    """Write as another client does: this library's cache is not told."""
    connection = connections["appwrite"]
    transport = connection.transport
    path = f"/tablesdb/{connection.database_id}/tables/{path}"
    super(type(transport), transport).call(method, path, None, params or {})


ALL = ['read("any")']


def test_other_clients_writes_are_heard(configure, listen, told, user, appwrite):
    configure(SESSION_SECRET=user("listener")["session"])
    listener = listen()
    eventually(lambda: listener.health.connected_at)
    assert {table for table, pks, _ in told if pks is None} == {
        appwrite.table_of(model) for model in appwrite.cached_models()
    }, "at the start everything is outdated"
    told.clear()
    diary = Diary.objects.create(text="before", permissions=['read("user:listener")'])
    assert Diary.objects.get().text == "before"
    eventually(lambda: told)
    assert told == [("library_diary", (diary.pk,), "create")], (
        "of one's own writes it tells as well"
    )
    assert Diary.objects.get().text == "before"
    from_outside("PATCH", f"library_diary/rows/{diary.pk}", {"data": {"text": "after"}})
    eventually(lambda: len(told) == 2)
    assert Diary.objects.get().text == "after"
    assert listener.health.events == 2
    assert re.match(
        r"listening for \d+ s; 2 events, the last \d+ s ago; connection number 1",
        str(listener.health),
    )


def test_a_commit_is_no_gap(configure, listen, told):
    listener = listen()
    eventually(lambda: listener.health.connected_at)
    told.clear()
    with transaction.atomic(using="appwrite"):
        first = Diary.objects.create(text="one", permissions=ALL)
        second = Diary.objects.create(text="two", permissions=ALL)
        first.text = "three"
        first.save()
    eventually(lambda: {pks for _, pks, _ in told} >= {(first.pk,), (second.pk,)})
    assert {(table, pks) for table, pks, _ in told} == {
        ("library_diary", (first.pk,)),
        ("library_diary", (second.pk,)),
    }


def test_after_a_cut_everything_is_outdated(configure, listen, told, user, line, requests):
    listener = listen()
    eventually(lambda: listener.health.connected_at)
    tag = Tag.objects.create(name="before")
    Tag.objects.get(pk=tag.pk)
    told.clear()
    line.cut()
    from_outside("PATCH", f"library_tag/rows/{tag.pk}", {"data": {"name": "in-the-gap"}})
    eventually(lambda: listener.health.connections == 2 and listener.health.connected_at)
    eventually(lambda: ("library_tag", None, "change") in told)
    assert Tag.objects.get(pk=tag.pk).name == "in-the-gap"


def test_a_line_that_says_nothing_is_given_up(configure, listen, line, monkeypatch):
    now, pongs, send = [0.0], [], Connection.send
    monkeypatch.setattr(realtime, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))

    def note(self, kind, data=None):
        send(self, kind, data)
        if kind == "pong":
            pongs.append(now[0])

    monkeypatch.setattr(Connection, "send", note)
    listener = listen()
    eventually(lambda: listener.health.connected_at)
    for number in (1, 2, 3):
        now[0] += listener.settings.ping_s + 1
        eventually(lambda: len(pongs) == number)  # noqa: B023 - called at once
        # What comes after it has been heard, so the pong has been, too.
        Diary.objects.create(text=f"{number}", permissions=ALL)
        eventually(lambda: listener.health.events == number)  # noqa: B023
    assert listener.health.connections == 1, "pings are answered"
    line.silent = True
    now[0] += 2 * listener.settings.ping_s + 1
    eventually(lambda: "nothing received for" in listener.health.problem)
    assert listener.health.connected_at is None
    line.silent = False
    line.cut()
    eventually(lambda: listener.health.connected_at)


def test_a_guest_is_told_of_public_rows_only(configure, listen, told):
    listener = listen()
    eventually(lambda: listener.health.connected_at)
    told.clear()
    Diary.objects.create(text="private", permissions=['read("user:someone")'])
    public = Diary.objects.create(text="public", permissions=ALL)
    eventually(lambda: told)
    assert [pks for _, pks, _ in told] == [(public.pk,)]


def test_a_session_that_does_not_hold_is_a_fault_and_not_a_guest(configure, listen, told, caplog):
    configure(SESSION_SECRET="nonsense")
    listener = listen()
    eventually(lambda: "is invalid" in listener.health.problem)
    assert (listener.health.connections, told) == (0, [])
    assert "nonsense" not in caplog.text


def test_a_refusal_is_said_and_tried_again(configure, listen, monkeypatch, appwrite):
    monkeypatch.setattr(realtime, "MAX_CHANNELS", 0)
    listener = Listener("appwrite")
    assert listener._address.endswith("channels%5B%5D=rows")
    monkeypatch.setattr(
        Listener, "_with_channels", lambda self, address, project: f"{address}?project={project}"
    )
    refused = listen()
    eventually(lambda: "Missing channels" in refused.health.problem)


def test_pauses_grow_and_are_never_alike(configure):
    configure(LONGEST_PAUSE_S=30)
    listener = Listener("appwrite")
    pauses = [listener._delay_s(failures) for failures in (1, 2, 5, 1000) for _ in range(50)]
    assert min(pauses) >= 0.25
    assert max(pauses) <= 30
    assert max(pauses[:50]) <= 0.5 < max(pauses[50:100])
    assert len(set(pauses)) > 100


def test_an_event_that_is_not_understood_is_taken_for_a_gap(configure, told):
    listener = Listener("appwrite")
    listener._take({"payload": {}})
    assert {pks for _, pks, _ in told} == {None}
    told.clear()
    listener._take(
        {"payload": {"$id": "a", "$databaseId": "another", "$tableId": "library_tag"}, "events": []}
    )
    database = connections["appwrite"].database_id
    listener._take(
        {"payload": {"$id": "a", "$databaseId": database, "$tableId": "unheard_of"}, "events": []}
    )
    assert told == []
    listener._take(
        {
            "payload": {"$id": "a", "$databaseId": database, "$tableId": "library_tag"},
            "events": ["x.update"],
        }
    )
    assert told == [("library_tag", ("a",), "update")]


ACTIONS = {"create": "create", "update": "update", "upsert": "change", "delete": "delete"}


def committed(table):
    return {"$id": "a", "$tableId": table, "$collectionId": table}


def names(table, action="update", *, database=None):
    place = (
        "databases",
        database or connections["appwrite"].database_id,
        "tables",
        table,
        "rows",
        "a",
    )
    return Event("tests", "", place, action, {}, "tablesdb").realtime_names


@pytest.mark.parametrize("action", ACTIONS)
def test_realtime_hears_of_commits_row_by_row(action, configure, told, caplog):
    listener = Listener("appwrite")
    listener._take({"payload": committed("library_tag"), "events": names("library_tag", action)})
    assert told == [("library_tag", ("a",), ACTIONS[action])]
    assert caplog.text == ""


def test_realtime_is_not_disturbed_by_other_databases(configure, told, caplog):
    listener = Listener("appwrite")
    with caplog.at_level(logging.INFO):
        listener._take(
            {
                "payload": committed("library_tag"),
                "events": names("library_tag", database="another"),
            }
        )
        listener._take({"payload": committed("unheard_of"), "events": names("unheard_of")})
        listener._take({"payload": {"$id": "ann"}, "events": ["users.ann.update"]})
    assert (told, caplog.text) == ([], "")


def test_realtime_takes_what_it_cannot_tell_for_a_gap(configure, told, caplog):
    listener = Listener("appwrite")
    for data in ({}, {"payload": None, "events": None}, {"payload": [], "events": [1, "odd"]}):
        told.clear()
        listener._take(data)
        assert {pks for _, pks, _ in told} == {None}
        assert len(told) == len(listener._tables)
    assert "Realtime of appwrite" in caplog.text


def test_without_the_package_it_says_what_to_install(configure, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    with pytest.raises(ImproperlyConfigured, match=r"appwrite-orm-django\[realtime\]"):
        Listener("appwrite")


def test_a_server_inside_the_process_has_no_realtime(configure):
    configure(URL="")
    with pytest.raises(CommandError, match="no realtime"):
        call_command("appwrite_listen")


COMMAND = """
import os, sys, django
from django.conf import settings
from tests import settings as base
values = {name: getattr(base, name) for name in dir(base) if name.isupper()}
values["DATABASES"]["appwrite"]["HOST"] = sys.argv[1]
values["DATABASES"]["appwrite"]["OPTIONS"] = {"REALTIME": {"URL": sys.argv[2], "COALESCE_S": 0}}
settings.configure(**values)
django.setup()
from django.core.management import call_command
call_command("appwrite_listen", "--health", "0.2")
"""


def test_the_command_runs_until_it_is_told_to_end(line):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "http://127.0.0.1:9/v1", f"ws://127.0.0.1:{line.port}/v1/realtime"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    try:
        for text in process.stdout:
            if text.startswith("listening"):
                break
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Stopped: 0 events in 1 connections." in out
    assert "local to each process" in err
    assert "realtime reports only rows that anyone may read" in err
