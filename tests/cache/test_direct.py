"""Reading through django-redis directly finds what ``get_many`` finds."""

import threading
import time

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
        (names,) = reads._names.values()
        assert len(names) <= 3


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


@pytest.fixture
def line(redis_cache):
    reads = DirectReads()
    caches["default"].set_many(VALUES)
    assert reads.get_many(caches["default"], [*VALUES]) == VALUES
    return reads._lines.line


def test_a_connection_is_kept_and_used_again(line):
    (kept,) = line._idle
    assert line.get_many([*VALUES]) == VALUES
    assert line._idle == [kept]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_connection_with_an_unread_reply_is_never_used_again(line, monkeypatch, error):
    (kept,) = line._idle
    monkeypatch.setattr(kept, "read_response", lambda: throw(error))
    if issubclass(error, Exception):
        assert line.get_many(["v:a"]) == {"v:a": VALUES["v:a"]}
    else:
        with pytest.raises(error):
            line.get_many(["v:a"])
    assert line._idle == []
    assert not kept.is_connected
    assert line.get_many(["v:b"]) == {"v:b": VALUES["v:b"]}


def throw(error):
    raise error


def test_a_read_within_a_read_uses_another_connection(line, monkeypatch):
    """As a signal's handler that interrupts one may."""
    (kept,) = line._idle
    inner = []
    read = kept.read_response
    monkeypatch.setattr(kept, "read_response", lambda: [inner.append(line.get_many(["v:b"])), read()][1])
    assert line.get_many(["v:a"]) == {"v:a": VALUES["v:a"]}
    assert inner == [{"v:b": VALUES["v:b"]}]
    assert len(line._idle) == 2


def test_a_connection_that_the_server_closed_does_no_harm(line, redis_cache):
    import redis

    redis.Redis.from_url(redis_cache.url).client_kill_filter(_type="normal", skipme=True)
    assert line.get_many([*VALUES]) == VALUES
    assert line.get_many([*VALUES]) == VALUES


def test_no_answer_in_time_is_not_asked_for_twice(own_redis):
    own_redis.options["SOCKET_TIMEOUT"] = 0.2
    import redis

    reads = DirectReads()
    assert reads.get_many(caches["default"], ["v:a"]) == {}
    own_redis.freeze()
    try:
        started = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            reads.get_many(caches["default"], ["v:a"])
        assert time.monotonic() - started < 0.4
    finally:
        own_redis.thaw()
    assert reads.get_many(caches["default"], ["v:a"]) == {}


def test_a_child_process_does_not_use_its_parents_connection(line):
    (kept,) = line._idle
    kept.pid += 1
    assert line.get_many([*VALUES]) == VALUES
    assert kept not in line._idle
    assert kept.is_connected
    kept.pid -= 1


def test_threads_share_connections_but_none_at_once(redis_cache):
    reads = DirectReads()
    caches["default"].set_many(VALUES)
    wrong = []

    def read(key):
        for _ in range(200):
            found = reads.get_many(caches["default"], [key])
            if found != {key: VALUES[key]}:
                wrong.append(found)
        caches["default"].close()

    threads = [threading.Thread(target=read, args=(key,)) for key in VALUES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    (idle,) = reads._idle.values()
    assert 1 <= len(idle) <= len(VALUES)


def test_only_so_many_connections_are_kept(line, monkeypatch):
    monkeypatch.setattr("appwrite_orm_django.cache.direct._MOST_IDLE", 0)
    (kept,) = line._idle
    line.get_many(["v:a"])
    assert line._idle == []
    assert not kept.is_connected


@pytest.mark.parametrize("options", [{"CLOSE_CONNECTION": True}, {"CONNECTION_POOL_KWARGS": {"max_connections": 7}}])
def test_no_connection_is_kept_where_they_are_counted_or_closed(own_redis, options):
    own_redis.options.update(options)
    caches["default"].set_many(VALUES)
    reads = DirectReads()
    assert reads.get_many(caches["default"], [*VALUES]) == VALUES
    assert list(reads._idle.values()) == []


def test_two_prefixes_do_not_share_names(redis_cache, settings):
    settings.CACHES = {"other": {**settings.CACHES["default"], "KEY_PREFIX": "other"}, **settings.CACHES}
    reads = DirectReads()
    for number, alias in enumerate(("default", "other")):
        caches[alias].set("v:a", number)
    for number, alias in enumerate(("default", "other")):
        assert reads.get_many(caches[alias], ["v:a"]) == {"v:a": number}
