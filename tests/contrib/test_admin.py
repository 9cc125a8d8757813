"""Django's admin over models in Appwrite, through the test client."""

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from tests.fixtures import moment
from tests.library.models import Author, Book, Country, Cover, Loan, Numbered, Review, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def shelf():
    country = Country.objects.create(code="FR", name="France")
    authors = Author.objects.bulk_create(
        [
            Author(name=f"Author {number}", country=country if number % 2 else None, rating=number)
            for number in range(5)
        ]
    )
    return Book.objects.bulk_create(
        [
            Book(
                title=f"Title {number:03}",
                author=authors[number % 5],
                price=number,
                published=moment(2020 + number % 3, 1 + number % 12, 1 + number % 28),
                in_print=bool(number % 2),
            )
            for number in range(100)
        ]
    )


def changelist(client, model="book", **query):
    response = client.get(reverse(f"admin:library_{model}_changelist"), query)
    assert response.status_code == 200, getattr(response, "url", "")
    return response.context["cl"]


def titles(client, **query):
    return [book.title for book in changelist(client, **query).result_list]


class TestChangelist:
    def test_100_rows_with_a_foreign_key_column_are_at_most_6_requests(
        self, admin_client, shelf, requests
    ):
        Review.objects.bulk_create([Review(book=book, stars=3) for book in shelf])
        requests.clear()
        cl = changelist(admin_client, "review")
        assert (cl.result_count, len(cl.result_list)) == (100, 100)
        assert len(requests) <= 6, requests.lines

    def test_filters_and_a_date_hierarchy_are_a_request_or_two_each(
        self, admin_client, shelf, requests
    ):
        cl = changelist(admin_client)
        assert (cl.result_count, len(cl.result_list)) == (100, 100)
        assert len(requests) <= 7, requests.lines

    def test_a_changelist_without_filters_is_few_requests(self, admin_client, shelf, requests):
        assert len(changelist(admin_client, "author").result_list) == 5
        assert len(requests) <= 4, requests.lines

    def test_search(self, admin_client, shelf):
        assert titles(admin_client, q='"title 01"') == [f"Title 01{number}" for number in range(10)]
        assert len(titles(admin_client, q='"author 3"')) == 20
        assert titles(admin_client, q='"author 3" 008') == ["Title 008"]
        assert titles(admin_client, q="nothing of the kind") == []

    def test_filters(self, admin_client, shelf):
        assert len(titles(admin_client, in_print__exact=1)) == 50
        assert len(titles(admin_client, status__exact="published")) == 0
        assert len(titles(admin_client, author__country__code__exact="FR")) == 40
        today = datetime.date(2020, 1, 1).isoformat()
        assert (
            len(
                titles(
                    admin_client,
                    published__gte=f"{today} 00:00:00+00:00",
                    published__lt="2021-01-01 00:00:00+00:00",
                )
            )
            == 34
        )

    def test_sorting(self, admin_client, shelf):
        assert titles(admin_client, o="-1")[:2] == ["Title 099", "Title 098"]
        assert titles(admin_client, o="3")[0] == "Title 000"
        assert titles(admin_client, o="-3")[0] == "Title 099"
        by_author = titles(admin_client, o="2.-1")
        assert by_author[0] in {f"Title {number:03}" for number in range(0, 100, 5)} | {
            f"Title {number:03}" for number in range(100)
        }
        rated = [author.name for author in changelist(admin_client, "author", o="-3").result_list]
        assert rated == [f"Author {number}" for number in reversed(range(5))]

    def test_date_hierarchy(self, admin_client, shelf):
        response = admin_client.get(reverse("admin:library_book_changelist"))
        content = response.content.decode()
        assert all(f"published__year={year}" in content for year in (2020, 2021, 2022))
        content = admin_client.get(
            reverse("admin:library_book_changelist"), {"published__year": 2021}
        ).content.decode()
        assert "published__month=5" in content
        found = titles(admin_client, published__year=2021, published__month=5)
        assert found == [
            book.title for book in shelf if (book.published.year, book.published.month) == (2021, 5)
        ]

    def test_pages(self, admin_client, shelf):
        Book.objects.bulk_create(
            [Book(title=f"X {number:03}", author=shelf[0].author) for number in range(30)]
        )
        cl = changelist(admin_client, p=2)
        assert (cl.result_count, len(cl.result_list)) == (130, 30)

    def test_list_editable(self, admin_client, shelf, requests):
        first, second = shelf[:2]
        data = {
            "form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "form-0-id": first.pk, "form-1-id": second.pk,
            "form-0-in_print": "on", "_save": "Save",
        }  # fmt: skip
        response = admin_client.post(reverse("admin:library_book_changelist") + "?q=Title 00", data)
        assert response.status_code == 302
        assert [Book.objects.get(pk=book.pk).in_print for book in (first, second)] == [True, False]

    def test_integer_keys(self, admin_client):
        one = Numbered.objects.create(name="one")
        Numbered.objects.create(name="two", parent=one)
        assert len(changelist(admin_client, "numbered").result_list) == 2
        assert (
            admin_client.get(reverse("admin:library_numbered_change", args=[one.pk])).status_code
            == 200
        )


BLANK_FORMSETS = {
    "reviews-TOTAL_FORMS": 0, "reviews-INITIAL_FORMS": 0, "cover-TOTAL_FORMS": 0, "cover-INITIAL_FORMS": 0,
}  # fmt: skip


class TestForms:
    def test_add_with_inlines(self, admin_client, shelf):
        author = shelf[0].author
        tag = Tag.objects.create(name="novel")
        data = {
            **BLANK_FORMSETS,
            "title": "Nana", "author": author.pk, "price": "9.90", "pages": 400, "in_print": "on", "status": "draft", "tags": [tag.pk],
            "published_0": "1880-02-15", "published_1": "12:00:00", "reviews-TOTAL_FORMS": 1, "reviews-0-stars": 4,
            "reviews-0-text": "good", "cover-TOTAL_FORMS": 1, "cover-0-colour": "red",
        }  # fmt: skip
        response = admin_client.post(reverse("admin:library_book_add"), data)
        assert response.status_code == 302, response.context and response.context["errors"]
        book = Book.objects.get(title="Nana")
        assert (str(book.price), book.published) == ("9.90", moment(1880, 2, 15, 12))
        assert list(book.tags.all()) == [tag]
        assert [(review.stars, review.text) for review in book.reviews.all()] == [(4, "good")]
        assert book.cover.colour == "red"

    def test_a_form_that_is_not_valid_says_so(self, admin_client, shelf):
        data = {
            **BLANK_FORMSETS,
            "title": "Title 000",
            "author": shelf[0].author.pk,
            "pages": "many",
            "status": "none",
        }
        response = admin_client.post(reverse("admin:library_book_add"), data)
        errors = response.context["adminform"].form.errors
        assert response.status_code == 200
        assert {"pages", "status"} <= set(errors)

    def test_uniqueness_is_checked(self, admin_client, shelf):
        data = {
            **BLANK_FORMSETS,
            "title": "Title 000",
            "author": shelf[0].author.pk,
            "pages": 1,
            "status": "draft",
        }
        response = admin_client.post(reverse("admin:library_book_add"), data)
        assert response.status_code == 200
        assert "already exists" in str(response.context["adminform"].form.errors)
        assert Book.objects.filter(title="Title 000").count() == 1

    def test_change(self, admin_client, shelf, requests):
        book = shelf[3]
        review = Review.objects.create(book=book, stars=1)
        Cover.objects.create(book=book, colour="red")
        url = reverse("admin:library_book_change", args=[book.pk])
        requests.clear()
        form = admin_client.get(url)
        assert form.status_code == 200
        assert len(requests) <= 10, requests.lines
        data = {
            **BLANK_FORMSETS,
            "title": "Changed", "author": book.author_id, "pages": 7, "status": "published", "reviews-TOTAL_FORMS": 2,
            "reviews-INITIAL_FORMS": 1, "reviews-0-id": review.pk, "reviews-0-book": book.pk, "reviews-0-stars": 5,
            "reviews-1-book": book.pk, "reviews-1-stars": 3, "cover-TOTAL_FORMS": 1, "cover-INITIAL_FORMS": 1,
            "cover-0-id": book.cover.pk, "cover-0-book": book.pk, "cover-0-DELETE": "on", "cover-0-colour": "red",
        }  # fmt: skip
        response = admin_client.post(url, data)
        assert response.status_code == 302, response.context and response.context["errors"]
        book = Book.objects.get(pk=book.pk)
        assert (book.title, book.pages, book.status) == ("Changed", 7, "published")
        assert sorted(review.stars for review in book.reviews.all()) == [3, 5]
        assert not Cover.objects.exists()

    def test_history(self, admin_client, shelf):
        url = reverse("admin:library_country_change", args=["FR"])
        admin_client.post(url, {"code": "FR", "name": "République française"})
        assert Country.objects.get(pk="FR").name == "République française"
        entry = LogEntry.objects.get()
        assert entry.get_edited_object() == Country.objects.get(pk="FR")
        history = admin_client.get(reverse("admin:library_country_history", args=["FR"]))
        assert "Changed Name." in history.content.decode()
        assert "République" in admin_client.get(reverse("admin:index")).content.decode()

    def test_a_relation_to_a_user_of_another_database(self, admin_client, admin_user, shelf):
        data = {"book": shelf[0].pk, "reader": admin_user.pk, "until": "2026-01-02"}
        response = admin_client.post(reverse("admin:library_loan_add"), data)
        assert response.status_code == 302
        assert Loan.objects.get().reader == admin_user
        assert (
            admin_client.get(
                reverse("admin:library_loan_change", args=[Loan.objects.get().pk])
            ).status_code
            == 200
        )

    def test_a_missing_object(self, admin_client):
        response = admin_client.get(
            reverse("admin:library_book_change", args=["missing"]), follow=True
        )
        assert "Perhaps it was deleted" in response.content.decode()
        assert (
            admin_client.get(
                reverse("admin:library_book_change", args=["not/an id"]), follow=True
            ).status_code
            == 200
        )


class TestDelete:
    def test_delete_with_cascade(self, admin_client, shelf):
        author = shelf[0].author
        Review.objects.create(book=shelf[0], stars=3, text="goes too")
        url = reverse("admin:library_author_delete", args=[author.pk])
        page = admin_client.get(url).content.decode()
        assert "Title 000" in page
        assert "Books: 20" in page
        assert "Reviews: 1" in page
        assert admin_client.post(url, {"post": "yes"}).status_code == 302
        assert Author.objects.count() == 4
        assert Book.objects.count() == 80
        assert Review.objects.count() == 0

    def test_delete_selected(self, admin_client, shelf):
        Tag.objects.create(name="novel").books.add(shelf[0])
        data = {"action": "delete_selected", "_selected_action": [book.pk for book in shelf[:30]]}
        page = admin_client.post(reverse("admin:library_book_changelist"), data)
        assert "Books: 30" in page.content.decode()
        response = admin_client.post(
            reverse("admin:library_book_changelist"), {**data, "post": "yes"}
        )
        assert response.status_code == 302
        assert Book.objects.count() == 70
        assert Book.tags.through.objects.count() == 0
        assert LogEntry.objects.count() == 30

    def test_an_action(self, admin_client, shelf):
        chosen = [book.pk for book in shelf if book.in_print][:10]
        data = {"action": "take_out_of_print", "_selected_action": chosen}
        assert admin_client.post(reverse("admin:library_book_changelist"), data).status_code == 302
        assert Book.objects.filter(in_print=True).count() == 40

    def test_an_action_on_all_of_a_filter(self, admin_client, shelf):
        data = {
            "action": "take_out_of_print",
            "_selected_action": [shelf[1].pk],
            "select_across": 1,
        }
        url = reverse("admin:library_book_changelist") + "?in_print__exact=1"
        assert admin_client.post(url, data).status_code == 302
        assert Book.objects.filter(in_print=True).count() == 0


class TestAutocomplete:
    def test_results(self, admin_client, shelf, requests):
        query = {
            "app_label": "library",
            "model_name": "book",
            "field_name": "author",
            "term": "author 3",
        }
        requests.clear()
        found = admin_client.get(reverse("admin:autocomplete"), query).json()
        assert [result["text"] for result in found["results"]] == ["Author 3"]
        assert len(requests) <= 2, requests.lines

    def test_pages(self, admin_client):
        Tag.objects.bulk_create([Tag(name=f"tag-{number:02}") for number in range(25)])
        query = {"app_label": "library", "model_name": "book", "field_name": "tags", "term": "tag"}
        first = admin_client.get(reverse("admin:autocomplete"), query).json()
        second = admin_client.get(reverse("admin:autocomplete"), {**query, "page": 2}).json()
        assert (len(first["results"]), first["pagination"]["more"]) == (20, True)
        assert (len(second["results"]), second["pagination"]["more"]) == (5, False)
