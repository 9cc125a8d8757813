"""
Reject valid query texts that the server rejects, in its order and with its errors.

Source: recordings ``query-errors``, ``query-internals``, ``query-limits`` and those named after a
column type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appwrite_local import identifiers
from appwrite_local.errors import ApiError, invalid_query
from appwrite_local.geometry import is_geometry, kind_of
from appwrite_local.queries.fields import Field, Fields
from appwrite_local.queries.parse import (
    CURSORS,
    JOINS,
    LOGICAL,
    ORDERS,
    RICH,
    SPATIAL,
    UNIONS,
    VECTOR,
    Query,
)
from appwrite_local.validators import INT64_MAX, is_int, is_number, is_numeric, range_rule

MAX_VALUES = 500
_AT_LEAST_ONE = frozenset({"equal", "contains", "containsAny", "containsAll", "notContains"})
_TWO = frozenset({"between", "notBetween"})
_NONE = frozenset({"isNull", "isNotNull"})
_FOR_ARRAYS = frozenset(
    {"contains", "containsAny", "containsAll", "notContains", "isNull", "isNotNull"}
)
_CONTAINS = frozenset({"contains", "containsAny", "containsAll", "notContains"})
# MariaDB 10.11 has no function for ``covers``: it passes the checks and fails there.
_FOR_SPATIAL = SPATIAL | _CONTAINS | {"equal", "notEqual", "spatialEquals", "notSpatialEquals"}
_CRASHES = frozenset({"exists", "notExists", "elemMatch"})
_SPATIAL_2X = frozenset({"covers", "notCovers", "spatialEquals", "notSpatialEquals"})


def check_queries(
    queries: Sequence[Query],
    fields: Fields,
    fulltext: frozenset[str] = frozenset(),
    selectable: frozenset[str] = frozenset(),
) -> None:
    """
    Reject queries that the server would reject.

    Args:
        fulltext: keys of columns with a fulltext index of their own.
        selectable: names that ``select`` accepts besides the fields.

    Raises:
        ApiError: 400 ``general_query_invalid``; 500 where the server itself fails.
    """
    for query in queries:
        _check(query, fields, selectable)
    for query in _flat(queries):
        field = fields.get(query.attribute)
        if (
            field is not None
            and field.kind == "spatial"
            and query.is_filter
            and query.method not in _FOR_SPATIAL
        ):
            raise ApiError("general_unknown")
        if query.method in ("search", "notSearch") and query.attribute not in fulltext:
            raise ApiError(
                "general_query_invalid",
                message=f'Searching by attribute "{query.attribute}" requires a fulltext index.',
            )
        if query.method in _CRASHES:
            raise ApiError("general_unknown")
        if "." in query.attribute and query.is_filter and query.attribute not in fields:
            raise missing_column(fields)


def missing_column(fields: Fields) -> ApiError:
    """Return the error for SQL about a column that does not exist."""
    any_field = fields["$sequence"]
    return ApiError(any_field.engine.missing_column, id=any_field.table_id)


def _flat(queries: Sequence[Query]) -> list[Query]:
    found: list[Query] = []
    for query in queries:
        found.append(query)
        if query.method in LOGICAL:
            found.extend(_flat(query.values))
    return found


def _check(query: Query, fields: Fields, selectable: frozenset[str]) -> None:
    if query.method == "elemMatch" and query.level == "2.x":
        raise invalid_query("elemMatch is not supported by the database")
    if query.method in LOGICAL:
        for nested in query.values:
            _check(nested, fields, selectable)
    if query.method == "select":
        _check_select(query, fields, selectable)
    elif query.method in ORDERS:
        _check_order(query, fields)
    elif query.method == "limit":
        _check_number(query, "limit", 1)
    elif query.method == "offset":
        _check_number(query, "offset", 0)
    elif query.method in RICH:
        _check_rich(query)
    elif query.method not in CURSORS:
        _check_filter(query, fields)


def _check_rich(query: Query) -> None:
    if query.method == "groupBy" and not query.values:
        raise invalid_query("GroupBy requires at least one attribute")
    if query.method == "having" and not query.values:
        raise invalid_query("Having requires at least one condition")
    if query.method == "naturalJoin":
        raise invalid_query("Natural joins are not supported")
    if query.method in JOINS and not query.attribute:
        raise invalid_query("Join requires a table name")
    if query.method in UNIONS:
        raise ApiError("general_query_invalid", message=f"Invalid query method: {query.method}")


def _check_filter(query: Query, fields: Fields) -> None:
    name = query.method[0].upper() + query.method[1:]
    if query.method in ("and", "or"):
        if not all(nested.is_filter for nested in query.values):
            raise invalid_query(f"{name} queries can only contain filter queries")
        if len(query.values) < 2:
            raise invalid_query(f"{name} queries require at least two queries")
        return
    if query.method in _CRASHES:
        _check_schemaless(query, fields)
        return
    if query.method in _SPATIAL_2X:
        _check_spatial_column(query, fields)
    if query.method.startswith("distance"):
        _check_distance(query)
    elif query.method in _AT_LEAST_ONE or query.method in SPATIAL:
        if not query.values or query.values[0] == []:
            raise invalid_query(f"{name} queries require at least one value.")
    elif query.method in _TWO:
        if len(query.values) != 2:
            raise invalid_query(f"{name} queries require exactly two values.")
    elif query.method not in _NONE and query.method not in VECTOR and len(query.values) != 1:
        raise invalid_query(f"{name} queries require exactly one value.")
    _check_values(query, _known_field(query.attribute, fields))


def _check_schemaless(query: Query, fields: Fields) -> None:
    """Reject queries that need a database without a schema; the older server lets them pass."""
    if query.level == "1.9":
        return
    if not query.values:
        raise invalid_query(
            f"{query.method[0].upper()}{query.method[1:]} queries require at least one value."
        )
    _known_field(query.attribute, fields)


def _check_spatial_column(query: Query, fields: Fields) -> None:
    field = _known_field(query.attribute, fields)
    if field.kind != "spatial":
        raise invalid_query(
            f'Spatial query "{query.method}" cannot be applied on non-spatial attribute: '
            f"{field.key}"
        )


def _check_distance(query: Query) -> None:
    first = query.values[0] if len(query.values) == 1 else None
    if (
        not isinstance(first, list)
        or len(first) != 3
        or not is_number(first[1])
        or not is_geometry(first[0])
    ):
        raise invalid_query("Distance query requires [[geometry, distance]] parameters")


def _known_field(attribute: str, fields: Fields) -> Field:
    field = fields.get(attribute) or fields.get(attribute.partition(".")[0])
    if field is None:
        raise invalid_query(f"Attribute not found in schema: {attribute.partition('.')[0]}")
    if field.encrypted:
        raise invalid_query(f"Cannot query encrypted attribute: {attribute}")
    return field


def _check_values(query: Query, field: Field) -> None:
    if query.method in VECTOR:
        raise invalid_query("Vector queries can only be used on vector attributes")
    if len(query.values) > MAX_VALUES:
        raise invalid_query(f"Query on attribute has greater than {MAX_VALUES} values: {field.key}")
    if field.kind == "spatial" and query.method not in _NONE:
        _check_spatial(query, field)
        return
    if query.method in SPATIAL:
        raise invalid_query(f'Query value is invalid for attribute "{field.key}"')
    if not all(field.accepts(value) for value in query.values):
        raise invalid_query(f'Query value is invalid for attribute "{field.key}"')
    if (
        query.method in _CONTAINS
        and not field.array
        and not field.is_text
        and field.kind not in ("spatial", "relationship")
    ):
        shown = "notContains" if query.method == "notContains" else "contains"
        raise invalid_query(
            f'Cannot query {shown} on attribute "{field.key}" because it is not an array, string, '
            "or object."
        )
    if field.array and query.method not in _FOR_ARRAYS:
        raise invalid_query(
            f'Cannot query {query.method} on attribute "{field.key}" because it is an array.'
        )


def _check_spatial(query: Query, field: Field) -> None:
    if not all(isinstance(value, list) for value in query.values):
        raise invalid_query("Spatial data must be an array")
    geometries = [query.values[0][0]] if query.method.startswith("distance") else query.values
    if not all(is_geometry(geometry) for geometry in geometries):
        raise invalid_query(f'Query value is invalid for attribute "{field.key}"')
    kinds = [kind_of(geometries[0]), "point" if field.column is None else field.column.type]
    if field.engine.short_lines_fail and ["linestring", 1] in [
        [kind_of(geometry), len(geometry)] for geometry in geometries
    ]:
        raise ApiError("general_unknown")
    in_metres = query.method.startswith("distance") and query.values[0][2]
    if in_metres and field.engine.metres_need_points and kinds != ["point", "point"]:
        raise ApiError(
            "general_query_invalid",
            message=f"Distance in meters is not supported between {kinds[1]} and {kinds[0]}",
        )


def _check_select(query: Query, fields: Fields, selectable: frozenset[str]) -> None:
    if not query.values:
        raise invalid_query("No attributes selected")
    if len({str(value) for value in query.values}) < len(query.values):
        raise invalid_query("Duplicate attributes selected")
    for value in query.values:
        if isinstance(value, str) and (value == "*" or value in selectable):
            continue
        name = str(value).partition(".")[0]
        if name not in fields and str(value) not in fields:
            raise invalid_query(f"Attribute not found in schema: {name}")


def _check_order(query: Query, fields: Fields) -> None:
    if query.method == "orderRandom" or not query.attribute or query.attribute in fields:
        return
    name = query.attribute.partition(".")[0]
    if "." in query.attribute and name in fields:
        raise invalid_query(f"Cannot order by nested attribute: {name}")
    raise invalid_query(f"Attribute not found in schema: {name}")


def _check_number(query: Query, name: str, low: int) -> None:
    value = query.values[0] if query.values else None
    if not is_numeric(value):
        # The server says "limit" for both.
        raise invalid_query("Invalid limit: Value must be a valid number")
    number = read_integer(value)
    if number is None or not low <= number <= INT64_MAX:
        raise invalid_query(f"Invalid {name}: {range_rule(low, INT64_MAX)}")


def read_integer(value: Any) -> int | None:
    """Return the integer of a checked limit or offset: an int64, or a text of one."""
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if digits.lstrip("+-").isdecimal() else value
    return value if is_int(value) else None


def check_cursor(query: Query, longest: int = identifiers.LONGEST) -> str:
    """
    Return the id of a cursor's row, of up to ``longest`` characters.

    Raises:
        ApiError: 400 if it is not an id.
    """
    value = query.values[0] if query.values else None
    if not identifiers.is_valid(value, longest):
        rule = identifiers.uid_rule(longest)
        raise ApiError("general_query_invalid", message=f"Invalid cursor: {rule}")
    return str(value)
