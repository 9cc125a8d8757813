"""
A whole table, row by row: ``python -m benchmarks.whole_table [--quick]``.

*library* is ``for item in Item.objects.iterator()``; *sdk, 1,000* the loop one writes with the SDK,
with a cursor and a limit of 1,000; *sdk, 25* the same with the server's own page of 25, over a
tenth of the rows, its time counted ten times.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.appwrite_server import appwrite_server
from benchmarks.cold_reads import row_id, rows_of, sdk_client
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Sample, Target, interleave

#: Peak memory above that after the imports, in MiB.
MAX_MEMORY_MB = 64
NAMES = ("sdk, 25", "sdk, 1,000", "library")


def prepare(name: str, endpoint: str) -> dict[str, Callable[..., Any]]:
    walk = (
        _library(endpoint)
        if name == "library"
        else _sdk(endpoint, 25 if name == "sdk, 25" else 1000)
    )
    before = peak_mb()

    def whole(rows: int) -> dict[str, float]:
        if (found := walk(rows)) != rows:
            raise SystemExit(f"{name}: {found} rows instead of {rows}")
        return {"memory_mb": peak_mb() - before}

    return {"whole": whole}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _sdk(endpoint: str, page: int) -> Callable[[int], int]:
    from appwrite.query import Query
    from appwrite.services.tables_db import TablesDB

    tables = TablesDB(sdk_client(endpoint))

    def walk(rows: int) -> int:
        seen, last = 0, None
        while seen < rows:
            asked = [
                Query.limit(min(page, rows - seen)),
                *([Query.cursor_after(last)] if last else []),
            ]
            found = rows_of(tables.list_rows("shop", "shop_item", asked, total=False))
            if not found:
                break
            for _ in found:
                seen += 1
            last = row_id(found[-1])
        return seen

    return walk


def _library(endpoint: str) -> Callable[[int], int]:
    from benchmarks.orm_site import configure

    configure(endpoint)
    from benchmarks.shop.items import Item

    def walk(rows: int) -> int:
        seen = 0
        for seen, _ in enumerate(Item.objects.iterator(), 1):
            if seen == rows:
                break
        return seen

    return walk


def measure(rows: int, rounds: int, names: tuple[str, ...] = NAMES) -> Figures:
    figures = Figures(f"{rows:,} rows", rows, "rows")
    with appwrite_server(rows) as endpoint, ExitStack() as stack:
        calls = {}
        for name in names:
            contender = stack.enter_context(Contender("benchmarks.whole_table", name, endpoint))
            calls[name] = partial(_scaled, contender, rows, 10 if name == "sdk, 25" else 1)
        return interleave(figures, calls, rounds)


def _scaled(contender: Contender, rows: int, part: int) -> Sample:
    sample = contender.call("whole", rows=rows // part)
    return {**sample, "wall": sample["wall"] * part, "cpu": sample["cpu"] * part}


def run(quick: bool) -> Report:
    report = Report(
        "whole_table",
        "Whole tables",
        "Every row of a table with `.iterator()`, compared with the usual loops over the SDK.",
        comparisons=(("library", "sdk, 1,000"), ("library", "sdk, 25")),
        targets=(Target("library", "sdk, 1,000", 1 / 1.5),),
    )
    figures = measure(5_000 if quick else 100_000, 2 if quick else 3)
    report.figures = [figures]
    used = max(sample["memory_mb"] for sample in figures.samples["library"])
    word = "met" if used < MAX_MEMORY_MB else "MISSED"
    report.notes = [
        f"{word}: memory of the library's process grows by at most {MAX_MEMORY_MB} MiB while it iterates: {used:.0f} MiB",
        *(
            f"{name}: {figures.work / figures.median(name):,.0f} rows per second"
            for name in figures.samples
        ),
    ]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
