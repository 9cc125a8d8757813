"""Check that the rows of the tables allow a plan before its first step is carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import Engine

from . import rows
from .comparison import narrows
from .conversion import CannotConvert, convert
from .definitions import Column, Hidden, Index, RowIds, value_of
from .errors import DuplicateRows, UnconvertibleRows, missing_values
from .moved_keys import refuse_moved_key
from .names import copies_prefix, is_hidden
from .records import ROW_ID
from .steps import (
    ChangeColumn,
    CreateColumn,
    CreateIndex,
    FillColumn,
    FillUnique,
    MoveKey,
    Plan,
    ReadOtherwise,
    RenameColumn,
    ReplaceColumn,
)
from .unique import HiddenValues, equal_rows, values_with


def refuse(
    transport: Transport,
    plan: Plan,
    engine: Engine,
    hidden: HiddenValues | None = None,
    *,
    outside: bool = False,
) -> None:
    """
    Check that the rows allow a plan, without writing anything.

    Args:
        hidden: computes the values of hidden columns; needed if the plan has any.
        outside: whether to reject values outside a range or choices that become narrower; they stay
            unchanged otherwise.

    Raises:
        UnconvertibleRows: values, or the default, do not fit the new type or length of a column.
        DuplicateRows: duplicates prevent a unique index.
        MissingValues: rows have no value for a column that becomes required.
    """
    now: dict[str, dict[str, str]] = defaultdict(dict)
    replaced: dict[tuple[str, str], ReplaceColumn] = {}
    for step in plan.steps:
        if isinstance(step, RenameColumn):
            now[step.table][step.column.key] = step.old
    for step in plan.steps:
        ref = TableRef(plan.database, step.table)
        if isinstance(step, ReplaceColumn):
            replaced[step.table, step.after.key] = step
            rows.refuse_unconvertible(
                transport,
                ref,
                step.before,
                step.after,
                now[step.table].get(step.before.key),
                written_on=engine,
            )
        elif isinstance(step, ReadOtherwise) and step.key == ROW_ID:
            rows.refuse_other_ids(transport, ref, step.before, step.after)
        elif isinstance(step, ChangeColumn) and (
            _shortens(step.before, step.after) or (outside and narrows(step.before, step.after))
        ):
            rows.refuse_unconvertible(
                transport, ref, step.before, step.after, now[step.table].get(step.before.key)
            )
    _refuse_missing(transport, plan, now, engine)
    for step in plan.steps:
        if isinstance(step, MoveKey):
            refuse_moved_key(transport, TableRef(plan.database, step.table), step)
    new = {
        (step.table, step.column.key): step.column
        for step in plan.steps
        if isinstance(step, CreateColumn)
    }
    changed = [
        step for step in plan.steps if isinstance(step, ChangeColumn) and _becomes_required(step)
    ]
    filled = {(step.table, step.after.key): step.after for step in changed}
    for step in plan.steps:
        if not isinstance(step, CreateIndex) or step.index.type != "unique":
            continue
        if any(map(is_hidden, step.index.columns)):
            continue  # below
        keys = [(step.table, key) for key in step.index.columns]
        ref = TableRef(plan.database, step.table)
        constants: dict[str, Any] = {}
        if any(key in new for key in keys):
            if not rows.has_rows(transport, ref):
                continue
            constants = {key[1]: _given(new[key]) for key in keys if key in new}
            if None in constants.values() or _names_rows(constants):
                continue  # rows without a value are not duplicates, and ids are unique
        converters = {key[1]: _converter(replaced[key]) for key in keys if key in replaced}
        converters |= {key[1]: _filler(filled[key]) for key in keys if key in filled}
        refuse_duplicates(
            transport,
            ref,
            step.index,
            engine.equality_key,
            now[step.table],
            converters,
            constants,
        )
    for step in plan.steps:
        if isinstance(step, FillUnique) and step.column.hidden is not None:
            reads = [(step.table, key) for key in step.column.hidden.reads]
            converters = {key[1]: _converter(replaced[key]) for key in reads if key in replaced}
            converters |= {key[1]: _filler(filled[key]) for key in reads if key in filled}
            constants = {key[1]: _given(new[key]) for key in reads if key in new}
            if _names_rows(constants):
                continue  # checked when the values are written
            _refuse_equal(
                transport,
                TableRef(plan.database, step.table),
                step.column.hidden,
                values_with(hidden),
                now[step.table],
                converters,
                constants,
            )


def _refuse_equal(
    transport: Transport,
    table: TableRef,
    hidden: Hidden,
    values: HiddenValues,
    now: Mapping[str, str],
    converters: Mapping[str, Callable[[Any], Any]],
    constants: Mapping[str, Any],
) -> None:
    """
    Check that no two rows would have the same value in a hidden column.

    Args:
        now, converters, constants: as in ``refuse_duplicates``.

    Raises:
        DuplicateRows: rows would; the error names at most five pairs.
    """
    seen: dict[str, str] = {}
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    keys = {key: now.get(key, key) for key in hidden.reads if key not in constants}
    for page in rows.pages(transport, table, list(keys.values()) or ["$id"]):
        images = [
            {
                "$id": row["$id"],
                **constants,
                **{
                    key: converters[key](row[known]) if key in converters else row[known]
                    for key, known in keys.items()
                },
            }
            for row in page
        ]
        for image, value in zip(images, values.of(hidden, images), strict=True):
            if (
                value is not None
                and (other := seen.setdefault(value, image["$id"])) != image["$id"]
            ):
                found.append((other, image["$id"], image))
        if len(found) >= rows.MAX_SHOWN:
            break
    if found:
        raise equal_rows(table.table, hidden, found[: rows.MAX_SHOWN])


def _names_rows(constants: Mapping[str, Any]) -> bool:
    return any(isinstance(value, RowIds) for value in constants.values())


def _becomes_required(step: ChangeColumn) -> bool:
    return step.after.required and not step.before.required


def _given(column: Column) -> Any:
    return value_of(column.fill if column.default is None else column.default)


def _fitting(table: str, column: Column) -> Any:
    """
    Return the value for rows without a value.

    Raises:
        UnconvertibleRows: the column cannot hold the value.
    """
    try:
        return convert(_given(column), column, column)
    except CannotConvert as error:
        raise UnconvertibleRows(
            f"{table}.{column.key}: the column {column} cannot hold the default for its rows, "
            f"{_given(column)!r}: {error}.\n"
            "Give the field another default, or null=True."
        ) from error


def _filler(column: Column) -> Callable[[Any], Any]:
    return lambda value: _given(column) if value is None else value


def _refuse_missing(
    transport: Transport, plan: Plan, now: Mapping[str, Mapping[str, str]], engine: Engine
) -> None:
    missing: dict[str, dict[str, int]] = defaultdict(dict)
    # Rows that an earlier run did not fill are filled before the column becomes required.
    to_fill = {(step.table, step.column.key) for step in plan.steps if isinstance(step, FillColumn)}
    for step in plan.steps:
        ref = TableRef(plan.database, step.table)
        if isinstance(step, CreateColumn) and (
            step.column.required or step.column.fill is not None
        ):
            column, count = step.column, rows.count_rows(transport, ref)
        elif isinstance(step, ReplaceColumn) and step.after.required:
            key = now[step.table].get(step.before.key, step.before.key)
            column, count = (
                step.after,
                rows.count_without_value_converted(transport, ref, key, step.before, step.after),
            )
        elif (
            isinstance(step, ChangeColumn)
            and _becomes_required(step)
            and (step.table, step.before.key) not in to_fill
        ):
            key = now[step.table].get(step.before.key, step.before.key)
            column, count = step.after, rows.count_without_value(transport, ref, key)
        else:
            continue
        if count and isinstance(column.fill, RowIds):
            rows.refuse_unconvertible(transport, ref, column.fill.column, column)
            continue
        value = _fitting(step.table, column) if count else None
        rows.refuse_operator_default(ref, column.key, value, engine)
        if count and value is None and column.required:
            missing[step.table][column.key] = count
    for table, columns in missing.items():
        raise missing_values(table, columns)


def refuse_duplicates(
    transport: Transport,
    table: TableRef,
    index: Index,
    fold: rows.Fold,
    now: dict[str, str] | None = None,
    converters: dict[str, Callable[[Any], Any]] | None = None,
    constants: dict[str, Any] | None = None,
) -> None:
    """
    Check that no two rows violate a unique index that does not exist yet.

    Args:
        now: the current keys of columns that are about to be renamed.
        converters: maps a column to the conversion that its values go through first.
        constants: the values of columns that do not exist yet.

    Raises:
        DuplicateRows: rows violate the index; the error names at most five pairs.
    """
    copies = copies_prefix(table.table, index.key)
    found = rows.duplicates(
        transport, table, list(index.columns), fold, now, converters, constants, copies
    )
    if found:
        raise DuplicateRows(
            f"{table.table}: the unique index {index.key} ({', '.join(index.columns)}) cannot be "
            f"created over duplicates: {'; '.join(found)}.\n"
            "Appwrite would call it available and enforce nothing. Correct the rows and run "
            "the migration again."
        )


def _shortens(before: Column, after: Column) -> bool:
    # The server does not truncate texts (recording columns-update-narrow) and fails only at this
    # step.
    return before.size is not None and after.size is not None and after.size < before.size


def _converter(step: ReplaceColumn) -> Callable[[Any], Any]:
    return lambda value: convert(value, step.before, step.after)
