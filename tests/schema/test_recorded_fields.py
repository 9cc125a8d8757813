"""The records of fields, from which tables are inspected, are true after any change by either road."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections, models
from django.test.utils import isolate_apps

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.queries import equal, limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.definitions import ModelField
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.names import column_key
from appwrite_orm_django.schema.own_tables import ENCODINGS
from appwrite_orm_django.schema.recorded_fields import field_as_recorded, field_from_record
from appwrite_orm_django.schema.records import FIELD

from .conftest import ENGINE, Options, connect, migrate, plan_for
from .killing import a_killable_server

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
ROADS = ["migrate", "appwrite_migrate"]


@pytest.fixture
def transport(level: str, behind_alias: Any) -> Any:
    return behind_alias(connect(a_killable_server(level)))


def made(**fields: models.Field[Any, Any]) -> list[type[models.Model]]:
    """Make two models to refer to, and one with these fields."""
    with isolate_apps("tests.library"):

        class Author(models.Model):
            code = models.CharField(max_length=20, unique=True)

            class Meta:
                app_label = "library"

        class Writer(AppwriteModel):
            class Meta:
                app_label = "library"

        meta = type("Meta", (), {"app_label": "library"})
        attributes = {"__module__": "tests.library.models", "Meta": meta, **fields}
        return [Author, Writer, type("Thing", (models.Model,), attributes)]


def key(to: str = "Author", **options: Any) -> models.Field[Any, Any]:
    return models.ForeignKey(to, models.CASCADE, **options)


def database(made_: list[type[models.Model]]) -> Any:
    return read_models("library", made_, engine=ENGINE)


def change(
    transport: Any,
    road: str,
    before: list[type[models.Model]],
    after: list[type[models.Model]],
    old: str,
    new: str,
) -> None:
    """Turn the field ``old`` into ``new``."""
    thing, changed = before[-1], after[-1]
    fields = thing._meta.get_field(old), changed._meta.get_field(new)
    if road == "migrate":
        with connections["appwrite"].schema_editor() as editor:
            editor.alter_field(thing, *fields)
    else:
        columns = [column_key(str(field.column)) for field in fields]
        renames = {} if len({*columns}) == 1 else {("library_thing", columns[1]): columns[0]}
        migrate(transport, database(after), Options(renames=renames))


def relations() -> dict[str, tuple[str, str]]:
    connection = connections["appwrite"]
    with connection.cursor() as cursor:
        return dict(connection.introspection.get_relations(cursor, "library_thing"))


def columns() -> dict[str, str]:
    connection = connections["appwrite"]
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, "library_thing")
    return {one.name: one.field_type for one in found}


def assert_nothing_to_do(transport: Any, after: list[type[models.Model]]) -> None:
    plan = plan_for(transport, database(after))
    assert (plan.steps, plan.unrecorded) == ((), ())


def recorded_fields(transport: Any) -> list[dict[str, Any]]:
    ref = TableRef("library", ENCODINGS.id)
    return list(rows.list_rows(transport, ref, [equal("key", FIELD), limit(500)])["rows"])


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (key(), key("Writer"), {"one_id": ("library_writer", "$id")}),
        (key("Writer"), key(), {"one_id": ("library_author", "id")}),
        (key(), key(to_field="code"), {"one_id": ("library_author", "code")}),
        (key(), models.IntegerField(db_column="one_id"), {}),
        (models.IntegerField(db_column="one_id"), key(), {"one_id": ("library_author", "id")}),
    ],
)
def test_another_target(transport, road, old, new, expected):
    before, after = made(one=old.clone()), made(one=new.clone())
    migrate(transport, database(before))
    assert len(relations()) == isinstance(old, models.ForeignKey)
    change(transport, road, before, after, "one", "one")
    assert relations() == {name: (column, table) for name, (table, column) in expected.items()}
    assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
def test_another_name(transport, road):
    before, after = made(one=key()), made(two=key(db_column="the author"))
    migrate(transport, database(before))
    change(transport, road, before, after, "one", "two")
    assert relations() == {"the author": ("id", "library_author")}
    assert columns() == {"id": "BigAutoField", "the author": "BigIntegerField"}
    assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (models.IntegerField(), models.PositiveIntegerField()),
        (models.IntegerField(), models.BigIntegerField()),
        (models.TextField(), models.CharField(max_length=None)),
        (models.CharField(max_length=None), models.CharField(max_length=20_000)),
        (models.DecimalField(max_digits=5, decimal_places=2), models.CharField(max_length=20)),
        (models.UUIDField(), models.CharField(max_length=36)),
    ],
)
def test_another_type(transport, road, old, new):
    before, after = made(one=old.clone()), made(one=new.clone())
    migrate(transport, database(before))
    assert columns()["one"] == type(old).__name__
    change(transport, road, before, after, "one", "one")
    assert columns()["one"] == type(new).__name__
    assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
def test_a_removed_field_leaves_no_record(transport, road):
    before, after = made(one=key()), made()
    migrate(transport, database(before))
    if road == "migrate":
        with connections["appwrite"].schema_editor() as editor:
            editor.remove_field(before[-1], before[-1]._meta.get_field("one"))
    else:
        migrate(transport, database(after), Options(prune=True))
    assert relations() == {}
    assert not [row for row in recorded_fields(transport) if "one_id" in row["encoding"]]


def test_a_renamed_table_is_still_referred_to(transport):
    before = made(one=key(), parent=key("self", null=True))
    migrate(transport, database(before))
    with connections["appwrite"].schema_editor() as editor:
        editor.alter_db_table(before[0], "library_author", "a name, not an id")
        editor.alter_db_table(before[2], "library_thing", "library_other")
    connection = connections["appwrite"]
    with connection.cursor() as cursor:
        assert connection.introspection.get_relations(cursor, "library_other") == {
            "one_id": ("id", "a name, not an id"),
            "parent_id": ("id", "library_other"),
        }
        names = connection.introspection.table_names(cursor)
    assert "a name, not an id" in names
    assert connection.introspection.get_primary_key_column(None, "a name, not an id") == "id"


def test_records_without_fields_are_completed(transport):
    """Versions before this one recorded encodings alone."""
    after = made(one=key(), name=models.CharField(max_length=5))
    migrate(transport, database(after))
    rows.delete_rows(transport, TableRef("library", ENCODINGS.id), [equal("key", FIELD)])
    assert relations() == {}
    assert columns() == {"$id": "BigAutoField", "one_id": "CharField", "name": "CharField"}
    plan = plan_for(transport, database(after))
    assert plan.steps == ()
    assert any("6 columns have no record of their present fields" in one for one in plan.notes)
    migrate(transport, database(after))
    assert relations() == {"one_id": ("id", "library_author")}
    assert columns()["id"] == "BigAutoField"
    assert_nothing_to_do(transport, after)


def test_a_migration_completes_the_records_of_what_it_changes(transport):
    before = made(one=key())
    migrate(transport, database(before))
    rows.delete_rows(transport, TableRef("library", ENCODINGS.id), [equal("key", FIELD)])
    after = made(one=key("Writer"))
    change(transport, "migrate", before, after, "one", "one")
    assert relations() == {"one_id": ("$id", "library_writer")}


def test_a_key_to_a_table_that_is_gone_is_no_relation(transport):
    before = made(one=key())
    migrate(transport, database(before))
    with connections["appwrite"].schema_editor() as editor:
        editor.delete_model(before[0])
    assert relations() == {}


@pytest.mark.parametrize("road", ROADS)
def test_a_default_in_the_server(transport, road):
    """The server puts it in the place of every null, so a field that may be null has none there."""
    before = made(one=models.IntegerField(db_default=3))
    after = made(one=models.IntegerField(db_default=3, null=True))
    migrate(transport, database(before))
    assert described("one") == ("3", False)
    change(transport, road, before, after, "one", "one")
    assert described("one") == (None, True)
    assert_nothing_to_do(transport, after)


def described(name: str) -> tuple[str | None, bool]:
    connection = connections["appwrite"]
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, "library_thing")
    return next((one.default, one.null_ok) for one in found if one.name == name)


def test_what_is_too_long_is_not_recorded(transport):
    after = made(one=models.IntegerField(db_column="long" * 70))
    migrate(transport, database(after))
    assert_nothing_to_do(transport, after)
    assert not [name for name in columns() if name == "long" * 70]


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"key":"a","type":"b","new":1}'])
def test_unknown_records(text):
    assert field_from_record(text) == ("", None)


@pytest.mark.parametrize(
    "field",
    [
        ModelField("AutoField", "id"),
        ModelField("IntegerField", "größe", ("t", "id"), position=3),
        ModelField("", "", covers=("a", "")),
        ModelField("CharField", "c", max_length=20_000),
        ModelField("BigAutoField", "id", table="a name"),
    ],
)
def test_records_are_read_as_written(field):
    found = field_from_record(field_as_recorded("key", field))
    assert found == ("key", field)
    assert found[1].position == field.position
