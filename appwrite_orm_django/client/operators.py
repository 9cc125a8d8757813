"""
Row operators, and text that the server would take for one.

In the data of an update or an upsert, and of a create that a transaction commits, the server reads every text value as JSON: an object
whose ``method`` names an operator is run, whatever its other keys, their order, or white space around it, and so the text itself is not
stored (recordings ``operators-other``, ``tx-operators``). An unknown method is stored as the text it is. Elements of array columns, and
a create outside a transaction, are left alone.

No spelling of the same text escapes this. Two writes do: empty the column, then append the text with an operator of ours, inside
whose values it is plain text. See ``text_in_two_writes``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

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
        raise ValueError(f"{method!r} is no operator of Appwrite.")
    return json.dumps({"method": method, "values": list(values)}, separators=(",", ":"), ensure_ascii=False)


def looks_like_operator(value: object) -> bool:
    """
    Tell whether the server would run a value as an operator instead of storing it.

    >>> looks_like_operator(' {"n": 1, "method": "toggle"}')
    True
    >>> looks_like_operator('{"method": "nope"}'), looks_like_operator("toggle"), looks_like_operator(None)
    (False, False, False)
    """
    if not isinstance(value, str):
        return False
    text = value.strip(" \t\r\n")
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        parsed = json.loads(_STRING_OR_LITERAL.sub(_lower_literal, text), parse_int=str, parse_constant=_refuse)
    except ValueError:
        return False
    except RecursionError:
        # The server gives up at 512 levels; where exactly Python does depends on the caller's stack. Two writes are always right.
        return True
    return isinstance(parsed, dict) and isinstance(method := parsed.get("method"), str) and method in METHODS


def text_in_two_writes(data: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    r"""
    Split the data of an update so that text which looks like an operator is stored as the text it is.

    Write both, one after the other, to the same row and in one transaction. The second is empty when one write is enough. A server of
    before 1.9 has no operators: its answer to the second write shows the operator itself, and the text can be written as it is.

    Returns:
        ``(first, second)``: ``first`` is the data with "" for each such text, ``second`` appends the texts.

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
