"""List the write requests of a plan without sending them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import MARIADB, Engine
from appwrite_orm_django.schema import rows
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.apply.work import Keys, Work
from appwrite_orm_django.schema.definitions import Column, Hidden, Index, RowIds
from appwrite_orm_django.schema.steps import (
    CreateColumn,
    CreateIndex,
    Plan,
    RenameColumn,
    ReplaceColumn,
    Step,
)
from appwrite_orm_django.schema.unique import HiddenValues

Write = tuple[str, str, Mapping[str, Any]]


class _Recorder:
    """A transport that forwards reads, records writes and answers them with an empty list."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.writes: list[Write] = []

    def call(
        self, method: str, path: str = "", headers: Any = None, params: Any = None, **options: Any
    ) -> Any:
        if method.upper() == "GET":
            return self._transport.call(method, path, headers, params, **options)
        self.writes.append((method.upper(), path, dict(params or {})))
        return {"total": 0, "rows": []}


class _Rehearsed(Work):
    """Work that never waits, because nothing is in progress on the server."""

    def waits_for_answers(self) -> bool:
        return False

    def wait_for_columns(self, wanted: Keys) -> None:
        return

    def wait_for_columns_or_gone(self, wanted: Keys) -> set[tuple[str, str]]:
        return set()

    def wait_for_indexes(self, wanted: Keys) -> set[tuple[str, str]]:
        return set()

    def wait_for_columns_to_go(self, unwanted: Keys) -> None:
        return

    def wait_for_indexes_to_go(
        self, unwanted: Mapping[tuple[str, str], str]
    ) -> list[tuple[str, Index]]:
        return []

    def record_assumed(self, table: str, column: Column) -> None:
        renamed = {
            step.column.key for step in self._steps_of(table) if isinstance(step, RenameColumn)
        }
        if column.key not in renamed:  # otherwise the rename would have recorded it before
            super().record_assumed(table, column)

    def is_as_planned(self, table: str, column: Column) -> bool:
        return True

    def both_there(self, table: str, *keys: str) -> bool:
        return True

    def is_there(self, table: str, key: str, type_: str) -> bool:
        return True

    def fill(self, table: str, key: str, value: Any, *, only_older: bool) -> None:
        rows.fill(self.transport, self.ref(table), key, value, engine=self.engine)

    def fill_ids(self, table: str, column: Column, ids: RowIds) -> None:
        # As for copies.
        return

    def fill_unique(self, table: str, hidden: Sequence[Hidden]) -> None:
        # As for copies; the preflight has looked for duplicates.
        return

    def copy(self, step: ReplaceColumn, successor: Column) -> None:
        # The requests depend on the rows; the preflight has checked that all values fit.
        return

    def count_outside(self, table: str, column: Column) -> int:
        return 0  # the count does not affect what is written

    def count_without_value(self, table: str, column: Column) -> int:
        new = any(
            isinstance(step, CreateColumn) and step.column.key == column.key
            for step in self._steps_of(table)
        )
        if new:
            return int(self.has_rows(table))
        renamed = (step for step in self._steps_of(table) if isinstance(step, RenameColumn))
        old = next((step.old for step in renamed if step.column.key == column.key), column.key)
        return super().count_without_value(table, replace(column, key=old))

    def refuse_duplicates(self, step: CreateIndex) -> None:
        return

    def enforces(self, table: str, index: Index) -> bool:
        return True

    def _steps_of(self, table: str) -> Iterator[Step]:
        return (step for step in self.plan.steps if step.table == table)


class _Rehearsal(Application):
    work_class = _Rehearsed


def requests_of(
    transport: Transport,
    plan: Plan,
    hidden: HiddenValues | None = None,
    *,
    engine: Engine = MARIADB,
) -> list[Write]:
    """
    Return the method, path and body of every write that a plan would make, in order.

    The result omits writes that copy values into a column of another type or fill a hidden column,
    which depend on the rows, and the one that tries out a new unique index. A server that does not accept the columns
    of a new table inline gets more requests than listed, which only a real request reveals.

    Raises:
        DuplicateRows, UnconvertibleRows, MissingValues: the plan cannot be carried out.
    """
    recorder = _Recorder(transport)
    rehearsal = _Rehearsal(
        cast(Transport, recorder), plan, hidden=hidden, engine=engine, progress=_ignore
    )
    rehearsal.run()
    return recorder.writes


def _ignore(_step: Step) -> None:
    return
