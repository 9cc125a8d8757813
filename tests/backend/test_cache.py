"""The query cache below the ORM: what is answered from it, what invalidates it."""

import asyncio
import threading

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.core.management import call_command
from django.db import OperationalError, connections, models, transaction
from django.db.models import F, Sum
from django.db.models.functions import Cast

from appwrite_orm_django.signals import cache_invalidated
from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def book():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    return Book.objects.create(title="Nana", author=author, pages=10)


READS = {
    "all": lambda: list(Book.objects.all()),
    "filter": lambda: list(Book.objects.filter(pages__gt=1)),
    "get": lambda: Book.objects.get(title="Nana"),
    "first": lambda: Book.objects.first(),
    "count": lambda: Book.objects.count(),
    "exists": lambda: Book.objects.filter(title="Nana").exists(),
    "in_bulk": lambda: Book.objects.in_bulk(),
    "values": lambda: list(Book.objects.values("title", "pages")),
    "values_list": lambda: list(Book.objects.values_list("title", flat=True)),
    "aggregate": lambda: Book.objects.aggregate(Sum("pages")),
    "select_related": lambda: [
        one.author.country.name for one in Book.objects.select_related("author__country")
    ],
    "prefetch": lambda: [list(one.books.all()) for one in Author.objects.prefetch_related("books")],
    "relation": lambda: list(Book.objects.filter(author__country__name="France")),
    "related manager": lambda: list(Author.objects.get(name="Zola").books.all()),
}


@pytest.mark.parametrize("name", READS)
def test_a_repeated_read_asks_nothing(book, requests, django_assert_num_queries, name):
    first = READS[name]()
    requests.clear()
    with django_assert_num_queries(0, using="appwrite"):
        assert READS[name]() == first
    assert not requests


@pytest.mark.parametrize("name", READS)
def test_what_is_cached_is_refused_in_a_coroutine_as_what_is_not(book, requests, name):
    READS[name]()
    requests.clear()

    async def read():
        return READS[name]()

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(read())
    assert not requests


def test_results_of_different_questions_are_kept_apart(book):
    assert Book.objects.filter(pages=10).exists()
    assert not Book.objects.filter(pages=11).exists()
    assert list(Book.objects.values_list("title", flat=True)) == ["Nana"]
    assert list(Book.objects.values_list("pages", flat=True)) == [10]


WRITES = {
    "save": lambda book: (setattr(book, "pages", 11), book.save()),
    "create": lambda book: Book.objects.create(title="Germinal", author=book.author),
    "bulk_create": lambda book: Book.objects.bulk_create(
        [Book(title="Germinal", author=book.author)]
    ),
    "update": lambda book: Book.objects.filter(pages=10).update(pages=11),
    "update by key": lambda book: Book.objects.filter(pk=book.pk).update(pages=11),
    "increment": lambda book: Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1),
    "update from expression": lambda book: Book.objects.update(pages=F("pages") * 2),
    "bulk_update": lambda book: (
        setattr(book, "pages", 11),
        Book.objects.bulk_update([book], ["pages"]),
    ),
    "delete": lambda book: book.delete(),
    "delete many": lambda book: Book.objects.all().delete(),
}


def snapshot():
    return [(one.title, one.pages) for one in Book.objects.order_by("title")], Book.objects.count()


@pytest.mark.parametrize("name", WRITES)
def test_every_write_is_seen_by_the_next_read(book, name):
    before = snapshot()
    assert snapshot() == before
    WRITES[name](book)
    after = snapshot()
    assert after != before
    connections["appwrite"].cache.invalidate(["library_book"])
    assert snapshot() == after


def test_many_to_many_changes_are_seen(book):
    tag = Tag.objects.create(name="novel")
    assert list(book.tags.all()) == []
    book.tags.add(tag)
    assert list(book.tags.all()) == [tag]
    book.tags.clear()
    assert list(book.tags.all()) == []


def test_a_row_read_by_its_key_outlives_writes_to_other_rows(book, requests):
    Book.objects.get(pk=book.pk)
    Book.objects.create(title="Germinal", author=book.author)
    requests.clear()
    Book.objects.get(pk=book.pk)
    assert not requests
    Book.objects.filter(pages=10).update(pages=12)
    assert Book.objects.get(pk=book.pk).pages == 12


@pytest.mark.engine("mariadb", reason="a row is found by its id as stored only")
def test_keys_that_the_server_takes_for_one_are_invalidated_together():
    Country.objects.create(code="FR", name="France")
    assert Country.objects.get(pk="fr").name == "France"
    Country.objects.filter(pk="FR").update(name="Frankreich")
    assert Country.objects.get(pk="fr").name == "Frankreich"


def test_what_a_block_writes_is_seen_elsewhere_after_its_commit_and_not_before(book):
    assert Book.objects.get(pk=book.pk).pages == 10
    with transaction.atomic(using="appwrite"):
        Book.objects.filter(pk=book.pk).update(pages=11)
        assert Book.objects.get(pk=book.pk).pages == 11
        assert pages_elsewhere(book) == 10
    assert Book.objects.get(pk=book.pk).pages == 11
    assert pages_elsewhere(book) == 11


def test_what_a_block_rolled_back_is_never_seen(book):
    with pytest.raises(RuntimeError), transaction.atomic(using="appwrite"):
        Book.objects.filter(pk=book.pk).update(pages=11)
        assert list(Book.objects.values_list("pages", flat=True)) == [11]
        raise RuntimeError
    assert list(Book.objects.values_list("pages", flat=True)) == [10]
    assert pages_elsewhere(book) == 10


def test_a_connection_that_begins_with_a_block_caches_after_it(book, requests):
    def run():
        with transaction.atomic(using="appwrite"):
            Author.objects.count()
        Book.objects.count()
        requests.clear()
        Book.objects.count()
        counted.append(len(requests))
        connections["appwrite"].close()

    counted = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert counted == [0]


def test_a_block_that_was_served_from_the_cache_still_notices_a_conflict(book):
    assert Book.objects.get(pk=book.pk).pages == 10
    with pytest.raises(OperationalError), transaction.atomic(using="appwrite"):
        mine = Book.objects.get(pk=book.pk)
        write_elsewhere(lambda: Book.objects.filter(pk=book.pk).update(pages=50))
        mine.pages += 1
        mine.save()
    assert Book.objects.get(pk=book.pk).pages == 50


@pytest.mark.parametrize(
    "read",
    [
        lambda: Book.objects.values_list("pages", flat=True).get(),
        lambda: Book.objects.only("pages").get().pages,
    ],
)
def test_a_block_that_read_only_some_columns_still_notices_a_conflict(book, read):
    assert read() == 10
    with pytest.raises(OperationalError), transaction.atomic(using="appwrite"):
        pages = read()
        write_elsewhere(lambda: Book.objects.filter(pk=book.pk).update(pages=50))
        Book.objects.filter(pk=book.pk).update(pages=pages + 1)
    assert Book.objects.get(pk=book.pk).pages == 50


def test_a_block_is_served_from_the_cache_where_that_is_safe(book, requests):
    list(Book.objects.all())
    Book.objects.count()
    requests.clear()
    with transaction.atomic(using="appwrite"):
        list(Book.objects.all())
        Book.objects.count()
    assert not requests


def test_streamed_reads_go_past_the_cache(book, requests):
    for _ in range(2):
        assert [one.title for one in Book.objects.iterator()] == ["Nana"]
    assert len(requests) == 2


def test_hits_have_the_types_of_misses(book):
    Author.objects.filter(pk=book.author_id).update(born="1840-04-02", rating=4)
    first = Author.objects.values().get()
    again = Author.objects.values().get()
    assert first == again
    assert {key: type(value) for key, value in first.items()} == {
        key: type(value) for key, value in again.items()
    }


def write_elsewhere(action):
    """Run in another thread, and so on another connection."""

    def run():
        done.append(action())
        connections["appwrite"].close()

    done = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return done[0]


def pages_elsewhere(book):
    return write_elsewhere(lambda: Book.objects.get(pk=book.pk).pages)


def test_the_same_text_of_two_fields_is_two_answers(book):
    """What a field makes of a value can depend on how the field was made, of which SQL says nothing."""

    class Ending(models.CharField):
        def __init__(self, *args, ending, **kwargs):
            self.ending = ending
            super().__init__(*args, **kwargs)

        def deconstruct(self):
            name, path, args, kwargs = super().deconstruct()
            return name, path, args, {**kwargs, "ending": self.ending}

        def from_db_value(self, value, expression, connection):
            return value + self.ending

    for ending in ("!", "?"):
        found = Book.objects.annotate(
            shown=Cast("title", Ending(ending=ending, max_length=200))
        ).first()
        assert found.shown == found.title + ending


def test_emptying_the_database_tells_the_cache_once(book):
    assert list(Book.objects.all()) == [book]
    told = []

    def note(tables, **_):
        told.append(set(tables))

    cache_invalidated.connect(note)
    try:
        call_command("flush", database="appwrite", interactive=False, verbosity=0)
    finally:
        cache_invalidated.disconnect(note)
    every = {model._meta.db_table for model in (Author, Book, Country, Tag, Book.tags.through)}
    assert len([tables for tables in told if tables & every]) == 1
    assert every <= told[0]
    assert list(Book.objects.all()) == []
