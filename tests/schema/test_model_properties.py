"""From any set of models to any other: what the plan promised holds, also for a run that dies at any of its requests."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from appwrite_local.server import LocalServer
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.queries import limit, select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.comparison import same_storage
from appwrite_orm_django.schema.conversion import convert
from appwrite_orm_django.schema.definitions import TEXT_TYPES, Column, Database
from appwrite_orm_django.schema.definitions import value_of as fill_value
from appwrite_orm_django.schema.encodings import reads_alike
from appwrite_orm_django.schema.errors import DuplicateRows, MissingValues, UnconvertibleRows
from appwrite_orm_django.schema.from_server import read_database, read_table
from appwrite_orm_django.schema.names import OWN_TABLES
from appwrite_orm_django.schema.records import read_recorded
from appwrite_orm_django.schema.steps import Plan, RenameColumn, ReplaceColumn

from .conftest import (
    ENGINE,
    LEVELS,
    InlineServer,
    Options,
    connect,
    migrate,
    plan_for,
    requests_of,
)
from .killing import Killed, killable
from .random_models import Change, changes, same_value, value_of

pytestmark = pytest.mark.local_only("copies the local server with its content, hundreds of times")
REFUSALS = (DuplicateRows, MissingValues, UnconvertibleRows)


def new_server(level: str) -> Any:
    cls = killable(InlineServer if level == "2.x" else LocalServer)
    return cls(feature_level=level, index_lag=0, engine=ENGINE.name)


def copied(server: Any, level: str) -> Any:
    """Return a server with the same content."""
    other = new_server(level)
    with server.storage._connection() as source, other.storage._connection() as target:
        source.backup(target)
    return other


def load(transport: Any, database: Database, seeds: tuple[int, ...]) -> None:
    """Rows in every table; those that a unique index refuses stay out."""
    for table in database:
        for number, seed in enumerate(seeds if table.columns else ()):
            data = {
                column.key: value_of(column, (seed + place) % 8, number)
                for place, column in enumerate(table.columns)
            }
            data["$createdAt"] = f"2026-01-0{number + 1}T00:00:00.000+00:00"
            with contextlib.suppress(UniqueViolation):
                rows.create_row(transport, TableRef("d", table.id), f"r{number}", data)


def models_tables(transport: Any) -> Database:
    """Return the live database without the library's own tables, and with what it has recorded of the columns."""
    live = read_database(transport, "d")
    assert live is not None
    known = read_recorded(transport, live)
    return replace(
        known, tables=tuple(table for table in known if not table.id.startswith(OWN_TABLES))
    )


def content(transport: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Return table id to row id to row, without what every write changes."""
    found = {}
    for table in models_tables(transport):
        page = rows.list_rows(transport, TableRef("d", table.id), [limit(100), select(["*"])])[
            "rows"
        ]
        found[table.id] = {
            row["$id"]: {
                key: value for key, value in row.items() if key not in {"$updatedAt", "$sequence"}
            }
            for row in page
        }
    return found


def schema(transport: Any) -> Database:
    live = models_tables(transport)
    return replace(live, tables=tuple(read_table(transport, "d", table) for table in live))


def assert_records(transport: Any, wanted: Database) -> None:
    """Of every column, and of every table's row ids, there is recorded what the models say."""
    live = models_tables(transport)
    for table in wanted:
        found = live.table(table.id)
        assert found is not None
        assert found.id_encoding == table.id_encoding
        for column in table.columns:
            there = found.column(column.key)
            assert there is not None
            assert there.encoding == column.encoding, (table.id, column)


def assert_schema(transport: Any, wanted: Database, *, exact: bool) -> None:
    live = schema(transport)
    for table in wanted:
        found = live.table(table.id)
        assert found is not None, table.id
        for column in table.columns:
            there = found.column(column.key)
            assert there is not None, (table.id, column)
            assert as_wanted(there, column) == column, (there, column)
        definitions = {index.definition for index in found.indexes}
        assert definitions >= {index.definition for index in table.indexes}
        assert found.permissions == (table.permissions or found.permissions)
        assert found.row_security >= table.row_security
        statuses = {item.status for item in (*found.columns, *found.indexes)}
        assert statuses <= {"available"}
        if exact:
            assert {column.key for column in found.columns} == {
                column.key for column in table.columns
            }
            assert definitions == {index.definition for index in table.indexes}
    if exact:
        assert {table.id for table in live} == {table.id for table in wanted}


def as_wanted(there: Column, wanted: Column) -> Column:
    """Take a text type that holds more for the one that was asked for."""
    if there.type in TEXT_TYPES and wanted.type in TEXT_TYPES and same_storage(there, wanted):
        return replace(there, type=wanted.type)
    return there


def expected_rows(
    old: dict[str, Any],
    before: Database,
    after: Database,
    plan: Plan,
    *,
    kept_only: bool = False,
    converts: bool = True,
) -> dict[str, Any]:
    """Return table id to row id to the values that the plan has promised, or of these only those that are kept, or as they were."""
    renamed = {
        (step.table, step.column.key): step.old
        for step in plan.steps
        if isinstance(step, RenameColumn)
    }
    expected: dict[str, Any] = {}
    for table in after:
        known = before.table(table.id)
        if known is None:
            continue
        # What was renamed away is not the source of a new column of its old name.
        gone = {old_key for (table_id, _new), old_key in renamed.items() if table_id == table.id}
        expected[table.id] = {}
        for row_id, row in old[table.id].items():
            values = {}
            for column in table.columns:
                source_key = renamed.get(
                    (table.id, column.key), column.key if column.key not in gone else ""
                )
                source = known.column(source_key) if source_key else None
                value = row[source_key] if source is not None else None
                if converts and source is not None and not is_as_it_was(source, column):
                    value = convert(value, source, column)
                if value is None and kept_only:
                    continue
                given = fill_value(column.fill) if column.default is None else column.default
                is_filled = source is None or column.required or column.default is not None
                values[column.key] = given if value is None and is_filled else value
            expected[table.id][row_id] = values
    return expected


def is_as_it_was(source: Column, column: Column) -> bool:
    return same_storage(source, column) and reads_alike(source.encoding, column.encoding)


def assert_rows(found: dict[str, Any], expected: dict[str, Any], after: Database) -> None:
    for table_id, kept in expected.items():
        assert set(found[table_id]) == set(kept), table_id
        table = after.table(table_id)
        assert table is not None
        for row_id, values in kept.items():
            for key, value in values.items():
                column = table.column(key)
                assert column is not None
                got = found[table_id][row_id][key]
                assert holds(got, value, column), (table_id, row_id, key, got, value)


def holds(got: Any, value: Any, column: Column) -> bool:
    if column.array:
        return (got or []) == (value or [])
    if column.type == "datetime" and isinstance(value, str) and isinstance(got, str):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(got) == datetime.fromisoformat(value)
        return got == value
    return bool(same_value(got, value))


def assert_values_somewhere(found: dict[str, Any], prepared: Prepared) -> None:
    """Every value that is kept is in its row, converted or not, in whichever column an interrupted run has left it."""
    known = (prepared.old, prepared.before, prepared.after, prepared.plan)
    expected, unconverted = (
        expected_rows(*known, kept_only=True),
        expected_rows(*known, converts=False),
    )
    for table_id, kept in expected.items():
        assert set(found[table_id]) == set(kept), table_id
        table = prepared.after.table(table_id)
        assert table is not None
        for row_id, values in kept.items():
            there = list(found[table_id][row_id].values())
            for key, value in values.items():
                column, was = table.column(key), unconverted[table_id][row_id][key]
                assert column is not None
                assert any(holds(got, value, column) or holds(got, was, column) for got in there), (
                    table_id,
                    row_id,
                    key,
                )


def assert_nothing_lost(
    found: dict[str, Any], prepared: Prepared, error: Exception, *, resumed: bool
) -> None:
    """
    A run that was refused was refused before it did anything.

    But for duplicates among the values that new columns have been filled with: by then all that was promised has been kept. A run that
    follows one that was killed sees such duplicates before it goes on, and leaves what it finds.
    """
    if found == prepared.old:
        return
    assert isinstance(error, DuplicateRows), error
    if resumed:
        assert_values_somewhere(found, prepared)
        return
    expected = expected_rows(
        prepared.old, prepared.before, prepared.after, prepared.plan, kept_only=True
    )
    assert_rows(found, expected, prepared.after)


def assert_nothing_to_do(server: Any, wanted: Database) -> None:
    transport, made = connect(server), []
    transport.add_listener(made.append)
    assert migrate(transport, wanted) == []
    assert {record.method for record in made} == {"GET"}
    # The list of tables, and the records of up to 500 columns.
    assert len(made) == 2


class Prepared:
    """A server with the first schema and its rows, to be copied for every run."""

    def __init__(self, change: Change, level: str) -> None:
        self.level = level
        self.before, self.after = change.before.read(), change.after.read()
        self.options = Options(prune=change.prune, renames=change.renames)
        self.server = new_server(level)
        transport = connect(self.server)
        assert migrate(transport, self.before) == []
        assert_nothing_to_do(self.server, self.before)
        load(transport, self.before, change.seeds)
        self.old = content(transport)
        self.plan = plan_for(transport, self.after, self.options)
        note("\n".join(f"{step.sign} {step}" for step in self.plan.steps))

    def run(self, server: Any, *, resumed: bool = False) -> list[str] | str:
        """Migrate to the end; return the notes, or the class of what was refused."""
        transport = connect(server)
        try:
            notes = migrate(transport, self.after, self.options)
        except REFUSALS as error:
            assert_nothing_lost(content(transport), self, error, resumed=resumed)
            return type(error).__name__
        self.assert_reached(server)
        return notes

    def assert_reached(self, server: Any) -> None:
        transport = connect(server)
        assert plan_for(transport, self.after, self.options).steps == ()
        assert_schema(transport, self.after, exact=self.options.prune)
        assert_records(transport, self.after)
        assert_rows(
            content(transport),
            expected_rows(self.old, self.before, self.after, self.plan),
            self.after,
        )

    def killed_at(self, number: int, after: bool) -> tuple[Any, bool]:
        """Return a server on which a run was killed, and whether it got to its end instead."""
        server = copied(self.server, self.level)
        server.served, server.dies_at, server.after = 0, number, after
        try:
            migrate(connect(server), self.after, self.options)
        except Killed:
            ended = False
        except REFUSALS:
            ended = True
        else:
            ended = True
        server.dies_at = None
        return server, ended


COMMON: dict[str, Any] = {
    "deadline": None,
    "report_multiple_bugs": False,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
}
#: A long run takes the figures from the environment.
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "40"))
KILLED_EXAMPLES = int(os.environ.get("SCHEMA_KILLED_EXAMPLES", "3"))


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=EXAMPLES, **COMMON)
@given(change=changes())
def test_the_plan_keeps_its_promises(change: Change, level: str) -> None:
    prepared = Prepared(change, level)
    prepared.run(copied(prepared.server, level))


@pytest.mark.engine("mariadb", "postgresql", reason="only 2.x takes everything inline")
@settings(max_examples=EXAMPLES, **COMMON)
@given(change=changes())
def test_a_dry_run_shows_the_requests_of_the_run(change: Change) -> None:
    """On a server that takes everything inline; but for copies of values, which depend on the rows."""
    prepared = Prepared(change, "2.x")
    transport = connect(prepared.server)
    try:
        expected = requests_of(transport, prepared.plan)
    except REFUSALS:
        return
    made = []
    transport.add_listener(lambda record: made.append((record.method, record.path)))
    with contextlib.suppress(DuplicateRows):
        Application(transport, prepared.plan, engine=ENGINE).run()
        shown = [(method, path) for method, path, _body in expected]
        assert sorted(without_copies(made, prepared.plan)) == sorted(
            without_copies(shown, prepared.plan)
        )


def without_copies(requests: list[tuple[str, str]], plan: Plan) -> list[tuple[str, str]]:
    return [request for request in requests if request[0] != "GET" and not is_copy(request, plan)]


def is_copy(request: tuple[str, str], plan: Plan) -> bool:
    """Tell whether a request copies values, or tries out a unique index."""
    method, path = request
    replaced = {step.table for step in plan.steps if isinstance(step, ReplaceColumn)}
    if (method == "POST" and path.endswith("/rows")) or "/transactions" in path:
        return True
    return any(f"/{table}/rows" in path for table in replaced)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=KILLED_EXAMPLES, **COMMON)
@given(change=changes(), after=st.booleans())
def test_killed_at_every_request_it_ends_in_the_same_place(
    change: Change, after: bool, level: str
) -> None:
    prepared = Prepared(change, level)
    whole = copied(prepared.server, level)
    outcome = prepared.run(whole)
    reached = (final_schema(whole), content(connect(whole)))
    number = 1
    while True:
        server, ended = prepared.killed_at(number, after)
        if ended:
            break
        note(f"killed {'after' if after else 'before'} request {number}")
        again = prepared.run(server, resumed=True)
        assert type(again) is type(outcome)
        if not isinstance(outcome, str):
            assert (final_schema(server), content(connect(server))) == reached
        number += 1
        assert number < 2000


def final_schema(server: Any) -> Any:
    return {
        table.id: (
            frozenset(table.columns),
            frozenset(index.definition for index in table.indexes),
            table.permissions,
            table.row_security,
        )
        for table in schema(connect(server))
    }
