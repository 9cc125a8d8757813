"""Entries never cross definitions of fields: other releases, models of the past, other models and aliases on one cache."""

import asyncio
import decimal
import json
import subprocess
import sys

import pytest
from django.core.cache import cache as django_cache
from django.db import connections, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Avg, Count, F, Max, Min, Q, Sum
from django.db.models.functions import Coalesce, Lower, TruncDay
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.values import Codec, ScaledDecimalCodec
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.client import rows
from appwrite_orm_django.fields import ArrayField, EnumField
from appwrite_orm_django.models import AppwriteModel
from tests.kinds import level_settings

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class Shouted(models.CharField):
    """Text that a ``from_db_value`` changes, as its arguments say."""

    def __init__(self, *args, end="!", **kwargs):
        self.end = end
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "end": self.end}

    def from_db_value(self, value, expression, connection):
        return None if value is None else value.upper() + self.end


class Cents(models.BigIntegerField):
    """Numbers by a codec of the project's own."""

    places = 2

    def appwrite_codec(self):
        return ScaledDecimalCodec(12, self.places)


class Mills(Cents):
    places = 3


class Reversed(models.CharField):
    class Backwards(Codec):
        def encode(self, value):
            return value[::-1]

        def decode(self, wire):
            return wire[::-1]

    def appwrite_codec(self):
        return self.Backwards()


class Floats(json.JSONDecoder):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "parse_int": float})


def char(**options):
    return models.CharField(max_length=100, **options)


def decimal_field(digits, places):
    return models.DecimalField(max_digits=digits, decimal_places=places)


# Wire values that every definition of their family can decode, and the definitions.
FAMILIES = {
    "varchar": (
        "12345678-1234-5678-1234-567812345678",
        {
            "char": char,
            "slug": lambda: models.SlugField(max_length=100),
            "uuid": lambda: models.UUIDField(),
            "converted": lambda: Shouted(max_length=100),
            "converted otherwise": lambda: Shouted(max_length=100, end="?"),
            "own codec": lambda: Reversed(max_length=100),
            "enum": lambda: EnumField(choices=[("a", "A")]),
        },
    ),
    "time": ("14:30:00.000000", {"char": char, "time": lambda: models.TimeField()}),
    "text": (
        "1234",
        {
            "text": lambda: models.TextField(),
            "json": lambda: models.JSONField(),
            "json of floats": lambda: models.JSONField(decoder=Floats),
            "binary": lambda: models.BinaryField(),
            "long decimal": lambda: decimal_field(30, 10),
        },
    ),
    "bigint": (
        1234,
        {
            "integer": lambda: models.BigIntegerField(),
            "two places": lambda: decimal_field(8, 2),
            "four places": lambda: decimal_field(8, 4),
            "more digits": lambda: decimal_field(18, 4),
            "duration": lambda: models.DurationField(),
            "float": lambda: models.FloatField(),
            "boolean": lambda: models.BooleanField(),
            "cents": Cents,
            "mills": Mills,
        },
    ),
    "datetime": (
        "2024-02-29T00:00:00.000+00:00",
        {"datetime": lambda: models.DateTimeField(), "date": lambda: models.DateField()},
    ),
    "array of text": (
        ["12345678-1234-5678-1234-567812345678"],
        {"char": lambda: ArrayField(char()), "uuid": lambda: ArrayField(models.UUIDField())},
    ),
    "array of numbers": (
        [1234],
        {
            "integer": lambda: ArrayField(models.BigIntegerField()),
            "two places": lambda: ArrayField(decimal_field(8, 2)),
            "four places": lambda: ArrayField(decimal_field(8, 4)),
            "duration": lambda: ArrayField(models.DurationField()),
        },
    ),
}
COLUMNS = {
    "varchar": char, "time": char, "text": models.TextField, "bigint": models.BigIntegerField, "datetime": models.DateTimeField,
    "array of text": lambda: ArrayField(char()), "array of numbers": lambda: ArrayField(models.BigIntegerField()),
}  # fmt: skip


def thing(field, label="Thing", **bases):
    """Make the models of one release: a thing with this field, and a part of it."""
    with isolate_apps("tests.library"):

        class Meta:
            app_label = "library"
            db_table = "cached_thing"

        made = type(label, (AppwriteModel,), {
            "__module__": __name__, "Meta": Meta, "value": field, "note": models.CharField(max_length=20), **bases,
        })  # fmt: skip

        class Part(AppwriteModel):
            of = models.ForeignKey(made, models.CASCADE, related_name="parts")

            class Meta:
                app_label = "library"
                db_table = "cached_part"

    return made, Part


READS = {
    "list": lambda thing, part: [one.value for one in thing.objects.all()],
    "ordered": lambda thing, part: [one.value for one in thing.objects.order_by("note")[:5]],
    "filtered": lambda thing, part: [one.value for one in thing.objects.filter(note="a")],
    "by key": lambda thing, part: thing.objects.get(pk="t1").value,
    "first": lambda thing, part: thing.objects.first().value,
    "bulk": lambda thing, part: {key: one.value for key, one in thing.objects.in_bulk().items()},
    "values": lambda thing, part: list(thing.objects.order_by("note").values("value", "pk")),
    "values_list": lambda thing, part: list(thing.objects.order_by("note").values_list("value", flat=True)),
    "prepared": lambda thing, part: [one.value for one in thing.objects.filter(note="a").prepared()()],
    "only": lambda thing, part: [one.value for one in thing.objects.only("value")],
    "raw": lambda thing, part: [one.value for one in thing.objects.raw("SELECT * FROM cached_thing ORDER BY note")],
    "count": lambda thing, part: thing.objects.count(),
    "count of a subquery": lambda thing, part: thing.objects.filter(value__in=thing.objects.values("value")).count(),
    "least": lambda thing, part: thing.objects.aggregate(Min("value")),
    "greatest and number": lambda thing, part: thing.objects.aggregate(Max("value"), Count("value")),
    "sum": lambda thing, part: thing.objects.aggregate(Sum("value")),
    "average": lambda thing, part: thing.objects.aggregate(Avg("value")),
    "groups": lambda thing, part: list(thing.objects.order_by("note").values("note").annotate(most=Max("value"), all=Sum("value"))),
    "grouped by it": lambda thing, part: list(thing.objects.values("value").annotate(number=Count("pk")).order_by()),
    "distinct": lambda thing, part: list(thing.objects.order_by().values_list("value", flat=True).distinct()),
    "evaluated locally": lambda thing, part: [one.value for one in thing.objects.filter(note=Lower("note")).order_by("note")],
    "computed locally": lambda thing, part: list(thing.objects.annotate(same=Coalesce("value", "value")).order_by("note").values_list("same")),
    "compared locally": lambda thing, part: list(thing.objects.filter(Q(value=F("value")) | Q(note=Lower("note"))).values_list("value")),
    "joined": lambda thing, part: list(part.objects.order_by("of__note").values_list("of__value", flat=True)),
    "related": lambda thing, part: [one.of.value for one in part.objects.select_related("of").order_by("of__note")],
    "days": lambda thing, part: list(thing.objects.filter(value__isnull=False).values_list(TruncDay("value")).distinct()),
    "asynchronously": lambda thing, part: asyncio.run(_listed(thing)),
}  # fmt: skip


async def _listed(thing):
    return [one.value async for one in thing.objects.order_by("note", "pk")]


def outcome(read, thing, part):
    try:
        found = read(thing, part)
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same with and without the cache
        return type(error)
    return found, str(found)  # 1 == True == 1.0


@pytest.fixture(params=["1.9", "2.x"])
def server(request, connect):
    return connect(**level_settings(request.param, "defined", CACHE={}))


def create(connection, family):
    wire, _ = FAMILIES[family]
    made, part = thing(COLUMNS[family]())
    with connection.schema_editor() as editor:
        editor.create_model(made)
        editor.create_model(part)
    table, parts = connection.table_ref("cached_thing"), connection.table_ref("cached_part")
    rows.create_rows(connection.transport, table, [{"$id": f"t{n}", "value": wire, "note": note} for n, note in enumerate("ab")])  # fmt: skip
    rows.create_rows(
        connection.transport, parts, [{"$id": f"p{n}", "of_id": f"t{n}"} for n in range(2)]
    )
    return made, part


def destroy(connection, *made):
    with connection.schema_editor() as editor:
        for model in made:
            editor.delete_model(model)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_definition_reads_what_another_one_has_cached(server, family):
    tables = create(server, family)
    try:
        definitions = {name: thing(make()) for name, make in FAMILIES[family][1].items()}
        differing = 0
        for name, read in READS.items():
            expected = {}
            for definition, release in definitions.items():
                django_cache.clear()
                expected[definition] = outcome(read, *release)
            differing += len(set(map(str, expected.values()))) > 1
            for order in (definitions, reversed(definitions)):
                django_cache.clear()
                found = {
                    definition: outcome(read, *definitions[definition]) for definition in order
                }
                assert found == expected, name
        assert differing > 12, "the family's definitions hardly differ"
    finally:
        destroy(server, *reversed(tables))


def keyed(field):
    """Make the models of a release whose primary key is this field."""
    with isolate_apps("tests.library"):

        class Keyed(models.Model):
            id = field
            note = models.CharField(max_length=20)

            class Meta:
                app_label = "library"
                db_table = "cached_thing"

        class Part(AppwriteModel):
            of = models.ForeignKey(Keyed, models.CASCADE, related_name="parts")

            class Meta:
                app_label = "library"
                db_table = "cached_part"

    return Keyed, Part


KEY_READS = {
    "list": lambda keyed, part: [one.pk for one in keyed._default_manager.all()],
    "values": lambda keyed, part: list(
        keyed._default_manager.order_by("note").values_list("pk", "note")
    ),
    "evaluated locally": lambda keyed, part: [
        one.pk for one in keyed._default_manager.filter(note=Lower("note"))
    ],
    "foreign key": lambda keyed, part: [one.of_id for one in part.objects.all()],
    "values of a foreign key": lambda keyed, part: list(part.objects.values_list("of", flat=True)),
    "joined": lambda keyed, part: list(
        part.objects.filter(of__note="a").values_list("of__pk", "of_id")
    ),
    "least": lambda keyed, part: keyed._default_manager.aggregate(Min("pk")),
}


@pytest.mark.parametrize(
    ("key", "definitions"),
    [
        ("00000000000001234", {"char": lambda: char(primary_key=True), "auto": lambda: models.BigAutoField(primary_key=True)}),
        (
            "12345678-1234-5678-1234-567812345678",
            {"char": lambda: char(primary_key=True), "uuid": lambda: models.UUIDField(primary_key=True)},
        ),
    ],
    ids=["numbers", "UUIDs"],
)  # fmt: skip
def test_no_kind_of_key_reads_what_another_one_has_cached(server, key, definitions):
    made, part = thing(char())
    with server.schema_editor() as editor:
        editor.create_model(made)
        editor.create_model(part)
    try:
        rows.create_row(
            server.transport, server.table_ref("cached_thing"), key, {"note": "a", "value": "v"}
        )
        rows.create_row(server.transport, server.table_ref("cached_part"), "p1", {"of_id": key})
        releases = {name: keyed(make()) for name, make in definitions.items()}
        for name, read in KEY_READS.items():
            expected = {}
            for definition, release in releases.items():
                django_cache.clear()
                expected[definition] = outcome(read, *release)
            assert len(set(map(str, expected.values()))) == 2, (name, expected)
            django_cache.clear()
            assert {
                definition: outcome(read, *release) for definition, release in releases.items()
            } == expected, name
    finally:
        destroy(server, part, made)


# Who shares: the same definitions, in whatever process


def test_a_release_with_the_same_definitions_reads_what_the_other_has_cached(server):
    tables = create(server, "bigint")
    try:
        first, second = thing(decimal_field(8, 2)), thing(decimal_field(8, 2))
        django_cache.clear()
        for name in ("list", "by key", "values", "least", "evaluated locally", "joined", "related"):
            READS[name](*first)
            with observe_reads() as events:
                READS[name](*second)
            assert [event.outcome for event in events] == ["hit"], name
    finally:
        destroy(server, *reversed(tables))


def test_a_write_of_one_release_is_seen_by_the_other(server):
    tables = create(server, "bigint")
    try:
        (old, _), (new, _) = thing(decimal_field(8, 2)), thing(decimal_field(8, 4))
        django_cache.clear()
        assert old.objects.get(pk="t1").value == decimal.Decimal("12.34")
        assert [one.value for one in old.objects.all()] == [decimal.Decimal("12.34")] * 2
        new.objects.filter(pk="t1").update(value=decimal.Decimal("0.5678"))
        assert old.objects.get(pk="t1").value == decimal.Decimal("56.78")
        assert sorted(one.value for one in old.objects.all()) == [
            decimal.Decimal("12.34"),
            decimal.Decimal("56.78"),
        ]
    finally:
        destroy(server, *reversed(tables))


def test_proxies_and_second_models_of_a_table_read_their_own(server):
    tables = create(server, "bigint")
    try:
        live, part = thing(decimal_field(8, 2))
        other, _ = thing(models.DurationField(), label="Other")
        with isolate_apps("tests.library"):

            class Proxy(live):
                class Meta:
                    app_label = "library"
                    proxy = True

        for read in READS.values():
            django_cache.clear()
            expected = outcome(read, Proxy, part)
            django_cache.clear()
            outcome(read, other, part)
            outcome(read, live, part)
            assert outcome(read, Proxy, part) == expected
    finally:
        destroy(server, *reversed(tables))


def test_a_models_past_does_not_show_in_its_present(server):
    """A ``RunPython`` reads through the models of the migrations, in the same process and under the same names."""
    tables = create(server, "bigint")
    try:
        present, part = thing(decimal_field(8, 4))
        state = ProjectState()
        for model in thing(decimal_field(8, 2)):
            state.add_model(ModelState.from_model(model))
        past, past_part = (
            state.apps.get_model("library", "Thing"),
            state.apps.get_model("library", "Part"),
        )
        for name, read in READS.items():
            django_cache.clear()
            expected = outcome(read, present, part)
            django_cache.clear()
            outcome(read, past, past_part)
            assert outcome(read, present, part) == expected, name
        assert [one.value for one in past.objects.all()] == [decimal.Decimal("12.34")] * 2
    finally:
        destroy(server, *reversed(tables))


@pytest.mark.parametrize("name", ["list", "by key", "prepared", "values", "least", "evaluated locally", "computed locally", "days"])  # fmt: skip
def test_naive_and_aware_moments_are_kept_apart(server, settings, name):
    tables = create(server, "datetime")
    try:
        release = thing(models.DateTimeField())
        read, expected = READS[name], {}
        for use_tz in (True, False):
            settings.USE_TZ = use_tz
            django_cache.clear()
            expected[use_tz] = outcome(read, *release)
        assert expected[True] != expected[False]
        django_cache.clear()
        for use_tz in (True, False, True):
            settings.USE_TZ = use_tz
            assert outcome(read, *release) == expected[use_tz]
    finally:
        destroy(server, *reversed(tables))


def test_aliases_of_one_database_read_what_they_would_load_themselves(server):
    """They share entries, but not those that local evaluation makes in the time zone of an alias, or by its rules for text."""
    tables = create(server, "datetime")
    connections["second"] = DatabaseWrapper(
        {**server.settings_dict, "TIME_ZONE": "Asia/Tokyo"}, "second"
    )
    try:
        made, _ = thing(models.DateTimeField())
        reads = {
            "list": lambda alias: [one.value for one in made.objects.using(alias)],
            "local": lambda alias: [
                one.value for one in made.objects.using(alias).filter(note=Lower("note"))
            ],
        }
        for name, read in reads.items():
            expected = {}
            for alias in ("appwrite", "second"):
                django_cache.clear()
                expected[alias] = str(read(alias))
            django_cache.clear()
            assert {alias: str(read(alias)) for alias in expected} == expected, name
        reads["list"]("appwrite")
        with observe_reads() as events:
            reads["list"]("second")
        assert [event.outcome for event in events] == ["hit"]
    finally:
        del connections["second"]
        destroy(server, *reversed(tables))


# The text of a definition


def test_a_definition_is_the_same_text_in_every_process():
    program = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["appwrite_orm_django"], USE_TZ=True)
django.setup()
from tests.backend.test_cache_definitions import FAMILIES, definition_of
print({f"{family}/{name}": definition_of(make()) for family, (_, made) in FAMILIES.items() for name, make in made.items()})
"""
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 100


def test_definitions_differ_in_what_decodes_and_in_nothing_else():
    for _, definitions in FAMILIES.values():
        assert len({definition_of(make()) for make in definitions.values()}) == len(definitions)
    assert definition_of(char(verbose_name="A", help_text="b", db_index=True)) == definition_of(
        char()
    )
    assert definition_of(Shouted(max_length=100, verbose_name="A")) == definition_of(
        Shouted(max_length=100)
    )
    assert definition_of(Shouted(max_length=100, end="?")) != definition_of(Shouted(max_length=100))
    assert definition_of(models.JSONField(decoder=Floats)) != definition_of(models.JSONField())


def release(end):
    """Make a class of one name with another body, as a release of the project would."""

    class Field(models.CharField):
        def from_db_value(self, value, expression, connection):
            return value + end

    return Field


def test_another_body_of_a_converter_is_another_definition():
    scope = {"models": models}
    texts = set()
    for body in (
        "value",
        "value.upper()",
        "value.upper() + '!'",
        "value.upper() + '?'",
        "value if value in {'a', 'b'} else ''",
    ):
        method = f"def from_db_value(self, value, expression, connection): return {body}"
        exec(f"class Field(models.CharField):\n    {method}", scope)  # noqa: S102 - two releases of one class
        texts.add(definition_of(scope["Field"](max_length=5)))
    assert len(texts) == 5
    assert definition_of(release("a")(max_length=5)) != definition_of(release("b")(max_length=5))
    assert definition_of(release("a")(max_length=5)) == definition_of(release("a")(max_length=5))
