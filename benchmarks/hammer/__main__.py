"""Start the processes, make trouble, add up, judge."""

import argparse
import contextlib
import json
import tempfile
from typing import Any

from benchmarks.hammer.caches import CACHES, caches
from benchmarks.hammer.orm import OrmStore
from benchmarks.hammer.running import CHAOS, hammer
from benchmarks.hammer.stores import DriverStore
from benchmarks.redis_server import RedisServer


def main() -> None:
    """Hammer, print the figures, end with 1 if any read was old or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--store",
        choices=("orm", "driver"),
        default="orm",
        help="the whole library, or its cache alone",
    )
    parser.add_argument(
        "--cache", choices=CACHES, default="redis", help="locmem: threads of one process, no kills"
    )
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument(
        "--reads",
        type=int,
        default=0,
        help="go on until there were so many, four times as long at most",
    )
    parser.add_argument(
        "--pause",
        type=float,
        default=0.05,
        help="seconds between two writes of a writer, on average",
    )
    parser.add_argument("--chaos", nargs="*", choices=CHAOS, default=CHAOS)
    parser.add_argument("--lenient", action="store_true", help="without STRICT_WRITES")
    parser.add_argument(
        "--deaf", action="store_true", help="break the invalidation, to see that it is noticed"
    )
    options = parser.parse_args()
    threads = options.cache == "locmem"
    chaos = (
        set(options.chaos)
        - (set() if options.cache == "redis" else {"restart"})
        - ({"kill"} if threads else set())
    )
    with (
        tempfile.TemporaryDirectory(
            prefix="appwrite-hammer-", ignore_cleanup_errors=True
        ) as directory,
        RedisServer() if options.cache == "redis" else contextlib.nullcontext() as redis,
    ):
        cache = {"STRICT_WRITES": not options.lenient, "LOCK_TTL": 5, "LEASE_ABOVE": 0.0}
        settings = caches(options.cache, directory, redis)
        database = f"{directory}/cache.sqlite3" if options.cache == "database" else ":memory:"
        store: Any = OrmStore(settings, cache, deaf=options.deaf, database=database)
        if options.store == "driver":
            store = DriverStore(settings, cache, deaf=options.deaf)
        store.start()
        try:
            figures = hammer(
                store,
                readers=options.readers,
                writers=options.writers,
                seconds=options.seconds,
                reads=options.reads,
                pause_s=options.pause,
                chaos=chaos,
                redis=redis,
                threads=threads,
            )
        finally:
            store.stop()
    print(
        json.dumps(
            {
                "store": options.store,
                "cache": options.cache,
                "strict": not options.lenient,
                **figures,
            }
        )
    )
    if figures["old"] or figures["errors"] or figures["failed_writes"] or not figures["reads"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
