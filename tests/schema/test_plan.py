"""The comparison itself, without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appwrite_orm_django.schema.definitions import (
    Column,
    Computed,
    Database,
    Index,
    Relation,
    Table,
)
from appwrite_orm_django.schema.names import OWN_TABLES, replacement_key
from appwrite_orm_django.schema.steps import (
    PHASES,
    ChangeColumn,
    CreateColumn,
    CreateDatabase,
    CreateTable,
    DropColumn,
    RenameColumn,
    ReplaceColumn,
)
from tests.schema.conftest import make_plan

A = Column("a", "varchar", 10)
B = Column("b", "integer")


def database(*columns, indexes=(), **options):
    return Database("d", (Table("t", "T", columns, tuple(indexes), **options),))


def lines(wanted, live, **options):
    return [f"{step.sign} {step}" for step in make_plan(wanted, live, **options).steps]


def test_nothing_to_do():
    assert make_plan(database(A, B), database(A, B)).steps == ()
    assert make_plan(database(A, B), database(B, A)).steps == ()


def test_from_nothing():
    plan = make_plan(database(A), None)
    assert [type(step) for step in plan.steps] == [CreateDatabase, CreateTable]


def test_steps_come_in_the_order_of_their_phases():
    wanted = database(
        A, replace(B, min=0), Column("new", "boolean"), indexes=[Index("i", "key", ("new",))]
    )
    live = database(A, B, Column("old", "boolean"), indexes=[Index("j", "key", ("b",))])
    plan = make_plan(wanted, Database("d", (*live.tables, Table("gone"))), prune=True)
    order = [PHASES.index(type(step)) for step in plan.steps]
    assert order == sorted(order)
    assert [f"{step.sign} {step}" for step in plan.steps] == [
        "- index t.j key (b)",
        "- column t.old boolean",
        "+ column t.new boolean",
        "~ column t.b integer -> integer 0..",
        "+ index t.i key (new)",
        "- table gone",
    ]


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        (Column("a", "string", 10), Column("a", "varchar", 10)),
        (Column("a", "string", 70_000), Column("a", "text")),
        (Column("a", "longtext"), Column("a", "text")),
        (Column("a", "varchar", 10, encrypt=True), Column("a", "varchar", 10)),
    ],
    ids=str,
)
def test_as_good_as_asked_for(live, wanted):
    assert make_plan(database(wanted), database(live)).steps == ()


def test_a_key_in_other_letters_is_renamed():
    """The server finds a column by its key in any letters; its rows have it in the letters of the key."""
    plan = make_plan(database(Column("a", "varchar", 10)), database(Column("A", "varchar", 10)))
    assert [f"{step.sign} {step}" for step in plan.steps] == ["~ column t.A renamed to a"]


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        (Column("a", "varchar", 10), Column("a", "text")),
        (Column("a", "text"), Column("a", "longtext")),
        (Column("a", "string", 100), Column("a", "longtext")),
        (Column("a", "integer"), Column("a", "bigint")),
        (Column("a", "email"), Column("a", "varchar", 254)),
        (Column("a", "varchar", 10), Column("a", "varchar", 10, array=True)),
        (Column("a", "varchar", 200), Column("a", "varchar", 200, encrypt=True)),
    ],
    ids=str,
)
def test_another_type_is_a_replacement(live, wanted):
    (step,) = make_plan(database(wanted), database(live)).steps
    assert isinstance(step, ReplaceColumn)
    assert step.destructive


@pytest.mark.parametrize("status", ["failed", "stuck"])
def test_a_column_that_failed_is_made_anew(status):
    plan = make_plan(database(A), database(replace(A, status=status)))
    assert [type(step) for step in plan.steps] == [DropColumn, CreateColumn]
    assert plan.steps[0].destructive == (status == "stuck")


@pytest.mark.parametrize("status", ["processing", "deleting"])
def test_a_column_on_its_way_is_waited_for(status):
    assert lines(database(A), database(replace(A, status=status))) == ["+ column t.a varchar(10)"]


def test_relationship_columns_are_left_alone():
    relation = Column("other", "relationship", related=Relation("x", "oneToOne"))
    live = database(A, relation, indexes=[Index("_auto", "unique", ("other",))])
    plan = make_plan(database(A), live, prune=True)
    assert (plan.steps, plan.left) == ((), ())
    assert str(relation) == "relationship to x (oneToOne)"


def test_tables_of_nobody_are_left_unless_pruned():
    live = Database(
        "d", (Table("t", columns=(A,)), Table("stranger"), Table(OWN_TABLES + "claims"))
    )
    plan = make_plan(database(A), live)
    assert (plan.steps, list(map(str, plan.left))) == ((), ["table stranger"])
    assert lines(database(A), live, prune=True) == ["- table stranger"]
    assert lines(database(A), live, prune=True, all_tables=False) == []


def test_an_index_goes_with_its_column():
    live = database(A, B, indexes=[Index("i", "key", ("b",))])
    assert lines(database(A), live, prune=True) == ["- column t.b integer"]


class TestRenames:
    RENAMES = {("t", "b"): "a"}

    def test_a_rename_is_no_drop(self):
        plan = make_plan(
            database(replace(A, key="b")), database(A), renames=self.RENAMES, prune=True
        )
        assert [type(step) for step in plan.steps] == [RenameColumn]

    @pytest.mark.parametrize(
        "live", [database(replace(A, key="b")), database(A, replace(A, key="b")), database()]
    )
    def test_a_rename_that_has_happened_or_cannot_is_none(self, live):
        steps = make_plan(database(replace(A, key="b")), live, renames=self.RENAMES).steps
        assert not any(isinstance(step, RenameColumn) for step in steps)

    def test_a_replacement_that_was_stopped_before_its_last_step(self):
        wanted = Column("a", "integer", required=True)
        live = database(Column(replacement_key("a"), "integer"))
        plan = make_plan(database(wanted), live, prune=True)
        assert [type(step) for step in plan.steps] == [RenameColumn, ChangeColumn]
        assert plan.destructive == ()


def test_only_one_permission_more_is_no_loss():
    live = database(A, permissions=frozenset({"r"}))
    plan = make_plan(database(A, permissions=frozenset({"r", "s"}), row_security=True), live)
    assert [f"{step.sign} {step}" for step in plan.steps] == [
        "~ table t permissions r, s, row security on"
    ]
    assert plan.destructive == ()


def test_plans_can_be_compared():
    assert make_plan(database(A), None) == make_plan(database(A), None)
    assert len({*make_plan(database(A, B), None).steps}) == 2


@pytest.mark.parametrize(
    ("column", "warning"),
    [
        (Column("c", "integer"), ""),
        (Column("c", "integer", required=True, fill=0), "rows without a value get 0"),
        (
            Column("c", "integer", fill=Computed("the time of the run", int)),
            "rows without a value get the time of the run",
        ),
        (
            Column("c", "integer", required=True),
            "rejected while rows have no value: the field has no default to give them",
        ),
    ],
)
def test_what_becomes_of_rows_is_said_beforehand(column, warning):
    (added,) = make_plan(database(A, column), database(A)).steps
    assert added.warning.startswith(warning)
    assert bool(added.warning) == bool(warning)
    if column.required:
        (changed,) = make_plan(database(column), database(Column("c", "integer"))).steps
        assert changed.warning == added.warning


def test_a_renamed_table_is_suspected():
    live = Database("d", (Table("old", columns=(A,)), Table("other")))
    plan = make_plan(Database("d", (Table("new", columns=(A,)),)), live)
    assert plan.notes == (
        "new will be created empty; old has the same columns. Appwrite cannot rename a table: if the model was renamed, "
        'keep Meta.db_table = "old".',
    )
    assert make_plan(Database("d", (Table("new"),)), live).notes == ()
    assert make_plan(Database("d", (Table("old", columns=(A,)),)), live).notes == ()
