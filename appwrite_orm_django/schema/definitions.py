"""A database as plain data, the same for what the models ask for and for what the server has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

Value = str | int | float | bool | None

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)

#: Types of one kind, from the narrowest; a server column of a wider type of the same kind holds whatever a narrower one may.
TEXT_TYPES = ("text", "mediumtext", "longtext")


class Computed:
    """
    A value that code makes when it is first asked for, and that stays the same from then on.

    Args:
        text: what makes it, for people.
        evaluate: makes it, as Appwrite stores it.
    """

    def __init__(self, text: str, evaluate: Callable[[], Any]) -> None:
        self._text = text
        self._evaluate = evaluate

    @cached_property
    def value(self) -> Any:
        return self._evaluate()

    def __repr__(self) -> str:
        return self._text


#: A value, a list for an array column, or what makes one.
Fill = Value | list[Any] | Computed


def value_of(fill: Fill) -> Any:
    """Return the value to fill rows with; None for none. The first call may run the default of a field."""
    return fill.value if isinstance(fill, Computed) else fill


@dataclass(frozen=True, slots=True)
class Relation:
    """
    Where a relationship column leads.

    Attributes:
        table: id of the other table.
        kind: ``oneToOne``, ``oneToMany``, ``manyToOne`` or ``manyToMany``, as seen from the side ``parent``.
        side: ``parent`` where the relationship was made, ``child`` in the other table.
        two_way_key: key of the column in the other table; there is one to be seen only with ``two_way``.
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
        """Whether a row has at most one row on the other side, and its id in this column."""
        return (self.kind, self.side) in {
            ("oneToOne", "parent"),
            ("oneToOne", "child"),
            ("manyToOne", "parent"),
            ("oneToMany", "child"),
        }

    def __str__(self) -> str:
        """Return the other table and the kind, as people write it."""
        return f"{self.table} ({self.kind}{'' if self.side == 'parent' else ', far side'})"


@dataclass(frozen=True, slots=True)
class Encoding:
    """
    How the values of a column are written there, which its type does not tell: see ``encodings``.

    Attributes:
        kind: of the values: ``integer``, ``decimal``, ``date`` and so on, or the name of a codec that is none of the library's.
        places: of a ``decimal`` (a whole number on the wire) and of a ``long decimal`` (a text).
        row_id: whether the value is written as the id of a row; ids that are texts or UUIDs are written as any text or UUID.
        array: whether the column holds a list of such values.
        target: id of the table whose rows a foreign key of a model points to. It is not recorded.
    """

    kind: str
    places: int | None = None
    row_id: bool = False
    array: bool = False
    target: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the encoding as people say it: ``4 decimal places``, ``list of date``, ``row id of integer``."""
        text = self.kind if self.places is None else f"{self.places} decimal places"
        if self.kind == "long decimal":
            text += " in text"
        return f"{'list of ' if self.array else ''}{'row id of ' if self.row_id else ''}{text}"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a table.

    Attributes:
        type: as the column routes name it, for example ``varchar``, ``email``, ``double``, ``linestring``.
        size: characters of ``varchar`` and the old ``string``.
        min: lower bound of a number; None for that of the type.
        default: what the server fills in; None for nothing.
        related: what a relationship column leads to.
        fill: what rows get that are there when the column is added, or that have no value when it becomes required; None for nothing.
        encoding: how its values are written, as the model or the record says; None where neither does.
        status: ``available``, ``processing``, ``deleting``, ``stuck`` or ``failed``, with the server's reason in ``error``.
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
    status: str = field(default="available", compare=False)
    error: str = field(default="", compare=False)

    @classmethod
    def enum(cls, key: str, elements: Sequence[str], *, required: bool) -> Column:
        """Return a column that holds one of these texts."""
        return cls(key, "enum", elements=tuple(elements), required=required)

    def as_array(self, key: str, *, required: bool = False) -> Column:
        """Return a column of the same type that holds a list; it has no default, for the server takes none."""
        encoding = None if self.encoding is None else replace(self.encoding, array=True)
        return replace(self, key=key, required=required, array=True, default=None, fill=None, encoding=encoding)

    def __str__(self) -> str:
        """Return the type as people write it: ``varchar(100)[] required``."""
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


@dataclass(frozen=True, slots=True)
class Index:
    """
    An index of a table.

    Attributes:
        type: ``key``, ``unique``, ``fulltext`` or ``spatial``.
        orders: one ``ASC`` or ``DESC`` per column; empty when all ascend.
        lengths: indexed characters per column, 0 for all of them; empty when all columns are indexed whole.
    """

    key: str
    type: Literal["key", "unique", "fulltext", "spatial"]
    columns: tuple[str, ...]
    orders: tuple[Literal["ASC", "DESC"], ...] = ()
    lengths: tuple[int, ...] = ()
    status: str = field(default="available", compare=False)
    error: str = field(default="", compare=False)

    @property
    def is_lost(self) -> bool:
        """Whether the server lists an index that its database does not have, and therefore cannot delete it."""
        return self.status == "stuck" and self.error == "Index not found"

    @property
    def definition(self) -> tuple[object, ...]:
        """Everything but the name."""
        return self.type, self.columns, self.orders, self.lengths

    def __str__(self) -> str:
        """Return the definition as people write it: ``unique (author, title desc)``."""
        parts = []
        for position, column in enumerate(self.columns):
            length = f"({self.lengths[position]})" if self.lengths and self.lengths[position] else ""
            order = " desc" if self.orders and self.orders[position] == "DESC" else ""
            parts.append(f"{column}{length}{order}")
        return f"{self.type} ({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table with its columns and indexes.

    Attributes:
        name: what the console shows; set when the table is created and left alone afterwards.
        permissions: of the table, ``write`` spelled out as create, update and delete.
        id_encoding: how the ids of its rows are written, as the model or the record says; None where neither does.
    """

    id: str
    name: str = field(default="", compare=False)
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    permissions: frozenset[str] = frozenset()
    row_security: bool = False
    enabled: bool = field(default=True, compare=False)
    id_encoding: Encoding | None = field(default=None, compare=False)

    def column(self, key: str) -> Column | None:
        """Return a column by its key, compared without case as the server does."""
        return next((column for column in self.columns if column.key.lower() == key.lower()), None)

    def index(self, key: str) -> Index | None:
        """Return an index by its key, compared without case as the server does."""
        return next((index for index in self.indexes if index.key.lower() == key.lower()), None)


@dataclass(frozen=True, slots=True)
class Database:
    """
    A database with its tables.

    Attributes:
        notes: what the models ask for and Appwrite cannot do without any harm, a sentence each.
    """

    id: str
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def table(self, table_id: str) -> Table | None:
        """Return a table by its id, compared without case as the server does."""
        return next((table for table in self.tables if table.id.lower() == table_id.lower()), None)

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)


def _bound(value: int | float | None) -> str:
    return "" if value is None else f"{value}"
