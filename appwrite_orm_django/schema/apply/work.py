"""What the steps of one plan share: the server, what was found out on the way, and how to wait and to hurry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema import preflight, records, rows
from appwrite_orm_django.schema.definitions import Column, Index
from appwrite_orm_django.schema.from_server import read_column, read_index
from appwrite_orm_django.schema.names import copies_prefix
from appwrite_orm_django.schema.steps import CreateIndex, Plan, ReplaceColumn, Step
from appwrite_orm_django.schema.waiting import Waiter

from .outcome import Outcome

Progress = Callable[[Step], None]
Steps = Iterable[Step]
Keys = Iterable[tuple[str, str]]
S = TypeVar("S")
R = TypeVar("R")

WORKERS = 8


class Work:
    """
    One plan at work.

    What a rehearsal does otherwise, because nothing has really been written, is a method here and no function elsewhere.

    Attributes:
        new_tables: ids of those that this run has made, and that have no rows yet.
        outcome: what will be said at the end.
    """

    def __init__(self, transport: Transport, plan: Plan, waiter: Waiter, fold: rows.Fold, progress: Progress) -> None:
        self.transport = transport
        self.plan = plan
        self.waiter = waiter
        self.fold = fold
        self.progress = progress
        self.new_tables: set[str] = set()
        self.outcome = Outcome()

    def ref(self, table_id: str) -> TableRef:
        return TableRef(self.plan.database, table_id)

    # What is there

    def columns_of(self, table: str) -> list[Column]:
        return [read_column(body) for body in column_routes.list_columns(self.transport, self.ref(table))]

    def indexes_of(self, table: str) -> list[Index]:
        return [read_index(body) for body in index_routes.list_indexes(self.transport, self.ref(table))]

    def has_rows(self, table: str) -> bool:
        return table not in self.new_tables and rows.has_rows(self.transport, self.ref(table))

    def count_outside(self, table: str, column: Column) -> int:
        return rows.count_outside(self.transport, self.ref(table), column)

    def count_without_value(self, table: str, column: Column) -> int:
        return rows.count_without_value(self.transport, self.ref(table), column.key)

    def refuse_duplicates(self, step: CreateIndex) -> None:
        # Once more, for columns that are new have only now got their values.
        preflight.refuse_duplicates(self.transport, self.ref(step.table), step.index, self.fold)

    def enforces(self, table: str, index: Index) -> bool:
        """Tell whether a unique index is there: over duplicates the server says "available" too (recording indexes-unique-fails)."""
        relations = [column.key for column in self.columns_of(table) if column.type == "relationship"]
        prefix = copies_prefix(table, index.key)
        return rows.enforces(self.transport, self.ref(table), list(index.columns), relations, prefix)

    def is_recorded(self, table: str, column: Column) -> bool:
        """Tell whether a column is recorded as it is described."""
        return records.read_record(self.transport, self.plan.database, table, column.key) == column.encoding

    def is_as_planned(self, table: str, column: Column) -> bool:
        """Tell whether no other run has put another column in the place of this one since the plan was made."""
        return self.is_recorded(table, column)

    def both_there(self, table: str, *keys: str) -> bool:
        return {column.key for column in self.columns_of(table)}.issuperset(keys)

    def fill(self, table: str, key: str, value: Any, *, only_older: bool) -> None:
        """Give a value to rows that have none; with ``only_older`` to those alone that were there before the column."""
        until = column_routes.get_column(self.transport, self.ref(table), key)["$createdAt"] if only_older else None
        rows.fill(self.transport, self.ref(table), key, value, until)

    def copy(self, step: ReplaceColumn, successor: Column) -> None:
        rows.copy(self.transport, self.ref(step.table), step.before, successor)

    # Waiting

    def wait_for_columns(self, wanted: Keys) -> None:
        self.waiter.until_available(wanted, self.columns_of, "column")

    def wait_for_indexes(self, wanted: Keys) -> set[tuple[str, str]]:
        """Wait until indexes are available; return those that another run has dropped meanwhile."""
        return self.waiter.until_available_or_gone(wanted, self.indexes_of, "index")

    def wait_for_columns_to_go(self, unwanted: Keys) -> None:
        self.waiter.until_gone(unwanted, self.columns_of, "column")

    def wait_for_indexes_to_go(self, unwanted: Keys) -> list[tuple[str, Index]]:
        """Wait until indexes are gone; return those that the server lists, does not have, and never deletes, with their tables."""
        return self.waiter.until_gone(unwanted, self.indexes_of, "index", lambda index: index.is_lost)

    # Doing

    def record(self, encodings: Sequence[records.Record]) -> None:
        records.write_records(self.transport, self.plan.database, encodings)

    def record_assumed(self, table: str, column: Column) -> None:
        """Record how a column is encoded, unless something is recorded of it."""
        if column.encoding is not None and self.is_recorded(table, replace(column, encoding=None)):
            self.record(records.records_of(table, [column]))

    def forget(self, columns: Keys) -> None:
        records.forget_columns(self.transport, self.plan.database, columns)

    def done(self, steps: Iterable[Step]) -> Steps:
        """Report steps, after which nothing follows."""
        for step in steps:
            self.progress(step)
        return ()

    def in_parallel(
        self, act: Callable[[S], R], items: Sequence[S], progress: Callable[[S], Any] = lambda _item: None
    ) -> list[R]:
        """Return what an action makes of each item, in their order; the first refusal is raised, and nothing begins after it."""
        if not items:
            return []
        with ThreadPoolExecutor(min(WORKERS, len(items))) as executor:
            futures = [executor.submit(act, item) for item in items]
            try:
                results = []
                for item, future in zip(items, futures, strict=True):
                    results.append(future.result())
                    progress(item)
            except BaseException:
                # Ctrl-C, or the first refusal: what has not begun does not begin.
                for future in futures:
                    future.cancel()
                raise
        return results
