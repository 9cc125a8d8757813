"""Reading by local evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.commands import Command, literal, within

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Condition, Converter, Order
    from appwrite_orm_django.client.references import TableRef


@dataclass(frozen=True, slots=True)
class Link:
    """
    Narrow a fetch to the rows whose ``column`` is among the values that ``source_column`` has in an earlier fetch.

    ``convert`` writes such a value as ``column`` holds it, or raises ``ValueError`` if it can not hold it; None where both are written alike.
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
    One step of local evaluation: rows of one table, narrowed by what could be pushed down.

    ``order``, ``offset`` and ``limit`` are set only where they were pushed down with an exact condition.
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
        parts = [f"fetch {self.table.table}: {' AND '.join([*narrowed, *map(str, self.links)]) or self.condition}"]
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class LocalQuery(Command):
    """
    Fetch narrowed rows of every table involved and let SQLite run the original query over them.

    ``sql`` and ``params`` are what Django's SQLite compiler made. ``fallback`` is the same query without pushed-down slice, for
    the case that a joined row turns out to be missing. ``program`` holds what only running it needs. ``depends_on_more`` says that
    the SQL has an answer of its own each time: it asks for the time, or for chance. ``definition`` says what is made of wire values for
    SQLite and of its answer: the same SQL may be asked over other definitions, or for an integer and for a float, and the cache tells
    them apart.
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
        # As Django fills parameters in: without quotes.
        return self._text(lambda value: value)

    def _text(self, show: Callable[[Any], Any]) -> str:
        steps = [f"{number}. {fetch}" for number, fetch in enumerate(self.fetches, 1)]
        sql = self.sql % tuple(map(show, self.params)) if self.params else self.sql
        return "\n".join([*steps, f"evaluate locally: {sql}"])
