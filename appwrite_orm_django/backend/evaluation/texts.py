"""Texts and JSON documents in the private SQLite, compared as the server does."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from typing import Any

from django.db.models import Count, Field, Func, JSONField, Lookup
from django.db.models.expressions import Col, OrderBy, RawSQL, Ref
from django.db.models.fields.json import ContainedBy, DataContains, KeyTransform
from django.db.models.functions import Collate
from django.db.models.lookups import Exact, In
from django.db.models.sql import Query
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.where import ExtraWhere

from appwrite_orm_django.backend.values import RowIdCodec, ScaledDecimalCodec, codec_for
from appwrite_orm_django.client.queries import check_text
from appwrite_orm_django.schema import collation

COLLATION = "APPWRITE_TEXT"


class Key(Func):
    """What SQLite has to compare, byte by byte, to find what the server finds."""

    function = "APPWRITE_FOLD"
    arity = 1


class RowIdKey(Key):
    """The same of the row's own id, which has no more than ASCII's letters and digits, and ``.``, ``-``, ``_``: SQLite itself can fold it."""

    function = "UPPER"


def key_of(column: Any) -> Key:
    """Return the key of a column of text, or of a name that stands for one."""
    return RowIdKey(column) if is_row_id(column) and _named(column).target.primary_key else Key(column)


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
    """Say whether an expression is a column of row ids that are text, or a name that stands for one."""
    column = _named(node)
    return type(column) is Col and holds_row_ids(column.target)


def _named(node: Any) -> Any:
    while isinstance(node, Ref):
        node = node.source
    return node


def ordered_by_key(order: OrderBy, query: Query, *, outside: bool) -> OrderBy:
    """
    Order by the key of a column of text instead of the column.

    Args:
        outside: the rows come from a query inside, as where a filter compares what windows compute: its columns have their names only.
    """
    column = order.expression
    # What is ordered as a whole, or without repetitions, is ordered by what it shows.
    if query.combinator or query.distinct or not is_text(_named(column)):
        return order
    if isinstance(column, PositionRef):
        column = Ref(column.refs, column.source) if outside else column.source
    elif isinstance(column, Ref) and not outside:
        # A table may have a column of this name, which an expression would find before the name of what is selected.
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


def refuse_lone_surrogates(node: Any) -> None:
    """
    Check the constants of lookups in documents, and the names of keys: as JSON they are escaped, and pass for ASCII.

    Raises:
        InvalidText: one has a lone surrogate.
    """
    if isinstance(node, KeyTransform):
        check_text(node.key_name)
    elif isinstance(node, Lookup) and isinstance(node.lhs.output_field, JSONField) and node.rhs_is_direct_value():
        check_text(json.dumps(node.rhs, ensure_ascii=False, default=str))


def containment_sql(node: DataContains | ContainedBy, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """Compile one of these lookups to a call of ``json_contains``."""
    document, document_params = _document(node, compiler)
    rhs, rhs_params = node.process_rhs(compiler, compiler.connection)
    if isinstance(node, DataContains):
        return f"JSON_CONTAINS({document}, {rhs})", (*document_params, *rhs_params)
    return f"JSON_CONTAINS({rhs}, {document})", (*rhs_params, *document_params)


def _document(node: DataContains | ContainedBy, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """Compile the left side as JSON text: what a key leads to comes from Django as a plain value, and "1" would pass for 1."""
    if not isinstance(node.lhs, KeyTransform):
        sql, params = node.process_lhs(compiler, compiler.connection)
        return sql, tuple(params)
    sql, params, _ = node.lhs.preprocess_lhs(compiler, compiler.connection)
    # What writes the path moved from a function to the connection's operations in Django 6.1; the transform ends with it on all of them.
    path = node.lhs.as_sqlite(compiler, compiler.connection)[1][-1]
    value = (
        f"CASE WHEN JSON_TYPE({sql}, %s) IN ('true', 'false', 'null') THEN JSON_TYPE({sql}, %s) "
        f"WHEN JSON_TYPE({sql}, %s) IS NOT NULL THEN JSON_QUOTE(JSON_EXTRACT({sql}, %s)) END"
    )
    return value, (*params, path) * 4


def json_contains(target: str | None, candidate: str | None) -> bool | None:
    """
    Say whether one JSON document contains another, as MySQL's function of this name does.

    Objects contain those of whose keys each is there with a value that contains the other's; arrays contain arrays of whose elements each
    is contained in one of theirs, and single values that one of their elements contains; all else contains its equal. NULL for NULL.
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
    # In JSON true is no 1.
    return isinstance(target, bool) is isinstance(candidate, bool) and bool(target == candidate)
