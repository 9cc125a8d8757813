"""From query texts to ``Query`` objects (recording ``query-errors``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appwrite_orm_django.local.errors import ApiError
from appwrite_orm_django.local.wire import Json, MalformedJson, decode_json, php_type

LOGICAL = frozenset({"and", "or", "elemMatch"})
ORDERS = frozenset({"orderAsc", "orderDesc", "orderRandom"})
CURSORS = frozenset({"cursorAfter", "cursorBefore"})
SPATIAL = frozenset(
    {
        "crosses", "notCrosses", "intersects", "notIntersects", "overlaps", "notOverlaps", "touches", "notTouches",
        "distanceEqual", "distanceNotEqual", "distanceGreaterThan", "distanceLessThan",
    }
)  # fmt: skip
VECTOR = frozenset({"vectorDot", "vectorCosine", "vectorEuclidean"})
FILTERS = frozenset(
    {
        "equal", "notEqual", "lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual", "between", "notBetween", "isNull", "isNotNull",
        "startsWith", "endsWith", "notStartsWith", "notEndsWith", "contains", "containsAny", "containsAll", "notContains", "search",
        "notSearch", "exists", "notExists",
    }
) | LOGICAL | SPATIAL | VECTOR  # fmt: skip
METHODS = FILTERS | ORDERS | CURSORS | {"select", "limit", "offset"}


@dataclass(slots=True)
class Query:
    """One query; the values of ``and`` and ``or`` are queries themselves."""

    method: str
    attribute: str
    values: list[Any]

    @property
    def is_filter(self) -> bool:
        return self.method in FILTERS


class UnreadableQuery(ApiError):
    """400: the text is no query at all."""

    def __init__(self, message: str) -> None:
        super().__init__("general_query_invalid", message=message)
        self.message = message


def parse_queries(texts: Iterable[str], methods: frozenset[str] = METHODS) -> list[Query]:
    """
    Read query texts.

    Args:
        methods: the names that are known; a newer feature level knows more.

    Raises:
        UnreadableQuery: with the server's text.
    """
    return [_parse_text(text, methods) for text in texts]


def _parse_text(text: str, methods: frozenset[str]) -> Query:
    try:
        value = decode_json(text)
    except MalformedJson as error:
        raise UnreadableQuery("Invalid query: Syntax error") from error
    if not isinstance(value, dict | list):
        raise UnreadableQuery(f"Invalid query. Must be an array, got {php_type(value)}")
    return parse_object(value, methods)


def parse_object(value: Json, methods: frozenset[str] = METHODS) -> Query:
    """
    Read one decoded query, nested ones included.

    Raises:
        ApiError: ``UnreadableQuery``, or 500 when a nested query is no object (so does the server).
    """
    if not isinstance(value, dict | list):
        raise ApiError("general_unknown")
    fields = value if isinstance(value, dict) else {}
    method, attribute, values = fields.get("method", ""), fields.get("attribute", ""), fields.get("values", [])
    if not isinstance(method, str):
        raise UnreadableQuery(f"Invalid query method. Must be a string, got {php_type(method)}")
    if method not in methods:
        raise UnreadableQuery(f"Invalid query method: {method}")
    if not isinstance(attribute, str):
        raise UnreadableQuery(f"Invalid query attribute. Must be a string, got {php_type(attribute)}")
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list):
        raise UnreadableQuery(f"Invalid query values. Must be an array, got {php_type(values)}")
    if method in LOGICAL:
        values = [parse_object(nested, methods) for nested in values]
    return Query(method, attribute, values)
