"""Blocks that Django opens by itself may be larger than a transaction, those of the user may not."""

import json

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.db.models import F
from django.db.models.signals import post_delete, pre_save

from appwrite_orm_django.backend.execution.parts import NOTHING_WRITTEN, Parts
from appwrite_orm_django.client import transactions
from appwrite_orm_django.client.errors import (
    TransactionConflict,
    TransactionLimitExceeded,
    UniqueViolation,
)
from appwrite_orm_django.signals import rows_changed
from appwrite_orm_django.transactions import WriteBroken, retry_on_conflict
from tests.library.models import Author, Book, Edition, Numbered, Review

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


def atomic(**options):
    return transaction.atomic("appwrite", **options)


@pytest.fixture
def editions():
    return Edition.objects.bulk_create(
        [Edition(isbn=f"{number:03}", copies=1) for number in range(250)]
    )


def commits(requests):
    return sum(record.params.get("commit") is True for record in requests)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 100, 250, 1000])
@pytest.mark.parametrize("manager", [Edition.objects, Edition._base_manager])
def test_bulk_update(editions, manager, batch_size, requests):
    for number, edition in enumerate(editions):
        edition.copies = number
    assert manager.bulk_update(editions, ["copies"], batch_size=batch_size) == 250
    assert commits(requests) == 3
    assert list(Edition.objects.order_by("isbn").values_list("copies", flat=True)) == list(
        range(250)
    )


def test_bulk_update_by_expressions(editions):
    for edition in editions:
        edition.copies = F("copies") * 2 + 1
    assert Edition.objects.bulk_update(editions, ["copies"]) == 250
    assert set(Edition.objects.values_list("copies", flat=True)) == {3}


def test_bulk_update_of_a_model_of_djangos_own():
    rows = Numbered.objects.bulk_create([Numbered(name="old") for _ in range(130)])
    for number, row in enumerate(rows):
        row.name = str(number)
    Numbered.objects.bulk_update(rows, ["name"])
    assert set(Numbered.objects.values_list("name", flat=True)) == set(map(str, range(130)))


def test_as_long_as_it_fits_it_is_all_or_nothing(editions, requests):
    for number, edition in enumerate(editions[:99]):
        edition.copies = number
    editions[98].isbn = "249"
    with pytest.raises(IntegrityError):
        Edition.objects.bulk_update(editions[:99], ["copies", "isbn"])
    assert commits(requests) == 1
    assert set(Edition.objects.values_list("copies", flat=True)) == {1}


def test_bulk_update_in_a_block_of_the_user(editions, requests):
    for number, edition in enumerate(editions):
        edition.copies = number
    for options in ({}, {"savepoint": False}, {"durable": True}):
        requests.clear()
        said = "needs 250 operations: 250 for its changes and 0 for claims"
        with pytest.raises(TransactionLimitExceeded, match=said), atomic(**options):
            Edition.objects.bulk_update(editions, ["copies"])
        with pytest.raises(TransactionLimitExceeded), atomic(**options):
            Edition.objects.filter(pk=editions[0].pk).update(house="x")
            Edition.objects.bulk_update(editions, ["copies"])
        assert not commits(requests)
    decorated = atomic()(Edition.objects.bulk_update)
    with pytest.raises(TransactionLimitExceeded):
        decorated(editions, ["copies"])
    assert set(Edition.objects.values_list("copies", flat=True)) == {1}


def test_100_updates_are_a_block(editions, requests):
    with atomic():
        for number, edition in enumerate(editions[:100]):
            edition.copies = number
            edition.save()
    assert sorted(Edition.objects.values_list("copies", flat=True)) == sorted(
        [*range(100), *[1] * 150]
    )
    assert commits(requests) == 1


def test_claims_take_one_place(editions):
    """Of rows that the block itself has read: 99 changes, and one operation for the claims of all of them."""

    def change(count):
        with atomic():
            for number, edition in enumerate(Edition.objects.order_by("isbn")[:count]):
                edition.copies = number + count
                edition.save()

    change(99)
    assert Edition.objects.get(isbn="098").copies == 197
    with pytest.raises(
        TransactionLimitExceeded, match="101 operations: 100 for its changes and 1 for claims"
    ):
        change(100)


def test_values_that_are_alike_share_a_place():
    Review.objects.bulk_create([Review(book_id="none", stars=9, text="t") for _ in range(250)])
    with atomic():
        for number, review in enumerate(Review.objects.all()):
            review.stars = number % 2
            review.save()
        Review.objects.filter(pk=review.pk).update(stars=5)
    assert [Review.objects.filter(stars=stars).count() for stars in (0, 1, 5, 9)] == [
        125,
        124,
        1,
        0,
    ]


def fixture(editions, tmp_path):
    fields = {"number": None, "listed": "2026-01-01T00:00:00Z", "counted": "2026-01-01T00:00:00Z"}
    objects = [
        {
            "model": "library.edition",
            "pk": edition.pk,
            "fields": {"isbn": edition.isbn, "copies": number, **fields},
        }
        for number, edition in enumerate(editions)
    ]
    path = tmp_path / "editions.json"
    path.write_text(json.dumps(objects))
    return path


def test_loaddata_over_existing_rows(editions, tmp_path, requests):
    call_command("loaddata", fixture(editions, tmp_path), database="appwrite", verbosity=0)
    assert list(Edition.objects.order_by("isbn").values_list("copies", flat=True)) == list(
        range(250)
    )
    assert commits(requests) == 3


def test_deleting_a_parent_of_many():
    author = Author.objects.create(name="Dumas")
    Book.objects.bulk_create([Book(title=str(number), author=author) for number in range(11_000)])
    assert author.delete() == (11_001, {"library.Book": 11_000, "library.Author": 1})
    assert not Book.objects.exists()
    assert not Author.objects.exists()


def test_a_deletion_that_fits_is_all_or_nothing(requests):
    author = Author.objects.create(name="Dumas")
    Book.objects.bulk_create([Book(title=str(number), author=author) for number in range(300)])
    requests.clear()
    author.delete()
    assert commits(requests) == 1


def refuse_commit(monkeypatch, number):
    """Let the commit of this number, from 1, be refused."""
    original, calls = transactions.commit, []

    def commit(*args):
        calls.append(args)
        if len(calls) == number:
            raise TransactionConflict("refused")
        return original(*args)

    monkeypatch.setattr(transactions, "commit", commit)
    return calls


def test_a_part_that_is_refused_says_what_was_written(editions, monkeypatch):
    for number, edition in enumerate(editions):
        edition.copies = number + 1000
    calls = refuse_commit(monkeypatch, 2)
    heard = []

    def hear(table, pks, **kwargs):
        heard.append(pks)

    rows_changed.connect(hear, sender=Edition)
    with pytest.raises(
        WriteBroken, match="100 changes of this block were written before this and stay"
    ) as caught:
        retry_on_conflict(Edition.objects.bulk_update)(editions, ["copies"])
    rows_changed.disconnect(hear, sender=Edition)
    assert caught.value.written == 100
    assert len(calls) == 2
    assert Edition.objects.filter(copies__gte=1000).count() == 100


def test_that_nothing_was_written_is_said_of_no_later_part():
    parts = Parts("changes")
    parts.written = 200
    error = parts.told(UniqueViolation(f"UNIQUE constraint failed: a.b{NOTHING_WRITTEN}"), 50)
    assert str(error) == (
        "UNIQUE constraint failed: a.b\n200 changes were written before this and stay; the next 50 were not."
    )


def test_what_was_cached_is_outdated_by_a_part(editions, monkeypatch):
    assert Edition.objects.filter(copies__gte=1000).count() == 0
    for edition in editions:
        edition.copies = 1000
        edition.house = edition.isbn
    refuse_commit(monkeypatch, 3)
    with pytest.raises(WriteBroken) as caught:
        Edition.objects.bulk_update(editions, ["copies", "house"])
    assert Edition.objects.filter(copies__gte=1000).count() == caught.value.written > 100


@pytest.mark.parametrize("kind", [ZeroDivisionError, IntegrityError])
def test_an_error_of_anybody_says_what_was_written(editions, tmp_path, kind):
    def stop(instance, **kwargs):
        if instance.copies == 180:
            raise kind("stopped")

    pre_save.connect(stop, sender=Edition)
    try:
        with pytest.raises(
            kind, match=r"stopped\n100 changes of this block were written before this and stay"
        ):
            call_command("loaddata", fixture(editions, tmp_path), database="appwrite", verbosity=0)
    finally:
        pre_save.disconnect(stop, sender=Edition)
    assert list(Edition.objects.order_by("isbn").values_list("copies", flat=True)) == [
        *range(100),
        *[1] * 150,
    ]
    assert connections["appwrite"].transaction is None


def test_savepoints_inside_hold(editions):
    """What a handler may still take back is not committed before it is through."""
    deleted = []

    def note(instance, **kwargs):
        deleted.append(instance.pk)
        if len(deleted) == 120:
            with pytest.raises(ZeroDivisionError), atomic():
                for edition in editions[:30]:
                    Edition.objects.filter(pk=edition.pk).update(copies=len(deleted))
                raise ZeroDivisionError
            with atomic():
                Edition.objects.filter(pk=editions[0].pk).update(copies=7)

    author = Author.objects.create(name="Dumas")
    Book.objects.bulk_create([Book(title=f"{number:05}", author=author) for number in range(150)])
    Review.objects.bulk_create([Review(book_id="none", stars=1)])
    post_delete.connect(note, sender=Book)
    try:
        author.delete()
    finally:
        post_delete.disconnect(note, sender=Book)
    assert sorted(Edition.objects.values_list("copies", flat=True)) == sorted([7, *[1] * 249])
    assert not Book.objects.exists()
