"""
Describe what must be unique in a model's table, and how it is enforced.

A plain unique index of the server enforces most of it. What such an index cannot enforce has a
*hidden column*: a text column without a field, with a unique index. It holds a digest of the
constraint's values in the rows to which the constraint applies, and null in all others. These are
the constraints with a condition or with expressions, those with ``nulls_distinct=False``, those over
texts that are too long for an index, and those over columns of types for which the engine does not
enforce a unique index.

The digest is the same for equal values, as the engine compares them. The key of a hidden column
names the constraint and the exact way its values are computed: a changed constraint, a column with
another encoding or another engine have another hidden column.

``backend.uniqueness`` computes the values.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models
from django.db.models import (
    Aggregate,
    F,
    Field,
    Func,
    Q,
    Subquery,
    UniqueConstraint,
    Window,
)
from django.db.models.constraints import BaseConstraint
from django.db.models.expressions import (
    Col,
    OrderBy,
    RawSQL,
)
from django.db.models.functions import Collate, Now, Random
from django.db.models.functions.datetime import Extract, TruncBase
from django.db.models.sql import Query

from appwrite_orm_django.engines import Engine

from .columns import column_for, key_for
from .definitions import Column, Database, Encoding, Hidden, Table
from .encodings import as_recorded, encoding_of
from .errors import DuplicateRows, UnsupportedModel
from .limits import fits_index
from .names import SYSTEM_COLUMNS, hidden_key, is_hidden

Model = type[models.Model]
AnyField: TypeAlias = "Field[Any, Any]"

#: The length of a value: a digest of 160 bits, in hexadecimal, in which case does not matter.
DIGEST_LENGTH = 40

#: The encoding that is recorded for a hidden column while its constraint is enforced.
DIGEST = Encoding("unique digest")

#: Expressions whose value depends on more than the row, or that SQLite computes in another way.
_OUTSIDE_THE_ROW = (Aggregate, Now, Random, Subquery, Window, Query)
_UNSTABLE = (*_OUTSIDE_THE_ROW, Collate, RawSQL)


def needs_hidden_column(engine: Engine, columns: Iterable[Column]) -> bool:
    """
    Return whether a plain unique index over these columns cannot be, or is not enforced.

    Args:
        engine: the rules of the engine under the server.
    """
    columns, types = list(columns), engine.unique_types
    if not fits_index(columns, engine):
        return True
    return types is not None and not all(column.type in types for column in columns)


class HiddenColumn:
    """
    A column without a field, by which a unique index of the server enforces a constraint.

    Args:
        model: the model.
        name: the name of the constraint.
        fields: the names of the fields whose values must be unique together.
        expressions: the expressions whose values must be unique together, if there are no fields.
        condition: the rows to which the constraint applies; None for all.
        nulls_distinct: whether a null in any of the values is different from all other values.
        folds: whether the engine takes different texts as equal.

    Attributes:
        parts: conditions that together are the condition.
        reads: the keys of the columns on which the value depends.

    Raises:
        NotExact: the values cannot be computed exactly. The text gives the reason.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        fields: Sequence[str],
        *,
        expressions: Sequence[Any] = (),
        condition: Q | None = None,
        nulls_distinct: bool = True,
        folds: bool = True,
    ) -> None:
        self.model = model
        self.name = name
        self.fields: tuple[AnyField, ...] = tuple(existing_field(model, one) for one in fields)
        self.columns = tuple(local_key(model, field) for field in fields)
        self.expressions = tuple(map(_without_order, expressions))
        self.parts = _parts(condition)
        self.nulls_distinct = nulls_distinct
        self.folds = folds
        part_fields = [_fields_read(model, part) for part in self.parts]
        self.part_reads = tuple(
            frozenset(local_key(model, field.name) for field in fields) for fields in part_fields
        )
        read = {field.name: field for fields in part_fields for field in fields}
        read |= {field.name: field for field in self.fields}
        for expression in self.expressions:
            read |= {field.name: field for field in _fields_read(model, expression)}
        self.keys_by_name = {name: local_key(model, name) for name in sorted(read)}
        self.reads = frozenset(self.keys_by_name.values())
        if not self.reads:
            raise NotExact("it depends on no column")
        if system := sorted(self.reads & SYSTEM_COLUMNS):
            raise NotExact(f"it depends on {system[0]}, which the server sets")
        definition = [
            1,  # the version of the values
            self.columns,
            _canonical(self.expressions),
            _canonical(condition),
            nulls_distinct,
            folds,
            {
                self.keys_by_name[name]: as_recorded(encoding_of(read[name]))
                for name in sorted(read)
            },
        ]
        self.key = hidden_key(name, repr(definition))

    @property
    def is_plain(self) -> bool:
        """Whether the value depends on the values of fields alone."""
        return not self.parts and not self.expressions

    @property
    def is_usual(self) -> bool:
        """Whether other engines, or shorter columns, have a plain unique index for it."""
        return self.is_plain and self.nulls_distinct

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Return the columns of its fields, or those on which its expressions depend."""
        return self.columns or tuple(sorted(self.reads))

    @property
    def column(self) -> Column:
        """Return the column for the table."""
        return Column(self.key, "varchar", DIGEST_LENGTH, encoding=DIGEST, hidden=self)

    def __repr__(self) -> str:
        """Return the constraint for display."""
        return f"the values of the constraint {self.name}"


class NotExact(Exception):
    """The constraint cannot be enforced exactly; the text gives the reason."""


@dataclass(frozen=True)
class UniqueRule:
    """
    One set of values that must be unique.

    Attributes:
        name: the name of its index.
        columns: the keys of the columns of the index: those of its fields, or the hidden column.
        hidden: the hidden column, if it needs one.
        reason: why it is not enforced; "" if it is. Such a rule has no index.
        constraint: the constraint of ``Meta`` that asks for it.
    """

    name: str
    columns: tuple[str, ...] = ()
    hidden: HiddenColumn | None = None
    reason: str = ""
    constraint: UniqueConstraint | None = None


@dataclass(frozen=True)
class Wanted:
    """A set of fields or a constraint that a model declares as unique."""

    model: Model
    names: tuple[str, ...] = ()
    constraint: UniqueConstraint | None = None

    def rule(self, engine: Engine) -> UniqueRule:
        """
        Return how it is enforced.

        Raises:
            UnsupportedModel: the constraint is not valid.
        """
        if self.constraint is None:
            return self._of_fields(engine, f"{'_'.join(self._keys)}_uniq")
        constraint, name = self.constraint, self.constraint.name
        if constraint.deferrable is not None:
            return self._unenforced(name, "Appwrite has no deferred checks")
        nulls_distinct = getattr(constraint, "nulls_distinct", None) is not False
        if not (constraint.condition or constraint.expressions) and (
            nulls_distinct or not any(field.null for field in self._fields)
        ):
            return self._of_fields(engine, name)
        try:
            hidden = HiddenColumn(
                self.model,
                name,
                self.names,
                expressions=constraint.expressions,
                condition=constraint.condition or None,
                nulls_distinct=nulls_distinct,
                folds=engine.folds_text,
            )
        except NotExact as error:
            return self._unenforced(name, str(error))
        return UniqueRule(name, (hidden.key,), hidden, constraint=constraint)

    def _unenforced(self, name: str, reason: str) -> UniqueRule:
        return UniqueRule(name, reason=reason, constraint=self.constraint)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(local_key(self.model, name) for name in self.names)

    @cached_property
    def _fields(self) -> list[AnyField]:
        return [existing_field(self.model, name) for name in self.names]

    def _of_fields(self, engine: Engine, name: str) -> UniqueRule:
        columns = [column for field in self._fields if (column := column_for(field)) is not None]
        # The server's own columns are no text, and have no description.
        has_types = engine.unique_types is None or SYSTEM_COLUMNS.isdisjoint(self._keys)
        # A set of columns with the row id is unique anyway.
        if "$id" in self._keys or (has_types and not needs_hidden_column(engine, columns)):
            return UniqueRule(name, self._keys, constraint=self.constraint)
        try:
            hidden = HiddenColumn(self.model, name, self.names, folds=engine.folds_text)
        except NotExact as error:
            return self._unenforced(name, str(error))
        return UniqueRule(name, (hidden.key,), hidden, constraint=self.constraint)


def wanted_unique(
    model: Model,
    constraints: Iterable[BaseConstraint] | None = None,
    unique_together: Iterable[Iterable[str]] | None = None,
) -> Iterator[Wanted]:
    """
    Yield what a model declares as unique, without its primary key.

    Args:
        constraints: the constraints to use instead of those of ``Meta``.
        unique_together: the value to use instead of that of ``Meta``.
    """
    meta = model._meta
    for field in meta.local_concrete_fields:
        # A relationship has its own index, and the server rejects any other (recording
        # rel-columns).
        if field.unique and not field.primary_key and not hasattr(field, "appwrite_relationship"):
            yield Wanted(model, (field.name,))
    for names in meta.unique_together if unique_together is None else unique_together:
        yield Wanted(model, tuple(names))
    for constraint in meta.constraints if constraints is None else constraints:
        if isinstance(constraint, UniqueConstraint):
            yield Wanted(model, tuple(constraint.fields), constraint)


def hidden_columns(
    model: Model,
    engine: Engine,
    constraints: Iterable[BaseConstraint] | None = None,
    unique_together: Iterable[Iterable[str]] | None = None,
) -> list[HiddenColumn]:
    """
    Return the hidden columns of a model's table, without those of invalid constraints.

    Args:
        model: the model.
        engine: the rules of the engine under the server.
        constraints: as in ``wanted_unique``.
        unique_together: as in ``wanted_unique``.
    """
    found: dict[str, HiddenColumn] = {}
    for wanted in wanted_unique(model, constraints, unique_together):
        try:
            rule = wanted.rule(engine)
        except UnsupportedModel:
            continue
        if rule.hidden is not None:
            found.setdefault(rule.hidden.key, rule.hidden)
    return list(found.values())


def no_longer_described(live: Table, before: Table, after: Table) -> list[Column]:
    """Return the server's hidden columns whose constraints a change of a table removes."""
    gone = {
        column.key for column in before.columns if column.hidden and not after.column(column.key)
    }
    return [column for column in live.columns if column.key in gone]


def without_hidden(database: Database) -> Database:
    """Return a description without hidden columns and their indexes."""
    return replace(
        database,
        tables=tuple(
            replace(
                table,
                columns=tuple(one for one in table.columns if not is_hidden(one.key)),
                indexes=tuple(one for one in table.indexes if not any(map(is_hidden, one.columns))),
            )
            for table in database
        ),
    )


class HiddenValues(Protocol):
    """Compute and write the values of hidden columns; ``backend.uniqueness`` does."""

    def of(self, hidden: Hidden, rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Return the value of each row, which has the columns that ``hidden`` reads."""
        ...

    def fill(self, table: str, hidden: Sequence[Hidden]) -> None:
        """
        Write the values of all rows of a table that have another.

        Raises:
            DuplicateRows: rows would have the same value as others.
        """
        ...


def equal_rows(
    table: str, hidden: Hidden, pairs: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> DuplicateRows:
    """
    Return the error for rows that violate a constraint that is about to be enforced.

    Args:
        pairs: the ids of two rows, and the second of them.
    """
    named = "; ".join(
        f"{', '.join(f'{row.get(key)}' for key in hidden.columns or sorted(hidden.reads))} "
        f"({first} and {second})"
        for first, second, row in pairs
    )
    return DuplicateRows(
        f"{table}: the unique constraint {hidden.name} "
        f"({', '.join(hidden.columns or sorted(hidden.reads))}) cannot be enforced over "
        f"duplicates: {named}.\n"
        "Correct the rows and run appwrite_migrate again."
    )


def values_with(values: HiddenValues | None) -> HiddenValues:
    """Return what computes values; a plan with hidden columns cannot be carried out without it."""
    if values is None:
        raise TypeError("A plan with hidden columns needs a connection to compute their values.")
    return values


def existing_field(model: Model, name: str) -> AnyField:
    """
    Return the field that an index or a constraint names.

    Raises:
        UnsupportedModel: there is none, as after a ``RenameField`` alone.
    """
    try:
        return model._meta.get_field(name)  # type: ignore[return-value]  # as ``fields`` of an index
    except FieldDoesNotExist:
        raise UnsupportedModel(
            f"{model._meta.label}: an index or a constraint names the field {name}, which does not "
            "exist.\n"
            f"Way out: if a migration renames {name}, remove the index or constraint before it, and "
            "add it afterwards with the new name, as makemigrations does."
        ) from None


def local_key(model: Model, name: str) -> str:
    """
    Return the key of the column of a model's own field.

    Raises:
        UnsupportedModel: the field does not exist, has no column, or one in another table.
    """
    field = existing_field(model, name)
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


# Conditions and expressions


def _parts(condition: Q | None) -> tuple[Q, ...]:
    """Return the conditions that a condition combines with AND."""
    if condition is None:
        return ()
    if condition.connector != Q.AND or condition.negated:
        return (condition,)
    return tuple(child if isinstance(child, Q) else Q(child) for child in condition.children)


def _without_order(expression: Any) -> Any:
    return expression.expression if isinstance(expression, OrderBy) else expression


def _fields_read(model: Model, expression: Any) -> list[AnyField]:
    """
    Return the fields of a model that a condition or an expression reads.

    Raises:
        NotExact: its value depends on more than the row, or cannot be computed here.
        UnsupportedModel: it reads a field that does not exist.
    """
    query = Query(model)
    try:
        resolved = expression.resolve_expression(query, allow_joins=False)
    except (FieldError, ValueError, TypeError) as error:
        for name in _names_read(expression):
            existing_field(model, name)
        raise NotExact(str(error)) from error
    found: dict[str, AnyField] = {}
    for node in _nodes(resolved):
        _refuse_inexact(node)
        if isinstance(node, Col):
            if node.target not in model._meta.local_concrete_fields or hasattr(
                node.target, "appwrite_relationship"
            ):
                raise NotExact(f"it depends on {node.target.name}, which has no column here")
            found[node.target.name] = node.target
    return list(found.values())


def depends_on_more_than_the_row(expression: Any) -> str | None:
    """Return the part of an expression whose value may change while the row does not, or None."""
    return next(
        (type(node).__name__ for node in _nodes(expression) if isinstance(node, _OUTSIDE_THE_ROW)),
        None,
    )


def _names_read(expression: Any) -> Iterator[str]:
    """Yield the names of fields in an expression that has not been resolved, except ``pk``."""
    for node in _nodes(expression):
        names: Iterable[str] = ()
        if isinstance(node, Q):
            names = sorted(node.referenced_base_fields)
        elif isinstance(node, F):
            names = (node.name.partition("__")[0],)  # type: ignore[attr-defined]  # not in the stubs
        yield from (name for name in names if name != "pk")


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    children: list[Any] = getattr(expression, "get_source_expressions", list)()
    right = getattr(expression, "rhs", None)
    if isinstance(right, Query):
        children = [*children, right]
    for child in children:
        if child is not None:
            yield from _nodes(child)


def _refuse_inexact(node: Any) -> None:
    kind = type(node)
    if isinstance(node, _UNSTABLE) or kind is Func:
        raise NotExact(f"it uses {kind.__name__}, whose value does not depend on the row alone")
    if not kind.__module__.startswith(("django.db.models.", "appwrite_orm_django.")):
        raise NotExact(f"it uses {kind.__module__}.{kind.__qualname__}, which is unknown here")
    if isinstance(node, (TruncBase, Extract)) and settings.USE_TZ and node.tzinfo is None:
        source = getattr(node, "lhs", None)
        if isinstance(getattr(source, "output_field", None), models.DateTimeField):
            raise NotExact(f"it uses {kind.__name__}, whose value depends on the current time zone")


def _canonical(value: Any) -> Any:
    """
    Return the parts of a condition or an expression that define it.

    The result has the same ``repr`` in every process and version, for a model and for its state in
    a migration.
    """
    if isinstance(value, enum.Enum):
        return _canonical(value.value)
    if isinstance(value, (bool, bytes, type(None), float)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (set, frozenset)):
        return sorted((_canonical(one) for one in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_canonical(one) for one in value]
    if isinstance(value, dict):
        return [[_canonical(key), _canonical(one)] for key, one in sorted(value.items())]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Q):
        return ["Q", value.connector, value.negated, _canonical(value.children)]
    if isinstance(value, F):
        return ["F", value.name]  # type: ignore[attr-defined]  # missing in django-stubs
    if isinstance(value, type):
        return _name(f"{value.__module__}.{value.__qualname__}")
    if isinstance(value, models.Field):
        return [_name(value.deconstruct()[1]), *map(_canonical, value.deconstruct()[2:])]
    if hasattr(value, "deconstruct"):
        path, arguments, options = value.deconstruct()
        return [_name(path), _canonical(arguments), _canonical(options)]
    return str(value)


def _name(path: str) -> str:
    """Return the path of a class. Those of Django's own have moved between releases."""
    return path.rpartition(".")[2] if path.startswith("django.") else path
