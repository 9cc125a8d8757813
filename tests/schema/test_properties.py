"""From any schema to any other: the server ends up with what was asked for, and rows keep what the plan did not threaten."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import DuplicateRows, MissingValues, UnconvertibleRows
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.limits import index_lengths
from appwrite_orm_django.schema.steps import DropColumn, ReplaceColumn
from tests import real

from .conftest import InlineServer, Options, a_server, connect, migrate, plan_for
from .killing import Killed

KEYS = ["a", "b", "c", "d"]
PRUNE = Options(prune=True)

#: Column options, a value that every such column takes, and a value to fill with.
KINDS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "varchar", "size": 10}, "5"),
    ({"type": "varchar", "size": 20}, "5"),
    ({"type": "longtext"}, "5"),
    ({"type": "integer", "min": 0, "max": 9}, 5),
    ({"type": "integer", "min": -99, "max": 99}, 5),
    ({"type": "bigint"}, 5),
    ({"type": "double"}, 5),
    ({"type": "boolean"}, True),
    ({"type": "enum", "elements": ("5", "x")}, "5"),
    ({"type": "enum", "elements": ("5",)}, "5"),
    ({"type": "datetime"}, "2026-01-01T00:00:00.000+00:00"),
    ({"type": "varchar", "size": 5, "array": True}, ["5"]),
]


@st.composite
def columns(draw, key):
    options, value = draw(st.sampled_from(KINDS))
    required = draw(st.booleans())
    scalar = not options.get("array") and options["type"] != "datetime"
    return Column(
        key, required=required, fill=value if scalar and draw(st.booleans()) else None, **options
    )


@st.composite
def schemas(draw):
    tables = []
    for table_id in draw(st.lists(st.sampled_from(["t", "u"]), unique=True)):
        made = tuple(
            draw(columns(key)) for key in draw(st.lists(st.sampled_from(KEYS), unique=True))
        )
        plain = [column for column in made if not column.array]
        indexes = []
        for column in plain if draw(st.booleans()) else []:
            index = Index(f"{column.key}_idx", "key", (column.key,))
            indexes.append(
                Index(
                    index.key,
                    "key",
                    index.columns,
                    lengths=index_lengths(table_id, index, {column.key: column}),
                )
            )
        tables.append(Table(table_id, table_id, made, tuple(indexes)))
    return Database("d", tuple(tables))


def value_of(column):
    return next(
        value
        for options, value in KINDS
        if options["type"] == column.type and bool(options.get("array")) == column.array
    )


def load(transport, database, with_nulls):
    """Three rows in each table that can have any; the last one with nulls where it may have them."""
    for table in database:
        if not table.columns:  # the server wants some data
            continue
        for number in range(3):
            data: dict[str, Any] = {"$createdAt": f"2026-01-0{number + 1}T00:00:00.000+00:00"}
            for column in table.columns:
                empty = number == 2 and with_nulls and not column.required
                data[column.key] = None if empty else value_of(column)
            rows.create_row(transport, TableRef("d", table.id), f"r{number}", data)


def rows_of(transport, database):
    return {
        table.id: {
            row["$id"]: row
            for row in rows.list_rows(transport, TableRef("d", table.id), [limit(100)])["rows"]
        }
        for table in database
    }


def assert_there(transport, wanted):
    """The live database is the one that was wanted."""
    assert plan_for(transport, wanted, PRUNE).steps == ()
    live = read_database(transport, "d")
    for table in wanted:
        found = live.table(table.id)
        assert {column.key for column in found.columns} == {column.key for column in table.columns}
        assert {index.definition for index in found.indexes} == {
            index.definition for index in table.indexes
        }
    assert {table.id for table in live} == {table.id for table in wanted}


def check(server, before, after, with_nulls, survives=None):
    transport = connect(server)
    migrate(transport, before)
    load(transport, before, with_nulls)
    old = rows_of(transport, before)
    plan = plan_for(transport, after, PRUNE)
    threatened = {
        (step.table, key)
        for step in plan.steps
        if isinstance(step, (ReplaceColumn, DropColumn))
        for key in [step.column.key if isinstance(step, DropColumn) else step.before.key]
    }
    if survives is not None:
        interrupted(transport, after, survives)
    try:
        migrate(transport, after, PRUNE)
    except (UnconvertibleRows, DuplicateRows, MissingValues):
        # Refused: then everything the plan wanted to replace or drop for it is still there, or was announced to go.
        return
    assert_there(transport, after)
    new = rows_of(transport, after)
    for table in after:
        for row_id, row in old.get(table.id, {}).items():
            for column in table.columns:
                if column.key in row and (table.id, column.key) not in threatened:
                    kept = row[column.key]
                    found = new[table.id][row_id][column.key]
                    assert found == (
                        column.fill
                        if kept is None and column.required and column.fill is not None
                        else kept
                    )
                elif column.key not in row:
                    assert new[table.id][row_id][column.key] == (
                        column.fill or ([] if column.array else None)
                    )


def interrupted(transport, wanted, survives):
    left = [survives]

    def stop(record):
        if record.method != "GET":
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    transport.add_listener(stop)
    try:
        migrate(transport, wanted, PRUNE)
    except (Killed, UnconvertibleRows, DuplicateRows, MissingValues):
        pass
    finally:
        transport.remove_listener(stop)


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


# A real server takes seconds for each.
EXAMPLES = 12 if real.server() else 60


@settings(max_examples=EXAMPLES, **COMMON)
@given(schemas(), schemas(), st.booleans())
def test_from_any_schema_to_any_other(before, after, with_nulls):
    check(a_server(), before, after, with_nulls)


@settings(max_examples=EXAMPLES, **COMMON)
@given(schemas(), schemas(), st.booleans(), st.integers(0, 12))
def test_stopped_anywhere_the_next_run_gets_there(before, after, with_nulls, survives):
    server = a_server() if real.server() else InlineServer(feature_level="2.x", index_lag=0)
    check(server, before, after, with_nulls, survives)
