"""What managers, querysets and ``appwrite_orm_django.cache`` let a program say about the cache by hand."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.db import connections
from django.db.models import Count

from appwrite_orm_django.cache import batch, clear, invalidate
from tests.library.models import Author, Book, Country, Magazine, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)


@pytest.fixture
def book():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    return Book.objects.create(title="Nana", author=author, pages=10)


@pytest.fixture
def foreign_write(book):
    """Change a row as a client does that tells nobody."""
    cache = connections["appwrite"].cache

    def write(**values):
        tokens = caches["default"].get_many(
            [cache.core.keys.table("library_book"), cache.core.keys.rows("library_book")]
        )
        row = cache.core.keys.row("library_book", book.pk)
        tokens |= caches["default"].get_many([row])
        Book.objects.filter(pk=book.pk).update(**values)
        caches["default"].set_many(tokens)

    return write


def titles():
    return list(Book.objects.values_list("title", flat=True))


# Per queryset


def test_nocache_neither_reads_nor_fills(book, requests):
    for _ in range(2):
        assert Book.objects.nocache().count() == 1
        assert Book.objects.filter(pages=10).nocache().first() == book
    assert len(requests) == 4
    assert not Book.objects.filter(pages=10).is_cached()


@pytest.mark.parametrize(
    "question",
    [
        lambda books: books.count(),
        lambda books: books.exists(),
        lambda books: books.order_by("pk")[:1].count(),
        lambda books: books.values("title").distinct().count(),
        lambda books: books.aggregate(number=Count("pk")),
        lambda books: books.get(title="Nana"),
        lambda books: books.in_bulk(),
        lambda books: list(books.union(books.filter(pages=10))),
    ],
)
def test_a_querysets_wish_reaches_every_way_of_reading_it(book, requests, question):
    question(Book.objects.nocache())
    asked = len(requests.take())
    question(Book.objects.nocache())
    assert len(requests.take()) == asked > 0
    question(Book.objects.all())
    assert requests.take()
    question(Book.objects.all())
    assert not requests.take()


def test_a_timeout_is_that_of_the_entry(book, monkeypatch):
    stored = []
    store = connections["appwrite"].cache.core.store
    fill = store.fill
    monkeypatch.setattr(
        store, "fill", lambda items, timeout: stored.append(timeout) or fill(items, timeout)
    )
    list(Book.objects.cache(timeout=20))
    assert 18 <= stored[0] <= 22
    clear()
    list(Book.objects.cache(timeout=20).cache())
    assert stored[1] > 100


def test_a_timeout_is_not_negative(book):
    with pytest.raises(ValueError, match="at least 0 seconds, got -1"):
        Book.objects.cache(timeout=-1)


def test_is_cached_says_whether_reading_would_ask(book, requests):
    books = Book.objects.filter(pages__gt=1)
    requests.clear()
    assert not books.is_cached()
    list(books.all())
    assert books.is_cached()
    assert not Book.objects.filter(pages__gt=2).is_cached()
    assert not books.nocache().is_cached()
    assert len(requests) == 1
    Book.objects.update(pages=5)
    assert not books.is_cached()
    assert Book.objects.none().is_cached()


# Per table


def test_is_updated_is_about_the_models_own_table(book, requests):
    assert not Book.objects.is_updated()
    list(Book.objects.all())
    requests.clear()
    assert Book.objects.is_updated()
    assert not Author.objects.is_updated()
    assert not requests
    Author.objects.update(name="Émile Zola")
    assert Book.objects.is_updated()
    Book.objects.update(pages=11)
    assert not Book.objects.is_updated()


def test_set_updated_false_outdates_what_is_cached(book, foreign_write):
    assert titles() == ["Nana"]
    foreign_write(title="Germinal")
    assert titles() == ["Nana"]
    assert Book.objects.set_updated(False)
    assert not Book.objects.is_updated()
    assert titles() == ["Germinal"]


def test_set_updated_true_loads_nothing_and_brings_nothing_back(book, requests):
    assert titles() == ["Nana"]
    Book.objects.update(title="Germinal")
    requests.clear()
    assert Book.objects.set_updated(True)
    assert Book.objects.is_updated()
    assert not requests
    assert titles() == ["Germinal"]


def test_invalidate_a_model(book, foreign_write):
    assert titles() == ["Nana"]
    foreign_write(title="Germinal")
    assert invalidate(Book)
    assert titles() == ["Germinal"]


def test_invalidate_an_instance_leaves_other_rows_alone(book, foreign_write, requests):
    other = Book.objects.create(title="Other", author=book.author)
    for pk in (book.pk, other.pk):
        Book.objects.get(pk=pk)
    foreign_write(title="Germinal")
    requests.clear()
    assert invalidate(book)
    assert Book.objects.get(pk=other.pk).title == "Other"
    assert not requests
    assert Book.objects.get(pk=book.pk).title == "Germinal"


def test_invalidate_an_instance_with_rows_in_two_tables():
    magazine = Magazine.objects.create(title="Le Figaro", issue=1)
    list(Magazine.objects.all())
    assert Magazine.objects.all().is_cached()
    invalidate(magazine)
    assert not Magazine.objects.all().is_cached()


def test_invalidate_a_queryset_outdates_every_table_it_reads(book):
    joined = Book.objects.filter(author__country__name="France")
    for queryset in (joined, Author.objects.all(), Country.objects.all(), Tag.objects.all()):
        list(queryset.all())
    invalidate(joined, Book.objects)
    assert not joined.is_cached()
    assert not Author.objects.is_updated()
    assert not Country.objects.is_updated()
    assert Tag.objects.is_updated()


def test_invalidate_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="takes models, instances and querysets, got 'Book'"):
        invalidate("Book")


def test_clear_outdates_every_table_and_nothing_else(book):
    list(Book.objects.all())
    list(Tag.objects.all())
    caches["default"].set("another", 1)
    assert clear()
    assert not Book.objects.is_updated()
    assert not Tag.objects.is_updated()
    assert caches["default"].get("another") == 1


# Loading ahead


def test_refresh_of_a_queryset_loads_it_anew(book, foreign_write, requests):
    books = Book.objects.filter(pages=10)
    list(books.all())
    foreign_write(title="Germinal")
    assert books.refresh() == 1
    requests.clear()
    assert [one.title for one in books.all()] == ["Germinal"]
    assert not requests


def test_a_model_lists_what_to_warm(book, requests, monkeypatch):
    monkeypatch.setattr(
        Book, "appwrite_warm", [lambda: Book.objects.filter(pages=10), lambda: Book.objects.count()]
    )
    assert Book.objects.warm() == 2
    requests.clear()
    assert Book.objects.warm() == 2
    assert list(Book.objects.filter(pages=10)) == [book]
    assert not requests
    assert Book.objects.refresh() == 2
    assert len(requests.take()) == 2
    assert Book.objects.filter(pages=10).warm() == 1
    assert book.author.books.warm() == 1
    assert list(book.author.books.all()) == [book]
    assert len(requests) == 1


def test_a_listed_queryset_is_read_anew_each_time(book, monkeypatch):
    monkeypatch.setattr(Book, "appwrite_warm", [Book.objects.all()])
    assert Book.objects.warm() == 1
    book.delete()
    assert Book.objects.warm() == 0


def test_a_model_that_lists_nothing_warms_its_rows(book, requests):
    assert Book.objects.warm() == 1
    requests.clear()
    assert list(Book.objects.all()) == [book]
    assert not requests


def test_a_list_holds_querysets_and_callables_only(monkeypatch):
    monkeypatch.setattr(Book, "appwrite_warm", ["books"])
    with pytest.raises(TypeError, match=r"library\.Book\.appwrite_warm holds 'books'"):
        Book.objects.warm()


def test_a_models_timeout_is_that_of_its_table(each_level, book, requests, monkeypatch):
    monkeypatch.setattr(Book, "appwrite_cache_timeout", 0)
    monkeypatch.setattr(connections["appwrite"], "_cache", None)
    for _ in range(2):
        assert titles() == ["Nana"]
        list(Author.objects.all())
        list(Author.objects.filter(books__pages=10))
    # A server that joins brings authors by their books in one request, to the authors.
    of_joins = {"1.9": 2, "2.x": 0}[each_level]
    assert sum(record.path.endswith("/library_book/rows") for record in requests) == 2 + of_joins
    assert sum(record.path.endswith("/library_author/rows") for record in requests) == 3
    monkeypatch.setattr(connections["appwrite"], "_cache", None)


# Batches


def test_a_batch_is_one_invalidation_before_and_one_after(book, monkeypatch):
    calls = []
    store = connections["appwrite"].cache.core.store
    bump = store.bump
    monkeypatch.setattr(
        store, "bump", lambda *args, **more: calls.append(args) or bump(*args, **more)
    )
    assert titles() == ["Nana"]
    with batch():
        for pages in range(5):
            Book.objects.filter(pk=book.pk).update(pages=pages)
            assert Book.objects.get(pk=book.pk).pages == pages
    assert len(calls) == 2
    assert Book.objects.get(pk=book.pk).pages == 4


def test_a_batch_that_fails_invalidates_all_the_same(book):
    assert titles() == ["Nana"]
    with pytest.raises(RuntimeError), batch(using="appwrite"):
        Book.objects.filter(pk=book.pk).update(title="Germinal")
        raise RuntimeError
    assert titles() == ["Germinal"]


# Elsewhere than on Appwrite


def test_a_database_without_this_cache_is_passed_over():
    books = Book.objects.using("twin")
    assert list(books.cache(timeout=5)) == list(books.nocache()) == []
    assert not books.is_cached()
    assert not books.is_updated()
    assert books.set_updated(False)
    assert not books.set_updated(True)
    assert books.refresh() == books.warm() == 0
    assert invalidate(books, Book(pk="x"))
    assert invalidate(Book, using="twin")
    assert clear(using="twin")
    with batch(using="twin"):
        pass


# Asynchronously


def test_async_reads_come_from_the_cache(book, requests):
    async def read():
        one = await Book.objects.aget(pk=book.pk)
        return (
            one.title,
            await Book.objects.acount(),
            [row.pk async for row in Book.objects.filter(pages=10)],
        )

    first = async_to_sync(read)()
    requests.clear()
    assert async_to_sync(read)() == first == ("Nana", 1, [book.pk])
    assert not requests


def test_async_twins(book):
    async def use():
        assert await Book.objects.arefresh() == 1
        assert await Book.objects.ais_updated()
        assert await Book.objects.all().ais_cached()
        assert await Book.objects.aset_updated(False)
        assert not await Book.objects.ais_updated()
        assert await Book.objects.awarm() == 1
        assert await Book.objects.filter(pages=10).arefresh() == 1
        return await Book.objects.filter(pages=10).awarm()

    assert async_to_sync(use)() == 1


def test_the_loop_goes_on_while_the_cache_is_asked(book, monkeypatch):
    """The cache answers only when the loop has run something else meanwhile: else this times out."""
    went_on = threading.Event()
    store = connections["appwrite"].cache.core.store
    get_many = store.get_many

    def slow(keys, *tokens):
        assert went_on.wait(60), "the event loop is blocked"
        return get_many(keys, *tokens)

    monkeypatch.setattr(store, "get_many", slow)

    async def use():
        async def other():
            went_on.set()

        found, _ = await asyncio.gather(Book.objects.aget(pk=book.pk), other())
        return found

    assert async_to_sync(use)() == book
