from django.apps import AppConfig


class WorldConfig(AppConfig):
    name = "testproject.world"
    verbose_name = "World"
