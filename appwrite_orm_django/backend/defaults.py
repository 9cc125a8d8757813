"""
Compute defaults: for columns that an insert leaves out (``db_default``), and for new columns.

Appwrite's column defaults do the former for other clients. Rows that Django writes always get their
defaults from here. So a nullable column, an expression and a default that no column can hold all
work alike, and nulls stay nulls.
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
    Compute the defaults of one insert.

    An expression is evaluated once for all rows and columns, as in SQL, where the time is that of
    the statement. It is evaluated for each row only if its value may differ.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[Any, Any] = {}

    def value(self, field: Field[Any, Any], default: DatabaseDefault) -> Any:
        """Return the value of a field's default, prepared for the database."""
        return field.get_db_prep_save(
            self._constant(default.expression), connection=self._connection
        )

    def _constant(self, expression: Any) -> Any:
        if type(expression) is Value or not _is_stable(expression):
            return constant(expression, self._connection)
        if expression not in self._known:
            self._known[expression] = constant(expression, self._connection)
        return self._known[expression]


def constant(expression: Any, connection: Connection) -> Any:
    """Return the value of a resolved expression that reads no columns."""
    return (
        expression.value
        if type(expression) is Value
        else evaluation.constant(expression, connection)
    )


#: Expressions whose value may differ from row to row, or may hide such an expression.
_UNSTABLE = frozenset({Func, Random, RawSQL})


def _is_stable(expression: Any) -> bool:
    """
    Return whether an expression has the same value throughout a statement.

    Django's own functions have, except ``Random``. Other functions may not.
    """
    return all(
        type(node).__module__.startswith("django.") and type(node) not in _UNSTABLE
        for node in _nodes(expression)
    )


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    children: Iterable[Any] = getattr(expression, "get_source_expressions", list)()
    for child in children:
        if child is not None:
            yield from _nodes(child)


def refusal(field: Field[Any, Any]) -> str:
    """
    Return why the expression of a field's ``db_default`` cannot be evaluated locally, or "".

    This sends no request.
    """
    # Processes that only write rows do not need this import.
    from appwrite_orm_django.backend.evaluation.database import LocalDatabase
    from appwrite_orm_django.engines import MARIADB

    expression = field.db_default
    if not hasattr(expression, "resolve_expression") or isinstance(expression, Value):
        return ""
    query = Query(None)
    database = LocalDatabase("appwrite_db_default", MARIADB, None)
    # A check may run where tests allow no database. They do not track this one.
    database.connection = database.get_new_connection(database.get_connection_params())
    try:
        query.annotations["value"] = expression.resolve_expression(
            query, allow_joins=False, for_save=True
        )
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
    Return the value that existing rows get for a field's column, as Appwrite stores it.

    It is used when the column is added, and for rows without a value when it becomes required. As
    in Django's schema editors, it is the ``db_default``, else the ``default``, else "" for text
    that may be blank, else the current time for ``auto_now`` and ``auto_now_add``. A callable is
    called once for all rows, and only if there are any. None means no value.

    Raises:
        DataError: the column cannot hold the default.
    """
    # Only migrations need this import.
    from appwrite_orm_django.schema.definitions import Computed

    if field.has_db_default():
        expression = field.db_default
        if hasattr(expression, "resolve_expression") and not isinstance(expression, Value):
            default = DatabaseDefault(
                expression.resolve_expression(Query(field.model), allow_joins=False, for_save=True)
            )
            return Computed(
                f"the db_default of {field.name}",
                lambda: _wire(field, Defaults(connection).value(field, default)),
            )
        value = expression.value if isinstance(expression, Value) else expression
        return _written(field, value, connection)  # type: ignore[no-any-return]  # Django's value, of this type
    if isinstance(field, OrderWrt) and not field.has_default():
        return 0  # the default of Django's AlterOrderWithRespectTo
    # Read now, because a migration's operation may set a default only while it runs.
    default, editor = field.default, connection.schema_editor()
    if field.has_default() and callable(default):
        return Computed(
            f"the default of {field.name}", lambda: _written(field, default(), connection)
        )
    if not field.has_default() and (
        getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    ):
        return Computed(
            "the time of the run", lambda: _wire(field, editor.effective_default(field))
        )
    if not field.has_default() and (
        field.null or not field.blank or not field.empty_strings_allowed
    ):
        # No default: a field of the user's own need not be able to prepare None.
        return None
    try:
        return _wire(field, editor.effective_default(field))  # type: ignore[no-any-return]  # Django's value, of this type
    except (DataError, ValidationError, ArithmeticError, TypeError, ValueError):
        # Raise only if there is a row that needs the default.
        return Computed(
            f"the default of {field.name}", lambda: _written(field, default, connection)
        )


def _written(field: Field[Any, Any], value: Any, connection: Connection) -> Any:
    try:
        return _wire(field, field.get_db_prep_save(value, connection=connection))
    except (ValidationError, ArithmeticError, TypeError, ValueError) as error:
        raise DataError(
            f"{field.model._meta.db_table}.{field.column}: the default {value!r}: {error}"
        ) from error


def _wire(field: Field[Any, Any], prepared: Any) -> Any:
    if prepared is None:
        return None
    wire = codec_for(field).encode(prepared)
    # The server does not distinguish an empty list from a missing one.
    return None if wire == [] else wire
