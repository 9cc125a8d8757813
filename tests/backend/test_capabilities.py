"""How the library learns what a server can do: by asking once, or by being told."""

import pytest
from django.db import connections
from django.db.models import Count, Sum

from appwrite_local import registry
from appwrite_local.adapter import LocalAdapter
from appwrite_orm_django.backend import capabilities
from appwrite_orm_django.backend.execution import reader, server_queries
from appwrite_orm_django.checks import databases
from tests import real
from tests.differential import assert_same
from tests.kinds import level_settings
from tests.library.models import Author, Book, Country

pytestmark = pytest.mark.usefixtures("shelves_of_each_kind")

HOST = "http://appwrite.test/v1"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(capabilities, "_known", {})
    monkeypatch.setattr(capabilities, "_asked_at", {})
    monkeypatch.setattr(server_queries, "_refused", {})


@pytest.fixture
def reach(connect, monkeypatch):
    """Reach a server of a kind of which nothing is known, not even by its address; return the requests made."""
    opened = []

    def reach(level, **options):
        settings = level_settings(level, "kinds", **{"FEATURE_LEVEL": None, **options})
        if real.server() and level != real.level():
            pytest.skip(f"another kind of server ({level})")
        connection = connect(**(settings if real.server() else {**settings, "HOST": HOST}))
        through = connection.transport.through(
            lambda adapter: (
                adapter if real.server() else LocalAdapter(registry.local_server(settings["HOST"]))
            )
        )
        through.__enter__()
        log = []
        # The engine is looked at once as well, which test_engine counts.
        monkeypatch.setattr(connection.transport.watch, "settled", True)

        def note(record):
            # So is the order of text, where it depends on the database.
            if "/tables/appwrite_orm_django_" not in record.path:
                log.append(record)

        connection.transport.add_listener(note)
        opened.append((connection.transport, through, note))
        return log

    yield reach
    for transport, through, note in opened:
        transport.remove_listener(note)
        through.__exit__(None, None, None)


def by_author(rows):
    return (
        rows(Book).values("author").annotate(n=Count("pk"), pages=Sum("pages")).order_by("author")
    )


@pytest.mark.parametrize("level", ["1.9", "2.x"])
def test_a_server_is_asked_once(level, reach):
    log = reach(level)
    assert list(Book.objects.filter(pages__gt=1).order_by("pk")[:1])
    assert len(log) == 1  # what every server answers gives no reason to ask
    log.clear()
    assert_same(by_author)
    assert [record.status for record in log] == [200 if level == "2.x" else 400, 200]
    log.clear()
    assert_same(by_author)
    assert len(log) == 1


def test_a_pin_spares_the_question(reach):
    log = reach("2.x", FEATURE_LEVEL="2.x")
    assert_same(by_author)
    assert len(log) == 1
    log = reach("2.x", FEATURE_LEVEL="1.9")
    assert "FROM" in by_author(lambda model: model.objects).explain()
    assert log == []


def test_a_server_that_does_not_answer_is_asked_again_later(connect, monkeypatch):
    options = {"FEATURE_LEVEL": None, "CACHE": {"ENABLED": False}}
    connection = connect(HOST="http://127.0.0.1:9/v1", OPTIONS=options)
    table = connection.table_ref("library_book")
    transport = connection.transport
    transport._retries = 0
    assert capabilities.feature_level(connection, table) == "1.9"
    assert capabilities._known == {}
    asked = []
    monkeypatch.setattr(capabilities, "probe", lambda *_: asked.append(1) or "2.x")
    assert capabilities.feature_level(connection, table) == "1.9"
    assert asked == []
    monkeypatch.setattr(capabilities, "_ASK_AGAIN_S", 0.0)
    assert capabilities.feature_level(connection, table) == "2.x"
    assert capabilities.feature_level(connection, table) == "2.x"
    assert asked == [1]


def test_what_a_server_refuses_is_evaluated_locally_from_then_on(reach):
    log = reach("1.9", FEATURE_LEVEL="2.x")
    assert_same(by_author)
    assert [record.status for record in log] == [400, 200]
    log.clear()
    assert_same(by_author)
    assert [record.status for record in log] == [200]


@pytest.mark.local_only("changes a limit of the local server")
def test_a_long_count_is_one_more_request(reach, monkeypatch):
    monkeypatch.setattr(reader, "TOTAL_CAP", 5)
    log = reach("2.x")
    # Six authors: as many as this cap, or more, is all that ``total`` would say.
    monkeypatch.setattr("appwrite_local.row_store.TOTAL_CAP", 5)
    assert Author.objects.count() == 6
    assert len(log) == 3  # the total, the question what the server can do, the count


def test_a_wrong_pin_is_found(reach):
    reach("1.9", FEATURE_LEVEL="2.x")
    (message,) = databases._check_feature_level("appwrite", connections["appwrite"], [Country])
    assert message.id == "appwrite.W013"
    assert (
        'FEATURE_LEVEL"] is "2.x", but the server supports neither aggregates nor joins'
        in message.msg
    )
