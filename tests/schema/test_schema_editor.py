"""The schema editor as callers other than migrations use it, and as ``sqlmigrate``, logs and debugging tools see it."""

from __future__ import annotations

import io
import logging
import sys
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import (
    NotSupportedError,
    ProgrammingError,
    connections,
    migrations,
    models,
    transaction,
)
from django.db.models.functions import Lower, Random
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from appwrite_orm_django.backend.evaluation import raw
from appwrite_orm_django.client import rows as routes
from appwrite_orm_django.fields import ArrayField
from appwrite_orm_django.schema.names import is_hidden

from .conftest import LEVELS
from .killing import a_killable_server
from .migration_histories import APP, carry_out
from .test_migration_histories import APPWRITE, databases
from .test_operations import (
    after,
    ends,
    indexes,
    live_table,
    model_of,
    thing,
    values,
    with_rows,
)


@pytest.fixture(autouse=True)
def unblocked(django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=LEVELS)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    server = a_killable_server(request.param)
    with databases(server):
        yield server


def named(field: Any, name: str) -> Any:
    """Return a field that belongs to no model, as Django's own tests pass it."""
    field.set_attributes_from_name(name)
    return field


def editor() -> Any:
    return connections[APPWRITE].schema_editor()


def columns() -> dict[str, str]:
    return {column.key: str(column) for column in live_table().columns}


def statements(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.sql for record in caplog.records if record.name == "django.db.backends.schema"]


class TestFieldsWithoutAModel:
    def test_are_added_with_their_default(self, server):
        state = with_rows()
        with editor() as it:
            it.add_field(model_of(state), named(models.IntegerField(default=7), "extra"))
        assert columns()["extra"].startswith("bigint")
        assert set(rows("extra")) == {7}

    def test_are_added_if_the_model_has_them_already(self, server):
        state = with_rows()
        field = models.IntegerField(default=7)
        field.contribute_to_class(model_of(state), "extra")
        with editor() as it:
            it.add_field(model_of(state), field)
        assert set(rows("extra")) == {7}

    def test_can_be_unique(self, server):
        state = with_rows()
        with editor() as it:
            it.add_field(
                model_of(state), named(models.IntegerField(null=True, unique=True), "extra")
            )
        assert any(kind == "unique" for kind, _columns in indexes())

    def test_take_the_place_of_others(self, server):
        state = with_rows(("note", models.CharField(max_length=20, null=True)))
        model = model_of(state)
        wider = named(models.CharField(max_length=40, default="none", db_index=True), "note")
        with editor() as it:
            it.alter_field(model, model._meta.get_field("note"), wider)
        assert columns()["note"] == "varchar(40) required"
        assert set(rows("note")) == {"none"}
        with editor() as it:
            it.alter_field(model, wider, named(models.TextField(), "other"))
        assert "note" not in columns()
        assert columns()["other"] == "longtext required"
        assert set(rows("other")) == {"none"}

    def test_that_do_not_differ_change_nothing(self, server):
        state = with_rows(("note", models.CharField(max_length=20)))
        model = model_of(state)
        choices = named(models.CharField(max_length=20, choices=[("a", "A")]), "note")
        with CaptureQueriesContext(connections[APPWRITE]) as asked, editor() as it:
            it.alter_field(model, model._meta.get_field("note"), choices)
            it.alter_field(model, choices, model._meta.get_field("note"))
        assert not asked.captured_queries

    def test_refer_to_models_by_name(self, server):
        state = after(
            thing(("n", models.IntegerField())),
            thing(("n", models.IntegerField()), name="Beta"),
        )
        to_beta = named(models.ForeignKey("Beta", models.CASCADE, null=True), "beta")
        to_self = named(models.ForeignKey("self", models.CASCADE, null=True), "parent")
        with editor() as it:
            it.add_field(model_of(state), to_beta)
            it.add_field(model_of(state), to_self)
        assert {"beta_id", "parent_id"} < columns().keys()
        assert {("key", "beta_id"), ("key", "parent_id")} <= indexes()

    def test_foreign_keys_follow_the_field_that_they_refer_to(self, server):
        state = after(
            thing(("code", models.CharField(max_length=20, unique=True))),
            migrations.CreateModel(
                "Beta",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    (
                        "alpha",
                        models.ForeignKey(f"{APP}.Alpha", models.CASCADE, to_field="code"),
                    ),
                ],
            ),
        )
        model_of(state).objects.create(id="a", code="x")
        model_of(state, "Beta").objects.create(alpha_id="x")
        wider = named(models.CharField(max_length=50, unique=True), "code")
        with editor() as it:
            it.alter_field(model_of(state), model_of(state)._meta.get_field("code"), wider)
        beta = live_table("library_beta")
        assert beta.column("alpha_id").size == live_table().column("code").size == 50
        assert model_of(state, "Beta").objects.get().alpha_id == "x"

    @pytest.mark.parametrize(
        "constraint",
        [
            models.UniqueConstraint(
                fields=["note"], condition=models.Q(n__gt=0, note__gt=""), name="it"
            ),
            models.UniqueConstraint(Lower("note"), name="it"),
        ],
    )
    def test_constraints_over_them_are_enforced_anew(self, server, constraint):
        state = with_rows(("note", models.CharField(max_length=20, null=True)), count=2)
        state = after(migrations.AddConstraint("alpha", constraint), state=state)
        model = model_of(state)
        model.objects.filter(n=1).update(note="a")
        with editor() as it:
            it.alter_field(
                model,
                model._meta.get_field("note"),
                named(models.TextField(default="none"), "note"),
            )
        (hidden,) = [column for column in live_table().columns if is_hidden(column.key)]
        values = [row[hidden.key] for row in rows_of("library_alpha")]
        assert len(set(values)) == 2
        assert [row["note"] for row in rows_of("library_alpha")] == ["none", "a"]
        assert any(index.columns == (hidden.key,) for index in live_table().indexes)


class TestPrimaryKeys:
    @pytest.mark.parametrize(
        "key",
        [
            models.UUIDField(primary_key=True, default=uuid.uuid4),
            models.CharField(max_length=60, primary_key=True),
            models.IntegerField(primary_key=True),
        ],
    )
    def test_of_an_empty_table_can_be_another_field(self, server, key):
        plain = key.clone()
        plain.primary_key = False
        state = after(
            migrations.CreateModel(
                "Alpha", [("id", models.BigAutoField(primary_key=True)), ("other", plain)]
            ),
            migrations.RemoveField("alpha", "id"),
            migrations.AlterField("alpha", "other", key),
        )
        value = key.to_python(
            "00000000-0000-0000-0000-000000000007" if key.default is uuid.uuid4 else "7"
        )
        model_of(state).objects.create(other=value)
        assert model_of(state).objects.get(pk=value).pk == value
        state = self._refused(migrations.AlterField("alpha", "other", plain), state)
        model_of(state).objects.all().delete()
        state = after(migrations.AlterField("alpha", "other", plain), state=state)
        model_of(state).objects.create(other=value)
        assert model_of(state).objects.get(other=value).pk != value

    def test_another_field_beside_a_key_that_stays_as_a_column(self, server):
        state = after(
            migrations.CreateModel(
                "Alpha", [("code", models.CharField(max_length=60, primary_key=True))]
            ),
            migrations.AlterField("alpha", "code", models.CharField(max_length=60)),
        )
        assert columns() == {"code": "varchar(60) required"}
        model_of(state).objects.create(code="a")
        assert model_of(state).objects.get(code="a").pk

    def test_a_key_is_added_beside_one_that_the_model_still_has(self, server):
        state = after(
            migrations.CreateModel(
                "Alpha", [("code", models.CharField(max_length=60, primary_key=True))]
            )
        )
        with editor() as it:
            it.add_field(model_of(state), named(models.AutoField(primary_key=True), "id"))
        assert columns() == {"code": "varchar(60) required"}
        assert live_table().index("pkey") is None

    def test_of_rows_stay(self, server):
        state = after(
            migrations.CreateModel(
                "Alpha", [("code", models.CharField(max_length=60, primary_key=True))]
            )
        )
        model_of(state).objects.create(code="a")
        before = live_table()
        self._refused(migrations.RemoveField("alpha", "code"), state)
        assert live_table() == before
        assert model_of(state).objects.get(pk="a").code == "a"

    def test_are_not_added_to_rows(self, server):
        state = with_rows()
        key = named(models.CharField(max_length=60, primary_key=True), "code")
        before = live_table()
        with pytest.raises(NotSupportedError, match="because the table has rows"), editor() as it:
            it.add_field(model_of(state), key)
        assert live_table() == before

    @staticmethod
    def _refused(operation: Any, state: Any) -> Any:
        with pytest.raises(NotSupportedError, match="because the table has rows"):
            carry_out(operation, APPWRITE, state)
        return state

    def test_that_change_can_be_stopped_at_any_request(self, server):
        first = migrations.CreateModel(
            "Alpha",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("code", models.CharField(max_length=60)),
            ],
        )
        without = migrations.RemoveField("alpha", "id")
        change = migrations.AlterField(
            "alpha", "code", models.CharField(max_length=60, primary_key=True)
        )
        dies_at = 0
        done = False
        while not done:
            dies_at += 1
            state = after(first, without)
            done = ends(server, dies_at, False, change, state)
            state = after(change, state=state)
            model_of(state).objects.create(code="a")
            assert model_of(state).objects.get(pk="a").code == "a"
            after(migrations.DeleteModel("Alpha"), state=state)


class TestFieldsWithoutAColumn:
    def test_change_nothing(self, server):
        state = after(
            thing(("beta_id", models.IntegerField())),
            migrations.CreateModel("Beta", [("id", models.BigAutoField(primary_key=True))]),
        )
        model = model_of(state)
        with editor() as it:
            first, second = (
                named(
                    models.ForeignObject(
                        model_of(state, "Beta"),
                        models.CASCADE,
                        from_fields=["beta_id"],
                        to_fields=["id"],
                        null=null,
                    ),
                    "beta",
                )
                for null in (False, True)
            )
            before = live_table()
            it.add_field(model, first)
            it.alter_field(model, first, second)
            it.remove_field(model, second)
        assert live_table() == before


class TestManyToMany:
    def test_a_through_model_is_not_taken_away(self, server):
        state = after(
            thing(("n", models.IntegerField())),
            thing(("n", models.IntegerField()), name="Beta"),
            migrations.CreateModel(
                "Link",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("alpha", models.ForeignKey(f"{APP}.Alpha", models.CASCADE)),
                    ("beta", models.ForeignKey(f"{APP}.Beta", models.CASCADE)),
                ],
            ),
            migrations.AddField(
                "alpha", "betas", models.ManyToManyField(f"{APP}.Beta", through=f"{APP}.Link")
            ),
        )
        old = model_of(state)._meta.get_field("betas")
        new = named(models.ManyToManyField(f"{APP}.Beta"), "betas")
        with pytest.raises(ValueError, match="add or remove through="), editor() as it:
            it.alter_field(model_of(state), old, new)


class TestIndexes:
    def test_over_fields_given_as_expressions_are_plain_indexes(self, server):
        state = with_rows(("note", models.CharField(max_length=20)))
        index = models.Index(models.F("n").desc(), "note", name="n_note")
        with editor() as it:
            it.add_index(model_of(state), index)
        (made,) = [one for one in live_table().indexes if one.key == "n_note"]
        assert (made.columns, made.orders) == (("n", "note"), ("DESC", "ASC"))
        with editor() as it:
            it.remove_index(model_of(state), index)
        assert live_table().index("n_note") is None

    def test_over_lower_case_are_of_the_text_where_case_does_not_count(self, server):
        state = with_rows(("note", models.CharField(max_length=20)))
        index = models.Index(Lower("note").desc(), name="lower_note")
        with editor() as it:
            it.add_index(model_of(state), index)
        made = live_table().index("lower_note")
        if connections[APPWRITE].engine.folds_text:
            assert (made.columns, made.orders) == (("note",), ("DESC",))
        else:
            assert made is None
        with editor() as it:
            it.remove_index(model_of(state), index)
        assert live_table().index("lower_note") is None

    @pytest.mark.parametrize(
        ("expression", "error"),
        [
            (Lower("nowhere"), FieldError),
            (Lower(models.F("note").desc()), ValueError),
            (Random(), NotSupportedError),
        ],
    )
    def test_that_no_database_has_are_refused(self, server, expression, error):
        state = with_rows(("note", models.CharField(max_length=20)))
        model = model_of(state)
        with pytest.raises(error), editor() as it:
            it.add_index(model, models.Index(expression, name="it"))
        with pytest.raises(error), editor() as it:
            it.add_constraint(model, models.UniqueConstraint(expression, name="it"))

    def test_show_their_expressions_as_sql(self, server):
        state = with_rows(("note", models.CharField(max_length=20)))
        constraint = models.UniqueConstraint(
            Lower("note"), name="it", condition=models.Q(n__isnull=False)
        )
        with editor() as it:
            shown = str(constraint.create_sql(model_of(state), it))
        assert 'LOWER("note")' in shown
        assert '"n" IS NOT NULL' in shown


class TestSqlOverTheTablesOfAMigration:
    """SQL that reads has the tables and columns of its time, whatever models the code has today."""

    KINDS: ClassVar = [
        (models.BinaryField(), b"\x00\xff"),
        (models.BooleanField(), True),
        (models.CharField(max_length=20), "Straße"),
        (models.DateField(), date(2024, 2, 29)),
        (models.DateTimeField(), datetime(2024, 2, 29, 12, 30, tzinfo=timezone.utc)),
        (models.DecimalField(max_digits=9, decimal_places=2), Decimal("-1.50")),
        (models.DecimalField(max_digits=30, decimal_places=3), Decimal("12345678901234567890.125")),
        (models.DurationField(), timedelta(days=1, microseconds=7)),
        (models.FloatField(), 0.1),
        (models.IntegerField(), -7),
        (models.JSONField(), {"a": [1, None]}),
        (models.TimeField(), time(3, 16, 17, 456700)),
        (models.UUIDField(), uuid.UUID(int=7)),
    ]

    def test_values_are_those_of_the_model(self, server, monkeypatch):
        """They are the same as in SQL over a table that a model of an app has."""
        fields = [(f"f{number}", field.clone()) for number, (field, _) in enumerate(self.KINDS)]
        state = after(thing(*fields, name="Elsewhere"))
        model = model_of(state, "Elsewhere")
        given = {f"f{number}": value for number, (_, value) in enumerate(self.KINDS)}
        model.objects.create(id="r", **given)
        model.objects.create(id="s", **{**given, "f2": "other", "f9": 8})
        connection = connections[APPWRITE]
        names = ", ".join(given)
        sql = f"SELECT {names} FROM library_elsewhere WHERE id = 'r' ORDER BY f2"
        with connection.cursor() as cursor:
            cursor.execute(sql)
            (row,) = cursor.fetchall()
            cursor.execute("SELECT id FROM library_elsewhere WHERE f2 = 'STRASSE' OR f9 > 7")
            assert {one for (one,) in cursor.fetchall()} >= {"s"}
            monkeypatch.setattr(raw, "named_in", lambda _sql: {"library_elsewhere": model})
            cursor.execute(sql)
            assert cursor.fetchall() == [row]

    def test_foreign_keys_hold_the_keys(self, server):
        state = after(
            migrations.CreateModel("Beta", [("id", models.BigAutoField(primary_key=True))]),
            thing(("beta", models.ForeignKey(f"{APP}.Beta", models.CASCADE, null=True))),
        )
        beta = model_of(state, "Beta").objects.create()
        model_of(state).objects.create(id="r", beta=beta)
        with connections[APPWRITE].cursor() as cursor:
            cursor.execute(
                "SELECT a.id, b.id FROM library_alpha a JOIN library_beta b ON a.beta_id = b.id"
            )
            assert cursor.fetchall() == [("r", beta.pk)]

    def test_columns_are_those_of_today(self, server):
        state = with_rows(count=1)
        with connections[APPWRITE].cursor() as cursor:
            for name in ("first", "second"):
                with editor() as it:
                    it.add_field(
                        model_of(state), named(models.CharField(max_length=9, default=name), name)
                    )
                cursor.execute(f"SELECT {name} FROM library_alpha")
                assert cursor.fetchall() == [(name,)]

    def test_tables_of_earlier_queries_are_not_read_as_empty(self, server):
        state = with_rows(count=2)
        # Evaluated locally, over the table of a model that no app has.
        assert model_of(state).objects.filter(n__in=[0, 1]).extra(where=["n < 5"]).count() == 2
        with connections[APPWRITE].cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM library_alpha")
            assert cursor.fetchall() == [(2,)]

    def test_a_model_of_today_encodes_values_in_another_way(self, server, monkeypatch):
        def price(digits, places):
            return models.DecimalField(max_digits=digits, decimal_places=places, default="1.50")

        state = with_rows(("price", price(6, 2)), ("old", models.IntegerField(default=1)), count=2)
        later = state.clone()
        for operation in (
            migrations.AlterField("Alpha", "price", price(8, 4)),
            migrations.RemoveField("Alpha", "old"),
        ):
            operation.state_forwards(APP, later)
        monkeypatch.setattr(raw, "named_in", lambda _sql: {"library_alpha": model_of(later)})
        with editor() as it, it.connection.cursor() as cursor:
            cursor.execute("SELECT * FROM library_alpha WHERE price > 1 ORDER BY n")
            assert [column[0] for column in cursor.description] == ["n", "price", "old", "id"]
            assert [row[:3] for row in cursor.fetchall()] == [(0, 1.5, 1), (1, 1.5, 1)]
            for sql in (
                "UPDATE library_alpha SET price = 3",
                "UPDATE library_alpha SET n = 7 WHERE price > 1",
                "INSERT INTO library_alpha (id, n, price) VALUES ('new', 9, 3)",
                "DELETE FROM library_alpha WHERE price < 1",
            ):
                with pytest.raises(
                    NotSupportedError,
                    match=r"library_alpha\.price \(2 decimal places in the database, 4 .* in the code",
                ):
                    cursor.execute(sql)
        assert values(state, "price") == [Decimal("1.50")] * 2

    def test_arrays_of_another_encoding_are_refused(self, server, monkeypatch):
        def prices(places):
            return ArrayField(models.DecimalField(max_digits=8, decimal_places=places))

        state = after(thing(("prices", prices(2))))
        later = state.clone()
        migrations.AlterField("Alpha", "prices", prices(4)).state_forwards(APP, later)
        monkeypatch.setattr(raw, "named_in", lambda _sql: {"library_alpha": model_of(later)})
        with (
            editor() as it,
            it.connection.cursor() as cursor,
            pytest.raises(NotSupportedError, match="would misinterpret"),
        ):
            cursor.execute("SELECT prices FROM library_alpha")

    def test_arrays_are_refused_as_before(self, server):
        after(thing(("tags", ArrayField(models.CharField(max_length=9)))))
        with (
            connections[APPWRITE].cursor() as cursor,
            pytest.raises(ProgrammingError, match="no such table"),
        ):
            cursor.execute("SELECT tags FROM library_alpha")


class TestQueriesAndLogs:
    def test_each_operation_is_one_query_and_logs_its_statements(self, server, caplog):
        connection = connections[APPWRITE]
        with (
            CaptureQueriesContext(connection) as asked,
            caplog.at_level(logging.DEBUG, "django.db.backends.schema"),
        ):
            state = after(thing(("n", models.IntegerField())))
            state = after(
                migrations.AddField("alpha", "note", models.CharField(max_length=9, null=True)),
                state=state,
            )
            after(migrations.DeleteModel("Alpha"), state=state)
        logged = statements(caplog)
        assert [query["sql"] for query in asked.captured_queries] == logged
        assert [text.split("(")[0].strip() for text in logged] == [
            'CREATE TABLE "library_alpha"',
            'ALTER TABLE "library_alpha" ADD COLUMN "note" varchar',
            'DROP TABLE "library_alpha"',
        ]

    def test_a_block_that_has_changed_rows_is_refused_before_anything_is_done(self, server):
        state = with_rows()
        before = live_table()
        model = model_of(state)
        extra = named(models.IntegerField(null=True), "extra")
        operations = [
            lambda it: it.add_field(model, extra),
            lambda it: it.remove_field(model, model._meta.get_field("n")),
            lambda it: it.alter_field(model, model._meta.get_field("n"), extra),
        ]
        for operation in operations:
            with transaction.atomic(APPWRITE):
                model.objects.filter(id="r1").update(n=50)
                with (
                    editor() as it,
                    pytest.raises(TransactionManagementError, match="has changed rows"),
                ):
                    operation(it)
        assert live_table() == before
        assert sorted(rows("n")) == [0, 2, 3, 4, 50]

    def test_sql_within_a_block_is_refused(self, server):
        with (
            transaction.atomic(APPWRITE),
            editor() as it,
            pytest.raises(TransactionManagementError, match="in a transaction"),
        ):
            it.execute("DELETE FROM library_alpha")


class TestCollectedStatements:
    def test_nothing_is_done(self, server):
        state = with_rows(("note", models.CharField(max_length=20)))
        before, server.served = live_table(), 0
        model = model_of(state)
        note = model._meta.get_field("note")
        with connections[APPWRITE].schema_editor(collect_sql=True) as it:
            it.create_model(model)
            it.add_field(model, named(models.IntegerField(default=1), "extra"))
            it.alter_field(model, note, named(models.TextField(), "text"))
            it.add_index(model, models.Index(fields=["n"], name="by_n"))
            it.remove_field(model, note)
            it.execute("SELECT %s", ["a'b"])
            it.delete_model(model)
        written = [text for text in it.collected_sql if not text.startswith("--")]
        assert [text.split("(")[0].split(" /*")[0].strip() for text in written] == [
            'CREATE TABLE "library_alpha"',
            'ALTER TABLE "library_alpha" ADD COLUMN "extra" bigint required;',
            'ALTER TABLE "library_alpha" RENAME COLUMN "note" TO "text";',
            'ALTER TABLE "library_alpha"',
            'CREATE INDEX "by_n" ON "library_alpha"',
            'ALTER TABLE "library_alpha" DROP COLUMN "note";',
            "SELECT 'a''b';",
            'DROP TABLE "library_alpha";',
        ]
        assert live_table() == before


MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Alpha", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("alpha", "note", models.CharField(max_length=9, default="")),
        migrations.RunSQL("DELETE FROM library_alpha", migrations.RunSQL.noop),
        migrations.RunPython(lambda *_: 1 / 0, migrations.RunPython.noop),
    ]
"""


@pytest.fixture
def migration(tmp_path, monkeypatch, settings):
    package = tmp_path / "migrations_to_show"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "0001_initial.py").write_text(MIGRATION)
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, "library": package.name}
    yield
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


@pytest.mark.usefixtures("migration")
@pytest.mark.parametrize(
    ("backwards", "expected"),
    [
        (
            False,
            [
                'CREATE TABLE "library_alpha" ();',
                'ALTER TABLE "library_alpha" ADD COLUMN "note" varchar(9) required;',
                "DELETE FROM library_alpha;",
            ],
        ),
        (
            True,
            [
                'ALTER TABLE "library_alpha" DROP COLUMN "note";',
                'DROP TABLE "library_alpha";',
            ],
        ),
    ],
)
def test_sqlmigrate_shows_a_migration_and_changes_nothing(server, backwards, expected):
    after(thing(("n", models.IntegerField())))
    before, requests, shown = live_table(), [], io.StringIO()
    connections[APPWRITE].transport.add_listener(requests.append)
    call_command("sqlmigrate", APP, "0001", database=APPWRITE, backwards=backwards, stdout=shown)
    assert not [one for one in requests if one.method != "GET"]
    lines = shown.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("--")] == expected
    assert live_table() == before


def rows(key: str) -> list[Any]:
    """Return the values of a column of all rows, which the model need not have."""
    return [row[key] for row in rows_of("library_alpha")]


def rows_of(table: str) -> list[Any]:
    connection = connections[APPWRITE]
    found = routes.list_rows(connection.transport, connection.table_ref(table), [])
    return list(found["rows"])
