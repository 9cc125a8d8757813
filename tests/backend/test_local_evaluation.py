"""Queries that need more of local evaluation than their own tables: nested ones, fragments of SQL, values of other kinds."""

import datetime
import decimal

import pytest
from django.db import DatabaseError
from django.db.models import (
    Avg,
    Count,
    DecimalField,
    Exists,
    F,
    Func,
    IntegerField,
    JSONField,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Transform,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Greatest, Least, Round

from appwrite_orm_django.backend import evaluation
from appwrite_orm_django.backend.evaluation import statements
from tests.library.models import Author, Book, Country, Everything, Numbered, Review, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"])


@pytest.fixture
def books():
    france = Country.objects.create(code="FR", name="France")
    zola, hugo = Author.objects.bulk_create(
        [Author(name="Zola", country=france, rating=4), Author(name="Hugo", rating=5)]
    )
    return Book.objects.bulk_create(
        [
            Book(title="Nana", author=zola, pages=400, price=decimal.Decimal("9.90")),
            Book(title="Germinal", author=zola, pages=591),
            Book(title="Les Misérables", author=hugo, pages=1900),
        ]
    )


def titles(queryset):
    return [book.title for book in queryset]


class TestTablesOfNestedQueries:
    def test_joins_for_the_order_of_a_subquery(self, books):
        assert Book.objects.distinct().order_by("author__name")[:2].count() == 2

    def test_related_objects_in_a_union(self, books):
        query = Book.objects.select_related("author").order_by()
        assert query.union(query).count() == 3

    def test_the_default_ordering_of_a_group(self, books):
        Review.objects.create(book=books[0], stars=3)
        assert list(
            Book.objects.values("author")
            .annotate(number=Count("reviews"))
            .values_list("number", flat=True)
        ) == [1, 0]

    def test_a_reference_two_levels_out(self, books):
        Tag.objects.create(name="Zola")
        inner = Author.objects.filter(name=OuterRef(OuterRef("name")))
        query = Tag.objects.annotate(
            known=Exists(Book.objects.annotate(by=Exists(inner)).filter(by=True))
        )
        assert query.get().known

    def test_joins_of_one_compilation_are_not_those_of_the_next(self, books):
        query = Book.objects.order_by("author__name")
        str(query.query)
        assert "JOIN" not in str(query.order_by("title").query)

    def test_a_new_row_may_hold_what_a_subquery_brings(self, books):
        longest = Subquery(
            Book.objects.annotate(most=Max("pages")).order_by("-most").values("most")[:1]
        )
        book = Book.objects.create(title="Longer", author=books[0].author, pages=longest)
        book.refresh_from_db()
        assert book.pages == 1900

    def test_a_condition_without_a_model(self):
        assert Q(pages__gt=3).check({"pages": 4})
        assert not Q(pages__gt=Value(3, IntegerField())).check({"pages": 2})


class TestFragmentsOfSql:
    def test_further_tables(self, books):
        query = Book.objects.extra(
            tables=["library_country"], where=["library_country.code = 'FR'"]
        )
        assert titles(query.order_by("title")) == ["Germinal", "Les Misérables", "Nana"]

    def test_names_are_quoted_as_sqlite_does(self, books, appwrite):
        quote = appwrite.ops.quote_name
        assert quote("pages") == quote(quote("pages")) == '"pages"'
        query = Book.objects.extra(where=[f"{quote('library_book')}.{quote('pages')} > 1000"])  # noqa: S610
        assert titles(query) == ["Les Misérables"]

    def test_a_select_sees_rows_that_the_query_around_it_does_not(self, books):
        longer = "SELECT COUNT(*) FROM library_book U0 WHERE U0.pages > library_book.pages"
        query = Book.objects.filter(title="Nana")
        assert query.extra(select={"longer": longer}).get().longer == 2  # noqa: S610
        assert query.annotate(longer=RawSQL(longer, (), IntegerField())).get().longer == 2  # noqa: S611
        assert query.extra(where=[f"({longer}) = 2"]).count() == 1  # noqa: S610
        ordered = Book.objects.extra(order_by=["-longer"], select={"longer": longer})  # noqa: S610
        assert ordered[0].title == "Nana"

    def test_a_select_of_a_table_that_only_it_names(self, books):
        Review.objects.bulk_create([Review(book=book, stars=4) for book in books[:2]])
        number = (
            "SELECT COUNT(*) FROM library_review WHERE library_review.book_id = library_book.id"
        )
        query = Book.objects.extra(select={"number": number}).order_by("-pages")  # noqa: S610
        assert [book.number for book in query] == [0, 1, 1]
        assert [book.number for book in query[1:2]] == [1]
        assert titles(
            Book.objects.filter(
                pk__in=RawSQL("SELECT book_id FROM library_review WHERE stars > %s", [3])
            )
        ) == [
            "Nana",
            "Germinal",
        ]

    def test_a_select_in_a_nested_query(self, books):
        most = RawSQL("(SELECT MAX(pages) FROM library_book)", (), IntegerField())
        longest = Book.objects.filter(pages=most, author=OuterRef("pk"))
        assert [author.name for author in Author.objects.filter(Exists(longest))] == ["Hugo"]

    def test_a_template_that_selects(self, books):
        function = Func(
            "pages",
            template="(SELECT MAX(pages) FROM library_book) - %(expressions)s",
            output_field=IntegerField(),
        )
        assert Book.objects.filter(title="Nana").annotate(less=function).get().less == 1500

    def test_a_page_is_still_asked_for_as_such(self, books, django_assert_num_queries):
        number = (
            "SELECT COUNT(*) FROM library_review WHERE library_review.book_id = library_book.id"
        )
        plan = Book.objects.extra(select={"number": number}).order_by("title")[:2].explain()  # noqa: S610
        assert "LIMIT 2" in plan

    def test_a_select_of_a_table_that_is_none(self, books):
        with pytest.raises(DatabaseError, match="no such table: nowhere"):
            list(Book.objects.extra(select={"number": "SELECT COUNT(*) FROM nowhere"}))

    def test_what_a_select_reads_is_in_the_cache_as_such(self, books):
        query = Book.objects.filter(title="Nana").extra(
            select={"number": "SELECT COUNT(*) FROM library_review"}
        )
        assert query.get().number == 0
        Review.objects.create(book=books[0], stars=3)
        assert query.all().get().number == 1

    @pytest.mark.parametrize(
        ("sql", "expected"),
        [
            ("SELECT 1 FROM library_book", {"library_book"}),
            ('select 1 from "library_book" where library_tag.id = 1', {"library_book"}),
            ("1 IN library_book", {"library_book"}),
            ("SELECT x FROM LIBRARY_BOOK_TAGS", {"library_book_tags"}),
            ('SELECT "library_book" . "id" FROM [library_tag]', {"library_tag"}),
        ],
    )
    def test_which_tables_a_fragment_reads(self, sql, expected):
        assert statements.reads_in(sql) == 1
        assert (
            statements.sources([sql], ["library_book", "library_tag", "library_book_tags"])
            == expected
        )

    @pytest.mark.parametrize(
        "query",
        [
            lambda: Author.objects.filter(
                Exists(Book.objects.filter(author=OuterRef("pk"), title="Nana"))
            ),
            lambda: Author.objects.annotate(
                longest=Coalesce(
                    Subquery(Book.objects.filter(author=OuterRef("pk")).values("pages")[:1]), 0
                )
            ).filter(longest__gt=3),
            lambda: Author.objects.exclude(
                books__in=Book.objects.filter(title="Nana").union(Book.objects.filter(pages=1))
            ),
            lambda: Author.objects.annotate(n=Count("books")).exclude(
                books__reviews__stars__in=[1, 2]
            ),
        ],
    )
    def test_nested_queries_are_no_fragments(self, appwrite, query):
        command = evaluation.plan_query(
            query().query.get_compiler(connection=appwrite), set_up=True
        )
        assert "SELECT" in command.sql[1:]
        assert command.program.whole_tables == frozenset()

    @pytest.mark.parametrize("sql", ['"select" = 1', "a IN (1, 2)", "INNER JOIN", "selected"])
    def test_what_reads_no_table(self, sql):
        assert statements.reads_in(sql) == 0


class Doubled(Transform):
    function = "NONSENSE"

    def as_appwrite(self, compiler, connection):
        sql, params = compiler.compile(self.lhs)
        return f"({sql} * 2)", params


def test_an_expression_may_bring_sql_for_local_evaluation(books):
    assert titles(
        Book.objects.annotate(twice=Doubled("pages", output_field=IntegerField())).filter(twice=800)
    ) == ["Nana"]


class TestColumnsOfDifferentKinds:
    def test_a_number_joins_a_key(self, books):
        """As a generic relation does: the one column is an integer, the other a row id."""
        child = Numbered.objects.create(name="child", parent=Numbered.objects.create(name="parent"))
        Everything.objects.create(integer=child.parent_id, char=str(child.parent_id))
        found = Everything.objects.filter(integer__in=Numbered.objects.values("pk"))
        assert found.count() == 1
        assert (
            Numbered.objects.filter(pk__in=Everything.objects.values("integer")).get().name
            == "parent"
        )

    def test_an_integer_field_holds_a_key_of_53_bits(self):
        key = 2**53 - 1
        Everything.objects.create(integer=key, positive=key)
        assert Everything.objects.get(integer=key, positive__gte=key).positive == key

    def test_what_a_small_integer_can_not_hold_is_not_asked_for(self, django_assert_num_queries):
        Everything.objects.create(small=1)
        with django_assert_num_queries(0, using="appwrite"):
            assert not Everything.objects.filter(small=2**15)
            assert not Everything.objects.filter(small__lt=-(2**15) - 1)


class TestJson:
    @pytest.mark.parametrize(
        ("lookup", "value", "matches"),
        [
            ("json__contains", {"a": 1}, True),
            ("json__contains", {"a": "1"}, False),
            ("json__contains", {"a": True}, False),
            ("json__contains", {"b": {"c": [2]}}, True),
            ("json__contains", {"b": {}}, True),
            ("json__contains", ["a"], False),
            (
                "json__contained_by",
                {"a": 1, "b": {"c": [1, 2, 3]}, "d": None, "e": "1", "f": 0},
                True,
            ),
            ("json__contained_by", {"a": 1}, False),
            ("json__b__c__contains", 2, True),
            ("json__b__c__contains", [2, 1], True),
            ("json__e__contains", "1", True),
            ("json__e__contains", 1, False),
            ("json__missing__contains", 1, False),
        ],
    )
    def test_containment(self, lookup, value, matches):
        Everything.objects.create(json={"a": 1, "b": {"c": [1, 2]}, "d": None, "e": "1"})
        Everything.objects.create(json=None)
        assert Everything.objects.filter(**{lookup: value}).count() == matches

    def test_null_in_json_is_not_null_in_the_table(self):
        Everything.objects.create(json={"a": 1})
        Everything.objects.update(json=Value(None, JSONField()))
        assert Everything.objects.filter(json__isnull=True).count() == 0
        assert Everything.objects.filter(json=Value(None, JSONField())).count() == 1

    def test_documents_are_updated_as_they_are(self):
        rows = Everything.objects.bulk_create([Everything(json={"a": 1}), Everything(json=[])])
        rows[0].json, rows[1].json = {"a": ["x"]}, "text"
        Everything.objects.bulk_update(rows, ["json"])
        assert [Everything.objects.get(pk=row.pk).json for row in rows] == [{"a": ["x"]}, "text"]


class TestNumbers:
    def test_long_decimals_keep_their_digits(self):
        exact = decimal.Decimal("12345678901234567890.0000000001")
        Everything.objects.bulk_create(
            [
                Everything(long_decimal=value)
                for value in (exact, decimal.Decimal(-2), decimal.Decimal(10))
            ]
        )
        query = Everything.objects.annotate(again=F("long_decimal"))
        assert query.get(again=exact).again == exact
        assert [row.again for row in query.order_by("again")] == [-2, 10, exact]
        assert query.filter(again__gt=9).count() == 2

    LONG = (
        "12345678901234567890.0000000001",
        "-0.0000000003",
        "98765432109876543210.9999999999",
        "0.1",
    )

    @pytest.fixture
    def long(self):
        values = [decimal.Decimal(text) for text in self.LONG]
        Everything.objects.bulk_create(
            [Everything(long_decimal=value, integer=2) for value in values]
        )
        Everything.objects.create(integer=3)
        return values

    def test_aggregates_of_long_decimals_are_exact(self, long):
        found = Everything.objects.aggregate(
            Sum("long_decimal"),
            Avg("long_decimal"),
            Min("long_decimal"),
            Max("long_decimal"),
            distinct=Sum("long_decimal", distinct=True),
            some=Sum("long_decimal", filter=Q(long_decimal__gt=1)),
            none=Sum("long_decimal", filter=Q(integer=7), default=0),
        )
        with decimal.localcontext(decimal.Context(prec=31)):
            total = sum(long)
            assert found["long_decimal__sum"] == found["distinct"] == total
            assert found["long_decimal__avg"] == total / len(long)
            assert found["some"] == long[0] + long[2]
        assert (found["long_decimal__min"], found["long_decimal__max"]) == (min(long), max(long))
        assert found["none"] == 0

    def test_groups_are_compared_and_ordered_by_exact_sums(self, long):
        query = Everything.objects.values("integer").annotate(
            total=Sum("long_decimal", default=decimal.Decimal(0))
        )
        with decimal.localcontext(decimal.Context(prec=31)):
            total = sum(long)
            least = decimal.Decimal("0.0000000001")
            assert (
                query.filter(total__gt=total - least, total__lt=total + least).get()["total"]
                == total
            )
            assert not query.filter(total__gt=total)
            assert query.filter(total__gte=9).count() == 1
        assert [group["integer"] for group in query.order_by("total")] == [3, 2]

    def test_arithmetic_with_long_decimals_is_exact(self, long):
        row = Everything.objects.annotate(
            more=F("long_decimal") + decimal.Decimal("0.0000000002"),
            less=1 - F("long_decimal"),
            twice=F("long_decimal") * 2,
            half=F("long_decimal") / 2,
            nothing=F("long_decimal") / 0,
            most=Greatest(
                "long_decimal",
                "integer",
                output_field=DecimalField(max_digits=30, decimal_places=10),
            ),
            least=Least("long_decimal", Value(decimal.Decimal(5))),
        ).get(long_decimal=long[0])
        with decimal.localcontext(decimal.Context(prec=31)):
            assert row.more == long[0] + decimal.Decimal("0.0000000002")
            assert row.less == 1 - long[0]
            assert row.twice == long[0] * 2
        assert row.half == decimal.Decimal("6172839450617283945.000000000")
        assert (row.nothing, row.most, row.least) == (None, long[0], 5)

    def test_an_update_by_a_long_decimal_is_exact(self, long):
        Everything.objects.filter(long_decimal=long[0]).update(
            long_decimal=F("long_decimal") - decimal.Decimal("0.0000000001")
        )
        found = [
            row.long_decimal
            for row in Everything.objects.filter(long_decimal__gt=1, long_decimal__lt=long[2])
        ]
        assert found == [decimal.Decimal(12345678901234567890)]

    def test_sums_of_short_decimals_do_not_pass_through_floats(self, books):
        prices = [decimal.Decimal("999999.99"), decimal.Decimal("0.10"), decimal.Decimal("0.20")]
        for book, price in zip(books, prices, strict=True):
            book.price = price
            book.save()
        found = (
            Book.objects.values("in_print").annotate(total=Sum("price"), mean=Avg("price")).get()
        )
        assert (found["total"], found["mean"]) == (
            decimal.Decimal("1000000.29"),
            decimal.Decimal("333333.430000000"),
        )
        assert (
            Book.objects.values("in_print")
            .annotate(total=Sum("price"))
            .filter(total=sum(prices))
            .count()
            == 1
        )

    @pytest.mark.parametrize(
        ("field", "value", "places", "expected"),
        [
            ("integer", 365, -1, 370),
            ("integer", -365, -2, -400),
            ("float", 365.25, -1, 370.0),
            ("float", 2.5, 0, 3.0),
            ("float", -1.25, 1, -1.3),
            ("float", None, -1, None),
            ("decimal", decimal.Decimal("365.25"), -1, decimal.Decimal(370)),
        ],
    )
    def test_round(self, field, value, places, expected):
        Everything.objects.create(**{field: value})
        found = Everything.objects.annotate(rounded=Round(field, places)).get().rounded
        assert (type(found), found) == (type(expected), expected)
        if value is not None:
            assert (
                Everything.objects.annotate(rounded=Round(field, places))
                .filter(rounded=expected)
                .count()
                == 1
            )


def test_a_moment_may_be_a_key():
    from appwrite_orm_django.backend.values import DateTimeCodec, RowIdCodec

    codec = RowIdCodec(DateTimeCodec())
    moment = datetime.datetime(2026, 11, 23, 14, 30, 5, 250000, tzinfo=datetime.timezone.utc)
    assert codec.encode(moment) == "2026-11-23T143005.250Z"
    assert codec.decode("2026-11-23T143005.250Z") == moment
    assert codec.stored("2026-11-23T143005.250Z") == "2026-11-23 14:30:05.250000"


def test_a_field_is_told_of_the_connection_that_its_rows_come_from(books, appwrite, monkeypatch):
    told = []

    def from_db_value(self, value, expression, connection):
        told.append(connection)
        return value

    monkeypatch.setattr(IntegerField, "from_db_value", from_db_value, raising=False)
    assert (
        Book.objects.filter(pages__lt=F("pages") + 1).values_list("pages", flat=True).count() == 3
    )
    assert len(Book.objects.filter(pages__lt=F("pages") + 1).values_list("pages", flat=True)) == 3
    assert set(told) == {appwrite}
