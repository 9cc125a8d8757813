"""Where periods of the calendar begin."""

from datetime import datetime

import pytest

from appwrite_orm_django.backend.periods import KINDS, next_start, start_of

MOMENT = datetime(2024, 12, 31, 23, 59, 58, 999000)  # a Tuesday
CASES = {
    "year": (datetime(2024, 1, 1), datetime(2025, 1, 1)),
    "quarter": (datetime(2024, 10, 1), datetime(2025, 1, 1)),
    "month": (datetime(2024, 12, 1), datetime(2025, 1, 1)),
    "week": (datetime(2024, 12, 30), datetime(2025, 1, 6)),
    "day": (datetime(2024, 12, 31), datetime(2025, 1, 1)),
    "hour": (datetime(2024, 12, 31, 23), datetime(2025, 1, 1)),
    "minute": (datetime(2024, 12, 31, 23, 59), datetime(2025, 1, 1)),
    "second": (datetime(2024, 12, 31, 23, 59, 58), datetime(2024, 12, 31, 23, 59, 59)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_period_begins_and_ends(kind):
    start, following = CASES[kind]
    assert start_of(MOMENT, kind) == start
    assert start_of(start, kind) == start
    assert next_start(start, kind) == following
    assert start_of(following, kind) == following


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_follows_the_last_period_of_the_calendar(kind):
    last = start_of(datetime.max, kind)
    with pytest.raises(OverflowError):
        next_start(last, kind)
