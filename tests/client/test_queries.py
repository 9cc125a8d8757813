from __future__ import annotations

import json

import pytest
from appwrite.query import Query as SdkQuery

from appwrite_orm_django.client import queries
from appwrite_orm_django.client.queries import Query, QueryLimitExceeded, check_limits


@pytest.mark.parametrize(
    ("ours", "sdk", "shown"),
    [
        (queries.equal("a", "x", "y"), SdkQuery.equal("a", ["x", "y"]), 'equal(a, "x", "y")'),
        (queries.not_equal("a", 1), SdkQuery.not_equal("a", 1), "notEqual(a, 1)"),
        (queries.less_than("a", 1.5), SdkQuery.less_than("a", 1.5), "lessThan(a, 1.5)"),
        (
            queries.less_than_equal("a", True),
            SdkQuery.less_than_equal("a", True),
            "lessThanEqual(a, true)",
        ),
        (queries.greater_than("a", "ü"), SdkQuery.greater_than("a", "ü"), 'greaterThan(a, "ü")'),
        (
            queries.greater_than_equal("a", 1),
            SdkQuery.greater_than_equal("a", 1),
            "greaterThanEqual(a, 1)",
        ),
        (queries.between("a", 1, 2), SdkQuery.between("a", 1, 2), "between(a, 1, 2)"),
        (queries.not_between("a", 1, 2), SdkQuery.not_between("a", 1, 2), "notBetween(a, 1, 2)"),
        (queries.is_null("a"), SdkQuery.is_null("a"), "isNull(a)"),
        (queries.is_not_null("a"), SdkQuery.is_not_null("a"), "isNotNull(a)"),
        (queries.starts_with("a", "x"), SdkQuery.starts_with("a", "x"), 'startsWith(a, "x")'),
        (queries.ends_with("a", "x"), SdkQuery.ends_with("a", "x"), 'endsWith(a, "x")'),
        (
            queries.not_starts_with("a", "x"),
            SdkQuery.not_starts_with("a", "x"),
            'notStartsWith(a, "x")',
        ),
        (queries.not_ends_with("a", "x"), SdkQuery.not_ends_with("a", "x"), 'notEndsWith(a, "x")'),
        (queries.contains("a", "x"), SdkQuery.contains("a", ["x"]), 'contains(a, "x")'),
        (queries.not_contains("a", "x"), SdkQuery.not_contains("a", ["x"]), 'notContains(a, "x")'),
        (queries.search("a", "x y"), SdkQuery.search("a", "x y"), 'search(a, "x y")'),
        (queries.order_asc("a"), SdkQuery.order_asc("a"), "orderAsc(a)"),
        (
            queries.order_desc("$createdAt"),
            SdkQuery.order_desc("$createdAt"),
            "orderDesc($createdAt)",
        ),
        (queries.limit(5), SdkQuery.limit(5), "limit(5)"),
        (queries.offset(5), SdkQuery.offset(5), "offset(5)"),
        (queries.cursor_after("r"), SdkQuery.cursor_after("r"), 'cursorAfter("r")'),
        (queries.select(["a", "b"]), SdkQuery.select(["a", "b"]), 'select("a", "b")'),
        (
            queries.and_(
                queries.equal("a", 1), queries.or_(queries.is_null("b"), queries.equal("b", 2))
            ),
            SdkQuery.and_queries(
                [
                    SdkQuery.equal("a", [1]),
                    SdkQuery.or_queries([SdkQuery.is_null("b"), SdkQuery.equal("b", [2])]),
                ]
            ),
            "and(equal(a, 1), or(isNull(b), equal(b, 2)))",
        ),
    ],
)
def test_the_same_json_as_the_sdk(ours, sdk, shown):
    assert json.loads(ours.to_json()) == json.loads(sdk)
    assert ": " not in ours.to_json()
    assert str(ours) == shown


def test_queries_are_values():
    assert queries.equal("a", 1) == Query("equal", "a", (1,))
    assert len({queries.equal("a", 1), queries.equal("a", 1), queries.equal("a", 2)}) == 2


@pytest.mark.parametrize(("count", "passes"), [(99, True), (100, True), (101, False)])
def test_number_of_queries(count, passes):
    assert_limit(
        [queries.equal("a", 1)] * count,
        passes,
        r"101 queries in one request; the server accepts 100\.",
    )


@pytest.mark.parametrize(("count", "passes"), [(499, True), (500, True), (501, False)])
@pytest.mark.parametrize("wrap", [lambda q: q, lambda q: queries.and_(q, queries.is_null("b"))])
def test_number_of_values(count, passes, wrap):
    assert_limit(
        [wrap(queries.equal("a", *range(count)))],
        passes,
        r"has 501 values; the server accepts 500\. Split them\.",
    )


@pytest.mark.parametrize(("length", "passes"), [(4095, True), (4096, True), (4097, False)])
def test_length_of_a_query(length, passes):
    bare = len(queries.equal("a", "").to_json())
    assert_limit(
        [queries.equal("a", "ü" * (length - bare))],
        passes,
        r"equal\(a, \.\.\.\) is 4,097 characters long; the server accepts 4,096\.",
    )


def assert_limit(given, passes, message):
    if passes:
        assert len(check_limits(given)) == len(given)
    else:
        with pytest.raises(QueryLimitExceeded, match=message):
            check_limits(given)
