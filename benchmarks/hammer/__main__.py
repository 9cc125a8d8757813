"""Start the processes, make trouble, add up, judge."""

import argparse
import contextlib
import json
import tempfile
from typing import Any

from benchmarks.hammer.orm import OrmStore
from benchmarks.hammer.running import CHAOS, hammer
from benchmarks.hammer.stores import DriverStore
from benchmarks.redis_server import RedisServer


def caches(backend: str, redis: RedisServer) -> dict[str, Any]:
    """Return Django's ``CACHES`` for a backend that processes can share."""
    if backend == "redis":
        options = {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1}
        return {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url, "OPTIONS": options}}
    path = {"file": "django.core.cache.backends.filebased.FileBasedCache", "diskcache": "diskcache.DjangoCache"}[
        backend
    ]
    return {"default": {"BACKEND": path, "LOCATION": tempfile.mkdtemp(prefix="appwrite-hammer-")}}


def main() -> None:
    """Hammer, print the figures, end with 1 if any read was old or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--store", choices=("orm", "driver"), default="orm", help="the whole library, or its cache alone"
    )
    parser.add_argument("--backend", choices=("redis", "file", "diskcache"), default="redis")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument(
        "--reads", type=int, default=0, help="go on until there were so many, four times as long at most"
    )
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two writes of a writer, on average")
    parser.add_argument("--chaos", nargs="*", choices=CHAOS, default=CHAOS)
    parser.add_argument("--lenient", action="store_true", help="without STRICT_WRITES")
    parser.add_argument("--deaf", action="store_true", help="break the invalidation, to see that it is noticed")
    options = parser.parse_args()
    chaos = set(options.chaos) - (set() if options.backend == "redis" else {"restart"})
    with RedisServer() if options.backend == "redis" else contextlib.nullcontext() as redis:
        cache = {"STRICT_WRITES": not options.lenient, "LOCK_TTL": 5, "LEASE_ABOVE": 0.0}
        settings = caches(options.backend, redis)
        store: Any = OrmStore(settings, cache, deaf=options.deaf)
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
            )
        finally:
            store.stop()
    print(json.dumps({"store": options.store, "backend": options.backend, "strict": not options.lenient, **figures}))
    if figures["old"] or figures["errors"] or not figures["reads"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
