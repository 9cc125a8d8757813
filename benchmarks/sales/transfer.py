"""The rows that the questions need, and nothing else: pages over ``requests.Session``, read with ``json.loads``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests

from benchmarks.appwrite_server import KEY, PROJECT

#: One more than a thousand, as the library asks for: a list of just a thousand needs no second
#: request to find its end.
PAGE = 1_001
#: Values of one filter; the server takes no more.
MOST = 500
HEADERS = {"x-appwrite-project": PROJECT, "x-appwrite-key": KEY}
Row = dict[str, Any]


def prepare(endpoint: str) -> dict[str, Callable[..., None]]:
    session = requests.Session()
    session.headers.update(HEADERS)

    def rows(table: str, columns: tuple[str, ...], *filters: dict[str, Any]) -> list[Row]:
        found: list[Row] = []
        page: list[Row] = []
        while not found or len(page) == PAGE:
            asked = [*filters, query("select", values=columns), query("limit", values=[PAGE])]
            if page:
                asked.append(query("cursorAfter", values=[page[-1]["$id"]]))
            parameters = {f"queries[{place}]": json.dumps(one) for place, one in enumerate(asked)}
            address = f"{endpoint}/tablesdb/shop/tables/{table}/rows"
            answer = session.get(address, params={**parameters, "total": "0"})
            answer.raise_for_status()
            page = json.loads(answer.content)["rows"]
            if not page:
                break
            found += page
        return found

    def related(table: str, columns: tuple[str, ...], key: str, to: list[Row]) -> list[Row]:
        ids = [row["$id"] for row in to]
        parts = [ids[first : first + MOST] for first in range(0, len(ids), MOST)]
        return [row for part in parts for row in rows(table, columns, query("equal", key, part))]

    def group() -> int:
        return len(rows("sales_sale", ("kind", "amount")))

    def join() -> int:
        regions = rows("sales_region", ("name",), query("equal", "name", ["region 1"]))
        sellers = related("sales_seller", ("name", "region_id"), "region_id", regions)
        return len(related("sales_sale", ("amount", "seller_id"), "seller_id", sellers))

    def page() -> int:
        return len(rows("sales_seller", ("name", "region_id")))

    questions = {"group": group, "join": join, "page": page}

    def run(question: str) -> None:
        if not questions[question]():
            raise SystemExit("nothing was found")

    return {"run": run}


def query(method: str, column: str | None = None, values: Any = ()) -> dict[str, Any]:
    named = {} if column is None else {"attribute": column}
    return {"method": method, **named, "values": list(values)}
