"""The panel for django-debug-toolbar, with the real toolbar."""

import re
from html import unescape

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path

from tests.library.models import Author, Tag

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.urls(__name__),
]

PANELS = ["appwrite_orm_django.contrib.debug_toolbar.AppwritePanel"]
PAGE = "<html><body>{}</body></html>"


def tags(request):
    return HttpResponse(PAGE.format(", ".join(tag.name for tag in Tag.objects.order_by("name"))))


async def tags_awaited(request):
    return HttpResponse(
        PAGE.format(", ".join([tag.name async for tag in Tag.objects.order_by("name")]))
    )


def much(request):
    list(Tag.objects.order_by("name").nocache())
    Tag.objects.create(name="third")
    list(Tag.objects.order_by("name").iterator(chunk_size=2))
    Author.objects.filter(country__name="France").count()
    return HttpResponse(PAGE.format(""))


def nothing(request):
    return HttpResponse(PAGE.format("nothing"))


urlpatterns = [
    path("tags/", tags),
    path("awaited/", tags_awaited),
    path("much/", much),
    path("nothing/", nothing),
]


@pytest.fixture(autouse=True)
def toolbar(settings, monkeypatch):
    settings.DEBUG = True
    settings.INTERNAL_IPS = ["127.0.0.1"]
    settings.INSTALLED_APPS = [
        *settings.INSTALLED_APPS,
        "debug_toolbar",
        "django.contrib.staticfiles",
    ]
    settings.MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *settings.MIDDLEWARE]
    settings.DEBUG_TOOLBAR_PANELS = PANELS
    settings.DEBUG_TOOLBAR_CONFIG = {
        "SHOW_TOOLBAR_CALLBACK": lambda request: True,
        "RENDER_PANELS": True,
    }
    from debug_toolbar.toolbar import DebugToolbar

    monkeypatch.setattr(DebugToolbar, "_panel_classes", None)
    # Only now: the toolbar has a model, and its app has to be there first.
    monkeypatch.setattr(
        f"{__name__}.urlpatterns", [*urlpatterns, path("__debug__/", include("debug_toolbar.urls"))]
    )
    yield
    assert django_settings.DEBUG


@pytest.fixture
def two():
    return Tag.objects.bulk_create([Tag(name="first"), Tag(name="second")])


def shown(response):
    """Return the panel's rows: result, query, requests."""
    assert response.status_code == 200
    text = unescape(response.content.decode())
    rows = re.findall(
        r"<strong>(\w+|.)</strong>.*?<pre>(.*?)</pre>.*?<td>[\d.]+</td>\s*<td>(.*?)</td>",
        text,
        re.DOTALL,
    )
    return [
        (result, plan, re.findall(r"<code>(\w+) ", requests)) for result, plan, requests in rows
    ]


def test_a_miss_then_a_hit_with_their_plan(two):
    client = Client()
    ((result, plan, asked),) = shown(client.get("/tags/"))
    assert (result, asked) == ("MISS", ["GET"])
    assert plan.startswith("LIST library_tag")
    assert shown(client.get("/tags/")) == [("HIT", plan, [])]
    Tag.objects.filter(name="first").update(name="zeroth")
    assert shown(client.get("/tags/")) == [("MISS", plan, ["GET"])]


def test_the_side_bar_counts(two):
    assert "1 query, 1 request" in Client().get("/tags/").content.decode()
    assert "1 query, 0 requests" in Client().get("/tags/").content.decode()
    assert "0 queries, 0 requests" in Client().get("/nothing/").content.decode()
    assert "No queries to Appwrite." in Client().get("/nothing/").content.decode()


def test_writes_streams_and_local_evaluation(two):
    found = shown(Client().get("/much/"))
    assert [(result, requests) for result, _, requests in found] == [
        ("BYPASS", ["GET"]),
        ("WRITE", ["POST"]),
        ("BYPASS", ["GET"]),
        ("MISS", ["GET"]),
    ]
    assert found[1][1].startswith("CREATE library_tag/")
    assert {"library_author", "library_country"} <= set(re.findall(r"library_\w+", found[3][1]))


def test_under_asgi_as_well(two):
    get = async_to_sync(AsyncClient().get)
    assert [(result, requests) for result, _, requests in shown(get("/awaited/"))] == [
        ("MISS", ["GET"])
    ]
    assert [(result, requests) for result, _, requests in shown(get("/awaited/"))] == [("HIT", [])]
    assert [(result, requests) for result, _, requests in shown(get("/tags/"))] == [("HIT", [])]


def test_a_page_that_fails_leaves_nothing_behind(two, monkeypatch):
    from appwrite_orm_django.backend import instrumentation

    def fail(request):
        raise RuntimeError("no page")

    monkeypatch.setattr(f"{__name__}.urlpatterns", [*urlpatterns, path("fail/", fail)])
    with pytest.raises(RuntimeError):
        Client().get("/fail/")
    assert instrumentation.current() is None
    assert len(shown(Client().get("/tags/"))) == 1
