"""
``db_default`` at work: what a database would fill in for a column that an insert leaves out.

Appwrite's own column defaults do that for other clients. Django's rows get theirs from here in every case, so that a nullable column, an
expression and a default that no column can hold work alike, and nulls stay nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db import DatabaseError
from django.db.models import Func
from django.db.models.expressions import DatabaseDefault, RawSQL, Value
from django.db.models.functions import Random
from django.db.models.sql import Query

from appwrite_orm_django.backend import local_evaluation

if TYPE_CHECKING:
    from django.db.models import Field

    from appwrite_orm_django.backend.base import DatabaseWrapper


class Defaults:
    """
    The defaults of one insert.

    As in SQL, where the time is that of the statement for all of its rows and columns: an expression is evaluated once, and for each row
    only if it need not give the same twice.
    """

    def __init__(self, connection: DatabaseWrapper) -> None:
        self._connection = connection
        self._known: dict[Any, Any] = {}

    def value(self, field: Field[Any, Any], default: DatabaseDefault) -> Any:
        """Return the value of a field's default, prepared for the database."""
        return field.get_db_prep_save(self._constant(default.expression), connection=self._connection)

    def _constant(self, expression: Any) -> Any:
        if type(expression) is Value or not _is_stable(expression):
            return constant(expression, self._connection)
        if expression not in self._known:
            self._known[expression] = constant(expression, self._connection)
        return self._known[expression]


def constant(expression: Any, connection: DatabaseWrapper) -> Any:
    """Return the value of a resolved expression that reads no columns."""
    return expression.value if type(expression) is Value else local_evaluation.constant(expression, connection)


#: What may differ from row to row, or may hide anything.
_UNSTABLE = frozenset({Func, Random, RawSQL})


def _is_stable(expression: Any) -> bool:
    """Say whether one statement has one value of an expression: Django's own functions have, but for ``Random``; of others nobody knows."""
    return all(
        type(node).__module__.startswith("django.") and type(node) not in _UNSTABLE for node in _nodes(expression)
    )


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    children: Iterable[Any] = getattr(expression, "get_source_expressions", list)()
    for child in children:
        if child is not None:
            yield from _nodes(child)


def refusal(field: Field[Any, Any]) -> str:
    """Return why the expression of a field's ``db_default`` cannot be evaluated here, or ""; asks no server."""
    # Imported by nobody who only writes rows.
    from appwrite_orm_django.backend.local_evaluation.sqlite import LocalDatabase

    expression = field.db_default
    if not hasattr(expression, "resolve_expression") or isinstance(expression, Value):
        return ""
    query = Query(None)
    database = LocalDatabase("appwrite_db_default", "mariadb", None)
    # A check may run where tests allow no database; this one is none to them.
    database.connection = database.get_new_connection(database.get_connection_params())
    try:
        query.annotations["value"] = expression.resolve_expression(query, allow_joins=False, for_save=True)
        query.set_annotation_mask({"value"})
        query.default_cols = False
        sql, params = query.get_compiler(connection=database).as_sql()
        with database.wrap_database_errors, closing(database.create_cursor()) as cursor:
            cursor.execute(sql, params)
            cursor.fetchone()
    except (DatabaseError, FieldError, TypeError, ValueError) as error:
        return str(error)
    finally:
        database.connection.close()
    return ""
