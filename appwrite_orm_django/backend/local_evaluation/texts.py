"""
Text compared as the server does, with few calls of Python.

A collation written in Python is called for every comparison, n log n times for an order or an index. So what a query is ordered and grouped
by are keys (``APPWRITE_FOLD``), one for each row, which SQLite compares by itself. And the columns that hold row ids, by which tables are
joined, have no collation as long as each id that was fetched has one spelling only: then equal means the same. What else a query compares
such a column with brings the collation along.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from django.db.models import Count, Field, Func, Lookup
from django.db.models.expressions import Col, OrderBy, RawSQL
from django.db.models.functions import Collate
from django.db.models.lookups import Exact, In
from django.db.models.sql import Query
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.where import ExtraWhere

from appwrite_orm_django import collation
from appwrite_orm_django.backend.values import RowIdCodec, ScaledDecimalCodec, codec_for

COLLATION = "APPWRITE_TEXT"


class Key(Func):
    """What SQLite has to compare, byte by byte, to find what the server finds."""

    function = "APPWRITE_FOLD"
    arity = 1


class RowIdKey(Key):
    """The same of the row's own id, which has no more than ASCII's letters and digits, and ``.``, ``-``, ``_``: SQLite itself can fold it."""

    function = "UPPER"


def key_of(column: Col) -> Key:
    """Return the key of a column of text."""
    return RowIdKey(column) if is_row_id(column) and column.target.primary_key else Key(column)


def holds_row_ids(field: Field[Any, Any]) -> bool:
    """Say whether a column holds row ids that are text."""
    codec = codec_for(field)
    return isinstance(codec, RowIdCodec) and codec.is_text


def is_text(node: Any) -> bool:
    """Say whether an expression is a column of text, and nothing else."""
    if type(node) is not Col:
        return False
    codec = codec_for(node.target)
    return codec.is_text and not isinstance(codec, ScaledDecimalCodec)


def is_row_id(node: Any) -> bool:
    """Say whether an expression is a column of row ids that are text."""
    return type(node) is Col and holds_row_ids(node.target)


def ordered_by_key(order: OrderBy, query: Query) -> OrderBy:
    """Order by the key of a column of text instead of the column."""
    expression = order.expression
    column = expression.source if isinstance(expression, PositionRef) else expression
    # What is ordered as a whole, or without repetitions, is ordered by what it shows.
    if query.combinator or query.distinct or not is_text(column):
        return order
    order = order.copy()
    order.expression = key_of(column)
    return order


def with_collation(node: Any) -> Any:
    """Bring along the collation where row ids are compared with anything but row ids of other columns."""
    if isinstance(node, Lookup):
        if not is_row_id(node.lhs) or _compares_row_ids(node):
            return node
        node = copy.copy(node)
        node.lhs = Collate(node.lhs, COLLATION)
    elif isinstance(node, Func) and type(node) not in (Count, Collate, Key, RowIdKey):
        sources = node.get_source_expressions()
        if any(map(is_row_id, sources)):
            node = node.copy()
            node.set_source_expressions(
                [Collate(source, COLLATION) if is_row_id(source) else source for source in sources]
            )
    return node


def _compares_row_ids(lookup: Lookup[Any]) -> bool:
    if isinstance(lookup, Exact):
        return is_row_id(lookup.rhs)
    selected = getattr(lookup.rhs, "select", ()) if isinstance(lookup, In) and isinstance(lookup.rhs, Query) else ()
    return len(selected) == 1 and is_row_id(selected[0]) and not lookup.rhs.combinator


def is_unknown(node: Any) -> bool:
    """Say whether an expression may compare columns in ways that only its author knows."""
    kind = type(node)
    return kind in (Func, RawSQL, ExtraWhere) or not kind.__module__.startswith(("django.", "appwrite_orm_django."))


def have_one_spelling(row_ids: Collection[str]) -> bool:
    """Say whether no two of these texts differ and are the same to the server."""
    together = "".join(row_ids)
    if together.isascii() and " " not in together and together == together.lower():
        return True
    return len(set(map(collation.fold, row_ids))) == len(row_ids)
