"""The Django app: put ``appwrite_orm_django`` into ``INSTALLED_APPS``."""

from django.apps import AppConfig


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"

    def ready(self) -> None:
        # Registers the lookups of our own fields.
        from appwrite_orm_django import cache_checks, checks, lookups, outside_checks  # noqa: F401

        checks.register_checks()
        cache_checks.register_checks()
        outside_checks.register_checks()
