"""Carry out the steps of a plan, phase by phase."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import MARIADB, Engine
from appwrite_orm_django.schema import preflight
from appwrite_orm_django.schema.steps import (
    PHASES,
    ChangeColumn,
    ChangeTable,
    CreateColumn,
    CreateDatabase,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    FillColumn,
    FillUnique,
    MoveKey,
    NoLongerWritten,
    Plan,
    ReadOtherwise,
    RenameColumn,
    ReplaceColumn,
    Step,
    TryIndex,
)
from appwrite_orm_django.schema.unique import HiddenValues
from appwrite_orm_django.schema.waiting import Waiter

from . import columns, indexes, tables
from .outcome import Outcome
from .work import Progress, Steps, Work

_CARRY_OUT: dict[type[Step], Callable[..., Steps]] = {
    CreateDatabase: tables.create_database,
    CreateTable: tables.create,
    RenameColumn: columns.rename,
    DropIndex: indexes.drop,
    DropColumn: columns.drop,
    CreateColumn: columns.create,
    FillColumn: columns.fill,
    ChangeColumn: columns.change,
    ReplaceColumn: columns.replace_by_others,
    ReadOtherwise: columns.read_otherwise,
    MoveKey: Work.done,
    FillUnique: columns.fill_unique,
    NoLongerWritten: columns.no_longer_written,
    CreateIndex: indexes.create,
    TryIndex: indexes.try_out,
    ChangeTable: tables.change,
    DropTable: tables.drop,
}


class Application:
    """
    The application of one plan.

    Args:
        transport: the transport to the server.
        plan: the plan whose steps to carry out, in their order.
        deadline_s: the time limit in seconds for the columns of a phase to become available, and
            then for its indexes.
        refuse_outside: whether to raise an error when a range or choices become narrower and rows
            hold other values; such rows are left unchanged otherwise.
        engine: the rules by which the server compares texts and alters tables.
        hidden: computes the values of hidden columns; needed if the plan has any.
        progress: called with each finished step, in the calling thread.
        clock: returns monotonic seconds; tests replace it.
        sleep: waits for a number of seconds; tests replace it.
    """

    work_class = Work

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        *,
        deadline_s: float = 300.0,
        refuse_outside: bool = False,
        engine: Engine = MARIADB,
        hidden: HiddenValues | None = None,
        progress: Progress = lambda _step: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._refuse_outside = refuse_outside
        self._work = self.work_class(
            transport, plan, Waiter(deadline_s, clock, sleep), engine, progress, hidden
        )

    def run(self) -> Outcome:
        """
        Carry out all steps.

        Raises:
            NotAvailable: a column or an index failed, or is not available in time.
            DuplicateRows: duplicates prevent a unique index. Nothing was done, unless other clients
                wrote the duplicates meanwhile.
            UnconvertibleRows: values do not fit a column's new type or length; nothing was done.
            MissingValues: rows have no value for a column that becomes required. Nothing was done,
                unless other clients wrote the rows meanwhile.
            AppwriteError: the server rejected a step; the steps before it stay done.
        """
        work = self._work
        preflight.refuse(
            work.transport,
            work.plan,
            work.engine,
            work.hidden,
            outside=self._refuse_outside,
        )
        work.record(work.plan.unrecorded)
        waiting: dict[type[Step], list[Step]] = defaultdict(list)
        for step in work.plan.steps:
            waiting[type(step)].append(step)
        for phase in PHASES:
            steps = waiting.pop(phase, [])
            if steps:
                # Creating a table returns steps for the columns and indexes that could not be
                # created with it.
                for further in _CARRY_OUT[phase](work, steps):
                    waiting[type(further)].append(further)
        return work.outcome
