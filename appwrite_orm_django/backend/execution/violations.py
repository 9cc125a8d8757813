"""Find the rows that violate a unique index, before a write or after the server has refused one."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import DatabaseError

from appwrite_orm_django.backend.commands import (
    Condition,
    Membership,
    NewRow,
    Unique,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch
from appwrite_orm_django.backend.planning.writes import unique_columns
from appwrite_orm_django.backend.uniqueness import described, uniqueness_of
from appwrite_orm_django.backend.values import ROW_ID, table_id
from appwrite_orm_django.client import indexes, queries
from appwrite_orm_django.client.errors import (
    UniqueViolation,
    cut,
)
from appwrite_orm_django.schema.from_server import read_index
from appwrite_orm_django.schema.names import is_hidden

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection, Reader
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.engines import Engine


Row = Mapping[str, Any]

# The maximum number of rows, wanted or not, that one list of values per column may match: about one
# page.
_MAX_COMBINATIONS = 1000
# The length of generated row ids, at least.
_GENERATED = 20
# The length of ``{"method":"and","values":[]}`` and a comma.
_AROUND_QUERIES = 29


def unique_value(columns: tuple[str, ...], row: Row, engine: Engine) -> tuple[Any, ...] | None:
    """
    Return the values that a unique index compares, None if one is null.

    A null conflicts with nothing.

    Args:
        engine: the rules for text. Row ids exclude each other without case on every engine.
    """
    values = tuple(row.get(column) for column in columns)
    if any(value is None for value in values):
        return None
    return tuple(
        value
        if not isinstance(value, str)
        else value.lower()
        if column == ROW_ID
        else engine.equality_key(value)
        for column, value in zip(columns, values, strict=True)
    )


# Rows with the same values


def rows_like(
    reader: Reader,
    table: TableRef,
    columns: tuple[str, ...],
    images: Iterable[Row],
    shown: Iterable[str] = (),
) -> Iterator[Row]:
    """
    Yield the rows with the same values in these columns as one of ``images``.

    Rows are as the open block sees them, and other rows may be among them. Each request takes up to
    500 values or 4,096 characters. Images with a null in the columns are skipped.

    Args:
        shown: further columns to return.
    """
    wanted = tuple(dict.fromkeys((*columns, *shown)))
    for condition in conditions_for(columns, images):
        yield from reader.rows(Fetch(table, "", condition), condition, wanted)


def conditions_for(columns: tuple[str, ...], images: Iterable[Row]) -> list[Condition]:
    """Return as few conditions as possible that together match every row with an image's values."""
    complete = _complete(columns, images)
    if not complete:
        return []
    lists = [tuple(dict.fromkeys(column)) for column in zip(*complete, strict=True)]
    if math.prod(map(len, lists)) <= max(_MAX_COMBINATIONS, len(complete)):
        return [Condition((), tuple(map(Membership, columns, lists)))]
    return [Condition((query,)) for query in _alternatives(_combinations(columns, complete))]


def _alternatives(alternatives: Iterable[Query]) -> Iterator[Query]:
    """Yield queries that combine the alternatives with OR, each as long as the server accepts."""
    part: list[Query] = []
    used = 0
    for query in alternatives:
        length = len(query.to_json()) + 1
        if part and used + length + _AROUND_QUERIES > queries.MAX_QUERY_LENGTH:
            yield part[0] if len(part) == 1 else queries.or_(*part)
            part, used = [], 0
        part.append(query)
        used += length
    if part:
        yield part[0] if len(part) == 1 else queries.or_(*part)


def _combinations(columns: tuple[str, ...], values: Sequence[tuple[Any, ...]]) -> Iterator[Query]:
    """Yield a query per group of combinations that differ in one column, as few as possible."""
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
    parts = [
        queries.equal(
            column,
            *(
                (value[place] for value in members)
                if place == listed
                else members[0][place : place + 1]
            ),
        )
        for place, column in enumerate(columns)
    ]
    return parts[0] if len(parts) == 1 else queries.and_(*parts)


# Violations


class Clash(NamedTuple):
    """
    A row that violates a unique index, and the row with which it conflicts.

    ``exists`` is False if the other row is not in the table but written together with this one.
    """

    columns: tuple[str, ...]
    values: tuple[Any, ...]
    row_id: str
    other_id: str
    exists: bool = True

    def error(self, table: TableRef, further: str = "") -> UniqueViolation:
        """Return the error for the violation."""
        error = UniqueViolation()
        self.tell(error, table, further)
        return error

    def tell(self, error: UniqueViolation, table: TableRef, further: str = "") -> None:
        """Describe the violation in an error, which keeps the details of the server's answer."""
        values = cut(", ".join(map(repr, self.values))) or "the same values"
        hidden = described(self.columns)
        if self.columns == (ROW_ID,) and not self.exists:
            reason = f"Two new rows have the id {self.row_id}."
        elif self.columns == (ROW_ID,):
            spelling = (
                ""
                if self.row_id == self.other_id
                else f" as {self.other_id}; row ids are case-insensitive"
            )
            reason = f"Row {self.row_id} already exists{spelling}."
        elif self.exists:
            reason = f"Row {self.other_id} already has {values}."
        else:
            reason = f"Rows {self.row_id} and {self.other_id} would both have {values}."
        columns = self.columns if hidden is None else hidden.named_columns
        constraint = ", ".join(f"{table.table}.{column}" for column in columns)
        if hidden is not None and not hidden.is_usual:
            constraint, error.constraint = f"{hidden.name} ({constraint})", hidden.name
        error.args = (f"UNIQUE constraint failed: {constraint}\n{reason}{further}",)
        error.table, error.columns, error.row_id = table.table, columns, self.row_id
        error.column = columns[0] if len(columns) == 1 else None
        error.existing_id = self.other_id if self.exists else None


def clash_of(
    columns: tuple[str, ...], image: Row, row_id: str, other_id: str, *, exists: bool = True
) -> Clash:
    """Return the clash of a row, which is or will be ``image``, with another."""
    hidden = described(columns)
    shown = columns if hidden is None else hidden.named_columns
    # Of a changed row, only the columns of the index may be known.
    is_known = hidden is None or all(column in image for column in shown)
    values = tuple(image.get(column) for column in shown) if is_known else ()
    return Clash(columns, values, row_id, other_id, exists)


def conflicting(
    reader: Reader, table: TableRef, unique: Unique, new: Sequence[NewRow]
) -> dict[int, Clash]:
    """
    Return the new rows that conflict with an existing row or an earlier new one.

    The result maps the ``id()`` of a new row to its clash.

    Takes one request for each unique index for which the rows have values, and one for row ids that
    were not generated here.
    """
    engine, every = reader.connection.engine, ((ROW_ID,), *unique)
    values: dict[int, dict[tuple[str, ...], tuple[Any, ...] | None]] = {}
    images = {id(row): {**row.data, ROW_ID: row.row_id} for row in new}
    for row in new:
        asked = every[1:] if row.id_is_ours else every
        values[id(row)] = {
            columns: unique_value(columns, images[id(row)], engine) for columns in asked
        }
    # By index and value: the id of the row that has the value, and whether the row exists.
    seen: dict[tuple[str, ...], dict[Any, tuple[str, bool]]] = {}
    for columns in every:
        concerned: list[Row] = [
            images[row] for row, by_index in values.items() if columns in by_index
        ]
        if columns == (ROW_ID,):
            concerned = spelled(engine, concerned)
        found = rows_like(reader, table, columns, concerned)
        seen[columns] = {unique_value(columns, row, engine): (row[ROW_ID], True) for row in found}
    taken: dict[int, Clash] = {}
    for key, by_index in values.items():
        image = images[key]
        for columns, value in by_index.items():
            if value is not None and value in seen[columns]:
                other_id, exists = seen[columns][value]
                taken[key] = clash_of(columns, image, image[ROW_ID], other_id, exists=exists)
                break
        else:
            # Only a row that will be created conflicts with later ones.
            for columns, value in by_index.items():
                seen[columns][value] = (image[ROW_ID], False)
    return taken


def spelled(engine: Engine, images: Iterable[Row]) -> list[Row]:
    """Add other spellings of the row ids, where a row is only found by its id as stored."""
    found = list(images)
    if not engine.finds_ids_without_case:
        ids = [image[ROW_ID] for image in found]
        # Long ids are generated, and of lower case.
        upper = [one.upper() for one in ids if len(one) < _GENERATED]
        others = {*(one.lower() for one in ids), *upper} - set(ids)
        found += [{ROW_ID: one} for one in sorted(others)]
    return found


def other_spellings(reader: Reader, table: TableRef, images: Iterable[Row]) -> Iterator[Row]:
    """
    Yield the rows whose ids differ from those of images in case only.

    The filter makes the server look at every row. It is needed only after an error, since
    ``spelled`` finds almost all of them.
    """
    engine = reader.connection.engine
    if engine.finds_ids_without_case:
        return
    ids = {image[ROW_ID].lower() for image in images}
    matching = queries.starts_with if engine.anchors_prefixes else queries.contains
    # Digits have one spelling.
    wanted = (matching(ROW_ID, one) for one in sorted(ids) if one.upper() != one)
    for query in _alternatives(wanted):
        condition = Condition((query,))
        for row in reader.rows(Fetch(table, "", condition), condition, (ROW_ID,)):
            if row[ROW_ID].lower() in ids:
                yield row


def violation(
    reader: Reader, table: TableRef, unique: Unique, images: Mapping[str, Row]
) -> Clash | None:
    """
    Return how the rows in ``images`` would violate a unique index, None if they would not.

    Takes one request for each index, or more if there are many values.

    Args:
        images: the rows as they will be, by row id, with every column of the indexes.
    """
    for columns in unique:
        found = rows_like(reader, table, columns, images.values())
        if clash := _violation({columns: images}, found, reader.connection.engine):
            return clash
    return None


def _violation(
    images: Mapping[tuple[str, ...], Mapping[str, Row]], found: Iterable[Row], engine: Engine
) -> Clash | None:
    """
    Do the same as ``violation``, with the rows that have any of the values in ``found``.

    ``found`` is consumed only if the images do not conflict with each other.

    Args:
        images: the images that are new to an index, by the columns of the index.
    """
    wanted: dict[tuple[str, ...], dict[Any, str]] = {}
    for columns, by_id in images.items():
        ids = wanted[columns] = {}
        for row_id, image in by_id.items():
            value = unique_value(columns, image, engine)
            if value is not None and ids.setdefault(value, row_id) != row_id:
                return clash_of(columns, image, row_id, ids[value], exists=False)
    own = {columns: {row_id.lower() for row_id in by_id} for columns, by_id in images.items()}
    for row in found:
        for columns, ids in wanted.items():
            row_id = ids.get(unique_value(columns, row, engine))  # type: ignore[assignment]  # looked at in the next line
            if row_id is not None and row[ROW_ID].lower() not in own[columns]:
                return clash_of(columns, images[columns][row_id], row_id, row[ROW_ID])
    return None


# Explaining an error of the server


class Change(NamedTuple):
    """
    A rejected change of one table.

    Columns to set and columns to increment are given by row id. Deleted rows free their values.
    """

    created: Sequence[NewRow] = ()
    changed: Mapping[str, Row] = {}
    added: Mapping[str, Row] = {}
    deleted: Collection[str] = ()


def explain(
    connection: Connection,
    error: UniqueViolation,
    table: TableRef,
    change: Change,
    further: str = "",
) -> None:
    """
    Add the violated unique index and the conflicting row to an error of the server.

    Takes one request if the model declares the index, and two more if not. A change that must be
    completed with the row's own values takes one more. If a request fails or finds nothing, the
    error is left unchanged.

    Args:
        further: text to append to the message.
    """
    if error.columns:
        return
    try:
        with connection.own_block():  # only committed rows can have caused the error
            found = _refusing(connection, table, change)
    except (DatabaseError, ValueError):  # ValueError: a query is too long
        return
    if found is not None:
        found.tell(error, table, further)


def _refusing(connection: Connection, table: TableRef, change: Change) -> Clash | None:
    data = [row.data for row in change.created] + list(change.changed.values())
    known = _known(connection, table, {key for row in data for key in row})
    if (found := _met(connection.reader, table, known, change)) is not None:
        return found
    others = _undeclared(connection, table, known)
    return _met(connection.reader, table, others, change, ids=False) if others else None


def all_unique(connection: Connection, table: TableRef, written: Iterable[str]) -> Unique:
    """
    Return the columns of each unique index of a table, declared or not; takes one request.

    Args:
        written: the keys of the columns that are written.
    """
    known = _known(connection, table, written)
    return (*known, *_undeclared(connection, table, known))


def _known(connection: Connection, table: TableRef, written: Iterable[str]) -> Unique:
    # A model of a migration's state has other constraints than the models of today.
    hidden = ((key,) for key in written if is_hidden(key))
    return tuple(dict.fromkeys((*declared(connection, table), *hidden)))


def _undeclared(connection: Connection, table: TableRef, known: Unique) -> Unique:
    listed = indexes.list_indexes(connection.transport, table)
    unique = (index.columns for index in map(read_index, listed) if index.type == "unique")
    return tuple(dict.fromkeys(columns for columns in unique if columns not in known))


def declared(connection: Connection, table: TableRef) -> Unique:
    """Return the columns of each unique index that the models of a table declare."""
    found: dict[tuple[str, ...], None] = {}
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and table_id(model._meta.db_table) == table.table:
            uniqueness = uniqueness_of(model, connection.engine)
            found.update(dict.fromkeys(uniqueness.indexes(unique_columns(model))))
    return tuple(found)


def _met(
    reader: Reader, table: TableRef, unique: Unique, change: Change, *, ids: bool = True
) -> Clash | None:
    """
    Return the clash with a row of the table, or of new rows with each other.

    Takes one request for all indexes if their values fit into one.
    """
    images = _images(reader, table, unique, change)
    given = {
        row.row_id: {ROW_ID: row.row_id} for row in change.created if ids and not row.id_is_ours
    }
    values = [
        ((ROW_ID,), spelled(reader.connection.engine, given.values())),
        *((columns, list(by_id.values())) for columns, by_id in images.items()),
    ]
    wanted = tuple(dict.fromkeys((ROW_ID, *(column for columns in images for column in columns))))
    alternatives = (
        query
        for columns, rows in values
        for query in _combinations(columns, _complete(columns, rows))  # type: ignore[arg-type]  # rows of the command
    )
    freed = {row_id.lower() for row_id in change.deleted}
    found: list[Row] = []
    for query in _alternatives(alternatives):
        condition = Condition((query,))
        listed = reader.rows(Fetch(table, "", condition), condition, wanted)
        found += (row for row in listed if row[ROW_ID].lower() not in freed)
    if not found:
        others = other_spellings(reader, table, given.values())
        found += (row for row in others if row[ROW_ID].lower() not in freed)
    folded = {row_id.lower(): row_id for row_id in given}
    for row in found:
        if (row_id := folded.get(row[ROW_ID].lower())) is not None:
            return clash_of((ROW_ID,), given[row_id], row_id, row[ROW_ID])
    return _violation(images, found, reader.connection.engine)


def _images(
    reader: Reader, table: TableRef, unique: Unique, change: Change
) -> dict[tuple[str, ...], dict[str, Row]]:
    """Return the rows as they would have been, for each index with a written column."""
    touched = {
        row_id: {*change.changed.get(row_id, ()), *change.added.get(row_id, ())}
        for row_id in (*change.changed, *change.added)
    }
    concerned = {
        columns: [row_id for row_id, keys in touched.items() if keys & set(columns)]
        for columns in unique
    }
    # Columns of the index that are not written must be read.
    partial = {
        row_id: None
        for columns, ids in concerned.items()
        for row_id in ids
        if not set(columns) <= change.changed.get(row_id, {}).keys()
    }
    held: dict[str, Row] = {}
    if partial:
        condition = Condition((), (Membership(ROW_ID, tuple(partial)),))
        wanted = tuple(
            dict.fromkeys(column for columns, ids in concerned.items() if ids for column in columns)
        )
        held = {
            row[ROW_ID].lower(): row
            for row in reader.rows(Fetch(table, "", condition), condition, wanted)
        }

    def image(row_id: str) -> Row:
        row = held.get(row_id.lower(), {})
        amounts = change.added.get(row_id, {})
        sums = {
            column: row[column] + amount
            for column, amount in amounts.items()
            if row.get(column) is not None
        }
        return {**row, **change.changed.get(row_id, {}), **sums}

    new = {row.row_id: {**row.data, ROW_ID: row.row_id} for row in change.created}
    images = {
        columns: {**new, **{row_id: image(row_id) for row_id in ids}}
        for columns, ids in concerned.items()
    }
    return {columns: by_id for columns, by_id in images.items() if by_id}


def _complete(columns: tuple[str, ...], rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    values = dict.fromkeys(tuple(row.get(column) for column in columns) for row in rows)
    return [value for value in values if None not in value]
