"""
Cache by value: find the values on which a read depends, and those that a write changes.

A model names columns in ``appwrite_cache_by``. A read that names values of such a column depends on
the tokens of these values, and a write changes those of the values that the row had and has. See
``docs/explanation/cache-protocol.md``.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError
from django.db.models import Field, Model

from appwrite_orm_django.backend.commands import (
    CountRows,
    CreateRows,
    DeleteRows,
    ListRows,
    OneRow,
    Periods,
    UpdateRow,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch, LocalQuery
from appwrite_orm_django.backend.execution.server_queries import ServerQuery
from appwrite_orm_django.backend.values import (
    ROW_ID,
    BooleanCodec,
    Codec,
    DateCodec,
    DateTimeCodec,
    IntegerCodec,
    RelationshipKey,
    RowIdCodec,
    ScaledDecimalCodec,
    TextDecimalCodec,
    UUIDCodec,
    codec_for,
    column_key,
    table_id,
)
from appwrite_orm_django.cache.keys import KeySpace, fold
from appwrite_orm_django.cache.writes import RowValues
from appwrite_orm_django.client import operators, queries, rows
from appwrite_orm_django.engines import collation
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.errors import UnsupportedModel

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command, Condition
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.cache.service import Pinned
    from appwrite_orm_django.client.references import TableRef

ATTRIBUTE = "appwrite_cache_by"
#: The most columns of a model. Each of them is a token more for a write.
MOST_COLUMNS = 8
# An entry that depends on more values depends on its table.
_MOST_VALUES = 20
# A write of more new rows invalidates whatever was read by value.
_MOST_NEW_VALUES = 200
_UPDATED_AT = "$updatedAt"

Canonical: TypeAlias = Callable[[Any], str]


def _text(wire: Any) -> str:
    # Engines differ in which texts they take as equal. Those that MariaDB takes as equal include
    # those of every other engine, so no two processes can disagree.
    return collation.fold(str.__str__(wire))


def _row_id(wire: Any) -> str:
    return _text(str.__str__(wire).lower())


def _number(wire: Any) -> str:
    number = int(wire)
    if number != wire:
        raise ValueError(wire)
    return str(number)


def _moment(wire: Any) -> str:
    moment = datetime.datetime.fromisoformat(wire)
    return moment.astimezone(datetime.timezone.utc).isoformat()


_CANONICAL: dict[type[Codec], Canonical] = {
    Codec: _text,
    TextDecimalCodec: _text,
    UUIDCodec: _text,
    RowIdCodec: _row_id,
    IntegerCodec: _number,
    BooleanCodec: _number,
    ScaledDecimalCodec: _number,
    DateCodec: _moment,
    DateTimeCodec: _moment,
}


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column whose values have tokens.

    ``canonical`` maps wire values that the server takes as equal to the same text; it raises
    ``ValueError`` or ``TypeError`` for what no such column holds. ``default`` is the value that the
    server puts in the place of null, or None.
    """

    key: str
    canonical: Canonical
    default: Any


Columns: TypeAlias = Mapping[str, Column]


def is_inherited(model: type[Model]) -> bool:
    """Return whether the names are those of a proxied model, or of one with a table of its own."""
    owner = next((one for one in model.__mro__ if ATTRIBUTE in vars(one)), model)
    options = getattr(owner, "_meta", None)
    return owner is not model and options is not None and not options.abstract


def refusal(model: type[Model], name: object) -> str:
    """Return why values of this field cannot have tokens, or "" if they can."""
    try:
        field = model._meta.get_field(cast("str", name))
    except (FieldDoesNotExist, TypeError):
        return "the model has no such field"
    if not isinstance(field, Field) or not field.concrete or field.many_to_many:
        return "it has no column"
    if field.primary_key:
        return "a row with a given primary key is cached by itself"
    if field not in model._meta.local_concrete_fields:
        return f"its column is in the table of {field.model._meta.label}"
    if isinstance(column_key(field), RelationshipKey):
        return "it is a relationship"
    if column_key(field).startswith("$"):
        return "the server sets it"
    if type(codec_for(field)) not in _CANONICAL:
        return "its values cannot be compared exactly"
    try:
        return "" if column_for(field) is not None else "it has no column"
    except UnsupportedModel:
        return "Appwrite has no column for it"


def _columns_of(model: type[Model]) -> Iterator[Column]:
    for name in getattr(model, ATTRIBUTE, None) or ():
        if not refusal(model, name):
            field = cast("Field[Any, Any]", model._meta.get_field(name))
            column = column_for(field)
            yield Column(
                column_key(field),
                _CANONICAL[type(codec_for(field))],
                None if column is None else column.default,
            )


class _Known:
    """The columns of all tables, as long as Django knows the same models."""

    models: Sequence[type[Model]] = ()
    tables: Mapping[str, Columns] = {}


def _tables() -> Mapping[str, Columns]:
    if not apps.models_ready:
        return {}
    # Django returns the same list until a model is added.
    models = apps.get_models(include_auto_created=True)
    if models is not _Known.models:
        found: dict[str, dict[str, Column]] = {}
        for model in models:
            if columns := {one.key: one for one in _columns_of(model)}:
                found.setdefault(fold(table_id(model._meta.db_table)), {}).update(columns)
        _Known.tables, _Known.models = found, models
    return _Known.tables


def has_values(table: str) -> bool:
    """Return whether values of columns of this table have tokens."""
    tables = _tables()
    return bool(tables) and fold(table) in tables


# Reading


def pinned(keys: KeySpace, command: Command) -> Pinned | None:
    """
    Return a table, and the keys of the tokens of values without which none of its rows matter.

    None if the answer may depend on any row.
    """
    tables = _tables()
    if not tables:
        return None
    found: dict[str, None] = {}
    names: set[str] = set()
    for part in command.parts if isinstance(command, OneRow) else (command,):
        one = _pinned_part(keys, part, tables)
        if one is None:
            return None
        names.add(one[0])
        found.update(dict.fromkeys(one[1]))
    return (names.pop(), tuple(found)) if len(names) == 1 and len(found) <= _MOST_VALUES else None


def _pinned_part(keys: KeySpace, command: Command, tables: Mapping[str, Columns]) -> Pinned | None:
    for table, condition in _sources(command):
        name = table.table
        columns = tables.get(fold(name))
        # The rows of a table that occurs twice also matter in the other place.
        if columns is None or _occurrences(command, name) != 1:
            continue
        values = _fewest(columns, condition)
        if values is not None:
            column, wire = values
            return name, tuple(dict.fromkeys(keys.value(name, column, value) for value in wire))
    return None


def _sources(command: Command) -> Iterator[tuple[TableRef, Condition]]:
    """Yield the tables that a read takes rows from, with a condition that these rows fulfil."""
    is_plain = isinstance(command, (ListRows, CountRows, Periods))
    if is_plain or (isinstance(command, ServerQuery) and not command.joins):
        yield command.table, command.condition
    elif isinstance(command, LocalQuery):
        others = () if command.fallback is None else command.fallback.fetches
        for fetch in command.fetches:
            if all(fetch.condition == other.condition for other in others if _same(fetch, other)):
                yield fetch.table, fetch.condition


def _same(one: Fetch, other: Fetch) -> bool:
    return fold(one.table.table) == fold(other.table.table)


def _occurrences(command: Command, name: str) -> int:
    sources = (
        [fetch.table for fetch in command.fetches]
        if isinstance(command, LocalQuery)
        else list(command.tables[:1])
    )
    inner = [table for one in command.inner for table in one.tables]
    return sum(fold(table.table) == fold(name) for table in (*sources, *inner))


def _fewest(columns: Columns, condition: Condition) -> tuple[str, list[str]] | None:
    """Return the column of which the condition names the fewest values, and these."""
    best: tuple[str, list[str]] | None = None
    filters: list[tuple[str | None, Any]] = [
        (query.column, query.values) for query in condition.queries if query.method == "equal"
    ]
    filters += [(one.column, one.values) for one in condition.memberships]
    for key, values in filters:
        column = None if key is None else columns.get(key)
        if column is None or not isinstance(values, tuple) or len(values) > _MOST_VALUES:
            continue
        try:
            texts = [column.canonical(value) for value in values]
        except (TypeError, ValueError):
            continue
        if texts and (best is None or len(texts) < len(best[1])):
            best = column.key, texts
    return best


# Writing


@dataclass(slots=True)
class RowBefore:
    """The ``$updatedAt`` of a row that was read before its write; None if none was read."""

    version: str | None = None


def values_of(keys: KeySpace, table: str, row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys of the tokens of a row's values; None if one cannot be told."""
    return _values(keys, table, _tables().get(fold(table), {}), row, changes=False)


def _values(
    keys: KeySpace, table: str, columns: Columns, row: Mapping[str, Any], *, changes: bool
) -> tuple[str, ...] | None:
    found: dict[str, None] = {}
    for column in columns.values():
        if column.key not in row and not changes:
            return None
        # The server fills any null column that has a default.
        wires = [row.get(column.key), column.default if changes else None]
        for wire in wires:
            if wire is None:
                continue
            try:
                found[keys.value(table, column.key, column.canonical(wire))] = None
            except (TypeError, ValueError):
                return None
    return tuple(found)


def row_values(connection: Connection, command: Command, before: RowBefore) -> RowValues | None:
    """
    Return what the cache has to know of the values of a write's rows; None if that is unknown.

    Args:
        before: gets the version of the row that is read.
    """
    table = command.tables[0].table
    columns = _tables().get(fold(table))
    if columns is None:
        return None
    keys = connection.cache.core.keys
    if isinstance(command, CreateRows):
        return _of_new_rows(keys, table, columns, command)
    new: tuple[str, ...] | None = ()
    if isinstance(command, UpdateRow):
        # Text that looks like an operator takes two requests.
        is_one = not operators.text_in_two_writes(command.data)[1]
        new = _values(keys, table, columns, command.data, changes=True) if is_one else None
    elif not isinstance(command, DeleteRows):
        return None
    row_id = command.row_id
    if new is None or row_id is None:
        return None

    def read() -> Sequence[str] | None:
        row = _read(connection, command.tables[0], row_id, columns)
        old = None if row is None else _values(keys, table, columns, row, changes=False)
        if row is not None and old is not None:
            before.version = row.get(_UPDATED_AT)
        return old

    return RowValues(new, read)


def _of_new_rows(
    keys: KeySpace, table: str, columns: Columns, command: CreateRows
) -> RowValues | None:
    are_ours = all(row.id_is_ours for row in command.rows)
    if not are_ours and len(command.rows) > 1:
        return None  # each may be the id of a row that is just being deleted
    found: dict[str, None] = {}
    for row in command.rows:
        new = _values(keys, table, columns, row.data, changes=True)
        if new is None:
            return None
        found.update(dict.fromkeys(new))
    if len(found) > _MOST_NEW_VALUES:
        return None
    # A row can only be created if there is none, which has no values.
    return RowValues(tuple(found), None if are_ours else tuple)


def _read(
    connection: Connection, table: TableRef, row_id: str, columns: Iterable[str]
) -> Mapping[str, Any] | None:
    # A list: the server keeps single rows in a cache of its own.
    wanted = [
        queries.equal(ROW_ID, row_id),
        queries.select([ROW_ID, _UPDATED_AT, *columns]),
        queries.limit(1),
    ]
    try:
        found = rows.list_rows(connection.transport, table, wanted)["rows"]
    except DatabaseError:
        return None
    # A user may be unable to see the row.
    return found[0] if found else None
