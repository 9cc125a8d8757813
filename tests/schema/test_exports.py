"""A schema in other notations."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest

from appwrite_orm_django.schema import definitions
from appwrite_orm_django.schema.definitions import Column, Database, Encoding, Index, Table
from appwrite_orm_django.schema.exports import FORMATS, Relation, export, relations_of
from appwrite_orm_django.schema.from_models import models_of, read_models
from tests.library.models import Author, Book, Cover, Translation

AUTHOR = Table(
    "author",
    "Author",
    (
        Column("name", "varchar", 50, required=True),
        Column("stars", "integer", min=1, max=5, default=3),
        Column("kind", "enum", elements=("poet", "it's"), required=True),
        Column("bio", "longtext", default="it's"),
        Column("tags", "varchar", 20, array=True),
        Column("mail", "email"),
        Column("born", "datetime"),
        Column("alive", "boolean", default=True),
        Column("place", "point"),
    ),
    (
        Index("name_uniq", "unique", ("name",)),
        Index("bio", "key", ("bio", "stars"), ("ASC", "DESC"), (100, 0)),
        Index("words", "fulltext", ("bio",)),
    ),
    frozenset({'read("any")', 'create("users")', 'update("team:staff/owner")'}),
)
BOOK = Table(
    "book",
    "Book",
    (Column("author_id", "varchar", 36, required=True), Column("title", "varchar", 100)),
    permissions=frozenset({'read("label:vip")'}),
    row_security=True,
)
SHOP = Database("shop", (BOOK, AUTHOR))
RELATIONS = (Relation("book", "author_id", "author"),)


def exported(format_, **options):
    return export(SHOP, format_, relations=RELATIONS, **options)


@pytest.mark.parametrize("format_", FORMATS)
def test_each_ends_with_a_line_break_and_takes_an_empty_database(format_):
    assert exported(format_).endswith("\n")
    assert export(Database("empty"), format_).endswith("\n")


def test_text():
    lines = exported("text").splitlines()
    assert lines[:6] == [
        "database shop",
        "",
        "table book",
        '  permissions read("label:vip")',
        "  row security",
        "  author_id  varchar(36) required  -> author.$id",
    ]
    assert "  index bio: key (bio(100), stars desc)" in lines


def test_json():
    document = json.loads(exported("json"))
    assert document["relations"] == [
        {"table": "book", "column": "author_id", "target": "author", "targetColumn": "$id"}
    ]
    author = document["tables"][1]
    assert author["columns"][1] == {
        "key": "stars", "type": "integer", "required": False, "array": False, "min": 1, "max": 5, "default": 3,
    }  # fmt: skip
    assert author["indexes"][1] == {
        "key": "bio", "type": "key", "columns": ["bio", "stars"], "orders": ["ASC", "DESC"], "lengths": [100, 0],
    }  # fmt: skip


@pytest.fixture
def sqlite():
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def test_sqlite_runs_and_keeps_the_rules(sqlite):
    sqlite.executescript(exported("sql", dialect="sqlite"))
    moments = ("2026-01-01", "2026-01-01")
    author = 'INSERT INTO author ("$id", "$createdAt", "$updatedAt", name, kind, stars) VALUES (?, ?, ?, ?, ?, ?)'
    sqlite.execute(author, ("a1", *moments, "Zola", "it's", 5))
    assert sqlite.execute("SELECT bio, alive FROM author").fetchall() == [("it's", 1)]
    for row_id, name, kind, stars in (
        ("a2", "Zola", "poet", 1),
        ("a3", "x", "critic", 1),
        ("a4", "x", "poet", 6),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            sqlite.execute(author, (row_id, *moments, name, kind, stars))
    book = 'INSERT INTO book ("$id", "$createdAt", "$updatedAt", author_id) VALUES (?, ?, ?, ?)'
    sqlite.execute(book, ("b1", *moments, "a1"))
    with pytest.raises(sqlite3.IntegrityError):
        sqlite.execute(book, ("b2", *moments, "nobody"))


def test_relationships_that_hold_an_id_are_columns_in_sql(sqlite):
    columns = (
        Column("one", "relationship", related=definitions.Relation("a", "oneToOne")),
        Column("many", "relationship", related=definitions.Relation("a", "manyToMany")),
    )
    database = Database("d", (Table("a"), Table("b", columns=columns)))
    sqlite.executescript(export(database, "sql", relations=[], dialect="sqlite"))
    assert [row[1:3] for row in sqlite.execute("PRAGMA table_info(b)")][3:] == [
        ("one", "varchar(36)")
    ]
    assert (
        len(sqlite.execute("PRAGMA index_list(b)").fetchall()) == 2
    )  # of the key, and of the relationship


def test_the_whole_library_runs_in_sqlite(sqlite):
    models = models_of("appwrite")
    database = read_models("library", models)
    sqlite.executescript(export(database, "sql", relations=relations_of(models), dialect="sqlite"))
    made = {
        name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    assert made == {table.id for table in database}
    assert sqlite.execute("PRAGMA foreign_key_check").fetchall() == []
    targets = {row[2] for row in sqlite.execute("PRAGMA foreign_key_list(library_book)")}
    assert targets == {"library_author"}


def test_postgresql():
    text = exported("sql")
    assert '    "stars" bigint DEFAULT 3 CHECK ("stars" >= 1 AND "stars" <= 5),\n' in text
    assert '    "tags" jsonb,\n' in text
    assert '    "born" timestamp(3) with time zone,\n' in text
    assert """    "kind" varchar(255) NOT NULL CHECK ("kind" IN ('poet', 'it''s')),\n""" in text
    assert 'CREATE UNIQUE INDEX "author_name_uniq" ON "author" ("name");' in text
    assert 'CREATE INDEX "author_bio" ON "author" (left("bio", 100), "stars" DESC);' in text
    assert "USING gin (to_tsvector('simple', coalesce(\"bio\", '')));" in text
    assert text.endswith(
        'ALTER TABLE "book" ADD CONSTRAINT "book_author_id_fk" FOREIGN KEY ("author_id") REFERENCES "author" ("$id");\n'
    )


def test_mysql():
    text = exported("sql", dialect="mysql")
    assert "    `bio` longtext DEFAULT ('it''s'),\n" in text
    assert "CREATE INDEX `author_bio` ON `author` (`bio`(100), `stars` DESC);" in text
    assert "CREATE FULLTEXT INDEX `author_words` ON `author` (`bio`);" in text
    assert "`born` datetime(3)" in text


def test_mermaid():
    lines = exported("mermaid").splitlines()
    assert lines[0] == "erDiagram"
    assert "        varchar(36) author_id FK" in lines
    assert "        varchar(50) name UK" in lines
    assert "        varchar(20)[] tags" in lines
    assert lines[-1] == "    author ||--o{ book : author_id"


def test_mermaid_of_odd_names():
    odd = Database("d", (Table("2nd.table", columns=(Column("9lives", "varchar", 5),)),))
    text = export(
        odd, "mermaid", relations=[Relation("2nd.table", "9lives", "2nd.table", single=True)]
    )
    assert '    "2nd.table" {' in text
    assert '    "2nd.table" |o--o| "2nd.table" : c9lives' in text


def test_the_project_file_of_appwrites_command_line():
    document = json.loads(exported("appwrite", endpoint="https://example.org/v1", project="p"))
    assert (document["projectId"], document["endpoint"]) == ("p", "https://example.org/v1")
    assert document["tablesDB"] == [{"$id": "shop", "name": "shop", "enabled": True}]
    book, author = document["tables"]
    assert (book["$id"], book["databaseId"], book["rowSecurity"], book["enabled"]) == (
        "book",
        "shop",
        True,
        True,
    )
    assert author["$permissions"] == [
        'create("users")',
        'read("any")',
        'update("team:staff/owner")',
    ]
    columns = {column["key"]: column for column in author["columns"]}
    assert columns["name"] == {
        "key": "name", "type": "varchar", "required": True, "array": False, "default": None, "size": 50, "encrypt": False,
    }  # fmt: skip
    assert columns["kind"]["type"] == "string"
    assert (columns["kind"]["format"], columns["kind"]["elements"]) == ("enum", ["poet", "it's"])
    assert author["indexes"][1]["lengths"] == [100, 0]


def test_firestore_rules():
    text = exported("firebase")
    assert "    match /author/{id} {" in text
    assert "      allow read: if true;\n" in text
    assert (
        "      allow create: if (request.auth != null) && is_author(request.resource.data);\n"
        in text
    )
    assert '(request.auth != null && "staff/owner" in request.auth.token.teams)' in text
    assert "      allow delete: if false;\n" in text
    assert '(data["name"] is string && data["name"].size() <= 50)' in text
    assert 'data["kind"] in ["poet", "it\'s"]' in text
    assert (
        '(!("stars" in data) || data["stars"] == null || (data["stars"] is int && data["stars"] >= 1'
        in text
    )
    own = re.search(r"match /book/.*?allow read: if (.*?);", text, re.DOTALL)[1]
    assert own.startswith('(request.auth != null && "vip" in request.auth.token.labels) || ')
    assert r'"read(\"any\")" in resource.data["$permissions"]' in own
    assert text.count("{") == text.count("}")


def test_relations_of_models():
    found = relations_of([Author, Book, Cover])
    assert Relation("library_book", "author_id", "library_author") in found
    assert Relation("library_cover", "book_id", "library_book", single=True) in found
    # Countries are not among the models.
    assert not [one for one in found if one.column == "country_id"]
    tag = Translation._meta.get_field("tag").related_model
    assert relations_of([Translation, tag]) == (
        Relation("library_translation", "tag_id", "library_tag", "name"),
    )


def test_what_a_type_does_not_tell_is_said():
    columns = (
        Column("price", "bigint", encoding=Encoding("decimal", 2)),
        Column("count", "bigint", encoding=Encoding("integer")),
        Column("days", "datetime", array=True, encoding=Encoding("date", array=True)),
    )
    database = Database("d", (Table("t", "T", columns),))
    text = export(database, "text")
    assert "  price  bigint (2 decimal places)\n" in text
    assert "  count  bigint\n" in text
    assert "  days   datetime[] (list of date)\n" in text
    found = json.loads(export(database, "json"))["tables"][0]["columns"]
    assert [column.get("encoding") for column in found] == ["decimal(2)", None, "array date"]
