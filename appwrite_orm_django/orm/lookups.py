"""
Lookups of array fields, which compare exactly and with case, as the server does.

Every process loads this module, so the code that pushes the lookups down is imported only when a
query is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Lookup

from appwrite_orm_django.fields import ArrayField

if TYPE_CHECKING:
    from appwrite_orm_django.backend.planning.trees import Narrowing
    from appwrite_orm_django.backend.planning.where import Scope


class _ArrayLookup(Lookup):
    """Compare the elements of an array with a list of constants."""

    sqlite_condition: str

    def get_prep_lookup(self) -> Any:
        return self.lhs.output_field.get_prep_value(self.rhs)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        return self.sqlite_condition.format(lhs=lhs), [
            *lhs_params,
            self.lhs.output_field.get_db_prep_value(self.rhs, connection, prepared=True),
        ]


@ArrayField.register_lookup
class ArrayContains(_ArrayLookup):
    """Match arrays that have all of these elements."""

    lookup_name = "contains"
    sqlite_condition = (
        "(SELECT COUNT(DISTINCT wanted.value) FROM json_each({lhs}) held JOIN json_each(%s) wanted "
        "ON held.value = wanted.value) = (SELECT COUNT(DISTINCT value) + COUNT(*) - COUNT(value) FROM json_each(%s))"
    )

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, params = super().as_sqlite(compiler, connection)
        return sql, [*params, params[-1]]

    def appwrite_narrowing(self, truth_value: bool, scope: Scope) -> Narrowing:
        from appwrite_orm_django.backend.planning import arrays

        return arrays.contains(self, truth_value, scope)


@ArrayField.register_lookup
class ArrayOverlap(_ArrayLookup):
    """Match arrays that have at least one of these elements."""

    lookup_name = "overlap"
    sqlite_condition = "EXISTS (SELECT 1 FROM json_each({lhs}) held JOIN json_each(%s) wanted ON held.value = wanted.value)"

    def appwrite_narrowing(self, truth_value: bool, scope: Scope) -> Narrowing:
        from appwrite_orm_django.backend.planning import arrays

        return arrays.overlap(self, truth_value, scope)
