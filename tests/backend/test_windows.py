"""Filters by what windows compute, together with columns, aggregates, orders, slices and subqueries, compared with SQLite."""

import datetime

import pytest
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, FirstValue, Lag, Lower, Rank, RowNumber

from tests.differential import assert_same
from tests.library.models import Author, Book, Country, Review


def numbered(q, model=Book, *, by=("-pages", "pk"), part=None):
    return q(model).annotate(n=Window(RowNumber(), partition_by=part, order_by=by))


FILTERS = {
    "number": Q(n__lte=3),
    "excluded": ~Q(n__lte=2),
    "number and text": Q(n__lte=5, title__contains="a"),
    "number or text": Q(n__lte=1) | Q(title="GERMINAL"),
    "number or other text": Q(n__lte=1) | Q(title__icontains="NA") | Q(blurb__startswith="He"),
    "either, negated": ~(Q(n__lte=2) | Q(title__startswith="L")),
    "both, negated": ~Q(n__lte=3, title__contains="a"),
    "either but one": Q(n=1) ^ Q(in_print=False),
    "column": Q(n__lt=F("pages") / 200),
    "column's column": Q(pages__gt=F("n") * 150),
    "related column": Q(n__lte=F("author__rating")),
    "related text": Q(n__lte=1) | Q(author__country__name="france"),
    "related null": Q(n__lte=1) | Q(editor__isnull=True),
    "case": Q(
        n__lte=Case(When(title__contains="a", then=Value(4)), default=Value(1), output_field=IntegerField())
    ),
    "price": Q(n__lte=1) | Q(price__gt=10),
    "moment": Q(n__lte=1) | Q(published__lt=datetime.datetime(1870, 1, 1, tzinfo=datetime.timezone.utc)),
    "numbers": Q(n__in=[1, 3, 99]) | Q(title__in=["nana"]),
    "number, and rows": Q(n__lte=5) & Q(tags__name="novel"),
    "many": Q(n__lte=1) | Q(tags__name="novel"),
}  # fmt: skip
SHAPES = {
    "rows": lambda found: found.order_by("pk"),
    "by number": lambda found: found.order_by("n", "pk"),
    "by number, descending": lambda found: found.order_by("-n", "pk"),
    "by text": lambda found: found.order_by("title", "pk"),
    "by text, descending": lambda found: found.order_by("-title", "pk"),
    "by nulls": lambda found: found.order_by("price", "pk"),
    "by nulls, first": lambda found: found.order_by(F("price").desc(nulls_first=True), "pk"),
    "by a related text": lambda found: found.order_by("author__name", "pk"),
    "by an expression": lambda found: found.order_by(Lower("title"), "pk"),
    "values": lambda found: found.values("title", "n").order_by("title", "pk"),
    "values, without the number": lambda found: found.values("title", "pages").order_by("title", "pk"),
    "values, by another": lambda found: found.values_list("pages").order_by("title", "pk"),
    "values, key": lambda found: found.values_list("pk", flat=True).order_by("pk"),
    "values, key backwards": lambda found: found.values_list("author", flat=True).order_by("-author", "-pk"),
    "values, related": lambda found: found.values_list("author__name", "editor__name").order_by("author__name", "pk"),
    "values, computed": lambda found: found.values_list(Lower("title")).order_by(Lower("title"), "pk"),
    "distinct": lambda found: found.values_list("pages").distinct().order_by("pages"),
    "related": lambda found: found.select_related("author__country", "editor").order_by("title", "pk"),
    "only": lambda found: found.only("title").order_by("title", "pk"),
    "slice": lambda found: found.order_by("title", "pk")[1:3],
    "open slice": lambda found: found.order_by("-title", "pk")[2:],
    "count": lambda found: found.count(),
    "count of an open slice": lambda found: found.order_by("title", "pk")[1:].count(),
    "exists": lambda found: found.exists(),
    "aggregate": lambda found: found.aggregate(n=Count("pk"), least=Min("title"), sum=Sum("pages")),
    "aggregate of the number": lambda found: found.aggregate(most=Max("n")),
    "first": lambda found: found.order_by("title", "pk").first(),
    "last": lambda found: found.order_by("title", "pk").last(),
    "reversed": lambda found: found.order_by("title", "pk").reverse(),
    "in": lambda found: found.model.objects.using(found.db).filter(pk__in=found.values("pk")).order_by("title", "pk"),
    "union": lambda found: found.values_list("pk").union(found.model.objects.using(found.db).filter(pages=447).values_list("pk")).order_by("pk"),
}  # fmt: skip
QUESTIONS = {
    "partition": lambda q: numbered(q, part="author").filter(n=1).order_by("title", "pk"),
    "partition by a related text": lambda q: numbered(q, part="author__country__name").filter(n=1).order_by("title", "pk"),
    "alias": lambda q: q(Book).alias(n=Window(RowNumber(), order_by=("title", "pk"))).filter(n__lte=3).order_by("title"),
    "alias and values": lambda q: q(Book).alias(n=Window(RowNumber(), order_by=("title", "pk"))).filter(n__lte=3, pages__gt=0).values_list("title").order_by("title"),
    "without an annotation": lambda q: q(Book).filter(pages__gte=Window(Max("pages"), partition_by="author")).order_by("title", "pk"),
    "two windows": lambda q: numbered(q).annotate(m=Window(Rank(), order_by="author")).filter(Q(n__lte=F("m")) | Q(title="Nana")).order_by("m", "title", "pk"),
    "before": lambda q: q(Book).annotate(before=Window(Lag("title"), order_by=("title", "pk"))).filter(Q(before="GERMINAL") | Q(before__isnull=True)).order_by("title", "pk"),
    "first text": lambda q: q(Book).annotate(first=Window(FirstValue("title"), partition_by="author", order_by="title")).filter(first=F("title")).order_by("title", "pk"),
    "first key": lambda q: q(Book).annotate(first=Window(FirstValue("pk"), partition_by="author", order_by="pk")).filter(first=F("pk")).order_by("pk"),
    "decimals": lambda q: q(Book).annotate(most=Window(Max("price"))).filter(Q(most=F("price")) | Q(price__lt=0)).order_by("price"),
    "over an aggregate": lambda q: q(Author).annotate(count=Count("books")).annotate(rank=Window(Rank(), order_by=F("count").desc())).filter(rank__lte=1).order_by("name", "pk"),
    "over an aggregate, and the aggregate": lambda q: q(Author).annotate(count=Count("books")).annotate(rank=Window(Rank(), order_by=F("count").desc())).filter(rank__lte=3, count__gt=0).order_by("name", "pk"),
    "over groups": lambda q: q(Review).values("stars").annotate(count=Count("pk")).annotate(n=Window(RowNumber(), order_by="stars")).filter(n__gt=1).order_by("stars"),
    "over groups by text": lambda q: q(Book).values("author__name").annotate(sum=Sum("pages")).annotate(n=Window(RowNumber(), order_by="author__name")).filter(n__gt=1, sum__gt=0).order_by("author__name"),
    "number of the related": lambda q: q(Author).filter(books__in=numbered(q, part="author").filter(n=1, pages__gt=0).values("pk")).order_by("name", "pk"),
    "subquery": lambda q: q(Author).annotate(longest=Subquery(numbered(q).filter(author=OuterRef("pk"), n=1).values("title")[:1])).order_by("longest", "pk"),
    "exists": lambda q: q(Author).filter(Exists(numbered(q).filter(Q(n__lte=2) | Q(title="Nana"), author=OuterRef("pk")))).order_by("name", "pk"),
    "beside a subquery": lambda q: numbered(q).annotate(reviews_=Subquery(q(Review).filter(book=OuterRef("pk")).values("book").annotate(c=Count("*")).values("c"))).filter(Q(n__lte=1) | Q(reviews_=3)).order_by("title", "pk"),
    "beside an exists": lambda q: numbered(q).filter(Q(n__lte=1) | Exists(q(Review).filter(book=OuterRef("pk"), stars=3))).order_by("title", "pk"),
    "coalesced": lambda q: numbered(q).filter(n__lte=Coalesce("author__rating", 2.0)).order_by("title", "pk"),
    "default order": lambda q: numbered(q, Review, by=("-stars", "pk"), part="book").filter(Q(n=1) | Q(text="REVIEW 3")),
    "default order by text": lambda q: numbered(q, Country, by=("name",)).filter(Q(n__lte=1) | Q(name="japan")),
    "key": lambda q: numbered(q, Country, by=("name",)).filter(Q(n__lte=1) | Q(code="jp")).order_by("name"),
    "keys": lambda q: numbered(q, Country, by=("name",)).filter(Q(n__gt=3) | Q(code__in=["jp", "Fr"])).order_by("code"),
    "key after": lambda q: numbered(q, Country, by=("name",)).filter(Q(n__gt=3) | Q(code__gt="fr")).order_by("-code").values_list("name"),
    "key of another": lambda q: numbered(q, Author, by=("name", "pk")).filter(Q(n__gt=5) | Q(country="fr")).order_by("country", "pk"),
    "key, aggregated": lambda q: numbered(q, Country, by=("name",)).filter(Q(n__lte=1) | Q(code="jp")).aggregate(least=Min("code"), most=Max("code")),
    "key, under another name": lambda q: q(Country).annotate(key=F("code"))[:9].aggregate(least=Min("key"), most=Max("key")),
    "twice": lambda q: numbered(q).filter(n__lte=4).annotate(m=Window(RowNumber(), order_by="title")).filter(m__lte=3, pages__gt=0).order_by("title"),
    "extra": lambda q: numbered(q).extra(select={"twice": "pages * 2"}).filter(n__lte=3, title__contains="a").order_by("title", "pk"),
    "dates": lambda q: numbered(q).filter(Q(n__lte=2) | Q(pages=447)).datetimes("published", "year"),
}  # fmt: skip


@pytest.mark.usefixtures("kind")
class TestFilters:
    @pytest.mark.parametrize("condition", FILTERS)
    def test_in_every_shape(self, condition):
        for shape in SHAPES:
            assert_same(
                lambda q, shape=shape: SHAPES[shape](numbered(q).filter(FILTERS[condition]))
            )

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_question(self, question):
        assert_same(QUESTIONS[question])
