"""``AppwriteModelAdmin``: what its pages ask of Appwrite, and how related rows are chosen."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import path

from appwrite_orm_django.admin import AppwriteModelAdmin, AppwriteTabularInline
from appwrite_orm_django.contrib import pagination
from appwrite_orm_django.contrib.forms import CachedChoices
from testproject.demo.pages import Page
from tests.library.models import Author, Book, Country, Review, Tag

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.urls(__name__),
]

site = admin.AdminSite()


class ReviewInline(AppwriteTabularInline):
    model = Review
    extra = 0


@admin.register(Book, site=site)
class BookAdmin(AppwriteModelAdmin):
    list_display = ("title", "author", "author__country", "first_tag", "price")
    list_prefetch_related = ("tags",)
    search_fields = ("title",)
    inlines = (ReviewInline,)

    def first_tag(self, book):
        return next(iter(book.tags.all()), "")


@admin.register(Author, site=site)
class AuthorAdmin(AppwriteModelAdmin):
    list_display = ("name",)
    ordering = ("name",)
    search_fields = ("name",)


@admin.register(Country, site=site)
class CountryAdmin(AppwriteModelAdmin):
    list_display = ("name",)


@admin.register(Tag, site=site)
class TagAdmin(AppwriteModelAdmin):
    list_per_page = 10
    ordering = ("name",)


# The site's addresses are those of what is registered by now.
urlpatterns = [path("admin/", site.urls)]


@pytest.fixture
def staff(client):
    client.force_login(
        get_user_model().objects.create_superuser("staff", "staff@example.com", "password")
    )
    return client


@pytest.fixture
def books():
    country = Country.objects.create(code="FR", name="France")
    author = Author.objects.create(name="Zola", country=country)
    tag = Tag.objects.create(name="novel")
    books = Book.objects.bulk_create(
        [Book(title=f"Book {number:02}", author=author) for number in range(30)]
    )
    Book.tags.through.objects.bulk_create([Book.tags.through(book=book, tag=tag) for book in books])
    return books


def results(response):
    assert response.status_code == 200
    return [row[1:] for row in Page(response.content.decode()).tables["result_list"]]


def test_related_rows_come_with_the_page(staff, each_level, books, requests):
    requests.clear()
    rows = results(staff.get("/admin/library/book/"))
    # The page with its count, authors, countries, and the tags with their through table. A server that joins brings the first three in one
    # request, but no count with them.
    assert len(requests) == {"1.9": 5, "2.x": 4}[each_level], requests.lines
    assert len(rows) == 30
    assert all(row[1:4] == ["Zola", "France", "novel"] for row in rows)
    requests.clear()
    results(staff.get("/admin/library/book/"))
    assert not requests


def test_a_list_that_shows_no_related_row_fetches_none(staff, books, requests):
    requests.clear()
    results(staff.get("/admin/library/author/"))
    assert len(requests) == 1, requests.lines


def test_what_the_class_says_of_related_rows_holds(rf):
    class Plain(AppwriteModelAdmin):
        list_display = ("title", "author")
        list_select_related = ()

    assert Plain(Book, site).get_list_select_related(rf.get("/")) == ()
    assert BookAdmin(Book, site).get_list_select_related(rf.get("/")) == [
        "author",
        "author__country",
    ]
    assert AuthorAdmin(Author, site).get_list_select_related(rf.get("/")) == []


def test_a_long_table_is_counted_to_the_limit_and_all_its_pages_are_there(
    staff, monkeypatch, requests
):
    monkeypatch.setattr(pagination.AppwritePaginator, "count_limit", 20)
    Tag.objects.bulk_create([Tag(name=f"t{number:03}") for number in range(45)])
    requests.clear()
    response = staff.get("/admin/library/tag/")
    assert len(requests) == 1, requests.lines
    assert re.search(r"20\+\s+tags", response.content.decode())
    assert [row[0] for row in results(staff.get("/admin/library/tag/?p=5"))] == [
        f"t{number:03}" for number in range(40, 45)
    ]
    assert "p=4" in staff.get("/admin/library/tag/?p=3").content.decode()
    assert staff.get("/admin/library/tag/?p=6").status_code == 302  # to the page that says so


def test_where_thousands_are_set_apart_all_rows_are_counted(staff, settings, monkeypatch):
    settings.USE_THOUSAND_SEPARATOR = True
    monkeypatch.setattr(pagination.AppwritePaginator, "count_limit", 20)
    Tag.objects.bulk_create([Tag(name=f"t{number:03}") for number in range(45)])
    assert re.search(r"\b45\s+tags", staff.get("/admin/library/tag/").content.decode())


def test_a_paginator_of_ones_own_is_used(rf):
    class Exact(AppwriteModelAdmin):
        paginator = pagination.ExactPaginator

    assert (
        type(Exact(Tag, site).get_paginator(rf.get("/"), Tag.objects.order_by("name"), 10))
        is pagination.ExactPaginator
    )


def test_relations_are_chosen_by_search_where_that_is_possible(rf, staff):
    request = rf.get("/")
    request.user = get_user_model().objects.get()
    assert BookAdmin(Book, site).get_autocomplete_fields(request) == ["author", "editor"]
    page = staff.get("/admin/library/book/add/").content.decode()
    assert re.findall(r'data-field-name="(\w+)"', page) == ["author", "editor"]
    form = BookAdmin(Book, site).get_form(request)
    assert form.base_fields["tags"].iterator is CachedChoices
    assert (
        AuthorAdmin(Author, site).get_form(request).base_fields["country"].iterator is CachedChoices
    )


def test_what_the_class_says_of_its_relations_holds(rf):
    class Raw(AppwriteModelAdmin):
        raw_id_fields = ("author",)
        autocomplete_fields = ("editor",)
        filter_horizontal = ("tags",)

    assert Raw(Book, site).get_autocomplete_fields(rf.get("/")) == ["editor"]


def test_a_form_shown_again_asks_for_nothing(staff, books, requests):
    staff.get("/admin/library/author/add/")
    requests.clear()
    page = staff.get("/admin/library/author/add/").content.decode()
    assert "France" in page
    assert not requests, requests.lines


def test_search_for_related_rows_counts_no_further_than_the_limit(staff, books, requests):
    requests.clear()
    query = {"term": "zo", "app_label": "library", "model_name": "book", "field_name": "author"}
    found = staff.get("/admin/autocomplete/", query).json()
    assert [row["text"] for row in found["results"]] == ["Zola"]
    assert len(requests) == 1


def test_a_key_of_ones_own_is_chosen_once(staff, books):
    assert 'name="code"' in staff.get("/admin/library/country/add/").content.decode()
    assert 'name="code"' not in staff.get("/admin/library/country/FR/change/").content.decode()
    staff.post("/admin/library/country/FR/change/", {"code": "QO", "name": "La France"})
    assert list(Country.objects.values_list("pk", "name")) == [("FR", "La France")]


def test_all_are_offered_only_where_some_are_missing(staff, books):
    """Without a search or a filter, the link would lead to the same list."""
    assert "Show all" not in staff.get("/admin/library/book/").content.decode()
    for query in ({"q": books[0].title}, {"title": books[0].title}):
        assert (
            '(<a href="?">Show all</a>)'
            in staff.get("/admin/library/book/", query).content.decode()
        )
