"""The moments that the server keeps of a row: no commit keeps those that are given, so they are written after it; objects hold what rows hold."""

import asyncio
import json

import pytest
from django.core import management, serializers
from django.db import transaction

from appwrite_orm_django.transactions import WriteBroken, WriteRefused
from tests.backend.conftest import moment
from tests.backend.steps import cut, steps
from tests.library.models import Author, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

WHEN, LATER = moment(2020, 1, 1, 12, 0, 0, 1000), moment(2021, 2, 3)


def atomic():
    return transaction.atomic("appwrite")


def moments():
    return {tag.name: (tag.created_at, tag.updated_at) for tag in Tag.objects.nocache().all()}


def create():
    Tag.objects.create(name="one", created_at=WHEN)
    Tag.objects.create(name="two", created_at=LATER, updated_at=LATER)


def bulk_create():
    Tag.objects.bulk_create([Tag(name="one", created_at=WHEN), Tag(name="two", created_at=LATER, updated_at=LATER)])


def create_and_update():
    for name in ("one", "two"):
        Tag.objects.create(name=name)
    Tag.objects.filter(name="one").update(created_at=WHEN)
    Tag.objects.filter(name="two").update(created_at=LATER, updated_at=LATER)


def update_rows_that_are_there():
    for tag in Tag.objects.all():
        if tag.name == "one":
            tag.created_at = WHEN
            tag.save()
        else:
            Tag.objects.filter(pk=tag.pk).update(created_at=LATER, updated_at=LATER)


def load():
    rows = [
        {"model": "library.tag", "pk": name, "fields": {"name": name, "created_at": created.isoformat(), **more}}
        for name, created, more in (
            ("one", WHEN, {}),
            ("two", LATER, {"updated_at": LATER.isoformat()}),
        )
    ]
    for found in serializers.deserialize("json", json.dumps(rows), using="appwrite"):
        found.save(using="appwrite")


@pytest.mark.parametrize("write", [create, bulk_create, create_and_update, update_rows_that_are_there, load])
@pytest.mark.parametrize("inside", [True, False])
def test_moments_that_are_given_are_kept(write, inside):
    if write is update_rows_that_are_there:
        Tag.objects.bulk_create([Tag(name="one"), Tag(name="two")])
    if inside:
        with atomic():
            write()
    else:
        write()
    found = moments()
    assert found["one"][0] == WHEN != found["one"][1]
    assert found["two"] == (LATER, LATER)


def test_loaddata_keeps_creations_and_changes(tmp_path):
    Tag.objects.bulk_create([Tag(name=f"tag-{number}") for number in range(120)])
    Tag.objects.filter(name="tag-7").update(created_at=WHEN)
    before = moments()
    fixture = tmp_path / "tags.json"
    management.call_command("dumpdata", "library.tag", database="appwrite", output=str(fixture))
    Tag.objects.all().delete()
    management.call_command("loaddata", str(fixture), database="appwrite", verbosity=0)
    assert moments() == before


def test_it_costs_one_request_for_rows_of_one_moment_and_none_where_none_is_given(requests):
    with atomic():
        Tag.objects.bulk_create([Tag(name=str(number), created_at=WHEN) for number in range(90)])
        requests.clear()
    assert len(requests.lines) == 4
    requests.clear()
    with atomic():
        Tag.objects.bulk_create([Tag(name=f"plain-{number}") for number in range(90)])
    assert len(requests.lines) == 3
    assert {created for created, _ in moments().values()} > {WHEN}


def test_a_row_that_is_deleted_or_made_anew_in_the_block_has_no_moment_left():
    gone = Tag.objects.create(name="gone")
    with atomic():
        Tag.objects.filter(pk=gone.pk).update(created_at=WHEN)
        gone.delete()
        Tag.objects.create(pk=gone.pk, name="gone")
        Tag.objects.create(name="other")
    assert moments()["gone"][0] != WHEN


class TestObjectsHoldWhatRowsHold:
    def check(self, *objects):
        for held in objects:
            read = type(held).objects.nocache().get(pk=held.pk)
            assert (held.created_at, held.updated_at) == (read.created_at, read.updated_at)

    def test_saved_in_a_block(self):
        old = Tag.objects.create(name="old")
        with atomic():
            one = Tag.objects.create(name="one")
            two, three = Tag.objects.bulk_create([Tag(name="two"), Tag(name="three", created_at=WHEN)])
            read = Tag.objects.get(pk=one.pk)
            old.name = "older"
            old.save()
            # Estimates, for the server has not heard of anything yet.
            assert read.created_at == one.created_at is not None
        self.check(old, one, two, three, read)
        assert three.created_at == WHEN

    def test_a_single_change_tells_without_a_request(self, requests):
        with atomic():
            tag = Tag.objects.create(name="one")
        requests.clear()
        assert tag.created_at == tag.updated_at
        assert requests.lines == []
        self.check(tag)

    def test_what_is_not_looked_at_costs_nothing_and_else_one_request(self, requests):
        with atomic():
            one, two = Tag.objects.create(name="one"), Tag.objects.create(name="two")
        requests.clear()
        one.name = "changed"
        assert requests.lines == []
        assert one.created_at <= one.updated_at
        assert len(requests.lines) == 1
        self.check(one, two)

    def test_around_savepoints(self):
        with atomic():
            one = Tag.objects.create(name="one")
            with pytest.raises(ZeroDivisionError), atomic():
                two = Tag.objects.create(name="two")
                raise ZeroDivisionError
            Tag.objects.create(name="three")
            two.save(force_insert=True)
        self.check(one, two)

    def test_a_row_that_is_gone_leaves_what_was_known(self):
        with atomic():
            one = Tag.objects.create(name="one")
            Tag.objects.create(name="two")
        Tag.objects.filter(pk=one.pk).delete()
        assert one.created_at is not None

    def test_saving_again_after_a_rollback_gives_no_moment(self, requests):
        tag, other = Tag(name="one"), Tag(name="two")
        with pytest.raises(ZeroDivisionError), atomic():
            tag.save()
            raise ZeroDivisionError
        requests.clear()
        with atomic():
            tag.save(force_insert=True)
            other.save()
        assert len([line for line in requests.lines if not line.startswith("GET")]) == 3
        self.check(tag, other)

    def test_a_copy_is_a_row_of_its_own(self):
        with atomic():
            tag, other = Country.objects.create(code="FR", name="France"), Author.objects.create(name="Zola")
        first = other.pk
        other.pk = None
        other._state.adding = True
        other.save()
        assert other.pk != first
        assert Author.objects.count() == 2
        assert tag.pk

    def test_conflicts_that_are_updated(self):
        old = Tag.objects.create(name="old")
        made = Tag.objects.bulk_create(
            [Tag(pk=old.pk, name="older"), Tag(name="new")],
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=["name"],
        )
        assert made[0].created_at == old.created_at
        self.check(*made)

    def test_an_event_loop_may_look_at_what_was_updated_or_created(self):
        async def make():
            tag, _ = await Tag.objects.aupdate_or_create(name="one", defaults={"name": "two"})
            tag, _ = await Tag.objects.aupdate_or_create(name="two", defaults={"name": "three"})
            return tag, tag.updated_at

        tag, updated = asyncio.run(make())
        assert updated == Tag.objects.get(pk=tag.pk).updated_at


def write_two():
    with atomic():
        one = Tag.objects.create(name="one", created_at=WHEN)
        two = Tag.objects.create(name="two", created_at=LATER)
    return one, two


@pytest.mark.parametrize("side", ["before", "after"])
def test_whichever_request_is_cut_nothing_is_written_or_all_or_the_error_names_what_is_missing(side):
    with steps() as made:
        write_two()
    assert [line.partition(" ")[0] for line in made.lines] == ["POST", "POST", "PATCH", "PATCH", "PATCH"]
    told = []
    for number in range(len(made.lines)):
        Tag.objects.all().delete()
        try:
            with steps(number, **{side: cut}):
                write_two()
        except WriteBroken as error:
            told.append((number, error.written, str(error)))
            assert Tag.objects.nocache().count() == 2
            missing = {tag.pk for tag in Tag.objects.nocache() if tag.created_at not in (WHEN, LATER)}
            assert {pk for pk in missing if f"+00:00 of {pk}" in told[-1][-1]} == missing != set()
        except WriteRefused:
            assert not Tag.objects.nocache().exists()
        else:
            assert {name: created for name, (created, _) in moments().items()} == {"one": WHEN, "two": LATER}
    # A change whose answer is lost is read back.
    assert [(number, written) for number, written, _ in told] == ([(3, 2), (4, 2)] if side == "before" else [])
    assert all("The block was committed" in text and "$createdAt = 202" in text for *_, text in told)
