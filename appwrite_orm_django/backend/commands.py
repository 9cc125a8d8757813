"""Commands: what the compilers hand to the cursor instead of SQL text. Plain frozen data."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.periods import Kind
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client.references import TableRef

if TYPE_CHECKING:
    from django.db.models import Model

    from appwrite_orm_django.client.queries import Query


def shown(columns: Iterable[str]) -> str:
    """Return the names of columns as a command's text has them."""
    quoted = (f'"{column}"' for column in dict.fromkeys(columns))
    return f"({', '.join(quoted)})"


def where(condition: Condition) -> str:
    return f" WHERE {condition}" if condition else ""


def within(command: Any) -> list[str]:
    """Return what a command's text says of its slice: nothing of one that has neither a limit nor an offset."""
    parts = [] if command.limit is None else [f"LIMIT {command.limit}"]
    return [*parts, f"OFFSET {command.offset}"] if command.offset else parts


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class Command:
    """
    Base of all commands.

    ``tables`` names every table that is read or written. A write says with ``operation`` what it does, with ``row_ids`` to which rows
    (None: to any), and with ``model`` for whom. The ``repr`` of a read is the same exactly when the question is: the cache's key.
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
        """The commands whose answers this one needs for its own."""
        condition: Condition | None = getattr(self, "condition", None)
        return () if condition is None else condition.commands

    @property
    def is_volatile(self) -> bool:
        """Whether the answer may be another one each time, although no row has changed: it is never cached."""
        return any(command.is_volatile for command in self.inner)

    def __mod__(self, params: object) -> str:
        # ``str(queryset.query)`` interpolates parameters into what it takes for SQL.
        return str(self)

    # Tools that look into the SQL of a compiler find its text.

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def count(self, text: str) -> int:
        return str(self).count(text)


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
    One value of each result row: a column's, converted, or a constant.

    ``converter`` is None where the wire value is handed out as it is; it is never called with None unless
    ``converts_none`` (a field's ``from_db_value`` may have an opinion about NULL). ``page_converter`` returns the same for a page
    of values that are not None, after it has looked up what does not change from one to the next. ``definition`` says what the converters
    do, so that the cache tells the values of two definitions of a column apart.
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
        """Return what ``read`` returns of each of the rows; for many of them in half the time."""
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
    """The values of a result row, in order. A tuple that writes its ``repr``, half of what a command's cache key takes, only once."""

    _text: str | None = None

    def __repr__(self) -> str:
        if self._text is None:
            self._text = tuple.__repr__(self)
        return self._text


@dataclass(frozen=True, slots=True)
class ValuesOf:
    """
    The values of one column in the rows that another command brings; known only when that command has run.

    ``definition`` says what ``encode`` does.
    """

    command: Command
    encode: Converter = field(compare=False, repr=False)
    definition: str = ""

    def __str__(self) -> str:
        return f"values of ({self.command})"


@dataclass(frozen=True, slots=True)
class Membership:
    """``column in values``, of any length: the cursor splits it over as many requests as the server's limits ask for."""

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
    """Order by one column. ``is_text`` tells the cursor, which may have to merge several answers, to compare as the server does."""

    column: str
    descending: bool = False
    is_text: bool = False

    def __str__(self) -> str:
        return f"{self.column}{' DESC' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows for which every query and every membership holds."""

    queries: tuple[Query, ...] = ()
    memberships: tuple[Membership, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.queries or self.memberships)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it looks at, but for those that every answer shows."""
        names = (name for query in self.queries for name in query.columns)
        members = (membership.column for membership in self.memberships)
        return frozenset(name for name in (*names, *members) if not name.startswith("$"))

    @property
    def names_ids_only(self) -> bool:
        """Whether it is a list of row ids, so that what rows hold makes no difference."""
        if len(self.queries) + len(self.memberships) != 1:
            return False
        if self.queries:
            return self.queries[0].method == "equal" and self.queries[0].column == ROW_ID
        return self.memberships[0].column == ROW_ID and not isinstance(self.memberships[0].values, ValuesOf)

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands that have to be run to know the values of memberships."""
        return tuple(
            membership.values.command for membership in self.memberships if isinstance(membership.values, ValuesOf)
        )

    @property
    def tables(self) -> tuple[TableRef, ...]:
        """The tables that have to be read to know the values of memberships."""
        return tuple(table for command in self.commands for table in command.tables)

    def __str__(self) -> str:
        return " AND ".join(str(part) for part in (*self.queries, *self.memberships)) or "every row"


@dataclass(frozen=True, slots=True)
class ListRows(Command):
    """Rows of one table, in the server's order, all of them: pages are the cursor's business."""

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
        """Keys of the columns to ask for, each once."""
        return tuple(dict.fromkeys(output.key for output in self.outputs if output.key))

    def __str__(self) -> str:
        # What a list of no columns asks for is the id: a request names one at least.
        parts = [f"LIST {self.table.table} {shown(self.columns or ('$id',))}"]
        if self.condition:
            parts.append(f"WHERE {self.condition}")
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class GetRow(Command):
    """One row by its id; ``condition`` holds whatever else the row has to fulfil. No row is an empty result."""

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
    """The exact number of rows; of those within a slice, if there is one."""

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
    """One result row: the first value that each of the parts brings, None where it brings none."""

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
    The years, months, ... in which a column of dates has a value, each once, in order.

    ``time_zone`` is the name of the zone in which periods of datetimes begin; None for dates, and for datetimes without zones.
    ``shown`` makes the final value of a period's start, a naive datetime: a date, if ``as_dates``. ``definition`` says what ``decode`` does.
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
    decode: Callable[[Any], datetime.date] = field(default=lambda wire: wire, compare=False, repr=False)
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


# The columns of each unique index of a table: what a transaction checks before the server can.
Unique = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class NewRow:
    """
    A row to create: its id, its columns, and whether we made that id up ourselves and may make another.

    ``$permissions`` may be among the columns.
    """

    row_id: str
    data: Mapping[str, Any]
    id_is_ours: bool = False

    def with_another_id(self) -> NewRow:
        """Return the same row under a new id, if the id is of our making, which another process may have made as well."""
        if not self.id_is_ours:
            return self
        return replace(self, row_id=row_ids.encode_integer(row_ids.new_integer_id()))


@dataclass(frozen=True, slots=True)
class CreateRows(Command):
    """Create rows, at most a batch of the server; ``outputs`` are read from the answer, a result row per new row."""

    is_read: ClassVar[bool] = False
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

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        count = f"{len(self.rows)} rows" if len(self.rows) != 1 else self.rows[0].row_id
        return f"CREATE {self.table.table}/{count} {keys}"


@dataclass(frozen=True, slots=True)
class UpsertRows(Command):
    """
    Create rows, and change those that exist: that have what one of ``rows`` has in the columns of ``target``, a unique index or the row id.

    Of an existing row the columns of ``changes`` are written, and no others. What ``rows`` has twice is created once and then changed, in
    their order; a null in the target conflicts with nothing. A result row for each of ``rows``.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "change"

    table: TableRef
    rows: tuple[NewRow, ...]
    target: tuple[str, ...]
    changes: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        keys = shown(self.rows[0].data) if self.rows else "()"
        return (
            f"CREATE {self.table.table}/{len(self.rows)} rows {keys} "
            f"OR, WHERE {shown(self.target)} EXISTS, UPDATE {shown(self.changes)}"
        )


@dataclass(frozen=True, slots=True)
class UpdateRow(Command):
    """Change columns of the row with this id; a missing row counts as none updated."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} {shown(self.data)}"


@dataclass(frozen=True, slots=True)
class UpdateRows(Command):
    """Change the same columns of every row that fulfils the condition."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    condition: Condition
    data: Mapping[str, Any] = field(hash=False)
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} {shown(self.data)}{where(self.condition)}"


@dataclass(frozen=True, slots=True)
class IncrementColumn(Command):
    """
    Add to (or, with a negative amount, subtract from) one column of one row, atomically on the server.

    ``bounds`` are the column's own, which the server does not look at here (recording ``increment``). Columns of floats are never
    incremented: the sum would have digits by which no filter finds it.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    row_id: str
    column: str
    amount: int
    model: type[Model] | None = field(default=None, compare=False, repr=False)
    bounds: tuple[int | float | None, int | float | None] = (None, None)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table}/{self.row_id} increment {self.column} by {self.amount}"


@dataclass(frozen=True, slots=True)
class UpdateFromQuery(Command):
    """
    Compute new values for each row by local evaluation, then write them row by row.

    ``source`` brings rows of (primary key, value, ...); ``write`` turns the values into columns. Where they depend on what the
    row holds (``depends_on_row``), a row that another client changed in between is computed again before it is written. ``is_blind``
    says that neither they nor the choice of the rows depends on what these hold.
    """

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "update"

    table: TableRef
    source: Command
    encode_id: Converter = field(compare=False)
    write: Callable[[tuple[Any, ...]], Mapping[str, Any]] = field(compare=False)
    depends_on_row: bool = True
    is_blind: bool = False
    unique: Unique = ()
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"UPDATE {self.table.table} row by row from ({self.source})"


@dataclass(frozen=True, slots=True)
class DeleteRows(Command):
    """Delete every row that fulfils the condition, or, where ``row_id`` is given, that one row."""

    is_read: ClassVar[bool] = False
    operation: ClassVar[str] = "delete"

    table: TableRef
    condition: Condition
    row_id: str | None = None
    model: type[Model] | None = field(default=None, compare=False, repr=False)

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return None if self.row_id is None else (self.row_id,)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table,)

    def __str__(self) -> str:
        return f"DELETE {self.table.table}{'/' + self.row_id if self.row_id else where(self.condition)}"


class WriteResult:
    """How many rows a write changed, result rows where it returns any, and the server's answer if it updated a single row."""

    __slots__ = ("count", "row", "rows")

    def __init__(
        self, count: int, rows: list[tuple[Any, ...]] | None = None, *, row: Mapping[str, Any] | None = None
    ) -> None:
        self.count = count
        self.rows = rows or []
        self.row = row

    @classmethod
    def of(cls, outputs: Sequence[Output], written: Sequence[Mapping[str, Any]]) -> WriteResult:
        """Return the result that shows these outputs of the rows that were written."""
        rows = [tuple(output.read(row) for output in outputs) for row in written] if outputs else []
        return cls(len(written), rows)

    @classmethod
    def joined(cls, results: Iterable[WriteResult]) -> WriteResult:
        """Return the result of several writes, one after the other."""
        whole = cls(0)
        for result in results:
            whole.count += result.count
            whole.rows += result.rows
        return whole
