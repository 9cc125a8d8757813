"""How rows get into the private database of local evaluation, and how text is compared there."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import NotSupportedError, connections
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Lower, Upper

from appwrite_orm_django.backend.evaluation import texts
from appwrite_orm_django.testing import captured_requests
from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def authors():
    """Make authors that name their country in two spellings, one of which is the country's own."""
    Country.objects.bulk_create(
        [Country(code="Fr", name="France"), Country(code="pe", name="Perú")]
    )
    return Author.objects.bulk_create(
        [
            Author(name="Zola", country_id="Fr", rating=4),
            Author(name="Hugo", country_id="FR", rating=5),
            Author(name="zola", country_id="fr", rating=1),
            Author(name="Vargas", country_id="pe", rating=2),
            Author(name="Nobody"),
        ]
    )


@pytest.fixture
def options(appwrite, connect):
    """Give a function that puts a connection with other options in the place of the alias."""
    return lambda **values: connect(OPTIONS={**appwrite.settings_dict["OPTIONS"], **values})


def names(queryset):
    return [row.name for row in queryset]


@pytest.mark.engine("mariadb", reason="row ids are found in one spelling only")
class TestRowIdsOfSeveralSpellings:
    """To the server they are the same; so they are here."""

    def test_joins(self, authors):
        french = Author.objects.filter(country__name="France").order_by("rating")
        assert names(french) == ["zola", "Zola", "Hugo"]
        shown = Author.objects.select_related("country").order_by(Lower("name"), "rating")
        assert [row.country and row.country.name for row in shown] == [
            "France",
            None,
            "Perú",
            "France",
            "France",
        ]

    def test_nested_queries(self, authors):
        born_there = Author.objects.filter(country=OuterRef("pk"), rating__lt=2)
        assert names(Country.objects.filter(Exists(born_there))) == ["France"]
        countries = Country.objects.filter(Q(name=Upper("code")) | Q(name__startswith="F"))
        assert Author.objects.filter(country__in=countries.values("pk")).count() == 3
        assert Author.objects.exclude(country__in=countries.values("pk")).count() == 2

    def test_groups_and_what_is_distinct(self, authors):
        groups = (
            Author.objects.values("country")
            .annotate(n=Count("pk"), best=Max("rating"))
            .order_by("country")
        )
        assert [(row["n"], row["best"]) for row in groups] == [(1, None), (3, 5), (1, 2)]
        assert Author.objects.aggregate(n=Count("country", distinct=True))["n"] == 2
        assert len(Author.objects.values_list("country").distinct()) == 3

    def test_comparisons(self, authors):
        """As SQLite would compare them, PE would come before fr."""
        assert (
            Author.objects.filter(Q(country__gt="FR") & Q(rating__lt=F("rating") + 1)).get().name
            == "Vargas"
        )
        assert Author.objects.filter(country="FR", rating__lt=F("rating") + 1).count() == 3
        assert (
            Author.objects.filter(country__in=["FR", "x"], rating__lt=F("rating") + 1).count() == 3
        )
        found = Author.objects.aggregate(
            Min("country"), Max("country"), n=Count("pk", filter=Q(rating__gt=1))
        )
        assert (found["country__min"].lower(), found["country__max"].lower(), found["n"]) == (
            "fr",
            "pe",
            3,
        )
        assert Author.objects.filter(country=Coalesce("country", Value("x"))).count() == 4

    def test_other_text(self, authors):
        Tag.objects.create(name="fR")
        same = Tag.objects.filter(name=OuterRef("country_id"))
        assert Author.objects.filter(Exists(same)).count() == 3
        assert (
            Author.objects.filter(
                country__in=Tag.objects.annotate(up=Upper("name")).values("name")
            ).count()
            == 3
        )
        assert Author.objects.extra(where=["library_author.country_id = 'FR'"]).count() == 3
        cursor = connections["appwrite"].cursor()
        cursor.execute(
            "SELECT COUNT(*) FROM library_author a JOIN library_country c ON a.country_id = c.code"
        )
        assert cursor.fetchone() == (4,)

    def test_have_one_spelling(self):
        assert texts.have_one_spelling({"a1", "b", "é", "B2"})
        assert not texts.have_one_spelling({"a", "b", "B"})
        assert not texts.have_one_spelling({"e", "é"})
        assert not texts.have_one_spelling({"a", "a "})


class TestGroupsAndOrders:
    def test_texts_that_are_equal_to_the_server_are_one_group(self, authors, appwrite):
        groups = Author.objects.values("name").annotate(n=Count("pk")).order_by("name")
        zolas = [("zola", 2)] if appwrite.engine.folds_text else [("zola", 1), ("zola", 1)]
        assert [(row["name"].lower(), row["n"]) for row in groups] == [
            ("hugo", 1), ("nobody", 1), ("vargas", 1), *zolas,
        ]  # fmt: skip
        if not appwrite.engine.folds_text:
            return
        assert groups.filter(n__gt=1).get()["name"].lower() == "zola"

    def test_python_is_not_called_for_each_comparison(self, options):
        database = options().local_database
        database.ensure_connection()
        compared = []
        database.connection.create_collation(
            texts.COLLATION, lambda one, two: compared.append(one) or (one > two) - (one < two)
        )
        countries = [Country(code=f"{number:02}", name=f"Country {number}") for number in range(40)]
        Country.objects.bulk_create(countries)
        Author.objects.bulk_create(
            Author(name=f"A{number}", country_id=f"{number % 40:02}") for number in range(200)
        )
        assert len(Author.objects.values("name").annotate(n=Count("pk")).order_by("-name")) == 200
        assert (
            len(
                Author.objects.select_related("country")
                .order_by("country__name", "pk")
                .filter(pk=F("pk"))
            )
            == 200
        )
        assert (
            Author.objects.filter(
                Exists(Country.objects.filter(pk=OuterRef("country"), name__gt=""))
            ).count()
            == 200
        )
        # Two joins by a text key look each country up in an index. Comparing each author with each
        # country takes 8,000 for one of them.
        assert len(compared) < 8000


class TestThePrivateDatabase:
    def test_nothing_of_a_query_is_left(self, authors, appwrite):
        found = Author.objects.filter(country__name="France").order_by(Lower("name"))
        assert len(found) == (3 if connections["appwrite"].engine.finds_ids_without_case else 1)
        raw = appwrite.local_database.connection
        assert not raw.in_transaction
        assert raw.execute("SELECT COUNT(*) FROM library_author").fetchone() == (0,)
        assert raw.execute("SELECT COUNT(*) FROM library_country").fetchone() == (0,)

    def test_nor_of_one_that_fails(self, authors, options):
        connection = options(LOCAL_EVALUATION_MAX_ROWS=3)
        with pytest.raises(NotSupportedError):
            list(Author.objects.order_by(Lower("name")))
        raw = connection.local_database.connection
        assert raw.execute("SELECT COUNT(*) FROM library_author").fetchone() == (0,)
        assert len(Author.objects.filter(rating__gt=1).order_by(Lower("name"))) == 3

    def test_no_more_rows_are_asked_for_than_may_be_fetched(self, authors, options):
        options(LOCAL_EVALUATION_MAX_ROWS=3, PAGE_SIZE=1)
        with captured_requests() as sent, pytest.raises(NotSupportedError):
            list(Author.objects.nocache().order_by(Lower("name")))
        assert len(sent) == 2  # of two rows each, where there are five

    def test_many_rows_in_statements_of_many(self, options):
        options(PAGE_SIZE=70)
        Tag.objects.bulk_create(Tag(name=f"tag-{number}") for number in range(173))
        found = list(Tag.objects.order_by(Lower("name").desc()).values_list("name", flat=True))
        assert found == sorted((f"tag-{number}" for number in range(173)), reverse=True)

    def test_threads_have_one_each(self, authors):
        def evaluated(number):
            try:
                return names(
                    Author.objects.nocache()
                    .filter(rating__gt=number)
                    .order_by(Upper("name"), "rating")
                )
            finally:
                connections["appwrite"].close()

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(evaluated, [1, 4, 2, 0] * 5))
        assert (
            found
            == [
                ["Hugo", "Vargas", "Zola"],
                ["Hugo"],
                ["Hugo", "Zola"],
                ["Hugo", "Vargas", "zola", "Zola"],
            ]
            * 5
        )

    def test_the_same_row_of_two_steps_is_there_once(self, authors):
        Book.objects.create(title="One", author=authors[0], editor=authors[0])
        Book.objects.create(title="Two", author=authors[1], editor=authors[0])
        query = Book.objects.filter(author__name__startswith="Z", editor__name__startswith="Z")
        assert query.get().title == "One"
        assert Author.objects.filter(books__title__gt="A", edited__title__gt="A").count() == 2
