"""
Define what differs between the databases that may lie below the server.

MariaDB: ``utf8mb4_general_ci``, nulls first, ids without case. PostgreSQL: ``equal`` by bytes, order
by the locale en_US.utf8, patterns without case, nulls last; ids clash without case and are found
with it. MongoDB: bytes, nulls first; ids
clash without case and are found with it.

No recording of a real MongoDB exists. Its rules were read in Appwrite 1.9.6, or seen on 1.9.6 with
another database in MongoDB's place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from appwrite_local import collation, locale_order
from appwrite_local.uuids import Uuids

EngineName = Literal["mariadb", "postgresql", "mongodb"]


@dataclass(frozen=True, slots=True)
class Engine:
    """
    The rules of one database.

    Attributes:
        fold: maps texts to texts or bytes whose order and equality are those of the originals.
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
            its BSON types.
        orders_ids_as_text: whether ids have the order of texts, not of their folds.
        bulk_upserts_once: whether a bulk upsert that meets a row twice, by ids in two spellings, is
            a 500 (recording ``bulk-upsert``).
        stores_nul: whether texts may hold U+0000. Otherwise they end there, in silence, and an
            array with it is a 500 (recording ``failing-statements``).
        index_lengths: whether a unique index ends at its ``lengths`` (``unique-null-compound``).
        text_bytes: bytes that a column of type text holds, if limited (recording ``row-text``).
        trailing_escape: whether a backslash at the end of a pattern stands for itself; otherwise it
            is a 500 for a text that gets there (recording ``text-patterns``).
        names_are_text: whether names of databases, tables and columns are compared as MariaDB
            compares text; otherwise by bytes (recordings ``databases-list``, ``tables-list``).
        borders_are_inside: whether a polygon contains what lies on its border (``spatial-engine``).
        patterns_need_text: whether ``startsWith`` and the like on numbers, datetimes and truth
            values are a 500 (recordings ``query-integer`` and its like).
        infinity_is_zero: whether a number that is too large reads as zero in filters; otherwise it
            is infinite (recording ``query-numbers``).
        contains_all_as_json: whether ``containsAll`` on text looks for JSON, which finds nothing;
            otherwise it finds the texts that are one of the values, in any case (recordings
            ``query-string``, ``text-patterns``).
        json_arrays: whether arrays are JSON that the database compares and takes apart
            (``operators-arrays``, ``query-array-string``); otherwise they are text to it.
        adds_integers: whether integers are added exactly, a fraction is a 500 and a division is
            cut; otherwise the database computes with floats and rounds (``increment``,
            ``operators-numeric``).
        whole_floats: whether an integer that is written into a column of floats keeps its digits;
            otherwise it is rounded like all floats (``numbers-engine``).
        missing_column: the error for SQL about a column that does not exist (``query-errors``).
        upsert_clash: the id that the error of a bulk upsert names; the row's if ``None``
            (``rows-upsert-unique``).
        rename_clash: the error for the rename of a column to the key of another.
        rename_breaks_dates: whether the rename of a column of datetimes renames the database's
            column alone, and breaks the table (``column-datetime``).
        short_lines_fail: whether a line of a single point as a filter's value is a 500.
        metres_need_points: whether distances in metres are known between points only.
        builds_indexes_at_once: whether a new index is ready at the next request
            (``indexes-errors``).
        reserved_keys: keys that no index may have, in lower case.
        nullable_spatial_indexes: whether a spatial index may cover a nullable column; its orders
            are then refused (``indexes-errors``).
        point_bytes: width of a point column (``columns-limits``).
        finds_read_rows: whether a row that was read is found in another case until it is written,
            because the server's cache has it (recordings ``cursors``, ``row-id-case``).
        oldest_format: of files, from which on their keys follow the rules of this engine.
        english_search: whether ``search`` looks for stems of English words (``text-search``).
        first_year: of datetimes; a negative one is told to clients, and the database then fails
            before the year 1 (recording ``dates-engine``).

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
    fold: Callable[[str], Any]
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
    orders_ids_as_text: bool = False
    bulk_upserts_once: bool = False
    stores_nul: bool = True
    index_lengths: bool = True
    text_bytes: int | None = 65_535
    trailing_escape: bool = True
    names_are_text: bool = True
    borders_are_inside: bool = False
    patterns_need_text: bool = False
    infinity_is_zero: bool = True
    contains_all_as_json: bool = True
    json_arrays: bool = False
    adds_integers: bool = False
    whole_floats: bool = True
    missing_column: str = "general_unknown"
    upsert_clash: str | None = None
    rename_clash: str = "column_already_exists"
    rename_breaks_dates: bool = False
    short_lines_fail: bool = False
    metres_need_points: bool = True
    builds_indexes_at_once: bool = False
    reserved_keys: frozenset[str] = frozenset(
        {"primary", "_created_at", "_updated_at", "_tenant_id"}
    )
    nullable_spatial_indexes: bool = False
    point_bytes: int = 25
    finds_read_rows: bool = False
    english_search: bool = False
    oldest_format: int = 1
    first_year: int = 1000

    def fold_id(self, row_id: str) -> Any:
        """Return what ids are compared and ordered by."""
        if self.orders_ids_as_text:
            return self.fold(row_id)
        return collation.fold(row_id) if self.ids_fold_on_lookup else row_id

    def as_stored(self, text: str) -> str:
        """Return as much of a text as the database takes."""
        return text if self.stores_nul else text.partition("\0")[0]


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


def _locale_fold(text: str) -> bytes:
    return locale_order.key(text.partition("\0")[0])


def _lower(text: str) -> str:
    """Map every letter to lower case as ``towlower`` does: one for one."""
    return text.lower() if text.isascii() else "".join([one.lower()[0] for one in text])


MARIADB = Engine("mariadb", collation.fold, collation.like_fold, collation.prefix_range)
POSTGRESQL = Engine(
    "postgresql",
    _locale_fold,
    _lower,
    _no_range,
    nulls_last=True,
    regex_flags=0,
    upsert_overwrites=False,
    samples_by_default=True,
    ids_fold_on_lookup=False,
    orders_ids_as_text=True,
    bulk_upserts_once=True,
    stores_nul=False,
    index_lengths=False,
    text_bytes=None,
    trailing_escape=False,
    names_are_text=False,
    borders_are_inside=True,
    patterns_need_text=True,
    infinity_is_zero=False,
    contains_all_as_json=False,
    json_arrays=True,
    adds_integers=True,
    whole_floats=False,
    missing_column="table_not_found",
    upsert_clash="multiple",
    rename_clash="general_unknown",
    rename_breaks_dates=True,
    short_lines_fail=True,
    metres_need_points=False,
    builds_indexes_at_once=True,
    reserved_keys=frozenset({"_created_at", "_updated_at", "_tenant_id"}),
    nullable_spatial_indexes=True,
    point_bytes=32,
    finds_read_rows=True,
    english_search=True,
    oldest_format=2,
    first_year=-4713,
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
    text_bytes=None,
    infinity_is_zero=False,
    first_year=-9999,
    names_are_text=False,
    has_spatial=False,
    index_length=1024,
    identical_indexes=False,
    limits_rows=False,
    max_id=255,
    upsert_ignores_case=False,
    bson_unique_indexes=True,
    index_lengths=False,
    oldest_format=2,
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
