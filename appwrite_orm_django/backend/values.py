"""Encode the values of Django's fields for the wire, and find the columns that hold them."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import uuid
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import models

from appwrite_orm_django.backend import custom_values, row_ids
from appwrite_orm_django.client.queries import check_text
from appwrite_orm_django.schema import keys, names
from appwrite_orm_django.schema.keys import storage_field as storage_field
from appwrite_orm_django.schema.names import MAX_SCALED_DIGITS

ROW_ID = "$id"
SEQUENCE = "$sequence"
PERMISSIONS = "$permissions"
#: Datetimes of a row that the server sets. An API key may set them, but not in a transaction.
MOMENTS = ("$createdAt", "$updatedAt")
SYSTEM_COLUMNS = names.SYSTEM_COLUMNS
table_id = names.table_id


class RelationshipKey(str):
    """
    Mark the key of a relationship column.

    ``select`` must not name it (recording ``rel-manyToOne``).
    """

    __slots__ = ()


@lru_cache(maxsize=10_000)
def column_key(field: models.Field[Any, Any]) -> str:
    """
    Return the key of the column that holds ``field``.

    A primary key that is the row's ``$id`` has no other column.
    """
    if keys.is_row_id(field):
        return ROW_ID
    if field.column in SYSTEM_COLUMNS:
        return field.column
    key = names.column_key(field.column)  # type: ignore[arg-type]  # the stubs allow None, which no concrete field has
    return RelationshipKey(key) if getattr(field, "appwrite_relationship", False) else key


INT64 = (-(2**63) + 1, 2**63 - 1)  # -2**63 itself is refused (observed)
#: Significant digits of a float in a column: PHP writes no more into a statement (recording
#: ``query-numbers``).
FLOAT_DIGITS = 14
_FILTER_PLACES = 17
_PLACE = decimal.Decimal(1).scaleb(-_FILTER_PLACES)
#: The server rejects any fraction of the last second, in filters as well (recording
#: ``dates-engine``).
LAST_MOMENT = datetime.datetime(9999, 12, 31, 23, 59, 59)


class OutOfRange(ValueError):
    """
    Raised for a value that the column cannot hold.

    ``side`` is -1 if the value lies below everything that fits, 1 if it lies above, and 0 if it is
    not comparable. It is None if a row may have the value all the same, but the server cannot be
    asked for it.
    """

    def __init__(self, reason: str, side: int | None = 0) -> None:
        super().__init__(reason)
        self.side = side


class Codec:
    """
    Encode text; base class of the other codecs.

    ``orders`` is whether wire values sort as the Python values do. ``folds`` is whether the server
    also treats different values as equal.
    """

    orders = True
    is_text = True
    folds = False
    # Whether the server can compare the values for equality at all.
    compares = True
    # Whether the server may hold a less precise value than Python.
    shortens = False

    def encode(self, value: Any) -> Any:
        """
        Encode a prepared value (never None) for the wire.

        Raises:
            OutOfRange: no row can hold the value.
            InvalidText: the value is text with a lone surrogate.
        """
        # Not str(): for a member of an enumeration of texts, it would return the member's name.
        text = str.__str__(value) if isinstance(value, str) else custom_values.text_of(value)
        if "\x00" in text:
            raise OutOfRange("text with NUL characters cannot be stored")
        return check_text(text)

    def encode_within(self, value: Any) -> Any:
        """Encode a prepared value as an element of an array, or as part of a row id."""
        return self.encode(value)

    def held(self, value: Any) -> Any:
        """
        Return a value of the field as it is after a round trip to the server.

        This is the same object unless the server holds it less precisely.
        """
        return value

    def below(self, value: Any) -> Any:
        """
        Return the wire form of the greatest value that fits below a value that does not fit.

        None if ``value`` itself fits.
        """
        return None

    def found_between(self, wire: Any) -> tuple[Any, Any] | None:
        """
        Return the nearest values around a wire value that the server's filters can find.

        None if they can find the value itself.
        """
        return None

    def decode(self, wire: Any) -> Any:
        """Decode a wire value (never None) into the value that Django's field expects."""
        return wire

    def stored(self, wire: Any) -> Any:
        """Convert a wire value (never None) into the value that Django's SQLite backend stores."""
        return wire


def cut_to_milliseconds(value: Any) -> Any:
    """Truncate a datetime as the server does; return any other value unchanged."""
    if isinstance(value, datetime.datetime) and value.microsecond % 1000:
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def held_float(number: float) -> float:
    """
    Return a finite float as a column holds it.

    It has 14 significant digits, and no sign if it is zero.
    """
    return float(f"{number:.{FLOAT_DIGITS}g}") or 0.0


def is_found(number: float) -> bool:
    """
    Return whether a filter with this float finds a row that holds it.

    The server writes 17 places after the point.
    """
    return float(f"{number:.{_FILTER_PLACES}f}") == number


def hold(instance: models.Model, fields: Iterable[models.Field[Any, Any]]) -> None:
    """
    Set the attributes of an instance to the saved values as the server holds them.

    Only fields whose values the server holds less precisely than Python change.
    """
    attributes = instance.__dict__
    for field in fields:
        value = attributes.get(field.attname)
        if value is not None:
            attributes[field.attname] = codec_for(field).held(value)


def _whole(value: Any) -> int:
    """
    Return a number rounded to an integer, as an integer column holds it.

    Half rounds away from zero, as MariaDB and PostgreSQL round what an update computes.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OutOfRange(
                f"{value} is not an integer", 0 if math.isnan(value) else (1 if value > 0 else -1)
            )
        value = decimal.Decimal(value)
    if isinstance(value, decimal.Decimal) and value.is_finite():
        return int(value.to_integral_value(decimal.ROUND_HALF_UP))
    return int(value)


class IntegerCodec(Codec):
    """
    Encode integers in a field's range, which lies within the column's width.

    Beyond that width the server rejects even a filter (recording ``query-integer``).
    """

    is_text = False

    def __init__(self, low: int = INT64[0], high: int = INT64[1]) -> None:
        self.low = low
        self.high = high

    def encode(self, value: Any) -> int:
        number = _whole(value)
        if number < self.low:
            raise OutOfRange(f"{number} is below the minimum {self.low}", -1)
        if number > self.high:
            raise OutOfRange(f"{number} exceeds the maximum {self.high}", 1)
        return number

    def decode(self, wire: Any) -> int:
        return int(wire)


class FloatCodec(Codec):
    """
    Encode floats of 14 significant digits; floats in JSON or text keep more.

    In a filter the server writes 17 places after the point. For a number below 0.0001 these may be
    fewer digits than the column holds.
    """

    is_text = False
    shortens = True

    def held(self, value: Any) -> Any:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return value
        held = held_float(value)
        # Keep an integer where possible. A float may be a signed zero.
        return value if held == value and not isinstance(value, float) else held

    def encode(self, value: Any) -> float:
        return held_float(self.encode_within(value))

    def encode_within(self, value: Any) -> float:
        number = float(value)
        if math.isnan(number):
            raise OutOfRange("Appwrite cannot store NaN")
        if math.isinf(number):
            raise OutOfRange("Appwrite cannot store infinity", 1 if number > 0 else -1)
        return number or 0.0  # the server's zero has no sign

    def found_between(self, wire: float) -> tuple[float, float] | None:
        if is_found(wire):
            return None
        exact = decimal.Decimal(wire)
        low, high = (
            float(exact.quantize(_PLACE, way))
            for way in (decimal.ROUND_FLOOR, decimal.ROUND_CEILING)
        )
        return low, high

    def decode(self, wire: Any) -> float:
        # Whole floats come back as JSON integers (observed).
        return float(wire)

    stored = decode


class BooleanCodec(Codec):
    is_text = False

    def encode(self, value: Any) -> bool:
        return custom_values.truth_of(value) if isinstance(value, str) else bool(value)

    def decode(self, wire: Any) -> bool:
        return bool(wire)

    def stored(self, wire: Any) -> int:
        return int(wire)


class ScaledDecimalCodec(Codec):
    """
    Encode decimals of up to 18 digits as integers, scaled by 10**decimal_places.

    Comparison, order and sums are exact.
    """

    is_text = False

    def __init__(self, max_digits: int, places: int) -> None:
        self.max_digits = max_digits
        self.places = places
        self._unit = decimal.Decimal(1).scaleb(-places)

    def encode(self, value: Any) -> int:
        number = decimal.Decimal(value)
        if not number.is_finite():
            raise OutOfRange(
                f"Appwrite cannot store {number}",
                0 if number.is_nan() else (1 if number > 0 else -1),
            )
        with decimal.localcontext() as context:
            context.prec = 60
            try:
                scaled = int(number.quantize(self._unit).scaleb(self.places))
            except decimal.InvalidOperation:
                scaled = 10**self.max_digits if number > 0 else -(10**self.max_digits)
        if abs(scaled) >= 10**self.max_digits:
            raise OutOfRange(
                f"{number} has more than {self.max_digits} digits", 1 if scaled > 0 else -1
            )
        return scaled

    def below(self, value: Any) -> int | None:
        number = decimal.Decimal(value)
        if not number.is_finite() or number == 0 or number.adjusted() >= self.max_digits:
            return None  # ``encode`` handles or rejects it
        with decimal.localcontext() as context:
            context.prec = max(len(number.as_tuple().digits), 60) + self.max_digits
            floor = number.quantize(self._unit, decimal.ROUND_FLOOR)
            return None if floor == number else int(floor.scaleb(self.places))

    def decode(self, wire: Any) -> decimal.Decimal:
        return decimal.Decimal(int(wire)).scaleb(-self.places)

    def stored(self, wire: Any) -> str:
        return str(self.decode(wire))


class TextDecimalCodec(ScaledDecimalCodec):
    """
    Encode longer decimals as text in one canonical spelling.

    Equality is exact; ordering is left to local evaluation.
    """

    orders = False
    is_text = True

    def encode(self, value: Any) -> str:  # type: ignore[override]  # the wire form is text here
        scaled = super().encode(value)
        with decimal.localcontext() as context:
            context.prec = 2 * self.max_digits + 2
            return format(decimal.Decimal(scaled).scaleb(-self.places), "f")

    def decode(self, wire: Any) -> decimal.Decimal:
        return decimal.Decimal(wire)

    def stored(self, wire: Any) -> str:
        return str(wire)


class DateTimeCodec(Codec):
    """
    Encode datetimes in UTC with milliseconds, from the year 1000 to the last second of 9999.

    Without ``USE_TZ``, naive values are written as if they were in UTC.
    """

    is_text = False
    shortens = True

    def held(self, value: Any) -> Any:
        return cut_to_milliseconds(value)

    def encode(self, value: Any) -> str:
        moment = custom_values.datetime_of(value) if isinstance(value, str) else value
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(datetime.timezone.utc)
            except OverflowError:
                raise OutOfRange(
                    f"{value} is out of range in UTC", 1 if value.year > 5000 else -1
                ) from None
        if moment.year < 1000:
            raise OutOfRange(f"Appwrite's datetimes begin with the year 1000, got {value}", -1)
        if moment.microsecond >= 1000 and moment.replace(microsecond=0, tzinfo=None) == LAST_MOMENT:
            raise OutOfRange(f"Appwrite's datetimes end at {LAST_MOMENT} UTC, got {value}", 1)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+00:00"

    def decode(self, wire: Any) -> datetime.datetime:
        moment = datetime.datetime.fromisoformat(wire)
        return moment if settings.USE_TZ else moment.replace(tzinfo=None)

    def stored(self, wire: Any) -> str:
        text = f"{wire[:10]} {wire[11:19]}"
        return text if wire[20:23] == "000" else f"{text}.{wire[20:23]}000"


class DateCodec(Codec):
    """Encode a date as its midnight in UTC."""

    is_text = False

    def encode(self, value: Any) -> str:
        if isinstance(value, str):
            value = custom_values.date_of(value)
        if value.year < 1000:
            raise OutOfRange(f"Appwrite's datetimes begin with the year 1000, got {value}", -1)
        return f"{value:%Y-%m-%d}T00:00:00.000+00:00"

    def decode(self, wire: Any) -> datetime.date:
        return datetime.date.fromisoformat(wire[:10])

    def stored(self, wire: Any) -> str:
        return str(wire[:10])


class TimeCodec(Codec):
    """
    Encode times as text of fixed width, such as ``14:30:00.000000``.

    The text sorts as the times do.
    """

    is_text = False

    def encode(self, value: Any) -> str:
        if isinstance(value, str):
            value = custom_values.time_of(value)
        return f"{value:%H:%M:%S.%f}"

    def decode(self, wire: Any) -> datetime.time:
        return datetime.time.fromisoformat(wire)

    def stored(self, wire: Any) -> str:
        return str(self.decode(wire))


class DurationCodec(IntegerCodec):
    """
    Encode durations as microseconds.

    ``DurationField`` prepares them so for databases without a duration type.
    """

    def encode(self, value: Any) -> int:
        if isinstance(value, datetime.timedelta):
            value = value // datetime.timedelta(microseconds=1)
        return super().encode(value)

    def decode(self, wire: Any) -> datetime.timedelta:  # type: ignore[override]  # a timedelta, not an integer
        return datetime.timedelta(microseconds=wire)


class UUIDCodec(Codec):
    """Encode UUIDs as 36 characters with dashes, as other clients of the table would."""

    is_text = False

    def encode(self, value: Any) -> str:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(value))

    def decode(self, wire: Any) -> uuid.UUID:
        return uuid.UUID(wire)

    def stored(self, wire: Any) -> str:
        return self.decode(wire).hex


class BinaryCodec(Codec):
    """
    Encode bytes as base64 text, because JSON has no bytes.

    Its case is significant, but MariaDB ignores case.
    """

    orders = False
    is_text = False
    folds = True

    def encode(self, value: Any) -> str:
        return base64.b64encode(bytes(value)).decode("ascii")

    def decode(self, wire: Any) -> bytes:
        return base64.b64decode(wire)

    stored = decode


class JsonCodec(Codec):
    """
    Encode JSON as text, as ``JSONField`` writes it.

    Its case is significant, but MariaDB ignores case. Python writes NaN and infinity, which are not
    JSON: no other client could read the row, and SQLite could not parse any row of the table.
    """

    orders = False
    is_text = False
    folds = True

    def encode(self, value: Any) -> str:
        text = super().encode(value)
        if "NaN" in text or "Infinity" in text:
            json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text:
            # A lone surrogate would pass as ASCII while it is escaped.
            check_text(json.dumps(json.loads(text), ensure_ascii=False))
        return text  # type: ignore[no-any-return]  # Django's value, of this type


def _refuse_constant(name: str) -> None:
    raise OutOfRange(f"JSON cannot represent {name}")


class RowIdCodec(Codec):
    """
    Encode a primary key, or a foreign key to one, as a row id.

    ``inner`` is the codec of the value's own type.
    """

    def __init__(self, inner: Codec) -> None:
        self.inner = inner
        self.is_text = inner.is_text
        self.shortens = isinstance(inner, DateTimeCodec)
        # Only integer keys are padded.
        self.orders = inner.orders and not isinstance(inner, (FloatCodec, ScaledDecimalCodec))

    def held(self, value: Any) -> Any:
        return self.inner.held(value) if self.shortens else value

    def encode(self, value: Any) -> str:
        try:
            if isinstance(self.inner, DurationCodec):
                return row_ids.encode_integer(self.inner.encode(value))
            if isinstance(self.inner, IntegerCodec):
                return row_ids.encode_integer(int(value))
            if isinstance(self.inner, DateCodec):
                return str(value.isoformat())
            if isinstance(self.inner, DateTimeCodec):
                return _basic_form(self.inner.encode(value))
            return row_ids.check_text(str(self.inner.encode_within(value)))
        except row_ids.InvalidRowId as error:
            raise OutOfRange(str(error), _integer_side(value)) from None

    def decode(self, wire: Any) -> Any:
        return self.inner.decode(self._inner_wire(wire))

    def stored(self, wire: Any) -> Any:
        return self.inner.stored(self._inner_wire(wire))

    def _inner_wire(self, wire: Any) -> Any:
        if isinstance(self.inner, IntegerCodec):
            return row_ids.decode_integer(wire)
        return _extended_form(wire) if isinstance(self.inner, DateTimeCodec) else wire


def _basic_form(moment: str) -> str:
    """
    Write a datetime without the characters that a row id cannot have.

    For example ``2026-11-23T143000.250Z``.
    """
    return f"{moment[:13]}{moment[14:16]}{moment[17:23]}Z"


def _extended_form(moment: str) -> str:
    return f"{moment[:13]}:{moment[13:15]}:{moment[15:21]}+00:00"


def _integer_side(value: Any) -> int:
    if isinstance(value, int):
        return 1 if value > 0 else -1
    return 0


_CODECS: dict[str, Codec] = {
    "BooleanField": BooleanCodec(),
    "FloatField": FloatCodec(),
    "DateTimeField": DateTimeCodec(),
    "DateField": DateCodec(),
    "TimeField": TimeCodec(),
    "DurationField": DurationCodec(),
    "UUIDField": UUIDCodec(),
    "BinaryField": BinaryCodec(),
    "JSONField": JsonCodec(),
    **dict.fromkeys(("AutoField", "BigAutoField", "SmallAutoField"), IntegerCodec()),
}
#: Ranges of the integer fields. All but the small ones have 64 bits (schema.columns); the server
#: rejects -2**63.
INTEGER_RANGES = {
    "BigIntegerField": INT64,
    "IntegerField": INT64,
    "PositiveBigIntegerField": (0, INT64[1]),
    "PositiveIntegerField": (0, INT64[1]),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "SmallIntegerField": (-(2**15), 2**15 - 1),
}
_TEXT = Codec()


_BUILTIN_DECODERS: dict[type[Codec], Callable[[Any], Any]] = {
    IntegerCodec: int,
    FloatCodec: float,
    BooleanCodec: bool,
}


def page_decoder(codec: Codec) -> Callable[[Any], Any]:
    """
    Return a function that decodes as ``codec.decode`` does while the settings stay the same.

    It is implemented in C where possible, which avoids a Python call for each value.
    """
    if type(codec) is DateTimeCodec and settings.USE_TZ:
        return datetime.datetime.fromisoformat
    return _BUILTIN_DECODERS.get(type(codec), codec.decode)


def page_storer(codec: Codec) -> Callable[[Any], Any] | None:
    """
    Return a function equivalent to ``codec.stored`` with fewer Python calls.

    None if the wire value is stored unchanged.
    """
    if type(codec) is RowIdCodec and not isinstance(codec.inner, (IntegerCodec, DateTimeCodec)):
        return page_storer(codec.inner)
    if type(codec).stored is Codec.stored:
        return None
    return {FloatCodec: float, BooleanCodec: int}.get(type(codec), codec.stored)


@lru_cache(maxsize=10_000)
def codec_for(field: models.Field[Any, Any]) -> Codec:
    """Return the codec of a field. A foreign key has the codec of its target field."""
    target = storage_field(field)
    make = getattr(target, "appwrite_codec", None)
    codec = make() if make is not None else _codec_by_type(target)
    return RowIdCodec(codec) if keys.holds_row_ids(field) else codec


def _codec_by_type(field: models.Field[Any, Any]) -> Codec:
    field = custom_values.typed(field)
    kind = field.get_internal_type()
    if kind == "DecimalField":
        digits, places = field.max_digits, field.decimal_places  # type: ignore[attr-defined]  # DecimalField's own
        if digits is None or places is None:
            return TextDecimalCodec(60, 30)
        return (ScaledDecimalCodec if digits <= MAX_SCALED_DIGITS else TextDecimalCodec)(
            digits, places
        )
    if kind in INTEGER_RANGES:
        low, high = INTEGER_RANGES[kind]
        return (
            IntegerCodec(max(low, -(2**31)), min(high, 2**31 - 1))
            if _is_narrow(field)
            else IntegerCodec(low, high)
        )
    return _CODECS.get(kind, _TEXT)


def _is_narrow(field: models.Field[Any, Any]) -> bool:
    """
    Return whether the column of an integer field has only 32 bits.

    The element of an array has no column of its own to ask.
    """
    if keys.is_row_id(field):
        return False
    # The first query asks once for each field: models are created without knowing their columns.
    from appwrite_orm_django.schema.columns import described_column

    describe = getattr(field, "appwrite_column", None) or partial(described_column, field)
    column = describe("value")
    return column is not None and column.max is not None and column.max < 2**31
