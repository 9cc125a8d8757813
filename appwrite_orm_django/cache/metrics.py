"""Export the counters to Prometheus with the ``prometheus-client`` package (extra ``metrics``)."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from .statistics import Statistics

__all__ = ["CacheCollector"]

_FAMILIES = {
    "hits": ("appwrite_cache_hits", "Reads answered from the cache."),
    "misses": ("appwrite_cache_misses", "Reads that had to be loaded."),
    "fills": ("appwrite_cache_fills", "Results stored."),
    "bypasses": ("appwrite_cache_bypasses", "Reads that could not use the cache."),
    "stale": (
        "appwrite_cache_stale",
        "Stale entries served because Appwrite could not be reached.",
    ),
    "bounded": ("appwrite_cache_bounded", "Invalidated entries served within max_age."),
    "invalidations": ("appwrite_cache_invalidations", "Writes and manual invalidations."),
    "bytes_served": ("appwrite_cache_served_bytes", "Packed bytes of entries served."),
    "bytes_stored": ("appwrite_cache_stored_bytes", "Packed bytes of entries stored."),
    "seconds_loading": ("appwrite_cache_loading_seconds", "Time spent loading."),
    "seconds_saved": ("appwrite_cache_saved_seconds", "Load time of the entries served."),
}


class CacheCollector(Collector):
    """
    Report the counters of this process, by alias and table.

    Other processes are left out, because Prometheus adds up over processes itself.

    Args:
        statistics: maps each alias to the ``statistics`` of its cache.
    """

    def __init__(self, statistics: Mapping[str, Statistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Yield one counter family per figure."""
        snapshots = {alias: statistics.snapshot() for alias, statistics in self._statistics.items()}
        for field, (name, text) in _FAMILIES.items():
            family = CounterMetricFamily(name, text, labels=("alias", "table"))
            for alias, tables in snapshots.items():
                for table, counters in tables.items():
                    family.add_metric((alias, table), getattr(counters, field))
            yield family
