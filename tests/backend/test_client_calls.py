"""Which calls of the client change which rows."""

import pytest

from appwrite_orm_django.backend.client_calls import RawWrite, raw_write

ROWS = "/tablesdb/shop/tables/product/rows"


@pytest.mark.parametrize(
    ("method", "path", "params", "expected"),
    [
        ("GET", ROWS, {}, None),
        ("POST", ROWS, {"rowId": "a", "data": {}}, RawWrite("shop", "product", "a", "create")),
        (
            "POST",
            ROWS,
            {"rowId": "unique()", "data": {}},
            RawWrite("shop", "product", None, "create"),
        ),
        ("POST", ROWS, {"rows": [{}]}, RawWrite("shop", "product", None, "create")),
        ("PATCH", ROWS, {"data": {}}, RawWrite("shop", "product", None, "update")),
        ("PUT", ROWS, {"rows": []}, RawWrite("shop", "product", None, "change")),
        ("PUT", f"{ROWS}/a", {"data": {}}, RawWrite("shop", "product", "a", "change")),
        ("DELETE", f"{ROWS}/a%20b", {}, RawWrite("shop", "product", "a b", "delete")),
        (
            "PATCH",
            f"{ROWS}/a/stock/increment",
            {"value": 1},
            RawWrite("shop", "product", "a", "update"),
        ),
        ("PATCH", f"{ROWS}/a", {"data": {}, "transactionId": "t"}, None),
        (
            "POST",
            "/databases/shop/collections/product/documents",
            {"documentId": "a"},
            RawWrite("shop", "product", "a", "create"),
        ),
        (
            "DELETE",
            "/databases/shop/collections/product/documents/a",
            {},
            RawWrite("shop", "product", "a", "delete"),
        ),
        ("DELETE", "/tablesdb/shop/tables/product", {}, RawWrite("shop", "product")),
        ("DELETE", "/tablesdb/shop/tables/product/columns/name", {}, RawWrite("shop", "product")),
        (
            "PATCH",
            "/tablesdb/shop/tables/product/columns/string/name",
            {},
            RawWrite("shop", "product"),
        ),
        ("POST", "/tablesdb/shop/tables/product/columns/string", {}, None),
        ("POST", "/tablesdb/shop/tables", {"tableId": "product"}, None),
        ("POST", "/tablesdb/transactions", {}, None),
        ("POST", "/tablesdb/transactions/t/operations", {"operations": []}, None),
        ("PATCH", "/tablesdb/transactions/t", {"commit": True}, RawWrite(None)),
        ("PATCH", "/tablesdb/transactions/t", {"rollback": True}, None),
        ("POST", "/functions/f/executions", {}, None),
    ],
)
def test_what_a_call_changes(method, path, params, expected):
    assert raw_write(method, path, params) == expected
