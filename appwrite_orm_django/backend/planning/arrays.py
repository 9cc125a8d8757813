"""Translate the lookups of array columns, whose elements the server compares exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.planning.trees import UNKNOWN, Narrowing, both, either, leaf
from appwrite_orm_django.backend.planning.where import Scope, in_scope
from appwrite_orm_django.backend.values import codec_for, column_key
from appwrite_orm_django.client import queries

if TYPE_CHECKING:
    from django.db.models import Lookup


def contains(lookup: Lookup, truth_value: bool, scope: Scope) -> Narrowing:
    """Narrow to the rows whose array contains every one of these elements."""
    elements = _elements(lookup, scope)
    if elements is None or not elements:
        return UNKNOWN
    key = column_key(lookup.lhs.target)
    if truth_value:
        return both([leaf(queries.contains(key, element)) for element in elements])
    return either(_without(key, scope, element) for element in elements)


def overlap(lookup: Lookup, truth_value: bool, scope: Scope) -> Narrowing:
    """Narrow to the rows whose array contains at least one of these elements."""
    elements = _elements(lookup, scope)
    if elements is None or not elements or len(elements) > queries.MAX_VALUES:
        return UNKNOWN
    key = column_key(lookup.lhs.target)
    if truth_value:
        return leaf(queries.contains(key, *elements))
    return _without(key, scope, *elements)


def _without(key: str, scope: Scope, *elements: Any) -> Narrowing:
    """Narrow to the rows with none of these elements; null is an empty array."""
    none_of_them = leaf(queries.not_contains(key, *elements))
    if scope.engine.negations_match_nulls:
        return none_of_them
    return either([none_of_them, leaf(queries.is_null(key))])


def _elements(lookup: Lookup, scope: Scope) -> list[Any] | None:
    if not in_scope(lookup.lhs, scope) or not isinstance(lookup.rhs, list):
        return None
    field = lookup.lhs.target
    try:
        elements = list(
            codec_for(field).encode(
                field.get_db_prep_value(lookup.rhs, scope.connection, prepared=True)
            )
        )
    except ValueError:
        return None
    return None if None in elements else elements
