"""What Django's own instruments see: query log, assertNumQueries, explain()."""

import json
import logging

import pytest
from django.db import reset_queries
from django.db.models import F
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def zola():
    country = Country.objects.create(code="FR", name="France")
    return Author.objects.create(name="Zola", country=country, rating=1)


def captured(appwrite, work):
    with CaptureQueriesContext(appwrite) as context:
        work()
    return [query["sql"] for query in context.captured_queries]


def test_the_log_shows_readable_requests(appwrite, zola):
    book = Book(title="Nana", author=zola)
    assert captured(appwrite, lambda: list(Author.objects.filter(name="x", rating__gt=2).order_by("-name")[5:15])) == [
        'list library_author: equal(name, "x") and greaterThan(rating, 2.0); order by -name; offset 5; limit 10'
    ]
    assert captured(appwrite, lambda: Author.objects.get(pk=zola.pk)) == [f"get library_author/{zola.pk}"]
    assert captured(appwrite, lambda: Author.objects.exclude(rating=1).count()) == [
        "count library_author: or(notEqual(rating, 1.0), isNull(rating))"
    ]
    (line,) = captured(appwrite, book.save)
    assert line.startswith(f"create library_book/{book.pk} (")
    assert captured(appwrite, lambda: Book.objects.filter(pk=book.pk).update(pages=3)) == [
        f"update library_book/{book.pk} (pages)"
    ]
    assert captured(appwrite, lambda: Book.objects.filter(pages=3).update(pages=F("pages") + 1))[0].startswith(
        "update library_book row by row"
    )
    assert captured(appwrite, lambda: Tag.objects.filter(name="x")._raw_delete("appwrite")) == [
        'delete library_tag: equal(name, "x")'
    ]
    (line,) = captured(appwrite, lambda: list(Book.objects.filter(author__country__name="France")))
    assert line.startswith("evaluate locally: SELECT")
    assert '1. fetch library_country: equal(name, "France")' in line


def test_connection_queries(settings, appwrite, zola):
    settings.DEBUG = True
    appwrite.force_debug_cursor = False
    reset_queries()
    list(Author.objects.all())
    assert [query["sql"] for query in appwrite.queries] == ["list library_author: every row"]
    assert float(appwrite.queries[0]["time"]) >= 0


def test_the_query_log_goes_to_django_s_logger(settings, appwrite, zola, caplog):
    settings.DEBUG = True
    with caplog.at_level(logging.DEBUG, logger="django.db.backends"):
        list(Author.objects.all())
    assert "list library_author: every row" in caplog.text


class TestAssertNumQueries(TransactionTestCase):
    databases = {"default", "appwrite"}

    def test_counts_commands(self):
        with self.assertNumQueries(2, using="appwrite"):
            Author.objects.create(name="Zola")
            list(Author.objects.all())
        message = 'library_author: equal(name, "x")'
        with self.assertRaisesMessage(AssertionError, message), self.assertNumQueries(0, using="appwrite"):
            list(Author.objects.filter(name="x"))


class TestExplain:
    def test_pushed_down(self, zola, requests):
        assert Author.objects.filter(name="x").explain() == 'list library_author: equal(name, "x")'
        assert not requests

    def test_local(self, zola, requests):
        lines = Book.objects.filter(author__name="Zola", title__regex="N").explain().splitlines()
        assert lines[0].startswith("evaluate locally: SELECT")
        assert lines[1:] == [
            '  1. fetch library_author: equal(name, "Zola")',
            "  2. fetch library_book: every row; author_id in $id of step 1",
        ]
        assert not requests

    def test_formats_are_refused(self):
        with pytest.raises(ValueError, match="JSON is not a recognized format"):
            Author.objects.explain(format="json")


def test_execute_wrappers_see_the_command(appwrite, zola):
    seen = []

    def watch(execute, command, params, many, context):
        seen.append(str(command))
        return execute(command, params, many, context)

    with appwrite.execute_wrapper(watch):
        Author.objects.filter(name="nobody").exists()
    assert len(seen) == 1
    assert seen[0].startswith('list library_author: equal(name, "nobody")')


def test_values_in_a_log_are_readable_json_like_text(appwrite, zola):
    (line,) = captured(appwrite, lambda: list(Author.objects.filter(name='say "hi"')))
    assert json.dumps('say "hi"') in line
