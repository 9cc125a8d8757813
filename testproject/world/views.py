"""The pages: one list and one detail view for each table, all of them Django's generic ones."""

from __future__ import annotations

from typing import Any

from django import forms
from django.views.generic import DetailView, TemplateView

from appwrite_orm_django.forms import CachedModelChoiceField
from testproject.world.listing import Column, ListForm, ListPage, letter_field
from testproject.world.models import Country, Currency, FormerCountry, Language, Script, Subdivision, SubdivisionType


class NameChoiceField(CachedModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return obj.name


class LetterForm(ListForm):
    name__istartswith = letter_field()


class SubdivisionForm(ListForm):
    country = NameChoiceField(Country.objects.all(), required=False, empty_label="All countries")
    type = NameChoiceField(SubdivisionType.objects.all(), required=False, empty_label="All types")
    parent__isnull = forms.TypedChoiceField(
        label="Level",
        required=False,
        choices=[("", "All levels"), ("top", "Top level"), ("within", "Within another")],
        coerce=lambda value: value == "top",
        empty_value=None,
    )


class LanguageForm(ListForm):
    type = forms.ChoiceField(required=False, choices=[("", "All types"), *Language.Type.choices])
    scope = forms.ChoiceField(required=False, choices=[("", "All scopes"), *Language.Scope.choices])
    alpha_2__isnull = forms.TypedChoiceField(
        label="Two-letter code",
        required=False,
        choices=[("", "With or without"), ("with", "With one"), ("without", "Without one")],
        coerce=lambda value: value == "without",
        empty_value=None,
    )


class HomeView(TemplateView):
    template_name = "world/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        models = (Country, Subdivision, Language, Currency, Script, FormerCountry)
        tables = [
            {"opts": model._meta, "list_url": f"world:{model._meta.model_name}-list", "rows": model.objects.count()}
            for model in models
        ]
        return super().get_context_data(tables=tables, **kwargs)


class CountryList(ListPage):
    model = Country
    queryset = Country.objects.prefetch_related("names")
    form_class = LetterForm
    search_lookups = ("name__icontains", "pk__iexact", "alpha_3__iexact", "numeric__exact")
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Official name", css="secondary"),
        Column("Three letters", ("alpha_3",), "code secondary"),
        Column("Number", ("numeric",), "code"),
    )


class CountryDetail(DetailView):
    queryset = Country.objects.prefetch_related("names")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        subdivisions = self.object.subdivisions.select_related("type").order_by("type_id", "name", "pk")
        return super().get_context_data(subdivisions=subdivisions, **kwargs)


class SubdivisionList(ListPage):
    model = Subdivision
    queryset = Subdivision.objects.select_related("country", "type", "parent")
    form_class = SubdivisionForm
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Type", ("type_id", "name"), "secondary"),
        Column("Country", ("country_id", "name")),
        Column("Within", ("parent_id", "name"), "secondary"),
    )


class SubdivisionDetail(DetailView):
    queryset = Subdivision.objects.select_related("country", "type", "parent")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(children=self.object.children.select_related("type"), **kwargs)


class CodeDetail(DetailView):
    """A row without related ones: its fields, one below the other."""

    template_name = "world/code_detail.html"
    facts: tuple[str, ...] = ()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            opts=self.model._meta,
            list_url=f"world:{self.model._meta.model_name}-list",
            facts=list(self._facts()),
            **kwargs,
        )

    def _facts(self) -> Any:
        for name in self.facts:
            display = getattr(self.object, f"get_{name}_display", None)
            value = display() if display else getattr(self.object, name)
            if value:
                yield self.model._meta.get_field(name).verbose_name, value


class CurrencyList(ListPage):
    model = Currency
    form_class = LetterForm
    search_lookups = ("name__icontains", "pk__iexact", "numeric__exact")
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Number", ("numeric",), "code"),
    )


class CurrencyDetail(CodeDetail):
    model = Currency
    facts = ("alpha_3", "numeric")


class LanguageList(ListPage):
    model = Language
    form_class = LanguageForm
    search_lookups = ("name__icontains", "pk__iexact", "alpha_2__iexact", "common_name__icontains")
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Two letters", ("alpha_2",), "code"),
        Column("Type", ("type", "name"), "secondary"),
        Column("Scope", ("scope", "name"), "secondary"),
    )


class LanguageDetail(CodeDetail):
    model = Language
    facts = ("alpha_3", "alpha_2", "bibliographic", "inverted_name", "common_name", "type", "scope")


class ScriptList(ListPage):
    model = Script
    form_class = LetterForm
    search_lookups = ("name__icontains", "pk__iexact", "numeric__exact")
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Number", ("numeric",), "code"),
    )


class ScriptDetail(CodeDetail):
    model = Script
    facts = ("alpha_4", "numeric")


class FormerCountryList(ListPage):
    model = FormerCountry
    search_lookups = ("name__icontains", "pk__iexact", "alpha_2__iexact", "alpha_3__iexact", "comment__icontains")
    columns = (
        Column("Code", ("pk",), "code"),
        Column("Name", ("name",)),
        Column("Withdrawn", ("withdrawn",), "code"),
        Column("Remarks", css="secondary"),
    )


class FormerCountryDetail(CodeDetail):
    model = FormerCountry
    facts = ("alpha_4", "alpha_2", "alpha_3", "numeric", "withdrawn", "comment")
