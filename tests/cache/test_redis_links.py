"""A Redis that comes back older, is a replica, or lacks replicas: nothing that it has is served."""

import gc
import subprocess
import time
import weakref

import pytest
import redis
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.cache import redis_links
from appwrite_orm_django.cache.exceptions import IntentNotStored
from appwrite_orm_django.cache.redis_commands import RedisBackends
from benchmarks.redis_server import free_port

from .conftest import Redis

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("both_redis_reads")]


def until(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def read(cache, value):
    return cache.read("list", ["product"], lambda: value)


@pytest.fixture
def server(own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


def test_what_a_dump_brings_back_is_not_served(own_redis, server, open_cache):
    cache = open_cache()
    assert read(cache, "old") == "old"
    assert cache.is_cached("list", ["product"])
    server.save()
    with cache.write(["product"]):
        pass
    own_redis.stop()
    own_redis.start()
    assert server.exists(caches["default"].make_key(cache.core.keys.table("product")))
    until(lambda: read(cache, "new") == "new" and cache.is_cached("list", ["product"]))


@pytest.fixture
def replica(own_redis, server, tmp_path_factory):
    second = Redis(tmp_path_factory.mktemp("replica"))
    second.start()
    with redis.Redis.from_url(second.url) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(own_redis.port))
        until(lambda: server.info("replication").get("slave0", {}).get("state") == "online")
        yield client
    second.stop()


def test_a_promoted_replica_serves_nothing_of_its_primary(
    own_redis, server, replica, open_cache, settings
):
    cache = open_cache()
    read(cache, "old")
    until(lambda: server.wait(1, 1000) == 1)
    keys = cache.core.keys.plan("list", ["product"]).keys
    stored = server.mget([caches["default"].make_key(key) for key in keys])
    assert replica.mget([caches["default"].make_key(key) for key in keys]) == stored
    replica.execute_command("REPLICAOF", "NO", "ONE")
    port = replica.connection_pool.connection_kwargs["port"]
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{port}/0",
        }
    }
    there = RedisBackends().of(caches["default"]).get_many(keys)
    assert there[keys[1]]
    assert not open_cache(LEASE_TTL=9).is_cached("list", ["product"])


def test_a_living_primary_that_becomes_a_replica_is_left(server, open_cache, monkeypatch, caplog):
    cache = open_cache()
    read(cache, "old")
    assert cache.is_cached("list", ["product"])
    server.execute_command("REPLICAOF", "127.0.0.1", "1")
    monkeypatch.setattr(redis_links, "CONFIRM_S", 0.0)
    until(lambda: not cache.is_cached("list", ["product"]))
    assert read(cache, "new") == "new"
    assert "NotPrimary" in caplog.text


def test_a_primary_counts_with_its_replicas_and_after_a_while(
    own_redis, server, replica, open_cache, monkeypatch
):
    monkeypatch.setattr(redis_links, "SETTLE_S", 60.0)
    cache = open_cache(REPLICAS=1, STRICT_WRITES=True)
    assert read(cache, 1) == 1
    assert not cache.is_cached("list", ["product"])
    with pytest.raises(IntentNotStored):
        cache.write(["product"]).begin()
    monkeypatch.setattr(redis_links, "SETTLE_S", 0.0)
    until(lambda: read(cache, 2) == 2 and cache.is_cached("list", ["product"]))
    with cache.write(["product"]):
        pass
    until(lambda: read(cache, 3) == 3 and cache.is_cached("list", ["product"]))
    # The replica is promoted, and so leaves: the primary that still answers is not used any more.
    replica.execute_command("REPLICAOF", "NO", "ONE")
    until(lambda: not cache.is_cached("list", ["product"]))
    with pytest.raises(IntentNotStored):
        cache.write(["product"]).begin()
    assert read(cache, 4) == 4


def refusal(act):
    """Return how a setting is refused; empty if it is not, as while the node is being reached."""
    try:
        act()
    except ImproperlyConfigured as exc:
        return str(exc)
    return ""


def test_a_node_of_a_cluster_is_told_apart(settings, open_cache, tmp_path, monkeypatch):
    node = Redis(tmp_path)
    node.port = free_port()  # a cluster needs another, 10000 above
    node.url = f"redis://127.0.0.1:{node.port}/0"

    start = subprocess.Popen
    monkeypatch.setattr(
        "tests.cache.conftest.subprocess.Popen",
        lambda command, **more: start([*command, "--cluster-enabled", "yes"], **more),
    )
    node.start()
    try:
        settings.CACHES = {
            "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": node.url}
        }
        cache = open_cache()
        for act in (lambda: read(cache, 1), cache.write(["product"]).begin):
            until(lambda act=act: "ClusterConnectionFactory" in refusal(act))
    finally:
        node.stop()


def test_a_hit_asks_who_the_server_is_once_a_connection(own_redis, open_cache, monkeypatch):
    monkeypatch.setattr(redis_links, "CONFIRM_S", 1000.0)
    asked = []
    send = redis.Connection.send_packed_command
    monkeypatch.setattr(
        redis.Connection,
        "send_packed_command",
        lambda self, command, *args, **more: [
            asked.extend(part.count(b"INFO") for part in command if isinstance(part, bytes)),
            send(self, command, *args, **more),
        ][1],
    )
    cache = open_cache()
    read(cache, 1)
    before = sum(asked)
    for _ in range(50):
        read(cache, 2)
    assert before > 0
    assert sum(asked) == before


@pytest.mark.parametrize("holds", [True, False])
def test_nothing_keeps_a_connection_that_is_not_used_any_more(own_redis, holds):
    pool = redis.ConnectionPool.from_url(own_redis.url)
    server = redis_links.Server(pool, redis, holds=holds)
    link = server.take()
    socket, connection = link.connection._sock, weakref.ref(link.connection)
    server.give(link)
    assert server.take() is link
    server.give(link)
    del link
    if holds:
        del server
        assert socket.fileno() == -1  # closed at once, not by the collector in whatever order
        return
    pool.disconnect()
    pool.reset()
    gc.collect()
    assert connection() is None
