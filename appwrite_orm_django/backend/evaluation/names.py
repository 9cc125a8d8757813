"""
Rewrite names in the SQL that SQLite runs, including SQL written by users.

SQLite treats an unknown name in double quotes as text: ``SELECT "pagse"`` would return ``'pagse'``
for every row, and its sum would be 0. In the other quotes of SQLite, a name is always a name.
SQLite itself decides where names may occur and what they refer to.
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
# Without these, each double quote begins or ends a name.
_MARKS = ("'", "--", "/*", "`", "[", '""')
_UNKNOWN = "no such column: "
_UNKNOWN_TABLE = "no such table: "
_UNKNOWN_IN_INSERT = re.compile(r"table .+ has no column named (.+)", re.DOTALL)
# The words before a star that stands for columns. Elsewhere it multiplies or counts.
_BEFORE_COLUMNS = frozenset({"SELECT", "DISTINCT", "ALL", ",", "."})


@lru_cache(maxsize=500)
def strict(sql: str) -> str:
    """
    Return the statement with names in quotes that SQLite never treats as text.

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
    """Return a column label of the strict statement with the quotes of the original."""
    if "`" not in label or "`" in sql:
        return label

    def quoted(part: re.Match[str]) -> str:
        return '"' + _unquoted(part[0]).replace('"', '""') + '"' if part["name"] else part[0]

    return _QUOTES.sub(quoted, label)


def words_of(sql: str) -> list[str]:
    """Return the words of a statement in upper case, without texts, comments and quoted names."""
    return [
        part[0].upper() for part in _PARTS.finditer(sql) if not part["text"] and not part["name"]
    ]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _unquoted(text: str) -> str:
    quote, name = text[0], text[1:-1]
    return name if quote == "[" else name.replace(quote * 2, quote)


def name_of(text: str) -> str:
    """Return a name without the quotes in which a statement has it, if any."""
    return _unquoted(text) if text[0] in '"`[' else text


def _is_row_id(part: re.Match[str]) -> bool:
    return bool(part["name"]) and _unquoted(part[0]).lower() == ROW_ID


def with_row_ids(
    sql: str, tables: Mapping[str, LocalTable]
) -> tuple[str, Mapping[str, LocalTable]]:
    """
    Give ``"$id"`` the same meaning in a statement as on the server.

    It becomes the column of the primary key if the tables agree on its name. Otherwise each table
    gets a further column of this name.

    Returns:
        The statement, and the tables to run it over.

    Raises:
        ProgrammingError: a further column is needed, and a star would return it as well.
    """
    if ROW_ID not in sql.lower():
        return sql, tables
    parts = [part for part in _PARTS.finditer(sql) if not part["text"]]
    words = ["", *(part[0].upper() for part in parts)]
    before = [word for part, word in zip(parts, words, strict=False) if _is_row_id(part)]
    if not before:
        return sql, tables
    names = {table.row_id_column.name for table in tables.values()}
    if len(names) == 1 and "AS" not in before and all(one.has_row_id for one in tables.values()):
        name = _quoted(names.pop())
        return _QUOTES.sub(lambda part: name if _is_row_id(part) else part[0], sql), tables
    if tables and any(
        word == "*" and previous in _BEFORE_COLUMNS for previous, word in pairwise(words)
    ):
        own = ", ".join(
            f'"{table.row_id_column.name}" in {name}'
            for name, table in tables.items()
            if table.has_row_id
        )
        raise ProgrammingError(
            f'"{ROW_ID}" cannot be used together with *, which would return it as a further '
            "column.\n"
            f"List the columns{f', or use the name of the primary key: {own}' if own else ''}."
        )
    return sql, {name: table.with_row_id for name, table in tables.items()}


@contextmanager
def unknown_names_told(tables: Iterable[LocalTable]) -> Iterator[None]:
    """
    Replace SQLite's errors for unknown tables and columns by ones that say which there are.

    Raises:
        ProgrammingError: the statement names an unknown table or column.
    """
    try:
        yield
    except OperationalError as error:
        text = str(error)
        if text.startswith(_UNKNOWN_TABLE):
            raise ProgrammingError(
                f"{text}\nSQL reads and writes the tables of models, by their names in the database."
            ) from error
        if text.startswith(_UNKNOWN):
            name = text[len(_UNKNOWN) :]
        elif unknown := _UNKNOWN_IN_INSERT.fullmatch(text):
            name = unknown[1]
        else:
            raise
        known = "".join(
            f"\n{table.name} has {', '.join(column.name for column in table.columns)}; "
            f"{ROW_ID} is {table.row_id_column.name}."
            for table in tables
        )
        raise ProgrammingError(
            f"{name}: no such column.{known or ' No table of a model is read.'}\n"
            f"Write text in single quotes; double quotes are for names."
        ) from error
