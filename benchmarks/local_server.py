"""
How fast the local server is with many rows in one table: ``python -m benchmarks.local_server
[--rows 1000000] [--keep FILE]``.

The rows are put into the storage directly, as a bulk call would store them; what is measured goes
through the whole server in this process, from the request's text to the answer's bytes. Figures are
printed; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from appwrite_local.messages import Request, Response
from appwrite_local.schema import require_table
from appwrite_local.server import LocalServer
from appwrite_orm_django.engines.collation import fold

CHUNK = 20_000
WORDS = ("tea", "Kaffee", "mate", "Öl", "rice", "salt", "Zimt", "bread", "olive", "fig")
ROWS_PATH = "/v1/tablesdb/d/tables/t/rows"
HEADERS = {
    "x-appwrite-project": "demo",
    "x-appwrite-key": "secret",
    "content-type": "application/json",
}
COLUMNS: tuple[dict[str, Any], ...] = (
    {"key": "name", "type": "varchar", "size": 60},
    {"key": "kind", "type": "varchar", "size": 20},
    {"key": "price", "type": "integer"},
    {"key": "rate", "type": "double"},
    {"key": "sold", "type": "boolean"},
    {"key": "at", "type": "datetime"},
)
INDEXES: tuple[dict[str, Any], ...] = (
    {"key": "by_kind_price", "type": "key", "attributes": ["kind", "price"]},
    {"key": "by_price", "type": "key", "attributes": ["price"]},
    {"key": "by_name", "type": "key", "attributes": ["name"]},
)


def query(method: str, attribute: str = "", *values: Any) -> str:
    return json.dumps({"method": method, "attribute": attribute, "values": list(values)})


class Bench:
    def __init__(self, path: str, rows: int) -> None:
        self.server = LocalServer(path, feature_level="2.x")
        self.rows = rows

    def ask(
        self, method: str, path: str, queries: tuple[str, ...] = (), body: Any = None
    ) -> Response:
        query_string = urlencode(
            [(f"queries[{place}]", text) for place, text in enumerate(queries)]
        )
        request = Request(
            method, path, query_string, HEADERS, b"" if body is None else json.dumps(body).encode()
        )
        response = self.server.handle(request)
        if response.status >= 300:
            raise RuntimeError(response.body)
        return response

    def fill(self) -> float:
        self.ask("POST", "/v1/tablesdb", body={"databaseId": "d", "name": "D"})
        table = {"tableId": "t", "name": "T", "columns": COLUMNS, "indexes": INDEXES}
        self.ask("POST", "/v1/tablesdb/d/tables", body=table)
        began = time.perf_counter()
        with self.server.storage.session(writes=False) as session:
            definition = require_table(self.server.schema, session, "d", "t")
        columns = {column.key: column for column in definition.all_columns}
        names = ["_uid", "_uid_fold", "_created", "_updated", "_permissions"]
        for column in columns.values():
            names += [column.sql, column.folded_sql] if column.has_fold else [column.sql]
        statement = f"INSERT INTO {definition.sql} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        records = self._records()
        while chunk := list(islice(records, CHUNK)):
            with self.server.storage.session(writes=True) as session:
                session.execute_many(statement, chunk)
        return time.perf_counter() - began

    def _records(self) -> Iterator[tuple[Any, ...]]:
        now = "2026-01-01T00:00:00.000+00:00"
        for number in range(self.rows):
            row_id, kind = f"r{number:09d}", WORDS[number % len(WORDS)]
            name = f"{kind} number {number * 7919 % self.rows}"
            price = number * 104_729 % 100_003
            at = f"20{number % 90 + 10}-01-01T00:00:00.000+00:00"
            yield (
                row_id,
                fold(row_id),
                now,
                now,
                "[]",
                name,
                fold(name),
                kind,
                fold(kind),
                price,
                price / 7,
                number % 2,
                at,
            )


def measure(label: str, ask: Callable[[int], Response], rounds: int) -> None:
    ask(0)
    times, size = [], 0
    for number in range(rounds):
        began = time.perf_counter()
        size = len(ask(number).body)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    print(
        f"{label:<48} {statistics.median(times):9.3f} {times[0]:9.3f} {times[int(len(times) * 0.95)]:9.3f} {size:9,}"
    )


def run(bench: Bench) -> None:
    rows = bench.rows
    middle = f"r{rows // 2:09d}"

    def listing(*queries: str) -> Callable[[int], Response]:
        return lambda _: bench.ask("GET", ROWS_PATH, queries)

    print(f"{'':<48} {'median':>9} {'best':>9} {'95 %':>9} {'bytes':>9}   (ms)")
    measure("get by id", lambda n: bench.ask("GET", f"{ROWS_PATH}/r{n * 7919 % rows:09d}"), 500)
    limit, no_total = query("limit", "", 1000), ()
    measure("list, first page of 25", listing(*no_total), 50)
    measure("list of 1,000 rows", listing(limit), 30)
    measure(
        "list of 1,000 rows, 2 columns", listing(limit, query("select", "", "name", "price")), 30
    )
    measure(
        "equal on an index, 100 rows",
        listing(query("equal", "price", 4711), query("limit", "", 100)),
        50,
    )
    measure(
        "equal and order on an index, 1,000 rows",
        listing(query("equal", "kind", "TEA"), query("orderDesc", "price"), limit),
        20,
    )
    measure(
        "range and order on an index, 1,000 rows",
        listing(query("between", "price", 500, 600), query("orderAsc", "price"), limit),
        20,
    )
    measure(
        "startsWith on an index, 100 rows",
        listing(query("startsWith", "name", "fig number 99"), query("limit", "", 100)),
        20,
    )
    measure(
        "cursor in the middle, 100 rows",
        listing(query("cursorAfter", "", middle), query("limit", "", 100)),
        50,
    )
    deep = (query("orderAsc", "price"), query("cursorAfter", "", middle), query("limit", "", 100))
    measure("cursor in the middle of an order, 100 rows", listing(*deep), 50)
    measure("offset 100,000, 25 rows", listing(query("offset", "", min(100_000, rows // 2))), 5)
    measure("count of all rows (aggregate)", listing(query("count", "*", "n")), 5)
    measure(
        "count on an index (aggregate)",
        listing(query("count", "*", "n"), query("equal", "kind", "tea")),
        5,
    )
    measure("sum by group", listing(query("groupBy", "", "kind"), query("sum", "price", "s")), 2)
    body = {"rowId": "unique()", "data": {"name": "new", "kind": "new", "price": 1}}
    measure("create a row", lambda _: bench.ask("POST", ROWS_PATH, body=body), 200)
    measure(
        "update a row",
        lambda n: bench.ask("PATCH", f"{ROWS_PATH}/r{n:09d}", body={"data": {"price": n + rows}}),
        200,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="How fast the local server is with many rows in one table."
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path, help="keep the data here, and use it if it is there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder) / "bench.sqlite3"
        is_filled = path.exists()
        bench = Bench(str(path), args.rows)
        if not is_filled:
            seconds = bench.fill()
            print(
                f"filled {args.rows:,} rows in {seconds:.1f} s, {path.stat().st_size / 2**20:,.0f} MiB"
            )
        run(bench)
        bench.server.close()


if __name__ == "__main__":
    main()
