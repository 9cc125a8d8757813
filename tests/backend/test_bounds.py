"""Moments, dates and arrays at the ends of what fits, compared with what Python says of the same rows."""

import datetime
import itertools
import operator
from contextlib import nullcontext

import pytest
from django.db import DataError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Trunc
from django.utils import timezone

from tests.fixtures import moment
from tests.kinds import level_settings
from tests.library.models import Everything, Lists

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

OPERATORS = {
    "exact": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
MOMENTS = [
    moment(1000, 1, 1),
    moment(1000, 12, 31, 23, 59, 59, 999000),
    moment(1001, 1, 1),
    moment(1999, 12, 31, 23, 59, 59, 999000),
    moment(2000, 1, 1),
    moment(2024, 2, 29, 12),
    moment(9998, 12, 31, 23, 59, 59, 999000),
    moment(9999, 1, 1),
    moment(9999, 12, 31),
    moment(9999, 12, 31, 23, 59, 59),
]
BOUNDS = [
    moment(1, 1, 1),
    moment(999, 12, 31, 23, 59, 59, 999999),
    *MOMENTS[3::3],
    moment(2000, 1, 1, 0, 0, 0, 400),
    moment(9999, 12, 31, 23, 59, 59, 1),
    moment(9999, 12, 31, 23, 59, 59, 999999),
]
YEARS = [1, 999, 1000, 1001, 2000, 9998, 9999]


@pytest.fixture(params=["1.9", "2.x"])
def level(request, connect):
    connection = connect(**level_settings(request.param, "bounds", CACHE={}))
    for model in (Everything, Lists):
        with connection.schema_editor() as editor:
            editor.create_model(model)
    yield request.param
    for model in (Everything, Lists):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")
    connections["appwrite"].close()


def rows_of(value):
    return {"datetime": value, "date": value and value.date(), "time": value and value.time()}


@pytest.fixture(params=["alone", "block"])
def everything(request, level):
    made = [
        Everything(char=str(number), **rows_of(value))
        for number, value in enumerate([None, *MOMENTS])
    ]
    if request.param == "alone":
        yield Everything.objects.bulk_create(made)
        return
    with transaction.atomic(using="appwrite"):
        yield Everything.objects.bulk_create(made)


def check(rows, condition, is_found):
    """Compare what a condition finds, alone and within others, with what Python finds; ``is_found`` is asked of rows that are not null."""
    names = {row.char for row in rows if is_found(row)}
    every = {row.char for row in rows}
    objects = type(rows[0]).objects

    def found(*conditions):
        return set(objects.filter(*conditions).values_list("char", flat=True))

    assert found(condition) == names
    assert objects.filter(condition).count() == len(names)
    assert objects.filter(condition).exists() is bool(names)
    assert (
        found(~condition)
        == set(objects.exclude(condition).values_list("char", flat=True))
        == every - names
    )
    assert found(~~condition) == names
    assert found(condition | Q(char="3")) == names | {"3"}
    assert found(~condition | Q(char="3")) == every - names | {"3"}
    assert found(condition & ~Q(char="3")) == names - {"3"}
    assert found(~(condition | Q(char="3"))) == every - names - {"3"}


def same(name, python):
    return lambda row: getattr(row, name) is not None and python(getattr(row, name))


def between(low, high):
    return lambda one: low <= one <= high


def held(value):
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


@pytest.mark.parametrize("lookup", OPERATORS)
def test_moments_and_their_parts(everything, lookup):
    compare = OPERATORS[lookup]
    for bound in BOUNDS:
        # A constant is cut as what is stored.
        check(
            everything,
            Q(**{f"datetime__{lookup}": bound}),
            same("datetime", lambda one, b=bound: compare(one, held(b))),
        )
        check(
            everything,
            Q(**{f"date__{lookup}": bound.date()}),
            same("date", lambda one, b=bound: compare(one, b.date())),
        )
        check(
            everything,
            Q(**{f"datetime__date__{lookup}": bound.date()}),
            same("datetime", lambda one, b=bound: compare(one.date(), b.date())),
        )
        check(
            everything,
            Q(**{f"datetime__time__{lookup}": bound.time()}),
            same("datetime", lambda one, b=bound: compare(one.time(), b.time())),
        )
        check(
            everything,
            Q(**{f"time__{lookup}": bound.time()}),
            same("time", lambda one, b=bound: compare(one, b.time())),
        )


@pytest.mark.parametrize("lookup", [*OPERATORS, "in", "range"])
def test_years(everything, lookup):
    if lookup in OPERATORS:
        compare, questions = OPERATORS[lookup], [(year, year) for year in YEARS]
    elif lookup == "in":
        compare, questions = (
            (lambda one, years: one in years),
            [(YEARS, YEARS), ([1, 9999], [1, 9999]), ([], [])],
        )
    else:
        compare = lambda one, ends: ends[0] <= one <= ends[1]  # noqa: E731
        questions = [(pair, pair) for pair in itertools.product(YEARS[::2], YEARS[1::2])]
    for given, bound in questions:
        for name in ("datetime", "date"):
            check(
                everything,
                Q(**{f"{name}__year__{lookup}": given}),
                same(name, lambda one, b=bound: compare(one.year, b)),
            )
            if given == 9999:
                continue  # Django asks Python for the first day of the year 10000
            check(
                everything,
                Q(**{f"{name}__iso_year__{lookup}": given}),
                same(name, lambda one, b=bound: compare(one.isocalendar()[0], b)),
            )


def test_ranges_and_lists(everything):
    for low, high in itertools.product(BOUNDS[::2], BOUNDS[1::2]):
        days = between(low.date(), high.date())
        check(
            everything,
            Q(datetime__range=(low, high)),
            same("datetime", between(held(low), held(high))),
        )
        check(
            everything,
            Q(date__range=(low.date(), high.date())),
            same("date", days),
        )
        check(
            everything,
            Q(datetime__date__range=(low.date(), high.date())),
            same("datetime", lambda one, days=days: days(one.date())),
        )
    check(
        everything, Q(datetime__in=BOUNDS), same("datetime", lambda one: one in map(held, BOUNDS))
    )
    check(
        everything,
        Q(date__in=[b.date() for b in BOUNDS]),
        same("date", lambda one: one in [b.date() for b in BOUNDS]),
    )
    check(everything, Q(datetime__in=BOUNDS[:2]), lambda row: False)
    check(
        everything,
        Q(datetime__date__in=[b.date() for b in BOUNDS]),
        same("datetime", lambda one: one.date() in [b.date() for b in BOUNDS]),
    )


@pytest.mark.parametrize(
    "part",
    ["month", "day", "week_day", "iso_week_day", "quarter", "week", "hour", "minute", "second"],
)
def test_other_parts(everything, part):
    parts = {
        "week_day": lambda one: one.isoweekday() % 7 + 1,
        "iso_week_day": lambda one: one.isoweekday(),
        "quarter": lambda one: (one.month + 2) // 3,
        "week": lambda one: one.isocalendar()[1],
    }
    read = parts.get(part, lambda one: getattr(one, part))
    for value in (0, 1, 4, 23, 53, 59):
        check(
            everything,
            Q(**{f"datetime__{part}": value}),
            same("datetime", lambda one, v=value: read(one) == v),
        )
        check(
            everything,
            Q(**{f"datetime__{part}__gte": value}),
            same("datetime", lambda one, v=value: read(one) >= v),
        )


@pytest.mark.parametrize("kind", ["year", "quarter", "month", "week", "day", "hour", "second"])
def test_truncation(everything, kind):
    found = dict(
        Everything.objects.annotate(cut=Trunc("datetime", kind)).values_list("char", "cut")
    )

    def cut(one):
        if one is None:
            return None
        if kind == "week":
            return (one - datetime.timedelta(days=one.weekday())).replace(
                hour=0, minute=0, second=0, microsecond=0
            )
        zeros = {"second": {}, "hour": {"minute": 0, "second": 0}}.get(
            kind, {"hour": 0, "minute": 0, "second": 0}
        )
        if kind in ("month", "year", "quarter"):
            zeros["day"] = 1
        if kind == "year":
            zeros["month"] = 1
        if kind == "quarter":
            zeros["month"] = (one.month - 1) // 3 * 3 + 1
        return one.replace(microsecond=0, **zeros)

    assert found == {row.char: cut(row.datetime) for row in everything}
    if kind in ("year", "month", "day"):
        wanted = sorted({cut(row.datetime) for row in everything if row.datetime})
        assert list(Everything.objects.datetimes("datetime", kind)) == wanted
        assert list(Everything.objects.dates("date", kind)) == [one.date() for one in wanted]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_years_of_another_zone(everything, zone):
    with timezone.override(zone):
        here = timezone.get_current_timezone()

        def year(one):
            # Python has no year 10000.
            return (
                10000
                if one > moment(9999, 12, 31, 12) and zone == "Asia/Tokyo"
                else one.astimezone(here).year
            )

        for lookup, compare in OPERATORS.items():
            for bound in YEARS:
                check(
                    everything,
                    Q(**{f"datetime__year__{lookup}": bound}),
                    same("datetime", lambda one, b=bound, c=compare: c(year(one), b)),
                )


ARRAYS = {
    "floats": [
        [],
        [1.0],
        [1.0, 2.0],
        [2.0, 1.0],
        [0.1 + 0.2, 0.3],
        [0.0],
        [-1e300, 1e-300],
        [1.5, 1.5],
        [2.0**53],
        [1e22],
    ],
    "integers": [[], [1], [1, 2], [2, 1], [0], [-1, -1], [2**53 + 1], [2**53], [10]],
    "booleans": [[], [True], [False, True], [False]],
    "moments": [
        [],
        [moment(1000, 1, 1)],
        [MOMENTS[3], MOMENTS[-1]],
        [MOMENTS[-1]],
        [moment(2000, 1, 1), None],
    ],
    "dates": [
        [],
        [datetime.date(1000, 1, 1)],
        [datetime.date(9999, 12, 31), None],
        [datetime.date(9999, 12, 31)],
    ],
    "texts": [[], [None], ["a", None], ["A"], ["a"], [""], ["1"], ["a", "A"]],
}
ASKED = {
    "floats": [
        *ARRAYS["floats"],
        [1],
        [1, 2.0],
        [True],
        [-0.0],
        [0],
        [0.3],
        [10**22],
        [1e300],
        [3.14],
    ],
    "integers": [*ARRAYS["integers"], [1.0], [True], [2.0, 1], [3], [2**53 + 0.0]],
    "booleans": [*ARRAYS["booleans"], [1], [0, 1]],
    "moments": [*ARRAYS["moments"], [moment(2000, 1, 1), moment(2000, 1, 1)], [moment(2001, 1, 1)]],
    "dates": [
        *ARRAYS["dates"],
        [datetime.date(2000, 1, 1)],
        [datetime.date.max, datetime.date(1000, 1, 1)],
    ],
    "texts": [*ARRAYS["texts"], ["b"], ["á"]],
}
SETS = {
    "exact": lambda held, asked: held == asked,
    "contains": lambda held, asked: all(one is not None and one in held for one in asked),
    "overlap": lambda held, asked: any(one is not None and one in held for one in asked),
}


@pytest.mark.parametrize("place", ["alone", "block"])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(level, name, place):
    with transaction.atomic(using="appwrite") if place == "block" else nullcontext():
        made = Lists.objects.bulk_create(
            [Lists(emails=[f"{n}@x.org"], **{name: value}) for n, value in enumerate(ARRAYS[name])]
        )
        held = {row.pk: getattr(row, name) for row in made}
        first = made[1]

        def check_arrays(condition, is_found):
            names = {pk for pk, value in held.items() if is_found(value)}

            def found(*conditions):
                return set(Lists.objects.filter(*conditions).values_list("pk", flat=True))

            assert found(condition) == names, condition
            assert Lists.objects.filter(condition).count() == len(names), condition
            assert found(~condition) == held.keys() - names, condition
            assert (
                set(Lists.objects.exclude(condition).values_list("pk", flat=True))
                == held.keys() - names
            ), condition
            assert found(condition | Q(pk=first.pk)) == names | {first.pk}, condition
            assert found(~(condition | Q(pk=first.pk))) == held.keys() - names - {first.pk}, (
                condition
            )
            assert (
                set(
                    Lists.objects.filter(condition, emails=F("emails")).values_list("pk", flat=True)
                )
                == names
            ), condition
            assert (
                set(
                    Lists.objects.filter(~condition, emails=F("emails")).values_list(
                        "pk", flat=True
                    )
                )
                == held.keys() - names
            ), condition

        for asked in ASKED[name]:
            for lookup, compare in SETS.items():
                check_arrays(
                    Q(**{f"{name}__{lookup}": asked}), lambda value, a=asked, c=compare: c(value, a)
                )
        for several in (ASKED[name], ASKED[name][:1], ASKED[name][-2:], []):
            check_arrays(Q(**{f"{name}__in": several}), lambda value, s=several: value in s)
        assert set(Lists.objects.filter(**{name: F(name)})) == set(made)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("moments", moment(999, 12, 31)),
        ("moments", moment(9999, 12, 31, 23, 59, 59, 1000)),
        ("dates", datetime.date.min),
        ("integers", 2**63),
        ("floats", float("inf")),
        ("floats", None),
    ],
)
@pytest.mark.parametrize("lookup", [*SETS, "in"])
def test_what_no_array_holds_is_refused_by_each_lookup(level, lookup, name, element):
    condition = Q(**{f"{name}__{lookup}": [[element]] if lookup == "in" else [element]})
    for question in (
        condition,
        ~condition,
        condition | Q(emails=[]),
        condition & Q(texts=F("texts")),
    ):
        with pytest.raises(DataError, match=rf"Lists.{name}: item 1"):
            Lists.objects.filter(question).exists()
