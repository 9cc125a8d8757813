import pytest
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend import row_ids

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
