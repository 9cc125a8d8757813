"""What a plan cannot get over, looked for in the rows before the first of its steps is carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

from . import rows
from .conversion import convert
from .definitions import Column, Index
from .errors import DuplicateRows
from .names import copies_prefix
from .records import ROW_ID
from .steps import ChangeColumn, CreateColumn, CreateIndex, Plan, ReadOtherwise, RenameColumn, ReplaceColumn


def refuse(transport: Transport, plan: Plan, fold: rows.Fold) -> None:
    """
    Make sure that the rows allow a plan; nothing is written.

    Raises:
        UnconvertibleRows: values do not fit the new type of a column, or are longer than a column is to be.
        DuplicateRows: a unique index could not be made.
    """
    now: dict[str, dict[str, str]] = defaultdict(dict)
    replaced: dict[tuple[str, str], ReplaceColumn] = {}
    new = {(step.table, step.column.key) for step in plan.steps if isinstance(step, CreateColumn)}
    for step in plan.steps:
        if isinstance(step, RenameColumn):
            now[step.table][step.column.key] = step.old
    for step in plan.steps:
        ref = TableRef(plan.database, step.table)
        if isinstance(step, ReplaceColumn):
            replaced[step.table, step.after.key] = step
            rows.refuse_unconvertible(transport, ref, step.before, step.after, now[step.table].get(step.before.key))
        elif isinstance(step, ReadOtherwise) and step.key == ROW_ID:
            rows.refuse_other_ids(transport, ref, step.before, step.after)
        elif isinstance(step, ChangeColumn) and _shortens(step.before, step.after):
            rows.refuse_unconvertible(transport, ref, step.before, step.after, now[step.table].get(step.before.key))
    for step in plan.steps:
        if isinstance(step, CreateIndex) and step.index.type == "unique":
            if any((step.table, key) in new for key in step.index.columns):
                continue  # they have no values yet
            converters = {
                key: _converter(replaced[step.table, key])
                for key in step.index.columns
                if (step.table, key) in replaced
            }
            refuse_duplicates(
                transport, TableRef(plan.database, step.table), step.index, fold, now[step.table], converters
            )


def refuse_duplicates(
    transport: Transport,
    table: TableRef,
    index: Index,
    fold: rows.Fold,
    now: dict[str, str] | None = None,
    converters: dict[str, Callable[[Any], Any]] | None = None,
) -> None:
    """
    Make sure that no two rows have what a unique index is to forbid.

    Args:
        now: the keys that the index's columns have as yet, where they are others.
        converters: what becomes of the values first.

    Raises:
        DuplicateRows: some have; at most five pairs are named.
    """
    copies = copies_prefix(table.table, index.key)
    found = rows.duplicates(transport, table, list(index.columns), fold, now or {}, converters or {}, copies)
    if found:
        raise DuplicateRows(
            f"{table.table}: the unique index {index.key} ({', '.join(index.columns)}) cannot be made over duplicates: {'; '.join(found)}.\n"
            "Appwrite would call it available and enforce nothing. Correct the rows and run appwrite_migrate again."
        )


def _shortens(before: Column, after: Column) -> bool:
    # The server refuses to cut texts (recording columns-update-narrow), and only once it is asked.
    return before.size is not None and after.size is not None and after.size < before.size


def _converter(step: ReplaceColumn) -> Callable[[Any], Any]:
    return lambda value: convert(value, step.before, step.after)
