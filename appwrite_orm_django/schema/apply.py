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

from . import rows
from .definitions import Column, Index, Table
from .errors import DuplicateRows, NotAvailable
from .from_server import read_column, read_index
from .names import replacement_key
from .plan import (
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
    same_storage,
)
from .wire import INLINE_NEW, INLINE_OLD, MAX_INLINE, changed_options, column_options, inline_column, inline_index

Progress = Callable[[Step], None]
S = TypeVar("S", bound=Step)
T = TypeVar("T", Column, Index)

WORKERS = 8
#: The first look comes soon: a column takes 0.04 to 0.15 s on an idle server.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


#: What each server takes inline is learnt once, by its first table.
_inline_types: WeakKeyDictionary[Transport, frozenset[str]] = WeakKeyDictionary()


@dataclass
class Outcome:
    """
    What an application had to say besides being done.

    Attributes:
        notes: for people, a sentence each.
        optional: table id and key of the columns that could not be made required.
    """

    notes: list[str] = field(default_factory=list)
    optional: set[tuple[str, str]] = field(default_factory=set)


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
        self._deadline_s = deadline_s
        self._fold = fold
        self._progress = progress
        self._clock = clock
        self._sleep = sleep
        self._new_tables: set[str] = set()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """
        Carry out all steps.

        Raises:
            NotAvailable: a column or an index failed, or is not available in time.
            DuplicateRows: a unique index cannot be made.
            AppwriteError: the server refuses a step; those before it stay done.
        """
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
        occupied = {table: self._has_rows(table) for table in {step.table for step in steps if step.column.required}}
        made = [
            (step, replace(step.column, required=step.column.required and not occupied.get(step.table, False)))
            for step in steps
        ]

        def create(pair: tuple[CreateColumn, Column]) -> None:
            step, column = pair
            with contextlib.suppress(AlreadyExists):
                column_routes.create_column(
                    self._transport,
                    self._ref(step.table),
                    column.type,
                    column.key,
                    required=column.required,
                    **column_options(column),
                )

        self._in_parallel(create, made, report=False)
        self._wait(((step.table, step.column.key) for step in steps), self._columns_of, "column")
        for step, column in made:
            if step.column.required and not column.required:
                self._require(step.table, column, step.column)
        return self._done(steps, report=report)

    def _change_columns(self, steps: Sequence[ChangeColumn]) -> Iterable[Step]:
        for step in steps:
            before, after = step.before, replace(step.after, key=step.before.key, type=step.before.type)
            if after.required and not before.required:
                optional = replace(after, required=False)
                if changed_options(before, after) or before.default is not None:
                    self._update_column(step.table, before, optional)
                self._require(step.table, optional, after)
            else:
                self._update_column(step.table, before, after)
            self._progress(step)
        return ()

    def _require(self, table: str, optional: Column, required: Column) -> None:
        """Make a column required, having filled the rows without a value; leave it optional where that cannot be done."""
        ref = self._ref(table)
        missing = rows.count_without_value(self._transport, ref, required.key)
        if missing and required.fill is not None:
            rows.fill(self._transport, ref, required.key, required.fill)
            missing = 0
        if missing:
            count = (
                "one row has"
                if missing == 1
                else f"{missing:,} rows have"
                if missing < 5000
                else "5,000 rows or more have"
            )
            self._outcome.optional.add((table, required.key))
            self._outcome.notes.append(
                f"{table}.{required.key} stays optional: {count} no value, and could not be updated any more. "
                "Give them one and run appwrite_migrate again."
            )
            return
        self._update_column(table, optional, required)

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
        self._create_columns([CreateColumn(table, successor)], report=False)

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
        index = step.index
        found = rows.duplicates(self._transport, self._ref(step.table), list(index.columns), self._fold)
        if found:
            raise DuplicateRows(
                f"{step.table}: the unique index {index.key} ({', '.join(index.columns)}) cannot be made over duplicates: {'; '.join(found)}.\n"
                "Appwrite would call it available and enforce nothing. Correct the rows and run appwrite_migrate again."
            )

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
        def settled(table: str, keys: set[str]) -> set[str]:
            """Return those that need more time."""
            found = {item.key.lower(): item for item in read(table)}
            for key in keys:
                item = found.get(key.lower())
                if item is not None and item.status in {"failed", "stuck"}:
                    reason = f": {item.error}" if item.error else ""
                    raise NotAvailable(
                        f"{noun} {table}.{key} is {item.status}{reason}.\nRun appwrite_migrate again to drop and make it anew."
                    )
            return {key for key in keys if key.lower() not in found or found[key.lower()].status != "available"}

        self._poll(wanted, settled, noun, "available")

    def _wait_gone(self, unwanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        def settled(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower() for item in read(table)}
            return {key for key in keys if key.lower() in found}

        self._poll(unwanted, settled, noun, "gone")

    def _poll(
        self, items: Iterable[tuple[str, str]], settle: Callable[[str, set[str]], set[str]], noun: str, state: str
    ) -> None:
        open_: dict[str, set[str]] = defaultdict(set)
        for table, key in items:
            open_[table].add(key)
        deadline = self._clock() + self._deadline_s
        pause_s = FIRST_PAUSE_S
        while True:
            for table in list(open_):
                open_[table] = settle(table, open_[table])
                if not open_[table]:
                    del open_[table]
            if not open_:
                return
            if self._clock() >= deadline:
                named = ", ".join(f"{table}.{key}" for table, keys in sorted(open_.items()) for key in sorted(keys))
                raise NotAvailable(
                    f"{noun} {named}: not {state} after {self._deadline_s:.0f} s. Is Appwrite's worker for databases running?\n"
                    "Run appwrite_migrate again to go on."
                )
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

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
