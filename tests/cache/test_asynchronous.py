"""Reads from coroutines: the same protocol, and a loop that stays free."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError

from appwrite_orm_django.cache.statistics import observe_reads


def run(coroutine):
    return async_to_sync(coroutine)()


def test_a_coroutine_hits_in_one_round_trip(script, open_cache):
    cache = open_cache()

    async def load():
        return [(1, "a")]

    async def main():
        await cache.aread("list", ["product"], load)
        script.calls.clear()
        assert await cache.aread("list", ["product"], load) == [(1, "a")]
        assert script.calls == ["get_many"]

    run(main)
    assert cache.read("list", ["product"], lambda: pytest.fail("loaded")) == [(1, "a")]


def test_concurrent_tasks_share_a_load_and_one_that_gives_up_harms_nobody(script, open_cache):
    loads = []

    async def main():
        release = asyncio.Event()

        async def load():
            loads.append(1)
            await release.wait()
            return ["row"]

        tasks = [asyncio.create_task(open_cache().aread("list", ["product"], load)) for _ in range(6)]
        await asyncio.sleep(0.1)
        tasks[-1].cancel()
        await asyncio.sleep(0.01)
        release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = run(main)
    assert len(loads) == 1
    assert results[:5] == [["row"]] * 5
    assert isinstance(results[5], asyncio.CancelledError)


def test_the_loop_is_not_blocked_by_a_slow_cache(script, open_cache):
    cache = open_cache()
    ticked, went_on = threading.Event(), []

    def wait_for_the_loop(name):
        ticked.clear()
        went_on.append(ticked.wait(300))

    script.fault = wait_for_the_loop

    async def load():
        return 1

    async def main():
        stop = asyncio.Event()

        async def tick():
            while not stop.is_set():
                ticked.set()
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        await cache.aread("list", ["product"], load)
        stop.set()
        await ticking

    run(main)
    assert len(went_on) >= 2
    assert all(went_on)


def test_failures_and_staleness_are_as_for_threads(script, open_cache):
    cache = open_cache(STALE_ON_ERROR=60)

    async def old():
        return "old"

    async def fail():
        raise OperationalError

    async def main():
        with pytest.raises(OperationalError):
            await cache.aread("list", ["product"], fail)
        await cache.aread("list", ["product"], old)
        cache.invalidate(["product"])
        with observe_reads() as events:
            assert await cache.aread("list", ["product"], fail) == "old"
            assert await cache.aread("list", ["product"], old, timeout=0) == "old"
        assert [event.outcome for event in events][-1] == "bypass"

    run(main)


def test_a_damaged_entry_is_a_miss(script, open_cache):
    from django.core.cache import cache as django_cache

    cache = open_cache()

    async def load():
        return "new"

    async def main():
        await cache.aread("list", ["product"], load)
        key = cache.core.keys.entry("list", "")
        django_cache.set(key, django_cache.get(key)[:-2])
        assert await cache.aread("list", ["product"], load) == "new"

    run(main)


def test_waiting_for_a_lease_does_not_block(script, open_cache):
    from django.core.cache import cache as django_cache

    cache = open_cache(LEASE_ABOVE=0.0, LEASE_TTL=0.1)

    async def load():
        return "new"

    async def main():
        await cache.aread("list", ["product"], load)
        cache.invalidate(["product"])
        tokens = cache.tokens(["product"])
        django_cache.add(f"{cache.core.keys.entry('list', '')}:{tokens[0]:x}", 1, 60)
        assert await cache.aread("list", ["product"], load) == "new"

    run(main)
