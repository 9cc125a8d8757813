"""Every value of every field comes back as it was saved, whichever way it was written."""

import datetime
import decimal
import uuid

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connections, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import F, Value
from django.utils import timezone

from appwrite_orm_django.fields import CreatedAtField, UpdatedAtField
from tests.fixtures import TEXTS, everything_rows, moment
from tests.library.models import Author, Book, Country, Everything, Numbered, Review, Token

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

FIELDS = [
    f for f in Everything._meta.concrete_fields if f.name not in ("id", "created_at", "updated_at")
]
ARRAYS = ("array", "numbers", "permissions")
D = decimal.Decimal


def held(instance):
    """What a row is expected to hold: null arrays are empty ones on Appwrite, and no file is "" to Django."""
    values = {field.name: field.value_from_object(instance) for field in FIELDS}
    values["file"] = values["file"].name or ""
    return {
        name: [] if name in ARRAYS and value is None else value for name, value in values.items()
    }


def fresh(instance):
    return held(Everything.objects.get(pk=instance.pk))


def by_create(row):
    row.save()
    return row


def by_bulk_create(row):
    return Everything.objects.bulk_create([row, Everything()])[0]


def by_save_of_changes(row):
    Everything(pk=row.pk, char="before", integer=99, array=["before"]).save()
    loaded = Everything.objects.get(pk=row.pk)
    for field in FIELDS:
        setattr(loaded, field.attname, field.value_from_object(row))
    loaded.save()
    return loaded


def by_update(row):
    Everything(pk=row.pk, char="before", integer=99).save()
    values = {field.name: field.value_from_object(row) for field in FIELDS if field.name != "json"}
    values["json"] = (
        Value(row.json, Everything._meta.get_field("json")) if row.json is not None else None
    )
    assert Everything.objects.filter(pk=row.pk).update(**values) == 1
    return row


def by_update_of_many(row):
    Everything(pk=row.pk, char="before", integer=99).save()
    values = {
        field.name: field.value_from_object(row) for field in FIELDS if field.name != "permissions"
    }
    assert Everything.objects.filter(char="before").update(**values) == 1
    return row


def by_bulk_update(row):
    Everything(pk=row.pk, char="before", integer=99).save()
    fields = [field.name for field in FIELDS if field.name != "permissions"]
    other = Everything.objects.create(char="other", integer=1)
    assert Everything.objects.bulk_update([row, other], fields) == 2
    assert fresh(other) == held(other)
    return row


@pytest.mark.parametrize(
    "write",
    [by_create, by_bulk_create, by_save_of_changes, by_update, by_update_of_many, by_bulk_update],
)
@pytest.mark.parametrize("number", range(len(everything_rows())))
def test_round_trip(write, number):
    row = write(everything_rows()[number])
    assert fresh(row) == held(row)


def test_every_type_comes_back_as_its_own():
    Everything.objects.create(
        **{k: v for k, v in held(everything_rows()[2]).items() if k != "permissions"}
    )
    row = Everything.objects.get()
    types = {name: type(value) for name, value in held(row).items()}
    assert types == {name: type(value) for name, value in held(everything_rows()[2]).items()}
    assert row.datetime.utcoffset() == datetime.timedelta(0)
    assert str(row.decimal) == "1.2345"


@pytest.mark.parametrize(
    "text",
    [*TEXTS, '{"method":"increment","values":[1]}', '{"method":"arrayAppend","values":["x"]}'],
)
@pytest.mark.parametrize("field", ["char", "text"])
def test_text_is_stored_and_found_as_the_text_it_is(text, field):
    text = text[:50]
    Everything.objects.create(char="other", text="other")
    row = Everything.objects.create(**{field: text})
    assert getattr(Everything.objects.get(pk=row.pk), field) == text
    assert Everything.objects.filter(**{field: text}).get() == row
    assert Everything.objects.filter(**{f"{field}__in": [text, "nothing"]}).get() == row
    assert row in Everything.objects.filter(**{f"{field}__contains": text})
    assert row in Everything.objects.filter(**{f"{field}__startswith": text})
    assert row in Everything.objects.filter(**{f"{field}__iendswith": text})


OPERATORS = [
    '{"method":"increment","values":[1]}',
    '{"method":"stringConcat","values":["x"]}',
    '{"method":"dateSetNow","values":[]}',
    '{"method":"equal","values":["x"]}',
    ' {"method":"toggle"}',
]


@pytest.mark.engine("mariadb", "postgresql", reason="such text is destroyed, and so refused")
@pytest.mark.parametrize("text", OPERATORS)
def test_text_that_looks_like_an_operator_is_written_as_text(text):
    row, other = Everything.objects.bulk_create(
        [Everything(char=text), Everything(char="other", integer=1)]
    )
    assert fresh(row)["char"] == text

    other.char = text
    other.save()
    assert fresh(other)["char"] == text

    assert Everything.objects.filter(integer=1).update(text=text) == 1
    assert fresh(other)["text"] == text

    row.text, other.text = text, text + " "
    assert Everything.objects.bulk_update([row, other], ["text"]) == 2
    assert (fresh(row)["text"], fresh(other)["text"]) == (text, text + " ")

    assert Everything.objects.filter(pk=row.pk).update(slug=F("text")) == 1
    assert fresh(row)["slug"] == text

    assert Everything.objects.update_or_create(pk=other.pk, defaults={"slug": text})[1] is False
    assert fresh(other)["slug"] == text


@pytest.mark.engine("mariadb", reason="text is compared as it is")
def test_what_text_equality_ignores():
    """As on MySQL: equality ignores case, accents and trailing blanks; the text itself is kept as it is."""
    names = ["Émile", "emile", "EMILE  ", "Emil"]
    Author.objects.bulk_create([Author(name=name) for name in names])

    def found(**condition):
        return sorted(Author.objects.filter(**condition).values_list("name", flat=True))

    assert (
        found(name="emile")
        == found(name__iexact="ÉMILE")
        == found(name__in=["éMile"])
        == ["EMILE  ", "emile", "Émile"]
    )
    assert found(name__contains="mil") == ["Emil", "emile", "Émile"]
    assert found(name__icontains="MIL") == ["EMILE  ", "Emil", "emile", "Émile"]
    assert found(name__startswith="E") == ["EMILE  ", "Emil"]
    assert found(name__istartswith="É") == ["EMILE  ", "Emil", "emile", "Émile"]
    assert found(name__endswith="e") == ["emile", "Émile"]
    assert found(name__endswith=" ") == ["EMILE  "]
    assert found(name__iendswith="E") == ["emile", "Émile"]
    assert sorted(Author.objects.exclude(name="emile").values_list("name", flat=True)) == ["Emil"]


def test_datetimes_are_cut_to_milliseconds_on_the_object_too():
    when = moment(2026, 1, 2, 3, 4, 5, 678901)
    created = Everything.objects.create(datetime=when)
    (bulk,) = Everything.objects.bulk_create([Everything(datetime=when)])
    saved = Everything.objects.create()
    saved.datetime = when
    saved.save()
    for row in (created, bulk, saved):
        assert (
            row.datetime
            == Everything.objects.get(pk=row.pk).datetime
            == when.replace(microsecond=678000)
        )
    assert Everything.objects.filter(datetime=when).count() == 3


def test_naive_datetimes_are_warned_of_and_taken_in_the_current_zone():
    with pytest.warns(RuntimeWarning, match="received a naive datetime"):
        row = Everything.objects.create(datetime=datetime.datetime(2026, 1, 2))
    assert Everything.objects.get(pk=row.pk).datetime == moment(2026, 1, 2)


def test_system_columns_are_known_after_saving():
    author = Author.objects.create(name="Zola")
    read = Author.objects.get(pk=author.pk)
    assert (author.created_at, author.updated_at) == (read.created_at, read.updated_at)
    assert timezone.now() - author.created_at < datetime.timedelta(minutes=5)
    author.name = "Émile Zola"
    author.save()
    read = Author.objects.get(pk=author.pk)
    assert (author.created_at, author.updated_at) == (read.created_at, read.updated_at)
    assert (
        Author.objects.filter(
            created_at__lte=timezone.now(), updated_at__gte=author.updated_at
        ).get()
        == author
    )


def test_integer_keys_are_made_in_order_and_behave_as_integers():
    rows = [Numbered.objects.create(name=f"n{number}") for number in range(3)]
    assert [row.pk for row in rows] == sorted(row.pk for row in rows)
    assert all(isinstance(row.pk, int) and row.pk < 2**53 for row in rows)
    one = Numbered.objects.create(pk=7, name="seven", parent=rows[0])
    lowest = -3 if connections["appwrite"].engine.orders_negative_keys else 3
    Numbered.objects.create(pk=lowest, name="minus", parent_id=7)
    Numbered.objects.create(pk=0, name="zero")
    assert list(Numbered.objects.filter(pk__lt=10).values_list("pk", flat=True)) == sorted(
        [lowest, 0, 7]
    )
    assert Numbered.objects.get(parent=7).name == "minus"
    assert Numbered.objects.get(parent__name="n0") == one
    assert Numbered.objects.in_bulk([7, "0"]).keys() == {7, 0}
    assert Numbered.objects.filter(parent__in=[7, rows[0].pk]).count() == 2
    assert Numbered.objects.order_by("-pk").last().pk == min(lowest, 0)


def test_uuid_keys():
    token = Token.objects.create(label="a")
    assert isinstance(token.pk, uuid.UUID)
    assert Token.objects.get(pk=str(token.pk)) == Token.objects.get(pk=token.pk) == token
    assert Token.objects.filter(pk__in=[token.pk, uuid.UUID(int=5)]).get() == token


def test_a_natural_key():
    Country.objects.create(code="FR", name="France")
    assert Country.objects.get(pk="FR").pk == "FR"
    assert Country.objects.filter(code__in=["FR", "PE"]).get().name == "France"
    with pytest.raises(IntegrityError):
        Country.objects.create(code="fr", name="again, for ids are compared without case")


def test_enum_choices_and_display():
    book = Book(
        title="Nana", author=Author.objects.create(name="Zola"), status=Book.Status.PUBLISHED
    )
    book.save()
    read = Book.objects.get()
    assert read.status == Book.Status.PUBLISHED
    assert read.get_status_display() == "Published"
    assert Book.objects.filter(status=Book.Status.DRAFT).count() == 0


def test_permissions_of_a_row():
    row = Everything.objects.create(char="a", permissions=['read("any")'])
    assert Everything.objects.get(pk=row.pk).permissions == ['read("any")']
    row.permissions = ['read("any")', 'update("user:5f3e")']
    row.save()
    assert Everything.objects.get(pk=row.pk).permissions == ['read("any")', 'update("user:5f3e")']
    (bulk,) = Everything.objects.bulk_create([Everything(permissions=['read("users")'])])
    assert Everything.objects.get(pk=bulk.pk).permissions == ['read("users")']
    assert Everything.objects.filter(pk=row.pk).update(permissions=[]) == 1
    assert Everything.objects.get(pk=row.pk).permissions == []


@pytest.mark.parametrize(
    ("values", "column", "error"),
    [
        ({"char": "x" * 51}, "char", DataError),
        ({"email": "no mail"}, "email", DataError),
        ({"url": "no url"}, "url", DataError),
        ({"url": "https://example.org/é"}, "url", DataError),
        ({"ip": "300.1.1.1"}, "ip", (DataError, ValidationError)),
        ({"integer": 2**63}, "integer", DataError),
        ({"small": 2**15}, "small", DataError),
        ({"positive": -1}, "positive", DataError),
        ({"big": 2**63}, "big", DataError),
        ({"enum": "c"}, "enum", DataError),
        ({"float": float("nan")}, "float", DataError),
        ({"float": float("inf")}, "float", DataError),
        ({"decimal": D("123456789.0")}, "decimal", DataError),
        ({"datetime": moment(999, 1, 1)}, "datetime", DataError),
        ({"date": datetime.date(1, 1, 1)}, "date", DataError),
        ({"text": "a\x00b"}, "text", DataError),
        ({"array": ["x" * 21]}, "array", DataError),
        ({"array": "not a list"}, "array", DataError),
    ],
)
@pytest.mark.parametrize("way", ["create", "bulk_create", "save", "update"])
def test_values_that_do_not_fit_are_refused_by_column(values, column, error, way):
    row = Everything.objects.create()
    with pytest.raises(error) as caught:
        if way == "create":
            Everything.objects.create(**values)
        elif way == "bulk_create":
            Everything.objects.bulk_create([Everything(**values), Everything()])
        elif way == "save":
            for name, value in values.items():
                setattr(row, name, value)
            row.save()
        else:
            Everything.objects.filter(pk=row.pk).update(**values)
    if error is DataError:
        assert column in str(caught.value)
    assert Everything.objects.count() == 1
    assert fresh(row) == held(Everything())


def test_a_missing_value_is_refused_by_column():
    with pytest.raises(IntegrityError, match="name"):
        Author.objects.create(name=None)
    with pytest.raises(IntegrityError, match="stars"):
        Review.objects.bulk_create([Review(book_id="x", stars=None)])
    author = Author.objects.create(name="Zola")
    with pytest.raises(IntegrityError, match="name"):
        Author.objects.update(name=None)
    author.name = None
    with pytest.raises(IntegrityError, match="name"):
        author.save()


@pytest.mark.parametrize(
    ("row_id", "reason"),
    [
        ("", "cannot be empty"),
        ("a" * 37, "at most 36"),
        ("_a", "starts with a letter"),
        ("a b", "consists of"),
        ("a/b", "consists of"),
        ("é", "consists of"),
        ("-", "starts with"),
    ],
)
def test_ids_that_appwrite_refuses_are_refused_with_the_reason(row_id, reason, requests):
    with pytest.raises(DataError, match=reason):
        Author.objects.create(pk=row_id, name="x")
    with pytest.raises(DataError, match=reason):
        Author.objects.bulk_create([Author(name="good"), Author(pk=row_id, name="x")])
    assert not [record for record in requests if record.method == "POST"]
    with pytest.raises(ValidationError):
        Author(pk=row_id, name="x").full_clean()
    assert not Author.objects.filter(pk=row_id).exists()


def test_ids_that_appwrite_folds_together_are_refused():
    Author.objects.create(pk="abc", name="x")
    with pytest.raises(IntegrityError, match="ABC"):
        Author.objects.create(pk="ABC", name="y")
    with pytest.raises(IntegrityError, match="ignores the case of ids"):
        Author.objects.bulk_create([Author(pk="def", name="x"), Author(pk="DEF", name="y")])
    with pytest.raises(IntegrityError, match="Row ABC already exists as abc"):
        Author.objects.bulk_create([Author(pk="ghi", name="x"), Author(pk="ABC", name="y")])
    assert Author.objects.count() == 1


class Unanswered(MigrationQuestioner):
    def ask_initial(self, app_label):
        return True

    def ask_not_null_addition(self, field_name, model_name):
        raise AssertionError(f"makemigrations asks for a default of {model_name}.{field_name}")


def test_a_model_that_moves_here_gets_the_dates_without_a_question():
    key = ("id", models.BigAutoField(primary_key=True))
    dates = [("created_at", CreatedAtField()), ("updated_at", UpdatedAtField())]
    before, after = ProjectState(), ProjectState()
    before.add_model(ModelState("shop", "Tea", [key]))
    after.add_model(ModelState("shop", "Tea", [key, *dates]))
    found = MigrationAutodetector(before, after, Unanswered()).changes(MigrationGraph())
    (migration,) = found["shop"]
    assert [operation.name for operation in migration.operations] == ["created_at", "updated_at"]
    assert Author().created_at is None
