"""
An algebra of conditions in which "do not know" has a place.

A ``Narrowing`` describes a set of rows of one table: a tree over Appwrite queries, and whether that set is exactly the one
asked for or only contains it. Every operation keeps that promise, so a where-tree of which the server understands half
still narrows what has to be fetched, and is pushed down whole only when it is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appwrite_orm_django.backend.commands.conditions import Condition, Membership, ValuesOf
from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query

# Room for limit, offset, cursor, select and orders below the server's 100 queries a request.
_MAX_TOP_LEVEL = 80


@dataclass(frozen=True, slots=True)
class Leaf:
    """One Appwrite filter."""

    query: Query


@dataclass(frozen=True, slots=True)
class IsIn:
    """``column in values``, where the values may be too many for one filter or not known yet."""

    column: str
    values: tuple[Any, ...] | ValuesOf


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool


Tree = Leaf | IsIn | All | Any_ | Constant


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The rows that ``tree`` describes; exactly the ones wanted if ``exact``, else a superset of them."""

    tree: Tree
    exact: bool = True


ALWAYS = Narrowing(Constant(True))
NEVER = Narrowing(Constant(False))
UNKNOWN = Narrowing(Constant(True), exact=False)


def leaf(query: Query, *, exact: bool = True) -> Narrowing:
    return Narrowing(Leaf(query), exact)


def both(parts: Iterable[Narrowing]) -> Narrowing:
    """Return the rows that fulfil every part."""
    kept: list[Tree] = []
    exact = True
    for part in parts:
        if part.tree == Constant(False):
            return NEVER
        exact = exact and part.exact
        if part.tree != Constant(True):
            kept.extend(part.tree.parts if isinstance(part.tree, All) else (part.tree,))
    if not kept:
        return ALWAYS if exact else UNKNOWN
    return Narrowing(kept[0] if len(kept) == 1 else All(tuple(kept)), exact)


def either(parts: Iterable[Narrowing]) -> Narrowing:
    """Return the rows that fulfil at least one part."""
    kept: list[Tree] = []
    exact = True
    for part in parts:
        if part.tree == Constant(True):
            if part.exact:
                return ALWAYS
            return UNKNOWN
        if part.tree == Constant(False):
            continue
        exact = exact and part.exact
        kept.extend(part.tree.parts if isinstance(part.tree, Any_) else (part.tree,))
    if not kept:
        return NEVER
    return Narrowing(kept[0] if len(kept) == 1 else Any_(tuple(kept)), exact)


def to_condition(narrowing: Narrowing) -> tuple[Condition | None, bool]:
    """
    Write a narrowing as a ``Condition`` and say whether that is exact.

    None stands for "no row at all". What does not fit the server's limits (4,096 characters a query, 100 queries a request)
    is left out, which makes the condition a superset.
    """
    if narrowing.tree == Constant(False):
        return None, True
    parts = narrowing.tree.parts if isinstance(narrowing.tree, All) else (narrowing.tree,)
    written: list[Query] = []
    memberships: list[Membership] = []
    exact = narrowing.exact
    for part in parts:
        if part == Constant(True):
            continue
        if isinstance(part, IsIn):
            memberships.append(Membership(part.column, part.values))
            continue
        query = _to_query(part)
        if query is None or len(query.to_json()) > queries.MAX_QUERY_LENGTH or len(written) >= _MAX_TOP_LEVEL:
            exact = False
        else:
            written.append(query)
    if len(memberships) > 1:
        memberships, exact = _drop_unbounded_products(memberships, exact)
    return Condition(tuple(written), tuple(memberships)), exact


def _drop_unbounded_products(memberships: list[Membership], exact: bool) -> tuple[list[Membership], bool]:
    """Keep one membership of unknown length at most: two of them would multiply the requests."""
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


def _to_query(tree: Tree) -> Query | None:
    if isinstance(tree, Leaf):
        return tree.query
    if isinstance(tree, IsIn):
        if isinstance(tree.values, ValuesOf) or len(tree.values) > queries.MAX_VALUES:
            return None
        return queries.equal(tree.column, *tree.values)
    if isinstance(tree, (All, Any_)):
        inner = [_to_query(part) for part in tree.parts]
        if any(query is None for query in inner):
            return None
        combine = queries.and_ if isinstance(tree, All) else queries.or_
        return combine(*[query for query in inner if query is not None])
    return None
