"""
Plan and check changes of the primary key of a table.

A row is found by the id that belongs to its key, and Appwrite cannot change ids. So a key can only
become one that gives each row the id that it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

from . import rows
from .conversion import CannotConvert, convert, meaning
from .definitions import Column, Index, RowIds, Table
from .errors import UnconvertibleRows
from .names import KEY_INDEX, is_derived
from .records import ROW_ID
from .steps import DropColumn, DropIndex, MoveKey, Step


def moved_key(wanted: Table, live: Table) -> Iterator[Step]:
    """
    Yield the steps for a primary key whose values are elsewhere, or of another type.

    A description without the encoding of the ids is that of a part of the table.
    """
    if wanted.id_encoding is None:
        return
    old_ids, ids = (
        RowIds(encoding).column
        for encoding in (live.id_encoding or wanted.id_encoding, wanted.id_encoding)
    )
    was, becomes = live.index(KEY_INDEX), wanted.index(KEY_INDEX)
    before = (old_ids,) if was is None else _columns_of(was, live)
    after = (ids,) if becomes is None else _columns_of(becomes, wanted)
    if was is None and any(live.column(column.key) is None for column in after):
        return  # the new column is filled from the ids
    if [column.key for column in before] != [column.key for column in after] or (
        was is not None and not all(map(_derives_alike, before, after))
    ):
        there = after if becomes is None else _columns_of(becomes, live)
        yield MoveKey(live.id, before, there, ids)
    if becomes is None:
        for column in before if was is not None else ():
            if wanted.column(column.key) is None:
                yield DropColumn(live.id, column, replaced_by=ROW_ID)


def _columns_of(index: Index, table: Table) -> tuple[Column, ...]:
    return tuple(filter(None, map(table.column, index.columns)))


def without_key_index(
    moved: Iterable[Step], needed: list[Step], extra: list[Step], *, anew: bool
) -> tuple[list[Step], list[Step]]:
    """
    Return the steps for indexes, so that the index of a key that is now the row's id goes.

    It goes together with its column if the server drops both at once: a run that is stopped between
    the two leaves no trace of what the column was.
    """
    drops = [
        step
        for step in (*needed, *extra)
        if isinstance(step, DropIndex) and step.index.key == KEY_INDEX
    ]
    dropped = {step.column.key for step in moved if isinstance(step, DropColumn)}
    goes_with_column = not anew and all(
        len(step.index.columns) == 1 and dropped.issuperset(step.index.columns) for step in drops
    )
    needed = [step for step in needed if step not in drops]
    return (
        needed if goes_with_column else [*drops, *needed],
        [step for step in extra if step not in drops],
    )


def _derives_alike(before: Column, after: Column) -> bool:
    """Return whether the same row ids are derived from equal values of two columns."""
    first, second = before.encoding, after.encoding
    return (
        first is None
        or second is None
        or (first.kind, first.row_id) == (second.kind, second.row_id)
        or {first.kind, second.kind} == {"decimal", "long decimal"}
    )


def refuse_moved_key(transport: Transport, table: TableRef, step: MoveKey) -> None:
    """
    Check that the new key finds all rows by their ids.

    Raises:
        UnconvertibleRows: it does not.
    """
    if len(step.before) == len(step.after) == 1:
        (before,), (after,) = step.before, step.after
        if before.key == ROW_ID:
            refuse_keys_unlike_ids(transport, table, after, before, filled=True)
        else:
            key = before if after.key == ROW_ID else after
            refuse_keys_unlike_ids(transport, table, key, step.ids)
    elif rows.has_rows(transport, table):
        raise UnconvertibleRows(
            f"{table.table}: the ids of rows are derived from the primary key, and Appwrite cannot "
            f"change them, so the {step} only while the table is empty.\n"
            "Nothing was changed. Keep the key, or create another model and copy the rows."
        )


def refuse_keys_unlike_ids(
    transport: Transport, table: TableRef, key: Column, ids: Column, *, filled: bool = False
) -> None:
    """
    Check that the column of a primary key has the id of each row.

    Args:
        key: the column.
        ids: the ``$id``, with the encoding of the ids.
        filled: whether the column is filled from the ids, so that a row may have no value yet, or
            be new and have a derived id.

    Raises:
        UnconvertibleRows: a row has another key.
    """
    for page in rows.pages(transport, table, ["$id", key.key]):
        for row in page:
            row_id, value = row["$id"], row[key.key]
            if filled and (value is None or is_derived(row_id)):
                continue
            with contextlib.suppress(CannotConvert):
                if filled and convert(row_id, ids, key) == value:
                    continue
                if not filled and convert(value, key, ids) == row_id:
                    continue
            written = "" if ids.encoding is None else f", written as {ids.encoding}"
            raise UnconvertibleRows(
                f"{table.table}.{key.key}: the primary key cannot be the row's $id{written}, "
                f"because the row {row_id} has the key {meaning(value, key)!r}.\n"
                "Nothing was changed. Keep the key, or create another model and copy the rows."
            )
