"""
Format values as MariaDB writes them to a client that asks for text.

The server converts columns of the queried table back to their types. It passes on computed and
joined values unchanged: numbers are texts, booleans ``"0"`` and ``"1"``, datetimes have a blank and
no zone, arrays are JSON. Source: recordings ``agg-*``, ``join-*`` of the preview.
"""

from __future__ import annotations

import json
import re

# A double keeps plain digits while the decimal point is within them or this far from them.
_PLAIN_DIGITS = 15
_MAX_DOUBLE = 1.7976931348623157e308
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def double_text(value: float) -> str:
    """Write a double with the fewest digits that identify it: ``1e15``, ``0.00001``, ``2``."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if -_PLAIN_DIGITS < point <= _PLAIN_DIGITS:
        return sign + _plain(digits, point)
    return f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{point - 1}"


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if len(digits) <= point:
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def number_prefix(text: str) -> float:
    """Return the number that a text begins with, else zero; at most the largest double."""
    match = _NUMBER.match(text.lstrip())
    return min(max(float(match[0]), -_MAX_DOUBLE), _MAX_DOUBLE) if match else 0.0


def datetime_text(stored: str) -> str:
    """Write a stored datetime without its zone: ``2026-01-01 06:00:00.000``."""
    return f"{stored[:10]} {stored[11:23]}"


def array_text(stored: str) -> str:
    """Write a stored array as PHP encodes it: ASCII, slashes escaped."""
    return json.dumps(json.loads(stored), separators=(",", ":")).replace("/", "\\/")
