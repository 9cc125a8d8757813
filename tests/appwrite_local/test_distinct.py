from __future__ import annotations

import pytest

from tests.appwrite_local.api import Api, query
from tests.appwrite_local.shop import ORDER_ROWS, listed, open_shop

DISTINCT = query("distinct")


@pytest.fixture(scope="module")
def shop() -> Api:
    return open_shop()


def customers(shop: Api, *queries: str) -> list[str]:
    return [
        row["customer"] for row in listed(shop, DISTINCT, query("select", "", "customer"), *queries)
    ]


def test_rows_alike_are_given_once_in_the_order_of_the_first(shop: Api) -> None:
    assert customers(shop) == ["c0", "c1", "gone"]


def test_order_and_page_apply_to_what_is_left(shop: Api) -> None:
    assert customers(shop, query("orderDesc", "customer"), query("limit", "", 2)) == ["gone", "c1"]
    assert customers(shop, query("orderDesc", "pieces"), query("offset", "", 1)) == ["c0", "gone"]


def test_total_counts_rows_before(shop: Api) -> None:
    assert (
        shop.get(ORDER_ROWS, queries=[DISTINCT, query("select", "", "customer")])[1]["total"] == 4
    )


def test_rows_have_no_id_unless_it_was_selected(shop: Api) -> None:
    row = shop.get(
        ORDER_ROWS, queries=[DISTINCT, query("select", "", "paid"), query("limit", "", 1)]
    )[1]["rows"][0]
    assert row == {
        "paid": True, "$id": None, "$sequence": "", "$createdAt": "", "$updatedAt": "", "$databaseId": "d", "$tableId": "orders",
    }  # fmt: skip
    row = shop.get(
        ORDER_ROWS, queries=[DISTINCT, query("select", "", "$id"), query("limit", "", 1)]
    )[1]["rows"][0]
    assert row["$id"] == "o0"


def test_without_a_choice_of_columns_nothing_is_alike(shop: Api) -> None:
    _, answer = shop.get(ORDER_ROWS, queries=[DISTINCT])
    assert answer == shop.get(ORDER_ROWS)[1]
    assert shop.get(ORDER_ROWS, queries=[DISTINCT, query("select", "", "*")])[1] == answer


def test_text_is_alike_as_the_collation_says() -> None:
    api = Api(feature_level="2.x")
    rows = api.make_table(columns={"s": "varchar"})
    api.made(
        rows,
        {
            "rows": [
                {"$id": f"r{place}", "s": text}
                for place, text in enumerate(["Ann", "ánn ", "bob", "ANN"])
            ]
        },
    )
    assert listed(api, DISTINCT, query("select", "", "s"), path=rows) == [
        {"s": "Ann"},
        {"s": "bob"},
    ]


def test_not_for_a_single_row(shop: Api) -> None:
    status, answer = shop.get(f"{ORDER_ROWS}/o0", queries=[DISTINCT])
    assert (status, answer["message"]) == (400, "Invalid query method: distinct")
