"""SQLite underneath: indexes that are used, threads and processes on one file, memory that is private."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from appwrite_orm_django.local.queries import fields, parse, sql
from appwrite_orm_django.local.server import LocalServer

from .conftest import Api, query


def explain(api: Api, *queries: dict[str, object]) -> str:
    """Say how SQLite runs what a list of queries compiles to."""
    with api.server.storage.session(writes=False) as session:
        table = api.server.schema.table(session, "d", "t")
        assert table is not None
        plan = sql.compile_queries(
            [parse.parse_object(one) for one in queries], fields.table_fields(table, api.server.rules)
        )
        statement = f"EXPLAIN QUERY PLAN SELECT * FROM {table.sql} WHERE {plan.where.sql} ORDER BY {sql.order_by(plan)} LIMIT 25"
        return "\n".join(str(row[3]) for row in session.all(statement, plan.where.params))


@pytest.fixture
def indexed(api: Api) -> Api:
    api.make_table(
        ("varchar", {"key": "name", "size": 50}), ("integer", {"key": "n"}), ("varchar", {"key": "cat", "size": 50})
    )
    for key, columns in (("by_name", ["name"]), ("by_cat_n", ["cat", "n"])):
        api.ok("POST", "/tablesdb/d/tables/t/indexes", {"key": key, "type": "key", "columns": columns})
    return api


@pytest.mark.parametrize(
    "queries",
    [
        [query("equal", "name", "Étoile")],
        [query("equal", "name", "a", "b")],
        [query("greaterThan", "name", "m"), query("orderAsc", "name")],
        [query("between", "name", "a", "b")],
        [query("startsWith", "name", "New Y")],
        [query("equal", "cat", "x"), query("greaterThan", "n", 5)],
        [query("orderAsc", "name")],
        [query("orderDesc", "name")],
        [query("orderDesc", "$createdAt")],
        [query("greaterThan", "$updatedAt", "2026-01-01"), query("orderAsc", "$updatedAt")],
        [query("equal", "$id", "row")],
    ],
)
def test_filters_and_orders_use_the_index(indexed: Api, queries: list[dict[str, object]]) -> None:
    plan = explain(indexed, *queries)
    assert "USING INDEX" in plan or "USING COVERING INDEX" in plan, plan
    assert not plan.startswith("SCAN rows_1\n"), plan


def test_an_order_by_an_indexed_column_needs_no_sorting(indexed: Api) -> None:
    assert "TEMP B-TREE" not in explain(indexed, query("orderAsc", "name"))


def test_a_get_looks_one_row_up(indexed: Api) -> None:
    with indexed.server.storage.session(writes=False) as session:
        plan = session.all("EXPLAIN QUERY PLAN SELECT * FROM rows_1 WHERE _uid_fold = ?", ["x"])
    assert plan[0][3].startswith("SEARCH rows_1 USING INDEX")


def test_servers_in_memory_share_nothing() -> None:
    one, other = LocalServer(), LocalServer()
    Api(one).make_table()
    assert Api(other).ok("GET", "/tablesdb")["total"] == 0
    one.close()
    other.close()


def _work(path: str, worker: int, rounds: int) -> list[int]:
    server = LocalServer(path)
    statuses = []
    api = Api(server)
    for number in range(rounds):
        statuses.append(api.call("POST", api.rows, {"rowId": f"w{worker}-{number}", "data": {"n": number}}).status)
        statuses.append(api.call("PATCH", api.rows + "/shared/n/increment", {}).status)
        statuses.append(api.call("GET", api.rows, params={"queries[0]": '{"method":"limit","values":[5]}'}).status)
    server.close()
    return statuses


def _threads(path: str, process: int, results: multiprocessing.Queue[list[int]], threads: int, rounds: int) -> None:
    found: list[int] = []
    workers = [
        threading.Thread(target=lambda number=number: found.extend(_work(path, number, rounds)))
        for number in range(process * 10, process * 10 + threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put(found)


def test_8_threads_and_4_processes_on_one_file_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.sqlite3")
    server = LocalServer(path)
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", api.rows, {"rowId": "shared", "data": {"n": 0}})
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[int]] = context.Queue()
    rounds = 10
    processes = [
        context.Process(target=_threads, args=(path, number, results, 8 if number == 0 else 1, rounds))
        for number in range(1, 4)
    ]
    for process in processes:
        process.start()
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: found.extend(_work(path, number, rounds))) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in processes:
        found += results.get(timeout=60)
    for process in processes:
        process.join()
    assert set(found) == {200, 201}
    assert api.list()["total"] == 11 * rounds + 1
    assert api.ok("GET", api.rows + "/shared")["n"] == 11 * rounds
    server.close()


def test_one_server_in_memory_serves_many_threads(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", api.rows, {"rowId": "shared", "data": {"n": 0}})
    threads = [
        threading.Thread(target=lambda: [api.ok("PATCH", api.rows + "/shared/n/increment", {}) for _ in range(25)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.ok("GET", api.rows + "/shared")["n"] == 200


def test_another_process_sees_new_columns_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.sqlite3")
    one, other = LocalServer(path), LocalServer(path)
    Api(one).make_table(("integer", {"key": "n"}))
    api = Api(other)
    api.ok("POST", api.rows, {"rowId": "r", "data": {"n": 1}})
    Api(one).ok("POST", "/tablesdb/d/tables/t/columns/boolean", {"key": "b", "required": False})
    assert api.ok("GET", api.rows + "/r")["b"] is None
    one.close()
    other.close()
