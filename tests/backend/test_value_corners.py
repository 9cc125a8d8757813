"""Values that Python, or the server, takes for equal although they are not; and constants that are shown as another type."""

import base64
import datetime
import enum
import zoneinfo
from contextlib import nullcontext
from decimal import Decimal

import pytest
from django.db import DataError, connections, transaction
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
    Sum,
    Value,
)

from appwrite_orm_django.client import rows
from appwrite_orm_django.testing import captured_requests
from tests.kinds import level_settings
from tests.library.models import Country, Everything, Publication, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)


class Colour(str, enum.Enum):
    """An enumeration of texts whose ``str()`` is not the text, unlike that of Django's ``TextChoices``."""

    RED = "red"


class TestChangesThatPythonTakesForNone:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (1, True),
            (True, 1),
            (0, False),
            (1, 1.0),
            (1.0, 1),
            (None, 0),
            (0, None),
            ("1", 1),
            (False, 0.0),
        ],
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

    def test_what_was_not_assigned_is_not_sent(self):
        Everything.objects.create(
            char="a", integer=1, float=1.5, decimal=Decimal("1.5"), date=datetime.date(2024, 1, 1), boolean=True,
            datetime=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        )  # fmt: skip
        row = Everything.objects.get()
        row.char, row.boolean, row.decimal = "a", True, Decimal("1.50")
        with captured_requests() as sent:
            row.save()
        (data,) = [request.params["data"] for request in sent if request.method == "PATCH"]
        assert data.keys() & {
            "char",
            "integer",
            "float",
            "decimal",
            "date",
            "boolean",
            "datetime",
        } == {
            "char",
            "boolean",
            "decimal",
        }


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
        connect(**level_settings(level, "binary"))
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
    Tag(pk=tag.pk, name="x", created_at=tag.created_at, updated_at=tag.updated_at).save(
        using="twin", force_insert=True
    )
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


class TestDecimalsBetweenTwoThatFit:
    """A filter is about the constant as it is given, not as a column would round it."""

    @pytest.fixture(autouse=True)
    def row(self):
        Everything.objects.create(decimal=Decimal("1.5"), long_decimal=Decimal("1.5"))

    @pytest.mark.parametrize("name", ["decimal", "long_decimal"])
    @pytest.mark.parametrize(
        ("lookup", "value", "found"),
        [
            ("gt", "1.49999999999999", True), ("gte", "1.49999999999999", True), ("lt", "1.49999999999999", False), ("lte", "1.49999999999999", False),
            ("gt", "1.50000000000001", False), ("gte", "1.50000000000001", False), ("lt", "1.50000000000001", True), ("lte", "1.50000000000001", True),
            ("exact", "1.50000000000001", False), ("gt", "1.5", False), ("gte", "1.5000000000000000", True), ("exact", "1.500000000000000", True),
            ("gt", "-1.00000000000001", True), ("lt", "-1.00000000000001", False), ("gt", "1E-30", True), ("lt", "1E-30", False), ("lt", "1E+30", True), ("gt", "-1E+30", True),
        ],
    )  # fmt: skip
    def test_comparison(self, name, lookup, value, found):
        condition = {f"{name}__{lookup}": Decimal(value)}
        assert Everything.objects.filter(**condition).exists() is found
        assert Everything.objects.exclude(**condition).exists() is not found
        assert (
            Everything.objects.filter(
                Q(**condition) & (Q(char=F("text")) | Q(pk__isnull=False))
            ).exists()
            is found
        )

    def test_in_and_range(self):
        assert not Everything.objects.filter(decimal__in=[Decimal("1.50001"), Decimal(2)]).exists()
        assert Everything.objects.exclude(decimal__in=[Decimal("1.50001"), Decimal(2)]).exists()
        assert Everything.objects.filter(
            decimal__range=(Decimal("1.49999"), Decimal("1.50001"))
        ).exists()
        assert not Everything.objects.filter(
            decimal__range=(Decimal("1.50001"), Decimal(2))
        ).exists()

    def test_groups(self):
        groups = Everything.objects.values("char").annotate(total=Sum("decimal"))
        assert groups.filter(total__gt=Decimal("1.49999")).exists()
        assert not groups.filter(total=Decimal("1.50001")).exists()


@pytest.mark.parametrize("level", ["1.9", "2.x"])
def test_json_that_differs_in_case_only(level, connect):
    connect(**level_settings(level, "json"))
    _create_table(Everything)
    Everything.objects.bulk_create([Everything(pk="one", json="x"), Everything(pk="two", json="X")])
    assert Everything.objects.values("json").distinct().count() == 2
    assert Everything.objects.aggregate(n=Count("json", distinct=True)) == {"n": 2}
    assert list(Everything.objects.values_list("json").annotate(n=Count("*")).order_by("json")) == [
        ("X", 1),
        ("x", 1),
    ]
    assert Everything.objects.filter(json="x").get().pk == "one"
    assert Everything.objects.exclude(json="x").get().pk == "two"
    assert list(Everything.objects.order_by("json").values_list("pk", flat=True)) == ["two", "one"]
    Everything.objects.all().delete()


def in_one_request():
    """Return whether the server counts large numbers that may be missing."""
    engine = connections["appwrite"].engine
    return engine.adds_integers and not engine.increments_nulls


class TestLargeNumbersAreCountedExactly:
    """
    Some databases add floats (recording ``increment``): 2**62 + 1 would be 2**62.

    Where integers are added, nothing is computed here.
    """

    @pytest.mark.parametrize("block", [False, True])
    @pytest.mark.parametrize(
        ("before", "amount"),
        [
            (2**62, 1), (2**62, -1), (-(2**62), 1), (-(2**62), -1), (-(2**62), -1023), (-(2**62), 513), (2**53, 1), (2**53 - 1, 1), (2**53 - 1, 2), (-(2**53), -1), (2**53 + 2, -3),
            (0, 2**60 + 1), (7, -(2**60) - 1), (-(2**60) - 1, 2**61), (3, 4),
        ],
    )  # fmt: skip
    def test_integers(self, before, amount, block):
        mine = Everything.objects.filter(pk=Everything.objects.create(big=before).pk)
        with transaction.atomic(using="appwrite") if block else nullcontext():
            assert mine.update(big=F("big") + amount) == 1
            assert mine.update(big=F("big") - 0) == 1
            assert mine.get().big == before + amount
        assert mine.get().big == before + amount

    @pytest.mark.parametrize("amount", [1, -1, -(2**60)])
    def test_only_what_the_server_adds_wrong_is_added_here(self, amount, requests):
        mine = Everything.objects.filter(pk=Everything.objects.create(big=2**62).pk)
        requests.clear()
        mine.update(big=F("big") + amount)
        assert (len(requests) == 1) is in_one_request()
        assert mine.get().big == 2**62 + amount

    @pytest.mark.parametrize("amount", [0.5, Decimal("0.5"), -1.25])
    def test_a_fraction_is_added_here(self, amount, requests):
        """PostgreSQL answers 500 to it; MariaDB rounds."""
        mine = Everything.objects.filter(pk=Everything.objects.create(big=7).pk)
        requests.clear()
        mine.update(big=F("big") + amount)
        assert not [line for line in requests.lines if "crement" in line]
        assert mine.get().big == (8 if amount > 0 else 6)

    @pytest.mark.parametrize("block", [False, True])
    def test_decimals(self, block):
        """Money of 18 digits is counted in units of the last place."""
        money = Decimal("98765432109876.54")
        mine = Everything.objects.filter(
            pk=Everything.objects.create(decimal=1, big=int(money * 100)).pk
        )
        with transaction.atomic(using="appwrite") if block else nullcontext():
            mine.update(big=F("big") + 1)
        assert mine.get().big == int(money * 100) + 1

    @pytest.mark.parametrize("block", [False, True])
    @pytest.mark.parametrize(
        "before", [2**63 - distance for distance in (1, 2, 511, 513, 1023, 1024, 1025, 2049)]
    )
    @pytest.mark.parametrize("amount", [-1, -7, -1024, -(2**60), -(2**63) + 1])
    def test_from_the_end_of_64_bits(self, before, amount, block):
        """MariaDB adds floats, and rounds the last of these values up to one that does not fit."""
        mine = Everything.objects.filter(pk=Everything.objects.create(big=before).pk)
        with transaction.atomic(using="appwrite") if block else nullcontext():
            assert mine.update(big=F("big") + amount) == 1
        assert mine.get().big == before + amount

    def test_bounds_and_nulls(self):
        row = Everything.objects.create(big=2**63 - 2)
        mine = Everything.objects.filter(pk=row.pk)
        assert mine.update(big=F("big") + 1) == 1
        with pytest.raises(DataError, match="big"):
            mine.update(big=F("big") + 1)
        with pytest.raises(DataError, match="big"), transaction.atomic(using="appwrite"):
            mine.update(big=F("big") + 1)
        assert mine.get().big == 2**63 - 1
        mine.update(big=F("big") - 2)
        mine.update(big=F("big") + 1)
        assert mine.get().big == 2**63 - 2
        with pytest.raises(DataError, match="big"):
            mine.update(big=F("big") + 2**62)
        Everything.objects.update(big=None)
        assert mine.update(big=F("big") + 2**60) == 1
        assert mine.get().big is None
        mine.delete()
        assert mine.update(big=F("big") + 2**60) == 0

    def test_nobodys_change_is_lost(self, monkeypatch):
        row = Everything.objects.create(big=2**62)
        others = [5]

        def racing(read):
            def reading(transport, table, *args, **kwargs):
                found = read(transport, table, *args, **kwargs)
                if others:
                    rows.update_row(transport, table, row.pk, {"big": 2**62 + others.pop()})
                return found

            return reading

        for name in ("get_row", "list_rows"):
            monkeypatch.setattr(rows, name, racing(getattr(rows, name)))
        Everything.objects.filter(pk=row.pk).update(big=F("big") + 1)
        if in_one_request():
            assert others, "a single request cannot lose anything"
            assert Everything.objects.get().big == 2**62 + 1
        else:
            assert Everything.objects.get().big == 2**62 + 6


class TestJsonThatIsNone:
    @pytest.mark.parametrize(
        "value", [float("nan"), {"a": [float("inf")]}, [1, {"b": -float("inf")}]]
    )
    def test_it_is_refused(self, value):
        """As other databases do: one such row, and no query could look into the JSON of any."""
        row = Everything.objects.create(json={"a": 1})
        for write in (
            lambda: Everything.objects.create(json=value),
            lambda: Everything.objects.bulk_create([Everything(json=value), Everything()]),
            lambda: Everything.objects.update(json=value),
        ):
            with pytest.raises(DataError, match="JSON cannot represent"):
                write()
        assert Everything.objects.get(json__a=1) == row

    def test_text_that_only_mentions_it_is_stored(self):
        value = {"NaN": ["Infinity", "-Infinity, NaN"]}
        Everything.objects.create(json=value)
        assert Everything.objects.get(json__NaN__0="Infinity").json == value


def test_no_array_is_an_empty_one_wherever_it_is_asked_for():
    Everything.objects.bulk_create(
        [Everything(array=None), Everything(array=[]), Everything(array=["a"])]
    )
    Everything.objects.filter(array=["a"]).update(array=None)
    for more in (Q(), Q(char=F("text")) | Q(pk__isnull=False)):
        assert Everything.objects.filter(more, array__isnull=True).count() == 0
        assert Everything.objects.filter(more, array__isnull=False).count() == 3
        assert Everything.objects.filter(more, array=[]).count() == 3
        assert Everything.objects.exclude(Q(array=None) | ~more).count() == 3


class TestTheServersOwnMoments:
    WHEN = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)

    def test_update_sets_them(self):
        tag = Tag.objects.create(name="a")
        assert Tag.objects.filter(pk=tag.pk).update(created_at=self.WHEN) == 1
        assert Tag.objects.get().created_at == self.WHEN
        assert Tag.objects.update(created_at=tag.created_at, updated_at=self.WHEN) == 1
        assert (Tag.objects.get().created_at, Tag.objects.get().updated_at) == (
            tag.created_at,
            self.WHEN,
        )
        with transaction.atomic(using="appwrite"):
            Tag.objects.update(created_at=self.WHEN)
            Country.objects.create(code="FR", name="France")
        assert Tag.objects.get().created_at == self.WHEN

    def test_save_sends_the_creation_if_it_was_assigned(self):
        Tag.objects.create(name="a")
        tag = Tag.objects.get()
        tag.created_at = self.WHEN
        tag.save()
        assert Tag.objects.get().created_at == self.WHEN

    def test_save_leaves_the_last_change_to_the_server(self):
        tag = Tag.objects.create(name="a")
        tag.name, tag.updated_at = "b", self.WHEN
        tag.save()
        assert tag.updated_at == Tag.objects.get().updated_at > self.WHEN
        with transaction.atomic(using="appwrite"):
            tag.save()
            tag.name = "c"
            tag.save()
        assert Tag.objects.get().updated_at > self.WHEN

    def test_update_or_create_leaves_them_alone(self):
        """Django names them among the fields to update."""
        before = Tag.objects.create(name="a")
        Tag.objects.filter(pk=before.pk).update(updated_at=self.WHEN)
        with captured_requests() as sent:
            Tag.objects.update_or_create(pk=before.pk, defaults={"name": "b"})
        assert not [
            request
            for request in sent
            if request.method != "GET" and "$updatedAt" in str(request.params)
        ]
        assert Tag.objects.get().updated_at > self.WHEN
