from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "testproject.demo"
    verbose_name = "Demo"
