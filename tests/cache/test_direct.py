"""Reading through django-redis directly finds what ``get_many`` finds."""

import pytest
from django.core.cache import caches
from django_redis.cache import RedisCache

from appwrite_orm_django.cache.direct import DirectReads, _plain_client

VALUES = {"v:a": 2**62, "v:b": -5, "e:c": b"\x00\x01" * 400, "e:d": b"7", "s:e": "text"}


@pytest.mark.parametrize("options", [{}, {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}])
def test_it_finds_what_get_many_finds(redis_cache, settings, options):
    settings.CACHES = {
        "default": settings.CACHES["default"],
        "other": {**settings.CACHES["default"], "KEY_PREFIX": "é", "VERSION": 3, "OPTIONS": options},
    }
    cache = caches["other"]
    cache.set_many(VALUES)
    keys = [*VALUES, "absent"]
    reads = DirectReads()
    assert _plain_client(cache) is not None
    for _ in range(2):
        found = reads.get_many(cache, keys)
        assert found == cache.get_many(keys) == VALUES
        assert [type(value) for value in found.values()] == [type(value) for value in VALUES.values()]


def test_many_names_are_not_all_kept(redis_cache, monkeypatch):
    monkeypatch.setattr("appwrite_orm_django.cache.direct._MOST_NAMES", 3)
    reads = DirectReads()
    for number in range(10):
        assert reads.get_many(caches["default"], [f"x:{number}", f"y:{number}"]) == {}
        assert len(reads._names) <= 3


def test_other_backends_are_asked_as_ever(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "direct"}}
    cache = caches["default"]
    assert _plain_client(cache) is None
    cache.set("v:a", 1)
    assert DirectReads().get_many(cache, ["v:a", "v:b"]) == {"v:a": 1}


def test_subclasses_are_asked_as_ever(redis_cache, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "BACKEND": f"{__name__}.Subclass"}}
    assert _plain_client(caches["default"]) is None


class Subclass(RedisCache):
    """Stands for a backend that changes what ``get_many`` does."""
