"""Share one store, its loads in flight and its counters among all connections of a process."""

import math
import os
import random
import threading
import time

from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started

from appwrite_orm_django.cache.single_flight import Flights
from appwrite_orm_django.conf import CacheSettings

from . import entries, own_writes
from .keys import KeySpace
from .protocol import Protocol, lock_ttl_for
from .statistics import Statistics
from .store import Store


class Core:
    """
    The shared part of a cache. ``clock`` gives monotonic seconds; writes renew their notice by it.

    Attributes:
        not_before: Unix time before which no load may have begun whose entry is served to a read in
            this process because of its ``max_age``.

    Args:
        settings: the settings of the cache.
        namespace: opaque text that differs between Appwrite databases.
        write_limit_s: the longest that one attempt of a request may be in flight, as far as the
            client can tell.
    """

    def __init__(self, settings: CacheSettings, namespace: str, write_limit_s: float = 0.0) -> None:
        self.settings = settings
        self.clock = time.monotonic
        lock_ttl = max(settings.lock_ttl, lock_ttl_for(write_limit_s))
        longest = max((settings.timeout, *(timeout for _, timeout in settings.timeouts)))
        self.token_ttl = max(settings.token_timeout, 2 * longest)
        self.protocol = Protocol(lock_ttl=lock_ttl, token_ttl=self.token_ttl)
        self.keys = KeySpace(settings.key_prefix, namespace)
        self.store = Store(
            settings.alias,
            lock_ttl=lock_ttl,
            token_ttl=self.token_ttl,
            max_bytes=settings.max_bytes,
            direct_redis_reads=settings.direct_redis_reads,
            replicas=settings.replicas,
            several_memcached=settings.several_memcached,
        )
        self.flights = Flights()
        self.statistics = Statistics(
            key=self.keys.statistics,
            get_many=self.store.get_many,
            put=self.store.put,
            interval_s=settings.statistics_interval,
            run=self.store.in_background,
        )
        self._timeouts: dict[tuple[str, ...], float] = {}
        self.not_before = -math.inf
        self.early = self._early if settings.early_refresh or settings.stale_on_error else None

    @property
    def lock_s(self) -> float:
        """
        Seconds after which the write of a killed process is seen at the latest.

        ``HerdClient`` keeps each key longer than it is told to.
        """
        config = django_settings.CACHES.get(self.settings.alias, {}).get("OPTIONS", {})
        is_herd = str(config.get("CLIENT_CLASS", "")).endswith("HerdClient")
        longer_s = float(getattr(django_settings, "CACHE_HERD_TIMEOUT", 60)) if is_herd else 0.0
        return self.protocol.lock_ttl + longer_s

    def timeout_for(self, tables: tuple[str, ...]) -> float:
        """Return the result of ``CacheSettings.timeout_for``, computed once per set of tables."""
        found = self._timeouts.get(tables)
        if found is None:
            if len(self._timeouts) >= 1000:
                self._timeouts.clear()
            found = self._timeouts[tables] = self.settings.timeout_for(tables)
        return found

    def max_age_for(self, tables: tuple[str, ...]) -> float:
        """Return the result of ``CacheSettings.max_age_for``."""
        return self.settings.max_age_for(tables) if self.settings.max_ages else 0.0

    def life_s(self, timeout: float) -> float:
        """Vary a timeout at random by ``jitter``; return at most the life of a token."""
        jitter = self.settings.jitter
        return min(timeout * random.uniform(1 - jitter, 1 + jitter), self.token_ttl)  # noqa: S311 - spreads load

    def _early(self, header: entries.Header) -> bool:
        """
        Decide whether to reload a valid entry before it expires.

        The closer the end and the longer the load, the likelier a reload, so that one reader
        reloads while the others still hit. After Vattani, Chierichetti and Lowenstein, "Optimal
        Probabilistic Cache Stampede Prevention" (VLDB 2015).

        A machine whose clock is ahead sees entries expire too early. Without ``stale_on_error`` the
        cache itself drops expired entries, so a negative remainder is then no reason to reload.
        """
        remaining = header.filled_at + header.timeout_s - time.time()
        if remaining <= 0:
            return self.settings.stale_on_error > 0
        ahead = header.load_s * self.settings.early_refresh
        return remaining < 20 * ahead and ahead * -math.log(1.0 - random.random()) >= remaining  # noqa: S311

    def after_fork(self) -> None:
        self.store.after_fork()
        self.flights.after_fork()
        self.statistics.after_fork()


_lock = threading.Lock()
_cores: dict[tuple[CacheSettings, str, float], Core] = {}


def core_for(settings: CacheSettings, namespace: str, write_limit_s: float = 0.0) -> Core:
    """Return the core for these settings and this database; there is one per process."""
    key = (settings, namespace, write_limit_s)
    with _lock:
        core = _cores.get(key)
        if core is None:
            if not _cores:
                _begin()
            core = _cores[key] = Core(settings, namespace, write_limit_s)
    return core


def _begin() -> None:
    # A hit publishes nothing, being a single round trip. A process that only hits publishes here.
    request_started.connect(
        own_writes.start_request, dispatch_uid="appwrite_orm_django.start_request"
    )
    request_finished.connect(publish_if_due, dispatch_uid="appwrite_orm_django.publish_if_due")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def publish_if_due(**_: object) -> None:
    """Publish the counters of each cache that is due. Receives Django's ``request_finished``."""
    for core in list(_cores.values()):
        core.statistics.publish_if_due()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for core in _cores.values():
        core.after_fork()
