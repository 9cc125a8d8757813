"""Parse query texts into ``Query`` objects (recording ``query-errors``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from appwrite_local.errors import ApiError
from appwrite_local.wire import Json, MalformedJson, decode_json, php_type

Level = Literal["1.9", "2.x"]

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

AGGREGATES = frozenset(
    {
        "count", "countDistinct", "sum", "avg", "min", "max", "stddev", "stddevPop", "stddevSamp", "variance", "varPop", "varSamp",
        "bitAnd", "bitOr", "bitXor",
    }
)  # fmt: skip
JOINS = frozenset({"join", "leftJoin", "rightJoin", "fullOuterJoin", "crossJoin", "naturalJoin"})
UNIONS = frozenset({"union", "unionAll"})
# These make a list more than rows of one table.
RICH = AGGREGATES | JOINS | UNIONS | {"groupBy", "having", "distinct"}
_NEW_FILTERS = frozenset({"regex", "covers", "notCovers", "spatialEquals", "notSpatialEquals"})
_METHODS_2X = METHODS | _NEW_FILTERS | RICH
_NESTING_2X = LOGICAL | UNIONS | {"having"}


@dataclass(slots=True)
class Query:
    """
    One query.

    The values of ``and``, ``or`` and ``having`` are queries themselves; those of a join may be.

    Attributes:
        level: the feature level whose rules apply.
    """

    method: str
    attribute: str
    values: list[Any]
    level: Level = "1.9"

    @property
    def is_filter(self) -> bool:
        return self.method in FILTERS or self.method in _NEW_FILTERS


class UnreadableQuery(ApiError):
    """400: the text is not a query."""

    def __init__(self, message: str) -> None:
        super().__init__("general_query_invalid", message=message)
        self.message = message


def parse_queries(texts: Iterable[str], level: Level = "1.9") -> list[Query]:
    """
    Parse query texts.

    Args:
        level: the feature level; a newer one knows more methods.

    Raises:
        UnreadableQuery: with the server's text.
    """
    return [_parse_text(text, level) for text in texts]


def _parse_text(text: str, level: Level) -> Query:
    try:
        value = decode_json(text)
    except MalformedJson as error:
        raise UnreadableQuery("Invalid query: Syntax error") from error
    if not isinstance(value, dict | list):
        raise UnreadableQuery(f"Invalid query. Must be an array, got {php_type(value)}")
    return parse_object(value, level)


def parse_object(value: Json, level: Level = "1.9") -> Query:
    """
    Parse one decoded query, including nested ones.

    Raises:
        ApiError: ``UnreadableQuery``, or 500 if a nested query is not an object (as on the server).
    """
    if not isinstance(value, dict | list):
        raise ApiError("general_unknown")
    fields = value if isinstance(value, dict) else {}
    method, attribute, values = (
        fields.get("method", ""),
        fields.get("attribute", ""),
        fields.get("values", []),
    )
    if not isinstance(method, str):
        raise UnreadableQuery(f"Invalid query method. Must be a string, got {php_type(method)}")
    if method not in (_METHODS_2X if level == "2.x" else METHODS):
        raise _unknown_method(method, level)
    if not isinstance(attribute, str):
        raise UnreadableQuery(
            f"Invalid query attribute. Must be a string, got {php_type(attribute)}"
        )
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list):
        raise UnreadableQuery(f"Invalid query values. Must be an array, got {php_type(values)}")
    if method in (_NESTING_2X if level == "2.x" else LOGICAL):
        values = [parse_object(nested, level) for nested in values]
    elif method in JOINS:
        values = [_join_part(part, level) if isinstance(part, dict) else part for part in values]
    return Query(method, attribute, values, level)


def _unknown_method(method: str, level: Level) -> UnreadableQuery:
    if method == "raw" and level == "2.x":
        return UnreadableQuery(
            "Raw queries cannot be parsed from untrusted input; construct via Query::raw() in code"
        )
    return UnreadableQuery(f"Invalid query method: {method}")


def _join_part(part: dict[str, Any], level: Level) -> Query:
    """Parse a condition inside a join: ``on`` with two columns and an operator, or a filter."""
    if part.get("method") != "on":
        return parse_object(part, level)
    values = part.get("values", [])
    return Query("on", "", values if isinstance(values, list) else [], level)


def is_rich(queries: Iterable[Query]) -> bool:
    """Return whether a list asks for more than rows of one table."""
    return any(query.method in RICH for query in queries)
