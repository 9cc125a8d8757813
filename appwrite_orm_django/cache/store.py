"""
Perform the protocol's operations on a Django cache; a fault of the cache is never raised here.

A fault opens a circuit breaker. Until it closes, operations fail at once instead of waiting for an
absent cache. After a timeout, a thread probes the cache until it answers, so that no page waits a
second time.

Tokens that a finished write could not store are *owed*. This process pays them before it reads from
the cache again, and a thread keeps trying to.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, router

from appwrite_orm_django.cache.redis_cluster import SlotMoving
from appwrite_orm_django.cache.redis_commands import RedisBackends, RedisCommands
from appwrite_orm_django.cache.redis_links import NotAClusterClient, PoolExhausted, Unsettled

from .operations import GIVEN_UP, HELD, Bump, Mint
from .protocol import random_token, renewed

logger = logging.getLogger("appwrite_orm_django.cache")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 8.0
_QUICK_FAULT_S = 0.1
_VERIFY_ATTEMPTS = 3
# Longer than any pause of a reader that waits.
_RELEASED_S = 1
_UNSETTLED_PAUSE_S = 0.25
# Of redis-py and valkey-py, pymemcache and pylibmc.
_REFUSALS = {"ResponseError", "MemcacheServerError", "MemcacheClientError", "TooBig"}
# Clients of memcached that forked processes have inherited. They are kept, because libmemcached says
# goodbye to the server when it is freed, over the connection that the parent still uses.
_of_parents: list[BaseCache] = []
# The operation was not possible, and the next may be: no reason to leave the cache alone.
_NO_FAULT = (PoolExhausted, SlotMoving)


class Breaker:
    """
    Skip a failed cache for a while: 0.1 s, doubling to 8 s, with one attempt after each pause.

    There is no lock; at worst two threads make the attempt. Every operation that asks ``is_open``
    must report its success, or it would have used up the attempt for nothing.

    Attributes:
        is_probed: a thread is probing the cache; until it succeeds, there are no other attempts.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._faults = 0
        self._closed_at = 0.0
        self._fault_took_s = 0.0
        self.is_probed = False

    @property
    def lets_wait(self) -> bool:
        """Whether the last fault took long: a timeout rather than a refused connection."""
        return self._faults > 0 and self._fault_took_s >= _QUICK_FAULT_S

    def is_open(self, *, urgent: bool = False) -> bool:
        if not self._faults:
            return False
        if self.is_probed:
            return True
        now = self._clock()
        if now < self._closed_at:
            # A cache that refuses connections costs nothing to ask; one that times out does.
            return not (urgent and not self.lets_wait)
        self._closed_at = now + self._pause_s()
        return False

    def fail(self, alias: str, exc: Exception, since: float) -> None:
        """Note that an operation that began at ``since`` failed."""
        self._faults += 1
        self._fault_took_s = self._clock() - since
        # Nothing is broken, so nothing is spared by longer and longer pauses.
        is_short = isinstance(exc, Unsettled)
        self._closed_at = self._clock() + (_UNSETTLED_PAUSE_S if is_short else self._pause_s())
        if is_short:
            self._fault_took_s = 0.0
        if self._faults == 1:
            # Errors of redis-py show only their names in ``%r``. Their text quotes the command,
            # with rows in it, so that part is cut off.
            text = f"{type(exc).__name__}: {str(exc).rpartition(' caused error: ')[2][:200]}"
            logger.warning(
                'The cache CACHES["%s"] failed; reads go to Appwrite meanwhile: %s', alias, text
            )

    def succeed(self) -> None:
        if self._faults:
            self._faults = 0
            logger.info("The cache answers again.")

    def _pause_s(self) -> float:
        return float(min(_FIRST_PAUSE_S * 2 ** max(0, self._faults - 1), _LONGEST_PAUSE_S))


class Ledger:
    """
    The entries that this process put into a ``LocMemCache``, and their sizes, oldest first.

    The backend itself counts only entries. The total is an upper bound: entries that the backend
    has dropped count until they expire.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.total_bytes = 0

    def add(self, key: str, size: int, timeout: float) -> list[str]:
        """Note an entry; return the keys to delete: expired entries, or the oldest."""
        gone = []
        now = self._clock()
        with self._lock:
            self._forget(key)
            self._entries[key] = (size, now + timeout)
            self.total_bytes += size
            while self._entries:
                oldest, (_, ends_at) = next(iter(self._entries.items()))
                if self.total_bytes <= self._max_bytes and ends_at > now:
                    break
                self._forget(oldest)
                gone.append(oldest)
        return gone

    def _forget(self, key: str) -> None:
        size, _ = self._entries.pop(key, (0, 0.0))
        self.total_bytes -= size


class Store:
    """
    One of Django's caches, as the driver uses it.

    Args:
        alias: the alias in ``CACHES``.
        lock_ttl: seconds that tokens live which are paid late.
        token_ttl: seconds that tokens live which are added while looking; None adds none.
        max_bytes: the limit of a ``LocMemCache``, or None.
        direct_redis_reads: whether to hold connections beside the pool of redis-py.
        replicas: how many replicas a Redis needs; see ``redis_links``.
        several_memcached: whether memcached may be several servers.
        clock: monotonic seconds.

    Raises:
        ImproperlyConfigured: the cache is several memcached servers.
    """

    def __init__(
        self,
        alias: str,
        *,
        lock_ttl: float,
        token_ttl: float | None = None,
        max_bytes: int | None = None,
        direct_redis_reads: bool = True,
        replicas: int | None = None,
        several_memcached: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.alias = alias
        self._lock_ttl = lock_ttl
        self._breaker = Breaker(clock)
        self._clock = clock
        self._redis = RedisBackends(
            random_token,
            token_ttl=token_ttl,
            lock_ttl=lock_ttl,
            replicas=replicas,
            holds=direct_redis_reads,
            clock=clock,
        )
        self._has_warned_of_refusal = False
        if not several_memcached:
            _refuse_several_memcached(alias)
        self._ledger = None if max_bytes is None else Ledger(max_bytes, clock)
        self._owed: dict[str, object] = {}
        self._owed_lock = threading.Lock()
        self._payer: threading.Thread | None = None
        self._mint_lock = threading.Lock()
        self._minted: OrderedDict[str, int] = OrderedDict()
        self._mint_floor = 0
        self.mint_sequence = 0

    def _fail(self, exc: Exception, since: float) -> None:
        self._breaker.fail(self.alias, exc, since)
        if self._breaker.lets_wait and not self._breaker.is_probed:
            self._start_probing()

    def _start_probing(self) -> None:
        self._breaker.is_probed = True
        if self.in_background(self._probe) is None:
            self._breaker.is_probed = False

    def _probe(self) -> None:
        pause_s = _FIRST_PAUSE_S
        try:
            while True:
                time.sleep(pause_s)
                try:
                    self._look(["probe"], 0)
                except Exception:  # noqa: BLE001
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                else:
                    self._breaker.succeed()
                    return
        finally:
            self._breaker.is_probed = False

    def after_fork(self) -> None:
        """Replace locks that the parent's threads may have held, and restart its threads."""
        self._owed_lock = threading.Lock()
        self._mint_lock = threading.Lock()
        self._payer = None
        self._leave_connections_to_parent()
        if self._ledger is not None:
            self._ledger._lock = threading.Lock()
        if self._owed:
            self._start_paying()
        if self._breaker.is_probed:
            self._start_probing()

    def _leave_connections_to_parent(self) -> None:
        """
        Connect anew to memcached. Its clients do not notice a fork, and those of Redis do.

        Over one connection, each process would read answers to the other, or wait for ever for one
        that the other has read.
        """
        if self.alias not in caches.settings:
            return
        cache = caches[self.alias]
        if isinstance(cache, BaseMemcachedCache):
            _of_parents.append(cache)
            caches[self.alias] = caches.create_connection(self.alias)

    # Operations

    def get_many(self, keys: Sequence[str], tokens: int = 0) -> dict[str, Any] | None:
        # Pay first: paying checks the breaker itself, which allows one attempt at a time.
        if not self.pay() if self._owed else self._breaker.is_open():
            return None
        started = self._clock()
        try:
            found = self._look(keys, tokens)
        except NotAClusterClient:
            raise
        except _NO_FAULT:
            return None
        except Exception as exc:  # noqa: BLE001 - each backend has errors of its own
            self._fail(exc, started)
            return None
        self._breaker.succeed()
        return found

    def _look(self, keys: Sequence[str], tokens: int) -> dict[str, Any]:
        cache = caches[self.alias]
        redis = self._redis.of(cache)
        found: dict[str, Any] = (
            cache.get_many(keys) if redis is None else redis.get_many(keys, tokens)
        )
        return found

    def bump(self, operation: Bump) -> bool:
        tokens, timeout, urgent, _ = operation
        if self._breaker.is_open(urgent=urgent):
            return False
        started = self._clock()
        try:
            cache = caches[self.alias]
            if _in_transaction(cache):
                return False
            stored = self._set_for_sure(cache, operation)
        except NotAClusterClient:
            raise
        except _NO_FAULT:
            return False
        except Exception as exc:  # noqa: BLE001
            self._fail(exc, started)
            if urgent and not self._breaker.lets_wait and not isinstance(exc, Unsettled):
                self._take_away(tokens)
            return False
        if stored:
            self._breaker.succeed()
            redis = self._redis.of(cache)
            if redis is not None:
                redis.expect(tokens, started + timeout)
        else:
            self._fail(RuntimeError("tokens were not stored"), started)
        return stored

    def _take_away(self, tokens: Iterable[str]) -> None:
        """
        Delete tokens that could not be changed: a full Redis rejects writes but allows deletes.

        Without a token no process serves an entry. This is second best: it does not cover another
        write in flight whose writer is killed. So the tokens are owed as well.
        """
        started = self._clock()
        try:
            cache = caches[self.alias]
            (self._redis.of(cache) or cache).delete_many(tokens)
        except Exception as exc:  # noqa: BLE001
            self._fail(exc, started)

    def _set_for_sure(self, cache: BaseCache, operation: Bump) -> bool:
        tokens, timeout, _, locks = operation
        redis = self._redis.of(cache)
        if redis is not None:
            redis.set_tokens(tokens, locks, timeout)
            return True
        # Some backends swallow faults. A token falsely believed stored would hide a write.
        if not _swallows_faults(cache):
            return not cache.set_many({**tokens, **locks}, timeout)
        for _ in range(_VERIFY_ATTEMPTS):
            items = {**tokens, **locks}
            cache.set_many(items, timeout)
            found = cache.get_many(items)
            if all(found.get(key) == value for key, value in items.items()):
                return True
            # Another writer may have replaced ours with a newer token. It looks the same as an
            # older one, so try again, with others: see ``Bump``.
            tokens = {key: renewed(token) for key, token in tokens.items()}
        return False

    def mint(self, operation: Mint, seen: int) -> bool | None:
        """
        Store missing tokens, unless a thread of this process has since ``mint_sequence`` was seen.

        One lock serializes all minting, because tokens are missing rarely. Of N threads that miss
        the same token, one mints it and the others use it, so they all wait for one load.

        If looking adds tokens, an expected token has gone; looking again will add it.
        """
        if self._breaker.is_open():
            return False
        redis = self._redis_or_none()
        if redis is not None and redis.adds:
            return None
        with self._mint_lock:
            if any(self._minted.get(key, self._mint_floor) > seen for key in operation.tokens):
                return None
            stored = self._mint(operation)
            self.mint_sequence += 1
            for key in operation.tokens:
                self._minted[key] = self.mint_sequence
                self._minted.move_to_end(key)
            while len(self._minted) > 2048:
                _, self._mint_floor = self._minted.popitem(last=False)
            return stored

    def _mint(self, operation: Mint) -> bool:
        started = self._clock()
        try:
            cache = caches[self.alias]
            redis = self._redis.of(cache)
            if operation.only_if_absent:
                ((key, token),) = operation.tokens.items()
                stored = bool((redis or cache).add(key, token, operation.timeout))
            elif redis is not None:
                redis.set_tokens(operation.tokens, {}, operation.timeout)
                stored = True
            else:
                stored = not cache.set_many(dict(operation.tokens), operation.timeout)
        except _NO_FAULT:
            return False
        except Exception as exc:  # noqa: BLE001
            self._fail(exc, started)
            return False
        self._breaker.succeed()
        return stored

    def _redis_or_none(self) -> RedisCommands | None:
        started = self._clock()
        try:
            return self._redis.of(caches[self.alias])
        except Exception as exc:  # noqa: BLE001 - finding the nodes of a cluster asks it
            self._fail(exc, started)
            return None

    def fill(self, items: Mapping[str, int | bytes], timeout: float) -> bool:
        if self._breaker.is_open():
            return False
        started = self._clock()
        try:
            cache = caches[self.alias]
            redis = self._redis.of(cache)
            if redis is not None:
                redis.set_many(items, timeout, waits=False)
            elif len(items) == 1:
                ((key, value),) = items.items()
                cache.set(key, value, timeout)
            elif cache.set_many(dict(items), timeout):
                return False
            self._keep_within_bounds(cache, items, timeout)
        except _NO_FAULT:
            return False
        except Exception as exc:  # noqa: BLE001
            if not _is_refusal(exc):
                self._fail(exc, started)
            elif not self._has_warned_of_refusal:
                self._has_warned_of_refusal = True
                logger.warning(
                    'CACHES["%s"] refuses an entry; further ones are not reported: %s: %s',
                    self.alias,
                    type(exc).__name__,
                    str(exc)[:200],
                )
            return False
        self._breaker.succeed()
        return True

    def _keep_within_bounds(
        self, cache: BaseCache, items: Mapping[str, int | bytes], timeout: float
    ) -> None:
        if self._ledger is None or not isinstance(cache, LocMemCache):
            return
        for key, value in items.items():
            if isinstance(value, bytes):
                gone = self._ledger.add(key, len(value), timeout)
                if gone:
                    cache.delete_many(gone)

    def lease(self, key: str, timeout: float) -> bool:
        """Return False only if another process is known to hold the lease."""
        started = self._clock()
        try:
            if self._breaker.is_open():
                return True
            cache = caches[self.alias]
            is_ours = (self._redis.of(cache) or cache).add(key, HELD, timeout) is not False
        except _NO_FAULT:
            return True
        except Exception as exc:  # noqa: BLE001
            self._fail(exc, started)
            return True
        self._breaker.succeed()
        return is_ours

    def claim(self, locks: Mapping[str, int], timeout: float) -> set[str]:
        """Add each token where there is nothing; return the keys under which it is now."""
        if self._breaker.is_open():
            return set()
        started = self._clock()
        try:
            cache = caches[self.alias]
            if _in_transaction(cache):
                return set()
            redis = self._redis.of(cache)
            if redis is not None:
                stored = redis.add_many(locks, timeout)
            else:
                stored = {key for key, one in locks.items() if cache.add(key, one, timeout) is True}
        except _NO_FAULT:
            return set()
        except Exception as exc:  # noqa: BLE001
            self._fail(exc, started)
            return set()
        self._breaker.succeed()
        return stored

    def release(self, key: str) -> None:
        """Tell those who wait for a lease that there will be no entry."""
        self.fill({key: GIVEN_UP}, _RELEASED_S)

    def drop(self, keys: Iterable[str]) -> None:
        """Delete these keys."""
        if not self._breaker.is_open():
            self._take_away(keys)

    def put(self, key: str, value: str, timeout: float) -> None:
        """Store a value that nothing depends on (statistics)."""
        self.fill({key: value.encode()}, timeout)

    # Debts

    def owe(self, keys: Iterable[str]) -> None:
        """Record tokens to change as soon as the cache answers; bypass the cache until then."""
        with self._owed_lock:
            if not self._owed:
                logger.warning(
                    'The cache CACHES["%s"] did not store an invalidation. This process retries '
                    "until it does; other "
                    "processes that reach the cache may serve stale rows until then.",
                    self.alias,
                )
            self._owed.update(dict.fromkeys(keys, object()))
        self._start_paying()

    def pay(self) -> bool:
        """Change the tokens that are owed; return whether none are left."""
        with self._owed_lock:
            debts = dict(self._owed)
        if debts:
            if not self.bump(Bump({key: random_token() for key in debts}, self._lock_ttl)):
                return False
            with self._owed_lock:
                for key, debt in debts.items():
                    # A write that ended after our bump may have renewed the debt; keep that one.
                    if self._owed.get(key) is debt:
                        del self._owed[key]
        return not self._owed

    def _start_paying(self) -> None:
        with self._owed_lock:
            if self._payer is not None and self._payer.is_alive():
                return
            self._payer = self.in_background(self._pay_until_done)

    def _pay_until_done(self) -> None:
        pause = 0.1
        while not self.pay():
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S / 2)

    def in_background(self, task: Callable[[], None]) -> threading.Thread | None:
        """
        Run a task that uses the cache in a thread, and close its connections afterwards.

        Return None and run nothing while the interpreter shuts down, when no thread can start.
        """

        def run() -> None:
            task()
            cache = caches[self.alias]
            cache.close()
            if isinstance(cache, DatabaseCache):
                connections.close_all()  # this thread's own, which nothing else closes

        thread = threading.Thread(target=run, name="appwrite-cache", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return None
        return thread


def _refuse_several_memcached(alias: str) -> None:
    try:
        cache = caches[alias]
    except Exception:  # noqa: BLE001 - reads report what is wrong with it, and go on
        return
    servers = getattr(cache, "_servers", ()) if isinstance(cache, BaseMemcachedCache) else ()
    if len(servers) > 1:
        raise ImproperlyConfigured(
            f'CACHES["{alias}"] is {len(servers)} memcached servers. If one of them is '
            "ejected and comes back, its tokens are older, and stale rows are served until they "
            'expire. Use one server, or Redis; or set OPTIONS["CACHE"]["SEVERAL_MEMCACHED"] to '
            "True to accept that."
        )


def _is_refusal(exc: Exception) -> bool:
    """
    Return whether the cache refused one value, as opposed to failing.

    It is full, the value is too large for it, or the backend's serializer (JSON, say) cannot encode
    bytes. Tokens may still work.
    """
    if isinstance(exc, TypeError | ValueError):
        return True
    names = {kind.__name__ for kind in type(exc).__mro__}
    return bool(names & _REFUSALS) and "ConnectionError" not in names


def _swallows_faults(cache: BaseCache) -> bool:
    """
    Return whether the backend hides failed writes.

    django-redis does so if configured to, and Django's database cache always does.
    """
    return bool(getattr(cache, "_ignore_exceptions", False)) or isinstance(cache, DatabaseCache)


def _in_transaction(cache: BaseCache) -> bool:
    """
    Return whether a store now could be rolled back, and stays invisible until the commit.

    This is so with Django's database cache inside ``atomic``. Tokens are then owed, and paid by a
    thread, which has its own connection.
    """
    if not isinstance(cache, DatabaseCache):
        return False
    using = router.db_for_write(cache.cache_model_class)
    return connections[using or DEFAULT_DB_ALIAS].in_atomic_block
