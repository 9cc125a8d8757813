import datetime
import decimal
import uuid

import pytest
from django.db import connections, models
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend.values import OutOfRange, codec_for, cut_to_milliseconds
from tests.library.models import Everything, Numbered, Token

UTC = datetime.timezone.utc


def codec(name, model=Everything):
    return codec_for(model._meta.get_field(name))


def round_trip(name, value, model=Everything):
    one = codec(name, model)
    return one.decode(one.encode(value))


@given(st.datetimes(min_value=datetime.datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_datetimes_keep_milliseconds(value):
    held = value.replace(microsecond=value.microsecond // 1000 * 1000)
    assert round_trip("datetime", value) == held
    assert cut_to_milliseconds(value) == held


@given(
    st.datetimes(min_value=datetime.datetime(1000, 1, 2), timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC), min_value=datetime.datetime(1000, 1, 2)),
)
def test_datetimes_sort_as_text(one, two):
    low, high = sorted((one, two))
    assert codec("datetime").encode(low) <= codec("datetime").encode(high)


def test_datetimes_are_written_in_utc():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    value = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=zone)
    assert codec("datetime").encode(value) == "2026-01-02T01:04:05.678+00:00"


def test_years_before_1000_do_not_fit():
    with pytest.raises(OutOfRange, match="year 1000") as caught:
        codec("datetime").encode(datetime.datetime(999, 12, 31, tzinfo=UTC))
    assert caught.value.side == -1


@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_dates(value):
    assert round_trip("date", value) == value


@given(st.times(), st.times())
def test_times_come_back_and_sort_as_text(one, two):
    assert round_trip("time", one) == one
    assert (codec("time").encode(one) < codec("time").encode(two)) == (one < two)


@given(st.timedeltas(datetime.timedelta(days=-100_000_000), datetime.timedelta(days=100_000_000)))
def test_durations(value):
    assert round_trip("duration", value) == value


@given(st.uuids())
def test_uuids(value):
    assert codec("uuid").encode(value) == str(value)
    assert round_trip("uuid", value) == value


@given(st.binary())
def test_binary(value):
    assert round_trip("binary", value) == value


@given(st.decimals(min_value=-(10**7), max_value=10**7, places=4))
def test_decimals_are_scaled_integers(value):
    wire = codec("decimal").encode(value)
    assert isinstance(wire, int)
    assert codec("decimal").decode(wire) == value


@given(st.decimals(min_value=-(10**19), max_value=10**19, places=10))
def test_long_decimals_are_text_of_one_spelling(value):
    wire = codec("long_decimal").encode(value)
    assert isinstance(wire, str)
    assert codec("long_decimal").decode(wire) == value
    assert (
        codec("long_decimal").encode(decimal.Context(prec=60).create_decimal(f"{value:f}00"))
        == wire
    )


def test_decimals_of_too_many_digits_do_not_fit():
    codec("decimal").encode(decimal.Decimal("99999999.9999"))
    for value, side in ((decimal.Decimal(100000000), 1), (decimal.Decimal("-1e30"), -1)):
        with pytest.raises(OutOfRange) as caught:
            codec("decimal").encode(value)
        assert caught.value.side == side


@pytest.mark.parametrize(("value", "side"), [(2**63, 1), (-(2**63), -1)])
def test_integers_beyond_64_bits_do_not_fit(value, side):
    with pytest.raises(OutOfRange) as caught:
        codec("big").encode(value)
    assert caught.value.side == side


def test_integers_at_the_edge_fit():
    assert round_trip("big", 2**63 - 1) == 2**63 - 1
    assert round_trip("big", -(2**63) + 1) == -(2**63) + 1


def test_whole_floats_are_floats_again():
    assert isinstance(codec("float").decode(3), float)


def test_floats_that_json_lacks_do_not_fit():
    for value in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(OutOfRange):
            codec("float").encode(value)


def test_text_with_nul_does_not_fit():
    with pytest.raises(OutOfRange, match="NUL"):
        codec("char").encode("a\x00b")


def test_integer_keys_and_keys_that_refer_to_them_are_padded_text():
    assert codec("id", Numbered).encode(5) == "0000000000000005"
    assert codec("parent", Numbered).encode(5) == "0000000000000005"
    assert codec("parent", Numbered).decode("0000000000000005") == 5


def test_uuid_keys_are_row_ids():
    value = uuid.uuid4()
    assert codec("id", Token).encode(value) == str(value)
    assert round_trip("id", value, Token) == value


SAMPLES = {
    "char": "Äpfel", "text": "x", "slug": "a-b", "email": "a@b.example", "url": "https://x.example", "ip": "::1", "integer": -5,
    "small": 3, "big": 2**40, "positive": 7, "boolean": True, "float": 1.5, "decimal": decimal.Decimal("12.5000"),
    "long_decimal": decimal.Decimal("1.1000000000"), "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "date": datetime.date(2026, 1, 2), "time": datetime.time(3, 4, 5), "duration": datetime.timedelta(seconds=5),
    "uuid": uuid.UUID(int=5), "binary": b"\x00\x01",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_stored_is_what_djangos_sqlite_backend_would_store(name):
    """Local evaluation loads rows as SQLite itself would have stored them."""
    field: models.Field = Everything._meta.get_field(name)
    value = SAMPLES[name]
    sqlite = connections["default"]
    expected = field.get_db_prep_save(value, sqlite)
    stored = codec(name).stored(codec(name).encode(value))
    if isinstance(expected, memoryview):
        expected = bytes(expected)
    assert str(stored) == str(expected) or stored == expected
