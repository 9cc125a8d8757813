"""
Every order of a block's requests and another client's write, with every relation of their clocks: no update is lost.

Requests are numbered, and the other client writes before one of them, or after all. Its server's clock may be behind, or stand at the very
millisecond of the version that the block has read.
"""

import datetime
import itertools
import uuid
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connections, transaction
from django.db.models import F

from appwrite_local import datetimes, registry
from appwrite_orm_django.backend.transactions import staging
from appwrite_orm_django.client import databases, rows, transactions
from appwrite_orm_django.client.errors import WriteRefused
from tests import real
from tests.kinds import level_settings
from tests.library.models import Edition
from tests.steps import other_client, steps

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

START, THEIRS, TAKEN = 10, 7, 2
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)


class Clock:
    """The clock of the server that answers: a second later each time it is asked, unless it is set."""

    def __init__(self):
        self.ticks = itertools.count()
        self.set_to = None

    def __call__(self):
        return self.set_to or NOON + datetime.timedelta(seconds=next(self.ticks))


@pytest.fixture
def clock(monkeypatch, request):
    clock = Clock()
    if real.server():
        if request.node.callspec.params.get("stamp", "right") != "right":
            pytest.skip("sets the clock of the local server")
        return clock
    monkeypatch.setattr(datetimes, "now", clock)
    return clock


@pytest.fixture(params=["1.9", "2.x"])
def shop(request, connect):
    connection = connect(**level_settings(request.param, f"s{uuid.uuid4().hex[:8]}"))
    with connection.schema_editor() as editor:
        editor.create_model(Edition)
    staging.create_table(connection.transport, staging.table_in(connection.database_id))
    yield connection
    databases.delete_database(connection.transport, connection.database_id)
    if not real.server():
        registry.forget(connection.settings_dict["HOST"])


def atomic():
    return transaction.atomic("appwrite")


def one_change(pk):
    with atomic():
        edition = Edition.objects.get(pk=pk)
        edition.copies -= TAKEN
        edition.save()


def one_change_of_one_column(pk):
    with atomic():
        copies = Edition.objects.values_list("copies", flat=True).get(pk=pk)
        Edition.objects.filter(pk=pk).update(copies=copies - TAKEN)


def two_changes(pk):
    with atomic():
        edition = Edition.objects.get(pk=pk)
        edition.copies -= TAKEN
        edition.save()
        Edition.objects.create(isbn=uuid.uuid4().hex[:20])


def in_a_nested_block(pk):
    with atomic():
        with atomic():
            edition = Edition.objects.get(isbn="isbn")
        with atomic():
            edition.copies -= TAKEN
            edition.save()


def a_locked_row(pk):
    with atomic():
        edition = Edition.objects.select_for_update().get(pk=pk)
        edition.copies -= TAKEN
        edition.save()


def a_locked_row_and_another_read(pk):
    with atomic():
        edition = Edition.objects.select_for_update().get(pk=pk)
        Edition.objects.count()
        edition.copies -= TAKEN
        edition.save()


def an_expression_in_a_block(pk):
    with atomic():
        Edition.objects.filter(pk=pk).update(copies=F("copies") * 1 - TAKEN)


def an_expression_alone(pk):
    Edition.objects.filter(pk=pk).update(copies=F("copies") * 1 - TAKEN)


def an_increment_in_a_block(pk):
    with atomic():
        Edition.objects.filter(pk=pk).update(copies=F("copies") - TAKEN)
        Edition.objects.create(isbn="sold")


def an_increment_alone(pk):
    Edition.objects.filter(pk=pk).update(copies=F("copies") - TAKEN)


def bulk_update(pk):
    with atomic():
        edition = Edition.objects.get(pk=pk)
        edition.copies -= TAKEN
        Edition.objects.bulk_update([edition], ["copies"])


def update_or_create(pk):
    Edition.objects.update_or_create(isbn="isbn", defaults={"copies": F("copies") - TAKEN})


def by_what_is_there(pk):
    with atomic():
        assert Edition.objects.filter(copies=START).update(copies=START - TAKEN) or True
        Edition.objects.create(isbn="sold")


BLOCKS = [
    one_change, one_change_of_one_column, two_changes, in_a_nested_block, a_locked_row, a_locked_row_and_another_read,
    an_expression_in_a_block, an_expression_alone, an_increment_in_a_block, an_increment_alone, bulk_update, update_or_create,
    by_what_is_there,
]  # fmt: skip
# What the other client's clock says: moments relative to the version that the block reads.
STAMPS = {"behind": -3600, "the same millisecond": 0, "right": None}
SET, TWICE = "sets it", "sets it, and something else before"


def play(shop, clock, block, stamp, what, number):
    """Let the other client write before the request of this number; return the copies, whether it wrote, and what was sent."""
    Edition.objects.all().delete()
    edition = Edition.objects.create(isbn="isbn", copies=START)
    table = shop.table_ref("library_edition")
    wrote = []

    def write():
        wrote.append(True)
        client = other_client()
        read = datetime.datetime.fromisoformat(
            rows.get_row(client, table, edition.pk)["$updatedAt"]
        )
        clock.set_to = (
            None if STAMPS[stamp] is None else read + datetime.timedelta(seconds=STAMPS[stamp])
        )
        for copies in (THEIRS,) if what == SET else (99, THEIRS):
            rows.update_row(client, table, edition.pk, {"copies": copies})
        clock.set_to = None

    refused = False
    with steps(number, before=write) as made:
        try:
            block(edition.pk)
        except WriteRefused:
            refused = True
    if not wrote:
        write()
    return Edition.objects.get(pk=edition.pk).copies, bool(wrote), refused, made.lines


@pytest.mark.parametrize("what", [SET, TWICE])
@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_no_order_loses_an_update(shop, clock, block, stamp, what):
    lines = play(shop, clock, block, stamp, what, None)[3]
    lost = set()
    for number in range(len(lines)):
        copies, _, refused, sent = play(shop, clock, block, stamp, what, number)
        before_or_after = {THEIRS - TAKEN, THEIRS}
        if block is by_what_is_there:
            before_or_after = {THEIRS}
        if copies not in before_or_after or (refused and copies != THEIRS):
            lost.add(sent[number])
    # The one order that no client can see: after the check, and stamped as if it had been before the staging. Increments lose nothing.
    unseen = (
        {line for line in lines if line.startswith("PATCH tablesdb/transactions")}
        if stamp != "right"
        else set()
    )
    assert {line.rpartition("/")[0] for line in lost} <= {
        line.rpartition("/")[0] for line in unseen
    }


TAKING = [
    block
    for block in BLOCKS
    if block not in (by_what_is_there, an_increment_in_a_block, an_increment_alone)
]


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("block", TAKING, ids=lambda block: block.__name__)
def test_of_two_blocks_none_is_lost_in_any_order(shop, clock, block, stamp):
    """Another block runs before any request of the first, its commit included, at a server with another clock."""

    def run(pk, committed):
        try:
            block(pk)
        except WriteRefused:
            return
        committed.append(pk)

    def elsewhere(pk, committed):
        ours = connections["appwrite"]
        connections["appwrite"] = ours.copy()
        read = datetime.datetime.fromisoformat(
            rows.get_row(other_client(), table, pk)["$updatedAt"]
        )
        clock.set_to = (
            None if STAMPS[stamp] is None else read + datetime.timedelta(seconds=STAMPS[stamp])
        )
        # A server whose clock stands takes every write for one of after the staging; what is staged there has another time.
        try:
            with steps_of_a_clock(clock):
                run(pk, committed)
        finally:
            clock.set_to, connections["appwrite"] = None, ours

    table = shop.table_ref("library_edition")
    number = 0
    while True:
        Edition.objects.all().delete()
        edition = Edition.objects.create(isbn="isbn", copies=START)
        committed: list[str] = []
        with steps(number, before=partial(elsewhere, edition.pk, committed)) as made:
            run(edition.pk, committed)
        assert Edition.objects.get(pk=edition.pk).copies == START - TAKEN * len(committed), (
            made.lines
        )
        assert committed
        if number >= len(made.lines):
            return
        number += 1


@contextmanager
def steps_of_a_clock(clock):
    """Let the clock stand only while a transaction is committed."""
    stands = clock.set_to
    clock.set_to = None

    def commit(*args):
        clock.set_to = stands
        try:
            return original(*args)
        finally:
            clock.set_to = None

    original, transactions.commit = transactions.commit, commit
    try:
        yield
    finally:
        transactions.commit = original


def test_the_other_client_writes_what_the_row_held(shop, clock):
    """Version and content are as they were: nothing is lost by going on."""
    edition = Edition.objects.create(isbn="isbn", copies=START)
    table = shop.table_ref("library_edition")

    def write():
        stored = rows.get_row(other_client(), table, edition.pk)
        for copies in (THEIRS, START):
            rows.update_row(
                other_client(),
                table,
                edition.pk,
                {"copies": copies, "$updatedAt": stored["$updatedAt"]},
            )

    with steps(2, before=write):
        one_change(edition.pk)
    assert Edition.objects.get(pk=edition.pk).copies == START - TAKEN


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_row_that_is_deleted_as_it_was_read(shop, clock, stamp):
    """A row that was changed meanwhile is not deleted."""

    def delete(pk):
        with atomic():
            edition = Edition.objects.get(pk=pk)
            if edition.copies == START:
                edition.delete()

    edition = Edition.objects.create(isbn="isbn", copies=START)
    table = shop.table_ref("library_edition")
    read = datetime.datetime.fromisoformat(
        rows.get_row(other_client(), table, edition.pk)["$updatedAt"]
    )

    def write():
        clock.set_to = (
            None if STAMPS[stamp] is None else read + datetime.timedelta(seconds=STAMPS[stamp])
        )
        rows.update_row(other_client(), table, edition.pk, {"copies": THEIRS})
        clock.set_to = None

    with steps(1, before=write), pytest.raises(WriteRefused):
        delete(edition.pk)
    assert Edition.objects.get(pk=edition.pk).copies == THEIRS


def test_a_row_that_was_not_read_takes_the_last_write(shop):
    """As in SQL: nothing of what is written depends on what another client has changed."""
    edition = Edition.objects.create(isbn="isbn", copies=START)
    with steps() as made, atomic():
        Edition.objects.filter(pk=edition.pk).update(shelfmark="ours")
    assert [line.split()[0] for line in made.lines] == ["GET", "PATCH"]
    assert connections["appwrite"].transaction is None
