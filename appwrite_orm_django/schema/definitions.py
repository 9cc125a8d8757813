"""Describe a database as plain data, whether it comes from models or from the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

Value = str | int | float | bool | None

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)

#: Text types, from the narrowest. A column of a wider type can hold the values of a narrower one.
TEXT_TYPES = ("text", "mediumtext", "longtext")


class Computed:
    """
    A value that is computed on first access and then kept.

    Args:
        text: a description of the value for users.
        evaluate: returns the value in the form that Appwrite stores.
    """

    def __init__(self, text: str, evaluate: Callable[[], Any]) -> None:
        self._text = text
        self._evaluate = evaluate

    @cached_property
    def value(self) -> Any:
        return self._evaluate()

    def __repr__(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class RowIds:
    """
    Stands for the values of the row ids: each row gets that of its own id in a new column.

    Attributes:
        encoding: the encoding of the ids.
    """

    encoding: Encoding

    @property
    def column(self) -> Column:
        """Return the ids as a column."""
        return Column("$id", "varchar", 36, encoding=self.encoding)


#: A value, a list for an array column, a computed value, or the ids of the rows.
Fill = Value | list[Any] | Computed | RowIds


def value_of(fill: Fill) -> Any:
    """Return the value to fill rows with, or None; the first call may run a field's default."""
    return fill.value if isinstance(fill, Computed) else fill


@dataclass(frozen=True, slots=True)
class Relation:
    """
    The target of a relationship column.

    Attributes:
        table: the id of the other table.
        kind: ``oneToOne``, ``oneToMany``, ``manyToOne`` or ``manyToMany``, seen from the parent.
        side: ``parent`` in the table where the relationship was created, ``child`` in the other.
        two_way: whether the column in the other table is visible.
        two_way_key: the key of the column in the other table.
        on_delete: ``cascade``, ``restrict`` or ``setNull``.
    """

    table: str
    kind: str
    side: str = "parent"
    two_way: bool = False
    two_way_key: str = ""
    on_delete: str = "restrict"

    @property
    def holds_one(self) -> bool:
        """Whether the column holds the id of at most one row of the other table."""
        return (self.kind, self.side) in {
            ("oneToOne", "parent"),
            ("oneToOne", "child"),
            ("manyToOne", "parent"),
            ("oneToMany", "child"),
        }

    def __str__(self) -> str:
        """Return the other table and the kind for display."""
        return f"{self.table} ({self.kind}{'' if self.side == 'parent' else ', far side'})"


@dataclass(frozen=True, slots=True)
class ModelField:
    """
    The properties of a model's field that neither its column nor the encoding shows.

    They are recorded for introspection alone. Nothing that reads or writes rows depends on them.

    Attributes:
        type: the name of the type according to Django; for an array that of its elements, for a
            foreign key that of its values. For a hidden column ``unique`` or ``unique nulls``, or
            "" for a constraint with a condition or with expressions.
        column: the name of the field's column in Django; for row ids that of the primary key, "" if
            it has several columns; for a hidden column the name of its constraint.
        to: for a foreign key, the id of the other table and the name of the column there.
        max_length: the maximum length, if the column's type has no size.
        table: the ``db_table`` of the model, with the row ids of a table whose id is another.
        covers: for a hidden column, the columns that are unique together; "" for an expression.
        position: the place among the fields of the model when it was recorded.
    """

    type: str
    column: str = ""
    to: tuple[str, str] | None = None
    max_length: int | None = None
    table: str = ""
    covers: tuple[str, ...] = ()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Encoding:
    """
    The format of a column's values, which the column's type alone does not determine.

    See ``encodings``.

    Attributes:
        kind: the kind of the values, such as ``integer``, ``decimal`` or ``date``, or the name of a
            codec that is not part of the library.
        places: the decimal places of a ``decimal`` (a whole number on the wire) or of a
            ``long decimal`` (a text).
        row_id: whether the value is written in the format of a row id. Ids that are texts or UUIDs
            have no special format.
        array: whether the column holds a list of such values.
        target: the id of the table that a model's foreign key points to; not recorded.
        field: the field of the model; None if it is unknown or too long to be recorded.
    """

    kind: str
    places: int | None = None
    row_id: bool = False
    array: bool = False
    target: str = field(default="", compare=False)
    field: ModelField | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return the encoding for display: ``4 decimal places``, ``list of date``."""
        text = self.kind if self.places is None else f"{self.places} decimal places"
        if self.kind == "long decimal":
            text += " in text"
        return f"{'list of ' if self.array else ''}{'row id of ' if self.row_id else ''}{text}"


class Hidden(Protocol):
    """
    Declare how the values of a hidden column are computed; ``unique.HiddenColumn`` does.

    Attributes:
        key: the key of the hidden column.
        name: the name of the constraint.
        columns: the keys of the columns whose values are unique together, if it names any.
        reads: the keys of the columns on which the values depend.
    """

    key: str
    name: str
    columns: tuple[str, ...]
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a table.

    Attributes:
        type: the name in the column routes, for example ``varchar``, ``email`` or ``linestring``.
        size: the number of characters of a ``varchar`` or of the old type ``string``.
        default: the value that the server fills in; None for no default.
        min: the lower bound of a number; None for the bound of the type.
        max: the upper bound of a number; None for the bound of the type.
        related: the target of a relationship column.
        fill: the value for rows that exist when the column is added, or that have no value when it
            becomes required; None to leave them without a value.
        encoding: the format of the values according to the model or the record; None if neither has
            one.
        hidden: how the values of a hidden column are computed; None for the column of a field, and
            for a column of the server.
        status: ``available``, ``processing``, ``deleting``, ``stuck`` or ``failed``.
        error: the server's reason for a status ``stuck`` or ``failed``.
    """

    key: str
    type: str
    size: int | None = None
    required: bool = False
    default: Value = None
    array: bool = False
    min: int | float | None = None
    max: int | float | None = None
    elements: tuple[str, ...] = ()
    encrypt: bool = False
    related: Relation | None = None
    fill: Fill = field(default=None, compare=False)
    encoding: Encoding | None = field(default=None, compare=False)
    hidden: Hidden | None = field(default=None, compare=False)
    status: str = field(default="available", compare=False)
    error: str = field(default="", compare=False)

    @property
    def field(self) -> ModelField | None:
        """The recorded field of a model."""
        return None if self.encoding is None else self.encoding.field

    @classmethod
    def enum(cls, key: str, elements: Sequence[str], *, required: bool) -> Column:
        """Return an enum column with these elements."""
        return cls(key, "enum", elements=tuple(elements), required=required)

    def as_array(self, key: str, *, required: bool = False) -> Column:
        """Return an array column of the same type; the server allows no default for it."""
        encoding = None if self.encoding is None else replace(self.encoding, array=True)
        return replace(
            self, key=key, required=required, array=True, default=None, fill=None, encoding=encoding
        )

    def __str__(self) -> str:
        """Return the definition for display: ``varchar(100)[] required``."""
        text = self.type
        if self.size is not None:
            text += f"({self.size})"
        if self.elements:
            text += f"({', '.join(self.elements)})"
        if self.array:
            text += "[]"
        if self.min is not None or self.max is not None:
            text += f" {_bound(self.min)}..{_bound(self.max)}"
        if self.related is not None:
            text += f" to {self.related}"
        if self.required:
            text += " required"
        if self.default is not None:
            text += f" default {self.default!r}"
        if self.encrypt:
            text += " encrypted"
        return text


#: The types of indexes whose columns and orders the server compares with each other.
COMPARED = frozenset({"key", "unique"})


@dataclass(frozen=True, slots=True)
class Index:
    """
    An index of a table.

    Attributes:
        type: ``key``, ``unique``, ``fulltext`` or ``spatial``.
        orders: ``ASC`` or ``DESC`` for each column; empty if all are ascending.
        lengths: the indexed characters of each column, 0 for all; empty if all columns are indexed
            whole.
        created: the server's time of its creation; empty for an index that was not read from there.
    """

    key: str
    type: Literal["key", "unique", "fulltext", "spatial"]
    columns: tuple[str, ...]
    orders: tuple[Literal["ASC", "DESC"], ...] = ()
    lengths: tuple[int, ...] = ()
    status: str = field(default="available", compare=False)
    error: str = field(default="", compare=False)
    created: str = field(default="", compare=False)

    @property
    def is_lost(self) -> bool:
        """Whether the server lists the index but cannot delete it, since it does not exist."""
        return self.status == "stuck" and self.error == "Index not found"

    def excludes(self, other: Index) -> bool:
        """
        Return whether an engine that takes no identical indexes refuses one because of the other.

        It refuses a second index of the types ``COMPARED`` over the same columns and with the same
        orders, in whatever sequence, and a second fulltext index of a table.
        """
        if "fulltext" in {self.type, other.type}:
            return self.type == other.type
        return (
            COMPARED.issuperset({self.type, other.type})
            and set(self.columns) == set(other.columns)
            and set(self.orders or ("ASC",)) == set(other.orders or ("ASC",))
        )

    @property
    def definition(self) -> tuple[object, ...]:
        """Everything but the name."""
        return self.type, self.columns, self.orders, self.lengths

    def __str__(self) -> str:
        """Return the definition for display: ``unique (author, title desc)``."""
        parts = []
        for position, column in enumerate(self.columns):
            length = (
                f"({self.lengths[position]})" if self.lengths and self.lengths[position] else ""
            )
            order = " desc" if self.orders and self.orders[position] == "DESC" else ""
            parts.append(f"{column}{length}{order}")
        return f"{self.type} ({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table with its columns and indexes.

    Attributes:
        name: the name that the console shows; set at creation and left alone afterwards.
        permissions: the permissions of the table, with ``write`` as create, update and delete.
        id_encoding: the format of the row ids according to the model or the record; None if neither
            has one.
    """

    id: str
    name: str = field(default="", compare=False)
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    permissions: frozenset[str] = frozenset()
    row_security: bool = False
    enabled: bool = field(default=True, compare=False)
    id_encoding: Encoding | None = field(default=None, compare=False)

    @property
    def key_field(self) -> ModelField | None:
        """The recorded primary key of a model."""
        return None if self.id_encoding is None else self.id_encoding.field

    def column(self, key: str) -> Column | None:
        """Return the column with a key, compared without case as on the server, or None."""
        return next((column for column in self.columns if column.key.lower() == key.lower()), None)

    def index(self, key: str) -> Index | None:
        """Return the index with a key, compared without case as on the server, or None."""
        return next((index for index in self.indexes if index.key.lower() == key.lower()), None)


@dataclass(frozen=True, slots=True)
class Database:
    """
    A database with its tables.

    Attributes:
        notes: a sentence for each harmless request of the models that Appwrite cannot meet.
    """

    id: str
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def table(self, table_id: str) -> Table | None:
        """Return the table with an id, compared without case as on the server, or None."""
        return next((table for table in self.tables if table.id.lower() == table_id.lower()), None)

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)


def _bound(value: int | float | None) -> str:
    return "" if value is None else f"{value}"
