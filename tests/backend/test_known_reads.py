"""A query that is known by its shape is answered as if it had been compiled."""

import random
import threading

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models import Count, F, FilteredRelation, Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from appwrite_orm_django.backend.planning import prepared
from appwrite_orm_django.backend.planning.prepared import cache_text
from tests.library.models import Author, Book, Country, Everything

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)

KNOWN = {
    "all": lambda: Book.objects.all(),
    "default order": lambda: Author.objects.all(),
    "ordered": lambda: Book.objects.order_by("title"),
    "backwards": lambda: Book.objects.order_by("-title"),
    "reversed": lambda: Book.objects.order_by("title").reverse(),
    "by two": lambda: Book.objects.order_by("title", "pages"),
    "by the same two": lambda: Book.objects.order_by("pages", "title"),
    "by pk": lambda: Book.objects.order_by("pk"),
    "unordered": lambda: Author.objects.order_by(),
    "first two": lambda: Book.objects.order_by("title")[:2],
    "next two": lambda: Book.objects.order_by("title")[2:4],
    "from the second": lambda: Book.objects.order_by("title")[1:],
    "for a minute": lambda: Book.objects.order_by("title").cache(60),
    "uncached": lambda: Book.objects.order_by("title").nocache(),
    "another model": lambda: Author.objects.order_by("name"),
    "all but nothing": lambda: Book.objects.exclude(),
}
COMPILED = {
    "filtered": lambda: Book.objects.filter(pages=1),
    "none": lambda: Book.objects.none(),
    "empty slice": lambda: Book.objects.order_by("title")[2:2],
    "distinct": lambda: Book.objects.distinct(),
    "at random": lambda: Book.objects.order_by("?"),
    "by a related name": lambda: Book.objects.order_by("author__name"),
    "by an expression": lambda: Book.objects.order_by(Lower("title")),
    "by a field expression": lambda: Book.objects.order_by(F("title").desc()),
    "annotated": lambda: Book.objects.annotate(one=Value(1)),
    "grouped": lambda: Author.objects.annotate(count=Count("books")),
    "aliased": lambda: Book.objects.alias(one=Value(1)),
    "deferred": lambda: Book.objects.defer("title"),
    "only": lambda: Book.objects.only("title"),
    "related": lambda: Book.objects.select_related("author"),
    "values": lambda: Book.objects.values("title"),
    "values_list": lambda: Book.objects.values_list("title"),
    "extra": lambda: Book.objects.extra(select={"one": "1"}),
    "united": lambda: Book.objects.order_by().union(Book.objects.order_by()),
    "locked": lambda: Book.objects.select_for_update(),
    "filtered relation": lambda: Book.objects.annotate(who=FilteredRelation("author", condition=Q(author__name="A"))),
}


def shape_is_known(queryset):
    return connections["appwrite"].known_reads.of_shape(queryset.query) is not None


@pytest.fixture
def books():
    author = Author.objects.create(name="Zola", country=Country.objects.create(code="FR", name="France"))
    return [Book.objects.create(title=f"Book {number}", author=author, pages=9 - number) for number in range(5)]


def test_what_is_known_of_a_query_is_what_compiling_it_gives():
    """In any order, so that a query taken for another of this list would be found out."""
    connection = connections["appwrite"]
    for _ in range(3):
        for name in random.sample(list(KNOWN), len(KNOWN)):
            query = KNOWN[name]().query
            compiler = query.chain().get_compiler(using="appwrite")
            command = compiler.read_command()
            known = connection.known_reads.of_shape(query)
            assert known is not None, name
            assert (known.command, known.text) == (command, cache_text(query.model, command)), name
            assert known.timeout == compiler.cache_timeout, name


@pytest.mark.parametrize("name", COMPILED)
def test_all_others_are_compiled(name):
    for known in KNOWN.values():
        shape_is_known(known())
    assert not shape_is_known(COMPILED[name]())


def test_an_attribute_nobody_has_heard_of_makes_a_query_unknown():
    queryset = Book.objects.order_by("title")
    assert shape_is_known(queryset)
    queryset.query.with_ties = True
    assert not shape_is_known(queryset)


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


def test_shapes_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(prepared, "_MOST_SHAPES", 3)
    monkeypatch.setattr(connections["appwrite"].known_reads, "_by_shape", {})
    for number in range(1, 9):
        assert shape_is_known(Book.objects.order_by("title")[:number])
        assert len(connections["appwrite"].known_reads._by_shape) <= 3


def test_a_prepared_query_with_a_condition_is_compiled_anew_in_another_time_zone():
    queryset = Everything.objects.filter(datetime__year=2024)
    prepared, reads = queryset.prepared(), connections["appwrite"].known_reads
    texts = set()
    for zone in ("UTC", "Europe/Paris"):
        with timezone.override(zone):
            texts.add(reads.of_owner(prepared, lambda: queryset.all().query).text)
    assert len(texts) == 2
