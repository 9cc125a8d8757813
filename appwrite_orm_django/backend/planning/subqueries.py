"""Tell subqueries that refer to rows of an outer query from those that can run by themselves."""

from __future__ import annotations

from typing import Any

from django.db.models import sql
from django.db.models.expressions import OuterRef, ResolvedOuterRef


def is_correlated(query: sql.Query) -> bool:
    """Return whether the query refers to rows of an outer query."""
    if query.get_external_cols() or _mentions_outer(query.where):
        return True
    return any(_mentions_outer(value) for value in query.annotations.values())


def _mentions_outer(expression: Any) -> bool:
    if isinstance(expression, (OuterRef, ResolvedOuterRef)):
        return True
    if isinstance(expression, sql.Query):
        return is_correlated(expression)
    sources = getattr(expression, "get_source_expressions", None)
    return sources is not None and any(
        _mentions_outer(source) for source in sources() if source is not None
    )
