"""
What the server cannot do, evaluated here: ``python -m benchmarks.local_evaluation [--quick]``.

A group-by over a table, and a join of three tables, on a server of level 1.9. *library, first* fetches the rows and evaluates, *library, cached*
answers again from the cache; *sqlite* is Django on a SQLite file with the same rows; *transfer* fetches the rows with the library and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.appwrite_server import appwrite_server
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Sample, interleave

SELLERS = 100
KINDS = 10


def prepare(name: str, endpoint: str) -> dict[str, Callable[..., Any]]:
    from benchmarks.orm_site import configure

    configure(endpoint, cache=True, apps=("benchmarks.sales",))
    from django.db import connection
    from django.db.models import Count, Sum

    from benchmarks.sales import models

    using = "default" if name == "sqlite" else "appwrite"
    if name == "sqlite":
        with connection.schema_editor() as editor:
            for model in models.ALL:
                editor.create_model(model)
    sales = models.Sale.objects.using(using)
    tables = {"group": (models.Sale,), "join": models.ALL}

    def group() -> list[Any]:
        return list(sales.values("kind").annotate(n=Count("pk"), total=Sum("amount")).order_by("kind"))

    def join() -> list[Any]:
        wanted = sales.filter(seller__region__name="region 1").order_by("pk")
        return list(wanted.values_list("pk", "amount", "seller__name", "seller__region__name"))

    queries = {"group": group, "join": join}

    def run(query: str, fresh: bool = False) -> None:
        if fresh and using == "appwrite":
            for model in models.ALL:
                model.objects.set_updated(False)
        if not queries[query]():
            raise SystemExit("nothing was found")

    def transfer(query: str) -> None:
        for model in tables[query]:
            for _ in model.objects.using(using).nocache().values_list().iterator():
                pass

    def fill(rows: int) -> None:
        models.fill(using, rows)

    return {"run": run, "transfer": transfer, "fill": fill}


def measure(rows: int, rounds: int) -> list[Figures]:
    found = [Figures(f"{query} {rows:,} rows", rows, "rows") for query in ("group", "join")]
    with ExitStack() as stack:
        endpoint = stack.enter_context(appwrite_server(script="benchmarks.sales.filling", rows=rows))
        sqlite = stack.enter_context(Contender("benchmarks.local_evaluation", "sqlite", endpoint))
        library = stack.enter_context(Contender("benchmarks.local_evaluation", "library", endpoint))
        sqlite.call("fill", rows=rows)
        for figures, query in zip(found, ("group", "join"), strict=True):
            library.call("run", query=query)
            calls: dict[str, Callable[[], Sample]] = {
                "sqlite": partial(sqlite.call, "run", query=query),
                "transfer": partial(library.call, "transfer", query=query),
                "library, first": partial(_then_cached, library, query, figures),
            }
            interleave(figures, calls, rounds)
    return found


def _then_cached(library: Contender, query: str, figures: Figures) -> Sample:
    first = library.call("run", query=query, fresh=True)
    figures.samples.setdefault("library, cached", []).append(library.call("run", query=query))
    return first


def run(quick: bool) -> Report:
    report = Report(
        "local_evaluation",
        "Local evaluation",
        "A group-by and a join of three tables that the server cannot do, evaluated in the process: the first time and from the cache, against Django "
        "on SQLite; the transfer of the rows alone is shown apart.",
        comparisons=(
            ("library, first", "sqlite"),
            ("library, first", "transfer"),
            ("library, cached", "sqlite"),
        ),
    )
    report.figures = measure(1_000 if quick else 9_000, 3 if quick else 7)
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
