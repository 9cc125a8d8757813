"""
Random histories of writes to a table with hidden columns: they go on Appwrite as on SQLite, which has such indexes.

After each history, every hidden column holds what the rest of its row says. ``RANDOM_UNIQUE`` sets the number of histories.
"""

import os

import pytest
from django.conf import settings as django_settings
from django.db import connections, models
from django.db.models import F, Q, UniqueConstraint, Value
from django.db.models.functions import Coalesce, Collate, Concat, Lower
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.backend.uniqueness import uniqueness_of
from appwrite_orm_django.client import rows
from tests.differential import APPWRITE, twin
from tests.histories.living import Block, live
from tests.histories.vocabulary import Step
from tests.kinds import KINDS, kind_settings, kinds_of_servers

EXAMPLES = int(os.environ.get("RANDOM_UNIQUE", "6"))


def table_model(place):
    class Item(models.Model):
        id = models.CharField(max_length=20, primary_key=True)
        person = models.IntegerField(null=True)
        email = models.CharField(max_length=20, default="")
        primary = models.BooleanField(default=False)
        visits = models.IntegerField(default=0)
        line = models.CharField(max_length=10, null=True)
        number = models.IntegerField(null=True)

        class Meta:
            app_label = "library"
            constraints = [
                UniqueConstraint(
                    fields=["person"],
                    condition=Q(primary=True) & (Q(visits__gt=1) | Q(line=F("email"))),
                    name="item_primary",
                ),
                UniqueConstraint(Lower("email"), "person", name="item_email"),
                place,
            ]

    return Item


with isolate_apps("tests.library"):
    Item = table_model(
        UniqueConstraint(
            fields=["line", "number"],
            condition=~Q(email="b"),
            nulls_distinct=False,
            name="item_place",
        )
    )
with isolate_apps("tests.library"):
    # SQLite's nulls are always distinct, and the result of a function has no collation.
    Twin = table_model(
        UniqueConstraint(
            Collate(Coalesce("line", Value("null")), "APPWRITE"),
            Coalesce("number", Value(-9)),
            condition=~Q(email="b"),
            name="item_place",
        )
    )

KEYS = st.sampled_from(["one", "two", "three", "four"])
VALUES = {
    "person": st.sampled_from([None, 1, 2]),
    "email": st.sampled_from(["", "a", "A", "b"]),
    "primary": st.booleans(),
    "visits": st.integers(0, 3),
    "line": st.sampled_from([None, "a", "A", "b"]),
    "number": st.sampled_from([None, 1, 2]),
}
# What is computed from the row.
COMPUTED = {
    "person": F("number"),
    "email": Lower("line"),
    "visits": F("visits") + 1,
    "line": Concat("email", Value("")),
    "number": F("visits") - 1,
    "primary": Q(visits=2),
}


def objects(alias):
    return Item._base_manager.using(alias)


@st.composite
def some(draw, minimum=1, maximum=6):
    names = draw(
        st.lists(st.sampled_from(sorted(VALUES)), min_size=minimum, max_size=maximum, unique=True)
    )
    return {name: draw(VALUES[name]) for name in sorted(names)}


@st.composite
def whole(draw):
    return {"id": draw(KEYS), **{name: draw(values) for name, values in VALUES.items()}}


@st.composite
def conditions(draw):
    name, value = next(iter(draw(some(1, 1)).items()))
    tree = Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    return draw(
        st.sampled_from([tree, ~tree, Q(), Q(pk=draw(KEYS)), Q(pk__in=["one", "two"]) & tree])
    )


def save(alias, key, values, only):
    obj = objects(alias).get(pk=key)
    for name, value in values.items():
        setattr(obj, name, value)
    obj.save(update_fields=[*values] if only else None)


def bulk_update(alias, key, values):
    obj = objects(alias).get(pk=key)
    for name, value in values.items():
        setattr(obj, name, value)
    return objects(alias).bulk_update([obj], [*values])


def bulk_create(alias, many, **options):
    made = [Item(**values) for values in many]
    objects(alias).bulk_create(made, **options)


@st.composite
def steps(draw):
    kind = draw(
        st.sampled_from(
            ["create", "create", "many", "ignore", "upsert", "save", "save", "only", "update",
             "update", "computed", "bulk_update", "delete", "get_or_create", "update_or_create"]
        )
    )  # fmt: skip
    key, values, row = draw(KEYS), draw(some()), draw(whole())
    several, condition = draw(st.lists(whole(), min_size=1, max_size=3)), draw(conditions())
    name = draw(st.sampled_from(sorted(COMPUTED)))
    take, shown = {
        "create": (lambda alias: objects(alias).create(**row).pk, row),
        "many": (lambda alias: bulk_create(alias, several), several),
        "ignore": (lambda alias: bulk_create(alias, several, ignore_conflicts=True), several),
        "upsert": (
            lambda alias: bulk_create(
                alias, [row], update_conflicts=True, unique_fields=["id"], update_fields=[*values]
            ),
            (row, [*values]),
        ),
        "save": (lambda alias: save(alias, key, values, only=False), (key, values)),
        "only": (lambda alias: save(alias, key, values, only=True), (key, values)),
        "update": (
            lambda alias: objects(alias).filter(condition).update(**values),
            (condition, values),
        ),
        "computed": (
            lambda alias: objects(alias).filter(pk=key).update(**{name: COMPUTED[name]}),
            (key, name),
        ),
        "bulk_update": (lambda alias: bulk_update(alias, key, values), (key, values)),
        "delete": (lambda alias: objects(alias).filter(condition).delete()[0], condition),
        "get_or_create": (
            lambda alias: objects(alias).get_or_create(row, pk=key)[1],
            (key, row),
        ),
        "update_or_create": (
            lambda alias: objects(alias).update_or_create(values, pk=key)[1],
            (key, values),
        ),
    }[kind]
    return Step(f"{kind} {shown}", take)


def blocks():
    inner = st.builds(Block, st.lists(steps(), max_size=3).map(tuple), st.booleans())
    return st.builds(
        Block, st.lists(steps() | inner, min_size=1, max_size=5).map(tuple), st.booleans()
    )


@pytest.fixture(scope="module")
def tables(django_db_setup, django_db_blocker):
    ours = connections[APPWRITE]
    with django_db_blocker.unblock():
        for kind in kinds_of_servers():
            connections[APPWRITE] = DatabaseWrapper(
                {**ours.settings_dict, **settings_of(kind)}, APPWRITE
            )
            with connections[APPWRITE].schema_editor() as editor:
                editor.create_model(Item)
        connections[APPWRITE] = ours
        for alias in django_settings.TWINS.values():
            with connections[alias].schema_editor() as editor:
                editor.create_model(Twin)
        yield
        for alias in django_settings.TWINS.values():
            with connections[alias].schema_editor() as editor:
                editor.delete_model(Twin)


def settings_of(kind):
    return kind_settings(*kind, database="random_unique", PAGE_SIZE=2, CACHE={})


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, tables, connect, django_db_blocker):
    connection = connect(**settings_of(request.param))
    with django_db_blocker.unblock():
        yield connection


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(history=st.lists(steps() | steps() | blocks(), min_size=5, max_size=25))
def test_goes_as_on_sqlite(history, server):
    lived = []
    for alias in (twin(), APPWRITE):
        objects(alias).all()._raw_delete(alias)
        brought = live(history, alias)
        lived.append([*brought, sorted(objects(alias).values_list(), key=repr)])
    expected, found = lived
    for step, one, other in zip([*history, "the end"], expected, found, strict=True):
        assert other == one, f"{step!r}\nAppwrite: {other!r}\nSQLite:   {one!r}"
    ref, values = server.table_ref("library_item"), HiddenValues(server)
    listed = rows.list_rows(server.transport, ref)["rows"]
    for hidden in uniqueness_of(Item, server.engine).columns:
        assert [row[hidden.key] for row in listed] == values.of(hidden, listed)
