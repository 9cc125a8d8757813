"""The Django app: put ``appwrite_orm_django`` into ``INSTALLED_APPS``."""

from collections.abc import Callable
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate, post_save
from django.utils.module_loading import import_string


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"
    # Of the model that stands for the cache's panel; it has no table, but Django would warn.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers the lookups of our own fields.
        from appwrite_orm_django.orm import lookups  # noqa: F401

        for tags, names in _CHECKS.items():
            for name in names:
                checks.register(_imported_when_run(name), *tags)
        for tag, name in _DEPLOYMENT_CHECKS.items():
            checks.register(_imported_when_run(name), tag, deploy=True)
        post_migrate.connect(create_own_tables, sender=self)
        post_save.connect(hold_what_was_saved)


# By the tags that they have, so that what they look with, which is half of the library, is imported by the commands that run checks only.
_CHECKS = {
    ("appwrite",): ["databases.check_settings"],
    ("appwrite", checks.Tags.models): ["models.check_models", "models.check_routing", "models.check_relations"],
    ("appwrite", checks.Tags.database): ["databases.check_drift"],
    (checks.Tags.caches,): ["cache.check_settings"],
    (checks.Tags.models,): ["cache.check_models"],
    (checks.Tags.security,): ["security.check_webhooks", "security.check_users"],
    (checks.Tags.urls,): ["security.check_urls"],
}
_DEPLOYMENT_CHECKS = {
    checks.Tags.caches: "cache.check_deployment",
    checks.Tags.security: "security.check_deployment",
}


def _imported_when_run(name: str) -> Callable[..., Any]:
    def check(app_configs: Any = None, **kwargs: Any) -> Any:
        return import_string(f"{__package__}.checks.{name}")(app_configs=app_configs, **kwargs)

    check.__name__ = check.__qualname__ = name
    return check


def create_own_tables(using: str, **_: Any) -> None:
    """Make what blocks of transactions need, so that a key which may only write rows can run them, and the record of encodings."""
    from django.db import DatabaseError

    from appwrite_orm_django.backend.aliases import appwrite_connection
    from appwrite_orm_django.backend.transactions import staging
    from appwrite_orm_django.conf import appwrite_aliases
    from appwrite_orm_django.schema.records import create_records_table

    if using not in appwrite_aliases():
        return
    connection = appwrite_connection(using)
    try:
        staging.create_table(connection.transport, staging.table_in(connection.database_id))
        create_records_table(connection.transport, connection.database_id)
    except DatabaseError:
        return  # no database yet, or a key that may not: said when a block needs the table


def hold_what_was_saved(instance: Any, using: str, update_fields: Any = None, **_: Any) -> None:
    """Let objects of Django's own models, too, hold what the server does once ``save()`` has updated their row."""
    from django.db import connections

    from appwrite_orm_django.backend.aliases import is_appwrite
    from appwrite_orm_django.backend.values import hold

    if not is_appwrite(connections[using]):
        return
    fields = instance._meta.concrete_fields
    hold(instance, (field for field in fields if update_fields is None or field.name in update_fields))
