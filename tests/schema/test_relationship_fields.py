"""Relationship columns as fields: written by inspectdb, made by migrate, and used like any foreign key."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, NotSupportedError, OperationalError, models, transaction
from django.test.utils import isolate_apps

from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.fields import OneToOneRelationshipField, RelationshipField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.definitions import Column, Database, Table
from appwrite_orm_django.schema.from_models import read_models
from tests.kinds import by_nulls
from tests.schema.conftest import Counter, Options, connect, migrate, plan_for
from tests.settled import columns as column_routes

pytestmark = pytest.mark.django_db(databases=["appwrite"], transaction=True)

AUTHORS = Table("authors", "Authors", (Column("name", "varchar", 50, required=True),))
BOOKS = Table("books", "Books", (Column("title", "varchar", 50, required=True),))


@pytest.fixture
def live(make_server, behind_alias) -> Any:
    transport = behind_alias(connect(make_server()), "d")
    migrate(transport, Database("d"))
    return transport


@pytest.fixture
def registry() -> Iterator[Any]:
    with isolate_apps("tests.library") as registry:
        yield registry


def relate(live: Any, kind: str, *, two_way: bool = False, on_delete: str = "setNull") -> None:
    migrate(live, Database("d", (AUTHORS, BOOKS)))
    options = {"relatedTableId": "authors", "type": kind, "twoWay": two_way, "onDelete": on_delete}
    if two_way:
        options["twoWayKey"] = "written"
    column_routes.create_column(
        live, TableRef("d", "books"), "relationship", "author", required=False, **options
    )


def inspected(registry: Any) -> tuple[str, dict[str, Any]]:
    out = StringIO()
    call_command("inspectdb", database="appwrite", stdout=out)
    exec(compile(out.getvalue(), "models.py", "exec"), {"__name__": "tests.library.models"})  # noqa: S102 - what inspectdb wrote
    return out.getvalue(), {model.__name__: model for model in registry.get_models()}


@pytest.mark.parametrize("two_way", [False, True])
@pytest.mark.parametrize(
    ("kind", "holder"),
    [("manyToOne", "Books"), ("oneToOne", "Books"), ("oneToMany", "Authors"), ("manyToMany", "")],
)
def test_inspected_models_round_trip(live, registry, kind, holder, two_way):
    relate(live, kind, two_way=two_way)
    source, found = inspected(registry)
    plan = plan_for(live, read_models("d", found.values()), Options(prune=True))
    assert (plan.steps, plan.left) == ((), ())
    fields = [
        (model.__name__, field.name)
        for model in found.values()
        for field in model._meta.local_fields
        if isinstance(field, (RelationshipField, OneToOneRelationshipField))
    ]
    if kind == "oneToMany":
        # The far side holds the id, and can be seen only if the relationship is two-way.
        assert fields == ([("Authors", "written")] if two_way else [])
    else:
        assert fields == ([(holder, "author")] if holder else [])
    if kind == "manyToMany":
        assert (
            "from appwrite_orm_django.orm.relationships import ManyToManyRelationship\n" in source
        )
        assert "    author = ManyToManyRelationship('Authors')\n" in source
        assert ("    written = ManyToManyRelationship('Books')\n" in source) is two_way
    assert not any(error for model in found.values() for error in model.check())


@pytest.mark.parametrize("kind", ["manyToOne", "oneToOne"])
def test_inspected_models_read_and_write(live, registry, kind):
    relate(live, kind, two_way=True)
    _source, found = inspected(registry)
    authors, books = (
        found["Authors"].objects.using("appwrite"),
        found["Books"].objects.using("appwrite"),
    )
    ann, bob = authors.create(name="Ann"), authors.create(name="Bob")
    tea = books.create(title="Tea", author=ann)
    books.create(title="Soup")
    assert books.get(title="Tea").author == ann
    assert books.get(pk=tea.pk).author_id == ann.pk
    assert [book.title for book in books.filter(author=ann)] == ["Tea"]
    assert [book.title for book in books.filter(author__name="Ann")] == ["Tea"]
    assert [book.title for book in books.exclude(author=bob).order_by("title")] == ["Soup", "Tea"]
    assert [book.title for book in books.filter(author=None)] == ["Soup"]
    assert [book.title for book in books.order_by("author__name", "title")] == by_nulls(
        ["Soup", "Tea"], ["Tea", "Soup"]
    )
    assert list(books.order_by("title").values_list("title", "author")) == [
        ("Soup", None),
        ("Tea", ann.pk),
    ]
    assert [book.author for book in books.select_related("author").order_by("title")] == [None, ann]
    written = authors.prefetch_related("written").get(name="Ann").written
    assert (written if kind == "oneToOne" else list(written.all())) == (
        tea if kind == "oneToOne" else [tea]
    )
    tea.author = bob
    if kind == "oneToOne":
        # The server wants the old pair to be parted first (recording rel-oneToOne-twoway), and says so.
        with pytest.raises(IntegrityError):
            tea.save()
        books.filter(pk=tea.pk).update(author=None)
    tea.save()
    assert books.get(pk=tea.pk).author == bob
    tea.author = None
    tea.save()
    assert books.get(pk=tea.pk).author is None
    books.filter(pk=tea.pk).update(author=ann)
    bob.delete()
    if kind == "oneToOne":
        # Parting the pair changes both rows, and so the deletion of one conflicts within one transaction.
        with pytest.raises(OperationalError):
            ann.delete()
        books.filter(pk=tea.pk).update(author=None)
    ann.delete()
    assert books.get(pk=tea.pk).author is None


def test_many_rows_are_written_one_at_a_time(live, registry):
    relate(live, "manyToOne")
    _source, found = inspected(registry)
    authors, books = (
        found["Authors"].objects.using("appwrite"),
        found["Books"].objects.using("appwrite"),
    )
    ann = authors.create(name="Ann")
    books.bulk_create([found["Books"](title=f"t{n}", author=ann) for n in range(5)])
    counter = Counter([])
    live.add_listener(counter.records.append)
    assert books.filter(author=ann).update(title="same") == 5
    assert len([line for line in counter.writes() if "/rows/" in line]) == 5
    assert books.filter(title="same").count() == 5
    assert books.filter(title="same").delete()[0] == 5
    assert books.count() == 0


def test_a_cascade_reaches_the_rows(live, registry):
    relate(live, "manyToOne", on_delete="cascade")
    _source, found = inspected(registry)
    authors, books = (
        found["Authors"].objects.using("appwrite"),
        found["Books"].objects.using("appwrite"),
    )
    ann = authors.create(name="Ann")
    books.bulk_create([found["Books"](title=f"t{n}", author=ann) for n in range(3)])
    ann.delete()
    assert (authors.count(), books.count()) == (0, 0)


def test_a_protected_row_stays(live, registry):
    relate(live, "manyToOne", on_delete="restrict")
    _source, found = inspected(registry)
    ann = found["Authors"].objects.using("appwrite").create(name="Ann")
    found["Books"].objects.using("appwrite").create(title="Tea", author=ann)
    with pytest.raises(models.ProtectedError):
        ann.delete()


def shop() -> list[type[models.Model]]:
    class Shop(AppwriteModel):
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"

    class Owner(AppwriteModel):
        shop = RelationshipField(Shop, models.CASCADE, related_name="owners")
        rival = RelationshipField(Shop, models.SET_NULL, related_name="+")
        seat = OneToOneRelationshipField(Shop, models.PROTECT, related_name="+", db_column="chair")

        class Meta:
            app_label = "library"

    return [Shop, Owner]


def test_migrate_makes_relationships(live, registry):
    made = shop()
    wanted = read_models("d", made)
    migrate(live, wanted)
    assert plan_for(live, wanted, Options(prune=True)).steps == ()
    found = {
        column["key"]: column
        for column in column_routes.list_columns(live, TableRef("d", "library_owner"))
    }
    shown = {key: (one["relationType"], one["onDelete"]) for key, one in found.items()}
    assert shown == {
        "shop": ("manyToOne", "cascade"),
        "rival": ("manyToOne", "setNull"),
        "chair": ("oneToOne", "restrict"),
    }
    shops, owners = (model.objects.using("appwrite") for model in made)
    corner = shops.create(name="Corner")
    owner = owners.create(shop=corner, seat=corner)
    assert list(corner.owners.using("appwrite")) == [owner]
    assert (owners.get().rival, owners.get().seat) == (None, corner)


def test_a_relationship_is_not_made_of_something_else(live, registry, monkeypatch):
    migrate(
        live,
        Database(
            "d",
            (Table("library_shop"), Table("library_owner", "", (Column("shop", "varchar", 36),))),
        ),
    )
    made = shop()
    monkeypatch.setattr(
        "appwrite_orm_django.management.commands.appwrite_migrate.chosen_models", lambda *_: made
    )
    with pytest.raises(
        CommandError,
        match=r"library_owner\.shop: the server has varchar\(36\), the model asks for relat",
    ):
        call_command("appwrite_migrate", "library", stdout=StringIO())


def test_checks(registry):
    class Node(AppwriteModel):
        parent = RelationshipField("self", models.CASCADE)
        other = RelationshipField("self", models.CASCADE, null=False, related_name="+")

        class Meta:
            app_label = "library"

    assert [error.id for error in Node.check()] == [
        "appwrite.E013",
        "appwrite.E012",
        "appwrite.E013",
    ]


def test_a_field_can_be_cloned():
    field = OneToOneRelationshipField("library.Tag", models.CASCADE, db_column="key")
    _name, path, args, kwargs = field.deconstruct()
    assert path == "appwrite_orm_django.fields.OneToOneRelationshipField"
    assert OneToOneRelationshipField(*args, **kwargs).deconstruct()[1:] == (path, args, kwargs)


@pytest.fixture
def many(live, registry) -> tuple[Any, Any]:
    """Return the managers of authors and of books, which are related many to many and both ways."""
    relate(live, "manyToMany", two_way=True)
    _source, found = inspected(registry)
    return found["Authors"].objects.using("appwrite"), found["Books"].objects.using("appwrite")


class TestManyToMany:
    def test_it_is_read_from_both_sides(self, many):
        authors, books = many
        ann, bob = authors.create(name="Ann"), authors.create(name="Bob")
        tea, soup = books.create(title="Tea"), books.create(title="Soup")
        assert (tea.author.ids(), list(tea.author.all())) == ([], [])
        tea.author.set([ann, bob.pk, ann])
        soup.author.set([ann])
        assert sorted(tea.author.ids()) == sorted([ann.pk, bob.pk])
        assert [author.name for author in tea.author.all().order_by("-name")] == ["Bob", "Ann"]
        assert [book.title for book in ann.written.all().order_by("title")] == ["Soup", "Tea"]
        bob.written.set([])
        assert tea.author.ids() == [ann.pk]
        tea.author.set([*tea.author.ids(), bob])
        assert [author.name for author in tea.author.all().order_by("name")] == ["Ann", "Bob"]

    def test_saving_a_row_leaves_its_list_alone(self, many):
        authors, books = many
        ann, tea = authors.create(name="Ann"), books.create(title="Tea")
        tea.author.set([ann])
        tea.title = "Green tea"
        tea.save()
        books.update(title="Black tea")
        assert books.get(pk=tea.pk).author.ids() == [ann.pk]

    def test_rows_that_are_not_there_are_said(self, many):
        """The server relates the others, and says nothing."""
        authors, books = many
        ann, tea = authors.create(name="Ann"), books.create(title="Tea")
        with pytest.raises(
            IntegrityError,
            match=f"books.author: no rows with the ids nobody; the others were related to {tea.pk}",
        ):
            tea.author.set([ann, "nobody"])
        assert tea.author.ids() == [ann.pk]

    def test_what_is_cached_of_the_other_table_is_outdated(self, many):
        """Of the row's own table the transport tells (tests/backend/test_cache_client_calls.py)."""
        authors, books = many
        ann, tea = authors.create(name="Ann"), books.create(title="Tea")
        assert len(authors.all()) == 1
        assert authors.all().is_updated()
        tea.author.set([ann])
        assert not authors.all().is_updated()

    def test_what_cannot_be(self, many):
        _authors, books = many
        with pytest.raises(ValueError, match="needs to be saved before author can be used"):
            books.model(title="New").author  # noqa: B018 - asking is what raises
        tea = books.create(title="Tea")
        with pytest.raises(TypeError, match=r"use author.set\(\)"):
            tea.author = []
        with (
            transaction.atomic(using="appwrite"),
            pytest.raises(NotSupportedError, match="cannot be set inside atomic"),
        ):
            tea.author.set([])
        with pytest.raises(FieldError):
            books.filter(author="x")
