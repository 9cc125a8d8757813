"""Django's schema editor, for ``migrate``; ``appwrite_migrate`` works declaratively and does not use it."""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class DatabaseSchemaEditor(BaseDatabaseSchemaEditor):
    pass
