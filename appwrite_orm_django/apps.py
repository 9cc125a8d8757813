"""The Django app: add ``appwrite_orm_django`` to ``INSTALLED_APPS``."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate, post_save
from django.utils.module_loading import import_string


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"
    # For the model behind the cache panel, which has no table: Django would warn without this.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Importing the module registers our fields' lookups.
        from appwrite_orm_django.orm import lookups  # noqa: F401

        for tags, names in _CHECKS.items():
            for name in names:
                checks.register(_imported_when_run(name), *tags)
        for tag, name in _DEPLOYMENT_CHECKS.items():
            checks.register(_imported_when_run(name), tag, deploy=True)
        post_migrate.connect(create_own_tables, sender=self)
        post_save.connect(hold_what_was_saved)
        _delete_files_of_models()


# Checks by tag. Each is imported when it runs: checks need half of the library, which only commands
# that run checks should import.
_CHECKS = {
    ("appwrite",): ["databases.check_settings", "migrations.check_unapplied"],
    ("appwrite", checks.Tags.models): [
        "models.check_models",
        "models.check_routing",
        "models.check_relations",
    ],
    ("appwrite", checks.Tags.database): ["databases.check_drift", "files.check_buckets"],
    ("appwrite", checks.Tags.files): ["files.check_storages"],
    (checks.Tags.caches,): ["cache.check_settings"],
    (checks.Tags.models,): ["cache.check_models"],
    (checks.Tags.security,): ["security.check_webhooks", "security.check_users"],
    (checks.Tags.urls,): ["security.check_urls", "files.check_urls"],
}
_DEPLOYMENT_CHECKS = {
    checks.Tags.caches: "cache.check_deployment",
    checks.Tags.security: "security.check_deployment",
}


# The same function for the same name: ready() runs again when tests override INSTALLED_APPS, and
# Django would run a second one as well.
@cache
def _imported_when_run(name: str) -> Callable[..., Any]:
    def check(app_configs: Any = None, **kwargs: Any) -> Any:
        return import_string(f"{__package__}.checks.{name}")(app_configs=app_configs, **kwargs)

    check.__name__ = check.__qualname__ = name
    return check


def _delete_files_of_models() -> None:
    from django.apps import apps

    chosen = [
        model for model in apps.get_models() if getattr(model, "appwrite_delete_files", False)
    ]
    if chosen:
        from appwrite_orm_django.files.deleting import watch_models

        for model in chosen:
            watch_models(model)


def create_own_tables(using: str | None = None, **_: Any) -> None:
    """
    Create the table that transaction blocks stage in, and the record of encodings.

    Creating the staging table here lets a key that may only write rows run blocks.
    """
    from django.db import DatabaseError

    from appwrite_orm_django.backend.aliases import appwrite_connection
    from appwrite_orm_django.backend.transactions import staging
    from appwrite_orm_django.conf import appwrite_aliases
    from appwrite_orm_django.schema.records import create_records_table

    if using is None or using not in appwrite_aliases():
        return
    connection = appwrite_connection(using)
    try:
        staging.create_table(connection.transport, staging.table_in(connection.database_id))
        create_records_table(connection.transport, connection.database_id)
    except DatabaseError:
        return  # no database or no permission yet; a block that needs the table raises


def hold_what_was_saved(
    instance: Any, using: str | None = None, update_fields: Any = None, **_: Any
) -> None:
    """
    Make instances of Django's own models hold the stored values after ``save()``.

    The server may keep less of a value than Python does, and instances of our models hold what it
    keeps.
    """
    from django.db import connections

    from appwrite_orm_django.backend.aliases import is_appwrite
    from appwrite_orm_django.backend.values import hold

    # Apps send the signal themselves, without a database: nothing has been saved.
    if using is None or not is_appwrite(connections[using]):
        return
    fields = instance._meta.concrete_fields
    hold(
        instance,
        (field for field in fields if update_fields is None or field.name in update_fields),
    )
