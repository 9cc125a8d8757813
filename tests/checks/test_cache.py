"""Checks of settings with which the cache would be useless, slow or out of date."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from appwrite_orm_django.checks import cache
from appwrite_orm_django.checks.messages import error, warning
from appwrite_orm_django.documentation import address
from tests.library.models import Book

ENGINE = "appwrite_orm_django.backend"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
REDIS = "django_redis.cache.RedisCache"


def ids(caches, database=None, check=cache.check_settings, **more):
    databases = {"appwrite": {"ENGINE": ENGINE, "OPTIONS": {"CACHE": database or {}}}}
    with pytest.MonkeyPatch.context() as patch, override_settings(**more):
        # Not through override_settings: Django's connections would be made anew.
        patch.setattr(settings, "CACHES", caches)
        patch.setattr(settings, "DATABASES", databases)
        return [message.id for message in check()]


GOOD = {"BACKEND": REDIS, "LOCATION": "redis://cache/0"}


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        (GOOD, []),
        ({**GOOD, "OPTIONS": {"IGNORE_EXCEPTIONS": True}}, ["appwrite.W030"]),
        # The library reads from the primary itself.
        ({**GOOD, "LOCATION": ["redis://cache/0", "redis://replica/0"]}, []),
        ({**GOOD, "OPTIONS": {"CLIENT_CLASS": "django_redis.client.SentinelClient"}}, []),
        ({"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://a;redis://b"}, []),
        ({**GOOD, "LOCATION": "redis://a,redis://b", "OPTIONS": {"CLIENT_CLASS": "shop.Client"}}, ["appwrite.W031"]),
        ({**GOOD, "LOCATION": ["redis://a/0", "redis://b/0"], "OPTIONS": {"CLIENT_CLASS": "django_redis.client.ShardClient"}}, ["appwrite.W036"]),
        ({**GOOD, "OPTIONS": {"CLIENT_CLASS": "django_redis.client.HerdClient"}}, ["appwrite.W036"]),
        ({**GOOD, "OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"}}, ["appwrite.W037"]),
        ({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, ["appwrite.W032"]),
        ({"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}, ["appwrite.W035"]),
        ({"BACKEND": LOCMEM}, []),
        ({"BACKEND": LOCMEM, "OPTIONS": {"MAX_ENTRIES": 300}}, []),
        ({"BACKEND": LOCMEM, "OPTIONS": {"MAX_ENTRIES": 301}}, []),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": ["a:1", "b:1"]}, ["appwrite.E033"]),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "a:1,b:1"}, ["appwrite.E033"]),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "a:1"}, []),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "a:1", "KEY_PREFIX": "p" * 80}, []),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "a:1", "KEY_PREFIX": "p" * 92}, ["appwrite.E034"]),
    ],
)  # fmt: skip
def test_what_a_cache_is_warned_of(cache, expected):
    assert ids({"default": cache}) == expected


def test_several_memcached_servers_may_be_chosen():
    memcached = "django.core.cache.backends.memcached.PyMemcacheCache"
    cache = {"BACKEND": memcached, "LOCATION": ["a:1", "b:1"]}
    assert ids({"default": cache}, {"SEVERAL_MEMCACHED": True}) == []


def test_a_setting_for_all_of_django_redis_counts():
    assert ids({"default": GOOD}, DJANGO_REDIS_IGNORE_EXCEPTIONS=True) == ["appwrite.W030"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["appwrite.W033", "appwrite.W034"]),
        ({"MAX_ENTRIES": 300}, ["appwrite.W033", "appwrite.W034"]),
        ({"MAX_ENTRIES": 301}, ["appwrite.W033"]),
    ],
)
def test_a_small_cache_in_a_deployment(options, expected):
    with override_settings(CACHES={"default": {"BACKEND": LOCMEM, "OPTIONS": options}}):
        assert [message.id for message in cache.check_deployment()] == expected


def test_only_caches_that_databases_use_are_looked_at():
    caches = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, "rows": GOOD}
    assert ids(caches, {"ALIAS": "rows"}) == []
    assert ids(caches, {"ENABLED": False}) == []


def test_settings_that_cannot_be():
    assert ids({"default": GOOD}, {"TIMEOUT": -1}) == ["appwrite.E030"]
    assert ids({"default": GOOD}, {"NOTHING": 1}) == ["appwrite.E030"]
    assert ids({"default": GOOD}, {"ALIAS": "rows"}) == ["appwrite.E030"]


def test_a_cache_for_each_process_is_for_development():
    assert ids({"default": {"BACKEND": LOCMEM}}, check=cache.check_deployment)[0] == "appwrite.W033"
    assert ids({"default": GOOD}, check=cache.check_deployment) == []


@pytest.mark.parametrize("seconds", [-1, "5", True, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["appwrite_cache_timeout", "appwrite_cache_max_age"])
def test_the_times_of_a_model_are_numbers(monkeypatch, name, seconds):
    assert cache.check_models() == []
    monkeypatch.setattr(Book, name, seconds)
    assert [(message.id, message.obj) for message in cache.check_models()] == [
        ("appwrite.E031", Book)
    ]


def test_a_models_list_holds_querysets_and_callables(monkeypatch):
    monkeypatch.setattr(Book, "appwrite_warm", [lambda: Book.objects.all(), "books"])
    assert [message.id for message in cache.check_models()] == ["appwrite.E032"]


# From Django 6.1 on checks of models ask every database what it can do; SQLite is asked in SQL.
@pytest.mark.django_db(databases=["default", *settings.TWINS.values()])
def test_they_are_registered():
    found = {message.id for message in run_checks()}
    assert not found & {"appwrite.W033", "appwrite.W034"}
    assert "appwrite.W033" in {message.id for message in run_checks(include_deployment_checks=True)}


@pytest.mark.parametrize(
    ("make", "number"),
    [*((error, n) for n in range(30, 35)), *((warning, n) for n in range(30, 38))],
)
def test_every_hint_ends_in_an_anchor_of_the_docs(make, number):
    message = make(number, "Text.", "Do.")
    anchor = message.id.replace(".", "-").lower()
    assert f'<a id="{anchor}"></a>' in Path("docs/howto/caching.md").read_text()
    assert message.hint == f"Do. See {address('howto/caching', anchor)}"
