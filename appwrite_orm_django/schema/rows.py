"""Inspect and rewrite the rows of a table when its schema changes."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import rows, transactions
from appwrite_orm_django.client.errors import (
    AppwriteError,
    InvalidRequest,
    InvalidStructure,
    RowNotFound,
    ServerError,
    UniqueViolation,
    shown,
)
from appwrite_orm_django.client.operators import looks_like_operator, operator, text_in_two_writes
from appwrite_orm_django.client.queries import (
    Query,
    cursor_after,
    equal,
    greater_than,
    is_not_null,
    is_null,
    less_than,
    less_than_equal,
    limit,
    not_equal,
    or_,
    select,
    starts_with,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import MARIADB, Engine

from .conversion import CannotConvert, convert, convert_one, has_equals, meaning
from .definitions import Column, Encoding, RowIds
from .encodings import of_column
from .errors import DuplicateRows, UnconvertibleRows
from .from_server import read_index

Fold = Callable[[str], object]

PAGE_SIZE = 500
#: Rows per bulk update. The server processes 1,000 at a time, each batch in one transaction.
_BATCH = 1000
MAX_SHOWN = 5
#: Filters per request, of the 100 queries that the server accepts.
_MAX_FILTERS = 90
#: Groups of fewer rows with the same value do not get a request of their own.
_FEW = 10
#: 90 ids of 36 characters stay below the 4,096 characters of one query.
_IDS_PER_QUERY = 90


def has_rows(transport: Transport, table: TableRef, *queries: Query) -> bool:
    """Return whether the table has any row that matches the queries."""
    return bool(rows.list_rows(transport, table, [*queries, limit(1), select(["$id"])])["rows"])


def count_rows(transport: Transport, table: TableRef) -> int:
    """Count the rows of a table, up to 5,000."""
    return _count(transport, table)


def _count(transport: Transport, table: TableRef, *filters: Query) -> int:
    page = rows.list_rows(transport, table, [*filters, limit(1), select(["$id"])], total=True)
    if page["total"] or not page["rows"]:
        return int(page["total"])
    # A total of 0 beside a row: the database could not count (see ``Engine``).
    return sum(map(len, pages(transport, table, ["$id"], *filters)))


def count_without_value(transport: Transport, table: TableRef, column: str) -> int:
    """Count rows that have null in a column; the server stops at 5,000."""
    return _count(transport, table, is_null(column))


def count_without_value_converted(
    transport: Transport, table: TableRef, key: str, before: Column, after: Column
) -> int:
    """Count rows whose value, such as an empty list, becomes null in a column of another type."""
    if not before.array or after.array:
        return count_without_value(transport, table, key)
    return sum(
        1 for row in every_row(transport, table, [key]) if convert(row[key], before, after) is None
    )


def count_outside(transport: Transport, table: TableRef, column: Column) -> int:
    """
    Count rows whose value a column's bounds or elements no longer allow, up to 5,000.

    The count is 0 for lists, because no filter compares their elements with bounds.
    """
    if column.array or len(column.elements) > _MAX_FILTERS:
        return 0
    outside = [less_than(column.key, column.min)] if column.min is not None else []
    outside += [greater_than(column.key, column.max)] if column.max is not None else []
    filters = [or_(*outside)] if len(outside) > 1 else outside
    if column.elements:
        # On some engines, a negation matches rows without a value.
        filters.append(is_not_null(column.key))
        filters += [not_equal(column.key, element) for element in column.elements]
    if not filters:
        return 0
    return _count(transport, table, *filters)


def fill(
    transport: Transport,
    table: TableRef,
    column: str,
    value: Any,
    until: str | None = None,
    engine: Engine = MARIADB,
) -> None:
    """
    Set a column to a value in all rows where it is null, 1,000 at a time.

    A call that was interrupted can be repeated and continues with the remaining rows.

    Args:
        until: a time in the server's format; rows that were created later are left alone.

    Raises:
        DuplicateRows: a unique index over the column forbids it; no row was changed.
        UnconvertibleRows: the server would destroy the value; no row was changed.
    """
    refuse_operator_default(table, column, value, engine)
    which = [is_null(column)] + (
        [less_than_equal("$createdAt", until)] if until is not None else []
    )
    try:
        _fill(transport, table, column, value, which)
    except (ServerError, UniqueViolation) as error:
        # The error of a bulk update does not name the unique index (recording bulk-update).
        unique = [read_index(body) for body in index_routes.list_indexes(transport, table)]
        broken = next(
            (index for index in unique if index.type == "unique" and column in index.columns), None
        )
        if broken is None or error.code not in {409, 500}:
            raise
        raise DuplicateRows(
            f"{table.table}: rows without {column} cannot all get {value!r}: the unique index "
            f"{broken.key} forbids it.\n"
            "Give each row its own value in a data migration and run the migration again."
        ) from error


def refuse_operator_default(table: TableRef, column: str, value: Any, engine: Engine) -> None:
    """
    Check that the server would not destroy a value that is written to rows.

    Raises:
        UnconvertibleRows: it would.
    """
    if looks_like_operator(value) and not engine.keeps_operator_text:
        raise UnconvertibleRows(
            f"{table.table}.{column}: rows cannot get the default {value!r}: Appwrite takes it for "
            f"an operator, and on {engine.label} destroys the value.\n"
            "Give the field another default, or null=True."
        )


def _fill(
    transport: Transport, table: TableRef, column: str, value: Any, which: list[Query]
) -> None:
    if looks_like_operator(value):
        # Appended to null, the text stays plain text (recording operators-other). The single write
        # leaves no half-written value after an interruption.
        for row_id in _ids(transport, table, which):
            answer = rows.update_row(
                transport, table, row_id, {column: operator("stringConcat", value)}
            )
            if answer[column] != value:
                _write_text(transport, table, column, value, row_id)
        return
    try:
        while (
            rows.update_rows(transport, table, {column: value}, [*which, limit(_BATCH)]) == _BATCH
        ):
            continue
    except InvalidRequest as error:
        if not _refuses_bulk(error):
            raise
        for row_id in _ids(transport, table, which):
            rows.update_row(transport, table, row_id, {column: value})


def _ids(transport: Transport, table: TableRef, which: list[Query]) -> list[str]:
    return [row["$id"] for page in pages(transport, table, ["$id"], *which) for row in page]


def _refuses_bulk(error: InvalidRequest) -> bool:
    # Tables with relationship columns reject bulk calls (recording rel-manyToOne).
    return error.type == "general_bad_request"


def _update_rows(
    transport: Transport, table: TableRef, data: dict[str, Any], ids: list[str]
) -> None:
    try:
        rows.update_rows(transport, table, data, [equal("$id", *ids)])
    except InvalidRequest as error:
        if not _refuses_bulk(error):
            raise
        for row_id in ids:
            rows.update_row(transport, table, row_id, data)


def every_row(
    transport: Transport, table: TableRef, columns: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield these columns of all rows, in the order of creation."""
    for page in pages(transport, table, columns):
        yield from page


def pages(
    transport: Transport, table: TableRef, columns: list[str], *filters: Query
) -> Iterator[list[dict[str, Any]]]:
    after: list[Query] = []
    while True:
        page = rows.list_rows(
            transport, table, [*filters, select(columns), limit(PAGE_SIZE), *after]
        )["rows"]
        yield page
        if len(page) < PAGE_SIZE:
            return
        after = [cursor_after(page[-1]["$id"])]


def duplicates(
    transport: Transport,
    table: TableRef,
    columns: list[str],
    fold: Fold,
    now: Mapping[str, str] | None = None,
    converters: Mapping[str, Callable[[Any], Any]] | None = None,
    constants: Mapping[str, Any] | None = None,
    copies: str = "",
) -> list[str]:
    """
    Return descriptions of at most five values that the server considers equal in several rows.

    Rows with a null in any of the columns are not duplicates. This reads all rows, 500 at a time,
    and keeps one folded key per row.

    Args:
        fold: maps texts that are equal in the server's collation to the same key.
        now: the current keys of columns that are about to be renamed.
        converters: maps a column to the conversion that its values go through first.
        constants: the values of columns that do not exist yet.
        copies: the prefix of the ids of the rows with which another run tries out the index; these
            rows are ignored.
    """
    now, converters, constants = now or {}, converters or {}, constants or {}
    keys = [now.get(column, column) for column in columns if column not in constants]
    seen: dict[tuple[Any, ...], str] = {}
    found: list[str] = []
    for row in every_row(transport, table, keys or ["$id"]):
        values = [
            constants[column]
            if column in constants
            else converters.get(column, _same)(row[now.get(column, column)])
            for column in columns
        ]
        if None in values or (copies and row["$id"].startswith(copies)):
            continue
        folded = tuple(fold(value) if isinstance(value, str) else value for value in values)
        if (other := seen.setdefault(folded, row["$id"])) != row["$id"]:
            found.append(f"{', '.join(map(str, values))} ({other} and {row['$id']})")
            if len(found) == MAX_SHOWN:
                break
    return found


def _same(value: Any) -> Any:
    return value


def copy(
    transport: Transport, table: TableRef, before: Column, after: Column, engine: Engine = MARIADB
) -> None:
    """
    Copy the values of the old column to the new one.

    This reads all rows twice, 500 at a time: first to check that every value fits, then to write.
    Rows of a page with the same value share a request, other rows share a transaction of 100. Rows
    that already have the value are left alone.

    Raises:
        UnconvertibleRows: values do not fit, or the server rejects one. The error names at most
            five; the old column is unchanged.
    """
    refuse_unconvertible(transport, table, before, after, written_on=engine)
    for page in pages(transport, table, [before.key, after.key]):
        groups: dict[str, tuple[Any, list[str]]] = {}
        for row in page:
            value, there = convert(row[before.key], before, after), row[after.key]
            # A stopped run may have copied a value that has become null since. The server returns
            # [] for null in an array column.
            if there != value and not (value is None and there == []):
                groups.setdefault(repr(value), (value, []))[1].append(row["$id"])
        try:
            _write(transport, table, after.key, list(groups.values()))
        except InvalidStructure as error:
            # The server is stricter than Django's validators. The old column is unchanged.
            raise UnconvertibleRows(
                f"{table.table}.{before.key} cannot become {after}: the server rejected a value: "
                f"{error}\n"
                "No value was lost. Correct the rows and run the migration again."
            ) from error


def copy_ids(transport: Transport, table: TableRef, ids: RowIds, column: Column) -> None:
    """Write the value of each row's id into a column, unless the row has a value there."""
    for page in pages(transport, table, ["$id"], is_null(column.key)):
        values = [(convert(row["$id"], ids.column, column), [row["$id"]]) for row in page]
        _write(transport, table, column.key, values)


def _write(
    transport: Transport, table: TableRef, column: str, groups: list[tuple[Any, list[str]]]
) -> None:
    single: list[tuple[str, Any]] = []
    for value, ids in groups:
        if looks_like_operator(value):
            for row_id in ids:
                _write_text(transport, table, column, value, row_id)
        elif len(ids) < _FEW:
            single += [(row_id, value) for row_id in ids]
        else:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                _update_rows(transport, table, {column: value}, ids[start : start + _IDS_PER_QUERY])
    for start in range(0, len(single), transactions.MAX_OPERATIONS):
        _write_each(transport, table, column, single[start : start + transactions.MAX_OPERATIONS])


def _write_each(
    transport: Transport, table: TableRef, column: str, values: list[tuple[str, Any]]
) -> None:
    """Write a value to each row in one transaction, or row by row if another write conflicts."""
    base = {"databaseId": table.database, "tableId": table.table, "action": "update"}
    try:
        transaction = transactions.create_transaction(transport)["$id"]
        operations = [
            {**base, "rowId": row_id, "data": {column: value}} for row_id, value in values
        ]
        transactions.create_operations(transport, transaction, operations)
        transactions.commit(transport, transaction)
    except AppwriteError as error:
        if error.ambiguous or not 400 <= (error.code or 0) < 500:
            raise
        for row_id, value in values:
            with contextlib.suppress(RowNotFound):  # deleted meanwhile
                rows.update_row(transport, table, row_id, {column: value})


def _write_text(transport: Transport, table: TableRef, column: str, text: str, row_id: str) -> None:
    """Write a text that the server would interpret as an operator (see ``client.operators``)."""
    answer = {}
    for data in text_in_two_writes({column: text}):
        answer = rows.update_row(transport, table, row_id, data)
    if answer[column] != text:
        # A server without operators has stored the operator as text; it stores this text unchanged.
        rows.update_row(transport, table, row_id, {column: text})


def enforces(
    transport: Transport, table: TableRef, columns: list[str], optional: list[str], prefix: str
) -> bool:
    """
    Return whether the server enforces a unique index, by trying to store a copy of a row.

    A copy that the server accepts is deleted at once. The result is also True if no row has a value
    in every column of the index, or if another unique index rejects the copy first.

    Args:
        optional: columns to leave out of the copy.
        prefix: the start of the copy's id, at most 16 characters. ``delete_copies`` uses it to find
            the copies of a killed run.
    """
    for row in every_row(transport, table, ["*"]):
        if any(row[column] is None for column in columns):
            continue
        data = {
            key: value
            for key, value in row.items()
            if not key.startswith("$") and key not in optional
        }
        copy_id = f"{prefix}{uuid.uuid4().hex[:20]}"
        try:
            rows.create_row(transport, table, copy_id, data)
        except UniqueViolation:
            return True
        _delete(transport, table, copy_id)
        return False
    return True


def delete_copies(transport: Transport, table: TableRef, prefix: str) -> None:
    """Delete the copies that ``enforces`` stored in a run that was killed."""
    for page in pages(transport, table, ["$id"], starts_with("$id", prefix)):
        for row in page:
            _delete(transport, table, row["$id"])


def _delete(transport: Transport, table: TableRef, row_id: str) -> None:
    with contextlib.suppress(RowNotFound):  # another run has deleted it
        rows.delete_row(transport, table, row_id)


def refuse_unconvertible(
    transport: Transport,
    table: TableRef,
    before: Column,
    after: Column,
    now: str | None = None,
    *,
    written_on: Engine | None = None,
) -> None:
    """
    Check that the value of every row can be converted to the new column.

    Args:
        now: the current key of the old column, if it is about to be renamed.
        written_on: the rules of the engine if the values are about to be written; None if they stay
            where they are.

    Raises:
        UnconvertibleRows: some values cannot be converted; the error names at most five.
    """
    refused: list[str] = []
    key = now or before.key
    for row in every_row(transport, table, [key]):
        try:
            value, reason = convert(row[key], before, after), ""
        except CannotConvert as error:
            value, reason = None, str(error)
        if written_on and not written_on.keeps_operator_text and looks_like_operator(value):
            reason = f"Appwrite takes it for an operator, and on {written_on.label} destroys it"
        if reason:
            refused.append(f"{row['$id']} has {_shown(row[key], before)}: {reason}")
            if len(refused) == MAX_SHOWN:
                break
    if refused:
        source, target = of_column(before), of_column(after)
        way_out = (
            "Correct the rows and run the migration again."
            if has_equals(source, target)
            else "Add a field with another name, fill it in a data migration, and drop this one."
        )
        became = str(target) if before.encoding is not None and source != target else str(after)
        raise UnconvertibleRows(
            f"{table.table}.{before.key} cannot become {became}: {'; '.join(refused)}.\nNothing "
            f"was changed. {way_out}"
        )


def _shown(value: Any, column: Column) -> str:
    found = meaning(value, column)
    return shown(value) if found == value else str(found)


def refuse_other_ids(
    transport: Transport, table: TableRef, before: Encoding, after: Encoding
) -> None:
    """
    Check that the ids of all rows mean the same in another encoding, since an id cannot be changed.

    Raises:
        UnconvertibleRows: some ids do not; the error names at most five.
    """
    column, refused = Column("$id", "varchar", 36), []
    for row in every_row(transport, table, ["$id"]):
        with contextlib.suppress(CannotConvert):
            if convert_one(row["$id"], before, column, after) == row["$id"]:
                continue
        refused.append(row["$id"])
        if len(refused) == MAX_SHOWN:
            break
    if refused:
        raise UnconvertibleRows(
            f"{table.table}: the primary key cannot become {after}: the row ids were written as "
            f"{before}, and Appwrite cannot change them: {', '.join(refused)}.\n"
            "Nothing was changed. Keep the primary key, or create another model and copy the rows."
        )
