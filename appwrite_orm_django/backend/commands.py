"""
Define the commands that compilers hand to the cursor instead of SQL text.

Commands are plain frozen data.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.command_text import ReadAsText
from appwrite_orm_django.backend.periods import Kind
from appwrite_orm_django.backend.values import MOMENTS, PERMISSIONS, ROW_ID
from appwrite_orm_django.client.references import TableRef

if TYPE_CHECKING:
    from django.db.models import Model

    from appwrite_orm_django.client.queries import Query


def shown(columns: Iterable[str]) -> str:
    """Return column names as the text of a command shows them."""
    quoted = (f'"{column}"' for column in dict.fromkeys(columns))
    return f"({', '.join(quoted)})"


def where(condition: Condition) -> str:
    return f" WHERE {condition}" if condition else ""


def within(command: Any) -> list[str]:
    """
    Return the parts of a command's text that describe its slice.

    Empty without a limit and an offset.
    """
    parts = [] if command.limit is None else [f"LIMIT {command.limit}"]
    return [*parts, f"OFFSET {command.offset}"] if command.offset else parts


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class Command(ReadAsText):
    """
    Base of all commands.

    ``tables`` names every table that is read or written. A write states what it does
    (``operation``), to which rows (``row_ids``; None for any), and for which model (``model``). Two
    reads have the same ``repr`` exactly when they ask the same question: it is the cache's key.
    """

    __slots__ = ()
    is_read: ClassVar[bool] = True
    operation: ClassVar[str] = ""
    model: type[Model] | None

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        raise NotImplementedError

    @property
    def inner(self) -> tuple[Command, ...]:
        """Return the commands whose answers this command needs for its own."""
        condition: Condition | None = getattr(self, "condition", None)
        return () if condition is None else condition.commands

    @property
    def is_volatile(self) -> bool:
        """
        Return whether the answer may differ each time although no row has changed.

        Such an answer is never cached.
        """
        return any(command.is_volatile for command in self.inner)

    def __mod__(self, params: object) -> str:
        # ``str(queryset.query)`` interpolates parameters into what it takes for SQL text.
        return str(self)


@dataclass(frozen=True, slots=True)
class Savepoint(Command):
    """Set, release or roll back to a mark in the log of staged operations."""

    is_read: ClassVar[bool] = False

    action: str
    name: str

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return ()

    def __str__(self) -> str:
        return f"SAVEPOINT {self.action} {self.name}"


Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Output:
    """
    Describe one value of each result row: a converted column, or a constant.

    ``converter`` is None where the wire value is returned unchanged. It is called with None only if
    ``converts_none``, because a field's ``from_db_value`` may handle NULL. ``page_converter``
    returns an equivalent converter for a page of values other than None, after looking up what is
    constant for the page. ``definition`` describes the converters, so that the cache can
    distinguish two definitions of a column.
    """

    key: str = ""
    constant: Any = None
    converter: Converter | None = field(default=None, compare=False, repr=False)
    converts_none: bool = False
    page_converter: Callable[[], Converter] | None = field(default=None, compare=False, repr=False)
    definition: str = ""

    def read(self, row: Mapping[str, Any]) -> Any:
        if not self.key:
            return self.constant
        value = row[self.key]
        if self.converter is None or (value is None and not self.converts_none):
            return value
        return self.converter(value)

    def column(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
        """Return the result of ``read`` for each row, in half the time for many rows."""
        if not self.key:
            return itertools.repeat(self.constant, len(rows))
        values = [row[self.key] for row in rows]
        if self.converter is None:
            return values
        convert = self.converter if self.page_converter is None else self.page_converter()
        if self.converts_none or None not in values:
            return map(convert, values)
        return [None if value is None else convert(value) for value in values]


class Outputs(tuple[Output, ...]):
    """
    Hold the values of a result row, in order.

    This tuple computes its ``repr``, half the cost of a command's cache key, only once.
    """

    _text: str | None = None

    def __repr__(self) -> str:
        if self._text is None:
            self._text = tuple.__repr__(self)
        return self._text


@dataclass(frozen=True, slots=True)
class ValuesOf:
    """
    The values of one column in the rows of another command.

    They are known only after that command has run. ``definition`` describes ``encode``.
    """

    command: Command
    encode: Converter = field(compare=False, repr=False)
    definition: str = ""

    def __str__(self) -> str:
        return f"values of ({self.command})"


@dataclass(frozen=True, slots=True)
class Membership:
    """
    A condition ``column in values`` of any length.

    The cursor splits it over as many requests as the server's limits require.
    """

    column: str
    values: tuple[Any, ...] | ValuesOf

    def __str__(self) -> str:
        if isinstance(self.values, ValuesOf):
            return f"{self.column} in {self.values}"
        shown = ", ".join(repr(value) for value in self.values[:5])
        more = f", … {len(self.values)} values" if len(self.values) > 5 else ""
        return f"{self.column} in [{shown}{more}]"


@dataclass(frozen=True, slots=True)
class Order:
    """
    Order by one column.

    The cursor may have to merge several answers; ``is_text`` tells it to compare as the server
    does.
    """

    column: str
    descending: bool = False
    is_text: bool = False

    def __str__(self) -> str:
        return f"{self.column}{' DESC' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Select the rows for which every query and every membership holds."""

    queries: tuple[Query, ...] = ()
    memberships: tuple[Membership, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.queries or self.memberships)

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns that it tests, except those included in every answer."""
        names = (name for query in self.queries for name in query.columns)
        members = (membership.column for membership in self.memberships)
        return frozenset(name for name in (*names, *members) if not name.startswith("$"))

    @property
    def names_ids_only(self) -> bool:
        """Return whether it only lists row ids, so that the content of rows does not matter."""
        if len(self.queries) + len(self.memberships) != 1:
            return False
        if self.queries:
            return self.queries[0].method == "equal" and self.queries[0].column == ROW_ID
        return self.memberships[0].column == ROW_ID and not isinstance(
            self.memberships[0].values, ValuesOf
        )

    @property
    def commands(self) -> tuple[Command, ...]:
        """Return the commands that have to run before the values of memberships are known."""
        return tuple(
            membership.values.command
            for membership in self.memberships
            if isinstance(membership.values, ValuesOf)
        )

    @property
    def tables(self) -> tuple[TableRef, ...]:
        """Return the tables that have to be read to know the values of memberships."""
        return tuple(table for command in self.commands for table in command.tables)

    def __str__(self) -> str:
        return " AND ".join(str(part) for part in (*self.queries, *self.memberships)) or "every row"


@dataclass(frozen=True, slots=True)
class ListRows(Command):
    """
    List rows of one table, in the server's order.

    The command covers all rows; the cursor reads them in pages.
    """

    table: TableRef
    condition: Condition
    order: tuple[Order, ...]
    outputs: tuple[Output, ...]
    offset: int = 0
    limit: int | None = None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the keys of the columns to ask for, without duplicates."""
        return tuple(dict.fromkeys(output.key for output in self.outputs if output.key))

    def __str__(self) -> str:
        # A request names at least one column, so a list without columns asks for the id.
        parts = [f"LIST {self.table.table} {shown(self.columns or ('$id',))}"]
        if self.condition:
            parts.append(f"WHERE {self.condition}")
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class GetRow(Command):
    """Get one row by its id. A missing row is an empty result."""

    table: TableRef
    row_id: str
    outputs: tuple[Output, ...]

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"GET {self.table.table}/{self.row_id} {shown(output.key for output in self.outputs if output.key)}"


@dataclass(frozen=True, slots=True)
class CountRows(Command):
    """Count rows exactly, within the slice if there is one."""

    table: TableRef
    condition: Condition
    offset: int = 0
    limit: int | None = None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    def __str__(self) -> str:
        return " ".join((f"COUNT {self.table.table}{where(self.condition)}", *within(self)))


@dataclass(frozen=True, slots=True)
class Explain(Command):
    """Describe another command instead of running it."""

    command: Command

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return self.command.tables

    def __str__(self) -> str:
        return f"EXPLAIN {self.command}"


@dataclass(frozen=True, slots=True)
class OneRow(Command):
    """Combine the first value of each part into one result row, with None for an empty part."""

    parts: tuple[Command, ...]

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return tuple(dict.fromkeys(table for part in self.parts for table in part.tables))

    @property
    def inner(self) -> tuple[Command, ...]:
        return self.parts

    def __str__(self) -> str:
        return "; ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Periods(Command):
    """
    List the years, months, ... in which a date column has a value, in order, without duplicates.

    ``time_zone`` names the zone in which periods of datetimes begin; None for dates, and for
    datetimes without zones. ``shown`` turns the start of a period, a naive datetime, into the final
    value; this is a date if ``as_dates``. ``definition`` describes ``decode``.
    """

    table: TableRef
    condition: Condition
    column: str
    kind: Kind
    time_zone: str | None = None
    as_dates: bool = False
    descending: bool = False
    offset: int = 0
    limit: int | None = None
    decode: Callable[[Any], datetime.date] = field(
        default=lambda wire: wire, compare=False, repr=False
    )
    encode: Callable[[Any], Any] = field(default=lambda value: value, compare=False, repr=False)
    shown: Converter = field(default=lambda value: value, compare=False, repr=False)
    zone: datetime.tzinfo | None = field(default=None, compare=False, repr=False)
    definition: str = ""

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    def __str__(self) -> str:
        zone = f" in {self.time_zone}" if self.time_zone else ""
        where = f" WHERE {self.condition}" if self.condition else ""
        direction = " DESC" if self.descending else ""
        text = f"STEP {self.table.table} by {self.kind} of {self.column}{zone}{where} ORDER BY {self.column}{direction}"
        return " ".join((text, *within(self)))


# Whole rows, and columns to write, by row id.
Images = Mapping[str, Mapping[str, Any]]
Changes = Mapping[str, Mapping[str, Any]]

# The columns of each unique index of a table. A transaction checks these before the server can.
Unique = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class NewRow:
    """
    A row to create: its id, its columns, and whether the backend generated the id.

    A generated id may be replaced by another, which ``new_key`` makes. ``$permissions`` may be
    among the columns.
    """

    row_id: str
    data: Mapping[str, Any]
    id_is_ours: bool = False
    new_key: Callable[[], int] = field(default=row_ids.new_integer_id, compare=False, repr=False)

    def with_another_id(self) -> NewRow:
        """
        Return the same row under a new id if its id was generated, else the row itself.

        Another process may have generated the same id.
        """
        if not self.id_is_ours:
            return self
        return replace(self, row_id=row_ids.encode_integer(self.new_key()))


class _Write(Command):
    """Base of the commands that write to a table."""

    __slots__ = ()
    is_read: ClassVar[bool] = False
    table: TableRef

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)


class _RowWrite(_Write):
    """Base of the commands that change a row by its id."""

    __slots__ = ()
    row_id: str

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return (self.row_id,)


@dataclass(frozen=True, slots=True)
class CreateRows(_Write):
    """
    Create rows, at most one batch of the server.

    ``outputs`` are read from the answer, which has a result row for each new row.
    """

    operation: ClassVar[str] = "create"

    table: TableRef
    rows: tuple[NewRow, ...]
    outputs: tuple[Output, ...] = ()
    ignore_conflicts: bool = False
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return tuple(row.row_id for row in self.rows)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        count = f"{len(self.rows)} rows" if len(self.rows) != 1 else self.rows[0].row_id
        return f"CREATE {self.table.table}/{count} {keys}"


@dataclass(frozen=True, slots=True)
class UpsertRows(_Write):
    """
    Create rows, and update the rows that already exist.

    A row exists if it has the values of one of ``rows`` in the columns of ``target``, which are
    those of a unique index or the row id. Of an existing row, only the columns in ``changes`` are
    written. If these are not all columns of a unique constraint with a hidden column, ``completed``
    computes that column from the whole row, for which ``reads`` are needed.

    A row that ``rows`` contains twice is created once and then updated, in order. A null in the
    target conflicts with nothing. The result has a row for each of ``rows``.
    """

    operation: ClassVar[str] = "change"

    table: TableRef
    rows: tuple[NewRow, ...]
    target: tuple[str, ...]
    changes: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    reads: tuple[str, ...] = ()
    completed: Callable[[Images], Changes] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        return (
            f"CREATE {self.table.table}/{len(self.rows)} rows {keys} "
            f"OR, WHERE {shown(self.target)} EXISTS, UPDATE {shown(self.changes)}"
        )


@dataclass(frozen=True, slots=True)
class UpdateRow(_RowWrite):
    """
    Update columns of the row with this id.

    A missing row counts as no row updated. A row that was changed after ``unmodified_since``, an
    ``$updatedAt``, is left alone.
    """

    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    unmodified_since: str | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} {shown(self.data)}"


@dataclass(frozen=True, slots=True)
class UpdateRows(_Write):
    """Update the same columns of every row that fulfils the condition."""

    operation: ClassVar[str] = "update"

    table: TableRef
    condition: Condition
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} {shown(self.data)}{where(self.condition)}"


@dataclass(frozen=True, slots=True)
class IncrementColumn(_RowWrite):
    """
    Add to one column of one row, atomically on the server; a negative amount subtracts.

    ``bounds`` are the column's own, which the server does not enforce here (recording
    ``increment``). ``unique`` has the columns of each unique index of the column. Float columns are
    never incremented: the sum would have digits by which no filter finds it.
    """

    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    column: str
    amount: int
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    bounds: tuple[int | float | None, int | float | None] = (None, None)
    unique: Unique = ()

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} increment {self.column} by {self.amount}"


@dataclass(frozen=True, slots=True)
class UpdateFromQuery(_Write):
    """
    Compute new values for each row by local evaluation, then write them row by row.

    ``source`` returns rows of (primary key, value, ...), and ``write`` turns the values into
    columns. If the values depend on the content of the row (``depends_on_row``), a row that another
    client has changed meanwhile is computed again before it is written. ``is_blind`` means that
    neither the values nor the choice of rows depends on the content of the rows. ``columns`` are the
    keys that are written. ``completed`` adds the hidden columns of unique constraints to the
    columns of each row, for which it may read the rows. ``row_id`` is set if the row with this id is
    to be returned.
    """

    operation: ClassVar[str] = "update"

    table: TableRef
    source: Command
    encode_id: Converter = field(compare=False)
    write: Callable[[tuple[Any, ...]], Mapping[str, Any]] = field(compare=False)
    depends_on_row: bool = True
    is_blind: bool = False
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    columns: tuple[str, ...] = ()
    row_id: str | None = None
    completed: Callable[[Changes], Changes] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} row by row from ({self.source})"


@dataclass(frozen=True, slots=True)
class DeleteRows(_Write):
    """
    Delete every row that fulfils the condition, or only ``row_id`` if it is given.

    A single row that was changed after ``unmodified_since``, an ``$updatedAt``, is left alone.
    """

    operation: ClassVar[str] = "delete"

    table: TableRef
    condition: Condition
    row_id: str | None = None
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    unmodified_since: str | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return None if self.row_id is None else (self.row_id,)

    def __str__(self) -> str:
        return f"DELETE {self.table.table}{'/' + self.row_id if self.row_id else where(self.condition)}"


class WriteResult:
    """
    The number of rows that a write changed, and its result rows if it returns any.

    ``row`` is the server's answer if one row was updated; ``created`` are those about new rows.
    """

    __slots__ = ("count", "created", "row", "rows")

    def __init__(
        self,
        count: int,
        rows: list[tuple[Any, ...]] | None = None,
        *,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self.count = count
        self.rows = rows or []
        self.row = row
        self.created: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, outputs: Sequence[Output], written: Sequence[Mapping[str, Any]]) -> WriteResult:
        """Return the result with these outputs of the rows that were written."""
        rows = [tuple(output.read(row) for output in outputs) for row in written] if outputs else []
        result = cls(len(written), rows)
        result.created = written
        return result

    @classmethod
    def joined(cls, results: Iterable[WriteResult]) -> WriteResult:
        """Combine the results of consecutive writes."""
        whole = cls(0)
        for result in results:
            whole.count += result.count
            whole.rows += result.rows
        return whole


def users_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the columns of a new row that a user may set.

    Only API keys may set the server's datetimes. An empty list of permissions would make the row
    inaccessible to everybody; without a list, the server gives it to the user who creates it.
    """
    return {
        key: value
        for key, value in data.items()
        if key not in MOMENTS and (key != PERMISSIONS or value)
    }
