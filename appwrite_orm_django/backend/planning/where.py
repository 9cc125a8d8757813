"""Translate where-trees into conditions that Appwrite can answer: exact, or a marked superset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models import functions, lookups, sql
from django.db.models.expressions import (
    Col,
    ColPairs,
    Expression,
    Value,
)
from django.db.models.fields import related_lookups, tuple_lookups
from django.db.models.sql.where import AND, OR, NothingNode, WhereNode

from appwrite_orm_django.backend.commands import ValuesOf
from appwrite_orm_django.backend.cross_database import refuse_other_databases
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.keys import PrimaryKey, is_negative_key, primary_key_of
from appwrite_orm_django.backend.planning.subqueries import is_correlated
from appwrite_orm_django.backend.planning.trees import (
    ALWAYS,
    NEVER,
    UNKNOWN,
    AllOf,
    AnyOf,
    IsIn,
    Leaf,
    Narrowing,
    Tree,
    both,
    either,
    is_in,
    leaf,
    to_query,
)
from appwrite_orm_django.backend.values import (
    ROW_ID,
    Codec,
    DateCodec,
    DateTimeCodec,
    FloatCodec,
    codec_for,
    column_key,
)
from appwrite_orm_django.client import queries

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.engines import Engine


@dataclass(frozen=True)
class Scope:
    """
    The rows to narrow.

    These are the rows of ``alias``, on the server of ``connection``.
    """

    alias: str
    connection: Connection

    @property
    def engine(self) -> Engine:
        engine: Engine = self.connection.engine
        return engine

    def column(self, expression: Any) -> tuple[str, Codec] | None:
        """
        Return the key and the codec by which a filter can compare ``expression``.

        None if no filter can.
        """
        if not in_scope(expression, self):
            return None
        return column_key(expression.target), codec_for(expression.target)


Translator = Callable[[Any, bool, Scope], Narrowing]

_NEGATIONS = frozenset({"notEqual", "notContains", "notStartsWith", "notEndsWith"})


def _without_nulls(tree: Tree) -> Tree:
    """Exclude the rows with null from negations, as SQL does."""
    if isinstance(tree, Leaf) and tree.query.method in _NEGATIONS:
        column = str(tree.query.column)
        # A system column is never null.
        return tree if column.startswith("$") else AllOf((Leaf(queries.is_not_null(column)), tree))
    if isinstance(tree, AnyOf):
        return replace(tree, parts=tuple(map(_without_nulls, tree.parts)))
    if isinstance(tree, AllOf):
        kept: dict[Tree, None] = {}
        for part in map(_without_nulls, tree.parts):
            kept.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
        # The server takes no AND of a single filter.
        return replace(tree, parts=tuple(kept)) if len(kept) > 1 else next(iter(kept))
    return tree


def narrow(node: Any, scope: Scope, *, truth_value: bool = True) -> Narrowing:
    """
    Narrow to the rows for which ``node`` is true, or false with ``truth_value=False``.

    Rows for which it is neither (NULL in a comparison) belong to neither set. This makes NOT right:
    "not true" differs from "false".
    """
    if isinstance(node, WhereNode):
        return _narrow_where(node, scope, truth_value)
    if isinstance(node, NothingNode):
        return NEVER if truth_value else ALWAYS
    translator = _TRANSLATORS.get(type(node))
    if translator is not None:
        found = translator(node, truth_value, scope)
        if scope.engine.negations_match_nulls:
            return replace(found, tree=_without_nulls(found.tree))
        return found
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
    # De Morgan: a conjunction is false if any part is false.
    conjunction = (node.connector != OR) is truth_value
    return both(parts) if conjunction else either(parts)


def in_scope(expression: Any, scope: Scope) -> bool:
    """Return whether ``expression`` is a plain column of the rows to narrow."""
    return type(expression) is Col and expression.alias == scope.alias


def _prepared(lookup: Any, value: Any, scope: Scope) -> Any:
    """Prepare a right-hand side as Django does, but keep a Python object for the codec."""
    target = lookup.lhs.output_field
    target = getattr(target, "target_field", None) or target
    return target.get_db_prep_value(value, scope.connection, prepared=True)


_UNUSABLE = object()


def _constant(rhs: Any) -> Any:
    """Return the constant on a right-hand side, or ``_UNUSABLE`` for an expression."""
    if type(rhs) is Value:
        return rhs.value
    if isinstance(rhs, Expression) or hasattr(rhs, "resolve_expression"):
        return _UNUSABLE
    return rhs


def _operand(lookup: Any, scope: Scope) -> tuple[str, Codec, Any] | None:
    """
    Return the column, codec and prepared constant of a comparison.

    None if it does not compare a column with a constant.
    """
    column = scope.column(lookup.lhs)
    if column is None or getattr(lookup, "bilateral_transforms", None):
        return None
    rhs = _constant(lookup.rhs)
    if rhs is _UNUSABLE or rhs is None:
        return None
    if type(lookup.rhs) is Value:
        rhs = lookup.lhs.output_field.get_prep_value(rhs)
    return (*column, _prepared(lookup, rhs, scope))


_NEGATED = {
    "equal": "not_equal",
    "less_than": "greater_than_equal",
    "less_than_equal": "greater_than",
    "greater_than": "less_than_equal",
    "greater_than_equal": "less_than",
}


def compare(operator: str, column: str, codec: Codec, value: Any, truth_value: bool) -> Narrowing:
    """Translate ``column operator value``, where ``value`` is a prepared constant."""
    if not codec.compares or (operator != "equal" and not codec.orders):
        return UNKNOWN
    if (below := codec.below(value)) is not None:
        return _compare_between(operator, column, below, truth_value)
    try:
        wire = codec.encode(value)
    except ValueError as error:
        return _beyond_every_value(operator, column, getattr(error, "side", 0), truth_value)
    if codec.folds:
        return leaf(
            queries.equal(column, wire) if truth_value else queries.is_not_null(column), exact=False
        )
    if (around := codec.found_between(wire)) is not None:
        return _compare_around(operator, column, *around, truth_value=truth_value)
    return leaf(getattr(queries, operator if truth_value else _NEGATED[operator])(column, wire))


def _compare_between(operator: str, column: str, below: Any, truth_value: bool) -> Narrowing:
    """
    Compare with a constant between two adjacent values that a row can hold.

    ``below`` is the lower of the two.
    """
    if operator == "equal":
        return NEVER if truth_value else leaf(queries.is_not_null(column))
    is_less = operator.startswith("less") is truth_value
    return leaf(
        queries.less_than_equal(column, below) if is_less else queries.greater_than(column, below)
    )


def _compare_around(
    operator: str, column: str, low: Any, high: Any, *, truth_value: bool
) -> Narrowing:
    """
    Compare with a constant that the server can only place between two others.

    The result is a superset.
    """
    if operator == "equal":
        if not truth_value:
            return leaf(queries.is_not_null(column), exact=False)
        bounds = (queries.greater_than_equal(column, low), queries.less_than_equal(column, high))
        return both(leaf(bound, exact=False) for bound in bounds)
    is_less = operator.startswith("less") is truth_value
    bound = (
        queries.less_than_equal(column, high)
        if is_less
        else queries.greater_than_equal(column, low)
    )
    return leaf(bound, exact=False)


def _beyond_every_value(
    operator: str, column: str, side: int | None, truth_value: bool
) -> Narrowing:
    """
    Compare with a constant that no row can hold.

    The answer is the same for every row that is not null.
    """
    if side is None:
        return UNKNOWN
    if operator == "equal":
        holds = False
    elif side == 0:
        return UNKNOWN
    else:
        holds = operator.startswith("less") is (side > 0)
    return leaf(queries.is_not_null(column)) if holds is truth_value else NEVER


def _comparison(operator: str) -> Translator:
    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        operand = _operand(lookup, scope)
        if operand is None:
            return UNKNOWN
        if operator == "equal" and (key := _derived_key(scope, lookup.lhs)) is not None:
            return _key_is_among(key, [(operand[2],)], truth_value, scope)
        return _in_order(scope, operator, *operand, truth_value)

    return translate


def _derived_key(scope: Scope, *columns: Any) -> PrimaryKey | None:
    """Return the primary key that consists of these columns if row ids are derived from it."""
    if not all(in_scope(column, scope) for column in columns):
        return None
    key = primary_key_of(columns[0].target.model)
    is_whole = key.fields == tuple(column.target for column in columns)
    return key if is_whole and key.is_derived else None


def _key_is_among(
    key: PrimaryKey, values: Iterable[Sequence[Any]], truth_value: bool, scope: Scope
) -> Narrowing:
    """
    Translate ``key in values`` to a condition on the row ids.

    Args:
        values: prepared values, one for each field of the key.
    """
    found: dict[tuple[Any, ...], str] = {}
    for one in values:
        pairs = list(zip(key.codecs, one, strict=True))
        try:
            if any(codec.below(value) is not None for codec, value in pairs):
                continue
            wires = tuple(codec.encode(value) for codec, value in pairs)
        except ValueError:
            continue  # no row can hold it
        found[wires] = key.row_id_of(wires, scope.engine)
    row_ids = tuple(dict.fromkeys(found.values()))
    if not all(key.identifies(row_id, wires, scope.engine) for wires, row_id in found.items()):
        # The id alone would also find a key that differs by case.
        (column,) = key.columns
        wires = tuple(wire for (wire,) in found)
        if not truth_value:
            return both(leaf(queries.not_equal(column, wire)) for wire in wires)
        exact = is_in(column, wires)
        return both([is_in(ROW_ID, row_ids), exact]) if len(wires) <= queries.MAX_VALUES else exact
    if truth_value:
        return is_in(ROW_ID, row_ids)
    return both(leaf(queries.not_equal(ROW_ID, row_id)) for row_id in row_ids)


def _in_order(
    scope: Scope, operator: str, column: str, codec: Codec, value: Any, truth_value: bool
) -> Narrowing:
    """Do the same as ``compare``, for row ids as well."""
    if (
        operator != "equal"
        and is_negative_key(codec, value)
        and not scope.engine.orders_negative_keys
    ):
        return _beyond_every_value(operator, column, -1, truth_value)
    return compare(operator, column, codec, value, truth_value)


def _iexact(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    operand = _operand(lookup, scope)
    if operand is None or not operand[1].is_text:
        return UNKNOWN
    if scope.engine.folds_text:
        return compare("equal", *operand, truth_value)
    key, codec, value = operand
    if scope.engine.cuts_at_nul and "\0" in str(value):
        return _beyond_every_value("equal", key, 0, truth_value)
    if not truth_value or value == "" or not _takes_pattern(key, codec, value, scope.engine):
        return UNKNOWN
    return leaf(queries.contains(key, str(value)), exact=False)


def _is_null(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    column = scope.column(lookup.lhs)
    if column is None or not isinstance(lookup.rhs, bool):
        return UNKNOWN  # compiling for SQLite, Django rejects a non-boolean
    key, codec = column
    wants_null = lookup.rhs is truth_value
    # A missing array reads as an empty one, although the server's own filter distinguishes the two.
    if key.startswith("$") or not codec.compares:
        return NEVER if wants_null else ALWAYS
    return leaf(queries.is_null(key) if wants_null else queries.is_not_null(key))


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
        _in_order(scope, "greater_than_equal", key, codec, low, truth_value),
        _in_order(scope, "less_than_equal", key, codec, high, truth_value),
    )
    return both(parts) if truth_value else either(parts)


def _in(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    column = scope.column(lookup.lhs)
    if column is None or getattr(lookup, "bilateral_transforms", None):
        return UNKNOWN
    key, codec = column
    if not codec.compares:
        return UNKNOWN
    if hasattr(lookup.rhs, "resolve_expression"):
        if isinstance(codec, FloatCodec):
            return UNKNOWN  # a computed value may have more digits than a filter
        return _in_query(lookup, key, codec, scope.connection) if truth_value else UNKNOWN
    constants = [_constant(value) for value in lookup.rhs if value is not None]
    if any(value is _UNUSABLE for value in constants):
        return UNKNOWN
    constants = [value for value in constants if value is not None]
    if not constants:
        return NEVER if truth_value else ALWAYS
    if (primary := _derived_key(scope, lookup.lhs)) is not None:
        keys = [(_prepared(lookup, value, scope),) for value in constants]
        return _key_is_among(primary, keys, truth_value, scope)
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
            return either([found, *around])
        return replace(found, exact=False) if codec.folds else found
    if codec.folds:
        return leaf(queries.is_not_null(key), exact=False)
    excluded = [leaf(queries.not_equal(key, wire)) for wire in wires]
    return both([*excluded, *around] or [leaf(queries.is_not_null(key))])


def _tuple_exact(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    """Translate ``(column, ...) = (value, ...)``."""
    if not lookup.rhs_is_direct_value():
        return UNKNOWN
    return _tuples_in(lookup.lhs, [lookup.rhs], truth_value, scope)


def _tuple_in(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    """
    Translate ``(column, ...) in [(value, ...), ...]``.

    Django prefetches along a relation this way, also along one with a single column.
    """
    if type(lookup.lhs) is not ColPairs or not lookup.rhs_is_direct_value():
        return UNKNOWN
    rows = [values for values in lookup.rhs if None not in values]
    if not rows:
        return NEVER if truth_value else ALWAYS
    if len(lookup.lhs) > 1:
        return _tuples_in(lookup.lhs, rows, truth_value, scope)
    (column,) = lookup.lhs.get_cols()
    return _in(lookups.In(column, [value for (value,) in rows]), truth_value, scope)


def _tuples_in(
    columns: Iterable[Any], rows: Sequence[Sequence[Any]], truth_value: bool, scope: Scope
) -> Narrowing:
    columns = list(columns)
    exact = [[lookups.Exact(*pair) for pair in zip(columns, row, strict=True)] for row in rows]
    operands = [[_operand(one, scope) for one in row] for row in exact]
    if any(operand is None for row in operands for operand in row):
        return UNKNOWN
    if (key := _derived_key(scope, *columns)) is not None:
        keys = [tuple(operand[2] for operand in row if operand is not None) for row in operands]
        return _key_is_among(key, keys, truth_value, scope)
    if not truth_value:
        return both(either(narrow(one, scope, truth_value=False) for one in row) for row in exact)
    found = either(both(narrow(one, scope) for one in row) for row in exact)
    query = to_query(found.tree)
    if query is not None and len(query.to_json()) <= queries.MAX_QUERY_LENGTH:
        return found
    # Too long for a filter. The values of one column are a superset of any length.
    values = [row[0] for row in rows]
    return replace(_in(lookups.In(columns[0], values), True, scope), exact=False)


def _tuple_is_null(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
    """Translate the lookup that is true if any of several columns is null."""
    if not isinstance(lookup.rhs, bool):
        return UNKNOWN
    wants_null = lookup.rhs is truth_value
    parts = [_is_null(lookups.IsNull(column, True), wants_null, scope) for column in lookup.lhs]
    return either(parts) if wants_null else both(parts)


_DOLLAR_BEFORE_LETTER = re.compile(r"\$\w")


def _takes_pattern(key: str, codec: Codec, value: Any, engine: Engine) -> bool:
    """Return whether a filter for part of a text may have this value."""
    # 1.9.6 does not escape a backslash (recording ``collation-like``); `$id` does not support
    # ``contains``.
    text = str(value)
    if type(codec) is not Codec or key.startswith("$") or "\\" in text:
        return False
    return not (engine.refuses_dollar and _DOLLAR_BEFORE_LETTER.search(text))


def _pattern(operator: str, *, ignores_case: bool) -> Translator:
    """
    Translate contains, startswith, endswith and their case-insensitive forms.

    Most filters of the server ignore case (and, on MariaDB, accents). They answer the
    case-insensitive forms exactly. For the other forms they give a superset, which is checked
    locally. ``Engine.anchors_prefixes`` tells of the exceptions.
    """

    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        operand = _operand(lookup, scope)
        if operand is None:
            return UNKNOWN
        key, codec, value = operand
        if scope.engine.cuts_at_nul and "\0" in str(value):
            return _beyond_every_value("equal", key, 0, truth_value)
        if not _takes_pattern(key, codec, value, scope.engine):
            return UNKNOWN
        if value == "":
            return leaf(queries.is_not_null(key)) if truth_value else NEVER
        if truth_value:
            if operator == "contains" or scope.engine.anchors_prefixes:
                return leaf(getattr(queries, operator)(key, str(value)), exact=ignores_case)
            # ``startsWith`` means "contains, with case", and ``contains`` ignores case.
            filter_ = queries.contains if ignores_case else queries.starts_with
            return leaf(filter_(key, str(value)), exact=False)
        if ignores_case and not (operator == "ends_with" and scope.engine.ends_before_newline):
            return leaf(getattr(queries, f"not_{operator}")(key, str(value)))
        return leaf(queries.is_not_null(key), exact=False)

    return translate


def _year(operator: str) -> Translator:
    """
    Translate a comparison of ``ExtractYear(column)`` by the bounds of that year.

    Django's own lookups do the same.
    """

    def translate(lookup: Any, truth_value: bool, scope: Scope) -> Narrowing:
        extract = lookup.lhs
        year = _constant(lookup.rhs)
        if (
            type(extract) is not functions.ExtractYear
            or not isinstance(year, int)
            or extract.tzinfo is not None
        ):
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
            return both(parts) if truth_value else either(parts)
        bound = finish if operator in ("greater_than", "less_than_equal") else start
        return compare(operator, key, codec, bound, truth_value)

    return translate


_COMPARISONS: dict[str, tuple[type, ...]] = {
    "equal": (lookups.Exact, lookups.IntegerFieldExact, related_lookups.RelatedExact),
    "less_than": (lookups.LessThan, lookups.IntegerLessThan, related_lookups.RelatedLessThan),
    "less_than_equal": (
        lookups.LessThanOrEqual,
        lookups.IntegerLessThanOrEqual,
        related_lookups.RelatedLessThanOrEqual,
    ),
    "greater_than": (
        lookups.GreaterThan,
        lookups.IntegerGreaterThan,
        related_lookups.RelatedGreaterThan,
    ),
    "greater_than_equal": (
        lookups.GreaterThanOrEqual,
        lookups.IntegerGreaterThanOrEqual,
        related_lookups.RelatedGreaterThanOrEqual,
    ),
}
_TRANSLATORS: dict[type, Translator] = {
    **{kind: _comparison(name) for name, kinds in _COMPARISONS.items() for kind in kinds},
    lookups.In: _in,
    related_lookups.RelatedIn: _in,
    tuple_lookups.TupleExact: _tuple_exact,
    tuple_lookups.TupleIn: _tuple_in,
    tuple_lookups.TupleIsNull: _tuple_is_null,
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


def _in_query(lookup: Any, key: str, codec: Codec, connection: Connection) -> Narrowing:
    """Narrow to the rows whose column ``key`` is among the values of a subquery."""
    query = lookup.rhs
    if not isinstance(query, sql.Query) or is_correlated(query):
        return UNKNOWN
    if getattr(query, "_db", None) not in (None, connection.alias):
        raise ValueError(
            "Subqueries aren't allowed across different databases. Force the inner query to be "
            "evaluated using `list(inner_query)`."
        )
    if query.model is not None:
        refuse_other_databases(lookup.lhs.target.model, [query.model], connection.alias)
    query = query.clone()
    target = lookup.lhs.output_field
    target = getattr(target, "target_field", None) or target
    if not query.has_select_fields and not target.primary_key:
        # As in RelatedIn: compare with the field that the relation points to, not with the primary
        # key.
        query.clear_select_clause()
        query.add_fields([target.name], True)
    compiler = query.get_compiler(connection=connection)
    try:
        command, _ = compiler.as_sql()
    except EmptyResultSet:
        return NEVER

    def encode(value: Any) -> Any:
        return codec.encode(target.get_db_prep_value(value, connection, prepared=False))

    return Narrowing(
        IsIn(key, ValuesOf(command, encode, definition_of(lookup.lhs.output_field, target)))
    )
