"""Create test databases: separate Appwrite databases, named as Django names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.models import Model

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


class DatabaseCreation(BaseDatabaseCreation):
    connection: Connection  # type: ignore[assignment]  # only this connection uses it

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        name = self._get_test_db_name()
        if not keepdb:
            self._drop(name)
        self._create_tables_of_appwrite_migrate(name)
        return name  # type: ignore[no-any-return]  # Django's value, of this type

    def _create_tables_of_appwrite_migrate(self, name: str) -> None:
        """
        Create the tables that no migration mentions.

        Django calls ``migrate`` next, which would not create them. To Django, an app counts as
        migrated if its migrations package is empty or has only data migrations. The tables come
        first because data migrations need them. The library's own tables are included, so that a
        test's requests do not depend on which test runs first.
        """
        # Every process imports this module, but only tests use it.
        from appwrite_orm_django.schema.from_models import models_of, read_models
        from appwrite_orm_django.schema.migrate import Options, migrate
        from appwrite_orm_django.schema.own_tables import with_own_tables

        if not models_of(self.connection.alias):
            return
        wanted = with_own_tables(
            read_models(
                name,
                models_without_migration(self.connection.alias),
                engine=self.connection.engine,
            )
        )
        migrate(
            self.connection.transport,
            wanted,
            Options(all_tables=False, engine=self.connection.engine),
        )

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
        return (
            *self.connection.project,
            self.connection.settings_dict["ENGINE"],
            self._get_test_db_name(),
        )


def models_without_migration(alias: str) -> list[type[Model]]:
    """
    Return the models of an alias that no migration of their app creates.

    Only apps with a migrations package are considered.
    """
    from django.db.migrations.loader import MigrationLoader

    from appwrite_orm_django.schema.from_models import models_of

    loader = MigrationLoader(None)
    created = loader.project_state().models

    def is_created(model: type[Model]) -> bool:
        owner: Any = model._meta.auto_created or model
        return (owner._meta.app_label, owner._meta.model_name) in created

    return [
        model
        for model in models_of(alias)
        if model._meta.app_label in loader.migrated_apps and not is_created(model)
    ]
