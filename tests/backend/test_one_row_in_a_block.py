"""One row read by its id in a block that has written to its table: without local evaluation, and the same as with it."""

import datetime
import decimal
import uuid

import pytest
from django.db import OperationalError
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.users.accounts import appwrite_user
from tests.backend.test_transactions import BOTH, Rollback, atomic, elsewhere
from tests.library.models import Author, Book, Country, Everything, Lists, Numbered, Token
from tests.orm.test_arrays import VALUES

EVERY_VALUE = {
    "char": "É ",
    "text": "x" * 300,
    "integer": -(2**62),
    "small": -3,
    "big": 2**62 + 1,
    "boolean": True,
    "float": 1.0,
    "decimal": decimal.Decimal("1.5"),
    "long_decimal": decimal.Decimal("12345678901234567890.5"),
    "datetime": datetime.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc),
    "date": datetime.date(2026, 3, 1),
    "time": datetime.time(1, 2, 3, 4),
    "duration": datetime.timedelta(days=1, microseconds=1),
    "uuid": uuid.UUID(int=5),
    "binary": b"\x00\xff",
    "json": {"a": [1, None, "É"]},
    "array": ["a", "b"],
    "numbers": [1, 2],
    "enum": "a",
}


def evaluated(model, pk):
    """Return the values of a row, found among all rows of the table; None if it is not among them."""
    return next((row for row in model.objects.values() if row[model._meta.pk.attname] == pk), None)


def same(model, pk):
    """Read a row by its id, check that local evaluation sees the same, and return its values."""
    read, twin = model.objects.filter(pk=pk).values().first(), evaluated(model, pk)
    assert read == twin
    assert read is None or {key: type(value) for key, value in read.items()} == {
        key: type(value) for key, value in twin.items()
    }
    assert model.objects.filter(pk=pk).exists() is (twin is not None)
    assert model.objects.filter(pk=pk).count() == (twin is not None)
    return read


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestValues:
    @pytest.mark.parametrize(
        ("model", "values"),
        [(Everything, EVERY_VALUE), (Everything, {}), (Lists, VALUES), (Lists, {})],
    )
    def test_of_every_type(self, model, values):
        with atomic():
            made = model.objects.create(**values)
            created = same(model, made.pk)
        committed = model.objects.filter(pk=made.pk).values().get()
        moments = {"created_at", "updated_at"}
        known = {
            key: value for key, value in created.items() if key not in moments and value is not None
        }
        assert {key: value for key, value in committed.items() if key in known} == known
        other = model.objects.create()
        with atomic():
            model.objects.filter(pk=other.pk).update(**VALUES if model is Lists else EVERY_VALUE)
            same(model, other.pk)
            same(model, made.pk)

    @pytest.mark.parametrize(
        ("model", "key"),
        [
            (Numbered, {"name": "x"}),
            (Token, {"label": "x"}),
            (Country, {"code": "FR", "name": "x"}),
        ],
    )
    def test_of_every_kind_of_key(self, model, key):
        with atomic():
            made = model.objects.create(**key)
            assert same(model, made.pk) is not None
        with atomic():
            model.objects.exclude(pk=None).update(**{next(reversed(key)): "y"})
            assert "y" in same(model, made.pk).values()

    def test_an_id_in_other_letters_is_the_same_id(self):
        Country.objects.create(code="FR", name="France")
        with atomic():
            Country.objects.create(code="DE", name="Germany")
            Country.objects.filter(code="fr").update(name="République française")
            for code in ("fr", "de"):
                assert (
                    Country.objects.filter(code=code).values().first()
                    == Country.objects.filter(code=code, name=F("name")).values().first()
                )

    def test_a_related_row_is_left_as_the_block_has_it(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
        with atomic():
            Author.objects.filter(name="Zola").update(rating=4)
            assert Book.objects.get(pk=book.pk).author.rating == 4
            book.refresh_from_db()
            assert book.author.name == "Zola"


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestWhatTheLogMakesOfIt:
    @pytest.fixture
    def rows(self):
        return [
            Book.objects.create(title=title, author_id="none", pages=10)
            for title in ("Nana", "Germinal")
        ]

    def test_an_untouched_row_is_one_request(self, rows, requests):
        one, two = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(pages=11)
            requests.clear()
            assert Book.objects.get(pk=two.pk).pages == 10
            assert [line.split()[0] for line in requests.take()] == ["GET"]
            same(Book, two.pk)

    def test_a_changed_row_is_read_once(self, rows, requests):
        one, _ = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(pages=11)
            requests.clear()
            assert Book.objects.get(pk=one.pk).pages == 11
            assert len(requests.take()) == 1
            Book.objects.filter(pk=one.pk).update(
                pages=F("pages") + 5, blurb=Concat("title", Value("!"))
            )
            requests.clear()
            assert Book.objects.values_list("pages", "blurb").get(pk=one.pk) == (16, "Nana!")
            assert not requests.take()
            same(Book, one.pk)

    def test_an_incremented_row(self, rows):
        one, _ = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(pages=F("pages") + 5)
            assert same(Book, one.pk)["pages"] == 15
        assert Book.objects.get(pk=one.pk).pages == 15

    def test_created_and_deleted_rows_are_no_request(self, rows, requests):
        one, _ = rows
        with atomic():
            made = Book.objects.create(title="Thérèse", author_id="none")
            Book.objects.filter(pk=one.pk).delete()
            requests.clear()
            assert Book.objects.get(pk=made.pk).title == "Thérèse"
            assert not Book.objects.filter(pk=one.pk).exists()
            with pytest.raises(Book.DoesNotExist):
                Book.objects.get(pk=one.pk)
            assert not requests.take()
            assert same(Book, made.pk) is not None
            assert same(Book, one.pk) is None
            again = Book.objects.create(pk=one.pk, title="again", author_id="none")
            assert same(Book, again.pk)["title"] == "again"

    def test_a_row_that_is_not_there(self, rows):
        one, _ = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(pages=11)
            assert same(Book, "absent") is None
            assert Book.objects.filter(pk="absent").update(pages=1) == 0
            assert same(Book, "absent") is None

    def test_a_savepoint_that_is_rolled_back(self, rows):
        one, two = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(pages=11)
            with pytest.raises(Rollback), atomic():
                Book.objects.filter(pk=one.pk).update(pages=12)
                Book.objects.filter(pk=two.pk).delete()
                made = Book.objects.create(title="lost", author_id="none")
                assert same(Book, one.pk)["pages"] == 12
                raise Rollback
            assert same(Book, one.pk)["pages"] == 11
            assert same(Book, two.pk)["pages"] == 10
            assert same(Book, made.pk) is None

    def test_a_row_that_another_client_has_deleted_meanwhile(self, rows):
        one, two = rows
        with pytest.raises(OperationalError, match="was deleted by another client"), atomic():
            Book.objects.filter(pk=one.pk).update(pages=11)
            Book.objects.filter(pk=two.pk).update(pages=11)
            elsewhere(lambda: Book.objects.filter(pk=one.pk).delete())
            assert same(Book, one.pk) is None

    def test_as_a_subquery(self, rows):
        one, _ = rows
        with atomic():
            Book.objects.filter(pk=one.pk).update(title="new")
            found = Book.objects.filter(title__in=Book.objects.filter(pk=one.pk).values("title"))
            assert [book.pk for book in found] == [one.pk]


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestTheCommit:
    """What was read through the log is checked at the end, as what was read past it is."""

    @pytest.mark.parametrize("touched", [False, True])
    @pytest.mark.parametrize("locks", [False, True])
    def test_a_change_of_another_client_is_a_conflict(self, touched, locks):
        one, two = (
            Book.objects.create(title=title, author_id="none", pages=1)
            for title in ("Nana", "Germinal")
        )
        books = Book.objects.select_for_update() if locks else Book.objects
        with pytest.raises(OperationalError, match="changed by another client"), atomic():
            Book.objects.filter(pk=one.pk).update(pages=5)
            if touched:
                Book.objects.filter(pk=two.pk).update(blurb="x")
            read = books.get(pk=two.pk)
            elsewhere(lambda: Book.objects.filter(pk=two.pk).update(pages=7))
            read.pages += 1
            read.save()
        assert Book.objects.get(pk=one.pk).pages == 1
        assert Book.objects.get(pk=two.pk).pages == 7

    def test_what_nobody_else_changed_is_none(self):
        one, two = (
            Book.objects.create(title=title, author_id="none", pages=1)
            for title in ("Nana", "Germinal")
        )
        for book in (one, two):
            Book.objects.get(pk=book.pk)  # fills the cache
        with atomic():
            for _ in range(2):
                for book in (one, two):
                    read = Book.objects.get(pk=book.pk)
                    read.pages += 1
                    read.save()
        assert list(Book.objects.values_list("pages", flat=True)) == [3, 3]

    def test_another_identity_does_not_see_the_log(self, local_user):
        user = local_user("ann")
        with atomic():
            made = Book.objects.create(title="Nana", author_id="none")
            with (
                appwrite_user(jwt=user["jwt"]),
                pytest.raises(TransactionManagementError, match="another identity"),
            ):
                Book.objects.get(pk=made.pk)
