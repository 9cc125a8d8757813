"""
Define what differs between the databases that may lie below the server.

MariaDB: ``utf8mb4_general_ci``, nulls first. PostgreSQL: ``equal`` and order by code point,
patterns without case, nulls last. Both compare ids without case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from appwrite_local import collation

EngineName = Literal["mariadb", "postgresql", "mongodb"]


@dataclass(frozen=True, slots=True)
class Engine:
    """
    The rules of one database.

    Attributes:
        fold: maps texts so that their code point order and equality are those of the originals.
        like_fold: maps texts so that patterns match when the mapped pattern matches.
        escapes_backslash: whether the server escapes it in patterns. 1.9 does not, and the database
            then reads it as an escape of the next character, even of the wildcard that the server
            added (recording ``collation-like``).
        upsert_overwrites: whether an upsert that meets a unique index changes the other row instead
            of failing (recording ``rows-upsert-unique``).
        prefix_range: bounds of ``fold`` for all texts with a prefix, or ``None``.
        regex_flags: of Python's ``re``, for the filter ``regex``.
        samples_by_default: whether ``stddev`` and ``variance`` are of a sample, not of a
            population.
        float_digits: significant digits of a float that is written into a column, or by which rows
            are counted. PHP writes 14 on 1.9, and all 17 on 2.x.
    """

    name: EngineName
    fold: Callable[[str], str]
    like_fold: Callable[[str], str]
    prefix_range: Callable[[str], tuple[str, str] | None]
    nulls_last: bool = False
    escapes_backslash: bool = False
    regex_flags: int = re.IGNORECASE
    upsert_overwrites: bool = True
    samples_by_default: bool = False
    float_digits: int = 14


def _same(text: str) -> str:
    return text


def _no_range(_: str) -> None:
    return None


MARIADB = Engine("mariadb", collation.fold, collation.like_fold, collation.prefix_range)
POSTGRESQL = Engine(
    "postgresql",
    _same,
    str.lower,
    _no_range,
    nulls_last=True,
    regex_flags=0,
    upsert_overwrites=False,
    samples_by_default=True,
)

#: Exact comparisons and nulls first; the engine's patterns are not imitated.
MONGODB = Engine("mongodb", _same, str.lower, _no_range, regex_flags=0, upsert_overwrites=False)

ENGINES: dict[EngineName, Engine] = {
    engine.name: engine for engine in (MARIADB, POSTGRESQL, MONGODB)
}
