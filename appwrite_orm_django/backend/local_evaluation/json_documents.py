"""JSON documents: containment (``contains`` and ``contained_by`` of ``JSONField``), which SQLite lacks, and text that is none."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import JSONField, Lookup
from django.db.models.fields.json import ContainedBy, DataContains, KeyTransform

from appwrite_orm_django.client.texts import check_text


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
