"""``manage.py appwrite_webhook`` against the local server, whose deliveries go to a server of this site."""

import io
import json
import threading

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connections

from appwrite_orm_django import webhook_setup
from appwrite_orm_django.client import rows, webhooks
from appwrite_orm_django.incoming import incoming
from appwrite_orm_django.schema.own_tables import PROBES_TABLE
from appwrite_orm_django.signals import rows_changed
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
SECRET = "a secret of the tests"


@pytest.fixture
def configure(monkeypatch, appwrite):
    def change(**options):
        monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", {"WEBHOOK": {"COALESCE_S": 0, **options}})
        appwrite.__dict__.pop("options", None)

    yield change
    incoming.flush()
    for webhook in list(webhooks.list_webhooks(appwrite.transport)):
        webhooks.delete_webhook(appwrite.transport, webhook["$id"])
    monkeypatch.undo()  # first: what is read meanwhile would be kept
    appwrite.__dict__.pop("options", None)


@pytest.fixture
def site(live_server, configure):
    """A running site that is configured for webhooks."""
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
    assert (code, text.startswith(f"Created: {webhook_setup.webhook_id_for('appwrite')}, {site}")) == (0, True)
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
    assert run("delete")[1].startswith("There was none")
    assert "None of them is made" in run("list")[1]


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


def test_check_without_a_webhook(site):
    assert run("check") == (1, "There is no webhook: make it with appwrite_webhook create.\n")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"url": "https://elsewhere.example.org/"}, "the settings say"),
        ({"events": ["databases.*"]}, "does not tell of"),
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
    webhooks.set_webhook_secret(appwrite.transport, webhook_setup.webhook_id_for("appwrite"), "not the one configured")
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
