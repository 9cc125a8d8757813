"""
Compile checked queries to SQL.

The SQL contains only names made of numbers; every value is a parameter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_local.datetimes import parse_datetime
from appwrite_local.errors import ApiError
from appwrite_local.queries.check import missing_column, read_integer
from appwrite_local.queries.fields import Field, Fields
from appwrite_local.queries.parse import CURSORS, ORDERS, Query
from appwrite_local.sql_functions import is_pattern
from appwrite_local.validators import is_int
from appwrite_local.values import stored_float
from appwrite_local.wire import encode_json, wire_number

DEFAULT_LIMIT = 25
_DOLLAR = re.compile(r"\$[a-z]", re.ASCII | re.IGNORECASE)
_MAX_MARKS = 300


@dataclass(slots=True)
class Condition:
    """A piece of WHERE, and its parameters."""

    sql: str
    params: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Order:
    """``by`` is ``None`` for a random order."""

    by: Field | None
    descending: bool = False

    def sql(self, *, reverse: bool = False) -> str:
        if self.by is None:
            return "RANDOM()"
        descending = self.descending != reverse
        nulls = ""
        if self.by.engine.nulls_last:
            nulls = " NULLS FIRST" if descending else " NULLS LAST"
        return self.by.order + (" DESC" if descending else "") + nulls


@dataclass(slots=True)
class Plan:
    """
    The parts of a list request.

    Attributes:
        limit: ``None`` if the client named none.
        cursor: the query that names a row, if any; the first of several counts, as for limit and
            offset.
        select: selected keys, ``None`` for all.
    """

    where: Condition
    orders: list[Order]
    limit: int | None = None
    offset: int = 0
    cursor: Query | None = None
    select: list[str] | None = None


_NOWHERE = Condition("0")


def compile_queries(queries: Sequence[Query], fields: Fields) -> Plan:
    """Compile queries that ``check_queries`` accepted."""
    plan = Plan(
        all_of([compile_filter(query, fields) for query in queries if query.is_filter]),
        _orders(queries, fields),
    )
    plan.limit, plan.offset = window(queries)
    plan.cursor = next((query for query in queries if query.method in CURSORS), None)
    selected = [
        str(value) for query in queries if query.method == "select" for value in query.values
    ]
    plan.select = None if not selected or "*" in selected else selected
    return plan


def window(queries: Sequence[Query]) -> tuple[int | None, int]:
    """Return limit and offset, as in a ``Plan``."""
    limits = [query for query in queries if query.method == "limit"]
    offsets = [query for query in queries if query.method == "offset"]
    limit = read_integer(limits[0].values[0]) if limits else None
    return limit, (read_integer(offsets[0].values[0]) or 0) if offsets else 0


def _orders(queries: Sequence[Query], fields: Fields) -> list[Order]:
    orders: list[Order] = []
    for query in queries:
        if query.method == "orderRandom":
            if not fields["$sequence"].engine.orders_randomly:
                raise ApiError("general_unknown")
            orders.append(Order(None))
        elif query.method in ORDERS:
            by = _field(query.attribute or "$sequence", fields)
            orders.append(Order(by, query.method == "orderDesc"))
    if not any(order.by is not None and order.by.key in ("$id", "$sequence") for order in orders):
        orders.append(Order(fields["$sequence"]))
    return orders


def after_cursor(plan: Plan, values: Sequence[Any]) -> Condition:
    """
    Compile "beyond the row of the cursor".

    A row is beyond it if the first order column is, or if that is equal and the next one is.

    Args:
        values: the cursor row's values of ``order``, one per order.
    """
    backwards = plan.cursor is not None and plan.cursor.method == "cursorBefore"
    beyond: list[Condition] = []
    equal: list[Condition] = []
    bounds: list[Condition] = []
    for order, value in zip(plan.orders, values, strict=True):
        if order.by is None:
            continue
        if isinstance(value, float) and order.by.engine.floats_as_text:
            value = FilterFloat(value)
        operator = "<" if order.descending != backwards else ">"
        bounds.append(Condition(f"{order.by.order} {operator}= ?", [value]))
        beyond.append(all_of([*equal, Condition(f"{order.by.order} {operator} ?", [value])]))
        equal.append(Condition(f"{order.by.order} = ?", [value]))
    # The bound is redundant, but lets an index start at the cursor: SQLite does not derive it from
    # the alternatives.
    return any_of(beyond) if len(beyond) < 2 else all_of([bounds[0], any_of(beyond)])


def order_by(plan: Plan) -> str:
    backwards = plan.cursor is not None and plan.cursor.method == "cursorBefore"
    return ", ".join(order.sql(reverse=backwards) for order in plan.orders)


def compile_filter(query: Query, fields: Fields) -> Condition:
    if query.method == "and":
        return all_of([compile_filter(nested, fields) for nested in query.values])
    if query.method == "or":
        return any_of([compile_filter(nested, fields) for nested in query.values])
    by = _field(query.attribute, fields)
    return _spatial(query, by) if by.kind == "spatial" else _COMPILERS[query.method](query, by)


def _field(key: str, fields: Fields) -> Field:
    by = fields[key]
    if by.column is not None and by.column.is_lost:
        raise missing_column(fields)
    return by


def _spatial(query: Query, by: Field) -> Condition:
    """Compile a relation of geometries; for null neither the relation nor its negation is true."""
    if query.method.startswith("distance"):
        return Condition(
            f"geo_distant({by.value}, ?, ?)", [query.method, encode_json(query.values[0]).decode()]
        )
    negated = query.method.startswith("not")
    relation = query.method[3].lower() + query.method[4:] if negated else query.method
    relation = {"containsAny": "contains", "containsAll": "contains", "spatialEquals": "equal"}.get(
        relation, relation
    )
    if relation == "contains" and by.engine.borders_are_inside:
        relation = "covers"
    condition = any_of(
        [
            Condition(f"geo_relates({by.value}, ?, ?)", [relation, encode_json(value).decode()])
            for value in query.values
        ]
    )
    return _not(condition) if negated else condition


def all_of(conditions: Sequence[Condition]) -> Condition:
    return _joined(conditions, " AND ", "1")


def any_of(conditions: Sequence[Condition]) -> Condition:
    return _joined(conditions, " OR ", "0")


def _joined(conditions: Sequence[Condition], word: str, empty: str) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    sql = word.join(f"({condition.sql})" for condition in conditions)
    return Condition(
        sql or empty, [value for condition in conditions for value in condition.params]
    )


def _not(condition: Condition) -> Condition:
    return Condition(f"NOT ({condition.sql})", condition.params)


def stored(by: Field, value: Any) -> Any:
    """Convert a query's value to the form of the field's ``compare``."""
    if value is None:
        return None
    if by.kind == "id":
        return by.engine.fold_id(value)
    if by.is_text:
        return by.engine.fold(value)
    if by.kind == "datetime":
        return parse_datetime(value, by.engine.first_year)
    if by.kind == "sequence" and isinstance(value, str) and not value.isdecimal():
        return value  # a UUID
    if by.kind in ("sequence", "integer"):
        return value if isinstance(value, float) else int(value)
    if by.kind == "float":
        if is_int(value) or not by.engine.floats_as_text:
            return value
        if math.isfinite(value):
            return FilterFloat(value)
        # An infinity reaches the database as a word.
        return 0.0 if by.engine.infinity_is_zero else value
    return value


class FilterFloat(float):
    """
    A float as a list sends it to the database: written with 17 digits.

    Source: ``SQL::getFloatPrecision`` in the server's database library.

    Attributes:
        given: the float as it was sent.
    """

    given: float

    def __new__(cls, given: float) -> FilterFloat:
        self = super().__new__(cls, f"{given:.17f}")
        self.given = given
        return self


class InCount(int):
    """A condition that is false (0) where rows are found, and true where they are counted."""


def as_counted(condition: Condition, digits: int) -> Condition:
    """
    Return a condition as the server uses it for counting: floats are cut to so many digits.

    Finding compares with more digits, so the total may include rows that are not found (recording
    ``query-numbers``).
    """
    return Condition(
        condition.sql,
        [
            stored_float(value.given, digits)
            if isinstance(value, FilterFloat)
            else 1
            if isinstance(value, InCount)
            else value
            for value in condition.params
        ],
    )


def _equal(query: Query, by: Field) -> Condition:
    values = [stored(by, value) for value in query.values]
    if len(values) == 1:
        return Condition(f"{by.compare} = ?", values)
    if len(values) > _MAX_MARKS:
        # A hundred lists of 500 would need more parameters than SQLite's default limit of 32,766.
        folded = "ci_fold(value)" if isinstance(values[0], bytes) else "value"
        given = query.values if isinstance(values[0], bytes) else values
        return Condition(
            f"{by.compare} IN (SELECT {folded} FROM json_each(?))", [encode_json(given).decode()]
        )
    return Condition(f"{by.compare} IN ({', '.join('?' * len(values))})", values)


def _compare(operator: str) -> Callable[[Query, Field], Condition]:
    def compile_comparison(query: Query, by: Field) -> Condition:
        condition = Condition(f"{by.compare} {operator} ?", [stored(by, query.values[0])])
        return _not_destroyed(condition, by)

    return compile_comparison


def _not_destroyed(condition: Condition, by: Field) -> Condition:
    """Leave out what an operator has left: in SQLite, a blob is above all texts and numbers."""
    if by.engine.runs_operators:
        return condition
    return Condition(f"({condition.sql} AND typeof({by.value}) <> 'blob')", condition.params)


def _between(query: Query, by: Field) -> Condition:
    return Condition(f"{by.compare} BETWEEN ? AND ?", [stored(by, value) for value in query.values])


def _is_null(_: Query, by: Field) -> Condition:
    return Condition(f"{by.value} IS NULL")


def _starts(query: Query, by: Field) -> Condition:
    part = query.values[0]
    if not by.engine.anchors_patterns and query.method == "startsWith":
        return _contains_exactly(part, by)
    if not by.is_text:
        return _of_number(by, _like(stored(by, part)) + "%")
    if _escapes_itself(part, by):
        return _pattern(by, _escaped(part) + "%")
    part = by.engine.as_stored(part)
    check = Condition(f"ci_starts({by.value}, ?)", [by.engine.like_fold(part)])
    bounds = by.engine.prefix_range(part)
    if bounds is None:
        return check
    return all_of([Condition(f"{by.compare} >= ? AND {by.compare} < ?", list(bounds)), check])


def _ends(query: Query, by: Field) -> Condition:
    part = query.values[0]
    if not by.engine.anchors_patterns and query.method == "endsWith":
        return _contains_exactly(part, by)
    if not by.is_text:
        return _of_number(by, "%" + _like(stored(by, part)))
    if _escapes_itself(part, by):
        return _pattern(by, "%" + _escaped(part))
    part = by.engine.as_stored(part)
    return Condition(f"ci_ends({by.value}, ?)", [by.engine.like_fold(part)])


def _contains_exactly(part: Any, by: Field) -> Condition:
    if not by.is_text:
        return _NOWHERE
    return _not_destroyed(Condition(f"instr({by.value}, ?)", [part]), by)


def _of_number(by: Field, pattern: str) -> Condition:
    if by.engine.patterns_need_text and by.kind != "relationship":
        raise ApiError("general_unknown")
    if not by.engine.casts_patterns:
        return _NOWHERE
    return Condition(f"number_text({by.value}) LIKE ? ESCAPE '!'", [pattern])


def _like(value: Any) -> str:
    text = (
        str(int(value))
        if isinstance(value, bool)
        else str(wire_number(value) if isinstance(value, float) else value)
    )
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _contains_any(query: Query, by: Field) -> Condition:
    if by.array:
        return Condition(f"array_any({by.value}, ?)", [_json(by, query.values)])
    return any_of([_contains(value, by) for value in query.values])


def _contains(part: str, by: Field) -> Condition:
    if _escapes_itself(part, by):
        return _pattern(by, "%" + _escaped(part) + "%")
    part = by.engine.as_stored(part)
    bounds = by.engine.prefix_range(part)
    if bounds is not None and not part.endswith(" "):
        # Folds keep such a part unchanged in any position, and SQLite searches for it many times
        # faster than Python.
        return Condition(f"instr({by.compare}, ?)", [bounds[0]])
    return Condition(f"ci_contains({by.value}, ?)", [by.engine.like_fold(part)])


def _escapes_itself(part: str, by: Field) -> bool:
    """Return whether the server leaves a backslash in a pattern; refuse what it chokes on."""
    if by.engine.fails_on_dollar and _DOLLAR.search(part):
        raise ApiError("general_unknown")
    return "\\" in part and not by.engine.escapes_backslash


def _escaped(part: str) -> str:
    return part.replace("%", "\\%").replace("_", "\\_")


def _pattern(by: Field, pattern: str) -> Condition:
    return Condition(f"ci_like({by.value}, ?)", [pattern])


def _contains_all(query: Query, by: Field) -> Condition:
    if not by.engine.finds_all_contained:
        # Counting takes a text for an array of one.
        held = f"array_all({by.value}, ?)" if by.array else f"array_all(json_array({by.value}), ?)"
        return Condition(f"(? AND {held})", [InCount(), _json(by, query.values)])
    if by.array:
        return Condition(f"array_all({by.value}, ?)", [_json(by, query.values)])
    if query.level == "1.9" and not by.engine.contains_all_as_json:
        return any_of([_pattern(by, _escaped(part)) for part in query.values])
    if query.level == "1.9":
        # On plain text the server searches for JSON and finds nothing (recording
        # ``query-string``).
        return Condition("0")
    return all_of(
        [
            Condition(f"ci_contains({by.value}, ?)", [by.engine.like_fold(value)])
            for value in query.values
        ]
    )


def _regex(query: Query, by: Field) -> Condition:
    pattern = query.values[0]
    if not is_pattern(pattern):
        # The database rejects it at run time, and the server does not handle that error.
        raise ApiError("general_unknown")
    return Condition(f"regex_match({by.value}, ?)", [str(pattern)])


def _json(by: Field, values: list[Any]) -> str:
    if not by.engine.stores_nul and any(
        "\0" in value for value in values if isinstance(value, str)
    ):
        raise ApiError("general_unknown")
    # Floats keep their digits inside arrays, which are stored as JSON.
    return encode_json(
        [value if by.is_text or by.kind == "float" else stored(by, value) for value in values]
    ).decode()


def _search(query: Query, by: Field) -> Condition:
    if not by.searchable:
        return _NOWHERE
    return Condition(f"ft_match({by.value}, ?)", [by.engine.as_stored(query.values[0])])


def _not_search(query: Query, by: Field) -> Condition:
    if not by.engine.text_search:
        return _negated(_search)(query, by)
    part = query.values[0]
    return _or_null(_not(_contains(part, by)), by) if part not in ("", "0") else Condition("1")


def _negated(compiler: Callable[[Query, Field], Condition]) -> Callable[[Query, Field], Condition]:
    def compile_negation(query: Query, by: Field) -> Condition:
        return _or_null(_not(compiler(query, by)), by)

    return compile_negation


def _not_equal(query: Query, by: Field) -> Condition:
    return _or_null(Condition(f"{by.compare} <> ?", [stored(by, query.values[0])]), by)


def _or_null(negation: Condition, by: Field) -> Condition:
    if not by.engine.negations_find_nulls:
        return negation
    return Condition(f"({by.value} IS NULL OR {negation.sql})", negation.params)


def _not_between(query: Query, by: Field) -> Condition:
    return _not_destroyed(_not(_between(query, by)), by)


def _is_not_null(query: Query, by: Field) -> Condition:
    return _not(_is_null(query, by))


def _not_contains(query: Query, by: Field) -> Condition:
    if by.engine.fails_on_dollar and not by.array and len(query.values) > 1:
        # The server hands the list to a function that wants a text.
        raise ApiError("general_unknown")
    return _negated(_contains_any)(query, by)


_COMPILERS: dict[str, Callable[[Query, Field], Condition]] = {
    "equal": _equal,
    "notEqual": _not_equal,
    "lessThan": _compare("<"),
    "lessThanEqual": _compare("<="),
    "greaterThan": _compare(">"),
    "greaterThanEqual": _compare(">="),
    "between": _between,
    "notBetween": _not_between,
    "isNull": _is_null,
    "isNotNull": _is_not_null,
    "startsWith": _starts,
    "notStartsWith": _negated(_starts),
    "endsWith": _ends,
    "notEndsWith": _negated(_ends),
    "contains": _contains_any,
    "containsAny": _contains_any,
    "notContains": _not_contains,
    "containsAll": _contains_all,
    "regex": _regex,
    "search": _search,
    "notSearch": _not_search,
}
