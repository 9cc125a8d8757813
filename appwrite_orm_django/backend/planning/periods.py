"""
Plan ``dates()``, ``datetimes()`` and similar queries.

They step from one period to the next instead of reading all rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import DateField, DateTimeField, functions
from django.db.models.expressions import OrderBy, Ref
from django.utils import timezone

from appwrite_orm_django.backend.commands import Condition, Periods
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.periods import KINDS, WHOLE_DAYS
from appwrite_orm_django.backend.planning import where
from appwrite_orm_django.backend.values import DateCodec, DateTimeCodec, codec_for, column_key

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.planning.where import Scope
    from appwrite_orm_django.client.references import TableRef

_TRUNCATIONS = (
    functions.Trunc,
    functions.TruncYear,
    functions.TruncQuarter,
    functions.TruncMonth,
    functions.TruncWeek,
    functions.TruncDay,
    functions.TruncHour,
    functions.TruncMinute,
    functions.TruncSecond,
)


def periods(
    query: Query,
    select: Sequence[Any],
    ordering: Sequence[OrderBy],
    table: TableRef,
    condition: Condition,
    scope: Scope,
) -> Periods | None:
    """
    Return the command for the distinct values of one truncated column without nulls.

    None for any other query.
    """
    if len(select) != 1 or type(select[0]) not in _TRUNCATIONS or query.order_by == ("?",):
        return None
    trunc = select[0]
    descending = _is_descending(ordering, trunc)
    if descending is None or trunc.kind not in KINDS or not where.in_scope(trunc.lhs, scope):
        return None
    field, codec = trunc.lhs.target, codec_for(trunc.lhs.target)
    # A null would be a separate value.
    if not _leaves_nulls_out(condition, column_key(field)) and column_key(field) != "$createdAt":
        return None
    if type(codec) not in (DateCodec, DateTimeCodec) or type(trunc.output_field) not in (
        DateField,
        DateTimeField,
    ):
        return None
    zone = None
    if type(codec) is DateTimeCodec and settings.USE_TZ:
        zone = trunc.tzinfo or timezone.get_current_timezone()
        if trunc.kind not in WHOLE_DAYS and zone != datetime.timezone.utc and str(zone) != "UTC":
            return None  # an hour that the clock repeats has two parts
    return Periods(
        table,
        condition,
        column_key(field),
        trunc.kind,
        None if zone is None else str(zone),
        type(trunc.output_field) is DateField,
        descending,
        query.low_mark,
        None if query.high_mark is None else query.high_mark - query.low_mark,
        codec.decode,
        codec.encode,
        _shown(trunc, zone),
        zone,
        definition_of(field, trunc.output_field),
    )


def _is_descending(ordering: Sequence[OrderBy], trunc: Any) -> bool | None:
    """
    Return whether truncated values are ordered descending.

    None if they are ordered by anything else.
    """
    if not ordering:
        return False
    expression = ordering[0].expression
    while isinstance(expression, Ref):
        expression = expression.source
    return bool(ordering[0].descending) if len(ordering) == 1 and expression == trunc else None


def _leaves_nulls_out(condition: Condition, key: str) -> bool:
    return any(query.method == "isNotNull" and query.column == key for query in condition.queries)


def _shown(trunc: Any, zone: datetime.tzinfo | None) -> Callable[[datetime.datetime], Any]:
    if type(trunc.output_field) is DateField:
        return lambda start: start.date()
    if zone is None:
        return lambda start: start
    return lambda start: timezone.make_aware(start, zone)
