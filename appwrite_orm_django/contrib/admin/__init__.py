"""
Django's admin, with the defaults that remote tables want, and the cache's panel in it.

``model_admin`` is for models, ``cache_panel`` the page, ``report`` what it shows, ``chart`` its picture. Imports the façade, nothing of
the backend; tested in ``tests/backend/test_model_admin.py``, ``test_cache_panel.py`` and ``tests/e2e``; explained in
``docs/howto/admin.md`` and ``docs/howto/cache-panel.md``.
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
