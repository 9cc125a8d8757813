"""Sixteen threads and one unique value, over HTTP: exactly one row, and no error that Django would not give."""

import threading
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connections
from django.db.models import F

from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server
from appwrite_orm_django.backend.base import DatabaseWrapper
from tests import real
from tests.kinds import KINDS, level_settings
from tests.library.models import Author, Book, Edition, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
THREADS = 16
MODELS = (Author, Book, Edition, Tag)


@pytest.fixture(params=["1.9", "2.x"])
def together(request, connect):
    """Run something in sixteen threads at the same moment, each with a connection of its own; return what they did, by kind."""
    with server_of(request.param) as settings:
        with connect(**settings).schema_editor() as editor:
            for model in MODELS:
                editor.create_model(model)
        whole = connections["appwrite"].settings_dict

        def run(action):
            begin, results, errors = threading.Barrier(THREADS), [], []

            def work(number):
                connections["appwrite"] = DatabaseWrapper(whole, "appwrite")
                begin.wait()
                try:
                    results.append(action(number))
                except Exception as error:  # noqa: BLE001 - for the test's own thread
                    errors.append(error)
                connections["appwrite"].close()

            threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not errors, errors
            return results

        yield run
        with connections["appwrite"].schema_editor() as editor:
            for model in MODELS:
                editor.delete_model(model)


@contextmanager
def server_of(level):
    """Give the settings of a server that is reached over HTTP."""
    if real.server():
        yield level_settings(level, "races", CACHE={})
        return
    engine = settings.ENGINE if (level, settings.ENGINE) in KINDS else "mariadb"
    server = LocalServer(project="races", key="races", feature_level=level, engine=engine)
    with running_http_server(server) as endpoint:
        yield {"HOST": endpoint, "USER": "races", "PASSWORD": "races", "NAME": "races"}
    server.close()


def test_get_or_create(together):
    found = together(lambda number: Tag.objects.get_or_create(name="novel"))
    assert Tag.objects.count() == 1
    assert {tag.pk for tag, _ in found} == {Tag.objects.get().pk}
    assert [created for _, created in found].count(True) == 1


def test_update_or_create(together):
    def action(number):
        return Edition.objects.update_or_create(isbn="a", defaults={"copies": number})

    found = together(action)
    assert Edition.objects.count() == 1
    assert [created for _, created in found].count(True) == 1
    assert Edition.objects.get().copies in range(THREADS)


def test_update_or_create_loses_no_update(together):
    together(
        lambda number: Edition.objects.update_or_create(
            isbn="a", defaults={"copies": F("copies") + 1}, create_defaults={"copies": 1}
        )
    )
    assert Edition.objects.values_list("isbn", "copies").get() == ("a", THREADS)


def test_bulk_create_with_update_conflicts(together):
    def action(number):
        return Edition.objects.bulk_create(
            [Edition(isbn=isbn, copies=number, number=number) for isbn in "ab"],
            update_conflicts=True,
            unique_fields=["isbn"],
            update_fields=["copies", "number"],
        )

    made = together(action)
    found = dict(Edition.objects.values_list("isbn", "pk"))
    assert sorted(found) == ["a", "b"]
    assert {row.pk for rows in made for row in rows} == set(found.values())
    # All of a list or nothing of it: both rows are somebody's same list, or the later half of it.
    assert all(
        copies == number for copies, number in Edition.objects.values_list("copies", "number")
    )
    assert len(set(Edition.objects.values_list("copies", flat=True))) == 1


def test_bulk_create_of_one_row_with_update_conflicts(together):
    options = {"update_conflicts": True, "unique_fields": ["isbn"], "update_fields": ["copies"]}
    together(
        lambda number: Edition.objects.bulk_create([Edition(isbn="a", copies=number)], **options)
    )
    assert Edition.objects.count() == 1


def test_bulk_create_with_ignore_conflicts(together):
    together(
        lambda number: Tag.objects.bulk_create(
            [Tag(name="a"), Tag(name="b")], ignore_conflicts=True
        )
    )
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["a", "b"]


def test_adding_a_relation(together):
    book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
    tag = Tag.objects.create(name="novel")
    together(lambda number: book.tags.add(tag))
    assert list(book.tags.all()) == [tag]
    assert book.tags.through.objects.count() == 1
