"""The SQL functions that SQLite lacks: text compared as the server's database does."""

import json
import re
import sqlite3
from functools import lru_cache
from typing import Any

from .text_rules import TextRules


def register(connection: sqlite3.Connection, rules: TextRules) -> None:
    """Add the functions to a connection. They are deterministic, hence allowed in indexes."""
    fold, like_fold = rules.fold, rules.like_fold

    def ci_fold(text: Any) -> str | None:
        return None if text is None else fold(text)

    def ci_starts(text: Any, folded_part: str) -> bool | None:
        return None if text is None else like_fold(text).startswith(folded_part)

    def ci_ends(text: Any, folded_part: str) -> bool | None:
        return None if text is None else like_fold(text).endswith(folded_part)

    def ci_contains(text: Any, folded_part: str) -> bool | None:
        return None if text is None else folded_part in like_fold(text)

    def regex_match(value: Any, pattern: str) -> bool | None:
        return None if value is None else _pattern(pattern, rules.regex_flags).search(number_text(value) or "") is not None

    for function, arguments in (
        (regex_match, 2), (ci_fold, 1), (ci_starts, 2), (ci_ends, 2), (ci_contains, 2), (number_text, 1), (array_any, 2), (array_all, 2),
    ):  # fmt: skip
        connection.create_function(function.__name__, arguments, function, deterministic=True)


@lru_cache(maxsize=256)
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)


def is_pattern(text: Any) -> bool:
    """Tell whether a text is a regular expression that can be run."""
    try:
        re.compile(str(text))
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def number_text(value: Any) -> str | None:
    """Give a number as the database casts it to text: whole floats without a fraction."""
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def array_any(array: Any, wanted: str) -> bool | None:
    """Tell whether a JSON array holds one of the wanted values, exactly (recording ``query-array-string``)."""
    if array is None:
        return None
    held = json.loads(array)
    return any(_holds(held, value) for value in json.loads(wanted))


def array_all(array: Any, wanted: str) -> bool | None:
    if array is None:
        return None
    held = json.loads(array)
    return all(_holds(held, value) for value in json.loads(wanted))


def _holds(held: list[Any], value: Any) -> bool:
    # Python takes True for 1; JSON does not.
    return any(item == value and isinstance(item, bool) == isinstance(value, bool) for item in held)
