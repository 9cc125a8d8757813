"""Values of a column of one type as values of a column of another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email, validate_ipv46_address

from .definitions import INT64, Column
from .limits import characters_of

_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_TRUTH = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
_TEXT = frozenset({"varchar", "string", "text", "mediumtext", "longtext", "email", "url", "ip", "enum"})

_FORMATS: dict[str, tuple[str, Callable[[str], None]]] = {
    "email": ("an e-mail address", validate_email),
    "url": ("a URL", URLValidator()),
    "ip": ("an IP address", validate_ipv46_address),
}


class CannotConvert(ValueError):
    """A value has no equal of the new type; the text says why."""


def convert(value: Any, before: Column, after: Column) -> Any:
    """
    Return a value for the new column; None stays None.

    Nothing is rounded, cut or guessed: what does not fit exactly is refused. A single value becomes a list of one, and a list of at most
    one becomes that value.

    Raises:
        CannotConvert: the value does not fit.
    """
    if value is None:
        return None
    items = value if before.array else [value]
    converted = [_one(item, after) for item in items if item is not None]
    if after.array:
        return converted
    if len(converted) > 1:
        raise CannotConvert(f"{len(converted)} values for one")
    return converted[0] if converted else None


def _one(value: Any, after: Column) -> Any:
    if after.type in _TEXT:
        return _text(value, after)
    if after.type in {"integer", "bigint"}:
        return _bounded(_integer(value), after)
    if after.type == "double":
        return _bounded(_number(value), after)
    if after.type == "boolean":
        return _truth(value)
    if after.type == "datetime":
        return _moment(value)
    raise CannotConvert(f"nothing becomes a {after.type}")


def _text(value: Any, after: Column) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise CannotConvert("not a text")
    text = str(value)
    longest = characters_of(after)
    if longest is not None and len(text) > longest:
        raise CannotConvert(f"{len(text)} characters are more than {longest}")
    if after.elements and text not in after.elements:
        raise CannotConvert("not one of the elements")
    if after.type in _FORMATS:
        name, check = _FORMATS[after.type]
        try:
            check(text)
        except ValidationError:
            raise CannotConvert(f"not {name}") from None
    return text


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise CannotConvert("not a whole number")


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise CannotConvert("not a number") from None
    if not math.isfinite(number):
        raise CannotConvert("not a finite number")
    return number


def _bounded(number: Any, after: Column) -> Any:
    low = after.min if after.min is not None else INT64[0] if after.type != "double" else -math.inf
    high = after.max if after.max is not None else INT64[1] if after.type != "double" else math.inf
    if not low <= number <= high:
        raise CannotConvert(f"not between {low} and {high}")
    return number


def _truth(value: Any) -> bool:
    truth = _TRUTH.get(str(value).strip().lower())
    if truth is None:
        raise CannotConvert("neither true nor false")
    return truth


def _moment(value: Any) -> str:
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        raise CannotConvert("not a date in ISO 8601") from None
    return str(value)
