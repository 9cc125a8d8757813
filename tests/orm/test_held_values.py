"""The object, the filter and the block see what the server holds of a float or a moment, which is less than Python does."""

import datetime
import math
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core import serializers
from django.db import connections, transaction
from django.db.models import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.db.models.signals import post_save

from appwrite_orm_django.backend.values import held_float
from appwrite_orm_django.client import rows
from tests.fixtures import moment
from tests.kinds import level_settings
from tests.library.models import Measurement, Reading

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)

LONG = 25.27705773818511
HELD = 25.277057738185
# Fourteen digits each; the last ones lie beyond the 17 places of a filter.
TINY = [
    1.2345678901234e-05,
    1.2345678901234e-08,
    2.5e-18,
    4.9406564584125e-324,
    -3.3333333333333e-09,
]
FLOATS = [
    LONG,
    1 / 3,
    0.1 + 0.2,
    123456789.12345679,
    1.7976931348623157e308,
    -math.pi * 1e200,
    9007199254740993.0,
    1e15 + 0.3,
    *TINY,
]


@pytest.fixture(params=["1.9", "2.x"])
def level(request, connect):
    connection = connect(**level_settings(request.param, "held", CACHE={}))
    with connection.schema_editor() as editor:
        editor.create_model(Reading)
        editor.create_model(Measurement)
    yield request.param
    for model in (Measurement, Reading):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")
    connections["appwrite"].close()


@pytest.fixture(params=["alone", "block"])
def place(request, level):
    """Ask outside of a block, and inside one that has written to the table."""
    if request.param == "alone":
        yield
        return
    with transaction.atomic(using="appwrite"):
        yield


def wire(value):
    """Return what the server answers for the row with this key."""
    (row,) = [
        row
        for row in rows.list_rows(connections["appwrite"].transport, *_table())["rows"]
        if row["key"] == value
    ]
    return row


def _table():
    connection = connections["appwrite"]
    return connection.table_ref(connection.table_of(Measurement)), []


@pytest.mark.usefixtures("place")
class TestAFloatIsFoundByTheValueItWasSavedWith:
    @pytest.mark.parametrize("value", FLOATS)
    def test_filters(self, value):
        row = Measurement.objects.create(value=value)
        other = Measurement.objects.create(value=7.5)
        none = Measurement.objects.create()
        assert row.value == held_float(value)
        assert Measurement.objects.nocache().get(pk=row.pk).value == row.value
        for found in (
            Measurement.objects.filter(value=value),
            Measurement.objects.filter(value=row.value),
            Measurement.objects.filter(value__in=[value, 8.5]),
            Measurement.objects.filter(value__gte=value, value__lte=value),
            Measurement.objects.filter(value__range=(value, value)),
            Measurement.objects.filter(Q(value=value) | Q(count=99)),
            Measurement.objects.filter(value=Value(value)),
            Measurement.objects.filter(value__in=[Value(value)]),
            Measurement.objects.annotate(is_it=Case(When(value=value, then=1), default=0)).filter(
                is_it=1
            ),
            Measurement.objects.annotate(v=Coalesce("value", "other")).filter(v=value),
            Measurement.objects.exclude(~Q(value=value)).exclude(value=None),
        ):
            assert list(found) == [row]
            assert (found.count(), found.exists()) == (1, True)
        assert set(Measurement.objects.exclude(value=value)) == {other, none}
        assert set(Measurement.objects.exclude(value__in=[value])) == {other, none}
        assert set(Measurement.objects.filter(~Q(value=value))) == {other, none}
        for nothing in (
            Measurement.objects.filter(value__gt=value, value__lt=7.5 if value < 7.5 else math.inf),
            Measurement.objects.filter(
                value__lt=value, value__gt=7.5 if value > 7.5 else -math.inf
            ),
        ):
            assert not nothing.exists()
            assert nothing.count() == 0

    @pytest.mark.parametrize("value", FLOATS)
    def test_writes(self, value):
        row, created = Measurement.objects.get_or_create(value=value)
        assert created
        assert Measurement.objects.get_or_create(value=value) == (row, False)
        assert Measurement.objects.update_or_create(value=value, defaults={"count": 2}) == (
            row,
            False,
        )
        assert Measurement.objects.filter(value=value).update(count=3) == 1
        assert Measurement.objects.filter(value__in=[value]).update(count=F("count") + 1) == 1
        assert Measurement.objects.get(value=value).count == 4
        assert Measurement.objects.exclude(value=value).update(count=9) == 0
        assert Measurement.objects.exclude(value=value).delete()[0] == 0
        assert Measurement.objects.filter(value=value).delete()[0] == 1

    @pytest.mark.parametrize("value", FLOATS)
    def test_aggregates(self, value):
        Measurement.objects.create(value=value)
        found = Measurement.objects.aggregate(
            low=Min("value"), high=Max("value"), total=Sum("value"), mean=Avg("value")
        )
        assert set(found.values()) == {held_float(value)}
        assert Measurement.objects.filter(value=found["high"]).count() == 1
        groups = Measurement.objects.values("count").annotate(high=Max("value"), n=Count("pk"))
        assert [group["n"] for group in groups.filter(high=value)] == [1]
        assert [group["n"] for group in groups.filter(high__gte=value)] == [1]
        assert not groups.filter(high__gt=value).exists()

    def test_what_is_computed_has_every_digit(self):
        Measurement.objects.bulk_create([Measurement(value=0.1), Measurement(value=0.2)])
        groups = Measurement.objects.values("count").annotate(total=Sum("value"))
        assert groups.get()["total"] == 0.1 + 0.2
        assert groups.filter(total=0.1 + 0.2).exists()
        assert groups.filter(total__gt=0.3).exists()
        assert not groups.filter(total=0.3).exists()
        doubled = Measurement.objects.annotate(sum=F("value") * 3)
        assert doubled.filter(sum=0.1 * 3).count() == 1
        assert doubled.filter(sum=0.3).count() == 0


@pytest.mark.usefixtures("place")
class TestObjects:
    def test_each_way_of_writing(self):
        def saved():
            row = Measurement.objects.create()
            row.value, row.series = LONG, SERIES
            row.save()
            return row

        def saved_in_part():
            row = Measurement.objects.create()
            row.value, row.series, row.other = LONG, SERIES, LONG
            row.save(update_fields=["value", "series"])
            assert row.other == LONG, "not saved, and so not the server's"
            row.other = None
            return row

        def updated_in_bulk():
            row = Measurement.objects.create()
            row.value, row.series = LONG, SERIES
            assert Measurement.objects.bulk_update([row], ["value", "series"]) == 1
            return row

        def restored():
            text = serializers.serialize("json", [Measurement(value=LONG, series=SERIES)])
            (restored,) = serializers.deserialize("json", text)
            restored.save()
            return restored.object

        for make in (
            lambda: Measurement.objects.create(value=LONG, series=SERIES),
            lambda: Measurement.objects.bulk_create([Measurement(value=LONG, series=SERIES)])[0],
            lambda: Measurement.objects.get_or_create(
                count=5, defaults={"value": LONG, "series": SERIES}
            )[0],
            lambda: Measurement.objects.update_or_create(
                count=6, defaults={"value": LONG, "series": SERIES}
            )[0],
            lambda: Measurement.objects.update_or_create(
                count=5, defaults={"value": LONG, "series": SERIES}
            )[0],
            saved,
            saved_in_part,
            updated_in_bulk,
            restored,
        ):
            row = make()
            assert (row.value, row.series) == (HELD, HELD_SERIES)
            read = Measurement.objects.nocache().get(pk=row.pk)
            assert (read.value, read.series) == (HELD, HELD_SERIES)
            row.refresh_from_db()
            assert (row.value, row.series) == (HELD, HELD_SERIES)

    def test_models_of_djangos_own_base_class(self):
        made = Reading.objects.create(value=LONG, taken=WHEN, series=SERIES)
        (bulk,) = Reading.objects.bulk_create([Reading(value=LONG + 1, taken=WHEN, series=SERIES)])
        saved = Reading.objects.create()
        saved.value, saved.taken, saved.series = LONG + 2, WHEN, SERIES
        saved.save()
        for row, value in ((made, LONG), (bulk, LONG + 1), (saved, LONG + 2)):
            assert (row.value, row.taken, row.series) == (held_float(value), HELD_WHEN, HELD_SERIES)
            read = Reading.objects.get(value=value)
            assert (read.value, read.taken, read.series) == (row.value, row.taken, row.series)

    def test_update_conflicts_meets_the_row_with_the_value(self):
        first = Measurement.objects.create(key=LONG)
        (again,) = Measurement.objects.bulk_create(
            [Measurement(key=LONG, count=3)],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["count"],
        )
        assert (again.pk, again.key) == (first.pk, HELD)
        assert Measurement.objects.get(key=LONG).count == 3
        assert Measurement.objects.count() == 1

    def test_foreign_keys_to_floats(self):
        for value in (LONG, TINY[1]):
            reading = Reading.objects.create(value=value)
            row = Measurement.objects.create(reading=reading)
            assert Measurement.objects.get(reading=reading) == row
            assert Measurement.objects.get(reading__value=value) == row
            assert Measurement.objects.select_related("reading").get(pk=row.pk).reading == reading
            assert reading.measurements.get() == row
            (one,) = Reading.objects.prefetch_related("measurements").filter(value=value)
            assert list(one.measurements.all()) == [row]
            assert (
                Reading.objects.get(
                    Exists(Measurement.objects.filter(reading=OuterRef("value"), pk=row.pk))
                )
                == reading
            )
            assert Measurement.objects.get(reading__in=Reading.objects.filter(value=value)) == row


WHEN = moment(2026, 1, 2, 3, 4, 5, 678901)
HELD_WHEN = WHEN.replace(microsecond=678000)
SERIES = [WHEN, moment(2026, 1, 2)]
HELD_SERIES = [HELD_WHEN, moment(2026, 1, 2)]


@pytest.mark.usefixtures("level")
class TestArithmetic:
    @pytest.mark.parametrize("block", [False, True])
    @pytest.mark.parametrize(
        "amount",
        [
            lambda: F("value") + 0.2,
            lambda: F("value") * 3,
            lambda: F("other") / 3,
            lambda: F("value") - 1e-15,
        ],
    )
    def test_what_an_update_computes_is_found(self, amount, block):
        row = Measurement.objects.create(value=0.1, other=1.0)
        with transaction.atomic(using="appwrite") if block else transaction.atomic():
            assert Measurement.objects.filter(pk=row.pk).update(value=amount()) == 1
            row.refresh_from_db()
            assert held_float(row.value) == row.value
            assert Measurement.objects.get(value=row.value) == row
        row.refresh_from_db()
        assert Measurement.objects.get(value=row.value) == row
        assert Measurement.objects.filter(value=row.value).count() == 1

    def test_save_with_an_expression(self):
        row = Measurement.objects.create(value=0.1)
        row.value = F("value") + 0.2
        row.save()
        row.refresh_from_db()
        assert row.value == 0.3
        assert Measurement.objects.get(value=0.1 + 0.2) == row

    def test_bulk_update_and_copies_of_columns(self):
        one, two = Measurement.objects.bulk_create(
            [Measurement(value=LONG), Measurement(value=1 / 3)]
        )
        assert Measurement.objects.update(other=F("value")) == 2
        assert Measurement.objects.filter(value=F("other")).count() == 2
        one.value, two.value = 2 / 3, math.pi
        assert Measurement.objects.bulk_update([one, two], ["value"]) == 2
        assert Measurement.objects.get(value=2 / 3) == one
        assert Measurement.objects.get(value=math.pi) == two

    def test_many_writers_lose_nothing(self):
        row = Measurement.objects.create(value=0.0)
        for _ in range(10):
            Measurement.objects.filter(pk=row.pk).update(value=F("value") + 0.1)
        assert Measurement.objects.get(pk=row.pk).value == 1.0


@pytest.mark.usefixtures("level")
class TestPagesInTheOrderOfFloats:
    def test_every_row_is_on_one_page(self, connect):
        values = [sign * n * 1.2345678901234e-12 for n in range(1, 8) for sign in (1, -1)] + [
            None,
            1 / 3,
            0.5,
        ]
        Measurement.objects.bulk_create([Measurement(value=value) for value in values])
        now = connections["appwrite"].settings_dict
        connect(HOST=now["HOST"], NAME=now["NAME"], OPTIONS={**now["OPTIONS"], "PAGE_SIZE": 3})
        for order in ("value", "-value"):
            found = list(
                Measurement.objects.nocache().order_by(order).values_list("value", flat=True)
            )
            assert sorted(found, key=str) == sorted(
                [v if v is None else held_float(v) for v in values], key=str
            )


class TestSaving:
    def test_a_value_with_more_digits_is_sent_as_it_is_held(self):
        row = Measurement.objects.create(value=LONG)
        loaded = Measurement.objects.get(pk=row.pk)
        loaded.value = LONG
        loaded.save()
        assert loaded.value == Measurement.objects.get(pk=row.pk).value == HELD

    @pytest.mark.parametrize(
        "value", [9007199254740993, Decimal("25.27705773818511"), "25.27705773818511", 5, True]
    )
    def test_numbers_of_other_types(self, value):
        row = Measurement.objects.create(value=value)
        assert Measurement.objects.get(value=value) == row
        assert Measurement.objects.get(pk=row.pk).value == held_float(float(value))

    def test_zero_has_no_sign(self):
        row = Measurement.objects.create(value=-0.0)
        assert (
            math.copysign(1, row.value)
            == math.copysign(1, Measurement.objects.get(pk=row.pk).value)
            == 1
        )
        assert Measurement.objects.get(value=-0.0) == row

    def test_another_database_keeps_every_digit(self):
        row = Measurement(value=LONG, series=SERIES)
        row.save(using="twin")
        assert (row.value, row.series) == (LONG, SERIES)
        assert Measurement.objects.using("twin").get(value=LONG).value == LONG

    def test_asynchronously(self):
        async def write():
            made = await Measurement.objects.acreate(value=LONG, series=SERIES)
            got, created = await Measurement.objects.aget_or_create(value=LONG)
            assert (got, created) == (made, False)
            got.value, got.series = 1 / 3, SERIES
            await got.asave()
            (bulk,) = await Measurement.objects.abulk_create(
                [Measurement(value=LONG, series=SERIES)]
            )
            return made, got, bulk, await Measurement.objects.filter(value=1 / 3).acount()

        made, got, bulk, count = async_to_sync(write)()
        assert (made.value, bulk.value, got.value, count) == (HELD, HELD, held_float(1 / 3), 1)
        assert made.series == bulk.series == got.series == HELD_SERIES

    def test_a_list_that_fits_stays_the_same_object(self):
        series = [moment(2026, 1, 2)]
        row = Measurement.objects.create(series=series)
        assert row.series is series

    def test_cached_reads(self):
        row = Measurement.objects.create(value=LONG)
        for _ in range(2):
            assert Measurement.objects.filter(value=LONG).get().value == HELD
            assert Measurement.objects.filter(value=HELD).count() == 1
        Measurement.objects.filter(value=LONG).update(value=1 / 3)
        assert not Measurement.objects.filter(value=LONG).exists()
        assert Measurement.objects.get(value=1 / 3) == row


class TestTheLastMoment:
    LAST = moment(9999, 12, 31, 23, 59, 59)

    @pytest.mark.usefixtures("level")
    def test_years_to_the_end(self):
        row = Reading.objects.create(taken=self.LAST)
        early = Reading.objects.create(taken=moment(2026, 1, 1))
        assert Reading.objects.get(taken__year=9999) == row
        assert Reading.objects.get(taken__year__gt=9998) == row
        assert Reading.objects.get(taken__year__lt=9999) == early
        assert Reading.objects.exclude(taken__year=9999).get() == early
        assert Reading.objects.filter(taken__year__lte=9999).count() == 2
        assert (
            Reading.objects.filter(
                taken__lte=datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
            ).count()
            == 2
        )
        assert Reading.objects.filter(taken=self.LAST.replace(microsecond=999000)).count() == 0
        assert Reading.objects.filter(taken__lt=self.LAST.replace(microsecond=999000)).count() == 2
        assert Reading.objects.filter(taken__gt=self.LAST.replace(microsecond=1000)).count() == 0
        assert Reading.objects.exclude(taken__gt=self.LAST.replace(microsecond=1000)).count() == 2
        assert Reading.objects.filter(taken__date=datetime.date(9999, 12, 31)).get() == row

    @pytest.mark.usefixtures("level")
    def test_what_comes_later_is_refused_before_it_is_sent(self, requests):
        from django.db import DataError

        with pytest.raises(DataError, match=r"taken: .*9999-12-31 23:59:59"):
            Reading.objects.create(taken=self.LAST.replace(microsecond=999999))
        with pytest.raises(DataError, match=r"series: item 1"):
            Reading.objects.create(series=[self.LAST.replace(microsecond=1000)])
        assert not [line for line in requests.lines if line.startswith("POST")]
        row = Reading.objects.create(taken=self.LAST.replace(microsecond=999))
        assert row.taken == self.LAST


def test_an_app_sends_the_signal_of_a_save_itself():
    """Without a database, as nothing has been saved: what the object holds stays."""
    user = get_user_model()(
        username="a",
        date_joined=datetime.datetime(2024, 1, 1, microsecond=123456, tzinfo=datetime.timezone.utc),
    )
    post_save.send(sender=type(user), instance=user)
    assert user.date_joined.microsecond == 123456
