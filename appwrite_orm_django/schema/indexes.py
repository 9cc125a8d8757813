"""
Choose the indexes of a model's table.

As on any database, there is an index for each foreign key and ``db_index``, a unique index for each
``unique``, ``unique_together`` and ``UniqueConstraint``, and those of ``Meta.indexes``. A second
index over the same columns is left out if the first one does all that it would do. ``unique``
decides which columns a unique index covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constraints import BaseConstraint
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower, Upper

from appwrite_orm_django.engines import MARIADB, Engine

from .definitions import COMPARED, Column, Index
from .errors import UnsupportedModel
from .keys import has_derived_ids, key_fields
from .limits import index_lengths
from .names import KEY_INDEX, SYSTEM_COLUMNS, index_key
from .unique import local_key, wanted_unique

Model = type[models.Model]

#: Functions of a text that give the same rows the same order where case does not count.
_CASES = frozenset({Lower, Upper})

#: Names that the server rejects (recording indexes-errors).
_RESERVED = frozenset({"primary"})


def indexes_for(
    model: Model,
    table_id: str,
    columns: tuple[Column, ...],
    engine: Engine = MARIADB,
    *,
    indexes: Iterable[models.Index] | None = None,
    constraints: Iterable[BaseConstraint] | None = None,
    unique_together: Iterable[Iterable[str]] | None = None,
) -> tuple[tuple[Index, ...], tuple[str, ...]]:
    """
    Return the indexes of a model's table, and notes about everything that Appwrite cannot index.

    Args:
        model: the model.
        table_id: the id of its table.
        columns: the columns of its table.
        engine: the rules of the engine under the server.
        indexes: the indexes to use instead of those of ``Meta``.
        constraints: the constraints to use instead of those of ``Meta``.
        unique_together: the value to use instead of that of ``Meta``.

    Raises:
        UnsupportedModel: an index covers an array, or a field without a column in this table.
        SchemaTooLarge: a unique index is too long.
    """
    by_key = {column.key: column for column in columns}
    meta = model._meta
    constraints = list(meta.constraints if constraints is None else constraints)
    notes: list[str] = []
    refused: list[UnsupportedModel] = []
    wanted = [
        *_unique_indexes(model, unique_together, constraints, engine, notes, refused),
        *_named_indexes(
            model, meta.indexes if indexes is None else indexes, engine, notes, refused
        ),
        *_field_indexes(model, refused),
        *_key_indexes(model),
    ]
    chosen: list[Index] = []
    # Unique indexes come before plain ones, because they serve queries just as well.
    for index in sorted(wanted, key=lambda index: index.type != "unique"):
        refused += (
            UnsupportedModel(
                f"{model._meta.label}: Appwrite cannot index the array {key}.\nWay out: drop the "
                "index."
            )
            for key in index.columns
            if (column := by_key.get(key)) is not None and column.array
        )
        # Every table has an index over ``$id``, but no other index of its own.
        if index.columns == ("$id",):
            continue
        if not index.lengths:
            index = replace(index, lengths=index_lengths(table_id, index, by_key, engine))
        if any(_replaces(one, index) for one in chosen):
            continue
        if index.type == "unique" and (why := _why_unenforced(index, by_key, engine)):
            refused.append(
                UnsupportedModel(
                    f"{model._meta.label}: on {engine.label}, Appwrite does not enforce the unique "
                    f"index {index.key} over {', '.join(index.columns)}, because {why}."
                )
            )
            continue
        if not engine.takes_identical_indexes:
            other = next((one for one in chosen if one.excludes(index)), None)
            if other is not None and index.type == "fulltext":
                refused.append(
                    UnsupportedModel(
                        f"{model._meta.label}: {other.key} and {index.key} are fulltext indexes; "
                        f"on {engine.label} a table has one at most.\n"
                        "Way out: drop one of them."
                    )
                )
            elif other is not None:
                # The other one serves the same queries, and excludes the same rows.
                notes.append(
                    f"{model._meta.label}: the index {index.key} is left out; on {engine.label}, "
                    f"{other.key} over the same columns excludes another one."
                )
                continue
        if index.type == "unique" and any(index.lengths) and not engine.cuts_unique_values:
            notes.append(
                f"{model._meta.label}: on {engine.label}, the unique index {index.key} compares "
                "whole texts; its lengths have no effect."
            )
        chosen.append(index)
    if refused:
        raise UnsupportedModel.of(refused)
    notes += _unchecked_constraints(model, constraints)
    return tuple(chosen), tuple(notes)


def _replaces(one: Index, other: Index) -> bool:
    """
    Return whether a table that has one index needs no other over the same columns.

    Only a fulltext index serves searches, and it serves nothing else. A unique index over the
    beginnings of texts excludes more rows than one over whole texts.
    """
    return (
        one.columns == other.columns
        and (one.type in COMPARED) == (other.type in COMPARED)
        and (other.type != "unique" or one.lengths == other.lengths)
    )


def _why_unenforced(index: Index, by_key: dict[str, Column], engine: Engine) -> str:
    """Return why an engine would not enforce a unique index, and the way out; "" if it does."""
    if engine.unique_types is None or "$id" in index.columns:
        return ""
    if system := SYSTEM_COLUMNS.intersection(index.columns):
        return f"{min(system)} is no text.\nWay out: drop the index"
    found = (by_key.get(key) for key in index.columns)
    if all(column is None or column.type in engine.unique_types for column in found):
        return ""
    return (
        "not all of these are text.\nWay out: declare a UniqueConstraint instead of the index; the "
        "library enforces it"
    )


def _unique_indexes(
    model: Model,
    together: Iterable[Iterable[str]] | None,
    constraints: Iterable[BaseConstraint],
    engine: Engine,
    notes: list[str],
    refused: list[UnsupportedModel],
) -> Iterator[Index]:
    for wanted in wanted_unique(model, constraints, together):
        try:
            rule = wanted.rule(engine)
        except UnsupportedModel as error:
            refused.append(error)
            continue
        if rule.reason:
            # As on databases that cannot enforce it either.
            notes.append(
                f"{model._meta.label}: the unique constraint {rule.name} is checked by "
                f"full_clean() only; {rule.reason}."
            )
        else:
            yield Index(_index_name(rule.name), "unique", rule.columns)


def _named_indexes(
    model: Model,
    indexes: Iterable[models.Index],
    engine: Engine,
    notes: list[str],
    refused: list[UnsupportedModel],
) -> Iterator[Index]:
    for index in indexes:
        fields_orders = index.fields_orders or _ordered_names(model, index, engine)
        reason = (
            "expressions"
            if fields_orders is None
            else "a condition"
            if index.condition is not None
            else None
        )
        if reason:
            # As on MySQL, a missing index makes queries slower, not wrong.
            notes.append(
                f"{model._meta.label}: the index {index.name} is left out because Appwrite has no "
                f"indexes with {reason}."
            )
            continue
        try:
            columns = tuple(local_key(model, name) for name, _order in fields_orders or ())
        except UnsupportedModel as error:
            refused.append(error)
            continue
        orders: tuple[Literal["ASC", "DESC"], ...] = tuple(
            "DESC" if order else "ASC" for _name, order in fields_orders or ()
        )
        kind: Literal["key", "unique", "fulltext", "spatial"] = getattr(
            index, "appwrite_type", "key"
        )
        lengths: tuple[int, ...] = getattr(index, "appwrite_lengths", ())
        yield Index(
            _index_name(index.name), kind, columns, orders if "DESC" in orders else (), lengths
        )


def _ordered_names(
    model: Model, index: models.Index, engine: Engine
) -> list[tuple[str, str]] | None:
    """
    Return the fields of an index whose expressions are all fields, and the order of each.

    It is a plain index, as it is for the other backends of Django. Where the engine compares texts
    without case, the lower or upper case of a text is a field as well: the index of the text has
    the same order, and finds the same rows.
    """
    found: dict[str, str] = {}
    for expression in index.expressions:
        order = ""
        if isinstance(expression, OrderBy):
            if expression.nulls_first or expression.nulls_last:
                return None
            order, expression = "DESC" if expression.descending else "", expression.expression
        name = _field_name(model, expression, folds=engine.folds_text)
        if name is None:
            return None
        found.setdefault(name, order)
    return list(found.items())


def _field_name(model: Model, expression: Any, *, folds: bool) -> str | None:
    """Return the name of the field by which an expression orders rows, or None."""
    changes_case = type(expression) in _CASES
    if changes_case:
        (expression,) = expression.get_source_expressions()
    if type(expression) is not models.F:
        return None
    path: str = expression.name  # type: ignore[attr-defined]  # missing in django-stubs
    name, *transforms = path.split("__")
    if not (changes_case or transforms):
        return name
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None  # after a RenameField alone
    if not (folds and isinstance(field, (models.CharField, models.TextField))):
        return None
    return name if all(field.get_transform(one) in _CASES for one in transforms) else None


def _field_indexes(model: Model, refused: list[UnsupportedModel]) -> Iterator[Index]:
    for field in model._meta.local_concrete_fields:
        if getattr(field, "db_index", False) and not field.unique:
            try:
                key = local_key(model, field.name)
            except UnsupportedModel as error:
                refused.append(error)
                continue
            yield Index(_index_name(f"{key.lstrip('$')}_idx"), "key", (key,))


def _key_indexes(model: Model) -> Iterator[Index]:
    """Yield the index for orders and comparisons by a primary key that is not the row's id."""
    if has_derived_ids(model):
        yield Index(
            KEY_INDEX, "key", tuple(local_key(model, field.name) for field in key_fields(model))
        )


def _unchecked_constraints(model: Model, constraints: Iterable[BaseConstraint]) -> list[str]:
    return [
        f"{model._meta.label}: the constraint {constraint.name} is checked by full_clean() only; "
        f"Appwrite has no {type(constraint).__name__}."
        for constraint in constraints
        if isinstance(constraint, BaseConstraint)
        and not isinstance(constraint, models.UniqueConstraint)
    ]


def _index_name(name: str) -> str:
    return index_key(f"{name}_idx" if name.lower() in _RESERVED else name)
