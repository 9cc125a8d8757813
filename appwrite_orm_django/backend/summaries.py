"""Commands that say something about rows instead of bringing them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appwrite_orm_django.backend.commands.base import Command
from appwrite_orm_django.backend.commands.conditions import Condition
from appwrite_orm_django.backend.commands.outputs import Converter
from appwrite_orm_django.backend.commands.texts import within
from appwrite_orm_django.backend.periods import Kind
from appwrite_orm_django.client.references import TableRef


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
