"""What no row can hold: ids that Appwrite refuses, half of a surrogate pair, numbers of more than 64 bits."""

import datetime
import re
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django import forms
from django.core.exceptions import ValidationError
from django.db import DataError, NotSupportedError, connections, transaction
from django.db.models import (
    Avg,
    BigIntegerField,
    Case,
    Count,
    DecimalField,
    F,
    Q,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Abs, Cast, Concat

from tests.kinds import level_settings, make_tables
from tests.library.models import (
    Author,
    Book,
    Country,
    Everything,
    Numbered,
    Owner,
    Possession,
    Token,
)

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

MODELS = (Country, Author, Book, Numbered, Token, Everything, Owner, Possession)


@pytest.fixture(params=["1.9", "2.x"])
def level(request, connect):
    connection = connect(**level_settings(request.param, "odd", CACHE={}))
    make_tables(connection, MODELS)
    yield request.param
    for model in reversed(MODELS):
        model._base_manager.all()._raw_delete("appwrite")
    connections["appwrite"].close()


@pytest.fixture(params=["alone", "block"])
def place(request, level):
    if request.param == "alone":
        yield
        return
    # Every table has been written to, and nothing of it is kept.
    with transaction.atomic(using="appwrite"):
        for model in (Country, Author, Numbered, Owner, Everything, Token):
            row = model.objects.create(**({"code": "XX"} if model is Country else {}))
            model._base_manager.filter(pk=row.pk)._raw_delete("appwrite")
        yield
        transaction.set_rollback(True, using="appwrite")


IDS = [
    *(
        (model, row_id)
        for model in (Country, Author, Owner)
        for row_id in ("a b", "", "é", "x" * 37, "-a", "a/b", "\x00")
    ),
    # Looked up like any other id: a row of another client may have it.
    *((model, "0") for model in (Country, Owner)),
    *((Numbered, number) for number in (2**53, -(2**53), 2**70)),
]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("model", "row_id"), IDS)
class TestIds:
    def test_nothing_is_deleted(self, model, row_id):
        kept = model.objects.create(name="kept", **({"pk": "FR"} if model is Country else {}))
        assert model(pk=row_id, name="x").delete()[0] == 0
        assert async_to_sync(model(pk=row_id, name="x").adelete)()[0] == 0
        assert model.objects.filter(pk=row_id).delete()[0] == 0
        assert model.objects.filter(pk__in=[row_id]).delete()[0] == 0
        assert model.objects.filter(pk=row_id)._raw_delete("appwrite") == 0
        assert model.objects.get() == kept

    def test_nothing_is_found_or_changed(self, model, row_id):
        kept = model.objects.create(name="kept", **({"pk": "FR"} if model is Country else {}))
        rows = model.objects.filter(pk=row_id)
        assert (list(rows), rows.count(), rows.exists(), rows.first()) == ([], 0, False, None)
        assert rows.update(name="x") == 0
        assert rows.update(name=Concat("name", Value("x"))) == 0
        assert model.objects.in_bulk([row_id]) == {}
        assert model.objects.filter(pk__in=[row_id, kept.pk]).get() == kept
        assert model.objects.exclude(pk=row_id).get() == kept
        assert model.objects.filter(Q(pk=row_id) | Q(name="kept")).get() == kept
        assert model.objects.filter(Q(pk=row_id) | Q(name=F("name"))).get() == kept
        with pytest.raises(model.DoesNotExist):
            model.objects.get(pk=row_id)
        with pytest.raises(model.DoesNotExist):
            model(pk=row_id, name="x").refresh_from_db()
        assert model.objects.get().name == "kept"


# A text key has a column of its own, and need not be an id.
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("model", "row_id"), [one for one in IDS if one[0] is not Country or one[1] == "\x00"]
)
def test_it_is_not_saved(model, row_id):
    for write in (
        lambda: model(pk=row_id, name="x").save(),
        lambda: model.objects.create(pk=row_id, name="x"),
        lambda: model.objects.bulk_create([model(pk=row_id, name="x")]),
    ):
        refused = pytest.raises(DataError, match=r"Appwrite row id|integer key|NUL")
        if not connections["appwrite"].engine.orders_negative_keys and str(row_id)[:2] == "-9":
            refused = pytest.raises(NotSupportedError, match="Use keys from 0 on")
        with refused, transaction.atomic(using="appwrite"):
            write()
    assert not model.objects.exists()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("key", ["", "é", "-a", "/", "0"])
def test_a_text_key_need_not_be_an_id(key):
    with transaction.atomic(using="appwrite"):
        Country.objects.create(pk=key, name="x")
    assert Country.objects.get(pk=key).pk == key
    assert Country.objects.filter(pk__in=[key]).delete()[0] == 1


@pytest.mark.usefixtures("place")
class TestCascades:
    def test_an_owner_of_nothing(self):
        owner = Owner.objects.create(name="a")
        kept = Possession.objects.create(
            name="kept", **dict.fromkeys(("cascade", "set_null", "set_value", "do_nothing"), owner)
        )
        assert Owner(pk="a b").delete()[0] == 0
        kept.refresh_from_db()
        assert kept.cascade == owner
        assert Author(pk="a b", name="x").delete()[0] == 0
        assert not Book.objects.filter(author=Author(pk="a b", name="x")).exists()
        assert not Book.objects.filter(author="a b").exists()
        assert not Book.objects.filter(author__in=["a b"]).exists()


LONE = "a\ud800x"
TEXTS = ("char", "text", "slug", "email", "url", "ip", "file", "enum")
LOOKUPS = (
    *TEXTS, "char__contains", "char__icontains", "char__startswith", "char__istartswith", "char__endswith", "char__iendswith",
    "char__iexact", "char__regex", "char__iregex", "char__gt", "char__lte", "text__icontains", "json", "json__a", "json__a__icontains",
    "json__has_key", "json__contains", "pk", "json__\udc00",
)  # fmt: skip
LISTS = (
    "char__in",
    "pk__in",
    "json__in",
    "json__a__in",
    "array",
    "array__contains",
    "array__overlap",
    "json__has_any_keys",
    "char__range",
)


@pytest.mark.usefixtures("level")
class TestLoneSurrogates:
    @pytest.mark.parametrize("lookup", LOOKUPS + LISTS)
    def test_filters(self, lookup):
        Everything.objects.create(char="a", json={"a": 1}, array=["a"])
        value = LONE if lookup not in LISTS else [LONE, LONE] if lookup == "char__range" else [LONE]
        for found in (
            Everything.objects.filter(**{lookup: value}),
            Everything.objects.exclude(**{lookup: value}),
            Everything.objects.filter(Q(**{lookup: value}) | Q(integer=F("big"))),
            Everything.objects.values("integer").annotate(n=Count("pk")).filter(**{lookup: value}),
            Everything.objects.annotate(
                x=Case(When(then=1, **{lookup: value}), default=0)
            ).values_list("x"),
        ):
            # Django leaves annotations out where rows are only counted.
            counting = (
                ()
                if "x" in found.query.annotations
                else (lambda q: q.count(), lambda q: q.exists())
            )
            for ask in (list, lambda q: q.explain(), *counting):
                with pytest.raises(DataError, match=r"\\ud800|\\udc00"):
                    ask(found)
            if hasattr(found, "is_cached") and found._fields is None:
                with pytest.raises(DataError):
                    found.is_cached()
        with pytest.raises(DataError):
            Everything.objects.filter(**{lookup: value}).update(integer=1)
        with pytest.raises(DataError):
            Everything.objects.filter(**{lookup: value}).delete()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *((name, LONE) for name in TEXTS),
            ("json", {"a": [LONE]}),
            ("json", {LONE: 1}),
            ("json", LONE),
            ("array", ["a", LONE]),
            ("permissions", [f'read("user:{LONE}")']),
        ],
    )
    def test_values(self, name, value):
        row = Everything.objects.create()
        changed = Everything.objects.get(pk=row.pk)
        setattr(changed, name, value)
        for write in (
            lambda: Everything.objects.create(**{name: value}),
            lambda: Everything.objects.bulk_create([Everything(), Everything(**{name: value})]),
            lambda: Everything.objects.update(**{name: value}),
            lambda: Everything.objects.get_or_create(integer=7, defaults={name: value}),
            changed.save,
        ):
            with pytest.raises(DataError, match=rf"{name}.*\\ud800"):
                write()
        with pytest.raises(DataError, match=r"\\ud800"):
            Everything.objects.bulk_update([changed], [name])
        with pytest.raises(ValidationError) as caught:
            changed.full_clean()
        assert name in caught.value.message_dict
        assert Everything.objects.count() == 1

    def test_expressions_and_sql(self):
        Everything.objects.create(char="a")
        for ask in (
            lambda: list(Everything.objects.annotate(x=Concat("char", Value(LONE)))),
            lambda: list(Everything.objects.annotate(x=Value(LONE))),
            lambda: Everything.objects.update(char=Concat("char", Value(LONE))),
            lambda: Everything.objects.update(char=Value(LONE)),
            lambda: list(
                Everything.objects.raw("SELECT * FROM library_everything WHERE char = %s", [LONE])
            ),
            lambda: list(
                Everything.objects.raw(
                    "SELECT * FROM library_everything WHERE char = %(a)s", {"a": LONE}
                )
            ),
            lambda: list(
                Everything.objects.raw(f"SELECT * FROM library_everything WHERE char = '{LONE}'")
            ),
            lambda: connections["appwrite"].cursor().execute("SELECT %s", [LONE]),
            lambda: list(Everything.objects.extra(where=["char = %s"], params=[LONE])),
            lambda: list(Everything.objects.order_by("json__\ud800")),
            lambda: list(Author.objects.filter(country__name=LONE)),
            lambda: Country.objects.get(pk=LONE),
            lambda: Country(pk=LONE).delete(),
            lambda: Country.objects.in_bulk([LONE]),
        ):
            with pytest.raises(DataError, match=r"\\ud800"):
                ask()

    def test_pairs_are_characters(self):
        row = Everything.objects.create(char="🌸", json={"🌸": "🌸"}, array=["🌸"])
        assert (
            Everything.objects.get(
                char="🌸", json={"🌸": "🌸"}, json__has_key="🌸", array__contains=["🌸"]
            )
            == row
        )


def test_forms_say_what_the_column_cannot_hold():
    form_class = forms.modelform_factory(
        Everything, fields=["char", "text", "json", "array", "datetime", "date"]
    )
    wrong = {
        "char": LONE,
        "text": LONE,
        "json": '"\\ud800"',
        "array": '["\\ud800"]',
        "datetime": "0999-01-01 00:00",
        "date": "0999-01-01",
    }
    form = form_class(wrong)
    assert set(form.errors) == set(wrong)
    assert form_class(
        {
            "char": "🌸",
            "text": "a",
            "json": '"\\ud83c\\udf38"',
            "array": '["a"]',
            "datetime": "9999-12-31 23:59:59",
            "date": "9999-12-31",
        }
    ).is_valid()


REFUSED = object()


def answer_or_refusal(ask, reason):
    try:
        return ask()
    except (DataError, NotSupportedError) as error:
        return REFUSED if re.search(reason, str(error)) else error


BIG = 2**62 + 1
WIDE = DecimalField(max_digits=40, decimal_places=0)


@pytest.mark.usefixtures("place")
class TestNumbersOfMoreThan64Bits:
    @pytest.fixture(autouse=True)
    def rows(self, place):
        day = datetime.timedelta(days=1)
        Everything.objects.bulk_create(
            [Everything(big=BIG, duration=100_000_000 * day) for _ in range(3)]
        )

    def exactly_or_not(self, ask, exact):
        """The server's sums have no end, SQLite's do: the answer is right, or an error says that there is none."""
        assert answer_or_refusal(ask, r"library_everything: .*64 bits.*\n.*DecimalField") in (
            exact,
            REFUSED,
        )

    def test_sums(self):
        total, long = 3 * BIG, datetime.timedelta(days=300_000_000)
        groups = Everything.objects.values("char").annotate(total=Sum("big"))
        self.exactly_or_not(lambda: Everything.objects.aggregate(x=Sum("big"))["x"], total)
        self.exactly_or_not(lambda: Everything.objects.aggregate(x=Sum("duration"))["x"], long)
        self.exactly_or_not(
            lambda: Everything.objects.aggregate(x=Sum(F("big") + 1))["x"], total + 3
        )
        self.exactly_or_not(lambda: groups.get()["total"], total)
        self.exactly_or_not(lambda: groups.filter(total__gt=5).get()["total"], total)
        self.exactly_or_not(lambda: groups.order_by("total").get()["total"], total)
        self.exactly_or_not(
            lambda: Everything.objects.annotate(x=Window(Sum("big"))).first().x, total
        )
        assert Everything.objects.aggregate(x=Avg("big"))["x"] == pytest.approx(BIG)
        assert Everything.objects.aggregate(x=Avg("duration"))["x"] == datetime.timedelta(
            days=100_000_000
        )

    @pytest.mark.parametrize(
        ("expression", "exact"),
        [
            (F("big") + F("big"), 2 * BIG), (F("big") * F("big"), BIG**2), (-F("big") - F("big") - F("big"), -3 * BIG),
            (F("big") * 4 - F("big") * 4 + 5, 5), (Abs(F("big") * 2), 2 * BIG),
            (Cast(F("big") * 2, BigIntegerField()), 2 * BIG),
        ],
    )  # fmt: skip
    def test_arithmetic(self, expression, exact):
        rows = Everything.objects.annotate(x=expression)
        self.exactly_or_not(lambda: rows.first().x, exact)
        self.exactly_or_not(lambda: rows.filter(x__gt=0).count(), 3 if exact > 0 else 0)
        self.exactly_or_not(lambda: rows.order_by("x").count(), 3)
        with pytest.raises(DataError), transaction.atomic(using="appwrite"):
            Everything.objects.update(big=expression)
        assert set(Everything.objects.values_list("big", flat=True)) == {BIG}

    @pytest.mark.parametrize("lookup", ["exact", "gt", "gte", "lt", "lte"])
    @pytest.mark.parametrize("value", [3 * BIG, -(2**70)])
    def test_comparisons_of_what_is_computed(self, lookup, value):
        groups = Everything.objects.values("char").annotate(total=Sum("big"))
        holds = {
            "exact": value == 3 * BIG,
            "gt": value < 3 * BIG,
            "gte": value <= 3 * BIG,
            "lt": value > 3 * BIG,
            "lte": value >= 3 * BIG,
        }[lookup]
        found = answer_or_refusal(
            lambda: groups.filter(**{f"total__{lookup}": value}).exists(),
            r"64 bits.*\n.*DecimalField",
        )
        assert found in (holds, REFUSED)
        assert Everything.objects.filter(**{f"big__{lookup}": value}).exists() is (
            lookup in ("gt", "gte") if value < 0 else lookup in ("lt", "lte")
        )

    def test_lists_and_ranges(self):
        for also in (Q(), Q(integer=None) | Q(char=F("text"))):
            rows = Everything.objects.filter(also)
            assert rows.filter(big__in=[BIG, 2**70]).count() == 3
            assert rows.filter(big__in=[2**70]).count() == 0
            assert rows.exclude(big__in=[2**70]).count() == 3
            assert rows.filter(big__range=(-(2**70), 2**70)).count() == 3
            assert rows.filter(big__range=(BIG, 2**70)).count() == 3
            assert rows.filter(big__range=(2**70, 2**71)).count() == 0
            assert rows.filter(big__range=(Value(5), F("big"))).count() == 3
        with pytest.raises(DataError, match="64 bits"), transaction.atomic(using="appwrite"):
            list(Everything.objects.annotate(x=F("big") + 2**70))

    def test_the_way_out(self):
        wide = Cast("big", WIDE)
        assert Everything.objects.aggregate(x=Sum(wide))["x"] == 3 * BIG
        assert Everything.objects.annotate(x=wide * wide).first().x == BIG**2
        groups = Everything.objects.values("char").annotate(total=Sum(wide))
        assert groups.filter(total=3 * BIG, total__gt=3 * BIG - 1).exists()
        assert not groups.filter(total__gt=3 * BIG).exists()

    def test_what_fits_is_as_before(self):
        Everything.objects.update(big=2**61, integer=7)
        rows = Everything.objects.annotate(
            x=F("big") + F("big") - F("integer"), y=F("integer") * F("integer") + 1
        )
        assert set(rows.values_list("x", "y")) == {(2**62 - 7, 50)}
        assert rows.filter(x__gt=F("big"), y=50).count() == 3
        assert Everything.objects.aggregate(x=Sum("big"))["x"] == 3 * 2**61


@pytest.mark.usefixtures("place")
def test_sums_of_decimals_are_exact_or_refused():
    price = Decimal("99999999.9999")
    Everything.objects.bulk_create([Everything(decimal=price) for _ in range(100)])
    assert Everything.objects.aggregate(x=Sum("decimal"))["x"] == 100 * price
    Everything.objects.bulk_create([Everything(decimal=price) for _ in range(1900)])
    for ask, exact in (
        (lambda: Everything.objects.aggregate(x=Sum("decimal"))["x"], 2000 * price),
        (
            lambda: (
                Everything.objects.values("char")
                .annotate(x=Sum("decimal"))
                .filter(x__gt=5)
                .get()["x"]
            ),
            2000 * price,
        ),
        (
            lambda: Everything.objects.aggregate(
                x=Sum(Cast("decimal", DecimalField(max_digits=40, decimal_places=4)))
            )["x"],
            2000 * price,
        ),
    ):
        assert answer_or_refusal(ask, r"15 digits.*\n.*DecimalField") in (exact, REFUSED)
