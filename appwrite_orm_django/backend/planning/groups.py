"""Plan aggregates and groups on the server, and read their results."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Avg, Count, Max, Min, Sum
from django.db.models.expressions import Col, Ref, Star, Value

from appwrite_orm_django.backend.commands import Output
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.evaluation.decimals import EXACT_DIGITS, QUOTIENT_DIGITS
from appwrite_orm_django.backend.execution.server_queries import Ratio, Read
from appwrite_orm_django.backend.planning import joins, reads
from appwrite_orm_django.backend.planning.joins import (
    LONG_TEXT,
    SUMMABLE,
    Sources,
    Unanswerable,
    reader_for,
)
from appwrite_orm_django.backend.planning.reads import Aggregate, aggregate, keeps_type
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import (
    MAX_SCALED_DIGITS,
    Codec,
    DurationCodec,
    FloatCodec,
    IntegerCodec,
    OutOfRange,
    ScaledDecimalCodec,
)
from appwrite_orm_django.client.queries import Query
from appwrite_orm_django.schema.custom_fields import internal_type

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

_METHODS: dict[type, str] = {Count: "count", Sum: "sum", Avg: "avg", Min: "min", Max: "max"}


def unwrapped(expression: Any) -> Any:
    """Return the expression that a reference to an annotation stands for."""
    while isinstance(expression, Ref):
        expression = expression.source
    return expression


def columns_in(expressions: Iterable[Any]) -> list[Col]:
    """Return the columns in expressions outside of aggregates, without duplicates."""
    found: dict[Col, None] = {}
    for expression in map(unwrapped, expressions):
        if type(expression) is Col:
            found[expression] = None
        elif aggregate(expression) is None:
            found.update(
                dict.fromkeys(columns_in(filter(None, expression.get_source_expressions())))
            )
    return list(found)


class Groups:
    """
    Collect the aggregates of one request.

    Each gets a name that no column can have, because keys do not begin with an underscore.
    """

    def __init__(self, sources: Sources, connection: Connection) -> None:
        self.sources = sources
        self.connection = connection
        self._asked: dict[tuple[str, str], str] = {}

    @property
    def aggregates(self) -> tuple[Query, ...]:
        return tuple(Query(method, key, (alias,)) for (method, key), alias in self._asked.items())

    def ask(self, method: str, key: str) -> str:
        """Have the server compute an aggregate, and return the name of the result."""
        return self._asked.setdefault((method, key), f"_a{len(self._asked) + 1}")

    def keys(self, columns: Sequence[Col]) -> tuple[str, ...]:
        """
        Return the keys to group by so that rows with equal ``columns`` are together.

        If the row id is among the columns, the other columns of that row follow from it.
        """
        whole = {column.alias for column in columns if column.target.primary_key}
        kept = [
            column for column in columns if column.alias not in whole or column.target.primary_key
        ]
        for column in kept:
            self.sources.codec(column)
            if internal_type(column.target) in LONG_TEXT:
                raise Unanswerable("groups of long text")
        return tuple(dict.fromkeys(self.sources.identifying_key(column) for column in kept))

    def output(self, expression: Any) -> Read:
        """
        Return how to read a selected expression from a group.

        Raises:
            Unanswerable: it is neither a column, nor a constant, nor an aggregate that the server
                computes exactly.
        """
        if type(expression) is Value:
            constant = reads.constant_output(expression)
            if constant is None:
                raise Unanswerable("a constant of another type")
            return constant
        found = aggregate(expression)
        if found is not None:
            return self._aggregate_output(expression, found)
        if type(expression) is not Col:
            raise Unanswerable("an expression")
        return self._column_output(expression, self.column_alias(expression))

    def column_alias(self, column: Col) -> str:
        """
        Return an alias for a column that has the same value in the whole group.

        Under its own name, the server might take it for a column of another table.
        """
        self.sources.codec(column)
        return self.ask("min", self.sources.group_key(column))

    def _column_output(self, column: Col, alias: str) -> Output:
        read = reader_for(self.sources.codec(column))
        convert = reads.converter_for(column, self.connection)
        return Output(
            alias,
            converter=_chain(read, convert),
            converts_none=bool(column.get_db_converters(self.connection)),
            definition=reads.column_definition(column),
        )

    def _aggregate_output(self, expression: Any, found: Aggregate) -> Read:
        finish, shown = self._finish(expression), expression.output_field
        if found.function is Count:
            whole = _chain(joins.whole, finish)
            return Output(self.count_alias(found), converter=whole, definition=definition_of(shown))
        column = self._summed_column(found)
        definition = definition_of(column.target, shown)
        codec = self.sources.codec(column)
        if found.function in (Min, Max):
            if not keeps_type(expression, column):
                raise Unanswerable("a value converted to another type")
            return self._column_output(column, self.aggregate_alias(found))
        if found.function is Avg and not isinstance(codec, FloatCodec):
            total = self.ask("sum", self.sources.group_key(column))
            count = self.ask("count", self.sources.group_key(column))
            return Ratio(
                total,
                count,
                definition,
                finish or (lambda value: value),
                _DIVISIONS[type(codec)](codec),
            )
        decode = float if isinstance(codec, FloatCodec) else _chain(joins.whole, codec.decode)
        return Output(
            self.aggregate_alias(found), converter=_chain(decode, finish), definition=definition
        )

    def _finish(self, expression: Any) -> Callable[[Any], Any] | None:
        converters = expression.get_db_converters(self.connection)
        if not converters:
            return None

        def finish(value: Any) -> Any:
            for converter in converters:
                value = converter(value, expression, self.connection)
            return value

        return finish

    def count_alias(self, found: Aggregate) -> str:
        """Return the alias of a count."""
        if isinstance(found.source, Star):
            return self.ask("count", "*")
        if type(found.source) is not Col:
            raise Unanswerable("a count of an expression")
        codec = self.sources.codec(found.source)
        if found.distinct and (not codec.orders or internal_type(found.source.target) in LONG_TEXT):
            raise Unanswerable("distinct values of long text")
        return self.ask(
            "countDistinct" if found.distinct else "count", self.sources.group_key(found.source)
        )

    def aggregate_alias(self, found: Aggregate) -> str:
        """
        Return the alias of an aggregate that can be compared between groups.

        Raises:
            Unanswerable: an average that the server rounds.
        """
        if found.function is Count:
            return self.count_alias(found)
        column = self._summed_column(found)
        if found.function is Avg and not isinstance(self.sources.codec(column), FloatCodec):
            raise Unanswerable("the server rounds averages of whole numbers")
        return self.ask(_METHODS[found.function], self.sources.group_key(column))

    def _summed_column(self, found: Aggregate) -> Col:
        column = found.source
        if type(column) is not Col:
            raise Unanswerable("an aggregate of an expression")
        codec = self.sources.codec(column)
        if found.function in (Min, Max):
            if not codec.orders:
                raise Unanswerable("values that do not sort on the server")
        elif found.distinct or type(codec) not in SUMMABLE:
            raise Unanswerable("a sum of values that are not numbers")
        return column


def _chain(
    first: Callable[[Any], Any] | None, then: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    if first is None or then is None:
        return first or then or (lambda value: value)
    return lambda value: then(None if value is None else first(value))


_DIVISIONS: dict[type[Codec], Callable[[Any], Callable[[Any, int], Any]]] = {
    IntegerCodec: lambda _: lambda total, count: joins.whole(total) / count,
    ScaledDecimalCodec: lambda codec: partial(_average, codec),
    DurationCodec: lambda _: (
        lambda total, count: datetime.timedelta(0, 0, joins.whole(total) / count)
    ),
}


def _average(codec: ScaledDecimalCodec, total: Any, count: int) -> decimal.Decimal:
    # As local evaluation does, so that an average is the same wherever it is computed.
    digits = QUOTIENT_DIGITS if codec.max_digits > EXACT_DIGITS else EXACT_DIGITS
    exact = decimal.Decimal(joins.whole(total)).scaleb(-codec.places)
    return decimal.Context(prec=digits).divide(exact, decimal.Decimal(count))


@dataclass(frozen=True)
class GroupScope(Scope):
    """Resolve the columns of HAVING: aggregates, and columns with one value per group."""

    groups: Any = None

    def column(self, expression: Any) -> tuple[str, Codec] | None:
        expression = unwrapped(expression)
        groups: Groups = self.groups
        try:
            found = aggregate(expression)
            if found is not None:
                codec = _comparable(found, groups.sources)
                return None if codec is None else (groups.aggregate_alias(found), codec)
            if type(expression) is Col:
                codec = groups.sources.codec(expression)
                known = type(codec) in SUMMABLE or codec.is_text
                return (groups.column_alias(expression), codec) if known and codec.orders else None
        except Unanswerable:
            return None
        return None


def _comparable(found: Aggregate, sources: Sources) -> Codec | None:
    if found.function is Count:
        return IntegerCodec()
    if type(found.source) is not Col:
        return None
    codec = sources.codec(found.source)
    if type(codec) is ScaledDecimalCodec:
        return _DecimalTotal(MAX_SCALED_DIGITS, codec.places)
    if type(codec) is FloatCodec:
        # A computed value has all digits of a float; a minimum or maximum is a value of the column.
        return codec if found.function in (Min, Max) else _FloatTotal()
    return _Total() if type(codec) is IntegerCodec else None


def _unbounded(encode: Callable[[Any, Any], int]) -> Callable[[Any, Any], int]:
    """
    Wrap ``encode`` so that no constant lies beyond every value.

    A column has bounds, but a sum has none.
    """

    def encoded(self: Any, value: Any) -> int:
        try:
            return encode(self, value)
        except OutOfRange as error:
            raise OutOfRange(str(error), None) from None

    return encoded


class _Total(IntegerCodec):
    encode = _unbounded(IntegerCodec.encode)  # type: ignore[assignment]  # a method made of the other one


class _FloatTotal(FloatCodec):
    encode = FloatCodec.encode_within


class _DecimalTotal(ScaledDecimalCodec):
    encode = _unbounded(ScaledDecimalCodec.encode)  # type: ignore[assignment]  # a method made of the other one
