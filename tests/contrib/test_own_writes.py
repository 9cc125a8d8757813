"""Reads with a ``max_age`` in web requests: who is shown what, what the headers say, and what browsers keep."""

import asyncio
import contextvars
import itertools
import threading
import time
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core import signing
from django.core.signals import request_started
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from appwrite_orm_django.cache import batch, fresh_reads, own_writes
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.contrib.cache_status import AppwriteCacheMiddleware
from appwrite_orm_django.contrib.http_cache import cache_headers
from appwrite_orm_django.contrib.own_writes import COOKIE, AppwriteOwnWritesMiddleware
from appwrite_orm_django.contrib.views.status import CacheStatus
from tests.library.models import Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

factory = RequestFactory()


hours = itertools.count(int(time.time() // 3600) + 1)


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """One clock for all, which stands, an hour later in each test."""
    cache = connections["appwrite"].cache
    monkeypatch.setattr(cache, "settings", replace(cache.settings, clock_skew=0.0))
    clock = Clock(3600.0 * next(hours))
    monkeypatch.setattr(time, "time", clock)
    cache.forget_invalidated()
    Tag.objects.create(name="novel")
    clock.now += 1
    own_writes.start_request()
    return clock


def elsewhere(function, *args, **kwargs):
    context = contextvars.copy_context()
    context.run(own_writes.start_request)
    return context.run(function, *args, **kwargs)


def rename(name):
    elsewhere(lambda: Tag.objects.update(name=name))


def names(request):
    return HttpResponse(Tag.objects.cache(max_age=5).values_list("name", flat=True)[0])


def write(request):
    Tag.objects.update(name=request.GET["name"])
    return HttpResponse()


class Browser:
    """Keeps cookies, and asks through the middleware, each time in another request."""

    def __init__(self):
        self.cookies = {}

    def ask(self, view, method="get", **data):
        request = getattr(factory, method)("/", data)
        request.COOKIES |= self.cookies
        request_started.send(sender=None)
        response = AppwriteOwnWritesMiddleware(view)(request)
        self.cookies |= {name: morsel.value for name, morsel in response.cookies.items()}
        return response

    def shown(self):
        return self.ask(names).content.decode()


def test_who_has_written_sees_it_and_others_a_little_later(clock):
    writer, other = Browser(), Browser()
    assert (writer.shown(), other.shown()) == ("novel", "novel")
    clock.now += 1
    writer.ask(write, name="poem")
    clock.now += 0.5
    assert other.shown() == "novel"
    assert writer.shown() == "poem"  # which loads it for all
    assert other.shown() == "poem"


def test_what_was_loaded_after_the_own_write_is_served_to_its_writer(clock):
    writer = Browser()
    writer.ask(write, name="poem")
    clock.now += 1
    assert writer.shown() == "poem"
    rename("essay")
    clock.now += 1
    assert writer.shown() == "poem"


def test_without_the_middleware_only_the_request_that_writes_knows(clock):
    def write_and_read(request):
        write(request)
        return names(request)

    names(None)
    clock.now += 1
    assert elsewhere(write_and_read, factory.get("/", {"name": "poem"})).content == b"poem"
    rename("essay")
    clock.now += 1
    assert elsewhere(names, None).content == b"poem"


def test_requests_that_may_write_read_fresh(clock):
    browser = Browser()
    assert browser.shown() == "novel"
    rename("poem")
    clock.now += 1
    assert browser.shown() == "novel"
    for method in ("post", "put", "patch", "delete"):
        rename(method)
        clock.now += 0.1
        assert browser.ask(names, method).content.decode() == method


def test_the_cookie(clock, settings):
    settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_SECURE = "/shop/", True
    browser = Browser()
    assert COOKIE not in browser.ask(names).cookies
    cookie = browser.ask(write, name="poem").cookies[COOKIE]
    assert (cookie["path"], cookie["secure"], cookie["httponly"]) == ("/shop/", True, True)
    assert cookie["max-age"] == connections["appwrite"].cache.core.token_ttl
    clock.now += 1
    assert COOKIE not in browser.ask(names).cookies  # the same write
    assert browser.ask(write, name="essay").cookies[COOKIE].value != cookie.value


def test_a_forged_cookie_says_nothing(clock):
    browser = Browser()
    browser.shown()
    rename("poem")
    clock.now += 1
    browser.cookies = {COOKIE: f"{clock.now + 1e9}:abc:def"}
    assert browser.shown() == "novel"
    browser.cookies = {
        COOKIE: signing.get_cookie_signer(salt=COOKIE + "appwrite_orm_django.own_writes").sign("x")
    }
    assert browser.shown() == "poem"  # signed by another version: to be on the safe side


def test_under_asgi(clock):
    async def write_and_read(request):
        if request.method == "GET" and "name" in request.GET:
            await Tag.objects.aupdate(name=request.GET["name"])
        return HttpResponse(
            await Tag.objects.cache(max_age=5).values_list("name", flat=True).afirst()
        )

    middleware = AppwriteOwnWritesMiddleware(write_and_read)
    assert iscoroutinefunction(middleware)

    def ask(cookies, **data):
        request = factory.get("/", data)
        request.COOKIES |= cookies
        return elsewhere(async_to_sync(middleware), request)

    assert ask({}).content == b"novel"
    clock.now += 1
    response = ask({}, name="poem")
    assert response.content == b"poem"
    rename("essay")
    clock.now += 1
    assert ask({}).content == b"poem"
    clock.now += 1
    mine = ask({}, name="ode").cookies[COOKIE].value
    rename("epic")
    clock.now += 1
    assert ask({}).content == b"ode"
    assert ask({COOKIE: mine}).content == b"epic"


async def awrite(how, name):
    def write():
        Tag.objects.update(name=name)

    if how == "wait_for":
        await asyncio.wait_for(Tag.objects.aupdate(name=name), 60)
    elif how == "gather":
        await asyncio.gather(Tag.objects.aupdate(name=name))
    elif how == "task":
        await asyncio.create_task(Tag.objects.aupdate(name=name))
    elif how == "to_thread":
        await asyncio.to_thread(write)
    else:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(write,))
        thread.start()
        await asyncio.to_thread(thread.join)


@pytest.mark.parametrize("how", ["wait_for", "gather", "task", "to_thread", "thread"])
def test_writes_of_tasks_and_threads_are_those_of_the_request(clock, how):
    async def view(request):
        if "name" in request.GET:
            await awrite(how, request.GET["name"])
        return HttpResponse(
            await Tag.objects.cache(max_age=5).values_list("name", flat=True).afirst()
        )

    def ask(**data):
        middleware = AppwriteOwnWritesMiddleware(view)
        return elsewhere(async_to_sync(middleware), factory.get("/", data))

    assert ask().content == b"novel"
    clock.now += 1
    mine = ask(name="poem")
    assert mine.content == b"poem"
    assert COOKIE in mine.cookies
    rename("essay")
    clock.now += 1
    assert ask().content == b"poem"  # another request


def test_a_page_that_was_written_for_is_not_public(clock):
    @cache_headers(Tag)
    def page(request):
        connections["appwrite"].cache.invalidate(["library_country"])
        return names(request)

    response = Browser().ask(page)
    assert "public" not in response["Cache-Control"]
    assert "private" in response["Cache-Control"]


# What the header says


def test_the_status_tells_the_age(clock):
    def status():
        request_started.send(sender=None)
        return AppwriteCacheMiddleware(names)(factory.get("/"))["X-Cache-Status"]

    assert [status(), status()] == ["MISS", "HIT"]
    rename("poem")
    clock.now += 2.5
    assert status() == "STALE; age=3"
    seen = CacheStatus()
    with seen.observing():
        names(None)
    assert (seen.word, "seconds old" in seen.meaning) == ("STALE", True)
    clock.now += 2.5
    assert [status(), status()] == ["MISS", "HIT"]


# What browsers keep


@cache_headers(Tag)
def page(request):
    return names(request)


def ask(view, etag=None, method="get"):
    request_started.send(sender=None)
    headers = {"if-none-match": etag} if etag else {}
    return view(getattr(factory, method)("/", headers=headers))


def kept_for(response):
    found = [one for one in response["Cache-Control"].split(", ") if one.startswith("max-age=")]
    return int(found[0].removeprefix("max-age="))


def test_a_page_is_kept_for_no_longer_than_its_rows_may_be_old(clock):
    fresh = ask(page)
    assert (fresh.status_code, kept_for(fresh)) == (200, 5)
    assert not fresh.has_header("Last-Modified")
    rename("poem")
    clock.now += 2.5
    stale = ask(page)
    assert (stale.content, kept_for(stale)) == (b"novel", 2)
    assert "public" in stale["Cache-Control"]


def test_a_copy_is_confirmed_until_that_age_although_its_rows_have_changed(clock, requests):
    fresh = ask(page)
    rename("poem")
    requests.clear()
    clock.now += 2.5
    with observe_reads() as reads:
        again = ask(page, fresh["ETag"])
    assert (again.status_code, again["X-Cache-Status"]) == (304, "STALE; age=3")
    assert (kept_for(again), again["ETag"]) == (2, fresh["ETag"])
    assert not reads
    stale = ask(page)
    clock.now += 1
    assert ask(page, stale["ETag"]).status_code == 304
    clock.now += 1.6
    assert not requests
    for old in (fresh, stale):
        changed = ask(page, old["ETag"])
        assert (changed.status_code, changed.content) == (200, b"poem")


def test_a_page_of_invalidated_rows_is_not_confirmed_by_the_tokens_that_it_was_rendered_under(
    clock,
):
    ask(page)
    rename("poem")
    clock.now += 3.5
    stale = ask(page)
    assert stale.content == b"novel"
    clock.now += 2  # nothing is written any more
    assert ask(page, stale["ETag"]).content == b"poem"


def test_a_copy_that_is_current_is_confirmed_as_ever_and_grows_young(clock):
    fresh = ask(page)
    clock.now += 60
    again = ask(page, fresh["ETag"])
    assert (again.status_code, again["X-Cache-Status"], kept_for(again)) == (304, "HIT", 5)
    rename("poem")
    clock.now += 4
    assert ask(page, again["ETag"]).status_code == 304
    assert ask(page, fresh["ETag"]).status_code == 200


def test_while_a_write_is_in_flight_a_copy_is_confirmed_by_its_age(clock, monkeypatch):
    fresh = ask(page)
    monkeypatch.setattr(connections["appwrite"].cache, "tokens", lambda tables: None)
    clock.now += 1
    assert ask(page, fresh["ETag"])["X-Cache-Status"] == "STALE; age=1"
    assert kept_for(ask(page)) == 5  # its rows are fresh
    clock.now += 5
    assert ask(page, fresh["ETag"]).status_code == 200


FRESH = {
    "fresh_reads": fresh_reads,
    "batch": batch,
}


@pytest.mark.parametrize("how", FRESH)
def test_a_page_of_reads_that_must_be_fresh_is_confirmed_only_while_it_is(clock, how):
    @cache_headers(Tag)
    def strict(request):
        with FRESH[how]():
            return names(request)

    etag = ask(strict)["ETag"]
    assert ask(strict, etag).status_code == 304
    rename("poem")
    clock.now += 1
    assert ask(strict, etag).content == b"poem"


def test_whoever_has_written_is_not_confirmed_an_older_copy(clock):
    mine = cache_headers(Tag, key=lambda request: "me", public=True)(names)
    writer, other = {}, {}

    def ask(cookies, etag):
        request_started.send(sender=None)
        request = factory.get("/", headers={"if-none-match": etag} if etag else {})
        request.COOKIES |= cookies
        return AppwriteOwnWritesMiddleware(mine)(request)

    etag = ask(writer, None)["ETag"]
    clock.now += 1
    browser = Browser()
    browser.ask(write, name="poem")
    clock.now += 1
    assert ask(other, etag).status_code == 304
    assert ask(browser.cookies, etag).content == b"poem"


def test_a_page_with_a_read_without_max_age_is_kept_only_while_everything_is_fresh(clock):
    @cache_headers(Tag, Country)
    def mixed(request):
        Country.objects.count()
        return names(request)

    fresh = ask(mixed)
    assert kept_for(fresh) == 5
    clock.now += 60
    assert ask(mixed, fresh["ETag"]).status_code == 304
    rename("poem")
    again = ask(mixed, fresh["ETag"])
    assert again.content == b"poem"
    rename("essay")
    clock.now += 1
    stale = ask(mixed)
    assert (stale.content, stale["Cache-Control"]) == (b"poem", "private, no-cache")
    assert not stale.has_header("ETag")


def test_inside_atomic_no_copy_is_confirmed_by_its_age(clock):
    fresh = ask(page)
    rename("poem")
    clock.now += 1
    request_started.send(sender=None)  # inside a block, Django would close the connection
    request = factory.get("/", headers={"if-none-match": fresh["ETag"]})
    with transaction.atomic(using="appwrite"):
        assert page(request).content == b"poem"


@pytest.mark.parametrize(
    "etag", ['W/"a-b"', 'W/"a-1-2-3"', 'W/"a-1-2-x-b"', 'W/"a"', '"-1-1-1-"', 'W/"a-1-2-3-4-5"']
)
def test_other_etags_are_not_confirmed(etag):
    assert ask(page, etag).status_code == 200


def test_pages_without_max_age_have_the_etag_that_they_had(clock):
    plain = cache_headers(Tag)(lambda request: HttpResponse(Tag.objects.count()))
    assert ask(plain)["ETag"].count("-") == 1
