"""Test databases: a database of its own in Appwrite, named as Django names test databases."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.creation import BaseDatabaseCreation

from appwrite_orm_django.client import databases
from appwrite_orm_django.client.errors import DatabaseNotFound


class DatabaseCreation(BaseDatabaseCreation):
    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        name = self._get_test_db_name()
        if not keepdb:
            self._drop(name)
        return name

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        from appwrite_orm_django.backend.transactions.committing import create_claims_table

        name: str = super().create_test_db(*args, **kwargs)
        try:
            # Here, so that the number of requests of a block does not depend on which test comes first.
            create_claims_table(self.connection.transport, name)
        except DatabaseNotFound:
            return name  # no model lives here, so no database was made
        return name

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        self._drop(test_database_name)

    def _drop(self, name: str) -> None:
        try:
            databases.delete_database(self.connection.transport, name)
        except DatabaseNotFound:
            return

    def sql_table_creation_suffix(self) -> str:
        return ""

    def test_db_signature(self) -> tuple[Any, ...]:
        settings = self.connection.settings_dict
        return (settings["HOST"], settings["USER"], settings["ENGINE"], self._get_test_db_name())
