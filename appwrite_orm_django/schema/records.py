"""
Record the encoding of each column in a table of the library in the same database.

The table has a row for each column, and another with the properties of its field, for
introspection. It also has a row for each finding of ``manage.py appwrite_doctor`` about the server
that the library uses.

A row is written before its column is created or renamed, and deleted after the column has been
dropped, so a column is never without its record. A leftover record is harmless, because the
creation of the column overwrites it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

from .definitions import Column, Database, Encoding, ModelField, Table
from .encodings import as_recorded, from_record
from .names import replaced_key
from .own_tables import ENCODINGS
from .recorded_fields import field_as_recorded, field_from_record
from .wire import inline_column

#: The key that records the encoding of the row ids.
ROW_ID = "$id"
#: The table id that records findings about the server; no table can have it.
SERVER = "$server"
#: The key of the rows that record fields; no column has it. The key of the column is in the text.
FIELD = "$field"
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

    This makes one request for every 250 columns.
    """
    # Without the table of records there is nothing to read.
    return {} if live.table(ENCODINGS.id) is None else _by_key(_read(transport, live.id))


def read_records_of(transport: Transport, database: str, table: str) -> Records:
    """
    Return the records of one table by table id and key, both in lower case.

    This makes one request for every 250 columns, of which a table has at most 1,010.
    """
    return _by_key(_read(transport, database, equal("table_id", table)))


def read_table_names(transport: Transport, database: str) -> dict[str, str]:
    """Return the recorded ``db_table`` of each table that has another id, by that id."""
    rows_ = _read(transport, database, equal("key", FIELD))
    known = ((row["table_id"], field_from_record(row["encoding"])) for row in rows_)
    return {table: field.table for table, (_key, field) in known if field and field.table}


def _read(transport: Transport, database: str, *which: Query) -> Iterator[dict[str, Any]]:
    """Yield the rows of a database without its findings; none if there is no table of records."""
    after: list[Query] = []
    while True:
        try:
            page = _page(transport, database, [*which, *after])
        except (TableNotFound, DatabaseNotFound):
            return
        yield from (row for row in page if row["table_id"] != SERVER)
        if len(page) < _PAGE_SIZE:
            return
        after = [cursor_after(page[-1]["$id"])]


def _page(transport: Transport, database: str, queries: list[Query]) -> list[dict[str, Any]]:
    queries = [select(_COLUMNS), limit(_PAGE_SIZE), *queries]
    return list(rows.list_rows(transport, TableRef(database, ENCODINGS.id), queries)["rows"])


def _by_key(found: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Encoding]:
    encodings: dict[tuple[str, str], Encoding] = {}
    fields: dict[tuple[str, str], ModelField | None] = {}
    for row in found:
        table = row["table_id"].lower()
        if row["key"] == FIELD:
            key, field = field_from_record(row["encoding"])
            fields[table, key.lower()] = field
        else:
            encodings[table, row["key"].lower()] = _encoding(row)
    return {at: replace(encoding, field=fields.get(at)) for at, encoding in encodings.items()}


def read_recorded(transport: Transport, live: Database) -> Database:
    """Return a live database with its recorded encodings; one request for every 250 columns."""
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
    Write records, replacing those of the same columns; one request for every 50.

    This creates the table of records if it does not exist. A further row is for ``engine_probe``.
    """
    if not records:
        return
    data = [
        row
        for record in records
        for row in (
            _data(record.table, record.key, as_recorded(record.encoding)),
            _field_data(record),
        )
    ]
    _upsert(transport, database, [*data, _data(SERVER, _PROBE, "its case shows the engine")])


def write_changed_fields(transport: Transport, database: str, before: Table, after: Table) -> None:
    """Record the fields of the columns whose field changes and whose key stays the same."""
    was = {record.key: record.encoding for record in _records_of_table(before)}
    data = [
        _field_data(record)
        for record in _records_of_table(after)
        if (old := was.get(record.key)) is not None and old.field != record.encoding.field
    ]
    if data:
        _upsert(transport, database, data)


def move_references(transport: Transport, database: str, old: str, new: str) -> None:
    """Record that foreign keys to a table refer to the table that has replaced it."""
    data = []
    for row in _read(transport, database, equal("key", FIELD)):
        key, field = field_from_record(row["encoding"])
        if field is not None and field.to is not None and field.to[0].lower() == old.lower():
            field = replace(field, to=(new, field.to[1]))
            encoding = Encoding("", field=field)
            data.append(_field_data(Record(row["table_id"], key, encoding)))
    if data:
        _upsert(transport, database, data)


def _records_of_table(table: Table) -> list[Record]:
    return records_of(table.id, table.columns, table.id_encoding)


def _field_data(record: Record) -> dict[str, Any]:
    text = field_as_recorded(record.key, record.encoding.field)
    data = _data(record.table, FIELD, text)
    return {**data, "$id": _row_id(record.table, f"{record.key}/field")}


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
    ids = [_row_id(table, one) for table, key in columns for one in (key, f"{key}/field")]
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
