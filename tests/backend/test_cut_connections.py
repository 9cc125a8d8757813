"""A connection that is cut before or after any request of a write: what was written is written once, and what cannot be known is said."""

import asyncio
import pickle
from contextlib import nullcontext

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import F
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.client import rows, transactions
from appwrite_orm_django.client.errors import RateLimited, TransactionClosed, TransactionConflict
from appwrite_orm_django.transactions import (
    WriteBroken,
    WriteRefused,
    WriteUnknown,
    retry_on_conflict,
)
from tests.library.models import Author, Book, Country, Edition, Review, Tag
from tests.steps import cut, nothing, other_client, steps

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

SIDES = {"before": {"before": cut}, "after": {"after": cut}}


def atomic():
    return transaction.atomic("appwrite")


@pytest.fixture
def edition():
    return Edition.objects.create(isbn="isbn", copies=10)


@retry_on_conflict
@atomic()
def sell_one_row(edition):
    edition = Edition.objects.get(pk=edition.pk)
    edition.copies -= 2
    edition.save()


@retry_on_conflict
@atomic()
def sell_and_note(edition):
    edition = Edition.objects.get(pk=edition.pk)
    edition.copies -= 2
    edition.save()
    Review.objects.create(book_id="none", stars=1)


@retry_on_conflict
@atomic()
def sell_locked(edition):
    edition = Edition.objects.select_for_update().get(pk=edition.pk)
    Review.objects.create(book_id=str(Review.objects.count()), stars=1)
    edition.copies -= 2
    edition.save()


@retry_on_conflict
@atomic()
def make_several(edition):
    # Reads nothing, so that nothing but the commit itself keeps it from being done twice.
    Edition.objects.filter(pk=edition.pk).update(copies=F("copies") - 2)
    Review.objects.create(book_id="none", stars=1)


@retry_on_conflict
def sell_in_a_loop_of_the_library(edition):
    Edition.objects.update_or_create(isbn=edition.isbn, defaults={"copies": F("copies") - 2})


@retry_on_conflict
def sell_by_expression(edition):
    Edition.objects.filter(pk=edition.pk).update(copies=F("copies") * 1 - 2)


BLOCKS = [
    sell_one_row,
    sell_and_note,
    sell_locked,
    make_several,
    sell_in_a_loop_of_the_library,
    sell_by_expression,
]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_a_block_is_applied_exactly_once(edition, block, side):
    with steps() as made:
        block(edition)
    assert len(made.lines) > 3
    for number in range(len(made.lines)):
        Edition.objects.filter(pk=edition.pk).update(copies=10)
        Review.objects.all().delete()
        with steps(number, **SIDES[side]):
            block(edition)
        assert Edition.objects.get(pk=edition.pk).copies == 8, made.lines[number]
        assert Review.objects.count() == (block in (sell_and_note, sell_locked, make_several))


@pytest.mark.parametrize("applied", [True, False])
def test_a_block_whose_end_can_not_be_asked_for_is_unknown(edition, applied):
    out = []

    def commit_and_vanish(number):
        with steps(number, **SIDES["after" if applied else "before"]) as made:
            original = made.send

            def send(request, **kwargs):
                if out:
                    cut()
                if len(made.lines) == number:
                    out.append(True)
                return original(request, **kwargs)

            made.send = send
            sell_one_row(edition)

    with pytest.raises(WriteUnknown, match="may have been applied") as caught:
        commit_and_vanish(4)
    assert caught.value.ambiguous
    assert isinstance(caught.value, OperationalError)
    assert not isinstance(caught.value, WriteRefused)
    assert Edition.objects.get().copies == (8 if applied else 10)
    assert pickle.loads(pickle.dumps(caught.value)).ambiguous


def test_a_commit_that_arrives_late_is_not_applied_to_a_block_that_was_refused(edition):
    """The request was on its way all the time, and reaches the server after the block was run again."""
    late = []
    connection = connections["appwrite"]

    def delay():
        late.append(staged[-1])
        cut()

    staged = []
    create = transactions.create_operations

    def note(transport, transaction_id, operations):
        staged.append(transaction_id)
        return create(transport, transaction_id, operations)

    transactions.create_operations = note
    try:
        with steps(4, before=delay):
            sell_one_row(edition)
    finally:
        transactions.create_operations = create
    assert Edition.objects.get().copies == 8
    with pytest.raises(TransactionConflict):
        transactions.commit(other_client(), late[0])
    assert Edition.objects.get().copies == 8
    assert connection.transaction is None


def test_a_second_delivery_of_a_commit_is_success(edition):
    """What a proxy does that repeats requests: the first one commits, the second one is answered."""

    def deliver():
        made.inner.send(request[0], timeout=5)

    request = []
    with steps(4, before=deliver) as made:
        original = made.send

        def send(sent, **kwargs):
            request[:] = [sent]
            return original(sent, **kwargs)

        made.send = send
        sell_one_row(edition)
    assert Edition.objects.get().copies == 8


def test_a_transaction_that_has_expired_is_a_refusal(edition, monkeypatch):
    def expired(*args):
        raise TransactionClosed("expired", type="transaction_expired", code=410)

    monkeypatch.setattr(transactions, "commit", expired)
    with pytest.raises(WriteRefused), atomic():
        Edition.objects.filter(pk=edition.pk).update(copies=1)
        Review.objects.create(book_id="none", stars=1)


# Writes outside of blocks, and blocks that are one request


def save(edition):
    edition.copies = 8
    edition.save()


def save_in_a_block(edition):
    with atomic():
        Edition.objects.filter(pk=edition.pk).update(copies=8)


@pytest.mark.parametrize("write", [save, save_in_a_block])
def test_a_row_that_holds_what_was_written_is_written(edition, write):
    with steps() as made:
        write(edition)
    (patch,) = (number for number, line in enumerate(made.lines) if line.startswith("PATCH"))
    Edition.objects.filter(pk=edition.pk).update(copies=10)
    with steps(patch, after=cut):
        write(Edition.objects.nocache().get())
    assert Edition.objects.get().copies == 8


@pytest.mark.parametrize("write", [save, save_in_a_block])
def test_a_row_that_does_not_is_in_doubt(edition, write):
    with steps() as made:
        write(edition)
    (patch,) = (number for number, line in enumerate(made.lines) if line.startswith("PATCH"))
    Edition.objects.filter(pk=edition.pk).update(copies=10)
    loaded = Edition.objects.nocache().get()
    with steps(patch, before=cut), pytest.raises(WriteUnknown):
        write(loaded)
    assert Edition.objects.nocache().get().copies == 10


def increment(edition):
    Edition.objects.filter(pk=edition.pk).update(copies=F("copies") - 2)


def increment_in_a_block(edition):
    with atomic():
        increment(edition)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("write", [increment, increment_in_a_block])
def test_an_increment_is_never_made_twice(edition, write, side):
    with steps() as made:
        write(edition)
    (patch,) = (number for number, line in enumerate(made.lines) if line.startswith("PATCH"))
    # A commit can be asked whether it was applied, an increment by itself cannot.
    commits = connections["appwrite"].engine.race_is_server_error
    with steps(patch, **SIDES[side]), nullcontext() if commits else pytest.raises(WriteUnknown):
        retry_on_conflict(write)(edition)
    assert Edition.objects.get().copies == (6 if commits or side == "after" else 8)


def test_updates_and_deletions_of_many_rows_are_in_doubt(edition):
    for side in SIDES.values():
        with steps(0, **side), pytest.raises(WriteUnknown):
            Edition.objects.filter(copies__gte=0).update(copies=1)
    with steps(0, after=cut), pytest.raises(WriteUnknown):
        Review.objects.filter(stars=1).delete()


@pytest.mark.parametrize("side", SIDES)
def test_creations_and_deletions_by_id_are_made_once(side):
    with steps(0, **SIDES[side]):
        author = Author.objects.create(name="Zola")
    with steps(0, **SIDES[side]):
        Author.objects.bulk_create([Author(name=str(number)) for number in range(5)])
    assert Author.objects.count() == 6
    with steps(0, **SIDES[side]), atomic():
        Country.objects.create(code="FR", name="France")
    with steps(0, **SIDES[side]):
        Review.objects.filter(pk=author.pk).delete()
    assert Country.objects.count() == 1


@pytest.mark.parametrize("side", SIDES)
def test_get_or_create_makes_one(side):
    with steps() as made:
        Tag.objects.get_or_create(name="novel")
    for number in range(len(made.lines)):
        Tag.objects.all().delete()
        with steps(number, **SIDES[side]):
            tag, created = Tag.objects.get_or_create(name="novel")
        assert created
        assert Tag.objects.get() == tag


@pytest.mark.parametrize("side", SIDES)
def test_bulk_create_with_conflicts_updated(edition, side):
    options = {"update_conflicts": True, "unique_fields": ["isbn"], "update_fields": ["copies"]}

    def write():
        Edition.objects.bulk_create(
            [Edition(isbn="isbn", copies=8), Edition(isbn="new", copies=1)], **options
        )

    with steps() as made:
        write()
    for number in range(len(made.lines)):
        Edition.objects.filter(isbn="new").delete()
        with steps(number, **SIDES[side]):
            write()
        assert dict(Edition.objects.values_list("isbn", "copies")) == {"isbn": 8, "new": 1}


# What was written in part


def test_a_part_that_was_written_is_told(edition, monkeypatch):
    """The second batch fails: what the first has written stays, and that is not taken for a refusal."""
    create, calls = rows.create_rows, []

    def fail_later(*args, **kwargs):
        calls.append(args)
        if len(calls) > 1:
            raise TransactionConflict("refused")
        return create(*args, **kwargs)

    monkeypatch.setattr(rows, "create_rows", fail_later)
    with pytest.raises(WriteBroken, match="100 rows of library_review were written") as caught:
        retry_on_conflict(Review.objects.bulk_create)(
            [Review(book_id="none", stars=1) for _ in range(250)]
        )
    assert (caught.value.written, caught.value.ambiguous) == (100, True)
    assert isinstance(caught.value.__cause__, TransactionConflict)
    assert Review.objects.count() == 100
    assert len(calls) == 2


def test_other_errors_keep_their_class(edition):
    new = [Edition(isbn=str(number)) for number in range(150)]
    new[120].isbn = "isbn"
    with pytest.raises(
        IntegrityError,
        match="100 rows of library_edition were written before this and stay; the next 50 were not",
    ):
        Edition.objects.bulk_create(new)
    assert Edition.objects.count() == 101


# retry_on_conflict


def test_only_refusals_are_retried():
    calls = []

    def fail(error):
        calls.append(error)
        raise error

    for error in (
        WriteUnknown("?"),
        WriteBroken("!"),
        RateLimited("429"),
        IntegrityError("taken"),
        ValueError(),
    ):
        calls.clear()
        with pytest.raises(type(error)):
            retry_on_conflict(fail)(error)
        assert len(calls) == 1
    calls.clear()
    with pytest.raises(TransactionConflict):
        retry_on_conflict(attempts=3)(fail)(TransactionConflict("refused"))
    assert len(calls) == 3


def test_a_coroutine_is_retried():
    calls = []

    @retry_on_conflict(attempts=4)
    async def work(number, *, keyword):
        calls.append(number)
        if len(calls) < 3:
            raise TransactionConflict("refused")
        return keyword

    assert asyncio.run(work(1, keyword=2)) == 2
    assert calls == [1, 1, 1]


def test_inside_a_block_it_is_refused():
    @retry_on_conflict
    def work():
        raise AssertionError

    with atomic(), pytest.raises(TransactionManagementError, match="outermost"):
        work()


def test_what_is_no_function_to_run_again_is_refused():
    def generator():
        yield

    with pytest.raises(TypeError, match="generator"):
        retry_on_conflict(generator)
    for attempts in (0, -1, True, 1.5):
        with pytest.raises(TypeError, match="attempts"):
            retry_on_conflict(attempts=attempts)
    assert nothing() is None


@pytest.mark.django_db(databases=["default", "appwrite"])
def test_the_block_of_a_test_does_not_count():
    Author.objects.create(name="Zola")
    assert retry_on_conflict(Author.objects.count)() == 1
    assert Book.objects.count() == 0
