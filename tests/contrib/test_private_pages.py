"""Whose pages ``cache_headers`` lets others keep: nobody's that is not proven to be everybody's."""

import asyncio
import contextvars
import logging
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import caches
from django.db import connections, transaction
from django.db.models import prefetch_related_objects
from django.http import HttpResponse, StreamingHttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import cache_control, cache_page
from django.views.generic import View
from rest_framework.authentication import BaseAuthentication
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.client.errors import Unauthorized
from appwrite_orm_django.contrib.cache_status import AppwriteCacheMiddleware
from appwrite_orm_django.contrib.http_cache import CacheHeadersMixin, cache_headers
from appwrite_orm_django.contrib.views import AppwriteListView
from appwrite_orm_django.users.accounts import appwrite_key, appwrite_user
from appwrite_orm_django.users.middleware import AppwriteUserMiddleware
from tests.library.models import Book, Diary, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

factory = RequestFactory()


@pytest.fixture(autouse=True)
def rows():
    Tag.objects.bulk_create([Tag(name="novel"), Tag(name="poem")])
    accounts.forget_all()
    caches["default"].clear()


@pytest.fixture
def users(local_user):
    return {name: local_user(name) for name in ("ann", "bob")}


def names(request, *args, **kwargs):
    return HttpResponse(", ".join(Tag.objects.order_by("name").values_list("name", flat=True)))


page = cache_headers(Tag)(names)


def is_public(response):
    return "public" in response["Cache-Control"] and response.has_header("ETag")


def is_nobodys_to_keep(response):
    directives = response["Cache-Control"]
    return "private" in directives and "no-cache" in directives and not response.has_header("ETag")


# What the request brings along

ann = SimpleNamespace(is_authenticated=True, pk="ann")


def request_with(path="/", **attributes):
    headers = attributes.pop("headers", {})
    request = factory.get(path, headers=headers, **attributes.pop("meta", {}))
    for name, value in attributes.items():
        setattr(request, name, value)
    return request


def asgi(**scope):
    request = factory.get("/")
    request.scope = scope
    return request


def evaluated(user):
    lazy = SimpleLazyObject(lambda: user)
    assert lazy.is_authenticated
    return lazy


SOMEBODY = {
    "Authorization": lambda: request_with(headers={"authorization": "Bearer x"}),
    "Proxy-Authorization": lambda: request_with(headers={"proxy-authorization": "Basic x"}),
    "Appwrite's JWT": lambda: request_with(headers={"x-appwrite-jwt": "x"}),
    "a header for a key": lambda: request_with(headers={"x-api-key": "x"}),
    "a header that nobody knows": lambda: request_with(headers={"x-customer": "ann"}),
    "a proxy's header for the user": lambda: request_with(headers={"x-forwarded-user": "ann"}),
    "a proxy's header for the certificate": lambda: request_with(
        headers={"x-ssl-client-cert": "x"}
    ),
    "a cookie": lambda: request_with(meta={"HTTP_COOKIE": "seen=1"}),
    "a cookie that cannot be read": lambda: request_with(meta={"HTTP_COOKIE": "\x00"}),
    "a session": lambda: request_with(meta={"HTTP_COOKIE": "sessionid=abc"}),
    "a session without a cookie": lambda: request_with(
        session=SimpleNamespace(session_key="abc", accessed=False)
    ),
    "REMOTE_USER": lambda: request_with(meta={"REMOTE_USER": "ann"}),
    "a client certificate": lambda: request_with(meta={"SSL_CLIENT_S_DN": "CN=ann"}),
    "a user": lambda: request_with(user=ann),
    "a user that was looked up": lambda: request_with(user=evaluated(ann)),
    "a user that was awaited": lambda: request_with(_acached_user=ann),
    "a user of another kind": lambda: request_with(user="ann"),
    "a token of a framework's": lambda: request_with(auth=object()),
    "a test's user": lambda: request_with(_force_auth_user=ann),
    "a user of ASGI": lambda: asgi(user=ann),
    "a certificate of ASGI": lambda: asgi(extensions={"tls": {"client_cert_name": "CN=ann"}}),
}

NOBODY = {
    "nothing": lambda: request_with(),
    "a browser's headers": lambda: request_with(
        headers={
            "accept": "text/html", "accept-language": "de", "accept-encoding": "gzip", "cache-control": "max-age=0", "connection": "keep-alive",
            "dnt": "1", "host": "testserver", "referer": "https://example.org/", "sec-fetch-mode": "navigate", "sec-ch-ua": "x",
            "upgrade-insecure-requests": "1", "user-agent": "Mozilla", "hx-request": "true", "hx-current-url": "/x",
        }
    ),
    "a proxy's headers": lambda: request_with(
        headers={"x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https", "x-real-ip": "1.2.3.4", "via": "1.1 x", "x-request-id": "x"}
    ),
    "headers without a value": lambda: request_with(headers={"authorization": "", "x-api-key": " "}, meta={"REMOTE_USER": ""}),
    "no client certificate": lambda: request_with(meta={"SSL_CLIENT_VERIFY": "NONE"}),
    "nobody in particular": lambda: request_with(user=AnonymousUser()),
    "a user that nobody asked for": lambda: request_with(user=SimpleLazyObject(lambda: 1 / 0)),
    "nobody of ASGI": lambda: asgi(user=AnonymousUser(), extensions={"tls": {"client_cert_name": None}}),
}  # fmt: skip


@pytest.mark.parametrize("request_", NOBODY.values(), ids=NOBODY)
def test_a_page_that_nobody_in_particular_asks_for_is_public(request_):
    first = page(request_())
    assert is_public(first)
    assert first["Vary"] == "Cookie, Authorization"
    again = request_()
    again.META["HTTP_IF_NONE_MATCH"] = first["ETag"]
    assert page(again).status_code == 304


@pytest.mark.parametrize("request_", SOMEBODY.values(), ids=SOMEBODY)
def test_a_page_that_somebody_asks_for_is_not(request_, caplog):
    """Nor is the page that somebody had before signing in confirmed to them."""
    with caplog.at_level(logging.DEBUG, "appwrite_orm_django.http"):
        assert is_nobodys_to_keep(page(request_()))
    assert "/ is not public: " in caplog.text
    before = page(factory.get("/"))["ETag"]
    for header in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
        again = request_()
        again.META[header] = before
        response = page(again)
        assert response.status_code == 200
        assert is_nobodys_to_keep(response)


@pytest.mark.parametrize("request_", SOMEBODY.values(), ids=SOMEBODY)
def test_unless_the_caller_says_otherwise(request_):
    view = cache_headers(Tag, public=True)(names)
    response = view(request_())
    assert is_public(response)
    assert not response.has_header("Vary")
    again = request_()
    again.META["HTTP_IF_NONE_MATCH"] = response["ETag"]
    assert view(again).status_code == 304


@pytest.mark.parametrize("request_", SOMEBODY.values(), ids=SOMEBODY)
def test_with_a_key_another_visitor_is_never_confirmed(request_):
    """The key may know nothing of who asks: it runs before the view, which may be where the user is found out."""
    view = cache_headers(Tag, key=lambda request: "always the same")(names)
    first = view(request_())
    assert "private" in first["Cache-Control"]
    assert "public" not in first["Cache-Control"]
    mine, other = request_(), factory.get("/")
    mine.META["HTTP_IF_NONE_MATCH"] = other.META["HTTP_IF_NONE_MATCH"] = first["ETag"]
    assert view(other).status_code == 200
    assert view(other)["ETag"] != first["ETag"]
    if "object" not in str(getattr(mine, "auth", "")):
        assert view(mine).status_code == 304


def test_two_visitors_of_an_api_have_two_etags():
    view = cache_headers(Tag, key=lambda request: "None")(names)
    etags = {
        view(factory.get("/", headers={"authorization": f"Token {name}"}))["ETag"] for name in "abc"
    }
    assert len(etags) == 3


def test_what_the_page_does_not_depend_on_is_ignored():
    view = cache_headers(Tag, ignore=["_ga*", "X-Trace"])(names)
    assert is_public(
        view(request_with(meta={"HTTP_COOKIE": "_ga=1; _ga_ABC=2"}, headers={"x-trace": "1"}))
    )
    assert is_nobodys_to_keep(view(request_with(meta={"HTTP_COOKIE": "_ga=1; sessionid=2"})))
    assert is_nobodys_to_keep(view(request_with(headers={"x-trace-user": "1"})))
    key = cache_headers(Tag, key=lambda request: "ann", ignore=["_ga*"])(names)
    first = key(request_with(meta={"HTTP_COOKIE": "_ga=1; sessionid=2"}))
    assert (
        key(
            request_with(
                meta={"HTTP_COOKIE": "_ga=9; sessionid=2", "HTTP_IF_NONE_MATCH": first["ETag"]}
            )
        ).status_code
        == 304
    )
    assert (
        key(
            request_with(
                meta={"HTTP_COOKIE": "_ga=1; sessionid=3", "HTTP_IF_NONE_MATCH": first["ETag"]}
            )
        ).status_code
        == 200
    )


def test_a_header_that_is_named_is_part_of_the_page_unless_it_is_a_credential():
    view = cache_headers(Tag, vary=["X-Country", "Authorization"])(names)
    assert is_public(view(request_with(headers={"x-country": "de"})))
    assert is_nobodys_to_keep(view(request_with(headers={"authorization": "Bearer x"})))


# What the view does

template = engines["django"].from_string("{% for one in diary %}{{ one.text }}{% endfor %}")


def in_a_block(read):
    def view(request, users):
        with appwrite_user(jwt=users["ann"]["jwt"]):
            return HttpResponse(str(read()))

    return view


def rendered(request, users):
    """Evaluated where the template is rendered, within a block that the middleware around it has opened."""
    return TemplateResponse(request, template, {"diary": Diary.objects.all()})


def raw():
    with connections["appwrite"].cursor() as cursor:
        cursor.execute("SELECT text FROM library_diary")
        return cursor.fetchall()


def locked():
    with transaction.atomic(using="appwrite"):
        return list(Diary.objects.select_for_update())


def dirty():
    with transaction.atomic(using="appwrite"):
        Diary.objects.create(
            text="x", permissions=['read("user:ann")', 'update("user:ann")', 'delete("user:ann")']
        )
        return Diary.objects.count()


READS = {
    "a list": lambda: list(Diary.objects.all()),
    "a list with a filter": lambda: list(Diary.objects.filter(text__startswith="x")),
    "past the cache": lambda: list(Diary.objects.nocache()),
    "a stream": lambda: list(Diary.objects.iterator()),
    "a number": lambda: Diary.objects.count(),
    "a question": lambda: Diary.objects.exists(),
    "a row": lambda: Diary.objects.filter(pk="x").first(),
    "local evaluation": lambda: list(Diary.objects.filter(text__regex="x")),
    "a prepared list": lambda: list(Diary.objects.filter(mood=0).prepared()),
    "SQL": raw,
    "raw": lambda: list(Diary.objects.raw("SELECT * FROM library_diary")),
    "within a block": lambda: transaction.atomic(using="appwrite")(
        lambda: list(Diary.objects.all())
    )(),
    "within a block that wrote": dirty,
    "locked rows": locked,
    "past the ORM": lambda: connections["appwrite"].transport.call(
        "GET", f"/tablesdb/{connections['appwrite'].database_id}/tables/library_diary/rows"
    ),
    "nothing but who it is": lambda: connections["appwrite"].account,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_for_a_user_makes_the_page_private(read, users):
    view = cache_headers(Diary)(in_a_block(read))
    for _ in range(2):  # the second time from the cache
        assert is_nobodys_to_keep(view(factory.get("/"), users))


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_public_or_not_a_page_read_for_a_user_is_never(read, users):
    view = cache_headers(Diary, public=True)(in_a_block(read))
    assert is_nobodys_to_keep(view(factory.get("/"), users))


def test_another_users_page_is_not_confirmed(users):
    """Who is asked for by a header of the site's own, which no middleware knows."""

    @cache_headers(Diary)
    def view(request):
        with appwrite_user(jwt=users[request.headers["x-shop-user"]]["jwt"]):
            return HttpResponse(Diary.objects.count())

    first = view(factory.get("/", headers={"x-shop-user": "ann"}))
    assert is_nobodys_to_keep(first)
    guess = page(factory.get("/"))["ETag"]
    assert (
        view(factory.get("/", headers={"x-shop-user": "bob", "if-none-match": guess})).status_code
        == 200
    )


def test_guests_pages_are_private_too():
    @cache_headers(Diary)
    def view(request):
        with appwrite_user(guest=True):
            return HttpResponse(Diary.objects.count())

    assert is_nobodys_to_keep(view(factory.get("/")))


def test_the_key_stated_explicitly_is_nobody(users):
    @cache_headers(Tag)
    def view(request):
        with appwrite_key():
            return names(request)

    assert is_public(view(factory.get("/")))


def asynchronous(users):
    @cache_headers(Diary)
    async def view(request):
        with appwrite_user(session=users["bob"]["session"]):
            return HttpResponse(await Diary.objects.acount())

    return async_to_sync(view)


def in_a_thread_of_sync_to_async(users):
    def read():
        with appwrite_user(session=users["bob"]["session"]):
            return Diary.objects.count()

    @cache_headers(Diary)
    async def view(request):
        return HttpResponse(await sync_to_async(read, thread_sensitive=False)())

    return async_to_sync(view)


def in_a_task(users):
    async def read():
        with appwrite_user(jwt=users["bob"]["jwt"]):
            return await Diary.objects.acount()

    @cache_headers(Diary)
    async def view(request):
        return HttpResponse(await asyncio.create_task(read()))

    return async_to_sync(view)


def in_a_thread_with_the_context(users):
    def read():
        with appwrite_user(jwt=users["bob"]["jwt"]):
            return Diary.objects.count()

    @cache_headers(Diary)
    def view(request):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(read,))
        thread.start()
        thread.join()
        return HttpResponse()

    return view


def in_the_template(users):
    def view(request):
        with appwrite_user(jwt=users["bob"]["jwt"]):
            return cache_headers(Diary)(rendered)(request, users)

    return view


def by_prefetch(users):
    tags = Tag.objects.all()

    @cache_headers(Diary, Tag, Book, Book.tags.through)
    def view(request):
        found = list(tags)
        with (
            appwrite_user(jwt=users["bob"]["jwt"]),
            suppress(Unauthorized),
        ):  # books are none of a user's business here
            prefetch_related_objects(found, "books")
        return HttpResponse()

    return view


def by_a_context_processor(users):
    def view(request):
        return TemplateResponse(
            request,
            template,
            {"diary": SimpleLazyObject(lambda: in_a_block(READS["a list"])(request, users))},
        )

    return cache_headers(Diary)(view)


WAYS = [
    asynchronous, in_a_thread_of_sync_to_async, in_a_task, in_a_thread_with_the_context, in_the_template, by_prefetch, by_a_context_processor,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_wherever_it_is_read(way, users):
    view = way(users)
    for _ in range(2):
        assert is_nobodys_to_keep(view(factory.get("/")))


def test_what_middleware_has_read_before_the_view_counts(users):
    def personal(get_response):
        def middleware(request):
            with appwrite_user(jwt=users["ann"]["jwt"]):
                request.diary = list(Diary.objects.all())
            return get_response(request)

        return middleware

    chain = AppwriteCacheMiddleware(personal(page))
    etag = page(factory.get("/"))["ETag"]
    for _ in range(2):
        response = chain(factory.get("/", headers={"if-none-match": etag}))
        assert response.status_code == 200
        assert is_nobodys_to_keep(response)
    assert is_public(AppwriteCacheMiddleware(page)(factory.get("/")))


def test_tables_that_middleware_has_read_count(caplog):
    def reads(get_response):
        def middleware(request):
            with appwrite_key():
                Diary.objects.count()
            return get_response(request)

        return middleware

    assert is_nobodys_to_keep(AppwriteCacheMiddleware(reads(page))(factory.get("/")))
    assert "also reads library_diary" in caplog.text
    assert is_public(
        AppwriteCacheMiddleware(reads(cache_headers(Tag, Diary)(names)))(factory.get("/"))
    )


def test_under_the_middleware_of_users_every_page_is_private(users):
    chain = AppwriteUserMiddleware(
        cache_headers(Diary)(lambda request: HttpResponse(Diary.objects.count()))
    )
    for headers in ({}, {"x-appwrite-jwt": users["ann"]["jwt"]}):
        response = chain(factory.get("/", headers=headers))
        assert is_nobodys_to_keep(response)
        assert "X-Appwrite-JWT" in response["Vary"]


def test_a_user_that_the_view_finds_out_makes_it_private():
    def view(request):
        request.user = ann
        return names(request)

    assert is_nobodys_to_keep(cache_headers(Tag)(view)(factory.get("/")))

    def lazily(request):
        return HttpResponse(request.user.pk)

    request = request_with(user=SimpleLazyObject(lambda: ann))
    assert is_nobodys_to_keep(cache_headers(Tag)(lazily)(request))


def test_a_session_that_is_used_makes_it_private():
    def view(request):
        request.session.get("basket")
        return names(request)

    def greeting(request):
        return HttpResponse(str(request.user))

    for one in (view, greeting):
        chain = SessionMiddleware(AuthenticationMiddleware(cache_headers(Tag, public=True)(one)))
        assert is_nobodys_to_keep(chain(factory.get("/")))
    assert is_public(SessionMiddleware(AuthenticationMiddleware(page))(factory.get("/")))


def test_a_message_makes_it_private():
    def view(request):
        messages.success(request, "Done.")
        return names(request)

    def chain(view):
        return SessionMiddleware(MessageMiddleware(view))

    response = chain(cache_headers(Tag)(view))(factory.get("/"))
    assert response.cookies
    assert is_nobodys_to_keep(response)
    assert is_public(chain(page)(factory.get("/")))


def test_a_language_or_a_zone_that_the_view_has_chosen_makes_it_private():
    def german(request):
        translation.activate("de")
        return names(request)

    def in_lima(request):
        timezone.activate("America/Lima")
        return names(request)

    try:
        for view in (german, in_lima):
            assert is_nobodys_to_keep(cache_headers(Tag)(view)(factory.get("/")))
    finally:
        translation.deactivate()
        timezone.deactivate()


def test_each_language_and_zone_has_its_own_etag():
    etags = {page(factory.get("/"))["ETag"]}
    with translation.override("de"):
        etags.add(page(factory.get("/"))["ETag"])
    with timezone.override("America/Lima"):
        etags.add(page(factory.get("/"))["ETag"])
    etags.add(page(factory.get("/", headers={"host": "other.example"}))["ETag"])
    assert len(etags) == 4


def test_head_is_as_get():
    first = page(factory.get("/"))
    head = page(factory.head("/"))
    assert head["ETag"] == first["ETag"]
    assert page(factory.head("/", headers={"if-none-match": first["ETag"]})).status_code == 304
    assert is_nobodys_to_keep(page(factory.head("/", headers={"authorization": "Bearer x"})))


def test_a_304_says_what_the_page_varies_on():
    first = page(factory.get("/"))
    assert (
        page(factory.get("/", headers={"if-none-match": first["ETag"]}))["Vary"]
        == "Cookie, Authorization"
    )


def test_last_modified_confirms_nothing_to_somebody(monkeypatch):
    from appwrite_orm_django.contrib import http_cache

    page(factory.get("/"))
    later = http_cache.time.time() + 3
    monkeypatch.setattr("appwrite_orm_django.contrib.http_cache.time.time", lambda: later)
    modified = page(factory.get("/"))["Last-Modified"]
    assert page(factory.get("/", headers={"if-modified-since": modified})).status_code == 304
    for headers in ({"authorization": "Bearer x"}, {"cookie": "sessionid=1"}):
        response = page(factory.get("/", headers={"if-modified-since": modified, **headers}))
        assert is_nobodys_to_keep(response)


def test_a_stream_is_nobodys_to_keep():
    response = cache_headers(Tag)(lambda request: StreamingHttpResponse(iter([b"x"])))(
        factory.get("/")
    )
    assert is_nobodys_to_keep(response)


def test_what_a_view_says_itself_stands_but_for_a_users_page(users):
    assert (
        cache_headers(Tag)(cache_control(max_age=60)(names))(factory.get("/"))["Cache-Control"]
        == "max-age=60"
    )
    read = in_a_block(READS["a list"])
    for view, said in (
        (cache_control(max_age=60)(read), "max-age=60, private"),
        (cache_control(public=True)(read), "public"),
        (cache_control(no_store=True)(read), "no-store, private"),
    ):
        assert cache_headers(Diary)(view)(factory.get("/"), users)["Cache-Control"] == said


# Django's own caches


def of_users(users):
    """A page that is the visitor's, found out within the view."""
    return cache_headers(Diary)(
        lambda request: HttpResponse(
            in_a_block(READS["a list"])(request, users).content + request.GET["who"].encode()
        )
    )


def test_cache_page_around_it_keeps_public_pages_only(users):
    asked = []

    def counted(view):
        return lambda request: asked.append(request) or view(request)

    public = cache_page(60)(cache_headers(Tag)(counted(names)))
    for _ in range(3):
        assert public(factory.get("/")).status_code == 200
    assert len(asked) == 1
    personal = cache_page(60)(cache_headers(Tag)(counted(names)))
    for name in "abc":
        personal(factory.get("/private/", headers={"authorization": f"Bearer {name}"}))
    assert len(asked) == 4
    read = cache_page(60)(counted(of_users(users)))
    for _ in range(2):
        read(factory.get("/?who=ann"))
    assert len(asked) == 6


def test_who_signs_in_is_not_served_the_page_that_cache_page_has_kept():
    view = cache_page(60)(
        cache_headers(Tag)(
            lambda request: HttpResponse(request.headers.get("authorization", "nobody"))
        )
    )
    assert view(factory.get("/")).content == b"nobody"
    assert view(factory.get("/", headers={"authorization": "ann"})).content == b"ann"
    assert view(factory.get("/", headers={"authorization": "bob"})).content == b"bob"
    assert view(factory.get("/")).content == b"nobody"


def test_a_304_is_not_kept_for_others():
    chain = UpdateCacheMiddleware(FetchFromCacheMiddleware(page))
    etag = page(factory.get("/"))["ETag"]
    assert chain(factory.get("/", headers={"if-none-match": etag})).status_code == 304
    assert chain(factory.get("/")).status_code == 200
    assert chain(factory.get("/")).content == b"novel, poem"


# Classes, and Django REST framework


class Tags(CacheHeadersMixin, AppwriteListView):
    model = Tag
    list_display = ("name",)
    cache_ignore = ("_ga",)


class PublicTags(Tags):
    cache_public = True


def test_list_pages():
    view = Tags.as_view()
    first = view(factory.get("/"))
    assert is_public(first)
    assert view(factory.get("/", headers={"if-none-match": first["ETag"]})).status_code == 304
    assert is_public(view(factory.get("/", headers={"cookie": "_ga=1"})))
    assert is_nobodys_to_keep(view(factory.get("/", headers={"cookie": "sessionid=1"})))
    assert is_public(PublicTags.as_view()(factory.get("/", headers={"cookie": "sessionid=1"})))
    assert is_nobodys_to_keep(view(factory.get("/?export=csv")))


class ByHeader(BaseAuthentication):
    def authenticate(self, request):
        name = request.META.get("HTTP_X_SHOP_TOKEN") or request.GET.get("token")
        return (SimpleNamespace(is_authenticated=True, pk=name), name) if name else None


class Api(CacheHeadersMixin, APIView):
    authentication_classes = (ByHeader,)
    permission_classes = ()
    cache_models = (Tag,)

    def get(self, request):
        return Response(
            {"tags": Tag.objects.count(), "user": str(getattr(request.user, "pk", None))}
        )


class KeyedApi(Api):
    def get_cache_key(self, request):
        return str(getattr(getattr(request, "user", None), "pk", None))


@pytest.mark.parametrize("path", ["/", "/?token=ann"])
def test_an_api(path):
    view = Api.as_view()
    anonymous = view(factory.get("/"))
    assert is_public(anonymous)
    headers = {} if "token" in path else {"x-shop-token": "ann"}
    assert is_nobodys_to_keep(view(factory.get(path, headers=headers)))
    again = view(factory.get(path, headers={**headers, "if-none-match": anonymous["ETag"]}))
    assert again.status_code == 200


def test_the_key_of_an_api_that_finds_its_user_out_later():
    view = KeyedApi.as_view()
    first = view(factory.get("/", headers={"x-shop-token": "ann"}))
    assert "private" in first["Cache-Control"]
    for name, status in (("ann", 304), ("bob", 200)):
        again = view(
            factory.get("/", headers={"x-shop-token": name, "if-none-match": first["ETag"]})
        )
        assert again.status_code == status


def test_a_users_test_of_an_api():
    request = APIRequestFactory().get("/")
    force_authenticate(request, user=get_user_model()(pk=7))
    assert is_nobodys_to_keep(Api.as_view()(request))


def test_a_decorated_method_of_an_api():
    class Decorated(APIView):
        authentication_classes = (ByHeader,)
        permission_classes = ()

        def get(self, request):
            return cache_headers(Tag)(lambda request: HttpResponse(Tag.objects.count()))(request)

    assert is_public(Decorated.as_view()(factory.get("/")))
    assert is_nobodys_to_keep(Decorated.as_view()(factory.get("/?token=ann")))


class Asynchronous(CacheHeadersMixin, View):
    cache_models = (Tag,)

    async def get(self, request):
        return HttpResponse(await Tag.objects.acount())


def test_an_asynchronous_class():
    call = async_to_sync(Asynchronous.as_view())
    assert is_public(call(factory.get("/")))
    assert is_nobodys_to_keep(call(factory.get("/", headers={"authorization": "Bearer x"})))


# What is recorded


def test_each_read_says_for_whom_it_was_made(users):
    with observe_reads() as reads:
        Tag.objects.count()
        assert not reads.for_users
        with appwrite_user(jwt=users["ann"]["jwt"]):
            Diary.objects.count()
            Diary.objects.count()
            list(Diary.objects.iterator())
        with appwrite_user(guest=True):
            Diary.objects.count()
    key, miss, hit, streamed, guest = reads
    assert key.identity == ""
    assert (miss.outcome, hit.outcome, streamed.outcome) == ("miss", "hit", "bypass")
    assert miss.identity == hit.identity == streamed.identity != guest.identity
    assert "ann" not in miss.identity
    assert guest.identity == "guest"
    assert reads.for_users
