"""How the schema room says that values are written is how the backend writes them."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.values import codec_for
from appwrite_orm_django.fields import ArrayField
from appwrite_orm_django.schema.columns import Column, column_for
from appwrite_orm_django.schema.conversion import convert, meaning
from appwrite_orm_django.schema.definitions import Encoding
from appwrite_orm_django.schema.encodings import (
    as_recorded,
    encoding_of,
    from_record,
    hidden,
    reads_alike,
)
from tests.library.models import Book, Everything, Numbered, Token

UTC = datetime.timezone.utc
VALUES: dict[str, list[Any]] = {
    "decimal": [D("-99999999.9999"), D(0), D("1.2")],
    "long_decimal": [D("12345.6789"), D("-0.0000000001")],
    "date": [datetime.date(2024, 2, 29)],
    "datetime": [datetime.datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=UTC)],
    "time": [datetime.time(1, 2, 3, 4), datetime.time(0)],
    "duration": [datetime.timedelta(days=-1, microseconds=1)],
    "uuid": [uuid.UUID(int=7)],
    "binary": [b"\x00\xff", b""],
    "json": [{"a": [1, None, "é"]}, "text", None],
    "integer": [-5],
    "float": [0.1, 3.0],
    "boolean": [True],
    "char": ["plain"],
    "array": [["x", "y"], []],
    "numbers": [[3, 1]],
}


def described(field: Any) -> Column:
    column = column_for(field)
    assert column is not None
    return column


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_converted_to_its_own_column_is_what_the_codec_writes(name):
    field = Everything._meta.get_field(name)
    column = described(field)
    for value in VALUES[name]:
        wire = codec_for(field).encode(value if name != "json" else json.dumps(value))
        assert convert(wire, column, column) == wire
        assert type(convert(wire, column, column)) is type(wire)


@pytest.mark.parametrize("name", ["decimal", "long_decimal", "date", "time", "uuid"])
def test_what_a_value_means_is_what_the_codec_reads(name):
    field = Everything._meta.get_field(name)
    for value in VALUES[name]:
        wire = codec_for(field).encode(value)
        assert meaning(wire, described(field)) == codec_for(field).decode(wire) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (models.BigAutoField(primary_key=True), -7),
        (models.BigAutoField(primary_key=True), 2**53 - 1),
        (models.DateField(primary_key=True), datetime.date(2024, 2, 29)),
        (
            models.DateTimeField(primary_key=True),
            datetime.datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=UTC),
        ),
        (models.DecimalField(max_digits=9, decimal_places=2, primary_key=True), D("9.90")),
        (models.UUIDField(primary_key=True), uuid.UUID(int=7)),
        (models.CharField(max_length=9, primary_key=True), "abc"),
    ],
)
@isolate_apps("tests.library")
def test_row_ids_are_read_as_the_backend_writes_them(key, value):
    attributes = {
        "__module__": "tests.library.models",
        "Meta": type("Meta", (), {"app_label": "library"}),
    }
    target = type("Target", (models.Model,), {**attributes, "key": key})
    field = models.ForeignKey(target, models.CASCADE)
    type(
        "Source",
        (models.Model,),
        {**attributes, "Meta": type("Meta", (), {"app_label": "library"}), "target": field},
    )
    column = described(field)
    wire = codec_for(field).encode(value)
    assert encoding_of(key) == column.encoding
    if column.encoding.kind != "datetime":  # ... which nothing but another such key is converted to
        assert (
            convert(wire, column, replace(column, encoding=replace(column.encoding, target="")))
            == wire
        )
    if column.encoding.kind in {"integer", "date", "decimal", "uuid"}:
        assert meaning(wire, column) == value


def test_what_is_recorded_comes_back():
    places = [None, 0, 12]
    for kind in ("integer", "decimal", "long decimal", "MyCodec"):
        for encoding in [
            Encoding(kind, n, row_id, array)
            for n in places
            for row_id in (0, 1)
            for array in (0, 1)
        ]:
            assert from_record(as_recorded(encoding)) == encoding
    assert from_record("of a (later) version (7)").kind == "of a (later) version (7)"


def test_the_fields_of_the_library():
    def recorded(field: Any) -> str:
        return as_recorded(described(field).encoding)

    assert recorded(Book._meta.get_field("price")) == "decimal(2)"
    assert recorded(Everything._meta.get_field("long_decimal")) == "long decimal(10)"
    assert recorded(Everything._meta.get_field("numbers")) == "array integer"
    assert recorded(Book._meta.get_field("author")) == "text"
    assert as_recorded(encoding_of(Numbered._meta.pk)) == "id integer"
    assert as_recorded(encoding_of(Token._meta.pk)) == "uuid"
    assert as_recorded(encoding_of(User._meta.pk)) == "id integer"
    array = ArrayField(models.DecimalField(max_digits=9, decimal_places=3))
    array.set_attributes_from_name("many")
    array.model = Book
    assert recorded(array) == "array decimal(3)"


class Codec:
    """One that is none of the library's."""


def test_a_codec_of_somebody_elses_is_known_by_its_name():
    class Point(models.TextField):
        def appwrite_codec(self) -> Codec:
            return Codec()

    assert encoding_of(Point()) == Encoding("Codec")
    assert not reads_alike(Encoding("Codec"), Encoding("text"))
    assert hidden(Column("a", "longtext", encoding=Encoding("Codec"))) == "Codec"


@pytest.mark.parametrize(
    ("before", "after", "alike"),
    [
        ("uuid", "text", True),
        ("text", "uuid", False),
        ("json", "text", True),
        ("text", "json", False),
        ("date", "datetime", True),
        ("datetime", "date", False),
        ("decimal(2)", "decimal(2)", True),
        ("decimal(2)", "decimal(3)", False),
        ("decimal(0)", "integer", False),
        ("array uuid", "array text", True),
        ("array uuid", "text", False),
        ("id integer", "integer", False),
        ("id date", "datetime", False),
    ],
)
def test_what_reads_alike(before, after, alike):
    assert reads_alike(from_record(before), from_record(after)) is alike
    assert reads_alike(None, from_record(after))
    assert reads_alike(from_record(before), None)
