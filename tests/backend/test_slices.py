"""Slices, those without an end as well: what they list, count and put together is what SQLite says, on servers of every kind."""

from itertools import product

import pytest
from asgiref.sync import async_to_sync
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext

from appwrite_orm_django.backend.execution.reader import TOTAL_CAP
from appwrite_orm_django.contrib.pagination import AppwritePaginator, ExactPaginator
from tests.differential import APPWRITE, assert_same, plain, twin
from tests.kinds import level_settings
from tests.library.models import Author, Book, Country, Review, Tag

QUERYSETS = {
    "all": lambda q: q(Review).order_by("pk"),
    "default order": lambda q: q(Review),
    "filtered": lambda q: q(Review).filter(stars__gt=0).order_by("-stars", "pk"),
    "excluded": lambda q: q(Review).exclude(stars=1).order_by("text", "pk"),
    "by key": lambda q: q(Review).filter(pk=q(Review).order_by("pk")[0].pk),
    "by keys": lambda q: q(Review).filter(pk__in=[one.pk for one in q(Review).order_by("pk")[:5]]).order_by("pk"),
    "by more keys than a request takes": lambda q: q(Review)
    .filter(stars__in=range(520), pk__in=[*(f"none{number}" for number in range(420)), *q(Review).values_list("pk", flat=True)])
    .order_by("pk"),
    "computed": lambda q: q(Review).filter(stars__lt=F("stars") + 1).order_by("pk"),
    "folded": lambda q: q(Book).filter(title__icontains="a").order_by(Lower("title"), "pk"),
    "values": lambda q: q(Book).order_by("title", "pk").values("title", "pages"),
    "values_list": lambda q: q(Book).order_by("title", "pk").values_list("pages", flat=True),
    "distinct": lambda q: q(Review).order_by("pk").distinct(),
    "distinct values": lambda q: q(Review).order_by("stars").values("stars").distinct(),
    "joined": lambda q: q(Review).filter(book__author__rating__gt=0).order_by("book__pages", "pk"),
    "related": lambda q: q(Review).select_related("book__author").order_by("pk"),
    "related, outer": lambda q: q(Book).select_related("editor__country").order_by("pk"),
    "backward": lambda q: q(Author).filter(books__pages__gt=0).order_by("pk", "books__pages"),
    "backward, distinct": lambda q: q(Author).filter(books__pages__gt=0).order_by("pk").distinct(),
    "annotated": lambda q: q(Author).annotate(n=Count("books")).order_by("-n", "pk"),
    "annotated, filtered": lambda q: q(Author).annotate(n=Count("books")).filter(n__gt=0).order_by("pk"),
    "annotated, without aggregates": lambda q: q(Review).annotate(double=F("stars") * 2).order_by("double", "pk"),
    "groups": lambda q: q(Review).order_by("stars").values("stars").annotate(n=Count("pk")),
    "groups, joined": lambda q: q(Review).order_by("book__pages").values("book__pages").annotate(n=Sum("stars")),
    "subquery": lambda q: q(Book).filter(author__in=q(Author).filter(rating__gt=0)).order_by("pk"),
    "exists": lambda q: q(Book).filter(Exists(q(Review).filter(book=OuterRef("pk")))).order_by("pk"),
    "union": lambda q: q(Author).order_by().values_list("name").union(q(Country).order_by().values_list("name")).order_by("name"),
    "union, all": lambda q: q(Book).order_by().values_list("pk").union(q(Book).order_by().values_list("pk"), all=True).order_by("pk"),
    "only": lambda q: q(Book).only("title").order_by("pk"),
    "reversed": lambda q: q(Book).order_by("pk").reverse(),
    "dates": lambda q: q(Book).dates("published", "year"),
    "datetimes": lambda q: q(Book).datetimes("published", "month", order="DESC"),
    "extra": lambda q: q(Book).extra(select={"twice": "pages * 2"}).order_by("pk"),
    "none": lambda q: q(Book).none(),
    "nothing": lambda q: q(Book).filter(pk__in=[]).order_by("pk"),
    "many to many": lambda q: q(Tag).get(name="novel").books.using(q(Tag).db).order_by("pk"),
}  # fmt: skip
SLICES = {
    "1:": lambda found: found[1:],
    "3:": lambda found: found[3:],
    "0:": lambda found: found[0:],
    "50:": lambda found: found[50:],
    "1:4": lambda found: found[1:4],
    ":3": lambda found: found[:3],
    "2:2": lambda found: found[2:2],
    "50:60": lambda found: found[50:60],
    "1: 1:": lambda found: found[1:][1:],
    "1: :3": lambda found: found[1:][:3],
    "1: 2:4": lambda found: found[1:][2:4],
    "1:6 2:": lambda found: found[1:6][2:],
    "1:3 7:": lambda found: found[1:3][7:],
    "2: all": lambda found: found[2:].all(),
}


@async_to_sync
async def counted(found):
    return await found.acount()


@async_to_sync
async def existing(found):
    return await found.aexists()


@async_to_sync
async def listed(found):
    return [row async for row in found]


ENDS = {
    "list": lambda found: found,
    "count": lambda found: found.count(),
    "len": len,
    "bool": bool,
    "exists": lambda found: found.exists(),
    "acount": counted,
    "aexists": existing,
    "alist": listed,
    "iterator": lambda found: list(found.iterator(chunk_size=2)),
    "first": lambda found: found.first() if found.ordered else None,
    "pages": lambda found: [
        [list(page.object_list), page.paginator.count, page.paginator.num_pages]
        for page in Paginator(found, 3)
    ],
    "aggregate": lambda found: found.aggregate(number=Count("pk"), greatest=Max("pk")),
    "star": lambda found: found.aggregate(number=Count("*")),
    "two stars": lambda found: found.aggregate(number=Count("*"), m=Count("*") + 1),
    "filtered": lambda found: found.aggregate(
        number=Count("pk", filter=Q(pk__gt="m") | Q(pk__lt="5"))
    ),
}
OF_ROWS = ("aggregate", "filtered")
QUESTIONS = {
    "in": lambda q: q(Book).filter(pk__in=q(Book).order_by("title", "pk")[2:]).order_by("pk"),
    "not in": lambda q: q(Book).exclude(pk__in=q(Book).order_by("title", "pk")[2:]).order_by("pk"),
    "in, by relation": lambda q: q(Book).filter(author__in=q(Author).order_by("name", "pk")[1:]).order_by("pk"),
    "in, counted": lambda q: q(Book).filter(author__in=q(Author).order_by("name", "pk")[1:]).count(),
    "in, beyond the end": lambda q: q(Book).filter(author__in=q(Author).order_by("name", "pk")[50:]).count(),
    "in values": lambda q: q(Book).filter(pages__in=q(Book).order_by("-pages").values("pages").distinct()[1:]).order_by("pk"),
    "in a slice of a slice": lambda q: q(Book).filter(pk__in=q(Book).order_by("title", "pk")[1:][1:]).count(),
    "in a joined slice": lambda q: q(Review).filter(book__in=q(Book).filter(author__rating__gt=0).order_by("title", "pk")[1:]).count(),
    "exists in": lambda q: q(Author).filter(Exists(q(Book).filter(author=OuterRef("pk")).order_by("pk")[1:])).order_by("pk"),
    "subquery": lambda q: q(Author).annotate(second=Subquery(q(Book).filter(author=OuterRef("pk")).order_by("title").values("title")[1:2])).order_by("pk"),
    "aggregate of values": lambda q: q(Book).order_by("title", "pk").values("pages")[2:].aggregate(Sum("pages"), Avg("pages")),
    "prefetched": lambda q: [[one.pk for one in author.found] for author in q(Author).order_by("pk").prefetch_related(Prefetch("books", q(Book).order_by("title")[1:], to_attr="found"))],
    "related manager": lambda q: [author.books.order_by("title")[1:].count() for author in q(Author).order_by("pk")],
    "many to many": lambda q: [book.tags.order_by("name")[1:].count() for book in q(Book).order_by("pk")],
}  # fmt: skip
each_level = pytest.mark.parametrize(
    "kind", [("1.9", "mariadb"), ("2.x", "postgresql")], ids="-".join, indirect=True
)
OPEN = ("1:", "3:", "50:", "1: 1:", "2: all")
SHORT = ("list", "count", "exists")
# Rows of these have no pk to put together, or Django refuses to.
WITHOUT_ROWS = {
    "values", "values_list", "distinct values", "groups", "groups, joined", "union", "union, all", "dates", "datetimes",
}  # fmt: skip


@each_level
@pytest.mark.usefixtures("kind")
class TestSlices:
    @pytest.mark.parametrize("queryset", QUERYSETS)
    def test_everything_asked_of_it(self, queryset):
        for part, end in product(SLICES, ENDS):
            if part not in OPEN and end not in SHORT:
                continue
            if queryset in WITHOUT_ROWS and end in OF_ROWS:
                continue
            assert_same(
                lambda q, part=part, end=end: ENDS[end](SLICES[part](QUERYSETS[queryset](q)))
            )

    @pytest.mark.parametrize("part", SLICES)
    def test_cached(self, part, kind, connect):
        """What is asked twice has one answer, which is not that of another slice."""
        connect(
            **{
                **kind.settings_dict,
                "OPTIONS": {**kind.settings_dict["OPTIONS"], "CACHE": {"TIMEOUT": 300}},
            }
        )
        rows = Review.objects.order_by("pk")
        for other in SLICES:
            SLICES[other](rows).count()
        for _ in range(2):
            found = SLICES[part](rows)
            assert found.count() == len(found) == len(SLICES[part](rows.using(twin())))

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_question(self, question):
        assert_same(QUESTIONS[question])

    @pytest.mark.parametrize("part", SLICES)
    def test_in_a_block(self, part):
        """A block that has written counts its own rows as well."""

        def changes(reviews):
            with transaction.atomic(using=reviews.db):
                clean = [len(cut(reviews)), cut(reviews).count(), cut(reviews).exists()]
                changed = (
                    reviews.filter(stars=0).update(stars=7),
                    reviews.filter(stars=1).delete()[0],
                )
                found = cut(reviews.order_by("pk"))
                dirty = [
                    plain(found.values_list("pk", "stars")),
                    found.count(),
                    found.exists(),
                    found.aggregate(Count("pk")),
                ]
                transaction.set_rollback(True, using=reviews.db)
            return [clean, changed, dirty, cut(reviews).count()]

        cut = SLICES[part]
        assert changes(Review.objects.using(APPWRITE)) == changes(Review.objects.using(twin()))


@each_level
@pytest.mark.usefixtures("kind")
class TestPages:
    @pytest.mark.parametrize("paginator", [Paginator, AppwritePaginator, ExactPaginator])
    @pytest.mark.parametrize("part", SLICES)
    @pytest.mark.parametrize("size", [3, 5])
    def test_of_a_slice(self, paginator, part, size):
        rows = SLICES[part](Review.objects.order_by("pk"))
        pages = list(paginator(rows, size))
        assert [row for page in pages for row in page.object_list] == list(rows)
        assert pages[-1].paginator.count == len(rows)
        assert all(page.object_list for page in pages) or not rows
        assert not pages[-1].has_next()


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
@pytest.mark.parametrize("level", ["1.9", "2.x"])
def test_beyond_what_the_server_counts(level, connect):
    connection = connect(**level_settings(level, "many"))
    with connection.schema_editor() as editor:
        editor.create_model(Tag)
    # A real server is asked at both levels.
    Tag.objects.all()._raw_delete("appwrite")
    number = TOTAL_CAP + 7
    Tag.objects.bulk_create(Tag(name=f"tag-{number:05}") for number in range(number))
    tags = Tag.objects.order_by("name")
    starts = (0, 1, TOTAL_CAP - 1, TOTAL_CAP, TOTAL_CAP + 1, number - 1, number, number + 1)
    assert [tags[start:].count() for start in starts] == [
        max(0, number - start) for start in starts
    ]
    assert tags[TOTAL_CAP - 2 : TOTAL_CAP + 2].count() == 4


@pytest.mark.parametrize("kind", [("1.9", "mariadb")], indirect=True)
def test_what_commands_say_of_their_slice(kind):
    listed = Review.objects.order_by("pk")[3:]
    with CaptureQueriesContext(kind) as asked:
        listed.count()
    assert asked[0]["sql"] == "COUNT library_review OFFSET 3"
    assert listed.explain().endswith(" ORDER BY $id OFFSET 3")
    assert (
        "ORDER BY $id OFFSET 2"
        in Book.objects.select_related("author").order_by("pk")[2:].explain()
    )
