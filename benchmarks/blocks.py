"""
What test suites do most: ``python -m benchmarks.blocks [--quick]``.

``get_or_create()``, ``get()`` and ``count()`` inside one ``atomic`` block, as in ``setUpTestData``,
with few and with many uncommitted rows, and the creation of tables where there are few and many.
The server is in the process (``local:``), as in test suites, and its time is counted. *growth* is
the time among many over the time among few, of the same round.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Target, interleave

NAMES = ("library", "sqlite")
TASKS = ("get_or_create", "get", "count")
#: The calls that are timed.
CALLS = 50


def prepare(name: str) -> dict[str, Callable[..., Any]]:
    from benchmarks.orm_site import configure

    configure("local:", apps=("benchmarks.sales",))
    from django.db import connections, models, transaction

    using = "appwrite" if name == "library" else "default"
    connection = connections[using]
    module = {"__module__": "benchmarks.sales.models"}
    region = type("Place", (models.Model,), {**module, "name": models.CharField(max_length=40)})
    with connection.schema_editor() as editor:
        editor.create_model(region)
    regions: Any = region._base_manager.using(using)
    block = transaction.atomic(using=using)
    made: list[type[models.Model]] = []

    def begin(rows: int) -> None:
        block.__enter__()
        regions.bulk_create([region(name=f"region {number}") for number in range(rows)])

    def end() -> None:
        transaction.set_rollback(True, using=using)
        block.__exit__(None, None, None)

    tasks: dict[str, Callable[[int], Any]] = {
        "get_or_create": lambda number: regions.get_or_create(name=f"new {number}"),
        "get": lambda number: regions.get(name=f"region {number}"),
        "count": lambda _: regions.count(),
    }

    def run(task: str) -> None:
        for number in range(CALLS):
            tasks[task](number)

    def create(tables: int) -> None:
        for _ in range(tables):
            fields = {
                **module,
                "name": models.CharField(max_length=40),
                "number": models.IntegerField(db_index=True),
                "region": models.ForeignKey(region, models.CASCADE, related_name="+"),
                "at": models.DateTimeField(null=True),
            }
            made.append(type(f"Made{len(made)}", (models.Model,), fields))
            with connection.schema_editor() as editor:
                editor.create_model(made[-1])

    return {"begin": begin, "end": end, "run": run, "create": create}


def _of_blocks(sizes: tuple[int, int], rounds: int) -> list[Figures]:
    found = [Figures(task, CALLS, "calls") for task in TASKS]
    with ExitStack() as stack:
        contenders = {
            f"{name}, {label}": (stack.enter_context(Contender("benchmarks.blocks", name)), size)
            for name in NAMES
            for label, size in zip(("few", "many"), sizes, strict=True)
        }
        for figures in found:
            for _ in range(rounds):
                for contender, size in contenders.values():
                    contender.call("begin", rows=size)
                calls = {
                    name: partial(contender.call, "run", task=figures.task)
                    for name, (contender, _) in contenders.items()
                }
                interleave(figures, calls, 1)
                for contender, _ in contenders.values():
                    contender.call("end")
    return found


def _of_tables(tables: int, rounds: int) -> Figures:
    figures = Figures("10 tables", 10, "tables")
    for _ in range(rounds):
        with ExitStack() as stack:
            for name in NAMES:
                contender = stack.enter_context(Contender("benchmarks.blocks", name))
                contender.call("create", tables=10)
                interleave(
                    figures, {f"{name}, few": partial(contender.call, "create", tables=10)}, 1
                )
                contender.call("create", tables=tables)
                interleave(
                    figures, {f"{name}, many": partial(contender.call, "create", tables=10)}, 1
                )
    return figures


def run(quick: bool) -> Report:
    sizes = (50, 500) if quick else (100, 2_000)
    report = Report(
        "blocks",
        "Test suites",
        "Reads and writes inside a block with few and many uncommitted rows, and the creation of tables where there are few and many, with the server "
        "in the process.",
        comparisons=(
            ("library, many", "library, few"),
            ("library, few", "sqlite, few"),
            ("library, many", "sqlite, many"),
        ),
        targets=(
            Target("library, many", "library, few", 1.5, ("get_or_create", "get", "10 tables")),
        ),
    )
    rounds = 3 if quick else 7
    report.figures = [*_of_blocks(sizes, rounds), _of_tables(60 if quick else 230, rounds)]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
