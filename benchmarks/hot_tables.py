"""
Hit rates on a table that is written all the time, beside other packages: ``make hot-tables``.

Four processes read 20 lists, each of one category, 50 times a second in all; a load takes 50 ms.
They write single rows meanwhile, at the rates of ``RATES``. Every fifth write of a row moves it to
the next category. ``--writes block`` writes as the admin does: it opens ``atomic``, reads the row and
saves it; ``--writes increment`` adds to a column that is not the category. A read is a hit if it asked the server or database nothing, and stale if no state
of the rows since the read began explains it. Ours are on a local Appwrite over HTTP and Redis, the
others on SQLite and Redis.
"""

from __future__ import annotations

import argparse
import inspect
import json
import multiprocessing
import random
import time
from ctypes import c_long
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hammer.orm import OrmStore
from benchmarks.hammer.packages import PackageStore
from benchmarks.redis_server import RedisServer

CATEGORIES = 20
ROWS = 1000
PROCESSES = 4
READS_PER_S = 50.0
RATES = (0.1, 1.0, 10.0, 50.0)
LOAD_S = 0.05
MOVES_EVERY = 5
#: Ours: by the table's token, by tokens of values, and stale up to a second.
OURS = ("table", "by value", "max_age=1")
NAMES = (*OURS, "cacheops", "cachalot")
WRITES = ("save", "block", "increment")


def category_of(row: int, number: int) -> int:
    """Return the category of a row after so many writes."""
    return (row + number // MOVES_EVERY) % CATEGORIES


@dataclass
class Shared:
    """The number of each row as of the last write that has begun, and that has returned."""

    begun: Any
    returned: Any


@dataclass
class Cell:
    """One run: a package at a rate of writes."""

    name: str
    writes_per_s: float
    seconds: float
    store: Any
    writes: str = "save"


def open_site(name: str, store: Any) -> Any:
    """Set Django up in this process; return the model."""
    store.session()
    if name in ("cacheops", "cachalot"):
        from benchmarks.shop.models import PlainHot as Hot
    else:
        from benchmarks.shop.versions import Hot  # type: ignore[assignment]
    return Hot


def make_rows(name: str, store: Any) -> None:
    model = open_site(name, store)
    if name in ("cacheops", "cachalot"):
        from django.db import connection

        with connection.schema_editor() as editor:
            editor.create_model(model)
    new = [model(pk=f"r{row}", number=0, category=f"c{category_of(row, 0)}") for row in range(ROWS)]
    model.objects.bulk_create(new)


class Process:
    """One of the processes: reads lists, and writes its own share of the rows."""

    def __init__(self, cell: Cell, number: int, shared: Shared) -> None:
        self.cell, self.number, self.shared = cell, number, shared
        self.random = random.Random(number)
        self.model = open_site(cell.name, cell.store)
        self.rows = range(number, ROWS, PROCESSES)
        self.asked = self.requests = 0
        self.counts = dict.fromkeys(("reads", "hits", "writes", "stale"), 0)
        from django.db import connections, router

        self.using = router.db_for_read(self.model)
        connection = connections[self.using]
        self.is_ours = cell.name in OURS
        if self.is_ours:
            connection.transport.add_listener(self._note_request)
        connection.execute_wrappers.append(self._run)

    def _note_request(self, _: Any) -> None:
        self.requests += 1

    def _run(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.asked += 1
        if getattr(sql, "is_read", str(sql).startswith("SELECT")):
            time.sleep(LOAD_S)
        return execute(sql, params, many, context)

    def list_of(self, category: int) -> Any:
        found = self.model.objects.filter(category=f"c{category}").order_by("id")
        return found.cache(max_age=1) if self.cell.name == "max_age=1" else found

    def read(self) -> None:
        category = self.random.randrange(CATEGORIES)
        least = self.shared.returned[:]
        before = self.asked
        seen = {int(one.pk[1:]): one.number for one in self.list_of(category)}
        begun = self.shared.begun[:]
        self.counts["reads"] += 1
        self.counts["hits"] += self.asked == before
        self.counts["stale"] += not all(
            self._explains(row, category, seen.get(row), least[row], begun[row])
            for row in range(ROWS)
        )

    def _explains(self, row: int, category: int, seen: int | None, least: int, begun: int) -> bool:
        if seen is not None:
            return seen >= least
        return any(category_of(row, one) != category for one in range(least, begun + 1))

    def write(self) -> None:
        row = self.random.choice(self.rows)
        number = self.shared.begun[row] + 1
        self.shared.begun[row] = number
        getattr(self, f"_{self.cell.writes}")(row, number)
        self.shared.returned[row] = number
        self.counts["writes"] += 1

    def _save(self, row: int, number: int) -> None:
        one = self.model(pk=f"r{row}", number=number, category=f"c{category_of(row, number)}")
        one._state.adding = False
        one.save(force_update=True)

    def _block(self, row: int, number: int) -> None:
        from django.db import transaction

        with transaction.atomic(using=self.using):
            one = self.model.objects.get(pk=f"r{row}")
            one.number, one.category = number, f"c{category_of(row, number)}"
            one.save()

    def _increment(self, row: int, number: int) -> None:
        if category_of(row, number) != category_of(row, number - 1):
            self._save(row, number)
        else:
            from django.db.models import F

            self.model.objects.filter(pk=f"r{row}").update(number=F("number") + 1)

    def run(self) -> dict[str, int]:
        for category in range(self.number, CATEGORIES, PROCESSES):
            list(self.list_of(category))
        self.asked = self.requests = 0
        started = time.monotonic()
        rates = {self.read: READS_PER_S / PROCESSES, self.write: self.cell.writes_per_s / PROCESSES}
        due = {act: started + self.random.expovariate(rate) for act, rate in rates.items()}
        while True:
            act = min(due, key=due.__getitem__)
            if due[act] > started + self.cell.seconds:
                break
            time.sleep(max(0.0, due[act] - time.monotonic()))
            act()
            due[act] += self.random.expovariate(rates[act])
            if time.monotonic() > started + 2 * self.cell.seconds:
                break  # slower than the rates ask for
        took_s = time.monotonic() - started
        asked = self.requests if self.is_ours else self.asked
        return {**self.counts, "asked": asked, "seconds": took_s}


def _process(cell: Cell, number: int, shared: Shared, barrier: Any, answers: Any) -> None:
    process = Process(cell, number, shared)
    barrier.wait(60)
    answers.put(process.run())


def measure_cell(
    name: str, writes_per_s: float, seconds: float, writes: str = "save"
) -> dict[str, float]:
    """Return hit rate, requests a second and stale reads of one package at one rate."""
    spawn = multiprocessing.get_context("spawn")
    with RedisServer() as redis:
        caches = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url}}
        store: Any = (
            PackageStore(name, redis.url, ())
            if name not in OURS
            else OrmStore(caches, {}, (), by_value=name == "by value")
        )
        store.start()
        try:
            maker = spawn.Process(target=make_rows, args=(name, store))
            maker.start()
            maker.join()
            if maker.exitcode:
                raise SystemExit("the rows could not be made")
            shared = Shared(spawn.RawArray(c_long, ROWS), spawn.RawArray(c_long, ROWS))
            barrier, answers = spawn.Barrier(PROCESSES), spawn.Queue()
            cell = Cell(name, writes_per_s, seconds, store, writes)
            running = [
                spawn.Process(target=_process, args=(cell, number, shared, barrier, answers))
                for number in range(PROCESSES)
            ]
            for process in running:
                process.start()
            parts = [answers.get(timeout=4 * seconds + 120) for _ in running]
            for process in running:
                process.join()
        finally:
            store.stop()
    total = {key: sum(part[key] for part in parts) for key in parts[0]}
    lasted_s = total["seconds"] / PROCESSES
    return {
        "hit_rate": total["hits"] / max(1, total["reads"]),
        "asked_per_s": total["asked"] / lasted_s,
        "reads": total["reads"],
        "writes": total["writes"],
        "stale": total["stale"],
        "seconds": lasted_s,
    }


def can_be_bounded() -> bool:
    """Return whether ``QuerySet.cache`` takes ``max_age``."""
    from appwrite_orm_django.managers import AppwriteQuerySet

    return "max_age" in inspect.signature(AppwriteQuerySet.cache).parameters


def table(figures: dict[str, dict[float, dict[str, float]]], rates: tuple[float, ...]) -> str:
    """Write the figures as a Markdown table: hit rate, requests a second, stale of all reads."""
    names = list(figures)
    lines = ["| writes/s | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for rate in rates:
        cells = [
            f"{one['hit_rate']:.1%}, {one['asked_per_s']:.1f}/s, "
            f"{one['stale']:.0f} of {one['reads']:.0f}"
            for one in (figures[name][rate] for name in names)
        ]
        lines.append(f"| {rate:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="of each run")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--writes", choices=WRITES, default=WRITES[0], help="how rows are written")
    parser.add_argument("--rates", nargs="*", type=float, default=RATES, help="writes a second")
    parser.add_argument("--json", type=Path, help="where to save the figures")
    options = parser.parse_args(arguments)
    names = [name for name in options.only if name != "max_age=1" or can_be_bounded()]
    figures: dict[str, dict[float, dict[str, float]]] = {name: {} for name in names}
    for rate in options.rates:
        for name in names:
            figures[name][rate] = measure_cell(name, rate, options.seconds, options.writes)
            print(name, rate, json.dumps(figures[name][rate]), flush=True)
    print("Hit rate, requests or queries a second, stale reads of all:\n")
    print(table(figures, tuple(options.rates)))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
