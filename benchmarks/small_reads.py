"""
Many small reads over TLS: 500 gets by id: ``python -m benchmarks.small_reads [--quick]``.

A terminator in a process of its own stands before the local server. The SDK opens a connection for
each request (and does not verify the certificate, which is to its advantage); the library keeps its
connection, and verifies.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.appwrite_server import appwrite_server, tls_terminator
from benchmarks.cold_reads import sdk_client
from benchmarks.contenders.records import records
from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, Target, interleave

ROWS = 500


def prepare(name: str, endpoint: str, certificate: str) -> dict[str, Callable[..., None]]:
    get = {"sdk": _sdk, "library": _library}[name](endpoint, certificate)
    ids = [record["id"] for record in records(ROWS)]

    def gets(times: int) -> None:
        for row_id in ids[:times]:
            get(row_id)

    return {"gets": gets}


def _sdk(endpoint: str, _: str) -> Callable[[str], Any]:
    import warnings

    import urllib3
    from appwrite.services.tables_db import TablesDB

    warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
    tables = TablesDB(sdk_client(endpoint))
    return lambda row_id: tables.get_row("shop", "shop_item", row_id)


def _library(endpoint: str, certificate: str) -> Callable[[str], Any]:
    from benchmarks.orm_site import configure

    configure(endpoint, VERIFY=certificate)
    from benchmarks.shop.items import Item

    return lambda row_id: Item.objects.get(pk=row_id)


def run(quick: bool) -> Report:
    report = Report(
        "small_reads",
        "Many small reads over TLS",
        f"{ROWS} gets by id through a TLS terminator on loopback, one after the other.",
        comparisons=(("library", "sdk"),),
        targets=(Target("library", "sdk", 1 / 3),),
    )
    times = 100 if quick else ROWS
    with appwrite_server(ROWS) as plain, tls_terminator(plain) as (endpoint, certificate):
        arguments = ("benchmarks.small_reads", "{}", endpoint, certificate)
        with (
            Contender(arguments[0], "sdk", *arguments[2:]) as sdk,
            Contender(arguments[0], "library", *arguments[2:]) as ours,
        ):
            calls = {
                "sdk": partial(sdk.call, "gets", times=times),
                "library": partial(ours.call, "gets", times=times),
            }
            for call in calls.values():
                call()
            report.figures = [
                interleave(Figures(f"{times} gets", times, "rows"), calls, 3 if quick else 9)
            ]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
