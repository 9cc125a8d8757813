"""
Build row operators, and detect text that the server would run as one.

The server reads every text value as JSON in the data of an update, of an upsert, and of a create
that a transaction commits. It runs an object whose ``method`` names an operator, whatever its other
keys, their order, or surrounding white space, and so does not store the text itself (recordings
``operators-other``, ``tx-operators``). Text with an unknown method is stored. Elements of array
columns, and a create outside a transaction, are left alone.

No spelling of the same text escapes this. Two writes do: empty the column, then append the text
with an operator, whose values are plain text. See ``text_in_two_writes``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from appwrite_orm_django.client.errors import InvalidValue, shown

if TYPE_CHECKING:
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.engines import Engine

#: Recordings operators-array, operators-bulk, operators-numeric, operators-other.
METHODS = frozenset(
    {
        "increment",
        "decrement",
        "multiply",
        "divide",
        "modulo",
        "power",
        "stringConcat",
        "stringReplace",
        "toggle",
        "dateAddDays",
        "dateSubDays",
        "dateSetNow",
        "arrayAppend",
        "arrayPrepend",
        "arrayInsert",
        "arrayRemove",
        "arrayUnique",
        "arrayIntersect",
        "arrayDiff",
        "arrayFilter",
    }
)

# PHP reads TRUE and Null as the literals; Python's parser does not.
_STRING_OR_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|true|false|null', re.IGNORECASE | re.DOTALL)


def operator(method: str, *values: object) -> str:
    """
    Return the text that makes an update run an operator on a column.

    >>> operator("increment", 1, 100)
    '{"method":"increment","values":[1,100]}'
    """
    if method not in METHODS:
        raise ValueError(f"{method!r} is not an operator of Appwrite.")
    return json.dumps(
        {"method": method, "values": list(values)}, separators=(",", ":"), ensure_ascii=False
    )


def looks_like_operator(value: object) -> bool:
    """
    Return whether the server would run a value as an operator instead of storing it.

    >>> looks_like_operator(' {"n": 1, "method": "toggle"}')
    True
    >>> looks_like_operator('{"method": "nope"}'), looks_like_operator("toggle")
    (False, False)
    >>> looks_like_operator(None)
    False
    """
    if not isinstance(value, str):
        return False
    text = value.strip(" \t\r\n")
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        parsed = json.loads(
            _STRING_OR_LITERAL.sub(_lower_literal, text), parse_int=str, parse_constant=_refuse
        )
    except ValueError:
        return False
    except RecursionError:
        # The server stops at 512 levels; Python's limit depends on the caller's stack. Two writes
        # are always right.
        return True
    return (
        isinstance(parsed, dict)
        and isinstance(method := parsed.get("method"), str)
        and method in METHODS
    )


def refuse_operator_text(table: TableRef, row_id: str | None, data: Mapping[str, object]) -> None:
    """
    Reject a write in which the server would take a text for an operator and destroy it.

    Args:
        row_id: the row to write; None for many.

    Raises:
        InvalidValue: ``data`` has such a text.
    """
    for key, value in data.items():
        if looks_like_operator(value):
            rows = "many rows" if row_id is None else f"row {row_id}"
            raise InvalidValue(
                f"{table.table}.{key}: {rows} cannot be set to {shown(value)}: Appwrite takes this "
                "text for an operator, and on MongoDB destroys the value. Nothing was written.\n"
                "A new row can hold it if it is created outside an atomic block, by itself, by "
                "bulk_create() of an AppwriteModel, or by appwrite_import instead of loaddata. "
                "Elsewhere change the text; any character before the brace is enough.",
                table=table.table,
                column=key,
                row_id=row_id,
            )


def in_two_writes(
    engine: Engine, table: TableRef, row_id: str | None, data: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """
    Do the same as ``text_in_two_writes``, where the engine stores the text then.

    Raises:
        InvalidValue: as ``refuse_operator_text``.
    """
    if engine.keeps_operator_text:
        return text_in_two_writes(data)
    refuse_operator_text(table, row_id, data)
    return dict(data), {}


def text_in_two_writes(data: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    r"""
    Split the data of an update so that text which looks like an operator is stored unchanged.

    Write both, one after the other, to the same row and in one transaction. The second is empty if
    one write is enough. Servers before 1.9 have no operators: their answer to the second write
    shows the operator itself, and the text can be written as it is.

    Returns:
        ``(first, second)``: ``first`` is the data with "" for each such text, ``second`` appends
        the texts.

    >>> text_in_two_writes({"n": 1, "s": '{"method":"toggle"}'})
    ({'n': 1, 's': ''}, {'s': '{"method":"stringConcat","values":["{\\"method\\":\\"toggle\\"}"]}'})
    """
    texts = {key: value for key, value in data.items() if looks_like_operator(value)}
    first = {key: "" if key in texts else value for key, value in data.items()}
    return first, {key: operator("stringConcat", text) for key, text in texts.items()}


def _lower_literal(match: re.Match[str]) -> str:
    token = match.group()
    return token if token.startswith('"') else token.lower()


def _refuse(constant: str) -> object:
    raise ValueError(constant)
