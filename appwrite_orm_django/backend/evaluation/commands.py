"""Commands for local evaluation, and for rows that are read in order to change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.commands import Command, literal, shown, where, within

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Condition, Converter, Order
    from appwrite_orm_django.client.references import TableRef


@dataclass(frozen=True, slots=True)
class Link:
    """
    Narrow a fetch by the values that ``source_column`` has in an earlier fetch.

    ``convert`` encodes such a value for ``column``, and raises ``ValueError`` if the column cannot
    hold it. None if both have the same encoding.
    """

    column: str
    source: int
    source_column: str
    convert: Converter | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.column} in {self.source_column} of step {self.source + 1}"


@dataclass(frozen=True, slots=True)
class Fetch:
    """
    One step of local evaluation: rows of one table, narrowed by pushed-down conditions.

    ``order``, ``offset`` and ``limit`` are set only if they were pushed down together with an exact
    condition.
    """

    table: TableRef
    db_table: str
    condition: Condition
    links: tuple[Link, ...] = ()
    order: tuple[Order, ...] = ()
    offset: int = 0
    limit: int | None = None

    def __str__(self) -> str:
        narrowed = [str(self.condition)] if self.condition else []
        parts = [
            f"fetch {self.table.table}: "
            f"{' AND '.join([*narrowed, *map(str, self.links)]) or self.condition}"
        ]
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class LocalQuery(Command):
    """
    Fetch narrowed rows of every table involved, and run the original query over them with SQLite.

    ``sql`` and ``params`` come from Django's SQLite compiler. ``fallback`` is the same query
    without the pushed-down slice, in case a joined row is missing. ``program`` has the parts that
    are only needed to run it. ``depends_on_more`` is true if the SQL depends on the time or on
    chance. ``definition`` describes how wire values are converted for SQLite, and its results
    converted back: it distinguishes the same SQL over other definitions, or for an integer and a
    float, in the cache.
    """

    sql: str
    params: tuple[Any, ...]
    fetches: tuple[Fetch, ...]
    program: Any = field(compare=False, repr=False)
    fallback: LocalQuery | None = field(default=None, compare=False, repr=False)
    depends_on_more: bool = False
    definition: str = ""

    @property
    def tables(self) -> tuple[TableRef, ...]:
        seen: dict[TableRef, None] = {}
        for fetch in self.fetches:
            seen.update(dict.fromkeys((fetch.table, *fetch.condition.tables)))
        return tuple(seen)

    @property
    def inner(self) -> tuple[Command, ...]:
        return tuple(command for fetch in self.fetches for command in fetch.condition.commands)

    @property
    def is_volatile(self) -> bool:
        return self.depends_on_more or any(command.is_volatile for command in self.inner)

    def __str__(self) -> str:
        return self._text(literal)

    def __mod__(self, params: object) -> str:
        # Django also inserts parameters without quotes.
        return self._text(lambda value: value)

    def _text(self, show: Callable[[Any], Any]) -> str:
        steps = [f"{number}. {fetch}" for number, fetch in enumerate(self.fetches, 1)]
        sql = self.sql % tuple(map(show, self.params)) if self.params else self.sql
        return "\n".join([*steps, f"evaluate locally: {sql}"])


@dataclass(frozen=True, slots=True)
class Computed(Command):
    """
    Run SQL that writes over copies of the rows, and return what it has changed.

    The result rows are the keys and new values of the changed rows.
    """

    query: LocalQuery
    changes: Callable[[], list[tuple[Any, ...]]] = field(compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return self.query.tables

    def __str__(self) -> str:
        return str(self.query)


@dataclass(frozen=True, slots=True)
class CurrentRows(Command):
    """
    Read rows in order to change them.

    The result rows are pairs of the id and the wire row, as the open block sees it.
    """

    table: TableRef
    condition: Condition
    columns: tuple[str, ...]

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return (self.table, *self.condition.tables)

    def __str__(self) -> str:
        return f"LIST {self.table.table} {shown(self.columns)}{where(self.condition)}"
