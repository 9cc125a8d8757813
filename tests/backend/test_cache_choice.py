"""What ``prefetch_related`` reads is cached as the queryset chose that it is read for."""

import pytest
from django.db import connections
from django.db.models import Prefetch

from appwrite_orm_django.cache.timeouts import Choice, chosen, inherited
from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def zola():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    Book.objects.create(title="Nana", author=author, pages=1).tags.add(
        Tag.objects.create(name="novel")
    )
    return author


@pytest.fixture
def timeouts(monkeypatch):
    """For how long each read was to be cached, by table."""
    seen = []
    cache = connections["appwrite"].cache
    read = cache.read

    def note(command, tables, load, **options):
        seen.append((tables[0].removeprefix("library_"), options["timeout"]))
        return read(command, tables, load, **options)

    monkeypatch.setattr(cache, "read", note)
    return seen


def titles(authors):
    return [
        (author.name, book.title, tag.name)
        for author in authors
        for book in author.books.all()
        for tag in book.tags.all()
    ]


NESTED = ("books__tags",)
SHELF = [("Zola", "Nana", "novel")]


@pytest.mark.parametrize(
    ("choose", "timeout"),
    [(lambda q: q.nocache(), 0), (lambda q: q.cache(20), 20), (lambda q: q, None)],
)
def test_prefetched_rows_are_cached_as_the_queryset_is(zola, timeouts, choose, timeout):
    assert titles(choose(Author.objects.prefetch_related(*NESTED))) == SHELF
    assert [seen for _, seen in timeouts] == [timeout] * 3
    assert [table for table, _ in timeouts][:2] == ["author", "book"]


def test_uncached_prefetches_ask_appwrite_each_time(zola, requests):
    queryset = Author.objects.nocache().prefetch_related("books")
    for _ in range(2):
        requests.clear()
        assert [len(author.books.all()) for author in queryset.all()] == [1]
        assert len(requests.lines) == 2


def test_what_a_prefetch_chooses_itself_counts(zola, timeouts):
    for_a_minute = Prefetch("books", queryset=Book.objects.cache(60))
    assert titles(Author.objects.nocache().prefetch_related(for_a_minute, "books__tags")) == SHELF
    assert [seen for _, seen in timeouts] == [0, 60, 0]
    timeouts.clear()
    as_settings_say = Prefetch("books", queryset=Book.objects.cache())
    list(Author.objects.nocache().prefetch_related(as_settings_say))
    assert [seen for _, seen in timeouts] == [0, None]


def test_streamed_rows_choose_for_what_is_prefetched_along(zola, timeouts):
    Author.objects.create(name="Hugo")
    streamed = (
        Author.objects.cache(20).prefetch_related("books").order_by("name").iterator(chunk_size=1)
    )
    assert [len(author.books.all()) for author in streamed] == [0, 1]
    assert [seen for table, seen in timeouts if table == "book"] == [20, 20]


def test_a_stream_broken_off_leaves_no_choice_behind(zola, timeouts):
    next(Author.objects.nocache().prefetch_related("books").iterator(chunk_size=1))
    timeouts.clear()
    list(Book.objects.all())
    assert [seen for _, seen in timeouts] == [None]


def test_a_prefetch_that_fails_leaves_no_choice_behind(zola):
    with pytest.raises(AttributeError):
        list(Author.objects.nocache().prefetch_related("nothing"))
    assert chosen(Author.objects.all().query) == Choice()


def test_a_prepared_queryset_keeps_its_own_choice(zola, timeouts):
    prepared = Author.objects.order_by("name").prepared()
    with inherited(Choice(timeout=0)):
        prepared()
    prepared()
    assert [seen for _, seen in timeouts] == [None, None]
