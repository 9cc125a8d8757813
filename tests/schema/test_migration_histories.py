"""
Random histories of migrations go on Appwrite as they go on SQLite, and ``appwrite_migrate`` has nothing to add to them.

On local servers of both feature levels. ``make migration-histories`` lives many more.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connections, migrations
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.engines import ENGINES, Engine
from appwrite_orm_django.schema.errors import MissingValues, UnconvertibleRows
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.from_server import read_database
from tests import real
from tests.twin.base import DatabaseWrapper as Twin

from .conftest import LEVELS, Options, connect, migrate, plan_for
from .killing import Killed, a_killable_server
from .migration_histories import (
    APP,
    REFUSED,
    VALUES,
    History,
    Step,
    carry_out,
    content,
    fill_tables,
    histories,
    models_of_state,
    operations_between,
    state_of,
    tries,
)
from .random_models import KINDS

APPWRITE, SQLITE = "appwrite", "twin"
# A real server takes most of a minute for each.
EXAMPLES = int(os.environ.get("MIGRATION_HISTORIES", "3" if real.server() else "15"))
COMMON: dict[str, Any] = {
    "deadline": None,
    "derandomize": "MIGRATION_HISTORIES" not in os.environ,
    "print_blob": True,
    "report_multiple_bugs": False,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
}


class Behind(DatabaseWrapper):
    """The alias on a server of the test's own."""

    server_transport: Any
    server_engine: str

    @property
    def engine(self) -> Engine:
        return ENGINES[self.server_engine]

    @property
    def key_transport(self) -> Any:
        return self.server_transport


@contextmanager
def databases(server: Any) -> Iterator[Any]:
    """Put a server and an empty SQLite database behind the aliases, and yield the server."""
    old = {alias: connections[alias] for alias in (APPWRITE, SQLITE)}
    ours = Behind(
        {**old[APPWRITE].settings_dict, "NAME": "d", "OPTIONS": {"CACHE": {"ENABLED": False}}},
        APPWRITE,
    )
    ours.server_transport = connect(server)
    real_server = real.server()
    ours.server_engine = real_server.text if real_server else server.engine.name
    connections[APPWRITE] = ours
    options = {"ENGINE": old[SQLITE].engine.name}
    connections[SQLITE] = Twin(
        {**old[SQLITE].settings_dict, "NAME": ":memory:", "OPTIONS": options}, SQLITE
    )
    try:
        yield server
    finally:
        connections[SQLITE].close()
        for alias, connection in old.items():
            connections[alias] = connection


def remaining(state: Any) -> list[str]:
    """Return what ``appwrite_migrate`` would do, and what it would leave as nobody's."""
    ours: Any = connections[APPWRITE]
    fill = partial(fill_of, connection=ours)
    wanted = read_models("d", models_of_state(state), fill, ours.engine)
    plan = plan_for(ours.transport, wanted, Options(all_tables=False, engine=ours.engine))
    return [f"{step.sign} {step}" for step in (*plan.steps, *plan.left)]


class Refused(Exception):
    """Both sides refuse the rest of a history, or ours does with good reason."""


def both(operation: Any, state: Any) -> Any:
    """
    Carry out an operation on both sides, and return the state after it.

    What Appwrite refuses and SQLite does not: another id for a table with rows, and values that do not fit a column.

    Raises:
        Refused: it cannot go on.
    """
    note(f"{operation.describe()}")
    try:
        state.apps  # noqa: B018 - made when it is looked at
    except ValueError as error:
        # makemigrations has deleted a model before the field that points to it; Django makes no models of such a state.
        raise Refused from error
    try:
        after = carry_out(operation, APPWRITE, state)
    except REFUSED as error:
        note(f"refused: {type(error).__name__}: {error}")
        if not isinstance(
            error, UnconvertibleRows
        ) and "cannot change the id of a table" not in str(error):
            with pytest.raises(REFUSED):
                carry_out(operation, SQLITE, state)
        same_rows(state)
        raise Refused from error
    try:
        carry_out(operation, SQLITE, state)
    except (FieldDoesNotExist, ValueError) as error:
        # SQLite makes a table anew from its model, and makemigrations has taken a field before the constraint over it. Or there are two
        # unique indexes over one field, and Django does not know which to take.
        raise Refused from error
    except IntegrityError as error:
        # Appwrite has no foreign keys: rows may point at what is gone.
        if "foreign key" not in str(error):
            raise
        raise Refused from error
    return after


def same_rows(state: Any) -> None:
    found, expected = content(state, APPWRITE), content(state, SQLITE)
    assert found == expected


def live(history: History) -> None:
    state = state_of(())
    things: Any = ()
    for step in (Step(history.first), *history.steps):
        for operation in operations_between(state, step):
            try:
                state = both(operation, state)
            except Refused:
                return
        things = step.things
        same_rows(state)
        assert remaining(state) == []
        assert list(tries(state, things, APPWRITE)) == list(tries(state, things, SQLITE))
        numbers = history.seeds if step.things is history.first else (20 + step.seed,)
        made = [fill_tables(state, things, numbers, alias) for alias in (APPWRITE, SQLITE)]
        assert made[0] == made[1]
        same_rows(state)


@pytest.fixture(autouse=True)
def unblocked(django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def test_every_kind_of_field_has_values() -> None:
    assert KINDS.keys() == VALUES.keys()


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=EXAMPLES, **COMMON)
@given(history=histories())
def test_goes_as_on_sqlite(history: History, level: str) -> None:
    with databases(a_killable_server(level)):
        live(history)


class Elsewhere(Exception):
    """A change that ``appwrite_migrate`` is not told of: another name of a table, or a default that only a migration has."""


def by_appwrite_migrate(state: Any, step: Step, operations: Any) -> Any:
    """
    Bring Appwrite to the models of a step with ``appwrite_migrate``, and SQLite with the step's migration; return the state after it.

    Raises:
        Elsewhere, Refused: it cannot go on.
    """
    renames: dict[tuple[str, str], str] = {}
    after = state
    for operation in operations:
        if isinstance(operation, (migrations.RenameModel, migrations.AlterModelTable)):
            raise Elsewhere
        if not getattr(operation, "preserve_default", True):
            # Only the migration has the one-off default.
            raise Elsewhere
        before = after
        try:
            after = carry_out(operation, SQLITE, before)
        except REFUSED as error:
            raise Refused from error
        if isinstance(operation, migrations.RenameField):
            model = after.apps.get_model(APP, operation.model_name)
            new = model._meta.get_field(operation.new_name)
            old = before.apps.get_model(APP, operation.model_name)._meta.get_field(
                operation.old_name
            )
            if new.many_to_many:
                raise Elsewhere
            renames[model._meta.db_table, new.column] = old.column
    ours: Any = connections[APPWRITE]
    wanted = read_models(
        "d", models_of_state(after), partial(fill_of, connection=ours), ours.engine
    )
    try:
        migrate(
            ours.transport,
            wanted,
            Options(prune=True, renames=renames, engine=ours.engine),
            hidden=HiddenValues(ours),
        )
    except (MissingValues, UnconvertibleRows) as error:
        note(f"refused: {error}")
        raise Elsewhere from error
    return after


def live_by_appwrite_migrate(history: History) -> None:
    """Migrations that come afterwards find everything done."""
    state = state_of(())
    things: Any = ()
    for step in (Step(history.first), *history.steps):
        operations = operations_between(state, step)
        note("; ".join(operation.describe() for operation in operations))
        try:
            after = by_appwrite_migrate(state, step, operations)
        except (Elsewhere, Refused):
            return
        same_rows(after)
        assert remaining(after) == []
        for operation in operations:
            state = carry_out(operation, APPWRITE, state)
        things = step.things
        same_rows(state)
        assert remaining(state) == []
        assert list(tries(state, things, APPWRITE)) == list(tries(state, things, SQLITE))
        numbers = history.seeds if step.things is history.first else (20 + step.seed,)
        made = [fill_tables(state, things, numbers, alias) for alias in (APPWRITE, SQLITE)]
        assert made[0] == made[1]
        same_rows(state)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=EXAMPLES, **COMMON)
@given(history=histories())
def test_appwrite_migrate_ends_where_migrations_do(history: History, level: str) -> None:
    with databases(a_killable_server(level)):
        live_by_appwrite_migrate(history)


def forwards(operations: Any, state: Any) -> Any:
    for operation in operations:
        state = carry_out(operation, APPWRITE, state)
    return state


def reached(state: Any) -> Any:
    live = read_database(connections[APPWRITE].transport, "d")
    return content(state, APPWRITE), {
        table.id: (frozenset(table.columns), frozenset(index.definition for index in table.indexes))
        for table in live
    }


@pytest.mark.local_only("needs hundreds of servers")
@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=max(1, EXAMPLES // 5), **COMMON)
@given(history=histories(most=1), after=st.booleans())
def test_stopped_at_every_request_a_migration_goes_on(
    history: History, after: bool, level: str
) -> None:
    """Its operations run again from the first one on."""
    (step,) = history.steps

    def begun() -> tuple[Any, Any]:
        state = forwards(operations_between(state_of(()), Step(history.first)), state_of(()))
        fill_tables(state, history.first, history.seeds, APPWRITE)
        return state, operations_between(state, step)

    with databases(a_killable_server(level)):
        state, operations = begun()
        note("; ".join(operation.describe() for operation in operations))
        try:
            expected = reached(forwards(operations, state))
        except REFUSED:
            return
    for dies_at in itertools.count(1):
        server = a_killable_server(level)
        with databases(server):
            state, operations = begun()
            server.served, server.dies_at, server.after = 0, dies_at, after
            try:
                forwards(operations, state)
            except Killed:
                ended = False
            else:
                ended = True
            server.dies_at = None
            if not ended:
                note(f"killed {'after' if after else 'before'} request {dies_at}")
                assert reached(forwards(operations, state)) == expected
        if ended:
            break
