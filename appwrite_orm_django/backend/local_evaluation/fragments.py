"""
SQL that somebody else wrote inside a query (``RawSQL``, ``extra()``, templates of functions), as far as it reads tables by itself.

What such a fragment reads must not be narrowed by what the query around it wants of the same table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from appwrite_orm_django.schema.names import unquoted

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
