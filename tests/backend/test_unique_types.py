"""Whatever a model declares as unique is, over columns of each type, on each engine."""

import datetime
import decimal
import uuid

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import F, UniqueConstraint
from django.test.utils import isolate_apps

from appwrite_orm_django.fields import EnumField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.from_server import read_database
from tests.kinds import KINDS, kind_settings, make_tables

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
D = decimal.Decimal
UTC = datetime.timezone.utc

with isolate_apps("tests.library"):

    class Person(models.Model):
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"

    class Alone(AppwriteModel):
        """A unique field of each type."""

        text = models.CharField(max_length=20, null=True, unique=True)
        long_text = models.TextField(null=True, unique=True)
        slug = models.SlugField(null=True, unique=True)
        email = models.EmailField(null=True, unique=True)
        url = models.URLField(null=True, unique=True)
        ip = models.GenericIPAddressField(null=True, unique=True)
        integer = models.IntegerField(null=True, unique=True)
        small = models.SmallIntegerField(null=True, unique=True)
        big = models.BigIntegerField(null=True, unique=True)
        boolean = models.BooleanField(null=True, unique=True)
        float = models.FloatField(null=True, unique=True)
        decimal = models.DecimalField(max_digits=8, decimal_places=2, null=True, unique=True)
        long_decimal = models.DecimalField(max_digits=30, decimal_places=10, null=True, unique=True)
        datetime = models.DateTimeField(null=True, unique=True)
        date = models.DateField(null=True, unique=True)
        time = models.TimeField(null=True, unique=True)
        duration = models.DurationField(null=True, unique=True)
        uuid = models.UUIDField(null=True, unique=True)
        enum = EnumField(choices=[("a", "A"), ("b", "B")], null=True, unique=True)
        person = models.OneToOneField(Person, models.CASCADE, null=True)

        class Meta:
            app_label = "library"

    class Together(AppwriteModel):
        """Unique sets of columns of several types."""

        text = models.CharField(max_length=20, null=True)
        integer = models.IntegerField(null=True)
        flag = models.BooleanField(null=True)
        moment = models.DateTimeField(null=True)
        weight = models.FloatField(null=True)
        other = models.CharField(max_length=20, null=True)

        class Meta:
            app_label = "library"
            unique_together = [("text", "integer"), ("integer", "weight")]
            constraints = [
                UniqueConstraint(fields=["moment", "flag"], name="a_moment_and_a_flag"),
                UniqueConstraint(fields=["text", "other"], name="two_texts"),
                UniqueConstraint(fields=["other", "flag", "weight"], name="three_of_them"),
            ]


MODELS = (Person, Alone, Together)
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 1, 500000, tzinfo=UTC)
VALUES = {
    "text": ("a", "b"), "long_text": ("a" * 5000, "b"), "slug": ("a", "b"), "email": ("a@example.org", "b@example.org"),
    "url": ("https://example.org/a", "https://example.org/b"), "ip": ("::1", "10.0.0.1"), "integer": (7, 0), "small": (-1, 1),
    "big": (2**62, 3), "boolean": (True, False), "float": (3.0, 3.5), "decimal": (D("1.50"), D("0")),
    "long_decimal": (D("1.5"), D("12345678901234567890.5")), "datetime": (MOMENT, MOMENT.replace(microsecond=0)),
    "date": (MOMENT.date(), datetime.date(1999, 1, 1)), "time": (datetime.time(12, 30, 0, 1), datetime.time(0)),
    "duration": (datetime.timedelta(days=1, microseconds=1), datetime.timedelta(0)), "uuid": (uuid.UUID(int=1), uuid.UUID(int=2)),
    "enum": ("a", "b"),
}  # fmt: skip
SETS = {
    ("text", "integer"): ("a", 1, "b", 2),
    ("integer", "weight"): (1, 2.0, 2, 2.5),
    ("moment", "flag"): (MOMENT, False, MOMENT.replace(month=3), True),
    ("text", "other"): ("a", "b", "b", "a"),
    ("other", "flag", "weight"): ("a", True, 3.0, "b", False, 3.5),
}


@pytest.fixture(params=[kind for kind in KINDS if kind[0] == "1.9"], ids="-".join)
def server(request, connect):
    connection = connect(**kind_settings(*request.param, "unique-types"))
    make_tables(connection, MODELS)
    yield connection
    for model in reversed(MODELS):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


def refused(fields):
    """Expect an error that names these fields' columns."""
    return pytest.raises(IntegrityError, match=".*".join(map(str, fields)))


def check(model, same, other):
    """Try every way by which a second row could get the values of the first."""
    first, second = model.objects.create(**same), model.objects.create(**other)
    fields, them = list(same), model.objects.filter(pk=second.pk)
    with refused(fields):
        model.objects.create(**same)
    with refused(fields):
        model.objects.bulk_create([model(**other), model(**same)])
    with refused(fields):
        them.update(**same)
    if len(fields) > 1:
        them.update(**{name: same[name] for name in fields[1:]})
        with refused(fields):
            them.update(**{fields[0]: same[fields[0]]})
        them.update(**other)
    for name, value in same.items():
        setattr(second, name, value)
    with refused(fields):
        second.save()
    with refused(fields), transaction.atomic("appwrite"):
        model.objects.bulk_update([second], fields)
        model.objects.create()
    with refused(fields), transaction.atomic("appwrite"):
        model.objects.create()
        model.objects.create(**same)
    assert model.objects.get_or_create(**same) == (first, False)
    assert model.objects.bulk_create([model(**same)], ignore_conflicts=True)
    model.objects.bulk_create(
        [model(**same)], update_conflicts=True, unique_fields=fields, update_fields=fields
    )
    assert model.objects.filter(**same).count() == 1
    assert model.objects.count() == 2
    # Freed values can be taken, a null by any number of rows.
    first.delete()
    second.save()
    assert model.objects.filter(**same).get() == second
    empty = dict.fromkeys(fields[:1])
    model.objects.bulk_create([model(**{**other, **empty}) for _ in range(2)])
    model.objects.all().delete()


@pytest.mark.parametrize("name", VALUES)
def test_a_unique_field(server, name):
    same, other = VALUES[name]
    check(Alone, {name: same}, {name: other})


def test_a_one_to_one_field(server):
    first, second = Person.objects.create(name="a"), Person.objects.create(name="b")
    check(Alone, {"person": first}, {"person": second})


@pytest.mark.parametrize("names", SETS, ids="-".join)
def test_a_unique_set(server, names):
    values = SETS[names]
    check(
        Together,
        dict(zip(names, values[: len(names)], strict=True)),
        dict(zip(names, values[len(names) :], strict=True)),
    )


def test_an_increment_into_another_row(server):
    Alone.objects.create(integer=8)
    row = Alone.objects.create(integer=7)
    with refused(["integer"]):
        Alone.objects.filter(pk=row.pk).update(integer=F("integer") + 1)
    with refused(["integer"]), transaction.atomic("appwrite"):
        Alone.objects.filter(pk=row.pk).update(integer=F("integer") + 1)
        Alone.objects.create()
    row.refresh_from_db()
    assert row.integer == 7
    Alone.objects.filter(pk=row.pk).update(integer=F("integer") + 2)
    with refused(["integer"]):
        Alone.objects.create(integer=9)
    Alone.objects.create(integer=7)


def test_many_rows_at_once(server):
    Alone.objects.bulk_create([Alone(integer=number) for number in range(3)])
    with refused(["integer"]):
        Alone.objects.update(integer=5)
    assert set(Alone.objects.values_list("integer", flat=True)) == {0, 1, 2}


def test_two_rows_exchange_their_values(server):
    first, second = Alone.objects.create(integer=1), Alone.objects.create(integer=2)
    with transaction.atomic("appwrite"):
        Alone.objects.filter(pk=first.pk).update(integer=None)
        Alone.objects.filter(pk=second.pk).update(integer=1)
        Alone.objects.filter(pk=first.pk).update(integer=2)
    assert [Alone.objects.get(pk=row.pk).integer for row in (first, second)] == [2, 1]


def test_no_unique_index_is_over_columns_for_which_the_engine_does_not_enforce_it(server):
    types = server.engine.unique_types
    for table in read_database(server.transport, server.database_id):
        unique = [index for index in table.indexes if index.type == "unique"]
        held = {table.column(key).type for index in unique for key in index.columns}
        if table.id == "library_alone":
            assert len(unique) == len(VALUES) + 1
            assert types is None or held <= types
