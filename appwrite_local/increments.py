"""
Increment and decrement a column of one row, addressed by its id.

Source: recordings ``increment``, ``decrement``.
"""

from __future__ import annotations

from typing import Any

from appwrite_local import staging
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError, invalid_argument, unauthorized
from appwrite_local.messages import Response, json_response
from appwrite_local.operators import added, integer, round_half_up
from appwrite_local.permissions import may
from appwrite_local.routing import Call, Handler, Param, Route
from appwrite_local.row_store import RowStore
from appwrite_local.rows import (
    DATABASE_TABLE,
    ROWS_PATH,
    TRANSACTION,
    WRITE,
    row_json,
    store_of,
    table_of,
)
from appwrite_local.schema import Column
from appwrite_local.validators import INT64_MAX, INT64_MIN, Key, Nullable, Numeric, Uid
from appwrite_local.values import Row, normalize
from appwrite_local.wire import wire_number


def _counter(sign: int, limit_name: str) -> Handler:
    def count(call: Call) -> Response:
        args = call.args
        value, limit = (
            number(args["value"]),
            None if args[limit_name] is None else number(args[limit_name]),
        )
        if value <= 0:
            raise invalid_argument("Value must be numeric and greater than 0")
        table = table_of(call)
        if staging.is_staged(call):
            action = "increment" if sign > 0 else "decrement"
            return json_response(
                200, row_json(call, staging.stage_step(call, table, action, limit_name))
            )
        store = store_of(call, table)
        row = store.get(args["rowId"])
        column = table.columns.get(args["column"])
        if row is None or column is None:
            # The server does not fill the key into the text.
            raise ApiError("column_not_found", key="%s")
        if not may(table, row["$permissions"], "update", call.identity):
            raise unauthorized()
        shown = step(store, row, column, sign * value, limit)
        row[column.key] = wire_number(shown) if isinstance(shown, float) else shown
        call.events.note(table, "update", [row])
        return json_response(200, row_json(call, row))

    return count


def step(store: RowStore, row: Row, column: Column, change: float, limit: float | None) -> float:
    """
    Increment or decrement one row's column, and return the number in the answer.

    Raises:
        ApiError: 400 ``attribute_type_invalid`` or ``column_limit_exceeded``.
    """
    if column.type not in ("integer", "bigint", "double") or column.array:
        raise ApiError("attribute_type_invalid", key=column.key)
    current = row[column.key]
    shown: float = (current or 0) + change
    word = "maximum" if change > 0 else "minimum"
    exact = column.engine.adds_integers and column.type != "double"
    if limit is not None and (shown > limit if change > 0 else shown < limit):
        raise ApiError("column_value_limit", key=column.key, word=word, limit=_printed(limit))
    if exact:
        stored: float | None = None if current is None else added(column, current, change)
        store.update(row["$sequence"], {column.key: stored, "$updatedAt": now_text()})
        return current + integer(change) if current else integer(change)
    if store.engine.tells_missing:
        _add(store, row["$sequence"], column, change, limit)
        return shown
    if column.type != "double" and not INT64_MIN <= shown <= INT64_MAX:
        raise ApiError("column_value_limit", key=column.key, word=word, limit="")
    # Null stays null in the database although the answer counts from zero. The database adds
    # floats.
    stored = None if current is None else float(current) + float(change)
    if stored is not None and column.type != "double":
        stored = round_half_up(stored)
    store.update(
        row["$sequence"], {column.key: normalize(column, stored), "$updatedAt": now_text()}
    )
    return shown


def _add(
    store: RowStore, sequence: str, column: Column, change: float, limit: float | None
) -> None:
    """
    Add to a number as MongoDB does, in one update whose filter repeats the limit.

    A missing value counts from zero, but no filter with a limit finds it: the answer then shows a
    sum that is not stored.

    Raises:
        ApiError: 400 ``attribute_type_invalid`` for a stored null or what an operator has left; 500
            beyond 64 bits.
    """
    held, is_null = store.held_number(sequence, column)
    if limit:
        room = isinstance(held, int | float) and (
            held <= limit - change if change > 0 else held >= limit - change
        )
        if not room:
            return
    if is_null or isinstance(held, bytes):
        raise ApiError("attribute_type_invalid", key=column.key)
    total = (held or 0) + change
    if isinstance(total, int) and not INT64_MIN <= total <= INT64_MAX:
        raise ApiError("general_unknown")
    store.update(sequence, {column.key: total, "$updatedAt": now_text()})


def _printed(limit: float) -> float:
    return wire_number(limit) if isinstance(limit, float) else limit


def number(value: Any) -> float:
    if isinstance(value, str):
        number = float(value)
        return int(value) if value.strip().lstrip("+-").isdecimal() else number
    return float(value) if isinstance(value, float) else int(value)


_ROW_COLUMN = (
    *DATABASE_TABLE,
    Param("rowId", Uid()),
    Param("column", Key()),
    Param("value", Numeric(), 1),
)


def _limit(name: str) -> Param:
    return Param(name, Nullable(Numeric()), None, nullable=True)


_PATH = ROWS_PATH + "/{rowId}/{column}"

ROUTES = [
    Route(
        "PATCH",
        _PATH + "/increment",
        _counter(1, "max"),
        WRITE,
        (*_ROW_COLUMN, _limit("max"), TRANSACTION),
    ),
    Route(
        "PATCH",
        _PATH + "/decrement",
        _counter(-1, "min"),
        WRITE,
        (*_ROW_COLUMN, _limit("min"), TRANSACTION),
    ),
]
