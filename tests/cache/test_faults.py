"""The cache fails in every way it can: readers never notice, strict writes stay consistent, lenient ones catch up."""

import threading
import time

import pytest
from django.db import OperationalError

from appwrite_orm_django.cache import store as store_module
from appwrite_orm_django.cache import writes
from appwrite_orm_django.cache.exceptions import IntentNotStored, InvalidationNotStored
from appwrite_orm_django.cache.operations import Mint
from appwrite_orm_django.cache.store import Breaker, Ledger

from .backends import ROUND_TRIPS


class Down(Exception):
    pass


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(store_module, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(store_module, "_LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(writes, "_STRICT_PATIENCE_S", 0.3)
    monkeypatch.setattr(writes, "_LENIENT_PATIENCE_S", 0.1)


def fail_all(name):
    return Down(name)


@pytest.mark.parametrize("silent", [False, True], ids=["raising", "silent"])
@pytest.mark.parametrize("effect", [False, True], ids=["without effect", "answer lost"])
@pytest.mark.parametrize("operation", ROUND_TRIPS)
def test_no_fault_reaches_a_reader_nor_makes_it_read_old_rows(
    script, open_cache, operation, effect, silent
):
    """One kind of operation fails throughout, in a life of reads and writes; the truth is a counter."""
    script.silent, script.effect = silent, effect
    cache, truth = open_cache(LEASE_ABOVE=0.0, LEASE_TTL=0.1), [0]
    for failing in (True, False, True, False):
        script.fault = (
            (lambda name: Down(name) if name == operation else None)
            if failing
            else (lambda name: None)
        )
        for step in range(6):
            if step % 3 == 2:
                with cache.write(["product"]):
                    truth[0] += 1
            for command, tables, row in (
                ("a", ["product"], None),
                ("b", ["product", "shop"], None),
                ("c", [], ("product", "p")),
            ):
                seen = cache.read(command, tables or ["product"], lambda: truth[0], row=row)
                assert seen == truth[0]


def test_an_open_breaker_spares_the_cache_and_closes_again(script, open_cache, monkeypatch):
    monkeypatch.setattr(store_module, "_FIRST_PAUSE_S", 600)
    monkeypatch.setattr(store_module, "_LONGEST_PAUSE_S", 600)
    cache = open_cache()
    passed = 0
    monkeypatch.setattr(cache.core.store._breaker, "_clock", lambda: time.monotonic() + passed)
    script.fault = fail_all
    for _ in range(5):
        assert cache.read("list", ["product"], lambda: 1) == 1
    assert script.calls == ["get_many"]
    script.fault = lambda name: None
    passed = 2000
    cache.read("list", ["product"], lambda: 1)
    assert cache.is_cached("list", ["product"])


@pytest.mark.parametrize(
    "attempt",
    [
        lambda store: store.get_many(["a"]),
        lambda store: store.bump({"a": 1}, 60),
        lambda store: store.mint(Mint({"a": 1}, 60, only_if_absent=True), 0),
        lambda store: store.mint(Mint({"a": 1, "b": 2}, 60, only_if_absent=False), 0),
        lambda store: store.fill({"a": 1}, 60),
        lambda store: store.lease("a", 60),
        lambda store: store.claim({"a": 1}, 60),
    ],
    ids=["get_many", "bump", "mint one", "mint two", "fill", "lease", "claim"],
)
def test_the_first_operation_that_works_ends_an_outage(script, open_cache, monkeypatch, attempt):
    monkeypatch.setattr(store_module, "_FIRST_PAUSE_S", 600)
    monkeypatch.setattr(store_module, "_LONGEST_PAUSE_S", 600)
    store, passed = open_cache().core.store, 0
    monkeypatch.setattr(store._breaker, "_clock", lambda: time.monotonic() + passed)
    script.fault = fail_all
    assert store.get_many(["a"]) is None
    script.fault = lambda name: None
    passed = 700
    attempt(store)
    assert store.get_many(["b"]) is not None


def test_the_breaker_doubles_its_pause_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(store_module, "_FIRST_PAUSE_S", 0.5)
    monkeypatch.setattr(store_module, "_LONGEST_PAUSE_S", 8.0)
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    pauses = []
    for _ in range(7):
        breaker.fail("default", Down(), now[0] - 1)
        start = now[0]
        while breaker.is_open():
            now[0] += 0.25
        pauses.append(now[0] - start)
    assert pauses == [0.5, 1, 2, 4, 8, 8, 8]
    assert breaker.is_open(), "only one attempt after each pause"
    assert breaker.is_open(urgent=True), "what let us wait is not asked again"
    breaker.fail("default", Down(), now[0])
    assert not breaker.is_open(urgent=True)
    assert breaker.is_open()
    breaker.succeed()
    assert not breaker.is_open()


def test_strict_writes_are_refused_before_they_are_sent(script, open_cache):
    cache = open_cache(STRICT_WRITES=True)
    script.fault = fail_all
    with (
        pytest.raises(IntentNotStored, match="product: not written") as caught,
        cache.write(["product"]),
    ):
        pytest.fail("sent")
    assert isinstance(caught.value, OperationalError)
    cache.enter_atomic()
    with cache.write(["product"]):
        pass
    with pytest.raises(IntentNotStored), cache.committing():
        pytest.fail("committed")
    cache.exit_atomic(committed=False)


def test_a_strict_write_tries_to_store_its_end_and_says_when_it_could_not(script, open_cache):
    cache = open_cache(STRICT_WRITES=True)
    write = cache.write(["product"])
    write.begin()
    faults = iter([Down(), Down()])
    script.fault = lambda name: next(faults, None)
    write.finish()

    write.begin()
    script.fault = fail_all
    with pytest.raises(InvalidationNotStored, match="product: written, but"):
        write.finish()

    script.fault = lambda name: None
    write.begin()
    script.fault = fail_all
    error = LookupError("says more than the cache's fault")
    assert not write.__exit__(LookupError, error, None)


def test_a_lenient_write_goes_on_and_is_made_good_when_the_cache_answers(script, open_cache):
    cache, other = open_cache(), open_cache()
    other.read("list", ["product"], lambda: "old")
    script.fault = fail_all
    with cache.write(["product"]):
        pass
    # As long as the tokens are owed, this process does not read from the cache.
    assert cache.read("list", ["product"], lambda: "new") == "new"
    script.fault = lambda name: None
    assert cache.read("list", ["product"], lambda: "new") == "new"


def test_a_lenient_write_waits_out_a_hiccup_at_its_end_but_not_an_outage(
    script, open_cache, monkeypatch
):
    monkeypatch.setattr(writes, "_LENIENT_PATIENCE_S", 600)
    cache = open_cache()
    with cache.write(["product"]):
        faults = iter([Down(), Down()])
        script.fault = lambda name: next(faults, None)
    assert cache.core.store._owed == {}
    script.fault = fail_all
    cache.core.store._start_paying = lambda: None
    started = time.monotonic()
    with cache.write(["product"]):
        pass
    assert time.monotonic() - started < 300
    assert cache.core.store._owed


def test_what_is_owed_is_paid_without_anybody_reading(script, open_cache):
    cache = open_cache()
    cache.read("list", ["product"], lambda: "old")
    paid = threading.Event()
    script.fault = fail_all
    with cache.write(["product"]):
        pass

    def watch(name):
        if name == "set_many":
            paid.set()

    script.fault = watch
    assert paid.wait(60)


def test_a_debt_renewed_while_it_is_paid_stands(script, open_cache):
    store = open_cache().core.store
    store._start_paying = lambda: None
    store.owe(["key"])
    script.fault = lambda name: (
        store.owe(["key"]) if name == "set_many" and not script.calls[1:] else None
    )
    assert not store.pay()
    assert store.pay()


def test_a_backend_that_refuses_keys_counts_as_failed(script, open_cache, monkeypatch):
    """As memcached does: ``set_many`` returns the keys that were not stored."""
    from .backends import ScriptedCache

    cache = open_cache(STRICT_WRITES=True)
    monkeypatch.setattr(ScriptedCache, "set_many", lambda self, data, timeout: list(data))
    with pytest.raises(IntentNotStored), cache.write(["product"]):
        pass


def test_a_backend_that_takes_no_bytes_stores_nothing_but_stays_in_use(script, open_cache, caplog):
    cache = open_cache()
    script.fault = lambda name: (
        TypeError("bytes is not JSON serializable") if name in ("set", "set_many") else None
    )
    cache.read("list", ["product"], lambda: 1)
    assert "refuses an entry" in caplog.text
    script.calls.clear()
    assert cache.read("list", ["product"], lambda: 2) == 2
    assert "get_many" in script.calls, "the breaker is closed"


def test_the_ledger_bounds_the_bytes_kept(script, open_cache):
    cache = open_cache(MAX_BYTES=10_000, COMPRESS_ABOVE=10**6)
    for number in range(50):
        cache.read(f"list {number}", ["product"], lambda: "x" * 1000)
    cached = [number for number in range(50) if cache.is_cached(f"list {number}", ["product"])]
    assert cached == list(range(41, 50))
    assert cache.core.store._ledger.total_bytes <= 10_000


def test_the_ledger_forgets_what_is_over():
    now = [0.0]
    ledger = Ledger(1000, lambda: now[0])
    assert ledger.add("a", 400, 10) == []
    assert ledger.add("a", 500, 10) == []
    assert ledger.total_bytes == 500
    now[0] = 11
    assert ledger.add("b", 400, 10) == ["a"]
    assert ledger.add("c", 5000, 10) == ["b", "c"]
    assert ledger.total_bytes == 0
