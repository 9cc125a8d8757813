"""Reading through django-redis directly finds what ``get_many`` finds."""

import itertools
import threading

import pytest
import redis
from django.core.cache import caches
from django_redis.cache import RedisCache

from appwrite_orm_django.cache import redis_reads
from appwrite_orm_django.cache.redis_reads import DirectReads, _plain_client
from tests.cache.wire import commands_sent

VALUES = {"v:a": 2**62, "v:b": -5, "e:c": b"\x00\x01" * 400, "e:d": b"7", "s:e": "text"}


@pytest.fixture(autouse=True)
def closed_connections(monkeypatch):
    """Close every connection that a test opens; the garbage collector would warn of it."""
    opened = []
    make = redis.Connection.__init__

    def note(self, *args, **options):
        opened.append(self)
        make(self, *args, **options)

    monkeypatch.setattr(redis.Connection, "__init__", note)
    yield
    for connection in opened:
        connection.disconnect()


@pytest.mark.parametrize(
    "options", [{}, {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}]
)
def test_it_finds_what_get_many_finds(redis_cache, settings, options):
    settings.CACHES = {
        "default": settings.CACHES["default"],
        "other": {
            **settings.CACHES["default"],
            "KEY_PREFIX": "é",
            "VERSION": 3,
            "OPTIONS": options,
        },
    }
    cache = caches["other"]
    cache.set_many(VALUES)
    keys = [*VALUES, "absent"]
    reads = DirectReads()
    assert _plain_client(cache) is not None
    for _ in range(2):
        found = reads.get_many(cache, keys)
        assert found == cache.get_many(keys) == VALUES
        assert [type(value) for value in found.values()] == [
            type(value) for value in VALUES.values()
        ]


def test_many_names_are_not_all_kept(redis_cache, monkeypatch):
    monkeypatch.setattr(redis_reads, "_MOST_NAMES", 3)
    reads = DirectReads()
    for number in range(10):
        assert reads.get_many(caches["default"], [f"x:{number}", f"y:{number}"]) == {}
        assert len(reads._lines.line.memory.names) <= 3


def test_other_backends_are_asked_as_ever(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "direct",
        }
    }
    cache = caches["default"]
    assert _plain_client(cache) is None
    cache.set("v:a", 1)
    assert DirectReads().get_many(cache, ["v:a", "v:b"]) == {"v:a": 1}


def test_it_can_be_turned_off(redis_cache):
    cache = caches["default"]
    cache.set_many(VALUES)
    reads = DirectReads(lambda: 1, token_ttl=60, lock_ttl=10, is_enabled=False)
    assert reads.get_many(cache, [*VALUES, "v:z"], 1) == VALUES
    assert reads.get_many(cache, ["v:z"], 1) == {}
    assert not reads.adds(cache)
    assert list(reads._idle.values()) == []


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


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, redis.ConnectionError])
def test_a_connection_with_an_unread_reply_is_never_used_again(line, monkeypatch, error):
    (kept,) = line._idle
    monkeypatch.setattr(kept, "read_response", lambda: throw(error))
    if error is redis.ConnectionError:
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
    monkeypatch.setattr(
        kept, "read_response", lambda: [inner.append(line.get_many(["v:b"])), read()][1]
    )
    assert line.get_many(["v:a"]) == {"v:a": VALUES["v:a"]}
    assert inner == [{"v:b": VALUES["v:b"]}]
    assert len(line._idle) == 2


def test_a_connection_that_the_server_closed_does_no_harm(line, redis_cache):
    redis.Redis.from_url(redis_cache.url).client_kill_filter(_type="normal", skipme=True)
    assert line.get_many([*VALUES]) == VALUES
    assert line.get_many([*VALUES]) == VALUES


def test_no_answer_in_time_is_not_asked_for_twice(own_redis, monkeypatch):
    own_redis.options["SOCKET_TIMEOUT"] = 0.2
    reads = DirectReads()
    assert reads.get_many(caches["default"], ["v:a"]) == {}
    asked = []
    read, ask_pool = redis.connection.Connection.read_response, redis_reads._Line._ask_pool
    monkeypatch.setattr(
        redis.connection.Connection,
        "read_response",
        lambda *args, **more: [asked.append("line"), read(*args, **more)][1],
    )
    monkeypatch.setattr(
        redis_reads._Line, "_ask_pool", lambda *args: [asked.append("pool"), ask_pool(*args)][1]
    )
    own_redis.freeze()
    try:
        with pytest.raises(redis.TimeoutError):
            reads.get_many(caches["default"], ["v:a"])
        assert asked == ["line"]
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
    monkeypatch.setattr("appwrite_orm_django.cache.redis_reads._MOST_IDLE", 0)
    (kept,) = line._idle
    line.get_many(["v:a"])
    assert line._idle == []
    assert not kept.is_connected


@pytest.mark.parametrize(
    "options", [{"CLOSE_CONNECTION": True}, {"CONNECTION_POOL_KWARGS": {"max_connections": 7}}]
)
def test_no_connection_is_kept_where_they_are_counted_or_closed(own_redis, options):
    own_redis.options.update(options)
    caches["default"].set_many(VALUES)
    reads = DirectReads()
    assert reads.get_many(caches["default"], [*VALUES]) == VALUES
    assert list(reads._idle.values()) == []


def test_two_prefixes_do_not_share_names(redis_cache, settings):
    settings.CACHES = {
        "other": {**settings.CACHES["default"], "KEY_PREFIX": "other"},
        **settings.CACHES,
    }
    reads = DirectReads()
    for number, alias in enumerate(("default", "other")):
        caches[alias].set("v:a", number)
    for number, alias in enumerate(("default", "other")):
        assert reads.get_many(caches[alias], ["v:a"]) == {"v:a": number}


# Adding tokens while looking


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def adding(redis_cache):
    """Reads that add tokens for 60 s and take others for good for 10 s; the tokens are 1, 2, 3 and so on."""
    caches["default"].clear()
    caches["default"].set("e", b"entry")
    numbers = itertools.count(1)
    return DirectReads(lambda: next(numbers), token_ttl=60, lock_ttl=10, clock=Clock())


def sent(redis_cache, act):
    """Return the commands that Redis is sent meanwhile."""
    return commands_sent(redis_cache.url, act)


def test_looking_for_the_first_time_adds_what_is_absent(adding, redis_cache):
    cache = caches["default"]
    cache.set("b", 77)
    adding.get_many(cache, ["warm"])  # connects
    found = {}
    look = lambda: found.update(adding.get_many(cache, ["a", "b", "e"], 2))  # noqa: E731
    assert sent(redis_cache, look) == ["SET", "SET", "MGET"]
    assert found == {"a": 1, "b": 77, "e": b"entry"}
    assert 59 < cache.ttl("a") <= 60
    assert cache.get("b") == 77


def test_what_is_expected_to_be_there_is_only_read(adding, redis_cache):
    cache = caches["default"]
    adding.get_many(cache, ["a", "e"], 1)
    assert sent(redis_cache, lambda: adding.get_many(cache, ["a", "e"], 1)) == ["MGET"]
    # Another entry under the same token.
    assert sent(redis_cache, lambda: adding.get_many(cache, ["a", "f"], 1)) == ["MGET"]


def test_an_added_token_is_expected_for_its_life_and_another_for_a_writers(adding, redis_cache):
    cache = caches["default"]
    cache.set("b", 77)
    adding.get_many(cache, ["a", "e"], 1)
    adding.get_many(cache, ["b", "e"], 1)
    for passed, key, commands in (
        (9, "b", ["MGET"]),
        (2, "b", ["SET", "MGET"]),
        (48, "a", ["MGET"]),
        (2, "a", ["SET", "MGET"]),
    ):
        adding.clock.now += passed
        assert sent(redis_cache, lambda key=key: adding.get_many(cache, [key, "e"], 1)) == commands


def test_a_token_that_this_process_has_put_is_expected_as_long_as_it_lives(adding, redis_cache):
    cache = caches["default"]
    cache.set("b", 77, 10)
    adding.expect(cache, ["b"], adding.clock.now + 10)
    assert sent(redis_cache, lambda: adding.get_many(cache, ["b", "e"], 1)) == ["MGET"]
    adding.clock.now += 10
    assert sent(redis_cache, lambda: adding.get_many(cache, ["b", "e"], 1)) == ["SET", "MGET"]


def test_when_one_token_has_gone_none_is_expected_any_more(adding, redis_cache):
    cache = caches["default"]
    adding.get_many(cache, ["a", "b", "e"], 2)
    cache.clear()
    assert adding.get_many(cache, ["a", "e"], 1) == {}
    assert sent(redis_cache, lambda: adding.get_many(cache, ["b", "e"], 1)) == ["SET", "MGET"]
    assert adding.get_many(cache, ["a", "e"], 1) == {"a": 4}


def test_a_server_that_takes_no_tokens_is_only_read(adding, redis_cache):
    client = redis.Redis.from_url(redis_cache.url)
    try:
        client.execute_command("ACL", "SETUSER", "default", "-set")
        assert adding.get_many(caches["default"], ["a", "e"], 1) == {"e": b"entry"}
        assert not adding.adds(caches["default"])
        assert adding.get_many(caches["default"], ["a", "e"], 1) == {"e": b"entry"}
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+set")
        client.close()


def test_not_so_many_expectations_are_kept(adding, monkeypatch):
    monkeypatch.setattr(redis_reads, "_MOST_NAMES", 3)
    for number in range(10):
        adding.get_many(caches["default"], [f"v:{number}", f"w:{number}", "e"], 2)
        assert len(adding._lines.line.memory.expected) <= 4


def test_other_backends_add_nothing(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "nothing added",
        }
    }
    reads = DirectReads(lambda: 1, token_ttl=60, lock_ttl=10)
    assert not reads.adds(caches["default"])
    assert reads.get_many(caches["default"], ["v:a", "e"], 1) == {}
    reads.expect(caches["default"], ["v:a"], 10**9)
