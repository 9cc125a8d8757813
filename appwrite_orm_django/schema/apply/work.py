"""Share the server, the state of a run, waiting and parallel work among the steps of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client.local_endpoint import is_local
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import Engine
from appwrite_orm_django.schema import preflight, records, rows
from appwrite_orm_django.schema.definitions import Column, Hidden, Index, RowIds
from appwrite_orm_django.schema.from_server import read_column, read_index
from appwrite_orm_django.schema.names import copies_prefix, is_hidden
from appwrite_orm_django.schema.steps import CreateIndex, Plan, ReplaceColumn, Step
from appwrite_orm_django.schema.unique import HiddenValues, values_with
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
    The application of a plan in progress.

    A dry run overrides the methods that depend on earlier writes.

    Attributes:
        new_tables: the ids of the tables that this run has created, which have no rows yet.
        outcome: the notes to return at the end.
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        waiter: Waiter,
        engine: Engine,
        progress: Progress,
        hidden: HiddenValues | None = None,
    ) -> None:
        self.transport = transport
        self.plan = plan
        self.waiter = waiter
        self.engine = engine
        self.hidden = hidden
        self.progress = progress
        self.new_tables: set[str] = set()
        self.outcome = Outcome()

    def ref(self, table_id: str) -> TableRef:
        return TableRef(self.plan.database, table_id)

    # Reading

    def columns_of(self, table: str) -> list[Column]:
        return [
            read_column(body)
            for body in column_routes.list_columns(self.transport, self.ref(table))
        ]

    def indexes_of(self, table: str) -> list[Index]:
        return [
            read_index(body) for body in index_routes.list_indexes(self.transport, self.ref(table))
        ]

    def has_rows(self, table: str) -> bool:
        return table not in self.new_tables and rows.has_rows(self.transport, self.ref(table))

    def count_outside(self, table: str, column: Column) -> int:
        return rows.count_outside(self.transport, self.ref(table), column)

    def count_without_value(self, table: str, column: Column) -> int:
        return rows.count_without_value(self.transport, self.ref(table), column.key)

    def refuse_duplicates(self, step: CreateIndex) -> None:
        # Check again, because new columns have values only now. Those of hidden columns were
        # checked when they were written.
        if not any(map(is_hidden, step.index.columns)):
            preflight.refuse_duplicates(
                self.transport, self.ref(step.table), step.index, self.engine.equality_key
            )

    def enforces(self, table: str, index: Index) -> bool:
        """
        Return whether a unique index is enforced.

        The server reports "available" for an index over duplicates too (recording
        ``indexes-unique-fails``).
        """
        relations = [
            column.key for column in self.columns_of(table) if column.type == "relationship"
        ]
        prefix = copies_prefix(table, index.key)
        return rows.enforces(
            self.transport, self.ref(table), list(index.columns), relations, prefix
        )

    def is_recorded(self, table: str, column: Column) -> bool:
        """Return whether the record of a column has the same encoding as its description."""
        return (
            records.read_record(self.transport, self.plan.database, table, column.key)
            == column.encoding
        )

    def is_as_planned(self, table: str, column: Column) -> bool:
        """Return whether no other run has replaced the column since the plan was made."""
        return self.is_recorded(table, column) and any(
            one.key == column.key and (one.type, one.array) == (column.type, column.array)
            for one in self.columns_of(table)
        )

    def both_there(self, table: str, *keys: str) -> bool:
        return {column.key for column in self.columns_of(table)}.issuperset(keys)

    def is_there(self, table: str, key: str, type_: str) -> bool:
        """Return whether the table has a column with this key and type."""
        return any(one.key == key and one.type == type_ for one in self.columns_of(table))

    def fill(self, table: str, key: str, value: Any, *, only_older: bool) -> None:
        """Fill rows without a value; with ``only_older``, only rows older than the column."""
        until = (
            column_routes.get_column(self.transport, self.ref(table), key)["$createdAt"]
            if only_older
            else None
        )
        rows.fill(self.transport, self.ref(table), key, value, until, self.engine)

    def fill_ids(self, table: str, column: Column, ids: RowIds) -> None:
        """Fill rows without a value with those of their ids."""
        rows.copy_ids(self.transport, self.ref(table), ids, column)

    def fill_unique(self, table: str, hidden: Sequence[Hidden]) -> None:
        """Write the values of hidden columns to the rows that do not have them."""
        values_with(self.hidden).fill(table, hidden)

    def copy(self, step: ReplaceColumn, successor: Column) -> None:
        rows.copy(self.transport, self.ref(step.table), step.before, successor, self.engine)

    # Waiting

    def wait_for_columns(self, wanted: Keys) -> None:
        self.waiter.until_available(wanted, self.columns_of, "column")

    def wait_for_columns_or_gone(self, wanted: Keys) -> set[tuple[str, str]]:
        """Wait until columns are available, and return those that another run renamed meanwhile."""
        return self.waiter.until_available_or_gone(wanted, self.columns_of, "column")

    def wait_for_indexes(self, wanted: Keys) -> set[tuple[str, str]]:
        """Wait until indexes are available, and return those that another run dropped meanwhile."""
        return self.waiter.until_available_or_gone(wanted, self.indexes_of, "index")

    def wait_for_columns_to_go(self, unwanted: Keys) -> None:
        self.waiter.until_gone(unwanted, self.columns_of, "column")

    def wait_for_indexes_to_go(
        self, unwanted: Mapping[tuple[str, str], str]
    ) -> list[tuple[str, Index]]:
        """
        Wait until indexes are gone.

        Return the tables and indexes that the server lists but does not have and never deletes.

        Args:
            unwanted: when each was created; "" if that is unknown. One of the same key that another
                run has created since is left alone.
        """
        times = {(table, key.lower()): created for (table, key), created in unwanted.items()}

        def is_another(table: str, index: Index) -> bool:
            created = times[table, index.key.lower()]
            return bool(created) and index.created != created and index.status != "deleting"

        return self.waiter.until_gone(
            unwanted, self.indexes_of, "index", lambda index: index.is_lost, is_another
        )

    # Writing

    def record(self, encodings: Sequence[records.Record]) -> None:
        records.write_records(self.transport, self.plan.database, encodings)

    def record_assumed(self, table: str, column: Column) -> None:
        """Record the encoding of a column unless it has a record."""
        if column.encoding is not None and self.is_recorded(table, replace(column, encoding=None)):
            self.record(records.records_of(table, [column]))

    def forget(self, columns: Keys) -> None:
        records.forget_columns(self.transport, self.plan.database, columns)

    def done(self, steps: Iterable[Step]) -> Steps:
        """Report finished steps and return no further steps."""
        for step in steps:
            self.progress(step)
        return ()

    def waits_for_answers(self) -> bool:
        """Return whether requests take a while in which others can be made."""
        return not is_local(self.transport.endpoint)

    def in_parallel(
        self,
        act: Callable[[S], R],
        items: Sequence[S],
        progress: Callable[[S], Any] = lambda _item: None,
    ) -> list[R]:
        """Return the result of an action for each item in order; the first error stops the rest."""
        if len(items) < 2 or not self.waits_for_answers():
            results = []
            for item in items:
                results.append(act(item))
                progress(item)
            return results
        with ThreadPoolExecutor(min(WORKERS, len(items))) as executor:
            futures = [executor.submit(act, item) for item in items]
            try:
                results = []
                for item, future in zip(items, futures, strict=True):
                    results.append(future.result())
                    progress(item)
            except BaseException:
                # After Ctrl-C or the first error, no further action starts.
                for future in futures:
                    future.cancel()
                raise
        return results
