"""The Django app: put ``appwrite_orm_django`` into ``INSTALLED_APPS``."""

from django.apps import AppConfig
from django.core.signals import request_finished


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"

    def ready(self) -> None:
        # Registers the lookups of our own fields.
        from appwrite_orm_django import cache_checks, checks, lookups  # noqa: F401
        from appwrite_orm_django.cache.core import publish_if_due

        # A process that only ever hits would else tell nobody: a hit is one round trip and nothing beside it.
        request_finished.connect(publish_if_due, dispatch_uid="appwrite_orm_django.publish_if_due")
        checks.register_checks()
        cache_checks.register_checks()
