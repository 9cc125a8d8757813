"""
How the database under the server compares text.

MariaDB: ``utf8mb4_general_ci``, nulls first. PostgreSQL: ``equal`` and order by code point, patterns without case, nulls last; ids are
compared without case by both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .. import collation


@dataclass(frozen=True, slots=True)
class TextRules:
    """
    Attributes:
        fold: maps texts so that code point order is the order, and equality the equality, of the originals.
        like_fold: maps texts so that patterns match when the mapped pattern matches.
        prefix_range: bounds of ``fold`` for all texts with a prefix, or ``None``.
        regex_flags: of Python's ``re``, for the filter ``regex``.
    """

    fold: Callable[[str], str]
    like_fold: Callable[[str], str]
    prefix_range: Callable[[str], tuple[str, str] | None]
    nulls_last: bool = False
    regex_flags: int = re.IGNORECASE


def _same(text: str) -> str:
    return text


def _no_range(_: str) -> None:
    return None


MARIADB = TextRules(collation.fold, collation.like_fold, collation.prefix_range)
POSTGRESQL = TextRules(_same, str.lower, _no_range, nulls_last=True, regex_flags=0)

RULES = {"mariadb": MARIADB, "postgresql": POSTGRESQL}
