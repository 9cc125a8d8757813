"""A real Redis that is slow, full, read-only, locked or forgetful: pages answer, and what they show is not old."""

import logging
import random
import threading
import time

import pytest
import redis
from django.core.cache import caches

from appwrite_orm_django.cache import store as store_module
from appwrite_orm_django.cache.service import QueryCache

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("both_redis_reads")]


@pytest.fixture
def server(own_redis):
    """Redis as its administrator sees it."""
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


@pytest.fixture
def here(own_redis, open_cache):
    return open_cache()


@pytest.fixture
def elsewhere(own_redis, open_cache):
    """The same cache as another process has it: other debts, another breaker."""
    # A setting that changes no key makes a core of its own.
    return open_cache(LEASE_TTL=9)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def page(cache, rows=1):
    """Read twenty different lists; return what was found, each value once."""
    return {cache.read(f"list {number}", ["product"], lambda: rows) for number in range(20)}


def fill_up(server):
    server.config_set("maxmemory-policy", "noeviction")
    server.config_set("maxmemory", 1)


def be_replica(server):
    server.execute_command("REPLICAOF", "127.0.0.1", "1")


def attempts(cache, monkeypatch):
    """Note each attempt of a page to read from the cache."""
    seen = []
    look = cache.core.store._look

    def note(*args):
        if threading.current_thread() is threading.main_thread():
            seen.append(args)
        return look(*args)

    monkeypatch.setattr(cache.core.store, "_look", note)
    return seen


def test_a_cache_that_lets_wait_is_waited_for_once(own_redis, here, monkeypatch, caplog):
    page(here)
    seen = attempts(here, monkeypatch)
    # However long the outage and however short the pauses: 20 queries a page, each a few milliseconds, 40 pages.
    monkeypatch.setattr(store_module, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(store_module, "_LONGEST_PAUSE_S", 0.005)
    own_redis.freeze()
    try:
        for _ in range(40):
            assert page(here) == {1}
            time.sleep(0.006)
        assert len(seen) == 1
        with here.write(["product"]):
            pass
        assert page(here, 2) == {2}
    finally:
        own_redis.thaw()
    until(lambda: page(here, 2) == {2} and here.is_cached("list 1", ["product"]))
    assert "TimeoutError: Timeout reading from socket" in caplog.text


@pytest.mark.parametrize("writes_first", [False, True], ids=["read", "write"])
def test_a_full_redis_hides_no_write(own_redis, server, here, elsewhere, writes_first, caplog):
    for cache in (here, elsewhere):
        assert page(cache) == {1}
    fill_up(server)
    assert elsewhere.is_cached("list 1", ["product"])
    if not writes_first:
        assert page(here) == {1}
    with here.write(["product"]):
        pass
    for cache in (elsewhere, here):
        assert page(cache, 2) == {2}
        assert not cache.is_cached("list 1", ["product"])
    assert "OutOfMemoryError" in caplog.text
    assert "did not store an invalidation" in caplog.text
    assert ":v:product" not in caplog.text, "no key, and so no row, ends in a log"
    server.config_set("maxmemory", 0)
    until(lambda: page(here, 2) == {2} and here.is_cached("list 1", ["product"]))
    assert page(elsewhere, 2) == {2}


def test_a_replica_is_not_written_to_and_this_process_reads_past_it(
    own_redis, server, here, caplog
):
    """What other processes serve meanwhile is outdated; that is what strict writes are for, and the warning says so."""
    page(here)
    be_replica(server)
    with here.write(["product"]):
        pass
    assert page(here, 2) == {2}
    assert "ReadOnlyError" in caplog.text
    assert "may serve stale rows" in caplog.text
    server.execute_command("REPLICAOF", "NO", "ONE")
    until(lambda: page(here, 2) == {2} and here.is_cached("list 1", ["product"]))


def test_a_wrong_password_is_told_once_and_not_shown(own_redis, server, here, settings, caplog):
    server.config_set("requirepass", "right")
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": own_redis.url.replace("//", "//:wrong-secret@"),
        }
    }
    with caplog.at_level(logging.WARNING, logger="appwrite_orm_django.cache"):
        for rows in range(3):
            assert page(here, rows) == {rows}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "AuthenticationError" in caplog.text
    assert "wrong-secret" not in caplog.text


def test_a_redis_that_evicts_nearly_everything_only_costs_misses(
    own_redis, server, here, elsewhere
):
    truth, rng = 0, random.Random(1)
    server.config_set("maxmemory-policy", "allkeys-random")
    server.config_set("maxmemory", server.info("memory")["used_memory"] + 400_000)
    for _ in range(400):
        cache = rng.choice((here, elsewhere))
        if rng.random() < 0.1:
            with cache.write(["product"]):
                truth += 1
        padding = rng.randbytes(rng.choice((10, 20_000)))
        found, _ = cache.read(
            f"list {rng.randrange(60)}", ["product"], lambda now=truth, more=padding: (now, more)
        )
        assert found == truth
    assert server.info("stats")["evicted_keys"] > 50


def test_a_redis_that_was_not_there_at_the_start_is_used_when_it_comes(own_redis, here):
    caches["default"].client.disconnect()
    own_redis.stop()
    assert page(here) == {1}
    with here.write(["product"]):
        pass
    own_redis.start()
    until(lambda: page(here, 2) == {2} and here.is_cached("list 1", ["product"]))


def test_a_pool_that_is_used_up_is_waited_for(own_redis, open_cache, caplog):
    """It is no outage: no strict write is refused, and no page goes past the cache."""
    own_redis.options["CONNECTION_POOL_KWARGS"] = {"max_connections": 2}
    cache = open_cache(STRICT_WRITES=True)
    page(cache)
    refused = []

    def work():
        mine = QueryCache(cache.core, "appwrite")
        try:
            for _ in range(10):
                with mine.write(["product"]):
                    pass
                page(mine)
        except Exception as exc:  # noqa: BLE001 - shown below
            refused.append(exc)
        finally:
            caches.close_all()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    assert caplog.text == ""
