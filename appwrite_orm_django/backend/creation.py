"""Test databases: a database of its own in Appwrite, named as Django names test databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.models import Model

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


class DatabaseCreation(BaseDatabaseCreation):
    connection: Connection  # type: ignore[assignment]  # no other connection has this creation

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        name = self._get_test_db_name()
        if not keepdb:
            self._drop(name)
        self._create_tables_of_appwrite_migrate(name)
        return name

    def _create_tables_of_appwrite_migrate(self, name: str) -> None:
        """
        Make the tables that ``migrate``, which Django calls next, will not make: no migration mentions them.

        An app whose migrations package is empty, or has data migrations only, counts as migrated for Django. Before them, for data
        migrations want tables; and with the library's own tables, so that no test's requests depend on which one comes first.
        """
        # Every process has this module, and only tests have a use for it.
        from appwrite_orm_django.schema.from_models import models_of, read_models
        from appwrite_orm_django.schema.migrate import Options, migrate
        from appwrite_orm_django.schema.own_tables import with_own_tables

        if not models_of(self.connection.alias):
            return
        wanted = with_own_tables(read_models(name, models_without_migration(self.connection.alias)))
        migrate(self.connection.transport, wanted, Options(all_tables=False))

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        self._drop(test_database_name)

    def _drop(self, name: str) -> None:
        from appwrite_orm_django.client import databases
        from appwrite_orm_django.client.errors import DatabaseNotFound

        try:
            databases.delete_database(self.connection.transport, name)
        except DatabaseNotFound:
            return

    def sql_table_creation_suffix(self) -> str:
        return ""

    def test_db_signature(self) -> tuple[Any, ...]:
        return (*self.connection.project, self.connection.settings_dict["ENGINE"], self._get_test_db_name())


def models_without_migration(alias: str) -> list[type[Model]]:
    """Return the models of an alias whose app has a migrations package in which no migration creates them."""
    from django.db.migrations.loader import MigrationLoader

    from appwrite_orm_django.schema.from_models import models_of

    loader = MigrationLoader(None)
    created = loader.project_state().models

    def is_created(model: type[Model]) -> bool:
        owner: Any = model._meta.auto_created or model
        return (owner._meta.app_label, owner._meta.model_name) in created

    return [
        model for model in models_of(alias) if model._meta.app_label in loader.migrated_apps and not is_created(model)
    ]
