"""Constants that columns of floats are compared with, cut to the digits that these columns hold."""

from __future__ import annotations

import copy
from typing import Any

from django.db.models import Case, Lookup, Max, Min, Value, When, Window
from django.db.models.expressions import Col, ExpressionList, ExpressionWrapper, Ref
from django.db.models.functions import Coalesce, FirstValue, Greatest, Lag, LastValue, Lead, Least, NthValue, NullIf
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, In, LessThan, LessThanOrEqual, Range

from appwrite_orm_django.backend.values import Codec, FloatCodec, codec_for

_COMPARISONS = (Exact, GreaterThan, GreaterThanOrEqual, In, LessThan, LessThanOrEqual, Range)
# Functions that compute nothing: their value is that of one of their arguments.
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
    """Return a comparison of a column of floats with constants as the server makes it: with 14 digits of each; any other node as it is."""
    if not isinstance(node, _COMPARISONS):
        return node
    if (codec := _codec_of(node.lhs)) is not None:
        held = _held(node.rhs, codec)
        return node if held is node.rhs else _with(node, rhs=held)
    if type(node.lhs) is Value and (codec := _codec_of(node.rhs)) is not None:
        return _with(node, lhs=_held(node.lhs, codec))
    return node


def _codec_of(expression: Any) -> Codec | None:
    """Return the codec of the column of floats that an expression has its value from, None if there is none."""
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
        value.set_source_expressions([_held(source, codec) for source in value.get_source_expressions()])
        return value
    return codec.held(value)


def _with(node: Lookup[Any], **sides: Any) -> Lookup[Any]:
    node = copy.copy(node)
    vars(node).update(sides)
    return node
