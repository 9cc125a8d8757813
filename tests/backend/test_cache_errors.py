"""What the cache does when Appwrite does not answer."""

import re
from dataclasses import replace

import pytest
from django.db import connections, transaction
from django.db.utils import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from appwrite_orm_django.cache.service import QueryCache
from appwrite_orm_django.client.answers import Request
from appwrite_orm_django.client.errors import ConnectionFailed, InvalidStructure
from appwrite_orm_django.contrib.cache_status import AppwriteCacheMiddleware
from appwrite_orm_django.contrib.http_cache import cache_headers
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def tag():
    return Tag.objects.create(name="novel")


@pytest.fixture
def outage(monkeypatch):
    """Cut the connection to Appwrite, or mend it again; or have it refuse."""
    transport = connections["appwrite"].transport
    working = transport.call

    def set_outage(cut, error=ConnectionFailed, ambiguous=True):
        def call(method, path="", *args, **kwargs):
            raise Request(method, path, transport.settings).error(
                error, "no answer", ambiguous=ambiguous
            )

        monkeypatch.setattr(transport, "call", call if cut else working)

    return set_outage


@pytest.fixture
def stale_allowed(monkeypatch):
    connection = connections["appwrite"]
    cache = connection.cache
    settings = replace(cache.settings, stale_on_error=600.0)
    opened = QueryCache.open(
        "appwrite", settings, cache.core.keys.namespace, is_definite=cache.is_definite
    )
    monkeypatch.setattr(connection, "_cache", (connection.database_id, opened))
    return opened


def names():
    return list(Tag.objects.order_by("name").values_list("name", flat=True))


def status():
    response = AppwriteCacheMiddleware(lambda request: HttpResponse(names()))(
        RequestFactory().get("/")
    )
    return response["X-Cache-Status"], response.content


def test_an_error_is_not_cached(tag, outage):
    outage(True)
    with pytest.raises(OperationalError):
        names()
    assert not Tag.objects.order_by("name").values_list("name", flat=True).is_cached()
    outage(False)
    assert names() == ["novel"]


def test_what_is_cached_is_served_through_an_outage(tag, outage):
    names()
    outage(True)
    assert names() == ["novel"]
    with pytest.raises(OperationalError):
        Tag.objects.count()
    assert names() == ["novel"]


def test_a_write_whose_end_is_unknown_leaves_nothing_to_be_served(tag, outage):
    assert names() == ["novel"]
    outage(True)
    with pytest.raises(OperationalError):
        Tag.objects.filter(pk=tag.pk).update(name="poem")
    with pytest.raises(OperationalError):
        names()
    outage(False)
    assert names() == ["novel"]
    assert names() == ["novel"]


def test_a_refused_write_leaves_the_cache_usable(tag, outage):
    outage(True, InvalidStructure, ambiguous=False)
    with pytest.raises(InvalidStructure):
        Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(False)
    assert names() == ["novel"]
    assert Tag.objects.order_by("name").values_list("name", flat=True).is_cached()


def test_stale_rows_are_served_only_if_allowed_and_say_so(tag, outage, stale_allowed):
    assert status() == ("MISS", b"novel")
    Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(True)
    answer, content = status()
    assert re.fullmatch(r"STALE; age=\d+", answer)
    assert content == b"novel"
    outage(False)
    assert status() == ("MISS", b"poem")
    assert stale_allowed.statistics.snapshot()["library_tag"].stale >= 1


def test_a_page_of_stale_rows_is_not_kept_by_browsers(tag, outage, stale_allowed):
    names()
    Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(True)
    response = cache_headers(Tag)(lambda request: HttpResponse(names()))(RequestFactory().get("/"))
    assert response.content == b"novel"
    assert "no-cache" in response["Cache-Control"]
    assert not response.has_header("ETag")


def test_no_stale_rows_by_default(tag, outage):
    names()
    Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(True)
    with pytest.raises(OperationalError):
        names()


def test_no_stale_rows_inside_a_block(tag, outage, stale_allowed):
    names()
    Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(True)
    with pytest.raises(OperationalError), transaction.atomic(using="appwrite"):
        names()
    outage(False)


def test_the_servers_refusal_is_no_reason_for_stale_rows(tag, outage, stale_allowed):
    names()
    Tag.objects.filter(pk=tag.pk).update(name="poem")
    outage(True, InvalidStructure, ambiguous=False)
    with pytest.raises(InvalidStructure):
        names()
