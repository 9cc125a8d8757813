"""What responses say about the cache, and what they let browsers keep."""

import time

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.http import HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.views.generic import ListView, View

from appwrite_orm_django.contrib.cache_status import AppwriteCacheMiddleware
from appwrite_orm_django.contrib.http_cache import CacheHeadersMixin, RefreshView, cache_headers
from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

factory = RequestFactory()


@pytest.fixture
def tags():
    return Tag.objects.bulk_create([Tag(name="novel"), Tag(name="poem")])


def names(request):
    return HttpResponse(", ".join(Tag.objects.order_by("name").values_list("name", flat=True)))


# Where the data came from


def through_middleware(view):
    return AppwriteCacheMiddleware(view)(factory.get("/"))


def both(request):
    list(Country.objects.nocache())
    return names(request)


def test_the_status_tells_misses_from_hits(tags):
    assert through_middleware(names)["X-Cache-Status"] == "MISS"
    response = through_middleware(names)
    assert response["X-Cache-Status"] == "HIT"
    assert response["X-Cache-Table"] == "library_tag"


def test_the_status_of_a_page_that_is_partly_cached(tags):
    names(None)
    response = through_middleware(both)
    assert response["X-Cache-Status"] == "PARTIAL"
    assert response["X-Cache-Table"] == "library_country, library_tag"


def test_reads_past_the_cache_are_a_bypass(tags):
    assert (
        through_middleware(lambda r: HttpResponse(list(Tag.objects.nocache())))["X-Cache-Status"]
        == "BYPASS"
    )
    assert (
        through_middleware(lambda r: HttpResponse(list(Tag.objects.iterator())))["X-Cache-Status"]
        == "BYPASS"
    )


def test_a_page_that_reads_nothing_from_appwrite_has_no_status(tags):
    response = through_middleware(lambda request: HttpResponse(User.objects.count()))
    assert not response.has_header("X-Cache-Status")


def test_the_middleware_under_asgi(tags):
    async def view(request):
        return HttpResponse(await Tag.objects.acount())

    middleware = AppwriteCacheMiddleware(view)
    assert iscoroutinefunction(middleware)
    call = async_to_sync(middleware)
    assert call(factory.get("/"))["X-Cache-Status"] == "MISS"
    assert call(factory.get("/"))["X-Cache-Status"] == "HIT"


# What a browser may keep


@cache_headers(Tag)
def page(request):
    return names(request)


def again(view, response, **headers):
    return view(factory.get("/", headers={"if-none-match": response["ETag"], **headers}))


def test_a_page_says_how_long_its_data_is_cached(tags):
    response = page(factory.get("/"))
    directives = set(response["Cache-Control"].split(", "))
    (seconds,) = [int(one.removeprefix("max-age=")) for one in directives - {"public"}]
    assert "public" in directives
    assert 250 <= seconds <= 330
    assert response.status_code == 200


def test_a_304_costs_one_cache_call_and_no_request(
    tags, requests, monkeypatch, django_assert_num_queries
):
    first = page(factory.get("/"))
    requests.clear()
    calls = []
    store = connections["appwrite"].cache.core.store
    get_many = store.get_many
    monkeypatch.setattr(
        store, "get_many", lambda keys, *tokens: calls.append(keys) or get_many(keys, *tokens)
    )
    for name in ("fill", "bump", "mint"):
        monkeypatch.setattr(store, name, None)
    response = AppwriteCacheMiddleware(lambda request: again(page, first))(factory.get("/"))
    assert response.status_code == 304
    assert response["ETag"] == first["ETag"]
    assert "max-age=" in response["Cache-Control"]
    assert (response["X-Cache-Status"], response["X-Cache-Table"]) == ("HIT", "library_tag")
    assert len(calls) == 1
    assert not requests


def test_a_write_makes_it_a_200(tags):
    first = page(factory.get("/"))
    tags[0].delete()
    response = again(page, first)
    assert response.status_code == 200
    assert response.content == b"poem"
    assert response["ETag"] != first["ETag"]
    assert again(page, response).status_code == 304


def test_when_the_data_is_over_the_page_is_made_again(tags, monkeypatch):
    """The backstop for writes that nobody told of: they change no token."""
    first = page(factory.get("/"))
    later = time.time() + 400
    monkeypatch.setattr("appwrite_orm_django.contrib.http_cache.time.time", lambda: later)
    assert again(page, first).status_code == 200


def test_another_page_of_the_same_tables_is_another_page(tags):
    first = page(factory.get("/"))
    other = page(factory.get("/?page=2", headers={"if-none-match": first["ETag"]}))
    assert other.status_code == 200


def test_last_modified_once_the_page_has_settled(tags, monkeypatch):
    now = time.time()
    monkeypatch.setattr("appwrite_orm_django.contrib.http_cache.time.time", lambda: now)
    assert not page(factory.get("/")).has_header("Last-Modified")
    monkeypatch.setattr("appwrite_orm_django.contrib.http_cache.time.time", lambda: now + 3)
    modified = page(factory.get("/"))["Last-Modified"]
    assert page(factory.get("/", headers={"if-modified-since": modified})).status_code == 304
    tags[0].delete()
    response = page(factory.get("/", headers={"if-modified-since": modified}))
    assert response.status_code == 200
    assert not response.has_header("Last-Modified")


def test_a_bound_on_how_long(tags):
    response = cache_headers(Tag, max_age=0)(names)(factory.get("/"))
    assert "max-age=0" in response["Cache-Control"]
    assert again(cache_headers(Tag, max_age=0)(names), response).status_code == 304


def test_another_version_of_the_template_is_another_page(tags):
    first = page(factory.get("/"))
    assert again(cache_headers(Tag, version="2")(names), first).status_code == 200


def test_a_page_that_depends_on_a_header(tags):
    view = cache_headers(Tag, vary=["HX-Request"])(names)
    first = view(factory.get("/"))
    assert first["Vary"] == "HX-Request, Cookie, Authorization"
    assert again(view, first).status_code == 304
    assert again(view, first, **{"hx-request": "true"}).status_code == 200


def no_cache(response):
    return not response.has_header("ETag") and "no-cache" in response["Cache-Control"]


def test_a_page_of_tables_that_were_not_named_is_not_kept(tags, caplog):
    @cache_headers(Tag)
    def view(request):
        list(Country.objects.all())
        return names(request)

    assert no_cache(view(factory.get("/")))
    assert "cache_headers(library.Tag) also reads library_country" in caplog.text


def test_a_page_read_past_the_cache_is_not_kept(tags):
    assert no_cache(
        cache_headers(Tag)(lambda request: HttpResponse(Tag.objects.nocache().count()))(
            factory.get("/")
        )
    )


def test_a_page_made_inside_a_block_that_wrote_is_not_kept(tags):
    with transaction.atomic(using="appwrite"):
        tags[0].delete()
        assert no_cache(page(factory.get("/")))


def test_personal_pages_are_not_kept_unless_told_whose_they_are(tags):
    def view(request):
        response = names(request)
        response.set_cookie("seen", "1")
        return response

    assert no_cache(cache_headers(Tag)(view)(factory.get("/")))
    zola = cache_headers(Tag, key=lambda request: "zola")(view)
    hugo = cache_headers(Tag, key=lambda request: "hugo")(view)
    first = zola(factory.get("/"))
    assert "private" in first["Cache-Control"]
    assert "public" not in first["Cache-Control"]
    assert again(zola, first).status_code == 304
    assert again(hugo, first).status_code == 200


def test_other_methods_and_answers_are_left_alone(tags):
    assert not page(factory.post("/")).has_header("Cache-Control")
    missing = cache_headers(Tag)(lambda request: HttpResponse(status=404))
    assert not missing(factory.get("/")).has_header("Cache-Control")


def test_a_template_is_part_of_the_page(tags, caplog):
    template = engines["django"].from_string("{% for book in books %}{{ book }}{% endfor %}")

    def view(request):
        return TemplateResponse(request, template, {"books": Book.objects.all()})

    assert no_cache(cache_headers(Tag)(view)(factory.get("/")))
    response = cache_headers(Tag, Book)(view)(factory.get("/"))
    assert response.has_header("ETag")


def test_an_asynchronous_view(tags, requests):
    @cache_headers(Tag)
    async def view(request):
        return HttpResponse(await Tag.objects.acount())

    call = async_to_sync(view)
    first = call(factory.get("/"))
    requests.clear()
    assert again(call, first).status_code == 304
    assert not requests


def test_models_elsewhere_are_refused():
    with pytest.raises(ImproperlyConfigured, match=r"got auth\.User on default"):
        cache_headers(User)(names)(factory.get("/"))
    with pytest.raises(ImproperlyConfigured, match="needs the models"):
        cache_headers()(names)(factory.get("/"))


class TagList(CacheHeadersMixin, ListView):
    queryset = Tag.objects.order_by("name")
    paginate_by = 10

    def render_to_response(self, context, **kwargs):
        return HttpResponse(", ".join(tag.name for tag in context["object_list"]))


class AsyncTags(CacheHeadersMixin, View):
    cache_models = (Tag,)
    cache_max_age = 5

    async def get(self, request):
        return HttpResponse(await Tag.objects.acount())


def test_the_mixin(tags, requests):
    view = TagList.as_view()
    first = view(factory.get("/"))
    requests.clear()
    assert again(view, first).status_code == 304
    assert not requests
    call = async_to_sync(AsyncTags.as_view())
    first = call(factory.get("/"))
    assert "max-age=5" in first["Cache-Control"]
    assert again(call, first).status_code == 304


# Refreshing


urlpatterns = [path("refresh/", RefreshView.as_view()), path("tags/", TagList.as_view())]


@pytest.fixture
def editor(permissions):
    user = User.objects.create_user("editor")
    user.user_permissions.add(
        Permission.objects.get(codename="change_tag", content_type__app_label="library"),
        Permission.objects.get(codename="change_user"),
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def urls():
    with override_settings(ROOT_URLCONF=__name__):
        yield


def test_refreshing_needs_a_post_and_permission(tags, urls, editor, monkeypatch):
    monkeypatch.setattr(Tag, "appwrite_warm", [lambda: Tag.objects.order_by("name")])
    assert editor.get("/refresh/").status_code == 405
    assert Client().post("/refresh/", {"model": "library.Tag"}).status_code == 403
    assert editor.post("/refresh/", {"model": "library.Book"}).status_code == 403
    assert editor.post("/refresh/", {"model": ["library.Tag", "library.Book"]}).status_code == 403
    assert editor.post("/refresh/", {"model": "auth.User"}).status_code == 403
    assert editor.post("/refresh/", {"model": "nothing"}).status_code == 403
    assert editor.post("/refresh/").status_code == 400
    assert not Tag.objects.is_updated()
    response = editor.post("/refresh/", {"model": "library.Tag"})
    assert response.json() == {"refreshed": {"library.Tag": 2}}
    assert Tag.objects.order_by("name").is_cached()


def test_refreshing_goes_on_to_a_page_of_this_host_only(tags, urls, editor):
    form = {"model": "library.Tag", "next": "/tags/"}
    assert editor.post("/refresh/", form).headers["Location"] == "/tags/"
    form["next"] = "https://example.org/"
    assert editor.post("/refresh/", form).status_code == 200


def test_refreshing_is_protected_against_forgery(tags, urls):
    client = Client(enforce_csrf_checks=True)
    user = User.objects.create_superuser("root")
    client.force_login(user)
    with override_settings(MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"]):
        assert client.post("/refresh/", {"model": "library.Tag"}).status_code == 403


# Whole pages


def test_a_warm_list_page_asks_nothing(tags, urls, requests):
    client = Client()
    for _ in range(2):
        assert client.get("/tags/").content == b"novel, poem"
        asked = requests.take()
    assert asked == []


def test_a_warm_admin_changelist_asks_nothing(requests):
    from django.contrib import admin

    class BookAdmin(admin.ModelAdmin):
        list_display = ("title", "author", "pages")
        list_filter = ("status", "author__country")
        search_fields = ("title",)

    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    Book.objects.create(title="Nana", author=author)
    site = admin.AdminSite()
    site.register(Book, BookAdmin)
    changelist = site.get_model_admin(Book).changelist_view
    request = factory.get("/admin/library/book/?q=nana")
    request.user = User.objects.create_superuser("root")
    request.session = {}
    for _ in range(2):
        response = AppwriteCacheMiddleware(lambda request: changelist(request).render())(request)
        asked = requests.take()
        assert response.context_data["cl"].result_count == 1
    assert asked == []
    assert response["X-Cache-Status"] == "HIT"
