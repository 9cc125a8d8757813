"""The requests that a plan would make, without making those that write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from appwrite_orm_django.client.transport import Transport

from .apply import Application
from .definitions import Column, Index
from .steps import CreateColumn, CreateIndex, Plan, RenameColumn, ReplaceColumn, Step

T = TypeVar("T", Column, Index)

Write = tuple[str, str, Mapping[str, Any]]


class _Recorder:
    """Stands in for a transport: reads go through, writes are noted and answered with nothing in particular."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.writes: list[Write] = []

    def call(self, method: str, path: str = "", headers: Any = None, params: Any = None, **options: Any) -> Any:
        if method.upper() == "GET":
            return self._transport.call(method, path, headers, params, **options)
        self.writes.append((method.upper(), path, dict(params or {})))
        return {"total": 0, "rows": []}


class _Rehearsal(Application):
    """An application that waits for nothing, for nothing is on its way."""

    def _wait(self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        return

    def _wait_gone(self, unwanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        return

    def _copy(self, step: ReplaceColumn, successor: Column) -> None:
        # One request for every different value; that all of them fit has been looked at before.
        return

    def _count_outside(self, table: str, column: Column) -> int:
        return 0  # it makes no difference to what is written

    def _count_without_value(self, table: str, column: Column) -> int:
        new = any(isinstance(step, CreateColumn) and step.column.key == column.key for step in self._steps_of(table))
        if new:
            return int(self._has_rows(table))
        renamed = (step for step in self._steps_of(table) if isinstance(step, RenameColumn))
        old = next((step.old for step in renamed if step.column.key == column.key), column.key)
        return super()._count_without_value(table, replace(column, key=old))

    def _refuse_duplicates(self, step: CreateIndex) -> None:
        return

    def _refuse_unenforced(self, step: CreateIndex) -> None:
        return

    def _steps_of(self, table: str) -> Iterator[Step]:
        return (step for step in self._plan.steps if step.table == table)


def requests_of(transport: Transport, plan: Plan) -> list[Write]:
    """
    Return method, path and body of every write that a plan would make, in their order.

    Left out are those that copy values into a column of another type, for they depend on the rows, and the one that tries out a new unique
    index. A server that does not take the columns of a new table inline gets more requests than shown: it is only found out by asking.

    Raises:
        DuplicateRows, UnconvertibleRows: the plan cannot be carried out.
    """
    recorder = _Recorder(transport)
    _Rehearsal(cast(Transport, recorder), plan, progress=_ignore).run()
    return recorder.writes


def _ignore(_step: Step) -> None:
    return
