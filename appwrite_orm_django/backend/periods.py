"""Compute the start of a calendar period (year, quarter, month, ...) and of the next one."""

from __future__ import annotations

import datetime
from typing import Literal, get_args

Kind = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
KINDS: tuple[str, ...] = get_args(Kind)
#: Periods that a change of the clock cannot split in two.
WHOLE_DAYS = frozenset({"year", "quarter", "month", "week", "day"})

_FIXED = {
    "week": datetime.timedelta(days=7),
    "day": datetime.timedelta(days=1),
    "hour": datetime.timedelta(hours=1),
    "minute": datetime.timedelta(minutes=1),
    "second": datetime.timedelta(seconds=1),
}
_MONTHS = {"year": 12, "quarter": 3, "month": 1}


def start_of(moment: datetime.datetime, kind: Kind) -> datetime.datetime:
    """Return the start of the period around a naive datetime. Weeks begin on Monday."""
    if kind in _MONTHS:
        first = (moment.month - 1) // _MONTHS[kind] * _MONTHS[kind] + 1
        return datetime.datetime(moment.year, first, 1)
    if kind == "week":
        moment -= datetime.timedelta(days=moment.weekday())
    if kind in WHOLE_DAYS:
        return datetime.datetime(moment.year, moment.month, moment.day)
    smaller = {"hour": {"minute": 0, "second": 0}, "minute": {"second": 0}, "second": {}}[kind]
    return moment.replace(microsecond=0, **smaller)  # type: ignore[arg-type]  # names of parts of a time


def next_start(start: datetime.datetime, kind: Kind) -> datetime.datetime:
    """
    Return the start of the period after the period that begins at ``start``.

    Raises:
        OverflowError: the calendar ends before it.
    """
    if kind in _FIXED:
        return start + _FIXED[kind]
    month = start.month - 1 + _MONTHS[kind]
    if start.year + month // 12 > datetime.MAXYEAR:
        raise OverflowError("the calendar ends with the year 9999")
    return start.replace(year=start.year + month // 12, month=month % 12 + 1)
