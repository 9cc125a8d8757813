"""Resolve the tables and columns of a join on the server, and read the raw values of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import Field, ForeignKey, Model, OneToOneRel
from django.db.models.expressions import Col
from django.db.models.sql.constants import LOUTER

from appwrite_orm_django.backend.cross_database import refuse_other_databases
from appwrite_orm_django.backend.evaluation import tables
from appwrite_orm_django.backend.execution.server_queries import Join
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import (
    PERMISSIONS,
    ROW_ID,
    BooleanCodec,
    Codec,
    DateCodec,
    DateTimeCodec,
    DurationCodec,
    FloatCodec,
    IntegerCodec,
    JsonCodec,
    RowIdCodec,
    ScaledDecimalCodec,
    TextDecimalCodec,
    TimeCodec,
    UUIDCodec,
    codec_for,
    column_key,
    table_id,
)
from appwrite_orm_django.schema.custom_fields import internal_type
from appwrite_orm_django.schema.keys import is_row_id

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?")


def whole(raw: Any) -> int:
    """Read an integer, which may have zeros after a decimal point."""
    try:
        return int(raw)
    except ValueError:
        return int(Decimal(raw))


def moment(raw: Any) -> str:
    """Read a datetime in Appwrite's format: ISO 8601 in UTC with milliseconds."""
    found = _MOMENT.match(raw)
    if found is None:
        return str(raw)
    fraction = (found[3] or ".")[1:4].ljust(3, "0")
    return f"{found[1]}T{found[2]}.{fraction}+00:00"


def truth(raw: Any) -> bool:
    return raw in (True, 1, "1", "t", "true")


_READERS: dict[type[Codec], Callable[[Any], Any]] = {
    **dict.fromkeys((Codec, JsonCodec, RowIdCodec, UUIDCodec, TimeCodec, TextDecimalCodec), str),
    **dict.fromkeys((IntegerCodec, ScaledDecimalCodec, DurationCodec), whole),
    **dict.fromkeys((DateTimeCodec, DateCodec), moment),
    FloatCodec: float,
    BooleanCodec: truth,
}
#: Codecs whose wire values sum up as the Python values do.
SUMMABLE = (IntegerCodec, ScaledDecimalCodec, DurationCodec, FloatCodec)


def reader_for(codec: Codec) -> Callable[[Any], Any] | None:
    """
    Return a function that turns a raw database value into the wire form of ``codec``.

    None for types that are left to local evaluation.
    """
    return _READERS.get(type(codec))


# Five joins were recorded (``join-chained``).
_MAX_JOINS = 5
_SELF = "t0"
# MariaDB sorts and groups long text only by its beginning (max_sort_length).
LONG_TEXT = ("TextField", "JSONField", "BinaryField")


class Unanswerable(Exception):
    """Raised if the server cannot answer a query exactly; local evaluation takes over."""


class NeedsQualifying(Exception):
    """Raised if a bare column name may not refer to the base table."""


class Sources:
    """Resolve the base table and the tables joined to it."""

    def __init__(self, query: Query, connection: Connection) -> None:
        """
        Convert the joins of a query.

        Raises:
            Unanswerable: a join that the server cannot do, or a table that the open block has
                written to.
            NotSupportedError: a join to another database.
        """
        self.connection = connection
        aliases = [alias for alias in query.alias_map if query.alias_refcount.get(alias)]
        self.base = query.get_initial_alias()
        self.models = {alias: tables.model_of(query, alias) for alias in aliases}
        refuse_other_databases(query.model, self.models.values(), connection.alias)
        self._names: dict[str, str] = {}
        self._joins: list[Join] = []
        # Pairs of columns that are equal in every joined row, each with its alias.
        self._equal: list[tuple[tuple[str, Field[Any, Any]], tuple[str, Field[Any, Any]]]] = []
        self._qualified = False
        for alias in aliases:
            if connection.is_dirty(self._table(alias)):
                raise Unanswerable("an open block has changed a table")
            if alias != self.base:
                self._join(query, alias)
        joined = [self.models[alias] for alias in self._names]
        self._ambiguous = {
            column_key(field) for model in joined for field in model._meta.local_concrete_fields
        }

    @property
    def table(self) -> TableRef:
        return self._table(self.base)

    @property
    def joins(self) -> tuple[Join, ...]:
        own = Join(self.table, _SELF, ROW_ID, ROW_ID)
        joins = (own, *self._joins) if self._qualified else tuple(self._joins)
        if len(joins) > _MAX_JOINS:
            raise Unanswerable("too many joins")
        return joins

    def _table(self, alias: str) -> TableRef:
        return self.connection.table_ref(table_id(self.models[alias]._meta.db_table))

    def _join(self, query: Query, alias: str) -> None:
        join = query.alias_map[alias]
        parent = join.parent_alias
        pairs = getattr(join, "join_fields", None) or ()
        if (
            join.filtered_relation is not None
            or len(pairs) != 1
            or parent not in (self.base, *self._names)
        ):
            raise Unanswerable("a join on more than a pair of equal columns")
        if join.join_field.get_extra_restriction(alias, parent):
            raise Unanswerable("a join on more than a pair of equal columns")
        ((left, right),) = pairs  # type: ignore[misc]  # its length was checked above
        if not _compare_alike(left, right):
            raise Unanswerable("columns of different types")
        name = f"t{len(self._names) + 1}"
        left_key, right_key = self._key_in(parent, left), self._key_in(alias, right)
        prefix = "" if parent == self.base else f"{self._names[parent]}."
        self._names[alias] = name
        multiplies = not isinstance(join.join_field, (ForeignKey, OneToOneRel))
        outer = join.join_type == LOUTER
        if not outer:
            self._equal.append(((parent, left), (alias, right)))
        self._joins.append(
            Join(self._table(alias), name, prefix + left_key, right_key, outer, multiplies)
        )

    def _key_in(self, alias: str, field: Field[Any, Any]) -> str:
        """
        Return the key of a field's column in the table of an alias.

        The table may belong to the model's child or parent.
        """
        return column_key(tables.field_of_column(self.models[alias], field.column))  # type: ignore[arg-type]  # the stubs allow None, which no concrete field has

    def is_base(self, column: Col) -> bool:
        return column.alias == self.base

    def key(self, column: Col) -> str:
        """
        Return the name of a column in filters, selections and orders of rows.

        It is bare for the base table.
        """
        key = column_key(column.target)
        if key == PERMISSIONS:
            raise Unanswerable("permissions are not a column")
        if self.is_base(column):
            return key
        if column.alias not in self._names:
            raise Unanswerable("a column of an outer query")
        return f"{self._names[column.alias]}.{key}"

    def qualify(self) -> None:
        """Join the base table with itself, so that aggregates can qualify its columns."""
        self._qualified = True

    def group_key(self, column: Col) -> str:
        """
        Return the name of a column in aggregates and groups.

        Raises:
            NeedsQualifying: the server may resolve the bare name to a joined table that has the
                same column (recording ``join-left``, groups of ``$id``).
        """
        key = self.key(column)
        if not self._joins or not self.is_base(column):
            return key
        if self._qualified:
            return f"{_SELF}.{key}"
        if key.startswith("$") or key in self._ambiguous:
            raise NeedsQualifying
        return key

    def identifying_key(self, column: Col) -> str:
        """
        Return the name of a column that groups rows with the same row id together.

        The server answers 500 to groups by an internal column of a joined table, such as
        ``t0.$id``. Instead, use an ordinary column that has one value for each row: a column that
        an inner join makes equal to the id, or a unique column.

        Raises:
            NeedsQualifying: as in ``group_key``.
            Unanswerable: there is no such column.
        """
        key = self.group_key(column)
        if ".$" not in key:
            return key
        if column_key(column.target) == ROW_ID:
            for alias, field in [*self._equals(column), *self._unique(column.alias)]:
                if ".$" not in (
                    other := self.group_key(Col(alias, field))
                ) and not other.startswith("$"):
                    return other
        raise Unanswerable("groups by the row id of a joined table without another unique column")

    def _equals(self, column: Col) -> Iterator[tuple[str, Field[Any, Any]]]:
        for one, other in self._equal:
            for (alias, field), partner in ((one, other), (other, one)):
                if alias == column.alias and self._key_in(alias, field) == ROW_ID:
                    yield partner

    def _unique(self, alias: str) -> Iterator[tuple[str, Field[Any, Any]]]:
        meta = self.models[alias]._meta
        constrained = {
            each.fields[0] for each in meta.total_unique_constraints if len(each.fields) == 1
        }
        for field in meta.local_concrete_fields:
            unique = field.unique or field.name in constrained
            if (
                unique
                and not field.null
                and not is_row_id(field)
                and internal_type(field) not in LONG_TEXT
            ):
                yield alias, field

    def codec(self, column: Col) -> Codec:
        """
        Return the codec of a column that the server returns as raw text.

        Raises:
            Unanswerable: the codec cannot read raw text.
        """
        codec = codec_for(column.target)
        if reader_for(codec) is None:
            raise Unanswerable("a type that cannot be read from text")
        return codec

    def model(self, column: Col) -> type[Model]:
        return self.models[column.alias]


def _compare_alike(left: Field[Any, Any], right: Field[Any, Any]) -> bool:
    one, two = codec_for(left), codec_for(right)
    return type(one) is type(two) or (one.is_text and two.is_text)


# Filters on joined columns pass values to the database unchanged (recording ``join-inner``), so a
# datetime in ISO form would not match.
_AS_THEY_ARE: tuple[type[Codec], ...] = (DateTimeCodec, DateCodec, TextDecimalCodec)


@dataclass(frozen=True)
class JoinedScope(Scope):
    """Resolve columns of all tables of a join."""

    sources: Any = None

    def column(self, expression: Any) -> tuple[str, Codec] | None:
        if type(expression) is not Col:
            return None
        found = super().column(expression)
        if found is not None:
            return found
        codec = codec_for(expression.target)
        if isinstance(codec, _AS_THEY_ARE) or reader_for(codec) is None:
            return None
        return self.sources.key(expression), IntegerCodec() if isinstance(
            codec, BooleanCodec
        ) else codec
