"""
How the library's time grows with its work: ``python -m benchmarks.growth [--quick]``.

Cold reads, whole tables, local evaluation and migrations over sizes ten times apart. Reported is
the exponent of the power that fits the quickest rounds best: 1 is as fast as the work grows, less
is a constant share that counts for less, more would be trouble.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from benchmarks import cold_reads, local_evaluation, migration
from benchmarks.appwrite_server import appwrite_server
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, interleave

#: Medians of short runs differ by some per cent; a quadratic part shows as more than this.
MAX_EXPONENT = 1.15
Points = Sequence[tuple[float, float]]


def exponent(points: Points) -> float:
    """Return the slope of the straight line that fits best, by least squares, where both axes are logarithmic."""
    logs = [(math.log(work), math.log(time)) for work, time in points]
    middle_x, middle_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    covariance = sum((x - middle_x) * (y - middle_y) for x, y in logs)
    return covariance / sum((x - middle_x) ** 2 for x, _ in logs)


def _of_whole_tables(sizes: Sequence[int], rounds: int) -> Points:
    # Long enough for the machine to change its pace meanwhile: all sizes in turn, and of the
    # largest table.
    with (
        appwrite_server(max(sizes)) as endpoint,
        Contender("benchmarks.whole_table", "library", endpoint) as library,
    ):
        calls = {f"{size}": partial(library.call, "whole", rows=size) for size in sizes}
        figures = interleave(Figures("whole tables", 1, "rows"), calls, rounds)
    return [(size, min(sample["cpu"] for sample in figures.samples[f"{size}"])) for size in sizes]


def _points(found: Sequence[Figures], name: str, sizes: Sequence[int]) -> Points:
    # The quickest round, in CPU time: what other programs add differs from size to size.
    return [
        (size, min(sample["cpu"] for sample in figures.samples[name]) * size / figures.work)
        for size, figures in zip(sizes, found, strict=True)
    ]


def run(quick: bool) -> Report:
    report = Report(
        "growth",
        "Growth",
        f"The exponent of the library's CPU time over sizes ten times apart; above {MAX_EXPONENT} it grows faster than its work.",
    )
    rounds = 2 if quick else 5
    reads = (10, 100, 1_000) if quick else (100, 1_000, 10_000)
    tables = (500, 5_000) if quick else (1_000, 10_000, 100_000)
    local = (100, 1_000) if quick else (1_000, 10_000)
    evaluated = [local_evaluation.measure(size, rounds) for size in local]
    series = {
        "cold reads": _points(cold_reads.measure(rounds, reads, ("library",)), "library", reads),
        "whole tables": _of_whole_tables(tables, rounds),
        "group by": _points([figures[0] for figures in evaluated], "library, first", local),
        "join": _points([figures[1] for figures in evaluated], "library, first", local),
    }
    report.notes += [_verdict(name, points, "rows") for name, points in series.items()]
    report.notes += _of_migrations((2, 20) if quick else (5, 50))
    report.save()
    return report


def _verdict(name: str, points: Points, unit: str) -> str:
    found = exponent(points)
    sizes = ", ".join(f"{size:,.0f}" for size, _ in points)
    return f"{'met' if found <= MAX_EXPONENT else 'MISSED'}: {name} over {sizes} {unit}: exponent {found:.2f}"


def _of_migrations(sizes: Sequence[int]) -> list[str]:
    """Two rounds: most of their time is the server's."""
    measured = [migration.measure(size, 2, ("library",)) for size in sizes]
    notes = []
    for name, found in zip(
        ("migration", "migration without changes"), zip(*measured, strict=True), strict=True
    ):
        requests = ", ".join(f"{figures.median('library', 'requests'):.0f}" for figures in found)
        verdict = _verdict(
            name, _points(found, "library", sizes), f"tables of {migration.COLUMNS} columns"
        )
        notes.append(f"{verdict}, {requests} requests")
    return notes


if __name__ == "__main__":
    parse(__doc__, run)
