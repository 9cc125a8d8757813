"""
Adapt Django's admin to remote tables, and add a panel for the cache.

``model_admin`` has the admin classes for models. ``cache_panel`` is the panel's page; ``report``
makes its data and ``chart`` its chart. This package imports the façade and nothing of the backend.
It is tested in ``tests/contrib/test_model_admin.py``, ``test_cache_panel.py`` and ``tests/e2e``,
and documented in ``docs/howto/admin.md`` and ``docs/howto/cache-panel.md``.
"""

from appwrite_orm_django.contrib.admin.cache_panel import CachePanel, CachePanelAdmin
from appwrite_orm_django.contrib.admin.model_admin import (
    AppwriteModelAdmin,
    AppwriteStackedInline,
    AppwriteTabularInline,
)

__all__ = [
    "AppwriteModelAdmin",
    "AppwriteStackedInline",
    "AppwriteTabularInline",
    "CachePanel",
    "CachePanelAdmin",
]
