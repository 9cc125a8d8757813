"""The requests that a plan would make, without making those that write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from appwrite_orm_django.client.transport import Transport

from . import rows
from .apply import Application
from .definitions import Column, Index
from .plan import Plan, ReplaceColumn, Step

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
        # The requests depend on the rows, one for every different value; what can be said is whether all of them fit.
        rows.refuse_unconvertible(self._transport, self._ref(step.table), step.before, successor)


def requests_of(transport: Transport, plan: Plan) -> list[Write]:
    """
    Return method, path and body of every write that a plan would make, in their order.

    Left out are those that copy values into a column of another type: they depend on the rows. A server that does not take the columns of
    a new table inline gets more requests than shown: it is only found out by asking.

    Raises:
        DuplicateRows, UnconvertibleRows: the plan cannot be carried out.
    """
    recorder = _Recorder(transport)
    _Rehearsal(cast(Transport, recorder), plan, progress=_ignore).run()
    return recorder.writes


def _ignore(_step: Step) -> None:
    return
