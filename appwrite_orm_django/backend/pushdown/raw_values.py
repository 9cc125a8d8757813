"""
Values as aggregates, groups and joined columns answer them: in the words of the database, not of Appwrite.

Numbers are text, booleans "0" and "1", datetimes ``2026-01-01 06:00:00.000``, arrays JSON text (recordings ``agg-min-max``, ``group-by``,
``join-left``). Read tolerantly: another database under Appwrite has its own spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from appwrite_orm_django.backend.values import (
    BooleanCodec,
    Codec,
    DateCodec,
    DateTimeCodec,
    DurationCodec,
    FloatCodec,
    IntegerCodec,
    JsonCodec,
    RowIdCodec,
    ScaledDecimalCodec,
    TextDecimalCodec,
    TimeCodec,
    UUIDCodec,
)

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?")


def whole(raw: Any) -> int:
    """Read a whole number, which may have zeros after a point."""
    try:
        return int(raw)
    except ValueError:
        return int(Decimal(raw))


def moment(raw: Any) -> str:
    """Read a datetime as Appwrite writes it: ISO 8601 in UTC with milliseconds."""
    found = _MOMENT.match(raw)
    if found is None:
        return str(raw)
    fraction = (found[3] or ".")[1:4].ljust(3, "0")
    return f"{found[1]}T{found[2]}.{fraction}+00:00"


def truth(raw: Any) -> bool:
    return raw in (True, 1, "1", "t", "true")


_READERS: dict[type[Codec], Callable[[Any], Any]] = {
    **dict.fromkeys((Codec, JsonCodec, RowIdCodec, UUIDCodec, TimeCodec, TextDecimalCodec), str),
    **dict.fromkeys((IntegerCodec, ScaledDecimalCodec, DurationCodec), whole),
    **dict.fromkeys((DateTimeCodec, DateCodec), moment),
    FloatCodec: float,
    BooleanCodec: truth,
}
#: Codecs whose values sum up as the Python values do.
SUMMABLE = (IntegerCodec, ScaledDecimalCodec, DurationCodec, FloatCodec)


def reader_for(codec: Codec) -> Callable[[Any], Any] | None:
    """Return what turns a database's value into the wire form of ``codec``; None for types that are left to local evaluation."""
    return _READERS.get(type(codec))
