"""
Check request parameters, and return the server's error texts.

A validator's ``problem`` is ``None`` for a valid value, otherwise the description that follows
``Invalid `name` param:``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

from appwrite_local import datetimes, identifiers
from appwrite_local.wire import MalformedJson, decode_json

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class Validator(Protocol):
    def problem(self, value: Any) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Text:
    max_length: int
    min_length: int = 1

    def problem(self, value: Any) -> str | None:
        if (
            isinstance(value, str)
            and self.min_length <= len(value)
            and (len(value) <= self.max_length or not self.max_length)
        ):
            return None
        if not self.max_length:
            return "Value must be a valid string and exactly 0 chars"
        lower = f" and at least {self.min_length} chars" if self.min_length else ""
        return f"Value must be a valid string{lower} and no longer than {self.max_length} chars"


@dataclass(frozen=True, slots=True)
class Anything:
    """For a parameter whose handler checks its shape."""

    def problem(self, value: Any) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class HttpUrl:
    def problem(self, value: Any) -> str | None:
        if isinstance(value, str):
            try:
                parts = urlsplit(value)
                if (
                    parts.scheme in ("http", "https")
                    and parts.hostname
                    and value.isprintable()
                    and " " not in value
                ):
                    return None
            except ValueError:
                pass
        return "Value must be a valid URL with following schemes (http, https)"


@dataclass(frozen=True, slots=True)
class Matching:
    """A text of a certain form."""

    pattern: str
    rule: str

    def problem(self, value: Any) -> str | None:
        return None if isinstance(value, str) and re.fullmatch(self.pattern, value) else self.rule


@dataclass(frozen=True, slots=True)
class Key:
    def problem(self, value: Any) -> str | None:
        return None if identifiers.is_valid(value) else identifiers.KEY_RULE


@dataclass(frozen=True, slots=True)
class CustomId:
    longest: int = identifiers.LONGEST

    def problem(self, value: Any) -> str | None:
        return (
            None
            if value == "unique()" or value is True or identifiers.is_valid(value, self.longest)
            else identifiers.key_rule(self.longest)
        )


@dataclass(frozen=True, slots=True)
class Uid:
    longest: int = identifiers.LONGEST

    def problem(self, value: Any) -> str | None:
        if identifiers.is_valid(value, self.longest):
            return None
        return identifiers.uid_rule(self.longest)


@dataclass(frozen=True, slots=True)
class Boolean:
    loose: bool = False

    def problem(self, value: Any) -> str | None:
        if isinstance(value, bool):
            return None
        if (
            self.loose
            and not isinstance(value, float)
            and value in ("true", "false", "1", "0", 1, 0)
        ):
            return None
        return "Value must be a valid boolean"


def truthy(value: Any) -> bool:
    """Parse a loose boolean as PHP does: only the texts ``""`` and ``"0"`` are false."""
    return value not in ("", "0") if isinstance(value, str) else bool(value)


def is_int(value: Any) -> bool:
    """Return whether PHP parses a JSON number as an integer; beyond int64 it is a float."""
    return (
        isinstance(value, int) and not isinstance(value, bool) and INT64_MIN <= value <= INT64_MAX
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_numeric(value: Any) -> bool:
    """Return whether PHP's ``is_numeric`` is true: for numbers, and for texts of numbers."""
    if is_number(value):
        return True
    if not isinstance(value, str) or "_" in value:
        return False
    try:
        return float(value) is not None and value.strip().lower().lstrip("+-") not in (
            "nan",
            "inf",
            "infinity",
        )
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class IntegerRange:
    low: int
    high: int

    def problem(self, value: Any) -> str | None:
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        if is_int(value) and self.low <= value <= self.high:
            return None
        return range_rule(self.low, self.high)


def range_rule(low: float, high: float) -> str:
    return f"Value must be a valid range between {_without_fraction(low)} and {_without_fraction(high)}"


def _without_fraction(value: float) -> str:
    """Print a bound as PHP's ``number_format`` does."""
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{Decimal(value).quantize(Decimal(1), ROUND_HALF_UP, Context(prec=400)):,}"
    )


@dataclass(frozen=True, slots=True)
class Int64:
    def problem(self, value: Any) -> str | None:
        return None if is_int(value) else INT64_RULE


# The server prints the bounds as floats, which rounds the upper one.
INT64_RULE = "Value must be a valid signed 64-bit integer between -9,223,372,036,854,775,808 and 9,223,372,036,854,775,808"


@dataclass(frozen=True, slots=True)
class Float:
    def problem(self, value: Any) -> str | None:
        return None if is_number(value) else "Value must be a valid float"


@dataclass(frozen=True, slots=True)
class Numeric:
    def problem(self, value: Any) -> str | None:
        return None if is_numeric(value) else "Value must be a valid number"


@dataclass(frozen=True, slots=True)
class OneOf:
    values: tuple[str, ...]

    def problem(self, value: Any) -> str | None:
        return None if value in self.values else f"Value must be one of ({', '.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Datetime:
    first_year: int = 1000

    def problem(self, value: Any) -> str | None:
        known = (
            isinstance(value, str) and datetimes.parse_datetime(value, self.first_year) is not None
        )
        return None if known else datetimes.rule(self.first_year)


@dataclass(frozen=True, slots=True)
class Nullable:
    inner: Validator

    def problem(self, value: Any) -> str | None:
        if value is None:
            return None
        problem = self.inner.problem(value)
        return None if problem is None else f"{problem} or null"


@dataclass(frozen=True, slots=True)
class ListOf:
    inner: Validator
    description: str
    max_items: int = 100

    def problem(self, value: Any) -> str | None:
        if isinstance(value, Mapping):
            value = list(value.values())
        if (
            isinstance(value, list)
            and len(value) <= self.max_items
            and all(self.inner.problem(item) is None for item in value)
        ):
            return None
        return (
            f"Value must a valid array no longer than {self.max_items} items and {self.description}"
        )


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object, a list (PHP does not distinguish them) or a text with JSON."""

    def problem(self, value: Any) -> str | None:
        if isinstance(value, dict | list):
            return None
        if isinstance(value, str):
            try:
                decode_json(value)
            except MalformedJson:
                return JSON_RULE
            return None
        return JSON_RULE


JSON_RULE = "Value must be a valid JSON string"


def list_of(inner: Validator, probe: Any) -> ListOf:
    """Make a list validator; the inner one must reject ``probe``, which gives its description."""
    return ListOf(inner, inner.problem(probe) or "")


QUERIES = list_of(Text(4096), None)
