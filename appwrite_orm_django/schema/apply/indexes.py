"""
Indexes: made, tried out, dropped.

Over duplicates the server calls a unique index available that does not exist (recording ``indexes-unique-fails``), so one that is made over
rows is tried out. A run can be killed between the two, and the index looks no different then. So a mark comes first and goes last: an
empty table whose id says which index is yet to be tried out. Every run sees the marks in the list of tables that it reads anyway, and
tries out what they stand for; several runs at once share a mark, and each tries for itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import AlreadyExists, ColumnNotFound, IndexNotFound, TableNotFound
from appwrite_orm_django.schema import rows
from appwrite_orm_django.schema.definitions import Index
from appwrite_orm_django.schema.errors import DuplicateRows, NotAvailable
from appwrite_orm_django.schema.from_server import read_index
from appwrite_orm_django.schema.names import copies_prefix, trial_table
from appwrite_orm_django.schema.steps import CreateIndex, DropColumn, DropIndex, ReplaceColumn, TryIndex

from .work import Steps, Work

#: How often an index is made that other runs drop. Each of them does so once, for it then ends.
MOST_ATTEMPTS = 50


def create(work: Work, steps: Sequence[CreateIndex]) -> Steps:
    unique = [step for step in steps if step.index.type == "unique" and work.has_rows(step.table)]
    for step in unique:
        work.refuse_duplicates(step)
    work.in_parallel(lambda step: _mark(work, step), unique)
    _make(work, steps)
    for step in unique:
        while not _try_out(work, step.table, step.index):
            _make(work, [step])
    return work.done(steps)


def _make(work: Work, steps: Sequence[CreateIndex]) -> None:
    """
    Make indexes, and wait until they are available.

    A run that finds out that an index is not enforced drops it, which other runs may be waiting for. They make it again, and find out
    themselves.

    Raises:
        NotAvailable: it was dropped again and again, or as from ``Waiter``.
    """
    left = list(steps)
    for _attempt in range(MOST_ATTEMPTS):
        work.in_parallel(lambda step: _create(work, step), left)
        gone = work.wait_for_indexes((step.table, step.index.key) for step in left)
        left = [step for step in left if (step.table, step.index.key) in gone]
        if not left:
            return
    named = ", ".join(f"{step.table}.{step.index.key}" for step in left)
    raise NotAvailable(
        f"index {named}: made {MOST_ATTEMPTS} times, and another client has dropped it each time.\n"
        "Is another version of this site migrating the same database? End that, and run appwrite_migrate again."
    )


def _create(work: Work, step: CreateIndex) -> None:
    index = step.index
    with contextlib.suppress(AlreadyExists):
        index_routes.create_index(
            work.transport,
            work.ref(step.table),
            index.key,
            index.type,
            index.columns,
            orders=index.orders,
            lengths=index.lengths,
        )


def try_out(work: Work, steps: Sequence[TryIndex]) -> Steps:
    for step in steps:
        if _is_there(work, step.table, step.index):
            rows.delete_copies(work.transport, work.ref(step.table), copies_prefix(step.table, step.index.key))
            if _try_out(work, step.table, step.index):
                continue
        # Another run has dropped it, or it went with a column: then the next plan makes it anew.
        if not _goes_with_a_column(work, step):
            create(work, [CreateIndex(step.table, step.index)])
    return work.done(steps)


def _is_there(work: Work, table: str, index: Index) -> bool:
    return index.key.lower() in {known.key.lower() for known in work.indexes_of(table) if known.status != "deleting"}


def _goes_with_a_column(work: Work, step: TryIndex) -> bool:
    gone = {
        other.before.key if isinstance(other, ReplaceColumn) else other.column.key
        for other in work.plan.steps
        if isinstance(other, ReplaceColumn | DropColumn) and other.table == step.table
    }
    return not gone.isdisjoint(step.index.columns)


def _mark(work: Work, step: CreateIndex) -> None:
    name = f"Unique index {step.table}.{step.index.key}, not yet tried out"
    try:
        table_routes.create_table(work.transport, work.ref(trial_table(step.table, step.index.key)), name)
    except AlreadyExists:
        # The run that marked it may have been killed while it tried.
        rows.delete_copies(work.transport, work.ref(step.table), copies_prefix(step.table, step.index.key))


def _try_out(work: Work, table: str, index: Index) -> bool:
    """
    Make sure that an index is enforced, and take its mark away; return False if another run has dropped it meanwhile.

    Raises:
        DuplicateRows: it is not. It was dropped; the mark stays, for another run may make it again at this moment.
    """
    if work.enforces(table, index):
        with contextlib.suppress(TableNotFound):
            table_routes.delete_table(work.transport, work.ref(trial_table(table, index.key)))
        return True
    if not _is_there(work, table, index):
        return False
    with contextlib.suppress(IndexNotFound):
        index_routes.delete_index(work.transport, work.ref(table), index.key)
    raise DuplicateRows(
        f"{table}: Appwrite calls the unique index {index.key} ({', '.join(index.columns)}) available and does not enforce it: there are "
        "values it takes for the same.\nThe index was dropped. Correct the rows and run appwrite_migrate again."
    )


def renew_trimmed(work: Work, table: str, refusal: str) -> bool:
    """
    Drop the indexes of a table that a column was taken out of, and make them again over what is left; return whether there were any.

    The server's own description of such an index keeps the length of the column, and is refused whenever a column of the table is to get
    another key or size. In the list all lengths like that one are missing; where it was a length of its own, nothing shows there.

    Args:
        refusal: what the server said of a column that was to be changed.
    """
    bodies = list(index_routes.list_indexes(work.transport, work.ref(table)))
    trimmed = [read_index(body) for body in bodies if len(body.get("lengths") or ()) < len(body["columns"])]
    if not trimmed and any(text in refusal for text in ("Count of lengths", "Cannot set a length")):
        trimmed = [index for index in map(read_index, bodies) if index.type in {"key", "unique"}]
    drop(work, [DropIndex(table, index, replaced=True) for index in trimmed])
    create(work, [CreateIndex(table, index) for index in trimmed])
    return bool(trimmed)


def drop(work: Work, steps: Sequence[DropIndex]) -> Steps:
    def drop_one(step: DropIndex) -> None:
        with contextlib.suppress(IndexNotFound):
            index_routes.delete_index(work.transport, work.ref(step.table), step.index.key)

    work.in_parallel(drop_one, steps)
    for table, index in work.wait_for_indexes_to_go((step.table, step.index.key) for step in steps):
        _take_off_list(work, table, index)
    return work.done(steps)


def _take_off_list(work: Work, table: str, index: Index) -> None:
    """
    Let the server forget an index that it cannot delete, for its database has no such index.

    It goes from the list with the last of the columns that it is listed over. Those that are gone are made, and dropped again.
    """
    there = {column.key.lower() for column in work.columns_of(table)}
    for key in index.columns:
        if key.lower() not in there:
            with contextlib.suppress(AlreadyExists):
                column_routes.create_column(work.transport, work.ref(table), "boolean", key, required=False)
            work.wait_for_columns([(table, key)])
            with contextlib.suppress(ColumnNotFound):
                column_routes.delete_column(work.transport, work.ref(table), key)
            work.wait_for_columns_to_go([(table, key)])
