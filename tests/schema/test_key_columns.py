"""Tables from before the keys that are not row ids had columns."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import DataError, IntegrityError, ProgrammingError, connections, models
from django.test.utils import isolate_apps

from appwrite_orm_django.client import rows
from appwrite_orm_django.management.commands import migrate as command
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.errors import UnconvertibleRows
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.names import KEY_INDEX

from .conftest import ENGINE, connect, migrate, plan_for
from .killing import a_killable_server

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

with isolate_apps("tests.library"):

    class Coin(AppwriteModel):
        code = models.CharField(max_length=60, primary_key=True)
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"

    class Price(AppwriteModel):
        amount = models.DecimalField(max_digits=8, decimal_places=2, primary_key=True)
        coin = models.ForeignKey(Coin, models.CASCADE)

        class Meta:
            app_label = "library"

    class ShortCoin(AppwriteModel):
        code = models.CharField(max_length=2, primary_key=True)

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class IdCoin(AppwriteModel):
        code = models.CharField(max_length=60, primary_key=True, db_column="$id")
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class RenamedCoin(AppwriteModel):
        location = models.CharField(max_length=60, primary_key=True)
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "library"
            db_table = "library_coin"


@pytest.fixture
def transport(level, behind_alias):
    return behind_alias(connect(a_killable_server(level)))


def wanted(*models_):
    return read_models("library", models_, engine=ENGINE)


def old(*models_):
    """Describe the tables as they were before their keys had columns."""

    def without_key(table, model):
        key = model._meta.pk.column
        columns = [
            replace(column, size=36) if column.key == "coin_id" else column
            for column in table.columns
            if column.key != key
        ]
        indexes = [index for index in table.indexes if index.key != KEY_INDEX]
        return replace(table, columns=tuple(columns), indexes=tuple(indexes))

    found = wanted(*models_)
    pairs = zip(found.tables, models_, strict=True)
    return Database(found.id, tuple(without_key(*pair) for pair in pairs))


def create(transport, model, row_id, **data):
    ref = connections["appwrite"].table_ref(model._meta.db_table)
    rows.create_row(transport, ref, row_id, data)


def objects(model):
    return model._base_manager.using("appwrite")


def filled(transport):
    migrate(transport, old(Coin, Price))
    create(transport, Coin, "EUR", name="Euro")
    create(transport, Coin, "czk", name="Koruna")
    create(transport, Price, "990", coin_id="EUR")


def by_appwrite_migrate(transport):
    migrate(transport, wanted(Coin, Price))


def by_migrate(_transport):
    with connections["appwrite"].schema_editor() as editor:
        assert editor.add_key_columns(Coin) == ["code"]
        assert sorted(editor.add_key_columns(Price)) == ["amount", "coin_id"]
        assert editor.add_key_columns(Coin) == editor.add_key_columns(Price) == []


@pytest.mark.parametrize("road", [by_appwrite_migrate, by_migrate])
def test_the_column_is_added_and_filled_from_the_ids(transport, road):
    filled(transport)
    road(transport)
    assert sorted(objects(Coin).values_list("code", "name")) == [("EUR", "Euro"), ("czk", "Koruna")]
    assert objects(Coin).get(pk="EUR").name == "Euro"
    assert objects(Price).get().amount == Decimal("9.90")
    assert objects(Price).get(pk=Decimal("9.90")).coin.name == "Euro"
    assert list(objects(Coin).filter(pk__startswith="c").values_list("pk", flat=True)) == ["czk"]
    objects(Price).create(
        amount=Decimal("-1.00"),
        coin=objects(Coin).create(code="a coin of forty characters, and not one"),
    )
    assert [one.amount for one in objects(Price).order_by("pk")] == [Decimal(-1), Decimal("9.90")]
    with pytest.raises(IntegrityError):
        objects(Price).create(amount=Decimal("9.9"), coin_id="EUR")
    plan = plan_for(transport, wanted(Coin, Price))
    assert (plan.steps, plan.unrecorded) == ((), ())


def test_before_the_column_is_added_errors_name_the_way_out(transport):
    filled(transport)
    for use in (
        lambda: objects(Coin).get(pk="EUR"),
        lambda: list(objects(Coin).filter(name="Euro")),
        lambda: objects(Coin).filter(pk__startswith="E").count(),
        lambda: objects(Coin).create(pk="USD", name="Dollar"),
        lambda: objects(Price).get().coin,
        lambda: objects(Coin).filter(name="Euro").delete(),
    ):
        with pytest.raises((ProgrammingError, DataError), match=r"manage\.py migrate"):
            use()
    by_migrate(transport)
    assert sorted(objects(Coin).values_list("name", flat=True)) == ["Euro", "Koruna"]


def test_an_interrupted_run_is_finished(transport):
    filled(transport)
    optional = wanted(Coin)
    (table,) = optional.tables
    columns = tuple(
        replace(column, required=False, fill=None) if column.key == "code" else column
        for column in table.columns
    )
    migrate(transport, replace(optional, tables=(replace(table, columns=columns, indexes=()),)))
    migrate(transport, wanted(Coin))
    assert sorted(objects(Coin).values_list("code", flat=True)) == ["EUR", "czk"]


def test_a_key_that_is_too_short_for_the_ids(transport):
    filled(transport)
    with pytest.raises(UnconvertibleRows, match=r"library_coin\.\$id cannot become .*EUR"):
        migrate(transport, wanted(ShortCoin))
    plan = plan_for(transport, old(Coin))
    assert plan.steps == ()


def test_a_model_may_say_that_the_id_is_the_key(transport):
    """As models of tables that others made do, whose rows have nothing but an id."""
    filled(transport)
    assert plan_for(transport, wanted(IdCoin)).steps == ()
    assert objects(IdCoin).get(pk="EUR").name == "Euro"
    assert sorted(objects(IdCoin).values_list("pk", flat=True)) == ["EUR", "czk"]
    objects(IdCoin).create(pk="USD", name="Dollar")
    assert objects(IdCoin).filter(pk__in=["USD", "EUR"]).count() == 2


def test_migrate_adds_it_before_anything_else(transport, monkeypatch):
    filled(transport)
    monkeypatch.setattr(command, "models_of", lambda alias: [Coin] if alias == "appwrite" else [])
    output = io.StringIO()
    call_command("migrate", database="appwrite", stdout=output)
    assert "library.Coin: added or widened code" in output.getvalue()
    assert objects(Coin).get(pk="EUR").code == "EUR"


def alter_key(old, new):
    with connections["appwrite"].schema_editor() as editor:
        editor.alter_field(old, old._meta.pk, new._meta.pk)


def test_a_key_is_renamed(transport):
    """The ids of rows stay as they are, so the new column cannot be filled from them."""
    migrate(transport, wanted(Coin))
    objects(Coin).create(code="a/b/", name="A")
    objects(Coin).create(code="own-id", name="B")
    alter_key(Coin, RenamedCoin)
    assert plan_for(transport, wanted(RenamedCoin)).steps == ()
    found = objects(RenamedCoin).values_list("location", "name")
    assert sorted(found) == [("a/b/", "A"), ("own-id", "B")]
    assert objects(RenamedCoin).get(pk="a/b/").name == "A"
    objects(RenamedCoin).create(pk="c d", name="C")
    with pytest.raises(IntegrityError):
        objects(RenamedCoin).create(pk="a/b/", name="again")


def test_a_key_with_another_column_is_not_filled_from_the_ids(transport):
    """Without a migration, nothing says which column it was."""
    migrate(transport, wanted(Coin))
    objects(Coin).create(code="a/b/", name="A")
    with pytest.raises(IntegrityError, match="location because one row has no value"):
        migrate(transport, wanted(RenamedCoin))
    assert objects(Coin).get(pk="a/b/").name == "A"


def test_a_key_becomes_the_id_if_all_rows_have_it(transport):
    migrate(transport, wanted(Coin))
    objects(Coin).create(code="EUR", name="Euro")
    objects(Coin).create(code="a/b/", name="A")
    with pytest.raises(UnconvertibleRows, match="has the key 'a/b/'"):
        alter_key(Coin, IdCoin)
    assert objects(Coin).get(pk="a/b/").name == "A"
    objects(Coin).filter(pk="a/b/")._raw_delete("appwrite")
    alter_key(Coin, IdCoin)
    assert objects(IdCoin).get(pk="EUR").name == "Euro"
    objects(IdCoin).create(pk="USD", name="Dollar")
    alter_key(IdCoin, Coin)
    assert objects(Coin).get(pk="USD").code == "USD"
