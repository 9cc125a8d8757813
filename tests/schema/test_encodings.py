"""A column that is to be read otherwise: its rows are rewritten, or the change is refused; by either road, and wherever it is stopped."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal as D
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DataError, connections, models
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.changing import announced
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.fields import ArrayField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.encodings import as_recorded
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.own_tables import ENCODINGS
from appwrite_orm_django.schema.records import FIELD, SERVER, read_recorded
from appwrite_orm_django.schema.steps import DropTable, ReadOtherwise, ReplaceColumn
from appwrite_orm_django.schema.unique import hidden_columns

from .conftest import ENGINE, Options, connect, migrate, plan_for
from .killing import Killed, a_killable_server

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

TABLE = TableRef("library", "library_thing")
UTC = timezone.utc


def decimal(digits: int, places: int, **options: Any) -> models.Field[Any, Any]:
    return models.DecimalField(max_digits=digits, decimal_places=places, **options)


@contextlib.contextmanager
def thing(field: models.Field[Any, Any], **others: Any) -> Any:
    """Make a model of one field, ``value``, and of others."""
    with isolate_apps("tests.library"):
        attributes = {
            "__module__": "tests.library.models",
            "Meta": type("Meta", (), {"app_label": "library"}),
        }
        yield type("Thing", (AppwriteModel,), {**attributes, "value": field, **others})


def made(field: models.Field[Any, Any], **others: Any) -> type[models.Model]:
    with thing(field, **others) as model:
        return model


def database(model: type[models.Model]) -> Any:
    return read_models("library", [model], engine=ENGINE)


def by_appwrite_migrate(
    transport: Any, before: type[models.Model], after: type[models.Model]
) -> None:
    run(transport, database(after))


def run(transport: Any, wanted: Any, options: Options | None = None) -> None:
    """Do as the command does."""
    with announced(connections["appwrite"], [DropTable("library_thing", wanted.tables[0])]):
        migrate(transport, wanted, options, hidden=HiddenValues(connections["appwrite"]))


def by_migrate(transport: Any, before: type[models.Model], after: type[models.Model]) -> None:
    with connections["appwrite"].schema_editor() as editor:
        editor.alter_field(before, before._meta.get_field("value"), after._meta.get_field("value"))


ROADS = [by_appwrite_migrate, by_migrate]


def copied(server: Any, level: str) -> Any:
    other = a_killable_server(level)
    with server.storage._connection() as source, other.storage._connection() as target:
        source.backup(target)
    return other


def objects(model: type[models.Model]) -> Any:
    return model._base_manager.using("appwrite")


def read(model: type[models.Model]) -> dict[str, Any]:
    """Return what a model reads of its rows, in each of the ways that there are."""
    found = dict(objects(model).values_list("id", "value"))
    assert {one.pk: one.value for one in objects(model).all()} == found
    assert {row["id"]: row["value"] for row in objects(model).values("id", "value")} == found
    # Once more, from the cache.
    assert dict(objects(model).values_list("id", "value")) == found
    return found


def records(transport: Any) -> dict[str, str]:
    """Return what is recorded of the table, but for what is left over of columns that are gone."""
    live = read_database(transport, "library")
    assert live is not None
    table = read_recorded(transport, live).table("library_thing")
    assert table is not None
    found = {column.key: column.encoding for column in table.columns}
    return {key: as_recorded(encoding) for key, encoding in found.items() if encoding is not None}


def assert_nothing_to_do(transport: Any, model: type[models.Model]) -> None:
    """A run of either road that follows makes no request but to read."""
    requests: list[Any] = []
    transport.add_listener(requests.append)
    plan = plan_for(transport, database(model))
    assert [str(step) for step in plan.steps] == []
    assert plan.unrecorded == ()
    migrate(transport, database(model))
    by_migrate(transport, model, model)
    transport.remove_listener(requests.append)
    assert {record.method for record in requests} == {"GET"}


@pytest.fixture
def server(level: str) -> Any:
    return a_killable_server(level)


@pytest.fixture
def transport(server: Any, behind_alias: Any) -> Any:
    return behind_alias(connect(server))


def load(transport: Any, model: type[models.Model], values: list[Any]) -> None:
    migrate(transport, database(model))
    for number, value in enumerate(values):
        objects(model).create(id=f"r{number}", value=value)
    read(model)  # into the cache


DAY = timedelta(days=1)
TEXT = models.CharField
#: What a field was, what it becomes, and pairs of a value and what it reads as afterwards.
CONVERTED: dict[str, tuple[Any, Any, list[tuple[Any, Any]]]] = {
    "more places": (decimal(8, 2), decimal(8, 4), [(D("9.90"), D("9.9000")), (D("-0.01"), D("-0.0100"))]),
    "one more place": (decimal(8, 2), decimal(9, 3), [(D("9.90"), D("9.900")), (D("999999.99"), D("999999.990"))]),
    "fewer places": (decimal(9, 3), decimal(8, 2), [(D("9.900"), D("9.90")), (D(0), D("0.00"))]),
    "over the border": (decimal(8, 2), decimal(20, 4), [(D("9.90"), D("9.9000")), (D(-3), D("-3.0000"))]),
    "back over the border": (decimal(20, 4), decimal(8, 2), [(D("9.9000"), D("9.90")), (D(-3), D("-3.00"))]),
    "long": (decimal(20, 4), decimal(30, 10), [(D("9.9"), D("9.9")), (D("1e15"), D("1e15"))]),
    "long, fewer": (decimal(30, 10), decimal(20, 4), [(D("9.9"), D("9.9"))]),
    "to a whole number": (decimal(8, 2), models.IntegerField(), [(D("9.00"), 9), (D(-1), -1)]),
    "from a whole number": (models.IntegerField(), decimal(8, 2), [(9, D("9.00")), (-1, D("-1.00"))]),
    "long to a whole number": (decimal(20, 4), models.BigIntegerField(), [(D(9), 9), (D("1e15"), 10**15)]),
    "to a float": (decimal(8, 2), models.FloatField(), [(D("9.90"), 9.9), (D("0.01"), 0.01)]),
    "from a float": (models.FloatField(), decimal(8, 2), [(9.9, D("9.90")), (3.0, D("3.00"))]),
    "decimal to text": (decimal(8, 2), TEXT(max_length=20), [(D("9.90"), "9.90"), (D("-0.05"), "-0.05")]),
    "text to decimal": (TEXT(max_length=20), decimal(8, 2), [("9.9", D("9.90")), (" 1e2 ", D(100))]),
    "text to a long decimal": (TEXT(max_length=23), decimal(20, 4), [("9.9", D("9.9")), ("-7", D(-7))]),
    "date to datetime": (
        models.DateField(),
        models.DateTimeField(),
        [(date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC))],
    ),
    "datetime to date": (
        models.DateTimeField(),
        models.DateField(),
        [(datetime(2026, 1, 2, tzinfo=UTC), date(2026, 1, 2))],
    ),
    "date to text": (models.DateField(), TEXT(max_length=30), [(date(2026, 1, 2), "2026-01-02")]),
    "text to date": (TEXT(max_length=30), models.DateField(), [("2026-01-02", date(2026, 1, 2))]),
    "time to text": (models.TimeField(), TEXT(max_length=32), [(time(14, 30), "14:30:00"), (time(1, 2, 3, 4), "01:02:03.000004")]),
    "text to time": (TEXT(max_length=32), models.TimeField(), [("14:30", time(14, 30)), ("01:02:03.5", time(1, 2, 3, 500000))]),
    "UUID to text": (models.UUIDField(), TEXT(max_length=36), [(UUID(int=7), str(UUID(int=7)))]),
    "text to UUID": (TEXT(max_length=36), models.UUIDField(), [(UUID(int=255).hex.upper(), UUID(int=255)), (str(UUID(int=7)), UUID(int=7))]),
    "JSON to text": (models.JSONField(), models.TextField(), [({"a": [1, None]}, '{"a": [1, null]}'), ("abc", '"abc"')]),
    "text to JSON": (models.TextField(), models.JSONField(), [('{"a":1}', {"a": 1}), ('"abc"', "abc"), (" 1 ", 1), ("[]", [])]),
    "lists of decimals": (
        ArrayField(decimal(8, 2)),
        ArrayField(decimal(9, 3)),
        [([D("9.90"), D(1)], [D("9.900"), D("1.000")]), ([], [])],
    ),
    "lists of whole numbers": (ArrayField(models.IntegerField()), ArrayField(decimal(8, 2)), [([1, 2], [D("1.00"), D("2.00")])]),
    "lists of times": (ArrayField(models.TimeField()), ArrayField(TEXT(max_length=32)), [([time(14, 30)], ["14:30:00"])]),
    "lists of texts": (ArrayField(TEXT(max_length=36)), ArrayField(models.UUIDField()), [([UUID(int=1).hex], [UUID(int=1)])]),
    "one to a list": (decimal(8, 2), ArrayField(decimal(8, 4)), [(D("9.90"), [D("9.9000")])]),
    "a list to one": (ArrayField(decimal(8, 2)), decimal(8, 4, null=True), [([D("9.90")], D("9.9000")), ([], None)]),
}  # fmt: skip

#: What a field was, what it becomes, a value that has no equal, and what is said of it.
REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "digits lost": (decimal(9, 3), decimal(8, 2), D("9.999"), "r0 has 9.999: more than 2 decimal places"),
    "digits lost, long": (decimal(30, 10), decimal(20, 4), D("0.00001"), "more than 4 decimal places"),
    "digits lost over the border": (decimal(20, 4), decimal(8, 2), D("9.9999"), "more than 2 decimal places"),
    "overflow": (decimal(8, 2), decimal(8, 4), D("999999.99"), "not between -9999.9999 and 9999.9999"),
    "overflow, long": (decimal(30, 4), decimal(20, 6), D("1e20"), "more than 20 digits"),
    "overflow over the border": (decimal(20, 4), decimal(8, 2), D("1e7"), "not between"),
    "no whole number": (decimal(8, 2), models.IntegerField(), D("9.90"), "9.90: not a whole number"),
    "too large": (models.BigIntegerField(), decimal(18, 2), 2**60, "not between"),
    "no exact float": (decimal(18, 2), models.FloatField(), D("1234567890123456.78"), "more digits than"),
    "no exact decimal": (models.FloatField(), decimal(8, 2), 0.125, "more than 2 decimal places"),
    "no number": (TEXT(max_length=20), decimal(8, 2), "abc", "not a number"),
    "not a finite number": (TEXT(max_length=20), decimal(8, 2), "NaN", "not a finite number"),
    "duration to a number": (models.DurationField(), models.BigIntegerField(), DAY, "duration cannot be converted to integer"),
    "number to a duration": (models.BigIntegerField(), models.DurationField(), 7, "integer cannot be converted to duration"),
    "duration to a decimal": (models.DurationField(), decimal(18, 2), DAY, "duration cannot be converted to decimal"),
    "decimal to a duration": (decimal(8, 2), models.DurationField(), D(1), "decimal cannot be converted to duration"),
    "duration to text": (models.DurationField(), TEXT(max_length=30), DAY, "duration cannot be converted to text"),
    "a time of day": (models.DateTimeField(), models.DateField(), datetime(2026, 1, 2, 3, tzinfo=UTC), "a date would lose"),
    "no time": (TEXT(max_length=32), models.TimeField(), "noon", "not a time"),
    "time to UUID": (models.TimeField(), models.UUIDField(), time(1), "time cannot be converted to uuid"),
    "UUID to time": (models.UUIDField(), models.TimeField(), UUID(int=7), "uuid cannot be converted to time"),
    "no UUID": (TEXT(max_length=36), models.UUIDField(), "abc", "not a UUID"),
    "microseconds of a moment": (TEXT(max_length=40), models.DateTimeField(), "2026-01-01T00:00:00.123456Z", "r0 has '2026-01-01T00:00:00.123456Z': more digits of a second than the 3 that a datetime column holds"),
    "a fraction of a day": (TEXT(max_length=40), models.DateField(), "2026-01-01T00:00:00.000001", "a date would lose"),
    "more than microseconds": (TEXT(max_length=32), models.TimeField(), "01:02:03.1234567", "not a time" if sys.version_info < (3, 11) else "more digits of a second than the 6"),
    "a digit beyond Python's 28": (decimal(60, 40), models.FloatField(), D("1." + 39 * "0" + "1"), "more digits than"),
    "truth beyond Python's 28 digits": (decimal(60, 40), models.BooleanField(), D("1." + 39 * "0" + "1"), "neither true nor false"),
    "beyond the smallest exponent": (TEXT(max_length=20), decimal(8, 2), "1e-2000000", "more than 2 decimal places"),
    "too small for a float": (TEXT(max_length=20), models.FloatField(), "1e-400", "nearer to zero than any float"),
    "a float of a list": (ArrayField(models.FloatField()), models.FloatField(), [1 / 3], "more digits than"),
    "a key of JSON twice": (models.TextField(), models.JSONField(), '{"a": 1, "a": 2}', "the key 'a' twice"),
    "a number of JSON": (models.TextField(), models.JSONField(), "[0.12345678901234567890]", "the number 0.12345678901234567890"),
    "an integer for Python only": (TEXT(max_length=36), models.UUIDField(), "1_345678123456781234567812345678", "not a UUID"),
    "no JSON": (models.TextField(), models.JSONField(), "abc", "not JSON"),
    "no JSON at all": (models.TextField(), models.JSONField(), "", "not JSON"),
    "NaN is no JSON": (models.TextField(), models.JSONField(), "[NaN]", "not JSON"),
    "binary to text": (models.BinaryField(), models.TextField(), b"abc", "binary cannot be converted to text"),
    "text to binary": (models.TextField(), models.BinaryField(), "YWJj", "text cannot be converted to binary"),
    "JSON to binary": (models.JSONField(), models.BinaryField(), [1], "json cannot be converted to binary"),
    "lists of decimals": (ArrayField(decimal(9, 3)), ArrayField(decimal(8, 2)), [D(1), D("9.999")], "more than 2"),
    "lists of durations": (ArrayField(models.DurationField()), ArrayField(models.BigIntegerField()), [DAY], "cannot be converted"),
    "lists of texts": (ArrayField(TEXT(max_length=36)), ArrayField(models.UUIDField()), ["abc"], "not a UUID"),
}  # fmt: skip


def same(found: dict[str, Any], expected: list[Any]) -> bool:
    return found == {f"r{number}": value for number, value in enumerate(expected)} and [
        type(found[f"r{number}"]) for number in range(len(expected))
    ] == [type(value) for value in expected]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", CONVERTED)
def test_rows_mean_the_same_afterwards(transport, road, case):
    before_field, after_field, pairs = CONVERTED[case]
    before, after = made(before_field.clone()), made(after_field.clone())
    load(transport, before, [value for value, _expected in pairs])
    road(transport, before, after)
    found = read(after)
    assert same(found, [expected for _value, expected in pairs])
    for number, (_value, expected) in enumerate(pairs):
        if not isinstance(expected, (list, dict)) and expected is not None:
            assert [one.pk for one in objects(after).filter(value=expected)] == [f"r{number}"]
    assert_nothing_to_do(transport, after)
    encoding = database(after).tables[0].column("value").encoding
    assert records(transport) == {"value": as_recorded(encoding)}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_equal_is_refused_and_nothing_is_done(transport, road, case):
    before_field, after_field, value, reason = REFUSED[case]
    before, after = made(before_field.clone()), made(after_field.clone())
    load(transport, before, [value])
    known = rows.list_rows(transport, TABLE, [limit(100)])["rows"]
    with pytest.raises(DataError) as refused:
        road(transport, before, after)
    assert reason in str(refused.value)
    assert "library_thing.value cannot become" in str(refused.value)
    assert "Nothing was changed. " in str(refused.value)
    assert rows.list_rows(transport, TABLE, [limit(100)])["rows"] == known
    assert list(read(before).values()) == [value]
    assert_nothing_to_do(transport, before)
    # Where there is no value, none can be lost.
    objects(before).all().delete()
    road(transport, before, after)
    assert read(after) == {}
    assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "case", ["digits lost", "duration to a number", "binary to text", "lists of texts"]
)
def test_without_values_anything_becomes_anything(transport, road, case):
    before_field, after_field, *_ = REFUSED[case]
    fields = [field.clone() for field in (before_field, after_field)]
    for field in fields:
        field.null = True
    before, after = map(made, fields)
    migrate(transport, database(before))
    rows.create_row(transport, TABLE, "r0", {"value": None})
    road(transport, before, after)
    (value,) = read(after).values()
    assert value in (None, [])
    assert_nothing_to_do(transport, after)


def test_prices_go_there_and_back(transport):
    """As it is bought and sold: through the ORM, ``values()``, filters, aggregates, and from the cache."""
    shapes = [(8, 2), (8, 4), (9, 3), (20, 4), (8, 2)]
    field = decimal(8, 2)
    load(transport, made(field), [D("9.90"), D("0.05")])
    for (digits, places), road in zip(
        [*shapes, *shapes[1:]], [ROADS[n % 2] for n in range(9)], strict=True
    ):
        before, field = made(field.clone()), decimal(digits, places)
        after = made(field)
        road(transport, before, after)
        assert read(after) == {"r0": D("9.90"), "r1": D("0.05")}
        assert objects(after).get(value=D("9.90")).pk == "r0"
        assert objects(after).filter(value__gt=D(1)).count() == 1
        assert objects(after).aggregate(total=models.Sum("value"))["total"] == D("9.95")
        assert [one.pk for one in objects(after).order_by("value")] == ["r1", "r0"]
        assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
def test_required_columns_and_their_indexes_stay_so(transport, road):
    before, after = made(decimal(8, 2, unique=True)), made(decimal(9, 3, unique=True))
    load(transport, before, [D("9.90")])
    road(transport, before, after)
    run(transport, database(after))
    table = read_database(transport, "library").table("library_thing")
    assert table.column("value").required
    key = next((one.key for one in hidden_columns(after, ENGINE)), "value")
    assert (key == "value") is (ENGINE.unique_types is None)
    assert [(index.type, index.columns) for index in table.indexes if index.columns == (key,)] == [
        ("unique", (key,))
    ]
    assert_nothing_to_do(transport, after)


@pytest.mark.parametrize("road", ROADS)
def test_many_rows_take_few_requests(transport, road):
    before, after = made(decimal(8, 2)), made(decimal(9, 3))
    migrate(transport, database(before))
    objects(before).bulk_create([before(id=f"r{n}", value=D(n) / 100) for n in range(1050)])
    requests: list[Any] = []
    transport.add_listener(requests.append)
    road(transport, before, after)
    assert len([record for record in requests if record.method != "GET"]) < 60
    assert read(after) == {f"r{n}": D(n) / 100 for n in range(1050)}


# Killed at every request

KILLED = {
    "places": CONVERTED["more places"],
    "over the border": CONVERTED["over the border"],
    "to text": CONVERTED["decimal to text"],
    "lists": CONVERTED["lists of decimals"],
}


def killed(
    server: Any, level: str, number: int, after: bool, road: Any, behind_alias: Any, *models_: Any
) -> Any:
    """Return a server on which a run was killed at its request of this number, and whether it got to its end instead."""
    other = copied(server, level)
    transport = behind_alias(connect(other))
    other.served, other.dies_at, other.after = 0, number, after
    try:
        road(transport, *models_)
    except Killed:
        ended = False
    else:
        ended = True
    other.dies_at = None
    return other, ended


A, B = ROADS


@pytest.mark.parametrize(
    ("case", "dies", "roads"),
    [
        ("places", "before", (A, A)),
        ("places", "after", (B, B)),
        ("places", "after", (A, B)),
        ("places", "before", (B, A)),
        ("over the border", "after", (A, B)),
        ("to text", "before", (B, A)),
        ("lists", "after", (B, B)),
    ],
)
def test_killed_at_every_request_no_row_is_rewritten_twice(
    server, level, behind_alias, case, dies, roads
):
    """Gone on with by the same road, or by the other one."""
    before_field, after_field, pairs = KILLED[case]
    before, after = made(before_field.clone()), made(after_field.clone())
    load(behind_alias(connect(server)), before, [value for value, _expected in pairs])
    number, ended = 0, False
    while not ended:
        number += 1
        other, ended = killed(
            server, level, number, dies == "after", roads[0], behind_alias, before, after
        )
        transport = behind_alias(connect(other))
        roads[-1](transport, before, after)
        assert same(read(after), [expected for _value, expected in pairs]), number
        run(transport, database(after))
        assert_nothing_to_do(transport, after)
    assert number > 8


@pytest.mark.parametrize(("dies", "road"), [("before", A), ("after", B)])
def test_killed_and_changed_once_more(server, level, behind_alias, dies, road):
    """Two to four places was stopped somewhere, and by now the model says three, or two again."""
    first, second = made(decimal(8, 2)), made(decimal(8, 4))
    load(behind_alias(connect(server)), first, [D("9.90"), D("-0.01")])
    for third in (made(decimal(9, 3)), made(decimal(8, 2))):
        number, ended = 0, False
        while not ended:
            number += 1
            other, ended = killed(
                server, level, number, dies == "after", road, behind_alias, first, second
            )
            transport = behind_alias(connect(other))
            run(transport, database(third), Options(prune=True))
            assert read(third) == {"r0": D("9.90"), "r1": D("-0.01")}, number
            assert plan_for(transport, database(third)).left == ()
            assert_nothing_to_do(transport, third)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_while_a_row_is_emptied_meanwhile(server, level, behind_alias, dies):
    before, after = made(decimal(8, 2, null=True)), made(decimal(8, 4, null=True))
    load(behind_alias(connect(server)), before, [D("9.90")])
    number, ended = 0, False
    while not ended:
        number += 1
        other, ended = killed(
            server, level, number, dies == "after", by_appwrite_migrate, behind_alias, before, after
        )
        transport = behind_alias(connect(other))
        if records(transport).get("value") == "decimal(2)":
            rows.update_row(transport, TABLE, "r0", {"value": None})
            expected = None
        else:
            expected = D("9.90")
        run(transport, database(after))
        assert read(after) == {"r0": expected}, number


def test_two_runs_at_once_rewrite_once(server, level, behind_alias):
    """One run stops where the other is done with everything, at each of its requests."""
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(behind_alias(connect(server)), before, [D("9.90")])
    number, met = 0, True
    while met:
        number += 1
        other = copied(server, level)
        met = run_between(other, number, lambda t: migrate(t, database(after), deadline_s=0.0))
        transport = behind_alias(connect(other))
        run(transport, database(after))
        assert read(after) == {"r0": D("9.90")}, number
        assert_nothing_to_do(transport, after)


def run_between(server: Any, number: int, run: Any) -> bool:
    """Run, and before the request of this number run all of it once more; return whether there was one of this number."""
    outer, seen, handle = connect(server), [0], type(server).handle

    def handling(request: Any) -> Any:
        seen[0] += 1
        if seen[0] == number:
            del server.handle
            run(connect(server))
        return handle(server, request)

    server.handle = handling
    try:
        run(outer)
    finally:
        vars(server).pop("handle", None)
    return seen[0] >= number


# The record


def test_every_column_is_recorded_when_it_is_made_and_forgotten_when_it_goes(transport):
    several = {"at": models.DateField(), "many": ArrayField(models.UUIDField())}
    model = made(decimal(8, 2), **several)
    with connections["appwrite"].schema_editor() as editor:
        editor.create_model(model)
    assert records(transport) == {"value": "decimal(2)", "at": "date", "many": "array uuid"}
    with connections["appwrite"].schema_editor() as editor:
        editor.remove_field(model, model._meta.get_field("at"))
    migrate(transport, database(made(decimal(8, 2))), Options(prune=True))
    assert {row["key"] for row in recorded_rows(transport)} == {"$id", "value"}
    with connections["appwrite"].schema_editor() as editor:
        editor.delete_model(made(decimal(8, 2)))
    assert recorded_rows(transport) == []


def recorded_rows(transport: Any) -> list[dict[str, Any]]:
    found = rows.list_rows(transport, TableRef("library", ENCODINGS.id), [limit(500)])["rows"]
    return [row for row in found if row["table_id"] != SERVER and row["key"] != FIELD]


@pytest.mark.parametrize("road", ["migrate", "appwrite_migrate"])
def test_a_renamed_field_takes_its_record_along(transport, road):
    model, renamed = made(decimal(8, 2)), made(models.TextField(null=True), price=decimal(8, 4))
    load(transport, model, [D("9.90")])
    if road == "migrate":
        old, new = made(decimal(8, 2)), made(models.TextField(null=True), price=decimal(8, 2))
        with connections["appwrite"].schema_editor() as editor:
            editor.alter_field(old, old._meta.get_field("value"), new._meta.get_field("price"))
        migrate(transport, database(renamed))
    else:
        migrate(
            transport, database(renamed), Options(renames={("library_thing", "price"): "value"})
        )
    assert records(transport) == {"value": "text", "price": "decimal(4)"}
    assert [one.price for one in objects(renamed).all()] == [D("9.90")]


def test_a_renamed_model_takes_its_records_along(transport):
    model = made(decimal(8, 2))
    with connections["appwrite"].schema_editor() as editor:
        editor.create_model(model)
        editor.alter_db_table(model, "library_thing", "library_other")
    assert {(row["table_id"], row["key"], row["encoding"]) for row in recorded_rows(transport)} == {
        ("library_other", "$id", "text"),
        ("library_other", "value", "decimal(2)"),
    }


def without_records(transport: Any) -> None:
    from appwrite_orm_django.client import tables

    tables.delete_table(transport, TableRef("library", ENCODINGS.id))


def test_what_is_not_recorded_is_taken_to_be_right_and_recorded(transport):
    model = made(decimal(8, 2))
    load(transport, model, [D("9.90")])
    without_records(transport)
    plan = plan_for(transport, database(model))
    assert plan.steps == ()
    assert any("2 columns have no recorded encoding" in note for note in plan.notes)
    migrate(transport, database(model))
    assert records(transport) == {"value": "decimal(2)"}
    assert_nothing_to_do(transport, model)


def test_what_is_not_recorded_is_what_the_migration_says_it_was(transport):
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(transport, before, [D("9.90")])
    without_records(transport)
    by_migrate(transport, before, after)
    assert read(after) == {"r0": D("9.90")}


def test_a_migration_that_comes_after_appwrite_migrate_has_nothing_left_to_do(transport):
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(transport, before, [D("9.90")])
    migrate(transport, database(after))
    by_migrate(transport, before, after)
    assert read(after) == {"r0": D("9.90")}


# Primary keys, and what points to them


def keyed(key: Any) -> type[models.Model]:
    return made(models.TextField(null=True), id=key)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        (
            models.BigAutoField(primary_key=True),
            models.CharField(max_length=36, primary_key=True),
            5,
        ),
        (
            models.CharField(max_length=36, primary_key=True),
            models.BigAutoField(primary_key=True),
            "abc",
        ),
        (models.UUIDField(primary_key=True), models.BigAutoField(primary_key=True), UUID(int=7)),
        (
            models.DateField(primary_key=True),
            models.DateTimeField(primary_key=True),
            date(2026, 1, 2),
        ),
    ],
)
def test_ids_that_would_read_otherwise_are_refused(transport, road, before, after, value):
    first, second = keyed(before.clone()), keyed(after.clone())
    migrate(transport, database(first))
    objects(first).create(pk=value)

    def alter() -> None:
        if road is by_migrate:
            with connections["appwrite"].schema_editor() as editor:
                editor.alter_field(first, first._meta.pk, second._meta.pk)
        else:
            migrate(transport, database(second))

    with pytest.raises(
        DataError,
        match=r"the primary key cannot become .*Appwrite cannot change them|key cannot be the row's \$id",
    ):
        alter()
    assert [one.pk for one in objects(first).all()] == [value]
    objects(first).all().delete()
    alter()
    assert_nothing_to_do_with(transport, second)


def assert_nothing_to_do_with(transport: Any, *models_: type[models.Model]) -> None:
    plan = plan_for(transport, read_models("library", models_))
    assert (plan.steps, plan.unrecorded) == ((), ())


def test_ids_that_read_the_same_stay(transport):
    first = keyed(models.UUIDField(primary_key=True))
    second = keyed(models.CharField(max_length=36, primary_key=True))
    migrate(transport, database(first))
    objects(first).create(pk=UUID(int=7))
    plan = plan_for(transport, database(second))
    assert [str(step) for step in plan.steps if isinstance(step, ReadOtherwise)] == [
        "row ids of library_thing read as text instead of uuid"
    ]
    assert not plan.destructive
    migrate(transport, database(second))
    assert [one.pk for one in objects(second).all()] == [str(UUID(int=7))]
    assert_nothing_to_do_with(transport, second)


def pointing(key: Any, field: Any) -> tuple[type[models.Model], type[models.Model]]:
    """Return a model with this key, and ``Thing`` with this field."""
    with isolate_apps("tests.library"):
        attributes = {
            "__module__": "tests.library.models",
            "Meta": type("Meta", (), {"app_label": "library"}),
        }
        target = type("Target", (AppwriteModel,), {**attributes, "id": key})
        meta = {**attributes, "Meta": type("Meta", (), {"app_label": "library"})}
        return target, type("Thing", (AppwriteModel,), {**meta, "value": field(target)})


def foreign_key(target: Any) -> Any:
    return models.ForeignKey(target, models.CASCADE, db_column="value", null=True)


@pytest.mark.parametrize(
    ("field", "stored", "expected"),
    [
        (lambda _t: models.BigIntegerField(null=True), "value_id", 5),
        (lambda _t: models.CharField(max_length=36, null=True), "value_id", "5"),
    ],
)
def test_a_foreign_key_and_the_number_that_it_was(transport, field, stored, expected):
    target, thing_ = pointing(models.BigAutoField(primary_key=True), foreign_key)
    _target, plain = pointing(models.BigAutoField(primary_key=True), field)
    migrate(transport, read_models("library", [target, thing_]))
    objects(target).create(pk=5)
    objects(thing_).create(id="r0", value_id=5)
    migrate(transport, read_models("library", [target, plain]))
    assert objects(plain).get().value == expected
    migrate(transport, read_models("library", [target, thing_]))
    assert objects(thing_).get(value=5).value_id == 5
    assert objects(thing_).get(value__pk=5).value.pk == 5
    assert_nothing_to_do_with(transport, target, thing_)


@pytest.mark.parametrize("road", ROADS)
def test_a_foreign_key_to_rows_of_another_kind_is_refused(transport, road):
    target, before = pointing(models.BigAutoField(primary_key=True), foreign_key)
    other, after = pointing(models.CharField(max_length=36, primary_key=True), foreign_key)
    migrate(transport, read_models("library", [target, before]))
    objects(before).create(id="r0", value_id=5)
    with pytest.raises(DataError, match="row id of integer cannot be converted"):
        if road is by_migrate:
            by_migrate(transport, before, after)
        else:
            migrate(transport, read_models("library", [other, after]))
    assert objects(before).get().value_id == 5


def test_foreign_keys_follow_the_key_that_they_point_to(transport):
    """``migrate`` is told of the primary key alone; Django's editors change what points to it as well."""
    target, before = pointing(models.BigAutoField(primary_key=True), foreign_key)
    other, after = pointing(models.CharField(max_length=36, primary_key=True), foreign_key)
    migrate(transport, read_models("library", [target, before]))
    with connections["appwrite"].schema_editor() as editor:
        editor.alter_field(target, target._meta.pk, other._meta.pk)
    assert records(transport)["value"] == "text"
    assert_nothing_to_do_with(transport, other, after)


# What people see


@pytest.fixture
def command(transport, monkeypatch):
    """Run a command over a model in the place of all others."""
    from appwrite_orm_django.checks import databases
    from appwrite_orm_django.management.commands import _choice, appwrite_migrate

    def run(model: type[models.Model], name: str, *args: str, **options: Any) -> str:
        for module in (_choice, databases, appwrite_migrate):
            for function in ("models_of", "chosen_models"):
                if hasattr(module, function):
                    monkeypatch.setattr(module, function, lambda *_args: [model])
        out = StringIO()
        call_command(name, *args, stdout=out, stderr=out, no_color=True, **options)
        return out.getvalue()

    return run


def test_the_plan_says_that_rows_are_rewritten(transport, command):
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(transport, before, [D("9.90")])
    out = command(after, "appwrite_migrate", "library", "--plan")
    assert (
        "~ column library_thing.value bigint -99999999..99999999 required -> bigint -99999999..99999999 required"
        in out
    )
    assert ", rewrite rows: 2 to 4 decimal places  [destructive]" in out
    step = json.loads(command(after, "appwrite_migrate", "library", "--plan", format="json"))[
        "steps"
    ][0]
    assert (step["kind"], step["destructive"]) == (ReplaceColumn.__name__, True)
    with pytest.raises(SystemExit):
        command(after, "appwrite_migrate", "library", "--check")
    with pytest.raises(
        CommandError, match=r"(?s)Nothing was done.*rewrite rows: 2 to 4 decimal places"
    ):
        command(after, "appwrite_migrate", "library", "--noinput")
    assert read(before) == {"r0": D("9.90")}
    out = command(after, "appwrite_migrate", "library", "--noinput", "--allow-destructive")
    assert "rewrite rows: 2 to 4 decimal places... OK" in out
    assert read(after) == {"r0": D("9.90")}
    assert command(after, "appwrite_migrate", "library", "--check").count("No changes.") == 1


def test_a_first_run_says_that_it_records(transport, command):
    model = made(decimal(8, 2))
    load(transport, model, [])
    without_records(transport)
    out = command(model, "appwrite_migrate", "library", "--check")
    assert "No changes." in out
    assert "2 columns have no recorded encoding" in out
    assert read_database(transport, "library").table(ENCODINGS.id) is None
    command(model, "appwrite_migrate", "library")
    assert "not recorded" not in command(model, "appwrite_migrate", "library", "--check")


def test_the_check_of_the_database_sees_other_places(transport, command):
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(transport, before, [D("9.90")])
    with pytest.raises(
        CommandError, match=r"(?s)appwrite\.W010.*rewrite rows: 2 to 4 decimal places"
    ):
        command(after, "check", databases=["appwrite"], tags=["database"], fail_level="WARNING")


def test_cached_rows_are_those_of_the_new_column(transport, command):
    before, after = made(decimal(8, 2)), made(decimal(8, 4))
    load(transport, before, [D("9.90")])
    assert list(objects(before).values_list("value", flat=True)) == [D("9.90")]
    command(after, "appwrite_migrate", "library", "--noinput", "--allow-destructive")
    assert list(objects(after).values_list("value", flat=True)) == [D("9.90")]
    command(before, "appwrite_migrate", "library", "--noinput", "--allow-destructive")
    assert list(objects(before).values_list("value", flat=True)) == [D("9.90")]
