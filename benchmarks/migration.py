"""
A migration of many tables: ``python -m benchmarks.migration [--quick]``.

50 models of 20 columns are brought to an empty database, and then once more, which changes nothing,
on a server of level 2.x. *floor* makes the same tables with their columns in one request each
through ``requests.Session``; it compares nothing and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.appwrite_server import KEY, PROJECT, appwrite_server
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, interleave

COLUMNS = 20


def prepare(name: str, endpoint: str, tables: str) -> dict[str, Callable[..., Any]]:
    return {"floor": _floor, "library": _library}[name](endpoint, int(tables))


def _library(endpoint: str, tables: int) -> dict[str, Callable[..., Any]]:
    from benchmarks.orm_site import configure

    configure(endpoint)
    from django.core.management import call_command
    from django.db import connections, models

    from appwrite_orm_django.models import AppwriteModel
    from appwrite_orm_django.testing import captured_requests

    for number in range(tables):
        meta = type("Meta", (), {"app_label": "shop"})
        fields = {
            f"column_{place}": models.CharField(max_length=50, null=True)
            for place in range(COLUMNS)
        }
        type(
            f"Table{number}",
            (AppwriteModel,),
            {"__module__": "benchmarks.shop.items", "Meta": meta, **fields},
        )

    def migrate() -> dict[str, float]:
        with captured_requests("appwrite") as requests:
            call_command("appwrite_migrate", verbosity=0)
        return {"requests": len(requests)}

    def drop() -> None:
        connections["appwrite"].transport.call("DELETE", "/tablesdb/shop")

    return {"migrate": migrate, "drop": drop}


def _floor(endpoint: str, tables: int) -> dict[str, Callable[..., Any]]:
    import requests

    session = requests.Session()
    session.headers.update({"x-appwrite-project": PROJECT, "x-appwrite-key": KEY})

    def post(path: str, body: dict[str, Any]) -> None:
        session.post(f"{endpoint}{path}", json=body).raise_for_status()

    def migrate() -> dict[str, float]:
        post("/tablesdb", {"databaseId": "floor", "name": "floor"})
        columns = [
            {"key": f"column_{place}", "type": "varchar", "size": 50} for place in range(COLUMNS)
        ]
        for number in range(tables):
            body = {
                "tableId": f"table{number}",
                "name": f"table{number}",
                "columns": columns,
                "indexes": [],
            }
            post("/tablesdb/floor/tables", body)
        return {"requests": tables + 1}

    def drop() -> None:
        session.delete(f"{endpoint}/tablesdb/floor").raise_for_status()

    return {"migrate": migrate, "drop": drop}


def measure(tables: int, rounds: int, names: Sequence[str] = ("floor", "library")) -> list[Figures]:
    """Return the figures of a run that makes everything and of one that finds nothing to do."""
    first = Figures(f"{tables} tables of {COLUMNS} columns", tables, "tables")
    again = Figures(f"{tables} tables, nothing to do", tables, "tables")
    with ExitStack() as stack:
        contenders = {
            name: stack.enter_context(
                Contender(
                    "benchmarks.migration",
                    name,
                    stack.enter_context(appwrite_server(feature_level="2.x")),
                    str(tables),
                )
            )
            for name in names
        }
        contenders["library"].call("drop")
        for _ in range(rounds):
            interleave(
                first, {name: partial(one.call, "migrate") for name, one in contenders.items()}, 1
            )
            interleave(again, {"library": partial(contenders["library"].call, "migrate")}, 1)
            for contender in contenders.values():
                contender.call("drop")
    return [first, again]


def run(quick: bool) -> Report:
    report = Report(
        "migration",
        "Migration",
        "`appwrite_migrate` brings an empty database to its models: read, compare, apply, wait. The floor posts the tables and looks at nothing.",
        comparisons=(("library", "floor"),),
    )
    report.figures = measure(5 if quick else 50, 2 if quick else 3)
    report.notes = [
        f"{figures.task}: {figures.median('library', 'requests'):.0f} requests, {figures.median('library'):.2f} s here"
        for figures in report.figures
    ]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
