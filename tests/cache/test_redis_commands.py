"""What is sent to Redis, over which connections, and what is found."""

import functools
import itertools
import sys
import threading

import pytest
import redis
from django.core.cache import caches
from django_redis.cache import RedisCache

from appwrite_orm_django.cache import redis_commands, redis_links
from appwrite_orm_django.cache.redis_commands import RedisBackends, adapter_of, translated
from appwrite_orm_django.cache.redis_links import pack
from tests.cache.wire import commands_sent

VALUES = {"v:a": 2**62, "v:b": -5, "e:c": b"\x00\x01" * 400, "e:d": b"7"}


@pytest.fixture(autouse=True)
def closed_connections(monkeypatch):
    """Close every connection that a test opens; the garbage collector would warn of it."""
    opened = []

    def note(self, *args, make, **options):
        opened.append(self)
        make(self, *args, **options)

    for kind in (redis.Connection, getattr(sys.modules.get("valkey"), "Connection", None)):
        if kind is not None:
            make = kind.__init__
            monkeypatch.setattr(kind, "__init__", functools.partialmethod(note, make=make))
    yield
    for connection in opened:
        connection.disconnect()


CLIENTS = {
    "django-redis": {"BACKEND": "django_redis.cache.RedisCache"},
    "compressed": {
        "BACKEND": "django_redis.cache.RedisCache",
        "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
    },
    "Django's own": {"BACKEND": "django.core.cache.backends.redis.RedisCache"},
    "django-valkey": {"BACKEND": "django_valkey.cache.ValkeyCache"},
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("holds", [True, False], ids=["held", "pooled"])
def test_what_is_stored_is_found_and_the_backend_finds_the_same_bytes(
    redis_server, settings, client, holds
):
    settings.CACHES = {
        "default": {
            "LOCATION": redis_server.url,
            "KEY_PREFIX": "é",
            "VERSION": 3,
            **CLIENTS[client],
        }
    }
    cache = caches["default"]
    backends = RedisBackends(holds=holds)
    commands = backends.of(cache)
    commands.set_many(VALUES, 60)
    keys = [*VALUES, "absent"]
    for _ in range(2):
        found = commands.get_many(keys)
        assert found == VALUES
        assert [type(value) for value in found.values()] == [
            type(value) for value in VALUES.values()
        ]
    _, identity = redis_commands._on_one(commands._where, lambda _: pack(b"PING"), 1)
    assert identity
    stored = {
        key: translated(value, identity) if type(value) is int else value
        for key, value in VALUES.items()
    }
    if client == "django-valkey":
        del stored["v:b"]  # its own method makes a float of it
    assert cache.get_many(stored) == stored
    assert commands.add("v:a", 3, 60) is False
    commands.delete_many(["v:a"])
    assert commands.add("v:a", 3, 60) is True
    assert commands.get_many(["v:a"]) == {"v:a": 3}
    cache.clear()


def test_many_names_are_not_all_kept(redis_cache, monkeypatch):
    monkeypatch.setattr(redis_commands, "_MOST_NAMES", 3)
    commands = RedisBackends().of(caches["default"])
    for number in range(10):
        assert commands.get_many([f"x:{number}", f"y:{number}"]) == {}
        assert len(commands._memory.names) <= 3


def test_other_backends_are_asked_as_ever(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "direct",
        }
    }
    assert RedisBackends().of(caches["default"]) is None


def test_no_connection_is_held_if_that_is_turned_off(redis_cache):
    commands = RedisBackends(lambda: 1, token_ttl=60, lock_ttl=10, holds=False).of(
        caches["default"]
    )
    commands.set_many(VALUES, 60)
    assert commands.get_many([*VALUES, "v:z"], 1) == VALUES
    assert commands._where.idle == []


def test_subclasses_that_change_a_method_are_asked_as_ever(redis_cache, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "BACKEND": f"{__name__}.Changed"}}
    assert adapter_of(caches["default"]) is None
    settings.CACHES = {"default": {**settings.CACHES["default"], "BACKEND": f"{__name__}.Named"}}
    assert adapter_of(caches["default"]) is not None


class Changed(RedisCache):
    """Stands for a backend that changes what ``get_many`` does."""

    def get_many(self, keys, version=None):
        return super().get_many(keys, version=version)


class Named(RedisCache):
    """A subclass that changes nothing."""


@pytest.fixture
def line(redis_cache):
    commands = RedisBackends().of(caches["default"])
    commands.set_many(VALUES, 60)
    assert commands.get_many([*VALUES]) == VALUES
    return commands


def kept_by(line):
    return [link.connection for link in line._where.idle]


def test_a_connection_is_kept_and_used_again(line):
    (kept,) = kept_by(line)
    assert line.get_many([*VALUES]) == VALUES
    assert kept_by(line) == [kept]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, redis.ConnectionError])
def test_a_connection_with_an_unread_reply_is_never_used_again(line, monkeypatch, error):
    (kept,) = kept_by(line)
    monkeypatch.setattr(kept, "read_response", lambda: throw(error))
    if error is redis.ConnectionError:
        assert line.get_many(["v:a"]) == {"v:a": VALUES["v:a"]}
    else:
        with pytest.raises(error):
            line.get_many(["v:a"])
    assert kept not in kept_by(line)
    assert not kept.is_connected
    assert line.get_many(["v:b"]) == {"v:b": VALUES["v:b"]}


def test_tokens_whose_answer_was_lost_are_not_stored_a_second_time(line, monkeypatch):
    """Another writer may have changed them since, and entries that carry them would be served again."""
    first = {"v:a": 5, "v:b": -5}
    (kept,) = kept_by(line)
    between = []

    def lose():
        between.append(line.get_many(["v:a", "v:b", "l:c"]))
        raise redis.ConnectionError

    monkeypatch.setattr(kept, "read_response", lose)
    line.set_tokens(first, {"l:c": 7}, 60)
    assert between == [{**first, "l:c": 7}], "they were stored"
    found = line.get_many(["v:a", "v:b", "l:c"])
    assert found["v:a"] > 0 > found["v:b"]
    assert not found.items() & first.items()
    assert found["l:c"] == 7


def throw(error):
    raise error


def test_a_read_within_a_read_uses_another_connection(line, monkeypatch):
    """As a signal's handler that interrupts one may."""
    (kept,) = kept_by(line)
    inner = []
    read = kept.read_response
    monkeypatch.setattr(
        kept, "read_response", lambda: [inner.append(line.get_many(["v:b"])), read()][1]
    )
    assert line.get_many(["v:a"]) == {"v:a": VALUES["v:a"]}
    assert inner == [{"v:b": VALUES["v:b"]}]
    assert len(kept_by(line)) == 2


def test_a_connection_that_the_server_closed_does_no_harm(line, redis_cache):
    redis.Redis.from_url(redis_cache.url).client_kill_filter(_type="normal", skipme=True)
    assert line.get_many([*VALUES]) == VALUES
    assert line.get_many([*VALUES]) == VALUES


def test_no_answer_in_time_is_not_asked_for_twice(own_redis, monkeypatch):
    own_redis.options["SOCKET_TIMEOUT"] = 0.2
    commands = RedisBackends().of(caches["default"])
    assert commands.get_many(["v:a"]) == {}
    asked = []
    read = redis.connection.Connection.read_response
    monkeypatch.setattr(
        redis.connection.Connection,
        "read_response",
        lambda *args, **more: [asked.append(1), read(*args, **more)][1],
    )
    own_redis.freeze()
    try:
        with pytest.raises(redis.TimeoutError):
            commands.get_many(["v:a"])
        assert asked == [1]
    finally:
        own_redis.thaw()
    assert commands.get_many(["v:a"]) == {}


def test_a_child_process_does_not_use_its_parents_connection(line):
    (kept,) = kept_by(line)
    kept.pid += 1
    assert line.get_many([*VALUES]) == VALUES
    assert kept not in kept_by(line)
    assert kept.is_connected
    kept.pid -= 1


def test_threads_share_connections_but_none_at_once(redis_cache):
    backends = RedisBackends()
    backends.of(caches["default"]).set_many(VALUES, 60)
    wrong = []

    def read(key):
        for _ in range(200):
            found = backends.of(caches["default"]).get_many([key])
            if found != {key: VALUES[key]}:
                wrong.append(found)
        caches["default"].close()

    threads = [threading.Thread(target=read, args=(key,)) for key in VALUES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    (server,) = backends._servers.values()
    assert 1 <= len(server.idle) <= len(VALUES) + 1


def test_only_so_many_connections_are_kept(line, monkeypatch):
    monkeypatch.setattr(redis_links, "_MOST_IDLE", 0)
    (kept,) = kept_by(line)
    line.get_many(["v:a"])
    assert kept_by(line) == []
    assert not kept.is_connected


@pytest.mark.parametrize(
    "options", [{"CLOSE_CONNECTION": True}, {"CONNECTION_POOL_KWARGS": {"max_connections": 7}}]
)
def test_no_connection_is_kept_where_they_are_counted_or_closed(own_redis, options):
    own_redis.options.update(options)
    commands = RedisBackends().of(caches["default"])
    commands.set_many(VALUES, 60)
    assert commands.get_many([*VALUES]) == VALUES
    assert commands._where.idle == []


def test_two_prefixes_do_not_share_names(redis_cache, settings):
    settings.CACHES = {
        "other": {**settings.CACHES["default"], "KEY_PREFIX": "other"},
        **settings.CACHES,
    }
    backends = RedisBackends()
    for number, alias in enumerate(("default", "other"), 1):
        backends.of(caches[alias]).set_many({"v:a": number}, 60)
    for number, alias in enumerate(("default", "other"), 1):
        assert backends.of(caches[alias]).get_many(["v:a"]) == {"v:a": number}


# Adding tokens while looking


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def adding(redis_cache):
    """Reads that add tokens for 60 s and take others for good for 10 s; the tokens are 1, 2, 3 and so on."""
    caches["default"].clear()
    numbers = itertools.count(1)
    backends = RedisBackends(lambda: next(numbers), token_ttl=60, lock_ttl=10, clock=Clock())
    commands = backends.of(caches["default"])
    commands.set_many({"e": b"entry"}, 60)
    return commands


def identity_of(commands):
    return commands._where.idle[-1].identity


@pytest.fixture
def clock(adding):
    return adding._owner.clock


def sent(redis_cache, act):
    """Return the commands that Redis is sent meanwhile."""
    return commands_sent(redis_cache.url, act)


def test_looking_for_the_first_time_adds_what_is_absent(adding, redis_cache):
    cache = caches["default"]
    adding.set_many({"b": 77}, 60)
    adding.get_many(["warm"])  # connects
    found = {}
    look = lambda: found.update(adding.get_many(["a", "b", "e"], 2))  # noqa: E731
    assert sent(redis_cache, look) == ["SET", "SET", "MGET"]
    assert found == {"a": translated(1, identity_of(adding)), "b": 77, "e": b"entry"}
    assert 59 < cache.ttl("a") <= 60
    assert adding.get_many(["b"]) == {"b": 77}


def test_what_is_expected_to_be_there_is_only_read(adding, redis_cache):
    adding.get_many(["a", "e"], 1)
    assert sent(redis_cache, lambda: adding.get_many(["a", "e"], 1)) == ["MGET"]
    # Another entry under the same token.
    assert sent(redis_cache, lambda: adding.get_many(["a", "f"], 1)) == ["MGET"]


def test_an_added_token_is_expected_for_its_life_and_another_for_a_writers(
    adding, clock, redis_cache
):
    adding.set_many({"b": 77}, 60)
    adding.get_many(["a", "e"], 1)
    adding.get_many(["b", "e"], 1)
    for passed, key, commands in (
        (9, "b", ["MGET"]),
        (2, "b", ["SET", "MGET"]),
        (48, "a", ["MGET"]),
        (2, "a", ["SET", "MGET"]),
    ):
        clock.now += passed
        assert sent(redis_cache, lambda key=key: adding.get_many([key, "e"], 1)) == commands


def test_a_token_that_this_process_has_put_is_expected_as_long_as_it_lives(
    adding, clock, redis_cache
):
    adding.set_many({"b": 77}, 10)
    adding.expect(["b"], clock.now + 10)
    assert sent(redis_cache, lambda: adding.get_many(["b", "e"], 1)) == ["MGET"]
    clock.now += 10
    assert sent(redis_cache, lambda: adding.get_many(["b", "e"], 1)) == ["SET", "MGET"]


def test_when_one_token_has_gone_none_is_expected_any_more(adding, redis_cache):
    cache = caches["default"]
    adding.get_many(["a", "b", "e"], 2)
    cache.clear()
    assert adding.get_many(["a", "e"], 1) == {}
    assert sent(redis_cache, lambda: adding.get_many(["b", "e"], 1)) == ["SET", "MGET"]
    assert adding.get_many(["a", "e"], 1) == {"a": translated(4, identity_of(adding))}


def test_a_server_that_takes_no_tokens_is_only_read(adding, redis_cache):
    client = redis.Redis.from_url(redis_cache.url)
    try:
        client.execute_command("ACL", "SETUSER", "default", "-set")
        assert adding.get_many(["a", "e"], 1) == {"e": b"entry"}
        assert not adding.adds
        assert adding.get_many(["a", "e"], 1) == {"e": b"entry"}
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+set")
        client.close()


def test_not_so_many_expectations_are_kept(adding, monkeypatch):
    monkeypatch.setattr(redis_commands, "_MOST_NAMES", 3)
    for number in range(10):
        adding.get_many([f"v:{number}", f"w:{number}", "e"], 2)
        assert len(adding._memory.expected) <= 4
