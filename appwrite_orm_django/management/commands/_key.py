"""Make commands use the API key, never an end user's identity."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from appwrite_orm_django.client.identity import acting_as, current_identity
from appwrite_orm_django.conf import appwrite_aliases


class WithKey:
    """
    Make a command use the API key, and refuse to run it inside ``appwrite_user()``.

    List the mixin before ``BaseCommand``. A schema or an export as an end user sees it would be
    incomplete, and nothing would show it.
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        for alias in appwrite_aliases():
            if current_identity(alias) is not None:
                raise CommandError(
                    f'This command needs the API key of "{alias}", but runs as an end user. Call '
                    "it outside appwrite_user()."
                )
        with acting_as(None):
            return super().execute(*args, **options)  # type: ignore[misc]  # BaseCommand's, the next base class
