"""Custom fields, which only say the name of their type: what is written and read is as on SQLite."""

import datetime
import decimal
import json
import uuid
from dataclasses import dataclass

import pytest
from django.db import DataError, IntegrityError, OperationalError, connections, models, transaction
from django.db.models.functions import Concat
from django.test.utils import isolate_apps

from appwrite_orm_django.checks.models import check_model
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.errors import UnsupportedModel
from tests.fixtures import tables_of
from tests.kinds import level_settings

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.local_only("makes tables on a server of its own"),
]
UTC = datetime.timezone.utc
AN_ID = uuid.UUID(int=5)


class Typed(models.Field):
    """A field with any type, whose values are left alone."""

    def __init__(self, *args, type_=None, **kwargs):
        self.type_ = type_
        super().__init__(*args, **kwargs)

    def db_type(self, connection):
        return self.type_

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "type_": self.type_}


class Hexadecimal(models.IntegerField):
    """A field of Django's that is stored in another way than its parent."""

    def db_type(self, connection):
        return "varchar(20)"

    def get_db_prep_value(self, value, connection, prepared=False):
        return value if value is None else f"{value:x}"

    def from_db_value(self, value, expression, connection):
        return value if value is None else int(value, 16)


class Upper(models.CharField):
    def get_prep_value(self, value):
        return None if value is None else value.upper()

    def from_db_value(self, value, expression, connection):
        return None if value is None else value.lower()


@dataclass(frozen=True, order=True)
class Place:
    x: int
    y: int


class Point(models.Field):
    """A field whose values are objects."""

    def db_type(self, connection):
        return "varchar(40)"

    def get_prep_value(self, value):
        return f"{value.x}:{value.y}" if isinstance(value, Place) else value

    def to_python(self, value):
        return Place(*map(int, value.split(":"))) if isinstance(value, str) else value

    def from_db_value(self, value, expression, connection):
        return self.to_python(value)


class Numeric(models.CharField):
    """Texts in a column of numbers."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 10, **options})

    def db_type(self, connection):
        return "bigint"

    def get_prep_value(self, value):
        return None if value is None else int(value)

    def from_db_value(self, value, expression, connection):
        return None if value is None else str(value)


class Document(models.Field):
    def db_type(self, connection):
        return "jsonb" if connection.vendor == "postgresql" else "json"

    def get_prep_value(self, value):
        return json.dumps(value)

    def from_db_value(self, value, expression, connection):
        return json.loads(value)


@pytest.fixture
def make_model(connect):
    connection = connect(**level_settings("1.9", "custom"))
    made = []

    def make(field, name="Custom"):
        with isolate_apps("tests.library"):
            meta = type("Meta", (), {"app_label": "library"})
            model = type(
                name, (models.Model,), {"value": field, "Meta": meta, "__module__": __name__}
            )
        for each in (connection, connections["default"]):
            with each.schema_editor() as editor:
                editor.create_model(model)
            made.append((each, model))
        return model

    yield make
    for each, model in made:
        with each.schema_editor() as editor:
            editor.delete_model(model)


TYPES = [
    ("varchar(25)", "varchar(25)", "tea", "tea"),
    ("VARCHAR(25) COLLATE nocase", "varchar(25)", "tea", "tea"),
    ("character varying(25)", "varchar(25)", "tea", "tea"),
    ("char(2)", "varchar(2)", "de", "de"),
    ("varchar", "longtext", "tea", "tea"),
    ("text", "longtext", "a" * 300, "a" * 300),
    ("text", "longtext", 5, "5"),
    ("integer", "bigint", 7, 7),
    ("integer", "bigint", "7", 7),
    ("integer unsigned", "bigint 0..", 7, 7),
    ("bigint", "bigint", 2**40, 2**40),
    ("smallint", "integer -32768..32767", -3, -3),
    ("boolean", "boolean", True, True),
    ("tinyint(1)", "boolean", 0, 0),
    ("double precision", "double", 0.25, 0.25),
    ("real", "double", 1.5, 1.5),
    ("date", "datetime", datetime.date(2026, 1, 2), datetime.date(2026, 1, 2)),
    ("date", "datetime", "2026-01-02", datetime.date(2026, 1, 2)),
    ("json", "longtext", '{"a": 1}', '{"a": 1}'),
]


class TestTypes:
    @pytest.mark.parametrize(("declared", "column", "given", "read"), TYPES)
    def test_a_type_is_mapped_and_its_values_come_back_as_from_sqlite(
        self, make_model, declared, column, given, read
    ):
        model = make_model(Typed(type_=declared, null=True))
        assert str(column_for(model._meta.get_field("value"))) == column
        for alias in ("default", "appwrite"):
            rows = model.objects.using(alias)
            rows.create(value=given)
            rows.create(value=None)
            assert list(rows.values_list("value", flat=True).order_by("pk")) == [read, None]
            assert rows.filter(value=given).count() == 1
            assert rows.get(value=given).value == read

    @pytest.mark.parametrize(
        ("declared", "given", "read"),
        [
            ("numeric(10,2)", "3.50", decimal.Decimal("3.50")),
            ("decimal(4, 1)", decimal.Decimal("1.5"), decimal.Decimal("1.5")),
            (
                "timestamp with time zone",
                datetime.datetime(2026, 1, 2, tzinfo=UTC),
                datetime.datetime(2026, 1, 2, tzinfo=UTC),
            ),
            ("datetime", "2026-01-02 03:04:05", datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("time", datetime.time(3, 4), datetime.time(3, 4)),
            ("interval", datetime.timedelta(minutes=2), datetime.timedelta(minutes=2)),
            ("uuid", AN_ID, AN_ID),
            ("uuid", AN_ID.hex, AN_ID),
            ("bytea", b"\0a", b"\0a"),
            ("inet", "10.0.0.1", "10.0.0.1"),
        ],
    )
    def test_types_that_sqlite_has_not_come_back_as_from_postgresql(
        self, make_model, declared, given, read
    ):
        rows = make_model(Typed(type_=declared)).objects.using("appwrite")
        rows.create(value=given)
        assert rows.get().value == read
        assert rows.filter(value=given).exists()

    def test_text_in_the_place_of_a_number_or_a_date_is_an_error(self, make_model):
        for number, declared in enumerate(("integer", "boolean", "date", "timestamp", "uuid")):
            model = make_model(Typed(type_=declared), f"Custom{number}")
            with pytest.raises(DataError, match="value"):
                model.objects.using("appwrite").create(value="tea")

    def test_what_no_column_holds_is_an_error_as_on_sqlite(self, make_model):
        model = make_model(Typed(type_="text"))
        for value in ({"a": 1}, [1], object()):
            with pytest.raises(DataError, match="a text column cannot hold a"):
                model.objects.using("appwrite").create(value=value)

    def test_a_field_that_differs_from_its_parent(self, make_model):
        model = make_model(Hexadecimal())
        assert str(column_for(model._meta.get_field("value"))) == "varchar(20) required"
        for alias in ("default", "appwrite"):
            model.objects.using(alias).create(value=255)
            assert model.objects.using(alias).get().value == 255

    def test_a_document(self, make_model):
        model = make_model(Document())
        for alias in ("default", "appwrite"):
            model.objects.using(alias).create(value={"a": [1]})
            assert model.objects.using(alias).get().value == {"a": [1]}

    @pytest.mark.parametrize(
        "of_result", [models.Field(), Typed(), Typed(type_="geometry"), Typed(type_="text")]
    )
    def test_an_expression_may_have_any_type(self, make_model, of_result):
        model = make_model(Typed(type_="varchar(9)"))
        for alias in ("default", "appwrite"):
            rows = model.objects.using(alias)
            rows.create(value="tea")
            computed = rows.annotate(both=Concat("value", "value", output_field=of_result.clone()))
            assert [row.both for row in computed.filter(both="teatea")] == ["teatea"]
            extra = rows.extra(select={"both": "value || %s"}, select_params=["s"])
            assert [row.both for row in extra] == ["teas"]

    def test_a_primary_key(self, make_model):
        model = make_model(Typed(type_="char(8)", primary_key=True))
        model.objects.using("appwrite").create(value="k1")
        assert model.objects.using("appwrite").get(value="k1").pk == "k1"


class TestKeys:
    """Primary keys whose values are written in another way than the parent's, and keys to them."""

    @pytest.fixture
    def pair(self, connect, request):
        connect(**level_settings("1.9", "custom"))
        with isolate_apps("tests.library"):

            class Code(models.Model):
                code = request.param.clone()
                name = models.CharField(max_length=20)

                class Meta:
                    app_label = "library"

            class Use(models.Model):
                of = models.ForeignKey(Code, models.CASCADE, null=True, related_name="uses")

                class Meta:
                    app_label = "library"

        with tables_of(Code, Use, aliases=("appwrite", "default")):
            yield Code, Use

    @pytest.mark.parametrize(
        ("pair", "values"),
        [
            (Hexadecimal(primary_key=True), [0, 255, -7, 2**60]),
            (Typed(type_="varchar(40)", primary_key=True), ["a b", "0", "own-id"]),
            (Typed(type_="bigint", primary_key=True), [0, 7, -7]),
            (Upper(max_length=20, primary_key=True), ["eur", "a/b"]),
            (Point(primary_key=True), [Place(1, 2), Place(0, -5)]),
            (Numeric(primary_key=True), ["7", "12"]),
        ],
        indirect=["pair"],
        ids=[
            "numbers as text",
            "text",
            "numbers",
            "another spelling",
            "objects",
            "text as numbers",
        ],
    )
    def test_they_are_as_on_sqlite(self, pair, values):
        code, use = pair
        found = {}
        for alias in ("default", "appwrite"):
            codes, uses = code.objects.using(alias), use.objects.using(alias)
            for number, value in enumerate(values):
                made = codes.create(pk=value, name=str(number))
                uses.create(of=made)
            uses.create()
            seen = [sorted(codes.values_list("name", "pk"))]
            for number, value in enumerate(values):
                row = codes.get(pk=value)
                assert row.name == str(number)
                row.name += "!"
                row.save(using=alias)
                seen += [
                    row.pk,
                    codes.filter(pk__in=[value]).count(),
                    codes.exclude(pk=value).count(),
                ]
                seen += [uses.filter(of=value).count(), uses.filter(of__name=row.name).count()]
                assert row.uses.using(alias).get().of == row
                with pytest.raises(IntegrityError), transaction.atomic(using=alias):
                    codes.create(pk=value, name="again")
            seen.append(sorted(row.of.name for row in uses.exclude(of=None).select_related("of")))
            with_uses = codes.prefetch_related(models.Prefetch("uses", uses.all()))
            seen.append(sorted(row.name for row in with_uses if row.uses.all()))
            seen.append(codes.in_bulk([values[0]])[seen[0][0][1]].name)
            seen.append(codes.filter(pk=values[0]).update(name="changed"))
            with transaction.atomic(using=alias):
                seen.append(codes.get(pk=values[0]).delete(using=alias)[0])
                seen.append(codes.filter(pk=values[0]).exists())
            seen.append((codes.count(), uses.count()))
            found[alias] = seen
        assert found["appwrite"] == found["default"]


class TestNoColumn:
    @pytest.fixture(params=[Typed(), models.Field()], ids=["says None", "says nothing"])
    def model(self, request, make_model):
        return make_model(request.param.clone())

    def test_queries_that_name_the_field_fail_as_on_sqlite(self, model):
        for alias in ("default", "appwrite"):
            rows = model.objects.using(alias)
            with pytest.raises(OperationalError, match="value"):
                rows.create(value="a")
            with pytest.raises(OperationalError, match=r"no such column.*value"):
                list(rows.all())
            with pytest.raises(OperationalError, match=r"no such column.*value"):
                rows.filter(value="a").count()

    def test_others_work(self, model):
        rows = model.objects.using("appwrite")
        assert list(rows.defer("value")) == []
        assert rows.count() == 0
        computed = rows.annotate(twice=models.F("pk") + models.F("pk")).order_by("twice")
        assert list(computed.values_list("twice", flat=True)) == []

    def test_a_check_says_so(self, model):
        (message,) = check_model(model)
        assert message.id == "appwrite.W006"
        assert "db_type() is None" in message.msg


@isolate_apps("tests.library")
@pytest.mark.parametrize(
    "field", [Typed(type_="geometry(Point, 4326)"), Typed(type_="numeric"), Typed(type_="hstore")]
)
def test_a_type_that_nobody_can_know_is_refused(field):
    class Place(models.Model):
        value = field.clone()

        class Meta:
            app_label = "library"

    with pytest.raises(UnsupportedModel, match=r"appwrite_column\(key\)"):
        column_for(Place._meta.get_field("value"))
    assert [message.id for message in check_model(Place)] == ["appwrite.E003"]
