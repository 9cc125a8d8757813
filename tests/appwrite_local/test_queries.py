"""What lists find, in which order, a page at a time."""

import json

import pytest

from .conftest import Api, query, query_params


@pytest.fixture
def rows(api: Api) -> Api:
    api.make_table(
        ("varchar", {"key": "name", "size": 50}),
        ("integer", {"key": "n"}),
        ("float", {"key": "f"}),
        ("boolean", {"key": "b"}),
    )
    api.add(
        {"$id": "a", "name": "Alpha", "n": 3, "f": 0.5, "b": True},
        {"$id": "b", "name": "beta ", "n": 1, "f": -2, "b": False},
        {"$id": "c", "name": "ÁLPHA", "n": 2, "f": 1e20, "b": None},
        {"$id": "d", "name": None, "n": None, "f": None, "b": True},
        {"$id": "e", "name": "gamma_1%", "n": 2, "f": 0, "b": False},
    )
    return api


@pytest.mark.parametrize(
    ("method", "attribute", "values", "found"),
    [
        ("equal", "name", ["alpha"], "ac"),
        ("equal", "name", ["BETA", "alpha  "], "abc"),
        ("notEqual", "name", ["alpha"], "be"),
        ("lessThan", "name", ["b"], "ac"),
        ("greaterThanEqual", "n", [2], "ace"),
        ("between", "n", [1, 2], "bce"),
        ("notBetween", "n", [1, 2], "a"),
        ("isNull", "n", [], "d"),
        ("isNotNull", "name", [], "abce"),
        ("startsWith", "name", ["álp"], "ac"),
        ("endsWith", "name", ["a"], "ac"),
        ("endsWith", "name", ["a "], "b"),
        ("contains", "name", ["_", "%"], "e"),
        ("contains", "name", ["LPH", "et"], "abc"),
        ("notContains", "name", ["a"], ""),
        ("equal", "f", [1e20, 0], "ce"),
        ("equal", "b", [False], "be"),
        ("startsWith", "n", [2], "ce"),
        ("equal", "$id", ["A", "E"], "ae"),
    ],
)
def test_filters(rows: Api, method: str, attribute: str, values: list[object], found: str) -> None:
    answer = rows.list(query(method, attribute, *values))
    assert "".join(row["$id"] for row in answer["rows"]) == found
    assert answer["total"] == len(found)


@pytest.mark.parametrize(
    ("value", "sent", "found", "total"),
    [
        (0.1 + 0.2, 0.3, 1, 1),
        (0.1 + 0.2, 0.1 + 0.2, 0, 1),  # the list compares with 17 places, the total with 14 digits
        (1.2345678901234e-05, 1.2345678901234e-05, 0, 1),
        (1.23456789e-08, 1.23456789e-08, 1, 1),
        (2.5e-18, 0.0, 0, 0),
        (0.0, 2.5e-18, 1, 0),
        (-1e300, -1e300, 1, 1),
    ],
)
def test_floats_reach_the_database_with_17_places(
    api: Api, value: float, sent: float, found: int, total: int
) -> None:
    api.make_table(("float", {"key": "f"}))
    api.add({"$id": "a", "f": value})
    answer = api.list(query("equal", "f", sent))
    assert (len(answer["rows"]), answer["total"]) == (found, total)


def test_and_and_or_nest(rows: Api) -> None:
    either = query(
        "or",
        None,
        query("isNull", "n"),
        query("and", None, query("equal", "n", 2), query("equal", "b", False)),
    )
    assert rows.find(either) == ["d", "e"]


def test_nulls_come_first_and_ties_by_sequence(rows: Api) -> None:
    assert rows.find(query("orderAsc", "n")) == ["d", "b", "c", "e", "a"]
    assert rows.find(query("orderDesc", "n")) == ["a", "c", "e", "b", "d"]
    assert rows.find(query("orderDesc", "b"), query("orderAsc", "name")) == [
        "d",
        "a",
        "b",
        "e",
        "c",
    ]


def test_a_page_has_25_rows_unless_told_otherwise(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    for start in (0, 30):
        api.add(*({"$id": f"r{number:02}", "n": number} for number in range(start, start + 30)))
    assert len(api.list()["rows"]) == 25
    assert len(api.list(query("limit", None, 60))["rows"]) == 60
    assert api.list(query("limit", None, 1), query("offset", None, 59))["rows"][0]["$id"] == "r59"


def test_cursors_walk_through_every_row_once_in_both_directions(rows: Api) -> None:
    order = query("orderDesc", "name")
    rows.ok("PATCH", rows.rows + "/d", {"data": {"name": ""}})
    whole = rows.find(order)
    seen: list[str] = []
    page = rows.find(order, query("limit", None, 2))
    while page:
        seen += page
        page = rows.find(order, query("limit", None, 2), query("cursorAfter", None, seen[-1]))
    assert seen == whole
    assert (
        rows.find(order, query("cursorBefore", None, whole[-1]), query("limit", None, 2))
        == whole[2:4]
    )


def test_a_cursor_on_a_null_is_refused(rows: Api) -> None:
    answer = rows.call(
        "GET",
        rows.rows,
        params=query_params(query("orderAsc", "n"), query("cursorAfter", None, "d")),
    )
    assert answer.error == (400, "database_query_order_null")


def test_select_keeps_the_internal_keys(rows: Api) -> None:
    row = rows.list(query("select", None, "n"), query("equal", "$id", "a"))["rows"][0]
    assert set(row) == {
        "n",
        "$id",
        "$sequence",
        "$createdAt",
        "$updatedAt",
        "$permissions",
        "$databaseId",
        "$tableId",
    }


def test_the_total_stops_at_5000_and_bulk_changes_do_not(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    with api.server.storage.session(writes=True) as session:
        session.execute(
            "WITH RECURSIVE k (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM k WHERE v < 5001)"
            " INSERT INTO rows_1 (_uid, _uid_fold, _created, _updated, _permissions, c1)"
            " SELECT 'r' || v, 'R' || v, '2026-01-01T00:00:00.000+00:00', '2026-01-01T00:00:00.000+00:00', '[]', v FROM k"
        )
    assert api.list()["total"] == 5000
    changed = api.ok("PATCH", api.rows, {"data": {"n": 7}})
    assert (changed["total"], len(changed["rows"])) == (5001, 100)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid query: Syntax error"),
        ('{"method":"frob"}', "Invalid query method: frob"),
        (
            '{"method":"equal","attribute":"n","values":"x"}',
            "Invalid query values. Must be an array, got string",
        ),
        (
            '{"method":"equal","attribute":"n"}',
            "Invalid query: Equal queries require at least one value.",
        ),
        (
            '{"method":"equal","attribute":"nope","values":[1]}',
            "Invalid query: Attribute not found in schema: nope",
        ),
        (
            '{"method":"equal","attribute":"n","values":[null]}',
            'Invalid query: Query value is invalid for attribute "n"',
        ),
        (
            '{"method":"search","attribute":"name","values":["x"]}',
            'Searching by attribute "name" requires a fulltext index.',
        ),
    ],
)
def test_refused_queries(rows: Api, text: str, message: str) -> None:
    answer = rows.call("GET", rows.rows, params={"queries[0]": text})
    assert (answer.status, answer.body["message"]) == (400, message)


def test_limits_of_number_and_length(rows: Api) -> None:
    values = list(range(500))
    assert (
        rows.call("GET", rows.rows, params=query_params(query("equal", "n", *values))).status == 200
    )
    assert rows.call(
        "GET", rows.rows, params=query_params(query("equal", "n", *values, 500))
    ).error == (
        400,
        "general_query_invalid",
    )
    many = [query("notEqual", "n", number) for number in range(100)]
    assert rows.call("GET", rows.rows, params=query_params(*many)).status == 200
    assert rows.call("GET", rows.rows, params=query_params(*many, many[0])).error == (
        400,
        "general_argument_invalid",
    )
    fitting = json.dumps({"method": "contains", "attribute": "name", "values": [""]})
    for length, status in ((4096, 200), (4097, 400)):
        assert (
            rows.call(
                "GET",
                rows.rows,
                params={"queries[0]": fitting.replace('""', f'"{"x" * (length - len(fitting))}"')},
            ).status
            == status
        )


def test_text_that_looks_like_sql_is_text(rows: Api) -> None:
    evil = "x'); DROP TABLE rows_1; --"
    rows.ok("POST", rows.rows, {"rowId": "evil", "data": {"name": evil}})
    for method in ("equal", "contains", "startsWith", "endsWith"):
        assert rows.find(query(method, "name", evil)) == ["evil"]
    assert (
        rows.call(
            "GET", rows.rows, params=query_params(query("equal", 'name" = 1 OR 1=1 --', "x"))
        ).status
        == 400
    )
    assert (
        rows.call(
            "GET", rows.rows, params=query_params(query("orderAsc", "name; DROP TABLE rows_1"))
        ).status
        == 400
    )
