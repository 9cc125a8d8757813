"""
Cache by value: find the values on which a read depends, and those that a write changes.

A model names columns in ``appwrite_cache_by``. A read that names values of such a column depends on
the tokens of these values, and a write changes those of the values that the row had and has. See
``docs/explanation/cache-protocol.md``.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError
from django.db.models import Field, Model

from appwrite_orm_django.backend.commands import (
    CountRows,
    CreateRows,
    DeleteRows,
    IncrementColumn,
    ListRows,
    OneRow,
    Periods,
    UpdateRow,
)
from appwrite_orm_django.backend.evaluation.commands import Fetch, LocalQuery
from appwrite_orm_django.backend.execution.server_queries import ServerQuery
from appwrite_orm_django.backend.values import (
    MOMENTS,
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
from appwrite_orm_django.client.errors import RowConflict
from appwrite_orm_django.engines import collation
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.errors import UnsupportedModel

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command, Condition, NewRow
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Operation
    from appwrite_orm_django.cache.service import Pinned, Write
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
T = TypeVar("T")


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
    ``ValueError`` or ``TypeError`` for what no such column holds. ``defaults`` are the values that
    the server may put in the place of null: those of all models of the table.
    """

    key: str
    canonical: Canonical
    defaults: tuple[Any, ...] = ()


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
            yield Column(column_key(field), _CANONICAL[type(codec_for(field))])


def _add_defaults(columns: dict[str, Column], model: type[Model]) -> None:
    """Add the defaults that a model of the table has for the columns."""
    for one in model._meta.local_concrete_fields:
        if not one.has_db_default() or column_key(one) not in columns:
            continue
        known = columns[column_key(one)]
        with suppress(UnsupportedModel):
            column = column_for(one)
            if column is not None and column.default is not None:
                defaults = (*known.defaults, column.default)
                columns[known.key] = replace(known, defaults=defaults)


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
        # Each model writes nulls to the table, and it is another one that may know its defaults.
        for model in models:
            if of_table := found.get(fold(table_id(model._meta.db_table))):
                _add_defaults(of_table, model)
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
    # Each row of a join on the server has one of its first table, whose columns have no prefix in
    # the condition.
    if isinstance(command, (ListRows, CountRows, Periods, ServerQuery)):
        yield command.table, command.condition
    elif isinstance(command, LocalQuery):
        others = () if command.fallback is None else command.fallback.fetches
        for fetch in command.fetches:
            if all(fetch.condition == other.condition for other in others if _same(fetch, other)):
                yield fetch.table, fetch.condition


def _same(one: Fetch, other: Fetch) -> bool:
    return fold(one.table.table) == fold(other.table.table)


def _occurrences(command: Command, name: str) -> int:
    sources = list(command.tables[:1])
    if isinstance(command, LocalQuery):
        sources = [fetch.table for fetch in command.fetches]
    elif isinstance(command, ServerQuery):
        sources = [command.table, *(join.table for join in command.joins)]
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
class _Rows:
    """
    The rows of one table that a write changes.

    Attributes:
        new: the keys of the tokens of the values that the rows may have afterwards.
        claimed: the ids of the rows by folded id, except those that nobody else can know.
        old: those of ``claimed`` that may exist before the write.
        has_increments: whether rows are incremented.
    """

    table: TableRef
    columns: Columns
    new: dict[str, None] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    old: dict[str, str] = field(default_factory=dict)
    has_increments: bool = False


class Values:
    """
    The values of the rows that a write changes, in the tables for which they are known.

    Pass ``of_tables`` to the cache when the write is announced, and set ``notice``. Then read the
    rows that ``wanted`` names, and pass them to ``know``.

    Attributes:
        notice: the announcement of the write.
    """

    notice: Write

    def __init__(self, connection: Connection, tables: Iterable[_Rows]) -> None:
        self._connection = connection
        self._keys = connection.cache.core.keys
        self._tables = {fold(one.table.table): one for one in tables}

    @property
    def of_tables(self) -> dict[str, RowValues]:
        return {
            name: RowValues(tuple(one.new), tuple(one.claimed.values()), not one.old)
            for name, one in self._tables.items()
        }

    def wanted(self) -> dict[TableRef, tuple[str, ...]]:
        """Return the ids of the rows whose values are to be told to ``know``."""
        return {
            one.table: tuple(one.old.values()) for one in self._tables.values() if self._wants(one)
        }

    def _wants(self, one: _Rows) -> bool:
        return bool(one.old) and self.notice.wants(one.table.table)

    def know(
        self, found: Mapping[tuple[TableRef, str], Mapping[str, Any]], *, may_be_late: bool = False
    ) -> None:
        """
        Announce the values that the rows have.

        Args:
            found: the rows by table and folded id. The values of a table are not known if a row is
                missing.
            may_be_late: whether increments are not checked against the row that was read.
        """
        old = {
            one.table.table: None
            if may_be_late and one.has_increments
            else self._of_rows(one, [found.get((one.table, row_id)) for row_id in one.old])
            for one in self._tables.values()
            if self._wants(one)
        }
        if old:
            self.notice.know(old)

    def _of_rows(
        self, one: _Rows, rows: Iterable[Mapping[str, Any] | None]
    ) -> tuple[str, ...] | None:
        found: dict[str, None] = {}
        for row in rows:
            keys = None if row is None else self._of_row(one, row)
            if keys is None:
                return None
            found.update(dict.fromkeys(keys))
        return tuple(found)

    def _of_row(self, one: _Rows, row: Mapping[str, Any]) -> tuple[str, ...] | None:
        return _values(self._keys, one.table.table, one.columns, row, changes=False)

    def read(self) -> dict[tuple[TableRef, str], Mapping[str, Any]]:
        """Read the rows that ``know`` wants, one request per table; those that can be read."""
        found = {}
        for table, row_ids in self.wanted().items():
            # A list: the server keeps single rows in a cache of its own.
            wanted = [
                queries.equal(ROW_ID, *row_ids),
                queries.select([ROW_ID, _UPDATED_AT, *self._tables[fold(table.table)].columns]),
                queries.limit(len(row_ids)),
            ]
            # A user may be unable to see a row.
            with suppress(DatabaseError):
                for row in rows.list_rows(self._connection.transport, table, wanted)["rows"]:
                    found[table, row[ROW_ID].lower()] = row
        return found

    def write_one(self, send: Callable[[str | None], T], *, adds: bool) -> T:
        """
        Write the only row if it is as it was read, or else with its values unknown to the cache.

        The cache does not see other clients, and may have lost the traces of our own. The server has
        no condition for increments, but their answer shows the whole row (``note_answer``). Without
        an answer, the row may have had any value.

        Args:
            send: sends the write, on condition that the row was not changed after the given
                ``$updatedAt``.
            adds: whether it is an increment.
        """
        found = self.read()
        self.know(found)
        try:
            known = (row for (table, _), row in found.items() if self.notice.knows(table.table))
            return send(None if adds else next((row[_UPDATED_AT] for row in known), None))
        except RowConflict:
            self.notice.doubt()
            return send(None)
        except Exception as error:
            if adds and not self._connection.cache.is_definite(error):
                self._note_unknown()
            raise

    def note_answer(self, row: Mapping[str, Any] | None) -> None:
        """Add the values that the only row of the write has, as the answer shows it."""
        for one in self._tables.values():
            found = () if row is None else self._of_row(one, row)
            if found is not None:
                self.notice.note_values(found)
            elif one.has_increments:
                self._note_unknown()

    def note_created(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """
        Add the values of new rows, as the answers show them.

        The server may have a default that no model knows, and put it in the place of null.
        """
        # All lists are invalidated if there are many.
        if not any(
            self._keys.rows(one.table.table) in self.notice.keys for one in self._tables.values()
        ):
            for row in rows:
                self.note_answer(row)

    def _note_unknown(self) -> None:
        """Record that the rows may have had any value."""
        for one in self._tables.values():
            self.notice.note_unknown(one.table.table)


def of_command(connection: Connection, command: Command) -> Values | None:
    """Return the values of the rows of a write outside a block; None if they are unknown."""
    table = command.tables[0]
    columns = _tables().get(fold(table.table))
    if columns is None:
        return None
    one = _Rows(table, columns)
    if isinstance(command, CreateRows):
        is_known = all(_add_creation(connection, one, row) for row in command.rows)
    elif isinstance(command, UpdateRow):
        # Text that looks like an operator takes two requests.
        is_known = not operators.text_in_two_writes(command.data)[1] and _add_new(
            connection, one, command.data
        )
    elif isinstance(command, IncrementColumn):
        # Where increments are made in a transaction, no answer shows the row.
        is_known = command.column not in columns and not connection.engine.race_is_server_error
        one.has_increments = True
    else:
        is_known = isinstance(command, DeleteRows) and command.row_id is not None
    if not isinstance(command, CreateRows):
        for row_id in command.row_ids or ():
            one.claimed[row_id.lower()] = one.old[row_id.lower()] = row_id
    return Values(connection, [one]) if is_known and len(one.new) <= _MOST_NEW_VALUES else None


def _add_creation(connection: Connection, one: _Rows, row: NewRow) -> bool:
    if not row.id_is_ours:
        # It may be the id of a row that is just being deleted.
        one.claimed[row.row_id.lower()] = row.row_id
    return _add_new(connection, one, row.data)


def _add_new(connection: Connection, one: _Rows, data: Mapping[str, Any]) -> bool:
    """Add the values that a write gives to a row; return whether they can be told."""
    keys = connection.cache.core.keys
    found = _values(keys, one.table.table, one.columns, data, changes=True)
    one.new.update(dict.fromkeys(found or ()))
    return found is not None


def of_block(connection: Connection, log: Iterable[Operation]) -> Values:
    """Return the values of the rows that a block changes, in the tables for which they are known."""
    tables = _tables()
    known: dict[str, _Rows] = {}
    unknown: set[str] = set()
    for operation in log if tables else ():
        name = fold(operation.table.table)
        columns = tables.get(name)
        if columns is None or name in unknown:
            continue
        one = known.setdefault(name, _Rows(operation.table, columns))
        if not _add_operation(connection, one, operation) or len(one.new) > _MOST_NEW_VALUES:
            unknown.add(name)
    return Values(connection, [one for name, one in known.items() if name not in unknown])


def _add_operation(connection: Connection, one: _Rows, operation: Operation) -> bool:
    """Add a change of a block; return whether the values of its row can be told."""
    row_id = operation.row_id.lower()
    if operation.action != "create" and row_id not in one.claimed:
        one.old[row_id] = operation.row_id
    one.claimed[row_id] = operation.row_id
    if operation.action == "increment":
        one.has_increments = True
        return not one.columns.keys() & operation.data.keys()
    # Moments are written after the commit, whatever has become of the row by then.
    if any(operation.data.get(key) is not None for key in MOMENTS):
        return False
    return operation.action == "delete" or _add_new(connection, one, operation.data)


def _values(
    keys: KeySpace, table: str, columns: Columns, row: Mapping[str, Any], *, changes: bool
) -> tuple[str, ...] | None:
    """
    Return the keys of the tokens of a row's values; None if one cannot be told.

    Args:
        changes: whether ``row`` has only the columns that a write changes.
    """
    found: dict[str, None] = {}
    for column in columns.values():
        if column.key not in row and not changes:
            return None
        # The server fills any null column that has a default.
        wires = [row.get(column.key), *(column.defaults if changes else ())]
        for wire in wires:
            if wire is None:
                continue
            try:
                found[keys.value(table, column.key, column.canonical(wire))] = None
            except (TypeError, ValueError):
                return None
    return tuple(found)
