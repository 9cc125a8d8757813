"""
Choose the indexes of a model's table.

As on any database, there is an index for each foreign key and ``db_index``, a unique index for each
``unique``, ``unique_together`` and ``UniqueConstraint``, and those of ``Meta.indexes``. A second
index over the same columns is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from django.db import models
from django.db.models.constraints import BaseConstraint

from .columns import key_for
from .definitions import Column, Index
from .errors import UnsupportedModel
from .limits import index_lengths
from .names import index_key

Model = type[models.Model]

#: Names that the server rejects (recording indexes-errors).
_RESERVED = frozenset({"primary"})


def indexes_for(
    model: Model,
    table_id: str,
    columns: tuple[Column, ...],
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
        indexes: the indexes to use instead of those of ``Meta``.
        constraints: the constraints to use instead of those of ``Meta``.
        unique_together: the value to use instead of that of ``Meta``.

    Raises:
        UnsupportedModel: a constraint would not be enforced, or an index covers an array.
        SchemaTooLarge: a unique index is too long.
    """
    by_key = {column.key: column for column in columns}
    meta = model._meta
    constraints = list(meta.constraints if constraints is None else constraints)
    together = meta.unique_together if unique_together is None else unique_together
    notes: list[str] = []
    wanted = [
        *_unique_indexes(model, together, constraints),
        *_named_indexes(model, meta.indexes if indexes is None else indexes, notes),
        *_field_indexes(model),
    ]
    chosen: dict[tuple[str, ...], Index] = {}
    # Unique indexes come before plain ones, because they serve queries just as well.
    for index in sorted(wanted, key=lambda index: index.type != "unique"):
        for key in index.columns:
            if (column := by_key.get(key)) is not None and column.array:
                raise UnsupportedModel(
                    f"{model._meta.label}: Appwrite cannot index the array {key}.\nWay out: drop "
                    "the index."
                )
        # Every table has an index over ``$id``, but no other index of its own.
        if index.columns in chosen or index.columns == ("$id",):
            continue
        chosen[index.columns] = (
            index
            if index.lengths
            else replace(index, lengths=index_lengths(table_id, index, by_key))
        )
    notes += _unchecked_constraints(model, constraints)
    return tuple(chosen.values()), tuple(notes)


def _unique_indexes(
    model: Model, together: Iterable[Iterable[str]], constraints: Iterable[BaseConstraint]
) -> Iterator[Index]:
    for field in model._meta.local_concrete_fields:
        # A relationship has its own index, and the server rejects any other (recording
        # rel-columns).
        if field.unique and not field.primary_key and not hasattr(field, "appwrite_relationship"):
            yield _unique(model, [field.name])
    for names in together:
        yield _unique(model, names)
    for constraint in constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield _unique_constraint(model, constraint)


def _unique_constraint(model: Model, constraint: models.UniqueConstraint) -> Index:
    for attribute, what in (
        ("condition", "a condition"),
        ("expressions", "expressions"),
        ("deferrable", "deferred checking"),
    ):
        if getattr(constraint, attribute, None):
            raise UnsupportedModel(
                f"{model._meta.label}: Appwrite cannot enforce the UniqueConstraint "
                f"{constraint.name}, which has {what}.\n"
                "Way out: drop it, or store the unique value in a field of its own."
            )
    if getattr(constraint, "nulls_distinct", None) is False:
        raise UnsupportedModel(
            f"{model._meta.label}: Appwrite's unique indexes allow any number of nulls, unlike the "
            f"UniqueConstraint {constraint.name}.\n"
            "Way out: drop nulls_distinct=False, or null=True."
        )
    return _unique(model, constraint.fields, constraint.name)


def _unique(model: Model, names: Any, name: str | None = None) -> Index:
    columns = tuple(_key(model, field_name) for field_name in names)
    return Index(_index_name(name or f"{'_'.join(columns)}_uniq"), "unique", columns)


def _named_indexes(
    model: Model, indexes: Iterable[models.Index], notes: list[str]
) -> Iterator[Index]:
    for index in indexes:
        reason = (
            "expressions"
            if index.expressions
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
        columns = tuple(_key(model, name) for name, _order in index.fields_orders)
        orders: tuple[Literal["ASC", "DESC"], ...] = tuple(
            "DESC" if order else "ASC" for _name, order in index.fields_orders
        )
        kind: Literal["key", "unique", "fulltext", "spatial"] = getattr(
            index, "appwrite_type", "key"
        )
        lengths: tuple[int, ...] = getattr(index, "appwrite_lengths", ())
        yield Index(
            _index_name(index.name), kind, columns, orders if "DESC" in orders else (), lengths
        )


def _field_indexes(model: Model) -> Iterator[Index]:
    for field in model._meta.local_concrete_fields:
        if getattr(field, "db_index", False) and not field.unique:
            key = _key(model, field.name)
            yield Index(_index_name(f"{key.lstrip('$')}_idx"), "key", (key,))


def _unchecked_constraints(model: Model, constraints: Iterable[BaseConstraint]) -> list[str]:
    return [
        f"{model._meta.label}: the constraint {constraint.name} is checked by full_clean() only; "
        f"Appwrite has no {type(constraint).__name__}."
        for constraint in constraints
        if isinstance(constraint, BaseConstraint)
        and not isinstance(constraint, models.UniqueConstraint)
    ]


def _key(model: Model, name: str) -> str:
    field = model._meta.get_field(name)
    if field not in model._meta.local_concrete_fields:
        raise UnsupportedModel(
            f"{model._meta.label}: an index cannot cover {name}, which is in another table.\nWay "
            "out: index it there."
        )
    key = key_for(field)  # type: ignore[arg-type]  # concrete fields only, by the check above
    if key is None or hasattr(field, "appwrite_relationship"):
        raise UnsupportedModel(
            f"{model._meta.label}: {name} has no column to index.\nWay out: drop the index."
        )
    return key


def _index_name(name: str) -> str:
    return index_key(f"{name}_idx" if name.lower() in _RESERVED else name)
