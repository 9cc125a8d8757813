"""The cache's panel in the admin: its figures, what they cost, its buttons and who may press them."""

import io
import re
import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from django.test import Client

from appwrite_orm_django.cache.history import MINUTES, History, Minute, added, from_json, last_hour
from appwrite_orm_django.cache.statistics import Counters, LastWrite
from appwrite_orm_django.contrib.admin.chart import HEIGHT, chart
from appwrite_orm_django.contrib.admin.report import duration, make_report, percent, source_text
from testproject.demo.pages import Page
from tests.library.models import Author, Book, Tag

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    # Whose page for what is not found leads to its own front page.
    pytest.mark.urls("testproject.urls"),
]

PANEL = "/admin/appwrite_orm_django/cachepanel/"


@pytest.fixture(autouse=True)
def statistics():
    caches["default"].clear()
    found = connections["appwrite"].cache.statistics
    found.reset()
    # Emptying the tables after the test before was a write, too.
    found._writes.clear()
    yield found
    found.reset()


@pytest.fixture
def client(permissions):
    # With CSRF checks: the panel's own, whatever the middleware.
    return Client(enforce_csrf_checks=True)


def staff(client, *codenames, **flags):
    user = get_user_model().objects.create_user(
        "staff", password="password", is_staff=True, **flags
    )
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


@pytest.fixture
def editor(client):
    return staff(client, "view_cachepanel", "change_cachepanel")


@pytest.fixture
def tags(monkeypatch):
    monkeypatch.setattr(Tag, "appwrite_warm", [Tag.objects.order_by("name")])
    return Tag.objects.bulk_create([Tag(name="novel"), Tag(name="poem")])


def rows(response):
    assert response.status_code == 200
    found = Page(response.content.decode()).tables["aw-tables"]
    # Without the box to select it.
    return {row[-11]: row[-10:] for row in found}


def post(client, confirmed=True, **data):
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(PANEL).content.decode()
    )[1]
    if confirmed:
        data["confirmed"] = "yes"
    return client.post(PANEL, {"csrfmiddlewaretoken": token, **data})


def said(client, response):
    assert (response.status_code, response["Location"]) == (302, PANEL)
    return re.findall(r'<li class="(\w+)">\s*([^<]+?)\s*</li>', client.get(PANEL).content.decode())


def test_the_panel_shows_each_tables_figures(editor, tags):
    list(Tag.objects.order_by("name"))
    for _ in range(3):
        list(Tag.objects.order_by("name"))
    table = rows(editor.get(PANEL))["library.Tag"]
    state, rate, hits, misses, stale, invalidations, entries, size, saved, written = table
    assert (state, rate, hits, misses, stale, invalidations, entries) == (
        "fresh",
        "75.0%",
        "3",
        "1",
        "0",
        "1",
        "1",
    )
    assert re.fullmatch(r"\d+ bytes", size)
    assert re.fullmatch(r"\d+\.\d s", saved)
    assert re.fullmatch(r"\d+ \S+ ago this process", written)
    Tag.objects.create(name="essay")
    assert rows(editor.get(PANEL))["library.Tag"][0] == "stale"
    text = editor.get(PANEL).content.decode()
    assert re.search(r"<dt>Hits</dt><dd>3</dd>", text)
    assert "local to each process" in text


def test_looking_costs_a_few_cache_calls_and_no_request(editor, tags, requests, monkeypatch):
    calls = []
    cache = caches["default"]

    def counted(name):
        method = getattr(cache, name)

        def call(*args, **kwargs):
            calls.append(name)
            return method(*args, **kwargs)

        return call

    make_report("appwrite")  # a process is entered in the list of processes once
    for name in ("get_many", "set_many", "add", "delete_many"):
        monkeypatch.setattr(cache, name, counted(name))
    requests.clear()
    report = make_report("appwrite")
    assert len(report.tables) > 15
    # The states of all tables; this process's figures; the list of processes. Others' figures would be one more.
    assert calls.count("get_many") == 3
    assert len(calls) <= 6, calls
    editor.get(PANEL)
    assert not requests, requests.lines


def test_other_processes_count_as_well(editor, statistics):
    store = connections["appwrite"].cache.core.store
    key = connections["appwrite"].cache.core.keys.statistics
    now = int(time.time() // 60)
    statistics.publish()
    store.put(key(""), '["other", "older"]', 60)
    store.put(
        key("other"), '{"library_tag": {"hits": 30, "bounded": 10, "stale": 5, "misses": 10}}', 60
    )
    store.put(key("other:w"), f'{{"library_tag": {{"webhook": {time.time()}}}}}', 60)
    store.put(key("other:m"), f"[[{now}, 40, 10, 0]]", 60)
    store.put(key("older"), '{"library_tag": {"an_older_counter": 3}}', 60)
    store.put(key("older:m"), '{"not": "a list of lists"}', 60)
    table = rows(editor.get(PANEL))["library.Tag"]
    assert table[1:5] == ["80.0%", "30", "10", "15"]
    assert table[-1].endswith("ago webhook")
    report = make_report("appwrite")
    assert Minute(now, 40, 10, 0) in report.minutes
    assert report.totals.hits == 30


def test_the_panel_is_in_the_admins_index_for_those_who_may_see_it(client):
    staff(client, "view_cachepanel")
    assert f'href="{PANEL}"' in client.get("/admin/").content.decode()


def test_others_neither_see_nor_use_it(client):
    staff(client)
    assert PANEL not in client.get("/admin/").content.decode()
    assert client.get(PANEL).status_code == 403
    client.logout()
    assert client.get(PANEL).status_code == 302


def test_who_may_only_look_has_no_buttons(client, tags):
    staff(client, "view_cachepanel")
    text = client.get(PANEL).content.decode()
    assert '<button class="button"' not in text
    assert 'type="checkbox" name="table"' not in text
    list(Tag.objects.all())
    assert post(client, action="clear").status_code == 403
    assert Tag.objects.all().is_cached()


def test_a_button_wants_a_token(editor, tags):
    list(Tag.objects.all())
    assert editor.post(PANEL, {"action": "clear", "confirmed": "yes"}).status_code == 403
    assert editor.get(PANEL, {"action": "clear", "confirmed": "yes"}).status_code == 200
    assert Tag.objects.all().is_cached()


def test_every_button_asks_first(editor, tags):
    list(Tag.objects.order_by("name"))
    for action in ("invalidate", "refresh", "warm", "clear", "reset"):
        response = post(editor, confirmed=False, action=action, table="library.Tag")
        text = response.content.decode()
        assert response.status_code == 200
        assert 'name="confirmed" value="yes"' in text
        assert ("<li>library.Tag</li>" in text) is (action not in ("clear", "reset"))
    assert Tag.objects.order_by("name").is_cached()


def test_invalidate_outdates_the_tables_chosen(editor, tags):
    list(Tag.objects.all()), list(Author.objects.all())
    response = post(editor, action="invalidate", table=["library.Tag"])
    assert said(editor, response) == [("success", "1 table was invalidated.")]
    assert not Tag.objects.all().is_cached()
    assert Author.objects.all().is_cached()
    assert rows(editor.get(PANEL))["library.Tag"][-1].endswith("ago by hand")


def test_warm_and_refresh_load_what_the_model_lists(editor, tags, requests):
    assert said(editor, post(editor, action="warm", table="library.Tag")) == [
        ("success", "2 rows are cached.")
    ]
    assert Tag.objects.order_by("name").is_cached()
    requests.clear()
    assert said(editor, post(editor, action="refresh", table="library.Tag")) == [
        ("success", "2 rows are cached.")
    ]
    assert len(requests) == 1
    assert (
        "Nothing was loaded"
        in said(editor, post(editor, action="warm", table="library.Author"))[0][1]
    )


def test_clear_outdates_everything(editor, tags):
    list(Tag.objects.all()), list(Author.objects.all())
    assert said(editor, post(editor, action="clear"))[0][0] == "success"
    assert not Tag.objects.all().is_cached()
    assert not Author.objects.all().is_cached()


def test_reset_begins_to_count_anew(editor, tags):
    list(Tag.objects.all())
    assert rows(editor.get(PANEL))["library.Tag"][3] == "1"
    assert said(editor, post(editor, action="reset"))[0][0] == "success"
    assert rows(editor.get(PANEL))["library.Tag"][2:4] == ["0", "0"]
    assert "Nothing was read in the last hour." in editor.get(PANEL).content.decode()


def test_nothing_chosen_and_nonsense_are_told(editor, tags):
    assert said(editor, post(editor, action="invalidate"))[0] == (
        "warning",
        "Select at least one table.",
    )
    assert said(editor, post(editor, action="invalidate", table="auth.User"))[0][0] == "warning"
    assert post(editor, action="drop").status_code == 400
    assert editor.get(f"{PANEL}?database=default").status_code == 404
    assert editor.get(f"{PANEL}1/change/").status_code == 404
    assert editor.get(f"{PANEL}add/").status_code == 404


def test_a_cache_that_does_not_answer_is_told(editor, tags, monkeypatch):
    store = connections["appwrite"].cache.core.store
    monkeypatch.setattr(store, "get_many", lambda *args: None)
    monkeypatch.setattr(store, "bump", lambda *a, **k: False)
    monkeypatch.setattr(store, "owe", lambda keys: None)
    text = editor.get(PANEL).content.decode()
    assert "The cache does not answer." in text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)[1]
    response = editor.post(
        PANEL, {"csrfmiddlewaretoken": token, "action": "clear", "confirmed": "yes"}
    )
    assert said(editor, response)[0][0] == "error"


def test_an_appwrite_that_does_not_answer_is_told(editor, monkeypatch):
    from django.db import OperationalError

    def fail(*_args):
        raise OperationalError("no answer")

    monkeypatch.setattr("appwrite_orm_django.cache.maintenance.refreshed", fail)
    assert "no answer" in said(editor, post(editor, action="refresh", table="library.Tag"))[0][1]


def test_the_panel_has_no_table_that_others_would_look_for():
    out = io.StringIO()
    call_command("dumpdata", "appwrite_orm_django", stdout=out)
    assert out.getvalue().strip() == "[]"


def test_no_inline_script_or_style(editor):
    text = editor.get(PANEL).content.decode()
    main = text[
        text.index('<div id="content-main"') : text.index("<!-- END Content -->")
        if "<!-- END Content -->" in text
        else None
    ]
    assert " style=" not in main
    assert "<script" not in main


# The parts


def test_minutes_add_up_and_the_oldest_go():
    history = History()
    history.note(0, 0, 0, 60.0)
    assert history.minutes() == []
    history.note(5, 1, 0, 61.0)
    history.note(8, 1, 2, 119.0)
    history.note(9, 1, 2, 120.0)
    assert history.minutes() == [Minute(1, 8, 1, 2), Minute(2, 1, 0, 0)]
    assert from_json(history.to_json()) == history.minutes()
    history.note(10, 1, 2, (1 + MINUTES) * 60.0)
    assert [minute.number for minute in history.minutes()] == [2, 61]
    history.clear()
    history.note(1, 0, 0, 60.0)
    assert history.minutes() == [Minute(1, 1, 0, 0)]


def test_an_hour_has_sixty_minutes_of_all_processes():
    assert added([Minute(5, 1, 2, 3), Minute(5, 10, 20, 30), Minute(6, 1)]) == {
        5: Minute(5, 11, 22, 33),
        6: Minute(6, 1),
    }
    hour = last_hour([Minute(100, 1), Minute(41, 1), Minute(40, 9)], 100 * 60.0)
    assert len(hour) == 60
    assert [minute.number for minute in hour if minute.reads] == [41, 100]


@pytest.mark.parametrize("text", ["", "{}", "x", "[1]", '[["a"]]', "null", "[[1,2,3,4,5]]"])
def test_minutes_of_another_version_are_passed_over(text):
    assert from_json(text) == []


@pytest.mark.parametrize(
    ("most", "top"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (101, 200), (4321, 5000)]
)
def test_the_chart_fits_its_highest_bar(most, top):
    found = chart([Minute(1), Minute(2, most, 0, 0)])
    assert found.top == top
    assert [round(bar.height / HEIGHT * top) for bar in found.bars] == ([most] if most else [])


def test_bars_stand_on_each_other():
    hits, misses, passed = chart([Minute(1, 5, 3, 2)]).bars
    assert (hits.y + hits.height, misses.y + misses.height, passed.y + passed.height) == (
        HEIGHT,
        hits.y,
        misses.y,
    )
    assert passed.y == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (119.9, "119.9 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2.0 h"),
        (9e6, "2,500.0 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("hits", "misses", "text"),
    [(2, 1, "66.7%"), (1, 2, "33.3%"), (1, 7, "12.5%"), (0, 3, "0.0%")],
)
def test_a_rate_is_rounded(hits, misses, text):
    assert percent(Counters(hits=hits, misses=misses)) == text


def test_a_rate_is_not_rounded_to_all_or_nothing():
    assert percent(Counters(hits=1, misses=99_999)) == "0.1%"
    assert percent(Counters(hits=99_999, misses=1)) == "99.9%"
    assert percent(Counters(hits=1)) == "100.0%"
    assert percent(Counters()) == "\N{EN DASH}"


def test_an_echo_is_not_taken_for_the_write(tags, statistics):
    Book.objects.filter(pk="x").update(pages=1)
    statistics.note_write(["library_book"], "webhook")
    assert {table.table: table.written_by for table in make_report("appwrite").tables}[
        "library_book"
    ] == "this process"
    statistics.note_write(["library_author"], "realtime")
    assert {table.table: table.written_by for table in make_report("appwrite").tables}[
        "library_author"
    ] == "realtime"
    assert source_text(LastWrite(0, "write", False)) == "another process"


def test_a_process_that_only_hits_tells_of_it(client, statistics, monkeypatch):
    told = []
    monkeypatch.setattr(statistics, "_due_at", 0.0)
    monkeypatch.setattr(statistics, "_run", told.append)
    client.get("/admin/login/")
    assert told == [statistics.publish]
