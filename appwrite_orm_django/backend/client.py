"""Reject ``manage.py dbshell``: Appwrite has no shell."""

from typing import NoReturn

from django.core.management.base import CommandError
from django.db.backends.base.client import BaseDatabaseClient


class DatabaseClient(BaseDatabaseClient):
    def runshell(self, parameters: object) -> NoReturn:
        raise CommandError(
            "Appwrite has no command-line shell for its tables; use its console, or manage.py "
            "shell."
        )
