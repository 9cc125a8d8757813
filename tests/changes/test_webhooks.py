"""The webhook endpoint: what it believes, what it refuses, and what follows."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import Client

from appwrite_local.events import Event
from appwrite_orm_django.changes import handlers, webhooks
from appwrite_orm_django.changes.dispatch import Notice, UnknownTable, announce, incoming, model_of
from appwrite_orm_django.changes.handlers import RowsChanged, on_rows_changed
from appwrite_orm_django.conf import RealtimeSettings, WebhookSettings
from appwrite_orm_django.signals import cache_invalidated, rows_changed
from appwrite_orm_django.users.accounts import appwrite_user
from tests.library.models import Diary, Tag
from tests.library.models import Notice as NoticeModel

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

URL = "https://shop.example.org/appwrite/webhook/"
SECRET, OLD_SECRET = "a secret of the tests", "the one before it"
TABLE = "library_tag"


@pytest.fixture
def configure(monkeypatch, appwrite):
    """Change OPTIONS of the alias, for connections of all threads."""

    def change(**options):
        monkeypatch.setitem(
            appwrite.settings_dict, "OPTIONS", {**appwrite.settings_dict["OPTIONS"], **options}
        )
        appwrite.__dict__.pop("options", None)

    yield change
    monkeypatch.undo()  # first: what is read meanwhile would be kept
    appwrite.__dict__.pop("options", None)


@pytest.fixture(autouse=True)
def webhook(configure):
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET, OLD_SECRET], "COALESCE_S": 0})
    caches["default"].clear()  # which remembers deliveries
    yield
    incoming.flush()


@pytest.fixture
def told():
    """What receivers of the signals are told."""
    told = []

    def changed(sender, table, pks, operation, source, **_):
        told.append((sender, table, pks, operation, source))

    rows_changed.connect(changed)
    yield told
    rows_changed.disconnect(changed)


@pytest.fixture
def invalidated():
    seen = []

    def note(tables, rows, source, **_):
        seen.append((tables, rows, source))

    cache_invalidated.connect(note)
    yield seen
    cache_invalidated.disconnect(note)


def row(row_id="t1", **values):
    database = connections["appwrite"].database_id
    return {
        "$id": row_id,
        "$databaseId": database,
        "$tableId": TABLE,
        "$updatedAt": "2026-01-01T00:00:00.000+00:00",
        **values,
    }


def sign(body, secret=SECRET, url=URL):
    return base64.b64encode(
        hmac.new(secret.encode(), url.encode() + body, hashlib.sha1).digest()
    ).decode()


def events(row, action="update"):
    place = f"databases.{row['$databaseId']}"
    return ",".join(
        [
            f"{place}.collections.{TABLE}.documents.{row['$id']}.{action}",
            f"{place}.tables.{row.get('$tableId', TABLE)}.rows.{row['$id']}.{action}",
            f"{place}.tables.*.rows.*.{action}",
        ]
    )


def deliver(
    values=None, *, action="update", body=None, secret=SECRET, path="/appwrite/webhook/", **headers
):
    values = row() if values is None else values
    body = json.dumps(values).encode() if body is None else body
    sent = {
        "X-Appwrite-Webhook-Signature": sign(body, secret),
        "X-Appwrite-Webhook-Events": events(values, action) if "$databaseId" in values else "",
        "X-Appwrite-Webhook-Project-Id": connections["appwrite"].settings_dict["USER"],
        **headers,
    }
    content_type = sent.pop("content_type", "application/json")
    method = sent.pop("method", "POST")
    client = Client(enforce_csrf_checks=True)
    return client.generic(method, path, body, content_type=content_type, headers=sent)


def test_a_delivery_outdates_the_table_and_every_row(requests, told, invalidated):
    tag, other = Tag.objects.create(name="one"), Tag.objects.create(name="two")
    for pk in (tag.pk, other.pk):
        Tag.objects.get(pk=pk)
    list(Tag.objects.all())
    requests.clear()
    told.clear()
    invalidated.clear()
    assert deliver(row(tag.pk)).status_code == 204
    for pk in (tag.pk, other.pk):
        Tag.objects.get(pk=pk)
    list(Tag.objects.all())
    # A bulk call may have changed the other row without a word.
    assert len(requests) == 3
    assert told == [(Tag, TABLE, (tag.pk,), "update", "webhook")]
    assert [(tables, source) for tables, _, source in invalidated] == [((TABLE,), "webhook")]
    assert connections["appwrite"].cache.last_writes()[TABLE][0].source == "webhook"


def test_rows_by_key_survive_where_nobody_writes_in_bulk(requests, monkeypatch):
    monkeypatch.setattr(Tag, "appwrite_foreign_bulk_writes", False)
    tag, other = Tag.objects.create(name="one"), Tag.objects.create(name="two")
    for pk in (tag.pk, other.pk):
        Tag.objects.get(pk=pk)
    requests.clear()
    deliver(row(tag.pk))
    for pk in (tag.pk, other.pk):
        Tag.objects.get(pk=pk)
    assert len(requests) == 1


@pytest.mark.parametrize("action", ["create", "update", "upsert", "delete"])
def test_actions(action, told):
    deliver(row(), action=action)
    assert [one[3] for one in told] == ["change" if action == "upsert" else action]


def test_older_words_mean_the_same(told):
    values = row()
    values["$collectionId"] = values.pop("$tableId")
    assert deliver(values).status_code == 204
    assert told[0][1] == TABLE


def test_secrets_can_be_exchanged_without_a_gap():
    assert deliver(row("a")).status_code == 204
    assert deliver(row("b"), secret=OLD_SECRET).status_code == 204


def test_the_address_is_signed_as_it_is_kept_or_decoded(configure):
    url = "https://shop.example.org/appwrite/w%C3%A9bhook/?a=%41"
    configure(WEBHOOK={"URL": url, "SECRETS": [SECRET], "COALESCE_S": 0})
    for number, signed in enumerate((url, "https://shop.example.org/appwrite/wébhook/?a=A")):
        body = json.dumps(row(str(number))).encode()
        header = sign(body, url=signed)
        assert (
            deliver(row(str(number)), **{"X-Appwrite-Webhook-Signature": header}).status_code == 204
        )


SIGNATURE = "X-Appwrite-Webhook-Signature"
EVENTS = "X-Appwrite-Webhook-Events"


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (401, {"secret": "some other secret"}),
        (401, {SIGNATURE: ""}),
        (401, {SIGNATURE: "é"}),
        (401, {SIGNATURE: "AAAA"}),
        (401, {"body": b" " * (4 * 1024 * 1024 + 1), "secret": "some other secret"}),
        (405, {"method": "GET"}),
        (405, {"method": "PUT"}),
        (415, {"content_type": "text/plain"}),
        (415, {"content_type": "application/x-www-form-urlencoded"}),
    ],
)
def test_what_is_not_genuine_is_refused_and_changes_nothing(
    status, how, requests, told, invalidated, caplog
):
    list(Tag.objects.all())
    requests.clear()
    invalidated.clear()
    with caplog.at_level(logging.WARNING, logger="appwrite_orm_django.webhooks"):
        response = deliver(**how)
    assert response.status_code == status
    list(Tag.objects.all())
    assert (requests.lines, told, invalidated) == ([], [], [])
    assert f"Rejected a webhook delivery with {status}" in caplog.text
    assert SECRET not in caplog.text + response.content.decode()
    if status == 405:
        assert response["Allow"] == "POST"


def test_a_body_that_is_larger_than_any_row_is_refused(monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_BYTES", 200_000)
    assert deliver(row(text="x" * 200_000)).status_code == 413
    assert deliver(row(text="x" * 100_000)).status_code == 204


def test_of_a_body_that_is_too_large_to_be_kept_the_table_is_outdated(configure, told):
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET], "COALESCE_S": 0, "MAX_BYTES": 1000})
    for _ in range(2):
        assert deliver(row(text="x" * 200_000)).status_code == 204
    assert told == [(Tag, TABLE, None, "update", "webhook")] * 2


def test_a_table_that_no_model_has_need_not_be_logged(configure, told, caplog):
    unknown = row(**{"$tableId": "unheard_of"})
    for _ in range(2):
        assert deliver(unknown).status_code == 204
    assert caplog.text.count("Ignored a webhook delivery: no model uses the table unheard_of") == 2
    caplog.clear()
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET], "IGNORE_UNKNOWN": True})
    with caplog.at_level(logging.INFO):
        assert deliver(unknown).status_code == 204
    assert (told, caplog.text) == ([], "")
    with pytest.raises(UnknownTable):
        model_of("appwrite", "unheard_of")


def test_what_was_delivered_before_is_taken_and_not_told_of_again(told, invalidated):
    for _ in range(12):
        assert deliver(row()).status_code == 204
    assert (len(told), len(invalidated)) == (1, 12)
    assert deliver(row(), action="delete").status_code == 204
    assert deliver(row(**{"$updatedAt": "2026-01-01T00:00:00.001+00:00"})).status_code == 204
    assert len(told) == 3


def test_a_row_that_becomes_again_what_it_was_is_told_of(told):
    """Clients may set ``$updatedAt`` themselves, so that two versions of a row may be alike to the letter."""
    for name in "xyx":
        assert deliver(row(name=name)).status_code == 204
    assert len(told) == 3


def test_a_delivery_that_was_cut_short_is_taken_the_second_time(monkeypatch, told):
    """As when the process was killed while it told the cache, and a proxy hands the request to another one."""

    class Killed(BaseException):
        pass

    def kill(*args, **kwargs):
        raise Killed

    store = connections["appwrite"].cache.core.store
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(store, "bump", kill)
        deliver()
    assert told == []
    assert deliver().status_code == 204
    assert len(told) == 1


def test_without_a_secret_there_is_no_endpoint(configure):
    configure(WEBHOOK={})
    assert deliver().status_code == 404


def test_receivers_are_told_together_at_the_edges_and_the_cache_each_time(
    configure, told, invalidated
):
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET], "COALESCE_S": 3600})
    for number in range(20):
        assert deliver(row(f"r{number}")).status_code == 204
        assert len(invalidated) == number + 1, "before the answer"
    assert [one[2] for one in told] == [("r0",)], "the first at once"
    the_time_is_over(TABLE)
    assert [one[2] for one in told] == [("r0",), tuple(f"r{number}" for number in range(1, 20))]
    assert len(invalidated) == 20
    deliver(row("late"))
    assert len(told) == 2, "the next window"
    the_time_is_over(TABLE)
    the_time_is_over(TABLE)
    deliver(row("later"))
    assert [one[2] for one in told[2:]] == [("late",), ("later",)], (
        "after a window in which nothing came, at once"
    )


def the_time_is_over(table):
    """Do what the timer of a table does."""
    timer = incoming._windows["appwrite", table].timer
    timer.cancel()
    thread = threading.Thread(
        target=timer.function, args=timer.args
    )  # which closes its connections
    thread.start()
    thread.join()


def test_a_window_ends_by_itself(configure, told):
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET], "COALESCE_S": 0.01})
    for number in range(3):
        deliver(row(f"r{number}"))
    deadline = time.monotonic() + 300
    while sum(len(one[2]) for one in told) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pk for one in told for pk in one[2]] == ["r0", "r1", "r2"]


def test_what_is_collected_is_not_lost_when_the_process_ends(configure, told):
    configure(WEBHOOK={"URL": URL, "SECRETS": [SECRET], "COALESCE_S": 60})
    for number, action in enumerate(("create", "create", "delete", "update")):
        deliver(row(f"r{number}"), action=action)
    incoming.flush()  # what atexit calls
    assert [(one[2], one[3]) for one in told] == [
        (("r0",), "create"), (("r1",), "create"), (("r2",), "delete"), (("r3",), "update"),
    ]  # fmt: skip


def test_a_cache_that_is_down_is_told_later(monkeypatch, told):
    """Answering 5xx would only turn the webhook off: Appwrite does not deliver again."""
    owed = []
    store = connections["appwrite"].cache.core.store
    monkeypatch.setattr(store, "bump", lambda *args, **kwargs: False)
    monkeypatch.setattr(store, "owe", lambda keys: owed.extend(keys))
    assert deliver().status_code == 204
    assert owed
    assert told


def test_a_receiver_that_raises_does_not_reach_appwrite(caplog):
    def fail(**_):
        raise ZeroDivisionError

    rows_changed.connect(fail)
    try:
        assert deliver().status_code == 204
    finally:
        rows_changed.disconnect(fail)
    assert "receiver of rows_changed failed" in caplog.text


def test_rows_not_known_by_id_are_told_of_as_any(told):
    announce("appwrite", TABLE, Tag, [Notice(None, "change", "realtime")])
    assert told == [(Tag, TABLE, None, "change", "realtime")]


# Events


ACTIONS = {"create": "create", "update": "update", "upsert": "change", "delete": "delete"}
ROWS = (("tables", "rows"), ("collections", "documents"))
CHANGED = "2026-01-01T00:00:00.000+00:00"


def named(place, action="update", *, database=None, realtime=False):
    """Return all names of an event, as the server makes them; ``place`` is what stands behind the database's id."""
    whole = ("databases", database or connections["appwrite"].database_id, *place.split("."))
    event = Event("tests", "", tuple(part for part in whole if part), action, {}, "tablesdb")
    return event.realtime_names if realtime else event.names


def sent(place, action="update", **options):
    return {EVENTS: ",".join(named(place, action, **options))}


def committed(row_id="a", table=TABLE, **values):
    return {
        "$id": row_id,
        "$sequence": "1",
        "$updatedAt": CHANGED,
        "$permissions": [],
        "$tableId": table,
        "$collectionId": table,
        **values,
    }


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("tables", "rows"), ROWS)
@pytest.mark.parametrize("realtime", [False, True], ids=["databases", "tablesdb"])
@pytest.mark.parametrize("in_transaction", [True, False])
def test_events_of_rows(action, tables, rows, realtime, in_transaction, told, requests, caplog):
    tag = Tag.objects.create(id="Row.1", name="one")
    Tag.objects.get(pk=tag.pk)
    requests.clear()
    told.clear()
    place = {} if in_transaction else {"$databaseId": connections["appwrite"].database_id}
    header = sent(f"{tables}.{TABLE}.{rows}.x", action, realtime=realtime)
    header[EVENTS] = header[EVENTS].replace(f"{rows}.x", f"{rows}.{tag.pk}")
    assert deliver(committed(tag.pk, **place), **header).status_code == 204
    assert told == [(Tag, TABLE, (tag.pk,), ACTIONS[action], "webhook")]
    assert caplog.text == ""
    Tag.objects.get(pk=tag.pk)
    assert len(requests) == 1


def test_ids_with_dots_and_of_another_spelling(told):
    database = connections["appwrite"].database_id
    name = f"databases.{database.upper()}.tables.{TABLE.upper()}.rows.x.create.update"
    assert deliver(committed("X.create", TABLE.upper()), **{EVENTS: name}).status_code == 204
    assert told == [(Tag, TABLE, ("X.create",), "update", "webhook")]


def test_an_event_of_a_commit_goes_to_each_database_that_it_may_be_of(told, caplog):
    """Without its names, or with names that contradict each other, too much is outdated rather than too little."""
    database = connections["appwrite"].database_id
    for number, names in enumerate(
        (
            "",
            "nonsense",
            f"databases.*.tables.*.rows.*,databases.{database}.tables.other.rows.a.update",
            "databases.*.tables.*.rows.*.update",
        )
    ):
        assert deliver(committed(str(number)), **{EVENTS: names}).status_code == 204
    assert [(pks, operation) for _, _, pks, operation, _ in told] == [
        (("0",), "change"), (("1",), "change"), (("2",), "update"), (("3",), "update"),
    ]  # fmt: skip
    assert caplog.text.count("does not name its database") == 4
    told.clear()
    both = ",".join(
        [*named(f"tables.{TABLE}.rows.b", database="another"), *named(f"tables.{TABLE}.rows.b")]
    )
    assert deliver(committed("b"), **{EVENTS: both}).status_code == 204
    assert [pks for _, _, pks, _, _ in told] == [("b",)]


OF_NO_USE = {
    "another database": ({"$databaseId": "another"}, f"tables.{TABLE}.rows.a", "another"),
    "a commit in another database": ({}, f"tables.{TABLE}.rows.a", "another"),
    "a commit in a database that ends alike": ({}, f"tables.{TABLE}.rows.a", "DB.tables"),
    "a commit in a table without a model": (
        {"$tableId": "unheard_of", "$collectionId": "unheard_of"},
        "tables.unheard_of.rows.a",
        "DB",
    ),
    "a table of another database": (None, f"tables.{TABLE}", "another"),
    "another database itself": (None, "", "another"),
    "a table without a model": (None, "tables.unheard_of", "DB"),
    "a column of a table without a model": (None, "tables.unheard_of.columns.1_2_n", "DB"),
    "an index": (None, f"tables.{TABLE}.indexes.1_2_i", "DB"),
    "an index, in older words": (None, f"collections.{TABLE}.indexes.1_2_i", "DB"),
}


@pytest.mark.parametrize("case", OF_NO_USE)
def test_what_is_of_no_use_is_answered_and_logged(case, requests, told, invalidated, caplog):
    values, place, database = OF_NO_USE[case]
    header = sent(place, database=database.replace("DB", connections["appwrite"].database_id))
    body = (
        {"$id": "x", "name": "Of the console", "key": "n"}
        if values is None
        else committed(**values)
    )
    list(Tag.objects.all())
    requests.clear()
    invalidated.clear()
    for _ in range(11):
        assert deliver(body, **header).status_code == 204
    list(Tag.objects.all())
    assert (requests.lines, told, invalidated) == ([], [], [])
    assert caplog.text.count("Ignored a webhook delivery") == 11


@pytest.mark.parametrize(
    "names",
    [
        "users.ann.update,users.*.update,users.ann",
        "buckets.b.files.f.create",
        "teams.t.memberships.m.update.status",
    ],
)
def test_events_of_other_services_are_about_no_rows(names, told, invalidated, caplog):
    assert deliver({"$id": "ann"}, **{EVENTS: names}).status_code == 204
    assert (told, invalidated) == ([], [])
    assert "does not concern rows" in caplog.text


def test_a_delivery_of_another_project_is_of_no_use_either(told, invalidated, caplog):
    assert deliver(**{"X-Appwrite-Webhook-Project-Id": "another"}).status_code == 204
    assert (told, invalidated) == ([], [])
    assert "it belongs to the project another" in caplog.text
    # A header may be lost on the way; the signature says enough.
    assert deliver(**{"X-Appwrite-Webhook-Project-Id": ""}).status_code == 204
    assert len(told) == 1


@pytest.mark.parametrize(
    ("place", "action"),
    [
        (f"tables.{TABLE}", "delete"), (f"collections.{TABLE}", "delete"), (f"tables.{TABLE}", "update"),
        (f"tables.{TABLE}.columns.1_2_name", "update"), (f"collections.{TABLE}.attributes.1_2_name", "create"),
    ],
)  # fmt: skip
def test_a_change_to_a_table_or_a_column_outdates_all_of_the_table(place, action, told, requests):
    tag = Tag.objects.create(name="one")
    Tag.objects.get(pk=tag.pk)
    list(Tag.objects.all())
    list(Diary.objects.all())
    requests.clear()
    told.clear()
    assert deliver({"$id": "x", "key": "name"}, **sent(place, action)).status_code == 204
    assert told == [(Tag, TABLE, None, "change", "webhook")]
    Tag.objects.get(pk=tag.pk)
    list(Tag.objects.all())
    list(Diary.objects.all())
    assert len(requests) == 2


@pytest.mark.parametrize(
    ("body", "names", "operation"),
    [
        (b"no json", f"tables.{TABLE}.rows.a", "update"),
        (b"[" * 100_000, f"collections.{TABLE}.documents.a", "update"),
        (b"[1]", f"tables.{TABLE}.rows.a", "update"),
        (b'{"$id": 1, "$tableId": "' + TABLE.encode() + b'"}', f"tables.{TABLE}.rows.a", "update"),
        (
            b'{"$id": "", "$collectionId": "' + TABLE.encode() + b'"}',
            f"tables.{TABLE}.rows.a",
            "update",
        ),
        (
            b'{"$id": "\\ud800", "$tableId": "' + TABLE.encode() + b'"}',
            f"tables.{TABLE}.rows.a",
            "update",
        ),
        (
            b'{"$id": "a", "$tableId": "\\ud800", "$databaseId": "\\udfff"}',
            f"tables.{TABLE}.rows.a",
            "update",
        ),
    ],
)
def test_a_body_that_names_no_row_outdates_its_table(body, names, operation, told, caplog):
    assert deliver(body=body, **sent(names)).status_code == 204
    assert told == [(Tag, TABLE, None, operation, "webhook")]
    assert f"invalidates {TABLE}" in caplog.text


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"no json", {EVENTS: ""}),
        (b"{}", {EVENTS: "sheets.s.cells.c.update"}),
        (b"{}", {EVENTS: "databases.*"}),
        (b"null", {EVENTS: "databases.*.tables.*.rows.*.update"}),
        (b'{"$id": "DB", "name": "D"}', None),
    ],
)
@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_what_may_concern_every_table_outdates_all(body, header, action, told, caplog):
    appwrite = connections["appwrite"]
    header = sent("", action) if header is None else header
    assert deliver(body=body, **header).status_code == 204
    assert {(table, pks, operation) for _, table, pks, operation, _ in told} == {
        (appwrite.table_of(model), None, "change") for model in appwrite.cached_models()
    }
    assert "every row of" in caplog.text


def test_several_names_of_several_tables_outdate_each(told):
    names = [
        *named(f"tables.{TABLE}.rows.a", "create"),
        *named("tables.library_diary.rows.b", "delete"),
    ]
    assert deliver(body=b"{", **{EVENTS: ",".join(names)}).status_code == 204
    assert {(table, pks, operation) for _, table, pks, operation, _ in told} == {
        (TABLE, None, "change"), ("library_diary", None, "change"),
    }  # fmt: skip


# Handlers


@pytest.fixture
def handle():
    """Register functions, and forget them."""
    known = []

    def register(*args, **kwargs):
        def decorate(function):
            known.append(function)
            return on_rows_changed(*args, **kwargs)(function)

        return decorate

    yield register
    for function in known:
        handlers.forget(function)


def test_handlers_hear_of_webhooks_and_of_own_writes(handle):
    heard = []

    @handle(Tag)
    def note(change):
        heard.append((change.operation, change.source, change.pks, threading.current_thread().name))

    tag = Tag.objects.create(name="one")
    deliver(row(tag.pk))
    NoticeModel.objects.create(text="of another table")
    assert handlers.wait(60)
    assert heard == [
        ("create", "write", (tag.pk,), "appwrite-handlers"),
        ("update", "webhook", (tag.pk,), "appwrite-handlers"),
    ]


def test_handlers_work_with_the_key_whoever_wrote(handle, appwrite, local_user):
    seen = []

    def note(change):
        seen.append(appwrite.identity)

    handle(Diary, background=False)(note)
    with appwrite_user(jwt=local_user("ann")["jwt"]):
        Diary.objects.create(text="mine")
    assert seen == [None]


def test_handlers_choose_what_they_hear_of(handle):
    heard = []
    handle(Tag, operations=["delete"], sources=["webhook"])(
        lambda change: heard.append(change.operation)
    )
    deliver(row("a"), action="delete")
    deliver(row("b"), action="update")
    deliver(row("c"), action="upsert")
    tag = Tag.objects.create(name="one")
    tag.delete()
    assert handlers.wait(60)
    assert heard == ["delete", "change"]


def test_a_handler_in_the_foreground_is_called_before_the_write_returns(handle):
    heard = []
    handle(Tag, background=False)(lambda change: heard.append(threading.current_thread()))
    Tag.objects.create(name="one")
    assert heard == [threading.current_thread()]


def test_a_handler_that_raises_is_called_again_and_given_up_on(handle, monkeypatch, caplog):
    monkeypatch.setattr(handlers, "RETRY_AFTER_S", (0.01, 0.01))
    calls = []

    @handle(Tag)
    def fail(change):
        calls.append(change)
        raise ZeroDivisionError

    deliver()
    assert handlers.wait(60)
    assert len(calls) == 3
    assert "Giving up on" in caplog.text


def test_a_handler_that_succeeds_the_second_time_is_called_no_more(handle, monkeypatch):
    monkeypatch.setattr(handlers, "RETRY_AFTER_S", (0.01, 0.01))
    calls = []

    @handle(Tag)
    def fail_once(change):
        calls.append(change)
        if len(calls) == 1:
            raise ZeroDivisionError

    deliver()
    assert handlers.wait(60)
    assert len(calls) == 2


def test_a_full_queue_slows_down_and_drops_nothing(handle, monkeypatch):
    calls, go = [], threading.Event()
    worker = handlers._Worker()
    monkeypatch.setattr(handlers, "_worker", worker)
    worker._queue.maxsize = 1

    @handle(Tag)
    def slow(change):
        calls.append(threading.current_thread().name)
        if threading.current_thread().name == "appwrite-handlers":
            go.wait(60)

    deliver(row("a"))
    deadline = time.monotonic() + 60
    while not calls and time.monotonic() < deadline:
        time.sleep(0.01)
    for name in "bcd":
        deliver(row(name))
    go.set()
    assert handlers.wait(60)
    assert len(calls) == 4
    assert calls.count("appwrite-handlers") == 2


def test_a_change_travels_through_a_task_queue(handle):
    tag = Tag.objects.create(name="one")
    change = RowsChanged(Tag, "appwrite", TABLE, (tag.pk, "gone"), "update", "webhook")
    again = RowsChanged.from_dict(json.loads(json.dumps(change.as_dict())))
    assert again == change
    assert list(again.rows()) == [tag]
    everything = RowsChanged(Tag, "appwrite", TABLE, None, "change", "webhook")
    assert RowsChanged.from_dict(everything.as_dict()) == everything
    assert list(everything.rows()) == [tag]
    with pytest.raises(TypeError):
        on_rows_changed()
    with pytest.raises(TypeError):
        on_rows_changed("Tag")


# Settings


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"SECRETS": "a secret of the tests"}, "must be a list"),
        ({"SECRETS": ["short"], "URL": URL}, "8 to 256"),
        ({"SECRETS": [SECRET]}, "URL"),
        ({"SECRETS": [SECRET], "URL": "/appwrite/"}, "URL"),
        ({"MAX_BYTES": 0}, "MAX_BYTES"),
        ({"COALESCE_S": True}, "COALESCE_S"),
        ({"URL": 1}, "must be a string"),
        ({"SECRET": "x"}, "no key 'SECRET'"),
    ],
)
def test_settings_are_checked(options, text):
    with pytest.raises(ImproperlyConfigured, match=text):
        WebhookSettings.read("appwrite", options)
    assert SECRET not in repr(WebhookSettings(URL, (SECRET,)))


def test_settings_of_realtime():
    assert (
        RealtimeSettings().address("https://cloud.appwrite.io/v1")
        == "wss://cloud.appwrite.io/v1/realtime"
    )
    assert (
        RealtimeSettings().address("http://localhost:8090/v1/") == "ws://localhost:8090/v1/realtime"
    )
    assert RealtimeSettings(url="ws://x/y").address("local:") == "ws://x/y"
    with pytest.raises(ImproperlyConfigured, match="no realtime"):
        RealtimeSettings().address("local:")
    for options in ({"URL": "https://x"}, {"PING_S": 0}, {"X": 1}):
        with pytest.raises(ImproperlyConfigured):
            RealtimeSettings.read("appwrite", options)
