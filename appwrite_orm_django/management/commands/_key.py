"""Commands that work with the API key, whoever calls them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from appwrite_orm_django.client.identity import acting_as, current_identity
from appwrite_orm_django.conf import appwrite_aliases


class WithKey:
    """
    For a command, before ``BaseCommand``: refuses to run inside ``appwrite_user()``, and says that the key is meant.

    A schema or an export seen with a visitor's eyes would be wrong without anybody noticing.
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        for alias in appwrite_aliases():
            if current_identity(alias) is not None:
                raise CommandError(
                    f'This command needs the API key of "{alias}", and a user is in force here: call it outside appwrite_user().'
                )
        with acting_as(None):
            return super().execute(*args, **options)  # type: ignore[misc]  # BaseCommand's, which stands behind this class
