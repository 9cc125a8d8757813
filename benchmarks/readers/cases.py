"""Test cases as projects write them. Each class is a task of ``benchmarks.suites``."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Sum
from django.test import TestCase, TransactionTestCase

from benchmarks.readers.models import Author, Book, Tag


def author(number: int) -> Author:
    return Author(name=f"Author {number}", email=f"author{number}@example.com")


def book(number: int, writer: Author) -> Book:
    return Book(
        title=f"Book {number:03}",
        author=writer,
        pages=100 + number,
        price=Decimal(number) / 4,
        in_print=number % 3 > 0,
    )


class Fixtures(TestCase):
    """Tests that read 200 rows which ``setUpTestData`` has made."""

    @classmethod
    def setUpTestData(cls) -> None:
        Author.objects.bulk_create(author(number) for number in range(20))
        cls.authors = list(Author.objects.order_by("email"))
        for number in range(200):
            book(number, cls.authors[number % 20]).save()

    def test_count(self) -> None:
        for number in range(20):
            self.assertEqual(Book.objects.filter(pages__lt=100 + number).count(), number)

    def test_get(self) -> None:
        for number in range(20):
            self.assertEqual(Book.objects.get(title=f"Book {number:03}").pages, 100 + number)

    def test_list(self) -> None:
        for _ in range(5):
            self.assertEqual(len(Book.objects.filter(in_print=True)), 133)

    def test_related(self) -> None:
        books = Book.objects.select_related("author").filter(author=self.authors[0])
        self.assertEqual({one.author.name for one in books}, {self.authors[0].name})

    def test_prefetch(self) -> None:
        authors = Author.objects.prefetch_related("book_set")
        self.assertEqual(sum(len(one.book_set.all()) for one in authors), 200)

    def test_aggregate(self) -> None:
        self.assertEqual(Book.objects.aggregate(n=Count("pk"), pages=Sum("pages"))["n"], 200)

    def test_change(self) -> None:
        one = Book.objects.first()
        one.pages = 7
        one.save()
        one.refresh_from_db()
        self.assertEqual(one.pages, 7)

    def test_update(self) -> None:
        Book.objects.filter(in_print=False).update(pages=F("pages") + 1)
        self.assertEqual(Book.objects.order_by("pk").first().pages, 101)

    def test_delete(self) -> None:
        self.authors[0].delete()
        self.assertEqual(Book.objects.count(), 190)

    def test_exists(self) -> None:
        for number in range(20):
            self.assertTrue(Author.objects.filter(name=f"Author {number}").exists())


class Small(TestCase):
    """40 tests that make three rows and read them again: what most tests are like."""


def _small(number: int):
    def test(self: TestCase) -> None:
        writer = Author.objects.create(name="A", email=f"a{number}@example.com")
        one = Book.objects.create(title="T", author=writer, price=1)
        tag = Tag.objects.create(name="t")
        one.tags.add(tag)
        self.assertEqual(Book.objects.filter(tags=tag).count(), 1)
        self.assertEqual(Book.objects.get(pk=one.pk).author, writer)
        self.assertEqual(list(one.tags.values_list("name", flat=True)), ["t"])
        with self.assertRaises(IntegrityError), transaction.atomic():
            Tag.objects.create(name="t")

    return test


for _number in range(40):
    setattr(Small, f"test_{_number}", _small(_number))


class GetOrCreate(TestCase):
    """``get_or_create`` and ``update_or_create`` in a loop."""

    def test_loop(self) -> None:
        for number in range(100):
            Author.objects.get_or_create(
                email=f"author{number % 50}@example.com", defaults={"name": "A"}
            )
            Tag.objects.update_or_create(name=f"tag{number % 50}")
        self.assertEqual(Author.objects.count(), 50)


class Admin(TestCase):
    """Pages of the admin."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("admin", "admin@example.com", "secret")
        cls.writer = author(0)
        cls.writer.save()
        Book.objects.bulk_create([book(number, cls.writer) for number in range(50)])

    def setUp(self) -> None:
        self.client.force_login(self.user)

    def test_list(self) -> None:
        for _ in range(5):
            self.assertContains(self.client.get("/admin/readers/book/?in_print__exact=1"), "33 ")

    def test_search(self) -> None:
        for _ in range(5):
            self.assertContains(self.client.get("/admin/readers/book/?q=Book 04"), "10 ")

    def test_change(self) -> None:
        one = Book.objects.first()
        address = f"/admin/readers/book/{one.pk}/change/"
        for _ in range(3):
            self.assertContains(self.client.get(address), one.title)

    def test_add(self) -> None:
        for number in range(3):
            answer = self.client.post(
                "/admin/readers/author/add/", {"name": "B", "email": f"b{number}@example.com"}
            )
            self.assertEqual(answer.status_code, 302)
        self.assertEqual(Author.objects.count(), 4)


class Committed(TransactionTestCase):
    """10 tests that commit; all tables are emptied after each."""


def _committed(number: int):
    def test(self: TransactionTestCase) -> None:
        with transaction.atomic():
            writer = Author.objects.create(name="A", email=f"a{number}@example.com")
            for other in range(5):
                book(other, writer).save()
        self.assertEqual(Book.objects.filter(author=writer).count(), 5)
        Book.objects.filter(pages=101).delete()
        self.assertEqual(Book.objects.count(), 4)

    return test


for _number in range(10):
    setattr(Committed, f"test_{_number}", _committed(_number))
