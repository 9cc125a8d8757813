"""The Django app: put ``appwrite_orm_django`` into ``INSTALLED_APPS``."""

from typing import Any

from django.apps import AppConfig
from django.core.signals import request_finished
from django.db.models.signals import post_migrate


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"
    # Of the model that stands for the cache's panel; it has no table, but Django would warn.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers the lookups of our own fields.
        from appwrite_orm_django import cache_checks, checks, lookups, outside_checks  # noqa: F401
        from appwrite_orm_django.cache.core import publish_if_due

        # A process that only ever hits would else tell nobody: a hit is one round trip and nothing beside it.
        request_finished.connect(publish_if_due, dispatch_uid="appwrite_orm_django.publish_if_due")
        checks.register_checks()
        cache_checks.register_checks()
        outside_checks.register_checks()
        post_migrate.connect(create_own_tables, sender=self)


def create_own_tables(using: str, **_: Any) -> None:
    """Make what blocks of transactions need, so that a key which may only write rows can run them. Two requests at most."""
    from django.db import OperationalError, connections

    from appwrite_orm_django.aliases import appwrite_aliases
    from appwrite_orm_django.backend.transactions.committing import create_claims_table

    if using not in appwrite_aliases():
        return
    connection: Any = connections[using]  # our DatabaseWrapper, by its engine
    try:
        create_claims_table(connection.transport, connection.database_id)
    except OperationalError:
        return  # no database yet, or a key that may not: said when a block needs the table
