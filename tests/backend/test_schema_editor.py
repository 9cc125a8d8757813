"""Django's schema editor, where Appwrite has no such change."""

import pytest
from django.db import NotSupportedError
from django.db.models import CharField, Model, UniqueConstraint
from django.test.utils import isolate_apps

from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import TableNotFound
from appwrite_orm_django.schema.names import trial_table
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def renamed(appwrite):
    """Rename the table of ``Tag``, and back at the end."""

    def rename(old=Tag._meta.db_table, new="library_renamed"):
        with appwrite.schema_editor() as editor:
            editor.alter_db_table(Tag, old, new)

    yield rename
    rename("library_renamed", Tag._meta.db_table)


def test_an_empty_table_is_made_anew_under_its_other_id(renamed, appwrite):
    before = tables.get_table(appwrite.transport, appwrite.table_ref("library_tag"))
    renamed()
    after = tables.get_table(appwrite.transport, appwrite.table_ref("library_renamed"))
    assert [column["key"] for column in after["columns"]] == [
        column["key"] for column in before["columns"]
    ]
    assert [(index["key"], index["type"]) for index in after["indexes"]] == [
        (index["key"], index["type"]) for index in before["indexes"]
    ]
    with pytest.raises(TableNotFound):
        tables.get_table(appwrite.transport, appwrite.table_ref("library_tag"))


def test_a_table_with_rows_keeps_its_id(renamed, appwrite):
    Tag.objects.create(name="kept")
    with pytest.raises(
        NotSupportedError, match="library_tag has rows and cannot become library_renamed"
    ):
        renamed()
    assert len(rows.list_rows(appwrite.transport, appwrite.table_ref("library_tag"))["rows"]) == 1


def test_a_table_that_is_not_there_yet_is_left_to_whoever_makes_it(renamed, appwrite):
    renamed("library_nowhere", "library_renamed")
    with pytest.raises(TableNotFound):
        tables.get_table(appwrite.transport, appwrite.table_ref("library_renamed"))


def test_a_unique_index_that_a_killed_run_has_not_tried_out_is_tried_out(appwrite):
    """The operation that made it runs again."""
    Tag.objects.create(name="kept")
    (unique,) = [
        index["key"]
        for index in tables.get_table(appwrite.transport, appwrite.table_ref("library_tag"))[
            "indexes"
        ]
        if index["type"] == "unique"
    ]
    mark = appwrite.table_ref(trial_table("library_tag", unique))
    tables.create_table(appwrite.transport, mark, "Not tried out")
    constraint = UniqueConstraint(fields=["name"], name=unique)
    with isolate_apps("tests.library"):

        class Before(Model):
            name = CharField(max_length=40)

            class Meta:
                app_label = "library"
                db_table = "library_tag"

    with appwrite.schema_editor() as editor:
        editor.add_constraint(Before, constraint)
    with pytest.raises(TableNotFound):
        tables.get_table(appwrite.transport, mark)
    assert Tag.objects.count() == 1


@isolate_apps("tests.library")
def test_a_table_takes_as_many_requests_however_many_there_are(appwrite, requests):
    taken = []
    made = [
        type(
            f"Many{number}",
            (Model,),
            {"__module__": Tag.__module__, "name": CharField(max_length=20)},
        )
        for number in range(8)
    ]
    for model in made:
        requests.clear()
        with appwrite.schema_editor() as editor:
            editor.create_model(model)
        taken.append(len(requests))
    for model in made:
        with appwrite.schema_editor() as editor:
            editor.delete_model(model)
    assert len(set(taken[1:])) == 1, taken
