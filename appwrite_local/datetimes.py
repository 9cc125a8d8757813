"""Parse the many texts that PHP accepts as datetimes, and format the one that it sends."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appwrite_local.errors import ApiError

_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
_WIRE = re.compile(r"[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_BEFORE_YEAR_1 = re.compile(r"\s*(?=-|0000)-?(\d{4})-\d\d?-\d\d?(?!\d)")
_ZONE = r"\s*(?P<zone>Z|z|[+-]\d\d?(?::?\d\d)?|[A-Za-z]+(?:/[A-Za-z_]+)*)?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,:](?P<fraction>\d+))?)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"

_FORMATS = [
    re.compile(rf"\s*{pattern}(?:[T\s,]+{_CLOCK})?{_ZONE}\s*")
    for pattern in (
        rf"{_YEAR}-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})",
        rf"{_YEAR}/(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})",
        rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/{_YEAR}",
        rf"(?P<day>\d{{1,2}})[.-](?P<month>\d{{1,2}})[.-]{_YEAR}",
        rf"{_MONTH_NAME}\s+{_DAY},?\s+{_YEAR}",
        rf"{_DAY}[\s-]+{_MONTH_NAME}[\s-]+{_YEAR}",
        rf"{_YEAR}-?W(?P<week>\d\d)(?:-?(?P<weekday>\d))?",
        rf"{_YEAR}-(?P<month>\d\d)",
    )
] + [
    re.compile(
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)(?:[Tt\s]?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?{_ZONE}"
    )
]  # fmt: skip
_CLOCK_DIGITS = re.compile(r"([01]\d|2[0-4])([0-5]\d)")
_YEAR_ALONE = re.compile(r"\d{4}")
_TIMESTAMP = re.compile(r"@(-?\d+)(?:\.(\d{1,6}))?")
_RELATIVE = re.compile(
    r"\s*([+-]?\d+)\s*(sec|second|min|minute|hour|day|week|month|year)s?(\s+ago)?\s*", re.IGNORECASE
)
_DAYS = {"today": 0, "midnight": 0, "tomorrow": 1, "yesterday": -1}
_SECONDS = {
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
}


def format_datetime(moment: datetime) -> str:
    """Format as ``2026-01-01T00:00:00.000+00:00``: UTC, truncated to milliseconds."""
    moment = moment.astimezone(timezone.utc)
    return f"{moment.isoformat(timespec='milliseconds')}"


def now() -> datetime:
    """Return the current time of the server's clock, which tests may set."""
    return datetime.now(timezone.utc)


def now_text() -> str:
    return format_datetime(now())


def rule(first_year: int) -> str:
    """Return the rule that a text breaks which is no datetime from a year on."""
    return f"Value must be valid date between {first_year}-01-01 00:00:00 and 9999-12-31 23:59:59."


def parse_datetime(text: str, first_year: int = 1000) -> str | None:
    """
    Parse a datetime as PHP's ``DateTime`` does, and return it in the stored format.

    Without a zone it is UTC. Days and hours beyond their range carry over ("2020-02-30" is the
    first of March). ``None`` for text that is not a datetime, and for times before the first year or
    after the last full second of 9999 (recordings ``row-datetime``, ``dates-engine``).

    Raises:
        ApiError: 500 for a year that the server accepts and that is before the year 1, which the
            database does not read.
    """
    ancient = _BEFORE_YEAR_1.match(text) if first_year < 1 else None
    if ancient is not None and -int(ancient[1]) >= first_year:
        raise ApiError("general_unknown")
    if _WIRE.fullmatch(text):
        moment = _strict(text)
    else:
        try:
            moment = _read(text)
        except (ValueError, OverflowError):
            return None
    if moment is None:
        return None
    try:
        moment = moment.astimezone(timezone.utc)
    except OverflowError:
        return None
    return format_datetime(moment) if moment.year >= first_year and moment <= _LAST else None


@lru_cache(maxsize=1024)
def _strict(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _read(text)


def _read(text: str) -> datetime | None:
    for pattern in _FORMATS:
        match = pattern.fullmatch(text)
        if match is not None:
            return _from_parts(match.groupdict())
    return _from_words(text.strip().lower())


def _from_parts(parts: dict[str, str | None]) -> datetime | None:
    zone = _zone(parts.get("zone"))
    day = _day(parts)
    clock = _clock(parts)
    if zone is None or day is None or clock is None:
        return None
    return (day + clock).replace(tzinfo=zone)


def _day(parts: dict[str, str | None]) -> datetime | None:
    year = int(parts["year"] or 0)
    if parts.get("week"):
        week, weekday = int(parts["week"] or 0), int(parts.get("weekday") or 1)
        return (
            datetime.fromisocalendar(year, 1, 1) + timedelta(weeks=week - 1, days=weekday - 1)
            if week <= 53 and weekday <= 7
            else None
        )
    name = parts.get("name")
    if name is not None:
        if name[:3].lower() not in _MONTHS:
            return None
        month = _MONTHS.index(name[:3].lower()) + 1
    else:
        month = int(parts.get("month") or 1)
    day = int(parts.get("day") or 1)
    if month > 12 or day > 31:
        return None
    first = datetime(year, month, 1) if month else datetime(year - 1, 12, 1)
    return first + timedelta(days=day - 1)


def _clock(parts: dict[str, str | None]) -> timedelta | None:
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return None
    return timedelta(
        hours=hour,
        minutes=minute,
        seconds=second,
        microseconds=int((parts.get("fraction") or "")[:6].ljust(6, "0")),
    )


def _zone(name: str | None) -> tzinfo | None:
    if name is None or name.upper() in ("Z", "UTC", "GMT"):
        return timezone.utc
    if name[0] in "+-":
        digits = name[1:].replace(":", "")
        hours, minutes = (
            (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
        )
        offset = timedelta(hours=hours, minutes=minutes)
        return (
            timezone(-offset if name[0] == "-" else offset) if offset < timedelta(days=1) else None
        )
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _from_words(words: str) -> datetime | None:
    now = datetime.now(timezone.utc)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in ("", "now"):
        return now
    if words == "noon":
        return midnight + timedelta(hours=12)
    if words in _DAYS:
        return midnight + timedelta(days=_DAYS[words])
    if match := _CLOCK_DIGITS.fullmatch(words):
        return midnight + timedelta(hours=int(match[1]), minutes=int(match[2]))
    if _YEAR_ALONE.fullmatch(words):
        return now.replace(year=int(words), month=1, day=1) + timedelta(
            days=now.timetuple().tm_yday - 1
        )
    if match := _TIMESTAMP.fullmatch(words):
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
            seconds=int(match[1]), microseconds=int((match[2] or "").ljust(6, "0"))
        )
    if match := _RELATIVE.fullmatch(words):
        return _shifted(now, int(match[1]) * (-1 if match[3] else 1), match[2])
    return None


def _shifted(now: datetime, amount: int, unit: str) -> datetime:
    if unit in _SECONDS:
        return now + timedelta(seconds=amount * _SECONDS[unit])
    months = amount * (12 if unit == "year" else 1) + now.month - 1
    first = now.replace(year=now.year + months // 12, month=months % 12 + 1, day=1)
    return first + timedelta(days=now.day - 1)
