"""Writing through every door: create, bulk_create, update, bulk_update, delete, get_or_create; and what cascades."""

import decimal
import pickle
from contextlib import nullcontext

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    connections,
    models,
    transaction,
)
from django.db.models import (
    Case,
    Count,
    F,
    ProtectedError,
    Q,
    QuerySet,
    RestrictedError,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Concat, Length, Lower, Now
from django.test.utils import isolate_apps

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import ColumnNotFound
from appwrite_orm_django.managers import AppwriteQuerySet
from tests.fixtures import library, moment
from tests.kinds import respelled
from tests.library.models import (
    Author,
    Book,
    Country,
    Cover,
    Edition,
    Everything,
    Magazine,
    Numbered,
    Owner,
    Place,
    Possession,
    Publication,
    Review,
    Shelf,
    Supplement,
    Tag,
    Token,
    Translation,
    Writer,
)

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
D = decimal.Decimal


@pytest.fixture
def books():
    library()
    return {book.title: book for book in Book.objects.all()}


class TestSave:
    def test_force_insert_and_force_update(self):
        author = Author(name="Zola")
        author.save(force_insert=True)
        with pytest.raises(IntegrityError):
            Author(pk=author.pk, name="again").save(force_insert=True)
        Author(pk=author.pk, name="updated").save(force_update=True)
        assert Author.objects.get().name == "updated"
        from django.db import DatabaseError

        with pytest.raises(DatabaseError, match="did not affect any rows"):
            Author(pk="missing", name="x").save(force_update=True)

    def test_a_key_that_exists_is_updated(self):
        Country.objects.create(code="FR", name="France")
        Country(code="FR", name="République").save()
        assert list(Country.objects.values_list("code", "name")) == [("FR", "République")]

    def test_update_fields(self):
        author = Author.objects.create(name="Zola", rating=1)
        author.name, author.rating = "other", 2
        author.save(update_fields=["rating"])
        assert Author.objects.values_list("name", "rating").get() == ("Zola", 2)
        author.save()
        assert Author.objects.values_list("name", "rating").get() == ("other", 2)

    def test_what_was_rolled_back_is_sent_again(self):
        author = Author.objects.create(name="Zola", rating=1)
        author.name = "Hugo"
        with pytest.raises(ZeroDivisionError), transaction.atomic(using="appwrite"):
            author.save()
            read = Author.objects.get()
            raise ZeroDivisionError
        assert Author.objects.get().name == "Zola"
        author.save()
        assert Author.objects.get().name == "Hugo"
        Author.objects.update(name="Zola")
        read.save()
        assert Author.objects.get().name == "Hugo"

    def test_an_object_saved_under_another_key_is_sent_whole(self):
        country = Country.objects.create(code="FR", name="France")
        Country.objects.create(code="PE", name="Perú")
        country.pk = "PE"
        country.save()
        assert sorted(Country.objects.values_list("code", "name")) == [
            ("FR", "France"),
            ("PE", "France"),
        ]

    def test_a_value_that_was_changed_in_place_is_sent(self):
        row = Everything.objects.create(json={"a": 1}, array=["x"], file="a.txt")
        row = Everything.objects.get(pk=row.pk)
        row.json["a"] = 2
        row.array.append("y")
        row.file.name = "b.txt"
        row.save()
        row = Everything.objects.get(pk=row.pk)
        assert (row.json, row.array, row.file.name) == ({"a": 2}, ["x", "y"], "b.txt")

    def test_deferred_fields_stay(self):
        Author.objects.create(name="Zola", rating=1)
        author = Author.objects.only("rating").get()
        author.rating = 3
        author.save()
        assert Author.objects.values_list("name", "rating").get() == ("Zola", 3)
        assert author.name == "Zola"

    def test_refresh(self, requests):
        author = Author.objects.create(name="Zola", rating=1)
        Author.objects.update(name="Hugo", rating=2)
        author.refresh_from_db(fields=["name"])
        assert (author.name, author.rating) == ("Hugo", 1)
        author.refresh_from_db()
        assert author.rating == 2
        requests.clear()
        author.save()
        assert [record.params.get("data") for record in requests if record.method == "PATCH"] in (
            [],
            [{}],
        )

    def test_a_deleted_object_is_written_again(self):
        author = Author.objects.create(name="Zola")
        Author.objects.all().delete()
        author.name = "Hugo"
        author.save()
        assert Author.objects.get().name == "Hugo"

    def test_an_expression_as_value(self):
        book = Book.objects.create(
            title="Nana", author=Author.objects.create(name="Zola"), pages=10
        )
        book.pages = F("pages") * 2 + 1
        book.title = Lower("title")
        book.save()
        book.refresh_from_db()
        assert (book.pages, book.title) == (21, "nana")
        made = Author.objects.create(name=Lower(Value("ZOLA")), born=Now())
        made.refresh_from_db()
        assert made.name == "zola"

    def test_a_model_without_fields(self):
        shelf = Publication.objects.create(title="x")
        assert Publication.objects.get() == shelf
        assert Token.objects.create(label="x").pk == Token.objects.get().pk

    def test_pickled_instances_and_querysets(self, books):
        book = pickle.loads(pickle.dumps(books["Nana"]))
        assert book == books["Nana"]
        book.pages = 401
        book.save()
        queryset = Book.objects.filter(author__country__name="France").order_by("pk")
        assert pickle.loads(pickle.dumps(queryset))[0].pages == queryset[0].pages
        unevaluated = Book.objects.none()
        unevaluated.query = pickle.loads(pickle.dumps(queryset.query))
        assert list(unevaluated) == list(queryset)


class TestBulkCreate:
    def test_many(self, requests):
        author = Author.objects.create(name="Zola")
        made = Book.objects.bulk_create(
            [Book(title=f"t{n}", author=author, price=n) for n in range(250)], batch_size=50
        )
        assert all(book.created_at and book.pk and not book._state.adding for book in made)
        assert Book.objects.count() == 250
        assert Book.objects.get(title="t7") == made[7]

    def test_integer_keys(self):
        made = Numbered.objects.bulk_create(
            [Numbered(name=str(n)) for n in range(120)] + [Numbered(pk=5, name="five")]
        )
        assert len({row.pk for row in made}) == 121
        assert Numbered.objects.get(pk=made[3].pk).name == "3"
        assert Numbered.objects.get(pk=5).name == "five"

    def test_a_violation_leaves_nothing(self):
        Tag.objects.create(name="novel")
        with pytest.raises(IntegrityError):
            Tag.objects.bulk_create([Tag(name="a"), Tag(name=respelled("novel"))])
        assert Tag.objects.count() == 1

    def test_djangos_own_querysets_make_all_or_none(self):
        """Models that are not Appwrite models have Django's querysets; more rows than a request holds are one block all the same."""
        Tag.objects.create(name="novel")
        tags = QuerySet(Tag, using="appwrite")
        with pytest.raises(IntegrityError):
            tags.bulk_create(
                [Tag(name=f"tag-{n}") for n in range(150)] + [Tag(name=respelled("novel"))]
            )
        assert Tag.objects.count() == 1
        tags.bulk_create([Tag(name=f"tag-{n}") for n in range(150)])
        assert Tag.objects.count() == 151

    def test_ignore_conflicts(self):
        Tag.objects.create(name="novel")
        Tag.objects.bulk_create(
            [Tag(name="a"), Tag(name="novel"), Tag(name="b")], ignore_conflicts=True
        )
        assert sorted(Tag.objects.values_list("name", flat=True)) == ["a", "b", "novel"]

    @pytest.mark.parametrize("in_block", [False, True], ids=["at once", "in a block"])
    def test_only_rows_that_are_made_stand_in_the_way_of_others(self, in_block):
        """The first of these is ignored, so its shelfmark is free for the second; the third comes too late."""
        Edition.objects.create(isbn="a")
        with transaction.atomic(using="appwrite") if in_block else nullcontext():
            Edition.objects.bulk_create(
                [
                    Edition(isbn=respelled("a"), shelfmark="x"),
                    Edition(isbn="b", shelfmark="x"),
                    Edition(isbn="c", shelfmark=respelled("x")),
                    Edition(isbn="d"),
                ],
                ignore_conflicts=True,
            )
        assert sorted(Edition.objects.values_list("isbn", "shelfmark")) == [
            ("a", None),
            ("b", "x"),
            ("d", None),
        ]

    def test_ignoring_conflicts_takes_few_requests(self, requests):
        Tag.objects.bulk_create([Tag(name=f"tag-{n}") for n in range(0, 90, 2)])
        requests.clear()
        Tag.objects.bulk_create([Tag(name=f"tag-{n}") for n in range(90)], ignore_conflicts=True)
        # Refused; which ids and which names exist; the others. On 2.x a long list is asked for by POST.
        made = [
            "read" if line.startswith("GET") or "/rows/query" in line else "write"
            for line in requests.take()
        ]
        assert made == ["write", "read", "read", "write"]
        assert Tag.objects.count() == 90

    @pytest.mark.parametrize("number", [1, 2])
    def test_a_key_of_ours_that_is_taken_is_no_conflict_to_ignore(self, monkeypatch, number):
        theirs, new = Numbered.objects.create(name="theirs"), row_ids.new_integer_id
        answers = [theirs.pk]
        monkeypatch.setattr(row_ids, "new_integer_id", lambda: answers.pop() if answers else new())
        rows = [Numbered(name=f"ours {n}") for n in range(number)]
        AppwriteQuerySet(Numbered, using="appwrite").bulk_create(rows, ignore_conflicts=True)
        assert Numbered.objects.count() == 1 + number

    def test_nothing(self, requests):
        assert Tag.objects.bulk_create([]) == []
        assert not requests


class TestUpdate:
    def test_by_every_kind_of_condition(self, books):
        assert Book.objects.filter(title__contains="a").update(pages=1) == 5
        assert Book.objects.filter(author__country__name="France").update(pages=2) == 4
        assert Book.objects.exclude(tags__name="novel").update(pages=3) == 3
        assert Book.objects.filter(Q(pages=3) & ~Q(title__startswith="g")).update(pages=4) == 2
        assert Book.objects.filter(title="nothing").update(pages=5) == 0
        assert Book.objects.filter(pk__in=[]).update(pages=5) == 0
        assert Book.objects.filter(pk=books["Nana"].pk).update(pages=6) == 1
        assert sorted(Book.objects.values_list("pages", flat=True)) == [1, 2, 2, 3, 4, 4, 6]

    def test_with_expressions(self, books):
        assert Book.objects.update(pages=F("pages") * 2, blurb=Concat("title", Value("!"))) == 7
        book = Book.objects.get(pk=books["Nana"].pk)
        assert (book.pages, book.blurb) == (800, "Nana!")
        assert Book.objects.filter(pk=book.pk).update(pages=F("pages") + 5) == 1
        assert Book.objects.filter(price__isnull=False).update(price=F("price") + D("0.10")) == 6
        assert Book.objects.get(pk=book.pk).price == D("10.00")
        assert (
            Book.objects.update(
                blurb=Case(When(pages__gt=1000, then=Value("long")), default=F("title"))
            )
            == 7
        )
        assert Book.objects.filter(blurb="long").count() == 3
        assert Book.objects.annotate(n=Length("title")).filter(n=4).update(pages=F("n") + 1) == 1
        newest = Book.objects.exclude(published=None).order_by("-published").values("published")[:1]
        assert Book.objects.filter(title="Nana").update(published=Subquery(newest)) == 1
        assert Book.objects.get(pk=book.pk).published == moment(1966, 1, 1)

    def test_a_null_stays_null(self, books):
        assert Book.objects.filter(price=None).update(price=F("price") + 1) == 1
        assert Book.objects.filter(title="germinal", in_print=False).get().price is None

    def test_relations(self, books):
        hugo = Author.objects.get(name="Victor Hugo")
        assert Book.objects.filter(title="Nana").update(author=hugo, editor=None) == 1
        assert Book.objects.get(title="Nana").author == hugo
        assert hugo.books.update(editor=hugo.pk) == 3
        assert hugo.edited.count() == 4

    def test_ordered_and_sliced(self, books):
        assert Book.objects.order_by("title").update(pages=1) == 7
        with pytest.raises(TypeError, match="slice"):
            Book.objects.all()[:3].update(pages=1)

    def test_the_primary_key_is_refused(self, books):
        with pytest.raises(NotSupportedError, match="id of a row"):
            Book.objects.filter(title="Nana").update(id="other")

    def test_uniqueness_holds(self):
        Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")])
        with pytest.raises(IntegrityError):
            Tag.objects.filter(name="b").update(name=respelled("a"))
        with pytest.raises(IntegrityError):
            Tag.objects.update(name="c")

    def test_bulk_update(self, books):
        rows = list(Book.objects.order_by("title", "pk"))
        for number, book in enumerate(rows):
            book.pages, book.price, book.published = number, D(number) / 4, None
        assert Book.objects.bulk_update(rows, ["pages", "price", "published"], batch_size=3) == 7
        assert list(
            Book.objects.order_by("title", "pk").values_list("pages", "price", "published")
        ) == [(number, D(number) / 4, None) for number in range(7)]

    def test_what_was_updated_in_bulk_is_not_taken_for_what_was_read(self):
        Author.objects.create(name="Zola", rating=1)
        author = Author.objects.get()
        author.rating = 2
        Author.objects.bulk_update([author], ["rating"])
        author.rating = 1
        author.save()
        assert Author.objects.get().rating == 1

    def test_increments_stay_within_the_column(self):
        """The server's increments look at no bounds of the column; ours do."""
        row = Everything.objects.create(positive=3, small=2**15 - 2, decimal=D("99999999.9998"))
        mine = Everything.objects.filter(pk=row.pk)
        for values in (
            {"positive": F("positive") - 4},
            {"small": F("small") + 2},
            {"decimal": F("decimal") + 1},
        ):
            with pytest.raises(DataError, match=next(iter(values))):
                mine.update(**values)
        with pytest.raises(DataError, match="small"):
            mine.update(small=F("small") + 2**40)
        assert mine.update(positive=F("positive") - 3) == 1
        assert mine.update(small=F("small") + 1) == 1
        assert mine.values_list("positive", "small", "decimal").get() == (
            0,
            2**15 - 1,
            D("99999999.9998"),
        )

    def test_an_increment_of_a_row_that_was_made_meanwhile_is_tried_again(self, books, monkeypatch):
        """The server says of a row that is missing for a moment what it says of a missing column."""
        increment, refusals = rows.increment_column, [ColumnNotFound("gone for a moment")]

        def racing(*args, **kwargs):
            if refusals:
                raise refusals.pop()
            return increment(*args, **kwargs)

        monkeypatch.setattr(rows, "increment_column", racing)
        book = next(iter(books.values()))
        assert Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1) == 1
        assert Book.objects.get(pk=book.pk).pages == book.pages + 1

    def test_increments_by_several_do_not_undo_each_other(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
        for amount in (1, 2, -5, 0):
            Book.objects.filter(pk=book.pk).update(pages=F("pages") + amount)
        assert Book.objects.get().pages == -2


class TestGetOrCreate:
    def test_get_or_create(self, books):
        tag, created = Tag.objects.get_or_create(name="novel")
        assert (tag.books.count(), created) == (4, False)
        tag, created = Tag.objects.get_or_create(name="new", defaults={"name": "new"})
        assert created
        with pytest.raises(IntegrityError):
            Tag.objects.get_or_create(pk="other", defaults={"name": respelled("new")})

    def test_update_or_create(self, books):
        author, created = Author.objects.update_or_create(name="Bashō", defaults={"rating": 5})
        assert (Author.objects.get(pk=author.pk).rating, created) == (5, False)
        author, created = Author.objects.update_or_create(
            name="Kobo",
            defaults={"rating": 1},
            create_defaults={"rating": 2, "email": "kobo@example.org"},
        )
        assert (author.rating, created) == (2, True)

    def test_update_or_create_into_a_taken_value_is_refused_soon(self, requests):
        Edition.objects.bulk_create(
            [Edition(isbn="a", shelfmark="one"), Edition(isbn="b", shelfmark="two")]
        )
        requests.clear()
        with pytest.raises(IntegrityError):
            Edition.objects.update_or_create(isbn="a", defaults={"shelfmark": "two"})
        assert len(requests) < 20  # twice: found, staged, refused, explained
        assert Edition.objects.get(isbn="a").shelfmark == "one"

    def test_through_relations(self, books):
        hugo = Author.objects.get(name="Victor Hugo")
        book, created = hugo.books.get_or_create(title="Notre-Dame", defaults={"pages": 940})
        assert (book.author, created) == (hugo, True)
        tag, created = book.tags.update_or_create(name="cathedral", defaults={"name": "church"})
        assert (created, list(book.tags.all())) == (True, [tag])


class TestDelete:
    def test_an_object_with_cascades(self, books):
        count, by_model = Author.objects.get(name="Émile Zola", rating=4.5).delete()
        assert by_model["library.Author"] == 1
        assert by_model["library.Book"] == 2
        assert count == sum(by_model.values())
        assert Review.objects.filter(book__isnull=True).count() == 0
        assert Review.objects.count() == 14 - by_model["library.Review"]
        assert Cover.objects.count() == 1
        assert Book.tags.through.objects.count() == 4
        assert Book.objects.get(title="germinal").editor is None

    def test_by_every_kind_of_condition(self, books):
        assert Review.objects.filter(text__regex="[123]$").delete()[0] == 6
        assert Review.objects.filter(book__author__country__name="Peru").delete() == (0, {})
        assert Review.objects.filter(book__title="Nana").delete()[0] > 0
        assert Review.objects.exclude(stars=9).delete()[0] > 0
        assert Review.objects.count() == 0

    def test_sliced_and_distinct(self, books):
        with pytest.raises(TypeError):
            Review.objects.all()[:3].delete()
        ids = Review.objects.order_by("pk").values("pk")[:3]
        assert Review.objects.filter(pk__in=ids).delete()[0] == 3

    @pytest.mark.parametrize(
        ("relation", "error"), [("protect", ProtectedError), ("restrict", RestrictedError)]
    )
    def test_refused_by_what_refers(self, relation, error):
        owner = Owner.objects.create(name="b")
        thing = Possession.objects.create(name="x", **{relation: owner})
        with pytest.raises(error):
            owner.delete()
        assert Owner.objects.count() == 1
        thing.delete()
        assert owner.delete() == (1, {"library.Owner": 1})

    def test_restrict_yields_to_a_cascade_of_the_same_owner(self):
        owner = Owner.objects.create(name="b")
        Possession.objects.create(name="x", restrict=owner, cascade=owner)
        assert owner.delete()[0] == 2

    def test_set_null_default_value_and_nothing(self):
        first, owner = Owner.objects.bulk_create([Owner(name="a"), Owner(name="b")])
        thing = Possession.objects.create(
            name="x", set_null=owner, set_default=owner, set_value=owner, do_nothing=owner
        )
        gone = owner.pk
        assert owner.delete() == (1, {"library.Owner": 1})
        thing.refresh_from_db()
        assert (thing.set_null, thing.set_default, thing.set_value) == (None, None, first)
        assert thing.do_nothing_id == gone
        with pytest.raises(Owner.DoesNotExist):
            _ = thing.do_nothing

    def test_a_tree(self):
        root = Numbered.objects.create(name="root")
        child = Numbered.objects.create(name="child", parent=root)
        Numbered.objects.bulk_create([Numbered(name=str(n), parent=child) for n in range(3)])
        assert root.delete() == (5, {"library.Numbered": 5})

    def test_many(self):
        country = Country.objects.create(code="FR", name="France")
        Author.objects.bulk_create([Author(name=str(n), country=country) for n in range(230)])
        assert country.delete()[0] == 1
        assert Author.objects.filter(country=None).count() == 230
        assert Author.objects.all().delete()[0] == 230

    def test_keep_parents(self):
        magazine = Magazine.objects.create(title="m", issue=1)
        magazine.delete(keep_parents=True)
        assert (Publication.objects.count(), Magazine.objects.count()) == (1, 0)


class TestManyToMany:
    def test_add_remove_set_clear(self, books, requests):
        book = books["Nana"]
        novel, poem = Tag.objects.get(name="novel"), Tag.objects.get(name="poem")
        assert sorted(tag.name for tag in book.tags.all()) == ["french", "novel"]
        book.tags.add(novel, poem, poem.pk)
        assert book.tags.count() == 3
        book.tags.remove(novel)
        assert sorted(tag.name for tag in book.tags.all()) == ["french", "poem"]
        book.tags.set([novel])
        assert list(book.tags.all()) == [novel]
        assert book in novel.books.all()
        novel.books.clear()
        assert not book.tags.exists()
        made = book.tags.create(name="made")
        assert list(made.books.all()) == [book]

    def test_symmetrical(self):
        one, two, three = Shelf.objects.bulk_create([Shelf(label=str(n)) for n in range(3)])
        one.next_to.add(two)
        two.next_to.add(three)
        assert set(two.next_to.all()) == {one, three}
        assert Shelf.objects.filter(next_to=two).count() == 2
        two.next_to.clear()
        assert not one.next_to.exists()

    def test_through(self, books):
        shelf = Shelf.objects.create(label="a")
        shelf.books.add(books["Nana"], through_defaults={"position": 2})
        Place.objects.create(shelf=shelf, book=books["Germinal"], position=1)
        assert [place.book.title for place in shelf.places.select_related("book")] == [
            "Germinal",
            "Nana",
        ]
        assert [book.title for book in shelf.books.order_by("places__position")] == [
            "Germinal",
            "Nana",
        ]
        assert Shelf.objects.filter(places__position__gt=1, books__title="Nana").count() == 1
        assert Shelf.objects.annotate(n=Count("books")).get().n == 2
        with pytest.raises(IntegrityError):
            Place.objects.create(shelf=shelf, book=books["Nana"], position=1)
        shelf.books.remove(books["Nana"])
        assert Place.objects.count() == 1

    def test_a_key_to_another_field(self, books):
        tag = Tag.objects.get(name="novel")
        Translation.objects.create(tag=tag, text="roman")
        Translation.objects.create(tag_id="poem", text="poème")
        assert Translation.objects.get(tag__name="novel").tag == tag
        assert [one.text for one in tag.translations.all()] == ["roman"]
        assert (
            Translation.objects.filter(tag__in=Tag.objects.filter(books__title="Nana")).get().text
            == "roman"
        )
        assert [
            one.tag.name for one in Translation.objects.select_related("tag").order_by("text")
        ] == ["poem", "novel"]
        assert Tag.objects.filter(translations__text="roman").get() == tag
        assert tag.delete()[1]["library.Translation"] == 1


class TestInheritance:
    @pytest.fixture
    def magazines(self):
        editor = Author.objects.create(name="Zola")
        Publication.objects.create(title="plain")
        one = Magazine.objects.create(title="one", issue=1, editor=editor)
        two = Supplement.objects.create(title="two", issue=2, topic="tea")
        return one, two

    def test_a_row_in_each_table(self, magazines):
        one, two = magazines
        assert Publication.objects.count() == 3
        assert Magazine.objects.count() == 2
        assert Supplement.objects.get() == two
        assert Publication.objects.get(pk=one.pk).magazine == one
        assert two.magazine_ptr.publication_ptr.title == "two"
        read = Supplement.objects.get(pk=two.pk)
        assert (read.title, read.issue, read.topic, read.created_at) == (
            "two",
            2,
            "tea",
            two.created_at,
        )

    def test_filters_orders_and_values(self, magazines):
        assert [row.title for row in Magazine.objects.order_by("-title")] == ["two", "one"]
        assert Magazine.objects.filter(title="one", issue=1).get() == magazines[0]
        assert Publication.objects.filter(magazine__issue=2).get().title == "two"
        assert Publication.objects.filter(magazine__supplement__topic="tea").get().title == "two"
        assert (
            Magazine.objects.filter(editor__name="Zola").values_list("title", flat=True).get()
            == "one"
        )
        assert Publication.objects.exclude(magazine__isnull=False).get().title == "plain"
        assert [
            row.magazine.issue
            for row in Publication.objects.select_related("magazine").filter(magazine__issue=1)
        ] == [1]

    def test_save_update_and_delete(self, magazines):
        one, two = magazines
        two.title, two.issue, two.topic = "zwei", 22, "tee"
        two.save()
        read = Supplement.objects.get(pk=two.pk)
        assert (read.title, read.issue, read.topic) == ("zwei", 22, "tee")
        assert Supplement.objects.filter(title="zwei").update(title="deux", topic="thé") == 1
        assert Supplement.objects.values_list("title", "topic").get() == ("deux", "thé")
        assert Magazine.objects.update(title="same", issue=F("issue") + 1) == 2
        assert sorted(Publication.objects.values_list("title", flat=True)) == [
            "plain",
            "same",
            "same",
        ]
        assert two.delete()[0] == 3
        assert Publication.objects.filter(pk=one.pk).delete()[0] == 2
        assert Magazine.objects.count() == 0

    def test_bulk_create_is_refused_by_django(self):
        with pytest.raises(ValueError, match="multi-table inherited"):
            Magazine.objects.bulk_create([Magazine(title="x", issue=1)])

    def test_proxies(self):
        writer = Writer.objects.create(name="Zola")
        assert Author.objects.get() == Author(pk=writer.pk)
        assert type(Writer.objects.get(pk=writer.pk)) is Writer
        assert Book.objects.create(title="Nana", author=writer).author == writer
        assert Writer.objects.filter(books__title="Nana").get() == writer
        assert writer.delete()[0] == 2


class TestNullsWithoutRows:
    """A database refuses null in a row; an update that finds none changes nothing."""

    def test_an_update_of_no_row(self, books):
        assert Book.objects.filter(pk="none").update(title=None) == 0
        assert Book.objects.filter(author__name="nobody").update(title=None, pages=F("pages")) == 0
        assert Book.objects.filter(pk__in=[]).update(title=None) == 0
        with transaction.atomic(using="appwrite"):
            assert Book.objects.filter(pk="none").update(title=None) == 0
            Book.objects.create(pk="none", title="one", author=Author.objects.all()[0])
            with pytest.raises(IntegrityError, match="title: may not be null"):
                Book.objects.filter(pk="none").update(title=None)
            transaction.set_rollback(True, using="appwrite")

    def test_a_forced_update_of_no_row(self):
        with pytest.raises(DatabaseError, match="did not affect any rows") as refused:
            Edition(pk="none", isbn="2").save(force_update=True)
        assert not isinstance(refused.value, IntegrityError)

    def test_a_new_object_with_a_key(self):
        """``save()`` first updates the row with this key, while ``auto_now_add`` is null."""
        with isolate_apps("tests.library"):

            class Stamp(models.Model):
                code = models.CharField(max_length=20, primary_key=True)
                made = models.DateTimeField(auto_now_add=True)

                class Meta:
                    app_label = "library"

        with connections["appwrite"].schema_editor() as editor:
            editor.create_model(Stamp)
        try:
            Stamp(code="a").save(using="appwrite")
            assert Stamp.objects.using("appwrite").get(pk="a").made
            with pytest.raises(IntegrityError, match="made: may not be null"):
                Stamp(code="a").save(using="appwrite")
        finally:
            with connections["appwrite"].schema_editor() as editor:
                editor.delete_model(Stamp)


class TestUsing:
    def test_using_the_alias_by_name(self):
        Author(name="Zola").save(using="appwrite")
        assert Author.objects.using("appwrite").get()._state.db == "appwrite"
        assert Author.objects.db == "appwrite"
        with connections["appwrite"].cursor() as cursor:
            assert cursor.rowcount == -1
