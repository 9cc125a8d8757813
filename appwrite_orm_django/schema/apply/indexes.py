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

from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import AlreadyExists, IndexNotFound, TableNotFound
from appwrite_orm_django.schema import rows
from appwrite_orm_django.schema.definitions import Index
from appwrite_orm_django.schema.errors import DuplicateRows
from appwrite_orm_django.schema.names import copies_prefix, trial_table
from appwrite_orm_django.schema.steps import CreateIndex, DropIndex, TryIndex

from .work import Steps, Work


def create(work: Work, steps: Sequence[CreateIndex]) -> Steps:
    unique = [step for step in steps if step.index.type == "unique" and work.has_rows(step.table)]
    for step in unique:
        work.refuse_duplicates(step)
    work.in_parallel(lambda step: _mark(work, step), unique)
    work.in_parallel(lambda step: _create(work, step), steps)
    work.wait_for_indexes((step.table, step.index.key) for step in steps)
    for step in unique:
        _try_out(work, step.table, step.index)
    return work.done(steps)


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
        if step.index.key not in {index.key for index in work.indexes_of(step.table)}:
            continue  # it went with a column, or another run has found it out: the next plan makes it anew
        rows.delete_copies(work.transport, work.ref(step.table), copies_prefix(step.table, step.index.key))
        _try_out(work, step.table, step.index)
    return work.done(steps)


def _mark(work: Work, step: CreateIndex) -> None:
    name = f"Unique index {step.table}.{step.index.key}, not yet tried out"
    with contextlib.suppress(AlreadyExists):
        table_routes.create_table(work.transport, work.ref(trial_table(step.table, step.index.key)), name)


def _try_out(work: Work, table: str, index: Index) -> None:
    """
    Make sure that an index is there, and take its mark away.

    Raises:
        DuplicateRows: it is not. It was dropped; the mark stays, for another run may make it again at this moment.
    """
    if work.enforces(table, index):
        with contextlib.suppress(TableNotFound):
            table_routes.delete_table(work.transport, work.ref(trial_table(table, index.key)))
        return
    with contextlib.suppress(IndexNotFound):
        index_routes.delete_index(work.transport, work.ref(table), index.key)
    raise DuplicateRows(
        f"{table}: Appwrite calls the unique index {index.key} ({', '.join(index.columns)}) available and does not enforce it: there are "
        "values it takes for the same.\nThe index was dropped. Correct the rows and run appwrite_migrate again."
    )


def drop(work: Work, steps: Sequence[DropIndex]) -> Steps:
    def drop_one(step: DropIndex) -> None:
        with contextlib.suppress(IndexNotFound):
            index_routes.delete_index(work.transport, work.ref(step.table), step.index.key)

    work.in_parallel(drop_one, steps)
    work.wait_for_indexes_to_go((step.table, step.index.key) for step in steps)
    return work.done(steps)
