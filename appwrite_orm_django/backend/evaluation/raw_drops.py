"""Run ``DROP TABLE``, for a table that the library has made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import NotSupportedError, ProgrammingError

from appwrite_orm_django.backend.changing import announced
from appwrite_orm_django.backend.evaluation.names import name_of
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.client import tables
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.schema.definitions import Table
from appwrite_orm_django.schema.names import OWN_TABLES
from appwrite_orm_django.schema.records import forget_table, read_records_of
from appwrite_orm_django.schema.steps import DropTable

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

_DROPS = re.compile(
    r"""\s*DROP\s+TABLE\s+(?P<maybe>IF\s+EXISTS\s+)?
        (?P<name>\w+|"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])
        (?:\s+(?:CASCADE|RESTRICT))?\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)


def run_drop(sql: str, connection: Connection) -> bool:
    """
    Drop the table that a statement names; return False if it is another statement.

    Raises:
        ProgrammingError: there is no such table.
        NotSupportedError: a user is in force, other clients made the table, it is one of the
            library's own, or the open block has changed its rows.
    """
    statement = _DROPS.fullmatch(sql)
    if statement is None:
        return False
    name = name_of(statement["name"])
    table = table_id(name)
    _refuse(name, table, connection)
    try:
        with announced(connection, [DropTable(table, Table(table))]):
            tables.delete_table(connection.transport, connection.table_ref(table))
    except (TableNotFound, DatabaseNotFound):
        if not statement["maybe"]:
            raise ProgrammingError(f"no such table: {name}") from None
    forget_table(connection.transport, connection.database_id, table)
    return True


def _refuse(name: str, table: str, connection: Connection) -> None:
    if connection.identity is not None:
        raise NotSupportedError(
            f"DROP TABLE {name} needs the API key, but a user is in force here: run it outside of "
            "appwrite_user()."
        )
    if connection.is_dirty(connection.table_ref(table)):
        raise NotSupportedError(
            f"DROP TABLE {name}: the open block has changed rows of the table.\n"
            "Drop it before or after the block."
        )
    made_here = not table.startswith(OWN_TABLES) and (
        any(table_id(model._meta.db_table) == table for model in apps.get_models())
        or read_records_of(connection.transport, connection.database_id, table)
    )
    if not made_here and _exists(table, connection):
        raise NotSupportedError(
            f"DROP TABLE {name}: no migration or appwrite_migrate of this library has made this "
            "table.\nDelete it in the console of Appwrite if it is of no use."
        )


def _exists(table: str, connection: Connection) -> bool:
    try:
        tables.get_table(connection.transport, connection.table_ref(table))
    except (TableNotFound, DatabaseNotFound):
        return False
    return True
