"""Decimals of more digits than SQLite's numbers hold, wherever they are computed with: compared with Python's own."""

import decimal

import pytest
from django.db import NotSupportedError
from django.db.models import (
    Avg,
    Case,
    DecimalField,
    F,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    RowRange,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import (
    Abs,
    Cast,
    Ceil,
    Coalesce,
    Exp,
    FirstValue,
    Floor,
    JSONArray,
    JSONObject,
    Lag,
    LastValue,
    Lead,
    Least,
    Ln,
    Log,
    Mod,
    NthValue,
    NullIf,
    Power,
    Round,
    Sign,
    Sqrt,
)

from appwrite_orm_django.backend.evaluation import decimals
from tests.library.models import Everything

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"])

D = decimal.Decimal
BIG = D("12345678901234567890.0000000005")
VALUES = [BIG, D("-98765432109876543210.9999999995"), D("0.0000000003"), D("-2.5"), D(7)]
EXACT = decimal.Context(prec=200)
ENDLESS = decimal.Context(prec=28)


def shown(value):
    return "expected" if callable(value) else str(value)


@pytest.fixture(autouse=True)
def rows():
    Everything.objects.bulk_create(
        Everything(long_decimal=value, integer=number, char=str(value))
        for number, value in enumerate(VALUES)
    )
    Everything.objects.create(integer=9)


def computed(**expressions):
    """Return the values of an expression, in the order of ``VALUES``, the null's last."""
    (name,) = expressions
    return list(
        Everything.objects.annotate(**expressions).order_by("integer").values_list(name, flat=True)
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Abs("long_decimal"), lambda value: value.copy_abs()),
        (Ceil("long_decimal"), lambda value: value.to_integral_value(decimal.ROUND_CEILING)),
        (Floor("long_decimal"), lambda value: value.to_integral_value(decimal.ROUND_FLOOR)),
        (Sign("long_decimal"), lambda value: EXACT.compare(value, D(0))),
        (Mod("long_decimal", D(7)), lambda value: EXACT.remainder(value, D(7))),
        (F("long_decimal") % D("0.7"), lambda value: EXACT.remainder(value, D("0.7"))),
        (Power("long_decimal", 2), lambda value: EXACT.multiply(value, value)),
        (F("long_decimal") ** D(3), lambda value: EXACT.power(value, 3)),
        (Power("long_decimal", 0), lambda value: D(1)),
        (Power("long_decimal", -1), lambda value: ENDLESS.power(value, -1)),
        (Sqrt(Abs("long_decimal")), lambda value: ENDLESS.sqrt(value.copy_abs())),
        (Ln(Abs("long_decimal")), lambda value: ENDLESS.ln(value.copy_abs())),
        (NullIf("long_decimal", Value(D("-2.50"))), lambda value: None if value == D("-2.5") else value),
        (Case(When(integer__lt=2, then="long_decimal"), default=Value(D(1))), lambda value: value if abs(value) > 9 else D(1)),
        (NullIf("long_decimal", Value(BIG)), lambda value: None if value == BIG else value),
        (Coalesce(NullIf("long_decimal", Value(BIG)), Value(BIG)), lambda value: value),
        (Least("long_decimal", Value(VALUES[1])), lambda value: VALUES[1]),
        (Cast("integer", DecimalField()) + Value(BIG), lambda value: EXACT.add(BIG, VALUES.index(value))),
        (Cast("char", DecimalField(max_digits=30, decimal_places=10)), lambda value: value),
        (Cast("long_decimal", DecimalField(max_digits=25, decimal_places=1)), lambda value: half_up(value, "0.1")),
        (Round("long_decimal", precision=9), lambda value: half_up(value, "0.000000001")),
        (Round("long_decimal"), lambda value: half_up(value, "1")),
        (Round("long_decimal", precision=-3), lambda value: half_up(value, "1E3")),
    ],
    ids=shown,
)  # fmt: skip
def test_functions(expression, expected):
    *found, none = computed(x=expression)
    assert found == [expected(value) for value in VALUES]
    assert none is None or isinstance(expression, (Case, Coalesce)) or "integer" in str(expression)
    assert all(isinstance(value, D) for value in found if value is not None)


def half_up(value, unit):
    return value.quantize(D(unit), decimal.ROUND_HALF_UP, EXACT)


def test_round_is_half_away_from_zero_and_has_the_places_asked_for():
    """As PostgreSQL documents it: ``round(-2.5)`` is -3, ``round(7, 2)`` is 7.00."""
    found = computed(x=Round("long_decimal"))
    assert str(found[3]) == "-3"
    assert str(computed(x=Round("long_decimal", precision=2))[4]) == "7.00"
    assert (
        str(computed(x=Round("long_decimal", precision=9))[0]) == "12345678901234567890.000000001"
    )
    assert (
        str(computed(x=Round("long_decimal", precision=9))[1]) == "-98765432109876543211.000000000"
    )


def test_what_has_no_value_is_null():
    assert computed(x=Mod("long_decimal", 0))[:5] == [None] * 5
    assert computed(x=Sqrt("long_decimal"))[1] is None
    assert computed(x=Ln("long_decimal"))[3] is None
    assert computed(x=Power("long_decimal", D("0.5")))[3] is None
    assert (
        computed(x=Log(D(10), Cast("integer", DecimalField(max_digits=20, decimal_places=0))))[0]
        is None
    )


def test_exponentials_and_logarithms_have_28_digits():
    small = Everything.objects.filter(integer__gte=2, integer__lt=F("integer") + 1).order_by(
        "integer"
    )
    assert small.annotate(x=Exp("long_decimal")).values_list("x", flat=True)[1] == ENDLESS.exp(
        D("-2.5")
    )
    assert computed(x=Log(D(10), Abs("long_decimal")))[0] == pytest.approx(D("19.09151498112"))


class TestAggregates:
    def test_distinct_and_filtered(self):
        Everything.objects.create(long_decimal=BIG)
        found = Everything.objects.aggregate(
            distinct=Sum("long_decimal", distinct=True),
            some=Sum("long_decimal", filter=Q(long_decimal__gt=0)),
            mean=Avg("long_decimal", filter=Q(long_decimal__gte=7)),
            computed=Sum(F("long_decimal") * 2),
            rounded=Sum(Round("long_decimal", precision=9)),
            most=Max(Abs("long_decimal")),
        )
        with decimal.localcontext(EXACT):
            assert found["distinct"] == sum(VALUES)
            assert found["some"] == 2 * BIG + D("7.0000000003")
            assert found["computed"] == 2 * (sum(VALUES) + BIG)
            assert found["rounded"] == sum(half_up(value, "1E-9") for value in [*VALUES, BIG])
            mean = (2 * BIG + 7) / 3
        assert found["mean"] == decimal.Context(prec=30).plus(mean)
        assert found["most"] == VALUES[1].copy_abs()


class TestWindows:
    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (Lag("long_decimal"), lambda values, at: values[at - 1] if at else None),
            (
                Lead("long_decimal", default=Value(D("0.5"))),
                lambda values, at: values[at + 1] if at < 4 else D("0.5"),
            ),
            (FirstValue("long_decimal"), lambda values, at: values[0]),
            (LastValue("long_decimal"), lambda values, at: values[at]),
            (NthValue("long_decimal", nth=2), lambda values, at: values[1] if at else None),
            (Max("long_decimal"), lambda values, at: max(values[: at + 1])),
            (Min("long_decimal"), lambda values, at: min(values[: at + 1])),
        ],
        ids=shown,
    )
    def test_values_are_those_that_were_there(self, function, expected):
        window = Window(function, order_by="integer")
        query = (
            Everything.objects.filter(long_decimal__isnull=False)
            .annotate(x=window)
            .order_by("integer")
        )
        assert [row.x for row in query] == [expected(VALUES, at) for at in range(5)]

    @pytest.mark.skipif(not decimals.WINDOWS, reason="from Python 3.11 on")
    def test_sums_and_averages_are_exact(self):
        running = Everything.objects.annotate(
            total=Window(Sum("long_decimal"), order_by="integer"),
            mean=Window(Avg("long_decimal")),
        ).order_by("integer")
        with decimal.localcontext(EXACT):
            totals = [sum(VALUES[: at + 1]) for at in range(5)]
        assert [row.total for row in running[:5]] == totals
        assert {row.mean for row in running} == {decimal.Context(prec=30).divide(totals[-1], D(5))}
        assert [row.integer for row in running.filter(total=totals[1])] == [1]

    @pytest.mark.skipif(not decimals.WINDOWS, reason="from Python 3.11 on")
    def test_frames_that_rows_leave(self):
        window = Window(Sum("long_decimal"), order_by="integer", frame=RowRange(start=-1, end=0))
        with decimal.localcontext(EXACT):
            expected = [VALUES[0], *(VALUES[at - 1] + VALUES[at] for at in range(1, 5)), VALUES[4]]
        assert computed(x=window) == expected

    @pytest.mark.skipif(not decimals.WINDOWS, reason="from Python 3.11 on")
    def test_sums_of_short_decimals_do_not_pass_through_floats(self):
        Everything.objects.filter(integer__lt=3).update(decimal=D("0.1"))
        query = Everything.objects.filter(integer__lt=3).annotate(
            total=Window(Sum("decimal"), order_by="integer")
        )
        assert [row.integer for row in query.filter(total=D("0.3"))] == [2]

    def test_an_older_python_says_so(self, monkeypatch):
        monkeypatch.setattr(decimals, "WINDOWS", False)
        with pytest.raises(NotSupportedError, match=r"need Python 3\.11"):
            list(Everything.objects.annotate(total=Window(Sum("long_decimal"))))
        assert len(Everything.objects.annotate(total=Window(Max("long_decimal")))) == 6


class TestComparisons:
    def test_with_numbers_of_other_columns(self):
        """As numbers the two would be the same."""
        number = 9007199254740992
        row = Everything.objects.create(
            integer=number, long_decimal=D(number) + 1, float=0.5, decimal=D("0.5")
        )
        same = Everything.objects.filter(pk=row.pk)
        assert same.filter(long_decimal__gt=F("integer")).exists()
        assert not same.filter(integer=F("long_decimal")).exists()
        assert same.filter(integer__lt=F("long_decimal")).exists()
        same.update(long_decimal=D("0.5"))
        assert same.filter(long_decimal=F("decimal"), decimal__gte=F("long_decimal")).exists()

    def test_of_what_a_subquery_brings(self):
        inner = Everything.objects.filter(pk=OuterRef("pk")).values("long_decimal")[:1]
        query = Everything.objects.filter(integer__lt=9).annotate(x=Subquery(inner))
        assert [row.x for row in query.order_by("x")] == sorted(VALUES)
        assert [row.integer for row in query.filter(x__gt=D(9))] == [0]
        assert [row.integer for row in query.filter(x=D("-2.50"))] == [3]

    def test_of_what_a_function_brings(self):
        query = Everything.objects.annotate(x=Abs("long_decimal"), whole=Floor("long_decimal"))
        assert [row.integer for row in query.filter(x__gt=D(7)).order_by("x")] == [0, 1]
        assert [row.integer for row in query.filter(whole=D("12345678901234567890"))] == [0]


def test_a_cast_to_short_decimals_rounds_to_their_places():
    small = Everything.objects.filter(integer=3).annotate(
        x=Cast("long_decimal", DecimalField(max_digits=8, decimal_places=0))
    )
    assert small.get().x == -3
    assert small.filter(x=-3).exists()
    assert (
        Everything.objects.filter(integer=3).annotate(x=Cast("long_decimal", FloatField())).get().x
        == -2.5
    )


def test_documents_have_numbers_and_no_texts():
    Everything.objects.create(char="a", long_decimal=D("1.5"))
    Everything.objects.create(char="b")
    documents = (
        Everything.objects.filter(char__in=["a", "b"])
        .annotate(
            one=JSONObject(d="long_decimal", double=F("long_decimal") * 2),
            many=JSONArray("long_decimal", "char"),
        )
        .order_by("char")
    )
    assert [(row.one, row.many) for row in documents] == [
        ({"d": 1.5, "double": 3.0}, [1.5, "a"]),
        ({"d": None, "double": None}, [None, "b"]),
    ]
    assert [row.char for row in documents.filter(one__d=1.5)] == ["a"]
