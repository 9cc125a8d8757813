"""
Compare JSON values loosely as PHP 8 does; the server filters staged rows this way.

Source: https://www.php.net/manual/en/language.operators.comparison.php
"""

from __future__ import annotations

import json
from typing import Any

from appwrite_local.validators import is_number, is_numeric


def compare(left: Any, right: Any) -> int:
    """Compare like ``<=>``: negative, 0 or positive."""
    if isinstance(left, bool | None) or isinstance(right, bool | None):
        if left is None and isinstance(right, str):
            return _order("", right)
        if right is None and isinstance(left, str):
            return _order(left, "")
        return int(_truth(left)) - int(_truth(right))
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return _compare_arrays(left, right)
    if is_numeric(left) and is_numeric(right):
        return _order(number(left), number(right))
    return _order(_text(left), _text(right))


def equal(left: Any, right: Any) -> bool:
    return compare(left, right) == 0


def _order(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _truth(value: Any) -> bool:
    return value not in (None, False, 0, "", "0", [], {})


def _compare_arrays(left: Any, right: Any) -> int:
    # An array is greater than any other type; of two arrays, the longer one is greater.
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        if len(left) != len(right):
            return len(left) - len(right)
        if left == right:
            return 0
        return _order(json.dumps(left), json.dumps(right))
    return 1 if isinstance(left, list | dict) else -1


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def number(value: Any) -> int | float:
    """Return a number, or the number in a text; anything else counts as 0."""
    if is_number(value):
        return value  # type: ignore[no-any-return]
    if not is_numeric(value):
        return 0
    text = str(value).strip()
    return int(text) if text.lstrip("+-").isdecimal() else float(text)
