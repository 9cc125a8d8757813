"""Analyse SQL for SQLite: the tables that it reads, and whether its answer is volatile."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models.sql import Query

from appwrite_orm_django.schema.names import unquoted

# Functions of SQLite and of Django's backend (RAND is ``Random()`` and ``order_by("?")``).
_CHANCE = re.compile(r"\b(rand|random|randomblob|uuidv4|uuidv7)\s*\(", re.IGNORECASE)
_CLOCK = re.compile(r"\bcurrent_(time|date|timestamp)\b", re.IGNORECASE)
# These use the current time for "now", and without an argument.
_CALENDAR = re.compile(
    r"\b(date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\(\s*(\))?", re.IGNORECASE
)
_NOW = re.compile(r"'now'", re.IGNORECASE)
_PLAIN = (
    str,
    int,
    float,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type(None),
)


def is_volatile(sql: str, params: Iterable[Any]) -> bool:
    """Return whether the answer may vary over the same rows, or a ``repr`` may not identify it."""
    values = tuple(params)
    if _CHANCE.search(sql) or _CLOCK.search(sql):
        return True
    calendar = list(_CALENDAR.finditer(sql))
    if calendar and (
        any(found[2] for found in calendar)
        or _NOW.search(sql)
        or any(isinstance(value, str) and value.lower() == "now" for value in values)
    ):
        return True
    return not all(isinstance(value, _PLAIN) for value in values)


# A quote before the word means a column called "select". SQLite also supports "x IN table", without
# parentheses.
_READS = re.compile(r"(?<!\")\b(?:SELECT\b|IN(?:\s+[^\s(]|[\"\[`]))", re.IGNORECASE)


def reads_in(sql: str) -> int:
    """Return the maximum number of table reads in SQL text: one for each SELECT."""
    return sum(1 for _ in _READS.finditer(sql))


def names_as_source(sql: str, db_table: str) -> bool:
    """Return whether SQL text may read a table; its name before a column name does not count."""
    name = re.escape(unquoted(db_table))
    return (
        re.search(rf"(?<!\w){name}(?!\w)(?![\"\]`]?\s*\.)", sql.replace('""', '"'), re.IGNORECASE)
        is not None
    )


def sources(fragments: Iterable[str], db_tables: Iterable[str]) -> set[str]:
    """Return the tables that one of the fragments may read."""
    known = list(db_tables)
    return {table for sql in fragments for table in known if names_as_source(sql, table)}


class Level(NamedTuple):
    """A compiled query, outermost or nested, with the tables of its FROM clause."""

    query: Query
    aliases: tuple[str, ...]
    extra_tables: tuple[str, ...]


@dataclass
class Noted:
    """
    A record of what has been compiled.

    Attributes:
        levels: the queries.
        fragments: SQL that reads tables but does not come from a query.
        reads: the number of reads in the SQL so far.
        unknown: whether an expression may compare columns in an unknown way.
    """

    levels: list[Level] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    reads: int = 0
    unknown: bool = False
