"""SQL that writes: it does to the rows on Appwrite what it does to those on SQLite, in a block and outside of one."""

import datetime
import decimal
import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    connections,
    migrations,
    models,
    transaction,
)
from django.db.migrations.state import ProjectState
from django.test.utils import isolate_apps

from appwrite_orm_django.client import rows as client_rows
from appwrite_orm_django.client import tables
from tests.differential import APPWRITE, copy_to_twin, twin, wipe
from tests.fixtures import LIBRARY, everything_rows, library, tables_of
from tests.library.models import (
    Book,
    Country,
    Edition,
    Everything,
    Magazine,
    Numbered,
    Review,
    Tag,
)

COLUMNS = "(isbn, copies, listed, counted)"
NOW = ", '2024-01-01 00:00:00', '2024-01-01 00:00:00'"
DATABASES = ["default", "appwrite", "twin"]
TABLES = (*LIBRARY, Numbered)


def run(sql, params=None, alias=APPWRITE):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def contents(alias, *chosen):
    return {
        model: sorted(
            model._base_manager.using(alias).values_list(
                *(
                    field.attname
                    for field in model._meta.concrete_fields
                    if not field.column.startswith("$")
                )
            ),
            key=repr,
        )
        for model in chosen
    }


STATEMENTS = {
    "all rows": ("UPDATE library_book SET pages = 7", None),
    "arithmetic": ("UPDATE library_book SET pages = pages * 2 + 1 WHERE pages > %s", [447]),
    "several columns": ("UPDATE library_book SET pages = 1, blurb = title || '!', in_print = NOT in_print", None),
    "a case, as trees do": (
        "UPDATE library_review SET stars = CASE WHEN stars >= %s THEN stars + 10 ELSE stars END WHERE stars <> 2",
        [3],
    ),
    "named parameters": ("UPDATE library_review SET text = %(t)s WHERE stars = %(n)s", {"t": "it's", "n": 1}),
    "a percent sign": ("UPDATE library_review SET text = '100%%' WHERE stars = %s", [1]),
    "no parameters, a percent sign": ("UPDATE library_review SET text = '100%' WHERE stars = 1", None),
    "quoted names": ('UPDATE "library_review" SET "stars" = 9 WHERE "library_review"."stars" = 0', None),
    "null": ("UPDATE library_book SET price = NULL, editor_id = NULL WHERE pages > 500", None),
    "decimals": ("UPDATE library_book SET price = price + 1.5", None),
    "datetimes": ("UPDATE library_book SET published = '2024-02-29 10:30:00.123' WHERE pages = 591", None),
    "a parameter that is a datetime": (
        "UPDATE library_book SET published = %s",
        [datetime.datetime(2024, 2, 29, 10, 30)],
    ),
    "dates": ("UPDATE library_author SET born = '2001-12-31' WHERE born IS NOT NULL", None),
    "floats": ("UPDATE library_author SET rating = rating / 2", None),
    "a subquery": (
        "UPDATE library_author SET rating = (SELECT COUNT(*) FROM library_book WHERE author_id = library_author.id)",
        None,
    ),
    "another table": (
        "UPDATE library_book SET blurb = a.name FROM library_author a WHERE a.id = library_book.author_id",
        None,
    ),
    "in": ("UPDATE library_book SET pages = 0 WHERE author_id IN (SELECT id FROM library_author WHERE rating > 1)", None),
    "no row": ("UPDATE library_book SET pages = 0 WHERE pages = 123456", None),
    "nothing new": ("UPDATE library_book SET pages = pages", None),
    "with": ("WITH long AS (SELECT id FROM library_book WHERE pages > 500) UPDATE library_book SET pages = 0 WHERE id IN long", None),
    "delete": ("DELETE FROM library_review WHERE stars = %s", [2]),
    "delete all": ("DELETE FROM library_review", None),
    "delete by a subquery": ("DELETE FROM library_review WHERE book_id IN (SELECT id FROM library_book WHERE pages > 500)", None),
    "delete none": ("DELETE FROM library_review WHERE stars = 99", None),
    "insert": ("INSERT INTO library_numbered (id, name, parent_id) VALUES (7, 'seven', NULL)", None),
    "insert several": ("INSERT INTO library_numbered (id, name) VALUES (%s, %s), (%s, %s)", [7, "seven", 8, "eight"]),
    "insert without columns": ("INSERT INTO library_numbered VALUES (7, 'seven', 1)", None),
    "insert from a query": ("INSERT INTO library_numbered (id, name) SELECT pages + 1000, title FROM library_book WHERE pages > 0 AND pages <> 591", None),
    "insert from the same table": ("INSERT INTO library_numbered (id, name, parent_id) SELECT id + 100, name || '!', id FROM library_numbered", None),
    "insert nothing": ("INSERT INTO library_numbered (id, name) SELECT 1, 'x' WHERE 1 = 0", None),
}  # fmt: skip


def fill():
    library()
    Numbered.objects.bulk_create([Numbered(pk=1, name="one"), Numbered(pk=2, name="two")])
    Numbered.objects.filter(pk=2).update(parent=1)


@pytest.mark.django_db(databases=DATABASES)
class TestInABlock:
    @pytest.fixture(autouse=True)
    def _rows(self):
        fill()
        copy_to_twin(*TABLES)

    @pytest.mark.parametrize("name", STATEMENTS)
    def test_it_does_what_sqlite_does(self, name):
        sql, params = STATEMENTS[name]
        before = contents(twin(), *TABLES)
        matched, on_the_twin = run(sql, params), run(sql, params, twin())
        # Python's sqlite3 does not count what begins with WITH.
        assert matched == (3 if name == "with" else on_the_twin)
        assert contents(APPWRITE, *TABLES) == contents(twin(), *TABLES)
        changes = not name.endswith((" none", " nothing")) and name not in ("no row", "nothing new")
        assert (contents(twin(), *TABLES) != before) is changes

    def test_nothing_is_sent_before_the_block_ends(self, requests):
        run("UPDATE library_book SET pages = pages + 1")
        run("DELETE FROM library_review")
        run("INSERT INTO library_numbered (name) VALUES ('new')")
        assert not [line for line in requests.lines if not line.startswith("GET")]

    def test_rows_of_the_block_are_seen(self):
        Review.objects.filter(stars=1).update(stars=40)
        Review.objects.create(book=Book.objects.first(), stars=40)
        assert run("UPDATE library_review SET stars = stars + 1 WHERE stars = 40") == 5
        assert Review.objects.filter(stars=41).count() == 5

    def test_a_savepoint_takes_it_back(self):
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=APPWRITE):
            run("DELETE FROM library_review")
            assert not Review.objects.exists()
            raise ZeroDivisionError
        assert Review.objects.count() == 14

    def test_a_unique_index_is_found_in_a_savepoint(self):
        for sql in (
            "UPDATE library_tag SET name = 'poem' WHERE name = 'novel'",
            "UPDATE library_tag SET name = 'new'",
            "INSERT INTO library_tag (name) VALUES ('poem')",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(using=APPWRITE):
                run(sql)
        assert Tag.objects.count() == 4


@pytest.mark.django_db(databases=DATABASES, transaction=True)
class TestOutsideOfABlock:
    @pytest.fixture(autouse=True)
    def _rows(self):
        fill()
        copy_to_twin(*TABLES)
        yield
        wipe(*reversed(TABLES))

    @pytest.mark.parametrize("name", STATEMENTS)
    def test_it_does_what_sqlite_does(self, name):
        sql, params = STATEMENTS[name]
        matched, on_the_twin = run(sql, params), run(sql, params, twin())
        # Python's sqlite3 does not count what begins with WITH.
        assert matched == (3 if name == "with" else on_the_twin)
        assert contents(APPWRITE, *TABLES) == contents(twin(), *TABLES)

    def test_only_what_changes_is_written(self, requests):
        run("UPDATE library_review SET stars = CASE WHEN text = 'review 3' THEN 9 ELSE stars END")
        (staged,) = [one for one in requests if one.path.endswith("/operations")]
        written = [one for one in staged.params["operations"] if one["tableId"] == "library_review"]
        assert [one["data"] for one in written] == [{"stars": 9}]

    def test_the_cache_is_told(self):
        assert Review.objects.filter(stars=2).count() == 3
        assert run("UPDATE library_review SET stars = 2 WHERE stars = 1") == 4
        assert Review.objects.filter(stars=2).count() == 7
        run("DELETE FROM library_review WHERE stars = 2")
        assert Review.objects.filter(stars=2).count() == 0

    def test_no_update_is_lost(self, appwrite):
        """Another client writes between the read and the write: the statement is computed again."""
        review = Review.objects.filter(stars=1).first()
        table, raced = appwrite.table_ref("library_review"), []

        def race(record):
            if record.path.endswith("/tables/library_review/rows") and not raced:
                raced.append(record)
                client_rows.update_row(appwrite.transport, table, review.pk, {"stars": 10})

        appwrite.transport.add_listener(race)
        try:
            run("UPDATE library_review SET stars = stars + 1 WHERE id = %s", [review.pk])
        finally:
            appwrite.transport.remove_listener(race)
        assert Review.objects.get(pk=review.pk).stars == 11

    def test_a_unique_index_is_an_integrity_error(self):
        for sql in (
            "UPDATE library_tag SET name = 'poem' WHERE name = 'novel'",
            "INSERT INTO library_tag (name) VALUES ('poem')",
            "INSERT INTO library_numbered (id, name) VALUES (1, 'again')",
        ):
            with pytest.raises(IntegrityError):
                run(sql)
        assert Tag.objects.filter(name="novel").exists()

    def test_hidden_columns_are_written(self):
        """What enforces a constraint that no index of the server does."""
        with pytest.raises(IntegrityError):
            run(f"INSERT INTO library_edition {COLUMNS} VALUES ('1', 1{NOW}), ('1', 2{NOW})")
        assert (
            run(f"INSERT INTO library_edition {COLUMNS} VALUES ('1', 0{NOW}), ('2', 0{NOW})") == 2
        )
        with pytest.raises(IntegrityError):
            run("UPDATE library_edition SET isbn = '1'")
        Edition.objects.all().delete()

    def test_more_rows_than_a_batch(self):
        Review.objects.bulk_create(Review(book=Book.objects.first(), stars=50) for _ in range(120))
        assert run("UPDATE library_review SET stars = stars + 1 WHERE stars = 50") == 120
        assert Review.objects.filter(stars=51).count() == 120
        sql = "INSERT INTO library_review (book_id, stars, text) SELECT book_id, 60, text FROM library_review WHERE stars = 51"
        assert run(sql) == 120
        assert run("DELETE FROM library_review WHERE stars > 50") == 240
        assert Review.objects.count() == 14

    def test_too_many_rows(self, monkeypatch, appwrite):
        monkeypatch.setitem(
            appwrite.__dict__,
            "options",
            replace(appwrite.options, local_evaluation_max_rows=3),
        )
        with pytest.raises(NotSupportedError, match="more than 3 rows are needed"):
            run("UPDATE library_review SET stars = 1")
        assert Review.objects.filter(stars=1).count() == 4

    def test_a_migration_runs_it(self):
        operation = migrations.RunSQL(
            "UPDATE library_tag SET name = 'first' WHERE name = 'poem'; DELETE FROM library_review;",
            [("UPDATE library_tag SET name = %s WHERE name = 'first'", ["poem"])],
        )
        state = ProjectState()
        with connections[APPWRITE].schema_editor() as editor:
            operation.database_forwards("library", editor, state, state)
        assert Tag.objects.filter(name="first").exists()
        assert not Review.objects.exists()
        with connections[APPWRITE].schema_editor() as editor:
            operation.database_backwards("library", editor, state, state)
        assert not Tag.objects.filter(name="first").exists()


@pytest.mark.django_db(databases=DATABASES)
class TestNewRows:
    def test_ids_are_generated(self):
        with connections[APPWRITE].cursor() as cursor:
            cursor.execute("INSERT INTO library_numbered (name) VALUES ('a'), ('b')")
            assert cursor.rowcount == 2
            assert Numbered.objects.get(name="b").pk == cursor.lastrowid
            cursor.execute("INSERT INTO library_numbered (id, name) VALUES (NULL, 'c')")
            assert Numbered.objects.get(name="c").pk == cursor.lastrowid
            cursor.execute("INSERT INTO library_tag (name) VALUES ('x')")
            assert cursor.lastrowid is None
        assert len(Tag.objects.get(name="x").pk) == 24
        assert len(set(Numbered.objects.values_list("pk", flat=True))) == 3

    def test_given_ids_are_kept(self):
        run("INSERT INTO library_country (code, name) VALUES ('FR', 'France')")
        run("INSERT INTO library_tag (\"$id\", name) VALUES ('mine', 'x')")
        assert Country.objects.get(pk="FR").name == "France"
        assert Tag.objects.get(name="x").pk == "mine"

    def test_a_key_that_cannot_be_generated_is_missing(self):
        refused = "a new row needs a value for its primary key"
        with pytest.raises(IntegrityError, match=refused):
            run("INSERT INTO library_country (name) VALUES ('France')")
        with pytest.raises(IntegrityError, match=refused):
            run("INSERT INTO library_country (code, name) VALUES (NULL, 'France')")

    def test_a_required_column_is_missing(self):
        for sql in (
            "INSERT INTO library_book (title) VALUES ('Nana')",
            "UPDATE library_tag SET name = NULL",
        ):
            Tag.objects.get_or_create(name="x")
            with pytest.raises(IntegrityError, match="may not be null"):
                run(sql)

    def test_defaults_of_the_database(self, db_defaults):
        run("INSERT INTO library_made (name) VALUES ('a')")
        run("INSERT INTO library_made (name, n, text) VALUES ('b', 8, NULL)")
        rows = db_defaults.objects.using(APPWRITE).order_by("name").values_list("n", "text")
        assert list(rows) == [(7, "LEFT"), (8, None)]

    @pytest.fixture
    def db_defaults(self):
        with isolate_apps("tests.library"):

            class Made(models.Model):
                name = models.CharField(max_length=20)
                n = models.IntegerField(db_default=7)
                text = models.CharField(
                    max_length=20,
                    null=True,
                    db_default=models.functions.Upper(models.Value("left")),
                )

                class Meta:
                    app_label = "library"
                    db_table = "library_made"

            from django.apps import apps

            apps.all_models["library"]["made"] = Made
            apps.clear_cache()
            with connections[APPWRITE].schema_editor() as editor:
                editor.create_model(Made)
            yield Made
            with connections[APPWRITE].schema_editor() as editor:
                editor.delete_model(Made)
            del apps.all_models["library"]["made"]
            apps.clear_cache()

    def test_the_times_of_new_rows_are_the_servers(self):
        run("INSERT INTO library_tag (name) VALUES ('x')")
        assert Tag.objects.get(name="x").created_at.year >= 2024


@pytest.mark.django_db(databases=DATABASES)
class TestValues:
    def test_every_type_survives(self):
        """A row copied column by column is the same."""
        Everything.objects.bulk_create(everything_rows())
        columns = [
            field.column
            for field in Everything._meta.concrete_fields
            if not field.primary_key and not field.column.startswith("$")
        ]
        listed = ", ".join(f'"{column}"' for column in columns)
        before = list(Everything.objects.order_by("pk").values_list(*columns))
        assert run(
            f"INSERT INTO library_everything ({listed}) SELECT {listed} FROM library_everything"
        ) == len(before)
        after = list(Everything.objects.order_by("pk").values_list(*columns))
        assert sorted(after, key=repr) == sorted([*before, *before], key=repr)

    def test_every_type_can_be_set(self):
        first, *others = everything_rows()
        Everything.objects.bulk_create([first, *others])
        for field in Everything._meta.concrete_fields:
            if field.primary_key or field.column.startswith("$"):
                continue
            column = f'"{field.column}"'
            run(
                f"UPDATE library_everything SET {column} = (SELECT {column} FROM library_everything e WHERE e.id = %s) WHERE id = %s",
                [others[1].pk, first.pk],
            )
            one, two = (
                Everything.objects.values_list(field.attname, flat=True).get(pk=row.pk)
                for row in (others[1], first)
            )
            assert (type(one), one) == (type(two), two), field

    @pytest.mark.parametrize(
        "sql",
        [
            "integer = 'abc'",
            "integer = 1.5",
            "boolean = 2",
            "boolean = 'yes'",
            "float = 'abc'",
            "decimal = 'abc'",
            "date = '2024-02-30'",
            "date = 'soon'",
            "datetime = 'soon'",
            "datetime = 2024",
            "time = 'soon'",
            "duration = 'long'",
            "uuid = 'x'",
            "json = '{'",
            "small = 70000",
            "positive = -1",
            "integer = 9223372036854775807 + 1",
        ],
    )
    def test_what_a_column_cannot_hold(self, sql):
        one = Everything.objects.create(char="a", integer=5)
        with pytest.raises(DataError):
            run(f"UPDATE library_everything SET {sql}")
        assert Everything.objects.get(pk=one.pk).integer == 5

    def test_json(self):
        Everything.objects.create(char="a", json={"a": 1})
        run("UPDATE library_everything SET json = JSON_SET(json, '$.b', 2)")
        assert Everything.objects.get().json == {"a": 1, "b": 2}
        run("UPDATE library_everything SET json = %s", [json.dumps([1, None])])
        assert Everything.objects.get().json == [1, None]

    def test_numbers_are_rounded_as_columns_are(self):
        Everything.objects.create(char="a", decimal=decimal.Decimal("1.5"))
        run("UPDATE library_everything SET decimal = decimal / 7")
        assert Everything.objects.get().decimal == decimal.Decimal("0.2143")

    def test_a_model_with_parents(self):
        made = Magazine.objects.create(title="Life", issue=1)
        assert run("UPDATE library_magazine SET issue = issue + 1") == 1
        assert run("UPDATE library_publication SET title = title || '!'") == 1
        found = Magazine.objects.get(pk=made.pk)
        assert (found.issue, found.title) == (2, "Life!")


@pytest.mark.django_db(databases=DATABASES)
class TestReturning:
    def test_updated_and_deleted_rows_are_returned(self):
        Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")])
        with connections[APPWRITE].cursor() as cursor:
            cursor.execute(
                "UPDATE library_tag SET name = name || '!' RETURNING name, LENGTH(name) AS n"
            )
            assert [column[0] for column in cursor.description] == ["name", "n"]
            assert sorted(cursor.fetchall()) == [("a!", 2), ("b!", 2)]
            assert cursor.rowcount == 2
            cursor.execute("DELETE FROM library_tag WHERE name = 'a!' RETURNING name")
            assert cursor.fetchall() == [("a!",)]
        assert Tag.objects.count() == 1

    def test_new_rows_are_not(self):
        with pytest.raises(NotSupportedError, match="RETURNING"):
            run("INSERT INTO library_tag (name) VALUES ('a') RETURNING id")
        assert not Tag.objects.exists()


@pytest.mark.django_db(databases=DATABASES)
class TestRefused:
    @pytest.mark.parametrize(
        ("sql", "error", "text"),
        [
            ("UPDATE library_tag SET nn = 1", ProgrammingError, "nn: no such column.\nlibrary_tag has id"),
            ('UPDATE library_tag SET name = "nn"', ProgrammingError, "nn: no such column"),
            ("INSERT INTO library_tag (nn) VALUES (1)", ProgrammingError, "nn: no such column"),
            ("DELETE FROM library_tag WHERE nn = 1", ProgrammingError, "nn: no such column"),
            ("UPDATE nowhere SET a = 1", ProgrammingError, "no such table: nowhere"),
            ("INSERT INTO nowhere VALUES (1)", ProgrammingError, "no such table: nowhere"),
            ("DELETE FROM nowhere", ProgrammingError, "no such table: nowhere"),
            ("UPDATE library_tag SET id = 'x'", NotSupportedError, "cannot change the id of a row"),
            ('UPDATE library_tag SET "$id" = \'x\'', NotSupportedError, "cannot change the id of a row"),
            ("INSERT OR REPLACE INTO library_tag (name) VALUES ('x')", NotSupportedError, "OR REPLACE"),
            ("insert or ignore into library_tag (name) values ('x')", NotSupportedError, "OR IGNORE"),
            ("REPLACE INTO library_tag (name) VALUES ('x')", NotSupportedError, "OR REPLACE"),
            ("INSERT INTO library_numbered (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING", NotSupportedError, "ON CONFLICT"),
            ("CREATE TABLE x (a)", NotSupportedError, "createcachetable --database ALIAS"),
            ("CREATE INDEX x ON library_tag (name)", NotSupportedError, "migrations or by appwrite_migrate"),
            ("ALTER TABLE library_tag ADD COLUMN x", NotSupportedError, "migrations or by appwrite_migrate"),
            ("TRUNCATE library_tag", NotSupportedError, "Appwrite runs no SQL"),
            ("DROP INDEX x", NotSupportedError, "Appwrite runs no SQL"),
            ("PRAGMA user_version = 2", NotSupportedError, "Appwrite runs no SQL"),
            ("BEGIN", NotSupportedError, "Appwrite runs no SQL"),
            ("UPDATE library_tag SET name = 'x'; DELETE FROM library_tag", ProgrammingError, "one statement"),
        ],
    )  # fmt: skip
    def test_it_says_why(self, sql, error, text):
        Tag.objects.create(name="kept")
        with pytest.raises(error) as raised:
            run(sql)
        assert text in str(raised.value)
        assert [tag.name for tag in Tag.objects.all()] == ["kept"]

    def test_many_parameters(self):
        with connections[APPWRITE].cursor() as cursor:
            cursor.executemany(
                "INSERT INTO library_tag (name) VALUES (%s)", [("a",), ("b",), ("c",)]
            )
            assert cursor.rowcount == 3
        assert Tag.objects.count() == 3

    def test_createcachetable_names_the_way_out(self, settings, monkeypatch):
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "cache_table",
            }
        }
        monkeypatch.setattr("tests.routers.Router.allow_migrate", lambda *_, **__: True)
        with pytest.raises(CommandError, match="createcachetable --database ALIAS"):
            call_command("createcachetable", database=APPWRITE, verbosity=0)


@pytest.mark.django_db(databases=DATABASES, transaction=True)
class TestDrop:
    @pytest.fixture
    def dropped(self):
        with isolate_apps("tests.library"):

            class Dropped(models.Model):
                name = models.CharField(max_length=20)

                class Meta:
                    app_label = "library"

        with connections[APPWRITE].schema_editor() as editor:
            editor.create_model(Dropped)
        yield Dropped
        with connections[APPWRITE].schema_editor() as editor:
            editor.delete_model(Dropped)

    @pytest.mark.parametrize(
        "sql",
        [
            "DROP TABLE library_dropped",
            'drop table if exists "library_dropped";',
            "DROP TABLE `library_dropped` CASCADE",
        ],
    )
    def test_a_table_of_ours(self, dropped, sql):
        run(sql)
        assert "library_dropped" not in connections[APPWRITE].introspection.table_names()

    def test_a_table_that_is_not_there(self):
        run("DROP TABLE IF EXISTS library_nowhere")
        with pytest.raises(ProgrammingError, match="no such table: library_nowhere"):
            run("DROP TABLE library_nowhere")

    def test_a_table_of_another_client(self, appwrite):
        tables.create_table(appwrite.transport, appwrite.table_ref("foreign"), "Foreign")
        with pytest.raises(NotSupportedError, match="no migration or appwrite_migrate"):
            run("DROP TABLE foreign")
        tables.delete_table(appwrite.transport, appwrite.table_ref("foreign"))

    def test_the_librarys_own_tables(self):
        Tag.objects.create(name="a")
        with pytest.raises(NotSupportedError):
            run("DROP TABLE appwrite_orm_django_encodings")

    def test_uncommitted_rows(self):
        with transaction.atomic(using=APPWRITE):
            Tag.objects.create(name="a")
            with pytest.raises(NotSupportedError, match="the open block has changed rows"):
                run("DROP TABLE library_tag")


@pytest.mark.django_db(databases=DATABASES, transaction=True)
class TestKeysThatAreNoRowIds:
    """The id of such a row is derived from its key, or is what another client has given it."""

    @pytest.fixture(autouse=True)
    def _tables(self):
        with isolate_apps("tests.library"):

            class Road(models.Model):
                path = models.CharField(max_length=60, primary_key=True)
                size = models.IntegerField(default=0)

                class Meta:
                    app_label = "library"
                    db_table = "library_road"

            class Stand(models.Model):
                pk = models.CompositePrimaryKey("row", "number")
                row = models.CharField(max_length=10)
                number = models.IntegerField()
                size = models.IntegerField(default=0)

                class Meta:
                    app_label = "library"
                    db_table = "library_stand"

        from django.apps import apps

        made = {"road": Road, "stand": Stand}
        apps.all_models["library"].update(made)
        apps.clear_cache()
        with tables_of(*made.values(), aliases=(APPWRITE, twin())):
            for alias in (APPWRITE, twin()):
                Road.objects.using(alias).bulk_create(self.roads(Road))
                Stand.objects.using(alias).bulk_create(
                    Stand(row=row, number=number, size=number) for row in "ab" for number in (1, 2)
                )
            self.models = tuple(made.values())
            yield
        for name in made:
            del apps.all_models["library"][name]
        apps.clear_cache()

    @staticmethod
    def roads(model):
        return [model(path=path, size=size) for size, path in enumerate(["a/b/", "c d", "own-id"])]

    @pytest.mark.parametrize("block", [False, True])
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE library_road SET size = size + 10",
            "UPDATE library_road SET size = 7 WHERE path IN ('c d', 'own-id')",
            "DELETE FROM library_road WHERE path = 'a/b/'",
            "DELETE FROM library_road",
            "INSERT INTO library_road (path, size) VALUES ('e f', 1), ('g', 2)",
            "INSERT INTO library_road (path, size) SELECT path || '/', size FROM library_road",
            "UPDATE library_stand SET size = size + 10 WHERE number = 2",
            "DELETE FROM library_stand WHERE \"row\" = 'a' AND number = 1",
            "DELETE FROM library_stand",
            "INSERT INTO library_stand (\"row\", number, size) VALUES ('c', 1, 0), ('c', 2, 0)",
        ],
    )
    def test_they_do_what_sqlite_does(self, sql, block):
        with transaction.atomic(using=APPWRITE if block else "default"):
            contents(APPWRITE, *self.models)  # cached
            assert run(sql) == run(sql, alias=twin())
            assert contents(APPWRITE, *self.models) == contents(twin(), *self.models)
        assert contents(APPWRITE, *self.models) == contents(twin(), *self.models)

    def test_rows_with_ids_of_other_clients(self, appwrite):
        road = appwrite.table_ref("library_road")
        client_rows.create_row(appwrite.transport, road, "other", {"path": "x y", "size": 1})
        assert run("UPDATE library_road SET size = 8 WHERE size = 1") == 2
        assert client_rows.get_row(appwrite.transport, road, "other")["size"] == 8
        assert run("DELETE FROM library_road WHERE path = 'x y'") == 1
        assert self.models[0].objects.using(APPWRITE).count() == 3

    def test_keys_cannot_be_changed(self):
        for sql in (
            "UPDATE library_road SET path = 'z' WHERE size = 1",
            "UPDATE library_stand SET number = 5 WHERE number = 1",
        ):
            with pytest.raises(NotSupportedError, match="cannot change the id of a row"):
                run(sql)

    def test_a_part_of_a_key_is_missing(self):
        for sql in (
            "INSERT INTO library_road (size) VALUES (1)",
            "INSERT INTO library_road (path, size) VALUES (NULL, 1)",
            "INSERT INTO library_stand (\"row\", size) VALUES ('c', 1)",
        ):
            with pytest.raises((IntegrityError, DataError)):
                run(sql)
        assert contents(APPWRITE, *self.models) == contents(twin(), *self.models)

    def test_keys_exclude_each_other(self):
        for sql in (
            "INSERT INTO library_road (path, size) VALUES ('a/b/', 1)",
            "INSERT INTO library_stand (\"row\", number, size) VALUES ('a', 1, 0)",
        ):
            with pytest.raises(IntegrityError):
                run(sql)
