"""
Bulk writes: create, update and delete many rows: ``python -m benchmarks.bulk_writes [--quick]``.

*sdk, bulk* makes the SDK's bulk calls by hand (100 rows a create, one call for an update or a
deletion); *sdk, rows* one call for each row, for one row in twenty, its time counted twenty times.
Each begins with an empty table of its own server.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.appwrite_server import appwrite_server
from benchmarks.cold_reads import sdk_client
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Sample, Target, interleave

TASKS = ("create", "update", "delete")
#: Row by row, one in so many is written.
PART = 20
NAMES = ("sdk, rows", "sdk, bulk", "library")


def prepare(name: str, endpoint: str) -> dict[str, Callable[..., None]]:
    return {"sdk, rows": _rows, "sdk, bulk": _bulk, "library": _library}[name](endpoint)


def _data(number: int) -> dict[str, Any]:
    return {"name": f"Product number {number}", "stock": number, "active": True}


def _rows(endpoint: str) -> dict[str, Callable[..., None]]:
    from appwrite.services.tables_db import TablesDB

    tables = TablesDB(sdk_client(endpoint))

    def create(rows: int) -> None:
        for number in range(rows):
            tables.create_row("shop", "shop_item", f"row{number}", _data(number))

    def update(rows: int) -> None:
        for number in range(rows):
            tables.update_row("shop", "shop_item", f"row{number}", {"stock": 1})

    def delete(rows: int) -> None:
        for number in range(rows):
            tables.delete_row("shop", "shop_item", f"row{number}")

    return {"create": create, "update": update, "delete": delete}


def _bulk(endpoint: str) -> dict[str, Callable[..., None]]:
    from appwrite.services.tables_db import TablesDB

    tables = TablesDB(sdk_client(endpoint))

    def create(rows: int) -> None:
        for start in range(0, rows, 100):
            batch = [
                {"$id": f"row{number}", **_data(number)}
                for number in range(start, min(start + 100, rows))
            ]
            tables.create_rows("shop", "shop_item", batch)

    # The server answers with every row it changed, all at once.
    def update(rows: int) -> None:  # noqa: ARG001 - all there are
        tables.update_rows("shop", "shop_item", {"stock": 1}, [])

    def delete(rows: int) -> None:  # noqa: ARG001
        tables.delete_rows("shop", "shop_item", [])

    return {"create": create, "update": update, "delete": delete}


def _library(endpoint: str) -> dict[str, Callable[..., None]]:
    from benchmarks.orm_site import configure

    configure(endpoint)
    from benchmarks.shop.items import Item

    def create(rows: int) -> None:
        Item.objects.bulk_create(
            [Item(id=f"row{number}", **_data(number)) for number in range(rows)]
        )

    def update(rows: int) -> None:
        _check(Item.objects.update(stock=1), rows)

    def delete(rows: int) -> None:
        _check(Item.objects.all().delete()[0], rows)

    return {"create": create, "update": update, "delete": delete}


def _check(found: int, rows: int) -> None:
    if found != rows:
        raise SystemExit(f"{found} rows instead of {rows}")


def measure(rows: int, rounds: int) -> list[Figures]:
    found = [Figures(f"{task} {rows:,} rows", rows, "rows") for task in TASKS]
    with ExitStack() as stack:
        # A server for each: what one has deleted must not make the other's table larger.
        contenders = {
            name: stack.enter_context(
                Contender("benchmarks.bulk_writes", name, stack.enter_context(appwrite_server()))
            )
            for name in NAMES
        }
        for _ in range(rounds):
            for task, figures in zip(TASKS, found, strict=True):
                calls = {
                    name: partial(_scaled, one, task, rows, PART if name == "sdk, rows" else 1)
                    for name, one in contenders.items()
                }
                interleave(figures, calls, 1)
    return found


def _scaled(contender: Contender, task: str, rows: int, part: int) -> Sample:
    sample = contender.call(task, rows=rows // part)
    return {**sample, "wall": sample["wall"] * part, "cpu": sample["cpu"] * part}


def run(quick: bool) -> Report:
    report = Report(
        "bulk_writes",
        "Bulk writes",
        "`bulk_create()`, `update()` and `delete()` of many rows, against the SDK's bulk calls and against one call for each row.",
        comparisons=(("library", "sdk, bulk"), ("library", "sdk, rows")),
        targets=(Target("library", "sdk, bulk", 1.1), Target("library", "sdk, rows", 0.1)),
    )
    report.figures = measure(1_000 if quick else 10_000, 2 if quick else 5)
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
