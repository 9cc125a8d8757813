"""Changes of the primary key, with migrations and without: both refuse the same, and lose nothing."""

from __future__ import annotations

import datetime
import itertools
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connections, models
from django.test.utils import isolate_apps

from appwrite_orm_django.fields import RowIdField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.errors import UnconvertibleRows

from .conftest import Options, connect, migrate, plan_for
from .killing import Killed, a_killable_server
from .test_key_columns import objects, transport, wanted

__all__ = ["transport"]

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

KEYS = {
    "auto": lambda: models.BigAutoField(primary_key=True),
    "char": lambda: models.CharField(max_length=60, primary_key=True),
    "id": lambda: models.CharField(max_length=36, primary_key=True, db_column="$id"),
    "row id": lambda: RowIdField(primary_key=True),
    "decimal": lambda: models.DecimalField(max_digits=8, decimal_places=2, primary_key=True),
    "whole": lambda: models.DecimalField(max_digits=8, decimal_places=0, primary_key=True),
    "float": lambda: models.FloatField(primary_key=True),
    "email": lambda: models.EmailField(primary_key=True),
    "ip": lambda: models.GenericIPAddressField(primary_key=True),
    "time": lambda: models.TimeField(primary_key=True),
    "boolean": lambda: models.BooleanField(primary_key=True),
    "json": lambda: models.JSONField(primary_key=True),
}

#: The old key, the new one, a value, and the same value afterwards, or None if the change is refused.
CHANGES = [
    ("char", "id", "EUR", "EUR"),
    ("char", "id", "a/b", None),
    ("char", "row id", "EUR", "EUR"),
    ("char", "row id", "a/b", None),
    ("id", "char", "EUR", "EUR"),
    ("row id", "char", "EUR", "EUR"),
    ("char", "email", "a@b.example", "a@b.example"),
    ("email", "id", "Root@b.example", None),
    ("char", "auto", "5", None),
    ("auto", "char", 5, None),
    ("auto", "id", 5, None),
    ("whole", "id", Decimal(9), "9"),
    ("whole", "row id", Decimal(-5), None),
    ("decimal", "id", Decimal("9.90"), None),
    ("decimal", "whole", Decimal(9), None),
    ("float", "char", 1.5, "1.5"),
    ("float", "char", 2.0, None),
    ("float", "id", 1.5, "1.5"),
    ("float", "id", 2.0, None),
    ("ip", "id", "10.0.0.1", "10.0.0.1"),
    ("time", "char", datetime.time(1, 2, 3), None),
    ("time", "id", datetime.time(1, 2, 3), None),
    ("boolean", "id", True, None),
    ("boolean", "char", True, None),
    ("json", "char", 5, None),
]


def coin(key):
    with isolate_apps("tests.library"):

        class Coin(AppwriteModel):
            code = KEYS[key]()
            name = models.CharField(max_length=20)

            class Meta:
                app_label = "library"

        class Price(AppwriteModel):
            coin = models.ForeignKey(Coin, models.CASCADE)

            class Meta:
                app_label = "library"

    return Coin, Price


def by_migrate(_transport, old, new):
    with connections["appwrite"].schema_editor() as editor:
        editor.alter_field(old[0], old[0]._meta.pk, new[0]._meta.pk)


def by_appwrite_migrate(transport, _old, new):
    migrate(transport, wanted(*new))


def by_prune(transport, _old, new):
    migrate(transport, wanted(*new), Options(prune=True))


ROADS = [by_migrate, by_appwrite_migrate, by_prune]


def pairs(models_):
    """Read the key and the name of each row in every way."""
    found = sorted(objects(models_[0]).values_list("name", "pk"))
    for name, key in found:
        assert objects(models_[0]).get(pk=key).name == name
    assert sorted(price.coin.name for price in objects(models_[1])) == [
        name for name, _key in found
    ]
    return found


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(("before", "after", "value", "then"), CHANGES)
def test_a_key_becomes_another(transport, road, before, after, value, then):
    old, new = coin(before), coin(after)
    migrate(transport, wanted(*old))
    objects(old[1]).create(coin=objects(old[0]).create(pk=value, name="one"))
    if then is None:
        with pytest.raises(UnconvertibleRows):
            road(transport, old, new)
        assert pairs(old) == [("one", value)]
        return
    road(transport, old, new)
    assert pairs(new) == [("one", then)]
    with pytest.raises(IntegrityError):
        objects(new[0]).create(pk=then, name="again")
    objects(new[1]).create(
        coin=objects(new[0]).create(pk="a@c.example" if after == "email" else "USD", name="two")
    )
    assert len(pairs(new)) == 2
    plan = plan_for(transport, wanted(*new))
    assert (plan.steps, plan.left) == ((), ())


with isolate_apps("tests.library"):

    class Numbered(AppwriteModel):
        id = RowIdField(primary_key=True)
        code = models.CharField(max_length=60)
        number = models.IntegerField(default=1)

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class Coded(AppwriteModel):
        code = models.CharField(max_length=60, primary_key=True)
        number = models.IntegerField(default=1)

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class Paired(AppwriteModel):
        pk = models.CompositePrimaryKey("code", "number")
        code = models.CharField(max_length=60)
        number = models.IntegerField(default=1)

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class PairedWithText(AppwriteModel):
        pk = models.CompositePrimaryKey("code", "number")
        code = models.CharField(max_length=60)
        number = models.CharField(max_length=60, default="1")

        class Meta:
            app_label = "library"
            db_table = "library_coin"

    class PairedTheOtherWay(AppwriteModel):
        pk = models.CompositePrimaryKey("number", "code")
        code = models.CharField(max_length=60)
        number = models.IntegerField(default=1)

        class Meta:
            app_label = "library"
            db_table = "library_coin"


OTHER_FIELDS = [Numbered, Coded, Paired, PairedWithText, PairedTheOtherWay]


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(OTHER_FIELDS, 2)))
def test_another_field_becomes_the_key(transport, before, after, prune):
    migrate(transport, wanted(before))
    objects(before).create(code="a/b", number=7)
    with pytest.raises(DatabaseError):
        migrate(transport, wanted(after), Options(prune=prune))
    row = objects(before).get()
    assert objects(before).get(pk=row.pk).code == "a/b"
    row.delete()
    migrate(transport, wanted(after), Options(prune=prune))
    objects(after).create(code="EUR", number=7)
    row = objects(after).get()
    assert objects(after).get(pk=row.pk).code == "EUR"
    assert plan_for(transport, wanted(after)).steps == ()


def test_a_field_that_was_the_key_stays_if_it_is_the_id(transport):
    migrate(transport, wanted(Coded))
    objects(Coded).create(code="EUR", number=7)
    migrate(transport, wanted(Numbered))
    assert objects(Numbered).get(pk="EUR").code == "EUR"
    objects(Numbered).create(code="EUR")
    assert plan_for(transport, wanted(Numbered)).steps == ()
    objects(Numbered).exclude(pk="EUR").delete()
    migrate(transport, wanted(Coded))
    assert objects(Coded).get(pk="EUR").number == 7


@pytest.mark.local_only("the caller is ended at each of its requests")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("keys", [("char", "id"), ("id", "char")])
def test_a_run_that_is_stopped_anywhere_is_finished(level, behind_alias, keys, after):
    old, new = map(coin, keys)
    for number in itertools.count(1):
        server = a_killable_server(level)
        transport = behind_alias(connect(server))
        migrate(transport, wanted(*old))
        objects(old[1]).create(coin=objects(old[0]).create(pk="EUR", name="one"))
        server.served, server.dies_at, server.after = 0, number, after
        died = False
        try:
            migrate(transport, wanted(*new))
        except Killed:
            died = True
        server.dies_at = None
        migrate(transport, wanted(*new))
        assert pairs(new) == [("one", "EUR")]
        objects(new[1]).create(coin=objects(new[0]).create(pk="USD", name="two"))
        assert len(pairs(new)) == 2
        plan = plan_for(transport, wanted(*new))
        assert (plan.steps, plan.left) == ((), ())
        if not died:
            break
