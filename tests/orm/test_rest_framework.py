"""Django REST framework and django-filter over models in Appwrite."""

import django_filters
import pytest
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, pagination, serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient

from tests.fixtures import library
from tests.kinds import respelled
from tests.library.models import Author, Book, Everything

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.urls("tests.orm.test_rest_framework"),
]


class BookSerializer(serializers.ModelSerializer):
    author_name = serializers.CharField(source="author.name", read_only=True)

    class Meta:
        model = Book
        fields = "__all__"


class AuthorSerializer(serializers.ModelSerializer):
    books = serializers.SlugRelatedField(many=True, read_only=True, slug_field="title")

    class Meta:
        model = Author
        fields = ["id", "name", "email", "country", "books", "created_at"]


class EverythingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Everything
        exclude = ["binary", "file", "permissions"]


class BookFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains")
    published = django_filters.DateFromToRangeFilter()

    class Meta:
        model = Book
        fields = {
            "pages": ["lt", "gte"],
            "author__country": ["exact"],
            "status": ["exact", "in"],
            "tags": ["exact"],
            "price": ["isnull"],
        }


class Pages(pagination.PageNumberPagination):
    page_size = 3


class Cursors(pagination.CursorPagination):
    page_size = 2
    ordering = ("-created_at", "pk")


class BookViewSet(viewsets.ModelViewSet):
    queryset = (
        Book.objects.select_related("author").prefetch_related("tags").order_by("title", "pk")
    )
    serializer_class = BookSerializer
    filter_backends = [DjangoFilterBackend, filters.SearchFilter, filters.OrderingFilter]
    filterset_class = BookFilter
    search_fields = ["title", "author__name"]
    ordering_fields = ["pages", "price"]
    pagination_class = Pages


class AuthorViewSet(viewsets.ModelViewSet):
    queryset = Author.objects.prefetch_related("books")
    serializer_class = AuthorSerializer
    pagination_class = Cursors


router = DefaultRouter()
router.register("books", BookViewSet)
router.register("authors", AuthorViewSet)
urlpatterns = router.urls


@pytest.fixture
def client():
    library()
    return APIClient()


def titles(response):
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_a_page_of_nested_rows_is_five_requests(client, requests):
    response = client.get("/books/")
    assert response.json()["count"] == 7
    assert response.json()["results"][0]["author_name"]
    assert len(requests) <= 5, requests.lines


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"title": "GERM"}, ["germinal", "Germinal"]),
        ({"pages__gte": 591, "pages__lt": 1000}, ["germinal", "Germinal"]),
        ({"author__country": "PE"}, ["La casa verde"]),
        ({"status": "published"}, ["Nana"]),
        ({"status__in": "published,none"}, ["Nana"]),
        ({"price__isnull": "true"}, ["germinal"]),
        ({"published_after": "1880-01-01", "published_before": "1885-12-31"}, ["Germinal", "Nana"]),
        ({"search": "hugo"}, ["germinal", "Les Misérables"]),
        ({"ordering": "-pages", "page_size": 3}, ["Les Misérables"]),
        ({"pages__lt": "many"}, None),
    ],
)
def test_filters_search_and_order(client, query, expected):
    response = client.get("/books/", query)
    if expected is None:
        assert response.status_code == 400
    else:
        assert sorted(titles(response)[: len(expected)]) == sorted(expected)


def test_pages_and_cursors(client):
    seen = (
        titles(client.get("/books/"))
        + titles(client.get("/books/?page=2"))
        + titles(client.get("/books/?page=3"))
    )
    assert len(seen) == 7
    url, names = "/authors/", []
    while url:
        page = client.get(url).json()
        names += [row["name"] for row in page["results"]]
        url = page["next"]
    assert len(names) == len(set(names)) == 6


def test_create_read_update_delete(client):
    author = Author.objects.get(name="Anonymous")
    made = client.post(
        "/books/", {"title": "New", "author": author.pk, "pages": 3, "price": "1.50"}
    )
    assert made.status_code == 201, made.json()
    url = f"/books/{made.json()['id']}/"
    assert client.get(url).json()["price"] == "1.50"
    assert client.patch(url, {"pages": 4}).json()["pages"] == 4
    assert client.put(url, {"title": "Newer", "author": author.pk}).status_code == 200
    assert Book.objects.get(title="Newer").pages == 4
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_what_is_not_valid_is_400_by_field(client):
    author = Author.objects.get(name="Anonymous")
    assert list(client.post("/books/", {"title": "x", "author": "missing"}).json()) == ["author"]
    assert list(client.post("/books/", {"title": "x" * 300, "author": author.pk}).json()) == [
        "title"
    ]
    assert "unique" in str(
        client.post("/books/", {"title": "100% _true_", "author": author.pk}).json()
    )
    assert list(
        client.post("/authors/", {"name": "x", "email": respelled("v@example.org")}).json()
    ) == ["email"]
    assert client.get("/books/not an id!/").status_code == 404


def test_every_field_has_a_serializer_field():
    values = {
        "char": "a", "email": "d@example.org", "url": "https://example.org", "ip": "::1", "integer": 1, "boolean": True, "float": 1.5,
        "decimal": "1.2500", "datetime": "2026-01-02T03:04:05.678000Z", "date": "2026-01-02", "time": "03:04:00",
        "duration": "1 00:00:01", "uuid": "12345678-1234-5678-1234-567812345678", "json": {"a": [1]}, "enum": "a",
    }  # fmt: skip
    serializer = EverythingSerializer(data=values)
    assert serializer.is_valid(), serializer.errors
    row = Everything.objects.get(pk=serializer.save().pk)
    shown = EverythingSerializer(row).data
    assert {name: shown[name] for name in values} == values
