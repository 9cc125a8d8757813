"""
Define what differs between the databases that may lie below the server.

MariaDB: ``utf8mb4_general_ci``, nulls first. PostgreSQL: ``equal`` and order by code point,
patterns without case, nulls last. Both compare ids without case. MongoDB: bytes, nulls first; ids
clash without case and are found with it.

No recording of a real MongoDB exists. Its rules were read in Appwrite 1.9.6, or seen on 1.9.6 with
another database in MongoDB's place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from appwrite_local import collation
from appwrite_local.uuids import Uuids

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
        levels: the feature levels whose behaviour on this database is known.
        new_sequence: makes a row's ``$sequence``, a text; ``None`` if the database numbers rows.
        ids_fold_on_lookup: whether a row is found by its id in another case. Everywhere, ids that
            differ by case alone clash.
        negations_find_nulls: whether negated filters, except ``notBetween``, find null.
        casts_patterns: whether ``startsWith`` and the like read numbers as texts; otherwise they
            find none.
        orders_randomly: whether ``orderRandom`` works; otherwise it is a 500.
        limits_rows: whether the width of rows and the number of columns are limited.
        floats_as_text: whether floats reach the database as text. Otherwise they are exact, whole
            numbers are stored as integers, and a fraction that is added to an integer is kept.
        tells_missing: whether a row may lack a column, which reads as null: an increment counts
            from zero there, and is refused for a stored null. The creation of a single row drops
            nulls, and an update stores every column.
        text_search: whether ``search`` looks for whole words of any length, without a wildcard and
            without stop words; ``notSearch`` then is like ``notContains``.
        has_spatial: whether there are spatial columns.
        index_length: the sum of the lengths of an index's columns.
        identical_indexes: whether two ``key`` or ``unique`` indexes may have the same columns and
            orders, and a table more than one fulltext index.
        max_id: characters of a row's id.
        upsert_ignores_case: whether an upsert that meets an id in another case changes that row;
            otherwise it is a clash.
        bson_unique_indexes: whether a unique index holds only where all its columns have values of
            its BSON types; ``lengths`` are ignored.

    Bugs of Appwrite's, each with the line of ``MONGODB`` that turns it on:

    Attributes:
        anchors_patterns: whether ``startsWith`` and ``endsWith`` look at the start and the end
            only.
        fails_on_dollar: whether ``$`` before a letter is a 500 in patterns.
        finds_all_contained: whether ``containsAll`` finds rows; the total is right anyway.
        types_later_indexes: whether a unique index that is made after its table knows the types of
            its columns; otherwise it takes them all for text.
        runs_operators: whether operators run; otherwise they destroy the value.
        renames_in_indexes: whether an index follows a column that is renamed.
        matches_roles_exactly: whether lists compare the caller's roles with permissions as they
            are, and not as regular expressions without case.
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
    levels: tuple[str, ...] = ("1.9", "2.x")
    new_sequence: Callable[[], str] | None = None
    ids_fold_on_lookup: bool = True
    negations_find_nulls: bool = False
    casts_patterns: bool = True
    orders_randomly: bool = True
    floats_as_text: bool = True
    tells_missing: bool = False
    text_search: bool = False
    has_spatial: bool = True
    index_length: int = 768
    identical_indexes: bool = True
    limits_rows: bool = True
    max_id: int = 36
    upsert_ignores_case: bool = True
    bson_unique_indexes: bool = False
    anchors_patterns: bool = True
    fails_on_dollar: bool = False
    finds_all_contained: bool = True
    types_later_indexes: bool = True
    runs_operators: bool = True
    renames_in_indexes: bool = True
    matches_roles_exactly: bool = True


def _same(text: str) -> str:
    return text


def _no_range(_: str) -> None:
    return None


def _simple_fold(text: str) -> str:
    """Map every letter to the one that stands for all its cases; never to two letters."""
    return text.lower() if text.isascii() else "".join(map(_folded_letter, text))


def _folded_letter(letter: str) -> str:
    forms = (letter.casefold(), letter.lower())
    return next((form for form in forms if len(form) == 1), letter)


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

MONGODB = Engine(
    "mongodb",
    _same,
    _simple_fold,
    _no_range,
    upsert_overwrites=False,
    escapes_backslash=True,
    levels=("1.9",),
    new_sequence=Uuids().make,
    ids_fold_on_lookup=False,
    negations_find_nulls=True,
    casts_patterns=False,
    orders_randomly=False,
    floats_as_text=False,
    tells_missing=True,
    text_search=True,
    has_spatial=False,
    index_length=1024,
    identical_indexes=False,
    limits_rows=False,
    max_id=255,
    upsert_ignores_case=False,
    bson_unique_indexes=True,
    # Bugs of 1.9.6. Turn one off as soon as a release without it is out.
    anchors_patterns=False,  # the patterns are sent as "x.*" and ".*x", without "^" and "$"
    fails_on_dollar=True,  # it is taken for an injection
    finds_all_contained=False,  # ``find`` renames the operator "$all", and counting does not
    types_later_indexes=False,  # types are handed over by key, and looked up by position
    runs_operators=False,  # an operator is an object to the driver, which stores it as {}
    renames_in_indexes=False,  # the index stays on the old field, which no row has
    matches_roles_exactly=False,  # roles are put into a pattern as they are
)

ENGINES: dict[EngineName, Engine] = {
    engine.name: engine for engine in (MARIADB, POSTGRESQL, MONGODB)
}


def check_level(engine: EngineName, level: str) -> None:
    """
    Check that the behaviour of a feature level on a database is known.

    Raises:
        ValueError: it is not.
    """
    known = ENGINES[engine].levels
    if level not in known:
        raise ValueError(
            f"engine {engine} is known at feature level {' and '.join(known)} only, got {level}: "
            f"leave the feature level out, or name another engine"
        )
