"""Writes, transactions, batches and the handles for doing it by hand."""

import pytest
from django.core.cache import cache as django_cache

from appwrite_orm_django import signals
from appwrite_orm_django.cache.exceptions import IntentNotStored
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.cache.writes import is_writing, keep_alive


@pytest.fixture
def heard():
    """Everything that the signals said."""
    events = []
    receivers = []
    for name in ("rows_changed", "cache_hit", "cache_missed", "cache_invalidated"):
        signal = getattr(signals, name)

        def receive(signal, sender, _name=name, **values):
            events.append((_name, sender, values))

        receivers.append((signal, receive))
        signal.connect(receive)
    yield events
    for signal, receive in receivers:
        signal.disconnect(receive)


def fresh(cache, *tables):
    return [cache.is_updated([table]) for table in tables]


def fill(cache, *tables):
    for table in tables:
        cache.read(f"list {table}", [table], lambda: 1)


# Transactions


def test_inside_atomic_nothing_is_stored_and_fresh_entries_are_served(script, open_cache):
    cache, other = open_cache(), open_cache()
    fill(cache, "warm")
    cache.enter_atomic()
    assert cache.read("list warm", ["warm"], lambda: pytest.fail("loaded")) == 1
    script.calls.clear()
    cache.read("list cold", ["cold"], lambda: 2)
    assert script.calls == ["get_many"]
    cache.exit_atomic(committed=True)
    assert not other.is_cached("list cold", ["cold"])


def test_a_dirty_table_is_read_past_the_cache_until_the_outermost_exit(script, open_cache):
    cache, other = open_cache(), open_cache()
    fill(cache, "product", "shop")
    cache.enter_atomic()
    cache.enter_atomic()
    script.calls.clear()
    with cache.write(rows=[("product", "P1")], operation="update"):
        pass
    assert script.calls == []
    assert cache.read("list product", ["Product"], lambda: "staged") == "staged"
    assert cache.read("join", ["shop", "product"], lambda: "staged") == "staged"
    cache.exit_atomic(committed=False)  # a savepoint is rolled back; the table stays dirty
    assert cache.read("list product", ["product"], lambda: "staged") == "staged"
    assert cache.read("list shop", ["shop"], lambda: pytest.fail("loaded")) == 1
    # Nobody else notices before the commit.
    assert other.read("list product", ["product"], lambda: pytest.fail("loaded")) == 1
    cache.exit_atomic(committed=False)
    assert other.read("list product", ["product"], lambda: pytest.fail("loaded")) == 1
    assert cache.read("list product", ["product"], lambda: pytest.fail("loaded")) == 1


def test_a_commit_is_announced_before_and_ended_after(script, open_cache):
    cache, other = open_cache(), open_cache()
    fill(cache, "product", "shop", "other")
    cache.read("get 1", ["product"], lambda: 1, row=("product", "p1"))
    cache.read("get 2", ["product"], lambda: 1, row=("product", "p2"))
    cache.enter_atomic()
    with cache.write(rows=[("product", "p1")]):
        pass
    with cache.write(["shop"]):
        pass
    script.calls.clear()
    with cache.committing():
        assert script.calls == ["set_many"]
        with observe_reads() as events:
            other.read("list shop", ["shop"], lambda: "old, not yet committed")
        assert events[0].reason == "writing"
    script.calls.clear()
    cache.exit_atomic(committed=True)
    assert script.calls == []
    assert fresh(other, "product", "shop", "other") == [False, False, True]
    assert not other.is_cached("get 1", ["product"], row=("product", "p1"))
    assert other.is_cached("get 2", ["product"], row=("product", "p2"))


def test_a_commit_that_was_not_announced_invalidates_all_the_same(script, open_cache):
    cache = open_cache()
    fill(cache, "product")
    cache.enter_atomic()
    with cache.write(["product"]):
        pass
    script.calls.clear()
    cache.exit_atomic(committed=True)
    assert script.calls == ["set_many"]
    assert fresh(cache, "product") == [False]


def test_a_clean_commit_costs_nothing(script, open_cache):
    cache = open_cache()
    cache.enter_atomic()
    with cache.committing():
        pass
    cache.exit_atomic(committed=True)
    assert script.calls == []


def test_an_ambiguous_commit_stays_open(script, open_cache):
    cache = open_cache()
    cache.enter_atomic()
    with cache.write(["product"]):
        pass
    with pytest.raises(TimeoutError), cache.committing():
        raise TimeoutError
    cache.exit_atomic(committed=False)
    with observe_reads() as events:
        fill(cache, "product")
    assert events[0].reason == "writing"


def test_a_write_that_is_not_staged_is_live_inside_atomic(script, open_cache):
    cache, other = open_cache(), open_cache()
    fill(other, "product")
    cache.enter_atomic()
    with cache.write(["product"], staged=False):
        pass
    assert fresh(other, "product") == [False]
    cache.exit_atomic(committed=False)


# Batches


def test_a_batch_invalidates_each_table_before_and_after(script, open_cache):
    cache, other = open_cache(), open_cache()
    fill(cache, "product", "shop")
    script.calls.clear()
    with cache.batch():
        for number in range(5):
            with cache.write(rows=[("product", f"p{number}")]):
                pass
        with cache.write(["shop"]), cache.batch():
            pass
        assert script.calls == ["set_many", "set_many"]
        assert cache.read("list product", ["product"], lambda: "past it") == "past it"
        with observe_reads() as events:
            other.read("list product", ["product"], lambda: 1)
        assert events[0].reason == "writing"
        script.calls.clear()
    assert script.calls == ["set_many"]
    fill(cache, "product", "shop")
    assert fresh(other, "product", "shop") == [True, True]


def test_a_batch_ends_when_something_raises_inside(script, open_cache):
    cache = open_cache()

    def fail():
        with cache.batch():
            with cache.write(["product"]):
                pass
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    fill(cache, "product")
    assert fresh(cache, "product") == [True]
    with pytest.raises(TimeoutError), cache.batch(), cache.write(["product"]):
        raise TimeoutError
    with observe_reads() as events:
        fill(cache, "product")
    assert events[0].reason == "writing"


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.mark.parametrize(
    "begin", [lambda cache: cache.write(["product"]), lambda cache: cache.batch()]
)
def test_what_was_interrupted_while_it_ended_is_not_in_progress(open_cache, begin):
    """As by an exception that a signal's handler raises: its thread must not renew it for ever."""
    notice = begin(open_cache())
    notice.__enter__()
    assert is_writing()
    del notice
    assert not is_writing()


def test_a_long_write_renews_its_notice(script, open_cache, clock):
    cache = open_cache(LOCK_TTL=30)
    cache.core.clock = clock
    with cache.write(["product"]):
        script.calls.clear()
        keep_alive()
        clock.now += 11
        keep_alive()
        keep_alive()
        assert script.calls == ["set_many"]
    with cache.batch():
        keep_alive()
        with cache.write(["product"]):
            pass
        script.calls.clear()
        clock.now += 11
        keep_alive()
        with cache.write(["product"]):
            keep_alive()
        assert script.calls == ["set_many"]
    script.calls.clear()
    clock.now += 11
    keep_alive()
    assert script.calls == []


def test_a_strict_write_stops_where_its_notice_cannot_be_renewed(script, open_cache, clock):
    cache, sent = open_cache(LOCK_TTL=30, STRICT_WRITES=True), []
    cache.core.clock = clock
    with pytest.raises(IntentNotStored, match="not written any further"), cache.write(["product"]):
        for number in range(5):
            if number == 3:
                script.fault = lambda name: ConnectionError() if name == "set_many" else None
            keep_alive()
            sent.append(number)
            clock.now += 11
    assert sent == [0, 1, 2]
    # What it has written is owed, so that nothing older is served here; the error says what the caller has to know.
    fill(cache, "product")
    assert fresh(cache, "product") == [False]


def test_a_lenient_write_goes_on_and_tries_again_to_renew_its_notice(script, open_cache, clock):
    cache = open_cache(LOCK_TTL=30)
    cache.core.clock = clock
    tried = []

    def fault(name):
        if name == "set_many":
            tried.append(clock.now)
            return ConnectionError()
        return None

    with cache.write(["product"]):
        clock.now += 11
        script.fault = fault
        keep_alive()
        keep_alive()
        assert tried  # the second is for the circuit breaker to decide
    fill(cache, "product")
    assert fresh(cache, "product") == [False]
    script.fault = lambda name: None
    cache.core.store._breaker._closed_at = 0.0
    fill(cache, "product")
    assert fresh(cache, "product") == [True]


def test_many_rows_count_as_the_table(script, open_cache):
    cache = open_cache()
    for rows, survives in ((100, True), (101, False)):
        cache.read("get", ["product"], lambda: 1, row=("product", "another"))
        with cache.write(rows=[("product", f"p{number}") for number in range(rows)]):
            pass
        assert cache.is_cached("get", ["product"], row=("product", "another")) is survives


def test_lock_ttl_is_never_shorter_than_a_write_can_last(open_cache):
    from appwrite_orm_django.cache.service import QueryCache
    from appwrite_orm_django.conf import CacheSettings

    settings = CacheSettings.read("appwrite", {"LOCK_TTL": 30})
    assert QueryCache.open(
        "appwrite", settings, "lock", write_limit_s=90
    ).core.protocol.lock_ttl == pytest.approx(135)
    assert QueryCache.open("appwrite", settings, "lock").core.protocol.lock_ttl == 30


# By hand


def test_is_updated_follows_loads_and_writes(script, open_cache):
    cache = open_cache()
    assert fresh(cache, "product") == [False]
    fill(cache, "product")
    script.calls.clear()
    assert fresh(cache, "product") == [True]
    assert script.calls == ["get_many"]
    cache.set_updated(["product"], False)
    assert fresh(cache, "product") == [False]
    fill(cache, "product")
    with cache.write(["product"]):
        assert fresh(cache, "product") == [False]
    assert fresh(cache, "product") == [False]
    cache.read("join", ["shop", "product"], lambda: 1)
    assert fresh(cache, "product", "shop") == [True, True]
    assert cache.is_updated(["product", "shop"])
    assert not cache.is_updated(["product", "nowhere"])


def test_set_updated_calls_a_table_fresh_but_brings_no_old_entry_back(script, open_cache):
    cache = open_cache()
    assert cache.set_updated(["product"], True)
    assert fresh(cache, "product") == [True]
    fill(cache, "product")
    cache.invalidate(["product"])
    assert cache.set_updated(["product"], True)
    assert not cache.is_cached("list product", ["product"])
    with pytest.raises(TimeoutError), cache.write(["product"]):
        raise TimeoutError
    cache.set_updated(["product"], True)
    fill(cache, "product")
    assert cache.is_cached("list product", ["product"])


def test_invalidate_tables_or_rows(script, open_cache):
    cache = open_cache()
    cache.read("get 1", ["product"], lambda: 1, row=("product", "p1"))
    cache.read("get 2", ["product"], lambda: 1, row=("product", "p2"))
    fill(cache, "product")
    script.calls.clear()
    cache.invalidate(rows=[("product", "P1")])
    assert script.calls == ["set_many"]
    cached = lambda pk: cache.is_cached(f"get {pk}", ["product"], row=("product", f"p{pk}"))  # noqa: E731
    assert (cached(1), cached(2), cache.is_cached("list product", ["product"])) == (
        False,
        True,
        False,
    )
    cache.invalidate(["product"])
    assert not cached(2)


def test_tokens_change_with_every_write(script, open_cache):
    cache = open_cache()
    first = cache.tokens(["product", "shop"])
    assert cache.tokens(["product", "shop"]) == first
    with cache.write(rows=[("product", "p1")]):
        assert cache.tokens(["product"]) is None
    second = cache.tokens(["product", "shop"])
    assert second[0] != first[0]
    assert second[1] == first[1]


def test_two_databases_on_one_cache_share_nothing(script, open_cache):
    from appwrite_orm_django.cache.service import QueryCache
    from appwrite_orm_django.conf import CacheSettings

    one = open_cache()
    two = QueryCache.open("two", CacheSettings(statistics_interval=0), "another project")
    fill(one, "product")
    assert two.read("list product", ["product"], lambda: "two") == "two"
    two.invalidate(["product"])
    assert fresh(one, "product") == [True]


def test_a_flush_costs_only_misses(script, open_cache):
    cache = open_cache()
    fill(cache, "product")
    django_cache.clear()
    fill(cache, "product")
    assert cache.is_cached("list product", ["product"])


# Signals


def test_rows_changed_is_sent_when_the_write_is_done(script, open_cache, heard):
    cache = open_cache(is_definite=lambda exc: isinstance(exc, ValueError))
    sender = object()
    with cache.write(
        rows=[("product", "p1"), ("product", "p2")],
        tables=["shop"],
        operation="update",
        sender=sender,
    ):
        assert heard == []
    changed = [
        (name, who, values["table"], values["pks"])
        for name, who, values in heard
        if name == "rows_changed"
    ]
    assert changed == [
        ("rows_changed", sender, "shop", None),
        ("rows_changed", sender, "product", ("p1", "p2")),
    ]
    heard.clear()
    with pytest.raises(ValueError, match="refused"), cache.write(["shop"], operation="update"):
        raise ValueError("refused")
    with pytest.raises(TimeoutError), cache.write(["shop"], operation="update"):
        raise TimeoutError
    with cache.write(["shop"]):
        pass
    assert [name for name, _, _ in heard] == ["cache_invalidated"] * 3


def test_rows_changed_waits_for_the_commit(script, open_cache, heard):
    cache = open_cache(is_definite=lambda exc: isinstance(exc, ValueError))
    for committed in (True, False):
        cache.enter_atomic()
        with cache.write(rows=[("product", "p1")], operation="create"):
            pass
        with pytest.raises(ValueError, match="no"), cache.write(["shop"], operation="update"):
            raise ValueError("no")
        assert heard == []
        if committed:
            with cache.committing():
                pass
            assert [
                (name, v.get("table"), v.get("pks"))
                for name, _, v in heard
                if name == "rows_changed"
            ] == [("rows_changed", "product", ("p1",))]
            heard.clear()
        cache.exit_atomic(committed=committed)
        assert heard == []


def test_somebody_elses_write_invalidates_and_is_announced(script, open_cache, heard):
    cache = open_cache()
    fill(cache, "product")
    heard.clear()
    assert cache.outdate("product", ["p1"], source="webhook", others=False)
    assert fresh(cache, "product") == [False]
    cache.send_rows_changed("product", ["p1"], operation="delete", sender=None, source="webhook")
    assert [name for name, _, _ in heard] == ["cache_invalidated", "rows_changed"]
    assert heard[1][2]["pks"] == ("p1",)
    cache.send_rows_changed("product", None, operation="change", sender=None, source="webhook")
    assert heard[2][2]["pks"] is None


def test_hits_and_misses_are_signalled(script, open_cache, heard):
    cache = open_cache()
    fill(cache, "product")
    fill(cache, "product")
    assert [(name, values["tables"]) for name, _, values in heard] == [
        ("cache_missed", ("product",)),
        ("cache_hit", ("product",)),
    ]
