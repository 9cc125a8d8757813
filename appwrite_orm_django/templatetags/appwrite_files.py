"""``{% load appwrite_files %}``: addresses of files and of their previews."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models.fields.files import FieldFile

register = template.Library()


@register.simple_tag
def file_url(file: FieldFile | None, **options: Any) -> str:
    """
    Return the address of a field's file, or of a preview of it; empty if there is no file.

    ``{% file_url book.cover width=320 %}``. The options are those of ``AppwriteStorage.url()``;
    other storages have none and return the file itself.
    """
    if not file:
        return ""
    if hasattr(file.storage, "preview"):
        url: str = file.storage.url(file.name, **options)
        return url
    return file.url
