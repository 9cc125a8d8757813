"""
Which rows have the values of a unique index, and which unique index a change violates.

Asked where the server's own answer does not say, comes too late, or would be an upsert that changes another row (recording ``rows-upsert-unique``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appwrite_orm_django import collation
from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.commands.conditions import Condition, Membership
from appwrite_orm_django.backend.commands.local import Fetch
from appwrite_orm_django.backend.commands.writes import NewRow, Unique, UpdateRows
from appwrite_orm_django.client import queries

if TYPE_CHECKING:
    from appwrite_orm_django.backend.reading import Reader
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef

Row = Mapping[str, Any]

# Rows that a list for each column of an index may bring at most, wanted or not: about one page.
_MAX_COMBINATIONS = 1000
# ``{"method":"and","values":[]}`` and a comma.
_AROUND_QUERIES = 29


def unique_value(columns: tuple[str, ...], row: Row, text: str) -> tuple[Any, ...] | None:
    """
    Return what a unique index compares, None if it has a null, which clashes with nothing.

    Args:
        text: the text semantics. Row ids are compared without case by every server (local server's ``text_rules``), other text by MariaDB only.
    """
    values = tuple(row.get(column) for column in columns)
    if any(value is None for value in values):
        return None
    return tuple(
        collation.fold(value) if isinstance(value, str) and (text == "mariadb" or column == ROW_ID) else value
        for column, value in zip(columns, values, strict=True)
    )


# Rows with the same values


def rows_like(
    reader: Reader, table: TableRef, columns: tuple[str, ...], images: Iterable[Row], shown: Iterable[str] = ()
) -> Iterator[Row]:
    """
    Yield the rows that have what one of ``images`` has in these columns, and possibly others, as the open block sees them.

    One request for up to 500 values or 4,096 characters of them; images with a null in the columns are not asked for.

    Args:
        shown: further columns that the rows are to have.
    """
    wanted = tuple(dict.fromkeys((*columns, *shown)))
    for condition in conditions_for(columns, images):
        yield from reader.rows(Fetch(table, "", condition), condition, wanted)


def conditions_for(columns: tuple[str, ...], images: Iterable[Row]) -> list[Condition]:
    """Return the conditions, as few as can be, that together find every row with what one of the images has in the columns."""
    values = dict.fromkeys(tuple(image.get(column) for column in columns) for image in images)
    complete = [value for value in values if None not in value]
    if not complete:
        return []
    lists = [tuple(dict.fromkeys(column)) for column in zip(*complete, strict=True)]
    if math.prod(map(len, lists)) <= max(_MAX_COMBINATIONS, len(complete)):
        return [Condition((), tuple(map(Membership, columns, lists)))]
    return [Condition((query,)) for query in _alternatives(columns, complete)]


def _alternatives(columns: tuple[str, ...], values: Sequence[tuple[Any, ...]]) -> Iterator[Query]:
    """Yield queries, each as long as the server takes, of which one holds for each of the combinations of values."""
    part: list[Query] = []
    used = 0
    for query in _combinations(columns, values):
        length = len(query.to_json()) + 1
        if part and used + length + _AROUND_QUERIES > queries.MAX_QUERY_LENGTH:
            yield part[0] if len(part) == 1 else queries.or_(*part)
            part, used = [], 0
        part.append(query)
        used += length
    if part:
        yield part[0] if len(part) == 1 else queries.or_(*part)


def _combinations(columns: tuple[str, ...], values: Sequence[tuple[Any, ...]]) -> Iterator[Query]:
    """Yield a query for the combinations that differ in one column only: in that which leaves the fewest queries."""
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    listed = 0
    for column in range(len(columns)):
        grouped: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
        for value in values:
            grouped.setdefault(value[:column] + value[column + 1 :], []).append(value)
        if not groups or len(grouped) < len(groups):
            groups, listed = grouped, column
    for group in groups.values():
        for start in range(0, len(group), queries.MAX_VALUES):
            members = group[start : start + queries.MAX_VALUES]
            together = _all_of(columns, members, listed)
            if len(together.to_json()) + _AROUND_QUERIES <= queries.MAX_QUERY_LENGTH:
                yield together
            else:
                yield from (_all_of(columns, [member], listed) for member in members)


def _all_of(columns: tuple[str, ...], members: Sequence[tuple[Any, ...]], listed: int) -> Query:
    return queries.and_(
        *(
            queries.equal(
                column, *((value[place] for value in members) if place == listed else members[0][place : place + 1])
            )
            for place, column in enumerate(columns)
        )
    )


# Violations


def conflicting(reader: Reader, table: TableRef, unique: Unique, new: Sequence[NewRow]) -> dict[int, str]:
    """
    Return, by ``id()``, the new rows that clash with rows that exist, or with an earlier one of them, and how.

    One request for each unique index that they have values for, the row ids included where they are not of our making.
    """
    text, indexes = reader.connection.text_semantics, ((ROW_ID,), *unique)
    values: dict[int, dict[tuple[str, ...], tuple[Any, ...] | None]] = {}
    images = {id(row): {**row.data, ROW_ID: row.row_id} for row in new}
    for row in new:
        asked = indexes[1:] if row.id_is_ours else indexes
        values[id(row)] = {columns: unique_value(columns, images[id(row)], text) for columns in asked}
    seen: dict[tuple[str, ...], set[Any]] = {}
    for columns in indexes:
        concerned = [images[row] for row, by_index in values.items() if columns in by_index]
        seen[columns] = {unique_value(columns, row, text) for row in rows_like(reader, table, columns, concerned)}
    taken: dict[int, str] = {}
    for row_, by_index in values.items():
        clashing = next(
            (columns for columns, value in by_index.items() if value is not None and value in seen[columns]), None
        )
        if clashing is not None:
            taken[row_] = f"a row with this {', '.join(clashing)} exists"
            continue
        # Only a row that is made itself stands in the way of later ones.
        for columns, value in by_index.items():
            seen[columns].add(value)
    return taken


def violation(reader: Reader, table: TableRef, unique: Unique, images: Mapping[str, Row]) -> str | None:
    """
    Say which unique index is violated once rows look as ``images`` says, None if none is; one request for each index, or more of many values.

    Args:
        images: row id to the row as it will be, with every column of the indexes.
    """
    text = reader.connection.text_semantics
    ids = {row_id.lower() for row_id in images}
    for columns in unique:
        values = [value for image in images.values() if (value := unique_value(columns, image, text)) is not None]
        wanted, shown = set(values), ", ".join(columns)
        if len(values) > len(wanted):
            return f"{table.table}: two rows would have the same {shown}."
        if any(
            row[ROW_ID].lower() not in ids and unique_value(columns, row, text) in wanted
            for row in rows_like(reader, table, columns, images.values())
        ):
            return f"{table.table}: a row with this {shown} exists."
    return None


def clash(reader: Reader, command: UpdateRows) -> str | None:
    """Say which unique index an update of many rows would violate, if any; the rows are as they were before it."""
    for columns in command.unique:
        if not set(columns) & set(command.data):
            continue
        images = {
            row[ROW_ID]: {**row, **command.data}
            for row in reader.rows(Fetch(command.table, "", command.condition), command.condition, columns)
        }
        if text := violation(reader, command.table, (columns,), images):
            return text
    return None
