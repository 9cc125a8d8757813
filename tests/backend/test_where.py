"""What is sent for which queryset. Nothing is executed here: the command is the assertion."""

import datetime
import decimal

import pytest
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Count, F, Q, Value
from django.db.models.expressions import ColPairs
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.functions import Lower

from appwrite_orm_django.backend.commands import CountRows, GetRow, ListRows
from appwrite_orm_django.backend.evaluation.commands import LocalQuery
from tests.library.models import Author, Book, Country, Everything, Numbered, Review

UTC = datetime.timezone.utc


def command(queryset):
    return queryset.query.get_compiler("appwrite").as_sql()[0]


def filters(queryset):
    made = command(queryset)
    assert isinstance(made, ListRows), made
    return [str(query) for query in made.condition.queries] + [
        str(part) for part in made.condition.memberships
    ]


def is_empty(queryset):
    try:
        command(queryset)
    except EmptyResultSet:
        return True
    return False


@pytest.mark.engine("mariadb", reason="texts and negations are filtered in other ways")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Q(name="x"), ['equal(name, "x")']),
        (~Q(name="x"), ['notEqual(name, "x")']),
        (Q(rating=3), ["equal(rating, 3.0)"]),
        (~Q(rating=3), ["or(notEqual(rating, 3.0), isNull(rating))"]),
        (Q(rating=None), ["isNull(rating)"]),
        (~Q(rating=None), ["isNotNull(rating)"]),
        (Q(rating__isnull=False), ["isNotNull(rating)"]),
        (Q(rating__gt=1, rating__lte=2), ["greaterThan(rating, 1.0)", "lessThanEqual(rating, 2.0)"]),
        (Q(name="x") | Q(rating=3), ['or(equal(name, "x"), equal(rating, 3.0))']),
        (
            ~(Q(name="x") | Q(rating=3)),
            ['notEqual(name, "x")', "or(notEqual(rating, 3.0), isNull(rating))"],
        ),
        (Q(rating__range=(1, 2)), ["greaterThanEqual(rating, 1.0)", "lessThanEqual(rating, 2.0)"]),
        (Q(name__icontains="a%b_"), ['contains(name, "a%b_")']),
        (Q(name__istartswith="a"), ['startsWith(name, "a")']),
        (Q(name__iendswith="a"), ['endsWith(name, "a")']),
        pytest.param(
            Q(name__iexact="a"),
            ['equal(name, "a")'],
            marks=pytest.mark.engine("mariadb", reason="equal respects case"),
        ),
        (~Q(name__icontains="a"), ['notContains(name, "a")']),
        (Q(name__icontains=""), ["isNotNull(name)"]),
        (Q(name__in=["a", "b"]), ["name in ['a', 'b']"]),
        (Q(name__in=["a"]), ['equal(name, "a")']),
        (~Q(name__in=["a", "b"]), ['notEqual(name, "a")', 'notEqual(name, "b")']),
        (~Q(name__in=[]), []),
        (Q(country="FR"), ['equal(country_id, "FR")']),
        (Q(country__isnull=True), ["isNull(country_id)"]),
        (Q(country__pk="FR"), ['equal(country_id, "FR")']),
        (Q(born__year=1970), [
            'greaterThanEqual(born, "1970-01-01T00:00:00.000+00:00")',
            'lessThanEqual(born, "1970-12-31T00:00:00.000+00:00")',
        ]),
        (Q(born__year__gt=1970), ['greaterThan(born, "1970-12-31T00:00:00.000+00:00")']),
        (Q(pk__gt="m"), ['greaterThan($id, "m")']),
        (Q(pk__isnull=False), []),
    ],
)  # fmt: skip
def test_conditions_that_the_server_answers_exactly(condition, expected):
    assert filters(Author.objects.filter(condition)) == expected


@pytest.mark.engine("mongodb", reason="negations leave out nulls")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Q(name="x"), ['equal(name, "x")']),
        (~Q(name="x"), ["isNotNull(name)", 'notEqual(name, "x")']),
        (~Q(pk="x"), ['notEqual($id, "x")']),
        (~Q(rating=3), ["or(and(isNotNull(rating), notEqual(rating, 3.0)), isNull(rating))"]),
        (
            ~(Q(name="x") | Q(rating=3)),
            ["isNotNull(name)", 'notEqual(name, "x")', "or(and(isNotNull(rating), notEqual(rating, 3.0)), isNull(rating))"],
        ),
        (Q(name__icontains="a%b_"), ['contains(name, "a%b_")']),
        (~Q(name__icontains="a"), ["isNotNull(name)", 'notContains(name, "a")']),
        (~Q(name__istartswith="a"), ["isNotNull(name)", 'notStartsWith(name, "a")']),
        (~Q(name__in=["a", "b"]), ["isNotNull(name)", 'notEqual(name, "a")', 'notEqual(name, "b")']),
    ],
)  # fmt: skip
def test_conditions_that_mongodb_answers_exactly(condition, expected):
    assert filters(Author.objects.filter(condition)) == expected


@pytest.mark.parametrize(
    "condition",
    [
        Q(name__in=[]),
        Q(pk="not a legal id"),
        Q(pk__in=["not a legal id", "nor this one!"]),
        Q(pk__isnull=True),
        Q(rating__gt=float("inf")),
        Q(pk__in=[]) & Q(name="x"),
    ],
)
def test_conditions_that_no_row_can_fulfil_ask_nothing(condition):
    assert is_empty(Author.objects.filter(condition))


@pytest.mark.parametrize(
    ("condition", "narrowed"),
    [
        (Q(name__contains="a"), ['contains(name, "a")']),
        (~Q(name__contains="a"), ["isNotNull(name)"]),
        (Q(name__regex="a"), []),
        (Q(name__icontains="a\\b"), []),
        (Q(name=F("email")), []),
        (Q(name=Lower(Value("A"))), []),
        (Q(name__contains="a") & Q(rating=3), ['contains(name, "a")', "equal(rating, 3.0)"]),
        (Q(name__contains="a") | Q(rating=3), ['or(contains(name, "a"), equal(rating, 3.0))']),
        (Q(name__regex="a") | Q(rating=3), []),
        (Q(name__regex="a") ^ Q(rating=3), []),
        (Q(name="x" * 5000) & Q(rating=3), ["equal(rating, 3.0)"]),
    ],
)
def test_other_conditions_are_evaluated_locally_over_narrowed_rows(condition, narrowed):
    made = command(Author.objects.filter(condition))
    assert isinstance(made, LocalQuery)
    assert [str(query) for query in made.fetches[0].condition.queries] == narrowed


def test_values_outside_a_columns_range_are_decided_without_the_server():
    assert is_empty(
        Everything.objects.filter(datetime__lt=datetime.datetime(999, 1, 1, tzinfo=UTC))
    )
    after = Everything.objects.filter(datetime__gt=datetime.datetime(999, 1, 1, tzinfo=UTC))
    assert filters(after) == ["isNotNull(datetime)"]
    assert is_empty(Numbered.objects.filter(pk=2**60))


def test_datetimes_of_a_filter_are_cut_to_milliseconds_like_those_of_a_row():
    moment = datetime.datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    text = '"2026-01-01T12:00:00.123+00:00"'
    assert filters(Everything.objects.filter(datetime__lt=moment)) == [
        f"lessThan(datetime, {text})"
    ]
    assert filters(Everything.objects.filter(datetime__gte=moment)) == [
        f"greaterThanEqual(datetime, {text})"
    ]
    assert filters(Everything.objects.filter(datetime__gt=moment)) == [
        f"greaterThan(datetime, {text})"
    ]


def test_decimals_are_compared_as_scaled_integers():
    assert filters(Book.objects.filter(price__gte=decimal.Decimal("1.5"))) == [
        "greaterThanEqual(price, 150)"
    ]


def test_a_primary_key_alone_is_one_get():
    assert command(Author.objects.filter(pk="abc")) == GetRow(
        command(Author.objects.all()).table, "abc", command(Author.objects.all()).outputs
    )
    assert isinstance(command(Author.objects.filter(pk__in=["abc"])), GetRow)
    assert isinstance(command(Author.objects.filter(pk="abc", name="x")), ListRows)


def test_ordering_and_slices():
    made = command(Author.objects.order_by("-name", "pk", "rating")[5:15])
    assert [str(order) for order in made.order] == ["name DESC", "$id"]
    assert (made.offset, made.limit) == (5, 10)


def test_the_models_own_ordering_is_pushed_down():
    assert [str(order) for order in command(Country.objects.all()).order] == ["name"]
    assert [str(order) for order in command(Review.objects.reverse()).order] == [
        "stars",
        "$id DESC",
    ]


@pytest.mark.parametrize("order", [Lower("name"), "?"])
def test_orders_that_the_server_lacks_are_evaluated_locally(order):
    assert isinstance(command(Author.objects.order_by(order)), LocalQuery)


@pytest.mark.parametrize(
    ("order", "nulls_are_low"),
    [
        (F("rating").asc(nulls_first=True), True),
        (F("rating").desc(nulls_last=True), True),
        (F("rating").asc(nulls_last=True), False),
        (F("rating").desc(nulls_first=True), False),
    ],
)
def test_only_the_servers_own_place_for_nulls_is_pushed_down(order, nulls_are_low):
    kind = ListRows if connections["appwrite"].engine.nulls_are_low is nulls_are_low else LocalQuery
    assert isinstance(command(Author.objects.order_by(order)), kind)


def test_only_the_columns_asked_for_are_fetched():
    assert command(Author.objects.values_list("name", "rating")).columns == ("name", "rating")
    assert command(Author.objects.only("name")).columns == ("$id", "name")
    assert "name" not in command(Author.objects.defer("name")).columns


def test_count_is_a_command_of_its_own():
    query = Author.objects.filter(name="x").query.clone()
    query.add_annotation(Count("*"), "__count")
    query.select, query.default_cols = (), False
    assert isinstance(query.get_compiler("appwrite").as_sql()[0], CountRows)


def test_a_subquery_of_its_own_becomes_a_filter():
    made = command(Book.objects.filter(author__in=Author.objects.filter(name="x")))
    assert isinstance(made, ListRows)
    assert (
        str(made.condition)
        == 'author_id in values of (LIST library_author ("$id") WHERE equal(name, "x"))'
    )


@pytest.fixture
def without_joins(connect):
    """Put a server that joins nothing behind the alias."""
    connect(OPTIONS={"FEATURE_LEVEL": "1.9"})


@pytest.mark.usefixtures("without_joins")
def test_relations_are_fetched_from_the_filtered_side():
    made = command(Book.objects.filter(author__country__name="France"))
    assert [str(fetch) for fetch in made.fetches] == [
        'fetch library_country: equal(name, "France")',
        "fetch library_author: country_id in code of step 1",
        "fetch library_book: author_id in $id of step 2",
    ]


@pytest.mark.usefixtures("without_joins")
def test_a_slice_is_pushed_down_below_to_one_joins():
    made = command(Book.objects.select_related("author", "editor").order_by("title")[10:20])
    assert [str(fetch) for fetch in made.fetches] == [
        "fetch library_book: every row ORDER BY title LIMIT 10 OFFSET 10",
        "fetch library_author: $id in author_id of step 1",
        "fetch library_author: $id in editor_id of step 1",
    ]
    assert "LIMIT" not in made.sql


@pytest.mark.usefixtures("without_joins")
def test_an_outer_joined_table_is_not_narrowed_by_where():
    made = command(Author.objects.filter(Q(country__name="France") | Q(country__isnull=True)))
    assert [str(fetch) for fetch in made.fetches][
        -1
    ] == "fetch library_country: code in country_id of step 1"


def test_commands_are_equal_exactly_when_the_question_is():
    """The cache's keys are made from commands."""
    assert command(Author.objects.filter(name="x")) == command(Author.objects.filter(name="x"))
    assert command(Author.objects.filter(name="x")) != command(Author.objects.filter(name="y"))
    assert hash(command(Author.objects.filter(name="x"))) == hash(
        command(Author.objects.filter(name="x"))
    )


def test_the_tuples_of_a_prefetch_along_a_foreign_key_are_pushed_down():
    def tuples(*values, columns=("code",)):
        fields = [Country._meta.get_field(name) for name in columns]
        pairs = ColPairs(Country._meta.db_table, fields, fields, Author._meta.get_field("country"))
        return Country.objects.filter(TupleIn(pairs, list(values))).order_by()

    assert filters(tuples(("FR",), ("DE",))) == ["$id in ['FR', 'DE']"]
    assert filters(tuples(("FR",), (None,), ("DE",))) == ["$id in ['FR', 'DE']"]
    assert isinstance(command(tuples(("FR",))), GetRow)
    assert is_empty(tuples())
    assert is_empty(tuples((None,)))
    assert filters(tuples(("FR", "France"), columns=("code", "name"))) == [
        'equal($id, "FR")',
        'equal(name, "France")',
    ]
