"""A refused value says which unique index it was, which row is in the way, and costs a request or two only then."""

import contextlib
import pickle

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.execution import violations
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.client.errors import AppwriteError, UniqueViolation
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.users.accounts import appwrite_user
from tests.kinds import KINDS, kind_settings, make_tables
from tests.library.models import Author, Book, Country, Diary, Edition, Numbered, Tag
from tests.settled import indexes

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, connect):
    connection = connect(**kind_settings(*request.param, database="unique"))
    made = (Edition, Numbered, Country, Tag)
    make_tables(connection, made)
    yield connection
    for model in made:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


def atomic():
    return transaction.atomic(using="appwrite")


@pytest.fixture
def editions(server):
    """Two editions; the second one is about to become too like the first."""
    first = Edition.objects.create(isbn="one", shelfmark="A 1", house="Charpentier", number=1)
    second = Edition.objects.create(isbn="two", shelfmark="B 2", house="Charpentier", number=2)
    return first, second


def saved(edition, **values):
    for name, value in values.items():
        setattr(edition, name, value)
    edition.save()


def in_a_block(*steps):
    with atomic():
        for step in steps:
            step()


def bulk_updated(edition, **values):
    for name, value in values.items():
        setattr(edition, name, value)
    Edition.objects.bulk_update([edition], list(values))


ISBN, SHELFMARK, PAIR = ("isbn",), ("shelfmark",), ("publishing_house", "number")

# What is done, and which index refuses it.
WRITES = {
    "create": (lambda one, two: Edition.objects.create(isbn="one"), ISBN),
    "create, nullable": (lambda one, two: Edition.objects.create(isbn="x", shelfmark="A 1"), SHELFMARK),
    "create, of two columns": (lambda one, two: Edition.objects.create(isbn="x", house="Charpentier", number=1), PAIR),
    "create, the id": (lambda one, two: Edition.objects.create(pk=one.pk.upper(), isbn="x"), ("$id",)),
    "save": (lambda one, two: saved(two, isbn="one"), ISBN),
    "save, of two columns": (lambda one, two: saved(two, number=1), PAIR),
    "update by key": (lambda one, two: Edition.objects.filter(pk=two.pk).update(isbn="one"), ISBN),
    "update": (lambda one, two: Edition.objects.filter(isbn="two").update(number=1), PAIR),
    "update of both": (lambda one, two: Edition.objects.update(isbn="both"), ISBN),
    "update by expression": (
        lambda one, two: Edition.objects.filter(isbn="two").update(shelfmark=Concat(Value("A "), Value("1"))),
        SHELFMARK,
    ),
    "increment": (lambda one, two: Edition.objects.filter(pk=two.pk).update(number=F("number") - 1), PAIR),
    "bulk_create": (lambda one, two: Edition.objects.bulk_create([Edition(isbn=name) for name in ("x", "one", "y")]), ISBN),
    "bulk_create, the id": (
        lambda one, two: Edition.objects.bulk_create([Edition(isbn="x"), Edition(isbn="y", pk=two.pk)]),
        ("$id",),
    ),
    "bulk_create, two of them": (lambda one, two: Edition.objects.bulk_create([Edition(isbn="x"), Edition(isbn="x")]), ISBN),
    "bulk_create, the second batch": (
        lambda one, two: Edition.objects.bulk_create([Edition(isbn=f"x{n}") for n in range(150)] + [Edition(isbn="one")]),
        ISBN,
    ),
    "bulk_update": (lambda one, two: bulk_updated(two, shelfmark="A 1"), SHELFMARK),
    "upsert": (
        lambda one, two: Edition.objects.bulk_create(
            [Edition(isbn="two", shelfmark="A 1")], update_conflicts=True, unique_fields=["isbn"], update_fields=["shelfmark"]
        ),
        SHELFMARK,
    ),
    "get_or_create": (lambda one, two: Edition.objects.get_or_create(isbn="x", defaults={"shelfmark": "A 1"}), SHELFMARK),
    "update_or_create": (lambda one, two: Edition.objects.update_or_create(isbn="two", defaults={"shelfmark": "A 1"}), SHELFMARK),
    "block of one creation": (lambda one, two: in_a_block(lambda: Edition.objects.create(isbn="one")), ISBN),
    "block of one change": (lambda one, two: in_a_block(lambda: saved(two, isbn="one")), ISBN),
    "block of creations": (
        lambda one, two: in_a_block(lambda: Tag.objects.create(name="t"), lambda: Edition.objects.create(isbn="one")),
        ISBN,
    ),
    "block of changes": (
        lambda one, two: in_a_block(lambda: saved(two, number=1), lambda: saved(one, copies=3)),
        PAIR,
    ),
    "block that has read": (
        lambda one, two: in_a_block(
            lambda: saved(Edition.objects.get(pk=two.pk), shelfmark="A 1"), lambda: Tag.objects.create(name="t"),
        ),
        SHELFMARK,
    ),
    "block that has read, of changes": (
        lambda one, two: in_a_block(
            lambda: saved(Edition.objects.get(pk=two.pk), shelfmark="A 1"), lambda: saved(Edition.objects.get(pk=one.pk), copies=3),
        ),
        SHELFMARK,
    ),
    "block that deletes another": (
        lambda one, two: in_a_block(
            lambda: two.delete(), lambda: Edition.objects.create(isbn="x", shelfmark="B 2"), lambda: Edition.objects.create(isbn="one"),
        ),
        ISBN,
    ),
    "savepoint": (lambda one, two: in_a_block(lambda: in_a_block(lambda: Edition.objects.create(isbn="one"))), ISBN),
    "savepoint of a change": (lambda one, two: in_a_block(lambda: in_a_block(lambda: saved(two, isbn="one"))), ISBN),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_the_columns_are_named(editions, name):
    write, columns = WRITES[name]
    before = list(
        Edition.objects.order_by("isbn").values("pk", "isbn", "shelfmark", "number", "copies")
    )
    with pytest.raises(IntegrityError) as caught:
        write(*editions)
    error = caught.value
    named = ", ".join(f"library_edition.{key}" for key in columns)
    assert str(error).startswith(f"UNIQUE constraint failed: {named}\n")
    assert (error.table, error.columns) == ("library_edition", columns)
    assert error.column == (columns[0] if len(columns) == 1 else None)
    assert error.row_id is not None
    if name not in (
        "bulk_create, two of them",
        "update of both",
        "block that has read, of changes",
    ):
        assert error.existing_id in {edition.pk for edition in editions}
        assert error.existing_id in str(error)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    if name == "bulk_create, the second batch":
        return  # the first one stays, as outside of a block each is a write of its own
    after = list(
        Edition.objects.order_by("isbn").values("pk", "isbn", "shelfmark", "number", "copies")
    )
    assert after == before


def test_text_is_compared_as_the_server_does(editions, server):
    with (
        pytest.raises(UniqueViolation, match="already has 'ONÉ '")
        if server.engine.name == "mariadb"
        else contextlib.nullcontext()
    ):
        Edition.objects.create(isbn="ONÉ ")


def test_nulls_are_in_nobodys_way(editions):
    with pytest.raises(UniqueViolation) as caught:
        Edition.objects.bulk_create(
            [Edition(isbn="x", house="Charpentier"), Edition(isbn="one", number=1)]
        )
    assert caught.value.columns == ISBN


def test_an_integer_key_that_exists(server):
    Numbered.objects.create(pk=7, name="seven")
    with pytest.raises(UniqueViolation) as caught:
        Numbered.objects.create(pk=7, name="again")
    assert caught.value.columns == ("$id",)


def test_an_index_that_no_model_declares(server, requests):
    """Made in the console: its columns are asked for, and only after what the model declares explains nothing."""
    table = server.table_ref("library_numbered")
    indexes.create_index(server.transport, table, "by_hand", "unique", ["name"])
    Numbered.objects.create(name="one")
    requests.clear()
    with pytest.raises(UniqueViolation, match=r"failed: library_numbered\.name\n"):
        Numbered.objects.create(name="one")
    assert [record.method for record in requests].count("POST") == 1
    assert 1 <= [record.method for record in requests].count("GET") <= 4
    indexes.delete_index(server.transport, table, "by_hand")


def test_what_it_costs(editions, server, requests):
    for write, expected in (
        (lambda: Edition.objects.create(isbn="one"), ["POST", "GET"]),
        (lambda: saved(editions[1], isbn="one"), ["PATCH", "GET"]),
        (
            lambda: saved(Edition.objects.get(pk=editions[1].pk), number=1),
            ["GET", "PATCH", "GET", "GET"],
        ),
    ):
        requests.clear()
        with pytest.raises(UniqueViolation):
            write()
        if expected[0] != "GET" or server.engine.unique_types is None:
            assert [record.method for record in requests] == expected
    requests.clear()
    Edition.objects.create(isbn="fine")
    assert [record.method for record in requests] == ["POST"]


def test_where_asking_fails_the_error_is_the_servers(editions, appwrite_faults):
    with appwrite_faults("error,method=GET,status=500"), pytest.raises(UniqueViolation) as caught:
        Edition.objects.create(isbn="one")
    assert (caught.value.columns, caught.value.existing_id) == ((), None)
    assert "409" in str(caught.value)


def test_where_the_row_has_gone_the_error_is_the_servers(editions, server):
    first = editions[0]

    def gone(record):
        if record.method == "POST":
            server.transport.remove_listener(gone)
            Edition.objects.filter(pk=first.pk).delete()

    server.transport.add_listener(gone)
    with pytest.raises(UniqueViolation) as caught:
        Edition.objects.create(isbn="one")
    assert caught.value.columns == ()


def test_long_values_are_cut(server):
    name = "x" * 40
    Tag.objects.create(name=name)
    long = "y" * 2_000

    with isolate_apps("tests.library"):

        class Wide(AppwriteModel):
            a = models.CharField(max_length=120)
            b = models.CharField(max_length=120)

            class Meta:
                app_label = "library"
                constraints = [models.UniqueConstraint(fields=["a", "b"], name="wide")]

    with server.schema_editor() as editor:
        editor.create_model(Wide)
    try:
        Wide.objects.create(a=long[:110], b=long[:110])
        with pytest.raises(UniqueViolation) as caught:
            Wide.objects.create(a=long[:110], b=long[:110])
        assert caught.value.columns == ("a", "b")
        assert len(str(caught.value)) < 300
    finally:
        with server.schema_editor() as editor:
            editor.delete_model(Wide)


# Around it


@pytest.fixture
def appwrite_book():
    return Book.objects.create(
        title="Nana", author=Author.objects.create(name="Zola", email="z@example.org")
    )


def test_many_to_many(appwrite_book):
    tag = Tag.objects.create(name="novel")
    appwrite_book.tags.add(tag)
    appwrite_book.tags.add(tag)
    through = Book.tags.through
    with pytest.raises(UniqueViolation) as caught:
        through.objects.create(book=appwrite_book, tag=tag)
    assert caught.value.columns == ("book_id", "tag_id")
    assert appwrite_book.tags.count() == 1


def test_forms_find_it_first_and_races_end_in_get(appwrite_book, appwrite, monkeypatch):
    with pytest.raises(ValidationError, match="already exists"):
        Author(name="Hugo", email="z@example.org").full_clean()
    tag = Tag.objects.create(name="novel")
    asked = []
    original = type(Tag.objects.all()).get

    def late(self, *args, **kwargs):
        asked.append(1)
        if len(asked) == 1:
            raise Tag.DoesNotExist
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(Tag.objects.all()), "get", late)
    assert Tag.objects.get_or_create(name="novel") == (tag, False)


def test_the_attributes_are_there_whatever_is_known():
    error = UniqueViolation("text", table="t")
    assert (error.columns, error.existing_id, error.row_id) == ((), None, None)
    assert isinstance(error, AppwriteError)


# As a user, who lists no indexes and sees only some of the rows


@pytest.fixture
def ann(appwrite, local_user):
    accounts.forget_all()
    table = appwrite.table_ref("library_diary")
    indexes.create_index(appwrite.transport, table, "one_text", "unique", ["text"])
    yield local_user("ann")
    indexes.delete_index(appwrite.transport, table, "one_text")


def diary_of(owner, text):
    return Diary.objects.create(
        text=text, permissions=[f'read("user:{owner}")', f'update("user:{owner}")']
    )


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("owner", ["ann", "bob"])
@pytest.mark.parametrize("block", [True, False])
def test_a_user_is_told_what_they_may_know(ann, monkeypatch, owner, declared, block):
    diary_of(owner, "taken")
    mine = diary_of("ann", "mine")
    if declared:
        monkeypatch.setattr(violations, "declared", lambda connection, table: (("text",),))
    known = (("text",), f"Row {Diary.objects.get(text='taken').pk} already has 'taken'.")
    for write in (
        lambda: Diary.objects.create(text="taken"),
        lambda: Diary.objects.filter(pk=mine.pk).update(text="taken"),
    ):
        with (
            appwrite_user(jwt=ann["jwt"]),
            pytest.raises(IntegrityError) as caught,
            atomic() if block else contextlib.nullcontext(),
        ):
            write()
        if declared and owner == "ann":
            assert (caught.value.columns, str(caught.value).splitlines()[1]) == known
        else:
            # Neither that the row exists nor which index it is in is for them to know.
            assert caught.value.columns == ()
            assert "taken" not in str(caught.value)
