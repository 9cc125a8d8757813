"""Run ``bulk_create(update_conflicts=True)``, and find the rows that violate a unique index."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import DatabaseError

from appwrite_orm_django.backend.commands import (
    Changes,
    Condition,
    Images,
    Membership,
    NewRow,
    Unique,
    UpsertRows,
    WriteResult,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch
from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.execution.parts import Parts
from appwrite_orm_django.backend.planning.writes import unique_columns
from appwrite_orm_django.backend.transactions.log import Operation, wire_time
from appwrite_orm_django.backend.transactions.staging import BATCH
from appwrite_orm_django.backend.uniqueness import described, uniqueness_of
from appwrite_orm_django.backend.values import ROW_ID, table_id
from appwrite_orm_django.client import indexes, queries
from appwrite_orm_django.client.errors import (
    TransactionLimitExceeded,
    UniqueViolation,
    WriteRefused,
    cut,
)
from appwrite_orm_django.schema.from_server import read_index
from appwrite_orm_django.schema.names import is_hidden

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Block, Connection, Reader
    from appwrite_orm_django.backend.transactions.log import Log
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
            concerned = _spelled(engine, concerned)
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


def _spelled(engine: Engine, images: Iterable[Row]) -> list[Row]:
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
    ``_spelled`` finds almost all of them.
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
        ((ROW_ID,), _spelled(reader.connection.engine, given.values())),
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
        spelled = other_spellings(reader, table, given.values())
        found += (row for row in spelled if row[ROW_ID].lower() not in freed)
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


@dataclass(slots=True)
class Plan:
    """
    The writes that an ``UpsertRows`` command requires.

    Attributes:
        creations: the rows to create, by folded row id.
        changes: the columns to write, by the id of an existing row.
        existing: these rows as they were found, by id.
        ids: the final row id of each row of the command, in order.
    """

    creations: dict[str, NewRow] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    existing: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    @property
    def versions(self) -> dict[str, str]:
        return {row_id: row["$updatedAt"] for row_id, row in self.existing.items()}

    def complete(self, completed: Callable[[Images], Changes]) -> None:
        """Compute the hidden columns of all rows from what the rows will be."""
        for row_id, data in completed(self.images()).items():
            if row_id in self.changes:
                self.changes[row_id].update(data)
            else:
                new = self.creations[row_id.lower()]
                self.creations[row_id.lower()] = replace(new, data={**new.data, **data})

    def images(self) -> dict[str, dict[str, Any]]:
        """Return the rows as they will be after the write, by id."""
        changed = {row_id: {**row, **self.changes[row_id]} for row_id, row in self.existing.items()}
        return changed | {
            new.row_id: {**new.data, ROW_ID: new.row_id} for new in self.creations.values()
        }


def plan(reader: Reader, command: UpsertRows) -> Plan:
    """
    Look up the target's values and plan one write for each row.

    Raises:
        IntegrityError: two new rows have the same id.
    """
    engine, target = reader.connection.engine, command.target
    # A generated key cannot be taken; skipping these saves a request if there are no others.
    asked: list[Row] = [
        _image(row) for row in command.rows if target != (ROW_ID,) or not row.id_is_ours
    ]
    if target == (ROW_ID,):
        asked = _spelled(engine, asked)
    shown = [
        *(output.key for output in command.outputs if output.key),
        *(key for keys in command.unique for key in keys),
        *command.reads,
    ]
    found = {
        unique_value(target, row, engine): row
        for row in rows_like(reader, command.table, target, asked, shown)
    }
    result, made = Plan(), dict[tuple[Any, ...], str]()
    for row in command.rows:
        value = unique_value(target, _image(row), engine)
        changes = {key: row.data[key] for key in command.changes if key in row.data}
        if value is not None and value in found:
            row_id = found[value][ROW_ID]
            result.existing[row_id] = found[value]
            result.changes.setdefault(row_id, {}).update(changes)
        elif value is not None and value in made:
            row_id = made[value]
            new = result.creations[row_id.lower()]
            result.creations[row_id.lower()] = replace(new, data={**new.data, **changes})
        else:
            row_id = row.row_id
            if value is not None:
                made[value] = row_id
            if row_id.lower() in result.creations:
                raise Clash((ROW_ID,), (row_id,), row_id, row_id, exists=False).error(command.table)
            result.creations[row_id.lower()] = row
        result.ids.append(row_id)
    if command.completed is not None:
        result.complete(command.completed)
    return result


def _image(row: NewRow) -> dict[str, Any]:
    return {**row.data, ROW_ID: row.row_id}


def upsert_violation(reader: Reader, command: UpsertRows, planned: Plan) -> Clash | None:
    """
    Return how a plan would violate a unique index other than the target, None if it would not.

    Takes one request for each index, or more if there are many values.
    """
    given = [_image(new) for new in planned.creations.values() if not new.id_is_ours]
    if command.target != (ROW_ID,):
        for row in rows_like(reader, command.table, (ROW_ID,), given):
            return Clash((ROW_ID,), (row[ROW_ID],), row[ROW_ID], row[ROW_ID])
    written = {key for data in planned.changes.values() for key in data}
    concerned = tuple(
        columns
        for columns in command.unique
        if set(columns) != set(command.target) and (planned.creations or set(columns) & written)
    )
    return violation(reader, command.table, concerned, planned.images())


def take(log: Log, engine: Engine, command: UpsertRows, planned: Plan) -> WriteResult:
    """Append a plan to a log, changes first: they may free a value that a new row needs."""
    images: dict[str, Row] = {}
    for row_id, data in planned.changes.items():
        if data:
            log.append(Operation("update", command.table, row_id, data))
        images[row_id] = {**planned.existing[row_id], "$updatedAt": wire_time(), **data}
    for new in planned.creations.values():
        images[new.row_id] = create(log, engine, command.table, new)
    return WriteResult.of(command.outputs, [images[row_id] for row_id in planned.ids])


def create(log: Log, engine: Engine, table: TableRef, new: NewRow, ignored: Unique = ()) -> Row:
    """Append a creation to a log, and return the row as the block sees it."""
    if (state := log.state(table, new.row_id)) is not None and not state.deleted:
        raise Clash((ROW_ID,), (new.row_id,), new.row_id, new.row_id).error(table)
    log.append(Operation("create", table, new.row_id, new.data, ignored=ignored))
    return log.created(table, new.row_id, engine)


# Outside a block


def run(connection: Connection, command: UpsertRows) -> WriteResult:
    """
    Run the command at once.

    Each batch of ``BATCH`` rows is all or nothing, and is retried after a conflict.

    Raises:
        IntegrityError: a unique index other than the target is violated. Nothing of this batch was
            written.
        WriteRefused: other clients changed the same rows on every attempt. Nothing was written.
        WriteBroken: a batch failed after earlier ones were written. The message has the number of
            rows.
    """
    parts, results = Parts(f"rows of {command.table.table}"), []
    for start in range(0, len(command.rows), BATCH):
        batch = command.rows[start : start + BATCH]
        with parts.part(len(batch)):
            results.append(_batch(connection, replace(command, rows=batch)))
    return WriteResult.joined(results)


def _batch(connection: Connection, command: UpsertRows) -> WriteResult:
    refused: dict[str, str] | None = None
    for attempt in itertools.count(1):
        with connection.own_block() as block:
            planned = plan(connection.reader, command)
            try:
                return _write(connection, block, command, planned)
            except TransactionLimitExceeded:
                # Text that the server would run as an operator takes two operations.
                if len(command.rows) == 1:
                    raise
                break
            except WriteRefused:
                if attempt == retries.MAX_ATTEMPTS:
                    raise
            except UniqueViolation as error:
                # Another client has created one of the rows, or another index is violated and a
                # retry would fail again.
                if clash := _violation_now(connection, command):
                    raise clash.error(command.table) from error
                if refused == planned.versions or attempt == retries.MAX_ATTEMPTS:
                    change = Change(tuple(planned.creations.values()), planned.changes)
                    explain(connection, error, command.table, change)
                    raise
                refused = planned.versions
        command = replace(command, rows=tuple(row.with_another_id() for row in command.rows))
        retries.pause(attempt)
    middle = len(command.rows) // 2
    parts, results = Parts(f"rows of {command.table.table}"), []
    for half in (command.rows[:middle], command.rows[middle:]):
        with parts.part(len(half)):
            results.append(_batch(connection, replace(command, rows=half)))
    return WriteResult.joined(results)


def _write(connection: Connection, block: Block, command: UpsertRows, planned: Plan) -> WriteResult:
    if not planned.existing and connection.identity is None:
        new = tuple(planned.creations.values())
        made = connection.writer.create_together(command.table, new)
        if made is not None:
            rows = {row[ROW_ID].lower(): row for row in made}
            return WriteResult.of(command.outputs, [rows[row_id.lower()] for row_id in planned.ids])
    if command.target == (ROW_ID,) and command.completed is None:
        # A row keeps its id when it is changed. The server only has to detect a concurrent
        # deletion.
        block.forget_versions()
    result = take(block.log, connection.engine, command, planned)
    block.commit()
    return result


def _violation_now(connection: Connection, command: UpsertRows) -> Clash | None:
    with connection.own_block():
        return upsert_violation(connection.reader, command, plan(connection.reader, command))
