"""The admin of a model, with a form for each sum of money that belongs to it."""

from django.contrib import admin
from tests.testapp.models import ModelWithParentAndCallableFields, ParentModel


class _Inline(admin.StackedInline):
    model = ModelWithParentAndCallableFields


@admin.register(ParentModel)
class ParentModelAdmin(admin.ModelAdmin):
    inlines = (_Inline,)
