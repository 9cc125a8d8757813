"""``manage.py appwrite_webhook`` against the local server, whose deliveries go to a server of this site."""

import contextlib
import io
import json
import threading

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connections

from appwrite_local.registry import local_server
from appwrite_orm_django.changes import webhook_setup
from appwrite_orm_django.changes.dispatch import incoming
from appwrite_orm_django.client import rows, webhooks
from appwrite_orm_django.client.errors import MissingScope, NotFound
from appwrite_orm_django.schema.own_tables import PROBES_TABLE
from appwrite_orm_django.signals import rows_changed
from tests import real
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
SECRET = "a secret of the tests"


@pytest.fixture
def configure(monkeypatch, appwrite):
    def change(**options):
        monkeypatch.setitem(
            appwrite.settings_dict, "OPTIONS", {"WEBHOOK": {"COALESCE_S": 0, **options}}
        )
        appwrite.__dict__.pop("options", None)

    yield change
    incoming.flush()
    # A key for make real needs no scope for webhooks.
    with contextlib.suppress(NotFound, MissingScope):
        webhooks.delete_webhook(appwrite.transport, webhook_setup.webhook_id_for("appwrite"))
    if not real.server():
        # A delivery that is still tried would count against the next test's webhook, which has the same id.
        assert local_server(appwrite.settings_dict["HOST"]).flush(60)
    monkeypatch.undo()  # first: what is read meanwhile would be kept
    appwrite.__dict__.pop("options", None)


@pytest.fixture
def site(live_server, configure):
    """A running site that is configured for webhooks."""
    if real.server():
        pytest.skip("is delivered to at an address that only the local server can reach")
    caches["default"].clear()
    url = f"{live_server.url}/appwrite/webhook/"
    configure(URL=url, SECRETS=[SECRET])
    return url


def run(*arguments, **options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("appwrite_webhook", *arguments, stdout=out, stderr=err, **options)
    except SystemExit as end:
        return end.code, err.getvalue()
    return 0, out.getvalue()


def test_the_way_from_create_to_delete(site):
    code, text = run("create")
    assert (
        code,
        text.startswith(f"Created: {webhook_setup.webhook_id_for('appwrite')}, {site}"),
    ) == (0, True)
    assert f"databases.{connections['appwrite'].database_id}.tables.library_tag.rows.*" in text
    code, text = run("check")
    assert code == 0, text
    assert "A delivery arrived after" in text
    assert run("create")[1].startswith("Updated")
    assert run("check")[0] == 0
    listed = json.loads(run("list", format="json")[1])
    assert [(one["ours"], one["url"], one["attempts"]) for one in listed] == [(True, site, 0)]
    assert SECRET not in json.dumps(listed) + text
    assert "* appwrite-orm-" in run("list")[1]
    assert run("delete")[1].startswith("Deleted")
    assert run("delete")[1].startswith("There was no webhook")
    assert "None of them belongs to" in run("list")[1]


def test_a_write_of_somebody_else_is_seen(site, appwrite, requests):
    """What no part of this library was told of, but Appwrite."""
    run("create")
    tag = Tag.objects.create(name="before")
    assert [one.name for one in Tag.objects.all()] == ["before"]
    heard = threading.Event()

    def note(source, **_):
        if source == "webhook":
            heard.set()

    incoming_before = webhook_setup.check("appwrite")
    assert incoming_before.arrived, "the creation was delivered before it, in order"
    assert [one.name for one in Tag.objects.all()] == ["before"]
    rows_changed.connect(note)
    try:
        # The transport's own class, which tells the cache of nothing.
        plain = super(type(appwrite.transport), appwrite.transport)
        path = f"/tablesdb/{appwrite.database_id}/tables/library_tag/rows/{tag.pk}"
        plain.call("PATCH", path, None, {"data": {"name": "after"}})
        assert heard.wait(60)
    finally:
        rows_changed.disconnect(note)
    assert [one.name for one in Tag.objects.all()] == ["after"]


FAMILIES = {
    "tablesdb": ("tables", "rows", "rowId", "tableId", "column"),
    "databases": ("collections", "documents", "documentId", "collectionId", "attribute"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_way_to_write_is_seen_and_none_is_refused(site, appwrite, family):
    tables, rows_word, id_, table_id, key = FAMILIES[family]
    run("create")
    plain = super(type(appwrite.transport), appwrite.transport)
    base = f"/{family}/{appwrite.database_id}/{tables}/library_diary/{rows_word}"
    heard = {}

    def note(table, pks, operation, source, **_):
        if source == "webhook":
            for pk in pks or ("any",):
                heard.setdefault(pk, []).append(operation)

    def call(method, path, params):
        return plain.call(method, path, None, params)

    def commit(*writes):
        transaction = call("POST", f"/{family}/transactions", {})["$id"]
        for method, path, params in writes:
            call(method, path, {**params, "transactionId": transaction})
        call("PATCH", f"/{family}/transactions/{transaction}", {"commit": True})

    def operations(*items):
        transaction = call("POST", f"/{family}/transactions", {})["$id"]
        place = {"databaseId": appwrite.database_id, table_id: "library_diary"}
        staged = [
            {**place, "action": action, id_: row_id, "data": data} for action, row_id, data in items
        ]
        call("POST", f"/{family}/transactions/{transaction}/operations", {"operations": staged})
        call("PATCH", f"/{family}/transactions/{transaction}", {"commit": True})

    rows_changed.connect(note)
    try:
        call("POST", base, {id_: "a", "data": {"text": "a", "mood": 0}})
        call("PATCH", f"{base}/a", {"data": {"text": "b"}})
        call("PUT", f"{base}/a", {"data": {"text": "c", "mood": 0}})
        call(
            "POST",
            base,
            {
                rows_word: [
                    {"$id": "x", "text": "x", "mood": 0},
                    {"$id": "y", "text": "y", "mood": 0},
                ]
            },
        )
        call("PATCH", base, {"data": {"text": "z"}, "queries": []})
        call("PUT", base, {rows_word: [{"$id": "x", "text": "w", "mood": 0}]})
        for number in range(12):
            commit(
                ("POST", base, {id_: f"t{number}", "data": {"text": "t", "mood": 0}}),
                ("PATCH", f"{base}/a", {"data": {"text": f"t{number}"}}),
                ("PATCH", f"{base}/a", {"data": {"text": f"u{number}"}}),
                ("PUT", f"{base}/p{number}", {"data": {"text": "p", "mood": 0}}),
                ("DELETE", f"{base}/t{number}", {}),
            )
        call("PATCH", f"{base}/a/mood/increment", {"value": 2})
        commit(("PATCH", f"{base}/a/mood/decrement", {"value": 1}))
        operations(("increment", "a", {key: "mood", "value": 5}))
        operations(
            ("create", "o", {"text": "o", "mood": 0}),
            ("update", "o", {"text": "p"}),
            ("delete", "x", {}),
        )
        commit(
            ("POST", base, {rows_word: [{"$id": "q", "text": "q", "mood": 0}]}),
            ("PATCH", f"{base}/y", {"data": {"text": "q"}}),
        )
        call("DELETE", f"{base}/a", {})
        call("DELETE", base, {"queries": []})
        assert local_server(appwrite.settings_dict["HOST"]).flush(60)
    finally:
        rows_changed.disconnect(note)
    found = webhooks.get_webhook(appwrite.transport, webhook_setup.webhook_id_for("appwrite"))
    assert (found["enabled"], found["attempts"], found["logs"]) == (True, 0, "")
    assert heard["a"] == ["create", "update", "change", *["update"] * 16, "delete"]
    assert heard["t3"] == ["delete"], "what a commit both makes and deletes is told of once"
    assert heard["p3"] == ["update", "delete"]
    assert heard["o"] == ["create", "update", "delete"]
    assert heard["x"] == ["create", "update", "change", "delete"]
    assert "any" not in heard


def test_check_without_a_webhook(site):
    assert run("check") == (1, "There is no webhook: create it with appwrite_webhook create.\n")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"url": "https://elsewhere.example.org/"}, "the settings say"),
        ({"events": ["databases.*"]}, "is not subscribed to"),
    ],
)
def test_check_of_a_webhook_that_is_not_what_the_settings_say(site, appwrite, changed, problem):
    run("create")
    now = {"name": "n", "url": site, "events": webhook_setup.events_for("appwrite"), **changed}
    webhooks.update_webhook(appwrite.transport, webhook_setup.webhook_id_for("appwrite"), **now)
    code, text = run("check")
    assert (code, problem in text, "appwrite_webhook create" in text) == (1, True, True)


def test_check_says_why_appwrite_could_not_deliver(site, appwrite):
    run("create")
    webhooks.set_webhook_secret(
        appwrite.transport, webhook_setup.webhook_id_for("appwrite"), "not the one configured"
    )
    code, text = run("check")
    assert code == 1
    assert "could not deliver" in text
    assert "401" in text
    assert run("create")[0] == 0
    assert run("check")[0] == 0


def test_check_of_a_webhook_that_was_turned_off(site, appwrite):
    run("create")
    id_ = webhook_setup.webhook_id_for("appwrite")
    now = {"name": "n", "url": site, "events": webhook_setup.events_for("appwrite")}
    webhooks.update_webhook(appwrite.transport, id_, **now, enabled=False)
    code, text = run("check")
    assert (code, "turned the webhook off" in text) == (1, True)


def test_check_gives_up_and_cleans_up(site, appwrite, monkeypatch):
    run("create")
    monkeypatch.setattr(webhook_setup, "_probe_key", lambda core, row_id: "never there")
    found = webhook_setup.check("appwrite", wait_s=0.3)
    assert not found.arrived
    assert "memory of each process" in found.problem, "the tests' cache is"
    with pytest.raises(Exception, match=r"[Tt]able"):
        rows.list_rows(appwrite.transport, appwrite.table_ref(PROBES_TABLE))


def test_more_tables_than_a_webhook_has_events(site, monkeypatch):
    monkeypatch.setattr(webhook_setup, "MAX_EVENTS", 3)
    code, text = run("create")
    assert code == 0
    assert f"databases.{connections['appwrite'].database_id}.tables.*.rows.*" in text
    assert "IGNORE_UNKNOWN" in text
    assert run("check")[0] == 0


def test_without_settings_it_says_what_to_do(configure):
    configure()
    with pytest.raises(CommandError, match="token_urlsafe"):
        run("create")
