"""Indexes: made, tried out, dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client.errors import AlreadyExists, IndexNotFound
from appwrite_orm_django.schema.errors import DuplicateRows
from appwrite_orm_django.schema.steps import CreateIndex, DropIndex

from .work import Steps, Work


def create(work: Work, steps: Sequence[CreateIndex]) -> Steps:
    unique = [step for step in steps if step.index.type == "unique" and work.has_rows(step.table)]
    for step in unique:
        work.refuse_duplicates(step)
    work.in_parallel(lambda step: _create(work, step), steps)
    work.wait_for_indexes((step.table, step.index.key) for step in steps)
    for step in unique:
        _refuse_unenforced(work, step)
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


def _refuse_unenforced(work: Work, step: CreateIndex) -> None:
    index = step.index
    if work.enforces(step.table, index):
        return
    index_routes.delete_index(work.transport, work.ref(step.table), index.key)
    raise DuplicateRows(
        f"{step.table}: Appwrite calls the unique index {index.key} ({', '.join(index.columns)}) available and does not enforce it: there are "
        "values it takes for the same.\nThe index was dropped. Correct the rows and run appwrite_migrate again."
    )


def drop(work: Work, steps: Sequence[DropIndex]) -> Steps:
    def drop_one(step: DropIndex) -> None:
        with contextlib.suppress(IndexNotFound):
            index_routes.delete_index(work.transport, work.ref(step.table), step.index.key)

    work.in_parallel(drop_one, steps)
    work.wait_for_indexes_to_go((step.table, step.index.key) for step in steps)
    return work.done(steps)
