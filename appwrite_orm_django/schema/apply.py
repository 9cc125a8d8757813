"""
Carry out a plan.

Every step may be carried out twice: what is there already, from an earlier run that was stopped or from another one at the same time, is
taken for done and looked at again by the plan that follows. Columns and indexes are made in parallel, and each phase ends when everything
it made is ``available``.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from appwrite_orm_django import collation
from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import databases
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    ColumnNotFound,
    IndexNotFound,
    InvalidRequest,
    TableNotFound,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

from . import preflight, rows
from .comparison import same_storage
from .definitions import Column, Index, Table
from .errors import DuplicateRows
from .from_server import read_column, read_index
from .names import replacement_key
from .steps import (
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
    Plan,
    RenameColumn,
    ReplaceColumn,
    Step,
)
from .waiting import Waiter
from .wire import INLINE_NEW, INLINE_OLD, MAX_INLINE, changed_options, column_options, inline_column, inline_index

Progress = Callable[[Step], None]
S = TypeVar("S", bound=Step)
T = TypeVar("T", Column, Index)

WORKERS = 8

#: What each server takes inline is learnt once, by its first table.
_inline_types: WeakKeyDictionary[Transport, frozenset[str]] = WeakKeyDictionary()


@dataclass
class Outcome:
    """
    What an application had to say besides being done.

    Attributes:
        notes: for people, a sentence each.
        optional: table id and key of the columns that could not be made required, and a sentence that says why.
    """

    notes: list[str] = field(default_factory=list)
    optional: dict[tuple[str, str], str] = field(default_factory=dict)

    def holds_others(self, table: str, key: str, count: int) -> None:
        if count:
            subject = f"{'one row' if count == 1 else f'{count:,} rows'} hold{'s' if count == 1 else ''}"
            it = "it is" if count == 1 else "they are"
            self.notes.append(
                f"{table}.{key}: {subject} what the column no longer takes, and cannot be updated until {it} corrected."
            )

    def stays_optional(self, table: str, key: str, missing: int) -> None:
        count = (
            "one row has" if missing == 1 else f"{missing:,} rows have" if missing < 5000 else "5,000 rows or more have"
        )
        self.optional[table, key] = (
            f"{table}.{key} stays optional: {count} no value, and could not be updated any more. "
            "Give them one and run appwrite_migrate again."
        )


def _bare(column: Column) -> Column:
    return replace(column, required=False, default=None)


class Application:
    """
    The application of one plan.

    Args:
        transport: to the server.
        plan: its steps are carried out in their order.
        deadline_s: how long to wait for the columns, and then for the indexes, of one phase to become available.
        fold: makes equal what the server takes for equal, to find duplicates; that of MariaDB when left out.
        progress: called with each step that is done, from the calling thread.
        clock: seconds, monotonic; injected by tests, as ``sleep`` is.
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        *,
        deadline_s: float = 300.0,
        fold: rows.Fold = collation.fold,
        progress: Progress = lambda _step: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._plan = plan
        self._waiter = Waiter(deadline_s, clock, sleep)
        self._fold = fold
        self._progress = progress
        self._new_tables: set[str] = set()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """
        Carry out all steps.

        Raises:
            NotAvailable: a column or an index failed, or is not available in time.
            DuplicateRows: a unique index cannot be made; nothing was done, unless other clients made the duplicates meanwhile.
            UnconvertibleRows: values do not fit a column's new type or length; nothing was done.
            AppwriteError: the server refuses a step; those before it stay done.
        """
        preflight.refuse(self._transport, self._plan, self._fold)
        waiting: dict[type[Step], list[Step]] = defaultdict(list)
        for step in self._plan.steps:
            waiting[type(step)].append(step)
        for phase in PHASES:
            steps = waiting.pop(phase, [])
            if steps:
                # A table that is made brings the columns and indexes that could not be made with it.
                for further in self._RUN[phase](self, steps):
                    waiting[type(further)].append(further)
        return self._outcome

    def _ref(self, table_id: str) -> TableRef:
        return TableRef(self._plan.database, table_id)

    # Tables

    def _create_database(self, steps: Sequence[CreateDatabase]) -> Iterable[Step]:
        for step in steps:
            with contextlib.suppress(AlreadyExists):
                databases.create_database(self._transport, step.database, step.database)
            self._progress(step)
        return ()

    def _create_tables(self, steps: Sequence[CreateTable]) -> Iterable[Step]:
        further: list[Step] = []
        # The first table shows what this server takes inline; the others then follow in parallel.
        further += self._create_table(steps[0])
        self._progress(steps[0])
        for more in self._in_parallel(self._create_table, steps[1:]):
            further += more
        return further

    def _create_table(self, step: CreateTable) -> list[Step]:
        table = step.definition
        types = _inline_types.get(self._transport, INLINE_NEW)
        try:
            return self._create_inline(table, types)
        except InvalidRequest:
            if types == INLINE_OLD:
                raise
        # Only what this server has never heard of can be wrong: the same columns are tried again by their own routes.
        further = self._create_inline(table, INLINE_OLD)
        _inline_types[self._transport] = INLINE_OLD
        return further

    def _create_inline(self, table: Table, types: frozenset[str]) -> list[Step]:
        with_table = [column for column in table.columns if column.type in types][:MAX_INLINE]
        keys = {column.key for column in with_table} | {"$id", "$createdAt", "$updatedAt"}
        indexes = [index for index in table.indexes if keys.issuperset(index.columns)]
        try:
            table_routes.create_table(
                self._transport,
                self._ref(table.id),
                (table.name or table.id)[:128],
                permissions=sorted(table.permissions),
                row_security=table.row_security,
                columns=[inline_column(column) for column in with_table],
                indexes=[inline_index(index) for index in indexes],
            )
        except AlreadyExists as error:
            if error.type != "table_already_exists":
                raise
            # Somebody else makes it at this moment; whatever it lacks shows in the next plan.
            return []
        self._new_tables.add(table.id)
        return [
            *(CreateColumn(table.id, column) for column in table.columns if column not in with_table),
            *(CreateIndex(table.id, index) for index in table.indexes if index not in indexes),
        ]

    def _change_tables(self, steps: Sequence[ChangeTable]) -> Iterable[Step]:
        for step in steps:
            after = step.after
            table_routes.update_table(
                self._transport,
                self._ref(after.id),
                name=after.name,
                permissions=sorted(after.permissions),
                row_security=after.row_security,
                enabled=after.enabled,
            )
            self._progress(step)
        return ()

    def _drop_tables(self, steps: Sequence[DropTable]) -> Iterable[Step]:
        for step in steps:
            with contextlib.suppress(TableNotFound):
                table_routes.delete_table(self._transport, self._ref(step.table))
            self._progress(step)
        return ()

    # Columns

    def _rename_columns(self, steps: Sequence[RenameColumn], *, report: bool = True) -> Iterable[Step]:
        for step in steps:
            column = step.column
            column_routes.update_column(
                self._transport,
                self._ref(step.table),
                column.type,
                step.old,
                required=column.required,
                default=column.default,
                **self._kept(column),
                newKey=column.key,
            )
        return self._done(steps, report=report)

    def _create_columns(self, steps: Sequence[CreateColumn], *, report: bool = True) -> Iterable[Step]:
        needy = {step.table for step in steps if step.column.required or step.column.default is not None}
        occupied = {table for table in needy if self._has_rows(table)}
        made = [(step, _bare(step.column) if step.table in occupied else step.column) for step in steps]
        self._make_columns([(step.table, column) for step, column in made])
        for step, column in made:
            if column != step.column:
                self._settle(step.table, column, step.column)
        return self._done(steps, report=report)

    def _make_columns(self, columns: Sequence[tuple[str, Column]]) -> None:
        def create(pair: tuple[str, Column]) -> bool:
            table, column = pair
            try:
                column_routes.create_column(
                    self._transport,
                    self._ref(table),
                    column.type,
                    column.key,
                    required=column.required,
                    **column_options(column),
                )
            except AlreadyExists:
                return False
            return True

        created = self._in_parallel(create, columns, report=False)
        there = [pair for pair, new in zip(columns, created, strict=True) if not new]
        # Somebody else's, or one that is still being deleted: then it is made when that one has gone.
        gone = self._waiter.those_gone(((table, column.key) for table, column in there), self._columns_of, "column")
        if gone:
            self._make_columns([(table, column) for table, column in there if (table, column.key) in gone])
        self._wait(((table, column.key) for table, column in columns), self._columns_of, "column")

    def _change_columns(self, steps: Sequence[ChangeColumn]) -> Iterable[Step]:
        for step in steps:
            before, after = step.before, replace(step.after, key=step.before.key, type=step.before.type)
            becomes_required = after.required and not before.required
            if becomes_required or (after.default is not None and before.default is None):
                bare = replace(after, required=before.required and after.required, default=None)
                if changed_options(before, bare) or (before.required, before.default) != (bare.required, None):
                    self._update_column(step.table, before, bare)
                self._settle(step.table, bare, after)
            else:
                self._update_column(step.table, before, after)
            if step.destructive:
                self._outcome.holds_others(step.table, after.key, self._count_outside(step.table, after))
            self._progress(step)
        return ()

    def _settle(self, table: str, bare: Column, wanted: Column) -> None:
        """
        Give a column its default or make it required, having filled the rows without a value first.

        The server fills no row, and a run that stops before it has filled them all is to find something left to do. A column that cannot
        be filled stays optional.
        """
        ref = self._ref(table)
        missing = self._count_without_value(table, wanted)
        value = wanted.fill if wanted.required else wanted.default
        if missing and value is not None:
            rows.fill(self._transport, ref, wanted.key, value)
            missing = 0
        if missing:
            self._outcome.stays_optional(table, wanted.key, missing)
        else:
            self._update_column(table, bare, wanted)

    def _count_outside(self, table: str, column: Column) -> int:
        return rows.count_outside(self._transport, self._ref(table), column)

    def _count_without_value(self, table: str, column: Column) -> int:
        return rows.count_without_value(self._transport, self._ref(table), column.key)

    def _update_column(self, table: str, before: Column, after: Column) -> None:
        column_routes.update_column(
            self._transport,
            self._ref(table),
            before.type,
            before.key,
            required=after.required,
            default=after.default,
            **{**self._kept(before), **changed_options(before, after)},
        )

    @staticmethod
    def _kept(column: Column) -> dict[str, Any]:
        # Only an enum's elements must be said again with every update.
        return {"elements": list(column.elements)} if column.elements else {}

    def _replace_columns(self, steps: Sequence[ReplaceColumn]) -> Iterable[Step]:
        for step in steps:
            before = step.before
            # Optional for now: rows get their values one after the other.
            successor = replace(step.after, key=replacement_key(before.key), required=False, default=None)
            self._make_successor(step.table, successor)
            self._copy(step, successor)
            self._drop_columns([DropColumn(step.table, before)], report=False)
            self._rename_columns(
                [RenameColumn(step.table, successor.key, replace(successor, key=step.after.key))], report=False
            )
            self._progress(step)
        # What else the new column is to be, and the indexes that went with the old one, shows in the next plan.
        return ()

    def _copy(self, step: ReplaceColumn, successor: Column) -> None:
        rows.copy(self._transport, self._ref(step.table), step.before, successor)

    def _make_successor(self, table: str, successor: Column) -> None:
        """Make the column that will take the place of another; one of the same type may be there from a run that was stopped."""
        known = next((column for column in self._columns_of(table) if column.key == successor.key), None)
        if known is not None and not same_storage(known, successor):
            self._drop_columns([DropColumn(table, known)], report=False)
        self._make_columns([(table, successor)])

    def _drop_columns(self, steps: Sequence[DropColumn], *, report: bool = True) -> Iterable[Step]:
        def drop(step: DropColumn) -> None:
            with contextlib.suppress(ColumnNotFound):
                column_routes.delete_column(self._transport, self._ref(step.table), step.column.key)

        self._in_parallel(drop, steps, report=False)
        self._wait_gone(((step.table, step.column.key) for step in steps), self._columns_of, "column")
        return self._done(steps, report=report)

    # Indexes

    def _create_indexes(self, steps: Sequence[CreateIndex]) -> Iterable[Step]:
        unique = [step for step in steps if step.index.type == "unique" and self._has_rows(step.table)]
        for step in unique:
            self._refuse_duplicates(step)

        def create(step: CreateIndex) -> None:
            index = step.index
            with contextlib.suppress(AlreadyExists):
                index_routes.create_index(
                    self._transport,
                    self._ref(step.table),
                    index.key,
                    index.type,
                    index.columns,
                    orders=index.orders,
                    lengths=index.lengths,
                )

        self._in_parallel(create, steps, report=False)
        self._wait(((step.table, step.index.key) for step in steps), self._indexes_of, "index")
        for step in unique:
            self._refuse_unenforced(step)
        for step in steps:
            self._progress(step)
        return ()

    def _refuse_duplicates(self, step: CreateIndex) -> None:
        # Once more, for columns that are new have only now got their values.
        preflight.refuse_duplicates(self._transport, self._ref(step.table), step.index, self._fold)

    def _refuse_unenforced(self, step: CreateIndex) -> None:
        """Make sure that the index is there: over duplicates the server says "available" too (recording indexes-unique-fails)."""
        ref, index = self._ref(step.table), step.index
        relations = [column.key for column in self._columns_of(step.table) if column.type == "relationship"]
        if rows.enforces(self._transport, ref, list(index.columns), relations):
            return
        index_routes.delete_index(self._transport, ref, index.key)
        raise DuplicateRows(
            f"{step.table}: Appwrite calls the unique index {index.key} ({', '.join(index.columns)}) available and does not enforce it: there are "
            "values it takes for the same.\nThe index was dropped. Correct the rows and run appwrite_migrate again."
        )

    def _drop_indexes(self, steps: Sequence[DropIndex]) -> Iterable[Step]:
        def drop(step: DropIndex) -> None:
            with contextlib.suppress(IndexNotFound):
                index_routes.delete_index(self._transport, self._ref(step.table), step.index.key)

        self._in_parallel(drop, steps, report=False)
        self._wait_gone(((step.table, step.index.key) for step in steps), self._indexes_of, "index")
        for step in steps:
            self._progress(step)
        return ()

    # Waiting

    def _columns_of(self, table: str) -> list[Column]:
        return [read_column(body) for body in column_routes.list_columns(self._transport, self._ref(table))]

    def _indexes_of(self, table: str) -> list[Index]:
        return [read_index(body) for body in index_routes.list_indexes(self._transport, self._ref(table))]

    def _wait(self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        self._waiter.until_available(wanted, read, noun)

    def _wait_gone(self, unwanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        self._waiter.until_gone(unwanted, read, noun)

    def _done(self, steps: Iterable[Step], *, report: bool) -> Iterable[Step]:
        for step in steps:
            if report:
                self._progress(step)
        return ()

    def _has_rows(self, table: str) -> bool:
        return table not in self._new_tables and rows.has_rows(self._transport, self._ref(table))

    def _in_parallel(self, act: Callable[[Any], Any], items: Sequence[Any], *, report: bool = True) -> list[Any]:
        if not items:
            return []
        with ThreadPoolExecutor(min(WORKERS, len(items))) as executor:
            futures = [executor.submit(act, item) for item in items]
            try:
                results = []
                for item, future in zip(items, futures, strict=True):
                    results.append(future.result())
                    if report:
                        self._progress(item)
            except BaseException:
                # Ctrl-C, or the first refusal: what has not begun does not begin.
                for future in futures:
                    future.cancel()
                raise
        return results

    _RUN: dict[type[Step], Callable[..., Iterable[Step]]] = {
        CreateDatabase: _create_database,
        CreateTable: _create_tables,
        RenameColumn: _rename_columns,
        DropIndex: _drop_indexes,
        DropColumn: _drop_columns,
        CreateColumn: _create_columns,
        ChangeColumn: _change_columns,
        ReplaceColumn: _replace_columns,
        CreateIndex: _create_indexes,
        ChangeTable: _change_tables,
        DropTable: _drop_tables,
    }
