"""Build Appwrite's queries as immutable values, and check what the server accepts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import DataError


class InvalidText(DataError):
    """
    The text contains a lone surrogate, which no Unicode encoding can write.

    Neither the server nor SQLite accepts it.
    """


def check_text(text: str) -> str:
    r"""
    Return the text if it can be written as UTF-8.

    Raises:
        InvalidText: it contains a lone surrogate, such as ``"\ud800"``; the text shows where.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 20) : error.start + 20]
        raise InvalidText(
            f"{around!a} contains a lone surrogate, {text[error.start]!a}, which is not a Unicode "
            'character. Remove it, or replace it: text.encode("utf-8", "replace").decode()'
        ) from None
    return text


#: Queries in one request; recording query-limits.
MAX_QUERIES = 100
#: Characters of one query's JSON text; recording query-limits.
MAX_QUERY_LENGTH = 4096
#: Values of one filter: 500 pass, 501 are answered 400 general_query_invalid; recording
#: query-limits.
MAX_VALUES = 500
#: Characters of the whole URL. 1.9.6 answered 64,000; at 65,000 it reset the connection without an
#: answer.
MAX_URL_LENGTH = 64_000

Value = str | int | float | bool | None

# ``json.dumps`` makes an encoder per call, and every compiled query is measured in this form.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class QueryLimitExceeded(ValueError):
    """A list of queries exceeds the server's size limits; the caller must split it."""


@dataclass(frozen=True, slots=True)
class Query:
    """
    An Appwrite query.

    Attributes:
        method: Appwrite's name, for example ``notEqual``.
        column: a column key, an internal one such as ``$id``, or None if the method takes none.
        values: JSON scalars; for ``and``, ``or``, ``having`` and join conditions also queries.
    """

    method: str
    column: str | None = None
    values: tuple[object, ...] = ()

    def to_json(self) -> str:
        """
        Return the text that is sent.

        Raises:
            InvalidText: a value contains a lone surrogate.
        """
        return check_text(_encode(self._as_object()))

    @property
    def columns(self) -> Iterator[str]:
        """The columns that it refers to, including those of nested queries."""
        if self.column is not None:
            yield self.column
        for value in self.values:
            if isinstance(value, Query):
                yield from value.columns

    def _as_object(self) -> dict[str, object]:
        form: dict[str, object] = {"method": self.method}
        if self.column is not None:
            form["attribute"] = self.column
        if self.values:
            form["values"] = [
                value._as_object() if isinstance(value, Query) else value for value in self.values
            ]
        return form

    def __str__(self) -> str:
        parts = [] if self.column is None else [self.column]
        parts += [
            str(value) if isinstance(value, Query) else _shown(value) for value in self.values
        ]
        return f"{self.method}({', '.join(parts)})"


def check_limits(queries: Sequence[Query]) -> list[str]:
    """
    Return the queries as JSON texts, after checking that the server accepts their size.

    Raises:
        QueryLimitExceeded: there are more than 100 queries, one has more than 4,096 characters, or
            a filter has more than 500 values.
    """
    if len(queries) > MAX_QUERIES:
        raise QueryLimitExceeded(
            f"{len(queries)} queries in one request; the server accepts {MAX_QUERIES}."
        )
    texts = []
    for query in queries:
        text = query.to_json()
        if len(text) > MAX_QUERY_LENGTH:
            raise QueryLimitExceeded(
                f"{_head(query)} is {len(text):,} characters long; the server accepts "
                f"{MAX_QUERY_LENGTH:,}. Split its values."
            )
        if (most := _most_values(query)) > MAX_VALUES:
            raise QueryLimitExceeded(
                f"{_head(query)} has {most} values; the server accepts {MAX_VALUES}. Split them."
            )
        texts.append(text)
    return texts


def equal(column: str, *values: Value) -> Query:
    """Match rows whose value equals one of these, by the server's collation."""
    return Query("equal", column, values)


def not_equal(column: str, value: Value) -> Query:
    """Match rows with another value; rows with null do not match."""
    return Query("notEqual", column, (value,))


def less_than(column: str, value: Value) -> Query:
    return Query("lessThan", column, (value,))


def less_than_equal(column: str, value: Value) -> Query:
    return Query("lessThanEqual", column, (value,))


def greater_than(column: str, value: Value) -> Query:
    return Query("greaterThan", column, (value,))


def greater_than_equal(column: str, value: Value) -> Query:
    return Query("greaterThanEqual", column, (value,))


def between(column: str, low: Value, high: Value) -> Query:
    """Match rows from low to high, both included."""
    return Query("between", column, (low, high))


def not_between(column: str, low: Value, high: Value) -> Query:
    return Query("notBetween", column, (low, high))


def is_null(column: str) -> Query:
    return Query("isNull", column)


def is_not_null(column: str) -> Query:
    return Query("isNotNull", column)


def starts_with(column: str, value: str) -> Query:
    return Query("startsWith", column, (value,))


def ends_with(column: str, value: str) -> Query:
    return Query("endsWith", column, (value,))


def not_starts_with(column: str, value: str) -> Query:
    return Query("notStartsWith", column, (value,))


def not_ends_with(column: str, value: str) -> Query:
    return Query("notEndsWith", column, (value,))


def contains(column: str, *values: Value) -> Query:
    """Match text that contains one of the values, or an array with one of them as an element."""
    return Query("contains", column, values)


def not_contains(column: str, *values: Value) -> Query:
    return Query("notContains", column, values)


def search(column: str, words: str) -> Query:
    """Match words by the column's fulltext index."""
    return Query("search", column, (words,))


def and_(*queries: Query) -> Query:
    """Match rows that match every query; the server requires at least two."""
    return Query("and", None, queries)


def or_(*queries: Query) -> Query:
    """Match rows that match any query; the server requires at least two."""
    return Query("or", None, queries)


def order_asc(column: str) -> Query:
    return Query("orderAsc", column)


def order_desc(column: str) -> Query:
    return Query("orderDesc", column)


def limit(count: int) -> Query:
    return Query("limit", None, (count,))


def offset(count: int) -> Query:
    return Query("offset", None, (count,))


def cursor_after(row_id: str) -> Query:
    return Query("cursorAfter", None, (row_id,))


def select(columns: Iterable[str]) -> Query:
    """Return only these columns; the server adds ``$id`` and other internal ones."""
    return Query("select", None, tuple(columns))


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _head(query: Query) -> str:
    return query.method if query.column is None else f"{query.method}({query.column}, ...)"


def _most_values(query: Query) -> int:
    nested = [value for value in query.values if isinstance(value, Query)]
    own = 0 if query.method == "select" else len(query.values) - len(nested)
    return max([own, *map(_most_values, nested)])
