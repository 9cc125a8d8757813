"""List and detail pages: what they show, what they ask of Appwrite, what they hand out as files."""

import csv
import io
import json
import re

import pytest
from asgiref.sync import async_to_sync
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import Http404
from django.test import RequestFactory

from appwrite_orm_django.client.identity import Identity, acting_as
from appwrite_orm_django.contrib.pagination import AppwritePaginator
from appwrite_orm_django.contrib.views import AppwriteDetailView, AppwriteListView, Column
from appwrite_orm_django.contrib.views.exporting import harmless
from testproject.demo.pages import Page
from tests.kinds import by_nulls
from tests.library.models import Author, Book, Country, Cover, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class BookList(AppwriteListView):
    model = Book
    list_display = (
        "title",
        "author",
        Column("author__country__name", "From"),
        "price",
        "published",
        "in_print",
        "status",
        "shout",
    )
    list_filter = (
        "status",
        "in_print",
        "author",
        "published",
        ("pages__gte", forms.IntegerField(required=False, label="Pages")),
    )
    search_fields = ("title", "^author__name")
    ordering_fields = ("title", "price", "author_id")
    ordering = ("title",)
    paginate_by = 10

    def shout(self, book):
        return book.title.upper()


class CursorList(BookList):
    pagination = "cursor"


@pytest.fixture
def books():
    france = Country.objects.create(code="FR", name="France")
    zola = Author.objects.create(name="Zola", country=france)
    sand = Author.objects.create(name="Sand", email="=cmd@example.com")
    return Book.objects.bulk_create(
        [
            Book(
                title=f"Book {number:02}",
                author=zola if number % 2 else sand,
                price=None if number == 3 else number,
                pages=number,
                published=f"2026-01-{1 + number % 28:02}T22:30:00Z",
                status="draft" if number % 3 else "published",
                in_print=number < 20,
            )
            for number in range(25)
        ]
    )


def get(view, query="", **kwargs):
    response = view.as_view()(RequestFactory().get(f"/books/?{query}"), **kwargs)
    return response.render() if hasattr(response, "render") else response


def page(response):
    assert response.status_code == 200
    return Page(response.content.decode())


def titles(response):
    return [row[0] for row in page(response).tables.get("rows", [])]


def status(response):
    found = re.search(
        r'<span class="aw-status aw-status-\w+" title="[^"]+">.*</span>(\w+)</span>',
        response.content.decode(),
    )
    return found and found[1]


def test_a_list_shows_its_columns_as_people_read_them(books):
    rows = page(get(BookList, "sort=-title")).tables["rows"]
    assert rows[1] == [
        "Book 23",
        "Zola",
        "France",
        "23.00",
        "Jan. 24, 2026, 10:30 p.m.",
        "No",
        "Draft",
        "BOOK 23",
    ]
    text = get(BookList).content.decode()
    for heading in ("Title", "Author", "From", "Price", "In print", "Shout"):
        assert re.search(rf'<th scope="col"[^>]*>\s*(<a [^>]*>)?{heading}', text), heading
    assert text.count('aria-sort="ascending"') == 1
    assert '<caption class="aw-sr">Books</caption>' in text


def test_the_requests_of_a_list_are_as_many_for_one_row_as_for_ten(each_level, books, requests):
    requests.clear()
    first = get(BookList)
    # The page with its count, its authors, their countries; the choices of a filter. A server that joins brings the first three without the
    # count.
    assert len(requests) == {"1.9": 4, "2.x": 3}[each_level], requests.lines
    assert status(first) == "MISS"
    requests.clear()
    assert titles(get(BookList)) == titles(first)
    assert not requests
    assert status(get(BookList)) == "HIT"
    get(BookList, "q=Book+03")
    # Searching among the authors' names: the rows of both tables are looked through once, for the count and the page; a server that joins
    # searches itself.
    assert len(requests) == {"1.9": 5, "2.x": 3}[each_level], requests.lines
    Book.objects.filter(title="Book 24").update(pages=1)
    assert status(get(BookList)) == "PARTIAL"  # the choices of the filter are another table's


def test_search_wants_every_word_somewhere(books):
    assert titles(get(BookList, "q=book+07")) == ["Book 07"]
    assert len(titles(get(BookList, "q=zol+book+1"))) == 7
    assert titles(get(BookList, "q=ola")) == []
    assert "No books match." in get(BookList, "q=ola").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=published", [0, 3, 6, 9, 12, 15, 18, 21, 24]),
        ("in_print=no", [20, 21, 22, 23, 24]),
        ("in_print=no&status=published", [21, 24]),
        ("published__gte=2026-01-24", [23, 24]),
        ("published__lt=2026-01-02", [0, 1]),
        ("pages__gte=23", [23, 24]),
        ("pages__gte=x", range(10)),
        ("in_print=maybe", range(10)),
        ("published__gte=9999-99-99", range(10)),
        ("published__lt=9999-12-31", range(10)),
    ],
)
def test_filters(books, query, expected):
    assert titles(get(BookList, query)) == [f"Book {number:02}" for number in expected]


def test_a_filter_by_relation(books):
    assert len(titles(get(BookList, f"author={books[1].author_id}"))) == 10
    text = get(BookList, "author=nobody").content.decode()
    assert "not one of the available choices" in text
    assert 'role="alert"' in text


def test_sorting_is_offered_for_what_is_listed_and_nothing_else(books):
    text = get(BookList).content.decode()
    assert 'href="?sort=-title"' in text
    assert 'href="?sort=author_id"' in text
    assert "sort=published" not in text
    assert titles(get(BookList, "sort=-price"))[0] == by_nulls("Book 24", "Book 03")
    assert titles(get(BookList, "sort=published")) == titles(get(BookList))
    assert titles(get(BookList, "sort=author__country__name")) == titles(get(BookList))
    authors = [row[1] for row in page(get(BookList, "sort=author_id&page=2")).tables["rows"]]
    assert authors[0] in ("Zola", "Sand")


def test_a_relation_is_sorted_by_its_key(books, requests):
    class ByName(BookList):
        ordering_fields = ("author",)
        list_filter = ()

    requests.clear()
    text = get(ByName, "sort=-author").content.decode()
    # The count, the page, its authors and, if they have any, their countries.
    assert len(requests) <= 4, requests.lines
    assert 'aria-sort="descending"' in text
    assert 'href="?sort=author"' in text


def test_pages(books):
    assert titles(get(BookList, "page=3")) == [f"Book {number}" for number in range(20, 25)]
    text = get(BookList, "page=2&q=Book&sort=title").content.decode()
    assert "11\N{EN DASH}20</strong> of 25" in text
    assert 'aria-current="page">2</a>' in text
    assert 'href="?page=3&amp;q=Book&amp;sort=title"' in text
    beyond = get(BookList, "page=4")
    assert titles(beyond) == [f"Book {number}" for number in range(20, 25)]
    assert "There is no page 4. This is page 3." in beyond.content.decode()
    assert "There is no page" not in get(BookList, "page=3").content.decode()
    assert "There is no page 2. This is page 1." in get(BookList, "page=2&q=none").content.decode()
    for page in ("0", "-1", "x"):
        with pytest.raises(Http404):
            get(BookList, f"page={page}")


def test_a_page_far_beyond_what_was_counted(books, monkeypatch):
    monkeypatch.setattr(AppwritePaginator, "count_limit", 20)
    beyond = get(BookList, "page=400")
    assert "There is no page 400. This is page 2." in beyond.content.decode()
    assert len(titles(beyond)) == 10


def test_the_badge_explains_itself(books):
    text = get(BookList, "").content.decode()
    for word in ("HIT", "MISS", "PARTIAL", "BYPASS", "STALE"):
        assert f"<dt>{word}</dt>" in text


def test_pages_by_cursor(books, requests):
    seen, query = [], ""
    while True:
        response = get(CursorList, query)
        seen += titles(response)
        found = re.search(r'href="\?(cursor=[^"]+)" rel="next"', response.content.decode())
        if not found:
            break
        query = found[1]
        assert "of 25" not in response.content.decode()
    assert seen == [f"Book {number:02}" for number in range(25)]
    assert not [line for line in requests if '"total": true' in str(line)]
    with pytest.raises(Http404, match="damaged"):
        get(CursorList, "cursor=x")
    with pytest.raises(Http404, match="damaged"):
        get(CursorList, query + "&sort=-title")


def download(response):
    return b"".join(response.streaming_content).decode()


def test_csv_holds_every_row_found(books):
    response = get(BookList, "export=csv&q=Book&sort=-title&page=2")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="books-\d{4}-\d\d-\d\d\.csv"', response["Content-Disposition"]
    )
    rows = list(csv.reader(io.StringIO(download(response))))
    assert rows[0] == [
        "Title",
        "Author",
        "From",
        "Price",
        "Published",
        "In print",
        "Status",
        "Shout",
    ]
    assert [row[0] for row in rows[1:]] == [f"Book {number:02}" for number in reversed(range(25))]
    assert rows[22][3] == ""


def test_json_holds_every_row_found(books):
    found = json.loads(download(get(BookList, "export=json&status=published")))
    assert len(found) == 9
    assert found[1] == {
        "title": "Book 03", "author": "Zola", "author__country__name": "France", "price": None,
        "published": "2026-01-04T22:30:00Z", "in_print": True, "status": "Published", "shout": "BOOK 03",
    }  # fmt: skip
    assert json.loads(download(get(BookList, "export=json&q=nothing"))) == []


def test_a_download_of_many_rows_is_read_in_parts(requests):
    Tag.objects.bulk_create([Tag(name=f"t{number:04}") for number in range(2300)])

    class TagList(AppwriteListView):
        model = Tag
        list_display = ("name",)
        ordering = ("name",)

    requests.clear()
    parts = get(TagList, "export=csv").streaming_content
    next(parts), next(parts)
    assert len(requests) == 1
    assert len(list(parts)) == 2299
    assert len(requests) == 3


def test_related_rows_of_a_download_are_looked_up_a_chunk_at_a_time(books, requests):
    requests.clear()
    download(get(BookList, "export=csv"))
    assert len(requests) == 3, (
        requests.lines
    )  # books, authors, countries; the filter's choices are not asked for


def test_a_download_is_read_for_whom_the_view_ran(books):
    class Plain(BookList):
        list_filter = ()

    with acting_as(Identity("guest")):
        response = get(Plain, "export=json")
    # The block is over, and still nobody reads with the key what a guest may not read.
    with pytest.raises(DatabaseError):
        download(response)
    assert json.loads(download(get(Plain, "export=json")))


def test_an_unknown_download_is_not_found(books):
    with pytest.raises(Http404):
        get(BookList, "export=xlsx")

    class Closed(BookList):
        export_formats = ()

    with pytest.raises(Http404):
        get(Closed, "export=csv")
    assert "Download" not in get(Closed).content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t=1",
        "\r=1",
        " =1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\n=1",
        "=HYPERLINK(1)",
    ],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["plain", "a=b", "", -1, None, 1.5])
def test_other_values_stay_as_they_are(value):
    assert harmless(value) == value


def test_a_csv_guards_every_column():
    Tag.objects.create(name="-2+3")
    view = type("TagList", (AppwriteListView,), {"model": Tag, "list_display": ("name",)})
    assert download(get(view, "export=csv")).splitlines() == ["Name", "'-2+3"]


def test_a_download_does_not_hold_up_the_event_loop():
    view = type("TagList", (AppwriteListView,), {"model": Tag, "list_display": ("name",)})
    Tag.objects.create(name="one")
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"export=json",
        "headers": [],
    }
    response = view.as_view()(ASGIRequest(scope, io.BytesIO()))

    async def read():
        return b"".join([part async for part in response])

    assert response.is_async
    assert json.loads(async_to_sync(read)()) == [{"name": "one"}]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"list_display": ("nothing",)}, "'nothing' is neither a field or method of library.Book"),
        ({"list_filter": ("title",)}, "library.Book.title has no choices to filter by"),
        ({"list_filter": ("nothing",)}, "library.Book has no field 'nothing'"),
        ({"search_fields": ("nothing",)}, "search_fields: library.Book has no 'nothing'"),
        ({"model": None}, "needs a model or a queryset"),
    ],
)
def test_a_name_that_is_none_is_told(attributes, message):
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)):
        get(type("Wrong", (BookList,), attributes))


def test_text_of_rows_is_never_markup(books):
    Book.objects.filter(title="Book 00").update(title="<script>alert(1)</script>")
    text = get(BookList, "q=<script>").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_pages_need_no_inline_script_and_no_inline_style(books):
    text = get(BookList).content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert re.findall(r"<script[^>]*>", text) == [
        '<script src="/static/appwrite_orm_django/pages.js" defer>'
    ]
    assert not re.search(r'\son\w+="', text)


class BookDetail(AppwriteDetailView):
    model = Book


def test_a_detail_shows_every_value_that_there_is(each_level, books, requests):
    Cover.objects.create(book=books[3], colour="red")
    requests.clear()
    response = get(BookDetail, pk=books[3].pk)
    text = response.content.decode()
    # The row, and its author.
    assert len(requests) == {"1.9": 2, "2.x": 1}[each_level], requests.lines
    assert status(response) == "MISS"
    assert "<h1>Book 03</h1>" in text
    assert "Zola" in text
    assert "Price" not in text  # it has none
    assert status(get(BookDetail, pk=books[3].pk)) == "HIT"
    with pytest.raises(Http404):
        get(BookDetail, pk="nothing")


def test_a_template_of_ones_own_comes_first_and_extends_this_one(books, settings):
    settings.TEMPLATES = [
        {
            **settings.TEMPLATES[0],
            "APP_DIRS": False,
            "OPTIONS": {
                **settings.TEMPLATES[0]["OPTIONS"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"library/book_list.html": OWN}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ]
    text = get(BookList).content.decode()
    assert "<h1>My books</h1>" in text
    assert 'id="rows"' in text


OWN = '{% extends "appwrite_orm_django/list.html" %}{% block heading %}<h1>My books</h1>{% endblock %}'
