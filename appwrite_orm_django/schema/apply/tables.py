"""Create, change and drop databases and tables."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from appwrite_orm_django.client import databases
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import AlreadyExists, InvalidRequest, TableNotFound
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema import records
from appwrite_orm_django.schema.definitions import Table
from appwrite_orm_django.schema.steps import (
    ChangeTable,
    CreateColumn,
    CreateDatabase,
    CreateIndex,
    CreateTable,
    DropTable,
    Step,
)
from appwrite_orm_django.schema.wire import (
    INLINE_NEW,
    INLINE_OLD,
    MAX_INLINE,
    inline_column,
    inline_index,
)

from .work import Steps, Work

#: The column types that each server accepts inline, learnt once from its first table.
_inline_types: WeakKeyDictionary[Transport, frozenset[str]] = WeakKeyDictionary()


def create_database(work: Work, steps: Sequence[CreateDatabase]) -> Steps:
    for step in steps:
        with contextlib.suppress(AlreadyExists):
            databases.create_database(work.transport, step.database, step.database)
        work.progress(step)
    return ()


def create(work: Work, steps: Sequence[CreateTable]) -> Steps:
    work.record([record for step in steps for record in _records_of(step.definition)])
    # The first table shows what this server accepts inline; the others then follow in parallel.
    further = _create(work, steps[0])
    work.progress(steps[0])
    for more in work.in_parallel(lambda step: _create(work, step), steps[1:], work.progress):
        further += more
    return further


def _records_of(table: Table) -> list[records.Record]:
    return records.records_of(table.id, table.columns, table.id_encoding)


def _create(work: Work, step: CreateTable) -> list[Step]:
    table = step.definition
    types = _inline_types.get(work.transport, INLINE_NEW)
    try:
        return _create_inline(work, table, types)
    except InvalidRequest:
        if types == INLINE_OLD:
            raise
    # An older server rejects unknown types, so create the columns of these types by their own
    # routes.
    further = _create_inline(work, table, INLINE_OLD)
    _inline_types[work.transport] = INLINE_OLD
    return further


def _create_inline(work: Work, table: Table, types: frozenset[str]) -> list[Step]:
    with_table = [column for column in table.columns if column.type in types][:MAX_INLINE]
    inline = {column.key for column in with_table}
    indexed = inline | {"$id", "$createdAt", "$updatedAt"}
    indexes = [index for index in table.indexes if indexed.issuperset(index.columns)]
    try:
        table_routes.create_table(
            work.transport,
            work.ref(table.id),
            (table.name or table.id)[:128],
            permissions=sorted(table.permissions),
            row_security=table.row_security,
            columns=[inline_column(column) for column in with_table],
            indexes=[inline_index(index) for index in indexes],
        )
    except AlreadyExists as error:
        if error.type != "table_already_exists":
            raise
        # Another run is creating the table; the next plan finds whatever is missing.
        return []
    work.new_tables.add(table.id)
    return [
        *(CreateColumn(table.id, column) for column in table.columns if column.key not in inline),
        *(
            CreateIndex(table.id, index)
            for index in table.indexes
            if not indexed.issuperset(index.columns)
        ),
    ]


def change(work: Work, steps: Sequence[ChangeTable]) -> Steps:
    for step in steps:
        after = step.after
        table_routes.update_table(
            work.transport,
            work.ref(after.id),
            name=after.name,
            permissions=sorted(after.permissions),
            row_security=after.row_security,
            enabled=after.enabled,
        )
        work.progress(step)
    return ()


def drop(work: Work, steps: Sequence[DropTable]) -> Steps:
    for step in steps:
        with contextlib.suppress(TableNotFound):
            table_routes.delete_table(work.transport, work.ref(step.table))
        if _records_of(step.definition):
            records.forget_table(work.transport, work.plan.database, step.table)
        work.progress(step)
    return ()
