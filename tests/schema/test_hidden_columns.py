"""Hidden columns of unique constraints: made and filled by both roads, dropped, corrected, and told of nowhere else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models import Q, UniqueConstraint
from django.db.models.functions import Lower

from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution import hidden_columns
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.client import rows
from appwrite_orm_django.schema.definitions import Table
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.model_source import model_source
from appwrite_orm_django.schema.names import is_hidden
from appwrite_orm_django.schema.records import read_recorded
from tests.schema.conftest import ENGINE, LEVELS, Options, migrate, plan_for, requests_of

from .killing import a_killable_server
from .migration_histories import models_of_state
from .test_migration_histories import APPWRITE, databases
from .test_operations import after, ends, live_table, model_of, thing, unblocked, with_rows  # noqa: F401 - a fixture

EVEN = UniqueConstraint(fields=["n"], condition=Q(f=True), name="one_n")
LOWER = UniqueConstraint(Lower("t"), name="t_without_case")
FLAG = ("f", models.BooleanField(default=True))
TEXT = ("t", models.CharField(max_length=20, default="x"))


@pytest.fixture(params=LEVELS)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    server = a_killable_server(request.param)
    with databases(server):
        yield server


def add(constraint: UniqueConstraint) -> migrations.AddConstraint:
    return migrations.AddConstraint("alpha", constraint)


def hidden() -> list[str]:
    """Return the keys of the hidden columns that are there."""
    return [column.key for column in live_table().columns if is_hidden(column.key)]


def indexes() -> set[tuple[str, str]]:
    """Return the types and columns of the indexes."""
    return {(index.type, ", ".join(index.columns)) for index in live_table().indexes}


def transport() -> Any:
    return connections[APPWRITE].transport  # type: ignore[attr-defined]  # a connection to Appwrite


def wanted(state: ProjectState) -> Any:
    filled = partial(fill_of, connection=connections[APPWRITE])
    return read_models("d", models_of_state(state), filled, engine=ENGINE)


def left_to_do(state: ProjectState, **options: Any) -> list[str]:
    return [
        str(step)
        for step in plan_for(transport(), wanted(state), Options(all_tables=False, **options)).steps
    ]


def wrong(state: ProjectState) -> list[str]:
    """Return the ids of the rows whose hidden columns hold something else than they should."""
    ours: Any = connections[APPWRITE]
    listed = rows.list_rows(ours.transport, ours.table_ref("library_alpha"))["rows"]
    described = wanted(state).table("library_alpha")
    assert isinstance(described, Table)
    found = set()
    for column in described.columns:
        if column.hidden is not None:
            right = HiddenValues(ours).of(column.hidden, listed)
            found |= {
                row["$id"]
                for row, value in zip(listed, right, strict=True)
                if row[column.key] != value
            }
    return sorted(found)


def migrated(state: ProjectState, **options: Any) -> list[str]:
    """Do what ``appwrite_migrate`` does; return the steps."""
    done: list[str] = []
    migrate(
        transport(),
        wanted(state),
        Options(all_tables=False, **options),
        hidden=HiddenValues(connections[APPWRITE]),  # type: ignore[arg-type]  # as above
        progress=lambda step: done.append(str(step)),
    )
    return done


class TestAdded:
    def test_over_rows(self, server):
        state = after(
            add(EVEN),
            add(LOWER),
            state=with_rows(FLAG, ("t", models.CharField(max_length=9, null=True))),
        )
        assert len(hidden()) == 2
        assert indexes() == {("unique", key) for key in hidden()}
        assert (wrong(state), left_to_do(state)) == ([], [])
        model = model_of(state)
        with pytest.raises(IntegrityError, match="one_n"):
            model.objects.create(id="again", n=1)
        model.objects.create(id="again", n=1, f=False)
        assert wrong(state) == []

    def test_with_the_model(self, server):
        state = after(thing(("n", models.IntegerField()), FLAG, TEXT, constraints=[EVEN, LOWER]))
        assert len(hidden()) == 2
        model = model_of(state)
        model.objects.create(id="one", n=1, t="a")
        with pytest.raises(IntegrityError, match="t_without_case"):
            model.objects.create(id="two", n=2, t="A")
        assert (wrong(state), left_to_do(state)) == ([], [])

    def test_over_duplicates_it_is_refused_with_their_names_and_nothing_is_made(self, server):
        state = with_rows(FLAG, TEXT)
        with pytest.raises(
            IntegrityError,
            match=r"the unique constraint t_without_case \(t\) cannot be enforced over duplicates: "
            r"x \(r0 and r1\); x \(r0 and r2\)",
        ):
            after(add(LOWER), state=state)
        assert hidden() == []
        model_of(state).objects.filter(n__gt=0).delete()
        after(add(LOWER), state=state)
        assert len(hidden()) == 1

    def test_by_appwrite_migrate(self, server):
        state = with_rows(FLAG)
        later = ProjectState(state.models.copy())
        add(EVEN).state_forwards("library", later)
        (step, *_rest) = left_to_do(later)
        assert step.startswith("column library_alpha.unique__one_n")
        assert requests_of(
            transport(),
            plan_for(transport(), wanted(later), Options(all_tables=False)),
            HiddenValues(connections[APPWRITE]),
        )
        migrated(later)
        assert (wrong(later), left_to_do(later)) == ([], [])

    @pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
    def test_stopped_at_every_request_it_goes_on(self, server, monkeypatch, answered):
        monkeypatch.setattr(hidden_columns, "BATCH", 2)
        for dies_at in itertools.count(1):
            with databases(a_killable_server(server.feature_level)) as ours:
                before = with_rows(FLAG)
                ended = ends(ours, dies_at, answered, add(EVEN), before)
                state = after(add(EVEN), state=before)
                assert (wrong(state), left_to_do(state)) == ([], [])
                assert len(hidden()) == len(indexes()) == 1
            if ended:
                break
        assert dies_at > 8

    def test_to_a_field_that_is_made_in_the_same_run(self, server):
        state = with_rows()
        later = ProjectState(state.models.copy())
        for operation in (migrations.AddField("alpha", *FLAG), add(EVEN)):
            operation.state_forwards("library", later)
        migrated(later)
        assert (wrong(later), left_to_do(later)) == ([], [])


class TestChanged:
    def test_removed(self, server):
        state = after(
            add(EVEN),
            add(LOWER),
            state=with_rows(FLAG, ("t", models.CharField(max_length=9, null=True))),
        )
        (kept,) = {key for key in hidden() if "case" in key}
        state = after(migrations.RemoveConstraint("alpha", "one_n"), state=state)
        assert hidden() == [kept]
        assert indexes() == {("unique", kept)}
        assert left_to_do(state) == []
        model_of(state).objects.create(id="again", n=1)

    def test_with_another_condition(self, server):
        state = after(add(EVEN), state=with_rows(FLAG))
        (before,) = hidden()
        other = UniqueConstraint(fields=["n"], condition=Q(f=False), name="one_n")
        state = after(migrations.RemoveConstraint("alpha", "one_n"), add(other), state=state)
        (now,) = hidden()
        assert now != before
        assert (wrong(state), left_to_do(state)) == ([], [])

    def test_a_column_that_gets_another_type_or_name(self, server):
        state = after(add(EVEN), state=with_rows(FLAG))
        state = after(
            migrations.AlterField("alpha", "n", models.CharField(max_length=9)), state=state
        )
        assert len(hidden()) == 1
        assert wrong(state) == []
        state = after(
            migrations.AlterField("alpha", "n", models.CharField(max_length=9, db_column="m")),
            state=state,
        )
        assert len(hidden()) == 1
        assert (wrong(state), left_to_do(state)) == ([], [])
        with pytest.raises(IntegrityError, match=r"one_n \(library_alpha.m\)"):
            model_of(state).objects.create(id="again", n="1")

    def test_a_field_that_goes(self, server):
        state = after(add(EVEN), state=with_rows(FLAG))
        after(
            migrations.RemoveConstraint("alpha", "one_n"),
            migrations.RemoveField("alpha", "f"),
            state=state,
        )
        assert hidden() == []

    def test_data_migrations_see_the_constraints_of_their_moment(self, server):
        before = with_rows(FLAG)
        model_of(before).objects.create(id="early", n=1, f=False)
        state = after(add(EVEN), state=before)
        with pytest.raises(IntegrityError, match="one_n"):
            model_of(state).objects.filter(id="early").update(f=True)
        assert wrong(state) == []


class TestRowsOfOtherClients:
    def test_are_found_and_filled(self, server):
        state = after(add(EVEN), state=with_rows(FLAG))
        (key,) = hidden()
        ours: Any = connections[APPWRITE]
        ref = ours.table_ref("library_alpha")
        rows.create_row(ours.transport, ref, "phone", {"n": 50, "f": True})
        rows.update_row(ours.transport, ref, "r1", {"n": 51})
        # Two rows that exchange their values.
        rows.update_row(ours.transport, ref, "r2", {"n": 3})
        rows.update_row(ours.transport, ref, "r3", {"n": 2})
        assert wrong(state) == ["phone", "r1", "r2", "r3"]
        assert left_to_do(state) == []
        assert left_to_do(state, verify_unique=True) == [
            f"column library_alpha.{key} checked and filled"
        ]
        assert migrated(state, verify_unique=True) == [
            f"column library_alpha.{key} checked and filled"
        ]
        assert wrong(state) == []

    def test_duplicates_are_named_and_all_others_filled(self, server):
        state = after(add(EVEN), state=with_rows(FLAG))
        ours: Any = connections[APPWRITE]
        ref = ours.table_ref("library_alpha")
        rows.create_row(ours.transport, ref, "phone", {"n": 1, "f": True})
        with pytest.raises(IntegrityError, match=r"one_n \(n\).*: 1 \(r1 and phone\)"):
            migrated(state, verify_unique=True)
        # Whoever writes it here meets the constraint.
        with pytest.raises(IntegrityError, match="one_n"):
            model_of(state).objects.filter(id="phone").update(f=True)
        rows.create_row(ours.transport, ref, "tablet", {"n": 60, "f": True})
        values = HiddenValues(ours)
        described = wanted(state).table("library_alpha")
        with pytest.raises(IntegrityError, match=r"1 \(r1 and phone\)"):
            values.fill("library_alpha", [one.hidden for one in described.columns if one.hidden])
        assert wrong(state) == ["phone"]

    def test_a_row_that_changes_while_it_is_filled(self, server, monkeypatch):
        """The value is that of the row as it is in the end."""
        before = with_rows(FLAG)
        ours: Any = connections[APPWRITE]
        ref, changed = ours.table_ref("library_alpha"), []
        computed = hidden_columns.computed

        def and_another_client_writes(connection, columns, images):
            found = computed(connection, columns, images)
            if len(changed) < 2 and any(row["$id"] == "r1" for row in images):
                changed.append(True)
                rows.update_row(ours.transport, ref, "r1", {"n": 70 + len(changed)})
            return found

        monkeypatch.setattr(hidden_columns, "computed", and_another_client_writes)
        state = after(add(EVEN), state=before)
        assert len(changed) == 2
        assert wrong(state) == []


class TestOfNoModel:
    def test_it_stays_without_prune_and_is_written_again_when_it_comes_back(self, server):
        without = with_rows(FLAG)
        state = after(add(EVEN), state=without)
        (key,) = hidden()
        assert migrated(without) == [f"column library_alpha.{key} no longer written"]
        assert (hidden(), migrated(without)) == ([key], [])
        model_of(without).objects.filter(id="r1").update(n=80)
        assert wrong(state) == ["r1"]
        assert migrated(state) == [f"column library_alpha.{key} checked and filled"]
        assert (wrong(state), migrated(state)) == ([], [])

    def test_prune_drops_it(self, server):
        without = with_rows(FLAG)
        after(add(EVEN), state=without)
        migrated(without, prune=True)
        assert (hidden(), indexes()) == ([], set())
        assert migrated(without) == []

    def test_inspectdb_tells_of_it_in_a_comment(self, server):
        after(add(EVEN), state=with_rows(FLAG))
        (key,) = hidden()
        live = read_database(transport(), "d")
        source = "\n".join(model_source(read_recorded(transport(), live)))
        assert (
            f"    # {key} enforces the unique constraint one_n, which has to be declared here as well"
            in source
        )
        assert f"{key} =" not in source


def test_the_command_corrects_rows(server, monkeypatch):
    state = after(add(EVEN), state=with_rows(FLAG))
    ours: Any = connections[APPWRITE]
    rows.update_row(ours.transport, ours.table_ref("library_alpha"), "r1", {"n": 51})
    command = "appwrite_orm_django.management.commands.appwrite_migrate"
    monkeypatch.setattr(f"{command}.chosen_models", lambda *_: models_of_state(state))
    out = StringIO()
    call_command(
        "appwrite_migrate", "--verify-unique", database=APPWRITE, stdout=out, no_color=True
    )
    assert "checked and filled... OK" in out.getvalue()
    assert wrong(state) == []
