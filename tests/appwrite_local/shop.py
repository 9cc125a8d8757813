"""Two related tables with a bit of everything, for tests of lists on feature level 2.x."""

from __future__ import annotations

from typing import Any

from tests.appwrite_local.api import Api

CUSTOMERS = [
    {"$id": "c0", "name": "Ann", "city": "Rome", "age": 30},
    {"$id": "c1", "name": "Bob", "city": "Oslo", "age": 40},
    {"$id": "c2", "name": "ann", "city": None, "age": None},
]
ORDERS = [
    {
        "$id": "o0",
        "customer": "c0",
        "pieces": 1,
        "price": 0.1,
        "paid": True,
        "at": "2026-01-01",
        "tags": ["x", "y/é"],
    },
    {
        "$id": "o1",
        "customer": "c0",
        "pieces": 2,
        "price": 0.2,
        "paid": False,
        "at": "2026-01-02",
        "tags": ["x"],
    },
    {
        "$id": "o2",
        "customer": "c1",
        "pieces": 4,
        "price": 0.3,
        "paid": False,
        "at": "2026-01-03",
        "tags": [],
    },
    {
        "$id": "o3",
        "customer": "gone",
        "pieces": None,
        "price": None,
        "paid": None,
        "at": None,
        "tags": ["x"],
    },
]
_CUSTOMER_COLUMNS = {"name": "varchar", "city": "varchar", "age": "integer"}
_ORDER_COLUMNS = {
    "customer": "varchar",
    "pieces": "integer",
    "price": "float",
    "paid": "boolean",
    "at": "datetime",
}

ORDER_ROWS = "/tablesdb/d/tables/orders/rows"
CUSTOMER_ROWS = "/tablesdb/d/tables/customers/rows"
BLANKS = {"$sequence": "", "$createdAt": "", "$updatedAt": ""}


def open_shop(**options: Any) -> Api:
    """Start a server of feature level 2.x with three customers and four orders."""
    api = Api(feature_level="2.x", **options)
    api.make_table("customers", columns=_CUSTOMER_COLUMNS)
    api.make_table("orders", columns=_ORDER_COLUMNS)
    api.made(
        "/tablesdb/d/tables/orders/columns/varchar",
        {"key": "tags", "size": 9, "required": False, "array": True},
    )
    api.made(CUSTOMER_ROWS, {"rows": CUSTOMERS})
    api.made(ORDER_ROWS, {"rows": ORDERS})
    return api


def listed(api: Api, *queries: str, path: str = ORDER_ROWS) -> list[dict[str, Any]]:
    """List rows, and give only what the queries asked for."""
    status, answer = api.get(path, queries=queries)
    assert status == 200, answer
    return [
        {key: value for key, value in row.items() if not key.startswith("$")}
        for row in answer["rows"]
    ]
