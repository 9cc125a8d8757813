"""Tables and indexes of whole models."""

from __future__ import annotations

import pytest
from django.db import models
from django.db.models.functions import Length, Lower, Upper
from django.test.utils import isolate_apps, register_lookup

from appwrite_orm_django.engines import MARIADB, MONGODB, POSTGRESQL
from appwrite_orm_django.fields import ArrayField
from appwrite_orm_django.indexes import AppwriteIndex
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.errors import SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.from_models import models_of, read_models, table_for
from tests.library.models import Book, Cover, Review

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def isolated():
    with isolate_apps("tests.library"):
        yield


def make(name="Thing", meta=None, base=models.Model, **fields):
    Meta = type("Meta", (), {"app_label": "library", **(meta or {})})
    return type(name, (base,), {"__module__": __name__, "Meta": Meta, **fields})


def indexes(model):
    return [f"{index.key}: {index}" for index in table_for(model)[0].indexes]


def test_the_library():
    """A foreign key has an index; one that a constraint begins with has both, as on any database."""
    assert indexes(Book) == [
        "one_title_per_author: unique (author_id, title)",
        "title_idx: key (title)",
        "author_id_idx: key (author_id)",
        "editor_id_idx: key (editor_id)",
    ]
    assert indexes(Cover) == ["book_id_uniq: unique (book_id)"]
    assert [str(column) for column in table_for(Review)[0].columns] == [
        "varchar(36) required",
        "integer 0..32767 required",
        "longtext required",
    ]


def test_through_tables_are_tables():
    names = {model._meta.db_table for model in models_of("appwrite")}
    assert "library_book_tags" in names
    assert not any(name.startswith(("auth_", "django_")) for name in names)
    through = table_for(Book.tags.through)[0]
    assert [column.key for column in through.columns] == ["book_id", "tag_id"]
    assert indexes(Book.tags.through) == [
        "book_id_tag_id_uniq: unique (book_id, tag_id)",
        "book_id_idx: key (book_id)",
        "tag_id_idx: key (tag_id)",
    ]


def test_slugs_and_unique_fields():
    model = make(
        a=models.SlugField(),
        b=models.SlugField(unique=True),
        c=models.IntegerField(unique=True, db_index=True),
    )
    assert indexes(model) == ["b_uniq: unique (b)", "c_uniq: unique (c)", "a_idx: key (a)"]


def test_named_indexes_keep_their_names_and_orders():
    meta = {
        "indexes": [
            models.Index(fields=["a", "-b"], name="ab"),
            models.Index(fields=["a"], name="primary"),
        ]
    }
    model = make(meta=meta, a=models.IntegerField(), b=models.IntegerField())
    assert indexes(model) == ["ab: key (a, b desc)", "primary_idx: key (a)"]


def test_a_second_index_over_the_same_columns_is_left_out():
    meta = {
        "indexes": [models.Index(fields=["a", "b"], name="ab")],
        "unique_together": [("a", "b")],
        "constraints": [models.UniqueConstraint(fields=["a", "b"], name="again")],
    }
    assert indexes(make(meta=meta, a=models.IntegerField(), b=models.IntegerField())) == [
        "a_b_uniq: unique (a, b)"
    ]


def test_a_fulltext_index_is_no_second_one():
    """Nothing else serves searches, and it serves neither comparisons nor orders."""
    meta = {
        "indexes": [
            AppwriteIndex(fields=["a"], name="words", type="fulltext"),
            models.Index(fields=["b"], name="plain"),
            AppwriteIndex(fields=["b"], name="more_words", type="fulltext"),
        ]
    }
    model = make(
        meta=meta,
        a=models.CharField(max_length=20, unique=True),
        b=models.CharField(max_length=20, db_index=True),
    )
    assert indexes(model) == [
        "a_uniq: unique (a)",
        "words: fulltext (a)",
        "plain: key (b)",
        "more_words: fulltext (b)",
    ]


def test_a_unique_index_over_beginnings_excludes_more_rows():
    meta = {"indexes": [AppwriteIndex(fields=["a"], name="three", type="unique", lengths=[3])]}
    assert indexes(make(meta=meta, a=models.CharField(max_length=20, unique=True))) == [
        "a_uniq: unique (a)",
        "three: unique (a(3))",
    ]


def test_a_note_says_that_lengths_of_a_unique_index_have_no_effect():
    meta = {"indexes": [AppwriteIndex(fields=["a"], name="three", type="unique", lengths=[3])]}
    model = make(meta=meta, a=models.CharField(max_length=20))
    assert table_for(model)[1] == ()
    assert table_for(model, engine=POSTGRESQL)[1] == (
        "library.Thing: on PostgreSQL, the unique index three compares whole texts; its lengths "
        "have no effect.",
    )


def test_a_unique_index_that_the_engine_does_not_enforce_is_refused():
    model = make(
        meta={
            "indexes": [
                AppwriteIndex(fields=["a"], name="letters", type="unique"),
                AppwriteIndex(fields=["a", "-n"], name="both", type="unique"),
            ],
            "constraints": [models.UniqueConstraint(fields=["n"], name="numbers")],
        },
        a=models.CharField(max_length=20),
        n=models.IntegerField(),
    )
    assert len(table_for(model)[0].indexes) == 3
    with pytest.raises(UnsupportedModel) as raised:
        table_for(model, engine=MONGODB)
    assert str(raised.value) == (
        "library.Thing: on MongoDB, Appwrite does not enforce the unique index both over a, n, "
        "because not all of these are text.\n"
        "Way out: declare a UniqueConstraint instead of the index; the library enforces it."
    )


def test_a_unique_index_over_a_time_of_the_server_is_refused_where_it_is_not_enforced():
    newest = AppwriteIndex(fields=["created_at"], name="newest", type="unique")
    model = make(base=AppwriteModel, meta={"indexes": [newest]})
    assert indexes(model) == ["newest: unique ($createdAt)"]
    with pytest.raises(
        UnsupportedModel, match=r"newest over \$createdAt, because \$createdAt is no"
    ):
        table_for(model, engine=MONGODB)


def test_system_columns_can_be_indexed():
    class Thing(AppwriteModel):
        class Meta:
            app_label = "library"
            indexes = [models.Index(fields=["-created_at", "id"], name="newest")]

    assert indexes(Thing) == ["newest: key ($createdAt desc, $id)"]


def test_long_columns_are_indexed_by_their_beginning():
    model = make(
        meta={"indexes": [models.Index(fields=["a", "b", "n"], name="i")]},
        a=models.CharField(max_length=1000),
        b=models.TextField(),
        n=models.IntegerField(),
        whole=models.CharField(max_length=768, db_index=True),
        long=models.CharField(max_length=769, db_index=True),
    )
    assert indexes(model) == [
        "i: key (a(383), b(383), n)",
        "whole_idx: key (whole)",
        "long_idx: key (long(768))",
    ]


def test_a_long_unique_index_is_refused_with_the_arithmetic():
    model = make(
        meta={"indexes": [AppwriteIndex(fields=["a", "b"], name="a_b_uniq", type="unique")]},
        a=models.CharField(max_length=700),
        b=models.CharField(max_length=69),
    )
    with pytest.raises(
        SchemaTooLarge,
        match=r"a_b_uniq: a unique index over a 700 \+ b 69 = 769 characters; Appwrite allows 768",
    ):
        table_for(model)


def test_a_wide_row_is_refused_with_the_arithmetic():
    fields = {f"c{n}": models.CharField(max_length=4000) for n in range(4)}
    table_for(make("Fits", **fields))
    with pytest.raises(
        SchemaTooLarge,
        match=r"library_thing: a row would be 81,077 bytes wide; Appwrite allows 65,534",
    ) as caught:
        table_for(make(last=models.CharField(max_length=4000), **fields))
    assert "Widest: c0 16,002, c1 16,002, c2 16,002." in str(caught.value)


def test_what_is_left_out_without_harm_is_noted():
    meta = {
        "indexes": [
            models.Index(Length("a"), name="length_a"),
            models.Index(fields=["a"], name="some_a", condition=models.Q(a="x")),
        ],
        "constraints": [models.CheckConstraint(condition=models.Q(a__gt=""), name="not_empty")],
    }
    table, notes = table_for(make(meta=meta, a=models.CharField(max_length=5)))
    assert table.indexes == ()
    assert notes == (
        "library.Thing: the index length_a is left out because Appwrite has no indexes with expressions.",
        "library.Thing: the index some_a is left out because Appwrite has no indexes with a condition.",
        "library.Thing: the constraint not_empty is checked by full_clean() only; Appwrite has no CheckConstraint.",
    )


LOWERED = {
    "one": (Lower("a"), ("a",), ()),
    "descending": (Upper("a").desc(), ("a",), ("DESC",)),
    "lookup": (models.F("a__upper"), ("a",), ()),
    "of several": ((Lower("a"), models.F("n").desc(), Upper("a")), ("a", "n"), ("ASC", "DESC")),
}


@pytest.mark.parametrize(("expressions", "columns", "orders"), LOWERED.values(), ids=LOWERED)
def test_an_index_of_lower_case_is_that_of_the_text_where_case_does_not_count(
    expressions, columns, orders
):
    expressions = expressions if isinstance(expressions, tuple) else (expressions,)
    with register_lookup(models.CharField, Upper):
        model = make(
            a=models.CharField(max_length=5),
            n=models.IntegerField(),
            meta={"indexes": [models.Index(*expressions, name="cased")]},
        )
        for engine in (MARIADB, POSTGRESQL, MONGODB):
            table, notes = table_for(model, engine=engine)
            if engine.folds_text:
                (index,) = table.indexes
                assert (index.key, index.columns, index.orders) == ("cased", columns, orders)
                assert not notes
            else:
                assert not table.indexes
                assert "left out" in notes[0]


@pytest.mark.parametrize(
    "expression", [Lower("n"), models.F("n__lower"), Lower("gone"), models.F("a__length")]
)
def test_an_index_of_another_expression_is_left_out(expression):
    with (
        register_lookup(models.IntegerField, Lower),
        register_lookup(models.CharField, Length),
    ):
        table, notes = table_for(
            make(
                a=models.CharField(max_length=5),
                n=models.IntegerField(),
                meta={"indexes": [models.Index(expression, name="cased")]},
            )
        )
    assert not table.indexes
    assert "left out" in notes[0]


def test_an_array_cannot_be_indexed():
    model = make(
        a=ArrayField(models.IntegerField()),
        meta={"indexes": [models.Index(fields=["a"], name="i")]},
    )
    with pytest.raises(UnsupportedModel, match="cannot index the array a"):
        table_for(model)


def test_multi_table_inheritance_has_a_table_for_each_level():
    parent = make("Parent", a=models.IntegerField())
    child = make("Child", base=parent, b=models.IntegerField(db_index=True))
    table = table_for(child)[0]
    assert [column.key for column in table.columns] == ["b"]
    with pytest.raises(UnsupportedModel, match="cannot cover a, which is in another table"):
        table_for(
            make(
                "Other",
                base=parent,
                meta={"constraints": [models.UniqueConstraint(fields=["a"], name="u")]},
            )
        )


def test_names_that_appwrite_takes_for_one_are_refused():
    one = make("One", meta={"db_table": "thing"})
    two = make("Two", meta={"db_table": "THING"})
    with pytest.raises(
        UnsupportedModel, match=r"library.One and library.Two|library.Two and library.One"
    ):
        read_models("shop", [one, two])
    with pytest.raises(UnsupportedModel, match=r"already has a column a;"):
        table_for(make("Three", a=models.IntegerField(), b=models.IntegerField(db_column="A")))


def test_long_names_are_shortened():
    model = make(meta={"db_table": "x" * 50}, **{"y" * 50: models.IntegerField(db_index=True)})
    table = table_for(model)[0]
    assert len(table.id) == len(table.columns[0].key) == len(table.indexes[0].key) == 36


def test_permissions_and_row_security():
    model = make(
        a=models.IntegerField(),
        appwrite_permissions=('read("any")', 'write("users")'),
        appwrite_row_security=True,
    )
    table = table_for(model)[0]
    assert sorted(table.permissions) == [
        'create("users")',
        'delete("users")',
        'read("any")',
        'update("users")',
    ]
    assert table.row_security
