"""
Export rows to JSON Lines and import them, a page at a time.

``appwrite_export`` and ``appwrite_import`` use this module.

A file has a JSON array on each line:

- ``["row", <table id>, <row>]``. A row has ``$id``, ``$createdAt``, ``$updatedAt`` and
  ``$permissions`` besides its columns, with values as Appwrite stores them. Relationship columns
  are left out, because their values are rows of other tables.
- ``["encodings", <table id>, {<key>: <encoding>}]`` before the rows of a table, with the recorded
  encodings of its columns. An import into a database with other encodings converts the values.
- ``["end", {<table id>: <rows>}]`` as the last line, so that a truncated file is detected.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import IO, Any

from django.db import DataError

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.queries import Query, cursor_after, equal, limit, select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.conversion import CannotConvert, convert
from appwrite_orm_django.schema.definitions import Column, Database, Encoding, Table
from appwrite_orm_django.schema.encodings import as_recorded, from_record, reads_alike
from appwrite_orm_django.schema.names import MIGRATIONS_TABLE, is_hidden
from appwrite_orm_django.schema.records import ROW_ID, records_of

__all__ = ["BadFile", "Imported", "export_rows", "import_rows", "resume_point"]

PAGE_SIZE = 500
#: A request of 13 MB is rejected (413); values grow a little when they are quoted once more.
MAX_BATCH_BYTES = 4_000_000
_IDS_PER_QUERY = 90
_KEPT = ("$id", "$createdAt", "$updatedAt", "$permissions")
#: Bytes read in each step backwards to find the last whole line.
_BLOCK = 65_536

Announce = Callable[[str], AbstractContextManager[Any]]
RowId = Callable[[str, Mapping[str, Any]], str | None]
#: Called with a table id and the number of rows just processed.
Progress = Callable[[str, int], None]


class BadFile(DataError):
    """A file is not an export, or is truncated; the text names the line."""


# Export


@dataclass(frozen=True)
class ResumePoint:
    """
    The point at which an interrupted export resumes.

    Attributes:
        offset: size of the whole lines of the file, in bytes.
        table, row_id: the table and id of the last row; None if there is none yet, or none of the
            table.
        finished: whether the export was complete.
    """

    offset: int = 0
    table: str | None = None
    row_id: str | None = None
    finished: bool = False


def resume_point(file: IO[bytes]) -> ResumePoint:
    """
    Return the point at which to resume a file, reading only its end.

    Raises:
        BadFile: its last whole line is not a line of an export.
    """
    end = file.seek(0, os.SEEK_END)
    tail, start = b"", end
    while start and tail.count(b"\n") < 2:
        start = max(0, start - _BLOCK)
        file.seek(start)
        tail = file.read(end - start)
    whole = tail[: tail.rfind(b"\n") + 1]
    if not whole:
        return ResumePoint()
    offset = start + len(whole)
    last = whole.rstrip(b"\n").rpartition(b"\n")[2]
    kind, *rest = _parsed(last, "the last line")
    if kind == "end":
        return ResumePoint(offset, finished=True)
    if kind == "encodings":
        # The table has no row yet, so its encodings are written again.
        return ResumePoint(offset - len(last) - 1, rest[0])
    return ResumePoint(offset, rest[0], rest[1]["$id"])


def export_rows(
    transport: Transport,
    database: Database,
    *,
    after: ResumePoint | None = None,
    counts: Mapping[str, int] | None = None,
    progress: Progress = lambda _table, _rows: None,
) -> Iterator[bytes]:
    """
    Yield the lines of a file, with rows in the order of their creation.

    One page is in memory at a time. Rows that are created or changed in the meantime may or may not
    be included.

    Args:
        database: the database whose tables are exported, in the order of their ids.
        after: the point at which to resume, instead of starting from the beginning.
        counts: rows per table that the file already has, for its last line.

    Raises:
        InvalidQuery: the row after which to resume no longer exists.
    """
    point = after or ResumePoint()
    totals = Counter(counts or {})
    for table in sorted(database, key=lambda table: table.id):
        if point.table is not None and table.id < point.table:
            continue
        start = point.row_id if table.id == point.table else None
        totals[table.id] += 0
        encodings = {
            record.key: as_recorded(record.encoding)
            for record in records_of(table.id, table.columns, table.id_encoding)
        }
        if encodings and start is None:
            yield _line(["encodings", table.id, encodings])
        for page in _pages(transport, TableRef(database.id, table.id), start):
            keys = [
                *_KEPT,
                *(column.key for column in table.columns if column.type != "relationship"),
            ]
            for row in page:
                yield _line(["row", table.id, {key: row[key] for key in keys if key in row}])
            totals[table.id] += len(page)
            progress(table.id, len(page))
    yield _line(["end", dict(totals)])


def _pages(
    transport: Transport, table: TableRef, after: str | None
) -> Iterator[list[dict[str, Any]]]:
    while True:
        start: list[Query] = [] if after is None else [cursor_after(after)]
        page = rows.list_rows(transport, table, [limit(PAGE_SIZE), *start])["rows"]
        if page:
            yield page
        if len(page) < PAGE_SIZE:
            return
        after = page[-1]["$id"]


def _line(content: list[Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# Import


@dataclass
class Imported:
    """
    The result of an import.

    Attributes:
        created, present: rows per table that were created, and rows that already existed and were
            left alone.
        unfilled: tables with hidden columns for which the file has no values, because it comes from
            another engine or from before the constraint.
    """

    created: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    unfilled: set[str] = field(default_factory=set)


def import_rows(
    transport: Transport,
    database: Database,
    lines: Iterable[bytes],
    *,
    tables: Sequence[str] | None = None,
    row_id: RowId = lambda _table, _row: None,
    announce: Announce = nullcontext,
    progress: Progress = lambda _table, _rows: None,
) -> Imported:
    """
    Create the missing rows of a file, up to 100 in one request.

    A row whose id exists is left alone, whatever it holds, so running an interrupted import again
    completes it.

    Args:
        database: the database on the server; it must have every table of the file.
        tables: ids of the tables to import; None for all but the records of migrations.
        row_id: returns the id of a row that is derived from its columns, which another engine
            derives in another way; None to keep the id.
        announce: returns the context manager for requests that write to a table, which invalidates
            the cache.

    Raises:
        BadFile: a line is not a line of an export, the last line is missing, or a value cannot be
            converted to the encoding of its column; the rows before it are imported.
        UniqueViolation: a unique index rejects a new row.
        DataError: a value does not fit its column.
    """
    done = Imported()
    batch = _Batch(transport, database, done, row_id, announce, progress)
    seen: Counter[str] = Counter()
    totals: Mapping[str, int] | None = None
    for number, line in enumerate(lines, 1):
        kind, *rest = _parsed(line, f"line {number:,}")
        if kind == "end":
            totals = rest[0]
            break
        if kind == "encodings":
            batch.encodings[rest[0]] = {key: from_record(text) for key, text in rest[1].items()}
            continue
        table_id, row = rest
        seen[table_id] += 1
        if table_id != MIGRATIONS_TABLE if tables is None else table_id in tables:
            batch.add(table_id, row, len(line), number)
    batch.send()
    if totals is None:
        raise BadFile(
            "The file has no last line, because its export was interrupted. All of its rows are "
            "imported."
        )
    wrong = [table for table in {*totals, *seen} if totals.get(table, 0) != seen[table]]
    if wrong:
        table = min(wrong)
        raise BadFile(
            f"{table}: the last line announces {totals.get(table, 0):,} rows, but the file has "
            f"{seen[table]:,}."
        )
    return done


class _Batch:
    """
    Rows of one table to create together.

    Attributes:
        encodings: encodings of the columns of each table in the exported database.
    """

    def __init__(
        self,
        transport: Transport,
        database: Database,
        done: Imported,
        row_id: RowId,
        announce: Announce,
        progress: Progress,
    ) -> None:
        self._transport, self._database = transport, database
        self._row_id = row_id
        self._done, self._announce, self._progress = done, announce, progress
        self.encodings: dict[str, dict[str, Encoding]] = {}
        self._table: Table | None = None
        self._rewritten: list[tuple[Column, Column]] = []
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, table_id: str, row: dict[str, Any], size: int, number: int) -> None:
        if self._table is None or self._table.id != table_id:
            self.send()
            self._table = self._database.table(table_id)
            if self._table is None:
                raise BadFile(
                    f"Line {number:,}: the database {self._database.id} has no table "
                    f"{table_id}.\nRun manage.py migrate first. It makes tables only in the database to "
                    "which the routers send a model."
                )
            self._rewritten = list(_rewritten(self.encodings.get(table_id, {}), self._table))
        elif len(self._rows) == rows.MAX_BULK_ROWS or self._bytes + size > MAX_BATCH_BYTES:
            self.send()
        row = self._with_hidden_columns(self._table, row)
        row = self._as_here(row, number) if self._rewritten else row
        derived = self._row_id(table_id, row)
        self._rows.append(row if derived is None else {**row, "$id": derived})
        self._bytes += size

    def _with_hidden_columns(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """Leave out the hidden columns of the exported database that this one does not have."""
        there = {key for key in row if is_hidden(key)}
        here = {column.key for column in table.columns if is_hidden(column.key)}
        if here - there:
            self._done.unfilled.add(table.id)
        return {key: value for key, value in row.items() if key not in there - here}

    def _as_here(self, row: dict[str, Any], number: int) -> dict[str, Any]:
        """Return a row with its values converted to the encodings of this database."""
        row = dict(row)
        for before, after in self._rewritten:
            try:
                if after.key in row:
                    row[after.key] = convert(row[after.key], before, after)
            except CannotConvert as error:
                raise BadFile(
                    f"Line {number:,}: {after.key} of {row['$id']} cannot be converted from "
                    f"{before.encoding} to {after.encoding}, its encoding in the database "
                    f"{self._database.id}: {error}.\n"
                    "Correct the row, or import it into a database with the encodings of the "
                    "export."
                ) from error
        return row

    def send(self) -> None:
        if self._table is None or not self._rows:
            return
        table, ref, sent = self._table, TableRef(self._database.id, self._table.id), self._rows
        self._rows, self._bytes = [], 0
        with self._announce(table.id):
            created = self._create_missing(table, ref, sent)
        self._done.created[table.id] += created
        self._done.present[table.id] += len(sent) - created
        self._progress(table.id, len(sent))

    def _create_missing(self, table: Table, ref: TableRef, sent: list[dict[str, Any]]) -> int:
        try:
            self._create(table, ref, sent)
        except UniqueViolation:
            known = self._known(ref, [row["$id"] for row in sent])
            new = [row for row in sent if row["$id"].lower() not in known]
            if len(new) == len(sent):
                raise
            if new:
                self._create(table, ref, new)
            return len(new)
        return len(sent)

    def _create(self, table: Table, ref: TableRef, new: list[dict[str, Any]]) -> None:
        if not any(column.type == "relationship" for column in table.columns):
            rows.create_rows(self._transport, ref, new)
            return
        # Appwrite rejects bulk calls on a table with a relationship.
        for row in new:
            data = {key: value for key, value in row.items() if key not in {"$id", "$permissions"}}
            rows.create_row(
                self._transport, ref, row["$id"], data, permissions=row.get("$permissions")
            )

    def _known(self, ref: TableRef, ids: list[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), _IDS_PER_QUERY):
            part = ids[start : start + _IDS_PER_QUERY]
            queries = [equal("$id", *part), select(["$id"]), limit(len(part))]
            found |= {
                row["$id"].lower() for row in rows.list_rows(self._transport, ref, queries)["rows"]
            }
        return found


def _rewritten(encodings: Mapping[str, Encoding], table: Table) -> Iterator[tuple[Column, Column]]:
    """Yield the columns that need conversion, as in the exported database and as in this one."""
    row_id = Column(ROW_ID, "varchar", 36, encoding=table.id_encoding)
    for column in (row_id, *table.columns):
        there = encodings.get(column.key)
        if there is not None and not reads_alike(there, column.encoding):
            yield replace(column, array=there.array, encoding=there), column


def _parsed(line: bytes, where: str) -> list[Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise BadFile(
            f"{where[0].upper()}{where[1:]} is not JSON: the file is damaged, or not from "
            "appwrite_export."
        ) from error
    if _is_line(content):
        return list(content)
    raise BadFile(f"{where[0].upper()}{where[1:]} is not a line of an export.")


def _is_line(content: Any) -> bool:
    if not isinstance(content, list):
        return False
    if content[:1] == ["end"]:
        return len(content) == 2 and isinstance(content[1], dict)
    if content[:1] not in (["row"], ["encodings"]) or len(content) != 3:
        return False
    kind, table, row = content
    if kind == "encodings":
        return (
            isinstance(table, str)
            and isinstance(row, dict)
            and all(isinstance(text, str) for text in row.values())
        )
    return isinstance(table, str) and isinstance(row, dict) and isinstance(row.get("$id"), str)
