"""Reads with a ``max_age``: what is served although a write has invalidated it, to whom, and how old it is."""

import contextvars
import threading
import time

import pytest
from django.core.signals import request_started
from django.db import OperationalError

from appwrite_orm_django import signals
from appwrite_orm_django.cache import entries, fresh_reads, own_writes
from appwrite_orm_django.cache.history import Minute
from appwrite_orm_django.cache.metrics import CacheCollector
from appwrite_orm_django.cache.statistics import observe_reads


@pytest.fixture(autouse=True)
def _nobody_has_written():
    own_writes.start_request()


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def cache(script, clock, open_cache):
    return open_cache(JITTER=0, CLOCK_SKEW=0)


def elsewhere(function, *args, **kwargs):
    """Call a function as another request would."""
    context = contextvars.copy_context()
    context.run(own_writes.start_request)
    return context.run(function, *args, **kwargs)


def write(cache, **kwargs):
    with cache.write(["product"], **kwargs):
        pass


class Loader:
    """Loads the time of its loading, which is the age of what it has loaded."""

    def __init__(self, clock):
        self.clock = clock
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.clock.now


@pytest.fixture
def load(clock):
    return Loader(clock)


def test_what_a_write_has_invalidated_is_served_while_it_is_young(cache, clock, load, script):
    begun_at = cache.read("list", ["product"], load)
    elsewhere(write, cache)
    script.calls.clear()
    clock.now += 3.7
    with observe_reads() as events:
        assert cache.read("list", ["product"], load, max_age=5) == begun_at
    assert script.calls == ["get_many"]
    (event,) = events
    assert (event.outcome, event.reason) == ("stale", "max_age")
    assert event.begun_at == pytest.approx(begun_at, abs=0.001)
    assert cache.read("list", ["product"], load) == clock.now  # others see the write


@pytest.mark.parametrize(("writes", "loads"), [(10, 11), (100, 25), (1000, 25), (5000, 25)])
def test_a_hundred_reads_load_each_four_seconds_at_most(cache, clock, load, writes, loads):
    """Whatever the rate of writes, and never older than the five seconds."""
    start, ages, pause = clock.now, [], 10_000 // writes
    for tick in range(10_000):  # of a hundredth of a second
        clock.now = start + tick / 100
        if tick % pause == pause // 2:
            elsewhere(write, cache)
        if tick % 100 == 0:
            with observe_reads() as events:
                begun_at = cache.read("list", ["product"], load, max_age=5)
            ages += [clock.now - begun_at] if events[0].outcome == "stale" else []
    assert load.count == loads
    assert all(age <= 5 for age in ages)
    assert len(ages) == 100 - loads or writes == 10


def test_without_max_age_each_of_these_writes_is_a_load(cache, clock, load):
    for _ in range(100):
        clock.now += 1
        elsewhere(write, cache)
        assert cache.read("list", ["product"], load) == clock.now
    assert load.count == 100


def test_it_costs_no_round_trip_where_nothing_was_invalidated(cache, load, script):
    cache.read("list", ["product"], load, max_age=5)
    missed, script.calls = script.calls[:], []
    cache.read("list", ["product"], load, max_age=5)
    hit, script.calls = script.calls[:], []
    cache.read("other", ["shop"], load)
    without = script.calls[:]
    assert missed == without == ["get_many", "add", "add", "set_many"]
    assert hit == ["get_many"]


def test_age_counts_from_the_beginning_of_the_load(cache, clock, monkeypatch):
    seconds = iter([0.0, 3.0])  # the load takes three
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))
    begun_at = clock.now

    def load():
        clock.now += 3
        return "old"

    cache.read("list", ["product"], load)
    monkeypatch.undo()
    monkeypatch.setattr(time, "time", clock)
    elsewhere(write, cache)
    clock.now = begun_at + 5
    assert cache.read("list", ["product"], lambda: "new", max_age=4.9) == "new"


@pytest.mark.parametrize("skew_s", [0, 0.5])
def test_clocks_that_may_differ_make_everything_older(script, clock, open_cache, skew_s):
    cache = open_cache(JITTER=0, CLOCK_SKEW=skew_s)
    begun_at = clock.now
    cache.read("list", ["product"], lambda: "old")
    elsewhere(write, cache)
    held = cache.core.store.lease  # nobody gets it, so the old rows are served to the end
    cache.core.store.lease = lambda key, life_s: not key.endswith("a") and held(key, life_s)
    for age, expected in [(4.9 - skew_s, "old"), (5.1 - skew_s, "new")]:
        clock.now = begun_at + age
        assert cache.read("list", ["product"], lambda: "new", max_age=5) == expected


def test_an_entry_from_the_future_is_not_served(cache, clock, load):
    cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now -= 10  # set back
    assert cache.read("list", ["product"], load, max_age=5) == clock.now


def test_an_entry_is_not_served_beyond_its_timeout(script, clock, open_cache, load):
    cache = open_cache(JITTER=0, CLOCK_SKEW=0, STALE_ON_ERROR=600)  # keeps entries for longer
    cache.read("list", ["product"], load, timeout=3)
    elsewhere(write, cache)
    clock.now += 3
    assert cache.read("list", ["product"], load, max_age=60) == clock.now


def test_a_fresh_entry_near_its_end_is_no_stale_one(cache, clock, load):
    cache.read("list", ["product"], load, timeout=3)
    cache.core.early = lambda header: True
    clock.now += 1
    with observe_reads() as events:
        assert cache.read("list", ["product"], load, max_age=60) == clock.now
    assert (events[0].outcome, events[0].reason) == ("miss", "early")


# Who loads


class Held:
    """A load that waits to be let go."""

    def __init__(self, value):
        self.value = value
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.count = 0

    def __call__(self):
        self.count += 1
        self.begun.set()
        assert self.let_go.wait(60)
        return self.value


@pytest.mark.parametrize("same_process", [True, False])
def test_one_reader_loads_and_the_others_do_not_wait(script, clock, open_cache, same_process):
    cache = open_cache(JITTER=0, CLOCK_SKEW=0)
    others = cache if same_process else open_cache(JITTER=0, CLOCK_SKEW=0, COMPRESS_ABOVE=1)
    assert (others.core is cache.core) is same_process
    cache.read("list", ["product"], lambda: "old")
    elsewhere(write, cache)
    clock.now += 4
    held, found = Held("new"), []
    loading = threading.Thread(
        target=lambda: found.append(cache.read("list", ["product"], held, max_age=5))
    )
    loading.start()
    assert held.begun.wait(60)
    never = Held(None)
    for _ in range(20):
        elsewhere(write, cache)  # each changes the tokens, after which a lease could be named
        assert others.read("list", ["product"], never, max_age=5) == "old"
    held.let_go.set()
    loading.join()
    assert found == ["new"]
    assert (held.count, never.count) == (1, 0)
    assert others.read("list", ["product"], never, max_age=5) == "new"


def test_a_load_that_takes_long_begins_early(cache, clock):
    cache.read("list", ["product"], lambda: "old")
    head = entries.Header(clock.now, 300, 1.5)  # has begun 1.5 s ago
    bound = cache._bound(5)
    assert not bound.is_due(head)
    clock.now += 0.6  # 2.9 s left, of which loading takes 1.5
    assert bound.is_due(head)


def test_those_who_wait_for_a_load_take_one_that_another_write_has_outdated(
    script, clock, open_cache
):
    cache, others = open_cache(CLOCK_SKEW=0), open_cache(CLOCK_SKEW=0, COMPRESS_ABOVE=1)
    held, found = Held("new"), []
    loading = threading.Thread(target=lambda: cache.read("list", ["product"], held, max_age=5))
    loading.start()
    assert held.begun.wait(60)
    asked = len(script.calls)
    waiting = threading.Thread(
        target=lambda: found.append(others.read("list", ["product"], lambda: "own", max_age=5))
    )
    waiting.start()
    while "add" not in script.calls[asked:]:  # the lease, which is held
        threading.Event().wait(0.001)
    write(cache)
    held.let_go.set()
    loading.join()
    waiting.join()
    assert found == ["new"]


def test_while_a_write_is_in_flight_nobody_loads_what_cannot_be_stored(cache, clock, load):
    begun_at = cache.read("list", ["product"], load)

    def in_flight():
        writing = cache.write(["product"])
        writing.begin()
        return writing

    held = []
    thread = threading.Thread(target=lambda: held.append(in_flight()))
    thread.start()
    thread.join()
    clock.now += 4.5  # due
    assert cache.read("list", ["product"], load, max_age=5) == begun_at
    clock.now += 1
    assert cache.read("list", ["product"], load, max_age=5) == clock.now
    assert load.count == 2
    clock.now += 1
    assert cache.read("list", ["product"], load, max_age=5) == clock.now  # it was not stored


def test_a_token_that_has_gone_does_not_matter(cache, clock, load, script):
    from django.core.cache import cache as django_cache

    begun_at = cache.read("join", ["product", "shop"], load)
    django_cache.delete(cache.core.keys.table("shop"))
    clock.now += 1
    script.calls.clear()
    assert cache.read("join", ["product", "shop"], load, max_age=5) == begun_at
    assert script.calls == ["get_many"]


def test_a_failing_load_is_raised_to_its_reader_and_nobody_tries_for_a_moment(cache, clock):
    def fail():
        raise OperationalError("Appwrite cannot be reached")

    cache.read("list", ["product"], lambda: "old")
    elsewhere(write, cache)
    clock.now += 4
    with pytest.raises(OperationalError):
        cache.read("list", ["product"], fail, max_age=5)
    assert cache.read("list", ["product"], fail, max_age=5) == "old"
    clock.now += 1.1
    with pytest.raises(OperationalError):
        cache.read("list", ["product"], fail, max_age=5)


def test_a_cache_that_fails_serves_nothing(cache, clock, load, script):
    cache.read("list", ["product"], load)
    elsewhere(write, cache)
    script.fault = lambda name: ConnectionError()
    clock.now += 1
    assert cache.read("list", ["product"], load, max_age=5) == clock.now


# Whom it is not served to


def test_who_has_written_reads_fresh_from_then_on(cache, clock, load):
    begun_at = cache.read("list", ["product"], load)

    def request():
        clock.now += 1
        write(cache)
        first = cache.read("list", ["product"], load, max_age=60)
        assert first == clock.now
        clock.now += 1
        elsewhere(write, cache)
        assert cache.read("list", ["product"], load, max_age=60) != begun_at

    elsewhere(request)
    assert load.count == 3


def test_an_entry_loaded_after_the_own_write_will_do(cache, clock, load):
    write(cache)
    clock.now += 1
    begun_at = cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1
    assert cache.read("list", ["product"], load, max_age=60) == begun_at


@pytest.mark.parametrize(
    "change",
    [
        lambda cache: cache.invalidate(["product"]),
        lambda cache: cache.set_updated(["product"], False),
        lambda cache: cache.committing().__enter__().finish(),
        lambda cache: write(cache, operation="update"),
    ],
    ids=["invalidate", "set_updated", "commit", "write"],
)
def test_every_way_to_write_counts(cache, clock, load, change):
    cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1
    change(cache)
    assert cache.read("list", ["product"], load, max_age=60) == clock.now


def test_a_write_that_was_refused_or_lost_counts(open_cache, script, clock, load):
    cache = open_cache(CLOCK_SKEW=0, is_definite=lambda exc: isinstance(exc, ValueError))
    for error in (ValueError, TimeoutError):
        cache.read("list", ["product"], load)
        elsewhere(write, cache)
        clock.now += 1
        with pytest.raises(error), cache.write(["product"]):
            raise error
        assert cache.read("list", ["product"], load, max_age=60) == clock.now
        own_writes.start_request()


def test_while_it_writes_a_thread_reads_fresh(cache, clock, load):
    cache.read("list", ["shop"], load)
    elsewhere(lambda: cache.invalidate(["shop"]))
    clock.now += 1
    with cache.write(["product"]):
        assert cache.read("list", ["shop"], load, max_age=60) == clock.now
    with cache.batch():
        clock.now += 1
        elsewhere(lambda: cache.invalidate(["shop"]))
        assert cache.read("list", ["shop"], load, max_age=60) == clock.now


def test_inside_atomic_everything_is_fresh(cache, clock, load):
    cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1
    cache.enter_atomic()
    assert cache.read("list", ["product"], load, max_age=60) == clock.now
    cache.exit_atomic(committed=False)
    assert cache.read("list", ["product"], load, max_age=60) < clock.now


def test_what_is_read_while_loading_is_fresh(cache, clock, load):
    """Otherwise an entry would hold what its tokens and its age deny."""
    cache.read("inner", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1

    def outer():
        return cache.read("inner", ["product"], load, max_age=60)

    assert cache.read("outer", ["product"], outer) == clock.now
    elsewhere(write, cache)
    clock.now += 61
    assert cache.read("outer", ["product"], outer, max_age=60) == clock.now


def test_fresh_reads_reads_fresh(cache, clock, load):
    begun_at = cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1
    with fresh_reads():
        cache.read("other", ["product"], load)
        assert cache.read("list", ["product"], load, max_age=60) == clock.now
    elsewhere(write, cache)
    clock.now += 1
    assert begun_at < cache.read("list", ["product"], load, max_age=60) < clock.now


def test_no_timeout_and_zero_are_no_max_age(cache, clock, load):
    cache.read("list", ["product"], load)
    elsewhere(write, cache)
    clock.now += 1
    assert cache.read("list", ["product"], load, timeout=0, max_age=60) == clock.now
    clock.now += 1
    assert cache.read("list", ["product"], load, max_age=0) == clock.now


def test_nothing_counts_as_fresh_because_it_may_be_served(cache, load):
    cache.read("list", ["product"], load, max_age=60)
    elsewhere(write, cache)
    assert not cache.is_cached("list", ["product"])
    assert not cache.is_updated(["product"])


@pytest.mark.django_db(databases=["default", "appwrite"])
def test_a_request_begins_without_the_writes_of_the_last_one(cache, clock, load):
    begun_at = cache.read("list", ["product"], load)
    write(cache)
    request_started.send(sender=None)
    assert cache.read("list", ["product"], load, max_age=60) == begun_at


# Settings and figures


def test_each_table_may_have_its_own(script, clock, open_cache, load):
    cache = open_cache(MAX_AGES={"product": 5, "shop": 2}, CLOCK_SKEW=0, JITTER=0)
    queries = {"product": 5, "shop": 2, "other": 0}
    for table in queries:
        cache.read(table, [table], load)
        cache.read(f"{table} and product", [table, "product"], load)
        cache.read(f"{table} fresh", [table], load)
    elsewhere(lambda: cache.invalidate(queries))
    clock.now += 1
    for table, max_age in queries.items():
        is_old = [
            cache.read(name, tables, load, max_age=chosen) < clock.now
            for name, tables, chosen in [
                (table, [table], None),
                (f"{table} and product", [table, "product"], None),
                (f"{table} fresh", [table], 0),
            ]
        ]
        assert is_old == [max_age > 0, max_age > 0, False]


def test_they_are_counted_apart(cache, clock, load):
    heard = []
    listen = lambda signal, **values: heard.append((signal, values["reason"]))  # noqa: E731
    for signal in (signals.cache_hit, signals.cache_missed):
        signal.connect(listen)
    try:
        cache.read("list", ["product"], load)
        elsewhere(write, cache)
        cache.read("list", ["product"], load, max_age=60)
        cache.read("list", ["product"], load, max_age=60)
    finally:
        for signal in (signals.cache_hit, signals.cache_missed):
            signal.disconnect(listen)
    counted = cache.statistics.snapshot()["product"]
    assert (counted.misses, counted.bounded, counted.hits, counted.stale) == (1, 2, 0, 0)
    assert counted.hit_rate == pytest.approx(2 / 3)
    assert counted.bytes_served > 0
    assert heard == [
        (signals.cache_missed, ""),
        (signals.cache_hit, "max_age"),
        (signals.cache_hit, "max_age"),
    ]
    minutes = [minute for minute in cache.statistics.overview().minutes if minute.reads]
    assert [minute[1:] for minute in minutes] == [Minute(0, hits=2, misses=1)[1:]]
    families = {family.name: family for family in CacheCollector({"a": cache.statistics}).collect()}
    assert [sample.value for sample in families["appwrite_cache_bounded"].samples] == [2]
