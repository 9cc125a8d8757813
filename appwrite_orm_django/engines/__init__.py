"""
Hold what differs between the database engines under Appwrite.

Appwrite does not hide its engine: text, nulls, row ids, unique indexes, races and schema changes
follow it. Every part of the library that depends on such a rule asks the ``Engine`` of its
connection, and nothing else compares engines by name. Sources: recordings of 1.9.6 on MariaDB and
PostgreSQL; the source code of 1.9.6, and its behaviour over a stand-in for MongoDB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from django.db import NotSupportedError

from appwrite_orm_django.engines import collation, locale_order

EngineName = Literal["mariadb", "postgresql", "mongodb"]


Bounds = tuple[float | None, float | None]

# Far enough from the ends of 64 bits for the server to compare every sum with it.


def _same(text: str) -> str:
    return text


UNKNOWN_ORDER = (
    "The database under Appwrite orders text by a locale that is not known here, and this query "
    "compares or orders text outside of the server.\n"
    "Way out: let the server order (order_by() of columns), compare in Python, or use a database in "
    "the locale en_US.utf8 or C and run manage.py appwrite_doctor."
)


def _refused(_: str) -> str:
    raise NotSupportedError(UNKNOWN_ORDER)


class _SingleCase(dict[int, str]):
    """Lower-case each character by itself, as a database does: a final sigma is like any other."""

    def __missing__(self, code_point: int) -> str:
        # "İ" is the only character whose lower case has two characters; databases take the first.
        lower = chr(code_point).lower()[0]
        self[code_point] = lower
        return lower


class _FoldedCase(dict[int, str]):
    """Map each character to the one that a pattern without case takes as equal."""

    def __missing__(self, code_point: int) -> str:
        letter = chr(code_point)
        # Only "İ" has no form of one character; it has no other case.
        folded = next(
            (form for form in (letter.casefold(), letter.lower()) if len(form) == 1), letter
        )
        self[code_point] = folded
        return folded


_SINGLE_CASE = _SingleCase()
_FOLDED_CASE = _FoldedCase()


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_SINGLE_CASE)


def _casefold(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDED_CASE)


@dataclass(frozen=True, slots=True)
class Engine:
    """
    The rules of one engine.

    Attributes:
        name: the value of ``OPTIONS["ENGINE"]``.
        label: the engine's own name.
        equality_key: maps texts so that the engine takes texts as equal exactly if their keys are.
        order_key: maps texts to text or bytes whose order is the engine's order.
        pattern_key: maps texts so that ``contains``, ``startsWith`` and ``endsWith`` match if the
            mapped pattern matches the mapped text.
        iexact_key: maps texts to those that ``iexact`` compares.
        folds_text: whether different texts may be equal.
        orders_by_locale: whether texts are ordered by the rules of a language. False for
            code points, or for code points of folded text.
        knows_order: whether ``order_key`` is known. If not, only the server can order text.
        finds_ids_without_case: whether a row is found by another spelling of its id. On every
            engine, ids that differ in case only exclude each other.
        orders_negative_keys: whether the row ids of negative integer keys come before all others.
            A locale leaves their sign out, so such rows are never created.
        nulls_are_low: whether nulls come before all values in ascending order.
        anchors_prefixes: whether ``startsWith`` and ``endsWith`` match only at that end. If not,
            they mean "contains", with case.
        ends_before_newline: whether ``notEndsWith`` takes a line feed at the end of a text as
            none, as ``$`` of a regular expression does.
        negations_match_nulls: whether ``notEqual``, ``notContains`` and the like match rows whose
            value is null.
        refuses_dollar: whether a pattern with ``$`` before a letter is a server error.
        cuts_at_nul: whether text is cut in silence at the character U+0000.
        numbers_rows: whether ``$sequence`` is a number. If not, it is text, in order of creation.
        keeps_operator_text: whether text that looks like an operator can be written by two writes
            (see ``client.operators``). If not, an update would destroy it.
        increments_nulls: whether an increment of a missing value starts at 0, and one of a stored
            null is an error. If not, a null stays null. See ``limits``.
        adds_integers: whether an increment of an integer is exact to 64 bits. If not, the database
            adds floats.
        unique_types: the types of columns over which a unique index is enforced, or None for all.
        cuts_unique_values: whether a unique index with ``lengths`` compares only the beginnings of
            texts. If not, it compares whole texts.
        alters_indexed_tables: whether a column can be renamed or resized in a table with indexes.
        renames_datetimes: whether a datetime column can be renamed. If not, its table breaks.
        takes_identical_indexes: whether two indexes may have the same columns.
        max_index_length: the longest index, in characters.
        max_row_bytes: the widest row, in bytes, or None without limit.
        counts_errors_as_zero: whether ``total`` is 0 if the database could not count.
        race_is_server_error: whether a write that lost a race is answered 500 ``general_unknown``,
            and such a commit 400 ``transaction_failed``.
    """

    name: EngineName
    label: str
    equality_key: Callable[[str], str]
    order_key: Callable[[str], str | bytes]
    pattern_key: Callable[[str], str]
    iexact_key: Callable[[str], str]
    folds_text: bool = False
    orders_by_locale: bool = False
    knows_order: bool = True
    finds_ids_without_case: bool = False
    orders_negative_keys: bool = True
    nulls_are_low: bool = True
    anchors_prefixes: bool = True
    ends_before_newline: bool = False
    negations_match_nulls: bool = False
    refuses_dollar: bool = False
    cuts_at_nul: bool = False
    numbers_rows: bool = True
    keeps_operator_text: bool = True
    increments_nulls: bool = False
    adds_integers: bool = False
    unique_types: frozenset[str] | None = None
    cuts_unique_values: bool = False
    alters_indexed_tables: bool = True
    renames_datetimes: bool = True
    takes_identical_indexes: bool = True
    max_index_length: int = 768
    max_row_bytes: int | None = 65_534
    counts_errors_as_zero: bool = False
    race_is_server_error: bool = False

    def in_order(self, order: str) -> Engine:
        """
        Return these rules for a database whose text has another order.

        Args:
            order: as ``manage.py appwrite_doctor`` records it: ``C`` for code points, ``other`` for
                an order that is not known here.
        """
        if not self.orders_by_locale or order not in ("C", "other"):
            return self
        if order == "C":
            return replace(self, order_key=_same, orders_by_locale=False)
        return replace(self, order_key=_refused, knows_order=False)

    @property
    def has_collation(self) -> bool:
        """Whether texts have an order of their own that is known, other than code points."""
        return self.folds_text or (self.orders_by_locale and self.knows_order)

    @property
    def max_exact_sum(self) -> int:
        """
        Return the largest absolute value of a sum up to which the server increments safely.

        PHP compares the sum with the bounds. If it overflows, it is a float, and no float tells it
        from the last 1,024 integers of 64 bits.
        """
        return 2**63 - 1025 if self.adds_integers else 2**53

    def sequence(self, value: str) -> int | str:
        """Return a ``$sequence`` as a value that sorts, and that a filter takes."""
        return int(value) if self.numbers_rows else value

    def limits(self, bounds: Bounds) -> Bounds:
        """
        Return the bounds to send with increments of an integer column with these bounds.

        They end where the server no longer adds exactly. Where an increment changes a null, the
        server does not if a limit is sent: it becomes a filter, which no null fulfils. There a
        limit of 0 would count as none (``Database::increaseDocumentAttribute``), but half of 1
        allows the same integers.
        """
        most = self.max_exact_sum
        low, high = bounds
        low = -most if low is None else max(low, -most)
        high = most if high is None else min(high, most)
        return (low or -0.5, high or 0.5) if self.increments_nulls else (low, high)

    def later_sequence(self, number: int) -> str:
        """Return a ``$sequence`` for the ``number``-th new row of a block, behind all others."""
        # A UUID has hexadecimal digits only.
        return str(2**62 + number) if self.numbers_rows else f"g{number:020}"


#: ``utf8mb4_general_ci``: case, accents and trailing blanks do not count.
MARIADB = Engine(
    "mariadb",
    "MariaDB",
    equality_key=collation.fold,
    order_key=collation.fold,
    pattern_key=collation.like_fold,
    iexact_key=collation.fold,
    folds_text=True,
    finds_ids_without_case=True,
    cuts_unique_values=True,
)

#: Texts are equal byte for byte and ordered by the locale of the official image, ``en_US.utf8``.
POSTGRESQL = Engine(
    "postgresql",
    "PostgreSQL",
    equality_key=_same,
    order_key=locale_order.key,
    pattern_key=_lower,
    iexact_key=_lower,
    orders_by_locale=True,
    orders_negative_keys=False,
    nulls_are_low=False,
    cuts_at_nul=True,
    adds_integers=True,
    renames_datetimes=False,
)

#: Texts are equal and ordered byte for byte, which is by code point.
MONGODB = Engine(
    "mongodb",
    "MongoDB",
    equality_key=_same,
    order_key=_same,
    pattern_key=_casefold,
    iexact_key=_casefold,
    anchors_prefixes=False,
    ends_before_newline=True,
    negations_match_nulls=True,
    refuses_dollar=True,
    numbers_rows=False,
    keeps_operator_text=False,
    increments_nulls=True,
    adds_integers=True,
    unique_types=frozenset(
        {
            "varchar",
            "string",
            "text",
            "mediumtext",
            "longtext",
            "email",
            "enum",
            "ip",
            "url",
        }
    ),
    alters_indexed_tables=False,
    takes_identical_indexes=False,
    max_index_length=1024,
    max_row_bytes=None,
    counts_errors_as_zero=True,
    race_is_server_error=True,
)

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (MARIADB, POSTGRESQL, MONGODB)}
