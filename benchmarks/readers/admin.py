from django.contrib import admin

from benchmarks.readers.models import Author, Book


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    search_fields = ["name"]


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author", "pages", "in_print"]
    list_filter = ["in_print"]
    search_fields = ["title"]
    autocomplete_fields = ["author"]
