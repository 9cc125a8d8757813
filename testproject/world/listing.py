"""List pages: search, filters, sorting and pagination out of the query string, with Django's generic view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet
from django.views.generic import ListView

#: A word of a search box, and words, that nobody needs longer.
_MAX_SEARCH = 100


class ListForm(forms.Form):
    """What a list page reads from its query string; a subclass adds a field for each filter, named as the lookup."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=_MAX_SEARCH,
        strip=True,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

    def filters(self) -> dict[str, Any]:
        """Return lookup to value, of the filters that are set and valid."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ListForm.base_fields and value not in (None, "")
        }

    @property
    def is_narrowing(self) -> bool:
        return bool(self.cleaned_data.get("q") or self.filters())


def letter_field() -> forms.ChoiceField:
    """Make a filter for the first letter of a name; its choices cost no request."""
    letters = [(letter, letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    return forms.ChoiceField(label="Starts with", required=False, choices=[("", "Any letter"), *letters])


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, and the fields that clicking it sorts by (none: not sortable)."""

    label: str
    order: tuple[str, ...] = ()
    css: str = ""

    @property
    def key(self) -> str:
        return self.order[0] if self.order else ""


@dataclass(frozen=True)
class Heading:
    """A column as the page shows it: the sort that a click leads to, and the one that is on."""

    column: Column
    next_sort: str
    aria_sort: str


class ListPage(ListView):
    """
    A table of rows that can be searched, filtered, sorted and paged.

    ``search_lookups`` are tried for each word, and every word has to be found by one of them. Use ``icontains`` on texts, which
    Appwrite answers itself, and ``iexact`` on the row's id, of which it can not search a part.
    """

    form_class: ClassVar[type[ListForm]] = ListForm
    search_lookups: ClassVar[tuple[str, ...]] = ("name__icontains", "pk__iexact")
    columns: ClassVar[tuple[Column, ...]] = ()
    default_sort: ClassVar[str] = "name"
    paginate_by = 50

    form: ListForm
    sort: str

    def get_queryset(self) -> QuerySet[Any]:
        self.form = self.form_class(self.request.GET, label_suffix="")
        # An invalid filter is shown with its error and left out; the valid ones count.
        self.form.is_valid()
        self.sort = self._sort(self.form.cleaned_data.get("sort", ""))
        queryset = super().get_queryset().filter(self._search(), **self.form.filters())
        return queryset.order_by(*self._ordering())

    def _search(self) -> Q:
        condition = Q()
        for word in self.form.cleaned_data.get("q", "").split():
            found = Q()
            for lookup in self.search_lookups:
                found |= Q(**{lookup: word})
            condition &= found
        return condition

    def _sort(self, wanted: str) -> str:
        return wanted if wanted.removeprefix("-") in self._sortable else self.default_sort

    @property
    def _sortable(self) -> Mapping[str, Column]:
        return {column.key: column for column in self.columns if column.order}

    def _ordering(self) -> Iterator[str]:
        descending = self.sort.startswith("-")
        column = self._sortable[self.sort.removeprefix("-")]
        for field in (*column.order, *(() if "pk" in column.order else ("pk",))):
            yield f"-{field}" if descending else field

    def _headings(self) -> Iterator[Heading]:
        key, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        for column in self.columns:
            active = bool(column.key) and column.key == key
            aria_sort = ("descending" if descending else "ascending") if active else ""
            yield Heading(column, f"-{column.key}" if active and not descending else column.key, aria_sort)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        page = context["page_obj"]
        return {
            **context,
            "form": self.form,
            "headings": list(self._headings()),
            "pages": context["paginator"].get_elided_page_range(page.number, on_each_side=2, on_ends=1),
            "opts": self.model._meta,
        }
