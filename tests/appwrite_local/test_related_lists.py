"""Aggregates, distinct rows and joins over tables with relationships."""

from __future__ import annotations

import pytest

from tests.appwrite_local.api import Api, query
from tests.appwrite_local.shop import listed


@pytest.fixture(scope="module")
def api() -> Api:
    api = Api(feature_level="2.x")
    authors = api.make_table("authors", columns={"name": "varchar"})
    books = api.rows = api.make_table("books", columns={"pages": "integer"})
    relation = {
        "relatedTableId": "authors",
        "type": "manyToOne",
        "key": "author",
        "twoWay": True,
        "twoWayKey": "books",
    }
    api.made("/tablesdb/d/tables/books/columns/relationship", relation)
    for row_id, author in (("b0", "a0"), ("b1", "a1"), ("b2", "a0"), ("b3", None)):
        if author is not None and api.get(f"{authors}/{author}")[0] == 404:
            api.made(authors, {"rowId": author, "data": {"name": f"name of {author}"}})
        api.made(books, {"rowId": row_id, "data": {"pages": 100, "author": author}})
    return api


def test_a_held_id_is_grouped_by_like_text(api: Api) -> None:
    assert listed(
        api, query("groupBy", "", "author"), query("sum", "pages", "s"), path=api.rows
    ) == [
        {"author": None, "s": "100"},
        {"author": "a0", "s": "200"},
        {"author": "a1", "s": "100"},
    ]


def test_a_held_id_can_be_joined(api: Api) -> None:
    join = query("join", "authors", "author", "=", "$id", "x")
    found = listed(api, join, query("select", "", "pages", "x.name"), path=api.rows)
    assert [row["x.name"] for row in found] == ["name of a0", "name of a1", "name of a0"]
    assert listed(api, join, query("limit", "", 1), path=api.rows)[0]["author"] == "a0"


def test_a_relationship_cannot_be_selected_as_a_value(api: Api) -> None:
    status, answer = api.get(api.rows, queries=[query("distinct"), query("select", "", "author")])
    assert (status, answer["message"]) == (400, "Cannot select attributes: author")


@pytest.mark.parametrize(
    "queries",
    [
        (query("groupBy", "", "books"),),
        (query("sum", "books", "x"),),
        (query("count", "*", "n"), query("equal", "books.name", "x")),
        (query("distinct"), query("select", "", "name", "books.pages")),
        (query("distinct"), query("equal", "books", "b0")),
    ],
)
def test_what_the_database_does_not_hold_is_a_server_error(
    api: Api, queries: tuple[str, ...]
) -> None:
    assert api.get("/tablesdb/d/tables/authors/rows", queries=queries)[0] == 500


def test_the_side_that_holds_nothing_is_no_obstacle(api: Api) -> None:
    join = query("leftJoin", "books", "$id", "=", "author", "b")
    found = listed(api, join, query("orderAsc", "b.$id"), path="/tablesdb/d/tables/authors/rows")
    assert [(row["name"], row["pages"]) for row in found] == [
        (f"name of {author}", "100") for author in ("a0", "a1", "a0")
    ]
