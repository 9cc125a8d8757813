"""What a statement for SQLite reads, and what is noted of it while it is compiled."""

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

# SQLite's, and those that Django's backend gives it (RAND is ``Random()`` and ``order_by("?")``).
_CHANCE = re.compile(r"\b(rand|random|randomblob|uuidv4|uuidv7)\s*\(", re.IGNORECASE)
_CLOCK = re.compile(r"\bcurrent_(time|date|timestamp)\b", re.IGNORECASE)
# These take the present moment where they are told "now", and where they are told nothing.
_CALENDAR = re.compile(r"\b(date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\(\s*(\))?", re.IGNORECASE)
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
    """Say whether the answer may change by itself, or depends on a value whose ``repr`` need not tell it from others."""
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


# The quote before a column that is called "select". SQLite also knows "x IN table", without parentheses.
_READS = re.compile(r"(?<!\")\b(?:SELECT\b|IN(?:\s+[^\s(]|[\"\[`]))", re.IGNORECASE)


def reads_in(sql: str) -> int:
    """Return how often SQL text reads a table, at most: once for each SELECT."""
    return sum(1 for _ in _READS.finditer(sql))


def names_as_source(sql: str, db_table: str) -> bool:
    """Say whether a table may be one that SQL text reads; the name before a column's does not count."""
    name = re.escape(unquoted(db_table))
    return re.search(rf"(?<!\w){name}(?!\w)(?![\"\]`]?\s*\.)", sql.replace('""', '"'), re.IGNORECASE) is not None


def sources(fragments: Iterable[str], db_tables: Iterable[str]) -> set[str]:
    """Return those of the tables that one of the fragments may read."""
    known = list(db_tables)
    return {table for sql in fragments for table in known if names_as_source(sql, table)}


class Level(NamedTuple):
    """One query, the outermost or a nested one, as it was compiled: the aliases and further tables that its FROM clause names."""

    query: Query
    aliases: tuple[str, ...]
    extra_tables: tuple[str, ...]


@dataclass
class Noted:
    """
    What is compiled.

    Attributes:
        levels: the queries.
        fragments: SQL of others that reads tables by itself.
        reads: how many reads there are in the SQL so far.
        unknown: whether there is anything that may compare columns in ways of its own.
    """

    levels: list[Level] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    reads: int = 0
    unknown: bool = False
