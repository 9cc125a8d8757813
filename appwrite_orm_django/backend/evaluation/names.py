"""
Names in the SQL that SQLite runs, a user's own parts of it included.

SQLite takes a name in double quotes that it does not know for a text: ``SELECT "pagse"`` would be ``'pagse'`` in every row, and the sum of it
0. In the other quotes that it knows a name stays a name. Where names may stand, and what they stand for, is left to SQLite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise

from django.db import OperationalError, ProgrammingError

from appwrite_orm_django.backend.evaluation.tables import LocalTable
from appwrite_orm_django.backend.values import ROW_ID

_QUOTED = r"""
    (?P<text> '(?:[^']|'')*' | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<name> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
"""
_QUOTES = re.compile(_QUOTED, re.VERBOSE | re.DOTALL)
_PARTS = re.compile(rf"{_QUOTED} | \w+ | \S", re.VERBOSE | re.DOTALL)
# Without these each double quote begins or ends a name.
_MARKS = ("'", "--", "/*", "`", "[", '""')
_UNKNOWN = "no such column: "
# What a star stands behind where it stands for columns: elsewhere it multiplies, or counts.
_BEFORE_COLUMNS = frozenset({"SELECT", "DISTINCT", "ALL", ",", "."})


@lru_cache(maxsize=500)
def strict(sql: str) -> str:
    """
    Return the statement with names in quotes in which SQLite takes them for nothing else.

    >>> print(strict("SELECT 'a', " + '"b" -- "c"'))
    SELECT 'a', `b` -- "c"
    """
    if not any(mark in sql for mark in _MARKS):
        return sql.replace('"', "`")

    def quoted(part: re.Match[str]) -> str:
        text = part[0]
        return _quoted(_unquoted(text)) if part["name"] and text.startswith('"') else text

    return _QUOTES.sub(quoted, sql)


def as_written(label: str, sql: str) -> str:
    """Return what SQLite calls a column of the strict statement in the quotes of the statement itself."""
    if "`" not in label or "`" in sql:
        return label

    def quoted(part: re.Match[str]) -> str:
        return '"' + _unquoted(part[0]).replace('"', '""') + '"' if part["name"] else part[0]

    return _QUOTES.sub(quoted, label)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _unquoted(text: str) -> str:
    quote, name = text[0], text[1:-1]
    return name if quote == "[" else name.replace(quote * 2, quote)


def _is_row_id(part: re.Match[str]) -> bool:
    return bool(part["name"]) and _unquoted(part[0]).lower() == ROW_ID


def with_row_ids(sql: str, tables: Mapping[str, LocalTable]) -> tuple[str, Mapping[str, LocalTable]]:
    """
    Let ``"$id"`` mean in a statement what it means on the server.

    It is the column of the primary key, where the tables agree on its name. Else each table is given another column of this name.

    Returns:
        the statement, and the tables to run it over.

    Raises:
        ProgrammingError: then a star would bring that column as well.
    """
    if ROW_ID not in sql.lower():
        return sql, tables
    parts = [part for part in _PARTS.finditer(sql) if not part["text"]]
    words = ["", *(part[0].upper() for part in parts)]
    before = [word for part, word in zip(parts, words, strict=False) if _is_row_id(part)]
    if not before:
        return sql, tables
    names = {table.row_id_column.name for table in tables.values()}
    if len(names) == 1 and "AS" not in before:
        name = _quoted(names.pop())
        return _QUOTES.sub(lambda part: name if _is_row_id(part) else part[0], sql), tables
    if tables and any(word == "*" and previous in _BEFORE_COLUMNS for previous, word in pairwise(words)):
        own = ", ".join(f'"{table.row_id_column.name}" in {name}' for name, table in tables.items())
        raise ProgrammingError(
            f'"{ROW_ID}" cannot stand beside a * here, which would bring it as one more column.\n'
            f"List the columns, or use the name that the key has: {own}."
        )
    return sql, {name: table.with_row_id for name, table in tables.items()}


@contextmanager
def unknown_columns_named(tables: Iterable[LocalTable]) -> Iterator[None]:
    """
    Say which columns there are, where a statement names one that there is not.

    Raises:
        ProgrammingError: instead of SQLite's own error.
    """
    try:
        yield
    except OperationalError as error:
        text = str(error)
        if not text.startswith(_UNKNOWN):
            raise
        name = text[len(_UNKNOWN) :]
        known = "".join(
            f"\n{table.name} has {', '.join(column.name for column in table.columns)}; {ROW_ID} is {table.row_id_column.name}."
            for table in tables
        )
        raise ProgrammingError(
            f"{name}: no such column.{known or ' No table of a model is read.'}\n"
            f"A text is written in single quotes; in double quotes it is a name."
        ) from error
