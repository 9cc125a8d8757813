"""Prepared querysets answer what the queryset itself would, at each time."""

import gc
import threading
import weakref

import pytest
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from tests.library.models import Author, Book, Country, Everything
from tests.orm.test_hydration import state_of

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)


@pytest.fixture
def author():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    for number in range(4):
        Book.objects.create(title=f"Book {number}", author=author, pages=number)
    return author


QUERYSETS = {
    "filter": lambda _: Book.objects.filter(pages__gt=1).order_by("-pages"),
    "by key": lambda author: Author.objects.filter(pk=author.pk),
    "sliced": lambda _: Book.objects.order_by("title")[1:3],
    "related manager": lambda author: author.books.order_by("title"),
    "nothing found": lambda _: Book.objects.filter(title="?"),
    "none": lambda _: Book.objects.none(),
    "joined": lambda _: Book.objects.filter(author__country__name="France").order_by("title"),
    "subquery": lambda _: Book.objects.filter(
        author__in=Author.objects.filter(name="Zola")
    ).order_by("title"),
    "select_related": lambda _: Book.objects.select_related("author").order_by("title"),
    "values": lambda _: Book.objects.order_by("title").values("title"),
    "deferred": lambda _: Book.objects.only("title").order_by("title"),
    "uncached": lambda _: Book.objects.nocache().order_by("title"),
    "another database": lambda _: Author.objects.using("twin"),
}


def states(rows):
    return [state_of(row) for row in rows]


@pytest.mark.parametrize("name", QUERYSETS)
def test_it_answers_as_the_queryset(author, name):
    queryset = QUERYSETS[name](author)
    prepared = queryset.prepared()
    for _ in range(3):
        assert states(prepared) == states(queryset.all())
    Book.objects.filter(pages=2).update(title="Changed")
    Book.objects.filter(pages=3).delete()
    assert states(prepared()) == states(queryset.all())


def test_reading_again_asks_the_cache_once_and_the_server_never(author, requests, monkeypatch):
    prepared = Book.objects.filter(pages__gt=1).prepared()
    expected = states(prepared)
    asked = []
    store = connections["appwrite"].cache.core.store
    get_many = store.get_many
    monkeypatch.setattr(
        store, "get_many", lambda keys, *tokens: asked.append(keys) or get_many(keys, *tokens)
    )
    requests.clear()
    assert states(prepared) == expected
    assert len(asked) == 1
    assert not requests


def test_it_shares_entries_with_the_queryset(author, requests):
    queryset = Book.objects.filter(pages__gt=1)
    list(queryset)
    requests.clear()
    list(queryset.prepared())
    assert not requests


def test_changing_the_queryset_afterwards_does_not_change_it(author):
    queryset = Book.objects.order_by("title")
    prepared = queryset.prepared()
    assert len(prepared()) == 4
    queryset.query.set_limits(0, 1)
    assert len(prepared()) == 4


def test_inside_a_block_it_sees_the_blocks_own_writes(author):
    prepared = Book.objects.order_by("title").prepared()
    assert len(prepared()) == 4
    with transaction.atomic(using="appwrite"):
        Book.objects.create(title="New", author=author)
        assert len(prepared()) == 5
        transaction.set_rollback(True, using="appwrite")
    assert len(prepared()) == 4


def test_each_time_zone_asks_its_own_question(author):
    Everything.objects.create(datetime="2023-12-31T23:30:00Z")
    prepared = Everything.objects.filter(datetime__year=2024).prepared()
    with timezone.override("UTC"):
        assert len(prepared()) == 0
    with timezone.override("Europe/Paris"):
        assert len(prepared()) == 1
    with timezone.override("UTC"):
        assert len(prepared()) == 0


def test_threads_share_it(author):
    prepared = Book.objects.order_by("title").prepared()
    expected = states(prepared)
    found = []

    def read():
        try:
            found.extend(states(prepared) for _ in range(5))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 15


def test_nothing_is_kept_of_it_when_it_is_gone(author):
    prepared = Book.objects.order_by("title").prepared()
    list(prepared)
    kept = weakref.ref(prepared)
    del prepared
    gc.collect()
    assert kept() is None


@pytest.fixture
def books():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    return [
        Book.objects.create(title=f"Book {number}", author=author, pages=9 - number)
        for number in range(5)
    ]


def test_rows_are_those_of_the_query(books):
    for _ in range(2):
        assert [book.pages for book in Book.objects.order_by("title")[1:3]] == [8, 7]
        assert [book.pages for book in Book.objects.order_by("-title")[1:3]] == [6, 7]
        assert [book.pages for book in Book.objects.order_by("pages")[1:3]] == [6, 7]
        assert [book.pages for book in books[0].author.books.order_by("title")] == [9, 8, 7, 6, 5]
    Book.objects.filter(pages=8).delete()
    assert [book.pages for book in Book.objects.order_by("title")[1:3]] == [7, 6]


def test_a_block_notes_what_it_saw(books):
    """Also of a prepared queryset and one that was known before the block: else it could overwrite somebody else's change unseen."""
    queryset = Book.objects.order_by("title")[:1]
    prepared = queryset.prepared()
    for pages, read in enumerate((lambda: queryset.all()[0], lambda: prepared()[0]), 100):
        read()
        with pytest.raises(OperationalError), transaction.atomic(using="appwrite"):
            book = read()
            change_elsewhere(book, pages)
            book.title = "Mine"
            book.save()


def change_elsewhere(book, pages):

    def change():
        Book.objects.filter(pk=book.pk).update(pages=pages)
        connections["appwrite"].close()

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()


def test_a_prepared_lock_is_a_lock(books, requests):
    prepared = Book.objects.filter(pages__gt=5).select_for_update().prepared()
    for _ in range(2):
        with transaction.atomic(using="appwrite"):
            requests.clear()
            assert len(prepared()) == 4
            assert requests


def test_a_prepared_query_with_a_condition_is_compiled_anew_in_another_time_zone():
    queryset = Everything.objects.filter(datetime__year=2024)
    prepared, reads = queryset.prepared(), connections["appwrite"].prepared_reads
    texts = set()
    for zone in ("UTC", "Europe/Paris"):
        with timezone.override(zone):
            texts.add(reads.of_owner(prepared, lambda: queryset.all().query).text)
    assert len(texts) == 2
