"""A unique index that Appwrite calls available may not exist; whatever ends a run, no such index is left as if it were one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.local.server import LocalServer
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import DuplicateRows, NotAvailable
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.migrate import Options, migrate, plan_for
from appwrite_orm_django.schema.names import trial_table
from appwrite_orm_django.schema.rehearsal import requests_of

from .conftest import connect
from .killing import Killed, killable

REF = TableRef("d", "t")
NAME = Column("name", "varchar", 20)
UNIQUE = Index("name_uniq", "unique", ("name",))
MARK = trial_table("t", "name_uniq")
BEFORE = Database("d", (Table("t", "T", (NAME,)),))
AFTER = Database("d", (Table("t", "T", (NAME,), (UNIQUE,)),))


def server_with(*names: str) -> Any:
    server = killable(LocalServer)(index_lag=0)
    transport = connect(server)
    migrate(transport, BEFORE)
    rows.create_rows(transport, REF, [{"$id": f"r{number}", "name": name} for number, name in enumerate(names)])
    server.served = 0
    return server


def ids(transport: Any) -> list[str]:
    return [row["$id"] for row in rows.list_rows(transport, REF)["rows"]]


def killed(server: Any, wanted: Database, number: int, after: bool, **how: Any) -> bool:
    """Migrate until a request that is the last one; tell whether there were so many."""
    server.served, server.dies_at, server.after = 0, number, after
    try:
        migrate(connect(server), wanted, **how)
    except Killed:
        return True
    except DuplicateRows:
        return False
    else:
        return False
    finally:
        server.dies_at = None


@pytest.mark.parametrize("after", [False, True], ids=["before it came", "after it was carried out"])
def test_killed_at_every_request_no_index_is_left_that_does_not_bite(after):
    """The duplicates are such as only the server knows of: a fold that sees none stands for clients that write meanwhile."""
    number = 1
    while killed(server := server_with("Tea", "tea"), AFTER, number, after, fold=str):
        transport = connect(server)
        with pytest.raises(DuplicateRows, match="does not enforce it"):
            migrate(transport, AFTER, fold=str)
        assert read_database(transport, "d").table("t").indexes == (), number
        assert ids(transport) == ["r0", "r1"], number
        rows.update_row(transport, REF, "r1", {"name": "Milk"})
        assert migrate(transport, AFTER, fold=str) == []
        assert {table.id for table in read_database(transport, "d")} == {"t"}
        number += 1
    assert number > 8


@pytest.mark.parametrize("after", [False, True], ids=["before it came", "after it was carried out"])
def test_killed_at_every_request_an_index_that_bites_stays(after):
    number = 1
    while killed(server := server_with("Tea", "Milk"), AFTER, number, after):
        transport = connect(server)
        assert migrate(transport, AFTER) == []
        assert plan_for(transport, AFTER).steps == ()
        live = read_database(transport, "d")
        assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,)), number
        assert ids(transport) == ["r0", "r1"], number
        with pytest.raises(UniqueViolation):
            rows.create_row(transport, REF, "r2", {"name": "TEA"})
        number += 1
    assert number > 8


def untried(*names: str) -> Any:
    """Return a transport to a server where a run was killed when the index had just been made."""
    server = server_with(*names)
    requests: list[str] = []
    transport = connect(server)
    transport.add_listener(lambda record: requests.append(f"{record.method} {record.path}"))
    migrate(transport, AFTER)
    server = server_with(*names)
    assert killed(server, AFTER, requests.index("POST /tablesdb/d/tables/t/indexes") + 1, after=True)
    return connect(server)


def test_the_plan_says_that_an_index_was_not_tried_out():
    transport = untried("Tea", "Milk")
    plan = plan_for(transport, AFTER)
    assert [f"{step.sign} {step} ({step.warning})" for step in plan.steps] == [
        "~ index t.name_uniq unique (name) tried out (the run that made it was stopped before it could)"
    ]
    assert plan.destructive == ()
    assert requests_of(transport, plan) == [("DELETE", f"/tablesdb/d/tables/{MARK}", {})]


def test_an_index_that_no_model_has_any_more_is_not_tried_out():
    transport = untried("Tea", "Milk")
    assert plan_for(transport, BEFORE).steps == ()
    notes = migrate(transport, BEFORE, Options(prune=True))
    assert notes == []
    assert [(table.id, table.indexes) for table in read_database(transport, "d")] == [("t", ())]


def test_what_is_left_of_a_trial_of_an_index_that_has_gone_is_pruned():
    transport = untried("Tea", "Milk")
    index_routes.delete_index(transport, REF, "name_uniq")
    plan = plan_for(transport, BEFORE)
    assert (plan.steps, [str(step) for step in plan.left]) == ((), [f"table {MARK}"])
    migrate(transport, BEFORE, Options(prune=True), agree=lambda plan: not plan.destructive)
    assert {table.id for table in read_database(transport, "d")} == {"t"}


def test_an_index_whose_rows_have_gone_has_nothing_to_try():
    transport = untried("Tea")
    rows.delete_row(transport, REF, "r0")
    assert migrate(transport, AFTER) == []
    assert {table.id for table in read_database(transport, "d")} == {"t"}


def test_an_untried_index_goes_with_a_column_of_another_type():
    transport = untried("1", "2")
    after = Database("d", (Table("t", "T", (Column("name", "integer"),), (UNIQUE,)),))
    assert migrate(transport, after) == []
    live = read_database(transport, "d")
    assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))


@pytest.mark.parametrize("names", [("Tea", "Milk"), ("Tea", "tea")], ids=["distinct", "duplicates"])
def test_several_runs_at_once(names):
    server = server_with(*names)

    def run(_number: int) -> str:
        try:
            return str(migrate(connect(server), AFTER, fold=str, deadline_s=1.0))
        except (DuplicateRows, NotAvailable) as error:
            return type(error).__name__

    with ThreadPoolExecutor(4) as executor:
        outcomes = set(executor.map(run, range(4)))
    transport = connect(server)
    assert ids(transport) == ["r0", "r1"]
    live = read_database(transport, "d")
    if names[1] == "Milk":
        assert outcomes == {"[]"}
        assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))
    else:
        assert outcomes <= {"DuplicateRows", "NotAvailable"}
        assert live.table("t").indexes == () or live.table(MARK) is not None
