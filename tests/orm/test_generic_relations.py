"""Generic foreign keys between Appwrite and the database that holds content types."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from django.test.utils import isolate_apps

from appwrite_orm_django.checks.models import check_relations
from appwrite_orm_django.client.errors import TableNotFound
from appwrite_orm_django.contrib.contenttypes import GenericForeignKey as RoutedForeignKey
from appwrite_orm_django.models import AppwriteModel
from tests.library.models import Author, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


def make(base, foreign_key, label):
    """Make a model with a generic foreign key, and its table."""
    meta = type("Meta", (), {"app_label": label})
    return type(
        "Remark",
        (base,),
        {
            "__module__": __name__,
            "Meta": meta,
            "content_type": models.ForeignKey(
                ContentType, models.DO_NOTHING, db_constraint=False, related_name="+"
            ),
            "object_id": models.CharField(max_length=36),
            "about": foreign_key("content_type", "object_id"),
        },
    )


@pytest.fixture(
    params=[
        (AppwriteModel, GenericForeignKey),
        (AppwriteModel, RoutedForeignKey),
        (models.Model, GenericForeignKey),
        (models.Model, RoutedForeignKey),
    ],
    ids=["appwrite", "appwrite-routed", "default", "default-routed"],
)
def remark(request):
    base, foreign_key = request.param
    on_appwrite = base is AppwriteModel
    # The test router sends the whole library to Appwrite.
    label, alias = ("library", "appwrite") if on_appwrite else ("auth", "default")
    model = make(base, foreign_key, label)
    ContentType.objects.clear_cache()
    with connections[alias].schema_editor() as editor:
        editor.create_model(model)
    yield model
    with connections[alias].schema_editor() as editor:
        editor.delete_model(model)
    ContentType.objects.clear_cache()
    del apps.all_models[label]["remark"]
    apps.clear_cache()


def home(remark):
    return "appwrite" if issubclass(remark, AppwriteModel) else "default"


def is_routed(remark):
    return isinstance(remark._meta.private_fields[0], RoutedForeignKey)


def test_content_types_are_those_of_default(remark):
    """They have one id everywhere, and nothing of them is on Appwrite."""
    tag = Tag.objects.create(name="tea")
    made = remark.objects.create(about=tag)
    assert made._state.db == home(remark)
    expected = ContentType.objects.using("default").get(app_label="library", model="tag")
    assert made.content_type_id == expected.pk
    assert remark.objects.get().content_type == expected


def test_an_object_on_appwrite(remark):
    tag = Tag.objects.create(name="tea")
    remark.objects.create(about=tag)
    if home(remark) == "appwrite" or is_routed(remark):
        assert remark.objects.get().about == tag
        assert remark.objects.get().about._state.db == "appwrite"
    (found,) = remark.objects.prefetch_related("about")
    assert found.about == tag
    kind = ContentType.objects.get_for_model(Tag)
    assert remark.objects.get(content_type=kind, object_id=tag.pk).object_id == tag.pk


def test_objects_of_several_kinds(remark):
    related = [Tag.objects.create(name="tea"), Author.objects.create(name="Zola")]
    for each in related:
        remark.objects.create(about=each)
    found = remark.objects.prefetch_related("about")
    assert {each.about for each in found} == set(related)


def test_an_object_on_default(remark):
    user = User.objects.create_user("ann")
    remark.objects.create(about=user)
    if home(remark) == "default" or is_routed(remark):
        assert remark.objects.get().about == user
    else:
        # Django looks for the user where the remark is, and the error says where users are.
        with pytest.raises(TableNotFound, match="DATABASE_ROUTERS keeps the model in another"):
            _ = remark.objects.get().about
    found = remark.objects.get()
    assert found.content_type.get_object_for_this_type(pk=found.object_id) == user


def test_a_target_that_is_gone(remark):
    tag = Tag.objects.create(name="tea")
    remark.objects.create(about=tag)
    tag.delete()
    if home(remark) == "appwrite" or is_routed(remark):
        assert remark.objects.get().about is None


def test_content_types_cost_appwrite_nothing(remark, requests):
    tag = Tag.objects.create(name="tea")
    requests.clear()
    remark.objects.create(about=tag)
    assert len(requests) == (1 if home(remark) == "appwrite" else 0)


def test_other_models_are_not_looked_for_elsewhere():
    User.objects.create_user("ann")
    with pytest.raises(TableNotFound):
        User.objects.using("appwrite").get()


@isolate_apps("tests.library", "django.contrib.auth")
@pytest.mark.parametrize("here", ["appwrite", "default"])
def test_a_generic_relation_across_the_border_is_refused(here, monkeypatch):
    remark_base, base = (
        (models.Model, AppwriteModel) if here == "appwrite" else (AppwriteModel, models.Model)
    )
    remark = make(
        remark_base, GenericForeignKey, "auth" if remark_base is models.Model else "library"
    )

    class Shelf(base):
        remarks = GenericRelation(remark)

        class Meta:
            app_label = "library" if here == "appwrite" else "auth"

    monkeypatch.setattr("appwrite_orm_django.checks.models._all_models", lambda _: [Shelf])
    (message,) = check_relations(None)
    assert message.id == "appwrite.E008"
    assert "A GenericRelation leads from" in message.msg


@isolate_apps("tests.library")
def test_a_generic_relation_within_appwrite_is_not(monkeypatch):
    remark = make(AppwriteModel, GenericForeignKey, "library")

    class Shelf(AppwriteModel):
        remarks = GenericRelation(remark)

        class Meta:
            app_label = "library"

    monkeypatch.setattr("appwrite_orm_django.checks.models._all_models", lambda _: [Shelf])
    assert check_relations(None) == []
