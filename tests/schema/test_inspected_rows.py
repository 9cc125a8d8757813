"""Models that ``inspectdb`` writes read the same rows as the models that made the tables."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import uuid
from functools import partial
from io import StringIO

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.commands import inspectdb as django_inspectdb
from django.db import models
from django.db.models import Q, UniqueConstraint
from django.test import modify_settings, override_settings
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.fields import ArrayField, EnumField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.migrate import Options, migrate, plan_for
from appwrite_orm_django.schema.names import table_id
from appwrite_orm_django.schema.own_tables import with_own_tables
from tests.kinds import KINDS, kind_settings
from tests.schema.test_inspectdb import models_from

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
D = decimal.Decimal
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 1, 500000, tzinfo=datetime.timezone.utc)

with isolate_apps("tests.library"):

    class Author(models.Model):
        name = models.CharField(max_length=20, unique=True)

        class Meta:
            app_label = "library"

    class Shop(AppwriteModel):
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"

    class Town(models.Model):
        number = models.SmallAutoField(primary_key=True)

        class Meta:
            app_label = "library"

    class District(models.Model):
        town = models.OneToOneField(Town, models.CASCADE, primary_key=True)
        neighbours = models.ManyToManyField("self")

        class Meta:
            app_label = "library"

    class Ticket(models.Model):
        code = models.UUIDField(primary_key=True)

        class Meta:
            app_label = "library"

    class Place(models.Model):
        path = models.CharField(max_length=100, primary_key=True)

        class Meta:
            app_label = "library"
            db_table = "library place with a name that is too long"

    class Visit(models.Model):
        pk = models.CompositePrimaryKey("author_id", "day")
        author = models.ForeignKey(Author, models.CASCADE)
        day = models.DateField()

        class Meta:
            app_label = "library"

    class Everything(models.Model):
        big = models.BigIntegerField()
        binary = models.BinaryField()
        boolean = models.BooleanField()
        char = models.CharField(max_length=20)
        unlimited = models.CharField()
        huge = models.CharField(max_length=30_000)
        date = models.DateField()
        datetime = models.DateTimeField()
        decimal = models.DecimalField(max_digits=8, decimal_places=2)
        long_decimal = models.DecimalField(max_digits=30, decimal_places=10)
        duration = models.DurationField()
        email = models.EmailField()
        file = models.FileField(upload_to="files")
        file_path = models.FilePathField()
        float = models.FloatField()
        integer = models.IntegerField()
        ip = models.GenericIPAddressField()
        json = models.JSONField()
        positive_big = models.PositiveBigIntegerField()
        positive = models.PositiveIntegerField()
        positive_small = models.PositiveSmallIntegerField()
        slug = models.SlugField()
        small = models.SmallIntegerField()
        text = models.TextField()
        time = models.TimeField()
        url = models.URLField()
        uuid = models.UUIDField()
        default = models.DecimalField(max_digits=4, decimal_places=1, db_default=D("2.5"))
        author = models.ForeignKey(Author, models.CASCADE)
        editor = models.ForeignKey(Author, models.CASCADE, related_name="+", db_index=False)
        named = models.ForeignKey(Author, models.CASCADE, to_field="name", related_name="+")
        shop = models.OneToOneField(Shop, models.CASCADE, db_column="the shop")
        district = models.ForeignKey(District, models.CASCADE)
        ticket = models.ForeignKey(Ticket, models.CASCADE)
        place = models.ForeignKey(Place, models.CASCADE)
        parent = models.ForeignKey("self", models.CASCADE, null=True)
        strange = models.IntegerField(db_column="größe (%)", unique=True)
        class_field = models.CharField(max_length=5, db_column="class")

        class Meta:
            app_label = "library"
            constraints = [
                UniqueConstraint(fields=["char"], condition=Q(boolean=True), name="one_true_char"),
                UniqueConstraint(fields=["author", "slug"], name="slug_of_author"),
                UniqueConstraint(fields=["integer", "date", "big"], name="three_no_texts"),
                UniqueConstraint(fields=["float"], name="one_float"),
                UniqueConstraint(
                    fields=["small", "parent"], name="nulls_too", nulls_distinct=False
                ),
            ]

    class Ours(AppwriteModel):
        numbers = ArrayField(models.IntegerField())
        prices = ArrayField(models.DecimalField(max_digits=5, decimal_places=2))
        state = EnumField(choices=[("on", "On"), ("off", "Off")])
        mail = models.EmailField(null=True)
        site = models.URLField(null=True)

        class Meta:
            app_label = "library"


PLAIN = (Author, Shop, Town, District, Ticket, Place, Visit, Everything)
MODELS = (*PLAIN, District.neighbours.through, Ours)
VALUES = {
    "big": 2**62, "binary": b"\x00\xff", "boolean": True, "char": "a", "unlimited": "u" * 300, "huge": "h" * 20_000,
    "date": MOMENT.date(), "datetime": MOMENT, "decimal": D("1.50"), "long_decimal": D("12345678901234567890.5"),
    "duration": datetime.timedelta(days=1, microseconds=1), "email": "a@example.org", "file": "files/a", "file_path": "/a",
    "float": 3.5, "integer": -7, "ip": "10.0.0.1", "json": {"a": [1, None]}, "positive_big": 2**60, "positive": 9,
    "positive_small": 8, "slug": "s", "small": -3, "text": "t", "time": datetime.time(12, 30, 0, 1),
    "url": "https://example.org/a", "uuid": uuid.UUID(int=5), "strange": 4, "class_field": "c",
}  # fmt: skip


def fill():
    """Create rows of all models."""
    author = Author.objects.create(name="Ann")
    Author.objects.create(name="Bob")
    shop = Shop.objects.create(name="corner")
    towns = [Town.objects.create() for _number in range(2)]
    districts = [District.objects.create(town=town) for town in towns]
    districts[0].neighbours.add(districts[1])
    ticket = Ticket.objects.create(code=uuid.UUID(int=7))
    place = Place.objects.create(path="a/path/with a space")
    Visit.objects.create(author=author, day=MOMENT.date())
    first = Everything.objects.create(
        **VALUES,
        author=author,
        editor=author,
        named=author,
        shop=shop,
        district=districts[0],
        ticket=ticket,
        place=place,
    )
    Everything.objects.filter(pk=first.pk).update(parent=first)
    Ours.objects.create(
        numbers=[1, 2], prices=[D("1.50")], state="on", mail="a@example.org", site=None
    )


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, connect):
    name = f"i{uuid.uuid4().hex[:8]}"
    return connect(**kind_settings(*request.param, name))


def by_migrate(connection, models_):
    with connection.schema_editor() as editor:
        for model in models_:
            if not model._meta.auto_created:  # made with the model of the field
                editor.create_model(model)


def by_appwrite_migrate(connection, models_):
    migrate(
        connection.transport,
        described(connection, models_),
        Options(engine=connection.engine),
        hidden=HiddenValues(connection),
    )


def described(connection, models_):
    return with_own_tables(
        read_models(
            connection.database_id,
            models_,
            partial(fill_of, connection=connection),
            connection.engine,
        )
    )


def inspected(command, *tables):
    out = StringIO()
    call_command(command, *tables, database="appwrite", stdout=out)
    return out.getvalue()


@contextlib.contextmanager
def models_of(source):
    with isolate_apps("tests.library") as registry:
        yield {table_id(one._meta.db_table): one for one in models_from(source, registry)}


def rows_of(model, columns):
    """Return all rows of a table, by the names of their columns in Django."""
    fields = [field for field in model._meta.concrete_fields if field.column in columns]
    assert {field.column for field in fields} == set(columns)
    found = [
        {field.column: plain(getattr(one, field.attname)) for field in fields}
        for one in model._base_manager.using("appwrite")
    ]
    return sorted(found, key=str)


def plain(value):
    return value.name if isinstance(value, models.fields.files.FieldFile) else value


def assert_same_rows(made, found):
    columns = [field.column for field in made._meta.concrete_fields]
    rows = rows_of(made, columns)
    assert rows
    assert rows_of(found, columns) == rows


@pytest.mark.parametrize("road", [by_migrate, by_appwrite_migrate])
def test_the_same_rows(server, road):
    road(server, MODELS)
    fill()
    with models_of(inspected("inspectdb")) as found:
        for model in found.values():
            assert model.check(databases=["appwrite"]) == []
        for model in MODELS:
            assert_same_rows(model, found[table_id(model._meta.db_table)])
        plan = plan_for(
            server.transport,
            described(server, found.values()),
            Options(engine=server.engine),
        )
        # What only Python knows of the conditional constraint.
        assert [str(step) for step in plan.steps if "unique__one_true_char" not in str(step)] == []
        everything = found["library_everything"]
        kinds = {
            field.column: (type(field).__name__, field.related_model and field.related_model._meta.db_table)
            for field in everything._meta.local_fields
        }  # fmt: skip
        assert kinds["author_id"] == ("ForeignKey", "library_author")
        assert kinds["named_id"] == ("ForeignKey", "library_author")
        assert everything._meta.get_field("named").target_field.column == "name"
        assert kinds["the shop"] == ("OneToOneField", "library_shop")
        assert kinds["district_id"] == ("ForeignKey", "library_district")
        assert kinds["place_id"] == ("ForeignKey", Place._meta.db_table)
        assert kinds["parent_id"] == ("ForeignKey", "library_everything")
        assert kinds["id"] == ("BigAutoField", None)
        assert not everything._meta.get_field("default").null
        assert found["library_district"]._meta.pk.column == "town_id"
        assert found["library_town"]._meta.pk.column == "number"
        # Other tables than those that are asked for are not referred to.
        alone = inspected("inspectdb", "library_everything")
        assert "models.ForeignKey('self', models.PROTECT" in alone
        assert "LibraryAuthor" not in alone
        # Both go through the inspected relation.
        one = everything._base_manager.using("appwrite").get(author__name="Ann")
        assert (one.parent, one.place.path) == (one, "a/path/with a space")


def test_the_same_rows_in_models_of_django(server):
    """Without our app, ``inspectdb`` is Django's; it has no arrays and no enums."""
    by_migrate(server, MODELS)
    fill()
    names = [model._meta.db_table for model in MODELS if model is not Ours]
    source = inspected(django_inspectdb.Command(), *names)
    assert "Unable to inspect" not in source
    assert "guess" not in source
    with models_of(source) as found:
        for model in MODELS:
            if model is not Ours and model is not Shop:
                assert_same_rows(model, found[table_id(model._meta.db_table)])
        (shop,) = found["library_shop"]._base_manager.using("appwrite")
        assert (shop.pk, shop.name) == (Shop.objects.get().pk, "corner")
        assert found["library_everything"]._base_manager.using("appwrite").get().the_shop == shop
        assert (
            found["library_everything"]._meta.get_field("author").related_model
            is found["library_author"]
        )


CONTRIB = ["sites", "flatpages", "redirects"]


@pytest.fixture
def registered():
    """Take from the admin what these apps register there; they are not installed in other tests."""
    before = set(admin.site._registry)
    yield
    for model in set(admin.site._registry) - before:
        admin.site.unregister(model)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3], KINDS[4]], ids="-".join)
def test_tables_of_django(connect, kind, registered):
    connection = connect(**kind_settings(*kind, f"i{uuid.uuid4().hex[:8]}"))
    installed = {"append": [f"django.contrib.{label}" for label in CONTRIB]}
    # Without routers, content types are not looked for in another database.
    with modify_settings(INSTALLED_APPS=installed), override_settings(DATABASE_ROUTERS=[]):
        from django.apps import apps

        made = [
            model
            for label in ("admin", "auth", "contenttypes", "sessions", *CONTRIB)
            for model in apps.get_app_config(label).get_models(include_auto_created=True)
        ]
        by_appwrite_migrate(connection, made)
        here = {model.__name__: model._base_manager.using("appwrite") for model in made}
        type_ = here["ContentType"].create(app_label="library", model="book")
        permission = here["Permission"].create(name="Can", content_type=type_, codename="can")
        user = here["User"].create(username="ann", password="!", email="a@example.org")
        group = here["Group"].create(name="readers")
        here["Group_permissions"].create(group=group, permission=permission)
        here["User_groups"].create(user=user, group=group)
        here["User_user_permissions"].create(user=user, permission=permission)
        here["Session"].create(session_key="k" * 32, session_data="data", expire_date=MOMENT)
        here["LogEntry"].create(
            user=user, content_type=type_, object_id="1", object_repr="x", action_flag=1
        )
        site = here["Site"].create(domain="example.org", name="here")
        page = here["FlatPage"].create(url="/a/", title="a", content="text")
        here["FlatPage_sites"].create(flatpage=page, site=site)
        here["Redirect"].create(site=site, old_path="/b/", new_path="/a/")
        for command in ("inspectdb", django_inspectdb.Command()):
            tables = [model._meta.db_table for model in made]
            with models_of(inspected(command, *tables)) as found:
                for model in found.values():
                    assert model.check(databases=["appwrite"]) == []
                for model in made:
                    assert_same_rows(model, found[table_id(model._meta.db_table)])
    ContentType.objects.clear_cache()
