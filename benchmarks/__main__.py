"""
Run every benchmark, print the report as Markdown and save it: ``python -m benchmarks [--quick]``,
which ``make bench`` does.

Figures go to ``benchmarks/results/*.json``, the report to ``benchmarks/results/report.md``; that of
a whole run also becomes a page of the documentation, ``docs/reference/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    blocks,
    bulk_writes,
    cache_hit,
    cold_reads,
    growth,
    import_time,
    local_evaluation,
    migration,
    small_reads,
    suites,
    under_load,
    whole_table,
)
from benchmarks.rounds import RESULTS, Report

RUNS: dict[str, Callable[[bool], Report]] = {
    module.__name__.rpartition(".")[2]: module.run
    for module in (
        cold_reads,
        small_reads,
        whole_table,
        blocks,
        bulk_writes,
        cache_hit,
        under_load,
        local_evaluation,
        migration,
        import_time,
        suites,
        growth,
    )
}

PAGE = Path(__file__).parents[1] / "docs/reference/benchmarks.md"
PACKAGES = (
    "Django",
    "appwrite",
    "requests",
    "orjson",
    "redis",
    "lz4",
    "django-cacheops",
    "django-cachalot",
    "gunicorn",
)
HEAD = """# Benchmarks

This page shows the results of `make bench` on {day}. [Speed](../explanation/speed.md) explains how each figure is measured. A ratio
below 1 means that the library is faster.

Python {python}, {system} on {machine}; {packages}.
"""


def head() -> str:
    return HEAD.format(
        day=f"{datetime.now(timezone.utc):%Y-%m-%d}",
        python=platform.python_version(),
        system=platform.system(),
        machine=platform.machine(),
        packages=", ".join(f"{name} {version(name)}" for name in PACKAGES),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds and little work: to see that all of it runs",
    )
    parser.add_argument("--only", nargs="*", choices=RUNS, default=list(RUNS))
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    began = time.monotonic()
    sections = [head()]
    for name in options.only:
        started = time.monotonic()
        section = RUNS[name](options.quick).markdown()
        sections.append(f"{section}\nTook {time.monotonic() - started:.0f} s.\n")
        print(sections[-1], flush=True)
    text = "\n".join(sections)
    missed = [line for line in text.splitlines() if line.startswith("- MISSED")]
    text += (
        f"\n{len(missed)} targets missed; {(time.monotonic() - began) / 60:.1f} minutes in all.\n"
    )
    (RESULTS / "report.md").write_text(text)
    if not options.quick and options.only == list(RUNS):
        PAGE.write_text(text)
    print(f"{len(missed)} targets missed:", *missed, sep="\n")


if __name__ == "__main__":
    main()
