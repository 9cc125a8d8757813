"""A unique index that Appwrite calls available may not exist; whatever ends a run, no such index is left as if it were one."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from appwrite_orm_django.client import rows
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.errors import IndexNotFound, UniqueViolation
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.apply import indexes as apply_indexes
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import DuplicateRows, NotAvailable
from appwrite_orm_django.schema.names import copies_prefix, trial_table
from tests.settled import indexes as index_routes
from tests.settled import settle, settled_database

from .conftest import ENGINE, Options, connect, migrate, plan_for, requests_of
from .killing import Killed, a_killable_server

REF = TableRef("d", "t")
NAME = Column("name", "varchar", 20)
UNIQUE = Index("name_uniq", "unique", ("name",))
MARK = trial_table("t", "name_uniq")
BEFORE = Database("d", (Table("t", "T", (NAME,)),))
# Rows that only the server takes as duplicates: no two texts are equal to this library.
BLIND = Options(engine=replace(ENGINE, equality_key=lambda _text: object()))
ALIKE = ("Tea", "tea" if ENGINE.folds_text else "Tea")
AFTER = Database("d", (Table("t", "T", (NAME,), (UNIQUE,)),))


def server_with(*names: str) -> Any:
    server = a_killable_server()
    transport = connect(server)
    migrate(transport, BEFORE)
    rows.create_rows(
        transport, REF, [{"$id": f"r{number}", "name": name} for number, name in enumerate(names)]
    )
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
    while killed(server := server_with(*ALIKE), AFTER, number, after, options=BLIND):
        transport = connect(server)
        with pytest.raises(DuplicateRows, match="does not enforce it"):
            migrate(transport, AFTER, BLIND)
        assert settled_database(transport, "d").table("t").indexes == (), number
        assert ids(transport) == ["r0", "r1"], number
        rows.update_row(transport, REF, "r1", {"name": "Milk"})
        assert migrate(transport, AFTER, BLIND) == []
        assert {table.id for table in settled_database(transport, "d")} == {"t"}
        number += 1
    assert number > 4


@pytest.mark.parametrize("after", [False, True], ids=["before it came", "after it was carried out"])
def test_killed_at_every_request_an_index_that_bites_stays(after):
    number = 1
    while killed(server := server_with("Tea", "Milk"), AFTER, number, after):
        transport = connect(server)
        assert migrate(transport, AFTER) == []
        assert plan_for(transport, AFTER).steps == ()
        live = settled_database(transport, "d")
        assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,)), number
        assert ids(transport) == ["r0", "r1"], number
        with pytest.raises(UniqueViolation):
            rows.create_row(transport, REF, "r2", {"name": "TEA" if ENGINE.folds_text else "Tea"})
        number += 1
    assert number > 4


def untried(*names: str) -> Any:
    """Return a transport to a server where a run was killed when the index had just been made."""
    server = server_with(*names)
    requests: list[str] = []
    transport = connect(server)
    transport.add_listener(lambda record: requests.append(f"{record.method} {record.path}"))
    migrate(transport, AFTER)
    requests = [request for request in requests if not request.startswith("GET")]
    server = server_with(*names)
    assert killed(
        server, AFTER, requests.index("POST /tablesdb/d/tables/t/indexes") + 1, after=True
    )
    transport = connect(server)
    settle(transport, REF)
    return transport


def test_the_plan_says_that_an_index_was_not_tried_out():
    transport = untried("Tea", "Milk")
    plan = plan_for(transport, AFTER)
    assert [f"{step.sign} {step} ({step.warning})" for step in plan.steps] == [
        "~ index t.name_uniq unique (name) tried out (the run that created it was stopped before it could)"
    ]
    assert plan.destructive == ()
    assert requests_of(transport, plan) == [("DELETE", f"/tablesdb/d/tables/{MARK}", {})]


def test_an_index_that_no_model_has_any_more_is_not_tried_out():
    transport = untried("Tea", "Milk")
    assert plan_for(transport, BEFORE).steps == ()
    notes = migrate(transport, BEFORE, Options(prune=True))
    assert notes == []
    assert [(table.id, table.indexes) for table in settled_database(transport, "d")] == [("t", ())]


def test_what_is_left_of_a_trial_of_an_index_that_has_gone_is_pruned():
    transport = untried("Tea", "Milk")
    index_routes.delete_index(transport, REF, "name_uniq")
    plan = plan_for(transport, BEFORE)
    assert (plan.steps, [str(step) for step in plan.left]) == ((), [f"table {MARK}"])
    migrate(transport, BEFORE, Options(prune=True), agree=lambda plan: not plan.destructive)
    assert {table.id for table in settled_database(transport, "d")} == {"t"}


def test_an_index_whose_rows_have_gone_has_nothing_to_try():
    transport = untried("Tea")
    rows.delete_row(transport, REF, "r0")
    assert migrate(transport, AFTER) == []
    assert {table.id for table in settled_database(transport, "d")} == {"t"}


def test_an_untried_index_goes_with_a_column_of_another_type():
    transport = untried("1", "2")
    other = Column.enum("name", ("1", "2"), required=False)
    after = Database("d", (Table("t", "T", (other,), (UNIQUE,)),))
    assert migrate(transport, after) == []
    live = settled_database(transport, "d")
    assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))


@pytest.mark.parametrize("names", [("Tea", "Milk"), ALIKE], ids=["distinct", "duplicates"])
def test_several_runs_at_once(names):
    server = server_with(*names)

    def run(_number: int) -> str:
        try:
            return str(migrate(connect(server), AFTER, BLIND))
        except DuplicateRows as error:
            return str(error)

    with ThreadPoolExecutor(4) as executor:
        outcomes = set(executor.map(run, range(4)))
    transport = connect(server)
    assert ids(transport) == ["r0", "r1"]
    live = settled_database(transport, "d")
    if names[1] == "Milk":
        assert outcomes == {"[]"}
        assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))
    else:
        assert {outcome[:40] for outcome in outcomes} == {
            "t: Appwrite calls the unique index name_"
        }, outcomes
        assert live.table("t").indexes == ()


def dropped_by_another_run(server: Any, when: str, times: int = 1) -> Any:
    """Return a transport to a server where, at each of its first such requests, another client drops the index."""
    transport, other, left = connect(server), connect(server), [None] * times

    def drop(record: Any) -> None:
        if f"{record.method} {record.path}" == when and left:
            with contextlib.suppress(IndexNotFound):
                index_routes.delete_index(other, REF, "name_uniq")
                left.pop()

    transport.add_listener(drop)
    return transport


MADE, TRIED = "POST /tablesdb/d/tables/t/indexes", "POST /tablesdb/d/tables/t/rows"


@pytest.mark.parametrize("delay_s", [0.0, 0.05], ids=["gone at once", "gone later"])
@pytest.mark.parametrize(("when", "times"), [(MADE, 1), (MADE, 5), (TRIED, 1)])
def test_an_index_that_another_run_drops_is_made_and_tried_again(when, times, delay_s):
    """As a run does that has found duplicates; this one must say so itself, and not wait for an index that has gone."""
    server = server_with(*ALIKE)
    server.column_delay_s = delay_s
    with pytest.raises(DuplicateRows, match="does not enforce it"):
        migrate(dropped_by_another_run(server, when, times), AFTER, BLIND)
    server.column_delay_s = 0.0
    rows.update_row(connect(server), REF, "r1", {"name": "Milk"})
    assert migrate(dropped_by_another_run(server, when, times), AFTER, BLIND) == []
    live = settled_database(connect(server), "d")
    assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))


def test_an_index_to_be_tried_that_another_run_drops_is_made_again():
    transport = untried("Tea", "Milk")
    plan = plan_for(transport, AFTER)
    index_routes.delete_index(transport, REF, "name_uniq")
    assert migrate(transport, AFTER, BLIND, plan=plan) == []
    live = settled_database(transport, "d")
    assert ({table.id for table in live}, live.table("t").indexes) == ({"t"}, (UNIQUE,))


def test_an_index_that_is_dropped_again_and_again_is_given_up(monkeypatch):
    monkeypatch.setattr(apply_indexes, "MOST_ATTEMPTS", 3)
    server = server_with("Tea", "Milk")
    with pytest.raises(NotAvailable, match="dropped by another client each time"):
        migrate(dropped_by_another_run(server, MADE, 9), AFTER)


def test_an_index_that_appears_while_the_plan_is_made_is_not_taken_for_one_that_was_tried():
    server = server_with(*ALIKE)
    transport, requests = connect(server), iter(range(99))

    def make(record: Any) -> None:
        if next(requests) == 0:
            assert record.path == "/tablesdb/d/tables", (
                "the list of tables, in which the index is not yet"
            )
            other = connect(server)
            table_routes.create_table(other, TableRef("d", MARK), "not yet tried out")
            index_routes.create_index(other, REF, "name_uniq", "unique", ["name"])

    transport.add_listener(make)
    assert [step.sign for step in plan_for(transport, AFTER).steps] == ["~"]


def test_what_another_run_tries_out_is_no_duplicate():
    """A copy of a row stands there for a moment, and for longer if that run is killed."""
    transport = untried("Tea", "Milk")
    index_routes.delete_index(transport, REF, "name_uniq")
    rows.create_row(transport, REF, f"{copies_prefix('t', 'name_uniq')}1", {"name": "Tea"})
    assert migrate(transport, AFTER) == []
    assert (ids(transport), settled_database(transport, "d").table("t").indexes) == (
        ["r0", "r1"],
        (UNIQUE,),
    )
