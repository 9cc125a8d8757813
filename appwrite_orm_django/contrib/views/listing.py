"""Extend Django's ``ListView`` with columns, search, filters, sorting, pages and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.generic import ListView

from appwrite_orm_django.contrib.pagination import AppwritePaginator, CursorPaginator, InvalidCursor
from appwrite_orm_django.contrib.views.columns import BoundColumn, Cell, Column, bind, related_paths
from appwrite_orm_django.contrib.views.exporting import FORMATS, stream
from appwrite_orm_django.contrib.views.filters import (
    Filter,
    SearchForm,
    filter_fields,
    search_condition,
)
from appwrite_orm_django.contrib.views.status import CacheStatus, ObservedResponse

__all__ = ["AppwriteListView"]

# Number of rows that a download reads, and looks up related rows for, at a time.
_CHUNK = 500


@dataclass(frozen=True)
class Heading:
    """A column's heading: the sort after a click, and the current sort by it, if any."""

    column: BoundColumn
    next_sort: str
    aria_sort: str


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    row: models.Model
    cells: Sequence[Cell]


class AppwriteListView(ListView):
    """
    Display a list of rows, given a model and the names of columns.

    Everything in Django's ``ListView`` applies. Related rows that columns show are fetched with the
    page, however many there are. ``?export=csv`` downloads the rows of all pages.

    Attributes:
        list_display: names of fields, of fields of related rows (``author__name``) and of methods
            of the view or the model, or ``Column`` objects.
        list_display_links: names of columns that link to the row (``get_absolute_url``); defaults
            to the first column.
        list_select_related: relations to fetch with the rows, besides those that columns show.
        list_filter: names of fields, or pairs of a lookup and the form field whose value is looked
            up.
        search_fields: as in the admin: ``name``, ``^name``, ``=name``, ``name__lookup``.
        ordering_fields: names of columns that users may sort by. ``ordering`` is the default order,
            else the model's.
        pagination: "page" for numbered pages, "cursor" for pages that all cost the same.
        paginator_class: paginator of numbered pages; ``ExactPaginator`` counts all rows even beyond
            5,000.
        export_formats: formats of the downloads offered.
        export_display: columns of downloads; defaults to those of the page.
        form_class: base class of the form above the list.
        base_template: the template that ``list.html`` extends; it needs the blocks ``title``,
            ``extra_head`` and ``content``.
    """

    list_display: ClassVar[Sequence[str | Column]] = ("__str__",)
    list_display_links: ClassVar[Sequence[str] | None] = None
    list_select_related: ClassVar[Sequence[str]] = ()
    list_filter: ClassVar[Sequence[Filter]] = ()
    search_fields: ClassVar[Sequence[str]] = ()
    ordering_fields: ClassVar[Sequence[str]] = ()
    pagination: ClassVar[Literal["page", "cursor"]] = "page"
    paginator_class: type[Paginator] = AppwritePaginator
    paginate_by = 50
    export_formats: ClassVar[Sequence[str]] = ("csv", "json")
    export_display: ClassVar[Sequence[str | Column] | None] = None
    form_class: ClassVar[type[SearchForm]] = SearchForm
    base_template = "appwrite_orm_django/base.html"
    response_class = ObservedResponse

    form: SearchForm
    cache_status: CacheStatus
    #: The number that was asked for, if there is no such page and the last one is shown.
    missing_page: int | None = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.cache_status = CacheStatus()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with self.cache_status.observing():
            kind = request.GET.get("export", "")
            return self._export(kind) if kind else super().get(request, *args, **kwargs)

    # The request

    @cached_property
    def list_model(self) -> type[models.Model]:
        """The model whose rows are listed."""
        model: type[models.Model] | None = self.model or getattr(self.queryset, "model", None)
        if model is None:
            raise ImproperlyConfigured(f"{type(self).__name__} needs a model or a queryset.")
        return model

    @cached_property
    def columns(self) -> list[BoundColumn]:
        """The columns of the page."""
        return bind(self, self.list_model, self.list_display, self.ordering_fields)

    def get_form(self) -> SearchForm:
        """Return the form above the list, bound to the query string and validated."""
        fields = filter_fields(self.list_model, self.list_filter)
        form: SearchForm = type("ListForm", (self.form_class,), fields)(
            self.request.GET, label_suffix=""
        )
        if not self.search_fields:
            del form.fields["q"]
        # An invalid filter is shown with its error and ignored; the valid filters apply.
        form.is_valid()
        return form

    def get_queryset(self) -> QuerySet[Any]:
        self.form = self.get_form()
        search = search_condition(
            self.list_model, self.search_fields, self.form.cleaned_data.get("q", "")
        )
        select, prefetch = related_paths(self.columns)
        queryset: QuerySet[Any] = super().get_queryset().filter(search, **self.form.filters())
        select += [path for path in self.list_select_related if path not in select]
        # Without names, select_related() would follow every relation.
        queryset = queryset.select_related(*select) if select else queryset
        found: QuerySet[Any] = queryset.prefetch_related(*prefetch)
        return found

    @property
    def sort(self) -> str:
        """The requested sort if the list offers it, else an empty string."""
        wanted = str(self.request.GET.get("sort", ""))
        return (
            wanted
            if wanted.removeprefix("-") in {column.sort for column in self.columns if column.sort}
            else ""
        )

    def get_ordering(self) -> list[str]:
        """
        Return the order of the rows, which ends with the primary key to be total.

        The requested sort comes first. The default order breaks ties, in the same direction.
        """
        own: Any = self.ordering or self.list_model._meta.ordering or ()
        order: list[str] = [own] if isinstance(own, str) else list(own)
        if sort := self.sort:
            sign = "-" if sort.startswith("-") else ""
            order = [
                f"{sign}{self._attname(sort.removeprefix('-'))}",
                *(f"{sign}{name.removeprefix('-')}" for name in order if isinstance(name, str)),
            ]
        found: dict[str, str] = {}
        descending = bool(order) and str(order[-1]).startswith("-")
        for name in [*order, "-pk" if descending else "pk"]:
            found.setdefault(self._key(name), name)
            if self._key(name) == "pk":
                break  # unique, so further fields have no effect
        return list(found.values())

    def _attname(self, name: str) -> str:
        # Given a relation's name, Django sorts by the related model's ordering, which would take
        # fetching all of its rows.
        field = next(
            (
                field
                for field in self.list_model._meta.concrete_fields
                if field.name == name and field.is_relation
            ),
            None,
        )
        return name if field is None else str(field.attname)

    def _key(self, name: Any) -> str:
        plain = str(name).removeprefix("-")
        return "pk" if plain == self.list_model._meta.pk.name else plain

    # Pages

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        if self.pagination == "page":
            paginator, page, rows, is_paginated = self._numbered(queryset, page_size)
            # Read the rows now, because the status badge stands above the table.
            page.object_list = list(rows)
            return paginator, page, page.object_list, is_paginated
        cursors = CursorPaginator(queryset, page_size, self.get_ordering())
        try:
            found = cursors.page(self.request.GET.get("cursor", ""))
        except InvalidCursor:
            raise Http404(
                _("This page link is damaged, or belongs to another order of the list.")
            ) from None
        return cursors, found, found.object_list, found.has_other_pages()

    def _numbered(self, queryset: Any, page_size: int) -> Any:
        """Return a page by number; beyond the last page, the last one that is known."""
        try:
            return super().paginate_queryset(queryset, page_size)
        except Http404:
            asked = str(self.kwargs.get(self.page_kwarg) or self.request.GET.get(self.page_kwarg))
            if not asked.isdecimal() or int(asked) < 1:
                raise
            self.missing_page = int(asked)
            paginator = self.get_paginator(queryset, page_size)
            page = paginator.page(paginator.num_pages)
            return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        opts = self.list_model._meta
        links = self.list_display_links
        if links is None:
            links = [self.columns[0].name] if self.columns else []
        lines = [
            Line(row, [column.cell(row, links=column.name in links) for column in self.columns])
            for row in context["object_list"]
        ]
        page, paginator = context["page_obj"], context["paginator"]
        numbered = isinstance(paginator, Paginator) and context["is_paginated"]
        return {
            **context,
            "form": self.form,
            "lines": lines,
            "links": links,
            "headings": [self._heading(column) for column in self.columns],
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
            if numbered
            else (),
            "exports": [kind for kind in self.export_formats if kind in FORMATS],
            "opts": opts,
            "title": self.get_title(),
            "cache_status": self.cache_status,
            "missing_page": self.missing_page,
            "base_template": self.base_template,
        }

    def get_title(self) -> str:
        """Return the heading of the page."""
        name = str(self.list_model._meta.verbose_name_plural)
        return name[:1].upper() + name[1:]

    def _heading(self, column: BoundColumn) -> Heading:
        first = self.get_ordering()[0]
        is_active = bool(column.sort) and self._key(self._attname(column.sort)) == self._key(first)
        descending = first.startswith("-")
        aria_sort = ("descending" if descending else "ascending") if is_active else ""
        return Heading(
            column, f"-{column.sort}" if is_active and not descending else column.sort, aria_sort
        )

    def get_template_names(self) -> list[str]:
        return [*super().get_template_names(), "appwrite_orm_django/list.html"]

    # Downloads

    def _export(self, kind: str) -> HttpResponseBase:
        if kind not in self.export_formats or kind not in FORMATS:
            raise Http404(_("No such download."))
        display = self.list_display if self.export_display is None else self.export_display
        columns = bind(self, self.list_model, display, ())
        select, prefetch = related_paths(columns)
        # Order by one field and the primary key, so that Appwrite can continue after any row
        # instead of using offsets. Related rows are prefetched a chunk at a time; select_related()
        # would have to hold them all at once.
        order = self.get_ordering()
        order = order if len(order) < 2 else [order[0], "-pk" if order[0].startswith("-") else "pk"]
        queryset = self.get_queryset().order_by(*order).select_related(None).prefetch_related(None)
        rows = queryset.prefetch_related(*select, *prefetch).iterator(chunk_size=_CHUNK)
        name = f"{slugify(str(self.list_model._meta.verbose_name_plural))}-{timezone.localdate().isoformat()}"
        return stream(self.request, kind, columns, rows, name)
