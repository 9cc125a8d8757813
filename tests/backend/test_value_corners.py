"""Values that Python, or the server, takes for equal although they are not; and constants that are shown as another type."""

import base64
import datetime
import enum
import zoneinfo
from decimal import Decimal

import pytest
from django.db import DataError
from django.db.models import (
    BooleanField,
    CharField,
    Count,
    DateField,
    DecimalField,
    F,
    FloatField,
    IntegerField,
    Q,
    QuerySet,
    Value,
)

from appwrite_orm_django.testing import captured_requests
from tests.library.models import Country, Everything, Publication, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)


class Colour(str, enum.Enum):
    """An enumeration of texts whose ``str()`` is not the text, unlike that of Django's ``TextChoices``."""

    RED = "red"


class TestChangesThatPythonTakesForNone:
    @pytest.mark.parametrize(
        ("before", "after"),
        [(1, True), (True, 1), (0, False), (1, 1.0), (1.0, 1), (None, 0), (0, None), ("1", 1), (False, 0.0)],
    )
    def test_json_of_another_kind_is_saved(self, before, after):
        Everything.objects.create(json=before)
        row = Everything.objects.get()
        row.json = after
        row.save()
        held = Everything.objects.nocache().get().json
        assert (type(held), held) == (type(after), after)

    def test_the_second_turn_of_a_repeated_hour_is_saved(self):
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
        first = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=berlin)
        row = Everything.objects.create(datetime=first)
        row.datetime = first.replace(fold=1)
        row.save()
        assert Everything.objects.get().datetime.hour == 1

    def test_what_has_not_changed_is_not_sent(self):
        Everything.objects.create(
            char="a", integer=1, float=1.5, decimal=Decimal("1.5"), date=datetime.date(2024, 1, 1), boolean=True,
            datetime=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        )  # fmt: skip
        row = Everything.objects.get()
        row.char, row.boolean, row.decimal = "a", True, Decimal("1.50")
        with captured_requests() as sent:
            row.save()
        (data,) = [request.params["data"] for request in sent if request.method == "PATCH"]
        assert not {"char", "integer", "float", "decimal", "date", "boolean", "datetime"} & data.keys()


class TestBinary:
    """Base64, in which upper and lower case are different bytes, in a column that ignores case on MariaDB."""

    ONE, TWO = base64.b64decode("QUJD"), base64.b64decode("qujd")

    def test_case_of_the_wire_form_counts(self):
        row = Everything.objects.create(binary=self.ONE)
        assert not Everything.objects.filter(binary=self.TWO).exists()
        assert not Everything.objects.filter(Q(binary=self.TWO) | Q(char=F("text"))).exists()
        assert Everything.objects.exclude(binary=self.TWO).get() == row
        assert Everything.objects.exclude(binary__in=[self.TWO, b"x"]).get() == row
        assert Everything.objects.filter(binary__in=[self.TWO, b"x"]).count() == 0
        assert Everything.objects.filter(binary__in=[self.TWO, self.ONE]).get() == row
        assert not Everything.objects.exclude(binary__in=[self.TWO, self.ONE]).exists()
        assert Everything.objects.filter(binary=self.TWO).update(char="wrong") == 0
        assert Everything.objects.filter(binary=self.TWO).delete() == (0, {})

    @pytest.mark.parametrize("level", ["1.9", "2.x"])
    def test_groups(self, level, connect):
        connect(HOST=f"local:?feature-level={level}#binary", OPTIONS={"FEATURE_LEVEL": level})
        _create_table(Everything)
        Everything.objects.bulk_create([Everything(binary=self.ONE), Everything(binary=self.TWO)])
        groups = Everything.objects.values_list("binary").annotate(n=Count("*"))
        assert sorted(groups) == sorted([(self.ONE, 1), (self.TWO, 1)])
        assert Everything.objects.values("binary").distinct().count() == 2
        assert Everything.objects.aggregate(n=Count("binary", distinct=True)) == {"n": 2}
        Everything.objects.all().delete()


def _create_table(model):
    from django.db import connections

    with connections["appwrite"].schema_editor() as editor:
        editor.create_model(model)


def test_members_of_an_enumeration_are_written_as_their_text():
    tag = Tag.objects.create(name=Colour.RED)
    assert Tag.objects.get(name=Colour.RED).name == "red"
    assert Tag.objects.filter(name__in=[Colour.RED]).get() == tag
    Publication.objects.create(title=Value(Colour.RED))
    assert Publication.objects.get().title == "red"
    Publication.objects.update(title=Colour.RED)
    assert Publication.objects.get().title == "red"
    Country.objects.create(code=enum.Enum("Code", {"FRANCE": "fr"}, type=str).FRANCE, name="France")
    assert Country.objects.get().pk == "fr"


class TestWholeNumbers:
    @pytest.mark.parametrize(
        ("before", "expression", "after"),
        [(3, F("integer") * 1.5, 5), (-3, F("integer") * 1.5, -5), (3, F("integer") + 1.6, 5), (3, F("integer") * 1.1, 3), (3, F("float"), 3)],
    )  # fmt: skip
    def test_what_an_update_computes_is_rounded(self, before, expression, after):
        row = Everything.objects.create(integer=before, float=2.5)
        Everything.objects.update(integer=expression)
        assert Everything.objects.get().integer == after
        Everything.objects.update(integer=before)
        Everything.objects.filter(pk=row.pk).update(integer=expression)
        assert Everything.objects.get().integer == after

    def test_what_is_too_large_for_a_number_is_refused(self):
        Everything.objects.create(integer=3, float=1e300)
        with pytest.raises(DataError, match="integer"):
            Everything.objects.update(integer=F("float") * F("float"))
        assert Everything.objects.get().integer == 3


@pytest.mark.parametrize(
    "value",
    [
        Value("5", output_field=IntegerField()),
        Value(5, output_field=FloatField()),
        Value(1, output_field=BooleanField()),
        Value("2024-01-01", output_field=DateField()),
        Value(5, output_field=CharField()),
        Value("1.5", output_field=DecimalField(max_digits=5, decimal_places=3)),
        Value(None, output_field=DateField()),
        Value(True),
        Value(1.0),
        Value(Decimal("1.50")),
        Value(datetime.timedelta(1)),
    ],
)
def test_constants_are_of_the_type_that_was_asked_for(value):
    tag = Tag.objects.create(name="x")
    Tag(pk=tag.pk, name="x", created_at=tag.created_at, updated_at=tag.updated_at).save(using="twin", force_insert=True)
    expected = QuerySet(Tag, using="twin").annotate(v=value).get().v
    for found in (Tag.objects.annotate(v=value).get().v, Tag.objects.values_list(value).get()[0]):
        assert (type(found), found) == (type(expected), expected)
    QuerySet(Tag, using="twin").delete()


def test_whole_arrays_are_compared_locally():
    row = Everything.objects.create(array=["a", "é"])
    Everything.objects.create(array=["b"])
    assert Everything.objects.filter(array=["a", "é"]).get() == row
    assert Everything.objects.filter(array__in=[["a", "é"], ["c"]]).get() == row
    assert not Everything.objects.filter(array=["é", "a"]).exists()
    assert not Everything.objects.filter(array__in=[["a"], ["é"]]).exists()
    assert Everything.objects.exclude(array=["b"]).get() == row
