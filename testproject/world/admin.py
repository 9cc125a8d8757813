"""Django's admin over rows in Appwrite."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from appwrite_orm_django.admin import AppwriteModelAdmin, AppwriteTabularInline
from testproject.world.models import (
    Country,
    CountryName,
    Currency,
    FormerCountry,
    Language,
    Script,
    Subdivision,
    SubdivisionType,
)
from testproject.world.pictures import picture


class CodedAdmin(AppwriteModelAdmin):
    list_display = ["name", "pk"]
    search_fields = ["name", "=pk"]
    readonly_fields = ["created_at", "updated_at"]


class CountryNameInline(AppwriteTabularInline):
    model = CountryName
    extra = 0


@admin.register(Country)
class CountryAdmin(CodedAdmin):
    list_display = ["thumbnail", "name", "alpha_2", "alpha_3", "numeric", "updated_at"]
    list_display_links = ["name"]
    search_fields = ["name", "=alpha_2", "=alpha_3", "=numeric"]
    readonly_fields = ["thumbnail", *CodedAdmin.readonly_fields]
    inlines = [CountryNameInline]

    @admin.display(description="")
    def thumbnail(self, country: Country) -> str:
        return picture(country, 48)


@admin.register(SubdivisionType)
class SubdivisionTypeAdmin(CodedAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> dict[str, list[str]]:
        return {} if obj else self.prepopulated_fields


@admin.register(Subdivision)
class SubdivisionAdmin(CodedAdmin):
    list_display = ["name", "code", "country_name", "type_name"]
    # What the two methods show.
    list_select_related = ["country", "type"]
    list_filter = ["type", ("parent", admin.EmptyFieldListFilter)]
    search_fields = ["name", "=code", "=country__alpha_2"]
    actions = ["detach"]

    # Sorted by the key, which the table holds: by the related row's name, every row would have to
    # be fetched first.
    @admin.display(description="country", ordering="country_id")
    def country_name(self, subdivision: Subdivision) -> str:
        return subdivision.country.name

    @admin.display(description="type", ordering="type_id")
    def type_name(self, subdivision: Subdivision) -> str:
        return subdivision.type.name

    @admin.action(description="Move selected subdivisions to the top level", permissions=["change"])
    def detach(self, request: HttpRequest, queryset: Any) -> None:
        """Forget which subdivision the selected ones lie within: one bulk request for all of them."""
        moved = queryset.update(parent=None)
        self.message_user(request, f"{moved} subdivisions are at the top level now.")


@admin.register(FormerCountry)
class FormerCountryAdmin(CodedAdmin):
    list_display = ["name", "alpha_4", "withdrawn"]
    search_fields = ["name", "=alpha_4", "comment"]


@admin.register(Currency)
class CurrencyAdmin(CodedAdmin):
    list_display = ["name", "alpha_3", "numeric", "updated_at"]
    search_fields = ["name", "=alpha_3", "=numeric"]


@admin.register(Language)
class LanguageAdmin(CodedAdmin):
    list_display = ["name", "alpha_3", "alpha_2", "type", "scope"]
    list_filter = ["type", "scope", ("alpha_2", admin.EmptyFieldListFilter)]
    search_fields = ["name", "=alpha_3", "=alpha_2", "common_name"]


@admin.register(Script)
class ScriptAdmin(CodedAdmin):
    list_display = ["name", "alpha_4", "numeric"]
    search_fields = ["name", "=alpha_4", "=numeric"]
