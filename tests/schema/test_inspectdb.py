"""``inspectdb`` writes models that ask for exactly the database they were written from."""

from __future__ import annotations

import datetime
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands.inspectdb import Command as DjangoCommand
from django.db import connections, models
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.indexes import AppwriteIndex
from appwrite_orm_django.orm import inspected as inspected_fields
from appwrite_orm_django.schema.definitions import Column, Database, Encoding, Index, Table
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.limits import index_lengths
from appwrite_orm_django.schema.model_source import model_source
from appwrite_orm_django.schema.own_tables import with_own_tables
from tests.schema.conftest import a_server, connect, make_plan, migrate, plan_for
from tests.settled import columns as column_routes
from tests.settled import indexes as index_routes
from tests.settled import settle

COLUMNS = (
    Column("title", "varchar", 100, required=True),
    Column("note", "varchar", 8_000),
    Column("kind", "varchar", 10, default="plain"),
    Column("secret", "varchar", 200, encrypt=True),
    Column("a", "text"),
    Column("b", "mediumtext", required=True),
    Column("c", "longtext"),
    Column("small", "integer", required=True, min=-32768, max=32767),
    Column("stars", "integer", required=True, min=1, max=5),
    Column("unbounded", "integer"),
    Column("half", "integer", min=0),
    Column("big", "bigint", default=5),
    Column("positive", "bigint", min=0),
    Column("millions", "bigint", min=-1_000_000, max=1_000_000),
    Column("weight", "double"),
    Column("share", "double", required=True, min=0.0, max=1.0),
    Column("active", "boolean", default=True),
    Column("since", "datetime", default="2026-01-01T00:00:00.000+00:00"),
    Column("until", "datetime", required=True),
    Column("mail", "email", required=True),
    Column("mail2", "email"),
    Column("site", "url"),
    Column("host", "ip", default="10.0.0.1"),
    Column("colour", "enum", elements=("red", "it's green"), default="red"),
    Column("state", "enum", required=True, elements=("on", "off")),
    Column("tags", "varchar", 20, array=True),
    Column("marks", "integer", required=True, array=True, min=1, max=6),
    Column("flags", "enum", array=True, elements=("x", "y")),
    Column("moments", "datetime", array=True),
    Column("class", "varchar", 5),
    Column("save", "varchar", 5),
    Column("id", "varchar", 5),
    Column("created_at", "datetime"),
    Column("Mixed-Case__key_", "varchar", 5),
    Column("9lives", "integer", min=0, max=9),
    Column("title_2", "varchar", 5),
)
INDEXES = (
    Index("title_uniq", "unique", ("title",)),
    Index("stars", "key", ("stars",)),
    Index("two_uniq", "unique", ("kind", "stars")),
    Index("down", "key", ("stars", "big"), ("DESC", "ASC")),
    Index("down_uniq", "unique", ("millions",), ("DESC",)),
    Index("note_beginning", "key", ("note",), (), (50,)),
    Index("note_uniq", "unique", ("note", "kind"), (), (100, 5)),
    Index("c_all", "key", ("c",), (), (768,)),
    Index("words", "fulltext", ("c", "title")),
    Index("newest", "key", ("$createdAt",), ("DESC",)),
    Index("a-name.that_is_much_longer_than_30", "key", ("small", "class")),
)
WIDE = Table(
    "Wide-table.of_many",
    "Wide",
    COLUMNS,
    INDEXES,
    frozenset({'read("any")', 'create("users")'}),
    row_security=True,
)
SIMPLE = Table(
    "2nd", "Second", (Column("title", "varchar", 5),), (Index("title_uniq", "unique", ("title",)),)
)


@pytest.fixture
def isolated():
    with isolate_apps("tests.library") as registry:
        yield registry


def models_from(source: str, registry: Any) -> list[Any]:
    """Run a module's source, and return the models that it makes."""
    exec(compile(source, "models.py", "exec"), {"__name__": "tests.library.models"})  # noqa: S102 - what inspectdb wrote
    return list(registry.get_models())


def plan_of(database: Database, registry: Any) -> Any:
    found = models_from("\n".join(model_source(database)), registry)
    for model in found:
        assert not [message for message in model.check() if message.level >= 40]
    return make_plan(read_models(database.id, found), database)


def test_a_wide_table_round_trips(isolated):
    plan = plan_of(Database("d", (WIDE, SIMPLE)), isolated)
    assert list(map(str, plan.steps)) == []
    assert list(map(str, plan.left)) == []


def test_what_it_writes(isolated):
    lines = list(model_source(Database("d", (WIDE, SIMPLE))))
    assert "class WideTableOfMany(AppwriteModel):" in lines
    assert "class Table2nd(AppwriteModel):" in lines
    for line in (
        """    appwrite_permissions = ('create("users")', 'read("any")')""",
        "    permissions = PermissionsField()",
        "    title = models.CharField(max_length=100, unique=True)",
        "    kind = models.CharField(max_length=10, db_default='plain')",
        "    a = inspected.TextField(null=True, blank=True, stored={'type': 'text'})",
        "    small = models.SmallIntegerField()",
        "    stars = inspected.IntegerField(stored={'type': 'integer', 'min': 1, 'max': 5}, db_index=True)",
        "    tags = ArrayField(models.CharField(max_length=20))",
        "    class_field = models.CharField(max_length=5, null=True, blank=True, db_column='class')",
        "    save_field = models.CharField(max_length=5, null=True, blank=True, db_column='save')",
        "    mixed_case_key = models.CharField(max_length=5, null=True, blank=True, db_column='Mixed-Case__key_')",
        "            models.UniqueConstraint(fields=['kind', 'stars'], name='two_uniq'),",
        "            models.Index(fields=['-created_at'], name='newest'),",
        "            AppwriteIndex(fields=['c', 'title'], name='words', type='fulltext'),",
    ):
        assert line in lines


def test_the_library_round_trips(isolated):
    plan = plan_of(read_models("d", models_of("appwrite")), isolated)
    assert (plan.steps, plan.left) == ((), ())


KINDS: list[dict[str, Any]] = [
    {"type": "varchar", "size": 1},
    {"type": "varchar", "size": 300, "default": "x"},
    {"type": "string", "size": 300},
    {"type": "string", "size": 20_000},
    {"type": "text"},
    {"type": "mediumtext", "default": "it's"},
    {"type": "longtext"},
    {"type": "integer", "min": 0, "max": 2**31 - 1},
    {"type": "integer", "min": -(2**40), "max": 7},
    {"type": "integer", "default": 3},
    {"type": "bigint", "max": 10},
    {"type": "bigint", "min": -5, "max": 10, "default": 0},
    {"type": "double", "min": -0.5},
    {"type": "double", "default": 1.5},
    {"type": "boolean", "default": False},
    {"type": "datetime"},
    {"type": "email"},
    {"type": "url", "default": "https://example.org"},
    {"type": "ip"},
    {"type": "enum", "elements": ("a", "b c", "é")},
]
KEYS = ["a", "B", "id", "created_at", "c_", "d-e", "for", "pk", "objects", "check", "a_2"]


@st.composite
def databases(draw):
    tables = []
    for table_id in draw(
        st.lists(st.sampled_from(["t", "T-1", "class", "7"]), unique_by=str.lower, min_size=1)
    ):
        columns = []
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1)):
            options = dict(draw(st.sampled_from(KINDS)))
            array = draw(st.booleans()) and options["type"] != "string"
            if array:
                options.pop("default", None)
            required = "default" not in options and draw(st.booleans())
            columns.append(Column(key, required=required, array=array, **options))
        plain = {column.key: column for column in columns if not column.array}
        indexes: list[Index] = []
        if plain:
            for number in range(draw(st.integers(0, 3))):
                keys = tuple(
                    draw(
                        st.lists(
                            st.sampled_from(sorted(plain)), unique=True, min_size=1, max_size=3
                        )
                    )
                )
                orders = draw(st.sampled_from([(), ("DESC", *("ASC" for _ in keys[1:]))]))
                if keys in {index.columns for index in indexes}:
                    continue
                index = Index(f"i{number}", "key", keys, orders)
                lengths = index_lengths(table_id, index, plain)
                unique = not lengths and draw(st.booleans())
                indexes.append(
                    Index(index.key, "unique" if unique else "key", keys, orders, lengths)
                )
        tables.append(Table(table_id, table_id, tuple(columns), tuple(indexes)))
    return Database("d", tuple(tables))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(databases())
def test_any_database_round_trips(database):
    with isolate_apps("tests.library") as registry:
        plan = plan_of(database, registry)
        assert list(map(str, plan.steps)) == []
        assert list(map(str, plan.left)) == []


@pytest.fixture
def live(behind_alias):
    return behind_alias(connect(a_server()), "d")


def inspected(*args: str) -> str:
    out = StringIO()
    call_command("inspectdb", *args, database="appwrite", stdout=out)
    return out.getvalue()


@pytest.mark.engine("mariadb", "postgresql", reason="no spatial columns")
def test_from_a_live_database_with_relationships(live, isolated):
    """Relationships that hold an id are fields; other columns that no field maps are named in comments."""
    authors = Table("authors", "Authors", (Column("name", "varchar", 50, required=True),))
    books = Table("books", "Books", (Column("title", "varchar", 50, required=True),))
    migrate(live, with_own_tables(Database("d", (authors, books))))
    ref = TableRef("d", "books")
    column_routes.create_column(live, ref, "point", "place", required=False)
    live.call(
        "POST",
        "/tablesdb/d/tables/books/columns/relationship",
        params={
            "relatedTableId": "authors",
            "type": "manyToOne",
            "key": "author",
            "onDelete": "setNull",
        },
    )
    settle(live, ref)
    index_routes.create_index(live, ref, "title_uniq", "unique", ["title"])
    out = inspected()
    assert "    author = RelationshipField('Authors', models.SET_NULL, related_name='+')\n" in out
    assert "from appwrite_orm_django.fields import RelationshipField\n" in out
    assert "    # place: point, which no field maps.\n" in out
    assert "claims" not in out.lower()
    found = models_from(out, isolated)
    plan = plan_for(live, with_own_tables(read_models("d", found)))
    assert plan.steps == ()
    assert [str(step) for step in plan.left] == ["column books.place point"]
    books_model = next(model for model in found if model.__name__ == "Books")
    assert books_model._meta.get_field("title").unique


def test_chosen_tables(live):
    migrate(live, Database("d", (SIMPLE, Table("other", "Other"))))
    assert "class Other" not in inspected("2nd")
    with pytest.raises(CommandError, match="has no table nope"):
        inspected("nope")


def test_no_database(live):
    with pytest.raises(CommandError, match="There is no database d"):
        inspected()


def test_other_databases_are_inspected_by_django():
    out = StringIO()
    connection = connections["twin"]
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    call_command("inspectdb", *names[:1], database="twin", stdout=out)
    assert "# This is an auto-generated Django model module." in out.getvalue()


test_other_databases_are_inspected_by_django = pytest.mark.django_db(databases=["twin"])(
    test_other_databases_are_inspected_by_django
)


def test_a_stored_field_keeps_what_it_was_told():
    field = inspected_fields.IntegerField(stored={"min": 1, "max": 5})
    field.set_attributes_from_name("stars")
    assert str(field.clone().stored) == "{'min': 1, 'max': 5}"
    assert str(field.appwrite_column("stars")) == "bigint 1..5 required"
    assert [validator.limit_value for validator in field.validators[-2:]] == [1, 5]
    with pytest.raises(TypeError, match="stored has no key 'mix'"):
        inspected_fields.IntegerField(stored={"mix": 1})


def test_an_index_keeps_what_it_was_told():
    index = AppwriteIndex(fields=["a", "b"], name="i", type="unique", lengths=[5, 0])
    assert index.clone() == index
    assert (index.clone().appwrite_type, index.clone().appwrite_lengths) == ("unique", (5, 0))
    with pytest.raises(ValueError, match="one length for each of its 2 fields"):
        AppwriteIndex(fields=["a", "b"], name="i", lengths=[5])


def test_rows_of_inspected_models(live, isolated, monkeypatch):
    """The fields hold what the server holds."""
    columns = tuple(
        column for column in COLUMNS if column.type != "email" and column.key != "secret"
    )
    small = Table(
        "small",
        "Small",
        tuple(
            column for column in columns if column.key in {"stars", "a", "since", "kind", "tags"}
        ),
    )
    migrate(live, Database("d", (small,)))
    (model,) = models_from(inspected(), isolated)
    manager = model.objects.using("appwrite")
    made = manager.create(stars=3, a="text", tags=["x"])
    read = manager.get(pk=made.pk)
    assert (read.stars, read.a, read.tags, read.kind) == (3, "text", ["x"], "plain")
    assert read.since == datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    assert isinstance(model._meta.get_field("kind"), models.CharField)
    assert read_database(live, "d").table("small").id == "small"


test_rows_of_inspected_models = pytest.mark.django_db(databases=["appwrite"], transaction=True)(
    test_rows_of_inspected_models
)


def encoded(
    key: str, type_: str, kind: str, places: int | None = None, size: int | None = None, **more: Any
) -> Column:
    row_id = more.pop("row_id", False)
    encoding = Encoding(kind, places, row_id, more.get("array", False))
    return Column(key, type_, size, encoding=encoding, **more)


ENCODED = Table(
    "coded",
    "Coded",
    (
        encoded("price", "bigint", "decimal", 2, required=True, min=-99999999, max=99999999),
        encoded("exact", "varchar", "long decimal", 10, 33),
        encoded("day", "datetime", "date"),
        encoded("at", "varchar", "time", None, 32),
        encoded("took", "bigint", "duration"),
        encoded("token", "varchar", "uuid", None, 36),
        encoded("data", "longtext", "json"),
        encoded("picture", "longtext", "binary"),
        encoded("prices", "bigint", "decimal", 2, min=-999, max=999, array=True),
        encoded("standard", "bigint", "decimal", 2, default=990, min=-99999999, max=99999999),
        encoded("wait", "bigint", "duration", default=90_000_000),
        encoded("owner", "varchar", "integer", None, 36, row_id=True),
        encoded("place", "longtext", "PointCodec"),
        encoded("name", "varchar", "text", None, 40),
    ),
    id_encoding=Encoding("integer", row_id=True),
)


def test_columns_are_the_fields_that_they_are_recorded_as(isolated):
    lines = list(model_source(Database("d", (ENCODED,))))
    for line in (
        "    id = models.BigAutoField(primary_key=True)",
        "    price = models.DecimalField(max_digits=8, decimal_places=2)",
        "    exact = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)",
        "    day = models.DateField(null=True, blank=True)",
        "    at = models.TimeField(null=True, blank=True)",
        "    took = models.DurationField(null=True, blank=True)",
        "    token = models.UUIDField(null=True, blank=True)",
        "    data = models.JSONField(null=True, blank=True)",
        "    picture = models.BinaryField(null=True, blank=True)",
        "    prices = ArrayField(models.DecimalField(max_digits=3, decimal_places=2))",
        "    standard = models.DecimalField(max_digits=8, decimal_places=2, db_default='9.90')",
        "    wait = models.DurationField(db_default='0:01:30')",
        "    name = models.CharField(max_length=40, null=True, blank=True)",
        # Read as they stand, and left as they are.
        "    owner = inspected.CharField(max_length=36, null=True, blank=True, stored={'encoding': 'id integer'})",
        "    place = inspected.TextField(null=True, blank=True, stored={'encoding': 'PointCodec'})",
    ):
        assert line in lines
    plan = plan_of(Database("d", (ENCODED,)), isolated)
    assert (plan.steps, plan.left) == ((), ())


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        (Encoding("uuid"), "    id = models.UUIDField(primary_key=True)"),
        (Encoding("date", row_id=True), "    id = models.DateField(primary_key=True)"),
        (Encoding("text"), None),
    ],
)  # fmt: skip
def test_primary_keys_are_the_fields_that_they_are_recorded_as(isolated, encoding, line):
    table = Table("keyed", "Keyed", (Column("name", "varchar", 40),), id_encoding=encoding)
    assert [found for found in model_source(Database("d", (table,))) if "primary_key" in found] == [
        line
    ] * bool(line)
    plan = plan_of(Database("d", (table,)), isolated)
    assert plan.steps == ()
    with_id = replace(table, columns=(Column("id", "integer"),))
    assert ("RowIdField" in "\n".join(model_source(Database("d", (with_id,))))) is (line is None)


def test_what_a_model_made_is_inspected_as_that_model(live, isolated):
    migrate(live, with_own_tables(Database("d", (ENCODED,))))
    out = inspected()
    assert "encodings" not in out.lower()
    found = models_from(out, isolated)
    plan = plan_for(live, with_own_tables(read_models("d", found)))
    assert (plan.steps, plan.left) == ((), ())
    assert "max_digits=8, decimal_places=2" in inspected("coded")


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
def test_a_table_of_the_console_in_the_words_of_django(live):
    """Nothing is recorded of it: the columns alone tell what they are."""
    migrate(live, Database("d", (replace(WIDE, indexes=()),)))
    out = StringIO()
    call_command(DjangoCommand(), "Wide-table.of_many", database="appwrite", stdout=out)
    lines = out.getvalue().splitlines()
    for line in (
        "    field_id = models.CharField(db_column='$id', primary_key=True, max_length=36)  # Field renamed to remove unsuitable characters. Field renamed because it started with '_'.",
        "    title = models.CharField(max_length=100)",
        "    a = models.TextField(blank=True, null=True)",
        "    small = models.SmallIntegerField()",
        "    big = models.BigIntegerField()",
        "    positive = models.PositiveBigIntegerField(blank=True, null=True)",
        "    weight = models.FloatField(blank=True, null=True)",
        "    active = models.BooleanField()",
        "    until = models.DateTimeField()",
        "    mail = models.EmailField()",
        "    site = models.URLField(blank=True, null=True)",
        "    host = models.GenericIPAddressField()",
        "    state = models.CharField(max_length=3)",
        "    tags = models.TextField(blank=True, null=True)  # This field type is a guess.",
    ):
        assert line in lines
