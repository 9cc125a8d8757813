"""A real memcached: what it refuses is no outage, and several of them are refused."""

import os
import shutil
import signal

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

BACKEND = "django.core.cache.backends.memcached.PyMemcacheCache"


@pytest.fixture
def memcached(settings):
    if shutil.which("memcached") is None:
        if os.environ.get("CI"):
            pytest.fail("memcached is not installed, and continuous integration must not skip this")
        pytest.skip("memcached is not installed")
    from benchmarks.hammer.services import Memcached

    service = Memcached()
    service.start()
    settings.CACHES = service.caches
    yield service
    caches["default"].close()
    service.stop()


def test_an_entry_above_its_limit_is_no_outage(memcached, open_cache, caplog):
    cache = open_cache(STRICT_WRITES=True, COMPRESS_ABOVE=1 << 30)
    large = os.urandom(2 << 20)
    cache.read("small", ["product"], lambda: 1)
    for _ in range(5):
        assert cache.read("large", ["product"], lambda: large) == large
        assert cache.is_cached("small", ["product"]), "the cache stays in use"
        with cache.write(["shop"]):
            pass  # and is told of writes
    assert not cache.is_cached("large", ["product"])
    assert caplog.text.count("refuses an entry") == 1
    assert "failed; reads go to Appwrite" not in caplog.text


def test_what_it_refused_leaves_no_older_entry_behind(memcached, open_cache):
    cache = open_cache(COMPRESS_ABOVE=1 << 30, MAX_ENTRY_BYTES=1 << 10)
    cache.read("list", ["product"], lambda: b"small")
    with cache.write(["product"]):
        pass
    entry = cache.core.keys.plan("list", ["product"]).entry
    assert cache.core.store.get_many([entry])
    large = b"x" * 2048
    assert cache.read("list", ["product"], lambda: large) == large
    assert not cache.core.store.get_many([entry])


def test_several_servers_are_refused_unless_that_is_chosen(settings, open_cache):
    settings.CACHES = {"default": {"BACKEND": BACKEND, "LOCATION": ["127.0.0.1:1", "127.0.0.1:2"]}}
    with pytest.raises(ImproperlyConfigured, match="2 memcached servers"):
        open_cache()
    open_cache(SEVERAL_MEMCACHED=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(memcached, open_cache, caplog):
    cache = open_cache()
    for number in range(20):
        cache.read(f"list {number}", ["product"], lambda number=number: number)
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            signal.alarm(30)  # ends the child if it waits for an answer that another has read
            try:
                os._exit(_misread(cache))
            finally:
                os._exit(99)
        children.append(child)
    misread = _misread(cache)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert not misread
    assert "failed" not in caplog.text


def _misread(cache):
    """Return how many reads were no hits, or hits of another entry."""

    def missed():
        return -1

    return sum(
        cache.read(f"list {number}", ["product"], missed) != number
        for _ in range(50)
        for number in range(20)
    )
