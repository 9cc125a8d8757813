"""
Read and write rows: a page at a time, singly, or in bulk.

Rows are dicts of column key to JSON value, as the server returns them: null columns present,
``$id`` text, ``$createdAt`` and ``$updatedAt`` ISO 8601 in UTC with milliseconds, ``$sequence``
text. Data is sent unchanged, so the caller must take care of text that the server would run as an
operator (see ``operators``).

All functions raise TableNotFound, DatabaseNotFound, Unauthorized, and the errors of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .answers import Request
from .errors import AppwriteError, NotAppwrite, RowNotFound, UniqueViolation
from .queries import Query, check_limits, equal, limit, select
from .references import TableRef
from .transport import Transport

Row = dict[str, Any]

#: Rows in one bulk create or upsert; recording bulk-limits.
MAX_BULK_ROWS = 100
#: Characters above which queries go into a body: in a URL each may take three or more, and proxies
#: often stop at 8,192.
_LONG_QUERIES = 2000


def list_rows(
    transport: Transport,
    table: TableRef,
    queries: Sequence[Query] = (),
    *,
    total: bool = False,
    transaction_id: str | None = None,
    posts: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """
    Return one page of rows as the server returns it.

    Args:
        queries: at most 100. Without a limit among them the server stops at 25 rows.
        total: also count all matches; the server stops counting at 5,000.
        transaction_id: merge the rows staged there. The server then ignores filters and order for
            staged rows (recording ``tx-reads``).
        posts: return whether the server takes queries in the body of a POST (recording
            ``rows-query``); called if they are long for a URL.

    Returns:
        ``{"total": int, "rows": [row, ...]}``; total is 0 unless requested.

    Raises:
        QueryLimitExceeded: there are more or longer queries than the server accepts; nothing was
            sent.
        InvalidQuery: the server does not understand a query, or does not know a column.
    """
    texts = check_limits(queries)
    expect = {"rows": list, "total": int}
    if posts is not None and sum(map(len, texts)) > _LONG_QUERIES and posts():
        body = _without_none(queries=texts, total=total, transactionId=transaction_id)
        return _call(
            transport, "POST", f"{table.path}/rows/query", params=body, safe=True, expect=expect
        )
    params = {"queries": texts, "total": total, "transactionId": transaction_id}
    return _call(transport, "GET", f"{table.path}/rows", params=params, expect=expect)


def get_row(
    transport: Transport,
    table: TableRef,
    row_id: str,
    queries: Sequence[Query] = (),
    *,
    transaction_id: str | None = None,
) -> Row:
    """
    Return one row.

    Raises:
        RowNotFound: there is no row of this id; ids are compared without case.
    """
    params = {"queries": check_limits(queries), "transactionId": transaction_id}
    return _call(transport, "GET", _row_path(table, row_id), params=params, expect={"$id": str})


def create_row(
    transport: Transport,
    table: TableRef,
    row_id: str,
    data: Mapping[str, Any],
    *,
    permissions: Sequence[str] | None = None,
    transaction_id: str | None = None,
) -> Row:
    """
    Create a row under an id chosen by the caller, and return it.

    An attempt without an answer is repeated. If the row then exists, it is read back and compared:
    it is either the row of the first attempt, or a conflict. Inside a transaction nothing is
    repeated, because staging twice would make the commit fail.

    Raises:
        RowAlreadyExists: the id is taken; on 1.9 also: a unique index is violated.
        UniqueViolation: a unique index is violated.
        InvalidStructure: a value does not fit.
        InvalidId: the id is invalid.
    """
    path_segment(row_id)
    body = _without_none(
        rowId=row_id,
        data=dict(data),
        permissions=_listed(permissions),
        transactionId=transaction_id,
    )
    try:
        return _call(
            transport,
            "POST",
            f"{table.path}/rows",
            params=body,
            safe=transaction_id is None,
            expect={"$id": str},
        )
    except UniqueViolation as error:
        own = _own_rows(transport, table, [{**data, "$id": row_id}], error)
        if own is None:
            raise
        return own[0]


def create_rows(
    transport: Transport,
    table: TableRef,
    rows: Iterable[Mapping[str, Any]],
    *,
    transaction_id: str | None = None,
) -> list[Row]:
    """
    Create up to 100 rows, all or none, and return them in the given order.

    Each row includes its ``$id``, and optionally its ``$permissions``. Attempts without an answer
    are repeated as in ``create_row``. Inside a transaction the result is an empty list.

    Raises:
        RowAlreadyExists, UniqueViolation, InvalidStructure: as for one row; no row was created.
        InvalidRequest: the table has a relationship column, or there are more than 100 rows.
    """
    sent = [dict(row) for row in rows]
    for row in sent:
        path_segment(row["$id"])
    body = _without_none(rows=sent, transactionId=transaction_id)
    try:
        answer = _call(
            transport,
            "POST",
            f"{table.path}/rows",
            params=body,
            safe=transaction_id is None,
            expect={"rows": list},
        )
    except UniqueViolation as error:
        own = _own_rows(transport, table, sent, error)
        if own is None:
            raise
        return own
    created: list[Row] = answer["rows"]
    return created


def update_row(
    transport: Transport,
    table: TableRef,
    row_id: str,
    data: Mapping[str, Any] | None = None,
    *,
    permissions: Sequence[str] | None = None,
    transaction_id: str | None = None,
    unmodified_since: str | None = None,
) -> Row:
    """
    Change some columns of a row, and return it.

    Args:
        data: only these columns change, except that null columns with a default are filled as well
            (recording ``rows-defaults``).
        unmodified_since: an ``$updatedAt``; a row changed later is left alone. This does not
            prevent every lost update: it misses a change in the same millisecond, or by a server
            whose clock is behind.

    Raises:
        RowNotFound: there is no row of this id.
        RowConflict: it was changed after ``unmodified_since``.
        InvalidStructure: a value does not fit, or a required column is still null.
    """
    body = _without_none(
        data=None if data is None else dict(data),
        permissions=_listed(permissions),
        transactionId=transaction_id,
    )
    headers = {"X-Appwrite-Timestamp": unmodified_since}
    return _call(
        transport,
        "PATCH",
        _row_path(table, row_id),
        headers=headers,
        params=body,
        expect={"$id": str},
    )


def update_rows(
    transport: Transport,
    table: TableRef,
    data: Mapping[str, Any],
    queries: Sequence[Query] = (),
    *,
    transaction_id: str | None = None,
) -> int:
    """
    Set the same values in all matching rows, or in all rows, and return how many changed.

    The result is 0 inside a transaction. The server works through 1,000 rows at a time: an error
    partway leaves the earlier ones changed. A violated unique index raises ServerError here
    (recording ``bulk-update``).
    """
    body = _without_none(
        data=dict(data), queries=check_limits(queries), transactionId=transaction_id
    )
    answer = _call(transport, "PATCH", f"{table.path}/rows", params=body, expect={"total": int})
    return int(answer["total"])


def upsert_row(
    transport: Transport,
    table: TableRef,
    row_id: str,
    data: Mapping[str, Any],
    *,
    permissions: Sequence[str] | None = None,
    transaction_id: str | None = None,
) -> Row:
    """
    Create a row, or change these columns of it, and return it.

    Beware of tables with a unique index: a new id that conflicts there overwrites the other row and
    reports success (recording ``rows-upsert-unique``). A new row with only falsy values is answered
    ``{}`` and not created (recording ``rows-upsert``).
    """
    body = _without_none(
        data=dict(data), permissions=_listed(permissions), transactionId=transaction_id
    )
    row: Row = transport.call("PUT", _row_path(table, row_id), params=body)
    return row


def upsert_rows(
    transport: Transport,
    table: TableRef,
    rows: Iterable[Mapping[str, Any]],
    *,
    transaction_id: str | None = None,
) -> list[Row]:
    """
    Create or change up to 100 rows, and return those that changed.

    Beware as in ``upsert_row``.
    """
    body = _without_none(rows=[dict(row) for row in rows], transactionId=transaction_id)
    changed: list[Row] = _call(
        transport, "PUT", f"{table.path}/rows", params=body, expect={"rows": list}
    )["rows"]
    return changed


def delete_row(
    transport: Transport,
    table: TableRef,
    row_id: str,
    *,
    transaction_id: str | None = None,
    unmodified_since: str | None = None,
) -> None:
    """
    Delete a row. An attempt without an answer is repeated; finding the row gone is then success.

    Raises:
        RowNotFound: there is no row of this id.
        RowConflict: it was changed after ``unmodified_since``.
        DeleteRestricted: a relationship column forbids it.
    """
    headers = {"X-Appwrite-Timestamp": unmodified_since}
    body = _without_none(transactionId=transaction_id)
    try:
        transport.call(
            "DELETE", _row_path(table, row_id), headers, body, safe=transaction_id is None
        )
    except RowNotFound as error:
        if not error.ambiguous:
            raise


def delete_rows(
    transport: Transport,
    table: TableRef,
    queries: Sequence[Query] = (),
    *,
    transaction_id: str | None = None,
) -> int:
    """
    Delete all matching rows, or all rows, and return how many.

    The result is 0 inside a transaction. The server deletes 1,000 at a time, as in ``update_rows``.
    """
    body = _without_none(queries=check_limits(queries), transactionId=transaction_id)
    answer = _call(transport, "DELETE", f"{table.path}/rows", params=body, expect={"total": int})
    return int(answer["total"])


def increment_column(
    transport: Transport,
    table: TableRef,
    row_id: str,
    column: str,
    value: float = 1,
    *,
    maximum: float | None = None,
    transaction_id: str | None = None,
) -> Row:
    """
    Add a positive number to a column atomically, and return the row.

    The column's own maximum is ignored. A null stays null although the answer shows a number
    (recording ``increment``). The request is never repeated.

    Raises:
        LimitExceeded: the result would exceed ``maximum``.
        ColumnNotFound: the column or the row does not exist.
    """
    body = _without_none(value=value, max=maximum, transactionId=transaction_id)
    path = f"{_row_path(table, row_id)}/{path_segment(column)}/increment"
    return _call(transport, "PATCH", path, params=body, expect={"$id": str})


def decrement_column(
    transport: Transport,
    table: TableRef,
    row_id: str,
    column: str,
    value: float = 1,
    *,
    minimum: float | None = None,
    transaction_id: str | None = None,
) -> Row:
    """Subtract a positive number from a column; otherwise like ``increment_column``."""
    body = _without_none(value=value, min=minimum, transactionId=transaction_id)
    path = f"{_row_path(table, row_id)}/{path_segment(column)}/decrement"
    return _call(transport, "PATCH", path, params=body, expect={"$id": str})


def _call(
    transport: Transport, method: str, path: str, *, expect: Mapping[str, type], **kwargs: Any
) -> dict[str, Any]:
    """Make a call, and return its answer if it is an object with these members."""
    answer: Any = transport.call(method, path, **kwargs)
    if isinstance(answer, dict) and all(
        isinstance(answer.get(name), kind) for name, kind in expect.items()
    ):
        return answer
    request = Request(method, path, transport.settings)
    text = f"the answer lacks {' and '.join(expect)}, which Appwrite's answers have"
    raise request.error(NotAppwrite, text, ambiguous=True)


def _row_path(table: TableRef, row_id: str) -> str:
    return f"{table.path}/rows/{path_segment(row_id)}"


def _listed(permissions: Sequence[str] | None) -> list[str] | None:
    return None if permissions is None else list(permissions)


def _without_none(**params: Any) -> dict[str, Any]:
    # The server answers 500 to a null instead of a list or an object (recording malformed-bodies).
    return {name: value for name, value in params.items() if value is not None}


def _own_rows(
    transport: Transport, table: TableRef, sent: list[Row], conflict: UniqueViolation
) -> list[Row] | None:
    """
    Return the rows if an earlier attempt created them.

    Otherwise the conflict stands: the rows belong to another client, or do not exist.
    """
    if not conflict.ambiguous:
        return None
    columns = sorted({key for row in sent for key in row if not key.startswith("$")})
    ids = [row["$id"] for row in sent]
    try:
        page = list_rows(
            transport, table, [equal("$id", *ids), select(columns or ["$id"]), limit(len(ids))]
        )
    except AppwriteError as error:
        error.ambiguous = True
        raise
    found = {row["$id"]: row for row in page["rows"]}
    if all(row["$id"] in found and _same(row, found[row["$id"]]) for row in sent):
        return [found[row["$id"]] for row in sent]
    conflict.ambiguous = False
    return None


def holds(
    stored: Mapping[str, Any], data: Mapping[str, Any], permissions: Sequence[str] | None = None
) -> bool:
    """Return whether a row of the server has these columns, and these permissions if given."""
    return _same(data, stored) and (
        permissions is None or list(permissions) == stored.get("$permissions")
    )


def _same(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    return all(
        _same_value(value, stored.get(key)) for key, value in sent.items() if key != "$permissions"
    )


def _same_value(sent: Any, stored: Any) -> bool:
    if isinstance(sent, (list, tuple)) and isinstance(stored, list):
        return len(sent) == len(stored) and all(map(_same_value, sent, stored))
    if sent == stored:
        return isinstance(sent, bool) == isinstance(stored, bool)
    if sent is None and stored == []:  # array columns turn null into an empty list
        return True
    if isinstance(sent, str) and isinstance(stored, str):
        instant = _instant(sent)
        return instant is not None and instant == _instant(stored)
    return False


def _instant(text: str) -> float | None:
    """Return an ISO 8601 date in milliseconds, as the server stores it; None for other text."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp() * 1000 // 1
