"""Rows that are kept as columns come back as they were, type by type."""

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.cache import entries, row_packing

UTC = datetime.timezone.utc
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=UTC)


class Moment(datetime.datetime):
    """A subclass, which may hold more than its base."""


cells = {
    "text": st.text(),
    "number": st.integers() | st.floats(allow_nan=False),
    "moment": st.datetimes(timezones=st.just(UTC)),
    "moment or none": st.datetimes(timezones=st.just(UTC)) | st.none(),
    "naive": st.datetimes(),
    "elsewhere": st.datetimes(timezones=st.just(zoneinfo.ZoneInfo("Europe/Paris"))),
    "mixed": st.none()
    | st.booleans()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.dates()
    | st.binary(),
}


@given(st.data())
def test_rows_come_back(data):
    kinds = data.draw(st.lists(st.sampled_from(list(cells)), min_size=1, max_size=4))
    rows = data.draw(
        st.lists(st.tuples(*(cells[kind] for kind in kinds)), min_size=14, max_size=20)
    )
    for compress_above in (0, 10**9):
        back = entries.decode_body(entries.encode(rows, compress_above=compress_above))
        assert back == rows
        assert [[(type(cell), getattr(cell, "tzinfo", None)) for cell in row] for row in back] == [
            [(type(cell), getattr(cell, "tzinfo", None)) for cell in row] for row in rows
        ]
        assert [type(row) for row in back] == [tuple] * len(rows)


@pytest.mark.parametrize("codec", [entries.PLAIN, entries.LZ4])
def test_moments_in_utc_are_packed(codec):
    rows = [(str(number), NOON + datetime.timedelta(milliseconds=number)) for number in range(16)]
    body = entries.encode(rows, compress_above=0 if codec else 10**9)
    assert body[0] == codec + entries.SPLIT
    assert entries.decode_body(body) == rows


@pytest.mark.parametrize(
    "moment",
    [
        None,
        NOON.replace(fold=1),
        NOON.replace(tzinfo=None),
        NOON.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
        NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(0), "Z")),
        Moment(2026, 1, 1, tzinfo=UTC),
        NOON.date(),
    ],
)
def test_a_column_with_anything_else_is_not(moment):
    rows = [(NOON,)] * 15 + [(moment,)]
    assert row_packing.split(rows) is None
    (back,) = entries.decode_body(entries.encode(rows, compress_above=10**9))[-1]
    assert (back, type(back), getattr(back, "fold", 0)) == (
        moment,
        type(moment),
        getattr(moment, "fold", 0),
    )
    assert str(getattr(back, "tzinfo", None)) == str(getattr(moment, "tzinfo", None))


@pytest.mark.parametrize(
    "value",
    [
        [(NOON,)] * 15,
        ((NOON,),) * 16,
        [[NOON]] * 16,
        [(NOON,)] * 15 + [(NOON, 1)],
        [(NOON,)] * 15 + [[NOON]],
        [NOON] * 16,
        [()] * 16,
        16,
        None,
    ],
)
def test_what_is_no_table_of_rows_is_kept_as_it_is(value):
    assert row_packing.split(value) is None
    assert entries.decode_body(entries.encode(value, compress_above=10**9)) == value


def test_damaged_columns_raise_the_one_kind_of_error():
    rows = [(NOON,)] * 16
    body = entries.encode(rows, compress_above=10**9)
    assert entries.decode_body(body) == rows
    for damaged in (
        body[:-20],
        body[:1] + b"\x80\x05K\x10.",
        bytes((entries.SPLIT + 9,)) + body[1:],
    ):
        with pytest.raises(entries.EntryError):
            entries.decode_body(damaged)
