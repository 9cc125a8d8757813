"""The operations of Django's migrations over rows that are there: what they fill, which indexes they take away, and that they can be stopped."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import DataError, IntegrityError, NotSupportedError, connections, migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.utils import timezone

from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.client import rows
from appwrite_orm_django.fields import ArrayField, EnumField, RowIdField
from appwrite_orm_django.schema import rows as schema_rows
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.names import FILL_TABLES, is_hidden
from tests.library.models import Diary
from tests.settled import columns, settled_database
from tests.settled import indexes as index_routes

from .conftest import ENGINE, LEVELS, OPERATORS_ARE_KEPT, Options, migrate
from .killing import Killed, a_killable_server
from .migration_histories import APP, carry_out, models_of_state
from .test_migration_histories import APPWRITE, databases, remaining

ROWS = 5


@pytest.fixture(autouse=True)
def unblocked(django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=LEVELS)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    server = a_killable_server(request.param)
    with databases(server):
        yield server


def thing(*fields: tuple[str, Any], name: str = "Alpha", **options: Any) -> migrations.CreateModel:
    return migrations.CreateModel(
        name, [("id", RowIdField(primary_key=True)), *fields], options=options
    )


def after(*operations: Any, state: ProjectState | None = None) -> ProjectState:
    """Carry out operations, and return the state after them."""
    state = ProjectState() if state is None else state
    for operation in operations:
        state = carry_out(operation, APPWRITE, state)
    return state


def model_of(state: ProjectState, name: str = "Alpha") -> Any:
    return state.apps.get_model(APP, name)


def with_rows(*fields: tuple[str, Any], count: int = ROWS, **options: Any) -> ProjectState:
    """Return the state with a model, whose rows have their numbers in ``n``."""
    state = after(thing(("n", models.IntegerField()), *fields, **options))
    model_of(state).objects.bulk_create([model_of(state)(id=f"r{n}", n=n) for n in range(count)])
    return state


def values(state: ProjectState, name: str) -> list[Any]:
    return list(model_of(state).objects.order_by("n").values_list(name, flat=True))


def live_table(name: str = "library_alpha") -> Any:
    return settled_database(connections[APPWRITE].transport, "d").table(name)


def indexes() -> set[tuple[str, str]]:
    """Return the types and columns of the indexes; that over a hidden column as ``<name>``."""
    return {
        (
            index.type,
            f"<{index.key}>" if any(map(is_hidden, index.columns)) else ", ".join(index.columns),
        )
        for index in live_table().indexes
    }


def unique_over(columns: str, name: str = "") -> tuple[str, str]:
    """Return what ``indexes`` shows of a constraint on this engine."""
    types = {column.type for column in live_table().columns if column.key in columns.split(", ")}
    if ENGINE.unique_types is None or types <= ENGINE.unique_types:
        return ("unique", columns)
    return ("unique", f"<{name or columns.replace(', ', '_') + '_uniq'}>")


def marks() -> list[str]:
    return [
        table.id
        for table in read_database(connections[APPWRITE].transport, "d")
        if table.id.startswith(FILL_TABLES)
    ]


def ends(
    server: Any, dies_at: int, answered: bool, operation: Any, state: ProjectState | None
) -> bool:
    """Carry out an operation on a server that ends its caller at one of its requests; tell whether it got to its end before."""
    server.served, server.dies_at, server.after = 0, dies_at, answered
    try:
        after(operation, state=state)
    except Killed:
        return False
    else:
        return True
    finally:
        server.dies_at = None


NOW = timezone.now


class TestAddedFields:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            (models.IntegerField(default=7), 7),
            (models.IntegerField(null=True, default=5), 5),
            (models.IntegerField(null=True), None),
            (models.IntegerField(default=lambda: 8), 8),
            (models.CharField(max_length=9, blank=True), ""),
            (models.CharField(max_length=9, blank=True, null=True), None),
            (models.TextField(blank=True), ""),
            (models.FileField(blank=True), ""),
            (models.BinaryField(default=b"\x00\xff"), b"\x00\xff"),
            (models.BinaryField(blank=True), b""),
            (
                models.DecimalField(max_digits=30, decimal_places=3, default=Decimal("1.5")),
                Decimal("1.500"),
            ),
            (models.DurationField(default=timedelta(seconds=1)), timedelta(seconds=1)),
            (models.JSONField(default=dict), {}),
            pytest.param(
                models.JSONField(default={"method": "toggle", "values": []}),
                {"method": "toggle", "values": []},
                marks=OPERATORS_ARE_KEPT,
            ),
            pytest.param(
                models.CharField(max_length=60, default='{"method":"toggle","values":[]}'),
                '{"method":"toggle","values":[]}',
                marks=OPERATORS_ARE_KEPT,
            ),
            (ArrayField(models.IntegerField(), default=lambda: [1, 2]), [1, 2]),
            (ArrayField(models.IntegerField()), []),
            (EnumField(choices=[("a", "A"), ("b", "B")], default="b"), "b"),
            (models.IntegerField(db_default=4), 4),
            (models.IntegerField(null=True, db_default=4), 4),
            (models.CharField(max_length=9, unique=False, db_index=True, default="x"), "x"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else repr(value),
    )
    def test_rows_that_are_there_get_what_django_gives_them(self, server, field, expected):
        state = after(migrations.AddField("alpha", "f", field), state=with_rows())
        assert values(state, "f") == [expected] * ROWS
        assert remaining(state) == []
        for row in model_of(state).objects.all():
            row.save()

    @pytest.mark.parametrize("preserve", [True, False])
    @pytest.mark.parametrize(
        "field",
        [
            models.DateTimeField(auto_now=True),
            models.DateTimeField(auto_now_add=True, default=NOW),
            models.DateTimeField(default=NOW),
            models.DateField(auto_now_add=True, default=NOW),
            models.TimeField(auto_now=True),
        ],
        ids=lambda field: type(field).__name__,
    )
    def test_the_time_of_the_run(self, server, field, preserve):
        state = after(
            migrations.AddField("alpha", "f", field, preserve_default=preserve), state=with_rows()
        )
        assert len(set(values(state, "f"))) == 1
        assert None not in values(state, "f")
        assert remaining(state) == []

    @pytest.mark.parametrize("default", [7, lambda: 7], ids=["constant", "callable"])
    def test_the_default_that_makemigrations_asks_for_is_for_these_rows_alone(
        self, server, default
    ):
        state = after(
            migrations.AddField(
                "alpha", "f", models.IntegerField(default=default), preserve_default=False
            ),
            state=with_rows(),
        )
        assert values(state, "f") == [7] * ROWS
        assert not model_of(state)._meta.get_field("f").has_default()
        assert remaining(state) == []

    def test_without_a_default_it_is_refused(self, server):
        state = with_rows()
        with pytest.raises(
            IntegrityError,
            match="library_alpha: the server cannot require f because 5 rows have no value",
        ):
            after(migrations.AddField("alpha", "f", models.IntegerField()), state=state)
        assert live_table().column("f") is None

    def test_a_default_that_the_column_cannot_hold_is_refused(self, server):
        state = with_rows()
        with pytest.raises(
            DataError,
            match=r"library_alpha.f: the column varchar\(3\) required cannot hold .*'long'",
        ):
            after(
                migrations.AddField("alpha", "f", models.CharField(max_length=3, default="long")),
                state=state,
            )
        assert live_table().column("f") is None

    def test_one_default_for_a_unique_field_is_refused(self, server):
        state = with_rows()
        with pytest.raises(
            IntegrityError,
            match=r"the unique (index|constraint) f_uniq \(f\) cannot be (created|enforced) over duplicates: 7",
        ):
            after(
                migrations.AddField("alpha", "f", models.IntegerField(default=7, unique=True)),
                state=state,
            )
        assert live_table().column("f") is None

    def test_the_order_with_respect_to_another_model_begins_with_zero(self, server):
        state = with_rows(("up", models.ForeignKey("library.Alpha", models.CASCADE, null=True)))
        state = after(migrations.AlterOrderWithRespectTo("alpha", "up"), state=state)
        assert values(state, "_order") == [0] * ROWS
        assert remaining(state) == []

    def test_batch_by_batch(self, server, monkeypatch):
        monkeypatch.setattr(schema_rows, "_BATCH", 2)
        state = after(
            migrations.AddField("alpha", "f", models.IntegerField(default=7)), state=with_rows()
        )
        assert values(state, "f") == [7] * ROWS

    def test_nulls_that_are_written_later_stay(self, server):
        add = migrations.AddField("alpha", "f", models.IntegerField(null=True, default=5))
        before = with_rows()
        state = after(add, state=before)
        model_of(state).objects.filter(n=1).update(f=None)
        model_of(state).objects.create(id="r9", n=9, f=None)
        after(add, state=before)
        assert values(state, "f") == [5, None, 5, 5, 5, None]
        assert remaining(state) == []

    @pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("null", [False, True], ids=["required", "null"])
    @pytest.mark.parametrize(
        "kind", ["constant", "callable", pytest.param("operator", marks=OPERATORS_ARE_KEPT)]
    )
    def test_stopped_at_every_request_it_goes_on(self, server, monkeypatch, null, kind, answered):
        """All rows have one value in the end, and what users wrote into the column after it was there is as they wrote it."""
        monkeypatch.setattr(schema_rows, "_BATCH", 2)
        for dies_at in itertools.count(1):
            with databases(a_killable_server(server.feature_level)) as ours:
                counter = itertools.count(1)
                field = {
                    "constant": models.IntegerField(null=null, default=5),
                    "callable": models.IntegerField(
                        null=null, default=lambda counter=counter: next(counter)
                    ),
                    "operator": models.TextField(
                        null=null, default='{"method":"toggle","values":[]}'
                    ),
                }[kind]
                add = migrations.AddField("alpha", "f", field)
                before = with_rows()
                ended = ends(ours, dies_at, answered, add, before)
                made_later = self._row_made_later(null)
                state = after(add, state=before)
                found = values(state, "f")
                assert len(set(found[:ROWS])) == 1
                assert found[0] not in (None, "")
                assert found[ROWS:] == ([None] if made_later else [])
                assert (marks(), remaining(state)) == ([], [])
            if ended:
                break
        assert dies_at > 5

    def _row_made_later(self, null: bool) -> bool:
        """Make a row with a null, as code that knows the field would, if the field is there and takes one."""
        if not null or live_table().column("f") is None:
            return False
        ours: Any = connections[APPWRITE]
        late = {"n": 9, "f": None, "$createdAt": "2100-01-01T00:00:00.000+00:00"}
        rows.create_row(ours.transport, ours.table_ref("library_alpha"), "late", late)
        return True


class TestNullsThatGo:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            (models.IntegerField(default=7), 7),
            (models.IntegerField(default=lambda: 8), 8),
            (models.CharField(max_length=9, blank=True), ""),
            (models.IntegerField(db_default=4), 4),
        ],
        ids=["constant", "callable", "blank", "db_default"],
    )
    def test_are_filled(self, server, field, expected):
        old = field.clone()
        old.null, old.default, old.db_default = True, models.NOT_PROVIDED, models.NOT_PROVIDED
        state = with_rows(("f", old))
        state = after(migrations.AlterField("alpha", "f", field), state=state)
        assert values(state, "f") == [expected] * ROWS
        assert remaining(state) == []

    def test_without_a_default_it_is_refused(self, server):
        state = with_rows(("f", models.IntegerField(null=True)))
        with pytest.raises(IntegrityError, match="cannot require f because 5 rows have no value"):
            after(migrations.AlterField("alpha", "f", models.IntegerField()), state=state)
        assert values(state, "f") == [None] * ROWS

    def test_a_type_and_its_nulls_in_one_step(self, server):
        state = with_rows(("f", models.IntegerField(null=True, unique=True)))
        model_of(state).objects.filter(n=0).update(f=3)
        state = after(
            migrations.AlterField("alpha", "f", models.CharField(max_length=9, default="0")),
            state=state,
        )
        assert values(state, "f") == ["3", "0", "0", "0", "0"]
        assert remaining(state) == []

    def test_only_a_new_default_fills_nothing(self, server):
        state = with_rows(("f", models.IntegerField(null=True)))
        state = after(
            migrations.AlterField("alpha", "f", models.IntegerField(null=True, default=5)),
            state=state,
        )
        assert values(state, "f") == [None] * ROWS
        assert remaining(state) == []

    def test_a_narrower_range_is_refused_over_rows_outside(self, server):
        state = with_rows(("f", models.IntegerField(default=70_000)))
        with pytest.raises(
            DataError,
            match=r"library_alpha.f cannot become integer .* not between -32768 and 32767",
        ):
            after(migrations.AlterField("alpha", "f", models.SmallIntegerField()), state=state)


INT, KEY, ONE = models.IntegerField, models.ForeignKey, models.OneToOneField


class TestIndexes:
    @pytest.mark.parametrize(
        ("before", "then", "column", "expected"),
        [
            (INT(unique=True), INT(), "f", None),
            (INT(unique=True), INT(db_index=True), "f", "key"),
            (INT(db_index=True), INT(unique=True), "f", "unique"),
            (INT(db_index=True), INT(), "f", None),
            (INT(), INT(unique=True), "f", "unique"),
            (INT(unique=True), models.CharField(max_length=9, unique=True), "f", "unique"),
            (INT(unique=True), models.CharField(max_length=9), "f", None),
            (ONE("library.Alpha", models.CASCADE), KEY("library.Alpha", models.CASCADE), "f_id", "key"),
            (KEY("library.Alpha", models.CASCADE), ONE("library.Alpha", models.CASCADE), "f_id", "unique"),
            (KEY("library.Alpha", models.CASCADE), KEY("library.Alpha", models.CASCADE, db_index=False), "f_id", None),
            (models.CharField(max_length=9, db_index=True), models.TextField(db_index=True), "f", "key"),
        ],
    )  # fmt: skip
    def test_an_altered_field_has_the_index_it_asks_for_and_no_other(
        self, server, before, then, column, expected
    ):
        before, then = before.clone(), then.clone()
        before.null = then.null = True
        state = after(migrations.AlterField("alpha", "f", then), state=with_rows(("f", before)))
        shown = unique_over(column) if expected == "unique" else (expected, column)
        assert indexes() == ({shown} if expected else set())
        assert remaining(state) == []

    def test_an_index_of_the_console_stays(self, server):
        state = with_rows(("f", INT(null=True, unique=True)))
        ours: Any = connections[APPWRITE]
        index_routes.create_index(
            ours.transport, ours.table_ref("library_alpha"), "mine", "key", ["n", "f"]
        )
        state = after(migrations.AlterField("alpha", "f", INT(null=True)), state=state)
        assert indexes() == {("key", "n, f")}

    def test_named_indexes_go_and_are_renamed(self, server):
        state = after(
            migrations.AddIndex("alpha", models.Index(fields=["n"], name="first")),
            state=with_rows(),
        )
        state = after(
            migrations.RenameIndex("alpha", new_name="second", old_name="first"), state=state
        )
        assert [index.key for index in live_table().indexes] == ["second"]
        assert remaining(state) == []
        state = after(migrations.RemoveIndex("alpha", "second"), state=state)
        assert live_table().indexes == ()

    def test_an_index_that_served_for_a_field_is_made_again_for_it(self, server):
        state = with_rows(("f", INT(null=True, db_index=True)))
        index = models.Index(fields=["f"], name="named")
        state = after(
            migrations.AddIndex("alpha", index),
            migrations.RemoveIndex("alpha", "named"),
            state=state,
        )
        assert indexes() == {("key", "f")}
        other = models.Index(fields=["n", "f"], name="named")
        state = after(migrations.AddIndex("alpha", other), state=state)
        assert indexes() == {("key", "f"), ("key", "n, f")}
        assert remaining(state) == []

    def test_constraints_and_unique_together_go(self, server):
        unique = models.UniqueConstraint(fields=["n"], name="only")
        state = after(migrations.AddConstraint("alpha", unique), state=with_rows())
        assert indexes() == {unique_over("n", "only")}
        state = after(migrations.RemoveConstraint("alpha", "only"), state=state)
        assert indexes() == set()
        state = after(migrations.AddField("alpha", "f", INT(default=1)), state=state)
        state = after(migrations.AlterUniqueTogether("alpha", {("n", "f")}), state=state)
        assert indexes() == {unique_over("n, f")}
        state = after(migrations.AlterUniqueTogether("alpha", set()), state=state)
        assert indexes() == set()
        model_of(state).objects.create(id="same", n=0, f=1)

    def test_index_together_of_old_migrations(self, server):
        state = after(migrations.AddField("alpha", "f", INT(default=1)), state=with_rows())
        state = after(migrations.AlterIndexTogether("alpha", {("n", "f")}), state=state)
        assert indexes() == {("key", "n, f")}
        state = after(
            migrations.RenameIndex("alpha", new_name="named", old_fields=("n", "f")), state=state
        )
        assert [index.key for index in live_table().indexes] == ["named"]

    def test_one_of_two_unique_indexes_over_a_field(self, server):
        """They are one index on the server; it goes with the last of them."""
        unique = models.UniqueConstraint(fields=["f"], name="only")
        state = after(
            migrations.AddConstraint("alpha", unique),
            state=with_rows(("f", INT(null=True, unique=True))),
        )
        state = after(migrations.RemoveConstraint("alpha", "only"), state=state)
        assert indexes() == {unique_over("f")}
        state = after(migrations.AlterField("alpha", "f", INT(null=True)), state=state)
        assert indexes() == set()

    def test_a_column_that_goes_leaves_no_narrower_unique_index(self, server):
        """The server takes the column out of the index, and what is left would be unique by itself."""
        state = with_rows(("f", INT(null=True)), ("g", INT(null=True)))
        model_of(state).objects.update(f=1)
        after(migrations.AlterUniqueTogether("alpha", {("f", "g")}), state=state)
        state = after(migrations.RemoveField("alpha", "g"), state=state)
        # The state does not know of the constraint. A hidden column stays then, and is null.
        assert indexes() - {("unique", "<f_g_uniq>")} == set()
        model_of(state).objects.create(id="again", n=9, f=1)

    def test_a_column_of_another_type_keeps_the_indexes_over_others_as_well(self, server):
        state = with_rows(("f", INT(null=True)), ("g", INT(null=True)))
        model_of(state).objects.update(f=1)
        state = after(
            migrations.AlterUniqueTogether("alpha", {("f", "n")}),
            migrations.AlterField("alpha", "n", models.CharField(max_length=9)),
            state=state,
        )
        assert indexes() == {unique_over("f, n")}
        assert remaining(state) == []

    def test_a_foreign_key_follows_the_type_of_its_field(self, server):
        state = with_rows(("code", INT(unique=True, null=True)))
        point = KEY("library.Alpha", models.CASCADE, to_field="code", null=True)
        state = after(thing(("n", INT()), ("up", point), name="Beta"), state=state)
        model_of(state).objects.filter(n=1).update(code=17)
        model_of(state, "Beta").objects.create(id="b", n=1, up_id=17)
        state = after(
            migrations.AlterField(
                "alpha", "code", models.CharField(max_length=9, unique=True, null=True)
            ),
            state=state,
        )
        assert remaining(state) == []
        assert model_of(state, "Beta").objects.get().up.n == 1


class TestTables:
    def test_a_stopped_creation_goes_on(self, server):
        create = thing(
            ("n", INT()),
            ("at", models.DateTimeField()),
            ("when", models.DateField()),
            unique_together={("n", "at")},
        )
        for dies_at in itertools.count(1):
            with databases(a_killable_server(server.feature_level)) as ours:
                ended = ends(ours, dies_at, True, create, None)
                assert remaining(after(create)) == []
            if ended:
                break
        assert dies_at > 3

    def test_a_table_has_the_permissions_of_the_model_of_today(self, server):
        state = ProjectState()
        state.add_model(ModelState.from_model(Diary))
        after(migrations.CreateModel("Diary", list(state.models[APP, "diary"].fields.items())))
        table = live_table("library_diary")
        assert (table.permissions, table.row_security) == (
            frozenset(Diary.appwrite_permissions),
            True,
        )

    def test_the_table_of_another_model_is_not_taken_over(self, server):
        """The deletion that comes next would drop it, with its rows."""
        state = with_rows()
        with pytest.raises(
            NotSupportedError,
            match=r"library.Beta cannot use the table library_alpha, which belongs to library.Alpha",
        ):
            after(thing(("n", INT()), name="Beta", db_table="library_alpha"), state=state)

    def test_a_many_to_many_table_with_rows_is_not_lost_by_a_rename(self, server):
        state = with_rows(("others", models.ManyToManyField("library.Alpha")))
        first, second = model_of(state).objects.order_by("n")[:2]
        first.others.add(second)
        with pytest.raises(
            NotSupportedError,
            match=r"library_alpha_others has rows .*\n.*db_table on the many-to-many field",
        ):
            after(migrations.RenameField("alpha", "others", "friends"), state=state)
        first.others.clear()
        state = after(migrations.RenameField("alpha", "others", "friends"), state=state)
        assert remaining(state) == []

    def test_many_to_many_columns_are_renamed_with_their_model(self, server):
        state = with_rows(
            ("others", models.ManyToManyField("library.Alpha")), db_table="library_alpha"
        )
        first, second = model_of(state).objects.order_by("n")[:2]
        first.others.add(second)
        state = after(migrations.RenameModel("Alpha", "Omega"), state=state)
        assert remaining(state) == []
        assert model_of(state, "Omega").objects.get(n=0).others.get().n == 1


def test_a_refusal_is_a_command_error_and_what_it_is(server):
    state = with_rows()
    with pytest.raises(CommandError) as caught:
        after(migrations.AddField("alpha", "f", models.IntegerField()), state=state)
    assert isinstance(caught.value, IntegrityError)
    assert (type(caught.value).__name__, caught.value.returncode) == ("MissingValues", 1)


# Columns that indexes hold


TEXT = {"max_length": 50}
TOGETHER = {
    "unique together": {"unique_together": {("name", "other")}},
    "index": {"indexes": [models.Index(fields=["other", "-name"], name="both")]},
}


def with_index(together: str) -> ProjectState:
    fields = ("name", models.CharField(**TEXT)), ("other", models.CharField(**TEXT))
    state = after(thing(("n", models.IntegerField()), *fields, **TOGETHER[together]))
    make = model_of(state)
    make.objects.bulk_create([make(id=f"r{n}", n=n, name=str(n), other="x") for n in range(ROWS)])
    return state


ON_INDEXED = {
    "type": [migrations.AlterField("Alpha", "name", models.IntegerField())],
    "length": [migrations.AlterField("Alpha", "name", models.CharField(max_length=60))],
    "encoding": [
        migrations.AlterField("Alpha", "name", models.DecimalField(max_digits=5, decimal_places=2))
    ],
    "rename": [migrations.RenameField("Alpha", "name", "title")],
    "rename, then type": [
        migrations.RenameField("Alpha", "name", "title"),
        migrations.AlterField("Alpha", "title", models.IntegerField()),
    ],
}


def renamed_to(operations: list[Any]) -> str:
    return "title" if isinstance(operations[0], migrations.RenameField) else "name"


def on_indexed() -> Iterator[Any]:
    for together in TOGETHER:
        for name, operations in ON_INDEXED.items():
            # For a rename, makemigrations removes an index of Meta.indexes first, and adds it afterwards.
            if together == "unique together" or renamed_to(operations) == "name":
                yield pytest.param(operations, together, id=f"{name}-{together}")


def assert_changed(state: ProjectState, operations: list[Any], together: str) -> None:
    name = renamed_to(operations)
    assert remaining(state) == []
    assert indexes() == {
        unique_over(f"{name}, other")
        if together == "unique together"
        else ("key", f"other, {name}")
    }
    assert [int(value) for value in values(state, name)] == list(range(ROWS))


@pytest.mark.parametrize(
    "together",
    [
        TOGETHER["index"],
        {"constraints": [models.UniqueConstraint(fields=["name", "other"], name="both")]},
        {"constraints": [models.UniqueConstraint("name", name="one")]},
        {"constraints": [models.UniqueConstraint(fields=["name"], condition=models.Q(n__gt=1), name="one")]},
        {"constraints": [models.UniqueConstraint(fields=["n"], condition=models.Q(name__gt="1"), name="one")]},
    ],
    ids=["index", "of two", "of an expression", "with a condition", "in a condition"],
)  # fmt: skip
def test_a_rename_of_a_field_that_meta_names(server, together):
    """Django renames it in ``unique_together`` only; makemigrations removes what names it, and adds it afterwards."""
    fields = ("name", models.CharField(**TEXT)), ("other", models.CharField(**TEXT))
    state = after(thing(("n", models.IntegerField()), *fields, **together))
    with pytest.raises(
        NotSupportedError,
        match=r"library.Alpha: .*name.*does not exist\.\nWay out: .*makemigrations",
    ):
        after(migrations.RenameField("alpha", "name", "title"), state=state)
    assert remaining(state) == []


@pytest.mark.parametrize(("operations", "together"), [*on_indexed()])
def test_an_operation_on_a_column_under_an_index(server, operations, together):
    assert_changed(after(*operations, state=with_index(together)), operations, together)


@pytest.mark.parametrize(
    ("operation", "together"), [("type", "unique together"), ("encoding", "index")]
)
def test_an_operation_on_a_column_under_an_index_can_be_stopped_anywhere(
    server, operation, together
):
    operations = ON_INDEXED[operation]
    for dies_at in itertools.count(1):
        state = with_index(together)
        done = ends(server, dies_at, True, operations[0], state)
        state = after(*operations, state=state) if not done else state_after(operations, state)
        assert_changed(state, operations, together)
        after(migrations.DeleteModel("Alpha"), state=state)
        if done:
            return


def state_after(operations: list[Any], state: ProjectState) -> ProjectState:
    state = state.clone()
    for operation in operations:
        operation.state_forwards(APP, state)
    return state


def test_a_unique_index_that_is_ahead_serves_where_a_plain_one_was(server):
    """``appwrite_migrate`` has made the field unique; the migrations before that need the plain index again."""
    operations = [
        migrations.RemoveIndex("Alpha", "one_idx"),
        migrations.AddIndex("Alpha", models.Index(fields=["name"], name="two_idx")),
        migrations.RemoveIndex("Alpha", "two_idx"),
        migrations.AlterField("Alpha", "name", models.UUIDField(unique=True)),
    ]
    field = ("name", models.UUIDField(db_index=True))
    state = after(thing(field, indexes=[models.Index(fields=["name"], name="one_idx")]))
    ours: Any = connections[APPWRITE]
    models_then = models_of_state(state_after(operations, state))
    wanted = read_models("d", models_then, partial(fill_of, connection=ours), ours.engine)
    migrate(ours.transport, wanted, Options(prune=True, engine=ours.engine))
    for operation in operations:
        state = after(operation, state=state)
        assert ("unique", "name") in indexes()
        assert ENGINE.takes_identical_indexes or len(indexes()) == 1
    assert indexes() == {("unique", "name")}
    assert remaining(state) == []


def test_an_index_of_the_console_gives_way_to_a_unique_one(server):
    """The operation describes no other part of the table than this index."""
    state, ours = after(thing(("name", models.UUIDField()))), connections[APPWRITE]
    ref = ours.table_ref("library_alpha")
    index_routes.create_index(ours.transport, ref, "mine", "key", ["name"])
    unique = models.UniqueConstraint(fields=["name"], name="name_uniq")
    state = after(migrations.AddConstraint("Alpha", unique), state=state)
    assert indexes() - {("key", "name")} == {("unique", "name")}
    assert ENGINE.takes_identical_indexes == (("key", "name") in indexes())


@pytest.mark.engine(
    "mariadb", "postgresql", reason="such an index, which no model has, prevents every change"
)
@pytest.mark.parametrize("operations", ON_INDEXED.values(), ids=ON_INDEXED)
def test_an_operation_on_a_table_whose_index_lost_a_column(server, operations):
    """Deleted in the console: what the server keeps of its length is refused with every change of a column."""
    state = with_index("unique together")
    connection = connections[APPWRITE]
    columns.delete_column(connection.transport, connection.table_ref("library_alpha"), "other")
    state = after(*operations, state=state)
    names = model_of(state).objects.order_by("n").values_list(renamed_to(operations), flat=True)
    assert [int(value) for value in names] == list(range(ROWS))


def test_both_fields_of_an_index_are_removed(server):
    after(
        migrations.RemoveField("Alpha", "name"),
        migrations.RemoveField("Alpha", "other"),
        state=with_index("index"),
    )
    assert indexes() == set()


def test_texts_of_one_moment_are_duplicates_before_anything_is_done(server):
    """What the server makes of a moment counts, and not how it is spelt."""
    unique = {"constraints": [models.UniqueConstraint(fields=["a"], name="u")]}
    before = after(thing(("a", models.CharField(max_length=40)), **unique))
    model = model_of(before)
    spelt = ["2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00+01:00"]
    model.objects.using(APPWRITE).bulk_create(
        [model(pk=f"r{n}", a=text) for n, text in enumerate(spelt)]
    )
    with pytest.raises(IntegrityError, match="duplicates"):
        after(migrations.AlterField("Alpha", "a", models.DateTimeField()), state=before)
    assert sorted(model.objects.using(APPWRITE).values_list("a", flat=True)) == spelt
    assert remaining(before) == []
    with pytest.raises(IntegrityError):
        model.objects.using(APPWRITE).create(pk="copy", a=spelt[0])


ALTERED = {
    "length": [migrations.AlterField("Alpha", "name", models.CharField(max_length=60))],
    "type": [migrations.AlterField("Alpha", "name", models.IntegerField())],
    "rename": [migrations.RenameField("Alpha", "name", "title")],
    "rename of a column of a hidden one": [migrations.RenameField("Alpha", "n", "number")],
}


def with_indexes() -> ProjectState:
    """Return the state of a table with a plain, a unique and a hidden index."""
    fields = ("name", models.CharField(**TEXT)), ("other", models.CharField(unique=True, **TEXT))
    unique = models.UniqueConstraint(fields=["k"], condition=models.Q(other__gt=""), name="some")
    state = after(
        thing(
            ("n", models.IntegerField(unique=True)),
            ("k", models.IntegerField()),
            *fields,
            unique_together={("name", "other")},
            indexes=[models.Index(fields=["other", "-k"], name="both")],
            constraints=[unique],
        )
    )
    make = model_of(state)
    make.objects.bulk_create([make(id=f"r{n}", n=n, k=n, name=n, other=n) for n in range(ROWS)])
    return state


@pytest.mark.engine("mongodb", reason="no column of a table with indexes is altered")
class TestAllIndexesMakeWay:
    @pytest.mark.parametrize("answered", [False, True], ids=["unsent", "unanswered"])
    @pytest.mark.parametrize("operations", ALTERED.values(), ids=ALTERED)
    def test_stopped_anywhere_it_goes_on(self, server, operations, answered):
        for dies_at in itertools.count(1):
            state = with_indexes()
            done = ends(server, dies_at, answered, operations[0], state)
            state = after(*operations, state=state) if not done else state_after(operations, state)
            assert remaining(state) == [], dies_at
            model = model_of(state)
            assert {index.type for index in live_table().indexes} == {"key", "unique"}
            for name in {field.name for field in model._meta.fields} - {"id"}:
                assert sorted(map(int, model.objects.values_list(name, flat=True))) == [
                    *range(ROWS)
                ]
            copy = {
                field.name: getattr(model.objects.get(id="r1"), field.name)
                for field in model._meta.fields
            }
            with pytest.raises(IntegrityError):
                model.objects.create(**{**copy, "id": "copy"})
            after(migrations.DeleteModel("Alpha"), state=state)
            if done:
                assert dies_at > 4
                return

    @pytest.mark.parametrize("operations", ALTERED.values(), ids=ALTERED)
    def test_an_index_of_the_console_is_not_lost(self, server, operations):
        state, ours = with_indexes(), connections[APPWRITE]
        ref = ours.table_ref("library_alpha")
        index_routes.create_index(ours.transport, ref, "mine", "key", ["k"])
        before = live_table()
        with pytest.raises(NotSupportedError, match=r"has the index mine key \(k\), which no"):
            after(*operations, state=state)
        assert live_table() == before
        index_routes.delete_index(ours.transport, ref, "mine")
        assert remaining(after(*operations, state=state)) == []

    def test_an_added_field_leaves_the_indexes_alone(self, server):
        state, made = with_indexes(), []
        listener = lambda record: made.append(f"{record.method} {record.path}")  # noqa: E731
        connections[APPWRITE].transport.add_listener(listener)
        state = after(
            migrations.AddField("Alpha", "more", models.IntegerField(default=3)), state=state
        )
        connections[APPWRITE].transport.remove_listener(listener)
        assert not [line for line in made if "/indexes" in line and not line.startswith("GET")]
        assert remaining(state) == []


def test_keys_to_keys_are_converted_with_the_field_that_they_refer_to(server):
    def price(digits, places):
        return models.DecimalField(max_digits=digits, decimal_places=places, unique=True)

    state = after(
        thing(("price", price(6, 2))),
        thing(
            ("a", models.OneToOneField("library.Alpha", models.CASCADE, to_field="price")),
            name="Beta",
        ),
        thing(
            ("b", models.ForeignKey("library.Beta", models.CASCADE, to_field="a")),
            name="Gamma",
        ),
    )
    amount = Decimal("12.50")
    model_of(state).objects.create(id="a", price=amount)
    model_of(state, "Beta").objects.create(id="b", a_id=amount)
    model_of(state, "Gamma").objects.create(id="c", b_id=amount)
    for field in (price(8, 4), price(28, 4), price(6, 2)):
        state = after(migrations.AlterField("Alpha", "price", field), state=state)
        row = model_of(state, "Gamma").objects.get()
        assert row.b_id == amount
        assert row.b.a.price == amount
        assert remaining(state) == []


def test_keys_to_a_child_become_as_long_as_the_key_of_its_parent(server):
    def key(length):
        return models.CharField(max_length=length, primary_key=True)

    link = models.OneToOneField(
        "library.Alpha", models.CASCADE, parent_link=True, primary_key=True, auto_created=True
    )
    state = after(
        migrations.CreateModel("Alpha", [("code", key(30))]),
        migrations.CreateModel("Beta", [("alpha_ptr", link)], bases=("library.Alpha",)),
        thing(
            ("b", models.ForeignKey("library.Beta", models.CASCADE)),
            ("several", models.ManyToManyField("library.Beta")),
            name="Gamma",
        ),
    )
    state = after(migrations.AlterField("Alpha", "code", key(90)), state=state)
    assert remaining(state) == []
    beta = model_of(state, "Beta").objects.create(code="x" * 80)
    gamma = model_of(state, "Gamma").objects.create(id="c", b=beta)
    gamma.several.add(beta)
    assert model_of(state, "Gamma").objects.get(several__code="x" * 80).b_id == "x" * 80


def test_a_renamed_model_keeps_the_id_of_its_table(server):
    state = after(
        thing(("n", models.IntegerField())),
        thing(
            ("a", models.ForeignKey("library.Alpha", models.CASCADE)),
            ("several", models.ManyToManyField("library.Alpha")),
            name="Beta",
        ),
    )
    alpha = model_of(state).objects.create(id="a", n=1)
    model_of(state, "Beta").objects.create(id="b", a_id="a").several.add(alpha)
    with pytest.raises(NotSupportedError, match=r'AlterModelTable\("old_name", "library_alpha"\)'):
        after(migrations.RenameModel("Alpha", "Gamma"), state=state)
    state = after(
        migrations.AlterModelTable("Alpha", "library_alpha"),
        migrations.RenameModel("Alpha", "Gamma"),
        state=state,
    )
    beta = model_of(state, "Beta").objects.get()
    assert (beta.a.n, beta.several.get().pk) == (1, "a")
    assert remaining(state) == []


def test_a_key_to_a_row_does_not_become_one_to_another_field(server):
    """As with a key to another table: no value of the field replaces the id of a row."""

    def key(**options):
        return models.ForeignKey("library.Alpha", models.CASCADE, **options)

    state = after(
        migrations.CreateModel(
            "Alpha",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20, unique=True)),
            ],
        ),
        thing(("a", key()), name="Beta"),
    )
    model_of(state).objects.create(id=1, name="one")
    model_of(state, "Beta").objects.create(id="b", a_id=1)
    with pytest.raises(DataError, match="row id of integer cannot be converted to text"):
        after(migrations.AlterField("Beta", "a", key(to_field="name")), state=state)
    assert model_of(state, "Beta").objects.get().a.name == "one"
