"""
Compute row width and index length before a request reaches the server.

The server's own error does not say by how much a limit is exceeded. Source: ``bytesUsed`` in the
recordings ``columns-limits`` and ``tables-inline-types``.
"""

from __future__ import annotations

from collections.abc import Iterable

from appwrite_orm_django.engines import MARIADB, Engine

from .definitions import INT32, Column, Index, Table
from .errors import SchemaTooLarge

#: The server reports ``bytesMax`` 65,535 and rejects a column that reaches it (recording
#: columns-limits). MongoDB has no such limit.
MAX_ROW_BYTES = 65_534
BASE_ROW_BYTES = 1_067
MAX_COLUMNS = 1_010
MAX_INDEXES = 58

#: The width of a column that is stored outside of the row.
_POINTER_BYTES = 20
_FIXED_BYTES = {
    "bigint": 8,
    "boolean": 1,
    "datetime": 7,
    "double": 8,
    "linestring": _POINTER_BYTES,
    "longtext": _POINTER_BYTES,
    "mediumtext": _POINTER_BYTES,
    "point": 25,
    "polygon": _POINTER_BYTES,
    "relationship": 1_021,
    "text": _POINTER_BYTES,
}
_CHARACTERS = {"email": 254, "enum": 255, "ip": 39, "url": 2000}
_MAX_VARCHAR = 16_381
_TEXT_CHARACTERS = {"text": 65_535, "mediumtext": 16_777_215, "longtext": 2_147_483_647}


def width_bytes(column: Column) -> int:
    """
    Return the width of a column in bytes of the row.

    >>> width_bytes(Column("name", "varchar", 100)), width_bytes(Column("note", "longtext"))
    (401, 20)
    """
    if column.array:
        return _POINTER_BYTES
    if column.type == "integer":
        # The server only considers the upper bound.
        return 4 if column.max is not None and column.max <= INT32[1] else 8
    if column.type in _FIXED_BYTES:
        return _FIXED_BYTES[column.type]
    characters = characters_of(column)
    if characters is None or characters > _MAX_VARCHAR:
        return _POINTER_BYTES
    return 4 * characters + (1 if characters <= 255 else 2)


def row_bytes(columns: Iterable[Column]) -> int:
    """Return the width of a row in bytes, including Appwrite's own columns."""
    return BASE_ROW_BYTES + sum(map(width_bytes, columns))


def characters_of(column: Column) -> int | None:
    """Return the maximum number of characters of a text column, or None for other columns."""
    if column.type in {"varchar", "string"}:
        return column.size
    return _CHARACTERS.get(column.type) or _TEXT_CHARACTERS.get(column.type)


def check_table(table: Table, engine: Engine = MARIADB) -> None:
    """
    Check the limits of a table, which the server would only check halfway through its creation.

    Raises:
        SchemaTooLarge: the row is wider than 65,534 bytes, or there are too many columns or
            indexes.
    """
    used = row_bytes(table.columns)
    limit = engine.max_row_bytes
    if limit is not None and used > limit:
        widest = sorted(table.columns, key=width_bytes, reverse=True)[:3]
        named = ", ".join(f"{column.key} {width_bytes(column):,}" for column in widest)
        raise SchemaTooLarge(
            f"{table.id}: a row would be {used:,} bytes wide; Appwrite allows {limit:,} (a "
            "varchar takes 4 per character).\n"
            f"Widest: {named}. A TextField takes {_POINTER_BYTES}."
        )
    if len(table.columns) > MAX_COLUMNS:
        raise SchemaTooLarge(
            f"{table.id}: {len(table.columns):,} columns; Appwrite allows {MAX_COLUMNS:,}."
        )
    if len(table.indexes) > MAX_INDEXES:
        raise SchemaTooLarge(
            f"{table.id}: {len(table.indexes)} indexes; Appwrite allows {MAX_INDEXES}."
        )


def fits_index(columns: Iterable[Column], engine: Engine = MARIADB) -> bool:
    """Return whether a unique index can cover these columns."""
    return sum(map(_indexed_length, columns)) <= engine.max_index_length


def index_lengths(
    table_id: str, index: Index, columns: dict[str, Column], engine: Engine = MARIADB
) -> tuple[int, ...]:
    """
    Return the lengths that make an index fit, 0 for a whole column; empty if all columns fit whole.

    A plain index can cover the start of long texts. A unique index cannot, because texts with the
    same start would conflict.

    Raises:
        SchemaTooLarge: a unique index would be longer than 768 characters (1,024 on MongoDB).
    """
    if index.type in {"fulltext", "spatial"}:
        return ()
    sizes = [
        _indexed_length(columns[key]) if key in columns else _SYSTEM_LENGTH for key in index.columns
    ]
    total = sum(sizes)
    most = engine.max_index_length
    if total <= most:
        return ()
    if index.type == "unique":
        named = " + ".join(
            f"{key} {size:,}" for key, size in zip(index.columns, sizes, strict=True)
        )
        raise SchemaTooLarge(
            f"{table_id}.{index.key}: a unique index over {named} = {total:,} characters; Appwrite "
            f"allows {most}.\n"
            "Shorten max_length, or make a shorter digest of the value unique."
        )
    texts = [position for position, size in enumerate(sizes) if size > _SHORT]
    room = most - sum(size for size in sizes if size <= _SHORT)
    share = room // len(texts)
    return tuple(
        min(size, share) if position in texts else 0 for position, size in enumerate(sizes)
    )


#: The length of a system column, which is an id or a date; texts up to ``_SHORT`` stay whole.
_SYSTEM_LENGTH = 36
_SHORT = 36


def _indexed_length(column: Column) -> int:
    characters = characters_of(column)
    if characters is not None:
        return characters
    return 2 if column.type == "double" else 1
