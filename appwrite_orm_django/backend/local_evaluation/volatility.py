"""Whether SQL has the same answer as long as the rows are the same: what has not must not be cached."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Iterable
from typing import Any

# SQLite's, and those that Django's backend gives it (RAND is ``Random()`` and ``order_by("?")``).
_CHANCE = re.compile(r"\b(rand|random|randomblob|uuidv4|uuidv7)\s*\(", re.IGNORECASE)
_CLOCK = re.compile(r"\bcurrent_(time|date|timestamp)\b", re.IGNORECASE)
# These take the present moment where they are told "now", and where they are told nothing.
_CALENDAR = re.compile(r"\b(date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\(\s*(\))?", re.IGNORECASE)
_NOW = re.compile(r"'now'", re.IGNORECASE)
_PLAIN = (
    str,
    int,
    float,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type(None),
)


def is_volatile(sql: str, params: Iterable[Any]) -> bool:
    """Say whether the answer may change by itself, or depends on a value whose ``repr`` need not tell it from others."""
    values = tuple(params)
    if _CHANCE.search(sql) or _CLOCK.search(sql):
        return True
    calendar = list(_CALENDAR.finditer(sql))
    if calendar and (
        any(found[2] for found in calendar)
        or _NOW.search(sql)
        or any(isinstance(value, str) and value.lower() == "now" for value in values)
    ):
        return True
    return not all(isinstance(value, _PLAIN) for value in values)
