"""``manage.py appwrite_cache``."""

import io
import json

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.utils import OperationalError

from appwrite_orm_django.management.commands.appwrite_cache import Command
from tests.library.models import Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def tags(monkeypatch):
    monkeypatch.setattr(
        Tag, "appwrite_warm", [lambda: Tag.objects.order_by("name"), lambda: Tag.objects.count()]
    )
    return Tag.objects.bulk_create([Tag(name="novel"), Tag(name="poem")])


def run(*args, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command("appwrite_cache", *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def data(*args, **options):
    return json.loads(run(*args, format="json", **options)[0])


def write_behind_the_cache(tag, **values):
    cache = connections["appwrite"].cache
    keys = [cache.core.keys.table("library_tag"), cache.core.keys.rows("library_tag")]
    tokens = caches["default"].get_many([*keys, cache.core.keys.row("library_tag", tag.pk)])
    Tag.objects.filter(pk=tag.pk).update(**values)
    caches["default"].set_many(tokens)


def test_status(tags, requests):
    (state,) = data("status", "library.Tag")
    assert state == {
        "model": "library.Tag",
        "table": "library_tag",
        "updated": False,
        "timeout_s": 300.0,
        "lock_s": connections["appwrite"].cache.core.protocol.lock_ttl,
        "warm": "0 of 2",
    }
    assert not requests
    list(Tag.objects.order_by("name"))
    assert data("status", "library.Tag")[0]["updated"] is True
    text, _ = run("status", "library.Tag")
    assert text.splitlines() == [
        "model        table        updated  timeout s  lock s  warm",
        f"library.Tag  library_tag  yes      300        {state['lock_s']:<6g}  1 of 2",
    ]
    assert len(data("status")) > 15
    assert {state["model"] for state in data("status", "library")} >= {
        "library.Tag",
        "library.Book_tags",
    }


def test_stats_and_their_reset(tags):
    run("reset-stats")
    for _ in range(4):
        list(Tag.objects.all())
    (counted,) = data("stats", "library.Tag")
    assert (counted["hits"], counted["misses"], counted["hit_rate"]) == (3, 1, 0.75)
    assert "0.75" in run("stats", "library.Tag")[0]
    run("reset-stats")
    assert data("stats", "library.Tag")[0]["hits"] == 0


def test_clear_and_invalidate(tags):
    for action in (["clear"], ["invalidate", "library.Tag"]):
        list(Tag.objects.all())
        list(Country.objects.all())
        run(*action)
        assert not Tag.objects.is_updated()
    assert Country.objects.is_updated()
    with pytest.raises(CommandError, match="Use invalidate"):
        run("clear", "library.Tag")
    with pytest.raises(CommandError, match="use clear"):
        run("invalidate")


def test_a_cache_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(
        connections["appwrite"].cache.core.store, "bump", lambda *args, **more: False
    )
    monkeypatch.setattr(connections["appwrite"].cache.core.store, "owe", lambda keys: None)
    with pytest.raises(SystemExit):
        run("clear")


def test_warm_loads_what_is_missing(tags, requests):
    requests.clear()
    assert {"model": "library.Tag", "queries": 2, "rows": 3} in data("warm")
    assert requests.take()
    run("warm")
    assert list(Tag.objects.order_by("name")) == tags
    assert not requests


def test_refresh_loads_all_anew(tags, requests):
    run("warm")
    write_behind_the_cache(tags[0], name="essay")
    requests.clear()
    run("refresh")
    assert requests.take()
    assert [tag.name for tag in Tag.objects.order_by("name")] == ["essay", "poem"]
    assert not requests


def test_refresh_again_and_again(tags, monkeypatch):
    pauses = []
    failing = iter([False, True, False])

    def make():
        if next(failing):
            raise OperationalError("Appwrite is away")
        return Tag.objects.all()

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tag, "appwrite_warm", [make])
    monkeypatch.setattr(Command, "sleep", staticmethod(sleep))
    out, err = run("refresh", every=600)
    assert pauses == [600, 600, 600]
    assert out.count("library.Tag") == 2
    assert "Appwrite is away\nRetrying in 600 s." in err
    with pytest.raises(CommandError, match="refresh, warm and verify"):
        run("status", every=5)
    with pytest.raises(CommandError, match="above 0"):
        run("warm", every=0)


def test_verify_finds_nothing_wrong_with_a_good_cache(tags):
    run("warm")
    Tag.objects.get(pk=tags[0].pk)
    (found,) = data("verify", "library.Tag")
    assert found == {
        "model": "library.Tag",
        "checked": 2,
        "not_cached": 2,
        "unknown": 1,
        "differences": [],
    }


def test_verify_reports_what_differs(tags):
    run("warm")
    Tag.objects.get(pk=tags[1].pk)
    Tag.objects.get(pk=tags[0].pk)
    write_behind_the_cache(tags[0], name="essay")
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("appwrite_cache", "verify", "library.Tag", stdout=out, stderr=err)
    assert ended.value.code == 1
    assert err.getvalue().count("library.Tag: ") == 2
    assert "'novel'" in err.getvalue()
    assert "'essay'" in err.getvalue()


def test_models_and_databases_that_are_not_there():
    with pytest.raises(CommandError, match="Nothing"):
        run("status", "library.Nothing")
    with pytest.raises(CommandError, match='auth has no table on "appwrite"'):
        run("status", "auth")
    with pytest.raises(
        CommandError, match=r'"default" is not on Appwrite\. Aliases on Appwrite: appwrite'
    ):
        run("status", database="default")


def test_a_cache_of_this_process_alone_is_pointed_out(tags):
    assert 'CACHES["default"] is local to each process' in run("status")[1]
    assert run("status", verbosity=0) == ("", "")


def test_a_terminal_gets_a_table_and_a_bar(tags, monkeypatch, capsys):
    monkeypatch.setattr(Command, "_is_terminal", lambda self: True)
    call_command("appwrite_cache", "refresh", "library.Tag")
    assert "┃ model" in capsys.readouterr().out


def test_models_that_list_nothing(monkeypatch):
    assert "None of these models has appwrite_warm" in run("warm", "library.Book")[1]
    assert not Book.objects.is_updated()
