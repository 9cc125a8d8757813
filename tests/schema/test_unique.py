"""What must be unique in a model's table: by a plain unique index, by a hidden column, or not at all."""

from __future__ import annotations

import enum

import pytest
from django.db import models
from django.db.models import Deferrable, F, Func, Q, UniqueConstraint, Value
from django.db.models.functions import Collate, ExtractYear, Lower, Now, TruncDate, Upper
from django.test.utils import isolate_apps

from appwrite_orm_django.engines import MARIADB, MONGODB, POSTGRESQL
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.definitions import Column, Database
from appwrite_orm_django.schema.errors import UnsupportedModel
from appwrite_orm_django.schema.exports import FORMATS, export
from appwrite_orm_django.schema.from_models import table_for
from appwrite_orm_django.schema.names import MAX_LENGTH, is_hidden
from tests.schema.test_from_models import make


def table(*constraints, engine=MARIADB, **options):
    fields = {
        "a": models.IntegerField(),
        "b": models.IntegerField(null=True),
        "c": models.CharField(max_length=20),
        "d": models.DateTimeField(),
        "e": models.DateField(),
    }
    meta = {"constraints": list(constraints), **options.pop("meta", {})}
    with isolate_apps("tests.library"):
        return table_for(make(meta=meta, **{**fields, **options}), engine=engine)


def key_of(constraint, **options):
    """Return the key of the hidden column of a constraint."""
    (key,) = [one.key for one in table(constraint, **options)[0].columns if one.hidden]
    return key


@pytest.mark.parametrize(
    "constraint",
    [
        UniqueConstraint(fields=["a"], condition=Q(b=1), name="u"),
        UniqueConstraint(Lower("c"), name="u"),
        UniqueConstraint(F("a").desc(), name="u"),
        UniqueConstraint(F("a") + F("b"), condition=~Q(c=""), name="u"),
        UniqueConstraint(fields=["a", "b"], name="u", nulls_distinct=False),
        UniqueConstraint(ExtractYear("e"), name="u"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_a_hidden_column_has_the_unique_index(constraint):
    described, notes = table(constraint)
    (hidden,) = [column for column in described.columns if column.hidden]
    assert is_hidden(hidden.key)
    assert len(hidden.key) <= MAX_LENGTH
    assert (hidden.type, hidden.size, hidden.required) == ("varchar", 40, False)
    assert [(one.key, one.type, one.columns) for one in described.indexes] == [
        ("u", "unique", (hidden.key,))
    ]
    assert notes == ()


@pytest.mark.parametrize(
    "constraint",
    [
        UniqueConstraint(fields=["a", "c"], name="u"),
        UniqueConstraint(fields=["a", "c"], name="u", nulls_distinct=False),
        UniqueConstraint(fields=["a", "b"], name="u", nulls_distinct=True),
    ],
)
def test_a_plain_index_serves_where_it_can(constraint):
    described, notes = table(constraint)
    assert not any(column.hidden for column in described.columns)
    assert [one.columns for one in described.indexes] == [constraint.fields]
    assert notes == ()


class Odd(Func):
    function = "ODD"


@pytest.mark.parametrize(
    ("constraint", "reason"),
    [
        (
            UniqueConstraint(fields=["a"], name="u", deferrable=Deferrable.DEFERRED),
            "Appwrite has no deferred checks",
        ),
        (UniqueConstraint(fields=["a"], condition=Q(d__gt=Now()), name="u"), "it uses Now"),
        (UniqueConstraint(Collate("c", "nocase"), name="u"), "it uses Collate"),
        (UniqueConstraint(TruncDate("d"), name="u"), "current time zone"),
        (UniqueConstraint(fields=["a"], condition=Q(d__year=2000), name="u"), "current time zone"),
        (UniqueConstraint(Func(F("a"), function="ABS"), name="u"), "it uses Func"),
        (UniqueConstraint(Odd("a"), name="u"), "Odd, which is unknown here"),
        (UniqueConstraint(Value(1), name="u"), "it depends on no column"),
        (UniqueConstraint(fields=["a"], condition=Q(id=1), name="u"), "it depends on $id"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_what_cannot_be_exact_is_left_to_full_clean_with_a_note(constraint, reason):
    described, (note,) = table(constraint)
    assert not described.indexes
    assert not any(column.hidden for column in described.columns)
    assert note.startswith("library.Thing: the unique constraint u is checked by full_clean() only")
    assert reason in note


def test_every_refused_constraint_is_named():
    with isolate_apps("tests.library"):
        parent = make("Parent", x=models.IntegerField(), y=models.IntegerField())
        constraints = [UniqueConstraint(fields=[name], name=f"u_{name}") for name in ("x", "y")]
        with pytest.raises(UnsupportedModel) as refused:
            table_for(make("Child", base=parent, meta={"constraints": constraints}))
    assert len(refused.value.errors) == 2
    assert "cannot cover x" in str(refused.value)
    assert "cannot cover y" in str(refused.value)


@pytest.mark.parametrize("option", ["unique", "unique_together", "constraint"])
def test_columns_over_which_the_engine_enforces_nothing_have_a_hidden_column(option):
    options = {
        "unique": {"a": models.IntegerField(unique=True)},
        "unique_together": {"meta": {"unique_together": [("a",), ("c",)]}},
        "constraint": {"meta": {"constraints": [UniqueConstraint(fields=["a"], name="a_uniq")]}},
    }[option]
    described, _notes = table(engine=MONGODB, **options)
    (hidden,) = [column for column in described.columns if column.hidden]
    assert {one.columns for one in described.indexes} - {("c",)} == {(hidden.key,)}
    assert not any(column.hidden for column in table(engine=MARIADB, **options)[0].columns)


def test_long_texts_have_a_hidden_column():
    described, _notes = table(text=models.TextField(unique=True))
    (hidden,) = [column for column in described.columns if column.hidden]
    assert [one.columns for one in described.indexes] == [(hidden.key,)]


class Letter(models.TextChoices):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


def unique_where(condition):
    return UniqueConstraint(fields=["a"], condition=condition, name="u")


@pytest.mark.parametrize(
    ("model", "migration"),
    [
        (Q(c=Letter.A), Q(c="a")),
        (Q(b=Number.ONE), Q(b=1)),
        (Q(c__in=("x", "y")), Q(c__in=["x", "y"])),
        (Q(a=1, b=2), Q(("a", 1), ("b", 2))),
        (Q(a=1) & Q(b=2), Q(b=2, a=1) & Q()),
    ],
)
def test_a_model_and_its_migration_have_the_same_key(model, migration):
    assert key_of(unique_where(model)) == key_of(unique_where(migration))


def test_whatever_changes_the_values_changes_the_key():
    keys = {
        "first": key_of(unique_where(Q(b=1))),
        "condition": key_of(unique_where(Q(b=2))),
        "kind": key_of(unique_where(~Q(b=1))),
        "field": key_of(UniqueConstraint(fields=["c"], condition=Q(b=1), name="u")),
        "name": key_of(UniqueConstraint(fields=["a"], condition=Q(b=1), name="v")),
        "column": key_of(unique_where(Q(b=1)), a=models.IntegerField(db_column="z")),
        "encoding": key_of(unique_where(Q(b=1)), a=models.DurationField()),
        "engine": key_of(unique_where(Q(b=1)), engine=POSTGRESQL),
        "nulls": key_of(
            UniqueConstraint(fields=["a"], condition=Q(b=1), name="u", nulls_distinct=False)
        ),
        "expression": key_of(UniqueConstraint(Lower("c"), name="u")),
        "other expression": key_of(UniqueConstraint(Upper("c"), name="u")),
    }
    assert len(set(keys.values())) == len(keys)
    assert key_of(unique_where(Q(b=1)), b=models.BigIntegerField(null=True)) == keys["first"]


def test_the_key_is_for_ever():
    """A key that changes with a release makes every row be written again."""
    assert key_of(unique_where(Q(b=1))) == "unique__u_8c2df320"
    lower = UniqueConstraint(Lower("c").desc(), name="lower_c", condition=Q(c__gt=F("b")))
    assert key_of(lower) == "unique__lower_c_41c4b9a4"


def test_hidden_columns_are_only_in_exports_for_appwrite():
    described, _notes = table(unique_where(Q(b=1)))
    database = Database("d", (described,))
    with_hidden = {one for one in FORMATS if "unique__" in export(database, one)}
    assert with_hidden == {"text", "json", "appwrite"}


def test_a_column_of_a_user_is_no_hidden_one():
    assert not is_hidden("unique_together")
    assert not is_hidden("unique__name")
    assert not is_hidden(Column("name_0123abcd", "varchar").key)


@pytest.mark.parametrize("together", [False, True], ids=["constraint", "unique_together"])
@pytest.mark.parametrize(
    ("field", "enforced"),
    [
        (models.IntegerField(), "mariadb postgresql"),
        (models.CharField(max_length=20), "mariadb postgresql"),
        (models.TextField(), ""),
    ],
    ids=["number", "text", "long text"],
)
@pytest.mark.parametrize("engine", [MARIADB, POSTGRESQL, MONGODB], ids=lambda one: one.name)
def test_what_the_server_sets_is_in_no_hidden_column(engine, field, enforced, together):
    """The server writes it after the library would have to compute the digest."""
    meta = (
        {"unique_together": [("x", "created_at")]}
        if together
        else {"constraints": [UniqueConstraint(fields=["x", "created_at"], name="u")]}
    )
    with isolate_apps("tests.library"):
        model = make(base=AppwriteModel, meta=meta, x=field.clone())
        described, notes = table_for(model, engine=engine)
    name = "x_$createdAt_uniq" if together else "u"
    if engine.name in enforced.split():
        assert ([one.columns for one in described.indexes], notes) == ([("x", "$createdAt")], ())
    else:
        assert described.indexes == ()
        assert notes == (
            f"library.Thing: the unique constraint {name} is checked by full_clean() only; it "
            "depends on $createdAt, which the server sets.",
        )
