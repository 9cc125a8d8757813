"""Forms, validation and generic views over models in Appwrite."""

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404
from django.test import RequestFactory
from django.views.generic import CreateView, DeleteView, DetailView, ListView, UpdateView

from tests.kinds import respelled
from tests.library.models import Author, Book, Country, Everything, Place, Review, Shelf, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = [
            "title",
            "author",
            "editor",
            "price",
            "pages",
            "published",
            "in_print",
            "status",
            "tags",
            "blurb",
        ]


class EverythingForm(forms.ModelForm):
    url = forms.URLField(assume_scheme="https", required=False)  # what Django 6 does by itself

    class Meta:
        model = Everything
        exclude = ["binary", "file", "permissions"]


@pytest.fixture
def author():
    return Author.objects.create(name="Zola", email="zola@example.org")


def data(writer, **more):
    return {"title": "Nana", "author": writer.pk, "pages": 1, "status": "draft", **more}


class TestModelForm:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [(2**15, "less than or equal to 32767"), (-1, "greater than or equal to 0")],
    )
    def test_integers_are_checked_by_the_ranges_of_appwrite(self, value, problem):
        """Django asks the default database, which here is SQLite and has no upper bound."""
        with pytest.raises(ValidationError) as caught:
            Review(stars=value).full_clean(exclude=["book"])
        (message,) = caught.value.message_dict["stars"]
        assert problem in message
        Review(stars=value).full_clean(exclude=["book", "stars"])
        Review(stars=2**15 - 1).full_clean(exclude=["book"])

    def test_create_and_change(self, author):
        tag = Tag.objects.create(name="novel")
        form = BookForm(data(author, price="9.90", published="1880-02-15 10:00", tags=[tag.pk]))
        assert form.is_valid(), form.errors
        book = form.save()
        assert (Book.objects.get(), list(book.tags.all())) == (book, [tag])
        form = BookForm(data(author, title="Nana II"), instance=book)
        assert form.is_valid(), form.errors
        form.save()
        read = Book.objects.get()
        assert (read.title, read.price, list(read.tags.all())) == ("Nana II", None, [])

    def test_the_rendered_form_offers_the_related_rows(self, author, requests):
        html = BookForm().as_p()
        assert f'<option value="{author.pk}">Zola</option>' in html
        assert len(requests) <= 3

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"title": "x" * 201}, "title"),
            ({"author": "missing"}, "author"),
            ({"author": "not an id!"}, "author"),
            ({"tags": ["missing"]}, "tags"),
            ({"price": "1234567.00"}, "price"),
            ({"pages": "many"}, "pages"),
            ({"status": "none"}, "status"),
            ({"published": "yesterday"}, "published"),
        ],
    )
    def test_what_is_not_valid_is_said_by_field(self, author, wrong, field):
        form = BookForm(data(author, **wrong))
        assert not form.is_valid()
        assert list(form.errors) == [field]

    def test_uniqueness(self, author):
        book = Book.objects.create(title="Nana", author=author)
        form = BookForm(data(author))
        assert not form.is_valid()
        assert "already exists" in str(form.errors)
        assert BookForm(data(author), instance=book).is_valid()
        other = forms.modelform_factory(Author, fields=["name", "email"])(
            {"name": "x", "email": respelled("zola@example.org")}
        )
        assert list(other.errors) == ["email"]
        assert forms.modelform_factory(Author, fields=["name", "email"])(
            {"name": "x", "email": ""}
        ).is_valid()

    def test_unique_together_and_constraints_of_the_model(self, author):
        shelf, book = (
            Shelf.objects.create(label="a"),
            Book.objects.create(title="Nana", author=author),
        )
        Place.objects.create(shelf=shelf, book=book, position=1)
        with pytest.raises(ValidationError, match="Shelf and Position already exists"):
            Place(shelf=shelf, book=book, position=1).full_clean()
        Place(shelf=shelf, book=book, position=2).full_clean()
        with pytest.raises(ValidationError, match="already exists"):
            Book(title=respelled("Nana"), author=author).full_clean()
        with pytest.raises(ValidationError, match=r"not a valid choice|does not exist"):
            Book(title="x", author_id="missing").full_clean()
        Country.objects.create(code="FR", name="France")
        with pytest.raises(ValidationError, match="Country with this Code already exists"):
            Country(code=respelled("FR"), name="x").full_clean()

    def test_every_field_has_a_form_field(self):
        form = EverythingForm(
            {
                "char": "a", "text": "b", "slug": "c", "email": "d@example.org", "url": "https://example.org", "ip": "::1",
                "integer": "1", "small": "2", "big": "3", "positive": "4", "boolean": "true", "float": "1.5", "decimal": "1.25",
                "long_decimal": "2.5", "datetime": "2026-01-02 03:04:05", "date": "2026-01-02", "time": "03:04",
                "duration": "1 00:00:01", "uuid": "12345678-1234-5678-1234-567812345678", "json": '{"a": 1}',
                "array": '["x", "y"]', "numbers": "[1, 2]", "enum": "a",
            }
        )  # fmt: skip
        assert form.is_valid(), form.errors
        row = Everything.objects.get(pk=form.save().pk)
        assert (row.array, row.numbers, row.json, row.enum) == (["x", "y"], [1, 2], {"a": 1}, "a")
        assert EverythingForm(instance=row).initial["array"] == ["x", "y"]
        form = EverythingForm({"array": '["' + "x" * 21 + '"]', "numbers": '["a"]', "enum": "c"})
        assert form.errors["array"] == [
            "Item 1: Ensure this value has at most 20 characters (it has 21)."
        ]
        assert "Item 1" in form.errors["numbers"][0]
        assert "Select a valid choice" in form.errors["enum"][0]

    def test_formsets(self, author):
        book = Book.objects.create(title="Nana", author=author)
        factory = forms.inlineformset_factory(Book, Review, fields=["stars"], extra=2)
        prefix = {"reviews-TOTAL_FORMS": 2, "reviews-INITIAL_FORMS": 0}
        formset = factory({**prefix, "reviews-0-stars": 1, "reviews-1-stars": 5}, instance=book)
        assert formset.is_valid(), formset.errors
        formset.save()
        assert [review.stars for review in book.reviews.all()] == [5, 1]


class TestGenericViews:
    def get(self, view, **kwargs):
        query = kwargs.pop("query", {})
        return view(RequestFactory().get("/", query), **kwargs)

    def test_a_list_page_is_two_requests(self, author, requests):
        Review.objects.bulk_create(
            [Review(book_id="none", stars=number % 5) for number in range(95)]
        )
        requests.clear()
        response = self.get(ListView.as_view(model=Review, paginate_by=20), query={"page": 3})
        context = response.context_data
        assert (context["paginator"].count, context["paginator"].num_pages) == (95, 5)
        assert [review.stars for review in context["object_list"]] == [2] * 19 + [1] or len(
            context["object_list"]
        ) == 20
        assert len(requests) == 2, requests.lines

    def test_pages_cover_every_row_once(self, author):
        Review.objects.bulk_create(
            [Review(book_id="none", stars=number % 5) for number in range(47)]
        )
        paginator = Paginator(Review.objects.all(), 10)
        seen = [review.pk for page in paginator for review in page]
        assert len(seen) == len(set(seen)) == 47
        assert [len(page.object_list) for page in paginator] == [10, 10, 10, 10, 7]

    def test_detail(self, author):
        assert (
            self.get(DetailView.as_view(model=Author), pk=author.pk).context_data["object"]
            == author
        )
        with pytest.raises(Http404):
            self.get(DetailView.as_view(model=Author), pk="missing")
        Tag.objects.create(name="novel")
        view = DetailView.as_view(model=Tag, slug_field="name")
        assert self.get(view, slug="novel").context_data["object"].name == "novel"

    def test_create_update_and_delete(self, author):
        form = {"fields": ["name", "rating"], "success_url": "/done/"}
        factory = RequestFactory()
        CreateView.as_view(model=Author, **form)(factory.post("/", {"name": "Hugo", "rating": 4}))
        hugo = Author.objects.get(name="Hugo")
        UpdateView.as_view(model=Author, **form)(
            factory.post("/", {"name": "Hugo", "rating": 5}), pk=hugo.pk
        )
        assert Author.objects.get(pk=hugo.pk).rating == 5
        DeleteView.as_view(model=Author, success_url="/done/")(factory.post("/"), pk=hugo.pk)
        assert Author.objects.get() == author
