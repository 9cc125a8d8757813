"""Running the commands of ``summaries``."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.periods import next_start, start_of
from appwrite_orm_django.backend.summaries import OneRow, Periods
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query

if TYPE_CHECKING:
    from appwrite_orm_django.backend.reading import Reader


def one_row(command: OneRow, reader: Reader) -> list[tuple[Any, ...]]:
    """Return the one result row."""
    found = (next(iter(reader.run(part)), (None,)) for part in command.parts)
    return [tuple(value for value, *_ in found)]


def periods(command: Periods, reader: Reader) -> list[tuple[Any, ...]]:
    """
    Return the start of each period with a row in it.

    The first row tells the first period; the first row beyond that period tells the second, and so on: at most a request for each
    period, and never more than reading all rows would take, however many there are.
    """
    starts: set[datetime.datetime] = set()
    needed = None if command.limit is None else command.offset + command.limit
    for fixed in reader.splits(command.condition):
        starts.update(_starts(command, reader, fixed, needed))
    ordered = sorted(starts, reverse=command.descending)
    return [(command.shown(start),) for start in ordered[command.offset : needed]]


def _starts(command: Periods, reader: Reader, fixed: list[Query], needed: int | None) -> Iterator[datetime.datetime]:
    order = (queries.order_desc if command.descending else queries.order_asc)(command.column)
    most = reader.connection.options.page_size + 1
    size, bound, count = most, queries.is_not_null(command.column), 0
    last: datetime.datetime | None = None
    while needed is None or count < needed:
        page = [*fixed, bound, order, queries.select([command.column]), queries.limit(size)]
        found = reader.page(command.table, page)
        before = count
        for row in found:
            start = start_of(_local(command, row[command.column]), command.kind)
            if start != last:
                yield start
                last, count = start, count + 1
        if len(found) < size or last is None:
            return
        # A page of rows from one period says that stepping over rows pays; rows from as many periods, that it does not.
        size = 1 if count - before <= 1 < size else min(2 * size, most)
        beyond = _beyond(command, last)
        if beyond is None:
            return
        bound = beyond


def _local(command: Periods, wire: Any) -> datetime.datetime:
    moment = command.decode(wire)
    if not isinstance(moment, datetime.datetime):
        return datetime.datetime.combine(moment, datetime.time())
    return moment if command.zone is None else moment.astimezone(command.zone).replace(tzinfo=None)


def _beyond(command: Periods, start: datetime.datetime) -> Query | None:
    """Return the condition "after (or before) the period that begins at ``start``", None if nothing can be there."""
    try:
        edge = start if command.descending else next_start(start, command.kind)
        value = command.encode(edge if command.zone is None else edge.replace(tzinfo=command.zone))
    except (ValueError, OverflowError):
        return None
    return (queries.less_than if command.descending else queries.greater_than_equal)(command.column, value)
