"""Convert the values of one column to another: decode their meaning, then encode it again."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email, validate_ipv46_address
from django.utils.dateparse import parse_date, parse_datetime, parse_time

from .definitions import INT64, Column, Encoding
from .encodings import of_column
from .limits import characters_of
from .names import InvalidRowId, check_text, decode_integer, encode_integer

_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
#: Digits of a second, or of an offset's: Python leaves out, in silence, those after the sixth.
_FRACTION = re.compile(r"[.,](\d+)")
#: Python takes for a UUID whatever ``int()`` reads, such as ``1_2`` and ``+1``.
_UUID = re.compile(r"(?:urn:)?(?:uuid:)?\{?(?:[0-9a-f]-?){32}\}?", re.IGNORECASE)
_TRUTH = {
    "true": True,
    "t": True,
    "yes": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "0": False,
}
_NUMBERS = frozenset({"boolean", "decimal", "float", "integer", "long decimal"})
#: Kinds that can be written as text and read back.
_SPELLED = _NUMBERS | {"date", "datetime", "json", "time", "uuid"}
#: The digits of a float that Appwrite 1.9 returns.
_FLOAT_DIGITS = 14
#: The server refuses -2**63 itself.
_INTEGERS = (INT64[0] + 1, INT64[1])
#: More digits than the longest decimal has, which is that of a varchar.
_MOST_DIGITS = 16_381

#: Bounds that every server accepts; the doctor tries both (`doctor/experiments.py`).
_FIRST_MOMENT = datetime(1000, 1, 1, tzinfo=timezone.utc)
_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
_OUT_OF_BOUNDS = "not between the year 1000 and 9999-12-31 23:59:59 in UTC"

_FORMATS: dict[str, tuple[str, Callable[[str], None]]] = {
    "email": ("an e-mail address", validate_email),
    "url": ("a URL", URLValidator()),
    "ip": ("an IP address", validate_ipv46_address),
}


_TOO_MANY_DIGITS = f"more digits than the {_FLOAT_DIGITS} that a float keeps"
_WITHIN_A_DAY = "a moment within a day, which a date would lose"


class CannotConvert(ValueError):
    """A value cannot be converted to the other column; the text gives the reason."""


def has_equals(before: Encoding, after: Encoding) -> bool:
    """
    Return whether values of one encoding can be converted to another.

    There is no defined unit for a duration as a number, no character set for bytes, and no row that
    corresponds to a row of another table.
    """
    first, second = before.kind, after.kind
    if before.row_id and after.target and first != second:
        return False  # an id of another table
    if (
        first == second
        or (first in _NUMBERS and second in _NUMBERS)
        or {first, second} == {"date", "datetime"}
    ):
        return True
    return (first == "text" and second in _SPELLED) or (second == "text" and first in _SPELLED)


def convert(value: Any, before: Column, after: Column) -> Any:
    """
    Return a value converted to the new column; None stays None.

    Values are never rounded, truncated or guessed: what does not fit exactly is refused. A single
    value becomes a list of one, and a list of at most one becomes a single value; a null in a list
    counts.

    Raises:
        CannotConvert: the value does not fit exactly.
    """
    if value is None:
        return None
    source, target = of_column(before), of_column(after)
    items = value if before.array else [value]
    if before.array and after.array and None in items and target.kind in _NUMBERS:
        raise CannotConvert("Appwrite stores 0 for null in a list of numbers")
    if not after.array and len(items) > 1:
        raise CannotConvert(f"{len(items)} values for a column that holds one")
    converted = [
        None if item is None else convert_one(item, source, after, target) for item in items
    ]
    if after.array:
        return converted
    return converted[0] if converted else None


def meaning(value: Any, column: Column) -> Any:
    """Return a column's value for display, 9.90 for 990, or unchanged if it cannot be decoded."""
    source = of_column(column)
    try:
        return (
            [_read(item, source) for item in value]
            if isinstance(value, list)
            else _read(value, source)
        )
    except CannotConvert:
        return value


def convert_one(item: Any, source: Encoding, after: Column, target: Encoding) -> Any:
    """
    Return a single value, or an element of a list, converted to the new column.

    Raises:
        CannotConvert: the value does not fit exactly.
    """
    if not has_equals(source, target):
        if after.type in {"point", "linestring", "polygon"}:
            raise CannotConvert(f"no other type can be converted to a {after.type}")
        raise CannotConvert(
            f"{'row id of ' if source.row_id else ''}{source.kind} cannot be converted to "
            f"{target.kind}"
        )
    value = _read(item, source)
    if target.kind == "text":
        return _text(value, after)
    if target.row_id:
        return _row_id(value, target, after)
    write = _WRITERS.get(target.kind)
    if write is None and source.row_id:
        raise CannotConvert(f"the row id of a {source.kind} is written in another way")
    if target.kind == "float" and source.array and not after.array and value != _as_held(value):
        # Elements of a list keep all of their digits.
        raise CannotConvert(_TOO_MANY_DIGITS)
    # A custom codec: the value keeps its wire format.
    written = value if write is None else write(value, after, target)
    return _short_enough(written, after) if isinstance(written, str) else written


# Decoding wire values


def _read(wire: Any, source: Encoding) -> Any:
    """Decode a wire value; texts, integers, floats, booleans and datetimes stay as they are."""
    read = (_ROW_ID_READERS if source.row_id else _READERS).get(source.kind)
    if read is None:
        return wire
    try:
        return read(wire, source)
    except CannotConvert:
        raise
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        raise CannotConvert(f"not a {source.kind} in this library's format") from None


def _read_date(wire: Any, _source: Encoding) -> date:
    _without_time_of_day(datetime.fromisoformat(wire))
    return date.fromisoformat(wire[:10])


def _read_scaled(wire: Any, source: Encoding) -> Decimal:
    with localcontext() as context:
        context.prec = 40
        return Decimal(int(wire)).scaleb(-(source.places or 0))


_READERS: dict[str, Callable[[Any, Encoding], Any]] = {
    "date": _read_date,
    "decimal": _read_scaled,
    "long decimal": lambda wire, _source: _decimal(wire),
    "time": lambda wire, _source: time.fromisoformat(wire),
    "uuid": lambda wire, _source: UUID(wire),
}
_ROW_ID_READERS: dict[str, Callable[[Any, Encoding], Any]] = {
    "integer": lambda wire, _source: decode_integer(wire),
    "date": lambda wire, _source: date.fromisoformat(wire),
    "datetime": lambda wire, _source: f"{wire[:13]}:{wire[13:15]}:{wire[15:21]}+00:00",
    "decimal": _read_scaled,
    "float": lambda wire, _source: float(wire),
    "long decimal": lambda wire, _source: _decimal(wire),
}


# Encoding values for the other column


def _text(value: Any, after: Column) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, Decimal):
        value = format(value, "f")
    elif isinstance(value, (date, time)):
        value = value.isoformat()
    elif isinstance(value, UUID):
        value = str(value)
    if not isinstance(value, (str, int, float)):
        raise CannotConvert("not a text")
    text = _short_enough(str(value), after)
    if after.elements and text not in after.elements:
        raise CannotConvert("not one of the elements")
    if after.type in _FORMATS:
        name, check = _FORMATS[after.type]
        try:
            check(text)
        except ValidationError:
            raise CannotConvert(f"not {name}") from None
    return text


def _short_enough(text: str, after: Column) -> str:
    longest = characters_of(after)
    if longest is not None and len(text) > longest:
        raise CannotConvert(f"{len(text)} characters exceed the maximum {longest}")
    return text


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        try:
            return int(value)
        except ValueError:  # Python reads 4,300 digits
            raise CannotConvert("more digits than an integer column holds") from None
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, (Decimal, float)) and value == math.floor(value):
        return int(value)
    raise CannotConvert("not a whole number")


def _decimal(value: Any) -> Decimal:
    """Return a number as a decimal; a float becomes the shortest decimal that equals it."""
    if isinstance(value, str) and "_" in value:  # only Python's source allows it
        raise CannotConvert("not a number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise CannotConvert("not a number") from None
    if not number.is_finite():
        raise CannotConvert("not a finite number")
    return number


def _places(value: Any, places: int) -> int:
    """Return the exact product of a number and 10**places."""
    number = _decimal(value)
    if number and number.adjusted() > _MOST_DIGITS:
        raise CannotConvert(f"more than {_MOST_DIGITS} digits")
    # Of what is nearer to zero than that, Python's context makes 0.
    if number and number.adjusted() < -places:
        raise CannotConvert(f"more than {places} decimal places")
    with localcontext() as context:
        context.prec = 2 * _MOST_DIGITS + len(number.as_tuple().digits)
        scaled = number.scaleb(places)
        if scaled != scaled.to_integral_value():
            raise CannotConvert(f"more than {places} decimal places")
    return int(scaled)


def _scaled(value: Any, after: Column, target: Encoding) -> int:
    places = target.places or 0
    scaled = _places(value, places)
    low, high = (
        _INTEGERS[side] if bound is None else bound
        for side, bound in enumerate((after.min, after.max))
    )
    if not low <= scaled <= high:
        least, most = (_read_scaled(bound, target) for bound in (low, high))
        raise CannotConvert(f"not between {least} and {most}")
    return scaled


def _long_decimal(value: Any, after: Column, target: Encoding) -> str:
    places = target.places or 0
    scaled = _places(value, places)
    # The size includes a sign, a decimal point and a zero before it.
    digits = None if after.size is None else after.size - 3
    if digits is not None and abs(scaled) >= 10**digits:
        raise CannotConvert(f"more than {digits} digits")
    with localcontext() as context:
        context.prec = 2 * _MOST_DIGITS
        return format(Decimal(scaled).scaleb(-places), "f")


def _float(value: Any, after: Column, _target: Encoding) -> float:
    number = _decimal(value)
    nearest = float(number)
    if not math.isfinite(nearest):
        raise CannotConvert("not a finite number")
    if number and not nearest:
        raise CannotConvert("nearer to zero than any float")
    if not isinstance(value, float) and number != Decimal(_with_digits(nearest)):
        raise CannotConvert(_TOO_MANY_DIGITS)
    return _bounded(nearest, after)  # type: ignore[no-any-return]  # as it came


def _with_digits(number: float) -> str:
    return f"{number:.{_FLOAT_DIGITS}g}"


def _as_held(number: float) -> float:
    """Return what a column of floats makes of a number."""
    return float(_with_digits(number))


def _bounded(number: Any, after: Column) -> Any:
    low = (
        after.min
        if after.min is not None
        else _INTEGERS[0]
        if after.type != "double"
        else -math.inf
    )
    high = (
        after.max if after.max is not None else _INTEGERS[1] if after.type != "double" else math.inf
    )
    if not low <= number <= high:
        raise CannotConvert(f"not between {low} and {high}")
    return number


def _truth(value: Any) -> bool:
    truth = (
        _TRUTH.get(value.strip().lower())
        if isinstance(value, str)
        else {0: False, 1: True}.get(value)
    )
    if truth is None:
        raise CannotConvert("neither true nor false")
    return truth


def _moment(value: Any) -> str:
    """Return a datetime in the server's format, in which equal datetimes are equal texts."""
    try:
        text = value.isoformat() if isinstance(value, date) else value.replace("Z", "+00:00")
        moment = _parsed(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(
            timezone.utc
        )
    except OverflowError:
        raise CannotConvert(_OUT_OF_BOUNDS) from None
    except (AttributeError, ValueError):
        raise CannotConvert("not a date in ISO 8601") from None
    if _has_more_digits(text, 3):
        raise CannotConvert("more digits of a second than the 3 that a datetime column holds")
    if not _FIRST_MOMENT <= moment <= _LAST_MOMENT:
        raise CannotConvert(_OUT_OF_BOUNDS)
    return moment.isoformat(timespec="milliseconds")


def _has_more_digits(text: str, digits: int) -> bool:
    """Return whether a second has digits other than zero after so many, where Python reads no more than 6."""
    return any(fraction[digits:].strip("0") for fraction in _FRACTION.findall(text))


def _date(value: Any) -> str:
    if isinstance(value, date):
        return _moment(value)
    text = str(value)
    try:
        moment = _parsed(text.replace("Z", "+00:00"))
    except ValueError:
        raise CannotConvert("not a date in ISO 8601") from None
    if _has_more_digits(text, 0):
        raise CannotConvert(_WITHIN_A_DAY)
    _without_time_of_day(moment)
    return _moment(moment.date())


def _parsed(text: str) -> datetime:
    """
    Return a datetime from text in a form that Django's fields accept.

    Raises:
        ValueError: it has no such form, or is impossible.
    """
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text)
    if (moment := parse_datetime(text)) is not None:
        return moment
    if (day := parse_date(text)) is not None:
        return datetime.combine(day, time())
    raise ValueError(text)


def _without_time_of_day(moment: datetime) -> None:
    if moment.time() != time() or moment.utcoffset():
        raise CannotConvert(_WITHIN_A_DAY)


def _time(value: Any) -> str:
    try:
        moment = value if isinstance(value, time) else time.fromisoformat(value)
    except ValueError:
        # Django's function would drop a time zone from what Python can read.
        moment = _unpadded_time(value)
    if moment.tzinfo is not None:
        raise CannotConvert("a time zone, which would be lost")
    if isinstance(value, str) and _has_more_digits(value, 6):
        raise CannotConvert("more digits of a second than the 6 that a time has")
    return f"{moment:%H:%M:%S.%f}"


def _unpadded_time(text: str) -> time:
    try:
        moment = parse_time(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CannotConvert("not a time in ISO 8601")
    return moment


def _uuid(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if not _UUID.fullmatch(value):
        raise CannotConvert("not a UUID")
    return str(UUID(value))


def _json(value: str) -> str:
    """Return JSON in the format of ``JSONField``."""
    try:
        return json.dumps(
            json.loads(value, object_pairs_hook=_json_object, parse_float=_json_float),
            allow_nan=False,
        )
    except CannotConvert:
        raise
    except RecursionError:
        raise CannotConvert("JSON that is nested too deeply") from None
    except ValueError:
        raise CannotConvert("not JSON") from None


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(
            key for key, count in Counter(key for key, _value in pairs).items() if count > 1
        )
        raise CannotConvert(f"JSON with the key {twice!r} twice, of which Python keeps the last")
    return found


def _json_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or Decimal(repr(number)) != Decimal(text):
        raise CannotConvert(f"JSON with the number {text}, of which a float of Python is no equal")
    return number


def _row_id(value: Any, target: Encoding, after: Column) -> str:
    try:
        if target.kind == "integer":
            return encode_integer(_integer(value))
        if target.kind == "date":
            return _date(value)[:10]
        if target.kind == "decimal":
            return check_text(str(_places(value, target.places or 0)))
        if target.kind == "long decimal":
            return check_text(_long_decimal(value, after, target))
    except InvalidRowId as error:
        raise CannotConvert(str(error)) from None
    raise CannotConvert(f"no value can be converted to a row id of {target.kind}")


_WRITERS: dict[str, Callable[[Any, Column, Encoding], Any]] = {
    "boolean": lambda value, _after, _target: _truth(value),
    "date": lambda value, _after, _target: _date(value),
    "datetime": lambda value, _after, _target: _moment(value),
    "decimal": _scaled,
    "float": _float,
    "integer": lambda value, after, _target: _bounded(_integer(value), after),
    "json": lambda value, _after, _target: _json(value),
    "long decimal": _long_decimal,
    "time": lambda value, _after, _target: _time(value),
    "uuid": lambda value, _after, _target: _uuid(value),
}
