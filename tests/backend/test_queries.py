"""Querysets over the library, compared with the same rows on SQLite: relations, orders, slices, values, aggregates."""

import datetime
import decimal

import pytest
from django.core.exceptions import FieldError
from django.db import NotSupportedError, ProgrammingError, connections
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)  # fmt: skip
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    ExtractYear,
    Greatest,
    Length,
    Lower,
    NullIf,
    Rank,
    RowNumber,
    Substr,
    TruncMonth,
    Upper,
)  # fmt: skip

from tests.differential import APPWRITE, answer, assert_same
from tests.library.models import Author, Book, Country, Cover, Review, Tag, Writer

pytestmark = [
    pytest.mark.usefixtures("shelves"),
    # Deprecated in Django 6.1, and to work as long as it is there.
    pytest.mark.filterwarnings(r"ignore:Calling select_related\(\) with no arguments"),
]


def case(question):
    return pytest.param(
        question, id=" ".join(question.__doc__.split()) if question.__doc__ else None
    )


QUESTIONS = {
    # many_to_one, null_fk
    "forward": lambda q: q(Book).filter(author__name__startswith="Victor"),
    "forward twice": lambda q: q(Book).filter(author__country__name="France"),
    "forward, excluded": lambda q: q(Book).exclude(author__country__name="France"),
    "forward, null": lambda q: q(Book).filter(author__country__isnull=True),
    "forward, not null": lambda q: q(Book).filter(editor__country__isnull=False),
    "forward, either": lambda q: q(Book).filter(Q(editor__name__icontains="zola") | Q(pages__gt=1000)),
    "forward, either, negated": lambda q: q(Book).exclude(Q(editor__name__icontains="zola") | Q(pages__gt=1000)),
    "forward, two columns": lambda q: q(Book).filter(author__rating=F("editor__rating")),
    "key without a join": lambda q: q(Book).filter(author__pk__in=q(Author).filter(rating=4.5).values("pk")),
    "objects as values": lambda q: q(Book).filter(author__in=list(q(Author).filter(rating=4.5))),
    "object as value": lambda q: q(Book).filter(author=q(Author).get(name="Victor Hugo")),
    "backward": lambda q: q(Author).filter(books__pages__gt=500),
    "backward, distinct": lambda q: q(Author).filter(books__pages__gt=500).distinct(),
    "backward, excluded": lambda q: q(Author).exclude(books__pages__gt=500),
    "backward, none": lambda q: q(Author).filter(books__isnull=True),
    "backward, two conditions on one": lambda q: q(Author).filter(books__pages__gt=500, books__in_print=False),
    "backward, two conditions on two": lambda q: q(Author).filter(books__pages__gt=500).filter(books__in_print=False),
    "backward twice": lambda q: q(Country).filter(authors__books__reviews__stars=3).distinct(),
    # one_to_one
    "one to one, forward": lambda q: q(Cover).filter(book__title="Nana"),
    "one to one, backward": lambda q: q(Book).filter(cover__colour="red"),
    "one to one, none": lambda q: q(Book).filter(cover__isnull=True),
    "one to one, related": lambda q: q(Book).select_related("cover").order_by("title"),
    # many_to_many
    "many to many": lambda q: q(Book).filter(tags__name="novel"),
    "many to many, two tags": lambda q: q(Book).filter(tags__name="novel").filter(tags__name="french"),
    "many to many, one of": lambda q: q(Book).filter(tags__name__in=["poem", "french"]).distinct(),
    "many to many, excluded": lambda q: q(Book).exclude(tags__name="novel"),
    "many to many, none": lambda q: q(Book).filter(tags=None),
    "many to many, backward": lambda q: q(Tag).filter(books__author__name__contains="Hugo"),
    "many to many, unused": lambda q: q(Tag).filter(books__isnull=True),
    # ordering
    "order, text": lambda q: q(Book).order_by("title", "pages", "pk"),
    "order, several": lambda q: q(Book).order_by("-pages", "title", "-author_id"),
    "order, nulls": lambda q: q(Book).order_by("price", "pk"),
    "order, nulls descending": lambda q: q(Book).order_by("-price", "pk"),
    "order, nulls last": lambda q: q(Book).order_by(F("price").asc(nulls_last=True), "pk"),
    "order, nulls first": lambda q: q(Book).order_by(F("published").desc(nulls_first=True), "pk"),
    "order, related": lambda q: q(Book).order_by("author__name", "title", "pk"),
    "order, related null": lambda q: q(Book).order_by("editor__name", "pk"),
    "order, related model's own": lambda q: q(Author).order_by("country", "pk"),
    "order, expression": lambda q: q(Book).order_by(Lower("title"), "pk"),
    "order, case": lambda q: q(Book).order_by(Case(When(in_print=True, then=Value(1)), default=Value(0)), "pk"),
    "order, annotation": lambda q: q(Author).annotate(n=Count("books")).order_by("-n", "name", "pk"),
    "order, default": lambda q: q(Review).all(),
    "order, reversed": lambda q: q(Review).reverse(),
    "order, none": lambda q: q(Review).order_by(),
    # slices
    "slice": lambda q: q(Review).order_by("pk")[3:7],
    "slice beyond": lambda q: q(Review).order_by("pk")[10:40],
    "slice empty": lambda q: q(Review).order_by("pk")[5:5],
    "slice of a filter": lambda q: q(Book).filter(title__contains="a").order_by("title", "pk")[1:3],
    "slice of a join": lambda q: q(Book).filter(author__country__name="France").order_by("title", "pk")[1:3],
    "slice of related": lambda q: q(Book).select_related("author", "editor").order_by("title", "pk")[2:5],
    "slice of a slice": lambda q: q(Review).order_by("pk")[2:10][1:4],
    "slice of the distinct": lambda q: q(Book).order_by("pages").values_list("pages").distinct()[1:3],
    "slice as value": lambda q: q(Book).filter(author__in=q(Author).order_by("name")[:3]),
    "step": lambda q: list(q(Review).order_by("pk")[0:10:3]),
    "index": lambda q: q(Review).order_by("pk")[4],
    "first": lambda q: q(Book).first(),
    "last": lambda q: q(Book).order_by("title").last(),
    "first of none": lambda q: q(Book).filter(title="none").first(),
    "earliest": lambda q: q(Book).filter(published__isnull=False).earliest("published"),
    "latest": lambda q: q(Book).filter(published__isnull=False).latest("published", "pk"),
    # values
    "values": lambda q: q(Book).order_by("pk").values(),
    "values of some": lambda q: q(Book).order_by("pk").values("title", "price"),
    "values list": lambda q: q(Book).order_by("pk").values_list("pk", "title"),
    "values flat": lambda q: q(Book).order_by("pk").values_list("author", flat=True),
    "values named": lambda q: q(Book).order_by("pk").values_list("title", "pages", named=True),
    "values of related": lambda q: q(Book).order_by("pk").values("title", "author__name", "editor__country__name"),
    "values of many": lambda q: q(Book).order_by("pk", "tags__name").values_list("title", "tags__name"),
    "values of an expression": lambda q: q(Book).order_by("pk").values(low=Lower("title"), twice=F("pages") * 2),
    "values of a constant": lambda q: q(Book).order_by("pk").values_list("pk", Value("x"), Value(None, CharField())),
    "values distinct": lambda q: q(Book).values_list("pages", flat=True).distinct(),
    "values distinct text": lambda q: len(q(Book).values_list("title", flat=True).distinct()),
    "dates": lambda q: q(Author).dates("born", "year"),
    "dates, months": lambda q: q(Author).dates("born", "month", order="DESC"),
    "datetimes": lambda q: q(Book).datetimes("published", "month"),
    "datetimes, hours": lambda q: q(Book).datetimes("published", "hour"),
    # only, defer, related, prefetched
    "only": lambda q: q(Book).only("title").order_by("pk"),
    "defer": lambda q: q(Book).defer("blurb", "title").order_by("pk"),
    "only of related": lambda q: q(Book).select_related("author").only("title", "author__name").order_by("pk"),
    "select related": lambda q: q(Book).select_related("author__country", "editor").order_by("pk"),
    "select related, all": lambda q: q(Book).select_related().order_by("pk"),
    "select related, one to one": lambda q: q(Cover).select_related("book__author").order_by("pk"),
    "select related, proxy": lambda q: q(Writer).select_related("country").order_by("pk"),
    "in bulk": lambda q: q(Country).in_bulk(["FR", "JP", "XX"]),
    "in bulk by field": lambda q: q(Tag).in_bulk(["poem", "none"], field_name="name"),
    "iterator": lambda q: list(q(Book).order_by("pk").iterator(chunk_size=2)),
    "get": lambda q: q(Book).get(title="Nana"),
    "contains": lambda q: q(Book).contains(q(Book).get(title="Nana")),
    "exists": lambda q: [q(Book).filter(pages=number).exists() for number in (400, 1)],
    "exists of a join": lambda q: q(Book).filter(author__country__name="Peru").exists(),
    "exists of a slice": lambda q: q(Book).order_by("pk")[20:30].exists(),
    # counts and aggregates
    "count": lambda q: q(Book).count(),
    "count of a filter": lambda q: q(Book).exclude(price=None).count(),
    "count of a local filter": lambda q: q(Book).filter(title__contains="a").count(),
    "count of a slice": lambda q: q(Book).order_by("pk")[2:5].count(),
    "count of the distinct": lambda q: q(Book).values("pages").distinct().count(),
    "count of a join": lambda q: q(Book).filter(tags__isnull=False).count(),
    "count of a join, distinct": lambda q: q(Book).filter(tags__isnull=False).distinct().count(),
    "aggregate": lambda q: q(Book).aggregate(Sum("pages"), Avg("pages"), Min("title"), Max("price"), Count("price"), n=Count("*")),
    "aggregate of none": lambda q: q(Book).filter(title="none").aggregate(Sum("price"), n=Count("pk"), most=Max("pages")),
    "aggregate with default": lambda q: q(Book).filter(title="none").aggregate(n=Sum("price", default=0)),
    "aggregate, decimals": lambda q: q(Book).aggregate(Sum("price"), Avg("price"), Min("price")),
    "aggregate, moments": lambda q: q(Book).aggregate(Min("published"), Max("published"), Max("created_at")),
    "aggregate, filtered": lambda q: q(Book).aggregate(n=Count("pk", filter=Q(in_print=True)), d=Count("pages", distinct=True)),
    "aggregate of related": lambda q: q(Author).aggregate(Count("books"), Sum("books__pages"), Avg("rating")),
    "aggregate of an annotation": lambda q: q(Author).annotate(n=Count("books")).aggregate(Max("n"), Avg("n")),
    "aggregate of a slice": lambda q: q(Book).order_by("pk")[:3].aggregate(Sum("pages")),
    "aggregate, deviation": lambda q: round(q(Book).aggregate(d=StdDev("pages"))["d"], 6),
    "aggregate of an expression": lambda q: q(Book).aggregate(n=Sum(F("pages") * 2 + 1)),
    "annotate": lambda q: q(Author).annotate(n=Count("books")).order_by("pk"),
    "annotate, two": lambda q: q(Author).annotate(n=Count("books", distinct=True), stars=Avg("books__reviews__stars")).order_by("pk"),
    "annotate, having": lambda q: q(Author).annotate(n=Count("books")).filter(n__gt=1),
    "annotate, filtered before": lambda q: q(Author).filter(books__in_print=True).annotate(n=Count("books")),
    "annotate, filtered after": lambda q: q(Author).annotate(n=Count("books")).filter(books__in_print=True),
    "group by": lambda q: q(Book).values("author__name").annotate(n=Count("pk"), most=Max("pages")).order_by("author__name"),
    "group by text": lambda q: sorted(n for _, n in q(Book).values_list("title").annotate(Count("pk"))),
    "group by month": lambda q: q(Book).annotate(m=TruncMonth("published")).values("m").annotate(n=Count("pk")).order_by("m"),
    # expressions
    "expression": lambda q: q(Book).annotate(x=F("pages") + 1, y=Length("title"), z=Upper("status")).order_by("pk"),
    "expression, null": lambda q: q(Book).annotate(x=Coalesce("price", Value(decimal.Decimal("1.5")))).order_by("pk"),
    "expression, text": lambda q: q(Book).annotate(x=Concat("title", Value(": "), "status", output_field=CharField()), y=Substr("title", 2, 3)).order_by("pk"),
    "expression, cast": lambda q: q(Book).annotate(x=Cast("pages", CharField()), y=NullIf("pages", Value(591))).order_by("pk"),
    "expression, greatest": lambda q: q(Book).annotate(x=Greatest("pages", Value(500))).order_by("pk").values_list("x"),
    "expression, year": lambda q: q(Book).annotate(y=ExtractYear("published")).filter(y__lt=1900).order_by("pk"),
    "expression, moment": lambda q: q(Book).annotate(d=F("published") + datetime.timedelta(days=1)).order_by("pk").values_list("d"),
    "expression, boolean": lambda q: q(Book).annotate(b=ExpressionWrapper(Q(pages__gt=500), BooleanField())).order_by("pk"),
    "case": lambda q: q(Book).annotate(
        size=Case(When(pages__gt=1000, then=Value("long")), When(pages__lt=0, then=Value("odd")), default=Value("short"))
    ).order_by("pk"),
    "alias": lambda q: q(Book).alias(n=Length("title")).filter(n__gt=8).order_by("n", "pk"),
    # subqueries
    "in a subquery": lambda q: q(Book).filter(author__in=q(Author).filter(country__name="France")),
    "not in a subquery": lambda q: q(Book).exclude(author__in=q(Author).filter(country__name="France")),
    "in a subquery with nulls": lambda q: q(Author).filter(pk__in=q(Book).values("editor")),
    "not in a subquery with nulls": lambda q: q(Author).exclude(pk__in=q(Book).filter(editor__isnull=False).values("editor")),
    "subquery of a field": lambda q: q(Tag).filter(name__in=q(Tag).filter(name__contains="o").values("name")),
    "subquery as annotation": lambda q: q(Author).annotate(
        latest=Subquery(q(Book).filter(author=OuterRef("pk")).order_by("-pages", "pk").values("title")[:1])
    ).order_by("pk"),
    "exists in a filter": lambda q: q(Author).filter(Exists(q(Book).filter(author=OuterRef("pk"), pages__gt=500))),
    "exists, negated": lambda q: q(Author).filter(~Exists(q(Book).filter(author=OuterRef("pk")))),
    "exists as annotation": lambda q: q(Author).annotate(x=Exists(q(Book).filter(editor=OuterRef("pk")))).order_by("pk"),
    "subquery that counts": lambda q: q(Author).annotate(
        n=Coalesce(Subquery(q(Book).filter(author=OuterRef("pk")).order_by().values("author").annotate(c=Count("pk")).values("c")), 0)
    ).order_by("pk"),
    "filtered relation": lambda q: q(Author).annotate(
        long=FilteredRelation("books", condition=Q(books__pages__gt=500))
    ).filter(long__in_print=True),
    "filtered relation, outer": lambda q: q(Author).annotate(
        long=FilteredRelation("books", condition=Q(books__pages__gt=500))
    ).order_by("pk", "long__pk").values_list("name", "long__title"),
    # sets
    "union": lambda q: q(Book).filter(pages=591).union(q(Book).filter(pages=400)).order_by("title", "pages"),
    "union, values": lambda q: q(Book).values_list("title").union(q(Author).values_list("name")).order_by("title"),
    "union all": lambda q: sorted(q(Book).values_list("pages", flat=True).union(q(Book).values_list("pages", flat=True), all=True)),
    "union, count": lambda q: q(Book).filter(pages=591).union(q(Book).filter(pages=400)).count(),
    "intersection": lambda q: q(Book).filter(pages=591).intersection(q(Book).filter(in_print=False)),
    "difference": lambda q: q(Book).order_by().difference(q(Book).filter(in_print=True)),
    "combined": lambda q: q(Book).filter(pages=591) | q(Book).filter(tags__name="poem"),
    "combined, and": lambda q: q(Book).filter(pages=591) & q(Book).filter(in_print=True),
    "none": lambda q: q(Book).none(),
    "none, aggregate": lambda q: q(Book).none().aggregate(Sum("pages"), n=Count("pk")),
    # windows
    "window": lambda q: q(Book).annotate(n=Window(RowNumber(), order_by=["pages", "pk"])).order_by("pk"),
    "window, partition": lambda q: q(Book).annotate(n=Window(Rank(), partition_by="author", order_by=["pages"])).order_by("pk"),
    "window, sum": lambda q: q(Book).annotate(n=Window(Sum("pages"), partition_by="author")).order_by("pk"),
    "window, filtered": lambda q: q(Book).annotate(n=Window(RowNumber(), order_by=["-pages", "pk"])).filter(n__lte=2).order_by("pk"),
    # extra ways
    "regex": lambda q: q(Book).filter(title__regex=r"^[A-M]").order_by("pk"),
    "proxy": lambda q: q(Writer).filter(name__contains="a").order_by("pk"),
    "prefetched": lambda q: [
        (author.name, sorted(book.title for book in author.books.all()))
        for author in q(Author).prefetch_related("books").order_by("pk")
    ],
    "prefetched, many": lambda q: [
        (book.title, sorted(tag.name for tag in book.tags.all())) for book in q(Book).prefetch_related("tags").order_by("pk")
    ],
    "prefetched twice": lambda q: [
        sorted((book.title, len(book.reviews.all())) for author in country.authors.all() for book in author.books.all())
        for country in q(Country).prefetch_related("authors__books__reviews")
    ],
    "prefetched with a queryset": lambda q: [
        [book.title for book in author.long]
        for author in q(Author)
        .prefetch_related(Prefetch("books", queryset=q(Book).filter(pages__gt=500).order_by("title", "pk"), to_attr="long"))
        .order_by("pk")
    ],
    "prefetched slices": lambda q: [
        [book.title for book in author.first]
        for author in q(Author)
        .prefetch_related(Prefetch("books", queryset=q(Book).order_by("-pages", "pk")[:1], to_attr="first"))
        .order_by("pk")
    ],
    "prefetched forward": lambda q: [
        (book.author.name, book.editor and book.editor.country)
        for book in q(Book).prefetch_related("author", "editor__country").order_by("pk")
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_same_answer_as_sqlite(name):
    assert_same(QUESTIONS[name])


@pytest.mark.parametrize("name", QUESTIONS)
def test_same_answer_from_pages_of_two_rows(name, connect):
    """Pages, cursors and merges never lose, repeat or reorder a row."""
    connect(OPTIONS={"PAGE_SIZE": 1, "CACHE": {"ENABLED": False}})
    assert_same(QUESTIONS[name])


def test_the_questions_have_answers():
    """A comparison of two empty answers shows little; only a few are meant to be empty."""
    empty = {name for name, question in QUESTIONS.items() if answer(question, APPWRITE) in ([], {})}
    assert empty == {"backward, two conditions on one", "none", "slice empty"} & empty
    assert len(empty) <= 3


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (lambda: Book.objects.order_by("title").distinct("title"), "DISTINCT ON"),
        (lambda: Author.objects.extra(tables=["nowhere"]), "nowhere"),
    ],
)
def test_what_can_not_be_answered_is_refused_with_the_reason(question, reason):
    with pytest.raises(NotSupportedError, match=reason):
        list(question())


def test_errors_of_the_question_are_django_s_own():
    with pytest.raises(FieldError, match="Cannot resolve keyword 'nothing'"):
        Book.objects.filter(nothing=1)
    with pytest.raises(Book.DoesNotExist):
        Book.objects.get(title="none")
    with pytest.raises(Book.MultipleObjectsReturned):
        Book.objects.get(pages=591)
    with pytest.raises(ValueError, match="expected a number"):
        Book.objects.filter(pages="many")


def test_too_many_rows_for_local_evaluation_say_what_to_do(monkeypatch):
    connection = connections["appwrite"]
    from dataclasses import replace

    monkeypatch.setitem(
        connection.__dict__, "options", replace(connection.options, local_evaluation_max_rows=3)
    )
    with pytest.raises(NotSupportedError) as caught:
        list(Book.objects.filter(pages__gt=0, title__regex="a"))
    text = str(caught.value)
    assert "library_book: more than 3 rows" in text
    assert "greaterThan(pages, 0)" in text
    assert 'OPTIONS["LOCAL_EVALUATION_MAX_ROWS"]' in text


class TestRawSql:
    def test_raw(self):
        found = list(
            Book.objects.raw(
                "SELECT *, pages * 2 AS twice FROM library_book WHERE pages > %s ORDER BY title",
                [590],
            )
        )
        expected = list(Book.objects.filter(pages__gt=590).order_by("title"))
        assert found == expected
        assert [(book.twice, book.price, book.published) for book in found] == [
            (book.pages * 2, book.price, book.published) for book in expected
        ]

    def test_raw_asks_for_the_columns_it_reads_of_the_tables_it_reads(self, requests):
        list(Book.objects.raw("SELECT id, title FROM library_book -- not library_author"))
        assert len(requests) == 1
        assert requests[0].path.endswith("/tables/library_book/rows")

    def test_cursor(self):
        with connections["appwrite"].cursor() as cursor:
            cursor.execute(
                "SELECT a.name, COUNT(*) AS books FROM library_author a JOIN library_book b ON b.author_id = a.id "
                "WHERE a.name LIKE %(name)s GROUP BY a.id",
                {"name": "%Zola"},
            )
            assert [column[0] for column in cursor.description] == ["name", "books"]
            assert cursor.fetchall() == [("Émile Zola", 2)]
            cursor.execute("SELECT '%', 1")
            assert cursor.fetchone() == ("%", 1)

    @pytest.mark.parametrize(
        "sql",
        [
            "PRAGMA user_version",
            "CREATE TABLE x (a)",
            "VACUUM",
            "",
        ],
    )
    def test_what_neither_reads_nor_writes_rows_is_refused(self, sql):
        with (
            connections["appwrite"].cursor() as cursor,
            pytest.raises(NotSupportedError, match="Appwrite runs no SQL"),
        ):
            cursor.execute(sql)

    def test_unknown_tables(self):
        with (
            connections["appwrite"].cursor() as cursor,
            pytest.raises(ProgrammingError, match="no such table: nowhere"),
        ):
            cursor.execute("SELECT * FROM nowhere")

    def test_callproc(self):
        with (
            connections["appwrite"].cursor() as cursor,
            pytest.raises(NotSupportedError, match="procedure"),
        ):
            cursor.callproc("anything")


def test_select_for_update_has_no_effect():
    """As on SQLite: Django itself asks for it in update_or_create(). A block notices at its commit what others changed."""
    assert Book.objects.select_for_update().count() == 7
