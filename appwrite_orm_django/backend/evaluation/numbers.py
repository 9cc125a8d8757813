"""Handle integers beyond 64 bits, and the 14 digits of floats."""

from __future__ import annotations

import copy
from typing import Any

from django.core.exceptions import FieldError
from django.db import DataError
from django.db.models import Case, IntegerField, Lookup, Max, Min, When, Window
from django.db.models.expressions import (
    Col,
    Combinable,
    CombinedExpression,
    ExpressionList,
    ExpressionWrapper,
    Ref,
    Value,
)
from django.db.models.functions import (
    Coalesce,
    FirstValue,
    Greatest,
    Lag,
    LastValue,
    Lead,
    Least,
    NthValue,
    NullIf,
)
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IntegerFieldOverflow,
    LessThan,
    LessThanOrEqual,
    Range,
)

from appwrite_orm_django.backend.values import Codec, FloatCodec, codec_for

_COMPARISONS = (Exact, GreaterThan, GreaterThanOrEqual, In, LessThan, LessThanOrEqual, Range)
# Functions that return the value of one of their arguments.
_PICKING = (
    Case,
    Coalesce,
    ExpressionWrapper,
    FirstValue,
    Greatest,
    Lag,
    LastValue,
    Lead,
    Least,
    Max,
    Min,
    NthValue,
    NullIf,
    Ref,
    When,
    Window,
)


def with_held_constants(node: Any) -> Any:
    """
    Return a comparison of a column of floats with constants of 14 digits, as the server compares.

    Any other node is returned unchanged.
    """
    if not isinstance(node, _COMPARISONS):
        return node
    if (codec := _codec_of(node.lhs)) is not None:
        held = _held(node.rhs, codec)
        return node if held is node.rhs else _with(node, rhs=held)
    if type(node.lhs) is Value and (codec := _codec_of(node.rhs)) is not None:
        return _with(node, lhs=_held(node.lhs, codec))
    return node


def _codec_of(expression: Any) -> Codec | None:
    """Return the codec of the float column whose value an expression returns, or None."""
    kind = type(expression)
    if kind is Col:
        codec = codec_for(expression.target)
        return codec if type(codec) is FloatCodec else None
    if kind not in _PICKING:
        return None
    found = map(_codec_of, filter(None, expression.get_source_expressions()))
    return next((codec for codec in found if codec is not None), None)


def _held(value: Any, codec: Codec) -> Any:
    if isinstance(value, (list, tuple, set)):
        return [_held(item, codec) for item in value]
    if type(value) is Value:
        held = codec.held(value.value)
        return value if held is value.value else Value(held, value._output_field_or_none)
    if type(value) is ExpressionList:
        value = value.copy()
        value.set_source_expressions(
            [_held(source, codec) for source in value.get_source_expressions()]
        )
        return value
    return codec.held(value)


def _with(node: Lookup[Any], **sides: Any) -> Lookup[Any]:
    node = copy.copy(node)
    vars(node).update(sides)
    return node


_CONNECTORS = (Combinable.ADD, Combinable.SUB, Combinable.MUL)
_WAY_OUT = 'Compute with decimals: Cast("field", DecimalField(max_digits=40, decimal_places=0)).'
OVERFLOW = f"an integer that this query computes exceeds 64 bits.\n{_WAY_OUT}"


def compiled(node: Any, compiler: Any) -> tuple[str, Any] | None:
    """
    Return the SQL of integer arithmetic, or of a comparison with its result.

    The SQL rejects results beyond 64 bits. None for any other node.
    """
    if isinstance(node, IntegerFieldOverflow):
        return _compared(node, compiler)
    if not _computes(node):
        return None
    # One check around the whole expression is enough: an overflow inside remains a float.
    sql, params = _combined(node, compiler)
    return f"APPWRITE_INTEGER({sql}, {int(_is_exact(node))})", params


def checked(value: Any, is_exact: int) -> Any:
    """
    Return the result of integer arithmetic.

    Args:
        is_exact: whether a float can only result from an overflow.

    Raises:
        DataError: the result has overflowed.
    """
    if type(value) is float and (is_exact or abs(value) >= 2**53):
        raise DataError(OVERFLOW)
    return value


def _computes(node: Any) -> bool:
    return type(node) is CombinedExpression and node.connector in _CONNECTORS and _is_integer(node)


def _combined(node: Any, compiler: Any) -> tuple[str, list[Any]]:
    if not _computes(node):
        sql, params = compiler.compile(node)
        return sql, list(params)
    left, left_params = _combined(node.lhs, compiler)
    right, right_params = _combined(node.rhs, compiler)
    sql = compiler.connection.ops.combine_expression(node.connector, [left, right])
    return f"({sql})", [*left_params, *right_params]


def _is_exact(node: Any) -> bool:
    if type(node) is CombinedExpression:
        return _computes(node) and _is_exact(node.lhs) and _is_exact(node.rhs)
    return type(node) in (Col, Value) and _is_integer(node)


def with_constants_of_64_bits(node: Any) -> Any:
    """Return a membership or a range without integers beyond 64 bits, which SQLite rejects."""
    if (
        isinstance(node, In)
        and isinstance(node.rhs, (list, tuple, set))
        and any(map(_is_long, node.rhs))
    ):
        node = copy.copy(node)
        node.rhs = [value for value in node.rhs if not _is_long(value)]
    elif (
        isinstance(node, Range)
        and isinstance(node.rhs, (list, tuple))
        and any(map(_is_long, node.rhs))
    ):
        low, high = node.rhs
        node = copy.copy(node)
        is_empty = (_is_long(low) and low > 0) or (_is_long(high) and high < 0)
        node.rhs = (
            (1, 0)
            if is_empty
            else (_LEAST if _is_long(low) else low, _GREATEST if _is_long(high) else high)
        )
    return node


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and not _LEAST <= value <= _GREATEST


def _compared(node: Any, compiler: Any) -> tuple[str, Any] | None:
    """
    Compare a computed value with the greatest or least 64-bit integer instead of one beyond.

    Django skips the comparison, as its result is the same for every row. But the value must be
    computed, as it may overflow.
    """
    if type(node.lhs) is Col or not _is_long(node.rhs):
        return None
    is_above, is_less = node.rhs > 0, isinstance(node, (LessThan, LessThanOrEqual))
    holds = is_less if is_above else isinstance(node, (GreaterThan, GreaterThanOrEqual))
    operator = ("<=" if holds else ">") if is_above else (">=" if holds else "<")
    sql, params = compiler.compile(node.lhs)
    return (
        f"({sql} {operator} {_GREATEST if is_above else _LEAST}) IS "
        f"{'NOT FALSE' if holds else 'TRUE'}",
        params,
    )


_LEAST, _GREATEST = -(2**63), 2**63 - 1


def _is_integer(node: Any) -> bool:
    try:
        return isinstance(node.output_field, IntegerField)
    except (AttributeError, FieldError):
        return False
