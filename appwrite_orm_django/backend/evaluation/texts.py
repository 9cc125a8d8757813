"""Compare text and JSON documents in SQLite as the server does."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from typing import Any

from django.db import NotSupportedError
from django.db.models import (
    CharField,
    Count,
    Field,
    Func,
    JSONField,
    Lookup,
    Max,
    Min,
    TextField,
)
from django.db.models.expressions import Col, OrderBy, RawSQL, Ref
from django.db.models.fields.json import ContainedBy, DataContains, KeyTransform
from django.db.models.functions import Collate, Greatest, Least
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    LessThan,
    LessThanOrEqual,
    Range,
)
from django.db.models.sql import Query
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.where import ExtraWhere

from appwrite_orm_django.backend.values import RowIdCodec, ScaledDecimalCodec, codec_for
from appwrite_orm_django.client.queries import check_text
from appwrite_orm_django.engines import UNKNOWN_ORDER, collation

COLLATION = "APPWRITE_TEXT"


class Key(Func):
    """The key of a text, which SQLite compares by bytes with the same result as the server."""

    function = "APPWRITE_KEY"
    arity = 1


class RowIdKey(Key):
    """
    The key of the row's own id where text is folded, which SQLite can do itself.

    It has only ASCII letters, digits, ``.``, ``-`` and ``_``.
    """

    function = "UPPER"


def key_of(column: Any, *, folds: bool) -> Key:
    """Return the key of a text column, or of a reference to one."""
    is_own_id = is_row_id(column) and _named(column).target.primary_key
    return RowIdKey(column) if folds and is_own_id else Key(column)


def holds_row_ids(field: Field[Any, Any]) -> bool:
    """Return whether a column holds row ids that are text."""
    codec = codec_for(field)
    return isinstance(codec, RowIdCodec) and codec.is_text


def is_text(node: Any) -> bool:
    """Return whether an expression is a text column."""
    if type(node) is not Col:
        return False
    codec = codec_for(node.target)
    return codec.is_text and not isinstance(codec, ScaledDecimalCodec)


def is_row_id(node: Any) -> bool:
    """Return whether an expression is a column of text row ids, or a reference to one."""
    column = _named(node)
    return type(column) is Col and holds_row_ids(column.target)


def _named(node: Any) -> Any:
    while isinstance(node, Ref):
        node = node.source
    return node


def ordered_by_key(order: OrderBy, query: Query, *, folds: bool, outside: bool) -> OrderBy:
    """
    Order by the key of a text column instead of the column.

    Args:
        folds: whether different texts may be equal.
        outside: whether the rows come from an inner query, as for a filter on a window. Its columns
            are then known only by name.
    """
    column = order.expression
    # Combined and distinct queries can only be ordered by what they select.
    if query.combinator or query.distinct or not is_text(_named(column)):
        return order
    if isinstance(column, PositionRef):
        column = Ref(column.refs, column.source) if outside else column.source
    elif isinstance(column, Ref) and not outside:
        # A table may have a column of this name, which takes precedence over the name of a selected
        # expression.
        return order
    order = order.copy()
    order.expression = key_of(column, folds=folds)
    return order


def with_collation(node: Any) -> Any:
    """Add the collation if row ids are compared with anything but row ids of other columns."""
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
    selected = (
        getattr(lookup.rhs, "select", ())
        if isinstance(lookup, In) and isinstance(lookup.rhs, Query)
        else ()
    )
    return len(selected) == 1 and is_row_id(selected[0]) and not lookup.rhs.combinator  # type: ignore[misc]  # its length was checked above


_ORDERS = (GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, Range)


def refuse_unknown_order(node: Any) -> None:
    """
    Check that a node does not depend on the order of texts.

    Raises:
        NotSupportedError: it does, and only the server knows that order.
    """
    if isinstance(node, OrderBy):
        compared = [node.expression]
    elif isinstance(node, (*_ORDERS, Max, Min, Greatest, Least)):
        compared = [node.lhs] if isinstance(node, Lookup) else node.get_source_expressions()
    else:
        return
    if any(isinstance(_field_of(one), (CharField, TextField)) for one in compared):
        raise NotSupportedError(UNKNOWN_ORDER)


def _field_of(node: Any) -> Any:
    return getattr(_named(node), "_output_field_or_none", None)


def is_unknown(node: Any) -> bool:
    """Return whether an expression may compare columns in an unknown way."""
    kind = type(node)
    return kind in (Func, RawSQL, ExtraWhere) or not kind.__module__.startswith(
        ("django.", "appwrite_orm_django.")
    )


def have_one_spelling(row_ids: Collection[str]) -> bool:
    """Return whether the server treats no two of these different texts as equal."""
    together = "".join(row_ids)
    if together.isascii() and " " not in together and together == together.lower():
        return True
    return len(set(map(collation.fold, row_ids))) == len(row_ids)


def refuse_lone_surrogates(node: Any) -> None:
    """
    Check constants and names of keys in lookups of documents, which JSON escapes as ASCII.

    Raises:
        InvalidText: one of them has a lone surrogate.
    """
    if isinstance(node, KeyTransform):
        check_text(node.key_name)
    elif (
        isinstance(node, Lookup)
        and isinstance(node.lhs.output_field, JSONField)
        and node.rhs_is_direct_value()
    ):
        check_text(json.dumps(node.rhs, ensure_ascii=False, default=str))


def containment_sql(node: DataContains | ContainedBy, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """Compile a containment lookup to a call of ``json_contains``."""
    document, document_params = _document(node, compiler)
    rhs, rhs_params = node.process_rhs(compiler, compiler.connection)
    if isinstance(node, DataContains):
        return f"JSON_CONTAINS({document}, {rhs})", (*document_params, *rhs_params)
    return f"JSON_CONTAINS({rhs}, {document})", (*rhs_params, *document_params)


def _document(node: DataContains | ContainedBy, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """Compile the left side as JSON text: Django returns plain values, so "1" would equal 1."""
    if not isinstance(node.lhs, KeyTransform):
        sql, params = node.process_lhs(compiler, compiler.connection)
        return sql, tuple(params)
    sql, params, _ = node.lhs.preprocess_lhs(compiler, compiler.connection)
    # The function for the path moved to the connection's operations in Django 6.1, but the path is
    # the transform's last parameter in all versions.
    path = node.lhs.as_sqlite(compiler, compiler.connection)[1][-1]
    value = (
        f"CASE WHEN JSON_TYPE({sql}, %s) IN ('true', 'false', 'null') THEN JSON_TYPE({sql}, %s) "
        f"WHEN JSON_TYPE({sql}, %s) IS NOT NULL THEN JSON_QUOTE(JSON_EXTRACT({sql}, %s)) END"
    )
    return value, (*params, path) * 4


def json_contains(target: str | None, candidate: str | None) -> bool | None:
    """
    Return whether one JSON document contains another, like MySQL's function of the same name.

    An object contains another if it has all its keys, with values that contain the other's. An
    array contains another if each of the other's elements is contained in one of its own, and a
    single value if one of its elements contains it. All other values contain their equals. NULL for
    NULL.
    """
    if target is None or candidate is None:
        return None
    return _contains(json.loads(target), json.loads(candidate))


def _contains(target: Any, candidate: Any) -> bool:
    if isinstance(target, dict):
        return isinstance(candidate, dict) and all(
            key in target and _contains(target[key], value) for key, value in candidate.items()
        )
    if isinstance(target, list):
        wanted = candidate if isinstance(candidate, list) else [candidate]
        return all(any(_contains(element, one) for element in target) for one in wanted)
    # In JSON, true does not equal 1.
    return isinstance(target, bool) is isinstance(candidate, bool) and bool(target == candidate)
