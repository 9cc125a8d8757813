"""Read and write JSON as the server does."""

import json
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A decoded JSON value. Its users check the shape; a recursive alias would only move the checks."""

# From here on PHP writes a float with an exponent, as json.dumps does. Below it a whole float has
# no fraction.
_EXPONENT_FROM = 1e17

MAX_DEPTH = 512


class MalformedJson(ValueError):
    """The text is not JSON, is nested deeper than PHP reads, or holds half a surrogate pair."""


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode_json(body: Json) -> bytes:
    return _encode(body).encode()


def wire_number(value: float) -> float:
    """Return a float as the server prints it: whole floats lack a fraction (``row-float``)."""
    if value.is_integer() and abs(value) < _EXPONENT_FROM:
        return int(value)
    return value


def decode_json(text: str | bytes) -> Json:
    """
    Parse JSON strictly, and as PHP does: an integer beyond 64 bits is a float.

    Raises:
        MalformedJson: also for NaN and infinities, which Python would accept.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        value = _decode(text)
        text.encode()
        if "\\u" in text:
            _encode(value).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedJson(str(error)) from error
    return value


def _integer(digits: str) -> float:
    value = int(digits)
    return value if -(2**63) <= value < 2**63 else float(digits)


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer).decode


def php_type(value: Json) -> str:
    """Return a value's type as PHP's ``gettype`` names it in error texts."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else "double"
    if isinstance(value, float):
        return "double"
    return "string" if isinstance(value, str) else "array"
