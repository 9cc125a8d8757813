"""
Cold reads: from a table to model instances, the cache off: ``python -m benchmarks.cold_reads
[--quick]``.

All ask the same local server over HTTP for the same rows of six columns, in the same pages. *floor*
is ``requests.Session`` and ``json.loads`` and leaves it at dicts; *sdk* is the Appwrite SDK's
``TablesDB.list_rows``; *library* makes a list of model instances, and *library, json* does so where
orjson is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.appwrite_server import KEY, PROJECT, appwrite_server
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Target, interleave

SIZES = (1, 25, 100, 1000, 5000)
PAGE = 1000
#: Calls in one round, so that none is over before the clock has moved much.
CALLS = {1: 40, 25: 40, 100: 20, 1000: 5, 5000: 2}
NAMES = ("floor", "sdk", "library", "library, json")


def prepare(name: str, endpoint: str) -> dict[str, Callable[..., None]]:
    read = {
        "floor": _floor,
        "sdk": _sdk,
        "library": _library,
        "library, json": _library_without_orjson,
    }[name](endpoint)

    def repeat(rows: int, times: int) -> None:
        for _ in range(times):
            if (found := len(read(rows))) != rows:
                raise SystemExit(f"{name}: {found} rows instead of {rows}")

    return {"read": repeat}


def pages(rows: int) -> list[tuple[int, int]]:
    """Return offset and limit of each page."""
    return [(start, min(PAGE, rows - start)) for start in range(0, rows, PAGE)]


def _floor(endpoint: str) -> Callable[[int], list[Any]]:
    import json

    import requests

    session = requests.Session()
    session.headers.update({"x-appwrite-project": PROJECT, "x-appwrite-key": KEY})

    def read(rows: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < rows:
            asked = ['{"method":"orderAsc","attribute":"$id"}']
            asked.append(json.dumps({"method": "limit", "values": [min(PAGE, rows - len(found))]}))
            asked.append('{"method":"select","values":["name","stock","active"]}')
            if found:
                asked.append(json.dumps({"method": "cursorAfter", "values": [found[-1]["$id"]]}))
            params = {f"queries[{place}]": text for place, text in enumerate(asked)} | {
                "total": "0"
            }
            answer = session.get(f"{endpoint}/tablesdb/shop/tables/shop_item/rows", params=params)
            found += json.loads(answer.content)["rows"]
        return found

    return read


def sdk_client(endpoint: str) -> Any:
    from appwrite.client import Client

    return Client().set_endpoint(endpoint).set_project(PROJECT).set_key(KEY).set_self_signed(True)


def _sdk(endpoint: str) -> Callable[[int], list[Any]]:
    from appwrite.query import Query
    from appwrite.services.tables_db import TablesDB

    tables = TablesDB(sdk_client(endpoint))

    def read(rows: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < rows:
            asked = [Query.order_asc("$id"), Query.limit(min(PAGE, rows - len(found)))]
            asked.append(Query.select(["name", "stock", "active"]))
            if found:
                asked.append(Query.cursor_after(row_id(found[-1])))
            found += rows_of(tables.list_rows("shop", "shop_item", asked, total=False))
        return found

    return read


def rows_of(answer: Any) -> list[Any]:
    """Return the rows of an answer of the SDK: a dict from older releases, a model from later ones."""
    found: list[Any] = answer["rows"] if isinstance(answer, dict) else answer.rows
    return found


def row_id(row: Any) -> str:
    return str(row["$id"] if isinstance(row, dict) else row.id)


def _library(endpoint: str) -> Callable[[int], list[Any]]:
    from benchmarks.orm_site import configure

    configure(endpoint, PAGE_SIZE=PAGE - 1)
    from benchmarks.shop.items import Item

    return lambda rows: list(Item.objects.order_by("id")[:rows])


def _library_without_orjson(endpoint: str) -> Callable[[int], list[Any]]:
    # An import of a name that is there as None fails as that of a missing module does.
    sys.modules["orjson"] = None  # type: ignore[assignment]
    return _library(endpoint)


def measure(
    rounds: int, sizes: tuple[int, ...] = SIZES, names: tuple[str, ...] = NAMES
) -> list[Figures]:
    found: list[Figures] = []
    with appwrite_server(max(sizes)) as endpoint:
        contenders = {name: Contender("benchmarks.cold_reads", name, endpoint) for name in names}
        for contender in contenders.values():
            contender.__enter__()
        try:
            for rows in sizes:
                times = CALLS.get(rows, 5)
                for contender in contenders.values():
                    contender.call("read", rows=rows, times=1)
                calls = {
                    name: partial(one.call, "read", rows=rows, times=times)
                    for name, one in contenders.items()
                }
                found.append(
                    interleave(Figures(f"{rows:,} rows", rows * times, "rows"), calls, rounds)
                )
        finally:
            for contender in contenders.values():
                contender.__exit__()
    return found


def run(quick: bool) -> Report:
    report = Report(
        "cold_reads",
        "Cold reads",
        "Rows of six columns from the local server over HTTP to model instances, without the cache. The floor is a GET with "
        "`requests.Session` and `json.loads`, and makes no instances.",
        comparisons=(
            ("library", "floor"),
            ("library", "sdk"),
            ("library, json", "floor"),
            ("library, json", "sdk"),
        ),
        targets=(Target("library", "floor", 1.15), Target("library", "sdk", 1.0)),
    )
    report.figures = measure(3 if quick else 15)
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
