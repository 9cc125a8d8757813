"""``column in (subquery)``: a command of its own, whose values become a filter when it has run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import OuterRef, ResolvedOuterRef
from django.db.models.sql import Query

from appwrite_orm_django.backend.borders import refuse_other_databases
from appwrite_orm_django.backend.commands.conditions import ValuesOf
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.pushdown.truth import NEVER, UNKNOWN, IsIn, Narrowing

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.values import Codec


def narrowing(lookup: Any, key: str, codec: Codec, connection: DatabaseWrapper) -> Narrowing:
    """Describe the rows whose column ``key`` is among the values of ``lookup.rhs``, if that is a query of its own."""
    query = lookup.rhs
    if not isinstance(query, Query) or is_correlated(query):
        return UNKNOWN
    if getattr(query, "_db", None) not in (None, connection.alias):
        raise ValueError(
            "Subqueries aren't allowed across different databases. Force the inner query to be evaluated using "
            "`list(inner_query)`."
        )
    if query.model is not None:
        refuse_other_databases(lookup.lhs.target.model, [query.model], connection.alias)
    query = query.clone()
    target = lookup.lhs.output_field
    target = getattr(target, "target_field", None) or target
    if not query.has_select_fields and not target.primary_key:
        # What RelatedIn does: compare with the field that the relation points to, not with the primary key.
        query.clear_select_clause()
        query.add_fields([target.name], True)
    compiler = query.get_compiler(connection=connection)
    try:
        command, _ = compiler.as_sql()
    except EmptyResultSet:
        return NEVER

    def encode(value: Any) -> Any:
        return codec.encode(target.get_db_prep_value(value, connection, prepared=False))

    return Narrowing(IsIn(key, ValuesOf(command, encode, definition_of(lookup.lhs.output_field, target))))


def is_correlated(query: Query) -> bool:
    """Say whether the query refers to rows of a query around it."""
    if query.get_external_cols() or _mentions_outer(query.where):
        return True
    return any(_mentions_outer(value) for value in query.annotations.values())


def _mentions_outer(expression: Any) -> bool:
    if isinstance(expression, (OuterRef, ResolvedOuterRef)):
        return True
    if isinstance(expression, Query):
        return is_correlated(expression)
    sources = getattr(expression, "get_source_expressions", None)
    return sources is not None and any(_mentions_outer(source) for source in sources() if source is not None)
