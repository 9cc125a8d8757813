"""Lists of each type: written, found, and edited in forms."""

import datetime
import json
import uuid
from decimal import Decimal

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import DataError, connections, transaction
from django.db.models import F, Q, Value
from django.utils import timezone

from appwrite_orm_django.client import rows
from tests.fixtures import moment
from tests.kinds import level_settings
from tests.library.models import Everything, Lists

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)

D = Decimal
HOUR = datetime.timedelta(hours=1)
VALUES = {
    "texts": ["x", "X", "é, 'a'", 'say "hi"', ""],
    "integers": [3, -1, 3, 2**53],
    "floats": [1.0, 0.1 + 0.2, -2.5, 1e300, 1.2345678901234567e-20, 0.0],
    "booleans": [True, False],
    "decimals": [D("9.90"), D("-0.05"), D("123456.00")],
    "long_decimals": [D("12345678901234567890.0000000001"), D("-0.5000000000")],
    "moments": [moment(2026, 1, 2, 3, 4, 5, 678000), moment(1999, 12, 31)],
    "dates": [datetime.date(2026, 1, 2), datetime.date(1000, 1, 1)],
    "times": [datetime.time(12, 30), datetime.time(23, 59, 59, 999999)],
    "durations": [HOUR, -HOUR, datetime.timedelta(days=3, microseconds=1)],
    "uuids": [uuid.UUID(int=5), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    "ips": ["10.0.0.1", "::1"],
    "emails": ["a@example.org", "B@Example.org"],
    "documents": [{"a": [1, None]}, "text", 5, [True]],
}
NAMES = list(VALUES)


@pytest.fixture(params=["1.9", "2.x"])
def level(request, connect):
    connection = connect(**level_settings(request.param, "arrays", CACHE={}))
    with connection.schema_editor() as editor:
        editor.create_model(Lists)
    yield request.param
    Lists.objects.all().delete()
    connections["appwrite"].close()


@pytest.fixture(params=["alone", "block"])
def place(request, level):
    if request.param == "alone":
        yield
        return
    with transaction.atomic(using="appwrite"):
        yield


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", NAMES)
class TestFilters:
    def test_the_whole_array(self, name):
        value = VALUES[name]
        row, empty = Lists.objects.create(**{name: value}), Lists.objects.create()
        assert getattr(Lists.objects.nocache().get(pk=row.pk), name) == value
        for condition in (
            Q(**{name: value}),
            Q(**{name: tuple(value)}),
            Q(**{f"{name}__in": [value, value[:1]]}),
            Q(**{f"{name}__exact": Value(value, Lists._meta.get_field(name))}),
        ):
            assert Lists.objects.filter(condition).get() == row
            assert Lists.objects.filter(condition).count() == 1
            assert Lists.objects.exclude(condition).get() == empty
        assert not Lists.objects.filter(**{name: value[:1]}).exists()
        assert not Lists.objects.filter(**{name: value[::-1]}).exists()
        assert Lists.objects.filter(**{name: []}).get() == empty
        assert Lists.objects.get_or_create(**{name: value}) == (row, False)
        assert Lists.objects.filter(**{name: value}).update(**{name: value[:1]}) == 1
        assert Lists.objects.filter(**{name: F(name)}).count() == 2
        assert Lists.objects.filter(**{name: value[:1]}).delete()[0] == 1

    def test_elements(self, name):
        value = VALUES[name]
        row, other = (
            Lists.objects.create(**{name: value}),
            Lists.objects.create(**{name: value[1:2]}),
        )
        # Evaluated by the server, and here.
        for also in (Q(), Q(pk=F("pk"), texts=F("texts"))):
            rows = Lists.objects.filter(also)
            assert rows.filter(**{f"{name}__contains": value[:1]}).get() == row
            assert rows.filter(**{f"{name}__contains": value}).get() == row
            assert set(rows.filter(**{f"{name}__contains": value[1:2]})) == {row, other}
            assert rows.filter(**{f"{name}__contains": [value[0], value[0]]}).get() == row
            assert rows.exclude(**{f"{name}__contains": value[:1]}).get() == other
            assert set(rows.filter(**{f"{name}__overlap": value})) == {row, other}
            assert rows.filter(**{f"{name}__overlap": value[:1]}).get() == row
            assert rows.exclude(**{f"{name}__overlap": value[:1]}).get() == other

    def test_copies(self, name):
        value = VALUES[name]
        row = Lists.objects.create(**{name: value})
        Lists.objects.update(**{name: F(name)})
        assert getattr(Lists.objects.nocache().get(), name) == value
        setattr(row, name, value[:1])
        assert Lists.objects.bulk_update([row], [name]) == 1
        assert getattr(Lists.objects.nocache().get(), name) == value[:1]
        assert list(Lists.objects.filter(texts=F("texts")).values_list(name, flat=True)) == [
            value[:1]
        ]

    def test_serializers(self, name):
        row = Lists.objects.create(**{name: VALUES[name]})
        for kind in ("json", "jsonl", "xml", "python"):
            data = serializers.serialize(kind, Lists.objects.all())
            Lists.objects.all().delete()
            for restored in serializers.deserialize(kind, data):
                restored.save()
            assert getattr(Lists.objects.get(pk=row.pk), name) == VALUES[name]


ListsForm = forms.modelform_factory(Lists, fields=NAMES)
WRONG = {
    "texts": ['["' + "x" * 21 + '"]', '{"a": 1}', "[1", "[[1]]"],
    "integers": ['["a"]', "[1.5]", "[99999999999999999999]", "[null]", "[[1]]", "5, x"],
    "floats": ['["a"]', "[NaN]", '["inf"]', "[null]"],
    "booleans": ['["perhaps"]', "[2]", "[null]"],
    "decimals": ['["a"]', "[1.234]", "[12345678]", "[NaN]", "[null]"],
    "long_decimals": ['["1e25"]'],
    "moments": ['["yesterday"]', '["0999-01-01 00:00"]', '["2026-13-01 00:00"]', "[5]"],
    "dates": ['["yesterday"]', '["0999-01-01"]', "[{}]"],
    "times": ['["25:00"]'],
    "durations": ['["soon"]'],
    "uuids": ['["1234"]'],
    "ips": ['["300.1.1.1"]'],
    "emails": ['["no mail"]'],
    "documents": ["[1", '{"a": 1}'],
}


class TestForms:
    def posted(self, form):
        """Return what a browser sends for a form that nobody has changed."""
        fields = {name: form.fields[name].prepare_value(form[name].value()) for name in form.fields}
        return {**fields, **{form[name].html_initial_name: value for name, value in fields.items()}}

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
    def test_a_form_that_is_submitted_unchanged(self, zone):
        row = Lists.objects.create(**VALUES)
        row = Lists.objects.get(pk=row.pk)
        with timezone.override(zone):
            form = ListsForm(instance=row)
            assert "2026" in form.as_p()
            data = self.posted(form)
            again = ListsForm(data, instance=row)
            assert not again.has_changed(), again.changed_data
            assert again.is_valid(), again.errors
            again.save()
        assert {name: getattr(Lists.objects.get(pk=row.pk), name) for name in NAMES} == VALUES

    @pytest.mark.parametrize("name", NAMES)
    def test_a_change(self, name):
        row = Lists.objects.create(**VALUES)
        data = self.posted(ListsForm(instance=row))
        data[name] = json.dumps(json.loads(data[name])[:1])
        form = ListsForm(data, instance=row)
        assert form.changed_data == [name]
        form.save()
        assert getattr(Lists.objects.get(pk=row.pk), name) == VALUES[name][:1]
        form = ListsForm({**data, name: ""}, instance=row)
        form.save()
        assert getattr(Lists.objects.get(pk=row.pk), name) == []

    @pytest.mark.parametrize(
        ("name", "text"), [(name, text) for name in NAMES for text in WRONG[name]]
    )
    def test_what_is_wrong_is_said(self, name, text):
        form = ListsForm({name: text})
        assert form.has_changed()
        assert list(form.errors) == [name]
        assert text in form[name].value()
        assert form.as_p()

    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("texts", "a, b", ["a", "b"]),
            ("integers", "5", [5]),
            ("integers", '[5.0, "6"]', [5, 6]),
            ("floats", "1, 2.5", [1.0, 2.5]),
            ("decimals", "[1.10]", [D("1.10")]),
            (
                "long_decimals",
                "[12345678901234567890.0000000001]",
                [D("12345678901234567890.0000000001")],
            ),
            (
                "dates",
                "2026-01-02, 2026-01-03",
                [datetime.date(2026, 1, 2), datetime.date(2026, 1, 3)],
            ),
            ("booleans", "true, 0", None),
            ("texts", "null", []),
            ("texts", "[]", []),
        ],
    )
    def test_what_is_read(self, name, text, value):
        form = ListsForm({name: text})
        if value is None:
            assert list(form.errors) == [name]
        else:
            assert form.is_valid(), form.errors
            assert getattr(form.save(), name) == value

    def test_moments_without_an_offset_are_of_the_current_zone(self):
        with timezone.override("Europe/Berlin"):
            form = ListsForm({"moments": '["2026-01-02 03:04", "2026-01-02T03:04:00+00:00"]'})
            assert form.save().moments == [moment(2026, 1, 2, 2, 4), moment(2026, 1, 2, 3, 4)]

    def test_permissions(self):
        row = Everything.objects.create(permissions=['read("any")', 'update("user:a")'])
        form_class = forms.modelform_factory(Everything, fields=["permissions"])
        form = form_class(self.posted(form_class(instance=row)), instance=row)
        assert not form.has_changed()
        form.save()
        assert Everything.objects.get().permissions == ['read("any")', 'update("user:a")']

    def test_the_admin(self, client):
        client.force_login(User.objects.create_superuser("a", password="a"))
        row = Lists.objects.create(**VALUES)
        url = f"/admin/library/lists/{row.pk}/change/"
        page = client.get(url)
        assert page.status_code == 200
        form = page.context["adminform"].form
        data = self.posted(form)
        assert client.post(url, data).status_code == 302
        assert {name: getattr(Lists.objects.get(pk=row.pk), name) for name in NAMES} == VALUES
        answer = client.post(url, {**data, "dates": '["never"]', "decimals": "[1.234]"})
        assert answer.status_code == 200
        assert "Item 1" in answer.content.decode()
        assert client.get("/admin/library/lists/").status_code == 200
        assert client.get(f"/admin/library/lists/{row.pk}/history/").status_code == 200


class TestValues:
    def test_nulls_that_would_become_zeros_are_refused(self):
        for name in ("integers", "floats", "booleans"):
            with pytest.raises(DataError, match=rf"{name}: item 2 is None"):
                Lists.objects.create(**{name: [VALUES[name][0], None]})
        row = Lists.objects.create(texts=["a", None], dates=[None], decimals=[None, D("1.00")])
        row = Lists.objects.get(pk=row.pk)
        assert (row.texts, row.dates, row.decimals) == (["a", None], [None], [None, D("1.00")])
        assert Lists.objects.get(texts=["a", None]) == row
        assert not Lists.objects.filter(texts__contains=[None]).exists()
        assert Lists.objects.exclude(texts__contains=["a", None]).get() == row
        assert Lists.objects.get(texts__overlap=["a", None]) == row

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("integers", [1, 2**63], "item 2: .*maximum"),
            ("floats", [float("nan")], "item 1: Appwrite cannot store NaN"),
            ("moments", [moment(999, 1, 1)], "item 1: .*year 1000"),
            ("dates", [datetime.date(1, 1, 1)], "item 1: .*year 1000"),
            ("decimals", [D("1234567.00")], "item 1: .*8 digits"),
            ("texts", ["a\x00"], "item 1: .*NUL"),
            ("texts", "not a list", "a list, got str"),
        ],
    )
    def test_elements_that_do_not_fit(self, name, value, reason):
        with pytest.raises(DataError, match=reason):
            Lists.objects.create(**{name: value})
        with pytest.raises(DataError, match=reason):
            Lists.objects.update(**{name: value})
        if isinstance(value, list):
            with pytest.raises(ValidationError):
                Lists(**{name: value}).full_clean()

    def test_decimals_have_the_places_of_their_field(self):
        row = Lists.objects.create(decimals=[D("1.005"), D("2")])
        assert Lists.objects.get(pk=row.pk).decimals == [D("1.00"), D("2.00")]
        assert Lists.objects.get(decimals=[D("1.005"), D("2")]) == row
        assert Lists.objects.get(decimals__contains=[D("1.005")]) == row

    def test_the_twin_answers_alike(self):
        row = Lists.objects.create(**VALUES)
        row.save(using="twin")
        held = Lists.objects.using("twin").get()
        assert {name: getattr(held, name) for name in NAMES} == VALUES
        for name in NAMES:
            assert Lists.objects.using("twin").filter(**{name: VALUES[name]}).count() == 1
            assert (
                Lists.objects.using("twin")
                .filter(**{f"{name}__contains": VALUES[name][:1]})
                .count()
                == 1
            )


def test_a_null_array_is_an_empty_one_in_negations_too(level):
    """Other clients may leave one; SQL's negations would leave such rows out."""
    connection = connections["appwrite"]
    table = connection.table_ref(Lists._meta.db_table)
    rows.create_row(connection.transport, table, "raw", {"integers": [1], "texts": None})
    row, other = Lists.objects.get(pk="raw"), Lists.objects.create(texts=["x"])
    assert Lists.objects.nocache().get(pk=row.pk).texts == []
    for condition in (Q(texts__contains=["x"]), Q(texts__overlap=["x", "y"])):
        assert list(Lists.objects.nocache().exclude(condition)) == [row]
        assert list(Lists.objects.nocache().filter(~condition)) == [row]
        assert list(Lists.objects.nocache().filter(condition)) == [other]
