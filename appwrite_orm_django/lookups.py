"""Lookups of array fields: exact and with case, as the server compares elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Lookup

from appwrite_orm_django.backend.columns import column_key
from appwrite_orm_django.backend.pushdown import conditions, truth
from appwrite_orm_django.backend.values import codec_for
from appwrite_orm_django.client import queries
from appwrite_orm_django.fields import ArrayField

if TYPE_CHECKING:
    from appwrite_orm_django.backend.pushdown.conditions import Scope
    from appwrite_orm_django.backend.pushdown.truth import Narrowing


class _ArrayLookup(Lookup):
    """Compares the elements of an array with a list of constants."""

    sqlite_condition: str

    def get_prep_lookup(self) -> Any:
        return self.lhs.output_field.get_prep_value(self.rhs)

    def _elements(self, scope: Scope) -> list[Any] | None:
        if not conditions.in_scope(self.lhs, scope) or not isinstance(self.rhs, list):
            return None
        try:
            return list(codec_for(self.lhs.target).encode(self.rhs))
        except ValueError:
            return None

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        return self.sqlite_condition.format(lhs=lhs), [
            *lhs_params,
            self.lhs.output_field.get_db_prep_value(self.rhs, connection, prepared=True),
        ]


@ArrayField.register_lookup
class ArrayContains(_ArrayLookup):
    """The array has every one of these elements."""

    lookup_name = "contains"
    sqlite_condition = (
        "(SELECT COUNT(DISTINCT wanted.value) FROM json_each({lhs}) held JOIN json_each(%s) wanted "
        "ON held.value = wanted.value) = %s"
    )

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, params = super().as_sqlite(compiler, connection)
        return sql, [*params, len(set(self.rhs))]

    def appwrite_narrowing(self, truth_value: bool, scope: Scope) -> Narrowing:
        elements = self._elements(scope)
        if elements is None or not elements:
            return truth.UNKNOWN
        key = column_key(self.lhs.target)
        if truth_value:
            return truth.both([truth.leaf(queries.contains(key, element)) for element in elements])
        return truth.either([truth.leaf(queries.not_contains(key, element)) for element in elements])


@ArrayField.register_lookup
class ArrayOverlap(_ArrayLookup):
    """The array has at least one of these elements."""

    lookup_name = "overlap"
    sqlite_condition = (
        "EXISTS (SELECT 1 FROM json_each({lhs}) held JOIN json_each(%s) wanted ON held.value = wanted.value)"
    )

    def appwrite_narrowing(self, truth_value: bool, scope: Scope) -> Narrowing:
        elements = self._elements(scope)
        if elements is None or not elements or len(elements) > queries.MAX_VALUES:
            return truth.UNKNOWN
        key = column_key(self.lhs.target)
        return truth.leaf(queries.contains(key, *elements) if truth_value else queries.not_contains(key, *elements))
