"""Relationship columns of the local server, beyond what the recordings show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .api import Api, query


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


def relate(
    api: Api, kind: str, *, two_way: bool = False, on_delete: str = "restrict"
) -> tuple[str, str]:
    """Make tables ``book`` and ``author`` with a relationship ``rel`` (and ``back``), and give the paths of their rows."""
    books, authors = (
        api.make_table(name, columns={"name": "varchar"}) for name in ("book", "author")
    )
    body = {
        "relatedTableId": "author",
        "type": kind,
        "key": "rel",
        "twoWay": two_way,
        "onDelete": on_delete,
    }
    api.made(
        "/tablesdb/d/tables/book/columns/relationship",
        {**body, "twoWayKey": "back"} if two_way else body,
    )
    return books, authors


def make(api: Api, rows: str, row_id: str, **data: Any) -> Any:
    return api.made(rows, {"rowId": row_id, "data": {"name": row_id, **data}})


def ids(api: Api, rows: str, *queries: str) -> list[str]:
    status, body = api.get(rows, queries=queries)
    assert status == 200, body
    return [row["$id"] for row in body["rows"]]


def test_lists_are_replaced_by_an_update_and_added_to_by_an_upsert(api: Api) -> None:
    books, authors = relate(api, "manyToMany", two_way=True)
    for name in "xyz":
        make(api, authors, name)
    make(api, books, "b", rel=["x", "y"])
    changed = api.patch(f"{books}/b", {"data": {"rel": ["y", "z"]}})[1]
    assert [row["$id"] for row in changed["rel"]] == ["y", "z"]
    loaded = api.get(authors, queries=[query("select", "", "name", "back.name")])[1]["rows"]
    assert [[book["$id"] for book in author["back"]] for author in loaded] == [[], ["b"], ["b"]]
    upserted = api.put(f"{books}/b", {"data": {"name": "b", "rel": ["x"]}})[1]
    assert [row["$id"] for row in upserted["rel"]] == ["y", "z", "x"]


def test_a_changed_list_moves_the_date_of_the_row_and_an_equal_one_does_not(api: Api) -> None:
    books, authors = relate(api, "oneToMany", two_way=True)
    make(api, authors, "x")
    before = make(api, books, "b")["$updatedAt"]
    changed = api.patch(f"{books}/b", {"data": {"rel": ["x"]}})[1]["$updatedAt"]
    assert changed >= before
    assert api.patch(f"{books}/b", {"data": {"rel": ["x"]}})[1]["$updatedAt"] == changed


def test_filters_that_share_a_key_hold_for_one_and_the_same_related_row(api: Api) -> None:
    books, authors = relate(api, "manyToMany")
    api.made("/tablesdb/d/tables/author/columns/integer", {"key": "age", "required": False})
    make(api, authors, "x", age=1)
    make(api, authors, "y", age=2)
    make(api, books, "both", rel=["x", "y"])
    assert ids(api, books, query("equal", "rel.name", "x"), query("equal", "rel.age", 1)) == [
        "both"
    ]
    assert ids(api, books, query("equal", "rel.name", "x"), query("equal", "rel.age", 2)) == []


def test_all_of_several_values_may_be_those_of_several_related_rows(api: Api) -> None:
    books, authors = relate(api, "manyToMany")
    for name in "xyz":
        make(api, authors, name)
    make(api, books, "b1", rel=["x", "y"])
    make(api, books, "b2", rel=["x"])
    assert ids(api, books, query("containsAll", "rel.name", "x", "y")) == ["b1"]
    assert ids(api, books, query("containsAll", "rel.name", "x")) == ["b1", "b2"]
    status, body = api.get(
        books, queries=[query("equal", "rel.name", "x"), query("equal", "rel.name", "y")]
    )
    assert (status, body["type"]) == (400, "general_query_invalid")


def test_related_filters_count_and_page_like_others(api: Api) -> None:
    books, authors = relate(api, "manyToOne")
    make(api, authors, "x")
    for number in range(7):
        make(api, books, f"b{number}", rel="x" if number % 2 else None)
    body = api.get(
        books,
        queries=[query("equal", "rel.name", "x"), query("limit", "", 2), query("offset", "", 1)],
    )[1]
    assert (body["total"], [row["$id"] for row in body["rows"]]) == (3, ["b3", "b5"])


def test_cascades_meet_in_a_circle_and_end(api: Api) -> None:
    nodes, others = relate(api, "manyToOne", two_way=True, on_delete="cascade")
    body = {"relatedTableId": "book", "type": "manyToOne", "key": "next", "onDelete": "cascade"}
    api.made("/tablesdb/d/tables/author/columns/relationship", body)
    make(api, others, "a")
    make(api, nodes, "b", rel="a")
    api.patch(f"{others}/a", {"data": {"next": "b"}})
    assert api.delete(f"{nodes}/b")[0] == 204
    assert (ids(api, nodes), ids(api, others)) == ([], [])


@pytest.mark.parametrize(
    ("kind", "on_delete", "left"),
    [
        ("oneToOne", "cascade", []),
        ("oneToOne", "setNull", ["x"]),
        ("manyToMany", "cascade", ["y"]),
        ("manyToMany", "setNull", ["x", "y"]),
    ],
)
def test_deleting_the_parent_row(api: Api, kind: str, on_delete: str, left: list[str]) -> None:
    books, authors = relate(api, kind, two_way=True, on_delete=on_delete)
    make(api, authors, "x")
    if kind == "manyToMany":
        make(api, authors, "y")
    make(api, books, "b", rel=["x"] if kind == "manyToMany" else "x")
    assert api.delete(f"{books}/b")[0] == 204
    assert ids(api, authors) == left
    rows = api.get(authors, queries=[query("select", "", "*", "back.*")])[1]["rows"]
    assert all(not row["back"] for row in rows)


@pytest.mark.parametrize("kind", ["oneToOne", "oneToMany", "manyToOne", "manyToMany"])
def test_deleting_a_table_takes_its_relationships_along(api: Api, kind: str) -> None:
    books, _ = relate(api, kind, two_way=True)
    assert api.delete("/tablesdb/d/tables/author")[0] == 204
    columns = api.get("/tablesdb/d/tables/book/columns")[1]["columns"]
    assert [column["key"] for column in columns] == ["name"]
    make(api, books, "b")
    assert ids(api, books) == ["b"]


def test_nested_rows_are_checked_and_undone_with_their_parent(api: Api) -> None:
    books, authors = relate(api, "manyToOne")
    make(api, books, "b")
    status, body = api.patch(f"{books}/b", {"data": {"rel": {"$id": "n", "name": 5}}})
    assert (status, body["type"]) == (400, "row_invalid_structure")
    assert ids(api, authors) == []


def test_rows_a_guest_may_not_read_are_not_loaded(api: Api) -> None:
    books, authors = (
        api.make_table("book", columns={"name": "varchar"}, permissions=['read("any")']),
        api.make_table("author", columns={"name": "varchar"}, rowSecurity=True),
    )
    api.made(
        "/tablesdb/d/tables/book/columns/relationship",
        {"relatedTableId": "author", "type": "oneToMany", "key": "rel"},
    )
    api.made(authors, {"rowId": "open", "data": {"name": "o"}, "permissions": ['read("any")']})
    make(api, authors, "closed")
    make(api, books, "b", rel=["open", "closed"])
    guest = api.acting_as({})
    row = guest.get(f"{books}/b", queries=[query("select", "", "*", "rel.name")])[1]
    assert [related["$id"] for related in row["rel"]] == ["open"]


def test_a_database_can_be_made_anew_after_its_relationships(api: Api) -> None:
    for _ in range(2):
        books, authors = relate(api, "manyToMany", two_way=True)
        make(api, authors, "x")
        make(api, books, "b", rel=["x"])
        assert api.delete("/tablesdb/d")[0] == 204
    with api.server.storage.session(writes=False) as session:
        assert session.all("SELECT name FROM sqlite_master WHERE name LIKE 'pairs%'") == []
