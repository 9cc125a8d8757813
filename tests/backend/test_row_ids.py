import operator
from contextlib import nullcontext

import pytest
from django.db import NotSupportedError, connections, transaction
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend import row_ids
from tests.library.models import Numbered

COMPARISONS = {
    "exact": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}

keys = st.integers(-row_ids.MAX_INTEGER, row_ids.MAX_INTEGER)


@given(keys)
def test_integers_come_back(key):
    assert row_ids.decode_integer(row_ids.encode_integer(key)) == key


@given(keys, keys)
def test_text_sorts_as_the_integers_do(one, two):
    assert (row_ids.encode_integer(one) < row_ids.encode_integer(two)) == (one < two)


@given(keys)
def test_every_integer_key_is_a_legal_row_id(key):
    text = row_ids.encode_integer(key)
    assert row_ids.check_text(text) == text


def test_integers_beyond_53_bits_are_refused():
    for key in (2**53, -(2**53)):
        with pytest.raises(row_ids.InvalidRowId, match="2\\*\\*53-1"):
            row_ids.encode_integer(key)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be empty"),
        ("a" * 37, "at most 36"),
        ("_a", "starts with"),
        ("a b", "A-Z"),
        ("é", "A-Z"),
        ("a\n", "A-Z"),
    ],
)
def test_text_that_appwrite_refuses_is_refused_with_the_reason(text, reason):
    with pytest.raises(row_ids.InvalidRowId, match=reason):
        row_ids.check_text(text)


def test_36_characters_are_accepted():
    assert row_ids.check_text("a" * 36)


def test_new_ids_are_legal_different_and_lower_case():
    made = {row_ids.new_row_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(row_ids.check_text(text) == text == text.lower() for text in made)
    assert {len(text) for text in made} == {24}


def test_new_integers_grow_and_fit_53_bits():
    made = [row_ids.new_integer_id() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert made[0] > 0
    assert made[-1] <= row_ids.MAX_INTEGER


def test_new_row_ids_sort_by_their_making():
    made = [row_ids.new_row_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(len(one) == 24 and row_ids.check_text(one) for one in made)


def test_new_row_ids_keep_their_order_when_the_clock_goes_back(monkeypatch):
    times = iter([5, 4, 5, 5, 6])
    monkeypatch.setattr(row_ids.time, "time_ns", lambda: next(times) * 1_000_000)
    maker = row_ids._RowIds()
    made = [maker.new() for _ in range(5)]
    assert made == sorted(set(made))
    assert [moment for moment, _ in made] == [5, 5, 5, 5, 6]


def _negative_writes():
    """Every way of writing an integer key, and a foreign key to one."""
    return [
        lambda: Numbered.objects.create(pk=-3, name="x"),
        lambda: Numbered(pk=-3, name="x").save(),
        lambda: Numbered.objects.bulk_create([Numbered(pk=5, name="x"), Numbered(pk=-3, name="x")]),
        lambda: Numbered.objects.bulk_create([Numbered(pk=-3, name="x")], ignore_conflicts=True),
        lambda: Numbered.objects.bulk_create(
            [Numbered(pk=-3, name="x")],
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=["name"],
        ),
        lambda: Numbered.objects.get_or_create(pk=-3, defaults={"name": "x"}),
        lambda: Numbered.objects.update_or_create(pk=-3, defaults={"name": "x"}),
        lambda: Numbered.objects.create(name="x", parent_id=-3),
        lambda: Numbered.objects.update(parent_id=-3),
        lambda: Numbered.objects.filter(pk=1).update(parent=-3),
        lambda: Numbered.objects.update(parent=F("pk") - 10),
        lambda: Numbered.objects.bulk_update([Numbered(pk=1, parent_id=-3)], ["parent"]),
    ]


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
@pytest.mark.parametrize("way", range(12))
@pytest.mark.parametrize("block", [False, True])
def test_negative_keys_are_refused_where_they_have_no_order(way, block):
    one = Numbered.objects.create(pk=1, name="one")
    write = _negative_writes()[way]
    with transaction.atomic(using="appwrite") if block else nullcontext():
        if connections["appwrite"].engine.orders_negative_keys:
            write()
            return
        with pytest.raises(NotSupportedError, match=r"negative key -\d+ cannot be stored on"):
            write()
    assert Numbered.objects.get() == one
    assert Numbered.objects.get().parent_id is None


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
def test_negative_constants_lie_below_every_key():
    Numbered.objects.bulk_create([Numbered(pk=key, name=str(key)) for key in (0, 7, 300)])
    if connections["appwrite"].engine.orders_negative_keys:
        Numbered.objects.create(pk=-3, name="-3")
    every = list(Numbered.objects.values_list("pk", flat=True))
    for bound in (-5, -3, -1, 0, 7):
        for lookup, compare in COMPARISONS.items():
            found = Numbered.objects.filter(**{f"pk__{lookup}": bound})
            assert list(found.values_list("pk", flat=True)) == [
                key for key in every if compare(key, bound)
            ]
            others = Numbered.objects.exclude(**{f"pk__{lookup}": bound})
            assert others.count() == len(every) - found.count()
        found = Numbered.objects.filter(pk__range=(bound, 10)).values_list("pk", flat=True)
        assert list(found) == [key for key in every if bound <= key <= 10]
        assert Numbered.objects.filter(pk__in=[bound, 300]).count() == 1 + (bound in every)
