"""Extend Django's ``DetailView`` to display a row's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.views.generic import DetailView

from appwrite_orm_django.contrib.views.columns import BoundColumn, Cell, Column, bind, related_paths
from appwrite_orm_django.contrib.views.status import CacheStatus, ObservedResponse

__all__ = ["AppwriteDetailView"]


class AppwriteDetailView(DetailView):
    """
    Display a row's values.

    Everything in Django's ``DetailView`` applies. Related rows that are shown are fetched with the
    row.

    Attributes:
        detail_display: the values to show, as in ``list_display`` of the list; defaults to every
            field. Empty values are hidden.
        list_url: the URL of the list to link back to, or the name of its URL pattern; empty for no
            link.
        base_template: the template that ``detail.html`` extends; it needs the blocks ``title``,
            ``extra_head`` and ``content``.
    """

    detail_display: ClassVar[Sequence[str | Column] | None] = None
    list_url = ""
    base_template = "appwrite_orm_django/base.html"
    response_class = ObservedResponse

    cache_status: CacheStatus

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.cache_status = CacheStatus()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with self.cache_status.observing():
            return super().get(request, *args, **kwargs)

    def get_columns(self, model: type[models.Model]) -> list[BoundColumn]:
        """Return the columns to show."""
        display = self.detail_display
        if display is None:
            display = [field.name for field in model._meta.concrete_fields]
        return bind(self, model, display, ())

    def get_queryset(self) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset()
        select, prefetch = related_paths(self.get_columns(queryset.model))
        # Without names, select_related() would follow every relation.
        queryset = queryset.select_related(*select) if select else queryset
        found: QuerySet[Any] = queryset.prefetch_related(*prefetch)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        row: Any = self.object
        if not isinstance(row, models.Model):
            raise ImproperlyConfigured(
                f"{type(self).__name__} needs a model instance, got {type(row).__name__}."
            )
        opts = row._meta
        list_title = str(opts.verbose_name_plural)
        return {
            **context,
            "opts": opts,
            "title": str(row),
            "facts": list(self._facts(row)),
            "list_url": self.list_url,
            "list_title": list_title[:1].upper() + list_title[1:],
            "edit_url": self.get_edit_url(),
            "cache_status": self.cache_status,
            "base_template": self.base_template,
        }

    def get_edit_url(self) -> str:
        """Return the URL of the page that edits the row; by default an empty string for no link."""
        return ""

    def _facts(self, row: models.Model) -> Iterator[Cell]:
        for column in self.get_columns(type(row)):
            cell = column.cell(row, links=False)
            if cell.text not in ("", None):
                yield cell

    def get_template_names(self) -> list[str]:
        return [*super().get_template_names(), "appwrite_orm_django/detail.html"]
