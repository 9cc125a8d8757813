"""
What the server cannot do, evaluated here: ``python -m benchmarks.local_evaluation [--quick]``.

A group-by over a table, a join of three tables, and a list page of 100 rows in an order that the
server does not have, on a server of level 1.9. *library, first* fetches the rows and evaluates,
*library, cached* answers again from the cache; *sqlite* is Django on a SQLite file with the same
rows; *transfer* gets the rows and columns that the question needs, with ``requests`` and ``json``
and nothing of the library; *plain list* is the library's list of the same rows in an order that the
server has.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.appwrite_server import appwrite_server
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Sample, Target, interleave

QUESTIONS = ("group", "join", "page")


def prepare(name: str, endpoint: str, rows: str) -> dict[str, Callable[..., Any]]:
    from benchmarks.orm_site import configure

    # A bound on what one query may fetch is a bound on mistakes, not on this.
    limit = max(int(rows) + 1_000, 10_000)
    configure(
        endpoint,
        cache=True,
        apps=("benchmarks.sales",),
        LOCAL_EVALUATION_MAX_ROWS=limit,
        FEATURE_LEVEL="1.9",
    )
    from django.db import connection
    from django.db.models import Count, Sum
    from django.db.models.functions import Lower

    from benchmarks.sales import models

    using = "default" if name == "sqlite" else "appwrite"
    if name == "sqlite":
        with connection.schema_editor() as editor:
            for model in models.ALL:
                editor.create_model(model)
    sales = models.Sale.objects.using(using)
    sellers = models.Seller.objects.using(using)

    def group() -> list[Any]:
        return list(
            sales.values("kind").annotate(n=Count("pk"), total=Sum("amount")).order_by("kind")
        )

    def join() -> list[Any]:
        wanted = sales.filter(seller__region__name="region 1").order_by("pk")
        return list(wanted.values_list("pk", "amount", "seller__name", "seller__region__name"))

    def page() -> list[Any]:
        return list(sellers.order_by(Lower("name"), "pk"))

    def plain() -> list[Any]:
        return list(sellers.order_by("name", "pk"))

    questions = {"group": group, "join": join, "page": page, "plain": plain}

    def run(question: str, fresh: bool = False) -> None:
        if fresh and using == "appwrite":
            for model in models.ALL:
                model.objects.set_updated(False)
        if not questions[question]():
            raise SystemExit("nothing was found")

    def fill(rows: int) -> None:
        models.fill(using, rows)

    return {"run": run, "fill": fill}


def measure(rows: int, rounds: int) -> list[Figures]:
    sizes = {"group": rows, "join": rows, "page": 100}
    found = [
        Figures(f"{question} {sizes[question]:,} rows", sizes[question], "rows")
        for question in QUESTIONS
    ]
    with ExitStack() as stack:
        endpoint = stack.enter_context(
            appwrite_server(script="benchmarks.sales.filling", rows=rows)
        )
        arguments = (endpoint, str(rows))
        sqlite = stack.enter_context(Contender("benchmarks.local_evaluation", "sqlite", *arguments))
        library = stack.enter_context(
            Contender("benchmarks.local_evaluation", "library", *arguments)
        )
        transfer = stack.enter_context(Contender("benchmarks.sales.transfer", endpoint))
        sqlite.call("fill", rows=rows)
        for figures, question in zip(found, QUESTIONS, strict=True):
            library.call("run", question=question)
            calls: dict[str, Callable[[], Sample]] = {
                "sqlite": partial(sqlite.call, "run", question=question),
                "transfer": partial(transfer.call, "run", question=question),
                "library, first": partial(_then_cached, library, question, figures),
            }
            if question == "page":
                calls["plain list"] = partial(library.call, "run", question="plain", fresh=True)
            interleave(figures, calls, rounds)
    return found


def _then_cached(library: Contender, question: str, figures: Figures) -> Sample:
    first = library.call("run", question=question, fresh=True)
    figures.samples.setdefault("library, cached", []).append(library.call("run", question=question))
    return first


def run(quick: bool) -> Report:
    report = Report(
        "local_evaluation",
        "Local evaluation",
        "A group-by, a join of three tables and a list page, none of which the server can do, evaluated in the process: the first time and from the "
        "cache, against Django on SQLite. The transfer is the rows and columns that are needed, over `requests` and `json`, without the library; the "
        "plain list is the library's, in an order that the server has.",
        comparisons=(
            ("library, first", "transfer"),
            ("library, first", "plain list"),
            ("library, first", "sqlite"),
            ("library, cached", "sqlite"),
        ),
        targets=(
            Target("library, first", "transfer", 1.3, ("group 10,000 rows", "join 10,000 rows")),
        ),
    )
    report.figures = measure(1_000 if quick else 10_000, 3 if quick else 9)
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
