"""``manage.py appwrite_doctor``."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import NotSupportedError, connections

from appwrite_local import registry
from appwrite_local.realtime_server import RealtimeServer
from appwrite_local.registry import local_server
from appwrite_orm_django.changes import webhook_setup
from appwrite_orm_django.client import databases, webhooks
from appwrite_orm_django.client.errors import ConnectionFailed, MissingScope
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.doctor import examination
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, TEXT_RULES
from appwrite_orm_django.doctor.examination import Finding, order_found
from appwrite_orm_django.doctor.experiments import TEXTS, in_order
from appwrite_orm_django.doctor.scratch import DATABASE_PREFIX, Scratch
from appwrite_orm_django.engines import ENGINES
from appwrite_orm_django.schema import records
from appwrite_orm_django.schema.engine_probe import engine_of
from appwrite_orm_django.schema.from_server import read_database
from docs import assumptions
from tests import real

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture(autouse=True)
def nothing_recorded(appwrite):
    transport, database = appwrite.transport, appwrite.database_id
    yield
    records.forget_table(transport, database, records.SERVER)


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("appwrite_doctor", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def names() -> set[str]:
    listed = (each["$id"] for each in databases.list_databases(connections["appwrite"].transport))
    # A real server has others as well, which come and go.
    return {name for name in listed if name.startswith(DATABASE_PREFIX)}


def test_a_table_of_what_was_assumed_and_found(appwrite):
    before = names()
    code, text = run()
    assert code == 0, text
    usual = [assumption for assumption in ASSUMPTIONS if not assumption.on_request]
    assert f"All {len(usual)} assumptions hold." in text
    order = ", in the order en_US.utf8" if appwrite.engine.orders_by_locale else ""
    assert (
        f"Recorded in the database {appwrite.database_id}: the engine is {appwrite.engine.name}{order}."
        in text
    )
    assert "✓ 'Zola' and 'zola' in a filter" in text
    assert names() == before


def test_what_does_not_hold_is_explained_and_ends_with_1(appwrite, monkeypatch):
    # Each of the others differs from MariaDB in what is asked here.
    wrong = "postgresql" if appwrite.engine.name == "mariadb" else "mariadb"
    options = {**appwrite.settings_dict["OPTIONS"], "ENGINE": wrong}
    monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", options)
    appwrite.__dict__.pop("options", None)
    try:
        code, text = run("--only", "text.case", "nulls")
    finally:
        monkeypatch.undo()
        appwrite.__dict__.pop("options", None)
    assert code == 1
    assert "✗ 'Zola' and 'zola' in a filter" in text
    assert 'Remove OPTIONS["ENGINE"]' in text
    assert " of 5 assumptions do not hold." in text


def test_json(appwrite):
    code, text = run("--format", "json", "--only", "bulk.create")
    report = json.loads(text)
    assert (code, report["alias"]) == (0, "appwrite")
    assert report["findings"] == [
        {"name": "bulk.create", "question": "rows in one bulk create", "assumed": "100 rows", "found": "100 rows",
         "holds": True, "otherwise": ""}
    ]  # fmt: skip


class TestRecorded:
    def recorded(self, appwrite, *arguments):
        _, text = run("--format", "json", "--only", *TEXT_RULES, *arguments)
        found = records.read_findings(appwrite.transport, appwrite.database_id)
        assert json.loads(text)["recorded"] == found
        return found

    def test_the_rules_for_text(self, appwrite):
        assert self.recorded(appwrite) == {"engine": appwrite.engine.name}
        assert self.recorded(appwrite) == {"engine": appwrite.engine.name}

    def test_in_the_database_itself(self, appwrite):
        given = ("--scratch-database", appwrite.database_id)
        assert self.recorded(appwrite, *given) == {"engine": appwrite.engine.name}

    def test_nothing_from_another_database(self, appwrite):
        other = real.database_id("other")
        databases.create_database(appwrite.transport, other, "other")
        try:
            assert self.recorded(appwrite, "--scratch-database", other) == {}
        finally:
            databases.delete_database(appwrite.transport, other)

    def test_nothing_from_a_part(self, appwrite):
        run("--only", "text.case")
        assert records.read_findings(appwrite.transport, appwrite.database_id) == {}

    def test_columns_are_read_without_it(self, appwrite):
        before = records.read_recorded(
            appwrite.transport, read_database(appwrite.transport, appwrite.database_id)
        )
        assert self.recorded(appwrite)
        live = read_database(appwrite.transport, appwrite.database_id)
        assert records.read_recorded(appwrite.transport, live) == before
        assert not any(
            table == records.SERVER for table, _ in records.read_records(appwrite.transport, live)
        )

    def test_a_database_that_is_yet_to_be_made(self, appwrite, monkeypatch):
        monkeypatch.setitem(appwrite.settings_dict, "NAME", real.database_id("unmade"))
        assert self.recorded(appwrite) == {}


@pytest.mark.local_only("servers on other engines are imitated")
@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_server_on_another_engine_is_examined_to_the_end(appwrite, monkeypatch, engine):
    monkeypatch.setitem(appwrite.settings_dict, "HOST", f"local:?engine={engine}#doctor")
    code, text = run("--format", "json")
    report = json.loads(text)
    assert [each for each in report["findings"] if not each["holds"]] == []
    assert code == 0
    registry.forget(f"local:?engine={engine}#doctor")


@pytest.mark.local_only("another order is imitated")
@pytest.mark.parametrize("order", ["C", "other"])
def test_a_database_in_another_locale(order, monkeypatch):
    """Its order is recorded, and queries that would order text here follow it or are refused."""
    location, name = f"local:?engine=postgresql#locale-{order}", "locale"
    keys = {"C": str, "other": lambda text: text[::-1]}
    found = Finding(
        next(one for one in ASSUMPTIONS if one.name == "text.order"),
        "",
        in_order(keys[order]),
        False,
    )
    assert order_found([found]) == order
    transport = Transport(location, "demo", "secret")
    databases.create_database(transport, name, "Locale")
    records.write_findings(transport, name, {"engine": "postgresql", "order": order})
    rules = engine_of(transport, name)
    assert rules.name == "postgresql"
    assert not rules.has_collation
    if order == "C":
        assert sorted(TEXTS, key=rules.order_key) == sorted(TEXTS)
    else:
        with pytest.raises(NotSupportedError, match="locale"):
            rules.order_key("a")
    registry.forget(location)


@pytest.fixture
def configure(monkeypatch, appwrite):
    def change(**options):
        monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", options)
        appwrite.__dict__.pop("options", None)

    yield change
    monkeypatch.undo()
    appwrite.__dict__.pop("options", None)


def found_by(*arguments):
    code, text = run("--format", "json", *arguments)
    return code, {each["name"]: each["found"] for each in json.loads(text)["findings"]}


@pytest.mark.local_only("is delivered to at an address that only the local server can reach")
class TestWebhook:
    @pytest.fixture
    def site(self, live_server, configure, appwrite):
        caches["default"].clear()
        url = f"{live_server.url}/appwrite/webhook/"
        configure(WEBHOOK={"COALESCE_S": 0, "URL": url, "SECRETS": ["a secret of the tests"]})
        yield url
        webhook_setup.delete("appwrite")

    def test_a_delivery(self, site):
        webhook_setup.create("appwrite")
        assert found_by("--webhook", "--only", "webhook") == (0, {
            "webhook.state": "on", "webhook.address": "as in the settings", "webhook.events": "all rows of the models",
            "webhook.failures": "none", "webhook.delivery": "arrived",
        })  # fmt: skip

    def test_another_secret_is_found(self, site, appwrite):
        webhook_setup.create("appwrite")
        webhooks.set_webhook_secret(
            appwrite.transport, webhook_setup.webhook_id_for("appwrite"), "another secret of it"
        )
        code, found = found_by("--only", "webhook.delivery", "webhook.state")
        assert (code, found["webhook.state"]) == (1, "on")
        assert found["webhook.delivery"].startswith("Appwrite could not deliver")
        assert found_by("--only", "webhook.failures")[1]["webhook.failures"].startswith(
            "1 in a row, the last one: "
        )

    def test_no_webhook(self, site):
        code, found = found_by("--only", "webhook")
        assert code == 1
        assert found["webhook.state"] == "no webhook"
        assert found["webhook.delivery"].startswith("There is no webhook")


@pytest.mark.local_only("listens to the realtime of the local server")
class TestRealtime:
    @pytest.fixture
    def line(self):
        server = RealtimeServer(local_server(connections["appwrite"].settings_dict["HOST"]))
        yield f"ws://127.0.0.1:{server.port}/v1/realtime"
        server.close()

    @pytest.mark.parametrize("who", ["guest", "user"])
    def test_events_are_named(self, line, configure, local_user, who):
        secret = {"SESSION_SECRET": local_user("listener")["session"]} if who == "user" else {}
        configure(REALTIME={"URL": line, **secret})
        assert found_by("--realtime", "--only", "realtime") == (0, {
            "realtime.connection": "accepted",
            "realtime.names": "database, table, row, action", "realtime.payload": "$id, $tableId, $databaseId",
            "realtime.commit_names": "database, table, row, action", "realtime.commit_payload": "$id, $tableId",
        })  # fmt: skip

    def test_a_session_that_does_not_hold(self, line, configure):
        configure(REALTIME={"URL": line, "SESSION_SECRET": "wrong"})
        code, found = found_by("--only", "realtime.connection")
        assert code == 1
        assert "wrong" not in found["realtime.connection"]
        assert found["realtime.connection"] != "accepted"

    def test_nobody_answers(self, configure):
        configure(REALTIME={"URL": "ws://127.0.0.1:1/v1/realtime"})
        code, found = found_by("--realtime", "--only", "realtime")
        assert code == 1
        assert "refused" in found["realtime.connection"]
        assert found["realtime.names"] == "no connection"

    def test_a_server_inside_the_process(self):
        code, text = run("--realtime", "--only", "realtime.connection")
        assert code == 1
        assert "has no realtime; run manage.py appwrite_server" in text


def test_kept(appwrite):
    before = names()
    _, text = run("--keep", "--only", "bulk.create")
    (kept,) = names() - before
    assert kept in text
    databases.delete_database(appwrite.transport, kept)


def test_a_given_database(appwrite):
    given = real.database_id("given")
    databases.create_database(appwrite.transport, given, "given")
    try:
        assert run("--scratch-database", given, "--only", "bulk.create")[0] == 0
    finally:
        databases.delete_database(appwrite.transport, given)


def test_unknown_names(appwrite):
    with pytest.raises(CommandError, match="No such assumption or area: 'texts'"):
        run("--only", "texts")


def test_the_list(appwrite, monkeypatch):
    monkeypatch.setattr(examination, "examine", None)
    assert run("--list")[1].count("\n") == len(ASSUMPTIONS)


def test_the_list_for_programs():
    listed = json.loads(run("--list", "--format", "json")[1])
    assert [each["name"] for each in listed] == [assumption.name for assumption in ASSUMPTIONS]


def refused(*arguments: str) -> tuple[CommandError, str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("appwrite_doctor", *arguments, stdout=out, no_color=True)
    return caught.value, out.getvalue()


def test_an_unreachable_server_is_one_message(appwrite, monkeypatch):
    monkeypatch.setitem(appwrite.settings_dict, "HOST", "http://127.0.0.1:1/v1")
    error, text = refused()
    assert "127.0.0.1:1" in str(error)
    assert (error.returncode, text) == (2, "")
    report = json.loads(refused("--format", "json")[1])
    assert (report["alias"], report["findings"], report["error"]) == ("appwrite", [], str(error))


def test_an_alias_that_is_not_there():
    error, text = refused("--database", "nowhere", "--format", "json")
    assert (
        json.loads(text)["error"]
        == str(error)
        == 'DATABASES has no "nowhere". Aliases on Appwrite: appwrite.'
    )


@pytest.mark.parametrize("lost", [MissingScope, ConnectionFailed])
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_cannot_be_asked_is_no_finding(appwrite, monkeypatch, lost, form):
    """A key without a scope, and a server that went away, say nothing about the rest."""
    empty, left = Scratch.empty, [2]

    def fails_at_last(self):
        left[0] -= 1
        if left[0] < 0:
            raise lost("not any more")
        empty(self)

    monkeypatch.setattr(Scratch, "empty", fails_at_last)
    before = names()
    error, text = refused("--format", form)
    assert "not any more" in str(error)
    assert "do not hold" not in text
    if form == "json":
        report = json.loads(text)
        assert ([each["holds"] for each in report["findings"]], report["error"]) == (
            [True, True],
            str(error),
        )
    assert names() == before


@pytest.mark.local_only("starts a process with a local server of its own")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_run_deletes_its_database(tmp_path, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("these tests ignore the signal, and so would the command (nohup)")
    location = f"local:{tmp_path}/rows.sqlite3"
    (tmp_path / "doctor_settings.py").write_text(
        f"INSTALLED_APPS = ['appwrite_orm_django']\nDATABASES = {{'default': {{'ENGINE': 'appwrite_orm_django.backend', "
        f"'HOST': {location!r}, 'USER': 'p', 'PASSWORD': 'k', 'NAME': 'd'}}}}\n"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "doctor_settings",
        "PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}",
    }
    command = [sys.executable, "-u", "-m", "django", "appwrite_doctor"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    # A Ctrl-C that comes before Python has set its handler would be the shell's default.
    for line in process.stdout:
        if "kind of engine" in line:
            break
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert not _database_ids(location)


def _database_ids(location: str) -> list[str]:
    from appwrite_orm_django.client.transport import Transport

    return [each["$id"] for each in databases.list_databases(Transport(location, "p", "k"))]


def test_the_page_is_current():
    assert assumptions.PAGE.read_text() == assumptions.page(), "run: python -m docs.assumptions"
