"""What Django's own instruments see: query log, assertNumQueries, explain()."""

import json
import logging

import pytest
from django.db import connections, reset_queries
from django.db.models import Count, F
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from appwrite_orm_django.backend.values import column_key
from tests.library.models import Author, Book, Country, Tag

COLUMNS = "({})".format(
    ", ".join(f'"{column_key(field)}"' for field in Author._meta.concrete_fields)
)

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
    assert captured(
        appwrite,
        lambda: list(Author.objects.filter(name="x", rating__gt=2).order_by("-name")[5:15]),
    ) == [
        f'LIST library_author {COLUMNS} WHERE equal(name, "x") AND greaterThan(rating, 2.0) ORDER BY name DESC LIMIT 10 OFFSET 5'
    ]
    assert captured(appwrite, lambda: Author.objects.get(pk=zola.pk)) == [
        f"GET library_author/{zola.pk} {COLUMNS}"
    ]
    other = "notEqual(rating, 1.0)"
    if appwrite.engine.negations_match_nulls:
        other = f"and(isNotNull(rating), {other})"
    assert captured(appwrite, lambda: Author.objects.exclude(rating=1).count()) == [
        f"COUNT library_author WHERE or({other}, isNull(rating))"
    ]
    (line,) = captured(appwrite, book.save)
    assert line.startswith(f"CREATE library_book/{book.pk} (")
    assert captured(appwrite, lambda: Book.objects.filter(pk=book.pk).update(pages=3)) == [
        f'UPDATE library_book/{book.pk} ("pages")'
    ]
    assert captured(appwrite, lambda: Book.objects.filter(pages=3).update(pages=F("pages") + 1))[
        0
    ].startswith("UPDATE library_book row by row")
    assert captured(appwrite, lambda: Tag.objects.filter(name="x")._raw_delete("appwrite")) == [
        'DELETE library_tag WHERE equal(name, "x")'
    ]


def test_the_log_shows_joins(each_level, zola):
    ours = connections["appwrite"]
    (line,) = captured(ours, lambda: list(Book.objects.filter(author__country__name="France")))
    start, middle, end = {
        "1.9": (
            '1. fetch library_country: equal(name, "France")\n',
            "\nevaluate locally: SELECT",
            """WHERE "library_country"."name" = 'France'""",
        ),
        "2.x": (
            'LIST library_book ("title", ',
            " INNER JOIN library_country AS t2 ON t1.country_id = t2.code",
            ' WHERE equal(t2.name, "France") ORDER BY $sequence',
        ),
    }[each_level]
    assert line.startswith(start)
    assert middle in line
    assert line.endswith(end)


def test_connection_queries(settings, appwrite, zola):
    settings.DEBUG = True
    appwrite.force_debug_cursor = False
    reset_queries()
    list(Author.objects.all())
    assert [query["sql"] for query in appwrite.queries] == [f"LIST library_author {COLUMNS}"]
    assert float(appwrite.queries[0]["time"]) >= 0


def test_the_query_log_goes_to_django_s_logger(settings, appwrite, zola, caplog):
    settings.DEBUG = True
    with caplog.at_level(logging.DEBUG, logger="django.db.backends"):
        list(Author.objects.all())
    assert "LIST library_author" in caplog.text


class TestAssertNumQueries(TransactionTestCase):
    databases = {"default", "appwrite"}

    def test_counts_commands(self):
        with self.assertNumQueries(2, using="appwrite"):
            Author.objects.create(name="Zola")
            list(Author.objects.all())
        message = 'WHERE equal(name, "x")'
        with (
            self.assertRaisesMessage(AssertionError, message),
            self.assertNumQueries(0, using="appwrite"),
        ):
            list(Author.objects.filter(name="x"))


class TestExplain:
    def test_pushed_down(self, zola, requests):
        assert (
            Author.objects.filter(name="x").explain()
            == f'LIST library_author {COLUMNS} WHERE equal(name, "x")'
        )
        assert not requests

    def test_local(self, zola, requests):
        lines = Book.objects.filter(author__name="Zola", title__regex="N").explain().splitlines()
        assert lines[:2] == [
            '1. fetch library_author: equal(name, "Zola")',
            "2. fetch library_book: author_id in $id of step 1",
        ]
        assert lines[2].startswith("evaluate locally: SELECT")
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
    assert seen[0] == 'LIST library_author ("$id") WHERE equal(name, "nobody") LIMIT 1'


def test_values_in_a_log_are_readable_json_like_text(appwrite, zola):
    (line,) = captured(appwrite, lambda: list(Author.objects.filter(name='say "hi"')))
    assert json.dumps('say "hi"') in line


def test_tools_that_wrap_a_cursor_use_the_command_as_text(appwrite, zola):
    """They get it before Django's wrappers turn it into text, and take it for SQL."""
    for queryset in (Author.objects.order_by("name"), Author.objects.annotate(n=Count("books"))):
        sql, _params = queryset.query.get_compiler("appwrite").as_sql()
        text = str(sql)
        assert (sql.lower().strip(), sql.upper()) == (text.lower().strip(), text.upper())
        assert sql.strip().startswith(text[:3])
        assert sql.startswith(text[:3])
        assert not sql.startswith(("select", "insert"))
        assert sql.split()[0] == text.split()[0]
        assert (sql[:10], sql[0], "".join(sql)) == (text[:10], text[0], text)
