"""The cache's settings: ``DATABASES[alias]["OPTIONS"]["CACHE"]``, read and checked in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured

__all__ = ["CacheSettings"]


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """
    Everything that ``CACHE`` may hold; the setting's name is the field's in capitals.

    Attributes:
        enabled: False reads and writes past the cache altogether. Only for a database nobody else caches: other processes that do
            cache it are not told of this one's writes.
        alias: which of Django's ``CACHES`` to use.
        timeout: seconds an entry lives; the backstop for writes by clients that tell nobody.
        timeouts: seconds per table, where they differ from ``timeout``; 0 caches nothing of the table.
        jitter: share of its timeout by which an entry's life varies at random, so that entries of one moment do not end in one moment.
        key_prefix: start of every key; letters, digits and ``-_.`` only.
        lock_ttl: seconds within which the write of a killed process is seen. Raised to one and a half times the HTTP timeouts and the
            server's own limit (taken to be 60 s) together; a write that lasts longer renews its notice.
        token_timeout: seconds that a token lives while nobody writes; no entry lives longer, whatever its timeout.
        strict_writes: refuse a write whose invalidation cannot be stored, instead of making it and invalidating later.
        stale_on_error: seconds beyond its timeout that an entry may still be served if Appwrite cannot be reached, also when a write
            has invalidated it; 0 (the default) never.
        max_entry_bytes: entries larger than this (compressed) are not cached.
        compress_above: bytes of an entry above which it is compressed.
        early_refresh: how eagerly to load an entry again shortly before it ends, in units of the time its load took; 0 never.
        lease_above: ask for a lease, so that only one of several processes loads, when the last load took longer than this many
            seconds; None never.
        lease_ttl: seconds to wait at most for the process with the lease.
        max_bytes: bytes of entries that one process keeps in a ``LocMemCache``, oldest go first; None for no bound. Other
            backends bound themselves.
        statistics_interval: seconds between two times that a process leaves its counters in the cache; 0 never.
    """

    enabled: bool = True
    alias: str = "default"
    timeout: float = 300.0
    timeouts: tuple[tuple[str, float], ...] = ()
    jitter: float = 0.1
    key_prefix: str = "appwrite"
    lock_ttl: float = 120.0
    token_timeout: float = 3600.0
    strict_writes: bool = False
    stale_on_error: float = 0.0
    max_entry_bytes: int = 4 * 1024 * 1024
    compress_above: int = 8 * 1024
    early_refresh: float = 1.0
    lease_above: float | None = 0.25
    lease_ttl: float = 10.0
    max_bytes: int | None = 64 * 1024 * 1024
    statistics_interval: float = 10.0

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> "CacheSettings":
        """
        Make the settings from a ``CACHE`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that cannot be.
        """
        where = f'DATABASES["{alias}"]["OPTIONS"]["CACHE"]'
        known = {field.name.upper(): field.name for field in fields(cls)}
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ImproperlyConfigured(f"{where} has no key {unknown[0]!r}. Known are {', '.join(sorted(known))}.")
        values = {known[key]: value for key, value in options.items()}
        if isinstance(values.get("timeouts"), Mapping):
            values["timeouts"] = tuple(sorted(values["timeouts"].items()))
        try:
            settings = cls(**values)
            problem = settings._problem()
        except TypeError as exc:
            raise ImproperlyConfigured(f"{where}: {exc}") from exc
        if problem:
            raise ImproperlyConfigured(f"{where}{problem}")
        return settings

    def timeout_for(self, tables: tuple[str, ...]) -> float:
        """Return the shortest timeout of these tables, in seconds."""
        if not self.timeouts:
            return self.timeout
        own = dict(self.timeouts)
        return min((own.get(table, self.timeout) for table in tables), default=self.timeout)

    def _problem(self) -> str | None:
        least = {
            "timeout": 0, "lock_ttl": 1, "token_timeout": 1, "stale_on_error": 0, "max_entry_bytes": 0, "compress_above": 0,
            "early_refresh": 0, "lease_above": 0, "lease_ttl": 0.1, "max_bytes": 0, "statistics_interval": 0,
        }  # fmt: skip
        for name, bound in least.items():
            value = getattr(self, name)
            if value is None and name in ("lease_above", "max_bytes"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not bound <= value < float("inf"):
                return f'["{name.upper()}"] is {value!r}; it must be a number of at least {bound}.'
        if any(isinstance(value, bool) or not value >= 0 for _, value in self.timeouts):
            return '["TIMEOUTS"] must map tables to seconds of at least 0.'
        if not 0 <= self.jitter < 1:
            return f'["JITTER"] is {self.jitter!r}; it must be at least 0 and less than 1.'
        if not self.key_prefix or not self.key_prefix.replace("-", "").replace("_", "").replace(".", "").isalnum():
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it must be of letters, digits, "-", "_" and ".".'
        if not self.key_prefix.isascii() or len(self.key_prefix) > 40:
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it must be of at most 40 ASCII characters.'
        return None
