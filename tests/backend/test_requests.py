"""How many requests things cost: counted, never timed."""

from contextlib import nullcontext
from functools import partial
from itertools import count

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import OperationalError, connections, transaction
from django.db.models import F
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectTimeout

from appwrite_orm_django.client.errors import InvalidStructure
from tests.kinds import by_nulls, level_settings
from tests.library.models import Author, Book, Country, Numbered, Review, Tag
from tests.memory import keeps_callers

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def author():
    return Author.objects.create(name="Zola")


def test_saving_a_new_object_is_one_request(requests):
    Author(name="Zola").save()
    assert len(requests) == 1


def test_a_new_object_with_a_key_of_ours_is_one_create(requests):
    Country.objects.create(code="FR", name="France")
    assert len(requests) == 1
    assert requests[0].method == "POST"


def test_saving_a_changed_object_sends_the_changed_field(author, requests):
    author = Author.objects.get(pk=author.pk)
    requests.clear()
    author.name = "Émile Zola"
    author.save()
    assert len(requests) == 1
    assert requests[0].params["data"] == {"name": "Émile Zola"}


def test_saving_an_object_that_was_just_created_sends_the_changed_field(author, requests):
    author.rating = 5
    author.save()
    assert [record.params["data"] for record in requests] == [{"rating": 5.0}]


def test_getting_by_primary_key_is_one_request(author, requests):
    Author.objects.get(pk=author.pk)
    assert [record.path.partition("/tables/")[2] for record in requests] == [
        f"library_author/rows/{author.pk}"
    ]


@pytest.mark.parametrize(
    ("size", "expected"), [(999, 1), (1000, 1), (1001, 2), (1002, 2), (2003, 3)]
)
def test_a_list_is_one_request_a_page(author, requests, size, expected):
    Review.objects.bulk_create(
        [Review(book_id="none", stars=number % 5) for number in range(size)],
    )
    requests.clear()
    assert len(Review.objects.order_by("pk")) == size
    assert len(requests) == expected


def test_exists_is_one_request(author, requests):
    assert Author.objects.filter(name="Zola").exists()
    assert not Author.objects.filter(name="Hugo").exists()
    assert len(requests) == 2


def test_count_is_one_request_below_the_servers_cap(author, requests):
    assert Author.objects.count() == 1
    assert len(requests) == 1


def test_count_is_exact_beyond_the_servers_cap(each_level, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(5203)])
    requests.clear()
    assert Review.objects.count() == 5203
    assert len(requests) == 2
    requests.clear()
    assert Review.objects.filter(stars=1).count() == 5203
    assert len(requests) == 2
    requests.clear()
    # Of a slice, no more is counted than is asked for.
    assert Review.objects.order_by("text")[:5000].count() == 5000
    assert Review.objects.all()[1:100].count() == 99
    assert (
        Review.objects.filter(pk__in=[str(number) for number in range(2)], stars=1)[:10].count()
        == 0
    )
    assert len(requests) == 3
    assert Review.objects.all()[:5001].count() == 5001
    assert Review.objects.all()[5200:6000].count() == 3
    assert Review.objects.all()[6000:7000].count() == 0
    assert Review.objects.filter(stars=2)[:10].count() == 0


def test_an_update_of_many_rows_is_one_request(author, requests):
    Author.objects.bulk_create([Author(name=f"a{number}") for number in range(20)])
    requests.clear()
    assert Author.objects.exclude(pk=author.pk).update(rating=1) == 20
    assert len(requests) == 1


def test_a_delete_without_cascades_is_one_request(author, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(20)])
    requests.clear()
    assert Review.objects.filter(stars=1).delete() == (20, {"library.Review": 20})
    assert len(requests) == 1


def test_creating_1000_rows_in_bulk_is_10_requests(author, requests):
    made = Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(1000)])
    assert len(requests) == 10
    assert all(review.created_at for review in made)


def test_an_increment_is_one_request(author, requests, appwrite):
    """Where its answer might not tell whether it was made, it is a transaction."""
    book = Book.objects.create(title="Nana", author=author, pages=10)
    requests.clear()
    assert Book.objects.filter(pk=book.pk).update(pages=F("pages") + 5) == 1
    assert Book.objects.filter(pk=book.pk).update(pages=F("pages") - 1) == 1
    assert len(requests) == (8 if appwrite.engine.race_is_server_error else 2)
    assert Book.objects.get(pk=book.pk).pages == 14


@pytest.fixture
def shelf(author):
    country = Country.objects.create(code="FR", name="France")
    author.country = country
    author.save()
    books = Book.objects.bulk_create(
        [Book(title=f"Title {number:03}", author=author) for number in range(30)]
    )
    tag = Tag.objects.create(name="novel")
    for book in books[:5]:
        book.tags.add(tag)
    return books


def test_prefetch_is_one_request_more_a_relation(shelf, requests):
    authors = list(Author.objects.prefetch_related("books", "edited"))
    assert len(requests) == 3
    assert len(authors[0].books.all()) == 30
    assert len(requests) == 3


def test_prefetching_along_a_foreign_key_asks_for_the_rows_it_needs(shelf, requests):
    Author.objects.bulk_create([Author(name=f"a{number}") for number in range(20)])
    requests.clear()
    books = list(Book.objects.prefetch_related("author", "editor")[:10])
    assert {(book.author.name, book.editor) for book in books} == {("Zola", None)}
    assert [record.path.partition("/tables/")[2] for record in requests[1:]] == [
        f"library_author/rows/{books[0].author_id}"
    ]


def test_prefetching_many_to_many_is_at_most_two_requests_more(shelf, requests):
    books = list(Book.objects.prefetch_related("tags").order_by("title"))
    assert len(requests) == 3
    assert [[tag.name for tag in book.tags.all()] for book in books[4:6]] == [["novel"], []]


def test_select_related_is_one_request_more_a_relation(shelf, requests):
    books = list(Book.objects.select_related("author__country", "editor").order_by("title")[:10])
    assert {(book.author.name, book.author.country.name, book.editor) for book in books} == {
        ("Zola", "France", None)
    }
    assert len(requests) <= 4


@pytest.fixture
def family(each_level, connect):
    """40 rows; each but the first 4 has the row numbered a quarter of it for a parent. A request brings 10 rows."""
    connect(**level_settings(each_level, "levels", CACHE={}, PAGE_SIZE=10))
    rows = [Numbered(pk=number + 1, name=f"n{number % 7}") for number in range(40)]
    for number, row in enumerate(rows[4:], 4):
        row.parent = rows[number // 4]
    return Numbered.objects.bulk_create(rows)


@pytest.mark.parametrize(("low", "high"), [(0, 10), (5, 15), (35, 45), (None, 3), (38, None)])
def test_a_page_of_a_table_joined_with_itself_is_cut_by_the_server(
    family, each_level, requests, low, high
):
    expected = sorted(family, key=lambda row: (row.name, -row.pk))[low:high]
    requests.clear()
    found = list(Numbered.objects.select_related("parent").order_by("name", "-pk")[low:high])
    assert [(row.pk, row.parent and row.parent.name) for row in found] == [
        (row.pk, row.parent and row.parent.name) for row in expected
    ]
    # A server that joins brings the parents along.
    assert len(requests) == {"1.9": 2, "2.x": 1}[each_level], requests.lines


def test_a_page_of_a_table_joined_with_itself_twice_keeps_its_filter(family, each_level, requests):
    expected = [row for row in family if row.name in ("n1", "n2")][3:7]
    requests.clear()
    chain = Numbered.objects.select_related("parent__parent").filter(name__in=["n1", "n2"])
    found = list(chain.order_by("pk")[3:7])
    assert [
        (row.pk, row.parent.pk, row.parent.parent and row.parent.parent.name) for row in found
    ] == [(row.pk, row.parent.pk, row.parent.parent and row.parent.parent.name) for row in expected]
    assert len(requests) == {"1.9": 3, "2.x": 1}[each_level]


def test_long_value_lists_are_split_and_nothing_is_lost(author, requests):
    reviews = Review.objects.bulk_create(
        [Review(book_id="none", stars=number % 5) for number in range(600)]
    )
    requests.clear()
    found = list(Review.objects.filter(pk__in=[review.pk for review in reviews]))
    assert [(-review.stars, review.pk) for review in found] == sorted(
        (-review.stars, review.pk) for review in reviews
    )
    assert 2 <= len(requests) <= 6
    requests.clear()
    assert Review.objects.filter(pk__in=[review.pk for review in reviews]).count() == 600
    assert len(Review.objects.filter(pk__in=[review.pk for review in reviews])[5:8]) == 3


def test_iterating_streams_a_page_at_a_time(author, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(2500)])
    requests.clear()
    rows = Review.objects.order_by("pk").iterator(chunk_size=100)
    next(rows)
    assert len(requests) == 1
    assert sum(1 for _ in rows) == 2499
    assert len(requests) == 3


def test_iterating_asks_for_the_next_page_while_one_is_used(author, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(4100)])
    requests.clear()
    rows = Review.objects.order_by("pk").iterator(chunk_size=100)
    for _ in range(1002):
        next(rows)
    rows.close()  # waits for the request that is ahead
    assert len(requests) == 3
    requests.clear()
    assert len({row.pk for row in Review.objects.order_by("pk").iterator(chunk_size=100)}) == 4100
    assert len(requests) == 5


def test_inside_a_block_no_page_is_asked_for_before_it_is_needed(author, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(3100)])
    requests.clear()
    with transaction.atomic(using="appwrite"):
        rows = Review.objects.order_by("pk").iterator(chunk_size=100)
        for _ in range(1002):
            next(rows)
        rows.close()
    assert len(requests) == 2


def test_an_error_of_the_page_ahead_is_raised_in_the_reader(author, requests):
    Review.objects.bulk_create([Review(book_id="none", stars=1) for _ in range(3100)])
    rows = Review.objects.order_by("pk").iterator(chunk_size=100)
    for _ in range(1001):
        next(rows)
    transport = connections["appwrite"].transport
    with transport.through(lambda _: Refusing()):
        next(rows)
        with pytest.raises(OperationalError):
            list(rows)


class Refusing(BaseAdapter):
    """Connects to nothing."""

    def send(self, request, **kwargs):
        raise ConnectTimeout

    def close(self):
        pass


def test_get_or_create_and_update_or_create(requests):
    assert Author.objects.get_or_create(name="Hugo")[1]
    assert len(requests) == 2
    requests.clear()
    assert not Author.objects.get_or_create(name="Hugo")[1]
    assert len(requests) == 1
    requests.clear()
    author, created = Author.objects.update_or_create(name="Hugo", defaults={"rating": 4})
    assert (author.rating, created) == (4, False)
    # The row is in the cache, but a row to be locked is read anew.
    assert [line.split()[0] for line in requests.lines] == ["GET", "POST", "POST", "GET", "PATCH"]


@pytest.mark.parametrize(
    "order", [["-rating"], ["name", "-rating"], ["-rating", "name"], ["-name", "rating", "-born"]]
)
def test_rows_without_a_value_are_on_some_page(requests, connect, order):
    """A cursor compares, and a null is neither more nor less than it: those rows would be on no page."""
    authors = [
        Author(name=f"n{number % 2}", rating=None if number % 3 else number) for number in range(20)
    ]
    Author.objects.bulk_create(authors)
    connect(OPTIONS={"PAGE_SIZE": 3, "CACHE": {"ENABLED": False}})
    found = list(Author.objects.order_by(*order, "pk"))
    assert sorted(author.pk for author in found) == sorted(author.pk for author in authors)
    whole = sorted(authors, key=lambda author: author.pk)
    nulls_are_low = by_nulls(True, False)
    for name in reversed(order):
        key = name.lstrip("-")
        whole.sort(
            key=lambda author, key=key: (
                (getattr(author, key) is not None) == nulls_are_low,
                getattr(author, key) or 0,
            ),
            reverse=name[0] == "-",
        )
    assert [author.pk for author in found] == [author.pk for author in whole]


@pytest.mark.parametrize("inside", [nullcontext, partial(transaction.atomic, "appwrite")])
@pytest.mark.parametrize(
    "read",
    [
        lambda key: Author.objects.filter(pk=key).first(),
        lambda key: Author.objects.get(pk=key),
        lambda key: Author(pk=key).refresh_from_db(),
        lambda key: Country.objects.get_or_create(code=f"{int(key) % 90 + 10}"),
        lambda key: Review(book_id=key).book,
    ],
)
def test_a_row_that_is_not_there_keeps_nothing_in_memory(inside, read):
    """Not the locals of its callers, which an error with a traceback refers to."""
    keys = count()
    with inside():
        assert not keeps_callers(lambda: read(str(next(keys))), ObjectDoesNotExist)


def test_a_failed_read_keeps_nothing_in_memory(monkeypatch):
    def fail(*args, **kwargs):
        raise InvalidStructure("no", 400, "general_query_invalid")

    monkeypatch.setattr(connections["appwrite"].transport, "call", fail)
    assert not keeps_callers(lambda: list(Author.objects.filter(name="Zola")), Exception)
