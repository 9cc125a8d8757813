"""What is read anew each time, although nobody has written: chance, the clock, and values whose text does not tell them apart."""

import pytest
from django.db import transaction
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, Random

from appwrite_orm_django.testing import captured_requests
from tests.library.models import Author, Book, Everything, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def tags():
    return Tag.objects.bulk_create([Tag(name=f"tag-{number}") for number in range(30)])


def requests_of(ask):
    ask()
    with captured_requests() as sent:
        ask()
    return len(sent)


def test_a_random_order_is_another_one_each_time(tags):
    assert (
        len({tuple(Tag.objects.order_by("?").values_list("name", flat=True)) for _ in range(4)}) > 1
    )
    assert len({tuple(Tag.objects.order_by("?")[:3]) for _ in range(6)}) > 1
    assert not Tag.objects.order_by("?").is_cached()


def test_chance_within_a_subquery_is_not_cached_either(tags):
    some = Tag.objects.order_by("?").values("pk")[:3]
    assert (
        len(
            {
                tuple(Tag.objects.filter(pk__in=some).order_by("pk").values_list("pk"))
                for _ in range(6)
            }
        )
        > 1
    )
    assert len({Tag.objects.annotate(chance=Random()).latest("pk").chance for _ in range(3)}) > 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: list(Author.objects.filter(created_at__lt=Now())),
        lambda: Author.objects.filter(created_at__lt=Now()).count(),
        lambda: list(Author.objects.annotate(now=Now())),
        lambda: list(Book.objects.filter(author__in=Author.objects.filter(created_at__lt=Now()))),
        lambda: list(Author.objects.annotate(now=RawSQL("datetime(%s)", ["now"]))),
        lambda: list(Author.objects.annotate(now=RawSQL("CURRENT_TIMESTAMP", []))),
        lambda: list(Author.objects.annotate(now=RawSQL("date()", []))),
    ],
)
def test_the_clock_is_asked_each_time(ask):
    Author.objects.create(name="Zola")
    assert requests_of(ask) > 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda: list(Author.objects.filter(created_at__date="2024-02-29")),
        lambda: list(Author.objects.filter(Q(name="now") | Q(name=F("email")))),
        lambda: list(Author.objects.filter(name__contains="RANDOM (")),
    ],
)
def test_what_only_looks_like_it_is_cached(ask):
    Author.objects.create(name="Zola")
    assert requests_of(ask) == 0


def test_moments_move_on_within_a_block_too(tags):
    with transaction.atomic(using="appwrite"):
        assert (
            len({tuple(Tag.objects.order_by("?").values_list("name", flat=True)) for _ in range(4)})
            > 1
        )


def test_binary_values_that_are_compared_locally_are_told_apart():
    """For SQLite a binary value is a memoryview, which shows nothing but its address."""
    rows = Everything.objects.bulk_create(
        [Everything(binary=bytes([number])) for number in range(20)]
    )
    for number, row in enumerate(rows):
        assert Everything.objects.get(Q(binary=bytes([number])) | Q(char=F("text"))) == row
