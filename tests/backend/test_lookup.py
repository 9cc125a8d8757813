"""Every lookup of every field type, compared with the same rows on SQLite."""

import datetime
import decimal
import itertools
import uuid

import pytest
from django.db import models
from django.db.models import Max, Min, Q

from tests.differential import APPWRITE, answer, assert_same, twin
from tests.fixtures import moment
from tests.library.models import Everything

pytestmark = pytest.mark.usefixtures("everything")

D = decimal.Decimal
# The null of JSON in a filter: Django 6.1 has a word for it, and deprecates None.
JSON_NULL = models.JSONNull() if hasattr(models, "JSONNull") else None
COMPARISONS = ("exact", "gt", "gte", "lt", "lte")
TEXT = (
    "exact",
    "iexact",
    "gt",
    "lte",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
)
TEXTS = (
    "",
    "plain",
    "PLAIN",
    "plaîn ",
    "a",
    "LAI",
    "%",
    "_",
    "\\",
    "a_b",
    "'",
    '"',
    "🌸",
    "x" * 60,
    "\n",
)

VALUES = {
    "char": TEXTS,
    "text": TEXTS,
    "slug": ("a", "A-B", "", "-"),
    "email": ("a@example.org", "b@example.ORG", "example"),
    "url": ("https://example.org/a", "http://EXAMPLE", "é", "%25"),
    "ip": ("10.0.0.1", "::1", "10."),
    "file": ("a.txt", "DIR/b.txt", "txt"),
    "enum": ("a", "A", "b", "none of them"),
    "integer": (0, -1, 5, 2**31 - 1, 2**40, -(2**40)),
    "small": (0, 32767, -32768, 2**20),
    "big": (0, 2**53 + 1, 2**53, -(2**63) + 1, 2**63 - 1),
    "positive": (0, 7),
    "float": (0.0, 0.1, -1e300, 3, float("inf")),
    "decimal": (D("0"), D("1.2345"), D("1.23"), D("-99999999.9999"), 1),
    "long_decimal": (D("0"), D("12345.6789"), D("-0.0000000001"), 5),
    "datetime": (
        moment(2024, 2, 29), moment(2024, 12, 31, 23, 59, 59, 999000),
        moment(2025, 1, 1, 0, 0, 0, 1000), moment(1000, 1, 1), moment(9999, 12, 31), moment(500, 1, 1),
        datetime.datetime(2025, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ),
    "date": (datetime.date(2024, 2, 29), datetime.date(2025, 1, 1), datetime.date(1000, 1, 1), datetime.date(1, 1, 1)),
    "time": (datetime.time(0), datetime.time(12, 30), datetime.time(12, 30, 0, 1), datetime.time(23, 59, 59, 999999)),
    "duration": (datetime.timedelta(0), datetime.timedelta(days=1, microseconds=1), -datetime.timedelta(hours=1)),
    "uuid": (uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678"), uuid.UUID(int=2**128 - 1)),
}  # fmt: skip
TEXT_FIELDS = ("char", "text", "slug", "email", "url", "file", "enum")


def mismatches(conditions):
    """Return the conditions for which filter or exclude differ from the twin's."""
    wrong = []
    for condition in conditions:
        for one in (condition, ~condition):

            def ask(rows, q=one):
                return rows(Everything).filter(q).order_by("pk").values_list("pk", flat=True)

            if (found := answer(ask, APPWRITE)) != (expected := answer(ask, twin())):
                wrong.append((str(one), len(found), len(expected)))
    return wrong


@pytest.mark.parametrize("name", VALUES)
def test_comparisons(name):
    lookups = TEXT if name in TEXT_FIELDS else COMPARISONS
    assert not mismatches(
        Q(**{f"{name}__{lookup}": value})
        for lookup, value in itertools.product(lookups, VALUES[name])
    )


@pytest.mark.parametrize("name", VALUES)
def test_in_and_range(name):
    values = list(VALUES[name])
    conditions = [
        Q(**{f"{name}__in": part})
        for part in (values, values[:1], values[1:], [], [None], [*values, None])
    ]
    conditions += [Q(**{f"{name}__range": pair}) for pair in itertools.permutations(values[:4], 2)]
    assert not mismatches(conditions)


@pytest.mark.parametrize(
    "name", [f.name for f in Everything._meta.concrete_fields if f.name != "permissions"]
)
def test_isnull(name):
    assert not mismatches(
        [
            Q(**{f"{name}__isnull": True}),
            Q(**{f"{name}__isnull": False}),
            Q(**{name: JSON_NULL if name == "json" else None}),
        ]
    )


@pytest.mark.parametrize("value", [True, False])
def test_booleans(value):
    conditions = [
        Q(boolean=value),
        Q(boolean__exact=int(value)),
        Q(boolean__in=[value]),
        Q(boolean__gt=value),
    ]
    assert not mismatches(conditions)


@pytest.mark.parametrize("lookup", ["regex", "iregex"])
@pytest.mark.parametrize("name", ["char", "text", "integer"])
def test_regular_expressions(name, lookup):
    patterns = (r"^p", r"N$", r"\d+", r"[_%]", r"\\", r"^$", "(?:plain|5)")
    assert not mismatches(Q(**{f"{name}__{lookup}": pattern}) for pattern in patterns)


@pytest.mark.parametrize("lookup", ["contains", "icontains", "startswith", "iexact"])
def test_text_lookups_on_other_types(lookup):
    conditions = [
        Q(integer__contains="5"),
        Q(date__contains="2024"),
        Q(uuid__contains="1234"),
        Q(decimal__startswith="1."),
    ]
    conditions += [
        Q(**{f"{name}__{lookup}": "1"}) for name in ("integer", "big", "float", "uuid", "ip")
    ]
    assert not mismatches(conditions)


DATE_PARTS = {
    "year": (2024, 2025, 1000, 9999, 500),
    "iso_year": (2024, 2025, 1000),
    "quarter": (1, 4),
    "month": (1, 2, 12),
    "week": (1, 9, 52),
    "week_day": (1, 3, 5),
    "iso_week_day": (2, 4),
    "day": (1, 29, 31),
}
TIME_PARTS = {"hour": (0, 12, 23), "minute": (0, 30, 59), "second": (0, 59)}


@pytest.mark.parametrize("part", [*DATE_PARTS, *TIME_PARTS])
@pytest.mark.parametrize("name", ["datetime", "date", "time"])
def test_parts_of_dates_and_times(name, part):
    if part not in (
        TIME_PARTS
        if name == "time"
        else {**DATE_PARTS, **TIME_PARTS}
        if name == "datetime"
        else DATE_PARTS
    ):
        return
    values = {**DATE_PARTS, **TIME_PARTS}[part]
    lookups = ("exact", "gt", "gte", "lt", "lte")
    conditions = [
        Q(**{f"{name}__{part}__{lookup}": value})
        for lookup, value in itertools.product(lookups, values)
    ]
    conditions += [
        Q(**{f"{name}__{part}__in": values}),
        Q(**{f"{name}__{part}__range": (min(values), max(values))}),
    ]
    assert not mismatches(conditions)


def test_date_and_time_of_a_datetime():
    days = [datetime.date(2024, 2, 29), datetime.date(2025, 1, 1), datetime.date(9999, 12, 31)]
    times = [datetime.time(0), datetime.time(23, 59, 59, 999000)]
    conditions = [
        Q(**{f"datetime__date__{lookup}": day})
        for lookup, day in itertools.product(COMPARISONS, days)
    ]
    conditions += [Q(datetime__date=day) for day in days] + [
        Q(datetime__date__in=days),
        Q(datetime__date__range=days[:2]),
    ]
    conditions += [
        Q(**{f"datetime__time__{lookup}": time})
        for lookup, time in itertools.product(COMPARISONS, times)
    ]
    assert not mismatches(conditions)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_parts_of_datetimes_count_in_the_current_time_zone(zone):
    from django.utils import timezone

    with timezone.override(zone):
        conditions = [Q(datetime__year=year) for year in (2024, 2025)]
        conditions += [
            Q(datetime__date=datetime.date(2025, 1, 1)),
            Q(datetime__hour=23),
            Q(datetime__year__gte=2025),
        ]
        conditions += [
            Q(datetime__year__lt=2025),
            Q(datetime__year__gt=2024),
            Q(datetime__month__in=[1, 2]),
        ]
        assert not mismatches(conditions)


def test_json():
    conditions = [
        Q(json={}), Q(json={"a": [1, None, "x"]}), Q(json="text"), Q(json__a=[1, None, "x"]), Q(json__a__0=1),
        Q(json__a__1=None), Q(json__a__isnull=True), Q(json__has_key="a"), Q(json__has_any_keys=["a", "b"]),
        Q(json__1__b="é"), Q(json__1__b__icontains="É"), Q(json__a__2__startswith="x"), Q(json=JSON_NULL), Q(json__isnull=True),
        Q(json__has_keys=["a"]), Q(json__a__0__gte=1), Q(json__in=[{}, "text"]), Q(json__0=1),
    ]  # fmt: skip
    assert not mismatches(conditions)


def test_arrays():
    conditions = [
        Q(array__contains=["x"]), Q(array__contains=["x", "y"]), Q(array__contains=["e"]), Q(array__overlap=["X", "é"]),
        Q(array__overlap=["none"]), Q(numbers__contains=[3]), Q(numbers__overlap=[1, -5]), Q(numbers__contains=[3, 1]),
    ]  # fmt: skip
    # Appwrite knows no null array: negations differ there from SQLite's by the rows without one.
    for condition in conditions:
        assert_same(
            lambda rows, q=condition: (
                rows(Everything).filter(q).order_by("pk").values_list("pk", flat=True)
            )
        )


TREES = [
    Q(integer=5) | Q(char="plain"),
    Q(integer=5) & ~Q(char="plain"),
    ~(Q(integer__gt=0) | Q(float__lt=1)),
    ~(Q(integer__gt=0) & Q(float__lt=1)),
    ~(~Q(integer__gt=0) & ~Q(char="plain")),
    Q(integer__in=[5, -1]) & ~Q(integer__in=[5]),
    ~Q(integer__in=[5, None]),
    Q(integer__gt=0) ^ Q(float__gt=0),
    Q(integer__gt=0) ^ Q(float__gt=0) ^ Q(boolean=True),
    ~(Q(integer__gt=0) ^ Q(float__gt=0)),
    Q(char__contains="a") | Q(integer=5),
    Q(char__contains="a") & ~Q(integer=5),
    ~(Q(char__contains="p") | Q(integer=5)),
    ~(Q(char__regex="p") & Q(integer=5)),
    Q(char__regex="p") | Q(integer=5),
    Q(integer=models.F("positive")),
    ~Q(integer=models.F("positive")),
    Q(integer__lt=models.F("positive") + 1),
    ~(Q(integer=models.F("small")) | Q(char="plain")),
    Q(pk__in=[]) | Q(integer=5),
    ~Q(pk__in=[]) & Q(integer=5),
    Q(datetime__year=2024) | Q(date__year__gt=2024),
    ~(Q(datetime__year=2024) & Q(boolean=True)),
    ~(Q(decimal__range=(0, 2)) | Q(duration__isnull=True)),
]


@pytest.mark.parametrize("condition", TREES, ids=str)
def test_trees(condition):
    assert not mismatches([condition])


@pytest.mark.parametrize(
    "order",
    [
        "integer",
        "-integer",
        "char",
        "-float",
        "boolean",
        "-decimal",
        "datetime",
        "time",
        "-uuid",
        "slug",
    ],
)
def test_orders_with_nulls_and_ties_over_many_pages(order, connect):
    connect(OPTIONS={"PAGE_SIZE": 1, "CACHE": {"ENABLED": False}})
    for lookup in ({}, {"char__contains": "a"}, {"integer__in": [5, -1, 0, None]}):
        assert_same(
            lambda rows, lookup=lookup: (
                rows(Everything)
                .filter(**lookup)
                .order_by(order, "pk")
                .values_list("pk", order.strip("-"))
            )
        )
        assert_same(
            lambda rows, lookup=lookup: (
                rows(Everything).filter(**lookup).order_by(order, "pk").values_list("pk")[1:4]
            )
        )


def test_every_pair_of_conditions():
    """Conjunctions, disjunctions and their negations, nulls on either side."""
    leaves = [
        Q(integer__gt=0), ~Q(float=3), Q(char__icontains="a"), Q(text__contains="p"), Q(boolean=True), ~Q(uuid__isnull=True),
        Q(char__regex="n "), Q(decimal__in=[D("1.2345"), D("0")]),
    ]  # fmt: skip
    pairs = itertools.combinations(leaves, 2)
    assert not mismatches(tree for one, two in pairs for tree in (one & two, one | two, one & ~two))


def test_expressions_on_the_right():
    from django.db.models.functions import Concat, Lower, Upper

    conditions = [
        Q(char=Lower("char")), Q(text=Concat("char", models.Value(" text"))), Q(slug__iexact=Upper("slug")),
        Q(integer__gt=models.Value(0)), Q(float__gte=models.F("integer")), Q(char__startswith=models.F("char")),
        Q(text__icontains=models.F("char")), Q(datetime__gt=models.F("created_at")), Q(integer__in=[models.F("small"), 5]),
        Q(integer__range=(models.F("small"), 10)),
    ]  # fmt: skip
    assert not mismatches(conditions)


def test_integers_beyond_every_column_match_by_their_side_and_never_nulls():
    ask = Everything.objects
    assert ask.filter(integer__lt=2**70).count() == ask.filter(integer__isnull=False).count() == 5
    assert ask.filter(positive__gt=-1).count() == ask.filter(positive__isnull=False).count() == 3
    assert ask.filter(integer__gt=2**70).count() == ask.filter(integer=2**70).count() == 0
    assert ask.exclude(integer=2**70).count() == 6


def test_a_datetime_is_found_by_the_value_that_it_was_saved_with():
    """Appwrite holds milliseconds; constants of a filter are cut as the values are, wherever they are compared."""
    saved_with = moment(2024, 12, 31, 23, 59, 59, 999999)
    for also in (Q(), Q(char__regex="")):
        ask = Everything.objects.filter(also)
        assert ask.filter(datetime=saved_with).count() == 1
        assert ask.filter(datetime__in=[saved_with]).count() == 1
        assert (
            ask.filter(datetime__lte=saved_with).count()
            - ask.filter(datetime__lt=saved_with).count()
            == 1
        )
        assert (
            ask.filter(datetime__gte=saved_with).count()
            - ask.filter(datetime__gt=saved_with).count()
            == 1
        )


def test_least_and_greatest_long_decimals_are_compared_as_numbers():
    def least(rows):
        found = (
            rows(Everything)
            .values("boolean")
            .annotate(least=Min("long_decimal"), greatest=Max("long_decimal"))
        )
        return (
            found.filter(least__gte=decimal.Decimal("-0.5"), greatest__gt=5)
            .order_by("boolean")
            .values_list("boolean")
        )

    assert assert_same(least) == [(("bool", True),)]
