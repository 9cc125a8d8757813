"""
Run every benchmark, print the report as Markdown and save it: ``python -m benchmarks [--quick]``, which ``make bench`` does.

Figures go to ``benchmarks/results/*.json``, the report to ``benchmarks/results/report.md``.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

from benchmarks import (
    bulk_writes,
    cache_hit,
    cold_reads,
    growth,
    import_time,
    local_evaluation,
    migration,
    small_reads,
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
        bulk_writes,
        cache_hit,
        under_load,
        local_evaluation,
        migration,
        import_time,
        growth,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds and little work: to see that all of it runs")
    parser.add_argument("--only", nargs="*", choices=RUNS, default=list(RUNS))
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    began = time.monotonic()
    sections = [f"# Benchmarks\n\nPython {platform.python_version()}, {platform.system()} on {platform.machine()}.\n"]
    for name in options.only:
        started = time.monotonic()
        section = RUNS[name](options.quick).markdown()
        sections.append(f"{section}\nTook {time.monotonic() - started:.0f} s.\n")
        print(sections[-1], flush=True)
    text = "\n".join(sections)
    missed = [line for line in text.splitlines() if line.startswith("- MISSED")]
    text += f"\n{len(missed)} targets missed; {(time.monotonic() - began) / 60:.1f} minutes in all.\n"
    (RESULTS / "report.md").write_text(text)
    print(f"{len(missed)} targets missed:", *missed, sep="\n")


if __name__ == "__main__":
    main()
