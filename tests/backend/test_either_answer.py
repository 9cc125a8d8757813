"""What servers answer in different ways: the library does the same with each of them."""

import json
import random

import pytest
from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import Avg, Count, F, Max, Min, Q, Sum

from appwrite_local.messages import json_response
from appwrite_local.registry import local_server
from appwrite_orm_django.client import rows
from tests.kinds import by_nulls, level_settings, make_tables
from tests.library.models import Everything, Lists, Measurement, Reading

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.local_only("answers otherwise than a server does"),
]

MODELS = (Everything, Lists, Reading, Measurement)


@pytest.fixture(params=["1.9", "2.x"])
def level(request, connect):
    connection = connect(**level_settings(request.param, "either", CACHE={}, PAGE_SIZE=4))
    make_tables(connection, MODELS)
    yield request.param
    for model in MODELS:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")
    connections["appwrite"].close()


@pytest.fixture
def answers(level, monkeypatch):
    """Let the server's answers be changed: give a function of the request and the answer's body."""
    server = local_server(connections["appwrite"].settings_dict["HOST"])
    handle = server.handle

    def change(function):
        def changed(request):
            answer = handle(request)
            if not answer.body or (
                "/rows" not in request.path and "/transactions" not in request.path
            ):
                return answer
            return json_response(answer.status, function(request, json.loads(answer.body)))

        monkeypatch.setattr(server, "handle", changed)

    return change


# Floats


@pytest.mark.parametrize("place", ["alone", "block"])
def test_floats_of_all_digits_that_another_client_has_written(level, place):
    """A server may hold 14 of them, or all."""
    connection = connections["appwrite"]
    table = connection.table_ref("library_everything")
    for number, value in enumerate((0.1 + 0.2, 1 / 3, 2.718281828459045)):
        rows.create_row(
            connection.transport, table, f"r{number}", {"float": value, "char": str(number)}
        )
    keeps_all = level == "2.x" or connection.engine.name == "mongodb"
    held = [
        float(f"{value:.{17 if keeps_all else 14}g}")
        for value in (0.1 + 0.2, 1 / 3, 2.718281828459045)
    ]

    def look():
        found = Everything.objects.order_by("float")
        assert list(found.values_list("float", flat=True)) == held
        assert [row.float for row in found] == held
        for value in held:
            near = Everything.objects.filter(float__range=(value - 1e-13, value + 1e-13))
            assert [row.float for row in near] == [value]
        totals = Everything.objects.aggregate(
            s=Sum("float"), a=Avg("float"), x=Max("float"), n=Min("float")
        )
        assert totals == {"s": sum(held), "a": sum(held) / 3, "x": max(held), "n": min(held)}
        groups = Everything.objects.values("float").annotate(n=Count("pk")).order_by("float")
        assert [(row["float"], row["n"]) for row in groups] == [(value, 1) for value in held]

    look()
    with transaction.atomic(using="appwrite"):
        for row in Everything.objects.all():
            row.char += "!"
            row.save()
        look()
    # What was not assigned was not sent.
    look()
    if place == "block":
        with transaction.atomic(using="appwrite"):
            Everything.objects.update(float=F("float") + 1)
    else:
        Everything.objects.update(float=F("float") + 1)
    assert {row.float for row in Everything.objects.all()} == {
        float(f"{value + 1:.14g}") for value in held
    }


@pytest.mark.parametrize("value", [12345678901234567890, -(2**70), 1.2345678901234567e19])
def test_numbers_beyond_64_bits_in_floats(level, value):
    """The server answers all digits at once, and 14 when they are listed."""
    held = float(f"{float(value):.14g}")
    row = Everything.objects.create(float=value)
    assert row.float == held
    (bulk,) = Everything.objects.bulk_create([Everything(float=value)])
    Everything.objects.filter(pk=Everything.objects.create().pk).update(float=value)
    with transaction.atomic(using="appwrite"):
        Everything.objects.create(float=value)
    assert bulk.float == held
    assert {one.float for one in Everything.objects.nocache()} == {held}
    assert Everything.objects.filter(float=value).count() == 4
    assert not Everything.objects.exclude(float=value).exists()


# Groups


QUESTIONS = {
    "no order": lambda: Everything.objects.values("integer").annotate(n=Count("pk")),
    "by a nullable column": lambda: (
        Everything.objects.values("integer").annotate(n=Count("pk")).order_by("integer")
    ),
    "downwards": lambda: (
        Everything.objects.values("integer").annotate(n=Count("pk")).order_by("-integer")
    ),
    "nulls last": lambda: (
        Everything.objects.values("integer")
        .annotate(n=Count("pk"))
        .order_by(F("integer").asc(nulls_last=True))
    ),
    "by a sum": lambda: (
        Everything.objects.values("integer")
        .annotate(s=Sum("big"), n=Count("pk"))
        .order_by("s", "integer")
    ),
    "by a sum, downwards": lambda: (
        Everything.objects.values("integer")
        .annotate(s=Sum("big"), n=Count("pk"))
        .order_by("-s", "integer")
    ),
    "distinct": lambda: Everything.objects.values("integer").distinct(),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_groups_in_whatever_order_where_none_is_asked_for(level, answers, name):
    """Groups that are alike in the order that was asked for come in any order, and differently each time."""
    Everything.objects.bulk_create(
        [
            Everything(integer=integer, big=big)
            for integer, big in [
                (None, None),
                (1, 5),
                (1, None),
                (2, None),
                (3, 0),
                (None, None),
                (4, 9),
                (5, 1),
                (6, -1),
            ]
        ]
    )
    chance = random.Random(5)

    def shuffled(request, body):
        text = request.query_string + request.body.decode()
        if "rows" in body and "groupBy" in text and "order" not in text:
            chance.shuffle(body["rows"])
        return body

    question = QUESTIONS[name]
    expected = list(question())
    answers(shuffled)
    found = list(question())
    order = (lambda row: repr(sorted(row.items()))) if name in ("no order", "distinct") else None
    assert (sorted(found, key=order) if order else found) == (
        sorted(expected, key=order) if order else expected
    )
    assert len({row["integer"] for row in found}) == len(found) == 7
    nulls = [row["integer"] for row in found].index(None)
    if name in ("by a nullable column", "by a sum", "nulls last", "downwards"):
        # Among sums, 2 has none either.
        assert (
            nulls
            == {
                "by a nullable column": by_nulls(0, 6),
                "by a sum": by_nulls(0, 6),
                "nulls last": 6,
                "downwards": by_nulls(6, 0),
            }[name]
        )
    assert question().count() == 7


def test_names_of_aggregates_that_are_none_to_the_database(level):
    Everything.objects.bulk_create([Everything(integer=1), Everything(integer=2)])
    for name in ("a.b", "x" * 70, "$id", "t0.n", "."):
        assert Everything.objects.aggregate(**{name: Sum("integer")}) == {name: 3}
    with transaction.atomic(using="appwrite"):
        assert Everything.objects.aggregate(**{"a.b": Sum("integer")}) == {"a.b": 3}


# Columns and arrays


def test_columns_in_any_order(level, answers):
    made = Everything.objects.create(char="a", integer=1, numbers=[1, 2], array=["x"], float=1.5)
    Everything.objects.create()
    question = lambda: [  # noqa: E731
        list(Everything.objects.order_by("char").values_list()),
        list(Everything.objects.order_by("char").values_list("char", "integer", "numbers")),
        list(Everything.objects.order_by("char").values("numbers", "float")),
        [row.numbers for row in Everything.objects.order_by("char")],
        [
            tuple(row)
            for row in Everything.objects.order_by("char").values_list("integer", "char").distinct()
        ],
        list(
            Everything.objects.raw("SELECT * FROM library_everything ORDER BY char")[
                0
            ].__dict__.keys()
            - {"_state"}
        )
        != [],
        Everything.objects.get(pk=made.pk).array,
    ]
    expected = question()

    def backwards(request, body):
        if "rows" in body:
            body["rows"] = [dict(reversed(row.items())) for row in body["rows"]]
        return dict(reversed(body.items()))

    answers(backwards)
    assert question() == expected
    again = Everything.objects.create(char="b", numbers=[3])
    with transaction.atomic(using="appwrite"):
        again.char = "c"
        again.save()
        Everything.objects.filter(numbers=[3]).update(integer=7)
    assert Everything.objects.values_list("char", "integer", "numbers").get(pk=again.pk) == (
        "c",
        7,
        [3],
    )


@pytest.mark.parametrize("shape", ["missing", "null", "empty"])
def test_empty_arrays_in_answers_to_writes(level, answers, shape):
    """Nothing that a write answers of an array becomes the object's."""

    def changed(request, body):
        if request.method == "GET" or request.path.endswith("/query"):
            return body
        for row in [body, *body.get("rows", ())]:
            for name in ("array", "numbers", *(field.name for field in Lists._meta.fields)):
                if isinstance(row.get(name), list):
                    row[name] = {"null": None, "empty": []}.get(shape)
                    if shape == "missing":
                        del row[name]
        return body

    answers(changed)
    full = Lists.objects.create(integers=[1, 2], texts=["a"])
    empty = Lists.objects.create()
    bulk = Lists.objects.bulk_create([Lists(integers=[3]), Lists()])
    everything = Everything.objects.create(numbers=[1], array=[])
    none = Everything.objects.create()
    for inside in (False, True):
        with transaction.atomic(using="appwrite"):
            full.floats = [1.0]
            full.save()
            empty.texts = ["b"]
            empty.save()
            everything.integer = 5
            everything.save()
            new = Lists.objects.create(integers=[9], floats=[])
            assert (full.integers, empty.integers, new.integers, new.floats) == (
                [1, 2],
                [],
                [9],
                [],
            )
            if inside:
                read = Lists.objects.get(pk=full.pk)
                assert (read.integers, read.floats, read.moments) == ([1, 2], [1.0], [])
        assert (full.integers, full.floats, empty.integers, empty.texts) == (
            [1, 2],
            [1.0],
            [],
            ["b"],
        )
        assert (everything.numbers, everything.array) == ([1], [])
        for one in (full, empty, new, *bulk):
            read = Lists.objects.nocache().get(pk=one.pk)
            assert [
                getattr(read, field.attname)
                for field in Lists._meta.fields
                if not field.db_returning
            ] == [
                getattr(one, field.attname)
                for field in Lists._meta.fields
                if not field.db_returning
            ]
    assert Everything.objects.nocache().get(pk=none.pk).numbers == []
    updated, _ = Lists.objects.update_or_create(pk=full.pk, defaults={"texts": ["z"]})
    assert (updated.integers, updated.texts) == ([1, 2], ["z"])


# Limits


@pytest.mark.parametrize("amount", [10, -10])
def test_a_limit_that_a_commit_would_pass(level, amount):
    row = Everything.objects.create(positive=5, small=32760 if amount > 0 else -32760)
    for inside in (False, True):
        for name in ("small", "positive") if amount < 0 else ("small",):
            with pytest.raises((DataError, IntegrityError)) as caught:
                if inside:
                    with transaction.atomic(using="appwrite"):
                        Everything.objects.filter(pk=row.pk).update(**{name: F(name) + amount})
                        Everything.objects.create(char="never")
                else:
                    Everything.objects.filter(pk=row.pk).update(**{name: F(name) + amount})
            assert name in str(caught.value)
    row.refresh_from_db()
    assert row.positive == 5
    assert Everything.objects.filter(Q(char="never")).count() == 0


def test_addresses_whose_host_is_in_brackets(level):
    address = "x@[127.0.0.1]"
    row = Everything(email=address)
    row.clean_fields(exclude={field.name for field in Everything._meta.fields} - {"email"})
    row.save()
    Lists.objects.create(emails=[address])
    assert Everything.objects.get(email=address) == row
    assert Lists.objects.get(emails__contains=[address]).emails == [address]
    # PHP wants "IPv6:" before such a host, and Django does not take it.
    with pytest.raises(DataError, match="email"):
        Everything.objects.create(email="x@[::1]")
