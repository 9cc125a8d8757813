"""The library in Django's own admin, nothing of it adapted to Appwrite."""

from django.contrib import admin

from tests.library.models import Author, Book, Country, Cover, Lists, Loan, Numbered, Review, Tag


class ReviewInline(admin.TabularInline):
    model = Review
    extra = 1


class CoverInline(admin.StackedInline):
    model = Cover


@admin.action(description="Take out of print")
def take_out_of_print(modeladmin, request, queryset):
    queryset.update(in_print=False)


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ("title", "author", "price", "published", "in_print")
    list_editable = ("in_print",)
    list_filter = ("in_print", "status", "author__country", "published")
    search_fields = ("title", "author__name")
    date_hierarchy = "published"
    ordering = ("title",)
    autocomplete_fields = ("author", "tags")
    raw_id_fields = ("editor",)
    readonly_fields = ("created_at", "updated_at")
    inlines = (ReviewInline, CoverInline)
    actions = (take_out_of_print,)


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    list_display = ("name", "country", "rating")
    list_select_related = ("country",)
    search_fields = ("name", "=email")
    ordering = ("name",)
    sortable_by = ("name", "rating")


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):
    list_display = ("book", "stars")


admin.site.register([Country, Numbered, Loan])


@admin.register(Lists)
class ListsAdmin(admin.ModelAdmin):
    list_display = ("pk", "dates", "moments", "decimals", "documents")
