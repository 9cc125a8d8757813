"""
How many reads see less than a write that had returned before them: this library and others, 4
readers and 1 writer, nothing killed.

Other packages cache rows of SQLite, this one rows of a local server over HTTP.
"""

import argparse
import json
from typing import Any

from benchmarks.hammer.orm import OrmStore
from benchmarks.hammer.packages import PackageStore
from benchmarks.hammer.running import hammer
from benchmarks.hammer.stores import hammered_rows
from benchmarks.redis_server import RedisServer

NAMES = ("appwrite", "cacheops", "cachalot")


def measure(names: tuple[str, ...], seconds: float) -> dict[str, dict[str, Any]]:
    """Return for each package the figures of a run of this many seconds over 100 rows."""
    return {name: _measure_one(name, seconds) for name in names}


def _measure_one(name: str, seconds: float) -> dict[str, Any]:
    rows = hammered_rows(100)
    with RedisServer() as redis:
        caches = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url}}
        store: Any = (
            OrmStore(caches, {}, rows)
            if name == "appwrite"
            else PackageStore(name, redis.url, rows)
        )
        store.start()
        try:
            return hammer(
                store,
                readers=4,
                writers=1,
                seconds=seconds,
                reads=0,
                pause_s=0.02,
                chaos=set(),
                redis=redis,
                tell=False,
            )
        finally:
            store.stop()


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Write the figures as text."""
    lines = [f"{'stale reads':<22}{'reads':>10}{'writes':>10}{'stale':>10}{'share':>10}"]
    for name, one in figures.items():
        share = one["old_reads"] / max(1, one["reads"])
        lines.append(
            f"{name:<22}{one['reads']:>10}{one['writes']:>10}{one['old_reads']:>10}{share:>10.2%}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = measure(tuple(options.only), options.seconds)
    print(json.dumps(figures) if options.json else table(figures))


if __name__ == "__main__":
    main()
