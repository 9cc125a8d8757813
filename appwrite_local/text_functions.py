"""The SQL functions that SQLite lacks: text compared as the server's database does."""

import json
import re
import sqlite3
from functools import lru_cache
from typing import Any

from appwrite_local.fulltext import matches as ft_match
from appwrite_local.geometry import is_distant, relates
from appwrite_local.text_rules import TextRules


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

    @lru_cache(maxsize=256)
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(_like_to_regex(like_fold(pattern)), re.DOTALL)

    def ci_like(text: Any, pattern: str) -> bool | None:
        return None if text is None else compiled(pattern).fullmatch(like_fold(text)) is not None

    def regex_match(value: Any, pattern: str) -> bool | None:
        if value is None:
            return None
        return _pattern(pattern, rules.regex_flags).search(number_text(value) or "") is not None

    for name, arguments, function in (
        ("ci_fold", 1, ci_fold), ("ci_starts", 2, ci_starts), ("ci_ends", 2, ci_ends), ("ci_contains", 2, ci_contains),
        ("ci_like", 2, ci_like), ("ft_match", 2, ft_match), ("number_text", 1, number_text), ("array_any", 2, array_any),
        ("array_all", 2, array_all), ("geo_relates", 3, relates), ("geo_distant", 3, is_distant), ("regex_match", 2, regex_match),
    ):  # fmt: skip
        connection.create_function(name, arguments, function, deterministic=True)


def _like_to_regex(pattern: str) -> str:
    parts = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return "".join(parts)


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
