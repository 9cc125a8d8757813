"""Generic foreign keys to objects in any database."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey as DjangoGenericForeignKey
from django.contrib.contenttypes.models import ContentType

__all__ = ["GenericForeignKey"]


class GenericForeignKey(DjangoGenericForeignKey):
    """
    A generic foreign key whose target may be in another database than its own model.

    Django's looks for the target in the database of the object that points to it. This one asks
    the routers, for the target and for the content type.
    """

    def get_content_type(
        self, obj: Any = None, id: Any = None, using: str | None = None, model: Any = None
    ) -> Any:
        if id is not None:
            return _Routed(ContentType.objects.get_for_id(id))
        return ContentType.objects.get_for_model(
            obj if obj is not None else model, for_concrete_model=self.for_concrete_model
        )


class _Routed:
    """A content type whose objects are read from wherever the routers say."""

    def __init__(self, content_type: ContentType) -> None:
        self._content_type = content_type

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content_type, name)

    def get_object_for_this_type(self, using: str | None = None, **kwargs: Any) -> Any:
        model: Any = self._content_type.model_class()
        return model._base_manager.get(**kwargs)
