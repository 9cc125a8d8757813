"""The Django app: put ``appwrite_orm_django`` into ``INSTALLED_APPS``."""

from django.apps import AppConfig


class AppwriteOrmConfig(AppConfig):
    name = "appwrite_orm_django"
    label = "appwrite_orm_django"
    verbose_name = "Appwrite"
