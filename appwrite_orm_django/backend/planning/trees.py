"""
Combine filters of the server into trees, and trees into conditions.

A narrowing is the set of rows that a tree selects: exactly the wanted rows, or a marked superset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appwrite_orm_django.backend.commands import Condition, Membership, ValuesOf
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query

# Leaves room for limit, offset, cursor, select and orders among the server's 100 queries per
# request.
_MAX_TOP_LEVEL = 80


@dataclass(frozen=True, slots=True)
class Leaf:
    """One Appwrite filter."""

    query: Query


@dataclass(frozen=True, slots=True)
class IsIn:
    """
    The condition ``column in values``.

    The values may be too many for one filter, or not known yet.
    """

    column: str
    values: tuple[Any, ...] | ValuesOf


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool


Tree = Leaf | IsIn | AllOf | AnyOf | Constant


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The rows that ``tree`` selects: exactly the wanted rows if ``exact``, else a superset."""

    tree: Tree
    exact: bool = True


ALWAYS = Narrowing(Constant(True))
NEVER = Narrowing(Constant(False))
UNKNOWN = Narrowing(Constant(True), exact=False)


def leaf(query: Query, *, exact: bool = True) -> Narrowing:
    return Narrowing(Leaf(query), exact)


def both(parts: Iterable[Narrowing]) -> Narrowing:
    """Combine parts into the rows that fulfil every part."""
    kept: list[Tree] = []
    exact = True
    for part in parts:
        if part.tree == Constant(False):
            return NEVER
        exact = exact and part.exact
        if part.tree != Constant(True):
            kept.extend(part.tree.parts if isinstance(part.tree, AllOf) else (part.tree,))
    if not kept:
        return ALWAYS if exact else UNKNOWN
    return Narrowing(kept[0] if len(kept) == 1 else AllOf(tuple(kept)), exact)


def either(parts: Iterable[Narrowing]) -> Narrowing:
    """Combine parts into the rows that fulfil at least one part."""
    kept: list[Tree] = []
    exact = True
    for part in parts:
        if part.tree == Constant(True):
            return ALWAYS if part.exact else UNKNOWN
        if part.tree == Constant(False):
            continue
        exact = exact and part.exact
        kept.extend(part.tree.parts if isinstance(part.tree, AnyOf) else (part.tree,))
    if not kept:
        return NEVER
    return Narrowing(kept[0] if len(kept) == 1 else AnyOf(tuple(kept)), exact)


def to_condition(narrowing: Narrowing) -> tuple[Condition | None, bool]:
    """
    Return a narrowing as a ``Condition``, and whether the condition is exact.

    None stands for no row at all. Parts that exceed the server's limits (4,096 characters a query,
    100 queries a request) are left out, which makes the condition a superset.
    """
    if narrowing.tree == Constant(False):
        return None, True
    parts = narrowing.tree.parts if isinstance(narrowing.tree, AllOf) else (narrowing.tree,)
    written: list[Query] = []
    memberships: list[Membership] = []
    exact = narrowing.exact
    for part in parts:
        if part == Constant(True):
            continue
        if isinstance(part, IsIn):
            memberships.append(Membership(part.column, part.values))
            continue
        query = to_query(part)
        if (
            query is None
            or len(query.to_json()) > queries.MAX_QUERY_LENGTH
            or len(written) >= _MAX_TOP_LEVEL
        ):
            exact = False
        else:
            written.append(query)
    if len(memberships) > 1:
        memberships, exact = _drop_unbounded_products(memberships, exact)
    return Condition(tuple(written), tuple(memberships)), exact


def _drop_unbounded_products(
    memberships: list[Membership], exact: bool
) -> tuple[list[Membership], bool]:
    """
    Keep at most one membership of unknown length.

    Two of them would multiply the number of requests.
    """
    kept: list[Membership] = []
    unbounded = 0
    for membership in sorted(memberships, key=lambda m: isinstance(m.values, ValuesOf)):
        if isinstance(membership.values, ValuesOf) or len(membership.values) > queries.MAX_VALUES:
            unbounded += 1
            if unbounded > 1:
                exact = False
                continue
        kept.append(membership)
    return kept, exact


def to_query(tree: Tree) -> Query | None:
    """Return a tree as one filter; None if it is not one."""
    if isinstance(tree, Leaf):
        return tree.query
    if isinstance(tree, IsIn):
        if isinstance(tree.values, ValuesOf) or len(tree.values) > queries.MAX_VALUES:
            return None
        return queries.equal(tree.column, *tree.values)
    if isinstance(tree, (AllOf, AnyOf)):
        inner = [to_query(part) for part in tree.parts]
        if any(query is None for query in inner):
            return None
        combine = queries.and_ if isinstance(tree, AllOf) else queries.or_
        return combine(*[query for query in inner if query is not None])
    return None


def is_in(key: str, wires: tuple[Any, ...]) -> Narrowing:
    """Translate ``key in wires``."""
    if not wires:
        return NEVER
    if len(wires) == 1:
        return leaf(queries.equal(key, wires[0]))
    return Narrowing(IsIn(key, wires))
