"""Where the next page begins: what comes after a row is what a sort puts there, nulls and equal rows included."""

import itertools

import pytest

from appwrite_orm_django.backend.commands import Order
from appwrite_orm_django.backend.execution.keyset import after
from appwrite_orm_django.engines import ENGINES, MARIADB

VALUES = (None, 1, 2)
ROWS = [
    {"$id": f"{number:02}", "$sequence": f"{number + 1:04}", "$createdAt": "2026", "a": a, "b": b}
    for number, (a, b) in enumerate([*itertools.product(VALUES, VALUES)] * 2)
]
COMPARISONS = {"lessThan": int.__lt__, "greaterThan": int.__gt__, "equal": int.__eq__}


def matches(query, row):
    if query.method in ("and", "or"):
        return (all if query.method == "and" else any)(
            matches(value, row) for value in query.values
        )
    value = row[query.column]
    if query.method in ("isNull", "isNotNull"):
        return (value is None) is (query.method == "isNull")
    if value is None:
        return False
    other = query.values[0]
    compare = COMPARISONS[query.method]
    return compare(int(value), int(other))


def ordered(rows, order, engine):
    def key(column):
        return lambda row: (
            (row[column] is not None) is engine.nulls_are_low,
            int(row[column] or 0),
        )

    rows = sorted(rows, key=lambda row: int(row["$sequence"]))
    for one in reversed(order):
        rows.sort(key=key(one.column), reverse=one.descending)
    return rows


ORDERS = [
    [
        Order(column, descending=descending)
        for column, descending in zip(columns, directions, strict=True)
    ]
    for columns in (("a",), ("a", "b"), ("a", "$id"), ("$createdAt", "b"), ("$sequence", "a"))
    for directions in itertools.product((False, True), repeat=len(columns))
]


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(map(str, order)))
def test_what_comes_after_each_row(order, engine):
    if order[0] == Order("$createdAt", descending=True):
        assert after(ROWS[0], order, engine) is None
        return
    rows = ordered(ROWS, order, engine)
    for place, row in enumerate(rows):
        query = after(row, order, engine)
        expected = {other["$id"] for other in rows[place + 1 :]}
        assert {other["$id"] for other in rows if matches(query, other)} == expected, row


def test_a_filter_reads_like_this():
    order = [Order("a"), Order("b", descending=True)]
    row = {"$id": "x", "$sequence": "7", "a": 1, "b": None}
    assert str(after(row, order, MARIADB)) == (
        "or(greaterThan(a, 1), and(equal(a, 1), isNull(b), greaterThan($sequence, 7)))"
    )
    assert str(after({**row, "b": 2}, order, MARIADB)) == (
        "or(greaterThan(a, 1), and(equal(a, 1), lessThan(b, 2)), and(equal(a, 1), isNull(b)), "
        "and(equal(a, 1), equal(b, 2), greaterThan($sequence, 7)))"
    )


@pytest.mark.parametrize("value", [0.1 + 0.2, "x" * 251, [1]])
def test_values_that_a_filter_might_not_find(value):
    row = {"$id": "x", "$sequence": "7", "a": value}
    assert after(row, [Order("a")], MARIADB) is None


@pytest.mark.parametrize("value", [0.25, 1e300, "x" * 250, 2**60, True])
def test_values_that_it_finds(value):
    row = {"$id": "x", "$sequence": "7", "a": value}
    assert after(row, [Order("a")], MARIADB) is not None


def test_a_filter_that_would_be_too_long():
    order = [Order(f"c{number}") for number in range(12)]
    row = {"$id": "x", "$sequence": "7", **{one.column: "x" * 250 for one in order}}
    assert after(row, order, MARIADB) is None
    assert after(row, order[:3], MARIADB) is not None
