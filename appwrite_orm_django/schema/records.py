"""
Record the encoding of each column in a table of the library in the same database.

The table has a row for each column. It also has a row for each finding of ``manage.py
appwrite_doctor`` about the server that the library uses.

A row is written before its column is created or renamed, and deleted after the column has been
dropped, so a column is never without its record. A leftover record is harmless, because the
creation of the column overwrites it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.backends.utils import names_digest

from appwrite_orm_django.client import rows
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import (
    AlreadyExists,
    DatabaseNotFound,
    RowNotFound,
    TableNotFound,
)
from appwrite_orm_django.client.queries import Query, cursor_after, equal, limit, select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

from .definitions import Column, Database, Encoding, Table
from .encodings import as_recorded, from_record
from .names import replaced_key
from .own_tables import ENCODINGS
from .wire import inline_column

#: The key that records the encoding of the row ids.
ROW_ID = "$id"
#: The table id that records findings about the server; no table can have it.
SERVER = "$server"
_PROBE = "probe"

_PAGE_SIZE = 500
_IDS_PER_QUERY = 90
_COLUMNS = [column.key for column in ENCODINGS.columns]


@dataclass(frozen=True, slots=True)
class Record:
    """The encoding of a column; ``key`` is ``$id`` for the row ids of a table."""

    table: str
    key: str
    encoding: Encoding


Records = Mapping[tuple[str, str], Encoding]


def read_records(transport: Transport, live: Database) -> Records:
    """
    Return the records of a database by table id and key, both in lower case.

    This makes one request for every 500 columns.
    """
    found: dict[tuple[str, str], Encoding] = {}
    after: list[Query] = []
    # Without the table of records there is nothing to read.
    while live.table(ENCODINGS.id) is not None:
        page = _page(transport, live.id, after)
        found |= _by_key(page)
        if len(page) < _PAGE_SIZE:
            break
        after = [cursor_after(page[-1]["$id"])]
    return found


def read_records_of(transport: Transport, database: str, table: str) -> Records:
    """
    Return the records of one table by table id and key, both in lower case.

    This makes one request for every 500 columns, of which a table has at most 1,010.
    """
    found: dict[tuple[str, str], Encoding] = {}
    after: list[Query] = []
    while True:
        try:
            page = _page(transport, database, [equal("table_id", table), *after])
        except (TableNotFound, DatabaseNotFound):
            return {}
        found |= _by_key(page)
        if len(page) < _PAGE_SIZE:
            return found
        after = [cursor_after(page[-1]["$id"])]


def _page(transport: Transport, database: str, queries: list[Query]) -> list[dict[str, Any]]:
    queries = [select(_COLUMNS), limit(_PAGE_SIZE), *queries]
    return list(rows.list_rows(transport, TableRef(database, ENCODINGS.id), queries)["rows"])


def _by_key(page: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Encoding]:
    return {
        (row["table_id"].lower(), row["key"].lower()): _encoding(row)
        for row in page
        if row["table_id"] != SERVER
    }


def read_recorded(transport: Transport, live: Database) -> Database:
    """Return a live database with its recorded encodings; one request for every 500 columns."""
    return recorded(live, read_records(transport, live))


def recorded(live: Database, records: Records) -> Database:
    """Return a live database with the encodings of these records."""
    return (
        replace(live, tables=tuple(with_encodings(table, records) for table in live))
        if records
        else live
    )


def with_encodings(table: Table, records: Records) -> Table:
    """Return a live table with the encodings of these records."""
    of_table = {
        key: encoding for (id_, key), encoding in records.items() if id_ == table.id.lower()
    }
    # A column that was set aside has a record under its original key.
    known = {replaced_key(key).lower(): encoding for key, encoding in of_table.items()} | of_table
    columns = [replace(column, encoding=known.get(column.key.lower())) for column in table.columns]
    return replace(table, columns=tuple(columns), id_encoding=known.get(ROW_ID))


def records_of(
    table: str, columns: Iterable[Column], id_encoding: Encoding | None = None
) -> list[Record]:
    """Return the records for columns and for the row ids."""
    found = [] if id_encoding is None else [Record(table, ROW_ID, id_encoding)]
    return found + [
        Record(table, column.key, column.encoding)
        for column in columns
        if column.encoding is not None
    ]


def read_record(transport: Transport, database: str, table: str, key: str) -> Encoding | None:
    """Return the recorded encoding of a column, or None."""
    try:
        row = rows.get_row(transport, TableRef(database, ENCODINGS.id), _row_id(table, key))
    except (RowNotFound, TableNotFound):
        return None
    return _encoding(row)


def write_records(transport: Transport, database: str, records: Sequence[Record]) -> None:
    """
    Write records, replacing those of the same columns; one request for every 100.

    This creates the table of records if it does not exist. A further row is for ``engine_probe``.
    """
    if not records:
        return
    data = [_data(record.table, record.key, as_recorded(record.encoding)) for record in records]
    _upsert(transport, database, [*data, _data(SERVER, _PROBE, "its case shows the engine")])


def read_findings(transport: Transport, database: str) -> dict[str, str]:
    """
    Return the findings about the server by name; one request.

    ``engine`` is the value that ``OPTIONS["ENGINE"]`` should have.
    """
    try:
        page = _page(transport, database, [equal("table_id", SERVER)])
    except (TableNotFound, DatabaseNotFound):
        return {}
    return {row["key"]: row["encoding"] for row in page if row["key"] != _PROBE}


def write_findings(transport: Transport, database: str, findings: Mapping[str, str]) -> None:
    """
    Write findings about the server, replacing those with the same names.

    Raises:
        DatabaseNotFound: the database does not exist.
    """
    _upsert(transport, database, [_data(SERVER, name, value) for name, value in findings.items()])


def _data(table: str, key: str, value: str) -> dict[str, Any]:
    return {"$id": _row_id(table, key), "table_id": table, "key": key, "encoding": value}


def _upsert(transport: Transport, database: str, data: Sequence[Mapping[str, Any]]) -> None:
    ref = TableRef(database, ENCODINGS.id)
    for start in range(0, len(data), rows.MAX_BULK_ROWS):
        batch = data[start : start + rows.MAX_BULK_ROWS]
        try:
            rows.upsert_rows(transport, ref, batch)
        except TableNotFound:
            create_records_table(transport, database)
            rows.upsert_rows(transport, ref, batch)


def create_records_table(transport: Transport, database: str) -> None:
    """Create the table of records if it does not exist; one request, so it is never incomplete."""
    with contextlib.suppress(AlreadyExists):
        columns = [inline_column(column) for column in ENCODINGS.columns]
        table_routes.create_table(
            transport, TableRef(database, ENCODINGS.id), ENCODINGS.name, columns=columns
        )


def forget_columns(transport: Transport, database: str, columns: Iterable[tuple[str, str]]) -> None:
    """Delete the records of columns, given by table id and key."""
    ids = [_row_id(table, key) for table, key in columns]
    for start in range(0, len(ids), _IDS_PER_QUERY):
        _delete(transport, database, equal("$id", *ids[start : start + _IDS_PER_QUERY]))


def forget_table(transport: Transport, database: str, table: str) -> None:
    """Delete the records of a table."""
    _delete(transport, database, equal("table_id", table))


def _delete(transport: Transport, database: str, which: Query) -> None:
    with contextlib.suppress(TableNotFound, DatabaseNotFound):
        rows.delete_rows(transport, TableRef(database, ENCODINGS.id), [which])


def _row_id(table: str, key: str) -> str:
    # No id or key contains a slash.
    return names_digest(f"{table.lower()}/{key.lower()}", length=32)


def _encoding(row: Mapping[str, Any]) -> Encoding:
    return from_record(row["encoding"])
