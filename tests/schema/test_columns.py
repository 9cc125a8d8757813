"""Which column each field gets."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import models
from django.db.models.functions import Lower, Now
from django.test.utils import isolate_apps

from appwrite_orm_django.fields import ArrayField, EnumField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.definitions import Column
from appwrite_orm_django.schema.errors import UnsupportedModel


def column_of(field, **others):
    with isolate_apps("tests.library"):
        namespace = {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "library"}),
            "f": field,
            **others,
        }
        model = type("Thing", (models.Model,), namespace)
        return column_for(model._meta.get_field("f"))


@pytest.mark.parametrize(
    ("field", "column"),
    [
        (models.CharField(max_length=100), "varchar(100) required"),
        (models.CharField(max_length=100, null=True), "varchar(100)"),
        (models.CharField(max_length=16381), "varchar(16381) required"),
        (models.CharField(max_length=16382), "text required"),
        (models.CharField(max_length=16383), "text required"),
        (models.CharField(max_length=16384), "mediumtext required"),
        (models.CharField(max_length=5_000_000), "longtext required"),
        (models.CharField(), "longtext required"),
        (models.CharField(max_length=1, choices=[("a", "A")]), "varchar(1) required"),
        (models.SlugField(), "varchar(50) required"),
        (models.FileField(), "varchar(100) required"),
        (models.FilePathField(max_length=300), "varchar(300) required"),
        (models.TextField(), "longtext required"),
        (models.JSONField(), "longtext required"),
        (models.BinaryField(), "longtext required"),
        (models.EmailField(), "varchar(254) required"),
        (models.EmailField(null=True, blank=True), "email"),
        (models.EmailField(blank=True), "varchar(254) required"),
        (models.EmailField(max_length=300), "varchar(300) required"),
        (models.URLField(), "varchar(200) required"),
        (models.URLField(null=True), "url"),
        (models.URLField(blank=True), "varchar(200) required"),
        (models.URLField(max_length=2001), "varchar(2001) required"),
        (models.GenericIPAddressField(), "ip required"),
        (models.UUIDField(), "varchar(36) required"),
        (models.BooleanField(), "boolean required"),
        (models.FloatField(), "double required"),
        (models.SmallIntegerField(), "integer -32768..32767 required"),
        (models.IntegerField(), "bigint required"),
        (models.BigIntegerField(), "bigint required"),
        (models.PositiveSmallIntegerField(), "integer 0..32767 required"),
        (models.PositiveIntegerField(), "bigint 0.. required"),
        (models.PositiveBigIntegerField(), "bigint 0.. required"),
        (models.DecimalField(max_digits=6, decimal_places=2), "bigint -999999..999999 required"),
        (
            models.DecimalField(max_digits=18, decimal_places=2),
            "bigint -999999999999999999..999999999999999999 required",
        ),
        (models.DecimalField(max_digits=19, decimal_places=2), "varchar(22) required"),
        (models.DateField(), "datetime required"),
        (models.DateTimeField(), "datetime required"),
        (models.TimeField(), "varchar(32) required"),
        (models.DurationField(), "bigint required"),
        (EnumField(choices=[("a", "A"), ("b", "B")]), "enum(a, b) required"),
        (ArrayField(models.CharField(max_length=5)), "varchar(5)[]"),
        (ArrayField(models.PositiveSmallIntegerField()), "integer[] 0..32767"),
        (models.CharField(max_length=5, db_default="x"), "varchar(5) default 'x'"),
        (models.IntegerField(db_default=models.Value(3)), "bigint default 3"),
        (models.BooleanField(db_default=False), "boolean default False"),
        (models.FloatField(db_default=1), "double default 1.0"),
        (
            models.DecimalField(max_digits=3, decimal_places=2, db_default=Decimal("3.33")),
            "bigint -999..999 default 333",
        ),
        (
            models.DateField(db_default=date(2026, 1, 2)),
            "datetime default '2026-01-02T00:00:00.000+00:00'",
        ),
        (
            models.DateTimeField(
                db_default=datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
            ),
            "datetime default '2026-01-02T01:00:00.000+00:00'",
        ),
        (models.TimeField(db_default=time(14, 30)), "varchar(32) default '14:30:00.000000'"),
        (models.DurationField(db_default=timedelta(seconds=1)), "bigint default 1000000"),
        (
            models.UUIDField(db_default=UUID(int=1)),
            "varchar(36) default '00000000-0000-0000-0000-000000000001'",
        ),
        (models.JSONField(db_default={"a": 1}), """longtext default '{"a": 1}'"""),
        (EnumField(choices=[("a", "A")], db_default="a"), "enum(a) default 'a'"),
        # What Appwrite cannot hold is written by Django; other clients then have to say something.
        (models.IntegerField(db_default=5, null=True), "bigint"),
        (models.DateTimeField(db_default=Now()), "datetime required"),
        (models.BinaryField(db_default=b"x"), "longtext required"),
        (models.TextField(db_default='{"method":"toggle","values":[]}'), "longtext required"),
    ],
    ids=str,
)
def test_types(field, column):
    assert str(column_of(field)) == column


@pytest.mark.parametrize(
    "parent", [models.CharField(max_length=7), models.AutoField, models.IntegerField]
)
def test_a_subclass_gets_the_column_of_its_parent(parent):
    class Special(models.PositiveSmallIntegerField):
        pass

    assert column_of(Special()).max == 2**15 - 1


def test_a_field_may_choose_for_itself():
    class Point(models.Field):
        def appwrite_column(self, key):
            return Column(key, "point")

    assert column_of(Point(db_column="where")) == Column("where", "point")


class TestRelations:
    @isolate_apps("tests.library")
    def test_to_a_primary_key_is_a_row_id(self):
        class Target(models.Model):
            class Meta:
                app_label = "library"

        class Child(Target):
            class Meta:
                app_label = "library"

        class Source(models.Model):
            a = models.ForeignKey(Target, models.CASCADE)
            b = models.OneToOneField(Child, models.SET_NULL, null=True, related_name="+")
            many = models.ManyToManyField(Target, related_name="+")

            class Meta:
                app_label = "library"

        assert column_for(Source._meta.get_field("a")) == Column(
            "a_id", "varchar", 36, required=True
        )
        assert column_for(Source._meta.get_field("b")) == Column("b_id", "varchar", 36)
        assert column_for(Source._meta.get_field("many")) is None
        assert column_for(Child._meta.get_field("target_ptr")) is None

    @isolate_apps("tests.library")
    def test_to_another_field_is_of_its_type(self):
        class Target(models.Model):
            code = models.CharField(max_length=7, unique=True)
            number = models.PositiveBigIntegerField(unique=True)
            kind = EnumField(choices=[("a", "A")], unique=True)

            class Meta:
                app_label = "library"

        class Source(models.Model):
            a = models.ForeignKey(Target, models.CASCADE, to_field="code", null=True)
            b = models.ForeignKey(Target, models.CASCADE, to_field="number", related_name="+")
            c = models.ForeignKey(Target, models.CASCADE, to_field="kind", related_name="+")

            class Meta:
                app_label = "library"

        columns = [str(column_for(Source._meta.get_field(name))) for name in "abc"]
        assert columns == ["varchar(7)", "bigint 0.. required", "enum(a) required"]


class TestNoColumn:
    def test_the_primary_key(self):
        with isolate_apps("tests.library"):

            class Thing(models.Model):
                uid = models.UUIDField(primary_key=True, default=uuid.uuid4)

                class Meta:
                    app_label = "library"

            assert column_for(Thing._meta.pk) is None

    @isolate_apps("tests.library")
    def test_system_columns(self):
        class Thing(AppwriteModel):
            class Meta:
                app_label = "library"

        assert [column_for(field) for field in Thing._meta.concrete_fields] == [None, None, None]


class TestRefusals:
    @pytest.mark.parametrize(
        ("field", "message"),
        [
            (
                models.IntegerField(db_default=models.F("other")),
                "a db_default cannot read columns or tables",
            ),
            (models.IntegerField(db_default="x"), "db_default='x' is not a valid value"),
            (
                models.CharField(max_length=5, db_default="longer"),
                "db_default has 6 characters, the column holds 5",
            ),
            (models.DecimalField(), "maximum length for decimals"),
        ],
    )
    def test_options(self, field, message):
        with pytest.raises(UnsupportedModel, match=message) as caught:
            column_of(field)
        assert str(caught.value).startswith("library.Thing.f: ")
        assert "\nWay out: " in str(caught.value)

    def test_a_field_of_an_unknown_type_names_the_hook(self):
        class Odd(models.Field):
            def db_type(self, connection):
                return "odd"

        with pytest.raises(
            UnsupportedModel,
            match=r"no column for Odd, whose db_type\(\) is 'odd'\.\nWay out: .*appwrite_column\(key\)",
        ):
            column_of(Odd())

    def test_a_computed_column(self):
        generated = models.GeneratedField(
            expression=Lower("name"), output_field=models.CharField(max_length=5), db_persist=True
        )
        with pytest.raises(
            UnsupportedModel,
            match=r"cannot compute a column.\nWay out: compute the value in save\(\)",
        ):
            column_of(generated, name=models.CharField(max_length=5))


def test_a_generic_foreign_key_is_two_ordinary_columns():
    with isolate_apps("tests.library", "django.contrib.contenttypes"):

        class Thing(models.Model):
            object_id = models.PositiveIntegerField()
            target = GenericForeignKey("kind", "object_id")

            class Meta:
                app_label = "library"

        assert [field.name for field in Thing._meta.local_concrete_fields] == ["id", "object_id"]
