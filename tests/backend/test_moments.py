"""The moments that the server keeps of a row: no commit keeps those that are given, so they are written after it; objects hold what rows hold."""

import json
from contextlib import nullcontext

import pytest
from asgiref.sync import async_to_sync
from django.core import management, serializers
from django.db import connections, transaction
from django.db.models import F, Value

from appwrite_orm_django.transactions import WriteBroken, WriteRefused
from tests.fixtures import moment
from tests.kinds import level_settings, make_tables
from tests.library.models import (
    Author,
    Book,
    Country,
    Magazine,
    Publication,
    Supplement,
    Tag,
    Translation,
)
from tests.steps import cut, steps

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

WHEN, LATER = moment(2020, 1, 1, 12, 0, 0, 1000), moment(2021, 2, 3)


MODELS = (Country, Author, Tag, Book, Publication, Magazine, Supplement, Translation)


@pytest.fixture(params=["1.9", "2.x"], autouse=True)
def level(request, connect):
    connection = connect(**level_settings(request.param, "moments", CACHE={}))
    if make_tables(connection, MODELS):
        # The first block that changes a row it has read makes the table of claims, which no test is to count.
        Tag.objects.create(name="first")
        with atomic():
            Tag.objects.get().delete()
            Tag.objects.create(name="second")
        Tag.objects.all().delete()
    yield request.param
    for model in reversed(MODELS):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")
    connections["appwrite"].close()


def atomic():
    return transaction.atomic("appwrite")


def moments():
    return {tag.name: (tag.created_at, tag.updated_at) for tag in Tag.objects.nocache().all()}


def create():
    Tag.objects.create(name="one", created_at=WHEN)
    Tag.objects.create(name="two", created_at=LATER, updated_at=LATER)


def bulk_create():
    Tag.objects.bulk_create(
        [Tag(name="one", created_at=WHEN), Tag(name="two", created_at=LATER, updated_at=LATER)]
    )


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
        {
            "model": "library.tag",
            "pk": name,
            "fields": {"name": name, "created_at": created.isoformat(), **more},
        }
        for name, created, more in (
            ("one", WHEN, {}),
            ("two", LATER, {"updated_at": LATER.isoformat()}),
        )
    ]
    for found in serializers.deserialize("json", json.dumps(rows), using="appwrite"):
        found.save(using="appwrite")


@pytest.mark.parametrize(
    "write", [create, bulk_create, create_and_update, update_rows_that_are_there, load]
)
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
            two, three = Tag.objects.bulk_create(
                [Tag(name="two"), Tag(name="three", created_at=WHEN)]
            )
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
            tag, other = (
                Country.objects.create(code="FR", name="France"),
                Author.objects.create(name="Zola"),
            )
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

        tag, updated = async_to_sync(make)()
        assert updated == Tag.objects.get(pk=tag.pk).updated_at


def by_bulk_update(tag):
    tag.created_at = WHEN
    Tag.objects.bulk_update([tag], ["created_at"])


def by_bulk_update_of_more(tag):
    tag.created_at, tag.name = WHEN, "bulk"
    Tag.objects.bulk_update([tag], ["name", "created_at"])


def by_save_of_one_field(tag):
    tag.created_at = WHEN
    tag.save(update_fields=["created_at"])


def by_save_of_both(tag):
    tag.created_at, tag.updated_at = WHEN, WHEN
    tag.save(update_fields=["created_at", "updated_at"])


def by_update_or_create(tag):
    Tag.objects.update_or_create(pk=tag.pk, defaults={"created_at": WHEN})


def by_upsert(tag):
    Tag.objects.bulk_create(
        [Tag(pk=tag.pk, name=tag.name, created_at=WHEN)],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["created_at"],
    )


def by_expression(tag):
    tag.created_at = Value(WHEN)
    tag.save()


def by_update_of_what_is_computed(tag):
    Tag.objects.filter(pk=tag.pk).update(created_at=F("created_at") - (tag.created_at - WHEN))


def by_update_of_another_column(tag):
    Tag.objects.filter(pk=tag.pk).update(updated_at=WHEN)
    Tag.objects.filter(pk=tag.pk).update(created_at=F("updated_at"))


def by_a_coroutine(tag):
    tag.created_at = WHEN
    async_to_sync(tag.asave)()


def by_an_update_of_a_coroutine(tag):
    async_to_sync(Tag.objects.filter(pk=tag.pk).aupdate)(created_at=WHEN)


WAYS = [
    by_bulk_update, by_bulk_update_of_more, by_save_of_one_field, by_save_of_both, by_update_or_create, by_upsert,
    by_expression, by_update_of_what_is_computed, by_update_of_another_column, by_a_coroutine, by_an_update_of_a_coroutine,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["alone", "read", "created", "with others"])
def test_each_way_of_giving_a_moment(way, place):
    tag = None if place == "created" else Tag.objects.create(name="one")
    if place == "alone":
        way(tag)
    else:
        with atomic():
            if place == "created":
                tag = Tag.objects.create(name="one")
            elif place == "with others":
                Tag.objects.create(name="other")
            if place == "read":
                tag = Tag.objects.get(pk=tag.pk)
            way(tag)
    row = Tag.objects.nocache().get(pk=tag.pk)
    assert row.created_at == WHEN
    tag.refresh_from_db()
    assert tag.created_at == WHEN


async def create_twice(one, two):
    return [
        await Tag.objects.acreate(name=one, created_at=WHEN),
        *await Tag.objects.abulk_create([Tag(name=two, created_at=WHEN)]),
    ]


def both_by_save(tag):
    tag.created_at, tag.updated_at = WHEN, LATER
    tag.save(update_fields=["created_at", "updated_at"])


def both_by_bulk_update(tag):
    tag.created_at, tag.updated_at = WHEN, LATER
    Tag.objects.bulk_update([tag], ["created_at", "updated_at"])


def both_by_upsert(tag):
    Tag.objects.bulk_create(
        [Tag(pk=tag.pk, name=tag.name, created_at=WHEN, updated_at=LATER)],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["name", "created_at", "updated_at"],
    )


def both_by_update_or_create(tag):
    Tag.objects.update_or_create(pk=tag.pk, defaults={"created_at": WHEN, "updated_at": LATER})


def both_by_a_fixture(tag):
    fields = {"name": tag.name, "created_at": WHEN.isoformat(), "updated_at": LATER.isoformat()}
    (found,) = serializers.deserialize(
        "python", [{"model": "library.tag", "pk": tag.pk, "fields": fields}]
    )
    found.save(using="appwrite")


BOTH = [
    both_by_save,
    both_by_bulk_update,
    both_by_upsert,
    both_by_update_or_create,
    both_by_a_fixture,
]


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("inside", [True, False])
def test_each_way_of_giving_both_moments_to_a_row_that_is_there(way, inside):
    tag, other = Tag.objects.create(name="one"), Tag.objects.create(name="two")
    with atomic() if inside else nullcontext():
        way(tag)
        Tag.objects.filter(pk=other.pk).update(name="three")
    assert moments()["one"] == (WHEN, LATER)
    assert LATER not in moments()["three"]


@pytest.mark.parametrize("inside", [True, False])
def test_moments_that_an_object_holds_are_not_given_with_others(inside):
    """An object that was read gives its moments to nobody, whatever is saved of it."""
    tag = Tag.objects.create(name="one", created_at=WHEN, updated_at=LATER)
    with atomic() if inside else nullcontext():
        for name, save in (
            ("two", lambda one: one.save()),
            ("three", lambda one: one.save(update_fields=["name", "updated_at", "created_at"])),
            (
                "four",
                lambda one: Tag.objects.update_or_create(pk=one.pk, defaults={"name": "four"}),
            ),
        ):
            tag = Tag.objects.get(pk=tag.pk)
            tag.name = name
            save(tag)
            if not inside:
                created, updated = moments()[name]
                assert created == WHEN
                assert updated > LATER
    created, updated = moments()["four"]
    assert created == WHEN
    assert updated > LATER


def test_creations_by_what_looks_first():
    for inside in (True, False):
        with atomic() if inside else nullcontext():
            made = [
                Tag.objects.get_or_create(name=f"a-{inside}", defaults={"created_at": WHEN})[0],
                Tag.objects.update_or_create(name=f"b-{inside}", defaults={"created_at": WHEN})[0],
                *async_to_sync(create_twice)(f"c-{inside}", f"d-{inside}"),
            ]
        assert [tag.created_at for tag in made] == [WHEN] * 4
        assert {Tag.objects.nocache().get(pk=tag.pk).created_at for tag in made} == {WHEN}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("model", [Magazine, Supplement])
def test_children_of_other_tables(model, inside):
    more = {"topic": "wine"} if model is Supplement else {}
    with atomic() if inside else nullcontext():
        made = model.objects.create(title="one", issue=1, created_at=WHEN, **more)
        saved = model(title="two", issue=2, created_at=WHEN, **more)
        saved.save()
        changed = model.objects.create(title="three", issue=3, **more)
        model.objects.filter(issue=3).update(created_at=WHEN, issue=4)
        plain = model.objects.create(title="four", issue=5, **more)
        model.objects.filter(issue=1).update(issue=7)
    for one in (made, saved, changed):
        assert model.objects.nocache().get(pk=one.pk).created_at == WHEN
        assert Publication.objects.nocache().get(pk=one.pk).created_at == WHEN
    assert made.created_at == saved.created_at == WHEN
    assert plain.created_at == Publication.objects.nocache().get(pk=plain.pk).created_at != WHEN


def test_fixtures_inside_a_block(tmp_path):
    for name, created in (("one", WHEN), ("two", LATER)):
        Tag.objects.create(name=name, created_at=created)
    before = moments()
    fixture = tmp_path / "tags.json"
    management.call_command("dumpdata", "library.tag", database="appwrite", output=str(fixture))
    for is_empty in (True, False):
        if is_empty:
            Tag.objects.all().delete()
        else:
            Tag.objects.update(created_at=LATER, updated_at=LATER)
        with atomic():
            management.call_command("loaddata", str(fixture), database="appwrite", verbosity=0)
            Tag.objects.create(name=f"other-{is_empty}")
        found = moments()
        assert {name: found[name] for name in before} == before


class TestSeveralWritesOfOneRow:
    def given(self, tag):
        return Tag.objects.nocache().get(pk=tag.pk).created_at

    def test_the_last_moment_counts(self):
        tag = Tag.objects.create(name="one")
        with atomic():
            Tag.objects.filter(pk=tag.pk).update(created_at=LATER)
            new = Tag.objects.create(name="new", created_at=LATER)
            Tag.objects.filter(pk__in=[tag.pk, new.pk]).update(created_at=WHEN)
        assert self.given(tag) == self.given(new) == WHEN

    @pytest.mark.parametrize("first", [True, False])
    def test_writes_of_other_columns_leave_it(self, first):
        old = Tag.objects.create(name="old")
        with atomic():
            if first:
                Tag.objects.filter(pk=old.pk).update(created_at=WHEN)
            new = Tag.objects.create(name="new", created_at=WHEN)
            for tag in (old, new):
                tag.name += "er"
                tag.save()
            if not first:
                Tag.objects.filter(pk=old.pk).update(created_at=WHEN)
        assert self.given(old) == self.given(new) == new.created_at == WHEN
        assert Tag.objects.get(pk=old.pk).name == "older"

    def test_what_a_savepoint_takes_back(self):
        old = Tag.objects.create(name="old")
        created = old.created_at
        with atomic():
            new = Tag.objects.create(name="new")
            with pytest.raises(ZeroDivisionError), atomic():
                Tag.objects.update(created_at=WHEN)
                Tag.objects.create(name="gone", created_at=WHEN)
                raise ZeroDivisionError
            with atomic():
                kept = Tag.objects.create(name="kept", created_at=LATER)
        assert self.given(old) == created
        assert self.given(new) not in (WHEN, LATER)
        assert self.given(kept) == kept.created_at == LATER
        assert Tag.objects.count() == 3

    @pytest.mark.parametrize("inside", [True, False])
    def test_what_is_deleted_later(self, inside):
        tag = Tag.objects.create(name="one")
        kept = Tag.objects.create(name="two")
        with atomic():
            Tag.objects.update(created_at=WHEN)
            gone = Tag.objects.create(name="gone", created_at=WHEN)
            if inside:
                Tag.objects.exclude(pk=kept.pk).delete()
        if not inside:
            Tag.objects.filter(pk__in=[gone.pk, tag.pk]).delete()
        assert [row.created_at for row in Tag.objects.nocache()] == [WHEN]

    def test_a_row_under_its_old_name_in_the_block(self):
        """What the block reads before its end is what it has written."""
        tag = Tag.objects.create(name="one")
        with atomic():
            Tag.objects.filter(pk=tag.pk).update(created_at=WHEN)
            assert Tag.objects.get(pk=tag.pk).created_at == WHEN
            assert Tag.objects.filter(created_at__lte=WHEN).count() == 1
            assert Tag.objects.values_list("created_at", flat=True).get() == WHEN
        assert self.given(tag) == WHEN


def write_two():
    with atomic():
        one = Tag.objects.create(name="one", created_at=WHEN)
        two = Tag.objects.create(name="two", created_at=LATER)
    return one, two


@pytest.mark.parametrize("side", ["before", "after"])
def test_whichever_request_is_cut_nothing_is_written_or_all_or_the_error_names_what_is_missing(
    side,
):
    with steps() as made:
        write_two()
    assert [line.partition(" ")[0] for line in made.lines] == [
        "POST",
        "POST",
        "PATCH",
        "PATCH",
        "PATCH",
    ]
    told = []
    for number in range(len(made.lines)):
        Tag.objects.all().delete()
        try:
            with steps(number, **{side: cut}):
                write_two()
        except WriteBroken as error:
            told.append((number, error.written, str(error)))
            assert Tag.objects.nocache().count() == 2
            missing = {
                tag.pk for tag in Tag.objects.nocache() if tag.created_at not in (WHEN, LATER)
            }
            assert {pk for pk in missing if f"+00:00 of {pk}" in told[-1][-1]} == missing != set()
        except WriteRefused:
            assert not Tag.objects.nocache().exists()
        else:
            assert {name: created for name, (created, _) in moments().items()} == {
                "one": WHEN,
                "two": LATER,
            }
    # A change whose answer is lost is read back.
    assert [(number, written) for number, written, _ in told] == (
        [(3, 2), (4, 2)] if side == "before" else []
    )
    assert all(
        "The block was committed" in text and "$createdAt = 202" in text for *_, text in told
    )
