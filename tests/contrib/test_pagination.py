"""Pages by number without counting everything, and by cursor."""

import pytest
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import EmptyPage, PageNotAnInteger, Paginator
from django.db.models.functions import Upper

from appwrite_orm_django.backend.execution import reader
from appwrite_orm_django.contrib.pagination import (
    AppwritePaginator,
    AtLeast,
    CursorPaginator,
    ExactPaginator,
    InvalidCursor,
)
from tests.library.models import Author, Book, Numbered, Tag

# Real commits: a block reads the tables that it has written otherwise than pages do.
pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class FewPaginator(AppwritePaginator):
    count_limit = 20


@pytest.fixture
def tags():
    return Tag.objects.bulk_create([Tag(name=f"t{number:03}") for number in range(33)])


def names(page):
    return [tag.name for tag in page]


def test_a_short_table_is_counted_as_ever(tags, requests):
    paginator = AppwritePaginator(Tag.objects.order_by("name"), 10)
    requests.clear()
    page = paginator.page(4)
    assert (names(page), paginator.count, paginator.num_pages) == (["t030", "t031", "t032"], 33, 4)
    assert len(requests) == 1, "the page brings the count along"
    assert not page.has_next()
    with pytest.raises(EmptyPage):
        paginator.page(5)


def test_a_page_and_its_count_are_one_request_and_two_entries_of_the_cache(tags, requests):
    queryset = Tag.objects.filter(name__gte="t003").order_by("-name")
    requests.clear()
    for number, expected in ((1, 1), (1, 0), (2, 1), (2, 0)):
        page = AppwritePaginator(queryset, 10).page(number)
        assert page.object_list.ordered, "still a queryset"
        assert (len(names(page)), page.paginator.count) == (10, 30)
        assert len(requests.take()) == expected, "once counted, only rows are asked for"
    Tag.objects.filter(name="t005").delete()
    list(queryset[:10])
    requests.clear()
    page = AppwritePaginator(queryset, 10).page(1)
    assert page.paginator.count == 29
    assert len(requests) == 1, "a page that is cached brings no count"


@pytest.mark.parametrize(
    "queryset",
    [
        Tag.objects.order_by("name").values("name"),
        Tag.objects.order_by("name").values_list("name", flat=True),
        Tag.objects.filter(name__in=[f"t{number:03}" for number in range(1200)]).order_by("name"),
        Tag.objects.annotate(upper=Upper("name")).order_by("upper"),
        (Tag.objects.filter(name="t001") | Tag.objects.filter(name__gt="t002")).order_by("-name"),
        Tag.objects.none(),
    ],
    ids=["values", "flat", "many values", "evaluated here", "or", "none"],
)
def test_pages_with_their_count_are_what_plain_pages_are(tags, queryset):
    for cached in (False, True):
        asked = queryset.all() if cached or not hasattr(queryset, "nocache") else queryset.nocache()
        ours, plain = AppwritePaginator(asked, 10), Paginator(queryset, 10)
        for number in plain.page_range:
            page = AppwritePaginator(asked, 10).page(number)
            assert list(page) == list(plain.page(number))
            assert (page.paginator.count, page.has_next()) == (
                plain.count,
                plain.page(number).has_next(),
            )
        with pytest.raises(EmptyPage):
            ours.page(plain.num_pages + 1)


def test_a_count_that_says_only_many_is_gone_on_with(tags, requests, monkeypatch):
    monkeypatch.setattr(reader, "TOTAL_CAP", 20)
    page = ExactPaginator(Tag.objects.order_by("name"), 10).page(1)
    assert (len(page.object_list), page.paginator.count) == (10, 33)


def test_a_write_in_between_outdates_what_came_along(tags, appwrite, monkeypatch):
    """Both entries carry the tokens from before the one request: what it did not see is not served after."""
    list_rows = appwrite.reader._asked
    queryset = Tag.objects.order_by("name")

    def write_after(*args, **kwargs):
        found = list_rows(*args, **kwargs)
        monkeypatch.undo()
        Tag.objects.create(name="a new one")
        return found

    monkeypatch.setattr(appwrite.reader, "_asked", write_after)
    assert AppwritePaginator(queryset, 10).page(1).paginator.count == 33
    page = AppwritePaginator(queryset, 10).page(1)
    assert (names(page)[0], page.paginator.count) == ("a new one", 34)


def test_beyond_the_limit_pages_are_found_as_one_gets_there(tags, requests):
    queryset = Tag.objects.order_by("name")
    requests.clear()
    paginator = FewPaginator(queryset, 10)
    assert str(paginator.count) == "20+"
    assert paginator.num_pages == 2
    for number, size, has_next in ((1, 10, True), (2, 10, True), (3, 10, True), (4, 3, False)):
        requests.clear()
        paginator = FewPaginator(queryset, 10)
        page = paginator.page(number)
        assert (len(page.object_list), page.has_next()) == (size, has_next)
        assert len(requests) <= 2
        assert list(paginator.get_elided_page_range(number))[-1] == max(3, number + has_next) - (
            number == 1
        )
    for beyond in (5, 400_000_000, 10**30):
        with pytest.raises(EmptyPage):
            FewPaginator(queryset, 10).page(beyond)
    for nonsense in ("x", None, "1.5"):
        with pytest.raises(PageNotAnInteger):
            FewPaginator(queryset, 10).page(nonsense)
    with pytest.raises(EmptyPage):
        FewPaginator(queryset, 10).page(0)


def test_page_ten_thousand_takes_as_many_requests_as_page_one(requests):
    Tag.objects.bulk_create([Tag(name=f"{number:05}") for number in range(10_001)])
    for paginator, most in ((AppwritePaginator, 2), (ExactPaginator, 4)):
        requests.clear()
        page = paginator(Tag.objects.order_by("name"), 1).page(10_000)
        assert [tag.name for tag in page] == ["09999"]
        assert page.has_next()
        assert len(requests) <= most, requests.lines
        requests.clear()
    cursors = CursorPaginator(Tag.objects.all(), 1, ["name"])
    deep = CursorPaginator(Tag.objects.filter(name="09998"), 1, ["name"]).page()
    cursor = cursors._cursor(deep.object_list[0], is_backwards=False)
    requests.clear()
    page = cursors.page(cursor)
    assert [tag.name for tag in page] == ["09999"]
    assert cursors.page(page.previous_cursor).object_list[0].name == "09998"
    assert len(requests) == 2
    # Nothing is counted off: the server is told where to begin.
    assert not any("offset" in line for line in requests.lines)


def test_a_limited_count_reads_so_and_is_a_number():
    assert str(AtLeast(5000)) == "5000+"
    assert AtLeast(5000) > 100


ORDERS = [
    ["title"], ["-title"], ["price"], ["-price"], ["price", "title"], ["-price", "-title"], ["-price", "title"],
    ["published", "-pages"], ["author"], ["-author_id"], ["updated_at"], ["in_print", "-price"], ["pk"], ["-id"], [],
]  # fmt: skip


@pytest.fixture
def books():
    authors = Author.objects.bulk_create([Author(name=name) for name in "ab"])
    Book.objects.bulk_create(
        [
            Book(
                title=f"{'éE'[number % 2]} {number // 2}",
                author=authors[number % 2],
                price=None if number % 3 else number // 5,
                pages=number % 4,
                published=f"2026-01-0{1 + number % 5}T10:00:00.123Z" if number % 2 else None,
                in_print=bool(number % 2),
            )
            for number in range(40)
        ]
    )


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_cursors_lead_through_all_rows_in_order_there_and_back(books, requests, order):
    cursors = CursorPaginator(Book.objects.all(), 7, order)
    page = cursors.page()
    there = [book.pk for book in page]
    assert not page.has_previous()
    while page.has_next():
        requests.clear()
        page = cursors.page(page.next_cursor)
        assert len(requests) == 1
        there += [book.pk for book in page]
    assert there == list(Book.objects.order_by(*cursors.order).values_list("pk", flat=True))
    back = [book.pk for book in page]
    while page.has_previous():
        page = cursors.page(page.previous_cursor)
        back = [book.pk for book in page] + back
    assert back == there


def test_a_cursor_outlives_its_row_and_new_rows(tags):
    cursors = CursorPaginator(Tag.objects.all(), 10, ["name"])
    page = cursors.page()
    Tag.objects.filter(name="t009").delete()
    Tag.objects.create(name="t0005")
    assert names(cursors.page(page.next_cursor))[0] == "t010"


@pytest.mark.parametrize("text", ["x", "a:b:c", "é", "x" * 5000, ":", "\0"])
def test_what_is_no_cursor_is_refused(tags, text):
    with pytest.raises(InvalidCursor):
        CursorPaginator(Tag.objects.all(), 10, ["name"]).page(text)


def test_a_cursor_is_for_its_list_and_its_order(tags):
    cursor = CursorPaginator(Tag.objects.all(), 10, ["name"]).page().next_cursor
    with pytest.raises(InvalidCursor):
        CursorPaginator(Tag.objects.all(), 10, ["-name"]).page(cursor)
    with pytest.raises(InvalidCursor):
        CursorPaginator(Author.objects.all(), 10, ["name"]).page(cursor)
    with pytest.raises(InvalidCursor):
        CursorPaginator(Tag.objects.all(), 10, ["name"]).page(
            cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        )
    forged = signing.dumps(
        ["name,id", False, ["a", "b"]],
        key="another key",
        salt="appwrite_orm_django.cursor.library.Tag",
    )
    with pytest.raises(InvalidCursor):
        CursorPaginator(Tag.objects.all(), 10, ["name"]).page(forged)


def test_an_order_of_other_rows_is_refused():
    with pytest.raises(
        ImproperlyConfigured,
        match=r"A cursor of library\.Book needs an order by fields of the model itself",
    ):
        CursorPaginator(Book.objects.all(), 10, ["author__name"])


def test_integer_keys_are_walked_in_order():
    Numbered.objects.bulk_create([Numbered(pk=number, name="n") for number in (5, 40, 300)])
    cursors = CursorPaginator(Numbered.objects.all(), 2, ["name"])
    page = cursors.page()
    assert [row.pk for row in page] == [5, 40]
    assert [row.pk for row in cursors.page(page.next_cursor)] == [300]
