"""What rows get that are there when a field is added: Django's own effective default, as the server stores it."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import DataError, connections, models
from django.db.models.functions import Lower, Now
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.fields import ArrayField, EnumField
from appwrite_orm_django.schema.definitions import Computed, value_of

pytestmark = pytest.mark.django_db(databases=["appwrite"])

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678912, tzinfo=timezone.utc)


class Shouting(models.CharField):
    """A field whose values are written in another way than they are read."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return None if value is None else value.upper()


def fill(field, name="f"):
    """Return the fill of a field in a model of its own."""
    with isolate_apps("tests.library"):

        class Target(models.Model):
            number = models.IntegerField(unique=True)

            class Meta:
                app_label = "library"

        class Thing(models.Model):
            class Meta:
                app_label = "library"

        Thing.add_to_class(name, field)
        return fill_of(Thing._meta.get_field(name), connections["appwrite"])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (models.IntegerField(), None),
        (models.IntegerField(null=True), None),
        (models.IntegerField(null=True, default=5), 5),
        (models.IntegerField(default=3), 3),
        (models.IntegerField(default="3"), 3),
        (models.CharField(max_length=5), None),
        (models.CharField(max_length=5, default=""), ""),
        (models.CharField(max_length=5, blank=True), ""),
        (models.CharField(max_length=5, blank=True, null=True), None),
        (models.TextField(blank=True), ""),
        (models.FileField(), None),
        (models.FileField(blank=True), ""),
        (models.SlugField(blank=True), ""),
        (models.EmailField(blank=True), ""),
        (models.BinaryField(blank=True), ""),
        (models.BinaryField(default=b"abc"), "YWJj"),
        (models.BooleanField(default=False), False),
        (models.FloatField(default=1), 1.0),
        (models.DecimalField(max_digits=5, decimal_places=2, default=3), 300),
        (models.DecimalField(max_digits=5, decimal_places=2, default="3.10"), 310),
        (models.DecimalField(max_digits=30, decimal_places=2, default=Decimal("3.1")), "3.10"),
        (models.DurationField(default=timedelta(seconds=1)), 1_000_000),
        (models.DateField(default=date(2026, 1, 2)), "2026-01-02T00:00:00.000+00:00"),
        (models.DateTimeField(default=MOMENT), "2026-01-02T03:04:05.678+00:00"),
        (models.TimeField(default=time(14, 30)), "14:30:00.000000"),
        (models.UUIDField(default=uuid.UUID(int=1)), "00000000-0000-0000-0000-000000000001"),
        (models.JSONField(default={"a": [1]}), '{"a": [1]}'),
        (models.GenericIPAddressField(default="10.0.0.1"), "10.0.0.1"),
        (ArrayField(models.IntegerField()), None),
        (
            ArrayField(models.DateField(), default=[date(2026, 1, 2)]),
            ["2026-01-02T00:00:00.000+00:00"],
        ),
        (EnumField(choices=[("a", "A")], default="a"), "a"),
        (Shouting(max_length=5, default="loud"), "LOUD"),
        (models.ForeignKey("Target", models.CASCADE, default=7), "0000000000000007"),
        (models.ForeignKey("Target", models.CASCADE, to_field="number", default=7), 7),
        (models.IntegerField(db_default=4), 4),
        (models.IntegerField(null=True, db_default=4), 4),
        (models.IntegerField(default=3, db_default=4), 4),
        (models.DecimalField(max_digits=30, decimal_places=2, db_default=Decimal("3.1")), "3.10"),
        (models.CharField(max_length=5, db_default=models.Value("x")), "x"),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, models.Field) else repr(value),
)
def test_constants(field, expected):
    found = fill(field)
    if callable(field.default):
        found = value_of(found)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("field", "expected", "text"),
    [
        (models.IntegerField(default=lambda: 3), 3, "the default of f"),
        (models.IntegerField(null=True, default=lambda: 3), 3, "the default of f"),
        (models.JSONField(default=dict), "{}", "the default of f"),
        (
            models.UUIDField(default=lambda: uuid.UUID(int=2)),
            "00000000-0000-0000-0000-000000000002",
            "the default of f",
        ),
        (
            ArrayField(models.CharField(max_length=5), default=lambda: ["a", "b"]),
            ["a", "b"],
            "the default of f",
        ),
        (models.IntegerField(default=lambda: None), None, "the default of f"),
        (
            models.CharField(max_length=5, db_default=Lower(models.Value("ABC"))),
            "abc",
            "the db_default of f",
        ),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, models.Field) else repr(value),
)
def test_what_code_makes(field, expected, text):
    found = fill(field)
    assert isinstance(found, Computed)
    assert repr(found) == text
    assert found.value == expected


@pytest.mark.parametrize(
    "field",
    [
        models.DateTimeField(auto_now=True),
        models.DateTimeField(auto_now_add=True),
        models.DateTimeField(db_default=Now()),
        models.DateField(auto_now=True),
        models.DateField(auto_now_add=True),
        models.TimeField(auto_now=True),
    ],
    ids=repr,
)
def test_the_time_of_the_run(field):
    found = fill(field)
    assert isinstance(found, Computed)
    now = datetime.now(timezone.utc)
    kind = field.get_internal_type()
    if kind == "TimeField":
        assert time.fromisoformat(found.value)
    else:
        # A date is that of the system's time zone, as everywhere in Django.
        assert abs(datetime.fromisoformat(found.value) - now) < timedelta(days=2)
    assert found.value is found.value


def test_a_callable_is_called_once_and_only_when_its_value_is_wanted():
    calls = []
    found = fill(models.IntegerField(default=lambda: calls.append(1) or len(calls)))
    assert calls == []
    assert (found.value, found.value) == (1, 1)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            models.IntegerField(default="many"),
            r"library_thing\.f: the default 'many': Field 'f' expected a number",
        ),
        (
            models.PositiveSmallIntegerField(default=-1),
            r"library_thing\.f: the default -1: -1 is below the minimum",
        ),
        (
            models.DecimalField(max_digits=3, decimal_places=1, default=1000),
            "has more than 3 digits",
        ),
        (models.IntegerField(default=lambda: "many"), "the default 'many'"),
    ],
    ids=["text", "range", "digits", "callable"],
)
def test_a_default_that_the_column_cannot_hold_is_refused_once_a_row_needs_it(field, message):
    found = fill(field)
    with pytest.raises(DataError, match=message):
        _ = found.value


def test_the_order_with_respect_to_another_model_begins_with_zero():
    assert fill(models.OrderWrt(), "_order") == 0


class Headline(models.CharField):
    """Prepares objects only, as fields of users' own may."""

    def get_db_prep_save(self, value, connection):
        return value.title


def test_a_field_without_a_default_is_not_asked_to_prepare_none():
    field = Headline(max_length=20)
    field.set_attributes_from_name("headline")
    assert fill_of(field, connections["appwrite"]) is None
