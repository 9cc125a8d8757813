"""
Run list requests that join, aggregate or group, which servers of the 2.x line support.

The behaviour is taken from recordings of the preview.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from appwrite_orm_django.backend.commands import Command, Condition, Converter, Order, shown, within
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.errors import AppwriteError, InvalidQuery, ServerError
from appwrite_orm_django.client.queries import Query
from appwrite_orm_django.client.references import TableRef

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Reader

Row = Mapping[str, Any]


class Read(Protocol):
    """A value that is read from a row of the answer."""

    def read(self, row: Row) -> Any: ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """
    A sum divided by a count.

    The server's own average of integers has only four digits (recording ``agg-sum-avg``).
    """

    total: str
    count: str
    definition: str
    finish: Converter = field(compare=False, repr=False)
    divide: Callable[[Any, int], Any] = field(compare=False, repr=False)

    def read(self, row: Row) -> Any:
        count = int(row[self.count])
        return self.finish(self.divide(row[self.total], count) if count else None)


@dataclass(frozen=True, slots=True)
class Join:
    """
    A table joined as ``alias``, on its column ``right`` and ``left`` of an earlier table.

    ``multiplies`` is true if a row may match several rows of the table.
    """

    table: TableRef
    alias: str
    left: str
    right: str
    outer: bool = False
    multiplies: bool = False

    def query(self) -> Query:
        return Query(
            "leftJoin" if self.outer else "join",
            self.table.table,
            (self.left, "=", self.right, self.alias),
        )

    def __str__(self) -> str:
        kind = "LEFT OUTER JOIN" if self.outer else "INNER JOIN"
        return (
            f"{kind} {self.table.table} AS {self.alias} ON {self.left} = {self.alias}.{self.right}"
        )


@dataclass(frozen=True, slots=True)
class ServerQuery(Command):
    """
    Rows, or groups of rows, of joined tables.

    If the result is rows, ``columns`` are selected; ``aggregates`` and ``group_by`` make it groups.
    ``fallback`` plans local evaluation of the same query, in case the server rejects it.
    """

    table: TableRef
    joins: tuple[Join, ...]
    condition: Condition
    outputs: tuple[Read, ...]
    columns: tuple[str, ...] = ()
    aggregates: tuple[Query, ...] = ()
    group_by: tuple[str, ...] = ()
    having: tuple[Query, ...] = ()
    order: tuple[Order, ...] = ()
    offset: int = 0
    limit: int | None = None
    fallback: Callable[[], Command] | None = field(default=None, compare=False, repr=False)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return tuple(
            dict.fromkeys(
                (self.table, *(join.table for join in self.joins), *self.condition.tables)
            )
        )

    @property
    def is_grouped(self) -> bool:
        # exists() requests groups and reads none of their values.
        return bool(self.aggregates or self.group_by)

    @property
    def shape(self) -> tuple[object, ...]:
        """The parts that decide whether the server accepts the query: everything but constants."""
        aggregates = tuple((query.method, query.column) for query in self.aggregates)
        filters = tuple(
            (query.method, query.column) for query in (*self.condition.queries, *self.having)
        )
        return (self.joins, self.columns, aggregates, filters, self.group_by, self.order)

    def queries(self) -> list[Query]:
        """Return the request's queries except its filters, limit and offset."""
        found = [join.query() for join in self.joins]
        if self.columns:
            found.append(queries.select(self.columns))
        if self.group_by:
            found.append(Query("groupBy", None, self.group_by))
        found.extend(self.aggregates)
        if self.having:
            found.append(Query("having", None, self.having))
        order = (
            queries.order_desc(one.column) if one.descending else queries.order_asc(one.column)
            for one in self.order
        )
        return [*found, *order]

    def __str__(self) -> str:
        asked = [
            f"{query.method}({query.column}) AS {query.values[0]}" for query in self.aggregates
        ]
        columns = f"({', '.join(asked)})" if asked else shown(self.columns)
        parts = [f"LIST {self.table.table} {columns}", *map(str, self.joins)]
        if self.condition:
            parts.append(f"WHERE {self.condition}")
        if self.group_by:
            parts.append("GROUP BY " + ", ".join(self.group_by))
        if self.having:
            parts.append("HAVING " + " AND ".join(map(str, self.having)))
        if self.order:
            parts.append("ORDER BY " + ", ".join(map(str, self.order)))
        return " ".join((*parts, *within(self)))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """When to retry a rejected query, on the monotonic clock, and the pause in seconds."""

    until: float
    pause_s: float


# Queries that the server has rejected although it should support them, by endpoint, project and
# shape.
_refused: dict[tuple[object, ...], _Refusal] = {}
# A status of 500 or above may be an outage. Each further one doubles the pause.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 3600.0


def is_refused(command: ServerQuery, reader: Reader) -> bool:
    """Return whether the server has rejected a query of this shape, and must not be asked yet."""
    if not _refused:
        return False
    refusal = _refused.get(_refusal(command, reader))
    return refusal is not None and time.monotonic() < refusal.until


def _remember(command: ServerQuery, reader: Reader, error: AppwriteError) -> None:
    key, pause_s = _refusal(command, reader), math.inf
    if isinstance(error, ServerError):
        before = _refused.get(key)
        pause_s = _SHORTEST_PAUSE_S if before is None else min(2 * before.pause_s, _LONGEST_PAUSE_S)
    _refused[key] = _Refusal(time.monotonic() + pause_s, pause_s)


def _refusal(command: ServerQuery, reader: Reader) -> tuple[object, ...]:
    return (*reader.connection.project, command.shape)


def run(command: ServerQuery, reader: Reader) -> Iterator[tuple[Any, ...]]:
    """
    Return the result rows, with one request per page.

    Falls back to local evaluation if the filters do not fit into one request, or the server rejects
    it.
    """
    fixed = reader.splits(command.condition)
    if len(fixed) != 1:
        return _locally(command, reader)
    pages = _pages(command, reader, [*fixed[0], *command.queries()])
    try:
        first = next(pages, [])
    except (InvalidQuery, ServerError) as error:
        found = list(_locally(command, reader))
        # Remembered only now: in an outage local evaluation fails as well, and the query may be
        # fine.
        _remember(command, reader, error)
        return iter(found)
    if _refused:
        _refused.pop(_refusal(command, reader), None)
    return _results(command, first, pages)


def _locally(command: ServerQuery, reader: Reader) -> Iterator[tuple[Any, ...]]:
    assert command.fallback is not None  # noqa: S101 - the planner gives one
    return iter(reader.run(command.fallback()))


def _pages(command: ServerQuery, reader: Reader, fixed: list[Query]) -> Iterator[list[Row]]:
    # Groups have no cursor (recording ``group-by``), and a cursor cannot distinguish repeated rows
    # of a join: pages are found by offset.
    size, seen = reader.connection.options.page_size + 1, 0
    while command.limit is None or seen < command.limit:
        asked = size if command.limit is None else min(size, command.limit - seen)
        place = [
            queries.limit(asked),
            *([queries.offset(command.offset + seen)] if command.offset + seen else []),
        ]
        ask = reader.answer if command.is_grouped else reader.page
        found = ask(command.table, [*fixed, *place])
        yield found
        seen += len(found)
        if len(found) < asked:
            return


def _results(
    command: ServerQuery, first: list[Row], others: Iterator[list[Row]]
) -> Iterator[tuple[Any, ...]]:
    for page in itertools.chain([first], others):
        for row in page:
            yield tuple(output.read(row) for output in command.outputs)
