"""Look up connections to Appwrite by alias, for the rooms above the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from appwrite_orm_django.backend.connection import Connection
from appwrite_orm_django.conf import ENGINE

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from typing_extensions import TypeIs

    from appwrite_orm_django.backend.base import DatabaseWrapper


def is_appwrite(connection: BaseDatabaseWrapper) -> TypeIs[DatabaseWrapper]:
    """Return whether a connection is a connection to Appwrite."""
    return isinstance(connection, Connection)


def appwrite_connection(alias: str) -> DatabaseWrapper:
    """
    Return the connection of an alias on Appwrite.

    Raises:
        ImproperlyConfigured: the alias is on another database.
    """
    connection = connections[alias]
    if not is_appwrite(connection):
        raise ImproperlyConfigured(
            f'DATABASES["{alias}"] is not an Appwrite database: its "ENGINE" is '
            f'"{connection.settings_dict["ENGINE"]}".\n'
            f'Name an alias whose "ENGINE" is "{ENGINE}".'
        )
    return connection
