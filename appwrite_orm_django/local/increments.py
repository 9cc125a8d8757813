"""
The routes that count a column up or down by one row's id.

Source: recordings ``increment``, ``decrement``.
"""

from __future__ import annotations

from typing import Any

from . import transactions
from .datetimes import now_text
from .errors import ApiError, invalid_argument, unauthorized
from .messages import Response, json_response
from .operators import round_half_up
from .permissions import may
from .routing import Call, Handler, Param, Route
from .rows import DATABASE_TABLE, ROWS_PATH, TRANSACTION, WRITE, row_json, store_of, table_of
from .validators import INT64_MAX, INT64_MIN, Key, Nullable, Numeric, Uid
from .values import normalize
from .wire import wire_number


def _counter(sign: int, limit_name: str, limit_word: str) -> Handler:
    def count(call: Call) -> Response:
        args = call.args
        value, limit = _number(args["value"]), None if args[limit_name] is None else _number(args[limit_name])
        if value <= 0:
            raise invalid_argument("Value must be numeric and greater than 0")
        transactions.refuse_staging(call)
        table = table_of(call)
        store = store_of(call, table)
        row = store.get(args["rowId"])
        column = table.columns.get(args["column"])
        if row is None or column is None:
            # The server forgets to fill the key into the text.
            raise ApiError("column_not_found", key="%s")
        if not may(table, row["$permissions"], "update", call.identity):
            raise unauthorized()
        if column.type not in ("integer", "bigint", "double") or column.array:
            raise ApiError("attribute_type_invalid", key=column.key)
        current = row[column.key]
        shown = (current or 0) + sign * value
        if limit is not None and (shown - limit) * sign > 0:
            raise _limit_reached(column.key, limit_word, args[limit_name])
        if column.type != "double" and not INT64_MIN <= shown <= INT64_MAX:
            raise _limit_reached(column.key, limit_word, "")
        # Null stays null in the database though the answer counts from zero, and the database adds floats.
        stored = None if current is None else float(current) + float(sign * value)
        if stored is not None and column.type != "double":
            stored = round_half_up(stored)
        store.update(row["$sequence"], {column.key: normalize(column, stored), "$updatedAt": now_text()})
        row[column.key] = wire_number(shown) if isinstance(shown, float) else shown
        return json_response(200, row_json(call, row))

    return count


def _limit_reached(key: str, word: str, limit: Any) -> ApiError:
    return ApiError("column_value_limit", key=key, word=word, limit=limit)


def _number(value: Any) -> float:
    if isinstance(value, str):
        number = float(value)
        return int(value) if value.strip().lstrip("+-").isdecimal() else number
    return float(value) if isinstance(value, float) else int(value)


_ROW_COLUMN = (*DATABASE_TABLE, Param("rowId", Uid()), Param("column", Key()), Param("value", Numeric(), 1))


def _limit(name: str) -> Param:
    return Param(name, Nullable(Numeric()), None, nullable=True)


_PATH = ROWS_PATH + "/{rowId}/{column}"

ROUTES = [
    Route(
        "PATCH", _PATH + "/increment", _counter(1, "max", "maximum"), WRITE, (*_ROW_COLUMN, _limit("max"), TRANSACTION)
    ),
    Route(
        "PATCH", _PATH + "/decrement", _counter(-1, "min", "minimum"), WRITE, (*_ROW_COLUMN, _limit("min"), TRANSACTION)
    ),
]
