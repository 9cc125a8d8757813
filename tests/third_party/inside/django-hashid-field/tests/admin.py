"""The admin of a record."""

from django.contrib import admin


class RecordAdmin(admin.ModelAdmin):
    fields = ["name", "reference_id"]
