"""What each endpoint function puts on the wire, and what it makes of the answer."""

from __future__ import annotations

import json

import pytest

from appwrite_orm_django.client import (
    columns,
    databases,
    indexes,
    rows,
    tables,
    transactions,
    webhooks,
)
from appwrite_orm_django.client.queries import equal, limit

from .conftest import ENDPOINT, ROWS, TABLE

T = f"{ENDPOINT}/tablesdb/shop/tables/product"
READ_ROLE = 'read("any")'


def sent(server, index=0):
    request = server.calls[index].request
    return (
        request.method,
        request.url.removeprefix(ENDPOINT),
        json.loads(request.body) if request.body else None,
    )


@pytest.mark.parametrize(
    ("act", "method", "url", "body"),
    [
        (
            lambda t: rows.create_row(
                t, TABLE, "r", {"a": 1}, permissions=[READ_ROLE], transaction_id="t1"
            ),
            "POST",
            ROWS,
            {"rowId": "r", "data": {"a": 1}, "permissions": [READ_ROLE], "transactionId": "t1"},
        ),
        (
            lambda t: rows.create_rows(t, TABLE, [{"$id": "r", "a": 1}]),
            "POST",
            ROWS,
            {"rows": [{"$id": "r", "a": 1}]},
        ),
        (
            lambda t: rows.update_row(t, TABLE, "r", {"a": None}),
            "PATCH",
            f"{ROWS}/r",
            {"data": {"a": None}},
        ),
        (
            lambda t: rows.update_row(t, TABLE, "r", permissions=[]),
            "PATCH",
            f"{ROWS}/r",
            {"permissions": []},
        ),
        (
            lambda t: rows.update_rows(t, TABLE, {"a": 1}, [equal("b", 2)]),
            "PATCH",
            ROWS,
            {"data": {"a": 1}, "queries": ['{"method":"equal","attribute":"b","values":[2]}']},
        ),
        (
            lambda t: rows.upsert_row(t, TABLE, "r", {"a": 1}),
            "PUT",
            f"{ROWS}/r",
            {"data": {"a": 1}},
        ),
        (
            lambda t: rows.upsert_rows(t, TABLE, [{"$id": "r"}]),
            "PUT",
            ROWS,
            {"rows": [{"$id": "r"}]},
        ),
        (
            lambda t: rows.delete_row(t, TABLE, "r", transaction_id="t1"),
            "DELETE",
            f"{ROWS}/r",
            {"transactionId": "t1"},
        ),
        (
            lambda t: rows.delete_rows(t, TABLE, [limit(3)]),
            "DELETE",
            ROWS,
            {"queries": ['{"method":"limit","values":[3]}']},
        ),
        (
            lambda t: rows.increment_column(t, TABLE, "r", "n", 5, maximum=9),
            "PATCH",
            f"{ROWS}/r/n/increment",
            {"value": 5, "max": 9},
        ),
        (
            lambda t: rows.decrement_column(t, TABLE, "r", "n", 5, minimum=0),
            "PATCH",
            f"{ROWS}/r/n/decrement",
            {"value": 5, "min": 0},
        ),
        (
            lambda t: transactions.create_transaction(t, 60),
            "POST",
            f"{ENDPOINT}/tablesdb/transactions",
            {"ttl": 60},
        ),
        (
            lambda t: transactions.commit(t, "t1"),
            "PATCH",
            f"{ENDPOINT}/tablesdb/transactions/t1",
            {"commit": True},
        ),
        (
            lambda t: transactions.rollback(t, "t1"),
            "PATCH",
            f"{ENDPOINT}/tablesdb/transactions/t1",
            {"rollback": True},
        ),
        (
            lambda t: transactions.create_operations(t, "t1", [{"action": "delete", "rowId": "r"}]),
            "POST",
            f"{ENDPOINT}/tablesdb/transactions/t1/operations",
            {"operations": [{"action": "delete", "rowId": "r"}]},
        ),
        (
            lambda t: databases.create_database(t, "shop", "Shop"),
            "POST",
            f"{ENDPOINT}/tablesdb",
            {"databaseId": "shop", "name": "Shop", "enabled": True},
        ),
        (
            lambda t: databases.update_database(t, "shop", name="S", enabled=False),
            "PUT",
            f"{ENDPOINT}/tablesdb/shop",
            {"name": "S", "enabled": False},
        ),
        (
            lambda t: tables.create_table(
                t, TABLE, "Product", columns=[{"key": "a"}], indexes=[{"key": "i"}]
            ),
            "POST",
            f"{ENDPOINT}/tablesdb/shop/tables",
            {
                "tableId": "product",
                "name": "Product",
                "permissions": [],
                "rowSecurity": False,
                "enabled": True,
                "columns": [{"key": "a"}],
                "indexes": [{"key": "i"}],
            },
        ),
        (
            lambda t: tables.update_table(
                t, TABLE, name="P", permissions=[], row_security=True, enabled=True
            ),
            "PUT",
            T,
            {"name": "P", "permissions": [], "rowSecurity": True, "enabled": True},
        ),
        (
            lambda t: columns.create_column(
                t, TABLE, "varchar", "a", required=True, size=5, default=None
            ),
            "POST",
            f"{T}/columns/varchar",
            {"key": "a", "required": True, "size": 5},
        ),
        (
            lambda t: columns.create_column(t, TABLE, "double", "a", required=False),
            "POST",
            f"{T}/columns/float",
            {"key": "a", "required": False},
        ),
        (
            lambda t: columns.create_column(
                t, TABLE, "relationship", "a", required=False, relatedTableId="x"
            ),
            "POST",
            f"{T}/columns/relationship",
            {"key": "a", "relatedTableId": "x"},
        ),
        (
            lambda t: columns.update_column(
                t, TABLE, "varchar", "a", required=False, default=None, newKey="b"
            ),
            "PATCH",
            f"{T}/columns/varchar/a",
            {"required": False, "default": None, "newKey": "b"},
        ),
        (
            lambda t: indexes.create_index(
                t, TABLE, "i", "key", ["a"], orders=["DESC"], lengths=[10]
            ),
            "POST",
            f"{T}/indexes",
            {"key": "i", "type": "key", "columns": ["a"], "orders": ["DESC"], "lengths": [10]},
        ),
        (
            lambda t: webhooks.create_webhook(t, "w", "W", "https://x", ["e"], secret="s" * 8),
            "POST",
            f"{ENDPOINT}/webhooks",
            {
                "webhookId": "w",
                "name": "W",
                "url": "https://x",
                "events": ["e"],
                "tls": True,
                "enabled": True,
                "secret": "s" * 8,
            },
        ),
        (
            lambda t: webhooks.update_webhook(t, "w", name="W", url="https://x", events=["e"]),
            "PUT",
            f"{ENDPOINT}/webhooks/w",
            {"name": "W", "url": "https://x", "events": ["e"], "tls": True, "enabled": True},
        ),
        (
            lambda t: databases.delete_database(t, "shop"),
            "DELETE",
            f"{ENDPOINT}/tablesdb/shop",
            None,
        ),
        (lambda t: tables.delete_table(t, TABLE), "DELETE", T, None),
        (lambda t: columns.delete_column(t, TABLE, "a"), "DELETE", f"{T}/columns/a", None),
        (lambda t: indexes.delete_index(t, TABLE, "i"), "DELETE", f"{T}/indexes/i", None),
        (lambda t: webhooks.delete_webhook(t, "w"), "DELETE", f"{ENDPOINT}/webhooks/w", None),
    ],
)
def test_what_is_sent(transport, server, act, method, url, body):
    server.add(method, url, json={"$id": "r", "total": 0, "rows": []})
    act(transport)
    assert sent(server) == (method, url.removeprefix(ENDPOINT), body)


def test_bulk_calls_return_counts(transport, server):
    server.patch(ROWS, json={"total": 5712, "rows": [{}] * 100})
    server.delete(ROWS, json={"total": 3, "rows": []})
    assert rows.update_rows(transport, TABLE, {"a": 1}) == 5712
    assert rows.delete_rows(transport, TABLE) == 3


def test_total_is_asked_for_by_a_digit(transport, server):
    server.get(ROWS, json={"total": 7, "rows": []})
    assert rows.list_rows(transport, TABLE, total=True, transaction_id="t1") == {
        "total": 7,
        "rows": [],
    }
    assert server.calls[0].request.params == {"total": "1", "transactionId": "t1"}


def test_unmodified_since_is_a_header(transport, server):
    since = "2026-01-01T00:00:00.000+00:00"
    server.patch(f"{ROWS}/r", json={"$id": "r"})
    server.delete(f"{ROWS}/r", status=204)
    rows.update_row(transport, TABLE, "r", {"a": 1}, unmodified_since=since)
    rows.delete_row(transport, TABLE, "r", unmodified_since=since)
    rows.delete_row(transport, TABLE, "r")
    assert [call.request.headers.get("X-Appwrite-Timestamp") for call in server.calls] == [
        since,
        since,
        None,
    ]


@pytest.mark.parametrize(
    ("listing", "url", "name", "cursor"),
    [
        (lambda t: databases.list_databases(t), f"{ENDPOINT}/tablesdb", "databases", "$id"),
        (
            lambda t: tables.list_tables(t, "shop"),
            f"{ENDPOINT}/tablesdb/shop/tables",
            "tables",
            "$id",
        ),
        (lambda t: columns.list_columns(t, TABLE), f"{T}/columns", "columns", "key"),
        (lambda t: indexes.list_indexes(t, TABLE), f"{T}/indexes", "indexes", "key"),
        (lambda t: webhooks.list_webhooks(t), f"{ENDPOINT}/webhooks", "webhooks", "$id"),
    ],
)
@pytest.mark.parametrize(("count", "requests"), [(0, 1), (499, 1), (500, 2), (501, 2)])
def test_lists_are_read_to_their_end(
    transport, server, listing, url, name, cursor, count, requests
):
    items = [{cursor: f"i{n}"} for n in range(count)]
    server.get(url, json={"total": count, name: items[:500]})
    if requests == 2:
        server.get(url, json={"total": count, name: items[500:]})
    assert list(listing(transport)) == items
    assert len(server.calls) == requests
    assert server.calls[0].request.params == {"queries[0]": '{"method":"limit","values":[500]}'}
    if requests == 2:
        assert (
            server.calls[1].request.params["queries[1]"]
            == '{"method":"cursorAfter","values":["i499"]}'
        )
