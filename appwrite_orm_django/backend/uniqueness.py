"""
Compute the values of hidden columns, by which unique constraints are enforced (``schema.unique``).

Values of plain fields are taken as they are on the wire. Conditions and expressions are evaluated
in SQLite, as for queries that are evaluated locally.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, cast

from django.db.models import BooleanField, Case, DecimalField, Model, Value, When
from django.db.models.sql import Query

from appwrite_orm_django.backend.values import codec_for, column_key, table_id
from appwrite_orm_django.engines import Engine
from appwrite_orm_django.engines.collation import fold
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.unique import HiddenColumn, hidden_columns

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Unique
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.evaluation.tables import LocalColumn, LocalTable

Row = Mapping[str, Any]
Data = Mapping[str, Any]


class Uniqueness:
    """
    The hidden columns of one table.

    Attributes:
        columns: the hidden columns.
        reads: the keys of the columns on which their values depend.
    """

    def __init__(self, columns: Sequence[HiddenColumn]) -> None:
        self.columns = tuple(columns)
        self.reads = frozenset(key for one in columns for key in one.reads)
        self._defaults = {
            column_key(field): column.default
            for one in columns
            for field in one.model._meta.local_concrete_fields
            if column_key(field) in one.reads
            and (column := column_for(field)) is not None
            and column.default is not None
        }

    def __bool__(self) -> bool:
        return bool(self.columns)

    def indexes(self, unique: Unique) -> Unique:
        """
        Return the columns of the indexes that enforce what must be unique.

        Args:
            unique: the columns of each set that must be unique.
        """
        if not self.columns:
            return unique
        plain = {one.columns for one in self.columns if one.is_plain}
        own = ((one.key,) for one in self.columns)
        return (*(columns for columns in unique if columns not in plain), *own)

    def of_new_rows(self, connection: Connection, rows: Sequence[Data]) -> list[dict[str, Any]]:
        """Return the hidden columns of new rows; a column without a value gets its default."""
        # A model of some of the columns leaves the others to the server.
        whole = [{**dict.fromkeys(self.reads), **self._defaults, **row} for row in rows]
        return computed(connection, self.columns, whole)

    def changed(
        self, connection: Connection, data: Data
    ) -> tuple[dict[str, Any], tuple[HiddenColumn, ...]]:
        """
        Return what a change of columns makes of the hidden columns.

        Returns:
            The new values of hidden columns that are known without the rest of the row, and the
            hidden columns whose value depends on it.
        """
        known: dict[str, Any] = {}
        unknown: list[HiddenColumn] = []
        for hidden in self.columns:
            if hidden.reads.isdisjoint(data):
                continue
            if hidden.reads <= data.keys():
                known |= computed(connection, [hidden], [data])[0]
            elif _never_applies(connection, hidden, data):
                known[hidden.key] = None
            else:
                unknown.append(hidden)
        return known, tuple(unknown)


#: The attribute of a model's options, by engine: what the model declared when its hidden columns were
#: determined, and these. It ends with the model, as those of migrations' states do.
_ATTRIBUTE = "appwrite_uniqueness"


def uniqueness_of(model: type[Model] | None, engine: Engine) -> Uniqueness:
    """
    Return the hidden columns of the table of a model.

    They include those that other models of the same table declare. A model of a migration's state
    has those of that state.
    """
    if model is None:
        return NOTHING
    concrete = model._meta.concrete_model or model
    options = concrete._meta
    declared = (options.constraints, options.unique_together, tuple(options.local_concrete_fields))
    by_engine = vars(options).setdefault(_ATTRIBUTE, {})
    known = by_engine.get(engine.name)
    if known is not None and known[0] == declared:
        return cast(Uniqueness, known[1])
    wanted = table_id(options.db_table)
    models = [
        other
        for other in options.apps.get_models(include_auto_created=True)
        if other._meta.managed
        and not other._meta.proxy
        and table_id(other._meta.db_table) == wanted
    ]
    if options.managed and concrete not in models:
        models.append(concrete)
    columns = {one.key: one for other in models for one in hidden_columns(other, engine)}
    found = Uniqueness(list(columns.values())) if columns else NOTHING
    copied = (list(options.constraints), options.unique_together, declared[2])
    by_engine[engine.name] = (copied, found)
    for hidden in found.columns:
        _names[hidden.key] = hidden
    return found


NOTHING = Uniqueness(())

#: The hidden columns that this process has used, for the texts of errors.
_names: weakref.WeakValueDictionary[str, HiddenColumn] = weakref.WeakValueDictionary()


def described(columns: Sequence[str]) -> HiddenColumn | None:
    """Return the hidden column over which an index is, or None if it is over other columns."""
    return _names.get(columns[0]) if len(columns) == 1 else None


# Values


def computed(
    connection: Connection, columns: Sequence[HiddenColumn], rows: Sequence[Row]
) -> list[dict[str, str | None]]:
    """Return the values of hidden columns for each row, by key."""
    found: list[dict[str, str | None]] = [{} for _ in rows]
    for hidden in columns:
        for values, value in zip(found, values_of(connection, hidden, rows), strict=True):
            values[hidden.key] = value
    return found


def values_of(
    connection: Connection, hidden: HiddenColumn, rows: Sequence[Row]
) -> list[str | None]:
    """
    Return the value of a hidden column for each row.

    Args:
        rows: wire rows with the columns that ``hidden`` reads.
    """
    if hidden.is_plain:
        return [_digest(_of_fields(hidden, row), hidden) for row in rows]
    found: list[str | None] = []
    with _Evaluation(connection, hidden) as evaluation:
        for row in rows:
            parts, values = evaluation.of(row)
            if not all(parts):
                found.append(None)
            elif hidden.expressions:
                found.append(_digest(values, hidden))
            else:
                found.append(_digest(_of_fields(hidden, row), hidden))
    return found


def _never_applies(connection: Connection, hidden: HiddenColumn, data: Data) -> bool:
    """Return whether a row with this data has no value, whatever its other columns hold."""
    if hidden.nulls_distinct and any(data.get(key, 0) is None for key in hidden.columns):
        return True
    decided = [place for place, reads in enumerate(hidden.part_reads) if reads <= data.keys()]
    if not decided:
        return False
    with _Evaluation(connection, hidden) as evaluation:
        parts, _values = evaluation.of({**dict.fromkeys(hidden.reads), **data})
    return not all(parts[place] for place in decided)


def _of_fields(hidden: HiddenColumn, row: Row) -> list[Any]:
    # The texts of dates, documents and binary data are equal only if they are the same.
    return [
        _Exact(value)
        if isinstance(value := row.get(key), str) and not codec_for(field).is_text
        else value
        for field, key in zip(hidden.fields, hidden.columns, strict=True)
    ]


class _Exact(str):
    """A text that is equal only to itself, also on an engine that folds texts."""

    __slots__ = ()


def _digest(values: Sequence[Any], hidden: HiddenColumn) -> str | None:
    if hidden.nulls_distinct and any(value is None for value in values):
        return None
    texts = [_canonical(value, folds=hidden.folds) for value in values]
    return hashlib.blake2b(json.dumps(texts).encode(), digest_size=20).hexdigest()


def _canonical(value: Any, *, folds: bool) -> list[str]:
    """Return the kind of a value and a text; both are the same for equal values."""
    if value is None:
        return []
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, str):
        return ["text", fold(value) if folds and type(value) is not _Exact else str.__str__(value)]
    if isinstance(value, (datetime.date, datetime.time)):  # SQLite's driver makes them
        return ["moment", value.isoformat()]
    if isinstance(value, decimal.Decimal):
        return ["number", f"{value.normalize() + 0:f}"]
    if isinstance(value, float) and not value.is_integer():
        return ["number", repr(value)]
    return ["number", str(int(value))]


#: Compiling a statement takes longer than running it. A hidden column belongs to one engine.
_statements: weakref.WeakKeyDictionary[HiddenColumn, tuple[str, Any]] = weakref.WeakKeyDictionary()


class _Evaluation:
    """Evaluate the parts of a condition and the expressions of a hidden column, row by row."""

    def __init__(self, connection: Connection, hidden: HiddenColumn) -> None:
        self._connection = connection
        self._hidden = hidden
        self._decimals = [
            isinstance(getattr(one, "_output_field_or_none", None), DecimalField)
            for one in hidden.expressions
        ]

    def __enter__(self) -> _Evaluation:
        with ExitStack() as stack:
            self._database = stack.enter_context(self._connection.borrowed_local_database())
            self._table: LocalTable = self._database.table_of(self._hidden.model)
            self._raw = stack.enter_context(self._database.with_tables([self._table]))
            self._columns: list[LocalColumn] = [
                column for column in self._table.columns if column.key in self._hidden.reads
            ]
            if self._hidden.folds and any(column.is_row_id for column in self._columns):
                # The values of foreign keys are compared as texts, whatever their spelling.
                for statement in self._table.collate_sql():
                    self._raw.execute(statement)
            if self._hidden not in _statements:
                _statements[self._hidden] = self._statement()
            self._sql, self._params = _statements[self._hidden]
            self._lent = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._lent.close()

    def _statement(self) -> tuple[str, Any]:
        hidden, query = self._hidden, Query(self._hidden.model)
        query.clear_ordering(force=True)
        query.get_initial_alias()
        query.default_cols = False
        for place, part in enumerate(hidden.parts):
            holds = Case(
                When(part, then=Value(True)), default=Value(False), output_field=BooleanField()
            )
            query.add_annotation(holds, f"appwrite_part_{place}")
        for place, expression in enumerate(hidden.expressions):
            query.add_annotation(expression, f"appwrite_value_{place}")
        with self._database.noting():
            sql, params = query.get_compiler(connection=self._database).as_sql()
        return sql, params

    def of(self, row: Row) -> tuple[list[bool], list[Any]]:
        """Return whether each part of the condition holds, and the value of each expression."""
        from appwrite_orm_django.backend.evaluation.tables import quoted

        columns, raw = self._columns, self._raw
        with (
            self._database.saying_what_is_refused(self._table.name),
            closing(self._database.create_cursor()) as cursor,
        ):
            values = [column.values([row])[0] for column in columns]
            raw.execute(self._table.insert_sql(columns, 1), values)
            cursor.execute(self._sql, self._params)
            (result,) = cursor.fetchall()
            raw.execute(f"DELETE FROM {quoted(self._table.name)}")
        parts = len(self._hidden.parts)
        computed = [
            decimal.Decimal(str(value)) if is_decimal and value is not None else value
            for value, is_decimal in zip(result[parts:], self._decimals, strict=True)
        ]
        return [bool(holds) for holds in result[:parts]], computed
