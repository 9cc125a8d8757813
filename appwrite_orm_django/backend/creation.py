"""Create test databases: separate Appwrite databases, named as Django names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.models import Model

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection

#: Set in ``settings_dict["TEST"]`` while tests run: the ids of the buckets that they have created.
TEST_BUCKETS = "APPWRITE_BUCKETS"


class DatabaseCreation(BaseDatabaseCreation):
    connection: Connection  # type: ignore[assignment]  # only this connection uses it

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        name = self._get_test_db_name()
        if not keepdb:
            self._drop(name)
        # Storages now use buckets of their own, which they create with their first request.
        self.connection.settings_dict["TEST"][TEST_BUCKETS] = set()
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
        self._drop_buckets()

    def _drop_buckets(self) -> None:
        from appwrite_orm_django.client.buckets import delete_bucket
        from appwrite_orm_django.client.errors import BucketNotFound

        for bucket_id in self.connection.settings_dict["TEST"].pop(TEST_BUCKETS, ()):
            try:
                delete_bucket(self.connection.transport, bucket_id)
            except BucketNotFound:
                continue

    def _drop(self, name: str) -> None:
        from appwrite_orm_django.client import databases
        from appwrite_orm_django.client.errors import DatabaseNotFound

        if (counted := self.connection.counted_keys) is not None:
            counted.forget(name)
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


def models_without_migration(alias: str, *, unmigrated_apps: bool = False) -> list[type[Model]]:
    """
    Return the models of an alias that no migration of their app creates.

    Apps without a migrations package are left out unless ``unmigrated_apps`` is true.
    """
    from django.db.migrations.loader import MigrationLoader

    from appwrite_orm_django.schema.from_models import models_of

    loader = MigrationLoader(None)
    created = loader.project_state().models

    def is_created(model: type[Model]) -> bool:
        owner: Any = model._meta.auto_created or model
        key = (owner._meta.app_label, owner._meta.model_name)
        # The state also has the models of apps without a migrations package.
        return key in created and owner._meta.app_label in loader.migrated_apps

    return [
        model
        for model in models_of(alias)
        if (unmigrated_apps or model._meta.app_label in loader.migrated_apps)
        and not is_created(model)
    ]


def models_without_table(connection: Any) -> list[type[Model]]:
    """Return the models that no migration creates and that have no table; one request if any."""
    from appwrite_orm_django.schema.names import table_id

    missing = models_without_migration(connection.alias, unmigrated_apps=True)
    tables = set(map(table_id, connection.introspection.table_names())) if missing else set()
    return [model for model in missing if table_id(model._meta.db_table) not in tables]
