"""From where-trees to narrowings: SQL's three-valued logic, written with Appwrite's filters, which leave nulls out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from django.db.models import functions, lookups
from django.db.models.expressions import Col, ColPairs, Expression, Value
from django.db.models.fields import related_lookups, tuple_lookups
from django.db.models.sql.where import AND, OR, NothingNode, WhereNode

from appwrite_orm_django.backend.columns import column_key
from appwrite_orm_django.backend.pushdown import truth
from appwrite_orm_django.backend.pushdown.truth import ALWAYS, NEVER, UNKNOWN, Narrowing
from appwrite_orm_django.backend.values import Codec, DateCodec, DateTimeCodec, FloatCodec, codec_for
from appwrite_orm_django.client import queries

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

TextSemantics = Literal["mariadb", "postgresql"]


@dataclass(frozen=True)
class Scope:
    """Whose rows are being narrowed: those that ``alias`` stands for, on the server behind ``connection``."""

    alias: str
    connection: DatabaseWrapper
    text: TextSemantics = field(default="mariadb")

    def column(self, expression: Any) -> tuple[str, Codec] | None:
        """Return by which key a filter names what ``expression`` stands for, and who writes its values; None if none can."""
        if not in_scope(expression, self):
            return None
        return column_key(expression.target), codec_for(expression.target)


Translator = Callable[[Any, bool, Scope], Narrowing]


def narrow(node: Any, scope: Scope, *, truth_value: bool = True) -> Narrowing:
    """
    Describe the rows for which ``node`` is true, or, with ``truth_value=False``, for which it is false.

    Rows for which it is neither (NULL in a comparison) belong to neither set. That is what makes NOT right: not true is not
    the same as false.
    """
    if isinstance(node, WhereNode):
        return _narrow_where(node, scope, truth_value)
    if isinstance(node, NothingNode):
        return NEVER if truth_value else ALWAYS
    translator = _TRANSLATORS.get(type(node))
    if translator is not None:
        return translator(node, truth_value, scope)
    own = getattr(node, "appwrite_narrowing", None)
    if own is not None:
        result: Narrowing = own(truth_value, scope)
        return result
    if type(node) is Col and (column := scope.column(node)) is not None:
        return compare("equal", *column, truth_value, True)
    if type(node) is Value and isinstance(node.value, bool):
        return ALWAYS if node.value is truth_value else NEVER
    return UNKNOWN


def _narrow_where(node: WhereNode, scope: Scope, truth_value: bool) -> Narrowing:
    if node.negated:
        truth_value = not truth_value
    if not node.children:
        return ALWAYS if truth_value else NEVER
    if node.connector not in (AND, OR) and len(node.children) > 1:
        return UNKNOWN  # XOR
    parts = [narrow(child, scope, truth_value=truth_value) for child in node.children]
    # De Morgan: a conjunction is false as soon as one part is false.
    conjunction = (node.connector != OR) is truth_value
    return truth.both(parts) if conjunction else truth.either(parts)


def in_scope(expression: Any, scope: Scope) -> bool:
    """Say whether ``expression`` is a plain column of the rows being narrowed."""
    return type(expression) is Col and expression.alias == scope.alias


def _prepared(lookup: Any, value: Any, scope: Scope) -> Any:
    """Prepare a right-hand side as Django would, leaving a Python object for the codec."""
    target = lookup.lhs.output_field
    target = getattr(target, "target_field", None) or target
    return target.get_db_prep_value(value, scope.connection, prepared=True)


_UNUSABLE = object()


def _constant(rhs: Any) -> Any:
    """Return the constant that a right-hand side is, or ``_UNUSABLE`` for an expression."""
    if type(rhs) is Value:
        return rhs.value
    if isinstance(rhs, Expression) or hasattr(rhs, "resolve_expression"):
        return _UNUSABLE
    return rhs


def _operand(lookup: Any, scope: Scope) -> tuple[str, Codec, Any] | None:
    """Return column, codec and prepared constant of a comparison, or None if it is not one of column and constant."""
    column = scope.column(lookup.lhs)
    if column is None or getattr(lookup, "bilateral_transforms", None):
        return None
    rhs = _constant(lookup.rhs)
    if rhs is _UNUSABLE or rhs is None:
        return None
    if type(lookup.rhs) is Value:
        rhs = lookup.lhs.output_field.get_prep_value(rhs)
    return *column, _prepared(lookup, rhs, scope)


_NEGATED = {
    "equal": "not_equal",
    "less_than": "greater_than_equal",
    "less_than_equal": "greater_than",
    "greater_than": "less_than_equal",
    "greater_than_equal": "less_than",
}


def compare(operator: str, column: str, codec: Codec, value: Any, truth_value: bool) -> Narrowing:
    """Translate ``column operator value``, a comparison of a column with a prepared constant."""
    if not codec.compares or (operator != "equal" and not codec.orders):
        return UNKNOWN
    if (below := codec.below(value)) is not None:
        return _compare_between(operator, column, below, truth_value)
    try:
        wire = codec.encode(value)
    except ValueError as error:
        return _beyond_every_value(operator, column, getattr(error, "side", 0), truth_value)
    if codec.folds:
        return truth.leaf(queries.equal(column, wire) if truth_value else queries.is_not_null(column), exact=False)
    if (around := codec.found_between(wire)) is not None:
        return _compare_around(operator, column, *around, truth_value=truth_value)
    return truth.leaf(getattr(queries, operator if truth_value else _NEGATED[operator])(column, wire))


def _compare_between(operator: str, column: str, below: Any, truth_value: bool) -> Narrowing:
    """Compare with a constant that lies between two values that a row can hold, of which ``below`` is the lower."""
    if operator == "equal":
        return NEVER if truth_value else truth.leaf(queries.is_not_null(column))
    is_less = operator.startswith("less") is truth_value
    return truth.leaf(queries.less_than_equal(column, below) if is_less else queries.greater_than(column, below))


def _compare_around(operator: str, column: str, low: Any, high: Any, *, truth_value: bool) -> Narrowing:
    """Compare with a constant that the server can only tell to lie between two others: a superset."""
    if operator == "equal":
        if not truth_value:
            return truth.leaf(queries.is_not_null(column), exact=False)
        bounds = (queries.greater_than_equal(column, low), queries.less_than_equal(column, high))
        return truth.both(truth.leaf(bound, exact=False) for bound in bounds)
    is_less = operator.startswith("less") is truth_value
    bound = queries.less_than_equal(column, high) if is_less else queries.greater_than_equal(column, low)
    return truth.leaf(bound, exact=False)


def _beyond_every_value(operator: str, column: str, side: int | None, truth_value: bool) -> Narrowing:
    """Compare with a constant that no row can hold: the same answer for every row that is not null."""
    if side is None:
        return UNKNOWN
    if operator == "equal":
        holds = False
    elif side == 0:
        return UNKNOWN
    else:
        holds = operator.startswith("less") is (side > 0)
    return truth.leaf(queries.is_not_null(column)) if holds is truth_value else NEVER


def _comparison(operator: str) -> Translator:
    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        operand = _operand(lookup, scope)
        return UNKNOWN if operand is None else compare(operator, *operand, truth_value)

    return translate


def _iexact(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    operand = _operand(lookup, scope)
    if operand is None or not operand[1].is_text or scope.text != "mariadb":
        return UNKNOWN
    return compare("equal", *operand, truth_value)


def _is_null(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    column = scope.column(lookup.lhs)
    if column is None or not isinstance(lookup.rhs, bool):
        return UNKNOWN  # what is no boolean Django refuses, where it compiles for SQLite
    key, codec = column
    wants_null = lookup.rhs is truth_value
    # Arrays read as empty ones where the server has none, though its own filter tells one from the other.
    if key.startswith("$") or not codec.compares:
        return NEVER if wants_null else ALWAYS
    return truth.leaf(queries.is_null(key) if wants_null else queries.is_not_null(key))


def _range(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    column = scope.column(lookup.lhs)
    if column is None or hasattr(lookup.rhs, "resolve_expression"):
        return UNKNOWN
    bounds = [_constant(bound) for bound in lookup.rhs]
    if len(bounds) != 2 or any(bound is _UNUSABLE or bound is None for bound in bounds):
        return UNKNOWN
    key, codec = column
    low, high = (_prepared(lookup, bound, scope) for bound in bounds)
    parts = (
        compare("greater_than_equal", key, codec, low, truth_value),
        compare("less_than_equal", key, codec, high, truth_value),
    )
    return truth.both(parts) if truth_value else truth.either(parts)


def _in(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    column = scope.column(lookup.lhs)
    if column is None or getattr(lookup, "bilateral_transforms", None):
        return UNKNOWN
    key, codec = column
    if not codec.compares:
        return UNKNOWN
    if hasattr(lookup.rhs, "resolve_expression"):
        if isinstance(codec, FloatCodec):
            return UNKNOWN  # what the subquery computes may have more digits than a filter
        return scope.connection.ops.subselect_narrowing(lookup, key, codec) if truth_value else UNKNOWN
    constants = [_constant(value) for value in lookup.rhs if value is not None]
    if any(value is _UNUSABLE for value in constants):
        return UNKNOWN
    constants = [value for value in constants if value is not None]
    if not constants:
        return NEVER if truth_value else ALWAYS
    wires: dict[Any, None] = {}
    around: list[Narrowing] = []
    for value in constants:
        prepared = _prepared(lookup, value, scope)
        try:
            if codec.below(prepared) is not None:
                continue
            wire = codec.encode(prepared)
        except ValueError:
            continue  # no row can hold it
        if codec.found_between(wire) is None:
            wires[wire] = None
        else:
            around.append(compare("equal", key, codec, prepared, truth_value))
    if truth_value:
        found = is_in(key, tuple(wires))
        if around:
            return truth.either([found, *around])
        return replace(found, exact=False) if codec.folds else found
    if codec.folds:
        return truth.leaf(queries.is_not_null(key), exact=False)
    excluded = [truth.leaf(queries.not_equal(key, wire)) for wire in wires]
    return truth.both([*excluded, *around] or [truth.leaf(queries.is_not_null(key))])


def _tuple_in(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    """Translate ``(column,) in [(value,), ...]``: how Django prefetches along a foreign key."""
    if type(lookup.lhs) is not ColPairs or len(lookup.lhs) != 1 or not lookup.rhs_is_direct_value():
        return UNKNOWN
    (column,) = lookup.lhs.get_cols()
    values = [value for (value,) in lookup.rhs if value is not None]
    if not values:
        return NEVER if truth_value else ALWAYS
    return _in(lookups.In(column, values), truth_value, scope)


def is_in(key: str, wires: tuple[Any, ...]) -> Narrowing:
    """Translate ``key in wires``."""
    if not wires:
        return NEVER
    if len(wires) == 1:
        return truth.leaf(queries.equal(key, wires[0]))
    return Narrowing(truth.IsIn(key, wires))


def _pattern(operator: str, *, ignores_case: bool) -> Translator:
    """
    Translate contains, startswith, endswith and their i-forms.

    The server's own filters ignore case (and, on MariaDB, accents), on every engine. They answer the i-forms; for the others
    they are a superset that is checked locally.
    """

    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        operand = _operand(lookup, scope)
        if operand is None:
            return UNKNOWN
        key, codec, value = operand
        # A backslash is not escaped by 1.9.6 (recording ``collation-like``); `$id` knows no ``contains``.
        if type(codec) is not Codec or key.startswith("$") or "\\" in str(value):
            return UNKNOWN
        if value == "":
            return truth.leaf(queries.is_not_null(key)) if truth_value else NEVER
        if truth_value:
            return truth.leaf(getattr(queries, operator)(key, str(value)), exact=ignores_case)
        if ignores_case:
            return truth.leaf(getattr(queries, f"not_{operator}")(key, str(value)))
        return truth.leaf(queries.is_not_null(key), exact=False)

    return translate


def _year(operator: str) -> Translator:
    """Translate a comparison of ``ExtractYear(column)`` by the bounds of that year, as Django's own lookups do."""

    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        extract = lookup.lhs
        year = _constant(lookup.rhs)
        if type(extract) is not functions.ExtractYear or not isinstance(year, int) or extract.tzinfo is not None:
            return UNKNOWN
        column = scope.column(extract.lhs)
        if column is None:
            return UNKNOWN
        key, codec = column
        if not isinstance(codec, (DateCodec, DateTimeCodec)):
            return UNKNOWN
        try:
            start, finish = lookup.year_lookup_bounds(scope.connection, year)
        except (ValueError, OverflowError):
            return UNKNOWN
        if operator == "equal":
            parts = (
                compare("greater_than_equal", key, codec, start, truth_value),
                compare("less_than_equal", key, codec, finish, truth_value),
            )
            return truth.both(parts) if truth_value else truth.either(parts)
        bound = finish if operator in ("greater_than", "less_than_equal") else start
        return compare(operator, key, codec, bound, truth_value)

    return translate


_TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((lookups.Exact, lookups.IntegerFieldExact, related_lookups.RelatedExact), _comparison("equal")),
    **dict.fromkeys(
        (lookups.LessThan, lookups.IntegerLessThan, related_lookups.RelatedLessThan), _comparison("less_than")
    ),
    **dict.fromkeys(
        (lookups.LessThanOrEqual, lookups.IntegerLessThanOrEqual, related_lookups.RelatedLessThanOrEqual),
        _comparison("less_than_equal"),
    ),
    **dict.fromkeys(
        (lookups.GreaterThan, lookups.IntegerGreaterThan, related_lookups.RelatedGreaterThan),
        _comparison("greater_than"),
    ),
    **dict.fromkeys(
        (lookups.GreaterThanOrEqual, lookups.IntegerGreaterThanOrEqual, related_lookups.RelatedGreaterThanOrEqual),
        _comparison("greater_than_equal"),
    ),
    lookups.In: _in,
    related_lookups.RelatedIn: _in,
    tuple_lookups.TupleIn: _tuple_in,
    lookups.IsNull: _is_null,
    related_lookups.RelatedIsNull: _is_null,
    lookups.Range: _range,
    lookups.IExact: _iexact,
    lookups.Contains: _pattern("contains", ignores_case=False),
    lookups.IContains: _pattern("contains", ignores_case=True),
    lookups.StartsWith: _pattern("starts_with", ignores_case=False),
    lookups.IStartsWith: _pattern("starts_with", ignores_case=True),
    lookups.EndsWith: _pattern("ends_with", ignores_case=False),
    lookups.IEndsWith: _pattern("ends_with", ignores_case=True),
    lookups.YearExact: _year("equal"),
    lookups.YearGt: _year("greater_than"),
    lookups.YearGte: _year("greater_than_equal"),
    lookups.YearLt: _year("less_than"),
    lookups.YearLte: _year("less_than_equal"),
}
