"""Primary keys that are not the row's id: texts of any form, other types, several columns."""

from __future__ import annotations

import datetime
import decimal
import json
import random

import pytest
from django.core.management import call_command
from django.db import IntegrityError, NotSupportedError, connections, models, transaction
from django.db.models import F
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.evaluation import raw
from appwrite_orm_django.backend.keys import primary_key_of
from appwrite_orm_django.backend.values import column_key
from appwrite_orm_django.client import rows
from appwrite_orm_django.engines import ENGINES
from appwrite_orm_django.management.commands import appwrite_import
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.names import check_text, derived_id, is_its_own_id
from tests.fixtures import tables_of

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

with isolate_apps("tests.library"):

    class Spot(AppwriteModel):
        path = models.CharField(max_length=255, primary_key=True)
        visits = models.IntegerField(default=0)

        class Meta:
            app_label = "library"

    class Stay(AppwriteModel):
        place = models.ForeignKey(Spot, models.CASCADE, related_name="list")
        day = models.IntegerField(default=1)

        class Meta:
            app_label = "library"

    class Plaza(Spot):
        """Its key is a one-to-one relation, and so its row has the id of the parent's."""

        side = models.IntegerField()

        class Meta:
            app_label = "library"

    class Fellow(AppwriteModel):
        pk = models.CompositePrimaryKey("club", "number")
        club = models.CharField(max_length=40)
        number = models.IntegerField()
        name = models.CharField(max_length=40, default="")
        points = models.IntegerField(default=0)

        class Meta:
            app_label = "library"

    class Appointment(AppwriteModel):
        club = models.CharField(max_length=40)
        number = models.IntegerField(null=True)
        member = models.ForeignObject(
            Fellow, models.CASCADE, from_fields=("club", "number"), to_fields=("club", "number"),
            related_name="meetings",
        )  # fmt: skip

        class Meta:
            app_label = "library"


MODELS = (Spot, Stay, Plaza, Fellow, Appointment)

TEXTS = [
    "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b",
    "path/to/file/",
    "two words",
    "Zażółć gęślą jaźń",
    "",
    "_leading",
    "x" * 255,
    "%d \\ 'quoted' \"twice\"",
    "short",
    "0",
    derived_id([["text", "an id that is derived"]]),
]


@pytest.fixture(autouse=True)
def tables(settings):
    settings.DATABASE_ROUTERS = [Everything()]
    with tables_of(*MODELS):
        yield


class Everything:
    def db_for_read(self, model, **hints):
        return "appwrite" if model._meta.app_label == "library" else None

    db_for_write = db_for_read


def atomic():
    return transaction.atomic(using="appwrite")


def ids(model):
    connection = connections["appwrite"]
    found = rows.list_rows(connection.transport, connection.table_ref(model._meta.db_table))
    return [row["$id"] for row in found["rows"]]


def folds():
    return connections["appwrite"].engine.folds_text


# Texts


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("block", [False, True])
def test_a_key_is_any_text(text, block):
    other = Spot.objects.create(pk="other", visits=9)
    with atomic() if block else transaction.atomic(using="default"):
        made = Spot.objects.create(pk=text)
        assert Spot.objects.get(pk=text) == made
        assert Spot.objects.get(pk=text).pk == text
        made.visits = 3
        made.save()
        assert Spot.objects.filter(pk=text).update(visits=F("visits") + 1) == 1
        made.refresh_from_db()
        assert made.visits == 4
        assert Spot.objects.in_bulk([text, "other"]) == {text: made, "other": other}
        assert list(Spot.objects.filter(pk__in=[text])) == [made]
        assert list(Spot.objects.exclude(pk=text)) == [other]
        assert list(Spot.objects.exclude(pk__in=[text])) == [other]
        made.list.create(day=5)
        assert Stay.objects.get(place=text).place_id == text
        assert Stay.objects.filter(place__visits=4).get().place == made
        assert list(Spot.objects.filter(list__day=5)) == [made]
        assert Spot.objects.prefetch_related("list").get(pk=text).list.all()[0].day == 5
        with pytest.raises(IntegrityError), atomic():
            Spot.objects.create(pk=text)
    assert len(ids(Spot)) == 2
    assert all(check_text(row_id) for row_id in ids(Spot))
    assert Spot.objects.get(pk=text).delete() == (2, {"library.Spot": 1, "library.Stay": 1})
    assert list(Spot.objects.all()) == [other]


def test_texts_that_are_row_ids_are_their_own():
    Spot.objects.create(pk="Green-tea.1")
    assert ids(Spot) == ["Green-tea.1"]


def test_one_request_each(requests):
    """On an engine that takes different texts as equal, or for a key that is its own id."""
    for text in ("plain", "of two words") if folds() else ("plain",):
        requests.clear()
        spot = Spot.objects.create(pk=text)
        Spot.objects.get(pk=text)
        spot.visits = 4
        spot.save()
        if increments(""):
            Spot.objects.filter(pk=text).update(visits=F("visits") + 1)
        Spot.objects.filter(pk=text)._raw_delete("appwrite")
        row = f"rows/{ids_of(text)}"
        assert [(one.method, one.path.partition("library_spot/")[2]) for one in requests] == [
            ("POST", "rows"),
            ("GET", row),
            ("PATCH", row),
            *increments(row),
            ("DELETE", row),
        ]


def increments(row):
    """Where an increment may change a null, the row is read first."""
    is_one = not connections["appwrite"].engine.increments_nulls
    return [("PATCH", f"{row}/visits/increment")] if is_one else []


def test_one_request_each_on_an_engine_that_folds_nothing(requests):
    if folds():
        return
    spot = Spot.objects.create(pk="of two words")
    for act in (
        lambda: Spot.objects.get(pk=spot.pk),
        lambda: Spot.objects.filter(pk=spot.pk).update(visits=2),
        lambda: Spot.objects.filter(pk=spot.pk)._raw_delete("appwrite"),
    ):
        requests.clear()
        act()
        assert len(requests) == 1


def ids_of(text):
    return primary_key_of(Spot).row_id(text, connections["appwrite"].engine)


def test_lookups_and_orders():
    texts = ["b/1", "a/2", "a/1", "c"]
    Spot.objects.bulk_create([Spot(pk=text) for text in texts])
    keys = Spot.objects.order_by("pk").values_list("pk", flat=True)
    assert list(keys) == sorted(texts)
    assert list(keys.reverse()) == sorted(texts, reverse=True)
    assert list(keys[1:3]) == ["a/2", "b/1"]
    assert list(keys.filter(pk__startswith="a/")) == ["a/1", "a/2"]
    assert list(keys.filter(pk__contains="/1")) == ["a/1", "b/1"]
    assert list(keys.filter(pk__lt="b")) == ["a/1", "a/2"]
    assert list(keys.filter(pk__range=("a/2", "b/1"))) == ["a/2", "b/1"]
    assert list(keys.filter(pk__in=Spot.objects.filter(pk__gt="a/2"))) == ["b/1", "c"]
    assert keys.filter(pk__isnull=True).count() == 0
    assert keys.aggregate(last=models.Max("pk")) == {"last": "c"}
    assert list(keys.distinct()) == sorted(texts)
    Spot.objects.filter(pk__startswith="a/").update(visits=1)
    assert Spot.objects.filter(visits=1).count() == 2
    Spot.objects.filter(pk__startswith="a/").update(visits=F("visits") + 1)
    Spot.objects.filter(visits=2).delete()
    assert list(keys.all()) == ["b/1", "c"]


@pytest.mark.parametrize(
    ("one", "two"),
    [("abc", "ABC"), ("a bc", "A BC"), ("é", "É"), ("cafe", "café"), ("abc", "abc "), ("a/", "b/")],
)
@pytest.mark.parametrize("block", [False, True])
def test_equal_keys_exclude_each_other_whether_they_are_ids_or_not(one, two, block):
    first = Spot.objects.create(pk=one)
    engine = connections["appwrite"].engine
    equal = engine.equality_key(one) == engine.equality_key(two)
    assert Spot.objects.filter(pk=two).exists() is equal
    assert Spot.objects.filter(pk__in=[two, "x"]).exists() is equal
    assert Spot.objects.exclude(pk=two).exists() is not equal
    if equal or one.lower() == two.lower():
        with pytest.raises(IntegrityError), atomic() if block else transaction.atomic():
            Spot.objects.create(pk=two)
        assert Spot.objects.filter(pk=two).update(visits=1) == int(equal)
        assert Spot.objects.filter(pk=two).delete()[0] == int(equal)
        assert Spot.objects.filter(pk=one).exists() is not equal
        return
    with atomic() if block else transaction.atomic():
        Spot.objects.create(pk=two)
        assert set(Spot.objects.values_list("pk", flat=True)) == {one, two}
        assert Spot.objects.get(pk=one) == first


def test_upserts():
    Spot.objects.create(pk="a b", visits=1)
    made = Spot.objects.bulk_create(
        [Spot(pk="a b", visits=2), Spot(pk="c d", visits=3)],
        update_conflicts=True, unique_fields=["path"], update_fields=["visits"],
    )  # fmt: skip
    assert [one.pk for one in made] == ["a b", "c d"]
    assert dict(Spot.objects.values_list("pk", "visits")) == {"a b": 2, "c d": 3}
    Spot.objects.bulk_create([Spot(pk="a b"), Spot(pk="e f")], ignore_conflicts=True)
    assert dict(Spot.objects.values_list("pk", "visits")) == {"a b": 2, "c d": 3, "e f": 0}
    assert Spot.objects.get_or_create(pk="a b")[1] is False
    assert Spot.objects.update_or_create(pk="g h", defaults={"visits": 8})[1] is True
    changed = Spot.objects.get(pk="a b")
    changed.visits = 7
    assert Spot.objects.bulk_update([changed], ["visits"]) == 1
    assert Spot.objects.get(pk="a b").visits == 7


def test_a_new_key_is_a_new_row():
    spot = Spot.objects.create(pk="a b", visits=5)
    spot.pk = "c d"
    spot.save()
    assert dict(Spot.objects.values_list("pk", "visits")) == {"a b": 5, "c d": 5}
    with pytest.raises(NotSupportedError, match="create a new row"):
        Spot.objects.filter(pk="a b").update(path="x")


def test_rows_are_locked_by_their_key():
    Spot.objects.create(pk="a b")
    with atomic():
        spot = Spot.objects.select_for_update().get(pk="a b")
        spot.visits = 3
        spot.save()
    assert Spot.objects.get(pk="a b").visits == 3


def test_many_keys():
    texts = [f"number {number}" for number in range(620)]
    with atomic():
        Spot.objects.bulk_create([Spot(pk=text) for text in texts])
    assert len(Spot.objects.in_bulk(texts)) == 620
    assert Spot.objects.filter(pk__in=texts[:610]).count() == 610


def test_children_have_the_ids_of_their_parents():
    square = Plaza.objects.create(path="Rynek Główny", side=200)
    assert ids(Plaza) == ids(Spot) == [ids_of("Rynek Główny")]
    square.visits, square.side = 4, 201
    square.save()
    found = Plaza.objects.get(pk="Rynek Główny")
    assert (found.visits, found.side, found.spot_ptr_id) == (4, 201, "Rynek Główny")
    assert Plaza.objects.filter(spot_ptr="Rynek Główny").update(visits=5, side=1) == 1
    assert Spot.objects.get(plaza__side=1).visits == 5
    square.delete()
    assert Spot.objects.count() == Plaza.objects.count() == 0


# Other types


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (models.DecimalField(max_digits=6, decimal_places=2), [decimal.Decimal("-1.50"), decimal.Decimal(0), decimal.Decimal("9.90"), decimal.Decimal(10)]),
        (models.DecimalField(max_digits=30, decimal_places=2), [decimal.Decimal("-1.50"), decimal.Decimal("9.90"), decimal.Decimal(10)]),
        (models.FloatField(), [-1.5, 0.0, 1e-7, 9.0, 10.0]),
        (models.TimeField(), [datetime.time(1, 2, 3), datetime.time(14, 30, 0, 5)]),
        (models.BooleanField(), [False, True]),
        (models.BinaryField(), [b"\0\1\2", b"\xff", b"i\xb7", b"I\xb7"]),
        (models.GenericIPAddressField(), ["10.0.0.1", "2001:db8::1"]),
        (models.TextField(), ["a\nb", "c"]),
        (models.EmailField(), ["ann@example.org", "bob@example.org"]),
        (models.DateField(), [datetime.date(1, 2, 3), datetime.date(2026, 1, 2), datetime.date(2026, 1, 3)]),
        (models.DurationField(), [datetime.timedelta(0), datetime.timedelta(microseconds=9), datetime.timedelta(days=100)]),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, models.Field) else "",
)  # fmt: skip
def test_keys_of_other_types(field, values):
    with isolate_apps("tests.library"):
        field = field.clone()
        field.primary_key = True
        name = f"Of{type(field).__name__}"
        meta = type("Meta", (), {"app_label": "library", "db_table": "library_of_type"})
        model = type(
            name,
            (models.Model,),
            {"__module__": "tests.library.models", "Meta": meta, "key": field,
             "size": models.IntegerField(default=0)},
        )  # fmt: skip
    with connections["appwrite"].schema_editor() as editor:
        editor.create_model(model)
    try:
        shuffled = random.Random(0).sample(values, len(values))
        model.objects.bulk_create([model(pk=value) for value in shuffled])
        for value in values:
            found = model.objects.get(pk=value)
            found.size = 2
            found.save()
            assert (bytes(found.pk) if isinstance(value, bytes) else found.pk) == value
            assert model.objects.filter(pk__in=[value]).count() == 1
            with pytest.raises(IntegrityError):
                model.objects.create(pk=value)
        assert model.objects.filter(size=2).count() == len(values)
        if not isinstance(field, models.BinaryField):
            assert list(model.objects.order_by("pk").values_list("pk", flat=True)) == values
        assert model.objects.filter(pk=values[0]).delete()[0] == 1
        assert model.objects.count() == len(values) - 1
    finally:
        with connections["appwrite"].schema_editor() as editor:
            editor.delete_model(model)


# Several columns


def members(*keys):
    return Fellow.objects.bulk_create(
        [Fellow(club=club, number=number, name=f"{club}{number}") for club, number in keys]
    )


@pytest.mark.parametrize("block", [False, True])
def test_a_key_of_several_columns(block):
    with atomic() if block else transaction.atomic():
        members(("a b", 2), ("a b", 1), ("c", 1))
        ann = Fellow.objects.get(pk=("a b", 1))
        assert ann.pk == ("a b", 1)
        ann.points = 3
        ann.save()
        assert Fellow.objects.filter(pk=("a b", 1)).update(points=F("points") + 1) == 1
        ann.refresh_from_db()
        assert ann.points == 4
        keys = Fellow.objects.values_list("pk", flat=True)
        assert list(keys.order_by("pk")) == [("a b", 1), ("a b", 2), ("c", 1)]
        assert list(keys.order_by("-pk")) == [("c", 1), ("a b", 2), ("a b", 1)]
        assert set(keys.filter(pk__in=[("c", 1), ("a b", 2), ("x", 1)])) == {("c", 1), ("a b", 2)}
        assert set(keys.exclude(pk=("c", 1))) == {("a b", 1), ("a b", 2)}
        assert list(keys.filter(pk__gt=("a b", 2))) == [("c", 1)]
        assert set(keys.filter(club="a b")) == {("a b", 1), ("a b", 2)}
        with pytest.raises(IntegrityError), atomic():
            Fellow.objects.create(club="c", number=1)
        with pytest.raises(IntegrityError), atomic():
            Fellow.objects.create(club="c", number=None)
    Appointment.objects.create(member=ann)
    Appointment.objects.create(club="c", number=1)
    assert Appointment.objects.get(member=ann).member == ann
    assert [
        one.member.name for one in Appointment.objects.select_related("member").order_by("club")
    ] == ["a b1", "c1"]
    found = Fellow.objects.prefetch_related("meetings").order_by("pk")
    assert [len(one.meetings.all()) for one in found] == [1, 0, 1]
    assert Appointment.objects.filter(member__points=4).count() == 1
    assert ann.delete()[0] == 2
    assert Fellow.objects.filter(pk__in=[("a b", 2)]).delete()[0] == 1
    assert list(Fellow.objects.values_list("pk", flat=True)) == [("c", 1)]


def test_a_get_by_several_columns_is_one_request(requests):
    members(("a b", 1))
    requests.clear()
    one = Fellow.objects.get(pk=("a b", 1))
    one.points = 4
    one.save()
    Fellow.objects.filter(pk=one.pk)._raw_delete("appwrite")
    assert [one.method for one in requests] == ["GET", "PATCH", "DELETE"]


def test_another_component_is_another_row():
    members(("a", 1), ("a", 2))
    one = Fellow.objects.get(pk=("a", 1))
    one.number = 2
    one.points = 9
    one.save()
    assert dict(Fellow.objects.values_list("number", "points")) == {1: 0, 2: 9}
    assert Fellow.objects.get(pk=("a", 2)).name == "a1"
    with pytest.raises(NotSupportedError, match="create a new row"):
        Fellow.objects.filter(club="a").update(number=5)


def test_upserts_by_several_columns():
    members(("a", 1))
    made = Fellow.objects.bulk_create(
        [Fellow(club="a", number=1, points=4), Fellow(club="a", number=2, points=5)],
        update_conflicts=True, unique_fields=["club", "number"], update_fields=["points"],
    )  # fmt: skip
    assert [one.pk for one in made] == [("a", 1), ("a", 2)]
    assert dict(Fellow.objects.values_list("number", "points")) == {1: 4, 2: 5}
    assert Fellow.objects.get(pk=("a", 1)).name == "a1"


def test_locks_by_several_columns():
    members(("a", 1))
    with atomic():
        one = Fellow.objects.select_for_update().get(pk=("a", 1))
        Fellow.objects.filter(pk=one.pk).update(points=F("points") + 1)
    assert Fellow.objects.get().points == 1


# Ids


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_ids(engine):
    key = primary_key_of(Spot)
    for text in TEXTS:
        row_id = key.row_id(text, engine)
        assert check_text(row_id) == row_id
        assert (row_id == text) is is_its_own_id(text)
    assert len({key.row_id(text, engine).lower() for text in TEXTS}) == len(TEXTS)
    assert key.row_id("A b", engine) == key.row_id("a B", engine)
    assert key.row_id("_é", engine) == key.row_id("_É", engine)
    both = primary_key_of(Fellow)
    assert both.row_id(("a", 1), engine) != both.row_id(("a1", 1), engine)
    assert column_key(Spot._meta.pk) == "path"


def test_an_import_derives_the_ids_anew(tmp_path, monkeypatch):
    """The file may come from another engine, which compares texts in another way."""
    lines = [
        ["row", "library_spot", {"$id": f"key.{'a' * 32}", "path": "Ęx/", "visits": 4}],
        ["row", "library_fellow", {"$id": "other", "club": "a", "number": 1, "name": "", "points": 0}],
        ["end", {"library_spot": 1, "library_fellow": 1}],
    ]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(appwrite_import, "models_of", lambda _alias: MODELS)
    call_command("appwrite_import", str(file), database="appwrite", verbosity=0)
    call_command("appwrite_import", str(file), database="appwrite", verbosity=0)
    assert Spot.objects.get(pk="Ęx/").visits == 4
    assert Fellow.objects.get(pk=("a", 1)).points == 0
    assert Spot.objects.count() == Fellow.objects.count() == 1


def test_sql_writes_find_rows_by_their_keys(monkeypatch):
    monkeypatch.setattr(raw.apps, "get_models", lambda **_: MODELS)
    Spot.objects.bulk_create([Spot(pk="a b", visits=1), Spot(pk="c d", visits=2), Spot(pk="plain")])
    members(("a b", 1))
    with connections["appwrite"].cursor() as cursor:
        cursor.execute("UPDATE library_spot SET visits = visits + 5 WHERE path <> 'plain'")
        assert cursor.rowcount == 2
        assert dict(Spot.objects.values_list("pk", "visits")) == {"a b": 6, "c d": 7, "plain": 0}
        cursor.execute("DELETE FROM library_spot WHERE visits = 6")
        assert cursor.rowcount == 1
        assert set(Spot.objects.values_list("pk", flat=True)) == {"c d", "plain"}
        cursor.execute("INSERT INTO library_spot (path, visits) VALUES ('e f', 3)")
        cursor.execute(
            "INSERT INTO library_fellow (club, number, name, points) VALUES ('z', 3, '', 4)"
        )
        assert Spot.objects.get(pk="e f").visits == 3
        with pytest.raises(NotSupportedError, match="Appwrite cannot change the id"):
            cursor.execute("UPDATE library_spot SET path = 'x' WHERE path = 'c d'")
        cursor.execute("UPDATE library_fellow SET points = points + 1 WHERE number = 1")
        assert cursor.rowcount == 1
    assert Fellow.objects.get(pk=("a b", 1)).points == 1
    assert Fellow.objects.get(pk=("z", 3)).points == 4


def test_an_import_of_whole_floats(tmp_path, monkeypatch):
    """Servers write them as integers, and so do exports."""
    with isolate_apps("tests.library"):

        class Height(AppwriteModel):
            metres = models.FloatField(primary_key=True)

            class Meta:
                app_label = "library"

    lines = [
        ["row", "library_height", {"$id": "5.0", "metres": 5}],
        ["row", "library_height", {"$id": "other", "metres": 0}],
        ["end", {"library_height": 2}],
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(appwrite_import, "models_of", lambda _alias: [Height])
    with connections["appwrite"].schema_editor() as editor:
        editor.create_model(Height)
    try:
        call_command("appwrite_import", str(file), database="appwrite", verbosity=0)
        for metres in (0.0, 5.0):
            assert Height.objects.get(pk=metres).metres == metres
            with pytest.raises(IntegrityError):
                Height.objects.create(pk=metres)
    finally:
        with connections["appwrite"].schema_editor() as editor:
            editor.delete_model(Height)
