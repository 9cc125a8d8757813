"""Reads through the cache: what is served, what is loaded, in how many round trips."""

import datetime
import decimal
import threading
import time
import uuid

import pytest
from django.core.cache import cache as django_cache
from django.db import OperationalError

from appwrite_orm_django.cache import entries
from appwrite_orm_django.cache.statistics import observe_reads


class Loader:
    """Something to load, which counts how often it is."""

    def __init__(self, value=((1, "a"),)):
        self.value = value
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.value


def test_the_second_read_is_a_hit_of_one_round_trip(script, open_cache):
    cache, load = open_cache(), Loader()
    cache.read("list", ["product"], load)
    script.calls.clear()
    assert cache.read("list", ["product"], load) == ((1, "a"),)
    assert script.calls == ["get_many"]
    assert load.count == 1


def test_a_miss_adds_one_round_trip_and_one_more_for_a_missing_token(script, open_cache):
    cache, load = open_cache(), Loader()
    cache.read("list", ["product"], load)
    token, lease = "add", "add"  # nobody knows yet how long a load of this table takes
    assert script.calls == ["get_many", token, lease, "set_many"]
    script.calls.clear()
    cache.read("other list", ["product"], load)
    assert script.calls == ["get_many", "set_many"]


def test_several_missing_tokens_cost_one_round_trip_together(script, open_cache):
    cache, load = open_cache(), Loader()
    cache.read("join", ["product", "category", "shop"], load)
    assert script.calls == ["get_many", "set_many", "add", "set_many"]
    assert cache.is_cached("join", ["product", "category", "shop"])
    script.calls.clear()
    cache.read("get", ["product"], load, row=("product", "p1"))
    assert script.calls == ["get_many", "set_many", "set"]


def test_a_write_is_two_round_trips_and_makes_lists_miss(script, open_cache):
    cache, load = open_cache(), Loader()
    cache.read("list", ["product"], load)
    script.calls.clear()
    with cache.write(["product"]):
        assert script.calls == ["set_many"]
    assert script.calls == ["set_many", "set_many"]
    cache.read("list", ["product"], load)
    assert load.count == 2


def test_a_write_by_id_leaves_other_rows_alone(script, open_cache):
    cache, one, two, all_rows = open_cache(), Loader(), Loader(), Loader()

    def read():
        cache.read("get 1", ["product"], one, row=("product", "P1"))
        cache.read("get 2", ["product"], two, row=("product", "p2"))
        cache.read("list", ["product"], all_rows)

    read()
    with cache.write(rows=[("product", "p1")]):
        pass
    read()
    assert (one.count, two.count, all_rows.count) == (2, 1, 2)
    with cache.write(["PRODUCT"]):
        pass
    read()
    assert (one.count, two.count, all_rows.count) == (3, 2, 3)


def test_a_row_and_a_joined_table_are_both_depended_on(script, open_cache):
    cache, load = open_cache(), Loader()
    read = lambda: cache.read("get", ["product", "category"], load, row=("product", "p1"))  # noqa: E731
    read()
    with cache.write(rows=[("product", "p2")]):
        pass
    read()
    assert load.count == 1
    with cache.write(rows=[("category", "c1")]):
        pass
    read()
    assert load.count == 2


def test_while_a_write_is_in_flight_reads_pass_the_cache_and_store_nothing(script, open_cache):
    cache, load = open_cache(), Loader()
    with cache.write(["product"]):
        script.calls.clear()
        cache.read("list", ["product"], load)
        cache.read("list", ["product"], load)
        assert script.calls == ["get_many", "get_many"]
    cache.read("list", ["product"], load)
    assert load.count >= 2
    count = load.count
    cache.read("list", ["product"], load)
    assert load.count == count


def test_an_ambiguous_end_keeps_reads_past_the_cache(script, open_cache):
    cache, load = open_cache(), Loader()
    with pytest.raises(TimeoutError), cache.write(["product"]):
        raise TimeoutError
    with observe_reads() as events:
        cache.read("list", ["product"], load)
    assert (events[0].outcome, events[0].reason) == ("bypass", "writing")


def test_a_definite_refusal_closes_the_write(script, open_cache):
    cache, load = open_cache(is_definite=lambda exc: isinstance(exc, ValueError)), Loader()
    with pytest.raises(ValueError, match="no"), cache.write(["product"]):
        raise ValueError("no")
    cache.read("list", ["product"], load)
    assert cache.is_cached("list", ["product"])


def test_entries_never_cross_identities(script, open_cache):
    cache = open_cache()
    cache.read("list", ["product"], lambda: "for ann", identity="ann")
    assert cache.read("list", ["product"], lambda: "for bob", identity="bob") == "for bob"
    assert cache.read("list", ["product"], lambda: "again", identity="ann") == "for ann"
    # Nor can one part of what is hashed run over into the next.
    assert cache.read("nlist", ["product"], lambda: "other", identity="an") == "other"


@pytest.mark.parametrize(
    "value",
    [
        [("x" * 36, 1, 1.5, True, None, b"\x00\xff")],
        [
            (
                datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc),
                datetime.date(2026, 1, 2),
            )
        ],
        [
            (
                datetime.time(1, 2, 3),
                datetime.timedelta(days=1, microseconds=5),
                decimal.Decimal("1.500"),
            )
        ],
        [(uuid.UUID(int=5), ["a", {"b": [1, 2.0, None]}], (1, (2, [3])))],
        [(2**63, -1, float("inf"), "\N{PILE OF POO}\x00")],
        [],
        0,
        None,
        {"count": 5},
    ],
    ids=repr,
)
@pytest.mark.parametrize("compress_above", [0, 8192])
def test_a_hit_equals_what_was_loaded_type_by_type(script, open_cache, value, compress_above):
    cache = open_cache(COMPRESS_ABOVE=compress_above)

    def shape(item):
        if isinstance(item, list | tuple):
            return type(item), [shape(part) for part in item]
        if isinstance(item, dict):
            return dict, [(shape(key), shape(part)) for key, part in item.items()]
        return type(item), repr(item)

    cache.read("list", ["product"], lambda: value)
    hit = cache.read("list", ["product"], lambda: pytest.fail("loaded again"))
    assert shape(hit) == shape(value)


def test_a_hit_is_the_callers_own(script, open_cache):
    cache = open_cache()
    cache.read("list", ["product"], lambda: [(["a"],)])
    cache.read("list", ["product"], list)[0][0].append("b")
    assert cache.read("list", ["product"], list) == [(["a"],)]


def test_a_failing_load_is_raised_and_stores_nothing(script, open_cache):
    cache = open_cache()
    with pytest.raises(LookupError):
        cache.read("list", ["product"], lambda: {}["missing"])
    assert not cache.is_cached("list", ["product"])
    with pytest.raises(StopIteration):
        cache.read("list", ["product"], lambda: next(iter(())))


def test_timeouts_per_call_per_table_and_zero(script, open_cache):
    cache, load = open_cache(TIMEOUTS={"product": 0, "shop": 50}, JITTER=0), Loader()
    cache.read("list", ["product"], load)
    assert script.calls == []
    cache.read("list", ["product"], load, timeout=60)
    assert cache.is_cached("list", ["product"])
    before = time.time()
    with observe_reads() as events:
        cache.read("list", ["shop", "category"], load)
    assert before + 49 <= events[0].expires_at <= time.time() + 51


def test_an_entry_ends_with_its_timeout(script, open_cache, monkeypatch):
    cache, load, now = open_cache(JITTER=0), Loader(), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    cache.read("list", ["product"], load)
    monkeypatch.setattr(time, "time", lambda: now + 299)
    cache.read("list", ["product"], load)
    assert load.count == 1
    monkeypatch.setattr(time, "time", lambda: now + 301)
    cache.read("list", ["product"], load)
    assert load.count == 2


def test_jitter_spreads_the_ends(open_cache):
    cache = open_cache(JITTER=0.1)
    lives = {cache.core.life_s(300) for _ in range(200)}
    assert 270 <= min(lives) < 280
    assert 320 < max(lives) <= 330


def test_an_entry_too_large_is_served_but_not_stored(script, open_cache):
    cache, load = open_cache(MAX_ENTRY_BYTES=200, COMPRESS_ABOVE=10**6), Loader("x" * 300)
    assert (
        cache.read("list", ["product"], load) == cache.read("list", ["product"], load) == "x" * 300
    )
    assert load.count == 2


def test_what_cannot_be_pickled_is_served_but_not_stored(script, open_cache, caplog):
    cache = open_cache()
    value = threading.Lock()
    assert cache.read("list", ["product"], lambda: value) is value
    assert "cannot be cached" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: entry[:40],
        lambda entry: entry[:-5],
        lambda entry: entry[:28] + b"\x07" + entry[29:],
        lambda entry: b"\x63" + entry[1:],
        lambda entry: "not ours",
        lambda entry: {"a": 1},
        lambda entry: b"",
    ],
)
def test_a_damaged_entry_is_a_miss(script, open_cache, damage):
    cache, load = open_cache(), Loader()
    cache.read("list", ["product"], load)
    key = cache.core.keys.entry("product", "list", "")
    django_cache.set(key, damage(django_cache.get(key)))
    assert cache.read("list", ["product"], load) == load.value
    assert load.count == 2
    cache.read("list", ["product"], load)
    assert load.count == 2


@pytest.mark.parametrize("foreign", ["text", True, 0, 1.5, b"bytes", 1 << 70, None])
def test_what_is_no_token_counts_as_absent(script, open_cache, foreign):
    cache, load = open_cache(), Loader()
    django_cache.set(cache.core.keys.table("product"), foreign)
    cache.read("list", ["product"], load)
    cache.read("list", ["product"], load)
    # A value that is there defeats ``add``, so nothing may be cached under it; it must just never be taken for a token.
    assert load.count == (1 if foreign is None else 2) or not isinstance(foreign, int)


def test_nobody_waits_for_a_load_that_was_interrupted_as_it_began(open_cache, monkeypatch):
    """As by an exception that a signal's handler raises just after the load was announced."""
    cache, load = open_cache(), Loader()
    flights = cache.core.flights
    join = flights.join

    def interrupted(*arguments):
        join(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(flights, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.read("list", ["product"], load)
    started = time.monotonic()
    assert cache.read("list", ["product"], load) == load.value
    assert time.monotonic() - started < 5


def test_concurrent_misses_are_one_load(script, open_cache):
    together = threading.Barrier(8)
    loads, results = [], []

    def load():
        loads.append(1)
        time.sleep(0.05)
        return [["row"]]

    def read(command, tables, row):
        cache = open_cache()
        together.wait()
        results.append(cache.read(command, tables, load, row=row))

    for number, (tables, row) in enumerate(
        [
            (["a"], None),
            (["a", "b"], None),
            (["c"], ("c", "c1")),
            (["a"], None),
        ]  # cold, two tokens, row and table, warm
    ):
        loads.clear()
        results.clear()
        threads = [
            threading.Thread(target=read, args=(f"list {number}", tables, row)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(loads) == 1
        assert results == [[["row"]]] * 8
        assert len({id(result) for result in results}) == 8, "readers share an object"


def test_when_a_load_fails_those_who_waited_load_themselves(script, open_cache):
    started, release = threading.Event(), threading.Event()

    def fail():
        started.set()
        release.wait(60)
        raise LookupError

    def first():
        with pytest.raises(LookupError):
            open_cache().read("list", ["product"], fail)

    leader = threading.Thread(target=first)
    leader.start()
    started.wait(60)
    results = []
    waiter = threading.Thread(
        target=lambda: results.append(open_cache().read("list", ["product"], lambda: "mine"))
    )
    waiter.start()
    time.sleep(0.05)
    release.set()
    leader.join()
    waiter.join()
    assert results == ["mine"]


def test_a_load_that_reads_through_the_cache_does_not_wait_for_itself(script, open_cache):
    cache = open_cache()
    outer = cache.read(
        "outer",
        ["a"],
        lambda: cache.read("inner", ["a"], lambda: cache.read("outer", ["a"], lambda: 1)),
    )
    assert outer == 1


def test_stale_on_error_serves_what_is_left(script, open_cache):
    def fail():
        raise OperationalError("Appwrite cannot be reached")

    strict, lenient = open_cache(), open_cache(STALE_ON_ERROR=600)
    lenient.read("list", ["product"], lambda: "old")
    lenient.invalidate(["product"])
    with pytest.raises(OperationalError):
        strict.read("list", ["product"], fail)
    with observe_reads() as events:
        assert lenient.read("list", ["product"], fail) == "old"
    assert events[0].outcome == "stale"
    assert lenient.statistics.snapshot()["product"].stale == 1
    with pytest.raises(OperationalError):
        lenient.read("never loaded", ["product"], fail)
    lenient.enter_atomic()
    with pytest.raises(OperationalError):
        lenient.read("list", ["product"], fail)
    lenient.exit_atomic(committed=False)


def test_stale_on_error_keeps_entries_beyond_their_timeout_only_for_errors(
    script, open_cache, monkeypatch
):
    cache = open_cache(STALE_ON_ERROR=600, JITTER=0)

    def fail():
        raise OperationalError

    cache.read("list", ["product"], lambda: "old")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 400)
    assert cache.read("list", ["product"], fail) == "old"
    assert cache.read("list", ["product"], lambda: "new") == "new"


def test_an_entry_near_its_end_is_loaded_early_by_some_readers(script, open_cache, monkeypatch):
    cache = open_cache(JITTER=0)
    header = entries.Header(filled_at=1000.0, timeout_s=300.0, load_s=2.0)
    monkeypatch.setattr(time, "time", lambda: 1100.0)
    assert not any(cache.core.early(header) for _ in range(500))
    monkeypatch.setattr(time, "time", lambda: 1298.0)
    assert 100 < sum(cache.core.early(header) for _ in range(500)) < 270
    # A clock that is ahead must not make every read a load.
    monkeypatch.setattr(time, "time", lambda: 2000.0)
    assert not any(cache.core.early(header) for _ in range(500))


def test_a_lease_lets_one_process_load_and_the_others_wait(script, open_cache):
    slow = open_cache(LEASE_ABOVE=0.0, LEASE_TTL=300)
    slow.read("list", ["product"], lambda: "old")
    slow.invalidate(["product"])
    entered, release = threading.Event(), threading.Event()

    def load():
        entered.set()
        release.wait(60)
        return "new"

    loader = threading.Thread(
        target=lambda: open_cache(LEASE_ABOVE=0.0, LEASE_TTL=5).read("list", ["product"], load)
    )
    loader.start()
    entered.wait(60)
    # Another setting makes another core: as far as loads under way go, another process on the same cache.
    other = open_cache(LEASE_ABOVE=0.0, LEASE_TTL=301)
    results = []
    reader = threading.Thread(
        target=lambda: results.append(
            other.read("list", ["product"], lambda: pytest.fail("loaded twice"))
        )
    )
    reader.start()
    time.sleep(0.05)
    release.set()
    loader.join()
    reader.join()
    assert results == ["new"]


def test_whoever_waits_for_a_lease_in_vain_loads(script, open_cache):
    cache = open_cache(LEASE_ABOVE=0.0, LEASE_TTL=0.1)
    cache.read("list", ["product"], lambda: "old")
    cache.invalidate(["product"])
    script.fault = lambda name: None
    tokens = cache.tokens(["product"])
    django_cache.add(f"{cache.core.keys.entry('product', 'list', '')}:{tokens[0]:x}", 1, 60)
    assert cache.read("list", ["product"], lambda: "new") == "new"


def test_a_disabled_cache_touches_nothing(script, open_cache):
    cache = open_cache(ENABLED=False)
    assert cache.read("list", ["product"], lambda: 1) == 1
    with cache.write(["product"]):
        pass
    assert cache.invalidate(["product"])
    assert not cache.is_updated(["product"])
    assert not cache.set_updated(["product"], True)
    assert script.calls == []


@pytest.mark.parametrize(("tables", "stored"), [(255, True), (256, False)])
def test_more_tables_than_an_entry_can_name_are_not_cached(script, open_cache, tables, stored):
    cache, names = open_cache(), [f"table{number}" for number in range(tables)]
    assert cache.read("join", names, lambda: 1) == 1
    assert cache.is_cached("join", names) is stored
