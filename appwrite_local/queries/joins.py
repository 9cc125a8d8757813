"""
Join other tables to the queried one, under aliases of the client's choice.

In SQL the queried table is ``m`` and joined ones are ``j1``, ``j2``, ...; the client's aliases
never reach it. Source: recordings ``join-*``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from appwrite_local.collation import fold
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError
from appwrite_local.queries.fields import Field, Fields, make_field, table_fields
from appwrite_local.queries.parse import JOINS, LOGICAL, ORDERS, Query
from appwrite_local.queries.raw import number_prefix
from appwrite_local.queries.sql import Condition, all_of, compile_filter
from appwrite_local.schema import Table
from appwrite_local.validators import INT64_MAX, INT64_MIN

MAIN = "m"
_NUMBERS = frozenset({"integer", "float", "boolean", "sequence"})
_EXACT = 2.0**53
_WIDEST = 10**300
_OPERATORS = {"=": "=", "!=": "<>", "<>": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Joined:
    """
    One joined table.

    Attributes:
        alias: the client's alias; if empty, nothing can name its columns.
        sql: its alias in SQL.
        conditions: those of ``on`` with two columns and an operator, as sent.
        filters: further conditions of the join.
    """

    method: str
    alias: str
    sql: str
    table: Table
    conditions: tuple[tuple[Any, ...], ...]
    filters: tuple[Query, ...]


class Scope(dict[str, Field]):
    """
    The fields of all tables: those of the queried table by their key, others as ``alias.key``.

    Attributes:
        unknown: names under a known alias that do not exist. The server notices only when it
            queries its database.
    """

    def __init__(self, main: Fields, joined: Sequence[Joined], engine: Engine) -> None:
        super().__init__({key: qualified(field, MAIN) for key, field in main.items()})
        self.unknown: set[str] = set()
        for join in joined:
            if join.alias:
                self.update(aliased(join, engine))

    def admit(self, names: Sequence[str], aliases: frozenset[str]) -> None:
        """Let unknown columns of known tables pass the checks, and record them."""
        for name in names:
            if name not in self and name.partition(".")[0] in aliases and not name.endswith(".*"):
                self[name] = make_field(name, "text", "NULL", accepts=lambda _: True)
                self.unknown.add(name)


def aliased(join: Joined, engine: Engine) -> Fields:
    """Return a joined table's fields as ``alias.key``; only the shape of values is checked."""
    return {
        f"{join.alias}.{key}": replace(qualified(field, join.sql), accepts=_is_scalar)
        for key, field in table_fields(join.table, engine).items()
    }


def qualified(field: Field, table: str) -> Field:
    return replace(field, value=f"{table}.{field.value}", compare=f"{table}.{field.compare}")


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)


def read_joins(
    queries: Sequence[Query], find_table: Callable[[str], Table], main: Table
) -> list[Joined]:
    """
    Parse the joins among queries.

    Raises:
        ApiError: 404 for a table that does not exist. A join that names no table reports the
            queried one.
    """
    joined: list[Joined] = []
    for query in queries:
        if query.method in JOINS and query.attribute and query.method != "naturalJoin":
            joined.append(_read(query, find_table(query.attribute), f"j{len(joined) + 1}"))
            if not query.values and query.method != "crossJoin":
                raise ApiError("table_not_found", id=main.id)
    return joined


def _read(query: Query, table: Table, sql: str) -> Joined:
    nested = [part for part in query.values if isinstance(part, Query)]
    plain = [part for part in query.values if not isinstance(part, Query)]
    if nested or query.method == "crossJoin":
        conditions = tuple(tuple(part.values) for part in nested if part.method == "on")
        alias = plain[0] if plain else ""
    else:
        conditions, alias = (tuple(plain[:3]),), plain[3] if len(plain) > 3 else ""
    filters = tuple(part for part in nested if part.method != "on")
    return Joined(
        query.method, alias if isinstance(alias, str) else "", sql, table, conditions, filters
    )


def names_in(queries: Sequence[Query]) -> Iterator[str]:
    """Yield every column name in queries."""
    for query in queries:
        if query.method in LOGICAL or query.method in JOINS:
            yield from names_in([part for part in query.values if isinstance(part, Query)])
        elif query.method in ("select", "groupBy"):
            yield from (value for value in query.values if isinstance(value, str))
        elif query.is_filter or query.method in ORDERS:
            yield query.attribute


def loosened(query: Query, fields: Fields, *, everywhere: bool = False) -> Query:
    """
    Return a filter with its values converted as the database converts what the server left.

    Args:
        everywhere: whether to convert for columns of the queried table too, and not only for joined
            ones.
    """
    if query.method in LOGICAL:
        nested = [loosened(part, fields, everywhere=everywhere) for part in query.values]
        return replace(query, values=nested)
    field = fields.get(query.attribute)
    if field is None or not (everywhere or "." in query.attribute):
        return query
    return replace(query, values=[_converted(value, field) for value in query.values])


def _converted(value: Any, field: Field) -> Any:
    if field.array or field.kind == "spatial":
        return value
    if isinstance(value, bool):
        value = int(value)
    if field.kind in _NUMBERS:
        return None if value is None else _as_number(value)
    if value is None:
        return "" if field.is_text else None
    return value if isinstance(value, str) else str(value)


def _as_number(value: Any) -> float:
    """Parse a number as the database does: a double if it is wider than 64 bits."""
    number = number_prefix(value) if isinstance(value, str) else value
    if isinstance(number, float):
        if not math.isfinite(number):
            return 0
        return int(number) if number.is_integer() and abs(number) < _EXACT else number
    return (
        number if INT64_MIN <= number <= INT64_MAX else float(min(max(number, -_WIDEST), _WIDEST))
    )


@dataclass(frozen=True, slots=True)
class Source:
    """
    A source of rows.

    Attributes:
        sql: the FROM clause, with its parameters.
        extra: a further condition: the second half of a full join has only rows without a row of
            the queried table.
    """

    sql: Condition
    extra: Condition | None = None

    def where(self, condition: Condition) -> Condition:
        return condition if self.extra is None else all_of([condition, self.extra])


def sources(main: Table, joined: Sequence[Joined], engine: Engine) -> list[Source]:
    """
    Build the sources to read from: one, or the two halves of a full join.

    Raises:
        ApiError: 400 for an invalid operator or column; 500 for columns that do not exist and names
            used twice.
    """
    names = [join.alias or f"\0{join.table.seq}" for join in joined]
    if len(set(names)) < len(names):
        raise ApiError("general_unknown")
    has_full = any(join.method == "fullOuterJoin" for join in joined)
    halves = [Source(_from(main, joined, engine, "leftJoin"))]
    if has_full:
        halves.append(
            Source(_from(main, joined, engine, "rightJoin"), Condition(f"{MAIN}._id IS NULL"))
        )
    return halves


def _from(main: Table, joined: Sequence[Joined], engine: Engine, full: str) -> Condition:
    sql, params = f"{main.sql} AS {MAIN}", []
    known = Scope(table_fields(main, engine), [], engine)
    for join in joined:
        own = {
            key: qualified(field, join.sql)
            for key, field in table_fields(join.table, engine).items()
        }
        if join.alias:
            known.update(aliased(join, engine))
        on = _on(join, known, own)
        target = f"{join.table.sql} AS {join.sql}"
        method = full if join.method == "fullOuterJoin" else join.method
        if method == "rightJoin":
            # Older releases of SQLite have no right join. A lone table in brackets would lose its
            # alias.
            left = f"({sql})" if " JOIN " in sql else sql
            sql = f"{target} LEFT JOIN {left} ON {on.sql}"
        else:
            sql = f"{sql} {'LEFT ' if method == 'leftJoin' else ''}JOIN {target} ON {on.sql}"
        params += on.params
    return Condition(sql, params)


def _on(join: Joined, known: Fields, own: Fields) -> Condition:
    parts = [_column_condition(condition, known, own) for condition in join.conditions]
    parts += [compile_filter(loosened(query, known), known) for query in join.filters]
    return all_of(parts)


def _column_condition(condition: Sequence[Any], known: Fields, own: Fields) -> Condition:
    left, operator, right = (*condition, "", "", "")[:3]
    if not (isinstance(left, str) and isinstance(right, str)):
        raise ApiError("general_query_invalid", message="Join columns must be strings")
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise ApiError("general_query_invalid", message=f"Invalid join operator: {operator}")
    ours, theirs = known.get(left), known.get(right) if "." in right else own.get(right)
    if ours is None or theirs is None:
        raise ApiError("general_unknown")
    return Condition(
        f"{_comparable(ours, theirs)} {_OPERATORS[operator]} {_comparable(theirs, ours)}"
    )


def _comparable(field: Field, other: Field) -> str:
    if field.array or other.array:
        return field.value
    if field.is_text and other.kind in ("integer", "float", "boolean", "sequence"):
        return f"number_prefix({field.value})"
    if field.is_text is not other.is_text:
        return field.value
    if field.kind == "text" and other.kind == "id" and field.engine.fold is not fold:
        # An id compared with case-sensitive text (PostgreSQL): ids are compared without case, and
        # then both sides are.
        return f"id_fold({field.value})"
    return field.compare
