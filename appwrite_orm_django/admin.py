"""Provide the classes of ``contrib.admin`` where Django looks for an app's admin."""

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
