"""dumpdata and loaddata, with keys and with natural keys, in every format."""

import io
import json

import pytest
from django.core import serializers
from django.core.management import call_command

from tests.fixtures import everything_rows, library
from tests.library.models import Author, Book, Everything, Magazine, Numbered, Publication, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.mark.parametrize("form", ["json", "jsonl", "xml"])
@pytest.mark.parametrize("natural", [[], ["--natural-foreign", "--natural-primary"]])
def test_dumped_data_comes_back(form, natural, tmp_path):
    library()
    one = Numbered.objects.create(pk=5, name="five")
    Numbered.objects.create(name="child", parent=one)
    Magazine.objects.create(title="m", issue=1)
    before = [
        (book.pk, book.title, book.author.name, sorted(t.name for t in book.tags.all()))
        for book in Book.objects.order_by("pk")
    ]
    path = tmp_path / f"library.{form}"
    call_command(
        "dumpdata",
        "library",
        "--database",
        "appwrite",
        "--format",
        form,
        "--output",
        str(path),
        *natural,
        verbosity=0,
    )
    created = Book.objects.get(title="Nana").created_at
    call_command("flush", "--database", "appwrite", "--noinput", verbosity=0)
    assert not Book.objects.exists()
    call_command("loaddata", str(path), "--database", "appwrite", verbosity=0)
    after = [
        (book.pk, book.title, book.author.name, sorted(t.name for t in book.tags.all()))
        for book in Book.objects.order_by("pk")
    ]
    assert after == before
    assert Book.objects.get(title="Nana").created_at == created
    assert Numbered.objects.get(pk=5).numbered_set.get().name == "child"
    assert Magazine.objects.get().title == Publication.objects.get().title == "m"


def test_loading_again_overwrites():
    author = Author.objects.create(name="Zola", rating=1)
    text = serializers.serialize("json", [author])
    Author.objects.update(name="Hugo")
    for loaded in serializers.deserialize("json", text, using="appwrite"):
        loaded.save(using="appwrite")
    assert Author.objects.values_list("name", "rating").get() == ("Zola", 1)


@pytest.mark.parametrize("form", ["json", "xml", "python"])
def test_every_field_survives(form):
    # Django's formats keep less than a row may hold: JSON no microseconds, XML no blanks at the end of a text.
    Everything.objects.bulk_create(everything_rows()[:4])
    text = serializers.serialize(form, Everything.objects.order_by("pk"))
    Everything.objects.all().delete()
    for loaded in serializers.deserialize(form, text, using="appwrite"):
        loaded.save(using="appwrite")
    assert serializers.serialize(form, Everything.objects.order_by("pk")) == text


def test_dumpdata_streams():
    Tag.objects.bulk_create([Tag(name=f"t{number}") for number in range(30)])
    out = io.StringIO()
    call_command("dumpdata", "library.Tag", "--database", "appwrite", stdout=out)
    assert len(json.loads(out.getvalue())) == 30
