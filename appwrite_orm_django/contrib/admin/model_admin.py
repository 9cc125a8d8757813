"""Provide Django's model admins with defaults for remote and possibly long tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from appwrite_orm_django.contrib.forms import CachedModelChoiceField, CachedModelMultipleChoiceField
from appwrite_orm_django.contrib.pagination import (
    MAX_OFFSET,
    AppwritePaginator,
    ExactPaginator,
    counting_with,
)

__all__ = ["AppwriteModelAdmin", "AppwriteStackedInline", "AppwriteTabularInline"]


class _RelatedChoices:
    """Offer related rows by search if their admin has ``search_fields``, else as a cached list."""

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        """Return ``autocomplete_fields`` and relations whose admins have ``search_fields``."""
        base: Any = self
        named = list(super().get_autocomplete_fields(request))  # type: ignore[misc]  # Django's, the next base class
        taken = {
            *named,
            *base.raw_id_fields,
            *base.radio_fields,
            *base.filter_horizontal,
            *base.filter_vertical,
        }
        found = [
            field.name
            for field in _relations(base.model)
            if field.name not in taken and self._is_searchable(field)
        ]
        return [*named, *found]

    def _is_searchable(self, field: Any) -> bool:
        site: Any = getattr(self, "admin_site", None)
        related = site._registry.get(field.remote_field.model) if site is not None else None
        return related is not None and bool(related.search_fields)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name not in self.get_autocomplete_fields(request):
            kwargs.setdefault("form_class", CachedModelChoiceField)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name not in self.get_autocomplete_fields(request):
            kwargs.setdefault("form_class", CachedModelMultipleChoiceField)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


def _relations(model: type[models.Model]) -> list[Any]:
    fields: list[Any] = [
        field for field in model._meta.fields if field.is_relation and field.editable
    ]
    many = [field for field in model._meta.many_to_many if _is_plain(field)]
    return [*fields, *many]


def _is_plain(field: Any) -> bool:
    # A custom through model is edited by an inline.
    return bool(field.remote_field.through._meta.auto_created)


class AppwriteChangeList(ChangeList):
    """A changelist that reads its rows and their count in one request, with related rows."""

    def get_results(self, request: HttpRequest) -> None:
        self._get_results(request)
        if not self.query and not self.get_filters_params():
            # Django then shows no "5000+ results (Show all)", whose link would lead to this list.
            self.full_result_count = self.result_count

    def _get_results(self, request: HttpRequest) -> None:
        # Django counts first and reads the rows only when it renders the page.
        bottom = (self.page_num - 1) * self.list_per_page
        if self.show_all or not 0 <= bottom <= MAX_OFFSET:
            super().get_results(request)
            return
        rows = self.queryset[bottom : bottom + self.list_per_page]
        with counting_with(rows) as were_read:
            super().get_results(request)
        # For a single page Django reads all rows unsliced, which is another query and another call
        # to the cache.
        is_same = (
            isinstance(self.paginator, AppwritePaginator) and were_read()
            if self.multi_page
            else self.page_num == 1
        )
        if is_same and isinstance(self.result_list, QuerySet):
            self.result_list = rows

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        model_admin: Any = self.model_admin
        found: QuerySet[Any] = super().apply_select_related(qs)
        prefetch = model_admin.list_prefetch_related
        return found.prefetch_related(*prefetch) if prefetch else found


class AppwriteModelAdmin(_RelatedChoices, admin.ModelAdmin):
    """
    Django's ``ModelAdmin`` with defaults for remote tables.

    - The number of all rows is not counted. At most 5,000 of the rows found are counted ("5000+"),
      but every page can be reached.
    - Related rows in ``list_display`` (``author``, ``author__country``) are fetched with the page,
      and no others.
    - Relations are chosen by search if the related admin has ``search_fields``, else from a cached
      list.
    - An editable primary key can be set when a row is added. It is the row's ``$id``, which never
      changes, so it is read-only afterwards.

    Attributes:
        list_prefetch_related: lookups for ``prefetch_related()``, for methods in ``list_display``
            that read many related rows.
    """

    show_full_result_count = False
    list_prefetch_related: Sequence[Any] = ()

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Paginator:
        # Respect a paginator named by the class. Templates with thousand separators cannot show
        # "5000+".
        if self.paginator is Paginator:
            chosen = ExactPaginator if settings.USE_THOUSAND_SEPARATOR else AppwritePaginator
            return chosen(queryset, per_page, *args, **kwargs)
        return super().get_paginator(request, queryset, per_page, *args, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AppwriteChangeList

    def get_list_select_related(self, request: HttpRequest) -> Any:
        if self.list_select_related is not False:
            return self.list_select_related
        # Return a list even if it is empty: without one, Django follows every relation of the model
        # if a column shows any of them.
        paths = (
            self._related_path(name)
            for name in self.get_list_display(request)
            if isinstance(name, str)
        )
        return list(dict.fromkeys(path for path in paths if path))

    def _related_path(self, name: str) -> str:
        """Return the part of a column's name that leads to a single related row; empty for none."""
        found: list[str] = []
        model: Any = self.model
        for part in name.split("__"):
            try:
                field = model._meta.get_field(part)
            except (FieldDoesNotExist, AttributeError):
                break
            if not (field.many_to_one or field.one_to_one) or part == getattr(
                field, "attname", None
            ):
                break
            found.append(part)
            model = field.related_model
        return "__".join(found)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        named = super().get_readonly_fields(request, obj)
        key = self.model._meta.pk
        is_fixed = (
            obj is not None and key.editable and not key.is_relation and key.name not in named
        )
        return [*named, key.name] if is_fixed else named


class AppwriteTabularInline(_RelatedChoices, admin.TabularInline):
    """Django's ``TabularInline`` that chooses related rows as ``AppwriteModelAdmin`` does."""


class AppwriteStackedInline(_RelatedChoices, admin.StackedInline):
    """Django's ``StackedInline`` that chooses related rows as ``AppwriteModelAdmin`` does."""
