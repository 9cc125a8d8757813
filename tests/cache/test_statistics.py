"""What is counted, added up and observed."""

import gc
import threading
import time
from types import SimpleNamespace

import pytest

from appwrite_orm_django.cache import core as core_module
from appwrite_orm_django.cache import driver
from appwrite_orm_django.cache.statistics import Counters, Statistics, observe_reads


def test_each_kind_of_read_and_write_is_counted(script, open_cache):
    cache = open_cache()
    for _ in range(3):
        cache.read("list", ["product", "shop"], lambda: [(1, "a")])
    with cache.write(rows=[("product", "p1")]):
        cache.read("list", ["product"], lambda: 1)
    cache.read("list", ["product"], lambda: 1, timeout=0)
    cache.invalidate(["product", "shop"])
    counted = cache.statistics.snapshot()
    product = counted["product"]
    assert (product.hits, product.misses, product.fills, product.bypasses) == (2, 1, 1, 2)
    assert (product.invalidations, counted["shop"].invalidations) == (2, 1)
    assert product.hit_rate == pytest.approx(2 / 3)
    assert product.bytes_served == 2 * product.bytes_stored > 0
    assert product.seconds_saved >= 0
    assert Counters().hit_rate is None


def test_time_saved_is_what_the_load_took(script, open_cache, monkeypatch):
    now = 100.0

    def load():
        nonlocal now
        now += 2

    monkeypatch.setattr(driver, "time", SimpleNamespace(perf_counter=lambda: now, time=time.time))
    cache = open_cache()
    for _ in range(3):
        cache.read("list", ["product"], load)
    # The first read has saved nothing.
    assert cache.statistics.snapshot()["product"].seconds_saved == pytest.approx(4, abs=0.01)


def test_threads_count_apart_and_are_added_up_even_when_gone(script, open_cache):
    cache = open_cache()

    def count():
        for _ in range(2000):
            cache.statistics.counters("product").hits += 1

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    del threads
    gc.collect()
    assert cache.statistics.snapshot()["product"].hits == 16_000
    assert len(cache.statistics._shards) <= 1, (
        "the counters of threads that are gone are kept one by one"
    )


def make(store, **values):
    return Statistics(
        key=lambda name: f"s:{name}",
        get_many=lambda keys: {key: store[key] for key in keys if key in store},
        put=lambda key, text, timeout: store.update({key: text.encode()}),
        interval_s=10,
        **values,
    )


def test_processes_are_added_up_and_reset_together():
    store = {}
    one, two = make(store), make(store)
    one.counters("product").hits += 3
    two.counters("product").hits += 4
    two.counters("shop").misses += 1
    one.publish()
    two.publish()
    assert one.total()["product"].hits == two.total()["product"].hits == 7
    assert one.total()["shop"].misses == 1
    one.counters("product").hits += 1
    assert one.total()["product"].hits == 8
    one.reset()
    assert one.snapshot()["product"].hits == 0
    two.publish()
    assert one.total()["product"].hits == two.total()["product"].hits == 0
    two.counters("product").hits += 2
    two.publish()
    assert one.total()["product"].hits == 2


def test_totals_survive_rubbish_and_a_cache_that_is_away():
    store = {"s:": b"no json", "s:reset": 5}
    statistics = make(store)
    statistics.counters("product").hits += 1
    assert statistics.total()["product"].hits == 1
    store["s:"] = b'["other", 5]'
    store["s:other"] = b'{"product": {"unknown": 1}}'
    assert statistics.total()["product"].hits == 1
    away = Statistics(key=str, get_many=lambda keys: None, put=lambda *args: None, interval_s=0)
    away.counters("product").hits += 1
    assert away.total()["product"].hits == 1


def test_a_process_leaves_its_totals_when_it_is_time_but_never_on_a_hit(script, open_cache):
    cache = open_cache(STATISTICS_INTERVAL=0.001)
    published = threading.Event()
    publish, cache.statistics.publish = (
        cache.statistics.publish,
        lambda: (publish(), published.set()),
    )
    time.sleep(0.002)
    cache.read("list", ["product"], lambda: 1)
    assert published.wait(60), "due, so left with the miss"
    published.clear()
    script.calls.clear()
    time.sleep(0.002)
    for _ in range(3):
        cache.read("list", ["product"], lambda: 1)
    assert script.calls == ["get_many"] * 3
    assert not published.is_set()
    assert cache.statistics.total()["product"].hits == 3


def test_two_threads_do_not_leave_the_totals_twice():
    started = []
    now = [0.0]
    statistics = Statistics(
        key=str,
        get_many=lambda keys: None,
        put=lambda *args: None,
        interval_s=10,
        run=started.append,
        clock=lambda: now[0],
    )
    statistics.publish_if_due()
    assert started == []
    now[0] = 10.0
    statistics.publish_if_due()
    statistics.publish_if_due()
    assert len(started) == 1


def test_observers_nest_and_see_their_own_thread_only(script, open_cache):
    cache = open_cache()
    with observe_reads() as outer:
        cache.read("list", ["product"], lambda: 1)
        with observe_reads() as inner:
            cache.read("list", ["product"], lambda: 1)
            other = threading.Thread(
                target=lambda: open_cache().read("list", ["product"], lambda: 1)
            )
            other.start()
            other.join()
    cache.read("list", ["product"], lambda: 1)
    assert [event.outcome for event in outer] == ["miss", "hit"]
    assert [event.outcome for event in inner] == ["hit"]
    assert inner[0].expires_at == pytest.approx(outer[0].expires_at, abs=1)
    assert inner[0].tables == ("product",)


def test_an_observer_is_gone_when_something_raises_inside(script, open_cache):
    def fail():
        with observe_reads():
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    from appwrite_orm_django.cache import statistics

    assert statistics._observers.get() == ()


def test_the_prometheus_collector_speaks_of_every_table(script, open_cache):
    from prometheus_client import CollectorRegistry, generate_latest

    from appwrite_orm_django.cache.metrics import CacheCollector

    cache = open_cache()
    for _ in range(3):
        cache.read("list", ["product"], lambda: 1)
    registry = CollectorRegistry()
    registry.register(CacheCollector({"appwrite": cache.statistics}))
    text = generate_latest(registry).decode()
    assert 'appwrite_cache_hits_total{alias="appwrite",table="product"} 2.0' in text
    assert 'appwrite_cache_misses_total{alias="appwrite",table="product"} 1.0' in text
    assert "appwrite_cache_saved_seconds_total" in text


def test_cores_are_shared_by_settings_and_database(open_cache):
    assert open_cache().core is open_cache().core
    assert open_cache(TIMEOUT=5).core is not open_cache().core
    assert core_module._cores


def test_last_writes_say_who_wrote_here_and_elsewhere():
    store = {}
    one, two = make(store), make(store)
    one.note_write(["product"], "write")
    two.note_write(["product", "shop"], "webhook")
    two.publish()
    found = one.last_writes()
    assert {(write.source, write.here) for write in found["product"]} == {
        ("write", True),
        ("webhook", False),
    }
    assert found["product"] == sorted(found["product"], reverse=True)
    assert [(write.source, write.here) for write in found["shop"]] == [("webhook", False)]


def test_a_write_is_left_for_others_within_a_second():
    now, store = [0.0], {}
    one = make(store, clock=lambda: now[0])
    one.note_write(["product"], "write")
    assert not store
    now[0] = 1.0
    one.note_write(["product"], "write")
    assert make(store).last_writes()["product"]


def test_last_writes_of_another_version_are_passed_over():
    store = {"s:": b'["x"]', "s:x:w": b"[1]"}
    assert make(store).last_writes() == {}
