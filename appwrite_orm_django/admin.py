"""Django looks for an app's admin here; the classes are in ``contrib.admin``."""

from appwrite_orm_django.contrib.admin import (
    AppwriteModelAdmin,
    AppwriteStackedInline,
    AppwriteTabularInline,
    CachePanel,
    CachePanelAdmin,
)

__all__ = [
    "AppwriteModelAdmin",
    "AppwriteStackedInline",
    "AppwriteTabularInline",
    "CachePanel",
    "CachePanelAdmin",
]
