"""How the rows with given values of a unique index are asked for: in as few requests as the server's limits allow, and no more rows than need be."""

import pytest

from appwrite_orm_django.backend.execution.violations import conditions_for, unique_value
from appwrite_orm_django.client import queries
from appwrite_orm_django.engines import MARIADB, POSTGRESQL

PAIR = ("house", "number")


def pairs(houses, numbers):
    return [
        {"house": f"house-{house}", "number": number}
        for house in range(houses)
        for number in range(numbers)
    ]


def diagonal(size, width=1):
    return [{"house": f"{number:0{width}}", "number": number} for number in range(size)]


def combinations(query):
    """Return the pairs that a query of alternatives matches, and nothing but them."""
    if query.method == "or":
        return [pair for part in query.values for pair in combinations(part)]
    assert query.method == "and"
    by_column = {part.column: part.values for part in query.values}
    return [(house, number) for house in by_column["house"] for number in by_column["number"]]


def test_one_column_is_one_list():
    (condition,) = conditions_for(
        ("isbn",), [{"isbn": "a"}, {"isbn": None}, {"isbn": "b"}, {"isbn": "a"}]
    )
    assert str(condition) == "isbn in ['a', 'b']"


def test_nothing_to_ask_for():
    assert conditions_for(("isbn",), []) == []
    assert conditions_for(("isbn",), [{"isbn": None}]) == []
    assert conditions_for(PAIR, [{"house": "a", "number": None}, {"number": 1}]) == []


@pytest.mark.parametrize(("houses", "numbers"), [(10, 100), (1, 5000), (90, 90)])
def test_lists_for_each_column_where_they_find_nothing_else(houses, numbers):
    (condition,) = conditions_for(PAIR, pairs(houses, numbers))
    assert (len(condition.memberships), condition.queries) == (2, ())


@pytest.mark.parametrize(("size", "lists"), [(31, True), (32, False)])
def test_lists_may_find_a_thousand_rows(size, lists):
    (first, *_) = conditions_for(PAIR, diagonal(size))
    assert bool(first.memberships) is lists


@pytest.mark.parametrize(
    ("images", "requests"), [(diagonal(31), 1), (diagonal(99), 4), (pairs(11, 99)[:-1], 2)]
)
def test_the_requests_that_pairs_take(images, requests):
    assert len(conditions_for(PAIR, images)) == requests


@pytest.mark.parametrize(
    "images",
    [
        diagonal(40),
        diagonal(99, width=700),
        pairs(11, 99)[:-1],
        pairs(2, 900)[1:],
        pairs(900, 2)[1:],
    ],
    ids=lambda i: str(len(i)),
)
def test_alternatives_are_exact_and_within_the_limits(images):
    conditions = conditions_for(PAIR, images)
    found = []
    for condition in conditions:
        (query,) = condition.queries
        queries.check_limits([query])
        found += combinations(query)
    assert sorted(found) == sorted((image["house"], image["number"]) for image in images)


def test_what_an_index_compares():
    row = {"$id": "Ab", "name": "Élan ", "number": 1, "gone": None}
    assert unique_value(("name", "number"), row, MARIADB) == unique_value(
        ("name", "number"), {**row, "name": "elan"}, MARIADB
    )
    assert unique_value(("name",), row, POSTGRESQL) == ("Élan ",)
    assert unique_value(("$id",), row, POSTGRESQL) == unique_value(
        ("$id",), {"$id": "aB"}, POSTGRESQL
    )
    assert unique_value(("name", "gone"), row, MARIADB) is None
