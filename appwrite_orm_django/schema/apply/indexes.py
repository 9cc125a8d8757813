"""
Create, try out and drop indexes.

If rows contain duplicates, the server reports a unique index as available although it does not
exist (recording ``indexes-unique-fails``). So a unique index over rows is tried out after its
creation. A run can be killed between the two, which leaves an index that looks no different. So a
mark is created first and deleted last: an empty table whose id identifies the index that has not
been tried out. Every run finds the marks in the list of tables, which it reads anyway, and tries
out their indexes. Concurrent runs share a mark, and each run tries out the index itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    ColumnNotFound,
    IndexNotFound,
    InvalidSchema,
    TableNotFound,
)
from appwrite_orm_django.schema import rows
from appwrite_orm_django.schema.definitions import Index
from appwrite_orm_django.schema.errors import DuplicateRows, NotAvailable
from appwrite_orm_django.schema.from_server import read_index
from appwrite_orm_django.schema.names import copies_prefix, trial_table
from appwrite_orm_django.schema.steps import (
    CreateIndex,
    DropColumn,
    DropIndex,
    ReplaceColumn,
    TryIndex,
)

from .work import Steps, Work

#: How often to create an index that other runs drop. Each of them drops it once, then fails.
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
    Create indexes and wait until they are available.

    A run that finds an index not enforced drops it, while other runs may be waiting for it. They
    create it again and find out for themselves.

    Raises:
        NotAvailable: an index failed, timed out, or was dropped again after every attempt.
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
        f"index {named}: created {MOST_ATTEMPTS} times, and dropped by another client each time.\n"
        "Is another version of this site migrating the same database? Stop it and run "
        "the migration again."
    )


def _create(work: Work, step: CreateIndex) -> None:
    with contextlib.suppress(AlreadyExists):
        try:
            _request(work, step)
        except InvalidSchema:
            if work.engine.takes_identical_indexes:
                raise
            # The index of another run, which may just be going, counts as one over the same
            # columns.
            if not any(
                known.key.lower() == step.index.key.lower() for known in work.indexes_of(step.table)
            ):
                _request(work, step)


def _request(work: Work, step: CreateIndex) -> None:
    index = step.index
    work.waiter.until_known(
        lambda: index_routes.create_index(
            work.transport,
            work.ref(step.table),
            index.key,
            index.type,
            index.columns,
            orders=index.orders,
            lengths=index.lengths,
        )
    )


def try_out(work: Work, steps: Sequence[TryIndex]) -> Steps:
    for step in steps:
        if _is_there(work, step.table, step.index):
            rows.delete_copies(
                work.transport, work.ref(step.table), copies_prefix(step.table, step.index.key)
            )
            if _try_out(work, step.table, step.index):
                continue
        # Another run has dropped the index, or it was dropped with a column. In the second case the
        # next plan creates it again.
        if not _goes_with_a_column(work, step):
            create(work, [CreateIndex(step.table, step.index)])
    return work.done(steps)


def _is_there(work: Work, table: str, index: Index) -> bool:
    return index.key.lower() in {
        known.key.lower() for known in work.indexes_of(table) if known.status != "deleting"
    }


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
        table_routes.create_table(
            work.transport, work.ref(trial_table(step.table, step.index.key)), name
        )
    except AlreadyExists:
        # The run that created the mark may have been killed while it tried out the index.
        rows.delete_copies(
            work.transport, work.ref(step.table), copies_prefix(step.table, step.index.key)
        )


def _try_out(work: Work, table: str, index: Index) -> bool:
    """
    Check that an index is enforced and delete its mark; return False if another run dropped it.

    Raises:
        DuplicateRows: the index is not enforced and was dropped. The mark stays, because another
            run may be creating the index again.
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
        f"{table}: Appwrite calls the unique index {index.key} ({', '.join(index.columns)}) "
        "available but does not enforce it: there are rows with equal values.\nThe index was "
        "dropped. Correct the rows and run the migration again."
    )


def renew_trimmed(work: Work, table: str, refusal: str) -> bool:
    """
    Recreate the indexes that have lost a column, and return whether there were any.

    The server's internal definition of such an index keeps the length of the dropped column. The
    server then rejects any new key or size for a column of the table. The list of indexes omits
    such lengths, so they are missing there. An index with lengths of its own shows no difference,
    and only the error reveals it.

    Args:
        refusal: the server's error for the column that was to be changed.
    """
    bodies = list(index_routes.list_indexes(work.transport, work.ref(table)))
    trimmed = [
        read_index(body) for body in bodies if len(body.get("lengths") or ()) < len(body["columns"])
    ]
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
    created = {(step.table, step.index.key): step.index.created for step in steps}
    for table, index in work.wait_for_indexes_to_go(created):
        _take_off_list(work, table, index)
    return work.done(steps)


def _take_off_list(work: Work, table: str, index: Index) -> None:
    """
    Remove an index from the server's list that does not exist and cannot be deleted.

    Such an index leaves the list with the last of its columns, so missing columns are created and
    dropped again.
    """
    there = {column.key.lower() for column in work.columns_of(table)}
    for key in index.columns:
        if key.lower() not in there:
            with contextlib.suppress(AlreadyExists):
                column_routes.create_column(
                    work.transport, work.ref(table), "boolean", key, required=False
                )
            work.wait_for_columns([(table, key)])
            with contextlib.suppress(ColumnNotFound):
                column_routes.delete_column(work.transport, work.ref(table), key)
            work.wait_for_columns_to_go([(table, key)])
