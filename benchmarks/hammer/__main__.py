"""Start the processes, make trouble, add up, judge."""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.hammer.orm import OrmStore
from benchmarks.hammer.running import CHAOS, hammer
from benchmarks.hammer.services import SERVICES, Given, Service
from benchmarks.hammer.stores import DriverStore
from benchmarks.hammer.values import read_values_on, write_values_on


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
        "--cache",
        default="redis",
        help=f"one of {', '.join(SERVICES)}, which is started and harmed; or the URL of a Redis, or "
        "a settings module with CACHES, which are only used (and flushed); several with commas, or "
        "all, one after the other",
    )
    parser.add_argument("--replicas", type=int, help="REPLICAS of the cache's settings")
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
    parser.add_argument(
        "--by-value",
        action="store_true",
        help="rows that move between lists of a table with appwrite_cache_by; the whole library",
    )
    parser.add_argument("--chaos", nargs="*", choices=CHAOS, default=CHAOS)
    parser.add_argument("--lenient", action="store_true", help="without STRICT_WRITES")
    parser.add_argument(
        "--deaf", action="store_true", help="break the invalidation, to see that it is noticed"
    )
    options = parser.parse_args()
    names = list(SERVICES) if options.cache == "all" else options.cache.split(",")
    if len(names) == 1:
        raise SystemExit(0 if _hammer(names[0], options) else 1)
    # Each in a process of its own: a process can set up one Django.
    arguments = [one for one in sys.argv[1:] if one != options.cache and one != "--cache"]
    arguments = [one for one in arguments if not one.startswith("--cache=")]
    command = [sys.executable, "-m", "benchmarks.hammer", *arguments, "--cache"]
    failed = [name for name in names if subprocess.run([*command, name], check=False).returncode]
    if failed:
        raise SystemExit(f"not well: {', '.join(failed)}")


def _hammer(name: str, options: argparse.Namespace) -> bool:
    """Hammer one cache and print the figures; return whether all is well."""
    kind = SERVICES.get(name)
    if kind is not None and (missing := kind.missing()):
        print(json.dumps({"cache": name, "skipped": f"not installed: {', '.join(missing)}"}))
        return True
    if kind is not None and options.store not in kind.stores:
        print(json.dumps({"cache": name, "skipped": f"only with --store {kind.stores[0]}"}))
        return True
    service: Service = Given(name) if kind is None else kind()
    cache: dict[str, Any] = {"STRICT_WRITES": not options.lenient, "LOCK_TTL": 5}
    cache |= {"LEASE_ABOVE": 0.0, **service.settings}
    if options.replicas is not None:
        cache["REPLICAS"] = options.replicas
    service.start()
    try:
        store: Any = OrmStore(
            service.caches,
            cache,
            deaf=options.deaf,
            database=service.database,
            by_value=options.by_value,
            hammers_values=options.by_value,
        )
        acts = {"read": read_values_on, "write": write_values_on} if options.by_value else {}
        if options.store == "driver":
            store = DriverStore(service.caches, cache, deaf=options.deaf, database=service.database)
        try:
            store.start()
            figures = hammer(
                store,
                readers=options.readers,
                writers=options.writers,
                seconds=options.seconds,
                reads=options.reads,
                pause_s=options.pause,
                chaos=set(options.chaos) - ({"kill"} if service.threads else set()),
                faults=service.faults,
                threads=service.threads,
                place=service.place,
                **acts,
            )
        finally:
            store.stop()
    finally:
        service.stop()
    about = {"store": options.store, "cache": name, "strict": not options.lenient}
    about |= {"by_value": True} if options.by_value else {}
    print(json.dumps({**about, **figures}), flush=True)
    bad = figures["old"] or figures["errors"] or figures["failed_writes"]
    return not bad and bool(figures["reads"])


if __name__ == "__main__":
    main()
