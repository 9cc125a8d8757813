"""What servers of the 2.x line answer by themselves: the same as local evaluation, in one request."""

import decimal
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.db.models import Avg, Count, Exists, F, IntegerField, Max, Min, OuterRef, Q, StdDev, Sum
from django.db.models.functions import Coalesce, Lower

from appwrite_local.messages import Response
from appwrite_local.registry import local_server
from appwrite_orm_django.backend.execution import server_queries
from appwrite_orm_django.client.retries import Backoff
from tests.differential import assert_same
from tests.kinds import kind_settings, level_of
from tests.library.models import Author, Book, Country, Review, Tag

pytestmark = pytest.mark.usefixtures("kind")

PUSHED = {
    "join for a filter": lambda rows: rows(Book).filter(author__country__name="France").order_by("pk"),
    "join for an order": lambda rows: rows(Book).order_by("author__name", "-editor__rating", "pk"),
    "left join": lambda rows: rows(Author).filter(country__isnull=True).order_by("pk"),
    "left join without a match": lambda rows: rows(Author).filter(books__isnull=True).order_by("pk"),
    "or across a left join": lambda rows: rows(Book).filter(Q(editor__rating=4.5) | Q(pages=400)).order_by("pk"),
    "not across a left join": lambda rows: rows(Book).exclude(editor__rating=4.5).order_by("pk"),
    "select_related": lambda rows: rows(Book).select_related("author__country", "editor").order_by("pk"),
    "values of a join": lambda rows: rows(Book).values_list("title", "author__name", "author__born", "author__rating").order_by("pk"),
    "many-to-many": lambda rows: rows(Book).filter(tags__name="novel").order_by("pk"),
    "repeated rows": lambda rows: rows(Book).filter(reviews__stars__gte=1).order_by("title", "reviews__stars", "pk").values("pk", "reviews__stars"),
    "slice of a join": lambda rows: rows(Review).filter(book__author__rating__gt=1).order_by("-book__pages", "pk")[1:6],
    "exists": lambda rows: rows(Book).filter(author__name="Anonymous").exists(),
    "count of a join": lambda rows: rows(Book).filter(author__country__code="FR").count(),
    "boolean of a join": lambda rows: rows(Review).filter(book__in_print=False).order_by("pk"),
    "decimal of a join": lambda rows: rows(Review).filter(book__price__gt=decimal.Decimal("9.95")).order_by("pk"),
    "sum": lambda rows: rows(Book).aggregate(pages=Sum("pages"), price=Sum("price"), rating=Sum("author__rating")),
    "average": lambda rows: rows(Book).aggregate(pages=Avg("pages"), price=Avg("price"), rating=Avg("author__rating")),
    "nothing to sum": lambda rows: rows(Book).filter(pages__gt=5000).aggregate(s=Sum("pages"), a=Avg("price"), n=Count("*"), m=Max("title")),
    "extremes": lambda rows: rows(Book).aggregate(a=Min("title"), b=Max("published"), c=Min("in_print"), d=Max("price"), e=Min("pk")),
    "distinct counts": lambda rows: rows(Book).aggregate(a=Count("author", distinct=True), b=Count("pages", distinct=True), c=Count("editor", distinct=True)),
    "groups": lambda rows: rows(Book).values("author").annotate(n=Count("pk"), pages=Sum("pages")).order_by("author"),
    "groups of a join": lambda rows: rows(Book).values("author__country__name").annotate(n=Count("pk")).order_by("author__country__name"),
    "groups of rows with a unique column": lambda rows: rows(Tag).annotate(n=Count("books"), pages=Avg("books__pages")).order_by("pk"),
    "groups of such rows in an order": lambda rows: rows(Tag).annotate(n=Count("books")).order_by("-n", "name"),
    "slice of such groups": lambda rows: rows(Tag).annotate(last=Max("books__published")).order_by("last", "pk")[1:4],
    "having such groups": lambda rows: rows(Tag).annotate(n=Count("books")).filter(n__gt=1).order_by("pk"),
    "not having such groups": lambda rows: rows(Tag).annotate(n=Sum("books__pages")).exclude(n=991).order_by("pk"),
    "having a decimal": lambda rows: rows(Tag).annotate(n=Sum("books__price")).filter(n__gte=decimal.Decimal("21.9")).order_by("pk"),
    "having one or the other": lambda rows: rows(Tag).annotate(n=Count("books")).filter(Q(n=0) | Q(name="poem")).order_by("pk"),
    "groups of rows by an inner join": lambda rows: rows(Author).filter(books__pages__gt=1).annotate(n=Count("books"), m=Max("books__pages")).order_by("pk"),
    "groups of related rows by an inner join": lambda rows: rows(Book).filter(author__rating__gt=0).values("author__pk", "author__name").annotate(n=Count("pk")).order_by("author__pk"),
    "distinct values": lambda rows: rows(Book).values_list("author", "in_print").distinct().order_by("author", "in_print"),
    "distinct values with null": lambda rows: rows(Book).values_list("editor", flat=True).distinct().order_by("editor"),
    "distinct rows of a join": lambda rows: rows(Book).filter(tags__name__in=["novel", "french"]).distinct().order_by("title", "pk"),
    "count of distinct rows": lambda rows: rows(Book).filter(tags__name__in=["novel", "french"]).distinct().count(),
    "dates in groups": lambda rows: rows(Author).values("born", "rating").annotate(n=Count("*")).order_by("born", "rating"),
    "self join": lambda rows: rows(Author).filter(books__editor__name="Victor Hugo").order_by("pk"),
}  # fmt: skip

# The server groups by no row id of a joined table, and these models have no other column that is different in each row.
WITHOUT_UNIQUE_COLUMN = {
    "groups of rows": lambda rows: rows(Author).annotate(n=Count("books"), pages=Avg("books__pages")).order_by("pk"),
    "groups of groups": lambda rows: rows(Country).annotate(authors_=Count("authors", distinct=True), books=Count("authors__books")).order_by("pk"),
    "groups in an order": lambda rows: rows(Author).annotate(n=Count("books")).order_by("-n", "name", "pk"),
    "slice of groups": lambda rows: rows(Author).annotate(last=Max("books__published")).order_by("last", "pk")[1:4],
    "having": lambda rows: rows(Author).annotate(n=Count("books")).filter(n__gt=1).order_by("pk"),
    "not having": lambda rows: rows(Author).annotate(n=Sum("books__pages")).exclude(n=991).order_by("pk"),
    "having a decimal": lambda rows: rows(Author).annotate(n=Sum("books__price")).filter(n__gte=decimal.Decimal("21.9")).order_by("pk"),
    "having a least decimal": lambda rows: rows(Author).annotate(n=Min("books__price")).filter(n__gt=0).order_by("pk"),
    "having one or the other": lambda rows: rows(Author).annotate(n=Count("books")).filter(Q(n=0) | Q(name="Bashō")).order_by("pk"),
}  # fmt: skip

LOCAL = {
    "deviation": lambda rows: rows(Book).aggregate(x=StdDev("pages")),
    "sum of an expression": lambda rows: rows(Book).aggregate(x=Sum(F("pages") * 2)),
    "filtered aggregate": lambda rows: rows(Book).aggregate(x=Count("pk", filter=Q(pages__gt=400))),
    "order by an average of integers": lambda rows: rows(Author).annotate(x=Avg("books__pages")).order_by("x", "pk"),
    "groups of long text": lambda rows: rows(Book).values("blurb").annotate(n=Count("pk")).order_by("blurb"),
    "groups of an expression": lambda rows: rows(Book).annotate(low=Lower("status")).values("low").annotate(n=Count("pk")).order_by("low"),
    "case across a join": lambda rows: rows(Book).filter(author__name__contains="zola").order_by("pk"),
    "datetime across a join": lambda rows: rows(Review).filter(book__published__year=1885).order_by("pk"),
    "beyond what a column holds": lambda rows: rows(Author).annotate(n=Sum("books__pages")).filter(n__lt=2**70).order_by("pk"),
    "nulls elsewhere": lambda rows: rows(Book).order_by(F("author__rating").asc(nulls_last=True), F("author__rating").desc(nulls_first=True), "pk").values("author__rating"),
    "subquery": lambda rows: rows(Author).annotate(x=Exists(rows(Book).filter(author=OuterRef("pk"), pages__gt=500))).order_by("pk"),
    "default of a sum": lambda rows: rows(Author).annotate(x=Coalesce(Sum("books__pages"), 0)).order_by("pk"),
    "union": lambda rows: rows(Author).filter(books__pages=400).values("pk").union(rows(Author).filter(rating=0).values("pk")).order_by("pk"),
}  # fmt: skip


def is_2x(kind):
    return level_of(kind) == "2.x"


@pytest.fixture
def whole_pages(kind, connect):
    """Have pages of ordinary size behind the server of this kind."""
    return connect(**kind_settings(level_of(kind), kind.engine.name))


@pytest.fixture
def sent(whole_pages):
    """Collect the requests made with pages of ordinary size."""
    log = []
    whole_pages.transport.add_listener(log.append)
    yield log
    whole_pages.transport.remove_listener(log.append)


@pytest.mark.parametrize("name", PUSHED)
def test_one_request_with_the_same_answer(name, whole_pages, sent):
    question = PUSHED[name]
    assert_same(question)
    if is_2x(whole_pages):
        assert len(sent) == 1, [record.params for record in sent]


@pytest.mark.parametrize("name", PUSHED)
def test_the_same_answer_page_by_page(name):
    assert_same(PUSHED[name])


@pytest.mark.parametrize("name", WITHOUT_UNIQUE_COLUMN)
def test_nothing_is_asked_that_the_server_refuses(name, whole_pages, sent):
    assert_same(WITHOUT_UNIQUE_COLUMN[name])
    assert {record.status for record in sent} == {200}


@pytest.mark.local_only("disturbs the local server (faults)")
def test_a_refused_query_is_not_sent_again(whole_pages, sent):
    server = local_server(whole_pages.settings_dict["HOST"])
    if not is_2x(whole_pages):
        return
    question = lambda rows: rows(Tag).annotate(refused=Count("books__reviews")).order_by("name")  # noqa: E731
    with server.faults.active("error,status=500,path=*/library_tag/rows,times=1"):
        assert_same(question)
    assert sent[0].status == 500
    sent.clear()
    assert_same(question)
    assert {record.status for record in sent} == {200}
    assert len(sent) > 1, "evaluated locally"


@pytest.mark.local_only("disturbs the local server (faults)")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_is_forgotten(status, whole_pages, sent, monkeypatch):
    """Each error doubles the time for which the server is not asked; an answer ends it."""
    server = local_server(whole_pages.settings_dict["HOST"])
    if not is_2x(whole_pages):
        return
    monkeypatch.setattr(server_queries, "_refused", {})
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(server_queries, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(whole_pages.transport, "_backoff", Backoff(sleep=lambda pause_s: None))
    answer, outage = server.handle, []

    def handle(request):
        # Only queries that group: what is evaluated locally is answered.
        return Response(status) if outage and "groupBy" in request.query_string else answer(request)

    monkeypatch.setattr(server, "handle", handle)

    def ask():
        sent.clear()
        assert_same(lambda rows: rows(Tag).annotate(out=Count("books__reviews")).order_by("-name"))
        return len([record for record in sent if "groupBy" in str(record.params)])

    pauses = []
    outage.append(True)
    for _ in range(8):
        assert ask() >= 1
        assert ask() == 0
        (refusal,) = server_queries._refused.values()
        pauses.append(refusal.until - clock.now)
        clock.now = refusal.until
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    outage.clear()
    assert ask() == 1
    assert not server_queries._refused


@pytest.mark.parametrize("name", LOCAL)
def test_the_rest_is_evaluated_locally(name, kind):
    found = assert_same(LOCAL[name])
    assert found is not None


def test_explain_shows_what_is_sent(kind):
    asked = (
        Author.objects.filter(country__name="France")
        .values("country")
        .annotate(n=Count("books"))
        .filter(n__gt=1)
    )
    text = asked.order_by("-n").explain()
    if is_2x(kind):
        assert text == (
            "LIST library_author (min(country_id) AS _a1, count(t2.$id) AS _a2) INNER JOIN library_country AS t1 ON country_id = t1.code "
            'LEFT OUTER JOIN library_book AS t2 ON $id = t2.author_id WHERE equal(t1.name, "France") '
            "GROUP BY country_id HAVING greaterThan(_a2, 1) ORDER BY _a2 DESC, _a1"
        )
    else:
        assert "FROM" in text


def test_columns_of_the_base_table_are_never_mistaken_for_joined_ones(kind):
    text = Tag.objects.annotate(n=Count("books")).explain()
    if is_2x(kind):
        # A bare name that two tables have may be either's in a group.
        assert "JOIN library_tag AS t0 ON $id = t0.$id" in text
        assert "GROUP BY t0.name" in text
        assert "min(t0.$id)" in text


def test_an_open_block_sees_what_it_has_written(kind):
    with transaction.atomic(using="appwrite"):
        author = Author.objects.create(name="New", country_id="FR")
        Book.objects.create(title="First", author=author, pages=10)
        found = Country.objects.annotate(n=Count("authors__books")).get(pk="FR")
        assert found.n == 5
        assert Book.objects.filter(author__country__name="France").count() == 5
        transaction.set_rollback(True, using="appwrite")


def test_a_block_still_knows_the_versions_of_joined_rows(kind):
    with transaction.atomic(using="appwrite"):
        book = Book.objects.select_related("author").get(title="Nana")
        table = kind.table_ref("library_author")
        assert (table, book.author.pk.lower()) in kind.transaction.versions
        transaction.set_rollback(True, using="appwrite")


@pytest.mark.parametrize(
    "ask", [lambda groups: groups.exists(), lambda groups: groups.filter(pages=400).exists(), bool]
)
def test_a_block_asks_whether_there_are_groups(ask):
    groups = Book.objects.values("author").annotate(n=Count("pk"))
    with transaction.atomic(using="appwrite"):
        assert ask(groups)
        assert not ask(groups.filter(pages=123456))


def test_many_values_go_in_a_body(whole_pages, sent):
    ids = list(Book.objects.values_list("pk", flat=True)) + [
        f"none-{number}" for number in range(300)
    ]
    sent.clear()
    assert_same(
        lambda rows: rows(Book).filter(pk__in=ids, author__country__name="France").order_by("pk")
    )
    assert_same(lambda rows: rows(Book).filter(pk__in=ids).order_by("pk"))
    if is_2x(whole_pages):
        assert [(record.method, record.path[-6:]) for record in sent] == [("POST", "/query")] * 2


def test_too_many_values_for_one_request(whole_pages):
    ids = list(Book.objects.values_list("pk", flat=True)) + [
        f"none-{number}" for number in range(1500)
    ]
    assert_same(
        lambda rows: (
            rows(Book)
            .filter(pk__in=ids)
            .values("author")
            .annotate(n=Count("pk"))
            .order_by("author")
        )
    )


OTHERWISE = [
    Count("pages", template="MAX(%(expressions)s)"),
    Count("*", function="SUM", template="%(function)s(7)"),
    Max("pages", function="MIN"),
    Min("title", template="MAX(%(expressions)s)"),
    Sum("pages", template="%(function)s(%(expressions)s + 1)"),
    Avg("pages", template="SUM(%(expressions)s)", output_field=IntegerField()),
]


@pytest.mark.parametrize("aggregate", OTHERWISE, ids=lambda one: type(one).__name__)
def test_aggregates_with_sql_of_their_own_are_evaluated_as_that(kind, aggregate):
    assert_same(lambda rows: rows(Book).aggregate(x=aggregate))
    assert_same(
        lambda rows: rows(Book).values_list("author").annotate(x=aggregate).order_by("author")
    )
    assert_same(
        lambda rows: (
            rows(Book)
            .values_list("status")
            .annotate(x=aggregate)
            .filter(x__isnull=False)
            .order_by("status")
        )
    )
