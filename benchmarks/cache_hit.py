"""
How long a cached hit takes, beside other packages and a floor.

Each contender is a process of its own (they patch Django). In every round each of them is timed
once, in an order drawn anew, so that whatever else the machine does falls on all alike; the figures
are the medians over rounds of the ratio to the floor of the same round. Below them stands how many
reads of each package were stale (``benchmarks.staleness``): being quick is easy if one may be
wrong.
"""

import argparse
import importlib.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks import staleness
from benchmarks.redis_server import RedisServer
from benchmarks.rounds import Figures, Report, Target

CONTENDERS = ("floor", "appwrite", "driver", "cacheops", "cachalot")
ROWS = (1, 25, 100, 1000)
#: At most so many times the floor, by the number of rows.
LIMITS = {
    "appwrite": dict(zip(ROWS, (3.0, 1.8, 1.0, 0.45), strict=True)),
    "appwrite, prepared": dict(zip(ROWS, (1.4, 0.9, 0.6, 0.35), strict=True)),
}


class Contender:
    """A process that times one package."""

    def __init__(self, name: str, redis_url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.contenders", name, redis_url]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._answer() != "ready":
            raise SystemExit(f"{name} did not start")

    def time(self, rows: int, seconds: float) -> dict[str, float]:
        self._process.stdin.write(f"{rows} {seconds}\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._answer())
        return answer

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        return self._process.stdout.readline().strip()


def measure(
    names: tuple[str, ...], rounds: int, seconds: float
) -> dict[int, dict[str, list[float]]]:
    """Return for each number of rows and each way of calling the seconds per call, round by round."""
    figures: dict[int, dict[str, list[float]]] = {rows: {} for rows in ROWS}
    with RedisServer() as server:
        contenders = [Contender(name, server.url) for name in names]
        try:
            for _ in range(rounds):
                for rows in ROWS:
                    for contender in random.sample(contenders, len(contenders)):
                        for label, spent in contender.time(rows, seconds).items():
                            figures[rows].setdefault(label, []).append(spent)
        finally:
            for contender in contenders:
                contender.stop()
    return figures


def ratios(figures: dict[int, dict[str, list[float]]]) -> dict[str, dict[int, float]]:
    """Return for each way of calling and each number of rows the median ratio to the floor."""
    result: dict[str, dict[int, float]] = {}
    for rows, labels in figures.items():
        for label, spent in labels.items():
            pairs = zip(spent, labels["floor"], strict=True)
            result.setdefault(label, {})[rows] = statistics.median(
                mine / floor for mine, floor in pairs
            )
    return result


def table(figures: dict[int, dict[str, list[float]]]) -> str:
    """Write the ratios, and the floor in microseconds, as text."""
    lines = [f"{'rows':<22}" + "".join(f"{rows:>10}" for rows in ROWS)]
    floor = [f"{statistics.median(figures[rows]['floor']) * 1e6:>7.0f} us" for rows in ROWS]
    lines.append(f"{'floor, one call':<22}" + "".join(floor))
    lines += [
        f"{label:<22}" + "".join(f"{by_rows[rows]:>10.2f}" for rows in ROWS)
        for label, by_rows in sorted(ratios(figures).items())
        if label != "floor"
    ]
    return "\n".join(lines)


def task(rows: int) -> str:
    return f"{rows:,} rows"


def run(quick: bool) -> Report:
    """Return the section of ``make bench``."""
    report = Report(
        "cache_hit",
        "Cached hits",
        "From a queryset to a list of instances out of a warm cache on Redis; the floor is Redis GET, `pickle.loads` and `from_db`.",
        comparisons=(
            *((name, "floor") for name in ("appwrite", "appwrite, prepared")),
            ("appwrite", "cacheops"),
            ("appwrite", "cachalot"),
        ),
        targets=[
            Target(label, "floor", limit, (task(rows),))
            for label, limits in LIMITS.items()
            for rows, limit in limits.items()
        ],
    )
    measured = measure(CONTENDERS, 2 if quick else 12, 0.1 if quick else 0.25)
    for rows, labels in measured.items():
        samples = {label: [{"wall": spent} for spent in times] for label, times in labels.items()}
        report.figures.append(Figures(task(rows), rows, "rows", samples))
    stale = staleness.measure(staleness.NAMES, 3 if quick else 15)
    report.notes = [
        f"{name}: {one['old_reads']:,} of {one['reads']:,} reads were stale, with {one['writes']:,} writes"
        for name, one in stale.items()
    ]
    report.save()
    return report


def main(arguments: list[str] | None = None) -> None:
    """Run, print a table and, if asked, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="per contender, number of rows and round"
    )
    parser.add_argument("--only", nargs="*", default=CONTENDERS, help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument(
        "--staleness",
        type=float,
        default=20,
        help="seconds to count stale reads of each package; 0: not at all",
    )
    parser.add_argument("--json", type=Path, help="where to save the figures")
    options = parser.parse_args(arguments)
    names = tuple(dict.fromkeys(("floor", *options.only)))
    before = os.getloadavg()[0]
    figures = measure(names, options.rounds, options.seconds)
    client = f"redis-py {version('redis')}, {'with' if importlib.util.find_spec('hiredis') else 'without'} hiredis"
    print(
        f"Python {platform.python_version()}, {client}; load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    print(table(figures))
    stale = staleness.measure(staleness.NAMES, options.staleness) if options.staleness else {}
    if stale:
        print(staleness.table(stale))
    if options.json:
        about = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "client": client,
            "rounds": options.rounds,
            "ratios": ratios(figures),
            "seconds_per_call": figures,
            "staleness": stale,
        }
        options.json.write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
