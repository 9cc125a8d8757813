"""
Defaults at work: what rows get where an insert leaves a column out (``db_default``), and where a column is new.

Appwrite's own column defaults do the first for other clients. Django's rows get theirs from here in every case, so that a nullable column, an
expression and a default that no column can hold work alike, and nulls stay nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError, ValidationError
from django.db import DatabaseError, DataError
from django.db.models import Func, OrderWrt
from django.db.models.expressions import DatabaseDefault, RawSQL, Value
from django.db.models.functions import Random
from django.db.models.sql import Query

from appwrite_orm_django.backend import evaluation
from appwrite_orm_django.backend.values import codec_for

if TYPE_CHECKING:
    from django.db.models import Field

    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.schema.definitions import Fill


class Defaults:
    """
    The defaults of one insert.

    As in SQL, where the time is that of the statement for all of its rows and columns: an expression is evaluated once, and for each row
    only if it need not give the same twice.
    """

    def __init__(self, connection: Connection) -> None:
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


def constant(expression: Any, connection: Connection) -> Any:
    """Return the value of a resolved expression that reads no columns."""
    return expression.value if type(expression) is Value else evaluation.constant(expression, connection)


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
    from appwrite_orm_django.backend.evaluation.database import LocalDatabase

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


def fill_of(field: Field[Any, Any], connection: Connection) -> Fill:
    """
    Return what rows get that are there when a field's column is added, or that have none when it becomes required, as Appwrite stores it.

    The same as in Django's schema editors: the ``db_default``, else the ``default``, else "" for a text that may be blank, else the time for
    ``auto_now`` and ``auto_now_add``. A callable is called once for all rows, and only if there are any; None stands for nothing.

    Raises:
        DataError: the column cannot hold the default.
    """
    # Imported by migrations only.
    from appwrite_orm_django.schema.definitions import Computed

    if field.has_db_default():
        expression = field.db_default
        if hasattr(expression, "resolve_expression") and not isinstance(expression, Value):
            default = DatabaseDefault(
                expression.resolve_expression(Query(field.model), allow_joins=False, for_save=True)
            )
            return Computed(
                f"the db_default of {field.name}", lambda: _wire(field, Defaults(connection).value(field, default))
            )
        value = expression.value if isinstance(expression, Value) else expression
        return _written(field, value, connection)
    if isinstance(field, OrderWrt) and not field.has_default():
        return 0  # what the operation for ``order_with_respect_to`` gives it
    # Read now: a migration's operation may set a default for as long as it runs.
    default, editor = field.default, connection.schema_editor()
    if field.has_default() and callable(default):
        return Computed(f"the default of {field.name}", lambda: _written(field, default(), connection))
    if not field.has_default() and (getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)):
        return Computed("the time of the run", lambda: _wire(field, editor.effective_default(field)))
    try:
        return _wire(field, editor.effective_default(field))
    except (DataError, ValidationError, ArithmeticError, TypeError, ValueError):
        # Refused once there is a row that needs it.
        return Computed(f"the default of {field.name}", lambda: _written(field, default, connection))


def _written(field: Field[Any, Any], value: Any, connection: Connection) -> Any:
    try:
        return _wire(field, field.get_db_prep_save(value, connection=connection))
    except (ValidationError, ArithmeticError, TypeError, ValueError) as error:
        raise DataError(f"{field.model._meta.db_table}.{field.column}: the default {value!r}: {error}") from error


def _wire(field: Field[Any, Any], prepared: Any) -> Any:
    if prepared is None:
        return None
    wire = codec_for(field).encode(prepared)
    # The server makes no difference between an empty list and none.
    return None if wire == [] else wire
