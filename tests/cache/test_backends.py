"""The invariants on every kind of backend, with threads and processes; on Redis also on the wire."""

import multiprocessing
import threading
import time

import pytest
from django.core.cache import cache as django_cache
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections, transaction

from appwrite_orm_django.cache.exceptions import IntentNotStored
from appwrite_orm_django.cache.service import QueryCache
from tests.cache.wire import commands_sent


@pytest.fixture(params=["locmem", "file", "diskcache", "redis", "redis-get-many", "redis-django"])
def any_backend(request, settings, tmp_path, cache_options):
    """Each backend in turn as the default cache; the database one has tests of its own."""
    kind = request.param
    if kind in ("redis", "redis-get-many"):
        request.getfixturevalue("redis_cache")
        cache_options["DIRECT_REDIS_READS"] = kind == "redis"
    else:
        backend, location = {
            "locmem": ("django.core.cache.backends.locmem.LocMemCache", f"any-{tmp_path}"),
            "file": (
                "django.core.cache.backends.filebased.FileBasedCache",
                str(tmp_path / "cache"),
            ),
            "diskcache": ("diskcache.DjangoCache", str(tmp_path / "cache")),
            "redis-django": ("django.core.cache.backends.redis.RedisCache", None),
        }[kind]
        if kind == "redis-django":
            location = request.getfixturevalue("redis_server").url
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": {}}}
        if kind in ("locmem", "file"):
            settings.CACHES["default"]["OPTIONS"]["MAX_ENTRIES"] = 10_000
    yield kind
    if kind == "diskcache":
        django_cache._cache.close()
    if kind == "redis-django":
        for pool in django_cache._cache._pools.values():
            pool.disconnect()


def test_a_life_of_reads_and_writes(any_backend, open_cache):
    cache, truth = open_cache(), [0]

    def read(command, **options):
        return cache.read(command, ["product"], lambda: [(truth[0], "row")], **options)

    for _ in range(3):
        assert read("list") == read("list") == [(truth[0], "row")]
        assert read("get", row=("product", "p1")) == [(truth[0], "row")]
        assert cache.is_cached("list", ["product"])
        assert cache.is_cached("get", ["product"], row=("product", "p1"))
        with cache.write(rows=[("product", "P1")]):
            truth[0] += 1
    cache.invalidate(["product"])
    assert not cache.is_updated(["product"])
    assert read("list", timeout=1) == [(truth[0], "row")]
    until(lambda: not cache.is_cached("list", ["product"]))
    django_cache.clear()
    assert read("list") == [(truth[0], "row")]


def until(condition):
    """Wait for something that is sure to come; the bound is only for a test that would hang."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _hammer(open_cache, least_reads):
    """Two writers, three readers and one who flushes: return what was read too old, when there were so many reads."""
    truth, returned, stop = [0], [0], threading.Event()
    old, reads = [], [0, 0, 0]
    order = threading.Lock()

    def write():
        cache = open_cache()
        while not stop.is_set():
            with cache.write(rows=[("product", "p1")]), order:
                truth[0] += 1
                mine = truth[0]
            with order:
                returned[0] = max(returned[0], mine)
            time.sleep(0.002)

    def read(number):
        cache = open_cache()
        while not stop.is_set():
            least = returned[0]
            row = ("product", "p1") if number == 0 else None
            seen = cache.read(f"query {number % 2}", ["product"], lambda: truth[0], row=row)
            if seen < least:
                old.append((number, seen, least))
            reads[number] += 1

    def flush():
        cache = open_cache()
        while not stop.wait(0.05):
            cache.invalidate(["product"])
            if not stop.wait(0.05):
                django_cache.clear()

    def then_close(act, *arguments):
        act(*arguments)
        caches.close_all()  # each thread has connections of its own

    threads = [threading.Thread(target=then_close, args=(write,)) for _ in range(2)]
    threads += [threading.Thread(target=then_close, args=(read, number)) for number in range(3)]
    threads.append(threading.Thread(target=then_close, args=(flush,)))
    for thread in threads:
        thread.start()
    until(lambda: old or (min(reads) >= least_reads and truth[0] >= 20))
    stop.set()
    for thread in threads:
        thread.join()
    return old


def test_no_thread_reads_an_old_row(any_backend, open_cache):
    assert _hammer(open_cache, 100) == []


@pytest.fixture
def sent(redis_cache):
    """Return what counts the round trips of an act: the commands of each, as Redis is sent them."""
    return lambda act: commands_sent(redis_cache.url, act)


@pytest.mark.redis
@pytest.mark.usefixtures("both_redis_reads")
def test_a_hit_is_one_command_on_the_wire_and_a_write_two_round_trips(sent, open_cache):
    cache = open_cache()

    def read():
        cache.read("list", ["product", "shop"], lambda: 1)

    def write():
        with cache.write(rows=[("product", "p1")]):
            pass

    read()
    assert sent(read) == ["MGET"]
    pipeline = ["SET", "SET"]
    assert sent(write) == pipeline * 2
    assert sent(read) == ["MGET", "SET", "SET", "SET"]  # the entry and its tables' marks
    assert sent(lambda: cache.invalidate(["product"])) == pipeline
    assert sent(lambda: cache.is_updated(["product", "shop"])) == ["MGET"]


LEASE = ["SET"]  # where nobody knows yet how long a load of the table takes
FILL = ["SET", "SET"]  # the entry and the mark of its table


@pytest.mark.redis
@pytest.mark.usefixtures("both_redis_reads")
def test_a_miss_is_two_round_trips_where_the_token_is_there_or_not_expected(sent, open_cache):
    """Each line below is a round trip: what is told of a pipeline is sent in one piece."""
    cache = open_cache()

    def read(entry="list"):
        cache.read(entry, ["product"], lambda: 1)

    assert sent(read) == ["SET", "MGET", *LEASE, *FILL]
    assert sent(lambda: read("another list")) == ["MGET", *FILL]
    with cache.write(["product"]):
        pass
    assert sent(read) == ["MGET", *FILL]
    assert sent(read) == ["MGET"]


@pytest.mark.redis
def test_a_miss_is_three_round_trips_where_a_token_has_gone_that_was_expected(sent, open_cache):
    cache = open_cache()

    def read(entry="list"):
        cache.read(entry, ["product"], lambda: 1)

    read()
    django_cache.clear()
    assert sent(read) == ["MGET", "SET", "MGET", *FILL]
    assert sent(read) == ["MGET"]
    cache.read("other", ["shop"], lambda: 1)
    django_cache.clear()
    assert sent(read) == ["MGET", "SET", "MGET", *FILL]
    # One that has gone makes all others doubtful.
    assert sent(lambda: cache.read("other", ["shop"], lambda: 1)) == ["SET", "MGET", *FILL]


@pytest.mark.redis
def test_a_row_that_is_read_for_the_first_time_gets_both_its_tokens_at_once(sent, open_cache):
    cache = open_cache()
    read = lambda: cache.read("get", ["product"], lambda: 1, row=("product", "p1"))  # noqa: E731
    assert sent(read) == ["SET", "SET", "MGET", *LEASE, "SET"]
    assert sent(read) == ["MGET"]


@pytest.mark.redis
def test_a_lookup_that_adds_counts_as_one_packet(redis_cache, open_cache):
    """What is told of a pipeline holds on the wire: one write of the client, one answer."""
    cache = open_cache()
    cache.read("connects", ["shop"], lambda: 1)
    (server,) = cache.core.store._redis._servers.values()
    connection, pieces = server.idle[-1].connection, []
    send = connection.send_packed_command
    connection.send_packed_command = lambda command: pieces.extend(command) or send(command)
    cache.read("list", ["product"], lambda: 1)
    look, _, fill = pieces
    assert look.count(b"MGET") == look.count(b"NX") == 1
    assert fill.count(b"SET") == 2


@pytest.mark.redis
@pytest.mark.usefixtures("both_redis_reads")
def test_ignored_exceptions_do_not_hide_a_lost_invalidation(own_redis, open_cache):
    """With ``IGNORE_EXCEPTIONS`` the client says nothing when Redis is away; what it was not told must not be served later."""
    own_redis.options["IGNORE_EXCEPTIONS"] = True
    strict, lenient = open_cache(STRICT_WRITES=True), open_cache()
    assert strict.read("list", ["product"], lambda: "old") == "old"
    assert strict.is_cached("list", ["product"])
    own_redis.freeze()
    try:
        with pytest.raises(IntentNotStored):
            strict.write(["product"]).begin()
        with lenient.write(["product"]):
            pass
        assert lenient.read("list", ["product"], lambda: "new") == "new"
    finally:
        own_redis.thaw()
    until(lenient.core.store.pay)
    assert strict.read("list", ["product"], lambda: "new") == "new"


@pytest.mark.redis
@pytest.mark.usefixtures("both_redis_reads")
def test_a_restarted_redis_costs_only_misses(own_redis, open_cache):
    cache = open_cache()
    cache.read("list", ["product"], lambda: 1)
    own_redis.stop()
    assert cache.read("list", ["product"], lambda: 2) == 2
    with cache.write(["product"]):
        pass
    own_redis.start()
    until(
        lambda: (
            cache.read("list", ["product"], lambda: 3) == 3 and cache.is_cached("list", ["product"])
        )
    )


# The database backend: it says nothing of its faults, and takes part in transactions


@pytest.fixture
def database_cache(settings, transactional_db):
    settings.DATABASE_ROUTERS = []
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "appwrite_query_cache",
        }
    }
    call_command("createcachetable", verbosity=0)
    yield
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP TABLE appwrite_query_cache")


def test_the_database_backend(database_cache, open_cache):
    cache, truth = open_cache(), [0]
    for _ in range(3):
        assert cache.read("list", ["product"], lambda: truth[0]) == truth[0]
        assert cache.is_cached("list", ["product"])
        with cache.write(["product"]):
            truth[0] += 1
        assert not cache.is_cached("list", ["product"])


def test_the_database_backend_inside_a_transaction_of_its_own(database_cache, open_cache):
    """Tokens stored there could be rolled back, so they count as not stored; reads pass the cache until a thread has paid."""
    cache = open_cache()
    cache.core.store._start_paying = lambda: (
        None
    )  # on SQLite in memory the thread would wait for the transaction
    cache.read("list", ["product"], lambda: "old")
    with transaction.atomic():
        with cache.write(["product"]):
            pass
        assert cache.read("list", ["product"], lambda: "new") == "new"
        transaction.set_rollback(True)
    assert cache.read("list", ["product"], lambda: "new") == "new"


# Processes


def _child(settings, namespace, queue):
    """What another process finds and leaves behind; it inherits settings by fork."""
    cache = QueryCache.open("appwrite", settings, namespace)
    queue.put(cache.read("list", ["product"], lambda: "loaded by the child"))
    with cache.write(["product"]):
        pass
    queue.put(cache.read("list", ["product"], lambda: "loaded by the child"))


@pytest.mark.redis
@pytest.mark.usefixtures("both_redis_reads")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_shares_the_cache_and_nothing_else(redis_cache, open_cache):
    cache = open_cache()
    cache.read("list", ["product"], lambda: "loaded by the parent")
    # Locks and loads under way at the moment of the fork must not haunt the child.
    core = cache.core
    held = [core.store._mint_lock, core.store._owed_lock, core.flights._lock, core.statistics._lock]
    core.flights.join(("entry", (1,)), 0)
    for lock in held:
        lock.acquire()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    try:
        child = context.Process(target=_child, args=(cache.settings, core.keys.namespace, queue))
        child.start()
    finally:
        for lock in held:
            lock.release()
    assert queue.get(timeout=60) == "loaded by the parent"
    assert queue.get(timeout=60) == "loaded by the child"
    child.join(60)
    assert child.exitcode == 0
    assert cache.read("list", ["product"], lambda: "loaded again") == "loaded by the child"
    assert core.statistics.snapshot()["product"].misses == 1


def _clients(settings, namespace, loads, barrier, rounds):
    """Five threads with a connection each, which read the same list as soon as all have come."""

    def load():
        with loads.get_lock():
            loads.value += 1
        time.sleep(0.3)
        return "rows"

    def read():
        cache = QueryCache.open("appwrite", settings, namespace)
        for _ in range(rounds):
            barrier.wait(60)
            assert cache.read("list", ["product"], load) == "rows"
            barrier.wait(60)

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.redis
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_50_clients_in_10_processes_make_one_load(redis_cache, open_cache):
    cache = open_cache()
    settings, namespace = cache.settings, cache.core.keys.namespace
    troubles = {
        "never read": lambda: None,
        "flushed": lambda: caches["default"].clear(),
        "expired": lambda: expire_list(cache),
        "written": lambda: invalidate_product(cache),
    }
    context = multiprocessing.get_context("fork")
    loads, barrier = context.Value("i", 0), context.Barrier(51)
    arguments = (settings, namespace, loads, barrier, len(troubles))
    children = [context.Process(target=_clients, args=arguments) for _ in range(10)]
    for child in children:
        child.start()
    made = {}
    for name, trouble in troubles.items():
        trouble()
        loads.value = 0
        barrier.wait(60)
        barrier.wait(60)
        made[name] = loads.value
    for child in children:
        child.join(60)
    # A process that the machine holds up for a second takes the lease over.
    assert all(1 <= count <= 2 for count in made.values()), made


def expire_list(cache):
    """Leave what there is when an entry expires: its tokens. No lease outlives it."""
    plan = cache.core.keys.plan("list", ["product"])
    assert caches["default"].delete(plan.entry)
    caches["default"].delete_pattern(f"{plan.lease}*")


def invalidate_product(cache):
    with cache.write(["product"]):
        pass
