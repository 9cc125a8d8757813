"""Aggregates and periods that every server answers in a few requests, however many rows there are."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.templatetags.admin_list import date_hierarchy
from django.db import transaction
from django.db.models import Avg, Count, FloatField, IntegerField, Max, Min, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from tests.differential import assert_same
from tests.kinds import kind_settings, level_of
from tests.library.models import Author, Book

pytestmark = pytest.mark.usefixtures("kind")

KINDS = ["year", "month", "week", "day"]


@pytest.fixture
def sent(kind):
    """Collect the requests of the server of this kind."""
    log = []
    kind.transport.add_listener(log.append)
    yield log
    kind.transport.remove_listener(log.append)


@pytest.mark.parametrize(
    "column", ["pages", "price", "published", "title", "in_print", "pk", "author", "created_at"]
)
@pytest.mark.parametrize("function", [Min, Max])
def test_extremes_are_one_request(column, function, sent):
    assert_same(lambda rows: rows(Book).aggregate(x=function(column)))
    assert_same(lambda rows: rows(Book).filter(pages__gt=5000).aggregate(x=function(column)))
    assert len(sent) == 2


def test_several_are_at_most_one_request_each(sent):
    assert_same(
        lambda rows: rows(Book).aggregate(
            first=Min("published"), last=Max("published"), n=Count("published")
        )
    )
    assert len(sent) <= 3


def test_nothing_matches():
    assert_same(lambda rows: rows(Book).filter(pk__in=[]).aggregate(x=Min("pages"), n=Count("*")))


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("period", KINDS)
def test_dates(period, order):
    assert_same(lambda rows: rows(Author).dates("born", period, order))
    assert_same(lambda rows: rows(Book).dates("published", period, order))
    assert_same(lambda rows: rows(Author).filter(rating__gt=100).dates("born", period, order))
    assert_same(lambda rows: rows(Author).dates("born", period, order)[1:3])


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("period", [*KINDS, "hour", "minute", "second"])
def test_datetimes(period, zone):
    with timezone.override(ZoneInfo(zone)):
        assert_same(lambda rows: rows(Book).datetimes("published", period))
        assert_same(
            lambda rows: rows(Book).datetimes(
                "published", period, "DESC", tzinfo=datetime.timezone.utc
            )
        )


def test_truncated_values_by_hand():
    month = TruncMonth("published")
    assert_same(
        lambda rows: (
            rows(Book).annotate(m=month).values_list("m", flat=True).distinct().order_by("m")
        )
    )
    assert_same(
        lambda rows: (
            rows(Book)
            .filter(published__isnull=False)
            .annotate(m=month)
            .values("m")
            .distinct()
            .order_by("-m")
        )
    )


def test_dates_of_many_ids(kind):
    ids = [f"x{number}" for number in range(1200)] + list(Book.objects.values_list("pk", flat=True))
    assert_same(lambda rows: rows(Book).filter(pk__in=ids).dates("published", "year"))


def test_an_open_block_sees_its_own_periods():
    born = datetime.date(2001, 5, 1)

    with transaction.atomic(using="appwrite"):
        author = Author.objects.create(name="New", born=born)
        assert born in Author.objects.dates("born", "month")
        assert Author.objects.aggregate(x=Max("born")) == {"x": born}
        author.delete()


@pytest.fixture
def many_authors(kind, connect):
    """Have 300 authors, born in 12 different months, and a limit of 30 rows for local evaluation."""
    born = [
        datetime.date(1900 + number % 2, 1 + 2 * (number % 6), 1 + number % 28)
        for number in range(300)
    ]
    made = Author.objects.bulk_create([Author(name="many", born=day) for day in born])
    options = {"PAGE_SIZE": 9, "LOCAL_EVALUATION_MAX_ROWS": 30}
    yield connect(**kind_settings(level_of(kind), kind.engine.name, **options))
    Author.objects.filter(pk__in=[author.pk for author in made])._raw_delete("appwrite")


def test_periods_of_more_rows_than_could_be_fetched(many_authors):
    log = []
    many_authors.transport.add_listener(log.append)
    authors = Author.objects.filter(name="many")
    months = [datetime.date(year, month, 1) for year in (1900, 1901) for month in range(1, 13, 2)]
    wanted = [month for month in months if (month.year - 1900) == (month.month // 2) % 2]
    assert list(authors.dates("born", "month")) == wanted
    # Each period costs a request or two; the rows, ten a page, would take thirty.
    assert len(log) <= 2 * len(wanted) + 1
    log.clear()
    assert list(authors.dates("born", "year", "DESC")) == [
        datetime.date(1901, 1, 1),
        datetime.date(1900, 1, 1),
    ]
    assert len(log) <= 4
    log.clear()
    assert list(authors.dates("born", "month")[:1]) == wanted[:1]
    assert len(log) == 1
    assert authors.aggregate(first=Min("born"), last=Max("born"))["first"] == min(
        author.born for author in authors
    )


@pytest.fixture
def with_cache(kind, connect):
    return connect(**kind_settings(level_of(kind), kind.engine.name, CACHE={"ENABLED": True}))


def test_the_cache_tells_types_apart(with_cache):
    published = Book.objects.filter(published__isnull=False)
    for _ in range(2):
        assert type(published.dates("published", "year")[0]) is datetime.date
        assert type(published.datetimes("published", "year")[0]) is datetime.datetime
        assert type(Book.objects.aggregate(x=Max("pages"))["x"]) is int
        assert type(Book.objects.aggregate(x=Max("pages", output_field=FloatField()))["x"]) is float
        assert type(Book.objects.aggregate(x=Sum("pages"))["x"]) is int
        assert type(Book.objects.aggregate(x=Sum("pages", output_field=FloatField()))["x"]) is float
        assert type(Book.objects.aggregate(x=Avg("pages"))["x"]) is float
        assert type(Book.objects.aggregate(x=Avg("pages", output_field=IntegerField()))["x"]) is int


def test_the_admins_date_hierarchy_needs_no_rows(many_authors, rf, admin_of_authors):
    request = rf.get("/", {"born__year": "1900"})
    request.user = AllPowerful()
    changes = admin_of_authors.get_changelist_instance(request)
    choices = date_hierarchy(changes)["choices"]
    # Of 150 authors born that year, where 30 rows may be fetched.
    assert [choice["title"] for choice in choices] == ["January 1900", "May 1900", "September 1900"]


class AllPowerful:
    """A user who may do everything."""

    is_active = is_staff = is_superuser = True

    def has_perm(self, perm, obj=None):
        return True


@pytest.fixture
def admin_of_authors():
    class AuthorAdmin(ModelAdmin):
        date_hierarchy = "born"
        list_per_page = 5
        ordering = ("pk",)

    return AuthorAdmin(Author, AdminSite())
