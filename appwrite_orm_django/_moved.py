"""
Raise an error with the new name when a moved module is imported by its old name.

This exists for one release only. It is a finder, because modules in the old places would be found
by tools that look for ``forms`` or ``views`` in every app.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = "appwrite_orm_django"
#: Maps old names within the package to new ones.
MOVED = {
    "aliases": "conf",
    "array_forms": "orm.array_forms",
    "backend.listening": "conf",
    "backend.options": "conf",
    "cache.settings": "conf",
    "cache_checks": "checks.cache",
    "collation": "engines.collation",
    "debug_toolbar": "contrib.debug_toolbar",
    "event_names": "changes.event_names",
    "forms": "contrib.forms",
    "handlers": "changes.handlers",
    "http": "contrib.http_cache",
    "identity": "users.accounts, and appwrite_orm_django.users.middleware for the middleware",
    "incoming": "changes.dispatch",
    "instances": "orm.hydration",
    "local": "appwrite_local, a package of its own",
    "lookups": "orm.lookups",
    "middleware": "contrib.cache_status",
    "outside_checks": "checks.security",
    "pagination": "contrib.pagination",
    "realtime": "changes.realtime",
    "relationships": "orm.relationships",
    "reporting": "users.reporting",
    "stored": "orm.inspected",
    "transfer": "contrib.exports",
    "urls": "changes.urls",
    "views": "contrib.views",
    "webhook_setup": "changes.webhook_setup",
    "webhooks": "changes.webhooks",
}


class MovedModules(MetaPathFinder):
    """The last finder, which is asked only for modules that do not exist."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """
        Return None for every module that was not moved.

        Raises:
            ModuleNotFoundError: the module was moved; the message contains its new name.
        """
        package, _, name = fullname.partition(".")
        if package == _PACKAGE and name in MOVED:
            new = MOVED[name]
            place = new if new.startswith("appwrite_local") else f"{_PACKAGE}.{new}"
            # With ``name`` set, "from appwrite_orm_django import handlers" would swallow the error.
            raise ModuleNotFoundError(
                f"{fullname} has moved to {place}. Change the import, the setting or the migration "
                "that names it."
            )
        return None


def install() -> None:
    """Append the finder to ``sys.meta_path``, unless it is there already."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
