"""The pages: a list and a detail view for each table, which say what to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.views.generic import TemplateView

from appwrite_orm_django.contrib.forms import CachedModelChoiceField
from appwrite_orm_django.contrib.pagination import ExactPaginator
from appwrite_orm_django.contrib.views import AppwriteDetailView, AppwriteListView, Column
from testproject.world.models import (
    Country,
    Currency,
    FormerCountry,
    Language,
    Script,
    Subdivision,
    SubdivisionType,
)
from testproject.world.pictures import picture

CODE = Column("pk", "Code", "aw-code")
NUMBER = Column("numeric", css="aw-code")


class NameChoiceField(CachedModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return obj.name


def first_letter() -> tuple[str, forms.Field]:
    """Make a filter for the first letter of a name; its choices cost no request."""
    letters = [(letter, letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    return "name__istartswith", forms.ChoiceField(
        label="Starts with", required=False, choices=[("", "Any letter"), *letters]
    )


def presence(field: str, label: str, *choices: tuple[str, str]) -> tuple[str, forms.Field]:
    """Make a filter for rows with and without a value; the last choice is for those without."""
    return f"{field}__isnull", forms.TypedChoiceField(
        label=label,
        required=False,
        choices=choices,
        coerce=lambda value: value == choices[-1][0],
        empty_value=None,
    )


class ListView(AppwriteListView):
    base_template = "world/base.html"
    # No table here is so long that its last page could not be known.
    paginator_class = ExactPaginator
    list_display: Sequence[str | Column] = (CODE, "name", NUMBER)
    list_display_links = ("name",)
    list_filter = (first_letter(),)
    search_fields: Sequence[str] = ("name", "=pk", "numeric__exact")
    ordering_fields: Sequence[str] = ("pk", "name", "numeric")


class DetailView(AppwriteDetailView):
    template_name = "world/detail.html"
    base_template = "world/base.html"

    def get_edit_url(self) -> str:
        return reverse(f"admin:world_{self.object._meta.model_name}_change", args=[self.object.pk])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.list_url = f"world:{self.object._meta.model_name}-list"
        return {**super().get_context_data(**kwargs), "title": self.object.name}


class HomeView(TemplateView):
    template_name = "world/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        models = (Country, Subdivision, Language, Currency, Script, FormerCountry)
        tables = [
            {
                "opts": model._meta,
                "list_url": f"world:{model._meta.model_name}-list",
                "rows": model.objects.count(),
            }
            for model in models
        ]
        return super().get_context_data(tables=tables, **kwargs)


class CountryList(ListView):
    queryset = Country.objects.prefetch_related("names")
    list_display = (
        CODE,
        "name",
        "official_name",
        Column("alpha_3", "Three letters", "aw-code aw-secondary"),
        NUMBER,
        Column("thumbnail", "Picture"),
    )
    search_fields = ("name", "=pk", "=alpha_3", "numeric__exact")
    ordering_fields = ("pk", "name", "alpha_3", "numeric")

    def thumbnail(self, country: Country) -> str:
        return picture(country, 48)

    def official_name(self, country: Country) -> str:
        return next((name.name for name in country.names.all() if name.kind == "official"), "")


class CountryDetail(DetailView):
    queryset = Country.objects.prefetch_related("names")
    template_name = "world/country_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        subdivisions = self.object.subdivisions.select_related("type").order_by(
            "type_id", "name", "pk"
        )
        shown = picture(self.object, 240)
        return super().get_context_data(subdivisions=subdivisions, picture=shown, **kwargs)


class SubdivisionList(ListView):
    model = Subdivision
    list_display = (
        CODE,
        "name",
        Column("type__name", "Type", "aw-secondary"),
        Column("country__name", "Country"),
        Column("parent__name", "Within", "aw-secondary"),
    )
    list_filter = (
        (
            "country",
            NameChoiceField(Country.objects.all(), required=False, empty_label="All countries"),
        ),
        (
            "type",
            NameChoiceField(SubdivisionType.objects.all(), required=False, empty_label="All types"),
        ),
        presence(
            "parent",
            "Level",
            ("", "All levels"),
            ("within", "Within another"),
            ("top", "Top level"),
        ),
    )
    search_fields = ("name", "=pk")
    ordering_fields = ("pk", "name", "type_id", "country_id", "parent_id")


class SubdivisionDetail(DetailView):
    queryset = Subdivision.objects.select_related("country", "type", "parent")
    template_name = "world/subdivision_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            children=self.object.children.select_related("type"), **kwargs
        )


class CurrencyList(ListView):
    model = Currency


class CurrencyDetail(DetailView):
    model = Currency
    detail_display = ("alpha_3", "numeric", "updated_at")


class LanguageList(ListView):
    model = Language
    list_display = (
        CODE,
        "name",
        Column("alpha_2", "Two letters", "aw-code"),
        Column("type", css="aw-secondary"),
        Column("scope", css="aw-secondary"),
    )
    list_filter = (
        "type",
        "scope",
        presence(
            "alpha_2",
            "Two-letter code",
            ("", "All"),
            ("with", "With one"),
            ("without", "Without one"),
        ),
    )
    search_fields = ("name", "=pk", "=alpha_2", "common_name")
    ordering_fields = ("pk", "name", "alpha_2", "type", "scope")


class LanguageDetail(DetailView):
    model = Language
    detail_display = (
        "alpha_3",
        "alpha_2",
        "bibliographic",
        "inverted_name",
        "common_name",
        "type",
        "scope",
        "updated_at",
    )


class ScriptList(ListView):
    model = Script


class ScriptDetail(DetailView):
    model = Script
    detail_display = ("alpha_4", "numeric", "updated_at")


class FormerCountryList(ListView):
    model = FormerCountry
    list_display = (
        CODE,
        "name",
        Column("withdrawn", css="aw-code"),
        Column("comment", "Remarks", "aw-secondary"),
    )
    list_filter = ()
    search_fields = ("name", "=pk", "=alpha_2", "=alpha_3", "comment")
    ordering_fields = ("pk", "name", "withdrawn")


class FormerCountryDetail(DetailView):
    model = FormerCountry
    detail_display = (
        "alpha_4",
        "alpha_2",
        "alpha_3",
        "numeric",
        "withdrawn",
        "comment",
        "updated_at",
    )
