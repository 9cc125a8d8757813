"""A declared primary key takes the place of ``id``."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import call_command
from django.db import DataError, models
from django.db.migrations.state import ModelState
from django.test.utils import isolate_apps

from appwrite_orm_django.fields import RowIdField
from appwrite_orm_django.models import AppwriteModel
from tests.fixtures import tables_of
from tests.library.models import Author, Country

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

KEYS = {
    "char": (models.CharField(max_length=200, primary_key=True), "tea.1-A_b"),
    "slug": (models.SlugField(primary_key=True), "green-tea"),
    "uuid": (models.UUIDField(primary_key=True, default=uuid.uuid4), uuid.uuid4()),
    "integer": (models.IntegerField(primary_key=True), 7),
    "auto": (models.BigAutoField(primary_key=True), 8),
    "row id": (RowIdField(), "chosen"),
}


@pytest.fixture(params=list(KEYS))
def keyed(request):
    field, value = KEYS[request.param]
    with isolate_apps("tests.library"):

        class Keyed(AppwriteModel):
            key = field.clone()
            name = models.CharField(max_length=20)

            class Meta:
                app_label = "library"

        with tables_of(Keyed):
            yield Keyed, value


def test_it_is_written_and_read(keyed):
    model, value = keyed
    made = model.objects.create(key=value, name="a")
    assert made.pk == value
    for found in (model.objects.get(pk=value), model.objects.get(key=value)):
        assert found == made
        assert found.id is None
        found.name = "b"
        found.save()
    assert model.objects.values_list("key", "name").get() == (value, "b")
    assert list(model.objects.filter(key__in=[value])) == [made]
    assert model.objects.filter(pk=value).delete()[0] == 1


def test_the_fields(keyed):
    model, _value = keyed
    names = [field.name for field in model._meta.concrete_fields]
    assert sorted(names) == ["created_at", "key", "name", "updated_at"]
    assert "id" not in ModelState.from_model(model).fields
    assert model.check() == []


@isolate_apps("tests.library")
def test_a_key_called_id():
    class Numbered(AppwriteModel):
        id = models.BigAutoField(primary_key=True)

        class Meta:
            app_label = "library"

    assert isinstance(Numbered._meta.pk, models.BigAutoField)


@isolate_apps("tests.library")
def test_a_key_of_an_abstract_base():
    class Coded(models.Model):
        code = models.CharField(max_length=3, primary_key=True)

        class Meta:
            abstract = True

    class Sold(Coded, AppwriteModel):
        class Meta:
            app_label = "library"

    class Base(AppwriteModel):
        code = models.CharField(max_length=3, primary_key=True)

        class Meta:
            abstract = True
            app_label = "library"

    class Bought(Base):
        class Meta:
            app_label = "library"

    for model in (Sold, Bought):
        assert model._meta.pk.name == "code"
        assert model.id is None
        assert model.check() == []


@isolate_apps("tests.library")
def test_two_declared_keys_are_refused_by_django():
    class Doubled(AppwriteModel):
        one = RowIdField()
        two = models.CharField(max_length=3, primary_key=True)

        class Meta:
            app_label = "library"

    assert "models.E026" in [message.id for message in Doubled.check()]


@isolate_apps("tests.library")
def test_id_stays_where_no_key_is_declared():
    class Plain(AppwriteModel):
        class Meta:
            app_label = "library"

    class Child(Plain):
        class Meta:
            app_label = "library"

    assert Plain._meta.pk.name == "id"
    assert Child._meta.pk.name == "plain_ptr"


def test_a_text_that_cannot_be_an_id(keyed, requests):
    model, _value = keyed
    if not isinstance(model._meta.pk, RowIdField):
        return
    requests.clear()
    with pytest.raises(DataError, match="36"):
        model.objects.create(key="x" * 37, name="a")
    assert len(requests) == 0


def test_relations_and_fixtures(tmp_path):
    author = Author.objects.create(name="Zola", country=Country.objects.create(code="FR"))
    assert Author.objects.get(country__code="FR") == author
    file = tmp_path / "rows.json"
    call_command("dumpdata", "library.country", database="appwrite", output=str(file))
    Country.objects.all().delete()
    call_command("loaddata", str(file), database="appwrite", verbosity=0)
    assert Country.objects.get().pk == "FR"
